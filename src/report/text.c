// report/text.c - a report for people: aligned columns, units, thousands separators.
//
// Thread: owner of the view. Sections: runtime, isolates, failures by reason, heap, collector,
// scheduler, durations, symbols, pools, workers, and the isolates that come first if asked for. Sizes are in powers of 1024, times in the unit that keeps
// three digits. Not meant to be parsed: the JSON form is.
#include "report/report_internal.h"

#include <stdio.h>

#define LABEL_COLUMNS 18
#define VALUE_COLUMNS 14
#define TEXT_BYTES    32 // longest: 26 characters, 18,446,744,073,709,551,615

// ---- Numbers ------------------------------------------------------------------------------------

// 1234567 as "1,234,567".
static const char *count_text(uint64_t value, char out[TEXT_BYTES])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

static const char *bytes_text(uint64_t bytes, char out[TEXT_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    snprintf(out, TEXT_BYTES, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
    return out;
}

static const char *duration_text(uint64_t ns, char out[TEXT_BYTES])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    size_t unit = 0;
    double value = (double)ns;
    while (value >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
    if (unit == 0) decimals = 0;
    if (unit == 3) decimals = 3;
    snprintf(out, TEXT_BYTES, "%.*f %s", decimals, value, units[unit]);
    return out;
}

// part of whole as "12.3%"; "-" of nothing.
static const char *percent_text(uint64_t part, uint64_t whole, char out[TEXT_BYTES])
{
    if (whole == 0) return "-";
    snprintf(out, TEXT_BYTES, "%.1f%%", (double)part * 100 / (double)whole);
    return out;
}

// ---- Lines --------------------------------------------------------------------------------------

static void section(struct zemit *emit, const char *title)
{
    zstrbuf_add_format(&emit->buffer, "\n%s\n", title);
    zemit_flush(emit);
}

static void line(struct zemit *emit, const char *label, const char *value)
{
    zstrbuf_add_format(&emit->buffer, "  %-*s%*s\n", LABEL_COLUMNS, label, VALUE_COLUMNS, value);
}

// The same with an explanation behind the value.
static void line_with(struct zemit *emit, const char *label, const char *value, const char *note)
{
    zstrbuf_add_format(&emit->buffer, "  %-*s%*s  %s\n", LABEL_COLUMNS, label, VALUE_COLUMNS, value,
                       note);
}

static void count_line(struct zemit *emit, const char *label, uint64_t value)
{
    char text[TEXT_BYTES];
    line(emit, label, count_text(value, text));
}

static void duration_line(struct zemit *emit, const char *label, uint64_t ns)
{
    char text[TEXT_BYTES];
    line(emit, label, duration_text(ns, text));
}

static void bytes_line(struct zemit *emit, const char *label, uint64_t bytes)
{
    char text[TEXT_BYTES];
    line(emit, label, bytes_text(bytes, text));
}

static void objects_line(struct zemit *emit, const char *label, uint64_t bytes, uint64_t count)
{
    char size[TEXT_BYTES], number[TEXT_BYTES], note[TEXT_BYTES + 16];
    snprintf(note, sizeof note, "in %s object%s", count_text(count, number), count == 1 ? "" : "s");
    line_with(emit, label, bytes_text(bytes, size), note);
}

// ---- Sections -----------------------------------------------------------------------------------

static void write_head(const struct zreport_view *view, struct zemit *emit)
{
    char wall[TEXT_BYTES], cpu[TEXT_BYTES], workers[TEXT_BYTES], share[TEXT_BYTES];
    uint64_t cpu_ns = view->totals.counters[ZREPORT_cpu_ns];
    zstrbuf_add_format(&emit->buffer,
                       "zvm %s report: %s worker%s, %s wall, %s CPU (%s of one core)\n",
                       ZVM_VERSION_STRING, count_text(view->worker_count, workers),
                       view->worker_count == 1 ? "" : "s", duration_text(view->wall_ns, wall),
                       duration_text(cpu_ns, cpu), percent_text(cpu_ns, view->wall_ns, share));
    char in_flight[TEXT_BYTES], age[TEXT_BYTES];
    zstrbuf_add_format(&emit->buffer, "%s in flight; figures at most %s old\n",
                       count_text(view->isolates_in_flight, in_flight),
                       duration_text(view->figures_age_ns, age));
}

// Printed only when the system did not give what was asked of it.
static void write_refusals(const struct zreport_view *view, struct zemit *emit)
{
    char count[TEXT_BYTES];
    if (view->workers_wanted > view->worker_count)
        zstrbuf_add_format(&emit->buffer, "the system refused %s of %u worker threads\n",
                           count_text(view->workers_wanted - view->worker_count, count),
                           view->workers_wanted);
    if (view->wakeups_refused > 0)
        zstrbuf_add_format(&emit->buffer,
                           "the system refused %s wake-ups: work may have waited a second\n",
                           count_text(view->wakeups_refused, count));
}

static void write_isolates(const struct zreport_view *view, struct zemit *emit)
{
    const uint64_t *c = view->totals.counters;
    section(emit, "Isolates");
    count_line(emit, "created", c[ZREPORT_isolates_created]);
    count_line(emit, "destroyed", c[ZREPORT_isolates_destroyed]);
    count_line(emit, "in flight", view->isolates_in_flight);
    count_line(emit, "finished", c[ZREPORT_isolates_finished]);
    count_line(emit, "succeeded", c[ZREPORT_isolates_succeeded]);
    count_line(emit, "failed",
               zreport_difference(c[ZREPORT_isolates_finished], c[ZREPORT_isolates_succeeded]));
    count_line(emit, "slices", c[ZREPORT_slices]);
    if (c[ZREPORT_waits] > 0) count_line(emit, "waits", c[ZREPORT_waits]);
    if (c[ZREPORT_isolates_reset] > 0) count_line(emit, "resets", c[ZREPORT_isolates_reset]);
    if (c[ZREPORT_messages_sent] > 0) {
        count_line(emit, "messages sent", c[ZREPORT_messages_sent]);
        count_line(emit, "messages received", c[ZREPORT_messages_received]);
        count_line(emit, "messages dropped", c[ZREPORT_messages_dropped]);
    }
    if (view->late_answers > 0) count_line(emit, "late answers", view->late_answers);
    count_line(emit, "fuel used", c[ZREPORT_fuel_used]);
    bytes_line(emit, "output", c[ZREPORT_output_bytes]);
}

static void write_failures(const struct zreport_view *view, struct zemit *emit)
{
    static const struct {
        enum zreport_counter counter;
        const char *label;
    } reasons[] = {
        {ZREPORT_failed_error, "uncaught error"},
        {ZREPORT_failed_heap_limit, "heap limit"},
        {ZREPORT_failed_fuel, "out of fuel"},
        {ZREPORT_failed_timeout, "timed out"},
        {ZREPORT_failed_cancelled, "cancelled"},
        {ZREPORT_failed_output, "output refused"},
        {ZREPORT_failed_cpu_time, "out of CPU time"},
        {ZREPORT_failed_output_limit, "output limit"},
        {ZREPORT_failed_group_limit, "limit of its group"},
        {ZREPORT_failed_other, "other"},
    };
    section(emit, "Failures by reason");
    bool has_any = false;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        uint64_t count = view->totals.counters[reasons[i].counter];
        if (count == 0) continue;
        count_line(emit, reasons[i].label, count);
        has_any = true;
    }
    if (!has_any) zstrbuf_add_text(&emit->buffer, "  none\n");
}

// Of what is current, what heaps are charged for them: each for all of it.
static void write_shared(const struct zreport_view *view, struct zemit *emit)
{
    char size[TEXT_BYTES], number[TEXT_BYTES], charged[TEXT_BYTES], note[2 * TEXT_BYTES + 32];
    snprintf(note, sizeof note, "in %s, of current %s", count_text(view->shared_count, number),
             bytes_text(view->shared_charged_bytes, charged));
    line_with(emit, "shared strings", bytes_text(view->shared_bytes, size), note);
}

static void write_heap(const struct zreport_view *view, struct zemit *emit)
{
    const uint64_t *c = view->totals.counters;
    section(emit, "Heap, all isolates");
    bytes_line(emit, "current",
               zreport_difference(c[ZREPORT_heap_grown_bytes], c[ZREPORT_heap_shrunk_bytes]));
    bytes_line(emit, "peak", view->heap_peak_bytes);
    bytes_line(emit, "mapped", view->mapped_bytes);
    if (view->shared_count > 0) write_shared(view, emit);
    objects_line(emit, "allocated", c[ZREPORT_allocated_bytes], c[ZREPORT_allocated_count]);
    objects_line(emit, "freed", c[ZREPORT_freed_bytes], c[ZREPORT_freed_count]);
    objects_line(emit, "live",
                 zreport_difference(c[ZREPORT_allocated_bytes], c[ZREPORT_freed_bytes]),
                 zreport_difference(c[ZREPORT_allocated_count], c[ZREPORT_freed_count]));
}

static void write_collector(const struct zreport_view *view, struct zemit *emit)
{
    const uint64_t *c = view->totals.counters;
    char share[TEXT_BYTES];
    section(emit, "Collector");
    count_line(emit, "collections", c[ZREPORT_collections]);
    count_line(emit, "full", c[ZREPORT_full_collections]);
    char slices[TEXT_BYTES], number[TEXT_BYTES], note[TEXT_BYTES + 16];
    snprintf(note, sizeof note, "in %s slices", count_text(c[ZREPORT_gc_slices], slices));
    line_with(emit, "incremental", count_text(c[ZREPORT_incremental_collections], number), note);
    count_line(emit, "minor", c[ZREPORT_minor_collections]);
    if (c[ZREPORT_emergency_collections] > 0)
        count_line(emit, "emergency", c[ZREPORT_emergency_collections]);
    if (c[ZREPORT_pressure_collections] > 0)
        count_line(emit, "for pressure", c[ZREPORT_pressure_collections]);
    count_line(emit, "words looked at", c[ZREPORT_gc_words]);
    duration_line(emit, "pause p50", zreport_pause_percentile(&view->totals, 50));
    duration_line(emit, "pause p99", zreport_pause_percentile(&view->totals, 99));
    duration_line(emit, "pause max", c[ZREPORT_pause_ns_max]);
    duration_line(emit, "pauses in all", c[ZREPORT_pause_ns_total]);
    // Both by the wall clock: on a machine that is shared a thread waits in pauses as in slices.
    line(emit, "share of slice time",
         percent_text(c[ZREPORT_pause_ns_total], c[ZREPORT_slice_ns_total], share));
}

static void write_symbols(const struct zreport_view *view, struct zemit *emit)
{
    char size[TEXT_BYTES], number[TEXT_BYTES], note[TEXT_BYTES + 16];
    section(emit, "Symbols, shared by all isolates");
    snprintf(note, sizeof note, "of at most %s", count_text(view->intern_limit_count, number));
    line_with(emit, "entries", count_text(view->intern_count, size), note);
    snprintf(note, sizeof note, "of at most %s", bytes_text(view->intern_limit_bytes, number));
    line_with(emit, "memory", bytes_text(view->intern_bytes, size), note);
    uint64_t lookups = view->intern_hits + view->intern_misses;
    snprintf(note, sizeof note, "%s found", percent_text(view->intern_hits, lookups, number));
    line_with(emit, "look-ups", count_text(lookups, size), note);
    snprintf(note, sizeof note, "at most %s", count_text(view->intern_probe_max, number));
    line_with(emit, "places passed p50", count_text(view->intern_probe_p50, size), note);
    snprintf(note, sizeof note, "%s%% taken", count_text(view->intern_load_percent, number));
    line_with(emit, "places", count_text(view->intern_cells, size), note);
    count_line(emit, "inserted", view->intern_inserted);
    snprintf(note, sizeof note, "%s not freed yet", count_text(view->intern_pending, number));
    line_with(emit, "reclaimed", count_text(view->intern_reclaimed, size), note);
    count_line(emit, "held by nobody", view->intern_dead);
    count_line(emit, "moves of the table", view->intern_migrations);
}

static void write_pool(const struct zreport_pool *pool, struct zemit *emit)
{
    char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES], d[TEXT_BYTES], e[TEXT_BYTES];
    if (!pool->enabled) {
        zstrbuf_add_format(&emit->buffer, "  %-8s disabled\n", pool->name);
        return;
    }
    char f[TEXT_BYTES];
    zstrbuf_add_format(&emit->buffer, "  %-8s%14s%14s%9s%14s%14s%14s%s\n", pool->name,
                       count_text(pool->hits, a), count_text(pool->misses, b),
                       percent_text(pool->hits, pool->hits + pool->misses, f),
                       count_text(pool->allocations, c), count_text(pool->releases, d),
                       count_text(pool->size, e), zreport_pool_pays(pool) ? "" : "  does not pay");
}

