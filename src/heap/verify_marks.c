// heap/verify_marks.c - checks what the barrier promises: see the invariants in barrier.c.
//
// Owns: one table while it runs. Thread: owner. Changes nothing of the heap.
// How: every marked object is looked at, with the edges that graph.c reads off it, not those that
// mark.c follows. An object that is on the mark stack, in the log as a whole, or on a page that is to
// be scanned again is still to be scanned: it may lead anywhere. Any other must be armed, and lead to
// marked objects only, but for the slots on its dirty cards. A store without its barrier is found
// here, at the latest when the object that it stored is not marked.
#define ZVM_HEAP_INTERNAL
#include "heap/graph.h"
#include "heap/heap_internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

struct check {
    const struct zheap *heap;
    const struct zobject *object; // whose edges are looked at
    const struct zobject **open;  // [open_count], sorted: still to be scanned
    size_t open_count;
    bool is_good;
    char *why;
    size_t why_bytes;
};

static void bad(struct check *check, const char *what, const void *to)
{
    if (!check->is_good) return;
    check->is_good = false;
    (void)snprintf(check->why, check->why_bytes, "object %p of kind %u %s %p",
                   (const void *)check->object, check->object->kind, what, to);
}

static int compare_addresses(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const struct zobject *const *)a;
    uintptr_t y = (uintptr_t) * (const struct zobject *const *)b;
    return (x > y) - (x < y);
}

static bool is_open(const struct check *check, const struct zobject *object)
{
    return bsearch(&object, check->open, check->open_count, sizeof(struct zobject *),
                   compare_addresses) != NULL;
}

static bool is_dirty(const struct zobject *object, uint64_t from_bytes, uint64_t count_bytes)
{
    const struct zowner *owner = (const void *)object;
    if (!(object->flags & ZFLAG_EXTERNAL)) return false;
    const uint8_t *cards = zowner_cards(owner);
    return cards[from_bytes / ZCARD_BYTES] != 0 ||
           cards[(from_bytes + count_bytes - 1) / ZCARD_BYTES] != 0;
}

static void check_edge(void *context, const struct zedge *edge)
{
    struct check *check = context;
    if (zheap_is_marked(edge->to)) return;
    if (edge->kind == ZEDGE_ELEMENT && is_dirty(check->object, edge->index * UINT64_C(8), 8))
        return;
    bool is_entry = edge->kind == ZEDGE_KEY || edge->kind == ZEDGE_VALUE;
    size_t bytes = sizeof(struct zmap_entry);
    if (is_entry && is_dirty(check->object, edge->index * (uint64_t)bytes, bytes)) return;
    bad(check,
        "is marked, and not in the log, and leads to an object that is not marked:", edge->to);
}

static bool has_no_pointers(const struct zobject *object)
{
    if (object->kind == ZTYPE_STRING) return !(object->flags & ZFLAG_LONG);
    return object->kind == ZTYPE_BUFFER || object->kind == ZTYPE_HOST ||
           object->kind == ZTYPE_ISOLATE;
}

// Kinds whose marker does not arm them: they are marked through their owner, and never written.
static void check_object(struct check *check, const struct zobject *object)
{
    if (has_no_pointers(object) || is_open(check, object)) return;
    check->object = object;
    if (!(object->flags & ZFLAG_LOG)) {
        bad(check, "is marked and neither armed nor in the log", NULL);
        return;
    }
    zgraph_edges(object, check_edge, check);
}

static void check_page(struct check *check, const struct zpage *page)
{
    if (page->is_gray) return;
    uint64_t bits = *zpage_used(page) & *zpage_mark(page);
    for (; bits != 0 && check->is_good; bits &= bits - 1) {
        const char *cell = zpage_base(page) + (size_t)zbits_lowest(bits) * ZGRANULE_BYTES;
        check_object(check, (const struct zobject *)(const void *)cell);
    }
}

static void check_pages(struct check *check)
{
    const struct zheap_more *more = zheap_more(check->heap);
    check_page(check, zpage_at(zheap_private_const(check->heap)->first_base));
    check_page(check, zpage_at(more->reserve.base));
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        for (const struct zpage *span = more->classes[i].first; span != NULL; span = span->next) {
            for (uint32_t k = 0; k < zspan_pages(span->order); k++)
                check_page(check, &span[k]);
        }
    }
}

static void add_open(struct check *check, const struct zmark_entry *entries, size_t count,
                     bool is_log)
{
    for (size_t i = 0; i < count; i++) {
        if (is_log && entries[i].index != ZLOG_WHOLE) continue;
        check->open[check->open_count++] = entries[i].object;
    }
}

bool zheap_verify_marks(struct zheap *heap, char *why, size_t why_bytes)
{
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL || !more->log.is_open || more->log.has_overflowed) return true;
    size_t bytes = (more->log.count + more->cycle.stack_count + 1) * sizeof(struct zobject *);
    struct check check = {.heap = heap, .is_good = true, .why = why, .why_bytes = why_bytes};
    check.open = z_alloc(bytes);
    if (check.open == NULL) return true;
    add_open(&check, more->log.entries, more->log.count, true /* is_log */);
    add_open(&check, more->cycle.stack.entries, more->cycle.stack_count, false /* is_log */);
    qsort(check.open, check.open_count, sizeof check.open[0], compare_addresses);
    check_pages(&check);
    z_free(check.open, bytes);
    return check.is_good;
}
