// tests/model/explore_search.h - looks for a failing schedule among many.
#ifndef ZVM_TESTS_MODEL_EXPLORE_SEARCH_H
#define ZVM_TESTS_MODEL_EXPLORE_SEARCH_H

#include "explore.h"

#define ZX_TOKEN_SIZE 512 // also of the longest DFS schedule that can be replayed

struct zx_search {
    enum zx_mode mode;
    uint64_t seed;  // of the search: schedule i has a seed of its own, made of this and i
    uint64_t limit; // schedules at most
    // results
    uint64_t schedules;        // run, with the one that failed
    uint64_t pruned;           // DFS: left unfinished, because equal to earlier ones
    uint64_t steps;            // of all
    bool has_failed, is_whole; // is_whole: DFS ran out of schedules before the limit
    char token[ZX_TOKEN_SIZE]; // has_failed: replays it
    char message[ZX_MESSAGE_SIZE];
    uint32_t failed_steps;
};

// Stops at the first failure.
void zx_search(struct zx_search *search);

// Runs the schedule of a token. False: no such token.
bool zx_replay(const char *token, bool is_tracing);

const char *zx_mode_name(enum zx_mode mode);

#endif // ZVM_TESTS_MODEL_EXPLORE_SEARCH_H
