// vm/record.c - class objects and records: making them, fields, methods, defaults.
//
// Thread: owner. A class object is what one evaluation of a declaration gives: its slots hold the
// methods and the defaults with what they captured, the parent's first, each replaced by a method of
// the same name. A record points to its class and carries the shape's id for inline caches.
// Invariants: 1. every slot of a class is a function. 2. A record that the program can see has no field
// without a value; while one is being made, fields to come are ZTAG_UNSET, and a native frame holds it
// when a default has to be called: nothing of that is on the C stack.
#include "vm/record.h"

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/hint.h"
#include "vm/interp_slow.h"
#include "vm/shape_own.h"
#include "vm/string.h"

#include <string.h>

// ---- Types ------------------------------------------------------------------------------------

static const struct zshape *shape_for(struct zisolate *iso, const struct zcode *code,
                                      const struct zdata *data, const struct zshape *parent)
{
    const char *excess = zshape_excess(data, parent);
    if (excess != NULL) {
        (void)zerror_raise(iso, ZERROR_LIMIT, excess, data->name->bytes);
        return NULL;
    }
    const struct zstring *inherited = zshape_inherited(data, parent);
    if (inherited != NULL) {
        (void)zerror_raise(iso, ZERROR_TYPE, "field '%s' is already inherited", inherited->bytes);
        return NULL;
    }
    const struct zshape *shape;
    zvm_status status = ZVM_E_LIMIT;
    if (parent == NULL || parent->id != ZSHAPE_ID_OWN)
        status = zshape_acquire(code, data, parent, &iso->shared->shape_ids, &shape);
    if (status == ZVM_E_LIMIT) status = zshape_own_acquire(iso, data, parent, &shape);
    if (status == ZVM_OK) return shape;
    if (status == ZVM_E_NOMEM) {
        (void)zerror_terminate(iso, ZVM_E_NOMEM);
    } else {
        (void)zerror_raise_memory(iso);
    }
    return NULL;
}

bool zclass_new(struct zisolate *iso, const struct zcode *code, uint32_t data_index,
                struct zvalue *window)
{
    const struct zdata *data = &code->datas[data_index];
    struct zclass *parent = NULL;
    if (data->has_parent) {
        if (window[0].tag != ZTAG_CLASS) return zerror_terminate(iso, ZVM_E_BYTECODE);
        parent = window[0].p;
    }
    for (uint32_t i = 0; i < data->function_count; i++) {
        if (window[1 + i].tag != ZTAG_FUNC) return zerror_terminate(iso, ZVM_E_BYTECODE);
    }
    const struct zshape *shape = shape_for(iso, code, data, parent == NULL ? NULL : parent->shape);
    if (shape == NULL) return false;

    uint32_t slots = shape->slot_count;
    size_t bytes = sizeof(struct zclass) + (size_t)slots * 9;
    if (!zfuel_touch(iso, bytes)) return false;
    struct zclass *class = zheap_new(&iso->heap, ZTYPE_CLASS, bytes, slots);
    if (class == NULL) return zerror_raise_memory(iso);
    class->parent = parent;
    class->shape = shape;
    memset(zclass_tags(class), ZTAG_FUNC, slots);
    if (parent != NULL) memcpy(class->slots, parent->slots, parent->header.aux * sizeof(uint64_t));
    for (uint32_t i = 0; i < data->function_count; i++) {
        class->slots[shape->own_slots[i]] = window[1 + i].bits;
    }
    window[0] = zvalue_object(class, ZTAG_CLASS);
    return true;
}

// ---- Making a record --------------------------------------------------------------------------

static struct zrecord *new_record(struct zisolate *iso, struct zclass *class)
{
    uint32_t count = class->shape->field_count;
    size_t bytes = sizeof(struct zrecord) + (size_t)count * 9;
    if (!zfuel_touch(iso, bytes)) return NULL;
    struct zrecord *record = zheap_new(&iso->heap, ZTYPE_RECORD, bytes, count);
    if (record == NULL) {
        (void)zerror_raise_memory(iso);
        return NULL;
    }
    record->class = class;
    record->shape_id = class->shape->id;
    record->reserved = 0;
    return record;
}

static struct zvalue get_field(const struct zrecord *record, uint32_t index)
{
    return zvalue_slot(record->fields[index], zrecord_tags(record)[index]);
}

static void put_field(struct zrecord *record, uint32_t index, struct zvalue value)
{
    record->fields[index] = value.bits;
    zrecord_tags(record)[index] = (uint8_t)value.tag;
}

static bool check_field(struct zisolate *iso, const struct zshape_field *field,
                        const struct zvalue *value)
{
    if ((field->allowed >> (value->tag & ZTAG_TYPE_MASK) & 1) != 0) return true;
    return zslow_check(iso, value, &field->declared->check);
}

