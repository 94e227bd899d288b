// lang/generate_name.c - reading and writing variables, captures, globals and builtins.
//
// A variable lives in a register. If an inner function uses it and it is written again, the register
// (and the capture) holds a CELL; if it never changes, the value itself is captured.
// Thread: owner.
#include "lang/generate_internal.h"

#include "vm/builtin.h"

#include <string.h>

bool zgen_is_cell(const struct zast_variable *variable)
{
    return variable->is_captured && variable->is_reassigned;
}

// ---- Globals by name --------------------------------------------------------------------------

static uint32_t name_hash(struct zast_text name)
{
    uint32_t hash = 2166136261u; // FNV-1a: names of one program, in a table that dies with it
    for (uint32_t i = 0; i < name.length_bytes; i++) {
        hash = (hash ^ (uint8_t)name.bytes[i]) * 16777619u;
    }
    return hash;
}

static struct zast_global **global_place(const struct zgen *gen, struct zast_text name)
{
    uint32_t mask = gen->global_index_size - 1;
    uint32_t i = name_hash(name) & mask;
    for (; gen->global_index[i] != NULL; i = (i + 1) & mask) {
        const struct zast_global *global = gen->global_index[i];
        if (global->name.length_bytes != name.length_bytes) continue;
        if (memcmp(global->name.bytes, name.bytes, name.length_bytes) == 0) break;
    }
    return &gen->global_index[i];
}

static struct zast_global *find_global(const struct zgen *gen, struct zast_text name)
{
    return gen->global_index == NULL ? NULL : *global_place(gen, name);
}

void zgen_number_globals(struct zgen *gen)
{
    uint32_t size = 16, slot = 0;
    while (size < gen->program->global_count * 2) {
        size *= 2;
    }
    gen->global_index = zarena_alloc(gen->program->arena, size * sizeof *gen->global_index);
    if (gen->global_index == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return;
    }
    gen->global_index_size = size;
    for (struct zast_global *global = gen->program->globals; global != NULL;
         global = global->next) {
        *global_place(gen, global->name) = global;
        if (global->use != NULL) continue;
        global->slot = slot++;
        if (slot > 0xffff) {
            zgen_error(gen, global->position, "a program has too many globals (limit 65535)");
            return;
        }
    }
    gen->own_count = gen->global_count = slot;
    zgen_number_modules(gen);
}

void zgen_mark_set(struct zgen *gen, struct zast_text name)
{
    struct zast_global *global = find_global(gen, name);
    if (global != NULL) global->is_set = true;
}

bool zgen_is_fixed(const struct zgen *gen, struct zast_text name)
{
    const struct zast_global *global = find_global(gen, name);
    return global != NULL && global->is_set && global->declaration_count == 1 &&
           !global->is_assigned;
}

struct zast_global *zgen_find_global(const struct zgen *gen, struct zast_text name)
{
    return find_global(gen, name);
}

uint32_t zgen_global(struct zgen *gen, struct zast_text name, uint32_t *builtin)
{
    struct zast_global *global = find_global(gen, name);
    *builtin = ZBUILTIN_NONE;
    if (global == NULL) { // the resolver lists every global name: cannot happen
        zgen_fail(gen, ZVM_E_INTERNAL);
        return 0;
    }
    if (global->declaration_count == 0 && !global->is_assigned) {
        *builtin = zbuiltin_find(name.bytes, name.length_bytes);
        if (*builtin != ZBUILTIN_NONE) return UINT32_MAX;
    }
    return global->slot;
}

// The index of a variable among the captures of the function being generated.
static uint32_t capture_index(const struct zgen *gen, const struct zast_variable *variable)
{
    uint32_t index = 0;
    for (const struct zast_capture *capture = gen->function->ast->captures; capture != NULL;
         capture = capture->next, index++) {
        if (capture->variable == variable) break;
    }
    return index;
}

static bool is_own(const struct zgen *gen, const struct zast_variable *variable)
{
    return variable->function == gen->function->ast;
}

int zgen_name_register(struct zgen *gen, const struct zast_name *name)
{
    const struct zast_variable *variable = name->variable;
    if (variable == NULL || !is_own(gen, variable) || zgen_is_cell(variable)) return -1;
    return variable->reg;
}

void zgen_load_variable(struct zgen *gen, const struct zast_variable *variable, uint32_t target)
{
    bool is_cell = zgen_is_cell(variable);
    if (is_own(gen, variable)) {
        if (is_cell) {
            zgen_abc(gen, ZOP_GETCELL, target, variable->reg, 0);
        } else if (target != variable->reg) {
            zgen_abc(gen, ZOP_MOVE, target, variable->reg, 0);
        }
        return;
    }
    zgen_abc(gen, is_cell ? ZOP_GETUPCELL : ZOP_GETUP, target, capture_index(gen, variable), 0);
}

void zgen_load_name(struct zgen *gen, const struct zast_name *name, struct zast_position position,
                    uint32_t target)
{
    if (name->variable != NULL) {
        zgen_load_variable(gen, name->variable, target);
        return;
    }
    uint32_t builtin;
    uint32_t slot = zgen_global(gen, name->text, &builtin);
    if (builtin != ZBUILTIN_NONE) {
        struct zvalue value = zvalue_object(&zbuiltin_table[builtin], ZTAG_BUILTIN);
        zgen_ad(gen, ZOP_LOADK, target, zgen_constant(gen, value));
        return;
    }
    zgen_at(gen, position);
    zgen_ad(gen, ZOP_GETG, target, slot);
}

static void store_global(struct zgen *gen, const struct zast_name *name, uint32_t value)
{
    uint32_t builtin;
    uint32_t slot = zgen_global(gen, name->text, &builtin);
    zgen_ad(gen, name->is_const ? ZOP_SETGCONST : ZOP_SETG, value, slot);
}

void zgen_store_name(struct zgen *gen, const struct zast_name *name, struct zast_position position,
                     uint32_t value)
{
    const struct zast_variable *variable = name->variable;
    zgen_at(gen, position);
    if (variable == NULL) {
        store_global(gen, name, value);
    } else if (name->is_const) {
        zgen_ad(gen, ZOP_ERRCONST, 0, zgen_constant_text(gen, name->text, position));
    } else if (!is_own(gen, variable)) {
        zgen_abc(gen, ZOP_SETUPCELL, capture_index(gen, variable), value, 0);
    } else if (zgen_is_cell(variable)) {
        zgen_abc(gen, ZOP_SETCELL, variable->reg, value, 0);
    } else if (variable->reg != value) {
        zgen_abc(gen, ZOP_MOVE, variable->reg, value, 0);
    }
}

void zgen_declare(struct zgen *gen, struct zast_variable *variable, struct zast_position position)
{
    variable->reg = (uint16_t)zgen_registers(gen, 1, position);
}
