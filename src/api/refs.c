// api/refs.c - the bodies of zvm.h's values by reference: scopes, scalars, globals, calls.
//
// Owns: nothing. Thread: the isolate's owner, as zvm.h says. Each body enters the isolate, which says whether
// that may be done now, resolves its references, does one thing, and leaves. What makes objects is done
// beside the program (vm/aside.h): it costs it neither fuel nor time, and what fails is a status.
#include "api/refs_internal.h"

#include "vm/aside.h"
#include "vm/exchange.h"
#include "vm/global.h"
#include "vm/hostcall.h"
#include "vm/number.h"
#include "vm/text.h"

#include <string.h>

_Static_assert(ZVM_REF_MAX == ZREF_COUNT_MAX, "as the table has it");
_Static_assert(ZVM_NUMBER_TEXT_MAX == ZNUMBER_TEXT_MAX, "the same buffer");

// ---- Coming and going -----------------------------------------------------------------------------

zvm_status zrefs_enter_any(zvm_isolate *isolate, struct zrefs_visit *visit)
{
    if (isolate == NULL) return ZVM_E_ARGUMENT;
    struct zisolate *iso = (struct zisolate *)isolate;
    const zvm_runtime *runtime = iso->shared->runtime;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    visit->iso = iso;
    return zsched_enter(runtime->sched, iso, &visit->hand);
}

zvm_status zrefs_enter(zvm_isolate *isolate, struct zrefs_visit *visit)
{
    zvm_status status = zrefs_enter_any(isolate, visit);
    if (status != ZVM_OK || zrefs_is_open(visit->iso)) return status;
    zsched_leave(visit->iso, &visit->hand);
    const zvm_runtime *runtime = visit->iso->shared->runtime;
    if (visit->hand.lane != NULL) zsched_let_go(runtime->sched, visit->iso);
    return ZVM_E_STATE;
}

zvm_status zrefs_leave(struct zrefs_visit *visit, zvm_status status)
{
    zsched_leave(visit->iso, &visit->hand);
    return status;
}

// At rest, what the thread has for the isolate goes back with the outermost scope.
void zrefs_leave_any(struct zrefs_visit *visit)
{
    zsched_leave(visit->iso, &visit->hand);
    const zvm_runtime *runtime = visit->iso->shared->runtime;
    if (visit->hand.lane != NULL && !zrefs_is_open(visit->iso))
        zsched_let_go(runtime->sched, visit->iso);
}

zvm_status zrefs_give(struct zrefs_visit *visit, struct zvalue value, zvm_ref *out)
{
    struct zaside aside;
    zaside_begin(visit->iso, &aside);
    return zaside_end(visit->iso, &aside, zrefs_add(visit->iso, value, out));
}

zvm_status zrefs_make(struct zrefs_visit *visit, const zvm_value *value, struct zvalue *out)
{
    zvm_status status = zexchange_check(value);
    if (status != ZVM_OK) return status;
    bool is_object = value->kind == ZVM_VALUE_STRING || value->kind == ZVM_VALUE_HOST;
    if (!is_object) {
        (void)zexchange_in(visit->iso, value, out); // scalars need no memory
        return ZVM_OK;
    }
    struct zaside aside;
    zaside_begin(visit->iso, &aside);
    return zaside_end(visit->iso, &aside, zexchange_in(visit->iso, value, out));
}

zvm_status zrefs_show(struct zrefs_visit *visit, struct zvalue shown, zvm_value *value,
                      zvm_ref *ref)
{
    if (ref != NULL) {
        zvm_status status = zrefs_give(visit, shown, ref);
        if (status != ZVM_OK) return status;
    }
    if (value != NULL) *value = zexchange_out(visit->iso, shown);
    return ZVM_OK;
}

// ---- Scopes ---------------------------------------------------------------------------------------

