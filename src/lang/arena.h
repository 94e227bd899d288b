// lang/arena.h - bump memory for one compilation: many small pieces, freed together. owner-thread.
#ifndef ZVM_LANG_ARENA_H
#define ZVM_LANG_ARENA_H

#include <stddef.h>

struct zarena;

struct zarena *zarena_create(void);        // NULL: no memory
void zarena_destroy(struct zarena *arena); // may be NULL
// Zeroed, 16-aligned; NULL: no memory.
void *zarena_alloc(struct zarena *arena, size_t bytes);

#endif // ZVM_LANG_ARENA_H
