// base/futex.h - sleeping on a word and waking its sleepers. thread: any.
//
// A futex orders nothing: the word's own loads and stores do that. Under ZVM_EXPLORE the explorer
// supplies both functions.
#ifndef ZVM_BASE_FUTEX_H
#define ZVM_BASE_FUTEX_H

#include <stdbool.h>
#include <stdint.h>

// Sleeps while the word holds `expected`, for at most timeout_ns; it may come back for no reason.
// False: the system refused it (a filter of system calls, say), and the caller has not slept.
bool zfutex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
// Wakes up to `count` sleepers. False: the system refused it: who sleeps goes on sleeping.
bool zfutex_wake(_Atomic uint32_t *word, uint32_t count);
// Whether the system has futexes for us at all.
bool zfutex_is_available(void);

#endif // ZVM_BASE_FUTEX_H
