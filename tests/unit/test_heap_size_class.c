// Goal: the tables of size classes are what their rules say.
// Method: compute every entry anew, from the rules alone.
#include "unit/heap_fixture.h"

static void test_class_every_size_fits_and_is_the_smallest(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes <= ZCELL_BYTES_MAX; bytes++) {
        uint32_t class = zheap_class_of(bytes);
        assert_true(class < ZHEAP_CLASSES);
        assert_true(zheap_class_bytes[class] >= bytes);
        if (class > 0) assert_true(zheap_class_bytes[class - 1] < bytes);
    }
    assert_int_equal(zheap_class_of(0), 0);
}

// Where the compiler works it out, it is what the table says.
#define CHECK_PLAIN(bytes)                  \
    assert_int_equal(zheap_class_of(bytes), \
                     zheap_class_table[((bytes) + ZGRANULE_BYTES - 1) / ZGRANULE_BYTES])

static void test_class_of_a_fixed_size_is_that_of_the_table(void **state)
{
    (void)state;
    CHECK_PLAIN(1);
    CHECK_PLAIN(16);
    CHECK_PLAIN(17);
    CHECK_PLAIN(32);
    CHECK_PLAIN(40);
    CHECK_PLAIN(64);
    CHECK_PLAIN(72);
    CHECK_PLAIN(96);
    CHECK_PLAIN(ZCLASS_PLAIN_MAX - 16);
    CHECK_PLAIN(ZCLASS_PLAIN_MAX);
    CHECK_PLAIN(ZCLASS_PLAIN_MAX + 1);
}

static void test_class_bytes_are_granules_and_waste_little(void **state)
{
    (void)state;
    assert_int_equal(zheap_class_bytes[0], 16);
    assert_int_equal(zheap_class_bytes[ZHEAP_CLASSES_SMALL - 1], 256);
    assert_int_equal(zheap_class_bytes[ZHEAP_CLASSES - 1], ZCELL_BYTES_MAX);
    for (uint32_t i = 1; i < ZHEAP_CLASSES; i++) {
        assert_int_equal(zheap_class_bytes[i] % ZGRANULE_BYTES, 0);
        assert_true(zheap_class_bytes[i] > zheap_class_bytes[i - 1]);
        if (i >= 8) assert_true(zheap_class_bytes[i] <= zheap_class_bytes[i - 1] * 5 / 4);
    }
}

static void test_starts_small_classes_pack_each_page(void **state)
{
    (void)state;
    for (uint32_t class = 0; class < ZHEAP_CLASSES_SMALL; class ++) {
        uint32_t bytes = zheap_class_bytes[class];
        uint64_t expected = 0;
        for (uint32_t at = 0; at + bytes <= ZPAGE_BYTES; at += bytes) {
            expected |= (uint64_t)1 << at / ZGRANULE_BYTES;
        }
        assert_true(zheap_class_starts[class] == expected);
    }
}

// Every cell of a span of this many pages starts once, in the page where it lies.
static void check_medium(uint32_t class, uint32_t pages)
{
    uint32_t bytes = zheap_class_bytes[class];
    uint32_t next = 0;
    for (uint32_t page = 0; page < pages; page++) {
        uint64_t starts = zpage_starts_medium(class, page, pages);
        for (; starts != 0; starts &= starts - 1) {
            assert_int_equal(page * ZPAGE_BYTES + zbits_lowest(starts) * ZGRANULE_BYTES, next);
            next += bytes;
        }
    }
    assert_true(next <= pages * ZPAGE_BYTES);
    assert_true(next + bytes > pages * ZPAGE_BYTES);
}

static void test_starts_medium_classes_cross_pages_but_not_spans(void **state)
{
    (void)state;
    for (uint32_t class = ZHEAP_CLASSES_SMALL; class < ZHEAP_CLASSES; class ++) {
        check_medium(class, 2);
        check_medium(class, 4);
        check_medium(class, 16);
        check_medium(class, 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_every_size_fits_and_is_the_smallest),
        cmocka_unit_test(test_class_of_a_fixed_size_is_that_of_the_table),
        cmocka_unit_test(test_class_bytes_are_granules_and_waste_little),
        cmocka_unit_test(test_starts_small_classes_pack_each_page),
        cmocka_unit_test(test_starts_medium_classes_cross_pages_but_not_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
