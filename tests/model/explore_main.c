// tests/model/explore_main.c - the command of a model in the explorer.
//
// Usage: MODEL                          the quick test: see below
//        MODEL --mode M [--schedules N] [--seed S] [--bug NAME]
//        MODEL --replay TOKEN [--bug NAME]
// The quick test: the correct variant passes its schedules in each mode (all of them, where that is
// possible); each planted bug is found within its budget from each of several seeds, and each
// failure found is replayed a hundred times, step by step the same. Modes: random, pct, dfs.
// Ends with 0 when all is as wanted, 1 when not, 2 when it was not understood.
#include "explore_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCHEDULES_DEFAULT 100000
#define BUG_SEEDS         8
#define REPLAYS           100
#define SEED_DEFAULT      1

uint32_t zmodel_bug;

static const char *program_name;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *bug_name(void)
{
    return zmodel_bug == 0 ? "correct" : zmodel_program.bugs[zmodel_bug - 1].name;
}

static void print_failure(const struct zx_search *search)
{
    printf("  %s\n  again: %s", search->message, program_name);
    if (zmodel_bug != 0) printf(" --bug %s", bug_name());
    printf(" --replay %s\n", search->token);
}

// ---- The quick test -----------------------------------------------------------------------------

static bool test_passes(enum zx_mode mode, uint64_t limit)
{
    struct zx_search search = {.mode = mode, .seed = SEED_DEFAULT, .limit = limit};
    double start = seconds_now();
    zx_search(&search);
    double seconds = seconds_now() - start;
    bool is_good = !search.has_failed && (mode != ZX_DFS || search.is_whole);
    printf("%-8s %-16s %-6s %7llu schedules%s, %5.1f steps each, %5.2f s, %4.0f k/s: %s\n",
           zmodel_program.name, bug_name(), zx_mode_name(mode),
           (unsigned long long)search.schedules, search.is_whole ? " (all)" : "",
           (double)search.steps / (double)search.schedules, seconds,
           (double)search.schedules / seconds / 1e3, is_good ? "ok" : "FAILED");
    if (search.has_failed) print_failure(&search);
    return is_good;
}

static bool replays_alike(const struct zx_search *search)
{
    for (int i = 0; i < REPLAYS; i++) {
        if (!zx_replay(search->token, false)) return false;
        if (zx.outcome != ZX_FAILED || zx.steps != search->failed_steps) return false;
        if (strcmp(zx.message, search->message) != 0) return false;
    }
    return true;
}

static bool test_is_found(enum zx_mode mode, uint64_t limit)
{
    uint64_t worst = 0;
    struct zx_search search = {0};
    uint64_t seeds = mode == ZX_DFS ? 1 : BUG_SEEDS;
    for (uint64_t i = 0; i < seeds; i++) {
        search = (struct zx_search){.mode = mode, .seed = (i + 1) << 32, .limit = limit};
        zx_search(&search);
        if (!search.has_failed) {
            printf("%-8s %-16s %-6s not found in %llu schedules: FAILED\n", zmodel_program.name,
                   bug_name(), zx_mode_name(mode), (unsigned long long)search.schedules);
            return false;
        }
        if (worst < search.schedules) worst = search.schedules;
        if (replays_alike(&search)) continue;
        printf("%-8s %-16s %-6s is not replayed: FAILED\n", zmodel_program.name, bug_name(),
               zx_mode_name(mode));
        print_failure(&search);
        return false;
    }
    printf("%-8s %-16s %-6s found within %llu of %llu, for instance %s\n", zmodel_program.name,
           bug_name(), zx_mode_name(mode), (unsigned long long)worst, (unsigned long long)limit,
           search.token);
    printf("%10s%s\n", "", search.message);
    return true;
}

static bool test_bugs(void)
{
    bool is_good = true;
    for (uint32_t i = 0; i < zmodel_program.bug_count; i++) {
        const struct zmodel_bug *bug = &zmodel_program.bugs[i];
        uint32_t limits[ZX_MODE_COUNT] = {bug->random_max, bug->pct_max, bug->dfs_max};
        zmodel_bug = i + 1;
        for (int mode = 0; mode < ZX_MODE_COUNT; mode++)
            if (limits[mode] != 0)
                is_good &= bug->is_harmless ? test_passes((enum zx_mode)mode, limits[mode])
                                            : test_is_found((enum zx_mode)mode, limits[mode]);
    }
    zmodel_bug = 0;
    return is_good;
}

