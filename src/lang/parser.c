// lang/parser.c - from source text to tree: the entry, and what all parsing functions use.
//
// The parser is recursive descent over tokens made on demand, in four other files: parse_function.c
// (parameters, types, arrows), parse_expression.c (operators), parse_primary.c (operands) and
// parse_statement.c with parse_declaration.c. Each parsing function returns NULL or false when
// something was reported (or memory ran out); then all its callers return at once, up to the list
// of statements, which recovers (parse_recover.c) and goes on with the next statement.
//
// Owns: the arena of the program, until it is handed to the caller. Thread: any; one call works on
// nothing shared.
// Invariants:  1. depth counts every construct that makes a parsing function call itself. It stops
// at
//                 ZAST_DEPTH_MAX, so the C stack is bounded, here and in all who walk the tree.
//                 Chains that lean left (a + b + c, a.b.c, else if) are loops and do not count.
//              2. status is ZVM_OK, or has_findings (or none: ZVM_E_NOMEM). With findings the tree
//                 is thrown away: it need not be whole.
//              3. At most ZTOKENS_AHEAD_MAX tokens are read behind the current one, and never past
//                 the `}` of an interpolation, behind which the text must be read as a string.
#define ZVM_LANG_PARSER

#include "lang/parser.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "lang/parser_internal.h"
#include "lang/resolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SOURCE_BYTES_MAX  ((size_t)1 << 30) // offsets, lines and columns then fit in 32 bits
#define MESSAGE_BYTES_MAX 400
#define QUOTED_BYTES_MAX  40 // of a token in a message
#define BYTE_ORDER_MARK   "\xEF\xBB\xBF"

// ---- Tokens ------------------------------------------------------------------------------------

static void count_brackets(struct ztokens *tokens)
{
    switch (tokens->current.kind) {
    case ZTOKEN_LEFT_PAREN:
    case ZTOKEN_LEFT_BRACKET:
        tokens->brackets++;
        break;
    case ZTOKEN_RIGHT_PAREN:
    case ZTOKEN_RIGHT_BRACKET:
        tokens->brackets--;
        break;
    case ZTOKEN_LEFT_BRACE:
        tokens->braces++;
        break;
    case ZTOKEN_RIGHT_BRACE:
        tokens->braces--;
        break;
    case ZTOKEN_STRING_PART:
        if (tokens->lexer.interpolation_depth > 1) break;
        tokens->string_braces = tokens->braces;
        tokens->string_brackets = tokens->brackets;
        break;
    default:
        break;
    }
}

void ztokens_advance(struct ztokens *tokens)
{
    if (tokens->current.kind >= ZTOKEN_LEFT_PAREN || tokens->current.kind == ZTOKEN_STRING_PART)
        count_brackets(tokens);
    if (tokens->ahead_count == 0) {
        zlexer_next(&tokens->lexer, &tokens->current);
    } else {
        tokens->current = tokens->ahead[0];
        tokens->ahead_count--;
        memmove(&tokens->ahead[0], &tokens->ahead[1],
                tokens->ahead_count * sizeof tokens->ahead[0]);
    }
    if (tokens->current.newline_before) tokens->line_column = tokens->current.position.column;
}

const struct ztoken *ztokens_peek(struct ztokens *tokens, uint32_t distance)
{
    ZVM_ASSERT(distance >= 1);
    ZVM_ASSERT(distance <= ZTOKENS_AHEAD_MAX);

    while (tokens->ahead_count < distance) {
        // Behind an error there is nothing to read: the error stands for what follows, too.
        if (tokens->ahead_count > 0 && tokens->ahead[tokens->ahead_count - 1].kind == ZTOKEN_ERROR)
            return &tokens->ahead[tokens->ahead_count - 1];
        zlexer_next(&tokens->lexer, &tokens->ahead[tokens->ahead_count]);
        tokens->ahead_count++;
    }
    return &tokens->ahead[distance - 1];
}

bool ztoken_is_word(const struct ztoken *token)
{
    return token->kind == ZTOKEN_NAME || ztoken_is_keyword(token->kind);
}

