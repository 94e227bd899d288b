// api/refs_internal.h - what the bodies of values by reference share. owner-thread.
#ifndef ZVM_API_REFS_INTERNAL_H
#define ZVM_API_REFS_INTERNAL_H

#include "api/api_internal.h"
#include "sched/sched.h"
#include "vm/ref.h"

// One call, from entering the isolate to leaving it.
struct zrefs_visit {
    struct zisolate *iso;
    struct zhand hand;
};

// errors: ZVM_E_ARGUMENT, ZVM_E_FORKED, those of zsched_enter; ZVM_E_STATE no scope is open.
zvm_status zrefs_enter(zvm_isolate *isolate, struct zrefs_visit *visit);
zvm_status zrefs_leave(struct zrefs_visit *visit, zvm_status status); // gives the status back

// The same for what needs no scope; leaving may let the isolate go.
zvm_status zrefs_enter_any(zvm_isolate *isolate, struct zrefs_visit *visit);
void zrefs_leave_any(struct zrefs_visit *visit);

// A reference to value, which is rooted, or on its way to the reference.
zvm_status zrefs_give(struct zrefs_visit *visit, struct zvalue value, zvm_ref *out);
// The program's value of one of the host; not rooted.
zvm_status zrefs_make(struct zrefs_visit *visit, const zvm_value *value, struct zvalue *out);
// As the two outputs of zvm_ref_item; shown is rooted.
zvm_status zrefs_show(struct zrefs_visit *visit, struct zvalue shown, zvm_value *value,
                      zvm_ref *ref);

#endif // ZVM_API_REFS_INTERNAL_H
