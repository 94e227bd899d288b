// lang/fold.c - operators on literals, done once when the program is read.
//
// Only what is certain to give a value is folded: an overflow, a division by zero or a wrong type stays
// in the program and fails at run time, at its place, if it is ever reached. Numbers of one type only, with the
// the operations of vm/arith.c. Texts are not joined: a long chain of them would be copied at each link.
// The parser folds each operator as it makes its node, so operands are folded already and nothing here
// recurs. Thread: owner.
#define ZVM_LANG_PARSER
#include "lang/parser_internal.h"

static bool fold_int(enum zast_op op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case ZAST_OP_ADD:
        return !__builtin_add_overflow(a, b, out);
    case ZAST_OP_SUB:
        return !__builtin_sub_overflow(a, b, out);
    case ZAST_OP_MUL:
        return !__builtin_mul_overflow(a, b, out);
    case ZAST_OP_DIV:
        if (b == 0 || b == -1) return false; // an error, or one for the smallest integer
        *out = a / b - (a % b != 0 && (a < 0) != (b < 0));
        return true;
    case ZAST_OP_MOD:
        if (b == 0 || b == -1) return false;
        *out = a % b;
        if (*out != 0 && (*out < 0) != (b < 0)) *out += b;
        return true;
    default:
        return false;
    }
}

static bool fold_float(enum zast_op op, double a, double b, double *out)
{
    switch (op) {
    case ZAST_OP_ADD:
        *out = a + b;
        return true;
    case ZAST_OP_SUB:
        *out = a - b;
        return true;
    case ZAST_OP_MUL:
        *out = a * b;
        return true;
    case ZAST_OP_DIV:
        if (b == 0) return false;
        *out = a / b;
        return true;
    default:
        return false;
    }
}

// order: <0, 0 or >0, as a compares to b; is_ordered: neither is nan.
static bool fold_comparison(enum zast_op op, int order, bool is_ordered, bool *out)
{
    switch (op) {
    case ZAST_OP_EQ:
        *out = is_ordered && order == 0;
        return true;
    case ZAST_OP_NE:
        *out = !is_ordered || order != 0;
        return true;
    case ZAST_OP_LT:
        *out = is_ordered && order < 0;
        return true;
    case ZAST_OP_LE:
        *out = is_ordered && order <= 0;
        return true;
    case ZAST_OP_GT:
        *out = is_ordered && order > 0;
        return true;
    case ZAST_OP_GE:
        *out = is_ordered && order >= 0;
        return true;
    default:
        return false;
    }
}

static void become_bool(struct zast_node *node, bool value)
{
    node->kind = value ? ZAST_TRUE : ZAST_FALSE;
}

static void fold_ints(struct zast_node *node, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool holds;
    if (fold_int(node->op, a, b, &result)) {
        node->kind = ZAST_INT;
        node->integer = result;
    } else if (fold_comparison(node->op, (a > b) - (a < b), true, &holds)) {
        become_bool(node, holds);
    }
}

static void fold_floats(struct zast_node *node, double a, double b)
{
    double result = 0;
    bool holds;
    if (fold_float(node->op, a, b, &result)) {
        node->kind = ZAST_FLOAT;
        node->number = result;
    } else if (fold_comparison(node->op, (a > b) - (a < b), a == a && b == b, &holds)) {
        become_bool(node, holds);
    }
}

void zfold_binary(struct zast_node *node)
{
    const struct zast_node *left = node->left, *right = node->right;
    if (node->kind != ZAST_BINARY || left->kind != right->kind) return;
    if (left->kind == ZAST_INT) fold_ints(node, left->integer, right->integer);
    if (left->kind == ZAST_FLOAT) fold_floats(node, left->number, right->number);
}

void zfold_unary(struct zast_node *node)
{
    const struct zast_node *operand = node->left;
    if (node->op == ZAST_OP_NEG && operand->kind == ZAST_INT && operand->integer != INT64_MIN) {
        int64_t value = operand->integer;
        node->kind = ZAST_INT;
        node->integer = -value;
    } else if (node->op == ZAST_OP_NEG && operand->kind == ZAST_FLOAT) {
        double value = operand->number;
        node->kind = ZAST_FLOAT;
        node->number = -value;
    } else if (node->op == ZAST_OP_NOT && operand->kind == ZAST_TRUE) {
        node->kind = ZAST_FALSE;
    } else if (node->op == ZAST_OP_NOT &&
               (operand->kind == ZAST_FALSE || operand->kind == ZAST_NULL)) {
        node->kind = ZAST_TRUE;
    }
}
