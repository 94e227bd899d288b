// pool/list_pool.c - the buffers that lists outgrow, used again at once.
//
// Owns: nothing; the buffers are cells of the isolate's heap. Thread: owner.
// Invariant: every buffer of bin g has a cell of at least g granules, and nothing leads to it.
// How: a bin is a list through the buffers themselves, last in, first out: the one that is still
// warm goes first. The bytes of a buffer's header say for how much it was made, which its cell never
// is less than. The bins are emptied whenever the roots are marked (zpools_mark), so the collector
// never meets a buffer of the pool; what they held are dead cells to it.
#include "pool/pool.h"

#include <string.h>

static uint32_t granules_for(size_t bytes)
{
    return (uint32_t)((sizeof(struct zbuffer) + bytes + ZGRANULE_BYTES - 1) / ZGRANULE_BYTES);
}

static struct zbuffer *pop(struct zpool_lists *lists, uint32_t granules)
{
    struct zbuffer *buffer = lists->bins[granules].first;
    memcpy(&lists->bins[granules].first, buffer->data, sizeof buffer);
    lists->bins[granules].count--;
    return buffer;
}

void zpools_put_buffer(struct zpools *pools, struct zbuffer *buffer)
{
    struct zpool_lists *lists = &pools->lists;
    uint32_t granules = granules_for(buffer->header.aux);
    if (buffer->header.aux > ZPOOL_LIST_BYTES_MAX || buffer->header.aux < sizeof buffer) return;
    if (lists->bins[granules].count >= lists->limit) return;
    // Who still reads it sees at once that it is gone.
    if (ZVM_DEBUG >= 1) memset(buffer->data, 0xDB, buffer->header.aux);
    memcpy(buffer->data, &lists->bins[granules].first, sizeof buffer);
    lists->bins[granules].first = buffer;
    lists->bins[granules].count++;
    pools->figures[ZPOOL_LIST].releases++;
    pools->figures[ZPOOL_LIST].size++;
}

bool zpools_take_buffer(struct zpools *pools, struct zheap *heap, struct zowner *owner,
                        size_t new_bytes)
{
    ZVM_ASSERT(new_bytes <= ZPOOL_LIST_BYTES_MAX);
    struct zpool_lists *lists = &pools->lists;
    uint32_t granules = granules_for(new_bytes);
    if (lists->bins[granules].count == 0) {
        pools->figures[ZPOOL_LIST].misses++;
        pools->figures[ZPOOL_LIST].allocations++;
        return false;
    }
    struct zbuffer *old = zheap_payload_buffer(owner);
    struct zbuffer *buffer = pop(lists, granules);
    pools->figures[ZPOOL_LIST].hits++;
    pools->figures[ZPOOL_LIST].size--;
    zheap_payload_move(heap, owner, buffer, new_bytes);
    if (old != NULL) zpools_put_buffer(pools, old);
    return true;
}
