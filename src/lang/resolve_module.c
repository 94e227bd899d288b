// lang/resolve_module.c - the names that `use` brings in.
//
// Owns: nothing. Thread: the resolver's.
// Rules: such a name is a name of the top level, declared by its `use` alone and for the whole file;
// it may be used in the text below its `use`, so that it has its value wherever it is used. A name of
// a module is a global of that module, seen by whoever imports it and assigned by the module alone. A
// namespace is no value: only NAMESPACE.NAME is, and turns here into a global of that name with a dot.
#define ZVM_LANG_RESOLVE_PRIVATE

#include "lang/resolve.h"

#include "base/assert.h"
#include "lang/module_internal.h"
#include "lang/resolve_internal.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES_MAX 300

// ---- The `use` statements ----------------------------------------------------------------------

static bool note_name(struct zresolver *resolver, struct zast_node *use, struct zast_text text,
                      struct zast_position position, const struct zast_target *target)
{
    struct zresolver_name *name = zresolver_name(resolver, text);
    if (name == NULL) return false;
    if (name->use != NULL)
        return zresolver_fail(resolver, position, text,
                              "is already brought in by a 'use'; give one of the two another name "
                              "with 'as'");
    name->use = use;
    name->is_namespace = target == NULL;
    return true;
}

bool zresolver_note_uses(struct zresolver *resolver)
{
    for (struct zast_node *use = resolver->program->uses; use != NULL; use = use->use.next_use) {
        if (use->use.module == NULL)
            return zresolver_fail(resolver, use->position, use->use.path,
                                  "cannot be used: this program has no modules");
        if (use->use.alias.length_bytes > 0 &&
            !note_name(resolver, use, use->use.alias, use->position, NULL))
            return false;
        for (struct zast_target *name = use->use.names; name != NULL; name = name->next)
            if (!note_name(resolver, use, name->name, name->position, name)) return false;
    }
    return true;
}

static void hint_export(struct zresolver *resolver, const struct zunit *unit, struct zast_text text)
{
    struct znearest nearest;
    znearest_init(&nearest, text.bytes, text.length_bytes);
    for (uint32_t i = 0; i < unit->name_count; i++) {
        const struct zstring *name = unit->names[i].name;
        if (unit->names[i].is_exported) znearest_offer(&nearest, name->bytes, name->header.aux);
    }
    if (nearest.best != NULL)
        zdiagnostics_hint(resolver->diagnostics, "did you mean '%.*s'?", (int)nearest.best_bytes,
                          nearest.best);
}

// "is not exported by …" with what would help.
static bool fail_export(struct zresolver *resolver, const struct zast_node *use,
                        struct zast_text text, struct zast_position position)
{
    const struct zunit *unit = use->use.module->unit;
    char message[MESSAGE_BYTES_MAX];
    size_t length = (size_t)snprintf(message, sizeof message, "is not exported by '%.100s'",
                                     use->use.module->path);
    const struct zunit_name *hidden = zunit_find_name(unit, text);
    if (hidden != NULL) {
        (void)snprintf(message + length, sizeof message - length,
                       "; write 'export' before its declaration there");
        return zresolver_fail(resolver, position, text, message);
    }
    hint_export(resolver, unit, text);
    const char *between = ", which exports ";
    bool has_any = false;
    for (uint32_t i = 0; i < unit->name_count; i++) {
        const struct zstring *name = unit->names[i].name;
        if (!unit->names[i].is_exported) continue;
        has_any = true;
        bool has_room = length + name->header.aux + 30 < sizeof message;
        length += (size_t)snprintf(message + length, sizeof message - length, "%s%s", between,
                                   has_room ? name->bytes : "...");
        between = ", ";
        if (!has_room) break;
    }
    if (!has_any)
        (void)snprintf(message + length, sizeof message - length, ", which exports nothing");
    return zresolver_fail(resolver, position, text, message);
}

