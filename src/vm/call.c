// vm/call.c - calls that the interpreter does not do inline, native frames, and the room for both.
//
// Thread: owner. A call window is window[0] = callee, then its arguments; the callee's registers start
// at window[1] and its result goes to window[0]. A builtin that calls back into the program is a native
// frame: its step function is entered again after each call, so nothing of it is on the C stack and the
// isolate can be sliced, cancelled and ended between any two callbacks.
// Invariant: iso->frame_last is the last frame that both the capacity and the depth limit allow; native
// frames do not count as calls of user functions.
#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/hint.h"
#include "vm/interp.h"
#include "vm/interp_slow.h"
#include "vm/map.h"
#include "vm/record.h"
#include "vm/task.h"

#include "base/alloc.h"

#include <string.h>

// Fuel of one step of a native frame: about what a loop around the callback would cost.
#define NATIVE_STEP_FUEL 8

// ---- Room -------------------------------------------------------------------------------------

static void set_frame_last(struct zisolate *iso)
{
    uint64_t allowed = (uint64_t)iso->depth_limit + iso->native_count;
    uint64_t room = iso->frame_capacity - 1;
    iso->frame_last = iso->frames + (allowed < room ? allowed : room);
}

static bool is_in_block(struct zisolate *iso, const void *memory)
{
    return memory == zisolate_first_stack(iso) || memory == zisolate_first_frames(iso);
}

// Makes a larger copy of one of the two stacks. memory: now; *out: the copy.
static bool grow(struct zisolate *iso, void *memory, size_t old_bytes, size_t new_bytes, void **out)
{
    if (!zheap_charge(&iso->heap, new_bytes)) return zerror_raise_memory(iso);
    char *copy = z_alloc(new_bytes);
    if (copy == NULL) {
        zheap_uncharge(&iso->heap, new_bytes);
        zheap_note_nomem(&iso->heap, new_bytes);
        return zerror_raise_memory(iso);
    }
    memcpy(copy, memory, old_bytes);
    memset(copy + old_bytes, 0, new_bytes - old_bytes); // unused stack slots are the integer 0
    if (!is_in_block(iso, memory)) {
        z_free(memory, old_bytes);
        zheap_uncharge(&iso->heap, old_bytes);
    }
    *out = copy;
    return true;
}

size_t zcall_grown_count(size_t count, size_t needed)
{
#ifdef ZVM_TINY
    (void)count;
    return needed; // moves at every growth
#else
    return count * 2 > needed ? count * 2 : needed;
#endif
}

bool zcall_make_room(struct zisolate *iso, uint32_t base, uint32_t register_count)
{
    size_t needed = (size_t)base + register_count;
    size_t capacity = (size_t)(iso->stack_end - iso->stack);
    if (needed <= capacity) return true;

    size_t new_capacity = zcall_grown_count(capacity, needed);
    void *copy;
    if (!grow(iso, iso->stack, capacity * sizeof(struct zvalue),
              new_capacity * sizeof(struct zvalue), &copy)) {
        return false;
    }
    iso->stack = copy;
    iso->stack_end = iso->stack + new_capacity;
    return true;
}

static bool make_frame_room(struct zisolate *iso, bool is_native)
{
    if (iso->frame != iso->frame_last) return true;
    uint64_t index = (uint64_t)(iso->frame - iso->frames);
    if (!is_native && index >= (uint64_t)iso->depth_limit + iso->native_count) {
        return zerror_raise(iso, ZERROR_STACK_OVERFLOW, "call depth exceeded");
    }
    if (index + 1 < iso->frame_capacity) return true;

    size_t new_capacity = zcall_grown_count(iso->frame_capacity, (size_t)index + 2);
    if (new_capacity > UINT32_MAX) return zerror_terminate(iso, ZVM_E_LIMIT);
    void *copy;
    if (!grow(iso, iso->frames, iso->frame_capacity * sizeof(struct zframe),
              new_capacity * sizeof(struct zframe), &copy)) {
        return false;
    }
    iso->frames = copy;
    iso->frame = iso->frames + index;
    iso->frame_capacity = (uint32_t)new_capacity;
    set_frame_last(iso);
    return true;
}

