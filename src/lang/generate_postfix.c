// lang/generate_postfix.c - calls, indexing and properties: chains of them walked from the inside out.
//
// The value so far stands in one register at the top of the stack, so that it is already where a call
// wants its callee or receiver. Thread: owner.
#include "lang/generate_internal.h"

#include "vm/builtin.h"

static bool is_link(const struct zast_node *node)
{
    return node->kind == ZAST_CALL || node->kind == ZAST_INDEX || node->kind == ZAST_MEMBER;
}

static const struct zast_node *inner_of(const struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_CALL:
        return node->call.callee;
    case ZAST_INDEX:
        return node->left;
    default:
        return node->member.object;
    }
}

static const struct zast_node **links_of(struct zgen *gen, const struct zast_node *node,
                                         const struct zast_node **base, uint32_t *count)
{
    uint32_t length = 0;
    const struct zast_node *at = node;
    for (; is_link(at); at = inner_of(at)) {
        length++;
    }
    *base = at;
    *count = length;
    const struct zast_node **links = zarena_alloc(gen->program->arena, length * sizeof *links);
    if (links == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return NULL;
    }
    for (at = node; length > 0; at = inner_of(at)) {
        links[--length] = at;
    }
    return links;
}

// The arguments of a call, into the registers behind `window`.
static uint32_t arguments(struct zgen *gen, const struct zast_node *call)
{
    uint32_t count = 0;
    for (const struct zast_node *node = call->call.arguments; node != NULL; node = node->next) {
        uint32_t reg = zgen_registers(gen, 1, node->start);
        zgen_expression(gen, node, reg);
        count++;
        if (gen->status != ZVM_OK) break;
    }
    return count;
}

// The names of named arguments stand behind the values.
static void argument_names(struct zgen *gen, const struct zast_node *call)
{
    for (const struct zast_target *name = call->call.argument_names; name != NULL;
         name = name->next) {
        uint32_t reg = zgen_registers(gen, 1, name->position);
        zgen_ad(gen, ZOP_LOADK, reg, zgen_constant_text(gen, name->name, name->position));
        if (gen->status != ZVM_OK) return;
    }
}

static void call_value(struct zgen *gen, const struct zast_node *call, uint32_t window)
{
    bool is_named = (call->flags & ZAST_FLAG_NAMED) != 0;
    uint32_t count = arguments(gen, call);
    if (is_named) argument_names(gen, call);
    zgen_at(gen, call->position);
    zgen_abc(gen, is_named ? ZOP_CALLN : ZOP_CALL, window, count, 0);
}

static void call_method(struct zgen *gen, const struct zast_node *member,
                        const struct zast_node *call, uint32_t window)
{
    bool is_named = (call->flags & ZAST_FLAG_NAMED) != 0;
    uint32_t count = arguments(gen, call);
    if (is_named) argument_names(gen, call);
    struct zast_text name = member->member.name;
    uint32_t builtin = zbuiltin_find_method(name.bytes, name.length_bytes);
    if (builtin == ZBUILTIN_NONE) builtin = ZBUILTIN_METHOD_NONE;
    zgen_at(gen, call->position);
    zgen_abc(gen, is_named ? ZOP_CALLMN : ZOP_CALLM, window, count, builtin);
    zgen_word(gen, zgen_site(gen, name, member->position));
}

// A call of a builtin, or of a global that arguments cannot change any more: no need to load the callee
// before them. false: not such a name.
static bool call_global(struct zgen *gen, const struct zast_node *base,
                        const struct zast_node *call, uint32_t window)
{
    if (base->kind != ZAST_NAME || base->name.variable != NULL) return false;
    if (call->flags & ZAST_FLAG_NAMED) return false;
    uint32_t builtin;
    uint32_t slot = zgen_global(gen, base->name.text, &builtin);
    if (builtin == ZBUILTIN_NONE && !zgen_is_fixed(gen, base->name.text)) return false;
    uint32_t count = arguments(gen, call);
    if (call->flags & ZAST_FLAG_SPAWN) zgen_note_spawn(gen, call);
    zgen_at(gen, call->position);
    if (builtin != ZBUILTIN_NONE) {
        zgen_abc(gen, ZOP_CALLB, window, count, 0);
        zgen_word(gen, builtin);
    } else {
        zgen_abc(gen, ZOP_CALLG, window, count, 0);
        zgen_word(gen, slot);
    }
    return true;
}

// One link that reads an index or a property of `object`.
static void read_link(struct zgen *gen, const struct zast_node *link, uint32_t object,
                      uint32_t target)
{
    if (link->kind == ZAST_MEMBER) {
        zgen_at(gen, link->position);
        zgen_abc(gen, ZOP_GETF, target, object, 0);
        zgen_word(gen, zgen_site(gen, link->member.name, link->position));
        return;
    }
    const struct zast_node *index = link->right;
    if (index->kind == ZAST_INT && index->integer >= 0 && index->integer <= 255) {
        zgen_at(gen, link->position);
        zgen_abc(gen, ZOP_GETIDXI, target, object, (uint32_t)index->integer);
        return;
    }
    uint32_t saved = gen->function->next;
    uint32_t operand = zgen_operand(gen, index);
    zgen_at(gen, link->position);
    zgen_abc(gen, ZOP_GETIDX, target, object, operand);
    gen->function->next = saved;
}

static bool is_method_call(const struct zast_node *link, const struct zast_node *next)
{
    return link->kind == ZAST_MEMBER && next != NULL && next->kind == ZAST_CALL &&
           !(link->flags & ZAST_FLAG_PARENTHESISED);
}

void zgen_postfix(struct zgen *gen, const struct zast_node *node, uint32_t target)
{
    const struct zast_node *base;
    uint32_t count, i = 0;
    const struct zast_node **links = links_of(gen, node, &base, &count);
    if (links == NULL) return;
    uint32_t saved = gen->function->next;
    // A fresh target at the top is where the window can stand; else the result is moved.
    uint32_t value = target + 1 == saved ? target : zgen_registers(gen, 1, node->start);
    uint32_t object = value; // where the value so far is
    if (links[0]->kind == ZAST_CALL && call_global(gen, base, links[0], value)) {
        gen->function->next = value + 1;
        i = 1;
    } else {
        bool is_call =
            links[0]->kind == ZAST_CALL || is_method_call(links[0], count > 1 ? links[1] : NULL);
        int reg = is_call ? -1 : zgen_fixed_register(gen, base);
        if (reg >= 0) {
            object = (uint32_t)reg;
        } else {
            zgen_expression(gen, base, value);
        }
    }
    for (; i < count && gen->status == ZVM_OK; i++) {
        const struct zast_node *link = links[i];
        if (link->kind == ZAST_CALL) {
            call_value(gen, link, value);
        } else if (is_method_call(link, i + 1 < count ? links[i + 1] : NULL)) {
            call_method(gen, link, links[++i], value);
        } else {
            uint32_t to = i + 1 == count ? target : value;
            read_link(gen, link, object, to);
            object = to;
            continue;
        }
        gen->function->next = value + 1;
        object = value;
    }
    if (object != target) zgen_abc(gen, ZOP_MOVE, target, object, 0);
    gen->function->next = saved;
}
