// report/block.c - a block of counters with one writer, read untorn by anybody.
//
// Owns: nothing; blocks belong to the scheduler. Thread: the writer's functions by the block's
// owner (or under the lock that stands for one), zreport_read by any thread at any time.
// Invariants:  1. sequence is odd exactly while the writer is between begin and end.
//              2. counters only rise, modulo 2^64 (the maxima too, but they do not wrap).
// How (PAIR report): a sequence lock without fences. The writer makes the sequence odd, stores
// every word with release, then stores the next even sequence with release. The reader loads the
// sequence, then every word with acquire, then the sequence again, and starts over when the two
// differ or are odd. Why that is enough:
//   - A word from an update later than the first sequence: it was stored with release after that
//     update's odd sequence was stored, and loaded with acquire, so the second look at the sequence
//     sees at least that odd value: it differs, the copy is thrown away.
//   - A word from before the first sequence: the even sequence was stored with release after the
//     update's words and loaded with acquire, so each word read is at least as new as that update.
// On x86-64 all of these are plain moves. The reader writes nothing, so it cannot slow the writer
// down but for the cache lines it looks at.
#include "report/report_internal.h"

#include "base/assert.h"

#include <sched.h>

// A writer is inside an update for well under a microsecond, unless the system took its core away:
// after this many looks the reader gives its own core up.
#define READ_TRIES_BEFORE_YIELD 64

#define SUB_BUCKETS      8 // a power of two is cut into these
#define SUB_BUCKETS_LOG2 3

const char *const zreport_counter_names[ZREPORT_COUNTER_COUNT] = {
#define X(name) #name,
    ZREPORT_COUNTERS(X)
#undef X
};

// ---- Writer -------------------------------------------------------------------------------------

static uint64_t own_value(const _Atomic uint64_t *word)
{
    return z_load_relaxed(word); // relaxed: only this thread writes it
}

void zreport_begin(struct zreport_block *block)
{
    uint64_t sequence = own_value(&block->sequence);
    ZVM_ASSERT(sequence % 2 == 0);
    // relaxed: the words that follow are stored with release, which carries this store with them
    z_store_relaxed(&block->sequence, sequence + 1);
}

void zreport_add(struct zreport_block *block, enum zreport_counter counter, uint64_t value)
{
    if (value == 0) return;
    _Atomic uint64_t *word = &block->counters[counter];
    z_store_release(word, own_value(word) + value); // PAIR report
}

void zreport_max(struct zreport_block *block, enum zreport_counter counter, uint64_t value)
{
    _Atomic uint64_t *word = &block->counters[counter];
    if (value > own_value(word)) z_store_release(word, value); // PAIR report
}

static uint32_t bucket_of(uint64_t pause_ns)
{
    if (pause_ns < SUB_BUCKETS) return (uint32_t)pause_ns;
    uint32_t exponent = 63 - (uint32_t)__builtin_clzll(pause_ns);
    uint32_t shift = exponent - SUB_BUCKETS_LOG2;
    uint32_t bucket = (shift + 1) * SUB_BUCKETS + (uint32_t)((pause_ns >> shift) % SUB_BUCKETS);
    return bucket < ZREPORT_PAUSE_BUCKETS ? bucket : ZREPORT_PAUSE_BUCKETS - 1;
}

// One more in a histogram that runs beside a total and a maximum.
static void add_duration(struct zreport_block *block, _Atomic uint64_t *buckets, uint64_t ns,
                         enum zreport_counter total, enum zreport_counter max)
{
    _Atomic uint64_t *bucket = &buckets[bucket_of(ns)];
    z_store_release(bucket, own_value(bucket) + 1); // PAIR report
    zreport_add(block, total, ns);
    zreport_max(block, max, ns);
}

void zreport_pause(struct zreport_block *block, uint64_t pause_ns)
{
    add_duration(block, block->pauses, pause_ns, ZREPORT_pause_ns_total, ZREPORT_pause_ns_max);
}

void zreport_slice(struct zreport_block *block, uint64_t slice_ns)
{
    add_duration(block, block->slices, slice_ns, ZREPORT_slice_ns_total, ZREPORT_slice_ns_max);
}

void zreport_add_pool(struct zreport_block *block, uint32_t kind, enum zreport_pool_word word,
                      uint64_t value)
{
    if (value == 0) return;
    _Atomic uint64_t *own = &block->pools[kind][word];
    z_store_release(own, own_value(own) + value); // PAIR report
}

