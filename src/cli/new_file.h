// cli/new_file.h - a file that is there whole, or not at all.
#ifndef ZVM_CLI_NEW_FILE_H
#define ZVM_CLI_NEW_FILE_H

#include <stdbool.h>

struct cli_new_file {
    int fd;           // to write to; -1: none is open
    char *final_path; // its name at the end; NULL: written in place
    char *temp_path;  // its name until then; NULL: it has none
    bool is_nameless; // it gets a name when it is whole
};

// Opens the place for a file. Returns 0 or an errno; then nothing is open.
int cli_new_file_open(struct cli_new_file *file, const char *path);
// The file is complete: closes it and gives it its name. Returns 0 or an errno.
int cli_new_file_finish(struct cli_new_file *file);
// Removes what is unfinished and frees everything; fine after finish too.
void cli_new_file_close(struct cli_new_file *file);

#endif // ZVM_CLI_NEW_FILE_H
