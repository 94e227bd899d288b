// vm/mailbox.h - where messages for an isolate wait, and what is left of it when it is over.
//
// A mailbox is what a value of type isolate names. It outlives its isolate for as long as somebody holds it:
// other isolates' values, messages on their way, monitors. shared: all of it but what is marked, under its
// lock (base/lock.h), which is held for a few stores and never together with another one.
// Nobody but the isolate that it belongs to takes messages out. Who finds no room waits in its line, with
// its message in hand; the owner takes that over when there is room, so the order is that of arrival.
#ifndef ZVM_VM_MAILBOX_H
#define ZVM_VM_MAILBOX_H

#include "base/lock.h"
#include "vm/isolate.h"

struct zmailbox;
struct zparcel;

enum zmessage_kind {
    ZMESSAGE_VALUE, // a struct zparcel
    ZMESSAGE_EXIT,  // a struct zmonitor: the isolate that it watches is over
};

// handed-over: the sender's, then under the mailbox's lock, then the receiver's.
struct zmessage {
    struct zmessage *next;
    uint64_t bytes; // that it counts in a mailbox
    enum zmessage_kind kind;
};

// What an isolate waits for at another one's mailbox: under that one's lock while it is linked.
struct zline {
    struct zline *next, *previous;
    struct zparcel *parcel; // senders: what is to be sent; NULL: it has been taken over
    uint64_t token;         // who wakes it answers this
    bool is_linked;
};

struct zline_list {
    struct zline *first, *last;
};

// One isolate watches another. Two references: that of the watcher's list, and that of the watched one's,
// which becomes the message. The last one frees it.
struct zmonitor {
    struct zmessage message;
    struct zmailbox *watched, *watcher; // holds
    struct zmonitor *next, *previous;   // under the watched one's lock
    struct zmonitor *own_next, *own_previous; // owner-thread: the watcher's
    _Atomic uint32_t references; // shared. PAIR monitor-references
};

// Who waits for a message.
#define ZMAILBOX_NOBODY  UINT64_C(0)
#define ZMAILBOX_ISOLATE UINT64_C(1) // the isolate, without a token: its own state word is answered
// any other: a token of it, because it waits for a time as well

// What a mailbox has while messages can come, and its isolate can wait. It goes when the isolate does, so that
// of one that is over, of which there may be very many, only what others may still ask for is left.
struct zlife {
    // shared: under the mailbox's lock
    uint32_t limit_count; // frozen
    uint32_t count;
    uint64_t bytes;
    struct zisolate *isolate; // NULL: it is over, or it is the host's
    struct zmessage *first, *last;
    uint64_t waiter;            // ZMAILBOX_…
    struct zline_list senders;  // that wait for room
    struct zline_list awaiters; // that wait for its end
    struct zmonitor *monitors;

    // owner-thread, the isolate's
    struct zparcel *start;    // what it was spawned with, until it runs
    struct zmonitor *watches; // its own monitors
    struct zmailbox *at;      // where it stands in line; NULL: nowhere
    struct zline line;        // its place there
    uint64_t line_bytes;      // charged for what it has in hand
    bool is_sending;          // that is among the senders, else among those that await the end
    bool is_receiving;        // it waits for a message alone, or was woken and has not gone on yet

    // frozen: how the isolate was made, for those that it spawns
    bool may_spawn;
    zvm_finish_fn on_spawned;     // told of the end of those that are spawned; may be NULL
    zvm_message_fn on_message; // of the host's: something has come into an empty one; may be NULL

    struct zlife *next; // in the list of a runner, which has nothing else of it
};

struct zmailbox {
    _Atomic uint32_t lock;
    _Atomic uint32_t holds; // shared. PAIR mailbox-holds
    struct zshared *shared; // frozen: of its runtime
    uint64_t number;        // frozen: in the order in which the runtime made them, from 1
    uint64_t limit_bytes;   // frozen
    struct zlife *life;     // while it is open, and until its isolate, or whoever holds it last, lets go of it
    struct zgroup *payer;   // owner-thread. holds: has memory for start or result; NULL: nobody has
    zvm_unwatched_fn on_unwatched; // frozen: when it has failed, and nobody has asked; may be NULL
    void *user;                    // frozen: of the host

