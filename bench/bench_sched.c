// bench/bench_sched.c - what handing isolates to workers costs: submission, turns, fairness,
// scaling.
//
// Method, each figure the median of ROUNDS rounds:
//   submit_N_workers_per_second  isolates that exist, of an empty program, are submitted one by one
//                                from this thread; wall time until the last has ended, which is one
//                                run of the program, its figures in the report and all else
//                                included.
//   slice_ns                     1,000 spinners in slices of the smallest budget on one worker:
//   wall
//                                time over slices; a slice enters and leaves the interpreter.
//   turn_ns                      of that, the queues: 1,000 entries go round between zqueue_next
//   and
//                                zqueue_requeue on this thread, with nothing run.
//   turn_in_group_ns             the same when all of them are in one group: each turn goes through the
//                                group's own queue.
//   wait_ns                      1,000 isolates on one worker call a function of the host that suspends
//                                them and answers the one that called before: wall time over waits,
//                                so one suspension, one answer and one resumption.
//   spread_N_workers             1,000 spinners, all queued before the workers may start, run for a
//                                second: most slices over fewest.
//   two_workers_of_two_processes tasks of a microsecond, queued before the workers may start:
//                                two workers with 2n tasks against two processes with one worker
//                                and n tasks each, started together; 1 = equal.
//   tasks_N_workers_ns           the same tasks, as many for each worker: wall time over the tasks of
//                                one worker.
// bench/peers has the like for other runtimes. Prints `NAME VALUE` lines.
#include "sched/sched_internal.h"
#include "vm/quota.h"
#include "zvm.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS        5
#define SUBMIT_COUNT  200000
#define SPINNER_COUNT 1000
#define TASK_COUNT    100000

static const char spin_program[] = "while true { }\n";
#define TASK_NS    1000
#define TASK_LOOPS 100 // of the first try

// A loop of as many rounds as make a task of TASK_NS on this machine: see size_tasks.
static char task_program[64];

static void check(zvm_status status, const char *what)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "bench_sched: %s: %s\n", what, zvm_status_text(status));
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

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static zvm_runtime *make_runtime(uint32_t workers, uint32_t slice_budget)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = workers;
    options.slice_budget = slice_budget;
    zvm_runtime *runtime = NULL;
    check(zvm_runtime_create(&options, &runtime), "runtime");
    return runtime;
}

static zvm_code *compile(zvm_runtime *runtime, const char *text)
{
    zvm_code *code = NULL;
    check(zvm_code_from_source(runtime, "bench", text, strlen(text), NULL, NULL, &code), "compile");
    return code;
}

static zvm_isolate **make_isolates(zvm_runtime *runtime, const char *text, uint32_t count)
{
    zvm_code *code = compile(runtime, text);
    zvm_isolate **isolates = calloc(count, sizeof *isolates);
    if (isolates == NULL) check(ZVM_E_NOMEM, "array");
    for (uint32_t i = 0; i < count; i++)
        check(zvm_isolate_create(runtime, code, NULL, &isolates[i]), "create");
    zvm_code_release(code);
    return isolates;
}

static void submit_all(zvm_isolate **isolates, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        check(zvm_isolate_submit(isolates[i]), "submit");
}

// ---- Submission ---------------------------------------------------------------------------------

static double submit_rate(uint32_t workers)
{
    zvm_runtime *runtime = make_runtime(workers, 0);
    zvm_isolate **isolates = make_isolates(runtime, "", SUBMIT_COUNT);
    double start_ns = wall_ns();
    submit_all(isolates, SUBMIT_COUNT);
    check(zvm_runtime_drain(runtime), "drain");
    double took_ns = wall_ns() - start_ns;
    free(isolates);
    zvm_runtime_destroy(runtime);
    return SUBMIT_COUNT / took_ns * 1e9;
}

// ---- Turns --------------------------------------------------------------------------------------

static uint64_t slices_of(zvm_runtime *runtime)
{
    zvm_report report = ZVM_REPORT_INIT;
    check(zvm_report_take(runtime, &report), "report");
    return report.totals.slices;
}

static void sleep_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

static double slice_ns(void)
{
    zvm_runtime *runtime = make_runtime(1, 1);
    zvm_isolate **isolates = make_isolates(runtime, spin_program, SPINNER_COUNT);
    submit_all(isolates, SPINNER_COUNT);
    sleep_ms(20);
    uint64_t before = slices_of(runtime);
    double start_ns = wall_ns();
    sleep_ms(300);
    double took_ns = (wall_ns() - start_ns) / (double)(slices_of(runtime) - before);
    free(isolates);
    zvm_runtime_destroy(runtime);
    return took_ns;
}

// ---- Waiting ------------------------------------------------------------------------------------

struct chain {
    zvm_runtime *runtime;
    zvm_token before;
};

static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    struct chain *chain = zvm_call_user(call);
    zvm_token token = 0;
    check(zvm_call_token(call, &token), "token");
    if (chain->before != 0) check(zvm_complete(chain->runtime, chain->before, NULL), "complete");
    chain->before = token;
    return ZVM_CALL_SUSPENDED;
}

