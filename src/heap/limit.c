// heap/limit.c - the byte limit: charging, what is tried before a refusal, refusals, the reserve.
//
// Owns: nothing. Thread: owner.
// committed = the block + spans + external payloads + charges, and never goes over the limit.
// What does not fit is tried again, in this order: after a full collection that gives empty spans
// back; after the emergency hook and one more. Then it is refused, and the reason is noted in the
// heap itself: nothing here allocates, so a refusal always succeeds. Two guards keep a program at
// its limit from living on collections alone:
// - thrash: two collections at the limit in a row, each with less than 1/32 of the limit freed
// since
//   the one before, and the second refuses although there may be a little room;
// - final: a refusal with nothing freed since the one before. The isolate must end.
// The reserve is what the error object and its text are made from: see first_page.c.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

enum { THIN_RESCUES_MAX = 2, THIN_SHARE = 32 };

// Collects because of the limit. True when it is hopeless: next to nothing freed, twice in a row.
static bool rescue(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    uint64_t charged = private->charged_bytes;
    zheap_collect_now(heap, ZCOLLECT_LIMIT);
    uint64_t freed = private->freed_bytes - private->freed_at_rescue_bytes;
    // What finalizers have given back of memory outside.
    if (private->charged_bytes < charged) freed += charged - private->charged_bytes;
    private->freed_at_rescue_bytes = private->freed_bytes;
    if (freed >= private->limit_bytes / THIN_SHARE)
    private->thin_rescues = 0;
    else if (private->thin_rescues < THIN_RESCUES_MAX) private->thin_rescues++;
    return private->thin_rescues >= THIN_RESCUES_MAX;
}

// The user of the heap may have more to give than it has given. False: it has not so much.
static bool raise_limit(struct zheap_private *private, uint64_t more_bytes)
{
    if (private->hooks == NULL || private->hooks->raise_limit == NULL) return false;
    uint64_t before = private->limit_bytes;
    private->limit_bytes = private->hooks->raise_limit(private->context, before, more_bytes);
    return private->limit_bytes != before;
}

bool zheap_make_room_slow(struct zheap *heap, uint64_t bytes)
{
    struct zheap_private *private = zheap_private(heap);
    return raise_limit(private, bytes - (private->limit_bytes - zheap_committed(private)));
}

// Asks for no more than is short: what one heap has and does not need, others cannot have. An attempt
// may need more than the bytes asked for (the rest of a span, a table): then page by page.
static enum zheap_outcome attempt_with_more(struct zheap *heap, zheap_attempt_fn attempt,
                                            void *request, uint64_t bytes)
{
    struct zheap_private *private = zheap_private(heap);
    enum zheap_outcome outcome = attempt(heap, request);
    while (outcome == ZHEAP_OVER_LIMIT) {
        uint64_t free_bytes = private->limit_bytes - zheap_committed(private);
        uint64_t more_bytes = bytes > free_bytes ? bytes - free_bytes : ZPAGE_BYTES;
        if (!raise_limit(private, more_bytes)) return outcome;
        outcome = attempt(heap, request);
    }
    return outcome;
}

static enum zheap_outcome try_again(struct zheap *heap, enum zheap_outcome outcome,
                                    zheap_attempt_fn attempt, void *request, uint64_t bytes)
{
    struct zheap_private *private = zheap_private(heap);
    if (outcome == ZHEAP_NO_MEMORY) {
        // Not this heap's limit: what it can give back goes to the thread's spans, and may be
        // enough.
        zheap_collect_now(heap, ZCOLLECT_LIMIT);
        return attempt_with_more(heap, attempt, request, bytes);
    }
    bool is_hopeless = rescue(heap);
    if (!is_hopeless) {
        outcome = attempt_with_more(heap, attempt, request, bytes);
        if (outcome == ZHEAP_GOT) return outcome;
        // Not rescued, so not living on collections either.
        private->thin_rescues = 0;
    }
    if (private->hooks == NULL || private->hooks->emergency == NULL) return outcome;
    uint64_t committed = zheap_committed(private);
    if (!private->hooks->emergency(private->context)) return outcome;
    heap->env->collected.emergency++;
    bool is_thin = rescue(heap);
    // What the hook gave back itself is room too, and no collection freed it.
    bool has_given = committed - zheap_committed(private) >= private->limit_bytes / THIN_SHARE;
    if (is_thin && is_hopeless && !has_given) return outcome;
    if (has_given) private->thin_rescues = 0;
    return attempt_with_more(heap, attempt, request, bytes);
}

