// Goal: isolates that talk, as a host sees them: what they spawn ends with their group, one's failure is no other's,
// who waits is woken by a message, a time, an end, a cancel and a shutdown; what is reset or destroyed is over for
// whoever has its address; and no message is lost or counted twice.
// Method: programs, and their results and reports, with one, two and four workers, on the host's own thread, and
// with a seed. No sleeps: programs tell by a function of the host when they have come somewhere.
#include "runtime_fixture.h"

#include "vm/mailbox.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

// ---- A host -------------------------------------------------------------------------------------

struct host {
    zvm_runtime *runtime;
    struct gate gate;   // passed by note(); open from the start
    atomic_int notes;   // calls of note()
    atomic_llong sum;   // of their arguments
    atomic_int spawned; // isolates that programs spawned, and that are over
    atomic_int failed;  // those of them that failed
};

// note(n)
static zvm_call_outcome note(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    if (count > 0) atomic_fetch_add(&host->sum, arguments[0].integer);
    atomic_fetch_add(&host->notes, 1);
    gate_pass(&host->gate);
    zvm_value value = {.kind = ZVM_VALUE_NULL};
    return zvm_call_return(call, &value);
}

static void add_note(struct host *host)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "note";
    function.call = note;
    function.user = host;
    function.maximum = 1;
    assert_int_equal(zvm_runtime_add_function(host->runtime, &function), ZVM_OK);
}

static void open_host(struct host *host, uint32_t worker_count)
{
    *host = (struct host){.gate = GATE_INIT, .runtime = make_runtime(worker_count)};
    host->gate.is_open = true;
    add_note(host);
}

static zvm_isolate_options spawning(zvm_group *group)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.may_spawn = 1;
    options.group = group;
    return options;
}

static zvm_isolate *make(struct host *host, const char *text, const zvm_isolate_options *options)
{
    zvm_code *code = compile(host->runtime, text);
    zvm_isolate *isolate = make_isolate(host->runtime, code, options);
    zvm_code_release(code);
    return isolate;
}

static zvm_isolate *start(struct host *host, const char *text, zvm_group *group)
{
    zvm_isolate_options options = spawning(group);
    zvm_isolate *isolate = make(host, text, &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    return isolate;
}

static zvm_group *make_group(struct host *host)
{
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    zvm_group *group;
    assert_int_equal(zvm_group_create(host->runtime, &options, &group), ZVM_OK);
    return group;
}

static void await_notes(struct host *host, int count)
{
    while (atomic_load(&host->notes) < count)
        sched_yield();
}

// Nothing runs, and nobody is there any more who could have a message.
static void check_messages(zvm_runtime *runtime)
{
    zvm_report_counters c = report_of(runtime).totals;
    assert_int_equal(c.messages_sent, c.messages_received + c.messages_dropped);
}

static void close_host(struct host *host)
{
    assert_int_equal(zvm_runtime_drain(host->runtime), ZVM_OK);
    check_messages(host->runtime);
    check_identities(host->runtime);
    zvm_runtime_destroy(host->runtime);
}

static void expect_int(zvm_isolate *isolate, const char *name, int64_t integer)
{
    zvm_result result = result_of(isolate);
    if (result.status != ZVM_OK) print_error("%s\n", result.message);
    assert_int_equal(result.status, ZVM_OK);
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, name, &value), ZVM_OK);
    assert_int_equal(value.kind, ZVM_VALUE_INT);
    assert_int_equal(value.integer, integer);
}

static void expect_text(zvm_isolate *isolate, const char *name, const char *text)
{
    zvm_result result = result_of(isolate);
    if (result.status != ZVM_OK) print_error("%s\n", result.message);
    assert_int_equal(result.status, ZVM_OK);
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, name, &value), ZVM_OK);
    assert_string_equal(value.text, text);
}

static void wait_for(zvm_isolate *isolate)
{
    assert_int_equal(zvm_isolate_wait(isolate, 60000000000), ZVM_OK);
}

static const uint32_t worker_counts[] = {1, 2, 4};
#define WORKER_COUNTS (sizeof worker_counts / sizeof *worker_counts)

// ---- Talking ------------------------------------------------------------------------------------

