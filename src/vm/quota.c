// vm/quota.c - limits that few isolates have: CPU time, bytes of output, and those of a group.
//
// Owns: the isolate's struct zquota. Thread: owner.
// CPU time is that of the thread while it runs the isolate: collections and the host's output callback
// are in it, waiting is not. It is read when a slice begins and ends and at every poll, which a slice's
// fuel or 64 KiB touched by a builtin keeps apart: by so much, and one collection, an isolate may go over.
// Output is counted before it is printed: nothing of a text that would go over reaches the host.
// A group's sums (group.h) are taken from before they are used: memory in steps, fuel for a slice. The
// isolate that asks for more than is left is the one that ends, or gets the error; others go on as long
// as what they have taken lasts.
// Fuel of an isolate in a group: iso->fuel + iso->fuel_reserve is what has been taken for this slice and
// not been used, and 0 between slices; what its own limit leaves it beyond is fuel_rest. So an isolate
// without a group pays nothing for groups, and one with a group runs out of what was taken exactly as
// others run out of their limit: then more is taken, or what would go over is not done.
#include "vm/quota.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "vm/error.h"

// What a heap is granted beyond what it needs now: few asks, and little that lies idle.
#define HEAP_SLACK_SHARE     8
#define HEAP_SLACK_MAX_BYTES (UINT64_C(1) << 20)

// What a builtin that has used up its slice takes at once, if it may.
#define REFUEL_UNITS 4096

// ---- Coming and going ---------------------------------------------------------------------------

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
    z_fetch_add_relaxed(&group->created, 1); // relaxed: a count
    zgroup_hold(group); // of the block
    quota->group = group;
    quota->heap_limit_bytes = limit_bytes;
    quota->heap_granted_bytes = first;
    return ZVM_OK;
}

// All that the isolate's own limit allows it has yet to take from the group.
static void hold_fuel(struct zisolate *iso)
{
    if (iso->quota->group == NULL) return;
    iso->quota->fuel_rest = iso->fuel_reserve;
    iso->fuel_reserve = 0;
}

static uint32_t limit_of(uint32_t limit)
{
    return limit == 0 ? UINT32_MAX : limit;
}

zvm_status zquota_create(struct zisolate *iso, const struct zisolate_options *options)
{
    uint32_t symbol_count = limit_of(options->symbol_limit_count);
    uint32_t symbol_bytes = limit_of(options->symbol_limit_bytes);
    bool has_own = options->cpu_limit_ns != 0 || options->output_limit_bytes != 0 ||
                   symbol_count != UINT32_MAX || symbol_bytes != UINT32_MAX;
    if (!has_own && options->group == NULL) return ZVM_OK;
    struct zquota *quota = z_alloc_zeroed(sizeof *quota);
    if (quota == NULL) return ZVM_E_NOMEM;
    quota->cpu_limit_ns = options->cpu_limit_ns;
    quota->output_limit_bytes = options->output_limit_bytes;
    quota->symbol_limit_count = symbol_count;
    quota->symbol_limit_bytes = symbol_bytes;
    if (options->group != NULL) {
        zvm_status status = enter_group(quota, options->group, options->heap_limit_bytes);
        if (status != ZVM_OK) {
            z_free(quota, sizeof *quota);
            return status;
        }
    }
    quota->isolate = iso;
    iso->quota = quota;
    hold_fuel(iso);
    return ZVM_OK;
}

void zquota_leave(struct zisolate *iso)
{
    struct zgroup *group = zquota_group(iso);
    if (group == NULL) return;
    zsum_give(&group->heap_bytes, iso->quota->heap_granted_bytes);
    zgroup_leave(group);
}

void zquota_free(struct zisolate *iso)
{
    if (iso->quota == NULL) return;
    if (iso->quota->group != NULL) zgroup_release(iso->quota->group);
    z_free(iso->quota, sizeof *iso->quota);
    iso->quota = NULL;
}

void zquota_restart(struct zisolate *iso)
{
    iso->quota->cpu_used_ns = 0;
    iso->quota->output_asked_bytes = 0;
    iso->quota->sum = ZQUOTA_NONE;
    hold_fuel(iso);
}

// ---- What ends it -------------------------------------------------------------------------------

