// heap/profile.c - the hooks through which a heap's profile sees allocations and collections.
//
// Owns: struct zprofile, which struct zheap_more leads to. Thread: owner.
// Invariants:  1. with a history, no class has a cell in its cache: every allocation is slow.
//              2. with a sampler, acquired_bytes, cached cells included, is never above
//                 sampler.next_bytes between two allocations: so no fast allocation can pass it.
// How: what is asked for decides how many cells a slow path may hand out. Before an allocation that
// may pass the sampled byte, cached cells of all classes are taken back, so that acquired_bytes is
// what was really allocated. External payloads always come by the slow path.
#include "heap/profile_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

// ---- The life of a profile --------------------------------------------------------------------

static void free_parts(struct zprofile *profile)
{
    zhistory_free(profile);
    zsampler_free(profile);
    z_free(profile, sizeof *profile);
}

static zvm_status start_parts(struct zheap *heap, struct zprofile *profile)
{
    zages_start(heap, profile);
    zvm_status status = zhistory_start(profile);
    if (status != ZVM_OK) return status;
    return zsampler_start(profile, zheap_private(heap)->acquired_bytes);
}

zvm_status zprofile_start(struct zheap *heap, const struct zprofile_options *options)
{
    ZVM_ASSERT(heap->env != NULL);
    if (!ZHEAP_PROFILES) return ZVM_E_STATE;
    ZVM_ASSERT(zprofile_of(heap) == NULL);
    switch (zheap_grow_more(heap)) {
    case ZHEAP_GOT:
        break;
    case ZHEAP_OVER_LIMIT:
        return ZVM_E_HEAP_LIMIT;
    case ZHEAP_NO_MEMORY:
    default:
        return ZVM_E_NOMEM;
    }
    struct zprofile *profile = z_alloc_zeroed(sizeof *profile);
    if (profile == NULL) return ZVM_E_NOMEM;
    profile->options = *options;
    zheap_return_caches(heap);
    zvm_status status = start_parts(heap, profile);
    if (status != ZVM_OK) {
        free_parts(profile);
        return status;
    }
    zheap_more(heap)->profile = profile;
    return ZVM_OK;
}

void zprofile_free(struct zheap *heap)
{
    struct zprofile *profile = zprofile_of(heap);
    if (profile == NULL) return;
    zheap_more(heap)->profile = NULL;
    free_parts(profile);
}

bool zprofile_is_on(const struct zheap *heap)
{
    return zprofile_of(heap) != NULL;
}

zvm_status zprofile_status(const struct zheap *heap)
{
    const struct zprofile *profile = zprofile_of(heap);
    return profile == NULL ? ZVM_OK : profile->status;
}

// ---- Allocations ------------------------------------------------------------------------------

uint64_t zprofile_handout_max(const struct zheap *heap, uint32_t cell_bytes)
{
    const struct zprofile *profile = zprofile_of(heap);
    if (profile->history.capacity > 0) return 1;
    if (profile->sampler.mean_bytes == 0) return ZPAGE_GRANULES;
    // The first of them is allocated right now, and seen.
    uint64_t acquired_bytes = zheap_private_const(heap)->acquired_bytes;
    uint64_t next_bytes = profile->sampler.next_bytes;
    if (acquired_bytes + cell_bytes >= next_bytes) return 1;
    return (next_bytes - acquired_bytes) / cell_bytes;
}

void zprofile_before(struct zheap *heap, size_t cell_bytes)
{
    const struct zsampler *sampler = &zprofile_of(heap)->sampler;
    if (sampler->mean_bytes == 0) return;
    if (zheap_private(heap)->acquired_bytes + cell_bytes <= sampler->next_bytes) return;
    zheap_return_caches(heap);
}

// bytes were just allocated for object.
static void note(struct zheap *heap, struct zobject *object, uint64_t bytes, bool is_payload)
{
    struct zprofile *profile = zprofile_of(heap);
    zages_poll(heap, profile, zclock_coarse_ns());
    if (profile->history.capacity > 0) zhistory_add(heap, profile, object, bytes, is_payload);
    uint64_t allocated_bytes = zheap_private(heap)->acquired_bytes;
    if (profile->sampler.mean_bytes == 0 || allocated_bytes < profile->sampler.next_bytes) return;
    zsampler_add(heap, profile, object, bytes, allocated_bytes);
}

void zprofile_note(struct zheap *heap, struct zobject *object)
{
    note(heap, object, zheap_cell_bytes(heap, object), false /* is_payload */);
}

void zprofile_note_payload(struct zheap *heap, struct zobject *owner, uint64_t grown_bytes)
{
    zheap_return_caches(heap);
    note(heap, owner, grown_bytes, true /* is_payload */);
}

// ---- Collections ------------------------------------------------------------------------------

void zprofile_prune(struct zheap *heap)
{
    zsampler_prune(zprofile_of(heap));
}

void zprofile_next_epoch(struct zheap *heap)
{
    zages_collected(heap, zprofile_of(heap));
}
