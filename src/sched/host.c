// sched/host.c - isolates as the host's threads handle them: made, destroyed, run, looked into.
//
// Owns: the list of all isolates of the runtime. Thread: any, one at a time an isolate.
// Invariant: an isolate is in the list, and has a row in the roster, from the end of its creation to
// the beginning of its destruction, so that zsched_destroy finds what the host has left behind.
#include "sched/sched_internal.h"

#include "base/clock.h"
#include "vm/quota.h"
#include "vm/talk.h"
#include "vm/wait.h"

#include <string.h>

// ---- The list of all isolates -------------------------------------------------------------------

// False: there is no row for it; *capacity: what the roster had room for.
static bool try_link_live(struct zsched *sched, struct zisolate *iso, uint64_t *capacity)
{
    pthread_mutex_lock(&sched->host_lock);
    struct zroster_row *row = zroster_take_locked(&sched->roster);
    *capacity = sched->roster.capacity;
    if (row != NULL) {
        iso->row = row;
        iso->live_previous = NULL;
        iso->live_next = sched->live;
        if (sched->live != NULL) sched->live->live_previous = iso;
        sched->live = iso;
        zsched_group_link(iso);
    }
    pthread_mutex_unlock(&sched->host_lock);
    return row != NULL;
}

// Memory is asked for without the lock: others may be as fast, and then one of the chunks is too many.
static bool add_rows(struct zsched *sched, uint64_t capacity)
{
    struct zroster_row *chunk = zroster_chunk_create(capacity);
    if (chunk == NULL) return false;
    pthread_mutex_lock(&sched->host_lock);
    bool is_added = zroster_add_locked(&sched->roster, chunk, capacity);
    bool has_grown = is_added || sched->roster.capacity > capacity;
    pthread_mutex_unlock(&sched->host_lock);
    if (!is_added) zroster_chunk_destroy(chunk, capacity);
    return has_grown;
}

static bool link_live(struct zsched *sched, struct zisolate *iso)
{
    uint64_t capacity;
    while (!try_link_live(sched, iso, &capacity))
        if (!add_rows(sched, capacity)) return false;
    return true;
}

static void unlink_live(struct zsched *sched, struct zisolate *iso)
{
    pthread_mutex_lock(&sched->host_lock);
    if (iso->live_previous != NULL)
        iso->live_previous->live_next = iso->live_next;
    else
        sched->live = iso->live_next;
    if (iso->live_next != NULL) iso->live_next->live_previous = iso->live_previous;
    zroster_give_locked(&sched->roster, iso->row);
    iso->row = NULL;
    zsched_group_unlink(iso);
    pthread_mutex_unlock(&sched->host_lock);
}

// ---- How many there may be ----------------------------------------------------------------------

// relaxed, all three: a count, nothing is read through it. Without a limit nobody counts, so that the
// line does not move between the cores. Only where the scheduler is_watched.
static bool count_in(struct zsched *sched)
{
    if (sched->isolate_limit == 0) return true;
    if (z_fetch_add_relaxed(&sched->isolate_count, 1) < sched->isolate_limit) return true;
    z_fetch_sub_relaxed(&sched->isolate_count, 1);
    return false;
}

static void count_out(struct zsched *sched)
{
    if (sched->isolate_limit != 0) z_fetch_sub_relaxed(&sched->isolate_count, 1);
}

// The time that figures are marked with. A worker knows when its last slice ended, or began.
static uint64_t mark_ns(const struct zsched *sched, const struct zlane *lane)
{
    return lane->worker != NULL ? lane->worker->clock_ns : zsched_now_ns(sched);
}

// ---- Telling the host ---------------------------------------------------------------------------

