// Goal: the seam counts exactly, fails exactly the allocation it is told to, and poisons.
// Method: compare the counters around each call; fail the n-th for each n; read poisoned bytes.
#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define THREADS          300 // more than there are private counter rows
#define BLOCKS_OF_THREAD 10

static struct zalloc_stats since(const struct zalloc_stats *before)
{
    struct zalloc_stats now = zalloc_stats();
    now.calls -= before->calls;
    now.live_bytes -= before->live_bytes;
    now.live_count -= before->live_count;
    return now;
}

static void check_since(const struct zalloc_stats *before, uint64_t calls, uint64_t live_bytes,
                        uint64_t live_count)
{
    struct zalloc_stats delta = since(before);
    assert_true(delta.calls == calls);
    assert_true(delta.live_bytes == live_bytes);
    assert_true(delta.live_count == live_count);
}

static void test_stats_each_call_is_counted(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    char *a = z_alloc(100);
    check_since(&before, 1, 100, 1);
    char *b = z_alloc_zeroed(50);
    check_since(&before, 2, 150, 2);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(b[i], 0);
    a = z_resize(a, 100, 200);
    check_since(&before, 3, 250, 2);
    a = z_resize(a, 200, 10); // shrinking is not a call that can fail
    check_since(&before, 3, 60, 2);
    char *c = z_alloc_text("hello", 3);
    assert_string_equal(c, "hel");
    check_since(&before, 4, 64, 3);
    z_free(a, 10);
    z_free(b, 50);
    z_free(c, 4);
    z_free(NULL, 0);
    check_since(&before, 4, 0, 0);
}

static void test_aligned_each_power_of_two_is_aligned_and_counted(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    for (size_t alignment = 1; alignment <= (size_t)1 << 20; alignment *= 2) {
        char *memory = z_alloc_aligned(alignment, 24);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % alignment, 0);
        memset(memory, 1, 24);
        assert_true(since(&before).live_bytes == 24);
        z_free_aligned(memory, 24);
    }
    check_since(&before, 21, 0, 0);
}

static void test_resize_contents_survive_growing_and_shrinking(void **state)
{
    (void)state;
    unsigned char *memory = z_resize(NULL, 0, 64);
    for (size_t i = 0; i < 64; i++)
        memory[i] = (unsigned char)i;
    memory = z_resize(memory, 64, 100000);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(memory[i], i);
    memory = z_resize(memory, 100000, 8);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(memory[i], i);
    z_free(memory, 8);
}

// Five allocating calls; gives the number of the first that failed, 0 when none.
static int first_failure(bool *later_succeeded)
{
    int failed = 0;
    *later_succeeded = false;
    for (int i = 1; i <= 5; i++) {
        char *memory;
        switch (i) {
        case 1:
            memory = z_alloc(8);
            break;
        case 2:
            memory = z_alloc_zeroed(8);
            break;
        case 3:
            memory = z_alloc_aligned(16, 8);
            break;
        case 4:
            memory = z_alloc_text("1234567", 7);
            break;
        default:
            memory = z_resize(NULL, 0, 8);
            break;
        }
        if (memory == NULL && failed == 0) failed = i;
        if (memory != NULL && failed != 0) *later_succeeded = true;
        z_free(memory, 8);
    }
    return failed;
}

static void test_fail_at_n_once_fails_only_that_call(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    for (int n = 1; n <= 6; n++) {
        bool later_succeeded;
        zalloc_fail_at((uint64_t)n, false /* from_there_on */);
        assert_int_equal(first_failure(&later_succeeded), n <= 5 ? n : 0);
        assert_int_equal(later_succeeded, n < 5);
        assert_int_equal(zalloc_has_failed(), n <= 5);
        zalloc_fail_at(0, false);
        assert_false(zalloc_has_failed());
    }
    check_since(&before, 30, 0, 0);
}

static void test_fail_at_n_from_there_on_fails_all_later_calls(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    for (int n = 1; n <= 5; n++) {
        bool later_succeeded;
        zalloc_fail_at((uint64_t)n, true /* from_there_on */);
        assert_int_equal(first_failure(&later_succeeded), n);
        assert_false(later_succeeded);
        assert_true(zalloc_has_failed());
    }
    zalloc_fail_at(0, false);
    check_since(&before, 25, 0, 0);
}

