// Goal: the code generator at its limits: what is long, wide or deep is compiled right or refused
// with a clear finding; and the code it makes where that shows (calls of fixed globals, no needless
// moves).
// Method: program texts made by loops, compiled and run; disassembled where the instructions
// matter.
#include "code_fixture.h"

static struct zstrbuf text_begin(const char *first)
{
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_text(&text, first);
    return text;
}

static void expect_and_free(struct machine *m, struct zstrbuf *text, const char *expected)
{
    assert_false(text->failed);
    machine_expect_output(m, zstrbuf_text(text), expected);
    zstrbuf_deinit(text);
}

static void expect_refusal_and_free(struct machine *m, struct zstrbuf *text, const char *expected)
{
    assert_false(text->failed);
    struct zcode *code = NULL;
    assert_int_equal(machine_try_compile(m, zstrbuf_text(text), &code), ZVM_E_SYNTAX);
    assert_null(code);
    const char *found = zstrbuf_text(&m->found);
    if (strstr(found, expected) == NULL) fail_msg("'%s' is not in:\n%.300s", expected, found);
    zstrbuf_deinit(text);
}

// ---- Long --------------------------------------------------------------------------------

static void test_generate_long_chains_of_operators(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("let a = 1\nlet b = 2\nprint(a");
    for (int i = 0; i < 5000; i++)
        zstrbuf_add_text(&text, i % 3 == 2 ? " - a" : " + b");
    zstrbuf_add_text(&text, ")\naction f(a) { return a");
    for (int i = 0; i < 5000; i++)
        zstrbuf_add_text(&text, " + a");
    zstrbuf_add_text(&text, " }\nprint(f(3))\nlet s = \"x\"\nprint(len(s");
    for (int i = 0; i < 5000; i++)
        zstrbuf_add_text(&text, " + \"yz\"");
    zstrbuf_add_text(&text, "))");
    expect_and_free(&m, &text, "5003\n15003\n10001\n");
    machine_close(&m);
}

static void test_generate_long_chains_of_logic(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("let t = true\nlet n = null\nprint(t");
    for (int i = 0; i < 5000; i++)
        zstrbuf_add_text(&text, " && t");
    zstrbuf_add_text(&text, ", n");
    for (int i = 0; i < 5000; i++)
        zstrbuf_add_text(&text, " || n");
    zstrbuf_add_text(&text, ", n");
    for (int i = 0; i < 5000; i++)
        zstrbuf_add_text(&text, " ?? n");
    zstrbuf_add_text(&text, " ?? 7)\nif t");
    for (int i = 0; i < 5000; i++)
        zstrbuf_add_text(&text, i % 2 == 0 ? " && t" : " || n");
    zstrbuf_add_text(&text, " { print(\"yes\") }\nlet i = 0\nwhile i < 2");
    for (int i = 0; i < 2000; i++)
        zstrbuf_add_text(&text, " and i < 2");
    zstrbuf_add_text(&text, " { i += 1 }\nprint(i)");
    expect_and_free(&m, &text, "true false 7\nyes\n2\n");
    machine_close(&m);
}

static void test_generate_long_chains_of_calls_and_indexes(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("let f = null\nf = () => f\nlet l = []\nl.push(l)\n"
                                     "let o = {}\no.o = o\nprint(f");
    for (int i = 0; i < 3000; i++)
        zstrbuf_add_text(&text, "()");
    zstrbuf_add_text(&text, " == f, l");
    for (int i = 0; i < 3000; i++)
        zstrbuf_add_text(&text, "[0]");
    zstrbuf_add_text(&text, ".len(), o");
    for (int i = 0; i < 3000; i++)
        zstrbuf_add_text(&text, ".o");
    zstrbuf_add_text(&text, ".len(), \"ab\"");
    for (int i = 0; i < 3001; i++)
        zstrbuf_add_text(&text, ".reverse()");
    zstrbuf_add_text(&text, ")");
    expect_and_free(&m, &text, "true 1 1 ba\n");
    machine_close(&m);
}

