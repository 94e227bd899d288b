// Goal: the limit is never passed, whatever it is; a refusal says why, its error can always be made
// from the reserve, and one with nothing freed before it is final.
// Method: fill heaps of every limit in a range until they refuse, in several ways.
#include "unit/heap_fixture.h"

static struct zvalue object_value(void *object)
{
    return zvalue_object(object, ZTAG_HEAP | ((struct zobject *)object)->kind);
}

static void check_below_limit(const struct fixture *f)
{
    struct zheap_stats stats = fixture_stats(f);
    assert_true(stats.committed_bytes <= stats.limit_bytes);
    assert_true(stats.committed_peak_bytes <= stats.limit_bytes);
    assert_true(stats.live_bytes <= stats.limit_bytes);
}

// What a HeapLimitError is made of: its object, and its text of under 200 bytes.
static void make_error_of_refusal(struct fixture *f)
{
    zheap_reserve_open(&f->heap);
    struct zbuffer *error = make_buffer(f, sizeof(struct zerror));
    assert_non_null(error);
    f->roots[ROOTS - 1] = object_value(error);
    struct zbuffer *text = make_buffer(f, 17 + 199);
    assert_non_null(text);
    f->roots[ROOTS - 2] = object_value(text);
    zheap_reserve_close(&f->heap);
    check_below_limit(f);
}

// A chain that only grows, of nodes of different sizes.
static uint64_t fill_with_chain(struct fixture *f, uint32_t seed)
{
    uint64_t count = 0;
    f->roots[0] = zvalue_null();
    for (;;) {
        struct znode *node = make_node(f, 1 + (seed + (uint32_t)count * 7) % 40);
        if (node == NULL) return count;
        node_set(f, node, 0, f->roots[0]);
        f->roots[0] = object_value(node);
        count++;
    }
}

// Then with the smallest objects, until not one cell of any size is free.
static void fill_to_the_brim(struct fixture *f)
{
    (void)fill_with_chain(f, 3);
    (void)zheap_refusal(&f->heap);
    f->roots[1] = zvalue_null();
    for (;;) {
        struct zcell *cell = make_cell(f, f->roots[1]);
        if (cell == NULL) return;
        f->roots[1] = object_value(cell);
    }
}

static void check_limit(struct fixture *f, uint64_t limit_bytes)
{
    fixture_open_heap(f, (struct zheap_options){.mode = ZHEAP_FULL, .limit_bytes = limit_bytes});
    uint64_t count = fill_with_chain(f, (uint32_t)limit_bytes);
    check_below_limit(f);
    struct zheap_refusal refusal = zheap_refusal(&f->heap);
    assert_int_equal(refusal.reason, ZHEAP_REFUSED_LIMIT);
    assert_int_equal(refusal.limit_bytes, limit_bytes);
    assert_false(refusal.final);
    assert_int_equal(refusal.live_bytes, fixture_stats(f).live_bytes);
    assert_in_range(refusal.requested_bytes, 17, 8 + 41 * 9);
    assert_int_equal(fixture_stats(f).live_count, count);
    // In the smallest heaps the table, the reserve and the ends of spans take a good part.
    assert_true(fixture_stats(f).live_bytes > limit_bytes / 4);
    if (limit_bytes > 100000) assert_true(fixture_stats(f).live_bytes > limit_bytes / 5 * 4);
    assert_int_equal(zheap_refusal(&f->heap).reason, ZHEAP_REFUSED_NOT);
    make_error_of_refusal(f);
    fixture_verify(f);

    // Everything dropped, the error too: the heap is as good as new.
    f->roots[0] = f->roots[ROOTS - 1] = f->roots[ROOTS - 2] = zvalue_null();
    assert_true(fill_with_chain(f, (uint32_t)limit_bytes) >= count * 2 / 3);
    make_error_of_refusal(f);
    fixture_close_heap(f);
}

static void test_limit_every_byte_count_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    fixture_close_heap(&f);
    uint64_t step = ZHEAP_STRESS ? 512 : 1;
    for (uint64_t limit = 16384; limit <= 20480; limit += step) {
        check_limit(&f, limit);
    }
    for (uint64_t limit = 1 << 16; limit <= (ZHEAP_STRESS ? 1 << 16 : 1 << 22); limit *= 2) {
        check_limit(&f, limit + 1);
    }
    fixture_open_heap(&f, (struct zheap_options){.mode = ZHEAP_FULL, .limit_bytes = 1 << 20});
    fixture_close(&f);
}

