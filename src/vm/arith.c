// vm/arith.c - the arithmetic operators for any operands, LANGUAGE 5.
//
// Owner-thread. The interpreter does the common cases itself and comes here for the rest: overflow,
// mixed numbers, joining and repeating, and every error. Integers are exact or an OverflowError; a
// float operand makes the whole operation one of floats.
#include <math.h>

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/hint.h"
#include "vm/list.h"
#include "vm/string.h"

static const char *const signs[] = {
    [ZARITH_ADD] = "+", [ZARITH_SUB] = "-", [ZARITH_MUL] = "*",
    [ZARITH_DIV] = "/", [ZARITH_MOD] = "%", [ZARITH_POW] = "**",
};

static bool raise_overflow(struct zisolate *iso, const char *what)
{
    return zerror_raise(iso, ZERROR_OVERFLOW, "integer overflow in %s", what);
}

static bool raise_division(struct zisolate *iso)
{
    return zerror_raise(iso, ZERROR_ZERO_DIVISION, "division by zero");
}

static bool raise_modulo(struct zisolate *iso)
{
    return zerror_raise(iso, ZERROR_ZERO_DIVISION, "modulo by zero");
}

static bool raise_zero_power(struct zisolate *iso)
{
    return zerror_raise(iso, ZERROR_ZERO_DIVISION, "zero to a negative power");
}

// ---- Integers -----------------------------------------------------------------------------------

static bool int_divide(struct zisolate *iso, int64_t a, int64_t b, int64_t *out)
{
    if (b == 0) return raise_division(iso);
    if (a == INT64_MIN && b == -1) return raise_overflow(iso, "division");
    int64_t quotient = a / b;
    bool is_above_floor = a % b != 0 && (a < 0) != (b < 0); // C rounds toward zero
    *out = quotient - is_above_floor;
    return true;
}

static bool int_modulo(struct zisolate *iso, int64_t a, int64_t b, int64_t *out)
{
    if (b == 0) return raise_modulo(iso);
    if (b == -1) { // the machine traps on INT64_MIN % -1
        *out = 0;
        return true;
    }
    int64_t rest = a % b;
    if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
    *out = rest;
    return true;
}

// By squaring: at most 63 steps, because bases other than 0, 1 and -1 overflow before.
static bool int_power(struct zisolate *iso, int64_t base, int64_t exponent, int64_t *out)
{
    if (base == 0 || base == 1 || base == -1) {
        *out = exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base;
        return true;
    }
    int64_t result = 1;
    while (exponent > 0) {
        if (exponent % 2 != 0 && __builtin_mul_overflow(result, base, &result))
            return raise_overflow(iso, "exponentiation");
        exponent /= 2;
        // The last square is not needed, and may overflow where the result does not.
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
            return raise_overflow(iso, "exponentiation");
    }
    *out = result;
    return true;
}

static bool int_power_any(struct zisolate *iso, int64_t a, int64_t b, struct zvalue *out)
{
    if (b < 0) {
        if (a == 0) return raise_zero_power(iso);
        *out = zvalue_float(pow((double)a, (double)b));
        return true;
    }
    int64_t result = 0;
    if (!int_power(iso, a, b, &result)) return false;
    *out = zvalue_int(result);
    return true;
}

static bool arith_ints(struct zisolate *iso, enum zarith op, int64_t a, int64_t b,
                       struct zvalue *out)
{
    int64_t result = 0;
    switch (op) {
    case ZARITH_ADD:
        if (__builtin_add_overflow(a, b, &result)) return raise_overflow(iso, "addition");
        break;
    case ZARITH_SUB:
        if (__builtin_sub_overflow(a, b, &result)) return raise_overflow(iso, "subtraction");
        break;
    case ZARITH_MUL:
        if (__builtin_mul_overflow(a, b, &result)) return raise_overflow(iso, "multiplication");
        break;
    case ZARITH_DIV:
        if (!int_divide(iso, a, b, &result)) return false;
        break;
    case ZARITH_MOD:
        if (!int_modulo(iso, a, b, &result)) return false;
        break;
    case ZARITH_POW:
        return int_power_any(iso, a, b, out);
    }
    *out = zvalue_int(result);
    return true;
}

