// report/report.h - counters that every module writes, and what is read out of them.
//
// A block of counters has one writer: the worker it belongs to. Readers load each word relaxed and
// sum; a sequence number (odd while the writer is inside an update) gives them an untorn block.
#ifndef ZVM_REPORT_REPORT_H
#define ZVM_REPORT_REPORT_H

#include "base/atomic.h"
#include "base/status.h"

#include <stdint.h>

// One name per counter; the same list makes the struct, the sums and the outputs.
#define ZREPORT_COUNTERS(X)                                                               \
    X(isolates_created)                                                                   \
    X(isolates_destroyed)                                                                 \
    X(isolates_finished)                                                                  \
    X(isolates_succeeded)                                                                 \
    X(failed_error)                                                                       \
    X(failed_heap_limit)                                                                  \
    X(failed_fuel)                                                                        \
    X(failed_timeout)                                                                     \
    X(failed_cancelled)                                                                   \
    X(failed_output)                                                                      \
    X(failed_cpu_time)                                                                    \
    X(failed_output_limit)                                                                \
    X(failed_group_limit)                                                                 \
    X(failed_other)                                                                       \
    X(slices)                                                                             \
    X(fuel_used)                                                                          \
    X(heap_grown_bytes)  /* committed bytes gained, ever */                               \
    X(heap_shrunk_bytes) /* committed bytes given back, ever; current = grown - shrunk */ \
    X(allocated_bytes)                                                                    \
    X(allocated_count)                                                                    \
    X(freed_bytes)                                                                        \
    X(freed_count)                                                                        \
    X(collections)                                                                        \
    X(full_collections)        /* whole ones at once */                                   \
    X(incremental_collections) /* whole ones in slices */                                 \
    X(minor_collections)       /* with these two: all there are */                        \
    X(emergency_collections)   /* of the full ones: a limit, all spare things given up */ \
    X(gc_slices)               /* of the incremental ones */                              \
    X(gc_words)                /* of the collectors' work */                              \
    X(pause_ns_total)                                                                     \
    X(pause_ns_max) /* a maximum, not a sum */                                            \
    X(output_bytes)                                                                       \
    X(cpu_ns)                                                                             \
    X(slice_ns_total)                                                                     \
    X(slice_ns_max)         /* a maximum, not a sum */                                    \
    X(steals)               /* times that a worker took half of another one's ring */     \
    X(stolen)               /* isolates that came over by it */                           \
    X(parks)                /* times that a worker went to sleep */                       \
    X(wakeups)              /* times that it was woken for work */                        \
    X(pressure_collections) /* of the collections, those that pressure asked for */       \
    X(waits)                /* slices that ended because the program waits */             \
    X(isolates_reset)       /* to what they were when they were made */                   \
    X(messages_sent)        /* between isolates */                                        \
    X(messages_received)                                                                  \
    X(messages_dropped)     /* nobody was there to read them, or could */

enum zreport_counter {
#define X(name) ZREPORT_##name,
    ZREPORT_COUNTERS(X)
#undef X
        ZREPORT_COUNTER_COUNT
};

// Histograms of pauses and slices: log-linear, 8 buckets a power of two, 1 ns to about 2^40 ns. (The
// model of the block has fewer: what it explores grows with the words of a copy.)
#ifndef ZREPORT_PAUSE_BUCKETS
#    define ZREPORT_PAUSE_BUCKETS 320
#endif

// What is counted of each kind of pool (pool/pool.h).
#define ZREPORT_POOL_KINDS 3
enum zreport_pool_word {
    ZREPORT_POOL_OFF, // isolates that were made without it
    ZREPORT_POOL_HITS,
    ZREPORT_POOL_MISSES,
    ZREPORT_POOL_ALLOCATIONS,
    ZREPORT_POOL_RELEASES,
    ZREPORT_POOL_KEPT,    // things that it got to keep, ever
    ZREPORT_POOL_DROPPED, // of those, gone again: size = kept - dropped
    ZREPORT_POOL_WORDS
};

// owner-thread writes, any thread reads. One a worker, and one for host threads (under a lock).
struct zreport_block {
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t sequence; // odd: being written
    _Atomic uint64_t counters[ZREPORT_COUNTER_COUNT];
    _Atomic uint64_t pauses[ZREPORT_PAUSE_BUCKETS];
    _Atomic uint64_t slices[ZREPORT_PAUSE_BUCKETS]; // how long they took
    _Atomic uint64_t pools[ZREPORT_POOL_KINDS][ZREPORT_POOL_WORDS];
    _Atomic uint64_t updated_ns; // zclock_now_ns at the last update
};