static const char ring[] = "action pass_on(next, rounds) {\n"
                           "  let i = 0\n"
                           "  while (i < rounds) { send(next, receive() + 1)\n i = i + 1 }\n"
                           "}\n"
                           "let first = self()\n"
                           "let next = first\n"
                           "let n = 0\n"
                           "while (n < 50) { next = spawn pass_on(next, 20)\n n = n + 1 }\n"
                           "let got = 0\n"
                           "let r = 0\n"
                           "while (r < 20) { send(next, got)\n got = receive()\n r = r + 1 }\n";

static void test_ring_of_isolates_passes_each_message_on(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WORKER_COUNTS; i++) {
        struct host host;
        open_host(&host, worker_counts[i]);
        zvm_isolate *isolate = start(&host, ring, NULL);
        wait_for(isolate);
        expect_int(isolate, "got", 1000);
        assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
        zvm_report_counters totals = report_of(host.runtime).totals;
        assert_int_equal(totals.messages_sent, 1020);
        assert_int_equal(totals.messages_received, 1020);
        assert_int_equal(totals.isolates_created, 51);
        assert_int_equal(totals.isolates_destroyed, 50);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        close_host(&host);
    }
}

static const char fan_in[] = "action talk(to, count) {\n"
                             "  let i = 0\n"
                             "  while (i < count) { send(to, 1)\n i = i + 1 }\n"
                             "}\n"
                             "let n = 0\n"
                             "while (n < 20) { spawn talk(self(), 100)\n n = n + 1 }\n"
                             "let sum = 0\n"
                             "let r = 0\n"
                             "while (r < 2000) { sum = sum + receive()\n r = r + 1 }\n";

static void test_many_senders_to_a_small_mailbox_lose_nothing(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WORKER_COUNTS; i++) {
        struct host host;
        open_host(&host, worker_counts[i]);
        zvm_isolate_options options = spawning(NULL);
        options.mailbox_limit_count = 2;
        zvm_isolate *isolate = make(&host, fan_in, &options);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        wait_for(isolate);
        expect_int(isolate, "sum", 2000);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        close_host(&host);
    }
}

static void test_send_to_one_that_ends_is_dropped_and_counted(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2);
    zvm_isolate *isolate = start(&host,
                                 "action deaf() { return 7 }\n"
                                 "let d = spawn deaf()\n"
                                 "let seven = await d\n"
                                 "let sent = 1\n"
                                 "if (send(d, 1)) { sent = 2 }\n",
                                 NULL);
    wait_for(isolate);
    expect_int(isolate, "seven", 7);
    expect_int(isolate, "sent", 1);
    assert_int_equal(report_of(host.runtime).totals.messages_dropped, 1);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

