// Goal: the profile of a heap sees exactly what it should, forgets the dead, and when it gets no
// memory it ends and the heap goes on.
// Method: objects of known sizes with a site function that says what the test wants; sums are
// compared with the heap's own exact counters.
#include "unit/heap_fixture.h"

#include "base/clock.h"
#include "heap/graph.h"
#include "heap/profile_internal.h"

#define LIMIT (64u << 20)

static const char MAKERS[4] = "abc";

struct maker {
    uint32_t index;
};

static void site_of(void *context, struct zsite *out)
{
    const struct maker *maker = context;
    out->frame_count = 1;
    out->frames[0] = (struct zsite_frame){&MAKERS[maker->index % 3], maker->index};
}

static void start(struct fixture *f, uint64_t sample_bytes, uint32_t history, struct maker *maker)
{
    struct zprofile_options options = {.history_entries = history,
                                       .sample_bytes = sample_bytes,
                                       .sample_seed = 42,
                                       .site = site_of,
                                       .context = maker};
    assert_int_equal(zprofile_start(&f->heap, &options), ZVM_OK);
}

// Keeps one node in four in a ring of roots.
static void churn(struct fixture *f, struct maker *maker, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        maker->index = i % 5;
        struct znode *node = make_node(f, i % 40);
        assert_non_null(node);
        if (i % 4 == 0) f->roots[i / 4 % ROOTS] = zvalue_object(node, ZTAG_HEAP | ZTYPE_NODE);
    }
}

static void sum_sites(struct fixture *f, uint64_t *all_bytes, uint64_t *live_bytes)
{
    uint32_t count;
    const struct zsample_site *sites = zsample_sites(&f->heap, &count);
    *all_bytes = *live_bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        *all_bytes += sites[i].all_bytes;
        *live_bytes += sites[i].live_bytes;
    }
}

static void test_sampling_of_all_bytes_equals_the_counters(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 1, 0, &maker);
    churn(&f, &maker, 20000);
    uint64_t all, live;
    sum_sites(&f, &all, &live);
    assert_int_equal(all, fixture_stats(&f).allocated_bytes);
    zheap_collect(&f.heap, NULL);
    sum_sites(&f, &all, &live);
    assert_int_equal(live, fixture_stats(&f).live_bytes);
    fixture_verify(&f);
    uint32_t count;
    (void)zsample_sites(&f.heap, &count);
    assert_int_equal(count, 1 + 5);
    fixture_close(&f);
}

static void test_minor_collections_forget_what_died(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct zheap_options){.limit_bytes = LIMIT, .mode = ZHEAP_GENERATIONAL});
    struct maker maker = {0};
    start(&f, 1, 0, &maker);
    churn(&f, &maker, 20000);
    uint64_t all, live;
    if (!ZHEAP_STRESS) assert_true(fixture_stats(&f).minor_collections > 0);
    sum_sites(&f, &all, &live);
    assert_true(live < all);
    zheap_collect(&f.heap, NULL);
    sum_sites(&f, &all, &live);
    assert_int_equal(live, fixture_stats(&f).live_bytes);
    fixture_verify(&f);
    fixture_close(&f);
}

// The bug it guards against: cells cached by one class let its allocations run past the sampled byte.
static void test_sampling_is_unbiased_between_size_classes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 256, 0, &maker);
    uint64_t bytes[2] = {0, 0};
    for (uint32_t i = 0; i < 200000; i++) {
        bool is_large = i % 10 == 0;
        maker.index = is_large;
        struct znode *node = make_node(&f, is_large ? 100 : 1);
        assert_non_null(node);
        bytes[is_large] += zheap_cell_bytes(&f.heap, node);
    }
    uint32_t count;
    const struct zsample_site *sites = zsample_sites(&f.heap, &count);
    assert_int_equal(count, 3);
    for (uint32_t i = 1; i < count; i++) {
        uint64_t real = bytes[sites[i].site.frames[0].pc];
        assert_in_range(sites[i].all_bytes, real * 95 / 100, real * 105 / 100);
    }
    fixture_close(&f);
}

static void test_external_payloads_are_sampled_for_their_owner(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 1024, 0, &maker);
    struct zowner *owner = zheap_new(&f.heap, ZTYPE_STRBUF, sizeof(struct zstrbuf_object), 0);
    owner->payload = NULL;
    owner->payload_bytes = 0;
    f.roots[0] = zvalue_object(owner, ZTAG_HEAP | ZTYPE_STRBUF);
    assert_true(zheap_payload_resize(&f.heap, owner, 1u << 20));
    const struct zsample *sample = zsample_find(&f.heap, &owner->header);
    assert_non_null(sample);
    assert_in_range(sample->bytes, (1u << 20) * 9 / 10, (1u << 20) * 11 / 10);
    f.roots[0] = zvalue_null();
    zheap_collect(&f.heap, NULL);
    uint64_t all, live;
    sum_sites(&f, &all, &live);
    assert_true(all > 0);
    assert_int_equal(live, 0);
    fixture_close(&f);
}

