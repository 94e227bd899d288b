// api/api_internal.h - what the files of the public interface share.
#ifndef ZVM_API_API_INTERNAL_H
#define ZVM_API_API_INTERNAL_H

#include "base/atomic.h"
#include "base/fork.h"
#include "lang/module.h"
#include "sched/hooks.h"
#include "zvm.h"

struct zdiagnostics;
struct zhosts;
struct zintern;
struct zsched;
struct zshared;
struct zspan_pool;

struct zvm_runtime {
    struct zintern *intern;
    struct zspan_pool *spans;
    struct zshared *shared;
    struct zsched *sched;
    struct zmodules *modules;
    struct zhosts *hosts;
    uint32_t generation;         // of the process that it was made in
    struct zhooks hooks_of_host; // frozen
    // shared, relaxed: a count: code objects that were made and are not freed
    _Atomic uint64_t code_count;
};

// debug.c: debuggers find the runtime from now on, and not any more.
void zapi_debug_add(zvm_runtime *runtime);
void zapi_debug_remove(zvm_runtime *runtime);

// A fork has taken the workers away: the runtime, its code and its isolates are only memory here. Every
// call that is given one of them looks, and gives ZVM_E_FORKED.
static inline bool zapi_is_dead(const zvm_runtime *runtime)
{
    return runtime->generation != zfork_generation();
}

// Copies a struct of the caller, who may have been built against another version: what the caller does
// not have reads as zero, what we do not have must be zero. false: it is not.
bool zapi_read_options(void *out, size_t own_bytes, const void *from, size_t from_bytes);

// Fills a struct of the caller as far as the caller has it; its size stays what it was.
void zapi_write_struct(void *out, size_t out_bytes, const void *from, size_t own_bytes);

// Hooks of the options, checked. errors: ZVM_E_ARGUMENT.
zvm_status zapi_read_hooks(const zvm_runtime_options *options, struct zhooks *out);

// Compiles a text; source NULL: without modules. findings: where they go; the rest is filled in here.
zvm_status zapi_compile(zvm_runtime *runtime, const char *name, const char *text,
                        size_t length_bytes, struct zdiagnostics *findings,
                        const struct zmodule_source *source, zvm_code **out);

#endif // ZVM_API_API_INTERNAL_H
