// tests/model/model_mailbox.c - one isolate receives, by its state word and with a time, what two threads send.
// With: src/vm/mailbox.c src/base/lock.c src/sched/token.c
// Define: ZTOKEN_FIRST=1 ZTOKEN_PIECES=3
//
// The real mailbox, tokens and steps of the state word; an inbox is the only queue. A worker runs an isolate
// that receives in turn as one that waits for a message alone, and as one that waits for a time as well, until
// it has all messages. Two threads send two each and wake whom they are told to; a third one is the clock,
// which answers each token that it sees. Wanted: nobody but the worker is inside the isolate; each message comes
// once, those of one sender in their order; the isolate never sleeps beside a message; no token stays open.
// Bugs: look_first: it looks, and then says that it waits; late_hold: it says that it waits, and then holds its
// state word; no_note: waking a running isolate leaves no note; forget_wake: a sender wakes nobody; weak_lock:
// giving the mailbox's lock back orders nothing.
#include "model.h"
#include "sched_seams.h"
#include "talk_seams.h"

#include "sched/inbox.h"
#include "sched/state.h"
#include "sched/token.h"

enum bug { LOOK_FIRST = 1, LATE_HOLD, NO_NOTE, FORGET_WAKE, WEAK_LOCK };

#define SENDERS  2
#define EACH     2
#define MESSAGES (SENDERS * EACH)

enum { WORKER, FIRST_SENDER, CLOCK = FIRST_SENDER + SENDERS, THREADS };
enum phase { BEGIN, BY_WORD, TIMED };

static struct ztokens tokens;
static struct zinbox queue;
static struct zisolate *iso;
static struct zmailbox *mailbox;
static _Atomic uint64_t asked;   // the token of the time, once the isolate has suspended itself
static _Atomic uint32_t is_over; // the isolate has all messages

// Of the isolate's owner.
static struct part {
    enum phase phase;
    uint64_t token;
    uint32_t turns, got;
    uint32_t next[SENDERS]; // of each sender's messages
} part;

void zanswer_free(struct zanswer *answer)
{
    (void)answer;
}

static void setup(void)
{
    shared_setup();
    zx_assert(ztokens_init(&tokens) == ZVM_OK);
    atomic_init(&tokens.free, 0);
    for (uint32_t i = 0; i < ZTOKEN_PIECES; i++)
        atomic_init(&tokens.pieces[i], NULL);
    atomic_init(&queue.newest, NULL);
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++)
        atomic_init(&queue.counts[i], 0);
    atomic_init(&asked, 0);
    atomic_init(&is_over, 0);
    part = (struct part){0};
    iso = zx_alloc(sizeof *iso);
    atomic_init(&iso->state, ZSTATE_IDLE);
    atomic_init(&iso->queue_next, NULL);
    mailbox = make_mailbox(iso);
    zx_name(&iso->state, "state");
    zx_name(&asked, "asked");
    zx_assert(zstate_submit(&iso->state));
    zinbox_push(&queue, iso);
    if (zmodel_bug == WEAK_LOCK) zx_weaken(&mailbox->lock, sizeof mailbox->lock, ZX_STORES);
}

// ---- Waking ---------------------------------------------------------------------------------------

static enum zanswered step(void)
{
    bool is_watched;
    if (zmodel_bug == NO_NOTE && zstate_phase(zstate_load(&iso->state)) == ZSTATE_RUNNING) {
        zstate_let_go_of_token(&iso->state);
        return ZANSWERED_TOLD;
    }
    return zstate_answer(&iso->state, &is_watched);
}

static void wake_by_word(void)
{
    if (step() == ZANSWERED_QUEUED) zinbox_push(&queue, iso);
}

static void answer(uint64_t token)
{
    struct ztoken_slot *slot = ztoken_claim(&tokens, token);
    if (slot == NULL) return;
    slot->answer = (struct zanswer){.kind = ZANSWER_TIME};
    wake_by_word();
}

static void send_all(uint32_t sender)
{
    for (uint32_t i = 0; i < EACH; i++) {
        struct zparcel *parcel = make_parcel(sender * EACH + i);
        struct zwake whom;
        zx_assert(zmailbox_send(mailbox, &parcel->message, NULL, &whom) == ZSENT);
        if (zmodel_bug == FORGET_WAKE) continue;
        if (whom.isolate != NULL)
            wake_by_word();
        else if (whom.token != 0)
            answer(whom.token);
    }
}

