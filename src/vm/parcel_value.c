// vm/parcel_value.c - a value without parts of the host's as a parcel.
//
// Owns: nothing. Thread: any. There is no isolate: what it costs is the host's. A long text is copied once, here.
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

static bool is_text(const zvm_value *value)
{
    return value->kind == ZVM_VALUE_STRING;
}

static bool goes_by_count(const zvm_value *value)
{
    return is_text(value) && value->length_bytes > ZSTRING_COUNTED_MIN;
}

// The only object: number 0. counted, with a hold: its bytes; NULL: they are in the parcel.
static void put_text(struct zparcel *parcel, const zvm_value *value, struct zcounted *counted)
{
    struct zparcel_object *object = (struct zparcel_object *)(uintptr_t)zparcel_first(parcel);
    *object = (struct zparcel_object){
        .kind = counted == NULL ? ZTYPE_STRING : ZTYPE_STRBUF,
        .detail = zutf8_is_ascii(value->text, value->length_bytes) ? ZFLAG_ASCII : 0,
        .count = (uint32_t)value->length_bytes,
        .pointer = counted};
    char *bytes = counted == NULL ? (char *)(object + 1) : counted->bytes;
    if (value->length_bytes > 0) memcpy(bytes, value->text, value->length_bytes);
    parcel->slots[0] = (struct zparcel_slot){.bits = 0, .tag = ZTAG_STRING};
}

// bytes: of the parcel itself; counted_bytes: beside it.
static struct zparcel *make(uint64_t bytes, uint64_t counted_bytes)
{
    struct zparcel *parcel = z_alloc_zeroed(bytes);
    if (parcel == NULL) return NULL;
    *parcel = (struct zparcel){
        .message = {.bytes = bytes + counted_bytes, .kind = ZMESSAGE_VALUE},
        .root_count = 1,
        .hold_count = counted_bytes > 0 ? 1 : 0,
    };
    return parcel;
}

zvm_status zparcel_of_value(struct zcounted_sum *sum, const zvm_value *value, uint64_t limit_bytes,
                            struct zparcel **out)
{
    if (value->kind == ZVM_VALUE_HOST || value->kind == ZVM_VALUE_OTHER) return ZVM_E_TYPE;
    bool by_count = goes_by_count(value);
    uint64_t bytes = sizeof(struct zparcel) + sizeof(struct zparcel_slot);
    uint64_t counted_bytes = by_count ? zcounted_block_bytes(value->length_bytes) : 0;
    if (is_text(value)) bytes += sizeof(struct zparcel_object);
    if (is_text(value) && !by_count) bytes += zparcel_pad(value->length_bytes);
    if (bytes + counted_bytes > limit_bytes) return ZVM_E_MAILBOX;
    struct zcounted *counted = by_count ? zcounted_make(sum, value->length_bytes) : NULL;
    if (by_count && counted == NULL) return ZVM_E_NOMEM;
    struct zparcel *parcel = make(bytes, counted_bytes);
    if (parcel == NULL) {
        if (by_count) zcounted_release(counted);
        return ZVM_E_NOMEM;
    }
    if (is_text(value)) {
        parcel->object_count = 1;
        put_text(parcel, value, counted);
    } else {
        parcel->slots[0] = slot_of(value);
    }
    *out = parcel;
    return ZVM_OK;
}
