// tests/model/model_timer.c - times that come beside answers, a cancel, and the next wait in the same slot.
// With: src/sched/token.c src/sched/wheel.c
// Define: ZTOKEN_FIRST=1 ZTOKEN_PIECES=3
//
// The real tokens, wheel and steps of the state word; an inbox is the only queue, a count of the worker's
// rounds the clock. Three isolates are queued, and one worker runs them. The first waits for an answer, at
// the longest for two ticks, and then, in the slot that has become free, for a second answer without end.
// The second sleeps for three ticks, the third for one. One thread answers all questions of the first isolate, whenever it
// sees them; one cancels the second isolate at whatever moment. The worker sweeps its wheel after each
// timer that it adds. Wanted: who waits for a time goes on, not before it; a time that comes late ends no
// other wait; each wait ends once; a cancelled sleeper ends at once, and its timer touches nobody; no
// timer of somebody who waits is swept away; all memory is freed.
// Bugs: by_slot: a timer names the slot, not the wait. blind_fire: it stores the slot's word instead of
// comparing. early: it fires a tick too soon. sweep_all: sweeping asks nobody. no_look: the worker
// does not look at its wheel. keep_token: ending a cancelled sleeper leaves its token open.
#include "model.h"

#include "sched/inbox.h"
#include "sched/state.h"
#include "sched/token.h"
#include "sched/wheel.h"

#include "base/alloc.h"

enum { ASKER, SLEEPER, NAPPER, COUNT };
enum bug { BY_SLOT = 1, BLIND_FIRE, EARLY, SWEEP_ALL, NO_LOOK, KEEP_TOKEN };

#define ASKER_TICKS   2
#define SLEEPER_TICKS 3
#define NAPPER_TICKS  1

static struct ztokens tokens;
static struct zinbox queue;
static struct zisolate *isolates[COUNT];
static _Atomic uint64_t asked[2]; // the asker's tokens
static _Atomic uint32_t left;     // isolates that are not over

// The worker's.
static struct zwheel wheel;
static uint64_t now_ns;

// Of the isolate's owner.
static struct part {
    uint64_t token, wake_ns;
    uint32_t round, ends;
} parts[COUNT];

void zanswer_free(struct zanswer *answer)
{
    (void)answer;
}

static void setup(void)
{
    zx_assert(ztokens_init(&tokens) == ZVM_OK);
    atomic_init(&tokens.free, 0);
    for (uint32_t i = 0; i < ZTOKEN_PIECES; i++)
        atomic_init(&tokens.pieces[i], NULL);
    atomic_init(&queue.newest, NULL);
    atomic_init(&left, COUNT);
    for (uint32_t i = 0; i < 2; i++)
        atomic_init(&asked[i], 0);
    now_ns = 100 * ZWHEEL_TICK_NS;
    zwheel_init(&wheel, now_ns);
    for (uint32_t i = 0; i < COUNT; i++) {
        isolates[i] = zx_alloc(sizeof *isolates[i]);
        atomic_init(&isolates[i]->state, ZSTATE_IDLE);
        atomic_init(&isolates[i]->queue_next, NULL);
        isolates[i]->id = i;
        parts[i] = (struct part){0};
        zx_assert(zstate_submit(&isolates[i]->state));
        zinbox_push(&queue, isolates[i]);
    }
    zx_name(&isolates[ASKER]->state, "asker");
    zx_name(&isolates[SLEEPER]->state, "sleeper");
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
    slot->answer = (struct zanswer){.kind = kind};
    slot->answer.value.integer = integer;
    bool is_watched;
    enum zanswered answered = zstate_answer(&iso->state, &is_watched);
    if (answered == ZANSWERED_QUEUED) zinbox_push(&queue, iso);
    if (answered == ZANSWERED_OVER) ztoken_throw_away(&tokens, slot);
}

static void fire(void *context, uint64_t token)
{
    (void)context;
    uint64_t word = z_load_acquire(&slot_of(token)->word);
    if (zmodel_bug == BY_SLOT) token = (uint32_t)token | word >> 2 << 32;
    if (zmodel_bug == BLIND_FIRE && word == ((token >> 32) << 2 | 1)) {
        z_store_release(&slot_of(token)->word, (token >> 32) << 2 | 1);
    }
    bring(token, ZANSWER_TIME, 0);
}

static bool is_alive(void *context, uint64_t token)
{
    (void)context;
    return zmodel_bug != SWEEP_ALL && ztoken_is_open(&tokens, token);
}

// ---- The worker -----------------------------------------------------------------------------------

static void end(struct zisolate *iso)
{
    struct part *part = &parts[iso->id]; // frozen
    uint64_t token = part->token;
    zx_plain_write(&part->ends, zx_plain_read(&part->ends) + 1);
    part->token = 0;
    if (zmodel_bug == KEEP_TOKEN && token != 0 && ztoken_is_open(&tokens, token)) token = 0;
    if (token != 0 && ztoken_revoke(&tokens, token)) token = 0;
    if (token != 0 && !zstate_has_token(&iso->state)) {
        ztoken_throw_away_named(&tokens, token);
        token = 0;
    }
    uint32_t word = zstate_finish(&iso->state, 0);
    if ((word & ZSTATE_TOKEN) == 0 && token != 0) ztoken_throw_away_named(&tokens, token);
    z_fetch_sub_acq_rel(&left, 1);
}

