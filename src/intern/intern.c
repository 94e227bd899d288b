// intern/intern.c - the symbols of a table: find, make, hold, let go.
//
// Owns: entries until they are in a cell. Thread: any, for every function; no locks. An entry
// belongs to the cells that it is in, and is freed with the cells that drop it.
// Invariants:  1. at most one entry of a string is not DEAD, so equal symbols have equal addresses.
//              2. a count leaves 0 only by hold and only when not DEAD; DEAD is for good.
//              3. memory reached through the table is read inside a section only; who has a count
//                 needs none.
// Why 1: an entry goes into the first cell of its string's path that is empty; entries never leave
// their cells, so the next to come sees it. Where a migration made that cell a hole, everybody goes
// on to the next cells, because nothing can lie behind a hole that was not in front of it before.
#include "intern/intern_internal.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "base/utf8.h"

#include <string.h>

#define LIMIT_COUNT_DEFAULT UINT64_C(16777216)
#define LIMIT_BYTES_DEFAULT (UINT64_C(1) << 30)

// ---- Creation -----------------------------------------------------------------------------------

#ifdef ZVM_TINY
#    define CELLS_MIN   16
#    define CHUNK_CELLS 32
#    define DEAD_MIN    4
#    define STORE_BLOCK 4096
#    define STORE_FROM  32
#else
#    define CELLS_MIN   256 // 2 KiB; in fewer, what a migration costs beside its cells would show
#    define CHUNK_CELLS ZINTERN_STEP
#    define DEAD_MIN    256 // about 16 KiB of short strings
// A large page, for tables that fill some of them: half a MiB of cells, from 16,384 entries on.
#    define STORE_BLOCK (UINT64_C(2) << 20)
#    define STORE_FROM  65536
#endif

zvm_status zintern_create(const struct zintern_options *options, struct zintern **out)
{
    struct zintern_tuning tuning = {
        .hash_mask = UINT64_MAX,
        .dead_min = DEAD_MIN,
        .cells_min = CELLS_MIN,
        .chunk_cells = CHUNK_CELLS,
        .store_block_bytes = STORE_BLOCK,
        .store_from_cells = STORE_FROM,
    };
    return zintern_create_tuned(options, &tuning, out);
}

static zvm_status fill_table(struct zintern *table)
{
    zvm_status status = zintern_sections_create(table);
    if (status != ZVM_OK) return status;
    struct zintern_cells *root = zintern_cells_create(table, table->cells_min);
    if (root == NULL) return ZVM_E_NOMEM;
    atomic_init(&table->root, root);
    return ZVM_OK;
}

zvm_status zintern_create_tuned(const struct zintern_options *options,
                                const struct zintern_tuning *tuning, struct zintern **out)
{
    struct zintern_options defaults = {0};
    if (options == NULL) options = &defaults;

    struct zintern *table = z_alloc_aligned(ZVM_CACHE_LINE_BYTES, sizeof *table);
    if (table == NULL) return ZVM_E_NOMEM;
    memset(table, 0, sizeof *table);
    table->limit_count = options->limit_count == 0 ? LIMIT_COUNT_DEFAULT : options->limit_count;
    table->limit_bytes = options->limit_bytes == 0 ? LIMIT_BYTES_DEFAULT : options->limit_bytes;
    table->hash_mask = tuning->hash_mask;
    table->dead_min = tuning->dead_min;
    table->cells_min = tuning->cells_min;
    table->chunk_cells = tuning->chunk_cells;
    ZVM_ASSERT(tuning->store_block_bytes == 0 || tuning->store_block_bytes >= ZINTERN_BLOCK_MIN);
    table->store.block_bytes = tuning->store_block_bytes;
    table->store.from_cells =
        tuning->store_block_bytes == 0 ? UINT64_MAX : tuning->store_from_cells;
    zvm_status status = fill_table(table);
    if (status != ZVM_OK) {
        zintern_destroy(table);
        return status;
    }
    *out = table;
    return ZVM_OK;
}

static void free_entry(struct zintern *table, struct zintern_entry *entry, uint64_t word)
{
    if (word & ZINTERN_STORED)
        zintern_store_give_surely(table, entry);
    else
        zintern_entry_free(table, entry);
}

