// sched/point.h - schedule points: places where a test lets others go first.
//
// Nothing in a release. With ZVM_DEBUG, and ZVM_POINTS=N in the environment, a thread gives its
// core up at one in N points, chosen by a generator of its own, so that threads meet in the middle
// of each protocol on a machine of two cores, too. thread: any.
#ifndef ZVM_SCHED_POINT_H
#define ZVM_SCHED_POINT_H

#include "base/assert.h"

#if ZVM_DEBUG >= 1 && !defined(ZVM_EXPLORE)
void zpoint_pass(void);
#else
static inline void zpoint_pass(void) {}
#endif

#endif // ZVM_SCHED_POINT_H
