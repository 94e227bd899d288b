// cli/report_file.c - writes reports into a file that has its name when it is whole.
//
// Owns: the new file until it has its name. Thread: main, and the thread of live reports while it runs.
// The file of the last report is made before the run: a long run must not end by finding out that its
// report cannot be kept. A live report is a new file each time, which takes the name of the one before.
#include "cli/report_file.h"

#include "cli/message.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool complain_open(const char *name, int error)
{
    cli_complain("--report-file: %s: cannot write: %s; name a file in a directory that exists and "
                 "is writable",
                 name, strerror(error));
    return false;
}

bool cli_report_file_open(struct cli_report_file *file, const char *path)
{
    *file = (struct cli_report_file){.place = {.fd = -1}, .name = path};
    if (path == NULL) {
        file->name = "standard error";
        return true;
    }
    int error = cli_new_file_open(&file->place, path);
    return error == 0 || complain_open(path, error);
}

// ---- Writing ------------------------------------------------------------------------------------

// Returns whether it is whole.
static bool write_stream(struct cli_output_stream *stream, zvm_runtime *runtime,
                         const struct cli_run_options *options, const char *name)
{
    static const zvm_report_format formats[] = {
        [CLI_REPORT_NONE] = ZVM_REPORT_TEXT, // a live one that somebody asked for
        [CLI_REPORT_TEXT] = ZVM_REPORT_TEXT,
        [CLI_REPORT_JSON] = ZVM_REPORT_JSON,
        [CLI_REPORT_PROM] = ZVM_REPORT_PROMETHEUS,
    };
    zvm_report_options wanted = ZVM_REPORT_OPTIONS_INIT;
    wanted.top_count = options->top_count;
    zvm_status status =
        zvm_report_write_with(runtime, formats[options->report], &wanted, cli_output_write, stream);
    bool ok = cli_output_finish(stream, name);
    if (ok && status != ZVM_OK) cli_complain("%s: report: %s", name, zvm_status_text(status));
    return ok && status == ZVM_OK;
}

static bool write_report(int fd, int stop_fd, zvm_runtime *runtime,
                         const struct cli_run_options *options, const char *name)
{
    struct cli_output_stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        cli_complain("%s: no memory to write the report", name);
        return false;
    }
    cli_output_init(stream, fd, stop_fd);
    bool ok = write_stream(stream, runtime, options, name);
    cli_output_deinit(stream);
    free(stream);
    return ok;
}

static bool finish(struct cli_new_file *place, const char *name)
{
    if (place->fd < 0) return true;
    int error = cli_new_file_finish(place);
    if (error == 0) return true;
    cli_complain("%s: cannot write: %s", name, strerror(error));
    return false;
}

bool cli_report_file_write(struct cli_report_file *file, zvm_runtime *runtime,
                           const struct cli_run_options *options)
{
    int fd = file->place.fd >= 0 ? file->place.fd : STDERR_FILENO;
    return write_report(fd, -1 /* nothing stops it */, runtime, options, file->name) &&
           finish(&file->place, file->name);
}

// ---- While the run goes on ----------------------------------------------------------------------

// Into standard error, or into what cannot be replaced: one report behind the other.
static bool write_in_place(struct cli_report_file *file, zvm_runtime *runtime,
                           const struct cli_run_options *options, int stop_fd)
{
    int fd = file->place.fd >= 0 ? file->place.fd : STDERR_FILENO;
    // What stands in the line of a terminal is the progress.
    if (fd == STDERR_FILENO && isatty(fd) == 1) (void)!write(fd, "\n", 1);
    return write_report(fd, stop_fd, runtime, options, file->name);
}

static bool write_anew(struct cli_report_file *file, zvm_runtime *runtime,
                       const struct cli_run_options *options, struct cli_interrupt *interrupt)
{
    struct cli_new_file place;
    int error = cli_new_file_open(&place, file->name);
    if (error != 0) return complain_open(file->name, error);
    cli_interrupt_guard_file(interrupt, CLI_GUARD_LIVE, place.temp_path);
    bool ok = write_report(place.fd, interrupt->stop_fd, runtime, options, file->name) &&
              finish(&place, file->name);
    cli_interrupt_guard_file(interrupt, CLI_GUARD_LIVE, NULL);
    cli_new_file_close(&place);
    return ok;
}

void cli_report_file_write_live(struct cli_report_file *file, zvm_runtime *runtime,
                                const struct cli_run_options *options,
                                struct cli_interrupt *interrupt)
{
    if (file->has_failed) return;
    bool is_replaced = file->place.fd >= 0 && file->place.final_path != NULL;
    bool ok = is_replaced ? write_anew(file, runtime, options, interrupt)
                          : write_in_place(file, runtime, options, interrupt->stop_fd);
    if (!ok) file->has_failed = true;
}

void cli_report_file_close(struct cli_report_file *file)
{
    cli_new_file_close(&file->place);
}
