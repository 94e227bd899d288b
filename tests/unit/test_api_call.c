// Goal: a host calls functions of a finished isolate again and again: it gets their values and errors, limits
// begin anew with each call, and everything that can be done with a run can be done with a call.
// Method: small programs; what must not change is looked at after each refusal.
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

static zvm_ref make_int(struct fixture *fixture, int64_t integer)
{
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = integer};
    zvm_ref ref = 0;
    assert_int_equal(zvm_ref_new(fixture->isolate, &value, &ref), ZVM_OK);
    return ref;
}

static zvm_ref global(struct fixture *fixture, const char *name)
{
    zvm_ref ref = 0;
    assert_int_equal(zvm_ref_global(fixture->isolate, name, &ref), ZVM_OK);
    return ref;
}

static zvm_status run_call(struct fixture *fixture)
{
    bool is_finished = false;
    assert_int_equal(zvm_isolate_run(fixture->isolate, 0, &is_finished), ZVM_OK);
    assert_true(is_finished);
    return result_of(fixture->isolate).status;
}

static zvm_status call(struct fixture *fixture, const char *name, const zvm_ref *arguments,
                       size_t count)
{
    assert_int_equal(zvm_isolate_call(fixture->isolate, name, arguments, count), ZVM_OK);
    return run_call(fixture);
}

static zvm_status call_ref(struct fixture *fixture, const char *global_name,
                           const zvm_ref *arguments, size_t count)
{
    zvm_ref function = global(fixture, global_name);
    assert_int_equal(zvm_isolate_call_ref(fixture->isolate, function, arguments, count), ZVM_OK);
    return run_call(fixture);
}

struct text {
    char bytes[200];
};

static bool keep_text(void *context, const char *bytes, size_t length_bytes)
{
    struct text *text = context;
    snprintf(text->bytes, sizeof text->bytes, "%.*s", (int)length_bytes, bytes);
    return true;
}

static void expect_result(struct fixture *fixture, const char *wanted)
{
    struct text text = {{0}};
    zvm_ref result = 0;
    assert_int_equal(zvm_ref_result(fixture->isolate, &result), ZVM_OK);
    assert_int_equal(zvm_ref_text(fixture->isolate, result, keep_text, &text), ZVM_OK);
    assert_string_equal(text.bytes, wanted);
}

static void expect_no_result(struct fixture *fixture)
{
    zvm_ref result;
    assert_int_equal(zvm_ref_result(fixture->isolate, &result), ZVM_E_NOT_FOUND);
}

// ---- Values ---------------------------------------------------------------------------------------

static void test_function_is_called_again_and_again_with_globals_kept(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let n = 0\naction add(x) { n += x\nreturn [n, x] }\n");
    expect_no_result(&fixture); // the top level was no call
    for (int i = 1; i <= 1000; i++) {
        zvm_scope scope;
        assert_int_equal(zvm_scope_open(fixture.isolate, &scope), ZVM_OK);
        zvm_ref argument = make_int(&fixture, i);
        assert_int_equal(call(&fixture, "add", &argument, 1), ZVM_OK);
        if (i == 1000) expect_result(&fixture, "[500500, 1000]");
        assert_int_equal(zvm_scope_close(fixture.isolate, scope), ZVM_OK);
    }
    close_fixture(&fixture);
}