// ---- Floats -------------------------------------------------------------------------------------

// Floor modulo: the sign of the divisor, also of a zero result.
static double float_modulo(double a, double b)
{
    double rest = fmod(a, b);
    if (rest == 0) return copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

static bool float_power(struct zisolate *iso, double a, double b, double *out)
{
    if (a == 0 && b < 0) return raise_zero_power(iso);
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
        return zerror_raise(iso, ZERROR_VALUE, "negative number to a fractional power");
    *out = pow(a, b);
    return true;
}

static bool arith_floats(struct zisolate *iso, enum zarith op, double a, double b,
                         struct zvalue *out)
{
    double result = 0;
    switch (op) {
    case ZARITH_ADD:
        result = a + b;
        break;
    case ZARITH_SUB:
        result = a - b;
        break;
    case ZARITH_MUL:
        result = a * b;
        break;
    case ZARITH_DIV:
        if (b == 0) return raise_division(iso);
        result = a / b;
        break;
    case ZARITH_MOD:
        if (b == 0) return raise_modulo(iso);
        result = float_modulo(a, b);
        break;
    case ZARITH_POW:
        if (!float_power(iso, a, b, &result)) return false;
        break;
    }
    *out = zvalue_float(result);
    return true;
}

static bool is_number(struct zvalue value)
{
    return value.tag <= ZTAG_FLOAT;
}

static double as_float(struct zvalue value)
{
    return value.tag == ZTAG_INT ? (double)value.i : value.d;
}

// ---- Joining and repeating ----------------------------------------------------------------------

// A string, or the message of an error: what `+` takes for text.
static struct zvalue text_of(struct zvalue value)
{
    if (value.tag != ZTAG_ERROR) return value;
    const struct zerror *error = value.p;
    return zvalue_slot(error->message, error->message_tag);
}

// Whether `+` joins a and b. Two errors are not joined.
static bool are_texts(struct zvalue a, struct zvalue b)
{
    bool a_is_string = zvalue_is_string(a), b_is_string = zvalue_is_string(b);
    return (a_is_string && (b_is_string || b.tag == ZTAG_ERROR)) ||
           (b_is_string && a.tag == ZTAG_ERROR);
}

bool zarith_apply(struct zisolate *iso, enum zarith op, struct zvalue a, struct zvalue b,
                  struct zvalue *out)
{
    if ((a.tag | b.tag) == ZTAG_INT) return arith_ints(iso, op, a.i, b.i, out);
    if (is_number(a) && is_number(b)) return arith_floats(iso, op, as_float(a), as_float(b), out);
    if (op == ZARITH_ADD && are_texts(a, b))
        return zstring_concat(iso, text_of(a), text_of(b), out);
    if (op == ZARITH_ADD && a.tag == ZTAG_LIST && b.tag == ZTAG_LIST)
        return zlist_concat(iso, a.p, b.p, out);
    if (op == ZARITH_MUL && zvalue_is_string(a) && b.tag == ZTAG_INT)
        return zstring_repeat(iso, a, b.i, out);
    if (op == ZARITH_MUL && a.tag == ZTAG_INT && zvalue_is_string(b))
        return zstring_repeat(iso, b, a.i, out);
    (void)zerror_raise(iso, ZERROR_TYPE, "cannot apply '%s' to %s and %s", signs[op],
                       zerror_type_text(a), zerror_type_text(b));
    bool is_joining = op == ZARITH_ADD && (zvalue_is_string(a) || zvalue_is_string(b));
    return is_joining && zhint_add(iso, ZHINT_JOIN, 0, NULL, 0);
}

bool zarith_negate(struct zisolate *iso, struct zvalue a, struct zvalue *out)
{
    if (a.tag == ZTAG_FLOAT) {
        *out = zvalue_float(-a.d);
        return true;
    }
    if (a.tag != ZTAG_INT)
        return zerror_raise(iso, ZERROR_TYPE, "cannot apply '-' to %s", zerror_type_text(a));
    if (a.i == INT64_MIN) return raise_overflow(iso, "negation");
    *out = zvalue_int(-a.i);
    return true;
}
