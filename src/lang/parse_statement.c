// lang/parse_statement.c - statements and blocks.
//
// Owns: nothing; builds nodes in the parser's arena. Thread: the parser's.
// A simple statement must end: with `;`, a line break, `}` or the end of the file. Statements that
// end with a block need nothing. Where a statement may stand (`return`, `break`, `continue`) is
// known from parser->context, which every loop and function body changes and restores.
#define ZVM_LANG_PARSER

#include "lang/parser_internal.h"

#include "base/assert.h"

// ---- Ends and blocks ---------------------------------------------------------------------------

static bool is_end(const struct zparser *parser)
{
    return zparser_is(parser, ZTOKEN_SEMICOLON) || zparser_is(parser, ZTOKEN_EOF) ||
           zparser_is(parser, ZTOKEN_RIGHT_BRACE) || parser->tokens.current.newline_before;
}

bool zparse_end(struct zparser *parser)
{
    if (is_end(parser)) {
        zparser_take(parser, ZTOKEN_SEMICOLON);
        return parser->status == ZVM_OK;
    }
    if (parser->status == ZVM_OK) zparser_hint_misspelt(parser);
    return zparser_fail_expected(parser, "the end of the statement (a line break or ';')");
}

static struct zast_node *next_statement(struct zparser *parser)
{
    parser->statement = parser->tokens.current;
    return zparse_statement(parser);
}

// One statement, or a stray `;`. False: there is no going on.
static bool append_statement(struct zparser *parser, struct zparser_list *out)
{
    struct zparser_mark mark = zparser_mark(parser);
    bool is_good = true;
    if (zparser_is(parser, ZTOKEN_SEMICOLON)) {
        is_good = zparser_advance(parser);
    } else {
        struct zast_node *node = next_statement(parser);
        // A failed advance behind a whole statement belongs to it, too.
        is_good = node != NULL && parser->status == ZVM_OK;
        if (node != NULL) zparser_append(out, node);
    }
    if (!is_good) is_good = zparser_recover(parser, &mark);
    parser->statement = mark.statement;
    return is_good;
}

bool zparse_statements(struct zparser *parser, struct zparser_list *out)
{
    while (!zparser_is(parser, ZTOKEN_RIGHT_BRACE) && !zparser_is(parser, ZTOKEN_EOF))
        if (!append_statement(parser, out)) return false;
    return parser->status == ZVM_OK;
}

// A block whose `{` is missing, known by the indentation of its lines. It ends where they do, or at
// its `}`.
static struct zast_node *block_without_brace(struct zparser *parser, struct zast_node *node)
{
    struct zparser_list list = {0};
    uint32_t column = parser->statement.position.column;
    zdiagnostics_hint(parser->diagnostics, "the block of this statement starts with '{'");
    struct ztoken token = parser->tokens.current;
    zparser_fail_expected(parser, "'{' and a block");
    if (parser->status != ZVM_E_SYNTAX || token.kind == ZTOKEN_ERROR || !zparser_enter(parser))
        return NULL;
    parser->status = ZVM_OK;
    parser->tokens.braces++;
    while (parser->tokens.current.position.column > column &&
           !zparser_is(parser, ZTOKEN_RIGHT_BRACE) && !zparser_is(parser, ZTOKEN_EOF))
        if (!append_statement(parser, &list)) return NULL;
    if (zparser_is(parser, ZTOKEN_RIGHT_BRACE))
        zparser_advance(parser);
    else
        parser->tokens.braces--;
    zparser_leave(parser);
    node->block.statements = list.first;
    return parser->status == ZVM_OK ? node : NULL;
}

// Remembers the first `}` that does not stand where its `{` would have it.
static void note_close(struct zparser *parser, const struct ztoken *open, uint32_t line_column)
{
    const struct ztoken *close = &parser->tokens.current;
    bool is_first = parser->mismatch.close.line == 0;
    if (!is_first || !close->newline_before || close->position.column == line_column) return;
    parser->mismatch = (struct zparser_mismatch){open->position, close->position};
}

