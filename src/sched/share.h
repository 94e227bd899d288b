// sched/share.h - what a group is due on a worker.
//
// In a worker's queue everybody has one slice a round, and a group its weight in slices. A group may be in several
// queues, and those may be unlike: a worker that has nothing but the group runs it all the time. So what the
// others have given it meanwhile is taken off what it is due here. Then one isolate beside a group of many has
// what its weight says of both workers, not of one.
// owner-thread: each worker has accounts of its own, for the groups that it ran last; one that it has not, or that
// is old, begins anew, with an even share of what the group is due everywhere.
#ifndef ZVM_SCHED_SHARE_H
#define ZVM_SCHED_SHARE_H

#include "vm/quota.h"

#define ZSHARE_ACCOUNTS 64

// A debt is carried on, because threads lose their cores: then a worker that has the group alone runs for
// milliseconds while this one stands still, and this one while that one does.
#define ZSHARE_DEBT_SLICES 1024

// A round is no longer than a ring and some more, or it is one of the overflow, in which all workers are alike.
#define ZSHARE_ROUND_TURNS 512

struct zaccount {
    uint64_t group;      // its number; 0: free
    uint64_t seen;       // what all workers had given to it, after its last turn here
    uint64_t debt;       // what others have given it beyond what it was due here
    uint64_t turn;       // its last turn here, of the worker's
    uint32_t lean_turns; // in a row: with a debt
};

struct zshares {
    struct zaccount accounts[ZSHARE_ACCOUNTS];
    uint64_t turns; // of the worker
};

static inline struct zaccount *zshare_account(struct zshares *shares, const struct zgroup *group)
{
    struct zaccount *account = &shares->accounts[group->number % ZSHARE_ACCOUNTS];
    bool is_known =
        account->group == group->number && shares->turns - account->turn <= ZSHARE_ROUND_TURNS;
    if (is_known) return account;
    *account = (struct zaccount){.group = group->number,
                                 .seen = z_load_relaxed(&group->turns.spent)}; // relaxed: a gauge
    return account;
}

// The budget of its turn.
static inline uint64_t zshare_begin(struct zshares *shares, const struct zisolate *iso,
                                    uint64_t budget)
{
    shares->turns++;
    const struct zgroup *group = zquota_group(iso);
    if (group == NULL) return budget;
    uint64_t even = zquota_budget(iso, budget), due = zgroup_due(group, budget);
    struct zaccount *account = zshare_account(shares, group);
    account->turn = shares->turns;
    if (even >= due) return even;
    uint64_t spent = z_load_relaxed(&group->turns.spent); // relaxed: a gauge
    uint64_t others = spent - account->seen + account->debt;
    if (others < due) {
        account->debt = account->lean_turns = 0;
        return zquota_at_least(due - others < even ? due - others : even, budget);
    }
    uint64_t most = due * ZSHARE_DEBT_SLICES;
    account->debt = others - due < most ? others - due : most;
    account->lean_turns++;
    return zquota_at_least(0, budget);
}

// So much of it was used, about.
static inline void zshare_end(struct zshares *shares, const struct zisolate *iso, uint64_t used)
{
    struct zgroup *group = zquota_group(iso);
    if (group == NULL) return;
    // relaxed: a gauge
    uint64_t spent = z_fetch_add_relaxed(&group->turns.spent, used) + used;
    zshare_account(shares, group)->seen = spent;
}

// Turns in a row in which the group had next to nothing here.
static inline uint32_t zshare_lean_turns(struct zshares *shares, const struct zgroup *group)
{
    return zshare_account(shares, group)->lean_turns;
}

#endif // ZVM_SCHED_SHARE_H
