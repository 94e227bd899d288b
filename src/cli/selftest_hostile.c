// cli/selftest_hostile.c - runs an attack among honest isolates and measures how far it got.
//
// Owns: a runtime for each part of an attack, with everything in it. Thread: main launches, looks and
// ends; what stands under "Called by workers" comes from whatever thread runs the attacker.
// How: honest isolates run first, then the attackers are launched: one, and in the second part many. One
// that has ended is launched anew until the time is over; then the last ones come to their end, and only
// then the honest ones. Each launch is in a group of its own, which has the turns of one isolate, as an
// isolate without a group has, and figures that the isolate's own are compared with. Isolates that programs
// spawn are in it, too, and end with the one that is launched.
// Bounds: counts have no slack. Times have a generous one, see wait_slack, and so has the memory of the
// process, see memory_slack.
#include "cli/selftest.h"
#include "cli/selftest_honest.h"
#include "cli/selftest_told.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AT_ONCE           50u
#define AT_ONCE_CHECKED   10u // under sanitizers
#define LOOK_NS           1000000u
#define WARM_NS_MAX       UINT64_C(2000000000)
#define WARM_ROUNDS       8u
#define CALM_NS           UINT64_C(300000000)
#define END_NS_MAX        UINT64_C(30000000000) // beyond the time of a part
#define TIME_SLACK_NS     UINT64_C(100000000)
#define CPU_SLACK_NS      UINT64_C(20000000)
#define MEMORY_SLACK      (UINT64_C(4) << 20)
#define MEMORY_PER_WORKER (UINT64_C(2) << 20)
// How much a planted fault loosens a limit.
#define LOOSE_COUNT 2u
#define LOOSE_TIME  8u
#define LOOSE_SLICE (16u << 20)

// One place from which the attack is launched again and again.
struct attacker {
    struct assault *assault;
    zvm_group *group; // of this launch
    struct cli_moment start;
    _Atomic uint64_t output_bytes; // shared: whoever runs an isolate of this launch
    // under the lock
    uint64_t alive;       // isolates of this launch that we have made and that exist
    bool are_ours_over;   // none of these is left, but perhaps spawned ones
    struct cli_told told; // by the programs of this launch
};

// One part of an attack.
struct assault {
    const struct cli_selftest_options *options;
    const struct cli_calm *calm;
    struct cli_attack
        row; // with what is planted; the limits that are checked are those of the result
    zvm_runtime *runtime;
    zvm_code *code;
    struct cli_honest_crowd *honest;
    struct cli_calm *measured;  // of a part without attackers; else NULL
    struct attacker *attackers; // [count]
    uint32_t count;
    atomic_bool is_over; // shared: main writes: nothing is launched any more
    pthread_mutex_t lock;
    // under the lock
    struct cli_attack_result *result;
    uint32_t active; // attackers that are launched
    uint64_t number; // of the next launch
};

static void note_broken(struct cli_attack_result *result, const char *what, zvm_status status)
{
    if (result->broken != NULL) return;
    result->broken = what;
    result->broken_status = status;
}

static bool is_planted(const struct assault *assault, enum cli_figure_kind kind)
{
    static const char *const faults[CLI_FIGURE_KINDS] = {"heap",     "memory",   "fuel",    "time",
                                                         "cpu",      "output",   "symbols", "calls",
                                                         "isolates", "messages", "mailbox", "wait"};
    return cli_selftest_is_planted(assault->options, faults[kind]);
}

// ---- Bounds -----------------------------------------------------------------------------------

// Ten times what the honest ones wait by themselves, for as many more isolates as attack, in time that
// the process had; what the machine took is added where it is known.
static uint64_t wait_slack(const struct assault *assault)
{
    uint64_t all = CLI_HONEST_COUNT + assault->count;
    return assault->calm->wait.had_ns * 10 * all / CLI_HONEST_COUNT + TIME_SLACK_NS;
}

// Those that a launch has spawned end with it at the same moment, and that takes no turns: each counts.
static uint64_t time_slack(const struct assault *assault)
{
    const struct cli_attack *row = assault->result->attack;
    uint64_t more = row->spawns ? (row->isolates - 1) * assault->count : 0;
    return wait_slack(assault) + assault->calm->wait.had_ns * 10 * more / CLI_HONEST_COUNT;
}

