// tests/model/model_wake.c - a receiver that is woken by its state word beside a cancel, its destruction, a reset.
// With: src/vm/mailbox.c src/base/lock.c
//
// The real mailbox and steps of the state word; an inbox is the only queue. Two isolates wait for a message alone.
// The first is run by a worker, cancelled by one thread, and destroyed by that when it is over. The second
// was run by a thread of the host until it waited; that thread resets it, which may be refused, and destroys it.
// One thread sends a message to each, and wakes whom it is told to. Wanted: nobody is inside an isolate together
// with somebody else; blocks are freed once, and nobody touches them afterwards; a message is received or dropped,
// once; after a reset nothing of what was before is left in the word.
// Bugs: free_at_once: the destroyer frees the block although somebody is waking it; blind_let_go: an end takes its
// word back although it stands in the mailbox no more; keep_hold: an end does not take it back; early_reset: a reset
// takes an isolate that is being woken; keep_waiting: a reset leaves it in the mailbox as the one to wake; open:
// a destroyed isolate's mailbox still names it.
#include "model.h"
#include "sched_seams.h"
#include "talk_seams.h"

#include "sched/inbox.h"
#include "sched/state.h"

enum bug { FREE_AT_ONCE = 1, BLIND_LET_GO, KEEP_HOLD, EARLY_RESET, KEEP_WAITING, OPEN };

enum { WORKED, HOSTED, COUNT };
enum { WORKER, CANCELLER, HOST, SENDER, THREADS };

static struct zinbox queue;
static struct zisolate *isolates[COUNT];
static struct zmailbox *mailboxes[COUNT];  // the sender's holds
static _Atomic uint32_t is_worked_over;    // the first has come to its end
static _Atomic uint32_t received, dropped; // messages
static uint32_t refused;                   // the sender's

// Of the isolate's owner.
static struct part {
    struct zmailbox *mailbox;
    bool is_waiting;
} parts[COUNT];

static void make(uint32_t id)
{
    struct zisolate *iso = zx_alloc(sizeof *iso);
    isolates[id] = iso;
    atomic_init(&iso->state, ZSTATE_IDLE);
    atomic_init(&iso->queue_next, NULL);
    iso->id = id;
    mailboxes[id] = make_mailbox(iso);
    zmailbox_hold(mailboxes[id]);
    parts[id] = (struct part){.mailbox = mailboxes[id]};
}

static void setup(void)
{
    shared_setup();
    atomic_init(&queue.newest, NULL);
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++)
        atomic_init(&queue.counts[i], 0);
    for (uint32_t id = 0; id < COUNT; id++)
        make(id);
    atomic_init(&is_worked_over, 0);
    atomic_init(&received, 0);
    atomic_init(&dropped, 0);
    refused = 0;
    zx_name(&isolates[WORKED]->state, "worked state");
    zx_name(&isolates[HOSTED]->state, "hosted state");
    zx_assert(zstate_submit(&isolates[WORKED]->state));
    zinbox_push(&queue, isolates[WORKED]);
}

static void inside(struct zisolate *iso)
{
    zx_plain_write(&iso->slices, iso->slices + 1); // two at once are a race
}

// ---- The sender -----------------------------------------------------------------------------------

static void free_block(struct zisolate *iso)
{
    zx_free(iso, sizeof *iso);
}

static void wake(struct zisolate *iso)
{
    bool is_watched;
    switch (zstate_answer(&iso->state, &is_watched)) {
    case ZANSWERED_QUEUED:
        zinbox_push(&queue, iso);
        return;
    case ZANSWERED_LAST:
        free_block(iso);
        return;
    default:
        return;
    }
}

static void send_to_all(void)
{
    for (uint32_t id = 0; id < COUNT; id++) {
        struct zparcel *parcel = make_parcel(id);
        struct zwake whom;
        if (zmailbox_send(mailboxes[id], &parcel->message, NULL, &whom) == ZSENT) {
            if (whom.isolate != NULL) wake(whom.isolate);
        } else {
            refused++;
            zparcel_free(parcel);
        }
    }
}

// ---- Ends -----------------------------------------------------------------------------------------

// As ztalk_end.
static void end_talk(struct zisolate *iso)
{
    struct part *part = &parts[iso->id];
    struct zclosed closed = zmailbox_close(part->mailbox);
    bool is_held = zmodel_bug == BLIND_LET_GO ? zstate_has_token(&iso->state)
                                              : closed.waiter == ZMAILBOX_ISOLATE;
    if (is_held && zmodel_bug != KEEP_HOLD) zstate_let_go_of_token(&iso->state);
    z_fetch_add_relaxed(&dropped, closed.count);
    while (closed.unread != NULL) {
        struct zmessage *message = closed.unread;
        closed.unread = message->next;
        zparcel_free((struct zparcel *)(void *)message);
    }
}

static void end(struct zisolate *iso)
{
    inside(iso);
    end_talk(iso);
    (void)zstate_finish(&iso->state, 0);
}

static void destroy(struct zisolate *iso)
{
    struct part *part = &parts[iso->id];
    inside(iso);
    if (part->mailbox->life->isolate != NULL && zmodel_bug != OPEN) end_talk(iso);
    zmailbox_release(part->mailbox);
    if (zmodel_bug == FREE_AT_ONCE || zstate_retire(&iso->state) == ZRETIRED_FREE) free_block(iso);
}

