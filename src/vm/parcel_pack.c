// vm/parcel_pack.c - from the heap of one isolate into a parcel.
//
// Owns: the packer on its stack. Thread: the owner of the isolate. Nothing is allocated in the heap, so no
// object moves out of sight.
// How: a list of the objects found so far is also what is still to be written: writing one finds those that it
// leads to. So nothing recurses, and an object is written once, however often it is met; the first few are
// found by looking at all of them, more by a table. Each remembers where it was found, for the path in an
// error; a string that goes by count leads to nothing, and remembers its hold instead. Of a spawned function the
// globals that it uses are found in the same way (needs.h), besides the data types that the program has, which a
// message may need.
#include "vm/parcel_internal.h"

#include "base/alloc.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/needs.h"
#include "vm/record.h"
#include "vm/string.h"
#include "vm/talk.h"

#include <string.h>

#define NONE         UINT32_MAX
#define GLOBALS_FROM (1u << 16) // places of globals; there are never so many roots

#ifdef ZVM_TINY
enum { ITEMS_FIRST = 1, GLOBALS_FEW = 1 };
#else
enum { ITEMS_FIRST = 16, GLOBALS_FEW = 64 };
#endif

// An object, and where it was found first.
struct item {
    const struct zobject *object;
    union {
        struct {
            uint32_t parent; // number of an item; NONE: a root, or a global
            uint32_t place;  // in the parent: element, entry, field; else the root, or GLOBALS_FROM + slot
        };
        struct zcounted *counted; // of a string that goes by count, once it is written: the packer's hold
    };
};

struct packer {
    struct zisolate *iso;
    const struct zparcel_rules *rules;
    struct zstrbuf *out; // the objects
    struct item *items, first[ITEMS_FIRST];
    uint32_t item_count, item_capacity;
    uint32_t *index; // open addressing: item + 1; NULL: there are few
    uint32_t index_size;
    struct zparcel_slot *globals;
    uint32_t global_count, global_capacity;
    uint8_t *is_global_taken; // [code->global_count]; NULL: not a spawn
    uint8_t taken_few[GLOBALS_FEW];
    struct zfuel_meter meter;
    const struct zclass *last_type; // that a global names
    uint32_t hold_count;    // mailboxes
    uint32_t counted_count; // strings by count that are written: the packer has their holds
    uint64_t counted_bytes; // of those
    bool needs_code;
    struct zparcel_slot roots_few[4], *roots;
};

// ---- What cannot be sent ------------------------------------------------------------------------

#define PATH_STEPS_MAX 16
#define STEP_BYTES_MAX 64

static void add_key(struct zstrbuf *out, const struct zmap *map, uint32_t place)
{
    const struct zmap_entry *entry = &zmap_entries(map)[place];
    if (entry->key_tag == ZTAG_INT) {
        zstrbuf_add_format(out, "[%lld]", (long long)(int64_t)entry->key);
        return;
    }
    const struct zstring *key = (const void *)(uintptr_t)entry->key;
    uint32_t length = zstring_length_bytes(key);
    bool is_long = length > STEP_BYTES_MAX;
    zstrbuf_add_format(out, "[\"%.*s%s\"]", is_long ? 0 : (int)length, zstring_bytes(key),
                       is_long ? "..." : "");
}

static void add_step(struct zstrbuf *out, const struct zobject *object, uint32_t place)
{
    const void *any = object;
    switch (object->kind) {
    case ZTYPE_LIST:
        zstrbuf_add_format(out, "[%u]", (unsigned)place);
        return;
    case ZTYPE_MAP:
        add_key(out, any, place);
        return;
    case ZTYPE_RECORD: {
        const struct zshape *shape = zrecord_shape(any);
        zstrbuf_add_format(out, ".%s", shape->fields[place].declared->check.name->bytes);
        return;
    }
    default:
        return;
    }
}

