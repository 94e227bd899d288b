// lang/generate_expression.c - expressions into registers.
//
// zgen_expression may write its target before it has read everything, and a target at the top of the
// registers serves it as a temporary; so when the target is a variable
// that the expression may name, zgen_expression_to_variable goes through a temporary where needed.
// Thread: owner. Recursion follows nesting, which the parser bounds; chains are walked in loops.
#include "lang/generate_internal.h"

#include "vm/builtin.h"

#include <string.h>

#define LITERAL_CHUNK 50   // elements gathered before they are put into a list or a text
#define TEXT_CHUNK    1024 // bytes of one constant of a text that is too long for a symbol

const struct zast_node **zgen_spine(struct zgen *gen, const struct zast_node *node, uint8_t kind,
                                    const struct zast_node **leftmost, uint32_t *count)
{
    uint32_t length = 0;
    const struct zast_node *left = node;
    for (; left->kind == kind; left = left->left) {
        length++;
    }
    *leftmost = left;
    *count = length;
    const struct zast_node **spine = zarena_alloc(gen->program->arena, length * sizeof *spine);
    if (spine == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        *count = 0;
        return NULL;
    }
    for (left = node; length > 0; left = left->left) {
        spine[--length] = left;
    }
    return spine;
}

int zgen_fixed_register(struct zgen *gen, const struct zast_node *node)
{
    if (node->kind == ZAST_NAME) return zgen_name_register(gen, &node->name);
    bool is_own_this = node->kind == ZAST_THIS && gen->function->ast->is_method;
    return is_own_this ? (int)gen->function->this_register : -1;
}

uint32_t zgen_operand(struct zgen *gen, const struct zast_node *node)
{
    int reg = zgen_fixed_register(gen, node);
    if (reg >= 0) return (uint32_t)reg;
    uint32_t target = zgen_registers(gen, 1, node->start);
    zgen_expression(gen, node, target);
    return target;
}

// ---- Literals ---------------------------------------------------------------------------------

static void load_int(struct zgen *gen, int64_t value, uint32_t target)
{
    if (value >= INT16_MIN && value <= INT16_MAX) {
        zgen_ad(gen, ZOP_LOADI, target, (uint32_t)value & 0xffff);
        return;
    }
    zgen_ad(gen, ZOP_LOADK, target, zgen_constant(gen, zvalue_int(value)));
}

// The bytes of the next piece of a long text: whole characters.
static uint32_t piece_bytes(const char *bytes, uint32_t left)
{
    if (left <= TEXT_CHUNK) return left;
    uint32_t length = TEXT_CHUNK;
    while ((bytes[length] & 0xc0) == 0x80) {
        length--;
    }
    return length;
}

static void load_long_text(struct zgen *gen, struct zast_text text, struct zast_position position,
                           uint32_t target)
{
    uint32_t saved = gen->function->next;
    uint32_t pair = zgen_registers(gen, 2, position);
    uint32_t offset = 0;
    zgen_at(gen, position);
    while (offset < text.length_bytes) {
        struct zast_text piece = {text.bytes + offset, 0};
        piece.length_bytes = piece_bytes(piece.bytes, text.length_bytes - offset);
        uint32_t constant = zgen_constant_text(gen, piece, position);
        zgen_ad(gen, ZOP_LOADK, offset == 0 ? pair : pair + 1, constant);
        if (offset > 0) zgen_abc(gen, ZOP_CONCAT, pair, pair, 2);
        offset += piece.length_bytes;
        if (gen->status != ZVM_OK) return;
    }
    zgen_abc(gen, ZOP_MOVE, target, pair, 0);
    gen->function->next = saved;
}

static void load_text(struct zgen *gen, struct zast_text text, struct zast_position position,
                      uint32_t target)
{
    if (text.length_bytes > ZINTERN_MAX_BYTES) {
        load_long_text(gen, text, position, target);
        return;
    }
    zgen_ad(gen, ZOP_LOADK, target, zgen_constant_text(gen, text, position));
}

static void literal_list(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    uint32_t saved = gen->function->next;
    uint32_t list = target + 1 == saved ? target : zgen_registers(gen, 1, node->start);
    uint32_t inside = gen->function->next;
    bool is_made = false;
    const struct zast_node *element = node->list.first;
    do {
        uint32_t count = 0;
        for (; element != NULL && count < LITERAL_CHUNK; element = element->next, count++) {
            uint32_t reg = zgen_registers(gen, 1, element->start);
            zgen_expression(gen, element, reg);
        }
        zgen_at(gen, node->position);
        zgen_abc(gen, is_made ? ZOP_LISTADD : ZOP_NEWLIST, list, inside, count);
        gen->function->next = inside;
        is_made = true;
    } while (element != NULL && gen->status == ZVM_OK);
    if (list != target) zgen_abc(gen, ZOP_MOVE, target, list, 0);
    gen->function->next = saved;
}

