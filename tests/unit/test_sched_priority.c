// Goal: an isolate of high priority has its turns first, a normal one is never kept out, and reports
// count what waits by queue and by priority.
// Method: a gate holds the only worker while the queues are filled; programs take a known number of
// slices; turns are counted, never timed.
#include "runtime_fixture.h"

enum { BUDGET = 1000, TURNS = 10, IN_A_ROW = 8 };

// Ends by its fuel, after TURNS slices.
#define WITH_TURNS(turns) ((turns)*BUDGET)

struct ended {
    zvm_runtime *runtime;
    int count;
    int64_t order[2000];      // ids
    uint64_t slices_at[2000]; // of all isolates together when the callback came
    uint64_t slices[2000];    // its own
};

static void note_end(zvm_isolate *isolate, void *user)
{
    struct ended *ended = user;
    zvm_value id = {0};
    (void)zvm_isolate_get_global(isolate, "id", &id);
    ended->order[ended->count] = id.integer;
    ended->slices[ended->count] = result_of(isolate).slices;
    ended->slices_at[ended->count++] = report_of(ended->runtime).totals.slices;
    zvm_isolate_destroy(isolate);
}

struct bench {
    struct gate gate;
    struct ended ended;
    zvm_runtime *runtime;
    zvm_code *printing, *spin;
    zvm_isolate *blocker;
};

static void hold(struct bench *bench)
{
    *bench = (struct bench){.gate = GATE_INIT};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    options.slice_budget = BUDGET;
    assert_int_equal(zvm_runtime_create(&options, &bench->runtime), ZVM_OK);
    bench->ended.runtime = bench->runtime;
    bench->printing = compile(bench->runtime, "print(1)\n");
    bench->spin = compile(bench->runtime, "let id = isolate_id()\nwhile true { }\n");
    bench->blocker = block_worker(bench->runtime, bench->printing, &bench->gate);
    gate_await(&bench->gate, 1);
}

static void let_go(struct bench *bench)
{
    assert_int_equal(zvm_runtime_shutdown(bench->runtime, true /* cancel */), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(bench->blocker), ZVM_OK);
    zvm_report report = report_of(bench->runtime);
    assert_int_equal(report.queued, 0);
    assert_int_equal(report.queued_high, 0);
    assert_int_equal(report.queued_inbox, 0);
    assert_int_equal(report.queued_overflow, 0);
    zvm_code_release(bench->printing);
    zvm_code_release(bench->spin);
    zvm_runtime_destroy(bench->runtime);
}

static void submit(struct bench *bench, int64_t id, uint32_t priority, uint64_t turns)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.id = id;
    options.priority = priority;
    options.fuel_limit = WITH_TURNS(turns); // 0: none
    options.on_finish = note_end;
    options.user = &bench->ended;
    zvm_isolate *isolate = make_isolate(bench->runtime, bench->spin, &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
}

static void await_ends(struct bench *bench, uint64_t count)
{
    zvm_isolate *isolate = bench->blocker;
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    while (report_of(bench->runtime).totals.isolates_destroyed < count)
        sched_yield();
}

// ---- The tests ----------------------------------------------------------------------------------

static void test_high_isolates_come_first_though_queued_last(void **state)
{
    (void)state;
    enum { NORMAL = 200, HIGH = 3 };
    static struct bench bench;
    hold(&bench);
    for (int i = 0; i < NORMAL; i++)
        submit(&bench, i, ZVM_PRIORITY_NORMAL, TURNS);
    for (int i = 0; i < HIGH; i++)
        submit(&bench, 1000 + i, ZVM_PRIORITY_HIGH, TURNS);
    gate_open(&bench.gate);
    assert_int_equal(zvm_runtime_drain(bench.runtime), ZVM_OK);
    assert_int_equal(bench.ended.count, NORMAL + HIGH);
    for (int i = 0; i < HIGH; i++) // among themselves in the order in which they came
        assert_int_equal(bench.ended.order[i], 1000 + i);
    for (int i = 0; i < NORMAL; i++)
        assert_int_equal(bench.ended.order[HIGH + i], i);
    // The blocker's slices, theirs, and a normal one's after each eight of them.
    uint64_t theirs = 0;
    for (int i = 0; i < HIGH; i++)
        theirs += bench.ended.slices[i];
    assert_true(theirs >= HIGH * TURNS); // collecting may take some more
    assert_true(bench.ended.slices_at[HIGH - 1] <=
                result_of(bench.blocker).slices + theirs + theirs / IN_A_ROW);
    let_go(&bench);
}

