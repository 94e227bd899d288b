// base/atomic.h - the only way to touch a shared word. The order is in the name.
//
// Every wrapper first passes a schedule point: nothing in normal builds; under ZVM_EXPLORE the seeded
// explorer picks the next thread there. No stand-alone fences: ThreadSanitizer does not model them.
// Each use names its PAIR in a comment, or says why relaxed is enough.
#ifndef ZVM_BASE_ATOMIC_H
#define ZVM_BASE_ATOMIC_H

#include <stdatomic.h>

#define ZVM_CACHE_LINE_BYTES 64

#ifdef ZVM_EXPLORE
void zexplore_point(const volatile void *word); // supplied by the explorer
#define Z_POINT(word) zexplore_point(word)
#else
#define Z_POINT(word) ((void)0)
#endif

#define z_load_relaxed(word) (Z_POINT(word), atomic_load_explicit((word), memory_order_relaxed))
#define z_load_acquire(word) (Z_POINT(word), atomic_load_explicit((word), memory_order_acquire))
#define z_load_seq_cst(word) (Z_POINT(word), atomic_load_explicit((word), memory_order_seq_cst))

#define z_store_relaxed(word, value)                                                               \
    (Z_POINT(word), atomic_store_explicit((word), (value), memory_order_relaxed))
#define z_store_release(word, value)                                                               \
    (Z_POINT(word), atomic_store_explicit((word), (value), memory_order_release))
#define z_store_seq_cst(word, value)                                                               \
    (Z_POINT(word), atomic_store_explicit((word), (value), memory_order_seq_cst))

#define z_exchange_acquire(word, value)                                                            \
    (Z_POINT(word), atomic_exchange_explicit((word), (value), memory_order_acquire))
#define z_exchange_acq_rel(word, value)                                                            \
    (Z_POINT(word), atomic_exchange_explicit((word), (value), memory_order_acq_rel))

#define z_fetch_add_relaxed(word, value)                                                           \
    (Z_POINT(word), atomic_fetch_add_explicit((word), (value), memory_order_relaxed))
#define z_fetch_add_acq_rel(word, value)                                                           \
    (Z_POINT(word), atomic_fetch_add_explicit((word), (value), memory_order_acq_rel))
#define z_fetch_sub_release(word, value)                                                           \
    (Z_POINT(word), atomic_fetch_sub_explicit((word), (value), memory_order_release))
#define z_fetch_sub_acq_rel(word, value)                                                           \
    (Z_POINT(word), atomic_fetch_sub_explicit((word), (value), memory_order_acq_rel))
#define z_fetch_or_acq_rel(word, value)                                                            \
    (Z_POINT(word), atomic_fetch_or_explicit((word), (value), memory_order_acq_rel))
#define z_fetch_or_seq_cst(word, value)                                                            \
    (Z_POINT(word), atomic_fetch_or_explicit((word), (value), memory_order_seq_cst))
#define z_fetch_and_acq_rel(word, value)                                                           \
    (Z_POINT(word), atomic_fetch_and_explicit((word), (value), memory_order_acq_rel))

// Compare-and-swap, named by the order of success; failure is relaxed unless the name says acquire.
#define z_cas_weak_release(word, expected, desired)                                                \
    (Z_POINT(word), atomic_compare_exchange_weak_explicit((word), (expected), (desired),           \
                                                          memory_order_release,                    \
                                                          memory_order_relaxed))
#define z_cas_acquire(word, expected, desired)                                                     \
    (Z_POINT(word), atomic_compare_exchange_strong_explicit((word), (expected), (desired),         \
                                                            memory_order_acquire,                  \
                                                            memory_order_relaxed))
#define z_cas_release(word, expected, desired)                                                     \
    (Z_POINT(word), atomic_compare_exchange_strong_explicit((word), (expected), (desired),         \
                                                            memory_order_release,                  \
                                                            memory_order_relaxed))
#define z_cas_acq_rel(word, expected, desired)                                                     \
    (Z_POINT(word), atomic_compare_exchange_strong_explicit((word), (expected), (desired),         \
                                                            memory_order_acq_rel,                  \
                                                            memory_order_acquire))

// A counter with one writer and any readers: no read-modify-write needed.
#define z_count_add(word, value)                                                                   \
    z_store_relaxed((word), atomic_load_explicit((word), memory_order_relaxed) + (value))

#endif // ZVM_BASE_ATOMIC_H
