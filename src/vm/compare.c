// vm/compare.c - equality and order of values, LANGUAGE 3.
//
// Owner-thread. Nothing allocates, so nothing needs rooting. Nested containers are compared with an
// explicit stack of bounded depth: two distinct cyclic values would otherwise never end, and the
// language allows a LimitError there. Work is charged by element, since the same inner list may be
// compared any number of times.
#include <string.h>

#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/number.h"
#include "vm/string.h"
#include "vm/talk.h"
#include "vm/text.h"

#define ELEMENT_BYTES 32u // what a pair of elements costs

// Two containers of one type and size that are being compared.
struct pair {
    const struct zobject *a, *b;
    uint32_t next; // element, entry or field to compare next
};

struct comparison {
    struct zisolate *iso;
    uint32_t depth;
    struct zfuel_meter meter;
    struct pair stack[ZEQUAL_DEPTH_MAX];
};

enum verdict { UNEQUAL, EQUAL, FAILED };

static enum verdict verdict_of(bool is_equal)
{
    return is_equal ? EQUAL : UNEQUAL;
}

static bool equal_numbers(struct zvalue a, struct zvalue b)
{
    if (a.tag == ZTAG_INT && b.tag == ZTAG_INT) return a.i == b.i;
    if (a.tag == ZTAG_FLOAT && b.tag == ZTAG_FLOAT) return a.d == b.d;
    if (a.tag == ZTAG_INT) return znumber_compare_int_float(a.i, b.d) == 0;
    return znumber_compare_int_float(b.i, a.d) == 0;
}

static enum verdict equal_strings(struct comparison *comparison, struct zvalue a, struct zvalue b)
{
    uint32_t length = zstring_length_bytes(a.p);
    bool is_read = a.p != b.p && length == zstring_length_bytes(b.p);
    if (is_read && length > ZFUEL_METER_BYTES) {
        int order;
        if (!zfuel_compare(comparison->iso, zstring_bytes(a.p), zstring_bytes(b.p), length, &order))
            return FAILED;
        return verdict_of(order == 0);
    }
    if (is_read && !zfuel_meter_add(comparison->iso, &comparison->meter, length)) return FAILED;
    return verdict_of(zstring_equal(a, b));
}

// Containers of the same size are pushed and count as equal until their parts say otherwise.
static enum verdict open_pair(struct comparison *comparison, struct zvalue a, struct zvalue b)
{
    const struct zobject *first = a.p, *second = b.p;
    if (first == second) return EQUAL;
    if (first->aux != second->aux) return UNEQUAL;
    if (a.tag == ZTAG_RECORD &&
        ((const struct zrecord *)a.p)->class != ((const struct zrecord *)b.p)->class)
        return UNEQUAL;
    if (comparison->depth == ZEQUAL_DEPTH_MAX) {
        (void)zerror_raise(comparison->iso, ZERROR_LIMIT,
                           "values nested deeper than %d cannot be compared", ZEQUAL_DEPTH_MAX);
        return FAILED;
    }
    comparison->stack[comparison->depth++] = (struct pair){.a = first, .b = second};
    return EQUAL;
}

static enum verdict compare_values(struct comparison *comparison, struct zvalue a, struct zvalue b)
{
    if (!zfuel_meter_add(comparison->iso, &comparison->meter, ELEMENT_BYTES)) return FAILED;
    if (a.tag <= ZTAG_FLOAT && b.tag <= ZTAG_FLOAT) return verdict_of(equal_numbers(a, b));
    if (zvalue_type(a) != zvalue_type(b)) return UNEQUAL;
    switch (zvalue_type(a)) {
    case ZTAG_NULL:
    case ZTAG_FALSE:
    case ZTAG_TRUE:
        return EQUAL;
    case ZTYPE_STRING:
        return equal_strings(comparison, a, b);
    case ZTYPE_LIST:
    case ZTYPE_MAP:
    case ZTYPE_RECORD:
        return open_pair(comparison, a, b);
    case ZTYPE_ISOLATE:
        return verdict_of(((const struct zisolate_value *)a.p)->mailbox ==
                          ((const struct zisolate_value *)b.p)->mailbox);
    default: // by identity
        return verdict_of(a.bits == b.bits);
    }
}

// The next parts of the lists on top; false: they have no more.
static bool step_lists(struct pair *pair, struct zvalue *a, struct zvalue *b)
{
    if (pair->next >= pair->a->aux) return false;
    *a = zlist_get((const struct zlist *)(const void *)pair->a, pair->next);
    *b = zlist_get((const struct zlist *)(const void *)pair->b, pair->next);
    pair->next++;
    return true;
}

static bool step_records(struct pair *pair, struct zvalue *a, struct zvalue *b)
{
    const struct zrecord *first = (const void *)pair->a, *second = (const void *)pair->b;
    if (pair->next >= pair->a->aux) return false;
    *a = zvalue_slot(first->fields[pair->next], zrecord_tags(first)[pair->next]);
    *b = zvalue_slot(second->fields[pair->next], zrecord_tags(second)[pair->next]);
    pair->next++;
    return true;
}

