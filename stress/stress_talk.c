// Goal: no message is lost, taken twice or left behind, and nobody waits for ever, when isolates spawn others, talk, watch
// and await each other, in trees and rings, into mailboxes that are nearly always full, while their groups are cancelled,
// run out of memory, and isolates that wait are reset and destroyed under those that talk to them.
// Method: threads of the host start programs that know what must come of them, each with what it spawns in a group of its
// own or, some, in none; run by workers, or by hand until they wait. A program of a group that has nothing to fear from
// limits, and that was not cancelled, must succeed, and so must all that it spawned. When a group's isolates have
// ended, its sums are 0. After each round what was sent is what was received and dropped. A watchdog aborts when nothing
// moves for half a minute. Long texts are read by all who have them, changed by none, and gone when all is over.
// Usage: stress_talk [THREADS] [STEPS] [SEED] [--seconds N]: threads of the host, programs of each in a round, seed; rounds
// until so much time has passed (else one for each count of workers). Exit status 0: nothing wrong.
#include "zvm.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define STEPS_DEFAULT 40
#else
#    define STEPS_DEFAULT 300
#endif
#define STUCK_S 30

// A mailbox has room for two messages or more.
static const char PROGRAM[] =
    "let kind = int(args[0])\n"
    "let n = int(args[1])\n"
    "let ok = 0\n"
    // A tree: children tell their sums, one is watched, all are awaited.
    "action tree(depth, up) {\n"
    "  let sum = 1\n"
    "  if (depth > 0) {\n"
    "    let kids = []\n"
    "    for each i in range(3) {\n"
    "      let kid = spawn tree(depth - 1, self())\n"
    "      if (i == 0) { monitor(kid) }\n"
    "      kids.push(kid)\n"
    "    }\n"
    "    let told = 1\n"
    "    for each i in range(4) {\n"
    "      let m = receive()\n"
    "      if (typeof(m) == \"integer\") { told = told + m }\n"
    "      else if (m[\"exit\"] != kids[0]) { wrong(1) }\n"
    "      else if (m[\"reason\"] != \"finished\") { throw m[\"reason\"] }\n" // it is being cancelled
    "    }\n"
    "    for each kid in kids { sum = sum + await kid }\n"
    "    if (sum != told) { wrong(2) }\n"
    "  }\n"
    "  if (up != null) { send(up, sum) }\n"
    "  return sum\n"
    "}\n"
    // A ring, whose messages grow.
    "action pass_on(next, rounds) {\n"
    "  for each i in range(rounds) { let m = receive()\n m.push(i)\n send(next, m) }\n"
    "}\n"
    "action ring(length, rounds) {\n"
    "  let next = self()\n"
    "  for each i in range(length) { next = spawn pass_on(next, rounds) }\n"
    "  for each r in range(rounds) {\n"
    "    send(next, [])\n"
    "    let m = receive(100000)\n"
    "    if (len(m) != length) { wrong(3) }\n"
    "  }\n"
    "  return 0\n"
    "}\n"
    // Many into one, in each one's order.
    "action push(to, who, count) {\n"
    "  for each i in range(count) { send(to, [who, i]) }\n"
    "  return count\n"
    "}\n"
    "action fan_in(senders, count) {\n"
    "  let next = []\n"
    "  for each s in range(senders) { next.push(0)\n monitor(spawn push(self(), s, count)) }\n"
    "  let got = 0\n"
    "  let ends = 0\n"
    "  while (ends < senders) {\n"
    "    let m = receive()\n"
    "    if (typeof(m) == \"map\") {\n"
    "      if (m[\"reason\"] != \"finished\") { throw m[\"reason\"] }\n"
    "      ends = ends + 1\n"
    "    }\n"
    "    else { if (m[1] != next[m[0]]) { wrong(4) }\n next[m[0]] = m[1] + 1\n got = got + 1 }\n"
    "  }\n"
    "  if (got != senders * count) { wrong(5) }\n"
    "  return 0\n"
    "}\n"
    // Who does not listen, and ends while others stand in line, or awaits one that never comes.
    "action deaf(ms) { sleep(ms)\n return self() }\n"
    "action bother(to, count) {\n"
    "  let refused = 0\n"
    "  for each i in range(count) {\n"
    "    try { if (!send(to, \"hey \" + str(i), 0.05)) { refused = refused + 1 } }\n"
    "    catch (e) { if (e.kind != \"MailboxError\" && e.kind != \"HeapLimitError\") { wrong(6) } "
    "}\n"
    "  }\n"
    "  send(to, null)\n"
    "  return refused\n"
    "}\n"
    "action pester(count) {\n"
    "  let quiet = spawn deaf(0.5)\n"
    "  let all = []\n"
    "  for each i in range(count) { all.push(spawn bother(quiet, 6)) }\n"
    "  if ((await quiet) != quiet) { wrong(7) }\n"
    "  for each b in all { await b }\n"
    "  let none = receive(0.1)\n"
    "  if (none != null) { wrong(8) }\n"
    "  return 0\n"
    "}\n"
    // Failures, which are their own.
    "action fall(n) { if (n % 2 == 0) { throw \"down\" }\n return n }\n"
    "action catch_all(count) {\n"
    "  let caught = 0\n"
    "  for each i in range(count) {\n"
    "    let f = spawn fall(i)\n"
    "    if (i % 3 == 0) { monitor(f) }\n"
    "    try { await f } catch (e) { if (e == \"down\") { caught = caught + 1 } }\n"
    "    if (i % 3 == 0) { receive() }\n"
    "  }\n"
    "  return caught\n"
    "}\n"
    // Long texts, which all share: fanned out, sent on, appended to, awaited by many, thrown, kept and forgotten.
    "action check(text, n) { if (len(text) != n || text[0] != \"a\" || text[n - 1] != \"z\") { "
    "wrong(9) } }\n"
    "action read(up, n) {\n"
    "  let kept = []\n"
    "  while (true) {\n"
    "    let m = receive()\n"
    "    if (m == null) { return kept.length() == 0 ? up : kept[0] }\n"
    "    check(m, n)\n"
    "    let longer = m + \"!\"\n"
    "    if (kept.length() < 3) { kept.push(m) } else { kept = [longer] }\n"
    "    check(m, n)\n"
    "    check(kept[0].substring(0, n), n)\n"
    "    if (up != null) { send(up, m) }\n"
    "  }\n"
    "}\n"
    "action give(text) { return text }\n"
    "action drop(text) { throw text }\n"
    "action share(readers, n, rounds) {\n"
    "  let text = \"a\" + \"bcdefgh \" * (n / 8 + 1) + \"xyz\"\n"
    "  text = text.substring(0, n - 1) + \"z\"\n"
    "  let last = spawn read(null, n)\n"
    "  let all = range(readers).map(i => spawn read(i == 0 ? last : null, n))\n"
    "  let giver = spawn give(text)\n"
    "  for each r in range(rounds) {\n"
    "    for each one in all { send(one, text) }\n"
    "    if (r == 1) { text = text + \"?\"\n text = text.substring(0, n) }\n"
    "  }\n"
    "  for each one in all { send(one, null) }\n"
    "  check(await giver, n)\n"
    "  check(await giver, n)\n"
    "  try { await spawn drop(text)\n wrong(9) } catch (e) { check(e, n) }\n"
    "  for each one in all { let got = await one\n if (typeof(got) == \"string\") { "
    "check(got.substring(0, n), n) } }\n"
    "  send(last, text)\n" // it may be in its mailbox when all ends
    "  return text + \".\"\n"
    "}\n"
    "if (kind == 0) { if ((await spawn tree(n % 3 + 1, null)) > 3) { ok = 1 } }\n"
    "if (kind == 1) { ring(n % 9 + 1, n % 7 + 1)\n ok = 1 }\n"
    "if (kind == 2) { fan_in(n % 5 + 1, 20)\n ok = 1 }\n"
    "if (kind == 3) { pester(n % 6 + 1)\n ok = 1 }\n"
    "if (kind == 4) { if (catch_all(n % 8 * 2) == n % 8) { ok = 1 } }\n"
    "if (kind == 5) { let size = [1024, 1025, 2023, 2024, 5000, 30000][n % 6]\n"
    "  if (len(share(n % 5 + 1, size, n % 7 + 1)) == size + 1) { ok = 1 } }\n";

