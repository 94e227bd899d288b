// vm/interp_slow.h - the interpreter's slow paths: out of line, cold, on operands in registers.
// owner-thread. All give false (or ZCALL_FAILED) with pending set.
#ifndef ZVM_VM_INTERP_SLOW_H
#define ZVM_VM_INTERP_SLOW_H

#include "vm/interp.h"
#include "vm/text.h"

ZVM_COLD bool zslow_global(struct zisolate *iso, uint32_t slot, struct zvalue *out);
ZVM_COLD bool zslow_name_error(struct zisolate *iso, uint32_t slot);
ZVM_COLD bool zslow_assign_const_global(struct zisolate *iso, uint32_t slot);
ZVM_COLD bool zslow_assign_const(struct zisolate *iso, const struct zvalue *name);
bool zslow_closure(struct zisolate *iso, uint32_t proto_index, struct zvalue *out);
bool zslow_compare(struct zisolate *iso, enum zorder order, const struct zvalue *a,
                   const struct zvalue *b, struct zvalue *out);
bool zslow_equal(struct zisolate *iso, const struct zvalue *a, const struct zvalue *b, int sense,
                 struct zvalue *out);

ZVM_COLD enum zcall_outcome zslow_call_global(struct zisolate *iso, uint32_t slot,
                                              struct zvalue *window, uint32_t count);
ZVM_COLD enum zcall_outcome zslow_call_function(struct zisolate *iso, struct zfunc *func,
                                                struct zvalue *window, uint32_t count);
enum zcall_outcome zslow_call_builtin(struct zisolate *iso, uint32_t builtin, struct zvalue *window,
                                      uint32_t count);

// A call of a method as the instruction and its AUX word say.
enum zcall_outcome zslow_call_method(struct zisolate *iso, struct zvalue *window, uint32_t insn,
                                     uint32_t aux);
ZVM_COLD enum zcall_outcome zslow_call_method_named(struct zisolate *iso, struct zvalue *window,
                                                    uint32_t insn, uint32_t aux);
// object.name and its assignment, the name and the inline cache from the AUX word.
bool zslow_get_property(struct zisolate *iso, const struct zvalue *object, uint32_t aux,
                        struct zvalue *out);
bool zslow_set_property(struct zisolate *iso, const struct zvalue *object, uint32_t aux,
                        const struct zvalue *value);

bool zslow_list_add(struct zisolate *iso, struct zvalue *list, const struct zvalue *values,
                    uint32_t count);
bool zslow_concat(struct zisolate *iso, const struct zvalue *parts, uint32_t count,
                  struct zvalue *out);
bool zslow_print(struct zisolate *iso, const struct zvalue *values, uint32_t count);
// out [count (+ 1 with a rest)]; shape = count, + 128 with a rest
bool zslow_unpack(struct zisolate *iso, struct zvalue *out, struct zvalue list, uint32_t shape);
ZVM_COLD bool zslow_not_a_map(struct zisolate *iso, const struct zvalue *value);
bool zslow_iterate_begin(struct zisolate *iso, struct zvalue *state);
bool zslow_iterate_next(struct zisolate *iso, struct zvalue *state, uint32_t name_count,
                        bool *more);
// state [3], of which the first count are the arguments: next integer, how many are left, step.
bool zslow_range_begin(struct zisolate *iso, struct zvalue *state, uint32_t count);
bool zslow_check(struct zisolate *iso, const struct zvalue *value, const struct zcheck *check);
ZVM_COLD bool zslow_not_a_data_type(struct zisolate *iso, const struct zvalue *name);
ZVM_COLD bool zslow_no_match(struct zisolate *iso, const struct zvalue *value);
ZVM_COLD void zslow_rethrow(struct zisolate *iso, const struct zvalue *pair);

#endif // ZVM_VM_INTERP_SLOW_H
