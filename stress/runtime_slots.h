// The isolates of stress_runtime: who holds one, what it must come to, what was counted.
//
// A slot holds one isolate at a time, of one side (runtime). `lock` guards the pointer, so that
// anybody may cancel what is in the slot; it is held for short calls only, also by callbacks. What
// blocks, and all else, is done by the one thread that has set `is_busy`.
#ifndef STRESS_RUNTIME_SLOTS_H
#define STRESS_RUNTIME_SLOTS_H

#include "runtime_programs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SERIAL_MAX    (1u << 18) // isolates of a round that have a callback
#define SERIAL_WORDS  (SERIAL_MAX / 64)
#define STANDARD_SIZE 4 // values of n and of cookie whose fuel is remembered
#define WRONG_SHOWN   10

// The whole run.
struct stress {
    const char *command;
    char repeat[160]; // of the round that is on
    uint32_t thread_count, slot_count;
    uint64_t iterations;
    atomic_uint wrong;
    atomic_ulong long_waits, late_waits; // late: long after the isolate had ended
    atomic_llong next_id;
    atomic_ulong finished;  // over all rounds
    uint64_t nap_late_ns;   // the most by which a nap of the watchdog was longer than asked for
    uint64_t standstill_ns; // the longest with isolates in flight and nothing moving
    // 0: not seen yet.
    atomic_ulong fuel[PROGRAM_COUNT][STANDARD_SIZE][STANDARD_SIZE];
};

// A program that is loaded and unloaded all the time.
struct shelf {
    pthread_mutex_t lock;
    zvm_code *code;
};

// What was found in the results, for comparison with the report. Relaxed sums, read at the end.
struct tally {
    atomic_ulong created, ended[ZVM_STATUS_COUNT], untold;
    atomic_ulong fuel_used, slices, output_bytes, collections;
};

// One runtime.
struct side {
    zvm_runtime *runtime;
    uint32_t worker_count;
    atomic_bool is_closing; // set before it is shut down
    struct shelf shelves[PROGRAM_COUNT];
    struct tally tally;
};

enum ending_by {
    BY_HOST,     // a thread waits and destroys
    BY_HANDOVER, // the callback tells a thread, which destroys at once
    BY_CALLBACK  // the callback destroys, and may make a successor
};

struct slot {
    struct round *round;
    struct side *side;
    pthread_mutex_t lock;
    atomic_bool is_busy, is_told;
    uint64_t told_ns; // when is_told was set
    // Under lock.
    zvm_isolate *isolate;
    bool is_submitted, is_cancelled;
    uint32_t waiter_count; // nobody destroys while others wait
    // Of the isolate, set before it can run.
    enum ending_by by;
    enum program program;
    bool is_private;
    bool is_begun;                       // run by hand, not to its end
    bool is_endless;                     // only a cancel ends it
    int32_t standard_n, standard_cookie; // -1: any other
    int64_t n, cookie, id;
    uint32_t serial, chain_left;
    zvm_isolate_options options;
    uint32_t refuse_after; // calls of output; 0: never
    // Written by whoever runs it.
    atomic_uint inside;
    uint32_t output_calls;
    uint64_t output_bytes, output_hash;
};

struct round {
    struct stress *stress;
    struct side sides[2];
    struct slot *slots;
    uint32_t slot_count;
    bool may_untell;
    atomic_bool is_over;
    atomic_ulong steps;
    atomic_uint next_serial;
    atomic_ulong *called, *ended; // [SERIAL_WORDS] callback was made; isolate has ended
};

struct draw {
    uint64_t state;
};

// SplitMix64: any seed will do, also neighbours.
static inline uint64_t draw(struct draw *random, uint64_t below)
{
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return ((z ^ z >> 31) >> 8) % below;
}

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline void wrong(struct stress *stress, const char *what, const char *detail)
{
    unsigned shown = atomic_fetch_add(&stress->wrong, 1);
    if (shown >= WRONG_SHOWN) return;
    fprintf(stderr, "stress_runtime: wrong: %s%s%s\n", what, detail[0] == '\0' ? "" : ": ", detail);
    fprintf(stderr, "stress_runtime: repeat: %s\n", stress->repeat);
}

