// sched/sched_internal.h - what the files of the scheduler share.
//
// Locks, all leaves: none is taken under another, but for host_lock under reserve_lock, and nothing
// of another folder is called under one, but for zreport's writers under host_lock. Everything that
// a submission, a slice or an end on a worker needs is lock-free.
#ifndef ZVM_SCHED_SCHED_INTERNAL_H
#define ZVM_SCHED_SCHED_INTERNAL_H

#include "report/roster.h"
#include "sched/admission.h"
#include "sched/blocking.h"
#include "sched/event.h"
#include "sched/finished.h"
#include "sched/hooks.h"
#include "sched/inbox.h"
#include "sched/overflow.h"
#include "sched/park.h"
#include "sched/pick.h"
#include "sched/replay.h"
#include "sched/ring.h"
#include "sched/sched.h"
#include "sched/share.h"
#include "sched/state.h"
#include "sched/token.h"
#include "sched/trace.h"
#include "sched/wheel.h"

#include "base/clock.h"

#include <pthread.h>

_Static_assert(ZPARK_WORKERS_MAX == ZSCHED_WORKERS_MAX, "every worker has a bit in the bitmap");

// Threads that wait for an isolate sleep at one of so many events, by its address: few enough to
// fit a page, enough that hardly anybody is woken for another isolate's end.
#ifndef ZSCHED_EVENTS
#    define ZSCHED_EVENTS 64
#endif

// A call that may call the host back while it runs an isolate, or has it in hand. On the stack of a thread, or in
// the lane that it has for the isolate.
struct zinside {
    const struct zsched *sched;
    const struct zisolate *iso; // NULL: it may be gone
    const struct zinside *outer;
};

// owner-thread: the innermost of the calling thread.
void zinside_enter(struct zinside *inside, const struct zsched *sched, const struct zisolate *iso);
void zinside_leave(const struct zinside *inside);

// What one thread needs to touch an isolate, and where its figures go.
struct zlane {
    struct zrunner runner;         // owner-thread: who has the lane
    struct zworker *worker;        // frozen; NULL: a lane of the host's threads
    struct zlane *next;            // under host_lock: the free lanes
    _Atomic uint64_t *clock; // of the thread, before it borrowed an isolate
    struct zinside inside;   // the call that has borrowed it, or entered it
    uint64_t collections;    // that have ended in the slice and were not told of; counts on without a hook
};

// A worker's queues of one priority.
struct zlevel {
    struct zring ring;         // shared
    struct zoverflow overflow; // shared: what the ring had no room for
    // owner-thread: the worker
    _Alignas(ZVM_CACHE_LINE_BYTES) struct zchain batch; // on their way to the overflow
    _Atomic uint32_t batch_count; // shared, relaxed: a copy of batch.count, for reports
};

struct zworker {
    // shared. An isolate's entry is in one of these, or with the worker.
    struct zlevel levels[ZPRIORITY_COUNT];
    struct zinbox inbox;
    // owner-thread: the worker
    _Alignas(ZVM_CACHE_LINE_BYTES) struct zlane lane;
    struct zsched *sched;   // frozen
    struct zpick pick;      // which priority is next
    uint64_t random;        // whom to steal from first
    uint64_t clock_ns;      // when it last looked
    struct zwheel wheel;    // of those that it let wait until some time, at the latest
    struct zisolate *running; // NULL: none. Debuggers read it, too (tools/gdb_zvm.py)
    struct ztrace *trace;     // frozen; NULL: off
    bool is_watched;        // frozen: by a trace, or by a hook of the host for events
    pthread_t thread;       // frozen once started
    uint32_t index;         // frozen
    struct zshares shares;  // what groups are due
    bool is_searching;      // one of the parking's searchers
    bool owes_look;         // it was a searcher until it wanted to sleep
    bool is_in_slice;       // its lane is in use
    bool is_lending;        // in an on_finish callback: its lane is free for what the callback does
    // shared, relaxed: the worker counts isolates that are through and have not left the admission
    // yet, reports subtract them. At most ZLEAVING_MAX, and 0 whenever the worker has nothing to run.
    _Atomic uint32_t leaving;
    // shared, PAIR report: the worker writes, anybody reads
    struct zreport_block block;
};

