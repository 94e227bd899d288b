// cli/selftest.c - `zvm selftest`: what a stranger runs to see that the limits hold on this machine.
//
// Owns: nothing; texts of the options are those of argv. Thread: main.
// How: without --hostile the quick checks, with it one attack after the other, each judged and printed
// as soon as it is over. How a check can fail is shown by --plant, which loosens one limit behind the
// check's back.
#include "cli/selftest.h"

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/parse.h"
#include "cli/selftest_honest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS   UINT64_C(1000000000)
#define SECONDS_MAX 3600u

// What --plant takes beside the names of the quick checks: quantities of attacks.
static const char *const faults[] = {"heap",    "memory",  "fuel",   "time",     "cpu",
                                     "output",  "symbols", "calls",  "isolates", "messages",
                                     "mailbox", "wait",    "honest", "ending"};

enum { FAULTS = sizeof faults / sizeof faults[0] };

bool cli_selftest_is_planted(const struct cli_selftest_options *options, const char *fault)
{
    return options->plant != NULL && strcmp(options->plant, fault) == 0;
}

// ---- Words ------------------------------------------------------------------------------------

static bool is_quick(const char *name)
{
    for (uint32_t i = 0; cli_quick_name(i) != NULL; i++) {
        if (strcmp(cli_quick_name(i), name) == 0) return true;
    }
    return false;
}

static bool is_fault(const char *name)
{
    for (size_t i = 0; i < FAULTS; i++) {
        if (strcmp(faults[i], name) == 0) return true;
    }
    return is_quick(name);
}

static bool take_number(const char *name, const char *value, uint64_t least, uint64_t most,
                        uint64_t *out)
{
    if (cli_parse_count(value, out) && *out >= least && *out <= most) return true;
    char least_text[CLI_COUNT_CHARS], most_text[CLI_COUNT_CHARS];
    cli_complain("%s: '%s' is not a whole number from %s to %s", name, value,
                 cli_count(least, least_text), cli_count(most, most_text));
    return false;
}

static bool apply_only(struct cli_selftest_options *options, const char *name, const char *value)
{
    options->only = value;
    if (is_quick(value) || cli_attack_find(value) != NULL) return true;
    cli_complain("%s: there is no check '%s'; 'zvm selftest --list' lists them", name, value);
    return false;
}

static bool apply_show(struct cli_selftest_options *options, const char *name, const char *value)
{
    options->show = value;
    if (strcmp(value, "honest") == 0 || cli_attack_find(value) != NULL) return true;
    cli_complain("%s: there is no program '%s'; 'zvm selftest --list' lists them", name, value);
    return false;
}

static bool apply_plant(struct cli_selftest_options *options, const char *name, const char *value)
{
    options->plant = value;
    if (is_fault(value)) return true;
    cli_complain("%s: there is no fault '%s'; 'zvm selftest --list' lists them", name, value);
    return false;
}

static bool apply_seed(struct cli_selftest_options *options, const char *name, const char *value)
{
    return take_number(name, value, 0, INT32_MAX, &options->seed);
}

static bool apply_seconds(struct cli_selftest_options *options, const char *name, const char *value)
{
    uint64_t seconds;
    if (!take_number(name, value, 1, SECONDS_MAX, &seconds)) return false;
    options->attack_ns = seconds * SECOND_NS;
    return true;
}

static bool apply_workers(struct cli_selftest_options *options, const char *name, const char *value)
{
    uint64_t count;
    if (!take_number(name, value, 1, CLI_WORKERS_MAX, &count)) return false;
    options->worker_count = (uint32_t)count;
    return true;
}

static const struct {
    const char *name, *example;
    bool (*apply)(struct cli_selftest_options *options, const char *name, const char *value);
} rows[] = {
    {"--only", "doubling-string", apply_only}, {"--show", "doubling-string", apply_show},
    {"--plant", "heap", apply_plant},          {"--seed", "1", apply_seed},
    {"--seconds", "5", apply_seconds},         {"-w", "2", apply_workers},
};

static bool take_flag(struct cli_selftest_options *options, const char *word)
{
    bool *flag = strcmp(word, "--hostile") == 0 ? &options->hostile
                 : strcmp(word, "--list") == 0  ? &options->list
                 : strcmp(word, "--json") == 0  ? &options->as_json
                 : cli_is_help(word)            ? &options->help
                                                : NULL;
    if (flag == NULL) return false;
    *flag = true;
    return true;
}

// An option with a value, `--opt value` or `--opt=value`. *next: the words behind it.
static bool take_valued(struct cli_selftest_options *options, const char *word, char ***next,
                        char **end)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t length = strlen(rows[i].name);
        if (strncmp(word, rows[i].name, length) != 0) continue;
        if (word[length] == '=') return rows[i].apply(options, rows[i].name, word + length + 1);
        if (word[length] != '\0') continue;
        if (*next == end) {
            cli_complain("%s: needs a value; write '%s %s'", rows[i].name, rows[i].name,
                         rows[i].example);
            return false;
        }
        return rows[i].apply(options, rows[i].name, *(*next)++);
    }
    cli_complain("'%s': selftest does not know it; 'zvm selftest --help' lists the options", word);
    return false;
}

