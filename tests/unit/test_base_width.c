// Goal: columns of characters as terminals draw them. Method: characters of each kind, and the ends of
// ranges.
#include "base/width.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_width_of_each_kind(void **state)
{
    (void)state;
    assert_int_equal(zwidth_of('a'), 1);
    assert_int_equal(zwidth_of(0xE9), 1);    // e acute
    assert_int_equal(zwidth_of(0x2FF), 1);   // just before the combining marks
    assert_int_equal(zwidth_of(0x300), 0);   // the first
    assert_int_equal(zwidth_of(0x36F), 0);   // the last
    assert_int_equal(zwidth_of(0x370), 1);   // just behind them
    assert_int_equal(zwidth_of(0x4E2D), 2);  // Han
    assert_int_equal(zwidth_of(0xAC00), 2);  // Hangul syllable
    assert_int_equal(zwidth_of(0x1161), 0);  // Hangul vowel
    assert_int_equal(zwidth_of(0xFF21), 2);  // fullwidth A
    assert_int_equal(zwidth_of(0xFF71), 1);  // halfwidth kana
    assert_int_equal(zwidth_of(0x1F600), 2); // emoji
    assert_int_equal(zwidth_of(0xFE0F), 0);  // variation selector
    assert_int_equal(zwidth_of(0xAD), 1);    // soft hyphen
    assert_int_equal(zwidth_of(0x3FFFD), 2); // the last place for ideographs
    assert_int_equal(zwidth_of(0x3FFFE), 1);
    assert_int_equal(zwidth_of(0x10FFFF), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_width_of_each_kind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
