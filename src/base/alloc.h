// base/alloc.h - the allocation seam: all memory of zvm goes through these calls.
//
// Resize and free are told the old size, so that tests count, poison and fail allocations exactly.
// Thread: any. Never call malloc and friends elsewhere.
#ifndef ZVM_BASE_ALLOC_H
#define ZVM_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// NULL when memory is refused (or a test fails this allocation). bytes > 0.
void *z_alloc(size_t bytes);
void *z_alloc_zeroed(size_t bytes);
// alignment: a power of two. Free with z_free_aligned.
void *z_alloc_aligned(size_t alignment, size_t bytes);
// NULL leaves the old block as it was. memory may be NULL when old_bytes is 0.
void *z_resize(void *memory, size_t old_bytes, size_t new_bytes);
// memory may be NULL.
void z_free(void *memory, size_t bytes);
// Keeps a few blocks of 1 MiB, for the next who wants one: shelf.h.
void z_free_aligned(void *memory, size_t bytes);
// Frees these.
void z_give_back(void);

// Says that memory [bytes], fresh from z_alloc_aligned or z_alloc_zeroed, will be used all over: where
// the system has large pages it then uses these for the part that they fit. Only a hint.
void z_advise_huge(void *memory, size_t bytes);

// Says that small blocks of about so many bytes will be asked for on this thread and kept, so that the system is
// asked for memory once. Only a hint.
void z_alloc_ahead(size_t bytes);

// A copy of text [length_bytes] with a NUL behind it, of length_bytes + 1 bytes; NULL: no memory.
char *z_alloc_text(const char *text, size_t length_bytes);

// Sizes computed from input. false: the result does not fit (out is untouched).
static inline bool z_size_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}

static inline bool z_size_multiply(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}

// ---- For tests ----
struct zalloc_stats {
    uint64_t calls;      // allocations and growing resizes asked for, failed ones too
    uint64_t live_bytes; // now
    uint64_t live_count;
};

// The n-th allocation from now (1 = the next) fails, once or, with from_there_on, it and all later
// ones. n = 0 fails none. thread: any, but set it while no other thread allocates.
void zalloc_fail_at(uint64_t n, bool from_there_on);
// The n-th allocation from now fails, and then every period-th: memory that comes and goes. period 0:
// only the n-th.
void zalloc_fail_every(uint64_t n, uint64_t period);
// True when the n-th allocation has been reached since it was set.
bool zalloc_has_failed(void);
// Fill fresh memory with 0xCD and freed memory with 0xDB (off by default; on under ZVM_POISON).
void zalloc_set_poison(bool on);
struct zalloc_stats zalloc_stats(void);

#endif // ZVM_BASE_ALLOC_H
