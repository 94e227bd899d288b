// base/fork.c - counts forks, so that what a child has inherited can be told from what it made.
//
// Owns: the process' count: one of the few things that belong to the process and not to a runtime.
// Thread: any.
// Why a handler of fork and not the process' number: getpid is a system call (60 to 100 ns) in each call
// of the library; this is the load of a word that nobody writes. A process made by clone without
// fork's handlers is not seen; nothing but a debugger or a sandbox does that.
#include "base/fork.h"

#include <pthread.h>

_Atomic uint32_t zfork_count;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_watching; // written once, before pthread_once returns to anybody

static void count_fork(void)
{
    z_count_add(&zfork_count, 1); // there is only one thread now
}

static void begin(void)
{
    is_watching = pthread_atfork(NULL, NULL, count_fork) == 0;
}

bool zfork_watch(void)
{
    return pthread_once(&once, begin) == 0 && is_watching;
}
