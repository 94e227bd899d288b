// Goal: a thread that stops for good anywhere inside a call stops nobody else, and what the others then
// need of memory stays under the table's limit.
// Method: the sources of the table are compiled into this program so that every operation on a shared
// word is a point. A victim works until a random point and freezes there. The others must each finish
// their calls while it is frozen; the only refusal they may see is a full table. Then it goes on, and
// the table must become empty.
// Usage: stress_intern_stall [FREEZES] [SEED]
#define ZVM_POINTS 1
#include "../src/intern/figures.c"
#include "../src/intern/intern.c"
#include "../src/intern/migrate.c"
#include "../src/intern/section.c"
#include "../src/intern/store.c"
#include "../src/intern/table.c"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORKERS     2
#define CALLS       400 // of each worker while the victim is frozen
#define TEXTS       60
#define WAIT_S      120 // a worker that takes longer is stuck
#define LIMIT_BYTES (64 * 1024)

static _Thread_local uint64_t points_left; // the victim's, until it freezes; 0: never
static sem_t frozen, thaw;

void z_point(void)
{
    if (points_left == 0 || --points_left > 0) return;
    sem_post(&frozen);
    while (sem_wait(&thaw) != 0 && errno == EINTR)
        continue;
}

struct thread {
    struct zintern *table;
    uint64_t random, points, refused, wrong;
    bool is_victim;
};

static uint64_t draw(struct thread *thread, uint64_t below)
{
    thread->random ^= thread->random << 13;
    thread->random ^= thread->random >> 7;
    thread->random ^= thread->random << 17;
    return (thread->random >> 11) % below;
}

static void one_call(struct thread *thread)
{
    char text[32];
    bool is_once = draw(thread, 2) == 0;
    int length = is_once
                     ? snprintf(text, sizeof text, "once-%" PRIx64, draw(thread, UINT64_C(1) << 50))
                     : snprintf(text, sizeof text, "text-%" PRIu64, draw(thread, TEXTS));
    const struct zstring *symbol = NULL;
    if (draw(thread, 8) == 0) {
        symbol = zintern_find(thread->table, text, (size_t)length);
    } else {
        zvm_status status = zintern_acquire(thread->table, text, (size_t)length, &symbol);
        thread->refused += status == ZVM_E_INTERN_LIMIT;
        thread->wrong += status != ZVM_OK && status != ZVM_E_INTERN_LIMIT;
    }
    if (symbol == NULL) return;
    thread->wrong += strcmp(symbol->bytes, text) != 0;
    zintern_release(thread->table, symbol);
}

static void *work(void *context)
{
    struct thread *thread = context;
    points_left = thread->points;
    for (int i = 0; i < CALLS; i++)
        one_call(thread);
    if (thread->is_victim && points_left > 0) { // it did not come that far
        points_left = 1;
        z_point();
    }
    return NULL;
}

static bool join_in_time(pthread_t thread)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

struct total {
    uint64_t wrong, refused, bytes_max;
};

static void freeze_once(struct zintern *table, uint64_t seed, struct total *total)
{
    pthread_t handles[WORKERS + 1];
    struct thread threads[WORKERS + 1];
    for (int i = 0; i <= WORKERS; i++) {
        threads[i] = (struct thread){.table = table,
                                     .random = (seed * (WORKERS + 1) + (uint64_t)i + 1) *
                                               UINT64_C(0x9e3779b97f4a7c15),
                                     .is_victim = i == 0};
    }
    threads[0].points = 1 + draw(&threads[0], 8000);
    pthread_create(&handles[0], NULL, work, &threads[0]);
    while (sem_wait(&frozen) != 0 && errno == EINTR)
        continue;
    for (int i = 1; i <= WORKERS; i++)
        pthread_create(&handles[i], NULL, work, &threads[i]);
    for (int i = 1; i <= WORKERS; i++) {
        if (join_in_time(handles[i])) continue;
        printf("STUCK: seed %" PRIu64 ", the victim at point %" PRIu64 "\n", seed,
               threads[0].points);
        exit(1);
    }
    struct zintern_stats stats;
    zintern_stats(table, &stats);
    if (stats.bytes > total->bytes_max) total->bytes_max = stats.bytes;
    sem_post(&thaw);
    pthread_join(handles[0], NULL);
    for (int i = 0; i <= WORKERS; i++) {
        total->wrong += threads[i].wrong;
        total->refused += threads[i].refused;
    }
}

int main(int argc, char **argv)
{
    uint64_t freezes = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    struct zintern_tuning tuning = {.hash_mask = UINT64_MAX,
                                    .dead_min = 8,
                                    .cells_min = 16,
                                    .chunk_cells = 8,
                                    .store_block_bytes = 2048,
                                    .store_from_cells = 64};
    struct zintern_options options = {.limit_bytes = LIMIT_BYTES};
    struct zintern *table = NULL;
    struct total total = {0};
    sem_init(&frozen, 0, 0);
    sem_init(&thaw, 0, 0);
    printf("seed %" PRIu64 "\n", seed);
    if (zintern_create_tuned(&options, &tuning, &table) != ZVM_OK) return 1;
    for (uint64_t i = 0; i < freezes; i++)
        freeze_once(table, seed + i, &total);

    struct zintern_slot *slot = zintern_enter(table);
    bool is_right = zintern_collect(table) == ZVM_OK && zintern_collect(table) == ZVM_OK;
    zintern_leave(table, slot);
    zintern_reclaim_all(table);
    struct zintern_stats stats;
    zintern_stats(table, &stats);
    printf("%" PRIu64 " freezes, %" PRIu64 " migrations; at most %" PRIu64
           " bytes of %d while frozen, "
           "%" PRIu64 " refused, %" PRIu64 " wrong; %" PRIu64 " left\n",
           freezes, stats.migrations, total.bytes_max, LIMIT_BYTES, total.refused, total.wrong,
           stats.count + stats.pending);
    is_right &= stats.count == 0 && stats.pending == 0 && total.wrong == 0;
    // Only entries that passed the test of the limit at one moment may be above it.
    is_right &= total.bytes_max <= LIMIT_BYTES + WORKERS * 4096;
    zintern_destroy(table);
    puts(is_right ? "stress_intern_stall: ok" : "stress_intern_stall: FAILED");
    return is_right ? 0 : 1;
}