static void add_root(const struct packer *packer, struct zstrbuf *out, uint32_t place)
{
    if (place >= GLOBALS_FROM) {
        const struct zstring *name = packer->iso->code->globals[place - GLOBALS_FROM];
        zstrbuf_add_format(out, "'%s'", name->bytes);
    } else if (packer->rules->is_spawn && place > 0) {
        zstrbuf_add_format(out, "%s %u", packer->rules->name, (unsigned)place);
    } else {
        zstrbuf_add_text(out, packer->rules->name);
    }
}

// "message[3].name"; the middle of a long one is left out.
static void add_path(const struct packer *packer, struct zstrbuf *out, uint32_t parent,
                     uint32_t place)
{
    uint32_t parents[PATH_STEPS_MAX], places[PATH_STEPS_MAX], count = 0;
    bool is_cut = false;
    while (parent != NONE) {
        is_cut = is_cut || count == PATH_STEPS_MAX;
        if (count < PATH_STEPS_MAX) {
            parents[count] = parent;
            places[count++] = place;
        }
        const struct item *item = &packer->items[parent];
        parent = item->parent;
        place = item->place;
    }
    add_root(packer, out, place);
    if (is_cut) zstrbuf_add_text(out, "...");
    while (count-- > 0)
        add_step(out, packer->items[parents[count]].object, places[count]);
}

static const char *noun_of(struct zvalue value)
{
    switch (zvalue_type(value)) {
    case ZTYPE_FUNC:
    case ZTYPE_BOUND:
    case ZTYPE_CLASS:
        return "a function";
    case ZTYPE_TASK:
        return "a task";
    case ZTYPE_HOST:
        return "an object of the host";
    case ZTYPE_CELL:
        return "a variable that is assigned";
    case ZTYPE_RECORD:
        return "of a data type that is not declared at the top level";
    default:
        return "something that only this isolate has";
    }
}

static ZVM_COLD bool refuse(struct packer *packer, struct zvalue value, uint32_t parent,
                            uint32_t place)
{
    struct zstrbuf path;
    zstrbuf_init(&path);
    add_path(packer, &path, parent, place);
    (void)zerror_raise(packer->iso, ZERROR_TYPE, "%s: %s is %s, which cannot be sent",
                       packer->rules->what, zstrbuf_text(&path), noun_of(value));
    zstrbuf_deinit(&path);
    return false;
}

static ZVM_COLD bool refuse_size(struct packer *packer)
{
    return zerror_raise(packer->iso, ZERROR_MAILBOX, "%s: the %s is larger than %llu bytes",
                        packer->rules->what, packer->rules->name,
                        (unsigned long long)packer->rules->limit_bytes);
}

static ZVM_COLD bool no_memory(struct packer *packer)
{
    return zerror_terminate(packer->iso, ZVM_E_NOMEM);
}

// ---- Finding ------------------------------------------------------------------------------------

