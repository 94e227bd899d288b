// sched/replay.h - runs that can be repeated: no thread of its own, a clock that counts fuel.
//
// A scheduler with a seed has one worker and no thread for it: the thread that made the scheduler is
// the worker, turn by turn, whenever it waits for something. Whose turn is how long, and who is passed over
// once, comes from the seed. The clock stands still but for the fuel of slices, a nanosecond a unit,
// and goes on to the next timer when there is nothing to run. So what happens depends on the seed, the
// programs and the order of the host's calls, and on nothing else.
#ifndef ZVM_SCHED_REPLAY_H
#define ZVM_SCHED_REPLAY_H

#include "base/atomic.h"
#include "zvm.h"

#include <pthread.h>

struct zisolate;
struct zsched;

// seed 0: none of this.
struct zreplay {
    uint64_t seed;           // frozen
    uint64_t random;         // owner-thread: `owner`
    _Atomic uint64_t now_ns; // shared, relaxed: the owner writes it (zclock_use), reports read it
    pthread_t owner;         // frozen: whose calls run isolates
    bool is_in_turn;         // owner-thread: nothing that waits may be called from inside
    _Atomic uint32_t bell;   // shared. PAIR bell: what the owner may be waiting for has happened
};

void zreplay_init(struct zreplay *replay, uint64_t seed);

// Fuel of the next slice, from a quarter of the usual to all of it.
uint32_t zreplay_budget(struct zreplay *replay, uint32_t usual);
// Whether the next one is passed over once.
bool zreplay_skips(struct zreplay *replay);
// thread: any
static inline uint64_t zreplay_now_ns(const struct zreplay *replay)
{
    return z_load_relaxed(&replay->now_ns); // relaxed: a time
}
// It is that late, unless it is later already.
void zreplay_go_to(struct zreplay *replay, uint64_t ns);

// Somebody has ended or answered an isolate that the workers, or the host, have not to run for it: the
// owner is not left asleep. Nothing without a seed. thread: any
void zreplay_ring(struct zsched *sched);
// thread: owner, about to sleep.
static inline bool zreplay_is_rung(const struct zreplay *replay)
{
    return z_load_seq_cst(&replay->bell) != 0; // PAIR bell, PAIR park
}

// Whether the calling thread may run isolates: always without a seed.
bool zreplay_may_run(const struct zsched *sched);
// thread: owner, in no turn: else ZVM_E_THREAD, ZVM_E_STATE. zsched_turns is of the same kind.
// Until nothing submitted is unfinished. Sleeps while all wait for answers of other threads.
zvm_status zreplay_drain(struct zsched *sched);
// Until it is DONE; timeout_ns of the clock that counts fuel. ZVM_E_TIMEOUT.
zvm_status zreplay_wait(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns);
// The same until one that the host runs does not wait for an answer any more, or its time has come.
zvm_status zreplay_wait_for_answer(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns);

#endif // ZVM_SCHED_REPLAY_H
