// cli/each_lines.c - whole lines out of a descriptor, a block at a time.
//
// Owns: what was read behind the last line feed; not the descriptor. Thread: the one that reads.
// Invariant: a block grows to limit_bytes and one reading more, whatever the input: of a line that is longer
// nothing is kept.
#include "cli/each_lines.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define READ_BYTES 65536u

// false: told to stop. A file is always ready.
static bool wait_for_input(const struct cli_lines *lines)
{
    struct pollfd watched[2] = {{.fd = lines->fd, .events = POLLIN},
                                {.fd = lines->stop_fd, .events = POLLIN}};
    while (poll(watched, 2, -1 /* no timeout */) < 0 && (errno == EINTR || errno == EAGAIN))
        continue;
    return watched[1].revents == 0;
}

// Adds what one reading gives. GOT: something.
static enum cli_lines_end read_more(struct cli_lines *lines, struct cli_buffer *block)
{
    if (!cli_buffer_reserve(block, READ_BYTES + 1)) { // and a line feed
        lines->error = ENOMEM;
        return CLI_LINES_FAILED;
    }
    for (;;) {
        if (!wait_for_input(lines)) return CLI_LINES_STOPPED;
        ssize_t count = read(lines->fd, block->data + block->length, READ_BYTES);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) lines->error = errno;
        if (count <= 0) return count < 0 ? CLI_LINES_FAILED : CLI_LINES_OVER;
        block->length += (size_t)count;
        return CLI_LINES_GOT;
    }
}

// What stands behind the last line feed goes to the rest. false: no memory.
static bool keep_rest(struct cli_lines *lines, struct cli_buffer *block, const char *last)
{
    size_t whole = (size_t)(last - block->data) + 1;
    lines->rest.length = 0;
    if (!cli_buffer_add(&lines->rest, block->data + whole, block->length - whole)) {
        lines->error = ENOMEM;
        return false;
    }
    block->length = whole;
    return true;
}

static enum cli_lines_end end_of_input(struct cli_lines *lines, struct cli_buffer *block)
{
    lines->is_over = true;
    if (block->length == 0) return CLI_LINES_OVER;
    block->data[block->length++] = '\n'; // there is room: read_more
    return CLI_LINES_GOT;
}

// To the end of a line of which nothing is kept.
static enum cli_lines_end pass_over(struct cli_lines *lines, struct cli_buffer *block)
{
    for (;;) {
        block->length = 0;
        enum cli_lines_end end = read_more(lines, block);
        if (end == CLI_LINES_OVER) lines->is_over = true;
        if (end == CLI_LINES_OVER) return CLI_LINES_TOO_LONG;
        if (end != CLI_LINES_GOT) return end;
        const char *feed = memchr(block->data, '\n', block->length);
        if (feed == NULL) continue;
        return keep_rest(lines, block, feed) ? CLI_LINES_TOO_LONG : CLI_LINES_FAILED;
    }
}

enum cli_lines_end cli_lines_next(struct cli_lines *lines, struct cli_buffer *block)
{
    block->length = 0;
    if (!cli_buffer_add(block, lines->rest.data, lines->rest.length)) {
        lines->error = ENOMEM;
        return CLI_LINES_FAILED;
    }
    lines->rest.length = 0;
    size_t seen = 0;
    for (;;) {
        const char *last =
            block->length == seen ? NULL : memrchr(block->data + seen, '\n', block->length - seen);
        if (last != NULL) return keep_rest(lines, block, last) ? CLI_LINES_GOT : CLI_LINES_FAILED;
        if (block->length > lines->limit_bytes) return pass_over(lines, block);
        seen = block->length;
        if (lines->is_over) return end_of_input(lines, block);
        enum cli_lines_end end = read_more(lines, block);
        if (end == CLI_LINES_OVER) return end_of_input(lines, block);
        if (end != CLI_LINES_GOT) return end;
    }
}

void cli_lines_free(struct cli_lines *lines)
{
    cli_buffer_free(&lines->rest);
}
