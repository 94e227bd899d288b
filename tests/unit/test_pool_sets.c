// Goal: the pools of an isolate keep to their bounds where programs seldom get: buffers that no bin is
// for, and a pool of integers that never pays. Method: the sets by hand, in a heap of their own.
#include "unit/heap_fixture.h"

#include "pool/pool.h"

static void test_buffers_that_no_bin_is_for_are_left(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct zpools *pools = zpools_create(&f.heap, 0, 4);
    assert_non_null(pools);
    static const size_t left[] = {0, sizeof(void *) - 1, ZPOOL_LIST_BYTES_MAX + 1, 1000};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        zpools_put_buffer(pools, make_buffer(&f, sizeof(struct zbuffer) + left[i]));
        assert_int_equal(pools->figures[ZPOOL_LIST].size, 0);
    }
    zpools_put_buffer(pools, make_buffer(&f, sizeof(struct zbuffer) + sizeof(void *)));
    zpools_put_buffer(pools, make_buffer(&f, sizeof(struct zbuffer) + ZPOOL_LIST_BYTES_MAX));
    assert_int_equal(pools->figures[ZPOOL_LIST].size, 2);
    zpools_destroy(pools, &f.heap);
    fixture_close(&f);
}

// Misses until the pool is not to be asked any more; then collections until it is. Returns these.
static uint64_t wait_after_misses(struct fixture *f, struct zpools *pools, int64_t *value)
{
    struct zstring *text = f->roots[0].p;
    while (zpools_put_int(pools, &f->heap, (*value)++, text)) {
    }
    uint64_t collections = 1;
    for (; !zpools_note_collection(pools); collections++) {
    }
    return collections;
}

static void test_integers_that_never_pay_are_tried_ever_more_rarely(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct zpools *pools = zpools_create(&f.heap, 4, 0);
    assert_non_null(pools);
    struct zstring *text = zheap_new(&f.heap, ZTYPE_STRING, sizeof *text + 8, 1);
    assert_non_null(text);
    f.roots[0] = zvalue_object(text, ZTAG_STRING);
    int64_t value = 1000;
    for (uint64_t wait = 8; wait < 1 << 16; wait *= 2)
        assert_int_equal(wait_after_misses(&f, pools, &value), wait);
    for (int i = 0; i < 2; i++) // and no more rarely
        assert_int_equal(wait_after_misses(&f, pools, &value), 1 << 16);
    zpools_destroy(pools, &f.heap);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffers_that_no_bin_is_for_are_left),
        cmocka_unit_test(test_integers_that_never_pay_are_tried_ever_more_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
