// Goal: whatever allocation is refused while any program of the language tests is compiled, run,
// looked at and freed, the status says so, what was printed is right as far as it goes, nothing
// leaks, nothing hangs, and the same runtime then runs another program correctly.
// Method: each program is done in several ways (below). First untouched, which gives what it must
// print and how many allocations there are; then with the n-th allocation refused: once; that one and
// all later ones; that one and every second, third or seventh later one. Each attempt has a runtime of its own, so that the seam's counters are
// exact about leaks. The attempts are the same in every run: which n are tried depends on the counts
// alone. The quick run takes a few of each program; `--cap 0` all that the work limit allows.
//
// Usage: test_corpus_fault [--cap N] [--work N] [--part K/N] [--way NAME] [--verbose] [PATH...]
//        test_corpus_fault --way NAME --at N [--every K] PATH     one attempt, as a failure prints it
// --cap: attempts a program, way and mode, 0 = all. --work: instructions that all attempts of one
// program, way and mode may take together, 0 = any number. The last line is `points N, failed N`.
#include "fault/corpus.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "zvm.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#define CORPUS_FOLDER "tests/lang"
#if defined(__SANITIZE_THREAD__)
#    define CAP_QUICK   1
#    define PARTS_QUICK 9
#elif defined(__SANITIZE_ADDRESS__)
#    define CAP_QUICK   1
#    define PARTS_QUICK 3 // the first of so many: all of them is for long runs
#else
#    define CAP_QUICK   4
#    define PARTS_QUICK 1
#endif
#define WORK_QUICK        1000000
#define WORK_LONG         200000000
#define WORK_OF_A_RUNTIME 20000 // what making and destroying one counts for
#ifdef ZVM_GC_STRESS
#    define SECONDS_MAX 1200 // a program of 5,000 calls collects all of them at each allocation
#else
#    define SECONDS_MAX 120 // no attempt takes so long, under any sanitizer
#endif
#define FAILURES_MAX   20
#define CHECKS         16   // programs that are run after refusals,
#define CHECK_FUEL_MAX 3000 // of so much at most

// ---- One attempt --------------------------------------------------------------------------------

// file: compiled from its file. bytes: read from its compiled form. session: given to an isolate that
// has ended. profiled: with every profile on, and all of them asked for. tight: collected every 16
// allocations, with pools of 2. workers: run by two workers in short slices. runtime: as file, and the
// making of the runtime is under test too, which is the same for all programs, so only one is done.
enum way {
    WAY_FILE,
    WAY_BYTES,
    WAY_SESSION,
    WAY_PROFILED,
    WAY_TIGHT,
    WAY_WORKERS,
    WAY_RUNTIME,
    WAY_COUNT
};

static const char *const way_names[WAY_COUNT] = {"file",  "bytes",   "session", "profiled",
                                                 "tight", "workers", "runtime"};

struct text {
    char *bytes;
    size_t length, capacity;
};

// What a program does when nothing is refused, in one way.
struct expected {
    zvm_status status;
    struct text output, kind, message;
    struct text code; // WAY_BYTES: compiled
    uint64_t allocations, fuel;
};

struct attempt {
    const struct corpus_program *program;
    enum way way;
    const struct expected *expected; // NULL: this run is to find out
    struct expected *found;
    uint64_t fuel_limit;
    size_t printed;    // bytes that were as expected
    const char *wrong; // NULL: nothing
    char why[300];
};

