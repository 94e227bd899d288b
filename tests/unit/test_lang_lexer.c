// Goal: each kind of token, its position and each lexical error, as LANGUAGE section 1 has them.
// Method: lex a text to its end and compare a line of text that names every token.
#include "lang/lexer.h"

#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *const problem_texts[] = {"none",          "character", "number", "string",
                                            "interpolation", "comment",   "escape"};

static void add_content(struct zstrbuf *out, const struct zlexer *lexer, const struct ztoken *token)
{
    char text[256];
    assert_true(token->content_bytes <= sizeof text);
    size_t length =
        zlexer_unescape(lexer->text + token->content_offset, token->content_bytes, text);
    zstrbuf_add(out, text, length);
}

static void add_token(struct zstrbuf *out, const struct zlexer *lexer, const struct ztoken *token)
{
    const char *text = ztoken_kind_text(token->kind);
    if (token->newline_before) zstrbuf_add_text(out, "|");
    switch (token->kind) {
    case ZTOKEN_EOF:
        zstrbuf_add_text(out, "end");
        return;
    case ZTOKEN_ERROR:
        zstrbuf_add_format(out, "error %s %u:%u", problem_texts[token->problem],
                           token->position.line, token->position.column);
        return;
    case ZTOKEN_INT:
        zstrbuf_add_format(out, token->is_too_large ? "huge" : "int:%llu",
                           (unsigned long long)token->integer);
        return;
    case ZTOKEN_STRING:
        zstrbuf_add_text(out, "str:");
        add_content(out, lexer, token);
        return;
    case ZTOKEN_STRING_PART:
        zstrbuf_add_text(out, "part:");
        add_content(out, lexer, token);
        return;
    case ZTOKEN_NAME:
        zstrbuf_add_text(out, "name:");
        break;
    case ZTOKEN_FLOAT:
        zstrbuf_add_text(out, "float:");
        break;
    default:
        assert_non_null(text);
        break;
    }
    zstrbuf_add(out, lexer->text + token->offset, token->length_bytes);
}

// Lexes text; each `}` while a string is open goes on with that string.
static void check(const char *text, const char *expected)
{
    struct zlexer lexer;
    struct ztoken token;
    struct zstrbuf out;
    zstrbuf_init(&out);
    zlexer_init(&lexer, text, strlen(text));
    do {
        zlexer_next(&lexer, &token);
        if (out.length > 0) zstrbuf_add_text(&out, " ");
        add_token(&out, &lexer, &token);
        if (token.kind == ZTOKEN_RIGHT_BRACE && lexer.interpolation_depth > 0) {
            zlexer_continue_string(&lexer, &token);
            zstrbuf_add_text(&out, " ");
            add_token(&out, &lexer, &token);
        }
    } while (token.kind != ZTOKEN_EOF && token.kind != ZTOKEN_ERROR);
    assert_string_equal(zstrbuf_text(&out), expected);
    zstrbuf_deinit(&out);
}

static void test_words_keywords_and_names_are_told_apart(void **state)
{
    (void)state;
    check("let lets Let _x9 and or data extends each",
          "let name:lets name:Let name:_x9 and or name:data name:extends each |end");
    check("", "|end");
}

static void test_keywords_all_of_them_are_known(void **state)
{
    (void)state;
    for (int kind = ZTOKEN_LET; kind <= ZTOKEN_OR_WORD; kind++) {
        struct zlexer lexer;
        struct ztoken token;
        const char *text = ztoken_kind_text((enum ztoken_kind)kind);
        zlexer_init(&lexer, text, strlen(text));
        zlexer_next(&lexer, &token);
        assert_int_equal(token.kind, kind);
        assert_true(ztoken_is_keyword(token.kind));
    }
    assert_false(ztoken_is_keyword(ZTOKEN_NAME));
    assert_false(ztoken_is_keyword(ZTOKEN_POWER_ASSIGN));
}

static void test_operators_longest_match_wins(void **state)
{
    (void)state;
    check("**=**=*= * ...... .. =>== = ->--> ???",
          "**= **= *= * ... ... . . => == = -> - -> ?? ? |end");
    check("+ - / % += -= /= %= != < <= > >= && || ! ? : , ; ( ) [ ] { }",
          "+ - / % += -= /= %= != < <= > >= && || ! ? : , ; ( ) [ ] { } |end");
}

