// lang/parse_declaration.c - let, const, destructuring, named functions and data.
//
// Owns: nothing; builds nodes in the parser's arena. Thread: the parser's.
// Whether a name may be declared again is not decided here but when names are resolved.
#define ZVM_LANG_PARSER

#include "lang/parser_internal.h"

#include "base/assert.h"

// ---- let and const -----------------------------------------------------------------------------

// "..." NAME [","], the last element of a list pattern.
static bool rest_target(struct zparser *parser, struct zast_node *node, struct zast_target **end)
{
    struct ztoken name;
    if (!zparser_advance(parser)) return false;
    if (!zparser_expect_name(parser, "a name for the remaining elements", &name)) return false;
    *end = zparse_target_new(parser, &name);
    if (*end == NULL) return false;
    (*end)->is_rest = true;
    node->unpack.has_rest = true;
    zparser_take(parser, ZTOKEN_COMMA);
    return true;
}

static bool list_pattern(struct zparser *parser, struct zast_node *node)
{
    struct ztoken open = parser->tokens.current;
    struct zast_target **end = &node->unpack.targets;
    if (!zparser_advance(parser)) return false;
    while (!zparser_is(parser, ZTOKEN_RIGHT_BRACKET)) {
        struct ztoken name;
        if (zparser_is(parser, ZTOKEN_ELLIPSIS)) {
            if (!rest_target(parser, node, end)) return false;
            break;
        }
        if (!zparser_expect_name(parser, "a name, '...' or ']'", &name)) return false;
        *end = zparse_target_new(parser, &name);
        if (*end == NULL) return false;
        end = &(*end)->next;
        node->unpack.target_count++;
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_BRACKET, &open, "pattern")) return false;
    }
    return zparser_expect_close(parser, ZTOKEN_RIGHT_BRACKET, &open, "pattern");
}

// NAME, or WORD ":" NAME
static struct zast_target *map_target(struct zparser *parser)
{
    struct ztoken key;
    if (!zparser_expect_word(parser, "a map key or '}'", &key)) return NULL;
    struct ztoken name = key;
    if (zparser_take(parser, ZTOKEN_COLON)) {
        if (!zparser_expect_name(parser, "a name for the value of the key", &name)) return NULL;
    } else if (key.kind != ZTOKEN_NAME) {
        zparser_fail_expected(parser, "':' and a name, because the key is a keyword");
        return NULL;
    }
    struct zast_target *target = zparse_target_new(parser, &name);
    if (target != NULL) target->key = zparser_text(parser, &key);
    return target;
}

static bool map_pattern(struct zparser *parser, struct zast_node *node)
{
    struct ztoken open = parser->tokens.current;
    struct zast_target **end = &node->unpack.targets;
    if (!zparser_advance(parser)) return false;
    node->unpack.is_map = true;
    while (!zparser_is(parser, ZTOKEN_RIGHT_BRACE)) {
        *end = map_target(parser);
        if (*end == NULL) return false;
        end = &(*end)->next;
        node->unpack.target_count++;
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_BRACE, &open, "pattern")) return false;
    }
    return zparser_advance(parser);
}

static struct zast_node *unpack(struct zparser *parser, const struct ztoken *keyword)
{
    struct zast_node *node = zparser_node(parser, ZAST_UNPACK, keyword);
    if (node == NULL) return NULL;
    bool is_list = zparser_is(parser, ZTOKEN_LEFT_BRACKET);
    if (!(is_list ? list_pattern(parser, node) : map_pattern(parser, node))) return NULL;
    if (!zparser_expect(parser, ZTOKEN_ASSIGN, "'=' and the value to take apart")) return NULL;
    node->unpack.value = zparse_expression(parser);
    return node->unpack.value != NULL ? node : NULL;
}

// NAME [ ":" type ] [ "=" expr ]; the value may be left out only of a `let` without a type.
static struct zast_node *single_let(struct zparser *parser, const struct ztoken *keyword)
{
    struct ztoken name;
    if (!zparser_expect_name(parser, "a name, '[' or '{' to declare", &name)) return NULL;
    struct zast_node *node = zparser_node(parser, ZAST_LET, &name);
    if (node == NULL) return NULL;
    node->start = keyword->position;
    node->let.name = zparser_text(parser, &name);
    node->let.name_position = name.position;
    if (!zparse_optional_type(parser, &node->let.type)) return NULL;
    if (parser->status != ZVM_OK) return NULL;
    bool is_optional = keyword->kind == ZTOKEN_LET && node->let.type.name.length_bytes == 0;
    if (is_optional && !zparser_is(parser, ZTOKEN_ASSIGN)) return node;
    if (!zparser_expect(parser, ZTOKEN_ASSIGN, "'=' and a value")) return NULL;
    node->let.value = zparse_expression(parser);
    return node->let.value != NULL ? node : NULL;
}

struct zast_node *zparse_let(struct zparser *parser)
{
    struct ztoken keyword = parser->tokens.current;
    if (!zparser_advance(parser)) return NULL;
    bool is_pattern =
        zparser_is(parser, ZTOKEN_LEFT_BRACKET) || zparser_is(parser, ZTOKEN_LEFT_BRACE);
    struct zast_node *node = is_pattern ? unpack(parser, &keyword) : single_let(parser, &keyword);
    if (node == NULL) return NULL;
    if (keyword.kind == ZTOKEN_CONST) node->flags |= ZAST_FLAG_CONST;
    return zparse_end(parser) ? node : NULL;
}

// ---- Functions ---------------------------------------------------------------------------------

