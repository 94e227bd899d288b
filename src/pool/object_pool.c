// pool/object_pool.c - a stack of objects of the host, with callbacks that make, reset and free them.
//
// Owns: the objects in the stack; those in use are the host's. Thread: owner.
// Invariants: count <= max_size; no call is under way twice: a callback that calls its pool is told
// so, because the pool may be in the middle of a step.
#include "pool/object_pool.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "report/report.h"

struct zobject_pool {
    struct zpool_owner owner;
    zvm_object_pool_options options;
    uint32_t count;
    bool is_calling;
    uint64_t hits, misses, releases;
    void *objects[]; // [options.max_size]
};

static size_t pool_bytes(uint32_t max_size)
{
    return sizeof(struct zobject_pool) + max_size * sizeof(void *);
}

zvm_status zobject_pool_create(const zvm_object_pool_options *options, struct zobject_pool **out)
{
    ZVM_ASSERT(options->max_size > 0);
    struct zobject_pool *pool = z_alloc_zeroed(pool_bytes(options->max_size));
    if (pool == NULL) return ZVM_E_NOMEM;
    pool->options = *options;
    zpool_adopt(&pool->owner);
    *out = pool;
    return ZVM_OK;
}

const struct zpool_owner *zobject_pool_owner(const struct zobject_pool *pool)
{
    return &pool->owner;
}

static void destroy_object(struct zobject_pool *pool, void *object)
{
    pool->is_calling = true;
    pool->options.destroy(pool->options.context, object);
    pool->is_calling = false;
}

zvm_status zobject_pool_clear(struct zobject_pool *pool)
{
    if (pool->is_calling) return ZVM_E_BUSY;
    while (pool->count > 0)
        destroy_object(pool, pool->objects[--pool->count]);
    return ZVM_OK;
}

zvm_status zobject_pool_destroy(struct zobject_pool *pool)
{
    zvm_status status = zobject_pool_clear(pool);
    if (status == ZVM_OK) z_free(pool, pool_bytes(pool->options.max_size));
    return status;
}

zvm_status zobject_pool_acquire(struct zobject_pool *pool, void **out)
{
    if (pool->is_calling) return ZVM_E_BUSY;
    if (pool->count > 0) {
        pool->hits++;
        *out = pool->objects[--pool->count];
        return ZVM_OK;
    }
    pool->is_calling = true;
    void *object = pool->options.create(pool->options.context);
    pool->is_calling = false;
    if (object == NULL) return ZVM_E_NOMEM;
    pool->misses++;
    *out = object;
    return ZVM_OK;
}

zvm_status zobject_pool_release(struct zobject_pool *pool, void *object)
{
    if (pool->is_calling) return ZVM_E_BUSY;
    if (pool->count == pool->options.max_size) {
        destroy_object(pool, object);
        return ZVM_OK;
    }
    pool->is_calling = true;
    if (pool->options.reset != NULL) pool->options.reset(pool->options.context, object);
    pool->is_calling = false;
    pool->objects[pool->count++] = object;
    pool->releases++;
    return ZVM_OK;
}

void zobject_pool_stats(const struct zobject_pool *pool, zvm_pool_stats *out)
{
    *out = (zvm_pool_stats){.is_enabled = true,
                            .hits = pool->hits,
                            .misses = pool->misses,
                            .allocations = pool->misses,
                            .releases = pool->releases,
                            .size = pool->count,
                            .hit_rate = zreport_percent(pool->hits, pool->hits + pool->misses),
                            .reuse_rate = zreport_percent(pool->releases, pool->misses)};
}
