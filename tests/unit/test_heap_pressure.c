// Goal: pressure makes heaps grow less between collections, and once a call makes each give back what
// it can, at its next slow path; a host sees it in the report.
// Method: a heap with an array for its roots; then the same through zvm.h, with a program that has left
// garbage and pooled texts behind.
#include "heap_fixture.h"
#include "runtime_fixture.h"

#include "base/strbuf.h"

#define LIMIT (64u << 20)

// ---- The heap -----------------------------------------------------------------------------------

static void press(struct fixture *f, enum zpressure_level level)
{
    zspan_pool_press_any(f->pool, level);
}

static void check_growth(uint32_t asked, const uint32_t expected[4])
{
    struct fixture f;
    fixture_open(&f, (struct zheap_options){.limit_bytes = LIMIT, .growth_percent = asked});
    for (int level = ZPRESSURE_NONE; level <= ZPRESSURE_CRITICAL; level++) {
        press(&f, (enum zpressure_level)level);
        assert_int_equal(zheap_growth_percent(&f.heap), expected[level]);
    }
    press(&f, ZPRESSURE_NONE);
    assert_int_equal(zheap_growth_percent(&f.heap), expected[ZPRESSURE_NONE]);
    fixture_close(&f);
}

static void test_growth_under_each_level_is_scaled_within_bounds(void **state)
{
    (void)state;
    check_growth(0, (const uint32_t[]){200, 175, 150, 125});
    check_growth(300, (const uint32_t[]){300, 250, 200, 150});
    check_growth(1000, (const uint32_t[]){1000, 300, 300, 300});
    check_growth(140, (const uint32_t[]){140, 130, 125, 125});
    check_growth(125, (const uint32_t[]){125, 125, 125, 125});
    check_growth(50, (const uint32_t[]){50, 50, 50, 50}); // collects all the time anyway
    check_growth(100000, (const uint32_t[]){65535, 300, 300, 300});
}

static void make_garbage(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_non_null(make_cell(f, zvalue_int(i)));
}

// Enough to reach the slow path, whatever is left of a page.
static void reach_slow_path(struct fixture *f)
{
    make_garbage(f, ZPAGE_GRANULES + 1);
}

static void test_high_pressure_clears_and_collects_once_a_call(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct zheap_options){.limit_bytes = LIMIT, .growth_percent = 5000});
    make_garbage(&f, 4000);
    uint64_t before = fixture_stats(&f).collections;
    for (uint32_t call = 1; call <= 3; call++) {
        press(&f, call == 2 ? ZPRESSURE_CRITICAL : ZPRESSURE_HIGH);
        assert_int_equal(f.emergencies, call - 1); // nobody is stopped for it
        reach_slow_path(&f);
        reach_slow_path(&f);
        assert_int_equal(f.emergencies, call);
        if (!ZHEAP_STRESS) assert_int_equal(fixture_stats(&f).collections, before + call);
        assert_true(fixture_stats(&f).committed_bytes < 16384);
    }
    struct zheap_collected collected;
    assert_true(zheap_env_take_collected(f.env, &collected));
    assert_int_equal(collected.pressed, 3);
    assert_false(zheap_env_take_collected(f.env, &collected));
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_low_pressure_and_its_end_collect_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct zheap_options){.limit_bytes = LIMIT});
    uint64_t before = fixture_stats(&f).collections;
    press(&f, ZPRESSURE_LOW);
    reach_slow_path(&f);
    press(&f, ZPRESSURE_NONE);
    reach_slow_path(&f);
    assert_int_equal(f.emergencies, 0);
    if (!ZHEAP_STRESS) assert_int_equal(fixture_stats(&f).collections, before);
    fixture_close(&f);
}

// A heap is not asked for what was wanted back before there was one.
static void test_heap_made_under_pressure_answers_only_the_next_call(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct zheap_options){.limit_bytes = LIMIT});
    press(&f, ZPRESSURE_CRITICAL);
    fixture_close_heap(&f);
    fixture_open_heap(&f, (struct zheap_options){.limit_bytes = LIMIT});
    reach_slow_path(&f);
    assert_int_equal(f.emergencies, 0);
    press(&f, ZPRESSURE_CRITICAL);
    reach_slow_path(&f);
    assert_int_equal(f.emergencies, 1);
    fixture_close(&f);
}

static void test_given_back_memory_leaves_the_process(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, (struct zheap_options){.limit_bytes = LIMIT, .growth_percent = 60000});
    if (ZHEAP_STRESS) {
        fixture_close(&f);
        return; // it never has so much garbage
    }
    for (uint32_t i = 0; i < 500000; i++) {
        struct zcell *cell = make_cell(&f, f.roots[0]);
        assert_non_null(cell);
        f.roots[0] = zvalue_object(cell, ZTAG_CELL);
    }
    f.roots[0] = zvalue_null();
    assert_true(zspan_pool_mapped_bytes_any(f.pool) > (7u << 20)); // 500,000 cells of 16 bytes
    press(&f, ZPRESSURE_HIGH);
    reach_slow_path(&f);
    assert_true(zspan_pool_mapped_bytes_any(f.pool) <= (2u << 20));
    fixture_close(&f);
}