struct zast_text zparser_text(const struct zparser *parser, const struct ztoken *token)
{
    return (struct zast_text){parser->tokens.lexer.text + token->offset, token->length_bytes};
}

bool zparser_is_name(const struct zparser *parser, const char *name)
{
    const struct ztoken *token = &parser->tokens.current;
    return token->kind == ZTOKEN_NAME && token->length_bytes == strlen(name) &&
           memcmp(zparser_text(parser, token).bytes, name, token->length_bytes) == 0;
}

// ---- Errors ------------------------------------------------------------------------------------

static void report(struct zparser *parser, const struct ztoken *token, const char *format,
                   va_list arguments)
{
    // What follows a mistake on its line is most often made by it.
    bool is_new = !parser->has_findings || parser->finding_line != token->position.line;
    parser->has_findings = true;
    parser->finding_line = token->position.line;
    if (!is_new) {
        zdiagnostics_drop_hints(parser->diagnostics);
        return;
    }
    char message[MESSAGE_BYTES_MAX];
    vsnprintf(message, sizeof message, format, arguments);
    struct zast_text text = zparser_text(parser, token);
    zdiagnostics_error(parser->diagnostics, token->position,
                       (uint32_t)zutf8_count(text.bytes, text.length_bytes), "%s", message);
}

void zparser_report(struct zparser *parser, const struct ztoken *token, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(parser, token, format, arguments);
    va_end(arguments);
}

bool zparser_fail(struct zparser *parser, const struct ztoken *token, const char *format, ...)
{
    if (parser->status == ZVM_OK) {
        va_list arguments;
        va_start(arguments, format);
        report(parser, token, format, arguments);
        va_end(arguments);
        parser->status = ZVM_E_SYNTAX;
    }
    return false;
}

void zparser_report_misplaced(struct zparser *parser, const struct ztoken *token,
                              const char *message)
{
    if (!parser->is_doubtful) zparser_report(parser, token, "%s", message);
}

bool zparser_fail_memory(struct zparser *parser)
{
    if (parser->status == ZVM_OK) parser->status = ZVM_E_NOMEM;
    return false;
}

static void report_character(struct zparser *parser, const struct ztoken *token)
{
    struct zast_text text = zparser_text(parser, token);
    size_t used;
    uint32_t code_point = zutf8_decode(text.bytes, text.length_bytes, &used);
    if (code_point == '&')
        zparser_report(parser, token, "unexpected character '&'; the operator is '&&' or 'and'");
    else if (code_point == '|')
        zparser_report(parser, token, "unexpected character '|'; the operator is '||' or 'or'");
    else if (code_point > ' ' && code_point < 0x7F)
        zparser_report(parser, token, "unexpected character '%c'", (int)code_point);
    else
        zparser_report(parser, token,
                       "unexpected character U+%04X; outside strings and comments only ASCII "
                       "letters, digits and operators are allowed",
                       code_point);
}

static void report_string(struct zparser *parser, const struct ztoken *token)
{
    const char *text = zparser_text(parser, token).bytes;
    char quote = text[0];
    bool is_long = token->length_bytes >= 3 && text[1] == quote && text[2] == quote;
    if (is_long)
        zparser_report(parser, token, "string is not closed; end it with %c%c%c", quote, quote,
                       quote);
    else
        zparser_report(parser, token,
                       "string is not closed before the end of its line; end it with %c, or use "
                       "%c%c%c for a string of several lines",
                       quote, quote, quote, quote);
}

static void report_escape(struct zparser *parser, const struct ztoken *token)
{
    const char *text = zparser_text(parser, token).bytes;
    if (token->length_bytes > 1 && text[1] == 'u')
        zparser_report(parser, token,
                       "bad escape; write \\u{H} with 1 to 6 hexadecimal digits of a code point");
    else
        zparser_report(parser, token,
                       "unknown escape; use \\n \\t \\r \\0 \\\\ \\\" \\' \\$ or \\u{H}, and \\\\ "
                       "for a backslash");
}

