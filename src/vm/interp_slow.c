// vm/interp_slow.c - slow paths that are not calls, arithmetic or indexing: globals, closures, comparison
// results, list building, printing, destructuring, walking, checks. Thread: owner.
#include "vm/interp_slow.h"

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/hint.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/record.h"
#include "vm/string.h"

#include <string.h>

// ---- Globals ----------------------------------------------------------------------------------

static const struct zstring *global_name(const struct zisolate *iso, uint32_t slot)
{
    return iso->code->globals[slot];
}

bool zslow_name_error(struct zisolate *iso, uint32_t slot)
{
    (void)zerror_raise(iso, ZERROR_NAME, "'%s' is not defined", global_name(iso, slot)->bytes);
    return zhint_add(iso, ZHINT_NAME, 0, iso->code, slot);
}

// The list `args`, made when first used; later uses give the same list.
static bool arguments_list(struct zisolate *iso, struct zvalue *out)
{
    if (!zisolate_ensure_extra(iso)) {
        zheap_note_nomem(&iso->heap, sizeof *iso->extra);
        return zerror_raise_memory(iso);
    }
    if (iso->extra->argument_list.tag == ZTAG_UNSET) {
        size_t count = iso->extra->argument_count;
        struct zvalue values[2] = {zvalue_null(), zvalue_null()}; // the list, an element
        struct zscope scope;
        zscope_open(&iso->heap, &scope, values, 2);
        bool ok = zlist_new(iso, count, &values[0]);
        for (size_t i = 0; ok && i < count; i++) {
            const char *text = iso->extra->arguments[i];
            ok = zstring_new(iso, text, strlen(text), &values[1]) &&
                 zlist_push(iso, values[0].p, values[1]);
        }
        zscope_close(&iso->heap, &scope);
        if (!ok) return false;
        iso->extra->argument_list = values[0];
    }
    *out = iso->extra->argument_list;
    return true;
}

bool zslow_global(struct zisolate *iso, uint32_t slot, struct zvalue *out)
{
    if (iso->code->hosts != NULL && iso->code->hosts[slot] != NULL) {
        *out = zvalue_object(iso->code->hosts[slot], ZTAG_BUILTIN);
        return true;
    }
    const struct zstring *name = global_name(iso, slot);
    if (strcmp(name->bytes, "args") == 0) return arguments_list(iso, out);
    uint32_t builtin = zbuiltin_find(name->bytes, zstring_length_bytes(name));
    if (builtin == ZBUILTIN_NONE) return zslow_name_error(iso, slot);
    *out = zvalue_object(&zbuiltin_table[builtin], ZTAG_BUILTIN);
    return true;
}

bool zslow_assign_const(struct zisolate *iso, const struct zvalue *name)
{
    const struct zstring *text = name->p;
    return zerror_raise(iso, ZERROR_CONST, "cannot assign to constant '%s'", text->bytes);
}

bool zslow_assign_const_global(struct zisolate *iso, uint32_t slot)
{
    if (iso->stack[slot].tag == ZTAG_UNSET) return zslow_name_error(iso, slot);
    struct zvalue name = zvalue_object(global_name(iso, slot), ZTAG_SYMBOL);
    return zslow_assign_const(iso, &name);
}

// ---- Closures ---------------------------------------------------------------------------------

bool zslow_closure(struct zisolate *iso, uint32_t proto_index, struct zvalue *out)
{
    const struct zfunc *outer = iso->frame->func;
    const struct zproto *proto = &outer->proto->code->protos[proto_index];
    uint32_t count = proto->capture_count;
    struct zfunc *func = zheap_new(&iso->heap, ZTYPE_FUNC, zfunc_bytes(count), count);
    if (func == NULL) return zerror_raise_memory(iso);

    const struct zvalue *base = iso->stack + iso->frame->base;
    func->proto = proto;
    uint8_t *tags = zfunc_tags(func);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t index = proto->captures[i].index;
        if (proto->captures[i].from_register) {
            func->captured[i] = base[index].bits;
            tags[i] = (uint8_t)base[index].tag;
        } else {
            func->captured[i] = outer->captured[index];
            tags[i] = zfunc_tags(outer)[index];
        }
    }
    *out = zvalue_object(func, ZTAG_FUNC);
    return true;
}

// ---- Comparison results -----------------------------------------------------------------------

