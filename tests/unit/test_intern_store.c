// Goal: the store of entries gives each cell once, gives blocks back when they are empty, never waits for
// its gate, and keeps to the limit of bytes.
// Method: tables with blocks of 2 KiB from the first cell on, so that blocks come and go all the time; the
// gate is taken by the test itself; bytes are compared with the allocation seam's.
#include "intern/intern_internal.h"

#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXTS 2000

static struct zintern *create(uint64_t limit_bytes)
{
    struct zintern_tuning tuning = {.hash_mask = UINT64_MAX,
                                    .dead_min = 16,
                                    .cells_min = 16,
                                    .chunk_cells = 16,
                                    .store_block_bytes = ZINTERN_BLOCK_MIN,
                                    .store_from_cells = 16};
    struct zintern_options options = {.limit_bytes = limit_bytes};
    struct zintern *table = NULL;
    assert_int_equal(zintern_create_tuned(&options, &tuning, &table), ZVM_OK);
    return table;
}

// Lengths 6 to 105: every size of cell, and some that are too long for one.
static size_t write_text(char *text, uint32_t number)
{
    memset(text, 'x', 128);
    char digits[12];
    snprintf(digits, sizeof digits, "%06u", number);
    memcpy(text, digits, 6);
    return 6 + number * 37 % 100;
}

static const struct zstring *acquire(struct zintern *table, uint32_t number)
{
    char text[128];
    size_t length = write_text(text, number);
    const struct zstring *symbol = NULL;
    assert_int_equal(zintern_acquire(table, text, length, &symbol), ZVM_OK);
    assert_int_equal(symbol->header.aux, length);
    assert_memory_equal(symbol->bytes, text, length);
    return symbol;
}

static void check_text(const struct zstring *symbol, uint32_t number)
{
    char text[128];
    size_t length = write_text(text, number);
    assert_int_equal(symbol->header.aux, length);
    assert_memory_equal(symbol->bytes, text, length);
    assert_int_equal(symbol->bytes[length], 0);
}

static struct zintern_stats stats_of(struct zintern *table)
{
    struct zintern_stats stats;
    zintern_stats(table, &stats);
    return stats;
}

static void collect(struct zintern *table)
{
    struct zintern_slot *slot = zintern_enter(table);
    assert_int_equal(zintern_collect(table), ZVM_OK);
    zintern_leave(table, slot);
    zintern_reclaim_all(table);
}

static uint64_t store_bytes(struct zintern *table)
{
    return z_load_relaxed(&table->store.bytes);
}

static void test_symbols_keep_their_bytes_while_cells_of_the_store_come_and_go(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct zintern *table = create(0);
    static const struct zstring *symbols[TEXTS];
    for (uint32_t round = 0; round < 6; round++) {
        for (uint32_t i = round; i < TEXTS; i += 1 + round)
            if (symbols[i] == NULL) symbols[i] = acquire(table, i);
        for (uint32_t i = 0; i < TEXTS; i++) {
            if (symbols[i] == NULL) continue;
            check_text(symbols[i], i);
            if ((i + round) % 3 == 0) continue;
            zintern_release(table, symbols[i]);
            symbols[i] = NULL;
        }
        assert_int_equal(stats_of(table).bytes, zalloc_stats().live_bytes - before.live_bytes);
    }
    assert_true(store_bytes(table) > 0);
    for (uint32_t i = 0; i < TEXTS; i++) {
        if (symbols[i] != NULL) zintern_release(table, symbols[i]);
        symbols[i] = NULL;
    }
    collect(table);
    assert_int_equal(stats_of(table).count, 0);
    assert_int_equal(store_bytes(table), 0);
    zintern_destroy(table);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
    assert_int_equal(zalloc_stats().live_count, before.live_count);
}

static void test_cells_lie_within_cache_lines(void **state)
{
    (void)state;
    struct zintern *table = create(0);
    const struct zstring *symbols[100];
    for (uint32_t i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "line %u", i);
        assert_int_equal(zintern_acquire(table, text, strlen(text), &symbols[i]), ZVM_OK);
        uintptr_t begin = (uintptr_t)zintern_entry_of(symbols[i]);
        uintptr_t end = (uintptr_t)symbols[i]->bytes + strlen(text);
        assert_int_equal(begin / ZVM_CACHE_LINE_BYTES, end / ZVM_CACHE_LINE_BYTES);
    }
    for (uint32_t i = 0; i < 100; i++)
        zintern_release(table, symbols[i]);
    zintern_destroy(table);
}

static void test_taken_gate_sends_entries_to_the_allocator(void **state)
{
    (void)state;
    struct zintern *table = create(0);
    z_store_relaxed(&table->store.is_busy, 1);
    const struct zstring *symbols[50];
    for (uint32_t i = 0; i < 50; i++)
        symbols[i] = acquire(table, i);
    assert_int_equal(store_bytes(table), 0);
    z_store_relaxed(&table->store.is_busy, 0);
    for (uint32_t i = 0; i < 50; i++) {
        check_text(symbols[i], i);
        zintern_release(table, symbols[i]);
    }
    zintern_destroy(table);
}

static void test_taken_gate_puts_freeing_off(void **state)
{
    (void)state;
    struct zintern *table = create(0);
    const struct zstring *symbols[200];
    for (uint32_t i = 0; i < 200; i++)
        symbols[i] = acquire(table, i);
    for (uint32_t i = 0; i < 200; i++)
        zintern_release(table, symbols[i]);
    z_store_relaxed(&table->store.is_busy, 1);
    collect(table);
    assert_int_equal(stats_of(table).count, 0);
    assert_true(stats_of(table).pending > 0);
    z_store_relaxed(&table->store.is_busy, 0);
    zintern_reclaim_all(table);
    assert_int_equal(stats_of(table).pending, 0);
    assert_int_equal(store_bytes(table), 0);
    zintern_destroy(table);
}

