// Goal: whatever allocation is refused while the host makes, reads and keeps values by reference, and while a
// function of the host gives a list back, each call gives a status, what was there stays, and nothing leaks.
// Method: fail the n-th allocation, once and from there on, until the body passes untouched. No workers, so
// that the order of allocations is the same each time.
#include "fault.h"

#include "zvm.h"

#include <string.h>

#define ITEMS 40 // several growths of every table

static zvm_value text_value(const char *text)
{
    return (zvm_value){.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = strlen(text)};
}

static zvm_status fill(zvm_isolate *isolate, zvm_ref list, zvm_ref map)
{
    zvm_status status = ZVM_OK;
    for (int i = 0; i < ITEMS && status == ZVM_OK; i++) {
        zvm_ref text, pinned;
        zvm_value value = text_value("a text of some length"), key = text_value("key 00");
        char name[] = "key 00";
        name[4] = (char)('0' + i / 10);
        name[5] = (char)('0' + i % 10);
        key.text = name;
        status = zvm_ref_new(isolate, &value, &text);
        if (status == ZVM_OK) status = zvm_ref_append(isolate, list, text);
        if (status == ZVM_OK) status = zvm_ref_set_entry(isolate, map, &key, text);
        if (status == ZVM_OK) status = zvm_ref_pin(isolate, text, &pinned);
        if (status == ZVM_OK) status = zvm_ref_set_entry_value(isolate, map, &key, &value);
    }
    return status;
}

static bool swallow(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    (void)text;
    return length_bytes > 0;
}

// A list of maps with a key of the program's and one of their own, and then lists in each other, deeper than fits the
// C stack's part.
static bool next_part(void *context, zvm_part *part)
{
    int *at = context, step = (*at)++;
    part->value = text_value("a text of some length");
    if (step == 0) {
        part->kind = ZVM_PART_LIST;
    } else if (step <= 3 * ITEMS) {
        static const zvm_part_kind kinds[] = {ZVM_PART_MAP, ZVM_PART_VALUE, ZVM_PART_END};
        part->kind = kinds[(step - 1) % 3];
        part->key = text_value(step % 2 == 0 ? "v" : "key of its own");
    } else {
        part->kind = step <= 4 * ITEMS ? ZVM_PART_LIST : ZVM_PART_END;
    }
    return true;
}

static bool ignore_part(void *context, const zvm_part *part)
{
    (void)context;
    (void)part;
    return true;
}

static zvm_status make_whole(zvm_isolate *isolate)
{
    zvm_ref ref;
    int at = 0;
    zvm_status status = zvm_ref_build(isolate, next_part, &at, &ref);
    if (status != ZVM_OK) return status;
    return zvm_ref_walk(isolate, ref, ITEMS + 2, ignore_part, NULL);
}

static zvm_status make_in_scope(zvm_isolate *isolate)
{
    zvm_ref list, map;
    zvm_status status = zvm_ref_new_list(isolate, 3, &list);
    if (status == ZVM_OK) status = zvm_ref_new_map(isolate, 3, &map);
    if (status == ZVM_OK) status = fill(isolate, list, map);
    if (status == ZVM_OK) status = zvm_ref_append(isolate, list, map);
    if (status == ZVM_OK) status = zvm_ref_set_global(isolate, "v", list);
    if (status == ZVM_OK) status = zvm_ref_text(isolate, list, swallow, NULL);
    if (status == ZVM_OK) status = make_whole(isolate);
    return status;
}

static zvm_status make_values(zvm_isolate *isolate)
{
    zvm_scope scope;
    zvm_status status = zvm_scope_open(isolate, &scope);
    if (status != ZVM_OK) return status;
    status = make_in_scope(isolate);
    assert_int_equal(zvm_scope_close(isolate, scope), ZVM_OK);
    return status;
}

static bool was_refused; // the host itself had no memory, and said so to the program

static zvm_call_outcome wrap(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_isolate *isolate = zvm_call_isolate(call);
    zvm_scope scope;
    zvm_ref list, argument;
    zvm_status status = zvm_scope_open(isolate, &scope);
    if (status == ZVM_OK) status = zvm_ref_new_list(isolate, 0, &list);
    if (status == ZVM_OK) status = zvm_call_argument(call, 0, &argument);
    if (status == ZVM_OK) status = zvm_ref_append(isolate, list, argument);
    if (status == ZVM_OK) return zvm_call_return_ref(call, list);
    assert_int_equal(status, ZVM_E_NOMEM);
    was_refused = true;
    return zvm_call_fail(call, "HostError", "no memory");
}

static zvm_status run_program(zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    was_refused = false;
    zvm_status status = zvm_isolate_run(isolate, 0, NULL);
    if (status != ZVM_OK) return status;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
    return was_refused ? ZVM_E_NOMEM : result.status;
}

static zvm_status call_twice(zvm_isolate *isolate)
{
    zvm_status status = ZVM_OK;
    for (int i = 0; i < 2 && status == ZVM_OK; i++) {
        status = zvm_isolate_call(isolate, "f", NULL, 0);
        if (status == ZVM_OK) status = run_program(isolate);
    }
    return status;
}

static zvm_status use(zvm_runtime *runtime, zvm_code *code)
{
    zvm_isolate *isolate;
    zvm_status status = zvm_isolate_create(runtime, code, NULL, &isolate);
    if (status != ZVM_OK) return status;
    status = run_program(isolate);
    if (status == ZVM_OK) status = make_values(isolate);
    if (status == ZVM_OK) status = call_twice(isolate);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    return status;
}

static zvm_status body(void *context)
{
    (void)context;
    static const char text[] =
        "let v = 0\nlet w = wrap([1, 2])\nlet x = wrap(w)\n"
        "action f() { let l = []\nfor each i in range(30) { l.push([i]) }\nreturn l }\n";
    zvm_runtime *runtime;
    zvm_status status = zvm_runtime_create(NULL, &runtime);
    if (status != ZVM_OK) return status;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "wrap";
    function.call = wrap;
    function.minimum = function.maximum = 1;
    function.takes_any = 1;
    zvm_code *code = NULL;
    status = zvm_runtime_add_function(runtime, &function);
    if (status == ZVM_OK)
        status = zvm_code_from_source(runtime, "t.zx", text, strlen(text), NULL, NULL, &code);
    if (status == ZVM_OK) status = use(runtime, code);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_references_each_allocation_refused_is_a_status(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(body, NULL, ZVM_E_NOMEM) > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references_each_allocation_refused_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
