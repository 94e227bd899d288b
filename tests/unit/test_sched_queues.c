// Goal: isolates that are cancelled in a queue end at once and can be destroyed at once, although
// their entries stay behind; queues of every kind take any number; what a worker leaves lying,
// another one takes.
// Method: gates hold the workers, so that what is queued stays queued; far more isolates than a ring
// holds; reports say who did what.
#include "runtime_fixture.h"

enum { MANY = 3000 };

struct held {
    struct gate gate;
    zvm_runtime *runtime;
    zvm_code *printing, *spin, *quick;
    zvm_isolate *blockers[2];
    int count;
};

static void hold(struct held *held, int workers)
{
    *held = (struct held){.gate = GATE_INIT, .runtime = make_runtime((uint32_t)workers)};
    held->printing = compile(held->runtime, "print(1)\n");
    held->spin = compile(held->runtime, SPIN);
    held->quick = compile(held->runtime, "let a = [1]\n");
    held->count = workers;
    for (int i = 0; i < workers; i++) {
        held->blockers[i] = block_worker(held->runtime, held->printing, &held->gate);
        gate_await(&held->gate, i + 1);
    }
}

static void let_go(struct held *held)
{
    gate_open(&held->gate);
    assert_int_equal(zvm_runtime_drain(held->runtime), ZVM_OK);
    for (int i = 0; i < held->count; i++)
        assert_int_equal(zvm_isolate_destroy(held->blockers[i]), ZVM_OK);
    zvm_code_release(held->printing);
    zvm_code_release(held->spin);
    zvm_code_release(held->quick);
    check_identities(held->runtime);
    assert_int_equal(report_of(held->runtime).totals.heap_current_bytes, 0);
    zvm_runtime_destroy(held->runtime);
}

