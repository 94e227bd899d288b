// sched/figures.c - the scheduler's part of a report, taken without stopping anybody.
//
// Owns: nothing. Thread: any, at any time.
// Every block is read once, untorn, and the totals are the sum of those copies: so the totals of a
// report always equal the sum of its rows. Between two blocks time passes: what a program does in
// it may show in one row and not yet in another.
// No lock is taken, so that no worker ever waits for a reader (tests/unit/test_report_live.c counts).
#include "sched/sched_internal.h"

#include "base/clock.h"

#include <time.h>

// CPU time of a worker's thread, read off its own clock by whoever asks: the workers never spend a
// system call on it. 0 when the thread cannot be asked.
static uint64_t cpu_ns_of(const struct zworker *worker)
{
    clockid_t clock;
    struct timespec time;
    if (zsched_is_replay(worker->sched)) return zsched_now_ns(worker->sched);
    if (pthread_getcpuclockid(worker->thread, &clock) != 0) return 0;
    if (clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static void read_row(struct zsched *sched, uint32_t row, struct zreport_snapshot *out)
{
    if (row == zsched_started(sched)) {
        zreport_read(&sched->host_block, out);
        out->is_asleep = false;
        return;
    }
    zreport_read(&sched->workers[row]->block, out);
    out->counters[ZREPORT_cpu_ns] = cpu_ns_of(sched->workers[row]);
    out->is_asleep = zparking_is_asleep(&sched->parking, row);
}

// How old the figures of those workers are that may have done something since. Without any: 0.
static void note_age(const struct zsched *sched, const struct zreport_snapshot *row,
                     struct zreport_view *view)
{
    uint64_t now_ns = zsched_now_ns(sched);
    if (row->is_asleep || now_ns <= row->updated_ns) return;
    uint64_t age_ns = now_ns - row->updated_ns;
    if (age_ns > view->figures_age_ns) view->figures_age_ns = age_ns;
}

// Entries that wait for a worker. Each of the numbers is one moment's, their sum is nobody's.
static void add_queued(const struct zworker *worker, struct zreport_view *view)
{
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++) {
        const struct zlevel *level = &worker->levels[i];
        // relaxed: gauges
        uint64_t behind = z_load_relaxed(&level->batch_count);
        uint64_t inbox = z_load_relaxed(&worker->inbox.counts[i]);
        uint64_t all = zring_length(&level->ring) + inbox + behind;
        view->overflow += behind;
        view->inboxes += inbox;
        view->queued += all;
        if (i == ZPRIORITY_HIGH) view->queued_high += all;
    }
}

static void count_queued(const struct zsched *sched, struct zreport_view *view)
{
    uint64_t high = zsched_overflow_count(sched, ZPRIORITY_HIGH);
    view->overflow = high + zsched_overflow_count(sched, ZPRIORITY_NORMAL) +
                     zsched_overflow_count(sched, ZPRIORITY_LOW);
    view->queued = view->overflow;
    view->queued_high = high;
    view->inboxes = 0;
    for (uint32_t i = 0; i < zsched_started(sched); i++)
        add_queued(sched->workers[i], view);
}

// A gauge: between the two reads isolates may leave, and then count neither as in flight nor as
// leaving, or are subtracted although they have left.
static uint64_t in_flight(const struct zsched *sched)
{
    uint64_t leaving = 0;
    for (uint32_t i = 0; i < zsched_started(sched); i++)
        leaving += z_load_relaxed(&sched->workers[i]->leaving); // relaxed: a gauge
    uint64_t count = zadmission_count(&sched->admission);
    return count > leaving ? count - leaving : 0;
}

void zsched_report(struct zsched *sched, struct zreport_snapshot *rows, struct zreport_view *view)
{
    struct zreport_snapshot one;
    uint32_t worker_count = zsched_started(sched);
    view->totals = (struct zreport_snapshot){0};
    view->figures_age_ns = 0;
    count_queued(sched, view);
    for (uint32_t row = 0; row <= worker_count; row++) {
        struct zreport_snapshot *snapshot = rows == NULL ? &one : &rows[row];
        read_row(sched, row, snapshot);
        zreport_merge(&view->totals, snapshot);
        if (row < worker_count) note_age(sched, snapshot, view);
    }
    // relaxed, all: counts
    view->totals.counters[ZREPORT_messages_sent] += z_load_relaxed(&sched->host_sent);
    view->totals.counters[ZREPORT_messages_received] += z_load_relaxed(&sched->host_received);
    view->totals.counters[ZREPORT_messages_dropped] += z_load_relaxed(&sched->host_dropped);
    view->workers = rows;
    view->worker_count = worker_count;
    view->workers_wanted = sched->worker_capacity;
    view->wakeups_refused = z_load_relaxed(&sched->parking.refused); // relaxed: a count
    view->late_answers = z_load_relaxed(&sched->late_answers);       // relaxed: a count
    view->now_ns = zsched_now_ns(sched);
    view->wall_ns = view->now_ns - sched->start_ns;
    view->isolates_in_flight = in_flight(sched);
    view->heap_peak_bytes = z_load_relaxed(&sched->heap_peak_bytes); // relaxed: a gauge
    view->mapped_bytes = zspan_pool_mapped_bytes_any(sched->spans);
}

uint64_t zsched_top(const struct zsched *sched, struct ztop *tops, uint32_t top_count)
{
    return zroster_top(&sched->roster, zsched_now_ns(sched), tops, top_count);
}
