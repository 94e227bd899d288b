// sched/state.h - the state word of an isolate: who may touch it, and whether a queue names it.
//
// shared: any thread steps it, by these functions only. PAIR state: every step is acquire and
// release at once, so that whoever takes an isolate over sees all that the last owner did to it.
//   IDLE -> QUEUED             zstate_submit
//   IDLE -> RUNNING -> IDLE    zstate_claim, zstate_put_back: a thread of the host runs a piece
//   RUNNING -> QUEUED          zstate_queue, zstate_requeue
//   QUEUED -> RUNNING          zstate_take: a worker, by its entry; zstate_claim_queued: a
//   canceller RUNNING -> WAITING         zstate_suspend; WAITING -> QUEUED: zstate_wake RUNNING ->
//   DONE            zstate_finish, by who runs it or claimed it DONE -> GONE zstate_retire, when an
//   entry is still in a queue
//   DONE -> IDLE               zstate_reopen: the host has given it more code
// Owner: QUEUED belongs to nobody, RUNNING to who made that step, IDLE, WAITING and DONE to the
// host. Invariants:  1. each step into QUEUED sets ENTRY, and who makes it puts exactly one entry
// into
//                 exactly one queue; ENTRY is cleared by who takes that entry out. No step into
//                 QUEUED starts from a word with ENTRY, so there is never a second entry.
//              2. CANCEL, NOTIFIED and WATCHED may be set by others at any time before DONE; every
//                 step keeps what it does not mean.
//              3. the block of an isolate whose word has ENTRY is not freed.
#ifndef ZVM_SCHED_STATE_H
#define ZVM_SCHED_STATE_H

#include "base/assert.h"
#include "sched/point.h"
#include "vm/isolate.h"

static inline uint32_t zstate_phase(uint32_t word)
{
    return word & ZSTATE_MASK;
}

static inline uint32_t zstate_with(uint32_t word, uint32_t phase)
{
    return (word & ~(uint32_t)ZSTATE_MASK) | phase;
}

static inline uint32_t zstate_load(const _Atomic uint32_t *state)
{
    return z_load_acquire(state); // PAIR state
}

// From one phase to another, also clearing and setting bits. False when it was in another phase, or
// had one of the bits `unless`; *seen gets the word as it was.
static inline bool zstate_step(_Atomic uint32_t *state, uint32_t from, uint32_t unless, uint32_t to,
                               uint32_t clear, uint32_t set, uint32_t *seen)
{
    uint32_t word = zstate_load(state);
    for (;;) {
        zpoint_pass();
        *seen = word;
        if (zstate_phase(word) != from || (word & unless) != 0) return false;
        uint32_t next = (zstate_with(word, to) & ~clear) | set;
        if (z_cas_acq_rel(state, &word, next)) return true; // PAIR state
    }
}

// ---- Into a queue: on true the caller puts one entry into a queue. ------------------------------

// seq_cst, because the submitter next looks whether everything is being cancelled, and the
// canceller of everything says so before it looks at the words: one of them sees the other.
static inline bool zstate_submit(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state);
    for (;;) {
        zpoint_pass();
        if (zstate_phase(word) != ZSTATE_IDLE) return false;
        ZVM_ASSERT((word & ZSTATE_ENTRY) == 0);
        uint32_t next = zstate_with(word, ZSTATE_QUEUED) | ZSTATE_ENTRY;
        if (z_cas_weak_seq_cst(state, &word, next)) return true; // PAIR state, PAIR cancel-all
        word = zstate_load(state);
    }
}

// The caller has it RUNNING; in contrast to zstate_requeue a CANCEL bit goes along.
static inline void zstate_queue(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state), next;
    do {
        zpoint_pass();
        ZVM_CHECK(zstate_phase(word) == ZSTATE_RUNNING);
        ZVM_CHECK((word & ZSTATE_ENTRY) == 0);
        next = zstate_with(word, ZSTATE_QUEUED) | ZSTATE_ENTRY;
    } while (!z_cas_acq_rel(state, &word, next)); // PAIR state
}

// After a slice. False: it has been cancelled: it stays the caller's, who ends it.
static inline bool zstate_requeue(_Atomic uint32_t *state)
{
    uint32_t seen;
    bool is_queued = zstate_step(state, ZSTATE_RUNNING, ZSTATE_CANCEL, ZSTATE_QUEUED,
                                 ZSTATE_NOTIFIED, ZSTATE_ENTRY, &seen);
    ZVM_CHECK(zstate_phase(seen) == ZSTATE_RUNNING);
    ZVM_CHECK((seen & ZSTATE_ENTRY) == 0);
    return is_queued;
}

// ---- Out of a queue: the caller has just taken the entry out. -----------------------------------

enum ztaken {
    ZTAKEN_TO_RUN,  // RUNNING, and the caller's
    ZTAKEN_DROPPED, // somebody else has or had it: the caller forgets it
    ZTAKEN_GONE,    // the caller frees the block
};

