// Goal: whatever allocation is refused while an isolate runs with every profile on and is asked for
// all of them, each call says so or does its work, nothing leaks, and what the program came to is
// right or says that there was no memory.
// Method: fail each allocation, once and from there on, of making a runtime, running and asking.
#include "fault/fault.h"

#include "zvm.h"

#include <string.h>

static const char PROGRAM[] = "let kept = {}\n"
                              "data P { x, y = [1, \"a\"] }\n"
                              "action put(i) { kept[\"key ${i}\"] = P([i, \"${i}\"]) }\n"
                              "for each i in range(40) { put(i) }\n"
                              "let long = \"0123456789\" * 300\n";

struct asked {
    uint32_t leaks, entries;
    size_t bytes;
};

static bool count_text(void *context, const char *text, size_t length_bytes)
{
    struct asked *asked = context;
    if (length_bytes > 0 && text[0] != '\0') asked->bytes += length_bytes;
    return true;
}

static bool count_leak(void *context, const zvm_leak *leak)
{
    struct asked *asked = context;
    asked->leaks += leak->count > 0 && leak->path[0] != '\0';
    return true;
}

static bool count_entry(void *context, const zvm_history_entry *entry)
{
    struct asked *asked = context;
    asked->entries += entry->bytes > 0;
    return true;
}

// A profile that could not be had is ZVM_E_STATE: no failure of the program.
static zvm_status ask(zvm_isolate *isolate, struct asked *asked)
{
    zvm_leak_filter any = {0};
    zvm_ages ages = ZVM_AGES_INIT;
    zvm_status all[] = {
        zvm_isolate_find_leaks(isolate, &any, count_leak, asked),
        zvm_isolate_ages(isolate, &ages),
        zvm_isolate_heap_snapshot(isolate, count_text, asked),
        zvm_isolate_alloc_profile(isolate, count_text, asked),
        zvm_isolate_history(isolate, count_entry, asked),
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != ZVM_OK && all[i] != ZVM_E_STATE) return all[i];
    }
    return ZVM_OK;
}

static zvm_status run_isolate(zvm_runtime *runtime, zvm_code *code, struct asked *asked)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.history_entries = 50;
    options.sample_bytes = 1;
    options.track_ages = 1;
    zvm_isolate *isolate = NULL;
    zvm_status status = zvm_isolate_create(runtime, code, &options, &isolate);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_run(isolate, 0, NULL);
    zvm_result result = ZVM_RESULT_INIT;
    if (status == ZVM_OK) status = zvm_isolate_result(isolate, &result);
    if (status == ZVM_OK) status = ask(isolate, asked);
    if (status == ZVM_OK) status = result.status;
    (void)zvm_isolate_destroy(isolate);
    return status;
}

static zvm_status run_all(void *context)
{
    struct asked *asked = context;
    *asked = (struct asked){0};
    zvm_runtime *runtime = NULL;
    zvm_code *code = NULL;
    zvm_status status = zvm_runtime_create(NULL, &runtime);
    if (status != ZVM_OK) return status;
    status = zvm_code_from_source(runtime, "p.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code);
    if (status == ZVM_OK) status = run_isolate(runtime, code, asked);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_profiled_program_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    struct asked asked;
    assert_int_equal(run_all(&asked), ZVM_OK);
    assert_true(asked.leaks > 0);
    assert_int_equal(asked.entries, 50);
    assert_true(asked.bytes > 5000);
    uint64_t count = fault_each_allocation(run_all, &asked, ZVM_E_NOMEM);
    assert_true(count > 50);
}

// ---- Of a whole runtime -------------------------------------------------------------------------

static zvm_status submit_and_ask(zvm_runtime *runtime, zvm_code *code, struct asked *asked)
{
    zvm_isolate *isolate = NULL;
    zvm_status status = zvm_isolate_create(runtime, code, NULL, &isolate);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_submit(isolate);
    if (status == ZVM_OK) status = zvm_runtime_drain(runtime);
    zvm_result result = ZVM_RESULT_INIT;
    if (status == ZVM_OK) status = zvm_isolate_result(isolate, &result);
    if (status == ZVM_OK) status = result.status;
    if (status == ZVM_OK) status = zvm_runtime_cpu_profile(runtime, count_text, asked);
    if (status == ZVM_OK) status = zvm_runtime_trace(runtime, count_text, asked);
    (void)zvm_isolate_destroy(isolate);
    return status;
}

// With a seed, so that no other thread allocates.
static zvm_status run_watched(void *context)
{
    struct asked *asked = context;
    *asked = (struct asked){0};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.seed = 1;
    options.profile_fuel = 64;
    options.trace_events = 100;
    zvm_runtime *runtime = NULL;
    zvm_code *code = NULL;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status != ZVM_OK) return status;
    status = zvm_code_from_source(runtime, "p.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code);
    if (status == ZVM_OK) status = submit_and_ask(runtime, code, asked);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_watched_runtime_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    struct asked asked;
    assert_int_equal(run_watched(&asked), ZVM_OK);
    assert_true(asked.bytes > 200);
    uint64_t count = fault_each_allocation(run_watched, &asked, ZVM_E_NOMEM);
    assert_true(count > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiled_program_each_allocation_refused_reports_no_memory),
        cmocka_unit_test(test_watched_runtime_each_allocation_refused_reports_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
