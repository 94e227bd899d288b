// lang/lexer.c - tokens from text.
//
// Owns: nothing; reads a text that the caller keeps, and changes only the struct passed in.
// Thread: owner. Allocates nothing and keeps no pointer but the text.
// Invariants:  1. offset <= length_bytes, and position is that of the byte at offset.
//              2. interpolation_depth > 0 exactly between a STRING_PART and the piece that ends its
//                 string; then a line break or the end of the text is an unterminated string.
// How: one pass over the bytes, no table of tokens, so that an error early in a huge file is found
// early and costs no memory. The text was checked to be UTF-8 before, so that a column is counted
// by skipping continuation bytes. Strings only get checked here; zlexer_unescape builds the value
// of those that the parser really uses.
#include "lang/lexer.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <string.h>

#define INTEGER_MAX_NEGATED 9223372036854775808u // the largest literal, only under unary minus

static const char *const kind_texts[ZTOKEN_COUNT] = {
    [ZTOKEN_LET] = "let",
    [ZTOKEN_CONST] = "const",
    [ZTOKEN_ACTION] = "action",
    [ZTOKEN_FUNCTION] = "function",
    [ZTOKEN_LAMBDA] = "lambda",
    [ZTOKEN_RETURN] = "return",
    [ZTOKEN_IF] = "if",
    [ZTOKEN_ELIF] = "elif",
    [ZTOKEN_ELSE] = "else",
    [ZTOKEN_WHILE] = "while",
    [ZTOKEN_FOR] = "for",
    [ZTOKEN_EACH] = "each",
    [ZTOKEN_IN] = "in",
    [ZTOKEN_BREAK] = "break",
    [ZTOKEN_CONTINUE] = "continue",
    [ZTOKEN_TRY] = "try",
    [ZTOKEN_CATCH] = "catch",
    [ZTOKEN_FINALLY] = "finally",
    [ZTOKEN_THROW] = "throw",
    [ZTOKEN_MATCH] = "match",
    [ZTOKEN_TRUE] = "true",
    [ZTOKEN_FALSE] = "false",
    [ZTOKEN_NULL] = "null",
    [ZTOKEN_THIS] = "this",
    [ZTOKEN_PRINT] = "print",
    [ZTOKEN_ASYNC] = "async",
    [ZTOKEN_AWAIT] = "await",
    [ZTOKEN_SPAWN] = "spawn",
    [ZTOKEN_AND_WORD] = "and",
    [ZTOKEN_OR_WORD] = "or",
    [ZTOKEN_POWER_ASSIGN] = "**=",
    [ZTOKEN_ELLIPSIS] = "...",
    [ZTOKEN_ARROW] = "=>",
    [ZTOKEN_RESULT_ARROW] = "->",
    [ZTOKEN_EQUAL] = "==",
    [ZTOKEN_NOT_EQUAL] = "!=",
    [ZTOKEN_LESS_EQUAL] = "<=",
    [ZTOKEN_GREATER_EQUAL] = ">=",
    [ZTOKEN_AND] = "&&",
    [ZTOKEN_OR] = "||",
    [ZTOKEN_COALESCE] = "??",
    [ZTOKEN_ADD_ASSIGN] = "+=",
    [ZTOKEN_SUB_ASSIGN] = "-=",
    [ZTOKEN_MUL_ASSIGN] = "*=",
    [ZTOKEN_DIV_ASSIGN] = "/=",
    [ZTOKEN_MOD_ASSIGN] = "%=",
    [ZTOKEN_POWER] = "**",
    [ZTOKEN_PLUS] = "+",
    [ZTOKEN_MINUS] = "-",
    [ZTOKEN_STAR] = "*",
    [ZTOKEN_SLASH] = "/",
    [ZTOKEN_PERCENT] = "%",
    [ZTOKEN_ASSIGN] = "=",
    [ZTOKEN_LESS] = "<",
    [ZTOKEN_GREATER] = ">",
    [ZTOKEN_NOT] = "!",
    [ZTOKEN_QUESTION] = "?",
    [ZTOKEN_COLON] = ":",
    [ZTOKEN_COMMA] = ",",
    [ZTOKEN_SEMICOLON] = ";",
    [ZTOKEN_DOT] = ".",
    [ZTOKEN_LEFT_PAREN] = "(",
    [ZTOKEN_RIGHT_PAREN] = ")",
    [ZTOKEN_LEFT_BRACKET] = "[",
    [ZTOKEN_RIGHT_BRACKET] = "]",
    [ZTOKEN_LEFT_BRACE] = "{",
    [ZTOKEN_RIGHT_BRACE] = "}",
};

