// sched/state.h - the state word of an isolate: who may touch it, and whether a queue names it.
//
// shared: any thread steps it, by these functions only. PAIR state: every step is acquire and
// release at once, so that whoever takes an isolate over sees all that the last owner did to it.
//   IDLE -> QUEUED             zstate_submit
//   IDLE -> RUNNING -> IDLE    zstate_claim, zstate_put_back: a thread of the host runs a piece
//   RUNNING -> QUEUED          zstate_queue, zstate_requeue
//   QUEUED -> RUNNING          zstate_take: a worker, by its entry; zstate_claim_queued: a
//   canceller, who may take a WAITING one as well
//   RUNNING -> WAITING         zstate_suspend, zstate_suspend_hosted
//   WAITING -> QUEUED          zstate_wake, zstate_answer
//   WAITING -> IDLE            zstate_answer and zstate_cancel_hosted, with HOSTED
//   RUNNING -> DONE            zstate_finish, by who runs it or claimed it
//   DONE -> GONE               zstate_retire, when an entry is still in a queue, or an answer on its way
//   DONE -> IDLE               zstate_reopen: the host has given it more code
//   IDLE, DONE, WAITING with HOSTED -> RUNNING -> IDLE    zstate_claim_to_reset, zstate_reset; or back
// Owner: QUEUED belongs to nobody, RUNNING to who made that step, IDLE, WAITING and DONE to the
// host. Invariants:  1. each step into QUEUED sets ENTRY, and who makes it puts exactly one entry
// into
//                 exactly one queue; ENTRY is cleared by who takes that entry out. No step into
//                 QUEUED starts from a word with ENTRY, so there is never a second entry.
//              2. CANCEL, NOTIFIED and WATCHED may be set by others at any time before DONE; every
//                 step keeps what it does not mean.
//              3. the block of an isolate whose word has ENTRY or TOKEN is not freed. TOKEN is set by
//                 the isolate's owner, and cleared by who answers the token, or by the owner when it
//                 has made sure that nobody will.
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
        bool is_last = zstate_phase(word) == ZSTATE_GONE && (word & ZSTATE_TOKEN) == 0;
        if (is_last) return ZTAKEN_GONE; // nobody else knows it any more
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
        if (phase == ZSTATE_WAITING && (word & ZSTATE_HOSTED) != 0) return false;
        if (phase == ZSTATE_WAITING)
            next = zstate_with(next, ZSTATE_QUEUED) | ZSTATE_ENTRY;
        else if (phase == ZSTATE_RUNNING)
            next |= ZSTATE_NOTIFIED;
        else if (phase != ZSTATE_QUEUED)
            return false;
        if (z_cas_acq_rel(state, &word, next)) return phase == ZSTATE_WAITING; // PAIR state
    }
}

// ---- Answers: a token names the isolate, see token.h ------------------------------------------------

// The caller has it RUNNING, and nobody knows the token yet. What woke it before has nothing to do with
// this one.
static inline void zstate_hold_token(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state), next;
    do {
        zpoint_pass();
        ZVM_CHECK((word & ZSTATE_TOKEN) == 0);
        next = (word | ZSTATE_TOKEN) & ~(uint32_t)ZSTATE_NOTIFIED;
    } while (!z_cas_acq_rel(state, &word, next)); // PAIR state
}

static inline bool zstate_has_token(const _Atomic uint32_t *state)
{
    return (zstate_load(state) & ZSTATE_TOKEN) != 0; // PAIR state
}

// The owner has made sure that nobody answers.
static inline void zstate_let_go_of_token(_Atomic uint32_t *state)
{
    z_fetch_and_acq_rel(state, ~(uint32_t)ZSTATE_TOKEN); // PAIR state
}

enum zanswered {
    ZANSWERED_TOLD,   // whoever has it, or will, finds the answer
    ZANSWERED_QUEUED, // the caller puts an entry into a queue
    ZANSWERED_HOST,   // it is IDLE again, for the host; *is_watched: somebody waits for that
    ZANSWERED_OVER,   // it is over, and nobody takes the answer: the caller throws it away
    ZANSWERED_LAST,   // the same, and the caller frees the block
};

static inline uint32_t zstate_answered(uint32_t word, enum zanswered *out)
{
    uint32_t next = word & ~(uint32_t)ZSTATE_TOKEN;
    *out = ZANSWERED_TOLD;
    switch (zstate_phase(word)) {
    case ZSTATE_WAITING:
        if ((word & ZSTATE_HOSTED) == 0) {
            *out = ZANSWERED_QUEUED;
            return zstate_with(next, ZSTATE_QUEUED) | ZSTATE_ENTRY;
        }
        *out = ZANSWERED_HOST;
        return zstate_with(next, ZSTATE_IDLE) & ~(uint32_t)(ZSTATE_HOSTED | ZSTATE_WATCHED);
    case ZSTATE_RUNNING:
        return next | ZSTATE_NOTIFIED;
    case ZSTATE_DONE:
        *out = ZANSWERED_OVER;
        return next;
    case ZSTATE_GONE:
        *out = (word & ZSTATE_ENTRY) != 0 ? ZANSWERED_OVER : ZANSWERED_LAST;
        return next;
    default:
        return next;
    }
}

