// heap/mm_internal.h - the parts of a memory manager. Owner-thread, all of it.
#ifndef ZVM_HEAP_MM_INTERNAL_H
#define ZVM_HEAP_MM_INTERNAL_H

#ifndef ZVM_HEAP_INTERNAL
#    error "mm_internal.h is private to src/heap and its tests"
#endif

#include "base/atomic.h"
#include "heap/heap_internal.h"
#include "heap/mm.h"

#define ZMM_WORD_BYTES    8u   // of an object, see zmm_word
#define ZMM_INLINE_FIELDS 225u // more go to a list, whose payload is outside
#define ZMM_FIELDS_MAX    (1u << 26)

// An object knows its entry, and when it was made: both in one word, see zmm_word.
struct zmm_entry {
    struct zobject *object; // NULL: the entry is free, or its finalizer waits
    uint32_t generation;    // goes up when the object goes; one that is used up stays out of use
    union {
        uint32_t root; // live: place in roots; ZMM_NONE: no root
        uint32_t next; // free or waiting: the next such entry
    };
};

_Static_assert(sizeof(struct zmm_entry) == 16, "four entries a cache line");

#define ZMM_INDEX_BITS  30u
#define ZMM_ENTRIES_MAX (1u << ZMM_INDEX_BITS)
// Entries stand in chunks that never move, but for the first, which grows until it is whole.
#define ZMM_CHUNK_ORDER   (ZHEAP_TINY ? ZSPAN_1 : ZSPAN_16)
#define ZMM_CHUNK_BITS    (ZHEAP_TINY ? 6u : 10u)
#define ZMM_CHUNK_ENTRIES (1u << ZMM_CHUNK_BITS)
// Time is kept in these units, since the manager was made and modulo 2^34 of them: 2.2 years.
#define ZMM_TICK_NS_BITS 22u
// So many calls that make objects, one right after the other, share a look at the clock; see mm_entry.c.
#define ZMM_LOOK_SHARED_MAX 32u

struct zmm_root {
    uint32_t index; // of its entry
    uint32_t count; // times that it was added
};

struct zmm_finalizer {
    zvm_mm_finalizer_fn function; // NULL: none
    void *user;
};

struct zmm_index_list {
    uint32_t *items;
    uint32_t count, capacity;
};

struct zmm_root_list {
    struct zmm_root *items;
    uint32_t count, capacity;
};

struct zmm {
    struct zmm_front front;
    uint64_t nonce; // in every handle of this manager
    struct zspan_pool *pool;
    struct zheap_env *env;
    void *page;
    struct zheap heap;

    struct zmm_entry **chunks; // [chunk_count]
    uint32_t chunk_count, chunk_capacity;
    uint32_t entry_count, entry_capacity;
    struct zmm_finalizer *finalizers; // NULL until the first; by entry
    uint32_t finalizer_capacity;
    uint32_t free_entry;          // first free entry; ZMM_NONE: none
    uint32_t waiting_last;        // of those that begin at front.waiting_first
    struct zmm_root_list roots;   // in any order
    struct zmm_index_list scoped; // what was made in the open scopes, oldest first
    uint32_t scope_depth;
    struct zobject *tombstones; // linked through the cells
    struct zobject *unpruned;   // those that the pruning under way has still to look at
    uint64_t tombstone_count;
    uint32_t prune_at; // entry
    bool is_pruning_tombstones;

    // Tombstones count as freed. What lives is the difference, and only grows while nothing is freed.
    uint64_t allocated_count, allocated_bytes;
    uint64_t freed_count, freed_bytes;
    uint64_t live_peak_bytes; // as of the last time that something was freed
    uint64_t deallocated_count, finalized_count;

    uint64_t made_ns;      // the manager itself
    uint64_t looked_ns;    // at the clock
    uint64_t stamp;        // of that time, in its place in a word
    uint32_t looks_left;   // calls that may take it for now
    uint32_t looks_shared; // how many may, after the next look

