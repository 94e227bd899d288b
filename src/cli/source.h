// cli/source.h - from a file name to a code object, with every failure told in one line.
#ifndef ZVM_CLI_SOURCE_H
#define ZVM_CLI_SOURCE_H

#include "zvm.h"

// Reads and compiles a file; "-" is standard input. Returns an exit status: CLI_EXIT_OK with the
// code in *out, to be released; else it has complained (or passed on the diagnostics) on stderr.
int cli_source_compile(zvm_runtime *runtime, const char *name, zvm_code **out);

#endif // ZVM_CLI_SOURCE_H
