// What bench/bench_memory.c does, with mimalloc's malloc and free.
#include "peers/memory.h"

#include <mimalloc.h>

static inline uint64_t *make(uint64_t value)
{
    uint64_t *object = mi_malloc(OBJECT_BYTES);
    memory_check(object != NULL, "no memory");
    object[0] = object[1] = object[2] = object[3] = value;
    return object;
}

// So that the compiler cannot leave out what is never read.
static uint64_t *volatile shown;

static double allocate_all_dead(void)
{
    double start = memory_cpu_ns();
    for (uint32_t i = 0; i < ALLOCATIONS; i++) {
        shown = make(i);
        mi_free(shown);
    }
    return (memory_cpu_ns() - start) / ALLOCATIONS;
}

static double allocate_half_dead(uint32_t window, uint32_t halves)
{
    uint64_t **objects = malloc(window * sizeof *objects);
    uint32_t *victims = malloc((window + 1) * sizeof *victims);
    uint64_t random = 1, made = 0;
    double allocating = 0;
    memory_check(objects != NULL && victims != NULL, "no memory");
    for (uint32_t i = 0; i < window; i++)
        objects[i] = make(i);
    for (uint32_t half = 0; half < halves; half++) {
        uint32_t count = memory_victims(&random, victims, window);
        double start = memory_cpu_ns();
        for (uint32_t i = 0; i < count; i++)
            mi_free(objects[victims[i]]);
        for (uint32_t i = 0; i < count; i++)
            objects[victims[i]] = make(i);
        allocating += memory_cpu_ns() - start;
        made += count;
    }
    for (uint32_t i = 0; i < window; i++)
        mi_free(objects[i]);
    free(objects);
    free(victims);
    return allocating / (double)made;
}

// A batch lives, then all of it dies: the other way to have no survivors.
static double allocate_batches(void)
{
    static uint64_t *objects[WINDOW_SMALL];
    uint32_t batches = ALLOCATIONS / WINDOW_SMALL;
    double start = memory_cpu_ns();
    for (uint32_t batch = 0; batch < batches; batch++) {
        for (uint32_t i = 0; i < WINDOW_SMALL; i++)
            objects[i] = make(i);
        for (uint32_t i = 0; i < WINDOW_SMALL; i++)
            mi_free(objects[i]);
    }
    return (memory_cpu_ns() - start) / batches / WINDOW_SMALL;
}

static double free_each(void)
{
    uint64_t **objects = mi_malloc(HEAP_OBJECTS * sizeof *objects);
    memory_check(objects != NULL, "no memory");
    for (uint32_t i = 0; i < HEAP_OBJECTS; i++)
        objects[i] = make(i);
    double start = memory_cpu_ns();
    for (uint32_t i = 0; i < HEAP_OBJECTS; i++)
        mi_free(objects[i]);
    double us = (memory_cpu_ns() - start) / 1000;
    mi_free(objects);
    return us;
}

int main(void)
{
    (void)printf("allocate_0_ns %.3f\n", allocate_batches());
    (void)printf("allocate_0_at_once_ns %.3f\n", allocate_all_dead());
    (void)printf("allocate_50_ns %.3f\n", allocate_half_dead(WINDOW_SMALL, HALVES_SMALL));
    (void)printf("allocate_50_large_ns %.3f\n", allocate_half_dead(WINDOW_LARGE, HALVES_LARGE));
    (void)printf("free_us %.1f\n", free_each());
    return 0;
}
