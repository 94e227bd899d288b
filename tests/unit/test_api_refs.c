// Goal: lists, maps, instances and functions of an isolate can be read, made and kept by the host by number;
// every number that names nothing any more, or nothing of this isolate, is an error code.
// Method: small programs beside the host; what was made is collected around; limits at and one beyond.
#include "runtime_fixture.h"

#include <stdlib.h>

struct fixture {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    zvm_scope scope;
};

static void open_with(struct fixture *fixture, const char *text, const zvm_isolate_options *options)
{
    fixture->runtime = make_runtime(0);
    fixture->code = compile(fixture->runtime, text);
    fixture->isolate = make_isolate(fixture->runtime, fixture->code, options);
    assert_int_equal(zvm_isolate_run(fixture->isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture->isolate).status, ZVM_OK);
    assert_int_equal(zvm_scope_open(fixture->isolate, &fixture->scope), ZVM_OK);
}

static void open_fixture(struct fixture *fixture, const char *text)
{
    open_with(fixture, text, NULL);
}

static void close_fixture(struct fixture *fixture)
{
    assert_int_equal(zvm_scope_close(fixture->isolate, fixture->scope), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(fixture->isolate), ZVM_OK);
    check_identities(fixture->runtime);
    zvm_code_release(fixture->code);
    zvm_runtime_destroy(fixture->runtime);
}

static zvm_value text_value(const char *text)
{
    return (zvm_value){.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = strlen(text)};
}

static zvm_value int_value(int64_t integer)
{
    return (zvm_value){.kind = ZVM_VALUE_INT, .integer = integer};
}

static zvm_ref global(struct fixture *fixture, const char *name)
{
    zvm_ref ref = 0;
    assert_int_equal(zvm_ref_global(fixture->isolate, name, &ref), ZVM_OK);
    assert_true(ref != 0);
    return ref;
}

static zvm_ref make(struct fixture *fixture, zvm_value value)
{
    zvm_ref ref = 0;
    assert_int_equal(zvm_ref_new(fixture->isolate, &value, &ref), ZVM_OK);
    return ref;
}

static zvm_ref make_list(struct fixture *fixture)
{
    zvm_ref ref = 0;
    assert_int_equal(zvm_ref_new_list(fixture->isolate, 0, &ref), ZVM_OK);
    return ref;
}

static zvm_kind kind_of(struct fixture *fixture, zvm_ref ref)
{
    zvm_kind kind = (zvm_kind)99;
    assert_int_equal(zvm_ref_kind(fixture->isolate, ref, &kind), ZVM_OK);
    return kind;
}

struct text {
    char bytes[400];
    size_t length;
};

static bool keep_text(void *context, const char *bytes, size_t length_bytes)
{
    struct text *text = context;
    text->length = length_bytes < sizeof text->bytes ? length_bytes : sizeof text->bytes - 1;
    memcpy(text->bytes, bytes, text->length);
    text->bytes[text->length] = '\0';
    return true;
}

static void expect_text(struct fixture *fixture, zvm_ref ref, const char *wanted)
{
    struct text text = {.length = 0};
    assert_int_equal(zvm_ref_text(fixture->isolate, ref, keep_text, &text), ZVM_OK);
    assert_string_equal(text.bytes, wanted);
}

static void collect(struct fixture *fixture)
{
    assert_int_equal(zvm_isolate_collect(fixture->isolate, true, NULL), ZVM_OK);
}

// ---- Reading --------------------------------------------------------------------------------------

