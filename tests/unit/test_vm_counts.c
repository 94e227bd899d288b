// Goal: what must cost nothing costs nothing, and what must be linear is: calls, walks and arithmetic
// allocate no object; a string built in a loop is not copied again and again; indexing a long text
// does not walk it.
// Method: the same program with different sizes; its objects, its bytes and its fuel are counted,
// never its time. Fuel is charged for every byte that is copied or looked at.
#include "code_fixture.h"

// The ending of a program in which N stands for `count`.
static struct ending run_sized(struct machine *m, const char *text, unsigned count)
{
    struct zstrbuf sized;
    zstrbuf_init(&sized);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == 'N')
            zstrbuf_add_format(&sized, "%u", count);
        else
            zstrbuf_add_char(&sized, *at);
    }
    assert_false(sized.failed);
    struct ending ending = machine_run_text(m, zstrbuf_text(&sized));
    if (ending.status != ZVM_OK)
        fail_msg("%s\n%u:%u: %s: %s", zstrbuf_text(&sized), ending.line, ending.column, ending.kind,
                 ending.message);
    zstrbuf_deinit(&sized);
    return ending;
}

static void test_counts_loops_and_calls_allocate_nothing(void **state)
{
    (void)state;
    const char *const texts[] = {
        // for each over a range, with one, two and three arguments
        "let s = 0\nfor each i in range(N) { s += i }",
        "let s = 0\nfor each i in range(1, N) { s += i }",
        "let s = 0\nfor each i in range(N, 0, -1) { s += i }",
        "action f(n) { let s = 0\n for each i in range(n) { s += i }\n return s }\nf(N)",
        // over a list, a map and a string, once for each turn of the loop around it
        "let l = [1, 2.5, \"x\"]\nlet i = 0\n"
        "while i < N { for each v in l { }\n for each j, v in l { }\n i += 1 }",
        "let m = { a: 1, b: 2 }\nlet i = 0\nwhile i < N { for each k, v in m { }\n i += 1 }",
        "let t = \"abc\"\nlet i = 0\nwhile i < N { for each c in t { }\n i += 1 }",
        // arguments, of functions known and unknown, of builtins and of methods
        "action f(a, b, c) { return a }\nlet i = 0\nwhile i < N { f(i, 2.5, \"x\")\n i += 1 }",
        "let f = (a, b) => a\nlet i = 0\nwhile i < N { f(i, i)\n i += 1 }",
        "let l = [1, 2]\nlet i = 0\nwhile i < N { len(l)\n l.first()\n max(i, 2)\n i += 1 }",
        "let l = range(4)\nlet f = (a, b) => a + b\nlet i = 0\n"
        "while i < N { l.reduce(f, 0)\n i += 1 }",
        // numbers, elements and characters
        "let x = 0.5\nlet i = 0\nwhile i < N { x = 3.7 * x * (1.0 - x)\n i += 1 }",
        "let l = [1, 2]\nlet i = 0\nwhile i < N { l[0] = l[1] + i\n i += 1 }",
        "let m = { a: 1 }\nlet i = 0\nwhile i < N { m.a = m.a + 1\n m[\"a\"] += 1\n i += 1 }",
        "let t = \"text\"\nlet i = 0\nwhile i < N { t[1] == \"e\"\n i += 1 }",
    };
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t few = run_sized(&m, texts[i], 5).allocated_count;
        uint64_t many = run_sized(&m, texts[i], 500).allocated_count;
        if (few != many)
            fail_msg("%s\n%llu objects for 5, %llu for 500", texts[i], (unsigned long long)few,
                     (unsigned long long)many);
    }
    machine_close(&m);
}

// What `text` costs for twice as much, in parts of 100 of what it costs for once as much. Without
// what a program costs that does nothing.
static void expect_linear(struct machine *m, const char *text, unsigned count)
{
    struct ending once = run_sized(m, text, count), twice = run_sized(m, text, 2 * count);
    if (twice.fuel * 100 > once.fuel * 240 ||
        twice.allocated_bytes * 100 > once.allocated_bytes * 300)
        fail_msg("%s\nfuel %llu, then %llu; bytes %llu, then %llu", text,
                 (unsigned long long)once.fuel, (unsigned long long)twice.fuel,
                 (unsigned long long)once.allocated_bytes,
                 (unsigned long long)twice.allocated_bytes);
}

// Each way copied everything at each step would be 200 times as much as this for the second size.
static void test_counts_building_a_string_is_linear(void **state)
{
    (void)state;
    const char *const texts[] = {
        "let s = \"\"\nlet i = 0\nwhile i < N { s = s + \"x\"\n i += 1 }",
        "let s = \"\"\nlet i = 0\nwhile i < N { s += \"xy\"\n i += 1 }",
        "let s = \"\"\nlet i = 0\nwhile i < N { s = \"${s}${i}\"\n i += 1 }",
        "let s = \"\"\nlet i = 0\nwhile i < N { s = s + \"x\" + \"y\" + \"\\u{20ac}\"\n i += 1 }",
        "action f(n) { let s = \"\"\n for each i in range(n) { s += \"x\" }\n return s }\nf(N)",
        "let l = [\"\"]\nlet i = 0\nwhile i < N { l[0] += \"x\"\n i += 1 }",
        "let m = { s: \"\" }\nlet i = 0\nwhile i < N { m.s += \"x\"\n m[\"s\"] += \"y\"\n i += 1 }",
        "let s = \"\"\nlet add = (x) => s + x\nlet i = 0\nwhile i < N { s = add(\"x\")\n i += 1 }",
        // looked at while it grows
        "let s = \"\"\nlet i = 0\nwhile i < N { s += \"\\u{e4}\"\n len(s)\n s[i / 2]\n i += 1 }",
    };
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_linear(&m, texts[i], 20000);
    machine_close(&m);
}

static void test_counts_indexing_a_text_does_not_walk_it(void **state)
{
    (void)state;
    const char *const texts[] = {
        "let t = \"x\"\nt = t + t.replace(\"x\", \"yyyyyyyyyyyyyyyy\")\nlet i = 0\n"
        "while len(t) < N { t = t + t }\nwhile i < N { t[i] == \"x\"\n i += 1 }",
        "let t = \"\\u{e4}x\\u{20ac}y\"\nlet i = 0\n"
        "while len(t) < N { t = t + t }\nwhile i < N { t[i] == \"x\"\n i += 1 }",
        "let t = \"\\u{1f600}x\"\nlet i = N - 1\n"
        "while len(t) < N { t = t + t }\nwhile i >= 0 { t[i] == \"x\"\n i -= 1 }",
    };
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_linear(&m, texts[i], 16384);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_loops_and_calls_allocate_nothing),
        cmocka_unit_test(test_counts_building_a_string_is_linear),
        cmocka_unit_test(test_counts_indexing_a_text_does_not_walk_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
