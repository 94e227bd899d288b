// Goal: one loop for all fault tests: every allocation of a body fails once, then that one and all
// later ones.
// Use: the body makes what it tests, uses it and destroys it, and returns the status it met.
#ifndef ZVM_TESTS_FAULT_H
#define ZVM_TESTS_FAULT_H

#include "base/alloc.h"
#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef zvm_status (*fault_body)(void *context);

// A body that never gets through untouched is caught here, not by the clock.
#define FAULT_ALLOCATIONS_MAX 100000

// Runs body with its n-th allocation refused. True when that allocation was reached.
static inline bool fault_once(uint64_t n, bool from_there_on, fault_body body, void *context,
                              zvm_status refused)
{
    struct zalloc_stats before = zalloc_stats();
    zalloc_fail_at(n, from_there_on);
    zvm_status status = body(context);
    bool reached = zalloc_has_failed();
    zalloc_fail_at(0, false);
    struct zalloc_stats after = zalloc_stats();
    // OK although refused: what was refused can be done without.
    if (status != ZVM_OK && !(reached && status == refused))
        fail_msg("allocation %llu refused (%s): %s", (unsigned long long)n,
                 from_there_on ? "and all later" : "once", zstatus_text(status));
    if (after.live_count != before.live_count || after.live_bytes != before.live_bytes)
        fail_msg("allocation %llu refused (%s): leaks %lld blocks, %lld bytes",
                 (unsigned long long)n, from_there_on ? "and all later" : "once",
                 (long long)(after.live_count - before.live_count),
                 (long long)(after.live_bytes - before.live_bytes));
    return reached;
}

// For n = 1, 2, ... until the body passes untouched. `refused` is the status it must give
// otherwise. Returns how many allocations the body makes.
static inline uint64_t fault_each_allocation(fault_body body, void *context, zvm_status refused)
{
    for (uint64_t n = 1; n <= FAULT_ALLOCATIONS_MAX; n++) {
        bool reached_once = fault_once(n, false /* from_there_on */, body, context, refused);
        bool reached_all = fault_once(n, true /* from_there_on */, body, context, refused);
        if (!reached_once && !reached_all) return n - 1;
    }
    fail_msg("the body still meets refused allocations after %d", FAULT_ALLOCATIONS_MAX);
    return 0;
}

#endif // ZVM_TESTS_FAULT_H
