// sched/inbox.h - isolates sent to a worker: pushed by anybody one by one, taken by anybody all at
// once.
//
// A stack whose top is the only shared word. PAIR inbox: pushing is release, taking acquire; a push
// on top of another's push hands that one on as well, because both are read-modify-writes of the
// same word. No ABA: nobody ever takes a part. What is taken comes newest first.
#ifndef ZVM_SCHED_INBOX_H
#define ZVM_SCHED_INBOX_H

#include "sched/point.h"
#include "vm/isolate.h"

struct zinbox {
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic(struct zisolate *) newest; // shared. PAIR inbox
    // shared, relaxed: entries by priority, for reports. Raised before a push, so never too low.
    _Atomic uint32_t counts[ZPRIORITY_COUNT];
};

// thread: any. The entry of iso is handed-over. seq_cst, because the pusher next looks for a
// sleeper. PAIR park.
static inline void zinbox_push(struct zinbox *inbox, struct zisolate *iso)
{
    z_fetch_add_relaxed(&inbox->counts[iso->priority], 1);    // relaxed: a gauge
    struct zisolate *newest = z_load_relaxed(&inbox->newest); // relaxed: a guess, the CAS checks it
    do {
        zpoint_pass();
        z_store_relaxed(&iso->queue_next, newest);               // relaxed: the CAS carries it
    } while (!z_cas_weak_seq_cst(&inbox->newest, &newest, iso)); // PAIR inbox, PAIR park
}

// thread: any. All that was pushed, linked by queue_next, newest first; NULL: nothing.
static inline struct zisolate *zinbox_take(struct zinbox *inbox)
{
    // relaxed: a guess; without it an empty inbox would cost its owner a locked instruction a turn
    if (z_load_relaxed(&inbox->newest) == NULL) return NULL;
    zpoint_pass();
    return z_exchange_acquire(&inbox->newest, NULL); // PAIR inbox
}

// thread: any. For who is about to sleep. PAIR park.
static inline bool zinbox_has_any(const struct zinbox *inbox)
{
    return z_load_seq_cst(&inbox->newest) != NULL;
}

// thread: who has taken the list. So many of a priority were in it.
static inline void zinbox_count_out(struct zinbox *inbox, uint32_t priority, uint32_t count)
{
    if (count > 0) z_fetch_sub_relaxed(&inbox->counts[priority], count); // relaxed: a gauge
}

// thread: who has taken the list. Turns it round: oldest first.
static inline struct zisolate *zinbox_reverse(struct zisolate *newest)
{
    struct zisolate *oldest = NULL;
    while (newest != NULL) { // relaxed: the list is ours
        struct zisolate *next = z_load_relaxed(&newest->queue_next);
        z_store_relaxed(&newest->queue_next, oldest);
        oldest = newest;
        newest = next;
    }
    return oldest;
}

#endif // ZVM_SCHED_INBOX_H
