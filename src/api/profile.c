// api/profile.c - the bodies of zvm.h under "Profiles": arguments are checked, then one call.
//
// Owns: nothing. Thread: as each declaration says. A resting isolate is borrowed for the call; one
// in a moment of its host has its thread's resources already.
#include "api/api_internal.h"

#include "sched/sched.h"
#include "vm/profile.h"

#include <string.h>

// What a call borrowed. lane NULL: nothing, the isolate is in a moment of its host.
struct visit {
    struct zisolate *iso;
    struct zlane *lane;
};

static struct zsched *sched_of(const struct zisolate *iso)
{
    return ((const zvm_runtime *)iso->shared->runtime)->sched;
}

static bool is_in_moment(const struct zisolate *iso)
{
    if (zsched_is_at_rest(iso) || iso->extra == NULL) return false;
    return z_load_relaxed(&iso->extra->is_in_moment) != 0; // relaxed: it is our own thread's
}

static zvm_status begin(zvm_isolate *isolate, struct visit *out)
{
    *out = (struct visit){.iso = (struct zisolate *)isolate};
    if (isolate == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(out->iso->shared->runtime)) return ZVM_E_FORKED;
    if (is_in_moment(out->iso)) return ZVM_OK;
    return zsched_borrow(sched_of(out->iso), out->iso, &out->lane);
}

static zvm_status end(struct visit *visit, zvm_status status)
{
    if (visit->lane != NULL) zsched_give_back(sched_of(visit->iso), visit->iso, visit->lane);
    return status;
}

zvm_status zvm_isolate_find_leaks(zvm_isolate *isolate, const zvm_leak_filter *filter,
                                  zvm_leak_fn found, void *context)
{
    if (filter == NULL || found == NULL) return ZVM_E_ARGUMENT;
    struct visit visit;
    zvm_status status = begin(isolate, &visit);
    if (status != ZVM_OK) return status;
    return end(&visit, zisolate_find_leaks(visit.iso, filter, found, context));
}

zvm_status zvm_isolate_heap_snapshot(zvm_isolate *isolate, zvm_write_fn write, void *context)
{
    if (write == NULL) return ZVM_E_ARGUMENT;
    struct visit visit;
    zvm_status status = begin(isolate, &visit);
    if (status != ZVM_OK) return status;
    return end(&visit, zisolate_heap_snapshot(visit.iso, write, context));
}

zvm_status zvm_isolate_alloc_profile(zvm_isolate *isolate, zvm_write_fn write, void *context)
{
    if (write == NULL) return ZVM_E_ARGUMENT;
    struct visit visit;
    zvm_status status = begin(isolate, &visit);
    if (status != ZVM_OK) return status;
    return end(&visit, zisolate_alloc_profile(visit.iso, write, context));
}

zvm_status zvm_isolate_history(zvm_isolate *isolate, zvm_history_fn entry, void *context)
{
    if (entry == NULL) return ZVM_E_ARGUMENT;
    struct visit visit;
    zvm_status status = begin(isolate, &visit);
    if (status != ZVM_OK) return status;
    return end(&visit, zisolate_history(visit.iso, entry, context));
}

zvm_status zvm_runtime_cpu_profile(zvm_runtime *runtime, zvm_write_fn write, void *context)
{
    if (runtime == NULL || write == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    return zsched_cpu_profile(runtime->sched, write, context);
}

zvm_status zvm_runtime_trace(zvm_runtime *runtime, zvm_write_fn write, void *context)
{
    if (runtime == NULL || write == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    return zsched_trace(runtime->sched, write, context);
}

static void put_result(const struct zisolate_collection *collection, zvm_collect_result *result)
{
    if (result == NULL) return;
    result->has_run = collection->has_run;
    result->freed_count = collection->freed.freed_count;
    result->freed_bytes = collection->freed.freed_bytes;
    result->pause_ns = collection->freed.pause_ns;
}

zvm_status zvm_isolate_collect(zvm_isolate *isolate, bool force, zvm_collect_result *result)
{
    if (result != NULL && result->size < sizeof *result) return ZVM_E_ARGUMENT;
    struct visit visit;
    zvm_status status = begin(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zisolate_collection collection = zisolate_collect(visit.iso, force);
    put_result(&collection, result);
    return end(&visit, ZVM_OK);
}

zvm_status zvm_isolate_collect_step(zvm_isolate *isolate, uint64_t budget_words,
                                    zvm_collect_result *result)
{
    if (result != NULL && result->size < sizeof *result) return ZVM_E_ARGUMENT;
    struct visit visit;
    zvm_status status = begin(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zisolate_collection collection = zisolate_collect_step(visit.iso, budget_words);
    put_result(&collection, result);
    return end(&visit, ZVM_OK);
}

zvm_status zvm_isolate_ages(zvm_isolate *isolate, zvm_ages *ages)
{
    if (ages == NULL || ages->size < sizeof *ages) return ZVM_E_ARGUMENT;
    struct visit visit;
    zvm_status status = begin(isolate, &visit);
    if (status != ZVM_OK) return status;
    zvm_ages own = {.size = ages->size};
    status = zisolate_ages(visit.iso, &own);
    if (status == ZVM_OK) memcpy(ages, &own, sizeof own);
    return end(&visit, status);
}
