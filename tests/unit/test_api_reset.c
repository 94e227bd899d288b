// Goal: an isolate that has been reset cannot be told from a new one, whatever it did before and wherever
// it was; who holds it, or is about to give it an answer, is neither forgotten nor disturbed; a pool gives
// such isolates out again.
// Method: programs that leave all kinds of things behind run in a new isolate, and again after a reset: all
// figures of the two results are compared. Each state of an isolate is reset, or refused.
#include "runtime_fixture.h"

#include <sched.h>
#include <stdlib.h>

// Where each allocation collects the programs cannot get far.
#ifdef ZVM_GC_STRESS
#    define IS_SLOW    true
#    define FUEL_LIMIT 8000
#    define KEYS       "30"
#else
#    define IS_SLOW    false
#    define FUEL_LIMIT 3000000
#    define KEYS       "3000"
#endif

struct host {
    zvm_runtime *runtime;
    zvm_token token;    // of the last call of ask()
    zvm_status in_call; // what resetting gave within a call
};

static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    (void)arguments;
    (void)count;
    assert_int_equal(zvm_call_token(call, &host->token), ZVM_OK);
    return ZVM_CALL_SUSPENDED;
}

static zvm_call_outcome reset_me(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    (void)arguments;
    (void)count;
    host->in_call = zvm_isolate_reset(zvm_call_isolate(call));
    return ZVM_CALL_RETURNED;
}

static void add(struct host *host, const char *name, zvm_host_fn call)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = host;
    assert_int_equal(zvm_runtime_add_function(host->runtime, &function), ZVM_OK);
}

static struct host open_host(uint32_t worker_count)
{
    return (struct host){.runtime = make_runtime(worker_count)};
}

static void add_functions(struct host *host)
{
    add(host, "ask", ask);
    add(host, "reset_me", reset_me);
}

static zvm_isolate *make(struct host *host, const char *text, const zvm_isolate_options *options)
{
    zvm_code *code = compile(host->runtime, text);
    zvm_isolate *isolate = make_isolate(host->runtime, code, options);
    zvm_code_release(code);
    return isolate;
}

static void close_host(struct host *host)
{
    check_identities(host->runtime);
    zvm_runtime_destroy(host->runtime);
}

static void run(zvm_isolate *isolate)
{
    bool finished = false;
    assert_int_equal(zvm_isolate_run(isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
}

static void reset(zvm_isolate *isolate)
{
    assert_int_equal(zvm_isolate_reset(isolate), ZVM_OK);
}

static void complete(struct host *host, int64_t integer, zvm_status expected)
{
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = integer};
    assert_int_equal(zvm_complete(host->runtime, host->token, &value), expected);
}

static void expect_int(zvm_isolate *isolate, const char *name, int64_t integer)
{
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, name, &value), ZVM_OK);
    assert_int_equal(value.kind, ZVM_VALUE_INT);
    assert_int_equal(value.integer, integer);
}

// ---- As a new one ---------------------------------------------------------------------------------

static void expect_same_results(const zvm_result *a, const zvm_result *b)
{
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->kind, b->kind);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->line, b->line);
    assert_int_equal(a->trace_count, b->trace_count);
    assert_int_equal(a->trace_omitted, b->trace_omitted);
    assert_int_equal(a->fuel_used, b->fuel_used);
    assert_int_equal(a->heap_live_bytes, b->heap_live_bytes);
    assert_int_equal(a->heap_peak_bytes, b->heap_peak_bytes);
    assert_int_equal(a->allocated_bytes, b->allocated_bytes);
    assert_int_equal(a->allocated_count, b->allocated_count);
    assert_int_equal(a->freed_bytes, b->freed_bytes);
    assert_int_equal(a->freed_count, b->freed_count);
    assert_int_equal(a->collections, b->collections);
    assert_int_equal(a->minor_collections, b->minor_collections);
    assert_int_equal(a->incremental_collections, b->incremental_collections);
    assert_int_equal(a->gc_slices, b->gc_slices);
    assert_int_equal(a->gc_slice_words_max, b->gc_slice_words_max);
    assert_int_equal(a->output_bytes, b->output_bytes);
    assert_int_equal(a->slices, b->slices);
    assert_int_equal(a->hint_count, b->hint_count);
    assert_int_equal(a->limit_used, b->limit_used);
    assert_int_equal(a->limit_allowed, b->limit_allowed);
}

