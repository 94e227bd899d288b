// cli/new_file.c - a file that has no name until it is whole.
//
// Owns: the file until it has its name. Thread: one at a time a file.
// Invariant: under the final name there is at all times the old file, nothing, or a whole new one; and
// nothing half-written is ever under any name, whenever the process is killed.
// How: the file is made without a name (O_TMPFILE) in the folder of the final one, because links and
// renames work within one file system. Whole, it gets the final name by a link; where there is a file
// already it gets a name beside it first, and is renamed. Where the system cannot do without a name,
// the file is written under a temporary one and then renamed. A device, a pipe or /dev/stdout cannot
// be replaced and is written in place.
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FD_PATH_BYTES 32
#define NAME_TRIES    100 // of names beside the final one

static mode_t mode_of_new_files(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

// ---- Without a name -----------------------------------------------------------------------------

// Where the file of a descriptor can be found as long as it has no name.
static const char *fd_path(int fd, char out[FD_PATH_BYTES])
{
    (void)snprintf(out, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
    return out;
}

// false: this folder, or this system, cannot do it.
static bool open_nameless(struct cli_new_file *file)
{
    char *copy = strdup(file->final_path);
    if (copy == NULL) return false;
    file->fd = open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    free(copy);
    char path[FD_PATH_BYTES];
    if (file->fd >= 0 && access(fd_path(file->fd, path), F_OK) == 0) return true;
    if (file->fd >= 0) close(file->fd);
    file->fd = -1;
    return false;
}

// A name beside the final one that nobody has. Returns 0 or an errno.
static int link_beside(struct cli_new_file *file, const char *from)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        if (asprintf(&file->temp_path, "%s.%ld.%d", file->final_path, (long)getpid(), i) < 0) {
            file->temp_path = NULL;
            return ENOMEM;
        }
        if (linkat(AT_FDCWD, from, AT_FDCWD, file->temp_path, AT_SYMLINK_FOLLOW) == 0) return 0;
        int error = errno;
        free(file->temp_path);
        file->temp_path = NULL;
        if (error != EEXIST) return error;
    }
    return EEXIST;
}

// The file is whole: gives it its name, or one to be renamed. Returns 0 or an errno.
static int give_name(struct cli_new_file *file)
{
    char from[FD_PATH_BYTES];
    fd_path(file->fd, from);
    if (linkat(AT_FDCWD, from, AT_FDCWD, file->final_path, AT_SYMLINK_FOLLOW) == 0) return 0;
    return errno == EEXIST ? link_beside(file, from) : errno;
}

// ---- Opening ------------------------------------------------------------------------------------

// Makes `final_path` with a random ending. Returns 0 or an errno.
static int open_temporary(struct cli_new_file *file)
{
    if (asprintf(&file->temp_path, "%s.XXXXXX", file->final_path) < 0) {
        file->temp_path = NULL;
        return ENOMEM;
    }
    file->fd = mkostemp(file->temp_path, O_CLOEXEC);
    if (file->fd >= 0) return 0;
    int error = errno;
    free(file->temp_path);
    file->temp_path = NULL;
    return error;
}

// mode: of the old file; 0: there is none.
static int open_beside(struct cli_new_file *file, mode_t mode)
{
    file->is_nameless = open_nameless(file);
    int error = file->is_nameless ? 0 : open_temporary(file);
    if (error != 0) return error;
    // mkostemp gives 0600; this is an ordinary file.
    if (mode == 0 && !file->is_nameless) mode = mode_of_new_files();
    int refused = mode != 0 ? fchmod(file->fd, mode) : 0;
    (void)refused; // failing here costs only the mode
    return 0;
}

static int open_new(struct cli_new_file *file, const char *path)
{
    file->final_path = strdup(path);
    if (file->final_path == NULL) return ENOMEM;
    return open_beside(file, 0);
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
    return open_beside(file, status->st_mode & 0777);
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
    int error = file->is_nameless ? give_name(file) : 0;
    int fd = file->fd;
    file->fd = -1;
    // Some file systems tell only now that the disk is full.
    if (close(fd) != 0 && error == 0) error = errno;
    if (error != 0 || file->temp_path == NULL) return error;
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
