// Goal: whatever the threads of a host do to runtimes at once through zvm.h, nothing is lost, done
// twice, mixed up, leaked or counted wrongly, and nobody waits for ever.
// Method: a round has two runtimes. Threads draw one step after the other on a shared set of slots:
// they load and unload programs, make, submit, run by hand, wait for, cancel, disturb and destroy
// isolates whose results are known, while others cancel, drain and read reports. Callbacks destroy,
// hand over, and start successors; each is made exactly once (two bitmaps). A round ends in one of
// four ways: at rest; with a drain; shut down while all go on; or destroyed with isolates alive. At
// rest the reports are compared with the sum of all results. A runtime without workers stays open
// through all rounds, so that what a round leaves in the table of shared strings adds up. A watchdog
// aborts with a report when isolates are in flight and nothing moves for ten seconds.
// Usage: stress_runtime [THREADS] [SCALE] [ITERATIONS] [SEED] [--workers N] [--seconds N]: threads of
// the host, slots, steps of a thread, seed; workers of the first runtime (else 1, 2, 3, 8, 64 in
// turn); rounds until so much time has passed. Exit status 0: nothing wrong.
#include "runtime_steps.h"

#include <signal.h>
#include <unistd.h>

#if defined(__has_feature)
#    if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#        define HAS_SANITIZER 1
#    endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define HAS_SANITIZER 1
#endif
#ifdef HAS_SANITIZER
#    define ITERATIONS_DEFAULT 400
#else
#    define ITERATIONS_DEFAULT 1500
#endif

#define STUCK_NS        UINT64_C(60000000000)
#define STUCK_HOST_NS   UINT64_C(120000000000) // no thread of the host has made a step
#define STUCK_DESTROY_S 240
#define INTERN_SLACK    4096 // strings that nobody holds are dropped when there are enough of them
#define WATCH_NS        50000000
#define TAKEN_A_WRITTEN 40    // reports taken for each one written
#define POINTS          "400" // in debug builds one schedule point in so many yields

static const uint32_t worker_counts[] = {1, 2, 3, 8, 64};
static const uint32_t second_counts[] = {0, 1, 2, 3};

enum { WORKER_COUNTS = sizeof worker_counts / sizeof *worker_counts };

enum mode { MODE_REST, MODE_DRAIN, MODE_SHUTDOWN, MODE_DESTROY, MODE_COUNT };

struct setting {
    uint64_t seed, seconds;
    int64_t workers; // -1: in turn
};

