// Goal: running programs: what they cost, where they can be cut into slices, what ends them, and
// the instructions' quick and slow ways.
// Method: compiled programs under slices from 1 unit up, fuel limits at every value, depth limits,
// refused output; and code made by hand for what a compiler would not write.
#include "code_fixture.h"

static const char *const BUSY =
    "let log = []\n"
    "action fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }\n"
    "let total = 0\n"
    "for each x in range(30).map(x => fib(x % 9)).filter(x => x % 2 == 1) { total += x }\n"
    "log = log + range(12).sort((a, b) => b - a)\n"
    "let text = \"\"\n"
    "while len(text) < 3000 { text = text + \"0123456789\" }\n"
    "let m = {}\n"
    "for each w in text.split(\"9\") { m[w + string(len(m))] = [w] }\n"
    "try { fib(null) } catch (e) { log.push(e.line) } finally { log.push(total) }\n"
    "print(log, len(m), text == \"${text}\")\n";

static void test_run_in_slices_of_any_size_gives_the_same_output_and_fuel(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, BUSY);
    struct zisolate_options options = {0};
    struct ending whole = machine_run_with(&m, code, options, UINT64_MAX);
    assert_int_equal(whole.status, ZVM_OK);
    assert_int_equal(whole.slices, 1);
    assert_string_equal(zstrbuf_text(&m.printed),
                        "[11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 2, 134] 301 true\n");
    const uint64_t slices[] = {1, 2, 3, 7, 64, 1000, 32768};
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        struct ending cut = machine_run_with(&m, code, options, slices[i]);
        assert_int_equal(cut.status, ZVM_OK);
        assert_int_equal(cut.fuel, whole.fuel);
        assert_string_equal(zstrbuf_text(&m.printed),
                            "[11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 2, 134] 301 true\n");
        if (slices[i] < 100) assert_true(cut.slices > 100);
    }
    // Collections are not the program's work.
    options.gc_threshold_count = 3;
    struct ending collected = machine_run_with(&m, code, options, 50);
    assert_true(collected.collections > 100);
    assert_int_equal(collected.fuel, whole.fuel);
    zcode_release(code);
    machine_close(&m);
}

// The end by fuel is at the same place whatever the slices: same output, same fuel.
static void test_run_fuel_limit_ends_at_the_same_place_for_all_slices(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(
        &m, "let n = 0\naction up(x) { return x + 1 }\n"
            "while n < 40 { n = [n].map(x => up(x))[0]\nprint(n, \"a,b\".split(\",\")) }\n");
    struct ending free_run = machine_run(&m, code);
    assert_int_equal(free_run.status, ZVM_OK);
    for (uint64_t limit = 1; limit <= free_run.fuel; limit += 13) {
        struct zisolate_options options = {.fuel_limit = limit};
        struct ending whole = machine_run_with(&m, code, options, UINT64_MAX);
        size_t printed = m.printed.length;
        assert_int_equal(whole.status, ZVM_E_FUEL);
        assert_int_equal(whole.fuel, limit); // what was run on credit is not counted
        struct ending cut = machine_run_with(&m, code, options, 1);
        assert_int_equal(cut.status, ZVM_E_FUEL);
        assert_int_equal(cut.fuel, whole.fuel);
        assert_int_equal(m.printed.length, printed);
    }
    struct zisolate_options enough = {.fuel_limit = free_run.fuel};
    assert_int_equal(machine_run_with(&m, code, enough, 1).status, ZVM_OK);
    zcode_release(code);
    machine_close(&m);
}

static void test_run_endless_programs_end_by_fuel(void **state)
{
    (void)state;
    const char *const endless[] = {
        "while true { }",
        "while true { try { throw 1 } catch e { } }",
        "while true { try { continue } finally { } }",
        "action f() { try { return f() } catch e { return f() } }\nf()",
        "let l = [1]\nfor each x in l { l[0] = x\nl.push(x)\nl.pop()\nl.insert(0, 1) }",
        "let l = [1]\nl.map(x => l.push(1))",
        "while true { [3, 2, 1].sort((a, b) => a - b) }",
    };
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        struct zcode *code = machine_compile(&m, endless[i]);
        struct zisolate_options options = {.fuel_limit = 100000, .max_depth = 20};
        struct ending ending = machine_run_with(&m, code, options, 1000);
        assert_int_equal(ending.status, ZVM_E_FUEL);
        assert_true(ending.fuel < 110000);
        zcode_release(code);
    }
    machine_close(&m);
}

