// heap/history.c - the newest allocations of a heap, in a ring.
//
// Owns: the ring, made at the start. Thread: owner.
#include "heap/profile_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

zvm_status zhistory_start(struct zprofile *profile)
{
    uint32_t capacity = profile->options.history_entries;
    ZVM_ASSERT(capacity <= ZHISTORY_ENTRIES_MAX);
    if (capacity == 0) return ZVM_OK;
    profile->history.entries = z_alloc_zeroed(capacity * sizeof(struct zhistory_entry));
    if (profile->history.entries == NULL) return ZVM_E_NOMEM;
    profile->history.capacity = capacity;
    return ZVM_OK;
}

void zhistory_free(struct zprofile *profile)
{
    struct zhistory *history = &profile->history;
    z_free(history->entries, history->capacity * sizeof(struct zhistory_entry));
    *history = (struct zhistory){0};
}

void zhistory_add(struct zheap *heap, struct zprofile *profile, const struct zobject *object,
                  uint64_t bytes, bool is_payload)
{
    struct zhistory *history = &profile->history;
    struct zsite site = {.frame_count = 0};
    if (profile->options.site != NULL) profile->options.site(profile->options.context, &site);
    struct zsite_frame none = {NULL, 0};
    history->entries[history->total++ % history->capacity] = (struct zhistory_entry){
        .time_ns = zclock_coarse_ns(),
        .address = (uintptr_t)object,
        .bytes = bytes,
        .epoch = zheap_private(heap)->collections,
        .site = site.frame_count > 0 ? site.frames[0] : none,
        .kind = object->kind,
        .is_payload = is_payload,
    };
}

uint32_t zhistory_count(const struct zheap *heap, uint64_t *total)
{
    const struct zprofile *profile = zprofile_of(heap);
    if (profile == NULL) {
        *total = 0;
        return 0;
    }
    const struct zhistory *history = &profile->history;
    *total = history->total;
    return history->total < history->capacity ? (uint32_t)history->total : history->capacity;
}

bool zhistory_entry(const struct zheap *heap, uint32_t index, struct zhistory_entry *out)
{
    uint64_t total;
    uint32_t count = zhistory_count(heap, &total);
    if (index >= count) return false;
    const struct zhistory *history = &zprofile_of(heap)->history;
    *out = history->entries[(total - count + index) % history->capacity];
    return true;
}

bool zhistory_is_on(const struct zheap *heap)
{
    const struct zprofile *profile = zprofile_of(heap);
    return profile != NULL && profile->history.capacity > 0;
}
