// cli/options.c - reads the words of `zvm run`, `zvm each` and `zvm repl`.
//
// Owns: nothing; texts in the result are those of argv. Thread: main.
// How: one table row an option, with the function that reads its value. Options may stand before or
// behind FILE, as `--opt value` or `--opt=value`; `--` ends them and starts the program's
// arguments. A value is taken as it comes, also when it starts with '-': `--heap-limit -5` is then
// told to be no size, which helps more than being told that -5 is an unknown option.
#include "cli/options.h"

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/parse.h"
#include "zvm.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

// Reads `value` into the options. false: it has complained, naming the option as `name`.
typedef bool (*apply_fn)(struct cli_run_options *options, const char *name, const char *value);

struct option_row {
    const char *name; // "--fuel", or "-n"
    const char *example;
    apply_fn apply;
    uint32_t commands; // that take it
};

enum { RUN = 1, REPL = 2, EACH = 4, ALL = RUN | REPL | EACH };

static bool parse_within(const char *name, const char *value, uint64_t least, uint64_t most,
                         uint64_t *out)
{
    uint64_t count;
    if (cli_parse_count(value, &count) && count >= least && count <= most) {
        *out = count;
        return true;
    }
    char least_text[CLI_COUNT_CHARS];
    char most_text[CLI_COUNT_CHARS];
    cli_complain("%s: '%s' is not a whole number from %s to %s", name, value,
                 cli_count(least, least_text), cli_count(most, most_text));
    return false;
}

static bool parse_within_32(const char *name, const char *value, uint32_t most, uint32_t *out)
{
    uint64_t count;
    if (!parse_within(name, value, 1, most, &count)) return false;
    *out = (uint32_t)count;
    return true;
}

static bool apply_isolates(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, CLI_ISOLATES_MAX, &options->isolate_count);
}

static bool apply_workers(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within_32(name, value, CLI_WORKERS_MAX, &options->worker_count);
}

static bool apply_heap_limit(struct cli_run_options *options, const char *name, const char *value)
{
    char least[CLI_UNIT_CHARS];
    cli_size(ZVM_HEAP_LIMIT_MIN_BYTES, least);
    uint64_t bytes;
    if (!cli_parse_size(value, &bytes) || bytes > SIZE_MAX) {
        cli_complain("%s: '%s' is not a size; write bytes or 64K, 10M, 1G (at least %s)", name,
                     value, least);
        return false;
    }
    if (bytes < ZVM_HEAP_LIMIT_MIN_BYTES) {
        cli_complain("%s: '%s' is too small; the least is %s", name, value, least);
        return false;
    }
    options->heap_limit_bytes = bytes;
    return true;
}

static bool apply_fuel(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, INT64_MAX, &options->fuel_limit);
}

static bool parse_time(const char *name, const char *value, uint64_t *out)
{
    uint64_t time_ns;
    if (cli_parse_duration(value, &time_ns) && time_ns >= 1 && time_ns <= INT64_MAX) {
        *out = time_ns;
        return true;
    }
    cli_complain(
        "%s: '%s' is not a duration; write a whole number with a unit: 500us, 20ms, 3s, 2m", name,
        value);
    return false;
}

static bool apply_timeout(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_time(name, value, &options->timeout_ns);
}

static bool apply_cpu_time(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_time(name, value, &options->cpu_limit_ns);
}

static bool apply_output_limit(struct cli_run_options *options, const char *name, const char *value)
{
    if (cli_parse_size(value, &options->output_limit_bytes) && options->output_limit_bytes > 0)
        return true;
    cli_complain("%s: '%s' is not a size; write bytes or 64K, 10M, 1G (at least 1)", name, value);
    return false;
}

static bool apply_max_depth(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within_32(name, value, UINT32_MAX, &options->max_depth);
}

static bool apply_spawn_limit(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, INT64_MAX, &options->spawn_limit);
}

