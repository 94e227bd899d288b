// Goal: whatever allocation is refused while isolates are reset, kept in a pool and used again, each call
// gives a status, what is refused has changed nothing, and nothing leaks.
// Method: fail the n-th allocation, once and from there on, until the body passes untouched. The program has
// more globals than fit its block and a stack that has grown, so that a reset needs memory.
#include "fault.h"

#include "zvm.h"

#include <string.h>

static const char PROGRAM[] =
    "let a = 1\nlet b = 2\nlet c = 3\nlet d = 4\nlet e = 5\nlet f = 6\nlet g = 7\nlet h = 8\n"
    "let i = 9\nlet j = 10\nlet k = 11\nlet l = 12\nlet m = 13\nlet n = 14\nlet o = 15\nlet p = "
    "16\n"
    "action depth(n) { if n == 0 { return 0 }\nreturn 1 + depth(n - 1) }\n"
    "let q = depth(100)\nlet r = {}\nr[\"key ${q}\"] = a\n";

static zvm_status run(zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_status status = zvm_isolate_run(isolate, 0, NULL);
    if (status != ZVM_OK) return status;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
    if (result.status == ZVM_OK) assert_true(result.allocated_count > 2);
    return result.status;
}

static zvm_status reset_and_run(zvm_isolate *isolate)
{
    zvm_result before = ZVM_RESULT_INIT, after = ZVM_RESULT_INIT;
    assert_int_equal(zvm_isolate_result(isolate, &before), ZVM_OK);
    zvm_status status = zvm_isolate_reset(isolate);
    if (status == ZVM_OK) return run(isolate);
    assert_int_equal(zvm_isolate_result(isolate, &after), ZVM_OK); // it is as it was
    assert_int_equal(after.allocated_count, before.allocated_count);
    return status;
}

static zvm_status use_pool(zvm_isolate_pool *pool)
{
    zvm_status status = ZVM_OK;
    for (int life = 0; life < 3 && status == ZVM_OK; life++) {
        zvm_isolate *isolate;
        status = zvm_isolate_pool_acquire(pool, &isolate);
        if (status != ZVM_OK) return status;
        status = run(isolate);
        if (status == ZVM_OK) status = reset_and_run(isolate);
        // Kept, or destroyed for want of memory: the host sees no difference.
        assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_OK);
    }
    return status;
}

static zvm_status reset_isolates(void *context)
{
    (void)context;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate_pool *pool;
    zvm_status status = zvm_runtime_create(NULL, &runtime);
    if (status != ZVM_OK) return status;
    status = zvm_code_from_source(runtime, "r.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code);
    if (status == ZVM_OK) {
        status = zvm_isolate_pool_create(runtime, code, NULL, 4, &pool);
        zvm_code_release(code);
    }
    if (status == ZVM_OK) {
        status = use_pool(pool);
        zvm_isolate_pool_destroy(pool);
    }
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_resets_with_refused_allocations_change_nothing_and_leak_nothing(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(reset_isolates, NULL, ZVM_E_NOMEM) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resets_with_refused_allocations_change_nothing_and_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
