// vm/parcel_internal.h - how the objects of a parcel lie in it; for the files of the parcel only.
//
//   STRING            count bytes
//   STRBUF            nothing: a string of count bytes, by count
//   LIST of numbers   count payloads
//   LIST, RECORD      count payloads, count tags
//   FUNC              the same: what it captures
//   CLASS             the same: its slots, then its parent or null
//   MAP               count payloads of keys, as many of values, count tags of keys, as many of values
//   ERROR             payloads of kind and message, their tags; count is 2
//   ISOLATE           nothing
// each padded to 8 bytes.
#ifndef ZVM_VM_PARCEL_INTERNAL_H
#define ZVM_VM_PARCEL_INTERNAL_H

#include "vm/parcel.h"

static inline uint64_t zparcel_pad(uint64_t bytes)
{
    return (bytes + 7) & ~UINT64_C(7);
}

static inline uint64_t zparcel_body_bytes(const struct zparcel_object *object)
{
    uint64_t count = object->count;
    switch (object->kind) {
    case ZTYPE_STRING:
        return zparcel_pad(count);
    case ZTYPE_LIST:
        return object->detail == ZLIST_ANY ? zparcel_pad(count * 9) : count * 8;
    case ZTYPE_MAP:
        return zparcel_pad(count * 18);
    case ZTYPE_ISOLATE:
    case ZTYPE_STRBUF:
        return 0;
    default:
        return zparcel_pad(count * 9);
    }
}

static inline const void *zparcel_body(const struct zparcel_object *object)
{
    return object + 1;
}

// Of a STRBUF.
static inline struct zcounted *zparcel_counted(const struct zparcel_object *object)
{
    return (struct zcounted *)(uintptr_t)object->pointer;
}

// Of a STRING or a STRBUF: text [count].
static inline const char *zparcel_text(const struct zparcel_object *object)
{
    return object->kind == ZTYPE_STRBUF ? zparcel_counted(object)->bytes : zparcel_body(object);
}

static inline const struct zparcel_object *zparcel_first(const struct zparcel *parcel)
{
    return (const void *)(parcel->slots + parcel->root_count + parcel->global_count);
}

static inline const struct zparcel_object *zparcel_next(const struct zparcel_object *object)
{
    return (const void *)((const char *)(object + 1) + zparcel_body_bytes(object));
}

#endif // ZVM_VM_PARCEL_INTERNAL_H