enum { KINDS = 6, KIND_FAILS = 4, KIND_SHARES = 5 };

struct thread {
    struct stress *stress;
    pthread_t id;
    uint64_t random;
};

// A program on its way.
struct job {
    struct stress *stress;
    bool may_fail;           // frozen
    bool has_failing;        // frozen: what it spawns may throw
    _Atomic uint32_t failed; // isolates that it spawned
};

struct stress {
    zvm_runtime *runtime;
    zvm_code *code;
    struct thread *threads;
    uint32_t thread_count, worker_count;
    uint64_t steps;
    _Atomic uint64_t ends, cancelled;
    _Atomic uint32_t wrong;
    _Atomic bool is_over;
    uint64_t sent; // in all rounds
};

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (*random >> 11) % below;
}

static void expect(struct stress *stress, bool is_right, const char *what)
{
    if (is_right) return;
    atomic_fetch_add(&stress->wrong, 1);
    fprintf(stderr, "stress_talk: wrong: %s\n", what);
}

static void nap(uint64_t ns)
{
    struct timespec time = {.tv_nsec = (long)ns};
    (void)nanosleep(&time, NULL);
}

// ---- What programs and their isolates tell --------------------------------------------------------

// wrong(n)
static zvm_call_outcome be_wrong(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct stress *stress = zvm_call_user(call);
    static const char *const texts[] = {
        "",
        "an end that is told is not that of the child",
        "a tree's sums",
        "a ring's message",
        "the order of a sender's messages",
        "a count of messages",
        "an error that is none of a mailbox",
        "a result that names its isolate",
        "a message from nowhere",
        "a long text",
    };
    expect(stress, false, texts[count == 0 ? 0 : arguments[0].integer]);
    zvm_value value = {.kind = ZVM_VALUE_NULL};
    return zvm_call_return(call, &value);
}

