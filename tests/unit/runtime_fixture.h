// Goal: what the tests of the scheduler and of the public functions share: a runtime, code, isolates.
// Use: only zvm.h; every step that must succeed is checked here.
#ifndef ZVM_TESTS_RUNTIME_FIXTURE_H
#define ZVM_TESTS_RUNTIME_FIXTURE_H

#include "zvm.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline zvm_runtime *make_runtime(uint32_t worker_count)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = worker_count;
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    return runtime;
}

static inline zvm_code *compile(zvm_runtime *runtime, const char *text)
{
    zvm_code *code = NULL;
    zvm_status status =
        zvm_code_from_source(runtime, "test.zx", text, strlen(text), NULL, NULL, &code);
    assert_int_equal(status, ZVM_OK);
    return code;
}

static inline zvm_isolate *make_isolate(zvm_runtime *runtime, zvm_code *code,
                                        const zvm_isolate_options *options)
{
    zvm_isolate *isolate = NULL;
    assert_int_equal(zvm_isolate_create(runtime, code, options, &isolate), ZVM_OK);
    return isolate;
}

static inline zvm_result result_of(const zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
    return result;
}

static inline zvm_report report_of(zvm_runtime *runtime)
{
    zvm_report report = ZVM_REPORT_INIT;
    assert_int_equal(zvm_report_take(runtime, &report), ZVM_OK);
    return report;
}

// What must hold whenever nothing is being run, made or destroyed.
static inline void check_identities(zvm_runtime *runtime)
{
    zvm_report_counters c = report_of(runtime).totals;
    uint64_t failed = c.failed_error + c.failed_heap_limit + c.failed_fuel + c.failed_timeout +
                      c.failed_cancelled + c.failed_output + c.failed_cpu_time + c.failed_output_limit + c.failed_group_limit +
                      c.failed_other;
    assert_int_equal(c.isolates_finished, c.isolates_succeeded + failed);
    assert_true(c.isolates_destroyed <= c.isolates_created);
    assert_true(c.freed_bytes <= c.allocated_bytes);
    if (c.isolates_created != c.isolates_destroyed) return;
    assert_int_equal(c.heap_current_bytes, 0);
    assert_int_equal(c.allocated_bytes, c.freed_bytes);
    assert_int_equal(c.allocated_count, c.freed_count);
}

// A gate that one side waits at until the other opens it.
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int waiting;
    bool is_open;
};

#define GATE_INIT                                                     \
    {                                                                 \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false \
    }

static inline void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->is_open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static inline void gate_await(struct gate *gate, int count)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->waiting < count)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static inline void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

// An output callback that holds its worker at a gate.
static inline bool output_at_gate(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    gate_pass(context);
    return true;
}

// Keeps one worker busy until the gate opens. The isolate is to be destroyed by the caller.
static inline zvm_isolate *block_worker(zvm_runtime *runtime, zvm_code *printing, struct gate *gate)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = output_at_gate;
    options.output_context = gate;
    zvm_isolate *isolate = make_isolate(runtime, printing, &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    return isolate;
}

static const char SPIN[] = "while true { }\n";

#endif // ZVM_TESTS_RUNTIME_FIXTURE_H
