// pool/int_pool.c - texts of integers that are asked for again.
//
// Owns: the table, charged to the heap. Thread: owner.
// How: a request looks into a CLOCK table by the integer itself. The table begins with ZCLOCK_FIRST
// places and doubles up to the limit; what the heap has no memory to spare for stays out.
// A program whose integers do not come again would only pay for the pool. After a quarter more
// misses than the pool has places (a program that goes round through that many integers or fewer
// never gets there), with fewer hits than an eighth of that, the pool is emptied and not asked for
// some collections; each time that this comes out again, for twice as many. Nothing of this is seen
// by the program: no fuel depends on what is pooled.
#include "pool/pool.h"

#include "base/alloc.h"

enum {
    WINDOW_MISSES_MIN = 64,
    PAYS_SHARE = 8, // one hit for so many misses is enough
    WAIT_FIRST = 8,
    WAIT_MAX = 1 << 16,
};

static bool grow(struct zclock *clock, struct zheap *heap)
{
    uint32_t capacity = zclock_next_capacity(clock);
    if (capacity == 0) return false;
    size_t bytes = zclock_bytes(capacity);
    size_t old_bytes = clock->capacity == 0 ? 0 : zclock_bytes(clock->capacity);
    if (!zheap_charge_spare(heap, bytes)) return false;
    void *memory = z_alloc(bytes);
    if (memory == NULL) {
        zheap_uncharge(heap, bytes);
        return false;
    }
    z_free(zclock_move(clock, memory, capacity), old_bytes);
    zheap_uncharge(heap, old_bytes);
    return true;
}

static void stop(struct zpools *pools, struct zheap *heap)
{
    struct zpool_ints *ints = &pools->ints;
    size_t bytes = ints->clock.capacity == 0 ? 0 : zclock_bytes(ints->clock.capacity);
    z_free(zclock_take_memory(&ints->clock), bytes);
    zheap_uncharge(heap, bytes);
    pools->figures[ZPOOL_INT].size = 0;
    ints->wait = ints->next_wait < WAIT_FIRST ? WAIT_FIRST : ints->next_wait;
    ints->next_wait = ints->wait < WAIT_MAX ? ints->wait * 2 : WAIT_MAX;
}

// A miss more; false: that ends a window in which the pool did not pay.
static bool pays(struct zpools *pools)
{
    struct zpool_ints *ints = &pools->ints;
    uint32_t window = ints->clock.limit + ints->clock.limit / 4;
    if (window < WINDOW_MISSES_MIN) window = WINDOW_MISSES_MIN;
    if (++ints->window_misses < window) return true;
    uint64_t hits = pools->figures[ZPOOL_INT].hits - ints->window_hits;
    ints->window_hits = pools->figures[ZPOOL_INT].hits;
    ints->window_misses = 0;
    if (hits < window / PAYS_SHARE) return false;
    ints->next_wait = 0;
    return true;
}

bool zpools_put_int(struct zpools *pools, struct zheap *heap, int64_t value, struct zstring *text)
{
    struct zclock *clock = &pools->ints.clock;
    struct zpool_figures *figures = &pools->figures[ZPOOL_INT];
    figures->misses++;
    figures->allocations++;
    bool has_place = clock->count < clock->capacity || grow(clock, heap) || clock->capacity > 0;
    if (!pays(pools) || !has_place) {
        stop(pools, heap);
        return false;
    }
    if (zclock_put(clock, (uint64_t)value, text) == NULL) figures->size++;
    return true;
}

bool zpools_note_collection(struct zpools *pools)
{
    if (pools->ints.wait > 0) pools->ints.wait--;
    return pools->ints.wait == 0;
}