const char *ztoken_kind_text(enum ztoken_kind kind)
{
    ZVM_ASSERT(kind < ZTOKEN_COUNT);

    return kind_texts[kind];
}

bool ztoken_is_keyword(enum ztoken_kind kind)
{
    return kind >= ZTOKEN_LET && kind <= ZTOKEN_OR_WORD;
}

void zlexer_init(struct zlexer *lexer, const char *text, size_t length_bytes)
{
    ZVM_ASSERT(length_bytes < UINT32_MAX);

    *lexer =
        (struct zlexer){.text = text, .length_bytes = (uint32_t)length_bytes, .position = {1, 1}};
}

// ---- Characters --------------------------------------------------------------------------------

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c);
}

static int hex_digit(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The byte `ahead` places on; NUL, which the text cannot hold, stands for the end.
static char byte_at(const struct zlexer *lexer, uint32_t ahead)
{
    if (ahead >= lexer->length_bytes - lexer->offset) return '\0';
    return lexer->text[lexer->offset + ahead];
}

static bool is_at(const struct zlexer *lexer, const char *text)
{
    size_t length = strlen(text);
    return lexer->length_bytes - lexer->offset >= length &&
           memcmp(lexer->text + lexer->offset, text, length) == 0;
}

static void skip(struct zlexer *lexer, uint32_t count_bytes)
{
    ZVM_ASSERT(count_bytes <= lexer->length_bytes - lexer->offset);

    for (; count_bytes > 0; count_bytes--) {
        unsigned char c = (unsigned char)lexer->text[lexer->offset++];
        if (c == '\n') {
            lexer->position.line++;
            lexer->position.column = 1;
        } else if ((c & 0xC0u) != 0x80u) {
            lexer->position.column++;
        }
    }
}

// ---- Errors ------------------------------------------------------------------------------------

// The token becomes an error that began where it began.
static void fail(struct zlexer *lexer, struct ztoken *token, enum zlexer_problem problem)
{
    token->kind = ZTOKEN_ERROR;
    token->problem = (uint8_t)problem;
    token->length_bytes = lexer->offset - token->offset;
}

// A string that is not closed is reported where it starts; inside an interpolation the outermost
// string is the one that the reader has to look at.
static void fail_string(struct zlexer *lexer, struct ztoken *token)
{
    bool is_inside = lexer->interpolation_depth > 0;
    if (is_inside) {
        token->offset = lexer->outer_offset;
        token->position = lexer->outer_position;
        lexer->interpolation_depth = 0;
    }
    fail(lexer, token, is_inside ? ZPROBLEM_INTERPOLATION : ZPROBLEM_STRING);
}

// ---- White space and comments ------------------------------------------------------------------

static bool skip_nested_comment(struct zlexer *lexer, struct ztoken *token)
{
    struct zlexer start = *lexer;
    uint32_t depth = 0;
    do {
        if (lexer->offset == lexer->length_bytes) {
            token->offset = start.offset;
            token->position = start.position;
            fail(lexer, token, ZPROBLEM_COMMENT);
            return false;
        }
        if (is_at(lexer, "/*")) {
            depth++;
            skip(lexer, 2);
        } else if (is_at(lexer, "*/")) {
            depth--;
            skip(lexer, 2);
        } else {
            if (byte_at(lexer, 0) == '\n') token->newline_before = true;
            skip(lexer, 1);
        }
    } while (depth > 0);
    return true;
}

static void skip_line(struct zlexer *lexer)
{
    while (lexer->offset < lexer->length_bytes && byte_at(lexer, 0) != '\n')
        skip(lexer, 1);
}

// Sets newline_before. False: a comment is not closed, and token is the error.
static bool skip_space(struct zlexer *lexer, struct ztoken *token)
{
    for (;;) {
        char c = byte_at(lexer, 0);
        if (c == '\n') {
            token->newline_before = true;
            skip(lexer, 1);
        } else if (c == ' ' || c == '\t' || c == '\r') {
            skip(lexer, 1);
        } else if (c == '#' || is_at(lexer, "//")) {
            skip_line(lexer);
        } else if (is_at(lexer, "/*")) {
            if (!skip_nested_comment(lexer, token)) return false;
        } else {
            return true;
        }
    }
}

// ---- Words, numbers, operators -----------------------------------------------------------------

static enum ztoken_kind word_kind(const char *word, uint32_t length_bytes)
{
    for (int kind = ZTOKEN_LET; kind <= ZTOKEN_OR_WORD; kind++) {
        const char *keyword = kind_texts[kind];
        if (keyword[0] == word[0] && strlen(keyword) == length_bytes &&
            memcmp(keyword, word, length_bytes) == 0)
            return (enum ztoken_kind)kind;
    }
    return ZTOKEN_NAME;
}

static void lex_word(struct zlexer *lexer, struct ztoken *token)
{
    while (is_word(byte_at(lexer, 0)))
        skip(lexer, 1);
    token->kind = (uint8_t)word_kind(lexer->text + token->offset, lexer->offset - token->offset);
}

static void skip_digits(struct zlexer *lexer)
{
    while (is_digit(byte_at(lexer, 0)))
        skip(lexer, 1);
}

// The digits before the offset as an integer.
static void set_integer(const struct zlexer *lexer, struct ztoken *token)
{
    uint64_t value = 0;
    for (uint32_t i = token->offset; i < lexer->offset; i++) {
        uint64_t digit = (uint64_t)(lexer->text[i] - '0');
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value) || value > INTEGER_MAX_NEGATED) {
            token->is_too_large = true;
            return;
        }
    }
    token->integer = value;
}

