// Goal: functions of the host are called by name with the values of the program, and give values or
// errors back; what is none of theirs is refused; there is no way back into the isolate that calls.
// Method: small programs beside functions that note what they get. Limits are tried at and one beyond.
#include "runtime_fixture.h"

#include <stdlib.h>

struct seen {
    size_t calls, count;
    zvm_value values[ZVM_HOST_ARGUMENTS_MAX];
    char text[64];
    zvm_status statuses[8];
};

static zvm_status add(zvm_runtime *runtime, const char *name, zvm_host_fn call, void *user,
                      uint32_t minimum, uint32_t maximum)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = user;
    function.minimum = minimum;
    function.maximum = maximum;
    return zvm_runtime_add_function(runtime, &function);
}

static zvm_call_outcome note(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct seen *seen = zvm_call_user(call);
    seen->calls++;
    seen->count = count;
    for (size_t i = 0; i < count; i++) {
        seen->values[i] = arguments[i];
        if (arguments[i].kind != ZVM_VALUE_STRING) continue;
        snprintf(seen->text, sizeof seen->text, "%.*s", (int)arguments[i].length_bytes,
                 arguments[i].text);
    }
    zvm_value result = {.kind = ZVM_VALUE_INT, .integer = (int64_t)count};
    return zvm_call_return(call, &result);
}

// Gives its only argument back.
static zvm_call_outcome echo(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    return zvm_call_return(call, &arguments[0]);
}

static zvm_call_outcome fail_always(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    return zvm_call_fail(call, "DiskError", "no such file: ä");
}

static zvm_isolate *run(zvm_runtime *runtime, const char *text)
{
    zvm_code *code = compile(runtime, text);
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    zvm_code_release(code);
    bool finished = false;
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
    return isolate;
}

static void expect_global(zvm_isolate *isolate, const char *name, const char *text)
{
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, name, &value), ZVM_OK);
    assert_int_equal(value.kind, ZVM_VALUE_STRING);
    assert_string_equal(value.text, text);
}

static void expect_error(zvm_runtime *runtime, const char *text, const char *kind,
                         const char *message)
{
    zvm_isolate *isolate = run(runtime, text);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, ZVM_E_ERROR);
    assert_string_equal(result.kind, kind);
    assert_string_equal(result.message, message);
    assert_int_equal(result.line, 2);
    assert_int_equal(result.column, 3);
    zvm_isolate_destroy(isolate);
}

// ---- Values -------------------------------------------------------------------------------------

static void test_function_gets_every_kind_that_crosses(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    assert_int_equal(add(runtime, "note", note, &seen, 0, 5), ZVM_OK);
    zvm_isolate *isolate = run(runtime, "let n = note(null, true, -7, 2.5, \"hé\")\n");
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.values[0].kind, ZVM_VALUE_NULL);
    assert_true(seen.values[1].boolean);
    assert_int_equal(seen.values[2].integer, -7);
    assert_true(seen.values[3].number == 2.5);
    assert_string_equal(seen.text, "hé");
    zvm_value n;
    assert_int_equal(zvm_isolate_get_global(isolate, "n", &n), ZVM_OK);
    assert_int_equal(n.integer, 5);
    zvm_isolate_destroy(isolate);
    zvm_runtime_destroy(runtime);
}

static void test_result_is_what_the_program_goes_on_with(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    assert_int_equal(add(runtime, "echo", echo, NULL, 1, 1), ZVM_OK);
    zvm_isolate *isolate =
        run(runtime, "let t = \"\"\n"
                     "for each v in [null, false, 1, 0.5, \"s\", \"x\" * 3000] {\n"
                     "  t = t + typeof(echo(v)) + (echo(v) == v ? \" \" : \"! \") }\n"
                     "let l = map([1, 2, 3], echo)\n"
                     "let sum = l[0] + l[1] + l[2]\n");
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    expect_global(isolate, "t", "null boolean integer float string string ");
    zvm_value sum;
    assert_int_equal(zvm_isolate_get_global(isolate, "sum", &sum), ZVM_OK);
    assert_int_equal(sum.integer, 6);
    zvm_isolate_destroy(isolate);
    zvm_runtime_destroy(runtime);
}

