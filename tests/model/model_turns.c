// tests/model/model_turns.c - isolates of a group take turns on two workers, and the group is freed.
// With: src/sched/group.c
// Define: ZRING_SLOTS=2 ZCHAIN_MAX=2 ZSCHED_EVENTS=1
//
// The real turns (sched/turns.h, sched/group.c) and the real words of isolates (sched/state.h) over queues
// that are as simple as can be: a list of each worker's own, and one inbox. One thread of the host submits
// three isolates; another cancels the last of them if it finds it queued, destroys each as soon as it is over,
// and then the group; the workers run each for two slices, if they can. Wanted: never more isolates entered
// than workers; each runs its slices, on one worker at a time, with what the last one did to it seen; nobody
// waits for ever; blocks and the group are freed once, by the last who has to do with them, and nobody touches
// them afterwards.
// Bugs: relaxed_serve: asking orders nothing, so who serves next need not see the queues as they are.
// relaxed_arrival: who takes an isolate out need not see what was done to it. blind_end: who serves stops
// without looking whether somebody has asked. no_ask: one that leaves does not ask. no_hold: who places
// an isolate relies on the hold of its entry. no_block_hold: an isolate's block does not hold its group, so that
// between the step into QUEUED and the entry nobody does.
#include "model.h"

#include "sched/sched_internal.h"
#include "sched/turns.h"

#include "base/alloc.h"
#include "sched_seams.h"

#define WORKERS  2
#define ISOLATES 3
#define TURNS    2

enum bug { RELAXED_SERVE = 1, RELAXED_ARRIVAL, BLIND_END, NO_ASK, NO_HOLD, NO_BLOCK_HOLD };

static struct zsched sched;
static struct zworker workers[WORKERS];
static struct zworker *worker_list[] = {&workers[0], &workers[1]};
static struct zgroup *group;
static struct zisolate *isolates[ISOLATES]; // blocks
static uint32_t turns[ISOLATES];            // plain: by who runs it
static bool is_cancelled;                   // plain: the last one, by who destroys
static struct zinbox inbox;
static struct zturn_queue own[WORKERS]; // plain: the worker's
static _Atomic uint32_t entered, left;

// ---- What group.c calls -------------------------------------------------------------------------

void zqueue_enter(struct zsched *of, struct zworker *worker, struct zisolate *iso)
{
    zx_assert(of == &sched);
    zx_assert(z_fetch_add_relaxed(&entered, 1) < WORKERS);
    if (worker != NULL)
        zturns_append(&own[worker->index], iso);
    else
        zinbox_push(&inbox, iso);
}

void zqueue_send(struct zworker *worker, struct zisolate *iso)
{
    zx_assert(worker->sched == &sched);
    zx_assert(z_fetch_add_relaxed(&entered, 1) < WORKERS);
    zinbox_push(&inbox, iso); // whoever comes by
}

void zsched_mark_cancelled(struct zsched *of, struct zisolate *iso)
{
    (void)of;
    (void)iso;
}

// ---- The same, with bugs ------------------------------------------------------------------------

static bool end_serving(uint32_t seen)
{
    if (zmodel_bug != BLIND_END) return zturns_end(&group->turns, seen);
    z_store_release(&group->turns.requests, 0);
    return true;
}

static void serve(struct zworker *worker)
{
    if (!zturns_ask(&group->turns)) return;
    uint32_t seen;
    do {
        struct zisolate *iso;
        seen = zturns_look(&group->turns);
        while ((iso = zturns_next(&group->turns, WORKERS)) != NULL)
            zqueue_enter(&sched, worker, iso);
    } while (!end_serving(seen));
}

static void let_go_of_group(void)
{
    if (zgroup_let_go(group)) z_free_aligned(group, sizeof *group);
}

static void free_block(struct zisolate *iso)
{
    z_free(iso, sizeof *iso);
    if (zmodel_bug != NO_BLOCK_HOLD) let_go_of_group();
}

static void place(struct zisolate *iso)
{
    if (zmodel_bug != BLIND_END && zmodel_bug != NO_HOLD) {
        zsched_group_place(&sched, group, iso);
        return;
    }
    zgroup_hold(group);
    if (zmodel_bug == BLIND_END) zgroup_hold(group);
    zturns_wait(&group->turns, iso);
    serve(NULL);
    if (zmodel_bug == BLIND_END) let_go_of_group();
}

static bool requeue(struct zworker *worker, struct zisolate *iso)
{
    if (!zturns_has_waiting(&group->turns)) return false;
    z_fetch_sub_relaxed(&entered, 1);
    if (zmodel_bug != BLIND_END) {
        bool is_requeued = zsched_group_requeue(worker, group, iso);
        if (!is_requeued) z_fetch_add_relaxed(&entered, 1);
        return is_requeued;
    }
    zgroup_hold(group);
    zturns_leave(&group->turns);
    zturns_wait(&group->turns, iso);
    serve(worker);
    let_go_of_group();
    return true;
}

static void leave_turns(struct zworker *worker)
{
    if (zmodel_bug != BLIND_END && zmodel_bug != NO_ASK) {
        zsched_group_left(worker, group);
        return;
    }
    zturns_leave(&group->turns);
    if (zmodel_bug == BLIND_END) serve(worker);
    let_go_of_group();
}

static void leave(struct zworker *worker)
{
    z_fetch_sub_relaxed(&entered, 1);
    leave_turns(worker);
    z_fetch_add_relaxed(&left, 1);
}

