// Goal: the pools of an isolate are never seen by its program: output, result and fuel are the same
// for all sizes and slices; the figures reach the report, and a pool that is off says so.
// Method: programs through zvm.h, with sizes of 0, 1, 2, the defaults and more, in one slice and in
// many, collecting now and then and at each allocation.
#include "runtime_fixture.h"

#include <stdlib.h>

// Integers as text again and again and anew, keys that die and come again, lists that grow.
static const char PROGRAM[] =
    "let total = 0\n"
    "let last = []\n"
    "let keys = {}\n"
    "for each i in range(300) {\n"
    "    let list = []\n"
    "    for each j in range(i % 20) { list.push(i * j) }\n"
    "    if (i % 3 == 0) { list.push(\"any\") }\n"
    "    let seen = {}\n"
    "    for each j in range(8) { seen[\"key ${(i + j) % 40}\"] = string(1000 + i % 50) }\n"
    "    keys[\"kept ${i % 11}\"] = string(i * 1000 - 150000)\n"
    "    total = total + list.len() + seen.len() + string(i - 150).len()\n"
    "    last = list\n"
    "}\n"
    "print(total, last, keys)\n"
    "print(string(-128), string(-129), string(256), string(257), 1010, [1010, -5])\n";

struct text {
    char bytes[4096];
    size_t length;
};

static bool take(void *context, const char *bytes, size_t length)
{
    struct text *text = context;
    if (length > sizeof text->bytes - text->length) return false;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    return true;
}

struct setting {
    uint32_t size;
    uint64_t budget, threshold_count;
};

static uint64_t run_with(zvm_runtime *runtime, zvm_code *code, const struct setting *setting,
                         struct text *text)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.int_pool_size = options.str_pool_size = options.list_pool_size = setting->size;
    options.gc_threshold_count = setting->threshold_count;
    options.output = take;
    options.output_context = text;
    text->length = 0;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    for (bool finished = false; !finished;)
        assert_int_equal(zvm_isolate_run(isolate, setting->budget, &finished), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    return result.fuel_used;
}

static void test_output_and_fuel_do_not_depend_on_pools_or_slices(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, PROGRAM);
    static struct text first, other;
    uint64_t fuel =
        run_with(runtime, code, &(struct setting){.size = ZVM_POOL_OFF, .budget = 0}, &first);
    assert_true(first.length > 100);
    const uint32_t sizes[] = {ZVM_POOL_OFF, 1, 2, 7, 0, 100, 5000};
    const uint64_t budgets[] = {0, 1000, 37};
    const uint64_t thresholds[] = {0, 100, 3};
    for (int i = 0; i < 7 * 3; i++) {
        struct setting setting = {sizes[i / 3], budgets[i % 3], thresholds[(i + i / 3) % 3]};
        assert_int_equal(run_with(runtime, code, &setting, &other), fuel);
        assert_int_equal(other.length, first.length);
        assert_memory_equal(other.bytes, first.bytes, first.length);
    }
    zvm_code_release(code);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

// ---- Reports ------------------------------------------------------------------------------------

static uint64_t figure(const char *report, const char *family, const char *pool)
{
    char line[80];
    snprintf(line, sizeof line, "\n%s{pool=\"%s\"} ", family, pool);
    const char *found = strstr(report, line);
    assert_non_null(found);
    return strtoull(found + strlen(line), NULL, 10);
}

struct long_text {
    char bytes[1 << 16];
    size_t length;
};

static bool take_long(void *context, const char *bytes, size_t length)
{
    struct long_text *text = context;
    if (length >= sizeof text->bytes - text->length) return false;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
    return true;
}

