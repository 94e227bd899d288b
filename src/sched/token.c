// sched/token.c - names for what isolates wait for, that any thread may answer, once.
//
// Owns: the slots. Thread: as declared. Lock-free, but for making room: slots come from a list that is
// a stack of indexes; its head carries a number that rises, so a thread that lost its core between
// reading the head's successor and putting it in place finds another head. Slots lie in pieces that
// stay until the end, so whoever holds an old token, or any number at all, may look.
#include "sched/token.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "sched/point.h"
#include "sched/state.h"

#include <string.h>

enum { FREE, OPEN, CLAIMED };

#define GENERATION_MAX UINT32_MAX

_Static_assert(sizeof(struct ztoken_slot) % ZVM_CACHE_LINE_BYTES == 0, "a slot has its own lines");

static uint64_t word_of(uint64_t generation, uint32_t phase)
{
    return generation << 2 | phase;
}

static uint32_t index_of(uint64_t token)
{
    return (uint32_t)token;
}

static uint64_t generation_of(uint64_t token)
{
    return token >> 32;
}

// ---- Slots --------------------------------------------------------------------------------------

// Piece p has ZTOKEN_FIRST << p slots, and begins at ZTOKEN_FIRST * (2^p - 1).
static uint32_t piece_of(uint32_t index)
{
    uint64_t units = (uint64_t)index / ZTOKEN_FIRST + 1;
    return 63 - (uint32_t)__builtin_clzll(units);
}

static uint32_t piece_start(uint32_t piece)
{
    return (uint32_t)(ZTOKEN_FIRST * ((UINT64_C(1) << piece) - 1));
}

static uint32_t piece_length(uint32_t piece)
{
    return (uint32_t)((uint64_t)ZTOKEN_FIRST << piece);
}

_Static_assert(((uint64_t)ZTOKEN_FIRST << ZTOKEN_PIECES) < UINT32_MAX, "an index has 32 bits");

// NULL: there is no such slot.
static struct ztoken_slot *slot_at(struct ztokens *tokens, uint32_t index)
{
    uint32_t piece = piece_of(index);
    if (piece >= ZTOKEN_PIECES) return NULL;
    struct ztoken_slot *slots = z_load_acquire(&tokens->pieces[piece]); // PAIR piece
    return slots == NULL ? NULL : &slots[index - piece_start(piece)];
}

zvm_status ztokens_init(struct ztokens *tokens)
{
    return pthread_mutex_init(&tokens->grow_lock, NULL) == 0 ? ZVM_OK : ZVM_E_NOMEM;
}

void ztokens_deinit(struct ztokens *tokens)
{
    for (uint32_t piece = 0; piece < ZTOKEN_PIECES; piece++) {
        // relaxed: nobody else is inside a call
        struct ztoken_slot *slots = z_load_relaxed(&tokens->pieces[piece]);
        if (slots != NULL) z_free_aligned(slots, piece_length(piece) * sizeof *slots);
    }
    pthread_mutex_destroy(&tokens->grow_lock);
}

// ---- The free ones ------------------------------------------------------------------------------

static uint64_t head_after(uint64_t head, uint32_t first)
{
    return ((head >> 32) + 1) << 32 | first;
}

// first to last are linked, and nobody else knows them.
static void push_free(struct ztokens *tokens, uint32_t first, struct ztoken_slot *last)
{
    uint64_t head = z_load_relaxed(&tokens->free); // relaxed: a guess, the CAS checks it
    do {
        zpoint_pass();
        z_store_relaxed(&last->next, (uint32_t)head); // relaxed: the CAS carries it
    } while (
        !z_cas_weak_release(&tokens->free, &head, head_after(head, first + 1))); // PAIR free-slots
}

// NULL: there is none.
static struct ztoken_slot *pop_free(struct ztokens *tokens)
{
    uint64_t head = z_load_acquire(&tokens->free); // PAIR free-slots
    for (;;) {
        if ((uint32_t)head == 0) return NULL;
        struct ztoken_slot *slot = slot_at(tokens, (uint32_t)head - 1);
        uint32_t next = z_load_relaxed(&slot->next); // relaxed: stale when the head has moved
        zpoint_pass();
        if (z_cas_acq_rel(&tokens->free, &head, head_after(head, next)))
            return slot; // PAIR free-slots
    }
}

