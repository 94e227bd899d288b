// sched/token.h - names for what isolates wait for, that any thread may answer, once.
//
// A token is a slot's index and a generation. shared: the slot's word holds the generation and a phase:
//   FREE  -> OPEN     ztoken_open, by the isolate's owner
//   OPEN  -> CLAIMED  ztoken_claim: one of those who answer; its answer is then written into the slot
//   OPEN  -> FREE     ztoken_revoke, by the isolate's owner, who wants no answer any more
//   CLAIMED -> FREE   ztoken_free, by who has the answer: the isolate's owner, or who brought it
// Each step to FREE begins the next generation, so a token of an earlier one names nothing: answers
// that come late, twice or to somebody else are refused. A slot whose generations are used up is never
// used again.
// PAIR answer: who opens releases, who claims acquires: it reads the slot's isolate. The answer itself
// goes over with the isolate's state word (PAIR state, zstate_answer).
// Invariant: while the word is OPEN or CLAIMED the isolate's own word has TOKEN, or is about to lose it
// by the hand of who claimed.
#ifndef ZVM_SCHED_TOKEN_H
#define ZVM_SCHED_TOKEN_H

#include "base/atomic.h"
#include "base/status.h"
#include "vm/wait.h"

#include <pthread.h>

struct zisolate;

// shared. PAIR answer, but for what is marked.
struct ztoken_slot {
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t word; // generation, and 2 bits of phase
    struct zisolate *iso;                                 // written before OPEN
    struct zanswer answer; // handed-over: of who claimed, then of who takes it
    _Atomic uint32_t next; // relaxed: 1 + the next free slot; the list's head carries it
    uint32_t index;        // frozen
};

// The first piece has so many slots, each later one twice as many as the one before.
#ifndef ZTOKEN_FIRST
#    define ZTOKEN_FIRST 64
#endif
#ifndef ZTOKEN_PIECES
#    define ZTOKEN_PIECES 24
#endif

struct ztokens {
    // shared. PAIR free-slots: 1 + the first free slot, and above it a number that rises with every
    // change, so that a head that came back is not taken for the old one.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t free;
    // shared. PAIR piece: a piece is published once and stays until the end.
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic(struct ztoken_slot *) pieces[ZTOKEN_PIECES];
    pthread_mutex_t grow_lock; // who makes a piece; a leaf, and taken only then
};

// errors: ZVM_E_NOMEM.
zvm_status ztokens_init(struct ztokens *tokens);
void ztokens_deinit(struct ztokens *tokens); // nobody is inside a call

// thread: the isolate's owner, who then lets others know the token. errors: ZVM_E_NOMEM, ZVM_E_LIMIT.
zvm_status ztoken_open(struct ztokens *tokens, struct zisolate *iso, uint64_t *token);
// thread: any. NULL: nobody waits for this token any more. Else the caller writes the answer into the
// slot, then makes the isolate's step (zstate_answer), and is not to touch the slot again unless that
// says so.
struct ztoken_slot *ztoken_claim(struct ztokens *tokens, uint64_t token);
// thread: any. A guess: whether ztoken_claim would find it.
bool ztoken_is_open(struct ztokens *tokens, uint64_t token);
// thread: the isolate's owner. False: somebody has claimed it.
bool ztoken_revoke(struct ztokens *tokens, uint64_t token);
// thread: the isolate's owner, who has seen the answer. The slot's answer is the caller's.
struct zanswer ztoken_take(struct ztokens *tokens, uint64_t token);
// thread: who has the answer, and wants it no more.
void ztoken_throw_away(struct ztokens *tokens, struct ztoken_slot *slot);
void ztoken_throw_away_named(struct ztokens *tokens, uint64_t token);

#endif // ZVM_SCHED_TOKEN_H
