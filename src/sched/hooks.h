// sched/hooks.h - what a host wants to be told of a runtime: events of isolates, its workers' threads, and what
// there is to say to people.
//
// frozen: once the workers run. Thread: any; each hook is called on the thread that it is about, and no lock is
// held in the call.
#ifndef ZVM_SCHED_HOOKS_H
#define ZVM_SCHED_HOOKS_H

#include "base/assert.h"
#include "zvm.h"

struct zisolate;
struct zlane;

struct zhooks {
    zvm_event_fn on_event; // each may be NULL
    zvm_log_fn log;
    zvm_worker_fn on_worker_start, on_worker_stop;
    void *context; // for them
    char worker_name[ZVM_WORKER_NAME_BYTES_MAX + 1];
    size_t worker_stack_bytes; // 0: what the system gives
};

ZVM_COLD void zhooks_created_slow(const struct zhooks *hooks, struct zisolate *iso);
ZVM_COLD void zhooks_slice_slow(const struct zhooks *hooks, struct zisolate *iso,
                                struct zlane *lane, bool has_finished);

// The isolate is the calling thread's, in both. Without a hook each is a comparison and a branch: six
// instructions of the 4,600 in which the shortest of programs is made, run and destroyed (callgrind).
static inline void zhooks_created(const struct zhooks *hooks, struct zisolate *iso)
{
    if (ZVM_UNLIKELY(hooks->on_event != NULL)) zhooks_created_slow(hooks, iso);
}

// A slice is over, and perhaps the program; the collections that ended in it stand in the lane.
static inline void zhooks_slice(const struct zhooks *hooks, struct zisolate *iso,
                                struct zlane *lane, bool has_finished)
{
    if (ZVM_UNLIKELY(hooks->on_event != NULL)) zhooks_slice_slow(hooks, iso, lane, has_finished);
}

// As zshared.tell_limit; context is the hooks, with an on_event.
void zhooks_tell_limit(void *context, struct zisolate *iso, zvm_status status);

// One line for people.
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void zhooks_log(const struct zhooks *hooks, zvm_log_level level, const char *format, ...);

#endif // ZVM_SCHED_HOOKS_H
