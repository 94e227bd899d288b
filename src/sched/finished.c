// sched/finished.c - isolates that have finished, for hosts that sleep in poll() and not in zvm.
//
// Owns: the descriptor. Thread: as declared. A push costs a system call only when the host has taken
// everything before it.
#include "sched/finished.h"

#include "sched/state.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

zvm_status zfinished_init(struct zfinished *finished)
{
    if (pthread_mutex_init(&finished->lock, NULL) != 0) return ZVM_E_NOMEM;
    finished->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (finished->descriptor >= 0) return ZVM_OK;
    pthread_mutex_destroy(&finished->lock);
    return ZVM_E_LIMIT;
}

void zfinished_deinit(struct zfinished *finished)
{
    close(finished->descriptor);
    pthread_mutex_destroy(&finished->lock);
}

// The count of an eventfd only says that it is not 0; it cannot run over in our time.
static void make_readable(struct zfinished *finished)
{
    while (eventfd_write(finished->descriptor, 1) != 0 && errno == EINTR)
        continue;
}

static void make_unreadable(struct zfinished *finished)
{
    eventfd_t count;
    while (eventfd_read(finished->descriptor, &count) != 0 && errno == EINTR)
        continue;
}

void zfinished_push(struct zfinished *finished, struct zisolate *iso)
{
    struct zisolate *newest = z_load_relaxed(&finished->newest); // relaxed: the CAS checks it
    do {
        zpoint_pass();
        z_store_relaxed(&iso->urgent_next, newest);                 // relaxed: the CAS carries it
    } while (!z_cas_weak_release(&finished->newest, &newest, iso)); // PAIR finished
    // From here on the isolate may be gone.
    if (newest == NULL) make_readable(finished);
}

// Appends what is on the stack, oldest first.
static void fetch_locked(struct zfinished *finished)
{
    struct zisolate *iso = z_exchange_acquire(&finished->newest, NULL); // PAIR finished
    struct zisolate *last = iso, *oldest = NULL;
    while (iso != NULL) {
        struct zisolate *next = z_load_relaxed(&iso->urgent_next); // relaxed: the list is ours
        z_store_relaxed(&iso->urgent_next, oldest);
        oldest = iso;
        iso = next;
    }
    if (oldest == NULL) return;
    if (finished->last == NULL)
        finished->oldest = oldest;
    else
        z_store_relaxed(&finished->last->urgent_next, oldest); // relaxed: as above
    finished->last = last;
}

static struct zisolate *pop_locked(struct zfinished *finished)
{
    struct zisolate *iso = finished->oldest;
    if (iso == NULL) return NULL;
    finished->oldest = z_load_relaxed(&iso->urgent_next); // relaxed: the list is ours
    if (finished->oldest == NULL) finished->last = NULL;
    return iso;
}

size_t zfinished_take(struct zfinished *finished, zvm_isolate **out, size_t capacity)
{
    size_t count = 0;
    pthread_mutex_lock(&finished->lock);
    make_unreadable(finished);
    fetch_locked(finished);
    struct zisolate *iso = NULL;
    while (count < capacity && (iso = pop_locked(finished)) != NULL) {
        zstate_unlist(&iso->state); // PAIR state
        out[count++] = (zvm_isolate *)iso;
    }
    if (finished->oldest != NULL) make_readable(finished);
    pthread_mutex_unlock(&finished->lock);
    return count;
}
