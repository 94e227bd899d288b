// intern/table.c - cells: their memory, and the places in them.
//
// Owns: nothing; cells belong to the table, and once retired to the reclaimer.
// Thread: any. Invariants:  1. the entries in cells never exceed `used`, which never exceeds hard_used.
//              2. after CLOSED is set, `used` only falls, by reservations that are taken back.
// Why reservations: who puts an entry in has its place promised before it looks at the cell, so a
// migration that has closed the cells knows how many entries may come at most, and the next cells
// are made with room for all of them. Places are taken in batches, so that two threads that insert
// do not fight for one word.
#include "intern/intern_internal.h"

#include "base/alloc.h"

#include <string.h>

// Places are taken one by one in small cells, where a batch in each of many slots would fill them.
#define BATCH_SHIFT 12
#define BATCH_MAX   64

static uint32_t chunk_count_for(const struct zintern *table, uint64_t cell_count)
{
    return cell_count <= table->chunk_cells ? 1 : (uint32_t)(cell_count / table->chunk_cells);
}

uint64_t zintern_cells_bytes(const struct zintern *table, uint64_t cell_count)
{
    return sizeof(struct zintern_cells) + cell_count * sizeof(uint64_t) +
           chunk_count_for(table, cell_count) * sizeof(uint16_t) + ZVM_CACHE_LINE_BYTES;
}

static void lay_out(struct zintern_cells *cells, struct zintern *table, uint64_t cell_count)
{
    uint64_t batch = cell_count >> BATCH_SHIFT;
    cells->mask = cell_count - 1;
    cells->soft_used = cell_count / 2;
    cells->hard_used = cell_count - cell_count / 8;
    cells->reserve_batch = (uint32_t)(batch == 0 ? 1 : batch > BATCH_MAX ? BATCH_MAX : batch);
    cells->chunk_count = chunk_count_for(table, cell_count);
    cells->chunk_cells = (uint32_t)(cell_count / cells->chunk_count);
    cells->chunks = (_Atomic uint16_t *)(void *)&cells->cell[cell_count];
    cells->table = table;
    // relaxed: only that it is new matters
    cells->serial = z_fetch_add_relaxed(&table->serial, 1) + 1;
}

struct zintern_cells *zintern_cells_create(struct zintern *table, uint64_t cell_count)
{
    ZVM_ASSERT((cell_count & (cell_count - 1)) == 0);

    size_t bytes = zintern_cells_bytes(table, cell_count);
    // Zeroed by the system where it is large, so that the one who makes it does not pay for it all.
    char *memory = z_alloc_zeroed(bytes);
    if (memory == NULL) return NULL;
    z_advise_huge(memory, bytes);
    uintptr_t start = (uintptr_t)memory;
    size_t skip = (0 - start) & (ZVM_CACHE_LINE_BYTES - 1);
    struct zintern_cells *cells = (struct zintern_cells *)(void *)(memory + skip);
    lay_out(cells, table, cell_count);
    cells->memory = memory;
    cells->memory_bytes = bytes;
#ifdef ZVM_EXPLORE
    atomic_init(&cells->next, NULL); // the explorer knows a word from its first value on
    atomic_init(&cells->used, 0);
    atomic_init(&cells->chunks_claimed, 0);
    atomic_init(&cells->chunks_done, 0);
    for (uint64_t i = 0; i < cell_count; i++)
        atomic_init(&cells->cell[i], 0);
    for (uint32_t i = 0; i < cells->chunk_count; i++)
        atomic_init(&cells->chunks[i], 0);
#endif
    z_fetch_add_relaxed(&table->cells_bytes, bytes); // relaxed: a sum
    return cells;
}

void zintern_cells_destroy(struct zintern_cells *cells)
{
    // relaxed: a sum
    z_fetch_sub_relaxed(&cells->table->cells_bytes, cells->memory_bytes);
    z_free(cells->memory, cells->memory_bytes);
}

void zintern_entry_free(struct zintern *table, struct zintern_entry *entry)
{
    uint64_t bytes = zintern_symbol_bytes(entry->symbol.header.aux);
    z_free(entry, bytes);
    z_fetch_add_relaxed(&table->freed, 1); // relaxed: sums; only the reclaimer writes them
    z_fetch_add_relaxed(&table->freed_bytes, bytes);
}

// Both lists of some cells' dropped entries are made before anything is freed, because the store may
// not take them now; and because by then the memory asked for has come.
bool zintern_free_dropped(struct zintern_cells *cells, uint64_t begin, uint64_t end)
{
    ZVM_ASSERT(end - begin <= ZINTERN_STEP);

    struct zintern_entry *stored[ZINTERN_STEP], *allocated[ZINTERN_STEP];
    uint32_t stored_count = 0, allocated_count = 0;
    for (uint64_t i = begin; i < end; i++) {
        uint64_t word = z_load_relaxed(&cells->cell[i]); // relaxed: nobody changes it any more
        if (!(word & ZINTERN_DROP)) continue;
        struct zintern_entry *entry = zintern_cell_entry(word);
        if (word & ZINTERN_STORED) {
            stored[stored_count++] = entry;
        } else {
            __builtin_prefetch(entry);
            allocated[allocated_count++] = entry;
        }
    }
    if (stored_count > 0 && !zintern_store_give(cells->table, stored, stored_count)) return false;
    z_fetch_add_relaxed(&cells->table->freed, stored_count); // relaxed: a sum
    for (uint32_t i = 0; i < allocated_count; i++)
        zintern_entry_free(cells->table, allocated[i]);
    return true;
}

// ---- Places -------------------------------------------------------------------------------------

static enum zintern_room reserve_slow(struct zintern_cells *cells, struct zintern_slot *slot)
{
    uint32_t batch = cells->reserve_batch;
    // seq_cst, with the closing: either the closer counts this, or this finds it closed.
    uint64_t used = z_fetch_add_seq_cst(&cells->used, batch);
    if (used & ZINTERN_CLOSED || used + batch > cells->hard_used) {
        z_fetch_sub_relaxed(&cells->used, batch); // relaxed: too much for a moment is no harm
        return ZINTERN_NO_ROOM;
    }
    slot->credit_serial = cells->serial;
    slot->credit_count = batch - 1;
    return used + batch > cells->soft_used ? ZINTERN_ROOM_GROW : ZINTERN_ROOM;
}

enum zintern_room zintern_reserve(struct zintern_cells *cells, struct zintern_slot *slot)
{
    if (slot->credit_serial != cells->serial || slot->credit_count == 0)
        return reserve_slow(cells, slot); // what is left for older cells is forgotten: they move on
    slot->credit_count--;
    return ZINTERN_ROOM;
}

void zintern_unreserve(struct zintern_slot *slot)
{
    slot->credit_count++;
}
