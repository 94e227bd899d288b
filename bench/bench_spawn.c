// bench/bench_spawn.c - what an isolate costs: time to make, run and free one, memory of an idle
// one.
//
// Method: the runtime has no workers, so everything happens on this thread. Time: batches of
// isolates of an empty program, CPU time of the best batch, so that interruptions by others do not
// count. Memory: the growth of the resident set while 100,000 isolates exist whose top level, with
// five functions, has run. Prints `NAME VALUE` lines, which tools/bench reads.
#include "zvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCHES     30
#define BATCH_COUNT 20000
#define IDLE_COUNT  100000

static const char empty_program[] = "";
static const char idle_program[] = "let count = 0\n"
                                   "action add(n) { count = count + n\n return count }\n"
                                   "action twice(x) { return x * 2 }\n"
                                   "action name(x) { return \"n\" + string(x) }\n"
                                   "action pair(a, b) { return [a, b] }\n"
                                   "action walk(l, f) { for each x in l { f(x) } }\n";

static void check(zvm_status status, const char *what)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "bench_spawn: %s: %s\n", what, zvm_status_text(status));
    exit(1);
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static zvm_code *compile(zvm_runtime *runtime, const char *text)
{
    zvm_code *code = NULL;
    check(zvm_code_from_source(runtime, "bench", text, strlen(text), NULL, NULL, &code), "compile");
    return code;
}

// Makes an isolate and runs it to its end.
static zvm_isolate *spawn(zvm_runtime *runtime, zvm_code *code)
{
    zvm_isolate *isolate = NULL;
    bool finished = false;
    check(zvm_isolate_create(runtime, code, NULL, &isolate), "create");
    check(zvm_isolate_run(isolate, 0 /* to its end */, &finished), "run");
    if (!finished) check(ZVM_E_STATE, "run to the end");
    return isolate;
}

static void measure_time(zvm_runtime *runtime)
{
    zvm_code *code = compile(runtime, empty_program);
    double best_ns = 1e18;
    for (int batch = 0; batch < BATCHES; batch++) {
        double start_ns = cpu_ns();
        for (int i = 0; i < BATCH_COUNT; i++)
            check(zvm_isolate_destroy(spawn(runtime, code)), "destroy");
        double each_ns = (cpu_ns() - start_ns) / BATCH_COUNT;
        if (each_ns < best_ns) best_ns = each_ns;
    }
    printf("create_run_destroy_ns %.0f\n", best_ns);
    zvm_code_release(code);
}

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file == NULL || fscanf(file, "%*u %lu", &pages) != 1) check(ZVM_E_STATE, "read statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void measure_memory(zvm_runtime *runtime)
{
    zvm_code *code = compile(runtime, idle_program);
    zvm_isolate **isolates = calloc(IDLE_COUNT, sizeof *isolates);
    if (isolates == NULL) check(ZVM_E_NOMEM, "array");
    // The array's own pages and the first isolate's shared parts are not part of the price of one.
    memset(isolates, 1, IDLE_COUNT * sizeof *isolates);
    zvm_isolate_destroy(spawn(runtime, code));
    double before = resident_bytes();
    for (int i = 0; i < IDLE_COUNT; i++)
        isolates[i] = spawn(runtime, code);
    printf("idle_isolate_bytes %.0f\n", (resident_bytes() - before) / IDLE_COUNT);
    for (int i = 0; i < IDLE_COUNT; i++)
        check(zvm_isolate_destroy(isolates[i]), "destroy");
    free(isolates);
    zvm_code_release(code);
}

int main(void)
{
    zvm_runtime *runtime = NULL;
    check(zvm_runtime_create(NULL, &runtime), "runtime");
    // Memory first: what the timed batches free would be used again and hide growth.
    measure_memory(runtime);
    measure_time(runtime);
    zvm_runtime_destroy(runtime);
    return 0;
}
