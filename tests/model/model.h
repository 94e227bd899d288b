// tests/model/model.h - what a model program is written in.
//
// A model is one C file: a few short threads, what must hold afterwards, and named bugs that can be
// planted into it. It is built twice. With ZVM_EXPLORE it runs in the explorer: one thread of the
// system, every order of steps and every stale value that the memory model allows, from a seed.
// Without, it runs on pthreads and the machine's own memory, again and again. Shared words are
// touched through base/atomic.h; everything else a model needs is below.
//
// A model may keep its state in static variables: one execution runs at a time. Each execution
// calls setup, then all threads at once, then check. In the comment at the top of a model
// "With: FILE..." names the project's own sources that it runs, "Define: NAME=VALUE" what both are
// compiled with.
#ifndef ZVM_TESTS_MODEL_MODEL_H
#define ZVM_TESTS_MODEL_MODEL_H

#ifdef ZVM_EXPLORE
#    include "explore_pthread.h"
#endif

#include "base/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZX_THREADS_MAX 5 // of a model

// A bug that can be planted, and the number of schedules within which each mode of the explorer
// must find it from any seed; 0: that mode is not asked. One that is harmless is none after all: it
// passes as many schedules, and DFS gets through all of them within its number.
struct zmodel_bug {
    const char *name;
    uint32_t random_max, pct_max, dfs_max;
    bool is_harmless;
};

struct zmodel {
    const char *name;
    uint32_t thread_count;
    void (*setup)(void); // alone, before the threads
    void (*body)(uint32_t thread);
    void (*check)(void); // alone, after the threads; may be NULL
    const struct zmodel_bug *bugs;
    uint32_t bug_count;
    uint32_t schedules; // of the correct variant in the quick test, a mode; 0: 100,000
    uint32_t steps_max; // more steps than this are a livelock; 0: 20,000
    // The correct variant is small enough for all schedules: at most so many. 0: it is not.
    uint64_t dfs_max;
    // In the quick test, after all schedules of the correct variant: whether they met what they are
    // there for; it says what they met. May be NULL.
    bool (*is_enough)(void);
};

extern const struct zmodel zmodel_program; // supplied by the model

// The planted bug of this run: its index in bugs plus 1; 0: none.
extern uint32_t zmodel_bug;

// ---- What holds ---------------------------------------------------------------------------------

_Noreturn void zx_failed(const char *file, int line, const char *text);
// Always built in: it is what a model is for.
#define zx_assert(condition) ((condition) ? (void)0 : zx_failed(__FILE__, __LINE__, #condition))

// ---- Plain memory -------------------------------------------------------------------------------

// A read or a write of a variable that is no atomic. In the explorer two of them that nothing
// orders are a data race, and fail; natively they are what ThreadSanitizer sees.
#ifdef ZVM_EXPLORE
void zx_plain(const volatile void *address, bool is_write);
#else
static inline void zx_plain(const volatile void *address, bool is_write)
{
    (void)address;
    (void)is_write;
}
#endif
#define zx_plain_read(address)         (zx_plain((address), false), *(address))
#define zx_plain_write(address, value) (zx_plain((address), true), (void)(*(address) = (value)))

// Memory of one execution, zeroed. Freeing is a write of all of it: a use that is not ordered
// before is a race, a use after is found at once. What is left at the end is given back silently;
// zx_live_count says how many pieces are.
void *zx_alloc(size_t bytes);
void zx_free(void *memory, size_t bytes);
uint32_t zx_live_count(void);

// ---- Waiting ------------------------------------------------------------------------------------

// Gives the others a turn. Every loop that waits for another thread calls it.
void zx_yield(void);

// Mutexes and condition variables: those of pthread.h, in a model and in the sources it runs. In
// the explorer their calls are its own.

// Sleeps if the word holds `expected`: looking and falling asleep are one step. It may wake up for
// no reason. Orders nothing: the word's own loads and stores do that.
void zx_futex_wait(_Atomic uint32_t *word, uint32_t expected);
void zx_futex_wake(_Atomic uint32_t *word, uint32_t count);

// ---- Weakening ----------------------------------------------------------------------------------

// A bug planted into real code: in the explorer, all loads or all stores of the words in this
// memory lose their order (read-modify-writes with either). For setup; natively it does nothing.
enum zx_operation { ZX_LOADS, ZX_STORES };
void zx_weaken(const volatile void *from, size_t bytes, enum zx_operation operation);

// ---- Names --------------------------------------------------------------------------------------

// What a word or variable is called in messages and traces. For setup; name must stay.
void zx_name(const volatile void *address, const char *name);

#endif // ZVM_TESTS_MODEL_MODEL_H
