// pool/pool.h - the pools of one isolate: texts of integers, buffers of lists; names and figures.
//
// Owner-thread: the one that runs the isolate now. A set is made at the first use of one of its
// pools, is charged to the isolate, and what it cannot get it does without: no call fails. What the
// string pool keeps stands in the heap's held set (heap/held.c), whose figures are folded here.
#ifndef ZVM_POOL_POOL_H
#define ZVM_POOL_POOL_H

#include "heap/heap.h"
#include "pool/clock.h"
#include "report/report.h"

enum zpool_kind { ZPOOL_INT, ZPOOL_STRING, ZPOOL_LIST, ZPOOL_KIND_COUNT };

_Static_assert(ZPOOL_KIND_COUNT == ZREPORT_POOL_KINDS, "a report has a row for each kind");

#define ZPOOL_INT_DEFAULT    1000u
#define ZPOOL_STRING_DEFAULT 500u
#define ZPOOL_LIST_DEFAULT   0u // docs/PERFORMANCE.md

// Integers whose texts a runtime keeps for all isolates.
#define ZPOOL_SMALL_MIN   (-128)
#define ZPOOL_SMALL_MAX   256
#define ZPOOL_SMALL_COUNT (ZPOOL_SMALL_MAX - ZPOOL_SMALL_MIN + 1)

static inline bool zpool_is_small(int64_t value)
{
    return (uint64_t)value - (uint64_t)ZPOOL_SMALL_MIN < ZPOOL_SMALL_COUNT;
}

struct zpool_figures {
    uint64_t hits, misses;
    uint64_t allocations; // made because of a miss
    uint64_t releases;    // given back
    uint64_t size;        // kept now
};

// ---- The set of an isolate ----------------------------------------------------------------------

// Texts of integers. Entries: key the integer, item its struct zstring, a string of the heap.
struct zpool_ints {
    struct zclock clock;
    uint32_t wait;      // collections until the pool is tried again; 0: it is in use
    uint32_t next_wait; // when it turns out again that it does not pay
    uint32_t window_misses;
    uint64_t window_hits; // figures.hits when the window began
};

// Free BUFFER cells by their granules: those of lists of up to ZPOOL_LIST_CAPACITY_MAX elements.
#define ZPOOL_LIST_CAPACITY_MAX 16u
#define ZPOOL_LIST_BYTES_MAX    (ZPOOL_LIST_CAPACITY_MAX * 9u) // payloads and tags
#define ZPOOL_LIST_BINS         11u

_Static_assert((sizeof(struct zbuffer) + ZPOOL_LIST_BYTES_MAX + ZGRANULE_BYTES - 1) /
                       ZGRANULE_BYTES ==
                   ZPOOL_LIST_BINS - 1,
               "a bin for each number of granules");

struct zpool_lists {
    uint32_t limit; // buffers of a bin
    struct {
        struct zbuffer *first; // the next one's address stands in its data
        uint32_t count;
    } bins[ZPOOL_LIST_BINS];
};

struct zpools {
    struct zpool_figures figures[ZPOOL_KIND_COUNT]; // those of the string pool stay 0
    struct zpool_figures folded[ZPOOL_KIND_COUNT];  // for whoever adds them up elsewhere
    struct zpool_ints ints;
    struct zpool_lists lists;
};

// NULL: there is no memory to spare for it.
struct zpools *zpools_create(struct zheap *heap, uint32_t int_limit, uint32_t list_limit);
void zpools_destroy(struct zpools *pools, struct zheap *heap); // may be NULL
// Empties the pools of this set; the figures stay.
void zpools_clear(struct zpools *pools, struct zheap *heap);
// To be called with the roots, whenever they are marked: the texts live on, the buffers do not.
// Between the last such call of a collection and its end no list may take a buffer.
void zpools_mark(struct zpools *pools, struct zmarker *marker);
// One collection more. True: the pool of the integers is in use, or is to be tried again.
bool zpools_note_collection(struct zpools *pools);

// ---- Integers -----------------------------------------------------------------------------------

// The text of an integer that is pooled, or NULL.
static inline struct zstring *zpools_find_int(struct zpools *pools, int64_t value)
{
    const struct zclock_entry *entry = zclock_find(&pools->ints.clock, (uint64_t)value);
    if (entry == NULL) return NULL;
    pools->figures[ZPOOL_INT].hits++;
    return entry->item;
}

// After a find that gave NULL: `text` is what was made, a string of the heap. false: the pool does
// not pay, and is not to be asked before zpools_note_collection says so.
bool zpools_put_int(struct zpools *pools, struct zheap *heap, int64_t value, struct zstring *text);

// ---- Buffers of lists ---------------------------------------------------------------------------

// Gives owner a pooled buffer as payload, as zheap_payload_resize does with a new one. false: there
// is none of the size. Its old buffer is pooled in turn.
bool zpools_take_buffer(struct zpools *pools, struct zheap *heap, struct zowner *owner,
                        size_t new_bytes);
// A buffer that nothing leads to any more goes into the pool, if there is room for it.
void zpools_put_buffer(struct zpools *pools, struct zbuffer *buffer);

// ---- Reports ------------------------------------------------------------------------------------

extern const char *const zpool_names[ZPOOL_KIND_COUNT];

// The rows of a report, in the order of zpool_kind, from the sums over all blocks.
void zpool_report(const struct zreport_snapshot *totals,
                  struct zreport_pool rows[ZPOOL_KIND_COUNT]);
// Adds to the block what an isolate's pools did since the last call. pools may be NULL.
void zpools_fold(struct zpools *pools, struct zheap *heap, struct zreport_block *block);
// The same when the isolate goes: it keeps nothing any more.
void zpools_fold_end(struct zpools *pools, struct zheap *heap, struct zreport_block *block);

#endif // ZVM_POOL_POOL_H
