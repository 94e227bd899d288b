// Goal: any thread reads figures of a runtime at any time, and nobody ever waits for it.
// Method: what a reader could make a worker wait for is a lock, so this program's own pthread_mutex_lock
// stands in front of the C library's and counts those that a reader takes: none. And a reader that
// stops in the middle of writing a report stays there until thousands of isolates have been made, run
// and destroyed. Under a sanitizer, which has locks of its own in that place, nothing is counted.
#include "runtime_fixture.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define HAS_OWN_LOCKS 0
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#        define HAS_OWN_LOCKS 0
#    endif
#endif
#ifndef HAS_OWN_LOCKS
#    define HAS_OWN_LOCKS 1
#endif

// ---- Locks that a reader takes ------------------------------------------------------------------

static _Thread_local bool is_reading;
static _Thread_local uint32_t locks_while_reading;

#if HAS_OWN_LOCKS

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    union {
        void *symbol;
        int (*call)(pthread_mutex_t *);
    } next = {.symbol = dlsym(RTLD_NEXT, "pthread_mutex_lock")};
    if (is_reading) locks_while_reading++;
    return next.call(mutex);
}

static void test_lock_that_a_reader_takes_would_be_counted(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, "let a = 1\n");
    is_reading = true;
    zvm_isolate *isolate =
        make_isolate(runtime, code, NULL); // takes the lock of the list of isolates
    is_reading = false;
    assert_true(locks_while_reading > 0);
    locks_while_reading = 0;
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

#endif

// ---- Everything that reads ----------------------------------------------------------------------

enum { TOP = 20 };

struct text {
    char *bytes;
    size_t length;
};

static bool append(void *context, const char *text, size_t length_bytes)
{
    struct text *out = context;
    char *grown = realloc(out->bytes, out->length + length_bytes + 1);
    if (grown == NULL) return false;
    memcpy(grown + out->length, text, length_bytes);
    out->length += length_bytes;
    grown[out->length] = '\0';
    out->bytes = grown;
    return true;
}

static void read_report(zvm_runtime *runtime, zvm_report_format format)
{
    struct text text = {NULL, 0};
    zvm_report_options options = ZVM_REPORT_OPTIONS_INIT;
    options.top_count = TOP;
    assert_int_equal(zvm_report_write_with(runtime, format, &options, append, &text), ZVM_OK);
    assert_true(text.length > 1000);
    assert_int_equal(text.bytes[text.length - 1], '\n');
    free(text.bytes);
}

static void read_top(zvm_runtime *runtime, zvm_top_order order)
{
    zvm_top_isolate rows[TOP];
    uint32_t count = TOP;
    assert_int_equal(zvm_report_top(runtime, order, rows, &count), ZVM_OK);
    assert_true(count <= TOP);
}

static void read_everything(zvm_runtime *runtime)
{
    is_reading = true;
    zvm_report report = ZVM_REPORT_INIT;
    assert_int_equal(zvm_report_take(runtime, &report), ZVM_OK);
    zvm_intern_figures figures = ZVM_INTERN_FIGURES_INIT;
    assert_int_equal(zvm_intern_stats(runtime, &figures), ZVM_OK);
    for (int order = ZVM_TOP_HEAP; order <= ZVM_TOP_AGE; order++)
        read_top(runtime, (zvm_top_order)order);
    for (int format = ZVM_REPORT_TEXT; format <= ZVM_REPORT_PROMETHEUS; format++)
        read_report(runtime, (zvm_report_format)format);
    is_reading = false;
}

// ---- Ten thousand that run ----------------------------------------------------------------------

enum { ISOLATES = 10000, READS = 50 };

// Allocates, so that collections run as well, and never ends by itself.
static const char BUSY[] =
    "let kept = []\n"
    "while true { kept.push(\"item ${kept.len()}\"); if kept.len() > 50 { kept = [] } }\n";

static void destroy_finished(zvm_isolate *isolate, void *user)
{
    (void)user;
    zvm_isolate_destroy(isolate);
}

static void submit_busy(zvm_runtime *runtime, zvm_code *code, int count)
{
    for (int i = 0; i < count; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        options.on_finish = destroy_finished;
        assert_int_equal(zvm_isolate_submit(make_isolate(runtime, code, &options)), ZVM_OK);
    }
}

