// Goal: freed blocks of 1 MiB are kept for the next who wants one, few of them, and the seam counts and
// refuses them like any others; no block is ever in two hands.
// Method: what is on the shelf is taken from it directly; threads mark the blocks that they get.
#include "base/alloc.h"
#include "base/shelf.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MANY (ZSHELF_PLACES + 2u)

static const size_t places = ZSHELF_PLACES; // 0 in some builds

static void take_all(void *blocks[MANY])
{
    for (size_t i = 0; i < MANY; i++) {
        blocks[i] = z_alloc_aligned(ZSHELF_BYTES, ZSHELF_BYTES);
        assert_int_equal((uintptr_t)blocks[i] % ZSHELF_BYTES, 0);
        memset(blocks[i], 1, ZSHELF_BYTES);
    }
}

static void free_all(void *blocks[MANY])
{
    for (size_t i = 0; i < MANY; i++)
        z_free_aligned(blocks[i], ZSHELF_BYTES);
}

static void test_blocks_of_a_mebibyte_are_kept_for_the_next_as_far_as_there_is_room(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    void *blocks[MANY];
    take_all(blocks);
    free_all(blocks);
    for (size_t i = 0; i < places; i++)
        assert_ptr_equal(zshelf_take(), blocks[i]);
    assert_null(zshelf_take());
    for (size_t i = 0; i < places; i++)
        assert_true(zshelf_put(blocks[i]));
    take_all(blocks); // those, and fresh ones
    assert_null(zshelf_take());
    free_all(blocks);
    z_give_back();
    assert_null(zshelf_take());
    struct zalloc_stats after = zalloc_stats();
    assert_int_equal(after.calls - before.calls, 2 * MANY);
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_int_equal(after.live_count, before.live_count);
}

static void test_blocks_of_other_sizes_and_poisoned_ones_are_not_kept(void **state)
{
    (void)state;
    z_free_aligned(z_alloc_aligned(ZSHELF_BYTES, ZSHELF_BYTES / 2), ZSHELF_BYTES / 2);
    z_free_aligned(z_alloc_aligned(ZSHELF_BYTES, ZSHELF_BYTES * 2), ZSHELF_BYTES * 2);
    z_free_aligned(NULL, ZSHELF_BYTES);
    assert_null(zshelf_take());
    zalloc_set_poison(true);
    z_free_aligned(z_alloc_aligned(ZSHELF_BYTES, ZSHELF_BYTES), ZSHELF_BYTES);
    assert_null(zshelf_take());
    zalloc_set_poison(false);
}

static void test_block_on_the_shelf_is_refused_like_any_other(void **state)
{
    (void)state;
    z_free_aligned(z_alloc_aligned(ZSHELF_BYTES, ZSHELF_BYTES), ZSHELF_BYTES);
    zalloc_fail_at(1, false);
    assert_null(z_alloc_aligned(ZSHELF_BYTES, ZSHELF_BYTES));
    zalloc_fail_at(0, false);
    z_give_back();
}

// Each thread marks what it takes: a block in two hands would show another's mark.
static void *take_and_put(void *argument)
{
    unsigned char mark = *(unsigned char *)argument;
    uint64_t wrong = 0;
    for (int i = 0; i < 2000; i++) {
        unsigned char *block = z_alloc_aligned(ZSHELF_BYTES, ZSHELF_BYTES);
        block[0] = block[ZSHELF_BYTES - 1] = mark;
        if (i % 16 == 0) sched_yield();
        wrong += block[0] != mark || block[ZSHELF_BYTES - 1] != mark;
        z_free_aligned(block, ZSHELF_BYTES);
    }
    return (void *)(uintptr_t)wrong;
}

static void test_shelf_gives_no_block_to_two_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    unsigned char marks[8];
    for (unsigned char i = 0; i < 8; i++) {
        marks[i] = (unsigned char)(i + 1);
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_put, &marks[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    z_give_back();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_a_mebibyte_are_kept_for_the_next_as_far_as_there_is_room),
        cmocka_unit_test(test_blocks_of_other_sizes_and_poisoned_ones_are_not_kept),
        cmocka_unit_test(test_block_on_the_shelf_is_refused_like_any_other),
        cmocka_unit_test(test_shelf_gives_no_block_to_two_threads),
    };
    zalloc_set_poison(false); // which keeps nothing
    return cmocka_run_group_tests(tests, NULL, NULL);
}
