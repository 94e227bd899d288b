// tests/model/model_reset.c - isolates are begun anew while answers, times and cancels of their first life
// are on their way.
// With: src/sched/token.c src/sched/wheel.c
// Define: ZTOKEN_FIRST=1 ZTOKEN_PIECES=3
//
// The real tokens, wheel and steps of the state word; an inbox is the only queue, a count of the worker's
// rounds the clock. The host runs one isolate by hand until it waits for an answer, resets it, and runs
// it to its end. Another one it sends to a worker; that one waits for an answer, at the longest for a
// tick, and ends. Then the host resets it and sends it again, and in its second life it waits for an answer only. One
// thread answers all questions that it sees, whenever it likes; one runs the first isolate now and then,
// which is none of its business, and cancels each isolate once. Wanted: nobody is inside an isolate together
// with somebody else; no answer and no time of the first life reaches the second; a cancel that was over
// before the reset began does not end the second life; who waits and is answered goes on; after the last
// reset nothing of the isolates is left in their words, and no slot is taken.
// Bugs: no_claim: a reset looks whether the isolate is at rest, and does not make it its own. early: it
// takes one that somebody is still answering. keep_token: it drops no question. keep_cancel: it leaves
// the bit. blind_return: a reset that is refused forgets that the isolate was answered meanwhile.
// drop_named: it takes one that a queue still names.
#include "model.h"

#include "sched/inbox.h"
#include "sched/state.h"
#include "sched/token.h"
#include "sched/wheel.h"

#include "base/alloc.h"

enum { HAND, SENT, COUNT };
enum bug { NO_CLAIM = 1, EARLY, KEEP_TOKEN, KEEP_CANCEL, BLIND_RETURN, DROP_NAMED };

static struct ztokens tokens;
static struct zinbox queue;
static struct zisolate *isolates[COUNT];
static _Atomic uint64_t asked[COUNT][2];      // the tokens, by life
static _Atomic uint32_t was_cancelled[COUNT]; // the canceller is through with it
static _Atomic uint32_t is_sent;              // the second one has been submitted
static _Atomic uint32_t is_over;              // the host is through

// The worker's.
static struct zwheel wheel;
static uint64_t now_ns;

// Of the isolate's owner.
static struct part {
    uint64_t token;
    uint32_t life;
    bool has_ended, must_live;
} parts[COUNT];

void zanswer_free(struct zanswer *answer)
{
    if (answer->text == NULL) return;
    zx_free(answer->text, answer->text_bytes);
    answer->text = NULL;
}

static void setup(void)
{
    zx_assert(ztokens_init(&tokens) == ZVM_OK);
    atomic_init(&tokens.free, 0);
    for (uint32_t i = 0; i < ZTOKEN_PIECES; i++)
        atomic_init(&tokens.pieces[i], NULL);
    atomic_init(&queue.newest, NULL);
    atomic_init(&is_sent, 0);
    atomic_init(&is_over, 0);
    now_ns = 100 * ZWHEEL_TICK_NS;
    zwheel_init(&wheel, now_ns);
    for (uint32_t i = 0; i < COUNT; i++) {
        isolates[i] = zx_alloc(sizeof *isolates[i]);
        atomic_init(&isolates[i]->state, ZSTATE_IDLE);
        atomic_init(&isolates[i]->queue_next, NULL);
        isolates[i]->id = i;
        isolates[i]->slices = 0;
        parts[i] = (struct part){0};
        atomic_init(&was_cancelled[i], 0);
        for (uint32_t life = 0; life < 2; life++)
            atomic_init(&asked[i][life], 0);
    }
    zx_name(&isolates[HAND]->state, "hand");
    zx_name(&isolates[SENT]->state, "sent");
    zx_name(&tokens.free, "free");
}

// Two at once are a race.
static struct part *enter(struct zisolate *iso)
{
    zx_plain_write(&iso->slices, iso->slices + 1);
    return &parts[iso->id]; // frozen
}

