// tests/model/explore_run.c - runs a model once: its threads take turns, step by step.
//
// Owns: the execution (zx) and the threads' stacks. A step is one operation on a shared word and
// everything up to the next one. How: before each operation the thread that would make it asks for
// the one that goes on, and switches there directly. A failure abandons all threads where they are:
// their stacks are simply used again.
#include "explore.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX_DEFAULT 20000
#define STALE_READS_DFS   3 // more old values than these a thread does not read in one DFS schedule
#define NAMES_MAX         256

extern char __executable_start, _end; // of the program in memory: the linker's

struct zx_execution zx;

static _Alignas(64) char stacks[ZX_CLOCK_COUNT][ZCOROUTINE_STACK_BYTES];

bool zx_is_stack(const volatile void *address)
{
    return (uintptr_t)address - (uintptr_t)stacks < sizeof stacks;
}

// ---- Traces -------------------------------------------------------------------------------------

static struct {
    const volatile void *address;
    const char *name;
} names[NAMES_MAX];
static uint32_t name_count;

void zx_name(const volatile void *address, const char *name)
{
    if (name_count == NAMES_MAX) return;
    names[name_count].address = address;
    names[name_count++].name = name;
}

void zx_forget_names(void)
{
    name_count = 0;
}

// The newest name of the address. What has none is numbered, and keeps its number.
const char *zx_name_of(const volatile void *address)
{
    static char numbered[NAMES_MAX][8];
    for (uint32_t i = name_count; i > 0; i--)
        if (names[i - 1].address == address) return names[i - 1].name;
    if (!zx.is_tracing || name_count == NAMES_MAX) return "a word";
    snprintf(numbered[name_count], sizeof numbered[name_count], "w%u", name_count);
    zx_name(address, numbered[name_count]);
    return names[name_count - 1].name;
}

// Where the program lies differs from run to run, so addresses in it are shown by name.
const char *zx_text_of(uint64_t value)
{
    static char texts[2][64];
    static uint32_t next;
    char *text = texts[next++ % 2];
    if (value - (uintptr_t)&__executable_start < (uintptr_t)(&_end - &__executable_start))
        snprintf(text, sizeof texts[0], "&%s", zx_name_of((void *)(uintptr_t)value));
    else
        snprintf(text, sizeof texts[0], "%#" PRIx64, value);
    return text;
}

void zx_trace_line(const char *format, ...)
{
    char text[ZX_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (zx.has_threads)
        printf("%5u  T%u  %s\n", zx.steps, zx.current - 1, text);
    else
        printf("       --  %s\n", text);
}

// ---- Switching ----------------------------------------------------------------------------------

static void switch_to(uint32_t next)
{
    uint32_t before = zx.current;
    if (next == before) return;
    zx.current = next;
    zx.steps_in_a_row = 0;
    zcoroutine_locals_switch(before, next);
    zcoroutine_switch(&zx.threads[before].coroutine, &zx.threads[next].coroutine);
}

// Back to zx_run, for good.
static void leave_threads(enum zx_outcome outcome)
{
    zx.outcome = outcome;
    zx.has_threads = false;
    switch_to(0);
}

static _Noreturn void end_execution(enum zx_outcome outcome)
{
    if (zx.has_threads) leave_threads(outcome);
    zx.outcome = outcome;
    longjmp(zx.end, 1);
}

void zx_fail(const char *format, ...)
{
    int used = 0;
    if (zx.has_threads) used = snprintf(zx.message, sizeof zx.message, "T%u: ", zx.current - 1);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(zx.message + used, sizeof zx.message - (size_t)used, format, arguments);
    va_end(arguments);
    zx_trace("FAILED: %s", zx.message);
    end_execution(ZX_FAILED);
}

void zx_failed(const char *file, int line, const char *text)
{
    const char *base = strrchr(file, '/');
    zx_fail("%s:%d: %s", base != NULL ? base + 1 : file, line, text);
}

// What ZVM_CHECK calls in the project's own sources.
_Noreturn void zassert_failed(const char *file, int line, const char *text);
void zassert_failed(const char *file, int line, const char *text)
{
    zx_failed(file, line, text);
}

// ---- Who goes on --------------------------------------------------------------------------------

static void deadlock(void)
{
    char text[ZX_MESSAGE_SIZE];
    size_t used = 0;
    for (uint32_t i = 1; i < zx.thread_count; i++) {
        const struct zx_thread *thread = &zx.threads[i];
        if (thread->status != ZX_BLOCKED || used >= sizeof text) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, " T%u waits for %s %s;", i - 1,
                                 thread->waits_as, zx_name_of(thread->waits_for));
    }
    zx_fail("nobody can go on:%s", text);
}

