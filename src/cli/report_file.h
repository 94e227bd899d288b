// cli/report_file.h - where the report goes: whole, or not at all.
#ifndef ZVM_CLI_REPORT_FILE_H
#define ZVM_CLI_REPORT_FILE_H

#include "cli/new_file.h"
#include "cli/options.h"
#include "zvm.h"

struct cli_report_file {
    struct cli_new_file place; // none is open: stderr
    const char *name;          // as the user wrote it
};

// Opens the place for the report, before anything runs. path NULL: stderr. false: it has
// complained.
bool cli_report_file_open(struct cli_report_file *file, const char *path);
// Writes the report and puts it under its name. false: it has complained; nothing half-written
// stays.
bool cli_report_file_write(struct cli_report_file *file, zvm_runtime *runtime,
                           enum cli_report format);
// Removes what is unfinished and frees everything; fine after write too.
void cli_report_file_close(struct cli_report_file *file);

#endif // ZVM_CLI_REPORT_FILE_H