static void test_normal_isolate_has_every_ninth_turn_beside_endless_high_ones(void **state)
{
    (void)state;
    static struct bench bench;
    hold(&bench);
    for (int i = 0; i < 3; i++)
        submit(&bench, 1000 + i, ZVM_PRIORITY_HIGH, 0 /* for ever */);
    submit(&bench, 1, ZVM_PRIORITY_NORMAL, TURNS);
    gate_open(&bench.gate);
    await_ends(&bench, 1);
    assert_int_equal(bench.ended.order[0], 1);
    // Exactly: the blocker's, and each of its own after eight others.
    assert_true(bench.ended.slices[0] >= TURNS);
    assert_int_equal(bench.ended.slices_at[0],
                     result_of(bench.blocker).slices + (IN_A_ROW + 1) * bench.ended.slices[0]);
    let_go(&bench);
    assert_int_equal(bench.ended.count, 4);
}

// Three high ones, three normal ones and a low one, all for ever but the low one: it has every 81st turn.
static void test_low_isolate_has_every_81st_turn_beside_endless_others(void **state)
{
    (void)state;
    static struct bench bench;
    hold(&bench);
    for (int i = 0; i < 3; i++) {
        submit(&bench, 1000 + i, ZVM_PRIORITY_HIGH, 0 /* for ever */);
        submit(&bench, 2000 + i, ZVM_PRIORITY_NORMAL, 0 /* for ever */);
    }
    submit(&bench, 1, ZVM_PRIORITY_LOW, TURNS);
    gate_open(&bench.gate);
    await_ends(&bench, 1);
    assert_int_equal(bench.ended.order[0], 1);
    uint64_t cycle = (IN_A_ROW + 1) * (IN_A_ROW + 1);
    assert_true(bench.ended.slices[0] >= TURNS);
    // The blocker was a normal one: its slice is one of the eight before the first turn.
    uint64_t before = bench.ended.slices_at[0] - result_of(bench.blocker).slices;
    assert_in_range(before, cycle * bench.ended.slices[0] - (IN_A_ROW + 1),
                    cycle * bench.ended.slices[0]);
    let_go(&bench);
    assert_int_equal(bench.ended.count, 7);
}

static void test_low_isolates_come_last(void **state)
{
    (void)state;
    static struct bench bench;
    hold(&bench);
    submit(&bench, 3, ZVM_PRIORITY_LOW, 1);
    submit(&bench, 2, ZVM_PRIORITY_NORMAL, 1);
    submit(&bench, 1, ZVM_PRIORITY_HIGH, 1);
    gate_open(&bench.gate);
    assert_int_equal(zvm_runtime_drain(bench.runtime), ZVM_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bench.ended.order[i], i + 1);
    let_go(&bench);
}

// More than rings hold, of both.
static void test_thousands_of_both_priorities_all_have_their_turns_in_order(void **state)
{
    (void)state;
    enum { EACH = 900, FEW = 3 };
    static struct bench bench;
    hold(&bench);
    for (int i = 0; i < EACH; i++) {
        submit(&bench, i, ZVM_PRIORITY_NORMAL, FEW);
        submit(&bench, 1000 + i, ZVM_PRIORITY_HIGH, FEW);
    }
    zvm_report report = report_of(bench.runtime);
    assert_int_equal(report.queued, 2 * EACH);
    assert_int_equal(report.queued_inbox, 2 * EACH);
    assert_int_equal(report.queued_high, EACH);
    assert_int_equal(report.isolates_in_flight, 2 * EACH + 1);
    gate_open(&bench.gate);
    assert_int_equal(zvm_runtime_drain(bench.runtime), ZVM_OK);
    int64_t next[2] = {0, 0};
    for (int i = 0; i < 2 * EACH; i++) {
        int64_t id = bench.ended.order[i];
        assert_int_equal(id % 1000, next[id / 1000]);
        next[id / 1000]++;
    }
    // While high ones were left they had eight turns of nine.
    uint64_t theirs = 0;
    for (int i = 0; i < 2 * EACH; i++) {
        if (bench.ended.order[i] < 1000) continue;
        theirs += bench.ended.slices[i];
        if (bench.ended.order[i] == 1000 + EACH - 1)
            assert_true(bench.ended.slices_at[i] <=
                        result_of(bench.blocker).slices + theirs + theirs / IN_A_ROW + 1);
    }
    let_go(&bench);
}

