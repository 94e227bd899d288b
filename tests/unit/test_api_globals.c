// Goal: values pass between host and program through globals unchanged, at no cost to the program.
// Method: each kind of value in both directions, around the lengths at which strings change their form;
// refusals leave the global and the isolate as they were.
#include "runtime_fixture.h"

#include <stdlib.h>

struct fixture {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
};

static void open_fixture(struct fixture *fixture, const char *text,
                         const zvm_isolate_options *options)
{
    fixture->runtime = make_runtime(0);
    fixture->code = compile(fixture->runtime, text);
    fixture->isolate = make_isolate(fixture->runtime, fixture->code, options);
}

static void close_fixture(struct fixture *fixture)
{
    assert_int_equal(zvm_isolate_destroy(fixture->isolate), ZVM_OK);
    check_identities(fixture->runtime);
    zvm_code_release(fixture->code);
    zvm_runtime_destroy(fixture->runtime);
}

static zvm_value text_value(const char *text, size_t length_bytes)
{
    return (zvm_value){.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = length_bytes};
}

static zvm_value get(struct fixture *fixture, const char *name)
{
    zvm_value value;
    memset(&value, 0x5a, sizeof value);
    assert_int_equal(zvm_isolate_get_global(fixture->isolate, name, &value), ZVM_OK);
    return value;
}

static void set(struct fixture *fixture, const char *name, zvm_value value)
{
    assert_int_equal(zvm_isolate_set_global(fixture->isolate, name, &value), ZVM_OK);
}

static void test_each_kind_set_by_the_host_reads_back(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = 0\n", NULL);
    set(&fixture, "v", (zvm_value){.kind = ZVM_VALUE_NULL});
    assert_int_equal(get(&fixture, "v").kind, ZVM_VALUE_NULL);
    set(&fixture, "v", (zvm_value){.kind = ZVM_VALUE_BOOL, .boolean = true});
    assert_int_equal(get(&fixture, "v").kind, ZVM_VALUE_BOOL);
    assert_true(get(&fixture, "v").boolean);
    set(&fixture, "v", (zvm_value){.kind = ZVM_VALUE_BOOL, .boolean = false});
    assert_false(get(&fixture, "v").boolean);
    set(&fixture, "v", (zvm_value){.kind = ZVM_VALUE_INT, .integer = INT64_MIN});
    assert_int_equal(get(&fixture, "v").kind, ZVM_VALUE_INT);
    assert_true(get(&fixture, "v").integer == INT64_MIN);
    set(&fixture, "v", (zvm_value){.kind = ZVM_VALUE_FLOAT, .number = -0.125});
    assert_int_equal(get(&fixture, "v").kind, ZVM_VALUE_FLOAT);
    assert_true(get(&fixture, "v").number == -0.125);
    close_fixture(&fixture);
}

static void check_text(struct fixture *fixture, const char *text, size_t length_bytes)
{
    set(fixture, "v", text_value(text, length_bytes));
    zvm_value value = get(fixture, "v");
    assert_int_equal(value.kind, ZVM_VALUE_STRING);
    assert_int_equal(value.length_bytes, length_bytes);
    if (length_bytes > 0) assert_memory_equal(value.text, text, length_bytes);
    assert_int_equal(value.text[length_bytes], '\0');
}

static void test_strings_of_every_form_read_back_with_a_nul(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = 0\n", NULL);
    char *long_text = malloc(100000);
    memset(long_text, 'q', 100000);
    check_text(&fixture, "", 0);
    check_text(&fixture, NULL, 0);
    check_text(&fixture, "x", 1);
    check_text(&fixture, "\xC3\xA4", 2);
    check_text(&fixture, "a\0b", 3);
    check_text(&fixture, long_text, 2022);
    check_text(&fixture, long_text, 2023); // the longest inside its object
    check_text(&fixture, long_text, 2024);
    check_text(&fixture, long_text, 100000);
    zvm_value first = get(&fixture, "v"), second = get(&fixture, "v"); // the copy is replaced
    assert_int_equal(second.length_bytes, first.length_bytes);
    free(long_text);
    close_fixture(&fixture);
}

static void test_program_sees_what_the_host_set_and_the_host_what_it_left(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture,
                 "result = \"${greeting}, ${name}!\"\nlist = [1]\nratio = 0.5\n"
                 "big = greeting * 1000\nnothing = null\n",
                 NULL);
    set(&fixture, "greeting", text_value("hello", 5));
    set(&fixture, "name", text_value("w\xC3\xB6rld", 6));
    // An assignment to a name that is never declared needs a value before it.
    const char *results[] = {"result", "list", "ratio", "big", "nothing"};
    for (size_t i = 0; i < 5; i++)
        set(&fixture, results[i], (zvm_value){.kind = ZVM_VALUE_NULL});
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture.isolate).status, ZVM_OK);
    assert_string_equal(get(&fixture, "result").text, "hello, w\xC3\xB6rld!");
    assert_int_equal(get(&fixture, "list").kind, ZVM_VALUE_OTHER);
    assert_true(get(&fixture, "ratio").number == 0.5);
    assert_int_equal(get(&fixture, "big").length_bytes, 5000);
    assert_int_equal(strlen(get(&fixture, "big").text), 5000);
    assert_int_equal(get(&fixture, "nothing").kind, ZVM_VALUE_NULL);
    close_fixture(&fixture);
}