// Meanwhile the isolate is RUNNING: what would change it is refused. One that a queue still names, or who answers it,
// cannot be claimed, but is over, which refuses the same; that it is listed keeps it from being destroyed twice.
static void tell(struct zsched *sched, struct zisolate *iso,
                 void (*hook)(const struct zhooks *hooks, struct zisolate *iso))
{
    struct zinside inside;
    uint32_t seen;
    bool is_claimed = zstate_claim_to_reset(&iso->state, &seen); // PAIR state
    if (!is_claimed) zstate_set_listed(&iso->state, true);       // PAIR state
    zinside_enter(&inside, sched, iso);
    hook(&sched->hooks, iso);
    zinside_leave(&inside);
    if (is_claimed) zstate_give_up_reset(&iso->state, seen); // PAIR state
    if (!is_claimed) zstate_set_listed(&iso->state, false);  // PAIR state
}

// ---- Making and destroying ----------------------------------------------------------------------

static zvm_status create(struct zsched *sched, struct zlane *lane, struct zshared *shared,
                         struct zcode *code, const struct zisolate_options *options,
                         struct zisolate **out)
{
    struct zisolate *iso;
    zvm_status status = zisolate_create(shared, code, lane->runner.env, options, &iso);
    if (status == ZVM_OK && !link_live(sched, iso)) {
        zisolate_deinit(iso, lane->runner.env);
        zisolate_free(iso, lane->runner.env);
        status = ZVM_E_NOMEM;
    }
    if (status == ZVM_OK) {
        uint64_t now_ns = mark_ns(sched, lane);
        struct zreport_block *block = zfold_begin(sched, lane);
        zreport_add(block, ZREPORT_isolates_created, 1);
        for (uint32_t kind = 0; kind < ZPOOL_KIND_COUNT; kind++)
            zreport_add_pool(block, kind, ZREPORT_POOL_OFF, options->pool_limits[kind] == 0);
        // One that is spawned runs soon, and is folded then.
        if (options->mailbox == NULL) zfold_heap(sched, block, iso, lane, now_ns);
        zfold_end(sched, lane, block, now_ns);
        *out = iso;
    }
    return status;
}

static ZVM_COLD zvm_status create_watched_slow(struct zsched *sched, struct zlane *lane,
                                               struct zshared *shared, struct zcode *code,
                                               const struct zisolate_options *options,
                                               struct zisolate **out)
{
    if (!count_in(sched)) return ZVM_E_ISOLATES;
    struct zisolate *iso;
    zvm_status status = create(sched, lane, shared, code, options, &iso);
    if (status != ZVM_OK) {
        count_out(sched);
        return status;
    }
    if (sched->hooks.on_event != NULL) tell(sched, iso, zhooks_created);
    *out = iso;
    return ZVM_OK;
}

zvm_status zsched_isolate_create_on(struct zsched *sched, struct zlane *lane,
                                    struct zshared *shared, struct zcode *code,
                                    const struct zisolate_options *options, struct zisolate **out)
{
    // A creation that races with the shutdown may go either way; submitting looks again.
    if (zadmission_is_closed(&sched->admission)) return ZVM_E_CLOSED;
    if (ZVM_UNLIKELY(sched->is_watched))
        return create_watched_slow(sched, lane, shared, code, options, out);
    return create(sched, lane, shared, code, options, out);
}

zvm_status zsched_isolate_create(struct zsched *sched, struct zshared *shared, struct zcode *code,
                                 const struct zisolate_options *options, struct zisolate **out)
{
    struct zlane *lane = zlane_acquire(sched);
    if (lane == NULL) return ZVM_E_NOMEM;
    zvm_status status = zsched_isolate_create_on(sched, lane, shared, code, options, out);
    zlane_release(sched, lane);
    return status;
}

