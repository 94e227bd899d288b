// Goal: the limits that end an isolate say which it was, what had been used and what was allowed; they hold
// to what docs/limits.md states, and the isolates beside are not touched.
// Method: programs that come to each limit, run on this thread, on workers, in slices and in sessions, at
// the limit, below and above. Nothing here depends on how fast the machine is.
#include "runtime_fixture.h"

#include "base/alloc.h"

#define SPIN "while true { }\n"

struct text {
    char bytes[4096];
    size_t length_bytes;
};

static bool keep(void *context, const char *bytes, size_t length_bytes)
{
    struct text *text = context;
    assert_true(length_bytes <= sizeof text->bytes - text->length_bytes);
    memcpy(text->bytes + text->length_bytes, bytes, length_bytes);
    text->length_bytes += length_bytes;
    return true;
}

// Runs a program in slices of `budget` fuel on this thread (0: at once) and destroys it.
static zvm_result run_here(const char *program, const zvm_isolate_options *options, uint64_t budget)
{
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, program);
    zvm_isolate *isolate = make_isolate(runtime, code, options);
    for (bool finished = false; !finished;)
        assert_int_equal(zvm_isolate_run(isolate, budget, &finished), ZVM_OK);
    zvm_result result = result_of(isolate);
    check_identities(runtime);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return result; // its texts are gone
}

static void test_output_at_the_limit_is_printed_and_over_it_nothing_of_the_print(void **state)
{
    (void)state;
    static const char program[] = "print(\"123\")\nprint(\"567\")\n"; // 8 bytes
    for (uint64_t limit = 1; limit <= 10; limit++) {
        struct text text = {.length_bytes = 0};
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.output = keep;
        options.output_context = &text;
        options.output_limit_bytes = limit;
        zvm_result result = run_here(program, &options, 0);
        size_t printed = limit >= 8 ? 8 : limit >= 4 ? 4 : 0;
        assert_int_equal(text.length_bytes, printed);
        assert_int_equal(result.output_bytes, printed);
        assert_int_equal(result.status, limit >= 8 ? ZVM_OK : ZVM_E_OUTPUT_LIMIT);
        assert_int_equal(result.limit_used, limit >= 8 ? 0 : printed + 4);
        assert_int_equal(result.limit_allowed, limit >= 8 ? 0 : limit);
    }
}

static void test_output_limit_counts_what_nobody_reads(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output_limit_bytes = 100;
    zvm_result result = run_here("while true { print(1) }\n", &options, 10);
    assert_int_equal(result.status, ZVM_E_OUTPUT_LIMIT);
    assert_int_equal(result.output_bytes, 100);
    assert_int_equal(result.limit_used, 102);
}

static void test_output_limit_cannot_be_caught(void **state)
{
    (void)state;
    struct text text = {.length_bytes = 0};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = keep;
    options.output_context = &text;
    options.output_limit_bytes = 1;
    zvm_result result =
        run_here("try { print(12) } catch (e) { print(3) } finally { print(4) }\n", &options, 0);
    assert_int_equal(result.status, ZVM_E_OUTPUT_LIMIT);
    assert_int_equal(text.length_bytes, 0);
}

static void test_cpu_limit_ends_a_spinner_in_slices_and_at_once(void **state)
{
    (void)state;
    static const uint64_t budgets[] = {0, 1000, 32768};
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.cpu_limit_ns = 2000000;
        zvm_result result = run_here(SPIN, &options, budgets[i]);
        assert_int_equal(result.status, ZVM_E_CPU_TIME);
        assert_int_equal(result.limit_allowed, 2000000);
        assert_true(result.limit_used >= 2000000);
    }
}

static void test_cpu_limit_is_seen_inside_long_builtins(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.cpu_limit_ns = 1;
    zvm_result result = run_here("let l = range(1000000)\nl.sort()\nprint(l.len())\n", &options, 0);
    assert_int_equal(result.status, ZVM_E_CPU_TIME);
    assert_int_equal(result.output_bytes, 0);
}

