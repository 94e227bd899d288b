// sched/overflow.h - the list behind all rings: unbounded, first in, first out, in chains.
//
// shared, under its lock, but for the length. A chain is up to ZCHAIN_MAX isolates linked by
// queue_next; the first of them carries the count and the link to the next chain, so that the lock
// is held for a few instructions whatever the length.
#ifndef ZVM_SCHED_OVERFLOW_H
#define ZVM_SCHED_OVERFLOW_H

#include "vm/isolate.h"

#include <pthread.h>

// So many requeued isolates a worker holds back for one look at the lock: at 32 the lock costs
// nothing that can be measured, and the turns of a thousand spinners differ by few percent.
#ifndef ZCHAIN_MAX
#    ifdef ZVM_TINY
#        define ZCHAIN_MAX 2
#    else
#        define ZCHAIN_MAX 32
#    endif
#endif

// owner-thread: who fills it
struct zchain {
    struct zisolate *first, *last;
    uint16_t count;
};

struct zoverflow {
    _Alignas(ZVM_CACHE_LINE_BYTES) pthread_mutex_t lock;
    struct zisolate *first, *last; // heads of the first and the last chain. Under lock.
    // shared: isolates. Written under lock. PAIR park: seq_cst where somebody is about to sleep.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t length;
};

// thread: any; the entries are handed-over. PAIR overflow: the lock. The chain is empty afterwards.
void zoverflow_append(struct zoverflow *overflow, struct zchain *chain);
// thread: any. At least one chain, if there is one, and more up to `wanted` isolates in all. They
// come as one list by queue_next; the count through *count.
struct zisolate *zoverflow_take(struct zoverflow *overflow, uint32_t wanted, uint32_t *count);

static inline uint64_t zoverflow_length(const struct zoverflow *overflow)
{
    return z_load_relaxed(&overflow->length); // relaxed: a hint; who takes looks under the lock
}

// For who is about to sleep. PAIR park.
static inline bool zoverflow_has_any(const struct zoverflow *overflow)
{
    return z_load_seq_cst(&overflow->length) != 0;
}

static inline void zchain_add(struct zchain *chain, struct zisolate *iso)
{
    // relaxed: the chain is ours; the overflow list's lock carries it
    z_store_relaxed(&iso->queue_next, NULL);
    if (chain->last == NULL)
        chain->first = iso;
    else
        z_store_relaxed(&chain->last->queue_next, iso); // relaxed: as above
    chain->last = iso;
    chain->count++;
}

#endif // ZVM_SCHED_OVERFLOW_H
