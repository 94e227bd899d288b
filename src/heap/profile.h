// heap/profile.h - what an isolate's heap remembers of its allocations, when that was asked for.
//
// Thread: owner. Off by default, and then the fast path of an allocation is as if this were not
// there: what is to be seen is brought to the slow path by handing out fewer cells (heap/alloc.c).
// No memory of the profile counts against the heap's limit; each part of it is bounded, and when
// the system refuses memory the profile ends there, and the program goes on.
#ifndef ZVM_HEAP_PROFILE_H
#define ZVM_HEAP_PROFILE_H

#include "heap/heap.h"

// A call under way: the function, opaque to the heap, and the word of its code.
struct zsite_frame {
    const void *function;
    uint32_t pc;
};

#define ZSITE_FRAMES_MAX 16u // of a stack, innermost first; what is further out is left out

struct zsite {
    uint32_t frame_count;
    struct zsite_frame frames[ZSITE_FRAMES_MAX];
};

// Fills `out` with the calls under way.
typedef void (*zsite_fn)(void *context, struct zsite *out);

struct zprofile_options {
    uint32_t history_entries; // allocations remembered, the newest ones; 0 = none
    uint64_t sample_bytes;    // one in so many bytes on average; 1 = every allocation; 0 = off
    uint64_t sample_seed;
    zsite_fn site;
    void *context; // for site
};

#define ZHISTORY_ENTRIES_MAX (1u << 24)
#define ZSAMPLE_SITES_MAX    (1u << 16) // different stacks; what comes later is in site 0
#define ZSAMPLE_ENTRIES_MAX  (1u << 24) // sampled objects that live at once

// One allocation that the history remembers.
struct zhistory_entry {
    uint64_t time_ns;        // zclock_coarse_ns
    uint64_t address;        // of the object: its name, until it is used again
    uint64_t bytes;          // of its cell, or what its payload grew by
    uint64_t epoch;          // collections before it
    struct zsite_frame site; // function NULL: none
    uint8_t kind;            // ZTYPE_…
    bool is_payload;         // bytes outside the cell
};

struct zsample {
    const struct zobject *object; // live
    uint64_t bytes;               // that it stands for
    uint64_t object_bytes;        // when it was sampled
    uint64_t time_ns, epoch;
    uint32_t site;
};

struct zsample_site {
    struct zsite site;
    uint64_t all_bytes, all_count; // that its samples stand for; samples. Since the start
    uint64_t live_bytes, live_count;
};

struct zprofile; // opaque

// Begins. errors: ZVM_E_NOMEM, ZVM_E_HEAP_LIMIT: nothing is profiled. The heap has no profile yet.
zvm_status zprofile_start(struct zheap *heap, const struct zprofile_options *options);
bool zprofile_is_on(const struct zheap *heap);
// ZVM_OK, or why a part of it has ended before its time.
zvm_status zprofile_status(const struct zheap *heap);

// The newest entries, oldest first: entry `index` of zhistory_count. total: ever.
uint32_t zhistory_count(const struct zheap *heap, uint64_t *total);
bool zhistory_is_on(const struct zheap *heap);
bool zhistory_entry(const struct zheap *heap, uint32_t index, struct zhistory_entry *out);

// The sampled sites, with what lives now counted. The array is the profile's, until the next
// allocation or collection. NULL: none.
const struct zsample_site *zsample_sites(struct zheap *heap, uint32_t *count);
bool zsample_is_on(const struct zheap *heap);
// The sample of an object, or NULL.
const struct zsample *zsample_find(const struct zheap *heap, const struct zobject *object);

// How old an object is at least, in collections (saturating at 65535) and, with a profile, in time.
struct zage {
    uint64_t collections;
    uint64_t ns; // 0 without a profile
};
struct zage zheap_age(const struct zheap *heap, const struct zobject *object, uint64_t now_ns);

// ---- Hooks of the heap ------------------------------------------------------------------------
void zprofile_before(struct zheap *heap, size_t cell_bytes);
void zprofile_note(struct zheap *heap, struct zobject *object);
void zprofile_note_payload(struct zheap *heap, struct zobject *owner, uint64_t grown_bytes);
uint64_t zprofile_handout_max(const struct zheap *heap, uint32_t cell_bytes);
void zprofile_prune(struct zheap *heap);      // everything is marked, nothing is freed yet
void zprofile_next_epoch(struct zheap *heap); // a collection has ended
void zprofile_free(struct zheap *heap);

#endif // ZVM_HEAP_PROFILE_H