static void test_limit_external_payload_exact_byte_is_the_last(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 4096));
    struct zheap_stats stats = fixture_stats(&f);
    // With the log's bytes behind it (barrier.c), one byte more may be two more.
    size_t room = (size_t)(stats.limit_bytes - stats.committed_bytes) + 4096 + zcards_count(4096);
    size_t most = room;
    while (most + zcards_count(most) > room)
        most--;
    assert_false(zheap_payload_resize(&f.heap, &list->owner, most + 1));
    struct zheap_refusal refusal = zheap_refusal(&f.heap);
    assert_int_equal(refusal.reason, ZHEAP_REFUSED_LIMIT);
    assert_int_equal(refusal.requested_bytes, most + 1);
    assert_int_equal(list->owner.payload_bytes, 4096); // nothing changed
    assert_true(zheap_payload_resize(&f.heap, &list->owner, most));
    uint64_t committed = fixture_stats(&f).committed_bytes;
    assert_int_equal(committed + room - most - zcards_count(most), 1 << 20);
    assert_false(zheap_charge(&f.heap, (1 << 20) - committed + 1));
    assert_true(zheap_payload_resize(&f.heap, &list->owner, most - 100));
    assert_true(zheap_charge(&f.heap, 100));
    assert_true(fixture_stats(&f).committed_bytes <= committed);
    zheap_uncharge(&f.heap, 100);
    fixture_close(&f);
}

static void test_limit_impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    static const size_t sizes[] = {1 << 20, SIZE_MAX / 2, SIZE_MAX - 1024, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_false(zheap_payload_resize(&f.heap, &list->owner, sizes[i]));
        assert_int_equal(zheap_refusal(&f.heap).requested_bytes, sizes[i]);
        assert_false(zheap_charge(&f.heap, sizes[i]));
        assert_int_equal(zheap_refusal(&f.heap).reason, ZHEAP_REFUSED_LIMIT);
        assert_null(list->owner.payload);
    }
    check_below_limit(&f);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_charge_counts_until_uncharged(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 16384);
    assert_true(zheap_charge(&f.heap, 16384 - ZHEAP_BLOCK_BYTES));
    assert_int_equal(fixture_stats(&f).charged_bytes, 16384 - ZHEAP_BLOCK_BYTES);
    assert_int_equal(fixture_stats(&f).committed_bytes, 16384);
    assert_false(zheap_charge(&f.heap, 1));
    // No class table can come any more: the first page has to do, and then its end for the error.
    assert_in_range(fill_with_chain(&f, 1), 3, 20);
    make_error_of_refusal(&f);
    zheap_uncharge(&f.heap, 16384 - ZHEAP_BLOCK_BYTES);
    assert_int_equal(fixture_stats(&f).committed_peak_bytes, 16384);
    assert_in_range(fill_with_chain(&f, 1), 30, 100);
    fixture_close(&f);
}

static void test_refusal_twice_with_nothing_freed_is_final(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 32768);
    (void)fill_with_chain(&f, 3);
    assert_false(zheap_refusal(&f.heap).final);
    make_error_of_refusal(&f);
    assert_false(zheap_charge(&f.heap, 1 << 20));
    assert_true(zheap_refusal(&f.heap).final);
    // The error of the first is dropped: that is something freed.
    f.roots[ROOTS - 1] = zvalue_null();
    assert_false(zheap_charge(&f.heap, 1 << 20));
    assert_false(zheap_refusal(&f.heap).final);
    fixture_close(&f);
}

static void test_refusal_reserve_used_up_is_final(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 32768);
    fill_to_the_brim(&f);
    struct zcell *newest = f.roots[1].p;
    f.roots[1] = zvalue_slot(newest->payload, (uint8_t)newest->header.aux);
    (void)zheap_refusal(&f.heap);
    assert_false(zheap_charge(&f.heap, 1 << 20));
    uint32_t kept = 2;
    // Each round something is freed, but all errors are kept: the reserve ends.
    for (uint32_t round = 0;; round++) {
        assert_true(round < 10);
        if (zheap_refusal(&f.heap).final) break;
        zheap_reserve_open(&f.heap);
        for (uint32_t i = 0; i < 2; i++) {
            struct zbuffer *part = make_buffer(&f, i == 0 ? 48 : 216);
            assert_non_null(part);
            f.roots[kept++] = object_value(part);
        }
        struct zbuffer *garbage = make_buffer(&f, 16);
        assert_non_null(garbage);
        zheap_reserve_close(&f.heap);
        assert_false(zheap_charge(&f.heap, 1 << 20));
    }
    assert_in_range(kept, 6, 10);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_refusal_inside_the_reserve_is_final(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 32768);
    fill_to_the_brim(&f);
    zheap_reserve_open(&f.heap);
    for (uint32_t i = 2; i < 40; i++) {
        struct zbuffer *part = make_buffer(&f, 256);
        if (part == NULL) break;
        f.roots[i] = object_value(part);
    }
    assert_null(make_buffer(&f, 256));
    assert_true(zheap_refusal(&f.heap).final);
    zheap_reserve_close(&f.heap);
    check_below_limit(&f);
    fixture_close(&f);
}

