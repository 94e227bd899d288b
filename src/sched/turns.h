// sched/turns.h - the turns of a group: how many of its isolates may be in the workers' queues, and who is
// next.
//
// A group takes turns as one isolate does: of its isolates only as many are entered into the workers'
// queues at a time as there are workers, and its slices are shared among those (quota.h). The others wait
// here, in the group's own queue, so that neither their number nor what they do is felt outside.
// Words: an isolate waits its turn (it is QUEUED, its entry is here) or is entered (its entry is in a worker's
// queue, or it runs).
// thread: any. Nobody ever blocks: there is no lock but a count of requests. Who raises it from 0 serves:
// it moves isolates from here into the workers' queues, for itself and for all who ask meanwhile, until it
// can lower the count to 0 again.
// PAIR turns: arriving is release, taking all that arrived acquire, as with an inbox. PAIR turns-serve:
// asking is release and acquire at once. So who serves next sees the queues as the last one left them, and
// whatever those did who only asked: that one has arrived, or has left.
// Invariant: while anybody waits and nobody serves, as many are entered as may be; each of them asks when
// it leaves. So nobody waits for ever.
#ifndef ZVM_SCHED_TURNS_H
#define ZVM_SCHED_TURNS_H

#include "sched/inbox.h"
#include "sched/pick.h"
#include "vm/group.h"

// thread: any. The entry of iso is handed-over; the caller then asks.
static inline void zturns_wait(struct zturns *turns, struct zisolate *iso)
{
    z_fetch_add_relaxed(&turns->waiting, 1); // relaxed: a gauge, never too low
    struct zisolate *newest =
        z_load_relaxed(&turns->arrivals); // relaxed: a guess, the CAS checks it
    do {
        zpoint_pass();
        z_store_relaxed(&iso->queue_next, newest);                 // relaxed: the CAS carries it
    } while (!z_cas_weak_release(&turns->arrivals, &newest, iso)); // PAIR turns
}

// thread: any. One that was entered is not any more; the caller then asks.
static inline void zturns_leave(struct zturns *turns)
{
    z_fetch_sub_relaxed(&turns->entered, 1); // relaxed: the request carries it
}

// thread: any. Whether somebody waits: else one that has had its turn may have the next one.
static inline bool zturns_has_waiting(const struct zturns *turns)
{
    return z_load_relaxed(&turns->waiting) > 0; // relaxed: what is missed is seen a turn later
}

// thread: any. True: the caller serves.
static inline bool zturns_ask(struct zturns *turns)
{
    return z_fetch_add_acq_rel(&turns->requests, 1) == 0; // PAIR turns-serve
}

// thread: who serves. What was asked so far.
static inline uint32_t zturns_look(const struct zturns *turns)
{
    return z_load_acquire(&turns->requests); // PAIR turns-serve
}

// thread: who serves. False: more has been asked since that look, and the caller goes on serving.
static inline bool zturns_end(struct zturns *turns, uint32_t seen)
{
    zpoint_pass();
    return z_cas_acq_rel(&turns->requests, &seen, 0); // PAIR turns-serve
}

static inline void zturns_append(struct zturn_queue *queue, struct zisolate *iso)
{
    z_store_relaxed(&iso->queue_next, NULL); // relaxed: the list is ours
    if (queue->last == NULL)
        queue->first = iso;
    else
        z_store_relaxed(&queue->last->queue_next, iso); // relaxed: as above
    queue->last = iso;
}

static inline struct zisolate *zturns_take(struct zturn_queue *queue)
{
    struct zisolate *iso = queue->first;
    if (iso == NULL) return NULL;
    queue->first = z_load_relaxed(&iso->queue_next); // relaxed: the list is ours
    if (queue->first == NULL) queue->last = NULL;
    return iso;
}

static inline void zturns_sort_arrivals(struct zturns *turns)
{
    if (z_load_relaxed(&turns->arrivals) == NULL) return; // relaxed: the request carries them
    struct zisolate *iso = zinbox_reverse(z_exchange_acquire(&turns->arrivals, NULL)); // PAIR turns
    while (iso != NULL) {
        struct zisolate *next = z_load_relaxed(&iso->queue_next); // relaxed: the list is ours
        zturns_append(&turns->queues[iso->priority], iso);
        iso = next;
    }
}

// thread: who serves. The next to be entered, counted; NULL: nobody waits, or there are `most` already.
static inline struct zisolate *zturns_next(struct zturns *turns, uint32_t most)
{
    if (z_load_relaxed(&turns->entered) >= most) return NULL; // relaxed: the request carries it
    zturns_sort_arrivals(turns);
    struct zpick_order order = zpick_order(&turns->pick);
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++) {
        struct zisolate *iso = zturns_take(&turns->queues[order.priorities[i]]);
        if (iso == NULL) continue;
        zpick_note(&turns->pick, iso->priority);
        z_fetch_add_relaxed(&turns->entered, 1); // relaxed: only who serves raises it
        z_fetch_sub_relaxed(&turns->waiting, 1); // relaxed: a gauge
        return iso;
    }
    return NULL;
}

#endif // ZVM_SCHED_TURNS_H
