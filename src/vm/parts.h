// vm/parts.h - values with all that is in them, made from and told as a row of parts. owner-thread.
#ifndef ZVM_VM_PARTS_H
#define ZVM_VM_PARTS_H

#include "vm/isolate.h"

// A value from the parts that `next` gives, until it is whole. Wants runner and env, and everything of the program
// put aside (vm/aside.h). errors: those of zexchange_check; ZVM_E_TYPE a key that is none; ZVM_E_ARGUMENT a part that
// cannot stand there; ZVM_E_OUTPUT next has none; ZVM_E_ERROR pending is set. *out is not rooted.
zvm_status zparts_make(struct zisolate *iso, zvm_next_part_fn next, void *context,
                       struct zvalue *out);

// The parts of a value, which is rooted. Allocates nothing in the heap. errors: ZVM_E_LIMIT it is nested deeper than
// depth_max; ZVM_E_OUTPUT `tell` has had enough; ZVM_E_NOMEM.
zvm_status zparts_tell(struct zisolate *iso, struct zvalue value, uint32_t depth_max,
                       zvm_tell_part_fn tell, void *context);

#endif // ZVM_VM_PARTS_H
