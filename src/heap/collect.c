// heap/collect.c - one full collection: mark, then what is not marked is free.
//
// Owns: nothing. Thread: owner, inside an allocation or zheap_collect; no locks but the pool's.
// Invariants:  1. after: used == mark in every page, all caches are empty, and live_* are the sums
//                 over the pages plus the external payloads.
//              2. nothing here allocates, but for the mark stack, which can do without.
// How: there is no sweep. `used = mark` is one word a page; payloads outside go with the owner
// list, symbols with the held set, both before the cells of the dead may be overwritten. Spans left
// empty go back to the thread as far as the heap will not need them before the next collection.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

#include "base/atomic.h"
#include "base/clock.h"

#include <stdio.h>

#define GROWTH_BYTES_MIN (64u * 1024)

// What is left of the cells, summed while used words are written.
struct survivors {
    uint64_t count, bytes;
    uint32_t empty_spans;
};

// ---- Clearing marks ---------------------------------------------------------------------------

static void clear_marks(struct zheap *heap)
{
    *zpage_mark(zpage_at(zheap_private(heap)->first_base)) = 0;
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return;
    *zpage_mark(zpage_at(more->reserve.base)) = 0;
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        const struct zpage *span = more->classes[i].first;
        for (; span != NULL; span = span->next) {
            memset(zpage_mark(span), 0, zspan_pages(span->order) * sizeof(uint64_t));
        }
    }
}

// ---- Finishing pages --------------------------------------------------------------------------

static void poison_cells(char *base, uint64_t dead, size_t cell_bytes)
{
    for (; dead != 0; dead &= dead - 1) {
        zheap_poison(base + (size_t)zbits_lowest(dead) * ZGRANULE_BYTES, cell_bytes);
    }
}

static void finish_mixed(struct zmixed *mixed, struct survivors *survivors)
{
    struct zpage *page = zpage_at(mixed->base);
    uint64_t marked = *zpage_mark(page);
    uint64_t dead = *zpage_used(page) & ~marked;
    *zpage_used(page) = marked;
    for (; ZHEAP_POISON && dead != 0; dead &= dead - 1) {
        uint32_t granule = zbits_lowest(dead);
        zheap_poison(mixed->base + (size_t)granule * ZGRANULE_BYTES,
                     zmixed_cell_bytes(mixed->starts, mixed->top, granule));
    }
    for (uint64_t bits = marked; bits != 0; bits &= bits - 1) {
        survivors->count++;
        survivors->bytes += zmixed_cell_bytes(mixed->starts, mixed->top, zbits_lowest(bits));
    }
    if (marked == 0) {
        mixed->starts = 0;
        mixed->top = 0;
    }
}

// The cells of one span that live on.
static uint64_t finish_span(struct zpage *span)
{
    uint64_t *used = zpage_used(span);
    const uint64_t *marked = zpage_mark(span);
    uint32_t pages = zspan_pages(span->order);
    uint64_t count = 0;
    for (uint32_t i = 0; i < pages; i++) {
        if (ZHEAP_POISON) {
            poison_cells(zpage_base(&span[i]), used[i] & ~marked[i],
                         zheap_class_bytes[span->class]);
        }
        used[i] = marked[i];
        count += zbits_count(marked[i]);
    }
    return count;
}

static void finish_class(struct zheap_class *class, uint32_t cell_bytes,
                         struct survivors *survivors)
{
    ZVM_ASSERT(class->cache == 0);
    class->base = NULL;
    class->kept = 0;
    for (struct zpage *span = class->first; span != NULL; span = span->next) {
        uint64_t count = finish_span(span);
        if (count == 0) survivors->empty_spans++;
        survivors->count += count;
        survivors->bytes += count * cell_bytes;
    }
}

static struct survivors finish_pages(struct zheap *heap)
{
    struct survivors survivors = {0, 0, 0};
    struct zheap_private *private = zheap_private(heap);
    struct zheap_more *more = zheap_more(heap);
    struct zmixed first = zfirst_page(heap);
    finish_mixed(&first, &survivors);
    private->first_starts = first.starts;
    private->first_top = (uint8_t)first.top;
    if (more == NULL) return survivors;

    finish_mixed(&more->reserve, &survivors);
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        if (more->classes[i].first == NULL) continue;
        finish_class(&more->classes[i], zheap_class_bytes[i], &survivors);
    }
    return survivors;
}

// ---- Giving empty spans back ------------------------------------------------------------------

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

static void release_empty_spans(struct zheap *heap, uint64_t keep_pages)
{
    const struct zheap_private *private = zheap_private(heap);
    struct zheap_more *more = zheap_more(heap);
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        struct zpage **link = &more->classes[i].first;
        while (*link != NULL) {
            struct zpage *span = *link;
            if (private->span_pages <= keep_pages) return;
            if (is_empty(span)) {
                *link = span->next;
                more->class_pages[i] -= zspan_pages(span->order);
                zheap_release_span(heap, span);
            } else {
                link = &span->next;
            }
        }
    }
}

