// pool/object_pool.h - objects of the host that are used again. owner-thread. The contracts are those
// of zvm.h, "Pools"; arguments and thread are checked already.
#ifndef ZVM_POOL_OBJECT_POOL_H
#define ZVM_POOL_OBJECT_POOL_H

#include "pool/host.h"

struct zobject_pool;

zvm_status zobject_pool_create(const zvm_object_pool_options *options, struct zobject_pool **out);
zvm_status zobject_pool_destroy(struct zobject_pool *pool);
const struct zpool_owner *zobject_pool_owner(const struct zobject_pool *pool);
zvm_status zobject_pool_acquire(struct zobject_pool *pool, void **out);
zvm_status zobject_pool_release(struct zobject_pool *pool, void *object);
zvm_status zobject_pool_clear(struct zobject_pool *pool);
void zobject_pool_stats(const struct zobject_pool *pool, zvm_pool_stats *out);

#endif // ZVM_POOL_OBJECT_POOL_H
