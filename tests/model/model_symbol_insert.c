// tests/model/model_symbol_insert.c - the real symbol table: insert against insert, look-up, growth.
// With: src/intern/intern.c src/intern/table.c src/intern/store.c src/intern/migrate.c src/intern/figures.c src/base/utf8.c
// Define: ZINTERN_PLANT=1
//
// Three threads make, find and make again three keys in four cells, of which two collide. The third
// insertion makes the cells grow under everybody. One symbol a key; what is held is found.
#include "symbol_model.h"

static const enum zintern_bug planted[] = {ZINTERN_BUG_PUBLISH_RELAXED, ZINTERN_BUG_SWITCH_EARLY};

static void setup(void)
{
    model_begin(planted, 4, 2, 100);
}

static void body(uint32_t thread)
{
    static const char order[3][2] = {{'A', 'E'}, {'A', 'B'}, {'E', 'B'}};
    model_self = thread + 1;
    const struct zstring *first = model_acquire(order[thread][0]);
    const struct zstring *second = model_acquire(order[thread][1]);
    const struct zstring *again = model_find(order[thread][0]);
    zx_assert(again == first);
    model_release(again, order[thread][0]);
    model_release(first, order[thread][0]);
    model_release(second, order[thread][1]);
}

static void check(void)
{
    model_end();
}

static const struct zmodel_bug bugs[] = {
    {.name = "publish_relaxed", .random_max = 2000, .pct_max = 2000},
    {.name = "switch_early", .random_max = 20000, .pct_max = 20000},
};

MODEL_PROGRAM("symbol_insert", 3);
