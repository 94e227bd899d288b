// cli/lines_plain.c - lines of standard input as they come.
//
// Owns: its buffer. Thread: main. Waits with poll, so that a signal is told at once.
// Bounded: a line over LINE_BYTES_MAX is refused.
#include "cli/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)1 << 28)

struct plain {
    int signal_fd;
    bool is_terminal;
    char *buffer; // [length], of capacity; the next line begins at `start`
    size_t start, length, capacity;
    bool at_end;
};

static bool grow(struct plain *plain)
{
    memmove(plain->buffer, plain->buffer + plain->start, plain->length - plain->start);
    plain->length -= plain->start;
    plain->start = 0;
    if (plain->length < plain->capacity) return true;
    if (plain->capacity >= LINE_BYTES_MAX) {
        errno = EFBIG;
        return false;
    }
    char *buffer = realloc(plain->buffer, plain->capacity * 2);
    if (buffer == NULL) return false;
    plain->buffer = buffer;
    plain->capacity *= 2;
    return true;
}

// One more piece of the input. CLI_LINE_GOT: there may be a line now.
static enum cli_line fill(struct plain *plain)
{
    struct pollfd watched[2] = {{.fd = plain->signal_fd, .events = POLLIN},
                                {.fd = STDIN_FILENO, .events = POLLIN}};
    if (!grow(plain)) return CLI_LINE_FAILED;
    while (poll(watched, 2, -1 /* no timeout */) < 0) {
        if (errno != EINTR) return CLI_LINE_FAILED;
    }
    if (watched[0].revents != 0) {
        plain->start = plain->length; // what was typed is dropped
        return CLI_LINE_SIGNAL;
    }
    ssize_t got =
        read(STDIN_FILENO, plain->buffer + plain->length, plain->capacity - plain->length);
    if (got < 0) return errno == EINTR || errno == EAGAIN ? CLI_LINE_GOT : CLI_LINE_FAILED;
    plain->at_end = got == 0;
    plain->length += (size_t)got;
    return CLI_LINE_GOT;
}

static enum cli_line plain_read(void *self, const char *prompt, const char **line, size_t *length)
{
    struct plain *plain = self;
    if (plain->is_terminal) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    for (;;) {
        size_t left = plain->length - plain->start;
        const char *start = plain->buffer + plain->start;
        const char *end = memchr(start, '\n', left);
        if (end != NULL || (plain->at_end && left > 0)) {
            *line = start;
            *length = end != NULL ? (size_t)(end - start) + 1 : left;
            plain->start += *length;
            return CLI_LINE_GOT;
        }
        if (plain->at_end) {
            plain->at_end = false; // a terminal may go on behind it
            return CLI_LINE_END;
        }
        enum cli_line outcome = fill(plain);
        if (outcome != CLI_LINE_GOT) return outcome;
    }
}

static void plain_close(void *self)
{
    struct plain *plain = self;
    free(plain->buffer);
    free(plain);
}

bool cli_lines_open_plain(const struct cli_lines_options *options, struct cli_lines *out)
{
    struct plain *plain = calloc(1, sizeof *plain);
    if (plain == NULL) return false;
    plain->signal_fd = options->signal_fd;
    plain->is_terminal = options->is_terminal;
    plain->capacity = 4096;
    plain->buffer = malloc(plain->capacity);
    if (plain->buffer == NULL) {
        free(plain);
        return false;
    }
    *out = (struct cli_lines){.read = plain_read, .close = plain_close, .self = plain};
    return true;
}
