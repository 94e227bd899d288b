// Goal: errors find their handler, with the right place and trace, from every kind of frame;
// terminations find none.
// Method: small programs whose errors are thrown in functions, callbacks, finally blocks and
// builtins, run in slices of one unit so that every frame is left and entered again.
#include "code_fixture.h"

static struct zisolate *run_to_end(struct machine *m, const char *text,
                                   struct zisolate_options options)
{
    struct zcode *code = machine_compile(m, text);
    zstrbuf_clear(&m->printed);
    if (options.heap_limit_bytes == 0) options.heap_limit_bytes = 16u << 20;
    options.output = machine_collect;
    options.output_context = &m->printed;
    struct zisolate *iso = NULL;
    assert_int_equal(zisolate_create(m->shared, code, m->runner.env, &options, &iso), ZVM_OK);
    while (zisolate_run(iso, &m->runner, 1) == ZOUTCOME_YIELDED) {
    }
    zcode_release(code); // the isolate has its own reference
    return iso;
}

static void expect_frame(const struct zisolate *iso, uint32_t index, const char *function,
                         uint32_t line, uint32_t column)
{
    assert_true(index < iso->extra->trace_count);
    const zvm_trace_frame *frame = &iso->extra->trace[index];
    assert_string_equal(frame->function, function);
    assert_string_equal(frame->file, "t.zx");
    assert_int_equal(frame->line, line);
    assert_int_equal(frame->column, column);
}

static void test_unwind_uncaught_error_has_place_and_trace(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zisolate *iso = run_to_end(&m,
                                      "action inner(x) {\n"
                                      "  return 1 + x.name\n"
                                      "}\n"
                                      "action outer(l) {\n"
                                      "  return l.map(v => inner(v))\n"
                                      "}\n"
                                      "print(outer([{name: 1}]))\n"
                                      "outer([5])\n",
                                      (struct zisolate_options){0});
    assert_int_equal(iso->status, ZVM_E_ERROR);
    assert_string_equal(zstrbuf_text(&m.printed), "[2]\n");
    assert_string_equal(iso->extra->kind, "TypeError");
    assert_string_equal(iso->extra->message, "integer has no property 'name'");
    assert_string_equal(iso->extra->file, "t.zx");
    assert_int_equal(iso->error_line, 2);
    assert_int_equal(iso->error_column, 16);
    assert_int_equal(iso->extra->trace_count, 4);
    expect_frame(iso, 0, "inner", 2, 16);
    expect_frame(iso, 1, "anonymous", 5, 21);
    expect_frame(iso, 2, "outer", 5, 12);
    expect_frame(iso, 3, "<main>", 8, 1);
    zisolate_destroy(iso, m.runner.env);
    machine_close(&m);
}

// An error that was caught and thrown again tells where it was born, not where it passed last.
static void test_unwind_error_thrown_again_keeps_its_first_trace(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zisolate *iso = run_to_end(&m,
                                      "let kept = null\n"
                                      "action born() { return [][3] }\n"
                                      "action catcher() { try { born() } catch (e) { kept = e } }\n"
                                      "catcher()\n"
                                      "action thrower() { throw kept }\n"
                                      "thrower()\n",
                                      (struct zisolate_options){0});
    assert_int_equal(iso->status, ZVM_E_ERROR);
    assert_string_equal(iso->extra->kind, "IndexError");
    assert_int_equal(iso->error_line, 2);
    assert_int_equal(iso->error_column, 26);
    expect_frame(iso, 0, "born", 2, 26);
    expect_frame(iso, 1, "catcher", 3, 26);
    expect_frame(iso, 2, "<main>", 4, 1);
    zisolate_destroy(iso, m.runner.env);
    machine_close(&m);
}

static void test_unwind_deep_trace_is_cut_and_counted(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zisolate *iso =
        run_to_end(&m, "action down(n) { return n == 0 ? null.x : down(n - 1) }\ndown(99)",
                   (struct zisolate_options){0});
    assert_int_equal(iso->extra->trace_count, ZTRACE_MAX);
    assert_int_equal(iso->extra->trace_omitted, 101 - ZTRACE_MAX);
    expect_frame(iso, 0, "down", 1, 39);
    expect_frame(iso, ZTRACE_MAX - 1, "down", 1, 43);
    zisolate_destroy(iso, m.runner.env);
    machine_close(&m);
}

// Arity, parameter and result types belong to the call, and are caught by a handler around the
// call, never by one inside the function.
static void test_unwind_errors_of_a_call_are_raised_at_the_call(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    machine_expect_output(
        &m,
        "action f(x: int) -> int {\n"
        "  try { return x == 0 ? \"zero\" : x } catch (e) { return -1 } finally { print(\"in\") }\n"
        "}\n"
        "for each v in [1, 0, \"s\"] {\n"
        "  try { print(f(v)) } catch (e) { print(e.message, e.line, e.column) }\n"
        "}\n",
        "in\n1\nin\nreturn value of f: expected int, got string 5 15\n"
        "parameter 'x': expected int, got string 5 15\n");
    machine_expect_error(&m, "action f(x: int) { }\n  f(null)\n",
                         "2:3 TypeError: parameter 'x': expected int, got null");
    machine_close(&m);
}

