// vm/parts_make.c - a value with all that is in it, made from a row of parts.
//
// Owns: the stack of levels, for the length of one call. Thread: the isolate's owner.
// How: a list or map goes into what is around it when it begins, so everything is reached from the outermost, which
// is rooted here with the key and the value under way; no recursion, and one coming and going for all parts.
// A key that the program has among its constants becomes that symbol (vm/keys.h); another stays a string of this heap,
// as symbols of rows would be counted by all threads and make the table grow with what is handed over.
#include "vm/parts.h"

#include "base/utf8.h"
#include "vm/error.h"
#include "vm/exchange.h"
#include "vm/keys.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/parts_levels.h"
#include "vm/string_internal.h"

enum { ROOT, KEY, VALUE, ROOTS };

struct maker {
    struct zisolate *iso;
    const struct zkeys *keys; // NULL: no memory for them
    struct zvalue roots[ROOTS];
    struct zparts_levels levels;
    bool is_whole;
};

static zvm_status status_of(bool ok)
{
    return ok ? ZVM_OK : ZVM_E_ERROR;
}

// What zexchange_check and zexchange_in do for a text, looking at it once when it is short and ASCII, as most are.
static zvm_status make_text(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    size_t length_bytes = value->length_bytes;
    bool is_short = length_bytes >= 2 && length_bytes <= ZSTRING_INLINE_MAX && value->text != NULL;
    if (!is_short || !zutf8_is_ascii(value->text, length_bytes)) {
        zvm_status status = zexchange_check(value);
        return status == ZVM_OK ? status_of(zexchange_in(iso, value, out)) : status;
    }
    char *bytes;
    if (!zstring_make(iso, length_bytes, true /* ascii */, out, &bytes)) return ZVM_E_ERROR;
    memcpy(bytes, value->text, length_bytes);
    return ZVM_OK;
}

static zvm_status make_value(struct zisolate *iso, const zvm_value *value, struct zvalue *out)
{
    switch (value->kind) {
    case ZVM_VALUE_STRING:
        return make_text(iso, value, out);
    case ZVM_VALUE_INT:
        *out = zvalue_int(value->integer);
        return ZVM_OK;
    case ZVM_VALUE_FLOAT:
        *out = zvalue_float(value->number);
        return ZVM_OK;
    case ZVM_VALUE_NULL:
    case ZVM_VALUE_BOOL:
    case ZVM_VALUE_HOST:
    case ZVM_VALUE_OTHER:
    default: {
        zvm_status status = zexchange_check(value);
        return status == ZVM_OK ? status_of(zexchange_in(iso, value, out)) : status;
    }
    }
}

static zvm_status make_key(const struct maker *maker, const zvm_value *key, struct zvalue *out)
{
    if (key->kind == ZVM_VALUE_INT) {
        *out = zvalue_int(key->integer);
        return ZVM_OK;
    }
    if (key->kind != ZVM_VALUE_STRING) return ZVM_E_TYPE;
    const struct zstring *symbol = NULL;
    if (maker->keys != NULL && key->text != NULL)
        symbol = zkeys_find(maker->keys, key->text, key->length_bytes);
    if (symbol == NULL) return make_text(maker->iso, key, out);
    *out = zvalue_object((void *)(uintptr_t)symbol, ZTAG_SYMBOL);
    return ZVM_OK;
}

// roots[VALUE] goes into what is around it.
static zvm_status put(struct maker *maker, const zvm_part *part)
{
    if (maker->levels.count == 0) {
        maker->roots[ROOT] = maker->roots[VALUE];
        maker->is_whole = true;
        return ZVM_OK;
    }
    struct zvalue around = zparts_innermost(&maker->levels)->value;
    if (around.tag == ZTAG_LIST)
        return status_of(zlist_push(maker->iso, around.p, maker->roots[VALUE]));
    zvm_status status = make_key(maker, &part->key, &maker->roots[KEY]);
    if (status != ZVM_OK) return status;
    return status_of(
        zmap_set_private(maker->iso, around.p, maker->roots[KEY], maker->roots[VALUE]));
}

static zvm_status begin(struct maker *maker, const zvm_part *part)
{
    bool is_map = part->kind == ZVM_PART_MAP;
    if (part->count > ZLIST_LENGTH_MAX) return ZVM_E_LIMIT;
    bool is_made = is_map ? zmap_new(maker->iso, part->count, &maker->roots[VALUE])
                          : zlist_new(maker->iso, part->count, &maker->roots[VALUE]);
    if (!is_made) return ZVM_E_ERROR;
    struct zvalue made = maker->roots[VALUE];
    zvm_status status = put(maker, part);
    if (status != ZVM_OK) return status;
    maker->is_whole = false;
    return zparts_push(&maker->levels, made) ? ZVM_OK : ZVM_E_NOMEM;
}

static zvm_status end(struct maker *maker)
{
    if (maker->levels.count == 0) return ZVM_E_ARGUMENT;
    maker->levels.count--;
    maker->is_whole = maker->levels.count == 0;
    return ZVM_OK;
}

static zvm_status take(struct maker *maker, const zvm_part *part)
{
    switch (part->kind) {
    case ZVM_PART_VALUE: {
        zvm_status status = make_value(maker->iso, &part->value, &maker->roots[VALUE]);
        return status == ZVM_OK ? put(maker, part) : status;
    }
    case ZVM_PART_LIST:
    case ZVM_PART_MAP:
        return begin(maker, part);
    case ZVM_PART_END:
        return end(maker);
    case ZVM_PART_DATA: // types are the program's to make instances of
    default:
        return ZVM_E_ARGUMENT;
    }
}

zvm_status zparts_make(struct zisolate *iso, zvm_next_part_fn next, void *context,
                       struct zvalue *out)
{
    struct maker maker;
    maker.iso = iso;
    maker.keys = zkeys_of(iso->code);
    maker.is_whole = false;
    for (int i = 0; i < ROOTS; i++)
        maker.roots[i] = zvalue_null();
    zparts_levels_init(&maker.levels);
    struct zscope scope;
    zscope_open(&iso->heap, &scope, maker.roots, ROOTS);
    zvm_part part = {.kind = ZVM_PART_VALUE};
    zvm_status status = ZVM_OK;
    while (status == ZVM_OK && !maker.is_whole)
        status = next(context, &part) ? take(&maker, &part) : ZVM_E_OUTPUT;
    zscope_close(&iso->heap, &scope);
    zparts_levels_deinit(&maker.levels);
    if (status == ZVM_OK) *out = maker.roots[ROOT];
    return status;
}
