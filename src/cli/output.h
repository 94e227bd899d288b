// cli/output.h - buffered writing to a file descriptor that can fail, block, or be given up.
#ifndef ZVM_CLI_OUTPUT_H
#define ZVM_CLI_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define CLI_OUTPUT_BUFFER_BYTES 65536

// A writer. After the first failure everything is refused; `error` keeps its reason.
struct cli_output_stream {
    int fd;
    int stop_fd;      // readable: stop waiting for a slow reader; -1: none
    bool may_block;   // a pipe, socket or terminal
    bool is_terminal; // text should appear at once
    // under lock
    pthread_mutex_t lock;
    int error; // errno of the first failure
    size_t used;
    char buffer[CLI_OUTPUT_BUFFER_BYTES];
};

// fd may be closed: then the first text is refused with EBADF.
void cli_output_init(struct cli_output_stream *stream, int fd, int stop_fd);
void cli_output_deinit(struct cli_output_stream *stream); // does not flush

// A zvm_write_fn. context: the stream. thread: any; waits for a slow reader.
bool cli_output_write(void *context, const char *text, size_t length_bytes);
// thread: any. false: not everything could be written.
bool cli_output_flush(struct cli_output_stream *stream);
// As cli_output_flush, but does nothing, and is true, while another thread writes.
bool cli_output_flush_if_idle(struct cli_output_stream *stream);
// Flushes, and complains in one line when anything was lost. name: "standard output".
bool cli_output_finish(struct cli_output_stream *stream, const char *name);
// Has a write failed? thread: any.
bool cli_output_has_failed(struct cli_output_stream *stream);

#endif // ZVM_CLI_OUTPUT_H
