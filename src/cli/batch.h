// cli/batch.h - runs one program on many isolates, only so many of them alive at a time.
#ifndef ZVM_CLI_BATCH_H
#define ZVM_CLI_BATCH_H

#include "cli/failure.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/profile.h"
#include "zvm.h"

struct cli_batch; // opaque outside batch.c

enum cli_stop {
    CLI_STOP_NOT,       // every isolate has run
    CLI_STOP_INTERRUPT, // cli_batch_interrupt was called
    CLI_STOP_OUTPUT,    // standard output could not be written
    CLI_STOP_REFUSED,   // an isolate could not be made; it has complained
};

// How a batch ended.
struct cli_batch_end {
    enum cli_stop stop;
    uint64_t started_count;
    uint64_t finished_count; // of those, not cancelled
};

// All pointers stay the caller's and outlive the batch. NULL: no memory.
struct cli_batch *cli_batch_create(zvm_runtime *runtime, zvm_code *code,
                                   const struct cli_run_options *options,
                                   struct cli_output_stream *output, struct cli_failures *failures,
                                   struct cli_profile *profile);
// After zvm_runtime_destroy, which ends the last use.
void cli_batch_destroy(struct cli_batch *batch);

// Runs until every isolate has finished or something stops it; then shuts the runtime down. On
// return no isolate is left. thread: main.
struct cli_batch_end cli_batch_run(struct cli_batch *batch);
// Stops the run. A cli_interrupt_fn; context: the batch. thread: any; never blocks for long.
void cli_batch_interrupt(void *context);

#endif // ZVM_CLI_BATCH_H