static void test_report_has_the_figures_of_all_isolates(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, PROGRAM);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.list_pool_size = 10;
    options.gc_threshold_count = 400;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    static struct long_text live, gone;
    live.length = gone.length = 0;
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_report_write(runtime, ZVM_REPORT_PROMETHEUS, take_long, &live), ZVM_OK);
    const char *const pools[] = {"int", "string", "list"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(figure(live.bytes, "zvm_pool_enabled", pools[i]), 1);
        assert_true(figure(live.bytes, "zvm_pool_misses_total", pools[i]) > 0);
#if !defined(ZVM_GC_STRESS)
        assert_true(figure(live.bytes, "zvm_pool_hits_total", pools[i]) > 0);
#endif
    }
    assert_true(figure(live.bytes, "zvm_pool_size", "int") > 0);
    zvm_isolate_destroy(isolate);
    assert_int_equal(zvm_report_write(runtime, ZVM_REPORT_PROMETHEUS, take_long, &gone), ZVM_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(figure(gone.bytes, "zvm_pool_size", pools[i]), 0);
        assert_int_equal(figure(gone.bytes, "zvm_pool_hits_total", pools[i]),
                         figure(live.bytes, "zvm_pool_hits_total", pools[i]));
    }
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_pools_that_are_off_count_nothing_and_say_so(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, PROGRAM);
    static struct text text;
    (void)run_with(runtime, code, &(struct setting){ZVM_POOL_OFF, 0, 0}, &text);
    static struct long_text report;
    report.length = 0;
    assert_int_equal(zvm_report_write(runtime, ZVM_REPORT_TEXT, take_long, &report), ZVM_OK);
    const char *const rows[] = {"\n  int      disabled\n", "\n  string   disabled\n",
                                "\n  list     disabled\n"};
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(report.bytes, rows[i]));
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Memory -------------------------------------------------------------------------------------

static void test_isolate_that_uses_no_pool_has_none(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "print(1, string(7), [1, 2, 3])\n");
    uint64_t peaks[2];
    for (int i = 0; i < 2; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.int_pool_size = options.list_pool_size = i == 0 ? ZVM_POOL_OFF : 1000;
        zvm_isolate *isolate = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        peaks[i] = result_of(isolate).heap_peak_bytes;
        zvm_isolate_destroy(isolate);
    }
    assert_int_equal(peaks[0], peaks[1]);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// What is kept for reuse gives way: as much fits as without pools.
static void test_pools_give_way_at_the_limit(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code =
        compile(runtime, "let n = 0\n"
                         "for each i in range(900) { n = n + string(1000 + i).len() }\n"
                         "let kept = []\n"
                         "try {\n"
                         "    while true { kept.push([1, 2, 3, 4, 5, 6, 7, 8]) }\n"
                         "} catch (e) { }\n"
                         "let got = kept.len()\n");
    int64_t got[2];
    for (int i = 0; i < 2; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.heap_limit_bytes = 1 << 20;
        if (i == 0) options.int_pool_size = ZVM_POOL_OFF;
        zvm_isolate *isolate = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        assert_int_equal(result_of(isolate).status, ZVM_OK);
        zvm_value value;
        assert_int_equal(zvm_isolate_get_global(isolate, "got", &value), ZVM_OK);
        got[i] = value.integer;
        zvm_isolate_destroy(isolate);
    }
    assert_true(got[0] > 1000);
    assert_true(got[1] >= got[0] - got[0] / 50); // the set itself, and where its texts lay
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_keys_that_are_pooled_do_not_count_against_the_limit(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code =
        compile(runtime, "for each i in range(2000) {\n"
                         "    let map = {}\n"
                         "    for each j in range(50) { map[\"k ${i * 50 + j}\"] = j }\n"
                         "}\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.intern_limit_count = 110; // two maps, and what the top level has
    options.gc_threshold_count = 300;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_sizes_that_there_are_not_are_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "print(1)\n");
    zvm_isolate *isolate = NULL;
    for (int i = 0; i < 3; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        uint32_t *const sizes[] = {&options.int_pool_size, &options.str_pool_size,
                                   &options.list_pool_size};
        *sizes[i] = ZVM_POOL_SIZE_MAX + 1;
        assert_int_equal(zvm_isolate_create(runtime, code, &options, &isolate), ZVM_E_ARGUMENT);
        *sizes[i] = ZVM_POOL_SIZE_MAX;
        assert_int_equal(zvm_isolate_create(runtime, code, &options, &isolate), ZVM_OK);
        zvm_isolate_destroy(isolate);
    }
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_fuel_do_not_depend_on_pools_or_slices),
        cmocka_unit_test(test_report_has_the_figures_of_all_isolates),
        cmocka_unit_test(test_pools_that_are_off_count_nothing_and_say_so),
        cmocka_unit_test(test_isolate_that_uses_no_pool_has_none),
        cmocka_unit_test(test_pools_give_way_at_the_limit),
        cmocka_unit_test(test_keys_that_are_pooled_do_not_count_against_the_limit),
        cmocka_unit_test(test_sizes_that_there_are_not_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
