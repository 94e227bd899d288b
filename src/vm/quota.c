// vm/quota.c - limits that few isolates have: CPU time, bytes of output, and those of a group.
//
// Owns: the isolate's struct zquota. Thread: owner.
// CPU time is that of the thread while it runs the isolate: collections and the host's output callback
// are in it, waiting is not. It is read when a slice begins and ends and at every poll, which a slice's
// fuel or 64 KiB touched by a builtin keeps apart: by so much, and one collection, an isolate may go over.
// Output is counted before it is printed: nothing of a text that would go over reaches the host.
// A group's sums (group.h) are taken from before they are used: fuel for a slice, memory in steps. The
// isolate that asks when nothing is left is the one that ends, or gets the error; others go on as long
// as what they have taken lasts.
#include "vm/quota.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "vm/error.h"

// What a heap is granted beyond what it needs now: few asks, and little that lies idle.
#define HEAP_SLACK_SHARE     8
#define HEAP_SLACK_MAX_BYTES (UINT64_C(1) << 20)

static zvm_status enter_group(struct zquota *quota, struct zgroup *group, uint64_t limit_bytes)
{
    if (zgroup_is_cancelled(group)) return ZVM_E_CLOSED;
    if (!zgroup_enter(group)) return ZVM_E_ISOLATES;
    uint64_t first =
        zsum_take(&group->heap_bytes, ZGROUP_HEAP_LEAST_BYTES, ZGROUP_HEAP_LEAST_BYTES);
    if (first == 0) {
        zgroup_leave(group);
        return ZVM_E_HEAP_LIMIT;
    }
    quota->group = group;
    quota->heap_limit_bytes = limit_bytes;
    quota->heap_granted_bytes = first;
    return ZVM_OK;
}

zvm_status zquota_create(struct zisolate *iso, const struct zisolate_options *options,
                         uint64_t *heap_limit_bytes)
{
    *heap_limit_bytes = options->heap_limit_bytes;
    bool has_own = options->cpu_limit_ns != 0 || options->output_limit_bytes != 0;
    if (!has_own && options->group == NULL) return ZVM_OK;
    struct zquota *quota = z_alloc_zeroed(sizeof *quota);
    if (quota == NULL) return ZVM_E_NOMEM;
    quota->cpu_limit_ns = options->cpu_limit_ns;
    quota->output_limit_bytes = options->output_limit_bytes;
    if (options->group != NULL) {
        zvm_status status = enter_group(quota, options->group, options->heap_limit_bytes);
        if (status != ZVM_OK) {
            z_free(quota, sizeof *quota);
            return status;
        }
        *heap_limit_bytes = quota->heap_granted_bytes;
    }
    iso->quota = quota;
    return ZVM_OK;
}

void zquota_destroy(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    if (quota == NULL) return;
    iso->quota = NULL;
    if (quota->group != NULL) {
        zsum_give(&quota->group->heap_bytes, quota->heap_granted_bytes);
        zgroup_leave(quota->group);
    }
    z_free(quota, sizeof *quota);
}

// ---- A slice ------------------------------------------------------------------------------------

static bool has_cpu_limit(const struct zquota *quota)
{
    return quota->cpu_limit_ns != 0 || quota->group != NULL;
}

uint64_t zquota_begin(struct zisolate *iso, uint64_t grant)
{
    struct zquota *quota = iso->quota;
    if (has_cpu_limit(quota)) quota->cpu_start_ns = zclock_thread_cpu_ns();
    if (quota->group == NULL) return grant;
    quota->fuel_before = zisolate_fuel_used(iso);
    quota->fuel_taken = grant == 0 ? 0 : zgroup_take_fuel(quota->group, grant);
    quota->is_group_dry = quota->fuel_taken < grant && quota->fuel_taken == 0;
    return quota->fuel_taken;
}

// A heap that has become much smaller does not keep the others' room.
static void return_heap(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    struct zheap_stats stats;
    zheap_stats(&iso->heap, &stats);
    uint64_t needed = stats.committed_bytes + stats.committed_bytes / HEAP_SLACK_SHARE;
    if (needed < ZGROUP_HEAP_LEAST_BYTES) needed = ZGROUP_HEAP_LEAST_BYTES;
    if (quota->heap_granted_bytes / 2 <= needed) return;
    zheap_set_limit(&iso->heap, needed);
    zsum_give(&quota->group->heap_bytes, quota->heap_granted_bytes - needed);
    quota->heap_granted_bytes = needed;
}

