// vm/aside.c - see aside.h. Owns: nothing. Thread: the isolate's owner.
#include "vm/aside.h"

#include "vm/error.h"

#define FUEL_ENOUGH (INT64_MAX / 4)

void zaside_begin(struct zisolate *iso, struct zaside *aside)
{
    *aside = (struct zaside){.fuel = iso->fuel,
                             .fuel_reserve = iso->fuel_reserve,
                             .deadline_ns = iso->deadline_ns,
                             .poll_bytes = iso->poll_bytes,
                             .status = iso->status};
    iso->fuel = 0;
    iso->fuel_reserve = FUEL_ENOUGH;
    iso->deadline_ns = 0;
}

static zvm_status status_of_error(const struct zisolate *iso)
{
    const struct zerror *error = iso->error.p;
    if (error->kind == (uintptr_t)iso->shared->kinds[ZERROR_HEAP_LIMIT]) return ZVM_E_HEAP_LIMIT;
    if (error->kind == (uintptr_t)iso->shared->kinds[ZERROR_INTERN_LIMIT])
        return ZVM_E_INTERN_LIMIT;
    if (error->kind == (uintptr_t)iso->shared->kinds[ZERROR_STATE]) return ZVM_E_STALE;
    return ZVM_E_LIMIT;
}

static zvm_status take_pending(struct zisolate *iso)
{
    bool is_end = iso->pending == ZPENDING_TERMINATION;
    zvm_status status = is_end ? (zvm_status)iso->status : status_of_error(iso);
    iso->pending = ZPENDING_NOTHING;
    iso->error = zvalue_null();
    return status;
}

// What the collector worked shortens a slice under way, as ever (worked() of isolate.c), and no other.
static bool is_in_slice(const struct zisolate *iso)
{
    // relaxed: it is our own thread that runs it
    return (z_load_relaxed(&iso->state) & ZSTATE_MASK) == ZSTATE_RUNNING;
}

zvm_status zaside_end(struct zisolate *iso, const struct zaside *aside, bool ok)
{
    zvm_status outcome = ok ? ZVM_OK : take_pending(iso);
    int64_t work = is_in_slice(iso) ? iso->fuel_reserve - FUEL_ENOUGH : 0;
    iso->fuel = aside->fuel - work;
    iso->fuel_reserve = aside->fuel_reserve + work;
    iso->deadline_ns = aside->deadline_ns;
    iso->poll_bytes = aside->poll_bytes;
    iso->status = aside->status;
    return outcome;
}
