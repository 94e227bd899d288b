// tests/model/model_answer.c - tokens: answered twice, while the isolate suspends itself, is cancelled
// and destroyed, and while the slot is given to the next.
// With: src/sched/token.c
// Define: ZTOKEN_FIRST=1 ZTOKEN_PIECES=3
//
// The real tokens and the real steps of the state word; an inbox is the only queue. Two isolates are
// queued. The first asks for a token, waits for its answer, asks again (the first piece has one slot, so
// slots go round), answers that itself before it suspends, and ends. The second does the same, but goes
// on from its first question without wanting the answer. Two workers run them; one thread answers every
// token it sees, one answers the first ones as well and then cancels the first isolate, which whoever has
// it then ends; a host then destroys that, be an answer on its way or not. Tokens are handed over by
// relaxed words, as numbers that order nothing. Wanted: each token has one answer at most; nobody is
// inside an isolate together with somebody else; an answer is seen whole; who waits and is answered goes
// on; blocks and answers are freed once, and nobody touches them afterwards; a token of a first wait
// never ends the second one.
// Bugs: early_leave: an isolate that wants no answer goes on although one is on its way. free_at_once: the destroyer frees
// the block while an answer is on its way. blind_finish: the end forgets that one is. no_note: an
// answer to a running isolate leaves no note. blind_claim: an answer stores the slot's word instead of
// comparing. same_generation: a freed slot keeps its generation. keep_answer: who brings an answer
// to one that is over does not throw it away. weak_slot: looking at a slot's word orders nothing.
#include "model.h"

#include "sched/inbox.h"
#include "sched/state.h"
#include "sched/token.h"

#include "base/alloc.h"

enum { FIRST, SECOND, COUNT };
enum bug {
    EARLY_LEAVE = 1,
    FREE_AT_ONCE,
    BLIND_FINISH,
    NO_NOTE,
    BLIND_CLAIM,
    SAME_GENERATION,
    KEEP_ANSWER,
    WEAK_SLOT,
};

static struct ztokens tokens;
static struct zinbox queue;
static struct zisolate *isolates[COUNT];
static _Atomic uint64_t asked[COUNT][2]; // the tokens, as the host's function gives them away
static _Atomic uint32_t answers[COUNT][2];
static _Atomic uint32_t is_cancelled_by_now; // the canceller is through
static _Atomic uint32_t left;                // isolates that are not over

// Of the isolate's owner.
static struct part {
    uint64_t token;
    uint32_t round, ends;
} parts[COUNT];

void zanswer_free(struct zanswer *answer)
{
    if (answer->text == NULL) return;
    zx_free(answer->text, answer->text_bytes);
    answer->text = NULL;
}

// It exists once somebody has asked for a token.
static void weaken_first_slot(void)
{
    uint64_t token;
    struct zisolate *iso = zx_alloc(sizeof *iso);
    atomic_init(&iso->state, ZSTATE_RUNNING);
    zx_assert(ztoken_open(&tokens, iso, &token) == ZVM_OK);
    zx_assert(ztoken_revoke(&tokens, token));
    zx_free(iso, sizeof *iso);
    struct ztoken_slot *slot = z_load_relaxed(&tokens.pieces[0]);
    zx_weaken(&slot->word, sizeof slot->word, ZX_LOADS);
}

static void setup(void)
{
    zx_assert(ztokens_init(&tokens) == ZVM_OK);
    atomic_init(&tokens.free, 0);
    for (uint32_t i = 0; i < ZTOKEN_PIECES; i++)
        atomic_init(&tokens.pieces[i], NULL);
    atomic_init(&queue.newest, NULL);
    atomic_init(&left, COUNT);
    atomic_init(&is_cancelled_by_now, 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        isolates[i] = zx_alloc(sizeof *isolates[i]);
        atomic_init(&isolates[i]->state, ZSTATE_IDLE);
        atomic_init(&isolates[i]->queue_next, NULL);
        isolates[i]->id = i;
        parts[i] = (struct part){0};
        for (uint32_t k = 0; k < 2; k++) {
            atomic_init(&asked[i][k], 0);
            atomic_init(&answers[i][k], 0);
        }
        zx_assert(zstate_submit(&isolates[i]->state));
        zinbox_push(&queue, isolates[i]);
    }
    if (zmodel_bug == WEAK_SLOT) weaken_first_slot();
    zx_name(&isolates[FIRST]->state, "first");
    zx_name(&isolates[SECOND]->state, "second");
    zx_name(&tokens.free, "free");
}

// ---- Answering ------------------------------------------------------------------------------------

