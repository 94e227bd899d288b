// bench/bench_memory.c - what objects cost to make, to mark and to be rid of, beside peers that do the
// same in C: bench/peers/memory_mimalloc.c and memory_boehm.c. Workloads: bench/peers/memory.h.
//
// `free` is the C library's.
#include "base/clock.h"
#include "heap/heap.h"
#include "peers/memory.h"

#include <string.h>

static struct {
    struct zspan_pool *pool;
    struct zheap_env *env;
    void *page;
    struct zheap heap;
    struct zobject **roots; // [root_count]
    uint32_t root_count;
} bench;

static void mark_roots(void *context, struct zmarker *marker)
{
    (void)context;
    for (uint32_t i = 0; i < bench.root_count; i++)
        zmark_object(marker, bench.roots[i]);
}

static const struct zheap_hooks hooks = {.mark_roots = mark_roots};

static void open_heap(void)
{
    struct zheap_options options = {.limit_bytes = UINT64_C(1) << 32, .hooks = &hooks};
    bench.page = zheap_page_acquire(bench.env);
    memory_check(bench.page != NULL, "no page");
    zheap_init(&bench.heap, bench.env, &options, bench.page);
    bench.root_count = 0;
}

static void close_heap(void)
{
    zheap_deinit(&bench.heap);
    zheap_page_release(bench.env, bench.page);
}

// 32 bytes, all of them set: header, two slots, their tags.
static inline struct znode *make(uint64_t value)
{
    struct znode *node = zheap_new(&bench.heap, ZTYPE_NODE, sizeof *node + 18, 2);
    memory_check(node != NULL, "no memory");
    node->slots[0] = node->slots[1] = value;
    node->slots[2] = (uint64_t)ZTAG_INT << 8 | ZTAG_INT;
    return node;
}

static double allocate_all_dead(void)
{
    open_heap();
    double start = memory_cpu_ns();
    for (uint32_t i = 0; i < ALLOCATIONS; i++)
        (void)make(i);
    double each = (memory_cpu_ns() - start) / ALLOCATIONS;
    close_heap();
    return each;
}

// A list of count nulls: the window, the one root.
static struct zlist *open_window(struct zobject **root, uint32_t count)
{
    struct zlist *list = zheap_new(&bench.heap, ZTYPE_LIST, sizeof *list, 0);
    memory_check(list != NULL, "no memory");
    list->owner.payload = NULL;
    list->owner.payload_bytes = 0;
    list->capacity = 0;
    list->elements = ZLIST_INT;
    *root = &list->owner.header;
    bench.roots = root;
    bench.root_count = 1;
    memory_check(zheap_payload_resize(&bench.heap, &list->owner, (size_t)count * 9), "no memory");
    list->capacity = list->owner.header.aux = count;
    list->elements = ZLIST_ANY;
    memset(zlist_payload(list), 0, (size_t)count * 8);
    memset(zlist_tags(list), ZTAG_NULL, count);
    return list;
}

static inline void put(struct zlist *list, uint32_t i, struct zvalue value)
{
    zlist_payload(list)[i] = value.bits;
    zlist_tags(list)[i] = (uint8_t)value.tag;
    zheap_log_payload(&bench.heap, &list->owner, i * sizeof(uint64_t), sizeof(uint64_t));
}

static inline void put_new(struct zlist *list, uint32_t i)
{
    put(list, i, zvalue_object(make(i), ZTAG_NODE));
}

static void put_null(struct zlist *list, uint32_t i)
{
    put(list, i, zvalue_null());
}

// Of a window full of objects, a list, a random half dies, then as many are made. What tells the dead is
// the collection, whenever the heap wants one: the figure is of the whole. Or it is asked for after each
// half has died, and has a figure of its own.
static void allocate_half_dead(uint32_t window, uint32_t halves, bool is_asked, const char *name)
{
    uint32_t *victims = malloc((window + 1) * sizeof *victims);
    uint64_t random = 1, made = 0;
    double allocating = 0, collecting = 0;
    struct zobject *root = NULL;
    memory_check(victims != NULL, "no memory");
    open_heap();
    struct zlist *list = open_window(&root, window);
    for (uint32_t i = 0; i < window; i++)
        put_new(list, i);
    for (uint32_t half = 0; half < halves; half++) {
        uint32_t count = memory_victims(&random, victims, window);
        double start = memory_cpu_ns();
        for (uint32_t i = 0; i < count; i++)
            put_null(list, victims[i]);
        double dead = memory_cpu_ns();
        if (is_asked) zheap_collect(&bench.heap, NULL);
        double collected = memory_cpu_ns();
        for (uint32_t i = 0; i < count; i++)
            put_new(list, victims[i]);
        allocating += memory_cpu_ns() - collected + (dead - start);
        collecting += collected - dead;
        made += count;
    }
    if (is_asked) (void)printf("%s_ns %.3f\n", name, allocating / (double)made);
    (void)printf("%s_%s_ns %.3f\n", name, is_asked ? "asked" : "whole",
                 (allocating + collecting) / (double)made);
    close_heap();
    free(victims);
}