// Nobody else has the table any more. An entry that somebody still holds is not freed.
static void destroy_cells(struct zintern *table, struct zintern_cells *cells)
{
    for (uint64_t i = 0; i <= cells->mask; i++) {
        uint64_t word = z_load_relaxed(&cells->cell[i]);
        struct zintern_entry *entry = zintern_cell_entry(word);
        if (entry == NULL) continue;
        bool is_held = (z_load_acquire(&entry->count) & ~ZINTERN_DEAD) != 0; // PAIR symbol
        ZVM_ASSERT(!is_held || table->is_left_held);
        if (!is_held) free_entry(table, entry, word);
    }
    zintern_cells_destroy(cells);
}

void zintern_leave_held(struct zintern *table)
{
    table->is_left_held = true;
}

void zintern_destroy(struct zintern *table)
{
    if (table == NULL) return;
    struct zintern_cells *root = z_load_acquire(&table->root);           // PAIR root
    while (root != NULL && z_load_acquire(&root->next) > ZINTERN_GATE) { // PAIR next
        zintern_migrate_finish(root);
        root = z_load_acquire(&table->root); // PAIR root
    }
    if (table->sections != NULL) zintern_sections_destroy(table);
    if (root != NULL) destroy_cells(table, root);
    zintern_store_deinit(table);
    z_free_aligned(table, sizeof *table);
}

// ---- Looking up ---------------------------------------------------------------------------------

// The keyed hash of a string; never 0, which means "not computed" in private strings.
static uint64_t hash_of(const char *text, size_t length_bytes)
{
    uint64_t hash = zsiphash13(zsiphash_process_key(), text, length_bytes);
    return hash == 0 ? 1 : hash;
}

// A string on its way through the table.
struct search {
    const char *text;
    size_t length_bytes;
    uint64_t hash;
    uint64_t tag;      // of its cells, in place
    uint64_t index;    // the cell to look at
    uint64_t distance; // from where its path in these cells begins
    struct zintern_entry *entry;
};

enum outcome { FOUND, EMPTY, MOVED, FULL };

static void begin_search(const struct zintern *table, struct search *search, const char *text,
                         size_t length_bytes)
{
    search->text = text;
    search->length_bytes = length_bytes;
    search->hash = hash_of(text, length_bytes);
    search->tag = (search->hash & table->hash_mask) >> ZINTERN_TAG_SHIFT << ZINTERN_TAG_SHIFT;
}

static inline void begin_path(const struct zintern_cells *cells, struct search *search)
{
    search->index = search->hash & cells->table->hash_mask & cells->mask;
    search->distance = 0;
}

static inline bool is_same(const struct zintern_entry *entry, const struct search *search)
{
    return entry->symbol.hash == search->hash && entry->symbol.header.aux == search->length_bytes &&
           memcmp(entry->symbol.bytes, search->text, search->length_bytes) == 0;
}

// Takes a reference unless the entry is dead. The add is undone on a dead one: its count means
// nothing any more. One addition instead of a load and a compare-and-swap: two threads that look up
// the same string then move its line once, not twice.
static inline bool hold(struct zintern *table, struct zintern_slot *slot,
                        struct zintern_entry *entry)
{
    // relaxed: the bytes were ordered by the cell; the count by PAIR symbol's releases, which this
    // addition continues.
    uint32_t before = z_fetch_add_relaxed(&entry->count, 1);
    if (ZVM_UNLIKELY(before & ZINTERN_DEAD) && !ZINTERN_HAS_BUG(RESURRECT_DEAD)) {
        z_fetch_sub_relaxed(&entry->count, 1);
        return false;
    }
    ZVM_CHECK((before & ~ZINTERN_DEAD) < ZINTERN_COUNT_MAX);
    if (before == 0) (void)zintern_note_dead(table, slot, -1);
    return true;
}

// Follows the path from search->index on.
static inline enum outcome look(struct zintern_cells *cells, struct zintern_slot *slot,
                                struct search *search)
{
    for (; search->distance <= cells->mask; search->distance++) {
        // PAIR cell, from insert and put: the entry's bytes
        uint64_t cell = z_load_acquire(&cells->cell[search->index]);
        if (cell == 0) return EMPTY;
        if ((cell ^ search->tag) >> ZINTERN_TAG_SHIFT == 0 && !(cell & ZINTERN_DROP)) {
            struct zintern_entry *entry = zintern_cell_entry(cell);
            if (entry == NULL) return MOVED; // a hole, of strings with tag 0
            if (is_same(entry, search) && hold(cells->table, slot, entry)) {
                search->entry = entry;
                return FOUND;
            }
        } else if (cell == ZINTERN_FROZEN) {
            return MOVED;
        }
        search->index = (search->index + 1) & cells->mask;
    }
    return FULL;
}

