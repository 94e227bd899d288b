// lang/generate_spawn.c - what may be spawned: an action of the top level that uses nothing that is assigned.
// Thread: owner.
//
// A spawned isolate begins with copies of the globals that its action uses. A variable that some statement
// assigns would then be two, and neither would see what becomes of the other: that is an error, with the place
// of the use. Functions are looked at by their instructions, as the isolate will (vm/needs.h); which functions a
// global stands for is known by its declaration. What modules do inside is theirs.
#include "lang/generate_internal.h"

#include "base/alloc.h"

void zgen_note_functions(struct zgen *gen, struct zast_text name, uint32_t first)
{
    struct zast_global *global = zgen_find_global(gen, name);
    if (global == NULL) return;
    global->proto_start = first;
    global->proto_end = gen->protos.count;
}

void zgen_note_spawn(struct zgen *gen, const struct zast_node *call)
{
    const struct zast_node *action = call->call.arguments;
    struct zast_global *global = NULL;
    if (action->kind == ZAST_NAME && action->name.variable == NULL)
        global = zgen_find_global(gen, action->name.text);
    if (gen->program->session != NULL) {
        zgen_error(gen, call->position, "'spawn' does not work at the prompt: write a program");
        return;
    }
    bool is_imported = global != NULL && global->use != NULL;
    if (!is_imported && (global == NULL || global->only_function == NULL)) {
        zgen_error(gen, call->position,
                   "'spawn' needs an action that is declared once, at the top level");
        return;
    }
    if (!is_imported && global->only_function->is_async) {
        zgen_error(gen, call->position, "'%.*s' is async: 'spawn' needs a plain action",
                   (int)global->name.length_bytes, global->name.bytes);
        return;
    }
    struct zgen_spawn *spawn = zgen_array_add(gen, &gen->spawns, sizeof *spawn);
    if (spawn != NULL) *spawn = (struct zgen_spawn){global, call->position};
}

// ---- What they use --------------------------------------------------------------------------------

// Each function is looked at once, for the first spawn that leads to it.
struct checker {
    struct zgen *gen;
    struct zast_global **globals; // [own_count], by slot
    uint32_t *protos;             // [protos.count], the first `count`: to look at
    uint32_t *spawns;             // [protos.count]: of each, 1 + the spawn that leads to it; 0: none
    uint32_t count;
};

static void add_functions(struct checker *checker, const struct zast_global *global, uint32_t spawn)
{
    for (uint32_t i = global->proto_start; i < global->proto_end; i++) {
        if (checker->spawns[i] != 0) continue;
        checker->spawns[i] = spawn;
        checker->protos[checker->count++] = i;
    }
}

static void complain(struct checker *checker, const struct zast_global *global,
                     const struct zproto *proto, uint32_t pc)
{
    const struct zgen_spawn *spawns = checker->gen->spawns.data;
    const struct zgen_spawn *spawn = &spawns[checker->spawns[proto->index] - 1];
    struct zast_position position;
    zcode_position(proto, pc, &position.line, &position.column);
    struct zast_text action = spawn->action->name;
    zgen_error(checker->gen, position,
               "'%.*s' is assigned: '%.*s', which is spawned in line %u, would have its own copy",
               (int)global->name.length_bytes, global->name.bytes, (int)action.length_bytes,
               action.bytes, (unsigned)spawn->position.line);
}

static void look_at_global(struct checker *checker, uint32_t slot, const struct zproto *proto,
                           uint32_t pc)
{
    if (slot >= checker->gen->own_count) return; // a module's
    const struct zast_global *global = checker->globals[slot];
    if (global == NULL || global->declaration_count == 0) return; // a builtin, or without a value
    if (global->is_assigned || global->declaration_count > 1)
        complain(checker, global, proto, pc);
    else
        add_functions(checker, global, checker->spawns[proto->index]);
}

static void look_at(struct checker *checker, const struct zproto *proto)
{
    for (uint32_t pc = 0; pc < proto->word_count && checker->gen->status == ZVM_OK; pc++) {
        uint32_t word = proto->words[pc], at = pc;
        const struct zopcode_info *info = &zopcode_table[ZINSN_OP(word)];
        if (info->form == ZFORM_W_G || info->form == ZFORM_R_G)
            look_at_global(checker, ZINSN_D(word), proto, at);
        if (info->aux == ZAUX_NONE) continue;
        pc++;
        if (info->aux == ZAUX_GLOBAL) look_at_global(checker, proto->words[pc], proto, at);
    }
}

static void check(struct checker *checker)
{
    const struct zgen *gen = checker->gen;
    const struct zgen_spawn *spawns = gen->spawns.data;
    const struct zproto *protos = gen->protos.data;
    for (const struct zast_global *at = gen->program->globals; at != NULL; at = at->next)
        if (at->use == NULL) checker->globals[at->slot] = (struct zast_global *)(uintptr_t)at;
    for (uint32_t i = 0; i < gen->spawns.count; i++)
        if (spawns[i].action->use == NULL) add_functions(checker, spawns[i].action, i + 1);
    for (uint32_t i = 0; i < checker->count && gen->status == ZVM_OK; i++)
        look_at(checker, &protos[checker->protos[i]]);
}

void zgen_check_spawns(struct zgen *gen)
{
    if (gen->spawns.count == 0) return;
    size_t globals = gen->own_count * sizeof(struct zast_global *);
    size_t bytes = globals + gen->protos.count * 2 * sizeof(uint32_t);
    char *memory = z_alloc_zeroed(bytes);
    if (memory == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return;
    }
    struct checker checker = {.gen = gen, .globals = (struct zast_global **)(void *)memory};
    checker.protos = (uint32_t *)(void *)(memory + globals);
    checker.spawns = checker.protos + gen->protos.count;
    check(&checker);
    z_free(memory, bytes);
}