static bool apply_total_heap(struct cli_run_options *options, const char *name, const char *value)
{
    char least[CLI_UNIT_CHARS];
    cli_size(ZVM_HEAP_LIMIT_MIN_BYTES, least);
    uint64_t *bytes = &options->total_heap_bytes;
    if (cli_parse_size(value, bytes) && *bytes >= ZVM_HEAP_LIMIT_MIN_BYTES) return true;
    cli_complain("%s: '%s' is not a size; write bytes or 64K, 10M, 1G (at least %s)", name, value,
                 least);
    return false;
}

static bool apply_mailbox(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, UINT32_MAX, &options->mailbox_limit_count);
}

static bool apply_mailbox_bytes(struct cli_run_options *options, const char *name,
                                const char *value)
{
    if (cli_parse_size(value, &options->mailbox_limit_bytes) && options->mailbox_limit_bytes > 0)
        return true;
    cli_complain("%s: '%s' is not a size; write bytes or 64K, 10M, 1G (at least 1)", name, value);
    return false;
}

static bool apply_intern_limit(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, ZVM_INTERN_LIMIT_MAX, &options->intern_limit_count);
}

static bool parse_intern_size(const char *name, const char *value, uint64_t most, uint64_t *out)
{
    uint64_t bytes;
    if (cli_parse_size(value, &bytes) && bytes >= 1 && bytes <= most) {
        *out = bytes;
        return true;
    }
    char most_text[CLI_UNIT_CHARS];
    cli_complain("%s: '%s' is not a size; write bytes or 64K, 10M, 1G (at most %s)", name, value,
                 cli_size(most, most_text));
    return false;
}

static bool apply_intern_bytes(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_intern_size(name, value, ZVM_INTERN_LIMIT_MAX, &options->intern_limit_bytes);
}

static bool apply_intern_table(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, INT64_MAX, &options->intern_table_count);
}

static bool apply_intern_table_bytes(struct cli_run_options *options, const char *name,
                                     const char *value)
{
    return parse_intern_size(name, value, INT64_MAX, &options->intern_table_bytes);
}

static bool apply_slice(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within_32(name, value, INT32_MAX, &options->slice_budget);
}

static bool apply_gc_threshold(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 0, INT64_MAX, &options->gc_threshold_count);
}

static bool apply_gc_growth(struct cli_run_options *options, const char *name, const char *value)
{
    uint64_t percent;
    if (!parse_within(name, value, 110, 10000, &percent)) return false;
    options->gc_growth_percent = (uint32_t)percent;
    return true;
}

static bool apply_gc_mode(struct cli_run_options *options, const char *name, const char *value)
{
    static const char *const names[] = {"auto", "full", "incremental", "generational"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        options->gc_mode = (zvm_gc_mode)i;
        return true;
    }
    cli_complain("%s: '%s' is not a mode; write auto, full, incremental or generational", name,
                 value);
    return false;
}

// 0 on the command line is off; in the library's options it is the default.
static bool parse_pool_size(const char *name, const char *value, uint32_t *out)
{
    uint64_t size;
    if (!parse_within(name, value, 0, ZVM_POOL_SIZE_MAX, &size)) return false;
    *out = size == 0 ? ZVM_POOL_OFF : (uint32_t)size;
    return true;
}

static bool apply_int_pool(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_pool_size(name, value, &options->int_pool_size);
}

static bool apply_str_pool(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_pool_size(name, value, &options->str_pool_size);
}

static bool apply_list_pool(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_pool_size(name, value, &options->list_pool_size);
}

static bool apply_report(struct cli_run_options *options, const char *name, const char *value)
{
    static const char *const names[] = {"none", "text", "json", "prom"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        options->report = (enum cli_report)i;
        options->report_given = true;
        return true;
    }
    cli_complain("%s: '%s' is not a report; write none, text, json or prom", name, value);
    return false;
}

static bool apply_report_file(struct cli_run_options *options, const char *name, const char *value)
{
    if (*value == '\0') {
        cli_complain("%s: the name is empty; write the file that the report goes to", name);
        return false;
    }
    options->report_file = value;
    return true;
}

#define REPORT_EVERY_MIN_NS 1000000u // a millisecond: less would report hardly anything but reports

static bool apply_report_every(struct cli_run_options *options, const char *name, const char *value)
{
    if (!parse_time(name, value, &options->report_every_ns)) return false;
    if (options->report_every_ns >= REPORT_EVERY_MIN_NS) return true;
    cli_complain("%s: '%s' is too short; the least is 1ms", name, value);
    return false;
}

