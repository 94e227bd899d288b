// Goal: what the tests of the lang folder share: parsing a text, and a tree as text.
// Use: lang_parse and lang_check_failure; lang_show_list writes each statement after a space, as
// nested lists that begin with the operator or keyword.
#ifndef ZVM_TESTS_LANG_FIXTURE_H
#define ZVM_TESTS_LANG_FIXTURE_H

#include "base/strbuf.h"
#include "lang/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- The tree as text --------------------------------------------------------------------------

static inline void lang_show(struct zstrbuf *out, const struct zast_node *node);

static inline void lang_show_text(struct zstrbuf *out, struct zast_text text)
{
    zstrbuf_add(out, text.bytes, text.length_bytes);
}

static inline void lang_show_list(struct zstrbuf *out, const struct zast_node *node)
{
    for (; node != NULL; node = node->next) {
        zstrbuf_add_text(out, " ");
        lang_show(out, node);
    }
}

static inline void lang_show_type(struct zstrbuf *out, const char *before,
                                  const struct zast_type *type)
{
    if (type->name.length_bytes == 0) return;
    zstrbuf_add_text(out, before);
    lang_show_text(out, type->name);
}

static inline void lang_show_function(struct zstrbuf *out, const struct zast_function *function)
{
    zstrbuf_add_text(out, function->is_async ? "(async " : "(fn ");
    lang_show_text(out, function->name);
    zstrbuf_add_text(out, "[");
    uint32_t count = 0;
    for (const struct zast_param *param = function->params; param != NULL; param = param->next) {
        if (count++ > 0) zstrbuf_add_text(out, " ");
        lang_show_text(out, param->name);
        lang_show_type(out, ":", &param->type);
    }
    assert_int_equal(count, function->param_count);
    zstrbuf_add_text(out, "]");
    lang_show_type(out, "->", &function->result);
    assert_int_equal(function->is_expression, function->body->kind != ZAST_BLOCK);
    zstrbuf_add_text(out, " ");
    lang_show(out, function->body);
    zstrbuf_add_text(out, ")");
}

static inline void lang_show_targets(struct zstrbuf *out, const struct zast_target *target,
                                     const char *open)
{
    zstrbuf_add_text(out, open);
    for (; target != NULL; target = target->next) {
        if (target->is_rest) zstrbuf_add_text(out, "...");
        if (target->key.length_bytes > 0) {
            lang_show_text(out, target->key);
            zstrbuf_add_text(out, ":");
        }
        lang_show_text(out, target->name);
        if (target->next != NULL) zstrbuf_add_text(out, " ");
    }
    zstrbuf_add_text(out, "]");
}

static inline const char *lang_op_text(const struct zast_node *node)
{
    static const char *const texts[] = {
        "=", "+", "-", "*", "/", "%", "**", "==", "!=", "<", "<=", ">", ">=", "neg", "!"};
    switch (node->kind) {
    case ZAST_AND:
        return "&&";
    case ZAST_OR:
        return "||";
    case ZAST_COALESCE:
        return "??";
    case ZAST_AWAIT:
        return "await";
    case ZAST_INDEX:
        return "at";
    case ZAST_RETURN:
        return "return";
    case ZAST_THROW:
        return "throw";
    case ZAST_EXPRESSION:
        return "do";
    case ZAST_PATTERN_LITERAL:
        return "lit";
    default:
        return texts[node->op];
    }
}

static inline void lang_show_call(struct zstrbuf *out, const struct zast_node *node)
{
    zstrbuf_add_text(out, node->kind == ZAST_CALL ? "(call " : "(is ");
    lang_show(out, node->call.callee);
    const struct zast_target *name = node->call.argument_names;
    assert_int_equal(name != NULL, (node->flags & ZAST_FLAG_NAMED) != 0);
    uint32_t count = 0;
    for (const struct zast_node *item = node->call.arguments; item != NULL; item = item->next) {
        zstrbuf_add_text(out, " ");
        if (name != NULL) {
            lang_show_text(out, name->name);
            zstrbuf_add_text(out, "=");
            name = name->next;
        }
        lang_show(out, item);
        count++;
    }
    assert_int_equal(count, node->call.argument_count);
    zstrbuf_add_text(out, ")");
}

