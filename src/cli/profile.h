// cli/profile.h - what `zvm run` writes about the memory of isolate 0.
#ifndef ZVM_CLI_PROFILE_H
#define ZVM_CLI_PROFILE_H

#include "cli/new_file.h"
#include "cli/options.h"
#include "zvm.h"

#include <pthread.h>
#include <stdio.h>

struct cli_profile_file {
    struct cli_new_file place;
    const char *name; // as the user wrote it; NULL: not asked for
    bool is_written;
};

struct cli_profile {
    const struct cli_run_options *options;
    struct cli_profile_file snapshot, allocations;
    // the worker's that runs isolate 0, then main's
    char *leaks; // NUL-terminated; NULL: none yet
    size_t leaks_bytes;
    bool has_failed;
    pthread_mutex_t lock;
    bool is_asked; // under lock: a snapshot, by a signal
};

// Opens the files before anything runs. false: it has complained.
bool cli_profile_open(struct cli_profile *profile, const struct cli_run_options *options);
void cli_profile_close(struct cli_profile *profile);

// Whether cli_profile_moment is to be called.
bool cli_profile_wants_moments(const struct cli_profile *profile);
// What isolate 0 is made with.
void cli_profile_apply(const struct cli_profile *profile, zvm_isolate_options *options);
// thread: the one that runs isolate 0.
void cli_profile_moment(struct cli_profile *profile, zvm_isolate *isolate, zvm_moment moment);
void cli_profile_finish(struct cli_profile *profile, zvm_isolate *isolate);
// Asks for a snapshot at the next slice. context: the profile. thread: any.
void cli_profile_ask(void *context);

// Prints the leaks. false: something asked for could not be had; it has complained. thread: main.
bool cli_profile_print(struct cli_profile *profile);

#endif // ZVM_CLI_PROFILE_H
