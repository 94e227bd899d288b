// cli/live.h - reports while a run goes on: every so often, and when somebody asks for one.
#ifndef ZVM_CLI_LIVE_H
#define ZVM_CLI_LIVE_H

#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/report_file.h"
#include "zvm.h"

#include <pthread.h>

struct cli_live {
    // frozen while the thread runs
    const struct cli_run_options *options;
    struct cli_report_file *file;
    struct cli_interrupt *interrupt;
    zvm_runtime *runtime;
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    // under lock
    bool is_asked, is_ending;
};

// false: no memory. The pointers stay the caller's.
bool cli_live_init(struct cli_live *live, const struct cli_run_options *options,
                   struct cli_report_file *file, struct cli_interrupt *interrupt);
void cli_live_deinit(struct cli_live *live);

// From here on reports of the runtime are written. false: the system refuses a thread; it has
// complained. thread: main.
bool cli_live_start(struct cli_live *live, zvm_runtime *runtime);
// The last one is through. Fine without a start. thread: main.
void cli_live_stop(struct cli_live *live);

// Asks for a report, also before the start. A cli_interrupt_fn; context: struct cli_live. thread: any;
// does not wait for the report.
void cli_live_ask(void *context);

#endif // ZVM_CLI_LIVE_H
