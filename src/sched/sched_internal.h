// sched/sched_internal.h - what the files of the scheduler share.
//
// Two locks, both leaves: neither is taken under the other, and nothing of another folder is called
// under one, but for zreport's writers under host_lock. reserve_lock may be held around both.
#ifndef ZVM_SCHED_SCHED_INTERNAL_H
#define ZVM_SCHED_SCHED_INTERNAL_H

#include "sched/queue.h"
#include "sched/sched.h"

#include <pthread.h>

// What one thread needs to touch an isolate, and where its figures go.
struct zlane {
    struct zrunner runner;  // owner-thread: who has the lane
    struct zworker *worker; // frozen; NULL: a lane of the host's threads
    struct zlane *next;     // under host_lock: the free lanes
};

struct zworker {
    // owner-thread: the worker
    struct zlane lane;
    struct zsched *sched; // frozen
    pthread_t thread;     // frozen once started
    uint32_t index;       // frozen
    bool is_in_slice;     // its lane is in use
    bool is_lending;      // in an on_finish callback: its lane is free for what the callback does
    // under queue_lock
    bool is_parked;
    struct zworker *parked_next;
    pthread_cond_t wake;
    // shared, PAIR report: the worker writes, anybody reads
    struct zreport_block block;
};

struct zsched {
    // frozen once the workers run
    struct zworker **workers; // [worker_capacity], the first worker_count of them started
    uint32_t worker_count, worker_capacity;
    uint32_t slice_budget;
    struct zspan_pool *spans;
    uint64_t start_ns;

    // queue_lock: the run queue, everybody who sleeps, and each isolate's step into and out of
    // QUEUED and into DONE. Held for a few dozen instructions.
    _Alignas(ZVM_CACHE_LINE_BYTES) pthread_mutex_t queue_lock;
    struct zqueue queue;
    struct zworker *parked; // a stack of sleeping workers
    pthread_cond_t done;    // some isolate with waiters is DONE, or nothing is in flight
    uint32_t drain_count;   // threads in drain
    bool is_stopping;       // workers leave when they find the queue empty
    // Written under queue_lock, and read under it where it decides something; relaxed elsewhere.
    _Atomic uint64_t in_flight; // submitted, and not through with on_finish
    _Atomic uint32_t is_closed;

    // host_lock: the host threads' lanes and block, and the list of all isolates
    _Alignas(ZVM_CACHE_LINE_BYTES) pthread_mutex_t host_lock;
    struct zlane *lanes; // free
    struct zisolate *live;
    struct zreport_block host_block; // written under host_lock; PAIR report

    pthread_mutex_t reserve_lock; // held while the reserve lane is used
    struct zlane *reserve;

    // shared, relaxed: a gauge and its highest value; nothing is read through them
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t heap_current_bytes;
    _Atomic uint64_t heap_peak_bytes;
};

// ---- worker.c
void *zworker_main(void *worker);
// The worker whose thread this is, when it is one of sched's; else NULL.
struct zworker *zworker_current(const struct zsched *sched);
// Takes a sleeping worker off the stack, to be woken by zworker_wake once the lock is released;
// NULL: none sleeps.
struct zworker *zworker_unpark_locked(struct zsched *sched);
void zworker_wake(struct zworker *worker); // may be NULL

// ---- sched.c
// The last touch of an isolate by the thread that ran it: DONE, waiters, on_finish. was_submitted:
// it counts as in flight. Called with queue_lock held, returns with it held, and lets it go for the
// callback. The caller has folded the isolate's figures.
void zsched_finish_locked(struct zsched *sched, struct zisolate *iso, bool was_submitted);
// The deadline of an isolate that has a timeout and no deadline yet: from now. thread: its owner.
void zsched_set_deadline(struct zisolate *iso);

// ---- lane.c
// A lane for the calling thread; NULL: no memory.
struct zlane *zlane_acquire(struct zsched *sched);
// The same, never NULL: it may wait for another thread that has no memory either. For a short use.
struct zlane *zlane_acquire_sure(struct zsched *sched);
void zlane_release(struct zsched *sched, struct zlane *lane);
zvm_status zlane_create(struct zsched *sched, struct zlane **out);
void zlane_destroy_all(struct zsched *sched);

// ---- fold.c
// Opens the block that the lane's figures go to, and closes it again.
struct zreport_block *zfold_begin(struct zsched *sched, const struct zlane *lane);
void zfold_end(struct zsched *sched, const struct zlane *lane, struct zreport_block *block,
               uint64_t now_ns);
// What has changed in the isolate's heap since it was last folded.
void zfold_heap(struct zsched *sched, struct zreport_block *block, struct zisolate *iso,
                struct zlane *lane);
// The heap goes: what it still has counts as freed and given back.
void zfold_destroyed(struct zsched *sched, struct zreport_block *block, struct zisolate *iso);
void zfold_finished(struct zreport_block *block, const struct zisolate *iso);

// An isolate's figures before a slice.
struct zfold_mark {
    uint64_t fuel_used, output_bytes, slices;
};
struct zfold_mark zfold_before(const struct zisolate *iso);
void zfold_slice(struct zreport_block *block, const struct zisolate *iso,
                 const struct zfold_mark *before);

// ---- State words. PAIR state.
static inline uint32_t zstate_of(const struct zisolate *iso)
{
    return z_load_acquire(&iso->state); // PAIR state: what its last owner did to it is seen
}

// Steps from one state to another, keeping the bits that others may set at any moment. False when
// it was not in `from`; *seen gets the word as it was.
static inline bool zstate_step(struct zisolate *iso, uint32_t from, uint32_t to, uint32_t *seen)
{
    uint32_t word = zstate_of(iso);
    for (;;) {
        *seen = word;
        if ((word & ZSTATE_MASK) != from) return false;
        uint32_t next = (word & ~(uint32_t)ZSTATE_MASK) | to;
        if (z_cas_acq_rel(&iso->state, &word, next)) return true; // PAIR state
    }
}

#endif // ZVM_SCHED_SCHED_INTERNAL_H