void zheap_set_limit(struct zheap *heap, uint64_t limit_bytes)
{
    struct zheap_private *private = zheap_private(heap);
    ZVM_ASSERT(limit_bytes >= zheap_committed(private));
    private->limit_bytes = limit_bytes;
}

bool zheap_attempt(struct zheap *heap, zheap_attempt_fn attempt, void *request, uint64_t bytes)
{
    enum zheap_outcome outcome = attempt_with_more(heap, attempt, request, bytes);
    if (ZVM_LIKELY(outcome == ZHEAP_GOT)) return true;
    // While the reserve is open the collections have just been, and brought nothing.
    if (!zheap_private(heap)->is_reserve_open) {
        outcome = try_again(heap, outcome, attempt, request, bytes);
        if (outcome == ZHEAP_GOT) return true;
    }
    zheap_refuse(heap, outcome, bytes);
    return false;
}

// ---- Refusals ---------------------------------------------------------------------------------

void zheap_refuse(struct zheap *heap, enum zheap_outcome outcome, uint64_t bytes)
{
    ZVM_ASSERT(outcome != ZHEAP_GOT);
    struct zheap_private *private = zheap_private(heap);
    // Inside its first page a heap may have used up the end of it: then only the real reserve
    // helps.
    bool has_room =
        zreserve_has_room(heap) || (zheap_grow_more(heap) == ZHEAP_GOT && zreserve_has_room(heap));
    private->refused_reason =
        (uint8_t)(outcome == ZHEAP_OVER_LIMIT ? ZHEAP_REFUSED_LIMIT : ZHEAP_REFUSED_NOMEM);
    private->refused_final = private->freed_bytes == private->freed_at_refusal_bytes || !has_room ||
                             private->is_reserve_open;
    private->refused_requested_bytes = bytes;
    private->freed_at_refusal_bytes = private->freed_bytes;
}

struct zheap_refusal zheap_refusal(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    struct zheap_refusal refusal = {.reason = private->refused_reason,
                                    .final = private->refused_final,
                                    .requested_bytes = private->refused_requested_bytes,
                                    .live_bytes = zheap_live_bytes(heap), // nothing was made since
                                    .limit_bytes = private->limit_bytes};
    private->refused_reason = ZHEAP_REFUSED_NOT;
    private->refused_final = false;
    private->refused_requested_bytes = 0;
    return refusal;
}

void zheap_note_nomem(struct zheap *heap, size_t bytes)
{
    zheap_refuse(heap, ZHEAP_NO_MEMORY, bytes);
}

void zheap_reserve_open(struct zheap *heap)
{
    ZVM_ASSERT(!zheap_private(heap)->is_reserve_open);
    zheap_settle(heap); // the reserve's page must be finished
    zheap_private(heap)->is_reserve_open = true;
}

void zheap_reserve_close(struct zheap *heap)
{
    ZVM_ASSERT(zheap_private(heap)->is_reserve_open);
    zheap_private(heap)->is_reserve_open = false;
}

// ---- Charges ----------------------------------------------------------------------------------

static enum zheap_outcome attempt_charge(struct zheap *heap, void *request)
{
    const size_t *bytes = request;
    struct zheap_private *private = zheap_private(heap);
    if (!zheap_fits(private, *bytes)) return ZHEAP_OVER_LIMIT;
    private->charged_bytes += *bytes;
    zheap_note_commit(private);
    return ZHEAP_GOT;
}

bool zheap_charge(struct zheap *heap, size_t bytes)
{
    if (ZHEAP_STRESS) zheap_collect_due(heap, 0);
    return zheap_attempt(heap, attempt_charge, &bytes, bytes);
}

bool zheap_charge_spare(struct zheap *heap, size_t bytes)
{
    struct zheap_private *private = zheap_private(heap);
    if (!zheap_make_room(heap, bytes * ZHEAP_SPARE_SHARE)) return false;
    private->charged_bytes += bytes;
    zheap_note_commit(private);
    return true;
}

void zheap_uncharge(struct zheap *heap, size_t bytes)
{
    ZVM_CHECK(bytes <= zheap_private(heap)->charged_bytes);
    zheap_private(heap)->charged_bytes -= bytes;
}