static void test_every_kind_of_function_is_called(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture,
                 "data P { x, y = 1\nmethod sum(z) { return this.x + this.y + z } }\n"
                 "let bound = P(10).sum\nlet length = len\nlet mapped = map\nlet l = [1, 2, 3]\n"
                 "let f = (x) => x * x\nasync action later(x) { sleep(1)\nreturn [x] }\n"
                 "action gives_task(x) { return later(x) }\naction nothing() { }\n");
    zvm_ref five = make_int(&fixture, 5), list = global(&fixture, "l");
    zvm_ref mapped[2] = {list, global(&fixture, "f")};
    assert_int_equal(call_ref(&fixture, "bound", &five, 1), ZVM_OK);
    expect_result(&fixture, "16");
    assert_int_equal(call_ref(&fixture, "P", &five, 1), ZVM_OK);
    expect_result(&fixture, "P(x=5, y=1)");
    assert_int_equal(call_ref(&fixture, "length", &list, 1), ZVM_OK);
    expect_result(&fixture, "3");
    assert_int_equal(call_ref(&fixture, "mapped", mapped, 2), ZVM_OK);
    expect_result(&fixture, "[1, 4, 9]");
    assert_int_equal(call_ref(&fixture, "f", &five, 1), ZVM_OK);
    expect_result(&fixture, "25");
    assert_int_equal(call(&fixture, "nothing", NULL, 0), ZVM_OK);
    expect_result(&fixture, "null");
    // What waits for a time is run again when it has come.
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "later" : "gives_task";
        assert_int_equal(zvm_isolate_call(fixture.isolate, name, &five, 1), ZVM_OK);
        while (zvm_isolate_run(fixture.isolate, 0, NULL) == ZVM_E_WAITING)
            assert_int_equal(zvm_isolate_wait(fixture.isolate, UINT64_MAX), ZVM_OK);
        expect_result(&fixture, "[5]");
    }
    close_fixture(&fixture);
}

static void test_arguments_up_to_the_most_arrive_in_order(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(
        &fixture,
        "action f(a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p) { return [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p] }\n");
    zvm_ref arguments[ZVM_CALL_ARGUMENTS_MAX + 1];
    for (int i = 0; i <= ZVM_CALL_ARGUMENTS_MAX; i++)
        arguments[i] = make_int(&fixture, i);
    assert_int_equal(call(&fixture, "f", arguments, ZVM_CALL_ARGUMENTS_MAX), ZVM_OK);
    expect_result(&fixture, "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]");
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", arguments, ZVM_CALL_ARGUMENTS_MAX + 1),
                     ZVM_E_LIMIT);
    close_fixture(&fixture);
}

static void test_result_stays_through_collections_until_the_next_call(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.gc_threshold_count = 3;
    open_with(&fixture, "action f(x) { return ['text of ' + string(x)] }\naction g() { throw 1 }\n",
              &options);
    zvm_ref one = make_int(&fixture, 1);
    assert_int_equal(call(&fixture, "f", &one, 1), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(fixture.isolate, true, NULL), ZVM_OK);
    expect_result(&fixture, "[text of 1]");
    assert_int_equal(call(&fixture, "g", NULL, 0), ZVM_E_ERROR);
    expect_no_result(&fixture);
    close_fixture(&fixture);
}

static void test_calls_go_on_in_a_session(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let n = 1\naction f() { return n }\n");
    static const char piece[] = "let m = 5\naction g() { n += m\nreturn f() }\n";
    assert_int_equal(call(&fixture, "f", NULL, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_load(fixture.isolate, "p", piece, strlen(piece), 0, NULL, NULL),
                     ZVM_OK);
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", NULL, 0),
                     ZVM_E_STATE); // the piece first
    assert_int_equal(run_call(&fixture), ZVM_OK);
    expect_no_result(&fixture);
    assert_int_equal(call(&fixture, "g", NULL, 0), ZVM_OK);
    expect_result(&fixture, "6");
    close_fixture(&fixture);
}

// ---- Errors ---------------------------------------------------------------------------------------

static void test_uncaught_error_of_a_call_is_its_result(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(
        &fixture,
        "let n = 3\naction g(x) {\n  return x.missing }\naction f(x) {\n  return g(x) }\n");
    zvm_ref one = make_int(&fixture, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(&fixture, "f", &one, 1), ZVM_E_ERROR);
        zvm_result result = result_of(fixture.isolate);
        assert_string_equal(result.kind, "TypeError");
        assert_string_equal(result.file, "test.zx");
        assert_int_equal(result.line, 3);
        assert_int_equal(result.trace_count, 2); // no line for the host
        assert_string_equal(result.trace[0].function, "g");
        assert_string_equal(result.trace[1].function, "f");
    }
    zvm_value n;
    assert_int_equal(zvm_isolate_get_global(fixture.isolate, "n", &n), ZVM_OK);
    assert_int_equal(n.integer, 3);
    close_fixture(&fixture);
}

