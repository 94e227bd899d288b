// Goal: the pools of a thread of the host do what zvm.h says of them: the same object while it is
// pooled, bounded sizes, cleared lists, figures that add up, and errors for whoever may not call.
// Method: through zvm.h only; sizes 1 and 2 beside the defaults; a second thread that may not call.
#include "zvm.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static zvm_pools *make(uint32_t int_size, uint32_t str_size, uint32_t list_size)
{
    zvm_pools_options options = ZVM_POOLS_OPTIONS_INIT;
    options.int_size = int_size;
    options.str_size = str_size;
    options.list_size = list_size;
    zvm_pools *pools = NULL;
    assert_int_equal(zvm_pools_create(&options, &pools), ZVM_OK);
    return pools;
}

static zvm_pools_figures figures_of(zvm_pools *pools)
{
    zvm_pools_figures figures = ZVM_POOLS_FIGURES_INIT;
    assert_int_equal(zvm_pools_stats(pools, &figures), ZVM_OK);
    return figures;
}

static const zvm_pool_integer *get_int(zvm_pools *pools, int64_t value)
{
    const zvm_pool_integer *integer = NULL;
    assert_int_equal(zvm_pools_int(pools, value, &integer), ZVM_OK);
    char text[32];
    assert_int_equal(integer->length_bytes,
                     (size_t)snprintf(text, sizeof text, "%lld", (long long)value));
    assert_string_equal(integer->text, text);
    assert_int_equal(integer->value, value);
    return integer;
}

static const char *get_str(zvm_pools *pools, const char *text)
{
    const char *found = NULL;
    assert_int_equal(zvm_pools_str(pools, text, strlen(text), &found), ZVM_OK);
    assert_string_equal(found, text);
    return found;
}

static zvm_list *acquire(zvm_pools *pools, size_t count)
{
    zvm_list *list = NULL;
    assert_int_equal(zvm_pools_list_acquire(pools, count, &list), ZVM_OK);
    assert_int_equal(list->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list->items[i].kind, ZVM_VALUE_NULL);
    return list;
}

// ---- Integers -----------------------------------------------------------------------------------

static void test_small_integers_are_always_the_same_object(void **state)
{
    (void)state;
    zvm_pools *pools = make(1, 0, 0);
    const zvm_pool_integer *first[385];
    for (int64_t value = -128; value <= 256; value++)
        first[value + 128] = get_int(pools, value);
    for (int64_t value = 1000; value < 1100; value++)
        (void)get_int(pools, value); // nothing pushes them out
    assert_int_equal(zvm_pools_clear(pools), ZVM_OK);
    for (int64_t value = -128; value <= 256; value++)
        assert_ptr_equal(get_int(pools, value), first[value + 128]);
    zvm_pools_figures figures = figures_of(pools);
    assert_int_equal(figures.pools[ZVM_POOL_INT].hits, 2 * 385);
    assert_int_equal(figures.pools[ZVM_POOL_INT].misses, 100);
    zvm_pools_destroy(pools);
}

static void test_large_integers_are_pooled_after_the_first_request(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0);
    const int64_t values[] = {257, -129, 1000000, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const zvm_pool_integer *first = get_int(pools, values[i]);
        assert_ptr_equal(get_int(pools, values[i]), first);
    }
    zvm_pool_stats stats = figures_of(pools).pools[ZVM_POOL_INT];
    assert_int_equal(stats.hits, 5);
    assert_int_equal(stats.misses, 5);
    assert_int_equal(stats.allocations, 5);
    assert_int_equal(stats.size, 5);
    assert_true(stats.hit_rate == 50);
    assert_true(stats.reuse_rate == 0); // integers are not released
    zvm_pools_destroy(pools);
}

static void test_integers_fill_the_pool_to_its_size_and_no_further(void **state)
{
    (void)state;
    const uint32_t sizes[] = {1, 2, 31, 33, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        zvm_pools *pools = make(sizes[s], 0, 0);
        for (uint32_t i = 0; i < sizes[s]; i++)
            (void)get_int(pools, 1000 + i);
        for (uint32_t i = 0; i < sizes[s]; i++) // all of them fit
            (void)get_int(pools, 1000 + i);
        assert_int_equal(figures_of(pools).pools[ZVM_POOL_INT].hits, sizes[s]);
        for (int64_t i = 0; i < 5000; i++)
            (void)get_int(pools, 100000 + i * 7);
        assert_int_equal(figures_of(pools).pools[ZVM_POOL_INT].size, sizes[s]);
        zvm_pools_destroy(pools);
    }
}