static void refer(struct znode *from, uint32_t slot, const struct znode *to)
{
    from->slots[slot] = (uint64_t)(uintptr_t)to;
    znode_tags(from)[slot] = ZTAG_NODE;
}

static double mark_graph(void)
{
    uint32_t *order = memory_shuffled(GRAPH_OBJECTS);
    struct znode **objects = malloc(GRAPH_OBJECTS * sizeof(struct znode *));
    uint64_t random = 1;
    memory_check(objects != NULL, "no memory");
    struct zobject *root = NULL;
    open_heap();
    bench.roots = &root;
    bench.root_count = 1;
    // Each keeps the one before until all are there, so that collections meanwhile find them.
    for (uint32_t i = 0; i < GRAPH_OBJECTS; i++) {
        objects[i] = make(i);
        if (i > 0) refer(objects[i], 0, objects[i - 1]);
        root = &objects[i]->header;
    }
    for (uint32_t i = 0; i < GRAPH_OBJECTS; i++)
        for (uint32_t slot = 0; slot < 2; slot++)
            refer(objects[order[i]], slot, objects[order[memory_target(i, slot, &random)]]);
    root = &objects[order[0]]->header;
    double start = memory_cpu_ns();
    for (uint32_t i = 0; i < GRAPH_MARKS; i++)
        zheap_collect(&bench.heap, NULL);
    double each = (memory_cpu_ns() - start) / GRAPH_MARKS / GRAPH_OBJECTS;
    struct zheap_stats stats;
    zheap_stats(&bench.heap, &stats);
    memory_check(stats.live_count == GRAPH_OBJECTS, "the graph has lost objects");
    close_heap();
    free(objects);
    free(order);
    return each;
}

static double destroy_heap(void)
{
    struct znode *last = NULL;
    struct zobject *root = NULL;
    open_heap();
    bench.roots = &root;
    bench.root_count = 1;
    for (uint32_t i = 0; i < HEAP_OBJECTS; i++) {
        struct znode *node = make(i);
        if (last != NULL) refer(node, 0, last);
        last = node;
        root = &node->header;
    }
    double start = memory_cpu_ns();
    close_heap();
    return (memory_cpu_ns() - start) / 1000;
}

static double free_each(void)
{
    void **objects = malloc(HEAP_OBJECTS * sizeof(void *));
    memory_check(objects != NULL, "no memory");
    for (uint32_t i = 0; i < HEAP_OBJECTS; i++) {
        objects[i] = malloc(OBJECT_BYTES - 8); // with its own header: 32 bytes
        memory_check(objects[i] != NULL, "no memory");
        *(uint64_t *)objects[i] = i;
    }
    double start = memory_cpu_ns();
    for (uint32_t i = 0; i < HEAP_OBJECTS; i++)
        free(objects[i]);
    double us = (memory_cpu_ns() - start) / 1000;
    free(objects);
    return us;
}

int main(void)
{
    memory_check(zspan_pool_create(&bench.pool) == ZVM_OK, "no pool");
    memory_check(zheap_env_create(bench.pool, &bench.env) == ZVM_OK, "no env");
    (void)printf("allocate_0_ns %.3f\n", allocate_all_dead());
    for (uint32_t is_asked = 0; is_asked < 2; is_asked++) {
        allocate_half_dead(WINDOW_SMALL, HALVES_SMALL, is_asked, "allocate_50");
        allocate_half_dead(WINDOW_LARGE, HALVES_LARGE, is_asked, "allocate_50_large");
    }
    (void)printf("mark_ns %.3f\n", mark_graph());
    (void)printf("destroy_us %.1f\n", destroy_heap());
    (void)printf("free_us %.1f\n", free_each());
    zheap_env_destroy(bench.env);
    zspan_pool_destroy(bench.pool);
    return 0;
}
