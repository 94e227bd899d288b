// Goal: whatever allocation is refused while a runtime is made and used, each call gives a status, every
// isolate comes to an end, and nothing leaks.
// Method: fail the n-th allocation, once and from there on, until the body passes untouched. With no
// workers the order of allocations is the same each time; with one, only the end is looked at.
#include "fault.h"

#include "zvm.h"

#include <string.h>

static zvm_status run_isolate(zvm_runtime *runtime, zvm_code *code)
{
    static const char *const arguments[] = {"one", "two"};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.arguments = arguments;
    options.argument_count = 2;
    options.cpu_limit_ns = UINT64_C(60000000000);
    options.output_limit_bytes = 1000;
    zvm_status status = zvm_group_create(runtime, NULL, &options.group); // goes with the runtime
    if (status != ZVM_OK) return status;
    zvm_isolate *isolate;
    status = zvm_isolate_create(runtime, code, &options, &isolate);
    if (status != ZVM_OK) return status;
    zvm_value value = {
        .kind = ZVM_VALUE_STRING, .text = "some text of the host", .length_bytes = 21};
    zvm_status set_status = zvm_isolate_set_global(isolate, "t", &value);
    status = zvm_isolate_run(isolate, 0, NULL);
    zvm_result result = ZVM_RESULT_INIT;
    if (status == ZVM_OK && zvm_isolate_result(isolate, &result) == ZVM_OK) status = result.status;
    if (status == ZVM_OK) status = set_status;
    if (status == ZVM_OK) status = zvm_isolate_get_global(isolate, "l", &value);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK); // always works
    return status;
}

static bool ignore(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    (void)text;
    (void)length_bytes;
    return true;
}

static const char PROGRAM[] =
    "t = t + \"!\"\nlet m = {}\nfor each i in range(20) { m[\"k${i}\"] = i }\n"
    "let l = \"x\" * 3000\nprint(m.len())\n";

static zvm_status use_runtime(void *context)
{
    (void)context;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_status status = zvm_runtime_create(NULL, &runtime);
    if (status != ZVM_OK) return status;
    status = zvm_code_from_source(runtime, "f.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code);
    if (status == ZVM_OK) {
        status = run_isolate(runtime, code);
        zvm_code_release(code);
    }
    zvm_status report_status = zvm_report_write(runtime, ZVM_REPORT_JSON, ignore, NULL);
    if (status == ZVM_OK) status = report_status;
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_runtime_with_refused_allocations_gives_a_status_and_no_leak(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(use_runtime, NULL, ZVM_E_NOMEM) > 50);
}

static zvm_status start_and_stop(void *context)
{
    (void)context;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 3;
    zvm_runtime *runtime;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status == ZVM_OK) zvm_runtime_destroy(runtime);
    return status;
}

static void test_workers_with_refused_allocations_start_all_or_nothing(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(start_and_stop, NULL, ZVM_E_NOMEM) > 10);
}

// Isolates of a runtime with workers, whose every later allocation is refused: they end, whatever with.
static void test_submitted_isolates_end_when_memory_runs_out(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    zvm_runtime *runtime;
    zvm_code *code;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    const char *text = "let l = []\nwhile l.len() < 100000 { l.push([l.len()]) }\n";
    assert_int_equal(zvm_code_from_source(runtime, "f.zx", text, strlen(text), NULL, NULL, &code),
                     ZVM_OK);
    zvm_isolate *isolates[20];
    for (int i = 0; i < 20; i++)
        assert_int_equal(zvm_isolate_create(runtime, code, NULL, &isolates[i]), ZVM_OK);
    zalloc_fail_at(1, true);
    for (int i = 0; i < 20; i++)
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    zvm_isolate_cancel(isolates[19]);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < 20; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        assert_int_equal(zvm_isolate_result(isolates[i], &result), ZVM_OK);
        assert_true(result.status != ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    zvm_report report = ZVM_REPORT_INIT;
    assert_int_equal(zvm_report_take(runtime, &report), ZVM_OK);
    assert_int_equal(report.totals.isolates_finished, 20);
    assert_int_equal(report.totals.heap_current_bytes, 0);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    zalloc_fail_at(0, false);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

// More than rings hold, of both priorities, and no memory for what is behind the rings: each has its
// turns all the same, from the batch of the worker that has it.
static void run_many_without_memory(uint32_t worker_count, uint64_t fail_at)
{
    enum { COUNT = 1500 };
    static zvm_isolate *isolates[COUNT];
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = worker_count;
    options.slice_budget = 1000;
    zvm_runtime *runtime;
    zvm_code *code;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    const char *text = "let i = 0\nwhile i < 1000 { i = i + 1 }\n";
    assert_int_equal(zvm_code_from_source(runtime, "f.zx", text, strlen(text), NULL, NULL, &code),
                     ZVM_OK);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    for (int i = 0; i < COUNT; i++) {
        isolate_options.priority = i % 3 == 0 ? ZVM_PRIORITY_HIGH : ZVM_PRIORITY_NORMAL;
        assert_int_equal(zvm_isolate_create(runtime, code, &isolate_options, &isolates[i]), ZVM_OK);
    }
    zalloc_fail_at(fail_at, true);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    zalloc_fail_at(0, false);
    for (int i = 0; i < COUNT; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        assert_int_equal(zvm_isolate_result(isolates[i], &result), ZVM_OK);
        assert_int_equal(result.status, ZVM_OK);
        assert_true(result.slices > 1);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_queues_that_cannot_grow_lose_nobody(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    for (uint32_t workers = 1; workers <= 3; workers++)
        for (uint64_t fail_at = 1; fail_at <= 3; fail_at++)
            run_many_without_memory(workers, fail_at);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runtime_with_refused_allocations_gives_a_status_and_no_leak),
        cmocka_unit_test(test_workers_with_refused_allocations_start_all_or_nothing),
        cmocka_unit_test(test_submitted_isolates_end_when_memory_runs_out),
        cmocka_unit_test(test_queues_that_cannot_grow_lose_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
