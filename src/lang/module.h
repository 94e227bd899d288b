// lang/module.h - the compiled modules of a runtime, each compiled once and shared.
//
// Several threads may compile at once. A module is kept while a program holds it.
#ifndef ZVM_LANG_MODULE_H
#define ZVM_LANG_MODULE_H

#include "vm/code.h"

#include <stdbool.h>

struct zmodules;

struct zmodules_stats {
    uint64_t kept;     // modules, now
    uint64_t compiled; // ever
    uint64_t shared;   // times that a module was there already
};

zvm_status zmodules_create(struct zmodules **out); // errors: ZVM_E_NOMEM
void zmodules_destroy(struct zmodules *modules);   // no program is left; may be NULL
void zmodules_stats(struct zmodules *modules, struct zmodules_stats *out); // thread: any

// What a program may use.
struct zmodule_source {
    struct zmodules *modules;
    zvm_load_fn load;
    void *context;
    const char *path;   // of the program, from the root folder; NULL: it stands in the root folder
    const char *prefix; // before a module's path in positions: "" or a folder with its '/'
};

// True for "a/b.zx": parts with '/' between them, none empty, "." or "..".
bool zmodule_is_normal_path(const char *path);

// The body of zvm_module_give and zvm_module_refuse.
zvm_status zmodule_give(zvm_module_request *request, const char *path, const char *text,
                        size_t length_bytes);
void zmodule_refuse(zvm_module_request *request, const char *reason);
// After a refusal: the part of the wanted path at `offset` may be a misspelt `name`.
void zmodule_suggest(zvm_module_request *request, size_t offset, const char *name);

#endif // ZVM_LANG_MODULE_H
