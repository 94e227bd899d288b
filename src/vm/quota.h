// vm/quota.h - limits that few isolates have: CPU time, bytes of output, and those of a group.
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
    uint64_t cpu_start_ns;       // the thread's CPU time when this slice began; 0: none runs, or no limit
    uint64_t output_limit_bytes; // 0 = none
    uint64_t output_asked_bytes; // with what was printed before, when that was too much
    // Of the group; NULL: none
    struct zgroup *group;
    uint64_t heap_limit_bytes; // the isolate's own limit: what it is granted is never more
    uint64_t heap_granted_bytes;
    uint64_t fuel_taken, fuel_before; // for this slice; what it had used before
    bool is_group_dry;                // no fuel was left for this slice
    uint8_t sum;                      // enum zquota_sum
};

// What the options ask for; enters the group. *heap_limit_bytes: what the heap may have at first.
// errors: ZVM_E_NOMEM; of a group: ZVM_E_ISOLATES, ZVM_E_CLOSED cancelled, ZVM_E_HEAP_LIMIT.
zvm_status zquota_create(struct zisolate *iso, const struct zisolate_options *options,
                         uint64_t *heap_limit_bytes);
// After the heap is gone; leaves the group.
void zquota_destroy(struct zisolate *iso);

// A slice begins on the calling thread. The fuel that it may use of `grant`; 0: the group has none.
uint64_t zquota_begin(struct zisolate *iso, uint64_t grant);
void zquota_end(struct zisolate *iso);
// The program starts anew: CPU time counts from 0, output goes on counting.
void zquota_restart(struct zisolate *iso);

// The slice that the weight of its group gives it, of the usual one.
static inline uint64_t zquota_budget(const struct zisolate *iso, uint64_t budget)
{
    if (iso->quota == NULL || iso->quota->group == NULL) return budget;
    uint64_t weighted = budget * iso->quota->group->weight / ZGROUP_WEIGHT_DEFAULT;
    return weighted == 0 ? 1 : weighted;
}

// What it used of the CPU time so far, this slice included. In a slice only.
uint64_t zquota_cpu_ns(const struct zisolate *iso);
// At a poll, with a quota. false: the isolate ends (pending is set).
bool zquota_poll(struct zisolate *iso);
// Before `bytes` more are printed, with a quota. false: they are too many (pending is set).
bool zquota_output(struct zisolate *iso, uint64_t bytes);

// Hook of the heap: its limit from now on, when it needs so much more.
uint64_t zquota_raise_heap(struct zisolate *iso, uint64_t limit_bytes, uint64_t more_bytes);
// Whether it was the group that left the heap no room.
bool zquota_is_group_full(const struct zisolate *iso);

// Symbols that the isolate holds.
bool zquota_has_symbol(const struct zisolate *iso);
void zquota_add_symbol(struct zisolate *iso);
void zquota_drop_symbol(struct zisolate *iso);

#endif // ZVM_VM_QUOTA_H
