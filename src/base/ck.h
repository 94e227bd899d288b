// base/ck.h - the bridge to ConcurrencyKit, the only file that may include it. thread: any.
//
// What we take from it: ck_epoch (reclamation), ck_stack upmc (push by anyone, take whole), ck_ec,
// ck_ring with one producer and one consumer, ck_pr. No CK type appears in a header of another
// folder, and nothing else of CK is used: its hash tables take one writer only, and its rings with
// several producers stall everybody when one of them is preempted.
//
// Under ThreadSanitizer: ck_pr is inline assembler, which the tool cannot see through, so that even
// a correct ring is reported. There this header supplies ck_pr's primitives as __atomic builtins
// with the orders that x86-64 gives them: load = acquire, store = release, read-modify-write =
// seq_cst. CK builds all its other ck_pr operations from those. It hides no fault that x86-64 can
// show; it would hide a missing fence on a weaker machine. Structures keep their layout, so the
// installed library fits; what runs inside it (the scan of ck_epoch) stays invisible, and the two
// zck_epoch calls at the end announce the edges that it makes.
#ifndef ZVM_BASE_CK_H
#define ZVM_BASE_CK_H

#ifdef ZVM_EXPLORE
#    include "base/ck_explore.h"
#else

#    include <stdbool.h>
#    include <stdint.h>

#    if defined(__SANITIZE_THREAD__)
#        define ZCK_UNDER_TSAN 1
#    elif defined(__has_feature)
#        if __has_feature(thread_sanitizer)
#            define ZCK_UNDER_TSAN 1
#        endif
#    endif
#    ifndef ZCK_UNDER_TSAN
#        define ZCK_UNDER_TSAN 0
#    endif

#    if ZCK_UNDER_TSAN

#        include <sanitizer/tsan_interface.h>

#        define CK_USE_CC_BUILTINS 1 // no assembler
#        define CK_F_PR              // and not CK's own builtins, whose loads and stores are plain
#        define CK_F_PR_LOAD_PTR
#        define CK_F_PR_LOAD_UINT
#        define CK_F_PR_LOAD_INT
#        define CK_F_PR_LOAD_64
#        define CK_F_PR_LOAD_32
#        define CK_F_PR_CAS_PTR_VALUE
#        define CK_F_PR_CAS_UINT_VALUE
#        define CK_F_PR_CAS_INT_VALUE
#        define CK_F_PR_CAS_64_VALUE
#        define CK_F_PR_CAS_32_VALUE

// target is MEMORY * (void * for pointers, as CK declares it); the word there is a WORD.
#        define ZCK_PRIMITIVES(NAME, MEMORY, WORD)                                            \
            static inline WORD ck_pr_md_load_##NAME(const MEMORY *target)                     \
            {                                                                                 \
                return __atomic_load_n((WORD const *)target, __ATOMIC_ACQUIRE);               \
            }                                                                                 \
            static inline bool ck_pr_cas_##NAME(MEMORY *target, WORD expected, WORD desired)  \
            {                                                                                 \
                return __atomic_compare_exchange_n((WORD *)target, &expected, desired, false, \
                                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
            }

#        define ZCK_PRIMITIVES_OF_TYPE(NAME, WORD)                                                 \
            ZCK_PRIMITIVES(NAME, WORD, WORD)                                                       \
            static inline void ck_pr_md_store_##NAME(WORD *target, WORD value)                     \
            {                                                                                      \
                __atomic_store_n(target, value, __ATOMIC_RELEASE);                                 \
            }                                                                                      \
            static inline bool ck_pr_cas_##NAME##_value(WORD *target, WORD expected, WORD desired, \
                                                        WORD *found)                               \
            {                                                                                      \
                *found = expected;                                                                 \
                return __atomic_compare_exchange_n(target, found, desired, false,                  \
                                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);            \
            }

ZCK_PRIMITIVES(ptr, void, void *)
ZCK_PRIMITIVES_OF_TYPE(uint, unsigned int)
ZCK_PRIMITIVES_OF_TYPE(int, int)
ZCK_PRIMITIVES_OF_TYPE(64, uint64_t)
ZCK_PRIMITIVES_OF_TYPE(32, uint32_t)

static inline void ck_pr_md_store_ptr(void *target, const void *value)
{
    __atomic_store_n((void **)target, (void *)(uintptr_t)value, __ATOMIC_RELEASE);
}

static inline bool ck_pr_cas_ptr_value(void *target, void *expected, void *desired, void *found)
{
    void *seen = expected;
    bool done = __atomic_compare_exchange_n((void **)target, &seen, desired, false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    *(void **)found = seen; // a void * by CK's signature, in truth a void **
    return done;
}

// __atomic_thread_fence would only earn a warning: ThreadSanitizer does not model fences. The real
// instruction stays, because the program still runs on a real machine.
#        define ZCK_FENCE(NAME)                                \
            static inline void ck_pr_fence_strict_##NAME(void) \
            {                                                  \
                __sync_synchronize();                          \
            }

ZCK_FENCE(atomic)
ZCK_FENCE(atomic_load)
ZCK_FENCE(atomic_store)
ZCK_FENCE(store_atomic)
ZCK_FENCE(load_atomic)
ZCK_FENCE(load)
ZCK_FENCE(load_store)
ZCK_FENCE(store)
ZCK_FENCE(store_load)
ZCK_FENCE(memory)
ZCK_FENCE(acquire)
ZCK_FENCE(release)
ZCK_FENCE(acqrel)
ZCK_FENCE(lock)
ZCK_FENCE(unlock)

static inline void ck_pr_stall(void)
{
    __asm__ __volatile__("" ::: "memory");
}

#        undef ZCK_PRIMITIVES
#        undef ZCK_PRIMITIVES_OF_TYPE
#        undef ZCK_FENCE

#    endif // ZCK_UNDER_TSAN

#    include <ck_epoch.h>
#    include <ck_pr.h>
#    include <ck_stack.h>

// Ends a section of ck_epoch; use it instead of ck_epoch_end. A section still open announces
// nothing, so that an object freed under a reader is still reported.
static inline void zck_epoch_end(ck_epoch_record_t *record)
{
#    if ZCK_UNDER_TSAN
    __tsan_release(record->global);
#    endif
    ck_epoch_end(record, NULL);
}

// First thing in every callback given to ck_epoch_call: what readers did before they ended their
// sections happened before this.
static inline void zck_epoch_begin_reclaim(ck_epoch_t *epoch)
{
#    if ZCK_UNDER_TSAN
    __tsan_acquire(epoch);
#    else
    (void)epoch;
#    endif
}

#endif // ZVM_EXPLORE

#endif // ZVM_BASE_CK_H
