// base/fork.h - whether this process is the one that something was made in.
#ifndef ZVM_BASE_FORK_H
#define ZVM_BASE_FORK_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

// From here on forks are counted. thread: any, again and again. false: the system has no memory for it.
bool zfork_watch(void);

extern _Atomic uint32_t zfork_count; // of this file only

// How many forks lie between the process that first called zfork_watch and this one. thread: any.
static inline uint32_t zfork_generation(void)
{
    // relaxed: it changes only in a new process, before any of its code runs
    return z_load_relaxed(&zfork_count);
}

#endif // ZVM_BASE_FORK_H