static uint64_t memory_limit(const struct assault *assault)
{
    const struct cli_attack *row = assault->result->attack;
    uint64_t each = row->group_heap_bytes != 0 ? row->group_heap_bytes : row->heap_bytes;
    return each * assault->count;
}

// What is not a heap of the attackers: memory that workers keep for the next isolate, that of groups,
// traces and messages of ended isolates, the allocator's; and what honest heaps grow by meanwhile.
static uint64_t memory_slack(const struct assault *assault)
{
    return memory_limit(assault) / 20 + assault->calm->grown_bytes + MEMORY_SLACK +
           MEMORY_PER_WORKER * assault->options->worker_count;
}

// ---- Called by workers ------------------------------------------------------------------------

static void launch(struct attacker *attacker);

// A zvm_write_fn.
static bool count_output(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    struct attacker *attacker = context;
    // relaxed: a sum, read when nobody adds any more
    atomic_fetch_add_explicit(&attacker->output_bytes, length_bytes, memory_order_relaxed);
    return true;
}

static void note_group_locked(struct attacker *attacker)
{
    zvm_group_figures group = ZVM_GROUP_FIGURES_INIT;
    if (zvm_group_report(attacker->group, &group) != ZVM_OK) return;
    struct cli_attack_result *result = attacker->assault->result;
    const struct cli_attack *row = result->attack;
    if (row->symbols != 0)
        cli_figure_note(&result->figures[CLI_FIGURE_SYMBOLS], group.symbols, row->symbols, 0);
    if (row->group_heap_bytes != 0)
        cli_figure_note(&result->figures[CLI_FIGURE_HEAP], group.heap_granted_bytes,
                        row->group_heap_bytes, 0);
    if (row->group_fuel != 0)
        cli_figure_note(&result->figures[CLI_FIGURE_FUEL], group.fuel_taken, row->group_fuel, 0);
    if (row->spawns)
        cli_figure_note(&result->figures[CLI_FIGURE_ISOLATES], group.isolates, row->isolates, 0);
}

static void note_time_locked(struct attacker *attacker)
{
    struct cli_attack_result *result = attacker->assault->result;
    struct cli_elapsed life = cli_elapsed_since(&attacker->start);
    cli_figure_note(&result->figures[CLI_FIGURE_TIME], life.wall_ns, result->attack->timeout_ns,
                    time_slack(attacker->assault) + life.wall_ns - life.had_ns);
}

static void note_figures_locked(struct attacker *attacker, const zvm_result *end)
{
    struct cli_attack_result *result = attacker->assault->result;
    const struct cli_attack *row = result->attack;
    cli_figure_note(&result->figures[CLI_FIGURE_HEAP], end->heap_peak_bytes, row->heap_bytes, 0);
    uint64_t frames = (uint64_t)end->trace_count + end->trace_omitted;
    // The top level is a frame and no call.
    cli_figure_note(&result->figures[CLI_FIGURE_CALLS], frames > 0 ? frames - 1 : 0, row->depth, 0);
    if (row->fuel != 0)
        cli_figure_note(&result->figures[CLI_FIGURE_FUEL], end->fuel_used, row->fuel, 0);
    if (row->timeout_ns != 0) note_time_locked(attacker);
    if (row->cpu_ns != 0 && end->status == ZVM_E_CPU_TIME)
        cli_figure_note(&result->figures[CLI_FIGURE_CPU], end->limit_used, row->cpu_ns,
                        CPU_SLACK_NS);
    uint64_t output = atomic_load_explicit(&attacker->output_bytes, memory_order_relaxed);
    if (row->output_bytes != 0)
        cli_figure_note(&result->figures[CLI_FIGURE_OUTPUT], output, row->output_bytes, 0);
    note_group_locked(attacker);
}

