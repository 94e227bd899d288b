// cli/buffer.h - bytes that grow at the end. thread: the owner's.
#ifndef ZVM_CLI_BUFFER_H
#define ZVM_CLI_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct cli_buffer {
    char *data;
    size_t length, capacity;
};

// Room for `more` bytes behind the last. false: no memory; nothing has changed.
bool cli_buffer_reserve_slow(struct cli_buffer *buffer, size_t more);
void cli_buffer_free(struct cli_buffer *buffer);

static inline bool cli_buffer_reserve(struct cli_buffer *buffer, size_t more)
{
    return buffer->capacity - buffer->length >= more || cli_buffer_reserve_slow(buffer, more);
}

static inline bool cli_buffer_add(struct cli_buffer *buffer, const char *bytes, size_t length)
{
    if (!cli_buffer_reserve(buffer, length)) return false;
    if (length > 0) memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    return true;
}

static inline bool cli_buffer_add_char(struct cli_buffer *buffer, char c)
{
    if (!cli_buffer_reserve(buffer, 1)) return false;
    buffer->data[buffer->length++] = c;
    return true;
}

#endif // ZVM_CLI_BUFFER_H