static void test_send_into_the_own_full_mailbox_fails_at_once(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate_options options = spawning(NULL);
    options.mailbox_limit_count = 2;
    zvm_isolate *isolate = make(&host,
                                "let me = self()\n"
                                "let sent = 0\n"
                                "let caught = \"\"\n"
                                "try { while (true) { send(me, 1)\n sent = sent + 1 } }\n"
                                "catch (e) { caught = e.message }\n",
                                &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    wait_for(isolate);
    expect_int(isolate, "sent", 2);
    expect_text(isolate, "caught", "send(): the mailbox of isolate 1 is full");
    assert_int_equal(report_of(host.runtime).totals.messages_dropped, 2);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

// ---- Ends ---------------------------------------------------------------------------------------

static void test_failure_of_a_child_is_its_own(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2);
    zvm_isolate *isolate = start(&host,
                                 "action fall() { throw \"down\" }\n"
                                 "let c = spawn fall()\n"
                                 "monitor(c)\n"
                                 "let m = receive()\n"
                                 "let reason = m[\"reason\"]\n"
                                 "let thrown = m[\"error\"]\n"
                                 "let caught = \"\"\n"
                                 "try { await c } catch (e) { caught = e }\n",
                                 NULL);
    wait_for(isolate);
    expect_text(isolate, "reason", "error");
    expect_text(isolate, "thrown", "down");
    expect_text(isolate, "caught", "down");
    assert_int_equal(report_of(host.runtime).totals.failed_error, 1);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

static void test_monitor_of_one_that_is_over_tells_at_once(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate = start(&host,
                                 "action quick() { return 1 }\n"
                                 "let c = spawn quick()\n"
                                 "await c\n"
                                 "monitor(c)\n"
                                 "monitor(c)\n"
                                 "let reason = receive()[\"reason\"] + receive()[\"reason\"]\n",
                                 NULL);
    wait_for(isolate);
    expect_text(isolate, "reason", "finishedfinished");
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

static void count_spawned(zvm_isolate *isolate, void *user)
{
    struct host *host = user;
    if (result_of(isolate).status != ZVM_OK) atomic_fetch_add(&host->failed, 1);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    atomic_fetch_add(&host->spawned, 1);
}

// A tree of 1 + 3 + 9 + 27 isolates, whose leaves wait for ever.
static const char tree[] = "action grow(depth) {\n"
                           "  note()\n"
                           "  if (depth > 0) {\n"
                           "    spawn grow(depth - 1)\n"
                           "    spawn grow(depth - 1)\n"
                           "    spawn grow(depth - 1)\n"
                           "  }\n"
                           "  receive()\n"
                           "}\n"
                           "grow(3)\n";

static void test_cancel_of_a_group_ends_all_that_was_spawned_in_it(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WORKER_COUNTS; i++) {
        struct host host;
        open_host(&host, worker_counts[i]);
        zvm_group *group = make_group(&host);
        zvm_isolate_options options = spawning(group);
        options.on_spawned = count_spawned;
        options.user = &host;
        zvm_isolate *isolate = make(&host, tree, &options);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        await_notes(&host, 40);
        zvm_group_cancel(group);
        assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
        assert_int_equal(atomic_load(&host.spawned), 39);
        assert_int_equal(atomic_load(&host.failed), 39);
        assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        assert_int_equal(zvm_group_destroy(group), ZVM_OK);
        close_host(&host);
    }
}

static void test_group_is_empty_when_its_spawned_isolates_have_ended(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 2);
    zvm_group *group = make_group(&host);
    zvm_isolate *isolate =
        start(&host,
              "action f(x) { return [x, x] }\n"
              "let sum = 0\n"
              "let i = 0\n"
              "while (i < 200) { sum = sum + (await spawn f(i))[1]\n i = i + 1 }\n",
              group);
    wait_for(isolate);
    expect_int(isolate, "sum", 19900);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    assert_int_equal(zvm_group_report(group, &figures), ZVM_OK);
    assert_int_equal(figures.isolates, 0);
    assert_int_equal(figures.heap_granted_bytes, 0);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    close_host(&host);
}

static uint64_t committed(zvm_isolate *isolate)
{
    struct zheap_stats stats;
    zheap_stats(&((struct zisolate *)isolate)->heap, &stats);
    return stats.committed_bytes;
}

// What a sender has in hand, and its monitors, are no more when it has ended, though its heap is still there.
static void test_isolate_that_ended_in_line_is_charged_for_nothing(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate_options options = spawning(NULL);
    options.mailbox_limit_count = 1;
    zvm_isolate *isolate = make(&host,
                                "action deaf() { sleep(1000000) }\n"
                                "let text = \"x\"\n"
                                "while (len(text) < 100000) { text = text + text }\n"
                                "let d = spawn deaf()\n"
                                "for each i in range(100) { monitor(d) }\n"
                                "send(d, text)\n"
                                "note()\n"
                                "send(d, text)\n",
                                &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    uint64_t before_bytes = committed(isolate);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_true(committed(isolate) + 131072 + 100 * sizeof(struct zmonitor) <= before_bytes);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_runtime_shutdown(host.runtime, true /* cancel */), ZVM_OK);
    check_messages(host.runtime);
    zvm_runtime_destroy(host.runtime);
}

// Results of isolates that are over, and what those that have not begun were spawned with, are the group's.
static void test_results_and_arguments_count_in_the_memory_of_the_group(void **state)
{
    (void)state;
    static const char *const programs[] = {
        "let kept = []\n"
        "action f() { let s = \"x\"\n while (len(s) < 100000) { s = s + s }\n return s }\n"
        "let count = 0\n"
        "try { while (count < 100) {\n"
        "  let c = spawn f()\n"
        "  kept.push(c)\n"
        "  if (len(await c) != 131072) { note(1000) }\n"
        "  count = count + 1\n"
        "} } catch (e) { note(1) }\n",
        "action g(text) { sleep(1000000) }\n"
        "let text = \"x\"\n"
        "while (len(text) < 100000) { text = text + text }\n"
        "let count = 0\n"
        "try { while (count < 100) { spawn g(text)\n count = count + 1 } } catch (e) { note(1) }\n",
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct host host;
        open_host(&host, 1);
        zvm_group_options group_options = ZVM_GROUP_OPTIONS_INIT;
        group_options.heap_limit_bytes = 1 << 20;
        zvm_group *group;
        assert_int_equal(zvm_group_create(host.runtime, &group_options, &group), ZVM_OK);
        zvm_isolate *isolate = start(&host, programs[i], group);
        wait_for(isolate);
        assert_int_equal(result_of(isolate).status, ZVM_OK);
        assert_int_equal(atomic_load(&host.sum), 1);
        zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
        assert_int_equal(zvm_group_report(group, &figures), ZVM_OK);
        assert_in_range(figures.heap_granted_bytes, 300000, 1 << 20);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        zvm_group_cancel(group);
        assert_int_equal(zvm_runtime_drain(host.runtime), ZVM_OK);
        assert_int_equal(zvm_group_report(group, &figures), ZVM_OK);
        assert_int_equal(figures.heap_granted_bytes, 0);
        assert_int_equal(zvm_group_destroy(group), ZVM_OK);
        close_host(&host);
    }
}

static void test_await_of_one_that_the_host_destroys_tells_why(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate_options options = spawning(NULL);
    zvm_isolate *isolate =
        make(&host,
             "action w(whom) {\n"
             "  note()\n"
             "  try { await whom } catch (e) { if (e.kind == \"StateError\") { note(5) } }\n"
             "}\n"
             "spawn w(self())\n"
             "receive()\n",
             &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    await_notes(&host, 1);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    await_notes(&host, 2);
    assert_int_equal(atomic_load(&host.sum), 5);
    close_host(&host);
}

static void test_deadline_ends_who_waits_for_a_message(void **state)
{
    (void)state;
    static const char *const programs[] = {
        "receive()\n",
        "receive(100000)\n",
        "action f() { receive() }\nawait spawn f()\n",
        "action f() { receive() }\nlet c = spawn f()\nwhile (true) { send(c, 1) }\n",
    };
    struct host host;
    open_host(&host, 2);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        zvm_isolate_options options = spawning(NULL);
        options.timeout_ns = 20000000;
        options.mailbox_limit_count = 1;
        zvm_isolate *isolate = make(&host, programs[i], &options);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        wait_for(isolate);
        zvm_status status = result_of(isolate).status;
        assert_true(status == ZVM_E_TIMEOUT || (i == 2 && status == ZVM_E_ERROR));
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    }
    close_host(&host);
}

static void test_shutdown_ends_a_thousand_that_wait(void **state)
{
    (void)state;
    static const char text[] =
        "action a() { note()\n receive() }\n"
        "action b(to) { note()\n send(to, 1)\n send(to, 2)\n send(to, 3)\n }\n"
        "action c(whom) { note()\n await whom }\n"
        "action d() { note()\n receive(1000000) }\n"
        "action deaf() { note()\n sleep(1000000) }\n"
        "let quiet = spawn deaf()\n"
        "let i = 0\n"
        "while (i < 250) {\n"
        "  let x = spawn a()\n"
        "  spawn b(quiet)\n"
        "  spawn c(quiet)\n"
        "  monitor(spawn d())\n"
        "  i = i + 1\n"
        "}\n"
        "note()\n"
        "receive()\n";
    for (int way = 0; way < 3; way++) {
        struct host host;
        open_host(&host, 2);
        zvm_isolate_options options = spawning(NULL);
        options.mailbox_limit_count = 2;
        zvm_isolate *isolate = make(&host, text, &options);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        await_notes(&host, 1002);
        if (way == 0) { // all at once, by the runtime's end
            zvm_runtime_destroy(host.runtime);
            continue;
        }
        assert_int_equal(zvm_runtime_shutdown(host.runtime, true /* cancel */), ZVM_OK);
        if (way == 1) assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        check_messages(host.runtime);
        zvm_runtime_destroy(host.runtime);
    }
}

// ---- The host's own thread ----------------------------------------------------------------------

static void test_hosted_isolate_receives_what_a_worker_sends(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate_options options = spawning(NULL);
    zvm_isolate *isolate = make(&host,
                                "action answer(to, n) { send(to, n) }\n"
                                "let sum = 0\n"
                                "let i = 0\n"
                                "while (i < 200) {\n"
                                "  spawn answer(self(), i)\n"
                                "  if (i % 2 == 0) { sum = sum + receive() }\n"
                                "  else { sum = sum + receive(100000) }\n"
                                "  i = i + 1\n"
                                "}\n",
                                &options);
    bool finished = false;
    while (!finished) {
        zvm_status status = zvm_isolate_run(isolate, 0, &finished);
        if (status == ZVM_E_WAITING)
            assert_int_equal(zvm_isolate_wait(isolate, 60000000000), ZVM_OK);
        else
            assert_int_equal(status, ZVM_OK);
    }
    expect_int(isolate, "sum", 19900);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

// The message comes between the run that ends waiting and the wait.
static void test_wait_for_one_that_has_its_message_already_says_so(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    host.gate.is_open = false;
    zvm_isolate_options options = spawning(NULL);
    zvm_isolate *isolate = make(&host,
                                "action answer(to) { note()\n send(to, 7)\n note() }\n"
                                "spawn answer(self())\n"
                                "let got = receive()\n",
                                &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    gate_open(&host.gate);
    await_notes(&host, 2);
    assert_int_equal(zvm_isolate_wait(isolate, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    expect_int(isolate, "got", 7);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

// A hosted isolate that waits in one of these ways, and whose address others have.
static const char *const waits[] = {
    "receive()\n",
    "receive(1000000)\n",
    "await deaf\n",
    "send(deaf, 1)\nsend(deaf, 2)\n",
};
#define WAITS (sizeof waits / sizeof *waits)

static zvm_isolate *run_until_it_waits(struct host *host, size_t how)
{
    char text[600];
    snprintf(text, sizeof text,
             "action stay() { note()\n sleep(1000000) }\n"
             "action watch(whom) {\n"
             "  monitor(whom)\n"
             "  note()\n"
             "  let reason = receive()[\"reason\"]\n"
             "  if (reason == \"cancelled\" && !send(whom, 1)) { note(1000) }\n"
             "  note()\n"
             "}\n"
             "let deaf = spawn stay()\n"
             "let w = spawn watch(self())\n"
             "%s",
             waits[how]);
    zvm_isolate_options options = spawning(make_group(host));
    options.mailbox_limit_count = 1;
    zvm_isolate *isolate = make(host, text, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    await_notes(host, 2);
    return isolate;
}

static void cancel_others(struct host *host)
{
    assert_int_equal(zvm_runtime_shutdown(host->runtime, true /* cancel */), ZVM_OK);
    check_messages(host->runtime);
    zvm_runtime_destroy(host->runtime);
}

static void test_destroyed_isolate_that_waits_is_over_for_others(void **state)
{
    (void)state;
    for (size_t how = 0; how < WAITS; how++) {
        struct host host;
        open_host(&host, 2);
        zvm_isolate *isolate = run_until_it_waits(&host, how);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        await_notes(&host, 4);
        assert_int_equal(atomic_load(&host.sum), 1000);
        cancel_others(&host);
    }
}

static void test_reset_isolate_that_waits_is_over_for_others_and_as_new(void **state)
{
    (void)state;
    for (size_t how = 0; how < WAITS; how++) {
        struct host host;
        open_host(&host, 2);
        zvm_isolate *isolate = run_until_it_waits(&host, how);
        zvm_status status;
        while ((status = zvm_isolate_reset(isolate)) == ZVM_E_BUSY)
            sched_yield();
        assert_int_equal(status, ZVM_OK);
        await_notes(&host, 4);
        assert_int_equal(atomic_load(&host.sum), 1000);
        // As the first time: it may spawn, and its mailbox has room for one.
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
        await_notes(&host, 6);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        await_notes(&host, 8);
        assert_int_equal(atomic_load(&host.sum), 2000);
        cancel_others(&host);
    }
}

static void test_reset_isolate_that_has_finished_talks_again(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate =
        start(&host, "send(self(), 5)\nlet got = receive()\nlet left = send(self(), 6)\n", NULL);
    for (int i = 0; i < 3; i++) {
        wait_for(isolate);
        expect_int(isolate, "got", 5);
        assert_int_equal(report_of(host.runtime).totals.messages_dropped, i + 1);
        assert_int_equal(zvm_isolate_reset(isolate), ZVM_OK);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    }
    wait_for(isolate);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

static void test_session_talks_in_each_piece(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    static const char piece[] = "let me = self()\nsend(me, 3)\nlet got = receive()\n";
    zvm_isolate_options options = spawning(NULL);
    zvm_isolate *isolate = make(&host, "let before = self()\n", &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(zvm_isolate_load(isolate, "piece", piece, sizeof piece - 1, 0, NULL, NULL),
                         ZVM_OK);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        expect_int(isolate, "got", 3);
    }
    static const char last[] = "let sent = 0\nif (send(before, 1)) { sent = 1 }\n";
    assert_int_equal(zvm_isolate_load(isolate, "piece", last, sizeof last - 1, 0, NULL, NULL),
                     ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    expect_int(isolate, "sent", 0);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

// ---- What is left -------------------------------------------------------------------------------

// One that gives its own address would keep it for ever, and so would two that give each other's.
static void test_results_that_name_isolates_leave_nothing(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate = start(&host,
                                 "action me() { return self() }\n"
                                 "let a = spawn me()\n"
                                 "let same = 0\n"
                                 "if ((await a) == a) { same = 1 }\n"
                                 "action other() { return receive() }\n"
                                 "let b = spawn other()\n"
                                 "let c = spawn other()\n"
                                 "send(b, [c])\n"
                                 "send(c, {\"b\": b})\n"
                                 "if ((await b)[0] == c) { same = same + 1 }\n"
                                 "if ((await c)[\"b\"] == b) { same = same + 1 }\n",
                                 NULL);
    wait_for(isolate);
    expect_int(isolate, "same", 3);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

// ---- What it costs ------------------------------------------------------------------------------

static uint64_t fuel_of(const char *text, uint64_t gc_threshold_count)
{
    struct host host;
    open_host(&host, 1);
    zvm_isolate_options options = spawning(NULL);
    options.gc_threshold_count = gc_threshold_count;
    zvm_isolate *isolate = make(&host, text, &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    wait_for(isolate);
    uint64_t fuel_used = result_of(isolate).fuel_used;
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
    return fuel_used;
}

// What it had thrown was copied for others, and paid for, as long as a value that named it was not collected.
static void test_the_end_costs_the_same_fuel_when_what_names_it_was_collected(void **state)
{
    (void)state;
    static const char text[] = "let me = self()\n"
                               "me = 0\n"
                               "let a = [1] + [2]\n"
                               "a[5]\n";
    assert_int_equal(fuel_of(text, 1), fuel_of(text, 0));
}

// ---- What is printed ------------------------------------------------------------------------------

#define PRINTED_BYTES 64

struct printed {
    char bytes[PRINTED_BYTES]; // at any time one isolate prints, and the others wait
    atomic_size_t length;
};

static bool add_printed(void *context, const char *text, size_t length_bytes)
{
    struct printed *printed = context;
    size_t length = atomic_load(&printed->length);
    assert_true(length + length_bytes < sizeof printed->bytes);
    memcpy(printed->bytes + length, text, length_bytes);
    atomic_store(&printed->length, length + length_bytes);
    return true;
}

// The program holds its worker, in note(), until what the other one prints is there.
static void expect_in_order(const char *text)
{
    struct host host;
    struct printed printed = {0};
    open_host(&host, 2);
    host.gate.is_open = false;
    zvm_isolate_options options = spawning(NULL);
    options.output = add_printed;
    options.output_context = &printed;
    zvm_isolate *isolate = make(&host, text, &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    await_notes(&host, 1);
    const char *wanted = "first\nthen\n";
    while (atomic_load(&printed.length) < strlen("then\n"))
        sched_yield();
    if (printed.bytes[0] == 'f')
        while (atomic_load(&printed.length) < strlen(wanted))
            sched_yield();
    gate_open(&host.gate);
    wait_for(isolate);
    assert_string_equal(printed.bytes, wanted);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

// It stood behind what the other one had printed meanwhile: output went to the host when the slice was over.
static void test_what_is_printed_comes_before_what_a_spawn_or_a_message_leads_to(void **state)
{
    (void)state;
    expect_in_order("action say() { print(\"then\") }\n"
                    "print(\"first\")\n"
                    "let a = spawn say()\n"
                    "note(1)\n"
                    "await a\n");
    expect_in_order("action say() { print(receive()) }\n"
                    "let a = spawn say()\n"
                    "print(\"first\")\n"
                    "send(a, \"then\")\n"
                    "note(1)\n"
                    "await a\n");
}

// ---- Again with a seed --------------------------------------------------------------------------

#define REPLAY_BYTES 4096

struct text {
    char bytes[REPLAY_BYTES];
    size_t length;
};

static bool keep_text(void *context, const char *text, size_t length_bytes)
{
    struct text *kept = context;
    assert_true(kept->length + length_bytes < sizeof kept->bytes);
    memcpy(kept->bytes + kept->length, text, length_bytes);
    kept->length += length_bytes;
    return true;
}

static void replay(uint64_t seed, struct text *out)
{
    *out = (struct text){0};
    zvm_runtime_options runtime_options = ZVM_RUNTIME_OPTIONS_INIT;
    runtime_options.worker_count = 1;
    runtime_options.seed = seed;
    struct host host = {.gate = GATE_INIT};
    assert_int_equal(zvm_runtime_create(&runtime_options, &host.runtime), ZVM_OK);
    zvm_isolate_options options = spawning(NULL);
    options.mailbox_limit_count = 2;
    options.output = keep_text;
    options.output_context = out;
    zvm_isolate *isolate = make(
        &host,
        "action talk(to, name) {\n"
        "  let i = 0\n"
        "  while (i < 10) { send(to, name + str(i) + \" \")\n sleep(1)\n i = i + 1 }\n"
        "}\n"
        "let names = [\"a\", \"b\", \"c\", \"d\"]\n"
        "for each n in names { monitor(spawn talk(self(), n)) }\n"
        "let ends = 0\n"
        "while (ends < 4) {\n"
        "  let m = receive(5)\n"
        "  if (typeof(m) == \"string\") { print(m) } else { ends = ends + 1\n print(\"end\") }\n"
        "}\n",
        &options);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    wait_for(isolate);
    zvm_result result = result_of(isolate);
    if (result.status != ZVM_OK) print_error("%s\n", result.message);
    assert_int_equal(result.status, ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    close_host(&host);
}

static void test_replay_of_isolates_that_talk_gives_the_same_bytes(void **state)
{
    (void)state;
    int others = 0;
    struct text first;
    replay(1, &first);
    assert_true(first.length > 100);
    for (uint64_t seed = 1; seed < 12; seed++) {
        struct text once, again;
        replay(seed, &once);
        replay(seed, &again);
        assert_string_equal(once.bytes, again.bytes);
        if (strcmp(once.bytes, first.bytes) != 0) others++;
    }
    assert_true(others > 0); // the seed does choose
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_of_isolates_passes_each_message_on),
        cmocka_unit_test(test_many_senders_to_a_small_mailbox_lose_nothing),
        cmocka_unit_test(test_send_to_one_that_ends_is_dropped_and_counted),
        cmocka_unit_test(test_send_into_the_own_full_mailbox_fails_at_once),
        cmocka_unit_test(test_failure_of_a_child_is_its_own),
        cmocka_unit_test(test_monitor_of_one_that_is_over_tells_at_once),
        cmocka_unit_test(test_cancel_of_a_group_ends_all_that_was_spawned_in_it),
        cmocka_unit_test(test_group_is_empty_when_its_spawned_isolates_have_ended),
        cmocka_unit_test(test_isolate_that_ended_in_line_is_charged_for_nothing),
        cmocka_unit_test(test_results_and_arguments_count_in_the_memory_of_the_group),
        cmocka_unit_test(test_await_of_one_that_the_host_destroys_tells_why),
        cmocka_unit_test(test_deadline_ends_who_waits_for_a_message),
        cmocka_unit_test(test_shutdown_ends_a_thousand_that_wait),
        cmocka_unit_test(test_hosted_isolate_receives_what_a_worker_sends),
        cmocka_unit_test(test_wait_for_one_that_has_its_message_already_says_so),
        cmocka_unit_test(test_destroyed_isolate_that_waits_is_over_for_others),
        cmocka_unit_test(test_reset_isolate_that_waits_is_over_for_others_and_as_new),
        cmocka_unit_test(test_reset_isolate_that_has_finished_talks_again),
        cmocka_unit_test(test_session_talks_in_each_piece),
        cmocka_unit_test(test_results_that_name_isolates_leave_nothing),
        cmocka_unit_test(test_the_end_costs_the_same_fuel_when_what_names_it_was_collected),
        cmocka_unit_test(test_what_is_printed_comes_before_what_a_spawn_or_a_message_leads_to),
        cmocka_unit_test(test_replay_of_isolates_that_talk_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
