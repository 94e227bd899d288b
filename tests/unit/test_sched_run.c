// Goal: isolates get from submission to their end: on workers in fair slices, on the host's thread in
// pieces, and the report counts each of them once.
// Method: programs that are over at once, that never end, and that fail in each way, over a runtime with
// few workers; the figures of the report against those of the single results.
#include "runtime_fixture.h"

#include <signal.h>
#include <stdatomic.h>

static void test_many_isolates_on_two_workers_all_succeed(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static zvm_isolate *isolates[COUNT];
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile(runtime, "let r = isolate_id() * 3\n");
    for (int i = 0; i < COUNT; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        isolates[i] = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    zvm_report report = report_of(runtime);
    assert_int_equal(report.worker_count, 2);
    assert_int_equal(report.isolates_in_flight, 0);
    assert_int_equal(report.totals.isolates_succeeded, COUNT);
    uint64_t fuel_used = 0, allocated_bytes = 0;
    for (int i = 0; i < COUNT; i++) {
        zvm_value value;
        zvm_result result = result_of(isolates[i]);
        assert_int_equal(result.status, ZVM_OK);
        fuel_used += result.fuel_used;
        allocated_bytes += result.allocated_bytes;
        assert_int_equal(zvm_isolate_get_global(isolates[i], "r", &value), ZVM_OK);
        assert_int_equal(value.integer, i * 3);
    }
    assert_int_equal(report.totals.fuel_used, fuel_used);
    assert_int_equal(report.totals.allocated_bytes, allocated_bytes);
    assert_int_equal(report.totals.slices, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

#define SPINNERS 1000

struct race {
    zvm_isolate *isolates[SPINNERS];
    atomic_flag is_over;
};

// Stops the others where they are when the first one ends.
static void end_race(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    struct race *race = user;
    if (atomic_flag_test_and_set(&race->is_over)) return;
    for (int i = 0; i < SPINNERS; i++)
        zvm_isolate_cancel(race->isolates[i]);
}

// Slices of the least advanced of the spinners when the first one has had `turns`.
static uint64_t least_slices(uint32_t workers, uint64_t turns)
{
    enum { BUDGET = 4000 };
    static struct race race;
    atomic_flag_clear(&race.is_over);
    struct gate gate = GATE_INIT;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = workers;
    options.slice_budget = BUDGET;
    zvm_runtime *runtime;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    zvm_code *printing = compile(runtime, "print(1)\n"), *code = compile(runtime, SPIN);
    for (uint32_t i = 0; i < workers; i++) {
        (void)block_worker(runtime, printing, &gate);
        gate_await(&gate, (int)i + 1);
    }
    zvm_isolate_options spinner = ZVM_ISOLATE_OPTIONS_INIT;
    spinner.fuel_limit = turns * BUDGET;
    spinner.on_finish = end_race;
    spinner.user = &race;
    for (int i = 0; i < SPINNERS; i++) { // all are queued before the first one runs
        race.isolates[i] = make_isolate(runtime, code, &spinner);
        assert_int_equal(zvm_isolate_submit(race.isolates[i]), ZVM_OK);
    }
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = 0; i < SPINNERS; i++) {
        zvm_result result = result_of(race.isolates[i]);
        assert_true(result.status == ZVM_E_CANCELLED || result.status == ZVM_E_FUEL);
        if (result.slices < least) least = result.slices;
        if (result.slices > most) most = result.slices;
    }
    assert_in_range(most, turns, turns + 1);
    zvm_code_release(code);
    zvm_code_release(printing);
    zvm_runtime_destroy(runtime); // with all isolates
    return least;
}

// One worker is fair by its queue, whatever else the machine does: the race is stopped on its thread.
// Two are as even as the processors that they get, because what is in the ring of a worker that has
// lost its core waits for as long: a figure of bench/bench_sched.c. Here they only have to get there.
static void test_a_thousand_spinners_advance_evenly(void **state)
{
    (void)state;
    assert_true(least_slices(1, 60) >= 50);
    (void)least_slices(2, 60);
}

#define TURNS_ISOLATES 200

struct turns {
    zvm_runtime *runtime;
    uint64_t slices_at_first_end;
    int finished;
    int order[TURNS_ISOLATES];
};

static void note_turn(zvm_isolate *isolate, void *user)
{
    struct turns *turns = user;
    zvm_value id = {0};
    (void)zvm_isolate_get_global(isolate, "id", &id);
    if (turns->finished == 0) turns->slices_at_first_end = report_of(turns->runtime).totals.slices;
    turns->order[turns->finished++] = (int)id.integer;
}

// Every one needs the same number of slices. So when the first ends, after its last one, each of the
// others must have had all of theirs but the last; and they end in the order in which they came.
static void test_queued_isolates_have_their_turns_in_order(void **state)
{
    (void)state;
    enum { BUDGET = 1000, SLICES = 10 };
    struct gate gate = GATE_INIT;
    struct turns turns = {0};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    options.slice_budget = BUDGET;
    assert_int_equal(zvm_runtime_create(&options, &turns.runtime), ZVM_OK);
    zvm_code *printing = compile(turns.runtime, "print(1)\n");
    zvm_code *code = compile(turns.runtime, "let id = isolate_id()\nwhile true { }\n");
    zvm_isolate *blocker = block_worker(turns.runtime, printing, &gate);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.fuel_limit = SLICES * BUDGET;
    isolate_options.on_finish = note_turn;
    isolate_options.user = &turns;
    for (int i = 0; i < TURNS_ISOLATES; i++) { // all are queued before the first one runs
        isolate_options.id = i;
        zvm_isolate *isolate = make_isolate(turns.runtime, code, &isolate_options);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    }
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(turns.runtime), ZVM_OK);
    assert_int_equal(turns.finished, TURNS_ISOLATES);
    for (int i = 0; i < TURNS_ISOLATES; i++)
        assert_int_equal(turns.order[i], i);
    assert_true(turns.slices_at_first_end >= (SLICES - 1) * TURNS_ISOLATES);
    assert_int_equal(zvm_isolate_destroy(blocker), ZVM_OK);
    zvm_code_release(code);
    zvm_code_release(printing);
    zvm_runtime_destroy(turns.runtime);
}

static void run_failing(zvm_runtime *runtime, const char *text, zvm_isolate_options *options,
                        zvm_status expected)
{
    zvm_code *code = compile(runtime, text);
    zvm_isolate *isolate = make_isolate(runtime, code, options);
    zvm_code_release(code); // the isolate has a reference of its own
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, expected);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
}

