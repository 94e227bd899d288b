// sched/ring.h - a worker's queue: a ring, first in, first out, from which others steal half.
//
// One thread pushes: the ring's owner. Anybody takes from the head: the owner one, a thief half at
// once, each by one compare-and-swap of `head`. Indexes are 64 bits and only rise, so that no index
// comes back (no ABA).
// PAIR ring-tail: the owner stores `tail` with release after the slot; who reads it with acquire
// sees the slots below it, and all that was done to the isolates in them.
// PAIR ring-head: taking moves `head` with release after the slots were read; the owner reads it
// with acquire before it writes them again. Why a thief may read slots that are being overwritten:
// that happens only after `head` has moved, and then its compare-and-swap fails and what it read is
// thrown away.
#ifndef ZVM_SCHED_RING_H
#define ZVM_SCHED_RING_H

#include "base/atomic.h"
#include "sched/point.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zisolate;

// A slice takes tens of microseconds, so 256 are some ten milliseconds of work: what lies deeper
// goes to the overflow, where nobody has to steal it.
#ifndef ZRING_SLOTS
#    ifdef ZVM_TINY
#        define ZRING_SLOTS 4
#    else
#        define ZRING_SLOTS 256
#    endif
#endif

struct zring {
    // shared: moved by anybody. PAIR ring-head.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t head;
    // shared: moved by the owner. PAIR ring-tail.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t tail;
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic(struct zisolate *) slots[ZRING_SLOTS];
};

static inline _Atomic(struct zisolate *) *zring_slot(struct zring *ring, uint64_t index)
{
    return &ring->slots[index % ZRING_SLOTS];
}

// thread: owner. False: full.
static inline bool zring_push(struct zring *ring, struct zisolate *iso)
{
    uint64_t head = z_load_acquire(&ring->head); // PAIR ring-head: the slot has been read
    uint64_t tail = z_load_relaxed(&ring->tail); // relaxed: only we write it
    if (tail - head >= ZRING_SLOTS) return false;
    z_store_relaxed(zring_slot(ring, tail), iso); // relaxed: tail carries it
    zpoint_pass();
    z_store_release(&ring->tail, tail + 1); // PAIR ring-tail
    return true;
}

// thread: owner. What was pushed so far is seen by everybody who looks at the ring after having set
// its bit in the idle bitmap. PAIR park.
static inline void zring_publish(struct zring *ring)
{
    z_store_seq_cst(&ring->tail, z_load_relaxed(&ring->tail)); // relaxed: only we write it
}

// thread: owner. NULL: empty.
static inline struct zisolate *zring_pop(struct zring *ring)
{
    uint64_t head = z_load_acquire(&ring->head); // a guess, the CAS checks it
    for (;;) {
        if (head == z_load_relaxed(&ring->tail)) return NULL;          // relaxed: only we write it
        struct zisolate *iso = z_load_relaxed(zring_slot(ring, head)); // relaxed: we stored it
        zpoint_pass();
        if (z_cas_acq_rel(&ring->head, &head, head + 1)) return iso; // PAIR ring-head
    }
}

// thread: any. A moment's length: a hint for thieves, exact for nobody.
static inline uint64_t zring_length(const struct zring *ring)
{
    // relaxed: a hint; zring_has_any is what decides about sleeping
    uint64_t head = z_load_relaxed(&ring->head), tail = z_load_relaxed(&ring->tail);
    return tail - head > ZRING_SLOTS ? 0 : tail - head;
}

// thread: any. For who is about to sleep. PAIR park.
static inline bool zring_has_any(const struct zring *ring)
{
    uint64_t head = z_load_seq_cst(&ring->head);
    return z_load_seq_cst(&ring->tail) != head;
}

// thread: owner of `into`, which is empty. Moves the older half of `from` over; how many it got: 0
// when there was nothing, or somebody else was faster.
static inline uint32_t zring_steal(struct zring *from, struct zring *into)
{
    uint64_t head = z_load_acquire(&from->head); // PAIR ring-head
    uint64_t tail = z_load_acquire(&from->tail); // PAIR ring-tail
    uint64_t length = tail - head;
    if (length == 0 || length > ZRING_SLOTS) return 0; // more: head is an old one
    uint64_t count = (length + 1) / 2;
    uint64_t own = z_load_relaxed(&into->tail); // relaxed: only we write it
    for (uint64_t i = 0; i < count; i++)        // relaxed: tail carried them; into's tail will
        z_store_relaxed(zring_slot(into, own + i), z_load_relaxed(zring_slot(from, head + i)));
    zpoint_pass();
    if (!z_cas_acq_rel(&from->head, &head, head + count)) return 0; // PAIR ring-head
    z_store_release(&into->tail, own + count);                      // PAIR ring-tail
    return (uint32_t)count;
}

#endif // ZVM_SCHED_RING_H
