// vm/map.h - insertion-ordered maps. owner-thread. Failures set pending; arguments must be rooted.
//
// Keys are strings or integers. Hash: the keyed hash of the string, or a keyed mix of the integer.
#ifndef ZVM_VM_MAP_H
#define ZVM_VM_MAP_H

#include "vm/isolate.h"

static inline uint32_t zmap_count(const struct zmap *map)
{
    return map->owner.header.aux;
}

bool zmap_new(struct zisolate *iso, uint64_t capacity, struct zvalue *out);
// The value of a key, or NULL when absent; valid until the map changes. key: string or integer.
// Never allocates, never inserts into the symbol table.
struct zmap_entry *zmap_find(const struct zmap *map, struct zvalue key);
bool zmap_set(struct zisolate *iso, struct zmap *map, struct zvalue key, struct zvalue value);
// The same, but a new key stays a string of this heap: no step in the table of symbols, which all threads share.
bool zmap_set_private(struct zisolate *iso, struct zmap *map, struct zvalue key,
                      struct zvalue value);
// *removed gets the value of the key, if it was there. False: the isolate ends, and nothing was removed.
bool zmap_remove(struct zisolate *iso, struct zmap *map, struct zvalue key, struct zvalue *removed);

// From entry *number on, the next one that has not been removed, or map->used. The program pays for those that
// it passes. False: the isolate ends.
bool zmap_skip_dead_slow(struct zisolate *iso, const struct zmap *map, uint32_t *number);

static inline bool zmap_skip_dead(struct zisolate *iso, const struct zmap *map, uint32_t *number)
{
    bool is_live = *number >= map->used || zmap_entries(map)[*number].key_tag != ZTAG_DEAD;
    return ZVM_LIKELY(is_live) || zmap_skip_dead_slow(iso, map, number);
}

static inline bool zmap_is_key(struct zvalue key)
{
    return key.tag == ZTAG_INT || zvalue_is_string(key);
}

#endif // ZVM_VM_MAP_H
