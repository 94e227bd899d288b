// tests/model/model_state.c - the state word of an isolate: submit, run, cancel, wait, shut down.
// With: src/sched/sched.c src/sched/worker.c src/sched/host.c src/sched/inside.c src/sched/lane.c src/sched/fold.c
// With: src/sched/queue.c src/sched/finish.c src/sched/park.c src/sched/event.c
// With: src/sched/wait.c src/sched/token.c src/sched/wheel.c src/sched/blocking.c src/sched/finished.c
// With: src/sched/replay.c
// With: src/sched/overflow.c src/sched/group.c src/report/block.c
// Define: ZRING_SLOTS=2 ZCHAIN_MAX=1 ZOVERFLOW_FIRST=1 ZSEARCH_LOOKS=2 ZSCHED_EVENTS=1
//
// The real scheduler, with two workers and three threads of the host; isolates that only count
// their slices stand in for real ones. One thread submits three isolates, waits for two and
// destroys one of them; the third is destroyed by its own callback. One thread runs the one left
// over itself if it comes first; one cancels that one, at whatever moment, and then shuts the
// scheduler down, racing the submissions. Wanted: never two threads in one isolate, each ended once
// or never begun, nobody waits for ever, nobody touches an isolate after its destruction, nothing
// is left in flight, and as many are counted as have ended. Bugs: weak_state: looking at a state
// word orders nothing, so a host that sees DONE need not see the isolate's last slice;
// blind_cancel: a cancel that stores the word instead of comparing, and overwrites a step that came
// in between; no_wake: submitting wakes nobody; free_at_once: the destroyer frees the block although
// a queue names it. The rings have two slots and chains one isolate, so that the overflow is in
// use with three isolates; there is one event, because which one it is goes by the address, and a
// schedule must not depend on that.
#include "sched_isolates.h"
#include "sched_seams.h"

#include "base/alloc.h"
#include "sched/sched_internal.h"

#include <string.h>

#define WORKERS  2
#define HOSTS    3
#define ISOLATES 3
#define SLICES   2 // of an isolate that is not cancelled

enum { CONTESTED, PRIVATE, FLEETING }; // the isolates; the last one's callback destroys it

enum bug { WEAK_STATE = 1, BLIND_CANCEL, NO_WAKE, FREE_AT_ONCE };

static struct zsched sched;
static struct zworker workers[WORKERS];
static struct zworker *worker_list[WORKERS];
static struct zseat seats[WORKERS];
static struct zisolate *isolates[ISOLATES];
static uint32_t ends[ISOLATES]; // of the isolate's owner-thread

// ---- What stands in for the layers below --------------------------------------------------------

void zisolate_deinit(struct zisolate *iso, struct zheap_env *env)
{
    zx_plain_write(&iso->slices, iso->slices + 1);
    if (zmodel_bug == FREE_AT_ONCE) zisolate_free(iso, env);
}

static void end_once(struct zisolate *iso, zvm_status status)
{
    zx_assert(ends[iso->id] == 0);
    ends[iso->id]++;
    zx_plain_write(&iso->status, (int32_t)status);
}

enum zisolate_outcome zisolate_run(struct zisolate *iso, struct zrunner *runner, uint64_t budget)
{
    (void)runner;
    (void)budget;
    zx_plain_write(&iso->slices, iso->slices + 1); // two at once are a race
    if (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) {
        end_once(iso, ZVM_E_CANCELLED);
        return ZOUTCOME_FINISHED;
    }
    if (iso->slices < SLICES) return ZOUTCOME_YIELDED;
    end_once(iso, ZVM_OK);
    return ZOUTCOME_FINISHED;
}

void zisolate_end(struct zisolate *iso, struct zrunner *runner, zvm_status status)
{
    (void)runner;
    zx_plain_write(&iso->slices, iso->slices + 1);
    end_once(iso, status);
}

