// vm/interp.c - the interpreter: one handler for each instruction. From this one source come three back
// ends: computed goto, a switch with ZVM_DISPATCH_SWITCH, and with ZVM_DISPATCH_TAIL functions that call
// each other in tail position (clang 19).
//
// Thread: owner. While it runs, pc, base, frame and fuel are in registers; SAVE writes back
// what slow paths, the collector and the unwinder read. Slow paths are calls out of line that get the
// operands and say whether they succeeded; on failure pending is set and `failed` unwinds.
// Values are copied field by field: a 16-byte vector copy of a value that was just written as two
// halves stalls on store forwarding.
// Invariants: 1. base == iso->stack + frame->base. 2. frame->constants are those of frame->func->proto.
//             3. fuel is iso->fuel; a charge comes before what it pays for.
#include "vm/interp.h"

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/interp_slow.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/record.h"
#include "vm/string.h"
#include "vm/talk.h"
#include "vm/task.h"
#include "vm/text.h"

// The register whose number stands at this bit of insn, by its offset in bytes: a shift and a mask do
// what extracting the number and scaling it would take two instructions more for.
#define OPERAND(shift)                        \
    ((struct zvalue *)(void *)((char *)base + \
                               (insn >> ((shift)-REGISTER_BITS) & (0xffu << REGISTER_BITS))))
#define REGISTER_BITS 4
_Static_assert(sizeof(struct zvalue) == 1u << REGISTER_BITS,
               "OPERAND scales by the size of a value");
#define RA OPERAND(8)
#define RB OPERAND(16)
#define RC OPERAND(24)

// Overflowing arithmetic that branches on the processor's flag. gcc 12 would make a value of the flag
// and test that.
#if defined(__x86_64__)
#    define FLAG_OPERATION(name, mnemonic)                                 \
        static inline bool name(int64_t left, int64_t right, int64_t *out) \
        {                                                                  \
            __asm__ goto(mnemonic " %1, %0\n\tjo %l[overflow]"             \
                         : "+r"(left)                                      \
                         : "rme"(right)                                    \
                         : "cc"                                            \
                         : overflow);                                      \
            *out = left;                                                   \
            return false;                                                  \
        overflow:                                                          \
            return true;                                                   \
        }
FLAG_OPERATION(add_overflows, "addq")
FLAG_OPERATION(sub_overflows, "subq")
FLAG_OPERATION(mul_overflows, "imulq")
#else
#    define add_overflows(left, right, out) __builtin_add_overflow(left, right, out)
#    define sub_overflows(left, right, out) __builtin_sub_overflow(left, right, out)
#    define mul_overflows(left, right, out) __builtin_mul_overflow(left, right, out)
#endif

// What is known to be `address`, by a way that the processor need not wait for: it goes on with the guess
// while the comparison is still under way. An address of code is at the end of a chain of loads (from
// pc the word behind it, the callee, its proto, its words), and without this each call and each
// round of a loop begins when that chain has ended.
static inline const uint32_t *guessed(const uint32_t **guess, const uint32_t *address)
{
    const uint32_t *quick = *guess;
    if (ZVM_LIKELY(quick == address)) {
        __asm__("" : "+r"(quick)); // else compilers see that it is the other and take that
        return quick;
    }
    *guess = address;
    return address;
}

static inline void copy_value(struct zvalue *to, const struct zvalue *from)
{
    uint64_t bits = from->bits;
    uint32_t tag = from->tag;
    to->bits = bits;
    to->tag = tag;
}

static inline void set_int(struct zvalue *to, int64_t i)
{
    to->i = i;
    to->tag = ZTAG_INT;
}

static inline void set_float(struct zvalue *to, double d)
{
    to->d = d;
    to->tag = ZTAG_FLOAT;
}

static inline void set_slot(struct zvalue *to, uint64_t payload, uint32_t tag)
{
    to->bits = payload;
    to->tag = tag;
}

static inline void set_bool(struct zvalue *to, bool b)
{
    to->tag = b ? ZTAG_TRUE : ZTAG_FALSE;
}

// Equality that needs no looking inside: 1, 0, or -1 for the slow path.
static inline int equal_quick(const struct zvalue *a, const struct zvalue *b)
{
    if (a->tag == b->tag) {
        if (a->tag == ZTAG_INT || a->tag == ZTAG_SYMBOL) return a->bits == b->bits;
        if (a->tag >= ZTAG_NULL && a->tag <= ZTAG_TRUE) return 1;
        return -1;
    }
    if (a->tag <= ZTAG_FLOAT && b->tag <= ZTAG_FLOAT) return -1;
    return zvalue_type(*a) == zvalue_type(*b) ? -1 : 0;
}

// A key whose hash costs no more than the instruction: a longer one is paid for on the slow path.
static inline bool is_quick_key(const struct zvalue *key)
{
    if (key->tag == ZTAG_INT || key->tag == ZTAG_SYMBOL) return true;
    return key->tag == ZTAG_STRING && zstring_length_bytes(key->p) <= ZFUEL_FREE_BYTES;
}

// The element of a list, when object and index are a list and an index inside it.
static inline bool list_element(const struct zvalue *object, const struct zvalue *index,
                                struct zvalue *out)
{
    if (object->tag != ZTAG_LIST || index->tag != ZTAG_INT) return false;
    const struct zlist *list = object->p;
    uint64_t i = (uint64_t)index->i;
    if (i >= zlist_length(list)) return false;
    uint64_t payload = zlist_payload(list)[i];
    uint32_t tag = list->elements;
    if (tag == ZLIST_ANY) tag = zlist_tags(list)[i];
    set_slot(out, payload, tag);
    return true;
}

// The entry of a map for a key in a register, or NULL. A key that equals the map's symbol letter by
// letter is replaced by that symbol, which is the same value to the program: `m[k] = m[k] + 1` then
// compares the letters once.
static inline struct zmap_entry *find_entry(const struct zmap *map, struct zvalue *key)
{
    struct zmap_entry *entry = zmap_find(map, *key);
    if (key->tag == ZTAG_STRING && entry != NULL && entry->key_tag == ZTAG_SYMBOL) {
        set_slot(key, entry->key, ZTAG_SYMBOL);
    }
    return entry;
}

