// tests/model/model_park.c - a worker goes to sleep while work arrives: no wake-up is lost.
//
// Two submitters, each with a queue of its own (a counter here), and one worker that parks when
// both are empty. Without fences: a submitter publishes seq_cst and then loads the idle word
// seq_cst; the worker sets its idle bit by a seq_cst read-modify-write and then looks at the queues
// again seq_cst. So one of them sees the other. Who clears the bit owes the worker a token, and
// only one does. Each bug weakens one of the four operations, or leaves the second look out;
// wake_first: the system call comes before the token, so the worker can fall asleep in between.
#include "model.h"

#define SUBMITTERS 2
#define TASKS      1u // of each
#define IDLE_BIT   1u

enum bug {
    RELEASE_PUBLISH = 1,
    ACQUIRE_IDLE,
    ACQ_REL_PARK,
    ACQUIRE_RECHECK,
    NO_RECHECK,
    WAKE_FIRST
};

static _Atomic uint32_t published[SUBMITTERS]; // tasks ever put into a queue; one writer each
static _Atomic uint32_t idle;
static _Atomic uint32_t token;               // what the worker sleeps on
static uint32_t contents[SUBMITTERS][TASKS]; // plain: handed-over by a queue
static uint32_t taken[SUBMITTERS], total;    // owner-thread: the worker

static void setup(void)
{
    for (uint32_t i = 0; i < SUBMITTERS; i++) {
        atomic_init(&published[i], 0);
        taken[i] = 0;
    }
    atomic_init(&idle, 0);
    atomic_init(&token, 0);
    total = 0;
    zx_name(&published[0], "queue 0");
    zx_name(&published[1], "queue 1");
    zx_name(&idle, "idle");
    zx_name(&token, "token");
}

// ---- Submitters ---------------------------------------------------------------------------------

static void publish(uint32_t queue, uint32_t task)
{
    zx_plain_write(&contents[queue][task], 100 * queue + task);
    if (zmodel_bug == RELEASE_PUBLISH)
        z_store_release(&published[queue], task + 1);
    else
        z_store_seq_cst(&published[queue], task + 1); // PAIR task, PAIR park
}

static bool is_idle(void)
{
    uint32_t word =
        zmodel_bug == ACQUIRE_IDLE ? z_load_acquire(&idle) : z_load_seq_cst(&idle); // PAIR park
    return (word & IDLE_BIT) != 0;
}

static void submit(uint32_t queue)
{
    for (uint32_t task = 0; task < TASKS; task++) {
        publish(queue, task);
        if (!is_idle()) continue;
        if ((z_fetch_and_acq_rel(&idle, ~IDLE_BIT) & IDLE_BIT) == 0) continue; // another did
        if (zmodel_bug == WAKE_FIRST) zx_futex_wake(&token, 1);
        z_store_release(&token, 1); // PAIR token
        if (zmodel_bug != WAKE_FIRST) zx_futex_wake(&token, 1);
    }
}

// ---- The worker ---------------------------------------------------------------------------------

static bool take(void)
{
    for (uint32_t queue = 0; queue < SUBMITTERS; queue++) {
        if (z_load_acquire(&published[queue]) == taken[queue]) continue; // PAIR task
        uint32_t task = taken[queue]++;
        zx_assert(zx_plain_read(&contents[queue][task]) == 100 * queue + task);
        total++;
        return true;
    }
    return false;
}

static bool has_work(void)
{
    if (zmodel_bug == NO_RECHECK) return false;
    for (uint32_t queue = 0; queue < SUBMITTERS; queue++) {
        uint32_t count = zmodel_bug == ACQUIRE_RECHECK
                             ? z_load_acquire(&published[queue])
                             : z_load_seq_cst(&published[queue]); // PAIR park
        if (count != taken[queue]) return true;
    }
    return false;
}

static void sleep_for_token(void)
{
    while (z_load_acquire(&token) == 0) // PAIR token
        zx_futex_wait(&token, 0);
    z_store_relaxed(&token, 0); // relaxed: nobody gives one while the bit is clear
}

static void park(void)
{
    if (zmodel_bug == ACQ_REL_PARK)
        z_fetch_or_acq_rel(&idle, IDLE_BIT);
    else
        z_fetch_or_seq_cst(&idle, IDLE_BIT); // PAIR park
    if (has_work()) {
        bool is_mine = (z_fetch_and_acq_rel(&idle, ~IDLE_BIT) & IDLE_BIT) != 0;
        if (is_mine) return; // else whoever cleared it owes a token
    }
    sleep_for_token();
}

static void work(void)
{
    while (total < SUBMITTERS * TASKS)
        if (!take()) park();
}

static void body(uint32_t thread)
{
    if (thread == 0)
        work();
    else
        submit(thread - 1);
}

static void check(void)
{
    zx_assert(total == SUBMITTERS * TASKS);
}

static const struct zmodel_bug bugs[] = {
    {.name = "release_publish", .random_max = 1000, .pct_max = 1000},
    {.name = "acquire_idle", .random_max = 1000, .pct_max = 1000},
    {.name = "acq_rel_park", .random_max = 1000, .pct_max = 1000},
    {.name = "acquire_recheck", .random_max = 1000, .pct_max = 1000},
    {.name = "no_recheck", .random_max = 1000, .pct_max = 1000},
    {.name = "wake_first", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "park",
    .thread_count = 1 + SUBMITTERS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .dfs_max = 3000000,
};
