// What the host's threads of stress_runtime do: one random step after the other on a random slot.
#ifndef STRESS_RUNTIME_STEPS_H
#define STRESS_RUNTIME_STEPS_H

#include "runtime_reports.h"
#include "runtime_slots.h"

#include <sched.h>

#define LONG_WAIT_NS UINT64_C(120000000000)
#define LATE_NS      UINT64_C(300000000)

struct thread {
    struct round *round;
    struct draw random;
    uint32_t index;
};

static const int64_t standard_cookies[STANDARD_SIZE] = {1, 77, 4096, 999999};

// ---- Code ---------------------------------------------------------------------------------------

static inline bool drop_text(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    *(size_t *)context += length_bytes;
    return true;
}

static inline zvm_code *compile(struct side *side, struct stress *stress, const char *name,
                                const char *text)
{
    zvm_code *code = NULL;
    size_t length = strlen(text), said = 0;
    zvm_status status =
        zvm_code_from_source(side->runtime, name, text, length, drop_text, &said, &code);
    expect_status(stress, status, ZVM_OK, name);
    return status == ZVM_OK ? code : NULL;
}

static inline zvm_code *take_code(struct side *side, enum program program)
{
    struct shelf *shelf = &side->shelves[program];
    pthread_mutex_lock(&shelf->lock);
    zvm_code *code = shelf->code;
    zvm_code_retain(code);
    pthread_mutex_unlock(&shelf->lock);
    return code;
}

// Unloads a program that others are running or about to run, and puts a fresh copy in its place.
static inline void reload(struct side *side, struct stress *stress, enum program program)
{
    struct shelf *shelf = &side->shelves[program];
    zvm_code *code = compile(side, stress, programs[program].name, programs[program].source);
    if (code == NULL) return;
    pthread_mutex_lock(&shelf->lock);
    zvm_code *old = shelf->code;
    shelf->code = code;
    pthread_mutex_unlock(&shelf->lock);
    zvm_code_release(old);
}

static inline void compile_wrong(struct side *side, struct stress *stress, int64_t id)
{
    char text[96];
    snprintf(text, sizeof text, "let wrong_%" PRId64 " = {a_%" PRId64 ": 1}\nlet = 3\n", id, id);
    size_t length = strlen(text), said = 0;
    zvm_code *code = NULL;
    zvm_status status =
        zvm_code_from_source(side->runtime, "wrong.zx", text, length, drop_text, &said, &code);
    expect_status(stress, status, ZVM_E_SYNTAX, "a syntax error");
    expect(stress, code == NULL && said > 0, "diagnostics of a syntax error");
}

static inline void disassemble(struct side *side, struct stress *stress, enum program program)
{
    size_t said = 0;
    zvm_code *code = take_code(side, program);
    expect_status(stress, zvm_code_disassemble(code, drop_text, &said), ZVM_OK, "disassemble");
    zvm_code_release(code);
}

// ---- Making one ---------------------------------------------------------------------------------

static inline void choose_spin(struct slot *slot, struct draw *random, bool may_be_endless)
{
    slot->is_endless = may_be_endless && draw(random, 3) == 0;
    slot->options.timeout_ns = slot->is_endless ? 0 : 1 + draw(random, SPIN_TIMEOUT_MAX_NS);
}

static inline void choose_limits(struct slot *slot, struct draw *random, bool may_be_endless)
{
    static const uint64_t thresholds[] = {0, 0, 20, 200};
    zvm_isolate_options *options = &slot->options;
    options->gc_threshold_count = thresholds[draw(random, 4)];
    options->gc_growth_percent = draw(random, 3) == 0 ? 110 : 0;
    slot->is_endless = false;
    if (slot->is_private) return;
    if (slot->program == PROGRAM_HEAP)
        options->heap_limit_bytes = 32768 + draw(random, 200000);
    else if (slot->program == PROGRAM_HEAP_CAUGHT)
        options->heap_limit_bytes = HEAP_CAUGHT_BYTES;
    else if (draw(random, 2) == 0)
        options->heap_limit_bytes = 4 << 20;
    if (slot->program == PROGRAM_DEEP) options->max_depth = DEEP_MAX_DEPTH;
    if (draw(random, 8) == 0) options->fuel_limit = 1 + draw(random, 20000);
    if (draw(random, 12) == 0) options->timeout_ns = 1 + draw(random, 3000000);
    if (slot->program == PROGRAM_SPIN) choose_spin(slot, random, may_be_endless);
    if (slot->program == PROGRAM_PRINT && draw(random, 4) == 0)
        slot->refuse_after = 1 + (uint32_t)draw(random, 100);
}

