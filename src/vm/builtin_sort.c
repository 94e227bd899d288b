// vm/builtin_sort.c - sort: by value or by key at once, by a comparing function as a native frame.
//
// Owner-thread. Both are bottom-up merge sorts: stable, no recursion, n log n whatever the input.
//
// At once: the keys are copied out of the list, { value, index }, into a buffer outside the heap
// that is charged to it, sorted there, and the list is copied in that order.
//
// With a function: two copies of the list are merged to and fro, one call a comparison, and all
// state is in registers, so that the frame can be suspended between any two comparisons and the
// function may do to the list what it likes. Registers: from, f, into, width, low, left, right,
// then the window.
#include "vm/builtin_internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/number.h"
#include "vm/record.h"
#include "vm/text.h"

// ---- The keys -----------------------------------------------------------------------------------

enum key_kind { KEYS_INT, KEYS_NUMBER, KEYS_STRING };

struct sorter {
    struct zisolate *iso;
    struct zvalue *keys;  // [count], aux = the element's index
    struct zvalue *other; // [count], merged into, then swapped
    uint32_t count;
    enum key_kind kind;
    bool descending;
    bool failed;
    struct zfuel_meter meter;
    const struct zshape *shape; // of the instances last seen, and where the field is in them
    const struct zshape_member *member;
};

static bool raise_mixed(struct zisolate *iso)
{
    return zerror_raise(iso, ZERROR_TYPE, "sort(): elements must be all numbers or all strings");
}

#define QUOTED_BYTES_MAX 3900 // of a key in a message: leaves room for the words around it

static bool raise_no_field(struct zisolate *iso, struct zvalue field, struct zvalue element)
{
    uint32_t length = zstring_length_bytes(field.p);
    if (length > QUOTED_BYTES_MAX) length = QUOTED_BYTES_MAX;
    return zerror_raise(iso, ZERROR_TYPE, "sort(): cannot take field '%.*s' of %s", (int)length,
                        zstring_bytes(field.p), zerror_type_text(element));
}

#define COMPARE_NAME_BYTES 8u // what looking at one field's name costs

// Instances of one type mostly stand together: the field is searched once for them.
static bool key_of_record(struct sorter *sorter, const struct zrecord *record,
                          const struct zstring *field, struct zvalue *key)
{
    const struct zshape *shape = zrecord_shape(record);
    if (shape != sorter->shape) {
        uint64_t bytes = (uint64_t)shape->field_count * COMPARE_NAME_BYTES;
        if (!zfuel_meter_add(sorter->iso, &sorter->meter, bytes)) return false;
        const struct zshape_member *member = zshape_find_text(shape, field);
        if (member == NULL) return zrecord_no_field(sorter->iso, record, field);
        sorter->shape = shape;
        sorter->member = member;
    }
    uint32_t index = sorter->member->index;
    *key = zvalue_null(); // a method, which has no order
    if (sorter->member->kind == ZSHAPE_FIELD)
        *key = zvalue_slot(record->fields[index], zrecord_tags(record)[index]);
    return true;
}

// What an element is sorted by: itself, or its value under a string key.
static bool key_of(struct sorter *sorter, struct zvalue element, const struct zvalue *field,
                   struct zvalue *key)
{
    if (field == NULL) {
        *key = element;
        return true;
    }
    if (element.tag == ZTAG_RECORD) return key_of_record(sorter, element.p, field->p, key);
    if (element.tag != ZTAG_MAP) return raise_no_field(sorter->iso, *field, element);
    const struct zmap_entry *entry = zmap_find(element.p, *field);
    *key = entry == NULL ? zvalue_null() : zvalue_slot(entry->value, entry->value_tag);
    return true;
}

