// heap/minor.c - a minor collection: what was made since the last collection, and is not reached, goes.
//
// Owns: nothing. Thread: owner.
// Marks stay from one collection to the next: an object that has lived through one is marked, and old.
// A minor collection marks from the roots and from what the log says was written among the old, so it
// stops at every old object and costs what lives of the new ones. It finishes only the pages that cells
// were handed out of since the last collection, and looks only at the owners that came since. What it
// has marked is old, and armed (barrier.c). Dead old objects, and symbols, wait for a whole one.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

static void prune(struct zheap *heap, struct zwork *work)
{
    struct zheap_more *more = zheap_more(heap);
    const struct zheap_hooks *hooks = zheap_private(heap)->hooks;
    if (hooks != NULL && hooks->prune_weak != NULL)
        (void)hooks->prune_weak(zheap_private(heap)->context, work);
    if (more->profile != NULL) zprofile_prune(heap);
    more->cycle.owner_at = more->cycle.owner_old;
    (void)zheap_prune_owners(heap, work);
    more->cycle.owner_old = more->owner_count;
}

void zheap_collect_minor(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    ZVM_ASSERT(more->cycle.phase == ZPHASE_REST);
    ZVM_ASSERT(more->log.is_open);
    ZVM_ASSERT(!more->log.has_overflowed);
    uint64_t start_ns;
    zheap_begin_pause(heap, ZHEAP_PAUSE_MINOR, &start_ns);
    zheap_return_caches(heap);
    zheap_note_peak(heap);
    more->cycle.is_minor = true;
    struct zwork work = {0, UINT64_MAX};
    zmark_all(heap, &work);
    prune(heap, &work);
    zfinish_touched(heap, &work);
    more->cycle.is_minor = false;
    zlog_empty(heap);
    more->minor_collections++;
    zheap_next_epoch(heap, &heap->env->collected.minor);
    zheap_env_shrink_stack(heap->env);
    zheap_add_work(heap, work.words);
    zpolicy_note_minor(heap, work.words);
    zheap_end_pause(heap, start_ns);
}