void zheap_stats(const struct zheap *heap, struct zheap_stats *out)
{
    (void)heap;
    memset(out, 0, sizeof *out);
}

// ---- The host's threads -------------------------------------------------------------------------

// In a worker, which lends its own lane meanwhile.
static void destroy_finished(zvm_isolate *iso, void *user)
{
    (void)user;
    zvm_status status = zsched_isolate_destroy(&sched, (struct zisolate *)iso);
    zx_assert(status == ZVM_OK);
}

static struct zisolate *create_isolate(int64_t id)
{
    struct zisolate_options options = {.id = id};
    if (id == PRIVATE) options.priority = ZPRIORITY_HIGH;
    if (id == FLEETING) options.on_finish = destroy_finished;
    struct zisolate *iso = NULL;
    zvm_status status = zsched_isolate_create(&sched, NULL, NULL, &options, &iso);
    zx_assert(status == ZVM_OK);
    return iso;
}

static zvm_status queue_without_wake(struct zisolate *iso)
{
    if (!zadmission_enter(&sched.admission)) return ZVM_E_CLOSED;
    if (!zstate_submit(&iso->state)) {
        zadmission_leave(&sched.admission);
        return ZVM_E_STATE;
    }
    zinbox_push(&workers[0].inbox, iso);
    return ZVM_OK;
}

static bool submit(struct zisolate *iso)
{
    zvm_status status =
        zmodel_bug == NO_WAKE ? queue_without_wake(iso) : zsched_submit(&sched, iso);
    zx_assert(status == ZVM_OK || status == ZVM_E_STATE || status == ZVM_E_CLOSED);
    return status == ZVM_OK;
}

static void wait_for(struct zisolate *iso)
{
    zvm_status status = zsched_wait(&sched, iso, UINT64_MAX);
    zx_assert(status == ZVM_OK);
    zx_assert(zx_plain_read(&iso->slices) > 0);
    zx_assert(ends[iso->id] == 1);
}

static void submit_and_wait(void)
{
    bool has_contested = submit(isolates[CONTESTED]);
    bool has_private = submit(isolates[PRIVATE]);
    if (!submit(isolates[FLEETING])) destroy_finished((zvm_isolate *)isolates[FLEETING], NULL);
    if (has_private) wait_for(isolates[PRIVATE]);
    zvm_status status = zsched_isolate_destroy(&sched, isolates[PRIVATE]);
    zx_assert(status == ZVM_OK);
    if (has_contested) wait_for(isolates[CONTESTED]);
}

static void run_contested(void)
{
    bool is_finished;
    zvm_status status = zsched_run(&sched, isolates[CONTESTED], 1 /* budget */, &is_finished);
    zx_assert(status == ZVM_OK || status == ZVM_E_BUSY || status == ZVM_E_STATE);
}

static void cancel(struct zisolate *iso)
{
    if (zmodel_bug == BLIND_CANCEL)
        z_store_release(&iso->state, z_load_acquire(&iso->state) | ZSTATE_CANCEL);
    else
        zsched_cancel(&sched, iso);
}

// As zsched_destroy does it.
static void stop_workers(void)
{
    z_store_seq_cst(&sched.is_stopping, 1);
    zparking_stop(&sched.parking);
}

static void cancel_and_shut_down(void)
{
    cancel(isolates[CONTESTED]);
    zvm_status status = zsched_shutdown(&sched, true /* cancel */);
    zx_assert(status == ZVM_OK);
    stop_workers();
}

static void body(uint32_t thread)
{
    if (thread < WORKERS)
        zworker_main(&workers[thread]);
    else if (thread == WORKERS)
        submit_and_wait();
    else if (thread == WORKERS + 1)
        run_contested();
    else
        cancel_and_shut_down();
}

// ---- Before and after ---------------------------------------------------------------------------

