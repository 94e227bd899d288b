// intern/store.c - where the entries of a large table live: blocks that are cut into cells of one size.
//
// Owns: the blocks. Thread: any, but who takes or gives cells first gets the gate, one thread at a
// time. Nobody waits for it: who finds it taken goes to the allocator for this one entry, and leaves
// what is to be given back for the next time. So a thread that stops behind the gate stops nobody.
// Invariants:  1. a set bit of a block's `free` is the start of a cell that nobody has.
//              2. a block is in the list of its class exactly when it has a free cell.
//              3. a block of which all cells are free does not stay: its memory goes back.
// Why: an entry that is found costs a cache miss and, where tables are large, a miss of the processor's
// table of pages. A cell of the store lies in one cache line and its block in one large page; freeing
// one touches a bit, not the entry. Small tables would pay for a whole block, so they use the
// allocator; a cell word's STORED bit tells the two apart.
#include "intern/intern_internal.h"

#include "base/alloc.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#    define STORE_HAS_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define STORE_HAS_ASAN 1
#    endif
#endif
#ifdef STORE_HAS_ASAN
#    include <sanitizer/asan_interface.h>
#else
#    define ASAN_POISON_MEMORY_REGION(memory, bytes)   ((void)(memory), (void)(bytes))
#    define ASAN_UNPOISON_MEMORY_REGION(memory, bytes) ((void)(memory), (void)(bytes))
#endif

// A bit stands for so many bytes. Cells of 32 and 64 lie in one cache line, most strings in these.
#define GRANULE_BYTES 32
#define FIRST_CELL    192 // the first cell is at a multiple of this, so that all of these fit

static const uint32_t cell_bytes[ZINTERN_STORE_CLASSES] = {32, 64, 96};

// How often the gate is tried: what is done behind it takes less than a look-up.
#define GATE_TRIES 32

struct zintern_block {
    struct zintern_block *next, *previous; // of the class's list, when it has free cells
    uint32_t class, free_count, cell_count;
    uint32_t first_word; // words before this one have no free cell
    uint64_t free[];     // [block_bytes / GRANULE_BYTES / 64]
};

// A cell that could not be given back, because the gate was taken.
struct zintern_orphan {
    struct zintern_orphan *next;
};

static bool enter_gate(struct zintern_store *store)
{
    for (int i = 0; i < GATE_TRIES; i++) {
        uint32_t expected = 0;
        if (z_load_relaxed(&store->is_busy) != 0) continue; // relaxed: the exchange checks it
        if (z_cas_acquire(&store->is_busy, &expected, 1)) return true; // PAIR store
    }
    return false;
}

static void leave_gate(struct zintern_store *store)
{
    z_store_release(&store->is_busy, 0); // PAIR store
}

static struct zintern_block *block_of(const struct zintern_store *store, const void *cell)
{
    return (struct zintern_block *)((uintptr_t)cell & ~(uintptr_t)(store->block_bytes - 1));
}

// ---- Behind the gate ----------------------------------------------------------------------------

static void link_block(struct zintern_store *store, struct zintern_block *block)
{
    struct zintern_block **first = &store->open[block->class];
    block->previous = NULL;
    block->next = *first;
    if (*first != NULL) (*first)->previous = block;
    *first = block;
}

static void unlink_block(struct zintern_store *store, struct zintern_block *block)
{
    if (block->previous != NULL)
        block->previous->next = block->next;
    else
        store->open[block->class] = block->next;
    if (block->next != NULL) block->next->previous = block->previous;
}

static void set_free(struct zintern_block *block, const void *cell)
{
    size_t granule = (size_t)((const char *)cell - (const char *)block) / GRANULE_BYTES;
    uint32_t word = (uint32_t)(granule / 64);
    ZVM_ASSERT((block->free[word] >> granule % 64 & 1) == 0);
    block->free[word] |= UINT64_C(1) << granule % 64;
    block->free_count++;
    if (word < block->first_word) block->first_word = word;
}

static struct zintern_block *make_block(struct zintern *table, const struct zintern_cells *cells,
                                        uint32_t class)
{
    struct zintern_store *store = &table->store;
    uint64_t bytes = store->block_bytes;
    if (!zintern_has_room_for_block(table, cells)) return NULL;
    struct zintern_block *block = z_alloc_aligned(bytes, bytes);
    if (block == NULL) return NULL;
    z_advise_huge(block, bytes);
    z_fetch_add_relaxed(&store->bytes, bytes); // relaxed: a sum
    size_t map_bytes = bytes / GRANULE_BYTES / 8;
    memset(block, 0, sizeof *block + map_bytes);
    block->class = class;
    size_t at = (sizeof *block + map_bytes + FIRST_CELL - 1) / FIRST_CELL * FIRST_CELL;
    block->first_word = UINT32_MAX;
    for (; at + cell_bytes[class] <= bytes; at += cell_bytes[class]) {
        set_free(block, (char *)block + at);
        ASAN_POISON_MEMORY_REGION((char *)block + at, cell_bytes[class]);
    }
    block->cell_count = block->free_count;
    link_block(store, block);
    return block;
}

