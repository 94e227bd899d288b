// Goal: a call of the host that is suspended waits for its token and for nothing else, whoever runs the
// isolate; the token is answered once, whenever and from wherever that happens; cancelling, deadlines and
// shutdowns end who waits; a token never reaches the next one that waits.
// Method: functions that give their token away, complete it before they return, from another thread, or
// never; each on the host's own thread and on workers. No sleeps: a gate tells when a call is reached.
#include "runtime_fixture.h"

#include <sched.h>

struct host {
    zvm_runtime *runtime;
    struct gate gate; // passed by each call, and open from the start
    zvm_token tokens[8];
    int count;
    zvm_status statuses[8];
};

static zvm_status add(zvm_runtime *runtime, const char *name, zvm_host_fn call, void *user)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = user;
    function.maximum = 1;
    return zvm_runtime_add_function(runtime, &function);
}

static zvm_token note_token(struct host *host, zvm_call *call)
{
    zvm_token token = 0, again = 0;
    assert_int_equal(zvm_call_token(call, &token), ZVM_OK);
    assert_int_equal(zvm_call_token(call, &again), ZVM_OK);
    assert_true(token == again);
    pthread_mutex_lock(&host->gate.lock);
    host->tokens[host->count++ % 8] = token;
    host->gate.waiting++;
    pthread_cond_broadcast(&host->gate.changed);
    pthread_mutex_unlock(&host->gate.lock);
    return token;
}

// ask(): suspended, the token is noted.
static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    (void)note_token(zvm_call_user(call), call);
    return ZVM_CALL_SUSPENDED;
}

static zvm_status complete_int(zvm_runtime *runtime, zvm_token token, int64_t integer)
{
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = integer};
    return zvm_complete(runtime, token, &value);
}

// ask_now(n): completed with n before it returns.
static zvm_call_outcome ask_now(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    (void)count;
    zvm_token token = note_token(host, call);
    assert_int_equal(zvm_complete(host->runtime, token, &arguments[0]), ZVM_OK);
    assert_int_equal(zvm_complete(host->runtime, token, &arguments[0]), ZVM_E_STALE);
    return ZVM_CALL_SUSPENDED;
}

// change_mind(): has a token, and returns 5 all the same. change_mind(1): after it was completed;
// change_mind(2): fails after that.
static zvm_call_outcome change_mind(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    zvm_token token = note_token(host, call);
    if (count > 0) assert_int_equal(complete_int(host->runtime, token, 4), ZVM_OK);
    if (count > 0 && arguments[0].integer == 2) return zvm_call_fail(call, "MindError", "changed");
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = 5};
    return zvm_call_return(call, &value);
}

static zvm_call_outcome suspend_without_token(zvm_call *call, const zvm_value *arguments,
                                              size_t count)
{
    (void)call;
    (void)arguments;
    (void)count;
    return ZVM_CALL_SUSPENDED;
}

static void open_host(struct host *host, uint32_t worker_count)
{
    *host = (struct host){.gate = GATE_INIT, .runtime = make_runtime(worker_count)};
    assert_int_equal(add(host->runtime, "ask", ask, host), ZVM_OK);
    assert_int_equal(add(host->runtime, "ask_now", ask_now, host), ZVM_OK);
    assert_int_equal(add(host->runtime, "change_mind", change_mind, host), ZVM_OK);
    assert_int_equal(add(host->runtime, "no_token", suspend_without_token, host), ZVM_OK);
}

static zvm_isolate *make(struct host *host, const char *text, const zvm_isolate_options *options)
{
    zvm_code *code = compile(host->runtime, text);
    zvm_isolate *isolate = make_isolate(host->runtime, code, options);
    zvm_code_release(code);
    return isolate;
}

static zvm_isolate *submit(struct host *host, const char *text, const zvm_isolate_options *options)
{
    zvm_isolate *isolate = make(host, text, options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    return isolate;
}

static void expect_int(zvm_isolate *isolate, const char *name, int64_t integer)
{
    zvm_value value;
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(isolate, name, &value), ZVM_OK);
    assert_int_equal(value.kind, ZVM_VALUE_INT);
    assert_int_equal(value.integer, integer);
}

static void expect_text(zvm_isolate *isolate, const char *name, const char *text)
{
    zvm_value value;
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(isolate, name, &value), ZVM_OK);
    assert_string_equal(value.text, text);
}

static uint64_t late(struct host *host)
{
    return report_of(host->runtime).late_answers;
}

