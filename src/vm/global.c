// vm/global.c - values in and out of an isolate's globals, for the host.
//
// Owns: the copy of a long text, in the isolate's extra part. Thread: the isolate's owner.
// Invariant: what the host does here costs the program nothing: its fuel, its deadline and a result
// that it has come to are as before. Only its heap grows.
#include "vm/global.h"

#include "base/alloc.h"
#include "vm/aside.h"
#include "vm/exchange.h"
#include "vm/string.h"

#include <string.h>

// Globals stand at the bottom of the stack; those of modules are their own.
struct zvalue *zglobal_find(const struct zisolate *iso, const char *name)
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

static zvm_status make_object(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    struct zaside aside;
    zaside_begin(iso, &aside);
    zvm_status status = zaside_end(iso, &aside, zexchange_in(iso, value, out));
    // An object that was given out takes no memory when it comes back: it is not there.
    bool is_gone = value->kind == ZVM_VALUE_HOST && value->host_id != 0;
    return status == ZVM_E_HEAP_LIMIT && is_gone ? ZVM_E_STALE : status;
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
    if (zglobal_find(iso, name) == NULL) return ZVM_E_NOT_FOUND;
    struct zvalue converted;
    zvm_status status = convert(iso, value, &converted);
    if (status == ZVM_OK) *zglobal_find(iso, name) = converted;
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
    const struct zvalue *value = zglobal_find(iso, name);
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
