// sched/queue.c - where the entries of queued isolates go, and how a worker comes by the next one.
//
// Owns: each worker's batches; the choice among the queues. Thread: as declared.
// A submission from outside goes to an inbox: of the worker that ran the isolate last, else of the
// next one in turn. A worker takes from its rings, one for each priority; once a turn it empties its
// inbox into them. What does not fit goes to its overflow of that priority, in batches.
// Priorities: a high one comes first, a low one last, but for every ninth turn (pick.h); so nobody is
// kept out, whatever the others do.
// Groups: as many isolates of a group are in the workers' queues as there are workers; the others wait
// in the group (turns.h).
// Fairness: while anybody's overflow holds anything, nothing is added to a ring: requeued isolates
// go to the end of the overflow in batches, arrivals as well, and a ring that has run empty is filled
// with the oldest chains of all workers. So all take turns: a thousand spinners differ by a few
// percent. The batch counts as overflow, too: were requeued isolates put into the ring beside it,
// the ring might never run empty, and those in the batch never be run.
// Without memory for a larger overflow the batch grows instead: its worker fills its ring from it.
// Stealing: a searcher takes whatever lies in another worker's inbox or overflow at once, half of a
// ring that is long, and half of a short ring only when it stays non-empty over the whole search (a
// few microseconds). Otherwise short tasks would wander about between workers that could run them in
// less time than it takes to move them.
#include "sched/sched_internal.h"

#include "base/clock.h"
#include "base/probe.h"
#include "vm/quota.h"

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

static bool is_overflowing(const struct zworker *worker, uint32_t priority)
{
    return worker->levels[priority].batch.count > 0 ||
           zsched_overflow_count(worker->sched, priority) > 0;
}

static void append(struct zsched *sched, struct zlevel *level, uint32_t priority,
                   struct zchain *chain)
{
    // relaxed, both: gauges, which nothing is read through
    z_fetch_add_relaxed(&sched->overflow_counts[priority], chain->count);
    uint64_t stamp = z_fetch_add_relaxed(&sched->overflow_stamp, 1);
    zoverflow_append(&level->overflow, chain, stamp); // PAIR park
}

// Whatever there is no memory for stays in the batch.
static void flush_batch(struct zworker *worker, uint32_t priority)
{
    struct zlevel *level = &worker->levels[priority];
    if (level->batch.count == 0) return;
    while (level->batch.count > ZCHAIN_MAX && zoverflow_reserve(&level->overflow)) {
        struct zchain part = zchain_split(&level->batch, ZCHAIN_MAX);
        append(worker->sched, level, priority, &part);
    }
    if (level->batch.count <= ZCHAIN_MAX && zoverflow_reserve(&level->overflow))
        append(worker->sched, level, priority, &level->batch);
    z_store_relaxed(&level->batch_count, level->batch.count); // relaxed: a gauge
}

static void push_overflow(struct zworker *worker, struct zisolate *iso)
{
    struct zlevel *level = &worker->levels[iso->priority];
    zchain_add(&level->batch, iso);
    z_store_relaxed(&level->batch_count, level->batch.count); // relaxed: a gauge
    if (level->batch.count % ZCHAIN_MAX == 0) flush_batch(worker, iso->priority);
}

// Nobody is woken: whoever sleeps has been told of this isolate when it was submitted, and found
// workers enough awake.
static void requeue(struct zworker *worker, struct zisolate *iso)
{
    uint32_t priority = iso->priority;
    if (!is_overflowing(worker, priority) && zring_push(&worker->levels[priority].ring, iso))
        return;
    push_overflow(worker, iso);
}

void zqueue_requeue(struct zworker *worker, struct zisolate *iso)
{
    struct zgroup *group = zquota_group(iso);
    if (group != NULL && zsched_group_requeue(worker, group, iso)) return;
    requeue(worker, iso);
}

static void publish_rings(struct zworker *worker)
{
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++)
        zring_publish(&worker->levels[i].ring); // PAIR park
}

// A list, oldest first, whose entries are the worker's to place; they came from `inbox`. Others are
// told when there is more than the worker itself takes next.
static void pour(struct zworker *worker, struct zisolate *oldest, struct zinbox *inbox)
{
    uint32_t counts[ZPRIORITY_COUNT] = {0};
    bool has_more = z_load_relaxed(&oldest->queue_next) != NULL; // relaxed: the list is ours
    while (oldest != NULL) {
        // relaxed: the list is ours; after the push its entry is not
        struct zisolate *next = z_load_relaxed(&oldest->queue_next);
        counts[oldest->priority]++;
        requeue(worker, oldest);
        oldest = next;
    }
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++) {
        zinbox_count_out(inbox, i, counts[i]);
        flush_batch(worker, i);
    }
    if (!has_more) return;
    publish_rings(worker);
    zparking_notify(&worker->sched->parking, worker->index);
}

static bool take_inbox(struct zworker *worker, struct zinbox *inbox)
{
    struct zisolate *newest = zinbox_take(inbox);
    if (newest == NULL) return false;
    pour(worker, zinbox_reverse(newest), inbox);
    return true;
}

