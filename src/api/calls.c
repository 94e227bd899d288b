// api/calls.c - the bodies of zvm.h's calls of functions of a program by its host.
//
// Owns: nothing. Thread: the isolate's owner. A call is prepared in the isolate's hands (vm/enter.h), and
// then the isolate is idle again, for zvm_isolate_run and zvm_isolate_submit.
#include "api/refs_internal.h"

#include "vm/enter.h"
#include "vm/global.h"

// The values of the arguments; they are rooted by their references.
static zvm_status find_arguments(const struct zisolate *iso, const zvm_ref *refs, size_t count,
                                 struct zvalue *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct zvalue *value = zrefs_find(iso, refs[i]);
        if (value == NULL) return ZVM_E_STALE;
        out[i] = *value;
    }
    return ZVM_OK;
}

// name or function says what is called.
static zvm_status find_function(const struct zisolate *iso, const char *name, zvm_ref function,
                                struct zvalue *out)
{
    const struct zvalue *value = name == NULL ? zrefs_find(iso, function) : zglobal_find(iso, name);
    if (value == NULL) return name == NULL ? ZVM_E_STALE : ZVM_E_NOT_FOUND;
    if (value->tag == ZTAG_UNSET) return ZVM_E_NOT_FOUND;
    *out = *value;
    return ZVM_OK;
}

static zvm_status prepare(struct zisolate *iso, const char *name, zvm_ref function,
                          const zvm_ref *arguments, size_t count)
{
    struct zvalue called, values[ZENTER_ARGUMENTS_MAX];
    zvm_status status = find_function(iso, name, function, &called);
    if (status == ZVM_OK) status = find_arguments(iso, arguments, count, values);
    if (status != ZVM_OK) return status;
    return zenter_prepare(iso, called, values, (uint32_t)count);
}

static zvm_status call(zvm_isolate *isolate, const char *name, zvm_ref function,
                       const zvm_ref *arguments, size_t count)
{
    struct zrefs_visit visit;
    if (isolate == NULL || (arguments == NULL && count > 0)) return ZVM_E_ARGUMENT;
    struct zisolate *iso = (struct zisolate *)isolate;
    if (zapi_is_dead(iso->shared->runtime)) return ZVM_E_FORKED;
    if (count > ZENTER_ARGUMENTS_MAX) return ZVM_E_LIMIT;
    zvm_status status = zsched_may_reopen(iso);
    if (status == ZVM_OK) status = zrefs_enter_any(isolate, &visit);
    if (status != ZVM_OK) return status;
    status = prepare(iso, name, function, arguments, count);
    zrefs_leave_any(&visit);
    return status == ZVM_OK ? zsched_reopen(iso) : status;
}

zvm_status zvm_isolate_call(zvm_isolate *isolate, const char *name, const zvm_ref *arguments,
                            size_t count)
{
    if (name == NULL) return ZVM_E_ARGUMENT;
    return call(isolate, name, 0, arguments, count);
}

zvm_status zvm_isolate_call_ref(zvm_isolate *isolate, zvm_ref function, const zvm_ref *arguments,
                                size_t count)
{
    return call(isolate, NULL, function, arguments, count);
}

zvm_status zvm_ref_result(zvm_isolate *isolate, zvm_ref *ref)
{
    struct zrefs_visit visit;
    if (ref == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zvalue result = zenter_result(visit.iso);
    status = result.tag == ZTAG_UNSET ? ZVM_E_NOT_FOUND : zrefs_give(&visit, result, ref);
    return zrefs_leave(&visit, status);
}
