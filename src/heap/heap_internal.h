// heap/heap_internal.h - the private structs of src/heap.
//
// Everything here is owner-thread (the thread that runs the isolate), except struct zspan_pool and
// the zslab_head it keeps, which are shared under the pool's lock.
#ifndef ZVM_HEAP_INTERNAL_H
#define ZVM_HEAP_INTERNAL_H

#ifndef ZVM_HEAP_INTERNAL
#    error "heap_internal.h is private to src/heap and its tests"
#endif

#include "base/atomic.h"
#include "heap/heap.h"

#include <string.h>

// ---- Variants of the build, as constants: every variant is compiled in every build ------------
#ifdef ZVM_TINY
#    define ZHEAP_TINY 1 // smallest spans, a mark stack that overflows, nothing kept in reserve
#else
#    define ZHEAP_TINY 0
#endif

#ifdef ZVM_GC_STRESS
#    define ZHEAP_STRESS 1 // collect at every allocation
#else
#    define ZHEAP_STRESS 0
#endif

#ifdef ZVM_WITHOUT_PROFILES
#    define ZHEAP_PROFILES 0 // only to measure what they cost when they are off
#else
#    define ZHEAP_PROFILES 1
#endif

#define ZHEAP_POISON      (ZVM_DEBUG >= 1) // dead cells are filled with ZHEAP_POISON_BYTE
#define ZHEAP_VERIFY      (ZVM_DEBUG >= 2) // walk the heap after each collection
#define ZHEAP_POISON_BYTE 0xDB

// With AddressSanitizer a dead cell may not even be read: a pointer that no root knew is caught at
// its first use.
#if defined(__SANITIZE_ADDRESS__)
#    define ZHEAP_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define ZHEAP_ASAN 1
#    endif
#endif
#ifdef ZHEAP_ASAN
#    include <sanitizer/asan_interface.h>
#    define ZHEAP_NO_ASAN __attribute__((no_sanitize_address))
#else
#    define ASAN_POISON_MEMORY_REGION(memory, bytes)   ((void)(memory), (void)(bytes))
#    define ASAN_UNPOISON_MEMORY_REGION(memory, bytes) ((void)(memory), (void)(bytes))
#    define ZHEAP_NO_ASAN
#endif

// ---- Slabs, pages, spans ----------------------------------------------------------------------
#define ZSLAB_PAGES      1024u
#define ZSLAB_HEAD_PAGES 32u
#define ZSLAB_WORDS      16u // bitmaps of 1024 pages

// Spans have 1, 2, 4, 16 or 64 pages and start at a multiple of that. An order is an index of
// these. A block is known by its page, which is as a span of one page, but from another kind of slab.
enum { ZSPAN_1, ZSPAN_2, ZSPAN_4, ZSPAN_16, ZSPAN_64, ZSPAN_ORDERS };
enum { ZSPAN_BLOCK = ZSPAN_ORDERS, ZSPAN_KINDS };

static inline uint32_t zspan_pages(uint32_t order)
{
    static const uint8_t pages[ZSPAN_KINDS] = {1, 2, 4, 16, 64, 1};
    return pages[order];
}

enum { ZPAGE_FREE = 0, ZPAGE_IN_HEAP = 1 };
#define ZPAGE_CLASS_MIXED 0xff // objects of any size, bump allocated

// What is known of a page. Written for every page of a span when a heap takes it.
struct zpage {
    struct zpage *next; // of a span's first page: the next span in whatever list this one is in
    uint8_t class;      // size class or ZPAGE_CLASS_MIXED
    uint8_t order;      // of its span
    uint8_t index;      // within its span
    uint8_t state;      // ZPAGE_…
    uint8_t is_gray;    // while marking: an object in it is marked but found no room on the stack
    uint8_t turn;       // of zcycle when its used word was last made the truth
    uint8_t reserved[2];
};

_Static_assert(sizeof(struct zpage) == 16, "a page descriptor is one granule");

// The pool's view of a slab, in place of the descriptors of the head's own pages. shared: pool's
// lock.
struct zslab_head {
    struct zslab *next, *previous; // in the pool's bucket
    uint64_t free[ZSLAB_WORDS];    // one bit for each page that is in the pool
    uint32_t free_pages;
    uint32_t bucket; // see slab.c
    bool holds_blocks;
};