static void finish_spawned(zvm_isolate *isolate, void *user)
{
    struct job *job = user;
    struct stress *stress = job->stress;
    zvm_result result = ZVM_RESULT_INIT;
    expect(stress, zvm_isolate_result(isolate, &result) == ZVM_OK, "no result");
    // The group is cancelled when its program is over: some have not come to their end then.
    bool may_end_so = result.status == ZVM_OK || result.status == ZVM_E_CANCELLED ||
                      (job->has_failing && result.status == ZVM_E_ERROR);
    if (!may_end_so) atomic_fetch_add(&job->failed, 1);
    expect(stress, zvm_isolate_destroy(isolate) == ZVM_OK, "a spawned one cannot be destroyed");
    atomic_fetch_add(&stress->ends, 1);
}

// ---- A program ------------------------------------------------------------------------------------

static zvm_isolate *start(struct thread *thread, struct job *job, zvm_group *group, uint64_t kind)
{
    char kind_text[24], number_text[24];
    snprintf(kind_text, sizeof kind_text, "%" PRIu64, kind);
    snprintf(number_text, sizeof number_text, "%" PRIu64, draw(&thread->random, 1000));
    const char *const arguments[] = {kind_text, number_text};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.arguments = arguments;
    options.argument_count = 2;
    options.may_spawn = 1;
    options.group = group;
    options.user = job;
    options.on_spawned = finish_spawned;
    options.mailbox_limit_count = 2 + (uint32_t)draw(&thread->random, 3);
    zvm_isolate *isolate;
    zvm_status status =
        zvm_isolate_create(thread->stress->runtime, thread->stress->code, &options, &isolate);
    return status == ZVM_OK ? isolate : NULL;
}

// Runs it by hand, and begins anew with it, or gives it up, where it waits.
static void run_by_hand(struct thread *thread, zvm_isolate *isolate, bool is_limited)
{
    bool is_finished = false;
    while (!is_finished) {
        zvm_status status = zvm_isolate_run(isolate, 1 + draw(&thread->random, 2000), &is_finished);
        if (status == ZVM_OK) continue;
        if (status != ZVM_E_WAITING) {
            expect(thread->stress, false, "a run by hand");
            return;
        }
        if (draw(&thread->random, 20) == 0) return;
        // Others may have been refused what it waits for.
        status = zvm_isolate_wait(isolate, is_limited ? 2000000 : UINT64_MAX);
        if (status == ZVM_E_TIMEOUT) return;
        expect(thread->stress, status == ZVM_OK, "a wait by hand");
    }
}

static void check_program(struct job *job, zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    expect(job->stress, zvm_isolate_result(isolate, &result) == ZVM_OK, "no result");
    if (job->may_fail) return;
    zvm_value ok = {0};
    bool is_right = result.status == ZVM_OK &&
                    zvm_isolate_get_global(isolate, "ok", &ok) == ZVM_OK &&
                    ok.kind == ZVM_VALUE_INT && ok.integer == 1;
    if (!is_right) fprintf(stderr, "stress_talk: %s\n", result.message);
    expect(job->stress, is_right, "a program");
}

