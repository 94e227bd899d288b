// base/assert.c - what happens when a check fails: one line on stderr, then abort.
//
// Thread: any. Uses no memory but the stack and no stdio stream, because a failed check may mean
// that the allocator's or the stream's own state is broken, or that this thread holds its lock.
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 512 // longer texts are cut; the file and line come first

_Noreturn void zassert_failed(const char *file, int line, const char *text)
{
    char message[MESSAGE_BYTES_MAX];
    int length = snprintf(message, sizeof message, "zvm: %s:%d: check failed: %s (thread %d)\n",
                          file, line, text, (int)gettid());
    size_t bytes = length < 0 ? 0 : (size_t)length;
    if (bytes >= sizeof message) {
        bytes = sizeof message - 1;
        message[bytes - 1] = '\n';
    }
    // Nothing better can be done when stderr is gone: the abort below still tells the parent.
    ssize_t written = write(STDERR_FILENO, message, bytes);
    (void)written;
    abort();
}