static void begin_to_wait(struct zisolate *iso, struct part *part)
{
    static const uint32_t first_ticks[COUNT] = {ASKER_TICKS, SLEEPER_TICKS, NAPPER_TICKS};
    uint32_t ticks = part->round == 0 ? first_ticks[iso->id] : 0;
    zx_assert(ztoken_open(&tokens, iso, &part->token) == ZVM_OK);
    part->wake_ns = ticks == 0 ? 0 : now_ns + ticks * ZWHEEL_TICK_NS;
    if (iso->id == ASKER) z_store_relaxed(&asked[part->round], part->token);
}

static void check_answer(const struct zisolate *iso, const struct part *part,
                         const struct zanswer *answer)
{
    if (answer->kind == ZANSWER_TIME) {
        zx_assert(part->wake_ns != 0);
        zx_assert(now_ns >= part->wake_ns);
    } else {
        zx_assert(iso->id == ASKER);
        zx_assert(answer->value.integer == part->round);
    }
}

// False: it waits.
static bool go_on(struct zisolate *iso, struct part *part)
{
    if (part->token == 0) {
        begin_to_wait(iso, part);
        return false;
    }
    if (zstate_has_token(&iso->state)) return false;
    struct zanswer answer = ztoken_take(&tokens, part->token);
    check_answer(iso, part, &answer);
    part->token = 0;
    part->round++;
    return true;
}

// As zwaiting_begin.
static bool suspend(struct zisolate *iso, const struct part *part)
{
    uint64_t token = part->token, wake_ns = part->wake_ns;
    zx_assert(zwheel_reserve(&wheel));
    if (!zstate_suspend(&iso->state)) return false;
    if (wake_ns == 0) return true;
    zwheel_add(&wheel, zmodel_bug == EARLY ? wake_ns - ZWHEEL_TICK_NS : wake_ns, token);
    zwheel_sweep(&wheel, is_alive, NULL);
    return true;
}

static void run(struct zisolate *iso)
{
    struct part *part = &parts[iso->id];
    zx_plain_write(&iso->slices, iso->slices + 1); // two at once are a race
    bool is_cancelled = (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) != 0;
    bool has_gone_on = !is_cancelled && go_on(iso, part);
    bool is_over = is_cancelled || (has_gone_on && part->round == (iso->id == ASKER ? 2 : 1));
    if (is_over)
        end(iso);
    else if (!has_gone_on && suspend(iso, part))
        return;
    else if (zstate_requeue(&iso->state))
        zinbox_push(&queue, iso);
    else
        end(iso);
}

static void work(void)
{
    while (z_load_acquire(&left) > 0) {
        now_ns += ZWHEEL_TICK_NS / 2;
        if (now_ns >= wheel.next_ns && zmodel_bug != NO_LOOK)
            zwheel_fire(&wheel, now_ns, fire, NULL);
        struct zisolate *iso = zinbox_reverse(zinbox_take(&queue));
        if (iso == NULL) zx_yield();
        while (iso != NULL) {
            struct zisolate *next = z_load_relaxed(&iso->queue_next);
            if (zstate_take(&iso->state) == ZTAKEN_TO_RUN) run(iso);
            iso = next;
        }
    }
}

// ---- The others -----------------------------------------------------------------------------------

static void answer_all(void)
{
    while (z_load_acquire(&left) > 0) {
        for (uint32_t round = 0; round < 2; round++) {
            uint64_t token = z_load_relaxed(&asked[round]);
            if (token != 0) bring(token, ZANSWER_VALUE, round);
        }
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

static void cancel(void)
{
    while (!cancel_once(isolates[SLEEPER]))
        zx_yield();
}

static void body(uint32_t thread)
{
    if (thread == 0)
        work();
    else if (thread == 1)
        answer_all();
    else
        cancel();
}

static void check(void)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        zx_assert(parts[i].ends == 1);
        zx_free(isolates[i], sizeof *isolates[i]);
    }
    // Nobody waits any more, so every slot is free: three isolates never had more than three.
    for (uint32_t i = 0; i < 3; i++) {
        bool is_made = z_load_relaxed(&tokens.pieces[i == 0 ? 0 : 1]) != NULL;
        zx_assert(!is_made || (z_load_relaxed(&slot_of(i)->word) & 3) == 0);
    }
    zwheel_deinit(&wheel);
    ztokens_deinit(&tokens);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "by_slot", .random_max = 1000, .pct_max = 1000},
    {.name = "blind_fire", .random_max = 1000, .pct_max = 1000},
    {.name = "early", .random_max = 1000, .pct_max = 1000},
    {.name = "sweep_all", .random_max = 1000, .pct_max = 1000},
    {.name = "no_look", .random_max = 1000, .pct_max = 1000},
    {.name = "keep_token", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "timer",
    .thread_count = 3,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
