// heap/held.c - the held set: the symbols that an isolate got at run time.
//
// Owns: one reference to each symbol in it; the table. Thread: owner; the symbols are frozen.
// Invariants:  1. a symbol is in the set at most once. capacity is 0 or a power of two, at most 3/4
// full.
//              2. mark bits are clear between two collections.
// How: open addressing with linear probing, by the hash that the symbol carries. An entry is the
// symbol's address with the mark in its lowest bit, so pruning needs no memory: an entry that goes
// lets those behind it move up. Nothing here collects: see zheap_hold_symbol in heap.h.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

enum { HELD_FIRST = ZHEAP_TINY ? 2 : 16, HELD_MARK = 1 };

static const struct zstring *symbol_of(uintptr_t entry)
{
    return (const struct zstring *)(entry & ~(uintptr_t)HELD_MARK);
}

static uint32_t home_of(uint64_t hash, uint32_t capacity)
{
    return (uint32_t)hash & (capacity - 1);
}

// The entry of symbol, or the free one where it would go. The table has a free entry.
static uintptr_t *find(uintptr_t *held, uint32_t capacity, const struct zstring *symbol)
{
    uint32_t i = home_of(symbol->hash, capacity);
    while (held[i] != 0 && symbol_of(held[i]) != symbol) {
        i = (i + 1) & (capacity - 1);
    }
    return &held[i];
}

// Moves all entries to a table of the capacity.
static enum zheap_outcome resize(struct zheap_private *private, uint32_t capacity)
{
    size_t bytes = capacity * sizeof(uintptr_t);
    if (!zheap_fits(private, bytes)) return ZHEAP_OVER_LIMIT;
    uintptr_t *held = z_alloc_zeroed(bytes);
    if (held == NULL) return ZHEAP_NO_MEMORY;
    private->charged_bytes += bytes;
    zheap_note_commit(private);

    for (uint32_t i = 0; i < private->held_capacity; i++) {
        uintptr_t entry = private->held[i];
        if (entry != 0) *find(held, capacity, symbol_of(entry)) = entry;
    }
    size_t old_bytes = private->held_capacity * sizeof(uintptr_t);
    z_free(private->held, old_bytes);
    private->charged_bytes -= old_bytes;
    private->held = held;
    private->held_capacity = capacity;
    return ZHEAP_GOT;
}

static enum zheap_outcome reserve_entry(struct zheap_private *private)
{
    uint32_t capacity = private->held_capacity;
    if (private->held_count + 1 <= capacity / 4 * 3 + capacity % 4 / 2) return ZHEAP_GOT;
    if (capacity > UINT32_MAX / 2) return ZHEAP_NO_MEMORY;
    return resize(private, capacity == 0 ? HELD_FIRST : capacity * 2);
}

bool zheap_hold_symbol(struct zheap *heap, const struct zstring *symbol, bool *was_held)
{
    ZVM_ASSERT(((uintptr_t)symbol & HELD_MARK) == 0);
    struct zheap_private *private = zheap_private(heap);
    if (private->held_count > 0) {
        *was_held = *find(private->held, private->held_capacity, symbol) != 0;
        if (*was_held) return true;
    }
    *was_held = false;
    enum zheap_outcome outcome = reserve_entry(private);
    if (outcome != ZHEAP_GOT) {
        zheap_refuse(heap, outcome, private->held_capacity * sizeof(uintptr_t));
        return false;
    }
    *find(private->held, private->held_capacity, symbol) = (uintptr_t)symbol;
    private->held_count++;
    return true;
}

uint32_t zheap_held_count(const struct zheap *heap)
{
    return zheap_private_const(heap)->held_count;
}

static bool is_string(const struct zstring *symbol, const char *bytes, uint32_t length_bytes,
                      uint64_t hash)
{
    return symbol->hash == hash && symbol->header.aux == length_bytes &&
           memcmp(symbol->bytes, bytes, length_bytes) == 0;
}

const struct zstring *zheap_held_find(const struct zheap *heap, const char *bytes,
                                      uint32_t length_bytes, uint64_t hash)
{
    const struct zheap_private *private = zheap_private_const(heap);
    if (private->held_count == 0) return NULL;
    uint32_t i = home_of(hash, private->held_capacity);
    for (; private->held[i] != 0; i = (i + 1) & (private->held_capacity - 1)) {
        const struct zstring *symbol = symbol_of(private->held[i]);
        if (is_string(symbol, bytes, length_bytes, hash)) return symbol;
    }
    return NULL;
}

// ---- Collection -------------------------------------------------------------------------------

void zheap_mark_held(struct zheap *heap, const struct zstring *symbol)
{
    struct zheap_private *private = zheap_private(heap);
    if (private->held_count == 0) return;
    uintptr_t *entry = find(private->held, private->held_capacity, symbol);
    if (*entry != 0) *entry |= HELD_MARK;
}

// Frees entry i; those behind it whose home is at or before i move up.
static void remove_at(struct zheap_private *private, uint32_t i)
{
    uintptr_t *held = private->held;
    uint32_t mask = private->held_capacity - 1;
    for (uint32_t next = (i + 1) & mask; held[next] != 0; next = (next + 1) & mask) {
        uint32_t home = home_of(symbol_of(held[next])->hash, private->held_capacity);
        if (((next - home) & mask) < ((next - i) & mask)) continue;
        held[i] = held[next];
        i = next;
    }
    held[i] = 0;
    private->held_count--;
}

void zheap_prune_held(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    // An entry that moves up to i comes from behind i, not yet looked at, or wraps around from the
    // front, looked at and live: either way i is looked at again.
    for (uint32_t i = 0; i < private->held_capacity;) {
        uintptr_t entry = private->held[i];
        if (entry == 0 || entry & HELD_MARK) {
            i++;
            continue;
        }
        remove_at(private, i);
        if (private->hooks != NULL && private->hooks->release_symbol != NULL) {
            private->hooks->release_symbol(private->context, symbol_of(entry));
        }
    }
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        private->held[i] &= ~(uintptr_t)HELD_MARK;
    }
    uint32_t smaller = private->held_capacity / 4;
    if (smaller >= HELD_FIRST && private->held_count <= smaller / 2) {
        (void)resize(private, smaller); // refused: it stays as large as it is
    }
}

void zheap_release_held(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        uintptr_t entry = private->held[i];
        if (entry == 0 || private->hooks == NULL || private->hooks->release_symbol == NULL)
            continue;
        private->hooks->release_symbol(private->context, symbol_of(entry));
    }
    size_t bytes = private->held_capacity * sizeof(uintptr_t);
    z_free(private->held, bytes);
    private->charged_bytes -= bytes;
    private->held = NULL;
    private->held_count = 0;
    private->held_capacity = 0;
}