static void test_each_kind_of_value_has_its_kind(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture,
                 "let n = null\nlet b = true\nlet i = 1\nlet f = 0.5\nlet s = 'x'\nlet l = [1]\n"
                 "let m = {}\ndata D { a }\nlet d = D(1)\naction g() { return 1 }\n"
                 "async action h() { return 2 }\nlet t = h()\nlet e = error('x')\n"
                 "let p = print\nlet me = self()\n");
    static const struct {
        const char *name;
        zvm_kind kind;
    } rows[] = {{"n", ZVM_KIND_NULL},     {"b", ZVM_KIND_BOOL},     {"i", ZVM_KIND_INT},
                {"f", ZVM_KIND_FLOAT},    {"s", ZVM_KIND_STRING},   {"l", ZVM_KIND_LIST},
                {"m", ZVM_KIND_MAP},      {"d", ZVM_KIND_DATA},     {"g", ZVM_KIND_FUNCTION},
                {"D", ZVM_KIND_FUNCTION}, {"p", ZVM_KIND_FUNCTION}, {"t", ZVM_KIND_TASK},
                {"e", ZVM_KIND_ERROR},    {"me", ZVM_KIND_ISOLATE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(kind_of(&fixture, global(&fixture, rows[i].name)), rows[i].kind);
    close_fixture(&fixture);
}

static void test_nested_lists_and_maps_are_read_in_order(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture,
                 "let v = {'a': [10, 2.5, 'x'], 7: {'deep': true}, 'gone': 0, 'z': null}\n"
                 "v.remove('gone')\n");
    zvm_ref map = global(&fixture, "v"), list, inner;
    size_t count;
    assert_int_equal(zvm_ref_count(fixture.isolate, map, &count), ZVM_OK);
    assert_int_equal(count, 3);
    uint64_t position = 0;
    zvm_value key, value;
    assert_int_equal(zvm_ref_next_entry(fixture.isolate, map, &position, &key, &value, &list),
                     ZVM_OK);
    assert_int_equal(key.kind, ZVM_VALUE_STRING);
    assert_int_equal(value.kind, ZVM_VALUE_OTHER);
    assert_int_equal(zvm_ref_count(fixture.isolate, list, &count), ZVM_OK);
    assert_int_equal(count, 3);
    assert_int_equal(zvm_ref_item(fixture.isolate, list, 1, &value, NULL), ZVM_OK);
    assert_true(value.number == 2.5);
    assert_int_equal(zvm_ref_item(fixture.isolate, list, 3, &value, NULL), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_ref_next_entry(fixture.isolate, map, &position, &key, NULL, &inner),
                     ZVM_OK);
    assert_int_equal(key.kind, ZVM_VALUE_INT);
    assert_int_equal(key.integer, 7);
    zvm_value deep = text_value("deep");
    assert_int_equal(zvm_ref_entry(fixture.isolate, inner, &deep, &value, NULL), ZVM_OK);
    assert_true(value.boolean);
    assert_int_equal(zvm_ref_next_entry(fixture.isolate, map, &position, &key, &value, NULL),
                     ZVM_OK);
    assert_int_equal(value.kind, ZVM_VALUE_NULL);
    assert_int_equal(zvm_ref_next_entry(fixture.isolate, map, &position, &key, &value, NULL),
                     ZVM_E_NOT_FOUND);
    close_fixture(&fixture);
}

static void test_walk_over_a_map_that_changed_is_stale(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = {'a': 1, 'b': 2}\n");
    zvm_ref map = global(&fixture, "v");
    uint64_t position = 0;
    zvm_value key, one = int_value(1), name = text_value("c"), old = text_value("a");
    assert_int_equal(zvm_ref_next_entry(fixture.isolate, map, &position, &key, NULL, NULL), ZVM_OK);
    assert_int_equal(zvm_ref_set_entry_value(fixture.isolate, map, &old, &one),
                     ZVM_OK); // no new key
    assert_int_equal(zvm_ref_next_entry(fixture.isolate, map, &position, &key, NULL, NULL), ZVM_OK);
    assert_int_equal(zvm_ref_set_entry_value(fixture.isolate, map, &name, &one), ZVM_OK);
    assert_int_equal(zvm_ref_next_entry(fixture.isolate, map, &position, &key, NULL, NULL),
                     ZVM_E_STALE);
    close_fixture(&fixture);
}

static void test_instances_tell_type_and_fields(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "data Point { x, y = 2 }\ndata Named extends Point { name = 0 }\n"
                           "let d = Named(1, 5, 'n')\n");
    zvm_ref ref = global(&fixture, "d"), field;
    const char *name;
    zvm_value value;
    size_t count;
    assert_int_equal(zvm_ref_type_name(fixture.isolate, ref, &name), ZVM_OK);
    assert_string_equal(name, "Named");
    assert_int_equal(zvm_ref_count(fixture.isolate, ref, &count), ZVM_OK);
    assert_int_equal(count, 3);
    static const char *const names[] = {"x", "y", "name"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(zvm_ref_field(fixture.isolate, ref, i, &name, &value, &field), ZVM_OK);
        assert_string_equal(name, names[i]);
    }
    assert_int_equal(kind_of(&fixture, field), ZVM_KIND_STRING);
    assert_int_equal(zvm_ref_field(fixture.isolate, ref, 3, &name, &value, NULL), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_ref_field(fixture.isolate, field, 0, &name, NULL, NULL), ZVM_E_TYPE);
    close_fixture(&fixture);
}

