// bench/bench_mm.c - the seeds' own benchmarks of a memory manager, through zvm_mm_*: beside them stands
// bench/peers/mm_model.py, which does the same in Python, where the seeds were written.
//
// Usage: bench_mm SCALE HISTORY. SCALE 1: the sizes of Zexus "Phase 7: Memory Management"; larger ones
// are so many times larger. HISTORY: allocations remembered, 0 for none (their manager logs all).
// Prints `NAME VALUE` lines, CPU times of the best of ROUNDS runs; tools/bench reads them.
#include "zvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS            5
#define ALLOCATED         10000 // and deallocated
#define ROOTS             100
#define GARBAGE           5000
#define WAVES             10
#define WAVE_OBJECTS      1000
#define STRESS_ITERATIONS 1000
#define STRESS_OBJECTS    100

static uint64_t scale = 1;
static uint32_t history_entries;

static void check(zvm_status status, const char *what)
{
    if (status == ZVM_OK) return;
    (void)fprintf(stderr, "bench_mm: %s: %s\n", what, zvm_status_text(status));
    exit(1);
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static zvm_mm *open_manager(void)
{
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    zvm_mm *mm = NULL;
    options.limit_bytes = (size_t)1 << 32;
    options.history_entries = history_entries;
    options.gc_growth_percent = UINT16_MAX; // collected when told, as the model is
    check(zvm_mm_create(&options, &mm), "create");
    return mm;
}

// An object like the seeds' {"data": "value"}: two words that the manager keeps.
static zvm_handle make(zvm_mm *mm, uint64_t value)
{
    const uint64_t words[2] = {value, value};
    zvm_handle handle;
    check(zvm_mm_allocate_bytes(mm, words, sizeof words, &handle), "allocate");
    return handle;
}

static void collect(zvm_mm *mm, uint64_t expected)
{
    zvm_mm_collection result;
    check(zvm_mm_collect(mm, true, &result), "collect");
    if (result.freed_count < expected) check(ZVM_E_INTERNAL, "collected too few");
}

// ---- The benchmarks: each returns ns a unit ------------------------------------------------------

static double deallocate_ns; // of the run that measure_allocation did

// Both at once: what was allocated is deallocated. A scope keeps the objects.
static double measure_allocation(void)
{
    uint64_t count = ALLOCATED * scale;
    zvm_handle *handles = calloc(count, sizeof *handles);
    if (handles == NULL) check(ZVM_E_NOMEM, "array");
    memset(handles, 1, count * sizeof *handles);
    zvm_mm *mm = open_manager();
    zvm_mm_scope scope;
    check(zvm_mm_scope_open(mm, &scope), "scope");
    double start = cpu_ns();
    for (uint64_t i = 0; i < count; i++)
        handles[i] = make(mm, i);
    double made = cpu_ns();
    for (uint64_t i = 0; i < count; i++)
        check(zvm_mm_deallocate(mm, handles[i]), "deallocate");
    double gone = cpu_ns();
    check(zvm_mm_destroy(mm), "destroy");
    free(handles);
    double each = (gone - made) / (double)count;
    if (deallocate_ns == 0 || each < deallocate_ns) deallocate_ns = each;
    return (made - start) / (double)count;
}

static double measure_collection(void)
{
    uint64_t garbage = GARBAGE * scale;
    zvm_mm *mm = open_manager();
    for (uint64_t i = 0; i < ROOTS * scale; i++)
        check(zvm_mm_root_add(mm, make(mm, i)), "root");
    // Kept by a scope until all are there: else a collection would have taken some already.
    zvm_mm_scope scope;
    check(zvm_mm_scope_open(mm, &scope), "scope");
    for (uint64_t i = 0; i < garbage; i++)
        (void)make(mm, i);
    check(zvm_mm_scope_close(mm, scope), "scope");
    double start = cpu_ns();
    collect(mm, garbage);
    double each = (cpu_ns() - start) / (double)garbage;
    check(zvm_mm_destroy(mm), "destroy");
    return each;
}

static double measure_waves(void)
{
    zvm_mm *mm = open_manager();
    double start = cpu_ns();
    for (int wave = 0; wave < WAVES; wave++) {
        for (uint64_t i = 0; i < WAVE_OBJECTS * scale; i++)
            (void)make(mm, i);
        collect(mm, 0);
    }
    double each = (cpu_ns() - start) / (double)(WAVES * WAVE_OBJECTS * scale);
    check(zvm_mm_destroy(mm), "destroy");
    return each;
}

// Per iteration 100 objects: 40 deallocated at once, the rest left to a collection every fifth time.
static double measure_stress(void)
{
    zvm_handle handles[STRESS_OBJECTS];
    zvm_mm *mm = open_manager();
    double start = cpu_ns();
    for (uint64_t iteration = 0; iteration < STRESS_ITERATIONS * scale; iteration++) {
        for (int i = 0; i < STRESS_OBJECTS; i++)
            handles[i] = make(mm, (uint64_t)i);
        for (int i = 0; i < STRESS_OBJECTS * 2 / 5; i++)
            check(zvm_mm_deallocate(mm, handles[i]), "deallocate");
        if (iteration % 5 == 4) collect(mm, 0);
    }
    double each = (cpu_ns() - start) / (double)(STRESS_ITERATIONS * STRESS_OBJECTS * scale);
    check(zvm_mm_destroy(mm), "destroy");
    return each;
}

// A program that stores 100 variables: every value is in the managed heap. The seeds compare with and
// without their manager; here there is no without, so only the first stands.
static double measure_machine(void)
{
    static char text[100 * 40];
    size_t length = 0;
    for (int i = 0; i < 100; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "let v%d = [%d, \"t\"]\n", i, i);
    zvm_runtime *runtime = NULL;
    zvm_code *code = NULL;
    check(zvm_runtime_create(NULL, &runtime), "runtime");
    check(zvm_code_from_source(runtime, "vm", text, length, NULL, NULL, &code), "compile");
    double start = cpu_ns();
    for (uint64_t i = 0; i < 100 * scale; i++) {
        zvm_isolate *isolate = NULL;
        check(zvm_isolate_create(runtime, code, NULL, &isolate), "create");
        check(zvm_isolate_run(isolate, 0, NULL), "run");
        check(zvm_isolate_destroy(isolate), "destroy");
    }
    double each = (cpu_ns() - start) / (double)(100 * scale * 100);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return each;
}

static void measure(const char *name, double (*body)(void))
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double ns = body();
        if (round == 0 || ns < best) best = ns;
    }
    (void)printf("%s_ns %.3f\n", name, best);
}

int main(int argc, char **argv)
{
    if (argc > 1) scale = strtoull(argv[1], NULL, 10);
    if (argc > 2) history_entries = (uint32_t)strtoul(argv[2], NULL, 10);
    if (scale == 0) check(ZVM_E_ARGUMENT, "usage: bench_mm SCALE HISTORY");
    measure("allocate", measure_allocation);
    (void)printf("deallocate_ns %.3f\n", deallocate_ns);
    measure("collect", measure_collection);
    measure("waves", measure_waves);
    measure("stress", measure_stress);
    measure("machine", measure_machine);
    return 0;
}
