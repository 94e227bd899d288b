// vm/task.c - tasks: calls of async functions, run where they are first awaited.
//
// Thread: owner. A call of an async function checks its arguments in a frame of its own, as any call
// does, and its TASK instruction then returns a task that keeps function and arguments. Awaiting it
// pushes a frame that goes on behind the TASK: the body is ordinary bytecode in an ordinary frame, so
// it is sliced, cancelled and unwound as any call is, and chains of awaits use no C stack.
// The awaiting frame holds the task in stack[base - 2] and gets the result in stack[base - 1], where
// base is the body's. When a handler below cuts such a frame, the task keeps what was thrown.
// Invariant: a task is RUNNING exactly while a frame with ZFRAME_TASK is on the stack for it.
#include "vm/task.h"

#include "vm/error.h"

static struct ztask *current_task(struct zisolate *iso)
{
    ZVM_ASSERT(iso->frame->flags & ZFRAME_TASK);
    struct zvalue value = iso->stack[iso->frame->base - 2];
    ZVM_ASSERT(value.tag == ZTAG_TASK);
    return value.p;
}

static void set_slot(struct ztask *task, uint32_t index, struct zvalue value)
{
    task->slots[index] = value.bits;
    ztask_tags(task)[index] = (uint8_t)value.tag;
}

// ---- Creation ---------------------------------------------------------------------------------

// The instruction under way in the function that called the current frame's, past native frames. One that the
// host has called (vm/enter.c) has only such below it: then the beginning of the function itself.
static void remember_call(const struct zisolate *iso, struct ztask *task)
{
    const struct zframe *caller = iso->frame - 1;
    while (caller != iso->frames && (caller->flags & ZFRAME_NATIVE)) {
        caller--;
    }
    if (caller->flags & ZFRAME_NATIVE) {
        task->site = task->func->proto;
        task->site_pc = 0;
        return;
    }
    task->site = caller->func->proto;
    task->site_pc = (uint32_t)(caller->pc - task->site->words) - 1;
}

bool ztask_create(struct zisolate *iso, struct zvalue *out)
{
    struct zfunc *func = iso->frame->func;
    uint32_t count = func->proto->param_count;
    uint32_t slots = count == 0 ? 1 : count;
    struct ztask *task = zheap_new(&iso->heap, ZTYPE_TASK, sizeof *task + (size_t)slots * 9, slots);
    if (task == NULL) {
        (void)zerror_raise_memory(iso);
        if (iso->pending == ZPENDING_ERROR) iso->pending = ZPENDING_ERROR_CALLER;
        return false;
    }
    task->func = func;
    task->state = ZTASK_NEW;
    task->line = 0;
    task->column = 0;
    task->file = 0;
    remember_call(iso, task);
    const struct zvalue *arguments = iso->stack + iso->frame->base;
    set_slot(task, 0, zvalue_null());
    for (uint32_t i = 0; i < count; i++) {
        set_slot(task, i, arguments[i]);
    }
    *out = zvalue_object(task, ZTAG_TASK);
    return true;
}

// ---- The end of a task ------------------------------------------------------------------------

static void settle(struct zisolate *iso, struct ztask *task, enum ztask_state state,
                   struct zvalue value)
{
    task->state = (uint16_t)state;
    task->func = NULL;
    for (uint32_t i = 1; i < task->header.aux; i++) {
        set_slot(task, i, zvalue_null());
    }
    set_slot(task, 0, value);
    zheap_log(&iso->heap, &task->header);
}

static void settle_failed(struct zisolate *iso, struct ztask *task, struct zplace place)
{
    settle(iso, task, ZTASK_FAILED, iso->error);
    task->line = place.line;
    task->column = place.column;
    task->file = place.file;
}

void ztask_finish(struct zisolate *iso)
{
    struct zvalue *window = iso->stack + iso->frame->base - 2;
    settle(iso, current_task(iso), ZTASK_DONE, window[1]);
    window[0] = window[1];
}

void ztask_fail(struct zisolate *iso, struct zplace place)
{
    settle_failed(iso, current_task(iso), place);
}

void ztask_place_at_call(struct zisolate *iso, const struct ztask *task)
{
    zcode_position(task->site, task->site_pc, &iso->error_line, &iso->error_column);
    iso->error.aux = task->site->file;
    iso->pending = ZPENDING_ERROR_AT;
}

// ---- Awaiting ---------------------------------------------------------------------------------

// No room for the body: that is how the task ends.
static enum zcall_outcome fail_to_start(struct zisolate *iso, struct ztask *task)
{
    if (iso->pending == ZPENDING_TERMINATION) return ZCALL_FAILED;
    ztask_place_at_call(iso, task);
    settle_failed(iso, task, zresult_pending_place(iso));
    return ZCALL_FAILED;
}

// The arguments move to the body's registers: what the body lets go of must not live on in the task.
static enum zcall_outcome start(struct zisolate *iso, struct ztask *task, struct zvalue *window)
{
    uint32_t base = (uint32_t)(window + 2 - iso->stack);
    if (!zcall_push_body(iso, task->func, base)) return fail_to_start(iso, task);
    uint32_t count = task->func->proto->param_count;
    struct zvalue *registers = iso->stack + base;
    for (uint32_t i = 0; i < count; i++) {
        registers[i] = zvalue_slot(task->slots[i], ztask_tags(task)[i]);
    }
    settle(iso, task, ZTASK_RUNNING, zvalue_null());
    return ZCALL_PUSHED;
}

enum zcall_outcome ztask_await(struct zisolate *iso, struct zvalue *window)
{
    struct ztask *task = window[0].p;
    switch (task->state) {
    case ZTASK_NEW:
        return start(iso, task, window);
    case ZTASK_RUNNING:
        (void)zerror_raise(iso, ZERROR_STATE, "task awaits itself");
        return ZCALL_FAILED;
    case ZTASK_DONE:
        window[0] = zvalue_slot(task->slots[0], ztask_tags(task)[0]);
        return ZCALL_DONE;
    default: // the same again, from where it was first thrown
        iso->error = zvalue_slot(task->slots[0], ztask_tags(task)[0]);
        iso->error_line = task->line;
        iso->error_column = task->column;
        iso->error.aux = task->file;
        iso->pending = ZPENDING_ERROR_AT;
        return ZCALL_FAILED;
    }
}
