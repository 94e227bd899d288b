// sched/group.c - groups of isolates: their list, their end, and the end of all isolates in one.
//
// Owns: the list of all groups of the runtime, under groups_lock, that of the isolates in each, under
// host_lock, and what is left of the groups at the end.
// Thread: any.
// Invariants:  1. a group with an isolate in it is not freed (group.h: PAIR group); nor is one that an entry
//                 in a queue leads to, or a block that is still there, of an isolate that is gone (PAIR
//                 group-holds). The block holds it because an isolate may be over between the step into
//                 QUEUED and the call that places its entry.
//              2. after a cancel no isolate of the group runs longer than one slice: each slice begins
//                 with a look at the word that the cancel stores first, and what is queued, or waits
//                 for somebody, is found by the walk.
// The walk sets the bit that cancelling a running isolate sets; a queued one is ended by the worker
// that comes to it, one that waits for the host by the host's next run.
#include "sched/sched_internal.h"

#include "sched/turns.h"
#include "vm/quota.h"

#include <string.h>

// Some ten milliseconds: for less a thread may have lost its core.
#define LEAN_TURNS_MAX 1024

// ---- Turns --------------------------------------------------------------------------------------

// Another worker than this one: the step-th behind it. NULL: there is none.
static struct zworker *another(const struct zworker *worker, uint32_t step)
{
    uint32_t count = zsched_started(worker->sched);
    if (count < 2) return NULL;
    return worker->sched->workers[(worker->index + 1 + step % (count - 1)) % count];
}

// worker: the calling thread's, or NULL; place: where the isolate is to go, NULL: into anybody's queues.
static void enter(struct zsched *sched, struct zworker *worker, struct zworker *place,
                  struct zisolate *iso)
{
    if (place == worker || place == NULL)
        zqueue_enter(sched, place, iso);
    else
        zqueue_send(place, iso);
}

// Moves isolates that wait into the workers' queues, as many as may be there. The first takes the place that the
// worker has just made free. The others are for places that have become free meanwhile, at workers who found
// somebody serving: were they to come here, the group would end up on one worker.
static void serve(struct zsched *sched, struct zworker *worker, struct zworker *place,
                  struct zturns *turns)
{
    if (!zturns_ask(turns)) return;
    uint32_t most = zsched_started(sched), seen, step = 0;
    do {
        struct zisolate *iso;
        seen = zturns_look(turns);
        while ((iso = zturns_next(turns, most)) != NULL) {
            enter(sched, worker, place, iso);
            place = worker == NULL ? NULL : another(worker, step++);
        }
    } while (!zturns_end(turns, seen));
}

void zsched_group_place(struct zsched *sched, struct zgroup *group, struct zisolate *iso)
{
    zgroup_hold(group); // of the entry
    zgroup_hold(
        group); // of this call: once it has arrived the isolate may be over, and the group gone
    zturns_wait(&group->turns, iso);
    serve(sched, NULL, NULL, &group->turns);
    zgroup_release(group);
}

// Where the group has next to nothing here, and for so long, because it has its due elsewhere, its place in this
// queue goes elsewhere. So none of its isolates stays behind in it.
static struct zworker *next_place(struct zworker *worker, const struct zgroup *group)
{
    uint32_t lean_turns = zshare_lean_turns(&worker->shares, group);
    struct zworker *other = NULL;
    if (lean_turns >= LEAN_TURNS_MAX) other = another(worker, lean_turns);
    return other == NULL ? worker : other;
}

bool zsched_group_requeue(struct zworker *worker, struct zgroup *group, struct zisolate *iso)
{
    struct zworker *place = next_place(worker, group);
    if (!zturns_has_waiting(&group->turns)) {
        if (place != worker) zqueue_send(place, iso);
        return place != worker;
    }
    zgroup_hold(group); // as above
    zturns_leave(&group->turns);
    zturns_wait(&group->turns, iso);
    serve(worker->sched, worker, place, &group->turns);
    zgroup_release(group);
    return true;
}

void zsched_group_left(struct zworker *worker, struct zgroup *group)
{
    zturns_leave(&group->turns);
    serve(worker->sched, worker, worker, &group->turns);
    zgroup_release(group); // of the entry
}

