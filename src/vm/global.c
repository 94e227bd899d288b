// vm/global.c - values in and out of an isolate's globals, for the host.
//
// Owns: the copy of a long text, in the isolate's extra part. Thread: the isolate's owner.
// Invariant: what the host does here costs the program nothing: its fuel, its deadline and a result
// that it has come to are as before. Only its heap grows.
#include "vm/global.h"

#include "base/alloc.h"
#include "vm/exchange.h"
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

// Making an object may charge fuel, look at the clock and leave an error behind. All of that belongs
// to the program, so it is set aside and put back.
static zvm_status make_object(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    int64_t fuel = iso->fuel, fuel_reserve = iso->fuel_reserve;
    uint64_t deadline_ns = iso->deadline_ns;
    uint32_t poll_bytes = iso->poll_bytes;
    int32_t status = iso->status;
    iso->fuel = 0;
    iso->fuel_reserve = INT64_MAX / 4;
    iso->deadline_ns = 0;

    zvm_status outcome = ZVM_OK;
    if (!zexchange_in(iso, value, out)) {
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

static zvm_status convert(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    zvm_status status = zexchange_check(value);
    if (status != ZVM_OK) return status;
    bool is_object = value->kind == ZVM_VALUE_STRING || value->kind == ZVM_VALUE_HOST;
    if (is_object) return make_object(iso, value, out);
    (void)zexchange_in(iso, value, out); // scalars need no memory
    return ZVM_OK;
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

zvm_status zglobal_get(struct zisolate *iso, const char *name, zvm_value *out)
{
    const struct zvalue *value = find(iso, name);
    if (value == NULL || value->tag == ZTAG_UNSET) return ZVM_E_NOT_FOUND;
    zvm_value read = zexchange_out(iso, *value);
    if (read.kind == ZVM_VALUE_STRING) {
        const struct zstring *string = value->p;
        bool has_end = (string->header.flags & ZFLAG_LONG) == 0;
        zvm_status status = has_end ? ZVM_OK : copy_long(iso, string, &read.text);
        if (status != ZVM_OK) return status;
    }
    *out = read;
    return ZVM_OK;
}
