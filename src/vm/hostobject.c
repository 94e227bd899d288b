// vm/hostobject.c - objects of the host that programs hold.
//
// Owns: the table of them, charged to the isolate's heap, as is what each says that it takes outside.
// Thread: the isolate's owner; finalizers are called on the thread that collects, resets or destroys.
// Invariants:  1. an entry is live (object set), waiting (its finalizer is to be called) or free.
//              2. an entry leaves live once, and what leads to its finalizer is copied out before that is
//                 called: so it is called once, whatever it does.
//              3. a generation belongs to one object for ever, so what the host kept of an older one
//                 names nothing.
// How: a collection looks at all live entries once it has marked everything (zhost_objects_prune), a minor one
// too. Finalizers come when the collector gives the thread back (zhost_objects_finish), in the order of
// the entries, and only then is what the object took given back: so at the limit a program's next try has it.
#include "vm/hostobject.h"

#include "base/alloc.h"
#include "vm/error.h"

#include <string.h>

#ifdef ZVM_TINY
enum { ENTRIES_FIRST = 1 };
#else
enum { ENTRIES_FIRST = 8 };
#endif

#define NONE UINT32_MAX

struct entry {
    struct zobject *object; // NULL: it waits, or is free
    const zvm_host_kind *kind;
    void *pointer;
    uint64_t bytes; // charged
    uint32_t generation;
    uint32_t next; // of those that wait, or are free
};

struct zhost_objects {
    struct entry *entries; // [capacity], the first `count` were used before
    uint32_t count, capacity;
    uint32_t free;
    uint32_t waiting, waiting_last;
    uint32_t prune_at; // where the collection under way goes on
    bool is_finishing;
};

static struct zhost_objects *objects_of(const struct zisolate *iso)
{
    return iso->extra == NULL ? NULL : iso->extra->host_objects;
}

// ---- Room ---------------------------------------------------------------------------------------

static bool no_memory(struct zisolate *iso, size_t bytes)
{
    zheap_note_nomem(&iso->heap, bytes);
    return zerror_raise_memory(iso);
}

static bool ensure_table(struct zisolate *iso)
{
    if (objects_of(iso) != NULL) return true;
    size_t bytes = sizeof(struct zhost_objects);
    if (!zisolate_ensure_extra(iso)) return no_memory(iso, sizeof *iso->extra);
    if (!zheap_charge(&iso->heap, bytes)) return zerror_raise_memory(iso);
    struct zhost_objects *objects = z_alloc_zeroed(bytes);
    if (objects == NULL) {
        zheap_uncharge(&iso->heap, bytes);
        return no_memory(iso, bytes);
    }
    objects->free = objects->waiting = objects->waiting_last = NONE;
    iso->extra->host_objects = objects;
    return true;
}

static bool grow(struct zisolate *iso, struct zhost_objects *objects)
{
    if (objects->capacity > UINT32_MAX / 4) return zerror_terminate(iso, ZVM_E_LIMIT);
    uint32_t capacity = objects->capacity == 0 ? ENTRIES_FIRST : objects->capacity * 2;
    size_t old_bytes = objects->capacity * sizeof *objects->entries;
    size_t new_bytes = capacity * sizeof *objects->entries;
    if (!zheap_charge(&iso->heap, new_bytes - old_bytes)) return zerror_raise_memory(iso);
    struct entry *entries = z_resize(objects->entries, old_bytes, new_bytes);
    if (entries == NULL) {
        zheap_uncharge(&iso->heap, new_bytes - old_bytes);
        return no_memory(iso, new_bytes);
    }
    objects->entries = entries;
    objects->capacity = capacity;
    return true;
}

// A collection on the way to a new object frees entries, and takes none.
static bool has_room(const struct zhost_objects *objects)
{
    return objects->free != NONE || objects->count < objects->capacity;
}

static uint32_t take_entry(struct zhost_objects *objects)
{
    uint32_t index = objects->free;
    if (index != NONE) {
        objects->free = objects->entries[index].next;
        return index;
    }
    ZVM_ASSERT(objects->count < objects->capacity);
    index = objects->count++;
    objects->entries[index].generation = 1;
    return index;
}

static void free_entry(struct zhost_objects *objects, uint32_t index)
{
    struct entry *entry = &objects->entries[index];
    if (entry->generation == UINT32_MAX) return; // never again
    entry->generation++;
    entry->next = objects->free;
    objects->free = index;
}

// ---- In and out ---------------------------------------------------------------------------------

static uint64_t id_of(const struct zhost_objects *objects, uint32_t index)
{
    return (uint64_t)objects->entries[index].generation << 32 | index;
}

// One that the host was given before. What a collection has found dead is not brought back.
static bool find(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    const struct zhost_objects *objects = objects_of(iso);
    uint32_t index = (uint32_t)value->host_id;
    bool is_known =
        objects != NULL && index < objects->count && id_of(objects, index) == value->host_id;
    const struct entry *entry = is_known ? &objects->entries[index] : NULL;
    is_known = is_known && entry->object != NULL && entry->pointer == value->pointer &&
               entry->kind == value->host_kind && !zheap_is_doomed(&iso->heap, entry->object);
    if (!is_known)
        return zerror_raise(iso, ZERROR_STATE, "the host's object is not there any more");
    *out = zvalue_object(entry->object, ZTAG_HOST);
    return true;
}

