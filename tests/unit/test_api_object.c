// Goal: programs hold objects of the host as values of their own; each one's finalizer is called once, when no
// program reaches it any more or its isolate is over, however it was collected; what it takes outside counts
// toward the heap limit; an object that nobody takes is finalized, too; a number that names no object any more
// names none.
// Method: each object is a box that counts its finalizations, and must have one at the end. All of it with each
// way to collect.
#include "runtime_fixture.h"

#include <sched.h>
#include <stdlib.h>

#define GC_MODES 4

// Where each allocation collects, and the heap is walked each time, there are fewer.
#ifdef ZVM_GC_STRESS
#    define IS_SLOW true
#    define BALLAST "10"
#    define BOXES   "600"
#    define WASTE   "300"
enum { BOX_COUNT = 600 };
#else
#    define IS_SLOW false
#    define BALLAST "40000"
#    define BOXES   "30000"
#    define WASTE   "20000"
enum { BOX_COUNT = 30000 };
#endif

struct host {
    zvm_runtime *runtime;
    zvm_isolate *collected; // by finalizers that are so mean
    zvm_token token;
    zvm_value kept;
    uint64_t bytes; // that the next ones take
    int made, gone, live_max;
    pthread_t gone_on;
};

struct box {
    struct host *host;
    int gone;
};

static void count_gone(void *pointer, void *user)
{
    struct box *box = pointer;
    struct host *host = box->host;
    (void)user;
    assert_int_equal(box->gone++, 0);
    if (host->made - host->gone > host->live_max) host->live_max = host->made - host->gone;
    host->gone++;
    host->gone_on = pthread_self();
    if (host->collected != NULL) // the call that collects has the isolate in hand
        assert_int_equal(zvm_isolate_collect(host->collected, true, NULL), ZVM_E_BUSY);
    free(box);
}

static const zvm_host_kind BOX = {sizeof BOX, "Box", count_gone, NULL};
static const zvm_host_kind OTHER_BOX = {sizeof OTHER_BOX, "Other", count_gone, NULL};

static zvm_value new_box(struct host *host)
{
    struct box *box = calloc(1, sizeof *box);
    assert_non_null(box);
    box->host = host;
    host->made++;
    return (zvm_value){
        .kind = ZVM_VALUE_HOST, .host_kind = &BOX, .pointer = box, .host_bytes = host->bytes};
}

// ---- Functions ------------------------------------------------------------------------------------

static zvm_call_outcome make_box(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_value value = new_box(zvm_call_user(call));
    return zvm_call_return(call, &value);
}

static zvm_call_outcome echo(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    (void)count;
    host->kept = arguments[0];
    return zvm_call_return(call, &arguments[0]);
}

// What echo was given last, by whatever isolate.
static zvm_call_outcome recall(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    (void)arguments;
    (void)count;
    return zvm_call_return(call, &host->kept);
}

static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct host *host = zvm_call_user(call);
    (void)arguments;
    (void)count;
    assert_int_equal(zvm_call_token(call, &host->token), ZVM_OK);
    return ZVM_CALL_SUSPENDED;
}

static void add(struct host *host, const char *name, zvm_host_fn call, uint32_t arguments,
                uint32_t is_blocking)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = host;
    function.maximum = function.minimum = arguments;
    function.is_blocking = is_blocking;
    assert_int_equal(zvm_runtime_add_function(host->runtime, &function), ZVM_OK);
}

static void open_host(struct host *host, uint32_t worker_count)
{
    *host = (struct host){.runtime = make_runtime(worker_count)};
    add(host, "box", make_box, 0, 0);
    add(host, "slow_box", make_box, 0, 1);
    add(host, "echo", echo, 1, 0);
    add(host, "slow_echo", echo, 1, 1);
    add(host, "recall", recall, 0, 0);
    add(host, "ask", ask, 0, 0);
}

static void close_host(struct host *host)
{
    check_identities(host->runtime);
    zvm_runtime_destroy(host->runtime);
    assert_int_equal(host->made, host->gone);
}