// 1 MiB, aligned. One word of each bitmap is one page: address to word is arithmetic, whatever the
// size class. mark and used words belong to the heap that has the page.
struct zslab {
    uint64_t
        mark[ZSLAB_PAGES]; // reached by the last collection, or by the one under way
    uint64_t used[ZSLAB_PAGES]; // first granules of cells that are handed out
    union {
        struct zpage pages[ZSLAB_PAGES];
        struct zslab_head head;
    };
};

_Static_assert(sizeof(struct zslab) == ZSLAB_HEAD_PAGES * ZPAGE_BYTES,
               "the slab's head is 32 pages");
_Static_assert(sizeof(struct zslab_head) <= ZSLAB_HEAD_PAGES * sizeof(struct zpage),
               "the pool's view fits the descriptors of the head");

static inline struct zslab *zslab_of(const void *address)
{
    return (struct zslab *)((uintptr_t)address & ~(uintptr_t)(ZSLAB_BYTES - 1));
}

// Number of the page that holds address, within its slab.
static inline uint32_t zpage_number_at(const void *address)
{
    return (uint32_t)((uintptr_t)address / ZPAGE_BYTES) & (ZSLAB_PAGES - 1);
}

static inline struct zpage *zpage_at(const void *address)
{
    return &zslab_of(address)->pages[zpage_number_at(address)];
}

static inline uint32_t zpage_number(const struct zpage *page)
{
    return (uint32_t)(page - zslab_of(page)->pages);
}

static inline char *zpage_base(const struct zpage *page)
{
    return (char *)zslab_of(page) + (size_t)zpage_number(page) * ZPAGE_BYTES;
}

static inline uint64_t *zpage_used(const struct zpage *page)
{
    return &zslab_of(page)->used[zpage_number(page)];
}

static inline uint64_t *zpage_mark(const struct zpage *page)
{
    return &zslab_of(page)->mark[zpage_number(page)];
}

// ---- Blocks -----------------------------------------------------------------------------------
// A slab of blocks: the control parts behind the head, then the pages. Apart, so that the words of a page
// are of one heap only, and the control parts need not fill pages.
#define ZSLAB_HEAD_BYTES (ZSLAB_HEAD_PAGES * ZPAGE_BYTES)
#define ZSLAB_BLOCKS     ((ZSLAB_BYTES - ZSLAB_HEAD_BYTES) / (ZHEAP_CONTROL_BYTES + ZPAGE_BYTES))
#define ZSLAB_BLOCK_PAGE (ZSLAB_PAGES - ZSLAB_BLOCKS) // number of the first block's page

_Static_assert(ZSLAB_HEAD_BYTES + ZSLAB_BLOCKS * ZHEAP_CONTROL_BYTES <=
                   ZSLAB_BLOCK_PAGE * ZPAGE_BYTES,
               "the control parts end before the pages");

static inline void *zblock_of(const struct zpage *page)
{
    uint32_t index = zpage_number(page) - ZSLAB_BLOCK_PAGE;
    return (char *)zslab_of(page) + ZSLAB_HEAD_BYTES + (size_t)index * ZHEAP_CONTROL_BYTES;
}

static inline struct zpage *zblock_page(const void *block)
{
    uint32_t offset = (uint32_t)((uintptr_t)block & (ZSLAB_BYTES - 1)) - ZSLAB_HEAD_BYTES;
    return &zslab_of(block)->pages[ZSLAB_BLOCK_PAGE + offset / ZHEAP_CONTROL_BYTES];
}

// The bit of address in its page's words.
static inline uint64_t zgranule_bit(const void *address)
{
    return (uint64_t)1 << ((uintptr_t)address / ZGRANULE_BYTES & (ZPAGE_GRANULES - 1));
}

// In place: not every x86-64 has an instruction for it, and gcc calls a function of twice as many. Where
// there is one, gcc knows these lines for it.
static inline uint32_t zbits_count(uint64_t bits)
{
    bits -= bits >> 1 & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (uint32_t)(bits * 0x0101010101010101u >> 56);
}

