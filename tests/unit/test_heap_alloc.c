// Goal: allocation gives aligned, separate cells with the right header, from the block first, and
// cells come back after a collection.
// Method: allocate every size, write all bytes of every object, and read them again later.
#include "unit/heap_fixture.h"

static void test_new_inside_first_page_costs_only_the_block(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct zalloc_stats before = zalloc_stats();
    char *page = f.page;
    for (uint32_t i = 0; i < 34; i++) { // 34 of 54 granules: the rest is kept for a refusal
        char *cell = (char *)make_cell(&f, zvalue_int(i));
        f.roots[i] = zvalue_object(cell, ZTAG_CELL);
        assert_true(cell >= page);
        assert_true(cell < page + ZHEAP_FIRST_BYTES);
    }
    struct zheap_stats stats = fixture_stats(&f);
    assert_int_equal(stats.committed_bytes, ZHEAP_BLOCK_BYTES);
    assert_int_equal(stats.live_count, 34);
    assert_int_equal(stats.live_bytes, 34 * 16);
    // Only the verifier of checked builds may have allocated, and given it back.
    assert_true(zalloc_stats().live_bytes == before.live_bytes);

    f.roots[34] = zvalue_object(make_cell(&f, zvalue_int(34)), ZTAG_CELL);
    assert_true(fixture_stats(&f).committed_bytes > ZHEAP_BLOCK_BYTES);
    for (uint32_t i = 0; i < 35; i++) {
        assert_int_equal(((struct zcell *)f.roots[i].p)->payload, i);
    }
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_new_first_page_wholly_dead_is_used_again(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    void *first = make_buffer(&f, 48);
    f.roots[0] = zvalue_object(make_buffer(&f, 100), ZTAG_HEAP | ZTYPE_BUFFER);
    zheap_collect(&f.heap, NULL);
    // One object lives: the page goes on behind it.
    char *next = (char *)make_buffer(&f, 16);
    if (!ZHEAP_STRESS) assert_ptr_equal(next, (char *)f.roots[0].p + 112);
    f.roots[0] = zvalue_null();
    zheap_collect(&f.heap, NULL);
    assert_int_equal(fixture_stats(&f).live_count, 0);
    assert_ptr_equal(make_buffer(&f, 48), first);
    fixture_close(&f);
}

static void test_new_header_is_written(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t flags = ZFLAG_COUNTED | ZFLAG_ASCII;
        struct zobject *object = zheap_new(&f.heap, ZTYPE_HOST | flags << 8, 32, 0xfedc0000u + i);
        assert_int_equal(object->kind, ZTYPE_HOST);
        assert_int_equal(object->flags, flags);
        assert_int_equal(object->birth, f.heap.header >> 16);
        assert_int_equal(object->aux, 0xfedc0000u + i);
        if (i == 100) zheap_collect(&f.heap, NULL);
    }
    fixture_close(&f);
}

// Objects of every size keep their bytes, in all classes, while others come and go.
static void test_new_every_size_cells_are_aligned_and_apart(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 64 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = zvalue_object(list, ZTAG_LIST);
    assert_true(list_reserve_any(&f, list, 2048));
    uint32_t step = ZHEAP_STRESS ? 41 : 1;
    for (size_t bytes = 8; bytes <= ZCELL_BYTES_MAX; bytes += step) {
        struct zbuffer *buffer = make_buffer(&f, bytes);
        assert_int_equal((uintptr_t)buffer % ZGRANULE_BYTES, 0);
        memset(buffer->data, (int)(bytes & 0xff), bytes - 8);
        list_push_any(&f, list, zvalue_object(buffer, ZTAG_HEAP | ZTYPE_BUFFER));
        (void)make_buffer(&f, bytes); // garbage between
    }
    fixture_verify(&f);
    zheap_collect(&f.heap, NULL);
    size_t bytes = 8;
    for (uint32_t i = 0; i < list->owner.header.aux; i++, bytes += step) {
        struct zbuffer *buffer = zvalue_slot(zlist_payload(list)[i], zlist_tags(list)[i]).p;
        assert_int_equal(buffer->header.aux, bytes - 8);
        for (size_t b = 0; b < bytes - 8; b++) {
            assert_int_equal((unsigned char)buffer->data[b], bytes & 0xff);
        }
    }
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_new_after_collection_reuses_the_cells(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    uint64_t first_committed = 0;
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 200; i++) {
            struct znode *node = make_node(&f, 3);
            if (i % 10 == 0) f.roots[i / 10] = zvalue_object(node, ZTAG_NODE);
        }
        zheap_collect(&f.heap, NULL);
        fixture_verify(&f);
        uint64_t committed = fixture_stats(&f).committed_peak_bytes;
        if (round == 1) first_committed = committed;
        if (round > 1) assert_int_equal(committed, first_committed);
        assert_int_equal(fixture_stats(&f).live_count, 20);
    }
    fixture_close(&f);
}

