// sched/lend.c - an isolate in the hands of its host, who reads and makes its values.
//
// Owns: nothing; the lane that a thread has for an isolate stands in the isolate's extra part, from the
// first look into an open scope to the end of the outermost one. Thread: the isolate's owner.
// Invariants:  1. between two calls an isolate at rest has no runner and no env, scope or not: so everything
//                 else that borrows, runs, resets or destroys it finds it as ever.
//              2. the lane is one of the host's, never the worker's own that is running an on_finish: a scope
//                 that is left open costs a lane until the isolate is reset or destroyed, and nothing else.
// In a function of the host that the isolate has called it has runner and env already.
#include "sched/sched_internal.h"

#include "vm/hostcall.h"

static zvm_status take_lane(struct zsched *sched, struct zisolate *iso)
{
    if (!zisolate_ensure_extra(iso)) return ZVM_E_NOMEM;
    if (iso->extra->lane != NULL) return ZVM_OK;
    struct zlane *lane = zlane_acquire_host(sched);
    if (lane == NULL) return ZVM_E_NOMEM;
    iso->extra->lane = lane;
    return ZVM_OK;
}

static zvm_status enter_at_rest(struct zsched *sched, struct zisolate *iso, struct zhand *hand)
{
    if (iso->heap.env != NULL) return ZVM_E_BUSY; // a finalizer of the host that comes back
    zvm_status status = take_lane(sched, iso);
    if (status != ZVM_OK) return status;
    struct zlane *lane = iso->extra->lane;
    iso->runner = &lane->runner;
    iso->heap.env = lane->runner.env;
    lane->clock = zsched_use_clock(sched);
    zinside_enter(&lane->inside, sched, iso);
    *hand = (struct zhand){.lane = lane};
    return ZVM_OK;
}

static zvm_status enter_call(struct zvm_call *call, struct zhand *hand)
{
    if (call->is_busy) return ZVM_E_BUSY; // the same
    if (call->iso->pending != ZPENDING_NOTHING) return ZVM_E_STATE;
    call->is_busy = true;
    *hand = (struct zhand){.call = call};
    return ZVM_OK;
}

zvm_status zsched_enter(struct zsched *sched, struct zisolate *iso, struct zhand *hand)
{
    if (zsched_is_at_rest(iso)) return enter_at_rest(sched, iso, hand);
    struct zvm_call *call = zhost_call_of(iso);
    return call == NULL ? ZVM_E_BUSY : enter_call(call, hand);
}

void zsched_leave(struct zisolate *iso, struct zhand *hand)
{
    if (hand->call != NULL) {
        hand->call->is_busy = false;
        return;
    }
    zinside_leave(&hand->lane->inside);
    zsched_leave_clock(hand->lane->clock);
    iso->runner = NULL;
    iso->heap.env = NULL;
}

// One that cannot be claimed (a queue or a list still names it) is over, and can be given nothing to do either; and in
// a call it is running.
void zsched_hold(struct zisolate *iso, struct zhand *hand)
{
    hand->is_held = hand->call == NULL && zstate_claim_to_reset(&iso->state, &hand->seen);
}

void zsched_let_be(struct zsched *sched, struct zisolate *iso, const struct zhand *hand)
{
    if (!hand->is_held) return;
    uint32_t word = zstate_give_up_reset(&iso->state, hand->seen); // PAIR state
    // Who began to wait meanwhile looks again.
    if (ZVM_UNLIKELY((word & ZSTATE_WATCHED) != 0)) zevent_raise(zfinish_event(sched, iso));
}

void zsched_let_go(struct zsched *sched, struct zisolate *iso)
{
    if (iso->extra == NULL || iso->extra->lane == NULL) return;
    struct zlane *lane = iso->extra->lane;
    iso->extra->lane = NULL;
    uint64_t now_ns = zsched_now_ns(sched);
    struct zreport_block *block = zfold_begin(sched, lane);
    zfold_heap(sched, block, iso, lane, now_ns);
    zfold_end(sched, lane, block, now_ns);
    zlane_release(sched, lane);
}