// Skips an exponent if a whole one stands here.
static bool skip_exponent(struct zlexer *lexer)
{
    char c = byte_at(lexer, 0);
    if (c != 'e' && c != 'E') return false;
    uint32_t sign = byte_at(lexer, 1) == '+' || byte_at(lexer, 1) == '-';
    if (!is_digit(byte_at(lexer, 1 + sign))) return false;
    skip(lexer, 1 + sign);
    skip_digits(lexer);
    return true;
}

static void lex_number(struct zlexer *lexer, struct ztoken *token)
{
    token->kind = ZTOKEN_INT;
    skip_digits(lexer);
    set_integer(lexer, token);
    if (byte_at(lexer, 0) == '.' && is_digit(byte_at(lexer, 1))) {
        token->kind = ZTOKEN_FLOAT;
        skip(lexer, 1);
        skip_digits(lexer);
    }
    if (skip_exponent(lexer)) token->kind = ZTOKEN_FLOAT;
    if (!is_letter(byte_at(lexer, 0))) return;

    while (is_word(byte_at(lexer, 0)))
        skip(lexer, 1);
    token->is_mendable = true;
    fail(lexer, token, ZPROBLEM_NUMBER);
}

static void lex_operator(struct zlexer *lexer, struct ztoken *token)
{
    char c = byte_at(lexer, 0);
    for (int kind = ZTOKEN_POWER_ASSIGN; kind <= ZTOKEN_RIGHT_BRACE; kind++) {
        if (kind_texts[kind][0] != c || !is_at(lexer, kind_texts[kind])) continue;
        token->kind = (uint8_t)kind;
        skip(lexer, (uint32_t)strlen(kind_texts[kind]));
        return;
    }
    skip(lexer,
         (uint32_t)zutf8_step(lexer->text + lexer->offset, lexer->length_bytes - lexer->offset));
    fail(lexer, token, ZPROBLEM_CHARACTER);
}

// ---- Strings -----------------------------------------------------------------------------------

static char simple_escape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '0':
        return '\0';
    default:
        return c;
    }
}

