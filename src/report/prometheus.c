// report/prometheus.c - a report in the Prometheus text format, version 0.0.4.
//
// Thread: owner of the view. Content type: text/plain; version=0.0.4. Every line, the last one too,
// ends in a line feed, which the format asks for. Families are never labelled by isolate: a label
// with a value for each isolate would make a time series of each.
// Rows of `worker="host"` are the threads of the host.
#include "report/report_internal.h"

#include <string.h>

// ---- Lines --------------------------------------------------------------------------------------

static void family(struct zemit *emit, const char *name, const char *type, const char *help)
{
    zstrbuf_add_format(&emit->buffer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    zemit_flush(emit);
}

static void sample(struct zemit *emit, const char *name, uint64_t value)
{
    zstrbuf_add_format(&emit->buffer, "%s %llu\n", name, (unsigned long long)value);
}

static void labelled(struct zemit *emit, const char *name, const char *label,
                     const char *label_value, uint64_t value)
{
    zstrbuf_add_format(&emit->buffer, "%s{%s=\"%s\"} %llu\n", name, label, label_value,
                       (unsigned long long)value);
}

static void gauge(struct zemit *emit, const char *name, const char *help, uint64_t value)
{
    family(emit, name, "gauge", help);
    sample(emit, name, value);
}

static void counter(struct zemit *emit, const char *name, const char *help, uint64_t value)
{
    family(emit, name, "counter", help);
    sample(emit, name, value);
}

static void begin_worker_sample(const struct zreport_view *view, uint32_t row, const char *name,
                                struct zemit *emit)
{
    zstrbuf_add_format(&emit->buffer, "%s{worker=\"", name);
    if (zreport_is_host_row(view, row))
        zstrbuf_add_text(&emit->buffer, "host");
    else
        zstrbuf_add_int(&emit->buffer, row);
    zstrbuf_add_text(&emit->buffer, "\"} ");
}

static void worker_counter(const struct zreport_view *view, struct zemit *emit, const char *name,
                           const char *help, enum zreport_counter which)
{
    family(emit, name, "counter", help);
    for (uint32_t row = 0; row <= view->worker_count; row++) {
        begin_worker_sample(view, row, name, emit);
        zstrbuf_add_format(&emit->buffer, "%llu\n",
                           (unsigned long long)view->workers[row].counters[which]);
        zemit_flush(emit);
    }
}

static void cpu_seconds(const struct zreport_view *view, struct zemit *emit)
{
    static const char name[] = "zvm_cpu_seconds_total";
    family(emit, name, "counter", "CPU time of the worker threads and of the host's runs.");
    for (uint32_t row = 0; row <= view->worker_count; row++) {
        begin_worker_sample(view, row, name, emit);
        zemit_seconds(emit, view->workers[row].counters[ZREPORT_cpu_ns]);
        zstrbuf_add_char(&emit->buffer, '\n');
        zemit_flush(emit);
    }
}

// ---- Families -----------------------------------------------------------------------------------

static void write_isolates(const struct zreport_view *view, struct zemit *emit)
{
    const uint64_t *c = view->totals.counters;
    uint64_t alive = zreport_difference(c[ZREPORT_isolates_created], c[ZREPORT_isolates_destroyed]);
    family(emit, "zvm_vms", "gauge", "Isolates that exist, by state.");
    labelled(emit, "zvm_vms", "state", "in_flight", view->isolates_in_flight);
    labelled(emit, "zvm_vms", "state", "at_rest",
             zreport_difference(alive, view->isolates_in_flight));
    worker_counter(view, emit, "zvm_isolates_created_total", "Isolates created.",
                   ZREPORT_isolates_created);
    worker_counter(view, emit, "zvm_isolates_destroyed_total", "Isolates destroyed.",
                   ZREPORT_isolates_destroyed);
    worker_counter(view, emit, "zvm_isolates_finished_total", "Isolates that ended.",
                   ZREPORT_isolates_finished);
    worker_counter(view, emit, "zvm_isolates_succeeded_total",
                   "Isolates that ended without a failure.", ZREPORT_isolates_succeeded);
}

static void write_kills(const struct zreport_view *view, struct zemit *emit)
{
    static const struct {
        enum zreport_counter counter;
        const char *reason;
    } rows[] = {
        {ZREPORT_failed_error, "error"},
        {ZREPORT_failed_heap_limit, "heap_limit"},
        {ZREPORT_failed_fuel, "fuel"},
        {ZREPORT_failed_timeout, "timeout"},
        {ZREPORT_failed_cancelled, "cancelled"},
        {ZREPORT_failed_output, "output"},
        {ZREPORT_failed_cpu_time, "cpu_time"},
        {ZREPORT_failed_output_limit, "output_limit"},
        {ZREPORT_failed_group_limit, "group_limit"},
        {ZREPORT_failed_other, "other"},
    };
    family(emit, "zvm_vm_kills_total", "counter", "Isolates that failed, by reason.");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        labelled(emit, "zvm_vm_kills_total", "reason", rows[i].reason,
                 view->totals.counters[rows[i].counter]);
}

static void write_heap(const struct zreport_view *view, struct zemit *emit)
{
    const uint64_t *c = view->totals.counters;
    gauge(emit, "zvm_heap_used_bytes", "Memory that the isolates' heaps have committed.",
          zreport_difference(c[ZREPORT_heap_grown_bytes], c[ZREPORT_heap_shrunk_bytes]));
    gauge(emit, "zvm_heap_peak_bytes", "Highest zvm_heap_used_bytes seen at the end of a slice.",
          view->heap_peak_bytes);
    gauge(emit, "zvm_heap_mapped_bytes", "Address space mapped for heaps.", view->mapped_bytes);
    gauge(emit, "zvm_shared_strings", "Strings that isolates share.", view->shared_count);
    gauge(emit, "zvm_shared_strings_bytes", "Memory of these.", view->shared_bytes);
    gauge(emit, "zvm_shared_strings_charged_bytes",
          "Of zvm_heap_used_bytes, what heaps are charged for these, each for all of it.",
          view->shared_charged_bytes);
    gauge(emit, "zvm_heap_live_bytes", "Bytes of objects allocated and not yet freed.",
          zreport_difference(c[ZREPORT_allocated_bytes], c[ZREPORT_freed_bytes]));
    worker_counter(view, emit, "zvm_heap_allocated_bytes_total", "Bytes of objects allocated.",
                   ZREPORT_allocated_bytes);
    worker_counter(view, emit, "zvm_heap_allocated_objects_total", "Objects allocated.",
                   ZREPORT_allocated_count);
    worker_counter(view, emit, "zvm_heap_freed_bytes_total", "Bytes of objects freed.",
                   ZREPORT_freed_bytes);
    worker_counter(view, emit, "zvm_heap_freed_objects_total", "Objects freed.",
                   ZREPORT_freed_count);
}

// Upper bounds one nanosecond below powers of two: there the buckets of the blocks end, so that the
// counts are exact. From 1 microsecond to 1 second, a factor of 4 apart.
#define BOUND_FIRST_LOG2 10
#define BOUND_LAST_LOG2  30

static void histogram(struct zemit *emit, const char *name, const char *help,
                      const uint64_t *buckets, uint64_t total_ns)
{
    uint64_t count = 0;
    uint32_t bucket = 0;
    family(emit, name, "histogram", help);
    for (uint32_t log2 = BOUND_FIRST_LOG2; log2 <= BOUND_LAST_LOG2; log2 += 2) {
        uint64_t bound_ns = (UINT64_C(1) << log2) - 1;
        while (bucket < ZREPORT_PAUSE_BUCKETS && zreport_bucket_max_ns(bucket) <= bound_ns)
            count += buckets[bucket++];
        zstrbuf_add_format(&emit->buffer, "%s_bucket{le=\"", name);
        zemit_seconds(emit, bound_ns);
        zstrbuf_add_format(&emit->buffer, "\"} %llu\n", (unsigned long long)count);
    }
    while (bucket < ZREPORT_PAUSE_BUCKETS)
        count += buckets[bucket++];
    zstrbuf_add_format(&emit->buffer, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", name,
                       (unsigned long long)count, name);
    zemit_seconds(emit, total_ns);
    zstrbuf_add_format(&emit->buffer, "\n%s_count %llu\n", name, (unsigned long long)count);
}

static void write_kinds(const struct zreport_view *view, struct zemit *emit)
{
    static const char name[] = "zvm_gc_cycles_total";
    const uint64_t *c = view->totals.counters;
    family(emit, name, "counter", "Collections of isolates' heaps, by kind.");
    labelled(emit, name, "kind", "full", c[ZREPORT_full_collections]);
    labelled(emit, name, "kind", "incremental", c[ZREPORT_incremental_collections]);
    labelled(emit, name, "kind", "minor", c[ZREPORT_minor_collections]);
}

static void write_collector(const struct zreport_view *view, struct zemit *emit)
{
    worker_counter(view, emit, "zvm_gc_collections_total", "Collections of isolates' heaps.",
                   ZREPORT_collections);
    write_kinds(view, emit);
    worker_counter(view, emit, "zvm_gc_emergency_collections_total",
                   "Full collections after all that can be spared was given up for a limit.",
                   ZREPORT_emergency_collections);
    worker_counter(view, emit, "zvm_gc_slices_total", "Slices of incremental collections.",
                   ZREPORT_gc_slices);
    worker_counter(view, emit, "zvm_gc_words_total",
                   "Slots, objects and pages that the collectors looked at.", ZREPORT_gc_words);
    worker_counter(view, emit, "zvm_gc_pressure_collections_total",
                   "Collections that the host asked for because memory is short.",
                   ZREPORT_pressure_collections);
    histogram(emit, "zvm_gc_pause_seconds", "Pauses of isolates by their collector.",
              view->totals.pauses, view->totals.counters[ZREPORT_pause_ns_total]);
}

static void write_scheduler(const struct zreport_view *view, struct zemit *emit)
{
    gauge(emit, "zvm_workers", "Worker threads.", view->worker_count);
    gauge(emit, "zvm_workers_wanted", "Worker threads that were asked for.", view->workers_wanted);
    counter(emit, "zvm_wakeups_refused_total", "Wake-ups that the system refused.",
            view->wakeups_refused);
    worker_counter(view, emit, "zvm_isolates_reset_total",
                   "Times that an isolate was made what it was at first, to be used again.",
                   ZREPORT_isolates_reset);
    worker_counter(view, emit, "zvm_messages_sent_total", "Messages between isolates.",
                   ZREPORT_messages_sent);
    worker_counter(view, emit, "zvm_messages_received_total", "Messages that isolates have received.",
                   ZREPORT_messages_received);
    worker_counter(view, emit, "zvm_messages_dropped_total", "Messages that nobody will read.",
                   ZREPORT_messages_dropped);
    counter(emit, "zvm_late_answers_total", "Answers that no isolate waited for any more.",
            view->late_answers);
    gauge(emit, "zvm_queued", "Isolates in queues.", view->queued);
    gauge(emit, "zvm_queued_overflow", "Of those, behind the workers' rings.", view->overflow);
    gauge(emit, "zvm_queued_inbox", "Of those, sent to a worker that has not looked yet.",
          view->inboxes);
    gauge(emit, "zvm_queued_high", "Of those, of high priority.", view->queued_high);
    worker_counter(view, emit, "zvm_steals_total", "Times that a worker took another one's work.",
                   ZREPORT_steals);
    worker_counter(view, emit, "zvm_stolen_total", "Isolates that changed workers by that.",
                   ZREPORT_stolen);
    worker_counter(view, emit, "zvm_parks_total", "Times that a worker went to sleep.",
                   ZREPORT_parks);
    worker_counter(view, emit, "zvm_wakeups_total", "Times that a worker was woken for work.",
                   ZREPORT_wakeups);
    histogram(emit, "zvm_slice_seconds", "How long slices took.", view->totals.slices,
              view->totals.counters[ZREPORT_slice_ns_total]);
    worker_counter(view, emit, "zvm_slices_total", "Slices run.", ZREPORT_slices);
    worker_counter(view, emit, "zvm_fuel_used_total", "Fuel used by programs.", ZREPORT_fuel_used);
    worker_counter(view, emit, "zvm_output_bytes_total", "Bytes that programs printed.",
                   ZREPORT_output_bytes);
    cpu_seconds(view, emit);
}

// A label that is each group's own, and its name.
static void group_family(const struct zreport_view *view, struct zemit *emit, const char *name,
                         const char *type, const char *help, size_t offset)
{
    family(emit, name, type, help);
    for (uint32_t i = 0; i < view->group_count; i++) {
        const zvm_group_figures *group = &view->groups[i];
        const uint64_t *value = (const uint64_t *)(const void *)((const char *)group + offset);
        zstrbuf_add_format(&emit->buffer, "%s{group=\"%llu\",name=\"%s\"} %llu\n", name,
                           (unsigned long long)group->number, group->name,
                           (unsigned long long)*value);
        zemit_flush(emit);
    }
}

static void write_groups(const struct zreport_view *view, struct zemit *emit)
{
#define FIELD(name) offsetof(zvm_group_figures, name)
    gauge(emit, "zvm_groups", "Groups of isolates that exist.", view->group_of);
    if (view->group_count == 0) return;
    group_family(view, emit, "zvm_group_isolates", "gauge", "Isolates in the group.",
                 FIELD(isolates));
    group_family(view, emit, "zvm_group_heap_bytes", "gauge", "Memory granted to their heaps.",
                 FIELD(heap_granted_bytes));
    group_family(view, emit, "zvm_group_fuel_total", "counter", "Fuel used in the group.",
                 FIELD(fuel_taken));
    group_family(view, emit, "zvm_group_output_bytes_total", "counter",
                 "Bytes printed in the group.", FIELD(output_bytes));
    group_family(view, emit, "zvm_group_ended_total", "counter",
                 "Isolates that a limit of the group has ended.", FIELD(ended_by_limit));
#undef FIELD
}

static void write_intern(const struct zreport_view *view, struct zemit *emit)
{
    gauge(emit, "zvm_intern_entries", "Symbols in the shared table.", view->intern_count);
    gauge(emit, "zvm_intern_bytes", "Memory of the shared table.", view->intern_bytes);
    gauge(emit, "zvm_intern_limit_entries", "Most symbols that the table takes.",
          view->intern_limit_count);
    gauge(emit, "zvm_intern_limit_bytes", "Most memory that the table takes.",
          view->intern_limit_bytes);
    counter(emit, "zvm_intern_hits_total", "Look-ups that found their symbol.", view->intern_hits);
    counter(emit, "zvm_intern_misses_total", "Look-ups that did not.", view->intern_misses);
    counter(emit, "zvm_intern_inserted_total", "Symbols made.", view->intern_inserted);
    counter(emit, "zvm_intern_reclaimed_total", "Symbols dropped.", view->intern_reclaimed);
    gauge(emit, "zvm_intern_dead", "Symbols in the table that nobody holds.", view->intern_dead);
    gauge(emit, "zvm_intern_pending", "Symbols dropped and not freed yet.", view->intern_pending);
    counter(emit, "zvm_intern_migrations_total", "Times that the table moved.",
            view->intern_migrations);
    gauge(emit, "zvm_intern_cells", "Places of the table.", view->intern_cells);
    gauge(emit, "zvm_intern_load_percent", "Of its places, taken.", view->intern_load_percent);
    gauge(emit, "zvm_intern_probe_p50", "Places that half of the found look-ups passed, at most.",
          view->intern_probe_p50);
    gauge(emit, "zvm_intern_probe_max", "Places that a found look-up passed, at most.",
          view->intern_probe_max);
}

static void pool_family(const struct zreport_view *view, struct zemit *emit, const char *name,
                        const char *type, const char *help, size_t offset)
{
    family(emit, name, type, help);
    for (uint32_t i = 0; i < view->pool_count; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&view->pools[i] + offset, sizeof value);
        labelled(emit, name, "pool", view->pools[i].name, value);
    }
}

