// Goal: nothing is lost, run twice or torn when threads create, submit, cancel, wait for, run and destroy
// isolates of one runtime at once while others read reports.
// Method: each thread draws its next step from a seeded generator. An isolate adds up numbers that only
// it was given, so a wrong or doubled run shows in its result; at the end the report must add up.
// Usage: stress_sched [THREADS] [SCALE] [ITERATIONS] [SEED]: threads of the host, isolates a thread holds
// at a time, steps of a thread, seed. Exit status 0: nothing wrong.
#include "zvm.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define ITERATIONS_DEFAULT 3000
#else
#    define ITERATIONS_DEFAULT 60000
#endif

static const char SUM[] = "let total = 0\nlet i = 0\n"
                          "while i < count { i += 1\n total += i * factor }\n"
                          "let cookie = factor\n";
static const char SPIN[] = "while true { }\n";

struct stress {
    zvm_runtime *runtime;
    zvm_code *sum, *spin;
    atomic_ulong wrong, callbacks, expected_callbacks;
    atomic_bool is_over;
};

enum kind { KIND_NONE, KIND_SUM, KIND_SPIN };

struct slot {
    zvm_isolate *isolate;
    enum kind kind;
    bool is_submitted, is_cancelled;
    int64_t count, factor;
};

struct thread {
    struct stress *stress;
    struct slot *slots;
    uint32_t slot_count;
    uint64_t iterations, random;
};

static uint64_t draw(struct thread *thread, uint64_t below)
{
    thread->random ^= thread->random << 13;
    thread->random ^= thread->random >> 7;
    thread->random ^= thread->random << 17;
    return (thread->random >> 11) % below;
}

static void expect(struct stress *stress, bool is_right, const char *what)
{
    if (is_right) return;
    atomic_fetch_add(&stress->wrong, 1);
    fprintf(stderr, "stress_sched: wrong: %s\n", what);
}

static void destroy_finished(zvm_isolate *isolate, void *user)
{
    struct stress *stress = user;
    zvm_result result = ZVM_RESULT_INIT;
    expect(stress, zvm_isolate_result(isolate, &result) == ZVM_OK, "callback before the result");
    expect(stress, zvm_isolate_destroy(isolate) == ZVM_OK, "callback cannot destroy");
    atomic_fetch_add(&stress->callbacks, 1);
}

// ---- Steps --------------------------------------------------------------------------------------

static void make_sum(struct thread *thread, struct slot *slot)
{
    struct stress *stress = thread->stress;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    *slot = (struct slot){.kind = KIND_SUM,
                          .count = (int64_t)draw(thread, 3000),
                          .factor = (int64_t)draw(thread, 1000000)};
    zvm_value count = {.kind = ZVM_VALUE_INT, .integer = slot->count};
    zvm_value factor = {.kind = ZVM_VALUE_INT, .integer = slot->factor};
    zvm_status status = zvm_isolate_create(stress->runtime, stress->sum, &options, &slot->isolate);
    expect(stress, status == ZVM_OK, "create");
    expect(stress, zvm_isolate_set_global(slot->isolate, "count", &count) == ZVM_OK, "set count");
    expect(stress, zvm_isolate_set_global(slot->isolate, "factor", &factor) == ZVM_OK,
           "set factor");
}

static void make_spin(struct thread *thread, struct slot *slot)
{
    struct stress *stress = thread->stress;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.timeout_ns = draw(thread, 4) == 0 ? 2000000 : 0;
    *slot = (struct slot){.kind = KIND_SPIN};
    zvm_status status = zvm_isolate_create(stress->runtime, stress->spin, &options, &slot->isolate);
    expect(stress, status == ZVM_OK, "create");
}

static void submit(struct thread *thread, struct slot *slot)
{
    if (slot->is_submitted) return;
    expect(thread->stress, zvm_isolate_submit(slot->isolate) == ZVM_OK, "submit");
    expect(thread->stress, zvm_isolate_submit(slot->isolate) == ZVM_E_STATE, "submit twice");
    slot->is_submitted = true;
}

static void cancel(struct slot *slot)
{
    zvm_isolate_cancel(slot->isolate);
    slot->is_cancelled = true;
}

