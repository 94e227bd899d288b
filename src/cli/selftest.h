// cli/selftest.h - `zvm selftest`: what its parts share.
//
// An attack is a program that takes what it can. An attacker is one place from which it is launched
// again and again, in a group of its own. An honest isolate computes known results meanwhile. A figure
// is one measured quantity beside its limit.
#ifndef ZVM_CLI_SELFTEST_H
#define ZVM_CLI_SELFTEST_H

#include "zvm.h"

#include <stdbool.h>
#include <stdint.h>

// The words of `zvm selftest`.
struct cli_selftest_options {
    bool hostile, list, as_json, help;
    const char *only;  // one check; NULL: all
    const char *show;  // prints the program of this attack; NULL: does not
    const char *plant; // the fault that a check must find; NULL: none
    uint64_t seed;
    uint32_t worker_count;
    uint64_t attack_ns; // for each attack
};

// false: it has complained, in one line.
bool cli_selftest_options_parse(int word_count, char **words, struct cli_selftest_options *out);
// Is this fault planted?
bool cli_selftest_is_planted(const struct cli_selftest_options *options, const char *fault);

// ---- This machine -----------------------------------------------------------------------------

struct cli_moment {
    uint64_t wall_ns, process_ns; // CPU time of the whole process
};

// A time that has passed, and what of it the process had: when all of its threads together had less
// CPU time, others had the processors. For times in which the process always has something to do.
struct cli_elapsed {
    uint64_t wall_ns, had_ns;
};

uint64_t cli_now_ns(void);
struct cli_moment cli_moment_now(void);
struct cli_elapsed cli_elapsed_since(const struct cli_moment *moment);
// Memory of the process that is there now; the most since cli_memory_restart.
uint64_t cli_memory_bytes(void);
uint64_t cli_memory_peak_bytes(void);
// false: this system does not do it; then the caller asks for cli_memory_bytes often.
bool cli_memory_restart(void);
// Are times and the memory of the process judged in this build? Sanitizers and builds for tests
// slow everything down and keep memory of their own.
bool cli_machine_is_plain(void);

// ---- Attacks ----------------------------------------------------------------------------------

// What an attack may have, and how it must end. 0: no such limit.
struct cli_attack {
    const char *name;  // "doubling-string"
    const char *about; // one line for --list
    const char *program;
    zvm_status status;   // how each launch ends
    const char *kind;    // of its error; NULL: it ends by no error
    uint64_t heap_bytes; // always set, as `depth` is
    uint64_t fuel, timeout_ns, cpu_ns, output_bytes, symbols;
    uint32_t depth;
    // Of the group of one launch: isolates that exist at a time, their memory and fuel together.
    uint64_t isolates, group_heap_bytes, group_fuel;
    // It may spawn; those end with the one that is launched, and may end as its program likes.
    bool spawns;
    uint32_t mailbox_count; // of each isolate
    uint64_t mailbox_bytes;
};

// [*count], in the order in which they run.
const struct cli_attack *cli_attacks(uint32_t *count);
const struct cli_attack *cli_attack_find(const char *name); // NULL: none of that name

// ---- Figures ----------------------------------------------------------------------------------

enum cli_figure_kind {
    CLI_FIGURE_HEAP,
    CLI_FIGURE_MEMORY,
    CLI_FIGURE_FUEL,
    CLI_FIGURE_TIME,
    CLI_FIGURE_CPU,
    CLI_FIGURE_OUTPUT,
    CLI_FIGURE_SYMBOLS,
    CLI_FIGURE_CALLS,
    CLI_FIGURE_ISOLATES,
    CLI_FIGURE_MESSAGES, // in one mailbox, as the programs tell
    CLI_FIGURE_MAILBOX,  // the bytes of these, without what zvm adds to each
    CLI_FIGURE_WAIT,
    CLI_FIGURE_KINDS
};

// The greatest overshoot of one quantity. It holds when used <= limit + slack.
struct cli_figure {
    bool is_measured;
    uint64_t used, limit, slack;
};

// How one attack went, single and many at once.
struct cli_attack_result {
    const struct cli_attack *attack;
    struct cli_figure figures[CLI_FIGURE_KINDS];
    uint64_t launches;      // that ended
    uint64_t endings_wrong; // of these
    char wrong_ending[96];  // the first of them
    uint64_t unended;       // that had to be cancelled
    uint64_t life_ns;       // of all launches together
    uint64_t refused;       // isolates that the limit refused
    uint32_t at_once;       // attackers, in the second part
    uint32_t honest_count, honest_right;
    uint64_t rounds_least; // of an honest isolate: how often it made its results
    const char *broken;    // zvm itself failed: which call; NULL: it did not
    zvm_status broken_status;
};

// Notes a measurement; the worst stays.
void cli_figure_note(struct cli_figure *figure, uint64_t used, uint64_t limit, uint64_t slack);
// Is it within limit and slack, or not judged in this build?
bool cli_figure_holds(const struct cli_attack_result *result, enum cli_figure_kind kind);
bool cli_attack_holds(const struct cli_attack_result *result);
// One line, or one JSON object a line, on stdout.
void cli_attack_print(const struct cli_attack_result *result, bool as_json);

// ---- Running ----------------------------------------------------------------------------------

// What honest isolates get of this machine while nothing attacks them.
struct cli_calm {
    struct cli_elapsed wait; // longest time between two slices of one
    uint64_t grown_bytes;    // of the process, while they ran
};

// Runs honest isolates alone. result: how that went, without figures of attackers.
void cli_hostile_calm(const struct cli_selftest_options *options, struct cli_calm *calm,
                      struct cli_attack_result *result);
// Runs an attack: result->attack, one and many at once. The rest of result is zero before.
void cli_hostile_attack(const struct cli_selftest_options *options, const struct cli_calm *calm,
                        struct cli_attack_result *result);

// The quick checks: one line each. Returns how many failed.
uint32_t cli_selftest_quick(const struct cli_selftest_options *options);
// "language", "collection", …; NULL past the last one.
const char *cli_quick_name(uint32_t index);
const char *cli_quick_about(uint32_t index);

#endif // ZVM_CLI_SELFTEST_H