// ---- The program: it receives one message ---------------------------------------------------------

static void deliver(struct zmessage *message)
{
    z_fetch_add_relaxed(&received, 1);
    zparcel_free((struct zparcel *)(void *)message);
}

// False: it waits.
static bool receive(struct zisolate *iso)
{
    struct part *part = &parts[iso->id];
    struct zreceived taken;
    if (part->is_waiting && zstate_has_token(&iso->state)) return false;
    part->is_waiting = false;
    zstate_hold_token(&iso->state);
    zmailbox_take(part->mailbox, ZMAILBOX_ISOLATE, &taken);
    part->is_waiting = taken.message == NULL;
    if (part->is_waiting) return false;
    zstate_let_go_of_token(&iso->state);
    deliver(taken.message);
    return true;
}

// ---- A worker, and who cancels its isolate --------------------------------------------------------

static void run(struct zisolate *iso)
{
    inside(iso);
    bool is_cancelled = (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) != 0;
    if (is_cancelled || receive(iso)) {
        end(iso);
        z_store_release(&is_worked_over, 1);
    } else if (!zstate_suspend(&iso->state)) {
        if (zstate_requeue(&iso->state)) {
            zinbox_push(&queue, iso);
        } else {
            end(iso);
            z_store_release(&is_worked_over, 1);
        }
    }
}

static void take_entries(bool may_run)
{
    struct zisolate *iso = zinbox_take(&queue);
    while (iso != NULL) {
        struct zisolate *next = z_load_relaxed(&iso->queue_next);
        enum ztaken taken = zstate_take(&iso->state);
        zx_assert(may_run || taken != ZTAKEN_TO_RUN);
        if (taken == ZTAKEN_TO_RUN) run(iso);
        if (taken == ZTAKEN_GONE) free_block(iso);
        iso = next;
    }
}

static void work(void)
{
    while (z_load_acquire(&is_worked_over) == 0) {
        take_entries(true);
        zx_yield();
    }
}

static bool cancel_once(struct zisolate *iso)
{
    uint32_t word = zstate_load(&iso->state), phase = zstate_phase(word);
    if (phase == ZSTATE_DONE) return true;
    if (phase != ZSTATE_QUEUED && phase != ZSTATE_WAITING)
        return zstate_mark_cancelled(&iso->state, word);
    if (!zstate_claim_to_end(&iso->state, phase)) return false;
    end(iso);
    z_store_release(&is_worked_over, 1);
    return true;
}

static void cancel_and_destroy(void)
{
    struct zisolate *iso = isolates[WORKED];
    while (!cancel_once(iso))
        zx_yield();
    while (zstate_phase(zstate_load(&iso->state)) != ZSTATE_DONE)
        zx_yield();
    destroy(iso);
}

// ---- A thread of the host -------------------------------------------------------------------------

// As ztalk_withdraw. False: somebody is just waking it.
static bool withdraw(struct zisolate *iso)
{
    struct zmailbox *mailbox = parts[iso->id].mailbox;
    if (zmodel_bug == KEEP_WAITING) {
        zstate_let_go_of_token(&iso->state);
        return true;
    }
    if (zmailbox_stop_waiting(mailbox) == ZMAILBOX_ISOLATE) zstate_let_go_of_token(&iso->state);
    if (!zstate_has_token(&iso->state)) return true;
    if (zmodel_bug != EARLY_RESET) return false;
    zstate_let_go_of_token(&iso->state);
    return true;
}

// As zsched_reset. False: it was refused.
static bool reset(struct zisolate *iso)
{
    struct part *part = &parts[iso->id];
    uint32_t seen;
    if (!zstate_claim_to_reset(&iso->state, &seen)) return false;
    inside(iso);
    if (!withdraw(iso)) {
        zstate_give_up_reset(&iso->state, seen);
        return false;
    }
    if (zmodel_bug == KEEP_WAITING) {
        zmailbox_release(part->mailbox);
    } else {
        end_talk(iso);
        zmailbox_release(part->mailbox);
    }
    part->mailbox = make_mailbox(iso);
    part->is_waiting = false;
    zstate_reset(&iso->state);
    zx_assert(zstate_load(&iso->state) == ZSTATE_IDLE);
    return true;
}

static void host(void)
{
    struct zisolate *iso = isolates[HOSTED];
    uint32_t seen;
    zx_assert(zstate_claim(&iso->state, &seen));
    inside(iso);
    bool is_over = receive(iso);
    if (is_over || !zstate_suspend_hosted(&iso->state)) zx_assert(zstate_put_back(&iso->state));
    (void)reset(iso);
    destroy(iso);
}

static void body(uint32_t thread)
{
    static void (*const bodies[])(void) = {work, cancel_and_destroy, host, send_to_all};
    bodies[thread]();
}

static void check(void)
{
    take_entries(false);
    for (uint32_t id = 0; id < COUNT; id++)
        zmailbox_release(mailboxes[id]);
    zx_assert(z_load_relaxed(&received) + z_load_relaxed(&dropped) + refused == COUNT);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "free_at_once", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_let_go", .random_max = 1000, .pct_max = 1000},
    {.name = "keep_hold", .random_max = 1000, .pct_max = 1000},
    {.name = "early_reset", .random_max = 1000, .pct_max = 1000},
    {.name = "keep_waiting", .random_max = 1000, .pct_max = 1000},
    {.name = "open", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "wake",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
