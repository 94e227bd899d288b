// intern/intern_internal.h - what the files of the symbol table share.
//
// The words: an entry is one symbol with its count; cells are one array of entry pointers, which
// moves as a whole (a migration) to grow, to shrink and to drop the dead; a slot is what one thread
// needs while it is inside a call. docs/concurrency.md has the protocol and why it is safe.
#ifndef ZVM_INTERN_INTERN_INTERNAL_H
#define ZVM_INTERN_INTERN_INTERNAL_H

#include "base/assert.h"
#include "base/atomic.h"
#include "intern/intern.h"

// ---- Entries ------------------------------------------------------------------------------------

// Bit 31 of a count: a migration found the entry at 0 and will drop it; nobody may take it again.
#define ZINTERN_DEAD      UINT32_C(0x80000000)
#define ZINTERN_COUNT_MAX UINT32_C(0x40000000)

// One symbol. The string inside is what everybody else sees; it is frozen once it is in a cell.
struct zintern_entry {
    // shared. PAIR symbol: release in zintern_release, acquire in the migration that finds it 0.
    _Atomic uint32_t count;
    uint32_t reserved;
    struct zstring symbol;
};

// In front of the text; with strings of up to 39 bytes an entry is one cache line.
_Static_assert(sizeof(struct zintern_entry) == 24, "entries are small");

static inline struct zintern_entry *zintern_entry_of(const struct zstring *symbol)
{
    char *bytes = (char *)(uintptr_t)symbol;
    return (struct zintern_entry *)(void *)(bytes - offsetof(struct zintern_entry, symbol));
}

// ---- Cells --------------------------------------------------------------------------------------

// A cell: 16 bits of the hash | 48-bit address of a 16-byte aligned entry | flags. It only ever goes
// 0 -> entry -> frozen entry, or 0 -> frozen (a hole), so a compare-and-swap on it has no ABA. STORED
// belongs to the address and goes wherever it goes; the others are the cell's state.
#define ZINTERN_FROZEN    UINT64_C(1) // the migration has decided; the cell never changes again
#define ZINTERN_KEEP      UINT64_C(2) // the entry is in the next cells, or will be before the switch
#define ZINTERN_DROP      UINT64_C(4) // the entry ends with these cells
#define ZINTERN_STORED    UINT64_C(8) // the entry is in the store, not the allocator's
#define ZINTERN_STATE     (ZINTERN_FROZEN | ZINTERN_KEEP | ZINTERN_DROP)
#define ZINTERN_FLAGS     UINT64_C(15)
#define ZINTERN_TAG_SHIFT 48

static inline struct zintern_entry *zintern_cell_entry(uint64_t cell)
{
    uint64_t address = cell & ((UINT64_C(1) << ZINTERN_TAG_SHIFT) - 1) & ~ZINTERN_FLAGS;
    return (struct zintern_entry *)(uintptr_t)address;
}

// In `used`: no more reservations, because the migration has counted them.
#define ZINTERN_CLOSED (UINT64_C(1) << 63)

// In `next`: somebody allocates the next cells.
#define ZINTERN_GATE ((struct zintern_cells *)(uintptr_t)1)

struct zintern_cells {
    // frozen
    uint64_t mask;                     // cell count - 1
    uint64_t soft_used, hard_used;     // grow from here on; never more than this
    uint64_t promised;                 // of `used`, for what comes from the cells before
    uint64_t serial;                   // no two cells of a table have the same
    uint32_t reserve_batch;            // reservations taken at a time
    uint32_t chunk_cells, chunk_count; // a chunk is what one helper moves at a time
    _Atomic uint16_t *chunks;          // shared: 0, or kept entries + 1 when all of it has moved
    struct zintern *table;             // whose cells these are
    void *memory;                      // as allocated, [memory_bytes]
    size_t memory_bytes;
    // shared. NULL, GATE, then for good the cells that this one moves to. PAIR next.
    _Atomic(struct zintern_cells *) next;
    // shared. Places that are taken or promised, so entries here never exceed it; and CLOSED.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t used;
    // shared, relaxed hints: chunks handed out and finished.
    _Atomic uint32_t chunks_claimed, chunks_done;
    // handed-over by PAIR retired, then the reclaimer's: and how many cells it is done with.
    struct zintern_cells *retired_next;
    uint64_t freed_until;
    _Alignas(16) char epoch_entry[16];
    // shared. PAIR cell: release when an entry is put in, acquire when it is read.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t cell[];
};

// ---- Slots --------------------------------------------------------------------------------------

#define ZINTERN_PROBE_CLASSES 8 // distances 0, 1, 2, 3, 4-7, 8-15, 16-31, more