    zvm_mm_history_entry *history; // ring of history_capacity
    uint32_t history_capacity, history_next;
    uint64_t history_count; // since creation
    bool is_finalizing, is_destroying;
    bool tells_nobody; // of what goes: there is no history, and there was no finalizer yet
};

// What every call does stands here, so that it is part of the call.

static inline struct zmm_entry *zmm_entry(const struct zmm *mm, uint32_t index)
{
    return &mm->chunks[index >> ZMM_CHUNK_BITS][index & (ZMM_CHUNK_ENTRIES - 1)];
}

static inline uint64_t zmm_live_bytes(const struct zmm *mm)
{
    return mm->allocated_bytes - mm->freed_bytes;
}

static inline uint64_t zmm_live_count(const struct zmm *mm)
{
    return mm->allocated_count - mm->freed_count;
}

static inline zvm_handle zmm_handle(const struct zmm *mm, uint32_t index)
{
    return (zvm_handle){mm->nonce, index, zmm_entry(mm, index)->generation};
}

// The entry of a live object: that of handle.index.
static inline zvm_status zmm_resolve(const struct zmm *mm, zvm_handle handle,
                                     struct zmm_entry **out)
{
    if (handle.manager != mm->nonce) return ZVM_E_FOREIGN;
    if (handle.index >= mm->entry_count) return ZVM_E_FOREIGN; // nobody was given it
    struct zmm_entry *entry = zmm_entry(mm, handle.index);
    if (entry->object == NULL || entry->generation != handle.generation) return ZVM_E_STALE;
    // Dead, and the collection under way has not got to its entry yet.
    const struct zheap_more *more = zheap_more(&mm->heap);
    bool is_pruned = more != NULL && more->cycle.phase == ZPHASE_PRUNE;
    if (ZVM_UNLIKELY(is_pruned) && zheap_is_dead(&mm->heap, entry->object)) return ZVM_E_STALE;
    *out = entry;
    return ZVM_OK;
}

// Before anything is freed.
static inline void zmm_note_peak(struct zmm *mm)
{
    uint64_t live = zmm_live_bytes(mm);
    if (live > mm->live_peak_bytes) mm->live_peak_bytes = live;
}

// mm_clock.c
void zmm_look(struct zmm *mm);
uint64_t zmm_age_ns(const struct zmm *mm, const struct zobject *object);

// Another call than one that makes an object: the next that does looks at the clock.
static inline void zmm_end_look(struct zmm *mm)
{
    mm->looks_left = 0;
}

static inline void zmm_look_once(struct zmm *mm)
{
    zmm_look(mm);
    zmm_end_look(mm);
}

// mm_entry.c
static inline struct zvalue zmm_value(const struct zobject *object)
{
    return zvalue_object(object, ZTAG_HEAP | object->kind);
}

zvm_status zmm_grow_entries(struct zmm *mm);
void zmm_free_entries(struct zmm *mm);
static inline bool zmm_has_entry(const struct zmm *mm)
{
    return mm->free_entry != ZMM_NONE || mm->entry_count < mm->entry_capacity;
}

// One must be there.
static inline zvm_handle zmm_take_entry(struct zmm *mm, struct zobject *object)
{
    uint32_t index = mm->free_entry;
    struct zmm_entry *entry;
    if (index != ZMM_NONE) {
        entry = zmm_entry(mm, index);
        mm->free_entry = entry->next;
    } else {
        ZVM_ASSERT(mm->entry_count < mm->entry_capacity);
        index = mm->entry_count++;
        entry = zmm_entry(mm, index);
        entry->generation = 1;
    }
    entry->object = object;
    entry->root = ZMM_NONE;
    return (zvm_handle){mm->nonce, index, entry->generation};
}

