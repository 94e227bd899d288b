// vm/list.h - lists. owner-thread. Failures set pending; arguments must be rooted.
#ifndef ZVM_VM_LIST_H
#define ZVM_VM_LIST_H

#include "vm/isolate.h"

#define ZLIST_LENGTH_MAX 0x7fffffffu // longer is a LimitError

static inline uint32_t zlist_length(const struct zlist *list)
{
    return list->owner.header.aux;
}

// index < length
static inline struct zvalue zlist_get(const struct zlist *list, uint32_t index)
{
    uint64_t payload = zlist_payload(list)[index];
    if (list->elements != ZLIST_ANY) return zvalue_slot(payload, list->elements);
    return zvalue_slot(payload, zlist_tags(list)[index]);
}

// An empty list with room for capacity elements; *out is set only on success.
// LimitError; always false.
bool zlist_raise_too_long(struct zisolate *iso);
// The same for what all elements will be, ZLIST_…: the caller fills payload and tags, and sets the length.
bool zlist_make(struct zisolate *iso, uint64_t capacity, uint8_t elements, struct zvalue *out);
bool zlist_new(struct zisolate *iso, uint64_t capacity, struct zvalue *out);
bool zlist_from_values(struct zisolate *iso, const struct zvalue *values, uint32_t count,
                       struct zvalue *out);
bool zlist_push(struct zisolate *iso, struct zlist *list, struct zvalue value);
bool zlist_set(struct zisolate *iso, struct zlist *list, uint32_t index, struct zvalue value);
bool zlist_reserve(struct zisolate *iso, struct zlist *list, uint64_t capacity);
bool zlist_insert(struct zisolate *iso, struct zlist *list, uint32_t index, struct zvalue value);
// index < length
bool zlist_remove(struct zisolate *iso, struct zlist *list, uint32_t index, struct zvalue *out);
// Elements [start, end) of list into a new list.
bool zlist_slice(struct zisolate *iso, const struct zlist *list, uint32_t start, uint32_t end,
                 struct zvalue *out);
bool zlist_extend(struct zisolate *iso, struct zlist *list, const struct zlist *other);
bool zlist_concat(struct zisolate *iso, const struct zlist *a, const struct zlist *b,
                  struct zvalue *out);

#endif // ZVM_VM_LIST_H