static void write_pools(const struct zreport_view *view, struct zemit *emit)
{
    section(emit, "Pools");
    zstrbuf_add_format(&emit->buffer, "  %-8s%14s%14s%9s%14s%14s%14s\n", "pool", "hits", "misses",
                       "hit rate", "allocations", "releases", "size");
    for (uint32_t i = 0; i < view->pool_count; i++)
        write_pool(&view->pools[i], emit);
}

static void write_scheduler(const struct zreport_view *view, struct zemit *emit)
{
    const uint64_t *c = view->totals.counters;
    char number[TEXT_BYTES], other[TEXT_BYTES], third[TEXT_BYTES], note[3 * TEXT_BYTES + 64];
    section(emit, "Scheduler");
    duration_line(emit, "slice p50", zreport_slice_percentile(&view->totals, 50));
    duration_line(emit, "slice p99", zreport_slice_percentile(&view->totals, 99));
    duration_line(emit, "slice max", c[ZREPORT_slice_ns_max]);
    snprintf(note, sizeof note, "%s in inboxes, %s behind rings, %s of high priority",
             count_text(view->inboxes, other), count_text(view->overflow, number),
             count_text(view->queued_high, third));
    line_with(emit, "queued", count_text(view->queued, number), note);
    snprintf(note, sizeof note, "%s isolates", count_text(c[ZREPORT_stolen], other));
    line_with(emit, "steals", count_text(c[ZREPORT_steals], number), note);
    snprintf(note, sizeof note, "%s woken for work", count_text(c[ZREPORT_wakeups], other));
    line_with(emit, "times asleep", count_text(c[ZREPORT_parks], number), note);
}