struct zast_node *zparse_block(struct zparser *parser)
{
    struct ztoken open = parser->tokens.current;
    struct zparser_list list = {0};
    struct zast_node *node = zparser_node(parser, ZAST_BLOCK, &open);
    if (node == NULL) return NULL;
    if (!zparser_is(parser, ZTOKEN_LEFT_BRACE)) {
        if (zparser_is_indented(parser)) return block_without_brace(parser, node);
        zparser_fail_expected(parser, "'{' and a block");
        return NULL;
    }
    uint32_t line_column = parser->tokens.line_column;
    if (!zparser_enter(parser) || !zparser_advance(parser)) return NULL;
    if (!zparse_statements(parser, &list)) return NULL;
    zparser_leave(parser);
    if (zparser_is(parser, ZTOKEN_RIGHT_BRACE)) note_close(parser, &open, line_column);
    if (!zparser_expect_close(parser, ZTOKEN_RIGHT_BRACE, &open, "block")) return NULL;
    node->block.statements = list.first;
    return node;
}

static struct zast_node *loop_block(struct zparser *parser)
{
    bool was_in_loop = parser->context.is_in_loop;
    parser->context.is_in_loop = true;
    struct zast_node *block = zparse_block(parser);
    parser->context.is_in_loop = was_in_loop;
    return block;
}

bool zparse_program(struct zparser *parser, struct zast_function *main_function)
{
    struct zparser_list list = {0};
    struct zast_node *block = zparser_node(parser, ZAST_BLOCK, &parser->tokens.current);
    if (block == NULL || !zparse_statements(parser, &list)) return false;
    while (!zparser_is(parser, ZTOKEN_EOF)) {
        zparser_hint_brace(parser);
        zparser_report_misplaced(parser, &parser->tokens.current,
                                 "'}' without a '{' before it that is still open");
        zdiagnostics_drop_hints(parser->diagnostics);
        parser->has_findings = true;
        parser->is_doubtful = true;
        struct zparser_mark mark = zparser_mark(parser);
        if (!zparser_advance(parser) && !zparser_recover(parser, &mark)) return false;
        parser->tokens.braces = 0;
        if (!zparse_statements(parser, &list)) return false;
    }
    block->block.statements = list.first;
    main_function->body = block;
    return true;
}

// ---- Branches and loops ------------------------------------------------------------------------

// expr block, after `if` or `elif`, as a CONDITIONAL.
static bool branch_arm(struct zparser *parser, struct zparser_list *arms)
{
    struct zast_node *arm = zparser_node(parser, ZAST_CONDITIONAL, &parser->tokens.current);
    if (arm == NULL || !zparser_advance(parser)) return false;
    arm->conditional.condition = zparse_expression(parser);
    if (arm->conditional.condition == NULL) return false;
    arm->conditional.yes = zparse_block(parser);
    if (arm->conditional.yes == NULL) return false;
    zparser_append(arms, arm);
    return true;
}

static struct zast_node *branch(struct zparser *parser)
{
    struct zparser_list arms = {0};
    struct zast_node *node = zparser_node(parser, ZAST_IF, &parser->tokens.current);
    if (node == NULL || !branch_arm(parser, &arms)) return NULL;
    for (;;) {
        bool is_arm = zparser_is(parser, ZTOKEN_ELIF);
        if (!is_arm) {
            if (!zparser_is(parser, ZTOKEN_ELSE)) break;
            if (!zparser_advance(parser)) return NULL;
            is_arm = zparser_is(parser, ZTOKEN_IF);
        }
        if (!is_arm) {
            node->branch.otherwise = zparse_block(parser);
            if (node->branch.otherwise == NULL) return NULL;
            break;
        }
        if (!branch_arm(parser, &arms)) return NULL;
    }
    node->branch.arms = arms.first;
    return node;
}