static uint64_t process_cpu_ns(void)
{
    struct timespec time;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static void test_readers_of_ten_thousand_running_isolates_take_no_lock(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile(runtime, BUSY);
    submit_busy(runtime, code, ISOLATES);
    for (int i = 0; i < READS; i++)
        read_everything(runtime);
    assert_int_equal(locks_while_reading, 0); // so workers waited 0 times for a reader
    zvm_report report = report_of(runtime);
    assert_int_equal(report.isolates_in_flight, ISOLATES);
    uint64_t before_ns = process_cpu_ns();
    assert_int_equal(zvm_runtime_shutdown(runtime, true /* cancel */), ZVM_OK);
    // They are ended within a second, on any machine that lets this process run.
    if (HAS_OWN_LOCKS) assert_true(process_cpu_ns() - before_ns < UINT64_C(1000000000));
    assert_int_equal(report_of(runtime).totals.failed_cancelled, ISOLATES);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void *read_all_the_time(void *context)
{
    zvm_runtime *runtime = context;
    for (int i = 0; i < READS; i++)
        read_everything(runtime);
    return (void *)(uintptr_t)locks_while_reading;
}

static void test_several_readers_and_isolates_that_come_and_go(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile(runtime, "let l = range(200).map(x => \"n${x}\")\n");
    pthread_t readers[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, runtime), 0);
    submit_busy(runtime, code, 3000);
    for (int i = 0; i < 2; i++) {
        void *locks;
        pthread_join(readers[i], &locks);
        assert_null(locks);
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(report_of(runtime).totals.isolates_destroyed, 3000);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- A reader that stops ------------------------------------------------------------------------

static bool stop_at_gate(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    gate_pass(context);
    return true;
}

struct stopped_reader {
    zvm_runtime *runtime;
    struct gate gate;
};

static void *write_to_gate(void *context)
{
    struct stopped_reader *reader = context;
    zvm_status status =
        zvm_report_write(reader->runtime, ZVM_REPORT_JSON, stop_at_gate, &reader->gate);
    return (void *)(uintptr_t)status;
}

static void test_reader_that_stops_in_the_middle_stops_nobody(void **state)
{
    (void)state;
    struct stopped_reader reader = {.runtime = make_runtime(2), .gate = GATE_INIT};
    zvm_code *code = compile(reader.runtime, "let l = range(50).map(x => \"n${x}\")\n");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_to_gate, &reader), 0);
    gate_await(&reader.gate, 1);
    submit_busy(reader.runtime, code, 2000);
    assert_int_equal(zvm_runtime_drain(reader.runtime), ZVM_OK);
    assert_int_equal(report_of(reader.runtime).totals.isolates_succeeded, 2000);
    gate_open(&reader.gate);
    void *status;
    pthread_join(thread, &status);
    assert_int_equal((int)(uintptr_t)status, ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(reader.runtime);
}

// ---- What it says -------------------------------------------------------------------------------

static void test_top_lists_isolates_as_they_are(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let l = []\nlet i = 0\nwhile true { i += 1\n"
                                      "if i % 10 == 0 { l.push(\"text ${i}\") } }\n");
    zvm_isolate *isolates[5];
    for (int i = 0; i < 5; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = 100 + i;
        isolates[i] = make_isolate(runtime, code, &options);
        bool finished;
        // Of later ones more has run, but for the one in the middle.
        uint64_t budget = i == 2 ? 1000000 : 10000 * (uint64_t)(i + 1);
        assert_int_equal(zvm_isolate_run(isolates[i], budget, &finished), ZVM_OK);
    }
    zvm_top_isolate rows[8];
    uint32_t count = 8;
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_FUEL, rows, &count), ZVM_OK);
    assert_int_equal(count, 5);
    const int64_t by_fuel[] = {102, 104, 103, 101, 100};
    for (int i = 0; i < 5; i++)
        assert_int_equal(rows[i].id, by_fuel[i]);
#ifndef ZVM_GC_STRESS
    assert_true(rows[0].fuel_used > 500000); // the budget pays for collections, too
#endif
    assert_true(rows[0].slices >= 15);       // 32,768 of fuel each
    assert_true(rows[0].live_bytes > rows[4].live_bytes);
    assert_true(rows[0].age_ns >= rows[0].figures_age_ns);
    count = 2;
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_AGE, rows, &count), ZVM_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, 100);
    assert_int_equal(rows[1].id, 101);
    count = 1;
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_HEAP, rows, &count), ZVM_OK);
    assert_int_equal(rows[0].id, 102);
    assert_int_equal(zvm_isolate_destroy(isolates[2]), ZVM_OK);
    count = 8;
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_HEAP, rows, &count), ZVM_OK);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < count; i++)
        assert_int_not_equal(rows[i].id, 102);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_top_of_nothing_and_wrong_calls(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_top_isolate row;
    uint32_t count = 1;
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_AGE, &row, &count), ZVM_OK);
    assert_int_equal(count, 0);
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_AGE, &row, &count), ZVM_OK); // room for none
    assert_int_equal(zvm_report_top(NULL, ZVM_TOP_AGE, &row, &count), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_AGE, NULL, &count), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_AGE, &row, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_top(runtime, (zvm_top_order)3, &row, &count), ZVM_E_ARGUMENT);
    count = ZVM_TOP_MAX + 1;
    assert_int_equal(zvm_report_top(runtime, ZVM_TOP_AGE, &row, &count), ZVM_E_ARGUMENT);

    struct text text = {NULL, 0};
    zvm_report_options options = ZVM_REPORT_OPTIONS_INIT;
    options.top_count = ZVM_TOP_MAX;
    assert_int_equal(zvm_report_write_with(runtime, ZVM_REPORT_JSON, &options, append, &text),
                     ZVM_OK);
    assert_non_null(strstr(text.bytes, "\"isolates_seen\": 0"));
    free(text.bytes);
    text = (struct text){NULL, 0};
    assert_int_equal(zvm_report_write_with(runtime, ZVM_REPORT_JSON, NULL, append, &text), ZVM_OK);
    assert_null(strstr(text.bytes, "\"top\""));
    free(text.bytes);
    options.top_count = ZVM_TOP_MAX + 1;
    assert_int_equal(zvm_report_write_with(runtime, ZVM_REPORT_JSON, &options, append, &text),
                     ZVM_E_ARGUMENT);
    options.size = 1;
    assert_int_equal(zvm_report_write_with(runtime, ZVM_REPORT_JSON, &options, append, &text),
                     ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_write_with(NULL, ZVM_REPORT_JSON, NULL, append, &text),
                     ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_write_with(runtime, ZVM_REPORT_JSON, NULL, NULL, &text),
                     ZVM_E_ARGUMENT);
    zvm_runtime_destroy(runtime);
}

