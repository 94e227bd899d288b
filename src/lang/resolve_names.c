// lang/resolve_names.c - names, scopes, variables and captures.
//
// Owns: the table of names, freed at the end; all else lies in the program's arena.
// Thread: the resolver's.
// Invariants:  1. For each name, `visible` and the chain of `hidden` behind it are its variables
// from
//                 the innermost scope outwards. Leaving a scope takes its bindings off, so a
//                 look-up is one probe of the table, however many scopes are open and however large
//                 they are.
//              2. The chain `uses` of a binding holds the open functions that capture it, innermost
//                 first, each once: at most ZAST_DEPTH_MAX. A function's uses go when it is left,
//                 and are then at the head of their chains.
// How captures are made: a variable of another function is captured by every function between that
// one and the use, outermost first, each taking it from the one outside it.
#define ZVM_LANG_RESOLVE_PRIVATE

#include "lang/resolve.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/siphash.h"
#include "lang/arena.h"
#include "lang/resolve_internal.h"

#include <string.h>

#define NAMES_CAPACITY_MIN 64u
#define CAPTURES_MAX       65535u // zast_capture counts with 16 bits
#define QUOTED_BYTES_MAX   40u    // of a name in a message

// ---- Failures and memory -----------------------------------------------------------------------

bool zresolver_fail(struct zresolver *resolver, struct zast_position position,
                    struct zast_text name, const char *message)
{
    if (resolver->status == ZVM_E_NOMEM) return false;
    resolver->status = ZVM_E_SYNTAX;
    bool is_cut = name.length_bytes > QUOTED_BYTES_MAX;
    zdiagnostics_error(resolver->diagnostics, position, name.length_bytes, "'%.*s%s' %s",
                       (int)(is_cut ? QUOTED_BYTES_MAX : name.length_bytes), name.bytes,
                       is_cut ? "..." : "", message);
    return false;
}

static bool fail_memory(struct zresolver *resolver)
{
    if (resolver->status == ZVM_OK) resolver->status = ZVM_E_NOMEM;
    return false;
}

void *zresolver_alloc(struct zresolver *resolver, size_t bytes)
{
    void *memory = zarena_alloc(resolver->program->arena, bytes);
    if (memory == NULL) fail_memory(resolver);
    return memory;
}

// ---- The table of names ------------------------------------------------------------------------

// The slot of a name: the one that holds it, or the free one where it belongs.
static struct zresolver_name **find_slot(struct zresolver_name **names, uint32_t capacity,
                                         struct zast_text text, uint64_t hash)
{
    uint32_t mask = capacity - 1;
    for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
        const struct zresolver_name *name = names[i];
        if (name == NULL) return &names[i];
        if (name->hash == hash && name->text.length_bytes == text.length_bytes &&
            memcmp(name->text.bytes, text.bytes, text.length_bytes) == 0)
            return &names[i];
    }
}

static bool grow_names(struct zresolver *resolver)
{
    uint32_t capacity = resolver->name_capacity;
    uint32_t new_capacity = capacity == 0 ? NAMES_CAPACITY_MIN : capacity * 2;
    size_t bytes;
    if (!z_size_multiply(new_capacity, sizeof *resolver->names, &bytes))
        return fail_memory(resolver);
    struct zresolver_name **names = z_alloc_zeroed(bytes);
    if (names == NULL) return fail_memory(resolver);
    for (uint32_t i = 0; i < capacity; i++) {
        struct zresolver_name *name = resolver->names[i];
        if (name != NULL) *find_slot(names, new_capacity, name->text, name->hash) = name;
    }
    zresolver_free_names(resolver);
    resolver->names = names;
    resolver->name_capacity = new_capacity;
    return true;
}

void zresolver_free_names(struct zresolver *resolver)
{
    z_free(resolver->names, resolver->name_capacity * sizeof *resolver->names);
    resolver->names = NULL;
    resolver->name_capacity = 0;
}

struct zresolver_name *zresolver_name(struct zresolver *resolver, struct zast_text text)
{
    bool is_full = resolver->name_count >= resolver->name_capacity / 4 * 3;
    if (is_full && !grow_names(resolver)) return NULL;
    uint64_t hash = zsiphash13(zsiphash_process_key(), text.bytes, text.length_bytes);
    struct zresolver_name **slot = find_slot(resolver->names, resolver->name_capacity, text, hash);
    if (*slot != NULL) return *slot;