static uint32_t hash_of(const struct zobject *object)
{
    return (uint32_t)(((uintptr_t)object >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static void index_item(struct packer *packer, uint32_t number)
{
    uint32_t mask = packer->index_size - 1;
    uint32_t at = hash_of(packer->items[number].object) & mask;
    while (packer->index[at] != 0)
        at = (at + 1) & mask;
    packer->index[at] = number + 1;
}

static bool grow_items(struct packer *packer)
{
    if (packer->item_capacity > UINT32_MAX / 8) return no_memory(packer);
    uint32_t capacity = packer->item_capacity * 2, size = capacity * 2;
    bool is_first = packer->items == packer->first;
    size_t old_bytes = packer->item_capacity * sizeof *packer->items;
    struct item *items = is_first ? z_alloc(2 * old_bytes)
                                  : z_resize(packer->items, old_bytes, 2 * old_bytes);
    if (items == NULL) return no_memory(packer);
    if (is_first) memcpy(items, packer->first, old_bytes);
    packer->items = items;
    packer->item_capacity = capacity;
    uint32_t *index = z_alloc_zeroed(size * sizeof *index);
    if (index == NULL) return no_memory(packer);
    z_free(packer->index, packer->index_size * sizeof *index);
    packer->index = index;
    packer->index_size = size;
    for (uint32_t i = 0; i < packer->item_count; i++)
        index_item(packer, i);
    return true;
}

static uint32_t find_item(const struct packer *packer, const struct zobject *object)
{
    if (packer->index == NULL) {
        for (uint32_t i = 0; i < packer->item_count; i++)
            if (packer->items[i].object == object) return i;
        return NONE;
    }
    uint32_t mask = packer->index_size - 1;
    for (uint32_t at = hash_of(object) & mask; packer->index[at] != 0; at = (at + 1) & mask)
        if (packer->items[packer->index[at] - 1].object == object) return packer->index[at] - 1;
    return NONE;
}

// The number of an object, which is found now if it was not before.
static bool number_of(struct packer *packer, const struct zobject *object, uint32_t parent,
                      uint32_t place, uint64_t *out)
{
    uint32_t number = find_item(packer, object);
    if (number == NONE) {
        if (packer->item_count == packer->item_capacity && !grow_items(packer)) return false;
        number = packer->item_count++;
        packer->items[number] = (struct item){object, {{parent, place}}};
        if (packer->index != NULL) index_item(packer, number);
    }
    *out = number;
    return true;
}

// A type of the program's own that others of its isolates have as well: a global names it.
static bool is_global_type(struct packer *packer, const struct zclass *class)
{
    const struct zisolate *iso = packer->iso;
    if (class == packer->last_type) return true;
    if (class->shape->id == ZSHAPE_ID_OWN) return false;
    for (uint32_t i = 0; i < iso->code->global_count; i++) {
        if (iso->stack[i].tag != ZTAG_CLASS || iso->stack[i].p != class) continue;
        packer->last_type = class;
        return true;
    }
    return false;
}

static bool may_go(struct packer *packer, struct zvalue value)
{
    const void *object = value.p;
    switch (zvalue_type(value)) {
    case ZTYPE_STRING:
    case ZTYPE_LIST:
    case ZTYPE_MAP:
    case ZTYPE_ERROR:
    case ZTYPE_ISOLATE:
        return true;
    case ZTYPE_RECORD:
        return is_global_type(packer, ((const struct zrecord *)object)->class);
    case ZTYPE_FUNC:
        if (!packer->rules->is_spawn) return false;
        return value.tag == ZTAG_BUILTIN ||
               ((const struct zfunc *)object)->proto->code == packer->iso->code;
    case ZTYPE_CLASS:
        return packer->rules->is_spawn &&
               ((const struct zclass *)object)->shape->id != ZSHAPE_ID_OWN;
    default:
        return false;
    }
}

// A value as it stands in the parcel.
static bool translate(struct packer *packer, struct zvalue value, uint32_t parent, uint32_t place,
                      uint64_t *bits, uint8_t *tag)
{
    *bits = value.bits;
    *tag = (uint8_t)value.tag;
    if (value.tag <= ZTAG_UNSET) return true;
    if (!may_go(packer, value)) return refuse(packer, value, parent, place);
    if (value.tag == ZTAG_BUILTIN) return true;
    if (value.tag == ZTAG_SYMBOL) *tag = ZTAG_STRING;
    return number_of(packer, value.p, parent, place, bits);
}

// ---- Writing ------------------------------------------------------------------------------------

// The head of an object, and room for its body, which is paid for.
static bool begin(struct packer *packer, const struct zparcel_object *head, char **body)
{
    uint64_t bytes = sizeof *head + zparcel_body_bytes(head);
    uint64_t limit = packer->rules->limit_bytes;
    if (bytes > limit || packer->out->length + packer->counted_bytes > limit - bytes)
        return refuse_size(packer);
    if (!zfuel_meter_add(packer->iso, &packer->meter, sizeof *head)) return false;
    char *room = zstrbuf_add_room(packer->out, bytes);
    if (room == NULL) return no_memory(packer);
    memcpy(room, head, sizeof *head);
    *body = room + sizeof *head;
    uint64_t padding = zparcel_body_bytes(head);
    if (padding > 0) memset(*body + padding - 8, 0, 8);
    return true;
}

// Its bytes count as if they were in the parcel.
static bool write_by_count(struct packer *packer, uint32_t number, const struct zstring *string)
{
    uint64_t limit = packer->rules->limit_bytes;
    uint64_t taken = packer->out->length + packer->counted_bytes;
    if (taken > limit || zstring_length_bytes(string) > limit - taken) return refuse_size(packer);
    struct zcounted *counted;
    if (!zstring_count(packer->iso, string, &counted)) return false;
    packer->items[number].counted = counted;
    packer->counted_count++;
    packer->counted_bytes += zcounted_block_bytes(counted->length_bytes);
    struct zparcel_object head = {.kind = ZTYPE_STRBUF,
                                  .detail = string->header.flags & ZFLAG_ASCII,
                                  .count = zstring_length_bytes(string),
                                  .pointer = counted};
    char *body;
    return begin(packer, &head, &body);
}

static bool write_string(struct packer *packer, uint32_t number, const struct zstring *string)
{
    if (zstring_length_bytes(string) > ZSTRING_COUNTED_MIN)
        return write_by_count(packer, number, string);
    struct zparcel_object head = {.kind = ZTYPE_STRING,
                                  .detail = string->header.flags & ZFLAG_ASCII,
                                  .count = zstring_length_bytes(string)};
    char *body;
    return begin(packer, &head, &body) &&
           zfuel_copy(packer->iso, body, zstring_bytes(string), head.count);
}

// payloads and tags of `count` values, from and to; `tags` of both follow no rule but their own.
static bool write_slots(struct packer *packer, uint32_t number, const uint64_t *payloads,
                        const uint8_t *tags, uint32_t count, uint64_t *to, uint8_t *to_tags)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!zfuel_meter_add(packer->iso, &packer->meter, 9)) return false;
        struct zvalue value = zvalue_slot(payloads[i], tags[i]);
        if (!translate(packer, value, number, i, &to[i], &to_tags[i])) return false;
    }
    return true;
}

