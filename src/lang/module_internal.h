// lang/module_internal.h - units and modules; for the files of src/lang only.
//
// A unit is a module compiled by itself, frozen and shared by all programs of a runtime: a code object
// in which the module's own globals have the first slots, then comes one slot for each global that it
// imports, then one for each of its `use` statements. A module is a unit on its way into one program:
// compile.c links it there, which gives all these slots their final numbers.
#ifndef ZVM_LANG_MODULE_INTERNAL_H
#define ZVM_LANG_MODULE_INTERNAL_H

#include "lang/module.h"
#include "lang/parser.h"

struct zunit;

// A global that the module declares.
struct zunit_name {
    const struct zstring *name; // the unit's code holds it
    uint32_t slot;
    bool is_exported;
    bool is_fixed; // has one value once the module's top level has run
};

// A global of another module, in slot own_count + its index.
struct zunit_import {
    uint32_t use;  // index
    uint32_t slot; // in that module
};

struct zunit_use {
    char *path; // [path_bytes], as written
    size_t path_bytes;
    struct zast_position position;
    struct zunit *unit; // held
};

enum zunit_state { ZUNIT_BUILDING, ZUNIT_READY, ZUNIT_FAILED };

struct zunit {
    // shared: under the lock of struct zmodules
    struct zunit *next; // in its bucket
    uint32_t holders;
    enum zunit_state state;
    // frozen: what it was made from
    uint64_t hash; // of path and text
    char *path;    // [path_bytes]
    char *text;    // [text_bytes]; NULL when empty
    size_t path_bytes, text_bytes;
    struct zunit_use *uses; // [use_count]
    uint32_t use_count;
    // frozen once READY
    struct zcode *code;
    uint32_t own_count, import_count, name_count;
    struct zunit_import *imports;
    struct zunit_name *names; // sorted
};

// A module of the program that is being compiled; the program itself is one, too. In an arena.
struct zmodule {
    struct zmodule *next;  // of the program, a module behind those that it uses
    struct zmodule *chain; // in the table of paths
    struct zmodule *next_of_all;
    struct zmodule *user; // where its first use stands; NULL: it is the program
    struct zast_position used_at;
    const char *path; // from the root folder, NUL-terminated
    struct zdiagnostics *diagnostics;
    char *text; // [text_bytes], owned; NULL when empty, or of the program
    size_t text_bytes;
    struct zast_program program; // arena NULL: not parsed
    struct zunit *unit;          // held; before is_complete only a candidate; NULL of the program
    struct zmodule **used;       // [use_count], by index of the use
    uint32_t use_count, next_use;
    struct zast_node *next_in_tree; // of the uses, when it is parsed
    bool is_begun, is_complete;
    // for the code generator of the program
    uint32_t global_base, guard_slot, proto_base, data_base, cache_base;
    uint16_t file;
};

// ---- Paths (module_path.c) ---------------------------------------------------------------------
#define ZMODULE_PATH_MAX 1024

// Where a path leads that stands in the file `from`: relative to the root folder, without `.` and `..`,
// NUL-terminated. NULL, or why there is no such place.
const char *zmodule_resolve_path(const char *from, const char *path, size_t path_bytes,
                                 char out[ZMODULE_PATH_MAX + 1]);

// ---- Units (module_unit.c) ---------------------------------------------------------------------
// A READY unit of this path and text, held, or NULL. Its uses may lead to other modules by now.
struct zunit *zmodules_find(struct zmodules *modules, const char *path, const char *text,
                            size_t text_bytes);
// A new unit with one holder, uses_count of its uses empty yet; NULL: no memory.
struct zunit *zunit_create(const char *path, const char *text, size_t text_bytes,
                           uint32_t use_count);
// Takes the unit in for building, or gives back one with the same path, text and uses in its place: then
// it is held and *unit is gone. Waits for another thread that builds the same. true: build it, and then
// tell with zmodules_built.
bool zmodules_claim(struct zmodules *modules, struct zunit **unit);
void zmodules_note_shared(struct zmodules *modules);
void zmodules_built(struct zmodules *modules, struct zunit *unit, bool is_good);
void zunit_hold(struct zmodules *modules, struct zunit *unit);
void zunit_release(struct zmodules *modules, struct zunit *unit); // may be NULL
// The global of that name that the module declares, or NULL.
const struct zunit_name *zunit_find_name(const struct zunit *unit, struct zast_text name);

// ---- Loading (module_load.c) -------------------------------------------------------------------
// The modules of one program. Begun zeroed, ended by zmodule_unload, also after a failure.
struct zmodule_load {
    struct zintern *intern;
    const struct zmodule_source *source; // NULL: none may be used
    struct zarena *arena;
    struct zmodule *table[256];   // by path
    struct zmodule *first, **end; // complete
    struct zmodule *top;          // being loaded; its user is below it
    struct zmodule *all;          // by next_of_all
    uint32_t count;               // complete modules
};

// Loads and compiles all that the program uses, in their order. program: parsed, not resolved.
// errors: those of zlang_compile; everything wrong was reported.
zvm_status zmodule_load_all(struct zmodule_load *load, struct zmodule *program);
void zmodule_unload(struct zmodule_load *load);

// Resolves and compiles the tree of a module into its unit (compile.c).
zvm_status zmodule_compile(struct zintern *intern, struct zmodule *module);

#endif // ZVM_LANG_MODULE_INTERNAL_H