static void test_an_integer_that_is_asked_for_often_survives_those_that_are_not(void **state)
{
    (void)state;
    zvm_pools *pools = make(100, 0, 0);
    uint64_t hits = 0;
    for (int64_t i = 0; i < 10000; i++) {
        uint64_t before = figures_of(pools).pools[ZVM_POOL_INT].hits;
        (void)get_int(pools, 777777);
        hits += figures_of(pools).pools[ZVM_POOL_INT].hits - before;
        (void)get_int(pools, 1000000 + i);
    }
    assert_int_equal(hits, 9999); // CLOCK: the hand never meets it without its bit
    zvm_pools_destroy(pools);
}

// ---- Texts --------------------------------------------------------------------------------------

static void test_short_texts_are_the_same_copy_and_long_ones_the_original(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0);
    char own[] = "hello";
    const char *pooled = get_str(pools, own);
    assert_ptr_not_equal(pooled, own);
    assert_ptr_equal(get_str(pools, "hello"), pooled);
    assert_ptr_not_equal(get_str(pools, "hellp"), pooled);
    assert_ptr_equal(get_str(pools, ""), get_str(pools, ""));
    char text[66];
    memset(text, 'x', 65);
    text[65] = '\0';
    assert_ptr_equal(get_str(pools, text), text); // 65 bytes
    text[64] = '\0';
    const char *longest = get_str(pools, text);
    assert_ptr_not_equal(longest, text);
    assert_ptr_equal(get_str(pools, text), longest);
    zvm_pool_stats stats = figures_of(pools).pools[ZVM_POOL_STR];
    assert_int_equal(stats.size, 4);
    assert_int_equal(stats.hits, 3);
    const char *found;
    assert_int_equal(zvm_pools_str(pools, NULL, 0, &found), ZVM_OK);
    assert_string_equal(found, "");
    zvm_pools_destroy(pools);
}

static void test_texts_fill_the_pool_to_its_size_and_no_further(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 2, 0);
    for (int i = 0; i < 1000; i++) {
        char text[24];
        snprintf(text, sizeof text, "text %d", i);
        (void)get_str(pools, text);
    }
    assert_int_equal(figures_of(pools).pools[ZVM_POOL_STR].size, 2);
    zvm_pools_destroy(pools);
}

// ---- Lists --------------------------------------------------------------------------------------

static void test_released_lists_come_back_empty_by_size(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0);
    for (size_t count = 0; count <= 16; count++) {
        zvm_list *list = acquire(pools, count);
        for (size_t i = 0; i < count; i++)
            list->items[i] = (zvm_value){.kind = ZVM_VALUE_INT, .integer = 5};
        list->count = 9; // the host's to write
        assert_int_equal(zvm_pools_list_release(pools, list), ZVM_OK);
        zvm_list *other = acquire(pools, (count + 1) % 17);
        assert_ptr_not_equal(other, list);
        assert_ptr_equal(acquire(pools, count), list);
    }
    zvm_pool_stats stats = figures_of(pools).pools[ZVM_POOL_LIST];
    assert_int_equal(stats.releases, 17);
    assert_int_equal(stats.hits, 17);
    zvm_pools_destroy(pools); // with lists that were never released
}

static void test_large_lists_are_not_pooled(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(zvm_pools_list_release(pools, acquire(pools, 17)), ZVM_OK);
    zvm_pool_stats stats = figures_of(pools).pools[ZVM_POOL_LIST];
    assert_int_equal(stats.hits + stats.misses + stats.releases + stats.size, 0);
    assert_int_equal(figures_of(pools).used_bytes, 0);
    zvm_pools_destroy(pools);
}

static void test_each_size_of_list_keeps_no_more_than_its_limit(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 2);
    zvm_list *lists[5];
    for (int i = 0; i < 5; i++)
        lists[i] = acquire(pools, 3);
    for (int i = 0; i < 5; i++)
        assert_int_equal(zvm_pools_list_release(pools, lists[i]), ZVM_OK);
    zvm_pool_stats stats = figures_of(pools).pools[ZVM_POOL_LIST];
    assert_int_equal(stats.size, 2);
    assert_int_equal(stats.releases, 2);
    assert_true(stats.reuse_rate == 40);
    zvm_pools_destroy(pools);
}