static void test_epoch_wraps_after_65536_collections(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct zcell *old = make_cell(&f, zvalue_int(7));
    f.roots[0] = zvalue_object(old, ZTAG_CELL);
    uint16_t birth = old->header.birth;
    for (uint32_t i = 0; i < 65536 + 3; i++) {
        zheap_collect(&f.heap, NULL);
    }
    assert_true(fixture_stats(&f).collections >= 65536 + 3);
    struct zcell *young = make_cell(&f, zvalue_int(8));
    uint16_t expected = (uint16_t)fixture_stats(&f).collections;
    assert_int_equal(young->header.birth, expected);
    assert_int_equal(old->header.birth, birth);
    assert_int_equal(young->header.kind, ZTYPE_CELL);
    assert_int_equal(young->header.flags, 0);
    assert_int_equal(old->payload, 7);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_trigger_live_data_doubles_between_collections(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip();
    struct fixture f;
    fixture_open_limit(&f, 256 << 20);
    // 64 KiB of garbage at least, then as much as lives: 1 MiB garbage is 16 collections, not more.
    for (uint32_t i = 0; i < (1 << 20) / 64; i++) {
        assert_non_null(make_buffer(&f, 64));
    }
    uint64_t collections = fixture_stats(&f).collections;
    assert_in_range(collections, 14, 16);

    struct znode *last = NULL;
    for (uint32_t i = 0; i < (8 << 20) / 64; i++) { // 8 MiB that all live
        struct znode *node = make_node(&f, 5);
        if (last != NULL) node_set(&f, node, 0, zvalue_object(last, ZTAG_NODE));
        last = node;
        f.roots[0] = zvalue_object(node, ZTAG_NODE);
    }
    // 64K, 128K, ... 4M: about log2(8 MiB / 64 KiB).
    assert_in_range(fixture_stats(&f).collections - collections, 6, 9);
    fixture_close(&f);
}

static void test_init_deinit_many_heaps_memory_comes_back(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    uint64_t mapped = zspan_pool_mapped_bytes_any(f.pool);
    for (uint32_t round = 0; round < 200; round++) {
        fixture_close_heap(&f);
        fixture_open_heap(&f, (struct zheap_options){.mode = ZHEAP_FULL, .limit_bytes = 1 << 20});
        uint32_t count = round % 3 == 0 ? 10 : ZHEAP_STRESS ? 100 : 3000;
        for (uint32_t i = 0; i < count; i++) {
            struct znode *node = make_node(&f, i % 50);
            assert_non_null(node);
            f.roots[i % ROOTS] = zvalue_object(node, ZTAG_NODE);
        }
    }
    assert_int_equal(zspan_pool_mapped_bytes_any(f.pool), mapped);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_inside_first_page_costs_only_the_block),
        cmocka_unit_test(test_new_first_page_wholly_dead_is_used_again),
        cmocka_unit_test(test_new_header_is_written),
        cmocka_unit_test(test_new_every_size_cells_are_aligned_and_apart),
        cmocka_unit_test(test_new_after_collection_reuses_the_cells),
        cmocka_unit_test(test_epoch_wraps_after_65536_collections),
        cmocka_unit_test(test_trigger_live_data_doubles_between_collections),
        cmocka_unit_test(test_init_deinit_many_heaps_memory_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
