// api/refs_parts.c - the bodies of zvm.h's values by reference that have parts: lists, maps, instances.
//
// Owns: nothing. Thread: the isolate's owner. As api/refs.c.
#include "api/refs_internal.h"

#include "vm/aside.h"
#include "vm/exchange.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/record.h"
#include "vm/string.h"

// An operation that allocates, with up to two values that nothing else keeps meanwhile.
struct making {
    struct zaside aside;
    struct zscope scope;
    struct zvalue kept[2];
};

static void begin_making(struct zisolate *iso, struct making *making, struct zvalue first,
                         struct zvalue second)
{
    making->kept[0] = first;
    making->kept[1] = second;
    zscope_open(&iso->heap, &making->scope, making->kept, 2);
    zaside_begin(iso, &making->aside);
}

static zvm_status end_making(struct zisolate *iso, struct making *making, bool ok)
{
    zvm_status status = zaside_end(iso, &making->aside, ok);
    zscope_close(&iso->heap, &making->scope);
    return status;
}

// The object that ref names, which must have this tag.
static zvm_status find(const struct zrefs_visit *visit, zvm_ref ref, uint32_t tag, void *out)
{
    const struct zvalue *value = zrefs_find(visit->iso, ref);
    if (value == NULL) return ZVM_E_STALE;
    if (value->tag != tag) return ZVM_E_TYPE;
    *(void **)out = value->p;
    return ZVM_OK;
}

// Enters, and finds the object.
static zvm_status enter(zvm_isolate *isolate, zvm_ref ref, uint32_t tag, struct zrefs_visit *visit,
                        void *out)
{
    zvm_status status = zrefs_enter(isolate, visit);
    if (status != ZVM_OK) return status;
    status = find(visit, ref, tag, out);
    return status == ZVM_OK ? ZVM_OK : zrefs_leave(visit, status);
}

// ---- Both -----------------------------------------------------------------------------------------