// From a callback on a worker: its own ring, so that what a program's end starts stays warm.
static bool place_inside(struct zworker *worker, struct zisolate *iso)
{
    struct zring *ring = &worker->levels[iso->priority].ring;
    if (is_overflowing(worker, iso->priority) || !zring_push(ring, iso)) return false;
    zring_publish(ring); // PAIR park
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

static void place(struct zsched *sched, struct zisolate *iso)
{
    struct zworker *worker = zworker_current(sched);
    if (worker == NULL || !place_inside(worker, iso)) {
        worker = receiver_of(sched, iso);
        zinbox_push(&worker->inbox, iso); // PAIR park
    }
    // From here on the isolate may be gone.
    zparking_notify(&sched->parking, worker->index);
}

void zqueue_place(struct zsched *sched, struct zisolate *iso)
{
    struct zgroup *group = zquota_group(iso);
    if (group != NULL)
        zsched_group_place(sched, group, iso);
    else
        place(sched, iso);
}

void zqueue_enter(struct zsched *sched, struct zworker *worker, struct zisolate *iso)
{
    if (worker != NULL)
        requeue(worker, iso);
    else
        place(sched, iso);
}

void zqueue_send(struct zworker *worker, struct zisolate *iso)
{
    zinbox_push(&worker->inbox, iso); // PAIR park
    // From here on the isolate may be gone.
    zparking_notify(&worker->sched->parking, worker->index);
}

// ---- Out of the queues --------------------------------------------------------------------------

// The oldest chain of all workers, or nearly: stamps are hints. NULL: there is none.
static struct zisolate *take_oldest_chain(struct zworker *worker, uint32_t priority)
{
    struct zsched *sched = worker->sched;
    for (;;) {
        struct zoverflow *oldest = NULL;
        uint64_t oldest_stamp = 0, stamp;
        for (uint32_t i = 0; i < zsched_started(sched); i++) {
            struct zoverflow *overflow = &sched->workers[i]->levels[priority].overflow;
            if (!zoverflow_peek(overflow, &stamp)) continue;
            if (oldest != NULL && (int64_t)(stamp - oldest_stamp) >= 0) continue;
            oldest = overflow;
            oldest_stamp = stamp;
        }
        if (oldest == NULL) return NULL;
        struct zisolate *first = zoverflow_take(oldest);
        if (first != NULL) return first; // else others were faster
    }
}

// Into an empty ring; how many they were.
static uint32_t fill_ring(struct zring *ring, struct zisolate *first)
{
    uint32_t count = 0;
    while (first != NULL) {
        struct zisolate *next = z_load_relaxed(&first->queue_next); // relaxed: the list is ours
        bool is_in = zring_push(ring, first);
        ZVM_CHECK(is_in); // see the assertion below
        first = next;
        count++;
    }
    return count;
}

_Static_assert(REFILL_MAX - 1 + ZCHAIN_MAX <= ZRING_SLOTS,
               "what a refill brings fits an empty ring");

static uint32_t refill_from_overflow(struct zworker *worker, uint32_t priority)
{
    struct zsched *sched = worker->sched;
    uint64_t length = zsched_overflow_count(sched, priority);
    if (length == 0 || zsched_started(sched) == 0) return 0;
    uint64_t share = length / zsched_started(sched) + 1, count = 0;
    if (share > REFILL_MAX) share = REFILL_MAX;
    while (count < share) {
        struct zisolate *first = take_oldest_chain(worker, priority);
        if (first == NULL) break;
        uint32_t taken = first->chain_count;
        z_fetch_sub_relaxed(&sched->overflow_counts[priority], taken); // relaxed: a gauge
        count += fill_ring(&worker->levels[priority].ring, first);
    }
    return (uint32_t)count;
}

// Only when the batch could not be flushed.
static uint32_t refill_from_batch(struct zlevel *level)
{
    if (level->batch.count == 0) return 0;
    bool is_whole = level->batch.count <= REFILL_MAX;
    struct zchain part = is_whole ? level->batch : zchain_split(&level->batch, REFILL_MAX);
    if (is_whole) level->batch = (struct zchain){0};
    z_store_relaxed(&level->batch_count, level->batch.count); // relaxed: a gauge
    return fill_ring(&level->ring, part.first);
}

// Fills an empty ring with the next in turn. False: there is nothing behind it.
static bool refill(struct zworker *worker, uint32_t priority)
{
    struct zlevel *level = &worker->levels[priority];
    flush_batch(worker, priority);
    uint32_t count = refill_from_overflow(worker, priority);
    if (count == 0) count = refill_from_batch(level);
    if (count == 0) return false;
    if (count == 1) return true;
    zring_publish(&level->ring); // PAIR park
    zparking_notify(&worker->sched->parking, worker->index);
    return true;
}

// True: it is the worker's to run. Otherwise its entry was all that was left of it here.
static bool take_entry(struct zworker *worker, struct zisolate *iso)
{
    struct zgroup *group =
        zquota_group(iso); // the entry holds it; the block may be gone afterwards
    enum ztaken taken = zstate_take(&iso->state);
    if (taken == ZTAKEN_TO_RUN) return true;
    if (taken == ZTAKEN_GONE) zisolate_free(iso, worker->lane.runner.env);
    if (group != NULL) zsched_group_left(worker, group);
    return false;
}

static struct zisolate *next_of(struct zworker *worker, uint32_t priority)
{
    do {
        struct zisolate *iso;
        while ((iso = zring_pop(&worker->levels[priority].ring)) != NULL)
            if (take_entry(worker, iso)) return iso;
    } while (refill(worker, priority));
    return NULL;
}

static struct zisolate *next_in_order(struct zworker *worker)
{
    struct zpick_order order = zpick_order(&worker->pick);
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++) {
        struct zisolate *iso = next_of(worker, order.priorities[i]);
        if (iso != NULL) return iso;
    }
    return NULL;
}