static void test_history_of_everything_is_in_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 0, 100, &maker);
    churn(&f, &maker, 1000);
    uint64_t total;
    assert_int_equal(zhistory_count(&f.heap, &total), 100);
    assert_int_equal(total, 1000);
    for (uint32_t i = 0; i < 100; i++) {
        struct zhistory_entry entry;
        assert_true(zhistory_entry(&f.heap, i, &entry));
        assert_int_equal(entry.kind, ZTYPE_NODE);
        assert_int_equal(entry.site.pc, (900 + i) % 5);
    }
    struct zhistory_entry none;
    assert_false(zhistory_entry(&f.heap, 100, &none));
    fixture_close(&f);
}

static void test_ages_count_collections(void **state)
{
    (void)state;
    for (int is_profiled = 0; is_profiled <= 1; is_profiled++) {
        struct fixture f;
        fixture_open_limit(&f, LIMIT);
        struct maker maker = {0};
        if (is_profiled) start(&f, 0, 0, &maker);
        for (uint32_t i = 0; i < 10; i++) {
            f.roots[i] = zvalue_object(make_node(&f, 1), ZTAG_HEAP | ZTYPE_NODE);
            zheap_collect(&f.heap, NULL);
        }
        uint64_t seen = 0;
        for (uint32_t i = 0; i < 10; i++) {
            struct zage age = zheap_age(&f.heap, f.roots[i].p, zclock_coarse_ns());
            if (!ZHEAP_STRESS) assert_int_equal(age.collections, 10 - i);
            if (i > 0) assert_true(age.collections < seen);
            seen = age.collections;
        }
        fixture_close(&f);
    }
}

// More epochs than there are marks: old ages get coarser, and their order stays.
static void test_ages_survive_many_collections(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 0, 0, &maker);
    for (uint32_t i = 0; i < 6000; i++) {
        struct znode *node = make_node(&f, 1);
        if (i % 600 == 0) f.roots[i / 600] = zvalue_object(node, ZTAG_HEAP | ZTYPE_NODE);
        zheap_collect(&f.heap, NULL);
    }
    for (uint32_t i = 0; i < 10 && !ZHEAP_STRESS; i++) {
        struct zage age = zheap_age(&f.heap, f.roots[i].p, zclock_coarse_ns());
        uint64_t real = 6000 - i * 600;
        assert_in_range(age.collections, real * 29 / 30 - 1, real + 1);
    }
    fixture_close(&f);
}

// Every allocation is tried with the next request for memory refused. Where the object is had all
// the same, the request was the profile's, and only the profile may have ended.
static void test_refused_memory_ends_the_profile_only(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 1, 0, &maker);
    bool has_ended = false;
    for (uint32_t i = 0; i < 5000 && !has_ended; i++) {
        maker.index = i;
        zalloc_fail_at(1, true /* from_there_on */);
        struct znode *node = make_node(&f, 1);
        zalloc_fail_at(0, false);
        assert_non_null(node); // a span is had from the slab that there is
        has_ended = zprofile_status(&f.heap) == ZVM_E_NOMEM;
    }
    assert_true(has_ended);
    uint64_t all_before, all, live;
    sum_sites(&f, &all_before, &live);
    assert_true(all_before > 0);
    churn(&f, &maker, 5000);
    sum_sites(&f, &all, &live);
    assert_int_equal(all, all_before);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_profile_that_cannot_start_leaves_the_heap_as_it_is(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct zprofile_options options = {.history_entries = 10, .sample_bytes = 1};
    uint64_t refused = 0;
    for (uint64_t n = 1; n < 20; n++) {
        zalloc_fail_at(n, false /* from_there_on */);
        zvm_status status = zprofile_start(&f.heap, &options);
        zalloc_fail_at(0, false);
        if (status == ZVM_OK) break;
        assert_int_equal(status, ZVM_E_NOMEM);
        assert_false(zprofile_is_on(&f.heap));
        refused++;
    }
    assert_true(refused >= 5);
    assert_true(zprofile_is_on(&f.heap));
    assert_non_null(make_node(&f, 1));
    fixture_close(&f);
}

static void test_graph_of_a_deep_list_needs_no_recursion(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    uint32_t count = ZHEAP_STRESS ? 1000 : 100000;
    for (uint32_t i = 0; i < count; i++) {
        struct znode *node = make_node(&f, 1);
        node_set(&f, node, 0, f.roots[0]);
        f.roots[0] = zvalue_object(node, ZTAG_HEAP | ZTYPE_NODE);
    }
    zheap_collect(&f.heap, NULL);
    struct zgraph *graph;
    assert_int_equal(zgraph_create(&f.heap, &graph), ZVM_OK);
    assert_int_equal(graph->count, count);
    zgraph_add_root(graph, f.roots[0].p, 7);
    zgraph_walk(graph);
    assert_int_equal(graph->tail, count);
    assert_int_equal(graph->parents[zgraph_number(graph, f.roots[0].p)], ZGRAPH_ROOT | 7);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        assert_int_equal(zgraph_number(graph, graph->objects[i]), i);
        bytes += zgraph_bytes(graph, graph->objects[i]);
    }
    assert_int_equal(bytes, fixture_stats(&f).live_bytes);
    zgraph_destroy(graph);
    fixture_close(&f);
}

