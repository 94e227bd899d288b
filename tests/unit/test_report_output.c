// Goal: the three forms of a report say exactly what the view holds, the JSON one by the schema in
// docs/, the Prometheus one by that format's grammar, and a reader that refuses is told so.
// Method: a view of known figures written in each form. The JSON text goes to tests/report/validate.py;
// the others are searched for the lines that they must have. Run in the root of the tree.
#include "report/report.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "pool/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Two workers and the host; every counter of each row is different.
struct fixture {
    struct zreport_view view;
    struct zreport_snapshot rows[3];
    struct zreport_pool pools[ZPOOL_KIND_COUNT];
    zvm_top_isolate tops[ZREPORT_TOP_ORDERS][2];
};

// The integers do not pay, the strings do, the lists are off in every isolate.
static void fill_pools(struct zreport_snapshot *totals)
{
    uint64_t *ints = totals->pools[ZPOOL_INT], *strings = totals->pools[ZPOOL_STRING];
    ints[ZREPORT_POOL_HITS] = 100;
    ints[ZREPORT_POOL_MISSES] = ints[ZREPORT_POOL_ALLOCATIONS] = 1900;
    strings[ZREPORT_POOL_HITS] = 600;
    strings[ZREPORT_POOL_MISSES] = strings[ZREPORT_POOL_ALLOCATIONS] = 400;
    strings[ZREPORT_POOL_RELEASES] = 100;
    strings[ZREPORT_POOL_KEPT] = 30;
    strings[ZREPORT_POOL_DROPPED] = 10;
    totals->pools[ZPOOL_LIST][ZREPORT_POOL_OFF] = totals->counters[ZREPORT_isolates_created];
}

static void fill(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    for (uint64_t row = 0; row < 3; row++) {
        struct zreport_snapshot *snapshot = &fixture->rows[row];
        for (uint64_t i = 0; i < ZREPORT_COUNTER_COUNT; i++)
            snapshot->counters[i] = (row + 1) * 1000 + i;
        uint64_t failed = 0;
        for (int i = ZREPORT_failed_error; i <= ZREPORT_failed_other; i++)
            failed += snapshot->counters[i];
        snapshot->counters[ZREPORT_isolates_finished] =
            failed + snapshot->counters[ZREPORT_isolates_succeeded];
        snapshot->counters[ZREPORT_heap_grown_bytes] = 5000000;
        snapshot->pauses[100] = row + 1;
        snapshot->is_asleep = row == 1;
        snapshot->updated_ns = 900;
        zreport_merge(&fixture->view.totals, snapshot);
    }
    fill_pools(&fixture->view.totals);
    zpool_report(&fixture->view.totals, fixture->pools);
    fixture->view.workers = fixture->rows;
    fixture->view.worker_count = 2;
    fixture->view.wall_ns = 1234567890;
    fixture->view.now_ns = 1000;
    fixture->view.isolates_in_flight = 17;
    fixture->view.heap_peak_bytes = 3 << 20;
    fixture->view.mapped_bytes = 8 << 20;
    fixture->view.shared_count = 3;
    fixture->view.shared_bytes = 300000;
    fixture->view.shared_charged_bytes = 900000;
    fixture->view.intern_count = 42;
    fixture->view.intern_bytes = 2048;
    fixture->view.intern_hits = 3;
    fixture->view.intern_misses = 1;
    fixture->view.intern_limit_count = UINT64_MAX;
    fixture->view.intern_limit_bytes = 1 << 30;
    fixture->view.intern_dead = 5;
    fixture->view.intern_pending = 6;
    fixture->view.intern_migrations = 7;
    fixture->view.intern_cells = 256;
    fixture->view.intern_load_percent = 16;
    fixture->view.intern_probe_p50 = 1;
    fixture->view.intern_probe_max = 9;
    fixture->view.figures_age_ns = 1500000;
    fixture->view.pools = fixture->pools;
    fixture->view.pool_count = ZPOOL_KIND_COUNT;
}