static bool refuse_output(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    (void)text;
    (void)length_bytes;
    return false;
}

static void test_each_way_to_end_has_its_counter(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    run_failing(runtime, "let a = 1\n", &options, ZVM_OK);
    run_failing(runtime, "throw \"no\"\n", &options, ZVM_E_ERROR);
    options.fuel_limit = 10000;
    run_failing(runtime, SPIN, &options, ZVM_E_FUEL);
    options.fuel_limit = 0;
    options.timeout_ns = 3000000;
    run_failing(runtime, SPIN, &options, ZVM_E_TIMEOUT);
    options.timeout_ns = 0;
    options.heap_limit_bytes = 65536;
    run_failing(runtime, "let l = []\nwhile true { l.push([1, 2, 3]) }\n", &options,
                ZVM_E_HEAP_LIMIT);
    options.heap_limit_bytes = 0;
    options.output = refuse_output;
    run_failing(runtime, "print(1)\n", &options, ZVM_E_OUTPUT);
    zvm_report_counters c = report_of(runtime).totals;
    assert_int_equal(c.isolates_finished, 6);
    assert_int_equal(c.isolates_succeeded, 1);
    assert_int_equal(c.failed_error, 1);
    assert_int_equal(c.failed_fuel, 1);
    assert_int_equal(c.failed_timeout, 1);
    assert_int_equal(c.failed_heap_limit, 1);
    assert_int_equal(c.failed_output, 1);
    assert_true(c.collections > 0);
    assert_true(c.pause_ns_max > 0);
    assert_true(c.pause_ns_p50 <= c.pause_ns_p99);
    assert_true(c.pause_ns_p99 <= c.pause_ns_max);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

static void test_queued_isolate_past_its_deadline_ends_without_running(void **state)
{
    (void)state;
    struct gate gate = GATE_INIT;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *printing = compile(runtime, "print(1)\n");
    zvm_isolate *blocker = block_worker(runtime, printing, &gate);
    gate_await(&gate, 1);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.timeout_ns = 1000000;
    zvm_isolate *late = make_isolate(runtime, printing, &options);
    assert_int_equal(zvm_isolate_submit(late), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(late, 3000000), ZVM_E_TIMEOUT); // of the wait
    gate_open(&gate);
    assert_int_equal(zvm_isolate_wait(late, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(late).status, ZVM_E_TIMEOUT); // of the isolate
    assert_int_equal(result_of(late).output_bytes, 0);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(late), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(blocker), ZVM_OK);
    zvm_code_release(printing);
    zvm_runtime_destroy(runtime);
}

// ---- On the host's thread -----------------------------------------------------------------------

static void test_host_run_in_pieces_costs_the_same_fuel_as_in_one(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let n = 0\nwhile n < 5000 { n = n + 1 }\n");
    zvm_isolate *whole = make_isolate(runtime, code, NULL);
    zvm_isolate *pieces = make_isolate(runtime, code, NULL);
    bool finished = false;
    assert_int_equal(zvm_isolate_run(whole, 0, &finished), ZVM_OK);
    assert_true(finished);
    int calls = 0;
    for (finished = false; !finished; calls++)
        assert_int_equal(zvm_isolate_run(pieces, 1000, &finished), ZVM_OK);
    assert_true(calls > 3);
    assert_int_equal(result_of(pieces).fuel_used, result_of(whole).fuel_used);
    assert_true(result_of(pieces).slices > result_of(whole).slices);
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(pieces, "n", &value), ZVM_OK);
    assert_int_equal(value.integer, 5000);
    assert_int_equal(zvm_isolate_run(pieces, 0, NULL), ZVM_E_STATE);
    assert_int_equal(report_of(runtime).totals.isolates_succeeded, 2);
    assert_true(report_of(runtime).totals.cpu_ns > 0);
    assert_int_equal(zvm_isolate_destroy(whole), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(pieces), ZVM_OK);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

struct host_thread {
    zvm_runtime *runtime;
    zvm_code *code;
    int wrong;
};

static void *run_on_host(void *context)
{
    struct host_thread *host = context;
    for (int i = 0; i < 300; i++) {
        zvm_isolate *isolate;
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        host->wrong += zvm_isolate_create(host->runtime, host->code, &options, &isolate) != ZVM_OK;
        host->wrong += zvm_isolate_run(isolate, 0, NULL) != ZVM_OK;
        zvm_value value;
        host->wrong += zvm_isolate_get_global(isolate, "total", &value) != ZVM_OK;
        host->wrong += value.integer != i * 10;
        host->wrong += zvm_isolate_destroy(isolate) != ZVM_OK;
    }
    return NULL;
}

static void test_host_threads_run_isolates_side_by_side(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let total = 0\nfor each i in range(10) "
                                      "{ total = total + isolate_id() }\n");
    struct host_thread hosts[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        hosts[i] = (struct host_thread){.runtime = runtime, .code = code};
        assert_int_equal(pthread_create(&threads[i], NULL, run_on_host, &hosts[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(hosts[i].wrong, 0);
    }
    assert_int_equal(report_of(runtime).totals.isolates_succeeded, THREADS * 300);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- The threads themselves ---------------------------------------------------------------------

struct thread_facts {
    char name[16];
    bool has_signals_blocked;
};

static bool look_at_thread(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    struct thread_facts *facts = context;
    sigset_t blocked;
    pthread_getname_np(pthread_self(), facts->name, sizeof facts->name);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    facts->has_signals_blocked = sigismember(&blocked, SIGINT) == 1 &&
                                 sigismember(&blocked, SIGTERM) == 1 &&
                                 sigismember(&blocked, SIGCHLD) == 1;
    return true;
}

static void test_worker_thread_has_a_name_and_blocks_signals(void **state)
{
    (void)state;
    struct thread_facts facts = {0};
    zvm_runtime *runtime = make_runtime(1);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = look_at_thread;
    options.output_context = &facts;
    run_failing(runtime, "print(1)\n", &options, ZVM_OK);
    assert_string_equal(facts.name, "zvm-worker-0");
    assert_true(facts.has_signals_blocked);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGINT), 0); // the host's own thread is as before
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_isolates_on_two_workers_all_succeed),
        cmocka_unit_test(test_a_thousand_spinners_advance_evenly),
        cmocka_unit_test(test_queued_isolates_have_their_turns_in_order),
        cmocka_unit_test(test_each_way_to_end_has_its_counter),
        cmocka_unit_test(test_queued_isolate_past_its_deadline_ends_without_running),
        cmocka_unit_test(test_host_run_in_pieces_costs_the_same_fuel_as_in_one),
        cmocka_unit_test(test_host_threads_run_isolates_side_by_side),
        cmocka_unit_test(test_worker_thread_has_a_name_and_blocks_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
