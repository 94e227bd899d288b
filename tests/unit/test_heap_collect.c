// Goal: a collection frees exactly what cannot be reached, whatever the shape of the graph, and
// also when the mark stack cannot grow.
// Method: build graphs of each kind of object, drop some roots, and count the objects that live on.
#include "unit/heap_fixture.h"

static struct zvalue object_value(void *object)
{
    return zvalue_object(object, ZTAG_HEAP | ((struct zobject *)object)->kind);
}

static uint64_t live_after_collect(struct fixture *f)
{
    zheap_collect(&f->heap, NULL);
    fixture_verify(f);
    return fixture_stats(f).live_count;
}

static void test_collect_cycles_are_freed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 8 << 20);
    for (uint32_t i = 0; i < 500; i++) {
        struct znode *a = make_node(&f, 2);
        f.roots[0] = object_value(a);
        struct znode *b = make_node(&f, 2);
        node_set(&f, a, 0, object_value(b));
        node_set(&f, b, 0, object_value(a));
        node_set(&f, b, 1, object_value(b));
    }
    assert_int_equal(live_after_collect(&f), 2);
    f.roots[0] = zvalue_null();
    assert_int_equal(live_after_collect(&f), 0);
    fixture_close(&f);
}

static void test_collect_result_tells_what_was_freed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 8 << 20);
    f.roots[0] = object_value(make_buffer(&f, 64));
    zheap_collect(&f.heap, NULL);
    f.roots[0] = zvalue_null();
    struct zheap_collect_result result = {99, 99, 0};
    zheap_collect(&f.heap, &result);
    assert_int_equal(result.freed_count, 1);
    assert_int_equal(result.freed_bytes, 64);
    zheap_collect(&f.heap, &result);
    assert_int_equal(result.freed_count, 0);
    assert_int_equal(result.freed_bytes, 0);
    fixture_close(&f);
}

// One object of each kind, each holding one buffer and nothing else.
static struct zvalue held_buffer(struct fixture *f)
{
    f->roots[1] = object_value(make_buffer(f, 32));
    return f->roots[1];
}

static void *make_func(struct fixture *f)
{
    struct zvalue buffer = held_buffer(f);
    struct zfunc *func = zheap_new(&f->heap, ZTYPE_FUNC, zfunc_bytes(1), 1);
    func->proto = NULL;
    func->captured[0] = buffer.bits;
    zfunc_tags(func)[0] = (uint8_t)buffer.tag;
    return func;
}

static void *make_record(struct fixture *f)
{
    struct zvalue buffer = held_buffer(f);
    struct zclass *class = zheap_new(&f->heap, ZTYPE_CLASS, sizeof *class + 9, 1);
    class->parent = NULL;
    class->shape = NULL;
    class->slots[0] = buffer.bits;
    zclass_tags(class)[0] = (uint8_t)buffer.tag;
    f->roots[2] = object_value(class);
    struct zclass *child = zheap_new(&f->heap, ZTYPE_CLASS, sizeof *child, 0);
    child->parent = f->roots[2].p;
    child->shape = NULL;
    f->roots[2] = object_value(child);
    buffer = held_buffer(f);
    struct zrecord *record = zheap_new(&f->heap, ZTYPE_RECORD, sizeof *record + 9, 1);
    record->class = f->roots[2].p;
    record->shape_id = 0;
    record->fields[0] = buffer.bits;
    zrecord_tags(record)[0] = (uint8_t)buffer.tag;
    return record;
}

static void *make_error(struct fixture *f)
{
    struct zvalue kind = held_buffer(f);
    f->roots[2] = kind;
    struct zvalue message = held_buffer(f);
    f->roots[3] = message;
    struct zbuffer *trace = make_buffer(f, 48);
    f->roots[4] = object_value(trace);
    struct zerror *error = zheap_new(&f->heap, ZTYPE_ERROR, sizeof *error, 0);
    error->kind = kind.bits;
    error->kind_tag = (uint8_t)kind.tag;
    error->message = message.bits;
    error->message_tag = (uint8_t)message.tag;
    error->line = 0;
    error->column = 0;
    error->trace = f->roots[4].p;
    return error;
}

