// Goal: what an honest program does and gets does not depend on what runs beside it: among a thousand
// hogs of ten kinds it ends with the same result for the same fuel as alone, and until then it gets at
// least 70% of its fair share of all fuel. And among equals nobody is favoured: of 1,000 spinners the one
// with the most slices has at most 1.2 times those of the one with the fewest.
// Method: the honest program runs alone first. Then hogs are queued, the honest one among them, and run
// until it has ended; its fuel is compared with that of all, from reports, so that neither the speed of
// the machine nor what else runs on it matters. A second time the hogs are one group, on one worker: then
// together they get no more than the honest one, and it has at least 45% of all fuel, of which half is
// fair. Usage:
// stress_hogs [THREADS] [SCALE] [ITERATIONS] [SEED]: workers (2), hogs of each kind (100), turns that the
// honest program needs, about (100), unused. Exit status 0: all that holds.
#include "zvm.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define SCALE_DEFAULT 10
#    define TURNS_DEFAULT 20
#    define SPINNERS      200
#    define SPREAD_MOST   1.5 // a worker that loses its core has more of them in its hands
#else
#    define SCALE_DEFAULT 100
#    define TURNS_DEFAULT 100
#    define SPINNERS      1000
#    define SPREAD_MOST   1.2
#endif

#define SLICE             32768
#define HOG_HEAP_BYTES    262144
#define HOG_DEPTH         1000
#define HOG_SYMBOLS       1000
#define SPINNER_TURNS     100
#define SHARE_LEAST       0.70
#define GROUP_SHARE_LEAST 0.45

static const char *const hogs[] = {
    // an endless loop
    "while true { }\n",
    // memory, at the limit: collections that free next to nothing
    "let kept = []\n"
    "while true { try { while true { kept.push([1, 2, 3]) } }\n"
    "catch (e) { kept = null\nkept = [] } }\n",
    // a string that doubles
    "while true { let s = \"x\"\n try { while true { s = s + s } } catch (e) { s = \"\" } }\n",
    // sorting
    "let l = []\nfor each i in range(2500) { l.push(i * 7919 % 2503) }\nwhile true { sort(l) }\n",
    // builtins with much to do
    "while true { let s = (\"ab\" * 2000).replace(\"a\", \"bc\")\n"
    "range(4000).reverse()\n s = s.split(\"c\").slice(0, 400).join(\";\") }\n",
    // errors
    "let n = 0\nwhile true { try { if n % 2 == 0 { throw \"storm\" } else { n.none() } }\n"
    "catch (e) { n += 1 } }\n",
    // recursion
    "function deeper(n) { return deeper(n + 1) + 1 }\n"
    "while true { try { deeper(0) } catch (e) { } }\n",
    // output
    "while true { print(\"a flood of output, line after line after line\") }\n",
    // strings for the shared table
    "let n = 0\nwhile true { try { let m = {}\n while true { m[\"flood ${isolate_id()} ${n}\"] = "
    "n\n"
    "n += 1 } } catch (e) { } }\n",
    // a finally without end
    "function stuck() { try { return 1 } finally { while true { } } }\nstuck()\n",
};

enum { KINDS = sizeof hogs / sizeof *hogs };

// About 12 of fuel a turn of its loop.
static const char honest[] = "let sum = 0\nlet words = []\n"
                             "for each i in range(turns) { sum = (sum * 31 + i) % 1000003\n"
                             "if i % 1000 == 0 { words.push(\"word ${sum}\") } }\n"
                             "let result = \"${sum} ${words.join(\" \").len()}\"\n";
#define HONEST_LOOPS_A_TURN 2700

static void check(zvm_status status, const char *what)
{
    if (status == ZVM_OK) return;
    (void)fprintf(stderr, "stress_hogs: %s: %s\n", what, zvm_status_text(status));
    exit(1);
}

static int failures;

static void expect(bool is_right, const char *what)
{
    if (is_right) return;
    failures++;
    (void)printf("FAILED: %s\n", what);
}

static zvm_runtime *make_runtime(uint32_t workers)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = workers;
    options.slice_budget = SLICE;
    zvm_runtime *runtime = NULL;
    check(zvm_runtime_create(&options, &runtime), "runtime");
    return runtime;
}

static zvm_code *compile(zvm_runtime *runtime, const char *text)
{
    zvm_code *code = NULL;
    check(zvm_code_from_source(runtime, "stress", text, strlen(text), NULL, NULL, &code), text);
    return code;
}