static inline void count_hit(struct zintern_slot *slot, uint64_t distance)
{
    uint32_t class = (uint32_t)distance;
    if (ZVM_UNLIKELY(distance >= 4)) {
        class = distance >= 32 ? 7 : (uint32_t)(65 - __builtin_clzll(distance));
        if (distance > z_load_relaxed(&slot->probe_max)) // relaxed: a figure
            z_store_relaxed(&slot->probe_max, (uint32_t)distance);
    } else if (distance > z_load_relaxed(&slot->probe_max)) {
        z_store_relaxed(&slot->probe_max, (uint32_t)distance); // relaxed: a figure
    }
    z_count_add(&slot->hits_by_distance[class], 1);
}

// One step of whatever is to be done, for who has come by.
static ZVM_COLD void help_slow(struct zintern *table)
{
    struct zintern_slot *slot = zintern_enter(table);
    if (slot == NULL) return;
    struct zintern_cells *root = z_load_acquire(&table->root);                  // PAIR root
    if (z_load_acquire(&root->next) > ZINTERN_GATE) zintern_migrate_help(root); // PAIR next
    zintern_leave(table, slot);
    zintern_reclaim(table);
}

static inline void help(struct zintern *table)
{
    if (ZVM_UNLIKELY(zintern_has_work(table))) help_slow(table);
}

static const struct zstring *find_inside(struct zintern *table, struct zintern_slot *slot,
                                         struct search *search)
{
    struct zintern_cells *cells = z_load_acquire(&table->root); // PAIR root
    for (;;) {
        begin_path(cells, search);
        enum outcome outcome = look(cells, slot, search);
        if (outcome == FOUND) {
            count_hit(slot, search->distance);
            return &search->entry->symbol;
        }
        // Behind full cells there may be next ones, behind a hole there are.
        struct zintern_cells *next = z_load_acquire(&cells->next); // PAIR next
        if (outcome == EMPTY || next <= ZINTERN_GATE) {
            z_count_add(&slot->misses, 1);
            return NULL;
        }
        cells = next;
    }
}

const struct zstring *zintern_find(struct zintern *table, const char *text, size_t length_bytes)
{
    if (length_bytes > ZINTERN_MAX_BYTES) return NULL;
    struct search search;
    begin_search(table, &search, text, length_bytes);
    struct zintern_slot *slot = zintern_enter_surely(table);
    const struct zstring *symbol = find_inside(table, slot, &search);
    zintern_leave(table, slot);
    help(table);
    return symbol;
}

// ---- Inserting ----------------------------------------------------------------------------------

uint64_t zintern_symbol_bytes(size_t length_bytes)
{
    return sizeof(struct zintern_entry) + length_bytes + 1;
}

// Not published yet: nobody else knows it.
static void fill_entry(struct zintern_entry *entry, const struct search *search)
{
    size_t length_bytes = search->length_bytes;
    // An address of more bits would need cells of more bits.
    ZVM_CHECK((uintptr_t)entry >> ZINTERN_TAG_SHIFT == 0);
    bool is_ascii = zutf8_is_ascii(search->text, length_bytes);
    entry->reserved = 0;
    entry->symbol.header = (struct zobject){
        .kind = ZTYPE_STRING,
        .flags = (uint8_t)(ZFLAG_SHARED | (is_ascii ? ZFLAG_ASCII : 0)),
        .aux = (uint32_t)length_bytes,
    };
    entry->symbol.hash = search->hash;
    if (length_bytes > 0) memcpy(entry->symbol.bytes, search->text, length_bytes);
    entry->symbol.bytes[length_bytes] = '\0';
    atomic_init(&entry->count, 1);
}

// Sees to it that there is a place in the cells. ZVM_E_BUSY: look again, they have moved on.
static zvm_status get_place(struct zintern_cells *cells, struct zintern_slot *slot)
{
    enum zintern_room room = zintern_reserve(cells, slot);
    if (room == ZINTERN_NO_ROOM) {
        zvm_status status = zintern_migrate_begin(cells, true);
        return status == ZVM_OK ? ZVM_E_BUSY : status;
    }
    // Half full is when to grow; when that is refused there are places for a while yet.
    if (room == ZINTERN_ROOM_GROW) (void)zintern_migrate_begin(cells, false);
    return ZVM_OK;
}

