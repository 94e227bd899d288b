// Goal: the figures of the table of shared strings are true and free of charge for those who run, and
// both kinds of limits are an error that only who asked gets, and can catch.
// Method: programs that keep, drop and make keys, run through zvm.h with limits at, below and above what
// they need; figures before, between and after, also while workers run.
#include "runtime_fixture.h"

// Keeps `kept` keys and prints how many it got, or what was wrong.
static const char KEEP[] = "let kept = {}\n"
                           "let message = \"\"\n"
                           "try {\n"
                           "    for each i in range(wanted) { kept[\"key ${i + 10000}\"] = i }\n"
                           "} catch (e) { message = \"${e.kind}: ${e.message}\" }\n"
                           "let got = kept.len()\n";

static const char *const HEAD = "let wanted = ";

#define KEY_BYTES_LEAST (9 + 1) // "key 10000" and its NUL

static zvm_intern_figures figures_of(zvm_runtime *runtime)
{
    zvm_intern_figures figures = ZVM_INTERN_FIGURES_INIT;
    assert_int_equal(zvm_intern_stats(runtime, &figures), ZVM_OK);
    return figures;
}

static zvm_code *compile_keeper(zvm_runtime *runtime, unsigned wanted)
{
    char text[1024];
    snprintf(text, sizeof text, "%s%u\n%s", HEAD, wanted, KEEP);
    return compile(runtime, text);
}

struct outcome {
    int64_t got;
    char message[200];
};

// Runs a keeper with these limits to its end. The isolate is the caller's.
static zvm_isolate *run_keeper(zvm_runtime *runtime, zvm_code *code, uint64_t count, uint64_t bytes,
                               struct outcome *out)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.intern_limit_count = count;
    options.intern_limit_bytes = bytes;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, "got", &value), ZVM_OK);
    out->got = value.integer;
    assert_int_equal(zvm_isolate_get_global(isolate, "message", &value), ZVM_OK);
    snprintf(out->message, sizeof out->message, "%s", value.text);
    return isolate;
}

// ---- Figures ------------------------------------------------------------------------------------

static void test_figures_follow_what_a_program_keeps_and_drops(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile_keeper(runtime, 1000);
    zvm_intern_figures before = figures_of(runtime);
    struct outcome outcome;
    zvm_isolate *isolate = run_keeper(runtime, code, 0, 0, &outcome);
    assert_int_equal(outcome.got, 1000);

    zvm_intern_figures held = figures_of(runtime);
    assert_int_equal(held.inserted, before.inserted + 1000);
    assert_int_equal(held.count - held.dead, before.count - before.dead + 1000);
    assert_int_equal(held.count, held.inserted - held.reclaimed);
    assert_true(held.bytes >= before.bytes + (uint64_t)1000 * KEY_BYTES_LEAST);
    assert_true(held.migrations > before.migrations); // it grew
    assert_true(held.misses >= before.misses + 1000);
    assert_true(held.cells >= held.count);
    assert_int_equal(held.load_percent, held.count * 100 / held.cells);
    assert_true(held.probe_p50 <= held.probe_max);

    struct outcome again;
    zvm_isolate *other = run_keeper(runtime, code, 0, 0, &again);
    zvm_intern_figures shared = figures_of(runtime);
    assert_int_equal(shared.inserted, held.inserted); // the same strings
    assert_int_equal(shared.hits, held.hits + 1000);

    zvm_isolate_destroy(isolate);
    zvm_isolate_destroy(other);
    zvm_intern_figures dropped = figures_of(runtime);
    assert_int_equal(dropped.count - dropped.dead, before.count - before.dead);
    assert_int_equal(dropped.limit_count, 16777216);
    assert_int_equal(dropped.limit_bytes, UINT64_C(1) << 30);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_figures_and_report_say_the_same(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_intern_figures figures = figures_of(runtime);
    zvm_report report = report_of(runtime);
    assert_int_equal(report.intern_count, figures.count);
    assert_int_equal(report.intern_bytes, figures.bytes);
    assert_int_equal(report.intern_hits, figures.hits);
    assert_int_equal(report.intern_misses, figures.misses);
    zvm_runtime_destroy(runtime);
}

static void test_figures_of_wrong_arguments_are_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_intern_figures figures = ZVM_INTERN_FIGURES_INIT;
    assert_int_equal(zvm_intern_stats(NULL, &figures), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_intern_stats(runtime, NULL), ZVM_E_ARGUMENT);
    figures.size = sizeof(size_t);
    assert_int_equal(zvm_intern_stats(runtime, &figures), ZVM_E_ARGUMENT);
    figures = (zvm_intern_figures){.size = offsetof(zvm_intern_figures, limit_count)};
    assert_int_equal(zvm_intern_stats(runtime, &figures), ZVM_OK);
    assert_true(figures.count > 0);
    assert_int_equal(figures.limit_count, 0); // the caller does not have it: untouched
    zvm_runtime_destroy(runtime);
}

