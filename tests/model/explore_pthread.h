// tests/model/explore_pthread.h - pthread's functions by the explorer's names.
//
// Put before every other header (gcc -include) of a source of the project that is built for the
// explorer, so that its calls end there. The types stay: only their addresses are used.
#ifndef ZVM_TESTS_MODEL_EXPLORE_PTHREAD_H
#define ZVM_TESTS_MODEL_EXPLORE_PTHREAD_H

#include <pthread.h>
#include <sched.h>
#include <time.h>

int zexplore_pthread_mutex_lock(pthread_mutex_t *mutex);
int zexplore_pthread_mutex_unlock(pthread_mutex_t *mutex);
int zexplore_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int zexplore_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                    const struct timespec *end);
int zexplore_pthread_cond_signal(pthread_cond_t *condition);
int zexplore_pthread_cond_broadcast(pthread_cond_t *condition);
int zexplore_sched_yield(void);

#define pthread_mutex_lock     zexplore_pthread_mutex_lock
#define pthread_mutex_unlock   zexplore_pthread_mutex_unlock
#define pthread_cond_wait      zexplore_pthread_cond_wait
#define pthread_cond_timedwait zexplore_pthread_cond_timedwait
#define pthread_cond_signal    zexplore_pthread_cond_signal
#define pthread_cond_broadcast zexplore_pthread_cond_broadcast
#define sched_yield            zexplore_sched_yield

#endif // ZVM_TESTS_MODEL_EXPLORE_PTHREAD_H