static const struct program {
    zvm_status status;
    const char *text;
} PROGRAMS[] = {
    {ZVM_OK, ""},
    {ZVM_OK, "let a = 1\nprint(a)\n"},
    // more globals than fit the block, and no call that needs more
    {ZVM_OK,
     "let a = 1\nlet b = 2\nlet c = 3\nlet d = 4\nlet e = 5\nlet f = 6\nlet g = 7\nlet h = 8\n"
     "let i = 9\nlet j = 10\nlet k = 11\nlet l = 12\nlet m = 13\nlet n = 14\nlet o = [a]\n"},
    // grown stacks
    {ZVM_OK, "action depth(n) { if n == 0 { return 0 }\nreturn 1 + depth(n - 1) }\n"
             "let d = depth(900)\n"},
    // an error in the depths, with a trace
    {ZVM_E_ERROR, "action depth(n) { if n == 0 { throw \"down\" }\nreturn 1 + depth(n - 1) }\n"
                  "let d = depth(50)\n"},
    // memory, collections, keys that are symbols of its own, output
    {ZVM_OK,
     "let m = {}\nfor each i in range(4000) { m[\"key ${i}\"] = [i, \"${i} is a number\"] }\n"
     "let t = 0\nfor each i in range(20000) { let x = [i, [i]]\nt = t + x[0] }\nprint(t)\n"},
    // texts of integers by the thousand: a pool
    {ZVM_OK, "let s = 0\nlet t = []\nfor each r in range(200) {\n"
             "  for each i in range(300) { s = s + string(i * 7).len() }\n  t.push([r])\n}\n"},
    {ZVM_E_HEAP_LIMIT, "let l = []\nwhile true { l.push([l.len()]) }\n"},
    {ZVM_E_OUTPUT_LIMIT, "while true { print(\"endless\") }\n"},
    {ZVM_E_FUEL, "while true { }\n"},
    {ZVM_OK, "let x = args\nif x.len() != 2 { throw x }\n"},
};

static zvm_isolate_options options_of(uint32_t gc_mode)
{
    static const char *const arguments[] = {"one", "two"};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 4u << 20;
    options.output_limit_bytes = 10000;
    options.fuel_limit = FUEL_LIMIT;
    options.arguments = arguments;
    options.argument_count = 2;
    options.gc_mode = gc_mode;
    return options;
}

// Figures of the first and the second life, which begins at a moment of the first one.
static void compare_lives(struct host *host, zvm_code *code, zvm_status expected, uint32_t gc_mode,
                          uint64_t budget)
{
    zvm_isolate_options options = options_of(gc_mode);
    zvm_isolate *fresh = make_isolate(host->runtime, code, &options);
    zvm_isolate *again = make_isolate(host->runtime, code, &options);
    if (budget > 0) assert_int_equal(zvm_isolate_run(again, budget, NULL), ZVM_OK);
    run(fresh);
    if (budget == 0) run(again);
    zvm_result first = result_of(fresh);
    if (!IS_SLOW) assert_int_equal(first.status, expected);
    for (int i = 0; i < 3; i++) {
        reset(again);
        run(again);
        zvm_result second = result_of(again);
        expect_same_results(&first, &second);
    }
    assert_int_equal(zvm_isolate_destroy(fresh), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(again), ZVM_OK);
}

static void test_second_life_is_as_the_first(void **state)
{
    (void)state;
    struct host host = open_host(0);
    for (size_t i = 0; i < sizeof PROGRAMS / sizeof *PROGRAMS; i++) {
        zvm_code *code = compile(host.runtime, PROGRAMS[i].text);
        for (uint32_t mode = 0; mode < 4; mode++)
            compare_lives(&host, code, PROGRAMS[i].status, mode, 0);
        zvm_code_release(code);
    }
    close_host(&host);
}