// ---- Pushing and popping ----------------------------------------------------------------------

// The new current frame, with its flags and base set.
static struct zframe *push_frame(struct zisolate *iso, uint32_t base, uint16_t flags)
{
    if (iso->frame == NULL) {
        iso->frame = iso->frames;
        flags |= ZFRAME_RETURN_SLOW;
    } else {
        if (iso->frame->flags & ZFRAME_NATIVE) flags |= ZFRAME_RETURN_SLOW;
        iso->frame++;
    }
    iso->frame->base = base;
    iso->frame->flags = flags;
    iso->frame->state = 0;
    return iso->frame;
}

bool zcall_pop(struct zisolate *iso)
{
    struct zframe *frame = iso->frame;
    if (frame->flags & ZFRAME_NATIVE) {
        iso->native_count--;
        set_frame_last(iso);
    }
    if (frame == iso->frames) {
        iso->frame = NULL;
        return false;
    }
    iso->frame = frame - 1;
    return true;
}

bool zcall_begin(struct zisolate *iso, struct zfunc *main_function)
{
    set_frame_last(iso);
    const struct zproto *proto = main_function->proto;
    uint32_t base = iso->code->global_count + 1;
    struct zvalue held = zvalue_object(main_function, ZTAG_FUNC);
    struct zscope scope;
    zscope_open(&iso->heap, &scope, &held, 1);
    bool ok = zcall_make_room(iso, base, proto->register_count);
    zscope_close(&iso->heap, &scope);
    if (!ok) return false;
    struct zframe *frame = push_frame(iso, base, 0);
    frame->func = main_function;
    frame->constants = proto->constants;
    frame->pc = proto->words;
    iso->fuel -= proto->fuel;
    return true;
}

static bool wrong_count(struct zisolate *iso, const struct zproto *proto, uint32_t count)
{
    (void)zerror_raise(iso, ZERROR_ARGUMENT, "%s() expects %u argument%s, got %u",
                       proto->name == NULL ? "anonymous" : proto->name->bytes,
                       (unsigned)proto->param_count, proto->param_count == 1 ? "" : "s", count);
    return zhint_add(iso, ZHINT_PARAMETERS, 0, proto, 0);
}

// Calls func with the count values behind window[0], which holds func or keeps it alive.
static enum zcall_outcome push_function(struct zisolate *iso, struct zfunc *func,
                                        struct zvalue *window, uint32_t count)
{
    const struct zproto *proto = func->proto;
    if (proto->param_count != count) {
        (void)wrong_count(iso, proto, count);
        return ZCALL_FAILED;
    }
    uint32_t base = (uint32_t)(window + 1 - iso->stack);
    // A call that only makes a task runs nothing: it does not count.
    if (!make_frame_room(iso, proto->async_start != 0)) return ZCALL_FAILED;
    if (!zcall_make_room(iso, base, proto->register_count)) return ZCALL_FAILED;
    struct zframe *frame = push_frame(iso, base, 0);
    frame->func = func;
    frame->constants = proto->constants;
    frame->pc = proto->words;
    iso->fuel -= proto->fuel;
    return ZCALL_PUSHED;
}

bool zcall_push_body(struct zisolate *iso, struct zfunc *func, uint32_t base)
{
    const struct zproto *proto = func->proto;
    if (!make_frame_room(iso, false)) return false;
    if (!zcall_make_room(iso, base, proto->register_count)) return false;
    struct zframe *frame = push_frame(iso, base, ZFRAME_TASK | ZFRAME_RETURN_SLOW);
    frame->func = func;
    frame->constants = proto->constants;
    frame->pc = proto->words + proto->async_start;
    iso->fuel -= proto->fuel;
    return true;
}

