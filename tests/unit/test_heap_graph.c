// Goal: the graph has an edge for each pointer and for nothing else, and numbers for the objects of its
// heap alone. Method: objects made by hand, whose edges and numbers are known.
#include "unit/heap_fixture.h"

#include "heap/graph.h"

static struct zvalue object_value(void *object)
{
    return zvalue_object(object, ZTAG_HEAP | ((struct zobject *)object)->kind);
}

struct seen {
    struct zedge edges[8];
    uint32_t count;
};

static void see(void *context, const struct zedge *edge)
{
    struct seen *seen = context;
    assert_true(seen->count < 8);
    seen->edges[seen->count++] = *edge;
}

static void test_edges_of_a_map_are_its_keys_and_values_in_the_heap(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct znode *key = make_node(&f, 1), *value = make_node(&f, 1);
    struct zmap_entry entries[] = {
        {.key = 1, .value = (uintptr_t)value, .key_tag = ZTAG_INT, .value_tag = ZTAG_NODE},
        {.key = (uintptr_t)key, .value = 7, .key_tag = ZTAG_NODE, .value_tag = ZTAG_INT},
        {.key = (uintptr_t)key, .key_tag = ZTAG_DEAD, .value_tag = ZTAG_NULL},
    };
    struct zmap map = {.owner = {.header = {.kind = ZTYPE_MAP, .flags = ZFLAG_EXTERNAL},
                                 .payload = entries,
                                 .payload_bytes = sizeof entries},
                       .capacity = 3,
                       .used = 3};
    struct seen seen = {.count = 0};
    zgraph_edges(&map.owner.header, see, &seen);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.edges[0].kind, ZEDGE_VALUE);
    assert_ptr_equal(seen.edges[0].to, value);
    assert_int_equal(seen.edges[1].kind, ZEDGE_KEY);
    assert_ptr_equal(seen.edges[1].to, key);
    assert_int_equal(seen.edges[1].index, 1);
    fixture_close(&f);
}

static void test_edges_of_slots_without_an_address_are_none(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    struct znode *node = make_node(&f, 3);
    node_set(&f, node, 0, zvalue_int(16));
    node_set(&f, node, 1, zvalue_slot(0, ZTAG_NODE)); // not filled yet
    node_set(&f, node, 2, object_value(node));
    struct seen seen = {.count = 0};
    zgraph_edges(&node->header, see, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.edges[0].index, 2);
    f.roots[0] = object_value(node);
    zheap_collect(&f.heap, NULL); // and marking passes it over
    assert_int_equal(fixture_stats(&f).live_count, 1);
    fixture_close(&f);
}

static void test_number_of_what_is_not_in_the_heap_is_none(void **state)
{
    (void)state;
    struct fixture f, other;
    fixture_open_limit(&f, 1 << 20);
    fixture_open_limit(&other, 1 << 20);
    struct znode *first = make_node(&f, 1);
    f.roots[0] = object_value(first);
    struct znode *second = make_node(&f, 1), *foreign = make_node(&other, 1);
    node_set(&f, first, 0, object_value(second));
    node_set(&f, second, 0, object_value(first)); // reached twice
    struct zgraph *graph;
    assert_int_equal(zgraph_create(&f.heap, &graph), ZVM_OK);
    assert_int_equal(zgraph_number(graph, first), 0);
    assert_int_equal(zgraph_number(graph, second), 1);
    assert_int_equal(zgraph_number(graph, (char *)second + 512), ZGRAPH_NONE); // a free cell
    assert_int_equal(zgraph_number(graph, foreign), ZGRAPH_NONE);
    zgraph_add_root(graph, &first->header, 0);
    zgraph_add_root(graph, &first->header, 1);
    zgraph_walk(graph);
    assert_int_equal(graph->tail, 2);
    assert_int_equal(graph->parents[0], ZGRAPH_ROOT);
    assert_int_equal(graph->parents[1], 0);
    zgraph_destroy(graph);
    zgraph_destroy(NULL);
    fixture_close(&other);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges_of_a_map_are_its_keys_and_values_in_the_heap),
        cmocka_unit_test(test_edges_of_slots_without_an_address_are_none),
        cmocka_unit_test(test_number_of_what_is_not_in_the_heap_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
