// api/hooks.c - the bodies of zvm.h about where memory comes from, and the hooks of a runtime's options.
//
// Owns: nothing. Thread: as each declaration in zvm.h says.
#include "api/api_internal.h"

#include "base/alloc.h"
#include "base/system.h"
#include "sched/hooks.h"

#include <string.h>

// ---- Memory -------------------------------------------------------------------------------------

zvm_status zvm_set_allocator(const zvm_allocator *allocator)
{
    zvm_allocator own = ZVM_ALLOCATOR_INIT;
    if (allocator != NULL) {
        if (!zapi_read_options(&own, sizeof own, allocator, allocator->size)) return ZVM_E_ARGUMENT;
        if (own.allocate == NULL || own.resize == NULL || own.free == NULL) return ZVM_E_ARGUMENT;
    }
    if (zalloc_stats().live_count != 0) return ZVM_E_STATE;
    z_give_back(); // by the functions that the blocks came from
    zsystem_host = own;
    return ZVM_OK;
}

// ---- Hooks --------------------------------------------------------------------------------------

static bool is_worker_name(const char *name)
{
    size_t length_bytes = strnlen(name, ZVM_WORKER_NAME_BYTES_MAX + 1);
    if (length_bytes == 0 || length_bytes > ZVM_WORKER_NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < length_bytes; i++)
        if (name[i] < ' ' || name[i] > '~') return false;
    return true;
}

zvm_status zapi_read_hooks(const zvm_runtime_options *options, struct zhooks *out)
{
    const char *name = options->worker_name == NULL ? "zvm-worker" : options->worker_name;
    size_t stack_bytes = options->worker_stack_bytes;
    if (!is_worker_name(name)) return ZVM_E_ARGUMENT;
    if (stack_bytes != 0 && stack_bytes < ZVM_WORKER_STACK_BYTES_MIN) return ZVM_E_ARGUMENT;
    if (stack_bytes > ZVM_WORKER_STACK_BYTES_MAX) return ZVM_E_ARGUMENT;
    *out = (struct zhooks){.on_event = options->on_event,
                           .log = options->log,
                           .on_worker_start = options->on_worker_start,
                           .on_worker_stop = options->on_worker_stop,
                           .context = options->hook_context,
                           .worker_stack_bytes = stack_bytes};
    memcpy(out->worker_name, name, strlen(name) + 1);
    return ZVM_OK;
}
