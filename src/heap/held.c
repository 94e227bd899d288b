// heap/held.c - the held set: the symbols that an isolate got at run time.
//
// Owns: one reference to each symbol in it; the table. Thread: owner; the symbols are frozen.
// Invariants:  1. a symbol is in the set at most once. capacity is 0 or a power of two, at most 3/4
// full.
//              2. mark bits are clear between two whole collections.
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
// again costs one bit. When that is done in slices, whatever the program asks for between two of them
// is marked, and a table that grows has its pass begun again. The figures stand in front of the entries, in the same piece of memory.
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

static enum zheap_outcome reserve_entry(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    uint32_t capacity = private->held_capacity;
    if (private->held_count + 1 <= capacity / 4 * 3 + capacity % 4 / 2) return ZHEAP_GOT;
    if (capacity > UINT32_MAX / 2) return ZHEAP_NO_MEMORY;
    uint32_t more = capacity == 0 ? HELD_FIRST : capacity * 2;
    (void)zheap_make_room(heap, bytes_for(more));
    return resize(private, more);
}

enum { PASS_NONE, PASS_COUNT, PASS_DROP, PASS_CLEAR, PASS_END };

// Whether what is not marked is going to be dropped, and marking is over.
static bool is_pruned(const struct zheap *heap)
{
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL || more->cycle.phase != ZPHASE_PRUNE) return false;
    return more->cycle.held.pass < PASS_CLEAR;
}

// The entries have new places.
static void begin_pass_again(struct zheap *heap)
{
    if (zheap_more(heap) == NULL) return;
    struct zheld_prune *prune = &zheap_more(heap)->cycle.held;
    prune->at = 0;
    if (prune->pass != PASS_COUNT) return;
    prune->fresh = 0;
    prune->old = 0;
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
        if (*was_held && is_pruned(heap)) *entry |= HELD_MARK;
        if (*was_held) return true;
    }
    *was_held = false;
    uint32_t capacity = private->held_capacity;
    enum zheap_outcome outcome = reserve_entry(heap);
    if (private->held_capacity != capacity) begin_pass_again(heap);
    if (outcome != ZHEAP_GOT) {
        zheap_refuse(heap, outcome, private->held_capacity * sizeof(uintptr_t));
        return false;
    }
    uintptr_t flags = is_pruned(heap) ? HELD_MARK : 0;
    *find(private->held, private->held_capacity, symbol) = (uintptr_t)symbol | flags;
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
        if (!is_string(symbol_of(private->held[i]), bytes, length_bytes, hash)) continue;
        if (is_pruned(heap)) private->held[i] |= HELD_MARK;
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

// Counts those that died just now, and those that were spares before.
static bool count_dead(struct zheap_private *private, struct zheld_prune *prune, struct zwork *work)
{
    for (; prune->at < private->held_capacity; prune->at++) {
        if (!zwork_is_left(work)) return false;
        work->words++;
        uintptr_t entry = private->held[prune->at];
        if (entry == 0) continue;
        // Constants of the code bring a symbol back without asking for it here.
        if (entry & HELD_MARK)
            (void)take_entry(private, &private->held[prune->at]);
        else if (entry & HELD_SPARE)
            prune->old++;
        else
            prune->fresh++;
    }
    return true;
}

static uint32_t spares_max(const struct zheap_private *private)
{
    if (private->hooks == NULL || private->hooks->spare_symbols == NULL) return 0;
    return private->hooks->spare_symbols(private->context);
}

// From how many are dead to how many of them go.
static void choose_dropped(const struct zheap_private *private, struct zheld_prune *prune)
{
    uint32_t max = spares_max(private);
    uint32_t fresh_kept = prune->fresh < max ? prune->fresh : max;
    uint32_t old_kept = prune->old < max - fresh_kept ? prune->old : max - fresh_kept;
    prune->fresh -= fresh_kept;
    prune->old -= old_kept;
}

// Whether a dead entry goes; one that stays is a spare, and marked as looked at.
static bool is_dropped(struct zheap_private *private, uintptr_t *entry, struct zheld_prune *prune)
{
    bool is_old = (*entry & HELD_SPARE) != 0;
    uint32_t *left = is_old ? &prune->old : &prune->fresh;
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

static bool drop_dead(struct zheap_private *private, struct zheld_prune *prune, struct zwork *work)
{
    // An entry that moves up to `at` comes from behind it, not yet looked at, or wraps around from the
    // front, looked at and marked: either way the place is looked at again.
    while (prune->at < private->held_capacity) {
        if (!zwork_is_left(work)) return false;
        work->words++;
        uintptr_t entry = private->held[prune->at];
        if (entry == 0 || entry & HELD_MARK ||
            !is_dropped(private, &private->held[prune->at], prune)) {
            prune->at++;
            continue;
        }
        remove_at(private, prune->at);
        release(private, symbol_of(entry));
    }
    return true;
}

static bool clear_marks(struct zheap_private *private, struct zheld_prune *prune,
                        struct zwork *work)
{
    for (; prune->at < private->held_capacity; prune->at++) {
        if (!zwork_is_left(work)) return false;
        work->words++;
        private->held[prune->at] &= ~(uintptr_t)HELD_MARK;
    }
    return true;
}

static void shrink(struct zheap_private *private)
{
    uint32_t smaller = private->held_capacity / 4;
    if (smaller >= HELD_FIRST && private->held_count <= smaller / 2) {
        (void)resize(private, smaller); // refused: it stays as large as it is
    }
}

static bool run_pass(struct zheap_private *private, struct zheld_prune *prune, struct zwork *work)
{
    switch (prune->pass) {
    case PASS_COUNT:
        if (!count_dead(private, prune, work)) return false;
        choose_dropped(private, prune);
        return true;
    case PASS_DROP:
        return drop_dead(private, prune, work);
    default:
        return clear_marks(private, prune, work);
    }
}

bool zheap_prune_held(struct zheap *heap, struct zheld_prune *prune, struct zwork *work)
{
    struct zheap_private *private = zheap_private(heap);
    if (private->held_capacity == 0) return true;
    if (prune->pass == PASS_NONE) prune->pass = PASS_COUNT;
    while (prune->pass < PASS_END) {
        if (!run_pass(private, prune, work)) return false;
        prune->pass++;
        prune->at = 0;
    }
    shrink(private);
    return true;
}

void zheap_clear_held(struct zheap *heap)
{
    struct zheld_prune all = {0};
    struct zwork work = {0, UINT64_MAX};
    (void)clear_marks(zheap_private(heap), &all, &work);
}

void zheap_drop_spares(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    ZVM_ASSERT(!private->is_collecting);
    if (private->held_count == 0) return;
    struct zheap_spares *spares = head_of(private->held)->spares;
    if (spares->count == 0) return;
    for (uint32_t i = 0; i < private->held_capacity; i++) {
        // What moves up to i is looked at as well.
        while (private->held[i] & HELD_SPARE) {
            const struct zstring *symbol = symbol_of(private->held[i]);
            remove_at(private, i);
            release(private, symbol);
        }
    }
    spares->count = 0;
    shrink(private);
    begin_pass_again(heap);
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
