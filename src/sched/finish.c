// sched/finish.c - the end of an isolate.
//
// Owns: nothing. Thread: the one that has the isolate RUNNING. No lock is taken, and no system call
// made unless somebody waits: the state word says whether. From the step into DONE on the isolate
// may be destroyed by whoever sees it, so all that is needed afterwards is read before.
#include "sched/sched_internal.h"

#include "base/clock.h"
#include "base/probe.h"
#include "vm/mailbox.h"

struct zevent *zfinish_event(struct zsched *sched, const struct zisolate *iso)
{
    // Isolates lie so far apart: neighbours have events of their own.
    return &sched->ends[((uintptr_t)iso / ZHEAP_CONTROL_BYTES) % ZSCHED_EVENTS];
}

// The isolate may be gone when the callback returns.
static void call_on_finish(struct zsched *sched, struct zisolate *iso, zvm_finish_fn on_finish,
                           void *user)
{
    struct zworker *worker = zworker_current(sched);
    bool was_lending = worker != NULL && worker->is_lending;
    if (worker != NULL && !worker->is_in_slice) worker->is_lending = true;
    on_finish((zvm_isolate *)iso, user);
    if (worker == NULL) return;
    worker->is_lending = was_lending;
    worker->clock_ns = zsched_now_ns(sched); // the callback's time is no slice's
}

// It is nobody's: what it leaves for others is in its mailbox.
static void destroy_spawned(struct zsched *sched, struct zisolate *iso)
{
    struct zworker *worker = zworker_current(sched);
    bool was_lending = worker != NULL && worker->is_lending;
    if (worker != NULL && !worker->is_in_slice) worker->is_lending = true;
    if (worker != NULL) zmailbox_end_life(iso->mailbox, &worker->lane.runner.lives);
    zvm_status status = zsched_isolate_destroy(sched, iso);
    ZVM_CHECK(status == ZVM_OK);
    if (worker != NULL) worker->is_lending = was_lending;
}

void zfinish_leave(struct zworker *worker)
{
    uint32_t count = z_load_relaxed(&worker->leaving); // relaxed: only we write it
    if (count == 0) return;
    z_store_relaxed(&worker->leaving, 0); // relaxed: a gauge
    zadmission_leave_many(&worker->sched->admission, count);
}

// A drain is not kept waiting: a worker has others to run, which are in flight too, or lets those
// that are through leave at once.
static void leave(struct zsched *sched)
{
    struct zworker *worker = zworker_current(sched);
    if (worker == NULL) {
        zadmission_leave(&sched->admission);
        return;
    }
    z_count_add(&worker->leaving, 1); // relaxed: only we write it
    if (z_load_relaxed(&worker->leaving) == ZLEAVING_MAX) zfinish_leave(worker);
}

void zfinish_isolate(struct zsched *sched, struct zisolate *iso, bool was_submitted)
{
    zvm_finish_fn on_finish = iso->on_finish;
    void *user = iso->user;
    struct zevent *event = zfinish_event(sched, iso);
    bool is_spawned = iso->mailbox != NULL && iso->mailbox->is_spawned;
    if (iso->mailbox != NULL) zsched_end_talk(sched, iso);
    uint64_t token = zwaiting_abandon(sched, iso);
    bool is_listed = was_submitted && on_finish == NULL && sched->has_finished && !is_spawned;
    ZPROBE2(isolate__finish, iso->id, iso->status);
    uint32_t set = is_listed ? ZSTATE_LISTED : 0;
    uint32_t word = zstate_finish(&iso->state, set); // PAIR state, PAIR watch
    if (is_listed) zfinished_push(&sched->finished, iso);
    if ((word & ZSTATE_TOKEN) == 0) zwaiting_settle(sched, token);
    if ((word & ZSTATE_WATCHED) != 0) zevent_raise(event);
    if (on_finish != NULL) call_on_finish(sched, iso, on_finish, user);
    if (is_spawned && on_finish == NULL) destroy_spawned(sched, iso);
    if (was_submitted) leave(sched);
    if (ZVM_UNLIKELY(zsched_is_replay(sched))) zreplay_ring(sched);
}

void zfinish_ended(struct zsched *sched, struct zisolate *iso, struct zlane *lane,
                   zvm_status status)
{
    zisolate_end(iso, &lane->runner, status);
    uint64_t now_ns = zsched_now_ns(sched);
    struct zreport_block *block = zfold_begin(sched, lane);
    zfold_heap(sched, block, iso, lane, now_ns);
    zfold_finished(block, iso);
    zfold_end(sched, lane, block, now_ns);
    zhooks_slice(&sched->hooks, iso, lane, true /* has_finished */);
}

// ---- Telling the host ---------------------------------------------------------------------------

int zsched_finished_descriptor(const struct zsched *sched)
{
    return sched->has_finished ? sched->finished.descriptor : -1;
}

size_t zsched_take_finished(struct zsched *sched, zvm_isolate **out, size_t capacity)
{
    return sched->has_finished ? zfinished_take(&sched->finished, out, capacity) : 0;
}
