// base/sized.c - structs of the caller that begin with their size.
//
// Owns: nothing. Thread: any.
#include "base/sized.h"

#include <string.h>

static size_t size_of(const void *sized)
{
    size_t bytes;
    memcpy(&bytes, sized, sizeof bytes);
    return bytes;
}

bool zsized_read(void *out, size_t own_bytes, const void *from)
{
    size_t from_bytes = size_of(from);
    if (from_bytes < sizeof(size_t)) return false;
    memset(out, 0, own_bytes);
    memcpy(out, from, from_bytes < own_bytes ? from_bytes : own_bytes);
    const unsigned char *bytes = from;
    for (size_t i = own_bytes; i < from_bytes; i++)
        if (bytes[i] != 0) return false;
    return true;
}

bool zsized_write(void *out, const void *from, size_t own_bytes)
{
    size_t out_bytes = size_of(out);
    if (out_bytes < sizeof(size_t)) return false;
    size_t shared_bytes = out_bytes < own_bytes ? out_bytes : own_bytes;
    memcpy((char *)out + sizeof(size_t), (const char *)from + sizeof(size_t),
           shared_bytes - sizeof(size_t));
    return true;
}
