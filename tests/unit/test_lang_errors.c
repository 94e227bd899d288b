// Goal: every SyntaxError is reported at the place that LANGUAGE gives, once, in clear words;
// hostile input is refused quickly and shown harmlessly. Method: parse wrong programs and compare
// the diagnostic, often only its beginning.
#include "lang/parser.h"

#include "unit/lang_fixture.h"

#include <stdio.h>

struct wrong {
    const char *text;
    const char *place; // LINE:COLUMN
    const char *message;
};

static void check_all(const struct wrong *wrongs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char expected[512];
        snprintf(expected, sizeof expected, "f:%s: error: %s", wrongs[i].place, wrongs[i].message);
        lang_check_failure(wrongs[i].text, expected);
    }
}

#define CHECK_ALL(wrongs) check_all(wrongs, sizeof(wrongs) / sizeof(wrongs)[0])

static void test_statements_wrong_ones_are_refused_in_place(void **state)
{
    (void)state;
    static const struct wrong wrongs[] = {
        {"a b", "1:3", "expected the end of the statement (a line break or ';'), found 'b'\n"},
        {"{ a", "1:4", "expected '}' to close the block, found the end of the file\n"},
        {"\n{ a\n", "3:1",
         "expected '}' to close the block opened at line 2, found the end of the file\n"},
        {"a }", "1:3", "'}' without a '{' before it that is still open\n"},
        {"if a = b {}", "1:6", "expected '{' and a block, found '='\n"},
        {"else {}", "1:1", "'else' without an 'if' block before it\n"},
        {"catch {}", "1:1", "'catch' without a 'try' block before it\n"},
        {"try {} a", "1:8", "expected 'catch' or 'finally' after the 'try' block, found 'a'\n"},
        {"try {} catch (a b) {}", "1:17", "expected ')' to close the parenthesis, found 'b'\n"},
        {"for a in b {}", "1:5", "expected 'each' after 'for', found 'a'\n"},
        {"for each a, a in b {}", "1:13", "'a' is already the other variable of this loop\n"},
        {"break", "1:1", "'break' outside a loop\n"},
        {"while a { (() => { continue })() }", "1:20", "'continue' outside a loop\n"},
        {"for each a in b {} break", "1:20", "'break' outside a loop\n"},
        {"return 1", "1:1", "'return' outside a function\n"},
        {"action f() {} return", "1:15", "'return' outside a function\n"},
        {"throw", "1:6", "expected an expression, found the end of the file\n"},
        {"a = b = c", "1:7", "expected the end of the statement (a line break or ';'), found '='"},
        {"(a) = b", "1:5", "only a name, an element v[i] or a property v.name can be assigned to"},
        {"f() += b", "1:5", "only a name"},
        {"x++", "1:3", "expected an expression, found '+'; there is no unary '+'"},
    };
    CHECK_ALL(wrongs);
}

static void test_print_surprises_are_refused(void **state)
{
    (void)state;
    static const struct wrong wrongs[] = {
        {"print", "1:6", "expected an argument of 'print' on the same line, found the end"},
        {"print\n(a)", "2:1", "expected an argument of 'print' on the same line, found '('\n"},
        {"print;", "1:6", "expected an expression, found ';'\n"},
        {"print(1 + 2) * 3", "1:14", "an operator cannot follow print(...)"},
        {"print(1)\n-2", "2:1", "an operator cannot follow print(...)"},
        {"print(1) and 2", "1:10", "an operator cannot follow print(...)"},
        {"print(1), 2", "1:9", "expected the end of the statement"},
        {"print(a = 1)", "1:9", "expected ',' or ')' to close the arguments of print, found '='"},
    };
    CHECK_ALL(wrongs);
}