static void literal_map(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    uint32_t saved = gen->function->next;
    uint32_t map = target + 1 == saved ? target : zgen_registers(gen, 1, node->start);
    uint32_t pairs = node->list.count / 2;
    zgen_at(gen, node->position);
    zgen_ad(gen, ZOP_NEWMAP, map, pairs < 0xffff ? pairs : 0xffff);
    for (const struct zast_node *key = node->list.first; key != NULL; key = key->next->next) {
        uint32_t inside = gen->function->next;
        const struct zast_node *value = key->next;
        bool is_name = key->kind == ZAST_STRING && key->text.length_bytes <= ZINTERN_MAX_BYTES;
        uint32_t key_register = is_name ? 0 : zgen_operand(gen, key);
        uint32_t value_register = zgen_operand(gen, value);
        zgen_at(gen, key->start);
        if (is_name) {
            // A map: nothing to remember.
            zgen_abc(gen, ZOP_SETF, map, value_register, 0);
            zgen_word(gen, zgen_constant_text(gen, key->text, key->start) | ZCACHE_NONE << 16);
        } else {
            zgen_abc(gen, ZOP_SETIDX, map, key_register, value_register);
        }
        gen->function->next = inside;
        if (gen->status != ZVM_OK) return;
    }
    if (map != target) zgen_abc(gen, ZOP_MOVE, target, map, 0);
    gen->function->next = saved;
}

static void interpolate(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    uint32_t saved = gen->function->next;
    uint32_t text = target + 1 == saved
                        ? target
                        : zgen_registers(gen, 1, node->start); // the first part, later all so far
    uint32_t count = 0;
    for (const struct zast_node *part = node->list.first; part != NULL; part = part->next) {
        uint32_t reg = count == 0 ? text : zgen_registers(gen, 1, part->start);
        zgen_expression(gen, part, reg);
        if (part->kind != ZAST_STRING) {
            zgen_at(gen, part->position);
            zgen_abc(gen, ZOP_TOSTR, reg, reg, 0);
        }
        count++;
        if (count == LITERAL_CHUNK || part->next == NULL) {
            zgen_at(gen, node->position);
            if (count > 1) zgen_abc(gen, ZOP_CONCAT, text, text, count);
            gen->function->next = text + 1;
            count = 1;
        }
    }
    if (text != target) zgen_abc(gen, ZOP_MOVE, target, text, 0);
    gen->function->next = saved;
}

// ---- Operators --------------------------------------------------------------------------------

static const uint8_t REGISTER_OPS[] = {
    [ZAST_OP_ADD] = ZOP_ADD, [ZAST_OP_SUB] = ZOP_SUB, [ZAST_OP_MUL] = ZOP_MUL,
    [ZAST_OP_DIV] = ZOP_DIV, [ZAST_OP_MOD] = ZOP_MOD, [ZAST_OP_POW] = ZOP_POW,
    [ZAST_OP_EQ] = ZOP_EQ,   [ZAST_OP_NE] = ZOP_NE,   [ZAST_OP_LT] = ZOP_LT,
    [ZAST_OP_LE] = ZOP_LE,   [ZAST_OP_GT] = ZOP_GT,   [ZAST_OP_GE] = ZOP_GE,
};

static const uint8_t CONSTANT_OPS[] = {
    [ZAST_OP_ADD] = ZOP_ADDK, [ZAST_OP_SUB] = ZOP_SUBK, [ZAST_OP_MUL] = ZOP_MULK,
    [ZAST_OP_DIV] = ZOP_DIVK, [ZAST_OP_MOD] = ZOP_MODK,
};

static const uint8_t LEFT_CONSTANT_OPS[] = {
    [ZAST_OP_ADD] = ZOP_KADD,
    [ZAST_OP_SUB] = ZOP_KSUB,
    [ZAST_OP_MUL] = ZOP_KMUL,
    [ZAST_OP_DIV] = ZOP_KDIV,
};

static bool is_number(const struct zast_node *node)
{
    return node->kind == ZAST_INT || node->kind == ZAST_FLOAT;
}

