// tests/model/model_parking.c - searching, sleeping and waking: no work waits beside a sleeper.
// With: src/sched/park.c
//
// The real parking (sched/park.c) and inboxes. Two workers, each with an inbox, that go through the
// steps of sched/worker.c: own inbox, search, sleep; two submitters, one for each inbox, that push one
// task each and notify. Running a task means to wait until the other one runs, too: so when a task
// stays in an inbox while a worker sleeps, both sleep for ever, and the explorer says so.
// Bugs: no_look_after: a searcher that has found work does not look whether there is more, although a
// submitter may have relied on it. no_debt: neither does one that wanted to sleep and found work at
// the second look. no_recheck: a worker sleeps without a second look. notify_first:
// the notification goes before the push. give_up: a notification that finds no bit to claim does not
// look again. relaxed_idle, relaxed_searching, relaxed_inbox: the looks at those words are relaxed.
// forget_token: a worker that has left before its token came sets its bit again all the same.
#include "sched_seams.h"

#include "sched/inbox.h"
#include "sched/park.h"

#include <string.h>

#define WORKERS 2

enum bug {
    NO_LOOK_AFTER = 1,
    NO_DEBT,
    NO_RECHECK,
    NOTIFY_FIRST,
    GIVE_UP,
    RELAXED_IDLE,
    RELAXED_SEARCHING,
    RELAXED_INBOX,
    FORGET_TOKEN
};

static struct zparking parking;
static struct zseat seats[WORKERS];
static struct zinbox inboxes[WORKERS];
static struct zisolate tasks[WORKERS];
static _Atomic uint32_t begun; // tasks that run or have run
static _Atomic uint32_t is_stopping;

static void setup(void)
{
    memset(&parking, 0, sizeof parking);
    memset(seats, 0, sizeof seats);
    parking.seats = seats;
    parking.seat_count = WORKERS;
    atomic_init(&parking.idle[0], 0);
    atomic_init(&parking.searching, 0);
    atomic_init(&begun, 0);
    atomic_init(&is_stopping, 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        atomic_init(&seats[i].token, 0);
        atomic_init(&inboxes[i].newest, NULL);
        atomic_init(&tasks[i].queue_next, NULL);
    }
    zx_name(&parking.idle[0], "idle");
    zx_name(&parking.searching, "searching");
    zx_name(&seats[0].token, "token 0");
    zx_name(&seats[1].token, "token 1");
    zx_name(&inboxes[0].newest, "inbox 0");
    zx_name(&inboxes[1].newest, "inbox 1");
    zx_name(&begun, "begun");
    if (zmodel_bug == RELAXED_IDLE) zx_weaken(&parking.idle[0], sizeof parking.idle[0], ZX_LOADS);
    if (zmodel_bug == RELAXED_SEARCHING)
        zx_weaken(&parking.searching, sizeof parking.searching, ZX_LOADS);
    if (zmodel_bug == RELAXED_INBOX) zx_weaken(inboxes, sizeof inboxes, ZX_LOADS);
}

// ---- Submitters -------------------------------------------------------------------------------------

static void notify_once(uint32_t preferred)
{
    if (z_load_seq_cst(&parking.searching) != 0) return;
    if (z_load_seq_cst(&parking.idle[0]) == 0) return;
    if (!zparking_begin_search(&parking)) return;
    for (uint32_t i = 0; i < WORKERS; i++) {
        uint32_t seat = (preferred + i) % WORKERS;
        uint64_t bit = UINT64_C(1) << seat;
        if ((z_fetch_and_seq_cst(&parking.idle[0], ~bit) & bit) == 0) continue;
        z_store_release(&seats[seat].token, 1);
        zx_futex_wake(&seats[seat].token, 1);
        return;
    }
    zparking_end_search(&parking);
}

static void notify(uint32_t preferred)
{
    if (zmodel_bug == GIVE_UP)
        notify_once(preferred);
    else
        zparking_notify(&parking, preferred);
}

static void submit(uint32_t which)
{
    if (zmodel_bug == NOTIFY_FIRST) notify(which);
    zinbox_push(&inboxes[which], &tasks[which]);
    if (zmodel_bug != NOTIFY_FIRST) notify(which);
}

// ---- Workers ----------------------------------------------------------------------------------------

static bool has_any(void)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        if (zinbox_has_any(&inboxes[i])) return true;
    return false;
}

static bool has_work(void *context)
{
    (void)context;
    if (zmodel_bug == NO_RECHECK) return false;
    return has_any() || z_load_seq_cst(&is_stopping) != 0;
}

// Until both tasks have begun; the second to begin ends the workers.
static void run(void)
{
    if (z_fetch_add_acq_rel(&begun, 1) + 1 == WORKERS) {
        zx_futex_wake(&begun, WORKERS);
        z_store_seq_cst(&is_stopping, 1);
        zparking_stop(&parking);
        return;
    }
    for (uint32_t count = 1; count < WORKERS; count = z_load_acquire(&begun))
        zx_futex_wait(&begun, count);
}

struct worker {
    uint32_t own;
    bool is_searching, owes_look;
};

static void end_search(struct worker *worker)
{
    if (!worker->is_searching && !worker->owes_look) return;
    if (worker->is_searching) zparking_end_search(&parking);
    worker->is_searching = worker->owes_look = false;
    if (zmodel_bug != NO_LOOK_AFTER && has_any()) notify(worker->own);
}

static bool take(const struct worker *worker)
{
    if (zinbox_take(&inboxes[worker->own]) != NULL) return true;
    return worker->is_searching && zinbox_take(&inboxes[1 - worker->own]) != NULL;
}

static void park(struct worker *worker)
{
    enum zpark_end end = zparking_park(&parking, worker->own, worker->is_searching, UINT64_MAX,
                                       has_work, NULL);
    worker->is_searching = end == ZPARK_WOKEN;
    worker->owes_look = end == ZPARK_NOT_NOW && zmodel_bug != NO_DEBT;
    if (zmodel_bug == FORGET_TOKEN) seats[worker->own].is_owed = false;
}

static void work(struct worker *worker)
{
    for (;;) {
        if (take(worker)) {
            end_search(worker);
            run();
            continue;
        }
        if (z_load_seq_cst(&is_stopping) != 0) return;
        if (!worker->is_searching) {
            worker->is_searching = zparking_begin_search(&parking);
            if (worker->is_searching) continue;
        }
        park(worker);
    }
}

static void body(uint32_t thread)
{
    if (thread < WORKERS)
        work(&(struct worker){.own = thread});
    else
        submit(thread - WORKERS);
}

static void check(void)
{
    zx_assert(z_load_relaxed(&begun) == WORKERS); // relaxed: alone
    zx_assert(!has_any());
}

static const struct zmodel_bug bugs[] = {
    {.name = "no_look_after", .random_max = 5000, .pct_max = 5000},
    {.name = "no_debt", .random_max = 5000, .pct_max = 5000},
    {.name = "no_recheck", .random_max = 5000, .pct_max = 5000},
    {.name = "notify_first", .random_max = 5000, .pct_max = 5000},
    {.name = "give_up", .random_max = 20000},
    {.name = "relaxed_idle", .random_max = 20000, .pct_max = 20000},
    {.name = "relaxed_searching", .random_max = 20000, .pct_max = 20000},
    {.name = "relaxed_inbox", .random_max = 20000, .pct_max = 20000},
    {.name = "forget_token", .random_max = 20000, .pct_max = 20000},
};

const struct zmodel zmodel_program = {
    .name = "parking",
    .thread_count = 2 * WORKERS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
