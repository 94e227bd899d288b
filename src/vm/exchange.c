// vm/exchange.c - values that cross between a program and its host, by copy.
//
// Owns: nothing. Thread: the isolate's owner; checking needs no isolate.
// What has parts (lists, maps, functions) does not cross: the host sees that there is one, and no more.
#include "vm/exchange.h"

#include "base/utf8.h"
#include "vm/hostobject.h"
#include "vm/string.h"

#include <string.h>

static zvm_status check_text(const zvm_value *value)
{
    if (value->text == NULL && value->length_bytes > 0) return ZVM_E_ARGUMENT;
    if (value->length_bytes > ZSTRING_BYTES_MAX) return ZVM_E_LIMIT;
    return zutf8_is_valid(value->text, value->length_bytes, NULL) ? ZVM_OK : ZVM_E_UTF8;
}

static zvm_status check_kind(const zvm_host_kind *kind)
{
    if (kind == NULL || kind->size < sizeof *kind || kind->name == NULL) return ZVM_E_ARGUMENT;
    size_t length_bytes = strnlen(kind->name, ZVM_HOST_NAME_BYTES_MAX + 1);
    if (length_bytes > ZVM_HOST_NAME_BYTES_MAX) return ZVM_E_ARGUMENT;
    return zutf8_is_valid(kind->name, length_bytes, NULL) ? ZVM_OK : ZVM_E_UTF8;
}

zvm_status zexchange_check(const zvm_value *value)
{
    switch (value->kind) {
    case ZVM_VALUE_NULL:
    case ZVM_VALUE_BOOL:
    case ZVM_VALUE_INT:
    case ZVM_VALUE_FLOAT:
        return ZVM_OK;
    case ZVM_VALUE_STRING:
        return check_text(value);
    case ZVM_VALUE_HOST:
        return check_kind(value->host_kind);
    case ZVM_VALUE_OTHER:
    default:
        return ZVM_E_TYPE;
    }
}

bool zexchange_in(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    switch (value->kind) {
    case ZVM_VALUE_BOOL:
        *out = zvalue_bool(value->boolean);
        return true;
    case ZVM_VALUE_INT:
        *out = zvalue_int(value->integer);
        return true;
    case ZVM_VALUE_FLOAT:
        *out = zvalue_float(value->number);
        return true;
    case ZVM_VALUE_STRING:
        return zstring_new(iso, value->text, value->length_bytes, out);
    case ZVM_VALUE_HOST:
        return zhost_object_in(iso, value, out);
    case ZVM_VALUE_NULL:
    case ZVM_VALUE_OTHER:
    default:
        *out = zvalue_null();
        return true;
    }
}

zvm_value zexchange_out(const struct zisolate *iso, struct zvalue value)
{
    if (zvalue_is_string(value))
        return (zvm_value){.kind = ZVM_VALUE_STRING,
                           .text = zstring_bytes(value.p),
                           .length_bytes = zstring_length_bytes(value.p)};
    switch (value.tag) {
    case ZTAG_INT:
        return (zvm_value){.kind = ZVM_VALUE_INT, .integer = value.i};
    case ZTAG_FLOAT:
        return (zvm_value){.kind = ZVM_VALUE_FLOAT, .number = value.d};
    case ZTAG_NULL:
        return (zvm_value){.kind = ZVM_VALUE_NULL};
    case ZTAG_FALSE:
    case ZTAG_TRUE:
        return (zvm_value){.kind = ZVM_VALUE_BOOL, .boolean = value.tag == ZTAG_TRUE};
    case ZTAG_HOST:
        return zhost_object_out(iso, value.p);
    default:
        return (zvm_value){.kind = ZVM_VALUE_OTHER};
    }
}
