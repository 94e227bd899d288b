// lang/generate_statement.c - statements. Thread: owner. Recursion follows nesting, which is bounded.
#include "lang/generate_internal.h"

#include "vm/builtin.h"

#include <string.h>

enum { NAMES_MAX = 127 }; // of a pattern: the operand has 7 bits for them

static uint32_t value_or_null(struct zgen *gen, const struct zast_node *node,
                              struct zast_position position)
{
    if (node != NULL) return zgen_operand(gen, node);
    uint32_t reg = zgen_registers(gen, 1, position);
    zgen_abc(gen, ZOP_LOADNULL, reg, 0, 0);
    return reg;
}

static void emit_check(struct zgen *gen, uint32_t check, uint32_t reg,
                       struct zast_position position)
{
    if (check == 0) return;
    zgen_at(gen, position);
    zgen_ad(gen, ZOP_CHECK, reg, check - 1);
}

// ---- Declarations -----------------------------------------------------------------------------

// A value in `reg` becomes the value of a declared name: the first declaration of a variable puts it
// into a fresh cell where one is needed, a repeated one writes the variable there is.
void zgen_declare_value(struct zgen *gen, struct zast_text name, struct zast_variable *variable,
                        bool is_first, struct zast_position position, uint32_t reg)
{
    if (variable == NULL) {
        uint32_t builtin;
        zgen_ad(gen, ZOP_DEFG, reg, zgen_global(gen, name, &builtin));
        zgen_mark_set(gen, name);
    } else if (!is_first) {
        struct zast_name target = {.text = name, .variable = variable};
        zgen_store_name(gen, &target, position, reg);
    } else if (zgen_is_cell(variable)) {
        zgen_abc(gen, ZOP_NEWCELL, variable->reg, reg, 0);
    } else if (variable->reg != reg) {
        zgen_abc(gen, ZOP_MOVE, variable->reg, reg, 0);
    }
}

static void let_first(struct zgen *gen, const struct zast_node *node)
{
    struct zast_variable *variable = node->let.variable;
    zgen_declare(gen, variable, node->let.name_position);
    uint32_t reg = variable->reg;
    if (node->let.value != NULL) {
        zgen_expression(gen, node->let.value, reg);
    } else {
        zgen_abc(gen, ZOP_LOADNULL, reg, 0, 0);
    }
    uint32_t check = zgen_check(gen, &node->let.type, ZCHECK_VARIABLE, node->let.name);
    emit_check(gen, check, reg, node->let.name_position);
    if (zgen_is_cell(variable)) zgen_abc(gen, ZOP_NEWCELL, reg, reg, 0);
}

static void let(struct zgen *gen, const struct zast_node *node)
{
    if (node->let.variable != NULL && node->let.is_first) {
        let_first(gen, node);
        return;
    }
    uint32_t saved = gen->function->next;
    uint32_t reg = value_or_null(gen, node->let.value, node->let.name_position);
    uint32_t check = zgen_check(gen, &node->let.type, ZCHECK_VARIABLE, node->let.name);
    emit_check(gen, check, reg, node->let.name_position);
    zgen_declare_value(gen, node->let.name, node->let.variable, false, node->let.name_position,
                       reg);
    gen->function->next = saved;
}

static uint32_t unpack_list(struct zgen *gen, const struct zast_node *node, uint32_t value)
{
    uint32_t total = node->unpack.target_count + (node->unpack.has_rest ? 1 : 0);
    if (node->unpack.target_count > NAMES_MAX) {
        zgen_error(gen, node->position, "a pattern has too many names (limit 127)");
        return 0;
    }
    uint32_t first = zgen_registers(gen, total, node->position);
    zgen_at(gen, node->position);
    zgen_abc(gen, ZOP_UNPACK, first, value,
             node->unpack.target_count | (node->unpack.has_rest ? 128u : 0));
    return first;
}

static uint32_t unpack_map(struct zgen *gen, const struct zast_node *node, uint32_t value)
{
    uint32_t first = zgen_registers(gen, node->unpack.target_count, node->position);
    zgen_at(gen, node->position);
    zgen_abc(gen, ZOP_CHECKMAP, value, 0, 0);
    uint32_t reg = first;
    for (const struct zast_target *target = node->unpack.targets; target != NULL;
         target = target->next) {
        zgen_abc(gen, ZOP_MAPGET, reg++, value, 0);
        zgen_word(gen, zgen_constant_text(gen, target->key, target->position));
    }
    return first;
}

// A literal of as many elements as there are names: `let [a, b] = [b, a]`. Nobody else can have that
// list, so it is not even made; the elements go where unpacking would put them.
static bool is_literal_for_names(const struct zast_node *node)
{
    const struct zast_node *value = node->unpack.value;
    if (node->unpack.is_map || node->unpack.has_rest || value->kind != ZAST_LIST) return false;
    if (node->unpack.target_count > NAMES_MAX) return false; // told where a list is unpacked
    return value->list.count == node->unpack.target_count;
}

