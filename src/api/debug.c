// api/debug.c - the runtimes of the process, for debuggers.
//
// Owns: the array. Thread: any. Nothing in the library reads it: tools/gdb_zvm.py finds the runtimes of a
// process, or of its core, here, with whatever the compiler has made of everything else. No lock, so
// that a child after a fork cannot meet a held one. A runtime that finds no place is not shown.
#include "api/api_internal.h"

#include "base/atomic.h"

#define DEBUG_RUNTIMES_MAX 64

extern _Atomic(zvm_runtime *) zapi_debug_runtimes[DEBUG_RUNTIMES_MAX];
_Atomic(zvm_runtime *) zapi_debug_runtimes[DEBUG_RUNTIMES_MAX];

void zapi_debug_add(zvm_runtime *runtime)
{
    for (int i = 0; i < DEBUG_RUNTIMES_MAX; i++) {
        zvm_runtime *expected = NULL;
        // relaxed: nobody reads through it but a debugger, for which the process stands still
        if (z_cas_relaxed(&zapi_debug_runtimes[i], &expected, runtime)) return;
    }
}

void zapi_debug_remove(zvm_runtime *runtime)
{
    for (int i = 0; i < DEBUG_RUNTIMES_MAX; i++) {
        zvm_runtime *expected = runtime;
        if (z_cas_relaxed(&zapi_debug_runtimes[i], &expected, NULL)) return; // relaxed: see above
    }
}