static inline void choose_numbers(struct slot *slot, struct draw *random)
{
    uint32_t n_max = slot->is_private ? PRIVATE_N : programs[slot->program].n_max;
    slot->standard_n = slot->standard_cookie = -1;
    if (slot->is_private) {
        slot->n = PRIVATE_N;
        slot->cookie = 1 + (int64_t)draw(random, 1000000);
    } else if (draw(random, 2) == 0) {
        slot->standard_n = (int32_t)draw(random, STANDARD_SIZE);
        slot->standard_cookie = (int32_t)draw(random, STANDARD_SIZE);
        slot->n = (int64_t)n_max * slot->standard_n / (STANDARD_SIZE - 1);
        slot->cookie = standard_cookies[slot->standard_cookie];
    } else {
        slot->n = (int64_t)draw(random, n_max + 1);
        slot->cookie = 1 + (int64_t)draw(random, 1000000);
    }
}

static inline void on_finish(zvm_isolate *isolate, void *user);

static inline void choose(struct slot *slot, struct draw *random, bool may_be_endless)
{
    struct round *round = slot->round;
    struct stress *stress = round->stress;
    slot->options = (zvm_isolate_options)ZVM_ISOLATE_OPTIONS_INIT;
    slot->is_private = draw(random, 8) == 0;
    slot->program = (enum program)draw(random, PROGRAM_COUNT);
    slot->id = atomic_fetch_add(&stress->next_id, 1);
    slot->refuse_after = slot->output_calls = 0;
    slot->output_bytes = 0;
    slot->output_hash = HASH_START;
    slot->is_submitted = slot->is_cancelled = slot->is_begun = false;
    atomic_store(&slot->is_told, false);
    choose_limits(slot, random, may_be_endless);
    choose_numbers(slot, random);
    slot->options.id = slot->id;
    slot->options.output = take_output;
    slot->options.output_context = slot;
    slot->options.user = slot;
    slot->by = (enum ending_by)draw(random, 3);
    slot->serial = SERIAL_MAX;
    if (slot->by != BY_HOST) slot->serial = atomic_fetch_add(&round->next_serial, 1);
    if (slot->serial >= SERIAL_MAX) slot->by = BY_HOST;
    if (slot->by != BY_HOST) slot->options.on_finish = on_finish;
}

static inline zvm_code *find_code(struct slot *slot)
{
    char text[PRIVATE_SOURCE_MAX];
    if (!slot->is_private) return take_code(slot->side, slot->program);
    write_private_source(text, slot->id);
    return compile(slot->side, slot->round->stress, "private.zx", text);
}

static inline void set_globals(struct slot *slot)
{
    struct stress *stress = slot->round->stress;
    char text[64];
    int length = snprintf(text, sizeof text, "hello/%" PRId64, slot->cookie);
    zvm_value n = {.kind = ZVM_VALUE_INT, .integer = slot->n};
    zvm_value cookie = {.kind = ZVM_VALUE_INT, .integer = slot->cookie};
    zvm_value greeting = {.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = (size_t)length};
    bool has_cookie = slot->is_private ||
                      (slot->program != PROGRAM_OWN_KEYS && slot->program != PROGRAM_FUNCTIONS);
    bool has_greeting = !slot->is_private && slot->program == PROGRAM_TEXT;
    zvm_status status = zvm_isolate_set_global(slot->isolate, "n", &n);
    expect_status(stress, status, ZVM_OK, "set n");
    status = zvm_isolate_set_global(slot->isolate, "cookie", &cookie);
    if (has_cookie) expect_status(stress, status, ZVM_OK, "set cookie");
    status = zvm_isolate_set_global(slot->isolate, "greeting", &greeting);
    expect_status(stress, status, has_greeting ? ZVM_OK : ZVM_E_NOT_FOUND, "set greeting");
}