// Its heap has only what the group has granted, which for a small one is nearly nothing.
static void test_lives_in_a_group_take_from_it_each_time(void **state)
{
    (void)state;
    struct host host = open_host(0);
    for (size_t i = 0; i < sizeof PROGRAMS / sizeof *PROGRAMS; i++) {
        zvm_code *code = compile(host.runtime, PROGRAMS[i].text);
        zvm_group_options group_options = ZVM_GROUP_OPTIONS_INIT;
        group_options.isolate_limit = 1;
        zvm_group *group = NULL;
        assert_int_equal(zvm_group_create(host.runtime, &group_options, &group), ZVM_OK);
        zvm_isolate_options options = options_of(0);
        options.group = group;
        zvm_isolate *isolate = make_isolate(host.runtime, code, &options);
        uint64_t fuel_used = 0;
        for (int life = 0; life < 5; life++) {
            if (life > 0) reset(isolate);
            if (life == 3) { // broken off
                assert_int_equal(zvm_isolate_run(isolate, 700, NULL), ZVM_OK);
                reset(isolate);
            }
            run(isolate);
            zvm_result result = result_of(isolate);
            if (!IS_SLOW) assert_int_equal(result.status, PROGRAMS[i].status);
            fuel_used += result.fuel_used;
            zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
            assert_int_equal(zvm_group_report(group, &figures), ZVM_OK);
            assert_true(figures.fuel_taken >= fuel_used && figures.fuel_taken <= fuel_used + 1400);
        }
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
        assert_int_equal(zvm_group_report(group, &figures), ZVM_OK);
        assert_int_equal(figures.heap_granted_bytes, 0);
        assert_int_equal(figures.symbols, 0);
        assert_int_equal(figures.isolates, 0);
        assert_int_equal(zvm_group_destroy(group), ZVM_OK);
        zvm_code_release(code);
    }
    close_host(&host);
}

// In the middle of loops, of calls, and of collections that go in slices.
static void test_life_that_is_broken_off_leaves_nothing(void **state)
{
    (void)state;
    struct host host = open_host(0);
    for (size_t i = 0; i < sizeof PROGRAMS / sizeof *PROGRAMS; i++) {
        zvm_code *code = compile(host.runtime, PROGRAMS[i].text);
        for (uint32_t mode = 0; mode < 4; mode++) {
            compare_lives(&host, code, PROGRAMS[i].status, mode, 700);
            compare_lives(&host, code, PROGRAMS[i].status, mode, 150000);
        }
        zvm_code_release(code);
    }
    close_host(&host);
}

static void test_idle_one_is_reset_too(void **state)
{
    (void)state;
    struct host host = open_host(0);
    zvm_isolate *isolate = make(&host, "let a = 7\nlet b = given\nlet given = 3\n", NULL);
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = 5};
    assert_int_equal(zvm_isolate_set_global(isolate, "given", &value), ZVM_OK);
    zvm_isolate_cancel(isolate);
    reset(isolate);
    reset(isolate);
    assert_int_equal(zvm_isolate_get_global(isolate, "given", &value), ZVM_E_NOT_FOUND);
    run(isolate);
    assert_int_equal(result_of(isolate).status, ZVM_E_ERROR); // `given` is used before it is set
    zvm_isolate_destroy(isolate);
    assert_int_equal(report_of(host.runtime).totals.isolates_reset, 2);
    close_host(&host);
}

