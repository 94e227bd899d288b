// tests/model/model_line.c - senders in line at a mailbox without room, in a group without memory.
// With: src/vm/mailbox.c src/base/lock.c
// Define: ZMAILBOX_WAKES_MAX=1
//
// The real mailbox, which has room for one message, and has one. Each thread stands for an isolate and sleeps on a word of its
// own; its token is a number. Three threads send: two wait as long as they have to, the third goes on
// when its time is over, which is any time, and with that dies in line. One receives, a few messages or until there is
// nobody left to send any, and dies. One takes all memory that the group has left, and gives it back. Who takes
// lets in one sender at a time. Wanted: every sender comes to an end; each message is received, dropped by the
// dead receiver, or its sender's again, once; those of a sender come in their order; neither limit is passed;
// the group gets back what was taken.
// Bugs: no_tell: the end tells nobody in line; blind_leave: a sender takes its message back without a word;
// look_early: it looks whether it has been let in, and leaves then; stay: who dies stays in line; forget_wake: who
// is let in is not told; weak_lock: giving the mailbox's lock back orders nothing; take_once: the receiver sleeps
// although others in line are to be told.
#include "model.h"
#include "sched_seams.h"
#include "talk_seams.h"

#include "vm/quota.h"

enum bug { NO_TELL = 1, BLIND_LEAVE, LOOK_EARLY, STAY, FORGET_WAKE, WEAK_LOCK, TAKE_ONCE };

#define SENDERS 3
#define EACH    2
#define WANTED  3 // messages, until the receiver dies

enum { PATIENT, PATIENT_TOO, MORTAL, RECEIVER, HOG, THREADS };

static struct zgroup group;
static struct zquota quota;
static struct zisolate *iso;
static struct zmailbox *mailbox;
static _Atomic uint32_t woken[THREADS];
static _Atomic uint32_t left;      // senders that are not through
static uint32_t received, dropped; // the receiver's
static uint32_t given_back[SENDERS];
static uint32_t made[SENDERS];

static void setup(void)
{
    shared_setup();
    iso = zx_alloc(sizeof *iso);
    quota = (struct zquota){.group = &group};
    iso->quota = &quota;
    atomic_init(&group.heap_bytes.taken, 0);
    group.heap_bytes.limit = sizeof(struct zparcel);
    mailbox = make_mailbox(iso);
    mailbox->life->limit_count = 1;
    atomic_init(&left, SENDERS);
    for (uint32_t i = 0; i < THREADS; i++)
        atomic_init(&woken[i], 0);
    for (uint32_t i = 0; i < SENDERS; i++)
        made[i] = given_back[i] = 0;
    received = dropped = 0;
    struct zwake nobody;
    made[PATIENT] = 1;
    zx_assert(zmailbox_send(mailbox, &make_parcel(PATIENT * EACH)->message, NULL, &nobody) ==
              ZSENT);
    zx_name(&group.heap_bytes.taken, "group memory");
    zx_name(&woken[RECEIVER], "receiver woken");
    zx_name(&woken[PATIENT], "patient woken");
    zx_name(&woken[PATIENT_TOO], "other woken");
    if (zmodel_bug == WEAK_LOCK) zx_weaken(&mailbox->lock, sizeof mailbox->lock, ZX_STORES);
}

// ---- Sleeping -------------------------------------------------------------------------------------

static uint64_t token_of(uint32_t thread)
{
    return thread + 2;
}

static void wake(uint64_t token)
{
    if (token == 0) return;
    _Atomic uint32_t *word = &woken[token - 2];
    z_store_release(word, 1);
    zx_futex_wake(word, 1);
}

static void await_wake(uint32_t thread)
{
    while (z_load_acquire(&woken[thread]) == 0)
        zx_futex_wait(&woken[thread], 0);
}

// ---- Senders --------------------------------------------------------------------------------------

static struct zparcel *take_back(struct zline *line)
{
    struct zparcel *parcel;
    switch (zmodel_bug) {
    case BLIND_LEAVE:
        return zx_plain_read(&line->parcel);
    case LOOK_EARLY:
        parcel = zx_plain_read(&line->parcel);
        (void)zmailbox_leave_senders(mailbox, line);
        return parcel;
    default:
        (void)zmailbox_leave_senders(mailbox, line);
        return zx_plain_read(&line->parcel);
    }
}

static bool give_up(uint32_t sender, struct zparcel *parcel)
{
    given_back[sender]++;
    zparcel_free(parcel);
    return false;
}