static void add_bytes(struct text *text, const void *bytes, size_t length)
{
    if (text->length + length + 1 > text->capacity) {
        text->capacity = (text->length + length + 1) * 2;
        text->bytes = realloc(text->bytes, text->capacity);
        if (text->bytes == NULL) corpus_die("no memory", "output");
    }
    if (length > 0) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

static __attribute__((format(printf, 2, 3))) void complain(struct attempt *attempt,
                                                           const char *format, ...)
{
    if (attempt->wrong != NULL) return; // the first thing is what matters
    va_list list;
    va_start(list, format);
    (void)vsnprintf(attempt->why, sizeof attempt->why, format, list);
    va_end(list);
    attempt->wrong = attempt->why;
}

static bool take_output(void *context, const char *text, size_t length)
{
    struct attempt *attempt = context;
    if (attempt->expected == NULL) {
        add_bytes(&attempt->found->output, text, length);
        return true;
    }
    const struct text *expected = &attempt->expected->output;
    if (length > expected->length - attempt->printed ||
        memcmp(expected->bytes + attempt->printed, text, length) != 0)
        complain(attempt, "prints something else after %zu bytes", attempt->printed);
    else
        attempt->printed += length;
    return true;
}

static bool drop_text(void *context, const char *text, size_t length)
{
    (void)context, (void)text, (void)length;
    return true;
}

static bool add_text(void *context, const char *text, size_t length)
{
    add_bytes(context, text, length);
    return true;
}

static bool drop_leak(void *context, const zvm_leak *leak)
{
    (void)context, (void)leak;
    return true;
}

static bool drop_entry(void *context, const zvm_history_entry *entry)
{
    (void)context, (void)entry;
    return true;
}

static zvm_isolate_options options_of(struct attempt *attempt)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = take_output;
    options.output_context = attempt;
    options.fuel_limit = attempt->fuel_limit;
    if (attempt->way == WAY_PROFILED) {
        options.history_entries = 16;
        options.sample_bytes = 64;
        options.track_ages = 1;
    }
    if (attempt->way == WAY_TIGHT) {
        options.gc_threshold_count = 16;
        options.int_pool_size = options.str_pool_size = options.list_pool_size = 2;
    }
    return options;
}

// Only a refusal may make a call fail, and only as a refusal.
static bool went(struct attempt *attempt, const char *call, zvm_status status)
{
    if (status == ZVM_OK) return true;
    if (attempt->expected == NULL || status != ZVM_E_NOMEM)
        complain(attempt, "%s: %s", call, zvm_status_text(status));
    return false;
}

static zvm_status compile(struct attempt *attempt, zvm_runtime *runtime, zvm_code **code)
{
    const struct corpus_program *program = attempt->program;
    if (attempt->way == WAY_BYTES && attempt->expected != NULL)
        return zvm_code_from_bytes(runtime, program->path, attempt->expected->code.bytes,
                                   attempt->expected->code.length, drop_text, NULL, code);
    if (attempt->way == WAY_SESSION)
        return zvm_code_from_source(runtime, program->path, "", 0, drop_text, NULL, code);
    return zvm_code_from_file(runtime, program->path, NULL, drop_text, NULL, code);
}

static zvm_status run_isolate(struct attempt *attempt, zvm_isolate *isolate)
{
    bool finished = false;
    if (attempt->way == WAY_WORKERS) {
        zvm_status status = zvm_isolate_submit(isolate);
        return status != ZVM_OK ? status : zvm_isolate_wait(isolate, UINT64_MAX);
    }
    zvm_status status = corpus_run(isolate, &finished);
    if (status == ZVM_OK && !finished) complain(attempt, "ran to no end");
    return status;
}

static void look_into(struct attempt *attempt, zvm_isolate *isolate)
{
    const zvm_leak_filter filter = {0, 0};
    zvm_status profile = zvm_isolate_alloc_profile(isolate, drop_text, NULL);
    // Without the memory for it an isolate runs on unprofiled, and says so.
    if (profile != ZVM_E_STATE || attempt->expected == NULL)
        (void)went(attempt, "alloc_profile", profile);
    (void)went(attempt, "snapshot", zvm_isolate_heap_snapshot(isolate, drop_text, NULL));
    (void)went(attempt, "leaks", zvm_isolate_find_leaks(isolate, &filter, drop_leak, NULL));
    zvm_status history = zvm_isolate_history(isolate, drop_entry, NULL);
    if (history != ZVM_E_STATE || attempt->expected == NULL)
        (void)went(attempt, "history", history);
}

static void note_ending(struct attempt *attempt, const zvm_result *result)
{
    struct expected *found = attempt->found;
    found->status = result->status;
    found->fuel = result->fuel_used;
    found->kind.length = found->message.length = 0; // a session ends twice
    add_bytes(&found->kind, result->kind, strlen(result->kind));
    add_bytes(&found->message, result->message, strlen(result->message));
}