static void free_block(struct zisolate *iso)
{
    zx_free(iso, sizeof *iso);
}

static struct ztoken_slot *slot_of(uint64_t token)
{
    uint32_t index = (uint32_t)token, piece = index == 0 ? 0 : 1 + (index > 2);
    static const uint32_t starts[] = {0, 1, 3};
    return z_load_acquire(&tokens.pieces[piece]) + (index - starts[piece]);
}

static struct ztoken_slot *claim(uint64_t token)
{
    if (zmodel_bug != BLIND_CLAIM) return ztoken_claim(&tokens, token);
    if (!ztoken_is_open(&tokens, token)) return NULL;
    z_store_release(&slot_of(token)->word, (token >> 32) << 2 | 2);
    return slot_of(token);
}

static enum zanswered step(_Atomic uint32_t *state)
{
    bool is_watched;
    if (zmodel_bug == NO_NOTE && zstate_phase(zstate_load(state)) == ZSTATE_RUNNING) {
        zstate_let_go_of_token(state);
        return ZANSWERED_TOLD;
    }
    return zstate_answer(state, &is_watched);
}

// As zsched_answer.
static void answer(uint32_t id, uint32_t round, uint64_t token)
{
    struct ztoken_slot *slot = claim(token);
    if (slot == NULL) return;
    struct zisolate *iso = slot->iso;
    z_fetch_add_relaxed(&answers[id][round], 1);
    struct zanswer made = {.kind = ZANSWER_VALUE, .text_bytes = 8};
    made.value.integer = (int64_t)(id * 2 + round);
    made.text = zx_alloc(made.text_bytes);
    slot->answer = made;
    switch (step(&iso->state)) {
    case ZANSWERED_QUEUED:
        zinbox_push(&queue, iso);
        break;
    case ZANSWERED_LAST:
        free_block(iso);
        ztoken_throw_away(&tokens, slot);
        break;
    case ZANSWERED_OVER:
        if (zmodel_bug != KEEP_ANSWER) ztoken_throw_away(&tokens, slot);
        break;
    default:
        break;
    }
}

static void answer_what_is_asked(uint32_t id, uint32_t round)
{
    uint64_t token = z_load_relaxed(&asked[id][round]);
    if (token != 0) answer(id, round, token);
}

// ---- The worker -----------------------------------------------------------------------------------

static void end(struct zisolate *iso)
{
    struct part *part = &parts[iso->id]; // frozen
    uint64_t token = part->token;
    zx_plain_write(&part->ends, zx_plain_read(&part->ends) + 1);
    part->token = 0;
    // As zwaiting_abandon.
    if (token != 0 && ztoken_revoke(&tokens, token)) token = 0;
    if (token != 0 && !zstate_has_token(&iso->state)) {
        ztoken_throw_away_named(&tokens, token);
        token = 0;
    }
    uint32_t word = ZSTATE_TOKEN;
    if (zmodel_bug == BLIND_FINISH)
        z_store_release(&iso->state, ZSTATE_DONE);
    else
        word = zstate_finish(&iso->state, 0);
    if ((word & ZSTATE_TOKEN) == 0 && token != 0) ztoken_throw_away_named(&tokens, token);
    z_fetch_sub_acq_rel(&left, 1);
}

static struct zanswer take(uint64_t token)
{
    struct zanswer answer = ztoken_take(&tokens, token);
    if (zmodel_bug == SAME_GENERATION) z_store_relaxed(&slot_of(token)->word, (token >> 32) << 2);
    return answer;
}

static bool use_answer(struct zisolate *iso, struct part *part)
{
    if (zstate_has_token(&iso->state)) return false;
    struct zanswer got = take(part->token);
    zx_assert(got.value.integer == (int64_t)((uint32_t)iso->id * 2 + part->round));
    zanswer_free(&got);
    return true;
}

// As a function that returns although it has a token. False: it waits for what it does not want.
static bool leave(struct zisolate *iso, struct part *part)
{
    if (ztoken_revoke(&tokens, part->token)) return true;
    if (zmodel_bug == EARLY_LEAVE && zstate_has_token(&iso->state)) {
        zstate_let_go_of_token(&iso->state);
        return true;
    }
    return use_answer(iso, part);
}

// Asks, or takes the answer. False: it waits.
static bool go_on(struct zisolate *iso, struct part *part)
{
    uint32_t id = (uint32_t)iso->id, round = part->round;
    bool is_new = part->token == 0;
    if (is_new) {
        zx_assert(ztoken_open(&tokens, iso, &part->token) == ZVM_OK);
        z_store_relaxed(&asked[id][round], part->token);
        if (round == 1) answer(id, 1, part->token); // before it suspends itself
    }
    bool is_wanted = id == FIRST || round == 1;
    if (is_new && is_wanted) return false;
    if (is_new ? !leave(iso, part) : !use_answer(iso, part)) return false;
    part->token = 0;
    part->round++;
    return true;
}