// The code point of `\u{H}`, whose `u` is at text; *length gets the bytes from `u` to `}`.
static bool read_code_point(const char *text, size_t length_bytes, uint32_t *code_point,
                            uint32_t *length)
{
    if (length_bytes < 2 || text[1] != '{') return false;
    uint32_t value = 0;
    uint32_t i = 2;
    for (; i < length_bytes && hex_digit(text[i]) >= 0; i++) {
        if (i - 2 >= 6) return false; // at most six digits
        value = value * 16 + (uint32_t)hex_digit(text[i]);
    }
    if (i == 2 || i >= length_bytes || text[i] != '}') return false;
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
    *code_point = value;
    *length = i + 1;
    return true;
}

// At a backslash. False: token is the error.
static bool skip_escape(struct zlexer *lexer, struct ztoken *token)
{
    char c = byte_at(lexer, 1);
    uint32_t length = 1;
    uint32_t code_point;
    bool is_good = c != '\0' && strchr("ntr0\\\"'$", c) != NULL;
    if (c == 'u')
        is_good = read_code_point(lexer->text + lexer->offset + 1,
                                  lexer->length_bytes - lexer->offset - 1, &code_point, &length);
    if (is_good) {
        skip(lexer, 1 + length);
        return true;
    }
    if (c == '\0') {
        fail_string(lexer, token);
        return false;
    }
    token->offset = lexer->offset;
    token->position = lexer->position;
    skip(lexer, 1);
    if (c != '\n')
        skip(lexer, (uint32_t)zutf8_step(lexer->text + lexer->offset,
                                         lexer->length_bytes - lexer->offset));
    fail(lexer, token, ZPROBLEM_ESCAPE);
    return false;
}

// The quotes that end a string, and what it may hold.
struct string_form {
    const char *end;
    bool is_long;        // may span lines
    bool has_expression; // `${` starts one
};

void zlexer_leave_string(struct zlexer *lexer)
{
    uint32_t end = lexer->offset;
    uint32_t behind_quote = lexer->offset;
    for (; end < lexer->length_bytes && lexer->text[end] != '\n'; end++)
        if (lexer->text[end] == '"') behind_quote = end + 1;
    if (behind_quote == lexer->offset) behind_quote = end;
    skip(lexer, behind_quote - lexer->offset);
    lexer->interpolation_depth = 0;
}

void zlexer_leave_broken_string(struct zlexer *lexer, char quote)
{
    uint32_t quote_count = 0;
    uint32_t behind_quote = lexer->offset;
    for (uint32_t i = lexer->offset + 1; i < lexer->length_bytes && lexer->text[i] != '\n'; i++) {
        if (lexer->text[i] != quote) continue;
        quote_count++;
        behind_quote = i + 1;
    }
    if (quote_count % 2 == 1) skip(lexer, behind_quote - lexer->offset);
}

// After a bad escape: to the end of the string, so that what follows is read as tokens again. Where
// expressions are involved the end is not certain.
static void skip_rest_of_string(struct zlexer *lexer, struct ztoken *token, struct string_form form)
{
    bool is_simple = lexer->interpolation_depth == 0;
    struct zlexer start = *lexer;
    while (is_simple && lexer->offset < lexer->length_bytes && !is_at(lexer, form.end)) {
        bool is_expression = form.has_expression && is_at(lexer, "${");
        if (is_expression || (byte_at(lexer, 0) == '\n' && !form.is_long)) break;
        bool is_escape = byte_at(lexer, 0) == '\\' && byte_at(lexer, 1) != '\0';
        skip(lexer, is_escape && byte_at(lexer, 1) != '\n' ? 2 : 1);
    }
    token->is_mendable = is_simple && is_at(lexer, form.end);
    if (token->is_mendable) {
        skip(lexer, (uint32_t)strlen(form.end));
        return;
    }
    *lexer = start;
    zlexer_leave_string(lexer);
}

static void end_piece(struct zlexer *lexer, struct ztoken *token, enum ztoken_kind kind,
                      uint32_t end_bytes)
{
    token->kind = (uint8_t)kind;
    token->content_bytes = lexer->offset - token->content_offset;
    skip(lexer, end_bytes);
}