static bool write_body_of_slots(struct packer *packer, uint32_t number,
                                const struct zparcel_object *head, const uint64_t *payloads,
                                const uint8_t *tags, uint32_t count)
{
    char *body;
    if (!begin(packer, head, &body)) return false;
    uint64_t *to = (uint64_t *)(void *)body;
    return write_slots(packer, number, payloads, tags, count, to, (uint8_t *)(to + head->count));
}

static bool write_list(struct packer *packer, uint32_t number, const struct zlist *list)
{
    struct zparcel_object head = {
        .kind = ZTYPE_LIST, .detail = list->elements, .count = zlist_length(list)};
    if (list->elements == ZLIST_ANY)
        return write_body_of_slots(packer, number, &head, zlist_payload(list), zlist_tags(list),
                                   head.count);
    char *body;
    return begin(packer, &head, &body) &&
           zfuel_copy(packer->iso, body, zlist_payload(list), (size_t)head.count * 8);
}

static bool write_map(struct packer *packer, uint32_t number, const struct zmap *map)
{
    uint32_t count = zmap_count(map);
    struct zparcel_object head = {.kind = ZTYPE_MAP, .count = count};
    char *body;
    if (!begin(packer, &head, &body)) return false;
    uint64_t *keys = (uint64_t *)(void *)body, *values = keys + count;
    uint8_t *key_tags = (uint8_t *)(values + count), *value_tags = key_tags + count;
    uint32_t at = 0;
    for (uint32_t i = 0; i < map->used; i++) {
        const struct zmap_entry *entry = &zmap_entries(map)[i];
        if (!zfuel_meter_add(packer->iso, &packer->meter, sizeof *entry)) return false;
        if (entry->key_tag == ZTAG_DEAD) continue;
        struct zvalue key = zvalue_slot(entry->key, entry->key_tag);
        struct zvalue value = zvalue_slot(entry->value, entry->value_tag);
        if (!translate(packer, key, number, i, &keys[at], &key_tags[at])) return false;
        if (!translate(packer, value, number, i, &values[at], &value_tags[at])) return false;
        at++;
    }
    return true;
}

