// Goal: the symbol table keeps one symbol a string, counts its references, reclaims what nobody holds,
// and refuses at its limits without harm.
// Method: call every function of intern/intern.h on private tables and compare with what the counts
// must then be; the limits are tried at, below and above.
#include "intern/intern.h"

#include "base/alloc.h"
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct zintern *create(uint64_t limit_count, uint64_t limit_bytes)
{
    struct zintern_options options = {.limit_count = limit_count, .limit_bytes = limit_bytes};
    struct zintern *table = NULL;
    assert_int_equal(zintern_create(&options, &table), ZVM_OK);
    return table;
}

static const struct zstring *acquire(struct zintern *table, const char *text)
{
    const struct zstring *symbol = NULL;
    assert_int_equal(zintern_acquire(table, text, strlen(text), &symbol), ZVM_OK);
    return symbol;
}

static struct zintern_stats stats_of(struct zintern *table)
{
    struct zintern_stats stats;
    zintern_stats(table, &stats);
    return stats;
}

static const struct zstring *acquire_number(struct zintern *table, uint32_t number)
{
    char text[32];
    snprintf(text, sizeof text, "key %u", number);
    return acquire(table, text);
}

// ---- One symbol a string ------------------------------------------------------------------------

static void test_acquire_same_text_gives_same_symbol(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    char other[] = "alpha"; // the same bytes at another address
    const struct zstring *a = acquire(table, "alpha");
    const struct zstring *b = acquire(table, other);
    const struct zstring *c = acquire(table, "alphb");
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_int_equal(stats_of(table).count, 2);
    zintern_release(table, a);
    zintern_release(table, b);
    zintern_release(table, c);
    zintern_destroy(table);
}

static void test_symbol_layout_is_that_of_a_shared_string(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    const struct zstring *ascii = acquire(table, "name");
    const struct zstring *wide = acquire(table, "n\xC3\xA4me");
    assert_int_equal(ascii->header.kind, ZTYPE_STRING);
    assert_int_equal(ascii->header.flags, ZFLAG_SHARED | ZFLAG_ASCII);
    assert_int_equal(wide->header.flags, ZFLAG_SHARED);
    assert_int_equal(ascii->header.aux, 4);
    assert_int_equal(wide->header.aux, 5);
    assert_string_equal(ascii->bytes, "name"); // with the NUL
    assert_string_equal(wide->bytes, "n\xC3\xA4me");
    assert_int_equal((uintptr_t)ascii % 8, 0);
    assert_true(ascii->hash == zsiphash13(zsiphash_process_key(), "name", 4));
    assert_true(ascii->hash != 0);
    zintern_release(table, ascii);
    zintern_release(table, wide);
    zintern_destroy(table);
}

static void test_acquire_empty_and_embedded_nul_are_strings_of_their_own(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    const struct zstring *empty = NULL, *nul = NULL, *cut = NULL;
    assert_int_equal(zintern_acquire(table, NULL, 0, &empty), ZVM_OK);
    assert_int_equal(zintern_acquire(table, "a\0b", 3, &nul), ZVM_OK);
    assert_int_equal(zintern_acquire(table, "a", 1, &cut), ZVM_OK);
    assert_int_equal(empty->header.aux, 0);
    assert_int_equal(nul->header.aux, 3);
    assert_memory_equal(nul->bytes, "a\0b", 4);
    assert_ptr_not_equal(nul, cut);
    zintern_release(table, empty);
    zintern_release(table, nul);
    zintern_release(table, cut);
    zintern_destroy(table);
}

static void test_acquire_at_the_longest_length_works_and_above_is_refused(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    char text[ZINTERN_MAX_BYTES + 1];
    memset(text, 'x', sizeof text);
    const struct zstring *symbol = NULL;
    assert_int_equal(zintern_acquire(table, text, ZINTERN_MAX_BYTES, &symbol), ZVM_OK);
    assert_int_equal(symbol->header.aux, ZINTERN_MAX_BYTES);
    const struct zstring *untouched = symbol;
    assert_int_equal(zintern_acquire(table, text, ZINTERN_MAX_BYTES + 1, &untouched), ZVM_E_LIMIT);
    assert_ptr_equal(untouched, symbol);
    assert_null(zintern_find(table, text, ZINTERN_MAX_BYTES + 1));
    zintern_release(table, symbol);
    zintern_destroy(table);
}

