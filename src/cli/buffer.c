// cli/buffer.c - see buffer.h. Owns: the bytes. Thread: the owner's.
#include "cli/buffer.h"

#include <stdint.h>
#include <stdlib.h>

#define CAPACITY_FIRST 4096u

bool cli_buffer_reserve_slow(struct cli_buffer *buffer, size_t more)
{
    if (more > SIZE_MAX / 4 - buffer->length) return false;
    size_t needed = buffer->length + more;
    size_t capacity = buffer->capacity < CAPACITY_FIRST ? CAPACITY_FIRST : buffer->capacity * 2;
    if (capacity < needed) capacity = needed;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void cli_buffer_free(struct cli_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct cli_buffer){0};
}
