// base/alloc.c - the allocation seam over the C library's allocator, or over the host's (base/system.h).
//
// Owns: the counters, and the settings that tests change (which allocation fails, poison). They are
// one a process because the allocator under them is; no behaviour of a runtime depends on them.
// Thread: any. The settings are changed while no other thread allocates.
// Invariants:  1. the sum over all counter rows of allocated minus freed is what is live.
//              2. a call that fails changes nothing but `calls`.
// How: a thread takes the next free row of counters at its first allocation and is its only writer
// from then on, so counting costs plain additions and no cache line travels. Threads that come
// after the last row share it with atomic additions. Rows are never given back: their sums stay
// true after the thread has ended. The test settings hang behind one flag that is false in real
// use.
#include "base/alloc.h"

#include "base/assert.h"
#include "base/atomic.h"
#include "base/shelf.h"
#include "base/system.h"

#include <string.h>
#include <sys/mman.h>

#define FRESH_BYTE 0xcd
#define FREED_BYTE 0xdb

#define HUGE_PAGE_BYTES ((uintptr_t)2 << 20) // of x86-64 and of arm64 with pages of 4 KiB

// Rows of counters: 1024 workers is the most a runtime takes, but a row past the number of cores
// saves nothing worth the memory (64 bytes a row).
#define COUNTER_ROWS 256
#define SHARED_ROW   (COUNTER_ROWS - 1)

struct counter_row {
    // One writer, any reader; the last row: any writer. Relaxed: sums need no order among rows.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t calls;
    _Atomic uint64_t allocated_bytes;
    _Atomic uint64_t allocated_count;
    _Atomic uint64_t freed_bytes;
    _Atomic uint64_t freed_count;
};

static struct counter_row counter_rows[COUNTER_ROWS];
static _Atomic uint32_t row_next;         // the next free row; may pass COUNTER_ROWS
static _Thread_local uint32_t row_of_own; // the thread's row plus one; 0: none yet

// The settings of tests. Relaxed everywhere: they are set while nobody else allocates, and threads
// started later see them through their start.
#ifdef ZVM_POISON
#    define POISON_AT_START true
#else
#    define POISON_AT_START false
#endif
static atomic_bool poison_is_on = POISON_AT_START;
static atomic_bool fail_is_armed;
static _Atomic int64_t fail_period; // 0: one failure
static atomic_bool fail_has_happened;
static _Atomic int64_t fail_countdown; // 1: the next allocation fails

// ---- Counting -----------------------------------------------------------------------------------

static ZVM_COLD uint32_t take_row_slow(void)
{
    uint32_t row = z_fetch_add_relaxed(&row_next, 1); // relaxed: only the number matters
    if (row >= SHARED_ROW) row = SHARED_ROW;
    row_of_own = row + 1;
    return row;
}

static inline uint32_t own_row(void)
{
    return ZVM_LIKELY(row_of_own != 0) ? row_of_own - 1 : take_row_slow();
}

static inline void count(uint32_t row, _Atomic uint64_t *counter, uint64_t value)
{
    if (ZVM_LIKELY(row != SHARED_ROW))
        z_count_add(counter, value);
    else
        z_fetch_add_relaxed(counter, value); // relaxed: a sum
}

static void count_allocated(size_t bytes)
{
    uint32_t row = own_row();
    count(row, &counter_rows[row].allocated_bytes, bytes);
    count(row, &counter_rows[row].allocated_count, 1);
}

static void count_freed(size_t bytes)
{
    uint32_t row = own_row();
    count(row, &counter_rows[row].freed_bytes, bytes);
    count(row, &counter_rows[row].freed_count, 1);
}

// ---- What tests set -----------------------------------------------------------------------------

static ZVM_COLD bool must_fail_slow(void)
{
    // relaxed: whichever thread counts down to the last one is the one that fails
    int64_t left = z_fetch_add_relaxed(&fail_countdown, -1);
    int64_t period = z_load_relaxed(&fail_period);
    bool fails = left == 1 || (left < 1 && period != 0 && (1 - left) % period == 0);
    if (fails) z_store_relaxed(&fail_has_happened, true);
    return fails;
}

// Counts one call. True when this one is to be refused.
static bool begin_call(void)
{
    uint32_t row = own_row();
    count(row, &counter_rows[row].calls, 1);
    return ZVM_UNLIKELY(z_load_relaxed(&fail_is_armed)) && must_fail_slow();
}

static inline bool has_poison(void)
{
    return ZVM_UNLIKELY(z_load_relaxed(&poison_is_on));
}

void zalloc_fail_every(uint64_t n, uint64_t period)
{
    ZVM_ASSERT(n <= INT64_MAX);
    ZVM_ASSERT(period <= INT64_MAX);

    z_store_relaxed(&fail_countdown, (int64_t)n);
    z_store_relaxed(&fail_period, (int64_t)period);
    z_store_relaxed(&fail_has_happened, false);
    z_store_relaxed(&fail_is_armed, n != 0);
}

void zalloc_fail_at(uint64_t n, bool from_there_on)
{
    zalloc_fail_every(n, from_there_on ? 1 : 0);
}

bool zalloc_has_failed(void)
{
    return z_load_relaxed(&fail_has_happened);
}

void zalloc_set_poison(bool on)
{
    z_store_relaxed(&poison_is_on, on);
}