static uint32_t number_constant(struct zgen *gen, const struct zast_node *node)
{
    return zgen_constant(gen, node->kind == ZAST_INT ? zvalue_int(node->integer)
                                                     : zvalue_float(node->number));
}

// Emits `number op right` with the number in the instruction; false when it does not fit.
static bool left_number_op(struct zgen *gen, const struct zast_node *node, uint32_t target,
                           const struct zast_node *left)
{
    if (node->op < ZAST_OP_ADD || node->op > ZAST_OP_DIV) return false;
    if (!is_number(left) || is_number(node->right)) return false;
    uint32_t constant = number_constant(gen, left);
    if (constant > 255) return false;
    uint32_t saved = gen->function->next;
    uint32_t operand = zgen_operand(gen, node->right);
    zgen_at(gen, node->position);
    zgen_abc(gen, LEFT_CONSTANT_OPS[node->op], target, constant, operand);
    gen->function->next = saved;
    return true;
}

// Emits `left op number` with the number in the instruction; false when it does not fit.
static bool number_op(struct zgen *gen, const struct zast_node *node, uint32_t target,
                      uint32_t left, const struct zast_node *right)
{
    if (node->op < ZAST_OP_ADD || node->op > ZAST_OP_MOD) return false;
    if (!is_number(right)) return false;
    bool is_small = right->kind == ZAST_INT && right->integer >= 0 && right->integer <= 255;
    zgen_at(gen, node->position);
    if (is_small && (node->op == ZAST_OP_ADD || node->op == ZAST_OP_SUB)) {
        enum zopcode op = node->op == ZAST_OP_ADD ? ZOP_ADDI : ZOP_SUBI;
        zgen_abc(gen, op, target, left, (uint32_t)right->integer);
        return true;
    }
    uint32_t constant = number_constant(gen, right);
    if (constant > 255) return false;
    zgen_abc(gen, CONSTANT_OPS[node->op], target, left, constant);
    return true;
}

void zgen_binary_op(struct zgen *gen, const struct zast_node *node, uint32_t target, uint32_t left,
                    const struct zast_node *right)
{
    if (number_op(gen, node, target, left, right)) return;
    uint32_t saved = gen->function->next;
    uint32_t operand = zgen_operand(gen, right);
    zgen_at(gen, node->position);
    zgen_abc(gen, REGISTER_OPS[node->op], target, left, operand);
    gen->function->next = saved;
}

static void binary(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    const struct zast_node *leftmost;
    uint32_t count;
    const struct zast_node **spine = zgen_spine(gen, node, ZAST_BINARY, &leftmost, &count);
    if (spine == NULL) return;
    uint32_t saved = gen->function->next;
    uint32_t first = 0, left, sum;
    if (is_number(leftmost)) {
        left = sum = count > 1 ? zgen_registers(gen, 1, node->start) : target;
        if (left_number_op(gen, spine[0], sum, leftmost)) {
            first = 1;
        } else if (count == 1) {
            left = zgen_operand(gen, leftmost);
        } else {
            zgen_expression(gen, leftmost, left);
        }
    } else {
        left = sum = zgen_operand(gen, leftmost);
        if (count > 1 && left < saved) sum = zgen_registers(gen, 1, node->start); // a variable's
    }
    for (uint32_t i = first; i < count && gen->status == ZVM_OK; i++) {
        uint32_t to = i + 1 == count ? target : sum;
        zgen_binary_op(gen, spine[i], to, left, spine[i]->right);
        left = to;
    }
    gen->function->next = saved;
}

static void unary(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    uint32_t saved = gen->function->next;
    uint32_t operand = zgen_operand(gen, node->left);
    zgen_at(gen, node->position);
    zgen_abc(gen, node->op == ZAST_OP_NEG ? ZOP_NEG : ZOP_NOT, target, operand, 0);
    gen->function->next = saved;
}

// && and || as values: always a boolean.
static void logical(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    struct zgen_jumps is_false = {0}, end = {0};
    zgen_condition(gen, node, false, &is_false);
    zgen_abc(gen, ZOP_LOADTRUE, target, 0, 0);
    zgen_jump(gen, &end);
    zgen_bind(gen, &is_false);
    zgen_abc(gen, ZOP_LOADFALSE, target, 0, 0);
    zgen_bind(gen, &end);
}