// The counters have one writer, who is inside a call with this slot; any reader; relaxed: sums.
struct zintern_slot {
    // shared. The thread that has the slot for as long as it lives; see section.c.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uintptr_t owner;
    _Atomic uint32_t is_taken; // PAIR slot: release when given back, acquire when taken
    uint64_t credit_serial;    // places reserved and not used yet: in which cells, how many
    uint32_t credit_count;
    _Atomic uint32_t probe_max;
    _Atomic uint64_t hits_by_distance[ZINTERN_PROBE_CLASSES];
    _Atomic uint64_t misses, inserted, inserted_bytes;
    _Atomic int64_t dead; // released to 0, less those taken again from 0
    // Of the three above, what the table's totals already have.
    uint64_t flushed_inserted, flushed_bytes;
    int64_t flushed_dead;
};

struct zintern_sections; // section.c: slots, epochs, what waits to be freed

// ---- The store ----------------------------------------------------------------------------------

#define ZINTERN_STORE_CLASSES 3
#define ZINTERN_BLOCK_MIN     2048 // a power of two, as all sizes of blocks

struct zintern_block;
struct zintern_orphan;

struct zintern_store {
    // frozen. Entries go to the store when the cells are at least from_cells.
    uint64_t block_bytes, from_cells;
    _Atomic uint64_t bytes;                   // shared, relaxed: of all blocks
    _Atomic(struct zintern_orphan *) orphans; // shared. PAIR orphan: to be given back
    // shared. The gate. PAIR store: release when left, acquire when entered.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint32_t is_busy;
    struct zintern_block *open[ZINTERN_STORE_CLASSES]; // behind the gate: those with free cells
};

// ---- The table ----------------------------------------------------------------------------------

struct zintern {
    // frozen after creation
    uint64_t limit_count, limit_bytes;
    uint64_t hash_mask; // tests make hashes bad on purpose; else all ones
    uint64_t dead_min;  // dead entries that are never worth a migration
    uint32_t cells_min, chunk_cells;
    bool is_left_held; // owner-thread: who destroys the table: some are held, and that is known
    struct zintern_sections *sections;

    // shared. The cells where a look-up begins. PAIR root.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic(struct zintern_cells *) root;
    // shared, relaxed. Hints of whether there is work to help with: each pair is equal when not.
    _Atomic uint64_t migrations_begun, migrations_done, cells_retired, cells_freed;

    // shared, relaxed: what the slots have put together, a little behind.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t inserted, inserted_bytes;
    _Atomic int64_t dead;
    // shared, relaxed: exact. Dropped by migrations, and of these freed; and memory of cells.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t reclaimed;
    _Atomic uint64_t freed, freed_bytes, cells_bytes, serial;
    _Atomic uint64_t
        tidied_dead; // shared, relaxed: how many had died when zintern_tidy last worked
    struct zintern_store store;
};

// How a table is made in tests: tiny, so that it migrates all the time.
struct zintern_tuning {
    uint64_t hash_mask, dead_min;
    uint32_t cells_min, chunk_cells;
    uint64_t store_block_bytes, store_from_cells; // 0: no store
};

zvm_status zintern_create_tuned(const struct zintern_options *options,
                                const struct zintern_tuning *tuning, struct zintern **out);

// ---- section.c: who is inside a call, and what may be freed
zvm_status zintern_sections_create(struct zintern *table);
void zintern_sections_destroy(struct zintern *table); // frees all that waits
uint64_t zintern_sections_bytes(const struct zintern *table);
// A slot for the calling thread, for one call. NULL: no memory. Memory reached through the table
// stays until leave.
struct zintern_slot *zintern_enter(struct zintern *table);
// The same for who cannot fail: waits when memory is refused and all shared slots are taken.
struct zintern_slot *zintern_enter_surely(struct zintern *table);
void zintern_leave(struct zintern *table, struct zintern_slot *slot);
// The same without protection of memory, for who only counts.
struct zintern_slot *zintern_slot_take(struct zintern *table);
void zintern_slot_give(struct zintern_slot *slot);
// The slots of a table one after the other: begin with NULL. For sums.
struct zintern_slot *zintern_slot_next(const struct zintern *table, struct zintern_slot *slot,
                                       uint32_t *position);
uint32_t zintern_slot_count(const struct zintern *table);
// Cells that nobody can come to any more: freed, with what they dropped, when all are out.
void zintern_retire(struct zintern *table, struct zintern_cells *cells);
// One step of freeing, outside of any section; at most ZINTERN_STEP entries.
void zintern_reclaim(struct zintern *table);
// As many steps as free something.
void zintern_reclaim_all(struct zintern *table);

// ---- table.c: cells
// NULL: no memory.
struct zintern_cells *zintern_cells_create(struct zintern *table, uint64_t cell_count);
void zintern_cells_destroy(struct zintern_cells *cells);
uint64_t zintern_cells_bytes(const struct zintern *table, uint64_t cell_count);
// Not of those in the store.
void zintern_entry_free(struct zintern *table, struct zintern_entry *entry);
// Frees the entries that cells [begin, end) dropped; at most ZINTERN_STEP cells. False: the store's
// gate was taken, and nothing was freed.
bool zintern_free_dropped(struct zintern_cells *cells, uint64_t begin, uint64_t end);