static struct zast_node *while_loop(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_WHILE, &parser->tokens.current);
    if (node == NULL || !zparser_advance(parser)) return NULL;
    node->loop.condition = zparse_expression(parser);
    if (node->loop.condition == NULL) return NULL;
    node->loop.body = loop_block(parser);
    return node->loop.body != NULL ? node : NULL;
}

static bool loop_name(struct zparser *parser, struct zast_node *node, struct zast_target **end)
{
    struct ztoken name;
    if (!zparser_expect_name(parser, "the name of a loop variable", &name)) return false;
    *end = zparse_target_new(parser, &name);
    node->foreach.name_count++;
    return *end != NULL;
}

static struct zast_node *for_each(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_FOREACH, &parser->tokens.current);
    if (node == NULL || !zparser_advance(parser)) return NULL;
    if (!zparser_expect(parser, ZTOKEN_EACH, "'each' after 'for'")) return NULL;
    if (!loop_name(parser, node, &node->foreach.names)) return NULL;
    if (zparser_take(parser, ZTOKEN_COMMA) && !loop_name(parser, node, &node->foreach.names->next))
        return NULL;
    if (!zparser_expect(parser, ZTOKEN_IN, "'in' and the value to walk")) return NULL;
    node->foreach.iterable = zparse_expression(parser);
    if (node->foreach.iterable == NULL) return NULL;
    node->foreach.body = loop_block(parser);
    return node->foreach.body != NULL ? node : NULL;
}

// ---- try ---------------------------------------------------------------------------------------

// "catch" [ NAME | "(" NAME ")" ] block
static bool handler(struct zparser *parser, struct zast_node *node)
{
    struct ztoken name;
    struct ztoken open = parser->tokens.current;
    bool is_parenthesised = zparser_take(parser, ZTOKEN_LEFT_PAREN);
    if (is_parenthesised || zparser_is(parser, ZTOKEN_NAME)) {
        if (!zparser_expect_name(parser, "a name for the caught value", &name)) return false;
        node->attempt.name = zparser_text(parser, &name);
    }
    if (is_parenthesised && !zparser_expect_close(parser, ZTOKEN_RIGHT_PAREN, &open, "parenthesis"))
        return false;
    node->attempt.handler = zparse_block(parser);
    return node->attempt.handler != NULL;
}

static struct zast_node *attempt(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_TRY, &parser->tokens.current);
    if (node == NULL || !zparser_advance(parser)) return NULL;
    node->attempt.body = zparse_block(parser);
    if (node->attempt.body == NULL) return NULL;
    if (zparser_take(parser, ZTOKEN_CATCH) && !handler(parser, node)) return NULL;
    if (zparser_take(parser, ZTOKEN_FINALLY)) {
        node->attempt.finalizer = zparse_block(parser);
        if (node->attempt.finalizer == NULL) return NULL;
    }
    if (node->attempt.handler != NULL || node->attempt.finalizer != NULL) return node;
    zparser_fail_expected(parser, "'catch' or 'finally' after the 'try' block");
    return NULL;
}

// ---- Simple statements -------------------------------------------------------------------------

static struct zast_node *return_statement(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_RETURN, &parser->tokens.current);
    if (!parser->context.is_in_function)
        zparser_report_misplaced(parser, &parser->tokens.current, "'return' outside a function");
    if (node == NULL || parser->status != ZVM_OK || !zparser_advance(parser)) return NULL;
    if (!is_end(parser)) {
        node->left = zparse_expression(parser);
        if (node->left == NULL) return NULL;
    }
    return zparse_end(parser) ? node : NULL;
}

static struct zast_node *jump(struct zparser *parser, enum zast_kind kind)
{
    const struct ztoken *token = &parser->tokens.current;
    struct zast_node *node = zparser_node(parser, kind, token);
    if (!parser->context.is_in_loop)
        zparser_report_misplaced(parser, token,
                                 kind == ZAST_BREAK ? "'break' outside a loop"
                                                    : "'continue' outside a loop");
    if (node == NULL || parser->status != ZVM_OK || !zparser_advance(parser)) return NULL;
    return zparse_end(parser) ? node : NULL;
}

