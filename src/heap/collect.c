// heap/collect.c - collections: what begins one, and what all kinds have in common.
//
// Owns: nothing. Thread: owner, inside an allocation or a call that asks for it; no locks but the
// pool's. A heap inside its first page is collected here, in a few lines. Any other goes through the
// steps of cycle.c, at once or in slices, and between them perhaps through minor collections
// (minor.c); policy.c decides which. Invariants:  1. after a collection at once: used == mark in every
// page, all caches are empty, and live_* are the sums over the pages plus the external payloads.
//              2. nothing here allocates but mark stack and log, which can do without.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

#include "base/atomic.h"
#include "base/clock.h"
#include "base/probe.h"

#include <stdio.h>

enum { STRESS_MINORS = 16 }; // for each whole collection

// ---- Checks of builds that check ----------------------------------------------------------------

// relaxed: a setting of tests, made while nobody collects.
static atomic_bool verify_is_on = ZHEAP_VERIFY;

void zheap_set_verify(bool on)
{
    z_store_relaxed(&verify_is_on, on);
}

static bool is_verified(void)
{
    return ZHEAP_VERIFY && z_load_relaxed(&verify_is_on); // relaxed: see above
}

static void must_be_good(bool is_good, const char *why)
{
    if (!is_good) (void)fprintf(stderr, "heap: %s\n", why);
    ZVM_CHECK(is_good);
}

static void verify(struct zheap *heap, bool is_exact)
{
    char why[256] = "";
    must_be_good(zheap_verify_now(heap, is_exact, why, sizeof why), why);
    must_be_good(zheap_verify_marks(heap, why, sizeof why), why);
}

// The stores of the program since the collector worked last.
static void verify_log(struct zheap *heap)
{
    char why[256] = "";
    must_be_good(zheap_verify_marks(heap, why, sizeof why), why);
}

// ---- Around every piece of work -----------------------------------------------------------------

static ZVM_COLD void tell(const struct zheap *heap, uint64_t start_ns, uint64_t pause_ns)
{
    const struct zheap_env *env = heap->env;
    struct zheap_pause pause = {
        .kind = env->pause_kind,
        .start_ns = start_ns,
        .end_ns = start_ns + pause_ns,
        .freed_bytes = zheap_private_const(heap)->freed_bytes - env->pause_freed_bytes,
    };
    env->pause_ended(env->pause_context, &pause);
}

void zheap_begin_pause(struct zheap *heap, enum zheap_pause_kind kind, uint64_t *start_ns)
{
    struct zheap_private *private = zheap_private(heap);
    ZVM_ASSERT(heap->env != NULL);
    ZVM_CHECK(!private->is_collecting);
    if (is_verified()) verify_log(heap);
    private->is_collecting = true;
    heap->env->pause_kind = kind;
    heap->env->pause_freed_bytes = private->freed_bytes;
    ZPROBE2(collect__begin, (int32_t)kind, zheap_committed(private));
    *start_ns = zclock_now_ns();
}

void zheap_end_pause(struct zheap *heap, uint64_t start_ns)
{
    struct zheap_private *private = zheap_private(heap);
    uint64_t pause_ns = zclock_now_ns() - start_ns;
    private->pause_ns_total += pause_ns;
    if (pause_ns > private->pause_ns_max) private->pause_ns_max = pause_ns;
    zheap_env_add_pause(heap->env, pause_ns);
    ZPROBE3(collect__end, (int32_t)heap->env->pause_kind,
            private->freed_bytes - heap->env->pause_freed_bytes, pause_ns);
    if (ZVM_UNLIKELY(heap->env->pause_ended != NULL)) tell(heap, start_ns, pause_ns);
    private->is_collecting = false;
    if (private->hooks != NULL && private->hooks->worked != NULL)
    private->hooks->worked(private->context);
    const struct zheap_more *more = zheap_more(heap);
    bool is_whole = more == NULL || (more->cycle.phase == ZPHASE_REST && more->cycle.is_at_once &&
                                     more->policy.period_minors == 0);
    if (is_verified()) verify(heap, is_whole);
}

void zheap_add_work(struct zheap *heap, uint64_t words)
{
    zheap_private(heap)->work_words += words;
    heap->env->collected.words += words;
}

// Everything that lives is marked: the next epoch begins.
void zheap_next_epoch(struct zheap *heap, uint64_t *which)
{
    struct zheap_private *private = zheap_private(heap);
    private->collections++;
    (*which)++;
    // Wraps at 16 bits: ages are differences of epochs, and reports saturate.
    heap->header = (private->collections & 0xffff) << 16;
    if (zheap_more(heap) != NULL && zheap_more(heap)->profile != NULL) zprofile_next_epoch(heap);
    if (private->hooks != NULL && private->hooks->collected != NULL)
    private->hooks->collected(private->context);
}

bool zheap_is_dead(const struct zheap *heap, const struct zobject *object)
{
    return zheap_is_dead_now(heap, object);
}

bool zheap_is_doomed(const struct zheap *heap, const struct zobject *object)
{
    const struct zheap_more *more = zheap_more(heap);
    return more != NULL && more->cycle.phase == ZPHASE_PRUNE && zheap_is_dead(heap, object);
}

// ---- Collections at once ------------------------------------------------------------------------