static void report_problem(struct zparser *parser, const struct ztoken *token)
{
    switch ((enum zlexer_problem)token->problem) {
    case ZPROBLEM_CHARACTER:
        report_character(parser, token);
        break;
    case ZPROBLEM_STRING:
        report_string(parser, token);
        break;
    case ZPROBLEM_ESCAPE:
        report_escape(parser, token);
        break;
    case ZPROBLEM_INTERPOLATION:
        zparser_report(
            parser, token,
            "string with '${' is not closed before the end of its line; it ends with '}' "
            "and '\"'");
        break;
    case ZPROBLEM_NUMBER:
        zparser_report(parser, token, "malformed number; a letter or '_' cannot follow a number");
        break;
    case ZPROBLEM_COMMENT:
        zparser_report(parser, token,
                       "comment is not closed; every '/*' inside it needs its own '*/'");
        break;
    case ZPROBLEM_NONE:
        ZVM_UNREACHABLE();
    }
}

// The current token is an error. True: reported, and mended so that the parse can go on.
static bool mend(struct zparser *parser)
{
    struct ztoken *token = &parser->tokens.current;
    if (parser->status != ZVM_OK) return false;
    report_problem(parser, token);
    if (!token->is_mendable) {
        parser->status = ZVM_E_SYNTAX;
        return false;
    }
    bool is_number = token->problem == ZPROBLEM_NUMBER;
    token->kind = (uint8_t)(is_number ? ZTOKEN_INT : ZTOKEN_STRING);
    token->integer = 0;
    token->is_too_large = false;
    token->has_escapes = false;
    token->content_bytes = 0;
    return true;
}

// The token as a reader of a message knows it.
static void describe(const struct zparser *parser, const struct ztoken *token, char *out,
                     size_t out_bytes)
{
    struct zast_text text = zparser_text(parser, token);
    bool is_cut = text.length_bytes > QUOTED_BYTES_MAX;
    if (token->kind == ZTOKEN_EOF)
        snprintf(out, out_bytes, "the end of the file");
    else if (token->kind == ZTOKEN_STRING || token->kind == ZTOKEN_STRING_PART)
        snprintf(out, out_bytes, "a string");
    else
        snprintf(out, out_bytes, "%s'%.*s%s'", ztoken_is_keyword(token->kind) ? "the keyword " : "",
                 is_cut ? QUOTED_BYTES_MAX : (int)text.length_bytes, text.bytes,
                 is_cut ? "..." : "");
}

// At a `=` where an expression has ended.
static void hint_assign(struct zparser *parser, const char *wanted)
{
    if (strstr(wanted, "end of the statement") != NULL)
        zdiagnostics_hint(parser->diagnostics,
                          "an assignment is a statement of its own and has no value");
    else if (wanted[0] == '\'')
        zdiagnostics_hint(parser->diagnostics, "to compare two values write '=='");
}

bool zparser_fail_expected(struct zparser *parser, const char *wanted)
{
    char found[QUOTED_BYTES_MAX + 32];
    const struct ztoken *token = &parser->tokens.current;
    if (token->kind == ZTOKEN_ERROR) {
        if (parser->status == ZVM_OK) report_problem(parser, token);
        if (parser->status == ZVM_OK) parser->status = ZVM_E_SYNTAX;
        return false;
    }
    describe(parser, token, found, sizeof found);
    if (token->kind == ZTOKEN_ASSIGN) hint_assign(parser, wanted);
    return zparser_fail(parser, token, "expected %s, found %s", wanted, found);
}

bool zparser_enter(struct zparser *parser)
{
    if (parser->depth == ZAST_DEPTH_MAX)
        return zparser_fail(parser, &parser->tokens.current, "nested deeper than %d levels",
                            ZAST_DEPTH_MAX);
    parser->depth++;
    return true;
}

void zparser_leave(struct zparser *parser)
{
    ZVM_ASSERT(parser->depth > 0);

    parser->depth--;
}

// ---- Stepping ----------------------------------------------------------------------------------