// A key that the other map has not gives values that differ.
static bool step_maps(struct pair *pair, struct zvalue *a, struct zvalue *b)
{
    const struct zmap *first = (const void *)pair->a, *second = (const void *)pair->b;
    if (pair->next >= first->used) return false;
    const struct zmap_entry *entry = &zmap_entries(first)[pair->next++];
    const struct zmap_entry *other = zmap_find(second, zvalue_slot(entry->key, entry->key_tag));
    *a = zvalue_slot(entry->value, entry->value_tag);
    *b = zvalue_unset();
    if (other != NULL) *b = zvalue_slot(other->value, other->value_tag);
    return true;
}

static bool step(struct comparison *comparison, struct zvalue *a, struct zvalue *b)
{
    struct pair *pair = &comparison->stack[comparison->depth - 1];
    if (pair->a->kind == ZTYPE_LIST) return step_lists(pair, a, b);
    if (pair->a->kind == ZTYPE_MAP) return step_maps(pair, a, b);
    return step_records(pair, a, b);
}

// False: the isolate ends.
static bool skip_dead(struct comparison *comparison)
{
    struct pair *pair = &comparison->stack[comparison->depth - 1];
    if (pair->a->kind != ZTYPE_MAP) return true;
    return zmap_skip_dead(comparison->iso, (const void *)pair->a, &pair->next);
}

static bool is_scalar(struct zvalue value)
{
    return value.tag <= ZTAG_TRUE;
}

bool zequal_values(struct zisolate *iso, struct zvalue a, struct zvalue b, bool *out)
{
    if (a.tag == ZTAG_INT && b.tag == ZTAG_INT) {
        *out = a.i == b.i;
        return true;
    }
    if (is_scalar(a) || is_scalar(b)) {
        bool are_numbers = a.tag <= ZTAG_FLOAT && b.tag <= ZTAG_FLOAT;
        *out = are_numbers ? equal_numbers(a, b) : a.tag == b.tag;
        return true;
    }
    struct comparison comparison; // 5 KiB: the stack is not cleared
    comparison.iso = iso;
    comparison.depth = 0;
    comparison.meter.bytes = 0;
    enum verdict verdict = compare_values(&comparison, a, b);
    while (verdict == EQUAL && comparison.depth > 0) {
        if (!skip_dead(&comparison))
            verdict = FAILED;
        else if (step(&comparison, &a, &b))
            verdict = compare_values(&comparison, a, b);
        else
            comparison.depth--;
    }
    *out = verdict == EQUAL;
    return verdict != FAILED;
}

// ---- Order --------------------------------------------------------------------------------------

// -1, 0, 1; 2 when a nan makes every comparison false.
static int order_numbers(struct zvalue a, struct zvalue b)
{
    if (a.tag == ZTAG_INT && b.tag == ZTAG_INT) return a.i < b.i ? -1 : a.i > b.i;
    if (a.tag == ZTAG_INT) return znumber_compare_int_float(a.i, b.d);
    if (b.tag == ZTAG_INT) {
        int order = znumber_compare_int_float(b.i, a.d);
        return order == 2 ? 2 : -order;
    }
    if (a.d < b.d) return -1;
    if (a.d > b.d) return 1;
    return a.d == b.d ? 0 : 2;
}

static bool order_holds(enum zorder op, int order)
{
    if (order == 2) return false;
    switch (op) {
    case ZORDER_LT:
        return order < 0;
    case ZORDER_LE:
        return order <= 0;
    case ZORDER_GT:
        return order > 0;
    case ZORDER_GE:
        return order >= 0;
    }
    ZVM_UNREACHABLE();
}

static bool order_strings(struct zisolate *iso, struct zvalue a, struct zvalue b, int *order)
{
    uint32_t first = zstring_length_bytes(a.p), second = zstring_length_bytes(b.p);
    uint32_t shorter = first < second ? first : second;
    if (!zfuel_compare(iso, zstring_bytes(a.p), zstring_bytes(b.p), shorter, order)) return false;
    if (*order == 0) *order = first < second ? -1 : first > second;
    *order = *order < 0 ? -1 : *order > 0;
    return true;
}

bool zorder_values(struct zisolate *iso, enum zorder op, struct zvalue a, struct zvalue b,
                   bool *out)
{
    static const char *const signs[] = {"<", "<=", ">", ">="};
    int order;
    if (a.tag <= ZTAG_FLOAT && b.tag <= ZTAG_FLOAT)
        order = order_numbers(a, b);
    else if (!zvalue_is_string(a) || !zvalue_is_string(b))
        return zerror_raise(iso, ZERROR_TYPE, "cannot compare %s %s %s", zerror_type_text(a),
                            signs[op], zerror_type_text(b));
    else if (!order_strings(iso, a, b, &order))
        return false;
    *out = order_holds(op, order);
    return true;
}
