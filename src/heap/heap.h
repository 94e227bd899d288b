// heap/heap.h - the heap of one isolate: spans, allocation, marking, the limit.
//
// Thread: owner. Only the thread that runs the isolate now calls these, with `env` set to that
// thread's resources. zspan_pool is shared, behind its own lock.
//
// Rooting rule: a collection can start only inside zheap_new, zheap_payload_resize, zheap_payload_share,
// zheap_charge and zheap_collect. C code between two of these needs no rooting. A pointer that must live across
// one of them is in a register of the isolate, or in a zscope.
#ifndef ZVM_HEAP_HEAP_H
#define ZVM_HEAP_HEAP_H

#include "base/assert.h"
#include "base/status.h"
#include "heap/object.h"

// ---- Sizes that hold the layout together ------------------------------------------------------
#define ZSLAB_BYTES       (1u << 20) // and its alignment
#define ZPAGE_BYTES       1024u
#define ZGRANULE_BYTES    16u
#define ZPAGE_GRANULES    64u // one bit each in the page's used and mark words
#define ZCELL_BYTES_MAX   2048u
// What an isolate at rest is charged, and takes at most: the two parts of its block, what the slab and
// the report know of it (docs/ARCHITECTURE.md adds them up).
#define ZHEAP_BLOCK_BYTES   2048u
#define ZHEAP_CONTROL_BYTES 832u // the first part: its own
#define ZHEAP_FIRST_BYTES   864u // of the second, a page: the heap's; what is behind is the isolate's

struct zmarker;
struct zheap;
struct zcounted;
struct zcounted_sum;
struct zpage;

// ---- Memory shared by the isolates of a runtime -----------------------------------------------

// Slabs of 1 MiB cut into spans of 1, 2, 4, 16 and 64 pages, or into blocks. shared: any thread, under the
// pool's lock; a zheap_env caches spans of one thread in front of it.
struct zspan_pool;

zvm_status zspan_pool_create(struct zspan_pool **out);
void zspan_pool_destroy(struct zspan_pool *pool); // every span must have been given back
uint64_t zspan_pool_mapped_bytes_any(struct zspan_pool *pool); // thread: any

// How short memory is, by what the host says. From LOW on heaps grow less between collections; each
// call with HIGH or CRITICAL makes every heap give back what it can, at its next slow path. thread: any
enum zpressure_level { ZPRESSURE_NONE, ZPRESSURE_LOW, ZPRESSURE_HIGH, ZPRESSURE_CRITICAL };
void zspan_pool_press_any(struct zspan_pool *pool, enum zpressure_level level);

// What a thread brings to the heap it runs: span cache, mark stack, pause histogram.
// owner-thread. Opaque; its parts are private to src/heap.
struct zheap_env;

zvm_status zheap_env_create(struct zspan_pool *pool, struct zheap_env **out);
void zheap_env_destroy(struct zheap_env *env);

// A block for one isolate: ZHEAP_CONTROL_BYTES, aligned to a line of the cache, and a page elsewhere in the
// slab; NULL: no memory.
void *zheap_block_acquire(struct zheap_env *env);
void zheap_block_release(struct zheap_env *env, void *block);
char *zheap_block_page(const void *block);
// The same for a heap without an isolate: a page alone.
void *zheap_page_acquire(struct zheap_env *env);
void zheap_page_release(struct zheap_env *env, void *page);

// Takes the pauses (ns) of the collections that ran on this thread since the last call, oldest
// first, at most `max` of them; returns how many were written. The env remembers
// ZHEAP_ENV_PAUSES_MAX: beyond that only the longest of the surplus is kept, in the last place.
// Take them after every slice.
#define ZHEAP_ENV_PAUSES_MAX 64
uint32_t zheap_env_take_pauses(struct zheap_env *env, uint64_t *pauses_ns, uint32_t max);

// What the collectors of this thread did since it was last taken.
struct zheap_collected {
    uint64_t full;        // whole collections at once
    uint64_t incremental; // whole collections in slices
    uint64_t minor;
    uint64_t emergency; // of the full ones, those after all that can be spared was given up for a limit
    uint64_t pressed;   // of the full ones, those because the host said that memory is short
    uint64_t slices;    // of the incremental ones
    uint64_t words;     // of work: slots, objects and pages looked at, marking and freeing
};

