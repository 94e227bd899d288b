// sched/park.c - sleeping and waking of workers.
//
// Owns: the seats. Thread: as declared. Invariants:
//   1. A bit of the bitmap is set by its worker only, when it is about to sleep.
//   2. Who clears another worker's bit has raised `searching` before, and gives that worker its
//      token: the raise is then the worker's. So `searching` = searchers + wake-ups under way.
//   3. Work that is visible while nobody searches and some bit is set: somebody is between making
//      it visible and its notify, or between the end of a search and the look that must follow.
//   4. A worker whose bit was claimed and who has not had the token yet sets no bit, so there is never
//      a second token on its way to it.
// From 3 it follows that no work waits for ever beside a sleeper: each of those ends in a notify.
#include "sched/park.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/futex.h"
#include "sched/nap.h"
#include "sched/point.h"

#include <string.h>

zvm_status zparking_init(struct zparking *parking, uint32_t seat_count)
{
    ZVM_ASSERT(seat_count <= ZPARK_WORKERS_MAX);
    if (seat_count == 0) return ZVM_OK;
    size_t bytes = seat_count * sizeof *parking->seats;
    struct zseat *seats = z_alloc_aligned(_Alignof(struct zseat), bytes);
    if (seats == NULL) return ZVM_E_NOMEM;
    memset(seats, 0, bytes);
    parking->seats = seats;
    parking->seat_count = seat_count;
    return ZVM_OK;
}

void zparking_deinit(struct zparking *parking)
{
    z_free_aligned(parking->seats, parking->seat_count * sizeof *parking->seats);
    parking->seats = NULL;
    parking->seat_count = 0;
}

// ---- Waking -------------------------------------------------------------------------------------

static uint32_t word_count(const struct zparking *parking)
{
    return (parking->seat_count + 63) / 64;
}

static bool has_idle(const struct zparking *parking)
{
    for (uint32_t i = 0; i < word_count(parking); i++)
        if (z_load_seq_cst(&parking->idle[i]) != 0) return true; // PAIR park
    return false;
}

// Clears the bit; false: it was not set.
static bool clear_idle(struct zparking *parking, uint32_t seat)
{
    uint64_t bit = UINT64_C(1) << seat % 64;
    return (z_fetch_and_seq_cst(&parking->idle[seat / 64], ~bit) & bit) != 0; // PAIR park
}

static bool is_idle(const struct zparking *parking, uint32_t seat)
{
    return (z_load_seq_cst(&parking->idle[seat / 64]) >> seat % 64 & 1) != 0; // PAIR park
}

static bool claim_idle(struct zparking *parking, uint32_t preferred, uint32_t *out)
{
    *out = preferred;
    if (is_idle(parking, preferred) && clear_idle(parking, preferred)) return true;
    for (uint32_t i = 0; i < word_count(parking); i++) {
        uint64_t bits = z_load_seq_cst(&parking->idle[i]); // PAIR park
        for (; bits != 0; bits &= bits - 1) {
            *out = i * 64 + (uint32_t)__builtin_ctzll(bits);
            if (clear_idle(parking, *out)) return true;
        }
    }
    return false;
}

static void give_token(struct zparking *parking, uint32_t seat)
{
    zpoint_pass();
    z_store_release(&parking->seats[seat].token, 1); // PAIR token
    if (zfutex_wake(&parking->seats[seat].token, 1)) return;
    z_fetch_add_relaxed(&parking->refused, 1); // relaxed: a count
}

// A wake-up that finds no bit to claim gives its place as searcher back and looks again, because
// meanwhile somebody may have relied on it and left.
void zparking_notify(struct zparking *parking, uint32_t preferred)
{
    while (z_load_seq_cst(&parking->searching) == 0 && has_idle(parking)) { // PAIR park
        if (!zparking_begin_search(parking)) continue;
        zpoint_pass();
        uint32_t seat;
        if (claim_idle(parking, preferred, &seat)) {
            give_token(parking, seat);
            return;
        }
        zparking_end_search(parking);
    }
}

