// sched/lifecycle.c - a scheduler is made and taken apart, and its threads with it.
//
// Owns: the workers and their threads. Thread: the one that makes or destroys it; nobody else is
// inside a call then.
// Workers are started with every signal blocked, so that the host's handlers keep running on the
// host's threads. When the system refuses some of the threads, the scheduler works with those that
// it got.
#include "sched/sched_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/futex.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

// ---- Workers ------------------------------------------------------------------------------------

static void destroy_worker(struct zworker *worker)
{
    if (worker == NULL) return;
    ztrace_destroy(worker->trace);
    zrunner_deinit(&worker->lane.runner);
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++)
        zoverflow_deinit(&worker->levels[i].overflow);
    zwheel_deinit(&worker->wheel);
    z_free_aligned(worker, sizeof *worker);
}

static zvm_status create_worker(struct zsched *sched, uint32_t index, uint64_t trace_events,
                                struct zworker **out)
{
    struct zworker *worker = z_alloc_aligned(_Alignof(struct zworker), sizeof *worker);
    if (worker == NULL) return ZVM_E_NOMEM;
    memset(worker, 0, sizeof *worker);
    worker->sched = sched;
    worker->index = index;
    worker->is_watched = trace_events != 0 || sched->hooks.on_event != NULL;
    worker->lane.worker = worker;
    atomic_init(&worker->block.updated_ns, sched->start_ns); // its age counts from the beginning
    worker->clock_ns = sched->start_ns;
    zwheel_init(&worker->wheel, sched->start_ns);
    worker->random = (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
    zvm_status status = zrunner_init(&worker->lane.runner, sched->spans);
    if (status != ZVM_OK) {
        z_free_aligned(worker, sizeof *worker);
        return status;
    }
    worker->lane.runner.worker_index = (int32_t)index;
    zprofiles_attach(sched, &worker->lane.runner, worker);
    status = zprofiles_trace(worker, trace_events);
    if (status != ZVM_OK) {
        destroy_worker(worker);
        return status;
    }
    *out = worker;
    return ZVM_OK;
}

static bool start_thread(struct zworker *worker)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    size_t stack_bytes = worker->sched->hooks.worker_stack_bytes;
    bool is_started =
        (stack_bytes == 0 || pthread_attr_setstacksize(&attributes, stack_bytes) == 0) &&
        pthread_create(&worker->thread, &attributes, zworker_main, worker) == 0;
    pthread_attr_destroy(&attributes);
    return is_started;
}

static bool start_worker(struct zworker *worker)
{
    if (zsched_is_replay(worker->sched)) return true; // the host's thread is it
    if (!start_thread(worker)) return false;
    char name[16]; // the longest that Linux takes
    snprintf(name, sizeof name, "%s-%u", worker->sched->hooks.worker_name,
             worker->index % ZSCHED_WORKERS_MAX);
    pthread_setname_np(worker->thread, name); // a name that fails harms nothing
    return true;
}

static zvm_status create_workers(struct zsched *sched, uint32_t count, uint64_t trace_events)
{
    if (count == 0) return ZVM_OK;
    sched->workers = z_alloc_zeroed(count * sizeof *sched->workers);
    if (sched->workers == NULL) return ZVM_E_NOMEM;
    sched->worker_capacity = count;
    zvm_status parking_status = zparking_init(&sched->parking, count);
    if (parking_status != ZVM_OK) return parking_status;
    for (uint32_t i = 0; i < count; i++) {
        zvm_status status = create_worker(sched, i, trace_events, &sched->workers[i]);
        if (status != ZVM_OK) return status;
    }
    return ZVM_OK;
}

// A worker that runs while others are being started sees a count of 0, finds nothing and sleeps.
static zvm_status start_workers(struct zsched *sched)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    uint32_t started = 0;
    while (started < sched->worker_capacity && start_worker(sched->workers[started]))
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    z_store_seq_cst(&sched->worker_count, started); // PAIR park
    if (started < sched->worker_capacity)
        zhooks_log(&sched->hooks, ZVM_LOG_WARNING,
                   "the system started %u of %u worker threads and refuses more", started,
                   sched->worker_capacity);
    return started == 0 && sched->worker_capacity > 0 ? ZVM_E_THREADS : ZVM_OK;
}

// ---- Locks --------------------------------------------------------------------------------------

static bool init_lock(pthread_mutex_t *lock, int type)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) return false;
    bool is_ready = pthread_mutexattr_settype(&attributes, type) == 0 &&
                    pthread_mutex_init(lock, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return is_ready;
}

enum { LOCK_COUNT = 3 };

static void deinit_locks(struct zsched *sched)
{
    pthread_mutex_t *const locks[LOCK_COUNT] = {&sched->host_lock, &sched->reserve_lock,
                                                &sched->groups_lock};
    for (uint32_t i = 0; i < sched->lock_count; i++)
        pthread_mutex_destroy(locks[i]);
}

