// heap/profile_internal.h - the parts of a profile, for profile.c, history.c, sample.c and ages.c.
#ifndef ZVM_HEAP_PROFILE_INTERNAL_H
#define ZVM_HEAP_PROFILE_INTERNAL_H

#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

// When an epoch began.
struct zage_mark {
    uint64_t epoch, collections, time_ns;
};

// Sorted by epoch. When it is full some of the older ones go, so that old ages get coarser, by less
// than a thirtieth.
enum { ZAGE_MARKS = 1024 };

struct zages {
    struct zage_mark marks[ZAGE_MARKS]; // [count]
    uint32_t count;
    uint64_t start_ns, next_tick_ns;
};

struct zhistory {
    struct zhistory_entry *entries; // [capacity], a ring
    uint32_t capacity;
    uint64_t total; // ever written; the next goes to total % capacity
};

struct zsampler {
    uint64_t mean_bytes; // 0 = off
    uint64_t random;
    uint64_t next_bytes; // the allocated byte that is sampled next
    // Samples by object: open addressing, capacity a power of two, object NULL = free.
    struct zsample *samples;
    uint32_t count, capacity;
    struct zsample_site *sites; // [site_count]; the first stands for those beyond the limit
    uint32_t site_count, site_capacity;
    uint32_t *site_index; // [site_index_capacity], 1 + the number of a site; 0 = free
    uint32_t site_index_capacity;
};

struct zprofile {
    struct zprofile_options options;
    struct zages ages;
    struct zhistory history;
    struct zsampler sampler;
    uint64_t epoch;
    zvm_status status;
};

// NULL: off.
static inline struct zprofile *zprofile_of(const struct zheap *heap)
{
    const struct zheap_more *more = zheap_more(heap);
    return more == NULL ? NULL : more->profile;
}

// ages.c
void zages_start(struct zheap *heap, struct zprofile *profile);
void zages_collected(struct zheap *heap, struct zprofile *profile);
void zages_poll(struct zheap *heap, struct zprofile *profile, uint64_t now_ns);

// history.c
zvm_status zhistory_start(struct zprofile *profile);
void zhistory_add(struct zheap *heap, struct zprofile *profile, const struct zobject *object,
                  uint64_t bytes, bool is_payload);
void zhistory_free(struct zprofile *profile);

// sample.c. allocated_bytes: of the heap, with this allocation.
zvm_status zsampler_start(struct zprofile *profile, uint64_t allocated_bytes);
void zsampler_add(struct zheap *heap, struct zprofile *profile, struct zobject *object,
                  uint64_t bytes, uint64_t allocated_bytes);
void zsampler_prune(struct zprofile *profile);
void zsampler_free(struct zprofile *profile);

#endif // ZVM_HEAP_PROFILE_INTERNAL_H