// false: nothing, and out is untouched.
bool zheap_env_take_collected(struct zheap_env *env, struct zheap_collected *out);

// A stretch of work of the collector, in which the program stands still.
enum zheap_pause_kind {
    ZHEAP_PAUSE_FULL,  // a whole collection
    ZHEAP_PAUSE_SLICE, // a part of one
    ZHEAP_PAUSE_MINOR,
    ZHEAP_PAUSE_KINDS
};

struct zheap_pause {
    enum zheap_pause_kind kind;
    uint64_t start_ns, end_ns;
    uint64_t freed_bytes;
};

// Told at the end of each; it must not touch the heap. NULL: nobody.
typedef void (*zheap_pause_fn)(void *context, const struct zheap_pause *pause);
void zheap_env_watch(struct zheap_env *env, zheap_pause_fn ended, void *context);

// ---- The heap ---------------------------------------------------------------------------------

// Work of the collector in words: slots, objects and pages that are looked at. Who is given one stops
// at `end`, or a step behind it, and is called again later.
struct zwork {
    uint64_t words; // done so far
    uint64_t end;   // UINT64_MAX: all of it
};

static inline bool zwork_is_left(const struct zwork *work)
{
    return work->words < work->end;
}

// May be called more than once in a collection.
typedef void (*zheap_roots_fn)(void *context, struct zmarker *marker);
// Emergency: free what can be spared (pools, caches) before the last collection. false: there was
// nothing. May be NULL.
typedef bool (*zheap_emergency_fn)(void *context);
// A symbol left the held set. May be NULL.
typedef void (*zheap_symbol_fn)(void *context, const struct zstring *symbol);

// Everything is marked, and nothing is freed yet: forget what zheap_is_dead says. It must not allocate
// in this heap. false: the work ran out; it is called again, perhaps after the program has gone on.
// May be NULL.
typedef bool (*zheap_weak_fn)(void *context, struct zwork *work);

// Marking is complete, once in a collection of any kind; and: the collector has worked, and gives the
// program back its thread (zheap_take_work). Both may be NULL.
typedef void (*zheap_event_fn)(void *context);

// How many symbols that the program no longer reaches may stay in the held set. May be NULL: none.
typedef uint32_t (*zheap_spares_fn)(void *context);

// more_bytes are missing under the limit: the limit from now on, at least so much higher, or the same
// when there is no more. Asked before anything is collected for it. May be NULL.
typedef uint64_t (*zheap_limit_fn)(void *context, uint64_t limit_bytes, uint64_t more_bytes);

struct zheap_hooks { // static, one table for all heaps of a user
    zheap_roots_fn mark_roots;
    zheap_emergency_fn emergency;
    zheap_symbol_fn release_symbol;
    zheap_weak_fn prune_weak;
    zheap_spares_fn spare_symbols;
    zheap_event_fn collected;
    zheap_event_fn worked;
    zheap_limit_fn raise_limit;
};

// Shadow stack for C code: values that must survive allocations. Lives on the C stack, linked.
struct zscope {
    struct zscope *previous;
    struct zvalue *values; // [count], all initialised
    uint32_t count;
};

// Fast part of one size class. Free cells of one page, as bits of granules.
struct zheap_class {
    uint64_t cache;      // free cells, lowest first; 0 sends the next allocation to the slow path
    char *base;          // the page those bits belong to
    uint64_t kept;       // free cells held back from cache (clipped), same page
    struct zpage *first; // spans of the class, see heap_internal.h
};

enum zheap_refusal_reason { ZHEAP_REFUSED_NOT, ZHEAP_REFUSED_LIMIT, ZHEAP_REFUSED_NOMEM };

// Why the last allocation gave NULL.
struct zheap_refusal {
    enum zheap_refusal_reason reason;
    // The isolate must end: nothing was freed since the refusal before, or the reserve has no room
    // left for another error.
    bool final;
    uint64_t requested_bytes, live_bytes, limit_bytes;
};

