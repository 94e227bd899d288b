// cli/run_files.h - what `zvm run` writes about the run as a whole: the profile of fuel, the trace.
#ifndef ZVM_CLI_RUN_FILES_H
#define ZVM_CLI_RUN_FILES_H

#include "cli/new_file.h"
#include "cli/options.h"
#include "zvm.h"

struct cli_run_file {
    struct cli_new_file place;
    const char *name; // as the user wrote it; NULL: not asked for
};

struct cli_run_files {
    struct cli_run_file profile, trace;
};

// Opens the files before anything runs. false: it has complained.
bool cli_run_files_open(struct cli_run_files *files, const struct cli_run_options *options);
void cli_run_files_close(struct cli_run_files *files);
// What the runtime is made with.
void cli_run_files_apply(const struct cli_run_options *wanted, zvm_runtime_options *options);
// At the end, however the run came to it. false: it has complained. thread: main.
bool cli_run_files_write(struct cli_run_files *files, zvm_runtime *runtime);

#endif // ZVM_CLI_RUN_FILES_H
