// Goal: a program that makes distinct keys without end and drops them leaves the table of shared strings
// where it was: as many entries, as much memory.
// Method: isolates on two workers each make their share of keys: half of them drop each key at once, the
// others keep some thousands and then drop these together, so that the table grows and shrinks. What is
// there afterwards is compared with what was there before; all that was put in must have come out.
// Usage: stress_intern_keys [KEYS]
#include "zvm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISOLATES 4
#define KEYS     400000
// Symbols that nobody holds are dropped when they are more than this, and cost about this much.
#define SLACK_COUNT 256
#define SLACK_BYTES (64 * 1024)

static const char PROGRAM[] = "let count = int(args[0])\n"
                              "let batch = [1, 30000][isolate_id() % 2]\n"
                              "let kept = {}\n"
                              "let i = 0\n"
                              "while i < count {\n"
                              "    if i % batch == 0 { kept = {} }\n"
                              "    kept[\"key ${isolate_id()} ${i}\"] = i\n"
                              "    i = i + 1\n"
                              "}\n"
                              "kept = {}\n"
                              "let made = count\n";

static zvm_intern_figures figures_of(zvm_runtime *runtime)
{
    zvm_intern_figures figures = ZVM_INTERN_FIGURES_INIT;
    if (zvm_intern_stats(runtime, &figures) != ZVM_OK) exit(2);
    return figures;
}

static void print_figures(const char *when, const zvm_intern_figures *figures)
{
    printf("%-7s %" PRIu64 " symbols (%" PRIu64 " dead), %" PRIu64 " bytes, %" PRIu64
           " inserted, %" PRIu64 " reclaimed, %" PRIu64 " pending, %" PRIu64 " migrations\n",
           when, figures->count, figures->dead, figures->bytes, figures->inserted,
           figures->reclaimed, figures->pending, figures->migrations);
}

// Makes `keys` in all. False: a program did not end well.
static bool run_isolates(zvm_runtime *runtime, zvm_code *code, uint64_t keys)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, keys / ISOLATES);
    const char *arguments[] = {text};
    zvm_isolate *isolates[ISOLATES];
    bool is_right = true;
    for (int i = 0; i < ISOLATES; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        options.arguments = arguments;
        options.argument_count = 1;
        if (zvm_isolate_create(runtime, code, &options, &isolates[i]) != ZVM_OK) exit(2);
        if (zvm_isolate_submit(isolates[i]) != ZVM_OK) exit(2);
    }
    if (zvm_runtime_drain(runtime) != ZVM_OK) exit(2);
    for (int i = 0; i < ISOLATES; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        if (zvm_isolate_result(isolates[i], &result) != ZVM_OK) exit(2);
        is_right &= result.status == ZVM_OK;
        if (result.status != ZVM_OK) printf("isolate %d: %s: %s\n", i, result.kind, result.message);
        zvm_isolate_destroy(isolates[i]);
    }
    return is_right;
}

int main(int count, char **arguments)
{
    uint64_t keys = count > 1 ? strtoull(arguments[1], NULL, 0) : KEYS;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    zvm_runtime *runtime;
    zvm_code *code;
    if (keys < ISOLATES || zvm_runtime_create(&options, &runtime) != ZVM_OK) return 2;
    if (zvm_code_from_source(runtime, "keys.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code) !=
        ZVM_OK)
        return 2;
    zvm_intern_figures before = figures_of(runtime);
    print_figures("before:", &before);
    bool is_right = run_isolates(runtime, code, keys);
    zvm_intern_figures after = figures_of(runtime);
    print_figures("after:", &after);

    is_right &= after.inserted - before.inserted >= keys / ISOLATES * ISOLATES;
    is_right &= after.inserted - after.reclaimed == after.count;
    is_right &= after.count - after.dead == before.count - before.dead;
    is_right &= after.count <= before.count + SLACK_COUNT;
    is_right &= after.bytes <= before.bytes + SLACK_BYTES;
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    printf("stress_intern_keys: %s\n", is_right ? "ok" : "WRONG");
    return is_right ? 0 : 1;
}