struct zheap_stats {
    uint64_t limit_bytes;
    uint64_t committed_bytes; // spans, external payloads and charges: what the limit is about
    uint64_t committed_peak_bytes;
    uint64_t external_bytes;  // payloads outside the spans
    uint64_t charged_bytes;   // zheap_charge, and the heap's own tables (classes, owners, held set)
    uint64_t allocated_count; // objects since creation: exact, also between two allocations
    uint64_t allocated_bytes; // their cells, and what external payloads grew by
    uint64_t freed_count;
    uint64_t freed_bytes;
    uint64_t live_count; // allocated - freed: what a heap walk finds
    uint64_t live_bytes;
    uint64_t live_peak_bytes; // exact
    uint64_t collections; // of all kinds: minor, incremental, and the others at once
    uint64_t minor_collections;
    uint64_t incremental_collections;
    uint64_t slices;           // of the incremental ones
    uint64_t slice_words_max;  // of one slice without a look at the roots
    uint64_t atomic_words_max; // of one with, see cycle.c
    uint64_t pause_ns_total;
    uint64_t pause_ns_max;
    uint64_t held_symbols;
};

// How a heap is collected. AUTO: at once while it is small, in slices and by generations where these
// pay (policy.c).
enum zheap_mode { ZHEAP_AUTO, ZHEAP_FULL, ZHEAP_INCREMENTAL, ZHEAP_GENERATIONAL, ZHEAP_MODES };

#define ZHEAP_SLICE_WORDS_MAX  UINT64_C(20000)
#define ZHEAP_ATOMIC_WORDS_MAX UINT64_C(100000) // and what the roots have more

struct zheap_collect_result {
    uint64_t freed_count, freed_bytes, pause_ns;
};

// The owner's view is in heap_internal.h; only what inline code needs is named here.
struct zheap {
    struct zheap_class *classes; // an all-empty static table until the first page is full
    uint64_t header;             // template of an object's header: the birth epoch in its place
    struct zheap_env *env;       // of the thread that runs the isolate now; NULL at rest
    struct zscope *scopes;       // innermost
    uint64_t opaque[27];         // struct zheap_private, heap_internal.h
};

_Static_assert(sizeof(struct zheap) == 248, "the heap's share of the control part");

struct zheap_options {
    uint64_t limit_bytes;     // includes the block itself; at least 8 blocks
    uint32_t growth_percent;  // 0 = 200; over 65535 it is that
    uint64_t threshold_count; // collect at every N-th allocation, exactly; 0 = off
    enum zheap_mode mode;
    const struct zheap_hooks *hooks;
    void *context; // for the hooks
};

extern const struct zheap_class zheap_no_classes[];

// Whether all objects so far are in the first page.
static inline bool zheap_is_small(const struct zheap *heap)
{
    return heap->classes == zheap_no_classes;
}

// page: its first one, of which it uses ZHEAP_FIRST_BYTES. Never fails; allocates nothing.
void zheap_init(struct zheap *heap, struct zheap_env *env, const struct zheap_options *options,
                void *page);
// Frees everything but the page. Releases held symbols. env must be set.
void zheap_deinit(struct zheap *heap);
// As after zheap_init with the same options: empty, no figures. env must be set. Never fails.
void zheap_reset(struct zheap *heap);
// What the limit is about: spans, external payloads, charges.
uint64_t zheap_committed_bytes(const struct zheap *heap);
// What it was made with, but for limit, hooks and context.
struct zheap_options zheap_options_of(const struct zheap *heap);
bool zheap_has_profile(const struct zheap *heap);

void *zheap_new_slow(struct zheap *heap, uint32_t kind_flags, size_t bytes, uint32_t aux);

extern const uint8_t zheap_class_table[ZCELL_BYTES_MAX / ZGRANULE_BYTES + 1];

// The header of a new object is stored as one word and read back by its fields: without this the
// compiler may take the two for unrelated memory and swap them.
typedef uint64_t __attribute__((may_alias)) zheap_word;

// Up to here each granule is a class, so the compiler knows that of a fixed size.
#define ZCLASS_PLAIN_MAX 128

static inline uint32_t zheap_class_of(size_t bytes)
{
    if (__builtin_constant_p(bytes) && bytes > 0 && bytes <= ZCLASS_PLAIN_MAX)
        return (uint32_t)((bytes - 1) / ZGRANULE_BYTES);
    return zheap_class_table[(bytes + ZGRANULE_BYTES - 1) / ZGRANULE_BYTES];
}