static inline void lang_show_let(struct zstrbuf *out, const struct zast_node *node)
{
    zstrbuf_add_text(out, node->flags & ZAST_FLAG_CONST ? "(const " : "(let ");
    if (node->kind == ZAST_UNPACK) {
        lang_show_targets(out, node->unpack.targets, node->unpack.is_map ? "map[" : "list[");
        zstrbuf_add_text(out, " ");
        lang_show(out, node->unpack.value);
    } else {
        lang_show_text(out, node->let.name);
        lang_show_type(out, ":", &node->let.type);
        if (node->let.value != NULL) zstrbuf_add_text(out, " ");
        if (node->let.value != NULL) lang_show(out, node->let.value);
    }
    zstrbuf_add_text(out, ")");
}

static inline void lang_show_data(struct zstrbuf *out, const struct zast_node *node)
{
    zstrbuf_add_text(out, "(data ");
    lang_show_text(out, node->data.name);
    if (node->data.parent.length_bytes > 0) zstrbuf_add_text(out, "<");
    lang_show_text(out, node->data.parent);
    const struct zast_member_declaration *member = node->data.members;
    for (; member != NULL; member = member->next) {
        zstrbuf_add_text(out, member->is_method ? " method:" : " ");
        lang_show_text(out, member->name);
        lang_show_type(out, ":", &member->type);
        if (member->function == NULL) continue;
        assert_int_equal(member->function->is_method, member->is_method);
        zstrbuf_add_text(out, "=");
        lang_show_function(out, member->function);
    }
    zstrbuf_add_text(out, ")");
}

// A keyword and up to three parts, those that are there.
static inline void lang_show_parts(struct zstrbuf *out, const char *word, const struct zast_node *a,
                                   const struct zast_node *b, const struct zast_node *c)
{
    const struct zast_node *parts[] = {a, b, c};
    zstrbuf_add_format(out, "(%s", word);
    for (int i = 0; i < 3; i++) {
        if (parts[i] == NULL) continue;
        zstrbuf_add_text(out, " ");
        lang_show(out, parts[i]);
    }
    zstrbuf_add_text(out, ")");
}

static inline void lang_show_statement(struct zstrbuf *out, const struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_FDECL:
        lang_show_function(out, node->fdecl.function);
        return;
    case ZAST_DATA:
        lang_show_data(out, node);
        return;
    case ZAST_IF:
        zstrbuf_add_text(out, "(if");
        lang_show_list(out, node->branch.arms);
        lang_show_list(out, node->branch.otherwise);
        break;
    case ZAST_WHILE:
        lang_show_parts(out, "while", node->loop.condition, node->loop.body, NULL);
        return;
    case ZAST_FOREACH:
        lang_show_targets(out, node->foreach.names, "(for [");
        lang_show_list(out, node->foreach.iterable);
        lang_show_list(out, node->foreach.body);
        break;
    case ZAST_TRY:
        zstrbuf_add_text(out, "(try ");
        lang_show_text(out, node->attempt.name);
        lang_show_parts(out, "", node->attempt.body, node->attempt.handler,
                        node->attempt.finalizer);
        break;
    case ZAST_BREAK:
        zstrbuf_add_text(out, "(break");
        break;
    case ZAST_CONTINUE:
        zstrbuf_add_text(out, "(continue");
        break;
    case ZAST_PRINT:
        zstrbuf_add_text(out, "(print");
        lang_show_list(out, node->list.first);
        break;
    case ZAST_ASSIGN:
        zstrbuf_add_text(out, "(set ");
        lang_show_parts(out, lang_op_text(node), node->left, node->right, NULL);
        break;
    default:
        lang_show_let(out, node);
        return;
    }
    zstrbuf_add_text(out, ")");
}