static void test_isolates_cancelled_in_their_queues_are_destroyed_at_once(void **state)
{
    (void)state;
    static zvm_isolate *isolates[MANY];
    struct held held;
    hold(&held, 2);
    for (int i = 0; i < MANY; i++) {
        isolates[i] = make_isolate(held.runtime, held.spin, NULL);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    for (int i = 0; i < MANY; i++) {
        zvm_isolate_cancel(isolates[i]);
        assert_int_equal(result_of(isolates[i]).status, ZVM_E_CANCELLED);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    zvm_report report = report_of(held.runtime);
    assert_int_equal(report.isolates_in_flight, 2); // the blockers
    assert_int_equal(report.totals.isolates_destroyed, MANY);
    // New ones, while the entries of the old ones are still there.
    for (int i = 0; i < MANY; i++) {
        isolates[i] = make_isolate(held.runtime, held.quick, NULL);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    gate_open(&held.gate);
    assert_int_equal(zvm_runtime_drain(held.runtime), ZVM_OK);
    assert_int_equal(report_of(held.runtime).totals.isolates_succeeded, MANY + 2);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    let_go(&held);
}

static void test_entries_of_destroyed_isolates_go_with_the_runtime(void **state)
{
    (void)state;
    struct held held;
    hold(&held, 1);
    for (int i = 0; i < MANY; i++) {
        zvm_isolate *isolate = make_isolate(held.runtime, held.spin, NULL);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        zvm_isolate_cancel(isolate);
        if (i % 2 == 0) assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    }
    gate_open(&held.gate);
    zvm_code_release(held.printing);
    zvm_code_release(held.spin);
    zvm_code_release(held.quick);
    zvm_runtime_destroy(held.runtime); // at once; the leak checker says the rest
}

struct ended {
    zvm_runtime *runtime;
    _Atomic int calls;
    _Atomic uint64_t slices; // of all when the callback came
};

static void note_end(zvm_isolate *isolate, void *user)
{
    struct ended *ended = user;
    ended->slices = report_of(ended->runtime).totals.slices;
    ended->calls++;
    zvm_isolate_destroy(isolate);
}

static void test_cancelled_isolate_with_callback_does_not_wait_for_its_turn(void **state)
{
    (void)state;
    static zvm_isolate *isolates[MANY];
    struct held held;
    hold(&held, 1);
    struct ended ended = {.runtime = held.runtime};
    for (int i = 0; i < MANY; i++) {
        isolates[i] = make_isolate(held.runtime, held.quick, NULL);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = note_end;
    options.user = &ended;
    zvm_isolate *last = make_isolate(held.runtime, held.spin, &options);
    assert_int_equal(zvm_isolate_submit(last), ZVM_OK);
    zvm_isolate_cancel(last);
    assert_int_equal(ended.calls, 0); // the only worker is held, and the callback is a worker's
    gate_open(&held.gate);
    assert_int_equal(zvm_runtime_drain(held.runtime), ZVM_OK);
    assert_int_equal(ended.calls, 1);
    assert_int_equal(ended.slices, 1); // the blocker's
    for (int i = 0; i < MANY; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    let_go(&held);
}

// Both blockers hold a worker until the end, so a third one has to take what lies in their inboxes.
static void test_work_sent_to_a_busy_worker_is_taken_by_another(void **state)
{
    (void)state;
    struct gate gate = GATE_INIT;
    zvm_runtime *runtime = make_runtime(3);
    zvm_code *printing = compile(runtime, "print(1)\n"), *quick = compile(runtime, "let a = 1\n");
    zvm_isolate *blockers[2], *isolates[60];
    for (int i = 0; i < 2; i++) {
        blockers[i] = block_worker(runtime, printing, &gate);
        gate_await(&gate, i + 1);
    }
    for (int i = 0; i < 60; i++) {
        isolates[i] = make_isolate(runtime, quick, NULL);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    for (int i = 0; i < 60; i++) {
        assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    // The third worker sleeps sooner or later between two of these, and the next one wakes it.
    uint64_t more = 0;
    for (; report_of(runtime).totals.wakeups == 0; more++) {
        zvm_isolate *isolate = make_isolate(runtime, quick, NULL);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    }
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    zvm_report report = report_of(runtime);
    assert_int_equal(report.totals.isolates_succeeded, 62 + more);
    assert_true(report.totals.wakeups <= report.totals.parks);
    assert_true(report.totals.slice_ns_max > 0);
    assert_true(report.totals.slice_ns_p50 <= report.totals.slice_ns_p99);
    assert_true(report.totals.slice_ns_p99 <= report.totals.slice_ns_max);
    assert_int_equal(report.workers_wanted, 3);
    assert_int_equal(report.queued, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(zvm_isolate_destroy(blockers[i]), ZVM_OK);
    zvm_code_release(printing);
    zvm_code_release(quick);
    zvm_runtime_destroy(runtime);
}

struct submitter {
    zvm_runtime *runtime;
    zvm_code *code;
    _Atomic bool is_refused;
    int accepted, wrong;
};

static void *submit_until_refused(void *context)
{
    struct submitter *submitter = context;
    for (;;) {
        zvm_isolate *isolate;
        zvm_status status = zvm_isolate_create(submitter->runtime, submitter->code, NULL, &isolate);
        if (status == ZVM_OK) status = zvm_isolate_submit(isolate);
        if (status == ZVM_OK) submitter->accepted++;
        if (status == ZVM_OK) continue;
        submitter->wrong += status != ZVM_E_CLOSED;
        return NULL;
    }
}

// Spinners: what the shutdown does not cancel would never end.
static void test_submissions_that_race_with_a_cancelling_shutdown_all_end(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct submitter submitters[2];
        pthread_t threads[2];
        zvm_runtime *runtime = make_runtime(2);
        zvm_code *code = compile(runtime, SPIN);
        for (int i = 0; i < 2; i++) {
            submitters[i] = (struct submitter){.runtime = runtime, .code = code};
            pthread_create(&threads[i], NULL, submit_until_refused, &submitters[i]);
        }
        while (report_of(runtime).totals.slices < 3)
            sched_yield();
        assert_int_equal(zvm_runtime_shutdown(runtime, true /* cancel */), ZVM_OK);
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(submitters[i].wrong, 0);
        }
        assert_int_equal(zvm_runtime_shutdown(runtime, true /* cancel */), ZVM_OK);
        zvm_report report = report_of(runtime);
        assert_int_equal(report.totals.failed_cancelled,
                         submitters[0].accepted + submitters[1].accepted);
        zvm_code_release(code);
        zvm_runtime_destroy(runtime);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isolates_cancelled_in_their_queues_are_destroyed_at_once),
        cmocka_unit_test(test_entries_of_destroyed_isolates_go_with_the_runtime),
        cmocka_unit_test(test_cancelled_isolate_with_callback_does_not_wait_for_its_turn),
        cmocka_unit_test(test_work_sent_to_a_busy_worker_is_taken_by_another),
        cmocka_unit_test(test_submissions_that_race_with_a_cancelling_shutdown_all_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
