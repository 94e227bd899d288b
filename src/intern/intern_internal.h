// intern/intern_internal.h - what the files of the symbol table share.
#ifndef ZVM_INTERN_INTERN_INTERNAL_H
#define ZVM_INTERN_INTERN_INTERNAL_H

#include "base/assert.h"
#include "base/atomic.h"
#include "intern/intern.h"

#include <pthread.h>

// One symbol. The string inside is what everybody else sees; it is frozen once the lock under which
// it was inserted is released.
struct zintern_entry {
    struct zintern_entry *next; // under the table's lock: the bucket's chain
    // shared. Rises from 0 only under the table's lock, by acquire and find; rises from above 0 and
    // falls without it. PAIR symbol: release in zintern_release, acquire in is_dead.
    _Atomic uint32_t count;
    uint32_t bytes; // frozen: of the whole entry
    struct zstring symbol;
};

_Static_assert(offsetof(struct zintern_entry, symbol) == 16, "symbols are 16-byte aligned");

struct zintern {
    pthread_mutex_t lock;
    // Under the lock.
    struct zintern_entry **buckets; // [bucket_count], a power of two
    size_t bucket_count;
    uint64_t count, entry_bytes; // entries of the chains, dead ones too
    uint64_t hits, misses, inserted, reclaimed;
    // frozen after creation
    uint64_t limit_count, limit_bytes;
    // shared, relaxed: a hint of how many entries have count 0. It lags behind the counts (and may
    // be below zero for a moment), and is exact when nobody is inside a call.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic int64_t dead_count;
    // Under the registry's lock, only for the shared table: how often it is open.
    uint64_t open_count;
};

static inline struct zintern_entry *zintern_entry_of(const struct zstring *symbol)
{
    char *bytes = (char *)(uintptr_t)symbol;
    return (struct zintern_entry *)(void *)(bytes - offsetof(struct zintern_entry, symbol));
}

// Frees every entry whose count is 0, and shrinks the buckets when few are left.
void zintern_sweep_locked(struct zintern *table);
// Fits the number of buckets to `count` entries. When memory is refused the chains just stay
// longer.
void zintern_rehash_locked(struct zintern *table, uint64_t count);
// Bytes of everything the table has allocated.
uint64_t zintern_bytes_locked(const struct zintern *table);

#endif // ZVM_INTERN_INTERN_INTERNAL_H
