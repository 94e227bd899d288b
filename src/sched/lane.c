// sched/lane.c - lanes: what a thread needs to touch an isolate.
//
// Owns: the host threads' lanes. A worker has one of its own for ever; a thread of the host takes a
// free one for the length of a call, or makes one more. There are never more than calls at one
// time. Thread: any; the list of free lanes is under host_lock. An on_finish callback runs between
// two isolates, so that what it creates and destroys may use the worker's own lane: its blocks then
// stay warm in that worker, and no lock is taken. A callback in the middle of a slice (output) gets
// a host lane, because the worker's is in use. Destroying must succeed with no memory left: for
// that one lane is kept in reserve, under a lock of its own that is held as long as the lane is
// used. The thread that has it may take it again: a finalizer of the host that is called while an
// isolate is destroyed may destroy another one, which then is through before the first goes on.
#include "sched/sched_internal.h"

#include "base/alloc.h"

zvm_status zlane_create(struct zsched *sched, struct zlane **out)
{
    struct zlane *lane = z_alloc_zeroed(sizeof *lane);
    if (lane == NULL) return ZVM_E_NOMEM;
    zvm_status status = zrunner_init(&lane->runner, sched->spans);
    if (status != ZVM_OK) {
        z_free(lane, sizeof *lane);
        return status;
    }
    zprofiles_attach(sched, &lane->runner, NULL /* worker */);
    *out = lane;
    return ZVM_OK;
}

struct zlane *zlane_acquire_host(struct zsched *sched)
{
    pthread_mutex_lock(&sched->host_lock);
    struct zlane *lane = sched->lanes;
    if (lane != NULL) sched->lanes = lane->next;
    pthread_mutex_unlock(&sched->host_lock);
    if (lane == NULL && zlane_create(sched, &lane) != ZVM_OK) return NULL;
    return lane;
}

struct zlane *zlane_acquire(struct zsched *sched)
{
    struct zworker *worker = zworker_current(sched);
    if (worker == NULL || !worker->is_lending) return zlane_acquire_host(sched);
    worker->is_lending = false;
    return &worker->lane;
}

struct zlane *zlane_acquire_sure(struct zsched *sched)
{
    struct zlane *lane = zlane_acquire(sched);
    if (lane != NULL) return lane;
    pthread_mutex_lock(&sched->reserve_lock);
    return sched->reserve;
}

void zlane_release(struct zsched *sched, struct zlane *lane)
{
    if (lane == sched->reserve) {
        pthread_mutex_unlock(&sched->reserve_lock);
        return;
    }
    if (lane->worker != NULL) {
        lane->worker->is_lending = true;
        return;
    }
    pthread_mutex_lock(&sched->host_lock);
    lane->next = sched->lanes;
    sched->lanes = lane;
    pthread_mutex_unlock(&sched->host_lock);
}

static void destroy_lane(struct zlane *lane)
{
    if (lane == NULL) return;
    zrunner_deinit(&lane->runner);
    z_free(lane, sizeof *lane);
}

void zlane_destroy_all(struct zsched *sched)
{
    while (sched->lanes != NULL) {
        struct zlane *lane = sched->lanes;
        sched->lanes = lane->next;
        destroy_lane(lane);
    }
    destroy_lane(sched->reserve);
}
