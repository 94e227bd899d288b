// cli/new_file.c - a file that is written under a temporary name and then renamed.
//
// Owns: the temporary file until it is renamed. Thread: main.
// Invariant: under the final name there is at all times the old file, nothing, or a whole new one.
// How: the temporary file lies beside the final one, because rename works within one file system. A
// device, a pipe or /dev/stdout cannot be replaced by a rename and is written in place.
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t mode_of_new_files(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

// Makes `final_path` with a random ending. Returns 0 or an errno.
static int open_temporary(struct cli_new_file *file, mode_t mode)
{
    if (asprintf(&file->temp_path, "%s.XXXXXX", file->final_path) < 0) {
        file->temp_path = NULL;
        return ENOMEM;
    }
    file->fd = mkostemp(file->temp_path, O_CLOEXEC);
    if (file->fd >= 0) {
        // mkostemp gives 0600; this is an ordinary file. Failing here costs only the mode.
        int refused = fchmod(file->fd, mode);
        (void)refused;
        return 0;
    }
    int error = errno;
    free(file->temp_path);
    file->temp_path = NULL;
    return error;
}

static int open_new(struct cli_new_file *file, const char *path)
{
    file->final_path = strdup(path);
    if (file->final_path == NULL) return ENOMEM;
    return open_temporary(file, mode_of_new_files());
}

static int open_existing(struct cli_new_file *file, const char *path, const struct stat *status)
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

int cli_new_file_open(struct cli_new_file *file, const char *path)
{
    *file = (struct cli_new_file){.fd = -1};
    struct stat status;
    bool exists = stat(path, &status) == 0;
    int error = exists ? open_existing(file, path, &status) : open_new(file, path);
    if (error != 0) cli_new_file_close(file);
    return error;
}

int cli_new_file_finish(struct cli_new_file *file)
{
    int fd = file->fd;
    file->fd = -1;
    // Some file systems tell only now that the disk is full.
    if (close(fd) != 0) return errno;
    if (file->temp_path == NULL) return 0;
    if (rename(file->temp_path, file->final_path) != 0) return errno;
    free(file->temp_path);
    file->temp_path = NULL;
    return 0;
}

void cli_new_file_close(struct cli_new_file *file)
{
    if (file->fd >= 0) close(file->fd);
    if (file->temp_path != NULL) unlink(file->temp_path);
    free(file->temp_path);
    free(file->final_path);
    *file = (struct cli_new_file){.fd = -1};
}
