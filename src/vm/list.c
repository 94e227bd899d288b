// vm/list.c - lists: growing, changing of representation, copying.
//
// Owner-thread. A list of only integers or only floats keeps bare payloads, 8 bytes an element,
// which the collector never scans; any other list has a tag byte for each element behind the room
// for `capacity` payloads. The first element of another type changes the representation, once: it
// goes back only when the list becomes empty.
//
// Invariants: length <= capacity; payload_bytes >= capacity * (8 or, for ZLIST_ANY, 9); an empty
// list is ZLIST_INT. The payload moves when it is resized, so a pointer into it does not outlive an
// allocation; the list itself never moves.
#include "vm/list.h"

#include <string.h>

#include "vm/error.h"
#include "vm/fuel.h"

#define CAPACITY_FIRST      4u
#define CAPACITY_DOUBLE_MAX 65536u // longer lists grow by half: less memory held in reserve

static size_t bytes_for(uint64_t capacity, uint8_t elements)
{
    return (size_t)capacity * (elements == ZLIST_ANY ? 9 : 8);
}

bool zlist_raise_too_long(struct zisolate *iso)
{
    return zerror_raise(iso, ZERROR_LIMIT, "list longer than %u elements", ZLIST_LENGTH_MAX);
}

// What a list must be to hold what it has and a value of this tag.
static uint8_t elements_with(const struct zlist *list, uint32_t tag)
{
    if (zlist_length(list) > 0) return list->elements == tag ? list->elements : ZLIST_ANY;
    return tag <= ZLIST_FLOAT ? (uint8_t)tag : ZLIST_ANY;
}

static void set_length(struct zlist *list, uint32_t length)
{
    list->owner.header.aux = length;
}

// ---- Making room --------------------------------------------------------------------------------

static bool resize_pooled(struct zisolate *iso, struct zlist *list, size_t bytes)
{
    struct zpools *pools = zisolate_pools(iso);
    if (pools == NULL) return zheap_payload_resize(&iso->heap, &list->owner, bytes);
    if (bytes <= ZPOOL_LIST_BYTES_MAX && zpools_take_buffer(pools, &iso->heap, &list->owner, bytes))
        return true;
    struct zbuffer *old = zheap_payload_buffer(&list->owner);
    if (!zheap_payload_resize(&iso->heap, &list->owner, bytes)) return false;
    bool is_outgrown = old != NULL && old != zheap_payload_buffer(&list->owner);
    if (is_outgrown) zpools_put_buffer(pools, old);
    return true;
}

// The list is the only one that leads to its buffer, so one that it leaves may be used again at
// once. Fuel is charged by the caller, from sizes alone.
static inline bool resize_payload(struct zisolate *iso, struct zlist *list, size_t bytes)
{
    bool is_poolable =
        iso->pool_limits[ZPOOL_LIST] > 0 &&
        (bytes <= ZPOOL_LIST_BYTES_MAX || list->owner.payload_bytes <= ZPOOL_LIST_BYTES_MAX);
    if (is_poolable) return resize_pooled(iso, list, bytes);
    return zheap_payload_resize(&iso->heap, &list->owner, bytes);
}

// Gives the list this capacity, not below its length, and representation. One allocation at most.
static bool reshape(struct zisolate *iso, struct zlist *list, uint32_t capacity, uint8_t elements)
{
    size_t bytes = bytes_for(capacity, elements);
    uint32_t length = zlist_length(list);
    uint32_t old_capacity = list->capacity;
    bool has_tags = list->elements == ZLIST_ANY && length > 0;
    if (bytes > list->owner.payload_bytes) {
        if (!zfuel_touch_whole(iso, bytes_for(length, elements))) return false;
        if (!resize_payload(iso, list, bytes)) return zerror_raise_memory(iso);
    } else if (elements == ZLIST_ANY && !zfuel_touch_whole(iso, length)) {
        return false;
    }
    uint64_t *payload = zlist_payload(list);
    if (elements == ZLIST_ANY && length > 0) {
        uint8_t *tags = (uint8_t *)(payload + capacity);
        if (has_tags)
            memmove(tags, payload + old_capacity, length);
        else
            memset(tags, list->elements, length);
    }
    list->capacity = capacity;
    list->elements = elements;
    zheap_log(&iso->heap, &list->owner.header);
    return true;
}

static uint32_t next_capacity(uint32_t capacity, uint64_t needed)
{
    uint64_t grown =
        capacity < CAPACITY_DOUBLE_MAX ? (uint64_t)capacity * 2 : capacity + (uint64_t)capacity / 2;
    if (grown < CAPACITY_FIRST) grown = CAPACITY_FIRST;
    if (grown < needed) grown = needed;
    return grown < ZLIST_LENGTH_MAX ? (uint32_t)grown : ZLIST_LENGTH_MAX;
}

