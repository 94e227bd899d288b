// lang/resolve_internal.h - what the files of the resolver share.
#ifndef ZVM_LANG_RESOLVE_INTERNAL_H
#define ZVM_LANG_RESOLVE_INTERNAL_H

#ifndef ZVM_LANG_RESOLVE_PRIVATE
#    error "resolve_internal.h is for the files of the resolver only"
#endif

#include "base/nearest.h"
#include "lang/resolve.h"

struct zresolver_scope;
struct zresolver_frame;
struct zresolver_use;

// A variable while it can be seen, and what hides behind it.
struct zresolver_binding {
    struct zast_variable *variable;
    struct zresolver_name *name;
    struct zresolver_scope *scope;
    struct zresolver_binding *hidden; // of the same name, further out
    struct zresolver_binding *next_in_scope;
    struct zresolver_use *uses; // functions now open that capture it, innermost first
    bool is_statement;          // declared by let, const, action or data
    bool is_const;
    bool is_incomplete; // its function or data declaration is being walked: not stored to yet
};

// One capture of a function that is now open.
struct zresolver_use {
    struct zresolver_frame *frame;
    struct zresolver_binding *binding;
    struct zresolver_use *next_of_binding;
    struct zresolver_use *next_in_frame;
    uint32_t index;
};

// One distinct name of the program.
struct zresolver_name {
    struct zast_text text;
    uint64_t hash;
    struct zresolver_binding *visible; // innermost variable; NULL: the name means the global
    struct zast_global *global;        // NULL until used or declared as one
    bool is_const_global;              // some top-level `const` declares it
    bool is_declared;                  // a top-level declaration of it has been walked,
    bool is_declared_const;            // and it was a const
    struct zast_node *use;             // brings it in, at the top level; NULL: none does
    bool is_namespace;                 // the name of a whole module
    bool is_use_walked;                // the walk is below that `use`
    uint32_t declared_line;            // of that declaration
    uint32_t member_of;                // number of the data declaration last seen with this member
};

// A name that meant nothing yet where it was first used, and what it was most like.
struct zresolver_unknown {
    struct zresolver_name *name;
    struct znearest nearest;
    struct zresolver_unknown *next;
};

struct zresolver_scope {
    struct zresolver_scope *outer;
    struct zresolver_frame *frame;
    struct zresolver_binding *bindings;
};

// A function whose body is being walked.
struct zresolver_frame {
    struct zresolver_frame *outer; // NULL: the main program
    struct zast_function *function;
    struct zast_variable **variables_end;
    struct zast_capture **captures_end;
    struct zresolver_use *uses;
};

struct zresolver {
    struct zdiagnostics *diagnostics;
    struct zast_program *program;
    struct zresolver_frame *frame;      // of the innermost function
    struct zresolver_scope *scope;      // innermost; NULL: the top level
    struct zresolver_name **names;      // open addressing
    uint32_t name_count, name_capacity; // the capacity is a power of two, or 0
    struct zast_global **globals_end;
    uint32_t data_count; // data declarations seen
    uint32_t unknown_count;
    struct zresolver_unknown *unknowns;
    zvm_status status; // of the first failure
};

// How a name resolved.
struct zresolver_found {
    struct zast_variable *variable; // NULL: the global
    struct zast_global *global;     // NULL: the variable
    bool is_const;
};

// ---- Names and scopes (resolve_names.c). False or NULL: failed, see status ----
void *zresolver_alloc(struct zresolver *resolver, size_t bytes);
struct zresolver_name *zresolver_name(struct zresolver *resolver, struct zast_text text);
struct zast_global *zresolver_global(struct zresolver *resolver, struct zresolver_name *name,
                                     struct zast_position position);
void zresolver_free_names(struct zresolver *resolver);

void zresolver_push_scope(struct zresolver *resolver, struct zresolver_scope *scope);
void zresolver_pop_scope(struct zresolver *resolver);
void zresolver_push_frame(struct zresolver *resolver, struct zresolver_frame *frame,
                          struct zast_function *function);
void zresolver_pop_frame(struct zresolver *resolver);

// A use of a name; makes the captures on the way to its variable.
bool zresolver_find(struct zresolver *resolver, struct zast_text text,
                    struct zast_position position, struct zresolver_found *out);

// What a declaration made, or made again.
struct zresolver_declared {
    struct zast_variable *variable;    // NULL: a global
    struct zresolver_binding *binding; // NULL: a global
    struct zast_global *global;        // NULL: a variable
    bool is_first;
};

// let, const, action, data: in the innermost scope, or as a global at the top level.
bool zresolver_declare(struct zresolver *resolver, struct zast_text text,
                       struct zast_position position, bool is_const,
                       struct zresolver_declared *out);
// Parameters, loop and catch variables, match bindings; the scope is never the top level.
bool zresolver_declare_plain(struct zresolver *resolver, struct zast_text text,
                             struct zresolver_declared *out);

// ---- Modules (resolve_module.c) ----
// Functions may use names of a `use` further down, to say so: all are noted before the walk.
bool zresolver_note_uses(struct zresolver *resolver);
bool zresolver_walk_use(struct zresolver *resolver, struct zast_node *use);
// A name that means a global is used as a value, or assigned.
bool zresolver_check_import(struct zresolver *resolver, const struct zresolver_name *name,
                            struct zast_position position);
bool zresolver_is_namespace(struct zresolver *resolver, const struct zast_node *node);
// A MEMBER of a namespace turns into a NAME.
bool zresolver_walk_export(struct zresolver *resolver, struct zast_node *member);
// Always false.
bool zresolver_fail_assignment(struct zresolver *resolver, const struct zast_node *target);

// ---- Hints (resolve_hint.c) ----
// Remembers a name that is used as a global before one of that name was declared.
bool zresolver_note_unknown(struct zresolver *resolver, struct zresolver_name *name);
// At the end, when all globals are known.
void zresolver_hint_unknowns(struct zresolver *resolver);

// Reports "'NAME' MESSAGE", unless memory was refused before. Always false.
bool zresolver_fail(struct zresolver *resolver, struct zast_position position,
                    struct zast_text name, const char *message);

#endif // ZVM_LANG_RESOLVE_INTERNAL_H
