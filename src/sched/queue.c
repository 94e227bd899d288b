// sched/queue.c - where the entries of queued isolates go, and how a worker comes by the next one.
//
// Owns: each worker's batch; the choice among the queues. Thread: as declared.
// A submission from outside goes to an inbox: of the worker that ran the isolate last, else of the
// next one in turn. A worker takes from its ring; once a turn it empties its inbox into it. What
// does not fit goes to the overflow list.
// Fairness: while the overflow list holds anything, nothing is added to a ring: requeued isolates
// go to the list's tail in batches, arrivals as well, and a ring that has run empty is filled from
// the list's head. So all take turns: a thousand spinners differ by a few percent. The batch counts
// as overflow, too: were requeued isolates put into the ring beside it, the ring might never run
// empty, and those in the batch never be run.
// Stealing: a searcher takes whatever lies in another worker's inbox or in the overflow list at
// once, half of a ring that is long, and half of a short ring only when it stays non-empty over the
// whole search (a few microseconds). Otherwise short tasks would wander about between workers that
// could run them in less time than it takes to move them.
#include "sched/sched_internal.h"

#include "base/clock.h"

// A shorter ring its owner is through with before a thief has warmed up (measured: 167 ns a task
// stolen at any length, 62 ns with this, for empty tasks on two workers).
#define STEAL_LENGTH_MIN 32

// Looks at queues in one search: two to four microseconds, less than a sleep and a wake-up cost.
#ifndef ZSEARCH_LOOKS
#    define ZSEARCH_LOOKS 120
#endif
#define SEARCH_ROUNDS_MIN (ZSEARCH_LOOKS < 4 ? 1 : 4)

// Half a ring: what a refill brings is then not stolen at once.
#define REFILL_MAX (ZRING_SLOTS / 2)

// ---- Urgent ends --------------------------------------------------------------------------------

void zqueue_push_urgent(struct zsched *sched, struct zisolate *iso)
{
    struct zisolate *newest = z_load_relaxed(&sched->urgent); // relaxed: a guess, the CAS checks it
    do {
        zpoint_pass();
        z_store_relaxed(&iso->urgent_next, newest);              // relaxed: the CAS carries it
    } while (!z_cas_weak_seq_cst(&sched->urgent, &newest, iso)); // PAIR urgent, PAIR park
    zparking_notify(&sched->parking, 0);
}

struct zisolate *zqueue_take_urgent(struct zsched *sched)
{
    if (z_load_relaxed(&sched->urgent) == NULL) return NULL; // relaxed: a guess
    return z_exchange_acquire(&sched->urgent, NULL);         // PAIR urgent
}

// ---- Into the queues ----------------------------------------------------------------------------

static bool is_overflowing(const struct zworker *worker)
{
    return worker->batch.count > 0 || zoverflow_length(&worker->sched->overflow) > 0;
}

static void flush_batch(struct zworker *worker)
{
    if (worker->batch.count > 0) zoverflow_append(&worker->sched->overflow, &worker->batch);
}

static void push_overflow(struct zworker *worker, struct zisolate *iso)
{
    zchain_add(&worker->batch, iso);
    if (worker->batch.count == ZCHAIN_MAX) flush_batch(worker);
}

// Nobody is woken: whoever sleeps has been told of this isolate when it was submitted, and found
// workers enough awake.
void zqueue_requeue(struct zworker *worker, struct zisolate *iso)
{
    if (!is_overflowing(worker) && zring_push(&worker->ring, iso)) return;
    push_overflow(worker, iso);
}

// A list, oldest first, whose entries are the worker's to place. Others are told when there is more
// than the worker itself takes next.
static void pour(struct zworker *worker, struct zisolate *oldest)
{
    bool is_into_ring = !is_overflowing(worker), has_more = false;
    while (oldest != NULL) {
        // relaxed: the list is ours; after the push its entry is not
        struct zisolate *next = z_load_relaxed(&oldest->queue_next);
        has_more = has_more || next != NULL;
        is_into_ring = is_into_ring && zring_push(&worker->ring, oldest);
        if (!is_into_ring) push_overflow(worker, oldest);
        oldest = next;
    }
    if (!is_into_ring) flush_batch(worker);
    if (!has_more) return;
    zring_publish(&worker->ring); // PAIR park
    zparking_notify(&worker->sched->parking, worker->index);
}

static bool take_inbox(struct zworker *worker, struct zinbox *inbox)
{
    struct zisolate *newest = zinbox_take(inbox);
    if (newest == NULL) return false;
    pour(worker, zinbox_reverse(newest));
    return true;
}

// From a callback on a worker: its own ring, so that what a program's end starts stays warm.
static bool place_inside(struct zworker *worker, struct zisolate *iso)
{
    if (is_overflowing(worker) || !zring_push(&worker->ring, iso)) return false;
    zring_publish(&worker->ring); // PAIR park
    return true;
}

static struct zworker *receiver_of(struct zsched *sched, const struct zisolate *iso)
{
    uint32_t count = zsched_started(sched);
    if (iso->home != 0 && iso->home <= count) return sched->workers[iso->home - 1];
    if (count == 1) return sched->workers[0];
    return sched
        ->workers[z_fetch_add_relaxed(&sched->turn, 1) % count]; // relaxed: any order will do
}