static uint64_t waits_of(zvm_runtime *runtime)
{
    zvm_report report = ZVM_REPORT_INIT;
    check(zvm_report_take(runtime, &report), "report");
    return report.totals.waits;
}

static double wait_ns(void)
{
    static struct chain chain;
    chain = (struct chain){.runtime = make_runtime(1, 0)};
    zvm_host_function function = {sizeof function, "ask", ask, &chain, 0, 0, 0, 0, 0};
    check(zvm_runtime_add_function(chain.runtime, &function), "function");
    zvm_isolate **isolates = make_isolates(chain.runtime, "while true { ask() }\n", SPINNER_COUNT);
    submit_all(isolates, SPINNER_COUNT);
    sleep_ms(20);
    uint64_t before = waits_of(chain.runtime);
    double start_ns = wall_ns();
    sleep_ms(300);
    double took_ns = (wall_ns() - start_ns) / (double)(waits_of(chain.runtime) - before);
    free(isolates);
    zvm_runtime_destroy(chain.runtime);
    return took_ns;
}

// The only worker sleeps; its bit is taken out of the bitmap, so that nobody wakes it, and this
// thread acts in its place.
static double turn_ns(bool in_group)
{
    enum { TURNS = 2000000 };
    struct zspan_pool *spans;
    struct zsched *sched;
    check(zspan_pool_create(&spans), "spans");
    struct zsched_options options = {.worker_count = 1, .spans = spans};
    check(zsched_create(&options, &sched), "scheduler");
    while (z_load_seq_cst(&sched->parking.idle[0]) == 0)
        sleep_ms(1);
    z_fetch_and_seq_cst(&sched->parking.idle[0], 0);

    // As far apart as isolates are.
    char *blocks = aligned_alloc(4096, SPINNER_COUNT * 2 * ZPAGE_BYTES);
    if (blocks == NULL) check(ZVM_E_NOMEM, "blocks");
    memset(blocks, 0, SPINNER_COUNT * 2 * ZPAGE_BYTES);
    struct zworker *worker = sched->workers[0];
    static struct zgroup group = {.weight = 100};
    static struct zquota quota = {.group = &group};
    atomic_init(&group.holds, 1);
    for (uint32_t i = 0; i < SPINNER_COUNT; i++) {
        struct zisolate *iso = (struct zisolate *)(void *)(blocks + i * 2 * ZPAGE_BYTES);
        if (!zstate_submit(&iso->state)) check(ZVM_E_STATE, "submit");
        if (in_group) iso->quota = &quota;
        zqueue_place(sched, iso);
    }
    double start_ns = wall_ns();
    for (uint32_t i = 0; i < TURNS; i++) {
        struct zisolate *iso = zqueue_next(worker);
        if (iso == NULL || !zstate_requeue(&iso->state)) check(ZVM_E_STATE, "turn");
        zqueue_requeue(worker, iso);
    }
    double took_ns = (wall_ns() - start_ns) / TURNS;
    for (struct zisolate *iso; (iso = zqueue_next(worker)) != NULL;) {
        (void)zstate_finish(&iso->state, 0);
        if (in_group) zsched_group_left(worker, &group);
    }
    z_fetch_or_seq_cst(&sched->parking.idle[0], 1);
    zsched_destroy(sched);
    zspan_pool_destroy(spans);
    free(blocks);
    return took_ns;
}

// ---- Scaling ------------------------------------------------------------------------------------

// Sleeps, so that whoever is waited for runs, whatever the priorities; short beside what is measured.
static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

// Workers wait in an output callback until all processes are ready.
struct start {
    atomic_uint ready, is_open;
};

static bool wait_for_start(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    struct start *start = context;
    atomic_fetch_add(&start->ready, 1);
    while (!atomic_load(&start->is_open))
        rest();
    return true;
}