// A line for each power of two that has any.
static void write_durations(const struct zreport_view *view, struct zemit *emit)
{
    uint64_t pauses[ZVM_REPORT_BUCKETS], slices[ZVM_REPORT_BUCKETS];
    zreport_by_log2(view->totals.pauses, pauses);
    zreport_by_log2(view->totals.slices, slices);
    section(emit, "Durations");
    zstrbuf_add_format(&emit->buffer, "  %-*s%*s%*s\n", LABEL_COLUMNS, "up to", VALUE_COLUMNS,
                       "pauses", VALUE_COLUMNS, "slices");
    for (uint32_t i = 0; i < ZVM_REPORT_BUCKETS; i++) {
        char to[TEXT_BYTES], a[TEXT_BYTES], b[TEXT_BYTES];
        if (pauses[i] == 0 && slices[i] == 0) continue;
        zstrbuf_add_format(&emit->buffer, "  %-*s%*s%*s\n", LABEL_COLUMNS,
                           duration_text((UINT64_C(1) << i) - 1, to), VALUE_COLUMNS,
                           count_text(pauses[i], a), VALUE_COLUMNS, count_text(slices[i], b));
    }
}

// age: how old the figures are.
static void write_row(const char *name, const struct zreport_snapshot *snapshot, const char *age,
                      struct zemit *emit)
{
    const uint64_t *c = snapshot->counters;
    char text[9][TEXT_BYTES];
    zstrbuf_add_format(
        &emit->buffer, "  %-8s%12s%12s%10s%14s%18s%12s%12s%10s%10s%10s\n", name,
        count_text(c[ZREPORT_isolates_created], text[0]),
        count_text(c[ZREPORT_isolates_finished], text[1]),
        count_text(zreport_difference(c[ZREPORT_isolates_finished], c[ZREPORT_isolates_succeeded]),
                   text[2]),
        count_text(c[ZREPORT_slices], text[3]), count_text(c[ZREPORT_fuel_used], text[4]),
        bytes_text(c[ZREPORT_allocated_bytes], text[5]),
        count_text(c[ZREPORT_collections], text[6]),
        duration_text(zreport_pause_percentile(snapshot, 99), text[7]),
        duration_text(c[ZREPORT_cpu_ns], text[8]), age);
    zemit_flush(emit);
}

