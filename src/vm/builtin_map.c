// vm/builtin_map.c - maps: keys, values, entries, has, get. remove is with the lists. Owner-thread.
#include "vm/builtin_internal.h"

enum part { PART_KEY, PART_VALUE, PART_ENTRY };

// Key, value, or both as a list of two, into *out.
static bool take_part(struct zisolate *iso, const struct zmap_entry *entry, enum part part,
                      struct zvalue *out)
{
    struct zvalue both[2] = {zvalue_slot(entry->key, entry->key_tag),
                             zvalue_slot(entry->value, entry->value_tag)};
    if (part == PART_ENTRY) return zlist_from_values(iso, both, 2, out);
    *out = both[part == PART_VALUE];
    return true;
}

// roots: the list that is made, and its next element. Nothing here changes the map, so its entries
// stay where they are.
static bool collect_parts(struct zisolate *iso, struct zvalue *roots, const struct zmap *map,
                          enum part part)
{
    if (!zlist_new(iso, zmap_count(map), &roots[0])) return false;
    struct zfuel_meter meter = {0};
    for (uint32_t i = 0; i < map->used; i++) {
        const struct zmap_entry *entry = &zmap_entries(map)[i];
        if (!zfuel_meter_add(iso, &meter, sizeof *entry)) return false;
        if (entry->key_tag == ZTAG_DEAD) continue;
        if (!take_part(iso, entry, part, &roots[1])) return false;
        if (!zlist_push(iso, roots[0].p, roots[1])) return false;
    }
    return true;
}

static bool list_parts(struct zisolate *iso, const char *name, enum part part, struct zvalue map,
                       struct zvalue *result)
{
    if (!zbuiltin_need_map(iso, name, 1, map)) return false;
    struct zvalue roots[2] = {zvalue_null(), zvalue_null()};
    struct zscope scope;
    zscope_open(&iso->heap, &scope, roots, 2);
    bool ok = collect_parts(iso, roots, map.p, part);
    zscope_close(&iso->heap, &scope);
    if (ok) *result = roots[0];
    return ok;
}

bool zbuiltin_keys(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    return list_parts(iso, "keys", PART_KEY, args[0], result);
}

bool zbuiltin_values(struct zisolate *iso, struct zvalue *args, uint32_t count,
                     struct zvalue *result)
{
    (void)count;
    return list_parts(iso, "values", PART_VALUE, args[0], result);
}

bool zbuiltin_entries(struct zisolate *iso, struct zvalue *args, uint32_t count,
                      struct zvalue *result)
{
    (void)count;
    return list_parts(iso, "entries", PART_ENTRY, args[0], result);
}

bool zbuiltin_has(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_map(iso, "has", 1, args[0])) return false;
    if (!zindex_check_key(iso, args[1])) return false;
    *result = zvalue_bool(zmap_find(args[0].p, args[1]) != NULL);
    return true;
}

bool zbuiltin_get(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    if (!zbuiltin_need_map(iso, "get", 1, args[0])) return false;
    if (!zindex_check_key(iso, args[1])) return false;
    const struct zmap_entry *entry = zmap_find(args[0].p, args[1]);
    if (entry != NULL)
        *result = zvalue_slot(entry->value, entry->value_tag);
    else
        *result = count > 2 ? args[2] : zvalue_null();
    return true;
}