static inline uint32_t zbits_lowest(uint64_t bits) // bits != 0
{
    return (uint32_t)__builtin_ctzll(bits);
}

static inline size_t zgranules_round(size_t bytes)
{
    return (bytes + ZGRANULE_BYTES - 1) & ~(size_t)(ZGRANULE_BYTES - 1);
}

// What the host says about memory, see pressure.c. shared: any thread.
struct zpressure {
    _Atomic uint32_t level; // enum zpressure_level
    _Atomic uint32_t stamp; // goes up when memory is wanted back; wraps
};

struct zpressure *zspan_pool_pressure(struct zspan_pool *pool);

// slab.c. thread: any. take: up to count spans linked by next; returns how many (0: no memory).
uint32_t zspan_pool_take_any(struct zspan_pool *pool, uint32_t order, uint32_t count,
                             struct zpage **list);
void zspan_pool_give_any(struct zspan_pool *pool, struct zpage *list);

// ---- Size classes (size_class.c) --------------------------------------------------------------
#define ZHEAP_CLASSES       24u
#define ZHEAP_CLASSES_SMALL 12u // cells up to 256 bytes never cross a page

extern const uint16_t zheap_class_bytes[ZHEAP_CLASSES];
extern const uint64_t zheap_class_starts[ZHEAP_CLASSES_SMALL];

uint64_t zpage_starts_medium(uint32_t class, uint32_t index, uint32_t span_page_count);

// Where cells may start in a page of a class.
static inline uint64_t zpage_starts(const struct zpage *page)
{
    if (page->class < ZHEAP_CLASSES_SMALL) return zheap_class_starts[page->class];
    return zpage_starts_medium(page->class, page->index, zspan_pages(page->order));
}

// ---- The environment of a thread (env.c) ------------------------------------------------------
struct zmark_entry {
    struct zobject *object; // marked; its slots from index on are still to be looked at
    uint64_t index;
};

struct zmark_stack {
    struct zmark_entry *entries; // NULL: none could be had, marking rescans instead
    uint32_t capacity;
};

struct zheap_env {
    struct zspan_pool *pool;
    const struct zpressure *pressure; // the pool's
    struct zheap_collected collected; // since it was last taken
    struct {
        struct zpage *first;
        uint32_t count;
    } spans[ZSPAN_KINDS];
    struct zheap_more *table; // of a heap that has ended, for the next one; NULL: none
    struct zmark_stack stack;
    // Of the pause under way, or the last one.
    enum zheap_pause_kind pause_kind;
    uint64_t pause_freed_bytes; // freed before it
    zheap_pause_fn pause_ended; // may be NULL
    void *pause_context;
    uint32_t pause_count;
    uint64_t pauses_ns[ZHEAP_ENV_PAUSES_MAX];
};

// relaxed, both: an answer that comes a page later is as good.
static inline uint16_t zpressure_stamp(const struct zheap_env *env)
{
    return (uint16_t)z_load_relaxed(&env->pressure->stamp);
}

static inline enum zpressure_level zpressure_level(const struct zheap_env *env)
{
    return (enum zpressure_level)z_load_relaxed(&env->pressure->level);
}

struct zpage *zspan_acquire(struct zheap_env *env, uint32_t order); // NULL: no memory
void zspan_release(struct zheap_env *env, struct zpage *span);
struct zheap_more *zheap_env_take_table(struct zheap_env *env); // empty; NULL: no memory
void zheap_env_give_table(struct zheap_env *env, struct zheap_more *table);
// Doubles the mark stack; false: it stays as it is.
bool zheap_env_grow_stack(struct zheap_env *env);
void zheap_env_shrink_stack(struct zheap_env *env);
void zheap_env_give_back(struct zheap_env *env); // the spans that it has at hand
void zheap_env_add_pause(struct zheap_env *env, uint64_t pause_ns);

// ---- The heap ---------------------------------------------------------------------------------

// A page of objects of any size. `starts` remembers every object since the page was last empty,
// dead ones too: the distance between two of its bits is the size of an object.
struct zmixed {
    char *base;
    uint64_t starts;
    uint32_t top; // granules handed out
};

#define ZFIRST_GRANULES (ZHEAP_FIRST_BYTES / ZGRANULE_BYTES) // of the first page