static bool publish(_Atomic uint64_t *cell, uint64_t *found, uint64_t word)
{
    if (ZINTERN_HAS_BUG(PUBLISH_RELAXED)) return z_cas_relaxed(cell, found, word);
    return z_cas_release(cell, found, word); // PAIR cell, to look
}

// Cells that move take nothing new: the hole sends everybody on to the next ones.
static zvm_status leave_hole(struct zintern_cells *cells, const struct search *search)
{
    uint64_t empty = 0;
    // Release, so that who finds the hole finds next as well.
    (void)z_cas_release(&cells->cell[search->index], &empty, ZINTERN_FROZEN); // PAIR cell
    return ZVM_E_BUSY;
}

static bool is_moving(struct zintern_cells *cells)
{
    // PAIR next
    return z_load_acquire(&cells->next) > ZINTERN_GATE && !ZINTERN_HAS_BUG(HOLES_NOT_FROZEN);
}

// Memory for an entry, within the limits. *word: its address with STORED, as it goes into a cell.
// *bytes: what it counts for beside the blocks of the store.
static zvm_status make_entry(struct zintern_cells *cells, const struct search *search,
                             uint64_t *bytes, uint64_t *word)
{
    struct zintern *table = cells->table;
    size_t size = zintern_symbol_bytes(search->length_bytes);
    struct zintern_entry *entry = zintern_store_take(table, cells, size);
    bool is_stored = entry != NULL;
    *bytes = is_stored ? 0 : size;
    if (!zintern_has_room(table, cells, *bytes)) {
        if (is_stored) zintern_store_give_surely(table, entry);
        return ZVM_E_INTERN_LIMIT;
    }
    if (!is_stored) entry = z_alloc(size);
    if (entry == NULL) return ZVM_E_NOMEM;
    fill_entry(entry, search);
    *word = (uint64_t)(uintptr_t)entry | (is_stored ? ZINTERN_STORED : 0);
    return ZVM_OK;
}

static void unmake_entry(struct zintern *table, const struct search *search, uint64_t word)
{
    struct zintern_entry *entry = zintern_cell_entry(word);
    if (word & ZINTERN_STORED)
        zintern_store_give_surely(table, entry);
    else
        z_free(entry, zintern_symbol_bytes(search->length_bytes));
}

// The cell at search->index was empty. ZVM_E_BUSY: look again from there. On success search->entry
// is in it, with one reference.
static zvm_status insert(struct zintern_cells *cells, struct zintern_slot *slot,
                         struct search *search)
{
    if (is_moving(cells)) return leave_hole(cells, search);
    zvm_status status = get_place(cells, slot);
    if (status != ZVM_OK) return status;

    uint64_t bytes = 0, word = 0, found = 0;
    status =
        is_moving(cells) ? leave_hole(cells, search) : make_entry(cells, search, &bytes, &word);
    if (status == ZVM_OK && !publish(&cells->cell[search->index], &found, word | search->tag)) {
        unmake_entry(cells->table, search, word);
        status = ZVM_E_BUSY;
    }
    if (status != ZVM_OK) {
        zintern_unreserve(slot);
        return status;
    }
    zintern_note_inserted(cells->table, slot, bytes);
    search->entry = zintern_cell_entry(word);
    return ZVM_OK;
}

static zvm_status acquire_inside(struct zintern *table, struct zintern_slot *slot,
                                 struct search *search)
{
    struct zintern_cells *cells = z_load_acquire(&table->root); // PAIR root
    begin_path(cells, search);
    for (;;) {
        zvm_status status = ZVM_OK;
        switch (look(cells, slot, search)) {
        case FOUND:
            count_hit(slot, search->distance);
            return ZVM_OK;
        case EMPTY:
            status = insert(cells, slot, search);
            if (status == ZVM_OK) z_count_add(&slot->misses, 1);
            if (status != ZVM_E_BUSY) return status;
            break;
        case FULL:
            status = zintern_migrate_begin(cells, true);
            if (status != ZVM_OK) return status;
            // fall through
        case MOVED:
            cells = z_load_acquire(&cells->next); // PAIR next
            begin_path(cells, search);
            break;
        }
    }
}

static zvm_status try_acquire(struct zintern *table, struct search *search)
{
    struct zintern_slot *slot = zintern_enter(table);
    if (ZVM_UNLIKELY(slot == NULL)) return ZVM_E_NOMEM;
    zvm_status status = acquire_inside(table, slot, search);
    zintern_leave(table, slot);
    return status;
}

