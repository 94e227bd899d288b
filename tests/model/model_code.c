// tests/model/model_code.c - the count of a code object: the last holder frees it, nobody later.
// With: src/vm/code.c src/vm/shape.c src/base/varint.c
//
// Three holders of one real code object. Each reads it, takes and gives back another reference,
// hands one over, and releases. The object and its parts are freed once, after everybody's last
// look; its symbol is released once. Bugs: weak_count: releasing orders nothing, so the free races
// with another's read; early: a holder reads after its release; twice: a holder releases twice.
#include "model.h"

#include "base/alloc.h"
#include "vm/code.h"
#include "vm/keys.h"
#include "vm/needs.h"

enum bug { WEAK_COUNT = 1, EARLY, TWICE };

#define HOLDERS 3

static struct zcode *code;
static _Atomic(struct zcode *) handed_over; // a reference on its way from holder 0 to holder 1
static uint32_t symbols_released;           // plain: by whoever frees
static uint32_t uses[HOLDERS];

// The symbol table, as far as a code object needs it.
void zintern_release(struct zintern *table, const struct zstring *symbol)
{
    (void)table;
    (void)symbol;
    zx_plain_write(&symbols_released, symbols_released + 1);
}

// Nobody has asked what its functions need.
void zneeds_free_all(struct zcode *unused)
{
    (void)unused;
}

void zkeys_free(struct zcode *unused)
{
    (void)unused;
}

static void setup(void)
{
    symbols_released = 0;
    code = zcode_create(NULL, "model");
    zx_assert(code != NULL);
    code->globals = z_alloc_zeroed(sizeof *code->globals);
    zx_assert(code->globals != NULL);
    code->globals[0] = (const struct zstring *)&uses; // any address will do
    code->global_count = 1;
    for (uint32_t i = 1; i < HOLDERS; i++)
        zcode_retain(code);
    atomic_init(&handed_over, NULL);
    zx_name(&code->count, "count");
    zx_name(&handed_over, "handed_over");
    zx_name(&code->global_count, "global_count");
    if (zmodel_bug == WEAK_COUNT) zx_weaken(&code->count, sizeof code->count, ZX_STORES);
}

static void use(uint32_t holder)
{
    uses[holder] += zx_plain_read(&code->global_count);
}

static void body(uint32_t holder)
{
    use(holder);
    zcode_retain(code);
    use(holder);
    if (holder == 0) {
        z_store_release(&handed_over, code); // PAIR hand
    } else {
        zcode_release(code);
        if (zmodel_bug == TWICE && holder == 2) zcode_release(code);
    }
    if (holder == 1) {
        struct zcode *given = z_load_acquire(&handed_over); // PAIR hand
        if (given != NULL) {
            use(holder);
            zcode_release(given);
            z_store_relaxed(&handed_over, NULL); // relaxed: for check only
        }
    }
    if (zmodel_bug != EARLY) use(holder);
    zcode_release(code);
    if (zmodel_bug == EARLY) use(holder);
}

static void check(void)
{
    struct zcode *left = z_load_relaxed(&handed_over); // relaxed: alone
    zx_assert(left == NULL || symbols_released == 0);
    zcode_release(left);
    zx_assert(symbols_released == 1);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "weak_count", .random_max = 1000, .pct_max = 1000},
    {.name = "early", .random_max = 1000, .pct_max = 1000},
    {.name = "twice", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "code",
    .thread_count = HOLDERS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .dfs_max = 3000000,
};
