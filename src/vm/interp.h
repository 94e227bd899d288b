// vm/interp.h - running bytecode. owner-thread.
#ifndef ZVM_VM_INTERP_H
#define ZVM_VM_INTERP_H

#include "vm/isolate.h"

enum zinterp_outcome {
    ZINTERP_YIELDED,  // the slice is used up; run again to go on
    ZINTERP_WAITING,  // a native frame waits for an answer; run again when it is there
    ZINTERP_RETURNED, // the main program has ended
    ZINTERP_ENDED,    // an uncaught error or a termination: see iso->pending
};

// Runs iso->frame until one of the outcomes.
enum zinterp_outcome zinterp_run(struct zisolate *iso);

// True when everything that the instruction at pc indexes is there (interp_check.c). Asked before each
// instruction in builds with ZVM_DEBUG 2.
bool zinterp_may_run(const struct zisolate *iso, const struct zframe *frame, const uint32_t *pc);

// ---- Calls (call.c) ---------------------------------------------------------------------------
enum zcall_outcome {
    ZCALL_PUSHED, // a frame was pushed: go on with iso->frame
    ZCALL_DONE,   // a builtin ran; its result is in window[0]
    ZCALL_FAILED, // pending is set
    ZCALL_WAITING, // only of a step of a native frame: it waits for an answer
};

// Calls window[0] with the count values behind it. The window is in the current frame's registers.
enum zcall_outcome zcall_value(struct zisolate *iso, struct zvalue *window, uint32_t count);
// What a call of a method names, from its instruction.
struct zcall_name {
    const struct zstring *text;
    uint32_t builtin;     // the id of the builtin method of that name, or ZBUILTIN_METHOD_NONE
    struct zcache *cache; // NULL: none
};

enum zcall_outcome zcall_method(struct zisolate *iso, struct zvalue *window, uint32_t count,
                                struct zcall_name name);
// The same two with named arguments: the names, symbols, stand behind the values.
enum zcall_outcome zcall_named(struct zisolate *iso, struct zvalue *window, uint32_t count);
enum zcall_outcome zcall_method_named(struct zisolate *iso, struct zvalue *window, uint32_t count,
                                      struct zcall_name name);
// Pushes a native frame without arguments, whose result goes to window[0]. Its registers, all null; NULL:
// pending is set. The stack may have moved.
struct zvalue *zcall_push_native(struct zisolate *iso, const struct zbuiltin *builtin,
                                 struct zvalue *window);
// Pushes a native frame as the first one, as the above; the first `count` registers are the caller's to fill.
struct zvalue *zcall_begin_native(struct zisolate *iso, const struct zbuiltin *builtin,
                                  uint32_t count);
// Pushes the frame of the main program; false: pending is set.
bool zcall_begin(struct zisolate *iso, struct zfunc *main_function);
// Pushes the frame of a task's body; its registers are the caller's to fill. false: pending is set.
bool zcall_push_body(struct zisolate *iso, struct zfunc *func, uint32_t base);
// Makes room for one more frame of register_count registers at base; false: pending is set.
bool zcall_make_room(struct zisolate *iso, uint32_t base, uint32_t register_count);
// The size that a stack of `count` gets when `needed` are needed.
size_t zcall_grown_count(size_t count, size_t needed);
// Pops the current frame; false when it was the last.
bool zcall_pop(struct zisolate *iso);

enum znative_outcome {
    ZNATIVE_RUN_BYTECODE, // go on with iso->frame, a bytecode frame
    ZNATIVE_RUN_YIELDED,
    ZNATIVE_RUN_WAITING,
    ZNATIVE_RUN_FAILED, // pending is set
    ZNATIVE_RUN_RETURNED, // there was no frame below: the run is over
};
// Steps native frames while one is on top.
enum znative_outcome zcall_run_native(struct zisolate *iso);

// ---- Errors (unwind.c) ------------------------------------------------------------------------
// Finds the handler of what is pending, cuts the frames to it and sets frame->pc. false: there is none;
// the isolate's result is set.
bool zunwind_pending(struct zisolate *iso);

// ---- Fuel (isolate.c) -------------------------------------------------------------------------
// Called when iso->fuel is below zero: true to yield, false: pending is set (out of fuel, cancelled …).
bool zisolate_should_yield(struct zisolate *iso);

#endif // ZVM_VM_INTERP_H
