// sched/blocking.h - threads for functions of the host that block.
//
// shared: all under the lock. Threads are started when a job finds none idle, up to a limit, and leave
// when they have had nothing to do for a while. A job is the caller's memory: it is run once, on one of
// the threads, and frees itself.
#ifndef ZVM_SCHED_BLOCKING_H
#define ZVM_SCHED_BLOCKING_H

#include "base/status.h"
#include "sched/hooks.h"
#include "vm/wait.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define ZBLOCKING_THREADS_DEFAULT 64
#define ZBLOCKING_IDLE_S          5 // as long a thread waits for the next job

struct zblocking {
    pthread_mutex_t lock; // a leaf; no job is run under it, no thread made
    pthread_cond_t work;  // there is a job, or everybody is to leave
    pthread_cond_t left;  // the last thread has left
    // under lock
    struct zwait_job *first, *last; // linked by next
    uint32_t job_count, thread_count, idle_count;
    uint32_t thread_limit;
    bool is_stopping;
    bool has_told;              // that the system refuses threads
    const struct zhooks *hooks; // frozen
};

// errors: ZVM_E_NOMEM.
zvm_status zblocking_init(struct zblocking *blocking, uint32_t thread_limit,
                          const struct zhooks *hooks);
// Runs what is queued, waits for what runs, and for the threads. Nobody adds any more.
void zblocking_deinit(struct zblocking *blocking);
// thread: any. errors: ZVM_E_THREADS there is no thread, and none could be started: the job is the
// caller's.
zvm_status zblocking_add(struct zblocking *blocking, struct zwait_job *job);
uint32_t zblocking_thread_count(struct zblocking *blocking); // thread: any
bool zblocking_is_own(const struct zblocking *blocking); // is the calling thread one of its own?

#endif // ZVM_SCHED_BLOCKING_H
