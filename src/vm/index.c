// vm/index.c - v[i], v.name and their assignments.
//
// Owner-thread. The interpreter does lists with an integer in range and maps with a ready key
// itself; here is the rest, with the errors.
#include <string.h>

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/hint.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/record.h"
#include "vm/string.h"

bool zindex_check_list(struct zisolate *iso, const struct zlist *list, struct zvalue index)
{
    if (index.tag != ZTAG_INT)
        return zerror_raise(iso, ZERROR_TYPE, "index must be an integer, got %s",
                            zerror_type_text(index));
    if (index.i < 0 || index.i >= zlist_length(list))
        return zhint_raise_index(iso, index.i, zlist_length(list));
    return true;
}

bool zindex_check_key(struct zisolate *iso, struct zvalue key)
{
    if (!zmap_is_key(key))
        return zerror_raise(iso, ZERROR_TYPE, "map key must be a string or an integer, got %s",
                            zerror_type_text(key));
    if (key.tag != ZTAG_STRING) return true;
    // Its hash may have to be computed, and its bytes compared with those of one key.
    return zfuel_touch_whole(iso, zstring_length_bytes(key.p));
}

static void get_entry(const struct zmap *map, struct zvalue key, struct zvalue *out)
{
    const struct zmap_entry *entry = zmap_find(map, key);
    *out = entry == NULL ? zvalue_null() : zvalue_slot(entry->value, entry->value_tag);
}

bool zindex_get(struct zisolate *iso, struct zvalue object, struct zvalue index, struct zvalue *out)
{
    switch (zvalue_type(object)) {
    case ZTYPE_LIST:
        if (!zindex_check_list(iso, object.p, index)) return false;
        *out = zlist_get(object.p, (uint32_t)index.i);
        return true;
    case ZTYPE_MAP:
        if (!zindex_check_key(iso, index)) return false;
        get_entry(object.p, index, out);
        return true;
    case ZTYPE_STRING:
        if (index.tag == ZTAG_INT) return zstring_index(iso, object, index.i, out);
        return zerror_raise(iso, ZERROR_TYPE, "index must be an integer, got %s",
                            zerror_type_text(index));
    default:
        return zerror_raise(iso, ZERROR_TYPE, "cannot index %s", zerror_type_text(object));
    }
}

bool zindex_set(struct zisolate *iso, struct zvalue object, struct zvalue index,
                struct zvalue value)
{
    if (object.tag == ZTAG_LIST) {
        if (!zindex_check_list(iso, object.p, index)) return false;
        return zlist_set(iso, object.p, (uint32_t)index.i, value);
    }
    if (object.tag == ZTAG_MAP) {
        if (!zindex_check_key(iso, index)) return false;
        return zmap_set(iso, object.p, index, value);
    }
    return zerror_raise(iso, ZERROR_TYPE, "cannot assign into %s", zerror_type_text(object));
}

// ---- Properties ---------------------------------------------------------------------------------

static bool is_name(const struct zstring *name, const char *text)
{
    size_t length = strlen(text);
    return zstring_length_bytes(name) == length && memcmp(zstring_bytes(name), text, length) == 0;
}

static bool raise_no_field(struct zisolate *iso, const struct zstring *name)
{
    (void)zerror_raise(iso, ZERROR_FIELD, "error has no field '%s'", zstring_bytes(name));
    return zhint_add_name(iso, ZHINT_PROPERTY, ZTYPE_ERROR, NULL, name);
}

static bool get_of_error(struct zisolate *iso, const struct zerror *error,
                         const struct zstring *name, struct zvalue *out)
{
    if (is_name(name, "message"))
        *out = zvalue_slot(error->message, error->message_tag);
    else if (is_name(name, "kind"))
        *out = zvalue_slot(error->kind, error->kind_tag);
    else if (is_name(name, "line"))
        *out = zvalue_int(error->line);
    else if (is_name(name, "column"))
        *out = zvalue_int(error->column);
    else
        return raise_no_field(iso, name);
    return true;
}

bool zproperty_get(struct zisolate *iso, struct zvalue object, const struct zstring *name,
                   struct zvalue *out)
{
    if (object.tag == ZTAG_MAP) {
        get_entry(object.p, zvalue_object(name, ZTAG_SYMBOL), out);
        return true;
    }
    if (object.tag == ZTAG_ERROR) return get_of_error(iso, object.p, name, out);
    if (object.tag == ZTAG_RECORD) return zrecord_get(iso, object, name, NULL /* cache */, out);
    (void)zerror_raise(iso, ZERROR_TYPE, "%s has no property '%s'", zerror_type_text(object),
                       zstring_bytes(name));
    return zhint_add_name(iso, ZHINT_PROPERTY, zvalue_type(object), NULL, name);
}

bool zproperty_set(struct zisolate *iso, struct zvalue object, const struct zstring *name,
                   struct zvalue value)
{
    if (object.tag == ZTAG_MAP)
        return zmap_set(iso, object.p, zvalue_object(name, ZTAG_SYMBOL), value);
    if (object.tag == ZTAG_RECORD) return zrecord_set(iso, object.p, name, NULL /* cache */, value);
    return zerror_raise(iso, ZERROR_TYPE, "cannot set property '%s' on %s", zstring_bytes(name),
                        zerror_type_text(object));
}
