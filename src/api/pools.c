// api/pools.c - the bodies of zvm.h's pools: arguments and thread are checked, then src/pool is
// called.
//
// Owns: nothing; zvm_pools is struct zpool_host, zvm_object_pool is struct zobject_pool. Thread: the
// owner of the set or pool.
#include "zvm.h"

#include "base/sized.h"
#include "pool/host.h"
#include "pool/object_pool.h"
#include "pool/pool.h"

#define LIMIT_DEFAULT_BYTES  (UINT64_C(100) << 20)
#define HOST_LIST_DEFAULT    100u
#define OBJECT_COUNT_DEFAULT 100u

static struct zpool_host *host_of(zvm_pools *pools)
{
    return (struct zpool_host *)pools;
}

static struct zobject_pool *pool_of(zvm_object_pool *pool)
{
    return (struct zobject_pool *)pool;
}

// What every call on a set begins with.
static zvm_status check(zvm_pools *pools, const void *must_be)
{
    if (pools == NULL || must_be == NULL) return ZVM_E_ARGUMENT;
    return zpool_is_owner(zpool_host_owner(host_of(pools))) ? ZVM_OK : ZVM_E_THREAD;
}

static zvm_status check_object_pool(zvm_object_pool *pool, const void *must_be)
{
    if (pool == NULL || must_be == NULL) return ZVM_E_ARGUMENT;
    return zpool_is_owner(zobject_pool_owner(pool_of(pool))) ? ZVM_OK : ZVM_E_THREAD;
}

// The number of things that a size of the options stands for; false: it is no size.
static bool read_size(uint32_t size, uint32_t size_default, uint32_t *out)
{
    if (size > ZVM_POOL_SIZE_MAX && size != ZVM_POOL_OFF) return false;
    *out = size == ZVM_POOL_OFF ? 0 : size == 0 ? size_default : size;
    return true;
}

zvm_status zvm_pools_create(const zvm_pools_options *options, zvm_pools **out)
{
    if (out == NULL) return ZVM_E_ARGUMENT;
    zvm_pools_options wanted = ZVM_POOLS_OPTIONS_INIT;
    if (options != NULL && !zsized_read(&wanted, sizeof wanted, options)) return ZVM_E_ARGUMENT;
    struct zpool_host_options inner = {
        .limit_bytes = wanted.limit_bytes != 0 ? wanted.limit_bytes : LIMIT_DEFAULT_BYTES};
    if (!read_size(wanted.int_size, ZPOOL_INT_DEFAULT, &inner.limits[ZVM_POOL_INT]) ||
        !read_size(wanted.str_size, ZPOOL_STRING_DEFAULT, &inner.limits[ZVM_POOL_STR]) ||
        !read_size(wanted.list_size, HOST_LIST_DEFAULT, &inner.limits[ZVM_POOL_LIST]))
        return ZVM_E_ARGUMENT;
    for (int kind = 0; kind < ZVM_POOL_KIND_COUNT; kind++) {
        inner.least_percents[kind] = wanted.auto_disable_below_percent[kind];
        if (inner.least_percents[kind] > 100) return ZVM_E_ARGUMENT;
    }
    return zpool_host_create(&inner, (struct zpool_host **)out);
}

zvm_status zvm_pools_destroy(zvm_pools *pools)
{
    if (pools == NULL) return ZVM_OK;
    zvm_status status = check(pools, pools);
    if (status == ZVM_OK) zpool_host_destroy(host_of(pools));
    return status;
}

zvm_status zvm_pools_adopt(zvm_pools *pools)
{
    if (pools == NULL) return ZVM_E_ARGUMENT;
    zpool_adopt(zpool_host_owner(host_of(pools)));
    return ZVM_OK;
}

zvm_status zvm_pools_int(zvm_pools *pools, int64_t value, const zvm_pool_integer **out)
{
    zvm_status status = check(pools, out);
    if (status == ZVM_OK) *out = zpool_host_int(host_of(pools), value);
    return status;
}

zvm_status zvm_pools_str(zvm_pools *pools, const char *text, size_t length_bytes, const char **out)
{
    zvm_status status = check(pools, out);
    if (status != ZVM_OK) return status;
    if (text == NULL && length_bytes > 0) return ZVM_E_ARGUMENT;
    *out = zpool_host_str(host_of(pools), text == NULL ? "" : text, length_bytes);
    return ZVM_OK;
}