// The lock is ours, the slot is empty. False when the runtime takes no more.
static inline bool make(struct slot *slot, struct draw *random, bool may_be_endless)
{
    struct stress *stress = slot->round->stress;
    char number[32];
    const char *arguments[] = {"stress", number};
    choose(slot, random, may_be_endless);
    snprintf(number, sizeof number, "%" PRId64, slot->cookie);
    slot->options.arguments = arguments;
    slot->options.argument_count = 2;
    zvm_code *code = find_code(slot);
    if (code == NULL) return false;
    zvm_status status =
        zvm_isolate_create(slot->side->runtime, code, &slot->options, &slot->isolate);
    zvm_code_release(code); // the isolate has its own reference
    slot->options.arguments = NULL;
    if (status != ZVM_OK) {
        bool is_closed = status == ZVM_E_CLOSED && atomic_load(&slot->side->is_closing);
        if (!is_closed) wrong(stress, "create", zvm_status_text(status));
        slot->isolate = NULL;
        return false;
    }
    atomic_fetch_add(&slot->side->tally.created, 1);
    set_globals(slot);
    return true;
}

// ---- Running one --------------------------------------------------------------------------------

static inline void destroy_idle(struct slot *slot)
{
    if (slot->is_begun) atomic_fetch_add(&slot->side->tally.untold, 1);
    expect_status(slot->round->stress, zvm_isolate_destroy(slot->isolate), ZVM_OK, "destroy idle");
    slot->isolate = NULL;
}

// The lock is ours, the isolate idle and not begun.
static inline void submit(struct slot *slot)
{
    struct stress *stress = slot->round->stress;
    slot->is_submitted = true;
    if (slot->by != BY_HOST) set_bit(slot->round->ended, slot->serial);
    zvm_status status = zvm_isolate_submit(slot->isolate);
    if (status == ZVM_OK) return;
    bool is_right = slot->side->worker_count == 0
                        ? status == ZVM_E_ARGUMENT
                        : status == ZVM_E_CLOSED && atomic_load(&slot->side->is_closing);
    if (!is_right) wrong(stress, "submit", zvm_status_text(status));
    slot->is_submitted = false;
    if (slot->by != BY_HOST)
        atomic_fetch_and(&slot->round->ended[slot->serial / 64], ~(1ul << slot->serial % 64));
}

// From the callback of the one before: it is destroyed, and another one is submitted in its place.
static inline void make_successor(struct slot *slot)
{
    struct draw random = {(uint64_t)slot->id * 31 + slot->chain_left};
    uint32_t chain_left = slot->chain_left - 1;
    if (!make(slot, &random, false /* may_be_endless */)) return;
    slot->chain_left = chain_left;
    submit(slot);
    if (slot->is_submitted || slot->side->worker_count == 0) return;
    destroy_idle(slot); // closed meanwhile
}

static inline void on_finish(zvm_isolate *isolate, void *user)
{
    struct slot *slot = user;
    struct round *round = slot->round;
    struct stress *stress = round->stress;
    expect(stress, zvm_isolate_user(isolate) == user, "user of an isolate");
    expect(stress, set_bit(round->called, slot->serial), "a callback was made twice");
    if (slot->by == BY_HANDOVER) {
        slot->told_ns = now_ns();
        atomic_store(&slot->is_told, true); // from here on it is not ours
        return;
    }
    pthread_mutex_lock(&slot->lock);
    expect(stress, slot->isolate == isolate, "isolate of a callback");
    take_apart(slot);
    if (slot->chain_left > 0) make_successor(slot);
    pthread_mutex_unlock(&slot->lock);
}

// The isolate is idle and only we may destroy it; others may cancel it. True when it has ended.
static inline bool run_by_hand(struct slot *slot, uint64_t budget)
{
    struct round *round = slot->round;
    bool is_finished = false;
    enum ending_by by = slot->by;
    uint32_t serial = slot->serial;
    slot->is_begun = true;
    zvm_status status = zvm_isolate_run(slot->isolate, budget, &is_finished);
    if (status != ZVM_OK) wrong(round->stress, "run", zvm_status_text(status));
    if (!is_finished || by == BY_CALLBACK) {
        if (is_finished) set_bit(round->ended, serial);
        return is_finished; // by callback: it is gone, the slot may have another one
    }
    if (by == BY_HANDOVER) {
        set_bit(round->ended, serial);
        expect(round->stress, atomic_load(&slot->is_told), "run came back before its callback");
    }
    pthread_mutex_lock(&slot->lock);
    take_apart(slot); // nobody waits for one that was not submitted
    pthread_mutex_unlock(&slot->lock);
    return true;
}

