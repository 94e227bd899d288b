// Goal: every form of the grammar gives the right tree, at the right positions.
// Method: parse short programs and compare the tree as text.
#include "lang/parser.h"

#include "unit/lang_fixture.h"

#include <stdio.h>

// The statements of a program, each after a space.
static void check(const char *text, const char *expected)
{
    struct zstrbuf out;
    struct zast_program program;
    zstrbuf_init(&out);
    lang_parse(text, &program);
    lang_show_list(&out, program.main->body->block.statements);
    assert_string_equal(zstrbuf_text(&out), expected);
    zlang_free_program(&program);
    zstrbuf_deinit(&out);
}

// One expression, as the value of a `let`.
static void check_value(const char *text, const char *expected)
{
    char program[1024];
    char wanted[1024];
    snprintf(program, sizeof program, "let v = %s", text);
    snprintf(wanted, sizeof wanted, " (let v %s)", expected);
    check(program, wanted);
}

// ---- Expressions -------------------------------------------------------------------------------

static void test_operators_precedence_is_that_of_the_language(void **state)
{
    (void)state;
    check_value("a ?? b || c && d == e < f + g * h",
                "(?? a (|| b (&& c (== d (< e (+ f (* g h)))))))");
    check_value("a * b + c < d == e && f || g ?? h",
                "(?? (|| (&& (== (< (+ (* a b) c) d) e) f) g) h)");
    check_value("a - b - c and d or e", "(|| (&& (- (- a b) c) d) e)");
    check_value("-a ** 2", "(neg (** a 2))");
    check_value("2 ** -a ** 3", "(** 2 (neg (** a 3)))");
    check_value("!-await a.b", "(! (neg (await (. a)b)))");
    check_value("a ? b : c ? d : e", "(? a b (? c d e))");
    check_value("a ? b ? c : d : e", "(? a (? b c d) e)");
    check_value("(a + b) * c % d", "(% (* (+ a b) c) d)");
    check_value("a\n- b\n.c", "(- a (. b)c)");
}

static void test_literals_every_form_is_read(void **state)
{
    (void)state;
    check_value("[1, 2.5, 1e3, 'a', true, false, null,]",
                "(list 1 2.5f 1000f 'a' true false null)");
    check_value("-9223372036854775808", "-9223372036854775808");
    check_value("- 9223372036854775808 + a", "(+ -9223372036854775808 a)");
    check_value("-9223372036854775808\n(a)", "-9223372036854775808) (do a");
    check_value("1e999", "inff");
    check_value("{a: 1, if: 2, 'b c': 3, 4: 5, -6: 7,}", "(map 'a' 1 'if' 2 'b c' 3 4 5 -6 7)");
    check_value("{}", "(map)");
    check_value("'a\\u{41}\\n'", "'aA\n'");
}

static void test_operators_on_literals_are_folded(void **state)
{
    (void)state;
    check_value("1 - 2 - 3", "-4");
    check_value("a + (1 + 2) * 3", "(+ a 9)");
    check_value("a + 1 + 2", "(+ (+ a 1) 2)"); // a may be a text
    check_value("-(2.5 * -2.0)", "5f");
    check_value("1 < 2 and !true", "(&& true false)");
    check_value("-7 / 2 % 3", "2");
    check_value("9223372036854775807 + 1", "(+ 9223372036854775807 1)");
    check_value("1 / 0", "(/ 1 0)");
    check_value("1.0 / 0.0", "(/ 1f 0f)");
    check_value("1 + 1.0", "(+ 1 1f)");
    check_value("'a' + 'b'", "(+ 'a' 'b')");
    check_value("2 ** 3", "(** 2 3)");
}

static void test_interpolation_nests_and_leaves_out_empty_pieces(void **state)
{
    (void)state;
    check_value("\"a${b}c\"", "(join 'a' b 'c')");
    check_value("\"${b}${c}\"", "(join b c)");
    check_value("\"${ {a: \"}${1}\"} }$\"", "(join (map 'a' (join '}' 1)) '$')");
    check_value("\"${(a)}${-5}${x => x}\"", "(join a -5 (fn [x] x))");
}

