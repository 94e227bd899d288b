// vm/builtin_list.c - lists: adding, removing, parts, reversing. Owner-thread.
#include "vm/builtin_internal.h"

bool zbuiltin_push(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "push", 1, args[0])) return false;
    if (!zlist_push(iso, args[0].p, args[1])) return false;
    *result = args[0];
    return true;
}

bool zbuiltin_pop(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "pop", 1, args[0])) return false;
    struct zlist *list = args[0].p;
    if (zlist_length(list) == 0) return zerror_raise(iso, ZERROR_INDEX, "pop() from an empty list");
    return zlist_remove(iso, list, zlist_length(list) - 1, result);
}

bool zbuiltin_insert(struct zisolate *iso, struct zvalue *args, uint32_t count,
                     struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "insert", 1, args[0])) return false;
    if (!zbuiltin_need_int(iso, "insert", 2, args[1])) return false;
    struct zlist *list = args[0].p;
    int64_t index = args[1].i;
    if (index < 0 || index > zlist_length(list))
        return zerror_raise(iso, ZERROR_INDEX, "index %lld out of range for length %u",
                            (long long)index, zlist_length(list));
    if (!zlist_insert(iso, list, (uint32_t)index, args[2])) return false;
    *result = args[0];
    return true;
}

static bool remove_key(struct zisolate *iso, struct zvalue *args, struct zvalue *result)
{
    if (!zindex_check_key(iso, args[1])) return false;
    struct zmap *map = args[0].p;
    struct zvalue removed = zvalue_null();
    zheap_log(&iso->heap, &map->owner.header);
    if (!zmap_remove(iso, map, args[1], &removed)) return false;
    *result = removed;
    return true;
}

bool zbuiltin_remove(struct zisolate *iso, struct zvalue *args, uint32_t count,
                     struct zvalue *result)
{
    (void)count;
    if (args[0].tag == ZTAG_MAP) return remove_key(iso, args, result);
    if (args[0].tag != ZTAG_LIST)
        return zbuiltin_type_error(iso, "remove", 1, "list or map", args[0]);
    if (!zindex_check_list(iso, args[0].p, args[1])) return false;
    return zlist_remove(iso, args[0].p, (uint32_t)args[1].i, result);
}

bool zbuiltin_extend(struct zisolate *iso, struct zvalue *args, uint32_t count,
                     struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "extend", 1, args[0])) return false;
    if (!zbuiltin_need_list(iso, "extend", 2, args[1])) return false;
    if (!zlist_extend(iso, args[0].p, args[1].p)) return false;
    *result = args[0];
    return true;
}

// ---- Parts --------------------------------------------------------------------------------------

bool zbuiltin_first(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "first", 1, args[0])) return false;
    const struct zlist *list = args[0].p;
    *result = zlist_length(list) == 0 ? zvalue_null() : zlist_get(list, 0);
    return true;
}

bool zbuiltin_last(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "last", 1, args[0])) return false;
    const struct zlist *list = args[0].p;
    uint32_t length = zlist_length(list);
    *result = length == 0 ? zvalue_null() : zlist_get(list, length - 1);
    return true;
}

bool zbuiltin_rest(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "rest", 1, args[0])) return false;
    const struct zlist *list = args[0].p;
    return zlist_slice(iso, list, 1, zlist_length(list), result);
}

bool zbuiltin_slice(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    if (args[0].tag != ZTAG_LIST && !zvalue_is_string(args[0]))
        return zbuiltin_type_error(iso, "slice", 1, "string or list", args[0]);
    for (uint32_t i = 1; i < count; i++) {
        if (!zbuiltin_need_int(iso, "slice", i + 1, args[i])) return false;
    }
    if (args[0].tag != ZTAG_LIST) return zbuiltin_slice_string(iso, args, count, result);
    const struct zlist *list = args[0].p;
    uint32_t length = zlist_length(list);
    uint64_t start = zbuiltin_clamp(args[1].i, length);
    uint64_t end = count > 2 ? zbuiltin_clamp(args[2].i, length) : length;
    return zlist_slice(iso, list, (uint32_t)start, (uint32_t)end, result);
}

// ---- Reversing ----------------------------------------------------------------------------------

static void reverse_in_place(struct zlist *list, uint32_t low, uint32_t high)
{
    uint64_t *payload = zlist_payload(list);
    uint8_t *tags = list->elements == ZLIST_ANY ? zlist_tags(list) : NULL;
    uint64_t kept = payload[low];
    payload[low] = payload[high];
    payload[high] = kept;
    if (tags == NULL) return;
    uint8_t kept_tag = tags[low];
    tags[low] = tags[high];
    tags[high] = kept_tag;
}

bool zbuiltin_reverse(struct zisolate *iso, struct zvalue *args, uint32_t count,
                      struct zvalue *result)
{
    (void)count;
    if (zvalue_is_string(args[0])) return zbuiltin_reverse_string(iso, args[0], result);
    if (args[0].tag != ZTAG_LIST)
        return zbuiltin_type_error(iso, "reverse", 1, "list or string", args[0]);
    const struct zlist *list = args[0].p;
    uint32_t length = zlist_length(list);
    struct zvalue copy;
    if (!zlist_slice(iso, list, 0, length, &copy)) return false;
    struct zfuel_meter meter = {0};
    for (uint32_t i = 0; i < length / 2; i++) {
        if (!zfuel_meter_add(iso, &meter, 2 * sizeof(uint64_t))) return false;
        reverse_in_place(copy.p, i, length - 1 - i);
    }
    *result = copy;
    return true;
}
