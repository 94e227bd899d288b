// What the tests of modules share: modules that stand in memory, and programs compiled with them.
#ifndef ZVM_TESTS_UNIT_MODULE_FIXTURE_H
#define ZVM_TESTS_UNIT_MODULE_FIXTURE_H

#include "lang/module.h"

#include <stdio.h>
#include <string.h>

struct module_file {
    const char *path, *text;
};

// A zvm_load_fn. context: struct module_file[], ended by a NULL path.
static zvm_status load_from_memory(void *context, const char *path, zvm_module_request *request)
{
    for (const struct module_file *file = context; file->path != NULL; file++) {
        if (strcmp(file->path, path) == 0)
            return zvm_module_give(request, NULL, file->text, strlen(file->text));
    }
    return ZVM_E_NOT_FOUND;
}

static inline struct zmodule_source module_source(struct zmodules *modules,
                                                  const struct module_file *files)
{
    return (struct zmodule_source){.modules = modules,
                                   .load = load_from_memory,
                                   .context = (void *)(uintptr_t)files,
                                   .path = "main.zx",
                                   .prefix = ""};
}

#endif // ZVM_TESTS_UNIT_MODULE_FIXTURE_H
