// sched/profiles.c - a profile of fuel for each worker, and one for the threads of the host; a trace of
// each worker.
//
// Owns: the profiles and traces. Thread: any; each profile has a lock of its own and each trace one
// writer, so workers never meet in one.
#include "sched/sched_internal.h"

#include "base/alloc.h"
#include "vm/cpu_profile.h"

zvm_status zprofiles_create(struct zsched *sched, uint32_t worker_count, uint64_t mean_fuel)
{
    if (mean_fuel == 0) return ZVM_OK;
    sched->profiles = z_alloc_zeroed((worker_count + 1) * sizeof(struct zcpu_profile *));
    if (sched->profiles == NULL) return ZVM_E_NOMEM;
    sched->profile_count = worker_count + 1;
    for (uint32_t i = 0; i < sched->profile_count; i++) {
        zvm_status status = zcpu_profile_create(mean_fuel, &sched->profiles[i]);
        if (status != ZVM_OK) return status;
    }
    return ZVM_OK;
}

void zprofiles_destroy(struct zsched *sched)
{
    for (uint32_t i = 0; i < sched->profile_count; i++)
        zcpu_profile_destroy(sched->profiles[i]);
    z_free(sched->profiles, sched->profile_count * sizeof(struct zcpu_profile *));
}

void zprofiles_attach(const struct zsched *sched, struct zrunner *runner,
                      const struct zworker *worker)
{
    if (sched->profile_count == 0) return;
    uint32_t index = worker == NULL ? sched->profile_count - 1 : worker->index;
    zcpu_sampler_init(&runner->sampler, sched->profiles[index], index);
}

zvm_status zsched_cpu_profile(struct zsched *sched, zvm_write_fn write, void *context)
{
    if (sched->profile_count == 0) return ZVM_E_STATE;
    return zcpu_profile_write(sched->profiles, sched->profile_count, write, context);
}

// ---- Traces -------------------------------------------------------------------------------------

// A zheap_pause_fn. context: the worker. thread: the worker.
static void pause_ended(void *context, const struct zheap_pause *pause)
{
    const struct zworker *worker = context;
    struct ztrace_event event = {
        .kind = ZTRACE_COLLECTION,
        .detail = pause->kind,
        .start_ns = pause->start_ns,
        .end_ns = pause->end_ns,
        .isolate = worker->running == NULL ? -1 : worker->running->id,
        .amount = pause->freed_bytes,
    };
    ztrace_add(worker->trace, &event);
}

zvm_status zprofiles_trace(struct zworker *worker, uint64_t events)
{
    if (events == 0) return ZVM_OK;
    zvm_status status = ztrace_create(events, &worker->trace);
    if (status == ZVM_OK) zheap_env_watch(worker->lane.runner.env, pause_ended, worker);
    return status;
}

zvm_status zsched_trace(struct zsched *sched, zvm_write_fn write, void *context)
{
    uint32_t count = zsched_started(sched);
    if (count == 0 || sched->workers[0]->trace == NULL) return ZVM_E_STATE;
    struct ztrace **traces = z_alloc(count * sizeof *traces);
    if (traces == NULL) return ZVM_E_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        traces[i] = sched->workers[i]->trace;
    zvm_status status = ztrace_write(traces, count, sched->start_ns, write, context);
    z_free(traces, count * sizeof *traces);
    return status;
}