static bool apply_top(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within_32(name, value, ZVM_TOP_MAX, &options->top_count);
}

static bool apply_output(struct cli_run_options *options, const char *name, const char *value)
{
    static const char *const names[] = {"first", "all", "none"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        options->output = (enum cli_output)i;
        return true;
    }
    cli_complain("%s: '%s' is not a choice of output; write first, all or none", name, value);
    return false;
}

static bool apply_seed(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, UINT64_MAX, &options->seed);
}

static bool apply_text(struct cli_run_options *options, const char *name, const char *value)
{
    if (options->text != NULL) {
        cli_complain("%s: given twice; put the whole program into one", name);
        return false;
    }
    options->text = value;
    return true;
}

static bool apply_colour(struct cli_run_options *options, const char *name, const char *value)
{
    if (cli_colour_parse(value, &options->colour)) return true;
    cli_complain("%s: '%s' is not a choice of colours; write auto, always or never", name, value);
    return false;
}

static bool apply_file(const char *name, const char *value, const char **out)
{
    if (*value == '\0') {
        cli_complain("%s: the name is empty; write the file that is to be written", name);
        return false;
    }
    *out = value;
    return true;
}

static bool apply_snapshot(struct cli_run_options *options, const char *name, const char *value)
{
    return apply_file(name, value, &options->heap_snapshot);
}

static bool apply_alloc(struct cli_run_options *options, const char *name, const char *value)
{
    return apply_file(name, value, &options->alloc_profile);
}

static bool apply_profile(struct cli_run_options *options, const char *name, const char *value)
{
    return apply_file(name, value, &options->profile);
}

static bool apply_profile_every(struct cli_run_options *options, const char *name,
                                const char *value)
{
    return parse_within(name, value, ZVM_PROFILE_FUEL_MIN, ZVM_PROFILE_FUEL_MAX,
                        &options->profile_fuel);
}

static bool apply_trace(struct cli_run_options *options, const char *name, const char *value)
{
    return apply_file(name, value, &options->trace);
}

static bool apply_trace_events(struct cli_run_options *options, const char *name, const char *value)
{
    return parse_within(name, value, 1, ZVM_TRACE_EVENTS_MAX, &options->trace_events);
}

static bool apply_at(struct cli_run_options *options, const char *name, const char *value)
{
    static const char *const names[] = {"exit", "limit", "signal"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        options->at = (enum cli_at)i;
        options->at_given = true;
        return true;
    }
    cli_complain("%s: '%s' is not a moment; write exit, limit or signal", name, value);
    return false;
}

static bool apply_sample(struct cli_run_options *options, const char *name, const char *value)
{
    if (cli_parse_size(value, &options->sample_bytes) && options->sample_bytes > 0) return true;
    cli_complain("%s: '%s' is not a size; write bytes or 64K, 10M, 1G (1 notes every allocation)",
                 name, value);
    return false;
}

static bool apply_leaks(struct cli_run_options *options, const char *name, const char *value)
{
    options->leaks = true;
    options->leaks_age_ns = 0;
    options->leaks_collections = 0;
    if (cli_parse_count(value, &options->leaks_collections)) return true;
    if (cli_parse_duration(value, &options->leaks_age_ns)) return true;
    cli_complain("%s: '%s' is not an age; write a number of collections or a time: 3, 20ms, 60s",
                 name, value);
    return false;
}

static bool apply_in(struct cli_run_options *options, const char *name, const char *value)
{
    return apply_file(name, value, &options->in_file);
}

static bool apply_out(struct cli_run_options *options, const char *name, const char *value)
{
    return apply_file(name, value, &options->out_file);
}

#define LINE_LIMIT_DEFAULT ((size_t)16 << 20)
#define LINE_LIMIT_MAX     ((uint64_t)1 << 30)

static bool apply_line_limit(struct cli_run_options *options, const char *name, const char *value)
{
    uint64_t bytes;
    if (cli_parse_size(value, &bytes) && bytes > 0 && bytes <= LINE_LIMIT_MAX) {
        options->line_limit_bytes = (size_t)bytes;
        return true;
    }
    cli_complain("%s: '%s' is not a size; write bytes or 64K, 10M, 1G (from 1 to 1G)", name, value);
    return false;
}

