// Goal: a piece of a session that meets a refused allocation, while it is compiled, taken over or run,
// changes nothing that was there: the next piece finds the globals as they were, and nothing leaks.
// Method: fail each allocation of a session of three pieces, once and from there on.
#include "fault/fault.h"

#include "zvm.h"

#include <string.h>

static zvm_status piece(zvm_isolate *isolate, const char *text)
{
    zvm_status status =
        zvm_isolate_load(isolate, "piece", text, strlen(text), ZVM_LOAD_SHOW, NULL, NULL);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_run(isolate, 0, NULL);
    if (status != ZVM_OK) return status;
    zvm_result result = ZVM_RESULT_INIT;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
    return result.status;
}

static zvm_status session(zvm_isolate *isolate)
{
    zvm_status status = piece(isolate, "let b = a + 1\naction f(x) { return () => x + b }");
    if (status == ZVM_OK) status = piece(isolate, "let c = f(10)()\nlet d = 'text ${c}'");
    if (status == ZVM_OK) status = piece(isolate, "try { d.missing } catch (e) { b = e }\nc");
    return status;
}

// Whatever was refused: what the session had is there, and it goes on.
static void expect_alive(zvm_isolate *isolate)
{
    zalloc_fail_at(0, false);
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, "a", &value), ZVM_OK);
    assert_int_equal(value.integer, 1);
    assert_int_equal(piece(isolate, "a += 6"), ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(isolate, "a", &value), ZVM_OK);
    assert_int_equal(value.integer, 7);
}

static bool fails_at(zvm_runtime *runtime, zvm_code *code, uint64_t n, bool from_there_on)
{
    zvm_isolate *isolate;
    assert_int_equal(zvm_isolate_create(runtime, code, NULL, &isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zalloc_fail_at(n, from_there_on);
    zvm_status status = session(isolate);
    bool reached = zalloc_has_failed();
    if (!reached) assert_int_equal(status, ZVM_OK);
    if (status != ZVM_OK) assert_int_equal(status, ZVM_E_NOMEM);
    expect_alive(isolate);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    return reached;
}

static void test_session_each_allocation_refused_keeps_what_was_there(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    zvm_runtime *runtime;
    zvm_code *code;
    static const char text[] = "let a = 1";
    assert_int_equal(zvm_runtime_create(NULL, &runtime), ZVM_OK);
    assert_int_equal(zvm_code_from_source(runtime, "t.zx", text, strlen(text), NULL, NULL, &code),
                     ZVM_OK);
    uint64_t n = 1;
    for (bool reached = true; reached; n++) {
        bool reached_once = fails_at(runtime, code, n, false);
        reached = fails_at(runtime, code, n, true) || reached_once;
    }
    assert_true(n > 50);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    assert_int_equal(zalloc_stats().live_count, before.live_count);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_each_allocation_refused_keeps_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