static void *make_task(struct fixture *f)
{
    f->roots[2] = object_value(make_func(f));
    struct zvalue buffer = held_buffer(f);
    struct ztask *task = zheap_new(&f->heap, ZTYPE_TASK, sizeof *task + 9, 1);
    task->func = f->roots[2].p;
    task->state = 0;
    task->slots[0] = buffer.bits;
    ztask_tags(task)[0] = (uint8_t)buffer.tag;
    return task;
}

static void *make_bound(struct fixture *f)
{
    f->roots[2] = object_value(make_func(f));
    struct zvalue receiver = held_buffer(f);
    struct zbound *bound = zheap_new(&f->heap, ZTYPE_BOUND, sizeof *bound, receiver.tag);
    bound->receiver = receiver.bits;
    bound->method = f->roots[2].p;
    bound->builtin = 0;
    return bound;
}

static void *make_map(struct fixture *f)
{
    struct zmap *map = zheap_new(&f->heap, ZTYPE_MAP, sizeof *map, 0);
    memset(&map->owner.payload, 0, sizeof *map - sizeof map->owner.header);
    f->roots[2] = object_value(map);
    assert_true(zheap_payload_resize(&f->heap, &map->owner, 4 * sizeof(struct zmap_entry)));
    struct zvalue buffer = held_buffer(f);
    map->capacity = 4;
    map->used = 3;
    struct zmap_entry *entries = zmap_entries(map);
    memset(entries, 0, 4 * sizeof *entries);
    entries[0].value = buffer.bits;
    entries[0].value_tag = (uint8_t)buffer.tag;
    // A removed entry keeps nothing alive, whatever its value still says.
    zheap_log(&f->heap, &map->owner.header);
    buffer = held_buffer(f);
    entries[1].key_tag = ZTAG_DEAD;
    entries[1].value = buffer.bits;
    entries[1].value_tag = (uint8_t)buffer.tag;
    zheap_log(&f->heap, &map->owner.header);
    buffer = held_buffer(f);
    entries[2].key = buffer.bits;
    entries[2].key_tag = (uint8_t)buffer.tag;
    zheap_log(&f->heap, &map->owner.header);
    return map;
}

static void *make_long_string(struct fixture *f)
{
    struct zstrbuf_object *buffer = zheap_new(&f->heap, ZTYPE_STRBUF, sizeof *buffer, 0);
    buffer->owner.payload = NULL;
    buffer->owner.payload_bytes = 0;
    buffer->used = 0;
    f->roots[2] = object_value(buffer);
    assert_true(zheap_payload_resize(&f->heap, &buffer->owner, 1000));
    struct zstrbuf_object *offsets = zheap_new(&f->heap, ZTYPE_STRBUF, sizeof *offsets, 0);
    offsets->owner.payload = NULL;
    offsets->owner.payload_bytes = 0;
    f->roots[3] = object_value(offsets);
    assert_true(zheap_payload_resize(&f->heap, &offsets->owner, 100));
    struct zstring_long *string =
        zheap_new(&f->heap, ZTYPE_STRING | ZFLAG_LONG << 8, sizeof *string, 1000);
    string->hash = 0;
    string->buffer = f->roots[2].p;
    string->offsets = f->roots[3].p;
    string->length_chars = 0;
    return string;
}

static void *make_any_list(struct fixture *f)
{
    struct zlist *list = make_list(f);
    f->roots[2] = object_value(list);
    assert_true(list_reserve_any(f, list, 4));
    list_push_any(f, list, zvalue_int(5));
    list_push_any(f, list, held_buffer(f));
    return list;
}

static void *make_int_list(struct fixture *f)
{
    struct zlist *list = make_list(f);
    f->roots[2] = object_value(list);
    assert_true(zheap_payload_resize(&f->heap, &list->owner, 80));
    list->capacity = 10;
    // Integers that look like addresses of objects are none.
    zlist_payload(list)[0] = held_buffer(f).bits;
    list->owner.header.aux = 1;
    return list;
}

static void *make_a_cell(struct fixture *f)
{
    return make_cell(f, held_buffer(f));
}

static void *make_a_node(struct fixture *f)
{
    struct zvalue buffer = held_buffer(f);
    struct znode *node = make_node(f, 3);
    node_set(f, node, 1, buffer);
    return node;
}