// ---- Making ---------------------------------------------------------------------------------------

static void test_made_values_are_what_the_program_sees(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = null\n");
    zvm_ref list = make_list(&fixture), map, inner = make_list(&fixture);
    zvm_value max = int_value(INT64_MAX), key = text_value("k"), seven = int_value(7);
    zvm_value half = {.kind = ZVM_VALUE_FLOAT, .number = 0.5}, text = text_value("t\xC3\xA4");
    assert_int_equal(zvm_ref_new_map(fixture.isolate, 2, &map), ZVM_OK);
    assert_int_equal(zvm_ref_append_value(fixture.isolate, list, &max), ZVM_OK);
    assert_int_equal(zvm_ref_append(fixture.isolate, list, map), ZVM_OK);
    assert_int_equal(zvm_ref_append(fixture.isolate, list, make(&fixture, text)), ZVM_OK);
    assert_int_equal(zvm_ref_set_entry(fixture.isolate, map, &key, inner), ZVM_OK);
    assert_int_equal(zvm_ref_set_entry_value(fixture.isolate, map, &seven, &half), ZVM_OK);
    assert_int_equal(zvm_ref_append_value(fixture.isolate, inner, &seven), ZVM_OK);
    assert_int_equal(zvm_ref_set_item(fixture.isolate, inner, 0, make(&fixture, half)), ZVM_OK);
    assert_int_equal(zvm_ref_set_item(fixture.isolate, inner, 1, map), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_ref_set_global(fixture.isolate, "v", list), ZVM_OK);
    collect(&fixture);
    expect_text(&fixture, global(&fixture, "v"),
                "[9223372036854775807, {k: [0.5], 7: 0.5}, t\xC3\xA4]");
    close_fixture(&fixture);
}

static void test_a_cycle_made_by_the_host_is_shown_and_collected(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = null\n");
    zvm_scope inner;
    assert_int_equal(zvm_scope_open(fixture.isolate, &inner), ZVM_OK);
    zvm_ref list = make_list(&fixture);
    assert_int_equal(zvm_ref_append(fixture.isolate, list, list), ZVM_OK);
    expect_text(&fixture, list, "[[...]]");
    assert_int_equal(zvm_scope_close(fixture.isolate, inner), ZVM_OK);
    zvm_collect_result result = ZVM_COLLECT_RESULT_INIT;
    assert_int_equal(zvm_isolate_collect(fixture.isolate, true, &result), ZVM_OK);
    assert_true(result.freed_count >= 1);
    close_fixture(&fixture);
}

static void test_references_keep_their_values_through_collections(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.gc_threshold_count = 7;
    open_with(&fixture, "let v = null\n", &options);
    zvm_ref refs[100], pins[100];
    for (int i = 0; i < 100; i++) {
        char text[40];
        snprintf(text, sizeof text, "value number %d", i);
        refs[i] = make(&fixture, text_value(text));
        assert_int_equal(zvm_ref_pin(fixture.isolate, refs[i], &pins[i]), ZVM_OK);
    }
    collect(&fixture);
    for (int i = 0; i < 100; i++) {
        char text[40];
        snprintf(text, sizeof text, "value number %d", i);
        expect_text(&fixture, refs[i], text);
        expect_text(&fixture, pins[i], text);
    }
    close_fixture(&fixture);
}

static void test_numbers_have_the_text_of_the_language(void **state)
{
    (void)state;
    char text[ZVM_NUMBER_TEXT_MAX];
    size_t length;
    zvm_value value = int_value(INT64_MIN);
    assert_int_equal(zvm_number_text(&value, text, &length), ZVM_OK);
    assert_string_equal(text, "-9223372036854775808");
    assert_int_equal(length, strlen(text));
    value = (zvm_value){.kind = ZVM_VALUE_FLOAT, .number = 0.1};
    assert_int_equal(zvm_number_text(&value, text, NULL), ZVM_OK);
    assert_string_equal(text, "0.1");
    value.kind = ZVM_VALUE_BOOL;
    assert_int_equal(zvm_number_text(&value, text, NULL), ZVM_E_TYPE);
    assert_int_equal(zvm_number_text(NULL, text, NULL), ZVM_E_ARGUMENT);
}

