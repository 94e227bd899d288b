// heap/barrier.c - the log: which marked objects were written since they were scanned.
//
// Owns: the log of a heap, charged to it. Thread: owner.
// Words: an object is armed when it has ZFLAG_LOG. Marking arms every object that it scans, while the
// log is open; a store into an armed object comes here. Invariants, while the log is open:
//              1. a marked object that is scanned is armed, or stands in the log as a whole;
//              2. an armed object leads to marked objects only, but for slots on its dirty cards,
//                 and each dirty card stands in the log.
// heap_verify checks both (verify_marks.c), so a store without its barrier is found.
// How: one store of a value costs one test of a flag, whatever the collector does. The first store
// into an object takes its flag away and notes the object: the next stores cost nothing more. A
// payload outside the spans may have a million slots, which one store must not have scanned again:
// there the object stays armed, and each ZCARD_BYTES of its payload has a byte behind the payload
// that says that they are in the log. An object that is not marked is not noted: it will be scanned
// when it is reached. When the log cannot grow, nothing is lost but time: has_overflowed says that
// whatever is marked may lead anywhere, and the collector does its work again from the roots.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

enum {
    LOG_FIRST = ZHEAP_TINY ? 2 : 64,
    LOG_KEPT = 4096,  // entries that stay when the log is emptied
    CARDS_SINGLE = 8, // a store over more cards is one of the whole object
};

static bool grow(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    struct zheap_log *log = &zheap_more(heap)->log;
    if (log->capacity > UINT32_MAX / 2) return false;
    uint32_t capacity = log->capacity == 0 ? LOG_FIRST : log->capacity * 2;
    size_t old_bytes = log->capacity * sizeof *log->entries;
    size_t new_bytes = capacity * sizeof *log->entries;
    if (!zheap_make_room(heap, new_bytes - old_bytes)) return false;
    struct zmark_entry *entries = z_resize(log->entries, old_bytes, new_bytes);
    if (entries == NULL) return false;
    log->entries = entries;
    log->capacity = capacity;
    private->charged_bytes += new_bytes - old_bytes;
    zheap_note_commit(private);
    return true;
}

static void note(struct zheap *heap, struct zobject *object, uint64_t index)
{
    struct zheap_log *log = &zheap_more(heap)->log;
    if (log->count == log->capacity && !grow(heap)) {
        log->has_overflowed = true;
        return;
    }
    log->entries[log->count++] = (struct zmark_entry){object, index};
}

static void free_entries(struct zheap *heap)
{
    struct zheap_log *log = &zheap_more(heap)->log;
    size_t bytes = log->capacity * sizeof *log->entries;
    z_free(log->entries, bytes);
    zheap_private(heap)->charged_bytes -= bytes;
    log->entries = NULL;
    log->capacity = 0;
}

void zlog_empty(struct zheap *heap)
{
    struct zheap_log *log = &zheap_more(heap)->log;
    log->count = 0;
    log->has_overflowed = false;
    if (log->capacity > LOG_KEPT) free_entries(heap);
}

void zlog_free(struct zheap *heap)
{
    free_entries(heap);
}

// Whether these cards of a payload outside are noted already. When the log was closed or emptied since,
// the cards mean nothing, and nor does the store: the object is scanned, and its cards are cleared, before
// it is marked again.
static inline bool is_in_log(const struct zowner *owner, uint64_t first, uint64_t last)
{
    return first == last && zowner_cards(owner)[first] != 0;
}

// Whether a store into object has to be noted; if not, it is not armed any more.
static bool is_noted(struct zheap *heap, struct zobject *object)
{
    const struct zheap_more *more = zheap_more(heap);
    if (more != NULL && more->log.is_open && zheap_is_marked(object)) return true;
    object->flags &= (uint8_t)~ZFLAG_LOG;
    return false;
}

ZVM_COLD void zheap_log_slow(struct zheap *heap, struct zobject *object)
{
    if (!is_noted(heap, object)) return;
    object->flags &= (uint8_t)~ZFLAG_LOG;
    note(heap, object, ZLOG_WHOLE);
}

ZVM_COLD void zheap_log_payload_slow(struct zheap *heap, struct zowner *owner, size_t from_bytes,
                                     size_t count_bytes)
{
    if (count_bytes == 0) return;
    uint64_t first = from_bytes / ZCARD_BYTES;
    uint64_t last = (from_bytes + count_bytes - 1) / ZCARD_BYTES;
    bool is_outside = (owner->header.flags & ZFLAG_EXTERNAL) != 0;
    ZVM_ASSERT(!is_outside || from_bytes + count_bytes <= owner->payload_bytes);
    if (is_outside && is_in_log(owner, first, last)) return;
    if (!is_outside || last - first >= CARDS_SINGLE) {
        zheap_log_slow(heap, &owner->header);
        return;
    }
    if (!is_noted(heap, &owner->header)) return;
    uint8_t *cards = zowner_cards(owner);
    for (uint64_t card = first; card <= last; card++) {
        if (cards[card] != 0) continue;
        cards[card] = 1;
        note(heap, &owner->header, card);
    }
}
