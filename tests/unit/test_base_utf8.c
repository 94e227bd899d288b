// Goal: exactly Unicode's well-formed sequences are accepted, and counting and stepping agree.
// Method: every code point is encoded, checked, decoded and cut short; every pair of a lead byte
// and a second byte, with and without good continuations, is compared with a decoder written the
// slow, obvious way (number first, then the rules); long texts put a fault at each offset.
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// ---- The obvious way
// -----------------------------------------------------------------------------

static size_t length_by_lead(unsigned char byte)
{
    if (byte < 0x80) return 1;
    if (byte >= 0xc0 && byte < 0xe0) return 2;
    if (byte >= 0xe0 && byte < 0xf0) return 3;
    if (byte >= 0xf0 && byte < 0xf8) return 4;
    return 0;
}

// Whether bytes [length] are exactly one code point.
static bool is_one_slowly(const unsigned char *bytes, size_t length)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (length_by_lead(bytes[0]) != length) return false;
    uint32_t number = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return false;
        number = number << 6 | (bytes[i] & 0x3f);
    }
    if (number < least[length] || number > 0x10ffff) return false;
    return number < 0xd800 || number > 0xdfff;
}

// ---- Tests
// ---------------------------------------------------------------------------------------

static void check_code_point(uint32_t code_point)
{
    char bytes[5];
    bytes[4] = 'x';
    size_t used = zutf8_encode(code_point, bytes);
    size_t bad = 99;
    if (!is_one_slowly((const unsigned char *)bytes, used) || !zutf8_is_valid(bytes, used, &bad))
        fail_msg("U+%04X: encoded wrongly", code_point);
    size_t step = 0;
    if (zutf8_decode(bytes, used, &step) != code_point || step != used)
        fail_msg("U+%04X: decoded wrongly", code_point);
    if (zutf8_step(bytes, used) != used || zutf8_count(bytes, used) != 1)
        fail_msg("U+%04X: counted wrongly", code_point);
    for (size_t cut = 1; cut < used; cut++) // ends too early: the fault is where the text ends
        if (zutf8_is_valid(bytes, cut, &bad) || bad != cut)
            fail_msg("U+%04X: accepted without its last bytes", code_point);
    if (zutf8_is_ascii(bytes, used) != (code_point < 0x80))
        fail_msg("U+%04X: wrongly ASCII", code_point);
}

static void test_each_code_point_round_trips(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++)
        if (c < 0xd800 || c > 0xdfff) check_code_point(c);
}

// A lead, a second byte, then continuations that fit; all four lengths.
static void test_each_lead_and_second_byte_agrees_with_the_slow_decoder(void **state)
{
    (void)state;
    static const unsigned char thirds[] = {0x7f, 0x80, 0xbf, 0xc0};
    for (unsigned lead = 0; lead < 256; lead++)
        for (unsigned second = 0; second < 256; second++)
            for (unsigned third = 0; third < sizeof thirds; third++)
                for (size_t length = 1; length <= 4; length++) {
                    unsigned char bytes[4] = {(unsigned char)lead, (unsigned char)second,
                                              thirds[third], 0x80};
                    // A first code point shorter than the bytes leaves a rest that cannot start
                    // one, or ASCII; so compare only where the lead asks for all of them.
                    if (length_by_lead(bytes[0]) != length) continue;
                    bool valid = zutf8_is_valid((const char *)bytes, length, NULL);
                    if (valid != is_one_slowly(bytes, length))
                        fail_msg("%02x %02x %02x, %zu bytes", lead, second, bytes[2], length);
                }
}

static void check_refused(const char *bytes, size_t length, size_t expected_bad)
{
    size_t bad = 99;
    assert_false(zutf8_is_valid(bytes, length, &bad));
    assert_int_equal(bad, expected_bad);
}