static bool swallow(void *context, const char *text, size_t length)
{
    (void)context, (void)text, (void)length;
    return true;
}

static uint64_t fuel_of_all(zvm_runtime *runtime)
{
    zvm_report report = ZVM_REPORT_INIT;
    check(zvm_report_take(runtime, &report), "report");
    return report.totals.fuel_used;
}

// ---- The honest one -----------------------------------------------------------------------------

struct outcome {
    char result[64];
    uint64_t fuel, slices;
    uint64_t others_fuel; // of all others while it ran, counted when it had ended
};

struct watch {
    zvm_runtime *runtime;
    uint64_t fuel_of_all; // when it had ended
};

static void note_end(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    struct watch *watch = user;
    watch->fuel_of_all = fuel_of_all(watch->runtime);
}

static zvm_isolate *make_honest(struct watch *watch, uint64_t turns)
{
    char text[sizeof honest + 64];
    (void)snprintf(text, sizeof text, "let turns = %" PRIu64 "\n%s", turns * HONEST_LOOPS_A_TURN,
                   honest);
    zvm_code *code = compile(watch->runtime, text);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = note_end;
    options.user = watch;
    zvm_isolate *isolate = NULL;
    check(zvm_isolate_create(watch->runtime, code, &options, &isolate), "honest");
    zvm_code_release(code);
    return isolate;
}

static struct outcome outcome_of(const struct watch *watch, zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    check(zvm_isolate_result(isolate, &result), "result");
    check(result.status, "the honest program");
    zvm_value value;
    check(zvm_isolate_get_global(isolate, "result", &value), "global");
    struct outcome outcome = {.fuel = result.fuel_used, .slices = result.slices};
    (void)snprintf(outcome.result, sizeof outcome.result, "%s", value.text);
    outcome.others_fuel = watch->fuel_of_all - result.fuel_used;
    return outcome;
}

static struct outcome run_alone(uint64_t turns)
{
    struct watch watch = {.runtime = make_runtime(1)};
    zvm_isolate *isolate = make_honest(&watch, turns);
    check(zvm_isolate_submit(isolate), "submit");
    check(zvm_runtime_drain(watch.runtime), "drain");
    struct outcome outcome = outcome_of(&watch, isolate);
    check(zvm_isolate_destroy(isolate), "destroy");
    zvm_runtime_destroy(watch.runtime);
    return outcome;
}

// ---- The hogs -----------------------------------------------------------------------------------

struct crowd {
    zvm_isolate **isolates;
    uint32_t count;
};

static void add_hogs(struct crowd *crowd, zvm_runtime *runtime, uint32_t each, zvm_group *group)
{
    crowd->isolates = calloc((size_t)each * KINDS, sizeof *crowd->isolates);
    if (crowd->isolates == NULL) check(ZVM_E_NOMEM, "array");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = HOG_HEAP_BYTES;
    options.intern_limit_count = HOG_SYMBOLS;
    options.max_depth = HOG_DEPTH;
    options.output = swallow;
    options.group = group;
    zvm_code *codes[KINDS];
    for (uint32_t kind = 0; kind < KINDS; kind++)
        codes[kind] = compile(runtime, hogs[kind]);
    for (uint32_t i = 0; i < each * KINDS; i++) {
        options.id = i;
        zvm_isolate **isolate = &crowd->isolates[crowd->count++];
        check(zvm_isolate_create(runtime, codes[i % KINDS], &options, isolate), "hog");
    }
    for (uint32_t kind = 0; kind < KINDS; kind++)
        zvm_code_release(codes[kind]);
}

static void submit(const struct crowd *crowd, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        check(zvm_isolate_submit(crowd->isolates[i]), "submit");
}

// Cancels and destroys them. Each must have been stopped, not ended by itself: a hog that is none says
// nothing.
static void end_hogs(struct crowd *crowd, zvm_runtime *runtime)
{
    for (uint32_t i = 0; i < crowd->count; i++)
        zvm_isolate_cancel(crowd->isolates[i]);
    check(zvm_runtime_drain(runtime), "drain");
    for (uint32_t i = 0; i < crowd->count; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        check(zvm_isolate_result(crowd->isolates[i], &result), "result");
        if (result.status != ZVM_E_CANCELLED)
            (void)printf("hog of kind %u: %s\n", i % KINDS, result.message);
        expect(result.status == ZVM_E_CANCELLED, "a hog goes on until it is cancelled");
        check(zvm_isolate_destroy(crowd->isolates[i]), "destroy");
    }
    free(crowd->isolates);
}

// ---- Together -----------------------------------------------------------------------------------

