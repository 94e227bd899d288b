// The workloads of bench/bench_memory.c and of its peers: the same draws, sizes and counts.
//
// Times are CPU times of the whole process (a collector may have threads of its own). Each program
// prints `NAME VALUE` lines, which tools/bench reads; it runs the programs in turn and takes medians.
#ifndef BENCH_PEERS_MEMORY_H
#define BENCH_PEERS_MEMORY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define OBJECT_BYTES  32
#define ALLOCATIONS   20000000u
#define WINDOW_SMALL  32768u   // objects of which a random half dies at a time: 1 MiB
#define WINDOW_LARGE  2097152u // 64 MiB
#define HALVES_SMALL  600u
#define HALVES_LARGE  10u
#define GRAPH_OBJECTS 1000000u
#define GRAPH_MARKS   8u
#define HEAP_OBJECTS  (8u << 20) // 256 MiB of 32 bytes

static inline double memory_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline void memory_check(int is_good, const char *what)
{
    if (is_good) return;
    (void)fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static inline uint64_t memory_draw(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 32;
}

// Chooses a random half of the window: who dies next. Returns how many. victims: [window + 1].
static inline uint32_t memory_victims(uint64_t *random, uint32_t *victims, uint32_t window)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < window; i++) {
        victims[count] = i;
        count += (uint32_t)memory_draw(random) & 1;
    }
    return count;
}

// The order of the graph: object number i of the tree is made as the order[i]-th.
static inline uint32_t *memory_shuffled(uint32_t count)
{
    uint64_t random = 1;
    uint32_t *order = malloc(count * sizeof *order);
    memory_check(order != NULL, "no memory");
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(memory_draw(&random) % (i + 1)), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    return order;
}

// Where the two references of object i lead: down a tree, and from its leaves anywhere.
static inline uint32_t memory_target(uint32_t i, uint32_t which, uint64_t *random)
{
    uint64_t below = (uint64_t)i * 2 + 1 + which;
    uint64_t anywhere = memory_draw(random) % GRAPH_OBJECTS;
    return (uint32_t)(below < GRAPH_OBJECTS ? below : anywhere);
}

#endif // BENCH_PEERS_MEMORY_H
