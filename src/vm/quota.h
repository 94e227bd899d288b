// vm/quota.h - limits that few isolates have: CPU time, bytes of output, symbols, and those of a group.
//
// Owner-thread. Allocated when an isolate is made with one of them, so that the others pay a pointer
// that is NULL and nothing else.
#ifndef ZVM_VM_QUOTA_H
#define ZVM_VM_QUOTA_H

#include "vm/group.h"
#include "vm/isolate.h"

// The sum of the group that ended the isolate, for its message.
enum zquota_sum { ZQUOTA_NONE, ZQUOTA_FUEL, ZQUOTA_CPU, ZQUOTA_OUTPUT };

struct zquota {
    uint64_t cpu_limit_ns;       // 0 = none
    uint64_t cpu_used_ns;        // of the slices that are over
    uint64_t cpu_start_ns;       // the thread's CPU time when this slice began
    uint64_t output_limit_bytes; // 0 = none
    uint64_t output_asked_bytes; // with what was printed before, when that was too much
    uint32_t symbol_limit_count, symbol_limit_bytes; // of the held set; UINT32_MAX = none
    // Of the group; NULL: none
    struct zgroup *group;
    uint64_t heap_limit_bytes;    // the isolate's own limit: what it is granted is never more
    uint64_t heap_granted_bytes;  // the limit that its heap knows
    int64_t fuel_rest;            // of its own limit, not yet taken from the group
    uint64_t sum_used, sum_limit; // of the sum that ended it
    uint8_t sum;                  // enum zquota_sum
    bool is_group_full; // it was the group that left its heap no room, when it last had too little
    bool is_in_slice;
    // scheduler, under its host lock: the isolates in the group
    struct zisolate *isolate; // frozen
    struct zquota *member_next, *member_previous;
};

// What the options ask for; enters the group. The isolate's fuel is set.
// errors: ZVM_E_NOMEM; of a group: ZVM_E_ISOLATES, ZVM_E_CLOSED cancelled, ZVM_E_HEAP_LIMIT.
zvm_status zquota_create(struct zisolate *iso, const struct zisolate_options *options);
// After the heap is gone; leaves the group. The quota stays as long as the isolate's block, because an
// entry in a queue may still lead to it.
void zquota_leave(struct zisolate *iso);
void zquota_free(struct zisolate *iso);

// Frozen as long as the block, which holds it: NULL: none.
static inline struct zgroup *zquota_group(const struct zisolate *iso)
{
    return iso->quota == NULL ? NULL : iso->quota->group;
}

// A slice of so much fuel begins on the calling thread; fuel_reserve gets what the group has for it.
void zquota_begin(struct zisolate *iso, uint64_t budget);
void zquota_end(struct zisolate *iso, bool is_over);
// Between slices: what the heap does not need, the group gets back; is_over: all that it does not have.
void zquota_return_heap(struct zisolate *iso, bool is_over);
// The program starts anew: its own fuel and CPU time from 0, output goes on counting.
void zquota_restart(struct zisolate *iso);
// In a group: more has been charged than was taken. False: there is not enough (pending is set).
// is_in_builtin: the slice goes on.
bool zquota_refuel(struct zisolate *iso, bool is_in_builtin);

// Fuel that its own limit leaves it and that is not in the isolate's own words.
static inline int64_t zquota_fuel_rest(const struct zisolate *iso)
{
    return iso->quota == NULL ? 0 : iso->quota->fuel_rest;
}

// A shorter one would be spent on beginning and ending it.
#define ZGROUP_SLICE_LEAST 512

static inline uint64_t zquota_at_least(uint64_t share, uint64_t budget)
{
    uint64_t least = budget < ZGROUP_SLICE_LEAST ? budget : ZGROUP_SLICE_LEAST;
    return share < least ? least : share;
}

// What all of the group may have while everybody else has one slice.
static inline uint64_t zgroup_due(const struct zgroup *group, uint64_t budget)
{
    return budget * group->weight / ZGROUP_WEIGHT_DEFAULT;
}

// The part of a slice that it gets: the group's weight in usual ones, shared by those of the group that
// take turns now.
static inline uint64_t zquota_budget(const struct zisolate *iso, uint64_t budget)
{
    const struct zgroup *group = zquota_group(iso);
    if (group == NULL) return budget;
    uint32_t entered =
        z_load_relaxed(&group->turns.entered); // relaxed: a gauge; 0: the host runs it
    return zquota_at_least(zgroup_due(group, budget) / (entered == 0 ? 1 : entered), budget);
}

// Of the isolate's held set.
static inline uint32_t zquota_symbol_limit_count(const struct zisolate *iso)
{
    return iso->quota == NULL ? UINT32_MAX : iso->quota->symbol_limit_count;
}

static inline uint32_t zquota_symbol_limit_bytes(const struct zisolate *iso)
{
    return iso->quota == NULL ? UINT32_MAX : iso->quota->symbol_limit_bytes;
}

// What it used of the CPU time so far, this slice included. In a slice only.
uint64_t zquota_cpu_ns(const struct zisolate *iso);
// At a poll, with a quota. false: the isolate ends (pending is set).
bool zquota_poll(struct zisolate *iso);
// Before `bytes` more are printed, with a quota. false: they are too many (pending is set).
bool zquota_output(struct zisolate *iso, uint64_t bytes);

// Hook of the heap: its limit from now on, when it needs so much more.
uint64_t zquota_raise_heap(struct zisolate *iso, uint64_t limit_bytes, uint64_t more_bytes);

// The limit that a heap has come to, and what was used of it.
struct zquota_heap {
    uint64_t limit_bytes, used_bytes;
    bool is_group;
};
// From the limit that the heap knows, and its peak.
struct zquota_heap zquota_heap(const struct zisolate *iso, uint64_t limit_bytes,
                               uint64_t peak_bytes);

// Its own limit, of the one that its heap knows.
static inline uint64_t zquota_own_heap_limit(const struct zisolate *iso, uint64_t limit_bytes)
{
    bool is_in_group = iso->quota != NULL && iso->quota->group != NULL;
    return is_in_group ? iso->quota->heap_limit_bytes : limit_bytes;
}

// Symbols that the isolate holds. False: the group has no room for one more of so many bytes.
bool zquota_take_symbol(struct zisolate *iso, uint32_t bytes);
void zquota_drop_symbol(struct zisolate *iso, uint32_t bytes);

#endif // ZVM_VM_QUOTA_H
