// heap/alloc.c - the slow path of allocation: where the next free cells come from.
//
// Owns: the spans of a heap, in the span lists of its classes. Thread: owner.
// Invariants:  1. cache and kept of a class are free cells of the page at `base`. Cells in a cache
//                 have their used bit set and are counted as acquired; cells in kept have and are
//                 not.
//              2. base is the last page of the class that was looked at since the last collection:
//                 every page before it is full but for its kept and cached cells. NULL: none yet.
//              3. with a count threshold on, acquired_count < threshold_next: no cache can run past
//                 the allocation that has to collect.
// How: first the mixed first page; when that is full, the class table comes; then kept cells, the
// next page of the class with a free cell, a new span. There is no sweep: a collection leaves
// `used` as the truth, and the free cells of a page are its starts without them. Whatever is
// exceptional (threshold, stress, limit) hangs here: it is reached by handing out less than a page
// has, so the inline path never tests for it.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

#include "base/alloc.h"

// The end of the first page is kept for the error of a refusal while there is no reserve page.
#define FIRST_PAGE_TOP_MAX     (ZFIRST_GRANULES - ZHEAP_RESERVE_BYTES_MIN / ZGRANULE_BYTES)
#define FIRST_PAGE_LIMIT_BYTES (UINT64_C(1) << 20)

// ---- Spans ------------------------------------------------------------------------------------

// A class that has much takes large spans, so that its pages lie together and there are few to
// walk; about an eighth of what it has, so that little lies idle. A medium class needs 2 pages at
// least for its cells to cross them.
static uint32_t preferred_order(const struct zheap *heap, uint32_t class_index)
{
    uint32_t pages = zheap_more(heap)->class_pages[class_index];
    if (pages < 8 || ZHEAP_TINY) return class_index < ZHEAP_CLASSES_SMALL ? ZSPAN_1 : ZSPAN_2;
    if (pages < 64) return ZSPAN_4;
    return pages < 512 ? ZSPAN_16 : ZSPAN_64;
}

struct zpage *zheap_acquire_span(struct zheap *heap, uint32_t class, uint32_t order)
{
    struct zpage *span = zspan_acquire(heap->env, order);
    if (span == NULL) return NULL;
    uint32_t pages = zspan_pages(order);
    uint64_t *used = zpage_used(span);
    uint8_t turn = zheap_more(heap) == NULL ? 0 : zheap_more(heap)->cycle.turn;
    for (uint32_t i = 0; i < pages; i++) {
        span[i] = (struct zpage){.class = (uint8_t) class,
                                 .order = (uint8_t)order,
                                 .index = (uint8_t)i,
                                 .state = ZPAGE_IN_HEAP,
                                 .turn = turn};
        used[i] = 0;
    }
    memset(zpage_mark(span), 0, pages * sizeof(uint64_t));
    zheap_poison(zpage_base(span), (size_t)pages * ZPAGE_BYTES);
    zheap_private(heap)->span_pages += pages;
    zheap_note_commit(zheap_private(heap));
    return span;
}

void zheap_release_span(struct zheap *heap, struct zpage *span)
{
    uint32_t pages = zspan_pages(span->order);
    zheap_private(heap)->span_pages -= pages;
    zheap_unpoison(zpage_base(span), (size_t)pages * ZPAGE_BYTES);
    zspan_release(heap->env, span);
}

// A new span at the end of the class's list; its first page becomes `base`.
static enum zheap_outcome add_span(struct zheap *heap, uint32_t class_index)
{
    struct zheap_private *private = zheap_private(heap);
    struct zheap_class *class = &heap->classes[class_index];
    uint32_t smallest = class_index < ZHEAP_CLASSES_SMALL ? ZSPAN_1 : ZSPAN_2;
    uint32_t order = preferred_order(heap, class_index);
    enum zheap_outcome outcome = ZHEAP_OVER_LIMIT;
    struct zpage *span = NULL;
    for (;;) {
        if (zheap_fits(private, (uint64_t)zspan_pages(order) * ZPAGE_BYTES)) {
            span = zheap_acquire_span(heap, class_index, order);
            if (span != NULL) break;
            outcome = ZHEAP_NO_MEMORY;
        }
        if (order == smallest) return outcome;
        order = order == ZSPAN_4 ? smallest : order - 1;
    }

