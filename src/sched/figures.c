// sched/figures.c - the scheduler's part of a report, taken without stopping anybody.
//
// Owns: nothing. Thread: any, at any time.
// Every block is read once, untorn, and the totals are the sum of those copies: so the totals of a
// report always equal the sum of its rows. Between two blocks time passes: what a program does in
// it may show in one row and not yet in another.
#include "sched/sched_internal.h"

#include "base/clock.h"

#include <time.h>

// CPU time of a worker's thread, read off its own clock by whoever asks: the workers never spend a
// system call on it. 0 when the thread cannot be asked.
static uint64_t cpu_ns_of(const struct zworker *worker)
{
    clockid_t clock;
    struct timespec time;
    if (pthread_getcpuclockid(worker->thread, &clock) != 0) return 0;
    if (clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static void read_row(struct zsched *sched, uint32_t row, struct zreport_snapshot *out)
{
    if (row == zsched_started(sched)) {
        zreport_read(&sched->host_block, out);
        return;
    }
    zreport_read(&sched->workers[row]->block, out);
    out->counters[ZREPORT_cpu_ns] = cpu_ns_of(sched->workers[row]);
}

// Entries in a worker's ring. Those in its inbox have not been counted by anybody: it empties it
// at its next turn.
static uint64_t queued_of(const struct zworker *worker)
{
    return zring_length(&worker->ring);
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
    view->overflow = view->queued = zoverflow_length(&sched->overflow);
    for (uint32_t row = 0; row <= worker_count; row++) {
        struct zreport_snapshot *snapshot = rows == NULL ? &one : &rows[row];
        read_row(sched, row, snapshot);
        if (row < worker_count) view->queued += queued_of(sched->workers[row]);
        zreport_merge(&view->totals, snapshot);
    }
    view->workers = rows;
    view->worker_count = worker_count;
    view->workers_wanted = sched->worker_capacity;
    view->wakeups_refused = z_load_relaxed(&sched->parking.refused); // relaxed: a count
    view->now_ns = zclock_now_ns();
    view->wall_ns = view->now_ns - sched->start_ns;
    view->isolates_in_flight = in_flight(sched);
    view->heap_peak_bytes = z_load_relaxed(&sched->heap_peak_bytes); // relaxed: a gauge
    view->mapped_bytes = zspan_pool_mapped_bytes_any(sched->spans);
}