static bool write_record(struct packer *packer, uint32_t number, const struct zrecord *record)
{
    packer->needs_code = true;
    struct zparcel_object head = {.kind = ZTYPE_RECORD,
                                  .count = record->header.aux,
                                  .pointer = record->class->shape};
    return write_body_of_slots(packer, number, &head, record->fields, zrecord_tags(record),
                               head.count);
}

static bool write_error(struct packer *packer, uint32_t number, const struct zerror *error)
{
    packer->needs_code = true; // for the name of the file
    struct zparcel_object head = {.kind = ZTYPE_ERROR,
                                  .file = error->file,
                                  .count = 2,
                                  .number = (uint64_t)error->line << 32 | error->column};
    const uint64_t payloads[2] = {error->kind, error->message};
    const uint8_t tags[2] = {error->kind_tag, error->message_tag};
    return write_body_of_slots(packer, number, &head, payloads, tags, 2);
}

static bool write_isolate(struct packer *packer, const struct zisolate_value *value)
{
    bool is_held = value->mailbox != packer->rules->keeper;
    struct zparcel_object head = {
        .kind = ZTYPE_ISOLATE, .detail = is_held, .pointer = value->mailbox};
    char *body;
    packer->hold_count += is_held;
    return begin(packer, &head, &body);
}

// ---- Functions and what they use ------------------------------------------------------------------

static bool take_global(struct packer *packer, uint32_t slot)
{
    if (packer->is_global_taken[slot]) return true;
    packer->is_global_taken[slot] = 1;
    struct zvalue value = packer->iso->stack[slot];
    if (value.tag == ZTAG_UNSET) return true;
    if (packer->global_count == packer->global_capacity) {
        uint32_t capacity = packer->global_capacity == 0 ? 8 : packer->global_capacity * 2;
        struct zparcel_slot *globals =
            z_resize(packer->globals, packer->global_capacity * sizeof *globals,
                     capacity * sizeof *globals);
        if (globals == NULL) return no_memory(packer);
        packer->globals = globals;
        packer->global_capacity = capacity;
    }
    uint32_t place = GLOBALS_FROM + slot;
    struct zparcel_slot global = {.global = slot};
    uint8_t tag;
    if (!translate(packer, value, NONE, place, &global.bits, &tag)) return false;
    global.tag = tag;
    packer->globals[packer->global_count++] = global;
    return true;
}

static bool take_needs(struct packer *packer, const struct zproto *proto)
{
    const struct zneeds *needs = zneeds_of(proto);
    if (needs == NULL) return no_memory(packer);
    for (uint32_t i = 0; i < needs->count; i++) {
        if (!zfuel_meter_add(packer->iso, &packer->meter, sizeof needs->globals[i])) return false;
        if (!take_global(packer, needs->globals[i])) return false;
    }
    return true;
}

static bool write_function(struct packer *packer, uint32_t number, const struct zfunc *func)
{
    packer->needs_code = true;
    struct zparcel_object head = {
        .kind = ZTYPE_FUNC, .count = func->header.aux, .number = func->proto->index};
    return write_body_of_slots(packer, number, &head, func->captured, zfunc_tags(func),
                               head.count) &&
           take_needs(packer, func->proto);
}

