// sched/replay.c - the turns of a scheduler with a seed.
//
// Owns: nothing; struct zreplay is the scheduler's. Thread: its owner's.
#include "sched/sched_internal.h"

#include "base/clock.h"

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

static zvm_status begin(struct zsched *sched)
{
    if (!pthread_equal(pthread_self(), sched->replay.owner)) return ZVM_E_THREAD;
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
    zsched_leave_clock(sched, clock);
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

zvm_status zreplay_drain(struct zsched *sched)
{
    zvm_status status = begin(sched);
    if (status != ZVM_OK) return status;
    while (zadmission_count(&sched->admission) > 0)
        if (!take_turn(sched, UINT64_MAX) && zadmission_count(&sched->admission) > 0)
            zworker_sleep(sched->workers[0]);
    return ZVM_OK;
}

zvm_status zreplay_wait(struct zsched *sched, struct zisolate *iso, uint64_t timeout_ns)
{
    struct zreplay *replay = &sched->replay;
    zvm_status status = begin(sched);
    if (status != ZVM_OK) return status;
    bool is_endless = timeout_ns > UINT64_MAX - zreplay_now_ns(replay);
    uint64_t end_ns = is_endless ? UINT64_MAX : zreplay_now_ns(replay) + timeout_ns;
    while (!zsched_is_done(iso) && zreplay_now_ns(replay) < end_ns)
        if (!take_turn(sched, end_ns) && is_endless) zworker_sleep(sched->workers[0]);
    return zsched_is_done(iso) ? ZVM_OK : ZVM_E_TIMEOUT;
}