static inline void zmm_free_entry(struct zmm *mm, struct zmm_entry *entry, uint32_t index)
{
    if (ZVM_UNLIKELY(entry->generation == UINT32_MAX)) return;
    entry->generation++;
    entry->next = mm->free_entry;
    mm->free_entry = index;
}

void zmm_drop_entry_slow(struct zmm *mm, struct zmm_entry *entry, uint32_t index);
// The object is gone.
static inline void zmm_drop_entry(struct zmm *mm, struct zmm_entry *entry, uint32_t index)
{
    if (entry->root != ZMM_NONE || !mm->tells_nobody) {
        zmm_drop_entry_slow(mm, entry, index);
        return;
    }
    entry->object = NULL;
    zmm_free_entry(mm, entry, index);
}

zvm_status zmm_reserve_index(struct zmm *mm, struct zmm_index_list *list);
void zmm_free_array(struct zmm *mm, void *array, size_t bytes);
// A charged array with room for one element more; false with the status of the refusal.
zvm_status zmm_grow(struct zmm *mm, void **array, uint32_t *capacity, size_t element_bytes);
zvm_status zmm_refusal_status(struct zmm *mm);

// mm.c
void zmm_forget_root(struct zmm *mm, struct zmm_entry *entry);

// mm_object.c
// Where an object has its index, and its stamp above that; a tombstone has the next tombstone there.
uint64_t *zmm_owner_word(struct zobject *object);
static inline uint64_t *zmm_word(struct zobject *object)
{
    if (object->kind != ZTYPE_NODE && object->kind != ZTYPE_BUFFER) return zmm_owner_word(object);
    _Static_assert(offsetof(struct znode, slots) == offsetof(struct zbuffer, data),
                   "nodes and buffers have it in the same place");
    return ((struct znode *)(void *)object)->slots;
}

static inline uint32_t zmm_index_of(const struct zobject *object)
{
    return (uint32_t)*zmm_word((struct zobject *)(uintptr_t)object) & (ZMM_ENTRIES_MAX - 1);
}

bool zmm_is_tombstone(const struct zobject *object);
uint64_t zmm_owner_bytes(const struct zmm *mm, const struct zobject *object);
static inline uint64_t zmm_cell_bytes(const struct zmm *mm, const void *object)
{
    const struct zpage *page = zpage_at(object);
    if (ZVM_LIKELY(page->class != ZPAGE_CLASS_MIXED)) return zheap_class_bytes[page->class];
    return zheap_cell_bytes(&mm->heap, object);
}

static inline bool zmm_has_payload(const struct zobject *object)
{
    return object->kind == ZTYPE_LIST || object->kind == ZTYPE_STRBUF;
}

static inline uint64_t zmm_object_bytes(const struct zmm *mm, const struct zobject *object)
{
    return zmm_has_payload(object) ? zmm_owner_bytes(mm, object) : zmm_cell_bytes(mm, object);
}

uint32_t zmm_field_count(const struct zobject *object);
struct zobject *zmm_field_object(const struct zobject *object,
                                 uint32_t field); // NULL: no reference
void zmm_empty_owner(struct zmm *mm, struct zobject *object);
static inline void zmm_bury(struct zmm *mm, struct zobject *object)
{
    if (zmm_has_payload(object)) zmm_empty_owner(mm, object);
    object->aux = 0;
    *zmm_word(object) = (uintptr_t)mm->tombstones;
    mm->tombstones = object;
    mm->tombstone_count++;
}

bool zmm_prune_tombstones(struct zmm *mm, struct zwork *work); // false: the work ran out

// mm_history.c
void zmm_remember(struct zmm *mm, zvm_mm_event event, zvm_handle handle, uint64_t bytes);
static inline void zmm_note(struct zmm *mm, zvm_mm_event event, zvm_handle handle, uint64_t bytes)
{
    if (ZVM_UNLIKELY(mm->history_capacity != 0)) zmm_remember(mm, event, handle, bytes);
}

#endif // ZVM_HEAP_MM_INTERNAL_H
