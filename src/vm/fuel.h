// vm/fuel.h - paying for work that is proportional to size. owner-thread.
//
// Builtins charge before they touch memory, and poll at least every ZFUEL_POLL_BYTES: an isolate
// can be cancelled in the middle of any of them. All functions: false: the isolate ends (pending is
// set).
#ifndef ZVM_VM_FUEL_H
#define ZVM_VM_FUEL_H

#include "vm/isolate.h"

// Up to this many bytes are part of the instruction's own price: most strings and lists are small,
// and a call for each of them costs more than the work it would account for.
#define ZFUEL_FREE_BYTES 256

static inline bool zfuel_touch(struct zisolate *iso, uint64_t bytes)
{
    return bytes <= ZFUEL_FREE_BYTES || zfuel_charge(iso, bytes);
}

// memcpy in pieces, each charged before it is copied.
bool zfuel_copy(struct zisolate *iso, void *to, const void *from, size_t bytes);
// memmove, charged whole: it cannot stop half way.
bool zfuel_move(struct zisolate *iso, void *to, const void *from, size_t bytes);

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