static void test_argument_with_parts_is_a_type_error(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    assert_int_equal(add(runtime, "note", note, &seen, 0, 2), ZVM_OK);
    expect_error(
        runtime, "\n  note(1, [2])\n", "TypeError",
        "note(): argument 2 must be null or boolean or integer or float or string or host object, "
        "got list");
    assert_int_equal(seen.calls, 0);
    zvm_runtime_destroy(runtime);
}

static zvm_call_outcome give_other(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_value value = {.kind = ZVM_VALUE_OTHER};
    return zvm_call_return(call, &value);
}

static zvm_call_outcome give_bad_text(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_value value = {.kind = ZVM_VALUE_STRING, .text = "\xff", .length_bytes = 1};
    return zvm_call_return(call, &value);
}

static zvm_call_outcome give_long_text(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_value value = {.kind = ZVM_VALUE_STRING, .text = "x", .length_bytes = 0xfffffff1u};
    return zvm_call_return(call, &value);
}

static zvm_call_outcome give_null(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    return zvm_call_return(call, NULL);
}

static void test_result_that_is_no_value_of_a_program_is_an_error_of_the_program(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    assert_int_equal(add(runtime, "other", give_other, NULL, 0, 0), ZVM_OK);
    assert_int_equal(add(runtime, "bad", give_bad_text, NULL, 0, 0), ZVM_OK);
    assert_int_equal(add(runtime, "long", give_long_text, NULL, 0, 0), ZVM_OK);
    assert_int_equal(add(runtime, "nothing", give_null, NULL, 0, 0), ZVM_OK);
    expect_error(runtime, "\n  other()\n", "TypeError",
                 "other(): the host's value is none of a program");
    expect_error(runtime, "\n  bad()\n", "TypeError",
                 "bad(): the host's value is none of a program");
    expect_error(runtime, "\n  long()\n", "LimitError", "long(): the host's text is too long");
    zvm_isolate *isolate = run(runtime, "let t = typeof(nothing())\n");
    expect_global(isolate, "t", "null");
    zvm_isolate_destroy(isolate);
    zvm_runtime_destroy(runtime);
}

// ---- Errors -------------------------------------------------------------------------------------

static void test_error_of_the_host_has_kind_text_and_place(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    assert_int_equal(add(runtime, "fail", fail_always, NULL, 0, 0), ZVM_OK);
    expect_error(runtime, "\n  fail()\n", "DiskError", "no such file: ä");
    zvm_isolate *isolate =
        run(runtime, "let t = \"\"\ntry {\n  fail()\n} catch (e) {\n"
                     "  t = \"${e.kind} ${e.line}:${e.column} ${e.message}\"\n}\n");
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    expect_global(isolate, "t", "DiskError 3:3 no such file: ä");
    zvm_isolate_destroy(isolate);
    zvm_runtime_destroy(runtime);
}

static zvm_call_outcome fail_without_texts(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    return zvm_call_fail(call, NULL, "\xff");
}

static zvm_call_outcome fail_and_return(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    (void)zvm_call_fail(call, "LateError", "it had failed");
    return ZVM_CALL_RETURNED;
}

static zvm_call_outcome end_nowhere(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)call;
    (void)arguments;
    (void)count;
    return ZVM_CALL_FAILED;
}

static void test_careless_function_gives_an_error_all_the_same(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    assert_int_equal(add(runtime, "textless", fail_without_texts, NULL, 0, 0), ZVM_OK);
    assert_int_equal(add(runtime, "late", fail_and_return, NULL, 0, 0), ZVM_OK);
    assert_int_equal(add(runtime, "nowhere", end_nowhere, NULL, 0, 0), ZVM_OK);
    expect_error(runtime, "\n  textless()\n", "Error", "the host gave no message");
    expect_error(runtime, "\n  late()\n", "LateError", "it had failed");
    expect_error(runtime, "\n  nowhere()\n", "StateError",
                 "nowhere(): the host's function has come to no end");
    zvm_runtime_destroy(runtime);
}