static void test_session_goes_back_to_its_first_code(void **state)
{
    (void)state;
    struct host host = open_host(0);
    zvm_isolate *isolate = make(&host, "let a = 1\n", NULL);
    for (int life = 0; life < 3; life++) {
        run(isolate);
        char text[64];
        for (int i = 0; i < 20; i++) {
            snprintf(text, sizeof text, "let more%d = a + %d\n", i, i);
            assert_int_equal(zvm_isolate_load(isolate, "more", text, strlen(text), 0, NULL, NULL),
                             ZVM_OK);
            run(isolate);
            assert_int_equal(result_of(isolate).status, ZVM_OK);
        }
        expect_int(isolate, "more19", 20);
        reset(isolate);
        zvm_value value;
        assert_int_equal(zvm_isolate_get_global(isolate, "more19", &value), ZVM_E_NOT_FOUND);
    }
    run(isolate);
    expect_int(isolate, "a", 1);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_symbols_of_each_life_are_given_back(void **state)
{
    (void)state;
    struct host host = open_host(0);
    zvm_isolate *isolate = make(
        &host, "let m = {}\nfor each i in range(" KEYS ") { m[\"of life ${i}\"] = i }\n", NULL);
    zvm_intern_figures before = ZVM_INTERN_FIGURES_INIT, after = ZVM_INTERN_FIGURES_INIT;
    assert_int_equal(zvm_intern_stats(host.runtime, &before), ZVM_OK);
    for (int i = 0; i < 20; i++) {
        run(isolate);
        reset(isolate);
    }
    assert_int_equal(zvm_intern_stats(host.runtime, &after), ZVM_OK);
    assert_true(after.count - after.dead == before.count - before.dead);
    assert_true(after.bytes < before.bytes + (2u << 20));
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// 254 combinations of types more than the program's code has room for: the rest are the isolate's own.
static void test_types_of_its_own_go_with_each_life(void **state)
{
    (void)state;
    static const char TYPES[] = "action grow(p, n) {\n"
                                "  if n == 0 { return 1 }\n"
                                "  data L extends p { method l() { return n } }\n"
                                "  data R extends p { method r() { return n } }\n"
                                "  return grow(L, n - 1) + grow(R, n - 1) }\n"
                                "data T { t = 5 }\n"
                                "let made = grow(T, 9)\n";
    struct host host = open_host(0);
    zvm_isolate *isolate = make(&host, TYPES, NULL);
    run(isolate); // what this life puts into the table of the code is there for the next
    zvm_result second = ZVM_RESULT_INIT;
    for (int life = 2; life < 5; life++) {
        reset(isolate);
        run(isolate);
        expect_int(isolate, "made", 512);
        zvm_result result = result_of(isolate);
        if (life == 2) second = result;
        expect_same_results(&second, &result);
    }
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_profiled_one_is_refused(void **state)
{
    (void)state;
    struct host host = open_host(0);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.history_entries = 16;
    zvm_isolate *isolate = make(&host, "let a = 1\n", &options);
    run(isolate);
    assert_int_equal(zvm_isolate_reset(isolate), ZVM_E_STATE);
    expect_int(isolate, "a", 1);
    assert_int_equal(zvm_isolate_reset(NULL), ZVM_E_ARGUMENT);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// ---- Those that wait ------------------------------------------------------------------------------

static void test_one_that_waits_gives_its_token_up(void **state)
{
    (void)state;
    struct host host = open_host(0);
    add_functions(&host);
    zvm_isolate *isolate = make(&host, "let a = ask()\nlet b = ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    reset(isolate);
    complete(&host, 1, ZVM_E_STALE);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    complete(&host, 2, ZVM_OK);
    reset(isolate); // an answer that it has not taken goes as well
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    complete(&host, 3, ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    complete(&host, 4, ZVM_OK);
    run(isolate);
    expect_int(isolate, "a", 3);
    expect_int(isolate, "b", 4);
    assert_int_equal(report_of(host.runtime).late_answers, 1);
    // cancelled while it waited
    reset(isolate);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    zvm_isolate_cancel(isolate);
    reset(isolate);
    complete(&host, 5, ZVM_E_STALE);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    complete(&host, 6, ZVM_OK);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_sleeper_of_the_host_begins_anew(void **state)
{
    (void)state;
    struct host host = open_host(0);
    zvm_isolate *isolate = make(&host, "sleep(1000000)\n", NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
        reset(isolate);
    }
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// The answer of a function that blocks comes when its isolate lives for the second time.
static zvm_call_outcome block(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    gate_pass(zvm_call_user(call));
    return zvm_call_return(call, &arguments[0]);
}

static void reset_when_at_rest(zvm_isolate *isolate)
{
    zvm_status status;
    while ((status = zvm_isolate_reset(isolate)) == ZVM_E_BUSY)
        (void)sched_yield();
    assert_int_equal(status, ZVM_OK);
}

static void test_late_answer_of_a_first_life_disturbs_no_second_one(void **state)
{
    (void)state;
    struct host host = open_host(1);
    struct gate gate = GATE_INIT;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "block";
    function.call = block;
    function.user = &gate;
    function.minimum = function.maximum = 1;
    function.is_blocking = 1;
    assert_int_equal(zvm_runtime_add_function(host.runtime, &function), ZVM_OK);
    zvm_isolate *isolate = make(&host, "let a = block(isolate_id())\n", NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    gate_await(&gate, 1);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    reset_when_at_rest(isolate);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    gate_await(&gate, 2);
    gate_open(&gate);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    expect_int(isolate, "a", 0);
    zvm_isolate_destroy(isolate);
    zvm_runtime_drain(host.runtime);
    close_host(&host);
}

// ---- Those that others hold -------------------------------------------------------------------------

static void test_queued_and_running_ones_are_refused(void **state)
{
    (void)state;
    struct host host = open_host(1);
    add_functions(&host);
    struct gate gate = GATE_INIT;
    zvm_code *printing = compile(host.runtime, "print(1)\n");
    zvm_isolate *running = block_worker(host.runtime, printing, &gate);
    gate_await(&gate, 1);
    zvm_isolate *queued = make_isolate(host.runtime, printing, NULL);
    zvm_isolate *cancelled = make_isolate(host.runtime, printing, NULL);
    assert_int_equal(zvm_isolate_submit(queued), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(cancelled), ZVM_OK);
    zvm_isolate_cancel(cancelled);
    assert_int_equal(zvm_isolate_wait(cancelled, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_isolate_reset(running), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_reset(queued), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_reset(cancelled), ZVM_E_BUSY); // the queue still names it
    assert_int_equal(zvm_isolate_set_user(queued, NULL), ZVM_E_BUSY);
    assert_int_equal(result_of(cancelled).status, ZVM_E_CANCELLED);
    gate_open(&gate);
    assert_int_equal(zvm_isolate_wait(queued, UINT64_MAX), ZVM_OK);
    reset_when_at_rest(cancelled);
    assert_int_equal(zvm_isolate_submit(cancelled), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(cancelled, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(cancelled).status, ZVM_OK);
    zvm_isolate *asking = make(&host, "ask()\nsleep(100000)\n", NULL);
    assert_int_equal(zvm_isolate_submit(asking), ZVM_OK);
    zvm_isolate_wait(asking, 2000000);
    assert_int_equal(zvm_isolate_reset(asking), ZVM_E_BUSY); // it waits, and a worker is to go on
    zvm_isolate *within = make(&host, "reset_me()\n", NULL);
    run(within);
    assert_int_equal(host.in_call, ZVM_E_BUSY);
    zvm_code_release(printing);
    zvm_runtime_shutdown(host.runtime, true);
    close_host(&host);
}

static void test_one_that_nobody_has_taken_is_refused(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    options.lists_finished = 1;
    struct host host = {0};
    assert_int_equal(zvm_runtime_create(&options, &host.runtime), ZVM_OK);
    zvm_isolate *isolate = make(&host, "let a = 1\n", NULL), *taken = NULL;
    for (int i = 0; i < 100; i++) {
        size_t count = 0;
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        assert_int_equal(zvm_isolate_reset(isolate), ZVM_E_BUSY);
        assert_int_equal(zvm_isolate_set_user(isolate, NULL), ZVM_E_BUSY);
        while (count == 0)
            assert_int_equal(zvm_runtime_finished_take(host.runtime, &taken, 1, &count), ZVM_OK);
        assert_ptr_equal(taken, isolate);
        reset_when_at_rest(isolate);
    }
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

struct lives {
    struct gate gate;
    int left;
};

static void live_again(zvm_isolate *isolate, void *user)
{
    struct lives *lives = user;
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    if (lives->left-- == 0) {
        gate_pass(&lives->gate);
        return;
    }
    assert_int_equal(zvm_isolate_reset(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
}

static void test_callback_of_the_end_begins_the_next_life(void **state)
{
    (void)state;
    struct host host = open_host(2);
    struct lives lives = {.gate = GATE_INIT, .left = 1000};
    lives.gate.is_open = true;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = live_again;
    options.user = &lives;
    zvm_isolate *isolate = make(&host, "let a = [1]\n", &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    gate_await(&lives.gate, 1);
    zvm_runtime_drain(host.runtime);
    zvm_report_counters c = report_of(host.runtime).totals;
    assert_int_equal(c.isolates_finished, 1001);
    assert_int_equal(c.isolates_reset, 1000);
    assert_int_equal(c.isolates_created, 1);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// ---- Pools ----------------------------------------------------------------------------------------

static zvm_isolate_pool *make_pool(zvm_runtime *runtime, zvm_code *code, uint32_t capacity)
{
    zvm_isolate_pool *pool = NULL;
    assert_int_equal(zvm_isolate_pool_create(runtime, code, NULL, capacity, &pool), ZVM_OK);
    return pool;
}

static zvm_isolate *acquire(zvm_isolate_pool *pool)
{
    zvm_isolate *isolate = NULL;
    assert_int_equal(zvm_isolate_pool_acquire(pool, &isolate), ZVM_OK);
    return isolate;
}

static void expect_figures(zvm_isolate_pool *pool, uint64_t created, uint64_t reused,
                           uint32_t idle_count)
{
    zvm_isolate_pool_figures figures = ZVM_ISOLATE_POOL_FIGURES_INIT;
    assert_int_equal(zvm_isolate_pool_figures_take(pool, &figures), ZVM_OK);
    assert_int_equal(figures.created, created);
    assert_int_equal(figures.reused, reused);
    assert_int_equal(figures.idle_count, idle_count);
}

static void test_pool_gives_out_what_came_back(void **state)
{
    (void)state;
    struct host host = open_host(0);
    zvm_code *code = compile(host.runtime, "let a = [1, 2]\n");
    zvm_isolate_pool *pool = make_pool(host.runtime, code, 2);
    zvm_code_release(code); // the pool has it
    zvm_isolate *first = acquire(pool), *second = acquire(pool), *third = acquire(pool);
    expect_figures(pool, 3, 1, 0);
    run(first);
    assert_int_equal(zvm_isolate_set_user(first, &host), ZVM_OK);
    assert_ptr_equal(zvm_isolate_user(first), &host);
    assert_int_equal(zvm_isolate_pool_release(pool, first), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool, second), ZVM_OK);
    run(third);
    assert_int_equal(zvm_isolate_pool_release(pool, third), ZVM_OK); // it is full
    expect_figures(pool, 3, 1, 2);
    zvm_report_counters c = report_of(host.runtime).totals;
    assert_int_equal(c.isolates_destroyed, 1);
    zvm_isolate *again = acquire(pool), *other = acquire(pool);
    assert_true((again == first && other == second) || (again == second && other == first));
    assert_null(zvm_isolate_user(first));
    run(first);
    assert_int_equal(result_of(first).allocated_count,
                     3); // the function, the list and its elements
    zvm_isolate_destroy(other == first ? again : other);
    assert_int_equal(zvm_isolate_pool_release(pool, first), ZVM_OK);
    zvm_isolate_pool_destroy(pool);
    zvm_isolate_pool_destroy(NULL);
    close_host(&host);
}

static void test_pool_takes_only_its_own_and_once(void **state)
{
    (void)state;
    struct host host = open_host(0), other = open_host(0);
    zvm_code *code = compile(host.runtime, "let a = 1\n");
    zvm_code *foreign = compile(other.runtime, "let a = 1\n");
    zvm_isolate_pool *pool = make_pool(host.runtime, code, 4),
                     *twin = make_pool(host.runtime, code, 4);
    zvm_isolate_pool *far = make_pool(other.runtime, foreign, 4);
    zvm_isolate *isolate = acquire(pool), *loose = make_isolate(host.runtime, code, NULL);
    zvm_isolate *stranger = acquire(far);
    assert_int_equal(zvm_isolate_pool_release(twin, isolate), ZVM_E_FOREIGN);
    assert_int_equal(zvm_isolate_pool_release(pool, loose), ZVM_E_FOREIGN);
    assert_int_equal(zvm_isolate_pool_release(pool, stranger), ZVM_E_FOREIGN);
    assert_int_equal(zvm_isolate_pool_release(pool, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_pool_release(NULL, isolate), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_E_FOREIGN);
    expect_figures(pool, 1, 1, 1);
    zvm_isolate_destroy(loose);
    zvm_isolate_destroy(stranger);
    zvm_isolate_pool_destroy(pool);
    zvm_isolate_pool_destroy(twin);
    zvm_isolate_pool_destroy(far);
    zvm_code_release(code);
    zvm_code_release(foreign);
    close_host(&host);
    close_host(&other);
}

static void test_pool_refuses_what_it_cannot_keep(void **state)
{
    (void)state;
    struct host host = open_host(1), other = open_host(0);
    zvm_code *code = compile(host.runtime, "print(1)\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate_pool *pool = NULL;
    zvm_isolate *isolate;
    assert_int_equal(zvm_isolate_pool_create(host.runtime, code, NULL, 0, &pool), ZVM_E_ARGUMENT);
    assert_int_equal(
        zvm_isolate_pool_create(host.runtime, code, NULL, ZVM_ISOLATE_POOL_MAX + 1, &pool),
        ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_pool_create(host.runtime, NULL, NULL, 1, &pool), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_pool_create(other.runtime, code, NULL, 1, &pool), ZVM_E_FOREIGN);
    options.history_entries = 4;
    assert_int_equal(zvm_isolate_pool_create(host.runtime, code, &options, 1, &pool),
                     ZVM_E_ARGUMENT);
    options.history_entries = 0;
    options.heap_limit_bytes = 1;
    assert_int_equal(zvm_isolate_pool_create(host.runtime, code, &options, 1, &pool),
                     ZVM_E_ARGUMENT);
    assert_null(pool);
    assert_int_equal(zvm_isolate_pool_acquire(NULL, &isolate), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_pool_figures_take(NULL, NULL), ZVM_E_ARGUMENT);
    // one that runs stays the host's
    struct gate gate = GATE_INIT;
    options = (zvm_isolate_options)ZVM_ISOLATE_OPTIONS_INIT;
    options.output = output_at_gate;
    options.output_context = &gate;
    assert_int_equal(zvm_isolate_pool_create(host.runtime, code, &options, 1, &pool), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_acquire(pool, NULL), ZVM_E_ARGUMENT);
    isolate = acquire(pool);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    gate_await(&gate, 1);
    assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_E_BUSY);
    gate_open(&gate);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_OK);
    expect_figures(pool, 1, 1, 1);
    zvm_isolate_pool_destroy(pool);
    zvm_code_release(code);
    close_host(&host);
    close_host(&other);
}

static void give_back(zvm_isolate *isolate, void *user)
{
    zvm_isolate_pool *pool = *(zvm_isolate_pool **)user;
    assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_OK);
}

// The one worker that could drop the entry makes the callback: what cannot be reset is destroyed.
static void test_callback_gives_back_one_that_was_cancelled_in_a_queue(void **state)
{
    (void)state;
    struct host host = open_host(1);
    struct gate gate = GATE_INIT;
    zvm_code *printing = compile(host.runtime, "print(1)\n"), *code = compile(host.runtime, "1\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate_pool *pool = NULL;
    options.on_finish = give_back;
    options.user = &pool;
    assert_int_equal(zvm_isolate_pool_create(host.runtime, code, &options, 4, &pool), ZVM_OK);
    zvm_isolate *running = block_worker(host.runtime, printing, &gate);
    gate_await(&gate, 1);
    for (int i = 0; i < 4; i++) {
        zvm_isolate *isolate = acquire(pool);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        if (i % 2 == 0) zvm_isolate_cancel(isolate);
    }
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
    expect_figures(pool, 4, 1, 2);
    zvm_isolate_destroy(running);
    zvm_isolate_pool_destroy(pool);
    zvm_code_release(code);
    zvm_code_release(printing);
    close_host(&host);
}

struct worker {
    pthread_t thread;
    zvm_isolate_pool *pool;
    uint64_t done;
};

static void *use_pool(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < 2000; i++) {
        zvm_isolate *isolate;
        if (zvm_isolate_pool_acquire(worker->pool, &isolate) != ZVM_OK) abort();
        if (i % 2 == 0 && zvm_isolate_run(isolate, 0, NULL) != ZVM_OK) abort();
        if (zvm_isolate_pool_release(worker->pool, isolate) != ZVM_OK) abort();
        worker->done++;
    }
    return NULL;
}

static void test_pool_serves_many_threads(void **state)
{
    (void)state;
    struct host host = open_host(0);
    zvm_code *code = compile(host.runtime, "let m = {\"k\": [1]}\n");
    zvm_isolate_pool *pool = make_pool(host.runtime, code, 3);
    struct worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){.pool = pool};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, use_pool, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].done, 2000);
    }
    zvm_isolate_pool_figures figures = ZVM_ISOLATE_POOL_FIGURES_INIT;
    assert_int_equal(zvm_isolate_pool_figures_take(pool, &figures), ZVM_OK);
    assert_int_equal(figures.created - 1 + figures.reused, 8000);
    assert_true(figures.idle_count <= 3);
    assert_int_equal(report_of(host.runtime).totals.isolates_finished, 4000);
    zvm_isolate_pool_destroy(pool);
    zvm_code_release(code);
    close_host(&host);
}

static void test_pool_within_the_limit_of_isolates(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.isolate_limit = 2;
    struct host host = {0};
    assert_int_equal(zvm_runtime_create(&options, &host.runtime), ZVM_OK);
    zvm_code *code = compile(host.runtime, "let a = 1\n");
    zvm_isolate_pool *pool = make_pool(host.runtime, code, 8);
    zvm_isolate *first = acquire(pool), *second = acquire(pool), *third;
    assert_int_equal(zvm_isolate_pool_acquire(pool, &third), ZVM_E_ISOLATES);
    assert_int_equal(zvm_isolate_pool_release(pool, first), ZVM_OK);
    third = acquire(pool);
    assert_int_equal(zvm_isolate_pool_release(pool, third), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool, second), ZVM_OK);
    zvm_isolate_pool_destroy(pool);
    zvm_code_release(code);
    close_host(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_life_is_as_the_first),
        cmocka_unit_test(test_lives_in_a_group_take_from_it_each_time),
        cmocka_unit_test(test_life_that_is_broken_off_leaves_nothing),
        cmocka_unit_test(test_idle_one_is_reset_too),
        cmocka_unit_test(test_session_goes_back_to_its_first_code),
        cmocka_unit_test(test_symbols_of_each_life_are_given_back),
        cmocka_unit_test(test_types_of_its_own_go_with_each_life),
        cmocka_unit_test(test_profiled_one_is_refused),
        cmocka_unit_test(test_one_that_waits_gives_its_token_up),
        cmocka_unit_test(test_sleeper_of_the_host_begins_anew),
        cmocka_unit_test(test_late_answer_of_a_first_life_disturbs_no_second_one),
        cmocka_unit_test(test_queued_and_running_ones_are_refused),
        cmocka_unit_test(test_one_that_nobody_has_taken_is_refused),
        cmocka_unit_test(test_callback_of_the_end_begins_the_next_life),
        cmocka_unit_test(test_pool_gives_out_what_came_back),
        cmocka_unit_test(test_pool_takes_only_its_own_and_once),
        cmocka_unit_test(test_pool_refuses_what_it_cannot_keep),
        cmocka_unit_test(test_callback_gives_back_one_that_was_cancelled_in_a_queue),
        cmocka_unit_test(test_pool_serves_many_threads),
        cmocka_unit_test(test_pool_within_the_limit_of_isolates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
