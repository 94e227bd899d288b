// heap/mm_internal.h - the parts of a memory manager. Owner-thread, all of it.
#ifndef ZVM_HEAP_MM_INTERNAL_H
#define ZVM_HEAP_MM_INTERNAL_H

#ifndef ZVM_HEAP_INTERNAL
#    error "mm_internal.h is private to src/heap and its tests"
#endif

#include "base/atomic.h"
#include "heap/heap_internal.h"
#include "heap/mm.h"

#define ZMM_INLINE_FIELDS 225u // more go to a list, whose payload is outside
#define ZMM_FIELDS_MAX    (1u << 26)
#define ZMM_NONE          UINT32_MAX

struct zmm_entry {
    struct zobject *object; // NULL: the entry is free, or its finalizer waits
    uint64_t made_ns;
    uint32_t
        generation; // goes up when the object goes; an entry whose generations are used up stays out
    uint32_t next;  // free or waiting: the next such entry
    uint32_t root;  // place in roots; ZMM_NONE: no root
    uint32_t root_count; // times that it was added
};

struct zmm_finalizer {
    zvm_mm_finalizer_fn function; // NULL: none
    void *user;
};

struct zmm_index_list {
    uint32_t *items;
    uint32_t count, capacity;
};

struct zmm {
    _Atomic uint64_t owner; // the thread; written by it, read by any that calls by mistake
    uint64_t nonce;         // in every handle of this manager
    struct zspan_pool *pool;
    struct zheap_env *env;
    void *block;
    struct zheap heap;

    struct zmm_entry *entries;
    struct zmm_finalizer *finalizers; // NULL until the first; as many as there are entries
    uint32_t entry_count, entry_capacity, finalizer_capacity;
    uint32_t free_entry;                  // first free entry; ZMM_NONE: none
    uint32_t waiting_first, waiting_last; // entries whose finalizer is to be called
    struct zmm_index_list roots;          // entries, in any order
    struct zmm_index_list scoped;         // what was made in the open scopes, oldest first
    uint32_t scope_depth;
    struct zobject *tombstones; // linked through the cells
    struct zobject *unpruned;   // those that the pruning under way has still to look at
    uint64_t tombstone_count;
    uint32_t prune_at; // entry
    bool is_pruning_tombstones;

    uint64_t live_count, live_bytes, live_peak_bytes; // tombstones not counted
    uint64_t allocated_count, allocated_bytes, deallocated_count;
    uint64_t finalized_count;

    zvm_mm_history_entry *history; // ring of history_capacity
    uint32_t history_capacity;
    uint64_t history_count; // since creation
    bool is_finalizing, is_destroying;
};

// What every call does stands here, so that it is part of the call.

static inline zvm_handle zmm_handle(const struct zmm *mm, uint32_t index)
{
    return (zvm_handle){mm->nonce, index, mm->entries[index].generation};
}

static inline zvm_status zmm_resolve(const struct zmm *mm, zvm_handle handle, uint32_t *index)
{
    if (handle.manager != mm->nonce) return ZVM_E_FOREIGN;
    if (handle.index >= mm->entry_count) return ZVM_E_FOREIGN; // nobody was given it
    const struct zmm_entry *entry = &mm->entries[handle.index];
    if (entry->object == NULL || entry->generation != handle.generation) return ZVM_E_STALE;
    // Dead, and the collection under way has not got to its entry yet.
    const struct zheap_more *more = zheap_more(&mm->heap);
    bool is_pruned = more != NULL && more->cycle.phase == ZPHASE_PRUNE;
    if (ZVM_UNLIKELY(is_pruned) && zheap_is_dead(&mm->heap, entry->object)) return ZVM_E_STALE;
    *index = handle.index;
    return ZVM_OK;
}

// mm_entry.c
struct zvalue zmm_value(const struct zmm *mm, uint32_t index); // of a live entry
zvm_status zmm_grow_entries(struct zmm *mm);
static inline zvm_status zmm_reserve_entry(struct zmm *mm)
{
    if (mm->free_entry != ZMM_NONE || mm->entry_count < mm->entry_capacity) return ZVM_OK;
    return zmm_grow_entries(mm);
}
uint32_t zmm_take_entry(struct zmm *mm, struct zobject *object); // after a reserve
void zmm_drop_entry(struct zmm *mm, uint32_t index);             // the object is gone
zvm_status zmm_reserve_index(struct zmm *mm, struct zmm_index_list *list);
void zmm_free_index_list(struct zmm *mm, struct zmm_index_list *list);
// A charged array with room for one element more; false with the status of the refusal.
zvm_status zmm_grow(struct zmm *mm, void **array, uint32_t *capacity, size_t element_bytes);
zvm_status zmm_refusal_status(struct zmm *mm);

// mm.c
void zmm_forget_root(struct zmm *mm, uint32_t index);

// mm_object.c
uint32_t zmm_index_of(const struct zobject *object);
bool zmm_is_tombstone(const struct zobject *object);
uint64_t zmm_owner_bytes(const struct zmm *mm, const struct zobject *object);
static inline uint64_t zmm_cell_bytes(const struct zmm *mm, const void *object)
{
    const struct zpage *page = zpage_at(object);
    if (ZVM_LIKELY(page->class != ZPAGE_CLASS_MIXED)) return zheap_class_bytes[page->class];
    return zheap_cell_bytes(&mm->heap, object);
}

static inline uint64_t zmm_object_bytes(const struct zmm *mm, const struct zobject *object)
{
    bool is_owner = object->kind == ZTYPE_LIST || object->kind == ZTYPE_STRBUF;
    return is_owner ? zmm_owner_bytes(mm, object) : zmm_cell_bytes(mm, object);
}

uint32_t zmm_field_count(const struct zobject *object);
struct zobject *zmm_field_object(const struct zobject *object,
                                 uint32_t field); // NULL: no reference
void zmm_bury(struct zmm *mm, struct zobject *object);
bool zmm_prune_tombstones(struct zmm *mm, struct zwork *work); // false: the work ran out

// mm_history.c
void zmm_remember(struct zmm *mm, zvm_mm_event event, zvm_handle handle, uint64_t bytes);
static inline void zmm_note(struct zmm *mm, zvm_mm_event event, zvm_handle handle, uint64_t bytes)
{
    if (ZVM_UNLIKELY(mm->history_capacity != 0)) zmm_remember(mm, event, handle, bytes);
}

#endif // ZVM_HEAP_MM_INTERNAL_H