// The texts of an error may be missing: there was no memory for them. They are never others.
static void check_ending(struct attempt *attempt, const zvm_result *result)
{
    const struct expected *expected = attempt->expected;
    if (result->status == ZVM_E_NOMEM) return;
    if (result->status != expected->status) {
        complain(attempt, "ends with %s", zvm_status_text(result->status));
        return;
    }
    if (attempt->printed != expected->output.length)
        complain(attempt, "ends as ever, but printed %zu bytes of %zu", attempt->printed,
                 expected->output.length);
    if (result->kind[0] != '\0' && strcmp(result->kind, expected->kind.bytes) != 0)
        complain(attempt, "ends with kind '%s'", result->kind);
    if (strncmp(result->message, expected->message.bytes, strlen(result->message)) != 0)
        complain(attempt, "ends with message '%s'", result->message);
}

static void end_isolate(struct attempt *attempt, zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_status status = zvm_isolate_result(isolate, &result);
    if (status != ZVM_OK)
        complain(attempt, "result: %s", zvm_status_text(status));
    else if (attempt->expected == NULL)
        note_ending(attempt, &result);
    else
        check_ending(attempt, &result);
    if (attempt->way == WAY_PROFILED) look_into(attempt, isolate);
}

static void run_code(struct attempt *attempt, zvm_runtime *runtime, zvm_code *code)
{
    const struct corpus_program *program = attempt->program;
    zvm_isolate_options options = options_of(attempt);
    zvm_isolate *isolate = NULL;
    if (!went(attempt, "create", zvm_isolate_create(runtime, code, &options, &isolate))) return;
    bool has_run = went(attempt, "run", run_isolate(attempt, isolate));
    if (has_run && attempt->way == WAY_SESSION) {
        zvm_result result = ZVM_RESULT_INIT;
        (void)zvm_isolate_result(isolate, &result);
        // An isolate that a refusal has ended takes no more code.
        has_run = result.status == ZVM_OK &&
                  went(attempt, "load",
                       zvm_isolate_load(isolate, program->path, program->text,
                                        program->length_bytes, 0, drop_text, NULL)) &&
                  went(attempt, "run", run_isolate(attempt, isolate));
    }
    if (has_run) end_isolate(attempt, isolate);
    zvm_status status = zvm_isolate_destroy(isolate);
    if (status != ZVM_OK) complain(attempt, "destroy: %s", zvm_status_text(status));
}

static void note_code(struct attempt *attempt, zvm_code *code)
{
    if (attempt->expected != NULL || attempt->way != WAY_BYTES) return;
    attempt->found->code.length = 0;
    (void)went(attempt, "serialize", zvm_code_serialize(code, add_text, &attempt->found->code));
}

// Everything but the runtime. False: it has no code, which is right for some programs.
static bool compile_and_run(struct attempt *attempt, zvm_runtime *runtime)
{
    zvm_code *code = NULL;
    zvm_status status = compile(attempt, runtime, &code);
    if (status == ZVM_E_SYNTAX && attempt->expected == NULL) {
        attempt->found->status = status;
        return false;
    }
    bool is_wrong_program = attempt->expected != NULL && attempt->expected->status == ZVM_E_SYNTAX;
    if (is_wrong_program && (status == ZVM_E_SYNTAX || status == ZVM_E_NOMEM)) return false;
    if (!went(attempt, "compile", status)) return false;
    note_code(attempt, code);
    run_code(attempt, runtime, code);
    zvm_code_release(code);
    zvm_report report = {.size = sizeof report};
    status = zvm_report_take(runtime, &report);
    if (status != ZVM_OK) complain(attempt, "report: %s", zvm_status_text(status));
    return true;
}

// ---- A program that is run afterwards -----------------------------------------------------------

struct check {
    const struct corpus_program *program;
    struct expected expected;
};

static struct check checks[CHECKS];
static size_t check_count;

static void run_check(struct attempt *attempt, zvm_runtime *runtime, uint64_t n)
{
    if (check_count == 0 || attempt->wrong != NULL) return;
    const struct check *check = &checks[n % check_count];
    struct attempt after = {
        .program = check->program, .way = WAY_FILE, .expected = &check->expected};
    if (attempt->way == WAY_WORKERS) after.way = WAY_WORKERS;
    (void)compile_and_run(&after, runtime);
    if (after.wrong == NULL && after.printed != check->expected.output.length)
        after.wrong = "not all was printed";
    if (after.wrong != NULL)
        complain(attempt, "afterwards %s: %s", check->program->path, after.wrong);
}