static void nap(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

// ---- Threads beside the steps -------------------------------------------------------------------

static void *run_steps(void *context)
{
    struct thread *thread = context;
    for (uint64_t i = 0; i < thread->round->stress->iterations; i++)
        step(thread);
    return NULL;
}

static void *run_finish(void *context)
{
    struct thread *thread = context;
    struct round *round = thread->round;
    for (uint32_t i = thread->index; i < round->slot_count; i += round->stress->thread_count)
        finish_slot(thread, &round->slots[i]);
    return NULL;
}

// Waits for an isolate that others wait for as well, and that its owner may be about to destroy.
static void wait_beside(struct slot *slot, uint64_t timeout_ns)
{
    pthread_mutex_lock(&slot->lock);
    zvm_isolate *isolate = slot->is_submitted && slot->by == BY_HOST ? slot->isolate : NULL;
    if (isolate != NULL) slot->waiter_count++;
    pthread_mutex_unlock(&slot->lock);
    if (isolate == NULL) return;
    zvm_status status = zvm_isolate_wait(isolate, timeout_ns);
    expect(slot->round->stress, status == ZVM_OK || status == ZVM_E_TIMEOUT, "second waiter");
    pthread_mutex_lock(&slot->lock);
    slot->waiter_count--;
    pthread_mutex_unlock(&slot->lock);
}

static void *run_meddler(void *context)
{
    struct thread *thread = context;
    struct round *round = thread->round;
    while (!atomic_load(&round->is_over)) {
        struct slot *slot = &round->slots[draw(&thread->random, round->slot_count)];
        if (draw(&thread->random, 3) == 0)
            cancel(slot);
        else
            wait_beside(slot, draw(&thread->random, 300000));
        nap(draw(&thread->random, 200000));
    }
    return NULL;
}

static void *run_drainer(void *context)
{
    struct thread *thread = context;
    struct round *round = thread->round;
    while (!atomic_load(&round->is_over)) {
        struct side *side = &round->sides[draw(&thread->random, 2)];
        zvm_status status = zvm_runtime_drain(side->runtime);
        expect_status(round->stress, status, ZVM_OK, "drain beside others");
        nap(draw(&thread->random, 5000000));
    }
    return NULL;
}

static void read_once(struct round *round, struct side *side, zvm_report *before,
                      zvm_report_format format)
{
    struct stress *stress = round->stress;
    struct written written = {0};
    const char *what = NULL;
    for (int i = 0; i < TAKEN_A_WRITTEN && what == NULL; i++) {
        zvm_report report = ZVM_REPORT_INIT;
        expect_status(stress, zvm_report_take(side->runtime, &report), ZVM_OK, "report");
        what = wrong_in_report(&report, before);
        *before = report;
    }
    if (what != NULL) wrong(stress, "report", what);
    zvm_status status = zvm_report_write(side->runtime, format, collect_written, &written);
    expect_status(stress, status, ZVM_OK, "write a report");
    what = status == ZVM_OK ? wrong_in_written(format, &written) : NULL;
    if (what != NULL) wrong(stress, "written report", what);
    free(written.text);
}

static void *run_reader(void *context)
{
    struct thread *thread = context;
    struct round *round = thread->round;
    zvm_report before[2] = {ZVM_REPORT_INIT, ZVM_REPORT_INIT};
    for (uint32_t i = 0; !atomic_load(&round->is_over); i++) {
        read_once(round, &round->sides[i % 2], &before[i % 2], (zvm_report_format)(i / 2 % 3));
        nap(draw(&thread->random, 1000000));
    }
    return NULL;
}

// ---- The watchdog -------------------------------------------------------------------------------

static bool to_stderr(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    return fwrite(text, 1, length_bytes, stderr) == length_bytes;
}

_Noreturn static void give_up(struct round *round, const char *what)
{
    fprintf(stderr, "stress_runtime: %s\nstress_runtime: repeat: %s\n", what,
            round->stress->repeat);
    for (int i = 0; i < 2; i++)
        (void)zvm_report_write(round->sides[i].runtime, ZVM_REPORT_TEXT, to_stderr, NULL);
    for (uint32_t i = 0; i < round->slot_count; i++) { // no locks: somebody may hold one for ever
        const struct slot *slot = &round->slots[i];
        if (slot->isolate == NULL) continue;
        fprintf(stderr, "slot %u: side %d, %s%s, by %d, %s%s%s\n", i,
                (int)(slot->side - round->sides), slot->is_private ? "private " : "",
                programs[slot->program].name, (int)slot->by,
                slot->is_submitted ? "submitted " : "idle ", slot->is_cancelled ? "cancelled " : "",
                slot->is_told ? "told" : "");
    }
    abort();
}

// What moves while anything does: slices and ends, of both runtimes.
static uint64_t progress_of(struct round *round, uint64_t *in_flight)
{
    uint64_t sum = 0;
    *in_flight = 0;
    for (int i = 0; i < 2; i++) {
        zvm_report report = ZVM_REPORT_INIT;
        (void)zvm_report_take(round->sides[i].runtime, &report);
        *in_flight += report.isolates_in_flight;
        sum += report.totals.slices + report.totals.isolates_finished;
    }
    return sum;
}

static void *run_watchdog(void *context)
{
    struct thread *thread = context;
    struct round *round = thread->round;
    uint64_t seen = 0, seen_ns = now_ns(), steps = 0, steps_ns = seen_ns;
    while (!atomic_load(&round->is_over)) {
        uint64_t in_flight, nap_ns = now_ns();
        nap(WATCH_NS);
        uint64_t time_ns = now_ns();
        if (time_ns - nap_ns > WATCH_NS + round->stress->nap_late_ns)
            round->stress->nap_late_ns = time_ns - nap_ns - WATCH_NS;
        uint64_t progress = progress_of(round, &in_flight), step_count = round->steps;
        if (progress != seen || in_flight == 0) seen_ns = time_ns;
        if (step_count != steps) steps_ns = time_ns;
        seen = progress;
        steps = step_count;
        if (time_ns - seen_ns > round->stress->standstill_ns)
            round->stress->standstill_ns = time_ns - seen_ns;
        if (time_ns - seen_ns > STUCK_NS) give_up(round, "isolates in flight, and nothing moves");
        if (time_ns - steps_ns > STUCK_HOST_NS) give_up(round, "the host's threads are stuck");
    }
    return NULL;
}

// For what no other thread may look into: the destruction of a runtime. The text is complete before.
static const char *stuck_repeat;

static void say_stuck(int signal_number)
{
    (void)signal_number;
    static const char what[] = "stress_runtime: a runtime is not destroyed; repeat: ";
    if (write(STDERR_FILENO, what, sizeof what - 1) < 0) abort();
    if (write(STDERR_FILENO, stuck_repeat, strlen(stuck_repeat)) < 0) abort();
    abort();
}

// ---- A round ------------------------------------------------------------------------------------

static bool open_side(struct round *round, struct side *side, uint32_t worker_count,
                      uint32_t slice_budget)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = worker_count;
    options.slice_budget = slice_budget;
    zvm_status status = zvm_runtime_create(&options, &side->runtime);
    expect_status(round->stress, status, ZVM_OK, "make a runtime");
    if (status != ZVM_OK) return false;
    side->worker_count = worker_count;
    for (int i = 0; i < PROGRAM_COUNT; i++) {
        pthread_mutex_init(&side->shelves[i].lock, NULL);
        side->shelves[i].code = compile(side, round->stress, programs[i].name, programs[i].source);
        if (side->shelves[i].code == NULL) return false;
    }
    return true;
}

