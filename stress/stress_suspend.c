// Goal: nothing is lost, answered twice, mixed up or left behind when isolates wait for their host, sleep,
// call functions that block, are cancelled and begun anew, all at once.
// Method: each thread of the host has slots with an isolate each, and draws what becomes of it: sent to the
// workers, or run by hand; waited for, or begun anew as soon as that is allowed; given back to a pool.
// Isolates of one kind begin their next life in their own on_finish. Threads answer tokens late, at once,
// twice, or with an error that the program asks again for; one cancels whatever it likes, while the
// isolate is being reset, too. A life computes a number from its ticket: a life that got another one's answer,
// or an answer of its isolate's last life, shows it. A life may end cancelled only when a cancel was not over
// before it began. A watchdog aborts when nothing moves for half a minute.
// Usage: stress_suspend [THREADS] [SLOTS] [STEPS] [SEED] [--seconds N]: threads of the host, slots of each,
// steps of a thread in a round, seed; rounds until so much time has passed (else one for each count of
// workers). Exit status 0: nothing wrong.
#include "zvm.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define STEPS_DEFAULT 300
#else
#    define STEPS_DEFAULT 3000
#endif
#define ANSWERERS  2
#define BOX_TOKENS 64 // that an answerer keeps for later
#define STUCK_S    30
#define SELF_LIVES 5

static const char PROGRAM[] = "async action touch(l) { sleep(0.1)\n l[0] = l[0] + 0 }\n"
                              "let n = ticket()\n"
                              "let a = null\n"
                              "while a == null { try { a = ask(n) } catch (e) { a = null } }\n"
                              "if n % 3 == 0 { sleep(0.2) }\n"
                              "let b = [a, \"text ${n}\"]\n"
                              "if n % 4 == 0 { b[0] = block(b[0]) } else { b[0] = b[0] + 1 }\n"
                              "if n % 5 == 0 { await touch(b) }\n"
                              "let r = b[0] + ask_now(n)\n";

// What the program computes.
static int64_t result_for(int64_t ticket)
{
    return (ticket * 7 + 1) + 1 + (ticket + 3);
}

enum kind { KIND_OWN, KIND_POOLED, KIND_SELF, KIND_COUNT };

struct slot {
    struct stress *stress;
    zvm_isolate *isolate;
    enum kind kind;
    pthread_mutex_t
        lock; // of a pooled one, which may be destroyed: who gives it back, who cancels it
    _Atomic int64_t ticket; // of this life
    _Atomic uint64_t cancels_begun, cancels_over;
    uint64_t over_before; // cancels that were over before this life
    _Atomic int lives;    // SELF: to come
    _Atomic bool is_done; // SELF: the last one is over
};

// Tokens that wait for one thread to answer them.
struct box {
    struct stress *stress;
    pthread_mutex_t lock;
    pthread_t thread;
    struct {
        zvm_token token;
        int64_t ticket;
    } tokens[BOX_TOKENS];
    uint32_t count;
    uint64_t random;
};

struct thread {
    struct stress *stress;
    pthread_t id;
    struct slot *slots;
    uint64_t random;
};

struct stress {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate_pool *pool;
    struct box boxes[ANSWERERS];
    struct thread *threads;
    uint32_t thread_count, slot_count, worker_count;
    uint64_t steps;
    _Atomic uint64_t tickets, lives, cancelled, resets, stale;
    _Atomic uint32_t wrong;
    _Atomic bool is_over;
};

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (*random >> 11) % below;
}

static void expect(struct stress *stress, bool is_right, const char *what)
{
    if (is_right) return;
    atomic_fetch_add(&stress->wrong, 1);
    fprintf(stderr, "stress_suspend: wrong: %s\n", what);
}

static void nap(uint64_t ns)
{
    struct timespec time = {.tv_nsec = (long)ns};
    (void)nanosleep(&time, NULL);
}

// ---- Functions of the host --------------------------------------------------------------------------

static zvm_call_outcome return_int(zvm_call *call, int64_t integer)
{
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = integer};
    return zvm_call_return(call, &value);
}

static zvm_call_outcome ticket(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    struct slot *slot = zvm_isolate_user(zvm_call_isolate(call));
    return return_int(call, atomic_load(&slot->ticket));
}

static zvm_call_outcome block(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    nap(20000);
    return return_int(call, arguments[0].integer + 1);
}

