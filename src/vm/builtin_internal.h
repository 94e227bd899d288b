// vm/builtin_internal.h - what the files of builtins share. owner-thread.
#ifndef ZVM_VM_BUILTIN_INTERNAL_H
#define ZVM_VM_BUILTIN_INTERNAL_H

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/string.h"

// `X(): argument N must be WANTED, got T`. Always false.
ZVM_COLD bool zbuiltin_type_error(struct zisolate *iso, const char *name, uint32_t number,
                                  const char *wanted, struct zvalue got);

static inline bool zbuiltin_need_string(struct zisolate *iso, const char *name, uint32_t number,
                                        struct zvalue value)
{
    return zvalue_is_string(value) || zbuiltin_type_error(iso, name, number, "string", value);
}

static inline bool zbuiltin_need_list(struct zisolate *iso, const char *name, uint32_t number,
                                      struct zvalue value)
{
    return value.tag == ZTAG_LIST || zbuiltin_type_error(iso, name, number, "list", value);
}

static inline bool zbuiltin_need_map(struct zisolate *iso, const char *name, uint32_t number,
                                     struct zvalue value)
{
    return value.tag == ZTAG_MAP || zbuiltin_type_error(iso, name, number, "map", value);
}

static inline bool zbuiltin_need_int(struct zisolate *iso, const char *name, uint32_t number,
                                     struct zvalue value)
{
    return value.tag == ZTAG_INT || zbuiltin_type_error(iso, name, number, "integer", value);
}

static inline bool zbuiltin_need_number(struct zisolate *iso, const char *name, uint32_t number,
                                        struct zvalue value)
{
    return value.tag <= ZTAG_FLOAT ||
           zbuiltin_type_error(iso, name, number, "integer or float", value);
}

static inline bool zbuiltin_need_function(struct zisolate *iso, const char *name, uint32_t number,
                                          struct zvalue value)
{
    return zvalue_is_function(value) || zbuiltin_type_error(iso, name, number, "function", value);
}

// A position of slice(): negative ones count from the end, then all are clamped.
static inline uint64_t zbuiltin_clamp(int64_t position, uint64_t length)
{
    if (position < 0) position += (int64_t)length;
    if (position < 0) return 0;
    return (uint64_t)position < length ? (uint64_t)position : length;
}

