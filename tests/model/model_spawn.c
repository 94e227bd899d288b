// tests/model/model_spawn.c - programs that spawn beside a group's cancel and beside a shutdown.
// With: src/sched/sched.c src/sched/worker.c src/sched/host.c src/sched/inside.c src/sched/lane.c src/sched/fold.c
// With: src/sched/queue.c src/sched/finish.c src/sched/park.c src/sched/event.c
// With: src/sched/wait.c src/sched/token.c src/sched/wheel.c src/sched/blocking.c src/sched/finished.c
// With: src/sched/replay.c src/sched/talk.c src/vm/mailbox.c src/vm/talk.c src/base/lock.c
// With: src/sched/overflow.c src/sched/group.c src/report/block.c
// Define: ZRING_SLOTS=2 ZCHAIN_MAX=1 ZOVERFLOW_FIRST=1 ZSEARCH_LOOKS=2 ZSCHED_EVENTS=1
//
// The real scheduler and spawning, with two workers; isolates that only count their slices stand in for real
// ones. A root spawns two, one a slice, the first of those a third one; then each waits for a message that nobody
// sends. The first root and what it spawns are a group's. A thread of the host submits that root, and another one
// cancels the group, at whatever moment after the first child was made; when the group is empty, nobody of it may be left. Then the first thread
// submits a root without a group, and shuts down, cancelling. Wanted: no child runs on, none is lost, each is
// ended once if it was submitted, and destroyed once; the shutdown comes to its end, and nobody is in flight
// then; the group's sums are 0.
// Bugs: stray: a child is not its parent's group's; no_walk: a cancel of a group only marks it; late_mark: it
// marks the group when it has walked; unseen: a child is queued without being let in; blind_submit: who submits
// does not look whether everything is being cancelled; forget: a child that was refused stays.
#define ZMODEL_TALKS
#include "model.h"
#include "sched_seams.h"
#include "talk_seams.h"

#include "end_seams.h"
#include "sched_isolates.h"

#include "sched/sched_internal.h"
#include "vm/quota.h"

#include <string.h>

#define WORKERS 2

enum { HOST = WORKERS, CANCELLER, THREADS };
enum { ROOT, FIRST_CHILD, OTHER_CHILD, GRANDCHILD }; // what an isolate is: its `depth_limit`
enum bug { STRAY = 1, NO_WALK, LATE_MARK, UNSEEN, BLIND_SUBMIT, FORGET };

static struct zsched sched;
static struct zworker workers[WORKERS];
static struct zworker *worker_list[WORKERS];
static struct zseat seats[WORKERS];
static struct zgroup *group;
static struct zisolate *roots[2];
static _Atomic uint32_t created, destroyed; // isolates
static _Atomic uint32_t has_cancelled;

// ---- What stands in for the layers below --------------------------------------------------------

static bool enter(struct zisolate *iso, struct zgroup *of)
{
    if (zgroup_is_cancelled(of) || !zgroup_enter(of)) return false;
    iso->quota = z_alloc_zeroed(sizeof *iso->quota);
    zx_assert(iso->quota != NULL);
    zgroup_hold(of);
    iso->quota->group = of;
    iso->quota->isolate = iso;
    return true;
}

zvm_status zisolate_create(struct zshared *of, struct zcode *code, struct zheap_env *env,
                           const struct zisolate_options *options, struct zisolate **out)
{
    (void)code;
    (void)env;
    struct zisolate *iso = z_alloc_zeroed(sizeof *iso);
    zx_assert(iso != NULL);
    atomic_init(&iso->state, ZSTATE_IDLE);
    atomic_init(&iso->queue_next, NULL);
    atomic_init(&iso->urgent_next, NULL);
    iso->shared = of;
    iso->priority = ZPRIORITY_NORMAL;
    if (options->group != NULL && !enter(iso, options->group)) {
        z_free(iso, sizeof *iso);
        return ZVM_E_CLOSED;
    }
    if (options->mailbox != NULL) zmailbox_hold(options->mailbox);
    iso->mailbox = options->mailbox;
    z_fetch_add_relaxed(&created, 1);
    *out = iso;
    return ZVM_OK;
}

void zisolate_deinit(struct zisolate *iso, struct zheap_env *env)
{
    (void)env;
    zx_plain_write(&iso->slices, iso->slices + 1);
    ztalk_free(iso);
    z_fetch_add_relaxed(&destroyed, 1);
    if (iso->quota != NULL) zgroup_leave(iso->quota->group);
}

void zisolate_free(struct zisolate *iso, struct zheap_env *env)
{
    (void)env;
    if (iso->quota != NULL) {
        zgroup_release(iso->quota->group);
        z_free(iso->quota, sizeof *iso->quota);
    }
    z_free(iso, sizeof *iso);
}