static uint32_t unpack_literal(struct zgen *gen, const struct zast_node *node)
{
    uint32_t first = gen->function->next;
    for (const struct zast_node *element = node->unpack.value->list.first; element != NULL;
         element = element->next) {
        uint32_t reg = zgen_registers(gen, 1, element->start);
        zgen_expression(gen, element, reg);
    }
    return first;
}

// Where the values for the names are.
static uint32_t unpack_value(struct zgen *gen, const struct zast_node *node)
{
    if (is_literal_for_names(node)) return unpack_literal(gen, node);
    uint32_t value = zgen_operand(gen, node->unpack.value);
    return node->unpack.is_map ? unpack_map(gen, node, value) : unpack_list(gen, node, value);
}

static void unpack(struct zgen *gen, const struct zast_node *node)
{
    // The new variables' registers come first, so that they stay when the temporaries go.
    for (struct zast_target *target = node->unpack.targets; target != NULL; target = target->next) {
        if (target->variable != NULL && target->is_first) {
            zgen_declare(gen, target->variable, target->position);
        }
    }
    uint32_t saved = gen->function->next;
    uint32_t reg = unpack_value(gen, node);
    for (const struct zast_target *target = node->unpack.targets; target != NULL;
         target = target->next) {
        zgen_declare_value(gen, target->name, target->variable, target->is_first, target->position,
                           reg++);
    }
    gen->function->next = saved;
}

static void function_declaration(struct zgen *gen, const struct zast_node *node)
{
    struct zast_variable *variable = node->fdecl.variable;
    bool is_first = variable != NULL && node->fdecl.is_first;
    if (is_first) {
        zgen_declare(gen, variable, node->fdecl.name_position);
        if (zgen_is_cell(variable)) { // the function may capture itself: the cell comes first
            zgen_abc(gen, ZOP_LOADNULL, variable->reg, 0, 0);
            zgen_abc(gen, ZOP_NEWCELL, variable->reg, variable->reg, 0);
            is_first = false;
        }
    }
    uint32_t saved = gen->function->next;
    bool in_place = is_first;
    uint32_t reg = in_place ? variable->reg : zgen_registers(gen, 1, node->fdecl.name_position);
    // Nothing runs between making the function and giving it its name.
    if (variable == NULL) zgen_mark_set(gen, node->fdecl.function->name);
    uint32_t first = gen->protos.count;
    zgen_closure(gen, node->fdecl.function, reg, node->fdecl.name_position);
    if (variable == NULL) zgen_note_functions(gen, node->fdecl.function->name, first);
    zgen_declare_value(gen, node->fdecl.function->name, variable, is_first,
                       node->fdecl.name_position, reg);
    gen->function->next = saved;
}

// ---- Assignment -------------------------------------------------------------------------------

// `name op= value` and `name = value`.
static void assign_name(struct zgen *gen, const struct zast_node *node)
{
    const struct zast_name *name = &node->left->name;
    int reg = zgen_name_register(gen, name);
    bool in_place = reg >= 0 && !name->is_const;
    if (node->op == ZAST_OP_NONE && in_place) {
        zgen_expression_to_variable(gen, node->right, (uint32_t)reg);
        return;
    }
    if (node->op == ZAST_OP_NONE) {
        zgen_store_name(gen, name, node->left->position, zgen_operand(gen, node->right));
        return;
    }
    uint32_t left = zgen_operand(gen, node->left);
    uint32_t result = in_place ? (uint32_t)reg : zgen_registers(gen, 1, node->start);
    zgen_binary_op(gen, node, result, left, node->right);
    if (!in_place) zgen_store_name(gen, name, node->left->position, result);
}

static void assign_index(struct zgen *gen, const struct zast_node *node)
{
    const struct zast_node *target = node->left;
    uint32_t object = zgen_operand(gen, target->left);
    uint32_t index = zgen_operand(gen, target->right);
    uint32_t value;
    if (node->op == ZAST_OP_NONE) {
        value = zgen_operand(gen, node->right);
    } else {
        value = zgen_registers(gen, 1, node->start);
        zgen_at(gen, target->position);
        zgen_abc(gen, ZOP_GETIDX, value, object, index);
        zgen_binary_op(gen, node, value, value, node->right);
    }
    zgen_at(gen, target->position);
    zgen_abc(gen, ZOP_SETIDX, object, index, value);
}

