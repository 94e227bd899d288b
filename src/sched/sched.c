// sched/sched.c - from IDLE to DONE: submitting, waiting, cancelling, draining, shutting down.
//
// Owns: nothing of its own; the protocols are in state.h, admission.h, park.h and event.h, and
// docs/concurrency.md draws them. Thread: any.
// Invariants:  1. who makes an isolate's step into QUEUED places its entry: once.
//              2. the admission counts submitted isolates whose on_finish has not returned.
// Cancelling a queued isolate takes it from its entry, not the entry from its queue: the entry
// stays behind and is dropped by whoever comes to it. Until then its block cannot be freed; what
// else the isolate has goes at once when it is destroyed.
#include "sched/sched_internal.h"

#include "base/clock.h"
#include "vm/mailbox.h"
#include "vm/wait.h"

void zsched_set_deadline(struct zsched *sched, struct zisolate *iso)
{
    if (iso->timeout_ns == 0 || iso->deadline_ns != 0) return;
    uint64_t now_ns = zsched_now_ns(sched);
    bool is_endless = iso->timeout_ns > UINT64_MAX - now_ns;
    iso->deadline_ns = is_endless ? UINT64_MAX : now_ns + iso->timeout_ns;
}

bool zsched_is_done(const struct zisolate *iso)
{
    return zstate_phase(zstate_load(&iso->state)) == ZSTATE_DONE; // PAIR state
}

bool zsched_is_at_hand(const struct zisolate *iso)
{
    return !zstate_is_hosted_wait(zstate_load(&iso->state)); // PAIR state
}

bool zsched_is_at_rest(const struct zisolate *iso)
{
    return zstate_is_at_rest(zstate_load(&iso->state)); // PAIR state
}

bool zsched_is_in_hand(const struct zisolate *iso)
{
    return zstate_is_in_hand(iso);
}

bool zsched_is_listed(const struct zisolate *iso)
{
    return (zstate_load(&iso->state) & ZSTATE_LISTED) != 0; // PAIR state
}

zvm_status zsched_may_reopen(const struct zisolate *iso)
{
    if (zsched_is_in_hand(iso)) return ZVM_E_BUSY;
    uint32_t word = zstate_load(&iso->state); // PAIR state
    if (zstate_phase(word) == ZSTATE_IDLE) return ZVM_E_STATE;
    bool may = zstate_phase(word) == ZSTATE_DONE && (word & ZSTATE_NAMED) == 0;
    return may ? ZVM_OK : ZVM_E_BUSY;
}

zvm_status zsched_reopen(struct zisolate *iso)
{
    return zstate_reopen(&iso->state) ? ZVM_OK : ZVM_E_BUSY;
}

// ---- Submitting ---------------------------------------------------------------------------------

// A deadline is written by the isolate's owner: with one to write, the submitter becomes that
// first.
static bool make_queued(struct zsched *sched, struct zisolate *iso)
{
    if (ZVM_UNLIKELY(zstate_is_in_hand(iso))) return false;
    if (iso->timeout_ns == 0) return zstate_submit(&iso->state);
    uint32_t seen;
    if (!zstate_claim(&iso->state, &seen)) return false;
    zsched_set_deadline(sched, iso);
    zstate_queue(&iso->state);
    return true;
}

zvm_status zsched_submit(struct zsched *sched, struct zisolate *iso)
{
    if (zsched_started(sched) == 0) return ZVM_E_ARGUMENT;
    if (!zadmission_enter(&sched->admission)) return ZVM_E_CLOSED;
    if (!make_queued(sched, iso)) {
        zadmission_leave(&sched->admission);
        return ZVM_E_STATE;
    }
    // PAIR cancel-all: either whoever cancels everything finds this isolate QUEUED, or this look
    // finds that everything is being cancelled. Its word is there as long as its entry is ours.
    if (zadmission_is_cancelling(&sched->admission))
        z_fetch_or_acq_rel(&iso->state, (uint32_t)ZSTATE_CANCEL); // PAIR state
    zqueue_place(sched, iso);
    return ZVM_OK;
}

// ---- Waiting ------------------------------------------------------------------------------------

static uint64_t end_of(const struct zsched *sched, uint64_t timeout_ns)
{
    uint64_t now_ns = timeout_ns == UINT64_MAX ? 0 : zsched_now_ns(sched);
    return timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}

// Of one that the host runs: until there is an answer, or the time has come that it waits for.
static zvm_status wait_for_answer(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns)
{
    struct zevent *event = zfinish_event(sched, iso);
    uint64_t end_ns = end_of(sched, timeout_ns), wake_ns = zwait_wake_ns(iso);
    bool is_time_first = wake_ns != 0 && wake_ns <= end_ns;
    for (;;) {
        uint32_t seen = zevent_look(event);
        if (!zstate_watch_answer(&iso->state)) return ZVM_OK; // PAIR watch
        zpoint_pass();
        if (!zevent_wait(event, seen, is_time_first ? wake_ns : end_ns))
            return is_time_first ? ZVM_OK : ZVM_E_TIMEOUT;
    }
}

// An idle one of the host's.
static bool has_waited(const struct zisolate *iso)
{
    return zwait_token(iso) != 0 || zmailbox_is_receiving(iso);
}