bool zslow_compare(struct zisolate *iso, enum zorder order, const struct zvalue *a,
                   const struct zvalue *b, struct zvalue *out)
{
    bool holds;
    if (!zorder_values(iso, order, *a, *b, &holds)) return false;
    *out = zvalue_bool(holds);
    return true;
}

bool zslow_equal(struct zisolate *iso, const struct zvalue *a, const struct zvalue *b, int sense,
                 struct zvalue *out)
{
    bool equal;
    if (!zequal_values(iso, *a, *b, &equal)) return false;
    *out = zvalue_bool(equal == (sense != 0));
    return true;
}

// ---- Lists, text, printing --------------------------------------------------------------------

bool zslow_list_add(struct zisolate *iso, struct zvalue *list, const struct zvalue *values,
                    uint32_t count)
{
    if (list->tag != ZTAG_LIST) return zerror_terminate(iso, ZVM_E_BYTECODE);
    for (uint32_t i = 0; i < count; i++) {
        if (!zlist_push(iso, list->p, values[i])) return false;
    }
    return true;
}

bool zslow_concat(struct zisolate *iso, const struct zvalue *parts, uint32_t count,
                  struct zvalue *out)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!zvalue_is_string(parts[i])) return zerror_terminate(iso, ZVM_E_BYTECODE);
    }
    return zstring_concat_many(iso, parts, count, out);
}

bool zslow_print(struct zisolate *iso, const struct zvalue *values, uint32_t count)
{
    return ztext_print(iso, values, count);
}

// ---- Destructuring ----------------------------------------------------------------------------

bool zslow_unpack(struct zisolate *iso, struct zvalue *out, struct zvalue list, uint32_t shape)
{
    uint32_t count = shape & 127;
    bool has_rest = shape >= 128;
    if (list.tag != ZTAG_LIST) {
        return zerror_raise(iso, ZERROR_TYPE, "cannot destructure %s as a list",
                            zerror_type_text(list));
    }
    const struct zlist *from = list.p;
    uint32_t length = zlist_length(from);
    if (has_rest ? length < count : length != count) {
        return zerror_raise(iso, ZERROR_VALUE, "expected %s%u elements, got %u",
                            has_rest ? "at least " : "", count, length);
    }
    if (has_rest && !zlist_slice(iso, from, count, length, &out[count])) return false;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = zlist_get(from, i);
    }
    return true;
}

bool zslow_not_a_map(struct zisolate *iso, const struct zvalue *value)
{
    return zerror_raise(iso, ZERROR_TYPE, "cannot destructure %s as a map",
                        zerror_type_text(*value));
}

// ---- for each ---------------------------------------------------------------------------------
//
// state[0] what is walked, [1] the index, [2] a map's version or a string's byte offset.

bool zslow_iterate_begin(struct zisolate *iso, struct zvalue *state)
{
    switch (zvalue_type(state[0])) {
    case ZTYPE_LIST:
    case ZTYPE_STRING:
        state[2] = zvalue_int(0);
        break;
    case ZTYPE_MAP: {
        const struct zmap *map = state[0].p;
        state[2] = zvalue_int(map->version);
        break;
    }
    default:
        return zerror_raise(iso, ZERROR_TYPE, "cannot iterate over %s", zerror_type_text(state[0]));
    }
    state[1] = zvalue_int(0);
    return true;
}

static bool iterate_map(struct zisolate *iso, struct zvalue *state, uint32_t name_count, bool *more)
{
    const struct zmap *map = state[0].p;
    if (state[2].i != (int64_t)map->version) {
        return zerror_raise(iso, ZERROR_STATE, "map changed size during iteration");
    }
    uint32_t i = (uint64_t)state[1].i < map->used ? (uint32_t)state[1].i : map->used;
    if (!zmap_skip_dead(iso, map, &i)) return false;
    *more = i < map->used;
    if (!*more) return true;
    const struct zmap_entry *entry = &zmap_entries(map)[i];
    state[3] = zvalue_slot(entry->key, entry->key_tag);
    if (name_count == 2) state[4] = zvalue_slot(entry->value, entry->value_tag);
    state[1] = zvalue_int((int64_t)i + 1);
    return true;
}