static void assign_member(struct zgen *gen, const struct zast_node *node)
{
    const struct zast_node *target = node->left;
    uint32_t object = zgen_operand(gen, target->member.object);
    uint32_t value;
    if (node->op == ZAST_OP_NONE) {
        value = zgen_operand(gen, node->right);
    } else {
        value = zgen_registers(gen, 1, node->start);
        zgen_at(gen, target->position);
        zgen_abc(gen, ZOP_GETF, value, object, 0);
        zgen_word(gen, zgen_site(gen, target->member.name, target->position));
        zgen_binary_op(gen, node, value, value, node->right);
    }
    zgen_at(gen, target->position);
    zgen_abc(gen, ZOP_SETF, object, value, 0);
    zgen_word(gen, zgen_site(gen, target->member.name, target->position));
}

static void assign(struct zgen *gen, const struct zast_node *node)
{
    uint32_t saved = gen->function->next;
    switch (node->left->kind) {
    case ZAST_NAME:
        assign_name(gen, node);
        break;
    case ZAST_INDEX:
        assign_index(gen, node);
        break;
    default:
        assign_member(gen, node);
        break;
    }
    gen->function->next = saved;
}

// ---- Branches and loops -----------------------------------------------------------------------

static void branch(struct zgen *gen, const struct zast_node *node)
{
    struct zgen_jumps end = {0};
    for (const struct zast_node *arm = node->branch.arms; arm != NULL; arm = arm->next) {
        struct zgen_jumps next = {0};
        zgen_condition(gen, arm->conditional.condition, false, &next);
        zgen_block_scope(gen, arm->conditional.yes);
        if (arm->next != NULL || node->branch.otherwise != NULL) zgen_jump(gen, &end);
        zgen_bind(gen, &next);
        if (gen->status != ZVM_OK) break;
    }
    if (node->branch.otherwise != NULL) zgen_block_scope(gen, node->branch.otherwise);
    zgen_bind(gen, &end);
}

// The condition stands behind the body, so that one branch a round is enough.
static void while_loop(struct zgen *gen, const struct zast_node *node)
{
    struct zgen_block loop = {.kind = ZGEN_LOOP, .outer = gen->function->block};
    struct zgen_jumps to_condition = {0};
    zgen_jump(gen, &to_condition);
    uint32_t body = zgen_pc(gen);
    gen->function->block = &loop;
    zgen_block_scope(gen, node->loop.body);
    gen->function->block = loop.outer;
    zgen_bind(gen, &to_condition);
    zgen_bind(gen, &loop.continues);
    zgen_condition_back(gen, node->loop.condition, body);
    zgen_bind(gen, &loop.breaks);
}

// range(…), the builtin, with as many arguments as it takes: walked without making a list.
static bool is_range(struct zgen *gen, const struct zast_node *node)
{
    if (node->kind != ZAST_CALL || node->flags & ZAST_FLAG_NAMED) return false;
    const struct zast_node *callee = node->call.callee;
    if (callee->kind != ZAST_NAME || callee->name.variable != NULL) return false;
    struct zast_text name = callee->name.text;
    if (name.length_bytes != 5 || memcmp(name.bytes, "range", 5) != 0) return false;
    uint32_t builtin, count = 0;
    (void)zgen_global(gen, name, &builtin);
    for (const struct zast_node *value = node->call.arguments; value != NULL; value = value->next) {
        count++;
    }
    return builtin != ZBUILTIN_NONE && count >= 1 && count <= 3;
}

// The instruction that goes on with the walk.
static enum zopcode range_begin(struct zgen *gen, const struct zast_node *call, uint32_t state)
{
    uint32_t count = 0;
    for (const struct zast_node *value = call->call.arguments; value != NULL; value = value->next) {
        zgen_expression(gen, value, state + count++);
    }
    zgen_at(gen, call->position);
    zgen_abc(gen, ZOP_RANGEPREP, state, count, 0);
    return count < 3 ? ZOP_RANGEUP : ZOP_RANGENEXT;
}

static void for_each(struct zgen *gen, const struct zast_node *node)
{
    uint32_t saved = gen->function->next;
    uint32_t names = node->foreach.name_count;
    bool in_range = names == 1 && is_range(gen, node->foreach.iterable);
    uint32_t state = zgen_registers(gen, 3, node->position);
    enum zopcode next = ZOP_ITERNEXT;
    if (in_range) {
        next = range_begin(gen, node->foreach.iterable, state);
    } else {
        zgen_expression(gen, node->foreach.iterable, state);
        zgen_at(gen, node->position);
        zgen_abc(gen, ZOP_ITERPREP, state, names, 0);
    }
    struct zgen_block loop = {.kind = ZGEN_LOOP, .outer = gen->function->block};
    struct zgen_jumps to_next = {0};
    zgen_jump(gen, &to_next);
    uint32_t body = zgen_pc(gen);
    for (struct zast_target *name = node->foreach.names; name != NULL; name = name->next) {
        zgen_declare(gen, name->variable, name->position);
        if (!zgen_is_cell(name->variable)) continue;
        zgen_abc(gen, ZOP_NEWCELL, name->variable->reg, name->variable->reg, 0);
    }
    gen->function->block = &loop;
    zgen_block_scope(gen, node->foreach.body);
    gen->function->block = loop.outer;
    zgen_bind(gen, &to_next);
    zgen_bind(gen, &loop.continues);
    zgen_at(gen, node->position);
    zgen_abc(gen, next, state, names, 0);
    zgen_loop_aux(gen, body);
    zgen_bind(gen, &loop.breaks);
    gen->function->next = saved;
}

