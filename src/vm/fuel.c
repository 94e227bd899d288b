// vm/fuel.c - copying memory and paying for it.
//
// Owner-thread. What is paid depends on sizes alone, never on addresses or on how an earlier call
// left a buffer, so that fuel stays a function of the program and its arguments.
#include "vm/fuel.h"

#include <string.h>

bool zfuel_copy(struct zisolate *iso, void *to, const void *from, size_t bytes)
{
    char *target = to;
    const char *source = from;
    while (bytes > ZFUEL_POLL_BYTES) {
        if (!zfuel_charge(iso, ZFUEL_POLL_BYTES)) return false;
        memcpy(target, source, ZFUEL_POLL_BYTES);
        target += ZFUEL_POLL_BYTES;
        source += ZFUEL_POLL_BYTES;
        bytes -= ZFUEL_POLL_BYTES;
    }
    if (!zfuel_touch(iso, bytes)) return false;
    if (bytes > 0) memcpy(target, source, bytes);
    return true;
}

bool zfuel_move(struct zisolate *iso, void *to, const void *from, size_t bytes)
{
    if (!zfuel_touch(iso, bytes)) return false;
    if (bytes > 0) memmove(to, from, bytes);
    return true;
}
