// Goal: counters go round at 2^64 without a figure that is derived from them noticing, and what is
// counted is conserved whatever the counters started at.
// Method: every counter of every block of a scheduler is set to a few below 2^64 while all workers
// sleep; then isolates are made, run, cancelled in their queue and destroyed, and the differences
// that a report shows must be those of a scheduler that began at 0.
#include "intern/intern.h"
#include "lang/compile.h"
#include "sched/sched_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WORKERS 2
#define COUNT   300
#define BELOW   5 // 2^64 minus this is where the counters start

struct stage {
    struct zintern *intern;
    struct zspan_pool *spans;
    struct zshared *shared;
    struct zsched *sched;
};

static void sleep_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void await_sleep(struct zsched *sched)
{
    while (z_load_seq_cst(&sched->parking.idle[0]) != (1u << WORKERS) - 1)
        sleep_a_little();
    // The bit is set a few instructions before the sleep, and after the last figure.
}

static void raise_block(struct zreport_block *block)
{
    zreport_begin(block);
    for (int i = 0; i < ZREPORT_COUNTER_COUNT; i++)
        if (i != ZREPORT_pause_ns_max && i != ZREPORT_slice_ns_max)
            z_store_release(&block->counters[i], UINT64_MAX - BELOW + 1);
    zreport_end(block, 0);
}

static void set_up(struct stage *stage)
{
    struct zintern_options intern_options = {0};
    assert_int_equal(zintern_create(&intern_options, &stage->intern), ZVM_OK);
    assert_int_equal(zspan_pool_create(&stage->spans), ZVM_OK);
    assert_int_equal(zshared_create(stage->intern, &stage->shared), ZVM_OK);
    struct zsched_options options = {
        .worker_count = WORKERS, .slice_budget = 100, .spans = stage->spans};
    assert_int_equal(zsched_create(&options, &stage->sched), ZVM_OK);
    await_sleep(stage->sched);
    raise_block(&stage->sched->host_block);
    for (int i = 0; i < WORKERS; i++)
        raise_block(&stage->sched->workers[i]->block);
}

static void tear_down(struct stage *stage)
{
    zsched_destroy(stage->sched);
    zshared_destroy(stage->shared);
    zspan_pool_destroy(stage->spans);
    zintern_destroy(stage->intern);
}

static struct zcode *compile(struct stage *stage, const char *text)
{
    struct zdiagnostics findings = {
        .file_name = "wrap.zx", .text = text, .length_bytes = strlen(text)};
    struct zcode *code = NULL;
    assert_int_equal(zlang_compile(stage->intern, &findings, &code), ZVM_OK);
    return code;
}

// What has been counted since the start.
static uint64_t since_start(const struct zreport_view *view, enum zreport_counter counter)
{
    return view->totals.counters[counter] + (WORKERS + 1) * (uint64_t)BELOW;
}

static void check_alive(struct zsched *sched, bool is_some_alive)
{
    struct zreport_view view;
    zvm_report_counters counters;
    zsched_report(sched, NULL, &view);
    zreport_counters(&view.totals, &counters);
    uint64_t failed = 0;
    for (int i = ZREPORT_failed_error; i <= ZREPORT_failed_other; i++)
        failed += since_start(&view, (enum zreport_counter)i);
    assert_int_equal(since_start(&view, ZREPORT_isolates_finished),
                     since_start(&view, ZREPORT_isolates_succeeded) + failed);
    assert_int_equal(since_start(&view, ZREPORT_isolates_created), COUNT);
    assert_int_equal(counters.heap_current_bytes > 0, is_some_alive);
    assert_int_equal(counters.allocated_bytes - counters.freed_bytes > 0, is_some_alive);
}

static void test_counters_near_their_end_are_conserved(void **state)
{
    (void)state;
    struct stage stage;
    static struct zisolate *isolates[COUNT];
    set_up(&stage);
    struct zcode *code = compile(&stage, "let l = []\nlet i = 0\n"
                                         "while i < 100 { l.push([i]); i = i + 1 }\n");
    for (int i = 0; i < COUNT; i++) {
        struct zisolate_options options = {.id = i, .heap_limit_bytes = 1 << 20};
        assert_int_equal(
            zsched_isolate_create(stage.sched, stage.shared, code, &options, &isolates[i]), ZVM_OK);
        assert_int_equal(zsched_submit(stage.sched, isolates[i]), ZVM_OK);
        if (i % 3 == 0) zsched_cancel(stage.sched, isolates[i]);
    }
    assert_int_equal(zsched_drain(stage.sched), ZVM_OK);
    check_alive(stage.sched, true);
    struct zreport_view view;
    zsched_report(stage.sched, NULL, &view);
    assert_int_equal(since_start(&view, ZREPORT_isolates_finished), COUNT);
    assert_true(since_start(&view, ZREPORT_slices) >= COUNT - COUNT / 3);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(zsched_isolate_destroy(stage.sched, isolates[i]), ZVM_OK);
    check_alive(stage.sched, false);
    zsched_report(stage.sched, NULL, &view);
    assert_int_equal(since_start(&view, ZREPORT_isolates_destroyed), COUNT);
    zcode_release(code);
    tear_down(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_near_their_end_are_conserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
