// heap/cycle.c - the steps of a whole collection, taken at once or between slices of the program.
//
// Owns: the mark stack of an open cycle, charged to the heap. Thread: owner.
//
//   REST -> CLEAR -> MARK -> PRUNE -> FINISH -> RELEASE -> REST
//
// CLEAR sets the mark words to 0. MARK begins with the roots and scans what is reached, then what the log
// says was written since, then the roots again: when they too lead to nothing new, everything is marked,
// and no instruction of the program has come between. That try is the atomic step; if its work runs
// out, marking goes on in slices and it is tried again. PRUNE forgets the dead: in tables that know objects weakly, external
// payloads, the held set. FINISH makes used = mark and RELEASE gives empty spans back (finish.c).
// A collection at once takes all steps to their end in one call, with the thread's mark stack.
//
// Slices: work is paid by allocation, a word for a byte, so marking L bytes, which is at most L / 8
// words, is done before the heap has grown by an eighth. A slice does at most ZHEAP_SLICE_WORDS_MAX
// words; one that looks at the roots at most ZHEAP_ATOMIC_WORDS_MAX, beyond what the roots themselves
// have more. Both count what is done, not the time it takes. The exact maxima are in zheap_stats.
//
// Objects that are made while a cycle is open are white: not marked. The other way, making them marked,
// would keep all that dies young until the next cycle, and each initial store into them would need the
// barrier. White ones that live cost a scan, as they would in the next cycle. What makes it end: white
// objects are reached through the log and the roots, and each try finds those made since the last one,
// which were paid for with more words than they have.
// After the atomic step new cells come out of finished pages or new spans only, so that they are never
// taken for dead. While PRUNE runs these are new spans: it still reads dead cells.
//
// A cycle that is outrun (by large payloads, each of which pays for one slice only) has slices of
// ZHEAP_ATOMIC_WORDS_MAX when the heap has grown as much again as it may between two collections. One that
// cannot end even so (the program writes into old objects and hardly allocates) is ended at once when it
// has grown as much once more. One whose mark stack or
// log could not grow is given up, for a collection at once that needs neither; so is one that meets the
// limit, because that one finds what died since the cycle began, too. Nothing was freed by then.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

#include "base/alloc.h"

enum {
    STEP_BYTES = ZHEAP_TINY ? 1024 : 16384, // allocated between two slices
    STEP_BYTES_IN_DEBT = 1024,
    STRESS_WORDS = 100,
    STACK_FIRST = ZHEAP_TINY ? 64 : 256,
    // The most that one step does beyond its end: a chunk of a map, or a span.
    STEP_WORDS_OVER = 512,
};

// ---- The cycle's mark stack -----------------------------------------------------------------------

static bool resize_stack(struct zheap *heap, uint32_t capacity)
{
    struct zheap_private *private = zheap_private(heap);
    struct zmark_stack *stack = &zheap_more(heap)->cycle.stack;
    size_t old_bytes = stack->capacity * sizeof *stack->entries;
    size_t new_bytes = capacity * sizeof *stack->entries;
    if (!zheap_make_room(heap, new_bytes - old_bytes)) return false;
    struct zmark_entry *entries = z_resize(stack->entries, old_bytes, new_bytes);
    if (entries == NULL) return false;
    stack->entries = entries;
    stack->capacity = capacity;
    private->charged_bytes += new_bytes - old_bytes;
    zheap_note_commit(private);
    return true;
}

bool zcycle_grow_stack(struct zheap *heap)
{
    uint32_t capacity = zheap_more(heap)->cycle.stack.capacity;
    if (ZHEAP_TINY || capacity > UINT32_MAX / 2) return false;
    return resize_stack(heap, capacity * 2);
}

void zcycle_free_stack(struct zheap *heap)
{
    struct zmark_stack *stack = &zheap_more(heap)->cycle.stack;
    size_t bytes = stack->capacity * sizeof *stack->entries;
    z_free(stack->entries, bytes);
    zheap_private(heap)->charged_bytes -= bytes;
    *stack = (struct zmark_stack){NULL, 0};
    zheap_more(heap)->cycle.stack_count = 0;
}

// ---- CLEAR ----------------------------------------------------------------------------------------