// Two isolates are listed of the ten that were seen; -7 uses most of everything.
static void list_isolates(struct fixture *fixture)
{
    for (int order = 0; order < ZREPORT_TOP_ORDERS; order++) {
        fixture->tops[order][0] =
            (zvm_top_isolate){-7, 5000000000, 3000, 1 << 20, 4096, 1234567, 40};
        fixture->tops[order][1] = (zvm_top_isolate){8, 4000, 2000, 2048, 16, 5, 1};
        fixture->view.tops[order] = fixture->tops[order];
    }
    fixture->view.top_count = 2;
    fixture->view.top_of = 10;
}

static bool collect(void *context, const char *text, size_t length_bytes)
{
    zstrbuf_add(context, text, length_bytes);
    return true;
}

static void write_form(const struct fixture *fixture, zvm_report_format format, struct zstrbuf *out)
{
    zstrbuf_init(out);
    assert_int_equal(zreport_write(&fixture->view, format, collect, out), ZVM_OK);
    assert_true(out->length > 0);
    assert_int_equal(zstrbuf_text(out)[out->length - 1], '\n');
}

static void assert_has(const struct zstrbuf *text, const char *part)
{
    if (strstr(zstrbuf_text(text), part) == NULL) fail_msg("not found: %s", part);
}

// ---- JSON ---------------------------------------------------------------------------------------

static bool has_python(void)
{
    return system("python3 -c pass >/dev/null 2>&1") == 0;
}

static void check_schema(const struct fixture *fixture)
{
    struct zstrbuf text;
    write_form(fixture, ZVM_REPORT_JSON, &text);
    char path[] = "/tmp/zvm-report-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text.data, text.length), (ssize_t)text.length);
    close(file);
    char command[256];
    snprintf(command, sizeof command,
             "python3 tests/report/validate.py docs/zvm-report.schema.json %s", path);
    int result = system(command);
    unlink(path);
    assert_int_equal(result, 0);
    zstrbuf_deinit(&text);
}

static void test_json_follows_its_schema_and_adds_up(void **state)
{
    (void)state;
    if (!has_python() || access("docs/zvm-report.schema.json", R_OK) != 0) skip();
    struct fixture fixture;
    fill(&fixture);
    check_schema(&fixture);
    list_isolates(&fixture);
    check_schema(&fixture);
}

static void test_json_says_each_figure_of_the_view(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    write_form(&fixture, ZVM_REPORT_JSON, &text);
    assert_has(&text, "\"schema\": \"zvm.report/1\"");
    assert_has(&text, "\"wall_ns\": 1234567890");
    assert_has(&text, "\"isolates_in_flight\": 17");
    assert_has(&text, "\"isolates_created\": 1000");
    assert_has(&text, "\"isolates_created\": 2000");
    assert_has(&text, "\"isolates_created\": 3000");
    assert_has(&text, "\"isolates_created\": 6000");
    assert_has(&text, "\"heap_peak_bytes\": 3145728");
    assert_has(&text, "\"shared_strings_count\": 3");
    assert_has(&text, "\"shared_strings_bytes\": 300000");
    assert_has(&text, "\"shared_strings_charged_bytes\": 900000");
    assert_has(&text, "\"limit_count\": 18446744073709551615"); // all 64 bits
    assert_has(&text, "\"age_ns\": 100");
    assert_has(&text, "\"figures_age_ns\": 1500000");
    assert_has(&text, "\"is_asleep\": true");
    assert_has(&text,
               "\"to_ns\": 32767,\n        \"count\": 6\n"); // bucket 100: 24,576 to 26,623 ns
    assert_null(strstr(zstrbuf_text(&text), "\"top\""));
    assert_has(&text, "\"enabled\": false");
    assert_has(&text, "\"hit_percent\": 60.0");
    assert_has(&text, "\"reuse_percent\": 25.0");
    assert_has(&text, "\"pays\": false");
    zstrbuf_deinit(&text);
}