static bool write_class(struct packer *packer, uint32_t number, const struct zclass *class)
{
    packer->needs_code = true;
    uint32_t count = class->header.aux;
    struct zparcel_object head = {
        .kind = ZTYPE_CLASS, .count = count + 1, .pointer = class->shape};
    char *body;
    if (!begin(packer, &head, &body)) return false;
    uint64_t *to = (uint64_t *)(void *)body;
    uint8_t *tags = (uint8_t *)(to + head.count);
    struct zvalue parent = class->parent == NULL ? zvalue_null()
                                                 : zvalue_object(class->parent, ZTAG_CLASS);
    // The body's place may change when its slots are translated: what is found is not written yet.
    return write_slots(packer, number, class->slots, zclass_tags(class), count, to, tags) &&
           translate(packer, parent, number, count, &to[count], &tags[count]);
}

static bool take_types(struct packer *packer)
{
    const struct zisolate *iso = packer->iso;
    for (uint32_t i = 0; i < iso->code->global_count; i++)
        if (iso->stack[i].tag == ZTAG_CLASS && !take_global(packer, i)) return false;
    return true;
}

// ---- The whole ------------------------------------------------------------------------------------

static bool write_item(struct packer *packer, uint32_t number)
{
    const void *object = packer->items[number].object;
    switch (packer->items[number].object->kind) {
    case ZTYPE_STRING:
        return write_string(packer, number, object);
    case ZTYPE_LIST:
        return write_list(packer, number, object);
    case ZTYPE_MAP:
        return write_map(packer, number, object);
    case ZTYPE_RECORD:
        return write_record(packer, number, object);
    case ZTYPE_ERROR:
        return write_error(packer, number, object);
    case ZTYPE_ISOLATE:
        return write_isolate(packer, object);
    case ZTYPE_FUNC:
        return write_function(packer, number, object);
    default:
        return write_class(packer, number, object);
    }
}

static bool write_all(struct packer *packer, const struct zvalue *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t tag;
        packer->roots[i] = (struct zparcel_slot){0};
        if (!translate(packer, values[i], NONE, i, &packer->roots[i].bits, &tag)) return false;
        packer->roots[i].tag = tag;
    }
    if (packer->rules->is_spawn && !take_types(packer)) return false;
    for (uint32_t i = 0; i < packer->item_count; i++)
        if (!write_item(packer, i)) return false;
    return true;
}

static void hold_mailboxes(const struct zparcel *parcel, uint32_t left)
{
    const struct zparcel_object *object = zparcel_first(parcel);
    for (; left > 0; object = zparcel_next(object)) {
        if (object->kind != ZTYPE_ISOLATE || object->detail == 0) continue;
        zmailbox_hold((struct zmailbox *)(uintptr_t)object->pointer);
        left--;
    }
}

static bool assemble(struct packer *packer, uint32_t count, struct zparcel **out)
{
    size_t globals = packer->global_count * sizeof *packer->globals;
    size_t roots = count * sizeof *packer->roots;
    size_t objects = packer->item_count == 0 ? 0 : packer->out->length;
    size_t bytes = sizeof(struct zparcel) + roots + globals + objects;
    uint64_t all_bytes = bytes + packer->counted_bytes;
    if (all_bytes > packer->rules->limit_bytes) return refuse_size(packer);
    struct zparcel *parcel = z_alloc(bytes);
    if (parcel == NULL) return no_memory(packer);
    *parcel = (struct zparcel){
        .message = {.bytes = all_bytes, .kind = ZMESSAGE_VALUE},
        .root_count = count,
        .global_count = packer->global_count,
        .object_count = packer->item_count,
        .hold_count = packer->hold_count + packer->counted_count,
    };
    if (roots > 0) memcpy(parcel->slots, packer->roots, roots);
    if (globals > 0) memcpy(parcel->slots + count, packer->globals, globals);
    if (objects > 0)
        memcpy(parcel->slots + count + packer->global_count, packer->out->data, objects);
    if (packer->needs_code) {
        parcel->code = (struct zcode *)(uintptr_t)packer->iso->code;
        parcel->holds_code = !packer->rules->is_spawn;
        if (parcel->holds_code) zcode_retain(parcel->code);
    }
    if (packer->hold_count > 0) hold_mailboxes(parcel, packer->hold_count);
    packer->counted_count = 0; // the holds are the parcel's
    *out = parcel;
    return true;
}

