// Goal: a host can collect an isolate's heap, whole or piece by piece, between two of its slices, and the
// program goes on as if nothing had been.
// Method: a program with a large list that lives and much that died is stopped in its middle, collected in
// each way, and run to its end. Not where the heap is walked after each piece of work: it is too large.
#include "runtime_fixture.h"

#define STEP_WORDS 5000

#if defined(ZVM_GC_STRESS) || ZVM_DEBUG >= 2
#    define WALKS_HEAPS true
#else
#    define WALKS_HEAPS false
#endif

// About 16 MiB live, of objects that lead to each other, and as much that is dead when it stops.
static const char program[] = "let kept = []\n"
                              "let chain = null\n"
                              "for each i in range(100000) {\n"
                              "    chain = [i, chain]\n"
                              "    kept.push(chain)\n"
                              "    let dead = [i, i, i]\n"
                              "}\n"
                              "let ready = true\n"
                              "let sum = 0\n"
                              "for each pair in kept { sum += pair[0] }\n"
                              "let links = 0\n"
                              "while chain != null { links += 1\n chain = chain[1] }\n";

struct stopped {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
};

static bool is_ready(const zvm_isolate *isolate)
{
    zvm_value value;
    return zvm_isolate_get_global((zvm_isolate *)(uintptr_t)isolate, "ready", &value) == ZVM_OK;
}

static void stop_in_the_middle(struct stopped *stopped, uint32_t gc_mode)
{
    stopped->runtime = make_runtime(0);
    stopped->code = compile(stopped->runtime, program);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.gc_mode = gc_mode;
    stopped->isolate = make_isolate(stopped->runtime, stopped->code, &options);
    bool finished = false;
    while (!is_ready(stopped->isolate)) {
        assert_int_equal(zvm_isolate_run(stopped->isolate, 1000, &finished), ZVM_OK);
        assert_false(finished);
    }
}

static zvm_result go_on_to_the_end(struct stopped *stopped)
{
    zvm_value sum, links;
    assert_int_equal(zvm_isolate_run(stopped->isolate, 0, NULL), ZVM_OK);
    zvm_result result = result_of(stopped->isolate);
    assert_int_equal(result.status, ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(stopped->isolate, "sum", &sum), ZVM_OK);
    assert_int_equal(sum.integer, INT64_C(4999950000));
    assert_int_equal(zvm_isolate_get_global(stopped->isolate, "links", &links), ZVM_OK);
    assert_int_equal(links.integer, 100000);
    assert_int_equal(result.allocated_bytes - result.freed_bytes, result.heap_live_bytes);
    check_identities(stopped->runtime);
    assert_int_equal(zvm_isolate_destroy(stopped->isolate), ZVM_OK);
    zvm_code_release(stopped->code);
    zvm_runtime_destroy(stopped->runtime);
    return result;
}

static void test_forced_collection_frees_what_died_and_the_program_goes_on(void **state)
{
    (void)state;
    if (WALKS_HEAPS) skip();
    for (uint32_t mode = ZVM_GC_AUTO; mode <= ZVM_GC_GENERATIONAL; mode++) {
        struct stopped stopped;
        stop_in_the_middle(&stopped, mode);
        zvm_collect_result first = ZVM_COLLECT_RESULT_INIT, second = ZVM_COLLECT_RESULT_INIT;
        assert_int_equal(zvm_isolate_collect(stopped.isolate, true, &first), ZVM_OK);
        assert_true(first.has_run);
        assert_true(first.freed_count > 0);
        assert_true(first.freed_bytes >= first.freed_count * 16);
        assert_int_equal(zvm_isolate_collect(stopped.isolate, true, &second), ZVM_OK);
        assert_true(second.has_run);
        assert_int_equal(second.freed_count, 0);
        (void)go_on_to_the_end(&stopped);
    }
}