bool zparser_advance(struct zparser *parser)
{
    ztokens_advance(&parser->tokens);
    return parser->tokens.current.kind != ZTOKEN_ERROR || mend(parser);
}

bool zparser_take(struct zparser *parser, enum ztoken_kind kind)
{
    if (!zparser_is(parser, kind)) return false;
    zparser_advance(parser);
    return true;
}

bool zparser_expect(struct zparser *parser, enum ztoken_kind kind, const char *wanted)
{
    if (!zparser_is(parser, kind)) return zparser_fail_expected(parser, wanted);
    return zparser_advance(parser);
}

bool zparser_expect_name(struct zparser *parser, const char *wanted, struct ztoken *out)
{
    if (!zparser_is(parser, ZTOKEN_NAME)) return zparser_fail_expected(parser, wanted);
    *out = parser->tokens.current;
    return zparser_advance(parser);
}

bool zparser_expect_word(struct zparser *parser, const char *wanted, struct ztoken *out)
{
    if (!ztoken_is_word(&parser->tokens.current)) return zparser_fail_expected(parser, wanted);
    *out = parser->tokens.current;
    return zparser_advance(parser);
}

// "',' or ')' to close the argument list opened at line 3"; only the last part on another line.
static bool fail_close(struct zparser *parser, enum ztoken_kind kind, const char *before,
                       const struct ztoken *open, const char *what)
{
    char wanted[MESSAGE_BYTES_MAX / 2];
    bool is_far = open->position.line != parser->tokens.current.position.line;
    if (is_far && parser->status == ZVM_OK) {
        zdiagnostics_hint(parser->diagnostics, "'%s' was opened at %u:%u",
                          ztoken_kind_text((enum ztoken_kind)open->kind), open->position.line,
                          open->position.column);
        if (kind == ZTOKEN_RIGHT_BRACE) zparser_hint_brace(parser);
    }
    if (!is_far)
        snprintf(wanted, sizeof wanted, "%s'%s' to close the %s", before, ztoken_kind_text(kind),
                 what);
    else
        snprintf(wanted, sizeof wanted, "%s'%s' to close the %s opened at line %u", before,
                 ztoken_kind_text(kind), what, open->position.line);
    return zparser_fail_expected(parser, wanted);
}

bool zparser_expect_close(struct zparser *parser, enum ztoken_kind kind, const struct ztoken *open,
                          const char *what)
{
    if (!zparser_is(parser, kind)) return fail_close(parser, kind, "", open, what);
    return zparser_advance(parser);
}

bool zparser_expect_comma(struct zparser *parser, enum ztoken_kind close, const struct ztoken *open,
                          const char *what)
{
    if (zparser_is(parser, close)) return true;
    if (zparser_is(parser, ZTOKEN_COMMA)) return zparser_advance(parser);
    return fail_close(parser, close, "',' or ", open, what);
}

// ---- Nodes -------------------------------------------------------------------------------------

void *zparser_alloc(struct zparser *parser, size_t bytes)
{
    void *memory = zarena_alloc(parser->arena, bytes);
    if (memory == NULL) zparser_fail_memory(parser);
    return memory;
}

struct zast_node *zparser_node(struct zparser *parser, enum zast_kind kind,
                               const struct ztoken *token)
{
    struct zast_node *node = zparser_alloc(parser, sizeof *node);
    if (node == NULL) return NULL;
    node->kind = (uint8_t)kind;
    node->position = token->position;
    node->start = token->position;
    return node;
}

void zparser_append(struct zparser_list *list, struct zast_node *node)
{
    ZVM_ASSERT(node->next == NULL);

    if (list->last == NULL)
        list->first = node;
    else
        list->last->next = node;
    list->last = node;
    list->count++;
}

// ---- The whole ---------------------------------------------------------------------------------

static struct zast_position position_of(const char *text, size_t offset)
{
    struct zast_position position = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            position = (struct zast_position){position.line + 1, 1};
        else if ((c & 0xC0u) != 0x80u)
            position.column++;
    }
    return position;
}

