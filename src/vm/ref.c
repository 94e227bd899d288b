// vm/ref.c - values of an isolate that its host holds by number.
//
// Owns: the tables of an isolate's references, charged to its heap. Thread: owner (ref.h).
// Words: a *reference* names a value; a *scope* is a piece of the stack of references, opened and closed
// by the host, last opened first closed; a *pinned* reference is in no scope.
// Invariants:  1. local.values[0..count) are roots. A scope has an entry of its own in the stack, below those
//                 of its references: its tag is UNSET, which no value has, and its payload is 1 + the place of
//                 the scope around it.
//              2. stamps[i] is that of the innermost scope when entry i was made. A stamp is given to one scope
//                 or one pinned reference of the whole process, ever; within a scope places only go up. So
//                 number = (stamp, place) names one value for ever: what is closed, unpinned, or of another
//                 isolate is found out by one comparison, in every build. (43 bits: 8.8e12 of them.)
//              3. pinned places that are free are UNSET and have stamp 0, which is nobody's.
// How: an isolate takes stamps from the process in blocks, so that opening a scope costs no shared line.
#include "vm/ref.h"

#include "base/alloc.h"
#include "vm/error.h"

#include <string.h>

#define STAMP_SHIFT (ZREF_PLACE_BITS + 1)
#define PINNED      ((uint64_t)1 << ZREF_PLACE_BITS)
#define STAMP_BLOCK 64u
#define PLACE_OF(n) ((uint32_t)(n)&ZREF_COUNT_MAX)

#ifdef ZVM_TINY
#    define CAPACITY_FIRST 1u
#else
#    define CAPACITY_FIRST 16u
#endif

#define ENTRY_BYTES (sizeof(struct zvalue) + sizeof(uint64_t))

// shared: of the process, relaxed: numbers. 0 is nobody's.
static _Atomic uint64_t next_stamps = 1;

static uint64_t take_stamp(struct zrefs *refs)
{
    if (refs->stamp_next == refs->stamp_end) {
        refs->stamp_next = z_fetch_add_relaxed(&next_stamps, STAMP_BLOCK);
        refs->stamp_end = refs->stamp_next + STAMP_BLOCK;
    }
    return refs->stamp_next++;
}

static zvm_ref number_of(uint64_t stamp, uint32_t place)
{
    return stamp << STAMP_SHIFT | place;
}

// ---- Tables ---------------------------------------------------------------------------------------

static bool refuse_memory(struct zisolate *iso, size_t bytes)
{
    zheap_uncharge(&iso->heap, bytes);
    zheap_note_nomem(&iso->heap, bytes);
    return zerror_raise_memory(iso);
}

struct zrefs *zrefs_ensure(struct zisolate *iso)
{
    if (!zisolate_ensure_extra(iso)) {
        (void)zerror_terminate(iso, ZVM_E_NOMEM);
        return NULL;
    }
    if (iso->extra->refs != NULL) return iso->extra->refs;
    if (!zheap_charge(&iso->heap, sizeof(struct zrefs))) {
        (void)zerror_raise_memory(iso);
        return NULL;
    }
    struct zrefs *refs = z_alloc_zeroed(sizeof *refs);
    if (refs == NULL) {
        (void)refuse_memory(iso, sizeof *refs);
        return NULL;
    }
    refs->result = zvalue_unset();
    iso->extra->refs = refs;
    return refs;
}

// Room for one more entry. Values and stamps are one block, which moves.
static ZVM_COLD bool grow_slow(struct zisolate *iso, struct zref_table *table)
{
    if (table->capacity == ZREF_COUNT_MAX)
        return zerror_raise(iso, ZERROR_LIMIT, "more than %u references", ZREF_COUNT_MAX);
    uint32_t capacity = table->capacity == 0 ? CAPACITY_FIRST : table->capacity * 2;
    if (capacity > ZREF_COUNT_MAX) capacity = ZREF_COUNT_MAX;
    size_t bytes = capacity * ENTRY_BYTES;
    if (!zheap_charge(&iso->heap, bytes)) return zerror_raise_memory(iso);
    struct zvalue *values = z_alloc(bytes);
    if (values == NULL) return refuse_memory(iso, bytes);
    uint64_t *stamps = (uint64_t *)(void *)(values + capacity);
    if (table->count > 0) {
        memcpy(values, table->values, table->count * sizeof *values);
        memcpy(stamps, table->stamps, table->count * sizeof *stamps);
    }
    if (table->capacity > 0) {
        z_free(table->values, table->capacity * ENTRY_BYTES);
        zheap_uncharge(&iso->heap, table->capacity * ENTRY_BYTES);
    }
    *table = (struct zref_table){values, stamps, table->count, capacity};
    return true;
}

static inline bool push(struct zisolate *iso, struct zref_table *table, struct zvalue value,
                        uint64_t stamp)
{
    if (ZVM_UNLIKELY(table->count == table->capacity)) {
        struct zscope scope; // growing may collect
        zscope_open(&iso->heap, &scope, &value, 1);
        bool has_room = grow_slow(iso, table);
        zscope_close(&iso->heap, &scope);
        if (!has_room) return false;
    }
    table->values[table->count] = value;
    table->stamps[table->count] = stamp;
    table->count++;
    return true;
}

static void free_table(struct zisolate *iso, struct zref_table *table)
{
    if (table->capacity == 0) return;
    z_free(table->values, table->capacity * ENTRY_BYTES);
    zheap_uncharge(&iso->heap, table->capacity * ENTRY_BYTES);
    *table = (struct zref_table){0};
}

