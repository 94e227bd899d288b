// lang/generate_module.c - `use`, and linking modules into the code object of the program.
//
// Globals of a program: its own, then for each module its own and its guard. The guard holds the
// module's top level, a function, until that has run to its end; then it is null. A `use` runs what is
// in the guard. So a module runs once an isolate, on first use, and anew when an error ended it.
// A module's code is copied with other numbers of globals and functions, and nothing else changes: the
// interpreter knows nothing of modules. Thread: owner.
#include "lang/generate_internal.h"

#include "base/alloc.h"

#include <string.h>

// ---- Numbers ----------------------------------------------------------------------------------

static void take_slots(struct zgen *gen, uint64_t count)
{
    uint64_t sum = gen->global_count + count;
    if (sum > 0xffff) {
        struct zast_position start = {1, 1};
        zgen_error(gen, start, "the program and its modules have too many globals (limit 65535)");
        return;
    }
    gen->global_count = (uint32_t)sum;
}

static void number_linked(struct zgen *gen)
{
    for (struct zmodule *module = gen->modules; module != NULL && gen->status == ZVM_OK;
         module = module->next) {
        module->global_base = gen->global_count;
        take_slots(gen, (uint64_t)module->unit->own_count + 1);
        module->guard_slot = gen->global_count - 1;
    }
}

void zgen_number_modules(struct zgen *gen)
{
    number_linked(gen);
    for (struct zast_global *global = gen->program->globals;
         global != NULL && gen->status == ZVM_OK; global = global->next) {
        if (global->use == NULL) continue;
        if (gen->unit == NULL) {
            global->slot = global->use->use.module->global_base + global->export_slot;
        } else {
            global->slot = gen->global_count;
            gen->import_count++;
            take_slots(gen, 1);
        }
    }
    if (gen->unit != NULL) take_slots(gen, gen->program->use_count);
}

static uint32_t guard_of(const struct zgen *gen, const struct zast_node *use)
{
    if (gen->unit == NULL) return use->use.module->guard_slot;
    return gen->own_count + gen->import_count + use->use.index;
}

// ---- Code -------------------------------------------------------------------------------------

void zgen_use(struct zgen *gen, const struct zast_node *node)
{
    uint32_t guard = guard_of(gen, node);
    struct zgen_jumps end = {0};
    uint32_t reg = zgen_registers(gen, 1, node->position);
    zgen_at(gen, node->position);
    zgen_ad(gen, ZOP_GETG, reg, guard);
    zgen_ad(gen, ZOP_JF, reg, 0);
    zgen_jump_aux(gen, &end);
    zgen_abc(gen, ZOP_CALL, reg, 0, 0);
    zgen_abc(gen, ZOP_LOADNULL, reg, 0, 0);
    zgen_ad(gen, ZOP_DEFG, reg, guard);
    zgen_bind(gen, &end);
}

void zgen_guards(struct zgen *gen)
{
    struct zast_position start = {1, 1};
    uint32_t saved = gen->function->next;
    uint32_t reg = zgen_registers(gen, 1, start);
    zgen_at(gen, start);
    for (const struct zmodule *module = gen->modules; module != NULL; module = module->next) {
        zgen_ad(gen, ZOP_CLOSURE, reg, module->proto_base);
        zgen_ad(gen, ZOP_DEFG, reg, module->guard_slot);
    }
    gen->function->next = saved;
}

// ---- Linking ----------------------------------------------------------------------------------

// What a global of the unit is in the program.
static uint32_t linked_global(const struct zmodule *module, uint32_t slot)
{
    const struct zunit *unit = module->unit;
    if (slot < unit->own_count) return module->global_base + slot;
    slot -= unit->own_count;
    if (slot >= unit->import_count) return module->used[slot - unit->import_count]->guard_slot;
    const struct zunit_import *import = &unit->imports[slot];
    return module->used[import->use]->global_base + import->slot;
}

static uint32_t with_operand(uint32_t word, uint32_t d)
{
    return (word & 0xffffu) | d << 16;
}

// The name stays; the inline cache is one of the program, or none when it has too many.
static uint32_t linked_site(const struct zmodule *module, uint32_t site)
{
    uint32_t cache = site >> 16;
    if (cache != ZCACHE_NONE) cache += module->cache_base;
    if (cache > ZCACHE_MAX) cache = ZCACHE_NONE;
    return (site & 0xffffu) | cache << 16;
}

