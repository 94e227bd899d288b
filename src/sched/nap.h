// sched/nap.h - how the scheduler sleeps when the system does not let it sleep properly.
#ifndef ZVM_SCHED_NAP_H
#define ZVM_SCHED_NAP_H

#include <stdint.h>

// The longest sleep without a look: should the system refuse a wake-up, it costs a second and not
// for ever. A sleeping thread that wakes once a second costs nothing that can be measured.
#ifndef ZNAP_NS_MAX
#    define ZNAP_NS_MAX UINT64_C(1000000000)
#endif

// A millisecond's pause, instead of a futex that the system has refused.
void znap_once(void);

#endif // ZVM_SCHED_NAP_H