// Lets one of the ready threads make its step; returns when that is the caller.
static void go_on(void)
{
    uint32_t ready = zx.ready_mask;
    if (ready == 0) {
        for (uint32_t i = 1; i < zx.thread_count; i++)
            if (zx.threads[i].status == ZX_BLOCKED) deadlock();
        leave_threads(ZX_RUNNING);
    }
    uint32_t rested = ready & ~zx.yielded_mask;
    uint32_t next = zx_choose_thread(rested != 0 ? rested : ready);
    if (next == ZX_CLOCK_COUNT) leave_threads(ZX_PRUNED);
    zx.yielded_mask = 0;
    switch_to(next);
}

void zx_point(const volatile void *word, bool is_write)
{
    if (!zx.has_threads) return;
    struct zx_thread *self = zx_self();
    self->next_word = word;
    self->next_is_write = is_write;
    if (++zx.steps > zx.steps_max) zx_fail("no end after %u steps", zx.steps_max);
    zx.steps_in_a_row++;
    go_on();
}

void zx_yield(void)
{
    if (!zx.has_threads) return;
    zx.yielded_mask |= 1u << zx.current;
    zx_choice_yield();
    zx_point(NULL, false);
}

void zx_block(const volatile void *word, const char *as)
{
    struct zx_thread *self = zx_self();
    if (!zx.has_threads) zx_fail("setup or check waits for %s %s", as, zx_name_of(word));
    self->status = ZX_BLOCKED;
    zx.ready_mask &= ~(1u << zx.current);
    self->waits_for = word;
    self->waits_as = as;
    self->next_word = word;
    self->next_is_write = true;
    zx_trace("sleeps for %s %s", as, zx_name_of(word));
    go_on();
}

bool zx_unblock(const volatile void *word)
{
    uint32_t waiting[ZX_CLOCK_COUNT], count = 0;
    for (uint32_t i = 1; i < zx.thread_count; i++)
        if (zx.threads[i].status == ZX_BLOCKED && zx.threads[i].waits_for == word)
            waiting[count++] = i;
    if (count == 0) return false;
    uint32_t woken = waiting[zx_choose_value(count)];
    zx.threads[woken].status = ZX_READY;
    zx.ready_mask |= 1u << woken;
    zx_trace("wakes T%u", woken - 1);
    return true;
}

// ---- An execution -------------------------------------------------------------------------------

static void thread_entry(void)
{
    zmodel_program.body(zx.current - 1);
    zx_trace("ends");
    zx_self()->status = ZX_DONE;
    zx.ready_mask &= ~(1u << zx.current);
    go_on();
}

static void run_threads(void)
{
    zx.has_threads = true;
    zx.ready_mask = (1u << zx.thread_count) - 2; // all but [0]
    for (uint32_t i = 1; i < zx.thread_count; i++) {
        struct zx_thread *thread = &zx.threads[i];
        zcoroutine_make(&thread->coroutine, stacks[i], thread_entry);
        thread->clock = zx.threads[0].clock;
        thread->clock.of[i] = 1;
        thread->status = ZX_READY;
        thread->next_word = NULL;
        thread->next_is_write = false;
        thread->stale_left = STALE_READS_DFS;
    }
    go_on();
    if (zx.outcome != ZX_RUNNING) return;
    for (uint32_t i = 1; i < zx.thread_count; i++)
        zx_clock_join(&zx.threads[0].clock, &zx.threads[i].clock);
}

static void begin_execution(const struct zx_plan *plan)
{
    zx.number++;
    zx.thread_count = zmodel_program.thread_count + 1;
    zx.current = 0;
    zx.steps = 0;
    zx.steps_max = zmodel_program.steps_max != 0 ? zmodel_program.steps_max : STEPS_MAX_DEFAULT;
    zx.steps_in_a_row = 0;
    zx.yielded_mask = 0;
    zx.outcome = ZX_RUNNING;
    zx.has_threads = false;
    zx.message[0] = '\0';
    zx.threads[0].clock = (struct zx_clock){.of = {1}};
    // Those of an execution that failed may still be BLOCKED: an unlock in setup would wake them.
    for (uint32_t i = 1; i < zx.thread_count; i++)
        zx.threads[i].status = ZX_DONE;
    zcoroutine_locals_begin(zx.thread_count);
    zx_forget_names();
    zx_memory_begin();
    zx_plain_begin();
    zx_sync_begin();
    zx_choice_begin(plan);
}

void zx_run(const struct zx_plan *plan)
{
    begin_execution(plan);
    if (setjmp(zx.end) != 0) return;
    zmodel_program.setup();
    run_threads();
    if (zx.outcome != ZX_RUNNING) return;
    if (zmodel_program.check != NULL) zmodel_program.check();
    zx.outcome = ZX_PASSED;
}

uintptr_t zexplore_self(void)
{
    return ((uintptr_t)zx.current + 1) * 64;
}
