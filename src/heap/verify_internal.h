// heap/verify_internal.h - what the two halves of the verifier share: verify.c sums up the pages,
// verify_walk.c walks the objects. owner-thread.
#ifndef ZVM_HEAP_VERIFY_INTERNAL_H
#define ZVM_HEAP_VERIFY_INTERNAL_H

#include "heap/heap_internal.h"

struct zvisited_page {
    struct zpage *page; // NULL: free entry
    uint64_t used;      // without the cells in caches
    uint64_t starts;    // where objects may start
    uint64_t visited;
};

struct zverifier {
    const struct zheap *heap;
    char *why;
    size_t why_bytes;
    bool is_good;
    // Pages by address: open addressing, capacity a power of two.
    struct zvisited_page *pages;
    size_t page_capacity;
    // Objects that were visited and not walked yet.
    struct zobject **stack;
    size_t stack_count, stack_capacity;
    // Sums over the pages.
    uint64_t live_count, cell_bytes, span_pages;
    uint64_t visited_count;
};

// Notes the first reason, and is false.
bool zverify_bad(struct zverifier *verifier, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// walked == counted, or a bad heap.
bool zverify_sum(struct zverifier *verifier, const char *what, uint64_t walked, uint64_t counted);
// The entry of page, or the free one where it would go.
struct zvisited_page *zverify_page(const struct zverifier *verifier, const struct zpage *page);
// Walks everything that the roots reach. Both tables are there.
bool zverify_reachable(struct zverifier *verifier, bool is_exact);

#endif // ZVM_HEAP_VERIFY_INTERNAL_H