static void test_cpu_time_is_not_what_passes_between_slices(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let n = 0\nwhile n < 100 { n += 1 }\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.cpu_limit_ns = UINT64_C(60000000000);
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    bool finished = false;
    assert_int_equal(zvm_isolate_run(isolate, 10, &finished), ZVM_OK);
    assert_false(finished);
    uint64_t volatile sum = 0;
    for (uint64_t i = 0; i < 30000000; i++)
        sum += i;
    assert_true(sum > 0);
    while (!finished)
        assert_int_equal(zvm_isolate_run(isolate, 10, &finished), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, ZVM_OK);
    assert_int_equal(result.limit_allowed, 0);
    // What the host does to it afterwards is not looked at either.
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, "n", &value), ZVM_OK);
    assert_int_equal(value.integer, 100);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_cpu_limit_does_not_stop_what_the_host_does_between_slices(void **state)
{
    (void)state;
    static char text[300000]; // more than is touched between two polls
    memset(text, 'x', sizeof text);
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let s = \"\"\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.cpu_limit_ns = 1000000;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    // The thread uses more than the limit, for itself.
    zvm_value value = {.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = sizeof text};
    uint64_t volatile sum = 0;
    for (uint64_t i = 0; i < 10000000; i++)
        sum += i;
    assert_true(sum > 0);
    assert_int_equal(zvm_isolate_set_global(isolate, "s", &value), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_cpu_limit_ends_only_its_isolate_on_workers(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    zvm_isolate *isolates[COUNT];
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *spinning = compile(runtime, SPIN), *good = compile(runtime, "let r = 1\n");
    for (int i = 0; i < COUNT; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.cpu_limit_ns = i % 2 == 0 ? 1000000 : 0;
        isolates[i] = make_isolate(runtime, i % 2 == 0 ? spinning : good, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(result_of(isolates[i]).status, i % 2 == 0 ? ZVM_E_CPU_TIME : ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    assert_int_equal(report_of(runtime).totals.failed_cpu_time, COUNT / 2);
    check_identities(runtime);
    zvm_code_release(spinning);
    zvm_code_release(good);
    zvm_runtime_destroy(runtime);
}

static void test_each_piece_of_a_session_has_its_cpu_time(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.cpu_limit_ns = 2000000;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            zvm_isolate_load(isolate, "piece", SPIN, strlen(SPIN), 0, NULL, NULL), ZVM_OK);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        zvm_result result = result_of(isolate);
        assert_int_equal(result.status, ZVM_E_CPU_TIME);
        assert_true(result.limit_used >= 2000000);
    }
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_fuel_time_and_heap_say_what_was_used_and_allowed(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.fuel_limit = 12345;
    zvm_result result = run_here(SPIN, &options, 1000);
    assert_int_equal(result.status, ZVM_E_FUEL);
    assert_int_equal(result.limit_used, 12345);
    assert_int_equal(result.limit_allowed, 12345);
    options.fuel_limit = 0;
    options.timeout_ns = 1000000;
    result = run_here(SPIN, &options, 0);
    assert_int_equal(result.status, ZVM_E_TIMEOUT);
    assert_true(result.limit_used >= 1000000);
    assert_int_equal(result.limit_allowed, 1000000);
    options.timeout_ns = 0;
    options.heap_limit_bytes = 65536;
    result = run_here("let l = []\nwhile true { l.push([1]) }\n", &options, 0);
    assert_int_equal(result.status, ZVM_E_HEAP_LIMIT);
    assert_int_equal(result.limit_allowed, 65536);
    assert_true(result.limit_used <= 65536);
    assert_true(result.limit_used > 32768);
}

static void test_limits_without_memory_for_them_are_refused_cleanly(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output_limit_bytes = 1;
    for (uint64_t n = 1;; n++) {
        zalloc_fail_at(n, false);
        zvm_isolate *isolate = NULL;
        zvm_status status = zvm_isolate_create(runtime, code, &options, &isolate);
        bool has_failed = zalloc_has_failed();
        zalloc_fail_at(0, false);
        if (!has_failed) {
            assert_int_equal(status, ZVM_OK);
            assert_true(n > 1);
            assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
            break;
        }
        if (status == ZVM_OK)
            assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        else
            assert_int_equal(status, ZVM_E_NOMEM);
    }
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_at_the_limit_is_printed_and_over_it_nothing_of_the_print),
        cmocka_unit_test(test_output_limit_counts_what_nobody_reads),
        cmocka_unit_test(test_output_limit_cannot_be_caught),
        cmocka_unit_test(test_cpu_limit_ends_a_spinner_in_slices_and_at_once),
        cmocka_unit_test(test_cpu_limit_is_seen_inside_long_builtins),
        cmocka_unit_test(test_cpu_time_is_not_what_passes_between_slices),
        cmocka_unit_test(test_cpu_limit_does_not_stop_what_the_host_does_between_slices),
        cmocka_unit_test(test_cpu_limit_ends_only_its_isolate_on_workers),
        cmocka_unit_test(test_each_piece_of_a_session_has_its_cpu_time),
        cmocka_unit_test(test_fuel_time_and_heap_say_what_was_used_and_allowed),
        cmocka_unit_test(test_limits_without_memory_for_them_are_refused_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
