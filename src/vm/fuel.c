// vm/fuel.c - work on many bytes, and paying for it.
//
// Owner-thread. What is paid depends on sizes alone, never on addresses or on how an earlier call
// left a buffer, so that fuel stays a function of the program and its arguments. Whoever ends half way
// leaves memory that may be read: of a list that is being shifted some elements stand twice.
#include "vm/fuel.h"

#include "base/utf8.h"

#include <string.h>

#if ZVM_DEBUG >= 1
_Thread_local struct zfuel_audit zfuel_audit;

void zfuel_audit_whole(uint64_t bytes)
{
    if (bytes > zfuel_audit.whole_max) zfuel_audit.whole_max = bytes;
}
#endif

bool zfuel_next(struct zisolate *iso, struct zfuel_pieces *pieces)
{
    pieces->start += pieces->count;
    size_t left = pieces->bytes - pieces->start;
    if (left == 0) return false;
    pieces->count = left < ZFUEL_POLL_BYTES ? left : ZFUEL_POLL_BYTES;
    bool is_free = pieces->is_paid || pieces->bytes <= ZFUEL_FREE_BYTES;
    bool goes_on = is_free ? zfuel_poll(iso, pieces->count) : zfuel_charge(iso, pieces->count);
    pieces->has_failed = !goes_on;
    return goes_on;
}

bool zfuel_copy(struct zisolate *iso, void *to, const void *from, size_t bytes)
{
    if (ZVM_LIKELY(bytes <= ZFUEL_FREE_BYTES)) { // most strings; without the loop
        if (!zfuel_poll(iso, bytes)) return false;
        if (bytes > 0) memcpy(to, from, bytes);
        return true;
    }
    struct zfuel_pieces pieces = zfuel_pieces(bytes);
    while (zfuel_next(iso, &pieces))
        memcpy((char *)to + pieces.start, (const char *)from + pieces.start, pieces.count);
    return !pieces.has_failed;
}

bool zfuel_fill(struct zisolate *iso, void *to, uint8_t value, size_t bytes)
{
    struct zfuel_pieces pieces = zfuel_pieces(bytes);
    while (zfuel_next(iso, &pieces))
        memset((char *)to + pieces.start, value, pieces.count);
    return !pieces.has_failed;
}

bool zfuel_compare(struct zisolate *iso, const char *a, const char *b, size_t bytes, int *order)
{
    struct zfuel_pieces pieces = zfuel_pieces(bytes);
    *order = 0;
    while (*order == 0 && zfuel_next(iso, &pieces))
        *order = memcmp(a + pieces.start, b + pieces.start, pieces.count);
    return !pieces.has_failed;
}

static bool look_for_ascii(struct zisolate *iso, const char *text, struct zfuel_pieces pieces,
                           bool *is_ascii)
{
    *is_ascii = true;
    while (*is_ascii && zfuel_next(iso, &pieces))
        *is_ascii = zutf8_is_ascii(text + pieces.start, pieces.count);
    return !pieces.has_failed;
}

bool zfuel_is_ascii(struct zisolate *iso, const char *text, size_t bytes, bool *is_ascii)
{
    return look_for_ascii(iso, text, zfuel_pieces(bytes), is_ascii);
}

bool zfuel_is_ascii_paid(struct zisolate *iso, const char *text, size_t bytes, bool *is_ascii)
{
    if (ZVM_LIKELY(bytes <= ZFUEL_FREE_BYTES)) { // counts when it is copied
        *is_ascii = zutf8_is_ascii(text, bytes);
        return true;
    }
    struct zfuel_pieces pieces = zfuel_pieces(bytes);
    pieces.is_paid = true;
    return look_for_ascii(iso, text, pieces, is_ascii);
}

bool zfuel_count_chars(struct zisolate *iso, const char *text, size_t bytes, uint64_t *count)
{
    struct zfuel_pieces pieces = zfuel_pieces(bytes);
    *count = 0;
    while (zfuel_next(iso, &pieces))
        *count += zutf8_count(text + pieces.start, pieces.count);
    return !pieces.has_failed;
}
