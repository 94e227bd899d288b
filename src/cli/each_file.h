// cli/each_file.h - where `zvm each` reads and writes, and how a broken-off run is gone on with.
#ifndef ZVM_CLI_EACH_FILE_H
#define ZVM_CLI_EACH_FILE_H

#include "cli/options.h"

struct cli_each_files {
    int in_fd, out_fd;
    uint64_t skip_rows; // that have been written by an earlier run
};

// Opens both; with --resume the output is cut behind its last whole line, and its lines are counted. false: it
// has complained, and nothing is open.
bool cli_each_files_open(struct cli_each_files *files, const struct cli_run_options *options);
// Gives up the output: what was written is on its way to the disk. false: it has complained.
bool cli_each_files_close(struct cli_each_files *files, const struct cli_run_options *options);

#endif // ZVM_CLI_EACH_FILE_H
