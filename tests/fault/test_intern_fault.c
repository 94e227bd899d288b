// Goal: whatever allocation of the symbol table is refused, the call says so, the table stays whole and
// nothing leaks.
// Method: fail the n-th allocation, once and from there on, for n = 1, 2, ... until the body passes
// untouched.
#include "intern/intern_internal.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXTS 300 // enough for the buckets to grow twice

// Makes, finds and drops symbols. Each refusal must be ZVM_E_NOMEM and leave its text out.
static void use_table(struct zintern *table, const struct zstring *symbols[TEXTS])
{
    for (int i = 0; i < TEXTS; i++) {
        char text[32];
        size_t length = (size_t)snprintf(text, sizeof text, "text %d", i);
        symbols[i] = NULL;
        zvm_status status = zintern_acquire(table, text, length, &symbols[i]);
        if (status == ZVM_OK) {
            assert_string_equal(symbols[i]->bytes, text);
            continue;
        }
        assert_int_equal(status, ZVM_E_NOMEM);
        assert_null(symbols[i]);
        assert_null(zintern_find(table, text, length));
    }
}

static void check_after(struct zintern *table, const struct zstring *symbols[TEXTS])
{
    for (int i = 0; i < TEXTS; i++) {
        char text[32];
        size_t length = (size_t)snprintf(text, sizeof text, "text %d", i);
        const struct zstring *found = zintern_find(table, text, length);
        assert_ptr_equal(found, symbols[i]);
        if (found == NULL) continue;
        zintern_release(table, found);
        zintern_release(table, symbols[i]);
    }
}

// With a store: blocks of its smallest size, in the first cells already. Without: each symbol comes from the allocator.
static zvm_status create(bool has_store, struct zintern **out)
{
    struct zintern_tuning tuning = {.hash_mask = UINT64_MAX,
                                    .dead_min = 16,
                                    .cells_min = 16,
                                    .chunk_cells = 16,
                                    .store_block_bytes = has_store ? ZINTERN_BLOCK_MIN : 0,
                                    .store_from_cells = 16};
    return zintern_create_tuned(NULL, &tuning, out);
}

// Returns true when the n-th allocation was reached.
static bool try_with_failure(uint64_t n, bool from_there_on, bool has_store)
{
    static const struct zstring *symbols[TEXTS];
    struct zalloc_stats before = zalloc_stats();
    zalloc_fail_at(n, from_there_on);
    struct zintern *table = NULL;
    zvm_status status = create(has_store, &table);
    if (status == ZVM_OK) {
        use_table(table, symbols);
    } else {
        assert_int_equal(status, ZVM_E_NOMEM);
        assert_null(table);
    }
    bool has_failed = zalloc_has_failed();
    zalloc_fail_at(0, false);
    if (table != NULL) check_after(table, symbols);
    zintern_destroy(table);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
    assert_int_equal(zalloc_stats().live_count, before.live_count);
    return has_failed;
}

static void test_table_with_nth_allocation_refused_stays_whole(void **state)
{
    (void)state;
    uint64_t n = 1;
    while (try_with_failure(n, false, false))
        n++;
    assert_true(n > TEXTS); // a symbol is an allocation at least
}

static void test_table_with_all_allocations_from_nth_refused_stays_whole(void **state)
{
    (void)state;
    uint64_t n = 1;
    while (try_with_failure(n, true, false))
        n++;
    assert_true(n > TEXTS);
}

// A block that is refused is no failure: the entry then comes from the allocator.
static void test_table_with_store_and_refused_allocations_stays_whole(void **state)
{
    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        uint64_t n = 1;
        while (try_with_failure(n, lasting != 0, true))
            n++;
        assert_true(n > 10); // blocks and cells
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_with_nth_allocation_refused_stays_whole),
        cmocka_unit_test(test_table_with_all_allocations_from_nth_refused_stays_whole),
        cmocka_unit_test(test_table_with_store_and_refused_allocations_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