// Room for `more` elements behind the last, in this representation.
static bool make_room(struct zisolate *iso, struct zlist *list, uint64_t more, uint8_t elements)
{
    uint64_t needed = zlist_length(list) + more;
    if (needed > ZLIST_LENGTH_MAX) return zlist_raise_too_long(iso);
    uint32_t capacity = list->capacity;
    if (needed > capacity)
        capacity = next_capacity(capacity, needed);
    else if (elements == list->elements)
        return true;
    return reshape(iso, list, capacity, elements);
}

bool zlist_reserve(struct zisolate *iso, struct zlist *list, uint64_t capacity)
{
    if (capacity <= list->capacity) return true;
    if (capacity > ZLIST_LENGTH_MAX) return zlist_raise_too_long(iso);
    return reshape(iso, list, (uint32_t)capacity, list->elements);
}

// ---- Making lists -------------------------------------------------------------------------------

bool zlist_make(struct zisolate *iso, uint64_t capacity, uint8_t elements, struct zvalue *out)
{
    if (capacity > ZLIST_LENGTH_MAX) return zlist_raise_too_long(iso);
    struct zlist *list = zheap_new(&iso->heap, ZTYPE_LIST, sizeof *list, 0);
    if (list == NULL) return zerror_raise_memory(iso);
    list->owner.payload = NULL;
    list->owner.payload_bytes = 0;
    list->capacity = 0;
    list->elements = ZLIST_INT;
    memset(list->reserved, 0, sizeof list->reserved);
    struct zvalue root = zvalue_object(list, ZTAG_LIST);
    if (capacity > 0) {
        struct zscope scope;
        zscope_open(&iso->heap, &scope, &root, 1);
        bool has_room = reshape(iso, list, (uint32_t)capacity, elements);
        zscope_close(&iso->heap, &scope);
        if (!has_room) return false;
    }
    *out = root;
    return true;
}

bool zlist_new(struct zisolate *iso, uint64_t capacity, struct zvalue *out)
{
    return zlist_make(iso, capacity, ZLIST_INT, out);
}

static uint8_t elements_of_values(const struct zvalue *values, uint32_t count)
{
    if (count == 0) return ZLIST_INT;
    uint32_t tag = values[0].tag;
    if (tag > ZLIST_FLOAT) return ZLIST_ANY;
    for (uint32_t i = 1; i < count; i++) {
        if (values[i].tag != tag) return ZLIST_ANY;
    }
    return (uint8_t)tag;
}

bool zlist_from_values(struct zisolate *iso, const struct zvalue *values, uint32_t count,
                       struct zvalue *out)
{
    uint8_t elements = elements_of_values(values, count);
    struct zvalue made;
    if (!zlist_make(iso, count, elements, &made)) return false;
    struct zlist *list = made.p;
    uint64_t *payload = zlist_payload(list);
    for (uint32_t i = 0; i < count; i++)
        payload[i] = values[i].bits;
    if (elements == ZLIST_ANY) {
        uint8_t *tags = zlist_tags(list);
        for (uint32_t i = 0; i < count; i++)
            tags[i] = (uint8_t)values[i].tag;
    }
    set_length(list, count);
    *out = made;
    return true;
}

// ---- One element --------------------------------------------------------------------------------

// The barrier of a store into one element.
static inline void log_element(struct zisolate *iso, struct zlist *list, uint32_t index)
{
    zheap_log_payload(&iso->heap, &list->owner, index * sizeof(uint64_t), sizeof(uint64_t));
}

static inline void store(struct zlist *list, uint32_t index, struct zvalue value)
{
    zlist_payload(list)[index] = value.bits;
    if (list->elements == ZLIST_ANY) zlist_tags(list)[index] = (uint8_t)value.tag;
}

bool zlist_push(struct zisolate *iso, struct zlist *list, struct zvalue value)
{
    uint32_t length = zlist_length(list);
    bool fits = list->elements == value.tag || (list->elements == ZLIST_ANY && length > 0);
    if (ZVM_UNLIKELY(length == list->capacity || !fits)) {
        if (!make_room(iso, list, 1, elements_with(list, value.tag))) return false;
    }
    store(list, length, value);
    set_length(list, length + 1);
    log_element(iso, list, length);
    return true;
}

bool zlist_set(struct zisolate *iso, struct zlist *list, uint32_t index, struct zvalue value)
{
    ZVM_ASSERT(index < zlist_length(list));
    if (list->elements != ZLIST_ANY && list->elements != value.tag) {
        if (!reshape(iso, list, list->capacity, ZLIST_ANY)) return false;
    }
    store(list, index, value);
    log_element(iso, list, index);
    return true;
}

// Elements of a piece of work, with their tags.
#define PIECE_ELEMENTS (ZFUEL_POLL_BYTES / 9)

static void move_elements(struct zlist *list, uint32_t to, uint32_t from, uint32_t count)
{
    uint64_t *payload = zlist_payload(list);
    memmove(payload + to, payload + from, count * sizeof *payload);
    if (list->elements != ZLIST_ANY) return;
    uint8_t *tags = zlist_tags(list);
    memmove(tags + to, tags + from, count);
}