static zvm_isolate *make(struct host *host, const char *text, const zvm_isolate_options *options)
{
    zvm_code *code = compile(host->runtime, text);
    zvm_isolate *isolate = make_isolate(host->runtime, code, options);
    zvm_code_release(code);
    return isolate;
}

static zvm_isolate *run_with(struct host *host, const char *text,
                             const zvm_isolate_options *options, zvm_status expected)
{
    zvm_isolate *isolate = make(host, text, options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_result result = result_of(isolate);
    if (result.status != expected) printf("%s\n", result.message);
    assert_int_equal(result.status, expected);
    return isolate;
}

static void run(struct host *host, const char *text)
{
    zvm_isolate_destroy(run_with(host, text, NULL, ZVM_OK));
}

static void expect_text(zvm_isolate *isolate, const char *name, const char *text)
{
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, name, &value), ZVM_OK);
    assert_int_equal(value.kind, ZVM_VALUE_STRING);
    assert_string_equal(value.text, text);
}

// ---- As values --------------------------------------------------------------------------------------

static void test_programs_pass_them_print_them_and_compare_them(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate =
        run_with(&host,
                 "let a = box()\nlet b = box()\n"
                 "if a == b { throw 1 }\nif a != a { throw 2 }\nif !a { throw 3 }\n"
                 "if echo(a) != a { throw 4 }\n"
                 "if [a, b] != [a, echo(b)] { throw 5 }\n"
                 "let text = \"${a} ${[b]} ${typeof(a)} ${type(a)}\"\n"
                 "let kind = \"\"\n"
                 "try { a() } catch (e) { kind = kind + e.kind + \" \" }\n"
                 "try { a + 1 } catch (e) { kind = kind + e.kind + \" \" }\n"
                 "try { let m = {}\n m[a] = 1 } catch (e) { kind = kind + e.kind }\n",
                 NULL, ZVM_OK);
    expect_text(isolate, "text", "<host object Box> [<host object Box>] host object Host");
    expect_text(isolate, "kind", "TypeError TypeError TypeError");
    assert_int_equal(host.gone, 0);
    zvm_isolate_destroy(isolate);
    assert_int_equal(host.made, 2);
    close_host(&host);
}

static void test_globals_hold_them_for_the_host(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host, "let a = null\nlet b = a\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_value value = new_box(&host), read;
    assert_int_equal(zvm_isolate_set_global(isolate, "none", &value), ZVM_E_NOT_FOUND);
    assert_int_equal(host.gone, 0); // it is still the host's
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(isolate, "a", &read), ZVM_OK);
    assert_int_equal(read.kind, ZVM_VALUE_HOST);
    assert_ptr_equal(read.pointer, value.pointer);
    assert_ptr_equal(read.host_kind, &BOX);
    assert_int_equal(zvm_isolate_set_global(isolate, "b", &read), ZVM_OK); // the same again
    value = (zvm_value){.kind = ZVM_VALUE_NULL};
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
    assert_int_equal(host.gone, 0);
    assert_int_equal(zvm_isolate_set_global(isolate, "b", &value), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
    assert_int_equal(host.gone, 1);
    assert_int_not_equal(zvm_isolate_set_global(isolate, "b", &read), ZVM_OK); // there is none
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_values_that_are_none_are_refused(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make(&host, "let a = 1\n", NULL);
    char long_name[ZVM_HOST_NAME_BYTES_MAX + 2];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    zvm_host_kind kind = BOX;
    zvm_value value = {.kind = ZVM_VALUE_HOST};
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_E_ARGUMENT);
    value.host_kind = &kind;
    kind.name = NULL;
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_E_ARGUMENT);
    kind.name = "\xff";
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_E_UTF8);
    kind.name = long_name;
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_E_ARGUMENT);
    kind = BOX;
    kind.size = 1;
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_E_ARGUMENT);
    kind = (zvm_host_kind){sizeof kind, long_name + 1, NULL, NULL}; // no finalizer, no pointer
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_OK);
    value.host_bytes = UINT64_MAX;
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_E_HEAP_LIMIT);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// ---- Collections ------------------------------------------------------------------------------------