static zvm_status answer(struct stress *stress, zvm_token token, int64_t integer)
{
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = integer};
    zvm_status status = zvm_complete(stress->runtime, token, &value);
    if (status == ZVM_E_STALE) atomic_fetch_add(&stress->stale, 1);
    return status;
}

static zvm_call_outcome ask_now(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct stress *stress = zvm_call_user(call);
    zvm_token token;
    (void)count;
    expect(stress, zvm_call_token(call, &token) == ZVM_OK, "no token");
    expect(stress, answer(stress, token, arguments[0].integer + 3) == ZVM_OK, "own token is stale");
    return ZVM_CALL_SUSPENDED;
}

static void tell(struct box *box, zvm_token token, int64_t ticket_number)
{
    struct stress *stress = box->stress;
    switch (draw(&box->random, 8)) {
    case 0:
        if (zvm_complete_error(stress->runtime, token, "HostError", "again") == ZVM_OK) return;
        break;
    case 1:
        (void)answer(stress, token, ticket_number * 7 + 1);
        expect(stress, answer(stress, token, 0) == ZVM_E_STALE, "a token is answered twice");
        return;
    default:
        break;
    }
    (void)answer(stress, token, ticket_number * 7 + 1);
}

static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct stress *stress = zvm_call_user(call);
    struct box *box = &stress->boxes[arguments[0].integer % ANSWERERS];
    zvm_token token;
    (void)count;
    expect(stress, zvm_call_token(call, &token) == ZVM_OK, "no token");
    pthread_mutex_lock(&box->lock);
    bool is_kept = box->count < BOX_TOKENS;
    if (is_kept) {
        box->tokens[box->count].token = token;
        box->tokens[box->count++].ticket = arguments[0].integer;
    } else {
        tell(box, token, arguments[0].integer);
    }
    pthread_mutex_unlock(&box->lock);
    return ZVM_CALL_SUSPENDED;
}

// Answers one that it has, any one of them.
static void *answer_some(void *context)
{
    struct box *box = context;
    while (!atomic_load(&box->stress->is_over)) {
        pthread_mutex_lock(&box->lock);
        if (box->count > 0) {
            uint32_t i = (uint32_t)draw(&box->random, box->count);
            tell(box, box->tokens[i].token, box->tokens[i].ticket);
            box->tokens[i] = box->tokens[--box->count];
        }
        bool is_empty = box->count == 0;
        pthread_mutex_unlock(&box->lock);
        if (is_empty) nap(50000);
    }
    return NULL;
}

// ---- A life -----------------------------------------------------------------------------------------

// Before the isolate is reset, or given out: a cancel that is not over by now may still end the next life.
static void note_cancels(struct slot *slot)
{
    slot->over_before = atomic_load(&slot->cancels_over);
}

static void begin_life(struct slot *slot)
{
    int64_t number = (int64_t)atomic_fetch_add(&slot->stress->tickets, 1);
    atomic_store(&slot->ticket, number);
}

static void check_life(struct slot *slot, zvm_isolate *isolate)
{
    struct stress *stress = slot->stress;
    zvm_result result = ZVM_RESULT_INIT;
    zvm_value value = {0};
    expect(stress, zvm_isolate_result(isolate, &result) == ZVM_OK, "no result");
    atomic_fetch_add(&stress->lives, 1);
    if (result.status == ZVM_E_CANCELLED) {
        atomic_fetch_add(&stress->cancelled, 1);
        expect(stress, atomic_load(&slot->cancels_begun) > slot->over_before,
               "nobody cancelled it");
        return;
    }
    expect(stress, result.status == ZVM_OK, result.message);
    // Somebody may be cancelling it in vain, but nobody else looks into it.
    if (zvm_isolate_get_global(isolate, "r", &value) != ZVM_OK) return;
    expect(stress, value.integer == result_for(atomic_load(&slot->ticket)), "another one's answer");
}

static zvm_status reset_once(struct slot *slot)
{
    note_cancels(slot);
    return zvm_isolate_reset(slot->isolate);
}

static void reset(struct slot *slot)
{
    zvm_status status;
    while ((status = reset_once(slot)) == ZVM_E_BUSY)
        (void)sched_yield();
    expect(slot->stress, status == ZVM_OK, "cannot be reset");
    atomic_fetch_add(&slot->stress->resets, 1);
}