void zqueue_place(struct zsched *sched, struct zisolate *iso)
{
    struct zworker *worker = zworker_current(sched);
    if (worker == NULL || !place_inside(worker, iso)) {
        worker = receiver_of(sched, iso);
        zinbox_push(&worker->inbox, iso); // PAIR park
    }
    // From here on the isolate may be gone.
    zparking_notify(&sched->parking, worker->index);
}

// ---- Out of the queues --------------------------------------------------------------------------

// Fills an empty ring from the overflow list. False: the list is empty.
static bool refill(struct zworker *worker)
{
    struct zsched *sched = worker->sched;
    flush_batch(worker);
    if (zoverflow_length(&sched->overflow) == 0) return false;
    uint64_t share = zoverflow_length(&sched->overflow) / zsched_started(sched) + 1;
    uint32_t count;
    struct zisolate *iso =
        zoverflow_take(&sched->overflow, share < REFILL_MAX ? (uint32_t)share : REFILL_MAX, &count);
    if (iso == NULL) return false;
    while (iso != NULL) {
        struct zisolate *next = z_load_relaxed(&iso->queue_next); // relaxed: the list is ours
        bool is_in = zring_push(&worker->ring, iso);
        ZVM_CHECK(is_in); // the ring was empty, and a chain is shorter than a ring
        iso = next;
    }
    if (count == 1) return true;
    zring_publish(&worker->ring); // PAIR park
    zparking_notify(&sched->parking, worker->index);
    return true;
}

_Static_assert(ZCHAIN_MAX <= ZRING_SLOTS, "a chain fits an empty ring");

// True: it is the worker's to run. Otherwise its entry was all that was left of it here.
static bool take_entry(struct zworker *worker, struct zisolate *iso)
{
    enum ztaken taken = zstate_take(&iso->state);
    if (taken == ZTAKEN_GONE) zisolate_free(iso, worker->lane.runner.env);
    return taken == ZTAKEN_TO_RUN;
}

struct zisolate *zqueue_next(struct zworker *worker)
{
    (void)take_inbox(worker, &worker->inbox);
    do {
        struct zisolate *iso;
        while ((iso = zring_pop(&worker->ring)) != NULL)
            if (take_entry(worker, iso)) return iso;
    } while (refill(worker));
    return NULL;
}

// ---- Searching ----------------------------------------------------------------------------------

static uint32_t draw(struct zworker *worker)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return (uint32_t)(worker->random >> 32);
}

static bool steal(struct zworker *worker, struct zworker *victim)
{
    uint32_t count = zring_steal(&victim->ring, &worker->ring);
    if (count == 0) return false;
    zfold_event(worker, ZREPORT_steals, 1);
    zfold_event(worker, ZREPORT_stolen, count);
    zring_publish(&worker->ring); // PAIR park
    return true;
}

// One look at everybody. *was_short: some ring had a few.
static bool search_round(struct zworker *worker, bool may_take_few, bool *was_short)
{
    struct zsched *sched = worker->sched;
    uint32_t count = zsched_started(sched), start = count == 0 ? 0 : draw(worker) % count;
    if (refill(worker)) return true;
    for (uint32_t i = 0; i < count; i++) {
        struct zworker *victim = sched->workers[(start + i) % count];
        if (take_inbox(worker, &victim->inbox)) return true;
        if (victim == worker) continue;
        uint64_t length = zring_length(&victim->ring);
        if (length == 0) continue;
        *was_short = true;
        if ((length >= STEAL_LENGTH_MIN || may_take_few) && steal(worker, victim)) return true;
    }
    return false;
}

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

bool zqueue_search(struct zworker *worker)
{
    struct zsched *sched = worker->sched;
    uint32_t count = zsched_started(sched);
    uint32_t rounds = count == 0 ? 1 : ZSEARCH_LOOKS / count;
    if (rounds < SEARCH_ROUNDS_MIN) rounds = SEARCH_ROUNDS_MIN;
    bool was_always_short = true;
    for (uint32_t round = 0; round < rounds; round++) {
        bool was_short = false, is_last = round + 1 == rounds;
        if (search_round(worker, is_last && was_always_short, &was_short)) return true;
        if (z_load_relaxed(&sched->urgent) != NULL) return true; // relaxed: a guess
        was_always_short = was_always_short && was_short;
        pause_briefly();
    }
    return false;
}

bool zqueue_has_any(const struct zsched *sched)
{
    if (zoverflow_has_any(&sched->overflow)) return true;    // PAIR park
    if (z_load_seq_cst(&sched->urgent) != NULL) return true; // PAIR park
    uint32_t count = zsched_started(sched);
    for (uint32_t i = 0; i < count; i++) {
        const struct zworker *worker = sched->workers[i];
        if (zinbox_has_any(&worker->inbox) || zring_has_any(&worker->ring))
            return true; // PAIR park
    }
    return false;
}

// ---- The end ------------------------------------------------------------------------------------

void zqueue_purge(struct zsched *sched)
{
    for (uint32_t i = 0; i < zsched_started(sched); i++) {
        struct zisolate *iso = zqueue_next(sched->workers[i]);
        ZVM_CHECK(iso ==
                  NULL); // everything was cancelled or has finished: entries are all there is
    }
}
