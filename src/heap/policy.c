// heap/policy.c - when a heap is collected, and how: at once, in slices, by generations.
//
// Owns: nothing. Thread: owner. All of it goes by bytes and words of work, never by time, so a program
// is collected the same way wherever it runs.
// Whole collections come when the heap has grown by growth_percent since the last one; one that was told
// nothing may grow by twice that while it is small. In slices: above SLICES_BYTES_MIN live bytes, where a
// pause would be felt. Minor collections, between two whole ones: above MINORS_BYTES_MIN, while they pay.
// That is judged by what the collector costs for each byte that is allocated: with minors, all their work
// and that of the whole collection at the end of the period between two of these; without, the work of a
// whole one for each growth of the heap. Minors that are not better by MINORS_GAIN are left, and tried
// again after one whole collection, then after two, and so on up to WAIT_MAX. The first try is over after
// MINORS_JUDGED minors that do not pay, a later one after a single one. A period without a minor, because
// whole collections are asked for so often, fails too: its log was kept for nothing.
// There is no try without promise. Before one, every other whole collection counts how much of its work is for
// young objects, which minors would do as well: a try where half of 1 MiB dies at random costs 8%, and arming
// all objects for one that is then not made 4%, counting 1%.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#define GROWTH_BYTES_MIN (64u * 1024)
// A small heap may grow by twice as much as it was told, up to this: half of 1 MiB that lives and dies at
// random costs 4.9 ns an object in place of 6.1, collections included (2 MiB here: 4.2 in place of 4.0).
#define GROWTH_BYTES_SMALL (UINT64_C(3) << 20)
#define SLICES_BYTES_MIN   (ZHEAP_TINY ? UINT64_C(32768) : UINT64_C(4) << 20)
#define MINORS_BYTES_MIN   (ZHEAP_TINY ? UINT64_C(16384) : UINT64_C(1) << 20)
// What is allocated between two minor collections: less has more survivors, more leaves the caches.
#define NURSERY_BYTES (ZHEAP_TINY ? UINT64_C(4096) : UINT64_C(1) << 20)
#define WAIT_MAX      32u
#define MINORS_JUDGED 4u
// After a whole collection that found no promise, so many do not ask.
#define WAIT_UNPROMISING 2u
#define MINORS_GAIN      1.3
#define PROMISED_GAIN    2.0 // more, because it is what can be hoped for at best

