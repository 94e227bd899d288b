// cli/each_row.h - one row of `zvm each`: a line of JSON, a fresh isolate, a line of JSON.
#ifndef ZVM_CLI_EACH_ROW_H
#define ZVM_CLI_EACH_ROW_H

#include "cli/buffer.h"
#include "cli/json_read.h"
#include "cli/json_write.h"
#include "cli/options.h"
#include "zvm.h"

#include <pthread.h>
#include <stdint.h>

#define CLI_EACH_REASONS_MAX  16u
#define CLI_EACH_REASON_BYTES 48u

// Failures of rows. Not locked.
struct cli_each_tally {
    uint64_t rows, failed;
    uint64_t other_count; // of reasons that found no place
    struct {
        char name[CLI_EACH_REASON_BYTES];
        uint64_t count;
    } reasons[CLI_EACH_REASONS_MAX];
    uint32_t reason_count;
    uint64_t lowest_row; // that failed, when any did
    int exit_status;     // that it stands for
};

void cli_each_tally_add(struct cli_each_tally *tally, const struct cli_each_tally *more);

// What one thread does rows with.
struct cli_each_worker {
    // frozen
    zvm_runtime *runtime;
    zvm_code *code;
    const struct cli_run_options *options;
    zvm_isolate_options isolate_options;
    void *user; // of who made it
    // the thread's
    zvm_isolate *isolate; // NULL: none; written under lock
    bool is_used;         // it has to be reset before the next row
    struct cli_each_tally tally;
    struct cli_json_reader reader;
    struct cli_json_writer writer;
    struct cli_buffer line; // of the result, for who uses the worker
    // of `isolate`, for who cancels it
    pthread_mutex_t lock;
};

void cli_each_worker_init(struct cli_each_worker *worker, zvm_runtime *runtime, zvm_code *code,
                          const struct cli_run_options *options);
void cli_each_worker_deinit(struct cli_each_worker *worker);

// Runs the program on line [length], which is followed by a line feed, and appends its line to out: the result
// or a record of the error. row counts from 1. false: it was cancelled, or there is no memory for its line: out
// is as it was.
bool cli_each_row(struct cli_each_worker *worker, uint64_t row, const char *line, size_t length,
                  struct cli_buffer *out);
// The same for a line that is too long to be looked at.
bool cli_each_row_too_long(struct cli_each_worker *worker, uint64_t row, struct cli_buffer *out);
// Ends what the thread is running. thread: any.
void cli_each_worker_cancel(struct cli_each_worker *worker);

#endif // ZVM_CLI_EACH_ROW_H
