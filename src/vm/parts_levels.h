// vm/parts_levels.h - the lists, maps and instances that a walk through a value is in. For vm/parts_*.c.
// owner-thread.
#ifndef ZVM_VM_PARTS_LEVELS_H
#define ZVM_VM_PARTS_LEVELS_H

#include "base/alloc.h"
#include "heap/value.h"

#include <string.h>

#define ZPARTS_LEVELS_FIRST 16u // few values are nested deeper

struct zparts_level {
    struct zvalue value; // reached from the outermost, which is rooted; objects never move
    uint32_t next;       // of what is told: the number of the part to look at next
};

// On the C stack while there are few, else a block of its own.
struct zparts_levels {
    struct zparts_level *items; // [capacity], the first count
    uint32_t count, capacity;
    struct zparts_level first[ZPARTS_LEVELS_FIRST];
};

static inline void zparts_levels_init(struct zparts_levels *levels)
{
    levels->items = levels->first;
    levels->count = 0;
    levels->capacity = ZPARTS_LEVELS_FIRST;
}

static inline struct zparts_level *zparts_innermost(struct zparts_levels *levels)
{
    return &levels->items[levels->count - 1];
}

static inline void zparts_levels_deinit(struct zparts_levels *levels)
{
    if (levels->items != levels->first)
        z_free(levels->items, levels->capacity * sizeof *levels->items);
}

// false: no memory.
static inline bool zparts_push_slow(struct zparts_levels *levels)
{
    if (levels->capacity > UINT32_MAX / 2) return false;
    struct zparts_level *items = z_alloc(levels->capacity * 2 * sizeof *items);
    if (items == NULL) return false;
    memcpy(items, levels->items, levels->count * sizeof *items);
    zparts_levels_deinit(levels);
    levels->items = items;
    levels->capacity *= 2;
    return true;
}

static inline bool zparts_push(struct zparts_levels *levels, struct zvalue value)
{
    if (levels->count == levels->capacity && !zparts_push_slow(levels)) return false;
    levels->items[levels->count++] = (struct zparts_level){.value = value};
    return true;
}

#endif // ZVM_VM_PARTS_LEVELS_H
