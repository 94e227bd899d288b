// base/futex.c - the futex system call.
//
// Owns: nothing. Thread: any. The words are private to the process. A wake-up may name a word whose
// memory is gone: the system only looks the address up among its sleepers.
#include "base/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND UINT64_C(1000000000)

// Refused calls are tried again so often: one that fails by chance must cost nobody a wake-up.
#define WAKE_TRIES 3

bool zfutex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_SECOND),
                               .tv_nsec = (long)(timeout_ns % NS_PER_SECOND)};
    if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &timeout, NULL, 0) == 0) return true;
    return errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT;
}

bool zfutex_wake(_Atomic uint32_t *word, uint32_t count)
{
    for (int i = 0; i < WAKE_TRIES; i++)
        if (syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0) >= 0) return true;
    return false;
}

bool zfutex_is_available(void)
{
    _Atomic uint32_t word = 0;
    return zfutex_wake(&word, 1);
}
