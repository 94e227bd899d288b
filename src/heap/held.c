// heap/held.c - the held set: the symbols that an isolate got at run time.
//
// Owns: one reference to each symbol in it; the table. Thread: owner; the symbols are frozen.
// Invariants:  1. a symbol is in the set at most once. capacity is 0 or a power of two, at most 3/4
// full.
//              2. mark bits are clear between two collections.
//              3. spares->count entries have the spare bit.
// How: open addressing with linear probing, by the hash that the symbol carries. An entry is the
// symbol's address with two flags in its lowest bits, so pruning needs no memory: an entry that goes
// lets those behind it move up. Nothing here collects: see zheap_hold_symbol in heap.h.
//
// Spares are the string pool of an isolate: members that a collection found dead and that stay, as
// many as the heap's user allows, so that the same short key made again is found here and costs no
// step in the shared table. Which ones stay is a second chance by collections: those that died just
// now stay first, then those that were spares before. That is done in the passes over the set which
// pruning makes anyway, so a spare costs a few instructions for each collection, and being found
// again costs one bit. The figures stand in front of the entries, in the same piece of memory.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

enum { HELD_FIRST = ZHEAP_TINY ? 2 : 16 };
enum { HELD_MARK = 1, HELD_SPARE = 2, HELD_FLAGS = HELD_MARK | HELD_SPARE };

// In front of the entries.
struct held_head {
    struct zheap_spares spares[2];
};

static struct held_head *head_of(uintptr_t *held)
{
    return (struct held_head *)(void *)held - 1;
}

static size_t bytes_for(uint32_t capacity)
{
    return sizeof(struct held_head) + capacity * sizeof(uintptr_t);
}