    // frozen by the end: what it was
    struct zparcel *result; // its value, or what it threw; NULL: none, or no memory for it
    struct zmailbox *result_next, *result_previous; // under shared->results_lock
    int32_t status;

    _Atomic uint8_t is_watched; // shared, relaxed: somebody has asked what came of it; a gauge
    // shared, written under the lock. PAIR mailbox-over. Messages may come: the isolate is not over, or the host
    // has not closed it.
    _Atomic uint8_t is_open;
    bool is_hosted;        // frozen: it is the host's
    bool is_spawned;       // frozen: by a program, not by the host
    bool is_charged;       // owner-thread: to the isolate's heap, with its life
    bool is_result_listed; // frozen by the end
};

#define ZMAILBOX_CHARGE_BYTES (sizeof(struct zmailbox) + sizeof(struct zlife))

_Static_assert(sizeof(struct zmailbox) <= 104, "one that is over is small");

// owner-thread. The mailbox of an isolate, made when it is first needed and charged to it. errors: ZVM_E_NOMEM,
// ZVM_E_HEAP_LIMIT.
zvm_status zmailbox_ensure(struct zisolate *iso);
struct zmailbox *zmailbox_new(struct zshared *shared);
// One of the host's, open. NULL: no memory.
struct zmailbox *zmailbox_new_hosted(struct zshared *shared, uint32_t limit_count,
                                     uint64_t limit_bytes, zvm_message_fn on_message, void *user);
// With the limits of another one, which may be over but has its life. NULL: no memory.
struct zmailbox *zmailbox_new_alike(const struct zmailbox *other);
// For one that the isolate of `parent` spawns, as that one's is; start is its; lives: of the thread's
// runner, or NULL. NULL: no memory.
struct zmailbox *zmailbox_new_spawned(const struct zmailbox *parent, struct zlives *lives,
                                      struct zparcel *start);

// What stays here for a time that nobody knows counts in the group's memory; less than this is covered by what
// whoever holds the mailbox is charged for it.
#define ZMAILBOX_UNPAID_BYTES 512

// owner-thread. The group, NULL: none, has memory for the start or the result. False: it has not.
bool zmailbox_pay(struct zmailbox *mailbox, struct zgroup *group, const struct zparcel *parcel);
void zmailbox_free_start(struct zmailbox *mailbox); // if there is one

// Results that name each other's isolates keep each other: what of those is left goes with the runtime.
// thread: the owner of an isolate at its end, whose result holds other mailboxes.
void zmailbox_list_result(struct zmailbox *mailbox);
void zmailbox_free_results(struct zshared *shared); // nobody else has any mailbox

// relaxed: who adds one has one.
static inline void zmailbox_hold(struct zmailbox *mailbox)
{
    z_fetch_add_relaxed(&mailbox->holds, 1);
}
// thread: any. The last one frees it.
void zmailbox_release(struct zmailbox *mailbox);
// relaxed: under the lock, or by who alone may close it.
static inline bool zmailbox_is_open(struct zmailbox *mailbox)
{
    return z_load_relaxed(&mailbox->is_open) != 0;
}
// owner-thread, the isolate's: messages may come. Nobody else knows it yet.
void zmailbox_open(struct zmailbox *mailbox, struct zisolate *iso);
// owner-thread, the isolate's, which is over: those who waited have been told, and it does not need it any more.
// lives: of the thread's runner; NULL: it has none.
void zmailbox_end_life(struct zmailbox *mailbox, struct zlives *lives);
void zmailbox_free_lives(struct zlives *lives);
// Others than the caller have it.
static inline bool zmailbox_is_shared(const struct zmailbox *mailbox)
{
    return z_load_acquire(&mailbox->holds) > 1; // PAIR mailbox-holds
}

