// tests/fuzz/server.c - runs many programs in one process, each in every way, for fuzz_lang.
//
// Reads requests "LENGTH SEED\n" with LENGTH bytes of source behind, until the end of its input. Answers each
// with a line of numbers "STATUS LINE COLUMN FUEL MESSAGE OUTPUT DIFFERENCE", the last three lengths in bytes,
// and then those bytes: how the program ended, what it printed, and in what way it ended otherwise (nothing
// when each way did the same).
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_MAX ((size_t)1 << 22)
#define FUEL_LIMIT 100000000u // no program of the generator needs it: a bug does

// The first is what the answer is about.
static const struct fuzz_setup WAYS[] = {
    {.name = "goto, default slice", .slice = 32768},
    {.name = "goto, slice 1", .slice = 1},
    {.name = "goto, slice 97", .slice = 97},
    {.name = "switch, default slice", .slice = 32768, .uses_switch = true},
    {.name = "switch, slice 1", .slice = 1, .uses_switch = true},
    {.name = "switch, slice 97, collecting",
     .slice = 97,
     .uses_switch = true,
     .gc_threshold_count = 50},
};

#define WAY_COUNT (sizeof WAYS / sizeof WAYS[0])

// Runs code in each way under a limit of fuel; *first is how the first one ended. What differs is added to
// `difference`.
static void run_ways(zvm_code *code, uint64_t fuel_limit, struct fuzz_ending *first,
                     struct fuzz_text *difference)
{
    for (size_t i = 0; i < WAY_COUNT; i++) {
        struct fuzz_setup setup = WAYS[i];
        setup.fuel_limit = fuel_limit;
        struct fuzz_ending ending;
        fuzz_run(code, &setup, &ending);
        if (i == 0) {
            *first = ending;
            continue;
        }
        const char *what = fuzz_difference(first, &ending);
        if (what != NULL) {
            char line[400];
            int length = snprintf(
                line, sizeof line, "%s, fuel limit %llu: other is %s: %s %u:%u fuel %llu\n",
                setup.name, (unsigned long long)fuel_limit, what, zvm_status_text(ending.status),
                ending.line, ending.column, (unsigned long long)ending.fuel_used);
            (void)fuzz_text_add(difference, line, (size_t)length);
        }
        fuzz_ending_free(&ending);
    }
}

static void put(const struct fuzz_text *text, size_t length_bytes)
{
    if (length_bytes > 0) (void)fwrite(text->bytes, 1, length_bytes, stdout);
}

static void answer(const struct fuzz_ending *ending, const struct fuzz_text *difference)
{
    printf("%d %u %u %llu %zu %zu %zu\n", (int)ending->status, ending->line, ending->column,
           (unsigned long long)ending->fuel_used, ending->text_bytes, ending->printed.length_bytes,
           difference->length_bytes);
    put(&ending->message, ending->text_bytes);
    put(&ending->printed, ending->printed.length_bytes);
    put(difference, difference->length_bytes);
    (void)fflush(stdout);
}

static void run_program(const char *text, size_t length_bytes, uint64_t seed)
{
    struct fuzz_ending ending = {0}, cut = {0};
    struct fuzz_text difference = {0};
    zvm_code *code = NULL;
    ending.status = fuzz_compile(text, length_bytes, &ending.message, &code);
    if (ending.status != ZVM_OK) {
        ending.text_bytes = ending.message.length_bytes;
    } else {
        fuzz_text_free(&ending.message);
        run_ways(code, FUEL_LIMIT, &ending, &difference);
        struct fuzz_random random = {seed};
        if (ending.fuel_used > 4) {
            run_ways(code, 2 + fuzz_random_below(&random, (size_t)ending.fuel_used - 2), &cut,
                     &difference);
        }
        zvm_code_release(code);
    }
    answer(&ending, &difference);
    fuzz_text_free(&difference);
    fuzz_ending_free(&ending);
    fuzz_ending_free(&cut);
}

int main(void)
{
    char *text = malloc(SOURCE_MAX);
    char line[100];
    if (text == NULL) fuzz_fail("no memory");
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *behind;
        size_t length_bytes = (size_t)strtoull(line, &behind, 10);
        uint64_t seed = strtoull(behind, NULL, 10);
        if (length_bytes > SOURCE_MAX || fread(text, 1, length_bytes, stdin) != length_bytes) {
            fuzz_fail("a request is cut off");
        }
        run_program(text, length_bytes, seed);
    }
    free(text);
    zvm_runtime_destroy(fuzz_runtime());
    return 0;
}
