// sched/sched.h - who runs which isolate when: workers, the queue, the host's threads, their
// figures.
//
// Every isolate of a runtime is created, run and destroyed through here, so that the counters of
// the report are complete. Thread: any, unless said otherwise. Layers: a worker calls zisolate_run;
// programs reach the host through callbacks of their isolate.
#ifndef ZVM_SCHED_SCHED_H
#define ZVM_SCHED_SCHED_H

#include "report/report.h"
#include "sched/hooks.h"
#include "vm/isolate.h"

struct zanswer;
struct zsched;

#define ZSCHED_WORKERS_MAX    1024
#define ZSCHED_BLOCKING_MAX   1024
#define ZSCHED_BUDGET_DEFAULT 32768 // fuel of a slice: some 30 to 50 microseconds of work

struct zsched_options {
    uint32_t worker_count; // 0 = none: the host's threads run isolates
    uint32_t slice_budget; // 0 = ZSCHED_BUDGET_DEFAULT
    struct zspan_pool *spans;
    uint64_t isolate_limit; // isolates that exist at a time; 0 = no limit
    uint64_t seed;          // 0 = none; else one worker, see sched/replay.h
    bool lists_finished;       // zsched_take_finished is wanted
    uint32_t blocking_threads; // for jobs that block, at most; 0 = a default
    struct zhooks hooks;
    uint64_t profile_fuel;     // between two samples of what isolates do; 0 = none are taken
    uint64_t trace_events;     // that each worker keeps; 0 = none
};

// Starts the workers; with fewer than wanted it works, see zsched_worker_count.
// errors: ZVM_E_NOMEM; ZVM_E_THREADS none of the wanted workers could be started.
zvm_status zsched_create(const struct zsched_options *options, struct zsched **out);
// Cancels what still runs, stops the workers, destroys every isolate that is left. thread: any but
// a worker; nobody else may be inside a call. May be NULL.
void zsched_destroy(struct zsched *sched);

uint32_t zsched_worker_count(const struct zsched *sched);

// Whether the calling thread is a worker of it, runs an isolate of it, or a function of the host that blocks.
bool zsched_is_inside(const struct zsched *sched);

// ---- Isolates -----------------------------------------------------------------------------------

// errors: ZVM_E_CLOSED, and those of zisolate_create.
zvm_status zsched_isolate_create(struct zsched *sched, struct zshared *shared, struct zcode *code,
                                 const struct zisolate_options *options, struct zisolate **out);
// errors: ZVM_E_BUSY queued or running, or to be taken by zsched_take_finished: nothing changes.
zvm_status zsched_isolate_destroy(struct zsched *sched, struct zisolate *iso);

// Hands an idle isolate to the workers; its deadline counts from here.
// errors: ZVM_E_ARGUMENT no workers; ZVM_E_STATE not idle; ZVM_E_CLOSED.
zvm_status zsched_submit(struct zsched *sched, struct zisolate *iso);
// Runs an idle isolate on the calling thread for at most `budget` of fuel, 0 = to its end.
// errors: ZVM_E_WAITING it waits for an answer that is not there (it may have run before);
// ZVM_E_BUSY, ZVM_E_STATE finished before, ZVM_E_NOMEM (nothing has run).
zvm_status zsched_run(struct zsched *sched, struct zisolate *iso, uint64_t budget, bool *finished);
// Until it has finished; one that zsched_run left waiting: until that may be called again.
// errors: ZVM_E_TIMEOUT; ZVM_E_STATE idle, or called by a worker.
zvm_status zsched_wait(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns);
// Queued or waiting: ends it at once. Running: within a slice. Idle: as soon as it is submitted or run.
void zsched_cancel(struct zsched *sched, struct zisolate *iso);

bool zsched_is_done(const struct zisolate *iso);    // finished: its result may be read
// Idle or finished, or left waiting by zsched_run.
bool zsched_is_at_rest(const struct zisolate *iso);

bool zsched_is_listed(const struct zisolate *iso); // finished, and not yet taken
// At rest, but a call of its host has it in hand: whoever asks is a callback of that call.
bool zsched_is_in_hand(const struct zisolate *iso);

// A descriptor that is readable while there are isolates to take; -1: none was asked for.
int zsched_finished_descriptor(const struct zsched *sched);
// Submitted isolates without an on_finish that have finished since, oldest first; how many.
size_t zsched_take_finished(struct zsched *sched, zvm_isolate **out, size_t capacity);

// May zsched_reopen now? errors: ZVM_E_STATE it never ran; ZVM_E_BUSY queued, running, or just cancelled.
zvm_status zsched_may_reopen(const struct zisolate *iso);
// A finished isolate that has got more to do is idle again.
zvm_status zsched_reopen(struct zisolate *iso);

// An isolate at rest is as it was when it was made. errors: ZVM_E_BUSY queued, running, just being answered
// or cancelled, or to be taken by zsched_take_finished; those of zisolate_prepare_reset. Nothing has
// changed then.
zvm_status zsched_reset(struct zsched *sched, struct zisolate *iso);

