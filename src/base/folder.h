// base/folder.h - reads files below a folder and never anything outside it. thread: one at a time.
#ifndef ZVM_BASE_FOLDER_H
#define ZVM_BASE_FOLDER_H

#include "base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct zfolder {
    int fd;
    size_t length;       // of path
    char path[PATH_MAX]; // canonical; "" for "/"
};

// Why something could not be read: a few words, static, never NULL after a failure.
typedef const char *zfolder_reason;

// errors: ZVM_E_NOT_FOUND (anything but memory), ZVM_E_NOMEM, each with a reason.
zvm_status zfolder_open(struct zfolder *folder, const char *path, zfolder_reason *reason);
void zfolder_close(struct zfolder *folder);

// Where `path` (from the working folder, or absolute) lies in the folder: [PATH_MAX], without links,
// relative. errors: ZVM_E_NOT_FOUND no such file; ZVM_E_ARGUMENT it lies outside.
zvm_status zfolder_locate(const struct zfolder *folder, const char *path, char *out,
                          zfolder_reason *reason);

// Goes on to the folder of the file that the link `path` leads to. errors: as zfolder_open; the folder
// stays open.
zvm_status zfolder_follow(struct zfolder *folder, const char *path, char *out,
                          zfolder_reason *reason);

// Reads the plain file at `path`, relative to the folder and without "..". real [PATH_MAX] gets its path
// without links. *text [*length_bytes] is to be freed with z_free; NULL when empty.
// errors: ZVM_E_NOT_FOUND, ZVM_E_LIMIT 1 GiB or more, ZVM_E_NOMEM, each with a reason.
zvm_status zfolder_read(const struct zfolder *folder, const char *path, char *real, char **text,
                        size_t *length_bytes, zfolder_reason *reason);

// What may be meant by a path that is not there: *offset is where its first missing part begins, and
// name [NAME_MAX + 1] what stands in the folder in place of that part and is most like it. False: nothing.
bool zfolder_nearest(const struct zfolder *folder, const char *path, size_t *offset, char *name);

#endif // ZVM_BASE_FOLDER_H
