// api/report.c - the bodies of zvm.h that read figures of a runtime.
//
// Owns: nothing. Thread: any, at any time: nothing here takes a lock or stops anybody.
#include "api/api_internal.h"

#include "base/alloc.h"
#include "intern/intern.h"
#include "pool/pool.h"
#include "report/roster.h"
#include "sched/sched.h"

// relaxed, all: gauges
static void fill_shared(const zvm_runtime *runtime, struct zreport_view *view)
{
    const struct zcounted_sum *sum = &runtime->shared->counted;
    view->shared_count = z_load_relaxed(&sum->count);
    view->shared_bytes = z_load_relaxed(&sum->bytes);
    view->shared_charged_bytes = z_load_relaxed(&sum->charged_bytes);
}

static void fill_intern(zvm_runtime *runtime, struct zreport_view *view)
{
    struct zintern_stats stats;
    zintern_stats(runtime->intern, &stats);
    view->intern_count = stats.count;
    view->intern_bytes = stats.bytes;
    view->intern_limit_count = stats.limit_count;
    view->intern_limit_bytes = stats.limit_bytes;
    view->intern_dead = stats.dead;
    view->intern_hits = stats.hits;
    view->intern_misses = stats.misses;
    view->intern_inserted = stats.inserted;
    view->intern_reclaimed = stats.reclaimed;
    view->intern_pending = stats.pending;
    view->intern_migrations = stats.migrations;
    view->intern_cells = stats.cells;
    view->intern_load_percent = stats.load_percent;
    view->intern_probe_p50 = stats.probe_p50;
    view->intern_probe_max = stats.probe_max;
}

