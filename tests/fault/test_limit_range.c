// Goal: under every heap limit a program ends as it does with all the memory, or meets the limit in
// the way that is promised: the host is told, what it commits never passes the limit, it ends well or
// with an error, and nothing of it stays behind.
// Method: each program of tests/fault/programs, which want memory, and of the language tests first runs
// with a limit that nobody reaches; then from the least that is accepted in steps of STEP bytes for FINE
// bytes, and from there in N wider steps up to what it needed. A program that was never refused
// anything must do exactly what it did at first. One runtime a program; when it is destroyed, the
// seam's counters must be back where they were. And once more with wider steps where the limit is that of
// a group and the isolate has none: then memory is granted step by step, and all must be the same.
//
// Usage: test_limit_range [--step BYTES] [--fine BYTES] [--runs N] [--group] [--verbose] [PATH...]
// --group: only the limits of groups, in these steps.
#include "fault/corpus.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "zvm.h"

#include <inttypes.h>
#include <unistd.h>

#define STEP_QUICK 16
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define FINE_QUICK 1024
#    define RUNS_QUICK 30
#else
#    define FINE_QUICK 4096
#    define RUNS_QUICK 100
#endif
#define LIMIT_MAX    (UINT64_C(1) << 30) // nobody reaches it
#define SECONDS_MAX  300                 // for all runs of one program, under any sanitizer
#define FAILURES_MAX 20

struct run {
    const struct corpus_program *program;
    uint64_t limit_bytes;
    char *output; // of the first run, [output_bytes]; later ones compare
    size_t output_bytes, output_capacity, compared;
    bool is_first, differs, was_refused;
    bool in_group; // the limit is that of a group
    zvm_result result;
};

struct totals {
    uint64_t runs, refused, caught, failed;
};

static bool take_output(void *context, const char *text, size_t length)
{
    struct run *run = context;
    if (run->is_first) {
        if (run->output_bytes + length > run->output_capacity) {
            run->output_capacity = (run->output_bytes + length) * 2;
            run->output = realloc(run->output, run->output_capacity);
            if (run->output == NULL) corpus_die("no memory", run->program->path);
        }
        memcpy(run->output + run->output_bytes, text, length);
        run->output_bytes += length;
        return true;
    }
    bool is_same = length <= run->output_bytes - run->compared &&
                   memcmp(run->output + run->compared, text, length) == 0;
    if (is_same) run->compared += length;
    if (!is_same) run->differs = true;
    return true;
}

static void note_moment(zvm_isolate *isolate, void *user, zvm_moment moment)
{
    (void)isolate;
    struct run *run = user;
    if (moment == ZVM_MOMENT_LIMIT) run->was_refused = true;
}

// Runs the program under run->limit_bytes. False: not even an isolate could be made.
static bool run_once(struct run *run, zvm_runtime *runtime, zvm_code *code)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_group *group = NULL;
    zvm_group_options group_options = ZVM_GROUP_OPTIONS_INIT;
    group_options.heap_limit_bytes = run->limit_bytes;
    if (zvm_group_create(runtime, &group_options, &group) != ZVM_OK) return false;
    options.group = run->in_group ? group : NULL;
    options.heap_limit_bytes = run->in_group ? LIMIT_MAX : run->limit_bytes;
    options.output = take_output;
    options.output_context = run;
    options.on_moment = note_moment;
    options.user = run;
    run->compared = 0;
    run->differs = run->was_refused = false;
    run->result = (zvm_result)ZVM_RESULT_INIT;
    zvm_isolate *isolate = NULL;
    if (zvm_isolate_create(runtime, code, &options, &isolate) != ZVM_OK) return false;
    bool ok = corpus_run(isolate, NULL) == ZVM_OK &&
              zvm_isolate_result(isolate, &run->result) == ZVM_OK;
    ok = zvm_isolate_destroy(isolate) == ZVM_OK && ok;
    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    ok = zvm_group_report(group, &figures) == ZVM_OK && figures.heap_granted_bytes == 0 && ok;
    return zvm_group_destroy(group) == ZVM_OK && ok;
}

// What is wrong with how it ended; NULL: nothing.
static const char *fault_of(const struct run *run, zvm_status expected)
{
    zvm_status status = run->result.status;
    if (run->result.heap_peak_bytes > run->limit_bytes) return "committed more than the limit";
    if (run->result.heap_live_bytes > run->limit_bytes) return "more lives than the limit";
    if (run->result.heap_limit_bytes != (run->in_group ? LIMIT_MAX : run->limit_bytes))
        return "the limit is another one";
    if (!run->was_refused) {
        if (status != expected) return "ends otherwise, although nothing was refused";
        if (run->differs || run->compared != run->output_bytes)
            return "prints something else, although nothing was refused";
        return NULL;
    }
    // Refused: a program may catch that, and then goes its own way.
    if (status == ZVM_OK || status == ZVM_E_ERROR || status == ZVM_E_HEAP_LIMIT) return NULL;
    return "ends neither well, nor with an error, nor at its limit";
}

static void tell(struct totals *totals, const struct run *run, const char *what)
{
    totals->failed++;
    (void)printf("FAILED %s with %" PRIu64 " bytes: %s (status: %s)\n", run->program->path,
                 run->limit_bytes, what, zvm_status_text(run->result.status));
    if (totals->failed < FAILURES_MAX) return;
    (void)printf("enough failures\n");
    exit(1);
}

static void try_limit(struct totals *totals, struct run *run, zvm_runtime *runtime, zvm_code *code,
                      zvm_status expected)
{
    const char *wrong = run_once(run, runtime, code) ? fault_of(run, expected) : "cannot be run";
    totals->runs++;
    totals->refused += run->was_refused;
    totals->caught += run->was_refused && run->result.status != ZVM_E_HEAP_LIMIT;
    if (wrong != NULL) tell(totals, run, wrong);
}

