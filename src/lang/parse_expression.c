// lang/parse_expression.c - operators, calls, indexing and properties.
//
// Owns: nothing; builds nodes in the parser's arena. Thread: the parser's.
// How: precedence climbing. Binary operators and postfixes are loops, so that a chain of a million
// links uses no C stack; only right operands that bind tighter recurse, at most once per level of
// the table. What can nest without end (prefix operators, `**`, `? :`, brackets) counts as nesting.
#define ZVM_LANG_PARSER

#include "lang/parser_internal.h"

#include "base/assert.h"

#define INTEGER_MIN_NEGATED 9223372036854775808u

struct binary_operator {
    uint8_t level; // from 1, loosest; 0: not a binary operator
    uint8_t kind;  // enum zast_kind
    uint8_t op;    // enum zast_op
};

static const struct binary_operator binary_operators[ZTOKEN_COUNT] = {
    [ZTOKEN_COALESCE] = {1, ZAST_COALESCE, ZAST_OP_NONE},
    [ZTOKEN_OR] = {2, ZAST_OR, ZAST_OP_NONE},
    [ZTOKEN_OR_WORD] = {2, ZAST_OR, ZAST_OP_NONE},
    [ZTOKEN_AND] = {3, ZAST_AND, ZAST_OP_NONE},
    [ZTOKEN_AND_WORD] = {3, ZAST_AND, ZAST_OP_NONE},
    [ZTOKEN_EQUAL] = {4, ZAST_BINARY, ZAST_OP_EQ},
    [ZTOKEN_NOT_EQUAL] = {4, ZAST_BINARY, ZAST_OP_NE},
    [ZTOKEN_LESS] = {5, ZAST_BINARY, ZAST_OP_LT},
    [ZTOKEN_LESS_EQUAL] = {5, ZAST_BINARY, ZAST_OP_LE},
    [ZTOKEN_GREATER] = {5, ZAST_BINARY, ZAST_OP_GT},
    [ZTOKEN_GREATER_EQUAL] = {5, ZAST_BINARY, ZAST_OP_GE},
    [ZTOKEN_PLUS] = {6, ZAST_BINARY, ZAST_OP_ADD},
    [ZTOKEN_MINUS] = {6, ZAST_BINARY, ZAST_OP_SUB},
    [ZTOKEN_STAR] = {7, ZAST_BINARY, ZAST_OP_MUL},
    [ZTOKEN_SLASH] = {7, ZAST_BINARY, ZAST_OP_DIV},
    [ZTOKEN_PERCENT] = {7, ZAST_BINARY, ZAST_OP_MOD},
};

static struct zast_node *unary(struct zparser *parser);

// ---- Calls, indexing, properties ---------------------------------------------------------------

// Where the errors of a call are: the name, the name after `.`, the `[`, or what the callee starts
// with. A parenthesised callee is a node like any other, so it has the position of what is inside.
static struct zast_position callee_position(const struct zast_node *callee)
{
    switch (callee->kind) {
    case ZAST_NAME:
    case ZAST_MEMBER:
    case ZAST_INDEX:
    case ZAST_CALL:
        return callee->position;
    default:
        return callee->start;
    }
}

// The arguments of one call while they are read.
struct arguments {
    struct zparser_list values;
    struct zast_target *names;
    struct zast_target **names_end;
};

static bool fail_mixed(struct zparser *parser, const struct ztoken *token)
{
    return zparser_fail(parser, token,
                        "named and positional arguments cannot be mixed in one call");
}

static bool named_argument(struct zparser *parser, struct arguments *arguments)
{
    struct ztoken name = parser->tokens.current;
    if (!zparser_advance(parser)) return false;
    if (arguments->values.count > 0 && arguments->names == NULL)
        return fail_mixed(parser, &parser->tokens.current);
    struct zast_target *target = zparse_target_new(parser, &name);
    if (target == NULL) return false;
    *arguments->names_end = target;
    arguments->names_end = &target->next;
    return zparser_advance(parser);
}

static bool argument(struct zparser *parser, struct arguments *arguments)
{
    bool is_named =
        zparser_is(parser, ZTOKEN_NAME) && ztokens_peek(&parser->tokens, 1)->kind == ZTOKEN_ASSIGN;
    if (is_named) {
        if (!named_argument(parser, arguments)) return false;
    } else if (arguments->names != NULL) {
        return fail_mixed(parser, &parser->tokens.current);
    }
    struct zast_node *value = zparse_expression(parser);
    if (value == NULL) return false;
    zparser_append(&arguments->values, value);
    return true;
}