// thread: any, who has claimed the token. The last touch of the isolate, but for what the outcome says.
// In every state the word is stepped, if only to clear TOKEN: whoever has or takes the isolate later
// then sees the answer.
static inline enum zanswered zstate_answer(_Atomic uint32_t *state, bool *is_watched)
{
    enum zanswered answered;
    uint32_t word = zstate_load(state), next;
    do {
        zpoint_pass();
        ZVM_CHECK((word & ZSTATE_TOKEN) != 0);
        next = zstate_answered(word, &answered);
    } while (!z_cas_acq_rel(state, &word, next)); // PAIR state
    *is_watched = answered == ZANSWERED_HOST && (word & ZSTATE_WATCHED) != 0;
    return answered;
}

// ---- A thread of the host runs it ---------------------------------------------------------------

// RUNNING -> WAITING, as zstate_suspend; whoever answers leaves it to the host.
static inline bool zstate_suspend_hosted(_Atomic uint32_t *state)
{
    uint32_t seen;
    if (zstate_step(state, ZSTATE_RUNNING, ZSTATE_NOTIFIED | ZSTATE_CANCEL, ZSTATE_WAITING, 0,
                    ZSTATE_HOSTED, &seen))
        return true;
    z_fetch_and_acq_rel(state, ~(uint32_t)ZSTATE_NOTIFIED); // PAIR state
    return false;
}

static inline bool zstate_is_hosted_wait(uint32_t word)
{
    return zstate_phase(word) == ZSTATE_WAITING && (word & ZSTATE_HOSTED) != 0;
}

// The host's: nobody runs it, and no queue has it to run.
static inline bool zstate_is_at_rest(uint32_t word)
{
    uint32_t phase = zstate_phase(word);
    return phase == ZSTATE_IDLE || phase == ZSTATE_DONE || zstate_is_hosted_wait(word);
}

// At rest, but a call of its host has it in hand: whoever asks is a callback of that call. What runs has an env, too,
// but that is its owner's to know.
static inline bool zstate_is_in_hand(const struct zisolate *iso)
{
    return zstate_is_at_rest(zstate_load(&iso->state)) && iso->heap.env != NULL;
}

// The host takes it back although it has no answer. False: it has one, and is IDLE.
static inline bool zstate_claim_waiting(_Atomic uint32_t *state)
{
    uint32_t seen;
    return zstate_step(state, ZSTATE_WAITING, 0, ZSTATE_RUNNING, ZSTATE_HOSTED | ZSTATE_WATCHED, 0,
                       &seen);
}

// Asks for a wake-up when there is an answer. False: there is one.
static inline bool zstate_watch_answer(_Atomic uint32_t *state)
{
    uint32_t seen;
    return zstate_step(state, ZSTATE_WAITING, 0, ZSTATE_WAITING, 0, ZSTATE_WATCHED, &seen);
}

// The next run ends it. False: it does not wait any more. *is_watched: somebody waits for it.
static inline bool zstate_cancel_hosted(_Atomic uint32_t *state, bool *is_watched)
{
    uint32_t seen;
    bool is_done = zstate_step(state, ZSTATE_WAITING, 0, ZSTATE_IDLE,
                               ZSTATE_HOSTED | ZSTATE_WATCHED, ZSTATE_CANCEL, &seen);
    *is_watched = is_done && (seen & ZSTATE_WATCHED) != 0;
    return is_done;
}

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

// Takes a queued isolate away from its entry, or a waiting one from its answer, to be ended by the
// caller. phase: the one of the two that it was in. False: it is not any more.
static inline bool zstate_claim_to_end(_Atomic uint32_t *state, uint32_t phase)
{
    uint32_t seen;
    return zstate_step(state, phase, ZSTATE_HOSTED, ZSTATE_RUNNING, 0, ZSTATE_CANCEL, &seen);
}

// Marks it for whoever runs it, or will. False: it has left the state that `word` says.
static inline bool zstate_mark_cancelled(_Atomic uint32_t *state, uint32_t word)
{
    zpoint_pass();
    return z_cas_acq_rel(state, &word, word | ZSTATE_CANCEL); // PAIR state
}

// The caller has it RUNNING, and it is over. From here on it belongs to who sees DONE, and may be
// gone, unless `set` is LISTED. The word as it was: WATCHED: somebody waits for it; TOKEN: an answer is
// on its way, and who brings it throws it away.
static inline uint32_t zstate_finish(_Atomic uint32_t *state, uint32_t set)
{
    uint32_t word = zstate_load(state), next;
    do {
        zpoint_pass();
        ZVM_CHECK(zstate_phase(word) == ZSTATE_RUNNING);
        // the other bits mean nothing any more
        next = ZSTATE_DONE | set | (word & (uint32_t)(ZSTATE_ENTRY | ZSTATE_TOKEN));
    } while (!z_cas_acq_rel(state, &word, next)); // PAIR state, PAIR watch
    return word;
}

