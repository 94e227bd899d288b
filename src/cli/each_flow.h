// cli/each_flow.h - rows from an input through threads to an output, in order, in flat memory.
#ifndef ZVM_CLI_EACH_FLOW_H
#define ZVM_CLI_EACH_FLOW_H

#include "cli/each_lines.h"
#include "cli/each_row.h"
#include "cli/output.h"
#include "cli/progress.h"

struct cli_each_flow; // opaque outside each_flow.c

// How it ended.
struct cli_each_end {
    bool is_stopped;     // cli_each_flow_stop was called
    bool output_failed;  // the output stream knows why
    bool nothing_ran;    // no thread could be started; it has complained
    int input_error;     // errno; 0: none
    bool is_input_short; // it has fewer rows than were to be skipped
    uint64_t input_rows; // that were skipped, when it is
    uint64_t written_rows;
};

// All pointers stay the caller's. skip_rows: rows of the input that are passed over. NULL: no memory.
struct cli_each_flow *cli_each_flow_create(zvm_runtime *runtime, zvm_code *code,
                                           const struct cli_run_options *options, int in_fd,
                                           uint64_t skip_rows, struct cli_output_stream *output);
void cli_each_flow_destroy(struct cli_each_flow *flow);

// Until the input is at its end and every row is written, or something stops it. thread: main.
struct cli_each_end cli_each_flow_run(struct cli_each_flow *flow, struct cli_each_tally *tally);
// Stops it: what is written is whole lines, in order. A cli_interrupt_fn; context: the flow. thread: any.
void cli_each_flow_stop(void *context);

#endif // ZVM_CLI_EACH_FLOW_H
