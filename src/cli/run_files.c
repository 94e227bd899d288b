// cli/run_files.c - the profile of fuel and the trace of a run.
//
// Owns: the files until they have their names. Thread: main.
// The files are made before the run: a long run must not end by finding out that they cannot be kept.
// They are written when it is over, also when a signal has stopped it.
#include "cli/run_files.h"

#include "cli/message.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

static bool open_file(struct cli_run_file *file, const char *option, const char *path)
{
    file->place.fd = -1;
    file->name = path;
    if (path == NULL) return true;
    int error = cli_new_file_open(&file->place, path);
    if (error == 0) return true;
    cli_complain("%s: %s: cannot write: %s; name a file in a directory that exists and is writable",
                 option, path, strerror(error));
    return false;
}

bool cli_run_files_open(struct cli_run_files *files, const struct cli_run_options *options)
{
    *files = (struct cli_run_files){0};
    files->trace.place.fd = -1;
    bool ok = open_file(&files->profile, "--profile", options->profile) &&
              open_file(&files->trace, "--trace", options->trace);
    if (!ok) cli_run_files_close(files);
    return ok;
}

void cli_run_files_close(struct cli_run_files *files)
{
    cli_new_file_close(&files->profile.place);
    cli_new_file_close(&files->trace.place);
}

void cli_run_files_apply(const struct cli_run_options *wanted, zvm_runtime_options *options)
{
    if (wanted->profile != NULL)
        options->profile_fuel = wanted->profile_fuel == 0 ? ZVM_PROFILE_FUEL : wanted->profile_fuel;
    if (wanted->trace != NULL)
        options->trace_events = wanted->trace_events == 0 ? ZVM_TRACE_EVENTS : wanted->trace_events;
}

typedef zvm_status (*write_fn)(zvm_runtime *runtime, zvm_write_fn write, void *context);

static bool write_file(struct cli_run_file *file, zvm_runtime *runtime, write_fn write)
{
    if (file->name == NULL) return true;
    zvm_status status = ZVM_E_NOMEM;
    bool is_whole = false;
    struct cli_output_stream *stream = malloc(sizeof *stream);
    if (stream != NULL) {
        cli_output_init(stream, file->place.fd, -1 /* nothing stops it */);
        status = write(runtime, cli_output_write, stream);
        is_whole = cli_output_finish(stream, file->name);
        cli_output_deinit(stream);
        free(stream);
    }
    int error = 0;
    if (is_whole && status == ZVM_OK) error = cli_new_file_finish(&file->place);
    if (error != 0) cli_complain("%s: cannot write: %s", file->name, strerror(error));
    if (status != ZVM_OK && status != ZVM_E_OUTPUT)
        cli_complain("%s: not written: %s", file->name, zvm_status_text(status));
    return is_whole && status == ZVM_OK && error == 0;
}

bool cli_run_files_write(struct cli_run_files *files, zvm_runtime *runtime)
{
    bool has_profile = write_file(&files->profile, runtime, zvm_runtime_cpu_profile);
    bool has_trace = write_file(&files->trace, runtime, zvm_runtime_trace);
    return has_profile && has_trace;
}
