// heap/mm.c - a memory manager: its life, its roots and scopes, collections, figures.
//
// Owns: the heap, the pool and the env under it. Thread: owner (see mm.h).
// Invariants:  1. roots holds each root once; an entry knows its place there.
//              2. scoped holds what was made in open scopes, in order; a deallocated object leaves
//                 its place behind, which a later object with the same index may share: a root too
//                 many at worst, until the scope closes.
// How: the heap asks for the roots, and tells after marking that what it has not reached goes
// (prune_weak). Finalizers are called at the end of the call in which their objects went, when the
// heap is whole again.
#define ZVM_HEAP_INTERNAL
#include "heap/mm_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/siphash.h"

// ---- Hooks of the heap --------------------------------------------------------------------------

// Told to the marker so many at once: a call of zmark_values scans what it marks before it goes on, so a
// long list of roots does not make the mark stack long.
enum { VALUES_AT_ONCE = 64 };

struct values {
    struct zmarker *marker;
    struct zvalue items[VALUES_AT_ONCE];
    uint32_t count;
};

static void flush(struct values *values)
{
    zmark_values(values->marker, values->items, values->count);
    values->count = 0;
}

static inline void add_value(struct values *values, const struct zmm *mm, uint32_t index)
{
    const struct zobject *object = zmm_entry(mm, index)->object;
    if (object == NULL) return;
    values->items[values->count++] = zmm_value(object);
    if (values->count == VALUES_AT_ONCE) flush(values);
}

static void mark_roots(void *context, struct zmarker *marker)
{
    const struct zmm *mm = context;
    struct values values;
    values.marker = marker;
    values.count = 0;
    for (uint32_t i = 0; i < mm->roots.count; i++)
        add_value(&values, mm, mm->roots.items[i].index);
    for (uint32_t i = 0; i < mm->scoped.count; i++)
        add_value(&values, mm, mm->scoped.items[i]);
    flush(&values);
}

// The peak is noted.
static inline void forget(struct zmm *mm, struct zmm_entry *entry, uint32_t index,
                          zvm_mm_event event)
{
    uint64_t bytes = zmm_object_bytes(mm, entry->object);
    mm->freed_count++;
    mm->freed_bytes += bytes;
    zmm_note(mm, event, zmm_handle(mm, index), bytes);
    zmm_drop_entry(mm, entry, index);
}

// ---- Entries of the dead ------------------------------------------------------------------------

static void prune_any(struct zmm *mm, uint32_t end)
{
    for (uint32_t i = mm->prune_at; i < end; i++) {
        struct zmm_entry *entry = zmm_entry(mm, i);
        if (entry->object != NULL && zheap_is_dead(&mm->heap, entry->object))
            forget(mm, entry, i, ZVM_MM_COLLECTED);
    }
}

// The same where nobody is told: what zheap_is_dead looks up, sums and the list stay in registers, which
// takes less than half the time. A dead object is no root.
static void prune_plain(struct zmm *mm, uint32_t end)
{
    const struct zheap_more *more = zheap_more(&mm->heap);
    bool has_turns = more != NULL && !more->cycle.is_minor;
    uint8_t turn = more != NULL ? more->cycle.turn : 0;
    uint64_t count = 0, bytes = 0;
    uint32_t free_entry = mm->free_entry;
    for (uint32_t i = mm->prune_at; i < end; i++) {
        struct zmm_entry *entry = zmm_entry(mm, i);
        const struct zobject *object = entry->object;
        if (object == NULL || zheap_is_marked(object)) continue;
        if (has_turns && zpage_at(object)->turn == turn) continue; // made since
        ZVM_ASSERT(zheap_is_dead(&mm->heap, object));
        ZVM_ASSERT(entry->root == ZMM_NONE);
        count++;
        bytes += zmm_object_bytes(mm, object);
        entry->object = NULL;
        if (ZVM_UNLIKELY(entry->generation == UINT32_MAX)) continue;
        entry->generation++;
        entry->next = free_entry;
        free_entry = i;
    }
    mm->free_entry = free_entry;
    mm->freed_count += count;
    mm->freed_bytes += bytes;
}

