// pool/clock.c - a bounded table with CLOCK eviction.
//
// Owns: nothing; see clock.h. Thread: owner.
// Invariants:  1. every entry is in the chain of its key, once; no chain is longer than
//                 ZCLOCK_CHAIN_MAX.
//              2. hand < capacity, or both are 0.
// How: entries lie in an array, found by chains of indices. CLOCK: an entry that is found gets a
// bit; the hand takes the bit of those that have one and evicts the first that has none. The hand
// gives up after ZCLOCK_HAND_MAX moves and evicts where it stands, so that one call never walks the
// table. A chain that is full (which happens to keys chosen for it, not to programs) loses its last
// entry instead.
#include "pool/clock.h"

#include <string.h>

static uint32_t chain_bits(uint32_t capacity)
{
    uint32_t bits = 1; // a shift by 64 means nothing
    while (UINT32_C(1) << bits < capacity)
        bits++;
    return bits;
}

size_t zclock_bytes(uint32_t capacity)
{
    ZVM_ASSERT(capacity <= ZCLOCK_LIMIT_MAX);
    return capacity * sizeof(struct zclock_entry) + (sizeof(uint32_t) << chain_bits(capacity));
}

uint32_t zclock_next_capacity(const struct zclock *clock)
{
    uint32_t next = clock->capacity == 0 ? ZCLOCK_FIRST : clock->capacity * 2;
    if (next > clock->limit) next = clock->limit;
    return next > clock->capacity ? next : 0;
}

static void *memory_of(const struct zclock *clock)
{
    return clock->entries;
}

// Steps along the chain of a key; *last is the link that ends it.
static uint32_t chain_length(struct zclock *clock, uint64_t key, uint32_t **last)
{
    uint32_t length = 0;
    uint32_t *link = &clock->heads[zclock_chain(clock, key)];
    *last = link;
    while (*link != ZCLOCK_NONE) {
        *last = link;
        link = &clock->entries[*link].next;
        length++;
    }
    return length;
}

static void link_entry(struct zclock *clock, uint32_t index)
{
    uint32_t *head = &clock->heads[zclock_chain(clock, clock->entries[index].key)];
    clock->entries[index].next = *head;
    *head = index;
}

static void unlink_entry(struct zclock *clock, uint32_t index)
{
    uint32_t *link = &clock->heads[zclock_chain(clock, clock->entries[index].key)];
    while (*link != index)
        link = &clock->entries[*link].next;
    *link = clock->entries[index].next;
}

void *zclock_move(struct zclock *clock, void *memory, uint32_t capacity)
{
    ZVM_ASSERT(capacity > clock->capacity);
    ZVM_ASSERT(capacity <= clock->limit);
    void *old = memory_of(clock);
    struct zclock_entry *entries = memory;
    if (clock->count > 0) memcpy(entries, clock->entries, clock->count * sizeof *entries);
    clock->entries = entries;
    clock->heads = (uint32_t *)(void *)(entries + capacity);
    clock->capacity = capacity;
    clock->shift = 64 - chain_bits(capacity);
    memset(clock->heads, 0xff, sizeof(uint32_t) << chain_bits(capacity)); // ZCLOCK_NONE
    // A chain becomes two of the longer table: none gets longer.
    for (uint32_t i = 0; i < clock->count; i++)
        link_entry(clock, i);
    return old;
}

void *zclock_take_memory(struct zclock *clock)
{
    void *memory = memory_of(clock);
    *clock = (struct zclock){.limit = clock->limit};
    return memory;
}

static uint32_t victim(struct zclock *clock)
{
    for (uint32_t moves = 0;; moves++) {
        uint32_t index = clock->hand;
        clock->hand = index + 1 < clock->capacity ? index + 1 : 0;
        if (clock->entries[index].is_referenced == 0 || moves == ZCLOCK_HAND_MAX - 1) return index;
        clock->entries[index].is_referenced = 0;
    }
}

void *zclock_put(struct zclock *clock, uint64_t key, void *item)
{
    ZVM_ASSERT(clock->capacity > 0);
    uint32_t *last;
    uint32_t length = chain_length(clock, key, &last);
    uint32_t index;
    void *evicted = NULL;
    if (ZVM_UNLIKELY(length >= ZCLOCK_CHAIN_MAX)) {
        index = *last;
        *last = ZCLOCK_NONE;
        evicted = clock->entries[index].item;
    } else if (clock->count < clock->capacity) {
        index = clock->count++;
    } else {
        index = victim(clock);
        unlink_entry(clock, index);
        evicted = clock->entries[index].item;
    }
    clock->entries[index] = (struct zclock_entry){.key = key, .item = item};
    link_entry(clock, index);
    return evicted;
}
