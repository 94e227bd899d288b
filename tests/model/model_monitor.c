// tests/model/model_monitor.c - isolates that watch each other, and end at the same time.
// With: src/vm/mailbox.c src/vm/talk.c src/base/lock.c
//
// The real mailboxes, monitors and ends; each thread stands for an isolate, and sleeps on a word of its own. The
// first comes to its end, whenever that is. The second monitors it twice, looks for a message, and ends: so both
// may be at it at once. The third monitors it and waits for the message. The fourth awaits its end, and then
// monitors the second, which may be over, and waits for that. Wanted: who waits is told once, and sees what the one
// that ended has left; nobody is told after its own end; monitors and mailboxes are freed once, when nobody has them
// any more.
// Bugs: tell_first: an isolate tells of its end, and then is over; forget_late: who watches one that is over is not
// told; both: the watcher that ends gives back the message's reference too; keep_watching: it gives back
// nothing; no_await: who awaits the end of one that is over sleeps; weak_references: giving a monitor
// back orders nothing; weak_lock: giving a mailbox's lock back orders nothing; weak_over: an end that is seen without
// the lock orders nothing.
#include "model.h"
#include "sched_seams.h"
#include "talk_seams.h"

#include "end_seams.h"

enum bug {
    TELL_FIRST = 1,
    FORGET_LATE,
    BOTH,
    KEEP_WATCHING,
    NO_AWAIT,
    WEAK_REFERENCES,
    WEAK_LOCK,
    WEAK_OVER,
};

enum { WATCHED, FLEETING, WATCHER, AWAITER, COUNT };

#define STATUS 77 // of the one that is watched

static struct zisolate isolates[COUNT];
static struct zmailbox *held[COUNT][COUNT]; // who has whose address
static _Atomic uint32_t woken[COUNT];

// ---- What stands in for the rest ------------------------------------------------------------------

static void wake_token(void *context, const struct zwake *whom)
{
    (void)context;
    zx_assert(whom->isolate == NULL);
    _Atomic uint32_t *word = &woken[whom->token - 2];
    z_store_release(word, 1);
    zx_futex_wake(word, 1);
}

static const struct ztalk_hooks hooks = {.wake = wake_token};

uint64_t zwait_token(const struct zisolate *iso)
{
    (void)iso;
    return 0;
}

static uint64_t token_of(uint32_t id)
{
    return id + 2;
}

static void await_wake(uint32_t id)
{
    while (z_load_acquire(&woken[id]) == 0)
        zx_futex_wait(&woken[id], 0);
    z_store_relaxed(&woken[id], 0); // relaxed: the next wait is not known to anybody yet
}

static void setup(void)
{
    shared_setup();
    shared.talks = &hooks;
    for (uint32_t i = 0; i < COUNT; i++) {
        isolates[i] = (struct zisolate){.shared = &shared, .finished = 1};
        isolates[i].mailbox = make_mailbox(&isolates[i]);
        atomic_init(&woken[i], 0);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t k = 0; k < COUNT; k++) {
            held[i][k] = isolates[k].mailbox;
            zmailbox_hold(held[i][k]);
        }
    if (zmodel_bug == WEAK_LOCK)
        zx_weaken(&isolates[WATCHED].mailbox->lock, sizeof(uint32_t), ZX_STORES);
    if (zmodel_bug == WEAK_OVER)
        zx_weaken(&isolates[WATCHED].mailbox->is_open, sizeof(uint8_t), ZX_STORES);
}

// ---- What isolates do -----------------------------------------------------------------------------

// As monitor().
static void watch(uint32_t id, uint32_t whom)
{
    struct zmailbox *own = isolates[id].mailbox, *watched = held[id][whom];
    struct zmonitor *monitor = z_alloc_zeroed(sizeof *monitor);
    zx_assert(monitor != NULL);
    monitor->message = (struct zmessage){.bytes = sizeof *monitor, .kind = ZMESSAGE_EXIT};
    monitor->watched = watched;
    monitor->watcher = own;
    zmailbox_hold(watched);
    zmailbox_hold(own);
    atomic_init(&monitor->references, 2);
    zx_name(&monitor->references, "references");
    if (zmodel_bug == WEAK_REFERENCES)
        zx_weaken(&monitor->references, sizeof monitor->references, ZX_STORES);
    monitor->own_next = own->life->watches;
    if (own->life->watches != NULL) own->life->watches->own_previous = monitor;
    own->life->watches = monitor;
    struct zwake nobody;
    if (zmailbox_watch(monitor) || zmodel_bug == FORGET_LATE) return;
    zx_assert(zmailbox_send(own, &monitor->message, NULL, &nobody) == ZSENT);
}