// What one check, or a fault, says about the kind of checks to run.
static void choose_kind(struct cli_selftest_options *options)
{
    if (options->only != NULL)
        options->hostile = !is_quick(options->only);
    else if (options->plant != NULL)
        options->hostile = !is_quick(options->plant);
}

bool cli_selftest_options_parse(int word_count, char **words, struct cli_selftest_options *out)
{
    struct cli_selftest_options options = {.attack_ns = SECOND_NS};
    options.worker_count = cli_usable_processors();
    options.seed = cli_now_ns() & INT32_MAX;
    char **next = words;
    char **end = words + word_count;
    while (next < end && !options.help) {
        const char *word = *next++;
        if (take_flag(&options, word)) continue;
        if (!take_valued(&options, word, &next, end)) return false;
    }
    choose_kind(&options);
    *out = options;
    return true;
}

// ---- Lists ------------------------------------------------------------------------------------

static void list(void)
{
    printf("Quick checks:\n");
    for (uint32_t i = 0; cli_quick_name(i) != NULL; i++)
        printf("  %-16s %s\n", cli_quick_name(i), cli_quick_about(i));
    printf("Attacks (--hostile; their programs: --show NAME, and --show honest):\n");
    uint32_t count;
    const struct cli_attack *attacks = cli_attacks(&count);
    for (uint32_t i = 0; i < count; i++)
        printf("  %-16s %s\n", attacks[i].name, attacks[i].about);
    printf("Faults (--plant; a quick check's name plants one there):\n ");
    for (size_t i = 0; i < FAULTS; i++)
        printf(" %s", faults[i]);
    printf("\n");
}

static void show(const char *name)
{
    const struct cli_attack *attack = cli_attack_find(name);
    printf("%s", attack != NULL ? attack->program : cli_honest_program());
}

// ---- Attacks ----------------------------------------------------------------------------------

static bool run_attack(const struct cli_selftest_options *options, const struct cli_calm *calm,
                       const struct cli_attack *attack)
{
    struct cli_attack_result result = {.attack = attack};
    cli_hostile_attack(options, calm, &result);
    cli_attack_print(&result, options->as_json);
    return cli_attack_holds(&result);
}

static void print_calm(const struct cli_selftest_options *options, const struct cli_calm *calm,
                       const struct cli_attack_result *result, bool holds)
{
    if (options->as_json) {
        printf("{\"check\":\"calm\",\"passed\":%s,\"seed\":%" PRIu64
               ",\"workers\":%u,\"honest\":%u,"
               "\"honest_right\":%u,\"wait_ns\":%" PRIu64 ",\"grown_bytes\":%" PRIu64 "}\n",
               holds ? "true" : "false", options->seed, options->worker_count, result->honest_count,
               result->honest_right, calm->wait.wall_ns, calm->grown_bytes);
    } else {
        printf("%s %-16s honest %u of %u alone on %u workers, longest wait %.1f ms; seed %" PRIu64,
               holds ? "PASS" : "FAIL", "calm", result->honest_right, result->honest_count,
               options->worker_count, (double)calm->wait.wall_ns / 1e6, options->seed);
        if (result->broken != NULL)
            printf("; expected: %s to work, got: %s", result->broken,
                   zvm_status_text(result->broken_status));
        else if (!holds)
            printf("; expected honest: %u of %u", result->honest_count, result->honest_count);
        printf("\n");
    }
    (void)fflush(stdout);
}

// Measures this machine first: where the honest ones fail by themselves attacks prove nothing.
static bool measure_calm(const struct cli_selftest_options *options, struct cli_calm *calm)
{
    struct cli_attack_result result = {.at_once = 0};
    cli_hostile_calm(options, calm, &result);
    bool holds = result.broken == NULL && result.honest_right == result.honest_count;
    print_calm(options, calm, &result, holds);
    return holds;
}

static uint32_t run_hostile(const struct cli_selftest_options *options)
{
    struct cli_calm calm = {{0, 0}, 0};
    if (!measure_calm(options, &calm)) return 1;
    uint32_t count;
    uint32_t failed = 0;
    const struct cli_attack *attacks = cli_attacks(&count);
    for (uint32_t i = 0; i < count; i++) {
        if (options->only != NULL && strcmp(options->only, attacks[i].name) != 0) continue;
        if (!run_attack(options, &calm, &attacks[i])) failed++;
    }
    return failed;
}

// ---- The command ------------------------------------------------------------------------------

static int end_output(int exit_status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return exit_status;
    cli_complain("standard output could not be written");
    return CLI_EXIT_FAILED;
}

static int run(const struct cli_selftest_options *options)
{
    uint32_t failed = options->hostile ? run_hostile(options) : cli_selftest_quick(options);
    if (!options->as_json) {
        if (failed == 0)
            printf("all passed\n");
        else
            printf("%u failed\n", failed);
    }
    return failed == 0 ? CLI_EXIT_OK : CLI_EXIT_INTERNAL;
}

int cli_command_selftest(int word_count, char **words)
{
    struct cli_selftest_options options;
    if (!cli_selftest_options_parse(word_count, words, &options)) return CLI_EXIT_NOTHING;
    if (options.help) return cli_help_print("selftest");
    int exit_status = CLI_EXIT_OK;
    if (options.list)
        list();
    else if (options.show != NULL)
        show(options.show);
    else
        exit_status = run(&options);
    return end_output(exit_status);
}
