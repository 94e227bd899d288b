// cli/failure.c - tells how isolates failed: one of them whole, all of them counted.
//
// Owns: the text of the failure with the lowest number. Thread: any, under the caller's lock.
// Bounded: kinds of errors are the program's to choose, so rows and the length of their names are
// limited; what finds no row is counted as "other".
#include "cli/failure.h"

#include "cli/message.h"
#include "cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HINT_BYTES_MAX    120
#define SPAWNED_SHOWN_MAX 10

void cli_failures_init(struct cli_failures *failures, const struct cli_run_options *options)
{
    *failures = (struct cli_failures){.options = options};
    cli_show_init(&failures->show, options->as_json, options->colour, stderr);
}

void cli_failures_deinit(struct cli_failures *failures)
{
    free(failures->text);
    failures->text = NULL;
}

int cli_failure_exit_status(zvm_status status)
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

// A program and what it has spawned share --fuel.
static int exit_status_of(const zvm_result *result)
{
    static const char text[] = "the group used up its fuel";
    bool is_fuel = result->status == ZVM_E_GROUP_LIMIT &&
                   strncmp(result->message, text, sizeof text - 1) == 0;
    return is_fuel ? CLI_EXIT_FUEL : cli_failure_exit_status(result->status);
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
    case ZVM_E_CPU_TIME:
        return "out of CPU time";
    case ZVM_E_OUTPUT_LIMIT:
        return "over the output limit";
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
static void intern_hint(const struct cli_run_options *options, const zvm_result *result, char *text,
                        size_t text_bytes)
{
    static const char wants[] = "if the program needs more keys, raise";
    char limit[CLI_COUNT_CHARS > CLI_UNIT_CHARS ? CLI_COUNT_CHARS : CLI_UNIT_CHARS];
    if (strncmp(result->message, "intern limit", strlen("intern limit")) != 0)
        snprintf(text, text_bytes, "%s --intern-table or --intern-table-bytes", wants);
    else if (strstr(result->message, " symbols reached") != NULL)
        snprintf(text, text_bytes, "%s --intern-limit (now %s)", wants,
                 cli_count(or_most(options->intern_limit_count), limit));
    else
        snprintf(text, text_bytes, "%s --intern-limit-bytes (now %s)", wants,
                 cli_size(or_most(options->intern_limit_bytes), limit));
}

// What the command knows beyond the library; text [text_bytes]. false: nothing.
static bool limit_hint(const struct cli_run_options *options, const zvm_result *result, char *text,
                       size_t text_bytes)
{
    if (result->status == ZVM_E_HEAP_LIMIT) {
        char limit[CLI_UNIT_CHARS];
        snprintf(text, text_bytes, "if the program needs more memory, raise --heap-limit (now %s)",
                 cli_size(result->heap_limit_bytes, limit));
        return true;
    }
    if (strcmp(result->kind, "InternLimitError") == 0) {
        intern_hint(options, result, text, text_bytes);
        return true;
    }
    if (strcmp(result->kind, "StackOverflowError") != 0) return false;
    uint32_t depth = options->max_depth != 0 ? options->max_depth : 10000;
    snprintf(text, text_bytes,
             "if the program needs deeper calls, raise --max-depth (now %" PRIu32 ")", depth);
    return true;
}

static void write_hint(FILE *to, const struct cli_show *show, const char *text)
{
    fprintf(to, "%shint:%s %s\n", cli_show_cyan(show), cli_show_plain(show), text);
}

static void write_error(FILE *to, const struct cli_failures *failures, const zvm_result *result)
{
    const struct cli_show *show = &failures->show;
    if (*result->file != '\0')
        fprintf(to, "%s%s:%" PRIu32 ":%" PRIu32 ":%s ", cli_show_bold(show), result->file,
                result->line, result->column, cli_show_plain(show));
    fprintf(to, "%s%s:%s %s\n", cli_show_red(show), result->kind, cli_show_plain(show),
            result->message);
    write_trace(to, result);
    for (uint32_t i = 0; i < result->hint_count; i++)
        write_hint(to, show, result->hints[i]);
    char hint[HINT_BYTES_MAX];
    if (limit_hint(failures->options, result, hint, sizeof hint)) write_hint(to, show, hint);
}

// ---- As JSON ----------------------------------------------------------------------------------

static void write_trace_json(FILE *to, const zvm_result *result)
{
    fputs("\"trace\":[", to);
    for (uint32_t i = 0; i < result->trace_count; i++) {
        const zvm_trace_frame *frame = &result->trace[i];
        fputs(i > 0 ? ",{\"function\":" : "{\"function\":", to);
        cli_json_string(to, frame->function);
        fputs(",\"file\":", to);
        cli_json_string(to, frame->file);
        fprintf(to, ",\"line\":%" PRIu32 ",\"column\":%" PRIu32 "}", frame->line, frame->column);
    }
    fprintf(to, "],\"trace_omitted\":%" PRIu32, result->trace_omitted);
}

static void write_hints_json(FILE *to, const struct cli_failures *failures,
                             const zvm_result *result)
{
    char hint[HINT_BYTES_MAX];
    fputs("\"hints\":[", to);
    for (uint32_t i = 0; i < result->hint_count; i++) {
        if (i > 0) fputc(',', to);
        cli_json_string(to, result->hints[i]);
    }
    if (limit_hint(failures->options, result, hint, sizeof hint)) {
        if (result->hint_count > 0) fputc(',', to);
        cli_json_string(to, hint);
    }
    fputs("],", to);
}

// An error or a termination of the isolate `id`, as an object of zvm.diagnostic/1.
static void write_json(FILE *to, const struct cli_failures *failures, uint64_t id,
                       const zvm_result *result)
{
    bool is_error = result->status == ZVM_E_ERROR || result->status == ZVM_E_HEAP_LIMIT;
    const char *file = *result->file != '\0' ? result->file : failures->options->file;
    fputs("{\"schema\":\"zvm.diagnostic/1\",\"file\":", to);
    cli_json_string(to, file);
    fprintf(to,
            ",\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"end_line\":%" PRIu32
            ",\"end_column\":%" PRIu32 ",\"severity\":\"error\",\"kind\":",
            result->line, result->column, result->line, result->column);
    cli_json_string(to, is_error ? result->kind : "Termination");
    fputs(",\"message\":", to);
    cli_json_string(to, is_error ? result->message : kind_of(result));
    fputc(',', to);
    write_hints_json(to, failures, result);
    write_trace_json(to, result);
    fprintf(to, ",\"isolate\":%" PRIu64 "}\n", id);
}

// ---- Terminations -----------------------------------------------------------------------------

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
    char size[CLI_UNIT_CHARS];
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
    case ZVM_E_CPU_TIME:
        fprintf(to,
                "zvm: %s: out of CPU time after %s%s; raise --cpu-time if the program needs more\n",
                options->file, cli_duration(options->cpu_limit_ns, number), suffix);
        return;
    case ZVM_E_OUTPUT_LIMIT:
        fprintf(to, "zvm: %s: more output than %s%s; raise --output-limit if it may print more\n",
                options->file, cli_size(options->output_limit_bytes, size), suffix);
        return;
    case ZVM_E_OUTPUT:
        fprintf(to,
                "zvm: %s: too much output waits to be printed%s; print less, or use "
                "'--output first'\n",
                options->file, suffix);
        return;
    case ZVM_E_GROUP_LIMIT:
        fprintf(to, "zvm: %s: with all isolates that it has spawned, %s%s\n", options->file,
                result->message + (strncmp(result->message, "the group ", 10) == 0 ? 10 : 0),
                suffix);
        return;
    default:
        fprintf(to, "zvm: %s: %s%s\n", options->file, zvm_status_text(result->status), suffix);
    }
}

