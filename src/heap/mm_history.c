// heap/mm_history.c - what a memory manager remembers of its last allocations and deallocations.
//
// Owns: nothing; the ring is the manager's. Thread: owner.
// The ring is made with the manager, so noting never fails; without one it costs one test. The clock has
// been looked at for the call that is noted.
#define ZVM_HEAP_INTERNAL
#include "heap/mm_internal.h"

void zmm_remember(struct zmm *mm, zvm_mm_event event, zvm_handle handle, uint64_t bytes)
{
    mm->history[mm->history_next] = (zvm_mm_history_entry){
        .time_ns = mm->looked_ns, .event = event, .handle = handle, .bytes = bytes};
    mm->history_count++;
    mm->history_next++;
    if (mm->history_next == mm->history_capacity) mm->history_next = 0; // a division takes longer
}

zvm_status zmm_history(struct zmm *mm, zvm_mm_history_fn entry, void *context)
{
    if (mm->history_capacity == 0) return ZVM_E_STATE;
    uint64_t first =
        mm->history_count > mm->history_capacity ? mm->history_count - mm->history_capacity : 0;
    for (uint64_t i = first; i < mm->history_count; i++)
        if (!entry(context, &mm->history[i % mm->history_capacity])) break;
    return ZVM_OK;
}