static bool fill_keys(struct sorter *sorter, const struct zlist *list, const struct zvalue *field)
{
    if (field != NULL && !zindex_check_key(sorter->iso, *field)) return false;
    for (uint32_t i = 0; i < sorter->count; i++) {
        if (!zfuel_meter_add(sorter->iso, &sorter->meter, sizeof *sorter->keys)) return false;
        if (!key_of(sorter, zlist_get(list, i), field, &sorter->keys[i])) return false;
        sorter->keys[i].aux = i;
    }
    return true;
}

// All integers, all numbers or all strings, and no nan.
static bool classify_keys(struct sorter *sorter)
{
    uint32_t ints = 0, numbers = 0, strings = 0;
    bool has_nan = false;
    for (uint32_t i = 0; i < sorter->count; i++) {
        struct zvalue key = sorter->keys[i];
        if (!zfuel_meter_add(sorter->iso, &sorter->meter, sizeof key)) return false;
        ints += key.tag == ZTAG_INT;
        numbers += key.tag <= ZTAG_FLOAT;
        strings += zvalue_is_string(key);
        has_nan = has_nan || (key.tag == ZTAG_FLOAT && isnan(key.d));
    }
    if (numbers != sorter->count && strings != sorter->count) return raise_mixed(sorter->iso);
    if (has_nan) return zerror_raise(sorter->iso, ZERROR_VALUE, "sort(): cannot order nan");
    sorter->kind = strings != 0 ? KEYS_STRING : ints == sorter->count ? KEYS_INT : KEYS_NUMBER;
    return true;
}

// ---- Sorting keys -------------------------------------------------------------------------------

static int order_numbers(struct zvalue a, struct zvalue b)
{
    if (a.tag == ZTAG_INT && b.tag == ZTAG_INT) return a.i < b.i ? -1 : a.i > b.i;
    if (a.tag == ZTAG_INT) return znumber_compare_int_float(a.i, b.d);
    if (b.tag == ZTAG_INT) return -znumber_compare_int_float(b.i, a.d);
    return a.d < b.d ? -1 : a.d > b.d;
}

static __attribute__((noinline)) int order_long_strings(struct sorter *sorter, struct zvalue a,
                                                        struct zvalue b)
{
    uint32_t first = zstring_length_bytes(a.p), second = zstring_length_bytes(b.p);
    uint32_t shorter = first < second ? first : second;
    int order;
    if (!zfuel_compare(sorter->iso, zstring_bytes(a.p), zstring_bytes(b.p), shorter, &order))
        sorter->failed = true;
    if (sorter->failed || order != 0) return order;
    return first < second ? -1 : first > second;
}

// Failing is remembered: the sort ends at the next merge, in any order.
static inline __attribute__((always_inline)) int order_strings(struct sorter *sorter,
                                                               struct zvalue a, struct zvalue b)
{
    uint32_t first = zstring_length_bytes(a.p), second = zstring_length_bytes(b.p);
    uint32_t shorter = first < second ? first : second;
    if (ZVM_UNLIKELY(shorter > ZFUEL_METER_BYTES)) return order_long_strings(sorter, a, b);
    if (!zfuel_meter_add(sorter->iso, &sorter->meter, shorter)) sorter->failed = true;
    return sorter->failed ? 0 : zstring_compare(a, b);
}

// Whether b, which stands behind a, must come before it. are_ints: a constant where it is inlined, so that
// there is a loop for integers alone: what strings need would take its registers, a seventh of its time.
static inline __attribute__((always_inline)) bool
is_out_of_order(struct sorter *sorter, struct zvalue a, struct zvalue b, bool are_ints)
{
    if (are_ints) return sorter->descending ? b.i > a.i : b.i < a.i;
    int order = sorter->kind == KEYS_NUMBER ? order_numbers(b, a) : order_strings(sorter, b, a);
    return sorter->descending ? order > 0 : order < 0;
}

#define RUN 8u // sorted by insertion first: cheaper than three passes of merging