// A new object of `bytes` (header included, at most ZCELL_BYTES_MAX). kind_flags = kind | flags
// << 8. Only the header is written: fill the rest before the next allocation. NULL: see
// zheap_refusal().
static inline void *zheap_new(struct zheap *heap, uint32_t kind_flags, size_t bytes, uint32_t aux)
{
    ZVM_ASSERT(bytes <= ZCELL_BYTES_MAX);
    struct zheap_class *class = &heap->classes[zheap_class_of(bytes)];
    uint64_t free_cells = class->cache;
    if (ZVM_UNLIKELY(free_cells == 0)) return zheap_new_slow(heap, kind_flags, bytes, aux);
    class->cache = free_cells & (free_cells - 1);
    zheap_word *cell = (void *)(class->base + ((size_t)__builtin_ctzll(free_cells) << 4));
    *cell = heap->header | kind_flags | (uint64_t)aux << 32;
    return cell;
}

// Gives `owner`, whose fields are all set, a payload of new_bytes: copies what both sizes share, frees
// the old one, sets payload and payload_bytes. 0 frees. The bytes beyond the old size are
// uninitialised. May collect; the owner itself is kept through that even when no root knows it yet.
// false: refused, nothing changed.
bool zheap_payload_resize(struct zheap *heap, struct zowner *owner, size_t new_bytes);

// The BUFFER cell that is owner's payload; NULL: it has none, or one outside the spans.
struct zbuffer *zheap_payload_buffer(const struct zowner *owner);
// As zheap_payload_resize, into `buffer`: a cell of this heap to which nothing leads, with room for
// new_bytes. Cannot fail. The BUFFER cell that owner had is left to the
// caller.
void zheap_payload_move(struct zheap *heap, struct zowner *owner, struct zbuffer *buffer,
                        size_t new_bytes);

// Bytes of owner, a STRBUF, that others may hold as well (base/counted.h). From then on its payload never changes.
// NULL: they are not.
struct zcounted *zheap_payload_counted(const struct zowner *owner);
// Makes them so: the first length_bytes, what is behind them is given back. They may be moved. Never collects. NULL: no
// memory, or no room under the limit, and nothing has changed.
struct zcounted *zheap_payload_count(struct zheap *heap, struct zowner *owner, size_t length_bytes,
                                     struct zcounted_sum *sum);
// Gives owner, which has no payload, that of others, and a hold of it. The heap is charged for all of it. As
// zheap_payload_resize otherwise.
bool zheap_payload_share(struct zheap *heap, struct zowner *owner, struct zcounted *counted);

// Memory that the isolate causes outside its objects (stacks, tables). charge may collect; false:
// refused, nothing was charged. The caller allocates after a successful charge.
bool zheap_charge(struct zheap *heap, size_t bytes);
void zheap_uncharge(struct zheap *heap, size_t bytes);
// The same for what can be done without: true only while there is ZHEAP_SPARE_SHARE times as much
// room. Never collects, and a refusal is not noted.
#define ZHEAP_SPARE_SHARE 8
bool zheap_charge_spare(struct zheap *heap, size_t bytes);

// The reason of the last refusal; marks it as seen (the next call gives ZHEAP_REFUSED_NOT).
struct zheap_refusal zheap_refusal(struct zheap *heap);
// Another limit, at least what is committed.
void zheap_set_limit(struct zheap *heap, uint64_t limit_bytes);

// Opens (and closes) the reserve that lets the error of a refusal itself be made, see limit.c:
// while it is open at least ZHEAP_RESERVE_BYTES_MIN of objects can be made, unless the refusal was
// final.
#define ZHEAP_RESERVE_BYTES_MIN 320u
void zheap_reserve_open(struct zheap *heap);
void zheap_reserve_close(struct zheap *heap);
// The operating system refused memory that had been charged: notes it as a refusal.
void zheap_note_nomem(struct zheap *heap, size_t bytes);

// A full collection, now. result may be NULL.
void zheap_collect(struct zheap *heap, struct zheap_collect_result *result);
// The same when forced, else what is due. true: a collection has ended.
bool zheap_collect_if(struct zheap *heap, bool force, struct zheap_collect_result *result);
// Goes on with the collection that is under way, or begins one: about so many words of work, at most
// what one slice may do. true: none is under way any more. result may be NULL.
bool zheap_collect_step(struct zheap *heap, uint64_t words, struct zheap_collect_result *result);
// Ends what a collection still has to free, if it has marked everything. What walks all objects calls
// it first: the dead ones lead to cells that may be used again.
void zheap_settle(struct zheap *heap);
void zheap_stats(const struct zheap *heap, struct zheap_stats *out);
// Walks everything; false with the reason in `why` [why_bytes] when an invariant is broken.
bool zheap_verify(struct zheap *heap, char *why, size_t why_bytes);
// For tests: whether each collection ends with such a walk. On at first under ZVM_DEBUG 2; other builds
// never walk. Set it while nobody collects.
void zheap_set_verify(bool on);

