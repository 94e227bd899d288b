// heap/first_page.c - the two mixed pages of a heap: the first page, and the reserve.
//
// Owns: nothing; both pages are the heap's. Thread: owner.
// The first page is that of the isolate's block, and holds objects of any size one behind the other: a
// small isolate needs no other memory. Its end is not the heap's (ZFIRST_GRANULES). The reserve is one page more, which comes with the
// class table; only the errors of refusals are made in it, between zheap_reserve_open and _close.
// While there is no reserve yet, the end of the first page is kept for that. Invariants:  1. used
// bits are a subset of starts; both lie below top.
//              2. a mixed page is bump allocated, and starts again only when a collection leaves it
//                 wholly dead: so an object's size is the distance to the next start.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

// Takes cell_bytes at granule *top; NULL: it would go past top_max.
static void *take(char *base, uint64_t *starts, uint32_t *top, size_t cell_bytes, uint32_t top_max)
{
    ZVM_ASSERT(cell_bytes % ZGRANULE_BYTES == 0);
    size_t granules = cell_bytes / ZGRANULE_BYTES;
    if (granules > top_max || *top > top_max - granules) return NULL;
    char *cell = base + (size_t)*top * ZGRANULE_BYTES;
    uint64_t bit = (uint64_t)1 << *top;
    *starts |= bit;
    zslab_of(base)->used[zpage_number_at(base)] |= bit;
    *top += (uint32_t)granules;
    zheap_unpoison(cell, cell_bytes);
    return cell;
}

static void count(struct zheap_private *private, size_t cell_bytes)
{
    private->acquired_count++;
    private->acquired_bytes += cell_bytes;
}

void *zfirst_page_take(struct zheap *heap, size_t cell_bytes, uint32_t top_max)
{
    struct zheap_private *private = zheap_private(heap);
    uint32_t top = private->first_top;
    uint64_t starts = private->first_starts;
    void *cell = take(private->first_base, &starts, &top, cell_bytes, top_max);
    if (cell == NULL) return NULL;
    private->first_starts = starts;
    private->first_top = (uint8_t)top;
    count(private, cell_bytes);
    return cell;
}

void *zreserve_take(struct zheap *heap, size_t cell_bytes)
{
    ZVM_ASSERT(zheap_private(heap)->is_reserve_open);
    struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return zfirst_page_take(heap, cell_bytes, ZFIRST_GRANULES);

    struct zmixed *reserve = &more->reserve;
    void *cell = take(reserve->base, &reserve->starts, &reserve->top, cell_bytes, ZPAGE_GRANULES);
    if (cell != NULL) count(zheap_private(heap), cell_bytes);
    return cell;
}

bool zreserve_has_room(const struct zheap *heap)
{
    const struct zheap_more *more = zheap_more(heap);
    uint32_t left = more == NULL ? ZFIRST_GRANULES - zheap_private_const(heap)->first_top
                                 : ZPAGE_GRANULES - more->reserve.top;
    return left * ZGRANULE_BYTES >= ZHEAP_RESERVE_BYTES_MIN;
}

size_t zmixed_cell_bytes(uint64_t starts, uint32_t top, uint32_t granule)
{
    ZVM_ASSERT((starts >> granule & 1) != 0);
    uint64_t after = granule == ZPAGE_GRANULES - 1 ? 0 : starts >> (granule + 1);
    uint32_t granules = after != 0 ? zbits_lowest(after) + 1 : top - granule;
    return (size_t)granules * ZGRANULE_BYTES;
}

struct zmixed zfirst_page(const struct zheap *heap)
{
    const struct zheap_private *private = zheap_private_const(heap);
    return (struct zmixed){
        .base = private->first_base, .starts = private->first_starts, .top = private->first_top};
}
