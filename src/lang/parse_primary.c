// lang/parse_primary.c - operands: literals, names, lists, maps, functions, match.
//
// Owns: nothing; builds nodes in the parser's arena. Thread: the parser's.
// A string with interpolation is read piece by piece: at a STRING_PART the expression behind its
// `${` is parsed with ordinary tokens, and at the `}` the lexer is told to go on inside the string.
#define ZVM_LANG_PARSER

#include "lang/parser_internal.h"

#include "base/assert.h"
#include "vm/number.h"

#include <math.h>

#define INTEGER_MIN_NEGATED 9223372036854775808u

// ---- Strings -----------------------------------------------------------------------------------

// What the content of a string token stands for; without escapes that is the source itself.
static bool string_text(struct zparser *parser, const struct ztoken *token, struct zast_text *out)
{
    const char *content = parser->tokens.lexer.text + token->content_offset;
    *out = (struct zast_text){content, token->content_bytes};
    if (!token->has_escapes) return true;
    char *text = zparser_alloc(parser, token->content_bytes); // no escape is longer than its text
    if (text == NULL) return false;
    out->length_bytes = (uint32_t)zlexer_unescape(content, token->content_bytes, text);
    out->bytes = text;
    return true;
}

struct zast_text zparse_string_content(struct zparser *parser, const struct ztoken *token)
{
    struct zast_text text;
    return string_text(parser, token, &text) ? text : (struct zast_text){0};
}

static struct zast_node *string_node(struct zparser *parser, const struct ztoken *token)
{
    struct zast_node *node = zparser_node(parser, ZAST_STRING, token);
    if (node == NULL || !string_text(parser, token, &node->text)) return NULL;
    return node;
}

static struct zast_node *string(struct zparser *parser)
{
    struct zast_node *node = string_node(parser, &parser->tokens.current);
    return node != NULL && zparser_advance(parser) ? node : NULL;
}

// A piece of text between two expressions; none for an empty one.
static bool append_piece(struct zparser *parser, struct zparser_list *list)
{
    const struct ztoken *piece = &parser->tokens.current;
    if (piece->content_bytes == 0) return true;
    struct zast_node *node = string_node(parser, piece);
    if (node == NULL) return false;
    zparser_append(list, node);
    return true;
}

// At the `}` behind an expression: reads the next piece of the string.
static bool continue_string(struct zparser *parser)
{
    if (!zparser_is(parser, ZTOKEN_RIGHT_BRACE))
        return zparser_fail_expected(parser, "'}' to close the '${'");
    // What would be read ahead now is text of the string, not tokens.
    ZVM_CHECK(parser->tokens.ahead_count == 0);
    zlexer_continue_string(&parser->tokens.lexer, &parser->tokens.current);
    if (zparser_is(parser, ZTOKEN_ERROR)) return zparser_fail_expected(parser, "the string's end");
    return true;
}

static struct zast_node *interpolation(struct zparser *parser)
{
    struct zparser_list list = {0};
    struct zast_node *node = zparser_node(parser, ZAST_INTERPOLATE, &parser->tokens.current);
    if (node == NULL || !zparser_enter(parser)) return NULL;
    while (zparser_is(parser, ZTOKEN_STRING_PART)) {
        if (!append_piece(parser, &list) || !zparser_advance(parser)) return NULL;
        if (zparser_is(parser, ZTOKEN_RIGHT_BRACE)) {
            zparser_fail_expected(parser, "an expression inside '${...}'");
            return NULL;
        }
        struct zast_node *value = zparse_expression(parser);
        if (value == NULL || !continue_string(parser)) return NULL;
        zparser_append(&list, value);
    }
    if (!append_piece(parser, &list) || !zparser_advance(parser)) return NULL;
    zparser_leave(parser);
    node->list.first = list.first;
    node->list.count = list.count;
    return node;
}

// ---- Numbers -----------------------------------------------------------------------------------

static bool float_value(struct zparser *parser, const struct ztoken *token, double *out)
{
    struct zast_text text = zparser_text(parser, token);
    *out = INFINITY; // a literal beyond the largest float overflows as arithmetic does
    if (znumber_parse_float(text.bytes, text.length_bytes, out) != ZNUMBER_INVALID) return true;
    return zparser_fail(parser, token, "malformed number");
}

