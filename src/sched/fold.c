// sched/fold.c - what an isolate did, added to the counters of the thread that ran it.
//
// Owns: nothing. Thread: whoever owns the isolate now; the block belongs to its lane, and the host
// threads' common block is written under host_lock.
// Invariant (exact whenever no isolate is being run, made or destroyed): over all blocks,
//   heap grown - shrunk     = sum of committed bytes of the isolates that exist,
//   allocated - freed       = sum of what lives in them,
//   finished                = succeeded + the failures,
//   collections             = full + incremental + minor ones.
// How: an isolate keeps a copy of the figures of its heap as they were last added up (`folded`), so
// that any thread may go on where another one stopped; destroying adds the rest with the opposite
// sign.
#include "sched/sched_internal.h"

// What `folded` remembers.
enum {
    FOLDED_COMMITTED_BYTES,
    FOLDED_ALLOCATED_BYTES,
    FOLDED_ALLOCATED_COUNT,
    FOLDED_FREED_BYTES,
    FOLDED_FREED_COUNT,
    FOLDED_COUNT
};

_Static_assert(FOLDED_COUNT == sizeof((struct zisolate *)0)->folded / sizeof(uint64_t),
               "an isolate has room for what is folded");

struct zreport_block *zfold_begin(struct zsched *sched, const struct zlane *lane)
{
    struct zreport_block *block = &sched->host_block;
    if (lane->worker != NULL)
        block = &lane->worker->block;
    else
        pthread_mutex_lock(&sched->host_lock);
    zreport_begin(block);
    return block;
}

void zfold_end(struct zsched *sched, const struct zlane *lane, struct zreport_block *block,
               uint64_t now_ns)
{
    zreport_end(block, now_ns);
    if (lane->worker == NULL) pthread_mutex_unlock(&sched->host_lock);
}

// ---- The heap -----------------------------------------------------------------------------------

// relaxed: a gauge. Two threads may raise the peak at once; the higher one stays.
static void raise_peak(struct zsched *sched, uint64_t current_bytes)
{
    uint64_t peak = z_load_relaxed(&sched->heap_peak_bytes);
    while (peak < current_bytes)
        if (z_cas_weak_release(&sched->heap_peak_bytes, &peak, current_bytes)) return;
}

static void fold_committed(struct zsched *sched, struct zreport_block *block, struct zisolate *iso,
                           uint64_t committed_bytes)
{
    uint64_t before = iso->folded[FOLDED_COMMITTED_BYTES];
    uint64_t change = committed_bytes - before; // may wrap: added to the gauge it is a subtraction
    if (change == 0) return;
    iso->folded[FOLDED_COMMITTED_BYTES] = committed_bytes;
    uint64_t current = z_fetch_add_relaxed(&sched->heap_current_bytes, change) + change;
    if (committed_bytes > before) {
        zreport_add(block, ZREPORT_heap_grown_bytes, change);
        raise_peak(sched, current);
    } else {
        zreport_add(block, ZREPORT_heap_shrunk_bytes, before - committed_bytes);
    }
}

static void fold_one(struct zreport_block *block, struct zisolate *iso, uint32_t which,
                     enum zreport_counter counter, uint64_t now)
{
    zreport_add(block, counter, now - iso->folded[which]);
    iso->folded[which] = now;
}

static void fold_pauses(struct zreport_block *block, struct zlane *lane)
{
    uint64_t pauses_ns[ZHEAP_ENV_PAUSES_MAX];
    uint32_t count = zheap_env_take_pauses(lane->runner.env, pauses_ns, ZHEAP_ENV_PAUSES_MAX);
    for (uint32_t i = 0; i < count; i++)
        zreport_pause(block, pauses_ns[i]);
}

static void fold_messages(struct zreport_block *block, struct zlane *lane)
{
    struct zmessage_counts *counts = &lane->runner.messages;
    if ((counts->sent | counts->received | counts->dropped) == 0) return;
    zreport_add(block, ZREPORT_messages_sent, counts->sent);
    zreport_add(block, ZREPORT_messages_received, counts->received);
    zreport_add(block, ZREPORT_messages_dropped, counts->dropped);
    *counts = (struct zmessage_counts){0};
}

static void fold_collections(struct zreport_block *block, struct zlane *lane)
{
    struct zheap_collected collected;
    if (!zheap_env_take_collected(lane->runner.env, &collected)) return;
    uint64_t collections = collected.full + collected.incremental + collected.minor;
    lane->collections += collections;
    zreport_add(block, ZREPORT_collections, collections);
    zreport_add(block, ZREPORT_full_collections, collected.full);
    zreport_add(block, ZREPORT_incremental_collections, collected.incremental);
    zreport_add(block, ZREPORT_minor_collections, collected.minor);
    zreport_add(block, ZREPORT_emergency_collections, collected.emergency);
    zreport_add(block, ZREPORT_pressure_collections, collected.pressed);
    zreport_add(block, ZREPORT_gc_slices, collected.slices);
    zreport_add(block, ZREPORT_gc_words, collected.words);
}