static bool is_finished(zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    return zvm_isolate_result(isolate, &result) == ZVM_OK;
}

static zvm_group *make_group(struct thread *thread, struct job *job)
{
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    if (draw(&thread->random, 4) == 0) {
        job->may_fail = true;
        options.heap_limit_bytes = 20000 + draw(&thread->random, 200000);
        options.isolate_limit = 2 + draw(&thread->random, 20);
    }
    zvm_group *group;
    if (zvm_group_create(thread->stress->runtime, &options, &group) != ZVM_OK) abort();
    return group;
}

// What it has spawned may still be running: a group tells.
static void close_group(struct stress *stress, zvm_group *group)
{
    while (zvm_group_destroy(group) == ZVM_E_BUSY)
        nap(50000);
    (void)stress;
}

static void run_program(struct thread *thread)
{
    struct stress *stress = thread->stress;
    struct job job = {.stress = stress};
    uint64_t kind = draw(&thread->random, KINDS);
    job.has_failing = kind == KIND_FAILS || kind == KIND_SHARES;
    zvm_group *group = make_group(thread, &job);
    // Where one was refused memory or an isolate, others may wait for it for ever.
    bool is_limited = job.may_fail;
    bool is_cancelled = is_limited || draw(&thread->random, 4) == 0;
    bool is_by_hand = draw(&thread->random, 3) == 0;
    job.may_fail = job.may_fail || is_cancelled || is_by_hand;
    zvm_isolate *isolate = start(thread, &job, group, kind);
    if (isolate == NULL) {
        expect(stress, job.may_fail, "no isolate");
        close_group(stress, group);
        return;
    }
    if (is_by_hand)
        run_by_hand(thread, isolate, is_limited);
    else if (zvm_isolate_submit(isolate) != ZVM_OK)
        abort();
    if (is_cancelled) {
        nap(draw(&thread->random, 2000000));
        zvm_group_cancel(group);
        atomic_fetch_add(&stress->cancelled, 1);
    }
    if (!is_by_hand) expect(stress, zvm_isolate_wait(isolate, UINT64_MAX) == ZVM_OK, "a wait");
    if (!is_by_hand || is_finished(isolate)) check_program(&job, isolate);
    if (is_by_hand && draw(&thread->random, 2) == 0) {
        zvm_status status;
        while ((status = zvm_isolate_reset(isolate)) == ZVM_E_BUSY)
            sched_yield();
        expect(stress, status == ZVM_OK, "a reset");
    }
    expect(stress, zvm_isolate_destroy(isolate) == ZVM_OK, "cannot be destroyed");
    zvm_group_cancel(group); // what it has spawned ends with it
    close_group(stress, group);
    expect(stress, job.may_fail || atomic_load(&job.failed) == 0, "a spawned one failed");
    atomic_fetch_add(&stress->ends, 1);
}

// ---- Threads --------------------------------------------------------------------------------------

static void *run_programs(void *context)
{
    struct thread *thread = context;
    struct stress *stress = thread->stress;
    for (uint64_t i = 0; i < stress->steps && atomic_load(&stress->wrong) == 0; i++)
        run_program(thread);
    return NULL;
}

static bool write_report(void *context, const char *text, size_t length_bytes)
{
    return fwrite(text, 1, length_bytes, context) == length_bytes;
}

static void *watch(void *context)
{
    struct stress *stress = context;
    uint64_t seen = 0;
    for (int idle = 0; !atomic_load(&stress->is_over);) {
        nap(100000000);
        uint64_t ends = atomic_load(&stress->ends);
        idle = ends == seen ? idle + 1 : 0;
        seen = ends;
        if (idle < STUCK_S * 10) continue;
        fprintf(stderr, "stress_talk: nothing moves\n");
        (void)zvm_report_write(stress->runtime, ZVM_REPORT_TEXT, write_report, stderr);
        abort();
    }
    return NULL;
}

static void open_runtime(struct stress *stress)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = stress->worker_count;
    options.slice_budget = 200;
    if (zvm_runtime_create(&options, &stress->runtime) != ZVM_OK) abort();
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "wrong";
    function.call = be_wrong;
    function.user = stress;
    function.maximum = 1;
    if (zvm_runtime_add_function(stress->runtime, &function) != ZVM_OK) abort();
    if (zvm_code_from_source(stress->runtime, "t.zx", PROGRAM, sizeof PROGRAM - 1, write_report,
                             stderr, &stress->code) != ZVM_OK)
        abort();
}

