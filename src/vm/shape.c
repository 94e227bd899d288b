// vm/shape.c - making shapes, and the table of a code object that holds them.
//
// Owns: the shapes in code->shapes, freed with the code object. Thread: any number at once, without
// locks. The table has room for a fixed number of shapes and only ever gains some: a free place is
// taken by one compare-and-swap of a whole, finished shape. Who comes second for the same shape uses
// the first one's and frees its own, which nobody has seen.
// PAIR shape: the release of a place's compare-and-swap, to the acquire of whoever reads the place.
#include "vm/shape.h"

#include "base/alloc.h"
#include "vm/string.h"

#include <string.h>

// ---- Members ----------------------------------------------------------------------------------

static uint32_t name_hash(const struct zstring *name)
{
    uint64_t mixed = ((uintptr_t)name >> 4) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(mixed >> 32);
}

// The place of a name among the members: where it is or where it would go.
static struct zshape_member *member_place(const struct zshape *shape, const struct zstring *name)
{
    uint32_t i = name_hash(name) & shape->member_mask;
    while (shape->members[i].kind != ZSHAPE_FREE && shape->members[i].name != name) {
        i = (i + 1) & shape->member_mask;
    }
    return &shape->members[i];
}

const struct zshape_member *zshape_find(const struct zshape *shape, const struct zstring *name)
{
    const struct zshape_member *member = member_place(shape, name);
    return member->kind == ZSHAPE_FREE ? NULL : member;
}

const struct zshape_member *zshape_find_text(const struct zshape *shape, const struct zstring *name)
{
    uint32_t length = zstring_length_bytes(name);
    const char *bytes = zstring_bytes(name);
    for (uint32_t i = 0; i <= shape->member_mask; i++) {
        const struct zshape_member *member = &shape->members[i];
        if (member->kind == ZSHAPE_FREE || zstring_length_bytes(member->name) != length) continue;
        if (memcmp(member->name->bytes, bytes, length) == 0) return member;
    }
    return NULL;
}

static void set_member(struct zshape *shape, const struct zstring *name,
                       enum zshape_member_kind kind, uint32_t index)
{
    *member_place(shape, name) =
        (struct zshape_member){.name = name, .kind = (uint8_t)kind, .index = (uint16_t)index};
}

// ---- Making one -------------------------------------------------------------------------------

const char *zshape_excess(const struct zdata *data, const struct zshape *parent)
{
    if (parent == NULL) return NULL;
    if (parent->depth >= ZSHAPE_DEPTH_MAX) return "data type %s has too many ancestors";
    if (parent->field_count + data->field_count > ZDATA_FIELDS_MAX)
        return "data type %s has too many fields with the inherited ones";
    if (parent->slot_count + data->function_count > ZDATA_FUNCTIONS_MAX)
        return "data type %s has too many methods and defaults with the inherited ones";
    return NULL;
}

const struct zstring *zshape_inherited(const struct zdata *data, const struct zshape *parent)
{
    if (parent == NULL) return NULL;
    for (uint32_t i = 0; i < data->field_count; i++) {
        const struct zstring *name = data->fields[i].check.name;
        const struct zshape_member *member = zshape_find(parent, name);
        if (member != NULL && member->kind == ZSHAPE_FIELD) return name;
    }
    return NULL;
}

// Which types of value a field takes without looking further. A field of a data type takes none that
// way: its check walks the ancestors.
static uint32_t allowed_types(enum zcheck_type type)
{
    const uint32_t numbers = 1u << ZTAG_INT | 1u << ZTAG_FLOAT;
    switch (type) {
    case ZCHECK_ANY:
        return 0xffffff;
    case ZCHECK_INT:
        return 1u << ZTAG_INT;
    case ZCHECK_FLOAT:
    case ZCHECK_NUMBER:
        return numbers;
    case ZCHECK_STRING:
        return 1u << ZTYPE_STRING;
    case ZCHECK_BOOL:
        return 1u << ZTAG_FALSE | 1u << ZTAG_TRUE;
    case ZCHECK_LIST:
        return 1u << ZTYPE_LIST;
    case ZCHECK_MAP:
        return 1u << ZTYPE_MAP;
    case ZCHECK_FUNCTION:
        return 1u << ZTYPE_FUNC | 1u << ZTYPE_BOUND | 1u << ZTYPE_CLASS;
    case ZCHECK_NULL:
        return 1u << ZTAG_NULL;
    default:
        return 0;
    }
}