static void test_collection_that_is_not_forced_runs_only_when_it_is_due(void **state)
{
    (void)state;
    if (WALKS_HEAPS) skip();
    struct stopped stopped;
    stop_in_the_middle(&stopped, ZVM_GC_FULL);
    zvm_collect_result result = ZVM_COLLECT_RESULT_INIT;
    assert_int_equal(zvm_isolate_collect(stopped.isolate, true, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(stopped.isolate, false, &result), ZVM_OK);
    assert_false(result.has_run);
    assert_int_equal(result.freed_count, 0);
    (void)go_on_to_the_end(&stopped);
}

static void test_steps_come_to_the_end_of_a_collection_within_their_bound(void **state)
{
    (void)state;
    if (WALKS_HEAPS) skip();
    struct stopped stopped;
    stop_in_the_middle(&stopped, ZVM_GC_INCREMENTAL);
    uint64_t freed_count = 0, steps = 0;
    zvm_collect_result result = ZVM_COLLECT_RESULT_INIT;
    while (!result.has_run) {
        assert_int_equal(zvm_isolate_collect_step(stopped.isolate, STEP_WORDS, &result), ZVM_OK);
        freed_count += result.freed_count;
        assert_true(++steps < 10000);
    }
    assert_true(steps > 10);
    assert_true(freed_count > 0);
    zvm_result end = go_on_to_the_end(&stopped);
    assert_true(end.incremental_collections > 0);
    assert_true(end.gc_slice_words_max > 0);
    assert_true(end.gc_slice_words_max <= 20000);
    assert_true(end.gc_atomic_words_max <= 100000);
}

static void test_queued_and_unknown_isolates_are_refused(void **state)
{
    (void)state;
    struct gate gate = GATE_INIT;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *printing = compile(runtime, "print(1)\n");
    zvm_isolate *blocker = block_worker(runtime, printing, &gate);
    gate_await(&gate, 1);
    zvm_isolate *queued = make_isolate(runtime, printing, NULL);
    assert_int_equal(zvm_isolate_submit(queued), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(queued, true, NULL), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_collect_step(queued, 1, NULL), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_collect(NULL, true, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_collect_step(NULL, 1, NULL), ZVM_E_ARGUMENT);
    zvm_collect_result small = {.size = 1};
    assert_int_equal(zvm_isolate_collect(queued, true, &small), ZVM_E_ARGUMENT);
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(queued), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(blocker), ZVM_OK);
    zvm_code_release(printing);
    zvm_runtime_destroy(runtime);
}

// Words of work of all collections of a program that allocates with so many calls under way.
static uint64_t words_below(int depth)
{
    static const char format[] = "action garbage(count) {\n"
                                 "    let sum = 0\n"
                                 "    for each i in range(count) { sum += [i, i][0] }\n"
                                 "    return sum\n"
                                 "}\n"
                                 "action deep(n, a, b) {\n"
                                 "    if n == 0 { return garbage(300000) }\n"
                                 "    let own = [a, b]\n"
                                 "    return deep(n - 1, own, a) + own.len()\n"
                                 "}\n"
                                 "deep(%d, null, null)\n";
    char text[sizeof format + 10];
    (void)snprintf(text, sizeof text, format, depth);
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, text);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.gc_mode = ZVM_GC_GENERATIONAL;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    zvm_report report = report_of(runtime);
    assert_true(report.totals.minor_collections > 20);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return report.totals.gc_words;
}

static void test_minor_collections_do_not_look_at_calls_under_way_each_time(void **state)
{
    (void)state;
    if (WALKS_HEAPS) skip();
    // 3,000 calls have 27,000 registers, and there are more than 20 minor collections.
    uint64_t shallow = words_below(1), deep = words_below(3000);
    assert_true(deep > shallow);
    assert_true(deep - shallow < 20 * 27000 / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forced_collection_frees_what_died_and_the_program_goes_on),
        cmocka_unit_test(test_collection_that_is_not_forced_runs_only_when_it_is_due),
        cmocka_unit_test(test_steps_come_to_the_end_of_a_collection_within_their_bound),
        cmocka_unit_test(test_queued_and_unknown_isolates_are_refused),
        cmocka_unit_test(test_minor_collections_do_not_look_at_calls_under_way_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
