// cli/each_file.c - the two files of `zvm each`.
//
// Owns: their descriptors, when they are not the standard ones. Thread: main.
// Results are written in place, a line for a row in the order of the rows, so a file that a run has left behind
// says by itself how far it came: its whole lines are the results of so many first rows.
#include "cli/each_file.h"

#include "cli/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536u

static bool complain(const char *option, const char *name)
{
    cli_complain("%s: '%s': %s", option, name, strerror(errno));
    return false;
}

static bool open_input(struct cli_each_files *files, const struct cli_run_options *options)
{
    const char *name = options->in_file;
    files->in_fd = STDIN_FILENO;
    if (name == NULL || strcmp(name, "-") == 0) return true;
    files->in_fd = open(name, O_RDONLY | O_CLOEXEC);
    if (files->in_fd < 0) return complain("--in", name);
    struct stat status;
    if (fstat(files->in_fd, &status) != 0 || !S_ISDIR(status.st_mode)) return true;
    close(files->in_fd);
    errno = EISDIR;
    return complain("--in", name);
}

static bool is_same_file(int a, int b)
{
    struct stat first, second;
    if (fstat(a, &first) != 0 || fstat(b, &second) != 0) return false;
    return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Lines, and where the last one ends. false: errno.
static bool count_lines(int fd, char *piece, uint64_t *lines, off_t *end)
{
    off_t at = 0;
    *lines = 0;
    *end = 0;
    for (;;) {
        ssize_t count = pread(fd, piece, PIECE_BYTES, at);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count == 0;
        for (const char *c = piece; (c = memchr(c, '\n', (size_t)(piece + count - c))) != NULL;) {
            c++;
            ++*lines;
            *end = at + (c - piece);
        }
        at += count;
    }
}

static bool go_on_behind(int fd, uint64_t *lines)
{
    off_t end;
    char *piece = malloc(PIECE_BYTES);
    bool ok = piece != NULL && count_lines(fd, piece, lines, &end);
    free(piece);
    return ok && ftruncate(fd, end) == 0 && lseek(fd, end, SEEK_SET) == end;
}

static bool resume(struct cli_each_files *files, const struct cli_run_options *options)
{
    struct stat status;
    if (fstat(files->out_fd, &status) == 0 && !S_ISREG(status.st_mode)) {
        cli_complain("--resume: '%s' is no file whose lines could be counted", options->out_file);
        return false;
    }
    return go_on_behind(files->out_fd, &files->skip_rows) || complain("--out", options->out_file);
}

// Only when all else is right is what the file held thrown away.
static bool prepare_output(struct cli_each_files *files, const struct cli_run_options *options)
{
    if (is_same_file(files->in_fd, files->out_fd)) {
        cli_complain("--out: '%s' is the input, too; write to another file", options->out_file);
        return false;
    }
    if (options->resume) return resume(files, options);
    struct stat status;
    bool is_file = fstat(files->out_fd, &status) == 0 && S_ISREG(status.st_mode);
    return !is_file || ftruncate(files->out_fd, 0) == 0 || complain("--out", options->out_file);
}

static bool open_output(struct cli_each_files *files, const struct cli_run_options *options)
{
    const char *name = options->out_file;
    files->out_fd = STDOUT_FILENO;
    if (name == NULL) return true;
    int mode = options->resume ? O_RDWR : O_WRONLY;
    files->out_fd = open(name, mode | O_CREAT | O_CLOEXEC, 0666);
    if (files->out_fd < 0) return complain("--out", name);
    if (prepare_output(files, options)) return true;
    close(files->out_fd);
    return false;
}

bool cli_each_files_open(struct cli_each_files *files, const struct cli_run_options *options)
{
    *files = (struct cli_each_files){.in_fd = -1};
    if (!open_input(files, options)) return false;
    if (open_output(files, options)) return true;
    if (files->in_fd != STDIN_FILENO) close(files->in_fd);
    return false;
}

bool cli_each_files_close(struct cli_each_files *files, const struct cli_run_options *options)
{
    if (files->in_fd != STDIN_FILENO) close(files->in_fd);
    if (files->out_fd == STDOUT_FILENO) return true;
    return close(files->out_fd) == 0 || complain("--out", options->out_file);
}