#define ZLOG_WHOLE UINT64_MAX

// See barrier.c. An entry is an object and a card of its payload, or ZLOG_WHOLE.
struct zheap_log {
    struct zmark_entry *entries; // [count]
    uint32_t count, capacity;
    bool is_open;        // stores into marked objects are noted
    bool has_overflowed; // not all were
};

struct zprofile;

// What a collection that goes on between slices of the program has to do next, see cycle.c.
enum zphase {
    ZPHASE_REST,
    ZPHASE_CLEAR,   // marks are cleared
    ZPHASE_MARK,    // what is reached is marked
    ZPHASE_PRUNE,   // everything is marked; what is dead is forgotten by whom it is known to
    ZPHASE_FINISH,  // used = mark, page by page
    ZPHASE_RELEASE, // empty spans are given back
};

// A place in the lists of spans: those up to `last` of `class` are done.
struct zspan_cursor {
    uint32_t class;
    struct zpage *last; // NULL: none of the class
};

struct zheld_prune {
    uint32_t pass; // 0: none, see held.c
    uint32_t at;   // entry
    uint32_t fresh, old;
};

struct zcycle {
    uint8_t phase; // enum zphase
    uint8_t turn;  // changes when everything is marked
    bool is_minor; // a minor collection runs
    bool is_at_once;
    bool counts_young;
    bool has_begun;      // the roots were looked at
    bool has_overflowed; // the mark stack did not grow: to be begun again, at once
    bool keeps_none;     // every empty span is given back
    struct zmark_stack stack; // of the cycle; charged
    uint32_t stack_count;
    struct zspan_cursor cursor;
    uint32_t empty_spans;
    uint32_t owner_at, owner_old; // owners[0, owner_old) are marked, between two collections
    uint32_t prune_step;
    struct zheld_prune held;
    uint64_t paid_at_bytes; // acquired_bytes up to which work was paid
    uint64_t debt_words;
    uint64_t late_bytes;    // when acquired_bytes gets here slices are larger
    uint64_t give_up_bytes; // when it gets here the rest is done at once
    uint64_t words;         // of this collection so far
    uint64_t young_words;   // of these, for what was made since the last one; when it counts them
    uint64_t live_at_start;
};

// What policy.c decides by.
struct zpolicy {
    bool has_minors;          // the log is kept for minor collections
    bool had_minors;          // also since the whole collection before
    bool is_promising;        // the last whole one found that a try may be worth it
    uint32_t wait;            // whole collections to wait after the last try that failed; 0: none did
    uint32_t wholes_to_wait;  // of these, still
    uint64_t whole_at_bytes;  // live bytes at which the next collection is a whole one
    uint64_t whole_words;     // that the last whole one cost, and what the heap could grow after it
    uint64_t whole_growth_bytes;
    uint64_t period_words;    // since then
    uint64_t period_at_bytes; // acquired_bytes at its end
    uint32_t period_minors;
};

// What only a heap beyond its first page has. zheap.classes points to `classes`, the first member.
struct zheap_more {
    struct zheap_class classes[ZHEAP_CLASSES];
    uint32_t class_pages[ZHEAP_CLASSES];
    uint32_t handed_out;    // a bit for each class that has ever had cells in its cache
    struct zmixed reserve;  // one page that only the errors of refusals may use
    struct zowner **owners; // objects with a payload outside the spans
    uint32_t owner_count, owner_capacity;
    struct zheap_log log;
    struct zpage *tails[ZHEAP_CLASSES];   // the last span of each class
    struct zpage *touched[ZHEAP_CLASSES]; // first page with new objects since the last collection
    struct zcycle cycle;
    struct zpolicy policy;
    uint64_t minor_collections, incremental_collections, slices;
    uint64_t slice_words_max, atomic_words_max;
    struct zprofile *profile; // NULL: off, see profile.h
};

enum zheap_outcome { ZHEAP_GOT, ZHEAP_OVER_LIMIT, ZHEAP_NO_MEMORY };

