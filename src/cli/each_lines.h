// cli/each_lines.h - whole lines out of a descriptor, a block at a time.
#ifndef ZVM_CLI_EACH_LINES_H
#define ZVM_CLI_EACH_LINES_H

#include "cli/buffer.h"

#include <stdint.h>

enum cli_lines_end {
    CLI_LINES_GOT,      // the block holds whole lines, each with its line feed
    CLI_LINES_TOO_LONG, // one line was passed over: it is longer than may be
    CLI_LINES_OVER,     // there is nothing more
    CLI_LINES_STOPPED,  // stop_fd is readable
    CLI_LINES_FAILED    // `error` says why
};

struct cli_lines {
    int fd, stop_fd;
    size_t limit_bytes;     // of a line, without its line feed
    struct cli_buffer rest; // behind the last line feed
    bool is_over;
    int error; // errno
};

// The next lines, as many as there are at hand: at least one is waited for. block: what was in it is gone.
// A last line without a line feed gets one. Lines that are a little too long may be among them, too.
enum cli_lines_end cli_lines_next(struct cli_lines *lines, struct cli_buffer *block);
void cli_lines_free(struct cli_lines *lines);

#endif // ZVM_CLI_EACH_LINES_H
