// vm/global.c - values in and out of an isolate's globals, for the host.
//
// Owns: the copy of a long text, in the isolate's extra part. Thread: the isolate's owner.
// Invariant: what the host does here costs the program nothing: its fuel, its deadline and a result
// that it has come to are as before. Only its heap grows.
#include "vm/global.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "vm/string.h"

#include <string.h>

// The register of a global, NULL when the program has none of that name; those of its modules are
// their own. Globals stand at the bottom of the stack.
static struct zvalue *find(const struct zisolate *iso, const char *name)
{
    size_t length_bytes = strlen(name);
    for (uint32_t slot = 0; slot < iso->code->program_global_count; slot++) {
        const struct zstring *global = iso->code->globals[slot];
        if (zstring_length_bytes(global) != length_bytes) continue;
        if (memcmp(zstring_bytes(global), name, length_bytes) == 0) return &iso->stack[slot];
    }
    return NULL;
}

// ---- Writing ------------------------------------------------------------------------------------

// Making a string may charge fuel, look at the clock and leave an error behind. All of that belongs
// to the program, so it is set aside and put back.
static zvm_status make_string(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    int64_t fuel = iso->fuel, fuel_reserve = iso->fuel_reserve;
    uint64_t deadline_ns = iso->deadline_ns;
    uint32_t poll_bytes = iso->poll_bytes;
    int32_t status = iso->status;
    iso->fuel = 0;
    iso->fuel_reserve = INT64_MAX / 4;
    iso->deadline_ns = 0;

    zvm_status outcome = ZVM_OK;
    if (!zstring_new(iso, value->text, value->length_bytes, out)) {
        bool is_end = iso->pending == ZPENDING_TERMINATION;
        outcome = is_end ? (zvm_status)iso->status : ZVM_E_HEAP_LIMIT;
        iso->pending = ZPENDING_NOTHING;
        iso->error = zvalue_null();
    }

    iso->fuel = fuel;
    iso->fuel_reserve = fuel_reserve;
    iso->deadline_ns = deadline_ns;
    iso->poll_bytes = poll_bytes;
    iso->status = status;
    return outcome;
}

static zvm_status check_text(const zvm_value *value)
{
    if (value->text == NULL && value->length_bytes > 0) return ZVM_E_ARGUMENT;
    if (value->length_bytes > ZSTRING_BYTES_MAX) return ZVM_E_LIMIT;
    if (!zutf8_is_valid(value->text, value->length_bytes, NULL)) return ZVM_E_UTF8;
    return ZVM_OK;
}

static zvm_status convert(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    zvm_status status;
    switch (value->kind) {
    case ZVM_VALUE_NULL:
        *out = zvalue_null();
        return ZVM_OK;
    case ZVM_VALUE_BOOL:
        *out = zvalue_bool(value->boolean);
        return ZVM_OK;
    case ZVM_VALUE_INT:
        *out = zvalue_int(value->integer);
        return ZVM_OK;
    case ZVM_VALUE_FLOAT:
        *out = zvalue_float(value->number);
        return ZVM_OK;
    case ZVM_VALUE_STRING:
        status = check_text(value);
        return status != ZVM_OK ? status : make_string(iso, value, out);
    case ZVM_VALUE_OTHER:
    default:
        return ZVM_E_TYPE;
    }
}

zvm_status zglobal_set(struct zisolate *iso, const char *name, const zvm_value *value)
{
    if (find(iso, name) == NULL) return ZVM_E_NOT_FOUND;
    struct zvalue converted;
    zvm_status status = convert(iso, value, &converted);
    if (status == ZVM_OK) *find(iso, name) = converted;
    return status;
}

// ---- Reading ------------------------------------------------------------------------------------

static zvm_status copy_long(struct zisolate *iso, const struct zstring *string, const char **out)
{
    if (iso->extra == NULL) iso->extra = z_alloc_zeroed(sizeof *iso->extra);
    if (iso->extra == NULL) return ZVM_E_NOMEM;
    char *text = z_alloc_text(zstring_bytes(string), zstring_length_bytes(string));
    if (text == NULL) return ZVM_E_NOMEM;
    z_free(iso->extra->text, iso->extra->text_bytes);
    iso->extra->text = text;
    iso->extra->text_bytes = (size_t)zstring_length_bytes(string) + 1;
    *out = text;
    return ZVM_OK;
}

static zvm_status read_string(struct zisolate *iso, const struct zstring *string, zvm_value *out)
{
    zvm_value read = {.kind = ZVM_VALUE_STRING, .length_bytes = zstring_length_bytes(string)};
    if (string->header.flags & ZFLAG_LONG) {
        zvm_status status = copy_long(iso, string, &read.text);
        if (status != ZVM_OK) return status;
    } else {
        read.text = string->bytes;
    }
    *out = read;
    return ZVM_OK;
}

zvm_status zglobal_get(struct zisolate *iso, const char *name, zvm_value *out)
{
    const struct zvalue *value = find(iso, name);
    if (value == NULL || value->tag == ZTAG_UNSET) return ZVM_E_NOT_FOUND;
    if (zvalue_is_string(*value)) return read_string(iso, value->p, out);
    switch (value->tag) {
    case ZTAG_INT:
        *out = (zvm_value){.kind = ZVM_VALUE_INT, .integer = value->i};
        break;
    case ZTAG_FLOAT:
        *out = (zvm_value){.kind = ZVM_VALUE_FLOAT, .number = value->d};
        break;
    case ZTAG_NULL:
        *out = (zvm_value){.kind = ZVM_VALUE_NULL};
        break;
    case ZTAG_FALSE:
        *out = (zvm_value){.kind = ZVM_VALUE_BOOL, .boolean = false};
        break;
    case ZTAG_TRUE:
        *out = (zvm_value){.kind = ZVM_VALUE_BOOL, .boolean = true};
        break;
    default:
        *out = (zvm_value){.kind = ZVM_VALUE_OTHER};
        break;
    }
    return ZVM_OK;
}