static void test_unwind_through_native_frames_leaves_them_behind(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zisolate *iso =
        run_to_end(&m,
                   "action many(n) {\n"
                   "  try {\n"
                   "    return [n].map(a => [a].filter(b => [b, b].sort((c, d) => c / (n - 5))))\n"
                   "  } catch (e) { return e.column }\n"
                   "}\n"
                   "for each i in [4, 5, 5, 6] { print(many(i)) }\n"
                   // The depth that native frames lent must have been given back.
                   "action down(n) { return n == 0 ? 0 : 1 + down(n - 1) }\n"
                   "print(down(49))\n"
                   "try { down(50) } catch e { print(e.kind) }\n",
                   (struct zisolate_options){.max_depth = 50});
    assert_int_equal(iso->status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), "[[4]]\n65\n65\n[[6]]\n49\nStackOverflowError\n");
    assert_int_equal(iso->native_count, 0);
    zisolate_destroy(iso, m.runner.env);
    machine_close(&m);
}

static void test_unwind_finally_passes_values_and_places_on(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    machine_expect_error(&m,
                         "try {\n  try {\n    throw [1]\n  } finally { [2].map(x => x) }\n"
                         "} finally { try { null.x } catch e { } }",
                         "3:5 Error: [1]");
    machine_expect_error(&m, "try { throw 1 } catch (e) {\n  throw e } finally { }",
                         "2:3 Error: 1");
    machine_expect_error(&m, "try { throw 1 } finally {\n  -null\n}",
                         "2:3 TypeError: cannot apply '-' to null");
    // A finally that is run again must not remember the error of the round before.
    machine_expect_output(
        &m,
        "for each i in [1, 2, 3] {\n"
        "  try { try { if i == 2 { throw i } } finally { print(\"f\", i) } print(\"ok\") }\n"
        "  catch e { print(\"c\", e) }\n}",
        "f 1\nok\nf 2\nc 2\nf 3\nok\n");
    machine_close(&m);
}

// Line 70000, column 300: places are not cut to what fits some field.
static void test_unwind_far_places_come_through_finally_whole(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_repeat(&text, '\n', 69999);
    zstrbuf_add_text(&text, "try {");
    zstrbuf_add_repeat(&text, ' ', 294);
    zstrbuf_add_text(&text, "throw 5 } finally { print(1) }");
    machine_expect_error(&m, zstrbuf_text(&text), "70000:300 Error: 5");
    zstrbuf_deinit(&text);
    machine_close(&m);
}

static void test_unwind_termination_runs_no_handler(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zisolate *iso = run_to_end(&m,
                                      "action spin() {\n"
                                      "  try { while true { } } catch (e) { print(\"caught\") }\n"
                                      "  finally { print(\"finally\") }\n"
                                      "}\n"
                                      "[1].map(x => spin())\n",
                                      (struct zisolate_options){.fuel_limit = 5000});
    assert_int_equal(iso->status, ZVM_E_FUEL);
    assert_string_equal(iso->extra->kind, "Termination");
    assert_int_equal(m.printed.length, 0);
    expect_frame(iso, iso->extra->trace_count - 1, "<main>", 5, 5);
    zisolate_destroy(iso, m.runner.env);
    machine_close(&m);
}

// The text of an uncaught value costs fuel; running out of it there does not change how the program
// ended.
static void test_unwind_uncaught_value_whose_text_is_too_dear_is_still_an_error(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zisolate *iso = run_to_end(
        &m, "let l = [\"0123456789\"]\nlet n = 0\nwhile n < 14 { l = [l, l]\nn += 1 }\nthrow l",
        (struct zisolate_options){.fuel_limit = 1500});
    assert_int_equal(iso->status, ZVM_E_ERROR);
    assert_string_equal(iso->extra->kind, "Error");
    assert_int_equal(iso->error_line, 5);
    zisolate_destroy(iso, m.runner.env);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unwind_uncaught_error_has_place_and_trace),
        cmocka_unit_test(test_unwind_error_thrown_again_keeps_its_first_trace),
        cmocka_unit_test(test_unwind_deep_trace_is_cut_and_counted),
        cmocka_unit_test(test_unwind_errors_of_a_call_are_raised_at_the_call),
        cmocka_unit_test(test_unwind_through_native_frames_leaves_them_behind),
        cmocka_unit_test(test_unwind_finally_passes_values_and_places_on),
        cmocka_unit_test(test_unwind_far_places_come_through_finally_whole),
        cmocka_unit_test(test_unwind_termination_runs_no_handler),
        cmocka_unit_test(test_unwind_uncaught_value_whose_text_is_too_dear_is_still_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
