// tests/model/explore.h - what the files of the explorer share. docs/explorer.md says how it works.
//
// Thread: one thread of the system. Everything is global: a process explores one model.
#ifndef ZVM_TESTS_MODEL_EXPLORE_H
#define ZVM_TESTS_MODEL_EXPLORE_H

#include "coroutine.h"
#include "model.h"

#include <setjmp.h>

#define ZX_CLOCK_COUNT  8 // thread 0 is whoever runs setup and check; a power of two, for vectors
#define ZX_MESSAGE_SIZE 256

_Static_assert(ZX_THREADS_MAX < ZX_CLOCK_COUNT,
               "a clock has a place for each thread and for setup");

// ---- Clocks -------------------------------------------------------------------------------------

// What has happened before: of each thread, its steps up to this one. A step `at` of thread `u` is
// before whoever has clock c exactly when at <= c.of[u].
struct zx_clock {
    uint32_t of[ZX_CLOCK_COUNT];
};

static inline void zx_clock_join(struct zx_clock *into, const struct zx_clock *from)
{
    for (uint32_t i = 0; i < ZX_CLOCK_COUNT; i++)
        into->of[i] = into->of[i] > from->of[i] ? into->of[i] : from->of[i];
}

// Is one of these steps (0: none of that thread) before the clock?
static inline bool zx_clock_has_any(const struct zx_clock *clock, const struct zx_clock *steps)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < ZX_CLOCK_COUNT; i++)
        found |= steps->of[i] - 1 < clock->of[i]; // 0 wraps to a number that no clock reaches
    return found != 0;
}

// Are all of these steps before the clock?
static inline bool zx_clock_has_all(const struct zx_clock *clock, const struct zx_clock *steps)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < ZX_CLOCK_COUNT; i++)
        missing |= steps->of[i] > clock->of[i];
    return missing == 0;
}

// ---- One execution ------------------------------------------------------------------------------

enum zx_status { ZX_READY, ZX_BLOCKED, ZX_DONE };

struct zx_thread {
    struct zcoroutine coroutine;
    struct zx_clock clock;
    enum zx_status status;
    const volatile void *waits_for; // BLOCKED
    const char *waits_as;           // "mutex", for messages
    // The operation it makes when it is next picked; NULL: none on a shared word.
    const volatile void *next_word;
    bool next_is_write;
    int32_t priority;    // PCT
    uint32_t stale_left; // how often it may still read an old store (DFS)
};

enum zx_outcome { ZX_RUNNING, ZX_PASSED, ZX_FAILED, ZX_PRUNED };

struct zx_execution {
    struct zx_thread threads[ZX_CLOCK_COUNT]; // [0]: setup and check
    uint32_t thread_count;                    // with [0]
    uint32_t current;
    uint32_t steps, steps_max;
    uint32_t steps_in_a_row; // of the current thread
    uint32_t ready_mask;     // threads that can make a step
    uint32_t yielded_mask;   // threads that let others go first, until somebody has made a step
    uint32_t number;         // of the execution: what belongs to another one is stale
    enum zx_outcome outcome;
    bool has_threads; // they run: not in setup or check
    bool is_tracing;
    char message[ZX_MESSAGE_SIZE]; // FAILED
    jmp_buf end;                   // of setup and check
};

extern struct zx_execution zx;

static inline struct zx_thread *zx_self(void)
{
    return &zx.threads[zx.current];
}

// Which schedules: one execution of them.
enum zx_mode { ZX_RANDOM, ZX_PCT, ZX_DFS, ZX_MODE_COUNT };

struct zx_plan {
    enum zx_mode mode;
    uint32_t depth;  // PCT: that many ordering constraints, so depth - 1 change points
    uint32_t length; // PCT: change points are among so many steps
    uint64_t seed;   // RANDOM, PCT
};

// Runs the model once. Afterwards zx.outcome, zx.message and zx.steps say how it went.
void zx_run(const struct zx_plan *plan);

// ---- explore_run.c: steps and failures
// Before each operation on a shared word: others may go first.
void zx_point(const volatile void *word, bool is_write);
// Sleeps until zx_unblock; the caller then looks again.
void zx_block(const volatile void *word, const char *as);
// Wakes one thread that waits for the word; false: none does.
bool zx_unblock(const volatile void *word);
_Noreturn void zx_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A line of the trace; its arguments are worked out only when one is wanted.
#define zx_trace(...) (zx.is_tracing ? zx_trace_line(__VA_ARGS__) : (void)0)
void zx_trace_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A value as text that is the same in every process. Two at a time.
const char *zx_text_of(uint64_t value);
// On the stack of a thread of the model.
bool zx_is_stack(const volatile void *address);
const char *zx_name_of(const volatile void *address);
void zx_forget_names(void);

// ---- explore_choice.c: what comes next
void zx_choice_begin(const struct zx_plan *plan);
// The thread to go on with, among those in the mask; ZX_CLOCK_COUNT: nothing new lies this way.
uint32_t zx_choose_thread(uint32_t ready_mask);
// A number below count; 0 is what happens most.
uint32_t zx_choose_value(uint32_t count);
// The same for a load: which store it returns, from the newest to the oldest.
uint32_t zx_choose_store(uint32_t count);
// Something odd that is allowed to happen, now and then.
bool zx_choose_oddity(void);
void zx_choice_yield(void);

// ---- explore_dfs.c: all schedules, one after the other
void zx_dfs_reset(void);
void zx_dfs_begin(void);
uint32_t zx_dfs_choose_thread(uint32_t ready_mask);
uint32_t zx_dfs_choose_value(uint32_t count);
// Goes on to the next schedule; false: that was the last.
bool zx_dfs_next(void);
// The choices of this schedule as text, and back. False: not such a text, or too long.
bool zx_dfs_save(char *text, size_t bytes);
bool zx_dfs_load(const char *text);

// ---- explore_memory.c: words and their stores
void zx_memory_begin(void);
void zx_memory_free(const volatile void *from, size_t bytes);
// The newest value; a step of nobody. Fails when the word was never a word.
uint64_t zx_memory_newest(const volatile void *word, size_t bytes);

// ---- explore_plain.c: races, and memory of an execution
void zx_plain_begin(void);
// The piece an address lies in must not be freed; fails otherwise.
void zx_check_live(const volatile void *address);
// Who asked for the piece, when. Leaves them alone when it is none of ours.
void zx_origin_of(const volatile void *address, uint32_t *thread, uint32_t *step);

// ---- explore_sync.c: mutexes, futexes, conditions
void zx_sync_begin(void);

#endif // ZVM_TESTS_MODEL_EXPLORE_H