// The global under which a name of a module is known here. NULL: failed.
static struct zast_global *import(struct zresolver *resolver, struct zresolver_name *name,
                                  struct zast_node *use, struct zast_text exported,
                                  struct zast_position position)
{
    if (name->global != NULL) return name->global;
    const struct zunit_name *found = zunit_find_name(use->use.module->unit, exported);
    if (found == NULL || !found->is_exported) {
        fail_export(resolver, use, exported, position);
        return NULL;
    }
    struct zast_global *global = zresolver_global(resolver, name, position);
    if (global == NULL) return NULL;
    global->use = use;
    global->export_slot = found->slot;
    global->declaration_count = 1;
    global->is_assigned = !found->is_fixed;
    global->is_set = true;
    return global;
}

bool zresolver_walk_use(struct zresolver *resolver, struct zast_node *use)
{
    ZVM_ASSERT(resolver->scope == NULL);

    if (use->use.alias.length_bytes > 0) {
        struct zresolver_name *name = zresolver_name(resolver, use->use.alias);
        if (name == NULL) return false;
        name->is_use_walked = true;
        return true;
    }
    bool is_good = true;
    for (struct zast_target *target = use->use.names; target != NULL; target = target->next) {
        struct zresolver_name *name = zresolver_name(resolver, target->name);
        if (name == NULL) return false;
        // Also of a name that the module does not have: nothing more is said about it.
        name->is_use_walked = true;
        if (import(resolver, name, use, target->key, target->key_position) == NULL) is_good = false;
    }
    return is_good;
}

// ---- Uses of the names -------------------------------------------------------------------------

static bool check_below(struct zresolver *resolver, const struct zresolver_name *name,
                        struct zast_position position)
{
    if (name->is_use_walked) return true;
    return zresolver_fail(resolver, position, name->text,
                          "is used above the 'use' that brings it in; move that 'use' up");
}

bool zresolver_check_import(struct zresolver *resolver, const struct zresolver_name *name,
                            struct zast_position position)
{
    if (name->use == NULL) return true;
    if (!check_below(resolver, name, position)) return false;
    if (!name->is_namespace) return true;
    return zresolver_fail(resolver, position, name->text,
                          "is a module and not a value; write the name of something that it "
                          "exports behind a '.'");
}

// "NAMESPACE.NAME", a text that no name of the program can be.
static bool join(struct zresolver *resolver, struct zast_text left, struct zast_text right,
                 struct zast_text *out)
{
    size_t bytes = (size_t)left.length_bytes + 1 + right.length_bytes;
    char *text = zresolver_alloc(resolver, bytes);
    if (text == NULL) return false;
    memcpy(text, left.bytes, left.length_bytes);
    text[left.length_bytes] = '.';
    memcpy(text + left.length_bytes + 1, right.bytes, right.length_bytes);
    *out = (struct zast_text){text, (uint32_t)bytes};
    return true;
}

bool zresolver_is_namespace(struct zresolver *resolver, const struct zast_node *node)
{
    if (node->kind != ZAST_NAME || (node->flags & ZAST_FLAG_PARENTHESISED) != 0) return false;
    const struct zresolver_name *name = zresolver_name(resolver, node->name.text);
    return name != NULL && name->visible == NULL && name->use != NULL && name->is_namespace;
}

bool zresolver_walk_export(struct zresolver *resolver, struct zast_node *member)
{
    ZVM_ASSERT(member->kind == ZAST_MEMBER);

    const struct zast_node *object = member->member.object;
    struct zast_text exported = member->member.name;
    struct zresolver_name *space = zresolver_name(resolver, object->name.text);
    struct zast_text text;
    if (space == NULL || !check_below(resolver, space, object->position)) return false;
    if (!join(resolver, space->text, exported, &text)) return false;
    struct zresolver_name *name = zresolver_name(resolver, text);
    if (name == NULL || import(resolver, name, space->use, exported, member->position) == NULL)
        return false;
    member->kind = ZAST_NAME;
    member->name = (struct zast_name){.text = text};
    return true;
}

bool zresolver_fail_assignment(struct zresolver *resolver, const struct zast_node *target)
{
    struct zast_text text = target->name.text;
    const char *dot = memchr(text.bytes, '.', text.length_bytes);
    if (dot != NULL) {
        text.length_bytes -= (uint32_t)(dot + 1 - text.bytes);
        text.bytes = dot + 1;
    }
    return zresolver_fail(resolver, target->position, text,
                          "belongs to another module and can be assigned there alone; let that "
                          "module export an action that does it");
}