// An untorn copy.
struct zreport_snapshot {
    uint64_t counters[ZREPORT_COUNTER_COUNT];
    uint64_t pauses[ZREPORT_PAUSE_BUCKETS];
    uint64_t slices[ZREPORT_PAUSE_BUCKETS];
    uint64_t pools[ZREPORT_POOL_KINDS][ZREPORT_POOL_WORDS];
    uint64_t updated_ns;
    bool is_asleep; // a worker's that sleeps: nothing has happened since updated_ns
};

// Writer: begin, any number of adds, end. owner-thread.
void zreport_begin(struct zreport_block *block);
void zreport_add(struct zreport_block *block, enum zreport_counter counter, uint64_t value);
void zreport_max(struct zreport_block *block, enum zreport_counter counter, uint64_t value);
void zreport_pause(struct zreport_block *block, uint64_t pause_ns); // histogram, total, max
void zreport_slice(struct zreport_block *block, uint64_t slice_ns); // the same of a slice
void zreport_add_pool(struct zreport_block *block, uint32_t kind, enum zreport_pool_word word,
                      uint64_t value);
void zreport_end(struct zreport_block *block, uint64_t now_ns);

// Reader, any thread, never blocks the writer. waits: how often it had to read again.
void zreport_read(const struct zreport_block *block, struct zreport_snapshot *out);
// into += from (maxima by maximum).
void zreport_merge(struct zreport_snapshot *into, const struct zreport_snapshot *from);
// The pause below which `percent` of pauses lie; 0 without any. At most 12.5% too high.
uint64_t zreport_pause_percentile(const struct zreport_snapshot *snapshot, double percent);
uint64_t zreport_slice_percentile(const struct zreport_snapshot *snapshot, double percent);
// A histogram of a block by powers of two: out[0] counts 0 ns, out[i] what takes i bits.
void zreport_by_log2(const uint64_t buckets[ZREPORT_PAUSE_BUCKETS],
                     uint64_t out[ZVM_REPORT_BUCKETS]);

// ---- Output -----------------------------------------------------------------------------------

struct zreport_pool { // one row of `pools`
    const char *name;
    bool enabled;
    uint64_t hits, misses, allocations, releases, size;
};

#define ZREPORT_POOL_REQUESTS_MIN 1000 // fewer say nothing about a pool
#define ZREPORT_POOL_PAYS_SHARE   8    // one hit for so many misses

// part of whole in percent, 0 when there is no whole.
double zreport_percent(uint64_t part, uint64_t whole);
// False: it was asked often enough, and could hardly ever answer.
bool zreport_pool_pays(const struct zreport_pool *pool);

#define ZREPORT_TOP_ORDERS 3    // enum zvm_top_order
#define ZREPORT_GROUPS_MAX 1000 // listed; how many there are is said

// Everything that one report shows.
struct zreport_view {
    struct zreport_snapshot totals;
    const struct zreport_snapshot *workers; // [worker_count + 1]; the last: host threads
    uint32_t worker_count;
    uint32_t workers_wanted;  // more than worker_count: the system refused some threads
    uint32_t wakeups_refused; // by the system; each costs up to a second
    uint64_t late_answers;    // that nobody waited for any more
    uint64_t queued;          // entries in inboxes, rings and behind the rings
    uint64_t overflow;        // of those, behind the rings
    uint64_t inboxes;         // of those, in inboxes
    uint64_t queued_high;     // of those, of high priority
    uint64_t wall_ns, now_ns;
    uint64_t figures_age_ns; // of the oldest figures among those of workers that are awake
    uint64_t isolates_in_flight;
    uint64_t heap_peak_bytes; // sampled maximum of the current sum
    uint64_t mapped_bytes;    // slabs
    // Strings that isolates share: blocks, their memory, and what heaps are charged for them.
    uint64_t shared_count, shared_bytes, shared_charged_bytes;
    uint64_t intern_count, intern_bytes, intern_limit_count, intern_limit_bytes, intern_dead;
    uint64_t intern_hits, intern_misses, intern_inserted, intern_reclaimed, intern_pending,
        intern_migrations;
    uint64_t intern_cells, intern_load_percent, intern_probe_p50, intern_probe_max;
    const struct zreport_pool *pools;
    uint32_t pool_count;
    const zvm_group_figures *groups; // [group_count], the newest first
    uint32_t group_count;
    uint32_t group_of; // groups that there are
    // Isolates that exist, by enum zvm_top_order: the first top_count at most. NULL: not asked for.
    const zvm_top_isolate *tops[ZREPORT_TOP_ORDERS]; // [top_count]
    uint32_t top_count;
    uint64_t top_of; // isolates looked at
};

// What a worker's row or the totals are in the public struct.
void zreport_counters(const struct zreport_snapshot *snapshot, zvm_report_counters *out);
zvm_status zreport_write(const struct zreport_view *view, zvm_report_format format,
                         zvm_write_fn write, void *context);

#endif // ZVM_REPORT_REPORT_H