static bool prepare(struct packer *packer, uint32_t count)
{
    packer->items = packer->first;
    packer->item_capacity = ITEMS_FIRST;
    packer->index = NULL;
    packer->globals = NULL;
    packer->is_global_taken = NULL;
    packer->last_type = NULL;
    packer->item_count = packer->index_size = packer->hold_count = packer->counted_count = 0;
    packer->counted_bytes = 0;
    packer->global_count = packer->global_capacity = 0;
    packer->meter = (struct zfuel_meter){0};
    packer->needs_code = false;
    packer->out = &packer->iso->runner->scratch;
    zstrbuf_clear(packer->out);
    packer->roots = packer->roots_few;
    if (count > sizeof packer->roots_few / sizeof *packer->roots_few) {
        packer->roots = z_alloc(count * sizeof *packer->roots);
        if (packer->roots == NULL) return no_memory(packer);
    }
    uint32_t globals = packer->iso->code->global_count;
    if (!packer->rules->is_spawn) return true;
    if (globals <= GLOBALS_FEW) {
        packer->is_global_taken = packer->taken_few;
        memset(packer->taken_few, 0, globals);
        return true;
    }
    packer->is_global_taken = z_alloc_zeroed(globals);
    return packer->is_global_taken != NULL || no_memory(packer);
}

// There is no parcel. Objects are written in their order, so these are the first of those strings.
static ZVM_COLD void drop_counted(struct packer *packer)
{
    for (const struct item *item = packer->items; packer->counted_count > 0; item++) {
        const struct zobject *object = item->object;
        if (object->kind != ZTYPE_STRING || object->aux <= ZSTRING_COUNTED_MIN) continue;
        zcounted_release(item->counted);
        packer->counted_count--;
    }
}

static void clean_up(struct packer *packer, uint32_t count)
{
    if (packer->counted_count > 0) drop_counted(packer);
    if (packer->items != packer->first)
        z_free(packer->items, packer->item_capacity * sizeof *packer->items);
    z_free(packer->index, packer->index_size * sizeof *packer->index);
    z_free(packer->globals, packer->global_capacity * sizeof *packer->globals);
    if (packer->is_global_taken != packer->taken_few)
        z_free(packer->is_global_taken, packer->iso->code->global_count);
    if (packer->roots != packer->roots_few)
        z_free(packer->roots, count * sizeof *packer->roots);
}

// A message that is no object: most answers, counters and ends.
static bool pack_scalar(struct zisolate *iso, const struct zparcel_rules *rules,
                        struct zvalue value, struct zparcel **out)
{
    size_t bytes = sizeof(struct zparcel) + sizeof(struct zparcel_slot);
    if (bytes > rules->limit_bytes) {
        struct packer packer = {.iso = iso, .rules = rules};
        return refuse_size(&packer);
    }
    struct zparcel *parcel = z_alloc(bytes);
    if (parcel == NULL) return zerror_terminate(iso, ZVM_E_NOMEM);
    *parcel = (struct zparcel){.message = {.bytes = bytes, .kind = ZMESSAGE_VALUE},
                               .root_count = 1};
    parcel->slots[0] = (struct zparcel_slot){.bits = value.bits, .tag = value.tag};
    *out = parcel;
    return true;
}

bool zparcel_pack(struct zisolate *iso, const struct zparcel_rules *rules,
                  const struct zvalue *values, uint32_t count, struct zparcel **out)
{
    if (count == 1 && values[0].tag < ZTAG_UNSET)
        return pack_scalar(iso, rules, values[0], out);
    struct packer packer; // its small tables are set as far as they are used
    packer.iso = iso;
    packer.rules = rules;
    bool is_packed = prepare(&packer, count) && write_all(&packer, values, count) &&
                     zfuel_charge(iso, packer.meter.bytes) && assemble(&packer, count, out);
    clean_up(&packer, count);
    return is_packed;
}