static void test_valid_malformed_text_names_the_first_bad_byte(void **state)
{
    (void)state;
    check_refused("\x80", 1, 0);                 // continuation first
    check_refused("\xc0\xaf", 2, 0);             // overlong '/'
    check_refused("\xc1\xbf", 2, 0);             // overlong 7f
    check_refused("\xe0\x9f\xbf", 3, 1);         // overlong 7ff
    check_refused("\xf0\x8f\xbf\xbf", 4, 1);     // overlong ffff
    check_refused("\xed\xa0\x80", 3, 1);         // d800
    check_refused("\xed\xbf\xbf", 3, 1);         // dfff
    check_refused("\xf4\x90\x80\x80", 4, 1);     // 110000
    check_refused("\xf5\x80\x80\x80", 4, 0);     // never a lead
    check_refused("\xff", 1, 0);                 // never a byte
    check_refused("\xe2\x82(", 3, 2);            // ASCII inside
    check_refused("\xf0\x9f\x98\xc3\xa9", 5, 3); // a new lead inside
    check_refused("ab\xe2\x82", 4, 4);           // ends too early
}

static void test_valid_fault_at_each_offset_of_a_long_text_is_found(void **state)
{
    (void)state;
    char text[64];
    for (size_t length = 1; length <= sizeof text; length++)
        for (size_t at = 0; at < length; at++) {
            memset(text, 'a', sizeof text);
            text[at] = (char)0xff;
            check_refused(text, length, at);
            assert_false(zutf8_is_ascii(text, length));
            assert_true(zutf8_is_ascii(text, at));
        }
}

static void test_valid_no_bytes_is_valid_ascii_and_counts_none(void **state)
{
    (void)state;
    assert_true(zutf8_is_valid("", 0, NULL));
    assert_true(zutf8_is_ascii("", 0));
    assert_int_equal(zutf8_count("", 0), 0);
    assert_int_equal(zutf8_offset("", 0, 5), 0);
    assert_int_equal(zutf8_step("", 0), 0);
}

// 1, 2, 3 and 4 bytes in turn, behind 0 to 8 bytes of ASCII: each alignment against the word steps.
static void test_count_and_offset_mixed_widths_agree_with_stepping(void **state)
{
    (void)state;
    static const uint32_t cycle[] = {'a', 0xe9, 0x20ac, 0x1f600};
    for (size_t shift = 0; shift <= 8; shift++) {
        char text[256];
        size_t starts[101];
        size_t length = 0;
        for (size_t i = 0; i < 100; i++) {
            starts[i] = length;
            length += zutf8_encode(i < shift ? 'x' : cycle[i % 4], text + length);
        }
        starts[100] = length;
        assert_true(zutf8_is_valid(text, length, NULL));
        assert_int_equal(zutf8_count(text, length), 100);
        for (size_t i = 0; i <= 100; i++) {
            assert_int_equal(zutf8_offset(text, length, i), starts[i]);
            assert_int_equal(zutf8_count(text, starts[i]), i);
        }
        assert_int_equal(zutf8_offset(text, length, 101), length);
        assert_int_equal(zutf8_offset(text, length, SIZE_MAX), length);
    }
}

// Given bytes that are not valid, stepping must still stay inside them.
static void test_step_cut_sequence_never_passes_the_end(void **state)
{
    (void)state;
    size_t step = 0;
    assert_int_equal(zutf8_step("\xf0\x9f", 2), 2);
    assert_int_equal(zutf8_step("\x80", 1), 1);
    zutf8_decode("\xf0", 1, &step);
    assert_int_equal(step, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_code_point_round_trips),
        cmocka_unit_test(test_each_lead_and_second_byte_agrees_with_the_slow_decoder),
        cmocka_unit_test(test_valid_malformed_text_names_the_first_bad_byte),
        cmocka_unit_test(test_valid_fault_at_each_offset_of_a_long_text_is_found),
        cmocka_unit_test(test_valid_no_bytes_is_valid_ascii_and_counts_none),
        cmocka_unit_test(test_count_and_offset_mixed_widths_agree_with_stepping),
        cmocka_unit_test(test_step_cut_sequence_never_passes_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