void zquota_end(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    if (has_cpu_limit(quota)) {
        uint64_t before_ns = quota->cpu_used_ns;
        quota->cpu_used_ns = zquota_cpu_ns(iso);
        if (quota->group != NULL) zsum_add(&quota->group->cpu_ns, quota->cpu_used_ns - before_ns);
    }
    quota->cpu_start_ns = 0;
    if (quota->group == NULL) return;
    zgroup_settle_fuel(quota->group, quota->fuel_taken,
                       zisolate_fuel_used(iso) - quota->fuel_before);
    return_heap(iso);
}

void zquota_restart(struct zisolate *iso)
{
    iso->quota->cpu_used_ns = 0;
}

uint64_t zquota_cpu_ns(const struct zisolate *iso)
{
    const struct zquota *quota = iso->quota;
    return quota->cpu_used_ns + (zclock_thread_cpu_ns() - quota->cpu_start_ns);
}

// ---- What ends it -------------------------------------------------------------------------------

static bool end_by_group(struct zisolate *iso, enum zquota_sum sum)
{
    iso->quota->sum = (uint8_t)sum;
    z_fetch_add_relaxed(&iso->quota->group->ended, 1); // relaxed: a count
    return zerror_terminate(iso, ZVM_E_GROUP_LIMIT);
}

static bool poll_group(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    struct zgroup *group = quota->group;
    if (zgroup_is_cancelled(group)) return zerror_terminate(iso, ZVM_E_CANCELLED);
    if (quota->is_group_dry) return end_by_group(iso, ZQUOTA_FUEL);
    if (group->cpu_ns.limit == UINT64_MAX) return true;
    uint64_t own_ns = zquota_cpu_ns(iso) - quota->cpu_used_ns; // not added to the sum yet
    if (zsum_left(&group->cpu_ns) <= own_ns) return end_by_group(iso, ZQUOTA_CPU);
    return true;
}

bool zquota_poll(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    // Between two slices it is the host that does something to the isolate, at no cost to it.
    if (quota->cpu_start_ns == 0) return true;
    uint64_t limit_ns = quota->cpu_limit_ns;
    if (limit_ns != 0 && zquota_cpu_ns(iso) >= limit_ns)
        return zerror_terminate(iso, ZVM_E_CPU_TIME);
    return quota->group == NULL || poll_group(iso);
}

bool zquota_output(struct zisolate *iso, uint64_t bytes)
{
    struct zquota *quota = iso->quota;
    uint64_t limit_bytes = quota->output_limit_bytes;
    if (limit_bytes != 0) {
        ZVM_ASSERT(iso->output_bytes <= limit_bytes);
        if (bytes > limit_bytes - iso->output_bytes) {
            quota->output_asked_bytes = iso->output_bytes + bytes;
            return zerror_terminate(iso, ZVM_E_OUTPUT_LIMIT);
        }
    }
    if (quota->group == NULL || bytes == 0) return true;
    if (zsum_take(&quota->group->output_bytes, bytes, bytes) == bytes) return true;
    return end_by_group(iso, ZQUOTA_OUTPUT);
}

// ---- The heap of an isolate in a group ------------------------------------------------------------

uint64_t zquota_raise_heap(struct zisolate *iso, uint64_t limit_bytes, uint64_t more_bytes)
{
    struct zquota *quota = iso->quota;
    if (quota == NULL || quota->group == NULL) return limit_bytes;
    uint64_t room = quota->heap_limit_bytes - quota->heap_granted_bytes;
    if (room == 0 || quota->heap_limit_bytes < quota->heap_granted_bytes) return limit_bytes;
    uint64_t slack = limit_bytes / HEAP_SLACK_SHARE;
    if (slack > HEAP_SLACK_MAX_BYTES) slack = HEAP_SLACK_MAX_BYTES;
    uint64_t least = more_bytes < room ? more_bytes : room;
    uint64_t wanted = slack < room - least ? least + slack : room;
    uint64_t got = zsum_take(&quota->group->heap_bytes, least, wanted);
    quota->heap_granted_bytes += got;
    return limit_bytes + got;
}

bool zquota_is_group_full(const struct zisolate *iso)
{
    const struct zquota *quota = iso->quota;
    return quota != NULL && quota->group != NULL &&
           quota->heap_granted_bytes < quota->heap_limit_bytes;
}

// ---- Symbols ------------------------------------------------------------------------------------

bool zquota_has_symbol(const struct zisolate *iso)
{
    const struct zquota *quota = iso->quota;
    return quota == NULL || quota->group == NULL || zsum_left(&quota->group->symbols) > 0;
}

void zquota_add_symbol(struct zisolate *iso)
{
    if (iso->quota != NULL && iso->quota->group != NULL) zsum_add(&iso->quota->group->symbols, 1);
}

void zquota_drop_symbol(struct zisolate *iso)
{
    if (iso->quota != NULL && iso->quota->group != NULL) zsum_give(&iso->quota->group->symbols, 1);
}
