// tests/model/model_admission.c - submitting races with shutting down, and several wait for the end.
// With: src/sched/event.c
//
// The real admission word (sched/admission.h) and event. Two submitters come in, do something inside
// and leave, twice; one thread closes and drains, another one only drains, twice. Wanted: after the
// close has drained nobody is inside, nobody comes in any more, and all that was done inside is seen;
// and nobody sleeps for ever.
// Bugs: look_first: a submitter looks whether it is closed before it counts itself. no_wake: the last
// to leave raises nothing. clear_late: it clears the wish after the raising, and somebody else's with
// it. late_look: a drainer looks at the event after it has asked. relaxed_leave: who sees a count of
// 0 need not see what was done inside.
#include "sched_seams.h"

#include "sched/admission.h"

#define SUBMITTERS 2
#define TURNS      2

enum bug { LOOK_FIRST = 1, NO_WAKE, CLEAR_LATE, LATE_LOOK, RELAXED_LEAVE };

static struct zadmission admission;
static uint32_t done[SUBMITTERS]; // plain: written inside
static uint32_t has_drained; // plain: written by who closed, read by submitters inside: never both

static void setup(void)
{
    atomic_init(&admission.word, 0);
    atomic_init(&admission.empty.count, 0);
    for (uint32_t i = 0; i < SUBMITTERS; i++)
        done[i] = 0;
    has_drained = 0;
    zx_name(&admission.word, "admission");
    zx_name(&admission.empty.count, "empty");
    if (zmodel_bug == RELAXED_LEAVE) zx_weaken(&admission.word, sizeof admission.word, ZX_STORES);
}

static bool enter(void)
{
    if (zmodel_bug != LOOK_FIRST) return zadmission_enter(&admission);
    if (zadmission_is_closed(&admission)) return false;
    z_fetch_add_acq_rel(&admission.word, ZADMISSION_ONE);
    return true;
}

static void leave(void)
{
    if (zmodel_bug != NO_WAKE && zmodel_bug != CLEAR_LATE) {
        zadmission_leave(&admission);
        return;
    }
    uint64_t before = z_fetch_sub_acq_rel(&admission.word, ZADMISSION_ONE);
    bool is_last = before / ZADMISSION_ONE == 1 && (before & ZADMISSION_WATCHED) != 0;
    if (!is_last || zmodel_bug == NO_WAKE) return;
    zevent_raise(&admission.empty);
    z_fetch_and_acq_rel(&admission.word, ~ZADMISSION_WATCHED);
}

static void drain(void)
{
    if (zmodel_bug != LATE_LOOK) {
        zadmission_drain(&admission);
        return;
    }
    for (;;) {
        uint64_t word = z_fetch_or_acq_rel(&admission.word, ZADMISSION_WATCHED);
        if (word / ZADMISSION_ONE == 0) return;
        zevent_wait(&admission.empty, zevent_look(&admission.empty), UINT64_MAX);
    }
}

static void submit(uint32_t own)
{
    for (int i = 0; i < TURNS; i++) {
        if (!enter()) return;
        zx_assert(zx_plain_read(&has_drained) == 0);
        zx_plain_write(&done[own], done[own] + 1);
        leave();
    }
}

static void shut_down(void)
{
    zadmission_close(&admission, true /* cancel */);
    drain();
    zx_plain_write(&has_drained, 1);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < SUBMITTERS; i++)
        sum += zx_plain_read(&done[i]);
    zx_assert(sum <= SUBMITTERS * TURNS);
    drain(); // again is fine
}

static void body(uint32_t thread)
{
    if (thread < SUBMITTERS) {
        submit(thread);
    } else if (thread == SUBMITTERS) {
        shut_down();
    } else {
        drain();
        drain();
    }
}

static void check(void)
{
    zx_assert(zadmission_count(&admission) == 0);
    zx_assert(zadmission_is_closed(&admission));
    zx_assert(!zadmission_enter(&admission));
}

static const struct zmodel_bug bugs[] = {
    {.name = "look_first", .random_max = 1000, .pct_max = 1000},
    {.name = "no_wake", .random_max = 1000, .pct_max = 1000},
    {.name = "clear_late", .random_max = 20000, .pct_max = 20000},
    {.name = "late_look", .random_max = 1000, .pct_max = 1000},
    {.name = "relaxed_leave", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "admission",
    .thread_count = SUBMITTERS + 2,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