// A literal that is too large is reported, and the parse goes on.
static void integer_value(struct zparser *parser, const struct ztoken *token, bool is_negative,
                          int64_t *out)
{
    if (token->is_too_large || (!is_negative && token->integer == INTEGER_MIN_NEGATED))
        zparser_report(parser, token,
                       "integer literal is too large; the largest is 9223372036854775807");
    // Unsigned arithmetic, because the smallest integer has no positive counterpart.
    *out = (int64_t)(is_negative ? 0 - token->integer : token->integer);
}

// [ "-" ] ( INT | FLOAT )
static struct zast_node *number(struct zparser *parser)
{
    struct ztoken start = parser->tokens.current;
    bool is_negative = start.kind == ZTOKEN_MINUS;
    if (is_negative && !zparser_advance(parser)) return NULL;
    const struct ztoken *digits = &parser->tokens.current;
    bool is_float = digits->kind == ZTOKEN_FLOAT;
    struct zast_node *node = zparser_node(parser, is_float ? ZAST_FLOAT : ZAST_INT, &start);
    if (node == NULL) return NULL;
    if (is_float) {
        if (!float_value(parser, digits, &node->number)) return NULL;
        if (is_negative) node->number = -node->number;
    } else {
        integer_value(parser, digits, is_negative, &node->integer);
    }
    return zparser_advance(parser) ? node : NULL;
}

// ---- Simple operands ---------------------------------------------------------------------------

static struct zast_node *literal(struct zparser *parser, enum zast_kind kind)
{
    struct zast_node *node = zparser_node(parser, kind, &parser->tokens.current);
    return node != NULL && zparser_advance(parser) ? node : NULL;
}

// A name, or the word `print`, which as a value is the builtin of that name.
static struct zast_node *name(struct zparser *parser)
{
    const struct ztoken *token = &parser->tokens.current;
    struct zast_node *node = zparser_node(parser, ZAST_NAME, token);
    if (node == NULL) return NULL;
    node->name.text = zparser_text(parser, token);
    return zparser_advance(parser) ? node : NULL;
}

static struct zast_node *this_value(struct zparser *parser)
{
    if (parser->context.is_in_method) return literal(parser, ZAST_THIS);
    zparser_report_misplaced(parser, &parser->tokens.current,
                             "'this' outside a method; only methods of a data declaration have it");
    return literal(parser, ZAST_THIS);
}

static struct zast_node *parenthesised(struct zparser *parser)
{
    struct ztoken open = parser->tokens.current;
    if (!zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    struct zast_node *value = zparse_expression(parser);
    if (value == NULL) return NULL;
    zparser_leave(parser);
    if (!zparser_expect_close(parser, ZTOKEN_RIGHT_PAREN, &open, "parenthesis")) return NULL;
    value->flags |= ZAST_FLAG_PARENTHESISED;
    return value;
}

static struct zast_node *list(struct zparser *parser)
{
    struct zparser_list items = {0};
    struct zast_node *node = zparser_node(parser, ZAST_LIST, &parser->tokens.current);
    if (node == NULL || !zparse_expression_list(parser, ZTOKEN_RIGHT_BRACKET, "list", &items))
        return NULL;
    node->list.first = items.first;
    node->list.count = items.count;
    return node;
}

// ---- Maps --------------------------------------------------------------------------------------

static struct zast_node *word_key(struct zparser *parser)
{
    const struct ztoken *token = &parser->tokens.current;
    struct zast_node *node = zparser_node(parser, ZAST_STRING, token);
    if (node == NULL) return NULL;
    node->text = zparser_text(parser, token);
    return zparser_advance(parser) ? node : NULL;
}

static struct zast_node *map_key(struct zparser *parser)
{
    const struct ztoken *token = &parser->tokens.current;
    if (token->kind == ZTOKEN_STRING) return string(parser);
    if (ztoken_is_word(token)) return word_key(parser);
    if (token->kind == ZTOKEN_INT) return number(parser);
    if (token->kind == ZTOKEN_MINUS && ztokens_peek(&parser->tokens, 1)->kind == ZTOKEN_INT)
        return number(parser);
    zparser_fail_expected(parser, token->kind == ZTOKEN_STRING_PART
                                      ? "a map key without '${...}'"
                                      : "a map key (a name, a string or an integer) or '}'");
    return NULL;
}

static bool map_item(struct zparser *parser, struct zparser_list *items)
{
    struct zast_node *key = map_key(parser);
    if (key == NULL || !zparser_expect(parser, ZTOKEN_COLON, "':' after the map key")) return false;
    struct zast_node *value = zparse_expression(parser);
    if (value == NULL) return false;
    zparser_append(items, key);
    zparser_append(items, value);
    return true;
}

static struct zast_node *map(struct zparser *parser)
{
    struct ztoken open = parser->tokens.current;
    struct zparser_list items = {0};
    struct zast_node *node = zparser_node(parser, ZAST_MAP, &open);
    if (node == NULL || !zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    while (!zparser_is(parser, ZTOKEN_RIGHT_BRACE)) {
        if (!map_item(parser, &items)) return NULL;
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_BRACE, &open, "map")) return NULL;
    }
    zparser_leave(parser);
    node->list.first = items.first;
    node->list.count = items.count;
    return zparser_advance(parser) ? node : NULL;
}

