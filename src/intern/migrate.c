// intern/migrate.c - moving all entries to fresh cells: growing, shrinking and dropping the dead.
//
// Owns: nothing. Thread: any, inside a section; any number of helpers at once, each of whom may stop
// for good anywhere.
// Invariants:  1. a cell's first decision (hole, KEEP, DROP) is the only one; it is one
//                 compare-and-swap on the cell.
//              2. an entry is dropped only after its count went 0 -> DEAD, from where nobody takes it.
//              3. the root moves on only when every chunk is done: every cell is frozen, and every
//                 kept entry is in the next cells. So cells never migrate before their source is done.
//              4. entries that come to the next cells from here fit: their places are reserved in
//                 `used` before `next` is published.
// How: whoever comes by takes the next chunk. When all are handed out, chunks that are not done are
// done again by whoever comes by: a helper that stopped holds nobody up. Doing a chunk twice changes
// nothing: decisions stand, and an entry that is in the next cells is found there.
#include "intern/intern_internal.h"

#include "base/alloc.h"
#include "base/probe.h"

// How far ahead memory is asked for: the entry of a cell, then its place in the next cells.
#define AHEAD_ENTRY 16
#define AHEAD_PLACE 8

// Cells filled less than one in so many are worth moving again.
#define SPARSE 16

// ---- Moving -------------------------------------------------------------------------------------

static uint64_t spread_of(const struct zintern *table, const struct zintern_entry *entry)
{
    return entry->symbol.hash & table->hash_mask;
}

// Puts an entry into the cells unless it is there.
static void put(struct zintern_cells *next, struct zintern_entry *entry, uint64_t cell)
{
    uint64_t word = cell & ~ZINTERN_STATE;
    uint64_t i = spread_of(next->table, entry) & next->mask;
    for (uint64_t n = 0; n <= next->mask; n++, i = (i + 1) & next->mask) {
        // acquire is not needed for what is found here, only its address is compared
        uint64_t found = z_load_relaxed(&next->cell[i]);
        // A stale 0 is told by the compare-and-swap, and nothing else can be stale about a cell
        // but its flags. PAIR cell, to look.
        if (found == 0 && z_cas_release(&next->cell[i], &found, word)) return;
        if (zintern_cell_entry(found) == entry) return;
    }
    ZVM_UNREACHABLE(); // invariant 4
}

// What a migration does with the entry of a cell that is not decided yet.
static uint64_t decision_for(struct zintern_entry *entry)
{
    // PAIR symbol, from zintern_release: what the last holder read is done.
    uint32_t count = z_load_acquire(&entry->count);
    if (ZINTERN_HAS_BUG(NO_DEAD_HANDSHAKE)) return count == 0 ? ZINTERN_DROP : ZINTERN_KEEP;
    if (count == 0 && z_cas_acq_rel(&entry->count, &count, ZINTERN_DEAD)) return ZINTERN_DROP;
    return count & ZINTERN_DEAD ? ZINTERN_DROP : ZINTERN_KEEP;
}

// Decides one cell. Returns what it is then.
static uint64_t freeze(_Atomic uint64_t *cell, uint32_t *dropped)
{
    uint64_t word = z_load_acquire(cell); // PAIR cell
    while (!(word & ZINTERN_FROZEN) || ZINTERN_HAS_BUG(DECISION_AGAIN)) {
        struct zintern_entry *entry = zintern_cell_entry(word);
        if (entry == NULL && (ZINTERN_HAS_BUG(HOLES_NOT_FROZEN) || word & ZINTERN_FROZEN))
            return ZINTERN_FROZEN;
        uint64_t flags = ZINTERN_FROZEN | (entry == NULL ? 0 : decision_for(entry));
        uint64_t frozen = (word & ~ZINTERN_STATE) | flags;
        if (frozen == word) return word;
        // acq_rel: a word that was put in meanwhile is read as by look. PAIR cell
        if (!z_cas_acq_rel(cell, &word, frozen)) continue;
        *dropped += (flags & ZINTERN_DROP) != 0;
        return frozen;
    }
    return word;
}

static void prefetch(struct zintern_cells *cells, struct zintern_cells *next, uint64_t i)
{
#ifndef ZVM_EXPLORE
    if (i + AHEAD_ENTRY <= cells->mask) {
        // relaxed: an address to ask for
        uint64_t far = z_load_relaxed(&cells->cell[i + AHEAD_ENTRY]);
        __builtin_prefetch(zintern_cell_entry(far), 1 /* to write */);
    }
    if (i + AHEAD_PLACE > cells->mask) return;
    // acquire: the entry's hash is read. PAIR cell
    struct zintern_entry *near = zintern_cell_entry(z_load_acquire(&cells->cell[i + AHEAD_PLACE]));
    if (near == NULL) return;
    __builtin_prefetch(&next->cell[spread_of(next->table, near) & next->mask], 1);
#else
    (void)cells;
    (void)next;
    (void)i;
#endif
}