static void test_json_lists_isolates_when_it_has_them(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    list_isolates(&fixture);
    write_form(&fixture, ZVM_REPORT_JSON, &text);
    assert_has(&text, "\"isolates_seen\": 10");
    assert_has(&text,
               "\"by_heap\": [\n      {\n        \"id\": -7,\n        \"heap_bytes\": 1048576,");
    assert_has(&text, "\"by_fuel\": [");
    assert_has(&text, "\"by_age\": [");
    assert_has(&text, "\"figures_age_ns\": 3000");
    zstrbuf_deinit(&text);
}

// ---- Prometheus ---------------------------------------------------------------------------------

static bool is_name_char(char c, bool is_first)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    return is_letter || (!is_first && c >= '0' && c <= '9');
}

// NAME{LABEL="VALUE"} NUMBER, or without the labels.
static bool is_sample(const char *line)
{
    if (!is_name_char(*line, true)) return false;
    while (is_name_char(*line, false))
        line++;
    if (*line == '{') {
        line = strchr(line, '}');
        if (line == NULL) return false;
        line++;
    }
    if (*line++ != ' ') return false;
    size_t length = strspn(line, "0123456789.");
    return length > 0 && line[length] == '\0';
}

static void test_prometheus_is_help_type_and_samples_only(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    write_form(&fixture, ZVM_REPORT_PROMETHEUS, &text);
    char *rest = text.data, *line;
    int families = 0;
    while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
        if (strncmp(line, "# HELP zvm_", 11) == 0) {
            families++;
            char *type = strsep(&rest, "\n");
            assert_int_equal(strncmp(type, "# TYPE zvm_", 11), 0);
            size_t name = strcspn(line + 7, " ");
            assert_int_equal(strncmp(line + 7, type + 7, name + 1), 0); // of the same family
            continue;
        }
        if (!is_sample(line)) fail_msg("not a sample: %s", line);
    }
    assert_true(families > 30);
    zstrbuf_deinit(&text);
}

static void test_prometheus_has_the_documented_families(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    write_form(&fixture, ZVM_REPORT_PROMETHEUS, &text);
    assert_has(&text, "zvm_build_info{version=\"" ZVM_VERSION_STRING "\"} 1\n");
    assert_has(&text, "\nzvm_uptime_seconds 1.234567890\n");
    assert_has(&text, "\nzvm_vms{state=\"in_flight\"} 17\n");
    assert_has(&text, "\nzvm_heap_peak_bytes 3145728\n");
    assert_has(&text, "\nzvm_shared_strings 3\n");
    assert_has(&text, "\nzvm_shared_strings_bytes 300000\n");
    assert_has(&text, "\nzvm_shared_strings_charged_bytes 900000\n");
    assert_has(&text, "\nzvm_intern_entries 42\n");
    assert_has(&text, "\nzvm_intern_bytes 2048\n");
    assert_has(&text, "\nzvm_intern_dead 5\n");
    assert_has(&text, "\nzvm_intern_pending 6\n");
    assert_has(&text, "\nzvm_intern_migrations_total 7\n");
    assert_has(&text, "\nzvm_intern_cells 256\n");
    assert_has(&text, "\nzvm_intern_load_percent 16\n");
    assert_has(&text, "\nzvm_intern_probe_p50 1\n");
    assert_has(&text, "\nzvm_intern_probe_max 9\n");
    assert_has(&text, "\nzvm_pool_hits_total{pool=\"string\"} 600\n");
    assert_has(&text, "\nzvm_pool_size{pool=\"string\"} 20\n");
    assert_has(&text, "\nzvm_pool_enabled{pool=\"list\"} 0\n");
    assert_has(&text, "\nzvm_pool_enabled{pool=\"int\"} 1\n");
    char line[80];
    snprintf(line, sizeof line, "\nzvm_gc_collections_total{worker=\"host\"} %d\n",
             3000 + ZREPORT_collections);
    assert_has(&text, line);
    snprintf(line, sizeof line, "\nzvm_gc_collections_total{worker=\"1\"} %d\n",
             2000 + ZREPORT_collections);
    assert_has(&text, line);
    assert_has(&text, "\nzvm_report_age_seconds 0.001500000\n");
    snprintf(line, sizeof line, "\nzvm_gc_cycles_total{kind=\"incremental\"} %d\n",
             6000 + 3 * ZREPORT_incremental_collections);
    assert_has(&text, line);
    snprintf(line, sizeof line, "\nzvm_gc_emergency_collections_total{worker=\"0\"} %d\n",
             1000 + ZREPORT_emergency_collections);
    assert_has(&text, line);
    assert_has(&text, "\nzvm_vm_kills_total{reason=\"error\"} 6012\n");
    snprintf(line, sizeof line, "\nzvm_cpu_seconds_total{worker=\"0\"} 0.00000%d\n",
             1000 + ZREPORT_cpu_ns);
    assert_has(&text, line);
    zstrbuf_deinit(&text);
}