static void test_collect_each_kind_keeps_what_it_holds(void **state)
{
    (void)state;
    static const struct {
        void *(*make)(struct fixture *f);
        uint64_t objects; // with what it holds
    } kinds[] = {
        {make_func, 2},        {make_record, 5},   {make_error, 4},    {make_task, 4},
        {make_bound, 4},       {make_map, 4},      {make_a_node, 2},   {make_a_cell, 2},
        {make_long_string, 5}, {make_any_list, 3}, {make_int_list, 2},
    };
    struct fixture f;
    fixture_open_limit(&f, 8 << 20);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (uint32_t round = 0; round < 30; round++) {
            f.roots[0] = object_value(kinds[i].make(&f));
            for (uint32_t root = 1; root < 8; root++) {
                f.roots[root] = zvalue_null();
            }
            assert_int_equal(live_after_collect(&f), kinds[i].objects);
        }
        f.roots[0] = zvalue_null();
        assert_int_equal(live_after_collect(&f), 0);
    }
    fixture_close(&f);
}

static void test_collect_scope_values_are_roots(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 8 << 20);
    struct zvalue values[2] = {zvalue_null(), zvalue_null()};
    struct zvalue inner = zvalue_null();
    struct zscope scope;
    struct zscope inner_scope;
    zscope_open(&f.heap, &scope, values, 2);
    values[0] = object_value(make_buffer(&f, 24));
    values[1] = object_value(make_cell(&f, zvalue_int(1)));
    zscope_open(&f.heap, &inner_scope, &inner, 1);
    inner = object_value(make_node(&f, 1));
    assert_int_equal(live_after_collect(&f), 3);
    zscope_close(&f.heap, &inner_scope);
    assert_int_equal(live_after_collect(&f), 2);
    zscope_close(&f.heap, &scope);
    assert_int_equal(live_after_collect(&f), 0);
    fixture_close(&f);
}

// list [list [list ...]]: depth first with a mark stack that stays tiny.
static void test_collect_deep_nesting_needs_no_stack(void **state)
{
    (void)state;
    const uint64_t depth = ZHEAP_STRESS ? 500 : 1000000;
    struct fixture f;
    fixture_open_limit(&f, 1u << 30);
    for (uint64_t i = 0; i < depth; i++) {
        struct zlist *list = make_list(&f);
        f.roots[1] = object_value(list);
        assert_true(list_reserve_any(&f, list, 1));
        list_push_any(&f, list, f.roots[0]);
        f.roots[0] = f.roots[1];
    }
    uint32_t capacity = f.env->stack.capacity;
    zalloc_fail_at(1, true /* from_there_on */);
    zheap_collect(&f.heap, NULL);
    zalloc_fail_at(0, false);
    assert_int_equal(f.env->stack.capacity, capacity);
    assert_int_equal(live_after_collect(&f), depth * 2);
    f.roots[0] = f.roots[1] = zvalue_null();
    assert_int_equal(live_after_collect(&f), 0);
    fixture_close(&f);
}

// A list of many nodes, each with nodes below: more is waiting than an entry a list needs.
static void fill_wide(struct fixture *f, uint32_t width)
{
    struct zlist *list = make_list(f);
    f->roots[0] = object_value(list);
    assert_true(list_reserve_any(f, list, width));
    for (uint32_t i = 0; i < width; i++) {
        struct znode *node = make_node(f, 20);
        list_push_any(f, list, object_value(node));
        for (uint32_t k = 0; k < 20; k++) {
            node_set(f, node, k, object_value(make_buffer(f, 16)));
        }
    }
}

static void test_collect_wide_list_keeps_the_stack_small(void **state)
{
    (void)state;
    const uint32_t width = ZHEAP_STRESS ? 50 : 20000;
    struct fixture f;
    fixture_open_limit(&f, 1u << 30);
    fill_wide(&f, width);
    uint64_t external = width * 9 > 2040 ? 0 : 1;
    assert_int_equal(live_after_collect(&f), 1 + external + (uint64_t)width * 21);
    // A chunk of the list, and the children of as many as are on their way from memory.
    assert_true(f.env->stack.capacity <= 1024);
    fixture_close(&f);
}

