// vm/result.h - how an isolate ended, kept outside its heap. owner-thread.
#ifndef ZVM_VM_RESULT_H
#define ZVM_VM_RESULT_H

#include "vm/isolate.h"

// A place in a source text. line 0: unknown.
struct zplace {
    uint32_t line, column;
    uint16_t file; // zcode_file_name
};

// The place of ZPENDING_ERROR_AT.
static inline struct zplace zresult_pending_place(const struct zisolate *iso)
{
    return (struct zplace){iso->error_line, iso->error_column, (uint16_t)iso->error.aux};
}

// Records the uncaught iso->error, raised there; the frames are still as they were.
void zresult_error(struct zisolate *iso, struct zplace place);
// Records the termination iso->status.
void zresult_termination(struct zisolate *iso, struct zplace place);
// Forgets how the isolate ended.
void zresult_clear(struct zisolate *iso);
void zresult_free(struct zisolate *iso);

// The frames now, innermost first, bytecode frames only; returns how many there are.
struct ztrace_entry;
uint32_t zresult_capture(const struct zisolate *iso, struct ztrace_entry *out, uint32_t max);

#endif // ZVM_VM_RESULT_H
