// cli/output.c - buffered writing with every error checked.
//
// Owns: its buffer and lock; not the descriptor.
// Thread: any. The lock guards the buffer and the order of the writes; it is held while waiting
// for a slow reader, so that a second writer waits too.
// Invariants: used <= CLI_OUTPUT_BUFFER_BYTES; once error is set nothing more is written.
// How: a worker may wait here for a pipe that nobody reads, and Ctrl-C must still end the run
// within a second. So before writing to anything that may block, poll waits for the descriptor or
// for stop_fd, and then writes at most PIPE_BUF bytes, which POLLOUT promises not to block.
#include "cli/output.h"

#include "cli/message.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cli_output_init(struct cli_output_stream *stream, int fd, int stop_fd)
{
    struct stat status;
    bool is_open = fstat(fd, &status) == 0;
    stream->fd = fd;
    stream->stop_fd = stop_fd;
    stream->may_block = is_open && !S_ISREG(status.st_mode);
    stream->is_terminal = is_open && isatty(fd) == 1;
    stream->error = 0;
    stream->used = 0;
    pthread_mutex_init(&stream->lock, NULL);
}

void cli_output_deinit(struct cli_output_stream *stream)
{
    pthread_mutex_destroy(&stream->lock);
}

// Waits until a write will not block. false: told to stop first.
static bool wait_for_room(const struct cli_output_stream *stream)
{
    struct pollfd watched[2] = {{.fd = stream->fd, .events = POLLOUT},
                                {.fd = stream->stop_fd, .events = POLLIN}};
    while (true) {
        int ready = poll(watched, 2, -1 /* no timeout */);
        if (ready < 0 && errno != EINTR) return true; // then write itself will say what is wrong
        if (ready < 0) continue;
        // A reader that is there still gets what was printed before the stop.
        if (watched[0].revents != 0) return true;
        if (watched[1].revents != 0) return false;
    }
}

static void write_all_locked(struct cli_output_stream *stream, const char *text, size_t length)
{
    while (length > 0 && stream->error == 0) {
        size_t piece = length;
        if (stream->may_block) {
            if (!wait_for_room(stream)) {
                stream->error = ECANCELED;
                return;
            }
            if (piece > PIPE_BUF) piece = PIPE_BUF;
        }
        ssize_t written = write(stream->fd, text, piece);
        if (written >= 0) {
            text += written;
            length -= (size_t)written;
        } else if (errno != EINTR && errno != EAGAIN) {
            stream->error = errno;
        }
    }
}

static bool flush_locked(struct cli_output_stream *stream)
{
    write_all_locked(stream, stream->buffer, stream->used);
    stream->used = 0;
    return stream->error == 0;
}

static void append_locked(struct cli_output_stream *stream, const char *text, size_t length)
{
    if (length > sizeof stream->buffer - stream->used) flush_locked(stream);
    if (length > sizeof stream->buffer) {
        write_all_locked(stream, text, length);
    } else {
        memcpy(stream->buffer + stream->used, text, length);
        stream->used += length;
    }
    if (stream->is_terminal) flush_locked(stream);
}

bool cli_output_write(void *context, const char *text, size_t length_bytes)
{
    struct cli_output_stream *stream = context;
    if (length_bytes == 0) return true;
    pthread_mutex_lock(&stream->lock);
    if (stream->error == 0) append_locked(stream, text, length_bytes);
    bool ok = stream->error == 0;
    pthread_mutex_unlock(&stream->lock);
    return ok;
}

bool cli_output_flush(struct cli_output_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool ok = flush_locked(stream);
    pthread_mutex_unlock(&stream->lock);
    return ok;
}

bool cli_output_flush_if_idle(struct cli_output_stream *stream)
{
    if (pthread_mutex_trylock(&stream->lock) != 0) return true;
    bool ok = flush_locked(stream);
    pthread_mutex_unlock(&stream->lock);
    return ok;
}

bool cli_output_finish(struct cli_output_stream *stream, const char *name)
{
    if (cli_output_flush(stream)) return true;
    // ECANCELED is our own doing, after a signal; the line about the signal says enough.
    if (stream->error != ECANCELED) {
        cli_complain("%s: cannot write: %s", name, strerror(stream->error));
    }
    return false;
}

bool cli_output_has_failed(struct cli_output_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    bool failed = stream->error != 0;
    pthread_mutex_unlock(&stream->lock);
    return failed;
}
