// vm/parcel_unpack.c - from a parcel into the heap of another isolate.
//
// Owns: nothing. Thread: the owner of the isolate. May collect at each object.
// How: twice over the objects. First each is made, with nothing in it that leads to another one, and put into a
// table, by its number; then what leads to others is filled in. So cycles need no care, and the table is all
// that has to be a root: a few values on the C stack, or a list of the heap when there are many.
#include "vm/parcel_internal.h"

#include "base/alloc.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/record.h"
#include "vm/string.h"
#include "vm/talk.h"

#include <string.h>

#ifdef ZVM_TINY
enum { FEW = 1 };
#else
enum { FEW = 16 };
#endif

struct unpacker {
    struct zisolate *iso;
    const struct zparcel *parcel;
    struct zvalue list;     // the table, with many objects
    struct zvalue objects[FEW]; // with few; with many the first is the one that is being made
    struct zfuel_meter meter;
    struct zclass *last_type; // a global names it
};

static struct zvalue object_at(const struct unpacker *unpacker, uint64_t number)
{
    if (unpacker->list.tag == ZTAG_NULL) return unpacker->objects[number];
    return zlist_get(unpacker->list.p, (uint32_t)number);
}

// A value of the parcel as one of the isolate.
static struct zvalue value_of(const struct unpacker *unpacker, uint64_t bits, uint32_t tag)
{
    if ((tag & ZTAG_HEAP) == 0) return (struct zvalue){.bits = bits, .tag = tag};
    return object_at(unpacker, bits);
}

// ---- Making -------------------------------------------------------------------------------------

static bool make_list(struct unpacker *unpacker, const struct zparcel_object *object,
                      struct zvalue *out)
{
    struct zisolate *iso = unpacker->iso;
    if (!zlist_make(iso, object->count, object->detail, out)) return false;
    struct zlist *list = out->p;
    uint64_t *payload = zlist_payload(list);
    size_t bytes = (size_t)object->count * 8;
    if (object->detail != ZLIST_ANY) {
        if (!zfuel_copy(iso, payload, zparcel_body(object), bytes)) return false;
    } else if (object->count > 0) { // all null, until it is filled
        if (!zfuel_fill(iso, payload, 0, bytes)) return false;
        if (!zfuel_fill(iso, zlist_tags(list), ZTAG_NULL, object->count)) return false;
    }
    list->owner.header.aux = object->count;
    return true;
}

static ZVM_COLD bool refuse_type(struct unpacker *unpacker, const struct zshape *shape)
{
    bool is_foreign = unpacker->parcel->code != unpacker->iso->code;
    return zerror_raise(unpacker->iso, ZERROR_TYPE,
                        is_foreign
                            ? "the message has an instance of '%s', a data type of another program"
                            : "the message has an instance of '%s', which is not declared here yet",
                        shape->data->name->bytes);
}

// A type that came in the same parcel; those are made first.
static struct zclass *find_own_type(const struct unpacker *unpacker, const struct zshape *shape)
{
    if (unpacker->parcel->global_count == 0) return NULL;
    for (uint32_t i = 0; i < unpacker->parcel->object_count; i++) {
        struct zvalue value = object_at(unpacker, i);
        if (value.tag != ZTAG_CLASS) continue;
        struct zclass *class = value.p;
        if (class->shape == shape) return class;
    }
    return NULL;
}

static struct zclass *find_global_type(const struct unpacker *unpacker, const struct zshape *shape)
{
    const struct zisolate *iso = unpacker->iso;
    if (unpacker->parcel->code != iso->code) return NULL;
    for (uint32_t i = 0; i < iso->code->global_count; i++) {
        if (iso->stack[i].tag != ZTAG_CLASS) continue;
        struct zclass *class = iso->stack[i].p;
        if (class->shape == shape) return class;
    }
    return NULL;
}

static struct zclass *find_type(struct unpacker *unpacker, const struct zshape *shape)
{
    struct zclass *last = unpacker->last_type;
    if (last != NULL && last->shape == shape) return last;
    struct zclass *class = find_own_type(unpacker, shape);
    if (class == NULL) class = find_global_type(unpacker, shape);
    unpacker->last_type = class;
    return class;
}