// ---- Scopes ---------------------------------------------------------------------------------------

static zvm_status kind_status(zvm_isolate *isolate, zvm_ref ref)
{
    zvm_kind kind;
    return zvm_ref_kind(isolate, ref, &kind);
}

static void test_closed_scopes_and_their_references_are_stale_for_ever(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = 1\n");
    zvm_scope inner, again;
    assert_int_equal(zvm_scope_open(fixture.isolate, &inner), ZVM_OK);
    zvm_ref old = make_list(&fixture);
    assert_int_equal(kind_status(fixture.isolate, inner), ZVM_E_STALE);   // a scope is no reference
    assert_int_equal(zvm_scope_close(fixture.isolate, old), ZVM_E_STALE); // nor the other way round
    assert_int_equal(zvm_scope_close(fixture.isolate, fixture.scope), ZVM_E_STATE);
    assert_int_equal(zvm_scope_close(fixture.isolate, inner), ZVM_OK);
    assert_int_equal(zvm_scope_close(fixture.isolate, inner), ZVM_E_STALE);
    assert_int_equal(kind_status(fixture.isolate, old), ZVM_E_STALE);
    for (int i = 0; i < 1000; i++) { // the same places again, past a block of stamps
        assert_int_equal(zvm_scope_open(fixture.isolate, &again), ZVM_OK);
        zvm_ref fresh = make_list(&fixture);
        assert_true(fresh != old);
        assert_true(again != inner);
        assert_int_equal(kind_status(fixture.isolate, old), ZVM_E_STALE);
        assert_int_equal(zvm_scope_close(fixture.isolate, again), ZVM_OK);
    }
    zvm_ref outer = make_list(&fixture); // in the place of `inner`
    assert_int_equal(kind_status(fixture.isolate, outer), ZVM_OK);
    assert_int_equal(kind_status(fixture.isolate, old), ZVM_E_STALE);
    close_fixture(&fixture);
}

static void test_references_of_another_isolate_and_of_nobody_are_stale(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = [1]\n");
    zvm_isolate *other = make_isolate(fixture.runtime, fixture.code, NULL);
    zvm_scope scope;
    zvm_ref pinned, ref = global(&fixture, "v");
    assert_int_equal(zvm_ref_pin(fixture.isolate, ref, &pinned), ZVM_OK);
    assert_int_equal(zvm_scope_open(other, &scope), ZVM_OK);
    zvm_ref list;
    assert_int_equal(zvm_ref_new_list(other, 0, &list), ZVM_OK);
    assert_int_equal(kind_status(other, ref), ZVM_E_STALE);
    assert_int_equal(kind_status(other, pinned), ZVM_E_STALE);
    assert_int_equal(zvm_ref_append(other, list, ref), ZVM_E_STALE);
    assert_int_equal(zvm_scope_close(other, fixture.scope), ZVM_E_STALE);
    assert_int_equal(zvm_ref_unpin(other, pinned), ZVM_E_STALE);
    assert_int_equal(kind_status(other, 0), ZVM_E_STALE);
    assert_int_equal(kind_status(other, UINT64_MAX), ZVM_E_STALE);
    assert_int_equal(zvm_isolate_destroy(other), ZVM_OK); // with its scope open
    close_fixture(&fixture);
}

static void test_without_a_scope_nothing_is_read_or_made(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = [1]\n");
    zvm_ref ref = global(&fixture, "v"), pinned, list;
    zvm_scope scope;
    assert_int_equal(zvm_ref_pin(fixture.isolate, ref, &pinned), ZVM_OK);
    assert_int_equal(zvm_scope_close(fixture.isolate, fixture.scope), ZVM_OK);
    assert_int_equal(kind_status(fixture.isolate, pinned), ZVM_E_STATE);
    assert_int_equal(zvm_ref_new_list(fixture.isolate, 0, &list), ZVM_E_STATE);
    assert_int_equal(zvm_scope_open(fixture.isolate, &scope), ZVM_OK);
    assert_int_equal(kind_status(fixture.isolate, ref), ZVM_E_STALE);
    expect_text(&fixture, pinned, "[1]");
    assert_int_equal(zvm_scope_close(fixture.isolate, scope), ZVM_OK);
    assert_int_equal(zvm_ref_unpin(fixture.isolate, pinned), ZVM_OK);
    assert_int_equal(zvm_ref_unpin(fixture.isolate, pinned), ZVM_E_STALE);
    assert_int_equal(zvm_scope_open(fixture.isolate, &fixture.scope), ZVM_OK);
    close_fixture(&fixture);
}