zvm_status zvm_intern_stats(zvm_runtime *runtime, zvm_intern_figures *figures)
{
    if (runtime == NULL || figures == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (figures->size < offsetof(zvm_intern_figures, bytes)) return ZVM_E_ARGUMENT;
    struct zintern_stats stats;
    zintern_stats(runtime->intern, &stats);
    zvm_intern_figures own = {
        .count = stats.count,
        .bytes = stats.bytes,
        .limit_count = stats.limit_count,
        .limit_bytes = stats.limit_bytes,
        .dead = stats.dead,
        .cells = stats.cells,
        .load_percent = stats.load_percent,
        .probe_p50 = stats.probe_p50,
        .probe_max = stats.probe_max,
        .hits = stats.hits,
        .misses = stats.misses,
        .inserted = stats.inserted,
        .reclaimed = stats.reclaimed,
        .pending = stats.pending,
        .migrations = stats.migrations,
    };
    zapi_write_struct(figures, figures->size, &own, sizeof own);
    return ZVM_OK;
}

zvm_status zvm_report_take(zvm_runtime *runtime, zvm_report *report)
{
    if (runtime == NULL || report == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (report->size < offsetof(zvm_report, worker_count)) return ZVM_E_ARGUMENT;
    struct zreport_view view = {0};
    zsched_report(runtime->sched, NULL, &view);
    fill_intern(runtime, &view);
    zvm_report own = {
        .worker_count = view.worker_count,
        .wall_ns = view.wall_ns,
        .isolates_in_flight = view.isolates_in_flight,
        .intern_count = view.intern_count,
        .intern_bytes = view.intern_bytes,
        .intern_hits = view.intern_hits,
        .intern_misses = view.intern_misses,
        .workers_wanted = view.workers_wanted,
        .wakeups_refused = view.wakeups_refused,
        .late_answers = view.late_answers,
        .queued = view.queued,
        .queued_overflow = view.overflow,
        .queued_inbox = view.inboxes,
        .queued_high = view.queued_high,
        .figures_age_ns = view.figures_age_ns,
    };
    zreport_counters(&view.totals, &own.totals);
    zreport_by_log2(view.totals.pauses, own.pauses);
    zreport_by_log2(view.totals.slices, own.slices);
    own.totals.heap_peak_bytes = view.heap_peak_bytes;
    zapi_write_struct(report, report->size, &own, sizeof own);
    return ZVM_OK;
}

// ---- Isolates that come first ------------------------------------------------------------------

_Static_assert((int)ZVM_TOP_AGE + 1 == ZREPORT_TOP_ORDERS, "a list for each order");

zvm_status zvm_report_top(zvm_runtime *runtime, zvm_top_order order, zvm_top_isolate *rows,
                          uint32_t *count)
{
    if (runtime == NULL || rows == NULL || count == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if ((unsigned)order >= ZREPORT_TOP_ORDERS || *count > ZVM_TOP_MAX) return ZVM_E_ARGUMENT;
    struct ztop top = {.order = order, .capacity = *count, .rows = rows};
    (void)zsched_top(runtime->sched, &top, 1);
    *count = top.count;
    return ZVM_OK;
}

// rows: [ZREPORT_TOP_ORDERS * capacity].
static void fill_tops(zvm_runtime *runtime, uint32_t capacity, zvm_top_isolate *rows,
                      struct zreport_view *view)
{
    struct ztop tops[ZREPORT_TOP_ORDERS];
    for (uint32_t i = 0; i < ZREPORT_TOP_ORDERS; i++)
        tops[i] = (struct ztop){
            .order = (zvm_top_order)i, .capacity = capacity, .rows = rows + i * capacity};
    view->top_of = zsched_top(runtime->sched, tops, ZREPORT_TOP_ORDERS);
    for (uint32_t i = 0; i < ZREPORT_TOP_ORDERS; i++)
        view->tops[i] = tops[i].rows;
    view->top_count = tops[0].count; // all of them were offered the same isolates
}

// ---- Written reports ----------------------------------------------------------------------------

// What one written report needs beside the view.
struct parts {
    struct zreport_snapshot *rows; // [row_count]
    size_t row_count;
    zvm_top_isolate *tops; // [top_count], NULL: none are wanted
    size_t top_count;
    zvm_group_figures *groups; // [group_count], NULL: there are none
    uint32_t group_count;
    struct zreport_pool pools[ZPOOL_KIND_COUNT];
};

static bool make_parts(struct parts *parts, const zvm_runtime *runtime, uint32_t top_count)
{
    *parts = (struct parts){.row_count = (size_t)zsched_worker_count(runtime->sched) + 1,
                            .top_count = (size_t)top_count * ZREPORT_TOP_ORDERS};
    parts->rows = z_alloc(parts->row_count * sizeof *parts->rows); // the last: the host's threads
    if (parts->rows == NULL) return false;
    uint32_t groups;
    (void)zsched_groups(runtime->sched, NULL, 0, &groups);
    parts->group_count = groups < ZREPORT_GROUPS_MAX ? groups : ZREPORT_GROUPS_MAX;
    if (groups > 0) parts->groups = z_alloc(parts->group_count * sizeof *parts->groups);
    if (groups > 0 && parts->groups == NULL) return false;
    if (top_count == 0) return true;
    parts->tops = z_alloc(parts->top_count * sizeof *parts->tops);
    return parts->tops != NULL;
}

static void free_parts(struct parts *parts)
{
    z_free(parts->rows, parts->row_count * sizeof *parts->rows);
    z_free(parts->tops, parts->top_count * sizeof *parts->tops);
    z_free(parts->groups, parts->group_count * sizeof *parts->groups);
}

static void fill_view(zvm_runtime *runtime, struct parts *parts, uint32_t top_count,
                      struct zreport_view *view)
{
    zsched_report(runtime->sched, parts->rows, view);
    fill_shared(runtime, view);
    fill_intern(runtime, view);
    zpool_report(&view->totals, parts->pools);
    view->pools = parts->pools;
    view->pool_count = ZPOOL_KIND_COUNT;
    view->groups = parts->groups;
    view->group_count =
        zsched_groups(runtime->sched, parts->groups, parts->group_count, &view->group_of);
    if (top_count > 0) fill_tops(runtime, top_count, parts->tops, view);
}

zvm_status zvm_report_write_with(zvm_runtime *runtime, zvm_report_format format,
                                 const zvm_report_options *options, zvm_write_fn write,
                                 void *context)
{
    zvm_report_options own = ZVM_REPORT_OPTIONS_INIT;
    if (runtime == NULL || write == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (options != NULL && !zapi_read_options(&own, sizeof own, options, options->size))
        return ZVM_E_ARGUMENT;
    if (own.top_count > ZVM_TOP_MAX) return ZVM_E_ARGUMENT;
    // Never a label for each isolate: that would make a time series of each.
    uint32_t top_count = format == ZVM_REPORT_PROMETHEUS ? 0 : own.top_count;
    struct parts parts;
    struct zreport_view view = {0};
    zvm_status status = ZVM_E_NOMEM;
    if (make_parts(&parts, runtime, top_count)) {
        fill_view(runtime, &parts, top_count, &view);
        status = zreport_write(&view, format, write, context);
    }
    free_parts(&parts);
    return status;
}

zvm_status zvm_report_write(zvm_runtime *runtime, zvm_report_format format, zvm_write_fn write,
                            void *context)
{
    return zvm_report_write_with(runtime, format, NULL, write, context);
}
