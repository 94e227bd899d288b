// api/mm.c - the bodies of zvm.h's memory manager: arguments and thread are checked, then heap/mm.h
// is called.
//
// Owns: nothing; zvm_mm is struct zmm. Thread: the manager's owner. Finalizers are called here, when
// the call is done and the heap is whole.
#include "zvm.h"

#include "base/sized.h"
#include "base/strbuf.h"
#include "heap/mm.h"

#include <inttypes.h>
#include <string.h>

#define LIMIT_DEFAULT_BYTES (UINT64_C(100) << 20)
#define HISTORY_MAX         (1u << 24)

static struct zmm *mm_of(zvm_mm *mm)
{
    return (struct zmm *)mm;
}

// What every call on a manager begins with.
static zvm_status check(zvm_mm *mm, const void *must_be)
{
    if (mm == NULL || must_be == NULL) return ZVM_E_ARGUMENT;
    return zmm_is_owner(mm_of(mm)) ? ZVM_OK : ZVM_E_THREAD;
}

static zvm_status finish(zvm_mm *mm, zvm_status status)
{
    zmm_finish(mm_of(mm));
    return status;
}

zvm_status zvm_mm_create(const zvm_mm_options *options, zvm_mm **out)
{
    if (out == NULL) return ZVM_E_ARGUMENT;
    zvm_mm_options wanted = ZVM_MM_OPTIONS_INIT;
    if (options != NULL && !zsized_read(&wanted, sizeof wanted, options)) return ZVM_E_ARGUMENT;
    uint64_t limit = wanted.limit_bytes != 0 ? wanted.limit_bytes : LIMIT_DEFAULT_BYTES;
    if (limit < ZVM_HEAP_LIMIT_MIN_BYTES || wanted.history_entries > HISTORY_MAX)
        return ZVM_E_ARGUMENT;
    if (wanted.gc_mode > ZVM_GC_GENERATIONAL) return ZVM_E_ARGUMENT;
    struct zmm_options inner = {.limit_bytes = limit,
                                .growth_percent = wanted.gc_growth_percent,
                                .threshold_count = wanted.gc_threshold_count,
                                .history_entries = wanted.history_entries,
                                .mode = wanted.gc_mode};
    return zmm_create(&inner, (struct zmm **)out);
}

zvm_status zvm_mm_destroy(zvm_mm *mm)
{
    if (mm == NULL) return ZVM_OK;
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : zmm_destroy(mm_of(mm));
}

zvm_status zvm_mm_adopt(zvm_mm *mm)
{
    if (mm == NULL) return ZVM_E_ARGUMENT;
    zmm_adopt(mm_of(mm));
    return ZVM_OK;
}

zvm_status zvm_mm_allocate(zvm_mm *mm, uint32_t field_count, zvm_handle *out)
{
    zvm_status status = check(mm, out);
    return status != ZVM_OK ? status : zmm_allocate(mm_of(mm), field_count, out);
}

zvm_status zvm_mm_allocate_bytes(zvm_mm *mm, const void *bytes, size_t count, zvm_handle *out)
{
    zvm_status status = check(mm, out);
    return status != ZVM_OK ? status : zmm_allocate_bytes(mm_of(mm), bytes, count, out);
}

zvm_status zvm_mm_deallocate(zvm_mm *mm, zvm_handle handle)
{
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : zmm_deallocate(mm_of(mm), handle);
}

zvm_status zvm_mm_set_field(zvm_mm *mm, zvm_handle handle, uint32_t field, zvm_mm_value value)
{
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : zmm_set_field(mm_of(mm), handle, field, value);
}

zvm_status zvm_mm_get_field(zvm_mm *mm, zvm_handle handle, uint32_t field, zvm_mm_value *out)
{
    zvm_status status = check(mm, out);
    return status != ZVM_OK ? status : zmm_get_field(mm_of(mm), handle, field, out);
}

zvm_status zvm_mm_bytes(zvm_mm *mm, zvm_handle handle, void **bytes, size_t *count)
{
    zvm_status status = check(mm, bytes);
    if (status != ZVM_OK) return status;
    return count == NULL ? ZVM_E_ARGUMENT : zmm_bytes(mm_of(mm), handle, bytes, count);
}

zvm_status zvm_mm_object_info(zvm_mm *mm, zvm_handle handle, zvm_mm_info *out)
{
    zvm_status status = check(mm, out);
    if (status != ZVM_OK) return status;
    zvm_mm_info info;
    status = zmm_info(mm_of(mm), handle, &info);
    if (status != ZVM_OK) return status;
    return zsized_write(out, &info, sizeof info) ? ZVM_OK : ZVM_E_ARGUMENT;
}

zvm_status zvm_mm_root_add(zvm_mm *mm, zvm_handle handle)
{
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : finish(mm, zmm_root_add(mm_of(mm), handle));
}

zvm_status zvm_mm_root_remove(zvm_mm *mm, zvm_handle handle)
{
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : zmm_root_remove(mm_of(mm), handle);
}

zvm_status zvm_mm_scope_open(zvm_mm *mm, zvm_mm_scope *out)
{
    zvm_status status = check(mm, out);
    return status != ZVM_OK ? status : zmm_scope_open(mm_of(mm), out);
}

zvm_status zvm_mm_scope_close(zvm_mm *mm, zvm_mm_scope scope)
{
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : zmm_scope_close(mm_of(mm), scope);
}