void zrefs_free(struct zisolate *iso)
{
    struct zrefs *refs = iso->extra == NULL ? NULL : iso->extra->refs;
    if (refs == NULL) return;
    iso->extra->refs = NULL;
    free_table(iso, &refs->local);
    free_table(iso, &refs->pinned);
    z_free(refs, sizeof *refs);
    zheap_uncharge(&iso->heap, sizeof *refs);
}

void zrefs_mark(const struct zrefs *refs, struct zmarker *marker)
{
    zmark_values(marker, refs->local.values, refs->local.count);
    zmark_values(marker, refs->pinned.values, refs->pinned.count);
    zmark_value(marker, refs->result);
}

// ---- Scopes ---------------------------------------------------------------------------------------

bool zrefs_open(struct zisolate *iso, zvm_scope *out)
{
    struct zrefs *refs = zrefs_ensure(iso);
    if (refs == NULL) return false;
    uint64_t stamp = take_stamp(refs);
    struct zvalue entry = zvalue_unset();
    entry.bits = refs->scope;
    if (!push(iso, &refs->local, entry, stamp)) return false;
    refs->scope = refs->local.count;
    *out = number_of(stamp, refs->local.count - 1);
    return true;
}

static void close_innermost(struct zrefs *refs)
{
    uint32_t place = refs->scope - 1;
    refs->scope = (uint32_t)refs->local.values[place].bits;
    refs->local.count = place;
}

// A table that has become large is not kept for nothing.
static void shrink(struct zisolate *iso, struct zrefs *refs)
{
    if (refs->scope == 0 && refs->local.capacity > CAPACITY_FIRST * 4)
        free_table(iso, &refs->local);
}

zvm_status zrefs_close(struct zisolate *iso, zvm_scope scope)
{
    struct zrefs *refs = iso->extra == NULL ? NULL : iso->extra->refs;
    uint32_t place = PLACE_OF(scope);
    if (refs == NULL || place >= refs->local.count) return ZVM_E_STALE;
    if (number_of(refs->local.stamps[place], place) != scope) return ZVM_E_STALE;
    if (refs->local.values[place].tag != ZTAG_UNSET) return ZVM_E_STALE; // a reference
    if (place + 1 != refs->scope || place + 1 <= refs->floor) return ZVM_E_STATE;
    close_innermost(refs);
    shrink(iso, refs);
    return ZVM_OK;
}

uint32_t zrefs_begin_call(struct zisolate *iso)
{
    if (iso->extra == NULL || iso->extra->refs == NULL) return 0;
    struct zrefs *refs = iso->extra->refs;
    uint32_t before = refs->floor;
    refs->floor = refs->scope;
    return before;
}

void zrefs_end_call(struct zisolate *iso, uint32_t floor_before)
{
    if (iso->extra == NULL || iso->extra->refs == NULL) return;
    struct zrefs *refs = iso->extra->refs;
    while (refs->scope > refs->floor)
        close_innermost(refs);
    refs->floor = floor_before;
    shrink(iso, refs);
}

// ---- References -----------------------------------------------------------------------------------

static struct zvalue *find(struct zrefs *refs, zvm_ref ref)
{
    struct zref_table *table = (ref & PINNED) != 0 ? &refs->pinned : &refs->local;
    uint32_t place = PLACE_OF(ref);
    if (place >= table->count || table->stamps[place] != ref >> STAMP_SHIFT) return NULL;
    struct zvalue *value = &table->values[place];
    return value->tag == ZTAG_UNSET ? NULL : value;
}

const struct zvalue *zrefs_find(const struct zisolate *iso, zvm_ref ref)
{
    if (iso->extra == NULL || iso->extra->refs == NULL) return NULL;
    return find(iso->extra->refs, ref);
}

bool zrefs_add(struct zisolate *iso, struct zvalue value, zvm_ref *out)
{
    struct zrefs *refs = iso->extra->refs;
    uint64_t stamp = refs->local.stamps[refs->scope - 1];
    if (!push(iso, &refs->local, value, stamp)) return false;
    *out = number_of(stamp, refs->local.count - 1);
    return true;
}

static bool take_pin(struct zisolate *iso, struct zrefs *refs, struct zvalue value, uint64_t stamp,
                     uint32_t *place)
{
    *place = refs->pinned.count;
    if (refs->free_pin == 0) return push(iso, &refs->pinned, value, stamp);
    *place = refs->free_pin - 1;
    refs->free_pin = (uint32_t)refs->pinned.values[*place].bits;
    refs->pinned.values[*place] = value;
    refs->pinned.stamps[*place] = stamp;
    return true;
}

bool zrefs_pin(struct zisolate *iso, struct zvalue value, zvm_ref *out)
{
    struct zrefs *refs = iso->extra->refs;
    uint64_t stamp = take_stamp(refs);
    uint32_t place;
    if (!take_pin(iso, refs, value, stamp, &place)) return false;
    refs->pin_count++;
    *out = number_of(stamp, place) | PINNED;
    return true;
}

bool zrefs_unpin(struct zisolate *iso, zvm_ref ref)
{
    struct zrefs *refs = iso->extra == NULL ? NULL : iso->extra->refs;
    struct zvalue *value = refs == NULL || (ref & PINNED) == 0 ? NULL : find(refs, ref);
    if (value == NULL) return false;
    uint32_t place = PLACE_OF(ref);
    *value = zvalue_unset();
    value->bits = refs->free_pin;
    refs->pinned.stamps[place] = 0;
    refs->free_pin = place + 1;
    refs->pin_count--;
    return true;
}