static void test_names_that_are_not_there_are_not_found(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_value value = {.kind = ZVM_VALUE_INT};
    open_fixture(&fixture, "let v = 0\n", NULL);
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "w", &value), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "", &value), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "vv", &value), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_isolate_get_global(fixture.isolate, "w", &value), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_isolate_get_global(fixture.isolate, "v", &value), ZVM_E_NOT_FOUND); // yet
    close_fixture(&fixture);
}

static void test_refused_values_leave_the_global_as_it_was(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let v = 0\n", NULL);
    set(&fixture, "v", (zvm_value){.kind = ZVM_VALUE_INT, .integer = 77});
    zvm_value bad = {.kind = ZVM_VALUE_OTHER};
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "v", &bad), ZVM_E_TYPE);
    bad.kind = (zvm_value_kind)99;
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "v", &bad), ZVM_E_TYPE);
    bad = text_value("\xff", 1);
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "v", &bad), ZVM_E_UTF8);
    bad = text_value(NULL, 1);
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "v", &bad), ZVM_E_ARGUMENT);
    bad = text_value("x", (size_t)1 << 40);
    assert_int_equal(zvm_isolate_set_global(fixture.isolate, "v", &bad), ZVM_E_LIMIT);
    assert_int_equal(get(&fixture, "v").integer, 77);
    close_fixture(&fixture);
}

static void test_string_over_the_heap_limit_is_refused_and_the_program_still_runs(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 65536;
    open_fixture(&fixture, "w = v + 1\n", &options);
    set(&fixture, "v", (zvm_value){.kind = ZVM_VALUE_INT, .integer = 1});
    set(&fixture, "w", (zvm_value){.kind = ZVM_VALUE_INT, .integer = 1});
    char *text = calloc(1, 100000);
    zvm_value large = text_value(text, 100000);
    for (int i = 0; i < 3; i++) // a second refusal in a row must not end it either
        assert_int_equal(zvm_isolate_set_global(fixture.isolate, "v", &large), ZVM_E_HEAP_LIMIT);
    assert_int_equal(get(&fixture, "v").integer, 1);
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture.isolate).status, ZVM_OK);
    assert_int_equal(get(&fixture, "w").integer, 2);
    free(text);
    close_fixture(&fixture);
}

static void test_setting_costs_the_program_no_fuel(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.fuel_limit = 20;
    char *text = malloc(200000);
    memset(text, 'f', 200000);
    open_fixture(&fixture, "let n = 1\nv\n", &options);
    set(&fixture, "v", text_value(text, 200000)); // thousands of units, were it charged
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture.isolate).status, ZVM_OK);
    uint64_t fuel_used = result_of(fixture.isolate).fuel_used;
    set(&fixture, "v", text_value(text, 200000)); // also afterwards
    assert_int_equal(result_of(fixture.isolate).status, ZVM_OK);
    assert_int_equal(result_of(fixture.isolate).fuel_used, fuel_used);
    free(text);
    close_fixture(&fixture);
}

static void test_globals_of_a_queued_isolate_are_out_of_reach(void **state)
{
    (void)state;
    struct gate gate = GATE_INIT;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, "let v = 1\nprint(v)\n");
    zvm_isolate *blocker = block_worker(runtime, code, &gate);
    gate_await(&gate, 1);
    zvm_isolate *queued = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(queued), ZVM_OK);
    zvm_value value = {.kind = ZVM_VALUE_INT};
    assert_int_equal(zvm_isolate_set_global(queued, "v", &value), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_get_global(queued, "v", &value), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_get_global(blocker, "v", &value), ZVM_E_BUSY); // running
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(queued, "v", &value), ZVM_OK);
    assert_int_equal(value.integer, 1);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_set_by_the_host_reads_back),
        cmocka_unit_test(test_strings_of_every_form_read_back_with_a_nul),
        cmocka_unit_test(test_program_sees_what_the_host_set_and_the_host_what_it_left),
        cmocka_unit_test(test_names_that_are_not_there_are_not_found),
        cmocka_unit_test(test_refused_values_leave_the_global_as_it_was),
        cmocka_unit_test(test_string_over_the_heap_limit_is_refused_and_the_program_still_runs),
        cmocka_unit_test(test_setting_costs_the_program_no_fuel),
        cmocka_unit_test(test_globals_of_a_queued_isolate_are_out_of_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
