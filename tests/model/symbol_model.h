// tests/model/symbol_model.h - what the models of the symbol table share.
//
// They run the project's own table.c, migrate.c, intern.c and figures.c. Only section.c is replaced:
// ConcurrencyKit's words are not the explorer's. The sections here promise exactly what ck_epoch does:
// retired cells are freed when every thread that was inside when they were looked at first has left.
// A key is one letter, and its hash is chosen here, so that keys collide where a model wants it.
#ifndef ZVM_TESTS_MODEL_SYMBOL_MODEL_H
#define ZVM_TESTS_MODEL_SYMBOL_MODEL_H

#include "model.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "intern/intern_internal.h"

#include <string.h>

#define MODEL_SLOTS 5 // of setup and check, then the threads'

enum zintern_bug zintern_planted;

// ---- Hashes -------------------------------------------------------------------------------------

const struct zsiphash_key *zsiphash_process_key(void)
{
    static const struct zsiphash_key key = {0};
    return &key;
}

uint64_t zsiphash13(const struct zsiphash_key *key, const void *bytes, size_t length_bytes)
{
    (void)key;
    (void)length_bytes;
    return *(const unsigned char *)bytes; // 'A' is 65: in four cells A and E collide
}

// ---- Sections -----------------------------------------------------------------------------------

static _Thread_local uint32_t model_self; // 0: setup and check
static struct zintern_slot model_slots[MODEL_SLOTS];
// Odd while the thread is inside. Read by read-modify-write, so that either the reader sees it odd or
// the one who enters later sees what the reader did before.
static _Atomic uint64_t model_sections[MODEL_SLOTS];
static _Atomic(struct zintern_cells *) model_retired;
static _Atomic uint32_t model_is_reclaiming;
static struct zintern_cells *model_waiting; // under is_reclaiming
static uint64_t model_seen[MODEL_SLOTS];

zvm_status zintern_sections_create(struct zintern *table)
{
    memset(model_slots, 0, sizeof model_slots);
    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        struct zintern_slot *slot = &model_slots[i];
        atomic_init(&slot->probe_max, 0);
        for (uint32_t n = 0; n < ZINTERN_PROBE_CLASSES; n++)
            atomic_init(&slot->hits_by_distance[n], 0);
        atomic_init(&slot->misses, 0);
        atomic_init(&slot->inserted, 0);
        atomic_init(&slot->inserted_bytes, 0);
        atomic_init(&slot->dead, 0);
        atomic_init(&model_sections[i], 0);
    }
    atomic_init(&model_retired, NULL);
    atomic_init(&model_is_reclaiming, 0);
    model_waiting = NULL;
    atomic_init(&table->migrations_begun, 0);
    atomic_init(&table->migrations_done, 0);
    atomic_init(&table->cells_retired, 0);
    atomic_init(&table->cells_freed, 0);
    atomic_init(&table->inserted, 0);
    atomic_init(&table->inserted_bytes, 0);
    atomic_init(&table->dead, 0);
    atomic_init(&table->reclaimed, 0);
    atomic_init(&table->freed, 0);
    atomic_init(&table->freed_bytes, 0);
    atomic_init(&table->cells_bytes, 0);
    atomic_init(&table->serial, 0);
    table->sections = (struct zintern_sections *)(void *)model_slots; // not NULL: made
    return ZVM_OK;
}

uint64_t zintern_sections_bytes(const struct zintern *table)
{
    (void)table;
    return 0;
}

struct zintern_slot *zintern_slot_take(struct zintern *table)
{
    (void)table;
    return &model_slots[model_self];
}

void zintern_slot_give(struct zintern_slot *slot)
{
    (void)slot;
}

struct zintern_slot *zintern_enter(struct zintern *table)
{
    z_fetch_add_acq_rel(&model_sections[model_self], 1);
    return zintern_slot_take(table);
}

struct zintern_slot *zintern_enter_surely(struct zintern *table)
{
    return zintern_enter(table);
}

void zintern_leave(struct zintern *table, struct zintern_slot *slot)
{
    (void)table;
    (void)slot;
    z_fetch_add_acq_rel(&model_sections[model_self], 1);
}

// Few sums, and few schedules wasted on them.
struct zintern_slot *zintern_slot_next(const struct zintern *table, struct zintern_slot *slot,
                                       uint32_t *position)
{
    (void)table;
    *position = slot == NULL ? 0 : *position + 1;
    return *position < MODEL_SLOTS ? &model_slots[*position] : NULL;
}

uint32_t zintern_slot_count(const struct zintern *table)
{
    (void)table;
    return MODEL_SLOTS;
}

static void model_free(struct zintern *table, struct zintern_cells *cells)
{
    while (cells != NULL) {
        struct zintern_cells *next_cells = cells->retired_next;
        zx_assert(zintern_free_dropped(cells, 0, cells->mask + 1));
        zintern_cells_destroy(cells);
        z_fetch_add_relaxed(&table->cells_freed, 1);
        cells = next_cells;
    }
}