static inline void expect(struct stress *stress, bool is_right, const char *what)
{
    if (!is_right) wrong(stress, what, "");
}

static inline void expect_status(struct stress *stress, zvm_status status, zvm_status wanted,
                                 const char *what)
{
    if (status != wanted) wrong(stress, what, zvm_status_text(status));
}

// ---- Exactly once -------------------------------------------------------------------------------

static inline bool set_bit(atomic_ulong *bits, uint32_t serial)
{
    unsigned long bit = 1ul << serial % 64;
    return (atomic_fetch_or(&bits[serial / 64], bit) & bit) == 0;
}

// ---- Output -------------------------------------------------------------------------------------

#define HASH_START UINT64_C(0xCBF29CE484222325)

static inline uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t length_bytes)
{
    for (size_t i = 0; i < length_bytes; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static inline bool take_output(void *context, const char *text, size_t length_bytes)
{
    struct slot *slot = context;
    struct stress *stress = slot->round->stress;
    expect(stress, atomic_fetch_add(&slot->inside, 1) == 0, "two threads are in one isolate");
    slot->output_calls++;
    bool is_refused = slot->refuse_after != 0 && slot->output_calls >= slot->refuse_after;
    if (!is_refused) {
        slot->output_bytes += length_bytes;
        slot->output_hash = hash_bytes(slot->output_hash, text, length_bytes);
    }
    if (slot->output_calls % 16 == 0) { // a callback may look around
        zvm_report report = ZVM_REPORT_INIT;
        expect_status(stress, zvm_report_take(slot->side->runtime, &report), ZVM_OK, "report");
    }
    atomic_fetch_sub(&slot->inside, 1);
    return !is_refused;
}

// ---- Checks of one that has ended ---------------------------------------------------------------

static inline void check_output(struct slot *slot, const zvm_result *result)
{
    struct stress *stress = slot->round->stress;
    uint64_t hash = HASH_START, bytes = 0;
    bool is_printing = slot->program == PROGRAM_PRINT && !slot->is_private;
    for (int64_t i = 1; is_printing && i <= slot->n; i++) {
        char line[64];
        int length = snprintf(line, sizeof line, "line %" PRId64 " %" PRId64 "\n", slot->cookie, i);
        hash = hash_bytes(hash, line, (size_t)length);
        bytes += (size_t)length;
    }
    expect(stress, slot->output_bytes == bytes && slot->output_hash == hash, "output");
    expect(stress, result->output_bytes == bytes, "output bytes of the result");
}

static inline void check_answer(struct slot *slot)
{
    struct stress *stress = slot->round->stress;
    const char *name = slot->is_private ? "private" : programs[slot->program].name;
    int64_t wanted = slot->is_private ? PRIVATE_N * PRIVATE_N
                                      : program_answer(slot->program, slot->n, slot->cookie);
    zvm_value answer = {.kind = ZVM_VALUE_NULL}, reply;
    zvm_status status = zvm_isolate_get_global(slot->isolate, "answer", &answer);
    expect_status(stress, status, ZVM_OK, "answer of a program");
    if (answer.kind != ZVM_VALUE_INT || answer.integer != wanted) wrong(stress, "answer", name);
    if (slot->is_private || slot->program != PROGRAM_TEXT) return;
    char text[64];
    snprintf(text, sizeof text, "hello/%" PRId64 "/%" PRId64, slot->cookie, slot->cookie);
    status = zvm_isolate_get_global(slot->isolate, "reply", &reply);
    expect(stress, status == ZVM_OK && reply.kind == ZVM_VALUE_STRING, "reply");
    if (status == ZVM_OK) expect(stress, strcmp(reply.text, text) == 0, "text of the reply");
}

// Fuel does not depend on who ran it, on slices, collections or other isolates.
static inline void check_fuel(struct slot *slot, uint64_t fuel_used)
{
    struct stress *stress = slot->round->stress;
    if (slot->is_private || slot->standard_n < 0 || slot->standard_cookie < 0) return;
    if (slot->program == PROGRAM_OWN_KEYS || slot->program == PROGRAM_HEAP_CAUGHT) return;
    unsigned long seen = 0;
    atomic_ulong *known = &stress->fuel[slot->program][slot->standard_n][slot->standard_cookie];
    if (atomic_compare_exchange_strong(known, &seen, fuel_used) || seen == fuel_used) return;
    wrong(stress, "fuel differs from another run", programs[slot->program].name);
}

static inline void check_error(struct slot *slot, const zvm_result *result)
{
    struct stress *stress = slot->round->stress;
    const struct program_info *info = &programs[slot->program];
    expect(stress, strcmp(result->kind, info->kind) == 0, "kind of an error");
    if (info->line == 0) return;
    expect(stress, result->line == info->line, "line of an error");
    expect(stress, strcmp(result->file, info->name) == 0, "file of an error");
    expect(stress, result->trace_count >= 1, "trace of an error");
    if (slot->program != PROGRAM_THROW) return;
    char message[64];
    snprintf(message, sizeof message, "uncaught %" PRId64, slot->cookie);
    expect(stress, strcmp(result->message, message) == 0, "message of an error");
}

static inline bool is_allowed(struct slot *slot, zvm_status status)
{
    switch (status) {
    case ZVM_E_CANCELLED:
        return slot->is_cancelled || atomic_load(&slot->side->is_closing);
    case ZVM_E_FUEL:
        return slot->options.fuel_limit != 0;
    case ZVM_E_TIMEOUT:
        return slot->options.timeout_ns != 0;
    case ZVM_E_OUTPUT:
        return slot->refuse_after != 0;
    default:
        return status == (slot->is_private ? ZVM_OK : programs[slot->program].ending);
    }
}

static inline void check_result(struct slot *slot, const zvm_result *result)
{
    struct stress *stress = slot->round->stress;
    const char *name = slot->is_private ? "private" : programs[slot->program].name;
    if (!is_allowed(slot, result->status)) {
        char detail[96];
        snprintf(detail, sizeof detail, "%s: %s: %.40s", name, zvm_status_text(result->status),
                 result->kind);
        wrong(stress, "ending", detail);
    }
    expect(stress, atomic_load(&slot->inside) == 0, "it ended while it was printing");
    expect(stress, result->heap_peak_bytes <= result->heap_limit_bytes, "heap over its limit");
    if (result->status == ZVM_E_FUEL)
        expect(stress, result->fuel_used >= slot->options.fuel_limit, "fuel limit too early");
    if (result->status == ZVM_E_ERROR || result->status == ZVM_E_HEAP_LIMIT)
        check_error(slot, result);
    if (result->status == ZVM_E_ERROR || result->status == ZVM_OK)
        check_fuel(slot, result->fuel_used);
    if (result->status != ZVM_OK) return;
    check_answer(slot);
    check_output(slot, result);
}

static inline void count_result(struct side *side, const zvm_result *result)
{
    struct tally *tally = &side->tally;
    if ((unsigned)result->status < ZVM_STATUS_COUNT)
        atomic_fetch_add(&tally->ended[result->status], 1);
    atomic_fetch_add(&tally->fuel_used, result->fuel_used);
    atomic_fetch_add(&tally->slices, result->slices);
    atomic_fetch_add(&tally->output_bytes, result->output_bytes);
    atomic_fetch_add(&tally->collections, result->collections);
}

// The lock is ours. Looks at an ended isolate for the only time, and destroys it.
static inline void take_apart(struct slot *slot)
{
    struct stress *stress = slot->round->stress;
    zvm_result result = ZVM_RESULT_INIT;
    zvm_status status = zvm_isolate_result(slot->isolate, &result);
    expect_status(stress, status, ZVM_OK, "result of one that has ended");
    if (status == ZVM_OK) {
        check_result(slot, &result);
        count_result(slot->side, &result);
        atomic_fetch_add(&stress->finished, 1);
    }
    zvm_isolate_cancel(slot->isolate); // changes nothing any more
    expect_status(stress, zvm_isolate_destroy(slot->isolate), ZVM_OK, "destroy one that has ended");
    slot->isolate = NULL;
}

#endif // STRESS_RUNTIME_SLOTS_H