static inline bool zmailbox_is_receiving(const struct zisolate *iso)
{
    return iso->mailbox != NULL && iso->mailbox->life->is_receiving;
}

// Whom the caller wakes once it has given the lock back.
struct zwake {
    struct zisolate *isolate; // by its state word; NULL: by the token
    uint64_t token;           // 0: nobody
    struct zmailbox *host;    // its on_message is to be called; NULL: it is no host's
};

static inline bool zwake_is_wanted(const struct zwake *wake)
{
    return wake->isolate != NULL || wake->token != 0 || wake->host != NULL;
}

// ---- Sending: any thread --------------------------------------------------------------------------

enum zsent {
    ZSENT,          // the message is the mailbox's
    ZSENT_OVER,     // nobody will ever read it; it stays the caller's
    ZSENT_FULL,     // no room; the same
    ZSENT_IN_LINE,  // the same, but the line is linked
    ZSENT_TOO_BIG,  // it would not fit an empty mailbox
    ZSENT_NO_MEMORY // the receiver's group has none left for it
};

// line: the sender's place if there is no room, its parcel and token set; NULL: it does not wait.
enum zsent zmailbox_send(struct zmailbox *mailbox, struct zmessage *message, struct zline *line,
                         struct zwake *wake);
// The sender leaves the line. False: its parcel had been taken over.
bool zmailbox_leave_senders(struct zmailbox *mailbox, struct zline *line);

// ---- Receiving: the owner ---------------------------------------------------------------------------

#ifndef ZMAILBOX_WAKES_MAX
#    define ZMAILBOX_WAKES_MAX 8
#endif
struct zreceived {
    struct zmessage *message; // its bytes do not count any more; NULL: there is none
    bool is_to_repeat;        // others in line are to be told first: wake these, and take again
    uint32_t admitted;        // messages of senders in line that are in the mailbox now
    uint32_t wake_count;
    uint64_t wakes[ZMAILBOX_WAKES_MAX]; // tokens of those senders, and of some that try again
};

// The first message. When there is none the isolate waits, if `waiter` says so, unless it is to repeat.
void zmailbox_take(struct zmailbox *mailbox, uint64_t waiter, struct zreceived *out);
// It does not wait any more. How it did: ZMAILBOX_…; NOBODY: not at all, or somebody is just waking it.
uint64_t zmailbox_stop_waiting(struct zmailbox *mailbox);

// ---- The end ----------------------------------------------------------------------------------------

// If so, what it has left can be read. Takes no lock: most that await the end of many come to ones that are over.
static inline bool zmailbox_is_over(struct zmailbox *mailbox)
{
    return z_load_acquire(&mailbox->is_open) == 0; // PAIR mailbox-over, from zmailbox_close
}
// The line is linked, unless the isolate is over.
bool zmailbox_await(struct zmailbox *mailbox, struct zline *line);
void zmailbox_leave_awaiters(struct zmailbox *mailbox, struct zline *line);
// The same for a monitor.
bool zmailbox_watch(struct zmonitor *monitor);
// The watcher does not want to know any more. The reference that the watched one's list had is dropped, if it
// still stood in it.
void zmailbox_unwatch(struct zmonitor *monitor);
void zmailbox_note_watched(struct zmailbox *mailbox); // somebody asks for its end. thread: any
void zmonitor_release(struct zmonitor *monitor);

// What a mailbox had when it was closed.
struct zclosed {
    struct zmessage *unread;
    uint32_t count;   // of them, without exit messages
    uint64_t waiter;  // ZMAILBOX_…
    bool is_awaited; // somebody is to be told
};

// owner-thread, the isolate's: from here on it is over.
struct zclosed zmailbox_close(struct zmailbox *mailbox);
// After that, until they give nothing: who waited for its end, or for room.
uint64_t zmailbox_next_waiter(struct zmailbox *mailbox); // a token; 0: nobody
struct zmonitor *zmailbox_next_monitor(struct zmailbox *mailbox);

#endif // ZVM_VM_MAILBOX_H
