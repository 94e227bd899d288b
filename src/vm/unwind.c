// vm/unwind.c - from a pending error to its handler, or to the end of the isolate.
//
// Thread: owner. `try` costs nothing to enter: handlers are ranges in the code, searched only here.
// Terminations run no handler. The frames stay whole until a handler is found, so that an uncaught
// error still sees them for its trace.
#include "vm/error.h"
#include "vm/interp.h"
#include "vm/result.h"
#include "vm/task.h"

#include <string.h>

static uint32_t frame_pc(const struct zframe *frame)
{
    uint32_t next = (uint32_t)(frame->pc - frame->func->proto->words);
    return next == 0 ? 0 : next - 1;
}

// The place of the innermost bytecode frame.
static struct zplace current_place(const struct zisolate *iso)
{
    struct zplace place = {0};
    if (iso->frame == NULL) return place;
    for (const struct zframe *frame = iso->frame; frame >= iso->frames; frame--) {
        if (frame->flags & ZFRAME_NATIVE) continue;
        const struct zproto *proto = frame->func->proto;
        zcode_position(proto, frame_pc(frame), &place.line, &place.column);
        place.file = proto->file;
        break;
    }
    return place;
}

static const struct zhandler *find_in(const struct zproto *proto, uint32_t pc)
{
    for (uint32_t i = 0; i < proto->handler_count; i++) {
        const struct zhandler *handler = &proto->handlers[i];
        if (pc >= handler->start && pc < handler->end) return handler;
    }
    return NULL;
}

static const struct zhandler *find_handler(const struct zisolate *iso, struct zframe **holder)
{
    if (iso->frame == NULL) return NULL;
    for (struct zframe *frame = iso->frame; frame >= iso->frames; frame--) {
        if (frame->flags & ZFRAME_NATIVE) continue;
        const struct zhandler *handler = find_in(frame->func->proto, frame_pc(frame));
        if (handler == NULL) continue;
        *holder = frame;
        return handler;
    }
    return NULL;
}

// Remembers in a caught error where its calls were. Not for HeapLimitError: there is no memory. An
// error whose trace is refused does without.
static void attach_trace(struct zisolate *iso)
{
    struct zerror *error = iso->error.p;
    if (error->trace != NULL) return;
    if (error->kind == (uintptr_t)iso->shared->kinds[ZERROR_HEAP_LIMIT]) return;

    struct ztrace_entry entries[ZTRACE_MAX];
    uint32_t total = zresult_capture(iso, entries, ZTRACE_MAX);
    uint32_t count = total < ZTRACE_MAX ? total : ZTRACE_MAX;
    uint32_t bytes = count * (uint32_t)sizeof entries[0];
    struct zbuffer *trace =
        zheap_new(&iso->heap, ZTYPE_BUFFER, sizeof(struct zbuffer) + bytes, bytes);
    if (trace == NULL) return;
    memcpy(trace->data, entries, bytes);
    error->trace = trace;
    zheap_log(&iso->heap, &error->header);
}

static void enter_handler(struct zisolate *iso, const struct zhandler *handler,
                          struct zframe *holder, struct zplace place)
{
    while (iso->frame != holder) {
        if (iso->frame->flags & ZFRAME_TASK) ztask_fail(iso, place);
        (void)zcall_pop(iso);
    }
    struct zvalue *value = iso->stack + holder->base + handler->value_register;
    value[0] = iso->error;
    if (handler->is_finally) {
        uint64_t packed = (uint64_t)(place.line & 0x7fffffff) << 32 | place.column;
        value[1] = zvalue_int((int64_t)~packed);
        value[1].aux = place.file; // read by RETHROW alone
    }
    // What stands above was temporary to what failed. Left there it would keep alive what the program
    // has let go, which matters most after a HeapLimitError.
    struct zvalue *end = iso->stack + holder->base + holder->func->proto->register_count;
    for (struct zvalue *dead = value + (handler->is_finally ? 2 : 1); dead < end; dead++) {
        *dead = zvalue_null();
    }
    holder->pc = holder->func->proto->words + handler->target;
    iso->error = zvalue_null();
    iso->pending = ZPENDING_NOTHING;
}

// The error belongs to the call of the current frame: leaves the frame. A task was called elsewhere than
// where it is awaited.
static void leave_to_caller(struct zisolate *iso)
{
    if (iso->frame == iso->frames) return;
    if (iso->frame->flags & ZFRAME_TASK) {
        ztask_place_at_call(iso, iso->stack[iso->frame->base - 2].p);
        ztask_fail(iso, zresult_pending_place(iso));
    }
    (void)zcall_pop(iso);
}

bool zunwind_pending(struct zisolate *iso)
{
    if (iso->pending == ZPENDING_TERMINATION) {
        zresult_termination(iso, current_place(iso));
        return false;
    }
    if (iso->pending == ZPENDING_ERROR_CALLER) leave_to_caller(iso);
    struct zplace place = current_place(iso);
    if (iso->pending == ZPENDING_ERROR_AT) {
        place = zresult_pending_place(iso);
    }
    if (iso->error.tag == ZTAG_ERROR) {
        struct zerror *error = iso->error.p;
        if (error->line == 0) {
            error->line = place.line;
            error->column = place.column;
            error->file = place.file;
        }
        place = (struct zplace){error->line, error->column, error->file};
    }
    struct zframe *holder;
    const struct zhandler *handler = find_handler(iso, &holder);
    if (handler == NULL) {
        zresult_error(iso, place);
        return false;
    }
    if (iso->error.tag == ZTAG_ERROR) attach_trace(iso);
    enter_handler(iso, handler, holder, place);
    return true;
}