// All of a new piece but its first slot, which is the caller's.
static void link_piece(struct ztokens *tokens, struct ztoken_slot *slots, uint32_t piece)
{
    uint32_t length = piece_length(piece), start = piece_start(piece);
    memset(slots, 0, length * sizeof *slots);
    for (uint32_t i = 0; i < length; i++) {
        atomic_init(&slots[i].word, word_of(1, FREE));
        atomic_init(&slots[i].next, i + 1 < length ? start + i + 2 : 0);
        slots[i].index = start + i;
    }
    z_store_release(&tokens->pieces[piece], slots); // PAIR piece
    if (length > 1) push_free(tokens, start + 1, &slots[length - 1]);
}

static zvm_status grow_locked(struct ztokens *tokens, struct ztoken_slot **out)
{
    *out = pop_free(tokens); // somebody may have made one meanwhile
    if (*out != NULL) return ZVM_OK;
    uint32_t piece = 0;
    // relaxed: who writes it has the lock
    while (piece < ZTOKEN_PIECES && z_load_relaxed(&tokens->pieces[piece]) != NULL)
        piece++;
    if (piece == ZTOKEN_PIECES) return ZVM_E_LIMIT;
    size_t bytes = piece_length(piece) * sizeof **out;
    struct ztoken_slot *slots = z_alloc_aligned(_Alignof(struct ztoken_slot), bytes);
    if (slots == NULL) return ZVM_E_NOMEM;
    link_piece(tokens, slots, piece);
    *out = slots;
    return ZVM_OK;
}

static zvm_status get_free(struct ztokens *tokens, struct ztoken_slot **out)
{
    *out = pop_free(tokens);
    if (*out != NULL) return ZVM_OK;
    pthread_mutex_lock(&tokens->grow_lock);
    zvm_status status = grow_locked(tokens, out);
    pthread_mutex_unlock(&tokens->grow_lock);
    return status;
}

// The slot's word is no longer OPEN, and its answer nobody's.
static void put_free(struct ztokens *tokens, struct ztoken_slot *slot, uint64_t generation)
{
    // relaxed: the list carries it; a thread with an old token finds another generation, or phase
    z_store_relaxed(&slot->word, word_of(generation + 1, FREE));
    if (generation < GENERATION_MAX) push_free(tokens, slot->index, slot);
}

// ---- Tokens -------------------------------------------------------------------------------------

zvm_status ztoken_open(struct ztokens *tokens, struct zisolate *iso, uint64_t *token)
{
    struct ztoken_slot *slot;
    zvm_status status = get_free(tokens, &slot);
    if (status != ZVM_OK) return status;
    uint64_t generation = z_load_relaxed(&slot->word) >> 2; // relaxed: the slot is ours
    slot->iso = iso;
    zstate_hold_token(&iso->state);
    z_store_release(&slot->word, word_of(generation, OPEN)); // PAIR answer
    *token = generation << 32 | slot->index;
    return ZVM_OK;
}

bool ztoken_is_open(struct ztokens *tokens, uint64_t token)
{
    struct ztoken_slot *slot = slot_at(tokens, index_of(token));
    // relaxed: a guess
    return slot != NULL && z_load_relaxed(&slot->word) == word_of(generation_of(token), OPEN);
}

struct ztoken_slot *ztoken_claim(struct ztokens *tokens, uint64_t token)
{
    struct ztoken_slot *slot = slot_at(tokens, index_of(token));
    if (slot == NULL) return NULL;
    uint64_t word = word_of(generation_of(token), OPEN);
    zpoint_pass();
    bool is_ours = z_cas_acq_rel(&slot->word, &word, word_of(generation_of(token), CLAIMED));
    return is_ours ? slot : NULL; // PAIR answer
}

bool ztoken_revoke(struct ztokens *tokens, uint64_t token)
{
    struct ztoken_slot *slot = slot_at(tokens, index_of(token));
    uint64_t generation = generation_of(token), word = word_of(generation, OPEN);
    zpoint_pass();
    if (!z_cas_acq_rel(&slot->word, &word, word_of(generation, FREE))) return false; // PAIR answer
    zstate_let_go_of_token(&slot->iso->state);
    put_free(tokens, slot, generation);
    return true;
}

struct zanswer ztoken_take(struct ztokens *tokens, uint64_t token)
{
    struct ztoken_slot *slot = slot_at(tokens, index_of(token));
    struct zanswer answer = slot->answer;
    slot->answer = (struct zanswer){0};
    put_free(tokens, slot, generation_of(token));
    return answer;
}

void ztoken_throw_away(struct ztokens *tokens, struct ztoken_slot *slot)
{
    zanswer_free(&slot->answer);
    put_free(tokens, slot, z_load_relaxed(&slot->word) >> 2); // relaxed: the slot is ours
}

void ztoken_throw_away_named(struct ztokens *tokens, uint64_t token)
{
    ztoken_throw_away(tokens, slot_at(tokens, index_of(token)));
}