// One collection, at the expense of who asked, and freeing as far as nobody is in the way.
static ZVM_COLD zvm_status acquire_again_slow(struct zintern *table, struct search *search)
{
    struct zintern_slot *slot = zintern_enter(table);
    if (slot == NULL) return ZVM_E_NOMEM;
    if (zintern_dead_now(table) > 0) (void)zintern_collect(table);
    zintern_leave(table, slot);
    zintern_reclaim_all(table);
    return try_acquire(table, search);
}

static ZVM_COLD zvm_status refuse_slow(struct zintern *table, zvm_status status)
{
    struct zintern_slot *slot = zintern_slot_take(table);
    if (slot == NULL) return status;
    z_count_add(&slot->misses, 1);
    zintern_slot_give(slot);
    return status;
}

zvm_status zintern_acquire(struct zintern *table, const char *text, size_t length_bytes,
                           const struct zstring **out)
{
    if (length_bytes > ZINTERN_MAX_BYTES) return ZVM_E_LIMIT;
    struct search search;
    begin_search(table, &search, text, length_bytes);
    zvm_status status = try_acquire(table, &search);
    if (ZVM_UNLIKELY(status == ZVM_E_INTERN_LIMIT)) status = acquire_again_slow(table, &search);
    help(table);
    if (ZVM_UNLIKELY(status != ZVM_OK)) return refuse_slow(table, status);
    *out = &search.entry->symbol;
    return ZVM_OK;
}

// Cells of the store of which so many are empty for each that is held are worth a collection.
#define TIDY_SPARSE 16
#define TIDY_CELL   64

static bool is_tidying_due(struct zintern *table)
{
    uint64_t bytes = z_load_relaxed(&table->store.bytes); // relaxed here: figures
    if (ZVM_LIKELY(bytes == 0)) return false;
    uint64_t dead = zintern_dead_now(table), count = zintern_count_now(table);
    uint64_t held = count > dead ? count - dead : 0;
    if (dead == 0 || held > bytes / (TIDY_SPARSE * TIDY_CELL)) return false;
    // A symbol that is held may be what keeps the memory: then only many more dead are worth a look.
    uint64_t died = z_load_relaxed(&table->reclaimed) + dead;
    if (died - z_load_relaxed(&table->tidied_dead) <= table->dead_min) return false;
    z_store_relaxed(&table->tidied_dead, died);
    return true;
}

void zintern_tidy(struct zintern *table)
{
    if (!is_tidying_due(table)) return;
    struct zintern_slot *slot = zintern_enter(table);
    if (slot == NULL) return;
    (void)zintern_collect(table);
    zintern_leave(table, slot);
    zintern_reclaim_all(table);
}

// ---- Holding and letting go ---------------------------------------------------------------------

void zintern_retain(struct zintern *table, const struct zstring *symbol)
{
    (void)table;
    struct zintern_entry *entry = zintern_entry_of(symbol);
    // relaxed: the caller's own reference keeps the entry, and orders nothing new.
    uint32_t before = z_fetch_add_relaxed(&entry->count, 1);
    ZVM_CHECK(before != 0);
    ZVM_CHECK(before < ZINTERN_COUNT_MAX);
}

static ZVM_COLD void collect_slow(struct zintern *table)
{
    struct zintern_slot *slot = zintern_enter(table);
    if (slot == NULL) return;
    // Refused: the dead stay findable, and the next release that counts tries again.
    (void)zintern_migrate_begin(z_load_acquire(&table->root), false); // PAIR root
    zintern_leave(table, slot);
}

static uint32_t let_go(struct zintern_entry *entry)
{
    if (ZINTERN_HAS_BUG(RELEASE_RELAXED)) return z_fetch_sub_relaxed(&entry->count, 1);
    // PAIR symbol, to the migration: all that this holder read is done before it is freed.
    return z_fetch_sub_release(&entry->count, 1);
}

void zintern_release(struct zintern *table, const struct zstring *symbol)
{
    uint32_t before = let_go(zintern_entry_of(symbol));
    ZVM_CHECK(before - 1 < ZINTERN_COUNT_MAX); // it was neither 0 nor dead
    if (before != 1) return;
    // From here on the entry may be gone.
    struct zintern_slot *slot = zintern_slot_take(table);
    if (ZVM_UNLIKELY(slot == NULL)) return; // one dead entry that no hint knows of
    bool is_due = zintern_note_dead(table, slot, 1);
    zintern_slot_give(slot);
    if (ZVM_UNLIKELY(is_due)) collect_slow(table);
    help(table);
}
