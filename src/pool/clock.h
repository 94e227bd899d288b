// pool/clock.h - a bounded table of (key, item), with CLOCK for who goes when it is full.
//
// Owner-thread. The table is one piece of memory that its user gives it and takes back, so that
// each user accounts for it in its own way. Every call takes at most ZCLOCK_CHAIN_MAX steps along a
// chain and ZCLOCK_HAND_MAX moves of the hand; only zclock_move, when the table doubles, looks at
// every entry.
#ifndef ZVM_POOL_CLOCK_H
#define ZVM_POOL_CLOCK_H

#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZCLOCK_NONE      UINT32_MAX
#define ZCLOCK_CHAIN_MAX 8u
#define ZCLOCK_HAND_MAX  8u
#define ZCLOCK_FIRST     32u        // entries of the first table
#define ZCLOCK_LIMIT_MAX (1u << 20) // entries at most

struct zclock_entry {
    uint64_t key;
    void *item;
    uint32_t next;          // in its chain
    uint32_t is_referenced; // found since the hand came by
};

struct zclock {
    struct zclock_entry *entries; // [count] of [capacity], without gaps; then the chains' heads
    uint32_t *heads;              // [1 << (64 - shift)]
    uint32_t count, capacity;
    uint32_t limit; // capacity never passes it
    uint32_t hand;
    uint32_t shift; // a key's chain is the top 64 - shift bits of its hash
};

// What a table of the capacity takes; the capacity that comes next (0: there is none).
size_t zclock_bytes(uint32_t capacity);
uint32_t zclock_next_capacity(const struct zclock *clock);
// Moves the entries to memory [zclock_bytes(capacity)], which stays the clock's. Returns the old
// memory of zclock_bytes(old capacity), or NULL.
void *zclock_move(struct zclock *clock, void *memory, uint32_t capacity);
// Forgets all entries and gives its memory back.
void *zclock_take_memory(struct zclock *clock);

// Fibonacci hashing: consecutive keys fall into different chains.
static inline uint32_t zclock_chain(const struct zclock *clock, uint64_t key)
{
    return (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> clock->shift);
}

// The entry of a key, which counts as referenced; NULL: there is none.
static inline struct zclock_entry *zclock_find(struct zclock *clock, uint64_t key)
{
    if (clock->count == 0) return NULL;
    uint32_t index = clock->heads[zclock_chain(clock, key)];
    while (index != ZCLOCK_NONE) {
        struct zclock_entry *entry = &clock->entries[index];
        if (entry->key == key) {
            entry->is_referenced = 1;
            return entry;
        }
        index = entry->next;
    }
    return NULL;
}

// Puts in a key that is not there; capacity > 0. Returns the item that had to go, or NULL.
void *zclock_put(struct zclock *clock, uint64_t key, void *item);

#endif // ZVM_POOL_CLOCK_H