static zvm_status destroy(struct zsched *sched, struct zisolate *iso)
{
    // One that was spawned and has run to its end was folded at its last slice, and nothing has changed since.
    bool is_folded = iso->mailbox != NULL && iso->mailbox->is_spawned && iso->finished;
    if (iso->mailbox != NULL && zmailbox_is_open(iso->mailbox)) zsched_end_talk(sched, iso);
    zsched_let_go(sched, iso);
    struct zlane *lane = zlane_acquire_sure(sched);
    unlink_live(sched, iso);
    uint64_t token = zwaiting_abandon(sched, iso);
    uint64_t now_ns = mark_ns(sched, lane);
    struct zreport_block *block = zfold_begin(sched, lane);
    if (!is_folded) zfold_heap(sched, block, iso, lane, now_ns);
    zfold_destroyed(sched, block, iso);
    zfold_end(sched, lane, block, now_ns);
    struct zinside inside;
    bool has_finalizers = iso->extra != NULL; // perhaps
    if (has_finalizers) zinside_enter(&inside, sched, iso);
    zisolate_deinit(iso, lane->runner.env);
    if (has_finalizers) zinside_leave(&inside);
    enum zretired retired = zstate_retire(&iso->state); // PAIR state
    if (retired != ZRETIRED_ANSWER) zwaiting_settle(sched, token);
    if (retired == ZRETIRED_FREE) zisolate_free(iso, lane->runner.env);
    zlane_release(sched, lane);
    return ZVM_OK;
}

static ZVM_COLD zvm_status destroy_watched_slow(struct zsched *sched, struct zisolate *iso)
{
    if (sched->hooks.on_event != NULL) tell(sched, iso, zhooks_destroyed);
    zvm_status status = destroy(sched, iso);
    count_out(sched);
    return status;
}

zvm_status zsched_isolate_destroy(struct zsched *sched, struct zisolate *iso)
{
    uint32_t word = zstate_load(&iso->state); // PAIR state
    if (!zstate_is_at_rest(word) || (word & ZSTATE_LISTED) != 0) return ZVM_E_BUSY;
    if (iso->heap.env != NULL) return ZVM_E_BUSY; // in hand: a callback of a call for it
    if (ZVM_UNLIKELY(sched->is_watched)) return destroy_watched_slow(sched, iso);
    return destroy(sched, iso);
}

// The lane that a thread has for the isolate (lend.c), which has it no more, else another one.
static struct zlane *take_lane_sure(struct zsched *sched, struct zisolate *iso)
{
    struct zlane *held = iso->extra == NULL ? NULL : iso->extra->lane;
    if (held == NULL) return zlane_acquire_sure(sched);
    iso->extra->lane = NULL;
    return held;
}

// ---- Again from the start -----------------------------------------------------------------------

// What it had counts as freed and given back; then what an empty one has.
static void reset(struct zsched *sched, struct zisolate *iso, struct zlane *lane,
                  struct zvalue *stack, struct zmailbox *mailbox)
{
    uint64_t now_ns = zsched_now_ns(sched);
    struct zreport_block *block = zfold_begin(sched, lane);
    zfold_heap(sched, block, iso, lane, now_ns);
    zfold_emptied(sched, block, iso);
    zfold_end(sched, lane, block, now_ns);
    struct zinside inside; // finalizers of the host
    zinside_enter(&inside, sched, iso);
    zisolate_reset(iso, lane->runner.env, stack, mailbox);
    zinside_leave(&inside);
    memset(iso->folded, 0, sizeof iso->folded);
    block = zfold_begin(sched, lane);
    zreport_add(block, ZREPORT_isolates_reset, 1);
    zfold_heap(sched, block, iso, lane, now_ns);
    zfold_end(sched, lane, block, now_ns);
}

// It is ours, RUNNING. The question that it has asked goes last: the rest can be undone.
static zvm_status prepare(struct zsched *sched, struct zisolate *iso, struct zvalue **stack,
                          struct zmailbox **mailbox)
{
    zvm_status status = zisolate_prepare_reset(iso, stack);
    if (status != ZVM_OK) return status;
    status = ztalk_prepare_again(iso, mailbox);
    if (status == ZVM_OK) {
        bool is_held = iso->mailbox != NULL && !ztalk_withdraw(iso);
        if (!is_held && zwaiting_drop(sched, iso)) return ZVM_OK;
        status = ZVM_E_BUSY; // somebody is just answering
        if (*mailbox != NULL) zmailbox_release(*mailbox);
    }
    zisolate_forget_reset(iso, *stack);
    return status;
}