// ---- The rest ---------------------------------------------------------------------------------

static void print(struct zgen *gen, const struct zast_node *node)
{
    uint32_t first = gen->function->next;
    for (const struct zast_node *value = node->list.first; value != NULL; value = value->next) {
        uint32_t reg = zgen_registers(gen, 1, value->start);
        zgen_expression(gen, value, reg);
        if (gen->status != ZVM_OK) return;
    }
    zgen_at(gen, node->position);
    zgen_abc(gen, ZOP_PRINT, first, gen->function->next - first, 0);
    gen->function->next = first;
}

static void statement(struct zgen *gen, const struct zast_node *node)
{
    uint32_t saved = gen->function->next;
    zgen_at(gen, node->start); // what can fail says where; this is for the reader of a listing
    switch (node->kind) {
    case ZAST_BLOCK:
        zgen_block_scope(gen, node);
        return;
    case ZAST_LET:
        let(gen, node);
        return; // keeps the registers of what it declares
    case ZAST_UNPACK:
        unpack(gen, node);
        return;
    case ZAST_FDECL:
        function_declaration(gen, node);
        return;
    case ZAST_DATA:
        zgen_data(gen, node);
        return;
    case ZAST_IF:
        branch(gen, node);
        break;
    case ZAST_WHILE:
        while_loop(gen, node);
        break;
    case ZAST_FOREACH:
        for_each(gen, node);
        break;
    case ZAST_TRY:
        zgen_try(gen, node);
        break;
    case ZAST_RETURN:
        zgen_leave(gen, ZGEN_EXIT_RETURN, value_or_null(gen, node->left, node->start), node->start);
        break;
    case ZAST_BREAK:
        zgen_leave(gen, ZGEN_EXIT_BREAK, 0, node->start);
        break;
    case ZAST_CONTINUE:
        zgen_leave(gen, ZGEN_EXIT_CONTINUE, 0, node->start);
        break;
    case ZAST_THROW: {
        uint32_t value = zgen_operand(gen, node->left);
        zgen_at(gen, node->position);
        zgen_abc(gen, ZOP_THROW, value, 0, 0);
        break;
    }
    case ZAST_PRINT:
        print(gen, node);
        break;
    case ZAST_ASSIGN:
        assign(gen, node);
        break;
    case ZAST_USE:
        zgen_use(gen, node);
        break;
    case ZAST_EXPRESSION:
        (void)zgen_operand(gen, node->left);
        break;
    default:
        zgen_fail(gen, ZVM_E_INTERNAL);
        break;
    }
    gen->function->next = saved;
}

void zgen_statements(struct zgen *gen, const struct zast_node *first)
{
    for (const struct zast_node *node = first; node != NULL && gen->status == ZVM_OK;
         node = node->next) {
        statement(gen, node);
    }
}

// In `_`, where the next piece of the session finds it.
static void show(struct zgen *gen, const struct zast_node *node)
{
    static const struct zast_text name = {"_", 1};
    struct zgen_jumps shown = {0}, skipped = {0};
    uint32_t builtin, saved = gen->function->next;
    uint32_t value = zgen_operand(gen, node->left);
    zgen_abc(gen, ZOP_JNOTNULL, value, 0, 0);
    zgen_jump_aux(gen, &shown);
    zgen_jump(gen, &skipped);
    zgen_bind(gen, &shown);
    zgen_ad(gen, ZOP_DEFG, value, zgen_global(gen, name, &builtin));
    zgen_at(gen, node->start);
    zgen_abc(gen, ZOP_PRINT, value, 1, 0);
    zgen_bind(gen, &skipped);
    gen->function->next = saved;
}

void zgen_shown_statements(struct zgen *gen, const struct zast_node *first)
{
    for (const struct zast_node *node = first; node != NULL && gen->status == ZVM_OK;
         node = node->next) {
        if (node->next == NULL && node->kind == ZAST_EXPRESSION) {
            show(gen, node);
        } else {
            statement(gen, node);
        }
    }
}

void zgen_block_scope(struct zgen *gen, const struct zast_node *block)
{
    uint32_t saved = gen->function->next;
    zgen_statements(gen, block->block.statements);
    gen->function->next = saved;
}