// ---- Attempts with a refusal --------------------------------------------------------------------

struct totals {
    uint64_t points, failed, untouched;
};

static zvm_status make_runtime(enum way way, zvm_runtime **out)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    if (way == WAY_WORKERS) {
        options.worker_count = 2;
        options.slice_budget = 2048;
    }
    return zvm_runtime_create(&options, out);
}

// The place of the attempt, for whoever has to tell of a crash.
static char place[600];

static void describe(const struct attempt *attempt, uint64_t n, uint64_t period)
{
    (void)snprintf(place, sizeof place, "--way %s --at %llu --every %llu %s\n",
                   way_names[attempt->way], (unsigned long long)n, (unsigned long long)period,
                   attempt->program->path);
}

static void tell_place(void)
{
    static const char begin[] = "test_corpus_fault ";
    (void)!write(STDERR_FILENO, begin, sizeof begin - 1);
    (void)!write(STDERR_FILENO, place, strlen(place));
}

static void on_signal(int number)
{
    tell_place();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

// Makes a runtime, with or without refusals.
static zvm_runtime *begin(struct attempt *attempt, uint64_t n, uint64_t period)
{
    zvm_runtime *runtime = NULL;
    if (attempt->way == WAY_RUNTIME) zalloc_fail_every(n, period);
    (void)went(attempt, "runtime", make_runtime(attempt->way, &runtime));
    if (attempt->way != WAY_RUNTIME) zalloc_fail_every(n, period);
    return runtime;
}

// True: the n-th allocation was reached. Where more are refused than one, every other attempt also
// destroys its runtime so; the others run a program in it, with all the memory again.
static bool refuse(struct attempt *attempt, uint64_t n, uint64_t period)
{
    bool ends_without = period != 0 && n % 2 == 0;
    struct zalloc_stats before = zalloc_stats();
    describe(attempt, n, period);
    (void)alarm(SECONDS_MAX);
    zvm_runtime *runtime = begin(attempt, n, period);
    if (runtime != NULL) (void)compile_and_run(attempt, runtime);
    if (ends_without) zvm_runtime_destroy(runtime);
    bool reached = zalloc_has_failed();
    zalloc_fail_at(0, false);
    if (runtime != NULL && !ends_without) {
        run_check(attempt, runtime, n);
        zvm_runtime_destroy(runtime);
    }
    struct zalloc_stats after = zalloc_stats();
    if (after.live_count != before.live_count || after.live_bytes != before.live_bytes)
        complain(attempt, "leaks %lld blocks, %lld bytes",
                 (long long)(after.live_count - before.live_count),
                 (long long)(after.live_bytes - before.live_bytes));
    return reached;
}

static void count_attempt(struct totals *totals, const struct attempt *attempt, bool reached)
{
    totals->points += reached;
    totals->untouched += !reached;
    if (attempt->wrong == NULL) return;
    totals->failed++;
    (void)printf("FAILED %s: %s\n    repeat: test_corpus_fault %s", attempt->program->path,
                 attempt->wrong, place);
    if (totals->failed < FAILURES_MAX) return;
    (void)printf("enough failures\npoints %llu, failed %llu\n", (unsigned long long)totals->points,
                 (unsigned long long)totals->failed);
    exit(1);
}

static bool try_point(struct totals *totals, const struct corpus_program *program, enum way way,
                      const struct expected *expected, uint64_t n, uint64_t period)
{
    struct attempt attempt = {.program = program,
                              .way = way,
                              .expected = expected,
                              // One that runs on and on is caught by its fuel.
                              .fuel_limit = expected->fuel * 2 + 100000};
    bool reached = refuse(&attempt, n, period);
    count_attempt(totals, &attempt, reached);
    return reached;
}

// ---- Which allocations --------------------------------------------------------------------------

#define MODES 5
static const uint64_t periods[MODES] = {0, 1, 2, 3, 7};

struct plan {
    uint64_t cap, work;
    bool is_verbose;
};

// How many of the program's allocations are tried, in one way and mode.
static uint64_t points_of(const struct plan *plan, const struct expected *expected)
{
    uint64_t points = expected->allocations;
    uint64_t affordable = plan->work / (expected->fuel + WORK_OF_A_RUNTIME);
    if (plan->work != 0 && points > affordable) points = affordable;
    if (plan->cap != 0 && points > plan->cap) points = plan->cap;
    return points == 0 ? 1 : points;
}

// The i-th of `points` numbers out of 1..allocations, spread over all of them. Each mode of each way
// begins elsewhere, so that few points still meet many places.
static uint64_t number_of(uint64_t i, uint64_t points, uint64_t allocations, uint64_t shift)
{
    uint64_t step = allocations / points;
    uint64_t n = i * allocations / points + 1 + (step > 1 ? shift % step : 0);
    return n > allocations ? allocations : n;
}

static void try_program(struct totals *totals, const struct plan *plan,
                        const struct corpus_program *program, enum way way,
                        const struct expected *expected, uint64_t program_number)
{
    uint64_t points = points_of(plan, expected);
    for (size_t mode = 0; mode < MODES; mode++) {
        uint64_t shift = program_number * 7 + (uint64_t)way * 3 + mode;
        for (uint64_t i = 0; i < points; i++) {
            uint64_t n = number_of(i, points, expected->allocations, shift);
            (void)try_point(totals, program, way, expected, n, periods[mode]);
        }
    }
    if (plan->is_verbose)
        (void)printf("%s %s: %llu of %llu allocations, fuel %llu\n", way_names[way], program->path,
                     (unsigned long long)points, (unsigned long long)expected->allocations,
                     (unsigned long long)expected->fuel);
}

// ---- Untouched ----------------------------------------------------------------------------------

// Runs a program in a runtime of its own and counts its allocations. False: it has no code.
static bool run_untouched(struct attempt *attempt, uint64_t *allocations)
{
    describe(attempt, 0, 0);
    (void)alarm(SECONDS_MAX);
    uint64_t calls = zalloc_stats().calls;
    zvm_runtime *runtime = NULL;
    if (make_runtime(attempt->way, &runtime) != ZVM_OK)
        corpus_die("no runtime", attempt->program->path);
    if (attempt->way != WAY_RUNTIME) calls = zalloc_stats().calls;
    bool has_code = compile_and_run(attempt, runtime);
    zvm_runtime_destroy(runtime);
    *allocations = zalloc_stats().calls - calls;
    return has_code;
}

// Runs a program to know what it does. False: this way is not for it (a session takes no modules, and
// what is no program has no compiled form).
static bool find_out(const struct corpus_program *program, enum way way, struct expected *found)
{
    struct attempt attempt = {.program = program, .way = way, .found = found};
    bool has_code = run_untouched(&attempt, &found->allocations);
    add_bytes(&found->output, "", 0); // so that all are texts
    add_bytes(&found->kind, "", 0);
    add_bytes(&found->message, "", 0);
    if (way == WAY_BYTES && !has_code) return false;
    if (way == WAY_SESSION && attempt.wrong != NULL) return false;
    if (attempt.wrong != NULL) corpus_die(attempt.wrong, program->path);

    // Once more, as the attempts will do it: now from the compiled form.
    struct attempt again = {.program = program, .way = way, .expected = found};
    (void)run_untouched(&again, &found->allocations);
    if (again.wrong != NULL) corpus_die(again.wrong, program->path);
    return true;
}

static void free_expected(struct expected *expected)
{
    free(expected->output.bytes);
    free(expected->kind.bytes);
    free(expected->message.bytes);
    free(expected->code.bytes);
    *expected = (struct expected){0};
}

// Short programs that end well, to be run after refusals.
static void choose_checks(const struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->count && check_count < CHECKS; i += 5) {
        struct check check = {.program = &corpus->programs[i]};
        bool is_good = find_out(check.program, WAY_FILE, &check.expected) &&
                       check.expected.status == ZVM_OK && check.expected.fuel < CHECK_FUEL_MAX;
        if (is_good)
            checks[check_count++] = check;
        else
            free_expected(&check.expected);
    }
}

