// lang/compile.c - the whole way from source text to a verified code object.
//
// A program and the modules that it uses become one code object: each module is compiled by itself
// first (module_load.c), and what came of it is copied in with its slots moved (generate_module.c).
// Owns: the tree and the half-made code object of one compilation. Thread: owner; several threads may
// compile at once.
#include "lang/compile.h"

#include "base/alloc.h"
#include "lang/generate_internal.h"
#include "lang/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Hands the protos to the code object, also after a failure: it then frees them.
static void take_protos(struct zgen *gen)
{
    uint32_t count = gen->protos.count;
    if (count == 0) return;
    size_t old_bytes = gen->protos.capacity * sizeof(struct zproto);
    void *protos = z_resize(gen->protos.data, old_bytes, count * sizeof(struct zproto));
    gen->code->protos = protos; // shrinking cannot fail
    gen->code->proto_count = count;
}

static void take_datas(struct zgen *gen)
{
    uint32_t count = gen->datas.count;
    if (count == 0) return;
    size_t old_bytes = gen->datas.capacity * sizeof(struct zdata);
    gen->code->datas = z_resize(gen->datas.data, old_bytes, count * sizeof(struct zdata));
    gen->code->data_count = count; // shrinking cannot fail
}

static void take_globals(struct zgen *gen)
{
    if (gen->global_count == 0 || gen->status != ZVM_OK) return;
    gen->code->globals = z_alloc_zeroed(gen->global_count * sizeof *gen->code->globals);
    gen->code->global_flags = z_alloc_zeroed(gen->global_count);
    gen->code->global_count = gen->global_count;
    gen->code->program_global_count = gen->own_count;
    if (gen->code->globals == NULL || gen->code->global_flags == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return;
    }
    for (const struct zast_global *global = gen->program->globals; global != NULL;
         global = global->next) {
        if (global->use != NULL) continue; // named by its own module
        if (global->is_const) gen->code->global_flags[global->slot] = ZGLOBAL_CONST;
        gen->code->globals[global->slot] = zgen_symbol(gen, global->name, global->position);
    }
    zgen_name_modules(gen);
}

static uint32_t count_hints(const struct zgen *gen)
{
    uint32_t count = 0;
    for (const struct zast_global *global = gen->program->globals; global != NULL;
         global = global->next)
        count += global->hint != NULL;
    for (const struct zmodule *module = gen->modules; module != NULL; module = module->next)
        count += module->unit->code->hint_count;
    return count;
}

// What the resolver thinks of names without a value.
static void take_hints(struct zgen *gen)
{
    uint32_t count = count_hints(gen);
    if (count == 0 || gen->status != ZVM_OK) return;
    struct zcode_hint *hints = z_alloc_zeroed(count * sizeof *hints);
    if (hints == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return;
    }
    gen->code->hints = hints;
    gen->code->hint_count = count;
    for (const struct zast_global *global = gen->program->globals; global != NULL;
         global = global->next) {
        if (global->hint == NULL) continue;
        hints->slot = global->slot;
        snprintf(hints->text, sizeof hints->text, "%s", global->hint);
        hints++;
    }
    zgen_link_hints(gen, hints);
}

// The code of one tree, whole or with the status of its failure; the caller releases it.
static zvm_status generate(struct zgen *gen)
{
    gen->code = zcode_create(gen->intern, gen->diagnostics->file_name);
    if (gen->code == NULL) return ZVM_E_NOMEM;
    zgen_number_globals(gen);
    if (gen->status == ZVM_OK) zgen_main(gen);
    if (gen->status == ZVM_OK) zgen_check_spawns(gen);
    zgen_array_free(&gen->spawns, sizeof(struct zgen_spawn));
    take_protos(gen);
    take_datas(gen);
    take_globals(gen);
    take_hints(gen);
    return gen->status;
}

static zvm_status verify(const struct zgen *gen)
{
    char why[160];
    zvm_status status = zcode_verify(gen->code, why, sizeof why);
    if (status == ZVM_E_BYTECODE) {
        zdiagnostics_internal(gen->diagnostics, why);
    }
    return status;
}

// ---- Modules ----------------------------------------------------------------------------------

static int compare_names(const void *a, const void *b)
{
    const struct zstring *left = ((const struct zunit_name *)a)->name;
    const struct zstring *right = ((const struct zunit_name *)b)->name;
    uint32_t shorter = left->header.aux < right->header.aux ? left->header.aux : right->header.aux;
    int order = memcmp(left->bytes, right->bytes, shorter);
    if (order != 0) return order;
    return (left->header.aux > right->header.aux) - (left->header.aux < right->header.aux);
}

// What other modules may know of this one's globals.
static zvm_status take_names(const struct zgen *gen, struct zunit *unit)
{
    uint32_t count = 0;
    for (const struct zast_global *at = gen->program->globals; at != NULL; at = at->next)
        if (at->use == NULL && at->declaration_count > 0) count++;
    if (count == 0) return ZVM_OK;
    unit->names = z_alloc(count * sizeof *unit->names);
    if (unit->names == NULL) return ZVM_E_NOMEM;
    for (const struct zast_global *at = gen->program->globals; at != NULL; at = at->next) {
        if (at->use != NULL || at->declaration_count == 0) continue;
        unit->names[unit->name_count++] =
            (struct zunit_name){.name = gen->code->globals[at->slot],
                                .slot = at->slot,
                                .is_exported = at->is_exported,
                                .is_fixed = at->declaration_count == 1 && !at->is_assigned};
    }
    qsort(unit->names, count, sizeof *unit->names, compare_names);
    return ZVM_OK;
}