static void test_limit_emergency_hook_comes_before_a_refusal(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 65536);
    struct zlist *cache = make_list(&f);
    f.roots[1] = object_value(cache);
    assert_true(zheap_payload_resize(&f.heap, &cache->owner, 40000));
    f.emergency_drops = &f.roots[1];
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 40000));
    assert_int_equal(f.emergencies, 1);
    assert_int_equal(fixture_stats(&f).external_bytes, 40000);
    assert_false(zheap_payload_resize(&f.heap, &list->owner, 90000));
    assert_int_equal(f.emergencies, 2);
    struct zheap_collected collected;
    assert_true(zheap_env_take_collected(f.env, &collected));
    assert_int_equal(collected.emergency, 2);
    assert_true(collected.full >= 2);
    fixture_close(&f);
}

static void test_limit_garbage_is_collected_before_a_refusal(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 32768);
    // All garbage: never a refusal, however much.
    for (uint32_t i = 0; i < 5000; i++) {
        assert_non_null(make_buffer(&f, 8 + i % 2041));
    }
    for (uint32_t i = 0; i < 500; i++) {
        struct zlist *list = make_list(&f);
        f.roots[0] = object_value(list);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 2041 + i * 30));
    }
    assert_int_equal(zheap_refusal(&f.heap).reason, ZHEAP_REFUSED_NOT);
    check_below_limit(&f);
    fixture_close(&f);
}

// Nearly full, and a little garbage all the time: without the guard each of these allocations would
// pay for a whole collection.
static void test_limit_thrashing_is_refused(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip();
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    (void)fill_with_chain(&f, 5);
    (void)zheap_refusal(&f.heap);
    // Frees the newest few nodes, well below 1/32 of the limit.
    for (uint32_t i = 0; i < 40; i++) {
        struct znode *node = f.roots[0].p;
        f.roots[0] = zvalue_slot(node->slots[0], znode_tags(node)[0]);
    }
    uint64_t collections = fixture_stats(&f).collections;
    uint64_t allocated = 0;
    while (allocated < 100000) {
        if (make_node(&f, 4) == NULL) break;
        allocated++;
    }
    assert_true(allocated < 100000);
    assert_int_equal(zheap_refusal(&f.heap).reason, ZHEAP_REFUSED_LIMIT);
    assert_true(fixture_stats(&f).collections - collections < 10);
    fixture_close(&f);
}

static void test_limit_os_refusal_is_told_apart(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 4000));
    zalloc_fail_at(1, true /* from_there_on */);
    bool done = zheap_payload_resize(&f.heap, &list->owner, 8000);
    zalloc_fail_at(0, false);
    assert_false(done);
    struct zheap_refusal refusal = zheap_refusal(&f.heap);
    assert_int_equal(refusal.reason, ZHEAP_REFUSED_NOMEM);
    assert_int_equal(refusal.requested_bytes, 8000);
    assert_int_equal(list->owner.payload_bytes, 4000);
    zheap_note_nomem(&f.heap, 77);
    refusal = zheap_refusal(&f.heap);
    assert_int_equal(refusal.reason, ZHEAP_REFUSED_NOMEM);
    assert_int_equal(refusal.requested_bytes, 77);
    fixture_close(&f);
}

// Refuses a charge that nothing could meet; returns whether that was final.
static bool is_final_now(struct fixture *f)
{
    assert_false(zheap_charge(&f->heap, 1 << 20));
    return zheap_refusal(&f->heap).final;
}

// Frees one node, so that a refusal is not final for that.
static void free_one(struct fixture *f)
{
    assert_non_null(make_node(f, 1));
    zheap_collect(&f->heap, NULL);
}

static void test_refusal_while_the_reserve_is_open_is_final(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 65536);
    free_one(&f);
    zheap_reserve_open(&f.heap);
    assert_true(is_final_now(&f)); // although the reserve has room
    zheap_reserve_close(&f.heap);
    free_one(&f);
    assert_false(is_final_now(&f));
    fixture_close(&f);
}