static struct zast_node *call(struct zparser *parser, struct zast_node *callee)
{
    struct ztoken open = parser->tokens.current;
    struct arguments arguments = {0};
    arguments.names_end = &arguments.names;
    struct zast_node *node = zparser_node(parser, ZAST_CALL, &open);
    if (node == NULL || !zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    while (!zparser_is(parser, ZTOKEN_RIGHT_PAREN)) {
        if (!argument(parser, &arguments)) return NULL;
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_PAREN, &open, "arguments")) return NULL;
    }
    zparser_leave(parser);
    if (!zparser_advance(parser)) return NULL;

    node->position = callee_position(callee);
    node->start = callee->start;
    node->call.callee = callee;
    node->call.arguments = arguments.values.first;
    node->call.argument_count = arguments.values.count;
    node->call.argument_names = arguments.names;
    if (arguments.names != NULL) node->flags |= ZAST_FLAG_NAMED;
    return node;
}

static struct zast_node *subscript(struct zparser *parser, struct zast_node *object)
{
    struct ztoken open = parser->tokens.current;
    struct zast_node *node = zparser_node(parser, ZAST_INDEX, &open);
    if (node == NULL || !zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    node->start = object->start;
    node->left = object;
    node->right = zparse_expression(parser);
    if (node->right == NULL) return NULL;
    zparser_leave(parser);
    return zparser_expect_close(parser, ZTOKEN_RIGHT_BRACKET, &open, "index") ? node : NULL;
}

static struct zast_node *member(struct zparser *parser, struct zast_node *object)
{
    struct ztoken name;
    if (!zparser_advance(parser)) return NULL;
    if (!zparser_expect_word(parser, "a property or method name after '.'", &name)) return NULL;
    struct zast_node *node = zparser_node(parser, ZAST_MEMBER, &name);
    if (node == NULL) return NULL;
    node->start = object->start;
    node->member.object = object;
    node->member.name = zparser_text(parser, &name);
    return node;
}

// A `(` or `[` on a new line starts a new statement; a `.` goes on.
static struct zast_node *postfix(struct zparser *parser)
{
    struct zast_node *value = zparse_primary(parser);
    while (value != NULL) {
        bool is_same_line = !parser->tokens.current.newline_before;
        if (zparser_is(parser, ZTOKEN_DOT))
            value = member(parser, value);
        else if (is_same_line && zparser_is(parser, ZTOKEN_LEFT_PAREN))
            value = call(parser, value);
        else if (is_same_line && zparser_is(parser, ZTOKEN_LEFT_BRACKET))
            value = subscript(parser, value);
        else
            return value;
    }
    return NULL;
}

// ---- Operators ---------------------------------------------------------------------------------

static struct zast_node *operator_node(struct zparser *parser, const struct ztoken *token,
                                       struct binary_operator infix, struct zast_node *left,
                                       struct zast_node *right)
{
    struct zast_node *node = zparser_node(parser, (enum zast_kind)infix.kind, token);
    if (node == NULL) return NULL;
    node->op = infix.op;
    node->start = left->start;
    node->left = left;
    node->right = right;
    zfold_binary(node);
    return node;
}

// The right operand of `**` may be a unary, which makes `**` associate to the right.
static struct zast_node *power(struct zparser *parser)
{
    struct zast_node *base = postfix(parser);
    if (base == NULL || !zparser_is(parser, ZTOKEN_POWER)) return base;
    struct ztoken token = parser->tokens.current;
    if (!zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    struct zast_node *exponent = unary(parser);
    if (exponent == NULL) return NULL;
    zparser_leave(parser);
    return operator_node(parser, &token, (struct binary_operator){0, ZAST_BINARY, ZAST_OP_POW},
                         base, exponent);
}

// At `-`: true before the one literal that is in range only with it.
static bool is_smallest_integer(struct zparser *parser)
{
    const struct ztoken *digits = ztokens_peek(&parser->tokens, 1);
    if (digits->kind != ZTOKEN_INT || digits->is_too_large ||
        digits->integer != INTEGER_MIN_NEGATED)
        return false;
    const struct ztoken *after = ztokens_peek(&parser->tokens, 2);
    if (after->kind == ZTOKEN_LEFT_PAREN || after->kind == ZTOKEN_LEFT_BRACKET)
        return after->newline_before;
    return after->kind != ZTOKEN_DOT && after->kind != ZTOKEN_POWER;
}

static struct zast_node *smallest_integer(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_INT, &parser->tokens.current);
    if (node == NULL || !zparser_advance(parser) || !zparser_advance(parser)) return NULL;
    node->integer = INT64_MIN;
    return node;
}

static struct zast_node *prefix(struct zparser *parser, enum zast_kind kind, enum zast_op op)
{
    struct zast_node *node = zparser_node(parser, kind, &parser->tokens.current);
    if (node == NULL || !zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    node->op = (uint8_t)op;
    node->left = unary(parser);
    if (node->left == NULL) return NULL;
    zparser_leave(parser);
    if (kind == ZAST_UNARY) zfold_unary(node);
    return node;
}

static const struct zast_text spawn_name = {"spawn", 5};

// `spawn f(a, b)` is a call of the builtin that no program can name, with f as its first argument.
static struct zast_node *spawn(struct zparser *parser)
{
    struct ztoken token = parser->tokens.current;
    struct zast_node *callee = zparser_node(parser, ZAST_NAME, &token);
    if (callee == NULL || !zparser_advance(parser)) return NULL;
    callee->name.text = spawn_name;
    struct zast_node *node = postfix(parser);
    if (node == NULL) return NULL;
    bool is_plain = node->kind == ZAST_CALL &&
                    (node->flags & (ZAST_FLAG_NAMED | ZAST_FLAG_PARENTHESISED)) == 0;
    if (!is_plain) {
        zparser_fail(parser, &token, "'spawn' needs a call of an action: spawn f(...)");
        return NULL;
    }
    node->call.callee->next = node->call.arguments;
    node->call.arguments = node->call.callee;
    node->call.argument_count++;
    node->call.callee = callee;
    node->start = callee->start;
    node->flags |= ZAST_FLAG_SPAWN;
    return node;
}

static struct zast_node *unary(struct zparser *parser)
{
    switch (parser->tokens.current.kind) {
    case ZTOKEN_MINUS:
        if (is_smallest_integer(parser)) return smallest_integer(parser);
        return prefix(parser, ZAST_UNARY, ZAST_OP_NEG);
    case ZTOKEN_NOT:
        return prefix(parser, ZAST_UNARY, ZAST_OP_NOT);
    case ZTOKEN_AWAIT:
        return prefix(parser, ZAST_AWAIT, ZAST_OP_NONE);
    case ZTOKEN_SPAWN:
        return spawn(parser);
    default:
        return power(parser);
    }
}

static struct zast_node *binary(struct zparser *parser, uint8_t level_min)
{
    struct zast_node *left = unary(parser);
    while (left != NULL) {
        struct ztoken token = parser->tokens.current;
        struct binary_operator infix = binary_operators[token.kind];
        if (infix.level < level_min) return left;
        if (!zparser_advance(parser)) return NULL;
        struct zast_node *right = binary(parser, (uint8_t)(infix.level + 1));
        if (right == NULL) return NULL;
        left = operator_node(parser, &token, infix, left, right);
    }
    return NULL;
}

static struct zast_node *conditional(struct zparser *parser, struct zast_node *condition)
{
    struct zast_node *node = zparser_node(parser, ZAST_CONDITIONAL, &parser->tokens.current);
    if (node == NULL || !zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    node->start = condition->start;
    node->conditional.condition = condition;
    node->conditional.yes = zparse_expression(parser);
    if (node->conditional.yes == NULL) return NULL;
    if (!zparser_expect(parser, ZTOKEN_COLON, "':' and the other value of '? :'")) return NULL;
    node->conditional.no = zparse_expression(parser);
    if (node->conditional.no == NULL) return NULL;
    zparser_leave(parser);
    return node;
}

struct zast_node *zparse_expression(struct zparser *parser)
{
    if (zparse_is_arrow(parser)) return zparse_arrow(parser);
    struct zast_node *value = binary(parser, 1);
    if (value == NULL || !zparser_is(parser, ZTOKEN_QUESTION)) return value;
    return conditional(parser, value);
}

bool zparse_expression_list(struct zparser *parser, enum ztoken_kind close, const char *what,
                            struct zparser_list *out)
{
    struct ztoken open = parser->tokens.current;
    if (!zparser_enter(parser) || !zparser_advance(parser)) return false;
    while (!zparser_is(parser, close)) {
        struct zast_node *item = zparse_expression(parser);
        if (item == NULL) return false;
        zparser_append(out, item);
        if (!zparser_expect_comma(parser, close, &open, what)) return false;
    }
    zparser_leave(parser);
    return zparser_advance(parser);
}
