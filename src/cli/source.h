// cli/source.h - from a file name to a code object, with every failure told in one line.
#ifndef ZVM_CLI_SOURCE_H
#define ZVM_CLI_SOURCE_H

#include "cli/show.h"
#include "zvm.h"

// The text of a program, or a compiled program.
struct cli_source {
    const char *name; // for messages; not owned
    char *text;       // [length], not NUL-terminated
    size_t length;
    size_t capacity;
};

// Reads a file; "-" is standard input. false: it has shown why, and *out is untouched.
bool cli_source_load(const char *name, struct cli_show *show, struct cli_source *out);
// Takes a text of the command line.
bool cli_source_set(const char *text, struct cli_show *show, struct cli_source *out);
void cli_source_free(struct cli_source *source);
bool cli_source_is_compiled(const struct cli_source *source);

// Compiles the source, or reads the compiled program. Returns an exit status: CLI_EXIT_OK with the
// code in *out, to be released; else what is wrong has been shown.
int cli_source_compile(zvm_runtime *runtime, const struct cli_source *source, struct cli_show *show,
                       zvm_code **out);
// Loads and compiles.
int cli_source_open(zvm_runtime *runtime, const char *name, struct cli_show *show, zvm_code **out);

#endif // ZVM_CLI_SOURCE_H
