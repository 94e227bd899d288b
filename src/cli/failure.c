// cli/failure.c - tells how isolates failed: one of them whole, all of them counted.
//
// Owns: the text of the failure with the lowest number. Thread: any, under the caller's lock.
// Bounded: kinds of errors are the program's to choose, so rows and the length of their names are
// limited; what finds no row is counted as "other".
#include "cli/failure.h"

#include "cli/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_failures_init(struct cli_failures *failures, const struct cli_run_options *options)
{
    *failures = (struct cli_failures){.options = options};
}

void cli_failures_deinit(struct cli_failures *failures)
{
    free(failures->text);
    failures->text = NULL;
}

static int exit_status_of(zvm_status status)
{
    switch (status) {
    case ZVM_E_HEAP_LIMIT:
        return CLI_EXIT_HEAP;
    case ZVM_E_FUEL:
        return CLI_EXIT_FUEL;
    case ZVM_E_TIMEOUT:
        return CLI_EXIT_TIMEOUT;
    case ZVM_E_BYTECODE:
    case ZVM_E_INTERNAL:
        return CLI_EXIT_INTERNAL;
    default:
        return CLI_EXIT_FAILED;
    }
}

// Errors have a kind of their own; a termination is named here.
static const char *kind_of(const zvm_result *result)
{
    switch (result->status) {
    case ZVM_E_ERROR:
    case ZVM_E_HEAP_LIMIT:
        return result->kind;
    case ZVM_E_FUEL:
        return "out of fuel";
    case ZVM_E_TIMEOUT:
        return "out of time";
    case ZVM_E_OUTPUT:
        return "too much output";
    default:
        return zvm_status_text(result->status);
    }
}

static void count_kind(struct cli_failures *failures, const char *name)
{
    for (uint32_t i = 0; i < failures->kind_count; i++) {
        if (strcmp(failures->kinds[i].name, name) != 0) continue;
        failures->kinds[i].count++;
        return;
    }
    size_t length = strlen(name);
    if (failures->kind_count == CLI_FAILURE_KINDS_MAX || length >= CLI_FAILURE_KIND_BYTES) {
        failures->other_count++;
        return;
    }
    struct cli_failure_kind *kind = &failures->kinds[failures->kind_count++];
    memcpy(kind->name, name, length + 1);
    kind->count = 1;
}

// ---- The text of one failure ------------------------------------------------------------------

static void write_trace(FILE *to, const zvm_result *result)
{
    for (uint32_t i = 0; i < result->trace_count; i++) {
        const zvm_trace_frame *frame = &result->trace[i];
        fprintf(to, "at %s (%s:%" PRIu32 ":%" PRIu32 ")\n", frame->function, frame->file,
                frame->line, frame->column);
    }
    if (result->trace_omitted == 0) return;
    char count[CLI_COUNT_CHARS];
    fprintf(to, "at ... (%s more)\n", cli_count(result->trace_omitted, count));
}

static uint64_t or_most(uint64_t limit)
{
    return limit == 0 ? ZVM_INTERN_LIMIT_MAX : limit;
}

// Which limit it was is in the message.
static void write_intern_hint(FILE *to, const struct cli_run_options *options,
                              const zvm_result *result)
{
    static const char wants[] = "hint: if the program needs more keys, raise";
    char limit[CLI_COUNT_CHARS > CLI_UNIT_CHARS ? CLI_COUNT_CHARS : CLI_UNIT_CHARS];
    if (strncmp(result->message, "intern limit", strlen("intern limit")) != 0)
        fprintf(to, "%s --intern-table or --intern-table-bytes\n", wants);
    else if (strstr(result->message, " symbols reached") != NULL)
        fprintf(to, "%s --intern-limit (now %s)\n", wants,
                cli_count(or_most(options->intern_limit_count), limit));
    else
        fprintf(to, "%s --intern-limit-bytes (now %s)\n", wants,
                cli_size(or_most(options->intern_limit_bytes), limit));
}

static void write_hint(FILE *to, const struct cli_run_options *options, const zvm_result *result)
{
    if (result->status == ZVM_E_HEAP_LIMIT) {
        char limit[CLI_UNIT_CHARS];
        fprintf(to, "hint: if the program needs more memory, raise --heap-limit (now %s)\n",
                cli_size(result->heap_limit_bytes, limit));
    } else if (strcmp(result->kind, "StackOverflowError") == 0) {
        uint32_t depth = options->max_depth != 0 ? options->max_depth : 10000;
        fprintf(to,
                "hint: if the program needs deeper calls, raise --max-depth (now %" PRIu32 ")\n",
                depth);
    } else if (strcmp(result->kind, "InternLimitError") == 0) {
        write_intern_hint(to, options, result);
    }
}

