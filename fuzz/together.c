// fuzz/together.c - a run of a program that spawns isolates.
//
// Owns: a runtime for each run. Thread: one.
// The runtime has a seed, so turns, and with them all that is printed and its order, are the same with each back end.
// Collections take time from slices, so the seed says how often there are any, and how long slices are, not the setup.
// Code belongs to its runtime: the program gets there by a compiled file. When nothing can run any more and
// the program waits, it is cancelled.
#include "fuzz.h"

#define ISOLATES_MAX 48u

static const uint64_t GC_THRESHOLDS[3] = {0, 3, 50};

uint64_t fuzz_turns_seed = 1;

struct together {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_group *group;
    zvm_isolate *isolate;
};

static void check(zvm_status status, const char *what)
{
    if (status != ZVM_OK) fuzz_fail("%s: %s", what, zvm_status_text(status));
}

static void move_code(zvm_code *code, struct together *together)
{
    struct fuzz_text bytes = {0};
    check(zvm_code_serialize(code, fuzz_text_add, &bytes), "not written");
    check(zvm_code_from_bytes(together->runtime, "main.zx", bytes.bytes, bytes.length_bytes, NULL,
                              NULL, &together->code),
          "not read again");
    fuzz_text_free(&bytes);
}

static void begin(zvm_code *code, const struct fuzz_setup *setup, struct fuzz_ending *out,
                  struct together *together)
{
    zvm_runtime_options runtime = ZVM_RUNTIME_OPTIONS_INIT;
    runtime.seed = fuzz_turns_seed;
    check(zvm_runtime_create(&runtime, &together->runtime), "no runtime");
    move_code(code, together);
    zvm_group_options group = ZVM_GROUP_OPTIONS_INIT;
    group.isolate_limit = ISOLATES_MAX;
    group.fuel_limit = setup->fuel_limit;
    check(zvm_group_create(together->runtime, &group, &together->group), "no group");
    zvm_isolate_options options = fuzz_isolate_options(setup, out);
    options.group = together->group;
    options.may_spawn = 1;
    options.gc_threshold_count = GC_THRESHOLDS[fuzz_turns_seed % 3];
    options.mailbox_limit_count = 4; // so that some wait for room
    options.mailbox_limit_bytes = 4096;
    check(zvm_isolate_create(together->runtime, together->code, &options, &together->isolate),
          "no isolate");
    check(zvm_isolate_submit(together->isolate), "not submitted");
}

static void run(const struct together *together)
{
    uint64_t turns = 1;
    while (turns > 0 && zvm_isolate_wait(together->isolate, 0) != ZVM_OK)
        check(zvm_runtime_turns(together->runtime, 1, &turns), "no turn");
    zvm_isolate_cancel(together->isolate);
    check(zvm_isolate_wait(together->isolate, UINT64_MAX), "it does not end");
}

// What the program has spawned ends with it.
static void end(struct together *together, struct fuzz_ending *out)
{
    zvm_group_figures figures = {.size = sizeof figures};
    fuzz_read_ending(together->isolate, out);
    zvm_group_cancel(together->group);
    check(zvm_runtime_drain(together->runtime), "not drained");
    check(zvm_group_report(together->group, &figures), "no figures");
    if (figures.isolates != 1)
        fuzz_fail("%llu isolates are left", (unsigned long long)figures.isolates);
    out->fuel_used = figures.fuel_taken;
    check(zvm_isolate_destroy(together->isolate), "the isolate is not destroyed");
    check(zvm_group_destroy(together->group), "the group is not destroyed");
    zvm_code_release(together->code);
    check(zvm_runtime_destroy(together->runtime), "the runtime is not destroyed");
}

void fuzz_run_together(zvm_code *code, const struct fuzz_setup *setup, struct fuzz_ending *out)
{
    struct together together = {0};
    begin(code, setup, out, &together);
    run(&together);
    end(&together, out);
}