static uint32_t mask_for(uint32_t count)
{
    uint32_t capacity = 4;
    while (capacity < count * 2) {
        capacity *= 2;
    }
    return capacity - 1;
}

static uint32_t count_fields(const struct zdata *data, const struct zshape *parent)
{
    return data->field_count + (parent == NULL ? 0 : parent->field_count);
}

static uint32_t member_mask(const struct zdata *data, const struct zshape *parent)
{
    uint32_t slots = data->function_count + (parent == NULL ? 0 : parent->slot_count);
    return mask_for(count_fields(data, parent) + slots);
}

// One block: the shape, its members, its fields, its own slots. Counts are small, see zshape_excess.
size_t zshape_bytes(const struct zdata *data, const struct zshape *parent)
{
    return sizeof(struct zshape) + (member_mask(data, parent) + 1) * sizeof(struct zshape_member) +
           count_fields(data, parent) * sizeof(struct zshape_field) +
           data->function_count * sizeof(uint16_t);
}

static struct zshape *new_shape(const struct zdata *data, const struct zshape *parent)
{
    uint32_t fields = count_fields(data, parent), mask = member_mask(data, parent);
    size_t bytes = zshape_bytes(data, parent);
    struct zshape *shape = z_alloc_zeroed(bytes);
    if (shape == NULL) return NULL;
    shape->bytes = bytes;
    shape->data = data;
    shape->parent = parent;
    shape->member_mask = mask;
    shape->members = (void *)(shape + 1);
    shape->fields = (void *)(shape->members + mask + 1);
    shape->own_slots = (void *)(shape->fields + fields);
    shape->is_plain = true;
    return shape;
}

static void inherit(struct zshape *shape, const struct zshape *parent)
{
    if (parent == NULL) return;
    shape->depth = (uint16_t)(parent->depth + 1);
    shape->is_plain = parent->is_plain;
    shape->field_count = parent->field_count;
    shape->slot_count = parent->slot_count;
    for (uint32_t i = 0; i < parent->field_count; i++) {
        shape->fields[i] = parent->fields[i];
    }
    for (uint32_t i = 0; i <= parent->member_mask; i++) {
        const struct zshape_member *member = &parent->members[i];
        if (member->kind != ZSHAPE_FREE)
            set_member(shape, member->name, member->kind, member->index);
    }
}

// A field hides an inherited method of its name.
static uint32_t add_fields(struct zshape *shape, const struct zdata *data)
{
    uint32_t functions = 0;
    for (uint32_t i = 0; i < data->field_count; i++) {
        const struct zdata_field *declared = &data->fields[i];
        struct zshape_field *field = &shape->fields[shape->field_count];
        field->declared = declared;
        field->allowed = allowed_types(declared->check.type);
        if (declared->check.type != ZCHECK_ANY) shape->is_plain = false;
        if (declared->default_kind == ZFIELD_FUNCTION) {
            field->default_slot = shape->slot_count++;
            shape->own_slots[functions++] = field->default_slot;
        }
        set_member(shape, declared->check.name, ZSHAPE_FIELD, shape->field_count++);
    }
    return functions;
}

// A method takes the slot of the inherited one of its name; one hidden by a field can never be called,
// but has a slot all the same.
static void add_methods(struct zshape *shape, const struct zdata *data, uint32_t functions)
{
    for (uint32_t i = 0; i < data->method_count; i++) {
        const struct zshape_member *known = zshape_find(shape, data->methods[i]);
        bool replaces = known != NULL && known->kind == ZSHAPE_METHOD;
        uint16_t slot = replaces ? known->index : shape->slot_count++;
        shape->own_slots[functions + i] = slot;
        if (known == NULL) set_member(shape, data->methods[i], ZSHAPE_METHOD, slot);
    }
}

