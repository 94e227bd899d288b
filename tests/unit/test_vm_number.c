// Goal: numbers turn into text and back exactly as the language says, in any locale.
// Method: tables of hard cases (halfway points, subnormals, powers of two, very long digit
// strings), then many random doubles whose text must read back, and whose text one digit shorter
// must not.
#include "vm/number.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_float(double value, const char *expected)
{
    char text[ZNUMBER_TEXT_MAX];
    size_t length = znumber_format_float(value, text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

static void check_int(int64_t value, const char *expected)
{
    char text[ZNUMBER_TEXT_MAX];
    size_t length = znumber_format_int(value, text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

static void test_format_int_at_limits_writes_digits(void **state)
{
    (void)state;
    check_int(0, "0");
    check_int(7, "7");
    check_int(-10, "-10");
    check_int(INT64_MAX, "9223372036854775807");
    check_int(INT64_MIN, "-9223372036854775808");
}

static void test_format_float_positional_range_has_a_point(void **state)
{
    (void)state;
    check_float(0.0, "0.0");
    check_float(-0.0, "-0.0");
    check_float(100.0, "100.0");
    check_float(0.1, "0.1");
    check_float(0.1 + 0.2, "0.30000000000000004");
    check_float(1.0 / 3.0, "0.3333333333333333");
    check_float(0.0001, "0.0001");
    check_float(1e15, "1000000000000000.0");
    check_float(9999999999999998.0, "9999999999999998.0");
    check_float(1234567.125, "1234567.125");
    check_float(-2.5, "-2.5");
}

static void test_format_float_outside_range_is_scientific(void **state)
{
    (void)state;
    check_float(1e16, "1e+16");
    check_float(0.00001, "1e-05");
    check_float(1.5e-7, "1.5e-07");
    check_float(1e100, "1e+100");
    check_float(-2.5e20, "-2.5e+20");
    check_float(123456789012345680.0, "1.2345678901234568e+17");
    check_float(1.7976931348623157e308, "1.7976931348623157e+308");
}

static void test_format_float_subnormals_and_powers_of_two_are_shortest(void **state)
{
    (void)state;
    check_float(5e-324, "5e-324");
    check_float(1e-323, "1e-323");
    check_float(2.2250738585072014e-308, "2.2250738585072014e-308");
    check_float(2.225073858507201e-308, "2.225073858507201e-308");
    check_float(ldexp(1, -44), "5.684341886080802e-14");
    check_float(ldexp(1, 90), "1.2379400392853803e+27");
    check_float(ldexp(1, -1000), "9.332636185032189e-302");
    check_float(9007199254740993.0, "9007199254740992.0");
}

static void test_format_float_specials_are_words(void **state)
{
    (void)state;
    check_float(HUGE_VAL, "inf");
    check_float(-HUGE_VAL, "-inf");
    check_float((double)NAN, "nan");
    check_float(-(double)NAN, "nan");
}

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void test_format_float_random_reads_back_and_is_shortest(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&seed);
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        char text[ZNUMBER_TEXT_MAX], shorter[64];
        size_t length = znumber_format_float(value, text);
        assert_int_equal(znumber_parse_float(text, length, &back), ZNUMBER_OK);
        assert_memory_equal(&value, &back, sizeof value);
        assert_true(strtod(text, NULL) == value);
        int digits = 0;
        for (const char *p = text; *p != 'e' && *p != '\0'; p++)
            digits += *p >= '0' && *p <= '9';
        if (digits < 2 || text[0] == '0' || text[1] == '0' || strstr(text, ".0") != NULL) continue;
        snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
        assert_true(strtod(shorter, NULL) != value);
    }
}

// The digits of the shortest of the forms that the C library gives and that reads back.
static void shortest_of_libc(double value, char *digits)
{
    char text[64];
    for (int count = 1; count <= 17; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, value);
        if (strtod(text, NULL) == value) break;
    }
    for (const char *p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') *digits++ = *p;
    while (digits[-1] == '0')
        digits--;
    *digits = '\0';
}

static void digits_of(const char *text, char *digits)
{
    char *start = digits;
    for (; *text != 'e' && *text != '\0'; text++) {
        bool is_leading_zero = *text == '0' && digits == start;
        if (*text >= '0' && *text <= '9' && !is_leading_zero) *digits++ = *text;
    }
    while (digits[-1] == '0')
        digits--;
    *digits = '\0';
}

// Decimals of few digits take a way of their own: they, and their neighbours, which do not.
static void test_format_float_short_decimals_are_as_the_library_has_them(void **state)
{
    (void)state;
    static const double powers[] = {1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e9};
    uint64_t seed = 7;
    for (int i = 0; i < 60000; i++) {
        uint64_t bits = next_random(&seed);
        uint64_t whole = (bits >> 10) % (UINT64_C(1) << (bits % 51)) + 1;
        double value = (double)whole / powers[(bits >> 6) % 8];
        if (i % 3 == 1) value = nextafter(value, INFINITY);
        if (i % 3 == 2) value = value * 3;
        char text[ZNUMBER_TEXT_MAX], got[40], wanted[40];
        znumber_format_float(value, text);
        digits_of(text, got);
        shortest_of_libc(value, wanted);
        assert_string_equal(got, wanted);
        assert_true(strtod(text, NULL) == value);
    }
}

// All of a double's bits, around where those behind the point fit a word: shortest, and of those the nearest.
static void test_format_float_middle_sizes_are_as_the_library_has_them(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (int i = 0; i < 60000; i++) {
        uint64_t bits = next_random(&seed);
        double mantissa = (double)(bits >> 11 | UINT64_C(1) << 52);
        double value = ldexp(mantissa, (int)(seed >> 20 & 0x3f) - 62);
        if (i % 8 == 0) value = ldexp(i % 16 == 0 ? 0x1.0000000000001p0 : 1.0, i % 70 - 10);
        char text[ZNUMBER_TEXT_MAX], got[40], wanted[40];
        znumber_format_float(value, text);
        digits_of(text, got);
        shortest_of_libc(value, wanted);
        assert_string_equal(got, wanted);
        assert_true(strtod(text, NULL) == value);
    }
}

static void check_parse_int(const char *text, enum znumber_parse expected, int64_t value)
{
    int64_t out = 99;
    assert_int_equal(znumber_parse_int(text, strlen(text), &out), expected);
    assert_int_equal(out, expected == ZNUMBER_OK ? value : 99);
}

static void test_parse_int_forms_accepts_only_integers(void **state)
{
    (void)state;
    check_parse_int("42", ZNUMBER_OK, 42);
    check_parse_int(" \t-7\n", ZNUMBER_OK, -7);
    check_parse_int("+5", ZNUMBER_OK, 5);
    check_parse_int("000000000000000000000000000012", ZNUMBER_OK, 12);
    check_parse_int("9223372036854775807", ZNUMBER_OK, INT64_MAX);
    check_parse_int("-9223372036854775808", ZNUMBER_OK, INT64_MIN);
    check_parse_int("9223372036854775808", ZNUMBER_RANGE, 0);
    check_parse_int("-9223372036854775809", ZNUMBER_RANGE, 0);
    check_parse_int("99999999999999999999999", ZNUMBER_RANGE, 0);
    check_parse_int("99999999999999999999999x", ZNUMBER_INVALID, 0);
    check_parse_int("", ZNUMBER_INVALID, 0);
    check_parse_int(" ", ZNUMBER_INVALID, 0);
    check_parse_int("-", ZNUMBER_INVALID, 0);
    check_parse_int("+-1", ZNUMBER_INVALID, 0);
    check_parse_int("1.5", ZNUMBER_INVALID, 0);
    check_parse_int("1 2", ZNUMBER_INVALID, 0);
    check_parse_int("\xc2\xa0"
                    "1",
                    ZNUMBER_INVALID, 0);
}

static void check_parse_float(const char *text, enum znumber_parse expected, double value)
{
    double out = 99;
    assert_int_equal(znumber_parse_float(text, strlen(text), &out), expected);
    if (expected != ZNUMBER_OK) value = 99;
    assert_memory_equal(&out, &value, sizeof out);
}

static void test_parse_float_forms_accepts_what_the_language_names(void **state)
{
    (void)state;
    check_parse_float("2.5", ZNUMBER_OK, 2.5);
    check_parse_float(" .5 ", ZNUMBER_OK, 0.5);
    check_parse_float("5.", ZNUMBER_OK, 5.0);
    check_parse_float("7", ZNUMBER_OK, 7.0);
    check_parse_float("-0", ZNUMBER_OK, -0.0);
    check_parse_float("1e3", ZNUMBER_OK, 1000.0);
    check_parse_float("1E+3", ZNUMBER_OK, 1000.0);
    check_parse_float("12.5e-1", ZNUMBER_OK, 1.25);
    check_parse_float("-inf", ZNUMBER_OK, -HUGE_VAL);
    check_parse_float("+inf", ZNUMBER_OK, HUGE_VAL);
    check_parse_float("1e999999999999999999999", ZNUMBER_OK, HUGE_VAL);
    check_parse_float("-1e-999999999999999999999", ZNUMBER_OK, -0.0);
    check_parse_float("0e999999999999999999999", ZNUMBER_OK, 0.0);
    double out = 0;
    assert_int_equal(znumber_parse_float("-nan", 4, &out), ZNUMBER_OK);
    assert_true(isnan(out));
    const char *const bad[] = {"",     ".",   "e5",  "1e",   "1e+", "infinity", "Inf",    "NaN",
                               "0x10", "1_0", "1,5", "1 .5", "--1", "1.5.2",    "1.5e1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_parse_float(bad[i], ZNUMBER_INVALID, 0);
}

static void test_parse_float_hard_cases_round_correctly(void **state)
{
    (void)state;
    check_parse_float("9007199254740993", ZNUMBER_OK, 9007199254740992.0);
    check_parse_float("9007199254740993.00000000000000000000000000001", ZNUMBER_OK,
                      9007199254740994.0);
    check_parse_float("2.4703282292062328e-324", ZNUMBER_OK, 5e-324);
    check_parse_float("2.4703282292062327e-324", ZNUMBER_OK, 0.0);
    check_parse_float("1.7976931348623159e308", ZNUMBER_OK, HUGE_VAL);
    check_parse_float("0.000000000000000000000000000000000000000000000001e48", ZNUMBER_OK, 1.0);
    check_parse_float("2.2250738585072011e-308", ZNUMBER_OK, 2.2250738585072011e-308);
}

// A digit far behind the point decides on which side of a halfway case the value lies.
static void test_parse_float_thousands_of_digits_rounds_by_the_last(void **state)
{
    (void)state;
    enum { ZEROS = 5000 };
    char *text = malloc(ZEROS + 64);
    assert_non_null(text);
    int start = sprintf(text, "9007199254740993.");
    memset(text + start, '0', ZEROS);
    text[start + ZEROS] = '\0';
    check_parse_float(text, ZNUMBER_OK, 9007199254740992.0);
    text[start + ZEROS - 1] = '1';
    check_parse_float(text, ZNUMBER_OK, 9007199254740994.0);
    memset(text, '9', ZEROS);
    strcpy(text + ZEROS, "e-4999");
    check_parse_float(text, ZNUMBER_OK, 10.0);
    memset(text, '0', ZEROS);
    strcpy(text + ZEROS, ".25e1");
    check_parse_float(text, ZNUMBER_OK, 2.5);
    free(text);
}

static void test_parse_float_in_comma_locale_keeps_the_point(void **state)
{
    (void)state;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) skip();
    check_parse_float("2.5", ZNUMBER_OK, 2.5);
    check_parse_float("1.7976931348623157e308", ZNUMBER_OK, 1.7976931348623157e308);
    check_parse_float("2,5", ZNUMBER_INVALID, 0);
    check_float(0.1 + 0.2, "0.30000000000000004");
    setlocale(LC_ALL, "C");
}

static void test_compare_int_float_near_limits_is_exact(void **state)
{
    (void)state;
    assert_int_equal(znumber_compare_int_float(1, 1.0), 0);
    assert_int_equal(znumber_compare_int_float(1, 1.5), -1);
    assert_int_equal(znumber_compare_int_float(-1, -1.5), 1);
    assert_int_equal(znumber_compare_int_float(0, -0.0), 0);
    assert_int_equal(znumber_compare_int_float(9007199254740993, 9007199254740992.0), 1);
    assert_int_equal(znumber_compare_int_float(INT64_MAX, 9223372036854775808.0), -1);
    assert_int_equal(znumber_compare_int_float(INT64_MIN, -9223372036854775808.0), 0);
    assert_int_equal(znumber_compare_int_float(INT64_MIN, -9223372036854777856.0), 1);
    assert_int_equal(znumber_compare_int_float(0, HUGE_VAL), -1);
    assert_int_equal(znumber_compare_int_float(0, -HUGE_VAL), 1);
    assert_int_equal(znumber_compare_int_float(0, (double)NAN), 2);
    assert_int_equal(znumber_compare_int_float(0, 5e-324), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_int_at_limits_writes_digits),
        cmocka_unit_test(test_format_float_positional_range_has_a_point),
        cmocka_unit_test(test_format_float_outside_range_is_scientific),
        cmocka_unit_test(test_format_float_subnormals_and_powers_of_two_are_shortest),
        cmocka_unit_test(test_format_float_specials_are_words),
        cmocka_unit_test(test_format_float_random_reads_back_and_is_shortest),
        cmocka_unit_test(test_format_float_short_decimals_are_as_the_library_has_them),
        cmocka_unit_test(test_format_float_middle_sizes_are_as_the_library_has_them),
        cmocka_unit_test(test_parse_int_forms_accepts_only_integers),
        cmocka_unit_test(test_parse_float_forms_accepts_what_the_language_names),
        cmocka_unit_test(test_parse_float_hard_cases_round_correctly),
        cmocka_unit_test(test_parse_float_thousands_of_digits_rounds_by_the_last),
        cmocka_unit_test(test_parse_float_in_comma_locale_keeps_the_point),
        cmocka_unit_test(test_compare_int_float_near_limits_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
