// api/refs_whole.c - the bodies of zvm.h's values by reference as a whole: made from and told as parts.
//
// Owns: nothing. Thread: the isolate's owner. As api/refs.c; the isolate is entered once for all parts, and while
// the host's function runs every other call on it is refused (sched/lend.c).
#include "api/refs_internal.h"

#include "vm/aside.h"
#include "vm/parts.h"

static zvm_status make(struct zrefs_visit *visit, zvm_next_part_fn next, void *context,
                       struct zvalue *made)
{
    struct zisolate *iso = visit->iso;
    const zvm_runtime *runtime = iso->shared->runtime;
    struct zaside aside;
    zaside_begin(iso, &aside);
    zsched_hold(iso, &visit->hand);
    zvm_status status = zparts_make(iso, next, context, made);
    zsched_let_be(runtime->sched, iso, &visit->hand);
    zvm_status outcome = zaside_end(iso, &aside, status != ZVM_E_ERROR);
    return status == ZVM_E_ERROR ? outcome : status;
}

zvm_status zvm_ref_build(zvm_isolate *isolate, zvm_next_part_fn next, void *context, zvm_ref *ref)
{
    struct zrefs_visit visit;
    if (next == NULL || ref == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zvalue made;
    status = make(&visit, next, context, &made);
    if (status == ZVM_OK) status = zrefs_give(&visit, made, ref);
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_walk(zvm_isolate *isolate, zvm_ref ref, uint32_t depth_max,
                        zvm_tell_part_fn tell, void *context)
{
    struct zrefs_visit visit;
    if (tell == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    if (value == NULL) return zrefs_leave(&visit, ZVM_E_STALE);
    const zvm_runtime *runtime = visit.iso->shared->runtime;
    zsched_hold(visit.iso, &visit.hand);
    status = zparts_tell(visit.iso, *value, depth_max, tell, context);
    zsched_let_be(runtime->sched, visit.iso, &visit.hand);
    return zrefs_leave(&visit, status);
}