static void test_pins_outlive_scopes_and_their_places_are_used_again(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = 1\n");
    zvm_ref first, second, third;
    assert_int_equal(zvm_ref_pin(fixture.isolate, make(&fixture, text_value("first one")), &first),
                     ZVM_OK);
    assert_int_equal(
        zvm_ref_pin(fixture.isolate, make(&fixture, text_value("second one")), &second), ZVM_OK);
    assert_int_equal(zvm_ref_unpin(fixture.isolate, first), ZVM_OK);
    assert_int_equal(zvm_ref_pin(fixture.isolate, second, &third), ZVM_OK);
    assert_int_equal(third & ZVM_REF_MAX, first & ZVM_REF_MAX); // its place
    assert_int_equal(kind_status(fixture.isolate, first), ZVM_E_STALE);
    assert_int_equal(zvm_ref_unpin(fixture.isolate, second), ZVM_OK);
    collect(&fixture);
    expect_text(&fixture, third, "second one");
    zvm_ref local = make_list(&fixture);
    assert_int_equal(zvm_ref_unpin(fixture.isolate, local), ZVM_E_STALE); // it was not pinned
    close_fixture(&fixture);
}

static void test_reset_makes_all_references_stale(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = [1]\n");
    zvm_ref ref = global(&fixture, "v"), pinned;
    assert_int_equal(zvm_ref_pin(fixture.isolate, ref, &pinned), ZVM_OK);
    zvm_scope old = fixture.scope;
    assert_int_equal(zvm_isolate_reset(fixture.isolate), ZVM_OK);
    assert_int_equal(zvm_scope_open(fixture.isolate, &fixture.scope), ZVM_OK);
    assert_int_equal(kind_status(fixture.isolate, ref), ZVM_E_STALE);
    assert_int_equal(kind_status(fixture.isolate, pinned), ZVM_E_STALE);
    assert_int_equal(zvm_scope_close(fixture.isolate, old), ZVM_E_STALE);
    zvm_ref none;
    assert_int_equal(zvm_ref_global(fixture.isolate, "v", &none), ZVM_E_NOT_FOUND); // yet
    close_fixture(&fixture);
}

