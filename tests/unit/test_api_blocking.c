// Goal: a function of the host that blocks holds up no worker; its isolate can be cancelled, reach its
// deadline and be destroyed meanwhile; what it gives arrives as any other function's result.
// Method: functions that wait at a gate, which opens only when others have made progress on the one worker;
// threads are counted by what runs at once.
#include "runtime_fixture.h"

#include <sched.h>

struct host {
    struct gate gate;
    zvm_runtime *runtime;
    pthread_mutex_t lock;
    int running, running_max, calls; // under lock
};

static void enter(struct host *host, int change)
{
    pthread_mutex_lock(&host->lock);
    host->running += change;
    host->calls += change > 0;
    if (host->running > host->running_max) host->running_max = host->running;
    pthread_mutex_unlock(&host->lock);
}

// block(x): passes the gate and gives x back.
static zvm_call_outcome block(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    enter(host, 1);
    gate_pass(&host->gate);
    enter(host, -1);
    return zvm_call_return(call, count == 0 ? NULL : &arguments[0]);
}

static zvm_call_outcome where(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_token token;
    zvm_status expected = zvm_call_isolate(call) == NULL ? ZVM_E_STATE : ZVM_OK;
    assert_int_equal(zvm_call_token(call, &token), expected);
    zvm_value value = {.kind = ZVM_VALUE_BOOL, .boolean = zvm_call_isolate(call) == NULL};
    return zvm_call_return(call, &value);
}

static zvm_call_outcome misbehave(zvm_call *call, const zvm_value *arguments, size_t count)
{
    zvm_value value = {.kind = ZVM_VALUE_STRING, .text = "\xff", .length_bytes = 1};
    switch (count == 0 ? 0 : arguments[0].integer) {
    case 1:
        return zvm_call_return(call, &value);
    case 2:
        return ZVM_CALL_SUSPENDED;
    case 3:
        (void)zvm_call_return(call, &value);
        value = (zvm_value){.kind = ZVM_VALUE_STRING, .text = "second", .length_bytes = 6};
        return zvm_call_return(call, &value);
    case 4:
        value.length_bytes = SIZE_MAX;
        return zvm_call_return(call, &value);
    default:
        return zvm_call_fail(call, "DiskError", "full");
    }
}

static void add(struct host *host, const char *name, zvm_host_fn call)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = host;
    function.maximum = 1;
    function.is_blocking = 1;
    assert_int_equal(zvm_runtime_add_function(host->runtime, &function), ZVM_OK);
}

static void open_host(struct host *host, uint32_t worker_count, uint32_t thread_count)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    *host = (struct host){.gate = GATE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};
    options.worker_count = worker_count;
    options.blocking_threads = thread_count;
    assert_int_equal(zvm_runtime_create(&options, &host->runtime), ZVM_OK);
    add(host, "block", block);
    add(host, "where", where);
    add(host, "misbehave", misbehave);
}

static zvm_isolate *submit(struct host *host, const char *text, uint64_t timeout_ns)
{
    zvm_code *code = compile(host->runtime, text);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.timeout_ns = timeout_ns;
    zvm_isolate *isolate = make_isolate(host->runtime, code, &options);
    zvm_code_release(code);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    return isolate;
}

static void finish(zvm_isolate *isolate, zvm_status status)
{
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, status);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
}

static void test_functions_that_block_hold_up_no_worker(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, 0);
    zvm_isolate *isolates[5];
    for (int i = 0; i < 5; i++)
        isolates[i] = submit(&host,
                             "let s = block(\"text \" * 1000)\n"
                             "if s != \"text \" * 1000 { throw s }\n",
                             0);
    gate_await(&host.gate, 5); // all of them at once, beside one worker
    finish(submit(&host, "let a = 1\n", 0), ZVM_OK);
    gate_open(&host.gate);
    for (int i = 0; i < 5; i++)
        finish(isolates[i], ZVM_OK);
    check_identities(host.runtime);
    zvm_runtime_destroy(host.runtime);
}

static void test_no_more_threads_than_asked_for(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, 2);
    zvm_isolate *isolates[6];
    for (int i = 0; i < 6; i++)
        isolates[i] = submit(&host, "block()\nblock()\n", 0);
    gate_await(&host.gate, 2);
    finish(submit(&host, "let a = 1\n", 0), ZVM_OK);
    gate_open(&host.gate);
    for (int i = 0; i < 6; i++)
        finish(isolates[i], ZVM_OK);
    assert_int_equal(host.running_max, 2);
    assert_int_equal(host.calls, 12);
    zvm_runtime_destroy(host.runtime);
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.blocking_threads = 1025;
    assert_int_equal(zvm_runtime_create(&options, &host.runtime), ZVM_E_ARGUMENT);
}

