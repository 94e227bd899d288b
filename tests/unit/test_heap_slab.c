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

// Of the pages of a slab each block has its own, and no two blocks share a byte.
static void fill(void *block, uint32_t i)
{
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_ptr_equal(zslab_of(block), zslab_of(zheap_block_page(block)));
    memset(block, (int)(i % 251), ZHEAP_CONTROL_BYTES);
    memset(zheap_block_page(block), (int)(i % 241), ZPAGE_BYTES);
}

static void check_filled(const void *block, uint32_t i)
{
    const unsigned char *control = block;
    const char *page = zheap_block_page(block);
    for (uint32_t at = 0; at < ZHEAP_CONTROL_BYTES; at++)
        assert_int_equal(control[at], i % 251);
    for (uint32_t at = 0; at < ZPAGE_BYTES; at++)
        assert_int_equal((unsigned char)page[at], i % 241);
}

static void test_blocks_lie_apart_and_fill_slabs_of_their_own(void **state)
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
        fill(blocks[i], i);
    }
    // 547 blocks a slab, and a batch too many at most.
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 4 * ZSLAB_BYTES);
    for (uint32_t i = 0; i < 2000; i++) {
        check_filled(blocks[i], i);
        zheap_block_release(env, blocks[i]);
    }
    zheap_block_release(env, NULL);
    // What the thread keeps lies in two slabs, and one whole slab is kept.
    assert_true(zspan_pool_mapped_bytes_any(pool) <= 3 * ZSLAB_BYTES);
    zheap_env_destroy(env);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), ZSLAB_BYTES);
    zspan_pool_destroy(pool);
}

static void test_slab_of_blocks_all_back_is_cut_into_spans_again(void **state)
{
    (void)state;
    struct zspan_pool *pool;
    assert_int_equal(zspan_pool_create(&pool), ZVM_OK);
    struct zpage *blocks = NULL, *spans = NULL;
    assert_int_equal(zspan_pool_take_any(pool, ZSPAN_BLOCK, ZSLAB_BLOCKS, &blocks), ZSLAB_BLOCKS);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), ZSLAB_BYTES);
    // A slab of blocks gives no spans, and one of spans no blocks.
    assert_int_equal(zspan_pool_take_any(pool, ZSPAN_1, 1, &spans), 1);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 2 * ZSLAB_BYTES);
    struct zpage *block = blocks;
    blocks = block->next;
    block->next = NULL;
    zspan_pool_give_any(pool, block);
    assert_int_equal(zspan_pool_take_any(pool, ZSPAN_BLOCK, 1, &blocks), 1);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 2 * ZSLAB_BYTES);
    assert_int_equal(zspan_pool_take_any(pool, ZSPAN_BLOCK, 1, &blocks), 1);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 3 * ZSLAB_BYTES);
    // All back: what was kept of the slabs serves either.
    zspan_pool_give_any(pool, blocks);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 2 * ZSLAB_BYTES);
    for (uint32_t i = 0; i < 15; i++)
        assert_int_equal(zspan_pool_take_any(pool, ZSPAN_64, 1, &spans), 1);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), 2 * ZSLAB_BYTES);
    zspan_pool_give_any(pool, spans);
    assert_int_equal(zspan_pool_mapped_bytes_any(pool), ZSLAB_BYTES);
    zspan_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_random_life_never_overlap),
        cmocka_unit_test(test_spans_one_page_each_fill_a_slab),
        cmocka_unit_test(test_spans_no_memory_takes_what_there_is),
        cmocka_unit_test(test_blocks_lie_apart_and_fill_slabs_of_their_own),
        cmocka_unit_test(test_slab_of_blocks_all_back_is_cut_into_spans_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
