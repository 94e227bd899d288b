// vm/parcel_value.c - a value without parts of the host's as a parcel.
//
// Owns: nothing. Thread: any. There is no isolate: what it costs is the host's.
#include "vm/parcel_internal.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <string.h>

static struct zparcel_slot slot_of(const zvm_value *value)
{
    struct zvalue scalar = zvalue_null();
    if (value->kind == ZVM_VALUE_BOOL) scalar = zvalue_bool(value->boolean);
    if (value->kind == ZVM_VALUE_INT) scalar = zvalue_int(value->integer);
    if (value->kind == ZVM_VALUE_FLOAT) scalar = zvalue_float(value->number);
    return (struct zparcel_slot){.bits = scalar.bits, .tag = scalar.tag};
}

// The only object: number 0.
static void put_text(struct zparcel *parcel, const zvm_value *value)
{
    struct zparcel_object *object = (struct zparcel_object *)(uintptr_t)zparcel_first(parcel);
    *object = (struct zparcel_object){
        .kind = ZTYPE_STRING,
        .detail = zutf8_is_ascii(value->text, value->length_bytes) ? ZFLAG_ASCII : 0,
        .count = (uint32_t)value->length_bytes};
    if (value->length_bytes > 0) memcpy(object + 1, value->text, value->length_bytes);
    parcel->slots[0] = (struct zparcel_slot){.bits = 0, .tag = ZTAG_STRING};
}

zvm_status zparcel_of_value(const zvm_value *value, uint64_t limit_bytes, struct zparcel **out)
{
    if (value->kind == ZVM_VALUE_HOST || value->kind == ZVM_VALUE_OTHER) return ZVM_E_TYPE;
    bool is_text = value->kind == ZVM_VALUE_STRING;
    uint64_t bytes = sizeof(struct zparcel) + sizeof(struct zparcel_slot);
    if (is_text) bytes += sizeof(struct zparcel_object) + zparcel_pad(value->length_bytes);
    if (bytes > limit_bytes) return ZVM_E_MAILBOX;
    struct zparcel *parcel = z_alloc_zeroed(bytes);
    if (parcel == NULL) return ZVM_E_NOMEM;
    *parcel = (struct zparcel){.message = {.bytes = bytes, .kind = ZMESSAGE_VALUE},
                               .root_count = 1,
                               .object_count = is_text ? 1 : 0};
    if (is_text)
        put_text(parcel, value);
    else
        parcel->slots[0] = slot_of(value);
    *out = parcel;
    return ZVM_OK;
}
