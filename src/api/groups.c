// api/groups.c - the bodies of zvm.h's groups: arguments are checked, then one module is called.
//
// Owns: nothing. The public handle is struct zgroup under another name. Thread: as each declaration in
// zvm.h says.
#include "api/api_internal.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "sched/sched.h"
#include "vm/group.h"

#include <string.h>

static struct zgroup *group_of(const zvm_group *group)
{
    return (struct zgroup *)(uintptr_t)group;
}

static struct zsched *sched_of(const struct zgroup *group)
{
    return ((zvm_runtime *)group->runtime)->sched;
}

static uint64_t limit_of(uint64_t limit)
{
    return limit == 0 ? UINT64_MAX : limit;
}

// One that stands in a report as it is.
static bool is_name(const char *name)
{
    size_t length_bytes = strlen(name);
    if (length_bytes > ZVM_GROUP_NAME_BYTES_MAX) return false;
    if (!zutf8_is_valid(name, length_bytes, NULL)) return false;
    for (size_t i = 0; i < length_bytes; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte < ' ' || byte == 127 || byte == '"' || byte == '\\') return false;
    }
    return true;
}

static void set_limits(struct zgroup *group, const zvm_group_options *options)
{
    group->isolates.limit = limit_of(options->isolate_limit);
    group->heap_bytes.limit = limit_of(options->heap_limit_bytes);
    group->fuel.limit = limit_of(options->fuel_limit);
    group->cpu_ns.limit = limit_of(options->cpu_limit_ns);
    group->output_bytes.limit = limit_of(options->output_limit_bytes);
    group->symbols.limit = limit_of(options->intern_limit_count);
    group->symbol_bytes.limit = limit_of(options->intern_limit_bytes);
    group->weight = options->weight == 0 ? ZGROUP_WEIGHT_DEFAULT : options->weight;
}

zvm_status zvm_group_create(zvm_runtime *runtime, const zvm_group_options *options, zvm_group **out)
{
    zvm_group_options own = ZVM_GROUP_OPTIONS_INIT;
    if (runtime == NULL || out == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (options != NULL && !zapi_read_options(&own, sizeof own, options, options->size))
        return ZVM_E_ARGUMENT;
    if (own.weight > ZGROUP_WEIGHT_MAX) return ZVM_E_ARGUMENT;
    if (own.name != NULL && !is_name(own.name)) return ZVM_E_ARGUMENT;
    if (own.heap_limit_bytes != 0 && own.heap_limit_bytes < ZVM_HEAP_LIMIT_MIN_BYTES)
        return ZVM_E_ARGUMENT;
    struct zgroup *group = z_alloc_aligned(_Alignof(struct zgroup), sizeof *group);
    if (group == NULL) return ZVM_E_NOMEM;
    memset(group, 0, sizeof *group);
    set_limits(group, &own);
    if (own.name != NULL) memcpy(group->name, own.name, strlen(own.name));
    group->runtime = runtime;
    atomic_init(&group->holds, 1); // the host's
    zsched_group_add(runtime->sched, group);
    *out = (zvm_group *)group;
    return ZVM_OK;
}

zvm_status zvm_group_destroy(zvm_group *group)
{
    if (group == NULL) return ZVM_OK;
    if (zapi_is_dead(group_of(group)->runtime)) return ZVM_E_FORKED;
    return zsched_group_destroy(sched_of(group_of(group)), group_of(group));
}

void zvm_group_cancel(zvm_group *group)
{
    if (group == NULL || zapi_is_dead(group_of(group)->runtime)) return;
    zsched_group_cancel(sched_of(group_of(group)), group_of(group));
}

zvm_status zvm_group_report(const zvm_group *group, zvm_group_figures *figures)
{
    if (group == NULL || figures == NULL) return ZVM_E_ARGUMENT;
    if (figures->size < offsetof(zvm_group_figures, isolates_created)) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(group_of(group)->runtime)) return ZVM_E_FORKED;
    zvm_group_figures now;
    zsched_group_figures(group_of(group), &now);
    zapi_write_struct(figures, figures->size, &now, sizeof now);
    return ZVM_OK;
}
