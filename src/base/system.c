// base/system.c - where memory comes from; see system.h.
//
// Owns: which it is, one a process. Thread: as system.h says.
#include "base/system.h"

#include <string.h>

zvm_allocator zsystem_host;

void *zsystem_host_zeroed(size_t bytes)
{
    void *memory = zsystem_host.allocate(zsystem_host.user, ZSYSTEM_ALIGNMENT, bytes);
    if (memory != NULL) memset(memory, 0, bytes);
    return memory;
}
