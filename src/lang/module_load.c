// lang/module_load.c - finds, loads and compiles what a program uses, each module behind those that it
// uses itself.
//
// Owns: the modules of one program, in an arena; their texts; a hold on each unit. Thread: owner; it
// calls the host's loader, holding no lock.
// Invariants:  1. The modules from `top` down by `user` are begun and not complete: a `use` that leads
//                 to one of them closes a circle.
//              2. A module is complete when its unit is READY and all that it uses is complete.
// How: depth first, with the modules themselves as the stack, because a chain of uses may be long. A
// text that some program still has compiled is not parsed again, when its uses lead to the same
// modules as they did.
#include "lang/module_internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/utf8.h"
#include "lang/arena.h"

#include <stdio.h>
#include <string.h>

#define MODULE_BYTES_MAX    ((size_t)1 << 30)
#define REASON_BYTES_MAX    200
#define SUGGESTED_BYTES_MAX 100
#define NOTES_MAX           20 // of the places that lead to a finding

struct zvm_module_request {
    struct zmodule_load *load;
    struct zmodule *user;
    struct zast_position position; // of the path in user
    const char *path;              // what is wanted
    struct zmodule *module;        // what was given; NULL: nothing yet
    zvm_status status;             // of what was given
    char reason[REASON_BYTES_MAX]; // why it was refused; empty: no reason
    // What may be meant in place of the part of the path at suggested_at; empty: nothing known.
    char suggested[SUGGESTED_BYTES_MAX];
    size_t suggested_at;
};

// ---- Findings ----------------------------------------------------------------------------------

// Behind a finding in a module: how the program came to it.
static void note_users(const struct zmodule *module)
{
    struct zast_position whole_file = {0, 0};
    uint32_t shown = 0, more = 0;
    for (; module->user != NULL; module = module->user) {
        if (shown++ >= NOTES_MAX)
            more++;
        else
            zdiagnostics_note(module->user->diagnostics, module->used_at, "%s is used here",
                              module->diagnostics->file_name);
    }
    if (more > 0)
        zdiagnostics_note(module->diagnostics, whole_file, "reached by %u more uses", more);
}

// Ends the findings in a module.
static void note_findings(const struct zmodule *module)
{
    if (module->diagnostics->count == 0) return;
    zdiagnostics_end(module->diagnostics);
    note_users(module);
}

static zvm_status fail_use(const struct zmodule *user, struct zast_position position,
                           struct zast_text path, const char *reason)
{
    uint32_t shown = path.length_bytes < 100 ? path.length_bytes : 100;
    zdiagnostics_error(user->diagnostics, position,
                       (uint32_t)zutf8_count(path.bytes, path.length_bytes) + 2,
                       "cannot use module \"%.*s%s\": %s", (int)shown, path.bytes,
                       shown < path.length_bytes ? "..." : "", reason);
    note_users(user);
    return ZVM_E_SYNTAX;
}

// ---- The table of paths ------------------------------------------------------------------------

static struct zmodule **bucket_of(struct zmodule_load *load, const char *path)
{
    uint32_t hash = 2166136261u; // FNV-1a: of this program only
    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619u;
    return &load->table[hash % (sizeof load->table / sizeof load->table[0])];
}

static struct zmodule *find_module(struct zmodule_load *load, const char *path)
{
    struct zmodule *module = *bucket_of(load, path);
    while (module != NULL && strcmp(module->path, path) != 0)
        module = module->chain;
    return module;
}

static void add_module(struct zmodule_load *load, struct zmodule *module)
{
    struct zmodule **bucket = bucket_of(load, module->path);
    module->chain = *bucket;
    *bucket = module;
    module->next_of_all = load->all;
    load->all = module;
}

// ---- Loading -----------------------------------------------------------------------------------