static void give_back(struct slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    zvm_status status = zvm_isolate_pool_release(slot->stress->pool, slot->isolate);
    slot->isolate = NULL;
    pthread_mutex_unlock(&slot->lock);
    expect(slot->stress, status == ZVM_OK, "not taken back");
}

static void take_one(struct slot *slot)
{
    struct stress *stress = slot->stress;
    pthread_mutex_lock(&slot->lock);
    note_cancels(slot);
    zvm_status status = zvm_isolate_pool_acquire(stress->pool, &slot->isolate);
    expect(stress, status == ZVM_OK, "the pool gives none");
    if (status == ZVM_OK) zvm_isolate_set_user(slot->isolate, slot);
    pthread_mutex_unlock(&slot->lock);
}

// Until it waits for the first time, or to its end. True: that is checked.
static bool run_by_hand(struct thread *thread, struct slot *slot)
{
    zvm_status status;
    while ((status = zvm_isolate_run(slot->isolate, 0, NULL)) == ZVM_E_WAITING) {
        if (draw(&thread->random, 3) == 0) return false;
        status = zvm_isolate_wait(slot->isolate, UINT64_MAX);
        expect(slot->stress, status == ZVM_OK, "no answer");
    }
    expect(slot->stress, status == ZVM_OK, "cannot be run");
    check_life(slot, slot->isolate);
    return true;
}

static void live(struct thread *thread, struct slot *slot)
{
    begin_life(slot);
    if (slot->stress->worker_count == 0 || draw(&thread->random, 3) == 0) {
        (void)run_by_hand(thread, slot);
        return;
    }
    expect(slot->stress, zvm_isolate_submit(slot->isolate) == ZVM_OK, "cannot be sent");
    if (draw(&thread->random, 4) == 0) {
        atomic_fetch_add(&slot->cancels_begun, 1);
        zvm_isolate_cancel(slot->isolate);
        atomic_fetch_add(&slot->cancels_over, 1);
    }
    expect(slot->stress, zvm_isolate_wait(slot->isolate, UINT64_MAX) == ZVM_OK, "no end");
    check_life(slot, slot->isolate);
}

// SELF: a worker calls it; the next life begins here.
static void live_again(zvm_isolate *isolate, void *user)
{
    struct slot *slot = user;
    check_life(slot, isolate);
    // What a queue still names is the host's thread to reset: this worker may be the one to drop it.
    if (atomic_fetch_sub(&slot->lives, 1) <= 1 || reset_once(slot) != ZVM_OK) {
        atomic_store(&slot->is_done, true);
        return;
    }
    atomic_fetch_add(&slot->stress->resets, 1);
    begin_life(slot);
    expect(slot->stress, zvm_isolate_submit(isolate) == ZVM_OK, "cannot be sent again");
}

static void live_by_itself(struct slot *slot)
{
    begin_life(slot);
    atomic_store(&slot->lives, SELF_LIVES);
    atomic_store(&slot->is_done, false);
    expect(slot->stress, zvm_isolate_submit(slot->isolate) == ZVM_OK, "cannot be sent");
    while (!atomic_load(&slot->is_done))
        nap(100000);
    reset(slot);
}

// ---- Threads ----------------------------------------------------------------------------------------

static void *use_slots(void *context)
{
    struct thread *thread = context;
    struct stress *stress = thread->stress;
    for (uint64_t i = 0; i < stress->steps && atomic_load(&stress->wrong) == 0; i++) {
        struct slot *slot = &thread->slots[draw(&thread->random, stress->slot_count)];
        if (slot->kind == KIND_SELF) {
            if (draw(&thread->random, SELF_LIVES) == 0) live_by_itself(slot);
            continue;
        }
        if (slot->kind == KIND_POOLED) take_one(slot);
        live(thread, slot);
        if (slot->kind == KIND_OWN)
            reset(slot);
        else
            give_back(slot);
    }
    return NULL;
}

static void cancel(struct slot *slot)
{
    if (slot->kind == KIND_POOLED) pthread_mutex_lock(&slot->lock);
    if (slot->isolate != NULL) {
        atomic_fetch_add(&slot->cancels_begun, 1);
        zvm_isolate_cancel(slot->isolate);
        atomic_fetch_add(&slot->cancels_over, 1);
    }
    if (slot->kind == KIND_POOLED) pthread_mutex_unlock(&slot->lock);
}