static void compare(const char *name, const struct outcome *alone, const struct outcome *among,
                    double fair, double least)
{
    double share = (double)among->fuel / (double)(among->fuel + among->others_fuel);
    (void)printf("%s: share of all fuel %.5f, fair %.5f: %.1f%%; slices %" PRIu64 ", alone %" PRIu64
                 "\n",
                 name, share, fair, 100 * share / fair, among->slices, alone->slices);
    expect(strcmp(alone->result, among->result) == 0, "the honest program has the same result");
    expect(alone->fuel == among->fuel, "the honest program has used the same fuel");
    expect(share >= least * fair, "the honest program has its share");
}

static void run_among(uint32_t workers, uint32_t each, uint64_t turns, bool in_group,
                      const struct outcome *alone)
{
    struct watch watch = {.runtime = make_runtime(workers)};
    struct crowd crowd = {NULL, 0};
    zvm_group *group = NULL;
    if (in_group) check(zvm_group_create(watch.runtime, NULL, &group), "group");
    add_hogs(&crowd, watch.runtime, each, group);
    zvm_isolate *isolate = make_honest(&watch, turns);
    submit(&crowd, 0, crowd.count / 2);
    check(zvm_isolate_submit(isolate), "submit");
    uint64_t before = fuel_of_all(watch.runtime);
    submit(&crowd, crowd.count / 2, crowd.count);
    check(zvm_isolate_wait(isolate, UINT64_MAX), "wait");
    end_hogs(&crowd, watch.runtime);
    struct outcome among = outcome_of(&watch, isolate);
    among.others_fuel -= before < among.others_fuel ? before : 0;
    if (in_group)
        compare("among one group of hogs", alone, &among, 0.5, GROUP_SHARE_LEAST / 0.5);
    else
        compare("among hogs", alone, &among, 1.0 / (crowd.count + 1), SHARE_LEAST);
    check(zvm_isolate_destroy(isolate), "destroy");
    check(zvm_group_destroy(group), "group");
    zvm_runtime_destroy(watch.runtime);
}

// ---- Equals -------------------------------------------------------------------------------------

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static uint64_t slices_of_all(zvm_runtime *runtime)
{
    zvm_report report = ZVM_REPORT_INIT;
    check(zvm_report_take(runtime, &report), "report");
    return report.totals.slices;
}

static void run_equals(uint32_t workers)
{
    zvm_runtime *runtime = make_runtime(workers);
    zvm_code *code = compile(runtime, hogs[0]);
    static zvm_isolate *isolates[SPINNERS];
    for (uint32_t i = 0; i < SPINNERS; i++)
        check(zvm_isolate_create(runtime, code, NULL, &isolates[i]), "spinner");
    for (uint32_t i = 0; i < SPINNERS; i++)
        check(zvm_isolate_submit(isolates[i]), "submit");
    while (slices_of_all(runtime) < (uint64_t)SPINNERS * SPINNER_TURNS)
        nap();
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < SPINNERS; i++)
        zvm_isolate_cancel(isolates[i]);
    check(zvm_runtime_drain(runtime), "drain");
    for (uint32_t i = 0; i < SPINNERS; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        check(zvm_isolate_result(isolates[i], &result), "result");
        if (result.slices < least) least = result.slices;
        if (result.slices > most) most = result.slices;
        check(zvm_isolate_destroy(isolates[i]), "destroy");
    }
    (void)printf("%d equal spinners: %" PRIu64 " to %" PRIu64 " slices, 1 : %.3f\n", SPINNERS,
                 least, most, (double)most / (double)least);
    expect((double)most <= SPREAD_MOST * (double)least, "equals have equal slices");
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static uint64_t number(int argc, char **argv, int index, uint64_t other)
{
    return argc > index ? strtoull(argv[index], NULL, 10) : other;
}

int main(int argc, char **argv)
{
    uint32_t workers = (uint32_t)number(argc, argv, 1, 2);
    uint32_t each = (uint32_t)number(argc, argv, 2, SCALE_DEFAULT);
    uint64_t turns = number(argc, argv, 3, TURNS_DEFAULT);
    (void)printf("stress_hogs %u %u %" PRIu64 " %" PRIu64 "\n", workers, each, turns,
                 number(argc, argv, 4, 0));
    struct outcome alone = run_alone(turns);
    run_among(workers, each, turns, false /* in_group */, &alone);
    run_among(1, each, turns, true /* in_group */, &alone);
    run_equals(workers);
    return failures == 0 ? 0 : 1;
}