static void test_wrong_number_of_arguments_is_an_error_of_the_program(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "action f(x) { return x }\nlet length = len\n");
    assert_int_equal(call(&fixture, "f", NULL, 0), ZVM_E_ERROR);
    assert_string_equal(result_of(fixture.isolate).kind, "ArgumentError");
    assert_string_equal(result_of(fixture.isolate).message, "f() expects 1 argument, got 0");
    assert_int_equal(call_ref(&fixture, "length", NULL, 0), ZVM_E_ERROR);
    assert_string_equal(result_of(fixture.isolate).kind, "ArgumentError");
    zvm_ref one = make_int(&fixture, 1);
    assert_int_equal(call(&fixture, "f", &one, 1), ZVM_OK);
    expect_result(&fixture, "1");
    close_fixture(&fixture);
}

static void test_what_cannot_be_called_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let n = 3\naction f() { return n }\n");
    zvm_isolate *isolate = fixture.isolate;
    assert_int_equal(call(&fixture, "f", NULL, 0), ZVM_OK);
    zvm_ref stale = 12345, number = global(&fixture, "n");
    assert_int_equal(zvm_isolate_call(isolate, "nobody", NULL, 0), ZVM_E_NOT_FOUND);
    assert_int_equal(zvm_isolate_call(isolate, "n", NULL, 0), ZVM_E_TYPE);
    assert_int_equal(zvm_isolate_call_ref(isolate, number, NULL, 0), ZVM_E_TYPE);
    assert_int_equal(zvm_isolate_call_ref(isolate, stale, NULL, 0), ZVM_E_STALE);
    assert_int_equal(zvm_isolate_call(isolate, "f", &stale, 1), ZVM_E_STALE);
    assert_int_equal(zvm_isolate_call(isolate, "f", NULL, 1), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_call(isolate, NULL, NULL, 0), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_call(NULL, "f", NULL, 0), ZVM_E_ARGUMENT);
    expect_result(&fixture, "3");
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_int_equal(zvm_isolate_call(isolate, "f", NULL, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_call(isolate, "f", NULL, 0), ZVM_E_STATE); // prepared
    expect_no_result(&fixture);
    assert_int_equal(run_call(&fixture), ZVM_OK);
    zvm_isolate *fresh = make_isolate(fixture.runtime, fixture.code, NULL);
    assert_int_equal(zvm_isolate_call(fresh, "f", NULL, 0), ZVM_E_STATE); // it has not run
    assert_int_equal(zvm_isolate_destroy(fresh), ZVM_OK);
    close_fixture(&fixture);
}

// ---- Limits ---------------------------------------------------------------------------------------

static void test_each_call_has_the_fuel_limit_anew(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.fuel_limit = 5000;
    open_with(&fixture,
              "let n = 0\naction f() { for each i in range(500) { n += 1 }\nreturn n }\n"
              "action forever() { while true { n += 1 } }\n",
              &options);
    uint64_t used = 0;
    for (int i = 1; i <= 20; i++) { // together they need several times the limit
        assert_int_equal(call(&fixture, "f", NULL, 0), ZVM_OK);
        if (i > 1) assert_int_equal(result_of(fixture.isolate).fuel_used, used);
        used = result_of(fixture.isolate).fuel_used;
    }
    assert_in_range(used, 1000, 5000);
    assert_int_equal(call(&fixture, "forever", NULL, 0), ZVM_E_FUEL);
    assert_int_equal(result_of(fixture.isolate).limit_allowed, 5000);
    assert_int_equal(call(&fixture, "f", NULL, 0), ZVM_OK);
    close_fixture(&fixture);
}