    struct zpage **tail = &zheap_more(heap)->tails[class_index];
    if (*tail == NULL) {
        class->first = span;
    } else {
        ZVM_ASSERT((*tail)->next == NULL);
        (*tail)->next = span;
    }
    *tail = span;
    class->base = zpage_base(span);
    zheap_more(heap)->class_pages[class_index] += zspan_pages(order);
    return ZHEAP_GOT;
}

// ---- The class table --------------------------------------------------------------------------

enum zheap_outcome zheap_grow_more(struct zheap *heap)
{
    if (zheap_more(heap) != NULL) return ZHEAP_GOT;
    struct zheap_private *private = zheap_private(heap);
    if (!zheap_fits(private, sizeof(struct zheap_more) + ZPAGE_BYTES)) return ZHEAP_OVER_LIMIT;

    struct zheap_more *more = zheap_env_take_table(heap->env);
    if (more == NULL) return ZHEAP_NO_MEMORY;
    struct zpage *reserve = zheap_acquire_span(heap, ZPAGE_CLASS_MIXED, ZSPAN_1);
    if (reserve == NULL) {
        zheap_env_give_table(heap->env, more);
        return ZHEAP_NO_MEMORY;
    }
    more->reserve.base = zpage_base(reserve);
    private->charged_bytes += sizeof *more;
    zheap_note_commit(private);
    heap->classes = more->classes;
    return ZHEAP_GOT;
}

// ---- Cells ------------------------------------------------------------------------------------

static struct zpage *page_after(const struct zheap_class *class)
{
    if (class->base == NULL) return class->first;
    struct zpage *page = zpage_at(class->base);
    if (page->index + 1u < zspan_pages(page->order)) return page + 1;
    return (page - page->index)->next;
}

// Puts the free cells of the next page that has some into `kept`; false: no page has. Pages that the
// collection under way has not finished yet are finished on the way.
static bool find_kept(struct zheap *heap, struct zheap_class *class)
{
    ZVM_ASSERT(class->kept == 0);
    bool is_noted = false;
    do {
        struct zpage *page = page_after(class);
        if (page == NULL) return false;
        if (ZVM_UNLIKELY(page->turn != zheap_more(heap)->cycle.turn)) {
            if (!is_noted) zheap_note_peak(heap);
            is_noted = true;
            zfinish_page(heap, page);
        }
        class->base = zpage_base(page);
        class->kept = zpage_starts(page) & ~*zpage_used(page);
    } while (class->kept == 0);
    return true;
}

// How many cells may leave `kept` at once.
static uint64_t handout_max(const struct zheap *heap, uint32_t class_index)
{
    const struct zheap_private *private = zheap_private_const(heap);
    if (ZHEAP_STRESS) return 1;
    if (ZVM_UNLIKELY(zheap_profile(heap) != NULL)) {
        uint64_t max = zprofile_handout_max(heap, zheap_class_bytes[class_index]);
        if (private->threshold_count == 0) return max;
        uint64_t left = private->threshold_next - 1 - private->acquired_count;
        return max < left ? max : left;
    }
    if (private->threshold_count == 0) return ZPAGE_GRANULES;
    ZVM_ASSERT(private->acquired_count + 1 < private->threshold_next);
    return private->threshold_next - 1 - private->acquired_count;
}

static uint64_t lowest_bits(uint64_t bits, uint64_t count)
{
    uint64_t rest = bits;
    for (; count > 0 && rest != 0; count--) {
        rest &= rest - 1;
    }
    return bits & ~rest;
}

static void unpoison_cells(char *base, uint64_t cells, size_t cell_bytes)
{
    for (; ZHEAP_POISON && cells != 0; cells &= cells - 1) {
        zheap_unpoison(base + (size_t)zbits_lowest(cells) * ZGRANULE_BYTES, cell_bytes);
    }
}

