// Goal: each limit of an isolate ends that isolate alone, with its own status, the figure used and the
// figure allowed; what is at the limit passes.
// Method: programs of known use against a limit just below, at and just above it; a neighbour with the
// same code and no limit has its result all the same.
#include "runtime_fixture.h"

static zvm_result run_one(zvm_runtime *runtime, zvm_code *code, const zvm_isolate_options *options,
                          zvm_isolate **out)
{
    *out = make_isolate(runtime, code, options);
    assert_int_equal(zvm_isolate_run(*out, 0, NULL), ZVM_OK);
    return result_of(*out);
}

static bool count_output(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    *(size_t *)context += length_bytes;
    return true;
}

// Ten lines of ten bytes.
static const char PRINTS[] = "let i = 0\nwhile i < 10 { print(\"123456789\")\ni += 1 }\n";

static void check_output(uint64_t limit_bytes, zvm_status status, size_t printed_bytes)
{
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, PRINTS);
    size_t got_bytes = 0;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = count_output;
    options.output_context = &got_bytes;
    options.output_limit_bytes = limit_bytes;
    zvm_isolate *isolate;
    zvm_result result = run_one(runtime, code, &options, &isolate);
    assert_int_equal(result.status, status);
    assert_int_equal(got_bytes, printed_bytes);
    assert_int_equal(result.output_bytes, printed_bytes);
    if (status != ZVM_OK) {
        assert_string_equal(result.kind, "Termination");
        assert_int_equal(result.limit_allowed, limit_bytes);
        assert_int_equal(result.limit_used, printed_bytes + 10);
        assert_non_null(strstr(result.message, " of "));
        assert_int_equal(result.trace_count, 1);
        assert_int_equal(result.trace[0].line, 2);
        assert_int_equal(report_of(runtime).totals.failed_output_limit, 1);
    }
    zvm_isolate_destroy(isolate);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_output_below_at_and_above_its_limit(void **state)
{
    (void)state;
    check_output(101, ZVM_OK, 100);
    check_output(100, ZVM_OK, 100);
    check_output(99, ZVM_E_OUTPUT_LIMIT, 90);
    check_output(1, ZVM_E_OUTPUT_LIMIT, 0);
}

