// bench/bench_call.c - what values by reference and calls of functions cost.
//
// Method, each figure the median of ROUNDS rounds of COUNT steps, which take turns:
//   call_ns      zvm_isolate_call of an action that returns its argument, zvm_isolate_run, zvm_ref_result
//                and zvm_ref_value, in an open scope: all of it, the run of the action included
//   run_ns       instead, zvm_isolate_reset and zvm_isolate_run of a program of one statement
//   scope_ns     opening and closing an inner scope
//   append_ns    zvm_ref_append_value of an integer to a list
//   entry_ns     zvm_ref_set_entry_value of an integer under one of 16 short keys of a map
//   item_ns      zvm_ref_item of a list, without a reference
// Prints `NAME VALUE` lines.
#include "zvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 15
#define COUNT  20000

static const char PROGRAM[] = "action f(x) { return x }\n";

static void check(zvm_status status, const char *what)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "bench_call: %s: %s\n", what, zvm_status_text(status));
    exit(1);
}

static double wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct bench {
    zvm_isolate *called, *reset;
    zvm_scope scope;
    zvm_ref list, map, argument;
};

static void step_call(struct bench *bench, int i)
{
    zvm_scope scope;
    zvm_ref result;
    zvm_value value;
    (void)i;
    check(zvm_scope_open(bench->called, &scope), "scope");
    check(zvm_isolate_call(bench->called, "f", &bench->argument, 1), "call");
    check(zvm_isolate_run(bench->called, 0, NULL), "run");
    check(zvm_ref_result(bench->called, &result), "result");
    check(zvm_ref_value(bench->called, result, &value), "value");
    check(zvm_scope_close(bench->called, scope), "close");
}

static void step_run(struct bench *bench, int i)
{
    (void)i;
    check(zvm_isolate_reset(bench->reset), "reset");
    check(zvm_isolate_run(bench->reset, 0, NULL), "run");
}

static void step_scope(struct bench *bench, int i)
{
    zvm_scope scope;
    (void)i;
    check(zvm_scope_open(bench->called, &scope), "scope");
    check(zvm_scope_close(bench->called, scope), "close");
}

static void step_append(struct bench *bench, int i)
{
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = i};
    if (i == 0) check(zvm_ref_new_list(bench->called, COUNT, &bench->list), "list");
    check(zvm_ref_append_value(bench->called, bench->list, &value), "append");
}

static void step_entry(struct bench *bench, int i)
{
    char name[] = "key_a";
    name[4] = (char)('a' + i % 16);
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = i};
    zvm_value key = {.kind = ZVM_VALUE_STRING, .text = name, .length_bytes = 5};
    if (i % 16 == 0) check(zvm_ref_new_map(bench->called, 16, &bench->map), "map");
    check(zvm_ref_set_entry_value(bench->called, bench->map, &key, &value), "entry");
}

static void step_item(struct bench *bench, int i)
{
    zvm_value value;
    check(zvm_ref_item(bench->called, bench->list, (size_t)i, &value, NULL), "item");
}

static double time_steps(struct bench *bench, void (*step)(struct bench *bench, int i))
{
    zvm_scope scope;
    check(zvm_scope_open(bench->called, &scope), "scope");
    double start_ns = wall_ns();
    for (int i = 0; i < COUNT; i++)
        step(bench, i);
    double each_ns = (wall_ns() - start_ns) / COUNT;
    check(zvm_scope_close(bench->called, scope), "close");
    return each_ns;
}

static double time_items(struct bench *bench)
{
    zvm_scope scope;
    check(zvm_scope_open(bench->called, &scope), "scope");
    for (int i = 0; i < COUNT; i++)
        step_append(bench, i);
    double start_ns = wall_ns();
    for (int i = 0; i < COUNT; i++)
        step_item(bench, i);
    double each_ns = (wall_ns() - start_ns) / COUNT;
    check(zvm_scope_close(bench->called, scope), "close");
    return each_ns;
}

static void open_bench(struct bench *bench, zvm_runtime *runtime, zvm_code *code)
{
    zvm_value five = {.kind = ZVM_VALUE_INT, .integer = 5};
    check(zvm_isolate_create(runtime, code, NULL, &bench->called), "create");
    check(zvm_isolate_create(runtime, code, NULL, &bench->reset), "create");
    check(zvm_isolate_run(bench->called, 0, NULL), "run");
    check(zvm_isolate_run(bench->reset, 0, NULL), "run");
    check(zvm_scope_open(bench->called, &bench->scope), "scope");
    check(zvm_ref_new(bench->called, &five, &bench->argument), "argument");
}

int main(void)
{
    static const struct {
        const char *name;
        void (*step)(struct bench *bench, int i);
    } figures[] = {{"call_ns", step_call},     {"run_ns", step_run},     {"scope_ns", step_scope},
                   {"append_ns", step_append}, {"entry_ns", step_entry}, {"item_ns", step_item}};
    enum { FIGURES = sizeof figures / sizeof *figures };
    static double times[FIGURES][ROUNDS];
    struct bench bench;
    zvm_runtime *runtime = NULL;
    zvm_code *code = NULL;
    check(zvm_runtime_create(NULL, &runtime), "runtime");
    check(zvm_code_from_source(runtime, "bench", PROGRAM, strlen(PROGRAM), NULL, NULL, &code),
          "compile");
    open_bench(&bench, runtime, code);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < FIGURES; i++)
            times[i][round] = figures[i].step == step_item ? time_items(&bench)
                                                           : time_steps(&bench, figures[i].step);
    for (int i = 0; i < FIGURES; i++) {
        qsort(times[i], ROUNDS, sizeof times[i][0], by_value);
        printf("%s %.1f\n", figures[i].name, times[i][ROUNDS / 2]);
    }
    check(zvm_isolate_destroy(bench.called), "destroy");
    check(zvm_isolate_destroy(bench.reset), "destroy");
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return 0;
}
