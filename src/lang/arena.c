// lang/arena.c - bump memory for one compilation.
//
// Owns: a list of chunks, newest first; the pieces handed out lie in them and are never freed
// alone. Thread: owner; no locks. Invariants:  1. used_bytes <= data_bytes in every chunk, both
// multiples of ARENA_ALIGNMENT.
//              2. data behind used_bytes is zero, so that a piece needs no clearing.
// How: chunks double from CHUNK_BYTES_MIN to CHUNK_BYTES_MAX, so a small program costs one small
// chunk and a large one few calls. A piece over a quarter of the next chunk gets a chunk of its
// own, put behind the newest one, so that the room left in the newest is not lost.
#include "lang/arena.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdint.h>

#define ARENA_ALIGNMENT 16u
#define CHUNK_BYTES_MIN 4096u          // a page: the tree of a program of some 30 nodes
#define CHUNK_BYTES_MAX (256u * 1024u) // more saves no time: a chunk then holds 2,000 nodes

struct chunk {
    struct chunk *next;
    size_t data_bytes;
    size_t used_bytes;
    size_t padding; // keeps data aligned
    char data[];
};
_Static_assert(sizeof(struct chunk) % ARENA_ALIGNMENT == 0, "data must be aligned");

struct zarena {
    struct chunk *newest;
    size_t next_bytes; // data_bytes of the next ordinary chunk
};

struct zarena *zarena_create(void)
{
    struct zarena *arena = z_alloc_zeroed(sizeof *arena);
    if (arena == NULL) return NULL;
    arena->next_bytes = CHUNK_BYTES_MIN;
    return arena;
}

void zarena_destroy(struct zarena *arena)
{
    if (arena == NULL) return;
    struct chunk *chunk = arena->newest;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        z_free(chunk, sizeof *chunk + chunk->data_bytes);
        chunk = next;
    }
    z_free(arena, sizeof *arena);
}

static struct chunk *chunk_create(size_t data_bytes)
{
    size_t bytes;
    if (!z_size_add(sizeof(struct chunk), data_bytes, &bytes)) return NULL;
    struct chunk *chunk = z_alloc_zeroed(bytes);
    if (chunk != NULL) chunk->data_bytes = data_bytes;
    return chunk;
}

static void *take(struct chunk *chunk, size_t bytes)
{
    ZVM_ASSERT(chunk->data_bytes - chunk->used_bytes >= bytes);

    void *piece = chunk->data + chunk->used_bytes;
    chunk->used_bytes += bytes;
    return piece;
}

static ZVM_COLD void *alloc_slow(struct zarena *arena, size_t bytes)
{
    bool is_large = bytes > arena->next_bytes / 4;
    struct chunk *chunk = chunk_create(is_large ? bytes : arena->next_bytes);
    if (chunk == NULL) return NULL;

    if (is_large && arena->newest != NULL) {
        chunk->next = arena->newest->next;
        arena->newest->next = chunk;
    } else {
        chunk->next = arena->newest;
        arena->newest = chunk;
    }
    if (!is_large && arena->next_bytes < CHUNK_BYTES_MAX) arena->next_bytes *= 2;
    return take(chunk, bytes);
}

void *zarena_alloc(struct zarena *arena, size_t bytes)
{
    ZVM_ASSERT(arena != NULL);

    size_t rounded;
    if (!z_size_add(bytes, ARENA_ALIGNMENT - 1, &rounded)) return NULL;
    rounded &= ~(size_t)(ARENA_ALIGNMENT - 1);
    if (rounded == 0) rounded = ARENA_ALIGNMENT;

    struct chunk *newest = arena->newest;
    if (newest != NULL && newest->data_bytes - newest->used_bytes >= rounded)
        return take(newest, rounded);
    return alloc_slow(arena, rounded);
}
