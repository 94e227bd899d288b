// Goal: the held set has each symbol once, finds it by its bytes, and gives up exactly those that a
// collection does not reach.
// Method: symbols made here, with good hashes and with bad ones that collide; a model of booleans.
#include "unit/heap_fixture.h"

#include <stdio.h>

#define SYMBOLS 300

struct symbol {
    struct zobject header;
    uint64_t hash;
    char bytes[16];
};

struct symbols {
    struct fixture fixture;
    struct symbol of[SYMBOLS];
    bool is_rooted[SYMBOLS];
    uint32_t release_counts[SYMBOLS];
    uint32_t spares_max;
};

static void mark_roots(void *context, struct zmarker *marker)
{
    struct symbols *symbols = context;
    zmark_values(marker, symbols->fixture.roots, ROOTS);
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        if (symbols->is_rooted[i]) zmark_value(marker, zvalue_object(&symbols->of[i], ZTAG_SYMBOL));
    }
}

static void release(void *context, const struct zstring *symbol)
{
    struct symbols *symbols = context;
    size_t i = (size_t)((const struct symbol *)(const void *)symbol - symbols->of);
    assert_true(i < SYMBOLS);
    symbols->release_counts[i]++;
}

static uint32_t spare_symbols(void *context)
{
    const struct symbols *symbols = context;
    return symbols->spares_max;
}

static const struct zheap_hooks hooks = {
    .mark_roots = mark_roots, .release_symbol = release, .spare_symbols = spare_symbols};

static const struct zstring *symbol_at(const struct symbols *symbols, uint32_t i)
{
    return (const struct zstring *)(const void *)&symbols->of[i];
}

static void open(struct symbols *symbols, uint64_t hash_mask, uint64_t limit_bytes)
{
    memset(symbols, 0, sizeof *symbols);
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        struct symbol *symbol = &symbols->of[i];
        int length = snprintf(symbol->bytes, sizeof symbol->bytes, "name%u", i);
        symbol->header =
            (struct zobject){.kind = ZTYPE_STRING, .flags = ZFLAG_SHARED, .aux = (uint32_t)length};
        symbol->hash = (i * 0x9e3779b97f4a7c15u ^ i >> 3) & hash_mask;
    }
    struct fixture *f = &symbols->fixture;
    fixture_open_limit(f, limit_bytes);
    fixture_close_heap(f);
    f->page = zheap_page_acquire(f->env);
    struct zheap_options options = {
        .limit_bytes = limit_bytes, .hooks = &hooks, .context = symbols};
    zheap_init(&f->heap, f->env, &options, f->page);
}

static void hold(struct symbols *symbols, uint32_t i, bool expected_held)
{
    bool was_held = !expected_held;
    assert_true(zheap_hold_symbol(&symbols->fixture.heap, symbol_at(symbols, i), &was_held));
    assert_int_equal(was_held, expected_held);
}

static bool is_found(struct symbols *symbols, uint32_t i)
{
    const struct symbol *symbol = &symbols->of[i];
    const struct zstring *found =
        zheap_held_find(&symbols->fixture.heap, symbol->bytes, symbol->header.aux, symbol->hash);
    if (found != NULL) assert_ptr_equal(found, symbol);
    return found != NULL;
}

static void check_random_life(uint64_t hash_mask)
{
    static struct symbols symbols;
    open(&symbols, hash_mask, 1 << 20);
    bool is_held[SYMBOLS] = {false};
    uint32_t released[SYMBOLS] = {0};
    srand(5);
    for (uint32_t round = 0; round < 60; round++) {
        // Rounds with many and with few, so that the table grows and shrinks.
        uint32_t holds = round % 20 < 10 ? 40 : 3;
        for (uint32_t k = 0; k < holds; k++) {
            uint32_t i = (uint32_t)rand() % SYMBOLS;
            hold(&symbols, i, is_held[i]);
            is_held[i] = true;
            symbols.is_rooted[i] = true;
        }
        for (uint32_t i = 0; i < SYMBOLS; i++) {
            if (rand() % 4 == 0) symbols.is_rooted[i] = false;
            assert_int_equal(is_found(&symbols, i), is_held[i]);
        }
        zheap_collect(&symbols.fixture.heap, NULL);
        uint32_t count = 0;
        for (uint32_t i = 0; i < SYMBOLS; i++) {
            if (is_held[i] && !symbols.is_rooted[i]) {
                is_held[i] = false;
                released[i]++;
            }
            count += is_held[i];
            assert_int_equal(symbols.release_counts[i], released[i]);
            assert_int_equal(is_found(&symbols, i), is_held[i]);
        }
        assert_int_equal(fixture_stats(&symbols.fixture).held_symbols, count);
    }
    fixture_close(&symbols.fixture);
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        assert_int_equal(symbols.release_counts[i], released[i] + is_held[i]);
    }
}