// ---- Functions ---------------------------------------------------------------------------------

// [ "async" ] ( "action" | "function" ) params …, or "lambda" params "=>" …
static struct zast_node *function(struct zparser *parser)
{
    struct ztoken start = parser->tokens.current;
    struct zast_node *node = zparser_node(parser, ZAST_FUNCTION, &start);
    if (node == NULL) return NULL;
    node->function = zparse_function_new(parser, &start);
    if (node->function == NULL || !zparser_advance(parser)) return NULL;
    if (start.kind == ZTOKEN_LAMBDA)
        return zparse_lambda_rest(parser, node->function) ? node : NULL;
    if (start.kind == ZTOKEN_ASYNC) {
        node->function->is_async = true;
        if (!zparser_is(parser, ZTOKEN_ACTION) && !zparser_is(parser, ZTOKEN_FUNCTION)) {
            zparser_fail_expected(parser, "'action' or 'function' after 'async'");
            return NULL;
        }
        if (!zparser_advance(parser)) return NULL;
    }
    return zparse_function_rest(parser, node->function) ? node : NULL;
}

// ---- match -------------------------------------------------------------------------------------

static struct zast_node *pattern(struct zparser *parser);

// Name "(" patterns ")"; the name is stepped over.
static struct zast_node *data_pattern(struct zparser *parser, const struct ztoken *name_token)
{
    struct ztoken open = parser->tokens.current;
    struct zparser_list patterns = {0};
    struct zast_node *node = zparser_node(parser, ZAST_PATTERN_DATA, name_token);
    struct zast_node *callee = zparser_node(parser, ZAST_NAME, name_token);
    if (node == NULL || callee == NULL) return NULL;
    callee->name.text = zparser_text(parser, name_token);
    if (!zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    while (!zparser_is(parser, ZTOKEN_RIGHT_PAREN)) {
        struct zast_node *item = pattern(parser);
        if (item == NULL) return NULL;
        zparser_append(&patterns, item);
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_PAREN, &open, "pattern")) return NULL;
    }
    zparser_leave(parser);
    node->call.callee = callee;
    node->call.arguments = patterns.first;
    node->call.argument_count = patterns.count;
    return zparser_advance(parser) ? node : NULL;
}

static struct zast_node *name_pattern(struct zparser *parser)
{
    struct ztoken token = parser->tokens.current;
    struct zast_text text = zparser_text(parser, &token);
    bool is_any = zparser_is_name(parser, "_");
    if (!zparser_advance(parser)) return NULL;
    if (!is_any && zparser_is(parser, ZTOKEN_LEFT_PAREN)) return data_pattern(parser, &token);
    struct zast_node *node =
        zparser_node(parser, is_any ? ZAST_PATTERN_ANY : ZAST_PATTERN_NAME, &token);
    if (node == NULL || is_any) return node;
    node->let.name = text;
    node->let.name_position = token.position;
    return node;
}

static struct zast_node *literal_pattern(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_PATTERN_LITERAL, &parser->tokens.current);
    if (node == NULL) return NULL;
    switch (parser->tokens.current.kind) {
    case ZTOKEN_STRING:
        node->left = string(parser);
        break;
    case ZTOKEN_TRUE:
        node->left = literal(parser, ZAST_TRUE);
        break;
    case ZTOKEN_FALSE:
        node->left = literal(parser, ZAST_FALSE);
        break;
    case ZTOKEN_NULL:
        node->left = literal(parser, ZAST_NULL);
        break;
    default:
        node->left = number(parser);
        break;
    }
    return node->left != NULL ? node : NULL;
}