// The part of struct zheap that other folders do not see. may_alias: it lies over zheap.opaque.
struct __attribute__((may_alias)) zheap_private {
    const struct zheap_hooks *hooks;
    void *context;
    // The mixed first page: the second part of the block.
    char *first_base;
    uint64_t first_starts;
    // Memory. committed = the block + span_pages + external + charged, never over limit.
    uint64_t limit_bytes;
    uint64_t external_bytes;
    uint64_t charged_bytes;
    uint64_t committed_peak_bytes;
    // Objects. acquired = allocated + the free cells in the caches, so that the fast path counts
    // nothing.
    uint64_t acquired_count;
    uint64_t acquired_bytes;
    uint64_t freed_count;
    uint64_t freed_bytes;
    uint64_t live_peak_bytes;
    // Collections.
    uint64_t collections;
    uint64_t pause_ns_total;
    uint64_t pause_ns_max;
    uint64_t collect_at_bytes; // collect when acquired_bytes gets here
    uint64_t threshold_count;  // 0 = off
    uint64_t threshold_next;   // the allocation (1 = the first) that collects next
    uint64_t work_words;
    // Held symbols: open addressing, capacity a power of two; an entry is an address and a mark
    // bit.
    uintptr_t *held;
    uint32_t held_count, held_capacity;
    // Refusals.
    uint64_t refused_requested_bytes;
    uint64_t freed_at_refusal_bytes; // UINT64_MAX: no refusal yet
    uint64_t freed_at_rescue_bytes;  // freed_bytes when the limit last forced a collection
    uint32_t span_pages;             // the block not counted
    uint16_t growth_percent;
    uint16_t pressure_seen; // stamp of the last pressure that was answered
    uint8_t first_top;      // granules handed out in the first page
    uint8_t refused_reason; // enum zheap_refusal_reason
    bool refused_final;
    bool is_reserve_open;
    bool is_collecting;
    uint8_t thin_rescues; // collections at the limit, in a row, that freed next to nothing
    bool is_at_limit;     // the limit forced the last collection: larger cells may be borrowed
    uint8_t mode;         // enum zheap_mode
};

_Static_assert(sizeof(struct zheap_private) <= sizeof(((struct zheap *)0)->opaque),
               "the private part fits its place");

static inline struct zheap_private *zheap_private(struct zheap *heap)
{
    return (struct zheap_private *)heap->opaque;
}

static inline const struct zheap_private *zheap_private_const(const struct zheap *heap)
{
    return (const struct zheap_private *)heap->opaque;
}

// NULL while the heap is inside its first page.
static inline struct zheap_more *zheap_more(const struct zheap *heap)
{
    if (heap->classes == zheap_no_classes) return NULL;
    return (struct zheap_more *)(void *)heap->classes;
}

// NULL: off.
static inline struct zprofile *zheap_profile(const struct zheap *heap)
{
    const struct zheap_more *more = zheap_more(heap);
    return ZHEAP_PROFILES && more != NULL ? more->profile : NULL;
}

static inline uint64_t zheap_committed(const struct zheap_private *private)
{
    return ZHEAP_BLOCK_BYTES + (uint64_t) private->span_pages * ZPAGE_BYTES +
           private->external_bytes + private->charged_bytes;
}

static inline bool zheap_fits(const struct zheap_private *private, uint64_t bytes)
{
    return bytes <= private->limit_bytes - zheap_committed(private);
}

// After every step that commits memory.
static inline void zheap_note_commit(struct zheap_private *private)
{
    uint64_t committed = zheap_committed(private);
    ZVM_ASSERT(committed <= private->limit_bytes);
    if (committed > private->committed_peak_bytes) private->committed_peak_bytes = committed;
}

// Memory that holds no object from now on.
static inline void zheap_poison(void *memory, size_t bytes)
{
    if (!ZHEAP_POISON) return;
    memset(memory, ZHEAP_POISON_BYTE, bytes);
    ASAN_POISON_MEMORY_REGION(memory, bytes);
}

// Memory that an object gets, or that leaves the heap.
static inline void zheap_unpoison(void *memory, size_t bytes)
{
    ASAN_UNPOISON_MEMORY_REGION(memory, bytes);
}

// alloc.c
enum zheap_outcome zheap_grow_more(struct zheap *heap); // makes struct zheap_more
void zheap_return_caches(
    struct zheap *heap); // cached cells become free again; used and acquired exact
