// base/atomic_explore.h - atomics as calls of the explorer. Included by base/atomic.h only.
//
// The explorer (tests/model) supplies the functions. A word is any atomic of 1, 2, 4 or 8 bytes: it
// goes over as its bits in a uint64_t and comes back in its own type. The macros evaluate each
// argument once, as C11's own do. thread: a model's threads, which take turns on one thread of the
// system.
#ifndef ZVM_BASE_ATOMIC_EXPLORE_H
#define ZVM_BASE_ATOMIC_EXPLORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zexplore_change {
    ZEXPLORE_EXCHANGE,
    ZEXPLORE_ADD,
    ZEXPLORE_SUB,
    ZEXPLORE_OR,
    ZEXPLORE_AND,
};

uint64_t zexplore_load(const volatile void *word, size_t bytes, memory_order order);
void zexplore_store(volatile void *word, size_t bytes, uint64_t value, memory_order order);
// The value before.
uint64_t zexplore_change(volatile void *word, size_t bytes, enum zexplore_change change,
                         uint64_t value, memory_order order);
// expected: the address of `bytes` bytes, as in C11. A weak one may fail for no reason.
bool zexplore_cas(volatile void *word, size_t bytes, void *expected, uint64_t desired,
                  memory_order success, memory_order failure, bool is_weak);
// A number of the thread that makes the next step: other than 0 and 1, and a multiple of 64.
uintptr_t zexplore_self(void);
// What a word holds before anybody shares it.
void zexplore_init(volatile void *word, size_t bytes, uint64_t value);

// The type of the word without _Atomic: a comma's right side is a value.
#define ZEXPLORE_TYPE(word)        __typeof__((void)0, *(word))
#define ZEXPLORE_BITS(word, value) ((uint64_t)(ZEXPLORE_TYPE(word))(value))
// A block, because gcc warns of a cast whose value nobody wants.
#define ZEXPLORE_CHANGE(word, change, value, order)                                              \
    __extension__({                                                                              \
        (ZEXPLORE_TYPE(word)) zexplore_change((word), sizeof *(word), (change),                  \
                                              ZEXPLORE_BITS(word, value), memory_order_##order); \
    })

#define Z_LOAD(word, order) \
    ((ZEXPLORE_TYPE(word))zexplore_load((word), sizeof *(word), memory_order_##order))
#define Z_STORE(word, value, order) \
    zexplore_store((word), sizeof *(word), ZEXPLORE_BITS(word, value), memory_order_##order)
#define Z_EXCHANGE(word, value, order)  ZEXPLORE_CHANGE(word, ZEXPLORE_EXCHANGE, value, order)
#define Z_FETCH_ADD(word, value, order) ZEXPLORE_CHANGE(word, ZEXPLORE_ADD, value, order)
#define Z_FETCH_SUB(word, value, order) ZEXPLORE_CHANGE(word, ZEXPLORE_SUB, value, order)
#define Z_FETCH_OR(word, value, order)  ZEXPLORE_CHANGE(word, ZEXPLORE_OR, value, order)
#define Z_FETCH_AND(word, value, order) ZEXPLORE_CHANGE(word, ZEXPLORE_AND, value, order)
#define Z_CAS_WEAK(word, expected, desired, success, failure)                      \
    zexplore_cas((word), sizeof *(word), (expected), ZEXPLORE_BITS(word, desired), \
                 memory_order_##success, memory_order_##failure, true)
#define Z_CAS(word, expected, desired, success, failure)                           \
    zexplore_cas((word), sizeof *(word), (expected), ZEXPLORE_BITS(word, desired), \
                 memory_order_##success, memory_order_##failure, false)

// A plain store of C11: the explorer must see it, so that it finds a word used before its first
// value can be seen.
#undef atomic_init
#define atomic_init(word, value) zexplore_init((word), sizeof *(word), ZEXPLORE_BITS(word, value))

#endif // ZVM_BASE_ATOMIC_EXPLORE_H
