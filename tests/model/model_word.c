// tests/model/model_word.c - the state word: woken while running, cancelled and destroyed while queued.
//
// The real steps (sched/state.h) and an inbox as the only queue. Two isolates are queued: one runs
// slices until its message has come, and suspends itself in between; the other yields after each
// slice. A worker takes entries and runs them; one thread sends the message and wakes, then cancels the
// other isolate, however late; one cancels that at whatever moment, waits for its end, gives it more
// to do as soon as no entry names it, waits again and destroys it, be its entry in the queue or not.
// Wanted: the message is never slept through; nobody is inside an isolate together with
// somebody else; each piece ends once; a block is freed once, and touched by nobody afterwards.
// Bugs: no_notify: a wake-up of a running isolate leaves no note. idle_look: a wake-up of a queued one only looks at
// its word. free_at_once: the destroyer frees
// the block while an entry names it. blind_finish: the end forgets that there is an entry.
// blind_take: a worker runs what it takes out without a compare. double_queue: a cancel wakes a
// queued isolate, too: two entries. early_reopen: one that an entry still names is given more to do.
// blind_mark: a cancel stores what it has seen, over a reopening in between. weak_word: looking at the word orders nothing.
#include "model.h"

#include "sched/inbox.h"
#include "sched/state.h"

#define SLICES 2 // of the yielding one, when it is not cancelled

enum { SLEEPER, YIELDER, COUNT };
enum bug {
    NO_NOTIFY = 1,
    IDLE_LOOK,
    FREE_AT_ONCE,
    BLIND_FINISH,
    BLIND_TAKE,
    DOUBLE_QUEUE,
    EARLY_REOPEN,
    BLIND_MARK,
    WEAK_WORD
};

static struct zinbox queue;
static struct zisolate *isolates[COUNT];
static uint32_t ends[COUNT];           // plain: of the isolate's owner
static uint32_t pieces[COUNT];         // the same
static _Atomic uint32_t message, left; // isolates that are not through
static _Atomic uint32_t is_sent;       // the sender touches no isolate any more

static void setup(void)
{
    atomic_init(&queue.newest, NULL);
    atomic_init(&message, 0);
    atomic_init(&left, COUNT);
    atomic_init(&is_sent, 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        isolates[i] = zx_alloc(sizeof *isolates[i]);
        atomic_init(&isolates[i]->state, ZSTATE_IDLE);
        atomic_init(&isolates[i]->queue_next, NULL);
        isolates[i]->id = i;
        ends[i] = 0;
        pieces[i] = 1;
        zx_assert(zstate_submit(&isolates[i]->state));
        zinbox_push(&queue, isolates[i]);
    }
    zx_name(&queue.newest, "queue");
    zx_name(&isolates[SLEEPER]->state, "sleeper");
    zx_name(&isolates[YIELDER]->state, "yielder");
    if (zmodel_bug != WEAK_WORD) return;
    for (uint32_t i = 0; i < COUNT; i++)
        zx_weaken(&isolates[i]->state, sizeof isolates[i]->state, ZX_LOADS);
}

static void free_block(struct zisolate *iso)
{
    zx_free(iso, sizeof *iso);
    z_fetch_sub_acq_rel(&left, 1);
}

static void destroy(struct zisolate *iso)
{
    zx_plain_write(&iso->finished, 0); // the rest of the isolate is taken apart
    if (zmodel_bug == FREE_AT_ONCE || zstate_retire(&iso->state) == ZRETIRED_FREE)
        free_block(iso);
}

static void end(struct zisolate *iso)
{
    int64_t id = iso->id; // frozen
    uint32_t ended = zx_plain_read(&ends[id]) + 1;
    zx_assert(ended == zx_plain_read(&pieces[id]));
    zx_plain_write(&ends[id], ended);
    zx_plain_write(&iso->finished, 1);
    if (zmodel_bug == BLIND_FINISH)
        z_store_release(&iso->state, ZSTATE_DONE);
    else
        (void)zstate_finish(&iso->state, 0);
}

// ---- The worker -------------------------------------------------------------------------------------

// The sleeper's block stays until the end: who wakes an isolate must know that it is there.
static void end_here(struct zisolate *iso)
{
    bool is_sleeper = iso->id == SLEEPER; // frozen
    end(iso);
    if (is_sleeper) z_fetch_sub_acq_rel(&left, 1);
}

static void run(struct zisolate *iso)
{
    zx_plain_write(&iso->slices, iso->slices + 1); // two at once are a race
    bool is_cancelled = (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) != 0;
    if (is_cancelled ||
        (iso->id == SLEEPER ? z_load_acquire(&message) != 0 : iso->slices == SLICES))
        end_here(iso);
    else if (iso->id == SLEEPER && zstate_suspend(&iso->state))
        return;
    else if (zstate_requeue(&iso->state))
        zinbox_push(&queue, iso);
    else
        end_here(iso);
}