static void note_ending_locked(struct assault *assault, const zvm_result *end)
{
    struct cli_attack_result *result = assault->result;
    const struct cli_attack *row = result->attack;
    const char *kind = row->kind != NULL ? row->kind : end->kind;
    if (end->status == row->status && strcmp(end->kind, kind) == 0) return;
    if (result->endings_wrong++ > 0) return;
    const char *text = *end->kind != '\0' ? end->kind : zvm_status_text(end->status);
    strncpy(result->wrong_ending, text, sizeof result->wrong_ending - 1);
}

// A zvm_moment_fn.
static void look_at_moment(zvm_isolate *isolate, void *user, zvm_moment moment)
{
    (void)isolate, (void)moment;
    struct attacker *attacker = user;
    pthread_mutex_lock(&attacker->assault->lock);
    note_group_locked(attacker);
    pthread_mutex_unlock(&attacker->assault->lock);
}

// Is no isolate of the launch left, neither of ours nor spawned? True once.
static bool is_launch_over_locked(struct attacker *attacker)
{
    if (!attacker->are_ours_over) return false;
    zvm_status status = zvm_group_destroy(attacker->group);
    if (status == ZVM_E_BUSY) return false;
    if (status != ZVM_OK) note_broken(attacker->assault->result, "zvm_group_destroy", status);
    attacker->group = NULL;
    attacker->are_ours_over = false;
    return true;
}

// The next one, or none.
static void end_launch(struct attacker *attacker)
{
    struct assault *assault = attacker->assault;
    uint64_t life = cli_elapsed_since(&attacker->start).wall_ns;
    // relaxed: one launch more or less does not matter
    bool is_over = atomic_load_explicit(&assault->is_over, memory_order_relaxed);
    pthread_mutex_lock(&assault->lock);
    assault->result->launches++;
    assault->result->life_ns += life;
    if (is_over) assault->active--;
    pthread_mutex_unlock(&assault->lock);
    if (!is_over) launch(attacker);
}

// An isolate of ours is gone. What the last one has spawned ends with it.
static void leave_launch(struct attacker *attacker)
{
    struct assault *assault = attacker->assault;
    pthread_mutex_lock(&assault->lock);
    bool is_last = --attacker->alive == 0;
    pthread_mutex_unlock(&assault->lock);
    if (!is_last) return;
    if (assault->row.spawns) zvm_group_cancel(attacker->group);
    pthread_mutex_lock(&assault->lock);
    attacker->are_ours_over = true;
    bool is_over = is_launch_over_locked(attacker);
    pthread_mutex_unlock(&assault->lock);
    if (is_over) end_launch(attacker);
}

// A zvm_finish_fn.
static void finish_attack(zvm_isolate *isolate, void *user)
{
    struct attacker *attacker = user;
    struct assault *assault = attacker->assault;
    zvm_result end = ZVM_RESULT_INIT;
    zvm_status status = zvm_isolate_result(isolate, &end);
    pthread_mutex_lock(&assault->lock);
    if (status != ZVM_OK) {
        note_broken(assault->result, "zvm_isolate_result", status);
    } else if (end.status == ZVM_E_CANCELLED) {
        assault->result->unended++;
    } else {
        note_figures_locked(attacker, &end);
        note_ending_locked(assault, &end);
    }
    pthread_mutex_unlock(&assault->lock);
    zvm_isolate_destroy(isolate);
    leave_launch(attacker);
}

// How a spawned one ends is its program's affair, but zvm may not fail.
static void note_spawned_locked(struct attacker *attacker, const zvm_result *end)
{
    bool has_failed = end->status == ZVM_E_INTERNAL || end->status == ZVM_E_NOMEM;
    if (has_failed) note_broken(attacker->assault->result, "a spawned isolate", end->status);
    if (end->status != ZVM_E_CANCELLED) note_figures_locked(attacker, end);
}

// A zvm_finish_fn.
static void finish_spawned(zvm_isolate *isolate, void *user)
{
    struct attacker *attacker = user;
    struct assault *assault = attacker->assault;
    zvm_result end = ZVM_RESULT_INIT;
    zvm_status status = zvm_isolate_result(isolate, &end);
    pthread_mutex_lock(&assault->lock);
    cli_told_gone(&attacker->told, isolate);
    if (status == ZVM_OK)
        note_spawned_locked(attacker, &end);
    else
        note_broken(assault->result, "zvm_isolate_result", status);
    pthread_mutex_unlock(&assault->lock);
    zvm_isolate_destroy(isolate);
    pthread_mutex_lock(&assault->lock);
    bool is_over = is_launch_over_locked(attacker);
    pthread_mutex_unlock(&assault->lock);
    if (is_over) end_launch(attacker);
}

