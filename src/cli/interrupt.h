// cli/interrupt.h - Ctrl-C and its kin, taken by a thread of their own.
#ifndef ZVM_CLI_INTERRUPT_H
#define ZVM_CLI_INTERRUPT_H

#include <pthread.h>
#include <stdbool.h>

// Called on the signal thread, at the first signal of an armed stretch. Must not block for long.
typedef void (*cli_interrupt_fn)(void *context);

// Places of cli_interrupt_guard_file.
enum {
    CLI_GUARD_REPORT,
    CLI_GUARD_SNAPSHOT,
    CLI_GUARD_ALLOCATIONS,
    CLI_GUARD_PROFILE,
    CLI_GUARD_TRACE,
    CLI_GUARD_LIVE, // a report before the last one
    CLI_GUARDED_FILES
};

struct cli_interrupt {
    pthread_t thread;
    int signal_fd;
    int quit_fd; // readable: the thread ends
    int stop_fd; // readable once a signal came while armed; for poll
    pthread_mutex_t lock;
    // under lock
    bool armed;
    int number;                                // of the first signal while armed; 0: none
    const char *temp_paths[CLI_GUARDED_FILES]; // to remove when the process ends at once, or NULL
    cli_interrupt_fn wake;
    void *context;
    cli_interrupt_fn ask; // at SIGUSR1; NULL: nothing
    void *ask_context;
};

// Blocks the signals for all threads made from here on and starts the thread. thread: main, first.
bool cli_interrupt_start(struct cli_interrupt *interrupt);
// What SIGUSR1 calls, on the signal thread. NULL: nothing.
void cli_interrupt_on_ask(struct cli_interrupt *interrupt, cli_interrupt_fn ask, void *context);
void cli_interrupt_stop(struct cli_interrupt *interrupt);

// From arm to disarm a first signal calls wake and makes stop_fd readable; a second one, and any
// outside of that stretch, ends the process at once with 128 + n.
void cli_interrupt_arm(struct cli_interrupt *interrupt, cli_interrupt_fn wake, void *context);
// Returns the number of the signal that came, or 0.
int cli_interrupt_disarm(struct cli_interrupt *interrupt);

// The half-written file number `place` that must not stay behind. path: stays the caller's; NULL: none.
void cli_interrupt_guard_file(struct cli_interrupt *interrupt, int place, const char *temp_path);

#endif // ZVM_CLI_INTERRUPT_H
