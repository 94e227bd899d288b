// fuzz/replay.c - a main for a fuzz target without libFuzzer: for any compiler and any sanitizer.
//
//   replay_TARGET FILE|FOLDER...                      runs each input once
//   replay_TARGET --runs N [--seed N] FILE|FOLDER...  and then N changed ones, at random, without coverage
//
// All checks are made of each input; with --sampled, as many as libFuzzer makes.
// A changed input is written to the file named by --keep before it runs, so that it is there after a crash.
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 20)

struct input {
    uint8_t *bytes;
    size_t length_bytes;
};

struct replay {
    struct input *inputs;
    size_t count, capacity;
    unsigned long long runs, seed;
    const char *keep;
};

// ---- Inputs -----------------------------------------------------------------------------------------

static void add_input(struct replay *replay, const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);
    if (file == NULL || bytes == NULL) fuzz_fail("cannot read %s", path);
    size_t length_bytes = fread(bytes, 1, INPUT_MAX, file);
    if (ferror(file)) fuzz_fail("cannot read %s", path);
    (void)fclose(file);
    // A block of exactly that size: a byte too far is seen by the sanitizer.
    uint8_t *exact = malloc(length_bytes + (length_bytes == 0));
    if (exact == NULL) fuzz_fail("no memory");
    memcpy(exact, bytes, length_bytes);
    free(bytes);
    if (replay->count == replay->capacity) {
        replay->capacity = replay->capacity * 2 + 16;
        replay->inputs = realloc(replay->inputs, replay->capacity * sizeof *replay->inputs);
        if (replay->inputs == NULL) fuzz_fail("no memory");
    }
    replay->inputs[replay->count++] = (struct input){exact, length_bytes};
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void add_path(struct replay *replay, const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0) {
        add_input(replay, path);
        return;
    }
    for (int i = 0; i < count; i++) {
        char inside[4096];
        (void)snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
        add_input(replay, inside);
        free(entries[i]);
    }
    free(entries);
}

// ---- What libFuzzer would do ------------------------------------------------------------------------

size_t LLVMFuzzerMutate(uint8_t *data, size_t length_bytes, size_t capacity_bytes)
{
    static struct fuzz_random random;
    size_t at = length_bytes == 0 ? 0 : fuzz_random_below(&random, length_bytes);
    switch (fuzz_random_below(&random, 3)) {
    case 0:
        if (length_bytes == 0) return 0;
        data[at] ^= (uint8_t)(1u << fuzz_random_below(&random, 8));
        return length_bytes;
    case 1:
        if (length_bytes == 0) return 0;
        memmove(data + at, data + at + 1, length_bytes - at - 1);
        return length_bytes - 1;
    default:
        if (length_bytes >= capacity_bytes) return length_bytes;
        memmove(data + at + 1, data + at, length_bytes - at);
        data[at] = (uint8_t)fuzz_random_next(&random);
        return length_bytes + 1;
    }
}

static void keep(const struct replay *replay, const uint8_t *bytes, size_t length_bytes)
{
    if (replay->keep == NULL) return;
    FILE *file = fopen(replay->keep, "wb");
    if (file == NULL || fwrite(bytes, 1, length_bytes, file) != length_bytes) {
        fuzz_fail("cannot write %s", replay->keep);
    }
    (void)fclose(file);
}

// Changes chosen inputs and, often, what came out of it once more.
static void run_changed(const struct replay *replay)
{
    struct fuzz_random random = {replay->seed};
    uint8_t *bytes = malloc(INPUT_MAX);
    if (bytes == NULL) fuzz_fail("no memory");
    for (unsigned long long run = 0; run < replay->runs;) {
        const struct input *input = &replay->inputs[fuzz_random_below(&random, replay->count)];
        size_t length_bytes = input->length_bytes;
        memcpy(bytes, input->bytes, length_bytes);
        uint32_t changes = 1 + fuzz_random_below(&random, 6);
        for (uint32_t i = 0; i < changes && run < replay->runs; i++, run++) {
            size_t capacity_bytes =
                length_bytes + 4096 < INPUT_MAX ? length_bytes + 4096 : INPUT_MAX;
            length_bytes = LLVMFuzzerCustomMutator(bytes, length_bytes, capacity_bytes,
                                                   fuzz_random_next(&random));
            keep(replay, bytes, length_bytes);
            (void)LLVMFuzzerTestOneInput(bytes, length_bytes);
        }
    }
    free(bytes);
}

// ---- Main -------------------------------------------------------------------------------------------

static void read_arguments(struct replay *replay, int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        bool has_next = i + 1 < count;
        if (strcmp(arguments[i], "--runs") == 0 && has_next) {
            replay->runs = strtoull(arguments[++i], NULL, 10);
        } else if (strcmp(arguments[i], "--seed") == 0 && has_next) {
            replay->seed = strtoull(arguments[++i], NULL, 10);
        } else if (strcmp(arguments[i], "--keep") == 0 && has_next) {
            replay->keep = arguments[++i];
        } else if (strcmp(arguments[i], "--sampled") == 0) {
            fuzz_checks_all = false;
        } else {
            add_path(replay, arguments[i]);
        }
    }
}

int main(int argc, char **argv)
{
    struct replay replay = {.seed = 1};
    fuzz_checks_all = true;
    read_arguments(&replay, argc, argv);
    if (replay.count == 0) {
        (void)fprintf(stderr, "usage: %s [--runs N] [--seed N] [--keep FILE] FILE|FOLDER...\n",
                      argv[0]);
        return 2;
    }
    for (size_t i = 0; i < replay.count; i++) {
        (void)LLVMFuzzerTestOneInput(replay.inputs[i].bytes, replay.inputs[i].length_bytes);
    }
    run_changed(&replay);
    for (size_t i = 0; i < replay.count; i++) {
        free(replay.inputs[i].bytes);
    }
    free(replay.inputs);
    printf("%zu inputs, %llu changed ones\n", replay.count, replay.runs);
    zvm_runtime_destroy(fuzz_runtime());
    return 0;
}
