// report/json.c - a report as JSON, schema zvm.report/1 (docs/zvm-report.schema.json).
//
// Thread: owner of the view. Writes as it goes; keeps no tree.
// Keys: a counter's key is its name in ZREPORT_COUNTERS. `_bytes` and `_ns` are units; `fuel` is in
// units of fuel; every other number counts things. The objects of `workers` add up to `totals`,
// counter by counter, because both come from the same copies; the last of them is the host's
// threads.
#include "report/report_internal.h"

// A level of nesting: whether a comma is due before the next member.
#define DEPTH_MAX 8

struct json {
    struct zemit *emit;
    struct zstrbuf *out;
    uint32_t depth;
    bool has_member[DEPTH_MAX];
};

// ---- The emitter --------------------------------------------------------------------------------

static void new_line(struct json *json)
{
    zstrbuf_add_char(json->out, '\n');
    zstrbuf_add_repeat(json->out, ' ', (size_t)json->depth * 2);
}

static void begin_member(struct json *json)
{
    if (json->depth == 0) return;
    if (json->has_member[json->depth]) zstrbuf_add_char(json->out, ',');
    json->has_member[json->depth] = true;
    new_line(json);
}

// RFC 8259: quotes, backslashes and control characters are escaped; UTF-8 passes as it is.
static void add_text(struct json *json, const char *text)
{
    zstrbuf_add_char(json->out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            zstrbuf_add_char(json->out, '\\');
            zstrbuf_add_char(json->out, *c);
        } else if ((unsigned char)*c < 0x20) {
            zstrbuf_add_format(json->out, "\\u%04x", (unsigned)(unsigned char)*c);
        } else {
            zstrbuf_add_char(json->out, *c);
        }
    }
    zstrbuf_add_char(json->out, '"');
}

static void add_key(struct json *json, const char *key)
{
    begin_member(json);
    add_text(json, key);
    zstrbuf_add(json->out, ": ", 2);
}

static void open_level(struct json *json, char bracket)
{
    zstrbuf_add_char(json->out, bracket);
    json->depth++;
    json->has_member[json->depth] = false;
}

static void close_level(struct json *json, char bracket)
{
    json->depth--;
    new_line(json);
    zstrbuf_add_char(json->out, bracket);
    zemit_flush(json->emit);
}

static void add_number(struct json *json, const char *key, uint64_t value)
{
    add_key(json, key);
    zstrbuf_add_format(json->out, "%llu", (unsigned long long)value);
}

static void add_bool(struct json *json, const char *key, bool value)
{
    add_key(json, key);
    zstrbuf_add_text(json->out, value ? "true" : "false");
}

// part of whole in percent, with one decimal.
static void add_percent(struct json *json, const char *key, uint64_t part, uint64_t whole)
{
    add_key(json, key);
    zstrbuf_add_format(json->out, "%.1f", zreport_percent(part, whole));
}

// ---- The report ---------------------------------------------------------------------------------

static void add_counters(struct json *json, const struct zreport_snapshot *snapshot)
{
    for (size_t i = 0; i < ZREPORT_COUNTER_COUNT; i++)
        add_number(json, zreport_counter_names[i], snapshot->counters[i]);
    add_number(json, "pause_ns_p50", zreport_pause_percentile(snapshot, 50));
    add_number(json, "pause_ns_p99", zreport_pause_percentile(snapshot, 99));
    add_number(json, "slice_ns_p50", zreport_slice_percentile(snapshot, 50));
    add_number(json, "slice_ns_p99", zreport_slice_percentile(snapshot, 99));
}

