// sched/sched.c - from IDLE to DONE: submitting, finishing, waiting, cancelling, draining.
//
// Owns: the run queue and in_flight, under queue_lock. Thread: any.
// States (docs/concurrency.md draws them):
//   IDLE -> QUEUED            zsched_submit                       queue_lock
//   QUEUED -> RUNNING         a worker takes it, or zsched_cancel queue_lock
//   RUNNING -> QUEUED         its worker, at the end of a slice   queue_lock
//   IDLE <-> RUNNING          zsched_run, a thread of the host
//   RUNNING -> DONE           who ran it                          queue_lock
// Invariants:  1. an isolate is in the queue exactly while it is QUEUED, seen under queue_lock.
//              2. so who makes the step into QUEUED is the one who queues it: once.
//              3. in_flight counts submitted isolates whose on_finish has not returned.
// The CANCEL bit may be set by anybody at any time before DONE; every step keeps it.
#include "sched/sched_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

void zsched_set_deadline(struct zisolate *iso)
{
    if (iso->timeout_ns == 0 || iso->deadline_ns != 0) return;
    uint64_t now_ns = zclock_now_ns();
    bool is_endless = iso->timeout_ns > UINT64_MAX - now_ns;
    iso->deadline_ns = is_endless ? UINT64_MAX : now_ns + iso->timeout_ns;
}

bool zsched_is_done(const struct zisolate *iso)
{
    return (zstate_of(iso) & ZSTATE_MASK) == ZSTATE_DONE; // PAIR state
}

bool zsched_is_at_rest(const struct zisolate *iso)
{
    uint32_t state = zstate_of(iso) & ZSTATE_MASK; // PAIR state
    return state == ZSTATE_IDLE || state == ZSTATE_DONE;
}

// ---- Submitting ---------------------------------------------------------------------------------

static zvm_status submit_locked(struct zsched *sched, struct zisolate *iso)
{
    uint32_t seen;
    if (z_load_relaxed(&sched->is_closed)) return ZVM_E_CLOSED; // relaxed: under its lock
    if (!zstate_step(iso, ZSTATE_IDLE, ZSTATE_QUEUED, &seen)) return ZVM_E_STATE; // PAIR isolate
    zsched_set_deadline(iso);
    zqueue_push_last(&sched->queue, iso);
    z_count_add(&sched->in_flight, 1);
    return ZVM_OK;
}

zvm_status zsched_submit(struct zsched *sched, struct zisolate *iso)
{
    if (sched->worker_count == 0) return ZVM_E_ARGUMENT;
    struct zworker *worker = NULL;
    pthread_mutex_lock(&sched->queue_lock);
    zvm_status status = submit_locked(sched, iso);
    if (status == ZVM_OK) worker = zworker_unpark_locked(sched);
    pthread_mutex_unlock(&sched->queue_lock);
    zworker_wake(worker);
    return status;
}

// ---- Finishing ----------------------------------------------------------------------------------

// Lets the callback run with no lock held. The isolate may be gone when it returns.
static void call_on_finish(struct zsched *sched, struct zisolate *iso, zvm_finish_fn on_finish,
                           void *user)
{
    struct zworker *worker = zworker_current(sched);
    bool was_lending = worker != NULL && worker->is_lending;
    pthread_mutex_unlock(&sched->queue_lock);
    if (worker != NULL && !worker->is_in_slice) worker->is_lending = true;
    on_finish((zvm_isolate *)iso, user);
    if (worker != NULL) worker->is_lending = was_lending;
    pthread_mutex_lock(&sched->queue_lock);
}

void zsched_finish_locked(struct zsched *sched, struct zisolate *iso, bool was_submitted)
{
    zvm_finish_fn on_finish = iso->on_finish;
    void *user = iso->user;
    bool has_waiters = iso->waiters > 0;
    // PAIR state: who sees DONE sees everything that the isolate came to. From here on it may be
    // destroyed by whoever sees it. The CANCEL bit means nothing any more and is dropped.
    z_store_release(&iso->state, ZSTATE_DONE);
    if (has_waiters) pthread_cond_broadcast(&sched->done);
    if (on_finish != NULL) call_on_finish(sched, iso, on_finish, user);
    if (!was_submitted) return;
    z_count_add(&sched->in_flight, (uint64_t)-1);
    if (sched->drain_count == 0) return;
    if (z_load_relaxed(&sched->in_flight) == 0) pthread_cond_broadcast(&sched->done); // our lock
}

// ---- Waiting ------------------------------------------------------------------------------------

static struct timespec time_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_SECOND),
                             .tv_nsec = (long)(ns % NS_PER_SECOND)};
}

// Sleeps once. False when the time was up. end_ns UINT64_MAX: for ever.
static bool sleep_locked(struct zsched *sched, uint64_t end_ns)
{
    if (end_ns == UINT64_MAX) return pthread_cond_wait(&sched->done, &sched->queue_lock) == 0;
    struct timespec end = time_of(end_ns);
    return pthread_cond_timedwait(&sched->done, &sched->queue_lock, &end) != ETIMEDOUT;
}