static void coalesce(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    const struct zast_node *leftmost;
    uint32_t count;
    const struct zast_node **spine = zgen_spine(gen, node, ZAST_COALESCE, &leftmost, &count);
    if (spine == NULL) return;
    struct zgen_jumps end = {0};
    zgen_expression(gen, leftmost, target);
    for (uint32_t i = 0; i < count; i++) {
        zgen_abc(gen, ZOP_JNOTNULL, target, 0, 0);
        zgen_jump_aux(gen, &end);
        zgen_expression(gen, spine[i]->right, target);
    }
    zgen_bind(gen, &end);
}

static void conditional(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    struct zgen_jumps otherwise = {0}, end = {0};
    zgen_condition(gen, node->conditional.condition, false, &otherwise);
    zgen_expression(gen, node->conditional.yes, target);
    zgen_jump(gen, &end);
    zgen_bind(gen, &otherwise);
    zgen_expression(gen, node->conditional.no, target);
    zgen_bind(gen, &end);
}

// The task stands at the top of the stack: the registers of its body come behind it.
static void await(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    uint32_t saved = gen->function->next;
    uint32_t task = target + 1 == saved ? target : zgen_registers(gen, 1, node->start);
    zgen_expression(gen, node->left, task);
    (void)zgen_registers(gen, 1, node->start); // for the result, until the body has ended
    zgen_at(gen, node->position);
    zgen_abc(gen, ZOP_AWAIT, task, 0, 0);
    if (task != target) zgen_abc(gen, ZOP_MOVE, target, task, 0);
    gen->function->next = saved;
}

// ---- All expressions --------------------------------------------------------------------------

void zgen_expression(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    if (gen->status != ZVM_OK) return;
    switch (node->kind) {
    case ZAST_NULL:
        zgen_abc(gen, ZOP_LOADNULL, target, 0, 0);
        break;
    case ZAST_TRUE:
        zgen_abc(gen, ZOP_LOADTRUE, target, 0, 0);
        break;
    case ZAST_FALSE:
        zgen_abc(gen, ZOP_LOADFALSE, target, 0, 0);
        break;
    case ZAST_INT:
        load_int(gen, node->integer, target);
        break;
    case ZAST_FLOAT:
        zgen_ad(gen, ZOP_LOADK, target, zgen_constant(gen, zvalue_float(node->number)));
        break;
    case ZAST_STRING:
        load_text(gen, node->text, node->start, target);
        break;
    case ZAST_INTERPOLATE:
        interpolate(gen, node, target);
        break;
    case ZAST_NAME:
        zgen_load_name(gen, &node->name, node->position, target);
        break;
    case ZAST_LIST:
        literal_list(gen, node, target);
        break;
    case ZAST_MAP:
        literal_map(gen, node, target);
        break;
    case ZAST_UNARY:
        unary(gen, node, target);
        break;
    case ZAST_BINARY:
        binary(gen, node, target);
        break;
    case ZAST_AND:
    case ZAST_OR:
        logical(gen, node, target);
        break;
    case ZAST_COALESCE:
        coalesce(gen, node, target);
        break;
    case ZAST_CONDITIONAL:
        conditional(gen, node, target);
        break;
    case ZAST_CALL:
    case ZAST_INDEX:
    case ZAST_MEMBER:
        zgen_postfix(gen, node, target);
        break;
    case ZAST_FUNCTION:
        zgen_closure(gen, node->function, target, node->start);
        break;
    case ZAST_THIS:
        zgen_load_this(gen, target);
        break;
    case ZAST_AWAIT:
        await(gen, node, target);
        break;
    case ZAST_MATCH:
        zgen_match(gen, node, target);
        break;
    default:
        zgen_fail(gen, ZVM_E_INTERNAL);
        break;
    }
}

// True when no instruction but the last of the expression writes the target.
static bool writes_once(struct zgen *gen, const struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_CONDITIONAL:
    case ZAST_COALESCE:
    case ZAST_CALL:
    case ZAST_AWAIT:
    case ZAST_LIST:
    case ZAST_MAP:
    case ZAST_INTERPOLATE:
    case ZAST_MATCH:
        return false;
    case ZAST_INDEX:
    case ZAST_MEMBER: {
        const struct zast_node *object =
            node->kind == ZAST_INDEX ? node->left : node->member.object;
        return zgen_fixed_register(gen, object) >= 0;
    }
    default:
        return true;
    }
}

void zgen_expression_to_variable(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    if (writes_once(gen, node)) {
        zgen_expression(gen, node, target);
        return;
    }
    uint32_t saved = gen->function->next;
    uint32_t value = zgen_registers(gen, 1, node->start);
    zgen_expression(gen, node, value);
    zgen_abc(gen, ZOP_MOVE, target, value, 0);
    gen->function->next = saved;
}
