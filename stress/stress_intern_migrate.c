// Goal: while a tiny table migrates all the time, a string has one symbol among all who hold it, a held
// symbol's bytes never change, and when everything is dropped every entry is freed exactly once.
// Method: a word for each text has the address that its holders have and how many they are. A thread
// adds itself after it acquired and takes itself away before it releases, so whoever is in the word holds
// the symbol now: an address that differs is a lost or a doubled insertion. Sets of strings have no
// operation over two strings, so this check of each is a check of linearizability. The runs go through
// tables of 8 cells, hashes of 3 bits and none, strings that are made once and dropped, limits.
// Usage: stress_intern_migrate [THREADS] [TEXTS] [ITERATIONS] [SEED]; without THREADS: 2, 3 and 8.
#include "intern/intern_internal.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __has_feature
#    define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || \
    __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#    define ITERATIONS_DEFAULT 20000
#else
#    define ITERATIONS_DEFAULT 200000
#endif

#define HELD_MAX     64 // symbols that one thread holds at a time
#define COUNT_SHIFT  48
#define ADDRESS_MASK ((UINT64_C(1) << COUNT_SHIFT) - 1)

#ifdef ZINTERN_PLANT
enum zintern_bug zintern_planted;
#endif

struct run {
    const char *name;
    struct zintern_tuning tuning;
    struct zintern_options options;
};

static const struct run runs[] = {
    {"8 cells", {.hash_mask = UINT64_MAX, .dead_min = 2, .cells_min = 8, .chunk_cells = 4}, {0}},
    {"3 bits", {.hash_mask = 7, .dead_min = 4, .cells_min = 8, .chunk_cells = 8}, {0}},
    {"no bits", {.hash_mask = 0, .dead_min = 16, .cells_min = 16, .chunk_cells = 8}, {0}},
    {"equal tags",
     {.hash_mask = UINT64_C(0xffff), .dead_min = 8, .cells_min = 16, .chunk_cells = 16},
     {0}},
    {"limit of count",
     {.hash_mask = UINT64_MAX, .dead_min = 8, .cells_min = 8, .chunk_cells = 8},
     {.limit_count = 100}},
    {"limit of bytes",
     {.hash_mask = UINT64_MAX, .dead_min = 8, .cells_min = 8, .chunk_cells = 8},
     {.limit_bytes = 24 * 1024}},
    {"as in use",
     {.hash_mask = UINT64_MAX, .dead_min = 256, .cells_min = 64, .chunk_cells = 256},
     {0}},
};

struct stress {
    const struct run *run;
    struct zintern *table;
    _Atomic uint64_t *holders; // [text_count]: count and address
    uint32_t text_count;
    uint64_t iterations;
};

struct thread {
    struct stress *stress;
    uint64_t random, wrong, refused, once;
    uint32_t index;
    struct {
        const struct zstring *symbol;
        uint32_t text;
    } held[HELD_MAX];
    uint32_t held_count;
};

static uint64_t draw(struct thread *thread, uint64_t below)
{
    thread->random ^= thread->random << 13;
    thread->random ^= thread->random >> 7;
    thread->random ^= thread->random << 17;
    return (thread->random >> 11) % below;
}

static size_t write_text(char out[48], uint32_t text)
{
    return (size_t)snprintf(out, 48, "text-%" PRIx32 "-%" PRIu32, text * 2654435761u, text);
}

static void complain(struct thread *thread, const char *what, uint32_t text)
{
    if (thread->wrong++ < 3) printf("  WRONG: %s, text %" PRIu32 "\n", what, text);
}

static void check_bytes(struct thread *thread, const struct zstring *symbol, uint32_t text)
{
    char expected[48];
    size_t length = write_text(expected, text);
    if (symbol->header.aux != length || memcmp(symbol->bytes, expected, length + 1) != 0)
        complain(thread, "the bytes of a held symbol", text);
}

static void add_holder(struct thread *thread, const struct zstring *symbol, uint32_t text)
{
    _Atomic uint64_t *word = &thread->stress->holders[text];
    uint64_t before = z_load_relaxed(word); // relaxed: the check must not order anything itself
    uint64_t address = (uint64_t)(uintptr_t)symbol, after;
    do {
        after = ((before >> COUNT_SHIFT) + 1) << COUNT_SHIFT | address;
    } while (!z_cas_relaxed(word, &before, after));
    // Only what the exchange found is the newest; a load may be old.
    if (before >> COUNT_SHIFT != 0 && (before & ADDRESS_MASK) != address)
        complain(thread, "two symbols of one text", text);
}

static void drop(struct thread *thread, uint32_t position)
{
    const struct zstring *symbol = thread->held[position].symbol;
    uint32_t text = thread->held[position].text;
    check_bytes(thread, symbol, text);
    // relaxed: as above
    z_fetch_sub_relaxed(&thread->stress->holders[text], UINT64_C(1) << COUNT_SHIFT);
    zintern_release(thread->stress->table, symbol);
    thread->held[position] = thread->held[--thread->held_count];
}

static void take(struct thread *thread, bool only_find)
{
    struct zintern *table = thread->stress->table;
    uint32_t text = (uint32_t)draw(thread, thread->stress->text_count);
    char bytes[48];
    size_t length = write_text(bytes, text);
    const struct zstring *symbol = NULL;
    if (only_find) {
        symbol = zintern_find(table, bytes, length);
    } else {
        zvm_status status = zintern_acquire(table, bytes, length, &symbol);
        if (status == ZVM_E_INTERN_LIMIT)
            thread->refused++;
        else if (status != ZVM_OK)
            complain(thread, "the status of acquire", text);
    }
    if (symbol == NULL) return;
    check_bytes(thread, symbol, text);
    add_holder(thread, symbol, text);
    thread->held[thread->held_count].symbol = symbol;
    thread->held[thread->held_count++].text = text;
}

