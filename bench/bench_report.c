// bench/bench_report.c - what a report costs its reader, and what it costs those that it is about.
//
// Method: a runtime with two workers and so many isolates that never end. CPU time of the reader's
// thread for a report of totals and for a list of the 20 isolates with most memory, best batch, so that
// interruptions by others do not count; the same of totals with more workers (asleep), because that is
// what their cost goes with. Then the workers' side: fuel used in a microsecond of their CPU time, without
// a reader and with one that reads totals every millisecond.
// Prints `NAME VALUE` lines, which tools/bench reads.
#include "zvm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCHES      15
#define TOTALS_BATCH 200
#define TOPS_BATCH   5
#define TOP          20
#define STRETCH_MS   400
#define STRETCHES    3

static void check(zvm_status status, const char *what)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "bench_report: %s: %s\n", what, zvm_status_text(status));
    exit(1);
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void sleep_us(long us)
{
    struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

// ---- A runtime with isolates that run -------------------------------------------------------------

static void destroy_finished(zvm_isolate *isolate, void *user)
{
    (void)user;
    zvm_isolate_destroy(isolate);
}

static zvm_runtime *open_runtime(uint32_t workers, uint32_t isolates)
{
    static const char text[] = "let i = 0\nwhile true { i += 1 }\n";
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = workers;
    zvm_runtime *runtime = NULL;
    check(zvm_runtime_create(&options, &runtime), "runtime");
    zvm_code *code = NULL;
    check(zvm_code_from_source(runtime, "bench", text, strlen(text), NULL, NULL, &code), "compile");
    for (uint32_t i = 0; i < isolates; i++) {
        zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
        isolate_options.id = i;
        isolate_options.on_finish = destroy_finished;
        zvm_isolate *isolate = NULL;
        check(zvm_isolate_create(runtime, code, &isolate_options, &isolate), "create");
        check(zvm_isolate_submit(isolate), "submit");
    }
    zvm_code_release(code);
    return runtime;
}

static void close_runtime(zvm_runtime *runtime)
{
    check(zvm_runtime_shutdown(runtime, true /* cancel */), "shutdown");
    zvm_runtime_destroy(runtime);
}

// ---- The reader's side ----------------------------------------------------------------------------

static void read_totals(zvm_runtime *runtime)
{
    zvm_report report = ZVM_REPORT_INIT;
    check(zvm_report_take(runtime, &report), "report");
}

static void read_top(zvm_runtime *runtime)
{
    zvm_top_isolate rows[TOP];
    uint32_t count = TOP;
    check(zvm_report_top(runtime, ZVM_TOP_HEAP, rows, &count), "top");
}

static double best_ns(zvm_runtime *runtime, void (*read)(zvm_runtime *), int batch)
{
    double best = 1e18;
    for (int i = 0; i < BATCHES; i++) {
        double start = cpu_ns();
        for (int k = 0; k < batch; k++)
            read(runtime);
        double each = (cpu_ns() - start) / batch;
        if (each < best) best = each;
    }
    return best;
}

static void measure_isolates(uint32_t isolates)
{
    zvm_runtime *runtime = open_runtime(2, isolates);
    printf("totals_of_%u_ns %.0f\n", isolates, best_ns(runtime, read_totals, TOTALS_BATCH));
    printf("top_of_%u_ns %.0f\n", isolates, best_ns(runtime, read_top, TOPS_BATCH));
    close_runtime(runtime);
}

static void measure_workers(uint32_t workers)
{
    zvm_runtime *runtime = open_runtime(workers, 0);
    printf("totals_with_%u_workers_ns %.0f\n", workers,
           best_ns(runtime, read_totals, TOTALS_BATCH));
    close_runtime(runtime);
}

// ---- The workers' side ----------------------------------------------------------------------------

static _Atomic bool is_over;

static void *read_all_the_time(void *context)
{
    while (!atomic_load(&is_over)) {
        read_totals(context);
        sleep_us(1000);
    }
    return NULL;
}

// Fuel that is used in a stretch, for each nanosecond of the workers' CPU time: what they get done does
// not depend on who else wants the processors.
static double fuel_per_ns(zvm_runtime *runtime)
{
    zvm_report before = ZVM_REPORT_INIT, after = ZVM_REPORT_INIT;
    check(zvm_report_take(runtime, &before), "report");
    sleep_us(STRETCH_MS * 1000);
    check(zvm_report_take(runtime, &after), "report");
    return (double)(after.totals.fuel_used - before.totals.fuel_used) /
           (double)(after.totals.cpu_ns - before.totals.cpu_ns);
}

static void measure_slices(void)
{
    zvm_runtime *runtime = open_runtime(2, 10000);
    double alone = 0, with_reader = 0;
    for (int i = 0; i < STRETCHES; i++) { // in turn, so that both meet the same machine
        double one = fuel_per_ns(runtime);
        pthread_t reader;
        atomic_store(&is_over, false);
        if (pthread_create(&reader, NULL, read_all_the_time, runtime) != 0)
            check(ZVM_E_THREADS, "reader");
        double other = fuel_per_ns(runtime);
        atomic_store(&is_over, true);
        pthread_join(reader, NULL);
        if (one > alone) alone = one;
        if (other > with_reader) with_reader = other;
    }
    printf("fuel_per_us_alone %.1f\nfuel_per_us_with_reader %.1f\n", alone * 1000,
           with_reader * 1000);
    close_runtime(runtime);
}

int main(void)
{
    const uint32_t isolates[] = {100, 1000, 10000};
    for (int i = 0; i < 3; i++)
        measure_isolates(isolates[i]);
    const uint32_t workers[] = {1, 8, 64};
    for (int i = 0; i < 3; i++)
        measure_workers(workers[i]);
    measure_slices();
    return 0;
}