static void test_each_goes_once_however_it_is_collected(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    for (uint32_t mode = 0; mode < GC_MODES; mode++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.gc_mode = mode;
        int before = host.made;
        // Some live long, in lists that are written when they are old; some are in circles; most go at once.
        zvm_isolate *isolate = run_with(
            &host,
            "let kept = []\nlet ballast = []\n"
            "for each i in range(" BALLAST ") { ballast.push([i]) }\n"
            "for each i in range(" BOXES ") {\n"
            "  let b = box()\n"
            "  if i % 100 == 0 { kept.push([b]) }\n"
            "  if i % 100 == 1 { kept[(i - i % 1000) / 1000] = [box()] }\n"
            "  if i % 7 == 0 { let c = [b]\n c.push(c) }\n"
            "  let waste = [i, [i, i]]\n"
            "}\n"
            "for each k in kept { if typeof(echo(k[0])) != \"host object\" { throw 1 } }\n",
            &options, ZVM_OK);
        assert_int_equal(host.made - before, BOX_COUNT + BOX_COUNT / 100);
        assert_true(host.gone - before >= BOX_COUNT / 2);
        assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
        assert_int_equal(host.made - host.gone, BOX_COUNT / 100);
        zvm_isolate_destroy(isolate);
        assert_int_equal(host.made, host.gone);
    }
    close_host(&host);
}

static void test_slices_of_a_collection_find_them(void **state)
{
    (void)state;
    if (IS_SLOW) skip();
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = run_with(&host,
                                    "let kept = []\nlet gone = []\n"
                                    "for each i in range(3000) { kept.push([box(), i])\n"
                                    "  gone.push([box(), i]) }\n",
                                    NULL, ZVM_OK);
    zvm_value null = {.kind = ZVM_VALUE_NULL};
    assert_int_equal(zvm_isolate_set_global(isolate, "gone", &null), ZVM_OK);
    int steps = 0, gone = host.gone;
    zvm_collect_result result = ZVM_COLLECT_RESULT_INIT;
    for (int collections = 0; collections < 2; collections += result.has_run, steps++) {
        assert_int_equal(zvm_isolate_collect_step(isolate, 500, &result), ZVM_OK);
        assert_true(host.gone >= gone);
        gone = host.gone;
    }
    assert_true(steps > 10);
    assert_int_equal(host.gone, 3000);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// The host gives back what it kept, between two slices. True: it was taken.
static bool bring_back_at(struct host *host, int slice, int *slices)
{
    zvm_isolate *isolate = run_with(host,
                                    "let gone = []\nlet b = null\n"
                                    "for each i in range(500) { gone.push([echo(box()), i]) }\n",
                                    NULL, ZVM_OK);
    zvm_value null = {.kind = ZVM_VALUE_NULL}, kept = host->kept, read;
    zvm_collect_result result = ZVM_COLLECT_RESULT_INIT;
    bool was_taken = false;
    assert_int_equal(zvm_isolate_set_global(isolate, "gone", &null), ZVM_OK);
    for (*slices = 0; !result.has_run; ++*slices) {
        if (*slices == slice) was_taken = zvm_isolate_set_global(isolate, "b", &kept) == ZVM_OK;
        assert_int_equal(zvm_isolate_collect_step(isolate, 50, &result), ZVM_OK);
    }
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(isolate, "b", &read), ZVM_OK);
    assert_int_equal(read.kind, was_taken ? ZVM_VALUE_HOST : ZVM_VALUE_NULL);
    if (was_taken) assert_true(read.host_id == kept.host_id);
    assert_int_equal(host->made - host->gone, was_taken);
    zvm_isolate_destroy(isolate);
    return was_taken;
}

static void test_one_that_is_found_dead_is_not_brought_back(void **state)
{
    (void)state;
    if (IS_SLOW) skip();
    struct host host;
    open_host(&host, 0);
    int slices = 1, taken = 0, last = 0;
    for (int slice = 0; slice < slices; slice++) {
        last = bring_back_at(&host, slice, &slices);
        taken += last;
    }
    assert_true(slices > 10);
    assert_in_range(taken, 1, slices - 5); // until marking has ended
    assert_false(last);
    close_host(&host);
}