static void test_postfixes_chain_on_one_line(void **state)
{
    (void)state;
    check_value("a.b(1)[2].if(x = 1, y = 2,)", "(call (. (at (call (. a)b 1) 2))if x=1 y=2)");
    check("f\n(a)\n[b]", " (do f) (do a) (do (list b))");
    check("f()\n.g", " (do (. (call f))g)");
    check_value("print", "print");
    check_value("match a {b => c}.d", "(. (match a (? b c)))d");
}

static void test_functions_every_form_is_read(void **state)
{
    (void)state;
    check_value("x => x", "(fn [x] x)");
    check_value("() => {}", "(fn [] { })");
    check_value("(a, b: list<int, map<a>>,) => ({})", "(fn [a b:list] (map))");
    check_value("lambda(a) => { return }", "(fn [a] { (return) })");
    check_value("action(a: int) -> int { return a }", "(fn [a:int]->int { (return a) })");
    check_value("async function() {}", "(async [] { })");
    check_value("a => b => c", "(fn [a] (fn [b] c))");
    check_value("f((a), (b) => c, d)", "(call f a (fn [b] c) d)");
    check_value("a ? (b) : c => d", "(? a b (fn [c] d))");
    check("async action f() -> any {}", " (async f[]->any { })");
    check("function f(a,) { }print 1", " (fn f[a] { }) (print 1)");
    check("action(a) {}(1)", " (do (call (fn [a] { }) 1))");
}

static void test_match_every_pattern_is_read(void **state)
{
    (void)state;
    check_value("match a {_ => 1, b => {}, -1 => 2, 'x' => 3, -2.5 => 4, null => 5,}",
                "(match a (? _ 1) (? b (map)) (? (lit -1) 2) (? (lit 'x') 3) (? (lit -2.5f) 4) "
                "(? (lit null) 5))");
    check_value("match a {P(x, Q(), _) => x}", "(match a (? (is P x (is Q) _) x))");
}

// ---- Statements --------------------------------------------------------------------------------

static void test_declarations_every_form_is_read(void **state)
{
    (void)state;
    check("let a; let b = 1\nlet c: int = 2; const d: any = 3",
          " (let a) (let b 1) (let c:int 2) (const d:any 3)");
    check("let [a, b, ...c,] = x\nlet [] = x; const [...r] = y",
          " (let list[a b ...c] x) (let list[] x) (const list[...r] y)");
    check("let {a, if: b,} = x", " (let map[a:a if:b] x)");
}

static void test_statements_every_form_is_read(void **state)
{
    (void)state;
    check("if a {} elif b {} else if c {} else {d}",
          " (if (? a { }) (? b { }) (? c { }) { (do d) })");
    check("while a { break; continue }", " (while a { (break) (continue) })");
    check("for each k, v in m {}", " (for [k v] m { })");
    check("try {} catch (e) {} finally {}", " (try e( { } { } { }))");
    check("try {} catch e {}", " (try e( { } { }))");
    check("try {}\ncatch {}", " (try ( { } { }))");
    check("action f() { return\n1 }", " (fn f[] { (return) (do 1) })");
    check("throw a; ;;{ b }", " (throw a) { (do b) }");
    check("print a, b\nprint(a, b,)\nprint()\nprint (a)",
          " (print a b) (print a b) (print) (print a)");
    check("a = 1; a.b += 2; a[c] **= 3", " (set (= a 1)) (set (+ (. a)b 2)) (set (** (at a c) 3))");
}