zvm_status zsched_reset(struct zsched *sched, struct zisolate *iso)
{
    uint32_t seen;
    if (zsched_is_in_hand(iso)) return ZVM_E_BUSY;
    if (!zstate_claim_to_reset(&iso->state, &seen)) return ZVM_E_BUSY; // PAIR state
    struct zvalue *stack;
    struct zmailbox *mailbox;
    zvm_status status = prepare(sched, iso, &stack, &mailbox);
    if (status != ZVM_OK) {
        (void)zstate_give_up_reset(&iso->state, seen); // PAIR state
        return status;
    }
    if (iso->mailbox != NULL && zmailbox_is_open(iso->mailbox)) zsched_end_talk(sched, iso);
    struct zlane *lane = take_lane_sure(sched, iso);
    reset(sched, iso, lane, stack, mailbox);
    zlane_release(sched, lane);
    zstate_reset(&iso->state); // PAIR state
    return ZVM_OK;
}

// ---- Running ------------------------------------------------------------------------------------

// One call of zsched_run. The program may call a function of the host, and that may run another isolate.
struct host_run {
    struct zinside
        inside; // its isolate is NULL once that is over, and in its on_finish perhaps gone
    struct zlane *lane;
    uint64_t budget;    // left; UINT64_MAX: no end
    uint64_t cpu_at_ns; // CPU time of the thread when it was last added up; 0: not looked at yet
};

// The CPU time since the last look. The first slice is measured by the wall, which costs no system
// call: most programs, and most calls, are over by then, and a microsecond of them is what such a call
// costs.
static uint64_t cpu_since(struct host_run *run, uint64_t elapsed_ns, bool is_over)
{
    if (run->cpu_at_ns == 0) {
        if (!is_over && run->budget > 0) run->cpu_at_ns = zclock_thread_cpu_ns();
        return elapsed_ns;
    }
    uint64_t now_ns = zclock_thread_cpu_ns();
    uint64_t cpu_ns = now_ns - run->cpu_at_ns;
    run->cpu_at_ns = now_ns;
    return cpu_ns;
}

static enum zisolate_outcome run_slice(struct zsched *sched, struct zisolate *iso,
                                       struct host_run *run)
{
    struct zlane *lane = run->lane;
    struct zfold_mark before = zfold_before(iso);
    uint64_t slice = zquota_budget(iso, sched->slice_budget);
    uint64_t budget = run->budget < slice ? run->budget : slice;
    if (run->budget != UINT64_MAX) run->budget -= budget;
    uint64_t start_ns = zsched_now_ns(sched);
    enum zisolate_outcome outcome = ZOUTCOME_FINISHED;
    // relaxed: a bit that came later is seen by the interpreter's own look.
    if (z_load_relaxed(&iso->state) & ZSTATE_CANCEL)
        zisolate_end(iso, &lane->runner, ZVM_E_CANCELLED);
    else
        outcome = zisolate_run(iso, &lane->runner, budget);
    uint64_t end_ns = zsched_now_ns(sched);
    bool is_over = outcome == ZOUTCOME_FINISHED;

    struct zreport_block *block = zfold_begin(sched, lane);
    zfold_slice(block, iso, &before, end_ns - start_ns);
    zfold_heap(sched, block, iso, lane, end_ns);
    if (is_over) zfold_finished(block, iso);
    if (outcome == ZOUTCOME_WAITING) zreport_add(block, ZREPORT_waits, 1);
    zreport_add(block, ZREPORT_cpu_ns, cpu_since(run, end_ns - start_ns, is_over));
    zfold_end(sched, lane, block, end_ns);
    zhooks_slice(&sched->hooks, iso, lane, is_over);
    return outcome;
}

// What it waits for may be a time.
static bool is_time(const struct zsched *sched, const struct zisolate *iso)
{
    uint64_t wake_ns = zwait_wake_ns(iso);
    return wake_ns != 0 && zsched_now_ns(sched) >= wake_ns;
}

