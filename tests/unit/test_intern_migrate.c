// Goal: what the table of symbols promises about dropping, limits, threads and figures holds while its
// cells move.
// Method: tables tuned to a few cells; whole migrations by hand; more threads than a table has slots
// of its own. What is freed is counted at the allocation seam.
#include "intern/intern_internal.h"

#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct zintern *create_tiny(uint64_t hash_mask, uint64_t limit_bytes)
{
    struct zintern_tuning tuning = {
        .hash_mask = hash_mask, .dead_min = 1000, .cells_min = 8, .chunk_cells = 4};
    struct zintern_options options = {.limit_bytes = limit_bytes};
    struct zintern *table = NULL;
    assert_int_equal(zintern_create_tuned(&options, &tuning, &table), ZVM_OK);
    return table;
}

static const struct zstring *acquire(struct zintern *table, const char *text)
{
    const struct zstring *symbol = NULL;
    assert_int_equal(zintern_acquire(table, text, strlen(text), &symbol), ZVM_OK);
    return symbol;
}

static void collect(struct zintern *table)
{
    struct zintern_slot *slot = zintern_enter(table);
    assert_int_equal(zintern_collect(table), ZVM_OK);
    zintern_leave(table, slot);
}

static struct zintern_stats stats_of(struct zintern *table)
{
    struct zintern_stats stats;
    zintern_stats(table, &stats);
    return stats;
}

static void test_collect_drops_the_dead_and_keeps_the_held(void **state)
{
    (void)state;
    struct zintern *table = create_tiny(UINT64_MAX, 0);
    const struct zstring *held = acquire(table, "held");
    zintern_release(table, acquire(table, "dead"));
    assert_int_equal(stats_of(table).dead, 1);
    collect(table);
    assert_int_equal(stats_of(table).count, 1);
    assert_int_equal(stats_of(table).reclaimed, 1);
    assert_null(zintern_find(table, "dead", 4));
    assert_ptr_equal(acquire(table, "held"), held);
    zintern_release(table, held);
    zintern_release(table, held);
    zintern_destroy(table);
}

// Somebody inside keeps the memory of what was dropped; a dead entry met there is not taken again.
static void test_dead_entry_under_a_reader_stays_memory_but_is_not_handed_out(void **state)
{
    (void)state;
    struct zintern *table = create_tiny(0, 0); // one path for all
    const struct zstring *old = acquire(table, "again");
    zintern_release(table, old);
    struct zintern_slot *slot = zintern_enter(table);
    assert_int_equal(zintern_collect(table), ZVM_OK);
    assert_true(z_load_relaxed(&zintern_entry_of(old)->count) & ZINTERN_DEAD);
    zintern_reclaim_all(table);
    assert_int_equal(stats_of(table).pending, 1); // stats enters and leaves in our slot as well
    assert_string_equal(old->bytes, "again");
    zintern_leave(table, slot);
    const struct zstring *young = acquire(table, "again");
    assert_int_equal(stats_of(table).inserted, 2);
    zintern_reclaim_all(table);
    assert_int_equal(stats_of(table).pending, 0);
    assert_int_equal(stats_of(table).freed, 1);
    zintern_release(table, young);
    zintern_destroy(table);
}

static void test_keys_of_one_hash_are_found_with_their_distance_in_the_figures(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct zintern *table = create_tiny(0, 0);
    const struct zstring *symbols[COUNT];
    char text[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "key %d", i);
        symbols[i] = acquire(table, text);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "key %d", i);
        assert_ptr_equal(zintern_find(table, text, strlen(text)), symbols[i]);
        zintern_release(table, symbols[i]);
    }
    struct zintern_stats stats = stats_of(table);
    assert_int_equal(stats.hits, COUNT);
    assert_int_equal(stats.probe_max, COUNT - 1);
    assert_int_equal(stats.probe_p50, 16); // the class 16 to 31
    assert_int_equal(stats.cells & (stats.cells - 1), 0);
    assert_int_equal(stats.load_percent, COUNT * 100 / stats.cells);
    assert_true(stats.migrations >= 3); // from 8 cells to 64 at least
    for (int i = 0; i < COUNT; i++)
        zintern_release(table, symbols[i]);
    zintern_destroy(table);
}

// A table full of the dead can always be collected: what cells need to move is not given to entries.
static void test_limit_of_bytes_with_everything_dead_takes_new_strings(void **state)
{
    (void)state;
    enum { LIMIT = 32 * 1024 };
    struct zintern *table = create_tiny(UINT64_MAX, LIMIT);
    char text[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "number %d", i);
        zintern_release(table, acquire(table, text));
        assert_true(stats_of(table).bytes <= LIMIT);
    }
    assert_true(stats_of(table).reclaimed > 4000);
    zintern_destroy(table);
}

static void *use_once(void *context)
{
    struct zintern *table = context;
    for (int i = 0; i < 50; i++) {
        char text[32];
        snprintf(text, sizeof text, "thread %d", i);
        const struct zstring *symbol;
        if (zintern_acquire(table, text, strlen(text), &symbol) != ZVM_OK) return (void *)1;
        zintern_release(table, symbol);
    }
    return NULL;
}

// More at once than a block has slots, and more one after the other than there are slots at all.
static void test_threads_come_and_go_without_a_word_and_leave_nothing(void **state)
{
    (void)state;
    enum { AT_ONCE = 80, ROUNDS = 15 };
    struct zalloc_stats before = zalloc_stats();
    struct zintern *table = create_tiny(UINT64_MAX, 0);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, use_once, table), 0);
        for (int i = 0; i < AT_ONCE; i++) {
            void *result;
            pthread_join(threads[i], &result);
            assert_null(result);
        }
    }
    collect(table);
    zintern_reclaim_all(table);
    struct zintern_stats stats = stats_of(table);
    assert_int_equal(stats.count, 0);
    assert_int_equal(stats.freed, stats.inserted);
    assert_int_equal(stats.hits + stats.misses, AT_ONCE * ROUNDS * 50);
    zintern_destroy(table);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

// No memory for the next cells: entries go on into what is there, then it is said.
static void test_cells_that_cannot_grow_fill_up_and_then_say_so(void **state)
{
    (void)state;
    struct zintern *table = create_tiny(UINT64_MAX, 0);
    const struct zstring *symbols[8] = {0};
    char text[8];
    uint32_t count = 0;
    for (; count < 4; count++) {
        snprintf(text, sizeof text, "%u", count);
        symbols[count] = acquire(table, text);
    }
    zalloc_fail_at(1, true);
    const struct zstring *refused = NULL;
    assert_int_equal(zintern_acquire(table, "refused", 7, &refused), ZVM_E_NOMEM);
    assert_ptr_equal(zintern_find(table, "0", 1), symbols[0]); // finding needs none
    zalloc_fail_at(0, false);
    symbols[count++] = acquire(table, "refused");
    zintern_release(table, symbols[0]);
    for (uint32_t i = 0; i < count; i++)
        zintern_release(table, symbols[i]);
    zintern_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collect_drops_the_dead_and_keeps_the_held),
        cmocka_unit_test(test_dead_entry_under_a_reader_stays_memory_but_is_not_handed_out),
        cmocka_unit_test(test_keys_of_one_hash_are_found_with_their_distance_in_the_figures),
        cmocka_unit_test(test_limit_of_bytes_with_everything_dead_takes_new_strings),
        cmocka_unit_test(test_threads_come_and_go_without_a_word_and_leave_nothing),
        cmocka_unit_test(test_cells_that_cannot_grow_fill_up_and_then_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
