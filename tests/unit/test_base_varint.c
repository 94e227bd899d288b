// Goal: LEB128 round-trips every width, uses the least bytes, and refuses what is not 64 bits.
// Method: each power of two, one below and one above, with known encodings of a few; then reads of
// truncated and overlong bytes.
#include "base/varint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static size_t bytes_needed(uint64_t value)
{
    size_t bits = value == 0 ? 1 : 64 - (size_t)__builtin_clzll(value);
    return (bits + 6) / 7;
}

static void check_round_trip(uint64_t value)
{
    uint8_t bytes[ZVARINT_BYTES_MAX + 1];
    memset(bytes, 0xee, sizeof bytes);
    size_t used = zvarint_write(bytes, value);
    assert_int_equal(used, bytes_needed(value));
    assert_int_equal(bytes[used], 0xee); // wrote no more than it said
    uint64_t read = ~value;
    assert_int_equal(zvarint_read(bytes, used, &read), used);
    assert_true(read == value);
    assert_int_equal(zvarint_read(bytes, sizeof bytes, &read), used); // stops by itself
    for (size_t cut = 0; cut < used; cut++)
        assert_int_equal(zvarint_read(bytes, cut, &read), 0);
}

static void test_write_each_power_of_two_and_neighbours_round_trips(void **state)
{
    (void)state;
    check_round_trip(0);
    check_round_trip(UINT64_MAX);
    for (int bit = 0; bit < 64; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        check_round_trip(power - 1);
        check_round_trip(power);
        check_round_trip(power + 1);
    }
}

static void test_write_known_values_gives_known_bytes(void **state)
{
    (void)state;
    uint8_t bytes[ZVARINT_BYTES_MAX];
    assert_int_equal(zvarint_write(bytes, 624485), 3);
    assert_memory_equal(bytes, "\xe5\x8e\x26", 3);
    assert_int_equal(zvarint_write(bytes, 127), 1);
    assert_memory_equal(bytes, "\x7f", 1);
    assert_int_equal(zvarint_write(bytes, 128), 2);
    assert_memory_equal(bytes, "\x80\x01", 2);
    assert_int_equal(zvarint_write(bytes, UINT64_MAX), 10);
    assert_memory_equal(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
}

static void test_read_over_64_bits_is_refused(void **state)
{
    (void)state;
    uint64_t value = 77;
    const uint8_t tenth_too_big[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    const uint8_t eleven[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    const uint8_t tenth_goes_on[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                     0x80, 0x80, 0x80, 0x81, 0x00};
    assert_int_equal(zvarint_read(tenth_too_big, sizeof tenth_too_big, &value), 0);
    assert_int_equal(zvarint_read(eleven, sizeof eleven, &value), 0);
    assert_int_equal(zvarint_read(tenth_goes_on, sizeof tenth_goes_on, &value), 0);
    assert_true(value == 77); // untouched
}

static void test_read_padded_form_gives_its_value(void **state)
{
    (void)state;
    uint64_t value = 77;
    assert_int_equal(zvarint_read((const uint8_t *)"\x80\x00", 2, &value), 2);
    assert_true(value == 0);
}

static void test_zigzag_small_magnitudes_stay_small_and_limits_round_trip(void **state)
{
    (void)state;
    assert_true(zvarint_zigzag(0) == 0);
    assert_true(zvarint_zigzag(-1) == 1);
    assert_true(zvarint_zigzag(1) == 2);
    assert_true(zvarint_zigzag(-2) == 3);
    assert_true(zvarint_zigzag(INT64_MAX) == UINT64_MAX - 1);
    assert_true(zvarint_zigzag(INT64_MIN) == UINT64_MAX);
    const int64_t values[] = {0, 1, -1, 63, -64, 64, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_true(zvarint_unzigzag(zvarint_zigzag(values[i])) == values[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_each_power_of_two_and_neighbours_round_trips),
        cmocka_unit_test(test_write_known_values_gives_known_bytes),
        cmocka_unit_test(test_read_over_64_bits_is_refused),
        cmocka_unit_test(test_read_padded_form_gives_its_value),
        cmocka_unit_test(test_zigzag_small_magnitudes_stay_small_and_limits_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
