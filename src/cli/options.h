// cli/options.h - what the command line asks for.
#ifndef ZVM_CLI_OPTIONS_H
#define ZVM_CLI_OPTIONS_H

#include "cli/show.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_report { CLI_REPORT_NONE, CLI_REPORT_TEXT, CLI_REPORT_JSON, CLI_REPORT_PROM };
enum cli_output { CLI_OUTPUT_FIRST, CLI_OUTPUT_ALL, CLI_OUTPUT_NONE };

enum cli_at { CLI_AT_EXIT, CLI_AT_LIMIT, CLI_AT_SIGNAL };

#define CLI_ISOLATES_MAX 1000000000u
#define CLI_WORKERS_MAX  1024u

// The words of `zvm run`. 0 in a limit means that the option was not given.
// Isolates of one program at a time, unless --spawn-limit says otherwise.
#define CLI_SPAWN_LIMIT 1048576

struct cli_run_options {
    const char *file;
    const char *text; // of -e; NULL: the program is in `file`
    uint64_t isolate_count;
    uint32_t worker_count;
    uint64_t heap_limit_bytes;
    uint64_t fuel_limit;
    uint64_t timeout_ns, cpu_limit_ns;
    uint64_t output_limit_bytes;
    uint64_t intern_limit_count, intern_limit_bytes;
    uint64_t spawn_limit; // isolates of a program at a time
    uint64_t total_heap_bytes; // of all of them; 0: no limit
    uint64_t mailbox_limit_count, mailbox_limit_bytes; // 0: the default
    uint32_t max_depth;
    uint64_t intern_table_count, intern_table_bytes; // for all isolates together
    uint32_t slice_budget;
    uint64_t seed; // 0: none
    uint64_t gc_threshold_count;
    uint32_t gc_growth_percent; // 0: the default
    zvm_gc_mode gc_mode;
    uint32_t int_pool_size, str_pool_size, list_pool_size; // as in zvm_isolate_options
    enum cli_report report;
    bool report_given;
    const char *report_file;  // NULL: stderr
    uint64_t report_every_ns; // 0: only at the end
    uint32_t top_count;       // isolates that a report lists by each order
    enum cli_output output;
    const char *profile, *trace; // files; NULL: not asked for
    uint64_t profile_fuel, trace_events;
    const char *heap_snapshot, *alloc_profile; // files; NULL: not asked for
    enum cli_at at;
    bool at_given;
    uint64_t sample_bytes;
    bool leaks;
    uint64_t leaks_age_ns, leaks_collections; // one of them, or none: of any age
    const char *const *arguments;             // [argument_count], of argv
    size_t argument_count;
    bool as_json; // findings and errors
    // of `zvm each`
    const char *in_file, *out_file; // NULL: standard input, standard output
    bool resume;
    size_t line_limit_bytes;
    enum cli_colour colour;
    bool help;
};

// Reads the words behind `run`. false: it has complained, in one line.
bool cli_run_options_parse(int word_count, char **words, struct cli_run_options *out);

// The same for `repl`: the limits of one isolate, no FILE. What each piece may use of fuel and time.
bool cli_repl_options_parse(int word_count, char **words, struct cli_run_options *out);

// The processors that this process may use: the default of -w.
uint32_t cli_usable_processors(void);
// The same for `each`: PROGRAM, limits, files.
bool cli_each_options_parse(int word_count, char **words, struct cli_run_options *out);

// Limits, arguments and tuning.
void cli_options_apply(const struct cli_run_options *from, zvm_isolate_options *to);

// A name that says it is a compiled file.
bool cli_is_compiled_name(const char *name);

#endif // ZVM_CLI_OPTIONS_H