static void test_each_call_has_the_deadline_anew(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.timeout_ns = 30000000;
    open_with(&fixture, "action forever() { while true { } }\naction f() { return 1 }\n", &options);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(call(&fixture, "forever", NULL, 0), ZVM_E_TIMEOUT);
        assert_int_equal(call(&fixture, "f", NULL, 0), ZVM_OK);
    }
    close_fixture(&fixture);
}

static void test_heap_limit_and_depth_end_a_call_and_not_the_isolate(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 200000;
    options.max_depth = 50;
    open_with(&fixture,
              "action hoard() { let l = []\nwhile true { l.push('x' * 100) } }\n"
              "action deep(n) { if n == 0 { return 0 }\nreturn 1 + deep(n - 1) }\n",
              &options);
    zvm_ref ten = make_int(&fixture, 10), many = make_int(&fixture, 100);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(&fixture, "hoard", NULL, 0), ZVM_E_HEAP_LIMIT);
        assert_int_equal(call(&fixture, "deep", &ten, 1), ZVM_OK);
        expect_result(&fixture, "10");
        assert_int_equal(call(&fixture, "deep", &many, 1), ZVM_E_ERROR);
        assert_string_equal(result_of(fixture.isolate).kind, "StackOverflowError");
    }
    close_fixture(&fixture);
}

// ---- Running --------------------------------------------------------------------------------------

static void test_calls_run_in_slices_also_inside_builtins(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let m = map\nlet l = range(200)\naction f(x) { return x + 1 }\n");
    zvm_ref arguments[2] = {global(&fixture, "l"), global(&fixture, "f")};
    assert_int_equal(zvm_isolate_call_ref(fixture.isolate, global(&fixture, "m"), arguments, 2),
                     ZVM_OK);
    bool is_finished = false;
    int slices = 0;
    for (; !is_finished; slices++)
        assert_int_equal(zvm_isolate_run(fixture.isolate, 50, &is_finished), ZVM_OK);
    assert_true(slices > 20);
    zvm_ref result;
    size_t count;
    assert_int_equal(zvm_ref_result(fixture.isolate, &result), ZVM_OK);
    assert_int_equal(zvm_ref_count(fixture.isolate, result, &count), ZVM_OK);
    assert_int_equal(count, 200);
    close_fixture(&fixture);
}

static zvm_token kept_token;

static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    if (zvm_call_token(call, &kept_token) != ZVM_OK) return zvm_call_fail(call, NULL, "no token");
    return ZVM_CALL_SUSPENDED;
}

static void test_a_call_that_is_itself_a_function_of_the_host_suspends(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "ask";
    function.call = ask;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    zvm_code *code = compile(runtime, "let a = ask\naction f() { return [ask()] }\n");
    struct fixture fixture = {
        .runtime = runtime, .code = code, .isolate = make_isolate(runtime, code, NULL)};
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_scope_open(fixture.isolate, &fixture.scope), ZVM_OK);
    zvm_value answer = {.kind = ZVM_VALUE_INT, .integer = 42};
    for (int i = 0; i < 2; i++) {
        zvm_ref called = global(&fixture, i == 0 ? "f" : "a");
        assert_int_equal(zvm_isolate_call_ref(fixture.isolate, called, NULL, 0), ZVM_OK);
        assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_E_WAITING);
        expect_no_result(&fixture);
        assert_int_equal(zvm_complete(runtime, kept_token, &answer), ZVM_OK);
        assert_int_equal(run_call(&fixture), ZVM_OK);
        expect_result(&fixture, i == 0 ? "[42]" : "42");
    }
    close_fixture(&fixture);
}

