// tests/model/model_symbol_again.c - the real symbol table: release and reinsert against reclaiming.
// With: src/intern/intern.c src/intern/table.c src/intern/store.c src/intern/migrate.c src/intern/figures.c src/base/utf8.c
// Define: ZINTERN_PLANT=1
//
// A key is held once. One thread drops it, one takes and drops it, one migrates everything and frees
// what it may. Nobody ever holds freed memory, nobody holds another's symbol of the same key.
#include "symbol_model.h"

static const enum zintern_bug planted[] = {ZINTERN_BUG_NO_DEAD_HANDSHAKE,
                                           ZINTERN_BUG_RELEASE_RELAXED, ZINTERN_BUG_NO_GRACE,
                                           ZINTERN_BUG_RESURRECT_DEAD};
static const struct zstring *first;

static void setup(void)
{
    model_begin(planted, 4, 4, 100);
    first = model_acquire('A');
}

static void body(uint32_t thread)
{
    model_self = thread + 1;
    if (thread == 0) {
        model_release(first, 'A');
        const struct zstring *found = model_find('A');
        if (found != NULL) model_release(found, 'A');
    } else if (thread == 1) {
        const struct zstring *symbol = model_acquire('A');
        const struct zstring *other = model_acquire('E');
        model_release(symbol, 'A');
        model_release(other, 'E');
    } else {
        model_collect();
        zintern_reclaim(model_table);
    }
}

static void check(void)
{
    model_end();
}

static const struct zmodel_bug bugs[] = {
    {.name = "no_dead_handshake", .random_max = 20000, .pct_max = 20000},
    {.name = "release_relaxed", .random_max = 20000, .pct_max = 20000},
    {.name = "no_grace", .random_max = 20000, .pct_max = 20000},
    {.name = "resurrect_dead", .random_max = 20000, .pct_max = 20000},
};

MODEL_PROGRAM("symbol_again", 3);
