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

// With an on_event; the isolate is the calling thread's. Without one none of this costs an instruction of its own on a
// worker: where isolates are made, destroyed and run, one flag says whether anybody wants more than that.
// It is new; it is about to be freed.
ZVM_COLD void zhooks_created(const struct zhooks *hooks, struct zisolate *iso);
ZVM_COLD void zhooks_destroyed(const struct zhooks *hooks, struct zisolate *iso);
ZVM_COLD void zhooks_slice_slow(const struct zhooks *hooks, struct zisolate *iso,
                                struct zlane *lane, bool has_finished);

// Without an on_event nothing happens. A slice is over, and perhaps the program; the collections that ended in it stand in the lane.
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