// As receive() of an exit message.
static void forget(uint32_t id, struct zmonitor *monitor)
{
    struct zmailbox *own = isolates[id].mailbox;
    if (monitor->own_previous != NULL)
        monitor->own_previous->own_next = monitor->own_next;
    else
        own->life->watches = monitor->own_next;
    if (monitor->own_next != NULL) monitor->own_next->own_previous = monitor->own_previous;
    zmonitor_release(monitor);
    zmonitor_release(monitor);
}

static struct zmonitor *take(uint32_t id, uint64_t waiter)
{
    struct zreceived taken;
    zmailbox_take(isolates[id].mailbox, waiter, &taken);
    return (struct zmonitor *)(void *)taken.message;
}

static void expect_end(uint32_t id, uint32_t whom)
{
    struct zmonitor *monitor;
    while ((monitor = take(id, token_of(id))) == NULL)
        await_wake(id);
    zx_assert(monitor->watched == held[id][whom]);
    zx_assert(zx_plain_read(&monitor->watched->status) == (whom == WATCHED ? STATUS : 0));
    forget(id, monitor);
    zx_assert(take(id, ZMAILBOX_NOBODY) == NULL); // once
}

static void wait_for_end(uint32_t id, struct zmailbox *at)
{
    struct zmailbox *own = isolates[id].mailbox;
    own->life->line = (struct zline){.token = token_of(id)};
    own->life->at = at;
    if (zmailbox_await(at, &own->life->line) || zmodel_bug == NO_AWAIT) {
        await_wake(id);
        zmailbox_leave_awaiters(at, &own->life->line);
    }
    own->life->at = NULL;
}

// As await.
static void await_end(uint32_t id, uint32_t whom)
{
    struct zmailbox *at = held[id][whom];
    if (!zmailbox_is_over(at)) wait_for_end(id, at);
    zx_assert(zmailbox_is_over(at));
    zx_assert(zx_plain_read(&at->status) == STATUS);
}

static void tell_too_early(struct zmailbox *mailbox)
{
    struct zmonitor *monitor;
    struct zwake whom;
    while ((monitor = zmailbox_next_monitor(mailbox)) != NULL) {
        if (zmailbox_send(monitor->watcher, &monitor->message, NULL, &whom) != ZSENT)
            zmonitor_release(monitor);
        else if (whom.token != 0)
            wake_token(NULL, &whom);
    }
}

static void end(uint32_t id)
{
    struct zisolate *iso = &isolates[id];
    struct zmailbox *mailbox = iso->mailbox;
    uint64_t dropped;
    if (zmodel_bug == TELL_FIRST && id == WATCHED) tell_too_early(mailbox);
    if (zmodel_bug == KEEP_WATCHING) mailbox->life->watches = NULL;
    if (zmodel_bug == BOTH && mailbox->life->watches != NULL)
        zmonitor_release(mailbox->life->watches);
    ztalk_end(iso, &dropped);
    zx_assert(dropped == 0);
    ztalk_free(iso);
}

static void body(uint32_t id)
{
    switch (id) {
    case WATCHED:
        zx_plain_write(&isolates[id].mailbox->status, STATUS);
        break;
    case FLEETING:
        watch(id, WATCHED);
        watch(id, WATCHED);
        struct zmonitor *monitor = take(id, ZMAILBOX_NOBODY);
        if (monitor != NULL) forget(id, monitor);
        break;
    case WATCHER:
        watch(id, WATCHED);
        expect_end(id, WATCHED);
        break;
    default:
        await_end(id, WATCHED);
        watch(id, FLEETING);
        expect_end(id, FLEETING);
    }
    end(id);
    for (uint32_t i = 0; i < COUNT; i++)
        zmailbox_release(held[id][i]);
}

static void check(void)
{
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "tell_first", .random_max = 1000, .pct_max = 1000},
    {.name = "forget_late", .random_max = 1000, .pct_max = 1000},
    {.name = "both", .random_max = 1000, .pct_max = 1000},
    {.name = "keep_watching", .random_max = 1000, .pct_max = 1000},
    {.name = "no_await", .random_max = 1000, .pct_max = 1000},
    {.name = "weak_references", .random_max = 2000, .pct_max = 20000},
    {.name = "weak_lock", .random_max = 1000, .pct_max = 1000},
    {.name = "weak_over", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "monitor",
    .thread_count = COUNT,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
