// tests/model/native_main.c - a model on real threads and the machine's own memory.
//
// Usage: MODEL [--runs N] [--bug NAME]
// Starts the model's threads once; then, N times: setup, all threads through their bodies at the
// same moment, check. Ends with 0 when all runs hold; a failure aborts. It proves little (most bugs
// never show on x86-64), but ThreadSanitizer and AddressSanitizer look on, and it keeps the models
// honest: what they explore is what runs.
#include "model.h"

#include "base/alloc.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RUNS_DEFAULT 2000
#define SECONDS_MAX  120   // a model that hangs has lost a wake-up
#define PIECES_MAX   65536 // of memory, in one run

uint32_t zmodel_bug;

static pthread_barrier_t barrier;
static bool is_over; // written between two barriers

void zx_failed(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
    abort();
}

// ---- Memory -------------------------------------------------------------------------------------

static struct {
    pthread_mutex_t lock;
    void *left[PIECES_MAX]; // to be freed when the run ends
    uint32_t left_count;
    uint64_t before; // live allocations of the project's own sources
} pieces = {.lock = PTHREAD_MUTEX_INITIALIZER};

void *zx_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes);
    pthread_mutex_lock(&pieces.lock);
    zx_assert(memory != NULL);
    zx_assert(pieces.left_count < PIECES_MAX);
    pieces.left[pieces.left_count++] = memory;
    pthread_mutex_unlock(&pieces.lock);
    return memory;
}

void zx_free(void *memory, size_t bytes)
{
    (void)bytes;
    pthread_mutex_lock(&pieces.lock);
    uint32_t at = 0;
    while (at < pieces.left_count && pieces.left[at] != memory)
        at++;
    zx_assert(at < pieces.left_count);
    pieces.left[at] = pieces.left[--pieces.left_count];
    pthread_mutex_unlock(&pieces.lock);
    free(memory);
}

uint32_t zx_live_count(void)
{
    return pieces.left_count + (uint32_t)(zalloc_stats().live_count - pieces.before);
}

static void begin_memory(void)
{
    while (pieces.left_count > 0)
        free(pieces.left[--pieces.left_count]);
    pieces.before = zalloc_stats().live_count;
}

// ---- Waiting ------------------------------------------------------------------------------------

void zx_yield(void)
{
    sched_yield();
}

void zx_futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void zx_futex_wake(_Atomic uint32_t *word, uint32_t count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

// ---- For the explorer only ----------------------------------------------------------------------

void zx_name(const volatile void *address, const char *name)
{
    (void)address;
    (void)name;
}

void zx_weaken(const volatile void *from, size_t bytes, enum zx_operation operation)
{
    (void)from;
    (void)bytes;
    (void)operation;
}

// ---- Runs ---------------------------------------------------------------------------------------

static void *run_thread(void *context)
{
    uint32_t thread = *(const uint32_t *)context;
    for (;;) {
        pthread_barrier_wait(&barrier);
        if (is_over) return NULL;
        zmodel_program.body(thread);
        pthread_barrier_wait(&barrier);
    }
}

static void run_all(uint64_t runs)
{
    pthread_t threads[ZX_THREADS_MAX];
    uint32_t numbers[ZX_THREADS_MAX];
    pthread_barrier_init(&barrier, NULL, zmodel_program.thread_count + 1);
    for (uint32_t i = 0; i < zmodel_program.thread_count; i++) {
        numbers[i] = i;
        zx_assert(pthread_create(&threads[i], NULL, run_thread, &numbers[i]) == 0);
    }
    for (uint64_t i = 0; i < runs; i++) {
        begin_memory();
        zmodel_program.setup();
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        if (zmodel_program.check != NULL) zmodel_program.check();
    }
    is_over = true;
    pthread_barrier_wait(&barrier);
    for (uint32_t i = 0; i < zmodel_program.thread_count; i++)
        pthread_join(threads[i], NULL);
    begin_memory();
}

static bool find_bug(const char *name)
{
    for (uint32_t i = 0; i < zmodel_program.bug_count; i++)
        if (strcmp(zmodel_program.bugs[i].name, name) == 0) zmodel_bug = i + 1;
    return zmodel_bug != 0;
}

int main(int argc, char **argv)
{
    uint64_t runs = RUNS_DEFAULT;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--runs") == 0)
            runs = strtoull(argv[i + 1], NULL, 0);
        else if (strcmp(argv[i], "--bug") != 0 || !find_bug(argv[i + 1]))
            argc = 0;
    }
    if (argc % 2 == 0) {
        fprintf(stderr, "usage: %s [--runs N] [--bug NAME]\n", argv[0]);
        return 2;
    }
    alarm(SECONDS_MAX);
    run_all(runs);
    printf("%s: %llu runs on threads\n", zmodel_program.name, (unsigned long long)runs);
    return 0;
}
