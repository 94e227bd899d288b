// sched/nap.c - a pause without a futex. Owns: nothing. Thread: any.
#include "sched/nap.h"

#include <time.h>

#define NAP_NS 1000000

void znap_once(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}