// As a sender that is woken, or dies. NULL: it was let in.
static struct zparcel *stand_in_line(uint32_t sender, struct zparcel *parcel, enum zsent *sent)
{
    struct zline *line = zx_alloc(sizeof *line);
    *line = (struct zline){.parcel = parcel, .token = token_of(sender)};
    struct zwake whom;
    z_store_relaxed(&woken[sender], 0); // relaxed: nobody knows of this wait yet
    *sent = zmailbox_send(mailbox, &parcel->message, line, &whom);
    if (*sent != ZSENT_IN_LINE) {
        zx_free(line, sizeof *line);
        if (*sent == ZSENT) wake(whom.token);
        return *sent == ZSENT ? NULL : parcel;
    }
    if (sender != MORTAL) await_wake(sender);
    if (sender == MORTAL && zmodel_bug == STAY) {
        zx_free(line, sizeof *line);
        return parcel;
    }
    parcel = take_back(line);
    zx_free(line, sizeof *line);
    return parcel;
}

// False: it is not to go on.
static bool send(uint32_t sender, uint32_t number)
{
    struct zparcel *parcel = make_parcel(number);
    made[sender]++;
    for (;;) {
        struct zwake whom;
        enum zsent sent = zmailbox_send(mailbox, &parcel->message, NULL, &whom);
        if (sent == ZSENT) {
            wake(whom.token);
            return true;
        }
        if (sent == ZSENT_FULL) parcel = stand_in_line(sender, parcel, &sent);
        if (parcel == NULL) return true;
        bool is_through = sent != ZSENT_IN_LINE || sender == MORTAL;
        if (is_through) return give_up(sender, parcel);
    }
}

static void send_all(uint32_t sender)
{
    for (uint32_t i = made[sender]; i < EACH; i++)
        if (!send(sender, sender * EACH + i)) break;
    if (z_fetch_sub_acq_rel(&left, 1) == 1) wake(token_of(RECEIVER));
}

// ---- The receiver ---------------------------------------------------------------------------------

static struct zmessage *take(uint64_t waiter)
{
    struct zreceived taken;
    do {
        zmailbox_take(mailbox, waiter, &taken);
        for (uint32_t i = 0; i < taken.wake_count; i++)
            if (zmodel_bug != FORGET_WAKE) wake(taken.wakes[i]);
    } while (taken.is_to_repeat && zmodel_bug != TAKE_ONCE);
    return taken.message;
}

static void check_limits(void)
{
    zlock_take(&mailbox->lock);
    zx_assert(mailbox->life->count <= mailbox->life->limit_count);
    zx_assert(mailbox->life->bytes == mailbox->life->count * sizeof(struct zparcel));
    zlock_give(&mailbox->lock);
}

// As an isolate that comes to its end.
static void end(void)
{
    struct zclosed closed = zmailbox_close(mailbox);
    dropped = closed.count;
    while (closed.unread != NULL) {
        struct zmessage *message = closed.unread;
        closed.unread = message->next;
        zparcel_free((struct zparcel *)(void *)message);
    }
    uint64_t token;
    while (zmodel_bug != NO_TELL && (token = zmailbox_next_waiter(mailbox)) != 0)
        wake(token);
}

static void receive_all(void)
{
    uint32_t next[SENDERS] = {0};
    while (received < WANTED && z_load_acquire(&left) > 0) {
        (void)z_exchange_acq_rel(&woken[RECEIVER], 0); // what the last waker did before is seen
        struct zmessage *message = take(token_of(RECEIVER));
        if (message == NULL) {
            if (z_load_acquire(&left) > 0) await_wake(RECEIVER);
            (void)zmailbox_stop_waiting(mailbox);
            continue;
        }
        uint32_t number = number_of(message), sender = number / EACH;
        zx_assert(number % EACH >= next[sender]);
        next[sender] = number % EACH + 1;
        received++;
        zparcel_free((struct zparcel *)(void *)message);
        check_limits();
    }
    end();
}

// ---- The whole ------------------------------------------------------------------------------------

static void hog(void)
{
    uint64_t taken = 0;
    while (taken == 0 && z_load_acquire(&left) > 0) {
        taken = zsum_take(&group.heap_bytes, 1, sizeof(struct zparcel));
        zx_yield();
    }
    zsum_give(&group.heap_bytes, taken);
}

static void body(uint32_t thread)
{
    if (thread == RECEIVER)
        receive_all();
    else if (thread == HOG)
        hog();
    else
        send_all(thread);
}

static void check(void)
{
    uint32_t all = 0, back = 0;
    for (uint32_t i = 0; i < SENDERS; i++) {
        all += made[i];
        back += given_back[i];
    }
    zx_assert(all == received + dropped + back);
    zx_assert(mailbox->life->senders.first == NULL);
    zx_assert(z_load_relaxed(&group.heap_bytes.taken) == 0);
    zmailbox_release(mailbox);
    zx_free(iso, sizeof *iso);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "no_tell", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_leave", .random_max = 1000, .pct_max = 1000},
    {.name = "look_early", .random_max = 2000, .pct_max = 2000},
    {.name = "stay", .random_max = 1000, .pct_max = 1000},
    {.name = "forget_wake", .random_max = 1000, .pct_max = 1000},
    {.name = "weak_lock", .random_max = 1000, .pct_max = 1000},
    {.name = "take_once", .random_max = 40000},
};

const struct zmodel zmodel_program = {
    .name = "line",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