static void test_declarations_wrong_ones_are_refused_in_place(void **state)
{
    (void)state;
    static const struct wrong wrongs[] = {
        {"let if = 1", "1:5", "expected a name, '[' or '{' to declare, found the keyword 'if'\n"},
        {"let a: int", "1:11", "expected '=' and a value, found the end of the file\n"},
        {"const a", "1:8", "expected '=' and a value, found the end of the file\n"},
        {"let [a] : int = b", "1:9", "expected '=' and the value to take apart, found ':'\n"},
        {"let [...a, b] = c", "1:12", "expected ']' to close the pattern, found 'b'\n"},
        {"let {if} = a", "1:8", "expected ':' and a name, because the key is a keyword, found '}'"},
        {"let {'a': b} = c", "1:6", "expected a map key or '}', found a string\n"},
        {"let a: list<int = b", "1:17", "expected '>' to close the type arguments, found '='"},
        {"const a = 1\nlet a = 2", "2:5", "'a' is already declared in this scope, and one of"},
        {"let a\nlet a\nconst [b, a] = 2", "3:11", "'a' is already declared"},
        {"{ const a = 1; action a() {} }", "1:23", "'a' is already declared"},
        {"const [a, a] = b", "1:11", "'a' is already declared"},
        {"action f(a, a) {}", "1:13", "'a' is already a parameter of this function\n"},
        {"action f(a b) {}", "1:12", "expected ',' or ')' to close the parameters, found 'b'\n"},
        {"action f a {}", "1:10", "expected '(' and the parameters, found 'a'\n"},
        {"async 1", "1:7", "expected 'action' or 'function' after 'async', found '1'\n"},
        {"data A { a, a }", "1:13", "'a' is already a member of this data declaration\n"},
        {"data A { a\nmethod a() {} }", "2:8", "'a' is already a member of this data"},
        {"data A { a b }", "1:12", "expected the end of the field"},
        {"data A { 1 }", "1:10", "expected a field, a method or '}', found '1'\n"},
        {"action f() { this }", "1:14", "'this' outside a method"},
        {"data A { a = this }", "1:14", "'this' outside a method"},
    };
    CHECK_ALL(wrongs);
}

static void test_expressions_wrong_ones_are_refused_in_place(void **state)
{
    (void)state;
    static const struct wrong wrongs[] = {
        {"a +", "1:4", "expected an expression, found the end of the file\n"},
        {"a + * b", "1:5", "expected an expression, found '*'\n"},
        {"f(1,\n2", "2:2", "expected ',' or ')' to close the arguments opened at line 1, found"},
        {"f(1, a = 2)", "1:8", "named and positional arguments cannot be mixed in one call\n"},
        {"f(a = 2, 1)", "1:10", "named and positional arguments cannot be mixed in one call\n"},
        {"[1 2]", "1:4", "expected ',' or ']' to close the list, found '2'\n"},
        {"a[1", "1:4", "expected ']' to close the index, found the end of the file\n"},
        {"let a = {1.5: 2}", "1:10", "expected a map key (a name, a string or an integer) or '}'"},
        {"let a = {\"${b}\": 2}", "1:10", "expected a map key without '${...}', found a string\n"},
        {"let a = {b}", "1:11", "expected ':' after the map key, found '}'\n"},
        {"a ? b", "1:6", "expected ':' and the other value of '? :', found the end of the file\n"},
        {"a.1", "1:3", "expected a property or method name after '.', found '1'\n"},
        {"(a, b)", "1:3", "expected ')' to close the parenthesis, found ','\n"},
        {"(a, 1) => 2", "1:5", "expected a parameter name or ')', found '1'\n"},
        {"(a + b) => 2", "1:9", "expected the end of the statement"},
        {"lambda(a) -> b", "1:11", "expected '=>' and the function's body, found '->'\n"},
        {"match a { b }", "1:13", "expected '=>' after the pattern, found '}'\n"},
        {"match a { a.b => c }", "1:12", "expected '=>' after the pattern, found '.'\n"},
        {"match a { (b) => c }", "1:11", "expected a pattern"},
        {"spawn f", "1:1", "'spawn' needs a call of an action"},
        {"spawn (f())", "1:1", "'spawn' needs a call of an action"},
        {"9223372036854775808", "1:1", "integer literal is too large"},
        {"-9223372036854775808 ** 2", "1:2", "integer literal is too large"},
        {"-9223372036854775808(1)", "1:2", "integer literal is too large"},
        {"-9223372036854775809", "1:2", "integer literal is too large"},
    };
    CHECK_ALL(wrongs);
}

static void test_lexical_errors_are_explained(void **state)
{
    (void)state;
    static const struct wrong wrongs[] = {
        {"a & b", "1:3", "unexpected character '&'; the operator is '&&' or 'and'\n"},
        {"a @ b", "1:3", "unexpected character '@'\n"},
        {"\xE2\x80\x9C", "1:1", "unexpected character U+201C; outside strings"},
        {"12ab", "1:1", "malformed number; a letter or '_' cannot follow a number\n"},
        {"a = 'b", "1:5", "string is not closed before the end of its line; end it with '"},
        {"'''b", "1:1", "string is not closed; end it with '''\n"},
        {"/* /* */", "1:1", "comment is not closed"},
        {"'\\q'", "1:2", "unknown escape"},
        {"'\\u41'", "1:2", "bad escape"},
        {"\"${}\"", "1:4", "expected an expression inside '${...}', found '}'\n"},
        {"\"${a b}\"", "1:6", "expected '}' to close the '${', found 'b'\n"},
        {"\"${a\nb}\"", "1:1", "string with '${' is not closed before the end of its line"},
    };
    CHECK_ALL(wrongs);
}

