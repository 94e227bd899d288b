// vm/builtin_sleep.c - sleep as a native frame.
//
// Owner-thread. The isolate waits for an answer that only its own time brings (vm/wait.h). A worker has a
// timer for that; a thread of the host that runs the isolate itself enters it again when the time has
// come, without an answer.
#include "vm/builtin_internal.h"

#include "base/clock.h"
#include "vm/wait.h"

#include <math.h>

enum { STATE_BEGIN, STATE_SLEEPING };

#define NS_PER_MS 1000000.0
#define NS_MAX    9.2e18 // 292 years

// false: pending is set.
static bool duration_of(struct zisolate *iso, struct zvalue value, uint64_t *out_ns)
{
    if (!zbuiltin_need_number(iso, "sleep", 1, value)) return false;
    double ms = value.tag == ZTAG_INT ? (double)value.i : value.d;
    if (isnan(ms) || ms < 0) return zerror_raise(iso, ZERROR_VALUE, "sleep() of a negative time");
    double ns = ms * NS_PER_MS;
    *out_ns = ns < NS_MAX ? (uint64_t)ns : (uint64_t)NS_MAX;
    return true;
}

static enum znative_step finish(struct znative_context *context)
{
    context->registers[0] = zvalue_null();
    return ZNATIVE_RETURN;
}

static enum znative_step begin(struct zisolate *iso, struct znative_context *context)
{
    uint64_t duration_ns = 0, token;
    if (!duration_of(iso, context->registers[0], &duration_ns)) return ZNATIVE_FAIL;
    if (duration_ns == 0) return finish(context);
    zvm_status status = zwait_open(iso, &token);
    if (status != ZVM_OK) {
        (void)zerror_terminate(iso, status);
        return ZNATIVE_FAIL;
    }
    zwait_until(iso, zclock_now_ns() + duration_ns);
    context->state = STATE_SLEEPING;
    return ZNATIVE_WAIT;
}

enum znative_step zbuiltin_sleep_step(struct zisolate *iso, struct znative_context *context)
{
    if (context->state == STATE_BEGIN) return begin(iso, context);
    struct zanswer answer;
    if (zwait_take(iso, &answer)) {
        zanswer_free(&answer);
        return finish(context);
    }
    bool is_time = zclock_now_ns() >= zwait_wake_ns(iso);
    return is_time && zwait_drop(iso) ? finish(context) : ZNATIVE_WAIT;
}
