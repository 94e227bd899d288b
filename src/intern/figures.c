// intern/figures.c - counting without sharing, limits, and the report.
//
// Owns: nothing. Thread: any. How: a slot's counters have one writer and are summed by who asks. A
// slot adds its counts to the table's totals every ZINTERN_FLUSH entries, so the totals lag by a
// known amount: far from a limit they suffice, near to it all slots are summed. A limit can be
// passed only by those that are between the test and the insertion at the same moment, so by at
// most one entry a thread.
#include "intern/intern_internal.h"

#include "base/alloc.h"

#define FLUSH_BYTES 2048
// Dropping the dead touches all that lives, so it waits until one in so many is dead: then an entry is
// touched twice for each that goes, and a table has at most as many dead as living.
#define DEAD_SHARE      2
#define ENTRY_BYTES_MAX (sizeof(struct zintern_entry) + ZINTERN_MAX_BYTES + 1)

// relaxed everywhere: sums of counters that order nothing.
static uint64_t difference(uint64_t added, uint64_t removed)
{
    return added > removed ? added - removed : 0; // they are not read at one moment
}

// ---- Counting -----------------------------------------------------------------------------------

static void flush_inserted(struct zintern *table, struct zintern_slot *slot)
{
    uint64_t inserted = z_load_relaxed(&slot->inserted);
    uint64_t bytes = z_load_relaxed(&slot->inserted_bytes);
    z_fetch_add_relaxed(&table->inserted, inserted - slot->flushed_inserted);
    z_fetch_add_relaxed(&table->inserted_bytes, bytes - slot->flushed_bytes);
    slot->flushed_inserted = inserted;
    slot->flushed_bytes = bytes;
}

void zintern_note_inserted(struct zintern *table, struct zintern_slot *slot, uint64_t bytes)
{
    z_count_add(&slot->inserted, 1);
    z_count_add(&slot->inserted_bytes, bytes);
    if (z_load_relaxed(&slot->inserted) - slot->flushed_inserted >= ZINTERN_FLUSH ||
        z_load_relaxed(&slot->inserted_bytes) - slot->flushed_bytes >= FLUSH_BYTES)
        flush_inserted(table, slot);
}

static uint64_t count_estimate(const struct zintern *table)
{
    return difference(z_load_relaxed(&table->inserted), z_load_relaxed(&table->reclaimed));
}

bool zintern_note_dead(struct zintern *table, struct zintern_slot *slot, int64_t change)
{
    int64_t dead = z_load_relaxed(&slot->dead) + change;
    z_store_relaxed(&slot->dead, dead);
    int64_t unflushed = dead - slot->flushed_dead;
    int64_t flush = table->dead_min < ZINTERN_FLUSH ? 1 : ZINTERN_FLUSH;
    if (unflushed < flush && unflushed > -flush) return false;
    int64_t total = z_fetch_add_relaxed(&table->dead, unflushed) + unflushed;
    slot->flushed_dead = dead;
    total -= (int64_t)z_load_relaxed(&table->reclaimed);
    if (change < 0 || total <= (int64_t)table->dead_min) return false;
    return (uint64_t)total > count_estimate(table) / DEAD_SHARE;
}

uint64_t zintern_dead_now(const struct zintern *table)
{
    int64_t dead = 0;
    uint32_t position = 0;
    for (struct zintern_slot *slot = NULL;
         (slot = zintern_slot_next(table, slot, &position)) != NULL;)
        dead += z_load_relaxed(&slot->dead);
    dead -= (int64_t)z_load_relaxed(&table->reclaimed);
    return dead > 0 ? (uint64_t)dead : 0;
}

uint64_t zintern_count_now(const struct zintern *table)
{
    uint64_t inserted = 0;
    uint32_t position = 0;
    for (struct zintern_slot *slot = NULL;
         (slot = zintern_slot_next(table, slot, &position)) != NULL;)
        inserted += z_load_relaxed(&slot->inserted);
    return difference(inserted, z_load_relaxed(&table->reclaimed));
}

// ---- Limits -------------------------------------------------------------------------------------

static uint64_t other_bytes(const struct zintern *table)
{
    return sizeof *table + zintern_sections_bytes(table) + z_load_relaxed(&table->cells_bytes) +
           z_load_relaxed(&table->store.bytes);
}

static uint64_t bytes_now(const struct zintern *table)
{
    uint64_t inserted = 0;
    uint32_t position = 0;
    for (struct zintern_slot *slot = NULL;
         (slot = zintern_slot_next(table, slot, &position)) != NULL;)
        inserted += z_load_relaxed(&slot->inserted_bytes);
    return other_bytes(table) + difference(inserted, z_load_relaxed(&table->freed_bytes));
}