// Makes one isolate in the attacker's group and hands it to the workers.
static zvm_status start_isolate(struct attacker *attacker)
{
    struct assault *assault = attacker->assault;
    const struct cli_attack *row = &assault->row;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = row->heap_bytes;
    options.max_depth = row->depth;
    options.fuel_limit = row->fuel;
    options.timeout_ns = row->timeout_ns;
    options.cpu_limit_ns = row->cpu_ns;
    options.output_limit_bytes = row->output_bytes;
    options.intern_limit_count = row->symbols;
    options.output = count_output;
    options.output_context = attacker;
    options.on_finish = finish_attack;
    options.on_moment = look_at_moment;
    options.user = attacker;
    options.group = attacker->group;
    options.may_spawn = row->spawns;
    options.on_spawned = finish_spawned;
    options.mailbox_limit_count = row->mailbox_count;
    options.mailbox_limit_bytes = row->mailbox_bytes;
    pthread_mutex_lock(&assault->lock);
    options.id = (int64_t)(assault->number++ & INT32_MAX);
    pthread_mutex_unlock(&assault->lock);

    zvm_isolate *isolate;
    zvm_status status = zvm_isolate_create(assault->runtime, assault->code, &options, &isolate);
    if (status != ZVM_OK) return status;
    pthread_mutex_lock(&assault->lock);
    attacker->alive++;
    const struct cli_attack *checked = assault->result->attack;
    if (checked->isolates != 0)
        cli_figure_note(&assault->result->figures[CLI_FIGURE_ISOLATES], attacker->alive,
                        checked->isolates, 0);
    pthread_mutex_unlock(&assault->lock);
    status = zvm_isolate_submit(isolate);
    if (status == ZVM_OK) return ZVM_OK;
    zvm_isolate_destroy(isolate);
    pthread_mutex_lock(&assault->lock);
    attacker->alive--;
    pthread_mutex_unlock(&assault->lock);
    return status;
}

// A zvm_host_fn: spawn_copy(). The caller exists, so that its launch goes on.
static zvm_call_outcome spawn_copy(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments, (void)count;
    struct attacker *attacker = zvm_isolate_user(zvm_call_isolate(call));
    zvm_status status = start_isolate(attacker);
    if (status == ZVM_OK) return zvm_call_return(call, NULL);
    pthread_mutex_lock(&attacker->assault->lock);
    attacker->assault->result->refused++;
    pthread_mutex_unlock(&attacker->assault->lock);
    return zvm_call_fail(call, "LimitError", zvm_status_text(status));
}

// A zvm_host_fn: born(). A spawned isolate tells that it exists.
static zvm_call_outcome born(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments, (void)count;
    zvm_isolate *isolate = zvm_call_isolate(call);
    struct attacker *attacker = zvm_isolate_user(isolate);
    struct assault *assault = attacker->assault;
    pthread_mutex_lock(&assault->lock);
    uint64_t isolates = attacker->alive + cli_told_born(&attacker->told, isolate);
    cli_figure_note(&assault->result->figures[CLI_FIGURE_ISOLATES], isolates,
                    assault->result->attack->isolates, 0);
    note_group_locked(attacker);
    pthread_mutex_unlock(&assault->lock);
    return zvm_call_return(call, NULL);
}

// A zvm_host_fn: in_box(box, messages, bytes). So many more are in that mailbox, which programs number.
static zvm_call_outcome in_box(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    struct attacker *attacker = zvm_isolate_user(zvm_call_isolate(call));
    struct assault *assault = attacker->assault;
    const struct cli_attack *row = assault->result->attack;
    struct cli_figure *figures = assault->result->figures;
    pthread_mutex_lock(&assault->lock);
    struct cli_box box = cli_told_in_box(&attacker->told, arguments[0].integer,
                                         arguments[1].integer, arguments[2].integer);
    cli_figure_note(&figures[CLI_FIGURE_MESSAGES], box.messages, row->mailbox_count, 0);
    cli_figure_note(&figures[CLI_FIGURE_MAILBOX], box.bytes, row->mailbox_bytes, 0);
    note_group_locked(attacker);
    pthread_mutex_unlock(&assault->lock);
    return zvm_call_return(call, NULL);
}

