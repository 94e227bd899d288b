// sched/park.h - which workers sleep, and waking exactly one of them when there is work.
//
// Words: a worker that found no work is a searcher (it looks at everybody's queues; there is at
// most one at a time that started by itself or was woken) or idle (its bit in the bitmap is set,
// and it sleeps or is about to). A wake-up claims one bit; the worker it belongs to wakes up as
// searcher. PAIR park (all seq_cst, so that one order of all of them exists): who has made work
// visible then looks at `searching` and at the bitmap; who goes to sleep sets its bit, then looks
// at the work. One of the two sees the other. docs/concurrency.md has the argument,
// tests/model/model_park.c tries it.
#ifndef ZVM_SCHED_PARK_H
#define ZVM_SCHED_PARK_H

#include "base/atomic.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#ifndef ZPARK_WORKERS_MAX
#    define ZPARK_WORKERS_MAX 1024
#endif
#define ZPARK_WORDS ((ZPARK_WORKERS_MAX + 63) / 64)

// Where one worker sleeps.
struct zseat {
    // shared: 1 from the wake-up until the worker has seen it. PAIR token.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint32_t token;
    // owner-thread: the worker woke by itself after its bit had been claimed, and did not wait for the
    // token. Until that has come its bit stays clear.
    bool is_owed;
};

struct zparking {
    // shared. PAIR park. A bit that is set may be cleared by anybody: who clears it owes a token,
    // or is the worker itself.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t idle[ZPARK_WORDS];
    // shared. PAIR park. Searchers, and wake-ups that look for a worker.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint32_t searching;
    _Atomic uint32_t refused; // shared, relaxed: a count: wake-ups that the system refused
    // frozen
    _Alignas(ZVM_CACHE_LINE_BYTES) struct zseat *seats; // [seat_count]
    uint32_t seat_count;
};

// Whether there is work, or the workers are to leave. Reads every word seq_cst. PAIR park.
typedef bool (*zpark_look_fn)(void *context);

enum zpark_end {
    ZPARK_WOKEN, // by a wake-up: the worker is now a searcher
    // There is work: the worker is no searcher, but somebody may have relied on it when it was one:
    // after it has found something it must look whether there is more, and notify.
    ZPARK_NOT_NOW,
};

zvm_status zparking_init(struct zparking *parking, uint32_t seat_count);
void zparking_deinit(struct zparking *parking);

// thread: any, after it has made work visible (seq_cst). Wakes one worker when one sleeps and
// nobody searches; `preferred` when that one sleeps.
void zparking_notify(struct zparking *parking, uint32_t preferred);

// thread: worker. False: somebody searches already.
bool zparking_begin_search(struct zparking *parking);
// thread: a searcher that has found work. It must look afterwards whether there is more, and
// notify.
void zparking_end_search(struct zparking *parking);

// thread: worker `own`, that has found nothing. was_searching: it stops being a searcher. end_ns: when
// has_work will be true by itself; UINT64_MAX: never.
enum zpark_end zparking_park(struct zparking *parking, uint32_t own, bool was_searching,
                             uint64_t end_ns, zpark_look_fn has_work, void *context);

// thread: any. A gauge: whether the worker sleeps, or is about to.
static inline bool zparking_is_asleep(const struct zparking *parking, uint32_t seat)
{
    uint64_t word = z_load_relaxed(&parking->idle[seat / 64]); // relaxed: nothing follows from it
    return (word >> seat % 64 & 1) != 0;
}

// thread: any. Wakes them all, for leaving: the counts are of no use afterwards.
void zparking_stop(struct zparking *parking);

#endif // ZVM_SCHED_PARK_H