// What a worker that is busy has in its queues, by kind.
struct look {
    zvm_runtime *runtime;
    zvm_report report;
};

static bool look_at_queues(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    struct look *look = context;
    look->report = report_of(look->runtime);
    return true;
}

static void test_report_counts_what_waits_behind_the_rings(void **state)
{
    (void)state;
    enum { EACH = 900 };
    static struct bench bench;
    hold(&bench);
    struct look look = {.runtime = bench.runtime};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = look_at_queues;
    options.output_context = &look;
    options.priority = ZVM_PRIORITY_HIGH;
    zvm_isolate *looker = make_isolate(bench.runtime, bench.printing, &options);
    assert_int_equal(zvm_isolate_submit(looker), ZVM_OK);
    for (int i = 0; i < EACH; i++) {
        submit(&bench, i, ZVM_PRIORITY_NORMAL, 1);
        submit(&bench, 1000 + i, ZVM_PRIORITY_HIGH, 1);
    }
    gate_open(&bench.gate); // the worker takes its inbox apart, and the looker is first
    assert_int_equal(zvm_runtime_drain(bench.runtime), ZVM_OK);
    assert_int_equal(look.report.queued, 2 * EACH);
    assert_int_equal(look.report.queued_high, EACH);
    assert_int_equal(look.report.queued_inbox, 0);
    assert_true(look.report.queued_overflow >= 2 * (EACH - 256));
    assert_true(look.report.queued_overflow < 2 * EACH);
    assert_int_equal(zvm_isolate_destroy(looker), ZVM_OK);
    let_go(&bench);
}

static void test_cancelled_high_isolates_leave_their_queues(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    static zvm_isolate *isolates[COUNT];
    static struct bench bench;
    hold(&bench);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.priority = ZVM_PRIORITY_HIGH;
    for (int i = 0; i < COUNT; i++) {
        isolates[i] = make_isolate(bench.runtime, bench.spin, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        zvm_isolate_cancel(isolates[i]);
        assert_int_equal(result_of(isolates[i]).status, ZVM_E_CANCELLED);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    submit(&bench, 1, ZVM_PRIORITY_NORMAL, 1);
    gate_open(&bench.gate);
    assert_int_equal(zvm_runtime_drain(bench.runtime), ZVM_OK);
    assert_int_equal(bench.ended.count, 1);
    let_go(&bench);
}

static void test_a_priority_that_there_is_not_is_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.priority = ZVM_PRIORITY_LOW + 1;
    zvm_isolate *isolate;
    assert_int_equal(zvm_isolate_create(runtime, code, &options, &isolate), ZVM_E_ARGUMENT);
    options.priority = ZVM_PRIORITY_HIGH;
    assert_int_equal(zvm_isolate_create(runtime, code, &options, &isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK); // it says nothing there
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_high_isolates_come_first_though_queued_last),
        cmocka_unit_test(test_normal_isolate_has_every_ninth_turn_beside_endless_high_ones),
        cmocka_unit_test(test_low_isolate_has_every_81st_turn_beside_endless_others),
        cmocka_unit_test(test_low_isolates_come_last),
        cmocka_unit_test(test_thousands_of_both_priorities_all_have_their_turns_in_order),
        cmocka_unit_test(test_report_counts_what_waits_behind_the_rings),
        cmocka_unit_test(test_cancelled_high_isolates_leave_their_queues),
        cmocka_unit_test(test_a_priority_that_there_is_not_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
