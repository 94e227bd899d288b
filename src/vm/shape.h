// vm/shape.h - shapes: what the records of a data type look like, for all isolates.
//
// A shape is made once for a declaration and its parent's shape, and lives as long as the code object of
// the declaration. frozen once published. What an isolate has of its own, the functions with what they
// captured, is in its class object (heap/object.h), whose slots a shape numbers.
//
// An inline cache is two words that a site of the code leaves for its next execution, in whatever isolate:
// { id of a shape 32 | what was found 32 } each. For a field the lower half is { types that may be stored
// 24 | number of the field 8 }, for a method the slot of the class. A site is used by one instruction only.
// Ids are never used again and begin with 1, so a stale or empty word only misses; the shapes that isolates
// have for themselves share an id that no word has. Two, because a method
// that a type inherits meets both types.
#ifndef ZVM_VM_SHAPE_H
#define ZVM_VM_SHAPE_H

#include "base/assert.h"
#include "vm/code.h"

enum zshape_member_kind { ZSHAPE_FREE, ZSHAPE_FIELD, ZSHAPE_METHOD };

struct zshape_member {
    const struct zstring *name; // a symbol: found by its address
    uint16_t index;             // of the field, or slot of the method
    uint8_t kind;               // enum zshape_member_kind
};

struct zshape_field {
    const struct zdata_field *declared;
    uint32_t allowed;      // bit t: values of type t (ZTYPE_… or a small tag) may be stored
    uint16_t default_slot; // ZFIELD_FUNCTION: of the class
};

struct zshape {
    uint32_t id;
    uint16_t field_count, slot_count; // inherited ones first
    uint16_t depth;                   // ancestors
    bool is_plain;                    // no field has a type annotation
    const struct zdata *data;
    const struct zshape *parent; // NULL: none
    size_t bytes;                // of the whole block
    uint32_t member_mask;
    struct zshape_member *members; // [member_mask + 1], open addressing
    struct zshape_field *fields;   // [field_count]
    uint16_t *own_slots;           // [data->function_count]: where the declaration's functions go
};

#define ZSHAPE_DEPTH_MAX   100
#define ZSHAPE_SPARE_COUNT 256        // shapes a code object may have beyond its declarations
#define ZSHAPE_ID_OWN      UINT32_MAX // of all that belong to one isolate (shape_own.h): in no cache

// The shape of a declaration with this parent (NULL: none; not one of an isolate's own), new or known. ids: of
// the runtime.
// thread: any, at once. errors: ZVM_E_NOMEM; ZVM_E_LIMIT: the table is full, or the ids are used up.
// The caller has checked zshape_fits and zshape_inherited.
zvm_status zshape_acquire(const struct zcode *code, const struct zdata *data,
                          const struct zshape *parent, _Atomic uint32_t *ids,
                          const struct zshape **out);
// A shape of its own, a block of zshape_bytes that the caller frees; NULL: no memory.
size_t zshape_bytes(const struct zdata *data, const struct zshape *parent);
struct zshape *zshape_make(const struct zdata *data, const struct zshape *parent, uint32_t id);
// What forbids such a shape, as text with one %s for the name; NULL: nothing.
const char *zshape_excess(const struct zdata *data, const struct zshape *parent);
// The first field of the declaration that the parent has already, or NULL.
const struct zstring *zshape_inherited(const struct zdata *data, const struct zshape *parent);

// The member of that name, NULL when there is none. name: a symbol.
const struct zshape_member *zshape_find(const struct zshape *shape, const struct zstring *name);
// The same by the text of the name, which need not be a symbol. cost: linear in the members.
const struct zshape_member *zshape_find_text(const struct zshape *shape,
                                             const struct zstring *name);

// True when a declaration of that name (a symbol) made shape or one of its parents.
bool zshape_has_name(const struct zshape *shape, const struct zstring *name);

// For zcode_seal and the end of a code object.
uint32_t zshape_table_capacity(uint32_t data_count);
void zshape_free_all(struct zcode *code);

// ---- Words of inline caches -------------------------------------------------------------------
static inline uint64_t zcache_field(const struct zshape *shape, uint32_t index)
{
    return (uint64_t)shape->id << 32 | shape->fields[index].allowed << 8 | index;
}

static inline uint64_t zcache_method(const struct zshape *shape, uint32_t slot)
{
    return (uint64_t)shape->id << 32 | slot;
}

// The word for a shape; when there is none, one with another id.
static inline uint64_t zcache_load(struct zcache *cache, uint32_t shape_id)
{
    uint64_t word = z_load_relaxed(&cache->first); // relaxed: see struct zcache
    if (ZVM_UNLIKELY(word >> 32 != shape_id)) word = z_load_relaxed(&cache->second);
    return word;
}

// cache may be NULL: a site without one.
static inline void zcache_store(struct zcache *cache, uint64_t word)
{
    if (cache == NULL || word >> 32 == ZSHAPE_ID_OWN) return;
    uint64_t newer = z_load_relaxed(&cache->first); // relaxed: see struct zcache
    if (newer == word) return;
    z_store_relaxed(&cache->second, newer);
    z_store_relaxed(&cache->first, word);
}

static inline uint32_t zcache_shape_id(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline uint32_t zcache_field_index(uint64_t word)
{
    return (uint32_t)word & 0xff;
}

static inline bool zcache_allows(uint64_t word, uint32_t tag)
{
    return ((uint32_t)word >> (8 + (tag & ZTAG_TYPE_MASK)) & 1) != 0;
}

static inline uint32_t zcache_slot(uint64_t word)
{
    return (uint32_t)word;
}

_Static_assert(ZTYPE_COUNT <= 24, "a cache word has 24 bits for types");
_Static_assert(ZDATA_FIELDS_MAX <= 256, "a cache word has 8 bits for a field");

#endif // ZVM_VM_SHAPE_H
