// Goal: a runtime with a seed does the same again: the same output in the same order, errors, ends by limits,
// collections and report, with sleeping and with answers of the host; another seed does something else. Its clock
// counts fuel and nothing but the thread that made it runs anything.
// Method: one host of thirty isolates of ten kinds writes down all that it sees, many times, with other memory
// lying about each time; the transcripts are compared byte by byte.
#include "runtime_fixture.h"

#include <sched.h>
#include <stdlib.h>

#define ISOLATES 30
#if defined(ZVM_GC_STRESS) // a collection at each allocation
#    define AGAIN       1
#    define HEAP_BYTES  (64u << 10)
#    define KIND_FILL   "200"
#    define KIND_SLEEPS "4"
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define AGAIN       8
#    define HEAP_BYTES  (1u << 20)
#    define KIND_FILL   "3000"
#    define KIND_SLEEPS "20"
#else
#    define AGAIN       60
#    define HEAP_BYTES  (1u << 20)
#    define KIND_FILL   "3000"
#    define KIND_SLEEPS "20"
#endif
#define MS UINT64_C(1000000)

// By isolate_id() % 10.
static const char *const KINDS =
    "let kind = isolate_id() % 10\n"
    "let kept = []\n"
    "print(isolate_id(), \"begins\")\n"
    "if kind == 0 { for each i in range(" KIND_FILL ") { kept.push([i]) } }\n"
    "if kind == 1 { while true { kept.push({a: kept}) } }\n" // the heap's limit
    "if kind == 2 { while true { } }\n"                      // its fuel's, or time's
    "if kind == 3 { for each i in range(" KIND_SLEEPS
    ") { sleep(i * 10)\n print(isolate_id(), i) } }\n"
    "if kind == 4 { throw {code: isolate_id()} }\n"
    "if kind == 5 { kept.push(ask(isolate_id())) }\n"
    "if kind == 6 { for each i in range(50) { try { [][i] } catch (e) { kept.push(e) } } }\n"
    "if kind == 7 { print(\"x\" * 20000) }\n" // the output's
    "if kind == 8 { sleep(1000) }\n"          // time's, while it waits
    "if kind == 9 { let t = slow(kind)\n for each i in range(" KIND_FILL
    ") { kept.push(string(i + t)) } }\n"
    "print(isolate_id(), \"ends\", kept.len())\n";

struct host {
    zvm_runtime *runtime;
    char *text; // the transcript
    size_t length, capacity;
    zvm_token tokens[ISOLATES];
    size_t token_count;
};

static bool note(void *context, const char *text, size_t length_bytes)
{
    struct host *host = context;
    if (host->length + length_bytes + 1 > host->capacity) {
        host->capacity = (host->length + length_bytes + 1) * 2;
        host->text = realloc(host->text, host->capacity);
        assert_non_null(host->text);
    }
    memcpy(host->text + host->length, text, length_bytes);
    host->length += length_bytes;
    host->text[host->length] = '\0';
    return true;
}

static void note_end(zvm_isolate *isolate, void *user)
{
    char line[400];
    zvm_result r = result_of(isolate);
    int length =
        snprintf(line, sizeof line,
                 "end %d %s %u:%u %s fuel %llu slices %llu gc %llu peak %llu limit %llu/%llu\n",
                 (int)r.status, r.kind, r.line, r.column, r.message,
                 (unsigned long long)r.fuel_used, (unsigned long long)r.slices,
                 (unsigned long long)r.collections, (unsigned long long)r.heap_peak_bytes,
                 (unsigned long long)r.limit_used, (unsigned long long)r.limit_allowed);
    assert_true(length > 0 && (size_t)length < sizeof line);
    note(user, line, (size_t)length);
}

// ask(x): answered by the host between turns.
static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    struct host *host = zvm_call_user(call);
    assert_int_equal(zvm_call_token(call, &host->tokens[host->token_count++]), ZVM_OK);
    return ZVM_CALL_SUSPENDED;
}

// slow(x): would block; without threads it is called where the program runs.
static zvm_call_outcome slow(zvm_call *call, const zvm_value *arguments, size_t count)
{
    assert_int_equal(count, 1);
    return zvm_call_return(call, &arguments[0]);
}

static void add(struct host *host, const char *name, zvm_host_fn call, uint32_t is_blocking)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = host;
    function.minimum = function.maximum = 1;
    function.is_blocking = is_blocking;
    assert_int_equal(zvm_runtime_add_function(host->runtime, &function), ZVM_OK);
}

static zvm_runtime *make_replay(uint64_t seed)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.seed = seed;
    options.slice_budget = 2000;
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    return runtime;
}