// A key's hash costs its length, on the quick way too: else a loop over long keys would be free
// work.
static void test_run_long_map_keys_are_paid_for(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    // s grows in place, so that making the next key costs next to nothing.
    const char *const uses[] = {"let x = m[s]", "m[s] = 1", "m.has(s)", "let x = get(m, s)"};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text,
                       "let m = {}\nlet s = \"k\" * 100000\nlet n = 0\n"
                       "while n < 50 { s = s + \"x\"\n%s\nn += 1 }",
                       uses[i]);
        struct zcode *code = machine_compile(&m, text);
        struct ending ending = machine_run(&m, code);
        assert_int_equal(ending.status, ZVM_OK);
        assert_true(ending.fuel > 50 * 100000 / ZFUEL_BYTES_PER_UNIT);
        zcode_release(code);
    }
    machine_close(&m);
}

static void test_run_depth_limit_counts_calls_of_functions_only(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(
        &m, "let deepest = 0\naction down(n) { deepest = n\n return down(n + 1) }\n"
            "action mapped(n) { deepest = n\n return [n].map(x => mapped(x + 1)) }\n"
            "try { down(1) } catch e { print(e.kind, deepest) }\n"
            "try { mapped(1) } catch e { print(e.kind, deepest) }\n");
    const uint32_t limits[] = {1, 2, 3, 4, 5, 17, 100};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct zisolate_options options = {.max_depth = limits[i]};
        assert_int_equal(machine_run_with(&m, code, options, 10).status, ZVM_OK);
        char expected[100];
        (void)snprintf(expected, sizeof expected, "StackOverflowError %u\nStackOverflowError %u\n",
                       limits[i], (limits[i] + 1) / 2); // each step is mapped and its callback
        assert_string_equal(zstrbuf_text(&m.printed), expected);
    }
    zcode_release(code);
    machine_close(&m);
}

static bool refuse(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    uint32_t *calls = context;
    (*calls)++;
    return length_bytes == 0;
}

static void test_run_refused_output_ends_the_isolate_without_handlers(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, "try { while true { print(\"0123456789\" * 100) } } "
                                             "catch e { print(e) }\nfinally { print(1) }");
    uint32_t calls = 0;
    struct zisolate_options options = {
        .heap_limit_bytes = 1 << 20, .output = refuse, .output_context = &calls};
    struct zisolate *iso = NULL;
    assert_int_equal(zisolate_create(m.shared, code, m.runner.env, &options, &iso), ZVM_OK);
    assert_int_equal(zisolate_run(iso, &m.runner, UINT64_MAX), ZOUTCOME_FINISHED);
    assert_int_equal(iso->status, ZVM_E_OUTPUT);
    assert_int_equal(calls, 1);
    zisolate_destroy(iso, m.runner.env);
    zcode_release(code);

    // An error that came first stays the result.
    code = machine_compile(&m, "print(1)\nnull.x");
    assert_int_equal(zisolate_create(m.shared, code, m.runner.env, &options, &iso), ZVM_OK);
    assert_int_equal(zisolate_run(iso, &m.runner, UINT64_MAX), ZOUTCOME_FINISHED);
    assert_int_equal(iso->status, ZVM_E_ERROR);
    assert_string_equal(iso->extra->kind, "TypeError");
    zisolate_destroy(iso, m.runner.env);
    zcode_release(code);
    machine_close(&m);
}

static void test_run_heap_limit_is_caught_once_then_ends(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    const char *const text = "let kept = []\naction fill() { while true { kept.push(\"x\" * 5000 + "
                             "string(len(kept))) } }\n"
                             "try { fill() } catch (e) { print(e.kind) }\n"
                             "kept = []\nprint(len(\"y\" * 100000))\nfill()";
    struct zcode *code = machine_compile(&m, text);
    struct zisolate_options options = {.heap_limit_bytes = 1 << 20};
    struct ending ending = machine_run_with(&m, code, options, 5000);
    assert_int_equal(ending.status, ZVM_E_HEAP_LIMIT);
    assert_string_equal(ending.kind, "HeapLimitError");
    assert_string_equal(zstrbuf_text(&m.printed), "HeapLimitError\n100000\n");
    zcode_release(code);
    machine_close(&m);
}

