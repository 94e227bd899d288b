// base/varint.h - LEB128 unsigned and zigzag signed integers in byte streams. thread: any.
#ifndef ZVM_BASE_VARINT_H
#define ZVM_BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define ZVARINT_BYTES_MAX 10

// Writes value at out [ZVARINT_BYTES_MAX]; returns the bytes used.
size_t zvarint_write(uint8_t *out, uint64_t value);
// Reads at most length_bytes; returns the bytes used, 0 when truncated or over 64 bits.
size_t zvarint_read(const uint8_t *in, size_t length_bytes, uint64_t *value);

static inline uint64_t zvarint_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t zvarint_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif // ZVM_BASE_VARINT_H