// `X = Y` in the table: a builtin that is a plain function.
#define ZBUILTIN_FUNCTION(name) \
    bool name(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
#define ZBUILTIN_STEP(name) \
    enum znative_step name(struct zisolate *iso, struct znative_context *context)

// builtin_general.c
ZBUILTIN_FUNCTION(zbuiltin_print);
ZBUILTIN_FUNCTION(zbuiltin_string);
ZBUILTIN_FUNCTION(zbuiltin_typeof);
ZBUILTIN_FUNCTION(zbuiltin_type);
ZBUILTIN_FUNCTION(zbuiltin_error);
ZBUILTIN_FUNCTION(zbuiltin_require);
ZBUILTIN_FUNCTION(zbuiltin_int);
ZBUILTIN_FUNCTION(zbuiltin_float);
ZBUILTIN_FUNCTION(zbuiltin_len);
ZBUILTIN_FUNCTION(zbuiltin_is_empty);
ZBUILTIN_FUNCTION(zbuiltin_isolate_id);

// builtin_math.c
ZBUILTIN_FUNCTION(zbuiltin_abs);
ZBUILTIN_FUNCTION(zbuiltin_min);
ZBUILTIN_FUNCTION(zbuiltin_max);
ZBUILTIN_FUNCTION(zbuiltin_floor);
ZBUILTIN_FUNCTION(zbuiltin_ceil);
ZBUILTIN_FUNCTION(zbuiltin_round);
ZBUILTIN_FUNCTION(zbuiltin_sqrt);
ZBUILTIN_FUNCTION(zbuiltin_pow);
ZBUILTIN_FUNCTION(zbuiltin_range);

// builtin_string.c
ZBUILTIN_FUNCTION(zbuiltin_upper);
ZBUILTIN_FUNCTION(zbuiltin_lower);
ZBUILTIN_FUNCTION(zbuiltin_trim);
ZBUILTIN_FUNCTION(zbuiltin_starts_with);
ZBUILTIN_FUNCTION(zbuiltin_ends_with);
ZBUILTIN_FUNCTION(zbuiltin_substring);
ZBUILTIN_FUNCTION(zbuiltin_ord);
ZBUILTIN_FUNCTION(zbuiltin_chr);
bool zbuiltin_slice_string(struct zisolate *iso, struct zvalue *args, uint32_t count,
                           struct zvalue *result);
bool zbuiltin_reverse_string(struct zisolate *iso, struct zvalue string, struct zvalue *result);

// builtin_search.c
ZBUILTIN_FUNCTION(zbuiltin_split);
ZBUILTIN_FUNCTION(zbuiltin_join);
ZBUILTIN_FUNCTION(zbuiltin_replace);
ZBUILTIN_FUNCTION(zbuiltin_contains);
ZBUILTIN_FUNCTION(zbuiltin_index_of);

// builtin_list.c
ZBUILTIN_FUNCTION(zbuiltin_push);
ZBUILTIN_FUNCTION(zbuiltin_pop);
ZBUILTIN_FUNCTION(zbuiltin_insert);
ZBUILTIN_FUNCTION(zbuiltin_remove);
ZBUILTIN_FUNCTION(zbuiltin_extend);
ZBUILTIN_FUNCTION(zbuiltin_first);
ZBUILTIN_FUNCTION(zbuiltin_last);
ZBUILTIN_FUNCTION(zbuiltin_rest);
ZBUILTIN_FUNCTION(zbuiltin_slice);
ZBUILTIN_FUNCTION(zbuiltin_reverse);

// builtin_map.c
ZBUILTIN_FUNCTION(zbuiltin_keys);
ZBUILTIN_FUNCTION(zbuiltin_values);
ZBUILTIN_FUNCTION(zbuiltin_entries);
ZBUILTIN_FUNCTION(zbuiltin_has);
ZBUILTIN_FUNCTION(zbuiltin_get);

// builtin_data.c: methods of data instances, never called as functions
ZBUILTIN_FUNCTION(zbuiltin_to_string);
ZBUILTIN_FUNCTION(zbuiltin_equals);
ZBUILTIN_FUNCTION(zbuiltin_clone);

// builtin_native.c, builtin_sort.c
ZBUILTIN_STEP(zbuiltin_map_step);
ZBUILTIN_STEP(zbuiltin_filter_step);
ZBUILTIN_STEP(zbuiltin_reduce_step);
ZBUILTIN_STEP(zbuiltin_sort_step);
ZBUILTIN_STEP(zbuiltin_sleep_step); // builtin_sleep.c
// builtin_talk.c
ZBUILTIN_FUNCTION(zbuiltin_spawn);
ZBUILTIN_FUNCTION(zbuiltin_self);
ZBUILTIN_FUNCTION(zbuiltin_monitor);
ZBUILTIN_STEP(zbuiltin_send_step);
ZBUILTIN_STEP(zbuiltin_receive_step);
#define ZBUILTIN_SEND_REGISTERS    4
#define ZBUILTIN_RECEIVE_REGISTERS 2
#define ZBUILTIN_SLEEP_REGISTERS  2
#define ZBUILTIN_MAP_REGISTERS    6
#define ZBUILTIN_FILTER_REGISTERS 6
#define ZBUILTIN_REDUCE_REGISTERS 7
#define ZBUILTIN_SORT_REGISTERS   10

// A sorted copy of list into *result, which may alias it; count arguments from the list on.
bool zbuiltin_sort_direct(struct zisolate *iso, struct zvalue *args, uint32_t count,
                          struct zvalue *result);

#endif // ZVM_VM_BUILTIN_INTERNAL_H