static uint64_t collect_first_page(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    const struct zheap_hooks *hooks = private->hooks;
    struct zwork work = {0, UINT64_MAX};
    zheap_note_peak(heap);
    *zpage_mark(zpage_at(private->first_base)) = 0;
    zmark_all(heap, &work);
    if (hooks != NULL && hooks->prune_weak != NULL)
        (void)hooks->prune_weak(private->context, &work);
    struct zheld_prune held = {0};
    (void)zheap_prune_held(heap, &held, &work);
    zfinish_mixed(heap);
    zheap_next_epoch(heap, &heap->env->collected.full);
    zpolicy_set_trigger(heap);
    return work.words;
}

static uint64_t collect_whole(struct zheap *heap, enum zcollect_reason reason)
{
    struct zwork work = {0, UINT64_MAX};
    zcycle_abandon(heap);
    zcycle_start(heap, true /* is_at_once */);
    zheap_more(heap)->cycle.keeps_none =
        reason == ZCOLLECT_ASKED || reason == ZCOLLECT_LIMIT || ZHEAP_TINY;
    zcycle_run(heap, &work);
    zpolicy_note_whole(heap);
    return work.words;
}

void zheap_collect_now(struct zheap *heap, enum zcollect_reason reason)
{
    struct zheap_private *private = zheap_private(heap);
    uint64_t start_ns;
    zheap_begin_pause(heap, ZHEAP_PAUSE_FULL, &start_ns);
    if (reason != ZCOLLECT_STRESS) private->is_at_limit = reason == ZCOLLECT_LIMIT;
    bool is_small = zheap_more(heap) == NULL;
    zheap_add_work(heap, is_small ? collect_first_page(heap) : collect_whole(heap, reason));
    zheap_env_shrink_stack(heap->env);
    zheap_end_pause(heap, start_ns);
}

// ---- What is due --------------------------------------------------------------------------------

static void begin_whole(struct zheap *heap, uint64_t upcoming_bytes)
{
    if (zpolicy_wants_slices(heap) && zcycle_start_slices(heap))
        zcycle_slice(heap, upcoming_bytes);
    else
        zheap_collect_now(heap, ZHEAP_STRESS ? ZCOLLECT_STRESS : ZCOLLECT_GROWTH);
}

static bool is_whole_due(const struct zheap_more *more)
{
    if (!more->policy.has_minors || more->log.has_overflowed) return true;
    return ZHEAP_STRESS && more->policy.period_minors >= STRESS_MINORS;
}

void zheap_collect_due(struct zheap *heap, uint64_t upcoming_bytes)
{
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) {
        zheap_collect_now(heap, ZHEAP_STRESS ? ZCOLLECT_STRESS : ZCOLLECT_GROWTH);
    } else if (more->cycle.phase != ZPHASE_REST) {
        zcycle_slice(heap, upcoming_bytes);
    } else if (is_whole_due(more)) {
        begin_whole(heap, upcoming_bytes);
    } else {
        zheap_collect_minor(heap);
        if (zpolicy_is_grown(heap)) begin_whole(heap, upcoming_bytes);
    }
}

// ---- Asked for ----------------------------------------------------------------------------------

static struct zheap_collect_result figures(const struct zheap *heap)
{
    const struct zheap_private *private = zheap_private_const(heap);
    return (struct zheap_collect_result){private->freed_count, private->freed_bytes,
                                         private->pause_ns_total};
}

static void put_result(const struct zheap *heap, struct zheap_collect_result before,
                       struct zheap_collect_result *result)
{
    if (result == NULL) return;
    struct zheap_collect_result now = figures(heap);
    *result = (struct zheap_collect_result){
        .freed_count = now.freed_count - before.freed_count,
        .freed_bytes = now.freed_bytes - before.freed_bytes,
        .pause_ns = now.pause_ns - before.pause_ns,
    };
}

void zheap_collect(struct zheap *heap, struct zheap_collect_result *result)
{
    struct zheap_collect_result before = figures(heap);
    zheap_collect_now(heap, ZCOLLECT_ASKED);
    put_result(heap, before, result);
}

// Collections that have come to their end.
static uint64_t ended_count(const struct zheap *heap)
{
    const struct zheap_more *more = zheap_more(heap);
    bool is_open = more != NULL && more->cycle.phase >= ZPHASE_PRUNE;
    return zheap_private_const(heap)->collections - is_open;
}

bool zheap_collect_if(struct zheap *heap, bool force, struct zheap_collect_result *result)
{
    struct zheap_collect_result before = figures(heap);
    uint64_t ended = ended_count(heap);
    if (force)
        zheap_collect_now(heap, ZCOLLECT_ASKED);
    else
        zheap_poll(heap, 0);
    put_result(heap, before, result);
    return ended_count(heap) != ended;
}

bool zheap_collect_step(struct zheap *heap, uint64_t words, struct zheap_collect_result *result)
{
    struct zheap_collect_result before = figures(heap);
    const struct zheap_more *more = zheap_more(heap);
    bool is_open = more != NULL && more->cycle.phase != ZPHASE_REST;
    if (!is_open && (more == NULL || !zcycle_start_slices(heap)))
        zheap_collect_now(heap, ZCOLLECT_GROWTH);
    else
        zcycle_step(heap, words);
    put_result(heap, before, result);
    return more == NULL || more->cycle.phase == ZPHASE_REST;
}
