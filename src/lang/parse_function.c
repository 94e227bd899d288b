// lang/parse_function.c - parameters, type annotations, function bodies and arrow functions.
//
// Owns: nothing; builds nodes in the parser's arena. Thread: the parser's.
// Whether `(` opens parameters or a parenthesised expression is decided by reading ahead on a copy
// of the tokens. That stops at the first token that cannot be part of parameters, in particular at
// any inner `(`, so that all such looks together read every token at most twice.
#define ZVM_LANG_PARSER

#include "lang/parser_internal.h"

#include "base/assert.h"

struct zast_function *zparse_function_new(struct zparser *parser, const struct ztoken *token)
{
    struct zast_function *function = zparser_alloc(parser, sizeof *function);
    if (function != NULL) function->position = token->position;
    return function;
}

struct zast_target *zparse_target_new(struct zparser *parser, const struct ztoken *name)
{
    struct zast_target *target = zparser_alloc(parser, sizeof *target);
    if (target == NULL) return NULL;
    target->name = zparser_text(parser, name);
    target->position = name->position;
    return target;
}

// ---- Types -------------------------------------------------------------------------------------

static bool type(struct zparser *parser, struct zast_type *out);

// The part in <...>, which has no meaning at run time.
static bool type_arguments(struct zparser *parser)
{
    struct ztoken open = parser->tokens.current;
    struct zast_type ignored;
    if (!zparser_enter(parser) || !zparser_advance(parser)) return false;
    do {
        if (!type(parser, &ignored)) return false;
    } while (zparser_take(parser, ZTOKEN_COMMA));
    zparser_leave(parser);
    return zparser_expect_close(parser, ZTOKEN_GREATER, &open, "type arguments");
}

static bool type(struct zparser *parser, struct zast_type *out)
{
    struct ztoken name;
    if (!zparser_expect_word(parser, "a type name", &name)) return false;
    out->name = zparser_text(parser, &name);
    out->position = name.position;
    return !zparser_is(parser, ZTOKEN_LESS) || type_arguments(parser);
}

bool zparse_optional_type(struct zparser *parser, struct zast_type *out)
{
    return !zparser_take(parser, ZTOKEN_COLON) || type(parser, out);
}

// ---- Parameters --------------------------------------------------------------------------------

static struct zast_param *param_new(struct zparser *parser, const struct ztoken *name)
{
    struct zast_param *param = zparser_alloc(parser, sizeof *param);
    if (param == NULL) return NULL;
    param->name = zparser_text(parser, name);
    param->position = name->position;
    return param;
}

static bool params(struct zparser *parser, struct zast_function *function)
{
    struct ztoken open = parser->tokens.current;
    if (!zparser_expect(parser, ZTOKEN_LEFT_PAREN, "'(' and the parameters")) return false;
    struct zast_param **end = &function->params;
    while (!zparser_is(parser, ZTOKEN_RIGHT_PAREN)) {
        struct ztoken name;
        if (!zparser_expect_name(parser, "a parameter name or ')'", &name)) return false;
        struct zast_param *param = param_new(parser, &name);
        if (param == NULL || !zparse_optional_type(parser, &param->type)) return false;
        *end = param;
        end = &param->next;
        function->param_count++;
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_PAREN, &open, "parameters")) return false;
    }
    return zparser_advance(parser);
}

// ---- Bodies ------------------------------------------------------------------------------------

// A body starts afresh with loops; `this` stays usable in the functions inside a method.
static struct zparser_context begin_body(struct zparser *parser,
                                         const struct zast_function *function)
{
    struct zparser_context outer = parser->context;
    parser->context.is_in_loop = false;
    parser->context.is_in_function = true;
    if (function->is_method) parser->context.is_in_method = true;
    return outer;
}

bool zparse_function_rest(struct zparser *parser, struct zast_function *function)
{
    if (!params(parser, function)) return false;
    if (zparser_take(parser, ZTOKEN_RESULT_ARROW) && !type(parser, &function->result)) return false;
    struct zparser_context outer = begin_body(parser, function);
    function->body = zparse_block(parser);
    parser->context = outer;
    return function->body != NULL;
}

// Behind a `=>`, a `{` always opens a block.
static bool arrow_body(struct zparser *parser, struct zast_function *function)
{
    if (!zparser_expect(parser, ZTOKEN_ARROW, "'=>' and the function's body")) return false;
    struct zparser_context outer = begin_body(parser, function);
    if (zparser_is(parser, ZTOKEN_LEFT_BRACE)) {
        function->body = zparse_block(parser);
    } else {
        function->is_expression = true;
        function->body = zparse_expression(parser);
    }
    parser->context = outer;
    return function->body != NULL;
}