// Globals, functions, data declarations and inline caches get their numbers in the program. Each other
// operand means something inside its function only.
static void relocate(const struct zmodule *module, uint32_t *words, uint32_t count)
{
    for (uint32_t pc = 0; pc < count; pc++) {
        const struct zopcode_info *info = &zopcode_table[ZINSN_OP(words[pc])];
        uint32_t d = ZINSN_D(words[pc]);
        if (info->form == ZFORM_W_G || info->form == ZFORM_R_G)
            words[pc] = with_operand(words[pc], linked_global(module, d));
        if (info->form == ZFORM_W_P) words[pc] = with_operand(words[pc], module->proto_base + d);
        if (info->form == ZFORM_DATA) words[pc] = with_operand(words[pc], module->data_base + d);
        if (info->aux == ZAUX_NONE) continue;
        pc++;
        if (info->aux == ZAUX_GLOBAL) words[pc] = linked_global(module, words[pc]);
        if (info->aux == ZAUX_FIELD) words[pc] = linked_site(module, words[pc]);
    }
}

static void *copy_array(struct zgen *gen, const void *from, size_t bytes)
{
    if (gen->status != ZVM_OK || bytes == 0) return NULL;
    void *copy = z_alloc(bytes);
    if (copy == NULL)
        zgen_fail(gen, ZVM_E_NOMEM);
    else
        memcpy(copy, from, bytes);
    return copy;
}

static const struct zstring *retain(const struct zgen *gen, const struct zstring *symbol)
{
    if (symbol != NULL) zintern_retain(gen->intern, symbol);
    return symbol;
}

// The parts that hold symbols.
static void copy_symbols(struct zgen *gen, const struct zproto *from, struct zproto *to)
{
    to->name = retain(gen, from->name);
    to->constants =
        copy_array(gen, from->constants, from->constant_count * sizeof *from->constants);
    if (to->constants != NULL) to->constant_count = from->constant_count;
    for (uint32_t i = 0; i < to->constant_count; i++) {
        if (to->constants[i].tag == ZTAG_SYMBOL) (void)retain(gen, to->constants[i].p);
    }
    to->checks = copy_array(gen, from->checks, from->check_count * sizeof *from->checks);
    if (to->checks != NULL) to->check_count = from->check_count;
    for (uint32_t i = 0; i < to->check_count; i++) {
        (void)retain(gen, to->checks[i].name);
        (void)retain(gen, to->checks[i].type_name);
    }
}

// Every part is a copy of its own; one that memory refuses stays empty.
static void link_proto(struct zgen *gen, const struct zmodule *module, const struct zproto *from)
{
    struct zproto *to = zgen_array_add(gen, &gen->protos, sizeof *to);
    if (to == NULL) return;
    *to = *from;
    to->name = NULL;
    to->words = NULL;
    to->constants = NULL;
    to->captures = NULL;
    to->handlers = NULL;
    to->checks = NULL;
    to->lines = NULL;
    to->signature = NULL;
    to->signature_bytes = 0;
    to->word_count = to->constant_count = to->capture_count = 0;
    to->handler_count = to->check_count = to->line_bytes = 0;
    to->file = module->file;
    to->code = gen->code;
    to->index = gen->protos.count - 1;
    copy_symbols(gen, from, to);
    uint32_t *words = copy_array(gen, from->words, from->word_count * sizeof *words);
    if (words != NULL) {
        relocate(module, words, from->word_count);
        to->words = words;
        to->word_count = from->word_count;
    }
    to->captures = copy_array(gen, from->captures, from->capture_count * sizeof *from->captures);
    if (to->captures != NULL) to->capture_count = from->capture_count;
    to->handlers = copy_array(gen, from->handlers, from->handler_count * sizeof *from->handlers);
    if (to->handlers != NULL) to->handler_count = from->handler_count;
    to->lines = copy_array(gen, from->lines, from->line_bytes);
    if (to->lines != NULL) to->line_bytes = from->line_bytes;
    to->signature = copy_array(gen, from->signature, from->signature_bytes);
    if (to->signature != NULL) to->signature_bytes = from->signature_bytes;
}

