// lang/generate_condition.c - conditions as jumps: comparisons branch without making a boolean.
// Thread: owner.
#include "lang/generate_internal.h"

// One comparison's four branches: with registers or a small integer, jumping when it holds or does not.
struct branch_ops {
    uint8_t holds, fails, holds_small, fails_small, back, back_small;
};

static const struct branch_ops BRANCH_OPS[] = {
    [ZAST_OP_LT] = {ZOP_JLT, ZOP_JNLT, ZOP_JLTI, ZOP_JNLTI, ZOP_LJLT, ZOP_LJLTI},
    [ZAST_OP_LE] = {ZOP_JLE, ZOP_JNLE, ZOP_JLEI, ZOP_JNLEI, ZOP_LJLE, ZOP_LJLEI},
    [ZAST_OP_GT] = {ZOP_JGT, ZOP_JNGT, ZOP_JGTI, ZOP_JNGTI, ZOP_LJGT, ZOP_LJGTI},
    [ZAST_OP_GE] = {ZOP_JGE, ZOP_JNGE, ZOP_JGEI, ZOP_JNGEI, ZOP_LJGE, ZOP_LJGEI},
};

static bool is_order(const struct zast_node *node)
{
    return node->kind == ZAST_BINARY && node->op >= ZAST_OP_LT && node->op <= ZAST_OP_GE;
}

static bool is_equality(const struct zast_node *node)
{
    return node->kind == ZAST_BINARY && (node->op == ZAST_OP_EQ || node->op == ZAST_OP_NE);
}

static bool is_small(const struct zast_node *node)
{
    return node->kind == ZAST_INT && node->integer >= INT16_MIN && node->integer <= INT16_MAX;
}

bool zgen_literal_value(struct zgen *gen, const struct zast_node *node, struct zvalue *value)
{
    switch (node->kind) {
    case ZAST_NULL:
        *value = zvalue_null();
        return true;
    case ZAST_TRUE:
    case ZAST_FALSE:
        *value = zvalue_bool(node->kind == ZAST_TRUE);
        return true;
    case ZAST_INT:
        *value = zvalue_int(node->integer);
        return true;
    case ZAST_FLOAT:
        *value = zvalue_float(node->number);
        return true;
    case ZAST_STRING: {
        if (node->text.length_bytes > ZINTERN_MAX_BYTES) return false;
        const struct zstring *symbol = zgen_symbol(gen, node->text, node->start);
        *value = symbol == NULL ? zvalue_null() : zvalue_object(symbol, ZTAG_SYMBOL);
        return true;
    }
    default:
        return false;
    }
}

bool zgen_literal_constant(struct zgen *gen, const struct zast_node *node, uint32_t *constant)
{
    struct zvalue value;
    if (!zgen_literal_value(gen, node, &value)) return false;
    *constant = zgen_constant(gen, value);
    return true;
}

// The branch of a comparison up to its AUX word. back: the looping form (only for `sense` true; of
// equality only !=).
static void comparison(struct zgen *gen, const struct zast_node *node, bool sense, bool back)
{
    uint32_t saved = gen->function->next;
    uint32_t left = zgen_operand(gen, node->left);
    if (is_order(node)) {
        const struct branch_ops *ops = &BRANCH_OPS[node->op];
        if (is_small(node->right)) {
            uint8_t op = back ? ops->back_small : sense ? ops->holds_small : ops->fails_small;
            zgen_at(gen, node->position);
            zgen_ad(gen, op, left, (uint32_t)node->right->integer & 0xffff);
        } else {
            uint8_t op = back ? ops->back : sense ? ops->holds : ops->fails;
            uint32_t right = zgen_operand(gen, node->right);
            zgen_at(gen, node->position);
            zgen_abc(gen, op, left, right, 0);
        }
    } else {
        bool jumps_if_equal = (node->op == ZAST_OP_EQ) == sense;
        uint32_t constant;
        if (zgen_literal_constant(gen, node->right, &constant)) {
            zgen_at(gen, node->position);
            zgen_ad(gen, back ? ZOP_LJNEK : jumps_if_equal ? ZOP_JEQK : ZOP_JNEK, left, constant);
        } else {
            uint32_t right = zgen_operand(gen, node->right);
            zgen_at(gen, node->position);
            zgen_abc(gen, back ? ZOP_LJNE : jumps_if_equal ? ZOP_JEQ : ZOP_JNE, left, right, 0);
        }
    }
    gen->function->next = saved;
}

