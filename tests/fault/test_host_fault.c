// Goal: whatever allocation is refused while functions of the host are added, found and called, each
// call gives a status, the isolate ends, and nothing leaks.
// Method: fail the n-th allocation, once and from there on, until the body passes untouched. No
// workers, so that the order of allocations is the same each time.
#include "fault.h"

#include "zvm.h"

#include <string.h>
#include <unistd.h>

static zvm_call_outcome echo(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    return zvm_call_return(call, &arguments[0]);
}

static zvm_call_outcome refuse(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    return zvm_call_fail(call, "HostError", "no");
}

static bool was_refused; // the host itself had no memory, and said so to the program

// Suspends its isolate, and completes it at once: with its argument, or with an error.
static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    zvm_runtime *runtime = zvm_call_user(call);
    zvm_token token;
    zvm_status status = zvm_call_token(call, &token);
    if (status == ZVM_OK)
        status = count == 1 ? zvm_complete(runtime, token, &arguments[0])
                            : zvm_complete_error(runtime, token, "HostError", "no");
    if (status == ZVM_OK) return ZVM_CALL_SUSPENDED;
    assert_int_equal(status, ZVM_E_NOMEM);
    was_refused = true;
    return zvm_call_fail(call, "HostError", "no memory"); // the token is given up
}

static int made, gone; // objects of the host

static void count_gone(void *pointer, void *user)
{
    (void)user;
    assert_ptr_equal(pointer, &gone);
    gone++;
}

// An object of the host, at once or by a token; it is refused, it is not the host's any more.
static zvm_call_outcome make_object(zvm_call *call, const zvm_value *arguments, size_t count)
{
    static const zvm_host_kind kind = {sizeof kind, "Object", count_gone, NULL};
    zvm_runtime *runtime = zvm_call_user(call);
    zvm_value value = {
        .kind = ZVM_VALUE_HOST, .host_kind = &kind, .pointer = &gone, .host_bytes = 100};
    zvm_token token;
    (void)arguments;
    if (count == 0) {
        made++;
        return zvm_call_return(call, &value);
    }
    zvm_status status = zvm_call_token(call, &token);
    if (status == ZVM_OK) status = zvm_complete(runtime, token, &value);
    if (status == ZVM_OK) {
        made++;
        return ZVM_CALL_SUSPENDED;
    }
    was_refused = true;
    return zvm_call_fail(call, "HostError", "no memory");
}

static zvm_status add_functions(zvm_runtime *runtime)
{
    static const char *const names[] = {"echo", "refuse", "ask", "object", "e", "f", "g", "h", "i"};
    zvm_status status = ZVM_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == ZVM_OK; i++) {
        zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
        function.name = names[i];
        function.call = i == 0 ? echo : i == 1 ? refuse : i == 3 ? make_object : ask;
        function.user = runtime;
        function.minimum = i == 0 ? 1 : 0;
        function.maximum = i == 1 ? 0 : 1;
        status = zvm_runtime_add_function(runtime, &function);
    }
    return status;
}

static const char PROGRAM[] =
    "let s = echo(\"a text of the host's \" * 200)\n"
    "let k = \"\"\n"
    "try { refuse() } catch (e) { k = e.kind }\n"
    "if k != \"HostError\" { throw k }\n"
    "if ask(s) != s { throw 1 }\n"
    "try { ask() } catch (e) { if e.kind == \"StateError\" { throw e }\nk = e.kind }\n"
    "if k != \"HostError\" { throw k }\n"
    "let objects = []\n"
    "for each i in range(20) { objects.push([object(), object(1)])\n object(1) }\n"
    "if echo(objects[0][0]) == echo(objects[0][1]) { throw 2 }\n";

static zvm_status run_program(zvm_runtime *runtime, zvm_code *code)
{
    zvm_isolate *isolate;
    was_refused = false;
    zvm_status status = zvm_isolate_create(runtime, code, NULL, &isolate);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_run(isolate, 0, NULL);
    zvm_result result = ZVM_RESULT_INIT;
    if (status == ZVM_OK && zvm_isolate_result(isolate, &result) == ZVM_OK) status = result.status;
    if (status == ZVM_E_ERROR && was_refused) status = ZVM_E_NOMEM;
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    return status;
}