static void test_find_of_missing_text_inserts_nothing(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    assert_null(zintern_find(table, "ghost", 5));
    assert_int_equal(stats_of(table).count, 0);
    assert_int_equal(stats_of(table).misses, 1);
    const struct zstring *made = acquire(table, "ghost");
    const struct zstring *found = zintern_find(table, "ghost", 5);
    assert_ptr_equal(made, found);
    assert_int_equal(stats_of(table).hits, 1);
    assert_int_equal(stats_of(table).misses, 2);
    assert_int_equal(stats_of(table).inserted, 1);
    zintern_release(table, made);
    zintern_release(table, found);
    zintern_destroy(table);
}

static void test_table_grown_by_many_keeps_every_symbol(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct zintern *table = create(0, 0);
    static const struct zstring *symbols[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        symbols[i] = acquire_number(table, i);
    assert_int_equal(stats_of(table).count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(acquire_number(table, i), symbols[i]);
        zintern_release(table, symbols[i]);
    }
    assert_int_equal(stats_of(table).inserted, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        zintern_release(table, symbols[i]);
    zintern_destroy(table);
}

// ---- References ---------------------------------------------------------------------------------

// The symbol that is dead stays findable until a sweep, so its memory is the proof: it must not be
// given away while one reference is left.
static void test_symbol_with_one_reference_left_survives_a_flood(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    const struct zstring *kept = acquire(table, "kept");
    zintern_retain(table, kept);
    zintern_release(table, kept);
    for (uint32_t i = 0; i < 5000; i++)
        zintern_release(table, acquire_number(table, i));
    assert_true(stats_of(table).reclaimed > 0);
    assert_string_equal(kept->bytes, "kept");
    const struct zstring *again = zintern_find(table, "kept", 4);
    assert_ptr_equal(again, kept);
    zintern_release(table, kept);
    zintern_release(table, again);
    zintern_destroy(table);
}

static void test_dead_symbol_acquired_again_is_the_same_one(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    const struct zstring *first = acquire(table, "phoenix");
    zintern_release(table, first);
    const struct zstring *second = acquire(table, "phoenix");
    assert_ptr_equal(first, second); // one dead entry is not worth a sweep
    for (uint32_t i = 0; i < 5000; i++)
        zintern_release(table, acquire_number(table, i));
    assert_string_equal(second->bytes, "phoenix"); // and it counts as held again
    zintern_release(table, second);
    zintern_destroy(table);
}

static void test_endless_distinct_strings_leave_the_table_where_it_was(void **state)
{
    (void)state;
    struct zintern *table = create(0, 0);
    uint64_t bytes_before = stats_of(table).bytes;
    for (uint32_t i = 0; i < 300000; i++)
        zintern_release(table, acquire_number(table, i));
    struct zintern_stats stats = stats_of(table);
    assert_int_equal(stats.inserted, 300000);
    assert_int_equal(stats.inserted - stats.reclaimed, stats.count);
    assert_true(stats.count < 1024);
    assert_true(stats.bytes < bytes_before + 128 * 1024);
    zintern_destroy(table);
}

static void test_table_shrinks_after_a_large_set_is_released(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    struct zintern *table = create(0, 0);
    static const struct zstring *symbols[COUNT];
    for (uint32_t i = 0; i < COUNT; i++)
        symbols[i] = acquire_number(table, i);
    uint64_t bytes_full = stats_of(table).bytes;
    for (uint32_t i = 0; i < COUNT; i++)
        zintern_release(table, symbols[i]);
    zintern_tidy(table);
    struct zintern_stats stats = stats_of(table);
    assert_true(stats.count <= 512);
    assert_true(stats.bytes < bytes_full / 20);
    const struct zstring *seven = acquire_number(table, 7); // still whole
    assert_string_equal(seven->bytes, "key 7");
    zintern_release(table, seven);
    zintern_destroy(table);
}

// ---- Limits -------------------------------------------------------------------------------------

static void test_limit_of_count_refuses_one_more_and_recovers(void **state)
{
    (void)state;
    struct zintern *table = create(3, 0);
    const struct zstring *a = acquire(table, "a"), *b = acquire(table, "b");
    const struct zstring *c = acquire(table, "c"); // at the limit
    const struct zstring *d = NULL;
    assert_int_equal(zintern_acquire(table, "d", 1, &d), ZVM_E_INTERN_LIMIT);
    assert_null(d);
    assert_ptr_equal(acquire(table, "b"), b); // what is there can still be had
    zintern_release(table, b);
    zintern_release(table, c);
    assert_int_equal(zintern_acquire(table, "d", 1, &d), ZVM_OK); // c made room
    assert_int_equal(stats_of(table).count, 3);
    assert_int_equal(stats_of(table).limit_count, 3);
    zintern_release(table, a);
    zintern_release(table, b);
    zintern_release(table, d);
    zintern_destroy(table);
}

static void test_limit_of_bytes_is_never_passed(void **state)
{
    (void)state;
    enum { LIMIT = 64 * 1024 };
    struct zintern *table = create(0, LIMIT);
    static const struct zstring *symbols[LIMIT];
    uint32_t count = 0;
    zvm_status status = ZVM_OK;
    while (status == ZVM_OK) {
        char text[32];
        snprintf(text, sizeof text, "key %u", count);
        status = zintern_acquire(table, text, strlen(text), &symbols[count]);
        if (status == ZVM_OK) count++;
        assert_true(stats_of(table).bytes <= LIMIT);
    }
    assert_int_equal(status, ZVM_E_INTERN_LIMIT);
    assert_true(count > 500); // about 45 bytes each, half of the table at worst
    for (uint32_t i = 0; i < count; i++)
        zintern_release(table, symbols[i]);
    const struct zstring *after = acquire(table, "room again");
    zintern_release(table, after);
    zintern_destroy(table);
}

// ---- Several tables -----------------------------------------------------------------------------

static void test_two_tables_have_their_own_symbols_and_limits(void **state)
{
    (void)state;
    struct zintern *small = create(1, 0), *large = create(2, 0);
    const struct zstring *in_small = acquire(small, "text");
    const struct zstring *in_large = acquire(large, "text"), *other = acquire(large, "other");
    assert_ptr_not_equal(in_small, in_large);
    const struct zstring *refused = NULL;
    assert_int_equal(zintern_acquire(small, "more", 4, &refused), ZVM_E_INTERN_LIMIT);
    assert_int_equal(zintern_acquire(large, "more", 4, &refused), ZVM_E_INTERN_LIMIT);
    zintern_release(small, in_small);
    zintern_destroy(small);
    assert_string_equal(in_large->bytes, "text");
    zintern_release(large, in_large);
    zintern_release(large, other);
    zintern_destroy(large);
}

static void test_destroy_gives_every_byte_back(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct zintern *table = create(0, 0);
    for (uint32_t i = 0; i < 1000; i++)
        zintern_release(table, acquire_number(table, i));
    assert_true(zalloc_stats().live_bytes > before.live_bytes);
    zintern_destroy(table);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
    assert_int_equal(zalloc_stats().live_count, before.live_count);
}

static void test_stats_bytes_equal_what_is_allocated(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct zintern *table = create(0, 0);
    const struct zstring *symbols[300];
    for (uint32_t i = 0; i < 300; i++)
        symbols[i] = acquire_number(table, i);
    assert_int_equal(stats_of(table).bytes, zalloc_stats().live_bytes - before.live_bytes);
    for (uint32_t i = 0; i < 300; i++)
        zintern_release(table, symbols[i]);
    zintern_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acquire_same_text_gives_same_symbol),
        cmocka_unit_test(test_symbol_layout_is_that_of_a_shared_string),
        cmocka_unit_test(test_acquire_empty_and_embedded_nul_are_strings_of_their_own),
        cmocka_unit_test(test_acquire_at_the_longest_length_works_and_above_is_refused),
        cmocka_unit_test(test_find_of_missing_text_inserts_nothing),
        cmocka_unit_test(test_table_grown_by_many_keeps_every_symbol),
        cmocka_unit_test(test_symbol_with_one_reference_left_survives_a_flood),
        cmocka_unit_test(test_dead_symbol_acquired_again_is_the_same_one),
        cmocka_unit_test(test_endless_distinct_strings_leave_the_table_where_it_was),
        cmocka_unit_test(test_table_shrinks_after_a_large_set_is_released),
        cmocka_unit_test(test_limit_of_count_refuses_one_more_and_recovers),
        cmocka_unit_test(test_limit_of_bytes_is_never_passed),
        cmocka_unit_test(test_two_tables_have_their_own_symbols_and_limits),
        cmocka_unit_test(test_destroy_gives_every_byte_back),
        cmocka_unit_test(test_stats_bytes_equal_what_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
