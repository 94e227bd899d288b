// Goal: tasks under everything an isolate is under: slices of any size, fuel limits at every value,
// depth limits, cancellation and collections inside a body; what a task keeps alive and lets go.
// Method: compiled programs, run whole and cut, collected at every step, and counted.
#include "code_fixture.h"

static const char *const TASKS =
    "let log = []\n"
    "async action down(n) { return n == 0 ? log : [await down(n - 1), n][0] }\n"
    "async action sum(tasks) { let total = 0\n for each t in tasks { total += await t }\n"
    " return total }\n"
    "async action twice(x: int) -> int { let get = () => x\n x = x * 2\n return get() }\n"
    "async action fails(n) { try { return [n][n] } finally { log.push(n) } }\n"
    "let tasks = range(20).map(twice)\n"
    "print(await sum(tasks), await sum(tasks), await down(30) == log)\n"
    "let bad = fails(5)\n"
    "for each i in range(3) { try { await bad } catch (e) { log.push(e.line) } }\n"
    "print([3, 1, 2].sort((a, b) => await twice(a - b)), range(4).filter(x => await twice(x)), "
    "log)\n";

static const char *const TASKS_OUTPUT = "380 380 true\n[1, 2, 3] [0, 1, 2, 3] [5, 9, 9, 9]\n";

static void test_tasks_in_slices_of_any_size_give_the_same_output_and_fuel(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, TASKS);
    struct zisolate_options options = {0};
    struct ending whole = machine_run_with(&m, code, options, UINT64_MAX);
    assert_int_equal(whole.status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), TASKS_OUTPUT);
    const uint64_t slices[] = {1, 2, 3, 5, 17, 100};
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        // Every third allocation collects in every other run: that is not the program's work.
        options.gc_threshold_count = i % 2 == 0 ? 0 : 3;
        struct ending cut = machine_run_with(&m, code, options, slices[i]);
        assert_int_equal(cut.status, ZVM_OK);
        assert_int_equal(cut.fuel, whole.fuel);
        assert_string_equal(zstrbuf_text(&m.printed), TASKS_OUTPUT);
        assert_true(cut.slices > 10);
        if (i % 2 == 1) assert_true(cut.collections > 20);
    }
    zcode_release(code);
    machine_close(&m);
}

// No handler and no finalizer of a body, or of who awaits it, runs.
static void test_tasks_fuel_limit_ends_at_the_same_place_for_all_slices(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(
        &m,
        "async action work(n) { try { while n > 0 { n -= 1 } } catch (e) { print(\"caught\") }\n"
        " finally { if n > 0 { print(\"finally\") } }\n return n }\n"
        "for each n in range(6) { try { print(await work(n), typeof(work(n))) }\n"
        " finally { if n > 9 { print(\"finally\") } } }\n");
    struct ending free_run = machine_run(&m, code);
    assert_int_equal(free_run.status, ZVM_OK);
    for (uint64_t limit = 1; limit < free_run.fuel; limit += 7) {
        struct zisolate_options options = {.fuel_limit = limit};
        struct ending whole = machine_run_with(&m, code, options, UINT64_MAX);
        size_t printed = m.printed.length;
        assert_int_equal(whole.status, ZVM_E_FUEL);
        assert_null(strstr(zstrbuf_text(&m.printed), "finally"));
        assert_null(strstr(zstrbuf_text(&m.printed), "caught"));
        struct ending cut = machine_run_with(&m, code, options, 1);
        assert_int_equal(cut.status, ZVM_E_FUEL);
        assert_int_equal(cut.fuel, whole.fuel);
        assert_int_equal(m.printed.length, printed);
    }
    zcode_release(code);
    machine_close(&m);
}

static void test_tasks_endless_programs_end_by_fuel(void **state)
{
    (void)state;
    const char *const endless[] = {
        "async action f() { while true { } }\nawait f()",
        "async action f() { return await f() }\nwhile true { try { await f() } catch e { } }",
        "async action f() { throw 1 }\nlet t = f()\nwhile true { try { await t } catch e { } }",
        "async action f() { }\nwhile true { f() }",
        "async action f(g) { return g }\nlet l = [1]\nl.map(x => l.push(await f(x)))",
    };
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        struct zcode *code = machine_compile(&m, endless[i]);
        struct zisolate_options options = {.fuel_limit = 50000, .max_depth = 20};
        assert_int_equal(machine_run_with(&m, code, options, 1000).status, ZVM_E_FUEL);
        zcode_release(code);
    }
    machine_close(&m);
}