static char *copy_text(struct zmodule_load *load, const char *first, const char *second)
{
    size_t first_bytes = strlen(first), second_bytes = strlen(second);
    char *text = zarena_alloc(load->arena, first_bytes + second_bytes + 1);
    if (text == NULL) return NULL;
    memcpy(text, first, first_bytes);
    memcpy(text + first_bytes, second, second_bytes);
    text[first_bytes + second_bytes] = '\0';
    return text;
}

static struct zmodule *module_new(struct zvm_module_request *request, const char *path,
                                  const char *text, size_t text_bytes)
{
    struct zmodule_load *load = request->load;
    struct zmodule *module = zarena_alloc(load->arena, sizeof *module);
    struct zdiagnostics *diagnostics = zarena_alloc(load->arena, sizeof *diagnostics);
    char *own_path = copy_text(load, path, "");
    char *file_name = copy_text(load, load->source->prefix, path);
    if (module == NULL || diagnostics == NULL || own_path == NULL || file_name == NULL) return NULL;
    if (text_bytes > 0) {
        module->text = z_alloc(text_bytes);
        if (module->text == NULL) return NULL;
        memcpy(module->text, text, text_bytes);
        module->text_bytes = text_bytes;
    }
    module->path = own_path;
    module->user = request->user;
    module->used_at = request->position;
    module->diagnostics = diagnostics;
    *diagnostics = (struct zdiagnostics){.file_name = file_name,
                                         .text = text_bytes > 0 ? module->text : "",
                                         .length_bytes = text_bytes,
                                         .write = request->user->diagnostics->write,
                                         .report = request->user->diagnostics->report,
                                         .context = request->user->diagnostics->context};
    return module;
}

zvm_status zmodule_give(zvm_module_request *request, const char *path, const char *text,
                        size_t length_bytes)
{
    if (request->module != NULL || request->status != ZVM_OK) return ZVM_E_STATE;
    if (path == NULL) path = request->path;
    if (!zmodule_is_normal_path(path)) return ZVM_E_ARGUMENT;
    if (length_bytes >= MODULE_BYTES_MAX) {
        zmodule_refuse(request, "it is larger than 1 GiB");
        return request->status = ZVM_E_LIMIT;
    }
    request->module = find_module(request->load, path); // under another name
    if (request->module != NULL) return ZVM_OK;
    request->module = module_new(request, path, text, length_bytes);
    if (request->module == NULL) return request->status = ZVM_E_NOMEM;
    add_module(request->load, request->module);
    return ZVM_OK;
}

void zmodule_refuse(zvm_module_request *request, const char *reason)
{
    size_t bytes = strlen(reason), bad;
    if (bytes >= sizeof request->reason) bytes = sizeof request->reason - 1;
    if (!zutf8_is_valid(reason, bytes, &bad)) bytes = bad;
    memcpy(request->reason, reason, bytes);
    request->reason[bytes] = '\0';
}

static bool may_be_shown(const char *name)
{
    size_t length = strlen(name), used;
    if (!zutf8_is_valid(name, length, NULL)) return false;
    for (size_t at = 0; at < length; at += used)
        if (zdiagnostics_is_harmful(zutf8_decode(name + at, length - at, &used))) return false;
    return true;
}

void zmodule_suggest(zvm_module_request *request, size_t offset, const char *name)
{
    if (strlen(name) >= sizeof request->suggested || !may_be_shown(name)) return;
    ZVM_ASSERT(offset < strlen(request->path));
    memcpy(request->suggested, name, strlen(name) + 1);
    request->suggested_at = offset;
}

// The path as it would be written, if the end of what is written is the end of the path.
static void hint_path(const struct zvm_module_request *request, struct zast_text written)
{
    if (request->suggested[0] == '\0') return;
    const char *tail = request->path + request->suggested_at;
    size_t bytes = strlen(tail);
    if (written.length_bytes <= bytes) return;
    size_t before = written.length_bytes - bytes;
    if (written.bytes[before - 1] != '/' || memcmp(written.bytes + before, tail, bytes) != 0)
        return;
    zdiagnostics_hint(request->user->diagnostics, "did you mean \"%.*s%s%s\"?", (int)before,
                      written.bytes, request->suggested, tail + strcspn(tail, "/"));
}

