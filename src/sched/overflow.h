// sched/overflow.h - what a worker's ring has no room for: a queue of chains, without an end.
//
// A chain is up to ZCHAIN_MAX isolates linked by queue_next; the first of them carries the count.
// The queue is an array of chains, used as a ring, with indexes of 64 bits that only rise (no ABA).
// One thread appends: the worker it belongs to. Anybody takes the oldest chain, by one
// compare-and-swap of `head`. Nothing of a chain is touched before that has succeeded.
// PAIR overflow: `tail` is stored with release after the slot; who reads it with acquire sees the
// slots below it, and all that was done to the isolates in them. Taking moves `head` with release
// after the slot was read; the owner reads it with acquire before it writes the slot again.
// PAIR chains: a full array is replaced by one of twice the size, published with release after its
// slots were copied. Who takes reads `tail` first and the array then, so that the array has the
// slot. Replaced arrays stay until the end, because somebody may still read in them: together they
// are smaller than the last one.
// Each chain carries a stamp: the order in which all workers appended. Who fills a ring takes the
// oldest chain of all, so that together the workers' queues are one queue.
#ifndef ZVM_SCHED_OVERFLOW_H
#define ZVM_SCHED_OVERFLOW_H

#include "vm/isolate.h"

// So many requeued isolates a worker holds back for one append: at 32 it costs nothing that can be
// measured, and the turns of a thousand spinners differ by few percent.
#ifndef ZCHAIN_MAX
#    ifdef ZVM_TINY
#        define ZCHAIN_MAX 2
#    else
#        define ZCHAIN_MAX 32
#    endif
#endif

// Chains in the first array: 8,192 isolates in 4 KiB.
#ifndef ZOVERFLOW_FIRST
#    ifdef ZVM_TINY
#        define ZOVERFLOW_FIRST 2
#    else
#        define ZOVERFLOW_FIRST 256
#    endif
#endif

_Static_assert(ZCHAIN_MAX <= UINT8_MAX, "an isolate's chain_count holds it");
_Static_assert((ZOVERFLOW_FIRST & (ZOVERFLOW_FIRST - 1)) == 0, "indexes may go round");

// owner-thread: who fills it
struct zchain {
    struct zisolate *first, *last;
    uint32_t count;
};

struct zchain_slot {
    // shared. relaxed: `tail` carries them, and who takes compares `head`.
    _Atomic(struct zisolate *) first;
    _Atomic uint64_t stamp;
};

struct zchains {
    struct zchains *older; // owner-thread: the array that this one replaced
    uint64_t capacity;     // frozen; a power of two
    struct zchain_slot slots[];
};

struct zoverflow {
    // shared: moved by anybody. PAIR overflow.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t head;
    // shared: moved by the owner. PAIR overflow, PAIR park.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t tail;
    _Atomic(struct zchains *) chains; // shared: replaced by the owner; NULL: none yet. PAIR chains.
};

// thread: owner. Makes sure that one more chain fits. False: no memory; nothing changes.
bool zoverflow_reserve(struct zoverflow *overflow);
// thread: owner, after zoverflow_reserve. The entries are handed-over; the chain has 1 to ZCHAIN_MAX
// and is empty afterwards.
void zoverflow_append(struct zoverflow *overflow, struct zchain *chain, uint64_t stamp);
// thread: any. The oldest chain, linked by queue_next, its length in chain_count of the first; NULL:
// there is none.
struct zisolate *zoverflow_take(struct zoverflow *overflow);
// thread: any. The stamp of the oldest chain: a hint. False: there is none.
bool zoverflow_peek(const struct zoverflow *overflow, uint64_t *stamp);
// thread: the one that destroys. The queue is empty, and nobody else knows it.
void zoverflow_deinit(struct zoverflow *overflow);

// thread: any. For who is about to sleep. PAIR park.
static inline bool zoverflow_has_any(const struct zoverflow *overflow)
{
    uint64_t head = z_load_seq_cst(&overflow->head);
    return z_load_seq_cst(&overflow->tail) != head;
}

static inline void zchain_add(struct zchain *chain, struct zisolate *iso)
{
    // relaxed: the chain is ours; the queue's tail carries it
    z_store_relaxed(&iso->queue_next, NULL);
    if (chain->last == NULL)
        chain->first = iso;
    else
        z_store_relaxed(&chain->last->queue_next, iso); // relaxed: as above
    chain->last = iso;
    chain->count++;
}

// Moves the first `count` of `from`, which has more, into a chain of their own.
static inline struct zchain zchain_split(struct zchain *from, uint32_t count)
{
    struct zchain part = {.first = from->first, .last = from->first, .count = count};
    for (uint32_t i = 1; i < count; i++)
        part.last = z_load_relaxed(&part.last->queue_next); // relaxed: the chain is ours
    from->first = z_load_relaxed(&part.last->queue_next);   // relaxed: as above
    from->count -= count;
    z_store_relaxed(&part.last->queue_next, NULL); // relaxed: as above
    return part;
}

#endif // ZVM_SCHED_OVERFLOW_H