zvm_status zvm_scope_open(zvm_isolate *isolate, zvm_scope *scope)
{
    struct zrefs_visit visit;
    if (scope == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter_any(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zaside aside;
    zaside_begin(visit.iso, &aside);
    status = zaside_end(visit.iso, &aside, zrefs_open(visit.iso, scope));
    zrefs_leave_any(&visit);
    return status;
}

zvm_status zvm_scope_close(zvm_isolate *isolate, zvm_scope scope)
{
    struct zrefs_visit visit;
    zvm_status status = zrefs_enter_any(isolate, &visit);
    if (status != ZVM_OK) return status;
    status = zrefs_close(visit.iso, scope);
    zrefs_leave_any(&visit);
    return status;
}

zvm_status zvm_ref_pin(zvm_isolate *isolate, zvm_ref ref, zvm_ref *pinned)
{
    struct zrefs_visit visit;
    if (pinned == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    if (value == NULL) return zrefs_leave(&visit, ZVM_E_STALE);
    struct zaside aside;
    zaside_begin(visit.iso, &aside);
    status = zaside_end(visit.iso, &aside, zrefs_pin(visit.iso, *value, pinned));
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_unpin(zvm_isolate *isolate, zvm_ref pinned)
{
    struct zrefs_visit visit;
    zvm_status status = zrefs_enter_any(isolate, &visit);
    if (status != ZVM_OK) return status;
    status = zrefs_unpin(visit.iso, pinned) ? ZVM_OK : ZVM_E_STALE;
    zrefs_leave_any(&visit);
    return status;
}

// ---- Values without parts ---------------------------------------------------------------------------

zvm_status zvm_ref_new(zvm_isolate *isolate, const zvm_value *value, zvm_ref *ref)
{
    struct zrefs_visit visit;
    if (value == NULL || ref == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zvalue made;
    status = zrefs_make(&visit, value, &made);
    if (status == ZVM_OK) status = zrefs_give(&visit, made, ref);
    return zrefs_leave(&visit, status);
}

static zvm_kind kind_of(struct zvalue value)
{
    switch (zvalue_type(value)) {
    case ZTAG_INT:
        return ZVM_KIND_INT;
    case ZTAG_FLOAT:
        return ZVM_KIND_FLOAT;
    case ZTAG_FALSE:
    case ZTAG_TRUE:
        return ZVM_KIND_BOOL;
    case ZTYPE_STRING:
        return ZVM_KIND_STRING;
    case ZTYPE_LIST:
        return ZVM_KIND_LIST;
    case ZTYPE_MAP:
        return ZVM_KIND_MAP;
    case ZTYPE_RECORD:
        return ZVM_KIND_DATA;
    case ZTYPE_FUNC:
    case ZTYPE_CLASS:
    case ZTYPE_BOUND:
        return ZVM_KIND_FUNCTION;
    case ZTYPE_ERROR:
        return ZVM_KIND_ERROR;
    case ZTYPE_TASK:
        return ZVM_KIND_TASK;
    case ZTYPE_HOST:
        return ZVM_KIND_HOST;
    case ZTYPE_ISOLATE:
        return ZVM_KIND_ISOLATE;
    default: // also what only code of another origin can show
        return ZVM_KIND_NULL;
    }
}

zvm_status zvm_ref_kind(zvm_isolate *isolate, zvm_ref ref, zvm_kind *kind)
{
    struct zrefs_visit visit;
    if (kind == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    if (value != NULL) *kind = kind_of(*value);
    return zrefs_leave(&visit, value == NULL ? ZVM_E_STALE : ZVM_OK);
}

zvm_status zvm_ref_value(zvm_isolate *isolate, zvm_ref ref, zvm_value *value)
{
    struct zrefs_visit visit;
    if (value == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *found = zrefs_find(visit.iso, ref);
    if (found != NULL) *value = zexchange_out(visit.iso, *found);
    return zrefs_leave(&visit, found == NULL ? ZVM_E_STALE : ZVM_OK);
}

static zvm_status write_text(struct zisolate *iso, struct zvalue value, zvm_write_fn write,
                             void *context)
{
    struct zstrbuf *text = &iso->runner->scratch;
    struct zaside aside;
    zstrbuf_clear(text);
    zaside_begin(iso, &aside);
    zvm_status status = zaside_end(iso, &aside, ztext_append(iso, value, text));
    if (status != ZVM_OK) return status;
    if (text->failed) return ZVM_E_NOMEM;
    return write(context, zstrbuf_text(text), text->length) ? ZVM_OK : ZVM_E_OUTPUT;
}

zvm_status zvm_ref_text(zvm_isolate *isolate, zvm_ref ref, zvm_write_fn write, void *context)
{
    struct zrefs_visit visit;
    if (write == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    status = value == NULL ? ZVM_E_STALE : write_text(visit.iso, *value, write, context);
    return zrefs_leave(&visit, status);
}

zvm_status zvm_number_text(const zvm_value *value, char *text, size_t *length_bytes)
{
    if (value == NULL || text == NULL) return ZVM_E_ARGUMENT;
    bool is_int = value->kind == ZVM_VALUE_INT;
    if (!is_int && value->kind != ZVM_VALUE_FLOAT) return ZVM_E_TYPE;
    size_t length = is_int ? znumber_format_int(value->integer, text)
                           : znumber_format_float(value->number, text);
    if (length_bytes != NULL) *length_bytes = length;
    return ZVM_OK;
}

// ---- Globals --------------------------------------------------------------------------------------

zvm_status zvm_ref_global(zvm_isolate *isolate, const char *name, zvm_ref *ref)
{
    struct zrefs_visit visit;
    if (name == NULL || ref == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *global = zglobal_find(visit.iso, name);
    bool has_value = global != NULL && global->tag != ZTAG_UNSET;
    status = has_value ? zrefs_give(&visit, *global, ref) : ZVM_E_NOT_FOUND;
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_set_global(zvm_isolate *isolate, const char *name, zvm_ref ref)
{
    struct zrefs_visit visit;
    if (name == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    struct zvalue *global = zglobal_find(visit.iso, name);
    if (value == NULL) return zrefs_leave(&visit, ZVM_E_STALE);
    if (global != NULL) *global = *value;
    return zrefs_leave(&visit, global == NULL ? ZVM_E_NOT_FOUND : ZVM_OK);
}

// ---- Calls of functions of the host ---------------------------------------------------------------

zvm_status zvm_call_argument(zvm_call *call, size_t index, zvm_ref *ref)
{
    struct zrefs_visit visit;
    if (call == NULL || ref == NULL) return ZVM_E_ARGUMENT;
    if (call->iso == NULL) return ZVM_E_STATE;
    zvm_status status = zrefs_enter((zvm_isolate *)call->iso, &visit);
    if (status != ZVM_OK) return status;
    bool is_there = index < call->argument_count;
    status = is_there ? zrefs_give(&visit, call->arguments[index], ref) : ZVM_E_NOT_FOUND;
    return zrefs_leave(&visit, status);
}

zvm_call_outcome zvm_call_return_ref(zvm_call *call, zvm_ref ref)
{
    return call == NULL ? ZVM_CALL_FAILED : zhost_return_ref(call, ref);
}
