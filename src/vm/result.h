// vm/result.h - how an isolate ended, kept outside its heap. owner-thread.
#ifndef ZVM_VM_RESULT_H
#define ZVM_VM_RESULT_H

#include "vm/isolate.h"

// Records the uncaught iso->error, raised at line, column; the frames are still as they were.
void zresult_error(struct zisolate *iso, uint32_t line, uint32_t column);
// Records the termination iso->status.
void zresult_termination(struct zisolate *iso, uint32_t line, uint32_t column);
// Forgets how the isolate ended.
void zresult_clear(struct zisolate *iso);
void zresult_free(struct zisolate *iso);

// The frames now, innermost first, bytecode frames only; returns how many there are.
struct ztrace_entry;
uint32_t zresult_capture(const struct zisolate *iso, struct ztrace_entry *out, uint32_t max);

#endif // ZVM_VM_RESULT_H