static void test_wrong_number_of_arguments_is_an_argument_error(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    assert_int_equal(add(runtime, "note", note, &seen, 1, 2), ZVM_OK);
    expect_error(runtime, "\n  note()\n", "ArgumentError",
                 "note() expects 1 to 2 arguments, got 0");
    expect_error(runtime, "\n  note(1, 2, 3)\n", "ArgumentError",
                 "note() expects 1 to 2 arguments, got 3");
    assert_int_equal(seen.calls, 0);
    zvm_runtime_destroy(runtime);
}

static void test_most_arguments_arrive_and_one_more_is_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    assert_int_equal(add(runtime, "many", note, &seen, 0, ZVM_HOST_ARGUMENTS_MAX + 1),
                     ZVM_E_ARGUMENT);
    assert_int_equal(add(runtime, "many", note, &seen, 0, ZVM_HOST_ARGUMENTS_MAX), ZVM_OK);
    zvm_isolate *isolate =
        run(runtime, "many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)\n");
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_int_equal(seen.count, 16);
    assert_int_equal(seen.values[15].integer, 16);
    zvm_isolate_destroy(isolate);
    zvm_runtime_destroy(runtime);
}

// ---- Names --------------------------------------------------------------------------------------

static void test_name_that_a_program_cannot_call_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "1st",  "a b",  "a.b",  "while", "print", "map",
                                        "args", " log", "log ", "\xff", "a-b",   "null",  "\"s\""};
    zvm_runtime *runtime = make_runtime(0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(add(runtime, wrong[i], echo, NULL, 1, 1), ZVM_E_ARGUMENT);
    char name[ZVM_HOST_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(add(runtime, name, echo, NULL, 1, 1), ZVM_E_ARGUMENT);
    name[ZVM_HOST_NAME_BYTES_MAX] = '\0';
    assert_int_equal(add(runtime, name, echo, NULL, 1, 1), ZVM_OK);
    assert_int_equal(add(runtime, name, echo, NULL, 1, 1), ZVM_E_ARGUMENT); // twice
    assert_int_equal(add(runtime, "log", echo, NULL, 2, 1), ZVM_E_ARGUMENT);
    assert_int_equal(add(runtime, NULL, echo, NULL, 1, 1), ZVM_E_ARGUMENT);
    assert_int_equal(add(runtime, "log", NULL, NULL, 1, 1), ZVM_E_ARGUMENT);
    assert_int_equal(add(NULL, "log", echo, NULL, 1, 1), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_add_function(runtime, NULL), ZVM_E_ARGUMENT);
    zvm_runtime_destroy(runtime);
}

// Enough names that the list grows, added out of order; each is found.
static void test_every_function_of_many_is_found(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    static struct seen seen[40];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i * 7 % 40);
        assert_int_equal(add(runtime, name, note, &seen[i * 7 % 40], 0, 0), ZVM_OK);
    }
    for (int i = 0; i < 40; i++) {
        char text[32];
        snprintf(text, sizeof text, "f%d()\n", i);
        zvm_isolate_destroy(run(runtime, text));
        assert_int_equal(seen[i].calls, 1);
    }
    zvm_runtime_destroy(runtime);
}

static void test_variable_of_the_program_hides_the_function(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    assert_int_equal(add(runtime, "note", note, &seen, 0, 0), ZVM_OK);
    zvm_isolate *isolate =
        run(runtime, "let a = string(note)\nlet note = \"mine\"\nlet b = note\n");
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    expect_global(isolate, "a", "<function note>");
    expect_global(isolate, "b", "mine");
    assert_int_equal(seen.calls, 0);
    zvm_isolate_destroy(isolate);
    zvm_runtime_destroy(runtime);
}