struct zast_node *zparse_function_declaration(struct zparser *parser)
{
    struct ztoken start = parser->tokens.current;
    bool is_async = start.kind == ZTOKEN_ASYNC;
    struct ztoken name;
    if (is_async && !zparser_advance(parser)) return NULL;
    if (!zparser_advance(parser) || !zparser_expect_name(parser, "a function name", &name))
        return NULL;
    struct zast_node *node = zparser_node(parser, ZAST_FDECL, &name);
    struct zast_function *function = zparse_function_new(parser, &name);
    if (node == NULL || function == NULL) return NULL;
    node->start = start.position;
    node->fdecl.function = function;
    node->fdecl.name_position = name.position;
    function->name = zparser_text(parser, &name);
    function->is_async = is_async;
    return zparse_function_rest(parser, function) ? node : NULL;
}

// ---- data --------------------------------------------------------------------------------------

static struct zast_member_declaration *member_new(struct zparser *parser, const struct ztoken *name)
{
    struct zast_member_declaration *member = zparser_alloc(parser, sizeof *member);
    if (member == NULL) return NULL;
    member->name = zparser_text(parser, name);
    member->position = name->position;
    return member;
}

// ( "method" | "action" | "function" ) WORD params …; the first word is stepped over.
static struct zast_member_declaration *method(struct zparser *parser)
{
    struct ztoken name;
    if (!zparser_expect_word(parser, "a method name", &name)) return NULL;
    struct zast_member_declaration *member = member_new(parser, &name);
    struct zast_function *function = zparse_function_new(parser, &name);
    if (member == NULL || function == NULL) return NULL;
    member->is_method = true;
    member->function = function;
    function->name = member->name;
    function->is_method = true;
    return zparse_function_rest(parser, function) ? member : NULL;
}

// A default is evaluated at each construction: a function without parameters.
static bool field_default(struct zparser *parser, struct zast_member_declaration *member)
{
    member->function = zparse_function_new(parser, &parser->tokens.current);
    if (member->function == NULL) return false;
    member->function->is_expression = true;
    member->function->body = zparse_expression(parser);
    return member->function->body != NULL;
}

static struct zast_member_declaration *field(struct zparser *parser)
{
    struct ztoken name;
    if (!zparser_expect_name(parser, "a field, a method or '}'", &name)) return NULL;
    struct zast_member_declaration *member = member_new(parser, &name);
    if (member == NULL || !zparse_optional_type(parser, &member->type)) return NULL;
    if (zparser_take(parser, ZTOKEN_ASSIGN) && !field_default(parser, member)) return NULL;
    bool is_end = zparser_is(parser, ZTOKEN_COMMA) || zparser_is(parser, ZTOKEN_SEMICOLON) ||
                  zparser_is(parser, ZTOKEN_RIGHT_BRACE) || parser->tokens.current.newline_before;
    if (is_end) return member;
    zparser_fail_expected(parser, "the end of the field (',', ';' or a line break)");
    return NULL;
}

// `method` starts a method before a word; alone on its line it is a field of that name.
static bool is_method(struct zparser *parser)
{
    if (zparser_is(parser, ZTOKEN_ACTION) || zparser_is(parser, ZTOKEN_FUNCTION)) return true;
    if (!zparser_is_name(parser, "method")) return false;
    const struct ztoken *next = ztokens_peek(&parser->tokens, 1);
    if (!ztoken_is_word(next)) return false;
    return !next->newline_before || ztokens_peek(&parser->tokens, 2)->kind == ZTOKEN_LEFT_PAREN;
}

static bool members(struct zparser *parser, struct zast_node *node)
{
    struct zast_member_declaration **end = &node->data.members;
    while (!zparser_is(parser, ZTOKEN_RIGHT_BRACE)) {
        if (zparser_is(parser, ZTOKEN_COMMA) || zparser_is(parser, ZTOKEN_SEMICOLON)) {
            if (!zparser_advance(parser)) return false;
            continue;
        }
        bool has_keyword = is_method(parser);
        if (has_keyword && !zparser_advance(parser)) return false;
        *end = has_keyword ? method(parser) : field(parser);
        if (*end == NULL) return false;
        end = &(*end)->next;
    }
    return true;
}

static bool parent(struct zparser *parser, struct zast_node *node)
{
    struct ztoken name;
    if (!zparser_advance(parser) || !zparser_expect_name(parser, "the parent's name", &name))
        return false;
    node->data.parent = zparser_text(parser, &name);
    node->data.parent_position = name.position;
    return true;
}

struct zast_node *zparse_data(struct zparser *parser)
{
    struct ztoken start = parser->tokens.current;
    struct ztoken name;
    if (!zparser_advance(parser) || !zparser_expect_name(parser, "a data name", &name)) return NULL;
    struct zast_node *node = zparser_node(parser, ZAST_DATA, &name);
    if (node == NULL) return NULL;
    node->start = start.position;
    node->data.name = zparser_text(parser, &name);
    if (zparser_is_name(parser, "extends") && !parent(parser, node)) return NULL;
    struct ztoken open = parser->tokens.current;
    if (!zparser_is(parser, ZTOKEN_LEFT_BRACE)) {
        zparser_fail_expected(parser, "'{' and the fields");
        return NULL;
    }
    if (!zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    if (!members(parser, node)) return NULL;
    zparser_leave(parser);
    return zparser_expect_close(parser, ZTOKEN_RIGHT_BRACE, &open, "data declaration") ? node
                                                                                       : NULL;
}
