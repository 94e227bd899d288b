// tests/model/explore_search.c - looks for a failing schedule among many, and replays one.
//
// A token holds everything that decides a schedule: "random:SEED", "pctDEPTH:LENGTH:SEED",
// "dfs:CHOICES". So a replay needs no search before it.
#include "explore_search.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_PROBES 16
#define PCT_DEPTH_MIN 2
#define PCT_DEPTHS    3 // 2, 3 and 4 in turn

const char *zx_mode_name(enum zx_mode mode)
{
    static const char *const mode_names[] = {"random", "pct", "dfs"};
    return mode_names[mode];
}

// splitmix64: neighbours become strangers.
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

// How many steps an execution has: the longest of a few random ones.
static uint32_t probe_length(void)
{
    uint32_t length = 1;
    for (uint64_t i = 0; i < LENGTH_PROBES; i++) {
        zx_run(&(struct zx_plan){.mode = ZX_RANDOM, .seed = mix(i)});
        if (zx.steps > length) length = zx.steps;
    }
    return length;
}

static void make_token(const struct zx_plan *plan, char *token)
{
    size_t used = 0;
    switch (plan->mode) {
    case ZX_RANDOM:
        snprintf(token, ZX_TOKEN_SIZE, "random:%" PRIx64, plan->seed);
        break;
    case ZX_PCT:
        snprintf(token, ZX_TOKEN_SIZE, "pct%u:%u:%" PRIx64, plan->depth, plan->length, plan->seed);
        break;
    default:
        used = (size_t)snprintf(token, ZX_TOKEN_SIZE, "dfs:");
        if (!zx_dfs_save(token + used, ZX_TOKEN_SIZE - used))
            snprintf(token, ZX_TOKEN_SIZE, "(too long to be replayed)");
    }
}

static void keep_failure(struct zx_search *search, const struct zx_plan *plan)
{
    search->has_failed = true;
    search->failed_steps = zx.steps;
    make_token(plan, search->token);
    memcpy(search->message, zx.message, sizeof search->message);
}

void zx_search(struct zx_search *search)
{
    struct zx_plan plan = {.mode = search->mode};
    if (plan.mode == ZX_PCT) plan.length = probe_length();
    if (plan.mode == ZX_DFS) zx_dfs_reset();
    zx.is_tracing = false;
    for (uint64_t i = 0; i < search->limit; i++) {
        plan.seed = mix(search->seed + i);
        plan.depth = PCT_DEPTH_MIN + (uint32_t)(i % PCT_DEPTHS);
        zx_run(&plan);
        search->schedules++;
        search->steps += zx.steps;
        if (zx.outcome == ZX_PRUNED) search->pruned++;
        if (zx.outcome == ZX_FAILED) {
            keep_failure(search, &plan);
            return;
        }
        if (plan.mode == ZX_DFS && !zx_dfs_next()) {
            search->is_whole = true;
            return;
        }
    }
}

// ---- Replaying ----------------------------------------------------------------------------------

static bool parse_token(const char *token, struct zx_plan *plan)
{
    if (sscanf(token, "random:%" SCNx64, &plan->seed) == 1) {
        plan->mode = ZX_RANDOM;
        return true;
    }
    if (sscanf(token, "pct%u:%u:%" SCNx64, &plan->depth, &plan->length, &plan->seed) == 3) {
        plan->mode = ZX_PCT;
        return plan->depth > 0 && plan->depth <= ZX_CLOCK_COUNT && plan->length > 0;
    }
    plan->mode = ZX_DFS;
    return strncmp(token, "dfs:", 4) == 0 && zx_dfs_load(token + 4);
}

bool zx_replay(const char *token, bool is_tracing)
{
    struct zx_plan plan = {0};
    if (!parse_token(token, &plan)) return false;
    zx.is_tracing = is_tracing;
    zx_run(&plan);
    zx.is_tracing = false;
    return true;
}
