// cli/selftest_honest.h - isolates that compute known results while others are attacked.
#ifndef ZVM_CLI_SELFTEST_HONEST_H
#define ZVM_CLI_SELFTEST_HONEST_H

#include "cli/selftest.h"
#include "zvm.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CLI_HONEST_COUNT 100u

// One of them.
struct cli_honest {
    struct cli_honest_crowd *crowd;
    zvm_isolate *isolate;
    // owner-thread: who runs it; main's when it has finished
    uint32_t at;   // place in the text that it must print, over and over
    bool is_wrong; // it printed something else, or ended otherwise than it must
    bool has_run;
    struct cli_moment seen;  // when its last slice ended
    struct cli_elapsed wait; // the longest between two slices, of both kinds
    _Atomic uint64_t rounds; // shared: main looks
    uint64_t rounds_before;  // main's: when cli_honest_mark was called
};

struct cli_honest_crowd {
    struct cli_honest honest[CLI_HONEST_COUNT];
    uint32_t made;
    // shared: main writes. The honest ones end after the round that they are in.
    atomic_bool is_over;
};

// Gives the runtime the function that honest programs ask whether to go on.
zvm_status cli_honest_prepare(zvm_runtime *runtime, struct cli_honest_crowd *crowd);
// Makes and submits them. spoiled: one gets too little memory for its work, so that it must be found.
zvm_status cli_honest_start(zvm_runtime *runtime, struct cli_honest_crowd *crowd, bool spoiled);
// Rounds count from here.
void cli_honest_mark(struct cli_honest_crowd *crowd);
// The least rounds that one of them has made.
uint64_t cli_honest_rounds(const struct cli_honest_crowd *crowd);
// Has each that has not ended made so many rounds?
bool cli_honest_have_made(const struct cli_honest_crowd *crowd, uint64_t rounds);
// Lets them end, waits, and looks how they ended. Nothing of them is left then.
void cli_honest_end(struct cli_honest_crowd *crowd);
uint32_t cli_honest_right(const struct cli_honest_crowd *crowd);
// Their program, for --show.
const char *cli_honest_program(void);

#endif // ZVM_CLI_SELFTEST_HONEST_H