// For reading and writing a resting isolate from outside: its heap gets the calling thread's
// resources in between. errors: ZVM_E_BUSY queued or running; ZVM_E_NOMEM.
struct zlane;
zvm_status zsched_borrow(struct zsched *sched, struct zisolate *iso, struct zlane **out);
void zsched_give_back(struct zsched *sched, struct zisolate *iso, struct zlane *lane);

// The calling thread works on an isolate for a moment: on one at rest, or on the one that has called the function
// of the host that the thread is in. errors: ZVM_E_BUSY queued or running, or worked on already; ZVM_E_STATE
// the call has failed; ZVM_E_NOMEM.
struct zvm_call;
struct zhand {
    struct zlane *lane; // at rest
    struct zvm_call *call;
    uint32_t seen; // the state word before zsched_hold, when is_held
    bool is_held;
};
zvm_status zsched_enter(struct zsched *sched, struct zisolate *iso, struct zhand *hand);
void zsched_leave(struct zisolate *iso, struct zhand *hand);
// Around work of which a function of the host is a part: until zsched_let_be the isolate counts as running, so that
// every call on it is refused, from inside that function as from elsewhere.
void zsched_hold(struct zisolate *iso, struct zhand *hand);
void zsched_let_be(struct zsched *sched, struct zisolate *iso, const struct zhand *hand);
// The thread has done with one at rest: what it had for it goes back. Again and again is fine.
void zsched_let_go(struct zsched *sched, struct zisolate *iso);

// ---- Answers ------------------------------------------------------------------------------------

// What isolates use to get tokens; their context is the scheduler.
const struct zwait_hooks *zsched_wait_hooks(void);
const struct ztalk_hooks *zsched_talk_hooks(void); // the same, for vm/talk.h
// Answers a token, once. errors: ZVM_E_STALE nobody waits for it any more: counted, and the answer stays
// the caller's. thread: any; never blocks.
zvm_status zsched_answer(struct zsched *sched, uint64_t token, const struct zanswer *answer);
// A guess, to save the making of an answer; false is right, and counted.
bool zsched_is_awaited(struct zsched *sched, uint64_t token);

// ---- The whole ----------------------------------------------------------------------------------

// Waits until nothing submitted is unfinished and every on_finish has returned.
// errors: ZVM_E_STATE called by a worker.
zvm_status zsched_drain(struct zsched *sched);
// Takes no more submissions; `cancel`: also ends everything queued or running. Then drains. Again
// and again is fine. errors: ZVM_E_STATE called by a worker (it takes no more submissions all the
// same); ZVM_E_THREAD it has a seed, and another thread made it: nothing changes.
zvm_status zsched_shutdown(struct zsched *sched, bool cancel);

// For a scheduler with a seed: runs what is queued, on the calling thread, for at most so many turns.
// errors: ZVM_E_THREAD not the one that made it; ZVM_E_STATE no seed, or called from inside a turn.
zvm_status zsched_turns(struct zsched *sched, uint64_t turns, uint64_t *run);

// ---- Groups (group.c). thread: any.
// The caller has filled in limits and weight of a group in memory of z_alloc_aligned; it is the scheduler's now.
void zsched_group_add(struct zsched *sched, struct zgroup *group);
// ZVM_E_BUSY: isolates are in it. Else nobody may use it any more.
zvm_status zsched_group_destroy(struct zsched *sched, struct zgroup *group);
// What each has: the newest first, as many as there is room for; how many there are goes to *all.
uint32_t zsched_groups(struct zsched *sched, zvm_group_figures *rows, uint32_t capacity,
                       uint32_t *all);
void zsched_group_figures(const struct zgroup *group, zvm_group_figures *out);
// Ends all its isolates, and lets none in any more. Never blocks on a program.
void zsched_group_cancel(struct zsched *sched, struct zgroup *group);

// ---- Figures ------------------------------------------------------------------------------------

// One copy of every block into rows [worker_count + 1], the host's threads last, and into the view
// what the scheduler knows: rows, totals (their sum), worker_count, times, isolates in flight, heap
// peak. rows may be NULL: then only the sum is made.
void zsched_report(struct zsched *sched, struct zreport_snapshot *rows, struct zreport_view *view);
// What isolates used their fuel for. thread: any. errors: ZVM_E_STATE made without; those of
// zcpu_profile_write.
zvm_status zsched_cpu_profile(struct zsched *sched, zvm_write_fn write, void *context);
// What the workers did when. thread: any. errors: ZVM_E_STATE made without; those of ztrace_write.
zvm_status zsched_trace(struct zsched *sched, zvm_write_fn write, void *context);
// The isolates that come first in each of the orders. thread: any. As zroster_top.
struct ztop;
uint64_t zsched_top(const struct zsched *sched, struct ztop *tops, uint32_t top_count);

#endif // ZVM_SCHED_SCHED_H