static void test_generate_if_with_a_thousand_arms(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("action f(x) {\n if x == 0 { return \"zero\" }");
    for (int i = 1; i < 1000; i++)
        zstrbuf_add_format(&text, "\nelif x == %d { return \"n%d\" }", i, i);
    zstrbuf_add_text(&text, "\nelse { return \"more\" } }\nprint(f(0), f(1), f(999), f(1000))");
    expect_and_free(&m, &text, "zero n1 n999 more\n");
    machine_close(&m);
}

// ---- Wide --------------------------------------------------------------------------------

static void test_generate_literals_around_the_chunk_size(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    const int sizes[] = {0, 1, 49, 50, 51, 99, 100, 101, 1000};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        int size = sizes[k];
        struct zstrbuf text = text_begin("let x = 1\nlet l = [");
        for (int i = 0; i < size; i++)
            zstrbuf_add_format(&text, i % 7 == 3 ? "\"%d\"," : "%d,", i);
        zstrbuf_add_text(&text, "]\nlet m = {");
        for (int i = 0; i < size; i++)
            zstrbuf_add_format(&text, i % 2 == 0 ? "k%d: x + %d," : "%d: [%d],", i, i);
        zstrbuf_add_text(&text, "}\nlet s = \"");
        for (int i = 0; i < size; i++)
            zstrbuf_add_text(&text, "a${x}");
        zstrbuf_add_text(&text, "\"\nlet sum = 0\nfor each v in l { sum += int(v) }\n"
                                "print(len(l), sum, len(m), len(s), s == \"a1\" * len(l))\n"
                                "l = [l, l, l.len()]\nprint(l[2], m.keys().last())");
        char expected[200], last[20] = "null";
        if (size > 0) (void)snprintf(last, sizeof last, size % 2 == 1 ? "k%d" : "%d", size - 1);
        (void)snprintf(expected, sizeof expected, "%d %d %d %d true\n%d %s\n", size,
                       size * (size - 1) / 2, size, 2 * size, size, last);
        expect_and_free(&m, &text, expected);
    }
    machine_close(&m);
}

// The list stands in the variable's own register only when no element reads the variable any more.
static void test_generate_long_literal_that_reads_its_own_target(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("action f(y) {\n  y = [");
    for (int i = 0; i < 120; i++)
        zstrbuf_add_text(&text, "y, ");
    zstrbuf_add_text(&text, "]\n  return [y.len(), y[0], y[51], y.last()]\n}\nprint(f(7))\n"
                            "action g(y) {\n  y = \"");
    for (int i = 0; i < 120; i++)
        zstrbuf_add_text(&text, "${y}");
    zstrbuf_add_text(&text, "\"\n  return y\n}\nprint(len(g(7)), g(7) == \"7\" * 120)");
    expect_and_free(&m, &text, "[120, 7, 7, 7]\n120 true\n");
    machine_close(&m);
}

static void test_generate_more_constants_than_an_instruction_can_name(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    // Constants beyond the 256th do not fit 8 bits: another way must do the same, on both sides.
    struct zstrbuf text = text_begin("let x = 2\nlet sum = 0.0\n");
    for (int i = 0; i < 600; i++)
        zstrbuf_add_format(&text, "sum = sum + x * %d.5\nsum -= %d.25 - x\n", i, i);
    zstrbuf_add_text(&text, "print(sum, x * 599.5, x % 10009, 599.25 / x, 10011 - x, \"k599\")\n");
    // 600 times 2 * (i + 0.5) - (i + 0.25 - 2) = i + 2.75
    expect_and_free(&m, &text, "181350.0 1199.0 2 299.625 10009 k599\n");

    text = text_begin("let m = {}\n");
    for (int i = 0; i < 300; i++)
        zstrbuf_add_format(&text, "m.name%d = %d\nif m.name%d != %d { print(\"wrong\") }\n", i,
                           i + 40000, i, i + 40000);
    zstrbuf_add_text(&text, "print(m.name299, m.len())");
    expect_and_free(&m, &text, "40299 300\n");
    machine_close(&m);
}