static void write_worker(const struct zreport_view *view, uint32_t row, struct zemit *emit)
{
    const struct zreport_snapshot *snapshot = &view->workers[row];
    char name[TEXT_BYTES] = "host", age[TEXT_BYTES];
    if (!zreport_is_host_row(view, row)) snprintf(name, sizeof name, "%u", row);
    duration_text(zreport_difference(view->now_ns, snapshot->updated_ns), age);
    write_row(name, snapshot, snapshot->is_asleep ? "asleep" : age, emit);
}

static void write_workers(const struct zreport_view *view, struct zemit *emit)
{
    section(emit, "Workers");
    zstrbuf_add_format(&emit->buffer, "  %-8s%12s%12s%10s%14s%18s%12s%12s%10s%10s%10s\n", "worker",
                       "created", "finished", "failed", "slices", "fuel", "allocated",
                       "collections", "pause p99", "CPU", "age");
    for (uint32_t row = 0; row <= view->worker_count; row++)
        write_worker(view, row, emit);
    char age[TEXT_BYTES];
    write_row("total", &view->totals, duration_text(view->figures_age_ns, age), emit);
}

static void write_group(const zvm_group_figures *group, struct zemit *emit)
{
    char text[8][TEXT_BYTES];
    zstrbuf_add_format(
        &emit->buffer, "  %8s%10s%10s%12s%18s%12s%12s%10s%8s  %s\n",
        count_text(group->number, text[0]), count_text(group->isolates, text[1]),
        count_text(group->isolates_created, text[2]),
        bytes_text(group->heap_granted_bytes, text[3]), count_text(group->fuel_taken, text[4]),
        duration_text(group->cpu_ns, text[5]), bytes_text(group->output_bytes, text[6]),
        count_text(group->ended_by_limit, text[7]), group->is_cancelled ? "yes" : "no",
        group->name);
    zemit_flush(emit);
}