static inline __attribute__((always_inline)) void sort_run_of(struct sorter *sorter, uint32_t low,
                                                              uint32_t high, bool are_ints)
{
    struct zvalue *keys = sorter->keys;
    for (uint32_t i = low + 1; i < high; i++) {
        struct zvalue key = keys[i];
        uint32_t j = i;
        for (; j > low && is_out_of_order(sorter, keys[j - 1], key, are_ints); j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

static void sort_run(struct sorter *sorter, uint32_t low, uint32_t high)
{
    if (sorter->kind == KEYS_INT)
        sort_run_of(sorter, low, high, true);
    else
        sort_run_of(sorter, low, high, false);
}

// Merges [low, middle) and [middle, high) of keys into other.
static inline __attribute__((always_inline)) bool
merge_of(struct sorter *sorter, uint32_t low, uint32_t middle, uint32_t high, bool are_ints)
{
    const struct zvalue *keys = sorter->keys;
    uint32_t left = low, right = middle;
    for (uint32_t i = low; i < high; i++) {
        if (!zfuel_meter_add(sorter->iso, &sorter->meter, sizeof *keys)) return false;
        bool take_right =
            right < high &&
            (left == middle || is_out_of_order(sorter, keys[left], keys[right], are_ints));
        sorter->other[i] = take_right ? keys[right++] : keys[left++];
    }
    return !sorter->failed;
}

static bool merge(struct sorter *sorter, uint32_t low, uint32_t middle, uint32_t high)
{
    if (sorter->kind == KEYS_INT) return merge_of(sorter, low, middle, high, true);
    return merge_of(sorter, low, middle, high, false);
}

static bool sort_keys(struct sorter *sorter)
{
    uint32_t count = sorter->count;
    for (uint32_t low = 0; low < count; low += RUN) {
        if (!zfuel_meter_add(sorter->iso, &sorter->meter, RUN * sizeof *sorter->keys)) return false;
        sort_run(sorter, low, count - low < RUN ? count : low + RUN);
    }
    for (uint64_t width = RUN; width < count; width *= 2) {
        for (uint64_t low = 0; low < count; low += 2 * width) {
            uint64_t middle = low + width < count ? low + width : count;
            uint64_t high = middle + width < count ? middle + width : count;
            if (!merge(sorter, (uint32_t)low, (uint32_t)middle, (uint32_t)high)) return false;
        }
        struct zvalue *swapped = sorter->keys;
        sorter->keys = sorter->other;
        sorter->other = swapped;
    }
    return !sorter->failed;
}

// ---- sort at once -------------------------------------------------------------------------------

struct request {
    const struct zvalue *field; // NULL: the elements themselves
    bool descending;
};

static bool raise_argument(struct zisolate *iso, uint32_t number)
{
    return zerror_raise(iso, ZERROR_TYPE, "sort(): bad argument %u", number);
}

// The forms without a function: (l), (l, descending), (l, key), (l, key, descending).
static bool read_arguments(struct zisolate *iso, const struct zvalue *args, uint32_t count,
                           struct request *request)
{
    *request = (struct request){0};
    if (count < 2) return true;
    if (zvalue_is_string(args[1]))
        request->field = &args[1];
    else if (zvalue_is_bool(args[1]))
        request->descending = args[1].tag == ZTAG_TRUE;
    else
        return raise_argument(iso, 2);
    if (count < 3) return true;
    if (request->field == NULL || !zvalue_is_bool(args[2])) return raise_argument(iso, 3);
    request->descending = args[2].tag == ZTAG_TRUE;
    return true;
}

// The list's elements in the order of the keys, into copy, a copy of the list.
static bool place_elements(struct sorter *sorter, const struct zlist *list, struct zlist *copy)
{
    const uint64_t *from = zlist_payload(list);
    uint64_t *to = zlist_payload(copy);
    bool has_tags = list->elements == ZLIST_ANY;
    for (uint32_t i = 0; i < sorter->count; i++) {
        uint32_t index = sorter->keys[i].aux;
        if (!zfuel_meter_add(sorter->iso, &sorter->meter, sizeof *to)) return false;
        to[i] = from[index];
        if (has_tags) zlist_tags(copy)[i] = zlist_tags(list)[index];
    }
    return true;
}

// From here on nothing allocates in the heap: copy needs no root.
static bool sort_into(struct sorter *sorter, const struct request *request,
                      const struct zlist *list, struct zlist *copy)
{
    zheap_log(&sorter->iso->heap, &copy->owner.header);
    return fill_keys(sorter, list, request->field) && classify_keys(sorter) && sort_keys(sorter) &&
           place_elements(sorter, list, copy);
}

static bool sort_with_buffer(struct zisolate *iso, const struct request *request,
                             struct zvalue list, struct zvalue copy, size_t bytes)
{
    struct zvalue *buffer = z_alloc(bytes);
    if (buffer == NULL) {
        zheap_note_nomem(&iso->heap, bytes);
        return zerror_raise_memory(iso);
    }
    uint32_t count = zlist_length(list.p);
    struct sorter sorter = {.iso = iso,
                            .keys = buffer,
                            .other = buffer + count,
                            .count = count,
                            .descending = request->descending};
    bool ok = sort_into(&sorter, request, list.p, copy.p);
    z_free(buffer, bytes);
    return ok;
}

bool zbuiltin_sort_direct(struct zisolate *iso, struct zvalue *args, uint32_t count,
                          struct zvalue *result)
{
    struct request request;
    if (!zbuiltin_need_list(iso, "sort", 1, args[0])) return false;
    if (!read_arguments(iso, args, count, &request)) return false;
    struct zlist *list = args[0].p;
    uint32_t length = zlist_length(list);
    size_t bytes = (size_t)length * 2 * sizeof(struct zvalue);
    struct zvalue copy = zvalue_null();
    if (!zlist_slice(iso, list, 0, length, &copy)) return false;
    if (length > 0) {
        struct zscope scope;
        zscope_open(&iso->heap, &scope, &copy, 1);
        bool is_charged = zheap_charge(&iso->heap, bytes);
        zscope_close(&iso->heap, &scope);
        if (!is_charged) return zerror_raise_memory(iso);
        bool ok = sort_with_buffer(iso, &request, args[0], copy, bytes);
        zheap_uncharge(&iso->heap, bytes);
        if (!ok) return false;
    }
    *result = copy;
    return true;
}

// ---- sort with a function -----------------------------------------------------------------------

enum { STATE_BEGIN, STATE_COMPARED };
enum { FROM, FUNCTION, INTO, WIDTH, LOW, LEFT, RIGHT, CALLEE, CALL_A, CALL_B };

_Static_assert(CALL_B < ZBUILTIN_SORT_REGISTERS, "sort's window");

// Where the two runs that are being merged end.
struct runs {
    int64_t length, middle, high;
};

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct runs runs_of(const struct zvalue *r)
{
    int64_t length = zlist_length(r[FROM].p);
    int64_t middle = lesser(r[LOW].i + r[WIDTH].i, length);
    return (struct runs){length, middle, lesser(middle + r[WIDTH].i, length)};
}

static void begin_runs(struct zvalue *r, int64_t low)
{
    r[LOW] = zvalue_int(low);
    r[LEFT] = zvalue_int(low);
    r[RIGHT] = zvalue_int(runs_of(r).middle);
}

// Copies elements [start, end) of FROM to place `to` of INTO. Both are copies of one list, so they
// have the same length and representation.
static bool copy_elements(struct zisolate *iso, struct zvalue *r, int64_t start, int64_t end,
                          int64_t to)
{
    struct zlist *from = r[FROM].p, *into = r[INTO].p;
    size_t count = (size_t)(end - start);
    if (count == 0) return true;
    zheap_log_payload(&iso->heap, &into->owner, (size_t)to * sizeof(uint64_t),
                      count * sizeof(uint64_t));
    if (!zfuel_copy(iso, zlist_payload(into) + to, zlist_payload(from) + start,
                    count * sizeof(uint64_t)))
        return false;
    if (from->elements != ZLIST_ANY) return true;
    return zfuel_copy(iso, zlist_tags(into) + to, zlist_tags(from) + start, count);
}

// Takes the next element of the left or of the right run.
static bool take_element(struct zisolate *iso, struct zvalue *r, bool take_right)
{
    int64_t place = r[LEFT].i + r[RIGHT].i - runs_of(r).middle;
    struct zvalue *next = &r[take_right ? RIGHT : LEFT];
    int64_t index = next->i++;
    return copy_elements(iso, r, index, index + 1, place);
}

// One of the runs is used up: the rest of the other follows, and the next two runs begin.
static bool finish_runs(struct zisolate *iso, struct zvalue *r, struct runs runs)
{
    int64_t place = r[LEFT].i + r[RIGHT].i - runs.middle;
    int64_t left = runs.middle - r[LEFT].i;
    if (!copy_elements(iso, r, r[LEFT].i, runs.middle, place)) return false;
    if (!copy_elements(iso, r, r[RIGHT].i, runs.high, place + left)) return false;
    if (runs.high < runs.length) {
        begin_runs(r, runs.high);
        return true;
    }
    struct zvalue merged = r[INTO];
    r[INTO] = r[FROM];
    r[FROM] = merged;
    r[WIDTH].i *= 2;
    begin_runs(r, 0);
    return true;
}

// Goes on to the next comparison, or to the end.
static enum znative_step next_comparison(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    struct runs runs = runs_of(r);
    while (r[WIDTH].i < runs.length && (r[LEFT].i == runs.middle || r[RIGHT].i == runs.high)) {
        if (!finish_runs(iso, r, runs)) return ZNATIVE_FAIL;
        runs = runs_of(r);
    }
    if (r[WIDTH].i >= runs.length) return ZNATIVE_RETURN; // FROM is R[0]
    r[CALLEE] = r[FUNCTION];
    r[CALL_A] = zlist_get(r[FROM].p, (uint32_t)r[RIGHT].i);
    r[CALL_B] = zlist_get(r[FROM].p, (uint32_t)r[LEFT].i);
    context->state = STATE_COMPARED;
    context->call_register = CALLEE;
    context->call_count = 2;
    return ZNATIVE_CALL;
}

static bool begin_function_sort(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    if (!zbuiltin_need_list(iso, "sort", 1, r[FROM])) return false;
    if (context->argument_count > 2) return raise_argument(iso, 3);
    uint32_t length = zlist_length(r[FROM].p);
    if (!zlist_slice(iso, r[FROM].p, 0, length, &r[FROM])) return false;
    if (!zlist_slice(iso, r[FROM].p, 0, length, &r[INTO])) return false;
    r[WIDTH] = zvalue_int(1);
    begin_runs(r, 0);
    return true;
}

enum znative_step zbuiltin_sort_step(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    if (context->state == STATE_BEGIN) {
        if (context->argument_count < 2 || !zvalue_is_function(r[FUNCTION])) {
            bool ok = zbuiltin_sort_direct(iso, r, context->argument_count, &r[0]);
            return ok ? ZNATIVE_RETURN : ZNATIVE_FAIL;
        }
        if (!begin_function_sort(iso, context)) return ZNATIVE_FAIL;
    } else {
        if (r[CALLEE].tag != ZTAG_INT) {
            (void)zerror_raise(iso, ZERROR_TYPE,
                               "sort(): comparator must return an integer, got %s",
                               zerror_type_text(r[CALLEE]));
            return ZNATIVE_FAIL;
        }
        // The function was asked about (right, left): below 0 puts the right one first.
        if (!take_element(iso, r, r[CALLEE].i < 0)) return ZNATIVE_FAIL;
    }
    return next_comparison(iso, context);
}