static void test_generate_too_many_constants_are_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("let x = [\n");
    for (int i = 0; i < 65536; i++)
        zstrbuf_add_format(&text, "%d,\n", i + 40000);
    zstrbuf_add_text(&text, "]\nprint(len(x), x[65535])");
    struct zstrbuf over = text_begin("let y = 1.5\n");
    zstrbuf_add_text(&over, zstrbuf_text(&text));
    expect_and_free(&m, &text, "65536 105535\n");
    expect_refusal_and_free(&m, &over, "too many constants");
    machine_close(&m);
}

static void test_generate_integers_around_the_sizes_of_immediates(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    const char *const numbers[] = {"0",
                                   "1",
                                   "254",
                                   "255",
                                   "256",
                                   "32767",
                                   "32768",
                                   "-32768",
                                   "-32769",
                                   "65535",
                                   "2147483647",
                                   "2147483648",
                                   "-1",
                                   "-255",
                                   "-256",
                                   "-65536",
                                   "9223372036854775807"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct zstrbuf text;
        zstrbuf_init(&text);
        const char *n = numbers[i];
        zstrbuf_add_format(
            &text,
            "action f(x) { return [x == %s, x < %s, x <= %s, x > %s, x >= %s, x != %s, "
            "x - %s, 0 + %s, [%s][0]] }\nlet x = %s\n"
            "print(f(x))\nif x == %s && !(x < %s) && x <= %s && !(x > %s) && x >= %s "
            "{ print(\"all\") }\nlet n = 0\nwhile x == %s && n < 2 { n += 1 }\nprint(n)",
            n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n);
        char expected[200];
        (void)snprintf(expected, sizeof expected,
                       "[true, false, true, false, true, false, 0, %s, %s]\nall\n2\n", n, n);
        expect_and_free(&m, &text, expected);
    }
    machine_close(&m);
}

static void test_generate_strings_around_the_longest_symbol(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    const size_t sizes[] = {1, 1023, 1024, 1025, 2022, 2023, 2024, 2048, 3000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct zstrbuf text = text_begin("let s = \"");
        zstrbuf_add_repeat(&text, 'x', sizes[i] - 1);
        zstrbuf_add_text(&text, "y\"\nlet m = {\"");
        zstrbuf_add_repeat(&text, 'x', sizes[i] - 1);
        zstrbuf_add_text(&text, "y\": 5}\nlet u = '");
        for (size_t k = 0; k < sizes[i]; k++)
            zstrbuf_add_text(&text, "\xe6\x97\xa5"); // pieces may not cut a character
        zstrbuf_add_format(
            &text,
            "'\nprint(len(s), s == \"x\" * %zu + \"y\", s[%zu], m[s], len(u), u[%zu], "
            "u == \"\xe6\x97\xa5\" * %zu)\nif s == \"",
            sizes[i] - 1, sizes[i] - 1, sizes[i] - 1, sizes[i]);
        zstrbuf_add_repeat(&text, 'x', sizes[i] - 1);
        zstrbuf_add_text(&text, "y\" { print(\"same ${s.len()}\") }");
        char expected[100];
        (void)snprintf(expected, sizeof expected, "%zu true y 5 %zu \xe6\x97\xa5 true\nsame %zu\n",
                       sizes[i], sizes[i], sizes[i]);
        expect_and_free(&m, &text, expected);
    }
    machine_close(&m);
}

static struct zstrbuf locals_text(int count)
{
    struct zstrbuf text = text_begin("action f() {\n");
    for (int i = 0; i < count; i++)
        zstrbuf_add_format(&text, "  let v%d = %d\n", i, i);
    zstrbuf_add_format(&text, "  v0 = v%d + 1\n  return v0\n}\nprint(f())", count - 1);
    return text;
}

