// sched/overflow.c - chains of isolates in an array that grows.
//
// Owns: the arrays. Thread: as declared.
// Invariants:  1. head <= tail <= head + capacity of the newest array.
//              2. slots [head, tail) of the newest array hold chains, each once; a slot below head
//                 belongs to nobody, and what it says is never used: the compare-and-swap of who
//                 read it fails.
// Nobody waits for anybody: a thread that stops anywhere in here keeps the one chain that it has
// taken or not yet shown, and all others go on. Requeueing never fails: a worker that gets no memory
// for a larger array keeps its entries to itself (queue.c).
#include "sched/overflow.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "sched/point.h"

static struct zchain_slot *slot_of(struct zchains *chains, uint64_t index)
{
    return &chains->slots[index & (chains->capacity - 1)];
}

static size_t bytes_of(uint64_t capacity)
{
    return sizeof(struct zchains) + (size_t)capacity * sizeof(struct zchain_slot);
}

// relaxed, all of them: the new array is ours until it is published, and the old one's slots between
// head and tail are written by us alone.
static void copy_slots(struct zchains *from, struct zchains *into, uint64_t head, uint64_t tail)
{
    for (uint64_t index = head; index != tail; index++) {
        struct zchain_slot *old = slot_of(from, index), *new = slot_of(into, index);
        z_store_relaxed(&new->first, z_load_relaxed(&old->first));
        z_store_relaxed(&new->stamp, z_load_relaxed(&old->stamp));
    }
}

static bool grow_slow(struct zoverflow *overflow, struct zchains *old, uint64_t head, uint64_t tail)
{
    uint64_t capacity = old == NULL ? ZOVERFLOW_FIRST : 2 * old->capacity;
    if (capacity > UINT32_MAX) return false; // as many chains as there cannot be isolates
    struct zchains *new = z_alloc_zeroed(bytes_of(capacity));
    if (new == NULL) return false;
    new->capacity = capacity;
    new->older = old;
    if (old != NULL) copy_slots(old, new, head, tail);
    zpoint_pass();
    z_store_release(&overflow->chains, new); // PAIR chains
    return true;
}

bool zoverflow_reserve(struct zoverflow *overflow)
{
    uint64_t head = z_load_acquire(&overflow->head);            // PAIR overflow
    uint64_t tail = z_load_relaxed(&overflow->tail);            // relaxed: only we write it
    struct zchains *chains = z_load_relaxed(&overflow->chains); // relaxed: as above
    if (chains != NULL && tail - head < chains->capacity) return true;
    return grow_slow(overflow, chains, head, tail);
}

void zoverflow_append(struct zoverflow *overflow, struct zchain *chain, uint64_t stamp)
{
    ZVM_ASSERT(chain->count > 0);
    ZVM_ASSERT(chain->count <= ZCHAIN_MAX);
    chain->first->chain_count = (uint8_t)chain->count;
    uint64_t tail = z_load_relaxed(&overflow->tail); // relaxed: only we write it
    struct zchain_slot *slot =
        slot_of(z_load_relaxed(&overflow->chains), tail); // relaxed: as above
    z_store_relaxed(&slot->first, chain->first);          // relaxed: tail carries both
    z_store_relaxed(&slot->stamp, stamp);
    zpoint_pass();
    z_store_seq_cst(&overflow->tail, tail + 1); // PAIR overflow, PAIR park
    *chain = (struct zchain){0};
}

struct zisolate *zoverflow_take(struct zoverflow *overflow)
{
    uint64_t head = z_load_acquire(&overflow->head); // PAIR overflow; a guess, the CAS checks it
    for (;;) {
        if (z_load_acquire(&overflow->tail) == head) return NULL;               // PAIR overflow
        struct zchains *chains = z_load_acquire(&overflow->chains);             // PAIR chains
        struct zisolate *first = z_load_relaxed(&slot_of(chains, head)->first); // relaxed: tail's
        zpoint_pass();
        if (z_cas_acq_rel(&overflow->head, &head, head + 1)) return first; // PAIR overflow
    }
}

bool zoverflow_peek(const struct zoverflow *overflow, uint64_t *stamp)
{
    uint64_t head = z_load_acquire(&overflow->head);
    if (z_load_acquire(&overflow->tail) == head) return false;  // PAIR overflow
    struct zchains *chains = z_load_acquire(&overflow->chains); // PAIR chains
    *stamp = z_load_relaxed(&slot_of(chains, head)->stamp);     // relaxed: a hint
    return true;
}

void zoverflow_deinit(struct zoverflow *overflow)
{
    struct zchains *chains = z_load_relaxed(&overflow->chains); // relaxed: alone
    while (chains != NULL) {
        struct zchains *older = chains->older;
        z_free(chains, bytes_of(chains->capacity));
        chains = older;
    }
    z_store_relaxed(&overflow->chains, NULL); // relaxed: alone
}