// Inside its first page a heap has the end of that for errors, and when it is used up, a page of the
// reserve, if the limit lets it have one.
static void test_refusal_with_the_first_page_used_up_asks_for_a_reserve(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct fixture f;
    fixture_open_limit(&f, 65536);
    assert_true(zheap_charge(&f.heap, 65536 - ZHEAP_BLOCK_BYTES));
    (void)fill_with_chain(&f, 1);
    (void)zheap_refusal(&f.heap);
    zheap_reserve_open(&f.heap);
    for (uint32_t i = 2; i < ROOTS; i++) {
        struct zbuffer *part = make_buffer(&f, 48);
        if (part == NULL) break;
        f.roots[i] = object_value(part);
    }
    zheap_reserve_close(&f.heap);
    assert_null(zheap_more(&f.heap));
    f.roots[0] = zvalue_slot(((struct znode *)f.roots[0].p)->slots[0], ZTAG_NODE);
    zheap_collect(&f.heap, NULL); // something is freed
    assert_true(is_final_now(&f));
    assert_null(zheap_more(&f.heap));
    zheap_uncharge(&f.heap, 65536 - ZHEAP_BLOCK_BYTES);
    f.roots[0] = zvalue_slot(((struct znode *)f.roots[0].p)->slots[0], ZTAG_NODE);
    zheap_collect(&f.heap, NULL);
    assert_false(is_final_now(&f));
    assert_non_null(zheap_more(&f.heap));
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_object_in_the_reserve_has_its_own_bytes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 32768);
    fill_to_the_brim(&f);
    zheap_reserve_open(&f.heap);
    const struct zbuffer *part = make_buffer(&f, 72);
    assert_non_null(part);
    assert_ptr_equal(zpage_at(part), zpage_at(zheap_more(&f.heap)->reserve.base));
    assert_int_equal(zheap_cell_bytes(&f.heap, part), 80);
    zheap_reserve_close(&f.heap);
    fixture_close(&f);
}

// Every span of the only slab is taken, and there is no memory for another.
static void test_limit_table_without_a_span_for_its_reserve_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    zheap_env_give_back(f.env);
    struct zpage *all = NULL;
    zalloc_fail_at(1, true /* from_there_on */);
    uint32_t taken = zspan_pool_take_any(f.pool, ZSPAN_1, ZSLAB_PAGES, &all);
    zalloc_fail_at(2, true /* from_there_on */); // the table itself is had
    enum zheap_outcome outcome = zheap_grow_more(&f.heap);
    zalloc_fail_at(0, false);
    assert_true(taken > ZSLAB_PAGES / 2);
    assert_int_equal(outcome, ZHEAP_NO_MEMORY);
    assert_null(zheap_more(&f.heap));
    assert_int_equal(fixture_stats(&f).charged_bytes, 0);
    zspan_pool_give_any(f.pool, all);
    assert_int_equal(zheap_grow_more(&f.heap), ZHEAP_GOT);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_limit_object_without_a_span_is_refused_for_memory(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    assert_int_equal(zheap_grow_more(&f.heap), ZHEAP_GOT);
    zheap_env_give_back(f.env);
    struct zpage *all = NULL;
    zalloc_fail_at(1, true /* from_there_on */);
    (void)zspan_pool_take_any(f.pool, ZSPAN_1, ZSLAB_PAGES, &all);
    const struct zbuffer *buffer = make_buffer(&f, 2048);
    zalloc_fail_at(0, false);
    assert_null(buffer);
    assert_int_equal(zheap_refusal(&f.heap).reason, ZHEAP_REFUSED_NOMEM);
    zspan_pool_give_any(f.pool, all);
    assert_non_null(make_buffer(&f, 2048));
    fixture_verify(&f);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_every_byte_count_is_kept),
        cmocka_unit_test(test_limit_external_payload_exact_byte_is_the_last),
        cmocka_unit_test(test_limit_impossible_sizes_are_refused),
        cmocka_unit_test(test_charge_counts_until_uncharged),
        cmocka_unit_test(test_refusal_twice_with_nothing_freed_is_final),
        cmocka_unit_test(test_refusal_reserve_used_up_is_final),
        cmocka_unit_test(test_refusal_inside_the_reserve_is_final),
        cmocka_unit_test(test_limit_emergency_hook_comes_before_a_refusal),
        cmocka_unit_test(test_limit_garbage_is_collected_before_a_refusal),
        cmocka_unit_test(test_limit_thrashing_is_refused),
        cmocka_unit_test(test_limit_os_refusal_is_told_apart),
        cmocka_unit_test(test_refusal_while_the_reserve_is_open_is_final),
        cmocka_unit_test(test_refusal_with_the_first_page_used_up_asks_for_a_reserve),
        cmocka_unit_test(test_object_in_the_reserve_has_its_own_bytes),
        cmocka_unit_test(test_limit_table_without_a_span_for_its_reserve_is_refused),
        cmocka_unit_test(test_limit_object_without_a_span_is_refused_for_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