zvm_status zvm_pools_list_acquire(zvm_pools *pools, size_t count, zvm_list **out)
{
    zvm_status status = check(pools, out);
    return status != ZVM_OK ? status : zpool_host_acquire(host_of(pools), count, out);
}

zvm_status zvm_pools_list_release(zvm_pools *pools, zvm_list *list)
{
    zvm_status status = check(pools, pools);
    if (status != ZVM_OK || list == NULL) return status;
    if (zpool_host_of(list) != host_of(pools)) return ZVM_E_FOREIGN;
    return zpool_host_release(host_of(pools), list);
}

zvm_list *zvm_pools_list_begin(zvm_pools *pools, size_t count)
{
    zvm_list *list = NULL;
    return zvm_pools_list_acquire(pools, count, &list) == ZVM_OK ? list : NULL;
}

void zvm_pools_list_end(zvm_list **list)
{
    if (list == NULL || *list == NULL) return;
    (void)zvm_pools_list_release((zvm_pools *)zpool_host_of(*list), *list);
}

zvm_status zvm_pools_enable(zvm_pools *pools, zvm_pool_kind kind, bool is_enabled)
{
    zvm_status status = check(pools, pools);
    if (status != ZVM_OK) return status;
    if ((unsigned)kind >= ZVM_POOL_KIND_COUNT) return ZVM_E_ARGUMENT;
    return zpool_host_enable(host_of(pools), kind, is_enabled) ? ZVM_OK : ZVM_E_STATE;
}

zvm_status zvm_pools_clear(zvm_pools *pools)
{
    zvm_status status = check(pools, pools);
    if (status == ZVM_OK) zpool_host_clear(host_of(pools));
    return status;
}

zvm_status zvm_pools_stats(zvm_pools *pools, zvm_pools_figures *figures)
{
    zvm_status status = check(pools, figures);
    if (status != ZVM_OK) return status;
    zvm_pools_figures own;
    zpool_host_stats(host_of(pools), &own);
    return zsized_write(figures, &own, sizeof own) ? ZVM_OK : ZVM_E_ARGUMENT;
}

// ---- Objects of the host ------------------------------------------------------------------------

zvm_status zvm_object_pool_create(const zvm_object_pool_options *options, zvm_object_pool **out)
{
    if (options == NULL || out == NULL) return ZVM_E_ARGUMENT;
    zvm_object_pool_options wanted = ZVM_OBJECT_POOL_OPTIONS_INIT;
    if (!zsized_read(&wanted, sizeof wanted, options)) return ZVM_E_ARGUMENT;
    if (wanted.create == NULL || wanted.destroy == NULL) return ZVM_E_ARGUMENT;
    if (wanted.max_size > ZVM_POOL_SIZE_MAX) return ZVM_E_ARGUMENT;
    if (wanted.max_size == 0) wanted.max_size = OBJECT_COUNT_DEFAULT;
    return zobject_pool_create(&wanted, (struct zobject_pool **)out);
}

zvm_status zvm_object_pool_destroy(zvm_object_pool *pool)
{
    if (pool == NULL) return ZVM_OK;
    zvm_status status = check_object_pool(pool, pool);
    return status != ZVM_OK ? status : zobject_pool_destroy(pool_of(pool));
}

zvm_status zvm_object_pool_acquire(zvm_object_pool *pool, void **out)
{
    zvm_status status = check_object_pool(pool, out);
    return status != ZVM_OK ? status : zobject_pool_acquire(pool_of(pool), out);
}

zvm_status zvm_object_pool_release(zvm_object_pool *pool, void *object)
{
    zvm_status status = check_object_pool(pool, object);
    return status != ZVM_OK ? status : zobject_pool_release(pool_of(pool), object);
}

zvm_status zvm_object_pool_clear(zvm_object_pool *pool)
{
    zvm_status status = check_object_pool(pool, pool);
    return status != ZVM_OK ? status : zobject_pool_clear(pool_of(pool));
}

zvm_status zvm_object_pool_stats(zvm_object_pool *pool, zvm_pool_stats *stats)
{
    zvm_status status = check_object_pool(pool, stats);
    if (status == ZVM_OK) zobject_pool_stats(pool_of(pool), stats);
    return status;
}