void zcycle_start(struct zheap *heap, bool is_at_once)
{
    struct zheap_more *more = zheap_more(heap);
    struct zcycle *cycle = &more->cycle;
    ZVM_ASSERT(cycle->phase == ZPHASE_REST);
    uint64_t acquired = zheap_private(heap)->acquired_bytes;
    *cycle = (struct zcycle){.phase = ZPHASE_CLEAR,
                             .turn = cycle->turn,
                             .is_at_once = is_at_once,
                             .owner_old = cycle->owner_old,
                             .counts_young = zpolicy_counts_young(heap),
                             .paid_at_bytes = acquired,
                             .late_bytes = acquired + zpolicy_growth_bytes(heap),
                             .give_up_bytes = acquired + 2 * zpolicy_growth_bytes(heap),
                             .live_at_start = zheap_live_bytes(heap)};
    more->policy.had_minors = more->policy.has_minors;
    more->policy.has_minors = zpolicy_wants_minors(heap);
    more->log.is_open = false;
    zlog_empty(heap);
    const struct zpage *mixed[] = {zpage_at(zheap_private(heap)->first_base),
                                   zpage_at(more->reserve.base)};
    for (uint32_t i = 0; i < 2; i++)
        *zpage_mark(mixed[i]) = 0;
}

bool zcycle_start_slices(struct zheap *heap)
{
    if (!resize_stack(heap, STACK_FIRST)) return false;
    struct zmark_stack stack = zheap_more(heap)->cycle.stack;
    zcycle_start(heap, false /* is_at_once */);
    zheap_more(heap)->cycle.stack = stack;
    return true;
}

static bool clear_step(struct zheap *heap, struct zwork *work)
{
    struct zheap_more *more = zheap_more(heap);
    while (zwork_is_left(work)) {
        struct zpage *span = zspan_next(more, &more->cycle.cursor);
        if (span == NULL) return true;
        uint32_t pages = zspan_pages(span->order);
        memset(zpage_mark(span), 0, pages * sizeof(uint64_t));
        work->words += pages;
    }
    return false;
}

static void begin_marking(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    more->log.is_open = !more->cycle.is_at_once || more->policy.has_minors || ZHEAP_VERIFY;
    more->cycle.phase = ZPHASE_MARK;
}

// ---- The end of marking ---------------------------------------------------------------------------

// New cells come from new spans until the old ones may be finished.
static void leave_pages(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        struct zpage *tail = more->tails[i];
        char *last = tail == NULL ? NULL : zpage_base(tail + zspan_pages(tail->order) - 1);
        more->classes[i].base = last;
        more->classes[i].kept = 0;
        more->touched[i] = NULL;
    }
}

static void end_marking(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    ZVM_ASSERT(more->log.count == 0);
    ZVM_ASSERT(more->cycle.stack_count == 0);
    zheap_return_caches(heap);
    zheap_note_peak(heap);
    if (more->cycle.stack.entries != NULL) zcycle_free_stack(heap);
    more->log.is_open = more->policy.has_minors || ZHEAP_VERIFY;
    if (!more->log.is_open) zlog_empty(heap);
    more->cycle.turn ^= 1;
    more->cycle.owner_at = 0;
    more->cycle.phase = ZPHASE_PRUNE;
    leave_pages(heap);
    if (more->profile != NULL)
        zprofile_prune(heap); // whole: a profile is for looking, not for speed
    struct zheap_collected *collected = &heap->env->collected;
    if (!more->cycle.is_at_once) more->incremental_collections++;
    zheap_next_epoch(heap, more->cycle.is_at_once ? &collected->full : &collected->incremental);
}

static uint64_t end_of_atomic(const struct zwork *work, bool is_at_once)
{
    if (is_at_once) return UINT64_MAX;
    uint64_t end = ZHEAP_ATOMIC_WORDS_MAX - STEP_WORDS_OVER;
    return end > work->end ? end : work->end;
}

static void mark_step(struct zheap *heap, struct zwork *work, bool *has_tried)
{
    bool is_at_once = work->end == UINT64_MAX;
    bool is_complete = true;
    if (is_at_once)
        zmark_all(heap, work);
    else
        is_complete = zmark_some(heap, work, end_of_atomic(work, is_at_once), has_tried);
    if (is_complete) end_marking(heap);
}

