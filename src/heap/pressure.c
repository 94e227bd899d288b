// heap/pressure.c - what heaps do when the host says that memory is short.
//
// Owns: struct zpressure, one in each span pool, shared by all heaps over it. Thread: it is set
// by anybody; heaps look at it in their own thread.
// How: beside the level there is a stamp that goes up each time memory is to be given back. A heap
// remembers the last stamp that it has answered. The slow path of allocation compares the two: nobody
// is stopped, and a heap that does not allocate is left alone. The level also makes heaps grow less
// between collections.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

#define GROWTH_PERCENT_DEFAULT 200u
// What pressure makes of the growth stays between these.
#define GROWTH_PERCENT_MIN 125u
#define GROWTH_PERCENT_MAX 300u

// relaxed, both: they guard nothing, and heaps may see one before the other.
void zspan_pool_press_any(struct zspan_pool *pool, enum zpressure_level level)
{
    struct zpressure *pressure = zspan_pool_pressure(pool);
    z_store_relaxed(&pressure->level, (uint32_t)level);
    if (level < ZPRESSURE_HIGH) return;
    z_fetch_add_relaxed(&pressure->stamp, 1);
    z_give_back();
}

// How much of the growth that is asked for is left, in quarters.
static uint32_t quarters_of(enum zpressure_level level)
{
    static const uint8_t quarters[] = {
        [ZPRESSURE_NONE] = 4, [ZPRESSURE_LOW] = 3, [ZPRESSURE_HIGH] = 2, [ZPRESSURE_CRITICAL] = 1};
    return quarters[level];
}

uint32_t zheap_growth_percent(const struct zheap *heap)
{
    uint32_t percent = zheap_private_const(heap)->growth_percent;
    if (percent == 0) percent = GROWTH_PERCENT_DEFAULT;
    enum zpressure_level level = heap->env == NULL ? ZPRESSURE_NONE : zpressure_level(heap->env);
    if (level == ZPRESSURE_NONE || percent <= GROWTH_PERCENT_MIN) return percent;
    percent = 100 + (percent - 100) / 4 * quarters_of(level);
    if (percent < GROWTH_PERCENT_MIN) return GROWTH_PERCENT_MIN;
    return percent < GROWTH_PERCENT_MAX ? percent : GROWTH_PERCENT_MAX;
}

// Clears what can be spared, collects, and gives the free spans of the thread back to the pool, which
// unmaps whole slabs.
ZVM_COLD void zheap_answer_pressure(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    ZVM_ASSERT(!private->is_collecting);
    private->pressure_seen = zpressure_stamp(heap->env);
    if (private->hooks != NULL && private->hooks->emergency != NULL)
        (void)private->hooks->emergency(private->context);
    zheap_collect_now(heap, ZCOLLECT_ASKED);
    zheap_env_give_back(heap->env);
    heap->env->collected.pressed++;
}