struct plan {
    uint64_t step, fine_bytes, runs;
    bool is_verbose, is_group_only;
};

// How far from one limit to the next.
static uint64_t step_at(const struct plan *plan, uint64_t limit_bytes, uint64_t end)
{
    uint64_t fine_end = ZVM_HEAP_LIMIT_MIN_BYTES + plan->fine_bytes;
    if (limit_bytes < fine_end) return plan->step;
    if (end <= fine_end || plan->runs == 0) return end;
    uint64_t wide = (end - fine_end) / plan->runs;
    return wide / 8 * 8 + 9; // so that the limits are no multiples of what spans are made of
}

static void try_limits(struct totals *totals, struct run *run, zvm_runtime *runtime, zvm_code *code,
                       const struct plan *plan)
{
    run->is_first = true;
    run->limit_bytes = LIMIT_MAX;
    if (!run_once(run, runtime, code)) corpus_die("cannot be run", run->program->path);
    run->is_first = false;
    zvm_status expected = run->result.status;
    uint64_t needed = run->result.heap_peak_bytes, least = ZVM_HEAP_LIMIT_MIN_BYTES;
    uint64_t end = needed < least ? least : needed;
    for (run->limit_bytes = least; run->limit_bytes < end;
         run->limit_bytes += step_at(plan, run->limit_bytes, end))
        try_limit(totals, run, runtime, code, expected);
    run->limit_bytes = end;
    try_limit(totals, run, runtime, code, expected);
}

// Alone, and in a group.
static void try_both(struct totals *totals, struct run *run, zvm_runtime *runtime, zvm_code *code,
                     const struct plan *plan)
{
    struct plan group_plan = *plan;
    if (!plan->is_group_only) {
        try_limits(totals, run, runtime, code, plan);
        group_plan.step *= 16;
        group_plan.runs /= 4;
    }
    run->in_group = true;
    run->output_bytes = 0;
    try_limits(totals, run, runtime, code, &group_plan);
}

static bool drop_text(void *context, const char *text, size_t length)
{
    (void)context, (void)text, (void)length;
    return true;
}

static void try_program(struct totals *totals, const struct corpus_program *program,
                        const struct plan *plan)
{
    uint64_t runs_before = totals->runs;
    struct zalloc_stats before = zalloc_stats();
    struct run run = {.program = program};
    zvm_runtime *runtime = NULL;
    zvm_code *code = NULL;
    (void)alarm(SECONDS_MAX);
    if (zvm_runtime_create(NULL, &runtime) != ZVM_OK) corpus_die("no runtime", program->path);
    zvm_status status = zvm_code_from_file(runtime, program->path, NULL, drop_text, NULL, &code);
    if (status == ZVM_OK) {
        try_both(totals, &run, runtime, code, plan);
        zvm_code_release(code);
    } else if (status != ZVM_E_SYNTAX) {
        corpus_die(zvm_status_text(status), program->path);
    }
    zvm_runtime_destroy(runtime);
    free(run.output);
    struct zalloc_stats after = zalloc_stats();
    if (after.live_bytes != before.live_bytes || after.live_count != before.live_count)
        tell(totals, &run, "something leaks, at some limit");
    if (plan->is_verbose)
        (void)printf("%s: %" PRIu64 " runs\n", program->path, totals->runs - runs_before);
}

static void usage(void)
{
    (void)fprintf(stderr,
                  "usage: test_limit_range [--step BYTES] [--fine BYTES] [--runs N] [--group] "
                  "[--verbose] [PATH...]\n");
    exit(2);
}

static uint64_t read_number(const char *text)
{
    char *behind = NULL;
    if (text == NULL) usage();
    uint64_t number = strtoull(text, &behind, 10);
    if (behind == text || *behind != '\0') usage();
    return number;
}

static int read_options(int argc, char **argv, struct plan *plan)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--step") == 0)
            plan->step = read_number(argv[++i]);
        else if (strcmp(argv[i], "--fine") == 0)
            plan->fine_bytes = read_number(argv[++i]);
        else if (strcmp(argv[i], "--runs") == 0)
            plan->runs = read_number(argv[++i]);
        else if (strcmp(argv[i], "--group") == 0)
            plan->is_group_only = true;
        else if (strcmp(argv[i], "--verbose") == 0)
            plan->is_verbose = true;
        else
            usage();
    }
    if (plan->step == 0) usage();
    return i;
}

int main(int argc, char **argv)
{
    struct plan plan = {.step = STEP_QUICK, .fine_bytes = FINE_QUICK, .runs = RUNS_QUICK};
    struct corpus corpus = {NULL, 0, 0};
    for (int i = read_options(argc, argv, &plan); i < argc; i++)
        corpus_read(&corpus, argv[i]);
    if (corpus.count == 0) {
        corpus_read(&corpus, "tests/fault/programs");
        corpus_read(&corpus, "tests/lang");
    }
    zsiphash_fix_process_key(1); // the same runs every time
    struct totals totals = {0, 0, 0, 0};
    for (size_t i = 0; i < corpus.count; i++)
        try_program(&totals, &corpus.programs[i], &plan);
    corpus_free(&corpus);
    (void)printf("runs %" PRIu64 ", refused %" PRIu64 ", of those caught %" PRIu64
                 ", failed %" PRIu64 "\n",
                 totals.runs, totals.refused, totals.caught, totals.failed);
    return totals.failed == 0 && totals.refused > 0 ? 0 : 1;
}