static bool *place_of_json(struct cli_run_options *options)
{
    return &options->as_json;
}

static bool *place_of_resume(struct cli_run_options *options)
{
    return &options->resume;
}

static const struct option_row rows[] = {
    {"-e", "'print(6 * 7)'", apply_text, RUN},
    {"-n", "1000", apply_isolates, RUN},
    {"-w", "2", apply_workers, RUN | EACH},
    {"--heap-limit", "10M", apply_heap_limit, ALL},
    {"--fuel", "1000000", apply_fuel, ALL},
    {"--timeout", "20ms", apply_timeout, ALL},
    {"--cpu-time", "20ms", apply_cpu_time, ALL},
    {"--output-limit", "1M", apply_output_limit, ALL},
    {"--max-depth", "10000", apply_max_depth, ALL},
    {"--spawn-limit", "1000", apply_spawn_limit, RUN},
    {"--total-heap", "1G", apply_total_heap, RUN},
    {"--mailbox", "100", apply_mailbox, RUN},
    {"--mailbox-bytes", "64K", apply_mailbox_bytes, RUN},
    {"--intern-limit", "10000", apply_intern_limit, RUN | EACH},
    {"--intern-limit-bytes", "1M", apply_intern_bytes, RUN | EACH},
    {"--intern-table", "1000000", apply_intern_table, RUN | EACH},
    {"--intern-table-bytes", "64M", apply_intern_table_bytes, RUN | EACH},
    {"--slice", "32768", apply_slice, RUN | EACH},
    {"--gc-mode", "full", apply_gc_mode, RUN | EACH},
    {"--gc-growth", "200", apply_gc_growth, RUN | EACH},
    {"--gc-threshold", "1000", apply_gc_threshold, RUN | EACH},
    {"--int-pool", "1000", apply_int_pool, RUN | EACH},
    {"--str-pool", "500", apply_str_pool, RUN | EACH},
    {"--list-pool", "100", apply_list_pool, RUN | EACH},
    {"--report", "text", apply_report, RUN | EACH},
    {"--report-file", "report.json", apply_report_file, RUN | EACH},
    {"--report-every", "1s", apply_report_every, RUN},
    {"--top", "10", apply_top, RUN},
    {"--output", "all", apply_output, RUN},
    {"--heap-snapshot", "main.heapsnapshot", apply_snapshot, RUN},
    {"--at", "exit", apply_at, RUN},
    {"--alloc-profile", "main.folded", apply_alloc, RUN},
    {"--sample-every", "512K", apply_sample, RUN},
    {"--leaks", "60s", apply_leaks, RUN},
    {"--profile", "main.folded", apply_profile, RUN},
    {"--profile-every", "8192", apply_profile_every, RUN},
    {"--trace", "main.trace.json", apply_trace, RUN},
    {"--trace-events", "65536", apply_trace_events, RUN},
    {"--seed", "1", apply_seed, RUN},
    {"--color", "never", apply_colour, RUN | EACH},
    {"--in", "rows.jsonl", apply_in, EACH},
    {"--out", "results.jsonl", apply_out, EACH},
    {"--line-limit", "16M", apply_line_limit, EACH},
};

// Words without a value.
static const struct {
    const char *name;
    bool *(*place)(struct cli_run_options *options);
    uint32_t commands;
} flags[] = {{"--json", place_of_json, RUN | EACH}, {"--resume", place_of_resume, EACH}};

// The words still to be read.
struct words {
    char **next;
    char **end;
    uint32_t command; // RUN, REPL or EACH
};

static const char *command_name(uint32_t command)
{
    return command == RUN ? "run" : command == REPL ? "repl" : "each";
}

