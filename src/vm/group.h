// vm/group.h - a group of isolates (a tenant): what they may have together, and what they have.
//
// shared: every sum is one word that any thread changes; its limit is frozen. Isolates take from a sum
// before they use, and give back what they did not use, so that no sum needs a lock and none ever passes
// its limit: but CPU time, which is added when it has passed.
// All relaxed, because nothing is read through a sum, but for the last isolate that goes: PAIR group,
// release when it leaves, acquire by who destroys the group.
#ifndef ZVM_VM_GROUP_H
#define ZVM_VM_GROUP_H

#include "base/alloc.h"
#include "vm/isolate.h"

struct zsum {
    _Atomic uint64_t taken;
    uint64_t limit; // UINT64_MAX: none
};

#define ZGROUP_WEIGHT_DEFAULT 100
#define ZGROUP_WEIGHT_MAX     1000 // ten slices: no isolate runs longer at a time

struct zturn_queue {
    struct zisolate *first, *last; // linked by queue_next
};

// Whose turn it is in a group: sched/turns.h.
struct zturns {
    // shared. PAIR turns: pushed by anybody, taken all at once by who serves
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic(struct zisolate *) arrivals;
    _Atomic uint32_t requests; // shared. PAIR turns-serve: not 0: somebody serves
    _Atomic uint32_t entered;  // shared: isolates whose entry is in a worker's queue, or that run
    _Atomic uint32_t waiting;  // shared, relaxed: a gauge: those whose entry is here
    _Atomic uint64_t spent; // shared, relaxed: budgets of workers that went to it: sched/share.h
    // who serves
    struct zturn_queue queues[ZPRIORITY_COUNT];
    struct zpick pick;
};

struct zgroup {
    struct zsum isolates;   // that exist
    struct zsum heap_bytes; // granted to their heaps, each at least ZGROUP_HEAP_LEAST_BYTES
    struct zsum fuel;       // used, and granted to the slices that run
    struct zsum cpu_ns;     // of the slices that are over, when there is a limit
    struct zsum output_bytes;
    struct zsum symbols, symbol_bytes; // of their held sets
    _Atomic uint32_t is_cancelled; // shared. PAIR group-cancel
    _Atomic uint64_t created;      // shared, relaxed: a count
    _Atomic uint64_t ended;        // shared, relaxed: isolates that this group's limits ended
    // shared. PAIR group-holds: the host, each isolate's block, as long as it is there, and each entry
    _Atomic uint32_t holds;
    uint32_t weight;        // frozen: percent of what an isolate without a group gets
    struct zturns turns;
    char name[ZVM_GROUP_NAME_BYTES_MAX + 1]; // frozen, NUL-terminated
    uint64_t number;                         // frozen: in the order of creation, from 1
    struct zgroup *next, *previous; // scheduler, under its lock of groups: all of the runtime
    struct zquota *members;         // scheduler, under its host lock: the isolates in this one
    void *runtime; // frozen; of api.c
};

// An isolate's block. Whatever it needs beyond is granted when it is needed.
#define ZGROUP_HEAP_LEAST_BYTES 2048

static inline uint64_t zsum_left(const struct zsum *sum)
{
    uint64_t taken = z_load_relaxed(&sum->taken); // relaxed: a gauge
    return taken < sum->limit ? sum->limit - taken : 0;
}

// Takes as much of `wanted` as there is, but nothing when there is less than `least`. The amount.
static inline uint64_t zsum_take(struct zsum *sum, uint64_t least, uint64_t wanted)
{
    uint64_t taken = z_load_relaxed(&sum->taken); // relaxed: a guess, the CAS checks it
    for (;;) {
        uint64_t left = taken < sum->limit ? sum->limit - taken : 0;
        uint64_t amount = wanted < left ? wanted : left;
        if (amount < least || amount == 0) return 0;
        // release: only because there is no weaker wrapper.
        if (z_cas_weak_release(&sum->taken, &taken, taken + amount)) return amount;
    }
}

// What was taken and not used.
static inline void zsum_give(struct zsum *sum, uint64_t amount)
{
    z_fetch_sub_relaxed(&sum->taken, amount); // relaxed: a count
}

// What was used and could not be asked for before: the sum may go over its limit.
static inline void zsum_add(struct zsum *sum, uint64_t amount)
{
    z_fetch_add_relaxed(&sum->taken, amount); // relaxed: a count
}

// ---- Isolates come and go -----------------------------------------------------------------------

// seq_cst: an isolate that comes in after a cancel has begun sees it here, at its first slice, or is
// found by the canceller's walk.
static inline bool zgroup_is_cancelled(const struct zgroup *group)
{
    return z_load_seq_cst(&group->is_cancelled) != 0; // PAIR group-cancel
}

static inline void zgroup_mark_cancelled(struct zgroup *group)
{
    z_store_seq_cst(&group->is_cancelled, 1); // PAIR group-cancel
}

// False: as many isolates as there may be.
static inline bool zgroup_enter(struct zgroup *group)
{
    return zsum_take(&group->isolates, 1, 1) == 1;
}

// The group may be gone afterwards.
static inline void zgroup_leave(struct zgroup *group)
{
    z_fetch_sub_release(&group->isolates.taken, 1); // PAIR group
}

// Nobody is inside, and all that was done inside is seen.
static inline bool zgroup_is_empty(const struct zgroup *group)
{
    return z_load_acquire(&group->isolates.taken) == 0; // PAIR group
}

// ---- Its memory ---------------------------------------------------------------------------------

// relaxed: whoever adds one has one.
static inline void zgroup_hold(struct zgroup *group)
{
    z_fetch_add_relaxed(&group->holds, 1);
}

// True: it was the last one, and the caller frees the group.
static inline bool zgroup_let_go(struct zgroup *group)
{
    return z_fetch_sub_acq_rel(&group->holds, 1) == 1; // PAIR group-holds
}

// Lets go, and frees it with the last one.
static inline void zgroup_release(struct zgroup *group)
{
    if (zgroup_let_go(group)) z_free_aligned(group, sizeof *group);
}

// ---- Fuel ---------------------------------------------------------------------------------------

// What is granted at once: a quarter of what is left, so that those who run at the end share it.
#define ZGROUP_FUEL_LEAST 1024

// At least `least`, or nothing; more of `wanted` when there is enough. What was not used is given back
// with zsum_give.
static inline uint64_t zgroup_take_fuel(struct zgroup *group, uint64_t least, uint64_t wanted)
{
    uint64_t share = zsum_left(&group->fuel) / 4;
    if (share < ZGROUP_FUEL_LEAST) share = ZGROUP_FUEL_LEAST;
    if (share < least) share = least;
    return zsum_take(&group->fuel, least, share < wanted ? share : wanted);
}

#endif // ZVM_VM_GROUP_H
