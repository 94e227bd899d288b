// intern/table.c - the buckets of the symbol table: growing, shrinking, reclaiming.
//
// Owns: the bucket array and the chains. Thread: holders of the table's lock.
// Invariants:  1. bucket_count is a power of two; an entry is in the bucket of its hash's low bits.
//              2. count and entry_bytes are the sums over all chains.
// How: chains, about one entry a bucket. Reclaiming walks all of it and costs one step a bucket, so
// intern.c calls it only when a good part of the entries is dead: the walk is then paid for by the
// releases that led to it.
#include "intern/intern_internal.h"

#include "base/alloc.h"

// 64 buckets are 512 bytes: a table that nobody uses stays small.
#define BUCKETS_MIN 64

uint64_t zintern_bytes_locked(const struct zintern *table)
{
    return sizeof *table + table->bucket_count * sizeof *table->buckets + table->entry_bytes;
}

static size_t buckets_for(uint64_t count)
{
    size_t buckets = BUCKETS_MIN;
    while (buckets < count)
        buckets *= 2;
    return buckets;
}

static void move_chain(struct zintern_entry *entry, struct zintern_entry **buckets, size_t mask)
{
    while (entry != NULL) {
        struct zintern_entry *next = entry->next;
        struct zintern_entry **bucket = &buckets[entry->symbol.hash & mask];
        entry->next = *bucket;
        *bucket = entry;
        entry = next;
    }
}

void zintern_rehash_locked(struct zintern *table, uint64_t count)
{
    size_t bucket_count = buckets_for(count);
    if (bucket_count == table->bucket_count) return;
    struct zintern_entry **buckets = z_alloc_zeroed(bucket_count * sizeof(struct zintern_entry *));
    if (buckets == NULL) return;
    for (size_t i = 0; i < table->bucket_count; i++)
        move_chain(table->buckets[i], buckets, bucket_count - 1);
    z_free(table->buckets, table->bucket_count * sizeof *table->buckets);
    table->buckets = buckets;
    table->bucket_count = bucket_count;
}

// True when nobody holds the entry and, because the lock is ours, nobody can come to hold it.
static bool is_dead(struct zintern_entry *entry)
{
    // PAIR symbol, from zintern_release: what the last holder read of the bytes is done.
    return z_load_acquire(&entry->count) == 0;
}

// Returns how many entries of the chain were freed.
static uint64_t sweep_chain(struct zintern *table, struct zintern_entry **link)
{
    uint64_t freed = 0;
    while (*link != NULL) {
        struct zintern_entry *entry = *link;
        if (!is_dead(entry)) {
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        table->entry_bytes -= entry->bytes;
        z_free(entry, entry->bytes);
        freed++;
    }
    return freed;
}

void zintern_sweep_locked(struct zintern *table)
{
    uint64_t freed = 0;
    for (size_t i = 0; i < table->bucket_count; i++)
        freed += sweep_chain(table, &table->buckets[i]);
    table->count -= freed;
    table->reclaimed += freed;
    // relaxed: a hint. A release that has counted down but not yet added itself here makes it
    // negative until it does.
    z_fetch_add_relaxed(&table->dead_count, -(int64_t)freed);
    // A quarter full, so that a table at the edge does not grow and shrink in turn.
    if (table->count < table->bucket_count / 4) zintern_rehash_locked(table, table->count * 2);
}
