// heap/mm.h - the heap used from C: objects by handle, without a program.
//
// A manager owns a heap, a span pool and a table of handles. A handle names an object weakly: it
// keeps nothing alive. What lives is what roots, open scopes and fields of the living lead to; when
// a collection finds an object dead, its handle turns stale. Deallocating an object always succeeds:
// its contents are freed, its handle is stale at once, and its cell stays behind as a tombstone, so
// that a field that still leads there reads as ZVM_E_STALE and never as another object.
//
// Thread: owner: the thread that made the manager, or that adopted it last. Every call checks that.
// The contracts of the single calls are those of zvm.h, "Memory manager".
#ifndef ZVM_HEAP_MM_H
#define ZVM_HEAP_MM_H

#include "base/atomic.h"
#include "zvm.h"

struct zmm;

// What every call looks at: the beginning of struct zmm.
struct zmm_front {
    _Atomic uint64_t owner; // the thread; written by it, read by any that calls by mistake
    uint32_t waiting_first; // entry whose finalizer is to be called; ZMM_NONE: none is
};

#define ZMM_NONE UINT32_MAX

struct zmm_options {
    uint64_t limit_bytes;
    uint32_t growth_percent;
    uint64_t threshold_count;
    uint32_t history_entries;
    uint32_t mode; // enum zheap_mode
};

zvm_status zmm_create(const struct zmm_options *options, struct zmm **out);
// Runs the finalizers that are left.
zvm_status zmm_destroy(struct zmm *mm);
void zmm_adopt(struct zmm *mm);
// Calls the finalizers of what went.
void zmm_finish_slow(struct zmm *mm);

// Names a thread: no two that live at once have it at the same address, and reading it calls nobody.
// initial-exec: then it is a load and no call; what a library loaded later adds to that is one byte.
extern _Thread_local char zmm_thread_mark __attribute__((tls_model("initial-exec")));

// The calling thread is. relaxed: the word guards nothing, see zmm_adopt.
static inline bool zmm_is_owner(const struct zmm *mm)
{
    const struct zmm_front *front = (const struct zmm_front *)(const void *)mm;
    return z_load_relaxed(&front->owner) == (uintptr_t)&zmm_thread_mark;
}

// Ends a call.
static inline void zmm_finish(struct zmm *mm)
{
    if (((const struct zmm_front *)(const void *)mm)->waiting_first != ZMM_NONE)
        zmm_finish_slow(mm);
}

// These three call finalizers themselves.
zvm_status zmm_allocate(struct zmm *mm, uint32_t field_count, zvm_handle *out);
zvm_status zmm_allocate_bytes(struct zmm *mm, const void *bytes, size_t count, zvm_handle *out);
zvm_status zmm_deallocate(struct zmm *mm, zvm_handle handle);

zvm_status zmm_set_field(struct zmm *mm, zvm_handle handle, uint32_t field, zvm_mm_value value);
zvm_status zmm_get_field(struct zmm *mm, zvm_handle handle, uint32_t field, zvm_mm_value *out);
zvm_status zmm_bytes(struct zmm *mm, zvm_handle handle, void **bytes, size_t *count);
zvm_status zmm_info(struct zmm *mm, zvm_handle handle, zvm_mm_info *out);

zvm_status zmm_root_add(struct zmm *mm, zvm_handle handle);
zvm_status zmm_root_remove(struct zmm *mm, zvm_handle handle);
zvm_status zmm_scope_open(struct zmm *mm, zvm_mm_scope *out);
zvm_status zmm_scope_close(struct zmm *mm, zvm_mm_scope scope);

zvm_status zmm_collect(struct zmm *mm, bool force, zvm_mm_collection *result);
zvm_status zmm_set_finalizer(struct zmm *mm, zvm_handle handle, zvm_mm_finalizer_fn finalizer,
                             void *user);
zvm_status zmm_stats(struct zmm *mm, zvm_heap_stats *out);
zvm_status zmm_verify(struct zmm *mm);

zvm_status zmm_find_leaks(struct zmm *mm, uint64_t min_age_ns, zvm_mm_leak_fn found, void *context);
zvm_status zmm_history(struct zmm *mm, zvm_mm_history_fn entry, void *context);

#endif // ZVM_HEAP_MM_H
