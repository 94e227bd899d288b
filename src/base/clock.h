// base/clock.h - time. thread: any.
#ifndef ZVM_BASE_CLOCK_H
#define ZVM_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

uint64_t zclock_now_ns(void);        // monotonic
uint64_t zclock_system_now_ns(void); // the same, whatever clock the thread uses
uint64_t zclock_coarse_ns(void); // the same clock, as of its last tick: some milliseconds behind
uint64_t zclock_thread_cpu_ns(void); // CPU time of the calling thread

// A clock that the thread sets itself. What the calling thread's clocks, all three, show from now on: *ns, or
// the system's for NULL. What they showed before.
_Atomic uint64_t *zclock_use(_Atomic uint64_t *ns);
// So much time has passed on such a clock; on the system's nothing happens.
void zclock_pass(uint64_t ns);

#endif // ZVM_BASE_CLOCK_H