// Until its turn has come, the handle of a dead object is stale by zmm_resolve.
static bool prune_weak(void *context, struct zwork *work)
{
    struct zmm *mm = context;
    uint64_t left = work->end > work->words ? work->end - work->words : 0;
    uint32_t count = mm->entry_count - mm->prune_at;
    if (count > left) count = (uint32_t)left;
    zmm_note_peak(mm);
    if (mm->history_capacity != 0) zmm_look_once(mm);
    if (mm->tells_nobody)
        prune_plain(mm, mm->prune_at + count);
    else
        prune_any(mm, mm->prune_at + count);
    work->words += count;
    mm->prune_at += count;
    if (mm->prune_at < mm->entry_count) return false;
    if (!zmm_prune_tombstones(mm, work)) return false;
    mm->prune_at = 0;
    return true;
}

static const struct zheap_hooks hooks = {.mark_roots = mark_roots, .prune_weak = prune_weak};

// ---- Life ---------------------------------------------------------------------------------------

// Drawn anew for each manager: neither the address nor the time is the same again, and the key is
// the process's secret.
static uint64_t draw_nonce(const struct zmm *mm)
{
    uint64_t seed[2] = {(uintptr_t)mm, zclock_now_ns()};
    uint64_t nonce = zsiphash13(zsiphash_process_key(), seed, sizeof seed);
    return nonce != 0 ? nonce : 1;
}

static void free_parts(struct zmm *mm)
{
    if (mm->page != NULL) zheap_page_release(mm->env, mm->page);
    if (mm->env != NULL) zheap_env_destroy(mm->env);
    if (mm->pool != NULL) zspan_pool_destroy(mm->pool);
    z_free(mm->history, mm->history_capacity * sizeof mm->history[0]);
    z_free(mm, sizeof *mm);
}

static bool make_parts(struct zmm *mm, const struct zmm_options *options)
{
    if (zspan_pool_create(&mm->pool) != ZVM_OK) return false;
    if (zheap_env_create(mm->pool, &mm->env) != ZVM_OK) return false;
    mm->page = zheap_page_acquire(mm->env);
    if (mm->page == NULL) return false;
    if (options->history_entries == 0) return true;
    mm->history = z_alloc(options->history_entries * sizeof mm->history[0]);
    if (mm->history == NULL) return false;
    mm->history_capacity = options->history_entries;
    return true;
}

_Static_assert(offsetof(struct zmm, front) == 0, "zmm.h looks for it there");

_Thread_local char zmm_thread_mark __attribute__((tls_model("initial-exec")));

// relaxed: the word guards nothing. Threads that hand a manager over synchronise by themselves, and
// only a call by mistake reads what another thread wrote.
void zmm_adopt(struct zmm *mm)
{
    z_store_relaxed(&mm->front.owner, (uintptr_t)&zmm_thread_mark);
}

zvm_status zmm_create(const struct zmm_options *options, struct zmm **out)
{
    struct zmm *mm = z_alloc_zeroed(sizeof *mm);
    if (mm == NULL) return ZVM_E_NOMEM;
    mm->free_entry = mm->front.waiting_first = mm->waiting_last = ZMM_NONE;
    mm->made_ns = mm->looked_ns = zclock_coarse_ns();
    mm->looks_shared = 1;
    if (!make_parts(mm, options)) {
        free_parts(mm);
        return ZVM_E_NOMEM;
    }
    struct zheap_options heap_options = {.limit_bytes = options->limit_bytes,
                                         .growth_percent = options->growth_percent,
                                         .threshold_count = options->threshold_count,
                                         .mode = (enum zheap_mode)options->mode,
                                         .hooks = &hooks,
                                         .context = mm};
    zheap_init(&mm->heap, mm->env, &heap_options, mm->page);
    mm->nonce = draw_nonce(mm);
    mm->tells_nobody = mm->history_capacity == 0;
    zmm_adopt(mm);
    *out = mm;
    return ZVM_OK;
}

// Whatever has a finalizer goes, in passes: a finalizer may give one to another object. None can make
// an object any more, so there is an end.
static void finish_all(struct zmm *mm)
{
    mm->is_destroying = true;
    zmm_end_look(mm);
    for (bool has_found = true; has_found;) {
        has_found = false;
        for (uint32_t i = 0; i < mm->entry_count && i < mm->finalizer_capacity; i++) {
            if (zmm_entry(mm, i)->object == NULL || mm->finalizers[i].function == NULL) continue;
            has_found = true;
            (void)zmm_deallocate(mm, zmm_handle(mm, i));
        }
    }
}