static void test_list_released_twice_or_to_another_set_is_refused(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0), *others = make(0, 0, 0);
    zvm_list *list = acquire(pools, 4);
    assert_int_equal(zvm_pools_list_release(others, list), ZVM_E_FOREIGN);
    assert_int_equal(zvm_pools_list_release(pools, list), ZVM_OK);
    assert_int_equal(zvm_pools_list_release(pools, list), ZVM_E_STATE);
    assert_int_equal(zvm_pools_list_release(pools, NULL), ZVM_OK);
    assert_int_equal(figures_of(pools).pools[ZVM_POOL_LIST].size, 1);
    zvm_pools_destroy(pools);
    zvm_pools_destroy(others);
}

static int leave_by_return(zvm_pools *pools)
{
    ZVM_WITH_LIST(pools, 3, list)
    {
        if (list->count == 3) return 1;
    }
    return 0;
}

static void test_with_list_releases_however_it_is_left(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0);
    int runs = 0;
    ZVM_WITH_LIST(pools, 3, list)
    {
        runs += (int)list->count;
    }
    assert_int_equal(runs, 3);
    ZVM_WITH_LIST(pools, 3, list)
    {
        if (list != NULL) break;
    }
    ZVM_WITH_LIST(pools, 3, list)
    {
        if (list != NULL) continue;
    }
    assert_int_equal(leave_by_return(pools), 1);
    ZVM_WITH_LIST(pools, SIZE_MAX / 2, list)
    {
        runs = -1;
    }
    assert_int_equal(runs, 3); // no such list: the block does not run
    zvm_pool_stats stats = figures_of(pools).pools[ZVM_POOL_LIST];
    assert_int_equal(stats.releases, 4);
    assert_int_equal(stats.allocations, 1);
    zvm_pools_destroy(pools);
}

// ---- The set ------------------------------------------------------------------------------------

static void use_all(zvm_pools *pools)
{
    for (int i = 0; i < 50; i++) {
        char text[24];
        snprintf(text, sizeof text, "text %d", i);
        (void)get_int(pools, 5000 + i);
        (void)get_str(pools, text);
        assert_int_equal(zvm_pools_list_release(pools, acquire(pools, (size_t)i % 17)), ZVM_OK);
    }
}

static void test_clear_empties_the_pools_and_keeps_the_figures(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0);
    use_all(pools);
    zvm_pools_figures before = figures_of(pools);
    assert_true(before.used_bytes > 0);
    assert_int_equal(zvm_pools_clear(pools), ZVM_OK);
    zvm_pools_figures after = figures_of(pools);
    assert_int_equal(after.total.size, 0);
    assert_int_equal(after.total.misses, before.total.misses);
    assert_int_equal(after.used_bytes, 0);
    use_all(pools);
    zvm_pools_destroy(pools);
}

static void test_disabled_pool_is_bypassed_and_says_so(void **state)
{
    (void)state;
    for (int kind = 0; kind < ZVM_POOL_KIND_COUNT; kind++) {
        zvm_pools *pools = make(0, 0, 0);
        use_all(pools);
        assert_int_equal(zvm_pools_enable(pools, (zvm_pool_kind)kind, false), ZVM_OK);
        zvm_pools_figures before = figures_of(pools);
        assert_false(before.pools[kind].is_enabled);
        assert_int_equal(before.pools[kind].size, 0);
        use_all(pools);
        zvm_pools_figures after = figures_of(pools);
        for (int other = 0; other < ZVM_POOL_KIND_COUNT; other++) {
            assert_true(after.pools[other].is_enabled == (other != kind));
            bool is_same = after.pools[other].hits == before.pools[other].hits &&
                           after.pools[other].misses == before.pools[other].misses;
            assert_true(is_same == (other == kind));
        }
        assert_int_equal(zvm_pools_enable(pools, (zvm_pool_kind)kind, true), ZVM_OK);
        use_all(pools);
        assert_true(figures_of(pools).pools[kind].size > 0);
        zvm_pools_destroy(pools);
    }
}

static void test_pool_of_no_size_cannot_be_enabled(void **state)
{
    (void)state;
    zvm_pools *pools = make(ZVM_POOL_OFF, ZVM_POOL_OFF, ZVM_POOL_OFF);
    use_all(pools);
    zvm_pools_figures figures = figures_of(pools);
    assert_false(figures.total.is_enabled);
    assert_int_equal(figures.total.hits + figures.total.misses, 0);
    for (int kind = 0; kind < ZVM_POOL_KIND_COUNT; kind++)
        assert_int_equal(zvm_pools_enable(pools, (zvm_pool_kind)kind, true), ZVM_E_STATE);
    zvm_pools_destroy(pools);
}

