// Goal: threads that take and drop the same symbols at once always agree on one address, read whole
// bytes, and leave nothing behind.
// Method: a few threads over a small set of texts, each text with its own bytes as proof; at the end the
// counts must be those of a table that nobody uses. ThreadSanitizer watches the rest.
#include "intern/intern.h"

#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 3
#define ROUNDS  20000
#define TEXTS   97

struct worker {
    struct zintern *table;
    uint64_t random;
    uint64_t wrong;
};

static uint64_t next_random(struct worker *worker)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return worker->random;
}

static void one_round(struct worker *worker)
{
    char text[32];
    int length = snprintf(text, sizeof text, "symbol %llu",
                          (unsigned long long)(next_random(worker) % TEXTS));
    const struct zstring *a = NULL, *b = NULL;
    zvm_status status = zintern_acquire(worker->table, text, (size_t)length, &a);
    worker->wrong += status != ZVM_OK;
    if (status != ZVM_OK) return;
    worker->wrong += strcmp(a->bytes, text) != 0;
    b = zintern_find(worker->table, text, (size_t)length);
    worker->wrong += b != a; // held by us: it is there, and it is the same
    zintern_retain(worker->table, a);
    zintern_release(worker->table, a);
    worker->wrong += strcmp(a->bytes, text) != 0;
    zintern_release(worker->table, a);
    if (b != NULL) zintern_release(worker->table, b);
}

// Texts of its own, so that dead entries come together and sweeps happen under the others.
static void one_flood(struct worker *worker)
{
    char text[48];
    int length = snprintf(text, sizeof text, "once %llx", (unsigned long long)next_random(worker));
    const struct zstring *symbol;
    if (zintern_acquire(worker->table, text, (size_t)length, &symbol) != ZVM_OK) {
        worker->wrong++;
        return;
    }
    worker->wrong += strcmp(symbol->bytes, text) != 0;
    zintern_release(worker->table, symbol);
}

static void *run(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < ROUNDS; i++) {
        one_round(worker);
        one_flood(worker);
    }
    return NULL;
}

static void test_threads_over_the_same_texts_agree_and_leave_nothing(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct zintern *table = NULL;
    assert_int_equal(zintern_create(NULL, &table), ZVM_OK);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){.table = table, .random = 0x9E3779B97F4A7C15u * (uint64_t)(i + 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    struct zintern_stats stats;
    zintern_stats(table, &stats);
    assert_true(stats.reclaimed > 0);
    assert_int_equal(stats.inserted - stats.reclaimed, stats.count);
    assert_int_equal(stats.hits + stats.misses, THREADS * ROUNDS * 3);
    assert_int_equal(stats.misses, stats.inserted);
    zintern_destroy(table); // in debug builds it checks that no count is left
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

static void *make_and_destroy(void *context)
{
    (void)context;
    for (int i = 0; i < 200; i++) {
        struct zintern *table;
        if (zintern_create(NULL, &table) != ZVM_OK) return (void *)1;
        const struct zstring *symbol;
        if (zintern_acquire(table, "common", 6, &symbol) != ZVM_OK) return (void *)1;
        zintern_release(table, symbol);
        zintern_destroy(table);
    }
    return NULL;
}

static void test_tables_made_and_destroyed_by_threads_leave_nothing(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_and_destroy, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_over_the_same_texts_agree_and_leave_nothing),
        cmocka_unit_test(test_tables_made_and_destroyed_by_threads_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