void zintern_retire(struct zintern *table, struct zintern_cells *cells)
{
    struct zintern_cells *newest = z_load_relaxed(&model_retired);
    do {
        cells->retired_next = newest;
    } while (!z_cas_weak_release(&model_retired, &newest, cells));
    z_fetch_add_relaxed(&table->cells_retired, 1);
}

static bool model_all_have_left(void)
{
    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        if (model_seen[i] % 2 == 0) continue;
        if (z_fetch_add_acq_rel(&model_sections[i], 0) == model_seen[i]) return false;
    }
    return true;
}

void zintern_reclaim(struct zintern *table)
{
    uint32_t expected = 0;
    if (!z_cas_acquire(&model_is_reclaiming, &expected, 1)) return;
    if (model_waiting == NULL) {
        model_waiting = z_exchange_acquire(&model_retired, NULL);
        for (uint32_t i = 0; i < MODEL_SLOTS && model_waiting != NULL; i++)
            model_seen[i] = z_fetch_add_acq_rel(&model_sections[i], 0);
    }
    if (model_waiting != NULL && (ZINTERN_HAS_BUG(NO_GRACE) || model_all_have_left())) {
        model_free(table, model_waiting);
        model_waiting = NULL;
    }
    z_store_release(&model_is_reclaiming, 0);
}

void zintern_reclaim_all(struct zintern *table)
{
    zintern_reclaim(table);
    zintern_reclaim(table);
}

void zintern_sections_destroy(struct zintern *table)
{
    model_free(table, model_waiting);
    model_free(table, z_exchange_acquire(&model_retired, NULL));
}

// ---- What a model does --------------------------------------------------------------------------

#define MODEL_KEYS 8 // 'A' to 'H'

static struct zintern *model_table;
// The key's holders now and their address, as in stress_intern_migrate.
static _Atomic uint64_t model_holders[MODEL_KEYS];

#define MODEL_COUNT_SHIFT 48

static void model_begin(const enum zintern_bug *bugs, uint32_t cells_min, uint32_t chunk_cells,
                        uint64_t dead_min)
{
    zintern_planted = zmodel_bug == 0 ? ZINTERN_BUG_NONE : bugs[zmodel_bug - 1];
    model_self = 0;
    for (uint32_t i = 0; i < MODEL_KEYS; i++)
        atomic_init(&model_holders[i], 0);
    struct zintern_tuning tuning = {.hash_mask = UINT64_MAX,
                                    .dead_min = dead_min,
                                    .cells_min = cells_min,
                                    .chunk_cells = chunk_cells};
    zx_assert(zintern_create_tuned(NULL, &tuning, &model_table) == ZVM_OK);
}

static void model_hold(const struct zstring *symbol, char key)
{
    _Atomic uint64_t *word = &model_holders[key - 'A'];
    uint64_t address = (uint64_t)(uintptr_t)symbol, after;
    uint64_t before = z_load_relaxed(word);
    zx_assert(symbol->header.aux == 1);
    zx_assert(symbol->bytes[0] == key);
    (void)zx_plain_read(&symbol->bytes[0]);
    do {
        after = ((before >> MODEL_COUNT_SHIFT) + 1) << MODEL_COUNT_SHIFT | address;
    } while (!z_cas_relaxed(word, &before, after));
    // Only what the exchange found is the newest; a load may be old.
    uint64_t count = before >> MODEL_COUNT_SHIFT;
    zx_assert(count == 0 || before == (count << MODEL_COUNT_SHIFT | address));
}

static const struct zstring *model_acquire(char key)
{
    const struct zstring *symbol = NULL;
    zx_assert(zintern_acquire(model_table, &key, 1, &symbol) == ZVM_OK);
    model_hold(symbol, key);
    return symbol;
}

static inline const struct zstring *model_find(char key)
{
    const struct zstring *symbol = zintern_find(model_table, &key, 1);
    if (symbol != NULL) model_hold(symbol, key);
    return symbol;
}

static void model_release(const struct zstring *symbol, char key)
{
    (void)zx_plain_read(&symbol->bytes[0]); // its last look
    z_fetch_sub_relaxed(&model_holders[key - 'A'], UINT64_C(1) << MODEL_COUNT_SHIFT);
    zintern_release(model_table, symbol);
}

static inline void model_collect(void)
{
    struct zintern_slot *slot = zintern_enter(model_table);
    zx_assert(zintern_collect(model_table) == ZVM_OK);
    zintern_leave(model_table, slot);
    zintern_reclaim(model_table);
}

// Everything has been released: nothing may be left, and nothing freed twice.
static void model_end(void)
{
    model_self = 0;
    zintern_destroy(model_table);
    zx_assert(zx_live_count() == 0);
}

#define MODEL_PROGRAM(NAME, THREADS)             \
    const struct zmodel zmodel_program = {       \
        .name = NAME,                            \
        .thread_count = THREADS,                 \
        .setup = setup,                          \
        .body = body,                            \
        .check = check,                          \
        .bugs = bugs,                            \
        .bug_count = sizeof bugs / sizeof *bugs, \
        .schedules = 20000,                      \
    }

#endif // ZVM_TESTS_MODEL_SYMBOL_MODEL_H