static void test_tasks_cancelled_in_a_body_run_nothing_more(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(
        &m, "async action spin() { try { while true { } } finally { print(\"never\") } }\n"
            "try { [1].map(x => await spin()) } catch (e) { print(\"never\") }");
    struct zisolate_options options = {
        .heap_limit_bytes = 1 << 20, .output = machine_collect, .output_context = &m.printed};
    struct zisolate *iso = NULL;
    assert_int_equal(zisolate_create(m.shared, code, m.runner.env, &options, &iso), ZVM_OK);
    assert_int_equal(zisolate_run(iso, &m.runner, 500), ZOUTCOME_YIELDED);
    assert_true(iso->frame->flags & ZFRAME_TASK);
    z_store_relaxed(&iso->state, ZSTATE_RUNNING | ZSTATE_CANCEL);
    assert_int_equal(zisolate_run(iso, &m.runner, 500), ZOUTCOME_FINISHED);
    assert_int_equal(iso->status, ZVM_E_CANCELLED);
    assert_int_equal(m.printed.length, 0);
    zisolate_destroy(iso, m.runner.env);
    zcode_release(code);
    machine_close(&m);
}

// Making a task is not a nested call; its body is one.
static void test_tasks_depth_limit_counts_bodies(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(
        &m, "let deepest = 0\nlet made = null\n"
            "async action down(n) { deepest = n\n made = down(n + 1)\n return await made }\n"
            "try { await down(1) } catch e { print(e.kind, deepest, made == null) }\n"
            "try { await made } catch e { print(e.kind, e.line, e.column) }\n");
    const uint32_t limits[] = {1, 2, 3, 4, 5, 17, 100};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct zisolate_options options = {.max_depth = limits[i]};
        assert_int_equal(machine_run_with(&m, code, options, 10).status, ZVM_OK);
        char expected[100];
        (void)snprintf(expected, sizeof expected,
                       "StackOverflowError %u false\nStackOverflowError 4 9\n", limits[i]);
        assert_string_equal(zstrbuf_text(&m.printed), expected);
    }
    zcode_release(code);
    machine_close(&m);
}

// What the body has let go is not kept by its task, before or after the end: each list is half of
// the heap. Registers that ended calls have left behind keep what is in them, so wipe fills them first.
static void test_tasks_let_go_of_their_arguments(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(
        &m, "action big() { return range(70000) }\naction call(h) { return h(big()) }\n"
            "action wipe(a, b, c, d, e, f, g, h, i, j) { }\n"
            "async action f(list) { let n = list[9]\n list = null\n"
            " wipe(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)\n return n + len(big()) }\n"
            "let t = call(f)\nwipe(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)\n"
            "let n = await t\nwipe(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)\nprint(n, len(big()))\n"
            "wipe(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)\n"
            "async action g(list) { throw list[8] }\n"
            "let u = call(g)\nwipe(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)\n"
            "try { await u } catch e { wipe(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)\n"
            " print(e, len(big()), await t) }\n");
    struct zisolate_options options = {.heap_limit_bytes = 1 << 20};
    struct ending ending = machine_run_with(&m, code, options, 5000);
    assert_string_equal(zstrbuf_text(&m.printed), "70009 70000\n8 70000 70009\n");
    assert_int_equal(ending.status, ZVM_OK);
    zcode_release(code);
    machine_close(&m);
}

// The heap's end inside a body, and in making room for one, is the task's error as any other.
static void test_tasks_heap_limit_belongs_to_the_task(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code =
        machine_compile(&m, "async action fill(kept) { while true { kept.push(\"x\" * 5000) } }\n"
                            "let list = []\nlet t = fill(list)\n"
                            "try { await t } catch (e) { print(e.kind) }\n"
                            "list = null\n"
                            "try { await t } catch (e) { print(e.kind, e.line) }\n"
                            "async action down(n) { return n == 0 ? 0 : await down(n - 1) }\n"
                            "let d = down(9000)\n"
                            "try { await d } catch (e) { print(e.kind) }\n"
                            "try { await d } catch (e) { print(e.kind) }\n"
                            "print(await down(10))");
    struct zisolate_options options = {.heap_limit_bytes = 300000};
    struct ending ending = machine_run_with(&m, code, options, 5000);
    assert_string_equal(zstrbuf_text(&m.printed),
                        "HeapLimitError\nHeapLimitError 1\nHeapLimitError\nHeapLimitError\n0\n");
    assert_int_equal(ending.status, ZVM_OK);
    zcode_release(code);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks_in_slices_of_any_size_give_the_same_output_and_fuel),
        cmocka_unit_test(test_tasks_fuel_limit_ends_at_the_same_place_for_all_slices),
        cmocka_unit_test(test_tasks_endless_programs_end_by_fuel),
        cmocka_unit_test(test_tasks_cancelled_in_a_body_run_nothing_more),
        cmocka_unit_test(test_tasks_depth_limit_counts_bodies),
        cmocka_unit_test(test_tasks_let_go_of_their_arguments),
        cmocka_unit_test(test_tasks_heap_limit_belongs_to_the_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
