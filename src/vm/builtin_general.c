// vm/builtin_general.c - print, conversions, types, errors, sizes, the isolate's number.
// Owner-thread.
#include "vm/builtin_internal.h"

#include <math.h>

#include "vm/number.h"
#include "vm/record.h"
#include "vm/string_internal.h"
#include "vm/text.h"

#define QUOTED_BYTES_MAX 3900 // of a string in a message: leaves room for the words around it

bool zbuiltin_print(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    if (!ztext_print(iso, args, count)) return false;
    *result = zvalue_null();
    return true;
}

bool zbuiltin_string(struct zisolate *iso, struct zvalue *args, uint32_t count,
                     struct zvalue *result)
{
    (void)count;
    return ztext_string(iso, args[0], result);
}

bool zbuiltin_typeof(struct zisolate *iso, struct zvalue *args, uint32_t count,
                     struct zvalue *result)
{
    (void)count;
    *result = zvalue_object(iso->shared->types[zvalue_type(args[0])], ZTAG_SYMBOL);
    return true;
}

bool zbuiltin_type(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    const struct zstring *name = iso->shared->type_names[zvalue_type(args[0])];
    if (args[0].tag == ZTAG_RECORD) name = zrecord_type_name(args[0].p); // its code pins the symbol
    *result = zvalue_object(name, ZTAG_SYMBOL);
    return true;
}

bool zbuiltin_isolate_id(struct zisolate *iso, struct zvalue *args, uint32_t count,
                         struct zvalue *result)
{
    (void)args;
    (void)count;
    *result = zvalue_int(iso->id);
    return true;
}

// ---- Errors -------------------------------------------------------------------------------------

bool zbuiltin_error(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    struct zvalue kind = zvalue_object(iso->shared->kinds[ZERROR_ERROR], ZTAG_SYMBOL);
    if (!zbuiltin_need_string(iso, "error", 1, args[0])) return false;
    if (count > 1) {
        if (!zbuiltin_need_string(iso, "error", 2, args[1])) return false;
        kind = args[1];
    }
    struct zerror *error = zerror_new(iso, kind, args[0]);
    if (error == NULL) return false;
    *result = zvalue_object(error, ZTAG_ERROR);
    return true;
}

// The text is the program's own and may be of any length, so the error is made here.
bool zbuiltin_require(struct zisolate *iso, struct zvalue *args, uint32_t count,
                      struct zvalue *result)
{
    if (zvalue_is_truthy(args[0])) {
        *result = zvalue_null();
        return true;
    }
    if (count < 2) return zerror_raise(iso, ZERROR_REQUIRE, "requirement failed");
    if (!ztext_string(iso, args[1], &args[1])) return false;
    struct zvalue kind = zvalue_object(iso->shared->kinds[ZERROR_REQUIRE], ZTAG_SYMBOL);
    struct zerror *error = zerror_new(iso, kind, args[1]);
    if (error == NULL) return false;
    iso->error = zvalue_object(error, ZTAG_ERROR);
    iso->pending = ZPENDING_ERROR;
    return false;
}

// ---- Conversion ---------------------------------------------------------------------------------

static bool raise_conversion(struct zisolate *iso, struct zvalue string, const char *target)
{
    uint32_t length = zstring_length_bytes(string.p);
    if (length > QUOTED_BYTES_MAX) length = QUOTED_BYTES_MAX;
    // A character cut in two is dropped by whoever makes the message.
    return zerror_raise(iso, ZERROR_VALUE, "cannot convert '%.*s' to %s", (int)length,
                        zstring_bytes(string.p), target);
}

static bool raise_conversion_overflow(struct zisolate *iso)
{
    return zerror_raise(iso, ZERROR_OVERFLOW, "integer overflow in conversion");
}

static bool int_of_string(struct zisolate *iso, struct zvalue string, struct zvalue *result)
{
    int64_t value;
    uint32_t length = zstring_length_bytes(string.p);
    if (!zfuel_touch_whole(iso, length)) return false;
    switch (znumber_parse_int(zstring_bytes(string.p), length, &value)) {
    case ZNUMBER_OK:
        *result = zvalue_int(value);
        return true;
    case ZNUMBER_RANGE:
        return raise_conversion_overflow(iso);
    default:
        return raise_conversion(iso, string, "integer");
    }
}

static bool int_of_float(struct zisolate *iso, double value, struct zvalue *result)
{
    if (!isfinite(value)) {
        char text[ZNUMBER_TEXT_MAX];
        znumber_format_float(value, text);
        return zerror_raise(iso, ZERROR_VALUE, "cannot convert %s to integer", text);
    }
    double whole = trunc(value);
    if (whole < -0x1p63 || whole >= 0x1p63) return raise_conversion_overflow(iso);
    *result = zvalue_int((int64_t)whole);
    return true;
}

#define CONVERTIBLE "integer or float or string or boolean"

bool zbuiltin_int(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (args[0].tag == ZTAG_FLOAT) return int_of_float(iso, args[0].d, result);
    if (zvalue_is_string(args[0])) return int_of_string(iso, args[0], result);
    if (args[0].tag == ZTAG_INT)
        *result = args[0];
    else if (zvalue_is_bool(args[0]))
        *result = zvalue_int(args[0].tag == ZTAG_TRUE);
    else
        return zbuiltin_type_error(iso, "int", 1, CONVERTIBLE, args[0]);
    return true;
}

static bool float_of_string(struct zisolate *iso, struct zvalue string, struct zvalue *result)
{
    double value;
    uint32_t length = zstring_length_bytes(string.p);
    if (!zfuel_touch_whole(iso, length)) return false;
    if (znumber_parse_float(zstring_bytes(string.p), length, &value) != ZNUMBER_OK)
        return raise_conversion(iso, string, "float");
    *result = zvalue_float(value);
    return true;
}

bool zbuiltin_float(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    if (zvalue_is_string(args[0])) return float_of_string(iso, args[0], result);
    if (args[0].tag == ZTAG_FLOAT)
        *result = args[0];
    else if (args[0].tag == ZTAG_INT)
        *result = zvalue_float((double)args[0].i);
    else if (zvalue_is_bool(args[0]))
        *result = zvalue_float(args[0].tag == ZTAG_TRUE);
    else
        return zbuiltin_type_error(iso, "float", 1, CONVERTIBLE, args[0]);
    return true;
}

// ---- Sizes --------------------------------------------------------------------------------------

static bool length_of(struct zisolate *iso, struct zvalue value, int64_t *length)
{
    switch (zvalue_type(value)) {
    case ZTYPE_STRING:
        if (!zstring_charge_length(iso, value)) return false;
        *length = (int64_t)zstring_length_chars(value);
        return true;
    case ZTYPE_LIST:
        *length = zlist_length(value.p);
        return true;
    case ZTYPE_MAP:
        *length = zmap_count(value.p);
        return true;
    default:
        return zbuiltin_type_error(iso, "len", 1, "string or list or map", value);
    }
}

bool zbuiltin_len(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    int64_t length = 0;
    if (!length_of(iso, args[0], &length)) return false;
    *result = zvalue_int(length);
    return true;
}

bool zbuiltin_is_empty(struct zisolate *iso, struct zvalue *args, uint32_t count,
                       struct zvalue *result)
{
    (void)count;
    int64_t length = 0;
    if (!length_of(iso, args[0], &length)) return false;
    *result = zvalue_bool(length == 0);
    return true;
}