// The registers of a new native frame; the caller sets the first count of them.
static struct zvalue *push_native_frame(struct zisolate *iso, const struct zbuiltin *builtin,
                                        struct zvalue *window, uint32_t count)
{
    uint32_t base = (uint32_t)(window + 1 - iso->stack);
    if (!make_frame_room(iso, true)) return NULL;
    if (!zcall_make_room(iso, base, builtin->register_count)) return NULL;
    struct zvalue *registers = iso->stack + base;
    for (uint32_t i = count; i < builtin->register_count; i++) {
        registers[i] = zvalue_null();
    }
    struct zframe *frame = push_frame(iso, base, ZFRAME_NATIVE);
    frame->func = NULL;
    frame->constants = NULL;
    frame->native = builtin;
    frame->argument_count = (uint8_t)count;
    iso->native_count++;
    set_frame_last(iso);
    return registers;
}

struct zvalue *zcall_push_native(struct zisolate *iso, const struct zbuiltin *builtin,
                                 struct zvalue *window)
{
    return push_native_frame(iso, builtin, window, 0);
}

struct zvalue *zcall_begin_native(struct zisolate *iso, const struct zbuiltin *builtin,
                                  uint32_t count)
{
    ZVM_ASSERT(iso->frame == NULL);
    set_frame_last(iso);
    return push_native_frame(iso, builtin, iso->stack + iso->code->global_count, count);
}

// Arguments at args[0..count): in place for a call, shifted from the receiver on for a method.
static enum zcall_outcome push_native(struct zisolate *iso, const struct zbuiltin *builtin,
                                      struct zvalue *window, uint32_t count, bool shift)
{
    struct zvalue *registers = push_native_frame(iso, builtin, window, count);
    if (registers == NULL) return ZCALL_FAILED;
    if (shift) memmove(registers, registers - 1, count * sizeof *registers);
    return ZCALL_PUSHED;
}

static enum zcall_outcome call_builtin(struct zisolate *iso, const struct zbuiltin *builtin,
                                       struct zvalue *window, uint32_t count)
{
    if (!zbuiltin_check_count(iso, builtin, count, false)) return ZCALL_FAILED;
    if (builtin->call == NULL) return push_native(iso, builtin, window, count, false);
    return builtin->call(iso, window + 1, count, window) ? ZCALL_DONE : ZCALL_FAILED;
}

static enum zcall_outcome call_bound(struct zisolate *iso, struct zvalue *window, uint32_t count)
{
    const struct zbound *bound = window[0].p;
    struct zfunc *method = (struct zfunc *)(void *)bound->method;
    window[0] =
        zvalue_slot(bound->receiver, (uint8_t)bound->header.aux); // its class has the method
    return push_function(iso, method, window, count);
}

enum zcall_outcome zcall_value(struct zisolate *iso, struct zvalue *window, uint32_t count)
{
    switch (window[0].tag) {
    case ZTAG_FUNC:
        return push_function(iso, window[0].p, window, count);
    case ZTAG_BUILTIN:
        return call_builtin(iso, window[0].p, window, count);
    case ZTAG_CLASS:
        return zrecord_construct(iso, window, count, NULL);
    case ZTAG_BOUND:
        return call_bound(iso, window, count);
    default:
        (void)zerror_raise(iso, ZERROR_TYPE, "%s is not callable", zerror_type_text(window[0]));
        return ZCALL_FAILED;
    }
}

static enum zcall_outcome refuse_names(struct zisolate *iso)
{
    (void)zerror_raise(iso, ZERROR_ARGUMENT,
                       "named arguments are only allowed when constructing data");
    return ZCALL_FAILED;
}

enum zcall_outcome zcall_named(struct zisolate *iso, struct zvalue *window, uint32_t count)
{
    if (window[0].tag != ZTAG_CLASS) return refuse_names(iso);
    return zrecord_construct(iso, window, count, window + 1 + count);
}

