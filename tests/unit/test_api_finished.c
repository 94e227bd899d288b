// Goal: a host that watches one descriptor learns of the end of every isolate, once, and may then do with
// it what it likes; until it has learnt it, the isolate stays.
// Method: poll() without a limit of time is the only waiting: a missed wake-up hangs the test.
#include "runtime_fixture.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

static zvm_runtime *make_listing(uint32_t worker_count)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_runtime *runtime;
    options.worker_count = worker_count;
    options.lists_finished = 1;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    return runtime;
}

static bool is_readable(zvm_runtime *runtime, int timeout_ms)
{
    struct pollfd watched = {.fd = zvm_runtime_finished_fd(runtime), .events = POLLIN};
    return poll(&watched, 1, timeout_ms) == 1;
}

static size_t take(zvm_runtime *runtime, zvm_isolate **isolates, size_t capacity)
{
    size_t count = 99;
    assert_int_equal(zvm_runtime_finished_take(runtime, isolates, capacity, &count), ZVM_OK);
    assert_true(count <= capacity);
    return count;
}

// The next one. The descriptor may be readable once too often.
static zvm_isolate *take_next(zvm_runtime *runtime)
{
    zvm_isolate *isolate = NULL;
    while (take(runtime, &isolate, 1) == 0)
        assert_true(is_readable(runtime, -1));
    return isolate;
}

static void test_descriptor_tells_of_each_end_once(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static bool was_seen[COUNT];
    memset(was_seen, 0, sizeof was_seen);
    zvm_runtime *runtime = make_listing(2);
    zvm_code *code = compile(runtime, "if isolate_id() % 3 == 0 { sleep(1) }\n");
    int seen = 0;
    for (int i = 0; i < COUNT; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        options.user = &was_seen[i];
        zvm_isolate *isolate = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    }
    while (seen < COUNT) {
        zvm_isolate *isolates[7];
        assert_true(is_readable(runtime, -1));
        size_t count = take(runtime, isolates, 7);
        for (size_t i = 0; i < count; i++) {
            bool *is_seen = zvm_isolate_user(isolates[i]);
            assert_false(*is_seen);
            *is_seen = true;
            seen++;
            assert_int_equal(result_of(isolates[i]).status, ZVM_OK);
            assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
        }
    }
    zvm_isolate *none;
    assert_int_equal(take(runtime, &none, 1), 0);
    assert_false(is_readable(runtime, 0));
    zvm_code_release(code);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

static void test_isolate_stays_until_it_is_taken(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_listing(1);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *first = make_isolate(runtime, code, NULL);
    zvm_isolate *second = make_isolate(runtime, code, NULL), *taken[1];
    assert_false(is_readable(runtime, 0));
    assert_int_equal(zvm_isolate_submit(first), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(first, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(first), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_load(first, "l", "", 0, 0, NULL, NULL), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_submit(second), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(second, UINT64_MAX), ZVM_OK);
    assert_ptr_equal(take_next(runtime), first); // the oldest
    assert_true(is_readable(runtime, -1));       // of the second
    assert_int_equal(zvm_isolate_destroy(second), ZVM_E_BUSY);
    assert_int_equal(take(runtime, taken, 0), 0);
    assert_ptr_equal(take_next(runtime), second);
    assert_int_equal(zvm_isolate_load(first, "l", "", 0, 0, NULL, NULL), ZVM_OK); // again
    assert_int_equal(zvm_isolate_submit(first), ZVM_OK);
    assert_ptr_equal(take_next(runtime), first);
    assert_int_equal(zvm_isolate_destroy(first), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(make_isolate(runtime, code, NULL)), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // with `second`, and one that nobody takes
}

static void destroy_it(zvm_isolate *isolate, void *user)
{
    (void)user;
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
}

static void test_only_submitted_isolates_without_a_callback_are_told(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_listing(1);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = destroy_it;
    assert_int_equal(zvm_isolate_submit(make_isolate(runtime, code, &options)), ZVM_OK);
    zvm_isolate *run = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_run(run, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(run), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_false(is_readable(runtime, 0));
    // Cancelled ones are.
    zvm_code *spin = compile(runtime, SPIN);
    zvm_isolate *cancelled = make_isolate(runtime, spin, NULL);
    assert_int_equal(zvm_isolate_submit(cancelled), ZVM_OK);
    zvm_isolate_cancel(cancelled);
    assert_ptr_equal(take_next(runtime), cancelled);
    assert_int_equal(result_of(cancelled).status, ZVM_E_CANCELLED);
    zvm_isolate_destroy(cancelled);
    zvm_code_release(code);
    zvm_code_release(spin);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

static void test_misuse_gives_a_status(void **state)
{
    (void)state;
    zvm_runtime *without = make_runtime(1), *with = make_listing(0);
    zvm_isolate *isolate;
    size_t count;
    assert_int_equal(zvm_runtime_finished_fd(without), -1);
    assert_int_equal(zvm_runtime_finished_fd(NULL), -1);
    assert_int_equal(zvm_runtime_finished_take(without, &isolate, 1, &count), ZVM_E_STATE);
    assert_int_equal(zvm_runtime_finished_take(NULL, &isolate, 1, &count), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_finished_take(with, NULL, 1, &count), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_finished_take(with, &isolate, 1, NULL), ZVM_E_ARGUMENT);
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.lists_finished = 2;
    assert_int_equal(zvm_runtime_create(&options, &with), ZVM_E_ARGUMENT);
    zvm_runtime_destroy(without);
    zvm_runtime_destroy(with);
}

static void test_no_descriptor_left_is_a_status(void **state)
{
    (void)state;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.lists_finished = 1;
    zvm_runtime *runtime = NULL;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    zvm_status status = zvm_runtime_create(&options, &runtime);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, ZVM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptor_tells_of_each_end_once),
        cmocka_unit_test(test_isolate_stays_until_it_is_taken),
        cmocka_unit_test(test_only_submitted_isolates_without_a_callback_are_told),
        cmocka_unit_test(test_misuse_gives_a_status),
        cmocka_unit_test(test_no_descriptor_left_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