// A string that nobody else makes: dead at once.
static void make_once(struct thread *thread)
{
    char text[48];
    int length =
        snprintf(text, sizeof text, "once-%" PRIu32 "-%" PRIu64, thread->index, thread->once++);
    const struct zstring *symbol = NULL;
    if (zintern_acquire(thread->stress->table, text, (size_t)length, &symbol) != ZVM_OK) {
        thread->refused++;
        return;
    }
    if (strcmp(symbol->bytes, text) != 0) complain(thread, "the bytes of a new symbol", 0);
    zintern_release(thread->stress->table, symbol);
}

static void again(struct thread *thread)
{
    uint32_t position = (uint32_t)draw(thread, thread->held_count);
    const struct zstring *symbol = thread->held[position].symbol;
    char bytes[48];
    size_t length = write_text(bytes, thread->held[position].text);
    const struct zstring *found = zintern_find(thread->stress->table, bytes, length);
    if (found != symbol)
        complain(thread, "a held symbol is not found", thread->held[position].text);
    zintern_retain(thread->stress->table, symbol);
    zintern_release(thread->stress->table, symbol);
    if (found != NULL) zintern_release(thread->stress->table, found);
}

static void *work(void *context)
{
    struct thread *thread = context;
    for (uint64_t i = 0; i < thread->stress->iterations; i++) {
        uint64_t what = draw(thread, 16);
        if (what < 6 && thread->held_count < HELD_MAX)
            take(thread, what == 0);
        else if (what < 8 && thread->held_count > 0)
            again(thread);
        else if (what < 11)
            make_once(thread);
        else if (thread->held_count > 0)
            drop(thread, (uint32_t)draw(thread, thread->held_count));
    }
    while (thread->held_count > 0)
        drop(thread, thread->held_count - 1);
    return NULL;
}

static uint64_t check_end(struct stress *stress)
{
    struct zintern_stats stats;
    struct zintern_slot *slot = zintern_enter(stress->table);
    uint64_t wrong = zintern_collect(stress->table) != ZVM_OK;
    wrong += zintern_collect(stress->table) != ZVM_OK;
    zintern_leave(stress->table, slot);
    zintern_reclaim_all(stress->table);
    zintern_stats(stress->table, &stats);
    wrong += stats.count != 0 || stats.pending != 0 || stats.freed != stats.inserted;
    printf("  %" PRIu64 " migrations, %" PRIu64 " inserted, %" PRIu64 " freed, %" PRIu64
           " hits, probe p50 %u max %u\n",
           stats.migrations, stats.inserted, stats.freed, stats.hits, stats.probe_p50,
           stats.probe_max);
    zintern_destroy(stress->table);
    return wrong;
}

static bool run_one(const struct run *run, int thread_count, uint32_t text_count,
                    uint64_t iterations, uint64_t seed)
{
    struct zalloc_stats before = zalloc_stats();
    struct stress stress = {.run = run, .text_count = text_count, .iterations = iterations};
    if (zintern_create_tuned(&run->options, &run->tuning, &stress.table) != ZVM_OK) return false;
    stress.holders = calloc(text_count, sizeof *stress.holders);
    struct thread *threads = calloc((size_t)thread_count, sizeof *threads);
    pthread_t *handles = calloc((size_t)thread_count, sizeof *handles);
    if (stress.holders == NULL || threads == NULL || handles == NULL) return false;
    for (int i = 0; i < thread_count; i++) {
        threads[i].stress = &stress;
        threads[i].index = (uint32_t)i;
        threads[i].random = (seed + (uint64_t)i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        if (pthread_create(&handles[i], NULL, work, &threads[i]) != 0) return false;
    }
    uint64_t wrong = 0, refused = 0;
    for (int i = 0; i < thread_count; i++) {
        pthread_join(handles[i], NULL);
        wrong += threads[i].wrong;
        refused += threads[i].refused;
    }
    wrong += check_end(&stress);
    wrong += zalloc_stats().live_bytes != before.live_bytes;
    bool has_limit = run->options.limit_count != 0 || run->options.limit_bytes != 0;
    wrong += !has_limit && refused != 0;
    printf("  %s, %d threads: %" PRIu64 " wrong, %" PRIu64 " refused\n", run->name, thread_count,
           wrong, refused);
    free(stress.holders);
    free(threads);
    free(handles);
    return wrong == 0;
}

int main(int argc, char **argv)
{
    int thread_count = argc > 1 ? atoi(argv[1]) : 0;
    uint32_t text_count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 150;
    uint64_t iterations = argc > 3 ? strtoull(argv[3], NULL, 0) : ITERATIONS_DEFAULT;
    uint64_t seed = argc > 4 ? strtoull(argv[4], NULL, 0) : 1;
#ifdef ZINTERN_PLANT
    if (argc > 5) zintern_planted = (enum zintern_bug)atoi(argv[5]);
#endif
    static const int counts[] = {2, 3, 8};
    printf("seed %" PRIu64 "\n", seed);
    bool is_right = true;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        for (size_t n = 0; n < 3; n++) {
            if (thread_count != 0 && n > 0) break;
            int count = thread_count != 0 ? thread_count : counts[n];
            uint64_t share = iterations / (uint64_t)count;
            is_right &= run_one(&runs[i], count, text_count, share, seed + i);
        }
    }
    puts(is_right ? "stress_intern_migrate: ok" : "stress_intern_migrate: FAILED");
    return is_right ? 0 : 1;
}