static void test_text_that_is_no_source_is_refused(void **state)
{
    (void)state;
    lang_check_failure_bytes("a\n'\xC3\xA9\xFF'", 6, ZVM_E_UTF8,
                             "f:2:3: error: byte 0xFF is not valid UTF-8; save the file as UTF-8\n"
                             "    '\xC3\xA9?\n      ^\n");
    // A code point that stops short is reported where it starts, also at the end of the text.
    lang_check_failure_bytes("a\xE4\xB8z", 4, ZVM_E_UTF8, "f:1:2: error: byte 0xE4 is not");
    lang_check_failure_bytes("a\xF0\x9F\x98", 4, ZVM_E_UTF8, "f:1:2: error: byte 0xF0 is not");
    lang_check_failure_bytes("\xC3\xA9\x80", 3, ZVM_E_UTF8, "f:1:2: error: byte 0x80 is not");
    lang_check_failure_bytes("\x80", 1, ZVM_E_UTF8, "f:1:1: error: byte 0x80 is not");
    lang_check_failure_bytes("'\0'", 3, ZVM_E_SYNTAX, "f:1:2: error: the source holds a NUL byte");
    struct zdiagnostics diagnostics = {.text = "a", .length_bytes = (size_t)1 << 30};
    struct zast_program program;
    assert_int_equal(zlang_parse(&diagnostics, &program), ZVM_E_LIMIT);
    assert_int_equal(diagnostics.count, 1);
}

static void test_diagnostic_shows_the_line_and_a_caret_range(void **state)
{
    (void)state;
    lang_check_failure("let a = 1\r\n\tlet bc = 12ab + \x1B[31m\r\n",
                       "f:2:11: error: malformed number; a letter or '_' cannot follow a number\n"
                       "        let bc = 12ab + ?[31m\n"
                       "                 ^^^^\n");
    lang_check_failure("a = (", "f:1:6: error: expected an expression, found the end of the file\n"
                                "    a = (\n"
                                "         ^\n");
    // A direction mark could make the line read as something else.
    lang_check_failure("'\xE2\x80\xAE' \xE4\xB8\xAD",
                       "f:1:5: error: unexpected character U+4E2D; outside strings and comments "
                       "only ASCII letters, digits and operators are allowed\n"
                       "    '?' \xE4\xB8\xAD\n"
                       "        ^^\n");
    // Wide characters take two columns, combining marks none, a tab goes to the next fourth column.
    lang_check_failure("a = '\xE4\xB8\xAD\xE6\x96\x87' 12ab",
                       "f:1:10: error: malformed number; a letter or '_' cannot follow a number\n"
                       "    a = '\xE4\xB8\xAD\xE6\x96\x87' 12ab\n"
                       "               ^^^^\n");
    lang_check_failure("'e\xCC\x81\xCC\xA3x'\t12ab",
                       "f:1:8: error: malformed number; a letter or '_' cannot follow a number\n"
                       "    'e\xCC\x81\xCC\xA3x'    12ab\n"
                       "            ^^^^\n");
    // More marks than are shown: the line is cut.
    char *text = lang_repeat("'e", "\xCC\x81", 5000, "' 12ab");
    char *shown = lang_repeat("f:1:5005: error: malformed number; a letter or '_' cannot follow a "
                              "number\n    ...",
                              "\xCC\x81", 200, "...\n");
    lang_check_failure(text, shown);
    free(text);
    free(shown);
}

static void test_diagnostic_of_a_long_line_is_cut(void **state)
{
    (void)state;
    char expected[512];
    char *text = lang_repeat("", "a+", 1000000, "@@");
    char *line = lang_repeat("    ...", "a+", 30, "@@\n");
    char *caret = lang_repeat("       ", "  ", 30, "^\n");
    snprintf(expected, sizeof expected, "f:1:2000001: error: unexpected character '@'\n%s%s", line,
             caret);
    lang_check_failure(text, expected);
    free(text);
    free(line);
    free(caret);

    text = lang_repeat("@", "a+", 1000000, "");
    line = lang_repeat("    @", "a+", 49, "a...\n    ^\n");
    snprintf(expected, sizeof expected, "f:1:1: error: unexpected character '@'\n%s", line);
    lang_check_failure(text, expected);
    free(text);
    free(line);
}

// ---- Nesting -----------------------------------------------------------------------------------

struct nest {
    const char *before, *open, *inside, *close, *after;
};