// ---- Through zvm.h ------------------------------------------------------------------------------

static const char program[] =
    "let texts = []\n"
    "for each i in range(600) { texts.push(string(i + 100000)) }\n"
    "for each i in range(600) { texts.push(string(i + 100000)) }\n"
    "let waste = range(6000).map(i => [i])\n"
    "texts = null\nwaste = null\n"
    "let n = 0\nwhile n < 2000000 { n += 1 }\n" // here it is put aside: nothing is allocated
    "let l = []\nfor each i in range(400) { l.push([i]) }\n";

static bool add_text(void *context, const char *text, size_t length)
{
    zstrbuf_add(context, text, length);
    return true;
}

// The first pool of a report is that of integers.
static uint64_t pooled_integers(zvm_runtime *runtime)
{
    struct zstrbuf json;
    zstrbuf_init(&json);
    assert_int_equal(zvm_report_write(runtime, ZVM_REPORT_JSON, add_text, &json), ZVM_OK);
    const char *pool = strstr(zstrbuf_text(&json), "\"pools\"");
    assert_non_null(pool);
    const char *size = strstr(pool, "\"size\": ");
    assert_non_null(size);
    uint64_t count = strtoull(size + strlen("\"size\": "), NULL, 10);
    zstrbuf_deinit(&json);
    return count;
}

static void test_runtime_pressure_clears_pools_and_returns_memory(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, program);
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    bool finished = true;
    assert_int_equal(zvm_isolate_run(isolate, 1000000, &finished), ZVM_OK);
    assert_false(finished);
    uint64_t held = report_of(runtime).totals.heap_current_bytes;
    assert_int_equal(pooled_integers(runtime), 600);

    assert_int_equal(zvm_runtime_pressure(runtime, ZVM_PRESSURE_HIGH), ZVM_OK);
    assert_int_equal(report_of(runtime).totals.pressure_collections, 0);
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    zvm_report_counters after = report_of(runtime).totals;
    assert_int_equal(after.pressure_collections, 1);
    assert_true(after.collections >= 1);
    assert_int_equal(pooled_integers(runtime), 0);
    if (!ZHEAP_STRESS) assert_true(after.heap_current_bytes < held / 4);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_runtime_pressure_wrong_arguments_are_told(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    assert_int_equal(zvm_runtime_pressure(NULL, ZVM_PRESSURE_LOW), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_pressure(runtime, (zvm_pressure)4), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_pressure(runtime, ZVM_PRESSURE_NONE), ZVM_OK);
    zvm_runtime_destroy(runtime);
}

// Workers go on while a thread of the host presses all the time.
static void test_runtime_pressure_from_another_thread_changes_no_result(void **state)
{
    (void)state;
    enum { ISOLATES = ZHEAP_STRESS ? 4 : 40 };
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile(runtime, "let l = []\n"
                                      "for each i in range(8000) { l.push(\"t${i}\")\n"
                                      " if i % 100 == 0 { l = [] } }\nlet n = l.len()\n");
    zvm_isolate *isolates[ISOLATES];
    for (int i = 0; i < ISOLATES; i++) {
        isolates[i] = make_isolate(runtime, code, NULL);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    for (int i = 0; report_of(runtime).isolates_in_flight > 0; i++)
        assert_int_equal(zvm_runtime_pressure(runtime, (zvm_pressure)(i % 4)), ZVM_OK);
    for (int i = 0; i < ISOLATES; i++) {
        zvm_value value;
        assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
        assert_int_equal(result_of(isolates[i]).status, ZVM_OK);
        assert_int_equal(zvm_isolate_get_global(isolates[i], "n", &value), ZVM_OK);
        assert_int_equal(value.integer, 99);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    assert_true(report_of(runtime).totals.pressure_collections > 0);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growth_under_each_level_is_scaled_within_bounds),
        cmocka_unit_test(test_high_pressure_clears_and_collects_once_a_call),
        cmocka_unit_test(test_low_pressure_and_its_end_collect_nothing),
        cmocka_unit_test(test_heap_made_under_pressure_answers_only_the_next_call),
        cmocka_unit_test(test_given_back_memory_leaves_the_process),
        cmocka_unit_test(test_runtime_pressure_clears_pools_and_returns_memory),
        cmocka_unit_test(test_runtime_pressure_wrong_arguments_are_told),
        cmocka_unit_test(test_runtime_pressure_from_another_thread_changes_no_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