static char *make_text(const struct cli_failures *failures, uint64_t id, const zvm_result *result)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    if (to == NULL) return NULL;
    bool is_error = result->status == ZVM_E_ERROR || result->status == ZVM_E_HEAP_LIMIT;
    if (failures->show.as_json) {
        write_json(to, failures, id, result);
    } else if (is_error) {
        write_error(to, failures, result);
    } else {
        write_termination(to, failures->options, id, result);
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
    failures->exit_status = exit_status_of(result);
    free(failures->text);
    failures->text = make_text(failures, id, result);
}

void cli_failures_tell_spawned(struct cli_failures *failures, uint64_t id, const zvm_result *result)
{
    if (failures->spawned_count++ == SPAWNED_SHOWN_MAX)
        cli_complain("%s: more spawned isolates fail, and nobody watches them",
                     failures->options->file);
    if (failures->spawned_count > SPAWNED_SHOWN_MAX) return;
    char *text = make_text(failures, id, result);
    if (text == NULL) return;
    if (!failures->show.as_json) fputs("in a spawned isolate: ", stderr);
    fputs(text, stderr);
    free(text);
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

static void write_counts(FILE *to, struct cli_failures *failures)
{
    qsort(failures->kinds, failures->kind_count, sizeof failures->kinds[0], compare_kinds);
    char failed[CLI_COUNT_CHARS];
    char all[CLI_COUNT_CHARS];
    fprintf(to, "%s of %s isolates failed (shown: isolate %" PRIu64 "):",
            cli_count(failures->count, failed), cli_count(failures->options->isolate_count, all),
            failures->lowest_id);
    const char *separator = " ";
    char number[CLI_COUNT_CHARS];
    for (uint32_t i = 0; i < failures->kind_count; i++) {
        const struct cli_failure_kind *kind = &failures->kinds[i];
        fprintf(to, "%s%s %s", separator, cli_count(kind->count, number), kind->name);
        separator = ", ";
    }
    if (failures->other_count > 0) {
        fprintf(to, "%s%s other", separator, cli_count(failures->other_count, number));
    }
}

static void print_counts(struct cli_failures *failures)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    if (to == NULL) return;
    write_counts(to, failures);
    if (fclose(to) != 0) {
        free(text);
        return;
    }
    if (failures->show.as_json) {
        zvm_diagnostic note = {.size = sizeof note,
                               .severity = ZVM_SEVERITY_NOTE,
                               .kind = "",
                               .file = failures->options->file,
                               .message = text};
        cli_show_finding(&failures->show, &note);
    } else {
        cli_complain("%s: %s", failures->options->file, text);
    }
    free(text);
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