static void finish(struct zintern_cells *cells);

static void move_chunk(struct zintern_cells *cells, struct zintern_cells *next, uint32_t chunk)
{
    uint64_t begin = (uint64_t)chunk * cells->chunk_cells;
    uint32_t kept = 0, dropped = 0;
    for (uint64_t i = begin; i < begin + cells->chunk_cells; i++) {
        prefetch(cells, next, i);
        uint64_t word = freeze(&cells->cell[i], &dropped);
        if (!(word & ZINTERN_KEEP)) continue;
        put(next, zintern_cell_entry(word), word);
        kept++;
    }
    if (dropped > 0) z_fetch_add_relaxed(&cells->table->reclaimed, dropped); // relaxed: a sum
    // Everybody who does this chunk counts the same, because all its cells are frozen: the first to
    // say so stands for all. PAIR chunk: what was put into next is there for who acts on this.
    uint16_t done = 0;
    if (!z_cas_acq_rel(&cells->chunks[chunk], &done, (uint16_t)(kept + 1))) return;
    z_fetch_add_acq_rel(&cells->chunks_done, 1); // PAIR chunk
}

// A chunk that is not done, or chunk_count.
static uint32_t undone_chunk(struct zintern_cells *cells)
{
    // PAIR chunk: chunks_done may lag for as long as a helper stops between its two steps.
    if (z_load_acquire(&cells->chunks_done) == cells->chunk_count) return cells->chunk_count;
    uint32_t claimed = z_load_relaxed(&cells->chunks_claimed); // relaxed: a hint
    if (claimed < cells->chunk_count) {
        claimed = z_fetch_add_relaxed(&cells->chunks_claimed, 1); // relaxed: who, not what
        if (claimed < cells->chunk_count) return claimed;
    }
    if (ZINTERN_HAS_BUG(SWITCH_EARLY)) return cells->chunk_count;
    for (uint32_t i = 0; i < cells->chunk_count; i++) {
        if (z_load_acquire(&cells->chunks[i]) == 0) return i; // PAIR chunk
    }
    return cells->chunk_count;
}

void zintern_migrate_help(struct zintern_cells *cells)
{
    struct zintern_cells *next = z_load_acquire(&cells->next); // PAIR next
    ZVM_ASSERT(next > ZINTERN_GATE);
    uint32_t chunk = undone_chunk(cells);
    if (chunk < cells->chunk_count) {
        move_chunk(cells, next, chunk);
        // PAIR chunk
        if (z_load_acquire(&cells->chunks_done) != cells->chunk_count) return;
    }
    finish(cells);
}

// ---- Ending -------------------------------------------------------------------------------------

static uint64_t kept_of(struct zintern_cells *cells)
{
    uint64_t kept = 0;
    for (uint32_t i = 0; i < cells->chunk_count; i++)
        kept += z_load_acquire(&cells->chunks[i]) - 1u; // PAIR chunk
    return kept;
}

// All chunks are done: from now on look-ups begin at the next cells.
static void finish(struct zintern_cells *cells)
{
    struct zintern *table = cells->table;
    struct zintern_cells *next = z_load_acquire(&cells->next); // PAIR next
    struct zintern_cells *expected = cells;
    uint64_t dropped = next->promised - kept_of(cells);
    // PAIR root, to every look-up: it finds in next all that was kept.
    if (!z_cas_acq_rel(&table->root, &expected, next)) return;
    // The places promised to those that did not come. relaxed: too few places until then is no harm.
    uint64_t used = z_fetch_sub_relaxed(&next->used, dropped) - dropped;
    z_fetch_add_relaxed(&table->migrations_done, 1); // relaxed: a hint
    zintern_retire(table, cells);
    bool is_sparse = !(used & ZINTERN_CLOSED) && used < next->mask / SPARSE;
    if (is_sparse && next->mask >= table->cells_min) (void)zintern_migrate_begin(next, false);
}

// ---- Beginning ----------------------------------------------------------------------------------

// Room for what is there with a margin, and for three times what will live: then they are a third
// to a sixth full, and half full is when they grow.
static uint64_t size_for(const struct zintern *table, uint64_t used)
{
    uint64_t dead = zintern_dead_now(table);
    uint64_t live = used > dead ? used - dead : 0;
    uint64_t want = used + used / 4 + 2;
    if (live * 3 > want) want = live * 3;
    uint64_t size = table->cells_min;
    while (size < want)
        size *= 2;
    return size;
}