// ---- Methods ----------------------------------------------------------------------------------

static uint8_t method_type(struct zvalue receiver)
{
    switch (zvalue_type(receiver)) {
    case ZTYPE_LIST:
        return ZMETHOD_LIST;
    case ZTYPE_MAP:
        return ZMETHOD_MAP;
    case ZTYPE_STRING:
        return ZMETHOD_STRING;
    case ZTYPE_RECORD:
        return ZMETHOD_DATA;
    default:
        return 0;
    }
}

static bool is_builtin_method(struct zvalue receiver, uint32_t builtin)
{
    return builtin < zbuiltin_count &&
           (zbuiltin_table[builtin].methods & method_type(receiver)) != 0;
}

enum found {
    FOUND_BUILTIN, // a builtin method
    FOUND_METHOD,  // *method, a method of the record in window[0]
    FOUND_VALUE,   // what is to be called has taken the place of the receiver in window[0]
    FOUND_NOTHING, // pending is set
};

// A record's field, else a declared method, else a builtin method.
static enum found find_of_record(struct zisolate *iso, struct zvalue *window,
                                 struct zcall_name name, struct zfunc **method)
{
    const struct zrecord *record = window[0].p;
    const struct zshape *shape = zrecord_shape(record);
    const struct zshape_member *member = zshape_find(shape, name.text);
    if (member == NULL) {
        if (is_builtin_method(window[0], name.builtin)) return FOUND_BUILTIN;
        (void)zrecord_no_field(iso, record, name.text);
        return FOUND_NOTHING;
    }
    if (member->kind == ZSHAPE_FIELD) {
        window[0] = zvalue_slot(record->fields[member->index], zrecord_tags(record)[member->index]);
        return FOUND_VALUE;
    }
    zcache_store(name.cache, zcache_method(shape, member->index));
    *method = (struct zfunc *)(uintptr_t)record->class->slots[member->index];
    return FOUND_METHOD;
}

static enum found find_method(struct zisolate *iso, struct zvalue *window, struct zcall_name name,
                              struct zfunc **method)
{
    if (window[0].tag == ZTAG_RECORD) return find_of_record(iso, window, name, method);
    if (ZVM_LIKELY(is_builtin_method(window[0], name.builtin))) return FOUND_BUILTIN;
    if (window[0].tag == ZTAG_MAP) {
        struct zvalue key = zvalue_object(name.text, ZTAG_SYMBOL);
        const struct zmap_entry *entry = zmap_find(window[0].p, key);
        if (entry != NULL) {
            window[0] = zvalue_slot(entry->value, entry->value_tag);
            return FOUND_VALUE;
        }
    }
    if (window[0].tag == ZTAG_ERROR) {
        bool ok = zproperty_get(iso, window[0], name.text, window);
        return ok ? FOUND_VALUE : FOUND_NOTHING;
    }
    (void)zerror_raise(iso, ZERROR_TYPE, "%s has no method '%s'", zerror_type_text(window[0]),
                       name.text->bytes);
    (void)zhint_add_name(iso, ZHINT_METHOD, zvalue_type(window[0]), NULL, name.text);
    return FOUND_NOTHING;
}

static enum zcall_outcome call_builtin_method(struct zisolate *iso, struct zvalue *window,
                                              uint32_t count, uint32_t builtin)
{
    const struct zbuiltin *method = &zbuiltin_table[builtin];
    if (!zbuiltin_check_count(iso, method, count + 1, true)) return ZCALL_FAILED;
    if (method->call == NULL) return push_native(iso, method, window, count + 1, true);
    return method->call(iso, window, count + 1, window) ? ZCALL_DONE : ZCALL_FAILED;
}