// Stores into a list; false: the slow path.
static inline bool store_element(struct zheap *heap, const struct zvalue *object,
                                 const struct zvalue *index, const struct zvalue *value)
{
    if (object->tag != ZTAG_LIST || index->tag != ZTAG_INT) return false;
    struct zlist *list = object->p;
    uint64_t i = (uint64_t)index->i;
    if (i >= zlist_length(list)) return false;
    if (list->elements == ZLIST_ANY) {
        zlist_payload(list)[i] = value->bits;
        zlist_tags(list)[i] = (uint8_t)value->tag;
        zheap_log_payload(heap, &list->owner, i * sizeof(uint64_t), sizeof(uint64_t));
        return true;
    }
    if (list->elements != value->tag) return false;
    zlist_payload(list)[i] = value->bits;
    return true;
}

// The inline cache that an AUX word names.
#define SITE_CACHE(aux) (&frame->func->proto->caches[(aux) >> 16])

// ---- Back ends ----------------------------------------------------------------------------------
//
// OP(NAME) {...} is a handler, LEAVE_POINT(NAME) {...} where it goes when it cannot go on by itself:
// labels of one large function, or with ZVM_DISPATCH_TAIL functions that end in a tail call of the next.
// NEXT goes to the next handler, LEAVE(NAME) to a leave point. What they share is in the variables
// iso, frame, pc, base, fuel and insn, which are parameters of the functions.
#ifdef ZVM_DISPATCH_TAIL
// All parameters in registers that slow paths, called the ordinary way, leave alone.
#    define HANDLER static __attribute__((preserve_none)) enum zinterp_outcome
#    define STATE                                                                            \
        struct zisolate *iso, struct zframe *frame, const uint32_t *pc, struct zvalue *base, \
            int64_t fuel, uint32_t insn
#    define CALL_TAIL(function) \
        __attribute__((musttail)) return function(iso, frame, pc, base, fuel, insn)
#    define OP(name)          HANDLER op_##name(STATE)
#    define LEAVE_POINT(name) HANDLER leave_##name(STATE)
#    define LEAVE(name)       CALL_TAIL(leave_##name)
#    define DISPATCH()        CALL_TAIL(handlers[ZINSN_OP(insn)])
#elif defined(ZVM_DISPATCH_SWITCH)
#    define OP(name)          case ZOP_##name:
#    define LEAVE_POINT(name) leave_##name:
#    define LEAVE(name)       goto leave_##name
#    define DISPATCH()        goto dispatch
#else
#    define OP(name)          op_##name:
#    define LEAVE_POINT(name) leave_##name:
#    define LEAVE(name)       goto leave_##name
#    define DISPATCH()        goto *labels[ZINSN_OP(insn)]
#endif

// What the verifier promised, looked at again.
#define CHECK_INSTRUCTION() ZVM_ASSERT_SLOW(zinterp_may_run(iso, frame, pc))

#define NEXT                 \
    do {                     \
        CHECK_INSTRUCTION(); \
        insn = *pc++;        \
        DISPATCH();          \
    } while (0)

#define HEAP (&iso->heap)

#define SAVE()              \
    do {                    \
        frame->pc = pc;     \
        iso->frame = frame; \
        iso->fuel = fuel;   \
    } while (0)

// Runs a slow path that gives false on failure, then goes on.
#define SLOW(call)                                \
    do {                                          \
        SAVE();                                   \
        if (ZVM_UNLIKELY(!(call))) LEAVE(failed); \
        fuel = iso->fuel;                         \
        NEXT;                                     \
    } while (0)

// The barrier keeps compilers from turning the branch into a conditional move of pc, which makes the
// next instruction's fetch wait for the comparison (2.7 times slower in tight loops).
#define TAKE_JUMP()             \
    do {                        \
        __asm__ volatile("");   \
        pc += (int32_t)*pc + 2; \
        insn = pc[-1];          \
        DISPATCH();             \
    } while (0)

#define SKIP_JUMP() \
    do {            \
        pc++;       \
        NEXT;       \
    } while (0)

// Backwards: the distance is the charge.
#define TAKE_LOOP()                                     \
    do {                                                \
        int32_t distance = (int32_t)*pc;                \
        fuel += distance;                               \
        pc += distance + 1;                             \
        if (ZVM_UNLIKELY(fuel < 0)) LEAVE(out_of_fuel); \
        pc = guessed(&iso->loop, pc);                   \
        NEXT;                                           \
    } while (0)

#define ARITHMETIC(name, builtin_op, float_op, left, right)        \
    OP(name)                                                       \
    {                                                              \
        const struct zvalue *b = (left), *c = (right);             \
        int64_t result;                                            \
        if (ZVM_LIKELY((b->tag | c->tag) == ZTAG_INT)) {           \
            if (ZVM_LIKELY(!builtin_op(b->i, c->i, &result))) {    \
                set_int(RA, result);                               \
                NEXT;                                              \
            }                                                      \
        } else if (b->tag == ZTAG_FLOAT && c->tag == ZTAG_FLOAT) { \
            set_float(RA, b->d float_op c->d);                     \
            NEXT;                                                  \
        }

#define ARITHMETIC_END(op)                   \
    SLOW(zarith_apply(iso, op, *b, *c, RA)); \
    }

#define IMMEDIATE(name, builtin_op, float_op, op)                \
    OP(name)                                                     \
    {                                                            \
        const struct zvalue *b = RB;                             \
        int64_t right = (int64_t)ZINSN_C(insn), result;          \
        if (ZVM_LIKELY(b->tag == ZTAG_INT)) {                    \
            if (ZVM_LIKELY(!builtin_op(b->i, right, &result))) { \
                set_int(RA, result);                             \
                NEXT;                                            \
            }                                                    \
        } else if (b->tag == ZTAG_FLOAT) {                       \
            set_float(RA, b->d float_op(double) right);          \
            NEXT;                                                \
        }                                                        \
        SLOW(zarith_apply(iso, op, *b, zvalue_int(right), RA));  \
    }