// Leaving one by one would move the admission's line between the cores for each task.
#define ZLEAVING_MAX 32

struct zsched {
    // frozen once the workers run
    struct zworker **workers; // [worker_capacity], the first worker_count of them started
    uint32_t worker_capacity; // wanted
    uint32_t slice_budget;
    uint64_t isolate_limit; // isolates that exist; 0 = no limit
    struct zhooks hooks;
    bool is_watched; // one of these two has to do with each isolate that is made or destroyed
    struct zcpu_profile **profiles; // [profile_count]: of each worker, then of the host's threads
    uint32_t profile_count;         // 0: off
    struct zspan_pool *spans;
    uint64_t start_ns;
    // shared: 0 until all workers are started, then frozen. PAIR park: before any submission.
    _Atomic uint32_t worker_count;
    // shared. PAIR park. Workers leave when they find nothing to do.
    _Atomic uint32_t is_stopping;

    struct zadmission admission; // shared: counts isolates submitted and not through with on_finish
    struct zparking parking;
    // shared, relaxed: isolates in all overflows of a priority; raised before an append, lowered after
    // a take, so never too low
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t overflow_counts[ZPRIORITY_COUNT];
    _Atomic uint64_t overflow_stamp; // shared, relaxed: the next chain's place in the order of all
    // shared, as an inbox but linked by urgent_next: cancelled while queued, RUNNING in the list's
    // name; some worker is to end them and make their callbacks.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic(struct zisolate *) urgent;
    // shared, relaxed: whose turn it is to get the next submission
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint32_t turn;
    _Alignas(ZVM_CACHE_LINE_BYTES) struct zevent ends[ZSCHED_EVENTS];

    struct zreplay replay; // its owner's
    struct ztokens tokens; // shared
    // shared, relaxed: a count: answers that nobody waited for any more
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t late_answers;
    // shared, relaxed: counts: messages that threads of the host have sent, received and dropped
    _Atomic uint64_t host_sent, host_received, host_dropped;

    // host_lock: the host threads' lanes and block, the list of all isolates and their rows
    _Alignas(ZVM_CACHE_LINE_BYTES) pthread_mutex_t host_lock;
    struct zlane *lanes; // free
    struct zisolate *live;
    struct zroster roster; // as it says; readers take no lock
    struct zreport_block host_block; // written under host_lock; PAIR report

    // groups_lock: no worker ever takes it, so who reads them holds nobody up
    pthread_mutex_t groups_lock;
    struct zgroup *groups; // newest first
    _Atomic uint32_t group_count; // shared, relaxed: written under the lock; 0 needs no look
    uint64_t groups_made;

    pthread_mutex_t reserve_lock; // held while the reserve lane is used
    struct zlane *reserve;
    uint32_t lock_count;       // of the locks above, those that are initialised
    bool has_tokens;           // so are the tokens
    bool has_blocking;         // and these
    bool has_finished;         // and these, if asked for
    struct zfinished finished; // shared
    struct zblocking blocking; // under its own lock

    // shared, relaxed: a gauge and its highest value; nothing is read through them
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t heap_current_bytes;
    _Atomic uint64_t heap_peak_bytes;
    // shared, relaxed: isolates that exist or are being made; counted only under a limit
    _Atomic uint64_t isolate_count;
};

// A hint: isolates of this priority behind the workers' rings.
static inline uint64_t zsched_overflow_count(const struct zsched *sched, uint32_t priority)
{
    return z_load_relaxed(&sched->overflow_counts[priority]); // relaxed: a gauge
}

static inline bool zsched_is_replay(const struct zsched *sched)
{
    return sched->replay.seed != 0;
}

static inline uint64_t zsched_now_ns(const struct zsched *sched)
{
    return zsched_is_replay(sched) ? zreplay_now_ns(&sched->replay) : zclock_system_now_ns();
}