// The row that `word` names. *value: the text joined to it (`--opt=value`, `-n5`), or NULL.
static const struct option_row *find_row(const char *word, const char **value)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t length = strlen(rows[i].name);
        if (strncmp(word, rows[i].name, length) != 0) continue;
        const char *joined = word + length;
        bool is_letter = rows[i].name[1] != '-';
        if (*joined != '\0' && *joined != '=' && !is_letter) continue;
        if (*joined == '=') joined++;
        *value = word[length] == '\0' ? NULL : joined;
        return &rows[i];
    }
    return NULL;
}

static bool take_flag(struct cli_run_options *options, const char *word, uint32_t command)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if ((flags[i].commands & command) == 0 || strcmp(word, flags[i].name) != 0) continue;
        *flags[i].place(options) = true;
        return true;
    }
    return false;
}

static bool take_option(struct cli_run_options *options, const char *word, struct words *words)
{
    if (take_flag(options, word, words->command)) return true;
    const char *value;
    const struct option_row *row = find_row(word, &value);
    if (row == NULL || (row->commands & words->command) == 0) {
        cli_complain("unknown option '%s'; 'zvm %s --help' lists the options", word,
                     command_name(words->command));
        return false;
    }
    if (value == NULL) {
        if (words->next == words->end) {
            cli_complain("%s: needs a value; write '%s %s'", row->name, row->name, row->example);
            return false;
        }
        value = *words->next++;
    }
    return row->apply(options, row->name, value);
}

static bool take_file(struct cli_run_options *options, const char *word)
{
    if (options->file != NULL) {
        cli_complain("'%s': only one FILE can be run; arguments of the program go behind '--'",
                     word);
        return false;
    }
    options->file = word;
    return true;
}

static bool check_report(const struct cli_run_options *options)
{
    const char *useless = options->report_file != NULL    ? "--report-file"
                          : options->report_every_ns != 0 ? "--report-every"
                          : options->top_count != 0       ? "--top"
                                                          : NULL;
    if (useless != NULL && options->report == CLI_REPORT_NONE) {
        cli_complain("%s: there is no report to write with '--report none'", useless);
        return false;
    }
    if (options->top_count != 0 && options->report == CLI_REPORT_PROM) {
        cli_complain("--top: '--report prom' has no rows for isolates; choose text or json");
        return false;
    }
    return true;
}

static bool check_run_files(const struct cli_run_options *options)
{
    if (options->profile_fuel != 0 && options->profile == NULL) {
        cli_complain("--profile-every: there is no profile to write; add '--profile FILE'");
        return false;
    }
    if (options->trace_events != 0 && options->trace == NULL) {
        cli_complain("--trace-events: there is no trace to write; add '--trace FILE'");
        return false;
    }
    return true;
}

static bool check_together(const struct cli_run_options *options)
{
    if (options->file != NULL && options->text != NULL) {
        cli_complain("'%s': -e gives the program already; its arguments go behind '--'",
                     options->file);
        return false;
    }
    if (options->file == NULL && options->text == NULL) {
        cli_complain("no FILE to run; write 'zvm run FILE.zx'");
        return false;
    }
    if (options->seed != 0 && options->worker_count > 1) {
        cli_complain("--seed: such a run has one worker; leave -w out");
        return false;
    }
    if (!check_report(options) || !check_run_files(options)) return false;
    if (options->at_given && options->heap_snapshot == NULL) {
        cli_complain("--at: there is no snapshot to write; add '--heap-snapshot FILE'");
        return false;
    }
    if (options->sample_bytes != 0 && options->alloc_profile == NULL && !options->leaks) {
        cli_complain("--sample-every: nothing shows samples; add '--alloc-profile FILE' or "
                     "'--leaks AGE'");
        return false;
    }
    return true;
}

// The processors that this process may use, which under a container or taskset is fewer than
// online.
uint32_t cli_usable_processors(void)
{
    cpu_set_t set;
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    // More processors than the set has bits for: then the number online is the best answer.
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
    if (count < 1) return 1;
    return count < (long)CLI_WORKERS_MAX ? (uint32_t)count : CLI_WORKERS_MAX;
}

static void set_defaults(struct cli_run_options *options)
{
    if (options->worker_count == 0)
        options->worker_count = options->seed != 0 ? 1 : cli_usable_processors();
    // A file for a report is a wish for one, and so is what is to be in it; text is the form for people.
    bool wanted =
        options->report_file != NULL || options->report_every_ns != 0 || options->top_count != 0;
    if (wanted && !options->report_given) options->report = CLI_REPORT_TEXT;
}

