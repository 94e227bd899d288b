// Goal: the tags of up to 64 slots are read as one by one, whatever reads them and whatever lies behind.
// Method: random tags at all offsets within a word; words and vectors against a loop over the bytes.
#include "heap/tags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t draw(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 32;
}

static struct ztag_bits read_bytes(const uint8_t *tags, uint64_t count)
{
    struct ztag_bits bits = {0, 0};
    for (uint64_t i = 0; i < count; i++) {
        bits.heap |= (uint64_t)(tags[i] >> 7) << i;
        bits.shared |= (uint64_t)(tags[i] >> 6 & 1) << i;
    }
    return bits;
}

static void check_equal(struct ztag_bits bits, struct ztag_bits expected)
{
    assert_int_equal(bits.heap, expected.heap);
    assert_int_equal(bits.shared, expected.shared);
}

// Every count, at each of eight offsets; a share of the tags, in percent, leads anywhere.
static void check_all_counts(uint64_t *random, uint32_t share)
{
    uint8_t tags[ZTAGS_MAX + 16];
    for (uint32_t i = 0; i < sizeof tags; i++) {
        tags[i] = (uint8_t)(draw(random) % 100 < share ? draw(random) : draw(random) % 8);
    }
    for (uint32_t at = 0; at < 8; at++) {
        for (uint64_t count = 1; count <= ZTAGS_MAX; count++) {
            struct ztag_bits expected = read_bytes(tags + at, count);
            check_equal(ztags_read_words(tags + at, count), expected);
            check_equal(ztags_read(tags + at, count), expected);
        }
#ifdef __SSE2__
        check_equal(ztags_read_sse2(tags + at), read_bytes(tags + at, ZTAGS_MAX));
#endif
    }
}

static void test_tags_random_read_as_one_by_one(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (uint32_t round = 0; round < 2000; round++) {
        check_all_counts(&random, (uint32_t)draw(&random) % 101);
    }
}

static void test_tags_each_value_alone_is_told_apart(void **state)
{
    (void)state;
    for (uint32_t value = 0; value < 256; value++) {
        for (uint32_t at = 0; at < ZTAGS_MAX; at++) {
            uint8_t tags[ZTAGS_MAX] = {0};
            tags[at] = (uint8_t)value;
            struct ztag_bits expected = {(uint64_t)(value >> 7) << at, (uint64_t)(value >> 6 & 1)
                                                                           << at};
            check_equal(ztags_read_words(tags, ZTAGS_MAX), expected);
            check_equal(ztags_read(tags, ZTAGS_MAX), expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags_random_read_as_one_by_one),
        cmocka_unit_test(test_tags_each_value_alone_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
