// tests/model/explore_alloc.c - the allocation seam, for sources of the project in the explorer.
//
// The memory is that of one execution (explore_plain.c), so that every free is checked against
// every use. It never runs out.
#include "base/alloc.h"

#include "explore.h"

#include <string.h>

void *z_alloc(size_t bytes)
{
    return zx_alloc(bytes);
}

void *z_alloc_zeroed(size_t bytes)
{
    return zx_alloc(bytes);
}

void *z_alloc_aligned(size_t alignment, size_t bytes)
{
    zx_assert(alignment <= ZVM_CACHE_LINE_BYTES);
    return zx_alloc(bytes);
}

void *z_resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    void *grown = zx_alloc(new_bytes);
    if (memory == NULL) return grown;
    memcpy(grown, memory, old_bytes < new_bytes ? old_bytes : new_bytes);
    zx_free(memory, old_bytes);
    return grown;
}

void z_free(void *memory, size_t bytes)
{
    if (memory != NULL) zx_free(memory, bytes);
}

void z_free_aligned(void *memory, size_t bytes)
{
    z_free(memory, bytes);
}

char *z_alloc_text(const char *text, size_t length_bytes)
{
    char *copy = zx_alloc(length_bytes + 1);
    memcpy(copy, text, length_bytes);
    return copy;
}

void z_advise_huge(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}