static void test_generate_many_locals_up_to_the_limit_and_beyond(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = locals_text(240);
    expect_and_free(&m, &text, "240\n");
    text = locals_text(ZCODE_REGISTERS_MAX);
    expect_and_free(&m, &text, "250\n");
    text = locals_text(ZCODE_REGISTERS_MAX + 1);
    expect_refusal_and_free(&m, &text, "t.zx:252:");
    text = locals_text(1000);
    expect_refusal_and_free(&m, &text,
                            "too many variables and temporary values at once (limit 250)");
    // Blocks give their registers back, so the number of names alone is no limit.
    text = text_begin("action f() {\n  let sum = 0\n");
    for (int i = 0; i < 1000; i++)
        zstrbuf_add_format(&text, "  if true { let v%d = %d\n sum += v%d }\n", i, i, i);
    zstrbuf_add_text(&text, "  return sum\n}\nprint(f())");
    expect_and_free(&m, &text, "499500\n");
    machine_close(&m);
}

static void test_generate_many_parameters_and_arguments(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("action f(p0");
    for (int i = 1; i < 200; i++)
        zstrbuf_add_format(&text, ", p%d", i);
    zstrbuf_add_text(&text,
                     ") { let get = () => [p0, p199]\n p199 += p100\n return get() }\nprint(f(0");
    for (int i = 1; i < 200; i++)
        zstrbuf_add_format(&text, ", %d", i);
    zstrbuf_add_text(&text, "), max(0");
    for (int i = 1; i < 240; i++)
        zstrbuf_add_format(&text, ", %d", i);
    zstrbuf_add_text(&text, "))");
    expect_and_free(&m, &text, "[0, 299] 239\n");
    text = text_begin("print(max(0");
    for (int i = 1; i < 300; i++)
        zstrbuf_add_format(&text, ", %d", i);
    zstrbuf_add_text(&text, "))");
    expect_refusal_and_free(&m, &text, "too many variables and temporary values");
    machine_close(&m);
}

static void test_generate_many_parameters_of_an_async_function(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    for (int count = 200; count <= 201; count++) {
        struct zstrbuf text = text_begin("async action f(p0");
        for (int i = 1; i < count; i++)
            zstrbuf_add_format(&text, ", p%d", i);
        zstrbuf_add_text(&text, ") { return [p0, p199, () => p100] }\nprint(await f(0");
        for (int i = 1; i < count; i++)
            zstrbuf_add_format(&text, ", %d", i);
        zstrbuf_add_text(&text, "))");
        if (count == 200) {
            expect_and_free(&m, &text, "[0, 199, <function anonymous>]\n");
        } else {
            expect_refusal_and_free(&m, &text,
                                    "t.zx:1:14: error: an async function has too many parameters "
                                    "(limit 200)");
        }
    }
    machine_close(&m);
}

static void test_generate_many_captures_up_to_the_limit(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    for (int count = 200; count <= 201; count++) {
        struct zstrbuf text = text_begin("action f() {\n");
        for (int i = 0; i < count; i++)
            zstrbuf_add_format(&text, "  let v%d = %d\n", i, i);
        zstrbuf_add_text(&text, "  let g = () => v0");
        for (int i = 1; i < count; i++)
            zstrbuf_add_format(&text, " + v%d", i);
        zstrbuf_add_text(&text, "\n  v0 = 1000\n  return g()\n}\nprint(f())");
        if (count == 200) {
            expect_and_free(&m, &text, "20900\n");
        } else {
            expect_refusal_and_free(&m, &text, "too many outer variables (limit 200)");
        }
    }
    machine_close(&m);
}

