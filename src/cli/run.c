// cli/run.c - `zvm run`: puts the parts together and decides the exit status.
//
// Owns: runtime, code, batch, report file and signal thread for the length of one run.
// Thread: main. Order of the ends: first the batch (no isolate is left), then the report, then the
// runtime, then the rest.
#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/live.h"
#include "cli/message.h"
#include "cli/report_file.h"
#include "cli/run_files.h"
#include "cli/source.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
    struct cli_run_options options;
    struct cli_interrupt interrupt;
    struct cli_report_file report_file;
    struct cli_output_stream output;
    struct cli_failures failures;
    struct cli_profile profile;
    struct cli_run_files files;
    struct cli_live live;
    struct cli_source source; // its name stays after its text is gone
    zvm_runtime *runtime;
    zvm_code *code;
    struct cli_batch *batch;
};

// The runtime starts fewer workers when the system has no room for more threads; the run goes on.
static void warn_of_missing_workers(const struct run *run)
{
    zvm_report report = ZVM_REPORT_INIT;
    if (zvm_report_take(run->runtime, &report) != ZVM_OK) return;
    if (report.worker_count >= run->options.worker_count) return;
    cli_complain("only %u of %u workers could be started; the run is slower, or choose a lower -w",
                 (unsigned)report.worker_count, (unsigned)run->options.worker_count);
}

static bool create_runtime(struct run *run)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = run->options.worker_count;
    options.slice_budget = run->options.slice_budget;
    options.seed = run->options.seed;
    // The program and what it spawns; several programs have a group each for that.
    if (run->options.isolate_count == 1) options.isolate_limit = run->options.spawn_limit;
    options.intern_limit_count = run->options.intern_table_count;
    options.intern_limit_bytes = run->options.intern_table_bytes;
    cli_run_files_apply(&run->options, &options);
    zvm_status status = zvm_runtime_create(&options, &run->runtime);
    if (status == ZVM_OK) {
        warn_of_missing_workers(run);
        return true;
    }
    if (status == ZVM_E_INTERN_LIMIT) {
        cli_complain("--intern-table: the runtime's own names do not fit; choose at least 256 and "
                     "64K");
        return false;
    }
    cli_complain("cannot start %u workers: %s; choose a lower -w", (unsigned)options.worker_count,
                 zvm_status_text(status));
    return false;
}

static int exit_status_of_end(const struct run *run, const struct cli_batch_end *end, int number,
                              bool output_ok)
{
    if (number != 0) return CLI_EXIT_SIGNAL + number;
    if (!output_ok || end->stop == CLI_STOP_OUTPUT) return CLI_EXIT_FAILED;
    if (end->stop == CLI_STOP_REFUSED) {
        return end->started_count == 0 ? CLI_EXIT_NOTHING : CLI_EXIT_FAILED;
    }
    if (run->failures.count > 0) return run->failures.exit_status;
    return CLI_EXIT_OK;
}

static void complain_interrupted(const struct run *run, const struct cli_batch_end *end, int number)
{
    char finished[CLI_COUNT_CHARS];
    char all[CLI_COUNT_CHARS];
    cli_complain("%s: stopped by SIG%s; %s of %s isolates had finished", run->options.file,
                 sigabbrev_np(number), cli_count(end->finished_count, finished),
                 cli_count(run->options.isolate_count, all));
}

// Everything is compiled and open: runs, prints, reports.
static int run_compiled(struct run *run)
{
    run->batch = cli_batch_create(run->runtime, run->code, &run->options, &run->output,
                                  &run->failures, &run->profile);
    if (run->batch == NULL) {
        cli_complain("%s: no memory to run it", run->options.file);
        return CLI_EXIT_NOTHING;
    }
    if (!cli_live_start(&run->live, run->runtime)) return CLI_EXIT_NOTHING;
    cli_interrupt_arm(&run->interrupt, cli_batch_interrupt, run->batch);
    struct cli_batch_end end = cli_batch_run(run->batch);
    // Standard output before standard error: what a program printed comes before how it failed.
    bool output_ok = cli_output_finish(&run->output, "standard output");
    cli_live_stop(&run->live);
    int number = cli_interrupt_disarm(&run->interrupt);

    cli_failures_print(&run->failures);
    if (number != 0) complain_interrupted(run, &end, number);
    int exit_status = exit_status_of_end(run, &end, number, output_ok);
    bool is_profiled = cli_profile_print(&run->profile);
    bool is_written = cli_run_files_write(&run->files, run->runtime);
    if ((!is_profiled || !is_written) && exit_status == CLI_EXIT_OK) exit_status = CLI_EXIT_FAILED;
    if (run->options.report == CLI_REPORT_NONE) return exit_status;
    bool ok = cli_report_file_write(&run->report_file, run->runtime, &run->options);
    return ok || exit_status != CLI_EXIT_OK ? exit_status : CLI_EXIT_FAILED;
}