static const struct zstring *symbol_of(uintptr_t entry)
{
    return (const struct zstring *)(entry & ~(uintptr_t)HELD_FLAGS);
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

static void free_table(struct zheap_private *private)
{
    if (private->held == NULL) return;
    size_t bytes = bytes_for(private->held_capacity);
    z_free(head_of(private->held), bytes);
    private->charged_bytes -= bytes;
}

// Moves all entries to a table of the capacity.
static enum zheap_outcome resize(struct zheap_private *private, uint32_t capacity)
{
    size_t bytes = bytes_for(capacity);
    if (!zheap_fits(private, bytes)) return ZHEAP_OVER_LIMIT;
    struct held_head *head = z_alloc_zeroed(bytes);
    if (head == NULL) return ZHEAP_NO_MEMORY;
    private->charged_bytes += bytes;
    zheap_note_commit(private);

    uintptr_t *held = (uintptr_t *)(void *)(head + 1);
    if (private->held != NULL) *head = *head_of(private->held);
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        uintptr_t entry = private->held[i];
        if (entry != 0) *find(held, capacity, symbol_of(entry)) = entry;
    }
    free_table(private);
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

// The symbol of an entry, which is asked for: a spare is one no more.
static const struct zstring *take_entry(struct zheap_private *private, uintptr_t *entry)
{
    if (ZVM_UNLIKELY(*entry & HELD_SPARE)) {
        struct zheap_spares *spares = head_of(private->held)->spares;
        *entry &= ~(uintptr_t)HELD_SPARE;
        spares->hits++;
        spares->count--;
    }
    return symbol_of(*entry);
}

bool zheap_hold_symbol(struct zheap *heap, const struct zstring *symbol, bool *was_held)
{
    ZVM_ASSERT(((uintptr_t)symbol & HELD_FLAGS) == 0);
    struct zheap_private *private = zheap_private(heap);
    if (private->held_count > 0) {
        uintptr_t *entry = find(private->held, private->held_capacity, symbol);
        *was_held = *entry != 0;
        if (*was_held) (void)take_entry(private, entry);
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
    head_of(private->held)->spares->misses++;
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

const struct zstring *zheap_held_find(struct zheap *heap, const char *bytes, uint32_t length_bytes,
                                      uint64_t hash)
{
    struct zheap_private *private = zheap_private(heap);
    if (private->held_count == 0) return NULL;
    uint32_t i = home_of(hash, private->held_capacity);
    for (; private->held[i] != 0; i = (i + 1) & (private->held_capacity - 1)) {
        if (is_string(symbol_of(private->held[i]), bytes, length_bytes, hash))
            return take_entry(private, &private->held[i]);
    }
    return NULL;
}

struct zheap_spares *zheap_spares(struct zheap *heap)
{
    const struct zheap_private *private = zheap_private(heap);
    return private->held == NULL ? NULL : head_of(private->held)->spares;
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

static void release(struct zheap_private *private, const struct zstring *symbol)
{
    if (private->hooks == NULL || private->hooks->release_symbol == NULL) return;
    private->hooks->release_symbol(private->context, symbol);
}

// How many of the dead go: those that died just now, and those that were spares before.
struct dead {
    uint32_t fresh, old;
};

static struct dead count_dead(struct zheap_private *private)
{
    struct dead dead = {0, 0};
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        uintptr_t entry = private->held[i];
        if (entry == 0) continue;
        // Constants of the code bring a symbol back without asking for it here.
        if (entry & HELD_MARK)
            (void)take_entry(private, &private->held[i]);
        else if (entry & HELD_SPARE)
            dead.old++;
        else
            dead.fresh++;
    }
    return dead;
}

static uint32_t spares_max(const struct zheap_private *private)
{
    if (private->hooks == NULL || private->hooks->spare_symbols == NULL) return 0;
    return private->hooks->spare_symbols(private->context);
}

static struct dead choose_dropped(const struct zheap_private *private, struct dead dead)
{
    uint32_t max = spares_max(private);
    uint32_t fresh_kept = dead.fresh < max ? dead.fresh : max;
    uint32_t old_kept = dead.old < max - fresh_kept ? dead.old : max - fresh_kept;
    return (struct dead){dead.fresh - fresh_kept, dead.old - old_kept};
}

// Whether a dead entry goes; one that stays is a spare, and marked as looked at.
static bool is_dropped(struct zheap_private *private, uintptr_t *entry, struct dead *dropped)
{
    bool is_old = (*entry & HELD_SPARE) != 0;
    uint32_t *left = is_old ? &dropped->old : &dropped->fresh;
    struct zheap_spares *spares = head_of(private->held)->spares;
    if (*left > 0) {
        (*left)--;
        if (is_old) spares->count--;
        return true;
    }
    *entry |= HELD_FLAGS;
    if (!is_old) {
        spares->count++;
        spares->releases++;
    }
    return false;
}

static void drop_dead(struct zheap_private *private, struct dead dropped)
{
    // An entry that moves up to i comes from behind i, not yet looked at, or wraps around from the
    // front, looked at and marked: either way i is looked at again.
    for (uint32_t i = 0; i < private->held_capacity;) {
        uintptr_t entry = private->held[i];
        if (entry == 0 || entry & HELD_MARK || !is_dropped(private, &private->held[i], &dropped)) {
            i++;
            continue;
        }
        remove_at(private, i);
        release(private, symbol_of(entry));
    }
}

static void clear_marks(struct zheap_private *private)
{
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        private->held[i] &= ~(uintptr_t)HELD_MARK;
    }
}

static void shrink(struct zheap_private *private)
{
    uint32_t smaller = private->held_capacity / 4;
    if (smaller >= HELD_FIRST && private->held_count <= smaller / 2) {
        (void)resize(private, smaller); // refused: it stays as large as it is
    }
}

void zheap_prune_held(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    if (private->held_capacity == 0) return;
    struct dead dead = count_dead(private);
    if (dead.fresh + dead.old > 0) drop_dead(private, choose_dropped(private, dead));
    clear_marks(private);
    shrink(private);
}

void zheap_drop_spares(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    ZVM_ASSERT(!private->is_collecting);
    if (private->held_count == 0) return;
    uint32_t count = (uint32_t)head_of(private->held)->spares->count;
    if (count == 0) return;
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        if (private->held[i] != 0 && (private->held[i] & HELD_SPARE) == 0)
        private->held[i] |= HELD_MARK;
    }
    drop_dead(private, (struct dead){.fresh = 0, .old = count});
    clear_marks(private);
    shrink(private);
}

void zheap_release_held(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        if (private->held[i] != 0) release(private, symbol_of(private->held[i]));
    }
    free_table(private);
    private->held = NULL;
    private->held_count = 0;
    private->held_capacity = 0;
}