// Cells with room for everything that is in these, not reachable yet. These are closed afterwards.
static zvm_status make_next(struct zintern_cells *cells, struct zintern_cells **out)
{
    struct zintern *table = cells->table;
    uint64_t used = z_load_relaxed(&cells->used) & ~ZINTERN_CLOSED; // relaxed: a guess
    for (;;) {
        uint64_t size = size_for(table, used);
        // At the limit of bytes one size is always left over, so that the dead can be dropped.
        if (size > cells->mask + 1 && !zintern_has_room_for_cells(table, cells, size))
            size = cells->mask + 1;
        if (!zintern_has_room_for_cells(table, cells, size)) return ZVM_E_INTERN_LIMIT;
        struct zintern_cells *fresh = zintern_cells_create(table, size);
        if (fresh == NULL) return ZVM_E_NOMEM;
        // seq_cst, with reserve: from here on these cells take no more than `used`.
        used = z_fetch_or_seq_cst(&cells->used, ZINTERN_CLOSED) & ~ZINTERN_CLOSED;
        if (used <= fresh->hard_used) {
            fresh->promised = used;
            z_store_relaxed(&fresh->used, used); // relaxed: published with the address
            *out = fresh;
            return ZVM_OK;
        }
        zintern_cells_destroy(fresh); // others went on inserting while it was made
    }
}

// The gate is held, or stepped over. False: others were first.
static bool publish_next(struct zintern_cells *cells, struct zintern_cells *fresh)
{
    struct zintern_cells *expected = ZINTERN_GATE;
    while (expected <= ZINTERN_GATE) {
        // PAIR next, to look and help: the fresh cells are filled with zeros.
        if (!z_cas_acq_rel(&cells->next, &expected, fresh)) continue;
        z_fetch_add_relaxed(&cells->table->migrations_begun, 1); // relaxed: a hint
        ZPROBE2(intern__grow, cells->mask + 1, fresh->mask + 1);
        return true;
    }
    zintern_cells_destroy(fresh);
    return false;
}

static zvm_status begin_gated(struct zintern_cells *cells)
{
    struct zintern_cells *fresh = NULL;
    zvm_status status = make_next(cells, &fresh);
    if (status == ZVM_OK) {
        (void)publish_next(cells, fresh);
        return ZVM_OK;
    }
    struct zintern_cells *expected = ZINTERN_GATE;
    (void)z_cas_relaxed(&cells->next, &expected, NULL); // relaxed: opens the gate, nothing else
    return status;
}

// True when the cells are the root, so that all their own entries have come.
static bool is_root(struct zintern_cells *cells)
{
    // PAIR root
    return z_load_acquire(&cells->table->root) == cells || ZINTERN_HAS_BUG(STACKED);
}

zvm_status zintern_migrate_begin(struct zintern_cells *cells, bool must_begin)
{
    for (;;) {
        struct zintern_cells *next = z_load_acquire(&cells->next); // PAIR next
        if (next > ZINTERN_GATE) return ZVM_OK;
        if (!is_root(cells)) {
            if (!must_begin) return ZVM_E_BUSY;
            zintern_migrate_until_root(cells);
            continue;
        }
        // Only one makes the next cells, so that ten threads that find these full do not make ten.
        // Who cannot do without does not wait for that one.
        if (next == ZINTERN_GATE && !must_begin) return ZVM_E_BUSY;
        // relaxed: nothing is read through it
        if (next == NULL && !z_cas_relaxed(&cells->next, &next, ZINTERN_GATE)) continue;
        return begin_gated(cells);
    }
}

void zintern_migrate_until_root(struct zintern_cells *cells)
{
    struct zintern *table = cells->table;
    struct zintern_cells *root;
    while ((root = z_load_acquire(&table->root)) != cells) {     // PAIR root
        if (z_load_acquire(&root->next) <= ZINTERN_GATE) return; // PAIR next; past it already
        zintern_migrate_help(root);
    }
}

void zintern_migrate_finish(struct zintern_cells *cells)
{
    while (z_load_acquire(&cells->table->root) == cells) // PAIR root
        zintern_migrate_help(cells);
}

zvm_status zintern_collect(struct zintern *table)
{
    struct zintern_cells *root = z_load_acquire(&table->root); // PAIR root
    // One that is under way may be past what died since.
    if (z_load_acquire(&root->next) > ZINTERN_GATE) { // PAIR next
        zintern_migrate_finish(root);
        root = z_load_acquire(&table->root); // PAIR root
    }
    zvm_status status = zintern_migrate_begin(root, true);
    if (status == ZVM_OK) zintern_migrate_finish(root);
    return status;
}
