// Goal: cancelling ends an isolate in whatever state it is, once, and a callback gets its turn exactly
// once and may do what it likes.
// Method: a gate holds the only worker, so that others are queued for certain; then each state is
// cancelled. Callbacks destroy and submit; what they must not do gives a status.
#include "runtime_fixture.h"

struct held {
    struct gate gate;
    zvm_runtime *runtime;
    zvm_code *printing, *spin;
    zvm_isolate *blocker;
};

static void hold(struct held *held)
{
    *held = (struct held){.gate = GATE_INIT, .runtime = make_runtime(1)};
    held->printing = compile(held->runtime, "print(1)\n");
    held->spin = compile(held->runtime, SPIN);
    held->blocker = block_worker(held->runtime, held->printing, &held->gate);
    gate_await(&held->gate, 1);
}

static void let_go(struct held *held)
{
    gate_open(&held->gate);
    assert_int_equal(zvm_runtime_drain(held->runtime), ZVM_OK);
    assert_int_equal(result_of(held->blocker).status, ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(held->blocker), ZVM_OK);
    zvm_code_release(held->printing);
    zvm_code_release(held->spin);
    check_identities(held->runtime);
    zvm_runtime_destroy(held->runtime);
}

// ---- States -------------------------------------------------------------------------------------

static void test_cancel_of_a_queued_isolate_is_effective_at_once(void **state)
{
    (void)state;
    struct held held;
    hold(&held);
    zvm_isolate *queued[3];
    for (int i = 0; i < 3; i++) {
        queued[i] = make_isolate(held.runtime, held.spin, NULL);
        assert_int_equal(zvm_isolate_submit(queued[i]), ZVM_OK);
    }
    assert_int_equal(report_of(held.runtime).isolates_in_flight, 4);
    assert_int_equal(zvm_isolate_destroy(queued[1]), ZVM_E_BUSY);
    zvm_isolate_cancel(queued[1]); // from the middle of the queue
    assert_int_equal(zvm_isolate_wait(queued[1], 0), ZVM_OK);
    assert_int_equal(result_of(queued[1]).status, ZVM_E_CANCELLED);
    assert_int_equal(result_of(queued[1]).slices, 0);
    assert_int_equal(report_of(held.runtime).isolates_in_flight, 3);
    assert_int_equal(zvm_isolate_destroy(queued[1]), ZVM_OK); // while the worker is still held
    zvm_isolate_cancel(queued[2]);                            // from the end
    zvm_isolate_cancel(queued[0]);                            // the last one left
    assert_int_equal(report_of(held.runtime).totals.failed_cancelled, 3);
    assert_int_equal(zvm_isolate_destroy(queued[0]), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(queued[2]), ZVM_OK);
    let_go(&held);
}