enum zintern_room { ZINTERN_ROOM, ZINTERN_ROOM_GROW, ZINTERN_NO_ROOM };
// A place for one more entry in the cells; GROW: there is, but they should migrate.
enum zintern_room zintern_reserve(struct zintern_cells *cells, struct zintern_slot *slot);
// Gives a place back that reserve gave.
void zintern_unreserve(struct zintern_slot *slot);

// ---- store.c
// A cell of at least so many bytes, 32-byte aligned, for an entry of these cells; NULL: use the
// allocator.
void *zintern_store_take(struct zintern *table, const struct zintern_cells *cells, size_t bytes);
// Gives cells back. False: the gate was taken, nothing was given.
bool zintern_store_give(struct zintern *table, struct zintern_entry *const *entries,
                        uint32_t count);
// Gives one back now or when the gate is entered next.
void zintern_store_give_surely(struct zintern *table, struct zintern_entry *entry);
void zintern_store_deinit(struct zintern *table); // nobody uses the table any more

// ---- migrate.c
// One call moves at most this many cells and frees at most this many entries.
#define ZINTERN_STEP 256

// Sees to it that the cells have next ones. ZVM_E_BUSY: somebody else is at it, or these cells are
// not the root yet; only without must_begin, which ends in OK, NOMEM or INTERN_LIMIT.
zvm_status zintern_migrate_begin(struct zintern_cells *cells, bool must_begin);
// Moves one chunk of cells that have next ones.
void zintern_migrate_help(struct zintern_cells *cells);
// Moves chunks until `cells` is the root or behind it.
void zintern_migrate_until_root(struct zintern_cells *cells);
// Moves everything out of the root, these cells, which have next ones.
void zintern_migrate_finish(struct zintern_cells *root);
// Moves everything out of the root as it is now: all that is dead is dropped.
zvm_status zintern_collect(struct zintern *table);

// ---- figures.c
enum { ZINTERN_FLUSH = 16 }; // of a slot, before it adds to the table's totals
void zintern_note_inserted(struct zintern *table, struct zintern_slot *slot, uint64_t bytes);
// True when so many entries are dead that a migration is paid for.
bool zintern_note_dead(struct zintern *table, struct zintern_slot *slot, int64_t change);
// Within the limits: one entry more in these cells; cells to which these move.
bool zintern_has_room(struct zintern *table, const struct zintern_cells *cells,
                      uint64_t entry_bytes);
bool zintern_has_room_for_cells(struct zintern *table, const struct zintern_cells *cells,
                                uint64_t cell_count);
bool zintern_has_room_for_block(struct zintern *table, const struct zintern_cells *cells);
uint64_t zintern_count_now(const struct zintern *table);
uint64_t zintern_dead_now(const struct zintern *table);

static inline bool zintern_has_work(struct zintern *table)
{
    // relaxed: hints; who finds work looks again.
    return z_load_relaxed(&table->migrations_begun) != z_load_relaxed(&table->migrations_done) ||
           z_load_relaxed(&table->cells_retired) != z_load_relaxed(&table->cells_freed);
}

// ---- Planted bugs -------------------------------------------------------------------------------

// Models and stress programs are built with ZINTERN_PLANT and switch one of these on, to show that
// they would find it.
enum zintern_bug {
    ZINTERN_BUG_NONE,
    ZINTERN_BUG_PUBLISH_RELAXED,   // the entry's bytes are not ordered before its address
    ZINTERN_BUG_NO_DEAD_HANDSHAKE, // dropped because the count was 0, without saying so in it
    ZINTERN_BUG_HOLES_NOT_FROZEN,  // empty cells are passed over
    ZINTERN_BUG_RELEASE_RELAXED,   // the last holder's reads are not ordered before the freeing
    ZINTERN_BUG_NO_GRACE,          // cells and entries are freed at once
    ZINTERN_BUG_DECISION_AGAIN,    // a helper that comes later decides anew
    ZINTERN_BUG_SWITCH_EARLY,      // the root moves on when all chunks are handed out
    ZINTERN_BUG_RESURRECT_DEAD,    // a dead entry is handed out
    ZINTERN_BUG_STACKED,           // cells migrate before their own source is done
    ZINTERN_BUG_SLOT_RELAXED,      // who takes a slot over does not see what was done with it
    ZINTERN_BUG_GATE_RELAXED,      // nor who reclaims next
};

#ifdef ZINTERN_PLANT
extern enum zintern_bug zintern_planted;
#    define ZINTERN_HAS_BUG(name) (zintern_planted == ZINTERN_BUG_##name)
#else
#    define ZINTERN_HAS_BUG(name) false
#endif

#endif // ZVM_INTERN_INTERN_INTERNAL_H