static void release_code(struct side *side)
{
    for (int i = 0; i < PROGRAM_COUNT; i++) {
        zvm_code_release(side->shelves[i].code);
        side->shelves[i].code = NULL;
    }
}

static void open_slots(struct round *round)
{
    round->slots = calloc(round->slot_count, sizeof *round->slots);
    round->called = calloc(SERIAL_WORDS, sizeof *round->called);
    round->ended = calloc(SERIAL_WORDS, sizeof *round->ended);
    if (round->slots == NULL || round->called == NULL || round->ended == NULL) abort();
    for (uint32_t i = 0; i < round->slot_count; i++) {
        round->slots[i].round = round;
        round->slots[i].side = &round->sides[i % 3 == 2]; // two thirds to the first
        pthread_mutex_init(&round->slots[i].lock, NULL);
    }
}

// Shuts one side down while the others go on.
static void *run_closer(void *context)
{
    struct thread *thread = context;
    struct round *round = thread->round;
    struct stress *stress = round->stress;
    struct side *side = &round->sides[draw(&thread->random, 2)];
    uint64_t half = stress->iterations * stress->thread_count / 4;
    while (atomic_load(&round->steps) < half && !atomic_load(&round->is_over))
        nap(1000000);
    atomic_store(&side->is_closing, true);
    zvm_status status = zvm_runtime_shutdown(side->runtime, draw(&thread->random, 2) == 0);
    expect_status(stress, status, ZVM_OK, "shut down");
    zvm_report report = ZVM_REPORT_INIT;
    expect_status(stress, zvm_report_take(side->runtime, &report), ZVM_OK, "report");
    expect(stress, report.isolates_in_flight == 0, "in flight after a shutdown");
    expect_status(stress, zvm_runtime_shutdown(side->runtime, true), ZVM_OK, "shut down again");
    return NULL;
}

static void check_tally(struct stress *stress, struct side *side)
{
    const struct tally *t = &side->tally;
    zvm_report report = ZVM_REPORT_INIT;
    expect_status(stress, zvm_report_take(side->runtime, &report), ZVM_OK, "report");
    const zvm_report_counters *c = &report.totals;
    const char *what = wrong_in_quiet_report(&report);
    if (what != NULL) wrong(stress, "report", what);
    expect(stress, c->isolates_created == t->created, "count of those made");
    if (t->untold > 0) return;
    expect(stress, c->isolates_succeeded == t->ended[ZVM_OK], "count of successes");
    expect(stress, c->failed_error == t->ended[ZVM_E_ERROR], "count of errors");
    expect(stress, c->failed_heap_limit == t->ended[ZVM_E_HEAP_LIMIT], "count of heap limits");
    expect(stress, c->failed_fuel == t->ended[ZVM_E_FUEL], "count of fuel limits");
    expect(stress, c->failed_timeout == t->ended[ZVM_E_TIMEOUT], "count of timeouts");
    expect(stress, c->failed_cancelled == t->ended[ZVM_E_CANCELLED], "count of cancels");
    expect(stress, c->failed_output == t->ended[ZVM_E_OUTPUT], "count of refused output");
    expect(stress, c->failed_other == 0, "count of other ends");
    expect(stress, c->fuel_used == t->fuel_used, "fuel");
    expect(stress, c->slices == t->slices, "slices");
    expect(stress, c->output_bytes == t->output_bytes, "bytes of output");
    expect(stress, c->collections == t->collections, "collections");
}