static struct zast_node *throw_statement(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_THROW, &parser->tokens.current);
    if (node == NULL || !zparser_advance(parser)) return NULL;
    node->left = zparse_expression(parser);
    return node->left != NULL && zparse_end(parser) ? node : NULL;
}

// After `print(...)` an operator would be a surprise: is `print (1 + 2) * 3` one value or two
// things?
static bool end_of_print(struct zparser *parser)
{
    bool is_operator = false;
    switch (parser->tokens.current.kind) {
    case ZTOKEN_PLUS:
    case ZTOKEN_MINUS:
    case ZTOKEN_STAR:
    case ZTOKEN_SLASH:
    case ZTOKEN_PERCENT:
    case ZTOKEN_POWER:
    case ZTOKEN_DOT:
    case ZTOKEN_QUESTION:
    case ZTOKEN_COALESCE:
    case ZTOKEN_AND:
    case ZTOKEN_AND_WORD:
    case ZTOKEN_OR:
    case ZTOKEN_OR_WORD:
    case ZTOKEN_EQUAL:
    case ZTOKEN_NOT_EQUAL:
    case ZTOKEN_LESS:
    case ZTOKEN_LESS_EQUAL:
    case ZTOKEN_GREATER:
    case ZTOKEN_GREATER_EQUAL:
        is_operator = true;
        break;
    default:
        break;
    }
    if (!is_operator) return zparse_end(parser);
    return zparser_fail(parser, &parser->tokens.current,
                        "an operator cannot follow print(...); put the whole value in the "
                        "parentheses: print((1 + 2) * 3)");
}

static struct zast_node *print_in_parentheses(struct zparser *parser, struct zast_node *node)
{
    struct zparser_list list = {0};
    if (!zparse_expression_list(parser, ZTOKEN_RIGHT_PAREN, "arguments of print", &list))
        return NULL;
    node->list.first = list.first;
    node->list.count = list.count;
    return end_of_print(parser) ? node : NULL;
}

static struct zast_node *print(struct zparser *parser)
{
    struct zparser_list list = {0};
    struct zast_node *node = zparser_node(parser, ZAST_PRINT, &parser->tokens.current);
    if (node == NULL || !zparser_advance(parser)) return NULL;
    if (parser->tokens.current.newline_before) {
        zparser_fail_expected(parser, "an argument of 'print' on the same line");
        return NULL;
    }
    if (zparser_is(parser, ZTOKEN_LEFT_PAREN)) return print_in_parentheses(parser, node);
    do {
        struct zast_node *item = zparse_expression(parser);
        if (item == NULL) return NULL;
        zparser_append(&list, item);
        node->list.count++;
    } while (zparser_take(parser, ZTOKEN_COMMA));
    node->list.first = list.first;
    return zparse_end(parser) ? node : NULL;
}

// ---- Expressions and assignments ---------------------------------------------------------------

static bool is_target(const struct zast_node *node)
{
    if (node->flags & ZAST_FLAG_PARENTHESISED) return false;
    return node->kind == ZAST_NAME || node->kind == ZAST_INDEX || node->kind == ZAST_MEMBER;
}

// The operator that an assignment applies, ZAST_OP_NONE for `=`.
static bool is_assignment(enum ztoken_kind kind, enum zast_op *op)
{
    switch (kind) {
    case ZTOKEN_ASSIGN:
        *op = ZAST_OP_NONE;
        return true;
    case ZTOKEN_ADD_ASSIGN:
        *op = ZAST_OP_ADD;
        return true;
    case ZTOKEN_SUB_ASSIGN:
        *op = ZAST_OP_SUB;
        return true;
    case ZTOKEN_MUL_ASSIGN:
        *op = ZAST_OP_MUL;
        return true;
    case ZTOKEN_DIV_ASSIGN:
        *op = ZAST_OP_DIV;
        return true;
    case ZTOKEN_MOD_ASSIGN:
        *op = ZAST_OP_MOD;
        return true;
    case ZTOKEN_POWER_ASSIGN:
        *op = ZAST_OP_POW;
        return true;
    default:
        return false;
    }
}

