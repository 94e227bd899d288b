// lang/compile.c - the whole way from source text to a verified code object.
//
// Owns: the tree and the half-made code object of one compilation. Thread: owner; several threads may
// compile at once.
#include "lang/compile.h"

#include "base/alloc.h"
#include "lang/generate_internal.h"

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
    uint32_t count = gen->program->global_count;
    if (count == 0 || gen->status != ZVM_OK) return;
    gen->code->globals = z_alloc_zeroed(count * sizeof *gen->code->globals);
    gen->code->global_flags = z_alloc_zeroed(count);
    gen->code->global_count = count;
    if (gen->code->globals == NULL || gen->code->global_flags == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return;
    }
    for (const struct zast_global *global = gen->program->globals; global != NULL;
         global = global->next) {
        if (global->is_const) gen->code->global_flags[global->slot] = ZGLOBAL_CONST;
        gen->code->globals[global->slot] = zgen_symbol(gen, global->name, global->position);
    }
}

static zvm_status generate(struct zintern *intern, struct zdiagnostics *diagnostics,
                           struct zast_program *program, struct zcode **out)
{
    struct zcode *code = zcode_create(intern, diagnostics->file_name);
    if (code == NULL) return ZVM_E_NOMEM;
    struct zgen gen = {
        .diagnostics = diagnostics,
        .program = program,
        .intern = intern,
        .code = code,
    };
    zgen_number_globals(&gen);
    if (gen.status == ZVM_OK) zgen_main(&gen);
    take_protos(&gen);
    take_datas(&gen);
    take_globals(&gen);
    if (gen.status == ZVM_OK) {
        char why[160];
        gen.status = zcode_verify(code, why, sizeof why);
        if (gen.status == ZVM_E_BYTECODE) {
            struct zast_position whole_file = {0, 0};
            zdiagnostics_error(diagnostics, whole_file, 0, "internal error: %s", why);
        }
    }
    if (gen.status == ZVM_OK) gen.status = zcode_seal(code);
    if (gen.status != ZVM_OK) {
        zcode_release(code);
        return gen.status;
    }
    zcode_add_up(code);
    *out = code;
    return ZVM_OK;
}

zvm_status zlang_compile(struct zintern *intern, struct zdiagnostics *diagnostics,
                         struct zcode **out)
{
    return zlang_compile_in(intern, diagnostics, NULL, out);
}

zvm_status zlang_compile_in(struct zintern *intern, struct zdiagnostics *diagnostics,
                            const struct zlang_session *session, struct zcode **out)
{
    struct zast_program program;
    zvm_status status = zlang_parse_in(diagnostics, session, &program);
    if (status != ZVM_OK) return status;
    status = generate(intern, diagnostics, &program, out);
    zlang_free_program(&program);
    return status;
}