static void test_held_random_life_matches_a_model(void **state)
{
    (void)state;
    check_random_life(UINT64_MAX);
}

static void test_held_bad_hashes_matches_a_model(void **state)
{
    (void)state;
    check_random_life(7);
    check_random_life(0);
    check_random_life(0xfffffff0); // homes at the end of the table, so that probes wrap
}

// ---- Spares ---------------------------------------------------------------------------------------

enum life { OUT, LIVE, SPARE };

// After a collection: what lives is there, at most max of the dead are, those of this collection
// first, and all others are released, once.
static void check_spares(struct symbols *symbols, enum life life[SYMBOLS], uint32_t max)
{
    uint32_t fresh = 0, old = 0, fresh_kept = 0, old_kept = 0;
    for (uint32_t i = 0; i < SYMBOLS; i++) {
        bool is_dead = life[i] != OUT && !symbols->is_rooted[i];
        bool is_in = symbols->release_counts[i] == 0;
        if (life[i] != OUT && !is_dead) life[i] = LIVE;
        if (life[i] == LIVE && !is_dead) assert_true(is_in);
        if (!is_dead) continue;
        fresh += life[i] == LIVE;
        old += life[i] == SPARE;
        fresh_kept += life[i] == LIVE && is_in;
        old_kept += life[i] == SPARE && is_in;
        assert_true(symbols->release_counts[i] <= 1);
        life[i] = is_in ? SPARE : OUT;
        symbols->release_counts[i] = 0;
    }
    assert_int_equal(fresh_kept, fresh < max ? fresh : max);
    assert_int_equal(old_kept, old < max - fresh_kept ? old : max - fresh_kept);
    assert_int_equal(zheap_spares(&symbols->fixture.heap)->count, fresh_kept + old_kept);
}

static void check_life_with_spares(uint64_t hash_mask, uint32_t max)
{
    static struct symbols symbols;
    open(&symbols, hash_mask, 1 << 20);
    symbols.spares_max = max;
    enum life life[SYMBOLS] = {OUT};
    uint64_t hits = 0;
    srand(max + 1);
    for (uint32_t round = 0; round < 60; round++) {
        for (uint32_t k = 0; k < (round % 20 < 10 ? 40u : 3u); k++) {
            uint32_t i = (uint32_t)rand() % SYMBOLS;
            hits += life[i] == SPARE;
            if (rand() % 2 == 0 && life[i] != OUT)
                assert_true(is_found(&symbols, i));
            else
                hold(&symbols, i, life[i] != OUT);
            life[i] = LIVE;
            symbols.is_rooted[i] = true;
        }
        for (uint32_t i = 0; i < SYMBOLS; i++)
            if (rand() % 4 == 0) symbols.is_rooted[i] = false;
        for (uint32_t i = 0; i < SYMBOLS; i++) // constants bring them back without asking
            if (life[i] == SPARE && rand() % 16 == 0) {
                symbols.is_rooted[i] = true;
                hits++;
            }
        zheap_collect(&symbols.fixture.heap, NULL);
        check_spares(&symbols, life, max);
        assert_int_equal(zheap_spares(&symbols.fixture.heap)->hits, hits);
        if (round % 15 != 14) continue;
        zheap_drop_spares(&symbols.fixture.heap);
        for (uint32_t i = 0; i < SYMBOLS; i++) {
            assert_int_equal(symbols.release_counts[i], life[i] == SPARE);
            symbols.release_counts[i] = 0;
            if (life[i] == SPARE) life[i] = OUT;
        }
        assert_int_equal(zheap_spares(&symbols.fixture.heap)->count, 0);
    }
    fixture_close(&symbols.fixture);
    for (uint32_t i = 0; i < SYMBOLS; i++)
        assert_int_equal(symbols.release_counts[i], life[i] != OUT);
}