static bool has_own(const struct zworker *worker)
{
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++) {
        const struct zlevel *level = &worker->levels[i];
        if (zring_length(&level->ring) > 0 || level->batch.count > 0) return true;
    }
    return false;
}

struct zisolate *zqueue_next(struct zworker *worker)
{
    (void)take_inbox(worker, &worker->inbox);
    struct zisolate *iso;
    do
        iso = next_in_order(worker);
    while (iso == NULL &&
           has_own(worker)); // a dropped entry has made room for another of its group
    if (iso != NULL)
        zpick_note(&worker->pick, iso->priority);
    else
        zpick_reset(&worker->pick);
    return iso;
}

// ---- Searching ----------------------------------------------------------------------------------

static uint32_t draw(struct zworker *worker)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return (uint32_t)(worker->random >> 32);
}

static bool steal(struct zworker *worker, struct zworker *victim, uint32_t priority)
{
    struct zring *ring = &worker->levels[priority].ring;
    uint32_t count = zring_steal(&victim->levels[priority].ring, ring);
    if (count == 0) return false;
    ZPROBE3(steal, worker->index, victim->index, count);
    zfold_event(worker, ZREPORT_steals, 1);
    zfold_event(worker, ZREPORT_stolen, count);
    zring_publish(ring); // PAIR park
    return true;
}

// *was_short: some ring of the victim had a few.
static bool steal_any(struct zworker *worker, struct zworker *victim, bool may_take_few,
                      bool *was_short)
{
    static const uint8_t order[] = {ZPRIORITY_HIGH, ZPRIORITY_NORMAL, ZPRIORITY_LOW};
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++) {
        uint32_t priority = order[i];
        uint64_t length = zring_length(&victim->levels[priority].ring);
        if (length == 0) continue;
        *was_short = true;
        bool is_worth_it = length >= STEAL_LENGTH_MIN || may_take_few;
        if (is_worth_it && steal(worker, victim, priority)) return true;
    }
    return false;
}

// One look at everybody. *was_short: some ring had a few.
static bool search_round(struct zworker *worker, bool may_take_few, bool *was_short)
{
    struct zsched *sched = worker->sched;
    uint32_t count = zsched_started(sched), start = count == 0 ? 0 : draw(worker) % count;
    if (refill(worker, ZPRIORITY_HIGH) || refill(worker, ZPRIORITY_NORMAL)) return true;
    if (refill(worker, ZPRIORITY_LOW)) return true;
    for (uint32_t i = 0; i < count; i++) {
        struct zworker *victim = sched->workers[(start + i) % count];
        if (take_inbox(worker, &victim->inbox)) return true;
        if (victim != worker && steal_any(worker, victim, may_take_few, was_short)) return true;
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

static bool has_any_of(const struct zworker *worker)
{
    if (zinbox_has_any(&worker->inbox)) return true; // PAIR park
    for (uint32_t i = 0; i < ZPRIORITY_COUNT; i++) {
        const struct zlevel *level = &worker->levels[i];
        if (zring_has_any(&level->ring) || zoverflow_has_any(&level->overflow))
            return true; // PAIR park
    }
    return false;
}

bool zqueue_has_any(const struct zsched *sched)
{
    if (z_load_seq_cst(&sched->urgent) != NULL) return true; // PAIR park
    uint32_t count = zsched_started(sched);
    for (uint32_t i = 0; i < count; i++)
        if (has_any_of(sched->workers[i])) return true;
    return false;
}

// ---- The end ------------------------------------------------------------------------------------

void zqueue_purge(struct zsched *sched)
{
    // An entry that goes may let another one in, at any worker.
    for (uint32_t i = 0; i < zsched_started(sched) || zqueue_has_any(sched); i++) {
        struct zisolate *iso = zqueue_next(sched->workers[i % zsched_started(sched)]);
        ZVM_CHECK(iso ==
                  NULL); // everything was cancelled or has finished: entries are all there is
    }
}