static inline void lang_show(struct zstrbuf *out, const struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_NULL:
        zstrbuf_add_text(out, "null");
        break;
    case ZAST_TRUE:
        zstrbuf_add_text(out, "true");
        break;
    case ZAST_FALSE:
        zstrbuf_add_text(out, "false");
        break;
    case ZAST_THIS:
        zstrbuf_add_text(out, "this");
        break;
    case ZAST_PATTERN_ANY:
        zstrbuf_add_text(out, "_");
        break;
    case ZAST_INT:
        zstrbuf_add_int(out, node->integer);
        break;
    case ZAST_FLOAT:
        zstrbuf_add_format(out, "%gf", node->number);
        break;
    case ZAST_NAME:
        lang_show_text(out, node->name.text);
        break;
    case ZAST_PATTERN_NAME:
        lang_show_text(out, node->let.name);
        break;
    case ZAST_STRING:
        zstrbuf_add_text(out, "'");
        lang_show_text(out, node->text);
        zstrbuf_add_text(out, "'");
        break;
    case ZAST_INTERPOLATE:
    case ZAST_LIST:
    case ZAST_MAP:
        zstrbuf_add_text(out, node->kind == ZAST_LIST  ? "(list"
                              : node->kind == ZAST_MAP ? "(map"
                                                       : "(join");
        lang_show_list(out, node->list.first);
        zstrbuf_add_text(out, ")");
        break;
    case ZAST_UNARY:
    case ZAST_AWAIT:
    case ZAST_RETURN:
    case ZAST_THROW:
    case ZAST_EXPRESSION:
    case ZAST_PATTERN_LITERAL:
        lang_show_parts(out, lang_op_text(node), node->left, NULL, NULL);
        break;
    case ZAST_BINARY:
    case ZAST_AND:
    case ZAST_OR:
    case ZAST_COALESCE:
    case ZAST_INDEX:
        lang_show_parts(out, lang_op_text(node), node->left, node->right, NULL);
        break;
    case ZAST_CONDITIONAL:
        lang_show_parts(out, "?", node->conditional.condition, node->conditional.yes,
                        node->conditional.no);
        break;
    case ZAST_CALL:
    case ZAST_PATTERN_DATA:
        lang_show_call(out, node);
        break;
    case ZAST_MEMBER:
        lang_show_parts(out, ".", node->member.object, NULL, NULL);
        lang_show_text(out, node->member.name);
        break;
    case ZAST_FUNCTION:
        lang_show_function(out, node->function);
        break;
    case ZAST_MATCH:
        zstrbuf_add_text(out, "(match ");
        lang_show(out, node->match.subject);
        lang_show_list(out, node->match.arms);
        zstrbuf_add_text(out, ")");
        break;
    case ZAST_BLOCK:
        zstrbuf_add_text(out, "{");
        lang_show_list(out, node->block.statements);
        zstrbuf_add_text(out, " }");
        break;
    default:
        lang_show_statement(out, node);
        break;
    }
}

// ---- Parsing -----------------------------------------------------------------------------------

static inline bool lang_collect(void *context, const char *text, size_t length_bytes)
{
    zstrbuf_add(context, text, length_bytes);
    return true;
}

// Parses what must be right.
static inline void lang_parse(const char *text, struct zast_program *out)
{
    struct zstrbuf messages;
    zstrbuf_init(&messages);
    struct zdiagnostics diagnostics = {.file_name = "f",
                                       .text = text,
                                       .length_bytes = strlen(text),
                                       .write = lang_collect,
                                       .context = &messages};
    zvm_status status = zlang_parse(&diagnostics, out);
    assert_string_equal(zstrbuf_text(&messages), "");
    assert_int_equal(status, ZVM_OK);
    assert_int_equal(diagnostics.count, 0);
    zstrbuf_deinit(&messages);
}

// Parses what must be wrong; expected: how the one diagnostic begins, from the file name on.
static inline void lang_check_failure_bytes(const char *text, size_t length_bytes,
                                            zvm_status wanted, const char *expected)
{
    struct zstrbuf messages;
    zstrbuf_init(&messages);
    struct zdiagnostics diagnostics = {.file_name = "f",
                                       .text = text,
                                       .length_bytes = length_bytes,
                                       .write = lang_collect,
                                       .context = &messages};
    struct zast_program program = {0};
    assert_int_equal(zlang_parse(&diagnostics, &program), wanted);
    assert_int_equal(diagnostics.count, 1);
    assert_null(program.arena);
    if (strncmp(zstrbuf_text(&messages), expected, strlen(expected)) != 0)
        assert_string_equal(zstrbuf_text(&messages), expected);
    zstrbuf_deinit(&messages);
}

static inline void lang_check_failure(const char *text, const char *expected)
{
    lang_check_failure_bytes(text, strlen(text), ZVM_E_SYNTAX, expected);
}

// A text of `count` copies of `unit` between two others. Free it with free.
static inline char *lang_repeat(const char *before, const char *unit, size_t count,
                                const char *after)
{
    size_t unit_bytes = strlen(unit);
    char *text = malloc(strlen(before) + unit_bytes * count + strlen(after) + 1);
    assert_non_null(text);
    char *end = stpcpy(text, before);
    for (size_t i = 0; i < count; i++)
        end = stpcpy(end, unit);
    stpcpy(end, after);
    return text;
}

#endif // ZVM_TESTS_LANG_FIXTURE_H
