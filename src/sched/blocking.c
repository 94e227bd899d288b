// sched/blocking.c - threads for functions of the host that block.
//
// Owns: its threads, which are detached and counted. Thread: any.
// A lock, not atomics: a job takes as long as a system call at least, and threads that sleep on a
// condition need one anyway. Signals stay with the host's own threads, as with workers.
#include "sched/blocking.h"

#include "base/assert.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

zvm_status zblocking_init(struct zblocking *blocking, uint32_t thread_limit,
                          const struct zhooks *hooks)
{
    *blocking = (struct zblocking){.thread_limit = thread_limit, .hooks = hooks};
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&blocking->lock, NULL) != 0) return ZVM_E_NOMEM;
    bool has_attributes = pthread_condattr_init(&attributes) == 0;
    bool has_work = has_attributes &&
                    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                    pthread_cond_init(&blocking->work, &attributes) == 0;
    if (has_attributes) pthread_condattr_destroy(&attributes);
    if (has_work && pthread_cond_init(&blocking->left, NULL) == 0) return ZVM_OK;
    if (has_work) pthread_cond_destroy(&blocking->work);
    pthread_mutex_destroy(&blocking->lock);
    return ZVM_E_NOMEM;
}

void zblocking_deinit(struct zblocking *blocking)
{
    pthread_mutex_lock(&blocking->lock);
    blocking->is_stopping = true;
    pthread_cond_broadcast(&blocking->work);
    while (blocking->thread_count > 0)
        pthread_cond_wait(&blocking->left, &blocking->lock);
    ZVM_CHECK(blocking->first == NULL); // a thread leaves when there is none
    pthread_mutex_unlock(&blocking->lock);
    pthread_cond_destroy(&blocking->left);
    pthread_cond_destroy(&blocking->work);
    pthread_mutex_destroy(&blocking->lock);
}

// ---- The threads --------------------------------------------------------------------------------

static struct zwait_job *take_locked(struct zblocking *blocking)
{
    struct zwait_job *job = blocking->first;
    if (job == NULL) return NULL;
    blocking->first = job->next;
    if (job->next == NULL) blocking->last = NULL;
    blocking->job_count--;
    return job;
}

// False: nothing came for so long.
static bool wait_locked(struct zblocking *blocking)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += ZBLOCKING_IDLE_S;
    blocking->idle_count++;
    int status = pthread_cond_timedwait(&blocking->work, &blocking->lock, &end);
    blocking->idle_count--;
    return status != ETIMEDOUT;
}

static _Thread_local const struct zblocking *blocking_of_thread;

bool zblocking_is_own(const struct zblocking *blocking)
{
    return blocking_of_thread == blocking;
}

static void *run_jobs(void *context)
{
    struct zblocking *blocking = context;
    blocking_of_thread = blocking;
    pthread_mutex_lock(&blocking->lock);
    for (bool may_wait = true;;) {
        struct zwait_job *job = take_locked(blocking);
        if (job == NULL && (blocking->is_stopping || !may_wait)) break;
        if (job == NULL) {
            may_wait = wait_locked(blocking);
            continue;
        }
        pthread_mutex_unlock(&blocking->lock);
        job->run(job);
        pthread_mutex_lock(&blocking->lock);
        may_wait = true;
    }
    if (--blocking->thread_count == 0) pthread_cond_signal(&blocking->left);
    pthread_mutex_unlock(&blocking->lock);
    return NULL;
}

static bool start_thread(struct zblocking *blocking)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    bool is_started = pthread_create(&thread, &attributes, run_jobs, blocking) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return is_started;
}

// ---- Adding -------------------------------------------------------------------------------------

static void append_locked(struct zblocking *blocking, struct zwait_job *job)
{
    job->next = NULL;
    if (blocking->last == NULL)
        blocking->first = job;
    else
        blocking->last->next = job;
    blocking->last = job;
    blocking->job_count++;
}

static bool remove_locked(struct zblocking *blocking, struct zwait_job *job)
{
    struct zwait_job **link = &blocking->first, *before = NULL;
    while (*link != NULL && *link != job) {
        before = *link;
        link = &before->next;
    }
    if (*link == NULL) return false;
    *link = job->next;
    if (blocking->last == job) blocking->last = before;
    blocking->job_count--;
    return true;
}

// The thread that was counted is none. With others about the job is theirs.
static zvm_status give_up(struct zblocking *blocking, struct zwait_job *job)
{
    pthread_mutex_lock(&blocking->lock);
    uint32_t thread_count = --blocking->thread_count;
    bool is_ours = thread_count == 0 && remove_locked(blocking, job);
    bool is_first = !blocking->has_told;
    blocking->has_told = true;
    pthread_mutex_unlock(&blocking->lock);
    if (is_first)
        zhooks_log(blocking->hooks, ZVM_LOG_WARNING,
                   "the system refuses a thread for functions of the host that block; there are %u",
                   thread_count);
    return is_ours ? ZVM_E_THREADS : ZVM_OK;
}

zvm_status zblocking_add(struct zblocking *blocking, struct zwait_job *job)
{
    pthread_mutex_lock(&blocking->lock);
    append_locked(blocking, job);
    bool is_short = blocking->job_count > blocking->idle_count;
    bool needs_thread = is_short && blocking->thread_count < blocking->thread_limit;
    if (needs_thread) blocking->thread_count++;
    pthread_cond_signal(&blocking->work);
    pthread_mutex_unlock(&blocking->lock);
    return needs_thread && !start_thread(blocking) ? give_up(blocking, job) : ZVM_OK;
}

uint32_t zblocking_thread_count(struct zblocking *blocking)
{
    pthread_mutex_lock(&blocking->lock);
    uint32_t count = blocking->thread_count;
    pthread_mutex_unlock(&blocking->lock);
    return count;
}