// The isolate is destroyed while its function runs with its text.
static void test_blocked_isolate_is_cancelled_and_destroyed_at_once(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, 0);
    zvm_isolate *cancelled = submit(&host, "block(\"a text that stays\" + string(1))\n", 0);
    zvm_isolate *late = submit(&host, "block(\"b\" * 5000)\n", 1000000000);
    gate_await(&host.gate, 2);
    while (report_of(host.runtime).totals.waits < 2)
        sched_yield();
    zvm_isolate_cancel(cancelled);
    finish(cancelled, ZVM_E_CANCELLED);
    finish(late, ZVM_E_TIMEOUT);
    gate_open(&host.gate);
    assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
    assert_int_equal(report_of(host.runtime).late_answers, 0); // of zvm_complete only
    check_identities(host.runtime);
    zvm_runtime_destroy(host.runtime); // waits for the functions
    assert_int_equal(host.running, 0);
    assert_int_equal(host.calls, 2);
}

// What waits for a thread when its isolate ends is never called.
static void test_queued_call_of_a_cancelled_isolate_is_not_made(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, 1);
    zvm_isolate *first = submit(&host, "block()\n", 0);
    gate_await(&host.gate, 1);
    zvm_isolate *second = submit(&host, "block()\n", 0);
    while (report_of(host.runtime).totals.waits < 2)
        sched_yield();
    zvm_isolate_cancel(second);
    finish(second, ZVM_E_CANCELLED);
    gate_open(&host.gate);
    finish(first, ZVM_OK);
    zvm_runtime_destroy(host.runtime);
    assert_int_equal(host.calls, 1);
}

static void test_errors_and_bad_results_are_the_programs(void **state)
{
    (void)state;
    static const char PROGRAM[] =
        "let t = \"\"\nfor each i in range(5) {\n  try { t = t + string(misbehave(i)) + \"; \" }\n"
        "  catch (e) { t = t + \"${e.kind} ${e.line}: ${e.message}; \" } }\n";
    struct host host;
    open_host(&host, 1, 0);
    zvm_isolate *isolate = submit(&host, PROGRAM, 0);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    zvm_value text;
    assert_int_equal(zvm_isolate_get_global(isolate, "t", &text), ZVM_OK);
    assert_string_equal(text.text,
                        "DiskError 3: full; "
                        "TypeError 3: misbehave(): the host's value is none of a program; "
                        "StateError 3: misbehave(): the host's function has come to no end; "
                        "second; "
                        "LimitError 3: misbehave(): the host's text is too long; ");
    finish(isolate, ZVM_OK);
    zvm_runtime_destroy(host.runtime);
}

static void test_thread_of_the_host_blocks_itself(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, 0);
    zvm_isolate *isolate = submit(&host, "let elsewhere = where()\n", 0);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    zvm_value elsewhere;
    assert_int_equal(zvm_isolate_get_global(isolate, "elsewhere", &elsewhere), ZVM_OK);
    assert_true(elsewhere.boolean);
    finish(isolate, ZVM_OK);

    zvm_code *code = compile(host.runtime, "let elsewhere = where()\n");
    isolate = make_isolate(host.runtime, code, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(isolate, "elsewhere", &elsewhere), ZVM_OK);
    assert_false(elsewhere.boolean);
    finish(isolate, ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(host.runtime);
}

static void *open_later(void *context)
{
    struct host *host = context;
    gate_await(&host->gate, 3);
    gate_open(&host->gate);
    return NULL;
}

static void test_runtime_is_destroyed_while_functions_block(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2, 3);
    for (int i = 0; i < 5; i++)
        (void)submit(&host, "block()\n", 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, open_later, &host), 0);
    gate_await(&host.gate, 3);
    zvm_runtime_destroy(host.runtime);
    pthread_join(thread, NULL);
    assert_int_equal(host.running, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_that_block_hold_up_no_worker),
        cmocka_unit_test(test_no_more_threads_than_asked_for),
        cmocka_unit_test(test_blocked_isolate_is_cancelled_and_destroyed_at_once),
        cmocka_unit_test(test_queued_call_of_a_cancelled_isolate_is_not_made),
        cmocka_unit_test(test_errors_and_bad_results_are_the_programs),
        cmocka_unit_test(test_thread_of_the_host_blocks_itself),
        cmocka_unit_test(test_runtime_is_destroyed_while_functions_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
