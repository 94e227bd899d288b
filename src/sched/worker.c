// sched/worker.c - a worker: takes an isolate, runs a slice of it, puts it back or finishes it.
//
// Owns: which worker a thread is (a thread's own variable, so that a callback finds its worker).
// Thread: the worker, unless said otherwise.
// Invariant: an isolate that a worker has taken is RUNNING; nobody else touches more of it than its
// state word. How: queue.c says which isolate is next; when there is none, the worker searches
// (unless somebody does already), then sleeps. A searcher stops being one before it runs anything,
// and then looks whether there is more work than it took: whoever made that visible may have relied
// on the searcher.
#include "sched/sched_internal.h"

#include "base/clock.h"
#include "vm/quota.h"

#include <sched.h>

static _Thread_local struct zworker *worker_of_thread;

struct zworker *zworker_current(const struct zsched *sched)
{
    struct zworker *worker = worker_of_thread;
    return worker != NULL && worker->sched == sched ? worker : NULL;
}

// ---- Searching and sleeping ---------------------------------------------------------------------

static bool is_stopping(const struct zsched *sched)
{
    return z_load_seq_cst(&sched->is_stopping) != 0; // PAIR park
}

// What a worker about to sleep looks at. PAIR park.
static bool has_work(void *context)
{
    const struct zworker *worker = context;
    const struct zsched *sched = worker->sched;
    if (zqueue_has_any(sched) || is_stopping(sched) || zreplay_is_rung(&sched->replay)) return true;
    return worker->wheel.next_ns != ZWHEEL_NEVER && zsched_now_ns(sched) >= worker->wheel.next_ns;
}

// The worker has found work. Was it a searcher, or just before, then somebody may have relied on it.
static void end_search(struct zworker *worker)
{
    if (!worker->is_searching && !worker->owes_look) return;
    struct zsched *sched = worker->sched;
    if (worker->is_searching) zparking_end_search(&sched->parking);
    worker->is_searching = false;
    worker->owes_look = false;
    if (zqueue_has_any(sched)) zparking_notify(&sched->parking, worker->index); // PAIR park
}

static ZVM_COLD void trace_park(struct zworker *worker, uint64_t start_ns)
{
    struct ztrace_event event = {
        .kind = ZTRACE_PARK, .start_ns = start_ns, .end_ns = worker->clock_ns};
    ztrace_add(worker->trace, &event);
}

static void park(struct zworker *worker)
{
    struct zsched *sched = worker->sched;
    uint64_t start_ns = worker->trace == NULL ? 0 : zsched_now_ns(sched);
    zfold_event(worker, ZREPORT_parks, 1);
    enum zpark_end end = zparking_park(&sched->parking, worker->index, worker->is_searching,
                                       worker->wheel.next_ns, has_work, worker);
    worker->is_searching = end == ZPARK_WOKEN;
    worker->owes_look = end == ZPARK_NOT_NOW;
    if (worker->is_searching) zfold_event(worker, ZREPORT_wakeups, 1);
    worker->clock_ns = zsched_now_ns(sched);
    if (ZVM_UNLIKELY(worker->trace != NULL)) trace_park(worker, start_ns);
}

// ---- A slice ------------------------------------------------------------------------------------

static void trace_slice(struct zworker *worker, const struct zisolate *iso, uint64_t fuel,
                        uint64_t end_ns)
{
    struct ztrace_event event = {
        .kind = ZTRACE_SLICE,
        .start_ns = worker->clock_ns,
        .end_ns = end_ns,
        .isolate = iso->id,
        .amount = fuel,
    };
    ztrace_add(worker->trace, &event);
}

// A trace, or a hook of the host, wants to know of it.
static ZVM_COLD void tell_slice_slow(struct zworker *worker, struct zisolate *iso,
                                     const struct zfold_mark *before, uint64_t end_ns,
                                     enum zisolate_outcome outcome)
{
    if (worker->trace != NULL && iso->slices != before->slices)
        trace_slice(worker, iso, zisolate_fuel_used(iso) - before->fuel_used, end_ns);
    zhooks_slice(&worker->sched->hooks, iso, &worker->lane, outcome == ZOUTCOME_FINISHED);
}

static uint32_t next_budget(struct zsched *sched)
{
    uint32_t usual = sched->slice_budget;
    return zsched_is_replay(sched) ? zreplay_budget(&sched->replay, usual) : usual;
}

static uint64_t fuel_since(const struct zisolate *iso, const struct zfold_mark *before)
{
    return zisolate_fuel_used(iso) - before->fuel_used;
}

static enum zisolate_outcome run_slice(struct zworker *worker, struct zisolate *iso)
{
    struct zsched *sched = worker->sched;
    struct zfold_mark before = zfold_before(iso);
    enum zisolate_outcome outcome = ZOUTCOME_FINISHED;
    uint64_t budget = 0;
    worker->is_in_slice = true;
    worker->running = iso;
    iso->home = (uint16_t)(worker->index + 1);
    // relaxed: a bit that came later is seen by the interpreter's own look.
    if (z_load_relaxed(&iso->state) & ZSTATE_CANCEL)
        zisolate_end(iso, &worker->lane.runner, ZVM_E_CANCELLED);
    else
        budget = zshare_begin(&worker->shares, iso, next_budget(sched));
    if (budget > 0) outcome = zisolate_run(iso, &worker->lane.runner, budget);
    worker->running = NULL;
    worker->is_in_slice = false;
    bool is_whole = outcome == ZOUTCOME_YIELDED;
    if (iso->quota != NULL)
        zshare_end(&worker->shares, iso, is_whole ? budget : fuel_since(iso, &before));