enum fill { FILL_DONE, FILL_CALL, FILL_FAILED };

// Goes on filling a record from field *next: constants for what is missing, then the type. CALL: the
// default of field *next has to be called.
static enum fill fill_record(struct zisolate *iso, struct zrecord *record, uint32_t *next)
{
    const struct zshape *shape = zrecord_shape(record);
    for (; *next < shape->field_count; (*next)++) {
        const struct zshape_field *field = &shape->fields[*next];
        struct zvalue value = get_field(record, *next);
        if (value.tag == ZTAG_UNSET) {
            if (field->declared->default_kind == ZFIELD_FUNCTION) return FILL_CALL;
            if (field->declared->default_kind == ZFIELD_REQUIRED) {
                (void)zerror_raise(iso, ZERROR_ARGUMENT, "%s: missing field '%s'",
                                   shape->data->name->bytes, field->declared->check.name->bytes);
                (void)zhint_add(iso, ZHINT_FIELDS, 0, shape, 0);
                return FILL_FAILED;
            }
            value = field->declared->value;
            put_field(record, *next, value);
        }
        if (!check_field(iso, field, &value)) return FILL_FAILED;
    }
    return FILL_DONE;
}

// A native frame for what has a default to call. Registers: the record, the number of the field whose
// default is called, the window of the call.
enum { STATE_BEGIN, STATE_CALLED };
enum { RECORD, FIELD, CALLEE, CONSTRUCT_REGISTERS };

static enum znative_step construct_step(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    struct zrecord *record = r[RECORD].p;
    uint32_t next = (uint32_t)r[FIELD].i;
    if (context->state == STATE_CALLED) {
        put_field(record, next, r[CALLEE]);
        zheap_log(&iso->heap, &record->header);
    }
    enum fill outcome = fill_record(iso, record, &next);
    if (outcome == FILL_DONE) return ZNATIVE_RETURN; // the record is R[0]
    if (outcome == FILL_FAILED) return ZNATIVE_FAIL;
    uint32_t slot = zrecord_shape(record)->fields[next].default_slot;
    r[FIELD] = zvalue_int(next);
    r[CALLEE] = zvalue_slot(record->class->slots[slot], ZTAG_FUNC);
    context->state = STATE_CALLED;
    context->call_register = CALLEE;
    context->call_count = 0;
    return ZNATIVE_CALL;
}

static const struct zbuiltin construct_builtin = {
    .name = "data",
    .step = construct_step,
    .register_count = CONSTRUCT_REGISTERS,
};

// The record stands in window[0] and may lack fields.
static enum zcall_outcome finish_record(struct zisolate *iso, struct zvalue *window)
{
    struct zvalue record = window[0];
    uint32_t next = 0;
    switch (fill_record(iso, record.p, &next)) {
    case FILL_DONE:
        return ZCALL_DONE;
    case FILL_FAILED:
        return ZCALL_FAILED;
    default:
        break;
    }
    struct zvalue *registers = zcall_push_native(iso, &construct_builtin, window);
    if (registers == NULL) return ZCALL_FAILED;
    registers[RECORD] = record;
    registers[FIELD] = zvalue_int(next);
    return ZCALL_PUSHED;
}

// Puts named values into their fields.
static bool place_named(struct zisolate *iso, struct zrecord *record, const struct zvalue *values,
                        const struct zvalue *names, uint32_t count)
{
    const struct zshape *shape = zrecord_shape(record);
    for (uint32_t i = 0; i < count; i++) {
        if (names[i].tag != ZTAG_SYMBOL) return zerror_terminate(iso, ZVM_E_BYTECODE);
        const struct zstring *name = names[i].p;
        const struct zshape_member *member = zshape_find(shape, name);
        if (member == NULL || member->kind != ZSHAPE_FIELD) {
            (void)zerror_raise(iso, ZERROR_ARGUMENT, "%s has no field '%s'",
                               shape->data->name->bytes, name->bytes);
            return zhint_add_name(iso, ZHINT_FIELD, 0, shape, name);
        }
        if (zrecord_tags(record)[member->index] != ZTAG_UNSET) {
            return zerror_raise(iso, ZERROR_ARGUMENT, "duplicate argument '%s'", name->bytes);
        }
        put_field(record, member->index, values[i]);
    }
    return true;
}