// ---- Answering ------------------------------------------------------------------------------------

static struct ztoken_slot *slot_of(uint64_t token)
{
    uint32_t index = (uint32_t)token, piece = index == 0 ? 0 : 1 + (index > 2);
    static const uint32_t starts[] = {0, 1, 3};
    return z_load_acquire(&tokens.pieces[piece]) + (index - starts[piece]);
}

static void bring(uint64_t token, enum zanswer_kind kind, int64_t integer)
{
    struct ztoken_slot *slot = ztoken_claim(&tokens, token);
    if (slot == NULL) return;
    struct zisolate *iso = slot->iso;
    slot->answer = (struct zanswer){.kind = kind, .text_bytes = 8};
    slot->answer.value.integer = integer;
    slot->answer.text = zx_alloc(slot->answer.text_bytes);
    bool is_watched;
    enum zanswered answered = zstate_answer(&iso->state, &is_watched);
    if (answered == ZANSWERED_QUEUED) zinbox_push(&queue, iso);
    if (answered == ZANSWERED_OVER) ztoken_throw_away(&tokens, slot);
}

static void answer_all(void)
{
    while (z_load_acquire(&is_over) == 0) {
        for (uint32_t i = 0; i < COUNT; i++) {
            for (uint32_t life = 0; life < 2; life++) {
                uint64_t token = z_load_relaxed(&asked[i][life]);
                if (token != 0) bring(token, ZANSWER_VALUE, i * 2 + life);
            }
        }
        zx_yield();
    }
}

static void fire(void *context, uint64_t token)
{
    (void)context;
    bring(token, ZANSWER_TIME, 0);
}

// ---- An isolate's own steps -------------------------------------------------------------------------

// As zwaiting_abandon and zfinish_isolate.
static void end(struct zisolate *iso, struct part *part, bool is_cancelled)
{
    uint64_t token = part->token;
    zx_assert(!(is_cancelled && part->life == 1 && part->must_live));
    part->token = 0;
    part->has_ended = true;
    if (token != 0 && ztoken_revoke(&tokens, token)) token = 0;
    if (token != 0 && !zstate_has_token(&iso->state)) {
        ztoken_throw_away_named(&tokens, token);
        token = 0;
    }
    uint32_t word = zstate_finish(&iso->state, 0);
    if ((word & ZSTATE_TOKEN) == 0 && token != 0) ztoken_throw_away_named(&tokens, token);
}

static void ask(struct zisolate *iso, struct part *part)
{
    zx_assert(ztoken_open(&tokens, iso, &part->token) == ZVM_OK);
    z_store_relaxed(&asked[iso->id][part->life], part->token);
}

static void take_answer(const struct zisolate *iso, struct part *part)
{
    struct zanswer answer = ztoken_take(&tokens, part->token);
    part->token = 0;
    if (answer.kind == ZANSWER_TIME)
        zx_assert(part->life == 0 && iso->id == SENT);
    else
        zx_assert(answer.value.integer == iso->id * 2 + part->life);
    zanswer_free(&answer);
}

// True: it is over.
static bool go_on(struct zisolate *iso, struct part *part)
{
    if ((z_load_relaxed(&iso->state) & ZSTATE_CANCEL) != 0) {
        end(iso, part, true /* is_cancelled */);
        return true;
    }
    if (part->token == 0) {
        ask(iso, part);
        return false;
    }
    if (zstate_has_token(&iso->state)) return false;
    take_answer(iso, part);
    end(iso, part, false);
    return true;
}

// ---- The worker -----------------------------------------------------------------------------------

static bool suspend(struct zisolate *iso, const struct part *part)
{
    uint64_t token = part->token;
    bool has_time = part->life == 0;
    zx_assert(zwheel_reserve(&wheel));
    if (!zstate_suspend(&iso->state)) return false;
    if (has_time) zwheel_add(&wheel, now_ns + ZWHEEL_TICK_NS, token);
    return true;
}