// Floor division and modulo of integers, where the divisor is neither 0 nor -1.
#define DIVISION(name, left, right)                                             \
    OP(name)                                                                    \
    {                                                                           \
        const struct zvalue *b = (left), *c = (right);                          \
        if (ZVM_LIKELY((b->tag | c->tag) == ZTAG_INT)) {                        \
            if (ZVM_LIKELY((uint64_t)c->i + 1 > 1)) {                           \
                int64_t quotient = b->i / c->i;                                 \
                if ((b->i ^ c->i) < 0 && quotient * c->i != b->i) quotient--;   \
                set_int(RA, quotient);                                          \
                NEXT;                                                           \
            }                                                                   \
        } else if (b->tag == ZTAG_FLOAT && c->tag == ZTAG_FLOAT && c->d != 0) { \
            set_float(RA, b->d / c->d);                                         \
            NEXT;                                                               \
        }                                                                       \
        SLOW(zarith_apply(iso, ZARITH_DIV, *b, *c, RA));                        \
    }

#define MODULO(name, right)                                                        \
    OP(name)                                                                       \
    {                                                                              \
        const struct zvalue *b = RB, *c = (right);                                 \
        if (ZVM_LIKELY((b->tag | c->tag) == ZTAG_INT && (uint64_t)c->i + 1 > 1)) { \
            int64_t remainder = b->i % c->i;                                       \
            if (remainder != 0 && (remainder ^ c->i) < 0) remainder += c->i;       \
            set_int(RA, remainder);                                                \
            NEXT;                                                                  \
        }                                                                          \
        SLOW(zarith_apply(iso, ZARITH_MOD, *b, *c, RA));                           \
    }

#define COMPARE(name, op, order)                            \
    OP(name)                                                \
    {                                                       \
        const struct zvalue *b = RB, *c = RC;               \
        if (ZVM_LIKELY((b->tag | c->tag) == ZTAG_INT)) {    \
            set_bool(RA, b->i op c->i);                     \
            NEXT;                                           \
        }                                                   \
        if (b->tag == ZTAG_FLOAT && c->tag == ZTAG_FLOAT) { \
            set_bool(RA, b->d op c->d);                     \
            NEXT;                                           \
        }                                                   \
        SLOW(zslow_compare(iso, order, b, c, RA));          \
    }

#define EQUALITY(name, sense)                      \
    OP(name)                                       \
    {                                              \
        int quick = equal_quick(RB, RC);           \
        if (ZVM_LIKELY(quick >= 0)) {              \
            set_bool(RA, quick == (sense));        \
            NEXT;                                  \
        }                                          \
        SLOW(zslow_equal(iso, RB, RC, sense, RA)); \
    }

// JUMP_IF(condition, TAKE): the two ways of a compare-and-branch.
#define JUMP_IF(condition, TAKE) \
    do {                         \
        if (condition) TAKE();   \
        SKIP_JUMP();             \
    } while (0)

#define COMPARE_JUMP(name, op, order, sense, TAKE)                                               \
    OP(name)                                                                                     \
    {                                                                                            \
        const struct zvalue *a = RA, *b = RB;                                                    \
        if (ZVM_LIKELY((a->tag | b->tag) == ZTAG_INT)) JUMP_IF((a->i op b->i) == (sense), TAKE); \
        if (a->tag == ZTAG_FLOAT && b->tag == ZTAG_FLOAT) {                                      \
            JUMP_IF((a->d op b->d) == (sense), TAKE);                                            \
        }                                                                                        \
        bool holds;                                                                              \
        SAVE();                                                                                  \
        if (ZVM_UNLIKELY(!zorder_values(iso, order, *a, *b, &holds))) LEAVE(failed);             \
        fuel = iso->fuel;                                                                        \
        JUMP_IF(holds == (sense), TAKE);                                                         \
    }

#define IMMEDIATE_JUMP(name, op, order, sense, TAKE)                                   \
    OP(name)                                                                           \
    {                                                                                  \
        const struct zvalue *a = RA;                                                   \
        int64_t right = ZINSN_SD(insn);                                                \
        if (ZVM_LIKELY(a->tag == ZTAG_INT)) JUMP_IF((a->i op right) == (sense), TAKE); \
        if (a->tag == ZTAG_FLOAT) JUMP_IF((a->d op(double) right) == (sense), TAKE);   \
        bool holds;                                                                    \
        SAVE();                                                                        \
        if (ZVM_UNLIKELY(!zorder_values(iso, order, *a, zvalue_int(right), &holds)))   \
            LEAVE(failed);                                                             \
        fuel = iso->fuel;                                                              \
        JUMP_IF(holds == (sense), TAKE);                                               \
    }

#define EQUALITY_JUMP(name, right, sense, TAKE)                               \
    OP(name)                                                                  \
    {                                                                         \
        const struct zvalue *a = RA, *b = (right);                            \
        int quick = equal_quick(a, b);                                        \
        if (ZVM_LIKELY(quick >= 0)) JUMP_IF(quick == (sense), TAKE);          \
        bool holds;                                                           \
        SAVE();                                                               \
        if (ZVM_UNLIKELY(!zequal_values(iso, *a, *b, &holds))) LEAVE(failed); \
        fuel = iso->fuel;                                                     \
        JUMP_IF(holds == (sense), TAKE);                                      \
    }

