// cli/selftest_print.c - judges what an attack came to, and prints it.
//
// Owns: nothing. Thread: main; cli_figure_note under the lock of the attack.
#include "cli/selftest.h"

#include "cli/message.h"
#include "cli/show.h"

#include <inttypes.h>
#include <stdio.h>

enum unit { UNIT_BYTES, UNIT_COUNT, UNIT_TIME, UNIT_MIB };

static const struct {
    const char *name;
    enum unit unit;
    bool needs_plain; // judged only where nothing slows the build down
} kinds[CLI_FIGURE_KINDS] = {
    [CLI_FIGURE_HEAP] = {"heap", UNIT_BYTES, false},
    [CLI_FIGURE_MEMORY] = {"process", UNIT_MIB, true},
    [CLI_FIGURE_FUEL] = {"fuel", UNIT_COUNT, false},
    [CLI_FIGURE_TIME] = {"time", UNIT_TIME, true},
    [CLI_FIGURE_CPU] = {"CPU time", UNIT_TIME, true},
    [CLI_FIGURE_OUTPUT] = {"output", UNIT_BYTES, false},
    [CLI_FIGURE_SYMBOLS] = {"symbols", UNIT_COUNT, false},
    [CLI_FIGURE_CALLS] = {"calls", UNIT_COUNT, false},
    [CLI_FIGURE_ISOLATES] = {"isolates", UNIT_COUNT, false},
    [CLI_FIGURE_MESSAGES] = {"messages", UNIT_COUNT, false},
    [CLI_FIGURE_MAILBOX] = {"mailbox", UNIT_BYTES, false},
    [CLI_FIGURE_WAIT] = {"wait", UNIT_TIME, true},
};

// ---- Judging ----------------------------------------------------------------------------------

static uint64_t over(const struct cli_figure *figure)
{
    return figure->used > figure->limit ? figure->used - figure->limit : 0;
}

static uint64_t beyond_slack(const struct cli_figure *figure)
{
    return over(figure) > figure->slack ? over(figure) - figure->slack : 0;
}

void cli_figure_note(struct cli_figure *figure, uint64_t used, uint64_t limit, uint64_t slack)
{
    struct cli_figure now = {true, used, limit, slack};
    bool is_worse = beyond_slack(&now) > beyond_slack(figure);
    bool is_greater =
        beyond_slack(&now) == beyond_slack(figure) &&
        (over(&now) > over(figure) || (over(&now) == over(figure) && used > figure->used));
    if (!figure->is_measured || is_worse || is_greater) *figure = now;
}

static bool is_judged(enum cli_figure_kind kind)
{
    return !kinds[kind].needs_plain || cli_machine_is_plain();
}

bool cli_figure_holds(const struct cli_attack_result *result, enum cli_figure_kind kind)
{
    const struct cli_figure *figure = &result->figures[kind];
    return !figure->is_measured || !is_judged(kind) || beyond_slack(figure) == 0;
}

static bool ends_hold(const struct cli_attack_result *result)
{
    return result->launches > 0 && result->endings_wrong == 0 && result->unended == 0;
}

static bool honest_hold(const struct cli_attack_result *result)
{
    return result->honest_right == result->honest_count;
}

bool cli_attack_holds(const struct cli_attack_result *result)
{
    bool holds = result->broken == NULL && ends_hold(result) && honest_hold(result);
    for (int kind = 0; kind < CLI_FIGURE_KINDS; kind++)
        holds = holds && cli_figure_holds(result, (enum cli_figure_kind)kind);
    return holds;
}

// ---- For people -------------------------------------------------------------------------------

#define QUANTITY_CHARS 40

static const char *quantity(uint64_t value, enum unit unit, bool with_unit, char *text)
{
    char count[CLI_COUNT_CHARS];
    if (unit == UNIT_TIME)
        snprintf(text, QUANTITY_CHARS, "%.1f%s", (double)value / 1e6, with_unit ? " ms" : "");
    else if (unit == UNIT_MIB)
        snprintf(text, QUANTITY_CHARS, "%.1f%s", (double)value / 1048576, with_unit ? " MiB" : "");
    else
        snprintf(text, QUANTITY_CHARS, "%s%s", cli_count(value, count),
                 with_unit && unit == UNIT_BYTES ? " B" : "");
    return text;
}

// "heap 262,144 of 262,144, over by 0 B; "
static void print_figure(const struct cli_attack_result *result, enum cli_figure_kind kind)
{
    const struct cli_figure *figure = &result->figures[kind];
    if (!figure->is_measured || kind == CLI_FIGURE_WAIT) return;
    // How deep the calls of a program went is known only where they made its error.
    if (kind == CLI_FIGURE_CALLS && over(figure) == 0 && figure->used < figure->limit) return;
    char used[QUANTITY_CHARS], limit[QUANTITY_CHARS], more[QUANTITY_CHARS];
    enum unit unit = kinds[kind].unit;
    printf("%s %s of %s, over by %s; ", kinds[kind].name,
           quantity(figure->used, unit, false /* with_unit */, used),
           quantity(figure->limit, unit, false /* with_unit */, limit),
           quantity(over(figure), unit, true /* with_unit */, more));
}