static void publish(struct zisolate *iso, const struct zheap_stats *stats, uint64_t now_ns)
{
    if (iso->row == NULL) return; // it is being destroyed
    uint64_t created_ns = zroster_own_word(iso->row, ZROSTER_CREATED_NS);
    const uint64_t words[ZROSTER_WORDS] = {
        [ZROSTER_CREATED_NS] = created_ns != 0 ? created_ns : now_ns,
        [ZROSTER_UPDATED_NS] = now_ns,
        [ZROSTER_ID] = (uint64_t)iso->id,
        [ZROSTER_HEAP_BYTES] = stats->committed_bytes,
        [ZROSTER_LIVE_BYTES] = stats->live_bytes,
        [ZROSTER_FUEL_USED] = zisolate_fuel_used(iso),
        [ZROSTER_SLICES] = iso->slices,
    };
    zroster_publish(iso->row, words);
}

void zfold_heap(struct zsched *sched, struct zreport_block *block, struct zisolate *iso,
                struct zlane *lane, uint64_t now_ns)
{
    struct zheap_stats stats;
    zheap_stats(&iso->heap, &stats);
    fold_committed(sched, block, iso, stats.committed_bytes);
    fold_one(block, iso, FOLDED_ALLOCATED_BYTES, ZREPORT_allocated_bytes, stats.allocated_bytes);
    fold_one(block, iso, FOLDED_ALLOCATED_COUNT, ZREPORT_allocated_count, stats.allocated_count);
    fold_one(block, iso, FOLDED_FREED_BYTES, ZREPORT_freed_bytes, stats.freed_bytes);
    fold_one(block, iso, FOLDED_FREED_COUNT, ZREPORT_freed_count, stats.freed_count);
    zpools_fold(iso->pools, &iso->heap, block);
    fold_pauses(block, lane);
    fold_collections(block, lane);
    fold_messages(block, lane);
    publish(iso, &stats, now_ns);
}

void zfold_destroyed(struct zsched *sched, struct zreport_block *block, struct zisolate *iso)
{
    zfold_emptied(sched, block, iso);
    zreport_add(block, ZREPORT_isolates_destroyed, 1);
}

void zfold_emptied(struct zsched *sched, struct zreport_block *block, struct zisolate *iso)
{
    fold_committed(sched, block, iso, 0);
    fold_one(block, iso, FOLDED_FREED_BYTES, ZREPORT_freed_bytes,
             iso->folded[FOLDED_ALLOCATED_BYTES]);
    fold_one(block, iso, FOLDED_FREED_COUNT, ZREPORT_freed_count,
             iso->folded[FOLDED_ALLOCATED_COUNT]);
    zpools_fold_end(iso->pools, &iso->heap, block);
}

// ---- Slices and ends ----------------------------------------------------------------------------

struct zfold_mark zfold_before(const struct zisolate *iso)
{
    return (struct zfold_mark){
        .fuel_used = zisolate_fuel_used(iso),
        .output_bytes = iso->output_bytes,
        .slices = iso->slices,
    };
}

void zfold_slice(struct zreport_block *block, const struct zisolate *iso,
                 const struct zfold_mark *before, uint64_t slice_ns)
{
    uint64_t slices = iso->slices - before->slices;
    if (slices > 0) zreport_slice(block, slice_ns);
    zreport_add(block, ZREPORT_fuel_used, zisolate_fuel_used(iso) - before->fuel_used);
    zreport_add(block, ZREPORT_output_bytes, iso->output_bytes - before->output_bytes);
    zreport_add(block, ZREPORT_slices, slices);
}

static enum zreport_counter counter_of(int32_t status)
{
    switch (status) {
    case ZVM_OK:
        return ZREPORT_isolates_succeeded;
    case ZVM_E_ERROR:
        return ZREPORT_failed_error;
    case ZVM_E_HEAP_LIMIT:
        return ZREPORT_failed_heap_limit;
    case ZVM_E_FUEL:
        return ZREPORT_failed_fuel;
    case ZVM_E_TIMEOUT:
        return ZREPORT_failed_timeout;
    case ZVM_E_CANCELLED:
        return ZREPORT_failed_cancelled;
    case ZVM_E_OUTPUT:
        return ZREPORT_failed_output;
    case ZVM_E_CPU_TIME:
        return ZREPORT_failed_cpu_time;
    case ZVM_E_OUTPUT_LIMIT:
        return ZREPORT_failed_output_limit;
    case ZVM_E_GROUP_LIMIT:
        return ZREPORT_failed_group_limit;
    default:
        return ZREPORT_failed_other;
    }
}

void zfold_finished(struct zreport_block *block, const struct zisolate *iso)
{
    zreport_add(block, ZREPORT_isolates_finished, 1);
    zreport_add(block, counter_of(iso->status), 1);
}

void zfold_event(struct zworker *worker, enum zreport_counter counter, uint64_t value)
{
    zreport_begin(&worker->block);
    zreport_add(&worker->block, counter, value);
    zreport_end(&worker->block, worker->clock_ns);
}