// A chain of && or ||. Each operand but the last can decide alone: to `jumps` when that is what `sense`
// asks for, else past the chain.
static void chain(struct zgen *gen, const struct zast_node *node, bool sense,
                  struct zgen_jumps *jumps)
{
    const struct zast_node *leftmost;
    uint32_t count;
    const struct zast_node **spine = zgen_spine(gen, node, node->kind, &leftmost, &count);
    if (spine == NULL) return;
    bool decides = node->kind == ZAST_OR; // the truth of one operand that ends the chain
    struct zgen_jumps past = {0};
    for (uint32_t i = 0; i <= count; i++) {
        const struct zast_node *operand = i == 0 ? leftmost : spine[i - 1]->right;
        if (i == count) {
            zgen_condition(gen, operand, sense, jumps);
        } else {
            zgen_condition(gen, operand, decides, decides == sense ? jumps : &past);
        }
    }
    zgen_bind(gen, &past);
}

void zgen_condition(struct zgen *gen, const struct zast_node *node, bool sense,
                    struct zgen_jumps *jumps)
{
    if (gen->status != ZVM_OK) return;
    if (is_order(node) || is_equality(node)) {
        comparison(gen, node, sense, false);
        zgen_jump_aux(gen, jumps);
        return;
    }
    switch (node->kind) {
    case ZAST_AND:
    case ZAST_OR:
        chain(gen, node, sense, jumps);
        return;
    case ZAST_TRUE:
        if (sense) zgen_jump(gen, jumps);
        return;
    case ZAST_NULL:
    case ZAST_FALSE:
        if (!sense) zgen_jump(gen, jumps);
        return;
    default:
        break;
    }
    if (node->kind == ZAST_UNARY && node->op == ZAST_OP_NOT) {
        zgen_condition(gen, node->left, !sense, jumps);
        return;
    }
    uint32_t saved = gen->function->next;
    uint32_t value = zgen_operand(gen, node);
    zgen_abc(gen, sense ? ZOP_JT : ZOP_JF, value, 0, 0);
    zgen_jump_aux(gen, jumps);
    gen->function->next = saved;
}

void zgen_condition_back(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    if (gen->status != ZVM_OK) return;
    if (is_order(node) || (node->kind == ZAST_BINARY && node->op == ZAST_OP_NE)) {
        comparison(gen, node, true, true);
        zgen_loop_aux(gen, target);
        return;
    }
    struct zgen_jumps out = {0};
    switch (node->kind) {
    case ZAST_TRUE:
        zgen_loop(gen, target);
        return;
    case ZAST_AND:
    case ZAST_OR:
    case ZAST_NULL:
    case ZAST_FALSE:
    case ZAST_BINARY:
        zgen_condition(gen, node, false, &out);
        if (node->kind != ZAST_NULL && node->kind != ZAST_FALSE) zgen_loop(gen, target);
        zgen_bind(gen, &out);
        return;
    default:
        break;
    }
    bool is_not = node->kind == ZAST_UNARY && node->op == ZAST_OP_NOT;
    uint32_t saved = gen->function->next;
    uint32_t value = zgen_operand(gen, is_not ? node->left : node);
    zgen_abc(gen, is_not ? ZOP_LJF : ZOP_LJT, value, 0, 0);
    zgen_loop_aux(gen, target);
    gen->function->next = saved;
}