zvm_status zmm_destroy(struct zmm *mm)
{
    if (mm->is_finalizing) return ZVM_E_BUSY;
    finish_all(mm);
    zmm_free_array(mm, mm->roots.items, mm->roots.capacity * sizeof mm->roots.items[0]);
    zmm_free_array(mm, mm->scoped.items, mm->scoped.capacity * sizeof mm->scoped.items[0]);
    zmm_free_entries(mm);
    zmm_free_array(mm, mm->finalizers, mm->finalizer_capacity * sizeof mm->finalizers[0]);
    zheap_deinit(&mm->heap);
    free_parts(mm);
    return ZVM_OK;
}

// ---- Objects that go ----------------------------------------------------------------------------

static __attribute__((noinline)) zvm_status deallocate_slow(struct zmm *mm, struct zmm_entry *entry,
                                                            uint32_t index)
{
    struct zobject *object = entry->object;
    if (mm->history_capacity != 0) zmm_look_once(mm);
    zmm_note_peak(mm);
    forget(mm, entry, index, ZVM_MM_DEALLOCATED);
    zmm_bury(mm, object);
    mm->deallocated_count++;
    zmm_finish(mm);
    return ZVM_OK;
}

// An object in a cell of its own, no root, of which nobody is told, goes without a call.
zvm_status zmm_deallocate(struct zmm *mm, zvm_handle handle)
{
    struct zmm_entry *entry;
    zvm_status status = zmm_resolve(mm, handle, &entry);
    if (status != ZVM_OK) return status;
    struct zobject *object = entry->object;
    uint8_t class = zpage_at(object)->class;
    bool is_plain = mm->tells_nobody && entry->root == ZMM_NONE && class != ZPAGE_CLASS_MIXED;
    if (!is_plain || zmm_has_payload(object)) return deallocate_slow(mm, entry, handle.index);
    zmm_note_peak(mm);
    mm->freed_count++;
    mm->freed_bytes += zheap_class_bytes[class];
    entry->object = NULL;
    zmm_free_entry(mm, entry, handle.index);
    zmm_bury(mm, object);
    mm->deallocated_count++;
    return ZVM_OK;
}

zvm_status zmm_collect(struct zmm *mm, bool force, zvm_mm_collection *result)
{
    const struct zheap_private *private = zheap_private(&mm->heap);
    uint64_t count = mm->freed_count, bytes = mm->freed_bytes, pause = private->pause_ns_total;
    uint64_t collections = private->collections;
    zmm_end_look(mm);
    if (force)
        zheap_collect(&mm->heap, NULL);
    else
        zheap_poll(&mm->heap, 0);
    *result = (zvm_mm_collection){.has_run = private->collections != collections,
                                  .freed_count = mm->freed_count - count,
                                  .freed_bytes = mm->freed_bytes - bytes,
                                  .pause_ns = private->pause_ns_total - pause};
    return ZVM_OK;
}

// ---- Roots and scopes ---------------------------------------------------------------------------

static zvm_status reserve_root(struct zmm *mm, const struct zmm_entry *entry)
{
    if (mm->roots.count < mm->roots.capacity) return ZVM_OK;
    // Making room may collect, and nothing else may keep the object yet.
    struct zvalue kept = zmm_value(entry->object);
    struct zscope scope;
    zscope_open(&mm->heap, &scope, &kept, 1);
    void *items = mm->roots.items;
    zvm_status status = zmm_grow(mm, &items, &mm->roots.capacity, sizeof mm->roots.items[0]);
    mm->roots.items = items;
    zscope_close(&mm->heap, &scope);
    return status;
}

zvm_status zmm_root_add(struct zmm *mm, zvm_handle handle)
{
    struct zmm_entry *entry;
    zmm_end_look(mm);
    zvm_status status = zmm_resolve(mm, handle, &entry);
    if (status != ZVM_OK) return status;
    if (entry->root != ZMM_NONE) {
        if (mm->roots.items[entry->root].count == UINT32_MAX) return ZVM_E_LIMIT;
        mm->roots.items[entry->root].count++;
        return ZVM_OK;
    }
    status = reserve_root(mm, entry);
    if (status != ZVM_OK) return status;
    entry->root = mm->roots.count;
    mm->roots.items[mm->roots.count++] = (struct zmm_root){handle.index, 1};
    return ZVM_OK;
}

void zmm_forget_root(struct zmm *mm, struct zmm_entry *entry)
{
    struct zmm_root last = mm->roots.items[--mm->roots.count];
    mm->roots.items[entry->root] = last;
    zmm_entry(mm, last.index)->root = entry->root;
    entry->root = ZMM_NONE;
}