    struct zresolver_name *name = zresolver_alloc(resolver, sizeof *name);
    if (name == NULL) return NULL;
    name->text = text;
    name->hash = hash;
    *slot = name;
    resolver->name_count++;
    return name;
}

struct zast_global *zresolver_global(struct zresolver *resolver, struct zresolver_name *name,
                                     struct zast_position position)
{
    if (name->global != NULL) return name->global;
    struct zast_global *global = zresolver_alloc(resolver, sizeof *global);
    if (global == NULL) return NULL;
    global->name = name->text;
    global->position = position;
    global->is_const = name->is_const_global;
    name->global = global;
    *resolver->globals_end = global;
    resolver->globals_end = &global->next;
    resolver->program->global_count++;
    return global;
}

// ---- Scopes and functions ----------------------------------------------------------------------

void zresolver_push_scope(struct zresolver *resolver, struct zresolver_scope *scope)
{
    *scope = (struct zresolver_scope){.outer = resolver->scope, .frame = resolver->frame};
    resolver->scope = scope;
}

void zresolver_pop_scope(struct zresolver *resolver)
{
    ZVM_ASSERT(resolver->scope != NULL);

    for (struct zresolver_binding *binding = resolver->scope->bindings; binding != NULL;
         binding = binding->next_in_scope) {
        ZVM_ASSERT(binding->name->visible == binding);
        binding->name->visible = binding->hidden;
    }
    resolver->scope = resolver->scope->outer;
}

void zresolver_push_frame(struct zresolver *resolver, struct zresolver_frame *frame,
                          struct zast_function *function)
{
    *frame = (struct zresolver_frame){.outer = resolver->frame,
                                      .function = function,
                                      .variables_end = &function->variables,
                                      .captures_end = &function->captures};
    function->parent = frame->outer != NULL ? frame->outer->function : NULL;
    resolver->frame = frame;
}

void zresolver_pop_frame(struct zresolver *resolver)
{
    struct zresolver_frame *frame = resolver->frame;
    for (struct zresolver_use *use = frame->uses; use != NULL; use = use->next_in_frame) {
        ZVM_ASSERT(use->binding->uses == use);
        use->binding->uses = use->next_of_binding;
    }
    resolver->frame = frame->outer;
}

// ---- Uses --------------------------------------------------------------------------------------

// The function captures the binding's variable; all functions outside it that need to, do already.
static bool capture(struct zresolver *resolver, struct zresolver_frame *frame,
                    struct zresolver_binding *binding, struct zast_position position)
{
    struct zast_function *function = frame->function;
    if (function->capture_count == CAPTURES_MAX)
        return zresolver_fail(
            resolver, position, binding->name->text,
            "cannot be used here: one function may use at most 65535 variables of "
            "the functions around it");
    struct zast_capture *made = zresolver_alloc(resolver, sizeof *made);
    struct zresolver_use *use = zresolver_alloc(resolver, sizeof *use);
    if (made == NULL || use == NULL) return false;
    made->variable = binding->variable;
    made->from_parent_register = function->parent == binding->variable->function;
    made->parent_index = made->from_parent_register ? 0 : (uint16_t)binding->uses->index;
    *frame->captures_end = made;
    frame->captures_end = &made->next;

    *use = (struct zresolver_use){.frame = frame,
                                  .binding = binding,
                                  .next_of_binding = binding->uses,
                                  .next_in_frame = frame->uses,
                                  .index = function->capture_count++};
    binding->uses = use;
    frame->uses = use;
    return true;
}

// The frames from the use out to the innermost one that has the variable, in an array, because they
// are linked the other way round.
static bool capture_on_the_way(struct zresolver *resolver, struct zresolver_binding *binding,
                               struct zast_position position)
{
    struct zresolver_frame *missing[ZAST_DEPTH_MAX + 1];
    uint32_t count = 0;
    struct zast_function *owner = binding->variable->function;
    for (struct zresolver_frame *frame = resolver->frame; frame->function != owner;
         frame = frame->outer) {
        if (binding->uses != NULL && binding->uses->frame == frame) break;
        ZVM_CHECK(count <= ZAST_DEPTH_MAX);
        missing[count++] = frame;
    }
    while (count > 0)
        if (!capture(resolver, missing[--count], binding, position)) return false;
    binding->variable->is_captured = true;
    // The closure is made before the declaration stores to the variable.
    if (binding->is_incomplete) binding->variable->is_reassigned = true;
    return true;
}

