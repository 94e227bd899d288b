// tests/model/coroutine.h - several stacks on one thread of the system.
#ifndef ZVM_TESTS_MODEL_COROUTINE_H
#define ZVM_TESTS_MODEL_COROUTINE_H

#include <stdbool.h>

#if !defined(__x86_64__)
#    include <ucontext.h>
#endif

#define ZCOROUTINE_STACK_BYTES (64 * 1024)

struct zcoroutine {
#if defined(__x86_64__)
    void *stack_pointer; // of a coroutine that does not run
#else
    ucontext_t context;
#endif
};

// The coroutine begins at `entry`, which never returns, when it is first switched to. One made
// again on the same stack forgets what it was doing.
void zcoroutine_make(struct zcoroutine *coroutine, void *stack, void (*entry)(void));
void zcoroutine_switch(struct zcoroutine *from, struct zcoroutine *to);

// ---- Each coroutine's own _Thread_local variables.
// The program's thread-local block is swapped at each switch, so that a source under test finds its
// own. The libraries' blocks are shared: errno and the like.
void zcoroutine_locals_begin(unsigned count); // all blocks become what the program started with
void zcoroutine_locals_switch(unsigned from, unsigned to);
bool zcoroutine_is_local(const volatile void *address);

#endif // ZVM_TESTS_MODEL_COROUTINE_H