static void add_totals(struct json *json, const struct zreport_view *view)
{
    const uint64_t *c = view->totals.counters;
    add_key(json, "totals");
    open_level(json, '{');
    add_number(json, "wall_ns", view->wall_ns);
    add_number(json, "worker_count", view->worker_count);
    add_number(json, "workers_wanted", view->workers_wanted);
    add_number(json, "wakeups_refused", view->wakeups_refused);
    add_number(json, "late_answers", view->late_answers);
    add_number(json, "queued", view->queued);
    add_number(json, "queued_overflow", view->overflow);
    add_number(json, "queued_inbox", view->inboxes);
    add_number(json, "queued_high", view->queued_high);
    add_number(json, "figures_age_ns", view->figures_age_ns);
    add_number(json, "isolates_in_flight", view->isolates_in_flight);
    add_number(json, "isolates_alive",
               zreport_difference(c[ZREPORT_isolates_created], c[ZREPORT_isolates_destroyed]));
    add_number(json, "heap_current_bytes",
               zreport_difference(c[ZREPORT_heap_grown_bytes], c[ZREPORT_heap_shrunk_bytes]));
    add_number(json, "heap_peak_bytes", view->heap_peak_bytes);
    add_number(json, "heap_live_bytes",
               zreport_difference(c[ZREPORT_allocated_bytes], c[ZREPORT_freed_bytes]));
    add_number(json, "heap_live_count",
               zreport_difference(c[ZREPORT_allocated_count], c[ZREPORT_freed_count]));
    add_number(json, "heap_mapped_bytes", view->mapped_bytes);
    add_number(json, "shared_strings_count", view->shared_count);
    add_number(json, "shared_strings_bytes", view->shared_bytes);
    add_number(json, "shared_strings_charged_bytes", view->shared_charged_bytes);
    add_counters(json, &view->totals);
    close_level(json, '}');
}

static void add_worker(struct json *json, const struct zreport_view *view, uint32_t row)
{
    const struct zreport_snapshot *snapshot = &view->workers[row];
    begin_member(json);
    open_level(json, '{');
    add_number(json, "worker", row);
    add_bool(json, "is_host", zreport_is_host_row(view, row));
    add_bool(json, "is_asleep", snapshot->is_asleep);
    add_number(json, "age_ns", zreport_difference(view->now_ns, snapshot->updated_ns));
    add_counters(json, snapshot);
    close_level(json, '}');
}

// The buckets that are not empty: how many took at most to_ns, and longer than the bucket before.
static void add_histogram(struct json *json, const char *key, const uint64_t *buckets)
{
    uint64_t counts[ZVM_REPORT_BUCKETS];
    zreport_by_log2(buckets, counts);
    add_key(json, key);
    open_level(json, '[');
    for (uint32_t i = 0; i < ZVM_REPORT_BUCKETS; i++) {
        if (counts[i] == 0) continue;
        begin_member(json);
        open_level(json, '{');
        add_number(json, "to_ns", (UINT64_C(1) << i) - 1);
        add_number(json, "count", counts[i]);
        close_level(json, '}');
    }
    close_level(json, ']');
}

static void add_histograms(struct json *json, const struct zreport_view *view)
{
    add_key(json, "histograms");
    open_level(json, '{');
    add_histogram(json, "pauses", view->totals.pauses);
    add_histogram(json, "slices", view->totals.slices);
    close_level(json, '}');
}

static void add_intern(struct json *json, const struct zreport_view *view)
{
    add_key(json, "intern");
    open_level(json, '{');
    add_number(json, "count", view->intern_count);
    add_number(json, "bytes", view->intern_bytes);
    add_number(json, "limit_count", view->intern_limit_count);
    add_number(json, "limit_bytes", view->intern_limit_bytes);
    add_number(json, "hits", view->intern_hits);
    add_number(json, "misses", view->intern_misses);
    add_number(json, "inserted", view->intern_inserted);
    add_number(json, "reclaimed", view->intern_reclaimed);
    add_number(json, "dead", view->intern_dead);
    add_number(json, "pending", view->intern_pending);
    add_number(json, "migrations", view->intern_migrations);
    add_number(json, "cells", view->intern_cells);
    add_number(json, "load_percent", view->intern_load_percent);
    add_number(json, "probe_p50", view->intern_probe_p50);
    add_number(json, "probe_max", view->intern_probe_max);
    close_level(json, '}');
}

