// sched/finished.h - isolates that have finished, for hosts that sleep in poll() and not in zvm.
//
// shared: a stack that workers push to and the host takes whole, linked by urgent_next, which means
// nothing any more by then. PAIR finished: pushing is release, taking acquire. An isolate in it is DONE
// with LISTED, and belongs to nobody until the host has taken it.
// Who finds the stack empty makes the descriptor readable, after the push; who takes makes it unreadable
// first. So whenever the stack holds something, the descriptor is readable or about to be.
#ifndef ZVM_SCHED_FINISHED_H
#define ZVM_SCHED_FINISHED_H

#include "base/atomic.h"
#include "base/status.h"

#include <pthread.h>
#include <stddef.h>

#include "zvm.h"

struct zisolate;

struct zfinished {
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic(struct zisolate *) newest;
    pthread_mutex_t lock;    // a leaf
    struct zisolate *oldest; // under lock: taken off the stack, and not yet given out
    struct zisolate *last;   // under lock: of those
    int descriptor;          // frozen; -1: nobody wants to know
};

// errors: ZVM_E_LIMIT the system has no descriptor left; ZVM_E_NOMEM.
zvm_status zfinished_init(struct zfinished *finished);
void zfinished_deinit(struct zfinished *finished);

// thread: any. The isolate is DONE with LISTED, and is handed-over.
void zfinished_push(struct zfinished *finished, struct zisolate *iso);
// thread: any of the host. The oldest ones, at most `capacity`; they are the host's. How many.
size_t zfinished_take(struct zfinished *finished, zvm_isolate **out, size_t capacity);

#endif // ZVM_SCHED_FINISHED_H
