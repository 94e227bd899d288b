// bench/bench_reset.c - what using an isolate again costs, beside making one.
//
// Method, each figure the median of ROUNDS rounds, which take turns. COUNT isolates have run a program that fits
// their blocks (small), or one that leaves about 300 KiB (large); the runs are not timed.
//   reset_ns, large_reset_ns    zvm_isolate_reset of each
//   make_ns, large_make_ns      instead, zvm_isolate_destroy and zvm_isolate_create from the same code
//   load_ns                     the same, with the program's text compiled for each isolate
//   pool_ns                     zvm_isolate_pool_release and zvm_isolate_pool_acquire of each
// Prints `NAME VALUE` lines.
#include "zvm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS      15
#define COUNT       2000
#define COUNT_LARGE 100

static const char SMALL[] = "let a = [1, 2]\nlet b = {\"key\": a}\n"
                            "action f(x) { return x + a[1] }\nlet c = f(5)\n";
static const char LARGE[] = "let l = []\nfor each i in range(8000) { l.push([i]) }\n";

static void check(zvm_status status, const char *what)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "bench_reset: %s: %s\n", what, zvm_status_text(status));
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

struct program {
    zvm_runtime *runtime;
    const char *text;
    zvm_code *code;
    zvm_isolate_pool *pool; // NULL: its isolates come from none
    zvm_isolate *isolates[COUNT];
    uint32_t count;
};

static zvm_code *compile(struct program *program)
{
    zvm_code *code = NULL;
    check(zvm_code_from_source(program->runtime, "bench", program->text, strlen(program->text),
                               NULL, NULL, &code),
          "compile");
    return code;
}

static void open_program(struct program *program, zvm_runtime *runtime, const char *text,
                         uint32_t count, bool has_pool)
{
    *program = (struct program){.runtime = runtime, .text = text, .count = count};
    program->code = compile(program);
    if (has_pool)
        check(zvm_isolate_pool_create(runtime, program->code, NULL, count, &program->pool), "pool");
    for (uint32_t i = 0; i < count; i++)
        check(has_pool ? zvm_isolate_pool_acquire(program->pool, &program->isolates[i])
                       : zvm_isolate_create(runtime, program->code, NULL, &program->isolates[i]),
              "create");
}

static void close_program(struct program *program)
{
    for (uint32_t i = 0; i < program->count; i++)
        check(zvm_isolate_destroy(program->isolates[i]), "destroy");
    zvm_isolate_pool_destroy(program->pool);
    zvm_code_release(program->code);
}

// ---- What is timed: isolates that have run are ready to run again ---------------------------------

static void reset(struct program *program, zvm_isolate **isolate)
{
    (void)program;
    check(zvm_isolate_reset(*isolate), "reset");
}

static void make(struct program *program, zvm_isolate **isolate)
{
    check(zvm_isolate_destroy(*isolate), "destroy");
    check(zvm_isolate_create(program->runtime, program->code, NULL, isolate), "create");
}

static void load(struct program *program, zvm_isolate **isolate)
{
    check(zvm_isolate_destroy(*isolate), "destroy");
    zvm_code *code = compile(program);
    check(zvm_isolate_create(program->runtime, code, NULL, isolate), "create");
    zvm_code_release(code);
}

static void change(struct program *program, zvm_isolate **isolate)
{
    check(zvm_isolate_pool_release(program->pool, *isolate), "release");
    check(zvm_isolate_pool_acquire(program->pool, isolate), "acquire");
}

static double time_step(struct program *program,
                        void (*step)(struct program *program, zvm_isolate **isolate))
{
    for (uint32_t i = 0; i < program->count; i++)
        check(zvm_isolate_run(program->isolates[i], 0, NULL), "run");
    double start_ns = wall_ns();
    for (uint32_t i = 0; i < program->count; i++)
        step(program, &program->isolates[i]);
    return (wall_ns() - start_ns) / program->count;
}

int main(void)
{
    static struct program small, large, pooled;
    const struct {
        const char *name;
        struct program *program;
        void (*step)(struct program *program, zvm_isolate **isolate);
    } figures[] = {
        {"reset_ns", &small, reset},       {"make_ns", &small, make},
        {"load_ns", &small, load},         {"pool_ns", &pooled, change},
        {"large_reset_ns", &large, reset}, {"large_make_ns", &large, make},
    };
    enum { FIGURES = sizeof figures / sizeof *figures };
    static double times[FIGURES][ROUNDS];
    zvm_runtime *runtime = NULL;
    check(zvm_runtime_create(NULL, &runtime), "runtime");
    open_program(&small, runtime, SMALL, COUNT, false);
    open_program(&large, runtime, LARGE, COUNT_LARGE, false);
    open_program(&pooled, runtime, SMALL, COUNT, true);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < FIGURES; i++)
            times[i][round] = time_step(figures[i].program, figures[i].step);
    for (int i = 0; i < FIGURES; i++) {
        qsort(times[i], ROUNDS, sizeof times[i][0], by_value);
        printf("%s %.1f\n", figures[i].name, times[i][ROUNDS / 2]);
    }
    close_program(&small);
    close_program(&large);
    close_program(&pooled);
    zvm_runtime_destroy(runtime);
    return 0;
}