// Reads to the end of the string or to the next `${`.
static void lex_piece(struct zlexer *lexer, struct ztoken *token, struct string_form form)
{
    token->content_offset = lexer->offset;
    for (;;) {
        char c = byte_at(lexer, 0);
        bool is_line_end = c == '\n' && (!form.is_long || lexer->interpolation_depth > 0);
        if (lexer->offset == lexer->length_bytes || is_line_end) {
            fail_string(lexer, token);
            return;
        }
        if (c == form.end[0] && is_at(lexer, form.end)) {
            end_piece(lexer, token, ZTOKEN_STRING, (uint32_t)strlen(form.end));
            return;
        }
        if (c == '$' && form.has_expression && byte_at(lexer, 1) == '{') {
            end_piece(lexer, token, ZTOKEN_STRING_PART, 2);
            return;
        }
        if (c != '\\') {
            skip(lexer, 1);
            continue;
        }
        token->has_escapes = true;
        if (!skip_escape(lexer, token)) {
            if (token->problem == ZPROBLEM_ESCAPE) skip_rest_of_string(lexer, token, form);
            return;
        }
    }
}

static void lex_string(struct zlexer *lexer, struct ztoken *token)
{
    struct string_form form = {.end = "\"", .has_expression = true};
    if (is_at(lexer, "\"\"\""))
        form = (struct string_form){.end = "\"\"\"", .is_long = true};
    else if (is_at(lexer, "'''"))
        form = (struct string_form){.end = "'''", .is_long = true};
    else if (byte_at(lexer, 0) == '\'')
        form = (struct string_form){.end = "'"};
    skip(lexer, (uint32_t)strlen(form.end));
    lex_piece(lexer, token, form);
    if (token->kind != ZTOKEN_STRING_PART) return;

    if (lexer->interpolation_depth == 0) {
        lexer->outer_offset = token->offset;
        lexer->outer_position = token->position;
    }
    lexer->interpolation_depth++;
}

void zlexer_continue_string(struct zlexer *lexer, struct ztoken *out)
{
    ZVM_ASSERT(lexer->interpolation_depth > 0);

    *out = (struct ztoken){.offset = lexer->offset, .position = lexer->position};
    lex_piece(lexer, out, (struct string_form){.end = "\"", .has_expression = true});
    if (out->kind == ZTOKEN_STRING) lexer->interpolation_depth--;
    if (out->kind != ZTOKEN_ERROR) out->length_bytes = lexer->offset - out->offset;
}

size_t zlexer_unescape(const char *content, size_t content_bytes, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < content_bytes; i++) {
        if (content[i] != '\\') {
            out[length++] = content[i];
            continue;
        }
        i++;
        ZVM_ASSERT(i < content_bytes);
        uint32_t code_point = 0;
        uint32_t escape_bytes = 0;
        if (content[i] == 'u' &&
            read_code_point(content + i, content_bytes - i, &code_point, &escape_bytes)) {
            length += zutf8_encode(code_point, out + length);
            i += escape_bytes - 1;
        } else {
            out[length++] = simple_escape(content[i]);
        }
    }
    return length;
}

// ---- The next token ----------------------------------------------------------------------------

static void lex_token(struct zlexer *lexer, struct ztoken *token)
{
    char c = byte_at(lexer, 0);
    if (is_letter(c))
        lex_word(lexer, token);
    else if (is_digit(c))
        lex_number(lexer, token);
    else if (c == '"' || c == '\'')
        lex_string(lexer, token);
    else
        lex_operator(lexer, token);
}

void zlexer_next(struct zlexer *lexer, struct ztoken *out)
{
    *out = (struct ztoken){0};
    if (!skip_space(lexer, out)) return;
    out->offset = lexer->offset;
    out->position = lexer->position;
    bool is_end = lexer->offset == lexer->length_bytes;
    if (lexer->interpolation_depth > 0 && (is_end || out->newline_before)) {
        fail_string(lexer, out);
        return;
    }
    if (is_end) {
        out->kind = ZTOKEN_EOF;
        out->newline_before = true;
        return;
    }
    lex_token(lexer, out);
    if (out->kind != ZTOKEN_ERROR) out->length_bytes = lexer->offset - out->offset;
}