zvm_status zmm_root_remove(struct zmm *mm, zvm_handle handle)
{
    struct zmm_entry *entry;
    zvm_status status = zmm_resolve(mm, handle, &entry);
    if (status != ZVM_OK) return status;
    if (entry->root == ZMM_NONE) return ZVM_E_STATE;
    if (--mm->roots.items[entry->root].count == 0) zmm_forget_root(mm, entry);
    return ZVM_OK;
}

zvm_status zmm_scope_open(struct zmm *mm, zvm_mm_scope *out)
{
    zmm_end_look(mm);
    if (mm->scope_depth == UINT32_MAX) return ZVM_E_LIMIT;
    *out = (zvm_mm_scope){.mark = mm->scoped.count, .depth = ++mm->scope_depth};
    return ZVM_OK;
}

zvm_status zmm_scope_close(struct zmm *mm, zvm_mm_scope scope)
{
    zmm_end_look(mm);
    if (scope.depth == 0 || scope.depth != mm->scope_depth) return ZVM_E_STATE;
    if (scope.mark > mm->scoped.count) return ZVM_E_STATE;
    mm->scoped.count = scope.mark;
    mm->scope_depth--;
    return ZVM_OK;
}

// ---- Figures ------------------------------------------------------------------------------------

static double percent_of(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

zvm_status zmm_stats(struct zmm *mm, zvm_heap_stats *out)
{
    struct zheap_stats heap;
    zheap_stats(&mm->heap, &heap);
    zmm_note_peak(mm);
    uint64_t live_count = zmm_live_count(mm), live_bytes = zmm_live_bytes(mm);
    *out = (zvm_heap_stats){
        .limit_bytes = heap.limit_bytes,
        .committed_bytes = heap.committed_bytes,
        .committed_peak_bytes = heap.committed_peak_bytes,
        .current_bytes = live_bytes,
        .peak_bytes = mm->live_peak_bytes,
        .live_objects = live_count,
        .allocated_bytes = mm->allocated_bytes,
        .allocated_count = mm->allocated_count,
        .freed_bytes = mm->freed_bytes,
        .freed_count = mm->freed_count,
        .deallocated_count = mm->deallocated_count,
        .tombstones = mm->tombstone_count,
        .roots = mm->roots.count,
        .handles = mm->entry_count,
        .finalized_count = mm->finalized_count,
        .collections = heap.collections,
        .pause_ns_total = heap.pause_ns_total,
        .pause_ns_max = heap.pause_ns_max,
        .live_percent = percent_of(live_bytes, heap.committed_bytes),
        .freed_percent = percent_of(mm->freed_count, mm->allocated_count),
    };
    return ZVM_OK;
}

zvm_status zmm_info(struct zmm *mm, zvm_handle handle, zvm_mm_info *out)
{
    struct zmm_entry *entry;
    zvm_status status = zmm_resolve(mm, handle, &entry);
    if (status != ZVM_OK) return status;
    const struct zobject *object = entry->object;
    zmm_end_look(mm);
    uint16_t epoch = (uint16_t)(mm->heap.header >> 16);
    *out = (zvm_mm_info){
        .is_bytes = object->kind == ZTYPE_BUFFER || object->kind == ZTYPE_STRBUF,
        .is_root = entry->root != ZMM_NONE,
        .field_count = zmm_field_count(object),
        .bytes = zmm_object_bytes(mm, object),
        .age_ns = zmm_age_ns(mm, object),
        .age_collections = (uint16_t)(epoch - object->birth),
    };
    return ZVM_OK;
}

// For tests: the heap's own check, and that of the table over it.
zvm_status zmm_verify(struct zmm *mm)
{
    char why[256];
    zheap_settle(&mm->heap);
    if (!zheap_verify(&mm->heap, why, sizeof why)) return ZVM_E_INTERNAL;
    uint64_t count = 0, bytes = 0;
    for (uint32_t i = 0; i < mm->entry_count; i++) {
        const struct zobject *object = zmm_entry(mm, i)->object;
        if (object == NULL) continue;
        if (zmm_index_of(object) != i || zmm_is_tombstone(object)) return ZVM_E_INTERNAL;
        count++;
        bytes += zmm_object_bytes(mm, object);
    }
    bool is_right = count == zmm_live_count(mm) && bytes == zmm_live_bytes(mm);
    return is_right ? ZVM_OK : ZVM_E_INTERNAL;
}