zvm_status zvm_mm_collect(zvm_mm *mm, bool force, zvm_mm_collection *result)
{
    zvm_status status = check(mm, mm);
    if (status != ZVM_OK) return status;
    zvm_mm_collection own;
    return finish(mm, zmm_collect(mm_of(mm), force, result != NULL ? result : &own));
}

zvm_status zvm_mm_set_finalizer(zvm_mm *mm, zvm_handle handle, zvm_mm_finalizer_fn finalizer,
                                void *user)
{
    zvm_status status = check(mm, mm);
    if (status != ZVM_OK) return status;
    return finish(mm, zmm_set_finalizer(mm_of(mm), handle, finalizer, user));
}

zvm_status zvm_mm_find_leaks(zvm_mm *mm, uint64_t min_age_ns, zvm_mm_leak_fn found, void *context)
{
    if (found == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : zmm_find_leaks(mm_of(mm), min_age_ns, found, context);
}

zvm_status zvm_mm_history(zvm_mm *mm, zvm_mm_history_fn entry, void *context)
{
    if (entry == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = check(mm, mm);
    return status != ZVM_OK ? status : zmm_history(mm_of(mm), entry, context);
}

zvm_status zvm_mm_stats(zvm_mm *mm, zvm_heap_stats *out)
{
    zvm_status status = check(mm, out);
    if (status != ZVM_OK) return status;
    zvm_heap_stats stats;
    (void)zmm_stats(mm_of(mm), &stats);
    return zsized_write(out, &stats, sizeof stats) ? ZVM_OK : ZVM_E_ARGUMENT;
}

// ---- The report ---------------------------------------------------------------------------------

#define STAT(field, unit, is_total)                             \
    {                                                           \
#        field, unit, offsetof(zvm_heap_stats, field), is_total \
    }

static const struct stat {
    const char *name, *unit;
    size_t offset;
    bool is_total; // only ever grows: a counter for Prometheus
} stats_of_report[] = {
    STAT(limit_bytes, "bytes", false),
    STAT(committed_bytes, "bytes", false),
    STAT(committed_peak_bytes, "bytes", false),
    STAT(current_bytes, "bytes", false),
    STAT(peak_bytes, "bytes", false),
    STAT(live_objects, "objects", false),
    STAT(allocated_bytes, "bytes", true),
    STAT(allocated_count, "objects", true),
    STAT(freed_bytes, "bytes", true),
    STAT(freed_count, "objects", true),
    STAT(deallocated_count, "objects", true),
    STAT(tombstones, "objects", false),
    STAT(roots, "objects", false),
    STAT(handles, "places", false),
    STAT(finalized_count, "objects", true),
    STAT(collections, "collections", true),
    STAT(pause_ns_total, "ns", true),
    STAT(pause_ns_max, "ns", false),
};

#define STATS_OF_REPORT (sizeof stats_of_report / sizeof stats_of_report[0])

static uint64_t figure(const zvm_heap_stats *stats, const struct stat *stat)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + stat->offset, sizeof value);
    return value;
}

static void add_metric(struct zstrbuf *text, const struct stat *stat, uint64_t value)
{
    const char *suffix = stat->is_total && strstr(stat->name, "_total") == NULL ? "_total" : "";
    zstrbuf_add_format(text, "# HELP zvm_mm_%s%s Of one memory manager, in %s.\n", stat->name,
                       suffix, stat->unit);
    zstrbuf_add_format(text, "# TYPE zvm_mm_%s%s %s\n", stat->name, suffix,
                       stat->is_total ? "counter" : "gauge");
    zstrbuf_add_format(text, "zvm_mm_%s%s %" PRIu64 "\n", stat->name, suffix, value);
}

static void add_line(struct zstrbuf *text, const struct stat *stat, uint64_t value,
                     zvm_report_format format)
{
    switch (format) {
    case ZVM_REPORT_TEXT:
        zstrbuf_add_format(text, "%-22s %14" PRIu64 " %s\n", stat->name, value, stat->unit);
        break;
    case ZVM_REPORT_JSON:
        zstrbuf_add_format(text, ",\n  \"%s\": %" PRIu64, stat->name, value);
        break;
    default:
        add_metric(text, stat, value);
        break;
    }
}

zvm_status zvm_mm_report(zvm_mm *mm, zvm_report_format format, zvm_write_fn write, void *context)
{
    if (write == NULL || (unsigned)format > ZVM_REPORT_PROMETHEUS) return ZVM_E_ARGUMENT;
    zvm_status status = check(mm, mm);
    if (status != ZVM_OK) return status;
    zvm_heap_stats stats;
    (void)zmm_stats(mm_of(mm), &stats);
    struct zstrbuf text;
    zstrbuf_init(&text);
    if (format == ZVM_REPORT_JSON) zstrbuf_add_text(&text, "{\n  \"schema\": \"zvm.mm/1\"");
    for (size_t i = 0; i < STATS_OF_REPORT; i++)
        add_line(&text, &stats_of_report[i], figure(&stats, &stats_of_report[i]), format);
    if (format == ZVM_REPORT_JSON) zstrbuf_add_text(&text, "\n}\n");
    status = ZVM_E_NOMEM;
    if (!text.failed) status = write(context, text.data, text.length) ? ZVM_OK : ZVM_E_OUTPUT;
    zstrbuf_deinit(&text);
    return status;
}
