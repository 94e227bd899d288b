// Goal: the programs of the language tests, for drivers that run all of them in one process.
// Use: corpus_read, then corpus.programs[count] in the order of their paths; corpus_free.
// Memory is the C library's own: what a driver counts is the library's under test.
#ifndef ZVM_TESTS_FAULT_CORPUS_H
#define ZVM_TESTS_FAULT_CORPUS_H

#include <fts.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zvm.h"

struct corpus_program {
    char *path; // [NUL-terminated], from where the driver was started
    char *text;
    size_t length_bytes;
};

struct corpus {
    struct corpus_program *programs;
    size_t count, capacity;
};

// Runs an isolate to its end; programs may sleep.
static inline zvm_status corpus_run(zvm_isolate *isolate, bool *finished)
{
    zvm_status status = zvm_isolate_run(isolate, 0, finished);
    while (status == ZVM_E_WAITING) {
        (void)zvm_isolate_wait(isolate, UINT64_MAX);
        status = zvm_isolate_run(isolate, 0, finished);
    }
    return status;
}

static inline void corpus_die(const char *what, const char *path)
{
    (void)fprintf(stderr, "corpus: %s: %s\n", path, what);
    exit(2);
}

static inline char *corpus_read_file(const char *path, size_t *length_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) corpus_die("cannot be read", path);
    size_t capacity = 1 << 16, length = 0;
    char *text = malloc(capacity);
    for (size_t got = 1; text != NULL && got > 0;) {
        if (length == capacity) text = realloc(text, capacity *= 2);
        got = text == NULL ? 0 : fread(text + length, 1, capacity - length, file);
        length += got;
    }
    if (text == NULL || ferror(file)) corpus_die("cannot be read", path);
    (void)fclose(file);
    *length_bytes = length;
    return text;
}

static inline void corpus_add(struct corpus *corpus, const char *path)
{
    if (corpus->count == corpus->capacity) {
        corpus->capacity = corpus->capacity == 0 ? 64 : corpus->capacity * 2;
        corpus->programs = realloc(corpus->programs, corpus->capacity * sizeof corpus->programs[0]);
    }
    if (corpus->programs == NULL) corpus_die("no memory", path);
    struct corpus_program *program = &corpus->programs[corpus->count++];
    program->path = strdup(path);
    program->text = corpus_read_file(path, &program->length_bytes);
}

static inline int corpus_order(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static inline bool corpus_is_program(const FTSENT *entry)
{
    if (entry->fts_info != FTS_F) return false;
    size_t length = entry->fts_namelen;
    if (length < 3 || strcmp(entry->fts_name + length - 3, ".zx") != 0) return false;
    return strstr(entry->fts_path, "/parts/") == NULL; // modules of the programs beside them
}

// Reads a file, or every program in a folder and the folders in it.
static inline void corpus_read(struct corpus *corpus, const char *path)
{
    char *copy = strdup(path), *const paths[] = {copy, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, corpus_order);
    if (walk == NULL) corpus_die("cannot be walked", path);
    for (FTSENT *entry = fts_read(walk); entry != NULL; entry = fts_read(walk)) {
        if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            corpus_die("cannot be read", entry->fts_path);
        if (corpus_is_program(entry)) corpus_add(corpus, entry->fts_path);
    }
    (void)fts_close(walk);
    free(copy);
    if (corpus->count == 0) corpus_die("no programs", path);
}

static inline void corpus_free(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->count; i++) {
        free(corpus->programs[i].path);
        free(corpus->programs[i].text);
    }
    free(corpus->programs);
    *corpus = (struct corpus){NULL, 0, 0};
}

#endif // ZVM_TESTS_FAULT_CORPUS_H