static void test_prometheus_histogram_is_cumulative_and_complete(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    memset(fixture.view.totals.pauses, 0, sizeof fixture.view.totals.pauses);
    struct zreport_block block;
    memset(&block, 0, sizeof block);
    zreport_begin(&block);
    zreport_pause(&block, 1);
    zreport_pause(&block, 1023);
    zreport_pause(&block, 1024);
    zreport_pause(&block, 4095);
    zreport_pause(&block, UINT64_C(5000000000));
    zreport_end(&block, 1);
    zreport_read(&block, &fixture.view.totals);
    write_form(&fixture, ZVM_REPORT_PROMETHEUS, &text);
    assert_has(&text, "zvm_gc_pause_seconds_bucket{le=\"0.000001023\"} 2\n");
    assert_has(&text, "zvm_gc_pause_seconds_bucket{le=\"0.000004095\"} 4\n");
    assert_has(&text, "zvm_gc_pause_seconds_bucket{le=\"1.073741823\"} 4\n");
    assert_has(&text, "zvm_gc_pause_seconds_bucket{le=\"+Inf\"} 5\n");
    assert_has(&text, "zvm_gc_pause_seconds_count 5\n");
    assert_has(&text, "zvm_gc_pause_seconds_sum 5.000006143\n");
    zstrbuf_deinit(&text);
}

// ---- Text ---------------------------------------------------------------------------------------

static void test_text_has_units_and_thousands_separators(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    fixture.view.totals.counters[ZREPORT_isolates_created] = 1234567;
    write_form(&fixture, ZVM_REPORT_TEXT, &text);
    assert_has(&text, "report: 2 workers, 1.235 s wall");
    assert_has(&text, "1,234,567\n");
    assert_has(&text, "3.0 MiB\n");
    assert_has(&text, "293.0 KiB  in 3, of current 878.9 KiB\n");
    assert_has(&text, "18,446,744,073,709,551,615\n");
    assert_has(&text, "75.0% found\n");
    assert_has(&text, "out of fuel");
    assert_has(&text, "17 in flight; figures at most 1.50 ms old\n");
    assert_has(&text, "\n  32.8 us                        6             0\n");
    assert_has(&text, "    asleep\n");
    assert_null(strstr(zstrbuf_text(&text), "Isolates by"));
    assert_has(&text, "\n  host ");
    assert_has(&text, "\n  total ");
    assert_has(&text, "  list     disabled\n");
    assert_has(&text, "1,900     5.0%         1,900             0             0  does not pay\n");
    assert_has(&text, "400    60.0%           400           100            20\n");
    assert_null(strstr(zstrbuf_text(&text), " \n")); // nothing hangs over
    zstrbuf_deinit(&text);
}