static bool init_locks(struct zsched *sched)
{
    // Adaptive: it is held for less time than going to sleep takes, so a short spin comes first.
    if (!init_lock(&sched->host_lock, PTHREAD_MUTEX_ADAPTIVE_NP)) return false;
    sched->lock_count = 1;
    if (!init_lock(&sched->reserve_lock, PTHREAD_MUTEX_RECURSIVE)) return false; // see lane.c
    sched->lock_count = 2;
    if (pthread_mutex_init(&sched->groups_lock, NULL) != 0) return false;
    sched->lock_count = LOCK_COUNT;
    return true;
}

// ---- The whole ----------------------------------------------------------------------------------

zvm_status zsched_create(const struct zsched_options *options, struct zsched **out)
{
    ZVM_ASSERT(options->worker_count <= ZSCHED_WORKERS_MAX);
    ZVM_ASSERT(options->seed == 0 || options->worker_count == 1);

    struct zsched *sched = z_alloc_aligned(_Alignof(struct zsched), sizeof *sched);
    if (sched == NULL) return ZVM_E_NOMEM;
    memset(sched, 0, sizeof *sched);
    if (!init_locks(sched)) {
        deinit_locks(sched);
        z_free_aligned(sched, sizeof *sched);
        return ZVM_E_NOMEM;
    }
    sched->slice_budget =
        options->slice_budget == 0 ? ZSCHED_BUDGET_DEFAULT : options->slice_budget;
    sched->spans = options->spans;
    sched->isolate_limit = options->isolate_limit;
    sched->hooks = options->hooks;
    sched->is_watched = options->isolate_limit != 0 || options->hooks.on_event != NULL;
    zreplay_init(&sched->replay, options->seed);
    sched->start_ns = zsched_now_ns(sched);
    atomic_init(&sched->host_block.updated_ns, sched->start_ns);

    zvm_status status = ztokens_init(&sched->tokens);
    sched->has_tokens = status == ZVM_OK;
    uint32_t blocking_threads = options->blocking_threads;
    if (blocking_threads == 0) blocking_threads = ZBLOCKING_THREADS_DEFAULT;
    if (status == ZVM_OK)
        status = zblocking_init(&sched->blocking, blocking_threads, &sched->hooks);
    sched->has_blocking = status == ZVM_OK;
    if (status == ZVM_OK && options->lists_finished) {
        status = zfinished_init(&sched->finished);
        sched->has_finished = status == ZVM_OK;
    }
    if (status == ZVM_OK)
        status = zprofiles_create(sched, options->worker_count, options->profile_fuel);
    if (status == ZVM_OK) status = zlane_create(sched, &sched->reserve);
    if (status == ZVM_OK) status = zlane_create(sched, &sched->lanes);
    // Without futexes workers could not sleep; the host's own threads need none.
    if (status == ZVM_OK && options->worker_count > 0 && !zfutex_is_available())
        status = ZVM_E_THREADS;
    if (status == ZVM_OK)
        status = create_workers(sched, options->worker_count, options->trace_events);
    if (status == ZVM_OK) status = start_workers(sched);
    if (status != ZVM_OK) {
        zsched_destroy(sched);
        return status;
    }
    *out = sched;
    return ZVM_OK;
}

static void stop_workers(struct zsched *sched)
{
    z_store_seq_cst(&sched->is_stopping, 1); // PAIR park
    zparking_stop(&sched->parking);
    for (uint32_t i = 0; i < zsched_started(sched) && !zsched_is_replay(sched); i++)
        pthread_join(sched->workers[i]->thread, NULL);
}

static void destroy_isolates(struct zsched *sched)
{
    zvm_isolate *listed;
    while (zsched_take_finished(sched, &listed, 1) > 0)
        continue;
    while (sched->live != NULL) {
        struct zisolate *iso = sched->live;
        zvm_status status = zsched_isolate_destroy(sched, iso);
        ZVM_CHECK(status == ZVM_OK); // the workers are gone: nothing is queued or running
    }
}

void zsched_destroy(struct zsched *sched)
{
    if (sched == NULL) return;
    sched->replay.owner = pthread_self(); // nobody else is about any more
    if (zsched_started(sched) > 0) (void)zsched_shutdown(sched, true /* cancel */);
    stop_workers(sched);
    if (sched->has_blocking) zblocking_deinit(&sched->blocking);
    destroy_isolates(sched);
    zqueue_purge(sched);
    zsched_groups_free(sched);
    for (uint32_t i = 0; i < sched->worker_capacity; i++)
        destroy_worker(sched->workers[i]);
    z_free(sched->workers, sched->worker_capacity * sizeof *sched->workers);
    zparking_deinit(&sched->parking);
    zlane_destroy_all(sched);
    zprofiles_destroy(sched);
    if (sched->has_finished) zfinished_deinit(&sched->finished);
    if (sched->has_tokens) ztokens_deinit(&sched->tokens);
    zroster_deinit(&sched->roster);
    deinit_locks(sched);
    z_free_aligned(sched, sizeof *sched);
}

uint32_t zsched_worker_count(const struct zsched *sched)
{
    return zsched_started(sched);
}
