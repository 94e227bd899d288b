// api/reuse.c - the bodies of zvm.h's reuse of isolates: resetting one, and a stock of warm ones.
//
// Owns: struct zvm_isolate_pool, a list of idle isolates under its lock. Thread: as each declaration says.
// The lock is a leaf: isolates are made, reset and destroyed outside of it.
// Invariant: an isolate that a pool has given out carries the pool's number, and no idle one does. So one
// is taken back once, and only by the pool that made it, whose options it has.
#include "api/api_internal.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "sched/sched.h"

#include <pthread.h>
#include <string.h>

struct zvm_isolate_pool {
    // frozen
    zvm_runtime *runtime;
    zvm_code *code; // one reference
    zvm_isolate_options options;
    uint32_t capacity;
    uint32_t number; // not 0
    // under lock
    pthread_mutex_t lock;
    zvm_isolate **idle; // [capacity]: the first idle_count
    uint32_t idle_count;
    uint64_t created, reused;
};

static struct zisolate *isolate_of(const zvm_isolate *isolate)
{
    return (struct zisolate *)(uintptr_t)isolate;
}

// ---- One isolate --------------------------------------------------------------------------------

zvm_status zvm_isolate_reset(zvm_isolate *isolate)
{
    if (isolate == NULL) return ZVM_E_ARGUMENT;
    struct zisolate *iso = isolate_of(isolate);
    zvm_runtime *runtime = iso->shared->runtime;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    return zsched_reset(runtime->sched, iso);
}

zvm_status zvm_isolate_set_user(zvm_isolate *isolate, void *user)
{
    if (isolate == NULL) return ZVM_E_ARGUMENT;
    struct zisolate *iso = isolate_of(isolate);
    if (zapi_is_dead(iso->shared->runtime)) return ZVM_E_FORKED;
    if (!zsched_is_at_rest(iso) || zsched_is_listed(iso)) return ZVM_E_BUSY;
    iso->user = user;
    return ZVM_OK;
}

// ---- A stock of them ----------------------------------------------------------------------------

static uint32_t next_number(void)
{
    static _Atomic uint32_t numbers;
    uint32_t number;
    do
        number = z_fetch_add_relaxed(&numbers, 1) + 1; // relaxed: a number
    while (number == 0);
    return number;
}

static void free_pool(zvm_isolate_pool *pool)
{
    if (pool->idle != NULL) z_free(pool->idle, pool->capacity * sizeof *pool->idle);
    z_free(pool, sizeof *pool);
}

// Without an isolate. options: as they are kept.
static zvm_status make_pool(zvm_runtime *runtime, zvm_code *code,
                            const zvm_isolate_options *options, uint32_t capacity,
                            zvm_isolate_pool **out)
{
    zvm_isolate_pool *pool = z_alloc_zeroed(sizeof *pool);
    if (pool == NULL) return ZVM_E_NOMEM;
    pool->runtime = runtime;
    pool->code = code;
    pool->options = *options;
    pool->capacity = capacity;
    pool->number = next_number();
    pool->idle = z_alloc(capacity * sizeof *pool->idle);
    if (pool->idle == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free_pool(pool);
        return ZVM_E_NOMEM;
    }
    zvm_code_retain(code);
    *out = pool;
    return ZVM_OK;
}