static void test_numbers_every_form_is_read(void **state)
{
    (void)state;
    check("0 007 9223372036854775808 9223372036854775809",
          "int:0 int:7 int:9223372036854775808 huge |end");
    check("99999999999999999999999999999", "huge |end");
    check("1.5 1e3 1E+3 2.5e-10 1.x 1..2",
          "float:1.5 float:1e3 float:1E+3 float:2.5e-10 int:1 . name:x int:1 . . int:2 |end");
}

static void test_numbers_followed_by_a_letter_are_errors_at_their_start(void **state)
{
    (void)state;
    check("x = 12ab", "name:x = error number 1:5");
    check("1e", "error number 1:1");
    check("1e+", "error number 1:1");
    check("1.5_", "error number 1:1");
    check("\n 0x10", "|error number 2:2");
}

static void test_strings_every_form_and_escape_is_read(void **state)
{
    (void)state;
    check("\"a\" 'b' \"\" ''", "str:a str:b str: str: |end");
    check("'a\\n\\t\\r\\\\\\\"\\'\\$\\u{41}\\u{1F600}'", "str:a\n\t\r\\\"'$A\xF0\x9F\x98\x80 |end");
    check("\"\"\"a\n\"b\" ${c}\"\"\" '''it's'''", "str:a\n\"b\" ${c} str:it's |end");
    check("'$ ${a} $'", "str:$ ${a} $ |end");
    check("\"$ $$ a$\"", "str:$ $$ a$ |end");
}

static void test_escapes_bad_ones_are_errors_at_the_backslash(void **state)
{
    (void)state;
    check("'ab\\q'", "error escape 1:4");
    check("'\xC3\xA9\\u{}'", "error escape 1:3");
    check("'\\u{D800}'", "error escape 1:2");
    check("'\\u{110000}'", "error escape 1:2");
    check("'\\u{1234567}'", "error escape 1:2");
    check("'\\u41'", "error escape 1:2");
    check("'\\u{4'", "error escape 1:2");
    check("'\\\n'", "error escape 1:2");
}

static void test_strings_not_closed_are_errors_at_their_start(void **state)
{
    (void)state;
    check("a 'b", "name:a error string 1:3");
    check("\n\"b\n\"", "|error string 2:1");
    check("'''a\n", "error string 1:1");
    check("'a\\", "error string 1:1");
}

static void test_interpolation_comes_in_pieces(void **state)
{
    (void)state;
    check("\"a${b}c${1}\" x", "part:a name:b } part:c int:1 } str: name:x |end");
    check("\"${\"${x}\"}\"", "part: part: name:x } str: } str: |end");
    check("\"\\${a}\"", "str:${a} |end");
}

static void test_interpolation_not_closed_is_an_error_at_the_outermost_string(void **state)
{
    (void)state;
    check("x \"${ \"${ a\n", "name:x part: part: name:a |error interpolation 1:3");
    check("\"${ a", "part: name:a error interpolation 1:1");
    check("\"${ 'b\n", "part: error interpolation 1:1");
    check("\"${ a }b", "part: name:a } error interpolation 1:1");
    check("\"${ \"\"\"a\nb\"\"\" }\"", "part: error interpolation 1:1");
}

static void test_comments_are_space_and_nest(void **state)
{
    (void)state;
    check("a # b\nc // d\ne", "name:a |name:c |name:e |end");
    check("a /* /* x */ \n */ b /**/ c", "name:a |name:b name:c |end");
    check("a /* /* x */", "name:a error comment 1:3");
}

static void test_columns_count_code_points(void **state)
{
    (void)state;
    check("'\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80' @", "str:\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80 "
                                                      "error character 1:7");
    check("\t\t\r&", "error character 1:4");
    check("\xC2\xA0", "error character 1:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_keywords_and_names_are_told_apart),
        cmocka_unit_test(test_keywords_all_of_them_are_known),
        cmocka_unit_test(test_operators_longest_match_wins),
        cmocka_unit_test(test_numbers_every_form_is_read),
        cmocka_unit_test(test_numbers_followed_by_a_letter_are_errors_at_their_start),
        cmocka_unit_test(test_strings_every_form_and_escape_is_read),
        cmocka_unit_test(test_escapes_bad_ones_are_errors_at_the_backslash),
        cmocka_unit_test(test_strings_not_closed_are_errors_at_their_start),
        cmocka_unit_test(test_interpolation_comes_in_pieces),
        cmocka_unit_test(test_interpolation_not_closed_is_an_error_at_the_outermost_string),
        cmocka_unit_test(test_comments_are_space_and_nest),
        cmocka_unit_test(test_columns_count_code_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