static void test_generate_many_globals_and_functions(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("let sum = 0\n");
    for (int i = 0; i < 3000; i++)
        zstrbuf_add_format(&text, "let g%d = %d\naction f%d() { return g%d }\nsum += f%d()\n", i, i,
                           i, 2999 - i, i);
    zstrbuf_add_text(&text, "print(sum)");
    // g of a later declaration is not there yet: only the second half works.
    struct zcode *code = machine_compile(&m, zstrbuf_text(&text));
    struct ending ending = machine_run(&m, code);
    assert_int_equal(ending.status, ZVM_E_ERROR);
    assert_string_equal(ending.message, "'g2999' is not defined");
    zcode_release(code);
    zstrbuf_deinit(&text);
    text = text_begin("let sum = 0\n");
    for (int i = 0; i < 3000; i++)
        zstrbuf_add_format(&text, "let g%d = %d\naction f%d() { return g%d }\nsum += f%d()\n", i, i,
                           i, i / 2, i);
    zstrbuf_add_text(&text, "print(sum, g2999)");
    expect_and_free(&m, &text, "2248500 2999\n");
    machine_close(&m);
}

// ---- Deep --------------------------------------------------------------------------------

static void test_generate_nested_constructs(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text = text_begin("let n = 0\n");
    for (int i = 0; i < 60; i++)
        zstrbuf_add_text(&text, "for each x in [1] { try { if true {\n");
    zstrbuf_add_text(&text, "n += 1\nthrow \"deep\"\n");
    for (int i = 0; i < 60; i++)
        zstrbuf_add_text(&text, "} } finally { n += 1 } }\n");
    struct zcode *code = NULL;
    // Three registers a walk, two a finally, one a name: 40 levels fit, 60 do not.
    assert_int_equal(machine_try_compile(&m, zstrbuf_text(&text), &code), ZVM_E_SYNTAX);
    assert_non_null(strstr(zstrbuf_text(&m.found), "too many variables and temporary values"));
    zstrbuf_deinit(&text);
    text = text_begin("let n = 0\ntry {\n");
    for (int i = 0; i < 40; i++)
        zstrbuf_add_text(&text, "for each x in [1] { try { if true {\n");
    zstrbuf_add_text(&text, "n += 1\nthrow \"deep\"\n");
    for (int i = 0; i < 40; i++)
        zstrbuf_add_text(&text, "} } finally { n += 1 } }\n");
    zstrbuf_add_text(&text, "} catch e { print(e, n) }");
    expect_and_free(&m, &text, "deep 41\n");
    text = text_begin("action f() { return ");
    for (int i = 0; i < 60; i++)
        zstrbuf_add_text(&text, "(x => ");
    zstrbuf_add_text(&text, "x");
    for (int i = 0; i < 60; i++)
        zstrbuf_add_text(&text, ")(7)");
    zstrbuf_add_text(&text, " }\nprint(f())");
    expect_and_free(&m, &text, "7\n");
    machine_close(&m);
}

// ---- The instructions --------------------------------------------------------------------

static uint32_t count_in_code(struct machine *m, const char *text, const char *instruction)
{
    struct zcode *code = machine_compile(m, text);
    struct zstrbuf listing;
    zstrbuf_init(&listing);
    zcode_disassemble(code, NULL, 0, &listing);
    uint32_t count = 0;
    char word[40];
    (void)snprintf(word, sizeof word, " %s ", instruction);
    for (const char *at = zstrbuf_text(&listing); (at = strstr(at, word)) != NULL; at++)
        count++;
    zstrbuf_deinit(&listing);
    zcode_release(code);
    return count;
}

// CALLG reads its callee after the arguments have run, so only a global that can no longer change
// then may be called so: declared once, never assigned, and surely set.
static void test_generate_calls_of_fixed_globals_skip_the_load(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    assert_int_equal(count_in_code(&m, "action f(x) { return x }\nf(f(1))", "CALLG"), 2);
    assert_int_equal(count_in_code(&m, "action f(x) { return f(x) }", "CALLG"), 1);
    assert_int_equal(count_in_code(&m, "let f = x => x\nf(1)", "CALLG"), 1);
    assert_int_equal(count_in_code(&m, "let f = x => f(x)", "CALLG"), 0);
    assert_int_equal(
        count_in_code(&m, "action g(x) { return f(x) }\naction f(x) { return x }", "CALLG"), 0);
    assert_int_equal(count_in_code(&m, "action f(x) { return x }\nf(1)\nf = 2", "CALLG"), 0);
    assert_int_equal(count_in_code(&m, "action f(x) { return x }\naction f(x) { }\nf(1)", "CALLG"),
                     0);
    assert_int_equal(count_in_code(&m, "len(\"a\")\nprint(1)", "CALLB"), 1);
    assert_int_equal(count_in_code(&m, "let len = 1\nlen(\"a\")", "CALLB"), 0);
    machine_close(&m);
}

