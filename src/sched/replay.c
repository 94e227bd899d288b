// sched/replay.c - the turns of a scheduler with a seed.
//
// Owns: nothing; struct zreplay is the scheduler's. Thread: its owner's.
#include "sched/sched_internal.h"

#include "base/clock.h"
#include "vm/wait.h"

// ---- What the seed says -------------------------------------------------------------------------

// splitmix64
static uint64_t next_random(struct zreplay *replay)
{
    uint64_t z = replay->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

void zreplay_init(struct zreplay *replay, uint64_t seed)
{
    *replay = (struct zreplay){.seed = seed, .random = seed, .owner = pthread_self()};
    atomic_init(&replay->now_ns, 1); // 0 stands for no time at all
}

uint32_t zreplay_budget(struct zreplay *replay, uint32_t usual)
{
    uint32_t least = usual / 4;
    return least + 1 + (uint32_t)(next_random(replay) % (usual - least));
}

bool zreplay_skips(struct zreplay *replay)
{
    return next_random(replay) % 8 == 0;
}

void zreplay_go_to(struct zreplay *replay, uint64_t ns)
{
    if (zreplay_now_ns(replay) < ns) z_store_relaxed(&replay->now_ns, ns); // relaxed: a time
}

// ---- Turns --------------------------------------------------------------------------------------

bool zreplay_may_run(const struct zsched *sched)
{
    return !zsched_is_replay(sched) || pthread_equal(pthread_self(), sched->replay.owner);
}

static zvm_status begin(struct zsched *sched)
{
    if (!zreplay_may_run(sched)) return ZVM_E_THREAD;
    return sched->replay.is_in_turn ? ZVM_E_STATE : ZVM_OK;
}

// Time passes by itself only when nothing can run. False: not until end_ns either, and that is now, unless
// it is UINT64_MAX.
static bool take_turn(struct zsched *sched, uint64_t end_ns)
{
    struct zreplay *replay = &sched->replay;
    struct zworker *worker = sched->workers[0];
    replay->is_in_turn = true;
    _Atomic uint64_t *clock = zsched_use_clock(sched);
    bool has_run = zworker_turn(worker);
    // More than once: the wheel may only sort its timers anew, or nobody waits for one any more.
    while (!has_run && worker->wheel.next_ns < end_ns) {
        zreplay_go_to(replay, worker->wheel.next_ns);
        has_run = zworker_turn(worker);
    }
    if (!has_run && end_ns != UINT64_MAX) zreplay_go_to(replay, end_ns);
    zsched_leave_clock(clock);
    replay->is_in_turn = false;
    return has_run;
}

zvm_status zsched_turns(struct zsched *sched, uint64_t turns, uint64_t *run)
{
    *run = 0;
    if (!zsched_is_replay(sched)) return ZVM_E_STATE;
    zvm_status status = begin(sched);
    if (status != ZVM_OK) return status;
    while (*run < turns && take_turn(sched, UINT64_MAX))
        ++*run;
    return ZVM_OK;
}

// ---- Waiting ------------------------------------------------------------------------------------

// Each loop hushes the bell before it looks at what it waits for, and who rings has made that so before:
// so either it is seen, or the bell is, and the owner does not sleep.
static void hush(struct zreplay *replay)
{
    (void)z_exchange_acquire(&replay->bell, 0); // PAIR bell
}

void zreplay_ring(struct zsched *sched)
{
    if (!zsched_is_replay(sched)) return;
    z_store_seq_cst(&sched->replay.bell, 1); // PAIR bell, PAIR park
    zparking_notify(&sched->parking, 0);
}

static bool is_drained(struct zsched *sched)
{
    hush(&sched->replay);
    return zadmission_count(&sched->admission) == 0;
}

zvm_status zreplay_drain(struct zsched *sched)
{
    zvm_status status = begin(sched);
    if (status != ZVM_OK) return status;
    while (!is_drained(sched))
        if (!take_turn(sched, UINT64_MAX) && zadmission_count(&sched->admission) > 0)
            zworker_sleep(sched->workers[0]);
    return ZVM_OK;
}

typedef bool (*is_over_fn)(const struct zisolate *iso);

// False: the time has come.
static bool wait_until(struct zsched *sched, const struct zisolate *iso, is_over_fn is_over,
                       uint64_t end_ns)
{
    struct zreplay *replay = &sched->replay;
    hush(replay);
    while (!is_over(iso) && zreplay_now_ns(replay) < end_ns) {
        if (!take_turn(sched, end_ns) && end_ns == UINT64_MAX) zworker_sleep(sched->workers[0]);
        hush(replay);
    }
    return is_over(iso);
}

static uint64_t end_of(const struct zreplay *replay, uint64_t timeout_ns)
{
    uint64_t now_ns = zreplay_now_ns(replay);
    return timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}

zvm_status zreplay_wait(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns)
{
    zvm_status status = begin(sched);
    if (status != ZVM_OK) return status;
    uint64_t end_ns = end_of(&sched->replay, timeout_ns);
    return wait_until(sched, iso, zsched_is_done, end_ns) ? ZVM_OK : ZVM_E_TIMEOUT;
}

zvm_status zreplay_wait_for_answer(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns)
{
    zvm_status status = begin(sched);
    if (status != ZVM_OK) return status;
    uint64_t end_ns = end_of(&sched->replay, timeout_ns), wake_ns = zwait_wake_ns(iso);
    bool is_time_first = wake_ns != 0 && wake_ns <= end_ns;
    if (is_time_first) end_ns = wake_ns;
    bool is_answered = wait_until(sched, iso, zsched_is_at_hand, end_ns);
    return is_answered || is_time_first ? ZVM_OK : ZVM_E_TIMEOUT;
}