// For what the calling thread does until zsched_leave_clock, with the result. It may be in a turn of another
// runtime, whose clock is none of ours.
static inline _Atomic uint64_t *zsched_use_clock(struct zsched *sched)
{
    return zclock_use(zsched_is_replay(sched) ? &sched->replay.now_ns : NULL);
}

static inline void zsched_leave_clock(_Atomic uint64_t *before)
{
    (void)zclock_use(before);
}

static inline uint32_t zsched_started(const struct zsched *sched)
{
    return z_load_seq_cst(&sched->worker_count); // PAIR park
}

// ---- queue.c: where entries go and come from
// thread: any. The caller has just made the step into QUEUED.
void zqueue_place(struct zsched *sched, struct zisolate *iso);
// thread: worker. After a slice; the same.
void zqueue_requeue(struct zworker *worker, struct zisolate *iso);
// thread: any. The same, into the queues of this worker.
void zqueue_send(struct zworker *worker, struct zisolate *iso);
// thread: any. An isolate of a group whose turn it is; worker: the calling thread's, or NULL.
void zqueue_enter(struct zsched *sched, struct zworker *worker, struct zisolate *iso);
// thread: worker. An isolate to run, RUNNING; NULL: nothing at hand.
struct zisolate *zqueue_next(struct zworker *worker);
// thread: worker. Looks at everybody's queues for a few microseconds. True: something is at hand.
bool zqueue_search(struct zworker *worker);
// thread: any. Whether anything is in any queue. PAIR park.
bool zqueue_has_any(const struct zsched *sched);
// thread: the one that destroys; the workers are gone. Takes every entry out of its queue.
void zqueue_purge(struct zsched *sched);
// thread: any. Hands an isolate that the caller has claimed to some worker, to be ended there.
void zqueue_push_urgent(struct zsched *sched, struct zisolate *iso);
// thread: worker. All of them, linked by urgent_next.
struct zisolate *zqueue_take_urgent(struct zsched *sched);

// ---- worker.c
void *zworker_main(void *worker);
// For a scheduler that replays. thread: its owner. False: there was nothing to run, or to end.
bool zworker_turn(struct zworker *worker);
// Until another thread brings something to do.
void zworker_sleep(struct zworker *worker);
// The worker whose thread this is, when it is one of sched's; else NULL.
struct zworker *zworker_current(const struct zsched *sched);

// ---- finish.c
// The last touch of an isolate by the thread that has it RUNNING: DONE, waiters, on_finish.
// was_submitted: it leaves the admission. The caller has folded the isolate's figures.
void zfinish_isolate(struct zsched *sched, struct zisolate *iso, bool was_submitted);
// Ends an isolate that the caller has RUNNING and that runs no more, and folds its figures. The
// caller gives the lane back, if need be, and then calls zfinish_isolate.
void zfinish_ended(struct zsched *sched, struct zisolate *iso, struct zlane *lane,
                   zvm_status status);
// thread: worker. Lets those that are through leave the admission.
void zfinish_leave(struct zworker *worker);
struct zevent *zfinish_event(struct zsched *sched, const struct zisolate *iso);

// ---- sched.c
// The deadline of an isolate that has a timeout and no deadline yet: from now. thread: its owner.
void zsched_set_deadline(struct zsched *sched, struct zisolate *iso);

// The host need not wait for an answer to run it. thread: any
bool zsched_is_at_hand(const struct zisolate *iso);

// Sets the bit of an isolate that is queued, runs or waits. thread: any, under host_lock.
void zsched_mark_cancelled(struct zsched *sched, struct zisolate *iso);

// ---- group.c
// The isolate comes into the list of all isolates, or leaves it. thread: under host_lock.
void zsched_group_link(struct zisolate *iso);
void zsched_group_unlink(struct zisolate *iso);
// An isolate of the group is QUEUED, and enters the workers' queues at once or when it is its turn.
// thread: any.
void zsched_group_place(struct zsched *sched, struct zgroup *group, struct zisolate *iso);
// The same after a slice. False: nobody else waits; the caller requeues it. thread: worker.
bool zsched_group_requeue(struct zworker *worker, struct zgroup *group, struct zisolate *iso);
// One that was entered is not in any queue any more. The group may be gone afterwards. thread: worker.
void zsched_group_left(struct zworker *worker, struct zgroup *group);
// The isolates and the entries are gone.
void zsched_groups_free(struct zsched *sched);