    uint64_t now_ns = zsched_now_ns(sched);
    struct zreport_block *block = zfold_begin(sched, &worker->lane);
    zfold_slice(block, iso, &before, now_ns - worker->clock_ns);
    zfold_heap(sched, block, iso, &worker->lane, now_ns);
    if (outcome == ZOUTCOME_FINISHED) zfold_finished(block, iso);
    if (outcome == ZOUTCOME_WAITING) zreport_add(block, ZREPORT_waits, 1);
    zfold_end(sched, &worker->lane, block, now_ns);
    if (ZVM_UNLIKELY(worker->is_watched)) tell_slice_slow(worker, iso, &before, now_ns, outcome);
    worker->clock_ns = now_ns;
    return outcome;
}

_Static_assert(ZSCHED_WORKERS_MAX < UINT16_MAX, "1 + the index of a worker fits `home`");

static void end_cancelled(struct zworker *worker, struct zisolate *iso)
{
    zfinish_ended(worker->sched, iso, &worker->lane, ZVM_E_CANCELLED);
    zfinish_isolate(worker->sched, iso, true /* was_submitted */);
}

static void run(struct zworker *worker, struct zisolate *iso)
{
    struct zgroup *group =
        zquota_group(iso); // held by the turn: the isolate may be gone before that
    enum zisolate_outcome outcome = run_slice(worker, iso);
    bool is_over = outcome == ZOUTCOME_FINISHED;
    if (is_over)
        zfinish_isolate(worker->sched, iso, true /* was_submitted */);
    else if (outcome == ZOUTCOME_WAITING)
        is_over = zwaiting_begin(worker, iso);
    if (!is_over && zstate_requeue(&iso->state)) { // PAIR state
        zqueue_requeue(worker, iso);
        return;
    }
    if (!is_over) end_cancelled(worker, iso);
    if (group != NULL) zsched_group_left(worker, group);
}

// False: there was none.
static bool end_urgent(struct zworker *worker)
{
    struct zisolate *iso = zqueue_take_urgent(worker->sched);
    if (iso == NULL) return false;
    end_search(worker);
    while (iso != NULL) {
        struct zisolate *next = z_load_relaxed(&iso->urgent_next); // relaxed: the list is ours
        end_cancelled(worker, iso);
        iso = next;
    }
    return true;
}

// ---- The whole ----------------------------------------------------------------------------------

// False: nothing is at hand, and nothing was ended.
static bool take_turn(struct zworker *worker)
{
    bool has_ended = end_urgent(worker);
    if (ZVM_UNLIKELY(worker->clock_ns >= worker->wheel.next_ns)) zwaiting_fire(worker);
    struct zisolate *iso = zqueue_next(worker);
    if (iso == NULL) return has_ended;
    end_search(worker);
    run(worker, iso);
    return true;
}

static void run_all(struct zworker *worker)
{
    struct zsched *sched = worker->sched;
    for (;;) {
        if (take_turn(worker)) continue;
        zfinish_leave(worker);
        if (is_stopping(sched)) return;
        if (!worker->is_searching) worker->is_searching = zparking_begin_search(&sched->parking);
        if (worker->is_searching && zqueue_search(worker)) continue;
        // Another one counts as searching, and this one owes a look: it searches as well. If it
        // parked, the two could wake and withdraw in turn for ever beside one task
        // (tests/spin/park.pml, the liveness of DEBT_PARKS); if it only waited for the other one, a
        // searcher whose thread has lost its core would stop it (stress/stress_sched_stall).
        if (!worker->is_searching && worker->owes_look && zqueue_has_any(sched)) {
            if (!zqueue_search(worker)) (void)sched_yield();
            continue;
        }
        park(worker);
    }
}

void *zworker_main(void *context)
{
    struct zworker *worker = context;
    const struct zhooks *hooks = &worker->sched->hooks;
    worker_of_thread = worker;
    if (hooks->on_worker_start != NULL) hooks->on_worker_start(hooks->context, worker->index);
    worker->clock_ns = zsched_now_ns(worker->sched);
    run_all(worker);
    if (hooks->on_worker_stop != NULL) hooks->on_worker_stop(hooks->context, worker->index);
    return NULL;
}

// ---- Without a thread ---------------------------------------------------------------------------

// One that is passed over goes behind those that are queued now. True: it was cancelled, and is ended.
static bool pass_over(struct zworker *worker)
{
    if (!zreplay_skips(&worker->sched->replay)) return false;
    struct zisolate *iso = zqueue_next(worker);
    if (iso == NULL) return false;
    struct zgroup *group = zquota_group(iso);
    if (zstate_requeue(&iso->state)) { // PAIR state
        zqueue_requeue(worker, iso);
        return false;
    }
    end_cancelled(worker, iso);
    if (group != NULL) zsched_group_left(worker, group);
    return true;
}

bool zworker_turn(struct zworker *worker)
{
    struct zworker *outer = worker_of_thread; // in whose turn this one is
    worker_of_thread = worker;
    worker->clock_ns = zsched_now_ns(worker->sched);
    bool has_run = pass_over(worker) || take_turn(worker);
    if (!has_run) zfinish_leave(worker);
    worker_of_thread = outer;
    return has_run;
}

void zworker_sleep(struct zworker *worker)
{
    struct zworker *outer = worker_of_thread;
    worker_of_thread = worker;
    park(worker);
    worker_of_thread = outer;
}
