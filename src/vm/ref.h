// vm/ref.h - values of an isolate that its host holds by number: references, in scopes, and pinned ones.
//
// owner-thread: the thread that has the isolate at rest, or whose function of the host it has called.
// Everything that allocates wants iso->runner and the heap's env set.
#ifndef ZVM_VM_REF_H
#define ZVM_VM_REF_H

#include "vm/isolate.h"

// What a number is made of, from the lowest bit: the place 20 | pinned 1 | the stamp 43.
#define ZREF_PLACE_BITS 20
#define ZREF_COUNT_MAX  ((1u << ZREF_PLACE_BITS) - 1)

struct zref_table {
    struct zvalue *values; // [capacity]: roots, the first count
    uint64_t *stamps;      // [capacity], behind the values: of the scope that each belongs to
    uint32_t count, capacity;
};

// The references of one isolate.
struct zrefs {
    struct zref_table local;  // a stack: scopes and the references in them
    struct zref_table pinned; // the first count have been used; a free one names the next free one
    uint32_t free_pin;        // 1 + its place; 0: none
    uint32_t pin_count;       // that hold a value
    uint32_t scope;           // 1 + the place of the innermost scope; 0: none is open
    uint32_t floor;           // the scopes up to here are not those of the call under way
    uint64_t stamp_next, stamp_end; // stamps that this isolate may use
    struct zvalue result;           // of the last call (vm/enter.h); UNSET: none
    bool is_call;                   // such a call is prepared, or runs
};

// ---- Scopes ---------------------------------------------------------------------------------------

// false: pending is set; nothing has changed. The table is made when there is none.
bool zrefs_open(struct zisolate *iso, zvm_scope *out);
// errors: ZVM_E_STALE it is closed, or none of this isolate; ZVM_E_STATE one inside of it is open, or it was
// opened outside of the call under way.
zvm_status zrefs_close(struct zisolate *iso, zvm_scope scope);
static inline bool zrefs_is_open(const struct zisolate *iso)
{
    return iso->extra != NULL && iso->extra->refs != NULL && iso->extra->refs->scope != 0;
}

// Around a call of a function of the host: what it opens and leaves open is closed behind it.
uint32_t zrefs_begin_call(struct zisolate *iso);
void zrefs_end_call(struct zisolate *iso, uint32_t floor_before);

// ---- References -----------------------------------------------------------------------------------

// The value that ref names; NULL: it names none any more, or none of this isolate. Valid until the next
// reference is made.
const struct zvalue *zrefs_find(const struct zisolate *iso, zvm_ref ref);
// A reference in the innermost scope, which is open. false: pending is set.
bool zrefs_add(struct zisolate *iso, struct zvalue value, zvm_ref *out);
// One that stays until it is unpinned. value is rooted. false: pending is set.
bool zrefs_pin(struct zisolate *iso, struct zvalue value, zvm_ref *out);
bool zrefs_unpin(struct zisolate *iso, zvm_ref ref); // false: it names none

// ---- For the collector, and the end -----------------------------------------------------------------
void zrefs_mark(const struct zrefs *refs, struct zmarker *marker);
// All of them, with the table, and without asking anything.
void zrefs_free(struct zisolate *iso);
// The table, made when there is none; NULL: pending is set.
struct zrefs *zrefs_ensure(struct zisolate *iso);

#endif // ZVM_VM_REF_H
