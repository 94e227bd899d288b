// heap/stats.c - exact figures of one heap, read off the counters of the slow paths.
//
// Owns: nothing. Thread: owner.
// The fast path counts nothing: the cells in the caches are counted as acquired when they are
// handed out, and taken off here. So allocated and live are exact between any two allocations. Live
// only grows between two slow paths, so the peak is exact when it is noted before everything that
// frees.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

struct cached {
    uint64_t count, bytes;
};

static struct cached cached_cells(const struct zheap *heap)
{
    struct cached cached = {0, 0};
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return cached;
    for (uint32_t left = more->handed_out; left != 0; left &= left - 1) {
        uint32_t i = zbits_lowest(left);
        uint64_t count = zbits_count(more->classes[i].cache);
        cached.count += count;
        cached.bytes += count * zheap_class_bytes[i];
    }
    return cached;
}

uint64_t zheap_live_bytes(const struct zheap *heap)
{
    const struct zheap_private *private = zheap_private_const(heap);
    return private->acquired_bytes - cached_cells(heap).bytes - private->freed_bytes;
}

uint64_t zheap_live_count(const struct zheap *heap)
{
    const struct zheap_private *private = zheap_private_const(heap);
    return private->acquired_count - cached_cells(heap).count - private->freed_count;
}

void zheap_note_peak(struct zheap *heap)
{
    uint64_t live = zheap_live_bytes(heap);
    struct zheap_private *private = zheap_private(heap);
    if (live > private->live_peak_bytes) private->live_peak_bytes = live;
}

uint64_t zheap_committed_bytes(const struct zheap *heap)
{
    return zheap_committed(zheap_private_const(heap));
}

void zheap_stats(const struct zheap *heap, struct zheap_stats *out)
{
    const struct zheap_private *private = zheap_private_const(heap);
    const struct zheap_more *more = zheap_more(heap);
    struct cached cached = cached_cells(heap);
    uint64_t live_bytes = private->acquired_bytes - cached.bytes - private->freed_bytes;
    uint64_t peak = private->live_peak_bytes;
    *out = (struct zheap_stats){
        .limit_bytes = private->limit_bytes,
        .committed_bytes = zheap_committed(private),
        .committed_peak_bytes = private->committed_peak_bytes,
        .external_bytes = private->external_bytes,
        .charged_bytes = private->charged_bytes,
        .allocated_count = private->acquired_count - cached.count,
        .allocated_bytes = private->acquired_bytes - cached.bytes,
        .freed_count = private->freed_count,
        .freed_bytes = private->freed_bytes,
        .live_count = private->acquired_count - cached.count - private->freed_count,
        .live_bytes = live_bytes,
        .live_peak_bytes = live_bytes > peak ? live_bytes : peak,
        .collections = private->collections,
        .minor_collections = more == NULL ? 0 : more->minor_collections,
        .incremental_collections = more == NULL ? 0 : more->incremental_collections,
        .slices = more == NULL ? 0 : more->slices,
        .slice_words_max = more == NULL ? 0 : more->slice_words_max,
        .atomic_words_max = more == NULL ? 0 : more->atomic_words_max,
        .pause_ns_total = private->pause_ns_total,
        .pause_ns_max = private->pause_ns_max,
        .held_symbols = private->held_count,
    };
}

uint64_t zheap_take_work(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    uint64_t work = private->work_words;
    private->work_words = 0;
    return work;
}
