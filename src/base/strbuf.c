// base/strbuf.c - a growing byte string.
//
// Owns: one block of the allocation seam a buffer. Thread: owner.
// Invariants:  1. data != NULL: length < capacity and data[length] is NUL.
//              2. failed: memory was refused once; nothing is added until zstrbuf_clear, so the
//              text
//                 is a prefix of what it should be, never a text with a hole.
// How: capacity doubles, so that adding n bytes one by one costs O(n).
#include "base/strbuf.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_FIRST_BYTES 64 // most lines of a report or a diagnostic fit

void zstrbuf_init(struct zstrbuf *buffer)
{
    *buffer = (struct zstrbuf){0};
}

void zstrbuf_deinit(struct zstrbuf *buffer)
{
    z_free(buffer->data, buffer->capacity);
    zstrbuf_init(buffer);
}

void zstrbuf_clear(struct zstrbuf *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
    if (buffer->data != NULL) buffer->data[0] = '\0';
}

// The capacity for `needed` bytes: the next doubling, or exactly `needed` where doubling overflows.
static size_t grown_capacity(size_t capacity, size_t needed)
{
    size_t grown = capacity == 0 ? CAPACITY_FIRST_BYTES : capacity;
    while (grown < needed)
        if (!z_size_multiply(grown, 2, &grown)) return needed;
    return grown;
}

static ZVM_COLD bool grow_slow(struct zstrbuf *buffer, size_t needed)
{
    size_t capacity = grown_capacity(buffer->capacity, needed);
    char *data = z_resize(buffer->data, buffer->capacity, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

// Room for more_bytes and the final NUL; false when the buffer has failed, now or before.
static bool make_room(struct zstrbuf *buffer, size_t more_bytes)
{
    if (buffer->failed) return false;
    size_t needed;
    if (!z_size_add(buffer->length, more_bytes, &needed) || !z_size_add(needed, 1, &needed)) {
        buffer->failed = true;
        return false;
    }
    return needed <= buffer->capacity || grow_slow(buffer, needed);
}

static void set_length(struct zstrbuf *buffer, size_t length)
{
    ZVM_ASSERT(length < buffer->capacity);

    buffer->length = length;
    buffer->data[length] = '\0';
}

char *zstrbuf_add_room(struct zstrbuf *buffer, size_t length_bytes)
{
    if (!make_room(buffer, length_bytes)) return NULL;
    char *room = buffer->data + buffer->length;
    set_length(buffer, buffer->length + length_bytes);
    return room;
}

void zstrbuf_add(struct zstrbuf *buffer, const char *bytes, size_t length_bytes)
{
    if (length_bytes == 0 || !make_room(buffer, length_bytes)) return;
    memcpy(buffer->data + buffer->length, bytes, length_bytes);
    set_length(buffer, buffer->length + length_bytes);
}

void zstrbuf_add_text(struct zstrbuf *buffer, const char *text)
{
    zstrbuf_add(buffer, text, strlen(text));
}

void zstrbuf_add_char(struct zstrbuf *buffer, char c)
{
    if (!make_room(buffer, 1)) return;
    buffer->data[buffer->length] = c;
    set_length(buffer, buffer->length + 1);
}

void zstrbuf_add_repeat(struct zstrbuf *buffer, char c, size_t count)
{
    if (count == 0 || !make_room(buffer, count)) return;
    memset(buffer->data + buffer->length, c, count);
    set_length(buffer, buffer->length + count);
}

void zstrbuf_add_int(struct zstrbuf *buffer, int64_t value)
{
    char digits[20]; // "-9223372036854775808"
    size_t first = sizeof digits;
    // As unsigned, because the least value has no positive twin.
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) digits[--first] = '-';
    zstrbuf_add(buffer, digits + first, sizeof digits - first);
}

void zstrbuf_add_format(struct zstrbuf *buffer, const char *format, ...)
{
    if (buffer->failed) return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) { // the text would pass INT_MAX bytes
        buffer->failed = true;
        return;
    }
    if (length == 0 || !make_room(buffer, (size_t)length)) return;
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    set_length(buffer, buffer->length + (size_t)length);
}

const char *zstrbuf_text(const struct zstrbuf *buffer)
{
    return buffer->data == NULL ? "" : buffer->data;
}