// -> RUNNING, for the calling thread.
static zvm_status claim(const struct zsched *sched, struct zisolate *iso)
{
    uint32_t seen;
    if (zstate_claim(&iso->state, &seen)) return ZVM_OK; // PAIR state
    if (zstate_is_hosted_wait(seen)) {
        if (!is_time(sched, iso)) return ZVM_E_WAITING;
        if (zstate_claim_waiting(&iso->state)) return ZVM_OK; // PAIR state
        return claim(sched, iso); // it has got its answer just now, and is idle
    }
    return zstate_phase(seen) == ZSTATE_DONE ? ZVM_E_STATE : ZVM_E_BUSY;
}

// Until it has finished, waits, or the budget is used up: in the last two cases it is not ours any more.
static enum zisolate_outcome run_slices(struct zsched *sched, struct zisolate *iso,
                                        struct host_run *run)
{
    for (;;) {
        enum zisolate_outcome outcome = run_slice(sched, iso, run);
        if (outcome == ZOUTCOME_FINISHED) return outcome;
        if (outcome == ZOUTCOME_WAITING && zstate_suspend_hosted(&iso->state)) return outcome;
        // One that cannot be put back has been cancelled: one more round ends it.
        if (run->budget == 0 && zstate_put_back(&iso->state)) return ZOUTCOME_YIELDED;
    }
}

zvm_status zsched_run(struct zsched *sched, struct zisolate *iso, uint64_t budget, bool *finished)
{
    struct host_run run = {.budget = budget == 0 ? UINT64_MAX : budget};
    if (ZVM_UNLIKELY(zstate_is_in_hand(iso))) return ZVM_E_BUSY;
    zvm_status status = zreplay_may_run(sched) ? claim(sched, iso) : ZVM_E_THREAD;
    if (status != ZVM_OK) return status;
    struct zlane *held = iso->extra == NULL ? NULL : iso->extra->lane;
    run.lane = held != NULL ? held : zlane_acquire(sched);
    if (run.lane == NULL) {
        if (zstate_put_back(&iso->state)) return ZVM_E_NOMEM;
        run.lane = zlane_acquire_sure(sched); // it has been cancelled, and ends at once
    }
    zsched_set_deadline(sched, iso);
    zinside_enter(&run.inside, sched, iso);
    _Atomic uint64_t *clock = zsched_use_clock(sched);
    enum zisolate_outcome outcome = run_slices(sched, iso, &run);
    zsched_leave_clock(clock);
    run.inside.iso = NULL;
    if (run.lane != held) zlane_release(sched, run.lane);
    if (finished != NULL) *finished = outcome == ZOUTCOME_FINISHED;
    if (outcome == ZOUTCOME_FINISHED) zfinish_isolate(sched, iso, false /* was_submitted */);
    zinside_leave(&run.inside);
    return outcome == ZOUTCOME_WAITING ? ZVM_E_WAITING : ZVM_OK;
}

// ---- Looking into one ---------------------------------------------------------------------------

zvm_status zsched_borrow(struct zsched *sched, struct zisolate *iso, struct zlane **out)
{
    if (!zsched_is_at_rest(iso) || zsched_is_in_hand(iso)) return ZVM_E_BUSY;
    struct zlane *lane = zlane_acquire(sched);
    if (lane == NULL) return ZVM_E_NOMEM;
    iso->runner = &lane->runner;
    iso->heap.env = lane->runner.env;
    lane->clock = zsched_use_clock(sched);
    zinside_enter(&lane->inside, sched, iso);
    *out = lane;
    return ZVM_OK;
}

void zsched_give_back(struct zsched *sched, struct zisolate *iso, struct zlane *lane)
{
    zinside_leave(&lane->inside);
    zsched_leave_clock(lane->clock);
    iso->runner = NULL;
    iso->heap.env = NULL;
    zquota_return_heap(iso, iso->finished);
    uint64_t now_ns = zsched_now_ns(sched);
    struct zreport_block *block = zfold_begin(sched, lane);
    zfold_heap(sched, block, iso, lane, now_ns);
    zfold_end(sched, lane, block, now_ns);
    zlane_release(sched, lane);
}
