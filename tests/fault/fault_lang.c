// Goal: parsing and resolving survive each refused allocation: the status is right, nothing leaks,
// and no finding is written that is not there. Method: fail each allocation of programs that use
// every form, and of ones that are wrong.
#include "fault/fault.h"

#include "base/strbuf.h"
#include "lang/parser.h"

#include <stdlib.h>
#include <string.h>

static const char *const programs[] = {
    "",
    "let a = 1\nprint(\"x${a}y\\n\", -9223372036854775808, 1.5e3, {a: [1], 'b': 2, -3: null})\n"
    "const [b, ...c] = [1, 2]; let {d, e: f} = {d: 1}\n"
    "if a == 1 && b { a += 1 } elif c || d { a = a ?? 1 } else { { let z; z = 1 } }\n"
    "while a < 10 { a **= 2; if a { break } else { continue } }\n"
    "for each k, v in {} { print k, v }\n"
    "try { throw a } catch (e) { print e } finally { print() }\n",
    "data P extends Q { x: int = 1, y; method m(a) { let f = () => this.x + a; return f } }\n"
    "async action g(a: list<int>, b) -> int { action h() { return h(a, b) } return await h() }\n"
    "let r = match 1 { P(x, -1, 'a') => x, _ => a ? b.c[0](n = 1) : lambda(q) => !q }\n",
};

struct source {
    const char *text;
    zvm_status expected; // with all the memory it wants
};

static zvm_status parse(void *context)
{
    const struct source *source = context;
    struct zdiagnostics diagnostics = {.text = source->text, .length_bytes = strlen(source->text)};
    struct zast_program program = {0};
    zvm_status status = zlang_parse(&diagnostics, &program);
    if (status == ZVM_OK) {
        assert_int_equal(diagnostics.count, 0);
        zlang_free_program(&program);
        return source->expected == ZVM_OK ? ZVM_OK : ZVM_E_INTERNAL;
    }
    assert_null(program.arena);
    assert_int_equal(diagnostics.count, status == ZVM_E_SYNTAX);
    return status == source->expected ? ZVM_OK : status;
}

static void test_programs_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        struct source source = {programs[i], ZVM_OK};
        assert_true(fault_each_allocation(parse, &source, ZVM_E_NOMEM) >= 2);
    }
}

static void test_wrong_programs_each_allocation_refused_reports_one_thing(void **state)
{
    (void)state;
    struct source late = {"let a = 1\nlet b = (a, b) => { return \"${a\" }", ZVM_E_SYNTAX};
    struct source twice = {"action f(a) { const b = a; let b = 1 }", ZVM_E_SYNTAX};
    assert_true(fault_each_allocation(parse, &late, ZVM_E_NOMEM) >= 2);
    assert_true(fault_each_allocation(parse, &twice, ZVM_E_NOMEM) >= 2);
}

static zvm_status parse_wrong(void *context)
{
    const struct source *source = context;
    struct zdiagnostics diagnostics = {.text = source->text, .length_bytes = strlen(source->text)};
    struct zast_program program = {0};
    zvm_status status = zlang_parse(&diagnostics, &program);
    assert_null(program.arena);
    // What was found before memory ran out has been told already.
    assert_true(status == ZVM_E_SYNTAX ? diagnostics.count == 6 : diagnostics.count <= 6);
    return status == ZVM_E_SYNTAX ? ZVM_OK : status;
}

// Recovering parses blocks of statements whose head was wrong: those allocate, too.
static void test_many_errors_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    struct source source = {"let a = 12ab\n"
                            "action f(a b) {\n"
                            "    let c = (\n"
                            "    print \"${a b}\"\n"
                            "}\n"
                            "while true\n"
                            "    break\n"
                            "if a = 1 { print 1 } else {\n"
                            "    let d = [1, 2] 3\n"
                            "}\n",
                            ZVM_E_SYNTAX};
    assert_true(fault_each_allocation(parse_wrong, &source, ZVM_E_NOMEM) >= 2);
}

// Many chunks of the arena, and a table of names that grows several times.
static void test_large_program_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_text(&text, "let s = '");
    zstrbuf_add_repeat(&text, 'x', 100000);
    zstrbuf_add_text(&text, "\\n'\n");
    for (int i = 0; i < 3000; i++)
        zstrbuf_add_format(&text, "let a%d = b%d\n", i, i);
    struct source source = {zstrbuf_text(&text), ZVM_OK};
    assert_true(fault_each_allocation(parse, &source, ZVM_E_NOMEM) >= 10);
    zstrbuf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs_each_allocation_refused_reports_no_memory),
        cmocka_unit_test(test_wrong_programs_each_allocation_refused_reports_one_thing),
        cmocka_unit_test(test_many_errors_each_allocation_refused_reports_no_memory),
        cmocka_unit_test(test_large_program_each_allocation_refused_reports_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