static zvm_status launch_in_group(struct attacker *attacker)
{
    struct assault *assault = attacker->assault;
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.isolate_limit = assault->row.isolates;
    options.heap_limit_bytes = assault->row.group_heap_bytes;
    options.fuel_limit = assault->row.group_fuel;
    zvm_status status = zvm_group_create(assault->runtime, &options, &attacker->group);
    if (status != ZVM_OK) return status;
    atomic_store_explicit(&attacker->output_bytes, 0, memory_order_relaxed);
    attacker->told = (struct cli_told){0};
    attacker->start = cli_moment_now();
    status = start_isolate(attacker);
    if (status == ZVM_OK) return ZVM_OK;
    zvm_group_destroy(attacker->group);
    attacker->group = NULL;
    return status;
}

// thread: main, or the one that ran the launch before.
static void launch(struct attacker *attacker)
{
    struct assault *assault = attacker->assault;
    zvm_status status = launch_in_group(attacker);
    if (status == ZVM_OK) return;
    pthread_mutex_lock(&assault->lock);
    note_broken(assault->result, "launching an attacker", status);
    assault->active--;
    pthread_mutex_unlock(&assault->lock);
}

// ---- Main's: what is planted ------------------------------------------------------------------

// Loosens the limit that the isolates really have; the result's row stays what is checked.
static void plant(struct assault *assault)
{
    struct cli_attack *row = &assault->row;
    if (is_planted(assault, CLI_FIGURE_HEAP)) {
        row->heap_bytes *= LOOSE_COUNT;
        row->group_heap_bytes *= LOOSE_COUNT;
    }
    if (is_planted(assault, CLI_FIGURE_FUEL)) {
        row->fuel *= LOOSE_COUNT;
        row->group_fuel *= LOOSE_COUNT;
    }
    if (is_planted(assault, CLI_FIGURE_TIME) && row->timeout_ns != 0)
        row->timeout_ns = (row->timeout_ns + wait_slack(assault)) * LOOSE_TIME;
    if (is_planted(assault, CLI_FIGURE_CPU) && row->cpu_ns != 0)
        row->cpu_ns = (row->cpu_ns + CPU_SLACK_NS) * LOOSE_COUNT;
    if (is_planted(assault, CLI_FIGURE_OUTPUT)) row->output_bytes *= LOOSE_COUNT;
    if (is_planted(assault, CLI_FIGURE_SYMBOLS)) row->symbols *= LOOSE_COUNT;
    if (is_planted(assault, CLI_FIGURE_CALLS)) row->depth *= LOOSE_COUNT;
    if (is_planted(assault, CLI_FIGURE_ISOLATES)) row->isolates *= LOOSE_COUNT;
    if (is_planted(assault, CLI_FIGURE_MESSAGES)) row->mailbox_count *= LOOSE_COUNT;
    if (is_planted(assault, CLI_FIGURE_MAILBOX)) row->mailbox_bytes *= LOOSE_COUNT;
    if (cli_selftest_is_planted(assault->options, "ending")) row->program = "";
}

// Memory that no limit counts, as a leak would be. NULL: none is planted.
static char *plant_memory(const struct assault *assault)
{
    if (!is_planted(assault, CLI_FIGURE_MEMORY) || assault->count == 0) return NULL;
    size_t bytes = (size_t)(memory_limit(assault) + memory_slack(assault)) * LOOSE_COUNT;
    char *memory = malloc(bytes);
    // Written through a volatile pointer, a byte a page, or the compiler leaves it out.
    for (size_t at = 0; memory != NULL && at < bytes; at += 4096)
        ((volatile char *)memory)[at] = 1;
    return memory;
}