static bool make_record(struct unpacker *unpacker, const struct zparcel_object *object,
                        struct zvalue *out)
{
    struct zisolate *iso = unpacker->iso;
    uint32_t count = object->count;
    struct zclass *class = find_type(unpacker, object->pointer);
    if (class == NULL) return refuse_type(unpacker, object->pointer);
    struct zrecord *record =
        zheap_new(&iso->heap, ZTYPE_RECORD, sizeof *record + (size_t)count * 9, count);
    if (record == NULL) return zerror_raise_memory(iso);
    record->class = class;
    record->shape_id = class->shape->id;
    record->reserved = 0;
    memset(record->fields, 0, (size_t)count * 8);
    memset(zrecord_tags(record), ZTAG_NULL, count);
    *out = zvalue_object(record, ZTAG_RECORD);
    return true;
}

static bool make_error(struct unpacker *unpacker, const struct zparcel_object *object,
                       struct zvalue *out)
{
    struct zvalue empty = zvalue_object(unpacker->iso->shared->empty, ZTAG_SYMBOL);
    struct zerror *error = zerror_new(unpacker->iso, empty, empty);
    if (error == NULL) return false;
    if (unpacker->parcel->code == unpacker->iso->code) {
        error->line = (uint32_t)(object->number >> 32);
        error->column = (uint32_t)object->number;
        error->file = object->file;
    }
    *out = zvalue_object(error, ZTAG_ERROR);
    return true;
}

static bool make_function(struct unpacker *unpacker, const struct zparcel_object *object,
                          struct zvalue *out)
{
    struct zisolate *iso = unpacker->iso;
    uint32_t count = object->count;
    ZVM_CHECK(unpacker->parcel->code == iso->code);
    struct zfunc *func = zheap_new(&iso->heap, ZTYPE_FUNC, zfunc_bytes(count), count);
    if (func == NULL) return zerror_raise_memory(iso);
    func->proto = &iso->code->protos[object->number];
    memset(func->captured, 0, (size_t)count * 8);
    memset(zfunc_tags(func), ZTAG_NULL, count);
    *out = zvalue_object(func, ZTAG_FUNC);
    return true;
}

static bool make_class(struct unpacker *unpacker, const struct zparcel_object *object,
                       struct zvalue *out)
{
    struct zisolate *iso = unpacker->iso;
    uint32_t slots = object->count - 1;
    struct zclass *class =
        zheap_new(&iso->heap, ZTYPE_CLASS, sizeof *class + (size_t)slots * 9, slots);
    if (class == NULL) return zerror_raise_memory(iso);
    class->parent = NULL;
    class->shape = object->pointer;
    memset(class->slots, 0, (size_t)slots * 8);
    memset(zclass_tags(class), ZTAG_NULL, slots);
    *out = zvalue_object(class, ZTAG_CLASS);
    return true;
}

static bool make(struct unpacker *unpacker, const struct zparcel_object *object,
                 struct zvalue *out)
{
    struct zisolate *iso = unpacker->iso;
    switch (object->kind) {
    case ZTYPE_STRING:
        return zstring_new(iso, zparcel_body(object), object->count, out);
    case ZTYPE_STRBUF:
        return zstring_of_counted(iso, zparcel_counted(object), object->count,
                                  object->detail != 0, out);
    case ZTYPE_LIST:
        return make_list(unpacker, object, out);
    case ZTYPE_MAP:
        return zmap_new(iso, object->count, out);
    case ZTYPE_RECORD:
        return make_record(unpacker, object, out);
    case ZTYPE_ERROR:
        return make_error(unpacker, object, out);
    case ZTYPE_ISOLATE:
        return ztalk_value(iso, (struct zmailbox *)(uintptr_t)object->pointer, out);
    case ZTYPE_FUNC:
        return make_function(unpacker, object, out);
    default:
        return make_class(unpacker, object, out);
    }
}

static bool make_at(struct unpacker *unpacker, const struct zparcel_object *object, uint32_t number)
{
    if (unpacker->list.tag == ZTAG_NULL) {
        unpacker->meter.bytes += sizeof *object;
        return make(unpacker, object, &unpacker->objects[number]);
    }
    struct zisolate *iso = unpacker->iso;
    return zfuel_meter_add(iso, &unpacker->meter, sizeof *object) &&
           make(unpacker, object, &unpacker->objects[0]) &&
           zlist_set(iso, unpacker->list.p, number, unpacker->objects[0]);
}

static bool make_those(struct unpacker *unpacker, bool types)
{
    const struct zparcel_object *object = zparcel_first(unpacker->parcel);
    for (uint32_t i = 0; i < unpacker->parcel->object_count; i++, object = zparcel_next(object))
        if ((object->kind == ZTYPE_CLASS) == types && !make_at(unpacker, object, i)) return false;
    return true;
}