// Moves the elements from `from` to the end one place up. There is room. Half way one of them stands
// twice, each with its tag.
static bool shift_up(struct zisolate *iso, struct zlist *list, uint32_t from)
{
    uint32_t left = zlist_length(list) - from;
    zheap_log(&iso->heap, &list->owner.header);
    while (left > 0) {
        uint32_t count = left < PIECE_ELEMENTS ? left : PIECE_ELEMENTS;
        if (!zfuel_touch(iso, bytes_for(count, list->elements))) return false;
        left -= count;
        move_elements(list, from + left + 1, from + left, count);
    }
    return true;
}

// Moves the elements from `from` to the end one place down, likewise.
static bool shift_down(struct zisolate *iso, struct zlist *list, uint32_t from)
{
    uint32_t length = zlist_length(list);
    zheap_log(&iso->heap, &list->owner.header);
    while (from < length) {
        uint32_t count = length - from < PIECE_ELEMENTS ? length - from : PIECE_ELEMENTS;
        if (!zfuel_touch(iso, bytes_for(count, list->elements))) return false;
        move_elements(list, from - 1, from, count);
        from += count;
    }
    return true;
}

bool zlist_insert(struct zisolate *iso, struct zlist *list, uint32_t index, struct zvalue value)
{
    uint32_t length = zlist_length(list);
    ZVM_ASSERT(index <= length);
    if (index == length) return zlist_push(iso, list, value);
    if (!make_room(iso, list, 1, elements_with(list, value.tag))) return false;
    if (!shift_up(iso, list, index)) return false;
    store(list, index, value);
    set_length(list, length + 1);
    return true;
}

bool zlist_remove(struct zisolate *iso, struct zlist *list, uint32_t index, struct zvalue *out)
{
    uint32_t length = zlist_length(list);
    ZVM_ASSERT(index < length);
    struct zvalue removed = zlist_get(list, index);
    if (!shift_down(iso, list, index + 1)) return false;
    set_length(list, length - 1);
    if (length == 1) list->elements = ZLIST_INT;
    *out = removed;
    return true;
}

// ---- Many elements ------------------------------------------------------------------------------

// Copies elements [start, start + count) of `from` to place `to` of list, which has the room and a
// representation that can hold them. from may be list itself, when the ranges do not overlap.
static bool copy_range(struct zisolate *iso, struct zlist *list, uint32_t to,
                       const struct zlist *from, uint32_t start, uint32_t count)
{
    if (count == 0) return true; // one that never held anything has no payload to add to
    if (!zfuel_copy(iso, zlist_payload(list) + to, zlist_payload(from) + start,
                    (size_t)count * sizeof(uint64_t)))
        return false;
    if (list->elements != ZLIST_ANY) return true;
    uint8_t *tags = zlist_tags(list) + to;
    if (from->elements == ZLIST_ANY) return zfuel_copy(iso, tags, zlist_tags(from) + start, count);
    return zfuel_fill(iso, tags, from->elements, count);
}

bool zlist_slice(struct zisolate *iso, const struct zlist *list, uint32_t start, uint32_t end,
                 struct zvalue *out)
{
    uint32_t count = end > start ? end - start : 0;
    struct zvalue made;
    if (!zlist_make(iso, count, list->elements, &made)) return false;
    if (count > 0) {
        struct zlist *copy = made.p;
        if (!copy_range(iso, copy, 0, list, start, count)) return false;
        set_length(copy, count);
    }
    *out = made;
    return true;
}

static uint8_t elements_of_both(const struct zlist *a, const struct zlist *b)
{
    if (zlist_length(a) == 0) return b->elements;
    if (zlist_length(b) == 0) return a->elements;
    return a->elements == b->elements ? a->elements : ZLIST_ANY;
}

bool zlist_extend(struct zisolate *iso, struct zlist *list, const struct zlist *other)
{
    uint32_t length = zlist_length(list);
    uint32_t count = zlist_length(other); // now: other may be list itself
    if (count == 0) return true;
    if (!make_room(iso, list, count, elements_of_both(list, other))) return false;
    if (!copy_range(iso, list, length, other, 0, count)) return false;
    set_length(list, length + count);
    zheap_log_payload(&iso->heap, &list->owner, length * sizeof(uint64_t),
                      count * sizeof(uint64_t));
    return true;
}

bool zlist_concat(struct zisolate *iso, const struct zlist *a, const struct zlist *b,
                  struct zvalue *out)
{
    uint32_t first = zlist_length(a), second = zlist_length(b);
    struct zvalue made;
    if (!zlist_make(iso, (uint64_t)first + second, elements_of_both(a, b), &made)) return false;
    struct zlist *list = made.p;
    if (!copy_range(iso, list, 0, a, 0, first)) return false;
    if (!copy_range(iso, list, first, b, 0, second)) return false;
    set_length(list, first + second);
    *out = made;
    return true;
}