static int run_test(void)
{
    uint64_t schedules =
        zmodel_program.schedules != 0 ? zmodel_program.schedules : SCHEDULES_DEFAULT;
    bool is_good = test_passes(ZX_RANDOM, schedules);
    is_good &= test_passes(ZX_PCT, schedules);
    if (zmodel_program.dfs_max != 0) is_good &= test_passes(ZX_DFS, zmodel_program.dfs_max);
    if (zmodel_program.is_enough != NULL) is_good &= zmodel_program.is_enough();
    is_good &= test_bugs();
    return is_good ? 0 : 1;
}

// ---- The rest of the command --------------------------------------------------------------------

static int run_replay(const char *token)
{
    if (!zx_replay(token, true)) {
        fprintf(stderr, "%s: no schedule: %s\n", program_name, token);
        return 2;
    }
    printf("%s after %u steps%s%s\n", zx.outcome == ZX_FAILED ? "failed" : "passed", zx.steps,
           zx.outcome == ZX_FAILED ? ": " : "", zx.message);
    return zx.outcome == ZX_FAILED ? 1 : 0;
}

static int run_search(struct zx_search *search)
{
    double start = seconds_now();
    zx_search(search);
    double seconds = seconds_now() - start;
    printf("%s, bug %s, %s, seed %llu: %llu schedules%s (%llu equal to others), %.1f steps each, "
           "%.2f s, %.0f k/s: %s\n",
           zmodel_program.name, bug_name(), zx_mode_name(search->mode),
           (unsigned long long)search->seed, (unsigned long long)search->schedules,
           search->is_whole ? " (all)" : "", (unsigned long long)search->pruned,
           (double)search->steps / (double)search->schedules, seconds,
           (double)search->schedules / seconds / 1e3, search->has_failed ? "failed" : "passed");
    if (search->has_failed) print_failure(search);
    return search->has_failed ? 1 : 0;
}

static bool find_bug(const char *name)
{
    for (uint32_t i = 0; i < zmodel_program.bug_count; i++) {
        if (strcmp(zmodel_program.bugs[i].name, name) != 0) continue;
        zmodel_bug = i + 1;
        return true;
    }
    return false;
}

static bool find_mode(const char *name, enum zx_mode *out)
{
    for (int mode = 0; mode < ZX_MODE_COUNT; mode++) {
        if (strcmp(zx_mode_name((enum zx_mode)mode), name) != 0) continue;
        *out = (enum zx_mode)mode;
        return true;
    }
    return false;
}

static int refuse(const char *option)
{
    fprintf(stderr,
            "%s: not understood: %s\n"
            "usage: %s [--mode random|pct|dfs] [--schedules N] [--seed S] [--bug NAME]\n"
            "       %s --replay TOKEN [--bug NAME]\nbugs:",
            program_name, option, program_name, program_name);
    for (uint32_t i = 0; i < zmodel_program.bug_count; i++)
        fprintf(stderr, " %s", zmodel_program.bugs[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    program_name = argv[0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 1) return run_test();
    struct zx_search search = {.seed = SEED_DEFAULT, .limit = SCHEDULES_DEFAULT};
    const char *token = NULL;
    for (int i = 1; i < argc; i += 2) {
        const char *option = argv[i], *value = argv[i + 1]; // argv ends with NULL
        bool is_known = value != NULL;
        if (!is_known)
            return refuse(option);
        else if (strcmp(option, "--mode") == 0)
            is_known = find_mode(value, &search.mode);
        else if (strcmp(option, "--bug") == 0)
            is_known = find_bug(value);
        else if (strcmp(option, "--schedules") == 0)
            search.limit = strtoull(value, NULL, 0);
        else if (strcmp(option, "--seed") == 0)
            search.seed = strtoull(value, NULL, 0);
        else if (strcmp(option, "--replay") == 0)
            token = value;
        else
            is_known = false;
        if (!is_known) return refuse(option);
    }
    return token != NULL ? run_replay(token) : run_search(&search);
}