// Fire and forget: the callback destroys it, cancelled or not.
static void submit_forgotten(struct thread *thread)
{
    struct stress *stress = thread->stress;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_finish = destroy_finished;
    options.user = stress;
    options.fuel_limit = 1 + draw(thread, 20000);
    zvm_isolate *isolate;
    zvm_status status = zvm_isolate_create(stress->runtime, stress->spin, &options, &isolate);
    expect(stress, status == ZVM_OK, "create");
    atomic_fetch_add(&stress->expected_callbacks, 1);
    if (draw(thread, 4) == 0) zvm_isolate_cancel(isolate); // while it is surely there
    expect(stress, zvm_isolate_submit(isolate) == ZVM_OK, "submit");
}

static void check_sum(struct stress *stress, const struct slot *slot, const zvm_result *result)
{
    bool may_be_cancelled = slot->is_cancelled && result->status == ZVM_E_CANCELLED;
    expect(stress, result->status == ZVM_OK || may_be_cancelled, "status of a sum");
    if (result->status != ZVM_OK) return;
    zvm_value total, cookie;
    bool has_both = zvm_isolate_get_global(slot->isolate, "total", &total) == ZVM_OK &&
                    zvm_isolate_get_global(slot->isolate, "cookie", &cookie) == ZVM_OK;
    expect(stress, has_both, "globals of a sum");
    if (!has_both) return;
    expect(stress, cookie.integer == slot->factor, "cookie");
    expect(stress, total.integer == slot->factor * (slot->count * (slot->count + 1) / 2), "total");
}

// Brings whatever is in the slot to its end and takes it apart.
static void finish(struct thread *thread, struct slot *slot)
{
    struct stress *stress = thread->stress;
    if (slot->kind == KIND_SPIN && !slot->is_cancelled) cancel(slot);
    if (slot->is_submitted) {
        zvm_status status = zvm_isolate_wait(slot->isolate, UINT64_MAX);
        expect(stress, status == ZVM_OK, "wait");
    } else {
        bool finished = false;
        while (!finished) {
            zvm_status status = zvm_isolate_run(slot->isolate, 1 + draw(thread, 9000), &finished);
            expect(stress, status == ZVM_OK, "run");
            if (status != ZVM_OK) break;
        }
    }
    zvm_result result = ZVM_RESULT_INIT;
    expect(stress, zvm_isolate_result(slot->isolate, &result) == ZVM_OK, "result");
    if (slot->kind == KIND_SUM)
        check_sum(stress, slot, &result);
    else
        expect(stress, result.status == ZVM_E_CANCELLED || result.status == ZVM_E_TIMEOUT, "spin");
    expect(stress, zvm_isolate_destroy(slot->isolate) == ZVM_OK, "destroy");
    *slot = (struct slot){0};
}

static void step(struct thread *thread)
{
    struct slot *slot = &thread->slots[draw(thread, thread->slot_count)];
    uint64_t choice = draw(thread, 100);
    if (choice < 10)
        submit_forgotten(thread);
    else if (slot->kind == KIND_NONE && choice < 85)
        make_sum(thread, slot);
    else if (slot->kind == KIND_NONE)
        make_spin(thread, slot);
    else if (choice < 50)
        submit(thread, slot);
    else if (choice < 65)
        cancel(slot);
    else if (choice < 75)
        (void)zvm_isolate_wait(slot->isolate, draw(thread, 20000));
    else
        finish(thread, slot);
}

static void *run_thread(void *context)
{
    struct thread *thread = context;
    for (uint64_t i = 0; i < thread->iterations; i++)
        step(thread);
    for (uint32_t i = 0; i < thread->slot_count; i++)
        if (thread->slots[i].kind != KIND_NONE) finish(thread, &thread->slots[i]);
    return NULL;
}

// ---- Reports meanwhile --------------------------------------------------------------------------

static bool drop(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    *(size_t *)context += length_bytes;
    return true;
}

