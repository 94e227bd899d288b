// cli/lines.h - lines of standard input for a prompt, with signals told in between.
#ifndef ZVM_CLI_LINES_H
#define ZVM_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum cli_line {
    CLI_LINE_GOT,
    CLI_LINE_END,    // end of the input
    CLI_LINE_SIGNAL, // a signal is waiting: see cli_signals_take; what was typed is dropped
    CLI_LINE_FAILED, // reading failed: errno
};

// Adds a word that the text before the cursor may go on with.
typedef void (*cli_add_word_fn)(void *context, const char *word, size_t length);
// Calls add for every word that begins with prefix [length]. is_member: it stands behind a dot.
typedef void (*cli_complete_fn)(void *context, const char *prefix, size_t length, bool is_member,
                                cli_add_word_fn add, void *add_context);

struct cli_lines_options {
    int signal_fd; // readable: a signal is waiting
    bool is_terminal;
    const char *history_path; // NULL: none is kept
    cli_complete_fn complete;
    void *complete_context;
};

// A way to read lines. The functions get `self`, which is what `open` made.
struct cli_lines {
    // *line [*length] stays until the next call; it has its line end, but for a last line without.
    enum cli_line (*read)(void *self, const char *prompt, const char **line, size_t *length);
    void (*close)(void *self);
    void *self;
};

// Plain reading, for files and pipes, and for terminals without libedit. false: no memory.
bool cli_lines_open_plain(const struct cli_lines_options *options, struct cli_lines *out);
// With libedit: editing, history, completion. false: not built with it, or it refuses.
bool cli_lines_open_edit(const struct cli_lines_options *options, struct cli_lines *out);

#endif // ZVM_CLI_LINES_H
