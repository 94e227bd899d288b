// tests/model/model_intern.c - a tiny intern table: three threads insert two keys that collide.
//
// An open-addressing table of four cells, each an atomic pointer to a frozen symbol. Inserting is a
// compare-and-swap of an empty cell; who loses compares with the winner and goes on. Wanted: one
// symbol a key, everybody gets that one and sees what is in it, no insert is lost. Bugs: lost: a
// store where the compare-and-swap is, so a later insert overwrites an earlier one. twice: who
// loses a cell goes on without looking at what won it: two winners for one key. relaxed: the symbol
// is published without release, its reader sees fields that are not written yet.
#include "model.h"

#define CELLS    4
#define CALLS    2
#define THREADS  3
#define SYMBOLS  (THREADS * CALLS)
#define NO_VALUE 0

enum bug { LOST = 1, TWICE, RELAXED };

struct symbol {
    uint32_t key;   // frozen once published
    uint32_t bytes; // frozen once published
};

static _Atomic(struct symbol *) cells[CELLS];
static struct symbol symbols[SYMBOLS];
static uint32_t used[THREADS];                       // owner-thread: symbols of a thread
static const struct symbol *results[THREADS][CALLS]; // owner-thread

static void setup(void)
{
    static const char *const cell_names[CELLS] = {"cell 0", "cell 1", "cell 2", "cell 3"};
    for (uint32_t i = 0; i < CELLS; i++) {
        atomic_init(&cells[i], NULL);
        zx_name(&cells[i], cell_names[i]);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        used[i] = 0;
    for (uint32_t i = 0; i < SYMBOLS; i++)
        symbols[i] = (struct symbol){NO_VALUE, NO_VALUE};
    zx_name(&symbols[0].key, "key of 0");
    zx_name(&symbols[CALLS].key, "key of 1");
    zx_name(&symbols[2 * CALLS].key, "key of 2");
}

static struct symbol *make(uint32_t thread, uint32_t key)
{
    struct symbol *symbol = &symbols[thread * CALLS + used[thread]++];
    zx_plain_write(&symbol->key, key);
    zx_plain_write(&symbol->bytes, key * 100);
    return symbol;
}

// Puts the symbol into an empty cell; else *found is what is there.
static bool claim(_Atomic(struct symbol *) *cell, struct symbol *symbol, struct symbol **found)
{
    *found = NULL;
    if (zmodel_bug == LOST) {
        z_store_release(cell, symbol);
        return true;
    }
    if (zmodel_bug == RELAXED) return z_cas_acquire(cell, found, symbol);
    return z_cas_acq_rel(cell, found, symbol); // PAIR symbol, to intern
}

static const struct symbol *intern(uint32_t thread, uint32_t key)
{
    struct symbol *mine = NULL;
    for (uint32_t at = 0; at < CELLS; at++) {
        struct symbol *found = z_load_acquire(&cells[at]); // PAIR symbol, from claim
        if (found == NULL) {
            if (mine == NULL) mine = make(thread, key);
            if (claim(&cells[at], mine, &found)) return mine;
            if (zmodel_bug == TWICE) continue;
        }
        if (zx_plain_read(&found->key) == key) return found;
    }
    zx_failed(__FILE__, __LINE__, "the table is full");
}

static void body(uint32_t thread)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        uint32_t key = 1 + (thread + i) % 2;
        const struct symbol *symbol = intern(thread, key);
        zx_assert(zx_plain_read(&symbol->key) == key);
        zx_assert(zx_plain_read(&symbol->bytes) == key * 100);
        results[thread][i] = symbol;
    }
}

static void check(void)
{
    const struct symbol *of_key[3] = {NULL};
    for (uint32_t at = 0; at < CELLS; at++) {
        const struct symbol *symbol = z_load_relaxed(&cells[at]); // relaxed: alone
        if (symbol == NULL) continue;
        zx_assert(of_key[symbol->key] == NULL); // one symbol a key
        of_key[symbol->key] = symbol;
    }
    for (uint32_t thread = 0; thread < THREADS; thread++)
        for (uint32_t i = 0; i < CALLS; i++)
            zx_assert(results[thread][i] == of_key[results[thread][i]->key]); // none is lost
}

static const struct zmodel_bug bugs[] = {
    {.name = "lost", .random_max = 1000, .pct_max = 1000, .dfs_max = 1000},
    {.name = "twice", .random_max = 1000, .pct_max = 1000, .dfs_max = 1000},
    {.name = "relaxed", .random_max = 1000, .pct_max = 1000, .dfs_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "intern",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .dfs_max = 3000000,
};
