// lang/generate_match.c - match: each arm is tests that jump to the next arm, then its value.
//
// Nothing is made for a pattern: a part of an instance is read into a register, the variable's own where
// a name binds it. What a test needs stands above the bindings so far and goes with the arm.
// Thread: owner. Recursion follows nesting, which the parser bounds.
#include "lang/generate_internal.h"

#define PARTS_MAX 250 // of one pattern: more than any instance has

static void pattern(struct zgen *gen, const struct zast_node *node, uint32_t subject,
                    struct zgen_jumps *next_arm);

static void bind_name(struct zgen *gen, const struct zast_node *node, uint32_t subject)
{
    struct zast_variable *variable = node->let.variable;
    if (node->let.is_first) zgen_declare(gen, variable, node->start);
    zgen_declare_value(gen, node->let.name, variable, node->let.is_first, node->start, subject);
}

static void literal(struct zgen *gen, const struct zast_node *node, uint32_t subject,
                    struct zgen_jumps *next_arm)
{
    uint32_t constant;
    uint32_t saved = gen->function->next;
    if (zgen_literal_constant(gen, node->left, &constant)) {
        zgen_ad(gen, ZOP_JNEK, subject, constant);
    } else {
        uint32_t right = zgen_operand(gen, node->left);
        zgen_abc(gen, ZOP_JNE, subject, right, 0);
    }
    zgen_jump_aux(gen, next_arm);
    gen->function->next = saved;
}

// One field of an instance against its pattern.
static void part(struct zgen *gen, const struct zast_node *node, uint32_t record, uint32_t index,
                 struct zgen_jumps *next_arm)
{
    if (node->kind == ZAST_PATTERN_ANY) return;
    uint32_t saved = gen->function->next;
    bool is_plain_name = node->kind == ZAST_PATTERN_NAME && node->let.is_first;
    if (is_plain_name && !zgen_is_cell(node->let.variable)) {
        zgen_declare(gen, node->let.variable, node->start);
        zgen_abc(gen, ZOP_GETSLOT, node->let.variable->reg, record, index);
        return;
    }
    uint32_t value;
    if (is_plain_name) { // the register of the binding serves until its cell is made
        zgen_declare(gen, node->let.variable, node->start);
        value = node->let.variable->reg;
        zgen_abc(gen, ZOP_GETSLOT, value, record, index);
        zgen_abc(gen, ZOP_NEWCELL, value, value, 0);
        return;
    }
    value = zgen_registers(gen, 1, node->start);
    zgen_abc(gen, ZOP_GETSLOT, value, record, index);
    pattern(gen, node, value, next_arm);
    if (node->kind != ZAST_PATTERN_DATA) gen->function->next = saved; // else bindings stand above
}

static void instance(struct zgen *gen, const struct zast_node *node, uint32_t subject,
                     struct zgen_jumps *next_arm)
{
    const struct zast_node *callee = node->call.callee;
    uint32_t count = 0;
    for (const struct zast_node *item = node->call.arguments; item != NULL; item = item->next) {
        count++;
    }
    if (count > PARTS_MAX) {
        zgen_error(gen, node->start, "a pattern has too many parts (limit %d)", PARTS_MAX);
        return;
    }
    uint32_t saved = gen->function->next;
    uint32_t type = zgen_operand(gen, callee);
    zgen_at(gen, callee->position);
    zgen_ad(gen, ZOP_CHECKDATA, type, zgen_constant_text(gen, callee->name.text, callee->position));
    zgen_abc(gen, ZOP_JNDATA, subject, type, count);
    zgen_jump_aux(gen, next_arm);
    gen->function->next = saved;
    uint32_t index = 0;
    for (const struct zast_node *item = node->call.arguments; item != NULL && gen->status == ZVM_OK;
         item = item->next) {
        part(gen, item, subject, index++, next_arm);
    }
}

static void pattern(struct zgen *gen, const struct zast_node *node, uint32_t subject,
                    struct zgen_jumps *next_arm)
{
    switch (node->kind) {
    case ZAST_PATTERN_NAME:
        bind_name(gen, node, subject);
        break;
    case ZAST_PATTERN_LITERAL:
        literal(gen, node, subject, next_arm);
        break;
    case ZAST_PATTERN_DATA:
        instance(gen, node, subject, next_arm);
        break;
    default: // ZAST_PATTERN_ANY
        break;
    }
}

static bool always_matches(const struct zast_node *node)
{
    return node->kind == ZAST_PATTERN_ANY || node->kind == ZAST_PATTERN_NAME;
}

void zgen_match(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    uint32_t saved = gen->function->next;
    // In a register of its own: an arm may assign the variable that it came from.
    uint32_t subject = zgen_registers(gen, 1, node->start);
    zgen_expression(gen, node->match.subject, subject);
    struct zgen_jumps end = {0};
    bool is_total = false;
    uint32_t above = gen->function->next;
    for (const struct zast_node *arm = node->match.arms; arm != NULL && gen->status == ZVM_OK;
         arm = arm->next) {
        struct zgen_jumps next_arm = {0};
        zgen_at(gen, node->position);
        pattern(gen, arm->conditional.condition, subject, &next_arm);
        zgen_expression(gen, arm->conditional.yes, target);
        is_total = is_total || always_matches(arm->conditional.condition);
        bool is_last = is_total && arm->next == NULL;
        if (!is_last) zgen_jump(gen, &end);
        zgen_bind(gen, &next_arm);
        gen->function->next = above;
    }
    if (!is_total) {
        zgen_at(gen, node->position);
        zgen_abc(gen, ZOP_ERRMATCH, subject, 0, 0);
    }
    zgen_bind(gen, &end);
    gen->function->next = saved;
}