// ---- PRUNE ----------------------------------------------------------------------------------------

enum { PRUNE_WEAK, PRUNE_OWNERS, PRUNE_HELD, PRUNE_STEPS };

static bool prune_part(struct zheap *heap, struct zwork *work)
{
    const struct zheap_hooks *hooks = zheap_private(heap)->hooks;
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    switch (cycle->prune_step) {
    case PRUNE_WEAK:
        if (hooks == NULL || hooks->prune_weak == NULL) return true;
        return hooks->prune_weak(zheap_private(heap)->context, work);
    case PRUNE_OWNERS:
        return zheap_prune_owners(heap, work);
    default:
        return zheap_prune_held(heap, &cycle->held, work);
    }
}

static void begin_finishing(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    zheap_return_caches(heap);
    zfinish_mixed(heap);
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        more->classes[i].base = NULL;
        more->classes[i].kept = 0;
        more->touched[i] = NULL;
    }
    more->cycle.cursor = (struct zspan_cursor){0, NULL};
    more->cycle.phase = ZPHASE_FINISH;
}

static void prune_step(struct zheap *heap, struct zwork *work)
{
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    while (cycle->prune_step < PRUNE_STEPS) {
        if (!prune_part(heap, work)) return;
        cycle->prune_step++;
    }
    begin_finishing(heap);
}

// ---- The steps in turn ----------------------------------------------------------------------------

static void end_cycle(struct zheap *heap)
{
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    cycle->phase = ZPHASE_REST;
    // Owners that came while the program ran are not marked: the next minor collection looks at all.
    cycle->owner_old = cycle->is_at_once ? zheap_more(heap)->owner_count : 0;
}

static void take_step(struct zheap *heap, struct zwork *work, bool *has_tried)
{
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    switch (cycle->phase) {
    case ZPHASE_CLEAR:
        if (clear_step(heap, work)) begin_marking(heap);
        break;
    case ZPHASE_MARK:
        mark_step(heap, work, has_tried);
        break;
    case ZPHASE_PRUNE:
        prune_step(heap, work);
        break;
    case ZPHASE_FINISH:
        if (!zfinish_step(heap, work)) break;
        cycle->cursor = (struct zspan_cursor){0, NULL};
        cycle->phase = ZPHASE_RELEASE;
        break;
    default:
        if (zrelease_step(heap, work)) end_cycle(heap);
        break;
    }
}

static bool must_begin_again(const struct zheap_more *more)
{
    if (more->cycle.phase != ZPHASE_MARK || more->cycle.is_at_once) return false;
    return more->cycle.has_overflowed || more->log.has_overflowed;
}

// Takes steps until the work or the cycle ends. True: the roots were looked at.
static bool run(struct zheap *heap, struct zwork *work)
{
    struct zheap_more *more = zheap_more(heap);
    bool has_tried = false;
    uint64_t before = work->words;
    while (more->cycle.phase != ZPHASE_REST && zwork_is_left(work) && !must_begin_again(more)) {
        bool tried_now = false;
        take_step(heap, work, &tried_now);
        has_tried = has_tried || tried_now;
    }
    more->cycle.words += work->words - before;
    return has_tried;
}

void zcycle_run(struct zheap *heap, struct zwork *work)
{
    (void)run(heap, work);
}

// ---- Slices ---------------------------------------------------------------------------------------

static void note_slice(struct zheap_more *more, uint64_t words, bool has_tried)
{
    uint64_t *max = has_tried ? &more->atomic_words_max : &more->slice_words_max;
    if (words > *max) *max = words;
    more->slices++;
}

// Everything should be marked by now, and is not: the program has outrun its slices.
static bool is_late(struct zheap *heap)
{
    const struct zcycle *cycle = &zheap_more(heap)->cycle;
    return zheap_private(heap)->acquired_bytes >= cycle->late_bytes && cycle->phase <= ZPHASE_MARK;
}

static void set_next_slice(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    bool is_short = cycle->debt_words > 0 || is_late(heap);
    uint64_t step = is_short ? STEP_BYTES_IN_DEBT : STEP_BYTES;
    private->collect_at_bytes = private->acquired_bytes + step;
}