// Whatever is half copied when memory is refused is released with the code object.
static void link_data(struct zgen *gen, const struct zdata *from)
{
    struct zdata *to = zgen_array_add(gen, &gen->datas, sizeof *to);
    if (to == NULL) return;
    *to = (struct zdata){.name = retain(gen, from->name),
                         .function_count = from->function_count,
                         .index = gen->datas.count - 1,
                         .has_parent = from->has_parent};
    to->fields = copy_array(gen, from->fields, from->field_count * sizeof *from->fields);
    if (to->fields != NULL) to->field_count = from->field_count;
    for (uint32_t i = 0; i < to->field_count; i++) {
        const struct zdata_field *field = &to->fields[i];
        (void)retain(gen, field->check.name);
        (void)retain(gen, field->check.type_name);
        if (field->value.tag == ZTAG_SYMBOL) (void)retain(gen, field->value.p);
    }
    to->methods = copy_array(gen, from->methods, from->method_count * sizeof *from->methods);
    if (to->methods != NULL) to->method_count = from->method_count;
    for (uint32_t i = 0; i < to->method_count; i++) {
        (void)retain(gen, to->methods[i]);
    }
}

void zgen_link_hints(const struct zgen *gen, struct zcode_hint *out)
{
    for (const struct zmodule *module = gen->modules; module != NULL; module = module->next) {
        const struct zcode *code = module->unit->code;
        for (uint32_t i = 0; i < code->hint_count; i++, out++) {
            *out = code->hints[i];
            out->slot = linked_global(module, code->hints[i].slot);
        }
    }
}

static void check_limit(struct zgen *gen, uint64_t count, uint32_t limit, const char *what)
{
    struct zast_position start = {1, 1};
    if (count > limit)
        zgen_error(gen, start, "the program and its modules have too many %s (limit %u)", what,
                   limit);
}

// Where the parts of each module begin. The program's own parts come behind them all, but for its top
// level.
static void place_modules(struct zgen *gen)
{
    uint16_t file = 1;
    uint64_t protos = gen->protos.count, datas = gen->datas.count;
    uint64_t caches = ZCACHE_NONE; // the last one given out
    for (struct zmodule *module = gen->modules; module != NULL && gen->status == ZVM_OK;
         module = module->next) {
        const struct zcode *code = module->unit->code;
        module->file = file++;
        module->proto_base = (uint32_t)protos;
        module->data_base = (uint32_t)datas;
        module->cache_base = (uint32_t)caches;
        protos += code->proto_count;
        datas += code->data_count;
        if (code->cache_count > 0) caches += code->cache_count - 1;
        if (caches > ZCACHE_MAX) caches = ZCACHE_MAX;
        check_limit(gen, protos, 0xffff, "functions");
        check_limit(gen, datas, 0xffff, "data declarations");
    }
    if (caches > ZCACHE_NONE) gen->code->cache_count = (uint32_t)caches + 1;
}

void zgen_link(struct zgen *gen)
{
    place_modules(gen);
    for (const struct zmodule *module = gen->modules; module != NULL; module = module->next) {
        const struct zcode *code = module->unit->code;
        for (uint32_t i = 0; i < code->proto_count && gen->status == ZVM_OK; i++) {
            link_proto(gen, module, &code->protos[i]);
        }
        for (uint32_t i = 0; i < code->data_count && gen->status == ZVM_OK; i++) {
            link_data(gen, &code->datas[i]);
        }
    }
}

// ---- Names ------------------------------------------------------------------------------------

static void name_files(struct zgen *gen)
{
    uint32_t count = 0;
    for (const struct zmodule *module = gen->modules; module != NULL; module = module->next) {
        count++;
    }
    struct zcode_file *files = z_alloc_zeroed(count * sizeof *files);
    if (files == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return;
    }
    gen->code->files = files;
    gen->code->file_count = count;
    for (const struct zmodule *module = gen->modules; module != NULL; module = module->next) {
        const char *name = module->diagnostics->file_name;
        struct zcode_file *file = &files[module->file - 1];
        file->name = z_alloc_text(name, strlen(name));
        if (file->name == NULL) {
            zgen_fail(gen, ZVM_E_NOMEM);
            return;
        }
        file->name_bytes = strlen(name) + 1;
    }
}

void zgen_name_modules(struct zgen *gen)
{
    if (gen->modules == NULL || gen->status != ZVM_OK) return;
    const struct zstring **globals = gen->code->globals;
    for (const struct zmodule *module = gen->modules; module != NULL; module = module->next) {
        const struct zunit *unit = module->unit;
        for (uint32_t i = 0; i < unit->own_count; i++) {
            globals[module->global_base + i] = retain(gen, unit->code->globals[i]);
        }
        struct zast_text path = {module->path, (uint32_t)strlen(module->path)};
        struct zast_position start = {1, 1};
        globals[module->guard_slot] = zgen_symbol(gen, path, start);
    }
    name_files(gen);
}