static void *cancel_some(void *context)
{
    struct thread *thread = context;
    struct stress *stress = thread->stress;
    while (!atomic_load(&stress->is_over)) {
        struct thread *victim = &stress->threads[draw(&thread->random, stress->thread_count)];
        cancel(&victim->slots[draw(&thread->random, stress->slot_count)]);
        nap(draw(&thread->random, 2) * 100000);
    }
    return NULL;
}

static bool write_report(void *context, const char *text, size_t length_bytes)
{
    return fwrite(text, 1, length_bytes, context) == length_bytes;
}

static void *watch(void *context)
{
    struct stress *stress = context;
    uint64_t seen = 0;
    for (int idle = 0; !atomic_load(&stress->is_over);) {
        nap(100000000);
        uint64_t lives = atomic_load(&stress->lives);
        idle = lives == seen ? idle + 1 : 0;
        seen = lives;
        if (idle < STUCK_S * 10) continue;
        fprintf(stderr, "stress_suspend: nothing moves\n");
        (void)zvm_report_write(stress->runtime, ZVM_REPORT_TEXT, write_report, stderr);
        abort();
    }
    return NULL;
}

// ---- A round ----------------------------------------------------------------------------------------

static void add(struct stress *stress, const char *name, zvm_host_fn call, bool is_blocking)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.user = stress;
    function.maximum = 1;
    function.is_blocking = is_blocking;
    if (zvm_runtime_add_function(stress->runtime, &function) != ZVM_OK) abort();
}

static void open_runtime(struct stress *stress)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = stress->worker_count;
    options.slice_budget = 200;
    if (zvm_runtime_create(&options, &stress->runtime) != ZVM_OK) abort();
    add(stress, "ticket", ticket, false);
    add(stress, "ask", ask, false);
    add(stress, "ask_now", ask_now, false);
    add(stress, "block", block, true);
    if (zvm_code_from_source(stress->runtime, "s.zx", PROGRAM, sizeof PROGRAM - 1, NULL, NULL,
                             &stress->code) != ZVM_OK)
        abort();
    uint32_t capacity = stress->thread_count; // some are destroyed
    if (zvm_isolate_pool_create(stress->runtime, stress->code, NULL, capacity, &stress->pool) !=
        ZVM_OK)
        abort();
}

static void open_slot(struct stress *stress, struct slot *slot, uint32_t index)
{
    slot->stress = stress;
    slot->kind = (enum kind)(index % KIND_COUNT);
    // Without workers nobody runs what is sent.
    if (slot->kind == KIND_SELF && stress->worker_count == 0) slot->kind = KIND_OWN;
    pthread_mutex_init(&slot->lock, NULL);
    if (slot->kind == KIND_POOLED) return;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.user = slot;
    options.on_finish = slot->kind == KIND_SELF ? live_again : NULL;
    if (zvm_isolate_create(stress->runtime, stress->code, &options, &slot->isolate) != ZVM_OK)
        abort();
}

static void open_threads(struct stress *stress, uint64_t seed)
{
    stress->threads = calloc(stress->thread_count, sizeof *stress->threads);
    if (stress->threads == NULL) abort();
    for (uint32_t i = 0; i < stress->thread_count; i++) {
        struct thread *thread = &stress->threads[i];
        *thread = (struct thread){.stress = stress, .random = seed * 1000 + i + 1};
        thread->slots = calloc(stress->slot_count, sizeof *thread->slots);
        if (thread->slots == NULL) abort();
        for (uint32_t k = 0; k < stress->slot_count; k++)
            open_slot(stress, &thread->slots[k], k + i);
    }
}

static void close_threads(struct stress *stress)
{
    for (uint32_t i = 0; i < stress->thread_count; i++) {
        for (uint32_t k = 0; k < stress->slot_count; k++) {
            struct slot *slot = &stress->threads[i].slots[k];
            expect(stress, zvm_isolate_destroy(slot->isolate) == ZVM_OK, "cannot be destroyed");
            pthread_mutex_destroy(&slot->lock);
        }
        free(stress->threads[i].slots);
    }
    free(stress->threads);
}

static void spawn(pthread_t *id, void *(*run)(void *), void *context)
{
    if (pthread_create(id, NULL, run, context) != 0) abort();
}