static void test_run_ended_while_queued_runs_nothing(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, "try { while true { } } finally { print(\"never\") }");
    struct zisolate_options options = {
        .heap_limit_bytes = 1 << 20, .output = machine_collect, .output_context = &m.printed};
    struct zisolate *iso = NULL;
    assert_int_equal(zisolate_create(m.shared, code, m.runner.env, &options, &iso), ZVM_OK);
    assert_int_equal(zisolate_run(iso, &m.runner, 100), ZOUTCOME_YIELDED);
    zisolate_end(iso, &m.runner, ZVM_E_CANCELLED);
    assert_int_equal(iso->status, ZVM_E_CANCELLED);
    assert_true(iso->finished);
    assert_int_equal(m.printed.length, 0);
    zisolate_destroy(iso, m.runner.env);
    zcode_release(code);
    machine_close(&m);
}

// ---- By hand -----------------------------------------------------------------------------

static void test_run_jumps_on_constants_compare_across_number_types(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = code_make(&m, 1, 0);
    code_set_constants(&code->protos[0], (struct zvalue[]){zvalue_float(2.0), zvalue_int(2)}, 2);
    CODE_WORDS(&code->protos[0], 3, OP_AD(LOADI, 0, 2), OP_AD(JEQK, 0, 0), 1,
               OP_ABC(PRINT, 0, 1, 0), OP_AD(LOADK, 0, 0), OP_AD(JNEK, 0, 1), 1,
               OP_ABC(PRINT, 0, 1, 0), OP_AD(LOADI, 1, 0), OP_ABC(ADDI, 1, 1, 1),
               OP_ABC(PRINT, 1, 1, 0), OP_AD(LJLTI, 1, 3), -4u, OP_ABC(RETNULL, 0, 0, 0));
    char why[160] = "";
    assert_int_equal(zcode_verify(code, why, sizeof why), ZVM_OK);
    struct ending ending = machine_run(&m, code);
    assert_int_equal(ending.status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), "2.0\n1\n2\n3\n");
    // 14 words for the call of main, and twice the 4 words jumped back.
    assert_int_equal(ending.fuel, 14 + 2 * 4);
    zcode_release(code);
    machine_close(&m);
}

static void test_run_main_result_has_its_own_register(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = code_make(&m, 1, 1);
    CODE_WORDS(&code->protos[0], 1, OP_AD(LOADI, 0, 7), OP_AD(DEFG, 0, 0), OP_AD(LOADI, 0, 9),
               OP_ABC(RET, 0, 0, 0));
    struct zisolate_options options = {.heap_limit_bytes = 1 << 20};
    struct zisolate *iso = NULL;
    assert_int_equal(zisolate_create(m.shared, code, m.runner.env, &options, &iso), ZVM_OK);
    assert_int_equal(zisolate_run(iso, &m.runner, 100), ZOUTCOME_FINISHED);
    assert_int_equal(iso->status, ZVM_OK);
    assert_int_equal(iso->stack[0].i, 7); // the global, not the result
    assert_int_equal(iso->stack[1].i, 9);
    zisolate_destroy(iso, m.runner.env);
    zcode_release(code);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_in_slices_of_any_size_gives_the_same_output_and_fuel),
        cmocka_unit_test(test_run_fuel_limit_ends_at_the_same_place_for_all_slices),
        cmocka_unit_test(test_run_endless_programs_end_by_fuel),
        cmocka_unit_test(test_run_long_map_keys_are_paid_for),
        cmocka_unit_test(test_run_depth_limit_counts_calls_of_functions_only),
        cmocka_unit_test(test_run_refused_output_ends_the_isolate_without_handlers),
        cmocka_unit_test(test_run_heap_limit_is_caught_once_then_ends),
        cmocka_unit_test(test_run_ended_while_queued_runs_nothing),
        cmocka_unit_test(test_run_jumps_on_constants_compare_across_number_types),
        cmocka_unit_test(test_run_main_result_has_its_own_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
