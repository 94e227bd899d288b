// heap/graph.h - the objects of a heap as a graph: numbers, edges, and shortest paths from roots.
//
// Thread: owner. Nothing may be allocated or collected in the heap while a graph of it lives.
#ifndef ZVM_HEAP_GRAPH_H
#define ZVM_HEAP_GRAPH_H

#include "heap/heap.h"

enum zedge_kind {
    ZEDGE_ELEMENT,  // of a list, by index
    ZEDGE_KEY,      // a key of a map; `index` of its entry
    ZEDGE_VALUE,    // of a map, by `key`
    ZEDGE_FIELD,    // of a record, by index
    ZEDGE_SLOT,     // of a type: a method or a default, by index
    ZEDGE_CAPTURE,  // of a function, by index
    ZEDGE_ARGUMENT, // of a task, by index
    ZEDGE_PART,     // by name
};

struct zedge {
    struct zobject *to; // never NULL
    enum zedge_kind kind;
    uint32_t index;
    struct zvalue key;
    const char *name; // PART
};

typedef void (*zedge_fn)(void *context, const struct zedge *edge);

// Calls visit for each pointer in object to another one, in order.
void zgraph_edges(const struct zobject *object, zedge_fn visit, void *context);

#define ZGRAPH_NONE UINT32_MAX

struct zgraph_page {
    const char *base; // NULL: a free place of the table
    uint64_t used;
    uint32_t first; // number of the first object in it
};

struct zgraph {
    struct zheap *heap;
    const struct zobject **objects; // [count], by page
    uint32_t count;
    struct zgraph_page *pages; // [page_capacity], open addressing
    uint32_t page_capacity;
    // Of the walk from the roots: who an object was reached from.
    uint32_t *parents; // [count]; ZGRAPH_ROOT | number of a root, or ZGRAPH_NONE: not reached
    uint32_t *queue;   // [count]
    uint32_t head, tail;
};

#define ZGRAPH_ROOT        0x80000000u
#define ZGRAPH_OBJECTS_MAX 0x7ffffff0u

// errors: ZVM_E_NOMEM; ZVM_E_LIMIT more than ZGRAPH_OBJECTS_MAX objects. The heap's caches are
// taken back.
zvm_status zgraph_create(struct zheap *heap, struct zgraph **out);
void zgraph_destroy(struct zgraph *graph); // may be NULL

// The number of an object, ZGRAPH_NONE when it is none of this heap.
uint32_t zgraph_number(const struct zgraph *graph, const void *object);

// Says that a root leads to an object, and goes from there as far as it is new. Roots that are all
// added first and then walked give shortest paths.
void zgraph_add_root(struct zgraph *graph, const struct zobject *object, uint32_t root);
void zgraph_walk(struct zgraph *graph);

// Bytes of the cell, and of the payload outside the spans.
uint64_t zgraph_bytes(const struct zgraph *graph, const struct zobject *object);

#endif // ZVM_HEAP_GRAPH_H