bool zparking_begin_search(struct zparking *parking)
{
    uint32_t nobody = 0;
    return z_cas_seq_cst(&parking->searching, &nobody, 1); // PAIR park
}

void zparking_end_search(struct zparking *parking)
{
    uint32_t before = z_fetch_sub_seq_cst(&parking->searching, 1); // PAIR park
    ZVM_CHECK(before > 0);
}

// ---- Sleeping -----------------------------------------------------------------------------------

static uint64_t nap_ns(uint64_t end_ns)
{
    if (end_ns == UINT64_MAX) return ZNAP_NS_MAX;
    uint64_t now_ns = zclock_system_now_ns();
    if (end_ns <= now_ns) return 0;
    return end_ns - now_ns < ZNAP_NS_MAX ? end_ns - now_ns : ZNAP_NS_MAX;
}

// One sleep. True: the token is there; it is used up.
static bool take_token(struct zseat *seat, uint64_t end_ns)
{
    if (z_load_acquire(&seat->token) == 0 && !zfutex_wait(&seat->token, 0, nap_ns(end_ns)))
        znap_once();
    if (z_load_acquire(&seat->token) == 0) return false; // PAIR token
    // relaxed: the next token comes only after this worker has set its bit again
    z_store_relaxed(&seat->token, 0);
    return true;
}

// The token that was outstanding, if it has come. It names no work of its own, but the workers may
// have been told to leave with it: who gets it looks at everything again.
static bool collect(struct zseat *seat)
{
    if (!seat->is_owed || z_load_acquire(&seat->token) == 0) return false; // PAIR token
    z_store_relaxed(&seat->token, 0); // relaxed: the next one comes only after the bit was set
    seat->is_owed = false;
    return true;
}

// The worker has woken for no wake-up, and there is work. Whoever has claimed its bit and does not
// go on (that thread has lost its core, say) must not keep it from work: the place as searcher was
// raised for it before the bit was cleared, so it takes that place without the token.
static enum zpark_end leave_early(struct zparking *parking, uint32_t own, bool has_bit)
{
    if (!has_bit || clear_idle(parking, own)) return ZPARK_NOT_NOW;
    parking->seats[own].is_owed = true;
    return ZPARK_WOKEN;
}

static enum zpark_end sleep_until_woken(struct zparking *parking, uint32_t own, bool has_bit,
                                        uint64_t end_ns, zpark_look_fn has_work, void *context)
{
    struct zseat *seat = &parking->seats[own];
    while (!take_token(seat, end_ns))
        if (has_work(context)) return leave_early(parking, own, has_bit);
    if (has_bit) return ZPARK_WOKEN;
    seat->is_owed = false; // the token that was outstanding
    return ZPARK_NOT_NOW;
}

enum zpark_end zparking_park(struct zparking *parking, uint32_t own, bool was_searching,
                             uint64_t end_ns, zpark_look_fn has_work, void *context)
{
    struct zseat *seat = &parking->seats[own];
    if (collect(seat)) {
        if (was_searching) zparking_end_search(parking);
        return ZPARK_NOT_NOW;
    }
    bool has_bit = !seat->is_owed;
    uint64_t bit = UINT64_C(1) << own % 64;
    if (has_bit) z_fetch_or_seq_cst(&parking->idle[own / 64], bit); // PAIR park
    zpoint_pass();
    if (was_searching) zparking_end_search(parking);
    zpoint_pass();
    // With a searcher about, whatever there is is its business: it looks at everything before it
    // sleeps, and after it has found something.
    bool is_relieved = z_load_seq_cst(&parking->searching) != 0; // PAIR park
    if (!is_relieved && has_work(context) && (!has_bit || clear_idle(parking, own)))
        return ZPARK_NOT_NOW;
    // Asleep; or a wake-up has claimed the bit already and its token is on its way.
    return sleep_until_woken(parking, own, has_bit, end_ns, has_work, context);
}

void zparking_stop(struct zparking *parking)
{
    for (uint32_t i = 0; i < parking->seat_count; i++)
        give_token(parking, i);
}
