// pool/host.h - a set of pools for a thread of the host: integers, short texts, lists of values.
//
// Thread: owner: the thread that made the set, or that adopted it last. The contracts of the calls
// are those of zvm.h, "Pools". Here arguments are checked already, and the calling thread is too.
#ifndef ZVM_POOL_HOST_H
#define ZVM_POOL_HOST_H

#include "zvm.h"

#include "base/atomic.h"

struct zpool_host;

// The thread that owns something: written by it, read by any that calls by mistake.
struct zpool_owner {
    _Atomic uint64_t thread;
};

void zpool_adopt(struct zpool_owner *owner);
bool zpool_is_owner(const struct zpool_owner *owner);

struct zpool_host_options {
    uint32_t limits[ZVM_POOL_KIND_COUNT]; // 0 = off
    uint32_t least_percents[ZVM_POOL_KIND_COUNT];
    uint64_t limit_bytes;
};

zvm_status zpool_host_create(const struct zpool_host_options *options, struct zpool_host **out);
void zpool_host_destroy(struct zpool_host *host);
struct zpool_owner *zpool_host_owner(struct zpool_host *host);

const zvm_pool_integer *zpool_host_int(struct zpool_host *host, int64_t value);
const char *zpool_host_str(struct zpool_host *host, const char *text, size_t length_bytes);
zvm_status zpool_host_acquire(struct zpool_host *host, size_t count, zvm_list **out);
zvm_status zpool_host_release(struct zpool_host *host, zvm_list *list);
struct zpool_host *zpool_host_of(const zvm_list *list);

// false: it has no place for anything, and cannot be enabled.
bool zpool_host_enable(struct zpool_host *host, zvm_pool_kind kind, bool is_enabled);
void zpool_host_clear(struct zpool_host *host);
void zpool_host_stats(const struct zpool_host *host, zvm_pools_figures *out);

#endif // ZVM_POOL_HOST_H
