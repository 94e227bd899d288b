// cli/each.c - `zvm each`: puts the parts together, sums up, and decides the exit status.
//
// Owns: runtime, code, files, report and flow for the length of one run. Thread: main.
// Order of the ends: the flow's threads, then the summary and the report, then the runtime.
#include "cli/commands.h"
#include "cli/each_file.h"
#include "cli/each_flow.h"
#include "cli/failure.h"
#include "cli/interrupt.h"
#include "cli/message.h"
#include "cli/report_file.h"
#include "cli/source.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct each {
    struct cli_run_options options;
    struct cli_interrupt interrupt;
    struct cli_report_file report_file;
    struct cli_output_stream output;
    struct cli_each_files files;
    struct cli_each_tally tally;
    struct cli_show show;
    struct cli_source source; // its name stays after its text is gone
    zvm_runtime *runtime;
    zvm_code *code;
    struct cli_each_flow *flow;
    struct timespec start;
};

// ---- The end --------------------------------------------------------------------------------------

// "(OutOfFuel 9, TypeError 3)", the most frequent first; cut where there is no more room.
static void add_reasons(const struct cli_each_tally *tally, char *text, size_t text_bytes)
{
    bool is_told[CLI_EACH_REASONS_MAX] = {false};
    size_t length = strlen(text);
    for (uint32_t told = 0; told < tally->reason_count; told++) {
        uint32_t most = 0;
        while (is_told[most])
            most++;
        for (uint32_t i = most + 1; i < tally->reason_count; i++)
            if (!is_told[i] && tally->reasons[i].count > tally->reasons[most].count) most = i;
        is_told[most] = true;
        length += (size_t)snprintf(text + length, text_bytes - length, "%s%s %" PRIu64,
                                   told == 0 ? " (" : ", ", tally->reasons[most].name,
                                   tally->reasons[most].count);
        if (length >= text_bytes) return;
    }
    if (tally->other_count > 0)
        length += (size_t)snprintf(text + length, text_bytes - length, ", other %" PRIu64,
                                   tally->other_count);
    if (length < text_bytes) snprintf(text + length, text_bytes - length, ")");
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

// 1,000,000 rows in 1.41 s, 709,000 a second; failed 12 (OutOfFuel 9, TypeError 3); heap peak 8K, gc p99 0.01 ms
static void sum_up(const struct each *each, const struct cli_each_end *end)
{
    char rows[CLI_COUNT_CHARS], rate[CLI_COUNT_CHARS], failed[CLI_COUNT_CHARS],
        skipped[CLI_COUNT_CHARS], reasons[600] = "", behind[64] = "";
    zvm_report report = ZVM_REPORT_INIT;
    double seconds = seconds_since(&each->start);
    if (zvm_report_take(each->runtime, &report) != ZVM_OK) return;
    if (each->tally.failed > 0) add_reasons(&each->tally, reasons, sizeof reasons);
    if (each->files.skip_rows > 0)
        snprintf(behind, sizeof behind, " behind the first %s",
                 cli_count(each->files.skip_rows, skipped));
    cli_complain(
        "%s rows%s in %.2f s, %s a second; failed %s%s; heap peak %.0f KiB, gc p99 %.2f ms",
        cli_count(end->written_rows, rows), behind, seconds,
        cli_count((uint64_t)((double)end->written_rows / (seconds > 0 ? seconds : 1)), rate),
        cli_count(each->tally.failed, failed), reasons,
        (double)report.totals.heap_peak_bytes / 1024, (double)report.totals.pause_ns_p99 / 1e6);
}

static int complain_of_input(const struct each *each, const struct cli_each_end *end)
{
    const char *name = each->options.in_file == NULL ? "standard input" : each->options.in_file;
    char output_rows[CLI_COUNT_CHARS], input_rows[CLI_COUNT_CHARS];
    if (end->input_error != 0) {
        cli_complain("%s: cannot read: %s", name, strerror(end->input_error));
        return end->written_rows == 0 ? CLI_EXIT_NOTHING : CLI_EXIT_FAILED;
    }
    cli_complain("--resume: '%s' has %s whole lines, %s only %s rows; it is of another input",
                 each->options.out_file, cli_count(each->files.skip_rows, output_rows), name,
                 cli_count(end->input_rows, input_rows));
    return CLI_EXIT_NOTHING;
}

static int exit_status_of_end(const struct each *each, const struct cli_each_end *end, int number,
                              bool output_ok)
{
    if (number != 0) {
        cli_complain(
            "stopped by SIG%s; what is written is whole lines, and --resume goes on behind "
            "them",
            sigabbrev_np(number));
        return CLI_EXIT_SIGNAL + number;
    }
    if (!output_ok || end->output_failed) return CLI_EXIT_FAILED;
    if (end->input_error != 0 || end->is_input_short) return complain_of_input(each, end);
    return each->tally.failed > 0 ? each->tally.exit_status : CLI_EXIT_OK;
}

// ---- The run --------------------------------------------------------------------------------------

static int run_flow(struct each *each)
{
    const char *out = each->options.out_file;
    clock_gettime(CLOCK_MONOTONIC, &each->start);
    cli_interrupt_arm(&each->interrupt, cli_each_flow_stop, each->flow);
    struct cli_each_end end = cli_each_flow_run(each->flow, &each->tally);
    bool output_ok = cli_output_finish(&each->output, out == NULL ? "standard output" : out);
    int number = cli_interrupt_disarm(&each->interrupt);
    if (end.nothing_ran) return CLI_EXIT_NOTHING;
    sum_up(each, &end);
    int exit_status = exit_status_of_end(each, &end, number, output_ok);
    if (each->options.report == CLI_REPORT_NONE) return exit_status;
    bool ok = cli_report_file_write(&each->report_file, each->runtime, &each->options);
    return ok || exit_status != CLI_EXIT_OK ? exit_status : CLI_EXIT_FAILED;
}

static int run_with_files(struct each *each)
{
    if (!cli_each_files_open(&each->files, &each->options)) return CLI_EXIT_NOTHING;
    cli_output_init(&each->output, each->files.out_fd, each->interrupt.stop_fd);
    each->flow = cli_each_flow_create(each->runtime, each->code, &each->options, each->files.in_fd,
                                      each->files.skip_rows, &each->output);
    int exit_status = CLI_EXIT_NOTHING;
    if (each->flow == NULL)
        cli_complain("no memory for %u workers; choose a lower -w",
                     (unsigned)each->options.worker_count);
    else
        exit_status = run_flow(each);
    cli_each_flow_destroy(each->flow);
    cli_output_deinit(&each->output);
    bool is_closed = cli_each_files_close(&each->files, &each->options);
    return is_closed || exit_status != CLI_EXIT_OK ? exit_status : CLI_EXIT_FAILED;
}

static bool is_without_main(const struct each *each, const char *why)
{
    cli_complain("%s: %s; write 'action main(row) { return row }'", each->options.file, why);
    return false;
}

// Whether main takes one argument: it is called with null, and left alone when it has begun. What goes wrong at the
// call itself has no line.
static bool takes_a_row(const struct each *each, zvm_isolate *isolate)
{
    zvm_scope scope;
    zvm_ref row;
    zvm_value null = {.kind = ZVM_VALUE_NULL};
    zvm_result result = ZVM_RESULT_INIT;
    bool is_finished;
    if (zvm_scope_open(isolate, &scope) != ZVM_OK) return true;
    if (zvm_ref_new(isolate, &null, &row) != ZVM_OK) return true;
    zvm_status status = zvm_isolate_call(isolate, "main", &row, 1);
    if (status == ZVM_E_NOT_FOUND || status == ZVM_E_TYPE)
        return is_without_main(each, "main is no function when the top level has run");
    if (status != ZVM_OK || zvm_isolate_run(isolate, 1, &is_finished) != ZVM_OK) return true;
    if (!is_finished || zvm_isolate_result(isolate, &result) != ZVM_OK) return true;
    bool is_unfit = result.status == ZVM_E_ERROR && strcmp(result.kind, "ArgumentError") == 0;
    return !is_unfit || result.line != 0 || is_without_main(each, result.message);
}

#define TOP_LEVEL_FUEL 1000000u // some milliseconds; a longer one is looked at by the rows

// What is wrong with the top level itself, each row tells.
static bool is_fit(const struct each *each, zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    bool is_finished;
    if (zvm_isolate_run(isolate, TOP_LEVEL_FUEL, &is_finished) != ZVM_OK || !is_finished)
        return true;
    bool is_over = zvm_isolate_result(isolate, &result) == ZVM_OK && result.status == ZVM_OK;
    return !is_over || takes_a_row(each, isolate);
}

// Whether the program has what a row needs shows before the first one, and before a file is touched.
static bool has_main(const struct each *each)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate *isolate;
    zvm_value value = {.kind = ZVM_VALUE_NULL};
    cli_options_apply(&each->options, &options);
    zvm_status status = zvm_isolate_create(each->runtime, each->code, &options, &isolate);
    if (status == ZVM_E_UTF8) {
        cli_complain("an argument behind '--' is not valid UTF-8; write it in UTF-8");
        return false;
    }
    if (status != ZVM_OK) {
        cli_complain("%s: an isolate could not be made: %s", each->options.file,
                     zvm_status_text(status));
        return false;
    }
    bool has_name = zvm_isolate_set_global(isolate, "main", &value) == ZVM_OK;
    bool ok = has_name ? is_fit(each, isolate) : is_without_main(each, "it has no action 'main'");
    (void)zvm_isolate_destroy(isolate);
    return ok;
}