static bool make_table(struct unpacker *unpacker)
{
    struct zisolate *iso = unpacker->iso;
    uint32_t count = unpacker->parcel->object_count;
    if (!zlist_make(iso, count, ZLIST_ANY, &unpacker->list)) return false;
    struct zlist *list = unpacker->list.p;
    if (!zfuel_fill(iso, zlist_payload(list), 0, (size_t)count * 8)) return false;
    if (!zfuel_fill(iso, zlist_tags(list), ZTAG_NULL, count)) return false;
    list->owner.header.aux = count;
    return true;
}

static bool make_all(struct unpacker *unpacker)
{
    bool is_few = unpacker->parcel->object_count <= FEW;
    if (!is_few && !make_table(unpacker)) return false;
    bool has_types = unpacker->parcel->global_count > 0;
    return (!has_types || make_those(unpacker, true)) && make_those(unpacker, false);
}

// ---- Filling ------------------------------------------------------------------------------------

// `count` payloads and tags behind them, into an object's. Nothing collects.
static bool fill_slots(struct unpacker *unpacker, const struct zparcel_object *object,
                       uint32_t count, uint64_t *to, uint8_t *to_tags)
{
    const uint64_t *payloads = zparcel_body(object);
    const uint8_t *tags = (const uint8_t *)(payloads + object->count);
    for (uint32_t i = 0; i < count; i++) {
        if (!zfuel_meter_add(unpacker->iso, &unpacker->meter, 9)) return false;
        struct zvalue value = value_of(unpacker, payloads[i], tags[i]);
        to[i] = value.bits;
        to_tags[i] = (uint8_t)value.tag;
    }
    return true;
}

static bool fill_map(struct unpacker *unpacker, const struct zparcel_object *object,
                     struct zmap *map)
{
    uint32_t count = object->count;
    const uint64_t *keys = zparcel_body(object), *values = keys + count;
    const uint8_t *key_tags = (const uint8_t *)(values + count), *value_tags = key_tags + count;
    for (uint32_t i = 0; i < count; i++) {
        if (!zfuel_meter_add(unpacker->iso, &unpacker->meter, sizeof(struct zmap_entry)))
            return false;
        struct zvalue key = value_of(unpacker, keys[i], key_tags[i]);
        struct zvalue value = value_of(unpacker, values[i], value_tags[i]);
        if (!zmap_set(unpacker->iso, map, key, value)) return false;
    }
    return true;
}

// The runtime's own text of a kind of error, which is known by its address.
static struct zvalue kind_of(const struct zisolate *iso, struct zvalue kind)
{
    for (uint32_t i = 0; i < ZERROR_KIND_COUNT; i++) {
        struct zvalue known = zvalue_object(iso->shared->kinds[i], ZTAG_SYMBOL);
        if (zstring_equal(known, kind)) return known;
    }
    return kind;
}

static void fill_error(const struct unpacker *unpacker, const struct zparcel_object *object,
                       struct zerror *error)
{
    const uint64_t *payloads = zparcel_body(object);
    const uint8_t *tags = (const uint8_t *)(payloads + 2);
    struct zvalue kind = kind_of(unpacker->iso, value_of(unpacker, payloads[0], tags[0]));
    struct zvalue message = value_of(unpacker, payloads[1], tags[1]);
    error->kind = kind.bits;
    error->kind_tag = (uint8_t)kind.tag;
    error->message = message.bits;
    error->message_tag = (uint8_t)message.tag;
}

static bool fill_class(struct unpacker *unpacker, const struct zparcel_object *object,
                       struct zclass *class)
{
    uint32_t slots = class->header.aux;
    if (!fill_slots(unpacker, object, slots, class->slots, zclass_tags(class))) return false;
    const uint64_t *payloads = zparcel_body(object);
    const uint8_t *tags = (const uint8_t *)(payloads + object->count);
    struct zvalue parent = value_of(unpacker, payloads[slots], tags[slots]);
    class->parent = parent.tag == ZTAG_CLASS ? parent.p : NULL;
    return true;
}