// ---- Marking: called by mark_roots ------------------------------------------------------------
void zmark_values(struct zmarker *marker, const struct zvalue *values, size_t count);
void zmark_value(struct zmarker *marker, struct zvalue value);
void zmark_object(struct zmarker *marker, struct zobject *object); // NULL is fine

// Whether this is a collection, and not somebody who only wants to know the roots. And whether what the
// roots led to when a collection last looked at them is marked still: then only what may have changed since
// need be looked at.
bool zmark_is_marking(const struct zmarker *marker);
bool zmark_has_seen_roots(const struct zmarker *marker);

// More work of a root function than the values that it marked.
void zmark_add_work(struct zmarker *marker, uint64_t words);

// Whether the collection under way, which has marked everything, frees object. Only in prune_weak, and
// from then to its end.
bool zheap_is_dead(const struct zheap *heap, const struct zobject *object);
// At any time, for who keeps names of objects that do not keep them alive: whether the collection under way
// has found object dead, and prune_weak has perhaps not got to it yet.
bool zheap_is_doomed(const struct zheap *heap, const struct zobject *object);

// ---- Barrier ----------------------------------------------------------------------------------
ZVM_COLD void zheap_log_slow(struct zheap *heap, struct zobject *object);

ZVM_COLD void zheap_log_payload_slow(struct zheap *heap, struct zowner *owner, size_t from_bytes,
                                     size_t count_bytes);

// Before or after every store of a value into an object that is not fresh: made since the last point
// at which a collection could start, or since the last such call for it. What moves values inside an
// object is a store too.
static inline void zheap_log(struct zheap *heap, struct zobject *object)
{
    if (ZVM_UNLIKELY(object->flags & ZFLAG_LOG)) zheap_log_slow(heap, object);
}

// The same for a store that touches only these bytes of owner's payload, from its beginning. A large
// payload is then not scanned as a whole because of it.
static inline void zheap_log_payload(struct zheap *heap, struct zowner *owner, size_t from_bytes,
                                     size_t count_bytes)
{
    if (ZVM_UNLIKELY(owner->header.flags & ZFLAG_LOG))
        zheap_log_payload_slow(heap, owner, from_bytes, count_bytes);
}

// ---- Scopes -----------------------------------------------------------------------------------
static inline void zscope_open(struct zheap *heap, struct zscope *scope, struct zvalue *values,
                               uint32_t count)
{
    *scope = (struct zscope){.previous = heap->scopes, .values = values, .count = count};
    heap->scopes = scope;
}

static inline void zscope_close(struct zheap *heap, struct zscope *scope)
{
    ZVM_ASSERT(heap->scopes == scope);
    heap->scopes = scope->previous;
}

// ---- Held set ---------------------------------------------------------------------------------
// The symbols this isolate got at run time. hold: false when refused (the caller keeps its
// reference); it never collects, so a caller that is refused may zheap_collect and try again. A
// symbol that is already held is not added again: *was_held tells.
bool zheap_hold_symbol(struct zheap *heap, const struct zstring *symbol, bool *was_held);
uint32_t zheap_held_count(const struct zheap *heap); // spares too
// The held symbol with these bytes, or NULL. hash: of the bytes.
const struct zstring *zheap_held_find(struct zheap *heap, const char *bytes, uint32_t length_bytes,
                                      uint64_t hash);

// Spares: members that a collection found dead and that stay to be found again, see held.c.
struct zheap_spares {
    uint64_t hits;     // times that a spare was asked for, and is none any more
    uint64_t misses;   // symbols that were put in anew
    uint64_t releases; // times that a symbol became a spare
    uint64_t count;    // now
};

// [0]: since the heap was made; [1]: for whoever adds these up elsewhere. NULL: nothing was ever
// held.
struct zheap_spares *zheap_spares(struct zheap *heap);
// Drops all spares, and nothing else. Not while a collection runs.
void zheap_drop_spares(struct zheap *heap);

// Words of marking work done since the last call: charged to the slice, not to fuel.
uint64_t zheap_take_work(struct zheap *heap);

#endif // ZVM_HEAP_HEAP_H