// Moves kept cells to the cache, and takes the first of them.
static void *hand_out(struct zheap *heap, uint32_t class_index)
{
    struct zheap_private *private = zheap_private(heap);
    struct zheap_class *class = &heap->classes[class_index];
    ZVM_ASSERT(class->cache == 0);
    ZVM_ASSERT(class->kept != 0);
    uint64_t cells = class->kept;
    uint64_t max = handout_max(heap, class_index);
    if (ZVM_UNLIKELY(max < ZPAGE_GRANULES)) cells = lowest_bits(cells, max);

    struct zpage **touched = &zheap_more(heap)->touched[class_index];
    if (*touched == NULL) {
        *touched = zpage_at(class->base);
        zheap_more(heap)->handed_out |= 1u << class_index;
    }
    class->kept &= ~cells;
    zslab_of(class->base)->used[zpage_number_at(class->base)] |= cells;
    uint32_t count = zbits_count(cells);
    private->acquired_count += count;
    private->acquired_bytes += (uint64_t)count * zheap_class_bytes[class_index];
    class->cache = cells & (cells - 1);
    unpoison_cells(class->base, cells, zheap_class_bytes[class_index]);
    return class->base + (size_t)zbits_lowest(cells) * ZGRANULE_BYTES;
}

// The next free cell that there is, NULL: none. What most slow paths come to, so it is one function.
static void *refill(struct zheap *heap, uint32_t class_index)
{
    struct zheap_class *class = &heap->classes[class_index];
    if (class->kept == 0 && !find_kept(heap, class)) return NULL;
    return hand_out(heap, class_index);
}

// A cell of a larger class than needed, NULL: none is free. Only at the limit, when a collection
// has just been: a small heap of many sizes could not use most of its memory otherwise.
static void *borrow(struct zheap *heap, uint32_t class_index)
{
    for (uint32_t larger = class_index + 1; larger < ZHEAP_CLASSES; larger++) {
        struct zheap_class *class = &heap->classes[larger];
        uint64_t cached = class->cache;
        if (cached != 0) {
            class->cache = cached & (cached - 1);
            return class->base + (size_t)zbits_lowest(cached) * ZGRANULE_BYTES;
        }
        void *cell = refill(heap, larger);
        if (cell != NULL) return cell;
    }
    return NULL;
}

struct cell_request {
    size_t bytes;
    void *address;
};

// The room that the first page has once there are spans: it counts where the limit is small. Elsewhere
// it is left: each object made there costs the slow path, and a collection that finds the page dead
// would bring 30 of these.
static uint32_t first_page_top_max(const struct zheap *heap)
{
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return FIRST_PAGE_TOP_MAX;
    bool is_used = zheap_private_const(heap)->limit_bytes < FIRST_PAGE_LIMIT_BYTES;
    return is_used && more->cycle.phase != ZPHASE_PRUNE ? ZFIRST_GRANULES : 0;
}

// A cell of the first page, or of one that has a free one: what most slow paths come to. NULL: the long way.
static inline void *take_plain(struct zheap *heap, size_t bytes)
{
    if (zheap_more(heap) == NULL)
        return zfirst_page_take(heap, zgranules_round(bytes), FIRST_PAGE_TOP_MAX);
    if (first_page_top_max(heap) != 0) return NULL;
    return refill(heap, zheap_class_of(bytes));
}

static enum zheap_outcome take_cell(struct zheap *heap, size_t bytes, void **out)
{
    size_t cell_bytes = zgranules_round(bytes < 1 ? 1 : bytes);
    *out = zfirst_page_take(heap, cell_bytes, first_page_top_max(heap));
    if (*out != NULL) return ZHEAP_GOT;

    if (zheap_more(heap) == NULL) {
        enum zheap_outcome outcome = zheap_grow_more(heap);
        if (outcome != ZHEAP_GOT) return outcome;
    }
    uint32_t class_index = zheap_class_of(bytes);
    *out = refill(heap, class_index);
    if (*out != NULL) return ZHEAP_GOT;
    enum zheap_outcome outcome = add_span(heap, class_index);
    if (outcome == ZHEAP_GOT) {
        struct zheap_class *class = &heap->classes[class_index];
        class->kept = zpage_starts(zpage_at(class->base));
        *out = refill(heap, class_index);
    } else if (zheap_private(heap)->is_at_limit) {
        *out = borrow(heap, class_index);
    }
    return *out != NULL ? ZHEAP_GOT : outcome;
}