static zvm_status use_functions(void *context)
{
    (void)context;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_status status = zvm_runtime_create(NULL, &runtime);
    if (status != ZVM_OK) return status;
    status = add_functions(runtime);
    if (status == ZVM_OK)
        status = zvm_code_from_source(runtime, "h.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code);
    if (status == ZVM_OK) {
        status = run_program(runtime, code);
        zvm_code_release(code);
    }
    zvm_runtime_destroy(runtime);
    assert_int_equal(made, gone);
    return status;
}

static void test_calls_with_refused_allocations_give_a_status_and_no_leak(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(use_functions, NULL, ZVM_E_NOMEM) > 50);
}

// With a worker and threads that call functions which block the order of allocations differs from run to
// run: only the end is looked at.
static zvm_status use_workers(void *context)
{
    static const char BLOCKING[] = "let s = slow(\"text\" * 100)\nsleep(0.01)\n"
                                   "if slow(s) != s { throw 1 }\n";
    (void)context;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    options.worker_count = 1;
    function.name = "slow";
    function.call = echo;
    function.minimum = function.maximum = 1;
    function.is_blocking = 1;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status != ZVM_OK) return status;
    status = zvm_runtime_add_function(runtime, &function);
    if (status == ZVM_OK)
        status =
            zvm_code_from_source(runtime, "b.zx", BLOCKING, sizeof BLOCKING - 1, NULL, NULL, &code);
    if (status == ZVM_OK) {
        status = zvm_isolate_create(runtime, code, NULL, &isolate);
        zvm_code_release(code);
    }
    if (status == ZVM_OK) {
        zvm_result result = ZVM_RESULT_INIT;
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
        status = result.status;
    }
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_blocking_calls_with_refused_allocations_end_and_leak_nothing(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(use_workers, NULL, ZVM_E_NOMEM) > 50);
}

// ---- Finalizers that destroy other isolates -----------------------------------------------------

enum { CHAIN = 4 };

static int destroyed;

static void destroy_next(void *pointer, void *user)
{
    (void)user;
    assert_int_equal(zvm_isolate_destroy(pointer), ZVM_OK);
    destroyed++;
}

// An isolate that holds the next one of the chain, if there is one.
static zvm_isolate *make_link(zvm_runtime *runtime, zvm_code *code, zvm_isolate *next)
{
    static const zvm_host_kind kind = {sizeof kind, "Isolate", destroy_next, NULL};
    zvm_isolate *isolate;
    assert_int_equal(zvm_isolate_create(runtime, code, NULL, &isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_value value = {.kind = ZVM_VALUE_HOST, .host_kind = &kind, .pointer = next};
    if (next != NULL)
        assert_int_equal(zvm_isolate_set_global(isolate, "next", &value), ZVM_OK);
    return isolate;
}

// The second had what is kept in reserve, and the third waited for it: for the thread that it was on itself.
static void test_chain_of_finalizers_without_memory_waits_for_nobody(void **state)
{
    (void)state;
    static const char program[] = "let next = null\n";
    zvm_runtime *runtime;
    zvm_code *code;
    assert_int_equal(zvm_runtime_create(NULL, &runtime), ZVM_OK);
    assert_int_equal(
        zvm_code_from_source(runtime, "c.zx", program, strlen(program), NULL, NULL, &code), ZVM_OK);
    zvm_isolate *first = NULL;
    for (int i = 0; i < CHAIN; i++)
        first = make_link(runtime, code, first);
    destroyed = 0;
    (void)alarm(10);
    zalloc_fail_at(1, true /* from_there_on */);
    assert_int_equal(zvm_isolate_destroy(first), ZVM_OK);
    zalloc_fail_at(0, false);
    (void)alarm(0);
    assert_int_equal(destroyed, CHAIN - 1);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_with_refused_allocations_give_a_status_and_no_leak),
        cmocka_unit_test(test_blocking_calls_with_refused_allocations_end_and_leak_nothing),
        cmocka_unit_test(test_chain_of_finalizers_without_memory_waits_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
