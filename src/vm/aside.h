// vm/aside.h - what belongs to the program, put aside while its host works on its isolate.
//
// owner-thread. Making an object may charge fuel, look at the clock and leave an error behind: all of that
// is the program's, who has not asked for the work. So between begin and end there is fuel enough and no
// deadline, and afterwards everything is as it was, but for the heap.
#ifndef ZVM_VM_ASIDE_H
#define ZVM_VM_ASIDE_H

#include "vm/isolate.h"

struct zaside {
    int64_t fuel, fuel_reserve;
    uint64_t deadline_ns;
    uint32_t poll_bytes;
    int32_t status;
};

void zaside_begin(struct zisolate *iso, struct zaside *aside);
// ok: what the work has given; false: pending is set, and taken back here. What became of it: ZVM_OK,
// ZVM_E_HEAP_LIMIT, ZVM_E_INTERN_LIMIT, ZVM_E_LIMIT, ZVM_E_STALE an object of the host that is gone,
// ZVM_E_NOMEM, or what else ends the isolate.
zvm_status zaside_end(struct zisolate *iso, const struct zaside *aside, bool ok);

#endif // ZVM_VM_ASIDE_H