// Enters func with the arguments in place, or runs the slow path, which knows all else: another number
// of arguments, no room, too deep.
#define ENTER(called, slow)                                                                 \
    do {                                                                                    \
        struct zfunc *func = (called);                                                      \
        const struct zproto *proto = func->proto;                                           \
        struct zvalue *window = RA + 1;                                                     \
        if (ZVM_UNLIKELY(proto->param_count != ZINSN_B(insn) || frame == iso->frame_last || \
                         window + proto->register_count > iso->stack_end)) {                \
            AFTER_CALL(slow);                                                               \
        }                                                                                   \
        frame->pc = pc;                                                                     \
        frame++;                                                                            \
        frame->func = func;                                                                 \
        frame->base = (uint32_t)(window - iso->stack);                                      \
        frame->flags = 0;                                                                   \
        pc = guessed(&frame->entry, proto->words);                                          \
        base = window;                                                                      \
        frame->constants = proto->constants;                                                \
        fuel -= proto->fuel;                                                                \
        if (ZVM_UNLIKELY(fuel < 0)) LEAVE(out_of_fuel);                                     \
        NEXT;                                                                               \
    } while (0)

// Goes on in the caller; the result is in its place.
#define RETURN()                                                                   \
    do {                                                                           \
        if (ZVM_UNLIKELY(frame->flags & ZFRAME_RETURN_SLOW)) LEAVE(returned_slow); \
        frame--;                                                                   \
        pc = frame->pc;                                                            \
        base = iso->stack + frame->base;                                           \
        NEXT;                                                                      \
    } while (0)

// The result goes to its place at once: for the caller it is there by a load and a store sooner.
#define ARITHMETIC_RETURN(name, builtin_op, float_op, op)                             \
    OP(name)                                                                          \
    {                                                                                 \
        const struct zvalue *b = RA, *c = RB;                                         \
        int64_t result;                                                               \
        if (ZVM_LIKELY((b->tag | c->tag) == ZTAG_INT)) {                              \
            if (ZVM_LIKELY(!builtin_op(b->i, c->i, &result))) {                       \
                set_int(base - 1, result);                                            \
                RETURN();                                                             \
            }                                                                         \
        } else if (b->tag == ZTAG_FLOAT && c->tag == ZTAG_FLOAT) {                    \
            set_float(base - 1, b->d float_op c->d);                                  \
            RETURN();                                                                 \
        }                                                                             \
        SAVE();                                                                       \
        if (ZVM_UNLIKELY(!zarith_apply(iso, op, *b, *c, base - 1))) LEAVE(failed);    \
        fuel = iso->fuel;                                                             \
        RETURN();                                                                     \
    }

// What a call of any kind came to.
#define AFTER_CALL(call)                                          \
    do {                                                          \
        SAVE();                                                   \
        enum zcall_outcome outcome = (call);                      \
        fuel = iso->fuel;                                         \
        if (outcome == ZCALL_PUSHED) LEAVE(reload);               \
        if (ZVM_UNLIKELY(outcome == ZCALL_FAILED)) LEAVE(failed); \
        if (ZVM_UNLIKELY(fuel < 0)) LEAVE(out_of_fuel);           \
        NEXT;                                                     \
    } while (0)

#ifdef ZVM_DISPATCH_TAIL
#    define X(name, form, aux) HANDLER op_##name(STATE);
ZOPCODES(X)
#    undef X
HANDLER leave_reload(STATE);
HANDLER leave_returned_slow(STATE);
HANDLER leave_out_of_fuel(STATE);
HANDLER leave_no_memory(STATE);
HANDLER leave_bad_code(STATE);
HANDLER leave_failed(STATE);