// ---- Main's: a part ---------------------------------------------------------------------------

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
}

// Until each honest isolate has made some rounds, so that its heap has its size. Returns the most memory
// that the process had meanwhile.
static uint64_t wait_until_warm(struct cli_honest_crowd *honest)
{
    bool knows_peak = cli_memory_restart();
    uint64_t end = cli_now_ns() + WARM_NS_MAX;
    while (!cli_honest_have_made(honest, WARM_ROUNDS) && cli_now_ns() < end)
        nap();
    cli_honest_mark(honest);
    return knows_peak ? cli_memory_peak_bytes() : cli_memory_bytes();
}

static zvm_status add_functions(zvm_runtime *runtime)
{
    static const struct {
        const char *name;
        zvm_host_fn call;
        uint32_t count;
    } rows[] = {{"spawn_copy", spawn_copy, 0}, {"born", born, 0}, {"in_box", in_box, 3}};
    zvm_status status = ZVM_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && status == ZVM_OK; i++) {
        zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
        function.name = rows[i].name;
        function.call = rows[i].call;
        function.minimum = function.maximum = rows[i].count;
        status = zvm_runtime_add_function(runtime, &function);
    }
    return status;
}

static zvm_status open_runtime(struct assault *assault)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = assault->options->worker_count;
    if (is_planted(assault, CLI_FIGURE_WAIT) && assault->count > 0)
        options.slice_budget = LOOSE_SLICE;
    uint64_t each = assault->row.isolates != 0 ? assault->row.isolates : 1;
    options.isolate_limit = CLI_HONEST_COUNT + each * assault->count;
    zvm_status status = zvm_runtime_create(&options, &assault->runtime);
    if (status != ZVM_OK) return status;
    status = add_functions(assault->runtime);
    if (status != ZVM_OK) return status;
    status = cli_honest_prepare(assault->runtime, assault->honest);
    if (status != ZVM_OK || assault->count == 0) return status;
    return zvm_code_from_source(assault->runtime, assault->row.name, assault->row.program,
                                strlen(assault->row.program), NULL, NULL, &assault->code);
}

static void launch_all(struct assault *assault)
{
    assault->active = assault->count; // before the first one can end
    for (uint32_t i = 0; i < assault->count; i++) {
        assault->attackers[i].assault = assault;
        launch(&assault->attackers[i]);
    }
}

static uint32_t count_active(struct assault *assault)
{
    pthread_mutex_lock(&assault->lock);
    uint32_t active = assault->active;
    pthread_mutex_unlock(&assault->lock);
    return active;
}

// Is a part at its end? Each honest isolate must have made a round while it was attacked, however busy
// the machine is; one that starves is found by that.
static bool is_time_over(const struct assault *assault, uint64_t over)
{
    uint64_t now = cli_now_ns();
    if (now < over) return false;
    return now >= over + END_NS_MAX || cli_honest_have_made(assault->honest, 1);
}

// Lets the attackers run for their time and come to their ends. Returns the most memory seen.
static uint64_t watch(struct assault *assault, uint64_t time_ns)
{
    bool knows_peak = cli_memory_restart();
    uint64_t peak = 0;
    launch_all(assault);
    char *planted = plant_memory(assault);
    uint64_t over = cli_now_ns() + time_ns;
    bool is_over = false;
    while (!is_over || (count_active(assault) > 0 && cli_now_ns() < over + END_NS_MAX)) {
        nap();
        uint64_t bytes = knows_peak ? 0 : cli_memory_bytes();
        if (bytes > peak) peak = bytes;
        if (!is_over) is_over = is_time_over(assault, over);
        atomic_store_explicit(&assault->is_over, is_over, memory_order_relaxed);
    }
    free(planted);
    return knows_peak ? cli_memory_peak_bytes() : peak;
}

static void note_calm(struct assault *assault)
{
    for (uint32_t i = 0; i < assault->honest->made; i++) {
        struct cli_elapsed wait = assault->honest->honest[i].wait;
        struct cli_elapsed *longest = &assault->measured->wait;
        if (wait.wall_ns > longest->wall_ns) longest->wall_ns = wait.wall_ns;
        if (wait.had_ns > longest->had_ns) longest->had_ns = wait.had_ns;
    }
}