// cost_with * MINORS_GAIN <= cost_without, each as words / bytes.
static bool is_gain(uint64_t words, uint64_t bytes, uint64_t whole_words, uint64_t growth_bytes)
{
    return (double)words * MINORS_GAIN * (double)growth_bytes <=
           (double)whole_words * (double)bytes;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// Nobody has said how much the heap may grow, and memory is not short.
static bool is_growth_free(const struct zheap *heap)
{
    if (zheap_private_const(heap)->growth_percent != 0) return false;
    return heap->env == NULL || zpressure_level(heap->env) == ZPRESSURE_NONE;
}

uint64_t zpolicy_growth_bytes(const struct zheap *heap)
{
    uint64_t live = zheap_live_bytes(heap);
    uint32_t percent = zheap_growth_percent(heap);
    uint64_t growth = percent <= 100 ? 0 : live / 100 * (percent - 100);
    if (is_growth_free(heap)) growth = max_u64(growth, min_u64(growth * 2, GROWTH_BYTES_SMALL));
    return max_u64(growth, GROWTH_BYTES_MIN);
}

// It is the policy's to say whether there are minor collections, and time to ask.
static bool is_open_to_minors(const struct zheap *heap)
{
    if (zheap_private_const(heap)->mode != ZHEAP_AUTO || ZHEAP_STRESS) return false;
    return zheap_more(heap)->policy.wholes_to_wait == 0 &&
           zheap_live_bytes(heap) >= MINORS_BYTES_MIN;
}

bool zpolicy_wants_minors(const struct zheap *heap)
{
    if (zheap_private_const(heap)->mode == ZHEAP_GENERATIONAL) return true;
    const struct zpolicy *policy = &zheap_more(heap)->policy;
    return is_open_to_minors(heap) && (policy->has_minors || policy->is_promising);
}

bool zpolicy_counts_young(const struct zheap *heap)
{
    return is_open_to_minors(heap) && !zheap_more(heap)->policy.has_minors;
}

bool zpolicy_wants_slices(const struct zheap *heap)
{
    enum zheap_mode mode = zheap_private_const(heap)->mode;
    if (mode == ZHEAP_INCREMENTAL) return true;
    if (mode == ZHEAP_FULL || ZHEAP_STRESS) return false;
    return zheap_live_bytes(heap) >= SLICES_BYTES_MIN;
}

bool zpolicy_is_grown(const struct zheap *heap)
{
    const struct zpolicy *policy = &zheap_more(heap)->policy;
    return policy->has_minors &&
           zheap_live_bytes(heap) + NURSERY_BYTES / 4 >= policy->whole_at_bytes;
}

void zpolicy_set_trigger(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    const struct zheap_more *more = zheap_more(heap);
    uint64_t growth = zpolicy_growth_bytes(heap);
    // Minors that are left have let the old ones die and stay: the whole one does not wait for that.
    if (more != NULL && (more->policy.has_minors || more->policy.period_minors > 0)) {
        uint64_t live = zheap_live_bytes(heap), whole_at = more->policy.whole_at_bytes;
        uint64_t left = whole_at > live ? whole_at - live : 0;
        growth = more->policy.has_minors ? min_u64(NURSERY_BYTES, left) : left;
    }
    private->collect_at_bytes = private->acquired_bytes + growth;
}

static void stop_minors(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    more->policy.has_minors = false;
    struct zpolicy *policy = &more->policy;
    policy->wait = policy->wait == 0 ? 1 : policy->wait * 2;
    if (policy->wait > WAIT_MAX) policy->wait = WAIT_MAX;
    policy->wholes_to_wait = policy->wait;
    policy->is_promising = false;
    more->log.is_open = ZHEAP_VERIFY;
    if (!more->log.is_open) zlog_empty(heap);
}

static bool is_judged(const struct zheap *heap)
{
    return zheap_private_const(heap)->mode == ZHEAP_AUTO;
}

// Whether minors could pay: they would mark at least what this whole collection has marked of the young, and
// fill up with it until the next whole one.
static bool is_promising(const struct zheap *heap)
{
    const struct zcycle *cycle = &zheap_more(heap)->cycle;
    uint64_t bytes =
        zheap_private_const(heap)->acquired_bytes - zheap_more(heap)->policy.period_at_bytes;
    uint64_t survived_bytes = cycle->young_words * sizeof(uint64_t);
    if (survived_bytes >= bytes) return false;
    double share = (double)survived_bytes / (double)bytes;
    double words = (double)cycle->young_words + (double)cycle->words * share;
    return words * PROMISED_GAIN <= (double)cycle->words;
}

static void note_promise(struct zheap *heap)
{
    struct zpolicy *policy = &zheap_more(heap)->policy;
    policy->is_promising = is_promising(heap);
    if (!policy->is_promising) policy->wholes_to_wait = WAIT_UNPROMISING;
}

// The period that ends with this whole collection.
static void judge_period(struct zheap *heap, uint64_t whole_words)
{
    struct zpolicy *policy = &zheap_more(heap)->policy;
    uint64_t bytes = zheap_private(heap)->acquired_bytes - policy->period_at_bytes;
    if (policy->whole_growth_bytes == 0 || !is_judged(heap)) return;
    bool has_any = policy->period_minors > 0;
    if (has_any &&
        is_gain(policy->period_words + whole_words, bytes, whole_words, policy->whole_growth_bytes))
        policy->wait = 0;
    else
        stop_minors(heap);
}

void zpolicy_note_whole(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    struct zpolicy *policy = &more->policy;
    if (policy->wholes_to_wait > 0) policy->wholes_to_wait--;
    if (policy->has_minors && policy->had_minors) judge_period(heap, more->cycle.words);
    if (more->cycle.counts_young && !policy->has_minors) note_promise(heap);
    policy->whole_words = more->cycle.words;
    policy->whole_growth_bytes = zpolicy_growth_bytes(heap);
    policy->whole_at_bytes = zheap_live_bytes(heap) + policy->whole_growth_bytes;
    policy->period_words = 0;
    policy->period_minors = 0;
    policy->period_at_bytes = zheap_private(heap)->acquired_bytes;
    zpolicy_set_trigger(heap);
}

void zpolicy_note_minor(struct zheap *heap, uint64_t words)
{
    struct zpolicy *policy = &zheap_more(heap)->policy;
    policy->period_words += words;
    policy->period_minors++;
    uint64_t bytes = zheap_private(heap)->acquired_bytes - policy->period_at_bytes;
    uint32_t judged = policy->wait == 0 ? MINORS_JUDGED : 1;
    if (is_judged(heap) && policy->period_minors % judged == 0 &&
        !is_gain(policy->period_words, bytes, policy->whole_words, policy->whole_growth_bytes)) {
        stop_minors(heap);
    }
    zpolicy_set_trigger(heap);
}