static void test_figures_taken_while_workers_run_are_within_their_bounds(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile_keeper(runtime, 2000);
    zvm_isolate *isolates[8];
    for (int i = 0; i < 8; i++) {
        isolates[i] = make_isolate(runtime, code, NULL);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    uint64_t inserted = 0;
    for (int i = 0; i < 1000; i++) {
        zvm_intern_figures figures = figures_of(runtime);
        assert_true(figures.inserted >= inserted);
        assert_true(figures.inserted < 10000);
        assert_true(figures.count <= figures.inserted);
        assert_true(figures.dead <= figures.inserted);
        inserted = figures.inserted;
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < 8; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Limits of an isolate -----------------------------------------------------------------------

static void test_limit_of_count_counts_what_the_isolate_keeps(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile_keeper(runtime, 100);
    static const struct {
        uint64_t limit;
        int64_t got;
    } cases[] = {{0, 100}, {101, 100}, {100, 100}, {99, 99}, {1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome outcome;
        zvm_isolate *isolate = run_keeper(runtime, code, cases[i].limit, 0, &outcome);
        assert_int_equal(outcome.got, cases[i].got);
        char expected[200] = "";
        if (cases[i].got < 100)
            snprintf(expected, sizeof expected,
                     "InternLimitError: intern limit of %u symbols reached: %u held, 1 requested",
                     (unsigned)cases[i].limit, (unsigned)cases[i].limit);
        assert_string_equal(outcome.message, expected);
        zvm_isolate_destroy(isolate);
    }
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// What a key counts for, found by growing the limit until the first one fits.
static uint64_t key_bytes(zvm_runtime *runtime)
{
    zvm_code *code = compile_keeper(runtime, 1);
    struct outcome outcome = {0};
    uint64_t bytes = 0;
    while (outcome.got == 0) {
        bytes++;
        zvm_isolate_destroy(run_keeper(runtime, code, 0, bytes, &outcome));
    }
    zvm_code_release(code);
    return bytes;
}

static void test_limit_of_bytes_counts_what_the_isolate_keeps(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    uint64_t each = key_bytes(runtime);
    assert_in_range(each, KEY_BYTES_LEAST, 100);
    zvm_code *code = compile_keeper(runtime, 50);
    const uint64_t limits[] = {50 * each + 1, 50 * each, 50 * each - 1};
    const int64_t got[] = {50, 50, 49};
    for (int i = 0; i < 3; i++) {
        struct outcome outcome;
        zvm_isolate *isolate = run_keeper(runtime, code, 0, limits[i], &outcome);
        assert_int_equal(outcome.got, got[i]);
        char expected[200] = "";
        if (got[i] < 50)
            snprintf(expected, sizeof expected,
                     "InternLimitError: intern limit of %u bytes reached: %u held, %u requested",
                     (unsigned)limits[i], (unsigned)(49 * each), (unsigned)each);
        assert_string_equal(outcome.message, expected);
        zvm_isolate_destroy(isolate);
    }
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_keys_that_were_dropped_do_not_count(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let last = {}\n"
                                      "let rest = {}\n"
                                      "for each i in range(50) { rest[\"rest ${i}\"] = i }\n"
                                      "for each i in range(5000) {\n"
                                      "    last = {}\n"
                                      "    last[\"key ${i}\"] = i\n"
                                      "}\n"
                                      "let got = last.len() + rest.len()\n"
                                      "let message = \"\"\n");
    struct outcome outcome;
    zvm_isolate *isolate = run_keeper(runtime, code, 60, 0, &outcome);
    assert_int_equal(outcome.got, 51);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// A program at its limit could ask for a collection with each key it makes: it pays for them.
static void test_collections_at_the_limit_cost_fuel(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let ballast = []\n"
                                      "for each i in range(200) { ballast.push([i]) }\n"
                                      "let n = 0\n"
                                      "while true {\n"
                                      "    let m = {}\n"
                                      "    m[\"key ${n}\"] = n\n"
                                      "    n = n + 1\n"
                                      "}\n");
    int64_t turns[2];
    for (int i = 0; i < 2; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.intern_limit_count = i == 0 ? 0 : 1;
        options.fuel_limit = 20000;
        zvm_isolate *isolate = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        assert_int_equal(result_of(isolate).status, ZVM_E_FUEL);
        zvm_value value;
        assert_int_equal(zvm_isolate_get_global(isolate, "n", &value), ZVM_OK);
        turns[i] = value.integer;
        zvm_isolate_destroy(isolate);
    }
    assert_true(turns[1] > 0);
#ifndef ZVM_GC_STRESS // where each allocation collects, the limit is never reached
    assert_true(turns[1] < turns[0] / 10);
#endif
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// As many keys as the held set has room for under the heap limit, but for one; then one more after the other,
// each dead before the next. Without a pool of dead keys each was a collection, and free.
static void test_collections_for_a_held_set_that_cannot_grow_cost_fuel(void **state)
{
    (void)state;
    enum { KEYS_MAX = 768, LIMIT_BYTES = 256 << 10 };
    char text[1024];
    snprintf(text, sizeof text,
             "let m = {}\n"
             "for each i in range(%d) { m[\"key${i}\"] = i }\n"
             "let head = null\n"
             "try { while true { head = [head, 1] } } catch (e) { }\n"
             "for each i in range(100) { head = head[0] }\n"
             "let n = 0\n"
             "while n < 1000 {\n"
             "    let t = {}\n"
             "    t[\"other${n}\"] = 1\n"
             "    n = n + 1\n"
             "}\n",
             KEYS_MAX - 1);
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, text);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = LIMIT_BYTES;
    options.str_pool_size = ZVM_POOL_OFF;
    options.fuel_limit = 1000000;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_value turns;
    assert_int_equal(zvm_isolate_get_global(isolate, "n", &turns), ZVM_OK);
#ifndef ZVM_GC_STRESS // where each allocation collects, the set is never full
    assert_int_equal(result_of(isolate).status, ZVM_E_FUEL);
    assert_in_range(turns.integer, 1, 200);
#endif
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// Dead keys that are only pooled are no reason to refuse a live one.
static void test_pooled_keys_make_room_in_a_held_set_that_cannot_grow(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let m = {}\n"
                                      "for each i in range(760) { m[\"key${i}\"] = i }\n"
                                      "let head = null\n"
                                      "try { while true { head = [head, 1] } } catch (e) { }\n"
                                      "for each i in range(100) { head = head[0] }\n"
                                      "for each i in range(100) {\n"
                                      "    let t = {}\n"
                                      "    t[\"other${i}\"] = 1\n"
                                      "}\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 256 << 10;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    if (result_of(isolate).status != ZVM_OK) fail_msg("%s", result_of(isolate).message);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_limit_of_one_isolate_leaves_the_others_alone(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile_keeper(runtime, 100);
    struct outcome small, large;
    zvm_isolate *first = run_keeper(runtime, code, 10, 0, &small);
    zvm_isolate *second = run_keeper(runtime, code, 0, 0, &large);
    assert_int_equal(small.got, 10);
    assert_int_equal(large.got, 100);
    zvm_isolate_destroy(first);
    zvm_isolate_destroy(second);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_limits_beyond_the_most_are_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "print(1)\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate *isolate = NULL;
    options.intern_limit_count = (uint64_t)ZVM_INTERN_LIMIT_MAX + 1;
    assert_int_equal(zvm_isolate_create(runtime, code, &options, &isolate), ZVM_E_ARGUMENT);
    options.intern_limit_count = ZVM_INTERN_LIMIT_MAX;
    options.intern_limit_bytes = (uint64_t)ZVM_INTERN_LIMIT_MAX + 1;
    assert_int_equal(zvm_isolate_create(runtime, code, &options, &isolate), ZVM_E_ARGUMENT);
    options.intern_limit_bytes = ZVM_INTERN_LIMIT_MAX;
    assert_int_equal(zvm_isolate_create(runtime, code, &options, &isolate), ZVM_OK);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Limits of a runtime ------------------------------------------------------------------------

static zvm_runtime *make_limited(uint64_t count, uint64_t bytes)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.intern_limit_count = count;
    options.intern_limit_bytes = bytes;
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    return runtime;
}

// How many symbols a runtime has with the keeper's code loaded.
static uint64_t count_at_start(unsigned wanted)
{
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile_keeper(runtime, wanted);
    uint64_t count = figures_of(runtime).count;
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return count;
}

static void test_two_runtimes_have_each_their_own_limit(void **state)
{
    (void)state;
    uint64_t start = count_at_start(100);
    const uint64_t limits[] = {start + 101, start + 100, start + 99};
    zvm_runtime *runtimes[3];
    zvm_code *codes[3];
    for (int i = 0; i < 3; i++) {
        runtimes[i] = make_limited(limits[i], 0);
        codes[i] = compile_keeper(runtimes[i], 100);
    }
    for (int i = 0; i < 3; i++) {
        struct outcome outcome;
        zvm_isolate *isolate = run_keeper(runtimes[i], codes[i], 0, 0, &outcome);
        assert_int_equal(outcome.got, i < 2 ? 100 : 99);
        char expected[120] = "";
        if (i == 2)
            snprintf(expected, sizeof expected,
                     "InternLimitError: the table of shared strings is full: "
                     "%u of at most %u symbols, ",
                     (unsigned)limits[i], (unsigned)limits[i]);
        assert_memory_equal(outcome.message, expected, strlen(expected));
        zvm_isolate_destroy(isolate);
        assert_int_equal(figures_of(runtimes[i]).limit_count, limits[i]);
    }
    for (int i = 0; i < 3; i++) {
        zvm_code_release(codes[i]);
        zvm_runtime_destroy(runtimes[i]);
    }
}

static void test_full_table_refuses_who_asks_and_serves_what_is_there(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_limited(count_at_start(100) + 50, 0);
    zvm_code *code = compile_keeper(runtime, 100);
    struct outcome outcome;
    zvm_isolate *full = run_keeper(runtime, code, 0, 0, &outcome);
    assert_int_equal(outcome.got, 50);
    zvm_isolate *same = run_keeper(runtime, code, 0, 0, &outcome);
    assert_int_equal(outcome.got, 50); // the same 50: they are found
    zvm_isolate_destroy(full);
    zvm_isolate_destroy(same);
    zvm_isolate *after = run_keeper(runtime, code, 0, 0, &outcome);
    assert_int_equal(outcome.got, 50);
    zvm_isolate_destroy(after);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_limit_of_the_tables_bytes_is_kept(void **state)
{
    (void)state;
    enum { LIMIT = 192 * 1024 };
    zvm_runtime *runtime = make_limited(0, LIMIT);
    zvm_code *code = compile_keeper(runtime, 100000);
    struct outcome outcome;
    zvm_isolate *isolate = run_keeper(runtime, code, 0, 0, &outcome);
    assert_in_range(outcome.got, 100, 99999);
    assert_non_null(
        strstr(outcome.message, "InternLimitError: the table of shared strings is full"));
    assert_non_null(strstr(outcome.message, "of at most 196608 bytes"));
    assert_true(figures_of(runtime).bytes <= LIMIT);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_follow_what_a_program_keeps_and_drops),
        cmocka_unit_test(test_figures_and_report_say_the_same),
        cmocka_unit_test(test_figures_of_wrong_arguments_are_refused),
        cmocka_unit_test(test_figures_taken_while_workers_run_are_within_their_bounds),
        cmocka_unit_test(test_limit_of_count_counts_what_the_isolate_keeps),
        cmocka_unit_test(test_limit_of_bytes_counts_what_the_isolate_keeps),
        cmocka_unit_test(test_keys_that_were_dropped_do_not_count),
        cmocka_unit_test(test_collections_at_the_limit_cost_fuel),
        cmocka_unit_test(test_collections_for_a_held_set_that_cannot_grow_cost_fuel),
        cmocka_unit_test(test_pooled_keys_make_room_in_a_held_set_that_cannot_grow),
        cmocka_unit_test(test_limit_of_one_isolate_leaves_the_others_alone),
        cmocka_unit_test(test_limits_beyond_the_most_are_refused),
        cmocka_unit_test(test_two_runtimes_have_each_their_own_limit),
        cmocka_unit_test(test_full_table_refuses_who_asks_and_serves_what_is_there),
        cmocka_unit_test(test_limit_of_the_tables_bytes_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