static struct zast_node *assignment(struct zparser *parser, struct zast_node *target,
                                    enum zast_op op)
{
    struct zast_node *node = zparser_node(parser, ZAST_ASSIGN, &parser->tokens.current);
    if (node == NULL) return NULL;
    if (!is_target(target)) {
        zparser_fail(parser, &parser->tokens.current,
                     "only a name, an element v[i] or a property v.name can be assigned to");
        return NULL;
    }
    node->op = (uint8_t)op;
    node->start = target->start;
    if (op == ZAST_OP_NONE) node->position = target->position;
    node->left = target;
    if (!zparser_advance(parser)) return NULL;
    node->right = zparse_expression(parser);
    return node->right != NULL && zparse_end(parser) ? node : NULL;
}

static struct zast_node *expression_statement(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_EXPRESSION, &parser->tokens.current);
    struct zast_node *value = node != NULL ? zparse_expression(parser) : NULL;
    if (value == NULL) return NULL;
    enum zast_op op;
    if (is_assignment(parser->tokens.current.kind, &op)) return assignment(parser, value, op);
    node->left = value;
    return zparse_end(parser) ? node : NULL;
}

// ---- All of them -------------------------------------------------------------------------------

bool zparse_is_function_declaration(struct zparser *parser)
{
    struct ztokens *tokens = &parser->tokens;
    if (tokens->current.kind != ZTOKEN_ASYNC) return ztokens_peek(tokens, 1)->kind == ZTOKEN_NAME;
    enum ztoken_kind next = ztokens_peek(tokens, 1)->kind;
    if (next != ZTOKEN_ACTION && next != ZTOKEN_FUNCTION) return false;
    return ztokens_peek(tokens, 2)->kind == ZTOKEN_NAME;
}

bool zparse_is_data_declaration(struct zparser *parser)
{
    if (!zparser_is_name(parser, "data")) return false;
    const struct ztoken *next = ztokens_peek(&parser->tokens, 1);
    return next->kind == ZTOKEN_NAME && !next->newline_before;
}

struct zast_node *zparse_statement(struct zparser *parser)
{
    switch (parser->tokens.current.kind) {
    case ZTOKEN_LEFT_BRACE:
        return zparse_block(parser);
    case ZTOKEN_LET:
    case ZTOKEN_CONST:
        return zparse_let(parser);
    case ZTOKEN_IF:
        return branch(parser);
    case ZTOKEN_WHILE:
        return while_loop(parser);
    case ZTOKEN_FOR:
        return for_each(parser);
    case ZTOKEN_TRY:
        return attempt(parser);
    case ZTOKEN_RETURN:
        return return_statement(parser);
    case ZTOKEN_BREAK:
        return jump(parser, ZAST_BREAK);
    case ZTOKEN_CONTINUE:
        return jump(parser, ZAST_CONTINUE);
    case ZTOKEN_THROW:
        return throw_statement(parser);
    case ZTOKEN_PRINT:
        return print(parser);
    case ZTOKEN_ACTION:
    case ZTOKEN_FUNCTION:
    case ZTOKEN_ASYNC:
        if (zparse_is_function_declaration(parser)) return zparse_function_declaration(parser);
        break;
    case ZTOKEN_NAME:
        if (zparse_is_data_declaration(parser)) return zparse_data(parser);
        if (zparse_is_use(parser)) return zparse_use(parser);
        if (zparse_is_export(parser)) return zparse_export(parser);
        break;
    default:
        break;
    }
    return expression_statement(parser);
}
