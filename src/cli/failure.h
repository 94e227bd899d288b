// cli/failure.h - which isolates failed, and how it is told.
#ifndef ZVM_CLI_FAILURE_H
#define ZVM_CLI_FAILURE_H

#include "cli/options.h"
#include "cli/show.h"
#include "zvm.h"

#define CLI_FAILURE_KINDS_MAX  16u
#define CLI_FAILURE_KIND_BYTES 48u

struct cli_failure_kind {
    char name[CLI_FAILURE_KIND_BYTES];
    uint64_t count;
};

// Not locked: the caller's lock guards it.
struct cli_failures {
    const struct cli_run_options *options;
    struct cli_show show;
    uint64_t count;
    uint64_t other_count; // failures of kinds that found no row
    struct cli_failure_kind kinds[CLI_FAILURE_KINDS_MAX];
    uint32_t kind_count;
    // the failure with the lowest number, when count > 0
    uint64_t lowest_id;
    uint64_t spawned_count; // told of, or left out
    int exit_status;
    char *text; // lines for stderr; NULL: no memory for them
};

// The exit status of the command for a failure of this kind.
int cli_failure_exit_status(zvm_status status);

void cli_failures_init(struct cli_failures *failures, const struct cli_run_options *options);
void cli_failures_deinit(struct cli_failures *failures);
// Counts a failed isolate; keeps its text when it has the lowest number so far.
void cli_failures_add(struct cli_failures *failures, uint64_t id, const zvm_result *result);
// Tells of an isolate that a program has spawned and that nobody watched; counts for nothing.
void cli_failures_tell_spawned(struct cli_failures *failures, uint64_t id,
                               const zvm_result *result);
// Writes the lowest failure, and with several isolates the counts by kind, to stderr.
void cli_failures_print(struct cli_failures *failures);

#endif // ZVM_CLI_FAILURE_H
