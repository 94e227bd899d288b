// base/system.h - where memory comes from: the C library, or functions of the host that take its place.
//
// Only base/alloc.c and base/shelf.c ask here. Which it is belongs to the process, as the C library does.
#ifndef ZVM_BASE_SYSTEM_H
#define ZVM_BASE_SYSTEM_H

#include "base/assert.h"
#include "zvm.h"

#include <stddef.h>
#include <stdlib.h>

// What a plain block is aligned to, as one of malloc.
#define ZSYSTEM_ALIGNMENT _Alignof(max_align_t)

// The host's functions; all NULL: the C library. Written while zvm has no memory and nobody is in a call of it.
extern zvm_allocator zsystem_host;

static inline bool zsystem_is_host(void)
{
    return ZVM_UNLIKELY(zsystem_host.allocate != NULL);
}

void *zsystem_host_zeroed(size_t bytes);

// ---- As malloc, calloc, posix_memalign, realloc and free. Freeing and resizing are told the old size.

static inline void *zsystem_allocate(size_t bytes)
{
    if (zsystem_is_host())
        return zsystem_host.allocate(zsystem_host.user, ZSYSTEM_ALIGNMENT, bytes);
    return malloc(bytes);
}

static inline void *zsystem_zeroed(size_t bytes)
{
    return zsystem_is_host() ? zsystem_host_zeroed(bytes) : calloc(1, bytes);
}

// Small blocks of about so many bytes will be asked for and kept. glibc gives the arena of a thread that is not
// the first one more memory page by page, with a system call each: like this it is one for all of them.
static inline void zsystem_extend(size_t bytes)
{
    if (zsystem_is_host()) return;
    void *volatile block = malloc(bytes); // volatile: a block that is only freed is not left out
    free(block);
}

// alignment: a power of two, at least that of a pointer.
static inline void *zsystem_aligned(size_t alignment, size_t bytes)
{
    if (zsystem_is_host()) return zsystem_host.allocate(zsystem_host.user, alignment, bytes);
    void *memory;
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

// Of one that is plainly aligned.
static inline void *zsystem_resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    if (zsystem_is_host())
        return zsystem_host.resize(zsystem_host.user, memory, old_bytes, new_bytes);
    return realloc(memory, new_bytes);
}

static inline void zsystem_free(void *memory, size_t bytes)
{
    if (zsystem_is_host())
        zsystem_host.free(zsystem_host.user, memory, bytes);
    else
        free(memory);
}

#endif // ZVM_BASE_SYSTEM_H
