// base/folder_nearest.c - which name in a folder is most like the one that was not found.
//
// Owns: nothing beyond a call. Thread: one at a time a folder.
// How: the path is followed part by part, never over a link, up to the first part that is missing;
// then the names beside it are looked through. Bounded: the first NAMES_MAX names of a folder.
#include "base/folder.h"

#include "base/nearest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX     1000u
#define LISTING_BYTES 4096

// The best so far: a name is gone with the next part of the listing.
struct search {
    char wanted[NAME_MAX + 1];
    bool wants_folder;
    unsigned distance;
    char best[NAME_MAX + 1]; // empty: none
};

// A file that was named without its ending is nearer than any other.
static bool is_without_ending(const struct search *search, const char *name)
{
    size_t bytes = strlen(search->wanted);
    return !search->wants_folder && strncmp(name, search->wanted, bytes) == 0 &&
           strcmp(name + bytes, ".zx") == 0;
}

// How far a name is from the wanted one. False: too far.
static bool measure(const struct search *search, const char *name, unsigned *distance)
{
    struct znearest nearest;
    znearest_init(&nearest, search->wanted, strlen(search->wanted));
    znearest_offer(&nearest, name, strlen(name));
    *distance = is_without_ending(search, name) ? 0 : nearest.distance;
    return nearest.best != NULL || is_without_ending(search, name);
}

static void offer(struct search *search, const struct dirent64 *entry)
{
    const char *name = entry->d_name;
    unsigned char kind = search->wants_folder ? DT_DIR : DT_REG;
    unsigned distance;
    if (name[0] == '.' || (entry->d_type != DT_UNKNOWN && entry->d_type != kind)) return;
    if (!measure(search, name, &distance)) return;
    if (search->best[0] != '\0') {
        // Of equally near names the first of the alphabet: the order of a listing means nothing.
        if (distance > search->distance) return;
        if (distance == search->distance && strcmp(name, search->best) > 0) return;
    }
    search->distance = distance;
    snprintf(search->best, sizeof search->best, "%s", name);
}

static void look_through(int fd, struct search *search)
{
    _Alignas(struct dirent64) char listing[LISTING_BYTES];
    uint32_t count = 0;
    for (;;) {
        ssize_t got = getdents64(fd, listing, sizeof listing);
        if (got <= 0) return;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(listing + at);
            if (count++ == NAMES_MAX) return;
            offer(search, entry);
            at += entry->d_reclen;
        }
    }
}

// The folder that the first missing part of the path should be in, or -1. *offset: of that part.
static int open_up_to_missing(const struct zfolder *folder, const char *path, struct search *search,
                              size_t *offset)
{
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *part = path;
    while (fd >= 0) {
        const char *slash = strchr(part, '/');
        size_t bytes = slash == NULL ? strlen(part) : (size_t)(slash - part);
        if (bytes > NAME_MAX) break;
        memcpy(search->wanted, part, bytes);
        search->wanted[bytes] = '\0';
        search->wants_folder = slash != NULL;
        *offset = (size_t)(part - path);
        if (slash == NULL) return fd;
        int next = openat(fd, search->wanted, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && errno == ENOENT) return fd;
        (void)close(fd);
        fd = next;
        part = slash + 1;
    }
    if (fd >= 0) (void)close(fd);
    return -1;
}

bool zfolder_nearest(const struct zfolder *folder, const char *path, size_t *offset, char *name)
{
    struct search search = {.best = ""};
    int fd = open_up_to_missing(folder, path, &search, offset);
    if (fd < 0) return false;
    look_through(fd, &search);
    (void)close(fd);
    if (search.best[0] == '\0') return false;
    memcpy(name, search.best, strlen(search.best) + 1);
    return true;
}