// From here on messages call the program what its own positions call it.
static bool load(struct run *run)
{
    const char *text = run->options.text;
    struct cli_show *show = &run->failures.show;
    bool ok = text != NULL ? cli_source_set(text, show, &run->source)
                           : cli_source_load(run->options.file, show, &run->source);
    if (ok) run->options.file = run->source.name;
    return ok;
}

static int run_opened(struct run *run)
{
    if (!load(run)) return CLI_EXIT_NOTHING;
    if (!create_runtime(run)) {
        cli_source_free(&run->source);
        return CLI_EXIT_NOTHING;
    }
    struct cli_show *show = &run->failures.show;
    int exit_status = cli_source_compile(run->runtime, &run->source, show, &run->code);
    cli_source_free(&run->source);
    if (exit_status == CLI_EXIT_OK) exit_status = run_compiled(run);
    zvm_code_release(run->code);
    zvm_runtime_destroy(run->runtime);
    cli_batch_destroy(run->batch);
    return exit_status;
}

// The files that a second signal removes.
static void guard_files(struct run *run, bool is_open)
{
    const char *paths[CLI_GUARDED_FILES] = {
        [CLI_GUARD_REPORT] = run->report_file.place.temp_path,
        [CLI_GUARD_SNAPSHOT] = run->profile.snapshot.place.temp_path,
        [CLI_GUARD_PROFILE] = run->files.profile.place.temp_path,
        [CLI_GUARD_TRACE] = run->files.trace.place.temp_path,
        [CLI_GUARD_ALLOCATIONS] = run->profile.allocations.place.temp_path,
    };
    for (int i = 0; i < CLI_GUARDED_FILES; i++) {
        cli_interrupt_guard_file(&run->interrupt, i, is_open ? paths[i] : NULL);
    }
}

static bool asks_by_signal(const struct cli_run_options *options)
{
    return options->heap_snapshot != NULL && options->at == CLI_AT_SIGNAL;
}

// SIGUSR1 asks for a report, unless it is for the snapshot alone. A cli_interrupt_fn; context: the run.
static void ask(void *context)
{
    struct run *run = context;
    bool is_for_snapshot = asks_by_signal(&run->options);
    if (is_for_snapshot) cli_profile_ask(&run->profile);
    if (!is_for_snapshot || run->options.report != CLI_REPORT_NONE) cli_live_ask(&run->live);
}

static int run_guarded(struct run *run)
{
    guard_files(run, true /* is_open */);
    cli_interrupt_on_ask(&run->interrupt, ask, run);
    cli_output_init(&run->output, STDOUT_FILENO, run->interrupt.stop_fd);
    cli_failures_init(&run->failures, &run->options);
    int exit_status = run_opened(run);
    cli_failures_deinit(&run->failures);
    cli_output_deinit(&run->output);
    cli_interrupt_on_ask(&run->interrupt, NULL, NULL);
    guard_files(run, false /* is_open */);
    return exit_status;
}

static int run_with_files(struct run *run)
{
    if (!cli_profile_open(&run->profile, &run->options)) return CLI_EXIT_NOTHING;
    int exit_status = CLI_EXIT_NOTHING;
    if (cli_run_files_open(&run->files, &run->options)) {
        exit_status = run_guarded(run);
        cli_run_files_close(&run->files);
    }
    cli_profile_close(&run->profile);
    return exit_status;
}

static int run_watched(struct run *run)
{
    if (!cli_report_file_open(&run->report_file, run->options.report_file)) return CLI_EXIT_NOTHING;
    int exit_status = CLI_EXIT_NOTHING;
    if (!cli_live_init(&run->live, &run->options, &run->report_file, &run->interrupt)) {
        cli_complain("no memory to start");
    } else {
        exit_status = run_with_files(run);
        cli_live_deinit(&run->live);
    }
    cli_report_file_close(&run->report_file);
    return exit_status;
}

int cli_command_run(int word_count, char **words)
{
    // 64 KiB of buffer inside: not on the stack.
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        cli_complain("no memory to start");
        return CLI_EXIT_NOTHING;
    }
    int exit_status = CLI_EXIT_NOTHING;
    if (cli_run_options_parse(word_count, words, &run->options)) {
        if (run->options.help) {
            exit_status = cli_help_print("run");
        } else if (cli_interrupt_start(&run->interrupt)) {
            exit_status = run_watched(run);
            cli_interrupt_stop(&run->interrupt);
        }
    }
    free(run);
    return exit_status;
}