// ---- The collection ---------------------------------------------------------------------------

static uint64_t growth_bytes(const struct zheap *heap)
{
    uint64_t live = zheap_live_bytes(heap);
    uint32_t percent = zheap_growth_percent(heap);
    uint64_t growth = percent <= 100 ? 0 : live / 100 * (percent - 100);
    return growth > GROWTH_BYTES_MIN ? growth : GROWTH_BYTES_MIN;
}

void zheap_set_trigger(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    private->collect_at_bytes = private->acquired_bytes + growth_bytes(heap);
}

// Counts what was freed and starts the next epoch. Before: caches returned.
static void count_freed(struct zheap_private *private, const struct survivors *survivors)
{
    uint64_t cells_before =
        private->acquired_bytes - private->freed_bytes - private->external_bytes;
    uint64_t count_before = private->acquired_count - private->freed_count;
    ZVM_CHECK(survivors->bytes <= cells_before);
    ZVM_CHECK(survivors->count <= count_before);
    private->freed_bytes += cells_before - survivors->bytes;
    private->freed_count += count_before - survivors->count;
}

static void next_epoch(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    private->collections++;
    // Wraps at 16 bits: ages are differences of epochs, and reports saturate.
    heap->header = (private->collections & 0xffff) << 16;
}

static void note_pause(struct zheap *heap, uint64_t pause_ns)
{
    struct zheap_private *private = zheap_private(heap);
    private->pause_ns_total += pause_ns;
    if (pause_ns > private->pause_ns_max) private->pause_ns_max = pause_ns;
    zheap_env_add_pause(heap->env, pause_ns);
}

bool zheap_is_marked(const struct zobject *object)
{
    return (*zpage_mark(zpage_at(object)) & zgranule_bit(object)) != 0;
}

// relaxed: a setting of tests, made while nobody collects.
static atomic_bool verify_is_on = ZHEAP_VERIFY;

void zheap_set_verify(bool on)
{
    z_store_relaxed(&verify_is_on, on);
}

static void verify(struct zheap *heap)
{
    char why[256];
    bool is_good = zheap_verify_now(heap, true /* is_exact */, why, sizeof why);
    if (!is_good) (void)fprintf(stderr, "heap: %s\n", why);
    ZVM_CHECK(is_good);
}

void zheap_collect_now(struct zheap *heap, enum zcollect_reason reason)
{
    ZVM_ASSERT(heap->env != NULL);
    struct zheap_private *private = zheap_private(heap);
    ZVM_CHECK(!private->is_collecting);
    private->is_collecting = true;
    if (reason != ZCOLLECT_STRESS) private->is_at_limit = reason == ZCOLLECT_LIMIT;
    uint64_t start_ns = zclock_now_ns();
    zheap_return_caches(heap);
    zheap_note_peak(heap);

    clear_marks(heap);
    zmark_all(heap);
    const struct zheap_hooks *hooks = private->hooks;
    if (hooks != NULL && hooks->prune_weak != NULL) hooks->prune_weak(private->context);
    bool is_profiled = zheap_profile(heap) != NULL;
    if (is_profiled) zprofile_prune(heap);
    zheap_prune_owners(heap);
    zheap_prune_held(heap);
    struct survivors survivors = finish_pages(heap);
    count_freed(private, &survivors);
    next_epoch(heap);
    if (is_profiled) zprofile_next_epoch(heap);
    zheap_set_trigger(heap);
    if (survivors.empty_spans > 0) {
        bool keeps_none = reason == ZCOLLECT_ASKED || reason == ZCOLLECT_LIMIT || ZHEAP_TINY;
        uint64_t keep_bytes = keeps_none ? 0 : survivors.bytes + growth_bytes(heap);
        release_empty_spans(heap, keep_bytes / ZPAGE_BYTES);
    }
    zheap_env_shrink_stack(heap->env);
    note_pause(heap, zclock_now_ns() - start_ns);
    private->is_collecting = false;
    if (ZHEAP_VERIFY && z_load_relaxed(&verify_is_on)) verify(heap);
}

void zheap_collect(struct zheap *heap, struct zheap_collect_result *result)
{
    const struct zheap_private *private = zheap_private(heap);
    struct zheap_collect_result before = {private->freed_count, private->freed_bytes,
                                          private->pause_ns_total};
    zheap_collect_now(heap, ZCOLLECT_ASKED);
    if (result == NULL) return;
    *result = (struct zheap_collect_result){
        .freed_count = private->freed_count - before.freed_count,
        .freed_bytes = private->freed_bytes - before.freed_bytes,
        .pause_ns = private->pause_ns_total - before.pause_ns,
    };
}