static void run(struct zisolate *iso)
{
    struct part *part = enter(iso);
    if (go_on(iso, part) || suspend(iso, part)) return;
    if (zstate_requeue(&iso->state))
        zinbox_push(&queue, iso);
    else
        end(iso, part, true /* is_cancelled */);
}

static void work(void)
{
    while (z_load_acquire(&is_over) == 0) {
        now_ns += ZWHEEL_TICK_NS / 2;
        if (now_ns >= wheel.next_ns) zwheel_fire(&wheel, now_ns, fire, NULL);
        struct zisolate *iso = zinbox_reverse(zinbox_take(&queue));
        if (iso == NULL) zx_yield();
        while (iso != NULL) {
            struct zisolate *next = z_load_relaxed(&iso->queue_next);
            if (zstate_take(&iso->state) == ZTAKEN_TO_RUN) run(iso);
            iso = next;
        }
    }
}

// ---- The canceller --------------------------------------------------------------------------------

// As zsched_cancel.
static bool cancel_once(struct zisolate *iso)
{
    uint32_t word = zstate_load(&iso->state), phase = zstate_phase(word);
    bool is_watched;
    if (phase == ZSTATE_DONE) return true;
    if (zstate_is_hosted_wait(word)) return zstate_cancel_hosted(&iso->state, &is_watched);
    if (phase != ZSTATE_QUEUED && phase != ZSTATE_WAITING)
        return (word & ZSTATE_CANCEL) != 0 || zstate_mark_cancelled(&iso->state, word);
    if (!zstate_claim_to_end(&iso->state, phase)) return false;
    end(iso, enter(iso), true /* is_cancelled */);
    return true;
}

static void meddle_and_cancel(void)
{
    uint32_t seen;
    if (zstate_claim(&isolates[HAND]->state, &seen)) {
        enter(isolates[HAND]);
        zx_assert(zstate_put_back(&isolates[HAND]->state));
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        while (i == SENT && z_load_relaxed(&is_sent) == 0)
            zx_yield();
        while (!cancel_once(isolates[i]))
            zx_yield();
        z_store_release(&was_cancelled[i], 1);
    }
}

// ---- The host -------------------------------------------------------------------------------------

static bool claim_to_reset(struct zisolate *iso, uint32_t *seen)
{
    uint32_t word = *seen = zstate_load(&iso->state), phase = zstate_phase(word);
    bool is_at_rest = phase == ZSTATE_IDLE || phase == ZSTATE_DONE || zstate_is_hosted_wait(word);
    if (zmodel_bug == NO_CLAIM) return is_at_rest && (word & ZSTATE_ENTRY) == 0;
    if (zmodel_bug == EARLY || zmodel_bug == DROP_NAMED) {
        uint32_t drop = ZSTATE_HOSTED | (zmodel_bug == EARLY ? ZSTATE_TOKEN : ZSTATE_ENTRY);
        if (!is_at_rest || (word & ZSTATE_NAMED & ~drop) != 0) return false;
        uint32_t next = zstate_with(word, ZSTATE_RUNNING) & ~drop;
        return z_cas_acq_rel(&iso->state, &word, next);
    }
    return zstate_claim_to_reset(&iso->state, seen);
}

// As zwaiting_drop.
static bool drop(struct zisolate *iso, struct part *part)
{
    uint64_t token = part->token;
    if (token == 0 || zmodel_bug == KEEP_TOKEN) return true;
    if (!ztoken_revoke(&tokens, token)) {
        if (zstate_has_token(&iso->state)) return false;
        ztoken_throw_away_named(&tokens, token);
    }
    part->token = 0;
    return true;
}

static void give_up(struct zisolate *iso, uint32_t seen)
{
    if (zmodel_bug == BLIND_RETURN && zstate_is_hosted_wait(seen)) {
        uint32_t ignored;
        zx_assert(zstate_step(&iso->state, ZSTATE_RUNNING, 0, ZSTATE_WAITING, ZSTATE_NOTIFIED,
                              ZSTATE_HOSTED, &ignored));
        return;
    }
    zstate_give_up_reset(&iso->state, seen);
}