static void check_bitmaps(struct round *round)
{
    for (uint32_t i = 0; i < SERIAL_WORDS; i++)
        if (round->called[i] != round->ended[i]) {
            wrong(round->stress, "callbacks and ends differ", "");
            return;
        }
}

static void spawn(pthread_t *id, void *(*run)(void *), struct thread *thread)
{
    if (pthread_create(id, NULL, run, thread) != 0) abort();
}

static void run_on_all(struct thread *threads, uint32_t count, void *(*run)(void *), pthread_t *ids)
{
    for (uint32_t i = 0; i < count; i++)
        spawn(&ids[i], run, &threads[i]);
}

static void join_all(const pthread_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pthread_join(ids[i], NULL);
}

// Successors may have been left that a thread must see to: once more, until all slots are empty.
static void settle(struct round *round, uint64_t seed)
{
    struct thread thread = {round, {seed}, 0};
    for (bool is_empty = false; !is_empty && round->stress->wrong == 0;) {
        is_empty = true;
        for (uint32_t i = 0; i < round->slot_count; i++) {
            if (round->slots[i].isolate == NULL) continue;
            is_empty = false;
            bool is_its_own = round->slots[i].is_submitted && round->slots[i].by == BY_CALLBACK;
            expect(round->stress, !is_its_own, "drained, but in flight");
            if (!is_its_own) finish_slot(&thread, &round->slots[i]);
        }
        for (int i = 0; i < 2; i++)
            (void)zvm_runtime_drain(round->sides[i].runtime);
    }
}

enum { HELPERS = 5 };

static void run_threads(struct round *round, enum mode mode, uint64_t seed)
{
    struct stress *stress = round->stress;
    uint32_t count = stress->thread_count;
    struct thread *threads = calloc(count + HELPERS, sizeof *threads);
    pthread_t *ids = calloc(count + HELPERS, sizeof *ids);
    if (threads == NULL || ids == NULL) abort();
    for (uint32_t i = 0; i < count + HELPERS; i++)
        threads[i] = (struct thread){round, {seed * 1000 + i}, i};
    static void *(*const helpers[HELPERS])(void *) = {run_watchdog, run_reader, run_meddler,
                                                      run_drainer, run_closer};
    static const uint32_t helper_counts[MODE_COUNT] = {
        [MODE_REST] = 3, [MODE_DRAIN] = 4, [MODE_SHUTDOWN] = 5, [MODE_DESTROY] = 3};
    uint32_t helper_count = helper_counts[mode];
    for (uint32_t i = 0; i < helper_count; i++)
        spawn(&ids[count + i], helpers[i], &threads[count + i]);
    run_on_all(threads, count, run_steps, ids);
    join_all(ids, count);
    if (mode != MODE_DESTROY) {
        run_on_all(threads, count, run_finish, ids);
        join_all(ids, count);
        for (int i = 0; i < 2; i++)
            expect_status(stress, zvm_runtime_drain(round->sides[i].runtime), ZVM_OK, "drain");
    }
    if (mode != MODE_DESTROY) settle(round, seed);
    atomic_store(&round->is_over, true);
    join_all(ids + count, helper_count);
    free(ids);
    free(threads);
}

// Without code and isolates a runtime has little more than its own names, which are a few hundred.
static void check_symbols(struct stress *stress, zvm_runtime *runtime)
{
    zvm_intern_figures figures = ZVM_INTERN_FIGURES_INIT;
    expect_status(stress, zvm_intern_stats(runtime, &figures), ZVM_OK, "figures of symbols");
    expect(stress, figures.count <= INTERN_SLACK, "shared strings are left behind");
}

