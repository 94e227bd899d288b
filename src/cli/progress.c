// cli/progress.c - the progress line.
//
// Owns: one line of the terminal. Thread: main. Plain text and carriage returns, no escape
// sequences and no colours, so there is nothing that NO_COLOR or a dumb terminal would have to turn
// off.
#include "cli/progress.h"

#include "cli/message.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER_NS 1000000000u
#define INTERVAL_NS    500000000u

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cli_progress_init(struct cli_progress *progress, uint64_t isolate_count)
{
    *progress = (struct cli_progress){.is_wanted = isolate_count > 1 && isatty(STDERR_FILENO) == 1};
    if (!progress->is_wanted) return;
    progress->start_ns = now_ns();
    progress->next_ns = progress->start_ns + FIRST_AFTER_NS;
}

void cli_progress_show(struct cli_progress *progress, uint64_t finished, uint64_t total)
{
    if (!progress->is_wanted) return;
    uint64_t now = now_ns();
    if (now < progress->next_ns) return;
    progress->next_ns = now + INTERVAL_NS;
    char finished_text[CLI_COUNT_CHARS];
    char total_text[CLI_COUNT_CHARS];
    unsigned seconds = (unsigned)((now - progress->start_ns) / 1000000000u);
    int chars;
    if (total == 0)
        chars = fprintf(stderr, "\r%s rows, %u s ", cli_count(finished, finished_text), seconds);
    else
        chars =
            fprintf(stderr, "\r%s of %s isolates (%u%%), %u s ", cli_count(finished, finished_text),
                    cli_count(total, total_text), (unsigned)(finished * 100 / total), seconds);
    if (chars > 0) progress->shown_chars = (uint32_t)chars;
}

void cli_progress_clear(struct cli_progress *progress)
{
    if (progress->shown_chars == 0) return;
    fprintf(stderr, "\r%*s\r", (int)progress->shown_chars, "");
    progress->shown_chars = 0;
}