static const char *ending(const struct cli_attack_result *result)
{
    const struct cli_attack *row = result->attack;
    return row->kind != NULL ? row->kind : zvm_status_text(row->status);
}

static double mean_life_ms(const struct cli_attack_result *result)
{
    return result->launches == 0 ? 0 : (double)result->life_ns / 1e6 / (double)result->launches;
}

static void print_ends(const struct cli_attack_result *result)
{
    char count[CLI_COUNT_CHARS], refused[CLI_COUNT_CHARS];
    const char *text = result->endings_wrong > 0 ? result->wrong_ending : ending(result);
    printf("ended: %s in %.1f ms, %s times; ", text, mean_life_ms(result),
           cli_count(result->launches, count));
    if (result->refused > 0) printf("isolates refused %s; ", cli_count(result->refused, refused));
}

static void print_expected_figure(const struct cli_attack_result *result, enum cli_figure_kind kind)
{
    const struct cli_figure *figure = &result->figures[kind];
    char most[QUANTITY_CHARS];
    printf("; expected: %s at most %s", kinds[kind].name,
           quantity(figure->limit + figure->slack, kinds[kind].unit, true /* with_unit */, most));
}

static void print_expected(const struct cli_attack_result *result)
{
    for (int kind = 0; kind < CLI_FIGURE_KINDS; kind++) {
        if (!cli_figure_holds(result, (enum cli_figure_kind)kind))
            print_expected_figure(result, (enum cli_figure_kind)kind);
    }
    if (result->endings_wrong > 0) printf("; expected end: %s", ending(result));
    if (result->unended > 0) printf("; expected: all to end, %" PRIu64 " did not", result->unended);
    if (result->launches == 0) printf("; expected: one to end at least");
    if (!honest_hold(result))
        printf("; expected honest: %u of %u", result->honest_count, result->honest_count);
    if (result->broken != NULL)
        printf("; expected: %s to work, got: %s", result->broken,
               zvm_status_text(result->broken_status));
}

static void print_text(const struct cli_attack_result *result)
{
    bool holds = cli_attack_holds(result);
    printf("%s %-16s ", holds ? "PASS" : "FAIL", result->attack->name);
    for (int kind = 0; kind < CLI_FIGURE_KINDS; kind++)
        print_figure(result, (enum cli_figure_kind)kind);
    print_ends(result);
    const struct cli_figure *wait = &result->figures[CLI_FIGURE_WAIT];
    printf("honest %u of %u, longest wait %.1f ms, alone %.1f ms", result->honest_right,
           result->honest_count, (double)wait->used / 1e6, (double)wait->limit / 1e6);
    if (!holds) print_expected(result);
    printf("\n");
}

// ---- For programs -----------------------------------------------------------------------------

static void print_json_figure(const struct cli_attack_result *result, enum cli_figure_kind kind,
                              bool is_first)
{
    const struct cli_figure *figure = &result->figures[kind];
    printf("%s\"%s\":{\"used\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"over\":%" PRIu64
           ",\"slack\":%" PRIu64 ",\"unit\":\"%s\",\"judged\":%s,\"holds\":%s}",
           is_first ? "" : ",", kinds[kind].name, figure->used, figure->limit, over(figure),
           figure->slack,
           kinds[kind].unit == UNIT_TIME    ? "ns"
           : kinds[kind].unit == UNIT_COUNT ? ""
                                            : "B",
           is_judged(kind) ? "true" : "false", cli_figure_holds(result, kind) ? "true" : "false");
}

static void print_json(const struct cli_attack_result *result)
{
    printf("{\"check\":");
    cli_json_string(stdout, result->attack->name);
    printf(",\"passed\":%s,\"figures\":{", cli_attack_holds(result) ? "true" : "false");
    bool is_first = true;
    for (int kind = 0; kind < CLI_FIGURE_KINDS; kind++) {
        if (!result->figures[kind].is_measured) continue;
        print_json_figure(result, (enum cli_figure_kind)kind, is_first);
        is_first = false;
    }
    printf("},\"ended\":");
    cli_json_string(stdout, result->endings_wrong > 0 ? result->wrong_ending : ending(result));
    printf(",\"expected_end\":");
    cli_json_string(stdout, ending(result));
    printf(",\"launches\":%" PRIu64 ",\"at_once\":%u,\"ended_otherwise\":%" PRIu64
           ",\"not_ended\":%" PRIu64 ",\"mean_life_ns\":%.0f,\"isolates_refused\":%" PRIu64
           ",\"honest\":%u,\"honest_right\":%u,\"honest_rounds_least\":%" PRIu64,
           result->launches, result->at_once, result->endings_wrong, result->unended,
           mean_life_ms(result) * 1e6, result->refused, result->honest_count, result->honest_right,
           result->rounds_least);
    if (result->broken != NULL) {
        printf(",\"broken\":");
        cli_json_string(stdout, result->broken);
    }
    printf("}\n");
}

void cli_attack_print(const struct cli_attack_result *result, bool as_json)
{
    if (as_json)
        print_json(result);
    else
        print_text(result);
    (void)fflush(stdout); // a line as soon as it is known; main looks whether it was written
}
