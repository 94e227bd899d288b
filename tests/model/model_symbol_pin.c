// tests/model/model_symbol_pin.c - the real symbol table: code is unloaded while an isolate has its symbol.
// With: src/intern/intern.c src/intern/table.c src/intern/store.c src/intern/migrate.c src/intern/figures.c src/base/utf8.c
// Define: ZINTERN_PLANT=1
//
// Code pins a constant. An isolate that runs it takes the constant into its held set, by a reference of
// its own, and goes on after the code was unloaded; another isolate makes the same string itself; the
// table is collected meanwhile. The symbol stays until the last of them is done. Bug: unpinned: the
// isolate takes no reference of its own.
#include "symbol_model.h"

static const enum zintern_bug planted[] = {ZINTERN_BUG_NONE, ZINTERN_BUG_RELEASE_RELAXED};
static const struct zstring *constant;
static _Atomic uint32_t is_taken; // the isolate has what it needs of the code

static void setup(void)
{
    model_begin(planted, 4, 4, 100);
    constant = model_acquire('A');
    atomic_init(&is_taken, 0);
}

static void body(uint32_t thread)
{
    model_self = thread + 1;
    if (thread == 0) {                         // unloads
        while (z_load_acquire(&is_taken) == 0) // PAIR taken
            zx_yield();
        model_release(constant, 'A');
        model_collect();
    } else if (thread == 1) { // the isolate that runs it
        if (zmodel_bug != 1) zintern_retain(model_table, constant);
        if (zmodel_bug != 1) model_hold(constant, 'A');
        z_store_release(&is_taken, 1); // PAIR taken
        (void)zx_plain_read(&constant->bytes[0]);
        if (zmodel_bug != 1) model_release(constant, 'A');
    } else {
        const struct zstring *symbol = model_acquire('A');
        model_release(symbol, 'A');
        model_collect();
    }
}

static void check(void)
{
    model_end();
}

static const struct zmodel_bug bugs[] = {
    {.name = "unpinned", .random_max = 20000, .pct_max = 20000},
    {.name = "release_relaxed", .random_max = 20000, .pct_max = 20000},
};

MODEL_PROGRAM("symbol_pin", 3);