static bool end_by_group(struct zisolate *iso, enum zquota_sum which, const struct zsum *sum,
                         uint64_t asked)
{
    struct zquota *quota = iso->quota;
    quota->sum = (uint8_t)which;
    quota->sum_used = z_load_relaxed(&sum->taken) + asked; // relaxed: a gauge
    quota->sum_limit = sum->limit;
    z_fetch_add_relaxed(&quota->group->ended, 1); // relaxed: a count
    return zerror_terminate(iso, ZVM_E_GROUP_LIMIT);
}

static bool poll_group(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    struct zgroup *group = quota->group;
    if (zgroup_is_cancelled(group)) return zerror_terminate(iso, ZVM_E_CANCELLED);
    if (group->cpu_ns.limit == UINT64_MAX) return true;
    uint64_t own_ns = zquota_cpu_ns(iso) - quota->cpu_used_ns; // not added to the sum yet
    if (zsum_left(&group->cpu_ns) > own_ns) return true;
    return end_by_group(iso, ZQUOTA_CPU, &group->cpu_ns, own_ns);
}

bool zquota_poll(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    // Between two slices it is the host that does something to the isolate, at no cost to it.
    if (!quota->is_in_slice) return true;
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
    struct zsum *sum = &quota->group->output_bytes;
    if (zsum_take(sum, bytes, bytes) == bytes) return true;
    return end_by_group(iso, ZQUOTA_OUTPUT, sum, bytes);
}

// ---- Fuel ---------------------------------------------------------------------------------------

static void add_fuel(struct zisolate *iso, uint64_t units)
{
    iso->fuel_reserve += (int64_t)units;
    iso->quota->fuel_rest -= (int64_t)units;
}

static void begin_fuel(struct zisolate *iso, uint64_t budget)
{
    struct zquota *quota = iso->quota;
    uint64_t rest = (uint64_t)quota->fuel_rest;
    uint64_t wanted = budget < rest ? budget : rest;
    if (wanted > 0) add_fuel(iso, zgroup_take_fuel(quota->group, 1, wanted));
}

// What the slice has left goes back. The sum of both words becomes 0; what collections have taken from
// the next slices stays.
static void settle_fuel(struct zisolate *iso)
{
    int64_t left = iso->fuel + iso->fuel_reserve;
    if (left <= 0) return; // below: ended by a charge that was refused
    zsum_give(&iso->quota->group->fuel, (uint64_t)left);
    iso->quota->fuel_rest += left;
    if (iso->fuel > 0) iso->fuel = 0;
    iso->fuel_reserve = -iso->fuel;
}

bool zquota_refuel(struct zisolate *iso, bool is_in_builtin)
{
    struct zquota *quota = iso->quota;
    ZVM_ASSERT(iso->fuel + iso->fuel_reserve < 0);
    uint64_t short_units = (uint64_t) - (iso->fuel + iso->fuel_reserve);
    uint64_t rest = (uint64_t)quota->fuel_rest;
    bool is_own_limit = short_units > rest; // then all of it counts as used, as without a group
    uint64_t least = is_own_limit ? rest : short_units;
    uint64_t wanted = is_in_builtin && !is_own_limit ? short_units + REFUEL_UNITS : least;
    if (wanted > rest) wanted = rest;
    uint64_t got = least == 0 ? 0 : zgroup_take_fuel(quota->group, least, wanted);
    if (got < least) return end_by_group(iso, ZQUOTA_FUEL, &quota->group->fuel, short_units);
    add_fuel(iso, got);
    return !is_own_limit || zerror_terminate(iso, ZVM_E_FUEL);
}

// ---- A slice ------------------------------------------------------------------------------------

static bool has_cpu_limit(const struct zquota *quota)
{
    if (quota->cpu_limit_ns != 0) return true;
    return quota->group != NULL && quota->group->cpu_ns.limit != UINT64_MAX;
}

void zquota_begin(struct zisolate *iso, uint64_t budget)
{
    struct zquota *quota = iso->quota;
    quota->is_in_slice = true;
    if (has_cpu_limit(quota)) quota->cpu_start_ns = zclock_thread_cpu_ns();
    if (quota->group != NULL) begin_fuel(iso, budget);
}

