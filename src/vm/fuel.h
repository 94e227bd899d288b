// vm/fuel.h - paying for work that is proportional to size. owner-thread.
//
// Builtins charge before they touch memory, and poll at least every ZFUEL_POLL_BYTES: an isolate
// can be cancelled in the middle of any of them. What cannot stop half way says so by zfuel_touch_whole;
// docs/limits.md lists it. All functions: false: the isolate ends (pending is set).
// Builds with ZVM_DEBUG count what is done between two polls (tests/unit/test_vm_polls.c).
#ifndef ZVM_VM_FUEL_H
#define ZVM_VM_FUEL_H

#include "vm/isolate.h"

// Up to this many bytes are part of the instruction's own price: most strings and lists are small,
// and a call for each of them costs more than the work it would account for.
#define ZFUEL_FREE_BYTES 256

// At most ZFUEL_POLL_BYTES.
static inline bool zfuel_touch(struct zisolate *iso, uint64_t bytes)
{
    return bytes <= ZFUEL_FREE_BYTES || zfuel_charge(iso, bytes);
}

// Any size: once begun, it cannot stop.
static inline bool zfuel_touch_whole(struct zisolate *iso, uint64_t bytes)
{
    return bytes <= ZFUEL_FREE_BYTES || zfuel_charge_whole(iso, bytes);
}

// ---- In pieces ----------------------------------------------------------------------------------

// Work on so many bytes, each piece of it charged before:
//     struct zfuel_pieces pieces = zfuel_pieces(bytes);
//     while (zfuel_next(iso, &pieces)) ... bytes [start, start + count) ...
//     return !pieces.has_failed;
struct zfuel_pieces {
    size_t bytes, start, count;
    bool is_paid; // it only polls
    bool has_failed;
};

static inline struct zfuel_pieces zfuel_pieces(size_t bytes)
{
    return (struct zfuel_pieces){.bytes = bytes};
}

bool zfuel_next(struct zisolate *iso, struct zfuel_pieces *pieces);

// memcpy, memset, memcmp.
bool zfuel_copy(struct zisolate *iso, void *to, const void *from, size_t bytes);
bool zfuel_fill(struct zisolate *iso, void *to, uint8_t value, size_t bytes);
bool zfuel_compare(struct zisolate *iso, const char *a, const char *b, size_t bytes, int *order);
bool zfuel_is_ascii(struct zisolate *iso, const char *text, size_t bytes, bool *is_ascii);
// The same for bytes that are paid for when they are copied.
bool zfuel_is_ascii_paid(struct zisolate *iso, const char *text, size_t bytes, bool *is_ascii);
// Code points.
bool zfuel_count_chars(struct zisolate *iso, const char *text, size_t bytes, uint64_t *count);

// ---- Small costs --------------------------------------------------------------------------------

// Collects the small costs of a loop and charges them together.
struct zfuel_meter {
    uint64_t bytes;
};

#define ZFUEL_METER_BYTES 4096

static inline bool zfuel_meter_add(struct zisolate *iso, struct zfuel_meter *meter, uint64_t bytes)
{
    meter->bytes += bytes;
    if (ZVM_LIKELY(meter->bytes < ZFUEL_METER_BYTES)) return true;
    uint64_t due = meter->bytes;
    meter->bytes = 0;
    return zfuel_charge(iso, due);
}

#endif // ZVM_VM_FUEL_H
