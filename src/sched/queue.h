// sched/queue.h - a first-in-first-out queue of isolates, linked through them.
//
// Thread: holders of the lock that guards the queue. An isolate is in at most one queue. Linked
// both ways, so that a cancelled isolate is taken out at once and can be destroyed without its
// entry staying behind.
#ifndef ZVM_SCHED_QUEUE_H
#define ZVM_SCHED_QUEUE_H

#include "vm/isolate.h"

struct zqueue {
    struct zisolate *first, *last; // NULL: empty
    uint64_t count;
};

static inline void zqueue_push_last(struct zqueue *queue, struct zisolate *iso)
{
    iso->queue_next = NULL;
    iso->queue_previous = queue->last;
    if (queue->last != NULL)
        queue->last->queue_next = iso;
    else
        queue->first = iso;
    queue->last = iso;
    queue->count++;
}

static inline void zqueue_push_first(struct zqueue *queue, struct zisolate *iso)
{
    iso->queue_previous = NULL;
    iso->queue_next = queue->first;
    if (queue->first != NULL)
        queue->first->queue_previous = iso;
    else
        queue->last = iso;
    queue->first = iso;
    queue->count++;
}

// iso is in this queue.
static inline void zqueue_remove(struct zqueue *queue, struct zisolate *iso)
{
    ZVM_ASSERT(queue->count > 0);
    if (iso->queue_previous != NULL)
        iso->queue_previous->queue_next = iso->queue_next;
    else
        queue->first = iso->queue_next;
    if (iso->queue_next != NULL)
        iso->queue_next->queue_previous = iso->queue_previous;
    else
        queue->last = iso->queue_previous;
    iso->queue_next = NULL;
    iso->queue_previous = NULL;
    queue->count--;
}

static inline struct zisolate *zqueue_take(struct zqueue *queue) // NULL: empty
{
    struct zisolate *iso = queue->first;
    if (iso != NULL) zqueue_remove(queue, iso);
    return iso;
}

#endif // ZVM_SCHED_QUEUE_H