zvm_status zsched_wait(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns)
{
    if (zsched_is_done(iso)) return ZVM_OK;
    if (zworker_current(sched) != NULL) return ZVM_E_STATE; // it would wait for itself
    if (zsched_is_running_here(iso)) return ZVM_E_STATE;    // the same
    uint32_t word = zstate_load(&iso->state);               // PAIR state
    if (zstate_phase(word) == ZSTATE_IDLE) return has_waited(iso) ? ZVM_OK : ZVM_E_STATE;
    bool is_hosted = zstate_is_hosted_wait(word);
    if (zsched_is_replay(sched))
        return is_hosted ? zreplay_wait_for_answer(sched, iso, timeout_ns)
                         : zreplay_wait(sched, iso, timeout_ns);
    if (is_hosted) return wait_for_answer(sched, iso, timeout_ns);
    if (timeout_ns == 0) return ZVM_E_TIMEOUT;
    uint64_t end_ns = end_of(sched, timeout_ns);

    struct zevent *event = zfinish_event(sched, iso);
    for (;;) {
        uint32_t seen = zevent_look(event);
        if (!zstate_watch(&iso->state)) return ZVM_OK; // PAIR watch
        zpoint_pass();
        if (!zevent_wait(event, seen, end_ns)) break;
    }
    return zsched_is_done(iso) ? ZVM_OK : ZVM_E_TIMEOUT;
}

zvm_status zsched_drain(struct zsched *sched)
{
    bool is_own = zworker_current(sched) != NULL || zblocking_is_own(&sched->blocking);
    if (is_own) return ZVM_E_STATE; // it would wait for itself
    if (zsched_is_replay(sched)) return zreplay_drain(sched);
    zadmission_drain(&sched->admission);
    return ZVM_OK;
}

// ---- Cancelling ---------------------------------------------------------------------------------

// A callback is a worker's to make: the canceller may hold locks of the host that it takes. Such an
// isolate is handed to the next worker that comes by. False: it is not in that phase any more.
static bool cancel_in_place(struct zsched *sched, struct zisolate *iso, uint32_t phase)
{
    bool has_callback = iso->on_finish != NULL || sched->hooks.on_event != NULL;
    struct zlane *lane = has_callback ? NULL : zlane_acquire_sure(sched);
    bool is_claimed = zstate_claim_to_end(&iso->state, phase); // PAIR state
    if (is_claimed && has_callback) zqueue_push_urgent(sched, iso);
    if (is_claimed && !has_callback) zfinish_ended(sched, iso, lane, ZVM_E_CANCELLED);
    if (lane != NULL) zlane_release(sched, lane);
    if (is_claimed && !has_callback) zfinish_isolate(sched, iso, true /* was_submitted */);
    return is_claimed;
}

// It ends when the host runs it next; the host may be waiting until it may.
static bool cancel_hosted(struct zsched *sched, struct zisolate *iso)
{
    struct zevent *event = zfinish_event(sched, iso);
    bool is_watched;
    if (!zstate_cancel_hosted(&iso->state, &is_watched)) return false; // PAIR state, PAIR watch
    if (is_watched) zevent_raise(event);
    zreplay_ring(sched);
    return true;
}

void zsched_cancel(struct zsched *sched, struct zisolate *iso)
{
    for (;;) {
        uint32_t word = zstate_load(&iso->state); // PAIR state
        uint32_t phase = zstate_phase(word);
        bool is_over = phase == ZSTATE_DONE;
        if (zstate_is_hosted_wait(word))
            is_over = cancel_hosted(sched, iso);
        else if (phase == ZSTATE_QUEUED || phase == ZSTATE_WAITING)
            is_over = cancel_in_place(sched, iso, phase);
        else if (!is_over)
            is_over = (word & ZSTATE_CANCEL) != 0 || zstate_mark_cancelled(&iso->state, word);
        if (is_over) return; // else it went on to another state in between: look again
    }
}

// ---- Shutting down ------------------------------------------------------------------------------

// It does not run, and asks for nothing.
static bool is_idle_or_done(uint32_t word)
{
    return zstate_phase(word) == ZSTATE_IDLE || zstate_phase(word) == ZSTATE_DONE;
}

// One that waits is queued, to be ended by a worker, or left to the host, whose next run ends it. False: it
// has left the state that `word` says.
static bool cancel_by_others(struct zsched *sched, struct zisolate *iso, uint32_t word)
{
    if (zstate_is_hosted_wait(word)) return cancel_hosted(sched, iso);
    if (zstate_phase(word) != ZSTATE_WAITING) return zstate_mark_cancelled(&iso->state, word);
    uint32_t seen;
    if (!zstate_step(&iso->state, ZSTATE_WAITING, ZSTATE_HOSTED, ZSTATE_QUEUED, 0,
                     ZSTATE_CANCEL | ZSTATE_ENTRY, &seen))
        return false;
    zqueue_place(sched, iso);
    return true;
}

void zsched_mark_cancelled(struct zsched *sched, struct zisolate *iso)
{
    uint32_t word = z_load_seq_cst(&iso->state); // PAIR cancel-all
    while (!is_idle_or_done(word) && !cancel_by_others(sched, iso, word))
        word = z_load_seq_cst(&iso->state); // PAIR cancel-all
}

// An isolate cannot be destroyed while it is in the list and host_lock is ours.
static void cancel_all(struct zsched *sched)
{
    pthread_mutex_lock(&sched->host_lock);
    for (struct zisolate *iso = sched->live; iso != NULL; iso = iso->live_next)
        zsched_mark_cancelled(sched, iso);
    pthread_mutex_unlock(&sched->host_lock);
}

zvm_status zsched_shutdown(struct zsched *sched, bool cancel)
{
    if (!zreplay_may_run(sched)) return ZVM_E_THREAD; // who cannot drain it closes nothing
    zadmission_close(&sched->admission, cancel);
    if (cancel) cancel_all(sched);
    return zsched_drain(sched);
}
