// vm/enter.h - calls of a program's functions by its host: prepared here, run as any run. owner-thread.
#ifndef ZVM_VM_ENTER_H
#define ZVM_VM_ENTER_H

#include "vm/isolate.h"

#define ZENTER_ARGUMENTS_MAX 16

_Static_assert(ZENTER_ARGUMENTS_MAX == ZVM_CALL_ARGUMENTS_MAX, "as the public one");

// A finished isolate starts again with a call of `function`, with fuel and deadline anew. arguments [count],
// rooted, at most ZENTER_ARGUMENTS_MAX. env and runner are set. errors: ZVM_E_TYPE it cannot be called;
// ZVM_E_HEAP_LIMIT, ZVM_E_NOMEM. Nothing has changed then.
zvm_status zenter_prepare(struct zisolate *iso, struct zvalue function,
                          const struct zvalue *arguments, uint32_t count);
// The run is over: its result is kept when it was a call that has returned.
void zenter_finish_slow(struct zisolate *iso);
// What the last run has given, which was a call; UNSET: nothing.
struct zvalue zenter_result(const struct zisolate *iso);
void zenter_forget(struct zisolate *iso);

#endif // ZVM_VM_ENTER_H
