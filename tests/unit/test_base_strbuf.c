// Goal: what is added is what comes out, growth included, and a refused allocation sticks.
// Method: small texts checked whole; lengths around each capacity; every allocation failed in turn.
#include "base/strbuf.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_text_of_an_empty_buffer_is_empty(void **state)
{
    (void)state;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    zstrbuf_add(&buffer, "", 0);
    zstrbuf_add_repeat(&buffer, 'x', 0);
    zstrbuf_add_format(&buffer, "%s", "");
    assert_string_equal(zstrbuf_text(&buffer), "");
    assert_int_equal(buffer.length, 0);
    assert_null(buffer.data); // nothing was allocated for nothing
    zstrbuf_clear(&buffer);
    zstrbuf_deinit(&buffer);
}

static void test_add_each_kind_in_turn_joins_them(void **state)
{
    (void)state;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    zstrbuf_add(&buffer, "abc", 2);
    zstrbuf_add_text(&buffer, "-text-");
    zstrbuf_add_char(&buffer, 'c');
    zstrbuf_add_repeat(&buffer, '.', 3);
    zstrbuf_add_int(&buffer, -42);
    zstrbuf_add_format(&buffer, "<%d|%s>", 7, "seven");
    assert_string_equal(zstrbuf_text(&buffer), "ab-text-c...-42<7|seven>");
    assert_int_equal(buffer.length, strlen("ab-text-c...-42<7|seven>"));
    assert_false(buffer.failed);
    zstrbuf_deinit(&buffer);
    assert_string_equal(zstrbuf_text(&buffer), "");
}

static void test_add_zero_bytes_inside_are_kept(void **state)
{
    (void)state;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    zstrbuf_add(&buffer, "a\0b", 3);
    zstrbuf_add_char(&buffer, '\0');
    assert_int_equal(buffer.length, 4);
    assert_memory_equal(buffer.data, "a\0b\0", 5);
    zstrbuf_deinit(&buffer);
}

static void test_add_int_at_the_limits_is_exact(void **state)
{
    (void)state;
    const int64_t values[] = {0, 9, 10, -1, -10, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct zstrbuf buffer;
        zstrbuf_init(&buffer);
        char expected[32];
        snprintf(expected, sizeof expected, "%lld", (long long)values[i]);
        zstrbuf_add_int(&buffer, values[i]);
        assert_string_equal(zstrbuf_text(&buffer), expected);
        zstrbuf_deinit(&buffer);
    }
}

static void test_add_around_each_capacity_keeps_the_text(void **state)
{
    (void)state;
    for (size_t length = 1; length < 300; length++) {
        struct zstrbuf one_by_one, at_once, formatted;
        zstrbuf_init(&one_by_one);
        zstrbuf_init(&at_once);
        zstrbuf_init(&formatted);
        for (size_t i = 0; i < length; i++)
            zstrbuf_add_char(&one_by_one, (char)('a' + i % 26));
        zstrbuf_add(&at_once, one_by_one.data, length);
        zstrbuf_add_format(&formatted, "%s", one_by_one.data);
        assert_int_equal(strlen(one_by_one.data), length);
        assert_string_equal(at_once.data, one_by_one.data);
        assert_string_equal(formatted.data, one_by_one.data);
        assert_true(one_by_one.data[length - 1] == (char)('a' + (length - 1) % 26));
        zstrbuf_deinit(&one_by_one);
        zstrbuf_deinit(&at_once);
        zstrbuf_deinit(&formatted);
    }
}

static void test_add_one_by_one_grows_a_logarithmic_number_of_times(void **state)
{
    (void)state;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    uint64_t calls = zalloc_stats().calls;
    for (int i = 0; i < 100000; i++)
        zstrbuf_add_char(&buffer, 'x');
    assert_int_equal(buffer.length, 100000);
    assert_in_range(zalloc_stats().calls - calls, 1, 12); // 64 << 11 is over 100,000
    zstrbuf_deinit(&buffer);
}

static void test_clear_keeps_the_memory_and_takes_new_text(void **state)
{
    (void)state;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    zstrbuf_add_text(&buffer, "first");
    size_t capacity = buffer.capacity;
    zstrbuf_clear(&buffer);
    assert_string_equal(zstrbuf_text(&buffer), "");
    assert_int_equal(buffer.capacity, capacity);
    zstrbuf_add_text(&buffer, "2nd");
    assert_string_equal(zstrbuf_text(&buffer), "2nd");
    zstrbuf_deinit(&buffer);
}

static void test_add_refused_memory_sticks_until_cleared(void **state)
{
    (void)state;
    uint64_t live_bytes = zalloc_stats().live_bytes;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    zalloc_fail_at(2, false /* from_there_on */);
    zstrbuf_add_text(&buffer, "kept");
    zstrbuf_add_repeat(&buffer, 'x', 1000); // refused
    assert_true(buffer.failed);
    zstrbuf_add_text(&buffer, "!"); // would fit, but would leave a hole
    zstrbuf_add_format(&buffer, "%d", 1);
    zstrbuf_add_int(&buffer, 1);
    zalloc_fail_at(0, false);
    assert_string_equal(zstrbuf_text(&buffer), "kept");
    zstrbuf_clear(&buffer);
    zstrbuf_add_text(&buffer, "again");
    assert_string_equal(zstrbuf_text(&buffer), "again");
    assert_false(buffer.failed);
    zstrbuf_deinit(&buffer);
    assert_true(zalloc_stats().live_bytes == live_bytes);
}

static void test_add_size_that_overflows_fails_without_allocating(void **state)
{
    (void)state;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    zstrbuf_add_text(&buffer, "abc");
    uint64_t calls = zalloc_stats().calls;
    zstrbuf_add_repeat(&buffer, 'x', SIZE_MAX - 1);
    assert_true(buffer.failed);
    assert_true(zalloc_stats().calls == calls);
    assert_string_equal(zstrbuf_text(&buffer), "abc");
    zstrbuf_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_an_empty_buffer_is_empty),
        cmocka_unit_test(test_add_each_kind_in_turn_joins_them),
        cmocka_unit_test(test_add_zero_bytes_inside_are_kept),
        cmocka_unit_test(test_add_int_at_the_limits_is_exact),
        cmocka_unit_test(test_add_around_each_capacity_keeps_the_text),
        cmocka_unit_test(test_add_one_by_one_grows_a_logarithmic_number_of_times),
        cmocka_unit_test(test_clear_keeps_the_memory_and_takes_new_text),
        cmocka_unit_test(test_add_refused_memory_sticks_until_cleared),
        cmocka_unit_test(test_add_size_that_overflows_fails_without_allocating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