static void free_checks(void)
{
    for (size_t i = 0; i < check_count; i++)
        free_expected(&checks[i].expected);
}

// ---- Main ---------------------------------------------------------------------------------------

struct options {
    bool has_part; // part and parts were given
    struct plan plan;
    uint64_t at;
    uint64_t period;
    uint64_t part, parts;
    int way; // -1: all
};

static void usage(void)
{
    (void)fprintf(stderr, "usage: test_corpus_fault [--cap N] [--work N] [--part K/N] [--way NAME] "
                          "[--at N [--every K]] [--verbose] [PATH...]\n");
    exit(2);
}

static uint64_t read_number(const char *text, char end)
{
    char *behind = NULL;
    if (text == NULL) usage();
    uint64_t number = strtoull(text, &behind, 10);
    if (behind == text || *behind != end) usage();
    return number;
}

static int read_way(const char *text)
{
    for (int way = 0; text != NULL && way < WAY_COUNT; way++)
        if (strcmp(text, way_names[way]) == 0) return way;
    usage();
    return -1;
}

// Reads what begins with "--"; returns the index of the first path.
static int read_options(int argc, char **argv, struct options *options)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--verbose") == 0) {
            options->plan.is_verbose = true;
        } else if (strcmp(name, "--cap") == 0) {
            options->plan.cap = read_number(argv[++i], '\0');
            options->plan.work = WORK_LONG;
            if (!options->has_part) options->parts = 1;
        } else if (strcmp(name, "--work") == 0) {
            options->plan.work = read_number(argv[++i], '\0');
        } else if (strcmp(name, "--at") == 0) {
            options->at = read_number(argv[++i], '\0');
        } else if (strcmp(name, "--every") == 0) {
            options->period = read_number(argv[++i], '\0');
        } else if (strcmp(name, "--way") == 0) {
            options->way = read_way(argv[++i]);
        } else if (strcmp(name, "--part") == 0 && i + 1 < argc && strchr(argv[i + 1], '/')) {
            options->has_part = true;
            options->part = read_number(argv[++i], '/');
            options->parts = read_number(strchr(argv[i], '/') + 1, '\0');
        } else {
            usage();
        }
    }
    if (options->parts == 0 || options->part - 1 >= options->parts) usage();
    return i;
}