static const struct nest nests[] = {
    {"a = ", "(", "1", ")", ""},
    {"a = ", "[", "1", "]", ""},
    {"a = ", "{b: ", "1", "}", ""},
    {"a = ", "b[", "1", "]", ""},
    {"a = ", "b(", "1", ")", ""},
    {"a = ", "-", "1", "", ""},
    {"a = ", "!", "1", "", ""},
    {"a = ", "await ", "1", "", ""},
    {"a = ", "2 ** ", "1", "", ""},
    {"a = ", "b => ", "1", "", ""},
    {"a = ", "(b, c) => ", "1", "", ""},
    {"a = ", "lambda() => ", "1", "", ""},
    {"a = ", "b ? c : ", "1", "", ""},
    {"a = ", "b ? ", "1", " : c", ""},
    {"a = ", "\"${", "1", "}\"", ""},
    {"a = ", "action() { return ", "1", "}", ""},
    {"a = ", "match ", "b", " {}", ""},
    {"a = match b { ", "P(", "c", ")", " => 1 }"},
    {"let a: ", "b<", "c", ">", " = 1"},
    {"action f(a: ", "b<", "c", ">", ") {}"},
    {"", "{", "a", "}", ""},
    {"", "if a {", "b", "}", ""},
    {"", "if a {} else {", "b", "}", ""},
    {"", "while a {", "b", "}", ""},
    {"", "for each a in b {", "c", "}", ""},
    {"", "try {", "a", "} catch {}", ""},
    {"", "action f() {", "a", "}", ""},
};

#define NEST_COUNT (sizeof nests / sizeof nests[0])

static char *nest_text(const struct nest *nest, size_t depth)
{
    char *open = lang_repeat(nest->before, nest->open, depth, nest->inside);
    char *text = lang_repeat(open, nest->close, depth, nest->after);
    free(open);
    return text;
}

static void test_nesting_at_the_limit_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < NEST_COUNT; i++) {
        // The match around the patterns is a level, too.
        bool is_pattern = strncmp(nests[i].before, "a = match", 9) == 0;
        char *text = nest_text(&nests[i], is_pattern ? ZAST_DEPTH_MAX - 1 : ZAST_DEPTH_MAX);
        struct zast_program program;
        lang_parse(text, &program);
        zlang_free_program(&program);
        free(text);
    }
}

static void check_too_deep(const struct nest *nest, size_t depth)
{
    char *text = nest_text(nest, depth);
    struct zstrbuf messages;
    zstrbuf_init(&messages);
    struct zdiagnostics diagnostics = {.file_name = "f",
                                       .text = text,
                                       .length_bytes = strlen(text),
                                       .write = lang_collect,
                                       .context = &messages};
    struct zast_program program;
    assert_int_equal(zlang_parse(&diagnostics, &program), ZVM_E_SYNTAX);
    assert_non_null(strstr(zstrbuf_text(&messages), "error: nested deeper than 200 levels\n"));
    zstrbuf_deinit(&messages);
    free(text);
}

static void test_nesting_over_the_limit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < NEST_COUNT; i++) {
        check_too_deep(&nests[i], ZAST_DEPTH_MAX + 1);
        check_too_deep(&nests[i], 100000);
    }
}

static void test_nesting_of_comments_has_no_limit(void **state)
{
    (void)state;
    char *open = lang_repeat("a", "/*", 1000000, "");
    char *text = lang_repeat(open, "*/", 1000000, "b");
    lang_check_failure(text, "f:1:4000002: error: expected the end of the statement");
    free(open);
    free(text);
}

// Chains are loops: however long, they need no more C stack than two links.
static void test_chains_of_any_length_are_accepted(void **state)
{
    (void)state;
    static const char *const chains[][2] = {
        {"let v = a", " + a"}, {"let v = a", ".b"},
        {"let v = a", "()"},   {"let v = a", "[0]"},
        {"let v = a", "&& a"}, {"if a {}", " else if a {}"},
        {"", "a = 1;"},        {"", ";"},
    };
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        char *text = lang_repeat(chains[i][0], chains[i][1], 200000, "");
        struct zast_program program;
        lang_parse(text, &program);
        zlang_free_program(&program);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements_wrong_ones_are_refused_in_place),
        cmocka_unit_test(test_print_surprises_are_refused),
        cmocka_unit_test(test_declarations_wrong_ones_are_refused_in_place),
        cmocka_unit_test(test_expressions_wrong_ones_are_refused_in_place),
        cmocka_unit_test(test_lexical_errors_are_explained),
        cmocka_unit_test(test_text_that_is_no_source_is_refused),
        cmocka_unit_test(test_diagnostic_shows_the_line_and_a_caret_range),
        cmocka_unit_test(test_diagnostic_of_a_long_line_is_cut),
        cmocka_unit_test(test_nesting_at_the_limit_is_accepted),
        cmocka_unit_test(test_nesting_over_the_limit_is_refused),
        cmocka_unit_test(test_nesting_of_comments_has_no_limit),
        cmocka_unit_test(test_chains_of_any_length_are_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