// ---- Threads ------------------------------------------------------------------------------------

static struct zisolate *next_for(struct zworker *worker)
{
    struct zisolate *iso = zinbox_take(&inbox);
    for (iso = iso == NULL ? NULL : zinbox_reverse(iso); iso != NULL;) {
        struct zisolate *next = z_load_relaxed(&iso->queue_next);
        zturns_append(&own[worker->index], iso);
        iso = next;
    }
    return zturns_take(&own[worker->index]);
}

// False: it is over, and this was its entry.
static bool take_entry(struct zisolate *iso)
{
    enum ztaken taken = zstate_take(&iso->state);
    if (taken == ZTAKEN_GONE) free_block(iso);
    return taken == ZTAKEN_TO_RUN;
}

static void run(struct zworker *worker, struct zisolate *iso)
{
    size_t index = (size_t)zx_plain_read(&iso->id);
    zx_plain_write(&turns[index], zx_plain_read(&turns[index]) + 1);
    if (turns[index] == TURNS) {
        (void)zstate_finish(&iso->state, 0); // from here on its block may be gone
        leave(worker);
        return;
    }
    zx_assert(zstate_requeue(&iso->state));
    if (!requeue(worker, iso)) zturns_append(&own[worker->index], iso);
}

static void work(struct zworker *worker)
{
    while (z_load_relaxed(&left) < ISOLATES) {
        struct zisolate *iso = next_for(worker);
        if (iso == NULL)
            zx_yield();
        else if (take_entry(iso))
            run(worker, iso);
        else
            leave(worker);
    }
}

static void host(void)
{
    for (int i = 0; i < ISOLATES; i++) {
        zx_assert(zstate_submit(&isolates[i]->state));
        place(isolates[i]);
    }
}

// As zsched_cancel and zsched_isolate_destroy.
static void cancel(struct zisolate *iso)
{
    while (zstate_phase(zstate_load(&iso->state)) == ZSTATE_IDLE)
        zx_yield();
    is_cancelled = zstate_claim_to_end(&iso->state, ZSTATE_QUEUED);
    if (is_cancelled) (void)zstate_finish(&iso->state, 0);
}

static void destroy_isolate(struct zisolate *iso)
{
    while (zstate_phase(zstate_load(&iso->state)) != ZSTATE_DONE)
        zx_yield();
    if (zstate_retire(&iso->state) == ZRETIRED_FREE) free_block(iso);
}

// As soon as no isolate is left: the host may still be on its way out of its last call, or into it.
static void destroy(void)
{
    cancel(isolates[ISOLATES - 1]);
    for (int i = 0; i < ISOLATES; i++)
        destroy_isolate(isolates[i]);
    zx_assert(zsched_group_destroy(&sched, group) == ZVM_OK);
}

static void body(uint32_t thread)
{
    if (thread < WORKERS)
        work(&workers[thread]);
    else if (thread == WORKERS)
        host();
    else
        destroy();
}

static void setup(void)
{
    static const struct zturn_queue empty;
    atomic_init(&sched.worker_count, WORKERS);
    sched.workers = worker_list;
    group = z_alloc_aligned(_Alignof(struct zgroup), sizeof *group);
    zx_assert(group != NULL);
    *group = (struct zgroup){.isolates.limit = 1};
    atomic_init(&group->holds, 1);
    zsched_group_add(&sched, group);
    for (uint32_t i = 0; i < ISOLATES; i++) {
        isolates[i] = z_alloc_zeroed(sizeof *isolates[i]);
        zx_assert(isolates[i] != NULL);
        isolates[i]->id = i;
        atomic_init(&isolates[i]->state, ZSTATE_IDLE);
        if (zmodel_bug != NO_BLOCK_HOLD) zgroup_hold(group);
        turns[i] = 0;
    }
    is_cancelled = false;
    for (uint32_t i = 0; i < WORKERS; i++) {
        workers[i].sched = &sched;
        workers[i].index = i;
        own[i] = empty;
    }
    atomic_init(&inbox.newest, NULL);
    atomic_init(&entered, 0);
    atomic_init(&left, 0);
    zx_name(&group->turns.arrivals, "arrivals");
    zx_name(&group->turns.requests, "requests");
    zx_name(&group->turns.entered, "entered");
    zx_name(&group->holds, "holds");
    const struct zturns *words = &group->turns;
    if (zmodel_bug == RELAXED_SERVE) zx_weaken(&words->requests, sizeof words->requests, ZX_LOADS);
    if (zmodel_bug == RELAXED_ARRIVAL)
        zx_weaken(&words->arrivals, sizeof words->arrivals, ZX_LOADS);
}

static void check(void)
{
    for (uint32_t i = 0; i < ISOLATES; i++)
        zx_assert(turns[i] == TURNS || (is_cancelled && i == ISOLATES - 1));
    zx_assert(z_load_relaxed(&entered) == 0);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "relaxed_serve", .random_max = 1000, .pct_max = 10000},
    {.name = "relaxed_arrival", .random_max = 1000, .pct_max = 40000},
    {.name = "blind_end", .random_max = 20000, .pct_max = 60000},
    {.name = "no_ask", .random_max = 1000, .pct_max = 1000},
    {.name = "no_hold", .random_max = 20000, .pct_max = 20000},
    {.name = "no_block_hold", .random_max = 40000, .pct_max = 40000},
};

const struct zmodel zmodel_program = {
    .name = "turns",
    .thread_count = WORKERS + 2,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .steps_max = 5000,
};