static void test_finalizers_run_on_the_collecting_thread_after_it(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate = run_with(&host, "let a = [box(), box()]\nlet b = box()\n", NULL, ZVM_OK);
    zvm_value null = {.kind = ZVM_VALUE_NULL};
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &null), ZVM_OK);
    host.collected = isolate; // from within the finalizer
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
    host.collected = NULL;
    assert_int_equal(host.gone, 2);
    assert_true(pthread_equal(host.gone_on, pthread_self()));
    zvm_isolate_destroy(isolate);
    isolate = make(&host, "for each i in range(" WASTE ") { box() }\n", NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_true(host.gone > 3);
    assert_false(pthread_equal(host.gone_on, pthread_self()));
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

static void test_reset_finalizes_what_is_left(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate =
        make(&host, "let l = []\nfor each i in range(100) { l.push(box()) }\n", NULL);
    for (int life = 1; life <= 5; life++) {
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        assert_int_equal(zvm_isolate_reset(isolate), ZVM_OK);
        assert_int_equal(host.gone, life * 100);
    }
    assert_int_equal(zvm_isolate_run(isolate, 300, NULL), ZVM_OK); // and in the middle
    assert_int_equal(zvm_isolate_reset(isolate), ZVM_OK);
    assert_int_equal(host.gone, host.made);
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// ---- Limits -----------------------------------------------------------------------------------------

static void test_what_they_take_outside_counts(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    host.bytes = 1u << 20;
    for (uint32_t mode = 0; mode < GC_MODES; mode++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.gc_mode = mode;
        options.heap_limit_bytes = 5u << 20;
        host.live_max = 0;
        // One after the other fit, for ever; all at once do not, and the program may go on then.
        zvm_isolate *isolate =
            run_with(&host, "for each i in range(1000) { let b = box() }\n", &options, ZVM_OK);
        assert_in_range(host.live_max, 1, 6); // the one that is refused counts, too
        assert_true(result_of(isolate).heap_peak_bytes <= options.heap_limit_bytes);
        zvm_isolate_destroy(isolate);
        isolate = run_with(&host,
                           "let l = []\nlet kind = \"\"\nlet n = 0\n"
                           "try { while true { l.push(box())\n n = n + 1 } }\n"
                           "catch (e) { kind = e.kind }\n"
                           "l = null\nfor each i in range(20) { let b = box() }\n",
                           &options, ZVM_OK);
        expect_text(isolate, "kind", "HeapLimitError");
        zvm_value n;
        assert_int_equal(zvm_isolate_get_global(isolate, "n", &n), ZVM_OK);
        assert_int_equal(n.integer, 4);
        zvm_isolate_destroy(isolate);
        assert_int_equal(host.made, host.gone);
    }
    close_host(&host);
}

static void test_one_larger_than_the_limit_is_finalized(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    host.bytes = UINT64_MAX;
    run(&host, "let kind = \"\"\ntry { box() } catch (e) { kind = e.kind }\n"
               "if kind != \"HeapLimitError\" { throw kind }\n");
    assert_int_equal(host.gone, 1);
    close_host(&host);
}

// ---- Numbers that name nothing ----------------------------------------------------------------------

static void test_gone_and_foreign_ones_are_refused(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = run_with(&host,
                                    "let a = box()\necho(a)\nlet kind = \"\"\n"
                                    "if recall() != a { throw 1 }\n",
                                    NULL, ZVM_OK);
    zvm_value null = {.kind = ZVM_VALUE_NULL};
    zvm_isolate_set_global(isolate, "a", &null);
    zvm_isolate_collect(isolate, true, NULL);
    assert_int_equal(host.gone, 1);
    static const char AGAIN[] = "let b = box()\ntry { recall() } catch (e) { kind = e.kind }\n";
    assert_int_equal(zvm_isolate_load(isolate, "again", AGAIN, sizeof AGAIN - 1, 0, NULL, NULL),
                     ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    expect_text(isolate, "kind", "StateError"); // its place has another one
    zvm_isolate_destroy(isolate);
    // of another isolate, with the same number
    isolate = run_with(&host, "let a = box()\necho(a)\n", NULL, ZVM_OK);
    run(&host, "let a = box()\nlet kind = \"\"\ntry { recall() } catch (e) { kind = e.kind }\n"
               "if kind != \"StateError\" { throw kind }\n");
    host.kept.host_kind = &OTHER_BOX;
    run(&host, "let kind = \"\"\ntry { recall() } catch (e) { kind = e.kind }\n"
               "if kind != \"StateError\" { throw kind }\n");
    zvm_isolate_destroy(isolate);
    close_host(&host);
}

// ---- Answers ----------------------------------------------------------------------------------------

static zvm_isolate *make_waiting(struct host *host)
{
    zvm_isolate *isolate = make(host, "let a = ask()\n", NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    return isolate;
}

static void test_answers_hand_them_over(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    zvm_isolate *isolate = make_waiting(&host);
    zvm_value value = new_box(&host);
    assert_int_equal(zvm_complete(host.runtime, host.token, &value), ZVM_OK);
    assert_int_equal(zvm_complete(host.runtime, host.token, &value), ZVM_E_STALE);
    assert_int_equal(host.gone, 0);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_value read;
    assert_int_equal(zvm_isolate_get_global(isolate, "a", &read), ZVM_OK);
    assert_ptr_equal(read.pointer, value.pointer);
    zvm_isolate_destroy(isolate);
    assert_int_equal(host.gone, 1);
    // Nobody takes these: reset, cancelled, destroyed.
    isolate = make_waiting(&host);
    value = new_box(&host);
    assert_int_equal(zvm_complete(host.runtime, host.token, &value), ZVM_OK);
    assert_int_equal(zvm_isolate_reset(isolate), ZVM_OK);
    assert_int_equal(host.gone, 2);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    value = new_box(&host);
    assert_int_equal(zvm_complete(host.runtime, host.token, &value), ZVM_OK);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(host.gone, 3);
    zvm_isolate_destroy(isolate);
    isolate = make_waiting(&host);
    value = new_box(&host);
    assert_int_equal(zvm_complete(host.runtime, host.token, &value), ZVM_OK);
    zvm_isolate_destroy(isolate);
    assert_int_equal(host.gone, 4);
    close_host(&host);
}

static void test_blocking_functions_make_them_and_get_none(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    zvm_isolate *isolate = make(&host,
                                "let a = slow_box()\nlet kind = \"\"\n"
                                "if echo(a) != a { throw 1 }\n"
                                "try { slow_echo(a) } catch (e) { kind = e.kind }\n",
                                NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    expect_text(isolate, "kind", "TypeError");
    zvm_isolate_destroy(isolate);
    assert_int_equal(host.gone, 1);
    // Cancelled while they are made: what comes too late is finalized where it was made.
    for (int i = 0; i < 200; i++) {
        isolate = make(&host, "let a = slow_box()\n", NULL);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        if (i % 2 == 0) (void)sched_yield();
        zvm_isolate_cancel(isolate);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        zvm_isolate_destroy(isolate);
    }
    zvm_runtime_destroy(host.runtime); // waits for functions that still run
    assert_int_equal(host.made, host.gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs_pass_them_print_them_and_compare_them),
        cmocka_unit_test(test_globals_hold_them_for_the_host),
        cmocka_unit_test(test_values_that_are_none_are_refused),
        cmocka_unit_test(test_each_goes_once_however_it_is_collected),
        cmocka_unit_test(test_slices_of_a_collection_find_them),
        cmocka_unit_test(test_one_that_is_found_dead_is_not_brought_back),
        cmocka_unit_test(test_finalizers_run_on_the_collecting_thread_after_it),
        cmocka_unit_test(test_reset_finalizes_what_is_left),
        cmocka_unit_test(test_what_they_take_outside_counts),
        cmocka_unit_test(test_one_larger_than_the_limit_is_finalized),
        cmocka_unit_test(test_gone_and_foreign_ones_are_refused),
        cmocka_unit_test(test_answers_hand_them_over),
        cmocka_unit_test(test_blocking_functions_make_them_and_get_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
