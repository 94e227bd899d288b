// heap/mm_leaks.c - objects of a memory manager that are old, and what keeps them.
//
// Owns: nothing beyond one call. Thread: owner; nothing is allocated in the heap meanwhile.
// How: a breadth-first walk from the roots and the scoped objects notes for each object the one that
// it was reached from, so the path that is given is a shortest one. Then every handle is looked at.
#define ZVM_HEAP_INTERNAL
#include "heap/mm_internal.h"

#include "base/alloc.h"

#define UNSEEN    UINT32_MAX
#define FROM_ROOT (UINT32_MAX - 1)

struct walk {
    struct zmm *mm;
    uint32_t *parents; // [entry_count]: index, UNSEEN or FROM_ROOT
    uint32_t *queue;   // [entry_count]
    uint32_t head, tail;
    zvm_handle *path; // [path_capacity]
    uint32_t path_capacity;
};

static void see(struct walk *walk, uint32_t index, uint32_t parent)
{
    if (walk->parents[index] != UNSEEN) return;
    walk->parents[index] = parent;
    walk->queue[walk->tail++] = index;
}

static void see_kept(struct walk *walk)
{
    const struct zmm *mm = walk->mm;
    for (uint32_t i = 0; i < mm->roots.count; i++)
        see(walk, mm->roots.items[i].index, FROM_ROOT);
    for (uint32_t i = 0; i < mm->scoped.count; i++)
        if (zmm_entry(mm, mm->scoped.items[i])->object != NULL)
            see(walk, mm->scoped.items[i], FROM_ROOT);
}

static void see_fields(struct walk *walk, uint32_t index)
{
    const struct zobject *object = zmm_entry(walk->mm, index)->object;
    uint32_t count = zmm_field_count(object);
    for (uint32_t i = 0; i < count; i++) {
        const struct zobject *target = zmm_field_object(object, i);
        if (target != NULL && !zmm_is_tombstone(target)) see(walk, zmm_index_of(target), index);
    }
}

static void walk_all(struct walk *walk)
{
    memset(walk->parents, 0xff, walk->mm->entry_count * sizeof walk->parents[0]);
    see_kept(walk);
    while (walk->head < walk->tail)
        see_fields(walk, walk->queue[walk->head++]);
}

// The path from a root to index; false: no memory for it.
static bool find_path(struct walk *walk, uint32_t index, uint32_t *length)
{
    *length = 0;
    if (walk->parents[index] == UNSEEN) return true;
    for (uint32_t i = index; i != FROM_ROOT; i = walk->parents[i])
        ++*length;
    if (*length > walk->path_capacity) {
        size_t old_bytes = walk->path_capacity * sizeof walk->path[0];
        zvm_handle *path = z_resize(walk->path, old_bytes, *length * sizeof walk->path[0]);
        if (path == NULL) return false;
        walk->path = path;
        walk->path_capacity = *length;
    }
    uint32_t place = *length;
    for (uint32_t i = index; i != FROM_ROOT; i = walk->parents[i])
        walk->path[--place] = zmm_handle(walk->mm, i);
    return true;
}

static zvm_status tell_all(struct walk *walk, uint64_t min_age_ns, zvm_mm_leak_fn found,
                           void *context)
{
    struct zmm *mm = walk->mm;
    for (uint32_t i = 0; i < mm->entry_count; i++) {
        if (zmm_entry(mm, i)->object == NULL) continue;
        zvm_mm_leak leak = {.handle = zmm_handle(mm, i)};
        (void)zmm_info(mm, leak.handle, &leak.info);
        leak.info.size = sizeof leak.info;
        if (leak.info.is_root || leak.info.age_ns < min_age_ns) continue;
        if (!find_path(walk, i, &leak.path_length)) return ZVM_E_NOMEM;
        leak.is_reachable = leak.path_length > 0;
        leak.path = walk->path;
        if (!found(context, &leak)) break;
    }
    return ZVM_OK;
}

zvm_status zmm_find_leaks(struct zmm *mm, uint64_t min_age_ns, zvm_mm_leak_fn found, void *context)
{
    zheap_settle(&mm->heap);
    if (mm->entry_count == 0) return ZVM_OK;
    size_t bytes = mm->entry_count * sizeof(uint32_t);
    struct walk walk = {.mm = mm, .parents = z_alloc(bytes), .queue = z_alloc(bytes)};
    zvm_status status = ZVM_E_NOMEM;
    if (walk.parents != NULL && walk.queue != NULL) {
        walk_all(&walk);
        status = tell_all(&walk, min_age_ns, found, context);
    }
    z_free(walk.path, walk.path_capacity * sizeof walk.path[0]);
    if (walk.parents != NULL) z_free(walk.parents, bytes);
    if (walk.queue != NULL) z_free(walk.queue, bytes);
    return status;
}