static bool take_id(_Atomic uint32_t *ids, uint32_t *out)
{
    uint32_t id = z_load_relaxed(ids); // relaxed: a guess, the swap checks it
    do {
        if (id >= ZSHAPE_ID_OWN - 1) return false;
    } while (!z_cas_relaxed(ids, &id, id + 1)); // relaxed: only the number counts
    *out = id + 1;
    return true;
}

struct zshape *zshape_make(const struct zdata *data, const struct zshape *parent, uint32_t id)
{
    struct zshape *shape = new_shape(data, parent);
    if (shape == NULL) return NULL;
    shape->id = id;
    inherit(shape, parent);
    uint32_t functions = add_fields(shape, data);
    add_methods(shape, data, functions);
    return shape;
}

static zvm_status make(const struct zdata *data, const struct zshape *parent, _Atomic uint32_t *ids,
                       struct zshape **out)
{
    struct zshape *shape = zshape_make(data, parent, 0);
    if (shape == NULL) return ZVM_E_NOMEM;
    if (!take_id(ids, &shape->id)) {
        z_free(shape, shape->bytes);
        return ZVM_E_LIMIT;
    }
    *out = shape;
    return ZVM_OK;
}

// ---- The table --------------------------------------------------------------------------------

uint32_t zshape_table_capacity(uint32_t data_count)
{
    if (data_count == 0) return 0;
    uint32_t capacity = ZSHAPE_SPARE_COUNT;
    while (capacity < data_count + ZSHAPE_SPARE_COUNT) {
        capacity *= 2;
    }
    return capacity;
}

void zshape_free_all(struct zcode *code)
{
    for (uint32_t i = 0; code->shapes != NULL && i < code->shape_capacity; i++) {
        struct zshape *shape = z_load_relaxed(&code->shapes[i]); // relaxed: nobody else is left
        if (shape != NULL) z_free(shape, shape->bytes);
    }
}

static uint32_t key_hash(const struct zdata *data, const struct zshape *parent)
{
    uint64_t key = (uint64_t)data->index << 32 | (parent == NULL ? 0 : parent->id);
    return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32);
}

// The shape of this key at a place, or NULL when another or none is there.
static const struct zshape *match(const struct zshape *shape, const struct zdata *data,
                                  const struct zshape *parent)
{
    return shape != NULL && shape->data == data && shape->parent == parent ? shape : NULL;
}

zvm_status zshape_acquire(const struct zcode *code, const struct zdata *data,
                          const struct zshape *parent, _Atomic uint32_t *ids,
                          const struct zshape **out)
{
    struct zshape *made = NULL;
    const struct zshape *found = NULL;
    uint32_t mask = code->shape_capacity - 1, first = key_hash(data, parent);
    for (uint32_t i = 0; found == NULL && i <= mask; i++) {
        _Atomic(struct zshape *) *place = &code->shapes[(first + i) & mask];
        struct zshape *there = z_load_acquire(place); // PAIR shape
        if (there == NULL && made == NULL) {
            zvm_status status = make(data, parent, ids, &made);
            if (status != ZVM_OK) return status;
        }
        if (there == NULL && z_cas_acq_rel(place, &there, made)) { // PAIR shape
            *out = made;
            return ZVM_OK;
        }
        found = match(there, data, parent);
    }
    if (made != NULL) z_free(made, made->bytes);
    if (found == NULL) return ZVM_E_LIMIT;
    *out = found;
    return ZVM_OK;
}

// ---- Ancestors --------------------------------------------------------------------------------

bool zshape_has_name(const struct zshape *shape, const struct zstring *name)
{
    while (shape != NULL && shape->data->name != name) {
        shape = shape->parent;
    }
    return shape != NULL;
}
