// Goal: payloads keep their bytes through every change of size, inside and outside the spans, are
// counted exactly, and are freed with their owners.
// Method: resize through all borders against a copy; count what the allocation seam still has.
#include "unit/heap_fixture.h"

static struct zvalue object_value(void *object)
{
    return zvalue_object(object, ZTAG_HEAP | ((struct zobject *)object)->kind);
}

// The list never has elements: its payload is only bytes here.
static void check_bytes(const struct zlist *list, const unsigned char *model, size_t count)
{
    assert_int_equal(list->owner.payload_bytes, count);
    if (count == 0) {
        assert_null(list->owner.payload);
        return;
    }
    assert_memory_equal(list->owner.payload, model, count);
}

static void test_payload_resize_keeps_what_both_sizes_share(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        1,    8, 9,    2040, 2041, 2040, 5000, 100000, 99999, 2041, 7,  2039, 2048, 0,       3,  0,
        4096, 0, 4097, 1,    40,   41,   80,   120,    121,   60,   24, 23,   24,   1000000, 10, 0};
    static unsigned char model[1000000];
    struct fixture f;
    fixture_open_limit(&f, 8 << 20);
    uint64_t before = zalloc_stats().live_bytes;
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    srand(1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t old_bytes = list->owner.payload_bytes;
        size_t shared = old_bytes < sizes[i] ? old_bytes : sizes[i];
        assert_true(zheap_payload_resize(&f.heap, &list->owner, sizes[i]));
        if (shared > 0) assert_memory_equal(list->owner.payload, model, shared);
        for (size_t b = shared; b < sizes[i]; b++) {
            model[b] = (unsigned char)rand();
            ((unsigned char *)list->owner.payload)[b] = model[b];
        }
        bool is_outside = (list->owner.header.flags & ZFLAG_EXTERNAL) != 0;
        assert_int_equal(is_outside, sizes[i] > 2040);
        assert_int_equal(fixture_stats(&f).external_bytes, is_outside ? sizes[i] : 0);
        if (i % 3 == 0) zheap_collect(&f.heap, NULL);
        check_bytes(list, model, sizes[i]);
        fixture_verify(&f);
    }
    assert_true(zalloc_stats().live_bytes - before < 10000); // the tables of the heap
    fixture_close(&f);
}

static void test_payload_fresh_owner_survives_its_own_collection(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 100000);
    for (uint32_t i = 0; i < 300; i++) {
        // Known to no root; the heap is full of garbage payloads again and again.
        struct zlist *list = make_list(&f);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 30000));
        memset(list->owner.payload, 7, 30000);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 60000));
        assert_int_equal(((char *)list->owner.payload)[29999], 7);
        assert_int_equal(list->owner.header.kind, ZTYPE_LIST);
    }
    assert_true(fixture_stats(&f).collections > 50);
    fixture_close(&f);
}

static void test_payload_dead_owner_frees_it_outside(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 64 << 20);
    for (uint32_t i = 0; i < 20; i++) {
        struct zlist *list = make_list(&f);
        f.roots[i] = object_value(list);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 3000 + i));
    }
    struct zalloc_stats before = zalloc_stats();
    for (uint32_t i = 0; i < 20; i += 2) {
        f.roots[i] = zvalue_null();
    }
    struct zheap_collect_result result;
    zheap_collect(&f.heap, &result);
    struct zalloc_stats after = zalloc_stats();
    if (!ZHEAP_STRESS) assert_int_equal(before.live_count - after.live_count, 10);
    assert_true(result.freed_bytes >= 10 * 3000);
    assert_int_equal(fixture_stats(&f).external_bytes,
                     10 * 3000 + 1 + 3 + 5 + 7 + 9 + 11 + 13 + 15 + 17 + 19);
    fixture_verify(&f);
    fixture_close(&f);
}

// Out and in again between two collections: the owner must be in the list once, not twice.
static void test_payload_in_and_out_is_listed_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 64 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 3000));
        assert_true(zheap_payload_resize(&f.heap, &list->owner, i % 2 == 0 ? 0 : 10));
    }
    assert_true(zheap_more(&f.heap)->owner_count <= 1);
    zheap_collect(&f.heap, NULL);
    assert_int_equal(zheap_more(&f.heap)->owner_count, 0);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 3000));
    zheap_collect(&f.heap, NULL);
    assert_int_equal(zheap_more(&f.heap)->owner_count, 1);
    fixture_verify(&f);
    f.roots[0] = zvalue_null();
    zheap_collect(&f.heap, NULL);
    assert_int_equal(fixture_stats(&f).live_bytes, 0);
    fixture_close(&f);
}

static void test_payload_many_owners_list_grows_and_shrinks(void **state)
{
    (void)state;
    const uint32_t count = ZHEAP_STRESS ? 50 : 3000;
    struct fixture f;
    fixture_open_limit(&f, 64 << 20);
    struct zlist *all = make_list(&f);
    f.roots[0] = object_value(all);
    assert_true(list_reserve_any(&f, all, count));
    for (uint32_t i = 0; i < count; i++) {
        struct zlist *list = make_list(&f);
        list_push_any(&f, all, object_value(list));
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 2041));
    }
    assert_int_equal(fixture_stats(&f).external_bytes,
                     count * 2041 + (count * 9 > 2040 ? count * 9 : 0));
    uint64_t charged = fixture_stats(&f).charged_bytes;
    assert_true(charged >= count * sizeof(void *));
    f.roots[0] = zvalue_null();
    for (uint32_t i = 0; i < 12; i++) {
        zheap_collect(&f.heap, NULL);
    }
    assert_true(fixture_stats(&f).charged_bytes <= charged - count * 7);
    assert_int_equal(fixture_stats(&f).external_bytes, 0);
    fixture_close(&f);
}

static void test_payload_growth_triggers_collections(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 256 << 20);
    // 100 MB of garbage outside, in few and small objects.
    for (uint32_t i = 0; i < 1000; i++) {
        struct zlist *list = make_list(&f);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 100000));
        f.roots[0] = object_value(list);
    }
    assert_true(fixture_stats(&f).collections > 300);
    assert_true(fixture_stats(&f).committed_peak_bytes < 1 << 20);
    fixture_close(&f);
}

static void test_payload_heap_ends_frees_all(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct fixture f;
    fixture_open_limit(&f, 64 << 20);
    for (uint32_t i = 0; i < 100; i++) {
        struct zlist *list = make_list(&f);
        f.roots[0] = object_value(list);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 2000 + i * 10));
    }
    fixture_close(&f);
    struct zalloc_stats after = zalloc_stats();
    assert_true(after.live_count == before.live_count);
    assert_true(after.live_bytes == before.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload_resize_keeps_what_both_sizes_share),
        cmocka_unit_test(test_payload_fresh_owner_survives_its_own_collection),
        cmocka_unit_test(test_payload_dead_owner_frees_it_outside),
        cmocka_unit_test(test_payload_in_and_out_is_listed_once),
        cmocka_unit_test(test_payload_many_owners_list_grows_and_shrinks),
        cmocka_unit_test(test_payload_growth_triggers_collections),
        cmocka_unit_test(test_payload_heap_ends_frees_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
