// heap/mm_object.c - the objects of a memory manager as heap objects, and tombstones.
//
// Owns: nothing. Thread: owner.
// Four kinds of heap object carry them, each with a word inside: the index of its handle, and its stamp.
//   fields, up to ZMM_INLINE_FIELDS  NODE    slot 0
//   fields, more                     LIST    8 bytes behind the list; the payload is outside
//   bytes, as far as a cell goes     BUFFER  the first 8 bytes
//   bytes, more                      STRBUF  `used`; the payload is outside
// A tombstone is such an object with nothing inside: no slots, no payload. Its word links it to the next
// tombstone.
#define ZVM_HEAP_INTERNAL
#include "heap/mm_internal.h"

uint64_t *zmm_owner_word(struct zobject *object)
{
    void *o = object;
    if (object->kind == ZTYPE_LIST) return (uint64_t *)(void *)((struct zlist *)o + 1);
    return &((struct zstrbuf_object *)o)->used;
}

bool zmm_is_tombstone(const struct zobject *object)
{
    const void *o = object;
    if (object->kind == ZTYPE_NODE || object->kind == ZTYPE_BUFFER) return object->aux == 0;
    return ((const struct zowner *)o)->payload == NULL;
}

// The cell and the payload of a list or of long bytes.
uint64_t zmm_owner_bytes(const struct zmm *mm, const struct zobject *object)
{
    uint64_t bytes = zmm_cell_bytes(mm, object);
    const struct zowner *owner = (const void *)object;
    if (object->flags & ZFLAG_EXTERNAL) return bytes + owner->payload_bytes;
    return bytes + zmm_cell_bytes(mm, (char *)owner->payload - sizeof(struct zbuffer));
}

// ---- Fields -----------------------------------------------------------------------------------

struct fields {
    uint64_t *payloads;
    uint8_t *tags;
    uint32_t count;
};

static bool fields_of(const struct zobject *object, struct fields *out)
{
    void *o = (void *)(uintptr_t)object;
    if (object->kind == ZTYPE_NODE)
        *out = (struct fields){((struct znode *)o)->slots + 1, znode_tags(o) + 1, object->aux - 1};
    else if (object->kind == ZTYPE_LIST)
        *out = (struct fields){zlist_payload(o), zlist_tags(o), object->aux};
    else
        return false;
    return true;
}

uint32_t zmm_field_count(const struct zobject *object)
{
    struct fields fields;
    return fields_of(object, &fields) ? fields.count : 0;
}

struct zobject *zmm_field_object(const struct zobject *object, uint32_t field)
{
    struct fields fields;
    if (!fields_of(object, &fields) || !(fields.tags[field] & ZTAG_HEAP)) return NULL;
    return (struct zobject *)(uintptr_t)fields.payloads[field];
}

static zvm_status find_field(const struct zmm *mm, zvm_handle handle, uint32_t field,
                             struct fields *fields, struct zobject **object)
{
    struct zmm_entry *entry;
    zvm_status status = zmm_resolve(mm, handle, &entry);
    if (status != ZVM_OK) return status;
    *object = entry->object;
    if (!fields_of(*object, fields)) return ZVM_E_TYPE;
    return field < fields->count ? ZVM_OK : ZVM_E_NOT_FOUND;
}

zvm_status zmm_set_field(struct zmm *mm, zvm_handle handle, uint32_t field, zvm_mm_value value)
{
    struct fields fields;
    struct zobject *object;
    zvm_status status = find_field(mm, handle, field, &fields, &object);
    if (status != ZVM_OK) return status;
    struct zvalue stored = zvalue_null();
    struct zmm_entry *target;
    switch (value.kind) {
    case ZVM_MM_NULL:
        break;
    case ZVM_MM_INT:
        stored = zvalue_int(value.integer);
        break;
    case ZVM_MM_FLOAT:
        stored = zvalue_float(value.number);
        break;
    case ZVM_MM_REFERENCE:
        status = zmm_resolve(mm, value.reference, &target);
        if (status != ZVM_OK) return status;
        stored = zmm_value(target->object);
        break;
    default:
        return ZVM_E_ARGUMENT;
    }
    zmm_end_look(mm);
    zheap_log(&mm->heap, object);
    fields.payloads[field] = stored.bits;
    fields.tags[field] = (uint8_t)stored.tag;
    return ZVM_OK;
}

zvm_status zmm_get_field(struct zmm *mm, zvm_handle handle, uint32_t field, zvm_mm_value *out)
{
    struct fields fields;
    struct zobject *object;
    zvm_status status = find_field(mm, handle, field, &fields, &object);
    if (status != ZVM_OK) return status;
    struct zvalue value = zvalue_slot(fields.payloads[field], fields.tags[field]);
    memset(out, 0, sizeof *out);
    if (value.tag == ZTAG_INT) {
        out->kind = ZVM_MM_INT;
        out->integer = value.i;
    } else if (value.tag == ZTAG_FLOAT) {
        out->kind = ZVM_MM_FLOAT;
        out->number = value.d;
    } else if (zvalue_is_heap(value)) {
        const struct zobject *target = value.p;
        if (zmm_is_tombstone(target)) return ZVM_E_STALE;
        out->kind = ZVM_MM_REFERENCE;
        out->reference = zmm_handle(mm, zmm_index_of(target));
    }
    return ZVM_OK;
}

zvm_status zmm_bytes(struct zmm *mm, zvm_handle handle, void **bytes, size_t *count)
{
    struct zmm_entry *entry;
    zvm_status status = zmm_resolve(mm, handle, &entry);
    if (status != ZVM_OK) return status;
    void *object = entry->object;
    const struct zobject *header = object;
    if (header->kind == ZTYPE_BUFFER) {
        *bytes = ((struct zbuffer *)object)->data + ZMM_WORD_BYTES;
        *count = header->aux - ZMM_WORD_BYTES;
    } else if (header->kind == ZTYPE_STRBUF) {
        *bytes = ((struct zowner *)object)->payload;
        *count = ((struct zowner *)object)->payload_bytes;
    } else {
        return ZVM_E_TYPE;
    }
    return ZVM_OK;
}

// ---- Tombstones -------------------------------------------------------------------------------

void zmm_empty_owner(struct zmm *mm, struct zobject *object)
{
    void *o = object;
    if (object->kind == ZTYPE_LIST) ((struct zlist *)o)->capacity = 0;
    object->aux = 0;
    (void)zheap_payload_resize(&mm->heap, o, 0); // giving back cannot fail
}

// Those that nothing leads to any more are freed by the collection that runs now.
bool zmm_prune_tombstones(struct zmm *mm, struct zwork *work)
{
    if (!mm->is_pruning_tombstones) {
        mm->unpruned = mm->tombstones;
        mm->tombstones = NULL;
        mm->is_pruning_tombstones = true;
    }
    while (mm->unpruned != NULL) {
        if (!zwork_is_left(work)) return false;
        work->words++;
        struct zobject *object = mm->unpruned;
        mm->unpruned = (struct zobject *)(uintptr_t)*zmm_word(object);
        if (zheap_is_dead_now(&mm->heap, object)) {
            mm->tombstone_count--;
            continue;
        }
        *zmm_word(object) = (uintptr_t)mm->tombstones;
        mm->tombstones = object;
    }
    mm->is_pruning_tombstones = false;
    return true;
}