bool zparse_lambda_rest(struct zparser *parser, struct zast_function *function)
{
    if (!zparser_enter(parser)) return false;
    if (!params(parser, function) || !arrow_body(parser, function)) return false;
    zparser_leave(parser);
    return true;
}

// ---- Arrow functions ---------------------------------------------------------------------------

static bool skip_word(struct ztokens *tokens)
{
    if (!ztoken_is_word(&tokens->current)) return false;
    ztokens_advance(tokens);
    return true;
}

static bool skip_type(struct ztokens *tokens)
{
    uint32_t depth = 0;
    for (;;) {
        if (!skip_word(tokens)) return false;
        if (tokens->current.kind == ZTOKEN_LESS) {
            depth++;
        } else {
            while (depth > 0 && tokens->current.kind == ZTOKEN_GREATER) {
                depth--;
                ztokens_advance(tokens);
            }
            if (depth == 0) return true;
            if (tokens->current.kind != ZTOKEN_COMMA) return false;
        }
        ztokens_advance(tokens);
    }
}

// *is_sure becomes true behind a colon, where only a parameter can have one.
static bool skip_param(struct ztokens *tokens, bool *is_sure)
{
    if (tokens->current.kind != ZTOKEN_NAME) return false;
    ztokens_advance(tokens);
    if (tokens->current.kind != ZTOKEN_COLON) return true;
    *is_sure = true;
    ztokens_advance(tokens);
    return skip_type(tokens);
}

// Goes to the `)` that ends the parentheses already entered.
static bool skip_to_close(struct ztokens *tokens)
{
    for (uint32_t depth = 1;; ztokens_advance(tokens)) {
        switch (tokens->current.kind) {
        case ZTOKEN_LEFT_PAREN:
        case ZTOKEN_LEFT_BRACKET:
        case ZTOKEN_LEFT_BRACE:
            depth++;
            break;
        case ZTOKEN_RIGHT_PAREN:
        case ZTOKEN_RIGHT_BRACKET:
        case ZTOKEN_RIGHT_BRACE:
            if (--depth == 0) return tokens->current.kind == ZTOKEN_RIGHT_PAREN;
            break;
        case ZTOKEN_STRING_PART:
        case ZTOKEN_ERROR:
        case ZTOKEN_EOF:
            return false;
        default:
            break;
        }
    }
}

// Parameters from the `(` on, followed by `=>`. A `(` and a name followed by a comma or colon can
// be nothing else than parameters; if they go wrong later, the `=>` behind them decides how the
// mistake is reported, and reading far for it costs nothing because the parse ends there anyway.
static bool is_arrow_after_params(struct ztokens *tokens)
{
    bool is_sure = false;
    ztokens_advance(tokens);
    while (tokens->current.kind != ZTOKEN_RIGHT_PAREN) {
        bool is_param = skip_param(tokens, &is_sure);
        if (is_param && tokens->current.kind == ZTOKEN_RIGHT_PAREN) break;
        if (is_param && tokens->current.kind == ZTOKEN_COMMA) {
            is_sure = true;
            ztokens_advance(tokens);
            continue;
        }
        if (!is_sure || !skip_to_close(tokens)) return false;
    }
    ztokens_advance(tokens);
    return tokens->current.kind == ZTOKEN_ARROW;
}

bool zparse_is_arrow(struct zparser *parser)
{
    if (zparser_is(parser, ZTOKEN_NAME))
        return ztokens_peek(&parser->tokens, 1)->kind == ZTOKEN_ARROW;
    if (!zparser_is(parser, ZTOKEN_LEFT_PAREN)) return false;
    struct ztokens copy = parser->tokens;
    return is_arrow_after_params(&copy);
}

struct zast_node *zparse_arrow(struct zparser *parser)
{
    struct ztoken start = parser->tokens.current;
    struct zast_node *node = zparser_node(parser, ZAST_FUNCTION, &start);
    struct zast_function *function = zparse_function_new(parser, &start);
    if (node == NULL || function == NULL) return NULL;
    node->function = function;

    if (start.kind == ZTOKEN_LEFT_PAREN) return zparse_lambda_rest(parser, function) ? node : NULL;
    if (!zparser_enter(parser)) return NULL;
    function->params = param_new(parser, &start);
    if (function->params == NULL) return NULL;
    function->param_count = 1;
    if (!zparser_advance(parser) || !arrow_body(parser, function)) return NULL;
    zparser_leave(parser);
    return node;
}