enum zcall_outcome zcall_method(struct zisolate *iso, struct zvalue *window, uint32_t count,
                                struct zcall_name name)
{
    struct zfunc *method;
    switch (find_method(iso, window, name, &method)) {
    case FOUND_BUILTIN:
        return call_builtin_method(iso, window, count, name.builtin);
    case FOUND_METHOD:
        return push_function(iso, method, window, count);
    case FOUND_VALUE:
        return zcall_value(iso, window, count);
    default:
        return ZCALL_FAILED;
    }
}

enum zcall_outcome zcall_method_named(struct zisolate *iso, struct zvalue *window, uint32_t count,
                                      struct zcall_name name)
{
    struct zfunc *method;
    switch (find_method(iso, window, name, &method)) {
    case FOUND_VALUE:
        return zcall_named(iso, window, count);
    case FOUND_NOTHING:
        return ZCALL_FAILED;
    default:
        return refuse_names(iso);
    }
}

// ---- Calls with a known kind of callee --------------------------------------------------------

enum zcall_outcome zslow_call_global(struct zisolate *iso, uint32_t slot, struct zvalue *window,
                                     uint32_t count)
{
    // UNSET itself never gets into a register: a handler of this call could read it there.
    if (iso->stack[slot].tag != ZTAG_UNSET) {
        window[0] = iso->stack[slot];
    } else if (!zslow_global(iso, slot, window)) {
        return ZCALL_FAILED;
    }
    return zcall_value(iso, window, count);
}

enum zcall_outcome zslow_call_function(struct zisolate *iso, struct zfunc *func,
                                       struct zvalue *window, uint32_t count)
{
    window[0] = zvalue_object(func, ZTAG_FUNC);
    return push_function(iso, func, window, count);
}

enum zcall_outcome zslow_call_builtin(struct zisolate *iso, uint32_t builtin, struct zvalue *window,
                                      uint32_t count)
{
    return call_builtin(iso, &zbuiltin_table[builtin], window, count);
}

// ---- Native frames ----------------------------------------------------------------------------

uint32_t znative_registers(const struct zbuiltin *builtin)
{
    return builtin->register_count;
}

// One step of the native frame on top. DONE: it has returned or its callback has; go on.
static enum zcall_outcome step_native(struct zisolate *iso)
{
    struct zframe *frame = iso->frame;
    struct znative_context context = {
        .registers = iso->stack + frame->base,
        .argument_count = frame->argument_count,
        .state = frame->state,
    };
    enum znative_step step = frame->native->step(iso, &context);
    if (step == ZNATIVE_FAIL) return ZCALL_FAILED;
    frame->state = (uint8_t)context.state;
    if (step == ZNATIVE_WAIT) return ZCALL_WAITING;
    if (step == ZNATIVE_CALL) {
        return zcall_value(iso, context.registers + context.call_register, context.call_count);
    }
    if (step == ZNATIVE_AWAIT) return ztask_await(iso, context.registers + context.call_register);
    context.registers[-1] = context.registers[0];
    (void)zcall_pop(iso);
    return ZCALL_DONE;
}

enum znative_outcome zcall_run_native(struct zisolate *iso)
{
    do {
        if (iso->fuel < 0) { // nothing is charged here: a slice's end may not change the sum
            if (zisolate_should_yield(iso)) return ZNATIVE_RUN_YIELDED;
            return ZNATIVE_RUN_FAILED;
        }
        iso->fuel -= NATIVE_STEP_FUEL;
        enum zcall_outcome outcome = step_native(iso);
        if (outcome == ZCALL_FAILED) return ZNATIVE_RUN_FAILED;
        if (outcome == ZCALL_WAITING) {
            // How often it is asked whether its answer is there is nothing of the program.
            iso->fuel += NATIVE_STEP_FUEL;
            return ZNATIVE_RUN_WAITING;
        }
        if (ZVM_UNLIKELY(iso->frame == NULL)) return ZNATIVE_RUN_RETURNED;
    } while (iso->frame->flags & ZFRAME_NATIVE);
    return ZNATIVE_RUN_BYTECODE;
}
