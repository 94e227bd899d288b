// heap/mm_make.c - the objects of a memory manager are made.
//
// Owns: nothing. Thread: owner.
// Most calls find everything at hand: a free entry, a cell in the cache of its class, a look at the clock
// to share. Then bytes are made by stores alone, in a function that calls no other. All else goes the long
// way, which makes what is missing, and may collect. It also calls the finalizers of what was found dead:
// they may allocate, so the new object is kept until they are done.
#define ZVM_HEAP_INTERNAL
#include "heap/mm_internal.h"

// Up to here bytes are copied by words, in place; it is what is in two cache lines with the header.
#define BYTES_IN_PLACE_MAX 96u
#define INLINE_BYTES_MAX   (ZCELL_BYTES_MAX - sizeof(struct zbuffer) - ZMM_WORD_BYTES)

_Static_assert(offsetof(struct znode, slots) == sizeof(struct zobject),
               "the word is behind the header");
_Static_assert(offsetof(struct zbuffer, data) == sizeof(struct zobject), "the same");

// ---- Objects ------------------------------------------------------------------------------------

// What is known of an object that is being made.
struct making {
    struct zobject *object; // NULL: refused
    uint64_t *word;
    uint64_t bytes; // cell and payload
};

// The bytes of a cell are those of its class, but for one that comes from elsewhere: the slow path.
static inline struct making new_cell(struct zmm *mm, uint32_t kind, size_t bytes, uint32_t aux)
{
    uint32_t class_index = zheap_class_of(bytes);
    bool is_fast = mm->heap.classes[class_index].cache != 0;
    struct making making = {.bytes = zheap_class_bytes[class_index]};
    making.object = zheap_new(&mm->heap, kind, bytes, aux);
    making.word = (uint64_t *)(void *)(making.object + 1);
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

static struct making making_of_owner(const struct zmm *mm, struct zobject *object)
{
    return (struct making){object, zmm_owner_word(object), zmm_owner_bytes(mm, object)};
}

static ZVM_COLD struct making make_list(struct zmm *mm, uint32_t field_count)
{
    const struct making refused = {NULL, NULL, 0};
    struct zlist *list = zheap_new(&mm->heap, ZTYPE_LIST, sizeof *list + ZMM_WORD_BYTES, 0);
    if (list == NULL) return refused;
    memset(&list->owner.payload, 0, sizeof *list + ZMM_WORD_BYTES - sizeof(struct zobject));
    if (!zheap_payload_resize(&mm->heap, &list->owner, (size_t)field_count * 9)) return refused;
    list->elements = ZLIST_ANY;
    list->capacity = field_count;
    memset(zlist_payload(list), 0, field_count * sizeof(uint64_t));
    memset(zlist_tags(list), ZTAG_NULL, field_count);
    list->owner.header.aux = field_count;
    return making_of_owner(mm, &list->owner.header);
}

static inline struct making make_buffer(struct zmm *mm, const void *bytes, size_t count)
{
    struct making making =
        new_cell(mm, ZTYPE_BUFFER, sizeof(struct zbuffer) + ZMM_WORD_BYTES + count,
                 (uint32_t)(ZMM_WORD_BYTES + count));
    if (making.object == NULL) return making;
    struct zbuffer *buffer = (void *)making.object;
    if (bytes == NULL)
        memset(buffer->data + ZMM_WORD_BYTES, 0, count);
    else
        memcpy(buffer->data + ZMM_WORD_BYTES, bytes, count);
    return making;
}

static ZVM_COLD struct making make_strbuf(struct zmm *mm, const void *bytes, size_t count)
{
    const struct making refused = {NULL, NULL, 0};
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
    return making_of_owner(mm, &buffer->owner.header);
}

// ---- Their handles ------------------------------------------------------------------------------

static zvm_status reserve_handle(struct zmm *mm)
{
    if (mm->is_destroying) return ZVM_E_STATE;
    zvm_status status = zmm_has_entry(mm) ? ZVM_OK : zmm_grow_entries(mm);
    if (status == ZVM_OK && mm->scope_depth > 0) status = zmm_reserve_index(mm, &mm->scoped);
    return status;
}

// The object is fresh; nothing has been allocated since. A look at the clock is left.
static inline zvm_handle name_object(struct zmm *mm, struct making making)
{
    zvm_handle handle = zmm_take_entry(mm, making.object);
    mm->looks_left--;
    *making.word = mm->stamp | handle.index;
    if (mm->scope_depth > 0) mm->scoped.items[mm->scoped.count++] = handle.index;
    mm->allocated_count++;
    mm->allocated_bytes += making.bytes;
    return handle;
}

static zvm_status end_making(struct zmm *mm, struct making making, zvm_handle *out)
{
    if (making.object == NULL) {
        zvm_status status = zmm_refusal_status(mm);
        zmm_finish(mm);
        return status;
    }
    if (mm->looks_left == 0) zmm_look(mm);
    *out = name_object(mm, making);
    zmm_note(mm, ZVM_MM_ALLOCATED, *out, making.bytes);
    if (ZVM_LIKELY(mm->front.waiting_first == ZMM_NONE)) return ZVM_OK;
    struct zvalue kept = zmm_value(making.object);
    struct zscope scope;
    zscope_open(&mm->heap, &scope, &kept, 1);
    zmm_finish(mm);
    zscope_close(&mm->heap, &scope);
    return ZVM_OK;
}

zvm_status zmm_allocate(struct zmm *mm, uint32_t field_count, zvm_handle *out)
{
    if (field_count > ZMM_FIELDS_MAX) return ZVM_E_LIMIT;
    zvm_status status = reserve_handle(mm);
    if (status != ZVM_OK) return status;
    return end_making(mm,
                      field_count <= ZMM_INLINE_FIELDS ? make_node(mm, field_count)
                                                       : make_list(mm, field_count),
                      out);
}

static __attribute__((noinline)) zvm_status allocate_bytes_slow(struct zmm *mm, const void *bytes,
                                                                size_t count, zvm_handle *out)
{
    zvm_status status = reserve_handle(mm);
    if (status != ZVM_OK) return status;
    return end_making(mm,
                      count <= INLINE_BYTES_MAX ? make_buffer(mm, bytes, count)
                                                : make_strbuf(mm, bytes, count),
                      out);
}

// ---- With everything at hand --------------------------------------------------------------------

// With a history, and in a manager that is being destroyed, no look at the clock is left.
static inline bool has_all(const struct zmm *mm, uint32_t class_index)
{
    bool has_scope_room = mm->scope_depth == 0 || mm->scoped.count < mm->scoped.capacity;
    return mm->heap.classes[class_index].cache != 0 && mm->looks_left != 0 && has_scope_room &&
           zmm_has_entry(mm);
}

// As memcpy, of few bytes and without a call: words, of which the last overlaps the one before it.
static inline void copy_few(char *to, const char *from, size_t count)
{
    uint64_t word;
    if (count < sizeof word) {
        for (size_t i = 0; i < count; i++)
            to[i] = from[i];
        return;
    }
    for (size_t i = 0; i < count - sizeof word; i += sizeof word) {
        memcpy(&word, from + i, sizeof word);
        memcpy(to + i, &word, sizeof word);
    }
    memcpy(&word, from + count - sizeof word, sizeof word);
    memcpy(to + count - sizeof word, &word, sizeof word);
}

zvm_status zmm_allocate_bytes(struct zmm *mm, const void *bytes, size_t count, zvm_handle *out)
{
    if (count > BYTES_IN_PLACE_MAX || bytes == NULL)
        return allocate_bytes_slow(mm, bytes, count, out);
    size_t cell_bytes = sizeof(struct zbuffer) + ZMM_WORD_BYTES + count;
    uint32_t class_index = zheap_class_of(cell_bytes);
    if (ZVM_UNLIKELY(!has_all(mm, class_index))) return allocate_bytes_slow(mm, bytes, count, out);
    struct zbuffer *buffer =
        zheap_new(&mm->heap, ZTYPE_BUFFER, cell_bytes, (uint32_t)(ZMM_WORD_BYTES + count));
    copy_few(buffer->data + ZMM_WORD_BYTES, bytes, count);
    *out = name_object(mm, (struct making){.object = &buffer->header,
                                           .word = (uint64_t *)(void *)buffer->data,
                                           .bytes = zheap_class_bytes[class_index]});
    return ZVM_OK;
}