static zvm_status make_parts(zvm_isolate *isolate, size_t capacity, zvm_ref *ref,
                             bool (*make)(struct zisolate *, uint64_t, struct zvalue *))
{
    struct zrefs_visit visit;
    if (ref == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    if (capacity > ZLIST_LENGTH_MAX) return zrefs_leave(&visit, ZVM_E_LIMIT);
    struct zvalue made = zvalue_null();
    struct zaside aside;
    zaside_begin(visit.iso, &aside);
    status = zaside_end(visit.iso, &aside, make(visit.iso, capacity, &made));
    if (status == ZVM_OK) status = zrefs_give(&visit, made, ref);
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_new_list(zvm_isolate *isolate, size_t capacity, zvm_ref *ref)
{
    return make_parts(isolate, capacity, ref, zlist_new);
}

zvm_status zvm_ref_new_map(zvm_isolate *isolate, size_t capacity, zvm_ref *ref)
{
    return make_parts(isolate, capacity, ref, zmap_new);
}

static zvm_status count_of(struct zvalue value, size_t *count)
{
    switch (value.tag) {
    case ZTAG_LIST:
        *count = zlist_length(value.p);
        return ZVM_OK;
    case ZTAG_MAP:
        *count = zmap_count(value.p);
        return ZVM_OK;
    case ZTAG_RECORD:
        *count = ((const struct zrecord *)value.p)->header.aux;
        return ZVM_OK;
    default:
        return ZVM_E_TYPE;
    }
}

zvm_status zvm_ref_count(zvm_isolate *isolate, zvm_ref ref, size_t *count)
{
    struct zrefs_visit visit;
    if (count == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    return zrefs_leave(&visit, value == NULL ? ZVM_E_STALE : count_of(*value, count));
}

// ---- Lists ----------------------------------------------------------------------------------------

zvm_status zvm_ref_item(zvm_isolate *isolate, zvm_ref list, size_t index, zvm_value *value,
                        zvm_ref *item)
{
    struct zrefs_visit visit;
    const struct zlist *found;
    zvm_status status = enter(isolate, list, ZTAG_LIST, &visit, &found);
    if (status != ZVM_OK) return status;
    if (index >= zlist_length(found)) return zrefs_leave(&visit, ZVM_E_NOT_FOUND);
    status = zrefs_show(&visit, zlist_get(found, (uint32_t)index), value, item);
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_set_item(zvm_isolate *isolate, zvm_ref list, size_t index, zvm_ref item)
{
    struct zrefs_visit visit;
    struct zlist *found;
    zvm_status status = enter(isolate, list, ZTAG_LIST, &visit, &found);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, item);
    if (value == NULL) return zrefs_leave(&visit, ZVM_E_STALE);
    if (index >= zlist_length(found)) return zrefs_leave(&visit, ZVM_E_NOT_FOUND);
    struct making making;
    begin_making(visit.iso, &making, *value, zvalue_null());
    bool ok = zlist_set(visit.iso, found, (uint32_t)index, making.kept[0]);
    return zrefs_leave(&visit, end_making(visit.iso, &making, ok));
}

static zvm_status append(struct zisolate *iso, struct zlist *list, struct zvalue value)
{
    struct making making;
    begin_making(iso, &making, value, zvalue_null());
    return end_making(iso, &making, zlist_push(iso, list, value));
}

zvm_status zvm_ref_append(zvm_isolate *isolate, zvm_ref list, zvm_ref item)
{
    struct zrefs_visit visit;
    struct zlist *found;
    zvm_status status = enter(isolate, list, ZTAG_LIST, &visit, &found);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, item);
    status = value == NULL ? ZVM_E_STALE : append(visit.iso, found, *value);
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_append_value(zvm_isolate *isolate, zvm_ref list, const zvm_value *value)
{
    struct zrefs_visit visit;
    struct zlist *found;
    if (value == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = enter(isolate, list, ZTAG_LIST, &visit, &found);
    if (status != ZVM_OK) return status;
    status = zexchange_check(value);
    if (status != ZVM_OK) return zrefs_leave(&visit, status);
    struct making making;
    begin_making(visit.iso, &making, zvalue_null(), zvalue_null());
    bool ok = zexchange_in(visit.iso, value, &making.kept[0]) &&
              zlist_push(visit.iso, found, making.kept[0]);
    return zrefs_leave(&visit, end_making(visit.iso, &making, ok));
}

// ---- Maps -----------------------------------------------------------------------------------------

static zvm_status check_key(const zvm_value *key)
{
    bool is_key = key->kind == ZVM_VALUE_INT || key->kind == ZVM_VALUE_STRING;
    return is_key ? zexchange_check(key) : ZVM_E_TYPE;
}

zvm_status zvm_ref_entry(zvm_isolate *isolate, zvm_ref map, const zvm_value *key, zvm_value *value,
                         zvm_ref *entry)
{
    struct zrefs_visit visit;
    const struct zmap *found;
    if (key == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = enter(isolate, map, ZTAG_MAP, &visit, &found);
    if (status != ZVM_OK) return status;
    struct zvalue made;
    status = check_key(key);
    if (status == ZVM_OK) status = zrefs_make(&visit, key, &made);
    if (status != ZVM_OK) return zrefs_leave(&visit, status);
    const struct zmap_entry *at = zmap_find(found, made);
    if (at == NULL) return zrefs_leave(&visit, ZVM_E_NOT_FOUND);
    status = zrefs_show(&visit, zvalue_slot(at->value, at->value_tag), value, entry);
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_set_entry(zvm_isolate *isolate, zvm_ref map, const zvm_value *key, zvm_ref entry)
{
    struct zrefs_visit visit;
    struct zmap *found;
    if (key == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = enter(isolate, map, ZTAG_MAP, &visit, &found);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, entry);
    status = value == NULL ? ZVM_E_STALE : check_key(key);
    if (status != ZVM_OK) return zrefs_leave(&visit, status);
    struct making making;
    begin_making(visit.iso, &making, zvalue_null(), *value);
    bool ok = zexchange_in(visit.iso, key, &making.kept[0]) &&
              zmap_set_private(visit.iso, found, making.kept[0], making.kept[1]);
    return zrefs_leave(&visit, end_making(visit.iso, &making, ok));
}

zvm_status zvm_ref_set_entry_value(zvm_isolate *isolate, zvm_ref map, const zvm_value *key,
                                   const zvm_value *value)
{
    struct zrefs_visit visit;
    struct zmap *found;
    if (key == NULL || value == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = enter(isolate, map, ZTAG_MAP, &visit, &found);
    if (status != ZVM_OK) return status;
    status = check_key(key);
    if (status == ZVM_OK) status = zexchange_check(value);
    if (status != ZVM_OK) return zrefs_leave(&visit, status);
    struct making making;
    begin_making(visit.iso, &making, zvalue_null(), zvalue_null());
    bool ok = zexchange_in(visit.iso, key, &making.kept[0]) &&
              zexchange_in(visit.iso, value, &making.kept[1]) &&
              zmap_set_private(visit.iso, found, making.kept[0], making.kept[1]);
    return zrefs_leave(&visit, end_making(visit.iso, &making, ok));
}

// A position is the map's version and 1 + the number of the entry to look at next; 0: none was looked at.
static bool begin_walk(const struct zmap *map, uint64_t position, uint32_t *number)
{
    *number = position == 0 ? 0 : (uint32_t)position - 1;
    return position == 0 || position >> 32 == map->version;
}

// The first live entry from *number on; NULL: none.
static const struct zmap_entry *walk(const struct zmap *map, uint32_t *number)
{
    const struct zmap_entry *entries = zmap_entries(map);
    while (*number < map->used && entries[*number].key_tag == ZTAG_DEAD)
        ++*number;
    return *number < map->used ? &entries[*number] : NULL;
}

zvm_status zvm_ref_next_entry(zvm_isolate *isolate, zvm_ref map, uint64_t *position, zvm_value *key,
                              zvm_value *value, zvm_ref *entry)
{
    struct zrefs_visit visit;
    const struct zmap *found;
    if (position == NULL || key == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = enter(isolate, map, ZTAG_MAP, &visit, &found);
    if (status != ZVM_OK) return status;
    uint32_t number;
    if (!begin_walk(found, *position, &number)) return zrefs_leave(&visit, ZVM_E_STALE);
    const struct zmap_entry *at = walk(found, &number);
    if (at == NULL) return zrefs_leave(&visit, ZVM_E_NOT_FOUND);
    struct zvalue at_key = zvalue_slot(at->key, at->key_tag);
    status = zrefs_show(&visit, zvalue_slot(at->value, at->value_tag), value, entry);
    if (status == ZVM_OK) status = zrefs_show(&visit, at_key, key, NULL);
    if (status == ZVM_OK) *position = (uint64_t)found->version << 32 | (number + 2);
    return zrefs_leave(&visit, status);
}

// ---- Instances ------------------------------------------------------------------------------------

zvm_status zvm_ref_type_name(zvm_isolate *isolate, zvm_ref ref, const char **name)
{
    struct zrefs_visit visit;
    const struct zrecord *record;
    if (name == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = enter(isolate, ref, ZTAG_RECORD, &visit, &record);
    if (status != ZVM_OK) return status;
    *name = zrecord_type_name(record)->bytes;
    return zrefs_leave(&visit, ZVM_OK);
}

zvm_status zvm_ref_field(zvm_isolate *isolate, zvm_ref ref, size_t index, const char **name,
                         zvm_value *value, zvm_ref *field)
{
    struct zrefs_visit visit;
    const struct zrecord *record;
    zvm_status status = enter(isolate, ref, ZTAG_RECORD, &visit, &record);
    if (status != ZVM_OK) return status;
    if (index >= record->header.aux) return zrefs_leave(&visit, ZVM_E_NOT_FOUND);
    struct zvalue shown = zvalue_slot(record->fields[index], zrecord_tags(record)[index]);
    status = zrefs_show(&visit, shown, value, field);
    if (status == ZVM_OK && name != NULL)
        *name = zrecord_shape(record)->fields[index].declared->check.name->bytes;
    return zrefs_leave(&visit, status);
}