static void write_pools(const struct zreport_view *view, struct zemit *emit)
{
    static const char enabled[] = "zvm_pool_enabled";
    family(emit, enabled, "gauge", "1 when isolates have the pool, 0 when all were made without.");
    for (uint32_t i = 0; i < view->pool_count; i++)
        labelled(emit, enabled, "pool", view->pools[i].name, view->pools[i].enabled);
    pool_family(view, emit, "zvm_pool_hits_total", "counter",
                "Requests that a pool answered from what it kept.",
                offsetof(struct zreport_pool, hits));
    pool_family(view, emit, "zvm_pool_misses_total", "counter",
                "Requests that a pool could not answer.", offsetof(struct zreport_pool, misses));
    pool_family(view, emit, "zvm_pool_allocations_total", "counter",
                "Things made because a pool had none.", offsetof(struct zreport_pool, allocations));
    pool_family(view, emit, "zvm_pool_releases_total", "counter", "Things given to a pool.",
                offsetof(struct zreport_pool, releases));
    pool_family(view, emit, "zvm_pool_size", "gauge", "Things that a pool keeps.",
                offsetof(struct zreport_pool, size));
}

void zreport_write_prometheus(const struct zreport_view *view, struct zemit *emit)
{
    family(emit, "zvm_build_info", "gauge", "Always 1; the labels say what is running.");
    labelled(emit, "zvm_build_info", "version", ZVM_VERSION_STRING, 1);
    family(emit, "zvm_uptime_seconds", "gauge", "Time since the runtime was made.");
    zstrbuf_add_text(&emit->buffer, "zvm_uptime_seconds ");
    zemit_seconds(emit, view->wall_ns);
    zstrbuf_add_char(&emit->buffer, '\n');
    family(emit, "zvm_report_age_seconds", "gauge",
           "How old the oldest figures of workers that are awake are.");
    zstrbuf_add_text(&emit->buffer, "zvm_report_age_seconds ");
    zemit_seconds(emit, view->figures_age_ns);
    zstrbuf_add_char(&emit->buffer, '\n');
    write_isolates(view, emit);
    write_kills(view, emit);
    write_heap(view, emit);
    write_collector(view, emit);
    write_scheduler(view, emit);
    write_groups(view, emit);
    write_intern(view, emit);
    write_pools(view, emit);
}
