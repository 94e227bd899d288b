// lang/generate_try.c - try, catch, finally, and leaving through them.
//
// A finalizer is generated once. Two registers stand for what is under way when it runs: a value, and
// its kind: 0 = went through, k > 0 = the k-th way out of the block (a return, or a break or continue
// of a loop outside), negative = an error, its place packed by the unwinder. Behind the finalizer the
// kind decides where to go on. Whatever leaves the finalizer itself simply never gets there.
// Thread: owner.
#include "lang/generate_internal.h"

static void add_handler(struct zgen *gen, uint32_t start, uint32_t end, uint32_t target,
                        uint32_t value_register, bool is_finally)
{
    if (start == end) return;
    struct zhandler *handler = zgen_array_add(gen, &gen->function->handlers, sizeof *handler);
    if (handler == NULL) return;
    *handler = (struct zhandler){
        .start = start,
        .end = end,
        .target = target,
        .value_register = (uint8_t)value_register,
        .is_finally = is_finally,
    };
}

// The number of a way out through a finalizer, new or known.
static uint32_t exit_number(struct zgen *gen, struct zgen_block *block, enum zgen_exit_kind kind,
                            struct zgen_block *loop)
{
    const struct zgen_exit *exits = block->exits.data;
    for (uint32_t i = 0; i < block->exits.count; i++) {
        if (exits[i].kind == kind && exits[i].loop == loop) return i + 1;
    }
    struct zgen_exit *slot = zgen_array_add(gen, &block->exits, sizeof *slot);
    if (slot == NULL) return 0;
    *slot = (struct zgen_exit){.kind = kind, .loop = loop};
    return block->exits.count;
}

static void leave_function(struct zgen *gen, uint32_t value_register)
{
    const struct zast_function *function = gen->function->ast;
    struct zast_text name = function->name;
    if (name.length_bytes == 0) name = (struct zast_text){"anonymous", 9};
    uint32_t check = zgen_check(gen, &function->result, ZCHECK_RESULT, name);
    if (check != 0) zgen_ad(gen, ZOP_CHECK, value_register, check - 1);
    zgen_abc(gen, ZOP_RET, value_register, 0, 0);
}

// Leaves to `loop`, or (NULL) out of the function, from inside `block`.
static void leave_from(struct zgen *gen, struct zgen_block *block, enum zgen_exit_kind kind,
                       struct zgen_block *loop, uint32_t value_register)
{
    for (; block != loop; block = block->outer) {
        if (block->kind != ZGEN_FINALLY) continue;
        uint32_t number = exit_number(gen, block, kind, loop);
        if (kind == ZGEN_EXIT_RETURN && value_register != block->value_register) {
            zgen_abc(gen, ZOP_MOVE, block->value_register, value_register, 0);
        }
        zgen_ad(gen, ZOP_LOADI, block->value_register + 1, number);
        zgen_jump(gen, &block->to_finalizer);
        return;
    }
    if (kind == ZGEN_EXIT_RETURN) {
        leave_function(gen, value_register);
    } else {
        zgen_jump(gen, kind == ZGEN_EXIT_BREAK ? &loop->breaks : &loop->continues);
    }
}

void zgen_leave(struct zgen *gen, enum zgen_exit_kind kind, uint32_t value_register,
                struct zast_position position)
{
    struct zgen_block *loop = NULL;
    if (kind != ZGEN_EXIT_RETURN) {
        loop = gen->function->block;
        while (loop != NULL && loop->kind != ZGEN_LOOP) {
            loop = loop->outer;
        }
        if (loop == NULL) { // the parser refuses these
            zgen_error(gen, position, "not inside a loop");
            return;
        }
    }
    leave_from(gen, gen->function->block, kind, loop, value_register);
}

static void catch_block(struct zgen *gen, const struct zast_node *node, uint32_t start,
                        uint32_t end)
{
    uint32_t saved = gen->function->next;
    struct zast_variable *variable = node->attempt.variable;
    uint32_t reg;
    if (variable != NULL) {
        zgen_declare(gen, variable, node->start);
        reg = variable->reg;
    } else {
        reg = zgen_registers(gen, 1, node->start);
    }
    add_handler(gen, start, end, zgen_pc(gen), reg, false);
    if (variable != NULL && zgen_is_cell(variable)) zgen_abc(gen, ZOP_NEWCELL, reg, reg, 0);
    zgen_block_scope(gen, node->attempt.handler);
    gen->function->next = saved;
}

static void body_and_catch(struct zgen *gen, const struct zast_node *node)
{
    uint32_t start = zgen_pc(gen);
    zgen_block_scope(gen, node->attempt.body);
    if (node->attempt.handler == NULL) return;
    uint32_t end = zgen_pc(gen);
    struct zgen_jumps past = {0};
    zgen_jump(gen, &past);
    catch_block(gen, node, start, end);
    zgen_bind(gen, &past);
}

// Behind the finalizer: goes on with what was under way.
static void go_on(struct zgen *gen, struct zgen_block *block)
{
    uint32_t kind_register = block->value_register + 1;
    struct zgen_jumps end = {0};
    for (uint32_t i = 0; i < block->exits.count; i++) {
        struct zgen_exit way = ((const struct zgen_exit *)block->exits.data)[i];
        struct zgen_jumps next = {0};
        zgen_ad(gen, ZOP_JNEK, kind_register, zgen_constant(gen, zvalue_int((int64_t)i + 1)));
        zgen_jump_aux(gen, &next);
        leave_from(gen, block->outer, way.kind, way.loop, block->value_register);
        zgen_bind(gen, &next);
    }
    zgen_ad(gen, ZOP_JGEI, kind_register, 0);
    zgen_jump_aux(gen, &end);
    zgen_abc(gen, ZOP_RETHROW, block->value_register, 0, 0);
    zgen_bind(gen, &end);
}

void zgen_try(struct zgen *gen, const struct zast_node *node)
{
    if (node->attempt.finalizer == NULL) {
        body_and_catch(gen, node);
        return;
    }
    struct zgen_block block = {.kind = ZGEN_FINALLY, .outer = gen->function->block};
    block.value_register = zgen_registers(gen, 2, node->start);
    uint32_t start = zgen_pc(gen);
    gen->function->block = &block;
    body_and_catch(gen, node);
    gen->function->block = block.outer;
    uint32_t end = zgen_pc(gen);
    zgen_ad(gen, ZOP_LOADI, block.value_register + 1, 0);
    zgen_bind(gen, &block.to_finalizer);
    add_handler(gen, start, end, zgen_pc(gen), block.value_register, true);
    zgen_block_scope(gen, node->attempt.finalizer);
    go_on(gen, &block);
    zgen_array_free(&block.exits, sizeof(struct zgen_exit));
}
