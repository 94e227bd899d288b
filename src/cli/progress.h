// cli/progress.h - a line on the terminal that says how far a long run is.
#ifndef ZVM_CLI_PROGRESS_H
#define ZVM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
    bool is_wanted;
    uint32_t shown_chars; // of the line that stands on the terminal now
    uint64_t start_ns;
    uint64_t next_ns;
};

// Shows nothing unless stderr is a terminal and there is more than one isolate.
void cli_progress_init(struct cli_progress *progress, uint64_t isolate_count);
// total 0: rows, of which nobody knows how many there are. Call often; it writes at most twice a second, and not in the first second.
void cli_progress_show(struct cli_progress *progress, uint64_t finished, uint64_t total);
// Takes the line away, before anything else is written to stderr.
void cli_progress_clear(struct cli_progress *progress);

#endif // ZVM_CLI_PROGRESS_H