static void write_error(FILE *to, const struct cli_run_options *options, const zvm_result *result)
{
    fprintf(to, "%s:%" PRIu32 ":%" PRIu32 ": %s: %s\n", result->file, result->line, result->column,
            result->kind, result->message);
    write_trace(to, result);
    write_hint(to, options, result);
}

// ` (isolate 7)`, but only where there are several. text [CLI_COUNT_CHARS + 12].
static const char *isolate_suffix(const struct cli_run_options *options, uint64_t id, char *text,
                                  size_t text_bytes)
{
    text[0] = '\0';
    if (options->isolate_count > 1) snprintf(text, text_bytes, " (isolate %" PRIu64 ")", id);
    return text;
}

static void write_termination(FILE *to, const struct cli_run_options *options, uint64_t id,
                              const zvm_result *result)
{
    char suffix[40];
    char number[CLI_COUNT_CHARS];
    isolate_suffix(options, id, suffix, sizeof suffix);
    switch (result->status) {
    case ZVM_E_FUEL:
        fprintf(to, "zvm: %s: out of fuel after %s%s; raise --fuel if the program needs more\n",
                options->file, cli_count(options->fuel_limit, number), suffix);
        return;
    case ZVM_E_TIMEOUT:
        fprintf(to, "zvm: %s: not finished after %s%s; raise --timeout if it needs longer\n",
                options->file, cli_duration(options->timeout_ns, number), suffix);
        return;
    case ZVM_E_OUTPUT:
        fprintf(to,
                "zvm: %s: too much output waits to be printed%s; print less, or use "
                "'--output first'\n",
                options->file, suffix);
        return;
    default:
        fprintf(to, "zvm: %s: %s%s\n", options->file, zvm_status_text(result->status), suffix);
    }
}

static char *make_text(const struct cli_run_options *options, uint64_t id, const zvm_result *result)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    if (to == NULL) return NULL;
    bool is_error = result->status == ZVM_E_ERROR || result->status == ZVM_E_HEAP_LIMIT;
    if (is_error) {
        write_error(to, options, result);
    } else {
        write_termination(to, options, id, result);
    }
    bool ok = ferror(to) == 0;
    if (fclose(to) == 0 && ok) return text;
    free(text);
    return NULL;
}

void cli_failures_add(struct cli_failures *failures, uint64_t id, const zvm_result *result)
{
    bool is_lowest = failures->count == 0 || id < failures->lowest_id;
    failures->count++;
    count_kind(failures, kind_of(result));
    if (!is_lowest) return;
    failures->lowest_id = id;
    failures->exit_status = exit_status_of(result->status);
    free(failures->text);
    failures->text = make_text(failures->options, id, result);
}

// ---- The lines at the end ---------------------------------------------------------------------

// Most frequent first, then by name: the same line whatever the order in which they finished.
static int compare_kinds(const void *left, const void *right)
{
    const struct cli_failure_kind *a = left;
    const struct cli_failure_kind *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    return strcmp(a->name, b->name);
}

static void print_counts(struct cli_failures *failures)
{
    qsort(failures->kinds, failures->kind_count, sizeof failures->kinds[0], compare_kinds);
    char failed[CLI_COUNT_CHARS];
    char all[CLI_COUNT_CHARS];
    fprintf(stderr, "zvm: %s: %s of %s isolates failed (shown: isolate %" PRIu64 "):",
            failures->options->file, cli_count(failures->count, failed),
            cli_count(failures->options->isolate_count, all), failures->lowest_id);
    const char *separator = " ";
    char number[CLI_COUNT_CHARS];
    for (uint32_t i = 0; i < failures->kind_count; i++) {
        const struct cli_failure_kind *kind = &failures->kinds[i];
        fprintf(stderr, "%s%s %s", separator, cli_count(kind->count, number), kind->name);
        separator = ", ";
    }
    if (failures->other_count > 0) {
        fprintf(stderr, "%s%s other", separator, cli_count(failures->other_count, number));
    }
    fputc('\n', stderr);
}

void cli_failures_print(struct cli_failures *failures)
{
    if (failures->count == 0) return;
    if (failures->text != NULL) {
        fputs(failures->text, stderr);
    } else {
        cli_complain("%s: failed, and there is no memory to say how", failures->options->file);
    }
    if (failures->options->isolate_count > 1) print_counts(failures);
}
