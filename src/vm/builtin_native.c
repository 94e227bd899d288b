// vm/builtin_native.c - map, filter and reduce as native frames.
//
// Owner-thread. A step never calls the program: it says what to call, and goes on when it is
// entered again. Between two steps the isolate may be collected, sliced, suspended or cancelled,
// and the program may have changed the list: everything is read anew from the registers each time,
// and the list is walked by index against its length now, so elements added meanwhile are visited.
//
// Registers: the list, the function, then the result so far, the index of the next element, and the
// window of the call.
#include "vm/builtin_internal.h"

enum { STATE_BEGIN, STATE_CALLED };
enum { LIST, FUNCTION, RESULT, INDEX, CALLEE, ARGUMENT, ARGUMENT_2 };

_Static_assert(ARGUMENT < ZBUILTIN_MAP_REGISTERS, "map's window");
_Static_assert(ARGUMENT < ZBUILTIN_FILTER_REGISTERS, "filter's window");
_Static_assert(ARGUMENT_2 < ZBUILTIN_REDUCE_REGISTERS, "reduce's window");

static bool check_arguments(struct zisolate *iso, const char *name, const struct zvalue *r)
{
    return zbuiltin_need_list(iso, name, 1, r[LIST]) &&
           zbuiltin_need_function(iso, name, 2, r[FUNCTION]);
}

static bool has_next(const struct zvalue *r)
{
    return r[INDEX].i < zlist_length(r[LIST].p);
}

static enum znative_step finish(struct znative_context *context)
{
    context->registers[0] = context->registers[RESULT];
    return ZNATIVE_RETURN;
}

// Calls the function with the next element as its last argument.
static enum znative_step call_with_next(struct znative_context *context, uint32_t argument)
{
    struct zvalue *r = context->registers;
    r[CALLEE] = r[FUNCTION];
    r[argument] = zlist_get(r[LIST].p, (uint32_t)r[INDEX].i);
    r[INDEX].i++;
    context->state = STATE_CALLED;
    context->call_register = CALLEE;
    context->call_count = argument - CALLEE;
    return ZNATIVE_CALL;
}

// What map and filter begin with.
static bool begin_list(struct zisolate *iso, const char *name, uint64_t capacity, struct zvalue *r)
{
    if (!check_arguments(iso, name, r)) return false;
    if (!zlist_new(iso, capacity, &r[RESULT])) return false;
    r[INDEX] = zvalue_int(0);
    return true;
}

enum znative_step zbuiltin_map_step(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    if (context->state == STATE_BEGIN) {
        uint64_t capacity = r[LIST].tag == ZTAG_LIST ? zlist_length(r[LIST].p) : 0;
        if (!begin_list(iso, "map", capacity, r)) return ZNATIVE_FAIL;
    } else if (!zlist_push(iso, r[RESULT].p, r[CALLEE])) {
        return ZNATIVE_FAIL;
    }
    return has_next(r) ? call_with_next(context, ARGUMENT) : finish(context);
}

// filter gives the element that it has shown to the function, whatever the function has done to the
// list since. The window belongs to the callee, so the element waits at the end of the result, and
// is dropped again when it was refused.
enum znative_step zbuiltin_filter_step(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    if (context->state == STATE_BEGIN) {
        if (!begin_list(iso, "filter", 0, r)) return ZNATIVE_FAIL;
    } else if (!zvalue_is_truthy(r[CALLEE])) {
        struct zlist *result = r[RESULT].p;
        struct zvalue refused;
        if (!zlist_remove(iso, result, zlist_length(result) - 1, &refused)) return ZNATIVE_FAIL;
    }
    if (!has_next(r)) return finish(context);
    struct zvalue element = zlist_get(r[LIST].p, (uint32_t)r[INDEX].i);
    if (!zlist_push(iso, r[RESULT].p, element)) return ZNATIVE_FAIL;
    return call_with_next(context, ARGUMENT);
}

static bool begin_reduce(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    if (!check_arguments(iso, "reduce", r)) return false;
    r[INDEX] = zvalue_int(0);
    if (context->argument_count > 2) return true; // the initial value stands where the result is
    if (zlist_length(r[LIST].p) == 0)
        return zerror_raise(iso, ZERROR_VALUE, "reduce() of an empty list with no initial value");
    r[RESULT] = zlist_get(r[LIST].p, 0);
    r[INDEX].i = 1;
    return true;
}

enum znative_step zbuiltin_reduce_step(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *r = context->registers;
    if (context->state == STATE_BEGIN) {
        if (!begin_reduce(iso, context)) return ZNATIVE_FAIL;
    } else {
        r[RESULT] = r[CALLEE];
    }
    if (!has_next(r)) return finish(context);
    r[ARGUMENT] = r[RESULT];
    return call_with_next(context, ARGUMENT_2);
}
