// Goal: spans that are out never overlap, neighbours that come back join, and empty slabs are
// unmapped.
// Method: take and give random spans, filling each with its own number; count slabs.
#include "unit/heap_fixture.h"

#define SPANS 3000

struct taken {
    struct zpage *span;
    unsigned char fill;
};

static char *memory_of(const struct taken *taken)
{
    return zpage_base(taken->span);
}

static void check_and_give(struct zspan_pool *pool, struct taken *taken)
{
    size_t bytes = (size_t)zspan_pages(taken->span->order) * ZPAGE_BYTES;
    for (size_t i = 0; i < bytes; i += 64) {
        assert_int_equal((unsigned char)memory_of(taken)[i], taken->fill);
    }
    taken->span->next = NULL;
    zspan_pool_give_any(pool, taken->span);
    taken->span = NULL;
}

static void take(struct zspan_pool *pool, struct taken *taken, uint32_t order, unsigned char fill)
{
    struct zpage *span = NULL;
    assert_int_equal(zspan_pool_take_any(pool, order, 1, &span), 1);
    assert_int_equal(span->order, order);
    taken->span = span;
    taken->fill = fill;
    size_t bytes = (size_t)zspan_pages(order) * ZPAGE_BYTES;
    assert_int_equal((uintptr_t)memory_of(taken) % bytes, 0);
    for (size_t i = 0; i < bytes; i += 64) {
        memory_of(taken)[i] = (char)fill;
    }
}

static void test_spans_random_life_never_overlap(void **state)
{
    (void)state;
    struct zspan_pool *pool;
    assert_int_equal(zspan_pool_create(&pool), ZVM_OK);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 0);
    static struct taken all[SPANS];
    srand(9);
    for (uint32_t step = 0; step < 30000; step++) {
        struct taken *taken = &all[rand() % SPANS];
        if (taken->span != NULL)
            check_and_give(pool, taken);
        else
            take(pool, taken, (uint32_t)rand() % ZSPAN_ORDERS, (unsigned char)(step % 251));
    }
    for (uint32_t i = 0; i < SPANS; i++) {
        if (all[i].span != NULL) check_and_give(pool, &all[i]);
    }
    // Everything is back and joined again: at most the kept slab is mapped, and is whole.
    assert_true(zspan_pool_mapped_bytes_any(pool) <= ZSLAB_BYTES);
    static struct taken large[15];
    for (uint32_t i = 0; i < 15; i++) {
        take(pool, &large[i], ZSPAN_64, (unsigned char)i);
    }
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), ZSLAB_BYTES);
    for (uint32_t i = 0; i < 15; i++) {
        check_and_give(pool, &large[i]);
    }
    zspan_pool_destroy(pool);
}

static void test_spans_one_page_each_fill_a_slab(void **state)
{
    (void)state;
    struct zspan_pool *pool;
    assert_int_equal(zspan_pool_create(&pool), ZVM_OK);
    struct zpage *list = NULL;
    assert_int_equal(zspan_pool_take_any(pool, ZSPAN_1, 992, &list), 992);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), ZSLAB_BYTES);
    assert_int_equal(zspan_pool_take_any(pool, ZSPAN_1, 1, &list), 1);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 2 * ZSLAB_BYTES);
    zspan_pool_give_any(pool, list);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), ZSLAB_BYTES);
    zspan_pool_destroy(pool);
}

static void test_spans_no_memory_takes_what_there_is(void **state)
{
    (void)state;
    struct zspan_pool *pool;
    assert_int_equal(zspan_pool_create(&pool), ZVM_OK);
    struct zpage *list = NULL;
    zalloc_fail_at(2, true /* from_there_on */);
    uint32_t taken = zspan_pool_take_any(pool, ZSPAN_64, 40, &list);
    zalloc_fail_at(0, false);
    assert_int_equal(taken, 15);
    zspan_pool_give_any(pool, list);
    zspan_pool_destroy(pool);
}

static void test_blocks_are_two_pages_in_one_slab(void **state)
{
    (void)state;
    struct zspan_pool *pool;
    struct zheap_env *env;
    assert_int_equal(zspan_pool_create(&pool), ZVM_OK);
    assert_int_equal(zheap_env_create(pool, &env), ZVM_OK);
    static void *blocks[2000];
    for (uint32_t i = 0; i < 2000; i++) {
        blocks[i] = zheap_block_acquire(env);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % ZHEAP_BLOCK_BYTES, 0);
        memset(blocks[i], (int)(i % 256), ZHEAP_BLOCK_BYTES);
    }
    // 496 blocks a slab, and a batch too many at most.
    assert_true(zspan_pool_mapped_bytes_any(pool) <= 5 * ZSLAB_BYTES);
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(((unsigned char *)blocks[i])[2047], i % 256);
        zheap_block_release(env, blocks[i]);
    }
    zheap_block_release(env, NULL);
    // What the thread keeps lies in two slabs, and one whole slab is kept.
    assert_true(zspan_pool_mapped_bytes_any(pool) <= 3 * ZSLAB_BYTES);
    zheap_env_destroy(env);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), ZSLAB_BYTES);
    zspan_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_random_life_never_overlap),
        cmocka_unit_test(test_spans_one_page_each_fill_a_slab),
        cmocka_unit_test(test_spans_no_memory_takes_what_there_is),
        cmocka_unit_test(test_blocks_are_two_pages_in_one_slab),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