static void tick(void)
{
    while (z_load_acquire(&is_over) == 0) {
        uint64_t token = z_load_relaxed(&asked);
        if (token != 0) answer(token);
        zx_yield();
    }
}

// ---- The isolate ----------------------------------------------------------------------------------

static struct zmessage *take(uint64_t waiter)
{
    struct zreceived taken;
    zmailbox_take(mailbox, waiter, &taken);
    return taken.message;
}

static bool deliver(struct zmessage *message)
{
    uint32_t number = number_of(message), sender = number / EACH;
    zx_assert(number % EACH == part.next[sender]);
    part.next[sender]++;
    part.got++;
    part.phase = BEGIN;
    zparcel_free((struct zparcel *)(void *)message);
    return true;
}

static bool wait_by_word(void)
{
    part.phase = BY_WORD;
    if (zmodel_bug == LOOK_FIRST) {
        zstate_hold_token(&iso->state);
        zlock_take(&mailbox->lock);
        mailbox->life->waiter = ZMAILBOX_ISOLATE;
        zlock_give(&mailbox->lock);
        return false;
    }
    if (zmodel_bug != LATE_HOLD) zstate_hold_token(&iso->state);
    struct zmessage *message = take(ZMAILBOX_ISOLATE);
    if (zmodel_bug == LATE_HOLD) zstate_hold_token(&iso->state);
    if (message == NULL) return false;
    zstate_let_go_of_token(&iso->state);
    return deliver(message);
}

static bool wait_timed(void)
{
    part.phase = TIMED;
    zx_assert(ztoken_open(&tokens, iso, &part.token) == ZVM_OK);
    struct zmessage *message = take(part.token);
    if (message == NULL) return false;
    zx_assert(ztoken_revoke(&tokens, part.token)); // nobody was told of it
    part.token = 0;
    return deliver(message);
}

static bool receive(void)
{
    struct zmessage *message = take(ZMAILBOX_NOBODY);
    if (message != NULL) return deliver(message);
    return part.turns++ % 2 == 0 ? wait_by_word() : wait_timed();
}

// False: it waits.
static bool may_go_on(void)
{
    if (zstate_has_token(&iso->state)) return false;
    (void)ztoken_take(&tokens, part.token);
    return true;
}

static bool go_on(void)
{
    switch (part.phase) {
    case BEGIN:
        return receive();
    case BY_WORD:
        return !zstate_has_token(&iso->state) && receive();
    default:
        if (!may_go_on()) return false;
        part.token = 0;
        (void)zmailbox_stop_waiting(mailbox);
        return receive();
    }
}

static void run(void)
{
    zx_plain_write(&iso->slices, iso->slices + 1); // two at once are a race
    bool may_go = go_on();
    if (part.got == MESSAGES) {
        (void)zstate_finish(&iso->state, 0);
        z_store_release(&is_over, 1);
        return;
    }
    uint64_t token = part.token; // the isolate may go on elsewhere from here
    if (!may_go && zstate_suspend(&iso->state)) {
        if (token != 0) z_store_relaxed(&asked, token);
        return;
    }
    zx_assert(zstate_requeue(&iso->state));
    zinbox_push(&queue, iso);
}

static void work(void)
{
    while (z_load_acquire(&is_over) == 0) {
        struct zisolate *taken = zinbox_take(&queue);
        if (taken == NULL)
            zx_yield();
        else if (zstate_take(&taken->state) == ZTAKEN_TO_RUN)
            run();
    }
}

static void body(uint32_t thread)
{
    if (thread == WORKER)
        work();
    else if (thread == CLOCK)
        tick();
    else
        send_all(thread - FIRST_SENDER);
}

static void check(void)
{
    zx_assert(part.got == MESSAGES);
    zx_assert(mailbox->life->first == NULL);
    zx_assert(mailbox->life->count == 0 && mailbox->life->bytes == 0);
    zx_assert(!zstate_has_token(&iso->state));
    (void)zmailbox_close(mailbox);
    zmailbox_release(mailbox);
    zx_free(iso, sizeof *iso);
    ztokens_deinit(&tokens);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "look_first", .random_max = 2000, .pct_max = 2000},
    {.name = "late_hold", .random_max = 2000, .pct_max = 2000},
    {.name = "no_note", .random_max = 1000, .pct_max = 1000},
    {.name = "forget_wake", .random_max = 2000, .pct_max = 2000},
    {.name = "weak_lock", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "mailbox",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