size_t zheap_cell_bytes(const struct zheap *heap, const void *object);
// Collects when the growth trigger is reached with upcoming_bytes more.
void zheap_poll(struct zheap *heap, uint64_t upcoming_bytes);
void zheap_release_span(struct zheap *heap, struct zpage *span);
struct zpage *zheap_acquire_span(struct zheap *heap, uint32_t class, uint32_t order);

// first_page.c
void *zfirst_page_take(struct zheap *heap, size_t cell_bytes, uint32_t top_max);
void *zreserve_take(struct zheap *heap, size_t cell_bytes);
bool zreserve_has_room(const struct zheap *heap);
size_t zmixed_cell_bytes(uint64_t starts, uint32_t top, uint32_t granule);
struct zmixed zfirst_page(const struct zheap *heap);

// stats.c
uint64_t zheap_live_bytes(const struct zheap *heap);
uint64_t zheap_live_count(const struct zheap *heap);
void zheap_note_peak(struct zheap *heap); // before anything is freed

// limit.c
typedef enum zheap_outcome (*zheap_attempt_fn)(struct zheap *heap, void *request);
// Tries, collects and tries again; false: refused, and the reason is noted.
bool zheap_attempt(struct zheap *heap, zheap_attempt_fn attempt, void *request, uint64_t bytes);
void zheap_refuse(struct zheap *heap, enum zheap_outcome outcome, uint64_t bytes);
// What need not be, or where nothing may be collected: so many bytes fit, or the limit could be raised
// for them.
bool zheap_make_room_slow(struct zheap *heap, uint64_t bytes);
static inline bool zheap_make_room(struct zheap *heap, uint64_t bytes)
{
    return zheap_fits(zheap_private(heap), bytes) || zheap_make_room_slow(heap, bytes);
}

// payload.c
// After marking: frees what dead owners own, from cycle.owner_at on.
bool zheap_prune_owners(struct zheap *heap, struct zwork *work);
void zheap_free_owners(struct zheap *heap);
// An owner that is in the owner list. The bit means ASCII in a string, and no string is an owner.
#define ZFLAG_LISTED ZFLAG_ASCII

// barrier.c
void zlog_empty(struct zheap *heap);
void zlog_free(struct zheap *heap);

// One byte of log for so many of a payload outside the spans: 16 slots. A store into a random place has
// so many scanned again. With 128, a program that fills a list of 60,000 in random order, and allocates
// what it puts there, made more work in the log than it paid for: its cycles did not end.
#define ZCARD_BYTES 128u

static inline size_t zcards_count(size_t payload_bytes)
{
    return (payload_bytes + ZCARD_BYTES - 1) / ZCARD_BYTES;
}

// Behind the payload of an EXTERNAL list or map; 0: it is not in the log.
static inline uint8_t *zowner_cards(const struct zowner *owner)
{
    ZVM_ASSERT(owner->header.flags & ZFLAG_EXTERNAL);
    return (uint8_t *)owner->payload + owner->payload_bytes;
}

// held.c
void zheap_mark_held(struct zheap *heap, const struct zstring *symbol);
// After marking: releases the unmarked symbols. *prune is all 0 at first. false: the work ran out.
bool zheap_prune_held(struct zheap *heap, struct zheld_prune *prune, struct zwork *work);
void zheap_clear_held(struct zheap *heap); // forgets the marks of a collection that is given up
void zheap_release_held(struct zheap *heap);

// mark.c
struct zverifier;
struct zmarker {
    struct zheap *heap;
    struct zmark_stack *stack;              // of the thread, or of the cycle
    struct zverifier *verifier;             // not NULL: the roots are wanted by zheap_verify
    struct zmark_entry *bottom, *top, *end; // of the stack; top: the next free entry
    bool has_overflowed;                    // a marked object was not pushed: some page is gray
    bool skips_symbols;                     // a minor collection frees none
    bool has_seen_roots;                    // see zmark_has_seen_roots
    uint8_t arms;                           // ZFLAG_LOG while the log is open, or 0
    bool has_extras;                        // it arms, or counts the work for young objects
    uint16_t young_birth;                   // of what was made since the last collection
    uint64_t young_words;                   // of the work, those for such objects
    struct zwork work;
};