static void test_pool_below_its_least_hit_rate_turns_itself_off(void **state)
{
    (void)state;
    zvm_pools_options options = ZVM_POOLS_OPTIONS_INIT;
    options.auto_disable_below_percent[ZVM_POOL_INT] = 10;
    options.auto_disable_below_percent[ZVM_POOL_STR] = 10;
    zvm_pools *pools;
    assert_int_equal(zvm_pools_create(&options, &pools), ZVM_OK);
    for (int64_t i = 0; i < 1023; i++) {
        (void)get_int(pools, 1000 + i);
        (void)get_str(pools, i % 5 == 0 ? "again" : "and again");
    }
    assert_true(figures_of(pools).pools[ZVM_POOL_INT].is_enabled);
    for (int64_t i = 0; i < 2000; i++)
        (void)get_str(pools, "again");
    (void)get_int(pools, 5000);
    (void)get_int(pools, 5000);
    zvm_pools_figures figures = figures_of(pools);
    assert_false(figures.pools[ZVM_POOL_INT].is_enabled);
    assert_int_equal(figures.pools[ZVM_POOL_INT].size, 0);
    assert_true(figures.pools[ZVM_POOL_STR].is_enabled);
    zvm_pools_destroy(pools);
}

static void test_limit_bounds_everything_that_the_set_gives_out(void **state)
{
    (void)state;
    zvm_pools_options options = ZVM_POOLS_OPTIONS_INIT;
    options.limit_bytes = 20000;
    zvm_pools *pools;
    assert_int_equal(zvm_pools_create(&options, &pools), ZVM_OK);
    zvm_list *list;
    assert_int_equal(zvm_pools_list_acquire(pools, 1000, &list), ZVM_E_HEAP_LIMIT);
    assert_int_equal(zvm_pools_list_acquire(pools, SIZE_MAX, &list), ZVM_E_HEAP_LIMIT);
    for (int64_t i = 0; i < 2000; i++) {
        (void)get_int(pools, i);
        char text[16];
        snprintf(text, sizeof text, "text %d", (int)i);
        (void)get_str(pools, text);
        assert_true(figures_of(pools).used_bytes <= 20000);
    }
    zvm_pools_destroy(pools);
}

