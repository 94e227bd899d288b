// vm/shape_own.h - shapes that one isolate alone has: those that the table of the code has no room for.
//
// A program can make any number of them, with parents made on the way, and pays for them out of its own
// heap; nobody else finds the table fuller for it.
#ifndef ZVM_VM_SHAPE_OWN_H
#define ZVM_VM_SHAPE_OWN_H

#include "vm/isolate.h"
#include "vm/shape.h"

// The isolate's own shape of a declaration with this parent (NULL: none), new or known. Lives as long as
// the isolate. thread: owner. errors: ZVM_E_NOMEM; ZVM_E_HEAP_LIMIT. May collect.
zvm_status zshape_own_acquire(struct zisolate *iso, const struct zdata *data,
                              const struct zshape *parent, const struct zshape **out);
void zshape_own_free_all(struct zisolate *iso);

#endif // ZVM_VM_SHAPE_OWN_H