static inline void cancel(struct slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    if (slot->isolate != NULL) {
        slot->is_cancelled = true;
        zvm_isolate_cancel(slot->isolate);
    }
    pthread_mutex_unlock(&slot->lock);
}

// ---- Steps --------------------------------------------------------------------------------------

static inline void step_empty(struct thread *thread, struct slot *slot)
{
    struct draw *random = &thread->random;
    struct stress *stress = thread->round->stress;
    enum program program = (enum program)draw(random, PROGRAM_COUNT);
    uint64_t choice = draw(random, 100);
    if (choice < 4) {
        reload(slot->side, stress, program);
    } else if (choice < 6) {
        compile_wrong(slot->side, stress, atomic_fetch_add(&stress->next_id, 1));
    } else if (choice < 7) {
        disassemble(slot->side, stress, program);
    } else {
        pthread_mutex_lock(&slot->lock);
        slot->chain_left = draw(random, 4) == 0 ? (uint32_t)draw(random, 4) : 0;
        if (make(slot, random, true /* may_be_endless */) && draw(random, 2) == 0) submit(slot);
        pthread_mutex_unlock(&slot->lock);
    }
}

static inline void look_at_idle(struct slot *slot)
{
    struct stress *stress = slot->round->stress;
    zvm_result result = ZVM_RESULT_INIT;
    zvm_value n = {.kind = ZVM_VALUE_NULL};
    // Cancelled while idle it is still idle, and keeps its globals.
    expect_status(stress, zvm_isolate_result(slot->isolate, &result), ZVM_E_STATE, "idle: result");
    expect_status(stress, zvm_isolate_wait(slot->isolate, 0), ZVM_E_STATE, "idle: wait");
    expect_status(stress, zvm_isolate_get_global(slot->isolate, "n", &n), ZVM_OK, "idle: get n");
    expect(stress, n.kind == ZVM_VALUE_INT && n.integer == slot->n, "idle: n");
}

static inline void step_idle(struct thread *thread, struct slot *slot)
{
    struct draw *random = &thread->random;
    uint64_t choice = draw(random, 100);
    if (choice < 50 && !slot->is_begun && slot->side->worker_count > 0) {
        pthread_mutex_lock(&slot->lock);
        submit(slot);
        pthread_mutex_unlock(&slot->lock);
    } else if (choice < 80) {
        bool is_whole = draw(random, 10) == 0 && !slot->is_endless;
        (void)run_by_hand(slot, is_whole ? 0 : 1 + draw(random, 9000));
    } else if (choice < 90) {
        look_at_idle(slot);
    } else if (choice < 95) {
        cancel(slot);
    } else if (!slot->is_begun || thread->round->may_untell) {
        pthread_mutex_lock(&slot->lock);
        destroy_idle(slot);
        pthread_mutex_unlock(&slot->lock);
    }
}

// Calls that must be refused, or find that it has ended.
static inline void disturb(struct slot *slot)
{
    struct stress *stress = slot->round->stress;
    zvm_value n = {.kind = ZVM_VALUE_INT, .integer = slot->n}, seen;
    zvm_status status = zvm_isolate_submit(slot->isolate);
    bool is_closed = status == ZVM_E_CLOSED && atomic_load(&slot->side->is_closing);
    expect(stress, status == ZVM_E_STATE || is_closed, "submit twice");
    status = zvm_isolate_run(slot->isolate, 1, NULL);
    expect(stress, status == ZVM_E_BUSY || status == ZVM_E_STATE, "run a submitted one");
    status = zvm_isolate_get_global(slot->isolate, "n", &seen);
    expect(stress, status == ZVM_E_BUSY || status == ZVM_OK, "get of a submitted one");
    status = zvm_isolate_set_global(slot->isolate, "n", &n);
    expect(stress, status == ZVM_E_BUSY || status == ZVM_OK, "set of a submitted one");
}

// Destroys without waiting, as often as it takes.
static inline void destroy_untold(struct slot *slot)
{
    struct stress *stress = slot->round->stress;
    pthread_mutex_lock(&slot->lock);
    if (slot->waiter_count == 0) {
        zvm_status status = zvm_isolate_destroy(slot->isolate);
        expect(stress, status == ZVM_OK || status == ZVM_E_BUSY, "destroy a submitted one");
        if (status == ZVM_OK) {
            atomic_fetch_add(&slot->side->tally.untold, 1);
            slot->isolate = NULL;
        }
    }
    pthread_mutex_unlock(&slot->lock);
}