static zvm_status take_imports(const struct zgen *gen, struct zunit *unit)
{
    unit->own_count = gen->own_count;
    if (gen->import_count == 0) return ZVM_OK;
    unit->imports = z_alloc(gen->import_count * sizeof *unit->imports);
    if (unit->imports == NULL) return ZVM_E_NOMEM;
    unit->import_count = gen->import_count;
    for (const struct zast_global *at = gen->program->globals; at != NULL; at = at->next) {
        if (at->use == NULL) continue;
        unit->imports[at->slot - gen->own_count] =
            (struct zunit_import){.use = at->use->use.index, .slot = at->export_slot};
    }
    return ZVM_OK;
}

zvm_status zmodule_compile(struct zintern *intern, struct zmodule *module)
{
    struct zunit *unit = module->unit;
    struct zgen gen = {.diagnostics = module->diagnostics,
                       .program = &module->program,
                       .intern = intern,
                       .unit = unit};
    zvm_status status = zresolve_program(gen.diagnostics, gen.program);
    if (status == ZVM_OK) status = generate(&gen);
    unit->code = gen.code; // also half made: freed with the unit
    if (status == ZVM_OK) status = take_names(&gen, unit);
    if (status == ZVM_OK) status = take_imports(&gen, unit);
    return status;
}

// ---- Programs ---------------------------------------------------------------------------------

// What a linked program holds: its units, for as long as it lives.
struct held_units {
    struct zmodules *modules;
    uint32_t count;
    struct zunit *units[];
};

static size_t held_bytes(uint32_t count)
{
    return sizeof(struct held_units) + count * sizeof(struct zunit *);
}

static void let_units_go(void *context)
{
    struct held_units *held = context;
    for (uint32_t i = 0; i < held->count; i++) {
        zunit_release(held->modules, held->units[i]);
    }
    z_free(held, held_bytes(held->count));
}

static zvm_status hold_units(struct zcode *code, const struct zmodule_load *load)
{
    if (load->count == 0) return ZVM_OK;
    struct held_units *held = z_alloc(held_bytes(load->count));
    if (held == NULL) return ZVM_E_NOMEM;
    held->modules = load->source->modules;
    held->count = 0;
    for (const struct zmodule *module = load->first; module != NULL; module = module->next) {
        zunit_hold(held->modules, module->unit);
        held->units[held->count++] = module->unit;
    }
    code->on_free = let_units_go;
    code->on_free_context = held;
    return ZVM_OK;
}

static zvm_status compile_loaded(const struct zmodule_load *load, struct zmodule *main_module,
                                 struct zcode **out)
{
    struct zgen gen = {.diagnostics = main_module->diagnostics,
                       .program = &main_module->program,
                       .intern = load->intern,
                       .modules = load->first};
    zvm_status status = zresolve_program(gen.diagnostics, gen.program);
    if (status == ZVM_OK) status = generate(&gen);
    if (status == ZVM_OK) status = verify(&gen);
    if (status == ZVM_OK) status = zcode_seal(gen.code);
    if (status == ZVM_OK) status = hold_units(gen.code, load);
    if (status != ZVM_OK) {
        zcode_release(gen.code);
        return status;
    }
    zcode_add_up(gen.code);
    *out = gen.code;
    return ZVM_OK;
}

zvm_status zlang_compile_program(struct zintern *intern, struct zdiagnostics *diagnostics,
                                 const struct zmodule_source *source, struct zcode **out)
{
    struct zmodule main_module = {.diagnostics = diagnostics, .path = ""};
    if (source != NULL && source->path != NULL) main_module.path = source->path;
    zvm_status status = zlang_parse_tree(diagnostics, &main_module.program);
    if (status != ZVM_OK) {
        zdiagnostics_end(diagnostics);
        return status;
    }
    struct zmodule_load load = {.intern = intern, .source = source};
    status = zmodule_load_all(&load, &main_module);
    if (status == ZVM_OK) {
        status = compile_loaded(&load, &main_module, out);
        zdiagnostics_end(diagnostics);
    }
    zmodule_unload(&load);
    zlang_free_program(&main_module.program);
    return status;
}

zvm_status zlang_compile(struct zintern *intern, struct zdiagnostics *diagnostics,
                         struct zcode **out)
{
    return zlang_compile_program(intern, diagnostics, NULL, out);
}

zvm_status zlang_compile_in(struct zintern *intern, struct zdiagnostics *diagnostics,
                            const struct zlang_session *session, struct zcode **out)
{
    struct zmodule piece = {.diagnostics = diagnostics, .path = ""};
    zvm_status status = zlang_parse_tree(diagnostics, &piece.program);
    if (status != ZVM_OK) {
        zdiagnostics_end(diagnostics);
        return status;
    }
    piece.program.session = session;
    struct zmodule_load load = {.intern = intern};
    status = zmodule_load_all(&load, &piece);
    if (status == ZVM_OK) {
        status = compile_loaded(&load, &piece, out);
        zdiagnostics_end(diagnostics);
    }
    zmodule_unload(&load);
    zlang_free_program(&piece.program);
    return status;
}