bool zresolver_find(struct zresolver *resolver, struct zast_text text,
                    struct zast_position position, struct zresolver_found *out)
{
    struct zresolver_name *name = zresolver_name(resolver, text);
    if (name == NULL) return false;
    struct zresolver_binding *binding = name->visible;
    if (binding == NULL) {
        if (!zresolver_check_import(resolver, name, position)) return false;
        bool is_new = name->global == NULL;
        struct zast_global *global = zresolver_global(resolver, name, position);
        if (is_new && global != NULL && !zresolver_note_unknown(resolver, name)) return false;
        *out = (struct zresolver_found){.global = global, .is_const = name->is_const_global};
        return global != NULL;
    }
    *out = (struct zresolver_found){.variable = binding->variable, .is_const = binding->is_const};
    if (binding->variable->function == resolver->frame->function) return true;
    return capture_on_the_way(resolver, binding, position);
}

// ---- Declarations ------------------------------------------------------------------------------

static struct zresolver_binding *bind(struct zresolver *resolver, struct zresolver_name *name)
{
    struct zast_variable *variable = zresolver_alloc(resolver, sizeof *variable);
    struct zresolver_binding *binding = zresolver_alloc(resolver, sizeof *binding);
    if (variable == NULL || binding == NULL) return NULL;
    variable->name = name->text;
    variable->function = resolver->frame->function;
    *resolver->frame->variables_end = variable;
    resolver->frame->variables_end = &variable->next;

    binding->variable = variable;
    binding->name = name;
    binding->scope = resolver->scope;
    binding->hidden = name->visible;
    binding->next_in_scope = resolver->scope->bindings;
    name->visible = binding;
    resolver->scope->bindings = binding;
    return binding;
}

// The variable of this name in the innermost scope, new or declared again.
static struct zresolver_binding *bind_or_find(struct zresolver *resolver, struct zast_text text,
                                              bool *is_first)
{
    struct zresolver_name *name = zresolver_name(resolver, text);
    if (name == NULL) return NULL;
    struct zresolver_binding *binding = name->visible;
    *is_first = binding == NULL || binding->scope != resolver->scope;
    if (*is_first) return bind(resolver, name);
    binding->variable->is_reassigned = true;
    return binding;
}

static bool fail_const(struct zresolver *resolver, struct zast_position position,
                       struct zast_text text)
{
    return zresolver_fail(resolver, position, text,
                          "is already declared in this scope, and one of the two is a const; "
                          "choose another name");
}

static bool declare_global(struct zresolver *resolver, struct zast_text text,
                           struct zast_position position, bool is_const,
                           struct zresolver_declared *out)
{
    struct zresolver_name *name = zresolver_name(resolver, text);
    if (name == NULL) return false;
    if (name->use != NULL)
        return zresolver_fail(resolver, position, text,
                              "is brought in by a 'use' of this file; choose another name");
    bool is_first = !name->is_declared;
    if (!is_first && (is_const || name->is_declared_const))
        return fail_const(resolver, position, text);
    struct zast_global *global = zresolver_global(resolver, name, position);
    if (global == NULL) return false;
    if (is_first) name->declared_line = position.line;
    name->is_declared = true;
    name->is_declared_const = is_const;
    global->declaration_count++;
    *out = (struct zresolver_declared){.global = global, .is_first = is_first};
    return true;
}

bool zresolver_declare(struct zresolver *resolver, struct zast_text text,
                       struct zast_position position, bool is_const, struct zresolver_declared *out)
{
    if (resolver->scope == NULL) return declare_global(resolver, text, position, is_const, out);

    bool is_first;
    struct zresolver_binding *binding = bind_or_find(resolver, text, &is_first);
    if (binding == NULL) return false;
    // A parameter may be declared again, even as a const.
    if (binding->is_statement && (is_const || binding->is_const))
        return fail_const(resolver, position, text);
    binding->is_statement = true;
    binding->is_const = is_const;
    if (is_const) binding->variable->is_const = true;
    *out = (struct zresolver_declared){
        .variable = binding->variable, .binding = binding, .is_first = is_first};
    return true;
}

bool zresolver_declare_plain(struct zresolver *resolver, struct zast_text text,
                             struct zresolver_declared *out)
{
    ZVM_ASSERT(resolver->scope != NULL);

    bool is_first;
    struct zresolver_binding *binding = bind_or_find(resolver, text, &is_first);
    if (binding == NULL) return false;
    *out = (struct zresolver_declared){
        .variable = binding->variable, .binding = binding, .is_first = is_first};
    return true;
}