// An object from before the profile, and one that has lived through ticks only.
static void test_ages_of_ticks_count_no_collections(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    f.roots[0] = zvalue_object(make_node(&f, 1), ZTAG_HEAP | ZTYPE_NODE);
    struct maker maker = {0};
    start(&f, 0, 0, &maker);
    f.roots[1] = zvalue_object(make_node(&f, 1), ZTAG_HEAP | ZTYPE_NODE);
    struct zprofile *profile = zprofile_of(&f.heap);
    struct zages *ages = &profile->ages;
    uint64_t hour_ns = UINT64_C(3600000000000), now_ns = ages->start_ns + hour_ns;
    zages_poll(&f.heap, profile, now_ns);
    // An hour has passed, so the next tick is not due for seconds.
    assert_in_range(ages->next_tick_ns - now_ns, hour_ns / 1025, hour_ns / 1023);
    now_ns += 5;
    assert_int_equal(zheap_age(&f.heap, f.roots[0].p, now_ns).collections, 0);
    assert_int_equal(zheap_age(&f.heap, f.roots[0].p, now_ns).ns, hour_ns + 5);
    assert_int_equal(zheap_age(&f.heap, f.roots[1].p, now_ns).collections, 0);
    assert_int_equal(zheap_age(&f.heap, f.roots[1].p, now_ns).ns, 5);
    fixture_close(&f);
}

// So many epochs that even thinned out their marks do not all fit: the oldest are forgotten, and every
// object that can be asked about is behind a mark that is left.
static void test_ages_of_millions_of_epochs_forget_the_oldest(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 0, 0, &maker);
    struct zprofile *profile = zprofile_of(&f.heap);
    const struct zages *ages = &profile->ages;
    uint64_t first = ages->marks[0].epoch, epochs = 0;
    for (; ages->marks[0].epoch == first && epochs < (UINT64_C(1) << 25); epochs++)
        zages_collected(&f.heap, profile);
    assert_true(ages->marks[0].epoch > first);
    assert_true(profile->epoch - ages->marks[0].epoch > 65536);
    assert_true(ages->count <= ZAGE_MARKS);
    fixture_close(&f);
}

static void test_stacks_beyond_the_most_are_one_site(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct fixture f;
    fixture_open_limit(&f, LIMIT);
    struct maker maker = {0};
    start(&f, 1, 0, &maker);
    enum { BEYOND = 100 };
    for (uint32_t i = 0; i < ZSAMPLE_SITES_MAX - 1 + BEYOND; i++) {
        maker.index = i; // each is another stack
        assert_non_null(make_node(&f, 1));
    }
    uint32_t count;
    const struct zsample_site *sites = zsample_sites(&f.heap, &count);
    assert_int_equal(count, ZSAMPLE_SITES_MAX);
    assert_int_equal(sites[0].all_count, BEYOND);
    assert_int_equal(sites[count - 1].all_count, 1);
    assert_int_equal(zprofile_status(&f.heap), ZVM_OK);
    fixture_close(&f);
}

static void test_parts_that_are_off_say_so(void **state)
{
    (void)state;
    for (int part = 0; part < 3; part++) {
        struct fixture f;
        fixture_open_limit(&f, LIMIT);
        struct maker maker = {0};
        bool has_history = part == 1, has_samples = part == 2;
        if (part > 0) start(&f, has_samples, has_history ? 10 : 0, &maker);
        struct znode *node = make_node(&f, 1);
        assert_int_equal(zprofile_is_on(&f.heap), part > 0);
        assert_int_equal(zprofile_status(&f.heap), ZVM_OK);
        assert_int_equal(zhistory_is_on(&f.heap), has_history);
        assert_int_equal(zsample_is_on(&f.heap), has_samples);
        assert_int_equal(zsample_find(&f.heap, &node->header) != NULL, has_samples);
        uint32_t count;
        assert_int_equal(zsample_sites(&f.heap, &count) != NULL, has_samples);
        uint64_t total;
        assert_int_equal(zhistory_count(&f.heap, &total), has_history);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampling_of_all_bytes_equals_the_counters),
        cmocka_unit_test(test_minor_collections_forget_what_died),
        cmocka_unit_test(test_sampling_is_unbiased_between_size_classes),
        cmocka_unit_test(test_external_payloads_are_sampled_for_their_owner),
        cmocka_unit_test(test_history_of_everything_is_in_order),
        cmocka_unit_test(test_ages_count_collections),
        cmocka_unit_test(test_ages_survive_many_collections),
        cmocka_unit_test(test_refused_memory_ends_the_profile_only),
        cmocka_unit_test(test_profile_that_cannot_start_leaves_the_heap_as_it_is),
        cmocka_unit_test(test_graph_of_a_deep_list_needs_no_recursion),
        cmocka_unit_test(test_ages_of_ticks_count_no_collections),
        cmocka_unit_test(test_ages_of_millions_of_epochs_forget_the_oldest),
        cmocka_unit_test(test_stacks_beyond_the_most_are_one_site),
        cmocka_unit_test(test_parts_that_are_off_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