bool zhost_object_prepare(struct zisolate *iso, uint64_t bytes)
{
    if (!ensure_table(iso)) return false;
    struct zhost_objects *objects = objects_of(iso);
    if (!has_room(objects) && !grow(iso, objects)) return false;
    return zheap_charge(&iso->heap, bytes) || zerror_raise_memory(iso);
}

void zhost_object_attach(struct zisolate *iso, struct zobject *object, const zvm_host_kind *kind,
                         void *pointer, uint64_t bytes)
{
    struct zhost_objects *objects = objects_of(iso);
    uint32_t index = take_entry(objects);
    struct entry *entry = &objects->entries[index];
    entry->object = object;
    entry->kind = kind;
    entry->pointer = pointer;
    entry->bytes = bytes;
    object->aux = index;
}

static bool make(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    if (!zhost_object_prepare(iso, value->host_bytes)) return false;
    struct zhost_object *object = zheap_new(&iso->heap, ZTYPE_HOST, sizeof *object, 0);
    if (object == NULL) {
        zheap_uncharge(&iso->heap, value->host_bytes);
        return zerror_raise_memory(iso);
    }
    object->reserved = 0;
    zhost_object_attach(iso, &object->header, value->host_kind, value->pointer, value->host_bytes);
    *out = zvalue_object(object, ZTAG_HOST);
    return true;
}

bool zhost_object_in(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    return value->host_id != 0 ? find(iso, value, out) : make(iso, value, out);
}

zvm_value zhost_object_out(const struct zisolate *iso, const struct zhost_object *object)
{
    const struct zhost_objects *objects = objects_of(iso);
    const struct entry *entry = &objects->entries[object->header.aux];
    return (zvm_value){.kind = ZVM_VALUE_HOST,
                       .host_kind = entry->kind,
                       .pointer = entry->pointer,
                       .host_bytes = entry->bytes,
                       .host_id = id_of(objects, object->header.aux)};
}

const char *zhost_object_kind(const struct zisolate *iso, const struct zhost_object *object)
{
    return objects_of(iso)->entries[object->header.aux].kind->name;
}

static void finalize(const zvm_host_kind *kind, void *pointer)
{
    if (kind->finalize != NULL) kind->finalize(pointer, kind->user);
}

void zhost_object_drop(const zvm_value *value)
{
    if (value->kind == ZVM_VALUE_HOST && value->host_id == 0)
        finalize(value->host_kind, value->pointer);
}

// ---- For the collector ----------------------------------------------------------------------------

static void let_wait(struct zhost_objects *objects, uint32_t index)
{
    objects->entries[index].object = NULL;
    objects->entries[index].next = NONE;
    if (objects->waiting_last == NONE)
        objects->waiting = index;
    else
        objects->entries[objects->waiting_last].next = index;
    objects->waiting_last = index;
}

bool zhost_objects_prune(struct zisolate *iso, struct zwork *work)
{
    struct zhost_objects *objects = objects_of(iso);
    if (objects == NULL) return true;
    for (; objects->prune_at < objects->count; objects->prune_at++) {
        if (!zwork_is_left(work)) return false;
        work->words++;
        const struct zobject *object = objects->entries[objects->prune_at].object;
        if (object != NULL && zheap_is_dead(&iso->heap, object))
            let_wait(objects, objects->prune_at);
    }
    objects->prune_at = 0;
    return true;
}

static void finish_first(struct zisolate *iso, struct zhost_objects *objects)
{
    uint32_t index = objects->waiting;
    struct entry gone = objects->entries[index];
    objects->waiting = gone.next;
    if (objects->waiting == NONE) objects->waiting_last = NONE;
    free_entry(objects, index);
    finalize(gone.kind, gone.pointer);
    zheap_uncharge(&iso->heap, gone.bytes);
}

void zhost_objects_finish(struct zisolate *iso)
{
    struct zhost_objects *objects = objects_of(iso);
    if (objects == NULL || objects->is_finishing) return;
    objects->is_finishing = true;
    while (objects->waiting != NONE)
        finish_first(iso, objects);
    objects->is_finishing = false;
}

void zhost_objects_free(struct zisolate *iso)
{
    struct zhost_objects *objects = objects_of(iso);
    if (objects == NULL) return;
    for (uint32_t i = 0; i < objects->count; i++)
        if (objects->entries[i].object != NULL) let_wait(objects, i);
    zhost_objects_finish(iso);
    size_t bytes = objects->capacity * sizeof *objects->entries;
    z_free(objects->entries, bytes);
    z_free(objects, sizeof *objects);
    zheap_uncharge(&iso->heap, bytes + sizeof *objects);
    iso->extra->host_objects = NULL;
}
