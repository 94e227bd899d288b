// sched/overflow.c - chains of isolates behind a lock.
//
// Owns: the order of the chains. Thread: any. A lock and no lock-free list: it is taken once for up
// to 32 isolates, or once for hundreds that come in together, and nobody waits for one that is in
// it: whoever finds work elsewhere never comes here.
#include "sched/overflow.h"

#include "base/assert.h"
#include "sched/point.h"

void zoverflow_append(struct zoverflow *overflow, struct zchain *chain)
{
    ZVM_ASSERT(chain->count > 0);
    chain->first->chain_count = chain->count;
    chain->first->chain_next = NULL;
    zpoint_pass();
    pthread_mutex_lock(&overflow->lock);
    if (overflow->last == NULL)
        overflow->first = chain->first;
    else
        overflow->last->chain_next = chain->first;
    overflow->last = chain->first;
    uint64_t length = z_load_relaxed(&overflow->length);       // relaxed: under its lock
    z_store_seq_cst(&overflow->length, length + chain->count); // PAIR park
    pthread_mutex_unlock(&overflow->lock);
    *chain = (struct zchain){0};
}

// Takes the first chain out. NULL: there is none.
static struct zisolate *take_chain_locked(struct zoverflow *overflow)
{
    struct zisolate *first = overflow->first;
    if (first == NULL) return NULL;
    overflow->first = first->chain_next;
    if (overflow->first == NULL) overflow->last = NULL;
    return first;
}

// The chains taken are linked by chain_next, for the caller to join outside the lock.
static struct zisolate *take_chains_locked(struct zoverflow *overflow, uint32_t wanted,
                                           uint32_t *count)
{
    struct zisolate *chains = take_chain_locked(overflow), *last = chains;
    if (chains == NULL) return NULL;
    *count = chains->chain_count;
    while (overflow->first != NULL && *count + overflow->first->chain_count <= wanted) {
        last = take_chain_locked(overflow); // chain_next of the one before names it already
        *count += last->chain_count;
    }
    last->chain_next = NULL;
    uint64_t length = z_load_relaxed(&overflow->length); // relaxed: under its lock
    z_store_seq_cst(&overflow->length, length - *count); // PAIR park
    return chains;
}

static struct zisolate *last_of(struct zisolate *first)
{
    struct zisolate *last = first;
    for (struct zisolate *next = first; next != NULL; next = z_load_relaxed(&last->queue_next))
        last = next; // relaxed: the chain is ours
    return last;
}

struct zisolate *zoverflow_take(struct zoverflow *overflow, uint32_t wanted, uint32_t *count)
{
    *count = 0;
    if (zoverflow_length(overflow) == 0) return NULL;
    zpoint_pass();
    pthread_mutex_lock(&overflow->lock);
    struct zisolate *chains = take_chains_locked(overflow, wanted, count);
    pthread_mutex_unlock(&overflow->lock);
    for (struct zisolate *chain = chains; chain != NULL; chain = chain->chain_next) {
        // relaxed: the chains are ours
        if (chain->chain_next != NULL)
            z_store_relaxed(&last_of(chain)->queue_next, chain->chain_next);
    }
    return chains;
}