struct zheap_options zheap_options_of(const struct zheap *heap)
{
    (void)heap;
    return (struct zheap_options){0};
}

void zheap_stats(const struct zheap *heap, struct zheap_stats *out)
{
    (void)heap;
    memset(out, 0, sizeof *out);
}

static void end_once(struct zisolate *iso, zvm_status status)
{
    zx_assert(!iso->finished);
    iso->finished = 1;
    zx_plain_write(&iso->status, (int32_t)status);
}

void zisolate_end(struct zisolate *iso, struct zrunner *runner, zvm_status status)
{
    (void)runner;
    zx_plain_write(&iso->slices, iso->slices + 1);
    end_once(iso, status);
}

// ---- Programs -----------------------------------------------------------------------------------

// As zsched_submit, but for the bug.
static zvm_status submit_badly(struct zisolate *iso)
{
    if (zmodel_bug == BLIND_SUBMIT && !zadmission_enter(&sched.admission)) return ZVM_E_CLOSED;
    if (!zstate_submit(&iso->state)) return ZVM_E_STATE;
    zqueue_place(&sched, iso);
    return ZVM_OK;
}

static zvm_status spawn_badly(struct zisolate *iso, struct zmailbox *mailbox)
{
    bool is_stray = zmodel_bug == STRAY;
    struct zisolate_options options = {.group = is_stray ? NULL : zquota_group(iso),
                                       .mailbox = mailbox};
    struct zisolate *child;
    zvm_status status = zsched_isolate_create(&sched, iso->shared, NULL, &options, &child);
    if (status != ZVM_OK) return status;
    zmailbox_open(mailbox, child);
    bool is_bad = zmodel_bug == UNSEEN || zmodel_bug == BLIND_SUBMIT;
    status = is_bad ? submit_badly(child) : zsched_submit(&sched, child);
    if (status == ZVM_OK || zmodel_bug == FORGET) return status;
    return zsched_isolate_destroy(&sched, child) == ZVM_OK ? status : ZVM_E_INTERNAL;
}

static void spawn(struct zisolate *iso, struct zrunner *runner, uint16_t what)
{
    struct zmailbox *mailbox = zmailbox_new_spawned(iso->mailbox, &runner->lives, NULL);
    zx_assert(mailbox != NULL);
    mailbox->life->line_bytes = what; // what it is to be; nobody stands in line here
    bool is_good = zmodel_bug == 0 || zmodel_bug == NO_WALK || zmodel_bug == LATE_MARK;
    zvm_status status =
        is_good ? shared.talks->spawn(&sched, iso, mailbox) : spawn_badly(iso, mailbox);
    zx_assert(status == ZVM_OK || status == ZVM_E_CLOSED || status == ZVM_E_CANCELLED);
    zmailbox_release(mailbox);
}

static bool waits_for_message(struct zisolate *iso)
{
    struct zreceived taken;
    if (zstate_has_token(&iso->state)) return true;
    zstate_hold_token(&iso->state);
    zmailbox_take(iso->mailbox, ZMAILBOX_ISOLATE, &taken);
    return taken.message == NULL;
}

enum zisolate_outcome zisolate_run(struct zisolate *iso, struct zrunner *runner, uint64_t budget)
{
    (void)budget;
    zx_plain_write(&iso->slices, iso->slices + 1); // two at once are a race
    struct zgroup *of = zquota_group(iso);
    bool is_cancelled = (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) != 0;
    if (is_cancelled || (of != NULL && zgroup_is_cancelled(of))) {
        end_once(iso, ZVM_E_CANCELLED);
        return ZOUTCOME_FINISHED;
    }
    uint64_t what = iso->mailbox->life->line_bytes;
    if (what == ROOT && iso->slices <= 2) {
        spawn(iso, runner, iso->slices == 1 ? FIRST_CHILD : OTHER_CHILD);
        return ZOUTCOME_YIELDED;
    }
    if (what == FIRST_CHILD && iso->slices == 1) {
        spawn(iso, runner, GRANDCHILD);
        return ZOUTCOME_YIELDED;
    }
    zx_assert(waits_for_message(iso));
    return ZOUTCOME_WAITING;
}

// ---- The host's threads -------------------------------------------------------------------------

static void wait_and_destroy(struct zisolate *root)
{
    zx_assert(zsched_wait(&sched, root, UINT64_MAX) == ZVM_OK);
    zx_assert(zsched_isolate_destroy(&sched, root) == ZVM_OK);
}

// As zsched_destroy does it.
static void stop_workers(void)
{
    z_store_seq_cst(&sched.is_stopping, 1);
    zparking_stop(&sched.parking);
}