static void write_groups(const struct zreport_view *view, struct zemit *emit)
{
    if (view->group_count == 0) return;
    char shown[TEXT_BYTES], all[TEXT_BYTES], title[2 * TEXT_BYTES + 48];
    snprintf(title, sizeof title, "Groups, %s of %s, newest first",
             count_text(view->group_count, shown), count_text(view->group_of, all));
    section(emit, title);
    zstrbuf_add_format(&emit->buffer, "  %8s%10s%10s%12s%18s%12s%12s%10s%8s  %s\n", "number",
                       "isolates", "created", "memory", "fuel", "CPU", "output", "ended", "over",
                       "name");
    for (uint32_t i = 0; i < view->group_count; i++)
        write_group(&view->groups[i], emit);
}

static void write_isolate(const zvm_top_isolate *isolate, struct zemit *emit)
{
    char text[6][TEXT_BYTES];
    zstrbuf_add_format(
        &emit->buffer, "  %20lld%12s%12s%18s%12s%12s%12s\n", (long long)isolate->id,
        bytes_text(isolate->heap_bytes, text[0]), bytes_text(isolate->live_bytes, text[1]),
        count_text(isolate->fuel_used, text[2]), count_text(isolate->slices, text[3]),
        duration_text(isolate->age_ns, text[4]), duration_text(isolate->figures_age_ns, text[5]));
    zemit_flush(emit);
}

static void write_tops(const struct zreport_view *view, struct zemit *emit)
{
    static const char *const titles[ZREPORT_TOP_ORDERS] = {"by memory", "by fuel", "by age"};
    if (view->tops[0] == NULL) return;
    for (uint32_t order = 0; order < ZREPORT_TOP_ORDERS; order++) {
        char shown[TEXT_BYTES], all[TEXT_BYTES], title[2 * TEXT_BYTES + 48];
        snprintf(title, sizeof title, "Isolates %s, %s of %s", titles[order],
                 count_text(view->top_count, shown), count_text(view->top_of, all));
        section(emit, title);
        zstrbuf_add_format(&emit->buffer, "  %20s%12s%12s%18s%12s%12s%12s\n", "id", "memory",
                           "live", "fuel", "slices", "age", "figures of");
        for (uint32_t i = 0; i < view->top_count; i++)
            write_isolate(&view->tops[order][i], emit);
    }
}

void zreport_write_text(const struct zreport_view *view, struct zemit *emit)
{
    write_head(view, emit);
    write_refusals(view, emit);
    write_isolates(view, emit);
    write_failures(view, emit);
    write_heap(view, emit);
    write_collector(view, emit);
    write_scheduler(view, emit);
    write_durations(view, emit);
    write_symbols(view, emit);
    write_pools(view, emit);
    write_workers(view, emit);
    write_groups(view, emit);
    write_tops(view, emit);
}
