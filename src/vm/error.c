// vm/error.c - making error values and setting what is pending.
//
// Thread: owner. Works with no memory left: when the heap refuses the error itself, the isolate ends
// with the refusal's status instead, which needs no memory.
#include "vm/error.h"

#include "vm/profile.h"
#include "vm/quota.h"
#include "vm/string.h"

#include "base/probe.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES_MAX 4000

static bool is_limit(zvm_status status)
{
    return status == ZVM_E_HEAP_LIMIT || status == ZVM_E_FUEL || status == ZVM_E_TIMEOUT ||
           status == ZVM_E_CPU_TIME || status == ZVM_E_OUTPUT_LIMIT || status == ZVM_E_GROUP_LIMIT;
}

bool zerror_terminate(struct zisolate *iso, zvm_status status)
{
    if (is_limit(status)) ZPROBE2(limit__hit, iso->id, (int32_t)status);
    iso->status = (int32_t)status;
    iso->pending = ZPENDING_TERMINATION;
    return false;
}

struct zerror *zerror_new(struct zisolate *iso, struct zvalue kind, struct zvalue message)
{
    struct zerror *error = zheap_new(&iso->heap, ZTYPE_ERROR, sizeof *error, 0);
    if (error == NULL) {
        (void)zerror_raise_memory(iso);
        return NULL;
    }
    error->kind = kind.bits;
    error->kind_tag = (uint8_t)kind.tag;
    error->message = message.bits;
    error->message_tag = (uint8_t)message.tag;
    error->line = 0;
    error->column = 0;
    error->file = 0;
    error->trace = NULL;
    error->hint = 0;
    return error;
}

// The error value of a kind and a text outside the heap, into iso->error; false: pending is set.
static bool make_error(struct zisolate *iso, enum zerror_kind kind, const char *text,
                       size_t length_bytes)
{
    struct zvalue message = zvalue_null();
    struct zscope scope;
    zscope_open(&iso->heap, &scope, &message, 1);
    bool ok = zstring_new(iso, text, length_bytes, &message);
    if (ok) {
        struct zvalue kind_name = zvalue_object(iso->shared->kinds[kind], ZTAG_SYMBOL);
        struct zerror *error = zerror_new(iso, kind_name, message);
        ok = error != NULL;
        if (ok) iso->error = zvalue_object(error, ZTAG_ERROR);
    }
    zscope_close(&iso->heap, &scope);
    return ok;
}

static bool raise(struct zisolate *iso, enum zerror_kind kind, uint8_t pending, const char *format,
                  va_list arguments)
{
    char text[MESSAGE_BYTES_MAX];
    int written = vsnprintf(text, sizeof text, format, arguments);
    size_t length = written < 0 ? 0 : (size_t)written;
    if (length >= sizeof text) length = sizeof text - 1;
    size_t bad;
    if (!zutf8_is_valid(text, length, &bad)) length = bad; // cut inside a character
    if (make_error(iso, kind, text, length)) iso->pending = pending;
    return false;
}

bool zerror_raise(struct zisolate *iso, enum zerror_kind kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)raise(iso, kind, ZPENDING_ERROR, format, arguments);
    va_end(arguments);
    return false;
}

bool zerror_raise_at_caller(struct zisolate *iso, enum zerror_kind kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)raise(iso, kind, ZPENDING_ERROR_CALLER, format, arguments);
    va_end(arguments);
    return false;
}

// What a host does outside of a slice, it learns of by the call's status.
static void tell_limit(struct zisolate *iso, enum zheap_refusal_reason reason)
{
    zisolate_moment(iso, ZVM_MOMENT_LIMIT);
    const struct zshared *shared = iso->shared;
    // relaxed: our own thread set it
    bool is_running = (z_load_relaxed(&iso->state) & ZSTATE_MASK) == ZSTATE_RUNNING;
    if (shared->tell_limit == NULL || !is_running) return;
    zvm_status status = reason == ZHEAP_REFUSED_NOMEM ? ZVM_E_NOMEM : ZVM_E_HEAP_LIMIT;
    shared->tell_limit(shared->tell_context, iso, status);
}

bool zerror_raise_memory(struct zisolate *iso)
{
    struct zheap_refusal refusal = zheap_refusal(&iso->heap);
    if (!iso->in_heap_limit) tell_limit(iso, refusal.reason);
    if (refusal.reason == ZHEAP_REFUSED_NOMEM) return zerror_terminate(iso, ZVM_E_NOMEM);
    if (refusal.final || iso->in_heap_limit) return zerror_terminate(iso, ZVM_E_HEAP_LIMIT);

    // The reserve is for this error alone; a refusal inside it ends the isolate.
    char text[160];
    struct zquota_heap limit = zquota_heap(iso, refusal.limit_bytes, 0 /* peak_bytes */);
    int length = snprintf(
        text, sizeof text, "heap limit of %s%llu bytes reached: %llu live, %llu requested",
        limit.is_group ? "the group of " : "", (unsigned long long)limit.limit_bytes,
        (unsigned long long)refusal.live_bytes, (unsigned long long)refusal.requested_bytes);
    iso->in_heap_limit = 1;
    ZPROBE2(limit__hit, iso->id, (int32_t)ZVM_E_HEAP_LIMIT);
    zheap_reserve_open(&iso->heap);
    if (make_error(iso, ZERROR_HEAP_LIMIT, text, (size_t)length)) iso->pending = ZPENDING_ERROR;
    zheap_reserve_close(&iso->heap);
    iso->in_heap_limit = 0;
    return false;
}

const char *zerror_kind_name(enum zerror_kind kind)
{
    static const char *const names[ZERROR_KIND_COUNT] = {
#define X(name, text) [ZERROR_##name] = text,
        ZERROR_KINDS(X)
#undef X
    };
    return names[kind];
}

const char *zerror_type_text(struct zvalue value)
{
    switch (zvalue_type(value)) {
    case ZTAG_INT:
        return "integer";
    case ZTAG_FLOAT:
        return "float";
    case ZTAG_NULL:
        return "null";
    case ZTAG_FALSE:
    case ZTAG_TRUE:
        return "boolean";
    case ZTYPE_STRING:
        return "string";
    case ZTYPE_LIST:
        return "list";
    case ZTYPE_MAP:
        return "map";
    case ZTYPE_FUNC:
    case ZTYPE_BOUND:
    case ZTYPE_CLASS:
        return "function";
    case ZTYPE_RECORD:
        return "data";
    case ZTYPE_ERROR:
        return "error";
    case ZTYPE_TASK:
        return "task";
    case ZTYPE_HOST:
        return "host object";
    case ZTYPE_ISOLATE:
        return "isolate";
    default:
        return "internal value";
    }
}
