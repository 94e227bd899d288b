// What must hold in every report of a runtime, and what in one that nobody is using. Each function
// gives NULL, or what is wrong.
#ifndef STRESS_RUNTIME_REPORTS_H
#define STRESS_RUNTIME_REPORTS_H

#include "zvm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// ---- Taken --------------------------------------------------------------------------------------

static inline uint64_t failures_of(const zvm_report_counters *c)
{
    return c->failed_error + c->failed_heap_limit + c->failed_fuel + c->failed_timeout +
           c->failed_cancelled + c->failed_output + c->failed_cpu_time + c->failed_output_limit + c->failed_group_limit +
           c->failed_other;
}

// At every moment: inside each block the sums hold, so in the sum of the blocks as well, and no
// counter goes back. `before` is an earlier report that the same thread took.
static inline const char *wrong_in_report(const zvm_report *report, const zvm_report *before)
{
    const zvm_report_counters *c = &report->totals, *b = &before->totals;
    if (c->isolates_finished != c->isolates_succeeded + failures_of(c)) return "finished";
    if (c->isolates_created < b->isolates_created) return "created went back";
    if (c->isolates_destroyed < b->isolates_destroyed) return "destroyed went back";
    if (c->isolates_finished < b->isolates_finished) return "finished went back";
    if (c->slices < b->slices || c->fuel_used < b->fuel_used) return "slices or fuel went back";
    if (c->allocated_bytes < b->allocated_bytes) return "allocated bytes went back";
    if (c->freed_bytes < b->freed_bytes) return "freed bytes went back";
    if (c->collections < b->collections) return "collections went back";
    if (c->pause_ns_p50 > c->pause_ns_p99 || c->pause_ns_p99 > c->pause_ns_max) return "pauses";
    if (report->wall_ns < before->wall_ns) return "wall time went back";
    return NULL;
}

// When nobody uses the runtime and all its isolates have been destroyed.
static inline const char *wrong_in_quiet_report(const zvm_report *report)
{
    const zvm_report_counters *c = &report->totals;
    if (c->isolates_created != c->isolates_destroyed) return "quiet: created and destroyed";
    if (report->isolates_in_flight != 0) return "quiet: in flight";
    if (c->heap_current_bytes != 0) return "quiet: heap bytes are left";
    if (c->allocated_bytes != c->freed_bytes) return "quiet: bytes allocated and freed";
    if (c->allocated_count != c->freed_count) return "quiet: objects allocated and freed";
    return NULL;
}

// ---- Written ------------------------------------------------------------------------------------

struct written {
    char *text; // NUL-terminated
    size_t length, capacity;
};

static inline bool collect_written(void *context, const char *text, size_t length_bytes)
{
    struct written *written = context;
    if (written->length + length_bytes + 1 > written->capacity) {
        size_t capacity = (written->length + length_bytes + 1) * 2;
        char *bytes = realloc(written->text, capacity);
        if (bytes == NULL) return false;
        written->text = bytes;
        written->capacity = capacity;
    }
    memcpy(written->text + written->length, text, length_bytes);
    written->length += length_bytes;
    written->text[written->length] = '\0';
    return true;
}

// The numbers behind each `key` of a text: the first one, and the sum of the others.
static inline bool numbers_after(const char *text, const char *key, uint64_t *first, uint64_t *rest)
{
    const char *at = strstr(text, key);
    if (at == NULL) return false;
    *first = strtoull(at + strlen(key), NULL, 10);
    *rest = 0;
    while ((at = strstr(at + 1, key)) != NULL)
        *rest += strtoull(at + strlen(key), NULL, 10);
    return true;
}

static inline bool is_balanced(const char *text)
{
    int64_t braces = 0, brackets = 0;
    for (; *text != '\0'; text++) {
        braces += (*text == '{') - (*text == '}');
        brackets += (*text == '[') - (*text == ']');
        if (braces < 0 || brackets < 0) return false;
    }
    return braces == 0 && brackets == 0;
}

// The totals come first, then one object a worker and the host's: these add up to the totals.
static inline const char *wrong_in_json(const char *text)
{
    static const char *const keys[] = {
        "\"isolates_created\": ", "\"isolates_destroyed\": ", "\"isolates_finished\": ",
        "\"slices\": ",           "\"fuel_used\": ",          "\"allocated_bytes\": ",
        "\"freed_bytes\": ",      "\"failed_cancelled\": "};
    if (!is_balanced(text)) return "json: brackets";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        uint64_t total, rows;
        if (!numbers_after(text, keys[i], &total, &rows)) return keys[i];
        if (total != rows) return "json: workers do not add up to the totals";
    }
    return NULL;
}

// The sum over all series of a metric.
static inline uint64_t series_sum(const char *text, const char *metric)
{
    uint64_t sum = 0;
    size_t length = strlen(metric);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, metric, length) != 0 || line[length] != '{') continue;
        const char *value = strstr(line, "} ");
        if (value != NULL) sum += strtoull(value + 2, NULL, 10);
    }
    return sum;
}

static inline const char *wrong_in_prometheus(const char *text)
{
    uint64_t finished = series_sum(text, "zvm_isolates_finished_total");
    uint64_t succeeded = series_sum(text, "zvm_isolates_succeeded_total");
    uint64_t killed = series_sum(text, "zvm_vm_kills_total");
    if (strstr(text, "# TYPE zvm_isolates_finished_total counter\n") == NULL) return "prom: type";
    return finished == succeeded + killed ? NULL : "prom: finished";
}

static inline const char *wrong_in_written(zvm_report_format format, const struct written *written)
{
    if (written->length == 0 || written->text[written->length - 1] != '\n') return "no last line";
    if (strlen(written->text) != written->length) return "a NUL in a written report";
    if (format == ZVM_REPORT_JSON) return wrong_in_json(written->text);
    if (format == ZVM_REPORT_PROMETHEUS) return wrong_in_prometheus(written->text);
    return strncmp(written->text, "zvm ", 4) == 0 ? NULL : "text: first line";
}

#endif // STRESS_RUNTIME_REPORTS_H
