// sched/worker.c - a worker: takes an isolate, runs a slice of it, puts it back or finishes it.
//
// Owns: which worker a thread is (a thread's own variable, so that a callback finds its worker).
// Thread: the worker, unless said otherwise.
// Invariant: an isolate that a worker has taken is RUNNING and in no queue; nobody else touches
// more of it than its state word. How: one turn takes queue_lock once: the step that ends a slice
// and the one that takes the next isolate share it. A worker that finds nothing parks on a
// condition variable of its own; whoever queues something takes one parked worker off the stack
// under the same lock and wakes that one. So no wake-up is lost (queueing and parking exclude each
// other) and no herd is woken.
#include "sched/sched_internal.h"

#include "base/clock.h"

static _Thread_local struct zworker *worker_of_thread;

struct zworker *zworker_current(const struct zsched *sched)
{
    struct zworker *worker = worker_of_thread;
    return worker != NULL && worker->sched == sched ? worker : NULL;
}

// ---- Sleeping -----------------------------------------------------------------------------------

struct zworker *zworker_unpark_locked(struct zsched *sched)
{
    struct zworker *worker = sched->parked;
    if (worker == NULL) return NULL;
    sched->parked = worker->parked_next;
    worker->is_parked = false;
    return worker;
}

void zworker_wake(struct zworker *worker)
{
    if (worker != NULL) pthread_cond_signal(&worker->wake);
}

static void park_locked(struct zsched *sched, struct zworker *worker)
{
    worker->is_parked = true;
    worker->parked_next = sched->parked;
    sched->parked = worker;
    while (worker->is_parked)
        pthread_cond_wait(&worker->wake, &sched->queue_lock);
}

// The next isolate, RUNNING; NULL: the worker is to leave.
static struct zisolate *take_locked(struct zsched *sched, struct zworker *worker)
{
    for (;;) {
        struct zisolate *iso = zqueue_take(&sched->queue);
        if (iso != NULL) {
            uint32_t seen;
            bool was_queued = zstate_step(iso, ZSTATE_QUEUED, ZSTATE_RUNNING, &seen);
            ZVM_CHECK(was_queued); // only holders of queue_lock take an isolate out of QUEUED
            return iso;
        }
        if (sched->is_stopping) return NULL;
        park_locked(sched, worker);
    }
}

// ---- A slice ------------------------------------------------------------------------------------

static enum zisolate_outcome run_slice(struct zsched *sched, struct zworker *worker,
                                       struct zisolate *iso)
{
    struct zfold_mark before = zfold_before(iso);
    enum zisolate_outcome outcome = ZOUTCOME_FINISHED;
    worker->is_in_slice = true;
    // relaxed: a bit that came later is seen by the interpreter's own look.
    if (z_load_relaxed(&iso->state) & ZSTATE_CANCEL)
        zisolate_end(iso, &worker->lane.runner, ZVM_E_CANCELLED);
    else
        outcome = zisolate_run(iso, &worker->lane.runner, sched->slice_budget);
    worker->is_in_slice = false;

    struct zreport_block *block = zfold_begin(sched, &worker->lane);
    zfold_slice(block, iso, &before);
    zfold_heap(sched, block, iso, &worker->lane);
    if (outcome == ZOUTCOME_FINISHED) zfold_finished(block, iso);
    zfold_end(sched, &worker->lane, block, zclock_now_ns());
    return outcome;
}

// To the tail, so that everybody else has a turn first; a cancelled one to the head: it has nothing
// to run any more and its waiters should not wait for others.
static void requeue_locked(struct zsched *sched, struct zisolate *iso)
{
    uint32_t seen;
    bool was_running = zstate_step(iso, ZSTATE_RUNNING, ZSTATE_QUEUED, &seen); // PAIR isolate
    ZVM_CHECK(was_running);
    if (seen & ZSTATE_CANCEL)
        zqueue_push_first(&sched->queue, iso);
    else
        zqueue_push_last(&sched->queue, iso);
}

void *zworker_main(void *context)
{
    struct zworker *worker = context;
    struct zsched *sched = worker->sched;
    worker_of_thread = worker;

    pthread_mutex_lock(&sched->queue_lock);
    for (;;) {
        struct zisolate *iso = take_locked(sched, worker);
        if (iso == NULL) break;
        pthread_mutex_unlock(&sched->queue_lock);
        enum zisolate_outcome outcome = run_slice(sched, worker, iso);
        pthread_mutex_lock(&sched->queue_lock);
        if (outcome == ZOUTCOME_FINISHED)
            zsched_finish_locked(sched, iso, true /* was_submitted */);
        else
            requeue_locked(sched, iso);
    }
    pthread_mutex_unlock(&sched->queue_lock);
    return NULL;
}