static void run(struct zisolate *iso)
{
    struct part *part = &parts[iso->id];
    zx_plain_write(&iso->slices, iso->slices + 1); // two at once are a race
    bool is_cancelled = (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) != 0;
    bool may_go_on = !is_cancelled && go_on(iso, part);
    if (is_cancelled || (may_go_on && part->round == 2))
        end(iso);
    else if (!may_go_on && zstate_suspend(&iso->state))
        return;
    else if (zstate_requeue(&iso->state))
        zinbox_push(&queue, iso);
    else
        end(iso);
}

static void work(void)
{
    while (z_load_acquire(&left) > 0) {
        struct zisolate *iso = zinbox_reverse(zinbox_take(&queue));
        if (iso == NULL) zx_yield();
        while (iso != NULL) {
            struct zisolate *next = z_load_relaxed(&iso->queue_next);
            enum ztaken taken = zstate_take(&iso->state);
            if (taken == ZTAKEN_TO_RUN) run(iso);
            if (taken == ZTAKEN_GONE) free_block(iso);
            iso = next;
        }
    }
}

// ---- The others -----------------------------------------------------------------------------------

static void answer_all(void)
{
    while (z_load_acquire(&left) > 0) {
        answer_what_is_asked(SECOND, 0);
        answer_what_is_asked(FIRST, 0);
        answer_what_is_asked(FIRST, 1);
        answer_what_is_asked(SECOND, 1);
        zx_yield();
    }
}

static bool cancel_once(struct zisolate *iso)
{
    uint32_t word = zstate_load(&iso->state), phase = zstate_phase(word);
    if (phase == ZSTATE_DONE) return true;
    if (phase != ZSTATE_QUEUED && phase != ZSTATE_WAITING)
        return zstate_mark_cancelled(&iso->state, word);
    if (!zstate_claim_to_end(&iso->state, phase)) return false;
    zx_plain_write(&iso->slices, iso->slices + 1);
    end(iso);
    return true;
}

static void answer_and_cancel(void)
{
    answer_what_is_asked(FIRST, 0);
    answer_what_is_asked(SECOND, 0);
    while (!cancel_once(isolates[FIRST]))
        zx_yield();
    z_store_release(&is_cancelled_by_now, 1);
}

static void destroy(struct zisolate *iso)
{
    zx_plain_write(&iso->finished, 1); // the rest of the isolate is taken apart
    if (zmodel_bug == FREE_AT_ONCE || zstate_retire(&iso->state) == ZRETIRED_FREE) free_block(iso);
}

static void host(void)
{
    while (z_load_acquire(&is_cancelled_by_now) == 0)
        zx_yield();
    while (zstate_phase(zstate_load(&isolates[FIRST]->state)) != ZSTATE_DONE)
        zx_yield();
    zx_assert(zx_plain_read(&parts[FIRST].ends) == 1);
    destroy(isolates[FIRST]);
}

static void body(uint32_t thread)
{
    if (thread < 2)
        work();
    else if (thread == 2)
        answer_all();
    else if (thread == 3)
        answer_and_cancel();
    else
        host();
}

// Entries of isolates that were ended beside the queue.
static void purge(void)
{
    struct zisolate *iso = zinbox_take(&queue);
    while (iso != NULL) {
        struct zisolate *next = z_load_relaxed(&iso->queue_next);
        enum ztaken taken = zstate_take(&iso->state);
        zx_assert(taken != ZTAKEN_TO_RUN);
        if (taken == ZTAKEN_GONE) free_block(iso);
        iso = next;
    }
}

static void check(void)
{
    zx_assert(parts[SECOND].ends == 1);
    zx_assert(parts[SECOND].round == 2);
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t k = 0; k < 2; k++)
            zx_assert(answers[i][k] <= 1);
    destroy(isolates[SECOND]);
    purge();
    ztokens_deinit(&tokens);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "early_leave", .random_max = 2000, .pct_max = 20000},
    {.name = "free_at_once", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_finish", .random_max = 1000, .pct_max = 1000},
    {.name = "no_note", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_claim", .random_max = 1000, .pct_max = 1000},
    {.name = "same_generation", .random_max = 2000, .pct_max = 20000},
    {.name = "keep_answer", .random_max = 2000, .pct_max = 20000},
    {.name = "weak_slot", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "answer",
    .thread_count = 5,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
