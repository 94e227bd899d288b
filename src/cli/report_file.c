// cli/report_file.c - writes the report to a temporary file and renames it.
//
// Owns: the temporary file until it is renamed. Thread: main.
// Invariant: under the final name there is at all times the old file, nothing, or a whole report.
// How: the temporary file lies beside the final one, because rename works within one file system,
// and is made before the run: a long run must not end by finding out that its report cannot be
// kept. A device, a pipe or /dev/stdout cannot be replaced by a rename and is written in place.
#include "cli/report_file.h"

#include "cli/message.h"
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain_open(const char *name, int error)
{
    cli_complain("--report-file: %s: cannot write: %s; name a file in a directory that exists and "
                 "is writable",
                 name, strerror(error));
    return false;
}

static mode_t mode_of_new_files(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

// Makes `final_path` with a random ending. Returns 0 or an errno.
static int open_temporary(struct cli_report_file *file, mode_t mode)
{
    if (asprintf(&file->temp_path, "%s.XXXXXX", file->final_path) < 0) {
        file->temp_path = NULL;
        return ENOMEM;
    }
    file->fd = mkostemp(file->temp_path, O_CLOEXEC);
    if (file->fd >= 0) {
        // mkostemp gives 0600; a report is an ordinary file. Failing here costs only the mode.
        int refused = fchmod(file->fd, mode);
        (void)refused;
        return 0;
    }
    int error = errno;
    free(file->temp_path);
    file->temp_path = NULL;
    return error;
}

static int open_new(struct cli_report_file *file, const char *path)
{
    file->final_path = strdup(path);
    if (file->final_path == NULL) return ENOMEM;
    return open_temporary(file, mode_of_new_files());
}

static int open_existing(struct cli_report_file *file, const char *path, const struct stat *status)
{
    if (S_ISDIR(status->st_mode)) return EISDIR;
    if (access(path, W_OK) != 0) return errno;
    if (!S_ISREG(status->st_mode)) {
        file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return file->fd >= 0 ? 0 : errno;
    }
    // Through links to the file itself: a rename onto a link would replace the link.
    file->final_path = realpath(path, NULL);
    if (file->final_path == NULL) return errno;
    return open_temporary(file, status->st_mode & 0777);
}

bool cli_report_file_open(struct cli_report_file *file, const char *path)
{
    *file = (struct cli_report_file){.fd = -1, .name = path};
    if (path == NULL) {
        file->fd = STDERR_FILENO;
        file->name = "standard error";
        return true;
    }
    struct stat status;
    bool exists = stat(path, &status) == 0;
    int error = exists ? open_existing(file, path, &status) : open_new(file, path);
    if (error == 0) return true;
    cli_report_file_close(file);
    return complain_open(path, error);
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
    cli_output_init(stream, file->fd, -1 /* nothing stops it */);
    zvm_status status = zvm_report_write(runtime, formats[format], cli_output_write, stream);
    bool ok = cli_output_finish(stream, file->name);
    if (ok && status != ZVM_OK) cli_complain("%s: report: %s", file->name, zvm_status_text(status));
    cli_output_deinit(stream);
    free(stream);
    return ok && status == ZVM_OK;
}

// The file is complete: closes it and gives it its name.
static bool finish(struct cli_report_file *file)
{
    if (file->fd == STDERR_FILENO) return true;
    int fd = file->fd;
    file->fd = -1;
    // Some file systems tell only now that the disk is full.
    bool ok = close(fd) == 0;
    if (ok && file->temp_path != NULL) ok = rename(file->temp_path, file->final_path) == 0;
    if (!ok) {
        cli_complain("%s: cannot write: %s", file->name, strerror(errno));
        return false;
    }
    free(file->temp_path);
    file->temp_path = NULL;
    return true;
}

bool cli_report_file_write(struct cli_report_file *file, zvm_runtime *runtime,
                           enum cli_report format)
{
    return write_report(file, runtime, format) && finish(file);
}

void cli_report_file_close(struct cli_report_file *file)
{
    if (file->fd >= 0 && file->fd != STDERR_FILENO) close(file->fd);
    if (file->temp_path != NULL) unlink(file->temp_path);
    free(file->temp_path);
    free(file->final_path);
    *file = (struct cli_report_file){.fd = -1};
}
