// cli/report_file.c - writes the report to a temporary file and renames it.
//
// Owns: the new file until it has its name. Thread: main.
// The file is made before the run: a long run must not end by finding out that its report cannot be
// kept.
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

static int fd_of(const struct cli_report_file *file)
{
    return file->place.fd >= 0 ? file->place.fd : STDERR_FILENO;
}

static bool write_report(struct cli_report_file *file, zvm_runtime *runtime, enum cli_report format)
{
    static const zvm_report_format formats[] = {
        [CLI_REPORT_TEXT] = ZVM_REPORT_TEXT,
        [CLI_REPORT_JSON] = ZVM_REPORT_JSON,
        [CLI_REPORT_PROM] = ZVM_REPORT_PROMETHEUS,
    };
    struct cli_output_stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        cli_complain("%s: no memory to write the report", file->name);
        return false;
    }
    cli_output_init(stream, fd_of(file), -1 /* nothing stops it */);
    zvm_status status = zvm_report_write(runtime, formats[format], cli_output_write, stream);
    bool ok = cli_output_finish(stream, file->name);
    if (ok && status != ZVM_OK) cli_complain("%s: report: %s", file->name, zvm_status_text(status));
    cli_output_deinit(stream);
    free(stream);
    return ok && status == ZVM_OK;
}

static bool finish(struct cli_report_file *file)
{
    if (file->place.fd < 0) return true;
    int error = cli_new_file_finish(&file->place);
    if (error == 0) return true;
    cli_complain("%s: cannot write: %s", file->name, strerror(error));
    return false;
}

bool cli_report_file_write(struct cli_report_file *file, zvm_runtime *runtime,
                           enum cli_report format)
{
    return write_report(file, runtime, format) && finish(file);
}

void cli_report_file_close(struct cli_report_file *file)
{
    cli_new_file_close(&file->place);
}