static void test_calls_run_on_workers(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile(runtime, "let n = 0\naction f(x) { n += x\nreturn n }\n");
    struct fixture all[20];
    for (int i = 0; i < 20; i++) {
        all[i] = (struct fixture){.runtime = runtime, .isolate = make_isolate(runtime, code, NULL)};
        assert_int_equal(zvm_isolate_submit(all[i].isolate), ZVM_OK);
    }
    for (int round = 1; round <= 50; round++) {
        for (int i = 0; i < 20; i++) {
            assert_int_equal(zvm_isolate_wait(all[i].isolate, UINT64_MAX), ZVM_OK);
            assert_int_equal(zvm_scope_open(all[i].isolate, &all[i].scope), ZVM_OK);
            zvm_ref argument = make_int(&all[i], i);
            assert_int_equal(zvm_isolate_call(all[i].isolate, "f", &argument, 1), ZVM_OK);
            assert_int_equal(zvm_scope_close(all[i].isolate, all[i].scope), ZVM_OK);
            assert_int_equal(zvm_isolate_submit(all[i].isolate), ZVM_OK);
        }
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < 20; i++) {
        char wanted[20];
        snprintf(wanted, sizeof wanted, "%d", i * 50);
        assert_int_equal(zvm_scope_open(all[i].isolate, &all[i].scope), ZVM_OK);
        expect_result(&all[i], wanted);
        assert_int_equal(zvm_scope_close(all[i].isolate, all[i].scope), ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(all[i].isolate), ZVM_OK);
    }
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_prepared_calls_are_cancelled_reset_and_destroyed(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let n = [1]\naction f() { return n }\n");
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", NULL, 0), ZVM_OK);
    zvm_isolate_cancel(fixture.isolate);
    assert_int_equal(run_call(&fixture), ZVM_E_CANCELLED);
    expect_no_result(&fixture);
    assert_int_equal(call(&fixture, "f", NULL, 0), ZVM_OK);
    expect_result(&fixture, "[1]");
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", NULL, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(fixture.isolate, true, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_reset(fixture.isolate), ZVM_OK);
    assert_int_equal(run_call(&fixture), ZVM_OK); // the top level again
    assert_int_equal(zvm_scope_open(fixture.isolate, &fixture.scope), ZVM_OK);
    expect_no_result(&fixture);
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", NULL, 0), ZVM_OK);
    close_fixture(&fixture); // prepared
}

static void test_arguments_of_a_prepared_call_outlive_their_scope(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "action f(x) { return x }\n");
    zvm_scope scope;
    assert_int_equal(zvm_scope_open(fixture.isolate, &scope), ZVM_OK);
    zvm_ref list;
    zvm_value seven = {.kind = ZVM_VALUE_INT, .integer = 7};
    assert_int_equal(zvm_ref_new_list(fixture.isolate, 0, &list), ZVM_OK);
    assert_int_equal(zvm_ref_append_value(fixture.isolate, list, &seven), ZVM_OK);
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", &list, 1), ZVM_OK);
    assert_int_equal(zvm_scope_close(fixture.isolate, scope), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(fixture.isolate, true, NULL), ZVM_OK);
    assert_int_equal(run_call(&fixture), ZVM_OK);
    expect_result(&fixture, "[7]");
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_function_is_called_again_and_again_with_globals_kept),
        cmocka_unit_test(test_every_kind_of_function_is_called),
        cmocka_unit_test(test_arguments_up_to_the_most_arrive_in_order),
        cmocka_unit_test(test_result_stays_through_collections_until_the_next_call),
        cmocka_unit_test(test_calls_go_on_in_a_session),
        cmocka_unit_test(test_uncaught_error_of_a_call_is_its_result),
        cmocka_unit_test(test_wrong_number_of_arguments_is_an_error_of_the_program),
        cmocka_unit_test(test_what_cannot_be_called_is_refused_and_nothing_changes),
        cmocka_unit_test(test_each_call_has_the_fuel_limit_anew),
        cmocka_unit_test(test_each_call_has_the_deadline_anew),
        cmocka_unit_test(test_heap_limit_and_depth_end_a_call_and_not_the_isolate),
        cmocka_unit_test(test_calls_run_in_slices_also_inside_builtins),
        cmocka_unit_test(test_a_call_that_is_itself_a_function_of_the_host_suspends),
        cmocka_unit_test(test_calls_run_on_workers),
        cmocka_unit_test(test_prepared_calls_are_cancelled_reset_and_destroyed),
        cmocka_unit_test(test_arguments_of_a_prepared_call_outlive_their_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
