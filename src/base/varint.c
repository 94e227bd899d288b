// base/varint.c - LEB128: seven bits a byte, lowest first, the top bit set on all but the last.
//
// Thread: any. Input is not trusted: a read never passes its length, and a tenth byte that would
// carry bits beyond the 64th is refused. Padded forms (80 00 for 0) are read: they are harmless.
#include "base/varint.h"

size_t zvarint_write(uint8_t *out, uint64_t value)
{
    size_t used = 0;
    while (value >= 0x80) {
        out[used++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[used++] = (uint8_t)value;
    return used;
}

size_t zvarint_read(const uint8_t *in, size_t length_bytes, uint64_t *value)
{
    uint64_t result = 0;
    size_t limit = length_bytes < ZVARINT_BYTES_MAX ? length_bytes : ZVARINT_BYTES_MAX;
    for (size_t i = 0; i < limit; i++) {
        uint64_t bits = in[i] & 0x7f;
        if (i == ZVARINT_BYTES_MAX - 1 && in[i] > 1) return 0; // bit 63 is the last that fits
        result |= bits << (7 * i);
        if (in[i] < 0x80) {
            *value = result;
            return i + 1;
        }
    }
    return 0;
}