static uint64_t bytes_estimate(const struct zintern *table)
{
    return other_bytes(table) +
           difference(z_load_relaxed(&table->inserted_bytes), z_load_relaxed(&table->freed_bytes));
}

// Entries may not take what cells of the same size need to move to: a table full of dead entries
// could not be collected.
static uint64_t bytes_kept_free(const struct zintern *table, const struct zintern_cells *cells)
{
    return difference(2 * cells->memory_bytes, z_load_relaxed(&table->cells_bytes));
}

bool zintern_has_room(struct zintern *table, const struct zintern_cells *cells,
                      uint64_t entry_bytes)
{
    uint64_t slots = zintern_slot_count(table);
    uint64_t need = entry_bytes + bytes_kept_free(table, cells);
    if (count_estimate(table) + slots * ZINTERN_FLUSH < table->limit_count &&
        bytes_estimate(table) + slots * (FLUSH_BYTES + ENTRY_BYTES_MAX) + need <=
            table->limit_bytes)
        return true;
    return zintern_count_now(table) < table->limit_count &&
           bytes_now(table) + need <= table->limit_bytes;
}

bool zintern_has_room_for_cells(struct zintern *table, const struct zintern_cells *cells,
                                uint64_t cell_count)
{
    uint64_t bytes = zintern_cells_bytes(table, cell_count);
    uint64_t now = bytes_now(table);
    // Growing must leave room for what is larger to move as well; the old cells will be gone.
    if (cell_count > cells->mask + 1) now += difference(bytes, cells->memory_bytes);
    return now + bytes <= table->limit_bytes;
}

// What is counted of a block is all of it, whatever is in use.
bool zintern_has_room_for_block(struct zintern *table, const struct zintern_cells *cells)
{
    return bytes_now(table) + table->store.block_bytes + bytes_kept_free(table, cells) <=
           table->limit_bytes;
}

// ---- The report ---------------------------------------------------------------------------------

// The shortest distance that a class stands for.
static uint32_t distance_of(uint32_t class)
{
    return class < 4 ? class : 1u << (class - 2);
}

static void set_probes(struct zintern_stats *out, const uint64_t classes[ZINTERN_PROBE_CLASSES])
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ZINTERN_PROBE_CLASSES; i++)
        out->hits += classes[i];
    for (uint32_t i = 0; i < ZINTERN_PROBE_CLASSES; i++) {
        sum += classes[i];
        if (sum * 2 < out->hits) continue;
        out->probe_p50 = distance_of(i);
        return;
    }
}

static void add_slot(struct zintern_stats *out, struct zintern_slot *slot,
                     uint64_t classes[ZINTERN_PROBE_CLASSES])
{
    for (uint32_t i = 0; i < ZINTERN_PROBE_CLASSES; i++)
        classes[i] += z_load_relaxed(&slot->hits_by_distance[i]);
    out->misses += z_load_relaxed(&slot->misses);
    out->inserted += z_load_relaxed(&slot->inserted);
    uint32_t probe_max = z_load_relaxed(&slot->probe_max);
    if (probe_max > out->probe_max) out->probe_max = probe_max;
}

static uint64_t cell_count_now(struct zintern *table)
{
    struct zintern_slot *slot = zintern_enter(table);
    if (slot == NULL) return 0;
    uint64_t cells = z_load_acquire(&table->root)->mask + 1; // PAIR root
    zintern_leave(table, slot);
    return cells;
}

void zintern_stats(struct zintern *table, struct zintern_stats *out)
{
    uint64_t classes[ZINTERN_PROBE_CLASSES] = {0};
    uint32_t position = 0;
    *out = (struct zintern_stats){
        .limit_count = table->limit_count,
        .limit_bytes = table->limit_bytes,
        .cells = cell_count_now(table),
        .freed = z_load_relaxed(&table->freed),
        .reclaimed = z_load_relaxed(&table->reclaimed),
        .migrations = z_load_relaxed(&table->migrations_done),
        .bytes = bytes_now(table),
    };
    for (struct zintern_slot *slot = NULL;
         (slot = zintern_slot_next(table, slot, &position)) != NULL;)
        add_slot(out, slot, classes);
    set_probes(out, classes);
    out->count = difference(out->inserted, out->reclaimed);
    out->pending = difference(out->reclaimed, out->freed);
    out->dead = zintern_dead_now(table);
    out->load_percent = out->cells == 0 ? 0 : (uint32_t)(out->count * 100 / out->cells);
}