static void setup(void)
{
    memset(&sched, 0, sizeof sched);
    memset(workers, 0, sizeof workers);
    memset(ends, 0, sizeof ends);
    memset(seats, 0, sizeof seats);
    for (uint32_t i = 0; i < WORKERS; i++) {
        worker_list[i] = &workers[i];
        workers[i].sched = &sched;
        workers[i].index = i;
        workers[i].lane.worker = &workers[i];
        workers[i].random = i + 1;
    }
    sched.workers = worker_list;
    sched.parking.seats = seats;
    sched.parking.seat_count = WORKERS;
    atomic_init(&sched.worker_count, WORKERS);
    sched.slice_budget = 1;
    zvm_status status = zlane_create(&sched, &sched.reserve);
    zx_assert(status == ZVM_OK);
    for (int64_t i = 0; i < ISOLATES; i++)
        isolates[i] = create_isolate(i);
    zx_name(&sched.host_lock, "host_lock");
    zx_name(&sched.admission.word, "admission");
    zx_name(&sched.admission.empty, "empty");
    zx_name(&sched.urgent, "urgent");
    zx_name(&sched.parking.idle[0], "idle");
    zx_name(&sched.parking.searching, "searching");
    zx_name(&seats[0].token, "token 0");
    zx_name(&seats[1].token, "token 1");
    zx_name(&workers[0].inbox, "inbox 0");
    zx_name(&workers[1].inbox, "inbox 1");
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct zlevel *level = &workers[i].levels[ZPRIORITY_NORMAL];
        zx_name(&level->ring.head, i == 0 ? "head 0" : "head 1");
        zx_name(&level->ring.tail, i == 0 ? "tail 0" : "tail 1");
        zx_name(&level->overflow.head, i == 0 ? "overflow head 0" : "overflow head 1");
        zx_name(&level->overflow.tail, i == 0 ? "overflow tail 0" : "overflow tail 1");
    }
    zx_name(&isolates[CONTESTED]->state, "contested state");
    zx_name(&isolates[PRIVATE]->state, "private state");
    zx_name(&isolates[FLEETING]->state, "fleeting state");
    zx_name(&isolates[CONTESTED]->slices, "contested slices");
    zx_name(&isolates[PRIVATE]->slices, "private slices");
    if (zmodel_bug != WEAK_STATE) return;
    for (int i = 0; i < ISOLATES; i++)
        zx_weaken(&isolates[i]->state, sizeof isolates[i]->state, ZX_LOADS);
}

static uint64_t counted(enum zreport_counter counter)
{
    uint64_t sum = sched.host_block.counters[counter];
    for (uint32_t i = 0; i < WORKERS; i++)
        sum += workers[i].block.counters[counter];
    return sum;
}

static void check(void)
{
    struct zisolate *iso = isolates[CONTESTED];
    zx_assert(ends[CONTESTED] == (zsched_is_done(iso) ? 1 : 0));
    zx_assert(zsched_is_at_rest(iso));
    zx_assert(zadmission_count(&sched.admission) == 0);
    zx_assert(counted(ZREPORT_isolates_finished) ==
              ends[CONTESTED] + ends[PRIVATE] + ends[FLEETING]);
    zx_assert(zsched_isolate_destroy(&sched, iso) == ZVM_OK);
    zx_assert(counted(ZREPORT_isolates_destroyed) == ISOLATES);
    zqueue_purge(&sched);
    zx_assert(!zqueue_has_any(&sched));
    for (uint32_t i = 0; i < WORKERS; i++)
        for (uint32_t priority = 0; priority < ZPRIORITY_COUNT; priority++)
            zoverflow_deinit(&workers[i].levels[priority].overflow);
    zlane_destroy_all(&sched);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "weak_state", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_cancel", .random_max = 1000, .pct_max = 1000},
    {.name = "no_wake", .random_max = 1000, .pct_max = 1000},
    {.name = "free_at_once", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "state",
    .thread_count = WORKERS + HOSTS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