static uint64_t sum(const uint64_t *counts)
{
    uint64_t total = 0;
    for (int i = 0; i < ZVM_REPORT_BUCKETS; i++)
        total += counts[i];
    return total;
}

// Runs a program to its end and gives the report of that.
static zvm_report report_after(const char *text, zvm_gc_mode mode, size_t limit_bytes)
{
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, text);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.gc_mode = mode;
    options.heap_limit_bytes = limit_bytes;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    zvm_report report = report_of(runtime);
    const zvm_report_counters *c = &report.totals;
    assert_int_equal(c->collections, result.collections);
    assert_int_equal(c->minor_collections, result.minor_collections);
    assert_int_equal(c->incremental_collections, result.incremental_collections);
    assert_int_equal(c->gc_slices, result.gc_slices);
    assert_int_equal(c->collections,
                     c->full_collections + c->incremental_collections + c->minor_collections);
    assert_int_equal(sum(report.slices), c->slices);
    assert_true(c->emergency_collections <= c->full_collections);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return report;
}

#ifdef ZVM_GC_STRESS // a collection at each allocation
#    define KEPT   "1500"
#    define ROUNDS "500"
#else
#    define KEPT   "100000"
#    define ROUNDS "300000"
#endif

static const char CHURN[] =
    "let kept = range(" KEPT ").map(x => \"kept ${x}\")\n"
    "let i = 0\nwhile i < " ROUNDS " { let t = [i, i + 1]; kept[i % 1000] = t; i += 1 }\n";

static void test_report_counts_collections_by_kind(void **state)
{
    (void)state;
    zvm_report full = report_after(CHURN, ZVM_GC_FULL, 0);
    assert_true(full.totals.full_collections > 0);
    assert_int_equal(full.totals.full_collections, full.totals.collections);
    assert_true(full.totals.gc_words > 100000); // what is kept, at least once
    assert_true(sum(full.pauses) > 0);
    zvm_report incremental = report_after(CHURN, ZVM_GC_INCREMENTAL, 0);
    assert_true(incremental.totals.gc_slices > 0 ||
                incremental.totals.incremental_collections == 0);
    zvm_report minor = report_after(CHURN, ZVM_GC_GENERATIONAL, 0);
    assert_true(minor.totals.minor_collections > 0);
    // Strings of numbers are in its pool, which is given up.
    zvm_report limit =
        report_after("let l = []\nlet i = 0\n"
                     "while true { i += 1; l.push(str(i % 5000)); l.push(\"x\" + str(i)) }\n",
                     ZVM_GC_AUTO, 300000);
    assert_int_equal(limit.totals.failed_heap_limit, 1);
    assert_true(limit.totals.full_collections > 0);
    assert_true(limit.totals.emergency_collections > 0); // its pools were given up
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if HAS_OWN_LOCKS
        cmocka_unit_test(test_lock_that_a_reader_takes_would_be_counted),
#endif
        cmocka_unit_test(test_readers_of_ten_thousand_running_isolates_take_no_lock),
        cmocka_unit_test(test_several_readers_and_isolates_that_come_and_go),
        cmocka_unit_test(test_reader_that_stops_in_the_middle_stops_nobody),
        cmocka_unit_test(test_top_lists_isolates_as_they_are),
        cmocka_unit_test(test_top_of_nothing_and_wrong_calls),
        cmocka_unit_test(test_report_counts_collections_by_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