static void test_scopes_stay_open_while_the_isolate_runs_on_a_worker(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, "let v = 0\nv = w + [3]\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    struct fixture fixture = {.runtime = runtime, .isolate = isolate};
    assert_int_equal(zvm_scope_open(isolate, &fixture.scope), ZVM_OK);
    zvm_ref list = make_list(&fixture);
    zvm_value one = int_value(1), two = int_value(2);
    assert_int_equal(zvm_ref_append_value(isolate, list, &one), ZVM_OK);
    assert_int_equal(zvm_ref_set_global(isolate, "w", list), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_ref_append_value(isolate, list, &two), ZVM_OK);
    expect_text(&fixture, list, "[1, 2]");
    expect_text(&fixture, global(&fixture, "v"), "[1, 3]");
    assert_int_equal(zvm_scope_close(isolate, fixture.scope), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_a_running_isolate_is_out_of_reach(void **state)
{
    (void)state;
    struct gate gate = GATE_INIT;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, "let v = [1]\nprint(v)\n");
    zvm_isolate *blocker = block_worker(runtime, code, &gate);
    gate_await(&gate, 1);
    zvm_scope scope;
    assert_int_equal(zvm_scope_open(blocker, &scope), ZVM_E_BUSY);
    zvm_isolate *queued = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_scope_open(queued, &scope), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(queued), ZVM_OK);
    zvm_ref ref;
    assert_int_equal(zvm_ref_global(queued, "v", &ref), ZVM_E_BUSY);
    assert_int_equal(zvm_scope_close(queued, scope), ZVM_E_BUSY);
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(zvm_ref_global(queued, "v", &ref), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // with the scope open
}

// ---- Limits ---------------------------------------------------------------------------------------

static void test_heap_limit_refuses_and_changes_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 65536;
    open_with(&fixture, "let v = [1]\n", &options);
    zvm_ref list = make_list(&fixture);
    char *text = calloc(1, 100001);
    memset(text, 'x', 100000);
    zvm_value large = text_value(text), one = int_value(1), key = text_value("k");
    zvm_ref none = 0, map;
    assert_int_equal(zvm_ref_new_map(fixture.isolate, 0, &map), ZVM_OK);
    for (int i = 0; i < 3; i++) { // again and again
        assert_int_equal(zvm_ref_new(fixture.isolate, &large, &none), ZVM_E_HEAP_LIMIT);
        assert_int_equal(zvm_ref_append_value(fixture.isolate, list, &large), ZVM_E_HEAP_LIMIT);
        assert_int_equal(zvm_ref_set_entry_value(fixture.isolate, map, &key, &large),
                         ZVM_E_HEAP_LIMIT);
        assert_int_equal(zvm_ref_new_list(fixture.isolate, 10000, &none), ZVM_E_HEAP_LIMIT);
    }
    assert_int_equal(none, 0);
    zvm_status status = ZVM_OK;
    int count = 0;
    for (; status == ZVM_OK && count < 100000; count++)
        status = zvm_ref_append_value(fixture.isolate, list, &one);
    assert_int_equal(status, ZVM_E_HEAP_LIMIT);
    assert_true(count > 2000);
    size_t length;
    assert_int_equal(zvm_ref_count(fixture.isolate, list, &length), ZVM_OK);
    assert_int_equal(length, count - 1);
    free(text);
    close_fixture(&fixture);
}

static void test_references_count_against_the_heap_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 65536;
    open_with(&fixture, "let v = 1\n", &options);
    zvm_value one = int_value(1);
    zvm_ref ref;
    zvm_status status = ZVM_OK;
    int count = 0;
    for (; status == ZVM_OK && count < 100000; count++)
        status = zvm_ref_new(fixture.isolate, &one, &ref);
    assert_int_equal(status, ZVM_E_HEAP_LIMIT);
    assert_in_range(count, 500, 65536 / 24);
    assert_int_equal(kind_of(&fixture, ref), ZVM_KIND_INT);
    close_fixture(&fixture);
}

static void test_more_references_than_there_may_be_are_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = 1\n");
    zvm_value one = int_value(1);
    zvm_ref ref;
    for (uint32_t i = 1; i < ZVM_REF_MAX; i++) // the scope is one
        if (zvm_ref_new(fixture.isolate, &one, &ref) != ZVM_OK) fail();
    assert_int_equal(zvm_ref_new(fixture.isolate, &one, &ref), ZVM_E_LIMIT);
    zvm_scope scope;
    assert_int_equal(zvm_scope_open(fixture.isolate, &scope), ZVM_E_LIMIT);
    close_fixture(&fixture);
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = 1\n");
    zvm_isolate *isolate = fixture.isolate;
    zvm_ref list = make_list(&fixture), one = global(&fixture, "v"), ref;
    zvm_value bad = {.kind = ZVM_VALUE_OTHER}, text = text_value("\xff"),
              key = {.kind = ZVM_VALUE_FLOAT};
    zvm_value value = int_value(1);
    assert_int_equal(zvm_scope_open(NULL, &fixture.scope), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_scope_open(isolate, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_ref_new(isolate, NULL, &ref), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_ref_new(isolate, &bad, &ref), ZVM_E_TYPE);
    assert_int_equal(zvm_ref_new(isolate, &text, &ref), ZVM_E_UTF8);
    assert_int_equal(zvm_ref_append_value(isolate, list, &text), ZVM_E_UTF8);
    assert_int_equal(zvm_ref_append(isolate, one, list), ZVM_E_TYPE);
    assert_int_equal(zvm_ref_entry(isolate, list, &value, &value, NULL), ZVM_E_TYPE);
    zvm_ref map;
    assert_int_equal(zvm_ref_new_map(isolate, 0, &map), ZVM_OK);
    assert_int_equal(zvm_ref_set_entry(isolate, map, &key, list), ZVM_E_TYPE);
    assert_int_equal(zvm_ref_set_entry_value(isolate, map, &value, &bad), ZVM_E_TYPE);
    assert_int_equal(zvm_ref_entry(isolate, map, &value, &value, NULL), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_ref_new_list(isolate, (size_t)1 << 40, &ref), ZVM_E_LIMIT);
    assert_int_equal(zvm_ref_global(isolate, "nobody", &ref), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_ref_set_global(isolate, "nobody", list), ZVM_E_NOT_FOUND);
    close_fixture(&fixture);
}

