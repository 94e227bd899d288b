// report/roster.h - a row of figures for each isolate that exists, which anybody may read at any time.
//
// shared. A row is written by the thread that owns its isolate, and read without it: rows are never
// freed before the roster is, only given to another isolate. What ends in _locked is under one lock of
// the caller's, which no reader takes.
#ifndef ZVM_REPORT_ROSTER_H
#define ZVM_REPORT_ROSTER_H

#include "base/atomic.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum zroster_word {
    ZROSTER_CREATED_NS, // 0: the row is free
    ZROSTER_UPDATED_NS,
    ZROSTER_ID, // of a free row: the next free one
    ZROSTER_HEAP_BYTES,
    ZROSTER_LIVE_BYTES,
    ZROSTER_FUEL_USED,
    ZROSTER_SLICES,
    ZROSTER_WORDS
};

struct zroster_row {
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t sequence; // odd: being written. PAIR roster-row
    _Atomic uint64_t words[ZROSTER_WORDS];
};

_Static_assert(sizeof(struct zroster_row) == ZVM_CACHE_LINE_BYTES, "two rows never share a line");

// Chunk 0 has ZROSTER_FIRST rows, and each further one as many as all before it.
#ifndef ZROSTER_FIRST
#    ifdef ZVM_TINY
#        define ZROSTER_FIRST 1u
#    else
#        define ZROSTER_FIRST 64u
#    endif
#endif
#define ZROSTER_CHUNKS 32

struct zroster {
    // shared: each is frozen once it is set. PAIR roster: before `used` goes into it.
    struct zroster_row *chunks[ZROSTER_CHUNKS];
    // shared: rows [0, used) were in use at some time. PAIR roster.
    _Atomic uint64_t used;
    // under the caller's lock
    struct zroster_row *free;
    uint64_t capacity;
    uint32_t chunk_count;
};

// All zero is an empty roster. No other thread is inside a call.
void zroster_deinit(struct zroster *roster);

// A row for a new isolate; NULL: no room, make some.
struct zroster_row *zroster_take_locked(struct zroster *roster);
// The row is free. The isolate's owner calls it, as the last writer.
void zroster_give_locked(struct zroster *roster, struct zroster_row *row);

// Room for as many rows again as the capacity, made without the lock. NULL: no memory.
struct zroster_row *zroster_chunk_create(uint64_t capacity);
void zroster_chunk_destroy(struct zroster_row *chunk, uint64_t capacity);
// false: somebody else has made room since the roster had that capacity; the chunk stays the caller's.
bool zroster_add_locked(struct zroster *roster, struct zroster_row *chunk, uint64_t capacity);

// thread: the owner of the row's isolate.
void zroster_publish(struct zroster_row *row, const uint64_t words[ZROSTER_WORDS]);
static inline uint64_t zroster_own_word(const struct zroster_row *row, enum zroster_word word)
{
    return z_load_relaxed(&row->words[word]); // relaxed: only the owner writes it
}

// Which isolates come first in an order, found by offering them one after the other.
struct ztop {
    zvm_top_order order;
    uint32_t capacity, count;
    zvm_top_isolate *rows; // [capacity], the caller's; the last in the order at rows[0], as a heap
};

void ztop_offer(struct ztop *top, const zvm_top_isolate *isolate);
void ztop_sort(struct ztop *top); // at the end: the first comes first

// thread: any, at any time; writes nothing but the tops. Offers each isolate to each of them, and sorts
// them. Returns how many isolates it saw.
uint64_t zroster_top(const struct zroster *roster, uint64_t now_ns, struct ztop *tops,
                     uint32_t top_count);

#endif // ZVM_REPORT_ROSTER_H