struct zalloc_stats zalloc_stats(void)
{
    struct zalloc_stats stats = {0};
    for (size_t i = 0; i < COUNTER_ROWS; i++) {
        // relaxed: exact while no other thread allocates, close otherwise. A block that one thread
        // made and another freed makes a row's difference wrap; the sum of all rows is right.
        struct counter_row *row = &counter_rows[i];
        stats.calls += z_load_relaxed(&row->calls);
        stats.live_bytes += z_load_relaxed(&row->allocated_bytes);
        stats.live_bytes -= z_load_relaxed(&row->freed_bytes);
        stats.live_count += z_load_relaxed(&row->allocated_count);
        stats.live_count -= z_load_relaxed(&row->freed_count);
    }
    return stats;
}

// ---- Allocation ---------------------------------------------------------------------------------

void *z_alloc(size_t bytes)
{
    ZVM_ASSERT(bytes > 0);

    if (begin_call()) return NULL;
    void *memory = zsystem_allocate(bytes);
    if (memory == NULL) return NULL;
    count_allocated(bytes);
    if (has_poison()) memset(memory, FRESH_BYTE, bytes);
    return memory;
}

void *z_alloc_zeroed(size_t bytes)
{
    ZVM_ASSERT(bytes > 0);

    if (begin_call()) return NULL;
    void *memory = zsystem_zeroed(bytes); // fresh pages of the system are zero already
    if (memory != NULL) count_allocated(bytes);
    return memory;
}

void *z_alloc_aligned(size_t alignment, size_t bytes)
{
    ZVM_ASSERT(bytes > 0);
    ZVM_ASSERT(alignment != 0);
    ZVM_ASSERT((alignment & (alignment - 1)) == 0);

    if (begin_call()) return NULL;
    bool is_shelved = bytes == ZSHELF_BYTES && alignment <= ZSHELF_BYTES;
    void *memory = is_shelved ? zshelf_take() : NULL;
    size_t least = sizeof(void *); // posix_memalign takes nothing smaller
    if (memory == NULL) memory = zsystem_aligned(alignment < least ? least : alignment, bytes);
    if (memory == NULL) return NULL;
    count_allocated(bytes);
    if (has_poison()) memset(memory, FRESH_BYTE, bytes);
    return memory;
}

// With poison a block that grows always moves and the old one is filled, so that a pointer kept
// across the call reads nonsense at once and not only on the day the C library moves it.
static ZVM_COLD void *grow_poisoned_slow(void *memory, size_t old_bytes, size_t new_bytes)
{
    void *moved = zsystem_allocate(new_bytes);
    if (moved == NULL) return NULL;
    memcpy(moved, memory, old_bytes);
    memset((char *)moved + old_bytes, FRESH_BYTE, new_bytes - old_bytes);
    memset(memory, FREED_BYTE, old_bytes);
    zsystem_free(memory, old_bytes);
    return moved;
}

// Giving memory back must not fail: when the C library cannot shrink the block, it stays as it is.
static void *shrink(void *memory, size_t old_bytes, size_t new_bytes)
{
    if (has_poison()) memset((char *)memory + new_bytes, FREED_BYTE, old_bytes - new_bytes);
    void *resized = zsystem_resize(memory, old_bytes, new_bytes);
    return resized == NULL ? memory : resized;
}

static void *grow(void *memory, size_t old_bytes, size_t new_bytes)
{
    if (begin_call()) return NULL;
    if (has_poison()) return grow_poisoned_slow(memory, old_bytes, new_bytes);
    return zsystem_resize(memory, old_bytes, new_bytes);
}

void *z_resize(void *memory, size_t old_bytes, size_t new_bytes)
{
    ZVM_ASSERT(new_bytes > 0);

    if (memory == NULL) {
        ZVM_ASSERT(old_bytes == 0);
        return z_alloc(new_bytes);
    }
    void *resized = new_bytes > old_bytes ? grow(memory, old_bytes, new_bytes)
                                          : shrink(memory, old_bytes, new_bytes);
    if (resized == NULL) return NULL;
    count_freed(old_bytes);
    count_allocated(new_bytes);
    return resized;
}

void z_free(void *memory, size_t bytes)
{
    if (memory == NULL) return;
    count_freed(bytes);
    if (has_poison()) memset(memory, FREED_BYTE, bytes);
    zsystem_free(memory, bytes);
}

void z_free_aligned(void *memory, size_t bytes)
{
    bool is_shelved = bytes == ZSHELF_BYTES && (uintptr_t)memory % ZSHELF_BYTES == 0;
    // What is the host's own goes back to it: it may keep blocks as it likes.
    bool may_stay = is_shelved && memory != NULL && !has_poison() && !zsystem_is_host();
    if (may_stay && zshelf_put(memory))
        count_freed(bytes);
    else
        z_free(memory, bytes); // both kinds are freed by the same call
}

void z_give_back(void)
{
    zshelf_clear();
}

void z_advise_huge(void *memory, size_t bytes)
{
    if (zsystem_is_host()) return; // its pages are not ours to change
    uintptr_t page = HUGE_PAGE_BYTES - 1;
    uintptr_t start = ((uintptr_t)memory + page) & ~page;
    uintptr_t end = ((uintptr_t)memory + bytes) & ~page;
    // Refused where the system has none: then it stays as it is.
    if (start < end) (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
}

void z_alloc_ahead(size_t bytes)
{
    zsystem_extend(bytes);
}

char *z_alloc_text(const char *text, size_t length_bytes)
{
    size_t bytes;
    if (!z_size_add(length_bytes, 1, &bytes)) return NULL;
    char *copy = z_alloc(bytes);
    if (copy == NULL) return NULL;
    if (length_bytes > 0) memcpy(copy, text, length_bytes); // text may be NULL when it is empty
    copy[length_bytes] = '\0';
    return copy;
}
