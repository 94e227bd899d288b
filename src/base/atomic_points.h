// base/atomic_points.h - atomics that call the stress program first. Included by base/atomic.h only.
//
// The program supplies z_point: it yields, or freezes its thread for good, between any two
// operations on shared words. What the operations do is unchanged.
#ifndef ZVM_BASE_ATOMIC_POINTS_H
#define ZVM_BASE_ATOMIC_POINTS_H

#include <stdatomic.h>

void z_point(void);

#define Z_LOAD(word, order) (z_point(), atomic_load_explicit((word), memory_order_##order))
#define Z_STORE(word, value, order) \
    (z_point(), atomic_store_explicit((word), (value), memory_order_##order))
#define Z_EXCHANGE(word, value, order) \
    (z_point(), atomic_exchange_explicit((word), (value), memory_order_##order))
#define Z_FETCH_ADD(word, value, order) \
    (z_point(), atomic_fetch_add_explicit((word), (value), memory_order_##order))
#define Z_FETCH_SUB(word, value, order) \
    (z_point(), atomic_fetch_sub_explicit((word), (value), memory_order_##order))
#define Z_FETCH_OR(word, value, order) \
    (z_point(), atomic_fetch_or_explicit((word), (value), memory_order_##order))
#define Z_FETCH_AND(word, value, order) \
    (z_point(), atomic_fetch_and_explicit((word), (value), memory_order_##order))
#define Z_CAS_WEAK(word, expected, desired, success, failure)                                     \
    (z_point(),                                                                                   \
     atomic_compare_exchange_weak_explicit((word), (expected), (desired), memory_order_##success, \
                                           memory_order_##failure))
#define Z_CAS(word, expected, desired, success, failure)                    \
    (z_point(),                                                             \
     atomic_compare_exchange_strong_explicit((word), (expected), (desired), \
                                             memory_order_##success, memory_order_##failure))

#endif // ZVM_BASE_ATOMIC_POINTS_H