// The host has been told: it is the host's.
static inline void zstate_unlist(_Atomic uint32_t *state)
{
    z_fetch_and_acq_rel(state, ~(uint32_t)ZSTATE_LISTED); // PAIR state
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

// Others still hold a finished one: a queue, who answers it, or the list of those that have finished.
#define ZSTATE_NAMED (uint32_t)(ZSTATE_ENTRY | ZSTATE_TOKEN | ZSTATE_LISTED)

// The host gives a finished one more to do. False: it is not finished, or named.
static inline bool zstate_reopen(_Atomic uint32_t *state)
{
    uint32_t seen;
    return zstate_step(state, ZSTATE_DONE, ZSTATE_NAMED, ZSTATE_IDLE,
                       ZSTATE_NOTIFIED | ZSTATE_CANCEL | ZSTATE_WATCHED, 0, &seen); // PAIR state
}

// ---- Anew ---------------------------------------------------------------------------------------

// The host begins anew with one at rest: -> RUNNING, for the caller. False: it is not at rest, or others
// hold it: a queue, the list of those that have finished, who answers one that is over. *seen: as it was.
static inline bool zstate_claim_to_reset(_Atomic uint32_t *state, uint32_t *seen)
{
    uint32_t word = zstate_load(state);
    for (;;) {
        zpoint_pass();
        uint32_t phase = zstate_phase(word);
        bool is_asking = phase == ZSTATE_IDLE || zstate_is_hosted_wait(word);
        if (!is_asking && phase != ZSTATE_DONE) return false;
        // Who answers one that is not over finds it RUNNING, and leaves the answer to us.
        uint32_t others = is_asking ? ZSTATE_ENTRY | ZSTATE_LISTED : ZSTATE_NAMED;
        if ((word & others) != 0) return false;
        *seen = word;
        uint32_t next = zstate_with(word, ZSTATE_RUNNING) & ~(uint32_t)ZSTATE_HOSTED;
        if (z_cas_acq_rel(state, &word, next)) return true; // PAIR state
    }
}

// The caller, who has claimed it so, leaves it as it was. What came meanwhile counts: with an answer, or
// cancelled, one that waited is idle. The word as it is now: WATCHED: somebody may wait for that.
static inline uint32_t zstate_give_up_reset(_Atomic uint32_t *state, uint32_t seen)
{
    uint32_t word = zstate_load(state), next;
    do {
        zpoint_pass();
        bool is_told = (word & (uint32_t)(ZSTATE_NOTIFIED | ZSTATE_CANCEL)) != 0;
        uint32_t phase = zstate_phase(seen);
        if (phase == ZSTATE_WAITING && is_told) phase = ZSTATE_IDLE;
        next = zstate_with(word, phase) & ~(uint32_t)ZSTATE_NOTIFIED;
        if (phase == ZSTATE_WAITING) next |= ZSTATE_HOSTED;
    } while (!z_cas_acq_rel(state, &word, next)); // PAIR state
    return next;
}

// The caller has it RUNNING, and as it was when it was made. A cancel that came until now meant what it
// did before.
static inline void zstate_reset(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state);
    do {
        zpoint_pass();
        ZVM_CHECK(zstate_phase(word) == ZSTATE_RUNNING);
        ZVM_CHECK((word & ZSTATE_NAMED) == 0);
    } while (!z_cas_acq_rel(state, &word, ZSTATE_IDLE)); // PAIR state
}

// Of one that is DONE, by the host, whose it is.
static inline void zstate_set_listed(_Atomic uint32_t *state, bool is_listed)
{
    uint32_t seen, bit = ZSTATE_LISTED;
    (void)zstate_step(state, ZSTATE_DONE, 0, ZSTATE_DONE, is_listed ? 0 : bit, is_listed ? bit : 0,
                      &seen); // PAIR state
}

enum zretired {
    ZRETIRED_FREE,  // the caller frees the block
    ZRETIRED_LATER, // who takes out the entry that is still there frees it, or who brings the answer
    ZRETIRED_ANSWER, // besides, who brings the answer throws it away
};

// The host destroys it, and nothing but the word is left of it. Unless FREE, the caller must not touch
// it again.
static inline enum zretired zstate_retire(_Atomic uint32_t *state)
{
    uint32_t word = zstate_load(state);
    while ((word & (uint32_t)(ZSTATE_ENTRY | ZSTATE_TOKEN)) != 0) {
        zpoint_pass();
        uint32_t next = zstate_with(word, ZSTATE_GONE);
        if (z_cas_acq_rel(state, &word, next)) // PAIR state
            return (word & ZSTATE_TOKEN) != 0 ? ZRETIRED_ANSWER : ZRETIRED_LATER;
    }
    return ZRETIRED_FREE;
}

#endif // ZVM_SCHED_STATE_H