static enum ztaken take_entry(struct zisolate *iso)
{
    if (zmodel_bug != BLIND_TAKE) return zstate_take(&iso->state);
    uint32_t word = z_load_acquire(&iso->state);
    if (zstate_phase(word) != ZSTATE_QUEUED) return zstate_take(&iso->state);
    z_store_release(&iso->state, zstate_with(word, ZSTATE_RUNNING) & ~(uint32_t)ZSTATE_ENTRY);
    return ZTAKEN_TO_RUN;
}

static void work(void)
{
    while (z_load_acquire(&left) > 0) {
        struct zisolate *iso = zinbox_reverse(zinbox_take(&queue));
        if (iso == NULL) zx_yield();
        while (iso != NULL) {
            struct zisolate *next = z_load_relaxed(&iso->queue_next);
            enum ztaken taken = take_entry(iso);
            if (taken == ZTAKEN_TO_RUN) run(iso);
            if (taken == ZTAKEN_GONE) free_block(iso);
            iso = next;
        }
    }
}

// ---- The others -------------------------------------------------------------------------------------

static void wake_sleeper(void)
{
    struct zisolate *iso = isolates[SLEEPER];
    z_store_release(&message, 1);
    uint32_t phase = zstate_phase(zstate_load(&iso->state));
    if (zmodel_bug == NO_NOTIFY && phase == ZSTATE_RUNNING) return;
    if (zmodel_bug == IDLE_LOOK && phase == ZSTATE_QUEUED) return;
    if (zstate_wake(&iso->state, 0)) zinbox_push(&queue, iso);
}

static bool mark(struct zisolate *iso, uint32_t word)
{
    if (zmodel_bug != BLIND_MARK) return zstate_mark_cancelled(&iso->state, word);
    z_store_release(&iso->state, word | ZSTATE_CANCEL);
    return true;
}

static bool cancel_once(struct zisolate *iso)
{
    uint32_t word = zstate_load(&iso->state);
    switch (zstate_phase(word)) {
    case ZSTATE_DONE:
        return true;
    case ZSTATE_QUEUED:
        if (!zstate_claim_to_end(&iso->state, ZSTATE_QUEUED)) return false;
        if (zmodel_bug == DOUBLE_QUEUE) {
            zstate_queue(&iso->state);
            zinbox_push(&queue, iso);
            return true;
        }
        zx_plain_write(&iso->slices, iso->slices + 1);
        end(iso);
        return true;
    default:
        return (word & ZSTATE_CANCEL) != 0 || mark(iso, word);
    }
}

static void cancel(struct zisolate *iso)
{
    while (!cancel_once(iso))
        zx_yield();
}

static void send(void)
{
    wake_sleeper();
    cancel(isolates[YIELDER]);
    z_store_release(&is_sent, 1);
}

static void wait_for_end(struct zisolate *iso)
{
    while (zstate_phase(zstate_load(&iso->state)) != ZSTATE_DONE)
        zx_yield();
    zx_assert(zx_plain_read(&ends[YIELDER]) == zx_plain_read(&pieces[YIELDER]));
    zx_assert(zx_plain_read(&iso->finished) == 1);
}

static bool may_reopen(const struct zisolate *iso)
{
    return zmodel_bug == EARLY_REOPEN || (zstate_load(&iso->state) & ZSTATE_ENTRY) == 0;
}

static void reopen(struct zisolate *iso)
{
    while (!may_reopen(iso))
        zx_yield();
    zx_plain_write(&pieces[YIELDER], 2);
    zx_plain_write(&iso->slices, 0);
    zx_plain_write(&iso->finished, 0);
    if (zmodel_bug == EARLY_REOPEN)
        z_store_release(&iso->state, ZSTATE_IDLE);
    else
        zx_assert(zstate_reopen(&iso->state));
    zx_assert(zstate_submit(&iso->state));
    zinbox_push(&queue, iso);
}

static void host(void)
{
    struct zisolate *iso = isolates[YIELDER];
    cancel(iso);
    wait_for_end(iso);
    reopen(iso);
    wait_for_end(iso);
    while (z_load_acquire(&is_sent) == 0)
        zx_yield();
    destroy(iso);
}

static void body(uint32_t thread)
{
    if (thread == 0)
        work();
    else if (thread == 1)
        send();
    else
        host();
}

static void check(void)
{
    zx_assert(ends[SLEEPER] == 1);
    zx_assert(ends[YIELDER] == 2);
    zx_assert(!zinbox_has_any(&queue));
    destroy(isolates[SLEEPER]);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "no_notify", .random_max = 1000, .pct_max = 1000},
    {.name = "idle_look", .random_max = 1000, .pct_max = 1000},
    {.name = "free_at_once", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_finish", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_take", .random_max = 1000, .pct_max = 1000},
    {.name = "double_queue", .random_max = 1000, .pct_max = 1000},
    {.name = "early_reopen", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_mark", .random_max = 1000, .pct_max = 1000},
    {.name = "weak_word", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "word",
    .thread_count = 3,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
