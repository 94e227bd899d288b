// sched/hooks.c - calls what the host has hung in.
//
// Owns: nothing. Thread: as hooks.h says.
#include "sched/hooks.h"

#include "sched/sched_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES_MAX 200

// ---- Events -------------------------------------------------------------------------------------

static void tell(const struct zhooks *hooks, zvm_event_kind kind, struct zisolate *iso,
                 zvm_status status, uint64_t collections)
{
    zvm_event event = {.size = sizeof event,
                       .kind = kind,
                       .isolate = (zvm_isolate *)iso,
                       .id = iso->id,
                       .status = status,
                       .collections = collections};
    hooks->on_event(hooks->context, &event);
}

void zhooks_created(const struct zhooks *hooks, struct zisolate *iso)
{
    tell(hooks, ZVM_EVENT_CREATED, iso, ZVM_OK, 0);
}

void zhooks_destroyed(const struct zhooks *hooks, struct zisolate *iso)
{
    tell(hooks, ZVM_EVENT_DESTROYED, iso, ZVM_OK, 0);
}

// A HeapLimitError was told of when it was raised.
static bool is_end_by_limit(zvm_status status)
{
    return status == ZVM_E_FUEL || status == ZVM_E_TIMEOUT || status == ZVM_E_CPU_TIME ||
           status == ZVM_E_OUTPUT_LIMIT || status == ZVM_E_GROUP_LIMIT;
}

void zhooks_slice_slow(const struct zhooks *hooks, struct zisolate *iso, struct zlane *lane,
                       bool has_finished)
{
    uint64_t collections = lane->collections;
    lane->collections = 0;
    if (collections != 0) tell(hooks, ZVM_EVENT_COLLECTED, iso, ZVM_OK, collections);
    if (!has_finished) return;
    zvm_status status = (zvm_status)iso->status;
    if (is_end_by_limit(status)) tell(hooks, ZVM_EVENT_LIMIT, iso, status, 0);
    tell(hooks, ZVM_EVENT_FINISHED, iso, status, 0);
}

void zhooks_tell_limit(void *context, struct zisolate *iso, zvm_status status)
{
    tell(context, ZVM_EVENT_LIMIT, iso, status, 0);
}

// ---- Lines --------------------------------------------------------------------------------------

void zhooks_log(const struct zhooks *hooks, zvm_log_level level, const char *format, ...)
{
    if (hooks->log == NULL) return;
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    hooks->log(hooks->context, level, line);
}