// All isolates are queued before the workers may begin. The caller frees *out.
static zvm_runtime *prepare(struct start *start, uint32_t workers, const char *text, uint32_t count,
                            zvm_isolate ***out)
{
    zvm_runtime *runtime = make_runtime(workers, 0);
    zvm_code *code = compile(runtime, "print(1)\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = wait_for_start;
    options.output_context = start;
    zvm_isolate **isolates = make_isolates(runtime, text, count);
    for (uint32_t i = 0; i < workers; i++) {
        zvm_isolate *gate;
        uint32_t ready = atomic_load(&start->ready);
        check(zvm_isolate_create(runtime, code, &options, &gate), "create");
        check(zvm_isolate_submit(gate), "submit");
        while (atomic_load(&start->ready) == ready)
            rest();
    }
    zvm_code_release(code);
    submit_all(isolates, count);
    *out = isolates;
    return runtime;
}

// As many tasks for each worker.
static double workers_ns(struct start *start, uint32_t workers)
{
    *start = (struct start){0};
    zvm_isolate **isolates;
    zvm_runtime *runtime = prepare(start, workers, task_program, workers * TASK_COUNT, &isolates);
    double start_ns = wall_ns();
    atomic_store(&start->is_open, 1);
    check(zvm_runtime_drain(runtime), "drain");
    double took_ns = wall_ns() - start_ns;
    free(isolates);
    zvm_runtime_destroy(runtime);
    return took_ns;
}

static double two_processes_ns(struct start *start, double *ends_ns)
{
    *start = (struct start){0};
    pid_t children[2];
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        uint32_t ready = atomic_load(&start->ready);
        children[i] = fork();
        if (children[i] < 0) check(ZVM_E_THREADS, "fork");
        if (children[i] == 0) {
            zvm_isolate **isolates;
            zvm_runtime *runtime = prepare(start, 1, task_program, TASK_COUNT, &isolates);
            atomic_fetch_add(&start->ready, 1);
            check(zvm_runtime_drain(runtime), "drain");
            ends_ns[i] = wall_ns();
            _exit(0);
        }
        while (atomic_load(&start->ready) < ready + 2)
            rest();
    }
    double start_ns = wall_ns();
    atomic_store(&start->is_open, 1);
    for (int i = 0; i < 2; i++)
        waitpid(children[i], NULL, 0);
    return (ends_ns[0] > ends_ns[1] ? ends_ns[0] : ends_ns[1]) - start_ns;
}

static void write_task(double loops)
{
    (void)snprintf(task_program, sizeof task_program, "let i = 0\nwhile i < %.0f { i = i + 1 }\n",
                   loops);
}

// The best of a few: what else the machine does only adds.
static double least_task_ns(struct start *start, double loops)
{
    double least = 1e18;
    write_task(loops);
    for (int i = 0; i < ROUNDS; i++) {
        double each_ns = workers_ns(start, 1) / TASK_COUNT;
        if (each_ns < least) least = each_ns;
    }
    return least;
}

// A task is its start and its rounds: from what two lengths of the loop take.
static void size_tasks(struct start *start)
{
    double few_ns = least_task_ns(start, TASK_LOOPS);
    double many_ns = least_task_ns(start, 3 * TASK_LOOPS);
    double round_ns = (many_ns - few_ns) / (2 * TASK_LOOPS);
    double loops = TASK_LOOPS + (round_ns > 0 ? (TASK_NS - few_ns) / round_ns : 0);
    write_task(loops < 1 ? 1 : loops > 10 * TASK_LOOPS ? 10 * TASK_LOOPS : loops);
}

static void measure_scaling(void)
{
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) check(ZVM_E_NOMEM, "shared page");
    struct start *start = shared;
    double *ends_ns = (double *)(void *)((char *)shared + 128);
    double ratios[ROUNDS], each_ns[ROUNDS], one_ns[ROUNDS], two_ns[ROUNDS];
    size_tasks(start);
    for (int i = 0; i < ROUNDS; i++) {
        double processes_ns = two_processes_ns(start, ends_ns);
        double two = workers_ns(start, 2);
        ratios[i] = processes_ns / two;
        each_ns[i] = processes_ns / TASK_COUNT;
        one_ns[i] = workers_ns(start, 1) / TASK_COUNT;
        two_ns[i] = two / TASK_COUNT;
    }
    printf("task_ns %.0f\n", median(each_ns));
    printf("two_workers_of_two_processes %.3f\n", median(ratios));
    printf("tasks_1_worker_ns %.0f\n", median(one_ns));
    printf("tasks_2_workers_ns %.0f\n", median(two_ns));
}

// ---- Fairness -----------------------------------------------------------------------------------

static double spread(uint32_t workers)
{
    struct start start = {0};
    zvm_isolate **isolates;
    zvm_runtime *runtime = prepare(&start, workers, spin_program, SPINNER_COUNT, &isolates);
    atomic_store(&start.is_open, 1);
    sleep_ms(1000);
    check(zvm_runtime_shutdown(runtime, true /* cancel */), "shutdown");
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < SPINNER_COUNT; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        check(zvm_isolate_result(isolates[i], &result), "result");
        if (result.slices < least) least = result.slices;
        if (result.slices > most) most = result.slices;
    }
    free(isolates);
    zvm_runtime_destroy(runtime);
    return (double)most / (double)least;
}

int main(void)
{
    double values[6][ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        values[0][i] = submit_rate(1);
        values[1][i] = submit_rate(2);
        values[2][i] = slice_ns();
        values[3][i] = turn_ns(false /* in_group */);
        values[4][i] = turn_ns(true /* in_group */);
        values[5][i] = wait_ns();
    }
    printf("submit_1_worker_per_second %.0f\n", median(values[0]));
    printf("submit_2_workers_per_second %.0f\n", median(values[1]));
    printf("slice_ns %.0f\n", median(values[2]));
    printf("turn_ns %.1f\n", median(values[3]));
    printf("turn_in_group_ns %.1f\n", median(values[4]));
    printf("wait_ns %.0f\n", median(values[5]));
    measure_scaling();
    printf("spread_1_worker %.3f\n", spread(1));
    printf("spread_2_workers %.3f\n", spread(2));
    return 0;
}