enum zcall_outcome zrecord_construct(struct zisolate *iso, struct zvalue *window, uint32_t count,
                                     const struct zvalue *names)
{
    struct zclass *class = window[0].p;
    const struct zshape *shape = class->shape;
    uint32_t field_count = shape->field_count;
    if (names == NULL && count > field_count) {
        (void)zerror_raise(iso, ZERROR_ARGUMENT, "%s expects at most %u arguments, got %u",
                           shape->data->name->bytes, field_count, count);
        (void)zhint_add(iso, ZHINT_FIELDS, 0, shape, 0);
        return ZCALL_FAILED;
    }
    struct zrecord *record = new_record(iso, class);
    if (record == NULL) return ZCALL_FAILED;
    uint8_t *tags = zrecord_tags(record);
    uint32_t given = names == NULL ? count : 0;
    for (uint32_t i = 0; i < given; i++) {
        record->fields[i] = window[1 + i].bits;
        tags[i] = (uint8_t)window[1 + i].tag;
    }
    for (uint32_t i = given; i < field_count; i++) {
        record->fields[i] = 0;
        tags[i] = ZTAG_UNSET;
    }
    window[0] = zvalue_object(record, ZTAG_RECORD);
    if (names != NULL && !place_named(iso, record, window + 1, names, count)) return ZCALL_FAILED;
    if (given == field_count && shape->is_plain) return ZCALL_DONE;
    return finish_record(iso, window);
}

bool zrecord_clone(struct zisolate *iso, struct zvalue record, struct zvalue *out)
{
    const struct zrecord *from = record.p;
    struct zrecord *copy = new_record(iso, from->class); // from is the caller's, and rooted
    if (copy == NULL) return false;
    memcpy(copy->fields, from->fields, (size_t)from->header.aux * 9);
    *out = zvalue_object(copy, ZTAG_RECORD);
    return true;
}

// ---- Fields and methods -----------------------------------------------------------------------

bool zrecord_no_field(struct zisolate *iso, const struct zrecord *record,
                      const struct zstring *name)
{
    (void)zerror_raise(iso, ZERROR_FIELD, "%s has no field '%s'", zrecord_type_name(record)->bytes,
                       zstring_bytes(name));
    return zhint_add_name(iso, ZHINT_MEMBER, 0, zrecord_shape(record), name);
}

static bool bind_method(struct zisolate *iso, struct zvalue receiver, uint32_t slot,
                        struct zvalue *out)
{
    struct zbound *bound = zheap_new(&iso->heap, ZTYPE_BOUND, sizeof *bound, receiver.tag);
    if (bound == NULL) return zerror_raise_memory(iso);
    const struct zrecord *record = receiver.p;
    bound->receiver = receiver.bits;
    bound->method = (struct zobject *)(uintptr_t)record->class->slots[slot];
    bound->builtin = ZBUILTIN_NONE;
    *out = zvalue_object(bound, ZTAG_BOUND);
    return true;
}

bool zrecord_get(struct zisolate *iso, struct zvalue object, const struct zstring *name,
                 struct zcache *cache, struct zvalue *out)
{
    const struct zrecord *record = object.p;
    const struct zshape *shape = zrecord_shape(record);
    const struct zshape_member *member = zshape_find(shape, name);
    if (member == NULL) return zrecord_no_field(iso, record, name);
    if (member->kind == ZSHAPE_METHOD) return bind_method(iso, object, member->index, out);
    zcache_store(cache, zcache_field(shape, member->index));
    *out = get_field(record, member->index);
    return true;
}

bool zrecord_set(struct zisolate *iso, struct zrecord *record, const struct zstring *name,
                 struct zcache *cache, struct zvalue value)
{
    const struct zshape *shape = zrecord_shape(record);
    const struct zshape_member *member = zshape_find(shape, name);
    if (member == NULL || member->kind != ZSHAPE_FIELD) return zrecord_no_field(iso, record, name);
    if (!check_field(iso, &shape->fields[member->index], &value)) return false;
    zcache_store(cache, zcache_field(shape, member->index));
    put_field(record, member->index, value);
    zheap_log(&iso->heap, &record->header);
    return true;
}

// ---- match ------------------------------------------------------------------------------------

bool zrecord_match(struct zisolate *iso, struct zvalue subject, struct zvalue type,
                   uint32_t field_count, bool *out)
{
    if (type.tag != ZTAG_CLASS) return zerror_terminate(iso, ZVM_E_BYTECODE);
    const struct zclass *wanted = type.p;
    if (wanted->shape->field_count != field_count) {
        return zerror_raise(iso, ZERROR_ARGUMENT, "pattern %s expects %u fields, got %u",
                            wanted->shape->data->name->bytes, (unsigned)wanted->shape->field_count,
                            field_count);
    }
    const struct zclass *class = NULL;
    if (subject.tag == ZTAG_RECORD) class = ((const struct zrecord *)subject.p)->class;
    while (class != NULL && class != wanted) {
        class = class->parent;
    }
    *out = class != NULL;
    return true;
}
