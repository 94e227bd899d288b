// base/counted.c - bytes that many may read, and that go with the last who holds them.
//
// Owns: the blocks, until the last hold is released. Thread: any.
// Invariant: a block is in its sum from when it is made until it is freed.
// Why a release has two orders: who gives a hold back has read the bytes before (release), and who frees them
// does it after all these reads (acquire). What the bytes are needs neither: a hold comes to another thread in a
// message, whose mailbox orders the writes before.
#include "base/counted.h"

#include "base/alloc.h"
#include "base/assert.h"

static struct zcounted *begin(struct zcounted_sum *sum, char *bytes, uint64_t length_bytes)
{
    struct zcounted *counted = zcounted_of(bytes, length_bytes);
    atomic_init(&counted->holds, 1);
    counted->bytes = bytes;
    counted->length_bytes = length_bytes;
    counted->sum = sum;
    bytes[length_bytes] = '\0';
    z_fetch_add_relaxed(&sum->count, 1); // relaxed, both: gauges
    z_fetch_add_relaxed(&sum->bytes, zcounted_block_bytes(length_bytes));
    return counted;
}

struct zcounted *zcounted_make(struct zcounted_sum *sum, uint64_t length_bytes)
{
    char *bytes = z_alloc(zcounted_block_bytes(length_bytes));
    return bytes == NULL ? NULL : begin(sum, bytes, length_bytes);
}

struct zcounted *zcounted_adopt(struct zcounted_sum *sum, void *memory, size_t old_bytes,
                                uint64_t length_bytes)
{
    ZVM_ASSERT(length_bytes <= old_bytes);

    char *bytes = z_resize(memory, old_bytes, zcounted_block_bytes(length_bytes));
    return bytes == NULL ? NULL : begin(sum, bytes, length_bytes);
}

void zcounted_release(struct zcounted *counted)
{
    if (z_fetch_sub_acq_rel(&counted->holds, 1) != 1) return; // PAIR counted-holds
    struct zcounted_sum *sum = counted->sum;
    size_t bytes = zcounted_block_bytes(counted->length_bytes);
    z_fetch_sub_relaxed(&sum->count, 1); // relaxed, both: gauges
    z_fetch_sub_relaxed(&sum->bytes, bytes);
    z_free(counted->bytes, bytes);
}
