// vm/profile.h - what can be asked about an isolate's memory: sites, history, leaks, snapshots.
//
// Thread: owner. The isolate rests, or is in a moment of its host (zvm_moment_fn); heap.env is set
// where a function collects. Nothing here changes what the program does.
#ifndef ZVM_VM_PROFILE_H
#define ZVM_VM_PROFILE_H

#include "heap/profile.h"
#include "vm/isolate.h"

struct zisolate_options;

// Starts what the options ask for; without memory the isolate runs unprofiled. errors: ZVM_E_NOMEM
// for what the host could not do without.
zvm_status zisolate_profile_start(struct zisolate *iso, const struct zisolate_options *options);

// Tells the host that a moment has come, when it wants to know.
ZVM_COLD void zisolate_tell_moment(struct zisolate *iso, zvm_moment moment);

static inline void zisolate_moment(struct zisolate *iso, zvm_moment moment)
{
    if (ZVM_UNLIKELY(iso->extra != NULL)) zisolate_tell_moment(iso, moment);
}

// A collection for the host's sake: its work is not taken off the program's slice, which otherwise
// might never get to run between two moments.
void zisolate_collect_quietly(struct zisolate *iso);

// errors of these: ZVM_E_STATE it was not asked for; ZVM_E_NOMEM; ZVM_E_OUTPUT write refused.
zvm_status zisolate_alloc_profile(struct zisolate *iso, zvm_write_fn write, void *context);
zvm_status zisolate_history(struct zisolate *iso, zvm_history_fn entry, void *context);
zvm_status zisolate_find_leaks(struct zisolate *iso, const zvm_leak_filter *filter,
                               zvm_leak_fn found, void *context);
zvm_status zisolate_heap_snapshot(struct zisolate *iso, zvm_write_fn write, void *context);
zvm_status zisolate_ages(struct zisolate *iso, zvm_ages *out);

#endif // ZVM_VM_PROFILE_H
