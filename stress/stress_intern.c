// Goal: under any mixture of threads a string has one symbol, a held symbol's bytes never change or go,
// and when everything is dropped the table is empty.
// Method: each thread holds a random set of symbols drawn from a common space of texts. A shared array has
// the address that a text has now and how many hold it: who finds it held must get that address. The
// text itself is the cookie, checked at each look.
// Usage: stress_intern [THREADS] [SCALE] [ITERATIONS] [SEED]: threads, texts, steps of a thread, seed.
#include "base/alloc.h"
#include "base/atomic.h"
#include "intern/intern.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define ITERATIONS_DEFAULT 60000
#else
#    define ITERATIONS_DEFAULT 2000000
#endif

#define HELD_MAX 256 // symbols that one thread holds at a time

struct text {
    pthread_mutex_t lock; // makes the check exact: held and address change together
    const struct zstring *symbol;
    uint32_t holders;
};

struct stress {
    struct zintern *table;
    struct text *texts;
    uint32_t text_count;
};

struct thread {
    struct stress *stress;
    uint64_t iterations, random, wrong;
    struct {
        const struct zstring *symbol;
        uint32_t index;
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

static size_t write_text(char out[32], uint32_t index)
{
    return (size_t)snprintf(out, 32, "text-%" PRIx32 "-%" PRIu32, index * 2654435761u, index);
}

static bool has_bytes(const struct zstring *symbol, uint32_t index)
{
    char text[32];
    size_t length = write_text(text, index);
    return symbol->header.aux == length && memcmp(symbol->bytes, text, length + 1) == 0;
}

// The table is called outside the text's lock, so that threads meet inside it; the address is compared
// afterwards. While we hold the symbol the address cannot change.
static void take(struct thread *thread)
{
    uint32_t index = (uint32_t)draw(thread, thread->stress->text_count);
    struct text *shared = &thread->stress->texts[index];
    char text[32];
    size_t length = write_text(text, index);
    const struct zstring *symbol = NULL;
    if (draw(thread, 4) == 0) {
        symbol = zintern_find(thread->stress->table, text, length);
        if (symbol == NULL) return;
    } else if (zintern_acquire(thread->stress->table, text, length, &symbol) != ZVM_OK) {
        thread->wrong++;
        return;
    }
    pthread_mutex_lock(&shared->lock);
    if (shared->holders > 0 && shared->symbol != symbol) thread->wrong++;
    shared->symbol = symbol;
    shared->holders++;
    pthread_mutex_unlock(&shared->lock);
    if (!has_bytes(symbol, index)) thread->wrong++;
    thread->held[thread->held_count].symbol = symbol;
    thread->held[thread->held_count].index = index;
    thread->held_count++;
}

static void drop(struct thread *thread)
{
    uint32_t at = (uint32_t)draw(thread, thread->held_count);
    const struct zstring *symbol = thread->held[at].symbol;
    uint32_t index = thread->held[at].index;
    thread->held[at] = thread->held[--thread->held_count];
    if (!has_bytes(symbol, index)) thread->wrong++;
    if (draw(thread, 4) == 0) { // once more, and back
        zintern_retain(thread->stress->table, symbol);
        zintern_release(thread->stress->table, symbol);
        if (!has_bytes(symbol, index)) thread->wrong++;
    }
    struct text *shared = &thread->stress->texts[index];
    pthread_mutex_lock(&shared->lock);
    shared->holders--;
    pthread_mutex_unlock(&shared->lock);
    zintern_release(thread->stress->table, symbol);
}

static void *run_thread(void *context)
{
    struct thread *thread = context;
    for (uint64_t i = 0; i < thread->iterations; i++) {
        bool is_full = thread->held_count == HELD_MAX;
        if (thread->held_count > 0 && (is_full || draw(thread, 2) == 0))
            drop(thread);
        else
            take(thread);
    }
    while (thread->held_count > 0)
        drop(thread);
    return NULL;
}

static uint64_t argument(int count, char **arguments, int index, uint64_t otherwise)
{
    return count > index ? strtoull(arguments[index], NULL, 0) : otherwise;
}

static uint64_t run_all(struct stress *stress, uint32_t thread_count, uint64_t iterations,
                        uint64_t seed)
{
    struct thread *threads = calloc(thread_count, sizeof *threads);
    pthread_t *ids = calloc(thread_count, sizeof *ids);
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < thread_count; i++) {
        threads[i].stress = stress;
        threads[i].iterations = iterations;
        threads[i].random = (seed + i + 1) * 0x9E3779B97F4A7C15u | 1;
        pthread_create(&ids[i], NULL, run_thread, &threads[i]);
    }
    for (uint32_t i = 0; i < thread_count; i++) {
        pthread_join(ids[i], NULL);
        wrong += threads[i].wrong;
    }
    free(ids);
    free(threads);
    return wrong;
}

int main(int count, char **arguments)
{
    uint32_t thread_count = (uint32_t)argument(count, arguments, 1, 3);
    struct stress stress = {.text_count = (uint32_t)argument(count, arguments, 2, 3000)};
    uint64_t iterations = argument(count, arguments, 3, ITERATIONS_DEFAULT);
    uint64_t seed = argument(count, arguments, 4, 20240229);
    printf("stress_intern %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", thread_count,
           stress.text_count, iterations, seed);
    if (thread_count == 0 || stress.text_count == 0) return 2;

    struct zalloc_stats before = zalloc_stats();
    if (zintern_create(NULL, &stress.table) != ZVM_OK) return 2;
    stress.texts = calloc(stress.text_count, sizeof *stress.texts);
    for (uint32_t i = 0; i < stress.text_count; i++)
        pthread_mutex_init(&stress.texts[i].lock, NULL);
    uint64_t wrong = run_all(&stress, thread_count, iterations, seed);

    struct zintern_stats stats;
    zintern_stats(stress.table, &stats);
    if (stats.inserted - stats.reclaimed != stats.count) wrong++;
    for (uint32_t i = 0; i < stress.text_count; i++)
        wrong += stress.texts[i].holders;
    zintern_destroy(stress.table);
    if (zalloc_stats().live_bytes != before.live_bytes) wrong++; // an entry was still held
    free(stress.texts);
    printf("%" PRIu64 " inserted, %" PRIu64 " reclaimed, %" PRIu64 " hits: %" PRIu64 " wrong\n",
           stats.inserted, stats.reclaimed, stats.hits, wrong);
    return wrong == 0 ? 0 : 1;
}