// ---- Functions of the host ------------------------------------------------------------------------

struct seen {
    zvm_status outside, after_failure, other_thread;
    zvm_ref left_open;
    zvm_scope outer;
};

// Gives back the list reversed, with the number of its elements behind.
static zvm_call_outcome reversed(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    struct seen *seen = zvm_call_user(call);
    zvm_isolate *isolate = zvm_call_isolate(call);
    zvm_scope scope;
    zvm_ref list, result;
    size_t length = 0;
    if (arguments[0].kind != ZVM_VALUE_OTHER)
        return zvm_call_fail(call, "TypeError", "a list, please");
    if (zvm_scope_open(isolate, &scope) != ZVM_OK) return zvm_call_fail(call, NULL, "scope");
    if (seen->outer != 0) seen->outside = zvm_scope_close(isolate, seen->outer);
    if (zvm_call_argument(call, 0, &list) != ZVM_OK) return zvm_call_fail(call, NULL, "argument");
    if (zvm_ref_new_list(isolate, 0, &result) != ZVM_OK) return zvm_call_fail(call, NULL, "list");
    if (zvm_ref_count(isolate, list, &length) != ZVM_OK)
        return zvm_call_fail(call, "TypeError", "a list, please");
    for (size_t i = length; i-- > 0;) {
        zvm_ref item;
        if (zvm_ref_item(isolate, list, i, NULL, &item) != ZVM_OK)
            return zvm_call_fail(call, NULL, "item");
        if (zvm_ref_append(isolate, result, item) != ZVM_OK)
            return zvm_call_fail(call, NULL, "append");
    }
    zvm_value number = int_value((int64_t)length);
    if (zvm_ref_append_value(isolate, result, &number) != ZVM_OK)
        return zvm_call_fail(call, NULL, "number");
    seen->left_open = result;
    return zvm_call_return_ref(call, result); // and leaves its scope open
}

static zvm_call_outcome gives_stale(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    struct seen *seen = zvm_call_user(call);
    zvm_call_outcome outcome = zvm_call_return_ref(call, seen->left_open);
    zvm_scope scope;
    seen->after_failure = zvm_scope_open(zvm_call_isolate(call), &scope);
    return outcome;
}

static void add_any(zvm_runtime *runtime, const char *name, zvm_host_fn call, void *user)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = user;
    function.minimum = function.maximum = 1;
    function.takes_any = 1;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    function.name = "blocks";
    function.is_blocking = 1;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_E_ARGUMENT);
}

static void open_with_functions(struct fixture *fixture, struct seen *seen, const char *text)
{
    *fixture = (struct fixture){.runtime = make_runtime(0)};
    add_any(fixture->runtime, "reversed", reversed, seen);
    add_any(fixture->runtime, "stale", gives_stale, seen);
    fixture->code = compile(fixture->runtime, text);
    fixture->isolate = make_isolate(fixture->runtime, fixture->code, NULL);
    assert_int_equal(zvm_scope_open(fixture->isolate, &fixture->scope), ZVM_OK);
    seen->outer = fixture->scope;
    assert_int_equal(zvm_isolate_run(fixture->isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture->isolate).status, ZVM_OK);
}

static void test_functions_of_the_host_take_and_give_lists(void **state)
{
    (void)state;
    struct fixture fixture;
    struct seen seen = {.outside = ZVM_OK};
    open_with_functions(&fixture, &seen,
                        "let v = reversed([1, 'b', [2]])\nlet w = reversed(v)\n"
                        "let k = ''\ntry { reversed(5) } catch (e) { k = e.kind }\n");
    assert_int_equal(seen.outside, ZVM_E_STATE); // not the function's to close
    assert_int_equal(kind_status(fixture.isolate, seen.left_open), ZVM_E_STALE);
    expect_text(&fixture, global(&fixture, "v"), "[[2], b, 1, 3]");
    expect_text(&fixture, global(&fixture, "w"), "[3, 1, b, [2], 4]");
    expect_text(&fixture, global(&fixture, "k"), "TypeError");
    close_fixture(&fixture);
}

