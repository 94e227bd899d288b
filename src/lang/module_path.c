// lang/module_path.c - the paths of modules as text. Thread: any; owns nothing.
//
// A path is a list of parts with '/' between them, relative to the root folder. `.` and `..` are worked
// out here, before anyone sees the path, so that none leads out of the root folder; what links of the
// file system do is for the loader to check.
#include "lang/module_internal.h"

#include "base/utf8.h"

#include <string.h>

struct path {
    char *bytes;
    size_t length;
};

// Takes the last part off; false: there is none.
static bool pop_part(struct path *path)
{
    if (path->length == 0) return false;
    while (path->length > 0 && path->bytes[path->length - 1] != '/')
        path->length--;
    if (path->length > 0) path->length--; // the '/'
    return true;
}

static bool push_part(struct path *path, const char *part, size_t bytes)
{
    size_t slash = path->length > 0 ? 1 : 0;
    if (bytes > ZMODULE_PATH_MAX - slash || path->length > ZMODULE_PATH_MAX - slash - bytes)
        return false;
    if (slash > 0) path->bytes[path->length++] = '/';
    memcpy(path->bytes + path->length, part, bytes);
    path->length += bytes;
    return true;
}

static const char *add_part(struct path *path, const char *part, size_t bytes)
{
    if (bytes == 0) return "the path has an empty part";
    if (bytes == 1 && part[0] == '.') return NULL;
    if (bytes == 2 && memcmp(part, "..", 2) == 0)
        return pop_part(path) ? NULL : "the path leads above the root folder";
    return push_part(path, part, bytes) ? NULL : "the path is longer than 1024 bytes";
}

const char *zmodule_resolve_path(const char *from, const char *path, size_t path_bytes,
                                 char out[ZMODULE_PATH_MAX + 1])
{
    struct path result = {out, 0};
    size_t from_bytes = strlen(from);
    if (from_bytes > ZMODULE_PATH_MAX) return "the path is longer than 1024 bytes";
    memcpy(out, from, from_bytes);
    result.length = from_bytes;
    (void)pop_part(&result); // the file itself
    for (size_t start = 0; start <= path_bytes;) {
        const char *slash = memchr(path + start, '/', path_bytes - start);
        size_t end = slash == NULL ? path_bytes : (size_t)(slash - path);
        const char *fault = add_part(&result, path + start, end - start);
        if (fault != NULL) return fault;
        start = end + 1;
    }
    out[result.length] = '\0';
    return result.length > 0 ? NULL : "the path names a folder";
}

bool zmodule_is_normal_path(const char *path)
{
    char resolved[ZMODULE_PATH_MAX + 1];
    size_t bytes = strlen(path);
    if (bytes == 0 || !zutf8_is_valid(path, bytes, NULL)) return false;
    return zmodule_resolve_path("", path, bytes, resolved) == NULL && strcmp(path, resolved) == 0;
}