// Asks the host. *out is a module that may be new.
static zvm_status ask(struct zmodule_load *load, struct zmodule *user,
                      struct zast_position position, struct zast_text written, const char *path,
                      struct zmodule **out)
{
    struct zvm_module_request request = {
        .load = load, .user = user, .position = position, .path = path, .status = ZVM_OK};
    zvm_status status = load->source->load(load->source->context, path, &request);
    if (request.status == ZVM_E_NOMEM || status == ZVM_E_NOMEM) return ZVM_E_NOMEM;
    if (status == ZVM_OK && request.module != NULL) {
        *out = request.module;
        return ZVM_OK;
    }
    const char *why = request.reason;
    if (why[0] == '\0')
        why = status == ZVM_OK || status == ZVM_E_NOT_FOUND ? "there is no such module"
                                                            : zvm_status_text(status);
    char reason[REASON_BYTES_MAX + 200];
    (void)snprintf(reason, sizeof reason, "%s (%.80s%.100s)", why, load->source->prefix, path);
    hint_path(&request, written);
    return fail_use(user, position, written, reason);
}

// ---- The uses of a module ----------------------------------------------------------------------

// What the next use of the module says: from its tree, or from the unit that it may be.
static struct zast_text next_path(struct zmodule *module, struct zast_position *position)
{
    if (module->program.arena == NULL) {
        const struct zunit_use *use = &module->unit->uses[module->next_use];
        *position = use->position;
        return (struct zast_text){use->path, (uint32_t)use->path_bytes - 1};
    }
    const struct zast_node *node = module->next_in_tree;
    *position = node->position;
    module->next_in_tree = node->use.next_use;
    return node->use.path;
}

static zvm_status parse(struct zmodule *module)
{
    if (module->program.arena != NULL) return ZVM_OK;
    zvm_status status = zlang_parse_tree(module->diagnostics, &module->program);
    note_findings(module);
    return status;
}

// Makes the module the one that is being loaded.
static zvm_status begin(struct zmodule_load *load, struct zmodule *module)
{
    load->top = module;
    if (module->user != NULL)
        module->unit =
            zmodules_find(load->source->modules, module->path, module->text, module->text_bytes);
    if (module->unit != NULL) {
        module->use_count = module->unit->use_count;
    } else {
        zvm_status status = parse(module);
        if (status != ZVM_OK) return status;
        module->use_count = module->program.use_count;
        module->next_in_tree = module->program.uses;
    }
    if (module->use_count == 0) return ZVM_OK;
    module->used = zarena_alloc(load->arena, module->use_count * sizeof(struct zmodule *));
    return module->used != NULL ? ZVM_OK : ZVM_E_NOMEM;
}

static zvm_status load_next_use(struct zmodule_load *load, struct zmodule *user)
{
    struct zast_position position;
    struct zast_text written = next_path(user, &position);
    if (load->source == NULL)
        return fail_use(user, position, written,
                        "this program was given to zvm without a folder for modules");
    char path[ZMODULE_PATH_MAX + 1];
    const char *fault = zmodule_resolve_path(user->path, written.bytes, written.length_bytes, path);
    if (fault != NULL) return fail_use(user, position, written, fault);
    struct zmodule *module = find_module(load, path);
    if (module == NULL) {
        zvm_status status = ask(load, user, position, written, path, &module);
        if (status != ZVM_OK) return status;
    }
    user->used[user->next_use++] = module;
    if (module->is_complete) return ZVM_OK;
    if (module->is_begun)
        return fail_use(user, position, written,
                        "modules cannot use each other in a circle, and this one is still being "
                        "loaded");
    module->is_begun = true;
    return begin(load, module);
}

// ---- From modules to units ---------------------------------------------------------------------