static void test_data_every_form_is_read(void **state)
{
    (void)state;
    check("data P { x, y: int = 1; z\n method = 2\n method m(a) { return this.x } action if() {} }",
          " (data P x y:int=(fn [] 1) z method=(fn [] 2) method:m=(fn m[a] { (return (. this)x) }) "
          "method:if=(fn if[] { }))");
    check("data P extends Q {}", " (data P<Q)");
    check("data\n= 1; data.extends(method)",
          " (set (= data 1)) (do (call (. data)extends method))");
}

// ---- Positions ---------------------------------------------------------------------------------

static void check_position(struct zast_position position, uint32_t line, uint32_t column)
{
    assert_int_equal(position.line, line);
    assert_int_equal(position.column, column);
}

// The value of the first statement, an expression.
static void check_node(const char *text, uint32_t line, uint32_t column, uint32_t start_column)
{
    struct zast_program program;
    lang_parse(text, &program);
    const struct zast_node *value = program.main->body->block.statements->left;
    check_position(value->position, line, column);
    check_position(value->start, 1, start_column);
    zlang_free_program(&program);
}

static void test_positions_of_expressions_are_where_their_errors_are(void **state)
{
    (void)state;
    check_node("a + b", 1, 3, 1);
    check_node("  -a", 1, 3, 3);
    check_node("a\n  [0]\n", 1, 1, 1);
    check_node("'\xC3\xA9'[0]", 1, 4, 1);
    check_node("a.b", 1, 3, 1);
    check_node("a.b(c)", 1, 3, 1);
    check_node("a[0](c)", 1, 2, 1);
    check_node("a(b)(c)", 1, 1, 1);
    check_node("(a.b)(c)", 1, 4, 2);
    check_node("((a + b))(c)", 1, 3, 3);
    check_node("(a + b)\n** c", 2, 1, 2);
    check_node("[a](1)", 1, 1, 1);
    check_node("a ? b : c", 1, 3, 1);
    check_node(" match a { }", 1, 2, 2);
}

static void test_positions_of_statements_are_where_their_errors_are(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("let a: int = 1\nlet [b] = c\naction f() {}\na.b = c\na[1] += 2\n throw a\n"
               "data P extends Q {}\nfor each x in y {}",
               &program);
    const struct zast_node *node = program.main->body->block.statements;
    check_position(node->position, 1, 5);
    check_position(node->let.type.position, 1, 8);
    check_position((node = node->next)->position, 2, 1);
    check_position(node->unpack.targets->position, 2, 6);
    check_position((node = node->next)->position, 3, 8);
    check_position((node = node->next)->position, 4, 3);
    check_position((node = node->next)->position, 5, 6);
    check_position((node = node->next)->position, 6, 2);
    check_position((node = node->next)->position, 7, 6);
    check_position(node->data.parent_position, 7, 16);
    check_position((node = node->next)->position, 8, 1);
    check_position(node->foreach.names->position, 8, 10);
    zlang_free_program(&program);
}

static void test_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    check("\xEF\xBB\xBFx", " (do x)");
    check("\xEF\xBB\xBF", "");
    lang_check_failure("\xEF\xBB\xBF)", "f:1:1: error: expected an expression, found ')'\n    )\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators_precedence_is_that_of_the_language),
        cmocka_unit_test(test_literals_every_form_is_read),
        cmocka_unit_test(test_operators_on_literals_are_folded),
        cmocka_unit_test(test_interpolation_nests_and_leaves_out_empty_pieces),
        cmocka_unit_test(test_postfixes_chain_on_one_line),
        cmocka_unit_test(test_functions_every_form_is_read),
        cmocka_unit_test(test_match_every_pattern_is_read),
        cmocka_unit_test(test_declarations_every_form_is_read),
        cmocka_unit_test(test_statements_every_form_is_read),
        cmocka_unit_test(test_data_every_form_is_read),
        cmocka_unit_test(test_positions_of_expressions_are_where_their_errors_are),
        cmocka_unit_test(test_positions_of_statements_are_where_their_errors_are),
        cmocka_unit_test(test_byte_order_mark_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
