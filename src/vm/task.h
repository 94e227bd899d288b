// vm/task.h - tasks: calls of async functions. owner-thread.
#ifndef ZVM_VM_TASK_H
#define ZVM_VM_TASK_H

#include "vm/interp.h"
#include "vm/result.h"

// A task of the call in the current frame, whose arguments have been checked. false: pending is set.
bool ztask_create(struct zisolate *iso, struct zvalue *out);
// window[0] is a task; window[1] is for its body. DONE: window[0] is its result. PUSHED: its body runs
// first. FAILED: pending is set, also to what the body threw when it ran.
enum zcall_outcome ztask_await(struct zisolate *iso, struct zvalue *window);
// The current frame, a task's, has returned: the result is in stack[base - 1].
void ztask_finish(struct zisolate *iso);
// The current frame, a task's, ends with iso->error, thrown there.
void ztask_fail(struct zisolate *iso, struct zplace place);
// Moves the place of the pending error to the call that made the task.
void ztask_place_at_call(struct zisolate *iso, const struct ztask *task);

#endif // ZVM_VM_TASK_H