static void test_generate_arithmetic_on_locals_needs_no_moves(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    const char *const text =
        "action f(a, b) { while a < b { a = a + 1\n b = b - a * 2 }\n return a }";
    assert_int_equal(count_in_code(&m, text, "MOVE"), 0);
    assert_int_equal(count_in_code(&m, text, "LJLT"), 1);
    assert_int_equal(count_in_code(&m, text, "ADDI"), 1);
    // Captured and assigned: a cell. Captured only: the value itself.
    assert_int_equal(count_in_code(&m, "action f(a) { return () => a }", "NEWCELL"), 0);
    assert_int_equal(count_in_code(&m, "action f(a) { a = 1\n return () => a }", "NEWCELL"), 1);
    machine_close(&m);
}

static void test_generate_literals_are_folded_where_they_cannot_fail(void **state)
{
    (void)state;
    const char *const folded[] = {"print(2 + 3 * 4 - 10 / 4 % 5)", "print(-(1.5 * 2.0))",
                                  "print(1 < 2, 2 != 2, !true)",   "print([1][1 - 1])",
                                  "if 1 > 2 { print(1) }",         "let x = 1\nprint(1 + 2 + x)"};
    const char *const kept[][2] = {{"print(9223372036854775807 + 1)", "ADDI"},
                                   {"print(1 / 0)", "DIVK"},
                                   {"print(1.0 / 0.0)", "DIVK"},
                                   {"print(1 % 0)", "MODK"},
                                   {"print(1 + \"x\")", "KADD"},
                                   {"print(-\"x\")", "NEG"}};
    const char *const operators[] = {"MUL", "DIV",  "MOD", "SUB", "NEG",
                                     "NOT", " LT ", "NE ", "JNGT"};
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < sizeof folded / sizeof folded[0]; i++) {
        for (size_t j = 0; j < sizeof operators / sizeof operators[0]; j++)
            assert_int_equal(count_in_code(&m, folded[i], operators[j]), 0);
    }
    assert_int_equal(count_in_code(&m, "print(2 + 3)", "ADD"), 0);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        assert_int_equal(count_in_code(&m, kept[i][0], kept[i][1]), 1);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate_long_chains_of_operators),
        cmocka_unit_test(test_generate_long_chains_of_logic),
        cmocka_unit_test(test_generate_long_chains_of_calls_and_indexes),
        cmocka_unit_test(test_generate_if_with_a_thousand_arms),
        cmocka_unit_test(test_generate_literals_around_the_chunk_size),
        cmocka_unit_test(test_generate_long_literal_that_reads_its_own_target),
        cmocka_unit_test(test_generate_more_constants_than_an_instruction_can_name),
        cmocka_unit_test(test_generate_too_many_constants_are_refused),
        cmocka_unit_test(test_generate_integers_around_the_sizes_of_immediates),
        cmocka_unit_test(test_generate_strings_around_the_longest_symbol),
        cmocka_unit_test(test_generate_many_locals_up_to_the_limit_and_beyond),
        cmocka_unit_test(test_generate_many_parameters_and_arguments),
        cmocka_unit_test(test_generate_many_parameters_of_an_async_function),
        cmocka_unit_test(test_generate_many_captures_up_to_the_limit),
        cmocka_unit_test(test_generate_many_globals_and_functions),
        cmocka_unit_test(test_generate_nested_constructs),
        cmocka_unit_test(test_generate_calls_of_fixed_globals_skip_the_load),
        cmocka_unit_test(test_generate_arithmetic_on_locals_needs_no_moves),
        cmocka_unit_test(test_generate_literals_are_folded_where_they_cannot_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