static void make_isolates(struct host *host, zvm_code *code, zvm_isolate **isolates)
{
    for (int64_t i = 0; i < ISOLATES; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        options.heap_limit_bytes = HEAP_BYTES;
        options.output_limit_bytes = 10000;
        options.output = note;
        options.output_context = host;
        options.on_finish = note_end;
        options.user = host;
        options.priority = i % 3 == 0 ? ZVM_PRIORITY_HIGH : ZVM_PRIORITY_NORMAL;
        if (i % 10 == 2 && i < 10) options.fuel_limit = 20000;
        if (i % 10 == 2 && i > 20) options.cpu_limit_ns = 15000;
        if (i % 10 == 2 || i % 10 == 8) options.timeout_ns = 4 * MS;
        isolates[i] = make_isolate(host->runtime, code, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
}

static void answer_all(struct host *host)
{
    while (host->token_count > 0) {
        zvm_value value = {.kind = ZVM_VALUE_INT, .integer = (int64_t)host->token_count};
        assert_int_equal(zvm_complete(host->runtime, host->tokens[--host->token_count], &value),
                         ZVM_OK);
    }
}

// The transcript; the caller frees it.
static char *play(uint64_t seed, bool has_cancel)
{
    struct host host = {.runtime = make_replay(seed)};
    add(&host, "ask", ask, 0);
    add(&host, "slow", slow, 1);
    zvm_code *code = compile(host.runtime, KINDS);
    zvm_isolate *isolates[ISOLATES];
    make_isolates(&host, code, isolates);
    uint64_t run = 1;
    for (int round = 0; run > 0 || host.token_count > 0; round++) {
        assert_int_equal(zvm_runtime_turns(host.runtime, 7, &run), ZVM_OK);
        if (round % 5 == 4) answer_all(&host);
        if (round == 3 && has_cancel) zvm_isolate_cancel(isolates[13]);
    }
    assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
    for (int i = 0; i < ISOLATES; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    check_identities(host.runtime);
    assert_int_equal(zvm_report_write(host.runtime, ZVM_REPORT_JSON, note, &host), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(host.runtime);
    return host.text;
}

static void test_same_seed_gives_the_same_of_everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        char *first = play(seed, seed == 2);
        assert_non_null(strstr(first, "end 8 ")); // an error,
        assert_non_null(strstr(first, "end 9 ")); // and each limit
        assert_non_null(strstr(first, "end 10 "));
        assert_non_null(strstr(first, "end 11 "));
        assert_non_null(strstr(first, "end 25 "));
        assert_non_null(strstr(first, "end 26 "));
        void *blocks[AGAIN];
        for (size_t i = 0; i < AGAIN; i++) {
            blocks[i] = malloc(i * 4099 + 1); // so that nothing lies where it lay
            char *again = play(seed, seed == 2);
            assert_string_equal(first, again);
            free(again);
        }
        for (size_t i = 0; i < AGAIN; i++)
            free(blocks[i]);
        free(first);
    }
}

static void test_another_seed_gives_another_order(void **state)
{
    (void)state;
    char *first = play(1, false);
    for (uint64_t seed = 2; seed < 6; seed++) {
        char *other = play(seed, false);
        assert_string_not_equal(first, other);
        free(other);
    }
    free(first);
}

// ---- Time ---------------------------------------------------------------------------------------

static void test_time_passes_by_fuel_and_by_waiting_alone(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_replay(5);
    zvm_code *code = compile(runtime, "for each i in range(24) { sleep(3600000) }\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    // Of its own clock: a day, and whatever the program used to count.
    assert_int_equal(zvm_isolate_wait(isolate, 23 * UINT64_C(3600000) * MS), ZVM_E_TIMEOUT);
    uint64_t wall_ns = report_of(runtime).wall_ns;
    assert_true(wall_ns == 23 * UINT64_C(3600000) * MS);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    zvm_report report = report_of(runtime);
    assert_true(report.wall_ns >= 24 * UINT64_C(3600000) * MS);
    assert_true(report.wall_ns < 24 * UINT64_C(3600000) * MS + 1000 * MS);
    assert_int_equal(report.worker_count, 1);
    zvm_isolate_destroy(isolate);
    // The host's own runs, too.
    isolate = make_isolate(runtime, code, NULL);
    bool finished = false;
    zvm_status status = ZVM_E_WAITING;
    for (int i = 0; i < 24; i++) {
        assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_E_WAITING);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    }
    status = zvm_isolate_run(isolate, 0, &finished);
    assert_int_equal(status, ZVM_OK);
    assert_true(finished);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// What it used of the time that it had, in fuel, when it is alone.
static uint64_t fuel_at_end(uint64_t cpu_limit_ns, uint64_t timeout_ns, zvm_status expected)
{
    zvm_runtime *runtime = make_replay(11);
    zvm_code *code = compile(runtime, "while true { }\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.cpu_limit_ns = cpu_limit_ns;
    options.timeout_ns = timeout_ns;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, expected);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return result.fuel_used;
}

// Where time is counted exactly: never before the limit, and at most a slice behind it.
static void test_limits_of_time_end_a_program_within_a_slice(void **state)
{
    (void)state;
    for (uint64_t limit_ns = 1; limit_ns < 60000; limit_ns = limit_ns * 5 / 3 + 1) {
        uint64_t cpu = fuel_at_end(limit_ns, 0, ZVM_E_CPU_TIME);
        assert_in_range(cpu, limit_ns, limit_ns + 2000);
        uint64_t wall = fuel_at_end(0, limit_ns, ZVM_E_TIMEOUT);
        assert_in_range(wall, limit_ns, limit_ns + 2000);
    }
}

struct inner {
    zvm_isolate *run, *submitted, *sleeper;
};

static zvm_call_outcome use_another_runtime(zvm_call *call, const zvm_value *arguments,
                                            size_t count)
{
    struct inner *inner = zvm_call_user(call);
    (void)arguments;
    (void)count;
    assert_int_equal(zvm_isolate_submit(inner->submitted), ZVM_OK);
    assert_int_equal(zvm_isolate_run(inner->run, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(inner->sleeper, 20 * MS), ZVM_E_TIMEOUT);
    return zvm_call_return(call, NULL);
}

// A turn of one runtime uses another one, whose time is the system's.
static void test_clock_is_that_of_its_own_runtime_alone(void **state)
{
    (void)state;
    zvm_runtime *outer = make_replay(3), *other = make_runtime(1);
    struct inner inner;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "use";
    function.call = use_another_runtime;
    function.user = &inner;
    assert_int_equal(zvm_runtime_add_function(outer, &function), ZVM_OK);
    zvm_code *uses = compile(outer, "use()\n");
    zvm_code *spins = compile(other, "while true { }\n");
    zvm_code *adds = compile(other, "let r = 0\nfor each i in range(1000) { r += i }\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.timeout_ns = 20 * MS;
    inner.run = make_isolate(other, spins, &options);
    assert_int_equal(zvm_isolate_run(inner.run, 10, NULL), ZVM_OK); // its time runs
    options.timeout_ns = 3600000 * MS;
    inner.submitted = make_isolate(other, adds, &options);
    zvm_code *sleeps = compile(other, "sleep(3600000)\n");
    inner.sleeper = make_isolate(other, sleeps, NULL);
    assert_int_equal(zvm_isolate_submit(inner.sleeper), ZVM_OK);
    zvm_isolate *isolate = make_isolate(outer, uses, NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_true(report_of(outer).wall_ns < 1000);
    assert_int_equal(result_of(inner.run).status, ZVM_E_TIMEOUT);
    assert_int_equal(zvm_isolate_wait(inner.submitted, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(inner.submitted).status, ZVM_OK);
    zvm_isolate_destroy(isolate);
    zvm_isolate_destroy(inner.run);
    zvm_isolate_destroy(inner.submitted);
    zvm_isolate_cancel(inner.sleeper);
    assert_int_equal(zvm_isolate_wait(inner.sleeper, UINT64_MAX), ZVM_OK);
    zvm_isolate_destroy(inner.sleeper);
    zvm_code_release(sleeps);
    zvm_code_release(uses);
    zvm_code_release(spins);
    zvm_code_release(adds);
    zvm_runtime_destroy(outer);
    zvm_runtime_destroy(other);
}

// ---- Cancelling ---------------------------------------------------------------------------------

static void count_end(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    ++*(int *)user;
}

// One is ended by its group, in a turn that passes it over or not; one by the callback's worker. Neither is
// slept for, and no time passes.
static void test_one_that_was_cancelled_is_not_waited_for(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        zvm_runtime *runtime = make_replay(seed);
        zvm_code *code = compile(runtime, "let a = 1\n");
        zvm_code *sleeps = compile(runtime, "sleep(3600000)\n");
        zvm_group *group = NULL;
        assert_int_equal(zvm_group_create(runtime, NULL, &group), ZVM_OK);
        int ends = 0;
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.on_finish = count_end;
        options.user = &ends;
        zvm_isolate *sleeper = make_isolate(runtime, sleeps, NULL);
        zvm_isolate *alone = make_isolate(runtime, code, &options);
        options.group = group;
        zvm_isolate *member = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_submit(sleeper), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(sleeper, MS), ZVM_E_TIMEOUT);
        assert_int_equal(zvm_isolate_submit(alone), ZVM_OK);
        zvm_isolate_cancel(alone);
        assert_int_equal(zvm_isolate_wait(alone, 3000000 * MS), ZVM_OK);
        assert_int_equal(zvm_isolate_submit(member), ZVM_OK);
        zvm_group_cancel(group);
        assert_int_equal(zvm_isolate_wait(member, seed % 2 == 0 ? UINT64_MAX : 3000000 * MS),
                         ZVM_OK);
        assert_int_equal(ends, 2);
        assert_true(report_of(runtime).wall_ns < 2 * MS);
        zvm_isolate_cancel(sleeper);
        assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
        assert_int_equal(result_of(member).status, ZVM_E_CANCELLED);
        assert_int_equal(zvm_isolate_destroy(sleeper), ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(alone), ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(member), ZVM_OK);
        assert_int_equal(zvm_group_destroy(group), ZVM_OK);
        check_identities(runtime);
        zvm_code_release(code);
        zvm_code_release(sleeps);
        zvm_runtime_destroy(runtime);
    }
}

// ---- Waiting ------------------------------------------------------------------------------------

static void answer_at_end(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    answer_all(user);
}

// The thread of the host waits for what an isolate says that nobody but this thread can run.
static void test_waiting_for_an_answer_runs_those_that_are_submitted(void **state)
{
    (void)state;
    struct host host = {.runtime = make_replay(3)};
    add(&host, "ask", ask, 0);
    zvm_code *asks = compile(host.runtime, "let got = ask(1)\n");
    zvm_code *works = compile(host.runtime, "for each i in range(20000) { }\nsleep(50)\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = answer_at_end;
    options.user = &host;
    for (int i = 0; i < 2; i++) {
        zvm_isolate *hosted = make_isolate(host.runtime, asks, NULL);
        zvm_isolate *works_alone = make_isolate(host.runtime, works, &options);
        bool finished = false;
        assert_int_equal(zvm_isolate_run(hosted, 0, &finished), ZVM_E_WAITING);
        assert_int_equal(zvm_isolate_submit(works_alone), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(hosted, 10 * MS), ZVM_E_TIMEOUT);
        assert_int_equal(zvm_isolate_wait(hosted, i == 0 ? 100 * MS : UINT64_MAX), ZVM_OK);
        assert_true(report_of(host.runtime).wall_ns < (uint64_t)(i + 1) * 60 * MS);
        assert_int_equal(zvm_isolate_run(hosted, 0, &finished), ZVM_OK);
        assert_true(finished);
        assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
        zvm_isolate_destroy(hosted);
        zvm_isolate_destroy(works_alone);
    }
    zvm_code_release(asks);
    zvm_code_release(works);
    zvm_runtime_destroy(host.runtime);
    free(host.text);
}

// ---- Threads ------------------------------------------------------------------------------------

struct other {
    zvm_runtime *runtime;
    zvm_isolate *isolate;
    struct host *host;
    zvm_status turns, drain, shutdown, wait, run;
};

static void *use_from_outside(void *context)
{
    struct other *other = context;
    uint64_t run;
    other->turns = zvm_runtime_turns(other->runtime, 1, &run);
    other->drain = zvm_runtime_drain(other->runtime);
    other->shutdown = zvm_runtime_shutdown(other->runtime, true /* cancel */);
    other->wait = zvm_isolate_wait(other->isolate, 1);
    other->run = zvm_isolate_run(other->isolate, 1, NULL);
    (void)report_of(other->runtime);
    return NULL;
}

static void *answer_from_outside(void *context)
{
    struct other *other = context;
    answer_all(other->host);
    return NULL;
}

static void test_only_the_thread_that_made_it_runs_anything(void **state)
{
    (void)state;
    struct host host = {.runtime = make_replay(9)};
    add(&host, "ask", ask, 0);
    zvm_code *code = compile(host.runtime, "let got = ask(1)\n");
    zvm_isolate *isolate = make_isolate(host.runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    struct other other = {.runtime = host.runtime, .isolate = isolate, .host = &host};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use_from_outside, &other), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.turns, ZVM_E_THREAD);
    assert_int_equal(other.drain, ZVM_E_THREAD);
    assert_int_equal(other.shutdown, ZVM_E_THREAD); // and nothing has changed: see below
    assert_int_equal(other.wait, ZVM_E_THREAD);
    assert_int_equal(other.run, ZVM_E_THREAD);
    zvm_isolate_destroy(make_isolate(host.runtime, code, NULL)); // it is not closed
    // An answer may come from anywhere, also while the owner sleeps.
    uint64_t run = 0;
    assert_int_equal(zvm_runtime_turns(host.runtime, 10, &run), ZVM_OK);
    assert_int_equal(run, 1);
    assert_int_equal(pthread_create(&thread, NULL, answer_from_outside, &other), 0);
    assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(host.runtime);
    free(host.text);
}

static void *cancel_from_outside(void *context)
{
    struct other *other = context;
    while (report_of(other->runtime).totals.parks == 0)
        sched_yield();
    zvm_isolate_cancel(other->isolate);
    return NULL;
}

static void *answer_a_sleeper(void *context)
{
    struct other *other = context;
    while (report_of(other->runtime).totals.parks == 0)
        sched_yield();
    answer_all(other->host);
    return NULL;
}

enum { SLEEPS_IN_DRAIN, SLEEPS_IN_WAIT, SLEEPS_FOR_AN_ANSWER, SLEEPS_FOR_A_CANCEL, SLEEPS };

// The owner sleeps, because all wait; what another thread ends or answers then wakes it.
static void test_owner_that_sleeps_is_woken_by_what_it_waits_for(void **state)
{
    (void)state;
    for (int way = 0; way < SLEEPS; way++) {
        struct host host = {.runtime = make_replay(9)};
        add(&host, "ask", ask, 0);
        zvm_code *code = compile(host.runtime, "let got = ask(1)\n");
        zvm_isolate *isolate = make_isolate(host.runtime, code, NULL);
        struct other other = {.runtime = host.runtime, .isolate = isolate, .host = &host};
        bool is_hosted = way >= SLEEPS_FOR_AN_ANSWER;
        if (is_hosted)
            assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
        else
            assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        pthread_t thread;
        void *(*acts)(void *) =
            way == SLEEPS_FOR_AN_ANSWER ? answer_a_sleeper : cancel_from_outside;
        assert_int_equal(pthread_create(&thread, NULL, acts, &other), 0);
        if (way == SLEEPS_IN_DRAIN)
            assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
        else
            assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        assert_int_equal(pthread_join(thread, NULL), 0);
        if (is_hosted) assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        assert_int_equal(result_of(isolate).status,
                         way == SLEEPS_FOR_AN_ANSWER ? ZVM_OK : ZVM_E_CANCELLED);
        zvm_isolate_destroy(isolate);
        zvm_code_release(code);
        zvm_runtime_destroy(host.runtime);
        free(host.text);
    }
}

static zvm_status inner_turns, inner_drain;

static void turn_inside(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    uint64_t run;
    inner_turns = zvm_runtime_turns(user, 1, &run);
    inner_drain = zvm_runtime_drain(user);
}

static void test_wrong_uses_are_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = NULL;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.seed = 1;
    options.worker_count = 2;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_E_ARGUMENT);
    uint64_t run = 7;
    runtime = make_runtime(1);
    assert_int_equal(zvm_runtime_turns(runtime, 1, &run), ZVM_E_STATE);
    assert_int_equal(zvm_runtime_turns(runtime, 1, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_turns(NULL, 1, &run), ZVM_E_ARGUMENT);
    zvm_runtime_destroy(runtime);

    runtime = make_replay(3);
    zvm_code *code = compile(runtime, "print(1)");
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.on_finish = turn_inside;
    isolate_options.user = runtime;
    zvm_isolate *isolate = make_isolate(runtime, code, &isolate_options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(inner_turns, ZVM_E_STATE);
    assert_int_equal(inner_drain, ZVM_E_STATE);
    // What is left when it goes is ended.
    zvm_isolate *left = make_isolate(runtime, code, &isolate_options);
    assert_int_equal(zvm_isolate_submit(left), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_gives_the_same_of_everything),
        cmocka_unit_test(test_another_seed_gives_another_order),
        cmocka_unit_test(test_time_passes_by_fuel_and_by_waiting_alone),
        cmocka_unit_test(test_limits_of_time_end_a_program_within_a_slice),
        cmocka_unit_test(test_clock_is_that_of_its_own_runtime_alone),
        cmocka_unit_test(test_one_that_was_cancelled_is_not_waited_for),
        cmocka_unit_test(test_waiting_for_an_answer_runs_those_that_are_submitted),
        cmocka_unit_test(test_only_the_thread_that_made_it_runs_anything),
        cmocka_unit_test(test_owner_that_sleeps_is_woken_by_what_it_waits_for),
        cmocka_unit_test(test_wrong_uses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
