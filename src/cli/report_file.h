// cli/report_file.h - where reports go: whole, or not at all.
#ifndef ZVM_CLI_REPORT_FILE_H
#define ZVM_CLI_REPORT_FILE_H

#include "cli/interrupt.h"
#include "cli/new_file.h"
#include "cli/options.h"
#include "zvm.h"

struct cli_report_file {
    struct cli_new_file place; // of the last report; none is open: stderr
    const char *name;          // as the user wrote it
    bool has_failed;           // a live report has, and it has been told
};

// Opens the place for the last report, before anything runs. path NULL: stderr. false: it has
// complained.
bool cli_report_file_open(struct cli_report_file *file, const char *path);
// Writes the last report and puts it under its name. false: it has complained; nothing half-written
// stays.
bool cli_report_file_write(struct cli_report_file *file, zvm_runtime *runtime,
                           const struct cli_run_options *options);
// Writes a report of now, in the place of the one before it; as text if options name no form. The first
// one that fails complains. A stop by a signal ends it. thread: one at a time a file.
void cli_report_file_write_live(struct cli_report_file *file, zvm_runtime *runtime,
                                const struct cli_run_options *options,
                                struct cli_interrupt *interrupt);
// Removes what is unfinished and frees everything; fine after write too.
void cli_report_file_close(struct cli_report_file *file);

#endif // ZVM_CLI_REPORT_FILE_H
