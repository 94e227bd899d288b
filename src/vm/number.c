// vm/number.c - numbers to and from text, and exact comparison of the two kinds of number.
//
// Thread: any; nothing is kept between calls, nothing is allocated.
//
// Floats to text: the shortest decimal digits that read back as the same double, of those the
// nearest. Those of an ordinary size are worked out here, in integers (few_digits, middle_digits); what
// follows is for the others. Any decimal of at most 15 digits survives the way through a normal double, so 15 digits
// are tried first and trailing zeros dropped; then 16, then 17, which always suffice. Two cases
// break that reasoning and are handled apart: subnormal numbers carry fewer digits, so all lengths
// from one up are tried; and just above a power of two the gap to the number below is half as wide,
// so the nearest 16 digits may lie below, outside, while the next 16-digit decimal above reads
// back.
//
// Text to floats: digits and exponent are taken apart here and handed to the C library without a
// decimal point ("12345e-2"), because strtod looks for the point that the host's locale uses. Short
// numbers need no library: both 10^k, k <= 22, and integers below 2^53 are exact doubles, and one
// correctly rounded operation on exact operands is the right answer.
#include "vm/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX       17 // a double needs no more
#define POSITIONAL_MIN   (-4)
#define POSITIONAL_LIMIT 16
#define EXACT_POWER_MAX  22
#define EXACT_INT_MAX    (UINT64_C(1) << 53)

