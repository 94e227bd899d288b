// tests/model/explore_sync.c - what threads sleep on: mutexes, futexes, and pthread's own names.
//
// Owns: the locks of one execution, by their address. A mutex orders what its holders did. A futex
// orders nothing, as in the manual. The sources of the project call pthread's functions; built for
// the explorer, those are the zexplore_pthread_ ones here.
#include "explore.h"

#include "explore_pthread.h"

#include <errno.h>

#define LOCKS_MAX 64

struct lock {
    const volatile void *address;
    uint32_t holder;          // thread + 1; 0: nobody
    struct zx_clock released; // by its last holder
};

static struct lock locks[LOCKS_MAX];
static uint32_t lock_count;

void zx_sync_begin(void)
{
    lock_count = 0;
}

static struct lock *find_lock(const volatile void *address)
{
    for (uint32_t i = 0; i < lock_count; i++)
        if (locks[i].address == address) return &locks[i];
    if (lock_count == LOCKS_MAX) zx_fail("more than %u mutexes", LOCKS_MAX);
    locks[lock_count] = (struct lock){.address = address};
    return &locks[lock_count++];
}

static void lock_address(const volatile void *address)
{
    zx_point(address, true);
    struct lock *lock = find_lock(address);
    if (lock->holder == zx.current + 1) zx_fail("locks %s twice", zx_name_of(address));
    while (lock->holder != 0)
        zx_block(address, "mutex");
    lock->holder = zx.current + 1;
    zx_clock_join(&zx_self()->clock, &lock->released);
    zx_trace("lock %s", zx_name_of(address));
}

// Without a step of its own.
static void let_go(const volatile void *address)
{
    struct lock *lock = find_lock(address);
    if (lock->holder != zx.current + 1) zx_fail("unlocks %s of another", zx_name_of(address));
    lock->holder = 0;
    zx_self()->clock.of[zx.current]++;
    lock->released = zx_self()->clock;
    zx_trace("unlock %s", zx_name_of(address));
    zx_unblock(address);
}

static void unlock_address(const volatile void *address)
{
    zx_point(address, true);
    let_go(address);
}

// ---- What models call ---------------------------------------------------------------------------

void zx_futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    zx_point(word, true);
    uint64_t value = zx_memory_newest(word, sizeof *word);
    zx_trace("futex wait %s = %s, for %#x", zx_name_of(word), zx_text_of(value), expected);
    if (value == expected && !zx_choose_oddity()) zx_block(word, "futex");
}

void zx_futex_wake(_Atomic uint32_t *word, uint32_t count)
{
    zx_point(word, true);
    zx_trace("futex wake %s", zx_name_of(word));
    while (count > 0 && zx_unblock(word))
        count--;
}

// ---- What the project's sources call ------------------------------------------------------------

int zexplore_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    lock_address(mutex);
    return 0;
}

int zexplore_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    unlock_address(mutex);
    return 0;
}

int zexplore_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    zx_point(condition, true);
    let_go(mutex);
    if (!zx_choose_oddity()) zx_block(condition, "condition");
    lock_address(mutex);
    return 0;
}

// Time passes as the seed likes.
int zexplore_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                    const struct timespec *end)
{
    (void)end;
    bool is_late = zx_choose_oddity();
    zexplore_pthread_cond_wait(condition, mutex);
    return is_late ? ETIMEDOUT : 0;
}

int zexplore_pthread_cond_signal(pthread_cond_t *condition)
{
    zx_point(condition, true);
    zx_trace("signal %s", zx_name_of(condition));
    zx_unblock(condition);
    return 0;
}

int zexplore_pthread_cond_broadcast(pthread_cond_t *condition)
{
    zx_point(condition, true);
    zx_trace("broadcast %s", zx_name_of(condition));
    while (zx_unblock(condition)) {
    }
    return 0;
}

int zexplore_sched_yield(void)
{
    zx_yield();
    return 0;
}