// All words, with what stands behind `--`. false: it has complained. Asked for help, out->help is set.
static bool take_words(struct cli_run_options *options, struct words *rest,
                       struct cli_run_options *out)
{
    while (rest->next < rest->end) {
        const char *word = *rest->next++;
        if (strcmp(word, "--") == 0) break;
        if (cli_is_help(word)) {
            out->help = true;
            return true;
        }
        // A lone '-' is a FILE: standard input.
        bool is_option = word[0] == '-' && word[1] != '\0';
        bool taken = is_option ? take_option(options, word, rest) : take_file(options, word);
        if (!taken) return false;
    }
    options->arguments = (const char *const *)rest->next;
    options->argument_count = (size_t)(rest->end - rest->next);
    return true;
}

bool cli_run_options_parse(int word_count, char **words, struct cli_run_options *out)
{
    struct cli_run_options options = {.isolate_count = 1, .spawn_limit = CLI_SPAWN_LIMIT};
    struct words rest = {words, words + word_count, RUN};
    if (!take_words(&options, &rest, out)) return false;
    if (out->help) return true;
    set_defaults(&options);
    if (!check_together(&options)) return false;
    *out = options;
    return true;
}

bool cli_repl_options_parse(int word_count, char **words, struct cli_run_options *out)
{
    struct cli_run_options options = {.file = "<repl>", .isolate_count = 1};
    struct words rest = {words, words + word_count, REPL};
    while (rest.next < rest.end) {
        const char *word = *rest.next++;
        if (strcmp(word, "--") == 0) break;
        if (cli_is_help(word)) {
            out->help = true;
            return true;
        }
        if (word[0] != '-') {
            cli_complain("'%s': repl takes no FILE; arguments of the session go behind '--'", word);
            return false;
        }
        if (!take_option(&options, word, &rest)) return false;
    }
    options.arguments = (const char *const *)rest.next;
    options.argument_count = (size_t)(rest.end - rest.next);
    *out = options;
    return true;
}

static bool check_each(const struct cli_run_options *options)
{
    if (options->file == NULL) {
        cli_complain("no PROGRAM to run; write 'zvm each PROGRAM.zx --in ROWS.jsonl'");
        return false;
    }
    if (strcmp(options->file, "-") == 0) {
        cli_complain("'-': standard input is for the rows; the program has to be in a file");
        return false;
    }
    if (options->resume && options->out_file == NULL) {
        cli_complain("--resume: there is no file to go on with; add '--out FILE'");
        return false;
    }
    return check_report(options);
}

bool cli_each_options_parse(int word_count, char **words, struct cli_run_options *out)
{
    struct cli_run_options options = {.isolate_count = 1, .line_limit_bytes = LINE_LIMIT_DEFAULT};
    struct words rest = {words, words + word_count, EACH};
    if (!take_words(&options, &rest, out)) return false;
    if (out->help) return true;
    set_defaults(&options);
    if (!check_each(&options)) return false;
    *out = options;
    return true;
}

void cli_options_apply(const struct cli_run_options *from, zvm_isolate_options *to)
{
    to->heap_limit_bytes = (size_t)from->heap_limit_bytes;
    to->fuel_limit = from->fuel_limit;
    to->timeout_ns = from->timeout_ns;
    to->cpu_limit_ns = from->cpu_limit_ns;
    to->output_limit_bytes = from->output_limit_bytes;
    to->max_depth = from->max_depth;
    to->gc_threshold_count = from->gc_threshold_count;
    to->gc_growth_percent = from->gc_growth_percent;
    to->gc_mode = from->gc_mode;
    to->int_pool_size = from->int_pool_size;
    to->str_pool_size = from->str_pool_size;
    to->list_pool_size = from->list_pool_size;
    to->intern_limit_count = from->intern_limit_count;
    to->intern_limit_bytes = from->intern_limit_bytes;
    to->arguments = from->arguments;
    to->argument_count = from->argument_count;
}

bool cli_is_compiled_name(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".zbc") == 0;
}