static const double exact_powers[EXACT_POWER_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

// A decimal number: the digits, the first of them not 0 (but for zero itself), with the point
// behind the first digit and times 10^exponent.
struct decimal {
    char digits[DIGITS_MAX + 1]; // [count], then a NUL
    int count;
    int exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// White space as the language has it: code points 9 to 13 and 32.
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// ---- To text ------------------------------------------------------------------------------------

size_t znumber_format_int(int64_t value, char *out)
{
    char digits[ZNUMBER_TEXT_MAX];
    size_t count = 0;
    // Negating the smallest integer overflows, its unsigned value does not.
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    size_t length = 0;
    if (value < 0) out[length++] = '-';
    while (count > 0)
        out[length++] = digits[--count];
    out[length] = '\0';
    return length;
}

// The value of a decimal of at most DIGITS_MAX digits, correctly rounded.
static double decimal_value(const struct decimal *decimal)
{
    uint64_t integer = 0;
    for (int i = 0; i < decimal->count; i++)
        integer = integer * 10 + (uint64_t)(decimal->digits[i] - '0');
    int scale = decimal->exponent - (decimal->count - 1);
    if (integer < EXACT_INT_MAX && scale >= -EXACT_POWER_MAX && scale <= EXACT_POWER_MAX) {
        double value = (double)integer;
        return scale < 0 ? value / exact_powers[-scale] : value * exact_powers[scale];
    }
    char text[DIGITS_MAX + 16];
    snprintf(text, sizeof text, "%se%d", decimal->digits, scale);
    return strtod(text, NULL);
}

// The `count` digits nearest to value, which is finite and above 0.
static void decimal_round(double value, int count, struct decimal *out)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    const char *p = text;
    out->count = 0;
    // Whatever the locale puts between the digits is not a digit and not an 'e'.
    for (; *p != 'e' && *p != '\0'; p++) {
        if (is_digit(*p) && out->count < DIGITS_MAX) out->digits[out->count++] = *p;
    }
    out->digits[out->count] = '\0';
    out->exponent = *p == 'e' ? (int)strtol(p + 1, NULL, 10) : 0;
}

// The next decimal above with as many digits.
static void decimal_increment(struct decimal *decimal)
{
    int i = decimal->count - 1;
    while (i >= 0 && decimal->digits[i] == '9')
        decimal->digits[i--] = '0';
    if (i >= 0) {
        decimal->digits[i]++;
        return;
    }
    decimal->digits[0] = '1';
    decimal->exponent++;
}

static void decimal_trim(struct decimal *decimal)
{
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
        decimal->count--;
    decimal->digits[decimal->count] = '\0';
}

static bool try_digits(double value, int count, struct decimal *out)
{
    decimal_round(value, count, out);
    if (decimal_value(out) == value) return true;
    int exponent;
    if (frexp(value, &exponent) != 0.5) return false;
    decimal_increment(out);
    return decimal_value(out) == value;
}

// Most fractions in programs are a few digits behind the point: n / 10^k with n below 10^15. Both are exact, so
// the quotient is the double nearest to that decimal; and no other decimal of up to 15 digits has the same one.
static bool few_digits(double value, struct decimal *out)
{
    static const double powers[] = {1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    if (value < 1e-3) return false;
    for (int i = 0; i < 6; i++) {
        double scaled = value * powers[i] + 0.5;
        if (scaled >= 1e15) return false;
        int64_t whole = (int64_t)scaled;
        if ((double)whole / powers[i] != value) continue;
        char text[ZNUMBER_TEXT_MAX];
        out->count = (int)znumber_format_int(whole, text);
        memcpy(out->digits, text, (size_t)out->count);
        out->exponent = out->count - 2 - i;
        decimal_trim(out);
        return true;
    }
    return false;
}

// The rest of what programs print lies where a double has an integer part and up to MIDDLE_BITS_MAX bits behind the
// point: so many, times ten, fit a word. Then the digits behind the point can be taken one by one until what is left
// is less than half the distance to the next double: the shortest that read back, by Steele and White, "How to print
// floating-point numbers accurately". Each step is exact, and there is no carry out of the last digit: a shorter
// decimal would have been found before.
#define MIDDLE_BITS_MAX 59

static bool middle_digits(double value, struct decimal *out)
{
    int exponent;
    uint64_t mantissa = (uint64_t)(frexp(value, &exponent) * 0x1p53);
    int bits = 53 - exponent; // behind the point
    bool is_middle = bits >= 1 && bits <= MIDDLE_BITS_MAX;
    // Below a power of two the doubles are closer than above it.
    if (!is_middle || mantissa == UINT64_C(1) << 52) return false;
    uint64_t one = UINT64_C(1) << bits, whole = mantissa >> bits; // in units of the last bit
    uint64_t rest = 2 * (mantissa & (one - 1)), half = 1;         // in halves of it
    bool is_even = (mantissa & 1) == 0; // the ends themselves are read as value
    char text[ZNUMBER_TEXT_MAX];
    out->count = whole == 0 ? 0 : (int)znumber_format_int((int64_t)whole, text);
    out->exponent = out->count - 1;
    memcpy(out->digits, text, (size_t)out->count);
    for (;;) {
        if (out->count == DIGITS_MAX) return false;
        rest *= 10;
        half *= 10;
        uint64_t digit = rest / (2 * one);
        rest %= 2 * one;
        bool is_low = rest < half || (is_even && rest == half);
        bool is_high = rest + half > 2 * one || (is_even && rest + half == 2 * one);
        if (digit == 0 && out->count == 0 && !is_high) {
            out->exponent--;
            continue;
        }
        bool is_up = rest > one || (rest == one && (digit & 1) != 0);
        if (is_high && (!is_low || is_up)) digit++;
        if (digit > 9) return false;
        out->digits[out->count++] = (char)('0' + digit);
        if (is_low || is_high) break;
    }
    decimal_trim(out);
    return true;
}

static void shortest_digits(double value, struct decimal *out)
{
    if (few_digits(value, out) || middle_digits(value, out)) return;
    int first = value < 2.2250738585072014e-308 ? 1 : 15;
    for (int count = first; count < DIGITS_MAX; count++) {
        if (try_digits(value, count, out)) {
            decimal_trim(out);
            return;
        }
    }
    decimal_round(value, DIGITS_MAX, out);
    decimal_trim(out);
}

static size_t append(char *out, size_t length, const char *bytes, size_t count)
{
    memcpy(out + length, bytes, count);
    return length + count;
}

static size_t append_zeros(char *out, size_t length, int count)
{
    for (int i = 0; i < count; i++)
        out[length++] = '0';
    return length;
}

static size_t write_positional(const struct decimal *decimal, char *out, size_t length)
{
    size_t count = (size_t)decimal->count;
    if (decimal->exponent < 0) {
        length = append(out, length, "0.", 2);
        length = append_zeros(out, length, -decimal->exponent - 1);
        return append(out, length, decimal->digits, count);
    }
    size_t whole = (size_t)decimal->exponent + 1;
    if (count <= whole) {
        length = append(out, length, decimal->digits, count);
        length = append_zeros(out, length, (int)(whole - count));
        return append(out, length, ".0", 2);
    }
    length = append(out, length, decimal->digits, whole);
    out[length++] = '.';
    return append(out, length, decimal->digits + whole, count - whole);
}

static size_t write_scientific(const struct decimal *decimal, char *out, size_t length)
{
    out[length++] = decimal->digits[0];
    if (decimal->count > 1) {
        out[length++] = '.';
        length = append(out, length, decimal->digits + 1, (size_t)decimal->count - 1);
    }
    out[length++] = 'e';
    out[length++] = decimal->exponent < 0 ? '-' : '+';
    int exponent = abs(decimal->exponent);
    if (exponent < 10) out[length++] = '0';
    return length + znumber_format_int(exponent, out + length);
}

size_t znumber_format_float(double value, char *out)
{
    if (isnan(value)) return append(out, 0, "nan", 4) - 1;
    size_t length = 0;
    if (signbit(value)) out[length++] = '-';
    double magnitude = fabs(value);
    if (isinf(magnitude)) return append(out, length, "inf", 4) - 1;
    if (magnitude < 1e15 && magnitude == floor(magnitude)) { // most floats that programs print
        length += znumber_format_int((int64_t)magnitude, out + length);
        return append(out, length, ".0", 3) - 1;
    }
    struct decimal decimal;
    shortest_digits(magnitude, &decimal);
    bool positional = decimal.exponent >= POSITIONAL_MIN && decimal.exponent < POSITIONAL_LIMIT;
    length = positional ? write_positional(&decimal, out, length)
                        : write_scientific(&decimal, out, length);
    out[length] = '\0';
    return length;
}

// ---- From text ----------------------------------------------------------------------------------

static void trim_spaces(const char **text, const char **end)
{
    while (*text < *end && is_space(**text))
        (*text)++;
    while (*end > *text && is_space((*end)[-1]))
        (*end)--;
}

// Takes an optional sign off the front; true for '-'.
static bool take_sign(const char **text, const char *end)
{
    if (*text == end || (**text != '-' && **text != '+')) return false;
    return *(*text)++ == '-';
}

enum znumber_parse znumber_parse_int(const char *text, size_t length_bytes, int64_t *out)
{
    const char *p = text, *end = text + length_bytes;
    trim_spaces(&p, &end);
    bool negative = take_sign(&p, end);
    if (p == end) return ZNUMBER_INVALID;
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t magnitude = 0;
    bool in_range = true;
    for (; p < end; p++) {
        if (!is_digit(*p)) return ZNUMBER_INVALID;
        uint64_t digit = (uint64_t)(*p - '0');
        in_range = in_range && magnitude <= (limit - digit) / 10;
        if (in_range) magnitude = magnitude * 10 + digit;
    }
    if (!in_range) return ZNUMBER_RANGE;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return ZNUMBER_OK;
}

// What decides the value of a long decimal: a double's exact boundaries have at most 768 digits, so
// that whatever follows matters only by being zero or not.
#define SIGNIFICANT_MAX 780

struct scanner {
    char digits[SIGNIFICANT_MAX + 32]; // room for the exponent and a NUL behind them
    size_t count;
    int64_t scale; // the digits are an integer, times 10^scale
    bool any;      // a digit was seen, leading zeros too
    bool sticky;   // a digit that did not fit was not 0
};

static void scan_digit(struct scanner *scanner, char digit, bool fraction)
{
    scanner->any = true;
    if (scanner->count == 0 && digit == '0') {
        scanner->scale -= fraction;
        return;
    }
    if (scanner->count < SIGNIFICANT_MAX) {
        scanner->digits[scanner->count++] = digit;
        scanner->scale -= fraction;
        return;
    }
    scanner->sticky = scanner->sticky || digit != '0';
    scanner->scale += !fraction;
}

// [0-9]* [ "." [0-9]* ]; false when that holds no digit.
static bool scan_mantissa(struct scanner *scanner, const char **text, const char *end)
{
    const char *p = *text;
    for (; p < end && is_digit(*p); p++)
        scan_digit(scanner, *p, false);
    if (p < end && *p == '.') {
        for (p++; p < end && is_digit(*p); p++)
            scan_digit(scanner, *p, true);
    }
    *text = p;
    return scanner->any;
}

#define EXPONENT_CLAMP INT64_C(100000000000) // beyond any text's length: only its sign matters

// [ ("e" | "E") [sign] digits ]; false for an "e" without digits.
static bool scan_exponent(struct scanner *scanner, const char **text, const char *end)
{
    const char *p = *text;
    if (p == end || (*p != 'e' && *p != 'E')) return true;
    p++;
    bool negative = take_sign(&p, end);
    if (p == end || !is_digit(*p)) return false;
    int64_t exponent = 0;
    for (; p < end && is_digit(*p); p++) {
        if (exponent < EXPONENT_CLAMP) exponent = exponent * 10 + (*p - '0');
    }
    scanner->scale += negative ? -exponent : exponent;
    *text = p;
    return true;
}

static double scanned_value(struct scanner *scanner)
{
    if (scanner->count == 0) return 0.0;
    // The first digit stands for 10^magnitude: far outside the doubles there is nothing to compute,
    // and the exponent would not fit the text.
    int64_t magnitude = scanner->scale + (int64_t)scanner->count - 1;
    if (magnitude > 400) return HUGE_VAL;
    if (magnitude < -400) return 0.0;
    if (scanner->count <= DIGITS_MAX && !scanner->sticky) {
        struct decimal decimal = {.count = (int)scanner->count, .exponent = (int)magnitude};
        memcpy(decimal.digits, scanner->digits, scanner->count);
        return decimal_value(&decimal);
    }
    if (scanner->sticky) {
        // One more digit that is not 0 puts the value on the right side of every boundary.
        scanner->digits[scanner->count++] = '1';
        scanner->scale--;
    }
    snprintf(scanner->digits + scanner->count, sizeof scanner->digits - scanner->count, "e%" PRId64,
             scanner->scale);
    return strtod(scanner->digits, NULL);
}

enum znumber_parse znumber_parse_float(const char *text, size_t length_bytes, double *out)
{
    const char *p = text, *end = text + length_bytes;
    trim_spaces(&p, &end);
    bool negative = take_sign(&p, end);
    double value;
    if (end - p == 3 && memcmp(p, "inf", 3) == 0) {
        value = HUGE_VAL;
    } else if (end - p == 3 && memcmp(p, "nan", 3) == 0) {
        value = (double)NAN;
    } else {
        struct scanner scanner;
        scanner.count = 0;
        scanner.scale = 0;
        scanner.any = scanner.sticky = false;
        if (!scan_mantissa(&scanner, &p, end)) return ZNUMBER_INVALID;
        if (!scan_exponent(&scanner, &p, end)) return ZNUMBER_INVALID;
        if (p != end) return ZNUMBER_INVALID;
        value = scanned_value(&scanner);
    }
    *out = negative ? -value : value;
    return ZNUMBER_OK;
}

// ---- Comparison ---------------------------------------------------------------------------------

int znumber_compare_int_float(int64_t a, double b)
{
    if (isnan(b)) return 2;
    if (b >= 9223372036854775808.0) return -1; // 2^63: no integer reaches it
    if (b < -9223372036854775808.0) return 1;
    int64_t whole = (int64_t)b; // toward zero, and in range now
    if (a != whole) return a < whole ? -1 : 1;
    double rest = b - (double)whole; // exact: both have the same leading digits
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}