zvm_status zvm_isolate_pool_create(zvm_runtime *runtime, zvm_code *code,
                                   const zvm_isolate_options *options, uint32_t capacity,
                                   zvm_isolate_pool **out)
{
    zvm_isolate_options own = ZVM_ISOLATE_OPTIONS_INIT;
    if (runtime == NULL || code == NULL || out == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (capacity == 0 || capacity > ZVM_ISOLATE_POOL_MAX) return ZVM_E_ARGUMENT;
    if (options != NULL && !zapi_read_options(&own, sizeof own, options, options->size))
        return ZVM_E_ARGUMENT;
    own.size = sizeof own;
    // What the options ask for is refused here, and not when an isolate is needed.
    zvm_isolate *first;
    zvm_status status = zvm_isolate_create(runtime, code, &own, &first);
    if (status != ZVM_OK) return status;
    zvm_isolate_pool *pool = NULL;
    bool has_profile = zheap_has_profile(&isolate_of(first)->heap);
    status = has_profile ? ZVM_E_ARGUMENT : make_pool(runtime, code, &own, capacity, &pool);
    if (status != ZVM_OK) {
        (void)zvm_isolate_destroy(first);
        return status;
    }
    pool->idle[pool->idle_count++] = first;
    pool->created = 1;
    *out = pool;
    return ZVM_OK;
}

void zvm_isolate_pool_destroy(zvm_isolate_pool *pool)
{
    if (pool == NULL || zapi_is_dead(pool->runtime)) return;
    for (uint32_t i = 0; i < pool->idle_count; i++)
        (void)zvm_isolate_destroy(pool->idle[i]); // idle: nobody else has them
    pthread_mutex_destroy(&pool->lock);
    zvm_code_release(pool->code);
    free_pool(pool);
}

// NULL: there is none.
static zvm_isolate *take_idle(zvm_isolate_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    zvm_isolate *isolate = pool->idle_count == 0 ? NULL : pool->idle[--pool->idle_count];
    if (isolate != NULL) pool->reused++;
    pthread_mutex_unlock(&pool->lock);
    return isolate;
}

static zvm_status make_isolate(zvm_isolate_pool *pool, zvm_isolate **out)
{
    zvm_status status = zvm_isolate_create(pool->runtime, pool->code, &pool->options, out);
    if (status != ZVM_OK) return status;
    pthread_mutex_lock(&pool->lock);
    pool->created++;
    pthread_mutex_unlock(&pool->lock);
    return ZVM_OK;
}

zvm_status zvm_isolate_pool_acquire(zvm_isolate_pool *pool, zvm_isolate **out)
{
    if (pool == NULL || out == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(pool->runtime)) return ZVM_E_FORKED;
    zvm_isolate *isolate = take_idle(pool);
    if (isolate == NULL) {
        zvm_status status = make_isolate(pool, &isolate);
        if (status != ZVM_OK) return status;
    }
    isolate_of(isolate)->stock = pool->number;
    *out = isolate;
    return ZVM_OK;
}

// False: it is full.
static bool keep_idle(zvm_isolate_pool *pool, zvm_isolate *isolate)
{
    pthread_mutex_lock(&pool->lock);
    bool has_room = pool->idle_count < pool->capacity;
    if (has_room) pool->idle[pool->idle_count++] = isolate;
    pthread_mutex_unlock(&pool->lock);
    return has_room;
}

zvm_status zvm_isolate_pool_release(zvm_isolate_pool *pool, zvm_isolate *isolate)
{
    if (pool == NULL || isolate == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(pool->runtime)) return ZVM_E_FORKED;
    struct zisolate *iso = isolate_of(isolate);
    if (iso->stock != pool->number) return ZVM_E_FOREIGN;
    bool is_ours = zsched_is_at_rest(iso) && !zsched_is_listed(iso) && !zsched_is_in_hand(iso);
    if (!is_ours) return ZVM_E_BUSY;
    // One that a queue still names, or that is just being answered, can be destroyed at once, but not reset.
    bool is_reset = zvm_isolate_reset(isolate) == ZVM_OK;
    iso->stock = 0;
    iso->user = pool->options.user;
    if (is_reset && keep_idle(pool, isolate)) return ZVM_OK;
    return zvm_isolate_destroy(isolate);
}

zvm_status zvm_isolate_pool_figures_take(zvm_isolate_pool *pool, zvm_isolate_pool_figures *figures)
{
    if (pool == NULL || figures == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(pool->runtime)) return ZVM_E_FORKED;
    if (figures->size < sizeof *figures) return ZVM_E_ARGUMENT; // the first version has all of it
    pthread_mutex_lock(&pool->lock);
    figures->idle_count = pool->idle_count;
    figures->created = pool->created;
    figures->reused = pool->reused;
    pthread_mutex_unlock(&pool->lock);
    return ZVM_OK;
}