// Random graphs need a stack; when it cannot grow the marked objects are scanned again.
static void test_collect_mark_stack_refused_still_finds_all(void **state)
{
    (void)state;
    const uint32_t count = ZHEAP_STRESS ? 60 : 20000;
    struct fixture f;
    fixture_open_limit(&f, 1u << 30);
    struct zlist *all = make_list(&f);
    f.roots[0] = object_value(all);
    assert_true(list_reserve_any(&f, all, count));
    for (uint32_t i = 0; i < count; i++) {
        list_push_any(&f, all, object_value(make_node(&f, 8)));
    }
    srand(12345);
    for (uint32_t i = 0; i < count; i++) {
        // A spine through all of them in shuffled order, and random edges besides.
        struct znode *node = zvalue_slot(zlist_payload(all)[i], zlist_tags(all)[i]).p;
        uint32_t next = (i + 7919) % count;
        node_set(&f, node, 0, zvalue_slot(zlist_payload(all)[next], ZTAG_NODE));
        for (uint32_t k = 1; k < 8; k++) {
            uint32_t other = (uint32_t)rand() % count;
            node_set(&f, node, k, zvalue_slot(zlist_payload(all)[other], ZTAG_NODE));
        }
    }
    f.roots[0] = zvalue_slot(zlist_payload(all)[0], ZTAG_NODE);
    zalloc_fail_at(1, true /* from_there_on */);
    zheap_collect(&f.heap, NULL);
    zalloc_fail_at(0, false);
    assert_int_equal(fixture_stats(&f).live_count, count);
    assert_int_equal(live_after_collect(&f), count);
    assert_true(zheap_take_work(&f.heap) > count * 8u);
    assert_int_equal(zheap_take_work(&f.heap), 0);
    fixture_close(&f);
}

// A chain through nodes of two chunks each: every node leaves its second chunk waiting, so that the
// stack would have to be as deep as the chain.
static void test_collect_long_chain_stack_refused_still_finds_all(void **state)
{
    (void)state;
    const uint32_t count = ZHEAP_STRESS ? 60 : 3000;
    struct fixture f;
    fixture_open_limit(&f, 1u << 30);
    for (uint32_t i = 0; i < count; i++) {
        struct znode *node = make_node(&f, 200);
        node_set(&f, node, 0, f.roots[0]);
        f.roots[0] = object_value(node);
        node_set(&f, node, 199, object_value(make_buffer(&f, 16)));
    }
    zalloc_fail_at(1, true /* from_there_on */);
    zheap_collect(&f.heap, NULL);
    zalloc_fail_at(0, false);
    assert_int_equal(fixture_stats(&f).live_count, count * 2);
    assert_int_equal(live_after_collect(&f), count * 2);
    fixture_close(&f);
}

static void test_collect_pauses_are_kept_for_the_thread(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 8 << 20);
    uint64_t pauses[ZHEAP_ENV_PAUSES_MAX];
    (void)zheap_env_take_pauses(f.env, pauses, ZHEAP_ENV_PAUSES_MAX);
    uint64_t total = fixture_stats(&f).pause_ns_total;
    for (uint32_t i = 0; i < 5; i++) {
        zheap_collect(&f.heap, NULL);
    }
    assert_int_equal(zheap_env_take_pauses(f.env, pauses, 2), 2);
    assert_int_equal(zheap_env_take_pauses(f.env, pauses + 2, ZHEAP_ENV_PAUSES_MAX - 2), 3);
    assert_int_equal(zheap_env_take_pauses(f.env, pauses + 5, 1), 0);
    for (uint32_t i = 0; i < 5; i++) {
        total += pauses[i];
    }
    assert_int_equal(fixture_stats(&f).pause_ns_total, total);
    for (uint32_t i = 0; i < ZHEAP_ENV_PAUSES_MAX + 20; i++) {
        zheap_collect(&f.heap, NULL);
    }
    uint32_t taken = zheap_env_take_pauses(f.env, pauses, ZHEAP_ENV_PAUSES_MAX);
    assert_int_equal(taken, ZHEAP_ENV_PAUSES_MAX);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collect_cycles_are_freed),
        cmocka_unit_test(test_collect_result_tells_what_was_freed),
        cmocka_unit_test(test_collect_each_kind_keeps_what_it_holds),
        cmocka_unit_test(test_collect_scope_values_are_roots),
        cmocka_unit_test(test_collect_deep_nesting_needs_no_stack),
        cmocka_unit_test(test_collect_wide_list_keeps_the_stack_small),
        cmocka_unit_test(test_collect_mark_stack_refused_still_finds_all),
        cmocka_unit_test(test_collect_long_chain_stack_refused_still_finds_all),
        cmocka_unit_test(test_collect_pauses_are_kept_for_the_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
