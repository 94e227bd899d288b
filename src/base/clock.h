// base/clock.h - time. thread: any.
#ifndef ZVM_BASE_CLOCK_H
#define ZVM_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

uint64_t zclock_now_ns(void);    // monotonic
uint64_t zclock_coarse_ns(void); // the same clock, as of its last tick: some milliseconds behind
uint64_t zclock_thread_cpu_ns(void); // CPU time of the calling thread

// What the calling thread's clocks, all three, show from now on: *ns, or the system's for NULL. What they
// showed before.
const _Atomic uint64_t *zclock_use(const _Atomic uint64_t *ns);

#endif // ZVM_BASE_CLOCK_H
