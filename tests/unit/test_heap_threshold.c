// Goal: with threshold_count = N exactly the N-th, 2N-th, ... allocation collects, before it
// allocates, whatever the sizes.
// Method: the number of collections is read before and after each of many allocations of random
// size.
#include "unit/heap_fixture.h"

static void check_threshold(uint64_t threshold, uint32_t allocations, uint32_t size_mask)
{
    struct fixture f;
    fixture_open(&f, (struct zheap_options){.mode = ZHEAP_FULL,
                                            .limit_bytes = 256 << 20,
                                            .threshold_count = threshold,
                                            .growth_percent = 1000000});
    srand((unsigned)threshold);
    for (uint64_t i = 1; i <= allocations; i++) {
        uint64_t before = fixture_stats(&f).collections;
        size_t bytes = 8 + ((uint32_t)rand() & size_mask);
        struct zbuffer *buffer = make_buffer(&f, bytes);
        uint64_t collections = fixture_stats(&f).collections - before;
        assert_int_equal(collections, i % threshold == 0 ? 1 : 0);
        assert_int_equal(buffer->header.birth, i / threshold);
        assert_int_equal(fixture_stats(&f).allocated_count, i);
        f.roots[(uint32_t)rand() % ROOTS] = zvalue_object(buffer, ZTAG_HEAP | ZTYPE_BUFFER);
    }
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_threshold_is_exact_to_one_allocation(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip();
    static const uint64_t thresholds[] = {1, 2, 3, 7, 10, 63, 64, 65, 100, 1000, 2000};
    for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
        // The growth trigger stays out of the way: 64 KiB are not reached within a cycle.
        uint32_t mask = thresholds[i] > 100 ? 0xf : 0x1ff;
        check_threshold(thresholds[i], 3000, mask);
    }
}

static void test_threshold_other_collections_do_not_move_it(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip();
    struct fixture f;
    fixture_open(&f, (struct zheap_options){
                         .mode = ZHEAP_FULL, .limit_bytes = 1 << 20, .threshold_count = 50});
    for (uint32_t i = 1; i <= 500; i++) {
        if (i % 17 == 0) zheap_collect(&f.heap, NULL);
        uint64_t before = fixture_stats(&f).collections;
        (void)make_buffer(&f, i % 200 + 8);
        assert_int_equal(fixture_stats(&f).collections - before, i % 50 == 0 ? 1 : 0);
    }
    fixture_close(&f);
}

static void test_threshold_payload_cells_count(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip();
    struct fixture f;
    fixture_open(&f, (struct zheap_options){
                         .mode = ZHEAP_FULL, .limit_bytes = 1 << 20, .threshold_count = 2});
    struct zlist *list = make_list(&f); // 1
    f.roots[0] = zvalue_object(list, ZTAG_LIST);
    assert_int_equal(fixture_stats(&f).collections, 0);
    assert_true(list_reserve_any(&f, list, 10)); // 2: the payload's cell
    assert_int_equal(fixture_stats(&f).collections, 1);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threshold_is_exact_to_one_allocation),
        cmocka_unit_test(test_threshold_other_collections_do_not_move_it),
        cmocka_unit_test(test_threshold_payload_cells_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