static void try_ways(struct totals *totals, const struct options *options,
                     const struct corpus_program *program, uint64_t number)
{
    for (int way = 0; way < WAY_COUNT; way++) {
        if (options->way >= 0 ? way != options->way : way == WAY_RUNTIME && number != 0) continue;
        struct expected expected = {0};
        if (find_out(program, (enum way)way, &expected)) {
            if (options->at != 0)
                (void)try_point(totals, program, (enum way)way, &expected, options->at,
                                options->period);
            else
                try_program(totals, &options->plan, program, (enum way)way, &expected, number);
        }
        free_expected(&expected);
    }
}

int main(int argc, char **argv)
{
    struct options options = {
        .plan = {.cap = CAP_QUICK, .work = WORK_QUICK}, .part = 1, .parts = PARTS_QUICK, .way = -1};
    int first = read_options(argc, argv, &options);
    for (size_t i = 0; i < 5; i++)
        (void)signal((const int[]){SIGSEGV, SIGBUS, SIGABRT, SIGALRM, SIGFPE}[i], on_signal);
    // The same order in the table of symbols, and so the same allocations, in every run.
    zsiphash_fix_process_key(1);
    struct corpus corpus = {NULL, 0, 0}, all = {NULL, 0, 0};
    corpus_read(&all, CORPUS_FOLDER);
    for (int i = first; i < argc; i++)
        corpus_read(&corpus, argv[i]);
    const struct corpus *chosen = first < argc ? &corpus : &all;
    choose_checks(&all);
    struct totals totals = {0, 0, 0};
    for (size_t i = options.part - 1; i < chosen->count; i += options.parts)
        try_ways(&totals, &options, &chosen->programs[i], i);
    (void)printf("programs %zu, attempts that no refusal met %llu\npoints %llu, failed %llu\n",
                 chosen->count, (unsigned long long)totals.untouched,
                 (unsigned long long)totals.points, (unsigned long long)totals.failed);
    free_checks();
    corpus_free(&corpus);
    corpus_free(&all);
    return totals.failed == 0 && totals.points > 0 ? 0 : 1;
}