// ---- wait.c
// thread: any. Answers the token. False: nobody waits for it any more, and the answer stays the caller's.
bool zwaiting_bring(struct zsched *sched, uint64_t token, const struct zanswer *answer);
// thread: any, to whom an isolate is to be woken by its state word alone, without a token (zstate_hold_token).
void zwaiting_wake(struct zsched *sched, struct zisolate *iso);
// thread: the owner of an isolate that is over, or goes. Nobody is to answer it any more. The token that
// somebody is just answering, for which the caller looks at the bit TOKEN in its next step of the state
// word: if that is set, who answers sees to the rest, else the caller calls zwaiting_settle. 0: none.
uint64_t zwaiting_abandon(struct zsched *sched, struct zisolate *iso);
void zwaiting_settle(struct zsched *sched, uint64_t token);
// thread: the owner of an isolate that goes on without an answer. False: somebody is just answering.
bool zwaiting_drop(struct zsched *sched, struct zisolate *iso);
// thread: worker, that has the isolate RUNNING. It waits: it is answered, or its time comes. False: it has
// something to do, and stays the worker's.
bool zwaiting_begin(struct zworker *worker, struct zisolate *iso);
// thread: worker. Answers those whose time has come.
void zwaiting_fire(struct zworker *worker);

// ---- talk.c
// thread: who has the isolate, which is over, RUNNING. Others are told, and what it has not read is dropped.
void zsched_end_talk(struct zsched *sched, struct zisolate *iso);

// ---- host.c
// zsched_isolate_create with a lane of the caller's. thread: who has the lane.
zvm_status zsched_isolate_create_on(struct zsched *sched, struct zlane *lane,
                                    struct zshared *shared, struct zcode *code,
                                    const struct zisolate_options *options, struct zisolate **out);
// Whether the calling thread is inside zsched_run of this isolate.
bool zsched_is_running_here(const struct zisolate *iso);

// ---- profiles.c
// Before workers and lanes are made. errors: ZVM_E_NOMEM.
zvm_status zprofiles_create(struct zsched *sched, uint32_t worker_count, uint64_t mean_fuel);
void zprofiles_destroy(struct zsched *sched);
// The worker keeps so many events from now on. errors: ZVM_E_NOMEM.
zvm_status zprofiles_trace(struct zworker *worker, uint64_t events);
// A thread's runner counts from now on, if anybody does. worker: its own, or NULL.
void zprofiles_attach(const struct zsched *sched, struct zrunner *runner,
                      const struct zworker *worker);

// ---- lane.c
// A lane for the calling thread; NULL: no memory.
struct zlane *zlane_acquire(struct zsched *sched);
// The same, never a worker's own.
struct zlane *zlane_acquire_host(struct zsched *sched);
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
// What has changed in the isolate's heap since it was last folded, and its row.
void zfold_heap(struct zsched *sched, struct zreport_block *block, struct zisolate *iso,
                struct zlane *lane, uint64_t now_ns);
// The heap goes: what it still has counts as freed and given back.
void zfold_destroyed(struct zsched *sched, struct zreport_block *block, struct zisolate *iso);
void zfold_emptied(struct zsched *sched, struct zreport_block *block, struct zisolate *iso);
void zfold_finished(struct zreport_block *block, const struct zisolate *iso);
// One more of something that happens to a worker outside slices. thread: the worker.
void zfold_event(struct zworker *worker, enum zreport_counter counter, uint64_t value);

// An isolate's figures before a slice.
struct zfold_mark {
    uint64_t fuel_used, output_bytes, slices;
};
struct zfold_mark zfold_before(const struct zisolate *iso);
void zfold_slice(struct zreport_block *block, const struct zisolate *iso,
                 const struct zfold_mark *before, uint64_t slice_ns);

#endif // ZVM_SCHED_SCHED_INTERNAL_H