typedef __attribute__((preserve_none)) enum zinterp_outcome handler(STATE);
static handler *const handlers[ZOP_COUNT] = {
#    define X(name, form, aux) op_##name,
    ZOPCODES(X)
#    undef X
};
#else
enum zinterp_outcome zinterp_run(struct zisolate *iso)
{
    struct zframe *frame = NULL;
    const uint32_t *pc = NULL;
    struct zvalue *base = NULL;
    int64_t fuel = iso->fuel;
    uint32_t insn = 0;
    LEAVE(reload);
#    ifdef ZVM_DISPATCH_SWITCH
dispatch:
    switch (ZINSN_OP(insn)) {
#    else
    static const void *const labels[ZOP_COUNT] = {
#        define X(name, form, aux) &&op_##name,
        ZOPCODES(X)
#        undef X
    };
#    endif
#endif

OP(MOVE)
{
    copy_value(RA, RB);
    NEXT;
}
OP(MOVE2)
{
    struct zvalue *to = RA;
    copy_value(to, RB);
    copy_value(to + 1, RC);
    NEXT;
}
OP(MOVEI)
{
    struct zvalue *to = RA;
    copy_value(to, RB);
    set_int(to + 1, ZINSN_C(insn));
    NEXT;
}
OP(LOADI)
{
    set_int(RA, ZINSN_SD(insn));
    NEXT;
}
OP(LOADK)
{
    copy_value(RA, frame->constants + ZINSN_D(insn));
    NEXT;
}
OP(LOADNULL)
{
    RA->tag = ZTAG_NULL;
    NEXT;
}
OP(LOADTRUE)
{
    RA->tag = ZTAG_TRUE;
    NEXT;
}
OP(LOADFALSE)
{
    RA->tag = ZTAG_FALSE;
    NEXT;
}

OP(GETG)
{
    const struct zvalue *global = iso->stack + ZINSN_D(insn);
    if (ZVM_LIKELY(global->tag != ZTAG_UNSET)) {
        copy_value(RA, global);
        NEXT;
    }
    SLOW(zslow_global(iso, ZINSN_D(insn), RA));
}
OP(SETG)
{
    struct zvalue *global = iso->stack + ZINSN_D(insn);
    if (ZVM_LIKELY(global->tag != ZTAG_UNSET)) {
        copy_value(global, RA);
        NEXT;
    }
    SLOW(zslow_name_error(iso, ZINSN_D(insn)));
}
OP(DEFG)
{
    copy_value(iso->stack + ZINSN_D(insn), RA);
    NEXT;
}
OP(SETGCONST)
{
    SLOW(zslow_assign_const_global(iso, ZINSN_D(insn)));
}
OP(ERRCONST)
{
    SLOW(zslow_assign_const(iso, frame->constants + ZINSN_D(insn)));
}

OP(NEWCELL)
{
    struct zvalue *from = RB;
    SAVE();
    struct zcell *cell = zheap_new(HEAP, ZTYPE_CELL, sizeof(struct zcell), from->tag);
    fuel = iso->fuel;
    if (ZVM_UNLIKELY(cell == NULL)) LEAVE(no_memory);
    cell->payload = from->bits;
    set_slot(RA, (uintptr_t)cell, ZTAG_CELL);
    NEXT;
}
OP(GETCELL)
{
    const struct zvalue *holder = RB;
    if (ZVM_UNLIKELY(holder->tag != ZTAG_CELL)) LEAVE(bad_code);
    const struct zcell *cell = holder->p;
    set_slot(RA, cell->payload, cell->header.aux);
    NEXT;
}
OP(SETCELL)
{
    const struct zvalue *holder = RA, *value = RB;
    if (ZVM_UNLIKELY(holder->tag != ZTAG_CELL)) LEAVE(bad_code);
    struct zcell *cell = holder->p;
    cell->payload = value->bits;
    cell->header.aux = value->tag;
    zheap_log(HEAP, &cell->header);
    NEXT;
}
OP(GETUP)
{
    const struct zfunc *func = frame->func;
    set_slot(RA, func->captured[ZINSN_B(insn)], zfunc_tags(func)[ZINSN_B(insn)]);
    NEXT;
}
OP(GETUPCELL)
{
    const struct zfunc *func = frame->func;
    if (ZVM_UNLIKELY(zfunc_tags(func)[ZINSN_B(insn)] != ZTAG_CELL)) LEAVE(bad_code);
    const struct zcell *cell = (const void *)(uintptr_t)func->captured[ZINSN_B(insn)];
    set_slot(RA, cell->payload, cell->header.aux);
    NEXT;
}
OP(SETUPCELL)
{
    const struct zfunc *func = frame->func;
    if (ZVM_UNLIKELY(zfunc_tags(func)[ZINSN_A(insn)] != ZTAG_CELL)) LEAVE(bad_code);
    struct zcell *cell = (void *)(uintptr_t)func->captured[ZINSN_A(insn)];
    cell->payload = RB->bits;
    cell->header.aux = RB->tag;
    zheap_log(HEAP, &cell->header);
    NEXT;
}
OP(CLOSURE)
{
    SLOW(zslow_closure(iso, ZINSN_D(insn), RA));
}

ARITHMETIC(ADD, add_overflows, +, RB, RC)
ARITHMETIC_END(ZARITH_ADD)
ARITHMETIC(SUB, sub_overflows, -, RB, RC)
ARITHMETIC_END(ZARITH_SUB)
ARITHMETIC(MUL, mul_overflows, *, RB, RC)
ARITHMETIC_END(ZARITH_MUL)
ARITHMETIC(ADDK, add_overflows, +, RB, frame->constants + ZINSN_C(insn))
ARITHMETIC_END(ZARITH_ADD)
ARITHMETIC(SUBK, sub_overflows, -, RB, frame->constants + ZINSN_C(insn))
ARITHMETIC_END(ZARITH_SUB)
ARITHMETIC(MULK, mul_overflows, *, RB, frame->constants + ZINSN_C(insn))
ARITHMETIC_END(ZARITH_MUL)
ARITHMETIC(KADD, add_overflows, +, frame->constants + ZINSN_B(insn), RC)
ARITHMETIC_END(ZARITH_ADD)
ARITHMETIC(KSUB, sub_overflows, -, frame->constants + ZINSN_B(insn), RC)
ARITHMETIC_END(ZARITH_SUB)
ARITHMETIC(KMUL, mul_overflows, *, frame->constants + ZINSN_B(insn), RC)
ARITHMETIC_END(ZARITH_MUL)
IMMEDIATE(ADDI, add_overflows, +, ZARITH_ADD)
IMMEDIATE(SUBI, sub_overflows, -, ZARITH_SUB)
DIVISION(DIV, RB, RC)
DIVISION(DIVK, RB, frame->constants + ZINSN_C(insn))
DIVISION(KDIV, frame->constants + ZINSN_B(insn), RC)
MODULO(MOD, RC)
MODULO(MODK, frame->constants + ZINSN_C(insn))
OP(POW)
{
    SLOW(zarith_apply(iso, ZARITH_POW, *RB, *RC, RA));
}
OP(NEG)
{
    const struct zvalue *b = RB;
    if (ZVM_LIKELY(b->tag == ZTAG_FLOAT)) {
        set_float(RA, -b->d);
        NEXT;
    }
    SLOW(zarith_negate(iso, *b, RA));
}
OP(NOT)
{
    set_bool(RA, !zvalue_is_truthy(*RB));
    NEXT;
}

EQUALITY(EQ, 1)
EQUALITY(NE, 0)
COMPARE(LT, <, ZORDER_LT)
COMPARE(LE, <=, ZORDER_LE)
COMPARE(GT, >, ZORDER_GT)
COMPARE(GE, >=, ZORDER_GE)

OP(JMP)
{
    pc += ZINSN_J(insn);
    NEXT;
}
OP(LOOP)
{
    pc += ZINSN_J(insn);
    fuel += ZINSN_J(insn);
    if (ZVM_UNLIKELY(fuel < 0)) LEAVE(out_of_fuel);
    pc = guessed(&iso->loop, pc);
    NEXT;
}
OP(JT)
{
    JUMP_IF(zvalue_is_truthy(*RA), TAKE_JUMP);
}
OP(JF)
{
    JUMP_IF(!zvalue_is_truthy(*RA), TAKE_JUMP);
}
OP(JNOTNULL)
{
    JUMP_IF(RA->tag != ZTAG_NULL, TAKE_JUMP);
}
OP(LJT)
{
    JUMP_IF(zvalue_is_truthy(*RA), TAKE_LOOP);
}
OP(LJF)
{
    JUMP_IF(!zvalue_is_truthy(*RA), TAKE_LOOP);
}
EQUALITY_JUMP(JEQ, RB, 1, TAKE_JUMP)
EQUALITY_JUMP(JNE, RB, 0, TAKE_JUMP)
EQUALITY_JUMP(JEQK, frame->constants + ZINSN_D(insn), 1, TAKE_JUMP)
EQUALITY_JUMP(JNEK, frame->constants + ZINSN_D(insn), 0, TAKE_JUMP)
EQUALITY_JUMP(LJNE, RB, 0, TAKE_LOOP)
EQUALITY_JUMP(LJNEK, frame->constants + ZINSN_D(insn), 0, TAKE_LOOP)
COMPARE_JUMP(JLT, <, ZORDER_LT, true, TAKE_JUMP)
COMPARE_JUMP(JLE, <=, ZORDER_LE, true, TAKE_JUMP)
COMPARE_JUMP(JGT, >, ZORDER_GT, true, TAKE_JUMP)
COMPARE_JUMP(JGE, >=, ZORDER_GE, true, TAKE_JUMP)
COMPARE_JUMP(JNLT, <, ZORDER_LT, false, TAKE_JUMP)
COMPARE_JUMP(JNLE, <=, ZORDER_LE, false, TAKE_JUMP)
COMPARE_JUMP(JNGT, >, ZORDER_GT, false, TAKE_JUMP)
COMPARE_JUMP(JNGE, >=, ZORDER_GE, false, TAKE_JUMP)
COMPARE_JUMP(LJLT, <, ZORDER_LT, true, TAKE_LOOP)
COMPARE_JUMP(LJLE, <=, ZORDER_LE, true, TAKE_LOOP)
COMPARE_JUMP(LJGT, >, ZORDER_GT, true, TAKE_LOOP)
COMPARE_JUMP(LJGE, >=, ZORDER_GE, true, TAKE_LOOP)
IMMEDIATE_JUMP(JLTI, <, ZORDER_LT, true, TAKE_JUMP)
IMMEDIATE_JUMP(JLEI, <=, ZORDER_LE, true, TAKE_JUMP)
IMMEDIATE_JUMP(JGTI, >, ZORDER_GT, true, TAKE_JUMP)
IMMEDIATE_JUMP(JGEI, >=, ZORDER_GE, true, TAKE_JUMP)
IMMEDIATE_JUMP(JNLTI, <, ZORDER_LT, false, TAKE_JUMP)
IMMEDIATE_JUMP(JNLEI, <=, ZORDER_LE, false, TAKE_JUMP)
IMMEDIATE_JUMP(JNGTI, >, ZORDER_GT, false, TAKE_JUMP)
IMMEDIATE_JUMP(JNGEI, >=, ZORDER_GE, false, TAKE_JUMP)
IMMEDIATE_JUMP(LJLTI, <, ZORDER_LT, true, TAKE_LOOP)
IMMEDIATE_JUMP(LJLEI, <=, ZORDER_LE, true, TAKE_LOOP)
IMMEDIATE_JUMP(LJGTI, >, ZORDER_GT, true, TAKE_LOOP)
IMMEDIATE_JUMP(LJGEI, >=, ZORDER_GE, true, TAKE_LOOP)

OP(CALLG)
{
    uint32_t slot = *pc++;
    const struct zvalue *callee = iso->stack + slot;
    if (ZVM_UNLIKELY(callee->tag != ZTAG_FUNC)) {
        AFTER_CALL(zslow_call_global(iso, slot, RA, ZINSN_B(insn)));
    }
    ENTER(callee->p, zslow_call_function(iso, func, RA, ZINSN_B(insn)));
}
OP(CALL)
{
    const struct zvalue *callee = RA;
    if (ZVM_UNLIKELY(callee->tag != ZTAG_FUNC)) {
        AFTER_CALL(zcall_value(iso, RA, ZINSN_B(insn)));
    }
    ENTER(callee->p, zcall_value(iso, RA, ZINSN_B(insn)));
}
OP(CALLM)
{
    uint32_t aux = *pc++;
    const struct zvalue *receiver = RA;
    if (ZVM_LIKELY(receiver->tag == ZTAG_RECORD)) {
        const struct zrecord *record = receiver->p;
        uint64_t word = zcache_load(SITE_CACHE(aux), record->shape_id);
        if (ZVM_LIKELY(zcache_shape_id(word) == record->shape_id)) {
            ENTER((void *)(uintptr_t)record->class->slots[zcache_slot(word)],
                  zslow_call_method(iso, RA, insn, aux));
        }
    }
    AFTER_CALL(zslow_call_method(iso, RA, insn, aux));
}
OP(CALLB)
{
    uint32_t builtin = *pc++;
    AFTER_CALL(zslow_call_builtin(iso, builtin, RA, ZINSN_B(insn)));
}
OP(CALLN)
{
    AFTER_CALL(zcall_named(iso, RA, ZINSN_B(insn)));
}
OP(CALLMN)
{
    uint32_t aux = *pc++;
    AFTER_CALL(zslow_call_method_named(iso, RA, insn, aux));
}
OP(RET)
{
    copy_value(base - 1, RA);
    RETURN();
}
OP(RETNULL)
{
    base[-1].tag = ZTAG_NULL;
    RETURN();
}
ARITHMETIC_RETURN(RETADD, add_overflows, +, ZARITH_ADD)
ARITHMETIC_RETURN(RETSUB, sub_overflows, -, ZARITH_SUB)
ARITHMETIC_RETURN(RETMUL, mul_overflows, *, ZARITH_MUL)

OP(TASK)
{
    SAVE();
    if (ZVM_UNLIKELY(!ztask_create(iso, base - 1))) LEAVE(failed);
    fuel = iso->fuel;
    RETURN();
}
OP(AWAIT)
{
    if (RA->tag == ZTAG_TASK) AFTER_CALL(ztask_await(iso, RA));
    if (RA->tag == ZTAG_ISOLATE) AFTER_CALL(ztalk_await(iso, RA));
    NEXT;
}

OP(NEWLIST)
{
    SLOW(zlist_from_values(iso, RB, ZINSN_C(insn), RA));
}
OP(LISTADD)
{
    SLOW(zslow_list_add(iso, RA, RB, ZINSN_C(insn)));
}
OP(NEWMAP)
{
    SLOW(zmap_new(iso, ZINSN_D(insn), RA));
}
OP(GETIDX)
{
    const struct zvalue *object = RB;
    struct zvalue *index = RC;
    if (ZVM_LIKELY(list_element(object, index, RA))) NEXT;
    if (object->tag == ZTAG_MAP && is_quick_key(index)) {
        const struct zmap_entry *entry = find_entry(object->p, index);
        if (entry == NULL) {
            RA->tag = ZTAG_NULL;
        } else {
            set_slot(RA, entry->value, entry->value_tag);
        }
        NEXT;
    }
    SLOW(zindex_get(iso, *object, *index, RA));
}
OP(GETIDXI)
{
    const struct zvalue *object = RB;
    struct zvalue index = zvalue_int((int64_t)ZINSN_C(insn));
    if (ZVM_LIKELY(list_element(object, &index, RA))) NEXT;
    SLOW(zindex_get(iso, *object, index, RA));
}
OP(SETIDX)
{
    if (ZVM_LIKELY(store_element(HEAP, RA, RB, RC))) NEXT;
    if (RA->tag == ZTAG_MAP && is_quick_key(RB)) SLOW(zmap_set(iso, RA->p, *RB, *RC));
    SLOW(zindex_set(iso, *RA, *RB, *RC));
}
OP(GETF)
{
    uint32_t aux = *pc++;
    const struct zvalue *object = RB;
    if (ZVM_LIKELY(object->tag == ZTAG_RECORD)) {
        const struct zrecord *record = object->p;
        uint64_t word = zcache_load(SITE_CACHE(aux), record->shape_id);
        if (ZVM_LIKELY(zcache_shape_id(word) == record->shape_id)) {
            uint32_t index = zcache_field_index(word);
            set_slot(RA, record->fields[index], zrecord_tags(record)[index]);
            NEXT;
        }
    } else if (object->tag == ZTAG_MAP) {
        const struct zmap_entry *entry = zmap_find(object->p, frame->constants[aux & 0xffff]);
        if (entry == NULL) {
            RA->tag = ZTAG_NULL;
        } else {
            set_slot(RA, entry->value, entry->value_tag);
        }
        NEXT;
    }
    SLOW(zslow_get_property(iso, object, aux, RA));
}
OP(SETF)
{
    uint32_t aux = *pc++;
    const struct zvalue *object = RA, *value = RB;
    if (ZVM_LIKELY(object->tag == ZTAG_RECORD)) {
        struct zrecord *record = object->p;
        uint64_t word = zcache_load(SITE_CACHE(aux), record->shape_id);
        if (ZVM_LIKELY(zcache_shape_id(word) == record->shape_id &&
                       zcache_allows(word, value->tag))) {
            uint32_t index = zcache_field_index(word);
            record->fields[index] = value->bits;
            zrecord_tags(record)[index] = (uint8_t)value->tag;
            zheap_log(HEAP, &record->header);
            NEXT;
        }
    } else if (object->tag == ZTAG_MAP) {
        SLOW(zmap_set(iso, object->p, frame->constants[aux & 0xffff], *value));
    }
    SLOW(zslow_set_property(iso, object, aux, value));
}
OP(TOSTR)
{
    if (zvalue_is_string(*RB)) {
        copy_value(RA, RB);
        NEXT;
    }
    SLOW(ztext_string(iso, *RB, RA));
}
OP(CONCAT)
{
    SLOW(zslow_concat(iso, RB, ZINSN_C(insn), RA));
}
OP(PRINT)
{
    SLOW(zslow_print(iso, RA, ZINSN_B(insn)));
}
OP(UNPACK)
{
    SLOW(zslow_unpack(iso, RA, *RB, ZINSN_C(insn)));
}
OP(CHECKMAP)
{
    if (ZVM_LIKELY(RA->tag == ZTAG_MAP)) NEXT;
    SLOW(zslow_not_a_map(iso, RA));
}
OP(MAPGET)
{
    const struct zvalue *name = frame->constants + (*pc++ & 0xffff);
    if (ZVM_UNLIKELY(RB->tag != ZTAG_MAP)) LEAVE(bad_code);
    const struct zmap_entry *entry = zmap_find(RB->p, *name);
    if (entry == NULL) {
        RA->tag = ZTAG_NULL;
    } else {
        set_slot(RA, entry->value, entry->value_tag);
    }
    NEXT;
}
OP(ITERPREP)
{
    SLOW(zslow_iterate_begin(iso, RA));
}
OP(ITERNEXT)
{
    struct zvalue *state = RA;
    if (ZVM_LIKELY(state->tag == ZTAG_LIST)) {
        const struct zlist *list = state->p;
        uint64_t i = (uint64_t)state[1].i;
        if (i >= zlist_length(list)) SKIP_JUMP();
        uint32_t tag = list->elements;
        if (tag == ZLIST_ANY) tag = zlist_tags(list)[i];
        struct zvalue *names = state + 3;
        if (ZINSN_B(insn) == 2) set_int(names++, (int64_t)i);
        set_slot(names, zlist_payload(list)[i], tag);
        set_int(state + 1, (int64_t)(i + 1));
        TAKE_LOOP();
    }
    bool more;
    SAVE();
    if (ZVM_UNLIKELY(!zslow_iterate_next(iso, state, ZINSN_B(insn), &more))) LEAVE(failed);
    fuel = iso->fuel;
    JUMP_IF(more, TAKE_LOOP);
}

OP(RANGEPREP)
{
    SLOW(zslow_range_begin(iso, RA, ZINSN_B(insn)));
}
OP(RANGEUP)
{
    struct zvalue *state = RA;
    // Code of another origin may have left an object there: its address is no integer.
    if (ZVM_UNLIKELY((state[0].tag | state[1].tag) != ZTAG_INT)) LEAVE(bad_code);
    int64_t next = state[0].i;
    if (ZVM_UNLIKELY(next >= state[1].i)) SKIP_JUMP();
    state[0].i = next + 1;
    set_int(state + 3, next);
    TAKE_LOOP();
}
OP(RANGENEXT)
{
    struct zvalue *state = RA;
    // Code of another origin may have left an object there: its address is no integer.
    if (ZVM_UNLIKELY((state[0].tag | state[1].tag | state[2].tag) != ZTAG_INT)) LEAVE(bad_code);
    int64_t next = state[0].i;
    if (state[1].i <= 0) SKIP_JUMP();
    state[1].i--;
    // Unsigned: the step behind the last may leave the range of integers.
    state[0].bits += state[2].bits;
    set_int(state + 3, next);
    TAKE_LOOP();
}

OP(CHECK)
{
    SLOW(zslow_check(iso, RA, &frame->func->proto->checks[ZINSN_D(insn)]));
}
OP(GETTHIS)
{
    copy_value(RA, base - 1);
    NEXT;
}
OP(NEWDATA)
{
    SLOW(zclass_new(iso, frame->func->proto->code, ZINSN_D(insn), RA));
}
OP(CHECKDATA)
{
    if (ZVM_LIKELY(RA->tag == ZTAG_CLASS)) NEXT;
    SLOW(zslow_not_a_data_type(iso, frame->constants + ZINSN_D(insn)));
}
OP(JNDATA)
{
    const struct zvalue *subject = RA, *type = RB;
    const struct zclass *class = type->p;
    if (ZVM_LIKELY(type->tag == ZTAG_CLASS && class->shape->field_count == ZINSN_C(insn))) {
        if (subject->tag != ZTAG_RECORD) TAKE_JUMP();
        if (((const struct zrecord *)subject->p)->class == class) SKIP_JUMP();
    }
    bool is_instance;
    SAVE();
    if (ZVM_UNLIKELY(!zrecord_match(iso, *subject, *type, ZINSN_C(insn), &is_instance))) {
        LEAVE(failed);
    }
    fuel = iso->fuel;
    JUMP_IF(!is_instance, TAKE_JUMP);
}
OP(GETSLOT)
{
    const struct zvalue *object = RB;
    uint32_t index = ZINSN_C(insn);
    if (ZVM_UNLIKELY(object->tag != ZTAG_RECORD)) LEAVE(bad_code);
    const struct zrecord *record = object->p;
    if (ZVM_UNLIKELY(index >= record->header.aux)) LEAVE(bad_code);
    set_slot(RA, record->fields[index], zrecord_tags(record)[index]);
    NEXT;
}
OP(ERRMATCH)
{
    SLOW(zslow_no_match(iso, RA));
}
OP(THROW)
{
    SAVE();
    iso->error = *RA;
    iso->pending = ZPENDING_ERROR;
    LEAVE(failed);
}
OP(RETHROW)
{
    SAVE();
    zslow_rethrow(iso, RA);
    LEAVE(failed);
}
#ifdef ZVM_DISPATCH_SWITCH
default:
ZVM_UNREACHABLE();
}
#endif

// Goes on with the frame on top, whose registers are not loaded.
LEAVE_POINT(reload)
{
    if (ZVM_UNLIKELY(fuel < 0)) {
        if (zisolate_should_yield(iso)) return ZINTERP_YIELDED;
        LEAVE(failed);
    }
    frame = iso->frame;
    if (ZVM_UNLIKELY(frame->flags & ZFRAME_NATIVE)) {
        iso->fuel = fuel;
        enum znative_outcome native = zcall_run_native(iso);
        fuel = iso->fuel;
        frame = iso->frame;
        if (native == ZNATIVE_RUN_YIELDED) return ZINTERP_YIELDED;
        if (native == ZNATIVE_RUN_WAITING) return ZINTERP_WAITING;
        if (native == ZNATIVE_RUN_FAILED) LEAVE(failed);
        if (native == ZNATIVE_RUN_RETURNED) return ZINTERP_RETURNED;
    }
    pc = frame->pc;
    base = iso->stack + frame->base;
    if (ZVM_UNLIKELY(fuel < 0)) LEAVE(out_of_fuel);
    NEXT;
}

LEAVE_POINT(returned_slow)
{
    iso->frame = frame;
    iso->fuel = fuel;
    if (frame->flags & ZFRAME_TASK) ztask_finish(iso);
    if (!zcall_pop(iso)) return ZINTERP_RETURNED;
    LEAVE(reload);
}

LEAVE_POINT(out_of_fuel)
{
    SAVE();
    if (zisolate_should_yield(iso)) return ZINTERP_YIELDED;
    LEAVE(failed);
}

LEAVE_POINT(no_memory)
{
    (void)zerror_raise_memory(iso);
    LEAVE(failed);
}

// Only code that the verifier cannot see through gets here: a register that should hold a cell or a
// map holds something else.
LEAVE_POINT(bad_code)
{
    SAVE();
    (void)zerror_terminate(iso, ZVM_E_BYTECODE);
    LEAVE(failed);
}

LEAVE_POINT(failed)
{
    if (!zunwind_pending(iso)) return ZINTERP_ENDED;
    fuel = iso->fuel;
    LEAVE(reload);
}

#ifdef ZVM_DISPATCH_TAIL
enum zinterp_outcome zinterp_run(struct zisolate *iso)
{
    return leave_reload(iso, NULL, NULL, NULL, iso->fuel, 0);
}
#else
    }
#endif