static void add_pool(struct json *json, const struct zreport_pool *pool)
{
    add_key(json, pool->name);
    open_level(json, '{');
    add_bool(json, "enabled", pool->enabled);
    add_number(json, "hits", pool->hits);
    add_number(json, "misses", pool->misses);
    add_number(json, "allocations", pool->allocations);
    add_number(json, "releases", pool->releases);
    add_number(json, "size", pool->size);
    add_percent(json, "hit_percent", pool->hits, pool->hits + pool->misses);
    add_percent(json, "reuse_percent", pool->releases, pool->allocations);
    add_bool(json, "pays", zreport_pool_pays(pool));
    close_level(json, '}');
}

static void add_signed(struct json *json, const char *key, int64_t value)
{
    add_key(json, key);
    zstrbuf_add_format(json->out, "%lld", (long long)value);
}

static void add_isolate(struct json *json, const zvm_top_isolate *isolate)
{
    begin_member(json);
    open_level(json, '{');
    add_signed(json, "id", isolate->id);
    add_number(json, "heap_bytes", isolate->heap_bytes);
    add_number(json, "live_bytes", isolate->live_bytes);
    add_number(json, "fuel_used", isolate->fuel_used);
    add_number(json, "slices", isolate->slices);
    add_number(json, "age_ns", isolate->age_ns);
    add_number(json, "figures_age_ns", isolate->figures_age_ns);
    close_level(json, '}');
}

static void add_group(struct json *json, const zvm_group_figures *group)
{
    begin_member(json);
    open_level(json, '{');
    add_number(json, "number", group->number);
    add_key(json, "name");
    add_text(json, group->name);
    add_number(json, "isolates", group->isolates);
    add_number(json, "isolates_created", group->isolates_created);
    add_number(json, "waiting", group->waiting);
    add_number(json, "ended_by_limit", group->ended_by_limit);
    add_number(json, "heap_granted_bytes", group->heap_granted_bytes);
    add_number(json, "fuel_taken", group->fuel_taken);
    add_number(json, "cpu_ns", group->cpu_ns);
    add_number(json, "output_bytes", group->output_bytes);
    add_number(json, "symbols", group->symbols);
    add_number(json, "symbol_bytes", group->symbol_bytes);
    add_number(json, "weight", group->weight);
    add_bool(json, "is_cancelled", group->is_cancelled != 0);
    close_level(json, '}');
}

// The newest first. groups_total: more than are listed when the list is cut.
static void add_groups(struct json *json, const struct zreport_view *view)
{
    add_number(json, "groups_total", view->group_of);
    add_key(json, "groups");
    open_level(json, '[');
    for (uint32_t i = 0; i < view->group_count; i++)
        add_group(json, &view->groups[i]);
    close_level(json, ']');
}

// Only when it was asked for. isolates_seen: more than are listed when the lists are cut.
static void add_tops(struct json *json, const struct zreport_view *view)
{
    static const char *const keys[ZREPORT_TOP_ORDERS] = {"by_heap", "by_fuel", "by_age"};
    if (view->tops[0] == NULL) return;
    add_key(json, "top");
    open_level(json, '{');
    add_number(json, "isolates_seen", view->top_of);
    for (uint32_t order = 0; order < ZREPORT_TOP_ORDERS; order++) {
        add_key(json, keys[order]);
        open_level(json, '[');
        for (uint32_t i = 0; i < view->top_count; i++)
            add_isolate(json, &view->tops[order][i]);
        close_level(json, ']');
    }
    close_level(json, '}');
}

void zreport_write_json(const struct zreport_view *view, struct zemit *emit)
{
    struct json json = {.emit = emit, .out = &emit->buffer};
    open_level(&json, '{');
    add_key(&json, "schema");
    add_text(&json, "zvm.report/1");
    add_totals(&json, view);
    add_key(&json, "workers");
    open_level(&json, '[');
    for (uint32_t row = 0; row <= view->worker_count; row++)
        add_worker(&json, view, row);
    close_level(&json, ']');
    add_histograms(&json, view);
    add_groups(&json, view);
    add_tops(&json, view);
    add_intern(&json, view);
    add_key(&json, "pools");
    open_level(&json, '{');
    for (uint32_t i = 0; i < view->pool_count; i++)
        add_pool(&json, &view->pools[i]);
    close_level(&json, '}');
    close_level(&json, '}');
    zstrbuf_add_char(&emit->buffer, '\n');
}