static void close_host(struct host *host)
{
    check_identities(host->runtime);
    zvm_runtime_destroy(host->runtime);
}

// ---- The host's own thread ----------------------------------------------------------------------

static void test_run_says_that_it_waits_and_goes_on_with_the_answer(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host, "let a = 1\nlet b = ask() + a\nlet c = ask() + b\n", NULL);
    bool finished = true;
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_E_WAITING);
    assert_false(finished);
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_E_WAITING); // nothing has happened
    assert_int_equal(host.count, 1);
    assert_int_equal(zvm_isolate_wait(isolate, 0), ZVM_E_TIMEOUT);
    assert_int_equal(zvm_isolate_wait(isolate, 1000000), ZVM_E_TIMEOUT);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_E_ARGUMENT); // no workers
    zvm_value a;                                                   // it may be looked into
    assert_int_equal(zvm_isolate_get_global(isolate, "a", &a), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 10), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_E_WAITING);
    assert_int_equal(host.count, 2);
    assert_true(host.tokens[0] != host.tokens[1]);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 99), ZVM_E_STALE); // not this one's
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_E_WAITING);
    assert_int_equal(complete_int(host.runtime, host.tokens[1], 100), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
    expect_int(isolate, "b", 11);
    expect_int(isolate, "c", 111);
    assert_int_equal(late(&host), 1);
    assert_int_equal(report_of(host.runtime).totals.waits, 2);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

static void test_answer_before_the_function_returns_is_taken(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host, "let a = ask_now(7) + ask_now(8)\n", NULL);
    bool finished = false;
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
    expect_int(isolate, "a", 15);
    assert_int_equal(late(&host), 2); // each was completed twice
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_answers_of_every_kind_arrive(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host,
                                "let t = \"\"\nlet go = true\nwhile go {\n"
                                "  try { let v = ask()\n  t = t + string(v) + \" \"\n"
                                "    go = v != \"end\" }\n"
                                "  catch (e) { t = t + \"${e.kind}: ${e.message} \" } }\n",
                                NULL);
    static const zvm_value values[] = {{.kind = ZVM_VALUE_NULL},
                                       {.kind = ZVM_VALUE_BOOL, .boolean = true},
                                       {.kind = ZVM_VALUE_FLOAT, .number = 1.5},
                                       {.kind = ZVM_VALUE_STRING, .text = "", .length_bytes = 0}};
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_int_equal(zvm_complete(host.runtime, host.tokens[(host.count - 1) % 8], &values[i]),
                         ZVM_OK);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    }
    assert_int_equal(zvm_complete(host.runtime, host.tokens[(host.count - 1) % 8], NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(
        zvm_complete_error(host.runtime, host.tokens[(host.count - 1) % 8], "NetError", "gone"),
        ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(
        zvm_complete_error(host.runtime, host.tokens[(host.count - 1) % 8], NULL, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    char text[] = "end"; // copied: it may change afterwards
    zvm_value end = {.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = 3};
    assert_int_equal(zvm_complete(host.runtime, host.tokens[(host.count - 1) % 8], &end), ZVM_OK);
    memset(text, 'x', 3);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    expect_text(isolate, "t",
                "null true 1.5  null NetError: gone Error: the host gave no message end ");
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_answer_that_is_none_leaves_the_token_open(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host, "let a = ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    zvm_token token = host.tokens[0];
    zvm_value value = {.kind = ZVM_VALUE_OTHER};
    assert_int_equal(zvm_complete(host.runtime, token, &value), ZVM_E_TYPE);
    value = (zvm_value){.kind = ZVM_VALUE_STRING, .text = "\xff", .length_bytes = 1};
    assert_int_equal(zvm_complete(host.runtime, token, &value), ZVM_E_UTF8);
    assert_int_equal(zvm_complete(NULL, token, &value), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_complete_error(host.runtime, token, "\xff", "m"), ZVM_E_UTF8);
    assert_int_equal(zvm_complete_error(host.runtime, token, "k", "\xff"), ZVM_E_UTF8);
    assert_int_equal(zvm_complete_error(NULL, token, "k", "m"), ZVM_E_ARGUMENT);
    static const zvm_token strange[] = {0, 1, UINT64_MAX, UINT64_C(1) << 32, UINT32_MAX, 64, 63};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        if (strange[i] != token)
            assert_int_equal(zvm_complete(host.runtime, strange[i], NULL), ZVM_E_STALE);
    assert_int_equal(complete_int(host.runtime, token, 3), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    expect_int(isolate, "a", 3);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_function_that_returns_gives_its_token_up(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host,
                                "let a = change_mind()\nlet b = change_mind(1)\nlet c = \"\"\n"
                                "try { change_mind(2) } catch (e) { c = e.kind }\n",
                                NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    expect_int(isolate, "a", 5);
    expect_int(isolate, "b", 5);
    expect_text(isolate, "c", "MindError");
    for (int i = 0; i < 3; i++)
        assert_int_equal(complete_int(host.runtime, host.tokens[i], 1), ZVM_E_STALE);
    zvm_isolate_destroy(isolate);
    isolate = make(&host, "no_token()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_string_equal(result_of(isolate).kind, "StateError");
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_waiting_isolate_of_the_host_may_be_cancelled_or_destroyed(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host, "ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK); // it may be run
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 1), ZVM_E_STALE);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);

    isolate = make(&host, "ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    zvm_isolate_cancel(isolate); // and then the answer, and no run
    assert_int_equal(complete_int(host.runtime, host.tokens[1], 1), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);

    isolate = make(&host, "ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(complete_int(host.runtime, host.tokens[2], 1), ZVM_E_STALE);

    zvm_value text = {.kind = ZVM_VALUE_STRING, .text = "answered", .length_bytes = 8};
    isolate = make(&host, "ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(zvm_complete(host.runtime, host.tokens[3], &text), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK); // with the answer that it has not taken

    (void)make(&host, "ask()\n", NULL); // left to the runtime, never run
    isolate = make(&host, "ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    zvm_runtime_destroy(host.runtime); // with one that waits
}

static void test_deadline_ends_who_waits_for_the_host(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.timeout_ns = 20000000;
    zvm_isolate *isolate = make(&host, "try { ask() } finally { x = 1 }\nlet x = 0\n", &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    bool finished = false;
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
    assert_int_equal(result_of(isolate).status, ZVM_E_TIMEOUT);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 1), ZVM_E_STALE);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// A program's fuel says nothing about how long it waited, or how often it was asked.
static void test_fuel_is_the_same_however_the_answer_comes(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host, "let a = ask_now(1)\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    uint64_t fuel_used = result_of(isolate).fuel_used;
    zvm_isolate_destroy(isolate);
    isolate = make(&host, "let a = ask(1)\n", NULL);
    for (int i = 0; i < 5; i++)
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(complete_int(host.runtime, host.tokens[1], 1), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).fuel_used, fuel_used);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// ---- Workers ------------------------------------------------------------------------------------

static void test_answer_from_another_thread_ends_the_wait_on_a_worker(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate = submit(&host, "let a = ask() * 2\n", NULL);
    gate_await(&host.gate, 1);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_wait(isolate, 1000000), ZVM_E_TIMEOUT);
    assert_int_equal(report_of(host.runtime).isolates_in_flight, 1);
    // The only worker is free.
    zvm_isolate *other = submit(&host, "let a = ask_now(4)\n", NULL);
    assert_int_equal(zvm_isolate_wait(other, UINT64_MAX), ZVM_OK);
    expect_int(other, "a", 4);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 21), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    expect_int(isolate, "a", 42);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 21), ZVM_E_STALE);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(other), ZVM_OK);
    close_host(&host);
}

static void wait_until_it_waits(struct host *host, uint64_t waits)
{
    while (report_of(host->runtime).totals.waits < waits)
        sched_yield();
}

static void test_cancel_ends_who_waits_at_once(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate = submit(&host, "try { ask() } finally { print(1) }\n", NULL);
    gate_await(&host.gate, 1);
    wait_until_it_waits(&host, 1);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 1), ZVM_E_STALE);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
    assert_int_equal(late(&host), 1);
    close_host(&host);
}

static void note_finish(zvm_isolate *isolate, void *user)
{
    zvm_result result = ZVM_RESULT_INIT;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
    *(zvm_status *)user = result.status;
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
}

static void test_shutdown_ends_who_waits_and_makes_the_callback(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2);
    zvm_status ends[3] = {ZVM_OK, ZVM_OK, ZVM_OK};
    for (int i = 0; i < 3; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.on_finish = note_finish;
        options.user = &ends[i];
        (void)submit(&host, "ask()\n", &options);
    }
    zvm_isolate *kept = submit(&host, "ask()\n", NULL);
    gate_await(&host.gate, 4);
    assert_int_equal(zvm_runtime_shutdown(host.runtime, true), ZVM_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ends[i], ZVM_E_CANCELLED);
    assert_int_equal(result_of(kept).status, ZVM_E_CANCELLED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(complete_int(host.runtime, host.tokens[i], 1), ZVM_E_STALE);
    assert_int_equal(late(&host), 4);
    zvm_isolate_destroy(kept);
    close_host(&host);
}

static void *complete_later(void *context)
{
    struct host *host = context;
    gate_await(&host->gate, 1);
    host->statuses[0] = complete_int(host->runtime, host->tokens[0], 1);
    return NULL;
}

static void test_drain_waits_for_the_answer(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, complete_later, &host), 0);
    zvm_isolate *isolate = submit(&host, "let a = ask()\n", NULL);
    assert_int_equal(zvm_runtime_shutdown(host.runtime, false), ZVM_OK);
    expect_int(isolate, "a", 1);
    pthread_join(thread, NULL);
    assert_int_equal(host.statuses[0], ZVM_OK);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_runtime_is_destroyed_with_isolates_that_wait(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2);
    for (int i = 0; i < 5; i++)
        (void)submit(&host, "ask()\n", NULL);
    gate_await(&host.gate, 5);
    zvm_runtime_destroy(host.runtime);
}

// An isolate that the host has run until it waited goes on with the workers.
static void test_answered_isolate_of_the_host_may_be_submitted(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate = make(&host, "let a = ask() + ask_now(2)\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_E_STATE);
    assert_int_equal(complete_int(host.runtime, host.tokens[0], 40), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    expect_int(isolate, "a", 42);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// Many at once, more than a piece of slots holds; each gets its own answer.
enum { MANY = 1000 };

struct many {
    struct host host;
    zvm_token tokens[MANY];
};

static zvm_call_outcome ask_many(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    struct many *many = zvm_call_user(call);
    assert_int_equal(zvm_call_token(call, &many->tokens[arguments[0].integer]), ZVM_OK);
    pthread_mutex_lock(&many->host.gate.lock);
    many->host.gate.waiting++;
    pthread_cond_broadcast(&many->host.gate.changed);
    pthread_mutex_unlock(&many->host.gate.lock);
    return ZVM_CALL_SUSPENDED;
}

static void test_each_of_many_gets_its_own_answer(void **state)
{
    (void)state;
    static struct many many;
    static zvm_isolate *isolates[MANY];
    open_host(&many.host, 2);
    assert_int_equal(add(many.host.runtime, "ask_many", ask_many, &many), ZVM_OK);
    zvm_code *code = compile(many.host.runtime, "let a = ask_many(isolate_id())\n");
    for (int round = 0; round < 3; round++) {
        many.host.gate.waiting = 0;
        for (int i = 0; i < MANY; i++) {
            zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
            options.id = i;
            isolates[i] = make_isolate(many.host.runtime, code, &options);
            assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
        }
        gate_await(&many.host.gate, MANY);
        for (int i = MANY; i-- > 0;)
            assert_int_equal(complete_int(many.host.runtime, many.tokens[i], i * 3), ZVM_OK);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
            expect_int(isolates[i], "a", i * 3);
            zvm_isolate_destroy(isolates[i]);
        }
    }
    zvm_code_release(code);
    close_host(&many.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_says_that_it_waits_and_goes_on_with_the_answer),
        cmocka_unit_test(test_answer_before_the_function_returns_is_taken),
        cmocka_unit_test(test_answers_of_every_kind_arrive),
        cmocka_unit_test(test_answer_that_is_none_leaves_the_token_open),
        cmocka_unit_test(test_function_that_returns_gives_its_token_up),
        cmocka_unit_test(test_waiting_isolate_of_the_host_may_be_cancelled_or_destroyed),
        cmocka_unit_test(test_deadline_ends_who_waits_for_the_host),
        cmocka_unit_test(test_fuel_is_the_same_however_the_answer_comes),
        cmocka_unit_test(test_answer_from_another_thread_ends_the_wait_on_a_worker),
        cmocka_unit_test(test_cancel_ends_who_waits_at_once),
        cmocka_unit_test(test_shutdown_ends_who_waits_and_makes_the_callback),
        cmocka_unit_test(test_drain_waits_for_the_answer),
        cmocka_unit_test(test_runtime_is_destroyed_with_isolates_that_wait),
        cmocka_unit_test(test_answered_isolate_of_the_host_may_be_submitted),
        cmocka_unit_test(test_each_of_many_gets_its_own_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