// ---- The list of groups -------------------------------------------------------------------------

void zsched_group_add(struct zsched *sched, struct zgroup *group)
{
    pthread_mutex_lock(&sched->groups_lock);
    group->number = ++sched->groups_made;
    group->previous = NULL;
    group->next = sched->groups;
    if (sched->groups != NULL) sched->groups->previous = group;
    sched->groups = group;
    z_count_add(&sched->group_count, 1); // relaxed: under the lock
    pthread_mutex_unlock(&sched->groups_lock);
}

zvm_status zsched_group_destroy(struct zsched *sched, struct zgroup *group)
{
    if (!zgroup_is_empty(group)) return ZVM_E_BUSY;
    pthread_mutex_lock(&sched->groups_lock);
    if (group->previous != NULL)
        group->previous->next = group->next;
    else
        sched->groups = group->next;
    if (group->next != NULL) group->next->previous = group->previous;
    z_count_add(&sched->group_count, -1u); // relaxed: under the lock
    pthread_mutex_unlock(&sched->groups_lock);
    zgroup_release(group); // the host's
    return ZVM_OK;
}

// relaxed, all: gauges.
void zsched_group_figures(const struct zgroup *group, zvm_group_figures *out)
{
    *out = (zvm_group_figures){
        .size = sizeof *out,
        .isolates = z_load_relaxed(&group->isolates.taken),
        .isolates_created = z_load_relaxed(&group->created),
        .ended_by_limit = z_load_relaxed(&group->ended),
        .heap_granted_bytes = z_load_relaxed(&group->heap_bytes.taken),
        .fuel_taken = z_load_relaxed(&group->fuel.taken),
        .cpu_ns = z_load_relaxed(&group->cpu_ns.taken),
        .output_bytes = z_load_relaxed(&group->output_bytes.taken),
        .symbols = z_load_relaxed(&group->symbols.taken),
        .symbol_bytes = z_load_relaxed(&group->symbol_bytes.taken),
        .waiting = z_load_relaxed(&group->turns.waiting),
        .weight = group->weight,
        .is_cancelled = zgroup_is_cancelled(group),
        .number = group->number,
    };
    memcpy(out->name, group->name, sizeof out->name);
}

uint32_t zsched_groups(struct zsched *sched, zvm_group_figures *rows, uint32_t capacity,
                       uint32_t *all)
{
    uint32_t count = 0;
    *all = z_load_relaxed(&sched->group_count); // relaxed: a count
    if (*all == 0 || capacity == 0) return 0;
    pthread_mutex_lock(&sched->groups_lock);
    *all = z_load_relaxed(&sched->group_count); // relaxed: under the lock
    struct zgroup *group = sched->groups;
    for (; group != NULL && count < capacity; group = group->next)
        zsched_group_figures(group, &rows[count++]);
    pthread_mutex_unlock(&sched->groups_lock);
    return count;
}

void zsched_groups_free(struct zsched *sched)
{
    while (sched->groups != NULL) {
        struct zgroup *group = sched->groups;
        sched->groups = group->next;
        zgroup_release(group);
    }
}

// ---- Its isolates: under host_lock --------------------------------------------------------------

void zsched_group_link(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    if (quota == NULL || quota->group == NULL) return;
    struct zgroup *group = quota->group;
    quota->member_next = group->members;
    if (group->members != NULL) group->members->member_previous = quota;
    group->members = quota;
}

void zsched_group_unlink(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    if (quota == NULL || quota->group == NULL) return;
    if (quota->member_previous != NULL)
        quota->member_previous->member_next = quota->member_next;
    else
        quota->group->members = quota->member_next;
    if (quota->member_next != NULL) quota->member_next->member_previous = quota->member_previous;
}

// ---- Their end ----------------------------------------------------------------------------------

void zsched_group_cancel(struct zsched *sched, struct zgroup *group)
{
    zgroup_mark_cancelled(group); // PAIR group-cancel: before the walk
    pthread_mutex_lock(&sched->host_lock);
    for (struct zquota *quota = group->members; quota != NULL; quota = quota->member_next)
        zsched_mark_cancelled(sched, quota->isolate);
    pthread_mutex_unlock(&sched->host_lock);
}