static inline void wait_for(struct slot *slot, uint64_t timeout_ns)
{
    struct stress *stress = slot->round->stress;
    if (slot->is_endless && timeout_ns == UINT64_MAX) cancel(slot);
    zvm_status status = zvm_isolate_wait(slot->isolate, timeout_ns);
    if (status == ZVM_E_TIMEOUT && timeout_ns != UINT64_MAX) return;
    expect_status(stress, status, ZVM_OK, "wait");
    pthread_mutex_lock(&slot->lock);
    if (slot->waiter_count == 0) take_apart(slot);
    pthread_mutex_unlock(&slot->lock);
}

// A waiter that was not woken looks again by itself after a while: it is late.
static inline void wait_for_told(struct slot *slot, uint64_t timeout_ns)
{
    struct stress *stress = slot->round->stress;
    if (slot->is_endless && timeout_ns == LONG_WAIT_NS) cancel(slot);
    zvm_status status = zvm_isolate_wait(slot->isolate, timeout_ns);
    uint64_t end_ns = now_ns();
    expect(stress, status == ZVM_OK || status == ZVM_E_TIMEOUT, "wait for one with a callback");
    if (timeout_ns != LONG_WAIT_NS) return;
    expect_status(stress, status, ZVM_OK, "wait for long");
    bool is_late = atomic_load(&slot->is_told) && end_ns > slot->told_ns + LATE_NS;
    atomic_fetch_add(&stress->long_waits, 1);
    if (is_late) atomic_fetch_add(&stress->late_waits, 1);
}

// Not for one that its callback destroys: it may be gone.
static inline void step_submitted(struct thread *thread, struct slot *slot)
{
    uint64_t choice = draw(&thread->random, 100);
    if (slot->by == BY_HANDOVER && atomic_load(&slot->is_told)) {
        pthread_mutex_lock(&slot->lock);
        take_apart(slot);
        pthread_mutex_unlock(&slot->lock);
    } else if (choice < 10) {
        cancel(slot);
    } else if (slot->by == BY_HANDOVER) {
        wait_for_told(slot, choice < 70 ? draw(&thread->random, 100000) : LONG_WAIT_NS);
    } else if (choice < 20) {
        disturb(slot);
    } else if (choice < 40 && thread->round->may_untell) {
        destroy_untold(slot);
    } else {
        wait_for(slot, choice < 70 ? draw(&thread->random, 500000) : UINT64_MAX);
    }
}

// One step on one slot that nobody else is busy with.
static inline void step(struct thread *thread)
{
    struct round *round = thread->round;
    struct slot *slot = &round->slots[draw(&thread->random, round->slot_count)];
    if (atomic_exchange(&slot->is_busy, true)) return;
    pthread_mutex_lock(&slot->lock);
    bool is_empty = slot->isolate == NULL, is_submitted = slot->is_submitted;
    bool is_its_own = is_submitted && slot->by == BY_CALLBACK;
    pthread_mutex_unlock(&slot->lock);
    if (is_empty)
        step_empty(thread, slot);
    else if (is_its_own && draw(&thread->random, 4) == 0)
        cancel(slot);
    else if (is_its_own)
        sched_yield();
    else if (is_submitted)
        step_submitted(thread, slot);
    else
        step_idle(thread, slot);
    atomic_store(&slot->is_busy, false);
    atomic_fetch_add(&round->steps, 1);
}

// ---- The end of a round -------------------------------------------------------------------------

// Brings what a thread must see to, to its end. What a callback destroys is left to the workers.
static inline void finish_slot(struct thread *thread, struct slot *slot)
{
    for (;;) {
        pthread_mutex_lock(&slot->lock);
        bool is_over = slot->isolate == NULL || (slot->is_submitted && slot->by == BY_CALLBACK);
        bool is_submitted = slot->is_submitted, is_endless = slot->is_endless;
        pthread_mutex_unlock(&slot->lock);
        if (is_endless) cancel(slot);
        if (is_over) break;
        if (!is_submitted)
            (void)run_by_hand(slot, draw(&thread->random, 3) == 0 ? 0 : 20000);
        else if (slot->by == BY_HANDOVER)
            step_submitted(thread, slot);
        else
            wait_for(slot, UINT64_MAX);
    }
    atomic_fetch_add(&thread->round->steps, 1);
}

#endif // STRESS_RUNTIME_STEPS_H
