// tests/model/model_symbol_stacked.c - the real symbol table: one migration on top of another.
// With: src/intern/intern.c src/intern/table.c src/intern/store.c src/intern/migrate.c src/intern/figures.c src/base/utf8.c
// Define: ZINTERN_PLANT=1
//
// Two threads migrate everything, each from where it finds the root, while a third drops a key, takes
// it again and inserts another. A helper left behind in the first migration meets the second.
#include "symbol_model.h"

static const enum zintern_bug planted[] = {ZINTERN_BUG_DECISION_AGAIN, ZINTERN_BUG_STACKED,
                                           ZINTERN_BUG_HOLES_NOT_FROZEN};
static const struct zstring *first, *kept;

static void setup(void)
{
    model_begin(planted, 4, 2, 100);
    first = model_acquire('A');
    kept = model_acquire('E');
}

static void body(uint32_t thread)
{
    model_self = thread + 1;
    if (thread == 0) {
        model_release(first, 'A');
        const struct zstring *symbol = model_acquire('A');
        const struct zstring *other = model_acquire('B');
        const struct zstring *again = model_find('E');
        zx_assert(again == kept);
        model_release(again, 'E');
        model_release(symbol, 'A');
        model_release(other, 'B');
    } else {
        const struct zstring *symbol = model_acquire('B');
        model_collect();
        const struct zstring *again = model_find('B');
        zx_assert(again == symbol);
        model_release(again, 'B');
        model_release(symbol, 'B');
        model_collect();
    }
}

static void check(void)
{
    const struct zstring *again = model_find('E');
    zx_assert(again == kept);
    model_release(again, 'E');
    model_release(kept, 'E');
    model_end();
}

static const struct zmodel_bug bugs[] = {
    {.name = "decision_again", .random_max = 20000, .pct_max = 20000},
    {.name = "stacked", .pct_max = 100000},
    {.name = "holes_not_frozen", .random_max = 20000, .pct_max = 20000},
};

MODEL_PROGRAM("symbol_stacked", 3);