// Where the code point starts that goes wrong at `bad`, which may be the end of the text.
static size_t broken_start(const char *text, size_t bad)
{
    size_t start = bad;
    while (start > 0 && bad - start < 3 && ((unsigned char)text[start - 1] & 0xC0u) == 0x80u)
        start--;
    bool is_whole = start == 0 || zutf8_is_valid(text + start - 1, bad - (start - 1), NULL);
    return is_whole ? bad : start - 1;
}

// The checks that the lexer relies on.
static zvm_status check_text(struct zdiagnostics *diagnostics, const char *text,
                             size_t length_bytes)
{
    if (length_bytes == 0) return ZVM_OK;

    size_t offset = 0;
    if (!zutf8_is_valid(text, length_bytes, &offset)) {
        offset = broken_start(text, offset);
        zdiagnostics_error(diagnostics, position_of(text, offset), 1,
                           "byte 0x%02X is not valid UTF-8; save the file as UTF-8",
                           (unsigned)(unsigned char)text[offset]);
        return ZVM_E_UTF8;
    }
    const char *nul = memchr(text, '\0', length_bytes);
    if (nul != NULL) {
        zdiagnostics_error(diagnostics, position_of(text, (size_t)(nul - text)), 1,
                           "the source holds a NUL byte; in a string write \\0");
        return ZVM_E_SYNTAX;
    }
    return ZVM_OK;
}

static zvm_status parse_into(struct zdiagnostics *diagnostics, const char *text,
                             size_t length_bytes, struct zast_program *program)
{
    struct zparser parser = {
        .arena = program->arena, .diagnostics = diagnostics, .uses_end = &program->uses};
    zlexer_init(&parser.tokens.lexer, text, length_bytes);
    struct zast_function *main_function = zparser_alloc(&parser, sizeof *main_function);
    if (main_function == NULL) return parser.status;
    main_function->position = (struct zast_position){1, 1};
    program->main = main_function;
    struct zparser_mark mark = zparser_mark(&parser);
    if (!zparser_advance(&parser) && !zparser_recover(&parser, &mark)) return parser.status;
    if (!zparse_program(&parser, main_function)) {
        ZVM_ASSERT(parser.status != ZVM_OK);
        return parser.status;
    }
    ZVM_ASSERT(parser.depth == 0);
    if (parser.has_findings) return ZVM_E_SYNTAX;
    program->use_count = parser.use_count;
    return ZVM_OK;
}

zvm_status zlang_parse(struct zdiagnostics *diagnostics, struct zast_program *out)
{
    struct zast_program program;
    zvm_status status = zlang_parse_tree(diagnostics, &program);
    if (status != ZVM_OK) return status;
    status = zresolve_program(diagnostics, &program);
    if (status != ZVM_OK)
        zlang_free_program(&program);
    else
        *out = program;
    return status;
}

zvm_status zlang_parse_tree(struct zdiagnostics *diagnostics, struct zast_program *out)
{
    ZVM_ASSERT(diagnostics != NULL);
    ZVM_ASSERT(out != NULL);

    const char *text = diagnostics->length_bytes > 0 ? diagnostics->text : "";
    size_t length_bytes = diagnostics->length_bytes;
    if (length_bytes >= SOURCE_BYTES_MAX) {
        zdiagnostics_error(diagnostics, (struct zast_position){0, 0}, 0,
                           "the source has %zu bytes; it must have less than 1 GiB", length_bytes);
        return ZVM_E_LIMIT;
    }
    if (length_bytes >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0) {
        text += 3;
        length_bytes -= 3;
    }
    zvm_status status = check_text(diagnostics, text, length_bytes);
    if (status != ZVM_OK) return status;

    struct zast_program program = {.arena = zarena_create()};
    if (program.arena == NULL) return ZVM_E_NOMEM;
    status = parse_into(diagnostics, text, length_bytes, &program);
    if (status != ZVM_OK) {
        zarena_destroy(program.arena);
        return status;
    }
    *out = program;
    return ZVM_OK;
}

void zlang_free_program(struct zast_program *program)
{
    if (program == NULL) return;
    zarena_destroy(program->arena);
    *program = (struct zast_program){0};
}
