// vm/record.h - data types and their instances. owner-thread.
//
// All functions that can fail give false (or ZCALL_FAILED) with pending set.
#ifndef ZVM_VM_RECORD_H
#define ZVM_VM_RECORD_H

#include "vm/interp.h"
#include "vm/shape.h"

static inline const struct zshape *zrecord_shape(const struct zrecord *record)
{
    return record->class->shape;
}

// The name that the declaration gives, NUL-terminated.
static inline const struct zstring *zrecord_type_name(const struct zrecord *record)
{
    return zrecord_shape(record)->data->name;
}

// window[0]: the parent, or anything without one; window[1..]: the declaration's functions. The type goes
// to window[0].
bool zclass_new(struct zisolate *iso, const struct zcode *code, uint32_t data_index,
                struct zvalue *window);

// A call of the type window[0] with count values behind it; names [count] of them, or NULL: by position.
enum zcall_outcome zrecord_construct(struct zisolate *iso, struct zvalue *window, uint32_t count,
                                     const struct zvalue *names);

// object.name, and its assignment, for a record. cache: the site's, or NULL.
bool zrecord_get(struct zisolate *iso, struct zvalue object, const struct zstring *name,
                 struct zcache *cache, struct zvalue *out);
bool zrecord_set(struct zisolate *iso, struct zrecord *record, const struct zstring *name,
                 struct zcache *cache, struct zvalue value);
bool zrecord_clone(struct zisolate *iso, struct zvalue record, struct zvalue *out);
ZVM_COLD bool zrecord_no_field(struct zisolate *iso, const struct zrecord *record,
                               const struct zstring *name);

// Whether subject is an instance of the type, which must be a type with field_count fields.
bool zrecord_match(struct zisolate *iso, struct zvalue subject, struct zvalue type,
                   uint32_t field_count, bool *out);

#endif // ZVM_VM_RECORD_H