static bool create_runtime(struct each *each)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.slice_budget = each->options.slice_budget;
    options.intern_limit_count = each->options.intern_table_count;
    options.intern_limit_bytes = each->options.intern_table_bytes;
    zvm_status status = zvm_runtime_create(&options, &each->runtime);
    if (status == ZVM_OK) return true;
    if (status == ZVM_E_INTERN_LIMIT)
        cli_complain("--intern-table: the runtime's own names do not fit; choose at least 256 and "
                     "64K");
    else
        cli_complain("cannot start: %s", zvm_status_text(status));
    return false;
}

static int run_loaded(struct each *each)
{
    if (!create_runtime(each)) return CLI_EXIT_NOTHING;
    int exit_status = cli_source_compile(each->runtime, &each->source, &each->show, &each->code);
    if (exit_status == CLI_EXIT_OK)
        exit_status = has_main(each) ? run_with_files(each) : CLI_EXIT_NOTHING;
    zvm_code_release(each->code);
    zvm_runtime_destroy(each->runtime);
    return exit_status;
}

static int run_watched(struct each *each)
{
    struct cli_report_file *report = &each->report_file;
    if (!cli_report_file_open(report, each->options.report_file)) return CLI_EXIT_NOTHING;
    cli_interrupt_guard_file(&each->interrupt, CLI_GUARD_REPORT, report->place.temp_path);
    cli_show_init(&each->show, each->options.as_json, each->options.colour, stderr);
    int exit_status = CLI_EXIT_NOTHING;
    if (cli_source_load(each->options.file, &each->show, &each->source)) {
        each->options.file = each->source.name;
        exit_status = run_loaded(each);
        cli_source_free(&each->source);
    }
    cli_interrupt_guard_file(&each->interrupt, CLI_GUARD_REPORT, NULL);
    cli_report_file_close(report);
    return exit_status;
}

int cli_command_each(int word_count, char **words)
{
    struct each *each = calloc(1, sizeof *each); // 64 KiB of buffer inside: not on the stack
    if (each == NULL) {
        cli_complain("no memory to start");
        return CLI_EXIT_NOTHING;
    }
    int exit_status = CLI_EXIT_NOTHING;
    if (cli_each_options_parse(word_count, words, &each->options)) {
        if (each->options.help) {
            exit_status = cli_help_print("each");
        } else if (cli_interrupt_start(&each->interrupt)) {
            exit_status = run_watched(each);
            cli_interrupt_stop(&each->interrupt);
        }
    }
    free(each);
    return exit_status;
}
