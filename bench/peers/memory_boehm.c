// What bench/bench_memory.c does, with the Boehm-Demers-Weiser collector.
//
// CPU time of all its threads counts; GC_MARKERS=1 in the environment leaves it one.
#include "peers/memory.h"

#include <gc.h>

struct node {
    struct node *left, *right;
    uint64_t values[2]; // small, so that none looks like an address
};

// Static data is where the collector begins. volatile: the compiler does not know that it looks.
static struct node *volatile root;

static struct node *make(void)
{
    struct node *node = GC_MALLOC(sizeof *node);
    memory_check(node != NULL, "no memory");
    return node;
}

static double mark_graph(void)
{
    uint32_t *order = memory_shuffled(GRAPH_OBJECTS); // malloc: not looked at by the collector
    struct node **objects = malloc(GRAPH_OBJECTS * sizeof(struct node *));
    uint64_t random = 1;
    memory_check(objects != NULL, "no memory");
    for (uint32_t i = 0; i < GRAPH_OBJECTS; i++) {
        objects[i] = make();
        if (i > 0) objects[i]->left = objects[i - 1];
        root = objects[i];
    }
    for (uint32_t i = 0; i < GRAPH_OBJECTS; i++) {
        struct node *node = objects[order[i]];
        node->left = objects[order[memory_target(i, 0, &random)]];
        node->right = objects[order[memory_target(i, 1, &random)]];
    }
    root = objects[order[0]];
    double start = memory_cpu_ns();
    for (uint32_t i = 0; i < GRAPH_MARKS; i++)
        GC_gcollect();
    double each = (memory_cpu_ns() - start) / GRAPH_MARKS / GRAPH_OBJECTS;
    memory_check(GC_get_heap_size() - GC_get_free_bytes() >= GRAPH_OBJECTS * sizeof *root,
                 "the graph has lost objects");
    free(objects);
    free(order);
    return each;
}

int main(void)
{
    GC_INIT();
    (void)printf("mark_ns %.3f\n", mark_graph());
    return 0;
}