zvm_status zsched_wait(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns)
{
    if (zsched_is_done(iso)) return ZVM_OK;
    if (zworker_current(sched) != NULL) return ZVM_E_STATE; // it would wait for itself
    if ((zstate_of(iso) & ZSTATE_MASK) == ZSTATE_IDLE) return ZVM_E_STATE;
    uint64_t now_ns = timeout_ns == UINT64_MAX ? 0 : zclock_now_ns();
    uint64_t end_ns = timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;

    bool has_time = true;
    pthread_mutex_lock(&sched->queue_lock);
    iso->waiters++;
    while (has_time && !zsched_is_done(iso))
        has_time = sleep_locked(sched, end_ns);
    iso->waiters--;
    zvm_status status = zsched_is_done(iso) ? ZVM_OK : ZVM_E_TIMEOUT;
    pthread_mutex_unlock(&sched->queue_lock);
    return status;
}

zvm_status zsched_drain(struct zsched *sched)
{
    if (zworker_current(sched) != NULL) return ZVM_E_STATE; // it would wait for itself
    pthread_mutex_lock(&sched->queue_lock);
    sched->drain_count++;
    while (z_load_relaxed(&sched->in_flight) > 0) // relaxed: under its lock
        sleep_locked(sched, UINT64_MAX);
    sched->drain_count--;
    pthread_mutex_unlock(&sched->queue_lock);
    return ZVM_OK;
}

// ---- Cancelling ---------------------------------------------------------------------------------

// Sets the bit, unless the isolate has left the state that `word` says. The interpreter polls it.
static bool mark_cancelled(struct zisolate *iso, uint32_t word)
{
    return z_cas_acq_rel(&iso->state, &word, word | ZSTATE_CANCEL); // PAIR state
}

// Takes a queued isolate out of the queue, for the caller to end it. False when it is not queued.
static bool claim_queued(struct zsched *sched, struct zisolate *iso)
{
    uint32_t seen;
    pthread_mutex_lock(&sched->queue_lock);
    bool is_claimed = zstate_step(iso, ZSTATE_QUEUED, ZSTATE_RUNNING, &seen); // PAIR isolate
    if (is_claimed) zqueue_remove(&sched->queue, iso);
    pthread_mutex_unlock(&sched->queue_lock);
    return is_claimed;
}

// Moves a queued isolate to the head with its bit set: a worker ends it next. False when not
// queued.
static bool hurry_queued(struct zsched *sched, struct zisolate *iso)
{
    struct zworker *worker = NULL;
    pthread_mutex_lock(&sched->queue_lock);
    bool is_queued = (zstate_of(iso) & ZSTATE_MASK) == ZSTATE_QUEUED;
    if (is_queued) {
        z_fetch_or_acq_rel(&iso->state, (uint32_t)ZSTATE_CANCEL); // PAIR state
        zqueue_remove(&sched->queue, iso);
        zqueue_push_first(&sched->queue, iso);
        worker = zworker_unpark_locked(sched);
    }
    pthread_mutex_unlock(&sched->queue_lock);
    zworker_wake(worker);
    return is_queued;
}

// Ends a queued isolate in place. False when it is not queued (any more), or there is no memory.
static bool end_queued(struct zsched *sched, struct zisolate *iso)
{
    struct zlane *lane = zlane_acquire(sched);
    if (lane == NULL) return false;
    bool is_claimed = claim_queued(sched, iso);
    if (is_claimed) {
        zisolate_end(iso, &lane->runner, ZVM_E_CANCELLED);
        struct zreport_block *block = zfold_begin(sched, lane);
        zfold_heap(sched, block, iso, lane);
        zfold_finished(block, iso);
        zfold_end(sched, lane, block, zclock_now_ns());
    }
    zlane_release(sched, lane);
    if (!is_claimed) return false;
    pthread_mutex_lock(&sched->queue_lock);
    zsched_finish_locked(sched, iso, true /* was_submitted */);
    pthread_mutex_unlock(&sched->queue_lock);
    return true;
}

// A callback is a worker's to make: the canceller may hold locks of the host that it takes. Such an
// isolate is ended by the next worker that comes by, before anything else is run.
static bool cancel_queued(struct zsched *sched, struct zisolate *iso)
{
    if (iso->on_finish == NULL && end_queued(sched, iso)) return true;
    return hurry_queued(sched, iso);
}

void zsched_cancel(struct zsched *sched, struct zisolate *iso)
{
    for (;;) {
        uint32_t word = zstate_of(iso); // PAIR state
        uint32_t state = word & ZSTATE_MASK;
        if (state == ZSTATE_DONE || (word & ZSTATE_CANCEL) != 0) return;
        bool is_cancelled =
            state == ZSTATE_QUEUED ? cancel_queued(sched, iso) : mark_cancelled(iso, word);
        if (is_cancelled) return; // else it went on to another state in between: look again
    }
}

// ---- Shutting down ------------------------------------------------------------------------------

// Sets the bit of everything queued or running. An isolate cannot be destroyed while it is in the
// list and host_lock is ours.
static void cancel_all(struct zsched *sched)
{
    pthread_mutex_lock(&sched->host_lock);
    for (struct zisolate *iso = sched->live; iso != NULL; iso = iso->live_next) {
        uint32_t word = zstate_of(iso);
        while ((word & ZSTATE_MASK) != ZSTATE_IDLE && (word & ZSTATE_MASK) != ZSTATE_DONE) {
            if (mark_cancelled(iso, word)) break;
            word = zstate_of(iso);
        }
    }
    pthread_mutex_unlock(&sched->host_lock);
}

zvm_status zsched_shutdown(struct zsched *sched, bool cancel)
{
    pthread_mutex_lock(&sched->queue_lock);
    z_store_relaxed(&sched->is_closed, 1); // relaxed: who decides by it holds the lock
    pthread_mutex_unlock(&sched->queue_lock);
    if (cancel) cancel_all(sched);
    return zsched_drain(sched);
}