static void test_output_limit_counts_what_nobody_is_given(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "try { while true { print(1) } } finally { print(2) }\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output_limit_bytes = 1000;
    zvm_isolate *isolate;
    zvm_result result = run_one(runtime, code, &options, &isolate);
    assert_int_equal(result.status, ZVM_E_OUTPUT_LIMIT);
    assert_int_equal(result.output_bytes, 1000);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_cpu_time_of_a_loop_runs_out_and_its_neighbour_ends_well(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *spin = compile(runtime, "try { while true { } } catch (e) { } finally { }\n");
    zvm_code *adds = compile(runtime, "let r = 0\nfor each i in range(1000) { r += i }\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.cpu_limit_ns = 20000000;
    zvm_isolate *hog = make_isolate(runtime, spin, &options);
    zvm_isolate *neighbour = make_isolate(runtime, adds, &options);
    assert_int_equal(zvm_isolate_submit(hog), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(neighbour), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    zvm_result result = result_of(hog);
    assert_int_equal(result.status, ZVM_E_CPU_TIME);
    assert_string_equal(result.kind, "Termination");
    assert_int_equal(result.limit_allowed, 20000000);
    assert_true(result.limit_used >= 20000000);
    assert_int_equal(result_of(neighbour).status, ZVM_OK);
    assert_int_equal(report_of(runtime).totals.failed_cpu_time, 1);
    zvm_isolate_destroy(hog);
    zvm_isolate_destroy(neighbour);
    check_identities(runtime);
    zvm_code_release(spin);
    zvm_code_release(adds);
    zvm_runtime_destroy(runtime);
}

// It is not the wall's time: an isolate that is put aside uses none.
static void test_cpu_time_counts_only_while_the_isolate_runs(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *adds = compile(runtime, "let r = 0\nfor each i in range(1000) { r += i }\n");
    zvm_code *spin = compile(runtime, SPIN);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.cpu_limit_ns = 100000000;
    zvm_isolate *aside = make_isolate(runtime, adds, &options);
    bool finished = true;
    assert_int_equal(zvm_isolate_run(aside, 100, &finished), ZVM_OK);
    assert_false(finished);
    zvm_isolate *hog;
    assert_int_equal(run_one(runtime, spin, &options, &hog).status, ZVM_E_CPU_TIME);
    assert_int_equal(zvm_isolate_run(aside, 0, &finished), ZVM_OK);
    assert_int_equal(result_of(aside).status, ZVM_OK);
    zvm_isolate_destroy(hog);
    zvm_isolate_destroy(aside);
    zvm_code_release(adds);
    zvm_code_release(spin);
    zvm_runtime_destroy(runtime);
}

static void test_fuel_time_and_heap_tell_what_was_used_and_allowed(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *spin = compile(runtime, SPIN);
    zvm_code *fill = compile(runtime, "let l = []\nwhile true { l.push([1, 2, 3]) }\n");
    zvm_isolate *isolate;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.fuel_limit = 1000;
    zvm_result result = run_one(runtime, spin, &options, &isolate);
    assert_int_equal(result.status, ZVM_E_FUEL);
    assert_int_equal(result.limit_used, 1000);
    assert_int_equal(result.limit_allowed, 1000);
    zvm_isolate_destroy(isolate);
    options.fuel_limit = 0;
    options.timeout_ns = 2000000;
    result = run_one(runtime, spin, &options, &isolate);
    assert_int_equal(result.status, ZVM_E_TIMEOUT);
    assert_true(result.limit_used >= 2000000);
    assert_int_equal(result.limit_allowed, 2000000);
    zvm_isolate_destroy(isolate);
    options.timeout_ns = 0;
    options.heap_limit_bytes = 65536;
    result = run_one(runtime, fill, &options, &isolate);
    assert_int_equal(result.status, ZVM_E_HEAP_LIMIT);
    assert_int_equal(result.limit_allowed, 65536);
    assert_true(result.limit_used <= 65536);
    assert_true(result.limit_used > 65536 / 2);
    zvm_isolate_destroy(isolate);
    zvm_code_release(spin);
    zvm_code_release(fill);
    zvm_runtime_destroy(runtime);
}

static void test_isolates_at_their_limit_are_refused_until_one_goes(void **state)
{
    (void)state;
    zvm_runtime_options runtime_options = ZVM_RUNTIME_OPTIONS_INIT;
    runtime_options.isolate_limit = 3;
    zvm_runtime *runtime;
    assert_int_equal(zvm_runtime_create(&runtime_options, &runtime), ZVM_OK);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *isolates[3], *more = NULL;
    for (int i = 0; i < 3; i++)
        isolates[i] = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_create(runtime, code, NULL, &more), ZVM_E_ISOLATES);
    assert_null(more);
    assert_int_equal(zvm_isolate_destroy(isolates[1]), ZVM_OK);
    // One that cannot be made counts no longer.
    const char *const bad[] = {"\xff"};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.arguments = bad;
    options.argument_count = 1;
    assert_int_equal(zvm_isolate_create(runtime, code, &options, &more), ZVM_E_UTF8);
    isolates[1] = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_create(runtime, code, NULL, &more), ZVM_E_ISOLATES);
    for (int i = 0; i < 3; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_below_at_and_above_its_limit),
        cmocka_unit_test(test_output_limit_counts_what_nobody_is_given),
        cmocka_unit_test(test_cpu_time_of_a_loop_runs_out_and_its_neighbour_ends_well),
        cmocka_unit_test(test_cpu_time_counts_only_while_the_isolate_runs),
        cmocka_unit_test(test_fuel_time_and_heap_tell_what_was_used_and_allowed),
        cmocka_unit_test(test_isolates_at_their_limit_are_refused_until_one_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