static struct zast_node *pattern(struct zparser *parser)
{
    switch (parser->tokens.current.kind) {
    case ZTOKEN_NAME:
        return name_pattern(parser);
    case ZTOKEN_MINUS: {
        enum ztoken_kind next = ztokens_peek(&parser->tokens, 1)->kind;
        if (next == ZTOKEN_INT || next == ZTOKEN_FLOAT) return literal_pattern(parser);
        break;
    }
    case ZTOKEN_INT:
    case ZTOKEN_FLOAT:
    case ZTOKEN_STRING:
    case ZTOKEN_TRUE:
    case ZTOKEN_FALSE:
    case ZTOKEN_NULL:
        return literal_pattern(parser);
    default:
        break;
    }
    zparser_fail_expected(parser, "a pattern (a name, '_', a literal or Name(...))");
    return NULL;
}

// A CONDITIONAL of pattern and result.
static struct zast_node *match_arm(struct zparser *parser)
{
    struct zast_node *arm = zparser_node(parser, ZAST_CONDITIONAL, &parser->tokens.current);
    if (arm == NULL) return NULL;
    arm->conditional.condition = pattern(parser);
    if (arm->conditional.condition == NULL) return NULL;
    if (!zparser_expect(parser, ZTOKEN_ARROW, "'=>' after the pattern")) return NULL;
    arm->conditional.yes = zparse_expression(parser);
    return arm->conditional.yes != NULL ? arm : NULL;
}

static struct zast_node *match(struct zparser *parser)
{
    struct zparser_list arms = {0};
    struct zast_node *node = zparser_node(parser, ZAST_MATCH, &parser->tokens.current);
    if (node == NULL || !zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    node->match.subject = zparse_expression(parser);
    if (node->match.subject == NULL) return NULL;
    struct ztoken open = parser->tokens.current;
    if (!zparser_expect(parser, ZTOKEN_LEFT_BRACE, "'{' and the arms of the match")) return NULL;
    while (!zparser_is(parser, ZTOKEN_RIGHT_BRACE)) {
        struct zast_node *arm = match_arm(parser);
        if (arm == NULL) return NULL;
        zparser_append(&arms, arm);
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_BRACE, &open, "match")) return NULL;
    }
    zparser_leave(parser);
    node->match.arms = arms.first;
    return zparser_advance(parser) ? node : NULL;
}

// ---- All of them -------------------------------------------------------------------------------

static struct zast_node *fail_operand(struct zparser *parser)
{
    const struct ztoken *token = &parser->tokens.current;
    switch (token->kind) {
    case ZTOKEN_ELSE:
    case ZTOKEN_ELIF:
        zparser_fail(parser, token, "'%s' without an 'if' block before it",
                     ztoken_kind_text(token->kind));
        break;
    case ZTOKEN_CATCH:
    case ZTOKEN_FINALLY:
        zparser_fail(parser, token, "'%s' without a 'try' block before it",
                     ztoken_kind_text(token->kind));
        break;
    case ZTOKEN_SPAWN:
        zparser_fail(parser, token, "'spawn' needs a call of an action: spawn f(...)");
        break;
    case ZTOKEN_PLUS:
        zparser_fail(parser, token,
                     "expected an expression, found '+'; there is no unary '+', and x++ is x += 1");
        break;
    default:
        zparser_fail_expected(parser, "an expression");
        break;
    }
    return NULL;
}

struct zast_node *zparse_primary(struct zparser *parser)
{
    switch (parser->tokens.current.kind) {
    case ZTOKEN_INT:
    case ZTOKEN_FLOAT:
        return number(parser);
    case ZTOKEN_STRING:
        return string(parser);
    case ZTOKEN_STRING_PART:
        return interpolation(parser);
    case ZTOKEN_NAME:
    case ZTOKEN_PRINT:
        return name(parser);
    case ZTOKEN_TRUE:
        return literal(parser, ZAST_TRUE);
    case ZTOKEN_FALSE:
        return literal(parser, ZAST_FALSE);
    case ZTOKEN_NULL:
        return literal(parser, ZAST_NULL);
    case ZTOKEN_THIS:
        return this_value(parser);
    case ZTOKEN_ACTION:
    case ZTOKEN_FUNCTION:
    case ZTOKEN_ASYNC:
    case ZTOKEN_LAMBDA:
        return function(parser);
    case ZTOKEN_MATCH:
        return match(parser);
    case ZTOKEN_LEFT_PAREN:
        return parenthesised(parser);
    case ZTOKEN_LEFT_BRACKET:
        return list(parser);
    case ZTOKEN_LEFT_BRACE:
        return map(parser);
    default:
        return fail_operand(parser);
    }
}
