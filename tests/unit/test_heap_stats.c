// Goal: the figures of a heap are exact between any two allocations.
// Method: a model counts each object itself, by the size class that its size has; a collection of the
// model frees what the test holds no more.
#include "unit/heap_fixture.h"

#define SLOTS 48

struct model {
    uint64_t bytes[SLOTS]; // cell of the object in each slot; 0: none
    uint64_t garbage_count, garbage_bytes;
    uint64_t allocated_count, allocated_bytes;
    uint64_t freed_count, freed_bytes;
    uint64_t peak_bytes;
};

static uint64_t live_bytes(const struct model *model)
{
    return model->allocated_bytes - model->freed_bytes;
}

static void check(const struct fixture *f, const struct model *model)
{
    struct zheap_stats stats = fixture_stats(f);
    assert_int_equal(stats.allocated_count, model->allocated_count);
    assert_int_equal(stats.allocated_bytes, model->allocated_bytes);
    assert_int_equal(stats.freed_count, model->freed_count);
    assert_int_equal(stats.freed_bytes, model->freed_bytes);
    assert_int_equal(stats.live_count, model->allocated_count - model->freed_count);
    assert_int_equal(stats.live_bytes, live_bytes(model));
    assert_int_equal(stats.live_peak_bytes, model->peak_bytes);
}

static void drop(struct fixture *f, struct model *model, uint32_t slot)
{
    if (model->bytes[slot] == 0) return;
    model->garbage_count++;
    model->garbage_bytes += model->bytes[slot];
    model->bytes[slot] = 0;
    f->roots[slot] = zvalue_null();
}

static void model_collect(struct model *model)
{
    model->freed_count += model->garbage_count;
    model->freed_bytes += model->garbage_bytes;
    model->garbage_count = 0;
    model->garbage_bytes = 0;
}

static void add(struct fixture *f, struct model *model, uint32_t slot, size_t bytes)
{
    drop(f, model, slot);
    uint64_t collections = fixture_stats(f).collections;
    struct zbuffer *buffer = make_buffer(f, bytes);
    assert_non_null(buffer);
    // A collection comes before the object is made.
    if (fixture_stats(f).collections != collections) model_collect(model);
    f->roots[slot] = zvalue_object(buffer, ZTAG_HEAP | ZTYPE_BUFFER);
    // Which cell it got is the heap's choice (mixed page or class); that it is right, verify checks.
    model->bytes[slot] = zheap_cell_bytes(&f->heap, buffer);
    uint64_t rounded = (bytes + 15) / 16 * 16;
    uint64_t class_bytes = zheap_class_bytes[zheap_class_of(bytes)];
    assert_true(model->bytes[slot] == rounded || model->bytes[slot] == class_bytes);
    model->allocated_count++;
    model->allocated_bytes += model->bytes[slot];
    if (live_bytes(model) > model->peak_bytes) model->peak_bytes = live_bytes(model);
}

static void test_stats_match_a_model_after_each_step(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 16 << 20);
    struct model model = {0};
    srand(77);
    uint32_t steps = ZHEAP_STRESS ? 1000 : 30000;
    for (uint32_t i = 0; i < steps; i++) {
        uint32_t slot = (uint32_t)rand() % SLOTS;
        uint32_t what = (uint32_t)rand() % 1000;
        if (what < 5) {
            zheap_collect(&f.heap, NULL);
            model_collect(&model);
        } else if (what < 300) {
            drop(&f, &model, slot);
        } else {
            add(&f, &model, slot, 8 + (uint32_t)rand() % (what < 320 ? 2041 : 100));
        }
        check(&f, &model);
        if (i % 500 == 0) fixture_verify(&f);
    }
    assert_true(fixture_stats(&f).collections > 20);
    fixture_close(&f);
}

static void test_stats_external_payload_counts_what_it_grows_by(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 16 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = zvalue_object(list, ZTAG_LIST);
    assert_int_equal(fixture_stats(&f).live_bytes, 32);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 5000));
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 9000));
    assert_int_equal(fixture_stats(&f).live_bytes, 32 + 9000);
    assert_int_equal(fixture_stats(&f).allocated_bytes, 32 + 9000);
    assert_int_equal(fixture_stats(&f).allocated_count, 1);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 6000));
    struct zheap_stats stats = fixture_stats(&f);
    assert_int_equal(stats.live_bytes, 32 + 6000);
    assert_int_equal(stats.freed_bytes, 3000);
    assert_int_equal(stats.freed_count, 0);
    assert_int_equal(stats.live_peak_bytes, 32 + 9000);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 0));
    assert_int_equal(fixture_stats(&f).live_bytes, 32);
    assert_int_equal(fixture_stats(&f).live_peak_bytes, 32 + 9000);
    fixture_close(&f);
}

static void test_stats_fresh_heap_is_one_block(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 16384);
    struct zheap_stats stats = fixture_stats(&f);
    assert_int_equal(stats.limit_bytes, 16384);
    assert_int_equal(stats.committed_bytes, ZHEAP_BLOCK_BYTES);
    assert_int_equal(stats.committed_peak_bytes, ZHEAP_BLOCK_BYTES);
    assert_int_equal(stats.allocated_count, 0);
    assert_int_equal(stats.live_peak_bytes, 0);
    assert_int_equal(stats.collections, 0);
    assert_int_equal(stats.held_symbols, 0);
    zheap_collect(&f.heap, NULL);
    stats = fixture_stats(&f);
    assert_int_equal(stats.collections, 1);
    assert_true(stats.pause_ns_max <= stats.pause_ns_total);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_match_a_model_after_each_step),
        cmocka_unit_test(test_stats_external_payload_counts_what_it_grows_by),
        cmocka_unit_test(test_stats_fresh_heap_is_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