void zreport_end(struct zreport_block *block, uint64_t now_ns)
{
    uint64_t sequence = own_value(&block->sequence);
    ZVM_ASSERT(sequence % 2 == 1);
    z_store_release(&block->updated_ns, now_ns);     // PAIR report
    z_store_release(&block->sequence, sequence + 1); // PAIR report
}

// ---- Reader -------------------------------------------------------------------------------------

static void copy_words(const struct zreport_block *block, struct zreport_snapshot *out)
{
    for (size_t i = 0; i < ZREPORT_COUNTER_COUNT; i++)
        out->counters[i] = z_load_acquire(&block->counters[i]); // PAIR report
    for (size_t i = 0; i < ZREPORT_PAUSE_BUCKETS; i++)
        out->pauses[i] = z_load_acquire(&block->pauses[i]); // PAIR report
    for (size_t i = 0; i < ZREPORT_PAUSE_BUCKETS; i++)
        out->slices[i] = z_load_acquire(&block->slices[i]); // PAIR report
    for (size_t kind = 0; kind < ZREPORT_POOL_KINDS; kind++) {
        for (size_t i = 0; i < ZREPORT_POOL_WORDS; i++)
            out->pools[kind][i] = z_load_acquire(&block->pools[kind][i]); // PAIR report
    }
    out->updated_ns = z_load_acquire(&block->updated_ns); // PAIR report
}

void zreport_read(const struct zreport_block *block, struct zreport_snapshot *out)
{
    for (uint64_t tries = 1;; tries++) {
        uint64_t before = z_load_acquire(&block->sequence); // PAIR report
        if (before % 2 == 0) {
            copy_words(block, out);
            // relaxed: the acquire loads above keep this one behind them
            if (z_load_relaxed(&block->sequence) == before) return;
        }
        if (tries % READ_TRIES_BEFORE_YIELD == 0) sched_yield();
    }
}

// ---- Sums ---------------------------------------------------------------------------------------

static bool is_maximum(size_t counter)
{
    return counter == ZREPORT_pause_ns_max || counter == ZREPORT_slice_ns_max;
}

void zreport_merge(struct zreport_snapshot *into, const struct zreport_snapshot *from)
{
    for (size_t i = 0; i < ZREPORT_COUNTER_COUNT; i++) {
        uint64_t *own = &into->counters[i];
        if (!is_maximum(i))
            *own += from->counters[i]; // modulo 2^64, as the counters themselves
        else if (*own < from->counters[i])
            *own = from->counters[i];
    }
    for (size_t i = 0; i < ZREPORT_PAUSE_BUCKETS; i++) {
        into->pauses[i] += from->pauses[i];
        into->slices[i] += from->slices[i];
    }
    for (size_t kind = 0; kind < ZREPORT_POOL_KINDS; kind++) {
        for (size_t i = 0; i < ZREPORT_POOL_WORDS; i++)
            into->pools[kind][i] += from->pools[kind][i];
    }
    if (into->updated_ns < from->updated_ns) into->updated_ns = from->updated_ns;
}

double zreport_percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

bool zreport_pool_pays(const struct zreport_pool *pool)
{
    return pool->hits + pool->misses < ZREPORT_POOL_REQUESTS_MIN ||
           pool->hits >= pool->misses / ZREPORT_POOL_PAYS_SHARE;
}

uint64_t zreport_bucket_max_ns(uint32_t bucket)
{
    if (bucket < SUB_BUCKETS) return bucket;
    uint32_t shift = bucket / SUB_BUCKETS - 1;
    uint64_t first = (uint64_t)(SUB_BUCKETS + bucket % SUB_BUCKETS) << shift;
    return first + (UINT64_C(1) << shift) - 1;
}

// The rank of a percentile among `count` pauses, from 1: the smallest whole number that is not
// below percent of them.
static uint64_t rank_of(uint64_t count, double percent)
{
    if (!(percent > 0)) return 1;
    if (percent >= 100) return count;
    double exact = (double)count * percent / 100;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact) rank++;
    if (rank == 0) return 1;
    return rank > count ? count : rank;
}

static uint64_t percentile(const uint64_t *buckets, uint64_t longest, double percent)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < ZREPORT_PAUSE_BUCKETS; i++)
        count += buckets[i];
    if (count == 0) return 0;
    uint64_t rank = rank_of(count, percent);
    uint32_t bucket = 0;
    for (uint64_t below = buckets[0]; below < rank; below += buckets[bucket])
        bucket++;
    // The last bucket is open upwards, and nothing was longer than the longest.
    uint64_t highest = zreport_bucket_max_ns(bucket);
    return highest > longest || bucket == ZREPORT_PAUSE_BUCKETS - 1 ? longest : highest;
}