static enum zheap_outcome attempt_cell(struct zheap *heap, void *request)
{
    struct cell_request *cell = request;
    enum zheap_outcome outcome = take_cell(heap, cell->bytes, &cell->address);
    if (outcome == ZHEAP_GOT || !zheap_private(heap)->is_reserve_open) return outcome;
    cell->address = zreserve_take(heap, zgranules_round(cell->bytes));
    return cell->address != NULL ? ZHEAP_GOT : outcome;
}

// ---- Triggers ---------------------------------------------------------------------------------

void zheap_poll(struct zheap *heap, uint64_t upcoming_bytes)
{
    const struct zheap_private *private = zheap_private(heap);
    if (ZVM_UNLIKELY(private->pressure_seen != zpressure_stamp(heap->env)))
        zheap_answer_pressure(heap);
    if (ZHEAP_STRESS || private->acquired_bytes + upcoming_bytes >= private->collect_at_bytes) {
        zheap_collect_due(heap, upcoming_bytes);
    }
}

void zheap_return_caches(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return;
    struct zheap_private *private = zheap_private(heap);
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        struct zheap_class *class = &more->classes[i];
        if (class->cache == 0) continue;
        uint32_t count = zbits_count(class->cache);
        private->acquired_count -= count;
        private->acquired_bytes -= (uint64_t)count * zheap_class_bytes[i];
        zslab_of(class->base)->used[zpage_number_at(class->base)] &= ~class->cache;
        class->kept |= class->cache;
        class->cache = 0;
    }
}

// Whether this allocation is the one that the count threshold waits for. Caches never hold more
// cells than are left until then (hand_out); cells that other classes still have are taken back
// first.
static bool is_count_due(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    if (private->threshold_count == 0) return false;
    if (private->acquired_count + 1 < private->threshold_next) return false;
    zheap_return_caches(heap);
    if (private->acquired_count + 1 < private->threshold_next) return false;
    private->threshold_next += private->threshold_count;
    return true;
}

// Seldom enough to stand apart, often enough (once a page) not to be cold.
__attribute__((noinline)) void *zheap_new_slow(struct zheap *heap, uint32_t kind_flags,
                                               size_t bytes, uint32_t aux)
{
    ZVM_ASSERT(heap->env != NULL);
    ZVM_ASSERT(!zheap_private(heap)->is_collecting);
    if (is_count_due(heap)) {
        zheap_collect_now(heap, ZCOLLECT_GROWTH);
    } else {
        zheap_poll(heap, 0);
    }

    bool is_profiled = zheap_profile(heap) != NULL;
    if (ZVM_UNLIKELY(is_profiled)) zprofile_before(heap, zheap_class_bytes[zheap_class_of(bytes)]);
    struct cell_request cell = {.bytes = bytes, .address = take_plain(heap, bytes)};
    if (cell.address == NULL && !zheap_attempt(heap, attempt_cell, &cell, bytes)) return NULL;
    zheap_word *header = cell.address;
    *header = heap->header | kind_flags | (uint64_t)aux << 32;
    if (ZVM_UNLIKELY(is_profiled)) zprofile_note(heap, cell.address);
    return cell.address;
}

// The bytes of the cell that an object of this heap has.
size_t zheap_cell_bytes(const struct zheap *heap, const void *object)
{
    const struct zpage *page = zpage_at(object);
    if (page->class != ZPAGE_CLASS_MIXED) return zheap_class_bytes[page->class];
    struct zmixed mixed = zfirst_page(heap);
    if (mixed.base != zpage_base(page)) mixed = zheap_more(heap)->reserve;
    uint32_t granule = zbits_lowest(zgranule_bit(object));
    return zmixed_cell_bytes(mixed.starts, mixed.top, granule);
}