static void test_held_spares_stay_up_to_the_limit_and_come_back(void **state)
{
    (void)state;
    const uint32_t limits[] = {1, 2, 10, 50, SYMBOLS};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        check_life_with_spares(UINT64_MAX, limits[i]);
        check_life_with_spares(7, limits[i]);
        check_life_with_spares(0xfffffff0, limits[i]);
    }
}

static void test_held_symbol_reached_through_objects_stays(void **state)
{
    (void)state;
    static struct symbols symbols;
    open(&symbols, UINT64_MAX, 1 << 20);
    struct fixture *f = &symbols.fixture;
    symbols.is_rooted[0] = symbols.is_rooted[1] = true;
    hold(&symbols, 0, false);
    hold(&symbols, 1, false);
    struct znode *node = make_node(f, 1);
    node_set(f, node, 0, zvalue_object(&symbols.of[0], ZTAG_SYMBOL));
    f->roots[0] = zvalue_object(node, ZTAG_NODE);
    symbols.is_rooted[0] = symbols.is_rooted[1] = false;
    zheap_collect(&f->heap, NULL);
    assert_true(is_found(&symbols, 0));
    assert_false(is_found(&symbols, 1));
    assert_int_equal(symbols.release_counts[0], 0);
    assert_int_equal(symbols.release_counts[1], 1);
    // A symbol that is not held, a constant of code, is nothing to a collection.
    node_set(f, f->roots[0].p, 0, zvalue_object(&symbols.of[2], ZTAG_SYMBOL));
    zheap_collect(&f->heap, NULL);
    assert_int_equal(symbols.release_counts[0], 1);
    assert_int_equal(symbols.release_counts[2], 0);
    fixture_verify(f);
    fixture_close(f);
}

static void test_held_find_wrong_bytes_or_length_finds_nothing(void **state)
{
    (void)state;
    static struct symbols symbols;
    open(&symbols, 0, 1 << 20);
    struct zheap *heap = &symbols.fixture.heap;
    assert_null(zheap_held_find(heap, "name1", 5, 0));
    hold(&symbols, 1, false);
    assert_non_null(zheap_held_find(heap, "name1", 5, 0));
    assert_null(zheap_held_find(heap, "name2", 5, 0));
    assert_null(zheap_held_find(heap, "name1", 4, 0));
    assert_null(zheap_held_find(heap, "name1", 5, 1));
    fixture_close(&symbols.fixture);
}

static void test_hold_at_the_limit_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static struct symbols symbols;
    open(&symbols, UINT64_MAX, 16384);
    struct fixture *f = &symbols.fixture;
    assert_true(zheap_charge(&f->heap, 16384 - ZHEAP_BLOCK_BYTES));
    bool was_held = true;
    assert_false(zheap_hold_symbol(&f->heap, symbol_at(&symbols, 0), &was_held));
    assert_int_equal(zheap_refusal(&f->heap).reason, ZHEAP_REFUSED_LIMIT);
    assert_false(is_found(&symbols, 0));
    zheap_uncharge(&f->heap, 16384 - ZHEAP_BLOCK_BYTES);
    zalloc_fail_at(1, true /* from_there_on */);
    bool done = zheap_hold_symbol(&f->heap, symbol_at(&symbols, 0), &was_held);
    zalloc_fail_at(0, false);
    assert_false(done);
    assert_int_equal(zheap_refusal(&f->heap).reason, ZHEAP_REFUSED_NOMEM);
    hold(&symbols, 0, false);
    fixture_close(f);
    assert_int_equal(symbols.release_counts[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_held_random_life_matches_a_model),
        cmocka_unit_test(test_held_bad_hashes_matches_a_model),
        cmocka_unit_test(test_held_spares_stay_up_to_the_limit_and_come_back),
        cmocka_unit_test(test_held_symbol_reached_through_objects_stays),
        cmocka_unit_test(test_held_find_wrong_bytes_or_length_finds_nothing),
        cmocka_unit_test(test_hold_at_the_limit_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