static bool is_up_to_date(const struct zmodule *module)
{
    if (module->unit == NULL) return false;
    for (uint32_t i = 0; i < module->use_count; i++)
        if (module->unit->uses[i].unit != module->used[i]->unit) return false;
    return true;
}

static zvm_status fill_uses(struct zmodule_load *load, struct zunit *unit,
                            const struct zmodule *module)
{
    const struct zast_node *node = module->program.uses;
    for (uint32_t i = 0; i < unit->use_count; i++, node = node->use.next_use) {
        struct zunit_use *use = &unit->uses[i];
        use->path = z_alloc_text(node->use.path.bytes, node->use.path.length_bytes);
        if (use->path == NULL) return ZVM_E_NOMEM;
        use->path_bytes = (size_t)node->use.path.length_bytes + 1;
        use->position = node->position;
        use->unit = module->used[i]->unit;
        zunit_hold(load->source->modules, use->unit);
    }
    return ZVM_OK;
}

// Tells each `use` of the tree what it leads to.
static void bind_uses(struct zmodule *module)
{
    struct zast_node *node = module->program.uses;
    for (uint32_t i = 0; i < module->use_count; i++, node = node->use.next_use)
        node->use.module = module->used[i];
}

static zvm_status make_unit(struct zmodule_load *load, struct zmodule *module)
{
    struct zmodules *modules = load->source->modules;
    zvm_status status = parse(module);
    if (status != ZVM_OK) return status;
    ZVM_CHECK(module->program.use_count == module->use_count);
    module->unit = zunit_create(module->path, module->text, module->text_bytes, module->use_count);
    if (module->unit == NULL) return ZVM_E_NOMEM;
    status = fill_uses(load, module->unit, module);
    if (status != ZVM_OK || !zmodules_claim(modules, &module->unit)) return status;
    bind_uses(module);
    status = zmodule_compile(load->intern, module);
    note_findings(module);
    zmodules_built(modules, module->unit, status == ZVM_OK);
    return status;
}

static zvm_status complete(struct zmodule_load *load, struct zmodule *module)
{
    if (!is_up_to_date(module)) {
        if (module->unit != NULL) zunit_release(load->source->modules, module->unit);
        module->unit = NULL;
        zvm_status status = make_unit(load, module);
        if (status != ZVM_OK) return status;
    } else {
        zmodules_note_shared(load->source->modules);
    }
    zlang_free_program(&module->program);
    module->is_complete = true;
    *load->end = module;
    load->end = &module->next;
    load->count++;
    return ZVM_OK;
}

// ---- All of them -------------------------------------------------------------------------------

static zvm_status step(struct zmodule_load *load)
{
    struct zmodule *module = load->top;
    if (module->next_use < module->use_count) return load_next_use(load, module);
    if (module->user == NULL) {
        bind_uses(module);
        load->top = NULL;
        return ZVM_OK;
    }
    zvm_status status = complete(load, module);
    if (status == ZVM_OK) load->top = module->user;
    return status;
}

zvm_status zmodule_load_all(struct zmodule_load *load, struct zmodule *program)
{
    load->end = &load->first;
    if (program->program.use_count == 0) return ZVM_OK;
    load->arena = zarena_create();
    if (load->arena == NULL) return ZVM_E_NOMEM;
    program->is_begun = true;
    struct zmodule **bucket = bucket_of(load, program->path);
    *bucket = program;
    zvm_status status = begin(load, program);
    while (status == ZVM_OK && load->top != NULL)
        status = step(load);
    for (const struct zmodule *module = load->all; module != NULL; module = module->next_of_all)
        program->diagnostics->count += module->diagnostics->count;
    return status;
}

void zmodule_unload(struct zmodule_load *load)
{
    for (struct zmodule *module = load->all; module != NULL; module = module->next_of_all) {
        zunit_release(load->source->modules, module->unit);
        zlang_free_program(&module->program);
        z_free(module->text, module->text_bytes);
    }
    zarena_destroy(load->arena);
    *load = (struct zmodule_load){0};
}
