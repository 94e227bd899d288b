// Goal: sleeping programs take no thread, wake up when their time has come and not before, and are ended
// as others are; so are those that wait for their host and have a deadline.
// Method: few workers and many sleepers: together they sleep far longer than the test takes. Times are
// checked from below; from above only where something would otherwise hang for much longer.
#include "runtime_fixture.h"

#include <sched.h>
#include <time.h>

#define MS 1000000

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static zvm_isolate *make(zvm_runtime *runtime, const char *text, uint64_t timeout_ns)
{
    zvm_code *code = compile(runtime, text);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.timeout_ns = timeout_ns;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    zvm_code_release(code);
    return isolate;
}

static zvm_isolate *submit(zvm_runtime *runtime, const char *text, uint64_t timeout_ns)
{
    zvm_isolate *isolate = make(runtime, text, timeout_ns);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    return isolate;
}

static void test_sleepers_share_one_worker(void **state)
{
    (void)state;
    enum { SLEEPERS = 500 };
    static zvm_isolate *isolates[SLEEPERS];
    zvm_runtime *runtime = make_runtime(1);
    uint64_t start_ns = now_ns();
    for (int i = 0; i < SLEEPERS; i++)
        isolates[i] = submit(runtime, "sleep(100)\nsleep(isolate_id())\nlet done = 1\n", 0);
    for (int i = 0; i < SLEEPERS; i++) {
        assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
        assert_int_equal(result_of(isolates[i]).status, ZVM_OK);
    }
    uint64_t took_ns = now_ns() - start_ns;
    assert_true(took_ns >= 100 * MS);
    assert_true(took_ns < UINT64_C(100) * MS * SLEEPERS / 4);
    assert_int_equal(report_of(runtime).totals.waits, SLEEPERS);
    assert_int_equal(report_of(runtime).late_answers, 0);
    for (int i = 0; i < SLEEPERS; i++)
        zvm_isolate_destroy(isolates[i]);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

// Nobody is before its time, and those that sleep longer end later.
static void test_sleep_is_as_long_as_asked_for(void **state)
{
    (void)state;
    static const char *const programs[] = {"sleep(1)\n", "sleep(7.5)\n", "sleep(63)\n",
                                           "sleep(65)\n", "sleep(130)\n"};
    static const uint64_t least_ns[] = {1 * MS, 7500000, 63 * MS, 65 * MS, 130 * MS};
    zvm_runtime *runtime = make_runtime(2);
    for (int i = 0; i < 5; i++) {
        uint64_t start_ns = now_ns();
        zvm_isolate *isolate = submit(runtime, programs[i], 0);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        assert_true(now_ns() - start_ns >= least_ns[i]);
        zvm_isolate_destroy(isolate);
    }
    zvm_runtime_destroy(runtime);
}

static void wait_until_it_waits(zvm_runtime *runtime, uint64_t waits)
{
    while (report_of(runtime).totals.waits < waits)
        sched_yield();
}

static void test_sleeper_is_cancelled_at_once(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_isolate *isolate = submit(runtime, "sleep(10000000)\n", 0);
    wait_until_it_waits(runtime, 1);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    for (int i = 0; i < 3; i++)
        isolate = submit(runtime, "sleep(1e300)\n", 0);
    assert_int_equal(zvm_runtime_shutdown(runtime, true), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    zvm_runtime_destroy(runtime);
}

static zvm_call_outcome suspend(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_token *token = zvm_call_user(call);
    assert_int_equal(zvm_call_token(call, token), ZVM_OK);
    return ZVM_CALL_SUSPENDED;
}

static void test_deadline_ends_who_sleeps_and_who_waits(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_token token = 0;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "suspend";
    function.call = suspend;
    function.user = &token;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    uint64_t start_ns = now_ns();
    zvm_isolate *sleeper =
        submit(runtime, "try { sleep(1000000) } catch (e) { } finally { x = 1 }\n", 30 * MS);
    zvm_isolate *waiter = submit(runtime, "suspend()\n", 40 * MS);
    assert_int_equal(zvm_isolate_wait(sleeper, UINT64_MAX), ZVM_OK);
    assert_true(now_ns() - start_ns >= 30 * MS);
    assert_int_equal(zvm_isolate_wait(waiter, UINT64_MAX), ZVM_OK);
    assert_true(now_ns() - start_ns >= 40 * MS);
    assert_int_equal(result_of(sleeper).status, ZVM_E_TIMEOUT);
    assert_int_equal(result_of(waiter).status, ZVM_E_TIMEOUT);
    assert_int_equal(zvm_complete(runtime, token, NULL), ZVM_E_STALE);
    assert_int_equal(report_of(runtime).late_answers, 1); // times that are up are nobody's answers
    zvm_isolate_destroy(sleeper);
    zvm_isolate_destroy(waiter);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

// Its deadline is far away; its timer stays behind when it has its answer, and ends nobody later.
static void test_answer_in_time_is_no_timeout(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_token token = 0;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "suspend";
    function.call = suspend;
    function.user = &token;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    zvm_isolate *first = submit(runtime, "suspend()\n", 20 * MS);
    wait_until_it_waits(runtime, 1);
    assert_int_equal(zvm_complete(runtime, token, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(first, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(first).status, ZVM_OK);
    zvm_isolate *second = submit(runtime, "suspend()\nlet late = 1\n", 0); // in the same slot
    zvm_isolate *clock = submit(runtime, "sleep(40)\n", 0);
    assert_int_equal(zvm_isolate_wait(clock, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(second, 0), ZVM_E_TIMEOUT);
    assert_int_equal(zvm_complete(runtime, token, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(second, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(second).status, ZVM_OK);
    zvm_isolate_destroy(first);
    zvm_isolate_destroy(second);
    zvm_isolate_destroy(clock);
    zvm_runtime_destroy(runtime);
}

static void test_host_runs_a_sleeper_itself(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_isolate *isolate = make(runtime, "let n = 0\nwhile n < 3 { sleep(5)\nn += 1 }\n", 0);
    uint64_t start_ns = now_ns();
    int naps = 0;
    zvm_status status;
    bool finished = false;
    while ((status = zvm_isolate_run(isolate, 0, &finished)) == ZVM_E_WAITING) {
        assert_false(finished);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        naps++;
    }
    assert_int_equal(status, ZVM_OK);
    assert_true(finished);
    assert_true(naps >= 3);
    assert_true(now_ns() - start_ns >= 15 * MS);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    zvm_isolate_destroy(isolate);

    isolate = make(runtime, "sleep(1000000)\n", 10 * MS);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(zvm_isolate_wait(isolate, 1 * MS), ZVM_E_TIMEOUT);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK); // its deadline
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_TIMEOUT);
    zvm_isolate_destroy(isolate);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

// A worker with timers that sleeps is woken for other work, and for its timers while others are busy.
static void test_sleepers_wake_beside_spinners(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_isolate *sleepers[20], *spinners[4];
    for (int i = 0; i < 20; i++)
        sleepers[i] = submit(runtime, "for each i in range(5) { sleep(2) }\n", 0);
    for (int i = 0; i < 4; i++)
        spinners[i] = submit(runtime, SPIN, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(zvm_isolate_wait(sleepers[i], UINT64_MAX), ZVM_OK);
        assert_int_equal(result_of(sleepers[i]).status, ZVM_OK);
        zvm_isolate_destroy(sleepers[i]);
    }
    for (int i = 0; i < 4; i++) {
        zvm_isolate_cancel(spinners[i]);
        assert_int_equal(zvm_isolate_wait(spinners[i], UINT64_MAX), ZVM_OK);
        zvm_isolate_destroy(spinners[i]);
    }
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleepers_share_one_worker),
        cmocka_unit_test(test_sleep_is_as_long_as_asked_for),
        cmocka_unit_test(test_sleeper_is_cancelled_at_once),
        cmocka_unit_test(test_deadline_ends_who_sleeps_and_who_waits),
        cmocka_unit_test(test_answer_in_time_is_no_timeout),
        cmocka_unit_test(test_host_runs_a_sleeper_itself),
        cmocka_unit_test(test_sleepers_wake_beside_spinners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
