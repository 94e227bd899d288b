// base/clock.h - time. thread: any.
#ifndef ZVM_BASE_CLOCK_H
#define ZVM_BASE_CLOCK_H

#include <stdint.h>

uint64_t zclock_now_ns(void);        // monotonic
uint64_t zclock_coarse_ns(void);     // the same clock, as of its last tick: some milliseconds behind
uint64_t zclock_thread_cpu_ns(void); // CPU time of the calling thread

#endif // ZVM_BASE_CLOCK_H