static void test_function_added_later_is_for_code_made_later(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    zvm_code *before = compile(runtime, "note()\n");
    assert_int_equal(add(runtime, "note", note, &seen, 0, 0), ZVM_OK);
    zvm_isolate *isolate = make_isolate(runtime, before, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_string_equal(result_of(isolate).kind, "NameError");
    zvm_isolate_destroy(isolate);
    zvm_isolate_destroy(run(runtime, "note()\n"));
    assert_int_equal(seen.calls, 1);
    zvm_code_release(before);
    zvm_runtime_destroy(runtime);
}

static bool keep(void *context, const char *text, size_t length_bytes)
{
    zvm_value *bytes = context;
    char *copy = malloc(length_bytes);
    memcpy(copy, text, length_bytes);
    *bytes = (zvm_value){.text = copy, .length_bytes = length_bytes};
    return true;
}

static void test_compiled_bytes_and_sessions_know_the_functions(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    assert_int_equal(add(runtime, "note", note, &seen, 0, 1), ZVM_OK);
    zvm_code *code = compile(runtime, "note()\n"), *again = NULL;
    zvm_value bytes = {0};
    assert_int_equal(zvm_code_serialize(code, keep, &bytes), ZVM_OK);
    assert_int_equal(
        zvm_code_from_bytes(runtime, "b", bytes.text, bytes.length_bytes, NULL, NULL, &again),
        ZVM_OK);
    zvm_isolate *isolate = make_isolate(runtime, again, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(seen.calls, 1);
    for (int i = 0; i < 3; i++) {
        static const char PIECE[] = "note(1)\n";
        assert_int_equal(zvm_isolate_load(isolate, "p", PIECE, sizeof PIECE - 1, 0, NULL, NULL),
                         ZVM_OK);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        assert_int_equal(result_of(isolate).status, ZVM_OK);
    }
    assert_int_equal(seen.calls, 4);
    zvm_isolate_destroy(isolate);
    free((void *)(uintptr_t)bytes.text);
    zvm_code_release(code);
    zvm_code_release(again);
    zvm_runtime_destroy(runtime);
}

// ---- Limits -------------------------------------------------------------------------------------

static void test_fuel_of_a_function_is_charged_before_it_runs(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct seen seen = {0};
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "dear";
    function.call = note;
    function.user = &seen;
    function.fuel = 1000;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    function.name = "cheap";
    function.fuel = 0;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    zvm_isolate *isolate = run(runtime, "dear()\n");
    uint64_t dear = result_of(isolate).fuel_used;
    zvm_isolate_destroy(isolate);
    isolate = run(runtime, "cheap()\n");
    assert_int_equal(dear - result_of(isolate).fuel_used, 1000);
    zvm_isolate_destroy(isolate);
    assert_int_equal(seen.calls, 2);

    zvm_code *code = compile(runtime, "dear()\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.fuel_limit = dear;
    isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    zvm_isolate_destroy(isolate);
    options.fuel_limit = 999;
    isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_FUEL);
    assert_int_equal(seen.calls, 3);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_text_beyond_the_heap_limit_is_a_heap_limit_error(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    assert_int_equal(add(runtime, "echo", echo, NULL, 1, 1), ZVM_OK);
    zvm_code *code = compile(runtime, "let s = \"x\" * 30000\nlet l = []\n"
                                      "try { while true { l.push(echo(s)) } }\n"
                                      "catch (e) { l = [e.kind] }\nlet k = l[0]\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 256 << 10;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    expect_global(isolate, "k", "HeapLimitError");
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- No way back --------------------------------------------------------------------------------

static zvm_call_outcome enter_again(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    struct seen *seen = zvm_call_user(call);
    zvm_isolate *isolate = zvm_call_isolate(call);
    zvm_value value = {.kind = ZVM_VALUE_NULL};
    seen->calls++;
    seen->statuses[0] = zvm_isolate_run(isolate, 0, NULL);
    seen->statuses[1] = zvm_isolate_destroy(isolate);
    seen->statuses[2] = zvm_isolate_set_global(isolate, "x", &value);
    seen->statuses[3] = zvm_isolate_get_global(isolate, "x", &value);
    seen->statuses[4] = zvm_isolate_collect(isolate, true, NULL);
    seen->statuses[5] = zvm_isolate_load(isolate, "l", "", 0, 0, NULL, NULL);
    seen->statuses[6] = zvm_isolate_submit(isolate);
    seen->statuses[7] = zvm_isolate_wait(isolate, UINT64_MAX);
    return zvm_call_return(call, NULL);
}

static void check_refusals(uint32_t worker_count)
{
    zvm_runtime *runtime = make_runtime(worker_count);
    struct seen seen = {0};
    assert_int_equal(add(runtime, "again", enter_again, &seen, 0, 0), ZVM_OK);
    zvm_code *code = compile(runtime, "let x = 1\nagain()\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    if (worker_count == 0)
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    else
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_int_equal(seen.calls, 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(seen.statuses[i], ZVM_E_BUSY);
    assert_int_equal(seen.statuses[6], worker_count == 0 ? ZVM_E_ARGUMENT : ZVM_E_STATE);
    assert_int_equal(seen.statuses[7], ZVM_E_STATE);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_function_cannot_get_back_into_its_isolate(void **state)
{
    (void)state;
    check_refusals(0);
    check_refusals(1);
}

// Three deep, each in the function of the one before; the innermost waits for the outermost.
struct nested {
    zvm_isolate *isolates[3];
    zvm_status statuses[3], wait_status;
};

static zvm_call_outcome run_next(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    struct nested *nested = zvm_call_user(call);
    int64_t depth = arguments[0].integer;
    if (depth < 3)
        nested->statuses[depth] = zvm_isolate_run(nested->isolates[depth], 0, NULL);
    else
        nested->wait_status = zvm_isolate_wait(nested->isolates[0], UINT64_MAX);
    return zvm_call_return(call, NULL);
}

static void test_function_may_run_another_isolate_but_waits_for_none_that_it_is_in(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct nested nested = {0};
    assert_int_equal(add(runtime, "run_next", run_next, &nested, 1, 1), ZVM_OK);
    zvm_code *code = compile(runtime, "run_next(isolate_id())\n");
    for (int i = 0; i < 3; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i + 1;
        nested.isolates[i] = make_isolate(runtime, code, &options);
    }
    assert_int_equal(zvm_isolate_run(nested.isolates[0], 0, NULL), ZVM_OK);
    assert_int_equal(nested.statuses[1], ZVM_OK);
    assert_int_equal(nested.statuses[2], ZVM_OK);
    assert_int_equal(nested.wait_status, ZVM_E_STATE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(result_of(nested.isolates[i]).status, ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_function_gets_every_kind_that_crosses),
        cmocka_unit_test(test_result_is_what_the_program_goes_on_with),
        cmocka_unit_test(test_argument_with_parts_is_a_type_error),
        cmocka_unit_test(test_result_that_is_no_value_of_a_program_is_an_error_of_the_program),
        cmocka_unit_test(test_error_of_the_host_has_kind_text_and_place),
        cmocka_unit_test(test_careless_function_gives_an_error_all_the_same),
        cmocka_unit_test(test_wrong_number_of_arguments_is_an_argument_error),
        cmocka_unit_test(test_most_arguments_arrive_and_one_more_is_refused),
        cmocka_unit_test(test_name_that_a_program_cannot_call_is_refused),
        cmocka_unit_test(test_every_function_of_many_is_found),
        cmocka_unit_test(test_variable_of_the_program_hides_the_function),
        cmocka_unit_test(test_function_added_later_is_for_code_made_later),
        cmocka_unit_test(test_compiled_bytes_and_sessions_know_the_functions),
        cmocka_unit_test(test_fuel_of_a_function_is_charged_before_it_runs),
        cmocka_unit_test(test_text_beyond_the_heap_limit_is_a_heap_limit_error),
        cmocka_unit_test(test_function_cannot_get_back_into_its_isolate),
        cmocka_unit_test(test_function_may_run_another_isolate_but_waits_for_none_that_it_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