static void test_fail_every_third_fails_the_nth_and_every_third_after(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    zalloc_fail_every(2, 3);
    for (int i = 1; i <= 9; i++) {
        void *memory = z_alloc(8);
        assert_int_equal(memory == NULL, i == 2 || i == 5 || i == 8);
        z_free(memory, 8);
    }
    zalloc_fail_at(0, false);
    check_since(&before, 9, 0, 0);
}

static void test_resize_refused_leaves_the_old_block(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    char *memory = z_alloc_text("intact", 6);
    zalloc_fail_at(1, true /* from_there_on */);
    assert_null(z_resize(memory, 7, 70));
    assert_string_equal(memory, "intact");
    char *shrunk = z_resize(memory, 7, 3); // memory is out, giving some back works
    assert_non_null(shrunk);
    zalloc_fail_at(0, false);
    assert_memory_equal(shrunk, "int", 3);
    check_since(&before, 2, 3, 1);
    z_free(shrunk, 3);
    check_since(&before, 2, 0, 0);
}

static void test_alloc_more_than_there_is_returns_null_and_counts_nothing(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    assert_null(z_alloc_text("x", SIZE_MAX)); // the NUL would not fit
    check_since(&before, 0, 0, 0);
}

static void test_poison_fresh_and_grown_memory_is_filled(void **state)
{
    (void)state;
    zalloc_set_poison(true);
    unsigned char *memory = z_alloc(32);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(memory[i], 0xcd);
    memset(memory, 1, 32);
    memory = z_resize(memory, 32, 64);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(memory[i], i < 32 ? 1 : 0xcd);
    z_free(memory, 64);
    unsigned char *aligned = z_alloc_aligned(64, 64);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(aligned[i], 0xcd);
    z_free_aligned(aligned, 64);
    char *zeroed = z_alloc_zeroed(32);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(zeroed[i], 0);
    z_free(zeroed, 32);
#ifndef ZVM_POISON
    zalloc_set_poison(false);
#endif
}

static void test_size_overflow_is_told_and_leaves_the_result(void **state)
{
    (void)state;
    size_t out = 7;
    assert_false(z_size_add(SIZE_MAX, 1, &out));
    assert_false(z_size_multiply(SIZE_MAX / 2 + 1, 2, &out));
    assert_int_equal(out, 7);
    assert_true(z_size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(z_size_multiply(SIZE_MAX / 2, 2, &out));
    assert_true(out == SIZE_MAX - 1);
    assert_true(z_size_multiply(0, SIZE_MAX, &out));
    assert_int_equal(out, 0);
}

// Each thread frees what the one before it made, so that rows go below zero on their own.
struct relay {
    char *blocks[BLOCKS_OF_THREAD];
};

static void *relay_blocks(void *context)
{
    struct relay *relay = context;
    for (int i = 0; i < BLOCKS_OF_THREAD; i++) {
        z_free(relay->blocks[i], 24);
        relay->blocks[i] = z_alloc(24);
    }
    return NULL;
}

static void test_stats_of_many_threads_add_up(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    static struct relay relays[2];
    for (int i = 0; i < THREADS; i++) {
        pthread_t threads[2];
        for (int t = 0; t < 2; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, relay_blocks, &relays[t]), 0);
        for (int t = 0; t < 2; t++)
            pthread_join(threads[t], NULL);
    }
    check_since(&before, (uint64_t)2 * THREADS * BLOCKS_OF_THREAD, 2 * BLOCKS_OF_THREAD * 24,
                2 * BLOCKS_OF_THREAD);
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < BLOCKS_OF_THREAD; i++)
            z_free(relays[t].blocks[i], 24);
    assert_true(since(&before).live_bytes == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_each_call_is_counted),
        cmocka_unit_test(test_aligned_each_power_of_two_is_aligned_and_counted),
        cmocka_unit_test(test_resize_contents_survive_growing_and_shrinking),
        cmocka_unit_test(test_fail_at_n_once_fails_only_that_call),
        cmocka_unit_test(test_fail_at_n_from_there_on_fails_all_later_calls),
        cmocka_unit_test(test_fail_every_third_fails_the_nth_and_every_third_after),
        cmocka_unit_test(test_resize_refused_leaves_the_old_block),
        cmocka_unit_test(test_alloc_more_than_there_is_returns_null_and_counts_nothing),
        cmocka_unit_test(test_poison_fresh_and_grown_memory_is_filled),
        cmocka_unit_test(test_size_overflow_is_told_and_leaves_the_result),
        cmocka_unit_test(test_stats_of_many_threads_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