static void test_stale_result_of_a_function_is_the_programs_type_error(void **state)
{
    (void)state;
    struct fixture fixture;
    struct seen seen = {.outside = ZVM_OK};
    open_with_functions(&fixture, &seen,
                        "let v = reversed([1])\nlet k = ''\n"
                        "try { stale(1) } catch (e) { k = e.kind }\n");
    expect_text(&fixture, global(&fixture, "k"), "TypeError");
    assert_int_equal(seen.after_failure, ZVM_E_STATE); // the call has failed
    close_fixture(&fixture);
}

static void *open_elsewhere(void *context)
{
    zvm_scope scope;
    return (void *)(intptr_t)zvm_scope_open(context, &scope);
}

static zvm_call_outcome asks_elsewhere(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    struct seen *seen = zvm_call_user(call);
    pthread_t thread;
    void *status;
    assert_int_equal(pthread_create(&thread, NULL, open_elsewhere, zvm_call_isolate(call)), 0);
    assert_int_equal(pthread_join(thread, &status), 0);
    seen->other_thread = (zvm_status)(intptr_t)status;
    return zvm_call_return(call, NULL);
}

static void test_another_thread_cannot_use_an_isolate_in_a_call(void **state)
{
    (void)state;
    struct seen seen = {.other_thread = ZVM_OK};
    zvm_runtime *runtime = make_runtime(0);
    add_any(runtime, "ask", asks_elsewhere, &seen);
    zvm_code *code = compile(runtime, "ask(1)\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(seen.other_thread, ZVM_E_BUSY);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_what_the_host_does_costs_the_program_no_fuel(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.fuel_limit = 100;
    open_with(&fixture, "let v = [1]\n", &options);
    uint64_t used = result_of(fixture.isolate).fuel_used;
    zvm_ref list = make_list(&fixture);
    zvm_value text = text_value("a text that would cost more fuel than the program has");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(zvm_ref_append_value(fixture.isolate, list, &text), ZVM_OK);
    assert_int_equal(result_of(fixture.isolate).fuel_used, used);
    assert_int_equal(result_of(fixture.isolate).status, ZVM_OK);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_value_has_its_kind),
        cmocka_unit_test(test_nested_lists_and_maps_are_read_in_order),
        cmocka_unit_test(test_walk_over_a_map_that_changed_is_stale),
        cmocka_unit_test(test_instances_tell_type_and_fields),
        cmocka_unit_test(test_made_values_are_what_the_program_sees),
        cmocka_unit_test(test_a_cycle_made_by_the_host_is_shown_and_collected),
        cmocka_unit_test(test_references_keep_their_values_through_collections),
        cmocka_unit_test(test_numbers_have_the_text_of_the_language),
        cmocka_unit_test(test_closed_scopes_and_their_references_are_stale_for_ever),
        cmocka_unit_test(test_references_of_another_isolate_and_of_nobody_are_stale),
        cmocka_unit_test(test_without_a_scope_nothing_is_read_or_made),
        cmocka_unit_test(test_pins_outlive_scopes_and_their_places_are_used_again),
        cmocka_unit_test(test_reset_makes_all_references_stale),
        cmocka_unit_test(test_scopes_stay_open_while_the_isolate_runs_on_a_worker),
        cmocka_unit_test(test_a_running_isolate_is_out_of_reach),
        cmocka_unit_test(test_heap_limit_refuses_and_changes_nothing),
        cmocka_unit_test(test_references_count_against_the_heap_limit),
        cmocka_unit_test(test_more_references_than_there_may_be_are_refused),
        cmocka_unit_test(test_bad_arguments_are_refused),
        cmocka_unit_test(test_functions_of_the_host_take_and_give_lists),
        cmocka_unit_test(test_stale_result_of_a_function_is_the_programs_type_error),
        cmocka_unit_test(test_another_thread_cannot_use_an_isolate_in_a_call),
        cmocka_unit_test(test_what_the_host_does_costs_the_program_no_fuel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