// Marks whatever the roots, the log and the cycle's stack lead to, at once, with the thread's stack if
// the cycle has none.
void zmark_all(struct zheap *heap, struct zwork *work);
// The same in part: true when everything is marked. When nothing but the roots is left to look at, the
// work may go on to atomic_end. *has_tried: the roots were looked at.
bool zmark_some(struct zheap *heap, struct zwork *work, uint64_t atomic_end, bool *has_tried);

static inline bool zheap_is_marked(const struct zobject *object)
{
    return (*zpage_mark(zpage_at(object)) & zgranule_bit(object)) != 0;
}

// zheap_is_dead as a part of its caller.
static inline bool zheap_is_dead_now(const struct zheap *heap, const struct zobject *object)
{
    if (zheap_is_marked(object)) return false;
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return zheap_private_const(heap)->is_collecting;
    return more->cycle.is_minor || zpage_at(object)->turn != more->cycle.turn;
}

// finish.c
void zfinish_page(struct zheap *heap, struct zpage *page); // the peak is noted
void zfinish_mixed(struct zheap *heap);                    // the first page, and the reserve
bool zfinish_step(struct zheap *heap, struct zwork *work);
void zfinish_touched(struct zheap *heap, struct zwork *work); // a minor collection's
bool zrelease_step(struct zheap *heap, struct zwork *work);
struct zpage *zspan_next(const struct zheap_more *more, struct zspan_cursor *cursor);

// cycle.c
void zcycle_start(struct zheap *heap, bool is_at_once);
bool zcycle_start_slices(struct zheap *heap); // false: no memory for it
void zcycle_run(struct zheap *heap, struct zwork *work);
void zcycle_slice(struct zheap *heap, uint64_t upcoming_bytes);
void zcycle_step(struct zheap *heap, uint64_t words); // asked for; not on debt
void zcycle_abandon(struct zheap *heap); // what is open is given up or ended; then it is at REST
void zcycle_free_stack(struct zheap *heap);
bool zcycle_grow_stack(struct zheap *heap);

// minor.c
void zheap_collect_minor(struct zheap *heap);

// policy.c
uint64_t zpolicy_growth_bytes(const struct zheap *heap);
void zpolicy_set_trigger(struct zheap *heap); // no collection is under way
// Both are asked when a whole collection begins: whether minor ones follow, and whether it counts its work for
// young objects.
bool zpolicy_wants_minors(const struct zheap *heap);
bool zpolicy_counts_young(const struct zheap *heap);
bool zpolicy_wants_slices(const struct zheap *heap);
bool zpolicy_is_grown(const struct zheap *heap); // a whole one is due, after a minor one
void zpolicy_note_whole(struct zheap *heap);
void zpolicy_note_minor(struct zheap *heap, uint64_t words);
void zverify_root(struct zverifier *verifier, const void *object, uint32_t tag);

// pressure.c
uint32_t zheap_growth_percent(const struct zheap *heap); // now: what is asked for, and the pressure
ZVM_COLD void zheap_answer_pressure(struct zheap *heap);

// collect.c
enum zcollect_reason { ZCOLLECT_GROWTH, ZCOLLECT_ASKED, ZCOLLECT_LIMIT, ZCOLLECT_STRESS };
void zheap_collect_now(struct zheap *heap, enum zcollect_reason reason);
void zheap_collect_due(struct zheap *heap, uint64_t upcoming_bytes); // the growth trigger is reached
void zheap_begin_pause(struct zheap *heap, enum zheap_pause_kind kind, uint64_t *start_ns);
void zheap_end_pause(struct zheap *heap, uint64_t start_ns);
// A collection has marked everything; which: where the thread counts it, a member of env->collected.
void zheap_next_epoch(struct zheap *heap, uint64_t *which);
void zheap_add_work(struct zheap *heap, uint64_t words);

// verify_marks.c. Checks the invariants of the log, when it is open.
bool zheap_verify_marks(struct zheap *heap, char *why, size_t why_bytes);

// verify.c. is_exact: right after a collection, so that every used cell must be reachable.
bool zheap_verify_now(struct zheap *heap, bool is_exact, char *why, size_t why_bytes);

#endif // ZVM_HEAP_INTERNAL_H