static bool is_given_up(struct zheap *heap)
{
    const struct zheap_more *more = zheap_more(heap);
    if (must_begin_again(more)) return true;
    return zheap_private(heap)->acquired_bytes >= more->cycle.give_up_bytes &&
           more->cycle.phase <= ZPHASE_MARK;
}

static void run_slice(struct zheap *heap, uint64_t words)
{
    struct zheap_more *more = zheap_more(heap);
    bool was_late = is_late(heap);
    uint64_t most = was_late ? ZHEAP_ATOMIC_WORDS_MAX : ZHEAP_SLICE_WORDS_MAX;
    most -= STEP_WORDS_OVER;
    uint64_t start_ns;
    zheap_begin_pause(heap, ZHEAP_PAUSE_SLICE, &start_ns);
    struct zwork work = {0, was_late || words > most ? most : words};
    bool has_tried = run(heap, &work) || was_late;
    struct zcycle *cycle = &more->cycle;
    cycle->debt_words = cycle->debt_words > work.words ? cycle->debt_words - work.words : 0;
    note_slice(more, work.words, has_tried);
    heap->env->collected.slices++;
    zheap_add_work(heap, work.words);
    if (cycle->phase == ZPHASE_REST)
        zpolicy_note_whole(heap);
    else
        set_next_slice(heap);
    zheap_end_pause(heap, start_ns);
}

static void end_at_once(struct zheap *heap)
{
    if (must_begin_again(zheap_more(heap))) {
        zheap_collect_now(heap, ZCOLLECT_GROWTH);
        return;
    }
    uint64_t start_ns;
    zheap_begin_pause(heap, ZHEAP_PAUSE_SLICE, &start_ns);
    struct zwork work = {0, UINT64_MAX};
    (void)run(heap, &work);
    zheap_add_work(heap, work.words);
    zpolicy_note_whole(heap);
    zheap_end_pause(heap, start_ns);
}

void zcycle_slice(struct zheap *heap, uint64_t upcoming_bytes)
{
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    uint64_t acquired = zheap_private(heap)->acquired_bytes;
    cycle->debt_words += acquired + upcoming_bytes - cycle->paid_at_bytes;
    cycle->paid_at_bytes = acquired + upcoming_bytes;
    run_slice(heap, ZHEAP_STRESS ? STRESS_WORDS : cycle->debt_words);
    if (is_given_up(heap)) end_at_once(heap);
}

void zcycle_step(struct zheap *heap, uint64_t words)
{
    run_slice(heap, words);
    if (must_begin_again(zheap_more(heap))) end_at_once(heap);
}

// ---- Ends before its time -------------------------------------------------------------------------

static void clear_gray(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    struct zspan_cursor cursor = {0, NULL};
    zpage_at(zheap_private(heap)->first_base)->is_gray = 0;
    zpage_at(more->reserve.base)->is_gray = 0;
    for (struct zpage *span = zspan_next(more, &cursor); span != NULL;
         span = zspan_next(more, &cursor)) {
        for (uint32_t i = 0; i < zspan_pages(span->order); i++)
            span[i].is_gray = 0;
    }
}

void zheap_settle(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    if (more == NULL || more->cycle.phase < ZPHASE_PRUNE) return;
    uint64_t start_ns;
    zheap_begin_pause(heap, ZHEAP_PAUSE_SLICE, &start_ns);
    struct zwork work = {0, UINT64_MAX};
    (void)run(heap, &work);
    zheap_add_work(heap, work.words);
    zpolicy_note_whole(heap);
    zheap_end_pause(heap, start_ns);
}

void zcycle_abandon(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    if (more->cycle.phase == ZPHASE_REST) return;
    if (more->cycle.phase >= ZPHASE_PRUNE) {
        struct zwork work = {0, UINT64_MAX};
        (void)run(heap, &work);
        return;
    }
    if (more->cycle.stack.entries != NULL) zcycle_free_stack(heap);
    if (more->cycle.has_overflowed) clear_gray(heap);
    zheap_clear_held(heap);
    more->log.is_open = false;
    zlog_empty(heap);
    more->cycle.phase = ZPHASE_REST;
}