static void test_text_lists_isolates_when_it_has_them(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    list_isolates(&fixture);
    write_form(&fixture, ZVM_REPORT_TEXT, &text);
    assert_has(&text, "\nIsolates by memory, 2 of 10\n");
    assert_has(&text, "\nIsolates by fuel, 2 of 10\n");
    assert_has(&text, "\nIsolates by age, 2 of 10\n");
    assert_has(
        &text,
        "  -7     1.0 MiB     4.0 KiB         1,234,567          40     5.000 s     3.00 us\n");
    zstrbuf_deinit(&text);
}

static void test_text_of_an_unused_runtime_divides_by_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    struct zreport_snapshot empty[2] = {0};
    fixture.view.workers = empty;
    fixture.view.worker_count = 1;
    fixture.view.totals = empty[0];
    fixture.view.wall_ns = 0;
    fixture.view.intern_hits = 0;
    fixture.view.intern_misses = 0;
    fixture.view.shared_count = 0;
    write_form(&fixture, ZVM_REPORT_TEXT, &text);
    assert_null(strstr(zstrbuf_text(&text), "shared strings"));
    assert_has(&text, "report: 1 worker, 0 ns wall, 0 ns CPU (- of one core)");
    assert_has(&text, "\n  none\n");
    zstrbuf_deinit(&text);
}

// ---- Refusals -----------------------------------------------------------------------------------

static bool refuse_second(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    int *calls = context;
    return ++*calls < 2;
}

static void test_refused_write_ends_the_report_with_its_status(void **state)
{
    (void)state;
    struct fixture fixture;
    fill(&fixture);
    // Enough rows for several pieces.
    static struct zreport_snapshot many[257];
    fixture.view.workers = many;
    fixture.view.worker_count = 256;
    for (int format = ZVM_REPORT_TEXT; format <= ZVM_REPORT_PROMETHEUS; format++) {
        int calls = 0;
        zvm_status status =
            zreport_write(&fixture.view, (zvm_report_format)format, refuse_second, &calls);
        assert_int_equal(status, ZVM_E_OUTPUT);
        assert_int_equal(calls, 2); // never asked again
    }
}

static void test_refused_memory_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    struct fixture fixture;
    fill(&fixture);
    for (int format = ZVM_REPORT_TEXT; format <= ZVM_REPORT_PROMETHEUS; format++) {
        for (uint64_t n = 1;; n++) {
            struct zstrbuf text;
            zstrbuf_init(&text);
            struct zalloc_stats before = zalloc_stats();
            int calls = -1000000;
            zalloc_fail_at(n, false);
            zvm_status status =
                zreport_write(&fixture.view, (zvm_report_format)format, refuse_second, &calls);
            bool has_failed = zalloc_has_failed();
            zalloc_fail_at(0, false);
            assert_int_equal(status, has_failed ? ZVM_E_NOMEM : ZVM_OK);
            assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
            if (!has_failed) break;
        }
    }
}

static void test_unknown_format_is_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    struct zstrbuf text;
    fill(&fixture);
    zstrbuf_init(&text);
    assert_int_equal(zreport_write(&fixture.view, (zvm_report_format)99, collect, &text),
                     ZVM_E_ARGUMENT);
    assert_int_equal(text.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_follows_its_schema_and_adds_up),
        cmocka_unit_test(test_json_says_each_figure_of_the_view),
        cmocka_unit_test(test_json_lists_isolates_when_it_has_them),
        cmocka_unit_test(test_prometheus_is_help_type_and_samples_only),
        cmocka_unit_test(test_prometheus_has_the_documented_families),
        cmocka_unit_test(test_prometheus_histogram_is_cumulative_and_complete),
        cmocka_unit_test(test_text_has_units_and_thousands_separators),
        cmocka_unit_test(test_text_lists_isolates_when_it_has_them),
        cmocka_unit_test(test_text_of_an_unused_runtime_divides_by_nothing),
        cmocka_unit_test(test_refused_write_ends_the_report_with_its_status),
        cmocka_unit_test(test_refused_memory_is_reported_and_nothing_leaks),
        cmocka_unit_test(test_unknown_format_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