static void *take_cell(struct zintern_store *store, struct zintern_block *block)
{
    uint32_t word = block->first_word;
    while (block->free[word] == 0)
        word++;
    uint32_t bit = (uint32_t)__builtin_ctzll(block->free[word]);
    block->free[word] &= block->free[word] - 1;
    block->first_word = word;
    if (--block->free_count == 0) unlink_block(store, block);
    char *cell = (char *)block + ((size_t)word * 64 + bit) * GRANULE_BYTES;
    ASAN_UNPOISON_MEMORY_REGION(cell, cell_bytes[block->class]);
    return cell;
}

// Gives one cell back. A block that is whole again is taken out and put in front of *empty.
static void give_cell(struct zintern_store *store, void *cell, struct zintern_block **empty)
{
    struct zintern_block *block = block_of(store, cell);
#ifdef ZVM_POISON
    memset(cell, 0xdb, cell_bytes[block->class]);
#endif
    ASAN_POISON_MEMORY_REGION(cell, cell_bytes[block->class]);
    if (block->free_count == 0) link_block(store, block);
    set_free(block, cell);
    if (block->free_count < block->cell_count) return;
    unlink_block(store, block);
    block->next = *empty;
    *empty = block;
}

static void give_orphans(struct zintern_store *store, struct zintern_block **empty)
{
    if (z_load_relaxed(&store->orphans) == NULL) return; // relaxed: the next one takes them then
    struct zintern_orphan *orphan = z_exchange_acquire(&store->orphans, NULL); // PAIR orphan
    while (orphan != NULL) {
        struct zintern_orphan *next = orphan->next;
        give_cell(store, orphan, empty);
        orphan = next;
    }
}

// The gate is open again: unmapping takes longer than anything behind it.
static void free_blocks(struct zintern_store *store, struct zintern_block *empty)
{
    while (empty != NULL) {
        struct zintern_block *next = empty->next;
        ASAN_UNPOISON_MEMORY_REGION(empty, store->block_bytes);
        z_free_aligned(empty, store->block_bytes);
        z_fetch_sub_relaxed(&store->bytes, store->block_bytes); // relaxed: a sum
        empty = next;
    }
}

// ---- For the other files ------------------------------------------------------------------------

void *zintern_store_take(struct zintern *table, const struct zintern_cells *cells, size_t bytes)
{
    struct zintern_store *store = &table->store;
    if (cells->mask + 1 < store->from_cells) return NULL;
    uint32_t class = bytes <= 32 ? 0 : bytes <= 64 ? 1 : 2;
    if (bytes > cell_bytes[ZINTERN_STORE_CLASSES - 1] || !enter_gate(store)) return NULL;
    struct zintern_block *empty = NULL;
    give_orphans(store, &empty);
    struct zintern_block *block = store->open[class];
    if (block == NULL) block = make_block(table, cells, class);
    void *cell = block == NULL ? NULL : take_cell(store, block);
    leave_gate(store);
    free_blocks(store, empty);
    return cell;
}

bool zintern_store_give(struct zintern *table, struct zintern_entry *const *entries, uint32_t count)
{
    struct zintern_store *store = &table->store;
    if (!enter_gate(store)) return false;
    struct zintern_block *empty = NULL;
    give_orphans(store, &empty);
    for (uint32_t i = 0; i < count; i++)
        give_cell(store, entries[i], &empty);
    leave_gate(store);
    free_blocks(store, empty);
    return true;
}

void zintern_store_give_surely(struct zintern *table, struct zintern_entry *entry)
{
    if (zintern_store_give(table, &entry, 1)) return;
    struct zintern_orphan *orphan = (struct zintern_orphan *)(void *)entry;
    struct zintern_orphan *newest = z_load_relaxed(&table->store.orphans); // relaxed: CAS checks
    do {
        orphan->next = newest;
    } while (!z_cas_weak_release(&table->store.orphans, &newest, orphan)); // PAIR orphan
}

void zintern_store_deinit(struct zintern *table)
{
    struct zintern_block *empty = NULL;
    give_orphans(&table->store, &empty);
    free_blocks(&table->store, empty);
}