static void run_threads(struct stress *stress, uint64_t seed)
{
    pthread_t canceller, watchdog;
    struct thread cancelling = {.stress = stress, .random = seed + 77};
    for (uint32_t i = 0; i < ANSWERERS; i++) {
        stress->boxes[i] = (struct box){.stress = stress, .random = seed * 31 + i + 1};
        pthread_mutex_init(&stress->boxes[i].lock, NULL);
        spawn(&stress->boxes[i].thread, answer_some, &stress->boxes[i]);
    }
    spawn(&canceller, cancel_some, &cancelling);
    spawn(&watchdog, watch, stress);
    for (uint32_t i = 0; i < stress->thread_count; i++)
        spawn(&stress->threads[i].id, use_slots, &stress->threads[i]);
    for (uint32_t i = 0; i < stress->thread_count; i++)
        pthread_join(stress->threads[i].id, NULL);
    atomic_store(&stress->is_over, true);
    pthread_join(canceller, NULL);
    pthread_join(watchdog, NULL);
    for (uint32_t i = 0; i < ANSWERERS; i++) {
        pthread_join(stress->boxes[i].thread, NULL);
        pthread_mutex_destroy(&stress->boxes[i].lock);
    }
}

static void check_report(struct stress *stress)
{
    zvm_report report = ZVM_REPORT_INIT;
    expect(stress, zvm_report_take(stress->runtime, &report) == ZVM_OK, "no report");
    const zvm_report_counters *c = &report.totals;
    expect(stress, c->isolates_created == c->isolates_destroyed, "isolates are left");
    expect(stress, c->heap_current_bytes == 0, "bytes are left");
    expect(stress, c->allocated_bytes == c->freed_bytes, "bytes are lost");
    expect(stress, c->isolates_finished == atomic_load(&stress->lives), "count of ends");
    expect(stress, c->failed_cancelled == atomic_load(&stress->cancelled), "count of cancels");
    expect(stress, c->isolates_reset >= atomic_load(&stress->resets), "count of resets");
    expect(stress, report.late_answers >= atomic_load(&stress->stale), "count of late answers");
    expect(stress, report.isolates_in_flight == 0, "in flight");
}

static void run_round(struct stress *stress, uint64_t seed)
{
    open_runtime(stress);
    open_threads(stress, seed);
    run_threads(stress, seed);
    (void)zvm_runtime_drain(stress->runtime);
    close_threads(stress);
    zvm_isolate_pool_destroy(stress->pool);
    zvm_code_release(stress->code);
    check_report(stress);
    zvm_runtime_destroy(stress->runtime);
}

static uint64_t argument(int count, char **arguments, int index, uint64_t otherwise)
{
    return count > index ? strtoull(arguments[index], NULL, 0) : otherwise;
}

int main(int count, char **arguments)
{
    static const uint32_t worker_counts[] = {2, 1, 0, 3, 8};
    enum { WORKER_COUNTS = sizeof worker_counts / sizeof *worker_counts };
    uint64_t seconds = 0, lives = 0, cancelled = 0, resets = 0, stale = 0;
    if (count > 2 && strcmp(arguments[count - 2], "--seconds") == 0) {
        seconds = strtoull(arguments[count - 1], NULL, 0);
        count -= 2;
    }
    uint64_t seed = argument(count, arguments, 4, 20240229);
    time_t end = time(NULL) + (time_t)seconds;
    uint32_t rounds = 0, wrong = 0;
    while (wrong == 0 && (seconds > 0 ? time(NULL) < end : rounds < WORKER_COUNTS)) {
        struct stress stress = {.thread_count = (uint32_t)argument(count, arguments, 1, 3),
                                .slot_count = (uint32_t)argument(count, arguments, 2, 6),
                                .steps = argument(count, arguments, 3, STEPS_DEFAULT),
                                .worker_count = worker_counts[rounds % WORKER_COUNTS]};
        if (stress.thread_count == 0 || stress.slot_count == 0) return 2;
        run_round(&stress, seed + rounds++);
        wrong = stress.wrong;
        lives += stress.lives;
        cancelled += stress.cancelled;
        resets += stress.resets;
        stale += stress.stale;
    }
    printf("stress_suspend: %" PRIu32 " rounds, %" PRIu64 " isolates finished, %" PRIu64
           " of them cancelled, %" PRIu64 " resets, %" PRIu64 " late answers, seed %" PRIu64
           ": %" PRIu32 " wrong\n",
           rounds, lives, cancelled, resets, stale, seed, wrong);
    return wrong == 0 && rounds > 0 ? 0 : 1;
}