static inline enum ztaken zstate_take(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state), next;
    bool is_queued;
    do {
        zpoint_pass();
        ZVM_CHECK((word & ZSTATE_ENTRY) != 0);
        if (zstate_phase(word) == ZSTATE_GONE) return ZTAKEN_GONE; // nobody else knows it any more
        is_queued = zstate_phase(word) == ZSTATE_QUEUED;
        next = (is_queued ? zstate_with(word, ZSTATE_RUNNING) : word) & ~(uint32_t)ZSTATE_ENTRY;
    } while (!z_cas_acq_rel(state, &word, next)); // PAIR state
    return is_queued ? ZTAKEN_TO_RUN : ZTAKEN_DROPPED;
}

// ---- Suspending ---------------------------------------------------------------------------------

// The caller has it RUNNING. False: it was woken or cancelled meanwhile, so it has something to do;
// it stays the caller's.
static inline bool zstate_suspend(_Atomic uint32_t *state)
{
    uint32_t seen;
    if (zstate_step(state, ZSTATE_RUNNING, ZSTATE_NOTIFIED | ZSTATE_CANCEL, ZSTATE_WAITING, 0, 0,
                    &seen))
        return true;
    z_fetch_and_acq_rel(state, ~(uint32_t)ZSTATE_NOTIFIED); // PAIR state
    return false;
}

// True: the caller puts an entry into a queue. Otherwise whoever runs it is told, and when it is
// over there is nothing to do. A queued one is stepped to where it is: whoever takes it then sees
// what the waker did before, and does not suspend it again for want of it (model_word found that).
// `bits`: set at the same time, for cancelling one that waits.
static inline bool zstate_wake(_Atomic uint32_t *state, uint32_t bits)
{
    uint32_t word = zstate_load(state);
    for (;;) {
        zpoint_pass();
        uint32_t phase = zstate_phase(word), next = word | bits;
        if (phase == ZSTATE_WAITING)
            next = zstate_with(next, ZSTATE_QUEUED) | ZSTATE_ENTRY;
        else if (phase == ZSTATE_RUNNING)
            next |= ZSTATE_NOTIFIED;
        else if (phase != ZSTATE_QUEUED)
            return false;
        if (z_cas_acq_rel(state, &word, next)) return phase == ZSTATE_WAITING; // PAIR state
    }
}

// ---- A thread of the host runs it ---------------------------------------------------------------

static inline bool zstate_claim(_Atomic uint32_t *state, uint32_t *seen)
{
    return zstate_step(state, ZSTATE_IDLE, 0, ZSTATE_RUNNING, 0, 0, seen);
}

// False: it has been cancelled: it stays the caller's, who ends it.
static inline bool zstate_put_back(_Atomic uint32_t *state)
{
    uint32_t seen;
    return zstate_step(state, ZSTATE_RUNNING, ZSTATE_CANCEL, ZSTATE_IDLE, 0, 0, &seen);
}

// ---- Ends ---------------------------------------------------------------------------------------

// Takes a queued isolate away from its entry, to be ended by the caller. False: not queued.
static inline bool zstate_claim_queued(_Atomic uint32_t *state)
{
    uint32_t seen;
    return zstate_step(state, ZSTATE_QUEUED, 0, ZSTATE_RUNNING, 0, ZSTATE_CANCEL, &seen);
}

// Marks it for whoever runs it, or will. False: it has left the state that `word` says.
static inline bool zstate_mark_cancelled(_Atomic uint32_t *state, uint32_t word)
{
    zpoint_pass();
    return z_cas_acq_rel(state, &word, word | ZSTATE_CANCEL); // PAIR state
}

// The caller has it RUNNING, and it is over. From here on it belongs to who sees DONE, and may be
// gone. True: somebody waits for it.
static inline bool zstate_finish(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state), next;
    do {
        zpoint_pass();
        ZVM_CHECK(zstate_phase(word) == ZSTATE_RUNNING);
        next = ZSTATE_DONE | (word & ZSTATE_ENTRY); // the other bits mean nothing any more
    } while (!z_cas_acq_rel(state, &word, next));   // PAIR state, PAIR watch
    return (word & ZSTATE_WATCHED) != 0;
}

// Asks for a wake-up at the end. False: it is over already.
static inline bool zstate_watch(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state);
    while (zstate_phase(word) != ZSTATE_DONE && zstate_phase(word) != ZSTATE_GONE) {
        zpoint_pass();
        if ((word & ZSTATE_WATCHED) != 0) return true;
        if (z_cas_acq_rel(state, &word, word | ZSTATE_WATCHED)) return true; // PAIR watch
    }
    return false;
}

// The host gives a finished one more to do. False: it is not finished, or an entry still names it.
static inline bool zstate_reopen(_Atomic uint32_t *state)
{
    uint32_t seen;
    return zstate_step(state, ZSTATE_DONE, ZSTATE_ENTRY, ZSTATE_IDLE,
                       ZSTATE_NOTIFIED | ZSTATE_CANCEL | ZSTATE_WATCHED, 0, &seen); // PAIR state
}

// The host destroys it, and nothing but the word is left of it. True: an entry still names it, and
// who takes that out frees the block; the caller must not touch it again. False: the caller frees
// it.
static inline bool zstate_retire(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state);
    while ((word & ZSTATE_ENTRY) != 0) {
        zpoint_pass();
        ZVM_CHECK(zstate_phase(word) == ZSTATE_DONE);
        if (z_cas_acq_rel(state, &word, zstate_with(word, ZSTATE_GONE))) return true; // PAIR state
    }
    return false;
}

#endif // ZVM_SCHED_STATE_H
