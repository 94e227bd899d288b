// bench/bench_heap.c - what allocation, collection and whole heaps cost, in CPU time.
//
// Usage: bench_heap [ROUNDS]. Each figure is the best of ROUNDS (default 5) runs: the noise of a busy
// machine only adds. Compare ratios, of runs made in the same minute.
#include "base/alloc.h"
#include "base/clock.h"
#include "heap/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOTS 65536

struct bench {
    struct zspan_pool *pool;
    struct zheap_env *env;
    void *page;
    struct zheap heap;
    struct zvalue roots[ROOTS];
    uint32_t root_count;
};

static void mark_roots(void *context, struct zmarker *marker)
{
    struct bench *bench = context;
    zmark_values(marker, bench->roots, bench->root_count);
}

static const struct zheap_hooks hooks = {.mark_roots = mark_roots};

static void check(bool is_good)
{
    if (is_good) return;
    (void)fprintf(stderr, "bench_heap: no memory\n");
    exit(1);
}

static void open_heap(struct bench *bench)
{
    struct zheap_options options = {.limit_bytes = 1u << 30, .hooks = &hooks, .context = bench};
    bench->page = zheap_page_acquire(bench->env);
    check(bench->page != NULL);
    zheap_init(&bench->heap, bench->env, &options, bench->page);
    bench->root_count = 0;
}

static void close_heap(struct bench *bench)
{
    zheap_deinit(&bench->heap);
    zheap_page_release(bench->env, bench->page);
}

static inline struct znode *make_pair(struct bench *bench, struct zvalue left, struct zvalue right)
{
    struct znode *node = zheap_new(&bench->heap, ZTYPE_NODE, sizeof *node + 18, 2);
    check(node != NULL);
    node->slots[0] = left.bits;
    node->slots[1] = right.bits;
    znode_tags(node)[0] = (uint8_t)left.tag;
    znode_tags(node)[1] = (uint8_t)right.tag;
    return node;
}

// ---- The bodies: each returns how many units it did -------------------------------------------

static uint64_t allocate_garbage(struct bench *bench)
{
    open_heap(bench);
    for (uint32_t i = 0; i < 10000000; i++) {
        struct zcell *cell = zheap_new(&bench->heap, ZTYPE_CELL, sizeof *cell, ZTAG_INT);
        check(cell != NULL);
        cell->payload = i;
    }
    close_heap(bench);
    return 10000000;
}

static uint64_t allocate_window(struct bench *bench)
{
    open_heap(bench);
    bench->root_count = ROOTS;
    for (uint32_t i = 0; i < ROOTS; i++) {
        bench->roots[i] = zvalue_null();
    }
    uint64_t random = 1;
    for (uint32_t i = 0; i < 3000000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        struct znode *node = make_pair(bench, zvalue_int(i), zvalue_null());
        bench->roots[random >> 48] = zvalue_object(node, ZTAG_NODE);
    }
    close_heap(bench);
    return 3000000;
}

static uint64_t make_tree(struct bench *bench, struct zvalue *out, uint32_t depth)
{
    struct zvalue children[2] = {zvalue_null(), zvalue_null()};
    struct zscope scope;
    zscope_open(&bench->heap, &scope, children, 2);
    uint64_t count = 1;
    if (depth > 0) {
        count += make_tree(bench, &children[0], depth - 1);
        count += make_tree(bench, &children[1], depth - 1);
    }
    *out = zvalue_object(make_pair(bench, children[0], children[1]), ZTAG_NODE);
    zscope_close(&bench->heap, &scope);
    return count;
}

static uint64_t allocate_trees(struct bench *bench)
{
    open_heap(bench);
    bench->root_count = 1;
    bench->roots[0] = zvalue_null();
    uint64_t count = 0;
    for (uint32_t i = 0; i < 20; i++) {
        struct zvalue tree;
        count += make_tree(bench, &tree, 16);
        bench->roots[0] = tree;
    }
    close_heap(bench);
    return count;
}

static uint64_t mark_tree(struct bench *bench)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < 10; i++) {
        zheap_collect(&bench->heap, NULL);
        struct zheap_stats stats;
        zheap_stats(&bench->heap, &stats);
        count += stats.live_count;
    }
    return count;
}

static uint64_t collect_small(struct bench *bench)
{
    open_heap(bench);
    bench->root_count = 40;
    for (uint32_t i = 0; i < 40; i++) {
        bench->roots[i] = zvalue_null();
    }
    for (uint32_t i = 0; i < 200; i++) {
        bench->roots[i % 40] =
            zvalue_object(make_pair(bench, zvalue_int(i), zvalue_null()), ZTAG_NODE);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        zheap_collect(&bench->heap, NULL);
    }
    close_heap(bench);
    return 100000;
}

static uint64_t live_of_heaps(struct bench *bench, uint32_t objects)
{
    for (uint32_t i = 0; i < 200000; i++) {
        open_heap(bench);
        for (uint32_t k = 0; k < objects; k++) {
            (void)make_pair(bench, zvalue_int(k), zvalue_null());
        }
        close_heap(bench);
    }
    return 200000;
}

static uint64_t open_and_close(struct bench *bench)
{
    return live_of_heaps(bench, 0);
}

static uint64_t open_ten_close(struct bench *bench)
{
    return live_of_heaps(bench, 10);
}

static uint64_t open_hundred_close(struct bench *bench)
{
    return live_of_heaps(bench, 100);
}

// ---- Measuring --------------------------------------------------------------------------------

static void measure(struct bench *bench, uint32_t rounds, const char *what,
                    uint64_t (*body)(struct bench *bench))
{
    double best = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        uint64_t start_ns = zclock_thread_cpu_ns();
        uint64_t units = body(bench);
        double ns = (double)(zclock_thread_cpu_ns() - start_ns) / (double)units;
        if (round == 0 || ns < best) best = ns;
    }
    (void)printf("%-58s %9.2f\n", what, best);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 5;
    if (rounds == 0) rounds = 1;
    check(zspan_pool_create(&bench.pool) == ZVM_OK);
    check(zheap_env_create(bench.pool, &bench.env) == ZVM_OK);
    (void)printf("%-58s %9s\n", "", "ns");
    measure(&bench, rounds, "object of 16 bytes, all garbage", allocate_garbage);
    measure(&bench, rounds, "object of 48 bytes, 65536 live, random death", allocate_window);
    measure(&bench, rounds, "object of 48 bytes in a tree of depth 16", allocate_trees);
    measure(&bench, rounds, "collection of a heap of 40 objects", collect_small);
    measure(&bench, rounds, "heap, made and ended", open_and_close);
    measure(&bench, rounds, "heap with 10 objects of 48 bytes, made and ended", open_ten_close);
    measure(&bench, rounds, "heap with 100 objects of 48 bytes, made and ended",
            open_hundred_close);
    open_heap(&bench);
    bench.root_count = 1;
    bench.roots[0] = zvalue_null();
    (void)make_tree(&bench, &bench.roots[0], 13);
    measure(&bench, rounds, "object marked, tree of 16383 nodes", mark_tree);
    (void)make_tree(&bench, &bench.roots[0], 19);
    measure(&bench, rounds, "object marked, tree of 1048575 nodes", mark_tree);
    close_heap(&bench);
    zheap_env_destroy(bench.env);
    zspan_pool_destroy(bench.pool);
    return 0;
}
