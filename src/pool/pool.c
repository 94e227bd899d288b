// pool/pool.c - the set of pools of one isolate: its life, marking, and its figures in reports.
//
// Owns: the set and the table of the integers, charged to the isolate's heap; the texts and buffers
// are cells of that heap. Thread: owner.
// Invariants:  1. a buffer in a bin is reachable from nothing else, and no bin outlives a
//                 collection: the collector takes the buffers with the other dead cells.
//              2. a text in the table is marked with the roots.
// How: int_pool.c and list_pool.c hold the two pools; the string pool is heap/held.c.
#include "pool/pool.h"

#include "base/alloc.h"

#include <string.h>

const char *const zpool_names[ZPOOL_KIND_COUNT] = {
    [ZPOOL_INT] = "int",
    [ZPOOL_STRING] = "string",
    [ZPOOL_LIST] = "list",
};

// ---- Life ---------------------------------------------------------------------------------------

struct zpools *zpools_create(struct zheap *heap, uint32_t int_limit, uint32_t list_limit)
{
    if (!zheap_charge_spare(heap, sizeof(struct zpools))) return NULL;
    struct zpools *pools = z_alloc_zeroed(sizeof *pools);
    if (pools == NULL) {
        zheap_uncharge(heap, sizeof *pools);
        return NULL;
    }
    pools->ints.clock.limit = int_limit;
    pools->lists.limit = list_limit;
    return pools;
}

static void empty_lists(struct zpools *pools)
{
    memset(pools->lists.bins, 0, sizeof pools->lists.bins);
    pools->figures[ZPOOL_LIST].size = 0;
}

void zpools_clear(struct zpools *pools, struct zheap *heap)
{
    struct zclock *clock = &pools->ints.clock;
    size_t bytes = clock->capacity == 0 ? 0 : zclock_bytes(clock->capacity);
    z_free(zclock_take_memory(clock), bytes);
    zheap_uncharge(heap, bytes);
    pools->figures[ZPOOL_INT].size = 0;
    empty_lists(pools);
}

void zpools_destroy(struct zpools *pools, struct zheap *heap)
{
    if (pools == NULL) return;
    zpools_clear(pools, heap);
    z_free(pools, sizeof *pools);
    zheap_uncharge(heap, sizeof *pools);
}

void zpools_mark(struct zpools *pools, struct zmarker *marker)
{
    empty_lists(pools);
    const struct zclock *clock = &pools->ints.clock;
    for (uint32_t i = 0; i < clock->count; i++)
        zmark_object(marker, clock->entries[i].item);
}

// ---- Reports ------------------------------------------------------------------------------------

void zpool_report(const struct zreport_snapshot *totals, struct zreport_pool rows[ZPOOL_KIND_COUNT])
{
    uint64_t created = totals->counters[ZREPORT_isolates_created];
    for (int kind = 0; kind < ZPOOL_KIND_COUNT; kind++) {
        const uint64_t *words = totals->pools[kind];
        rows[kind] = (struct zreport_pool){
            .name = zpool_names[kind],
            .enabled = created == 0 || words[ZREPORT_POOL_OFF] < created,
            .hits = words[ZREPORT_POOL_HITS],
            .misses = words[ZREPORT_POOL_MISSES],
            .allocations = words[ZREPORT_POOL_ALLOCATIONS],
            .releases = words[ZREPORT_POOL_RELEASES],
            .size = words[ZREPORT_POOL_KEPT] - words[ZREPORT_POOL_DROPPED],
        };
    }
}

static void fold_one(struct zreport_block *block, enum zpool_kind kind,
                     const struct zpool_figures *now, struct zpool_figures *folded)
{
    zreport_add_pool(block, kind, ZREPORT_POOL_HITS, now->hits - folded->hits);
    zreport_add_pool(block, kind, ZREPORT_POOL_MISSES, now->misses - folded->misses);
    zreport_add_pool(block, kind, ZREPORT_POOL_ALLOCATIONS, now->allocations - folded->allocations);
    zreport_add_pool(block, kind, ZREPORT_POOL_RELEASES, now->releases - folded->releases);
    if (now->size > folded->size)
        zreport_add_pool(block, kind, ZREPORT_POOL_KEPT, now->size - folded->size);
    else
        zreport_add_pool(block, kind, ZREPORT_POOL_DROPPED, folded->size - now->size);
    *folded = *now;
}

static struct zpool_figures string_figures(const struct zheap_spares *spares)
{
    return (struct zpool_figures){.hits = spares->hits,
                                  .misses = spares->misses,
                                  .allocations = spares->misses,
                                  .releases = spares->releases,
                                  .size = spares->count};
}

static void fold_strings(struct zheap_spares spares[2], struct zreport_block *block)
{
    struct zpool_figures now = string_figures(&spares[0]), folded = string_figures(&spares[1]);
    fold_one(block, ZPOOL_STRING, &now, &folded);
    spares[1] = spares[0];
}

void zpools_fold(struct zpools *pools, struct zheap *heap, struct zreport_block *block)
{
    struct zheap_spares *spares = zheap_spares(heap);
    if (spares != NULL) fold_strings(spares, block);
    if (pools == NULL) return;
    fold_one(block, ZPOOL_INT, &pools->figures[ZPOOL_INT], &pools->folded[ZPOOL_INT]);
    fold_one(block, ZPOOL_LIST, &pools->figures[ZPOOL_LIST], &pools->folded[ZPOOL_LIST]);
}

void zpools_fold_end(struct zpools *pools, struct zheap *heap, struct zreport_block *block)
{
    zpools_fold(pools, heap, block);
    const struct zheap_spares *spares = zheap_spares(heap);
    if (spares != NULL)
        zreport_add_pool(block, ZPOOL_STRING, ZREPORT_POOL_DROPPED, spares[1].count);
    for (int kind = 0; pools != NULL && kind < ZPOOL_KIND_COUNT; kind++)
        zreport_add_pool(block, (uint32_t)kind, ZREPORT_POOL_DROPPED, pools->folded[kind].size);
}
