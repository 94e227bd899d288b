// heap/finish.c - what is not marked becomes free: `used = mark`, and empty spans go back.
//
// Owns: nothing. Thread: owner, in a collection or, page by page, in the allocation that gets there.
// There is no sweep: a page is finished by copying one word. Which pages are is told by their turn:
// the cycle's turn changes when everything is marked, and a page whose turn is another one still has
// its dead cells among the used. What stands in freed_count and freed_bytes was finished: live is what
// a walk over the used words finds, the dead of pages not finished yet included.
// Invariant: cells are handed out of finished pages only, so what is new is never taken for dead.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

// ---- Pages --------------------------------------------------------------------------------------

static void count_freed(struct zheap *heap, uint64_t count, uint64_t bytes)
{
    zheap_private(heap)->freed_count += count;
    zheap_private(heap)->freed_bytes += bytes;
}

static void poison_cells(char *base, uint64_t dead, size_t cell_bytes)
{
    for (; ZHEAP_POISON && dead != 0; dead &= dead - 1) {
        zheap_poison(base + (size_t)zbits_lowest(dead) * ZGRANULE_BYTES, cell_bytes);
    }
}

void zfinish_page(struct zheap *heap, struct zpage *page)
{
    uint64_t *used = zpage_used(page);
    uint64_t marked = *zpage_mark(page);
    uint64_t dead = *used & ~marked;
    page->turn = zheap_more(heap)->cycle.turn;
    if (dead == 0) return;
    *used = marked;
    size_t cell_bytes = zheap_class_bytes[page->class];
    poison_cells(zpage_base(page), dead, cell_bytes);
    uint64_t count = zbits_count(dead);
    count_freed(heap, count, count * cell_bytes);
}

// A mixed page starts again when nothing in it lives.
static void finish_one_mixed(struct zheap *heap, struct zmixed *mixed)
{
    struct zpage *page = zpage_at(mixed->base);
    uint64_t marked = *zpage_mark(page);
    uint64_t dead = *zpage_used(page) & ~marked;
    if (zheap_more(heap) != NULL) page->turn = zheap_more(heap)->cycle.turn;
    *zpage_used(page) = marked;
    for (; dead != 0; dead &= dead - 1) {
        uint32_t granule = zbits_lowest(dead);
        size_t bytes = zmixed_cell_bytes(mixed->starts, mixed->top, granule);
        zheap_poison(mixed->base + (size_t)granule * ZGRANULE_BYTES, bytes);
        count_freed(heap, 1, bytes);
    }
    if (marked != 0) return;
    mixed->starts = 0;
    mixed->top = 0;
}

void zfinish_mixed(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    struct zmixed first = zfirst_page(heap);
    finish_one_mixed(heap, &first);
    private->first_starts = first.starts;
    private->first_top = (uint8_t)first.top;
    if (zheap_more(heap) != NULL) finish_one_mixed(heap, &zheap_more(heap)->reserve);
}

// ---- Spans --------------------------------------------------------------------------------------

struct zpage *zspan_next(const struct zheap_more *more, struct zspan_cursor *cursor)
{
    while (cursor->class < ZHEAP_CLASSES) {
        struct zpage *first = more->classes[cursor->class].first;
        struct zpage *span = cursor->last == NULL ? first : cursor->last->next;
        if (span != NULL) {
            cursor->last = span;
            return span;
        }
        cursor->class ++;
        cursor->last = NULL;
    }
    return NULL;
}

static bool is_empty(const struct zpage *span)
{
    const uint64_t *used = zpage_used(span);
    uint32_t pages = zspan_pages(span->order);
    uint64_t any = 0;
    for (uint32_t i = 0; i < pages; i++) {
        any |= used[i];
    }
    return any == 0;
}

bool zfinish_step(struct zheap *heap, struct zwork *work)
{
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    zheap_note_peak(heap);
    while (zwork_is_left(work)) {
        struct zpage *span = zspan_next(zheap_more(heap), &cycle->cursor);
        if (span == NULL) return true;
        uint32_t pages = zspan_pages(span->order);
        for (uint32_t i = 0; i < pages; i++) {
            if (span[i].turn != cycle->turn) zfinish_page(heap, &span[i]);
        }
        if (is_empty(span)) cycle->empty_spans++;
        work->words += pages;
    }
    return false;
}

static struct zpage *next_page(struct zpage *page)
{
    if (page->index + 1u < zspan_pages(page->order)) return page + 1;
    return (page - page->index)->next;
}

// New objects are between the first page with some and the last that was looked at. Allocation goes on
// at the first of them.
static void finish_touched_class(struct zheap *heap, uint32_t class_index, struct zwork *work)
{
    struct zheap_class *class = &heap->classes[class_index];
    struct zpage *first = zheap_more(heap)->touched[class_index];
    const struct zpage *last = zpage_at(class->base);
    for (struct zpage *page = first;; page = next_page(page)) {
        ZVM_ASSERT(page != NULL);
        zfinish_page(heap, page);
        work->words++;
        if (page == last) break;
    }
    class->base = zpage_base(first);
    class->kept = zpage_starts(first) & ~*zpage_used(first);
    zheap_more(heap)->touched[class_index] = NULL;
}

void zfinish_touched(struct zheap *heap, struct zwork *work)
{
    zfinish_mixed(heap);
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        if (zheap_more(heap)->touched[i] != NULL) finish_touched_class(heap, i, work);
    }
}

// ---- Giving empty spans back ------------------------------------------------------------------

static void release_span(struct zheap *heap, struct zpage *previous, struct zpage *span)
{
    struct zheap_more *more = zheap_more(heap);
    uint32_t class_index = span->class;
    if (previous == NULL) more->classes[class_index].first = span->next;
    if (previous != NULL) previous->next = span->next;
    if (more->tails[class_index] == span) more->tails[class_index] = previous;
    more->class_pages[class_index] -= zspan_pages(span->order);
    zheap_release_span(heap, span);
}

// A page that is given back: its slab may be unmapped, which takes about 0.1 us a page. Counted as one
// word, a slice gave back 16 MiB and took 1.6 ms.
#define RELEASE_WORDS UINT64_C(8)

// As many pages as the heap may fill before the next collection stay.
static uint64_t kept_pages(const struct zheap *heap)
{
    if (zheap_more(heap)->cycle.keeps_none) return 0;
    return (zheap_live_bytes(heap) + zpolicy_growth_bytes(heap)) / ZPAGE_BYTES;
}

// Allocation has its place in this span.
static bool is_in_use(const struct zheap *heap, const struct zpage *span)
{
    const char *base = heap->classes[span->class].base;
    if (base == NULL) return false;
    const struct zpage *page = zpage_at(base);
    return page - page->index == span;
}

bool zrelease_step(struct zheap *heap, struct zwork *work)
{
    struct zheap_more *more = zheap_more(heap);
    struct zspan_cursor *cursor = &more->cycle.cursor;
    uint64_t keep = kept_pages(heap);
    while (zwork_is_left(work)) {
        if (zheap_private(heap)->span_pages <= keep || more->cycle.empty_spans == 0) return true;
        struct zspan_cursor before = *cursor;
        struct zpage *span = zspan_next(more, cursor);
        if (span == NULL) return true;
        work->words += zspan_pages(span->order);
        if (is_in_use(heap, span) || !is_empty(span)) continue;
        if (before.class != cursor->class) before.last = NULL;
        work->words += (RELEASE_WORDS - 1) * zspan_pages(span->order);
        release_span(heap, before.last, span);
        more->cycle.empty_spans--;
        *cursor = (struct zspan_cursor){cursor->class, before.last};
    }
    return false;
}
