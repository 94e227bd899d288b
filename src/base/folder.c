// base/folder.c - reads files below a folder and never anything outside it.
//
// Owns: the open folder. Thread: one at a time a folder.
// How: the path is made canonical first, which follows every symbolic link, and must then lie in the
// canonical folder. The file is opened from the folder part by part, and no part may be a link: a link
// that somebody puts there between the two steps is refused and not followed.
#include "base/folder.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define READ_BYTES     4096 // the first buffer of a file that does not know its size

static zvm_status refuse(zfolder_reason *reason, zvm_status status, zfolder_reason why)
{
    *reason = why;
    return status;
}

static zvm_status refuse_errno(zfolder_reason *reason)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return refuse(reason, ZVM_E_NOT_FOUND, "there is no such file");
    case EACCES:
        return refuse(reason, ZVM_E_NOT_FOUND, "permission denied");
    case ENOMEM:
        return refuse(reason, ZVM_E_NOMEM, "no memory");
    case ELOOP:
        return refuse(reason, ZVM_E_NOT_FOUND, "its symbolic links lead in a circle");
    case ENAMETOOLONG:
        return refuse(reason, ZVM_E_NOT_FOUND, "its path is too long");
    default:
        return refuse(reason, ZVM_E_NOT_FOUND, "it cannot be read");
    }
}

zvm_status zfolder_open(struct zfolder *folder, const char *path, zfolder_reason *reason)
{
    if (realpath(path, folder->path) == NULL) return refuse_errno(reason);
    folder->fd = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0) return refuse_errno(reason);
    folder->length = strlen(folder->path);
    if (folder->length == 1) folder->length = 0; // of "/": paths bring their own
    folder->path[folder->length] = '\0';
    return ZVM_OK;
}

void zfolder_close(struct zfolder *folder)
{
    (void)close(folder->fd);
    folder->fd = -1;
}

// Keeps of a canonical path what stands behind the folder.
static bool strip_folder(const struct zfolder *folder, char *path)
{
    if (strncmp(path, folder->path, folder->length) != 0) return false;
    if (path[folder->length] != '/') return false;
    memmove(path, path + folder->length + 1, strlen(path + folder->length + 1) + 1);
    return path[0] != '\0';
}

zvm_status zfolder_locate(const struct zfolder *folder, const char *path, char *out,
                          zfolder_reason *reason)
{
    if (realpath(path, out) == NULL) return refuse_errno(reason);
    if (strip_folder(folder, out)) return ZVM_OK;
    return refuse(reason, ZVM_E_ARGUMENT, "it does not lie in the root folder");
}

zvm_status zfolder_follow(struct zfolder *folder, const char *path, char *out,
                          zfolder_reason *reason)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) return refuse_errno(reason);
    char *slash = strrchr(real, '/');
    memcpy(out, slash + 1, strlen(slash + 1) + 1);
    slash[slash == real] = '\0'; // keeps the "/" of the topmost folder
    struct zfolder next;
    zvm_status status = zfolder_open(&next, real, reason);
    if (status != ZVM_OK) return status;
    zfolder_close(folder);
    *folder = next;
    return ZVM_OK;
}

// ---- Reading ------------------------------------------------------------------------------------

// Opens a path without links; -1 and errno.
static int open_parts(const struct zfolder *folder, const char *path)
{
    char part[NAME_MAX + 1];
    int fd = folder->fd;
    for (;;) {
        const char *slash = strchr(path, '/');
        size_t bytes = slash == NULL ? strlen(path) : (size_t)(slash - path);
        int next = -1;
        if (bytes <= NAME_MAX) {
            memcpy(part, path, bytes);
            part[bytes] = '\0';
            // Without O_NONBLOCK opening a pipe would wait for somebody to write to it.
            int kind = slash == NULL ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
            next = openat(fd, part, kind | O_NOFOLLOW | O_CLOEXEC);
        } else {
            errno = ENAMETOOLONG;
        }
        int error = errno;
        if (fd != folder->fd) (void)close(fd);
        errno = error;
        if (next < 0 || slash == NULL) return next;
        fd = next;
        path = slash + 1;
    }
}

struct content {
    char *bytes; // [capacity]
    size_t length, capacity;
};

static bool make_room(struct content *content)
{
    if (content->length < content->capacity) return true;
    size_t capacity = content->capacity == 0 ? READ_BYTES : content->capacity * 2;
    char *bytes = z_resize(content->bytes, content->capacity, capacity);
    if (bytes == NULL) return false;
    content->bytes = bytes;
    content->capacity = capacity;
    return true;
}

static zvm_status read_all(int fd, struct content *content, zfolder_reason *reason)
{
    for (;;) {
        if (!make_room(content)) return refuse(reason, ZVM_E_NOMEM, "no memory");
        ssize_t got =
            read(fd, content->bytes + content->length, content->capacity - content->length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return refuse_errno(reason);
        if (got == 0) return ZVM_OK;
        content->length += (size_t)got;
        if (content->length >= FILE_BYTES_MAX)
            return refuse(reason, ZVM_E_LIMIT, "it is larger than 1 GiB");
    }
}

// One byte more than the file has: the read that finds the end needs no second buffer.
static zvm_status read_opened(int fd, struct content *content, zfolder_reason *reason)
{
    struct stat status;
    if (fstat(fd, &status) != 0) return refuse_errno(reason);
    if (S_ISDIR(status.st_mode)) return refuse(reason, ZVM_E_NOT_FOUND, "it is a folder");
    if (!S_ISREG(status.st_mode)) return refuse(reason, ZVM_E_NOT_FOUND, "it is no plain file");
    if ((uint64_t)status.st_size >= FILE_BYTES_MAX)
        return refuse(reason, ZVM_E_LIMIT, "it is larger than 1 GiB");
    content->bytes = z_alloc((size_t)status.st_size + 1);
    if (content->bytes == NULL) return refuse(reason, ZVM_E_NOMEM, "no memory");
    content->capacity = (size_t)status.st_size + 1;
    return read_all(fd, content, reason);
}

// The block gets the length of its content, which z_free will be told.
static zvm_status shrink(struct content *content, char **text, size_t *length_bytes)
{
    *text = NULL;
    *length_bytes = content->length;
    if (content->length > 0) {
        *text = z_resize(content->bytes, content->capacity, content->length);
        if (*text == NULL) return ZVM_E_NOMEM;
    } else {
        z_free(content->bytes, content->capacity);
    }
    *content = (struct content){0};
    return ZVM_OK;
}

zvm_status zfolder_read(const struct zfolder *folder, const char *path, char *real, char **text,
                        size_t *length_bytes, zfolder_reason *reason)
{
    char joined[PATH_MAX];
    int length = snprintf(joined, sizeof joined, "%s/%s", folder->path, path);
    if (length < 0 || (size_t)length >= sizeof joined)
        return refuse(reason, ZVM_E_NOT_FOUND, "its path is too long");
    if (realpath(joined, real) == NULL) return refuse_errno(reason);
    if (!strip_folder(folder, real))
        return refuse(reason, ZVM_E_NOT_FOUND, "a symbolic link leads out of the root folder");
    int fd = open_parts(folder, real);
    if (fd < 0) return refuse_errno(reason);
    struct content content = {0};
    zvm_status status = read_opened(fd, &content, reason);
    (void)close(fd);
    if (status == ZVM_OK) status = shrink(&content, text, length_bytes);
    z_free(content.bytes, content.capacity);
    return status;
}
