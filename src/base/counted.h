// base/counted.h - bytes that many may read, and that go with the last who holds them.
//
// Whoever makes them has the first hold, and writes them. frozen: from the second hold on nobody writes, nor
// makes them longer or shorter. Who has a hold may give another one to anybody.
#ifndef ZVM_BASE_COUNTED_H
#define ZVM_BASE_COUNTED_H

#include "base/atomic.h"

#include <stddef.h>
#include <stdint.h>

// All of a runtime. shared, relaxed: gauges.
struct zcounted_sum {
    _Atomic uint64_t count, bytes;  // blocks that there are, and the memory of these
    _Atomic uint64_t charged_bytes; // to heaps, for them: a block as often as heaps hold it
};

// Stands behind its bytes, in one block with them: so a block of bytes becomes one without being moved.
struct zcounted {
    _Atomic uint64_t holds;   // shared. PAIR counted-holds
    char *bytes;              // frozen: [length_bytes], then a NUL
    uint64_t length_bytes;    // frozen
    struct zcounted_sum *sum; // frozen: outlives it
};

static inline size_t zcounted_offset(uint64_t length_bytes) // of struct zcounted in the block
{
    return (length_bytes + sizeof(uint64_t)) & ~(sizeof(uint64_t) - 1);
}

// The whole block. length_bytes: a string's.
static inline size_t zcounted_block_bytes(uint64_t length_bytes)
{
    return zcounted_offset(length_bytes) + sizeof(struct zcounted);
}

static inline struct zcounted *zcounted_of(void *bytes, uint64_t length_bytes)
{
    return (struct zcounted *)(void *)((char *)bytes + zcounted_offset(length_bytes));
}

// With one hold, for the caller, who writes the bytes. NULL: no memory.
struct zcounted *zcounted_make(struct zcounted_sum *sum, uint64_t length_bytes);
// The same of the first length_bytes of memory [old_bytes], of z_alloc, which is handed-over. It may be
// moved. NULL: no memory, and it is as it was.
struct zcounted *zcounted_adopt(struct zcounted_sum *sum, void *memory, size_t old_bytes,
                                uint64_t length_bytes);

// thread: any who has a hold. relaxed: it has one, so nobody is freeing it.
static inline void zcounted_hold(struct zcounted *counted)
{
    z_fetch_add_relaxed(&counted->holds, 1);
}

// thread: any. The last one frees it.
void zcounted_release(struct zcounted *counted);

#endif // ZVM_BASE_COUNTED_H