static bool iterate_string(struct zisolate *iso, struct zvalue *state, uint32_t name_count,
                           bool *more)
{
    uint64_t offset = (uint64_t)state[2].i;
    *more = offset < zstring_length_bytes(state[0].p);
    if (!*more) return true;
    // Code of another origin may have written the state: never cut a character in two.
    if ((zstring_bytes(state[0].p)[offset] & 0xc0) == 0x80) {
        return zerror_terminate(iso, ZVM_E_BYTECODE);
    }
    size_t step;
    struct zvalue *name = state + 3;
    if (name_count == 2) *name++ = zvalue_int(state[1].i);
    if (!zstring_char_at(iso, state[0], offset, &step, name)) return false;
    state[1] = zvalue_int((int64_t)((uint64_t)state[1].i + 1));
    state[2] = zvalue_int((int64_t)(offset + step));
    return true;
}

bool zslow_iterate_next(struct zisolate *iso, struct zvalue *state, uint32_t name_count, bool *more)
{
    if (state[0].tag == ZTAG_MAP) return iterate_map(iso, state, name_count, more);
    if (zvalue_is_string(state[0])) return iterate_string(iso, state, name_count, more);
    return zerror_terminate(iso, ZVM_E_BYTECODE);
}

// A range is walked without making its list. Without a step, RANGEUP counts up to the end; with one,
// RANGENEXT counts the rest down, because the step behind the last may leave the range of integers.
bool zslow_range_begin(struct zisolate *iso, struct zvalue *state, uint32_t count)
{
    struct zrange range;
    if (!zbuiltin_range_of(iso, state, count, &range)) return false;
    state[0] = zvalue_int(range.start);
    state[1] = zvalue_int(count < 3 ? range.start + (int64_t)range.count : (int64_t)range.count);
    state[2] = zvalue_int(range.step);
    return true;
}

// ---- Type annotations -------------------------------------------------------------------------

static bool has_type(const struct zvalue *value, const struct zcheck *check)
{
    switch (check->type) {
    case ZCHECK_ANY:
        return true;
    case ZCHECK_INT:
        return value->tag == ZTAG_INT;
    case ZCHECK_FLOAT:
    case ZCHECK_NUMBER:
        return value->tag <= ZTAG_FLOAT;
    case ZCHECK_STRING:
        return zvalue_is_string(*value);
    case ZCHECK_BOOL:
        return zvalue_is_bool(*value);
    case ZCHECK_LIST:
        return value->tag == ZTAG_LIST;
    case ZCHECK_MAP:
        return value->tag == ZTAG_MAP;
    case ZCHECK_FUNCTION:
        return zvalue_is_function(*value);
    case ZCHECK_NULL:
        return value->tag == ZTAG_NULL;
    default:
        return value->tag == ZTAG_RECORD &&
               zshape_has_name(zrecord_shape(value->p), check->type_name);
    }
}

bool zslow_check(struct zisolate *iso, const struct zvalue *value, const struct zcheck *check)
{
    if (has_type(value, check)) return true;
    const char *type = check->type_name->bytes, *name = check->name->bytes;
    const char *got = zerror_type_text(*value);
    if (value->tag == ZTAG_RECORD) got = zrecord_type_name(value->p)->bytes;
    switch (check->context) {
    case ZCHECK_PARAMETER:
        return zerror_raise_at_caller(iso, ZERROR_TYPE, "parameter '%s': expected %s, got %s", name,
                                      type, got);
    case ZCHECK_RESULT:
        return zerror_raise_at_caller(iso, ZERROR_TYPE, "return value of %s: expected %s, got %s",
                                      name, type, got);
    case ZCHECK_FIELD:
        return zerror_raise(iso, ZERROR_TYPE, "field '%s': expected %s, got %s", name, type, got);
    default:
        return zerror_raise(iso, ZERROR_TYPE, "'%s': expected %s, got %s", name, type, got);
    }
}

// ---- Throwing on ------------------------------------------------------------------------------

// pair[0] was thrown before; pair[1] packs its place as the unwinder left it, a negative integer. In code
// that no compiler made anything may stand there, an address too, which must not get out as a place: then the
// value is thrown here.
void zslow_rethrow(struct zisolate *iso, const struct zvalue *pair)
{
    iso->error = pair[0];
    iso->pending = ZPENDING_ERROR;
    if (pair[1].tag != ZTAG_INT || pair[1].i >= 0) return;
    uint64_t place = ~(uint64_t)pair[1].i;
    iso->error_line = (uint32_t)(place >> 32);
    iso->error_column = (uint32_t)place;
    iso->error.aux = pair[1].aux; // the file
    iso->pending = ZPENDING_ERROR_AT;
}
