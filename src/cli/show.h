// cli/show.h - how findings and errors are shown: for people, with or without colour, or as JSON.
#ifndef ZVM_CLI_SHOW_H
#define ZVM_CLI_SHOW_H

#include "zvm.h"

#include <stdbool.h>
#include <stdio.h>

enum cli_colour { CLI_COLOUR_AUTO, CLI_COLOUR_ALWAYS, CLI_COLOUR_NEVER };

struct cli_show {
    bool as_json;   // one object a line
    bool in_colour; // text only
    FILE *to;
    bool was_used; // something was shown
};

// to: stdout or stderr. CLI_COLOUR_AUTO asks the terminal and NO_COLOR.
void cli_show_init(struct cli_show *show, bool as_json, enum cli_colour colour, FILE *to);
// auto, always or never. false: none of them.
bool cli_colour_parse(const char *word, enum cli_colour *out);

// A zvm_diagnostic_fn. context: struct cli_show.
void cli_show_finding(void *context, const zvm_diagnostic *diagnostic);
// What is wrong with a file as a whole: "zvm: FILE: TEXT", or an object of kind "FileError".
__attribute__((format(printf, 3, 4))) void
cli_show_file_error(struct cli_show *show, const char *file, const char *format, ...);

// ---- Pieces for other messages, each followed by nothing --------------------------------------

// A JSON string of any bytes; what is no UTF-8 becomes U+FFFD.
void cli_json_string(FILE *to, const char *text);

// Colours for stderr messages: each returns an escape sequence, or "".
const char *cli_show_bold(const struct cli_show *show);
const char *cli_show_red(const struct cli_show *show);
const char *cli_show_cyan(const struct cli_show *show);
const char *cli_show_plain(const struct cli_show *show);

#endif // ZVM_CLI_SHOW_H