static void finish_reset(struct zisolate *iso)
{
    bool is_blind = zmodel_bug == NO_CLAIM || zmodel_bug == KEEP_TOKEN;
    uint32_t kept = zmodel_bug == KEEP_CANCEL ? ZSTATE_CANCEL : 0;
    if (is_blind || (zstate_load(&iso->state) & kept) != 0)
        z_store_release(&iso->state, ZSTATE_IDLE | (zstate_load(&iso->state) & kept));
    else
        zstate_reset(&iso->state);
}

// As zsched_reset. False: refused.
static bool reset_once(struct zisolate *iso)
{
    uint32_t seen;
    bool must_live = z_load_acquire(&was_cancelled[iso->id]) != 0;
    if (!claim_to_reset(iso, &seen)) return false;
    struct part *part = enter(iso);
    if (!drop(iso, part)) {
        give_up(iso, seen);
        return false;
    }
    *part = (struct part){.life = part->life + 1, .must_live = must_live};
    zx_plain_write(&iso->slices, 0);
    finish_reset(iso);
    return true;
}

// One that was just being answered comes to rest with its answer.
static void reset(struct zisolate *iso)
{
    while (!reset_once(iso)) {
        do
            zx_yield();
        while (zstate_is_hosted_wait(zstate_load(&iso->state)));
    }
}

// As zsched_run, without an end. True: it is over.
static bool run_by_hand(struct zisolate *iso)
{
    uint32_t seen;
    while (!zstate_claim(&iso->state, &seen))
        zx_yield();
    struct part *part = enter(iso);
    for (;;) {
        if (go_on(iso, part)) return true;
        if (zstate_suspend_hosted(&iso->state)) return false;
    }
}

static void use_by_hand(struct zisolate *iso)
{
    (void)run_by_hand(iso);
    reset(iso);
    while (!run_by_hand(iso)) {
        while (zstate_is_hosted_wait(zstate_load(&iso->state)))
            zx_yield();
    }
    reset(iso);
}

static void use_by_sending(struct zisolate *iso)
{
    for (uint32_t life = 0; life < 2; life++) {
        zx_assert(zstate_submit(&iso->state));
        zinbox_push(&queue, iso);
        z_store_relaxed(&is_sent, 1); // relaxed: when is all it says
        while (zstate_phase(zstate_load(&iso->state)) != ZSTATE_DONE)
            zx_yield();
        zx_assert(parts[iso->id].has_ended);
        reset(iso);
    }
}

static void use(void)
{
    use_by_hand(isolates[HAND]);
    use_by_sending(isolates[SENT]);
    z_store_release(&is_over, 1);
}

static void body(uint32_t thread)
{
    static void (*const bodies[])(void) = {use, work, answer_all, meddle_and_cancel};
    bodies[thread]();
}

static void check(void)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        zx_assert((z_load_relaxed(&isolates[i]->state) & ~(uint32_t)ZSTATE_CANCEL) == ZSTATE_IDLE);
        zx_assert(parts[i].life == 2);
        zx_free(isolates[i], sizeof *isolates[i]);
    }
    for (uint32_t i = 0; i < 3; i++) {
        bool is_made = z_load_relaxed(&tokens.pieces[i == 0 ? 0 : 1]) != NULL;
        zx_assert(!is_made || (z_load_relaxed(&slot_of(i)->word) & 3) == 0);
    }
    zwheel_deinit(&wheel);
    ztokens_deinit(&tokens);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "no_claim", .random_max = 2000, .pct_max = 5000},
    {.name = "early", .random_max = 2000, .pct_max = 5000},
    {.name = "keep_token", .random_max = 1000, .pct_max = 1000},
    {.name = "keep_cancel", .random_max = 2000, .pct_max = 5000},
    {.name = "blind_return", .random_max = 20000, .pct_max = 100000},
    {.name = "drop_named", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "reset",
    .thread_count = 4,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