static void check_report(struct stress *stress, bool is_quiet)
{
    zvm_report report = ZVM_REPORT_INIT;
    expect(stress, zvm_report_take(stress->runtime, &report) == ZVM_OK, "report");
    const zvm_report_counters *c = &report.totals;
    uint64_t failed = c->failed_error + c->failed_heap_limit + c->failed_fuel + c->failed_timeout +
                      c->failed_cancelled + c->failed_output + c->failed_cpu_time + c->failed_output_limit + c->failed_group_limit +
                      c->failed_other;
    // Holds inside each block at every moment, so in the sum of them as well.
    expect(stress, c->isolates_finished == c->isolates_succeeded + failed, "finished");
    if (!is_quiet) return;
    expect(stress, c->isolates_created == c->isolates_destroyed, "destroyed");
    expect(stress, c->isolates_finished == c->isolates_created, "all finished");
    expect(stress, report.isolates_in_flight == 0, "in flight");
    expect(stress, c->heap_current_bytes == 0, "heap is empty");
    expect(stress, c->allocated_bytes == c->freed_bytes, "bytes freed");
    expect(stress, c->allocated_count == c->freed_count, "objects freed");
}

static void *read_reports(void *context)
{
    struct stress *stress = context;
    for (int i = 0; !atomic_load(&stress->is_over); i++) {
        size_t bytes = 0;
        check_report(stress, false /* is_quiet */);
        zvm_status status =
            zvm_report_write(stress->runtime, (zvm_report_format)(i % 3), drop, &bytes);
        expect(stress, status == ZVM_OK && bytes > 0, "written report");
    }
    return NULL;
}

// ---- The whole ----------------------------------------------------------------------------------

static uint64_t argument(int count, char **arguments, int index, uint64_t otherwise)
{
    return count > index ? strtoull(arguments[index], NULL, 0) : otherwise;
}

static bool compile(zvm_runtime *runtime, const char *text, zvm_code **out)
{
    return zvm_code_from_source(runtime, "stress.zx", text, strlen(text), NULL, NULL, out) ==
           ZVM_OK;
}

static void run_all(struct stress *stress, struct thread *threads, uint32_t count)
{
    pthread_t *ids = calloc(count, sizeof *ids), reader;
    pthread_create(&reader, NULL, read_reports, stress);
    for (uint32_t i = 0; i < count; i++)
        pthread_create(&ids[i], NULL, run_thread, &threads[i]);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(ids[i], NULL);
    expect(stress, zvm_runtime_drain(stress->runtime) == ZVM_OK, "drain");
    atomic_store(&stress->is_over, true);
    pthread_join(reader, NULL);
    free(ids);
}

int main(int count, char **arguments)
{
    uint32_t thread_count = (uint32_t)argument(count, arguments, 1, 3);
    uint32_t slot_count = (uint32_t)argument(count, arguments, 2, 40);
    uint64_t iterations = argument(count, arguments, 3, ITERATIONS_DEFAULT);
    uint64_t seed = argument(count, arguments, 4, 20240229);
    printf("stress_sched %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", thread_count,
           slot_count, iterations, seed);
    if (thread_count == 0 || slot_count == 0) return 2;

    struct stress stress = {0};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    options.slice_budget = 2000;
    if (zvm_runtime_create(&options, &stress.runtime) != ZVM_OK) return 2;
    if (!compile(stress.runtime, SUM, &stress.sum)) return 2;
    if (!compile(stress.runtime, SPIN, &stress.spin)) return 2;
    struct thread *threads = calloc(thread_count, sizeof *threads);
    for (uint32_t i = 0; i < thread_count; i++)
        threads[i] = (struct thread){.stress = &stress,
                                     .slots = calloc(slot_count, sizeof(struct slot)),
                                     .slot_count = slot_count,
                                     .iterations = iterations,
                                     .random = (seed + i + 1) * 0x9E3779B97F4A7C15u | 1};
    run_all(&stress, threads, thread_count);
    check_report(&stress, true /* is_quiet */);
    expect(&stress, stress.callbacks == stress.expected_callbacks, "each callback once");
    for (uint32_t i = 0; i < thread_count; i++)
        free(threads[i].slots);
    free(threads);
    zvm_code_release(stress.sum);
    zvm_code_release(stress.spin);
    zvm_runtime_destroy(stress.runtime);
    printf("%lu wrong\n", (unsigned long)stress.wrong);
    return stress.wrong == 0 ? 0 : 1;
}