static void test_wrong_arguments_are_refused(void **state)
{
    (void)state;
    zvm_pools_options options = ZVM_POOLS_OPTIONS_INIT;
    zvm_pools *pools = NULL;
    assert_int_equal(zvm_pools_create(NULL, NULL), ZVM_E_ARGUMENT);
    options.int_size = ZVM_POOL_SIZE_MAX + 1;
    assert_int_equal(zvm_pools_create(&options, &pools), ZVM_E_ARGUMENT);
    options = (zvm_pools_options)ZVM_POOLS_OPTIONS_INIT;
    options.auto_disable_below_percent[2] = 101;
    assert_int_equal(zvm_pools_create(&options, &pools), ZVM_E_ARGUMENT);
    options.size = 1;
    assert_int_equal(zvm_pools_create(&options, &pools), ZVM_E_ARGUMENT);
    assert_null(pools);
    assert_int_equal(zvm_pools_create(NULL, &pools), ZVM_OK);
    const zvm_pool_integer *integer;
    const char *text;
    zvm_list *list;
    assert_int_equal(zvm_pools_int(NULL, 1, &integer), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_int(pools, 1, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_str(pools, NULL, 3, &text), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_str(pools, "abc", 3, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_list_acquire(pools, 1, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_list_acquire(NULL, 1, &list), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_list_release(NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_enable(pools, (zvm_pool_kind)3, true), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_clear(NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_adopt(NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_stats(pools, NULL), ZVM_E_ARGUMENT);
    assert_null(zvm_pools_list_begin(NULL, 1));
    zvm_pools_list_end(NULL);
    assert_int_equal(zvm_pools_destroy(NULL), ZVM_OK);
    zvm_pools_destroy(pools);
}

static void *call_from_another_thread(void *context)
{
    zvm_pools *pools = context;
    const zvm_pool_integer *integer;
    const char *text;
    zvm_list *list;
    zvm_pools_figures figures = ZVM_POOLS_FIGURES_INIT;
    uintptr_t refused = 0;
    refused += zvm_pools_int(pools, 1, &integer) == ZVM_E_THREAD;
    refused += zvm_pools_str(pools, "a", 1, &text) == ZVM_E_THREAD;
    refused += zvm_pools_list_acquire(pools, 1, &list) == ZVM_E_THREAD;
    refused += zvm_pools_list_release(pools, NULL) == ZVM_E_THREAD;
    refused += zvm_pools_enable(pools, ZVM_POOL_INT, false) == ZVM_E_THREAD;
    refused += zvm_pools_clear(pools) == ZVM_E_THREAD;
    refused += zvm_pools_stats(pools, &figures) == ZVM_E_THREAD;
    refused += zvm_pools_destroy(pools) == ZVM_E_THREAD;
    if (zvm_pools_adopt(pools) == ZVM_OK && zvm_pools_int(pools, 1, &integer) == ZVM_OK) refused++;
    return (void *)refused;
}

static void test_only_the_owner_may_call(void **state)
{
    (void)state;
    zvm_pools *pools = make(0, 0, 0);
    pthread_t thread;
    void *refused;
    assert_int_equal(pthread_create(&thread, NULL, call_from_another_thread, pools), 0);
    pthread_join(thread, &refused);
    assert_int_equal((uintptr_t)refused, 9);
    const zvm_pool_integer *integer;
    assert_int_equal(zvm_pools_int(pools, 1, &integer), ZVM_E_THREAD); // it was adopted
    assert_int_equal(zvm_pools_adopt(pools), ZVM_OK);
    assert_int_equal(zvm_pools_destroy(pools), ZVM_OK);
}

static void *use_own_set(void *context)
{
    (void)context;
    zvm_pools *pools;
    if (zvm_pools_create(NULL, &pools) != ZVM_OK) return NULL;
    for (int64_t i = 0; i < 3000; i++) {
        const zvm_pool_integer *integer;
        const char *text;
        if (zvm_pools_int(pools, i % 1500, &integer) != ZVM_OK || integer->value != i % 1500)
            return NULL;
        if (zvm_pools_str(pools, integer->text, integer->length_bytes, &text) != ZVM_OK)
            return NULL;
        ZVM_WITH_LIST(pools, (size_t)(i % 20), list)
        {
            list->items = NULL;
        }
    }
    return zvm_pools_destroy(pools) == ZVM_OK ? context : NULL;
}

static void test_sets_of_many_threads_share_nothing(void **state)
{
    (void)state;
    pthread_t threads[16];
    for (int i = 0; i < 16; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_own_set, threads), 0);
    for (int i = 0; i < 16; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, threads);
    }
}

// ---- Objects of the host ------------------------------------------------------------------------

struct counts {
    zvm_object_pool *pool;
    int created, reset, destroyed, busy, refuse;
};

static void *create_object(void *context)
{
    struct counts *counts = context;
    void *object;
    if (counts->pool != NULL && zvm_object_pool_acquire(counts->pool, &object) == ZVM_E_BUSY)
        counts->busy++;
    if (counts->refuse) return NULL;
    counts->created++;
    return calloc(1, sizeof(int));
}

static void reset_object(void *context, void *object)
{
    struct counts *counts = context;
    counts->reset++;
    *(int *)object = 0;
}

static void destroy_object(void *context, void *object)
{
    struct counts *counts = context;
    counts->destroyed++;
    free(object);
}

static void test_object_pool_reuses_resets_and_destroys(void **state)
{
    (void)state;
    struct counts counts = {0};
    zvm_object_pool_options options = ZVM_OBJECT_POOL_OPTIONS_INIT;
    options.create = create_object;
    options.reset = reset_object;
    options.destroy = destroy_object;
    options.context = &counts;
    options.max_size = 2;
    assert_int_equal(zvm_object_pool_create(&options, &counts.pool), ZVM_OK);
    void *objects[3], *again;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(zvm_object_pool_acquire(counts.pool, &objects[i]), ZVM_OK);
        *(int *)objects[i] = 7;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(zvm_object_pool_release(counts.pool, objects[i]), ZVM_OK);
    assert_int_equal(counts.destroyed, 1); // the third: no place
    assert_int_equal(zvm_object_pool_acquire(counts.pool, &again), ZVM_OK);
    assert_ptr_equal(again, objects[1]);
    assert_int_equal(*(int *)again, 0);
    zvm_pool_stats stats;
    assert_int_equal(zvm_object_pool_stats(counts.pool, &stats), ZVM_OK);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 3);
    assert_int_equal(stats.releases, 2);
    assert_int_equal(stats.size, 1);
    assert_true(stats.hit_rate == 25);
    assert_int_equal(counts.busy, 3);
    assert_int_equal(zvm_object_pool_release(counts.pool, again), ZVM_OK);
    assert_int_equal(zvm_object_pool_clear(counts.pool), ZVM_OK);
    assert_int_equal(counts.destroyed, 3);
    counts.refuse = 1;
    assert_int_equal(zvm_object_pool_acquire(counts.pool, &again), ZVM_E_NOMEM);
    assert_int_equal(zvm_object_pool_release(counts.pool, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_object_pool_destroy(counts.pool), ZVM_OK);
    assert_int_equal(zvm_object_pool_destroy(NULL), ZVM_OK);
    options.destroy = NULL;
    assert_int_equal(zvm_object_pool_create(&options, &counts.pool), ZVM_E_ARGUMENT);
}

static void test_pools_that_turn_themselves_off_give_up_what_they_keep(void **state)
{
    (void)state;
    zvm_pools_options options = ZVM_POOLS_OPTIONS_INIT;
    options.auto_disable_below_percent[ZVM_POOL_STR] = 90;
    options.auto_disable_below_percent[ZVM_POOL_LIST] = 90;
    zvm_pools *pools;
    assert_int_equal(zvm_pools_create(&options, &pools), ZVM_OK);
    enum { REQUESTS = 2000 };
    static zvm_list *lists[REQUESTS];
    uint64_t most_texts = 0, most_lists = 0;
    for (int i = 0; i < REQUESTS; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "text %d", i);
        (void)get_str(pools, text);
        lists[i] = acquire(pools, 2);
        if (i == 100) assert_int_equal(zvm_pools_list_release(pools, lists[0]), ZVM_OK);
        if (i == 100) lists[0] = acquire(pools, 3);
        if (i == 1000) assert_int_equal(zvm_pools_list_release(pools, lists[0]), ZVM_OK);
        zvm_pools_figures figures = figures_of(pools);
        if (figures.pools[ZVM_POOL_STR].size > most_texts)
            most_texts = figures.pools[ZVM_POOL_STR].size;
        if (figures.pools[ZVM_POOL_LIST].size > most_lists)
            most_lists = figures.pools[ZVM_POOL_LIST].size;
    }
    assert_true(most_texts > 0);
    assert_int_equal(most_lists, 1);
    zvm_pools_figures figures = figures_of(pools);
    for (int kind = ZVM_POOL_INT; kind < ZVM_POOL_KIND_COUNT; kind++) {
        assert_int_equal(figures.pools[kind].is_enabled, kind == ZVM_POOL_INT);
        assert_int_equal(figures.pools[kind].size, 0);
    }
    for (int i = 1; i < REQUESTS; i++)
        assert_int_equal(zvm_pools_list_release(pools, lists[i]), ZVM_OK);
    zvm_pools_destroy(pools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_integers_are_always_the_same_object),
        cmocka_unit_test(test_large_integers_are_pooled_after_the_first_request),
        cmocka_unit_test(test_integers_fill_the_pool_to_its_size_and_no_further),
        cmocka_unit_test(test_an_integer_that_is_asked_for_often_survives_those_that_are_not),
        cmocka_unit_test(test_short_texts_are_the_same_copy_and_long_ones_the_original),
        cmocka_unit_test(test_texts_fill_the_pool_to_its_size_and_no_further),
        cmocka_unit_test(test_released_lists_come_back_empty_by_size),
        cmocka_unit_test(test_large_lists_are_not_pooled),
        cmocka_unit_test(test_each_size_of_list_keeps_no_more_than_its_limit),
        cmocka_unit_test(test_list_released_twice_or_to_another_set_is_refused),
        cmocka_unit_test(test_with_list_releases_however_it_is_left),
        cmocka_unit_test(test_clear_empties_the_pools_and_keeps_the_figures),
        cmocka_unit_test(test_disabled_pool_is_bypassed_and_says_so),
        cmocka_unit_test(test_pool_of_no_size_cannot_be_enabled),
        cmocka_unit_test(test_pool_below_its_least_hit_rate_turns_itself_off),
        cmocka_unit_test(test_limit_bounds_everything_that_the_set_gives_out),
        cmocka_unit_test(test_wrong_arguments_are_refused),
        cmocka_unit_test(test_only_the_owner_may_call),
        cmocka_unit_test(test_sets_of_many_threads_share_nothing),
        cmocka_unit_test(test_object_pool_reuses_resets_and_destroys),
        cmocka_unit_test(test_pools_that_turn_themselves_off_give_up_what_they_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