static void test_cancel_of_a_running_isolate_stops_it(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, "let n = 0\ntry { while true { n = n + 1 } } "
                                      "catch (e) { n = -1 } finally { n = -2 }\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    while (report_of(runtime).totals.slices < 3)
        assert_int_equal(zvm_isolate_wait(isolate, 100000), ZVM_E_TIMEOUT);
    zvm_isolate_cancel(isolate);
    zvm_isolate_cancel(isolate); // again is the same
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, "n", &value), ZVM_OK);
    assert_true(value.integer > 0); // neither catch nor finally has run
    zvm_isolate_cancel(isolate);    // finished: stays as it is
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_cancel_of_an_idle_isolate_ends_it_when_submitted_or_run(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, SPIN);
    zvm_isolate *submitted = make_isolate(runtime, code, NULL);
    zvm_isolate *run = make_isolate(runtime, code, NULL);
    zvm_isolate *neither = make_isolate(runtime, code, NULL);
    zvm_isolate_cancel(submitted);
    zvm_isolate_cancel(run);
    zvm_isolate_cancel(neither);
    assert_int_equal(zvm_isolate_submit(submitted), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(submitted, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(submitted).status, ZVM_E_CANCELLED);
    bool finished = false;
    assert_int_equal(zvm_isolate_run(run, 10, &finished), ZVM_OK);
    assert_true(finished);
    assert_int_equal(result_of(run).status, ZVM_E_CANCELLED);
    assert_int_equal(result_of(run).slices, 0);
    assert_int_equal(zvm_isolate_destroy(submitted), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(run), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(neither), ZVM_OK);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void *run_to_end(void *isolate)
{
    return (void *)(uintptr_t)zvm_isolate_run(isolate, 0, NULL);
}

static void test_cancel_of_an_isolate_in_a_host_run_stops_the_run(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, SPIN);
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_to_end, isolate), 0);
    while (report_of(runtime).totals.slices < 2)
        sched_yield();
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_E_BUSY);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    void *status;
    pthread_join(thread, &status);
    assert_int_equal((uintptr_t)status, ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Callbacks ----------------------------------------------------------------------------------

struct finished {
    pthread_t thread;
    _Atomic int calls;
};

static void note_finish(zvm_isolate *isolate, void *user)
{
    struct finished *finished = user;
    finished->thread = pthread_self();
    finished->calls++;
    zvm_isolate_destroy(isolate);
}

static void test_cancel_of_a_queued_isolate_with_callback_calls_it_on_a_worker(void **state)
{
    (void)state;
    struct held held;
    struct finished finished = {0};
    hold(&held);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = note_finish;
    options.user = &finished;
    zvm_isolate *isolate = make_isolate(held.runtime, held.spin, &options);
    assert_ptr_equal(zvm_isolate_user(isolate), &finished);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    zvm_isolate_cancel(isolate);
    gate_open(&held.gate);
    assert_int_equal(zvm_runtime_drain(held.runtime), ZVM_OK);
    assert_int_equal(finished.calls, 1);
    assert_false(pthread_equal(finished.thread, pthread_self()));
    assert_int_equal(report_of(held.runtime).totals.slices, 1); // the blocker's
    let_go(&held);
}

struct chain {
    zvm_runtime *runtime;
    zvm_code *code;
    _Atomic int left, wrong;
};

// Ends one isolate and starts the next, all from the worker.
static void next_link(zvm_isolate *isolate, void *user)
{
    struct chain *chain = user;
    chain->wrong += zvm_isolate_wait(isolate, UINT64_MAX) != ZVM_OK; // it is done: no waiting
    chain->wrong += zvm_runtime_drain(chain->runtime) != ZVM_E_STATE;
    chain->wrong += zvm_runtime_shutdown(NULL, true) != ZVM_E_ARGUMENT;
    zvm_result result = ZVM_RESULT_INIT;
    chain->wrong += zvm_isolate_result(isolate, &result) != ZVM_OK;
    chain->wrong += result.status != ZVM_OK;
    chain->wrong += zvm_isolate_destroy(isolate) != ZVM_OK;
    if (--chain->left == 0) return;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = next_link;
    options.user = chain;
    zvm_isolate *next;
    chain->wrong += zvm_isolate_create(chain->runtime, chain->code, &options, &next) != ZVM_OK;
    if (chain->left % 2 == 0)
        chain->wrong += zvm_isolate_run(next, 0, NULL) != ZVM_OK;
    else
        chain->wrong += zvm_isolate_submit(next) != ZVM_OK;
}

static void test_drain_waits_for_what_callbacks_submit(void **state)
{
    (void)state;
    struct chain chain = {.runtime = make_runtime(2), .left = 51};
    chain.code = compile(chain.runtime, "let a = [1, 2]\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = next_link;
    options.user = &chain;
    zvm_isolate *first = make_isolate(chain.runtime, chain.code, &options);
    assert_int_equal(zvm_isolate_submit(first), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(chain.runtime), ZVM_OK);
    assert_int_equal(chain.left, 0);
    assert_int_equal(chain.wrong, 0);
    zvm_report report = report_of(chain.runtime);
    assert_int_equal(report.totals.isolates_created, 51);
    assert_int_equal(report.totals.isolates_destroyed, 51);
    check_identities(chain.runtime);
    zvm_code_release(chain.code);
    zvm_runtime_destroy(chain.runtime);
}

static bool keep_text(void *context, const char *text, size_t length_bytes)
{
    char *kept = context;
    if (strlen(kept) + length_bytes >= 64) return false;
    strncat(kept, text, length_bytes);
    return true;
}

// Work from inside a program's output: the worker's own buffers are in use.
static bool run_another(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    struct chain *chain = context;
    char printed[64] = "";
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = keep_text;
    options.output_context = printed;
    zvm_isolate *inner;
    zvm_status status = zvm_isolate_create(chain->runtime, chain->code, &options, &inner);
    chain->wrong += status != ZVM_OK;
    chain->wrong += zvm_isolate_run(inner, 0, NULL) != ZVM_OK;
    zvm_result result = ZVM_RESULT_INIT;
    chain->wrong += zvm_isolate_result(inner, &result) != ZVM_OK;
    chain->wrong += result.status != ZVM_OK;
    chain->wrong += strcmp(printed, "inner\n") != 0; // and nothing of the outer one
    chain->wrong += zvm_isolate_destroy(inner) != ZVM_OK;
    chain->left--;
    return true;
}

static void test_output_callback_may_run_another_isolate(void **state)
{
    (void)state;
    struct chain chain = {.runtime = make_runtime(1), .left = 1};
    chain.code = compile(chain.runtime, "let a = [1, 2]\nlet s = \"x\" * 5000\nprint(\"inner\")\n");
    zvm_code *outer_code = compile(chain.runtime, "let b = [3]\nprint(b)\nb.push(4)\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = run_another;
    options.output_context = &chain;
    zvm_isolate *outer = make_isolate(chain.runtime, outer_code, &options);
    assert_int_equal(zvm_isolate_submit(outer), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(outer, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(outer).status, ZVM_OK);
    assert_int_equal(chain.left, 0);
    assert_int_equal(chain.wrong, 0);
    assert_int_equal(zvm_isolate_destroy(outer), ZVM_OK);
    check_identities(chain.runtime);
    zvm_code_release(outer_code);
    zvm_code_release(chain.code);
    zvm_runtime_destroy(chain.runtime);
}

// ---- Waiting ------------------------------------------------------------------------------------

static void *wait_for(void *isolate)
{
    return (void *)(uintptr_t)zvm_isolate_wait(isolate, UINT64_MAX);
}

static void test_several_threads_wait_for_one_isolate(void **state)
{
    (void)state;
    struct held held;
    hold(&held);
    zvm_isolate *queued = make_isolate(held.runtime, held.printing, NULL);
    assert_int_equal(zvm_isolate_wait(queued, 0), ZVM_E_STATE); // never submitted
    assert_int_equal(zvm_isolate_submit(queued), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(queued, 0), ZVM_E_TIMEOUT);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for, queued), 0);
    gate_open(&held.gate);
    for (int i = 0; i < 3; i++) {
        void *status;
        pthread_join(threads[i], &status);
        assert_int_equal((uintptr_t)status, ZVM_OK);
    }
    assert_int_equal(zvm_isolate_destroy(queued), ZVM_OK);
    let_go(&held);
}

// ---- Shutting down ------------------------------------------------------------------------------

static void test_shutdown_refuses_what_comes_later_and_can_be_repeated(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *before = make_isolate(runtime, code, NULL);
    zvm_isolate *after = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(before), ZVM_OK);
    assert_int_equal(zvm_runtime_shutdown(runtime, false /* cancel */), ZVM_OK);
    assert_int_equal(result_of(before).status, ZVM_OK); // drained, not cancelled
    assert_int_equal(zvm_isolate_submit(after), ZVM_E_CLOSED);
    zvm_isolate *late = NULL;
    assert_int_equal(zvm_isolate_create(runtime, code, NULL, &late), ZVM_E_CLOSED);
    assert_null(late);
    assert_int_equal(zvm_runtime_shutdown(runtime, true /* cancel */), ZVM_OK);
    assert_int_equal(zvm_runtime_shutdown(runtime, false /* cancel */), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(after), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // with `before`
}

static void test_destroy_ends_isolates_of_every_state(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *spin = compile(runtime, SPIN), *done = compile(runtime, "let a = 1\n");
    zvm_isolate *finished = make_isolate(runtime, done, NULL);
    assert_int_equal(zvm_isolate_submit(finished), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(finished, UINT64_MAX), ZVM_OK);
    make_isolate(runtime, done, NULL); // idle
    for (int i = 0; i < 20; i++)       // running and queued
        assert_int_equal(zvm_isolate_submit(make_isolate(runtime, spin, NULL)), ZVM_OK);
    struct finished ended = {0};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = note_finish;
    options.user = &ended;
    for (int i = 0; i < 20; i++)
        assert_int_equal(zvm_isolate_submit(make_isolate(runtime, spin, &options)), ZVM_OK);
    zvm_code_release(spin);
    zvm_code_release(done);
    zvm_runtime_destroy(runtime); // the leak checker says the rest
    assert_int_equal(ended.calls, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_of_a_queued_isolate_is_effective_at_once),
        cmocka_unit_test(test_cancel_of_a_running_isolate_stops_it),
        cmocka_unit_test(test_cancel_of_an_idle_isolate_ends_it_when_submitted_or_run),
        cmocka_unit_test(test_cancel_of_an_isolate_in_a_host_run_stops_the_run),
        cmocka_unit_test(test_cancel_of_a_queued_isolate_with_callback_calls_it_on_a_worker),
        cmocka_unit_test(test_drain_waits_for_what_callbacks_submit),
        cmocka_unit_test(test_output_callback_may_run_another_isolate),
        cmocka_unit_test(test_several_threads_wait_for_one_isolate),
        cmocka_unit_test(test_shutdown_refuses_what_comes_later_and_can_be_repeated),
        cmocka_unit_test(test_destroy_ends_isolates_of_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
