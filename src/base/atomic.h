// base/atomic.h - the only way to touch a shared word. The order is in the name.
//
// Normal builds: C11 atomics, nothing else. Under ZVM_EXPLORE every operation is a call of the
// explorer (base/atomic_explore.h), which picks the thread that goes next and the store that a load
// returns. The list of names and orders below is one for both. No stand-alone fences:
// ThreadSanitizer does not model them. Each use names its PAIR in a comment, or says why relaxed is
// enough.
#ifndef ZVM_BASE_ATOMIC_H
#define ZVM_BASE_ATOMIC_H

#include <stdatomic.h>

#define ZVM_CACHE_LINE_BYTES 64

// The operations under the names; order is the end of a memory_order_ constant. For the list below
// only: code calls the names.
#ifdef ZVM_EXPLORE
#    include "base/atomic_explore.h"
#elif defined(ZVM_POINTS)
#    include "base/atomic_points.h" // each is a point at which a stress program may stop its thread
#else
#    define Z_LOAD(word, order)         atomic_load_explicit((word), memory_order_##order)
#    define Z_STORE(word, value, order) atomic_store_explicit((word), (value), memory_order_##order)
#    define Z_EXCHANGE(word, value, order) \
        atomic_exchange_explicit((word), (value), memory_order_##order)
#    define Z_FETCH_ADD(word, value, order) \
        atomic_fetch_add_explicit((word), (value), memory_order_##order)
#    define Z_FETCH_SUB(word, value, order) \
        atomic_fetch_sub_explicit((word), (value), memory_order_##order)
#    define Z_FETCH_OR(word, value, order) \
        atomic_fetch_or_explicit((word), (value), memory_order_##order)
#    define Z_FETCH_AND(word, value, order) \
        atomic_fetch_and_explicit((word), (value), memory_order_##order)
#    define Z_CAS_WEAK(word, expected, desired, success, failure)            \
        atomic_compare_exchange_weak_explicit((word), (expected), (desired), \
                                              memory_order_##success, memory_order_##failure)
#    define Z_CAS(word, expected, desired, success, failure)                   \
        atomic_compare_exchange_strong_explicit((word), (expected), (desired), \
                                                memory_order_##success, memory_order_##failure)
#endif

#define z_load_relaxed(word) Z_LOAD(word, relaxed)
#define z_load_acquire(word) Z_LOAD(word, acquire)
#define z_load_seq_cst(word) Z_LOAD(word, seq_cst)

#define z_store_relaxed(word, value) Z_STORE(word, value, relaxed)
#define z_store_release(word, value) Z_STORE(word, value, release)
#define z_store_seq_cst(word, value) Z_STORE(word, value, seq_cst)

#define z_exchange_acquire(word, value) Z_EXCHANGE(word, value, acquire)
#define z_exchange_acq_rel(word, value) Z_EXCHANGE(word, value, acq_rel)

#define z_fetch_add_relaxed(word, value) Z_FETCH_ADD(word, value, relaxed)
#define z_fetch_add_acq_rel(word, value) Z_FETCH_ADD(word, value, acq_rel)
#define z_fetch_add_seq_cst(word, value) Z_FETCH_ADD(word, value, seq_cst)
#define z_fetch_sub_relaxed(word, value) Z_FETCH_SUB(word, value, relaxed)
#define z_fetch_sub_release(word, value) Z_FETCH_SUB(word, value, release)
#define z_fetch_sub_acq_rel(word, value) Z_FETCH_SUB(word, value, acq_rel)
#define z_fetch_sub_seq_cst(word, value) Z_FETCH_SUB(word, value, seq_cst)
#define z_fetch_or_acq_rel(word, value)  Z_FETCH_OR(word, value, acq_rel)
#define z_fetch_or_seq_cst(word, value)  Z_FETCH_OR(word, value, seq_cst)
#define z_fetch_and_acq_rel(word, value) Z_FETCH_AND(word, value, acq_rel)
#define z_fetch_and_seq_cst(word, value) Z_FETCH_AND(word, value, seq_cst)

// Compare-and-swap, named by the order of success; failure is relaxed unless the name says acquire.
#define z_cas_weak_release(word, expected, desired) \
    Z_CAS_WEAK(word, expected, desired, release, relaxed)
#define z_cas_relaxed(word, expected, desired) Z_CAS(word, expected, desired, relaxed, relaxed)
#define z_cas_weak_seq_cst(word, expected, desired) \
    Z_CAS_WEAK(word, expected, desired, seq_cst, relaxed)
#define z_cas_acquire(word, expected, desired) Z_CAS(word, expected, desired, acquire, relaxed)
#define z_cas_release(word, expected, desired) Z_CAS(word, expected, desired, release, relaxed)
#define z_cas_acq_rel(word, expected, desired) Z_CAS(word, expected, desired, acq_rel, acquire)
#define z_cas_seq_cst(word, expected, desired) Z_CAS(word, expected, desired, seq_cst, relaxed)

// A counter with one writer and any readers: no read-modify-write needed.
#define z_count_add(word, value) z_store_relaxed((word), z_load_relaxed(word) + (value))

#endif // ZVM_BASE_ATOMIC_H