static void note_honest(struct assault *assault)
{
    const struct cli_honest_crowd *honest = assault->honest;
    struct cli_attack_result *result = assault->result;
    if (assault->measured != NULL) note_calm(assault);
    uint32_t right = cli_honest_right(honest);
    uint64_t rounds = cli_honest_rounds(honest);
    bool is_first = result->honest_count == 0;
    result->honest_count = CLI_HONEST_COUNT;
    if (is_first || right < result->honest_right) result->honest_right = right;
    if (is_first || rounds < result->rounds_least) result->rounds_least = rounds;
    for (uint32_t i = 0; i < honest->made; i++) {
        struct cli_elapsed wait = honest->honest[i].wait;
        cli_figure_note(&result->figures[CLI_FIGURE_WAIT], wait.wall_ns,
                        assault->calm->wait.wall_ns,
                        wait_slack(assault) + wait.wall_ns - wait.had_ns);
    }
}

static void run_among_honest(struct assault *assault, uint64_t time_ns)
{
    uint64_t base = wait_until_warm(assault->honest);
    uint64_t peak = watch(assault, time_ns);
    cli_honest_end(assault->honest);
    uint64_t grown = peak > base ? peak - base : 0;
    if (assault->measured != NULL) assault->measured->grown_bytes = grown;
    cli_figure_note(&assault->result->figures[CLI_FIGURE_MEMORY], grown, memory_limit(assault),
                    memory_slack(assault));
    note_honest(assault);
}

static void run_opened(struct assault *assault, uint64_t time_ns)
{
    bool spoiled = cli_selftest_is_planted(assault->options, "honest") && assault->count > 0;
    zvm_status status = open_runtime(assault);
    if (status == ZVM_OK) status = cli_honest_start(assault->runtime, assault->honest, spoiled);
    if (status == ZVM_OK) {
        run_among_honest(assault, time_ns);
    } else {
        note_broken(assault->result, "starting", status);
        cli_honest_end(assault->honest);
    }
    // Attackers that have not ended by themselves are cancelled, and counted.
    if (assault->runtime != NULL) zvm_runtime_shutdown(assault->runtime, true /* cancel */);
    zvm_code_release(assault->code);
    zvm_runtime_destroy(assault->runtime);
}

// Makes what `assault` still lacks, runs it, and frees that.
static void run_part(struct assault *assault, uint64_t time_ns)
{
    assault->row = *assault->result->attack;
    assault->number = assault->options->seed;
    plant(assault);
    assault->attackers = calloc(assault->count + 1, sizeof *assault->attackers);
    assault->honest = calloc(1, sizeof *assault->honest);
    if (assault->attackers != NULL && assault->honest != NULL) {
        pthread_mutex_init(&assault->lock, NULL);
        run_opened(assault, time_ns);
        pthread_mutex_destroy(&assault->lock);
    } else {
        note_broken(assault->result, "starting", ZVM_E_NOMEM);
    }
    free(assault->attackers);
    free(assault->honest);
}

void cli_hostile_calm(const struct cli_selftest_options *options, struct cli_calm *calm,
                      struct cli_attack_result *result)
{
    static const struct cli_attack nothing = {.name = "calm", .program = "", .heap_bytes = 1};
    static const struct cli_calm unknown = {{0, 0}, 0};
    result->attack = &nothing;
    struct assault assault = {
        .options = options, .calm = &unknown, .measured = calm, .result = result};
    run_part(&assault, CALM_NS);
}

void cli_hostile_attack(const struct cli_selftest_options *options, const struct cli_calm *calm,
                        struct cli_attack_result *result)
{
    result->at_once = cli_machine_is_plain() ? AT_ONCE : AT_ONCE_CHECKED;
    struct assault single = {.options = options, .calm = calm, .result = result, .count = 1};
    run_part(&single, options->attack_ns / 4);
    if (result->broken != NULL) return;
    struct assault many = {
        .options = options, .calm = calm, .result = result, .count = result->at_once};
    run_part(&many, options->attack_ns - options->attack_ns / 4);
}
