// heap/mm_entry.c - the handle table of a memory manager, and the arrays beside it.
//
// Owns: the entries. Thread: owner.
// Invariants:  1. an entry is live (object set), waiting (its finalizer is to be called) or free.
//              2. a generation belongs to one object for ever: it goes up when the entry is freed,
//                 and an entry that has used up its generations is never used again.
// How: free entries are a list through `next`, taken from the front: constant time, and the index
// given back last is used first. What takes an entry has no finalizer. The table is a list of chunks, each
// a span of pages like those of objects: no entry is copied when it grows, and its memory is as warm as
// theirs. Chunks and arrays are charged to the heap, so that the limit holds for handles as for objects.
#define ZVM_HEAP_INTERNAL
#include "heap/mm_internal.h"

#include "base/alloc.h"

enum { ELEMENTS_FIRST = ZHEAP_TINY ? 1 : 16 };

zvm_status zmm_refusal_status(struct zmm *mm)
{
    struct zheap_refusal refusal = zheap_refusal(&mm->heap);
    return refusal.reason == ZHEAP_REFUSED_LIMIT ? ZVM_E_HEAP_LIMIT : ZVM_E_NOMEM;
}

zvm_status zmm_grow(struct zmm *mm, void **array, uint32_t *capacity, size_t element_bytes)
{
    if (*capacity > UINT32_MAX / 2) return ZVM_E_LIMIT;
    uint32_t larger = *capacity == 0 ? ELEMENTS_FIRST : *capacity * 2;
    size_t old_bytes = *capacity * element_bytes, new_bytes = larger * element_bytes;
    if (!zheap_charge(&mm->heap, new_bytes - old_bytes)) return zmm_refusal_status(mm);
    void *grown = z_resize(*array, old_bytes, new_bytes);
    if (grown == NULL) {
        zheap_uncharge(&mm->heap, new_bytes - old_bytes);
        return ZVM_E_NOMEM;
    }
    *array = grown;
    *capacity = larger;
    return ZVM_OK;
}

zvm_status zmm_reserve_index(struct zmm *mm, struct zmm_index_list *list)
{
    if (list->count < list->capacity) return ZVM_OK;
    void *items = list->items;
    zvm_status status = zmm_grow(mm, &items, &list->capacity, sizeof list->items[0]);
    list->items = items;
    return status;
}

void zmm_free_array(struct zmm *mm, void *array, size_t bytes)
{
    z_free(array, bytes);
    zheap_uncharge(&mm->heap, bytes);
}

// ---- Chunks -----------------------------------------------------------------------------------

_Static_assert(ZMM_CHUNK_ENTRIES * sizeof(struct zmm_entry) ==
                   (ZHEAP_TINY ? 1 : 16) * (size_t)ZPAGE_BYTES,
               "a chunk is a span");

static uint32_t entries_of(uint32_t order)
{
    return zspan_pages(order) * (uint32_t)(ZPAGE_BYTES / sizeof(struct zmm_entry));
}

static zvm_status acquire_chunk(struct zmm *mm, uint32_t order, struct zmm_entry **out)
{
    size_t bytes = (size_t)zspan_pages(order) * ZPAGE_BYTES;
    if (!zheap_charge(&mm->heap, bytes)) return zmm_refusal_status(mm);
    struct zpage *span = zspan_acquire(mm->env, order);
    if (span == NULL) {
        zheap_uncharge(&mm->heap, bytes);
        return ZVM_E_NOMEM;
    }
    *span =
        (struct zpage){.class = ZPAGE_CLASS_MIXED, .order = (uint8_t)order, .state = ZPAGE_IN_HEAP};
    *out = (void *)zpage_base(span);
    return ZVM_OK;
}

static void release_chunk(struct zmm *mm, struct zmm_entry *chunk)
{
    struct zpage *span = zpage_at(chunk);
    zheap_uncharge(&mm->heap, (size_t)zspan_pages(span->order) * ZPAGE_BYTES);
    zspan_release(mm->env, span);
}

// One that is not whole is the only one.
static zvm_status grow_first_chunk(struct zmm *mm)
{
    struct zmm_entry *larger, *old = mm->chunks[0];
    uint32_t order = zpage_at(old)->order + 1u;
    zvm_status status = acquire_chunk(mm, order, &larger);
    if (status != ZVM_OK) return status;
    memcpy(larger, old, mm->entry_capacity * sizeof *old);
    mm->chunks[0] = larger;
    mm->entry_capacity = entries_of(order);
    release_chunk(mm, old);
    return ZVM_OK;
}

