// sched/wait.c - isolates that wait for an answer: who gives it, and who wakes.
//
// Owns: nothing; the tokens are sched's. Thread: as declared.
// Invariant: an isolate that has asked for a token goes on only when who claimed it has made its step of
// the state word, or the owner has revoked the token. So nobody is ever left with a pointer to an
// isolate that has gone on, and who brings an answer never waits and is never waited for: if the
// isolate has come to its end meanwhile, the bit TOKEN hands the rest over to who brings it.
#include "sched/sched_internal.h"

#include "vm/wait.h"

// ---- For the isolate ----------------------------------------------------------------------------

static zvm_status open_token(void *context, struct zisolate *iso, uint64_t *token)
{
    struct zsched *sched = context;
    return ztoken_open(&sched->tokens, iso, token);
}

static bool take_answer(void *context, struct zisolate *iso, uint64_t token, struct zanswer *out)
{
    struct zsched *sched = context;
    if (zstate_has_token(&iso->state)) return false; // PAIR state
    *out = ztoken_take(&sched->tokens, token);
    return true;
}

static bool drop_token(void *context, struct zisolate *iso, uint64_t token)
{
    struct zsched *sched = context;
    if (ztoken_revoke(&sched->tokens, token)) return true;
    if (zstate_has_token(&iso->state)) return false; // PAIR state
    ztoken_throw_away_named(&sched->tokens, token);
    return true;
}

// ---- For whoever answers ------------------------------------------------------------------------

static void free_block(struct zsched *sched, struct zisolate *iso)
{
    struct zlane *lane = zlane_acquire_sure(sched);
    zisolate_free(iso, lane->runner.env);
    zlane_release(sched, lane);
}

// From the step on the isolate is others', but for what it says. True: its token is not wanted any more.
static bool step_to_answered(struct zsched *sched, struct zisolate *iso)
{
    struct zevent *event = zfinish_event(sched, iso);
    bool is_watched;
    switch (zstate_answer(&iso->state, &is_watched)) { // PAIR state
    case ZANSWERED_TOLD:
        return false;
    case ZANSWERED_QUEUED:
        zqueue_place(sched, iso);
        return false;
    case ZANSWERED_HOST:
        if (is_watched) zevent_raise(event);
        zreplay_ring(sched);
        return false;
    case ZANSWERED_LAST:
        free_block(sched, iso);
        return true;
    case ZANSWERED_OVER:
    default:
        return true;
    }
}

bool zwaiting_bring(struct zsched *sched, uint64_t token, const struct zanswer *answer)
{
    struct ztoken_slot *slot = ztoken_claim(&sched->tokens, token); // PAIR answer
    if (slot == NULL) return false;
    slot->answer = *answer;
    bool is_unwanted = step_to_answered(sched, slot->iso);
    if (is_unwanted) ztoken_throw_away(&sched->tokens, slot);
    return true;
}

void zwaiting_wake(struct zsched *sched, struct zisolate *iso)
{
    (void)step_to_answered(sched, iso);
}

// ---- For functions that block ---------------------------------------------------------------------

static bool has_pool(void *context)
{
    const struct zsched *sched = context;
    return zworker_current(sched) != NULL && !zsched_is_replay(sched);
}

static zvm_status start_job(void *context, struct zwait_job *job)
{
    struct zsched *sched = context;
    return zblocking_add(&sched->blocking, job);
}

static bool is_awaited(void *context, uint64_t token)
{
    struct zsched *sched = context;
    return ztoken_is_open(&sched->tokens, token);
}

static bool answer_job(void *context, uint64_t token, const struct zanswer *answer)
{
    return zwaiting_bring(context, token, answer);
}

static const struct zwait_hooks hooks = {
    .open = open_token,
    .take = take_answer,
    .drop = drop_token,
    .has_pool = has_pool,
    .start = start_job,
    .is_awaited = is_awaited,
    .answer = answer_job,
};

const struct zwait_hooks *zsched_wait_hooks(void)
{
    return &hooks;
}

// ---- For the worker -------------------------------------------------------------------------------

static bool is_alive(void *context, uint64_t token)
{
    return ztoken_is_open(context, token);
}

// Once the step is made the isolate may be gone; the timer names its token.
bool zwaiting_begin(struct zworker *worker, struct zisolate *iso)
{
    uint64_t token = zwait_token(iso), wake_ns = zwait_wake_ns(iso);
    bool has_time = wake_ns != 0;
    if (has_time && !zwheel_reserve(&worker->wheel)) {
        zfinish_ended(worker->sched, iso, &worker->lane, ZVM_E_NOMEM);
        zfinish_isolate(worker->sched, iso, true /* was_submitted */);
        return true;
    }
    if (!zstate_suspend(&iso->state)) return false; // PAIR state
    if (!has_time) return true;
    zwheel_add(&worker->wheel, wake_ns, token);
    if (zwheel_is_crowded(&worker->wheel))
        zwheel_sweep(&worker->wheel, is_alive, &worker->sched->tokens);
    return true;
}

static void answer_time(void *context, uint64_t token)
{
    static const struct zanswer answer = {.kind = ZANSWER_TIME};
    (void)zwaiting_bring(context, token, &answer); // whoever waited may have had an answer, or ended
}

void zwaiting_fire(struct zworker *worker)
{
    zwheel_fire(&worker->wheel, worker->clock_ns, answer_time, worker->sched);
}

// ---- For whoever ends it ------------------------------------------------------------------------

uint64_t zwaiting_abandon(struct zsched *sched, struct zisolate *iso)
{
    uint64_t token = zwait_token(iso);
    if (token == 0) return 0;
    zwait_forget(iso);
    return drop_token(sched, iso, token) ? 0 : token;
}

bool zwaiting_drop(struct zsched *sched, struct zisolate *iso)
{
    uint64_t token = zwait_token(iso);
    if (token == 0) return true;
    if (!drop_token(sched, iso, token)) return false;
    zwait_forget(iso);
    return true;
}

void zwaiting_settle(struct zsched *sched, uint64_t token)
{
    if (token != 0) ztoken_throw_away_named(&sched->tokens, token);
}

// ---- For the host ---------------------------------------------------------------------------------

zvm_status zsched_answer(struct zsched *sched, uint64_t token, const struct zanswer *answer)
{
    if (zwaiting_bring(sched, token, answer)) return ZVM_OK;
    z_fetch_add_relaxed(&sched->late_answers, 1); // relaxed: a count
    return ZVM_E_STALE;
}

bool zsched_is_awaited(struct zsched *sched, uint64_t token)
{
    if (ztoken_is_open(&sched->tokens, token)) return true;
    z_fetch_add_relaxed(&sched->late_answers, 1); // relaxed: a count
    return false;
}
