// vm/builtin.h - builtin functions and methods. frozen tables, owner-thread bodies.
#ifndef ZVM_VM_BUILTIN_H
#define ZVM_VM_BUILTIN_H

#include "vm/isolate.h"

// args [count] are registers: rooted, in place. result may alias args[0] or args[-1]: write it last.
// The number of arguments has been checked. false: pending is set.
typedef bool (*zbuiltin_fn)(struct zisolate *iso, struct zvalue *args, uint32_t count,
                            struct zvalue *result);

// A builtin that calls back into the program is a native frame: a step function that is entered
// again after each call. Its registers are R[0..register_count-1]: the arguments first, the others null.
enum znative_step {
    ZNATIVE_RETURN, // the result is in R[0]
    ZNATIVE_CALL, // call the function in R[call_register] with the call_count values behind it; its
                  // result comes back in R[call_register]
    ZNATIVE_AWAIT, // await the task in R[call_register], with a register behind it; its result comes there
    ZNATIVE_FAIL, // pending is set
    ZNATIVE_WAIT, // enter again when the isolate's answer is there (vm/wait.h), or earlier
};

struct znative_context {
    struct zvalue *registers;
    uint32_t argument_count;
    uint16_t state;         // 0 at first; what the step function last set; under 256
    uint32_t call_register; // for ZNATIVE_CALL
    uint32_t call_count;
};

typedef enum znative_step (*znative_fn)(struct zisolate *iso, struct znative_context *context);

enum {
    ZMETHOD_LIST = 1,
    ZMETHOD_MAP = 2,
    ZMETHOD_STRING = 4,
    ZMETHOD_DATA = 8, // of data instances that have no member of that name
};

#define ZBUILTIN_VARIADIC 255

struct zbuiltin {
    const char *name;
    zbuiltin_fn call; // NULL for a native frame
    znative_fn step;
    uint8_t minimum, maximum; // arguments, as a function; ZBUILTIN_VARIADIC: any number
    uint8_t methods;          // ZMETHOD_…: also a method of these types
    uint8_t register_count;   // of a native frame, room for the call window included
};

extern const struct zbuiltin zbuiltin_table[];
extern const uint32_t zbuiltin_count;

// A builtin as a value: it points into the table, so that identity is equality.
static inline struct zvalue zbuiltin_value(uint32_t index)
{
    return zvalue_object(&zbuiltin_table[index], ZTAG_BUILTIN);
}

static inline const struct zbuiltin *zbuiltin_of(struct zvalue value)
{
    return value.p;
}

// The index in zbuiltin_table, or ZBUILTIN_NONE. As a method: of some type.
uint32_t zbuiltin_find(const char *name, size_t length_bytes);
uint32_t zbuiltin_find_method(const char *name, size_t length_bytes);

// All names in order, aliases too; NULL past the last.
const char *zbuiltin_name(size_t index, bool as_method);
// All names in the order of the alphabet, other names of the same builtin included; NULL behind the last.
// methods: ZMETHOD_… of the types that have a method of that name.
const char *zbuiltin_name_at(uint32_t index, bool *is_function, uint8_t *methods);

// "s, start[, end]"; NULL: not written down (print takes any number).
const char *zbuiltin_parameters(const struct zbuiltin *builtin);

// `X() expects N arguments, got N` unless count fits. as_method: count includes the receiver, the text
// does not.
bool zbuiltin_check_count(struct zisolate *iso, const struct zbuiltin *builtin, uint32_t count,
                          bool as_method);

// ---- Arithmetic shared by the interpreter's slow paths and the builtins ------------------------
enum zarith { ZARITH_ADD, ZARITH_SUB, ZARITH_MUL, ZARITH_DIV, ZARITH_MOD, ZARITH_POW };
// a OP b for any operands, errors included. out may alias.
bool zarith_apply(struct zisolate *iso, enum zarith op, struct zvalue a, struct zvalue b,
                  struct zvalue *out);
bool zarith_negate(struct zisolate *iso, struct zvalue a, struct zvalue *out);

// ---- Ranges -------------------------------------------------------------------------------------
struct zrange {
    int64_t start, step; // step is not 0
    uint64_t count;      // at most what a list can hold
};
// What range(args [count]) is, with its errors; count is 1 to 3.
bool zbuiltin_range_of(struct zisolate *iso, const struct zvalue *args, uint32_t count,
                       struct zrange *out);

// ---- Indexing -----------------------------------------------------------------------------------
bool zindex_get(struct zisolate *iso, struct zvalue object, struct zvalue index,
                struct zvalue *out);
bool zindex_set(struct zisolate *iso, struct zvalue object, struct zvalue index,
                struct zvalue value);
// The errors of an index into a list: not an integer, out of range.
bool zindex_check_list(struct zisolate *iso, const struct zlist *list, struct zvalue index);
// TypeError unless key can be one; charges for hashing it.
bool zindex_check_key(struct zisolate *iso, struct zvalue key);
// v.name and v.name = value; name is a symbol.
bool zproperty_get(struct zisolate *iso, struct zvalue object, const struct zstring *name,
                   struct zvalue *out);
bool zproperty_set(struct zisolate *iso, struct zvalue object, const struct zstring *name,
                   struct zvalue value);

#endif // ZVM_VM_BUILTIN_H