static bool fill(struct unpacker *unpacker, const struct zparcel_object *object, void *made)
{
    struct zlist *list = made;
    struct zrecord *record = made;
    struct zfunc *func = made;
    switch (object->kind) {
    case ZTYPE_LIST:
        return object->detail != ZLIST_ANY ||
               fill_slots(unpacker, object, object->count, zlist_payload(list), zlist_tags(list));
    case ZTYPE_MAP:
        return fill_map(unpacker, object, made);
    case ZTYPE_RECORD:
        return fill_slots(unpacker, object, object->count, record->fields, zrecord_tags(record));
    case ZTYPE_ERROR:
        fill_error(unpacker, object, made);
        return true;
    case ZTYPE_FUNC:
        return fill_slots(unpacker, object, object->count, func->captured, zfunc_tags(func));
    case ZTYPE_CLASS:
        return fill_class(unpacker, object, made);
    default:
        return true;
    }
}

static bool fill_all(struct unpacker *unpacker)
{
    const struct zparcel_object *object = zparcel_first(unpacker->parcel);
    for (uint32_t i = 0; i < unpacker->parcel->object_count; i++, object = zparcel_next(object)) {
        struct zobject *made = object_at(unpacker, i).p;
        if (!fill(unpacker, object, made)) return false;
        // What is no string, which has nothing to fill in, is of this heap.
        if (object->kind != ZTYPE_STRING) zheap_log(&unpacker->iso->heap, made);
    }
    return true;
}

// ---- The whole ------------------------------------------------------------------------------------

static void hand_out(const struct unpacker *unpacker, struct zvalue *out)
{
    const struct zparcel *parcel = unpacker->parcel;
    const struct zparcel_slot *slot = parcel->slots;
    for (uint32_t i = 0; i < parcel->root_count; i++, slot++)
        out[i] = value_of(unpacker, slot->bits, slot->tag);
    for (uint32_t i = 0; i < parcel->global_count; i++, slot++)
        unpacker->iso->stack[slot->global] = value_of(unpacker, slot->bits, slot->tag);
}

static bool unpack(struct unpacker *unpacker, struct zvalue *out)
{
    if (!make_all(unpacker) || !fill_all(unpacker)) return false;
    hand_out(unpacker, out);
    return zfuel_charge(unpacker->iso, unpacker->meter.bytes);
}

bool zparcel_unpack(struct zisolate *iso, const struct zparcel *parcel, struct zvalue *out)
{
    struct unpacker unpacker; // its objects are set as far as they are used
    unpacker.iso = iso;
    unpacker.parcel = parcel;
    unpacker.list = zvalue_null();
    unpacker.meter = (struct zfuel_meter){0};
    unpacker.last_type = NULL;
    uint32_t count = parcel->object_count;
    if (count == 0) {
        hand_out(&unpacker, out);
        return true;
    }
    uint32_t few = count <= FEW ? count : 1;
    for (uint32_t i = 0; i < few; i++)
        unpacker.objects[i] = zvalue_null();
    struct zscope list_scope, scope;
    zscope_open(&iso->heap, &list_scope, &unpacker.list, 1);
    zscope_open(&iso->heap, &scope, unpacker.objects, few);
    bool is_done = unpack(&unpacker, out);
    zscope_close(&iso->heap, &scope);
    zscope_close(&iso->heap, &list_scope);
    return is_done;
}

// The bytes that a string counts.
static uint64_t drop_counted(const struct zparcel_object *object)
{
    struct zcounted *counted = zparcel_counted(object);
    uint64_t bytes = zcounted_block_bytes(counted->length_bytes);
    zcounted_release(counted);
    return bytes;
}

// What the objects hold is given back. The bytes that it counts beside the parcel's own. Out of line: most have nothing.
static __attribute__((noinline)) uint64_t drop_holds(const struct zparcel *parcel)
{
    uint64_t bytes = 0;
    const struct zparcel_object *object = zparcel_first(parcel);
    for (uint32_t left = parcel->hold_count; left > 0; object = zparcel_next(object)) {
        if (object->kind == ZTYPE_STRBUF)
            bytes += drop_counted(object);
        else if (object->kind == ZTYPE_ISOLATE && object->detail != 0)
            zmailbox_release((struct zmailbox *)(uintptr_t)object->pointer);
        else
            continue;
        left--;
    }
    return bytes;
}

void zparcel_free(struct zparcel *parcel)
{
    uint64_t bytes = parcel->message.bytes;
    if (parcel->hold_count > 0) bytes -= drop_holds(parcel);
    if (parcel->holds_code) zcode_release(parcel->code);
    z_free(parcel, bytes);
}