static void check_shared(struct stress *stress)
{
    char *text = NULL;
    size_t length_bytes = 0;
    FILE *file = open_memstream(&text, &length_bytes);
    if (file == NULL) abort();
    zvm_status status = zvm_report_write(stress->runtime, ZVM_REPORT_JSON, write_report, file);
    fclose(file);
    expect(stress, status == ZVM_OK, "no written report");
    expect(stress, strstr(text, "\"shared_strings_count\": 0,") != NULL, "long texts are left");
    expect(stress, strstr(text, "\"shared_strings_charged_bytes\": 0,") != NULL,
           "charges for long texts are left");
    free(text);
}

static void check_report(struct stress *stress)
{
    zvm_report report = ZVM_REPORT_INIT;
    expect(stress, zvm_runtime_drain(stress->runtime) == ZVM_OK, "no drain");
    expect(stress, zvm_report_take(stress->runtime, &report) == ZVM_OK, "no report");
    const zvm_report_counters *c = &report.totals;
    expect(stress, c->isolates_created == c->isolates_destroyed, "isolates are left");
    expect(stress, c->heap_current_bytes == 0, "bytes are left");
    expect(stress, c->allocated_bytes == c->freed_bytes, "bytes are lost");
    expect(stress, c->messages_sent == c->messages_received + c->messages_dropped,
           "messages are lost, or came twice");
    check_shared(stress);
    stress->sent += c->messages_sent;
}

static void spawn(pthread_t *id, void *(*run)(void *), void *context)
{
    if (pthread_create(id, NULL, run, context) != 0) abort();
}

static void run_round(struct stress *stress, uint64_t seed)
{
    pthread_t watchdog;
    atomic_store(&stress->is_over, false);
    open_runtime(stress);
    stress->threads = calloc(stress->thread_count, sizeof *stress->threads);
    if (stress->threads == NULL) abort();
    spawn(&watchdog, watch, stress);
    for (uint32_t i = 0; i < stress->thread_count; i++) {
        stress->threads[i] = (struct thread){.stress = stress, .random = seed * 1000 + i + 1};
        spawn(&stress->threads[i].id, run_programs, &stress->threads[i]);
    }
    for (uint32_t i = 0; i < stress->thread_count; i++)
        pthread_join(stress->threads[i].id, NULL);
    atomic_store(&stress->is_over, true);
    pthread_join(watchdog, NULL);
    free(stress->threads);
    zvm_code_release(stress->code);
    check_report(stress);
    zvm_runtime_destroy(stress->runtime);
}

// ---- The whole ------------------------------------------------------------------------------------

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

int main(int argc, char **argv)
{
    static const uint32_t worker_counts[] = {1, 2, 3, 8};
    enum { ROUNDS = sizeof worker_counts / sizeof *worker_counts };
    uint64_t numbers[] = {3, STEPS_DEFAULT, 1}; // threads, steps, seed
    uint64_t seconds = 0;
    for (int i = 1, at = 0; i < argc; i++) {
        if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = strtoull(argv[++i], NULL, 10);
        else if (at < 3)
            numbers[at++] = strtoull(argv[i], NULL, 10);
    }
    struct stress stress = {.thread_count = (uint32_t)numbers[0], .steps = numbers[1]};
    struct timespec start;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    printf("stress_talk: seed %" PRIu64 "\n", numbers[2]);
    fflush(stdout);
    uint64_t round = 0;
    do {
        stress.worker_count = worker_counts[round % ROUNDS];
        run_round(&stress, numbers[2] + round);
        round++;
    } while (atomic_load(&stress.wrong) == 0 &&
             (seconds == 0 ? round < ROUNDS : seconds_since(&start) < (double)seconds));
    uint64_t ends = atomic_load(&stress.ends);
    expect(&stress, round < ROUNDS || (ends > 0 && stress.sent > 0), "nothing was done");
    printf("stress_talk: %" PRIu64 " isolates finished, %" PRIu64 " messages, %" PRIu64
           " groups cancelled, %" PRIu64 " rounds, %s\n",
           ends, stress.sent, atomic_load(&stress.cancelled), round,
           atomic_load(&stress.wrong) == 0 ? "ok" : "WRONG");
    return atomic_load(&stress.wrong) == 0 ? 0 : 1;
}