static void test_cell_given_back_behind_a_taken_gate_is_given_later(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct zintern *table = create(0);
    struct zintern_cells *root = z_load_acquire(&table->root);
    struct zintern_entry *first = zintern_store_take(table, root, 40);
    struct zintern_entry *second = zintern_store_take(table, root, 40);
    assert_non_null(first);
    assert_int_equal(store_bytes(table), ZINTERN_BLOCK_MIN);
    z_store_relaxed(&table->store.is_busy, 1);
    zintern_store_give_surely(table, first);
    zintern_store_give_surely(table, second);
    z_store_relaxed(&table->store.is_busy, 0);
    assert_int_equal(store_bytes(table), ZINTERN_BLOCK_MIN);
    struct zintern_entry *third = zintern_store_take(table, root, 20);
    assert_non_null(third); // the first two went back, and their block with them
    assert_int_equal(store_bytes(table), ZINTERN_BLOCK_MIN);
    z_store_relaxed(&table->store.is_busy, 1);
    zintern_store_give_surely(table, third);
    z_store_relaxed(&table->store.is_busy, 0);
    zintern_destroy(table);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

static void test_limit_of_bytes_counts_blocks_whole(void **state)
{
    (void)state;
    enum { LIMIT = 48 * 1024 };
    struct zintern *table = create(LIMIT);
    static const struct zstring *symbols[TEXTS];
    uint32_t count = 0;
    zvm_status status = ZVM_OK;
    while (status == ZVM_OK && count < TEXTS) {
        char text[128];
        size_t length = write_text(text, count);
        status = zintern_acquire(table, text, length, &symbols[count]);
        if (status == ZVM_OK) count++;
        assert_true(stats_of(table).bytes <= LIMIT);
    }
    assert_int_equal(status, ZVM_E_INTERN_LIMIT);
    assert_true(count > 50);
    for (uint32_t i = 0; i < count; i++)
        zintern_release(table, symbols[i]);
    zintern_release(table, acquire(table, TEXTS)); // room again
    zintern_destroy(table);
}

static void test_tidy_drops_the_last_dead_of_a_table_that_was_large(void **state)
{
    (void)state;
    struct zintern *table = create(0);
    zintern_tidy(table); // small: nothing to do
    static const struct zstring *symbols[TEXTS];
    const struct zstring *kept = acquire(table, TEXTS);
    for (uint32_t i = 0; i < TEXTS; i++)
        symbols[i] = acquire(table, i);
    uint64_t full = store_bytes(table);
    zintern_tidy(table); // nothing is dead
    assert_int_equal(store_bytes(table), full);
    for (uint32_t i = 0; i < TEXTS; i++)
        zintern_release(table, symbols[i]);
    zintern_tidy(table);
    assert_int_equal(stats_of(table).count, 1);
    assert_true(store_bytes(table) <= ZINTERN_BLOCK_MIN); // at most that of the one that is kept
    check_text(kept, TEXTS);

    // What is held keeps its block: that is looked at again only when many more have died.
    uint64_t tidied = z_load_relaxed(&table->tidied_dead);
    for (uint32_t i = 0; i < 10; i++) {
        zintern_release(table, acquire(table, i));
        zintern_tidy(table);
    }
    assert_int_equal(z_load_relaxed(&table->tidied_dead), tidied);
    zintern_release(table, kept);
    zintern_destroy(table);
}

// ---- Threads ------------------------------------------------------------------------------------

struct worker {
    struct zintern *table;
    uint64_t random;
    uint32_t wrong;
};

static uint32_t draw(struct worker *worker, uint32_t below)
{
    worker->random = worker->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(worker->random >> 40) % below;
}

static void *churn(void *context)
{
    struct worker *worker = context;
    const struct zstring *held[64] = {0};
    uint32_t numbers[64] = {0};
    for (int i = 0; i < 20000; i++) {
        uint32_t at = draw(worker, 64);
        char text[128];
        if (held[at] != NULL) {
            size_t length = write_text(text, numbers[at]);
            worker->wrong += held[at]->header.aux != length;
            worker->wrong += memcmp(held[at]->bytes, text, length) != 0;
            zintern_release(worker->table, held[at]);
        }
        numbers[at] = draw(worker, 500);
        size_t length = write_text(text, numbers[at]);
        if (zintern_acquire(worker->table, text, length, &held[at]) == ZVM_OK) continue;
        held[at] = NULL;
        worker->wrong++;
    }
    for (int i = 0; i < 64; i++)
        if (held[i] != NULL) zintern_release(worker->table, held[i]);
    return NULL;
}

static void test_threads_share_the_store_and_leave_nothing(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    struct zalloc_stats before = zalloc_stats();
    struct zintern *table = create(0);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.table = table, .random = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    collect(table);
    collect(table);
    assert_int_equal(stats_of(table).count, 0);
    assert_int_equal(stats_of(table).pending, 0);
    assert_int_equal(store_bytes(table), 0);
    zintern_destroy(table);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols_keep_their_bytes_while_cells_of_the_store_come_and_go),
        cmocka_unit_test(test_cells_lie_within_cache_lines),
        cmocka_unit_test(test_taken_gate_sends_entries_to_the_allocator),
        cmocka_unit_test(test_taken_gate_puts_freeing_off),
        cmocka_unit_test(test_cell_given_back_behind_a_taken_gate_is_given_later),
        cmocka_unit_test(test_limit_of_bytes_counts_blocks_whole),
        cmocka_unit_test(test_tidy_drops_the_last_dead_of_a_table_that_was_large),
        cmocka_unit_test(test_threads_share_the_store_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
