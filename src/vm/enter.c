// vm/enter.c - calls of a program's functions by its host.
//
// Owns: nothing; the result stands with the references of the isolate (vm/ref.h), which are roots.
// Thread: owner. A call is a native frame, as that of map() is, and the first of the stack: preparing it
// pushes it, with function and arguments as its registers, so they are roots, and whoever runs the isolate
// need not know that it is not at its beginning. Its step calls the function, awaits the task that an async
// one gives, and returns; with no frame below it the run is over. It is in no trace and counts for no depth.
#include "vm/enter.h"

#include "vm/aside.h"
#include "vm/builtin.h"
#include "vm/interp.h"
#include "vm/ref.h"
#include "vm/result.h"
#include "vm/talk.h"

enum { STATE_CALL, STATE_RETURNED, STATE_AWAITED };

static enum znative_step step(struct zisolate *iso, struct znative_context *context)
{
    (void)iso;
    uint16_t state = context->state;
    context->call_register = 0;
    if (state == STATE_CALL) {
        context->state = STATE_RETURNED;
        context->call_count = (uint32_t)context->argument_count - 1;
        return ZNATIVE_CALL;
    }
    if (state == STATE_RETURNED && context->registers[0].tag == ZTAG_TASK) {
        context->state = STATE_AWAITED;
        return ZNATIVE_AWAIT;
    }
    return ZNATIVE_RETURN;
}

// By the number of arguments: registers for the function, for them, and for the result of a task.
#define ROW(n)                                                  \
    {                                                           \
        .name = "call", .step = step, .register_count = (n) + 2 \
    }
static const struct zbuiltin entries[ZENTER_ARGUMENTS_MAX + 1] = {
    ROW(0), ROW(1),  ROW(2),  ROW(3),  ROW(4),  ROW(5),  ROW(6),  ROW(7),  ROW(8),
    ROW(9), ROW(10), ROW(11), ROW(12), ROW(13), ROW(14), ROW(15), ROW(16),
};
#undef ROW

static zvm_status push(struct zisolate *iso, struct zvalue function, const struct zvalue *arguments,
                       uint32_t count)
{
    struct zaside aside;
    zaside_begin(iso, &aside);
    struct zvalue *registers = NULL;
    if (zrefs_ensure(iso) != NULL) registers = zcall_begin_native(iso, &entries[count], count + 1);
    zvm_status status = zaside_end(iso, &aside, registers != NULL);
    if (status != ZVM_OK) return status;
    registers[0] = function;
    for (uint32_t i = 0; i < count; i++)
        registers[i + 1] = arguments[i];
    return ZVM_OK;
}

zvm_status zenter_prepare(struct zisolate *iso, struct zvalue function,
                          const struct zvalue *arguments, uint32_t count)
{
    ZVM_ASSERT(iso->finished);
    ZVM_ASSERT(iso->frame == NULL);
    ZVM_ASSERT(count <= ZENTER_ARGUMENTS_MAX);

    if (!zvalue_is_function(function)) return ZVM_E_TYPE;
    struct zmailbox *mailbox; // the last run's is over
    zvm_status status = ztalk_prepare_again(iso, &mailbox);
    if (status != ZVM_OK) return status;
    status = push(iso, function, arguments, count);
    if (status != ZVM_OK) {
        if (mailbox != NULL) zmailbox_release(mailbox);
        return status;
    }
    ztalk_replace(iso, mailbox);
    zresult_clear(iso);
    zisolate_restart(iso);
    iso->started = 1;
    iso->extra->refs->is_call = true;
    iso->extra->refs->result = zvalue_unset();
    return ZVM_OK;
}

void zenter_finish_slow(struct zisolate *iso)
{
    struct zrefs *refs = iso->extra->refs;
    if (!refs->is_call) return;
    refs->is_call = false;
    // Where the first frame returns to.
    if (iso->status == ZVM_OK) refs->result = iso->stack[iso->code->global_count];
}

struct zvalue zenter_result(const struct zisolate *iso)
{
    bool has_any = iso->extra != NULL && iso->extra->refs != NULL && !iso->extra->refs->is_call;
    return has_any ? iso->extra->refs->result : zvalue_unset();
}

void zenter_forget(struct zisolate *iso)
{
    if (iso->extra == NULL || iso->extra->refs == NULL) return;
    iso->extra->refs->result = zvalue_unset();
}