static void submit_all(void)
{
    zx_assert(zsched_submit(&sched, roots[0]) == ZVM_OK);
    wait_and_destroy(roots[0]);
    while (z_load_acquire(&has_cancelled) == 0 || !zgroup_is_empty(group))
        zx_yield();
    zx_assert(z_load_relaxed(&created) == z_load_relaxed(&destroyed) + 1); // but for the other root
    zx_assert(zsched_group_destroy(&sched, group) == ZVM_OK);
    zx_assert(zsched_submit(&sched, roots[1]) == ZVM_OK);
    zx_assert(zsched_shutdown(&sched, true /* cancel */) == ZVM_OK);
    zx_assert(zadmission_count(&sched.admission) == 0);
    zx_assert(zsched_isolate_destroy(&sched, roots[1]) == ZVM_OK);
    stop_workers();
}

static void walk(void)
{
    pthread_mutex_lock(&sched.host_lock);
    for (struct zquota *quota = group->members; quota != NULL; quota = quota->member_next)
        zsched_mark_cancelled(&sched, quota->isolate);
    pthread_mutex_unlock(&sched.host_lock);
}

static void cancel_group(void)
{
    while (z_load_relaxed(&created) <
           3) // the roots, and a child: before that there is little to cancel
        zx_yield();
    if (zmodel_bug == LATE_MARK) walk();
    if (zmodel_bug == LATE_MARK || zmodel_bug == NO_WALK)
        zgroup_mark_cancelled(group);
    else
        zsched_group_cancel(&sched, group);
    z_store_release(&has_cancelled, 1);
}

static void body(uint32_t thread)
{
    if (thread < WORKERS)
        zworker_main(&workers[thread]);
    else if (thread == HOST)
        submit_all();
    else
        cancel_group();
}

// ---- Before and after ---------------------------------------------------------------------------

static struct zisolate *make_root(struct zgroup *of)
{
    struct zmailbox *mailbox = zmailbox_new(&shared);
    zx_assert(mailbox != NULL);
    struct zisolate_options options = {.group = of, .mailbox = mailbox};
    struct zisolate *iso = NULL;
    zx_assert(zsched_isolate_create(&sched, &shared, NULL, &options, &iso) == ZVM_OK);
    zmailbox_open(mailbox, iso);
    zmailbox_release(mailbox);
    return iso;
}

static void make_group(void)
{
    group = z_alloc_aligned(_Alignof(struct zgroup), sizeof *group);
    memset(group, 0, sizeof *group);
    atomic_init(&group->isolates.taken, 0);
    atomic_init(&group->is_cancelled, 0);
    atomic_init(&group->holds, 1);
    group->isolates.limit = group->heap_bytes.limit = UINT64_MAX;
    group->weight = ZGROUP_WEIGHT_DEFAULT;
    zsched_group_add(&sched, group);
}

static void setup(void)
{
    memset(&sched, 0, sizeof sched);
    memset(workers, 0, sizeof workers);
    memset(seats, 0, sizeof seats);
    shared_setup();
    shared.talks = zsched_talk_hooks();
    shared.waits_context = &sched;
    atomic_init(&created, 0);
    atomic_init(&destroyed, 0);
    atomic_init(&has_cancelled, 0);
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
    zx_assert(zlane_create(&sched, &sched.reserve) == ZVM_OK);
    make_group();
    roots[0] = make_root(group);
    roots[1] = make_root(NULL);
    zx_name(&sched.host_lock, "host_lock");
    zx_name(&sched.admission.word, "admission");
    zx_name(&sched.parking.idle[0], "idle");
    zx_name(&sched.parking.searching, "searching");
    zx_name(&group->is_cancelled, "is_cancelled");
    zx_name(&roots[0]->state, "root state");
    zx_name(&roots[1]->state, "other root state");
}

static void check(void)
{
    zx_assert(z_load_relaxed(&created) == z_load_relaxed(&destroyed));
    zx_assert(sched.live == NULL);
    zqueue_purge(&sched);
    zx_assert(!zqueue_has_any(&sched));
    for (uint32_t i = 0; i < WORKERS; i++)
        zmailbox_free_lives(&workers[i].lane.runner.lives);
    for (uint32_t i = 0; i < WORKERS; i++)
        for (uint32_t priority = 0; priority < ZPRIORITY_COUNT; priority++)
            zoverflow_deinit(&workers[i].levels[priority].overflow);
    zlane_destroy_all(&sched);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "stray", .random_max = 1000, .pct_max = 1000},
    {.name = "no_walk", .random_max = 20000, .pct_max = 1000},
    {.name = "late_mark", .pct_max = 20000},
    {.name = "unseen", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_submit", .random_max = 60000, .pct_max = 20000},
    {.name = "forget", .random_max = 10000, .pct_max = 20000},
};

const struct zmodel zmodel_program = {
    .name = "spawn",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .schedules = 30000,
    .steps_max = 60000,
};