// A heap that has become much smaller does not keep the others' room; one that grows no more keeps none.
static void return_heap(struct zisolate *iso, bool is_over)
{
    struct zquota *quota = iso->quota;
    uint64_t committed = zheap_committed_bytes(&iso->heap);
    uint64_t needed = committed + (is_over ? 0 : committed / HEAP_SLACK_SHARE);
    if (quota->heap_granted_bytes <= needed) return;
    if (!is_over && quota->heap_granted_bytes / 2 <= needed) return;
    zheap_set_limit(&iso->heap, needed);
    zsum_give(&quota->group->heap_bytes, quota->heap_granted_bytes - needed);
    quota->heap_granted_bytes = needed;
}

static void end_cpu_time(struct zquota *quota, const struct zisolate *iso)
{
    uint64_t before_ns = quota->cpu_used_ns;
    quota->cpu_used_ns = zquota_cpu_ns(iso);
    if (quota->group != NULL) zsum_add(&quota->group->cpu_ns, quota->cpu_used_ns - before_ns);
}

void zquota_end(struct zisolate *iso, bool is_over)
{
    struct zquota *quota = iso->quota;
    quota->is_in_slice = false;
    if (has_cpu_limit(quota)) end_cpu_time(quota, iso);
    if (quota->group == NULL) return;
    settle_fuel(iso);
    return_heap(iso, is_over);
}

void zquota_return_heap(struct zisolate *iso, bool is_over)
{
    if (iso->quota != NULL && iso->quota->group != NULL) return_heap(iso, is_over);
}

uint64_t zquota_cpu_ns(const struct zisolate *iso)
{
    const struct zquota *quota = iso->quota;
    return quota->cpu_used_ns + (zclock_thread_cpu_ns() - quota->cpu_start_ns);
}

// ---- The heap of an isolate in a group ------------------------------------------------------------

uint64_t zquota_raise_heap(struct zisolate *iso, uint64_t limit_bytes, uint64_t more_bytes)
{
    struct zquota *quota = iso->quota;
    if (quota == NULL || quota->group == NULL) return limit_bytes;
    ZVM_ASSERT(limit_bytes == quota->heap_granted_bytes);
    uint64_t room = quota->heap_limit_bytes - quota->heap_granted_bytes;
    quota->is_group_full = false;
    if (more_bytes > room) return limit_bytes; // its own limit
    uint64_t slack = limit_bytes / HEAP_SLACK_SHARE;
    if (slack > HEAP_SLACK_MAX_BYTES) slack = HEAP_SLACK_MAX_BYTES;
    uint64_t wanted = slack < room - more_bytes ? more_bytes + slack : room;
    uint64_t got = zsum_take(&quota->group->heap_bytes, more_bytes, wanted);
    quota->is_group_full = got == 0;
    quota->heap_granted_bytes += got;
    return limit_bytes + got;
}

struct zquota_heap zquota_heap(const struct zisolate *iso, uint64_t limit_bytes,
                               uint64_t peak_bytes)
{
    const struct zquota *quota = iso->quota;
    if (quota == NULL || quota->group == NULL)
        return (struct zquota_heap){limit_bytes, peak_bytes, false};
    if (!quota->is_group_full)
        return (struct zquota_heap){quota->heap_limit_bytes, peak_bytes, false};
    const struct zsum *sum = &quota->group->heap_bytes;
    return (struct zquota_heap){sum->limit, z_load_relaxed(&sum->taken), true}; // relaxed: a gauge
}

// ---- Symbols ------------------------------------------------------------------------------------

bool zquota_take_symbol(struct zisolate *iso, uint32_t bytes)
{
    if (iso->quota == NULL || iso->quota->group == NULL) return true;
    struct zgroup *group = iso->quota->group;
    if (zsum_take(&group->symbols, 1, 1) == 0) return false;
    if (zsum_take(&group->symbol_bytes, bytes, bytes) == bytes) return true;
    zsum_give(&group->symbols, 1);
    return false;
}

void zquota_drop_symbol(struct zisolate *iso, uint32_t bytes)
{
    if (iso->quota == NULL || iso->quota->group == NULL) return;
    zsum_give(&iso->quota->group->symbols, 1);
    zsum_give(&iso->quota->group->symbol_bytes, bytes);
}