static zvm_status add_chunk(struct zmm *mm)
{
    if (mm->chunk_count == mm->chunk_capacity) {
        void *chunks = mm->chunks;
        zvm_status status = zmm_grow(mm, &chunks, &mm->chunk_capacity, sizeof mm->chunks[0]);
        mm->chunks = chunks;
        if (status != ZVM_OK) return status;
    }
    uint32_t order = mm->chunk_count == 0 ? ZSPAN_1 : ZMM_CHUNK_ORDER;
    zvm_status status = acquire_chunk(mm, order, &mm->chunks[mm->chunk_count]);
    if (status != ZVM_OK) return status;
    mm->chunk_count++;
    mm->entry_capacity += entries_of(order);
    return ZVM_OK;
}

zvm_status zmm_grow_entries(struct zmm *mm)
{
    if (mm->entry_capacity >= ZMM_ENTRIES_MAX) return ZVM_E_LIMIT;
    bool is_whole = mm->entry_capacity % ZMM_CHUNK_ENTRIES == 0;
    return is_whole ? add_chunk(mm) : grow_first_chunk(mm);
}

void zmm_free_entries(struct zmm *mm)
{
    for (uint32_t i = 0; i < mm->chunk_count; i++)
        release_chunk(mm, mm->chunks[i]);
    zmm_free_array(mm, mm->chunks, mm->chunk_capacity * sizeof mm->chunks[0]);
}

static bool has_finalizer(const struct zmm *mm, uint32_t index)
{
    return index < mm->finalizer_capacity && mm->finalizers[index].function != NULL;
}

// The entry of an object with a finalizer keeps its generation until that has been called with it.
void zmm_drop_entry_slow(struct zmm *mm, struct zmm_entry *entry, uint32_t index)
{
    entry->object = NULL;
    if (entry->root != ZMM_NONE) zmm_forget_root(mm, entry);
    if (!has_finalizer(mm, index)) {
        zmm_free_entry(mm, entry, index);
        return;
    }
    entry->next = ZMM_NONE;
    if (mm->waiting_last == ZMM_NONE)
        mm->front.waiting_first = index;
    else
        zmm_entry(mm, mm->waiting_last)->next = index;
    mm->waiting_last = index;
}

// ---- Finalizers -------------------------------------------------------------------------------

// Calls what waits, in the order in which the objects went. What a finalizer does may add more.
void zmm_finish_slow(struct zmm *mm)
{
    if (mm->is_finalizing) return;
    mm->is_finalizing = true;
    while (mm->front.waiting_first != ZMM_NONE) {
        uint32_t index = mm->front.waiting_first;
        struct zmm_entry *entry = zmm_entry(mm, index);
        mm->front.waiting_first = entry->next;
        if (mm->front.waiting_first == ZMM_NONE) mm->waiting_last = ZMM_NONE;
        struct zmm_finalizer finalizer = mm->finalizers[index];
        zvm_handle handle = zmm_handle(mm, index);
        mm->finalizers[index].function = NULL;
        zmm_free_entry(mm, entry, index);
        mm->finalized_count++;
        finalizer.function(finalizer.user, handle);
    }
    mm->is_finalizing = false;
}

static zvm_status reserve_finalizers(struct zmm *mm, uint32_t index)
{
    while (index >= mm->finalizer_capacity) {
        uint32_t old = mm->finalizer_capacity;
        void *finalizers = mm->finalizers;
        zvm_status status =
            zmm_grow(mm, &finalizers, &mm->finalizer_capacity, sizeof mm->finalizers[0]);
        mm->finalizers = finalizers;
        if (status != ZVM_OK) return status;
        mm->tells_nobody = false;
        memset(&mm->finalizers[old], 0, (mm->finalizer_capacity - old) * sizeof mm->finalizers[0]);
    }
    return ZVM_OK;
}

zvm_status zmm_set_finalizer(struct zmm *mm, zvm_handle handle, zvm_mm_finalizer_fn finalizer,
                             void *user)
{
    struct zmm_entry *entry;
    uint32_t index = handle.index;
    zvm_status status = zmm_resolve(mm, handle, &entry);
    if (status != ZVM_OK) return status;
    if (finalizer == NULL && index >= mm->finalizer_capacity) return ZVM_OK;
    // Making room may collect, and nothing else may keep the object yet.
    struct zvalue kept = zmm_value(entry->object);
    struct zscope scope;
    zscope_open(&mm->heap, &scope, &kept, 1);
    status = reserve_finalizers(mm, index);
    zscope_close(&mm->heap, &scope);
    if (status != ZVM_OK) return status;
    mm->finalizers[index] = (struct zmm_finalizer){finalizer, user};
    return ZVM_OK;
}