static void run_round(struct stress *stress, uint32_t worker_count, uint64_t seed)
{
    static const uint32_t budgets[] = {300, 2000, 0};
    struct draw random = {seed};
    struct round round = {.stress = stress, .slot_count = stress->slot_count};
    enum mode mode = (enum mode)(seed % MODE_COUNT);
    round.may_untell = draw(&random, 2) == 0;
    uint32_t second = second_counts[draw(&random, 4)];
    open_slots(&round);
    if (open_side(&round, &round.sides[0], worker_count, budgets[draw(&random, 3)]) &&
        open_side(&round, &round.sides[1], second, budgets[draw(&random, 3)])) {
        run_threads(&round, mode, seed);
        for (int i = 0; i < 2 && mode != MODE_DESTROY; i++)
            check_tally(stress, &round.sides[i]);
    }
    for (int i = 0; i < 2; i++) {
        release_code(&round.sides[i]);
        bool is_empty = mode != MODE_DESTROY && round.sides[i].runtime != NULL;
        if (is_empty) check_symbols(stress, round.sides[i].runtime);
        atomic_store(&round.sides[i].is_closing, true);
        alarm(STUCK_DESTROY_S);
        zvm_runtime_destroy(round.sides[i].runtime);
        alarm(0);
    }
    check_bitmaps(&round);
    free(round.ended);
    free(round.called);
    free(round.slots);
}

// ---- All rounds ---------------------------------------------------------------------------------

static uint32_t run_rounds(struct stress *stress, const struct setting *setting)
{
    uint64_t end_ns = now_ns() + setting->seconds * UINT64_C(1000000000);
    uint32_t rounds = 0, wanted = setting->workers >= 0 ? 1 : WORKER_COUNTS;
    while (stress->wrong == 0 && (setting->seconds > 0 ? now_ns() < end_ns : rounds < wanted)) {
        uint64_t seed = setting->seed + rounds;
        uint32_t workers = setting->workers >= 0 ? (uint32_t)setting->workers
                                                 : worker_counts[rounds % WORKER_COUNTS];
        snprintf(stress->repeat, sizeof stress->repeat,
                 "%.60s %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 " --workers %" PRIu32,
                 stress->command, stress->thread_count, stress->slot_count, stress->iterations,
                 seed, workers);
        run_round(stress, workers, seed);
        rounds++;
    }
    // Where a nap is late as well, it is the machine that is slow.
    bool is_late = stress->late_waits >= 5 && stress->late_waits * 10 > stress->long_waits &&
                   stress->nap_late_ns < LATE_NS / 3;
    expect(stress, !is_late, "waiters are woken late");
    return rounds;
}

// Takes one option and its value out of the arguments.
static bool take_option(int *count, char **arguments, const char *name, uint64_t *out)
{
    for (int i = 1; i + 1 < *count; i++) {
        if (strcmp(arguments[i], name) != 0) continue;
        *out = strtoull(arguments[i + 1], NULL, 0);
        memmove(&arguments[i], &arguments[i + 2], (size_t)(*count - i - 2) * sizeof *arguments);
        *count -= 2;
        return true;
    }
    return false;
}

static uint64_t argument(int count, char **arguments, int index, uint64_t otherwise)
{
    return count > index ? strtoull(arguments[index], NULL, 0) : otherwise;
}

int main(int count, char **arguments)
{
    struct setting setting = {.workers = -1};
    uint64_t workers;
    if (take_option(&count, arguments, "--workers", &workers)) setting.workers = (int64_t)workers;
    (void)take_option(&count, arguments, "--seconds", &setting.seconds);
    struct stress *stress = calloc(1, sizeof *stress);
    if (stress == NULL) return 2;
    stress->command = arguments[0];
    stress->thread_count = (uint32_t)argument(count, arguments, 1, 3);
    stress->slot_count = (uint32_t)argument(count, arguments, 2, 60);
    stress->iterations = argument(count, arguments, 3, ITERATIONS_DEFAULT);
    setting.seed = argument(count, arguments, 4, 20240229);
    printf("stress_runtime %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", stress->thread_count,
           stress->slot_count, stress->iterations, setting.seed);
    fflush(stdout);
    if (stress->thread_count == 0 || stress->slot_count == 0) return 2;
    setenv("ZVM_POINTS", POINTS, 0 /* overwrite */);
    signal(SIGALRM, say_stuck);
    stuck_repeat = stress->repeat;
    uint64_t start_ns = now_ns();
    uint32_t rounds = run_rounds(stress, &setting);
    printf("%" PRIu32 " rounds, %.1f s, %lu isolates finished, longest standstill %.1f s, %lu late "
           "waits: %u wrong\n",
           rounds, (double)(now_ns() - start_ns) / 1e9, (unsigned long)stress->finished,
           (double)stress->standstill_ns / 1e9, (unsigned long)stress->late_waits, stress->wrong);
    bool is_right = stress->wrong == 0 && rounds > 0;
    free(stress);
    return is_right ? 0 : 1;
}