uint64_t zreport_pause_percentile(const struct zreport_snapshot *snapshot, double percent)
{
    return percentile(snapshot->pauses, snapshot->counters[ZREPORT_pause_ns_max], percent);
}

uint64_t zreport_slice_percentile(const struct zreport_snapshot *snapshot, double percent)
{
    return percentile(snapshot->slices, snapshot->counters[ZREPORT_slice_ns_max], percent);
}

void zreport_by_log2(const uint64_t buckets[ZREPORT_PAUSE_BUCKETS],
                     uint64_t out[ZVM_REPORT_BUCKETS])
{
    for (uint32_t i = 0; i < ZVM_REPORT_BUCKETS; i++)
        out[i] = 0;
    for (uint32_t i = 0; i < ZREPORT_PAUSE_BUCKETS; i++) {
        uint64_t longest = zreport_bucket_max_ns(i);
        uint32_t bits = longest == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(longest);
        out[bits < ZVM_REPORT_BUCKETS ? bits : ZVM_REPORT_BUCKETS - 1] += buckets[i];
    }
}

void zreport_counters(const struct zreport_snapshot *snapshot, zvm_report_counters *out)
{
    const uint64_t *c = snapshot->counters;
    uint64_t current_bytes =
        zreport_difference(c[ZREPORT_heap_grown_bytes], c[ZREPORT_heap_shrunk_bytes]);
    *out = (zvm_report_counters){
        .isolates_created = c[ZREPORT_isolates_created],
        .isolates_destroyed = c[ZREPORT_isolates_destroyed],
        .isolates_finished = c[ZREPORT_isolates_finished],
        .isolates_succeeded = c[ZREPORT_isolates_succeeded],
        .failed_error = c[ZREPORT_failed_error],
        .failed_heap_limit = c[ZREPORT_failed_heap_limit],
        .failed_fuel = c[ZREPORT_failed_fuel],
        .failed_timeout = c[ZREPORT_failed_timeout],
        .failed_cancelled = c[ZREPORT_failed_cancelled],
        .failed_output = c[ZREPORT_failed_output],
        .failed_cpu_time = c[ZREPORT_failed_cpu_time],
        .failed_output_limit = c[ZREPORT_failed_output_limit],
        .failed_group_limit = c[ZREPORT_failed_group_limit],
        .failed_other = c[ZREPORT_failed_other],
        .slices = c[ZREPORT_slices],
        .fuel_used = c[ZREPORT_fuel_used],
        .heap_current_bytes = current_bytes,
        .heap_peak_bytes = current_bytes, // the peak is not of one block: who has it puts it in
        .allocated_bytes = c[ZREPORT_allocated_bytes],
        .allocated_count = c[ZREPORT_allocated_count],
        .freed_bytes = c[ZREPORT_freed_bytes],
        .freed_count = c[ZREPORT_freed_count],
        .collections = c[ZREPORT_collections],
        .pause_ns_total = c[ZREPORT_pause_ns_total],
        .pause_ns_p50 = zreport_pause_percentile(snapshot, 50),
        .pause_ns_p99 = zreport_pause_percentile(snapshot, 99),
        .pause_ns_max = c[ZREPORT_pause_ns_max],
        .output_bytes = c[ZREPORT_output_bytes],
        .cpu_ns = c[ZREPORT_cpu_ns],
        .slice_ns_total = c[ZREPORT_slice_ns_total],
        .slice_ns_p50 = zreport_slice_percentile(snapshot, 50),
        .slice_ns_p99 = zreport_slice_percentile(snapshot, 99),
        .slice_ns_max = c[ZREPORT_slice_ns_max],
        .steals = c[ZREPORT_steals],
        .stolen = c[ZREPORT_stolen],
        .parks = c[ZREPORT_parks],
        .wakeups = c[ZREPORT_wakeups],
        .pressure_collections = c[ZREPORT_pressure_collections],
        .waits = c[ZREPORT_waits],
        .full_collections = c[ZREPORT_full_collections],
        .incremental_collections = c[ZREPORT_incremental_collections],
        .minor_collections = c[ZREPORT_minor_collections],
        .emergency_collections = c[ZREPORT_emergency_collections],
        .gc_slices = c[ZREPORT_gc_slices],
        .gc_words = c[ZREPORT_gc_words],
        .isolates_reset = c[ZREPORT_isolates_reset],
        .messages_sent = c[ZREPORT_messages_sent],
        .messages_received = c[ZREPORT_messages_received],
        .messages_dropped = c[ZREPORT_messages_dropped],
    };
}
