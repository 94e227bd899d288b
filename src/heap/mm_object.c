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

enum { WORD_BYTES = 8, INLINE_BYTES_MAX = ZCELL_BYTES_MAX - sizeof(struct zbuffer) - WORD_BYTES };

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
    uint32_t index;
    zvm_status status = zmm_resolve(mm, handle, &index);
    if (status != ZVM_OK) return status;
    *object = mm->entries[index].object;
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
    uint32_t target;
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
        stored =
            zvalue_object(mm->entries[target].object, ZTAG_HEAP | mm->entries[target].object->kind);
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
    uint32_t index;
    zvm_status status = zmm_resolve(mm, handle, &index);
    if (status != ZVM_OK) return status;
    void *object = mm->entries[index].object;
    const struct zobject *header = object;
    if (header->kind == ZTYPE_BUFFER) {
        *bytes = ((struct zbuffer *)object)->data + WORD_BYTES;
        *count = header->aux - WORD_BYTES;
    } else if (header->kind == ZTYPE_STRBUF) {
        *bytes = ((struct zowner *)object)->payload;
        *count = ((struct zowner *)object)->payload_bytes;
    } else {
        return ZVM_E_TYPE;
    }
    return ZVM_OK;
}

// ---- Making -----------------------------------------------------------------------------------

// What is known of an object that is being made.
struct making {
    struct zobject *object; // NULL: refused
    uint64_t bytes;         // cell and payload
};

// The bytes of a cell are those of its class, but for one that comes from elsewhere: the slow path.
static inline struct making new_cell(struct zmm *mm, uint32_t kind, size_t bytes, uint32_t aux)
{
    uint32_t class_index = zheap_class_of(bytes);
    bool is_fast = mm->heap.classes[class_index].cache != 0;
    struct making making = {.bytes = zheap_class_bytes[class_index]};
    making.object = zheap_new(&mm->heap, kind, bytes, aux);
    if (ZVM_UNLIKELY(!is_fast) && making.object != NULL)
        making.bytes = zmm_cell_bytes(mm, making.object);
    return making;
}

static inline struct making make_node(struct zmm *mm, uint32_t field_count)
{
    uint32_t slots = field_count + 1;
    struct making making =
        new_cell(mm, ZTYPE_NODE, sizeof(struct znode) + (size_t)slots * 9, slots);
    if (making.object == NULL) return making;
    struct znode *node = (void *)making.object;
    memset(node->slots, 0, slots * sizeof node->slots[0]);
    memset(znode_tags(node), ZTAG_NULL, slots);
    znode_tags(node)[0] = ZTAG_INT;
    return making;
}

static ZVM_COLD struct making make_list(struct zmm *mm, uint32_t field_count)
{
    const struct making refused = {NULL, 0};
    struct zlist *list = zheap_new(&mm->heap, ZTYPE_LIST, sizeof *list + WORD_BYTES, 0);
    if (list == NULL) return refused;
    memset(&list->owner.payload, 0, sizeof *list + WORD_BYTES - sizeof(struct zobject));
    if (!zheap_payload_resize(&mm->heap, &list->owner, (size_t)field_count * 9)) return refused;
    list->elements = ZLIST_ANY;
    list->capacity = field_count;
    memset(zlist_payload(list), 0, field_count * sizeof(uint64_t));
    memset(zlist_tags(list), ZTAG_NULL, field_count);
    list->owner.header.aux = field_count;
    return (struct making){&list->owner.header, zmm_owner_bytes(mm, &list->owner.header)};
}

static inline struct making make_buffer(struct zmm *mm, const void *bytes, size_t count)
{
    struct making making = new_cell(mm, ZTYPE_BUFFER, sizeof(struct zbuffer) + WORD_BYTES + count,
                                    (uint32_t)(WORD_BYTES + count));
    if (making.object == NULL) return making;
    struct zbuffer *buffer = (void *)making.object;
    if (bytes == NULL)
        memset(buffer->data + WORD_BYTES, 0, count);
    else
        memcpy(buffer->data + WORD_BYTES, bytes, count);
    return making;
}

static ZVM_COLD struct making make_strbuf(struct zmm *mm, const void *bytes, size_t count)
{
    const struct making refused = {NULL, 0};
    struct zstrbuf_object *buffer = zheap_new(&mm->heap, ZTYPE_STRBUF, sizeof *buffer, 0);
    if (buffer == NULL) return refused;
    buffer->owner.payload = NULL;
    buffer->owner.payload_bytes = 0;
    buffer->used = 0;
    if (!zheap_payload_resize(&mm->heap, &buffer->owner, count)) return refused;
    if (bytes == NULL)
        memset(buffer->owner.payload, 0, count);
    else
        memcpy(buffer->owner.payload, bytes, count);
    return (struct making){&buffer->owner.header, zmm_owner_bytes(mm, &buffer->owner.header)};
}

static inline bool has_handle(const struct zmm *mm)
{
    if (mm->scope_depth > 0 && mm->scoped.count == mm->scoped.capacity) return false;
    return zmm_has_entry(mm) && !mm->is_destroying;
}

static ZVM_COLD zvm_status reserve_handle_slow(struct zmm *mm)
{
    if (mm->is_destroying) return ZVM_E_STATE;
    zvm_status status = zmm_has_entry(mm) ? ZVM_OK : zmm_grow_entries(mm);
    if (status == ZVM_OK && mm->scope_depth > 0) status = zmm_reserve_index(mm, &mm->scoped);
    return status;
}

static inline zvm_status reserve_handle(struct zmm *mm)
{
    return ZVM_LIKELY(has_handle(mm)) ? ZVM_OK : reserve_handle_slow(mm);
}

// The object is fresh; nothing has been allocated since.
static inline zvm_handle name_object(struct zmm *mm, struct making making)
{
    uint32_t index = zmm_take_entry(mm, making.object);
    *zmm_word(making.object) = zmm_stamp(mm) | index;
    if (mm->scope_depth > 0) mm->scoped.items[mm->scoped.count++] = index;
    mm->allocated_count++;
    mm->allocated_bytes += making.bytes;
    zvm_handle handle = zmm_handle(mm, index);
    zmm_note(mm, ZVM_MM_ALLOCATED, handle, making.bytes);
    return handle;
}

zvm_status zmm_allocate(struct zmm *mm, uint32_t field_count, zvm_handle *out)
{
    if (field_count > ZMM_FIELDS_MAX) return ZVM_E_LIMIT;
    zvm_status status = reserve_handle(mm);
    if (status != ZVM_OK) return status;
    struct making making =
        field_count <= ZMM_INLINE_FIELDS ? make_node(mm, field_count) : make_list(mm, field_count);
    if (making.object == NULL) return zmm_refusal_status(mm);
    *out = name_object(mm, making);
    return ZVM_OK;
}

zvm_status zmm_allocate_bytes(struct zmm *mm, const void *bytes, size_t count, zvm_handle *out)
{
    zvm_status status = reserve_handle(mm);
    if (status != ZVM_OK) return status;
    struct making making =
        count <= INLINE_BYTES_MAX ? make_buffer(mm, bytes, count) : make_strbuf(mm, bytes, count);
    if (making.object == NULL) return zmm_refusal_status(mm);
    *out = name_object(mm, making);
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
        if (zheap_is_dead(&mm->heap, object)) {
            mm->tombstone_count--;
            continue;
        }
        *zmm_word(object) = (uintptr_t)mm->tombstones;
        mm->tombstones = object;
    }
    mm->is_pruning_tombstones = false;
    return true;
}
