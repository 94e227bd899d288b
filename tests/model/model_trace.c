// tests/model/model_trace.c - the ring of a worker's events: who reads sees each whole, or not at all.
// With: src/sched/trace.c src/base/strbuf.c
//
// The writer adds more events than there is room for; all of an event follows from its number. Readers read
// what is there, in the order in which it is written out, and want each event that they are given to be
// the one that they asked for.
// Bugs: the orders of the loads or stores of words, or of `written`, are taken away from the real code.
#include "model.h"

#include "sched/trace.h"

#include <string.h>

enum bug { WORD_LOADS = 1, WORD_STORES, WRITTEN_LOADS, WRITTEN_STORES };

#define READERS 2
#define READS   2
#define KEPT    2
#define EVENTS  5

static union {
    struct ztrace trace;
    char bytes[sizeof(struct ztrace) + (KEPT + 1) * ZTRACE_WORDS * sizeof(uint64_t)];
} ring;

static void setup(void)
{
    memset(ring.bytes, 0, sizeof ring.bytes);
    ring.trace.slots = KEPT + 1;
    size_t word_bytes = (KEPT + 1) * ZTRACE_WORDS * sizeof(uint64_t);
    zx_name(&ring.trace.written, "written");
    if (zmodel_bug == WORD_LOADS) zx_weaken(ring.trace.words, word_bytes, ZX_LOADS);
    if (zmodel_bug == WORD_STORES) zx_weaken(ring.trace.words, word_bytes, ZX_STORES);
    if (zmodel_bug == WRITTEN_LOADS)
        zx_weaken(&ring.trace.written, sizeof ring.trace.written, ZX_LOADS);
    if (zmodel_bug == WRITTEN_STORES)
        zx_weaken(&ring.trace.written, sizeof ring.trace.written, ZX_STORES);
}

static struct ztrace_event event_of(uint64_t number)
{
    return (struct ztrace_event){
        .kind = ZTRACE_COLLECTION,
        .detail = (uint32_t)number + 1,
        .start_ns = number + 1,
        .end_ns = number + 1,
        .isolate = (int64_t)number + 1,
        .amount = number + 1,
    };
}

static void write_events(void)
{
    for (uint64_t i = 0; i < EVENTS; i++) {
        struct ztrace_event event = event_of(i);
        ztrace_add(&ring.trace, &event);
    }
}

static uint32_t read_events(void)
{
    uint64_t written = z_load_acquire(&ring.trace.written); // PAIR trace
    uint32_t seen = 0;
    for (uint64_t i = written > KEPT ? written - KEPT : 0; i < written; i++) {
        struct ztrace_event event;
        if (!ztrace_read(&ring.trace, i, &event)) continue;
        struct ztrace_event wanted = event_of(i);
        zx_assert(event.kind == wanted.kind && event.detail == wanted.detail);
        zx_assert(event.start_ns == wanted.start_ns && event.end_ns == wanted.end_ns);
        zx_assert(event.isolate == wanted.isolate && event.amount == wanted.amount);
        seen++;
    }
    return seen;
}

static void body(uint32_t thread)
{
    if (thread == 0) {
        write_events();
        return;
    }
    for (int i = 0; i < READS; i++)
        (void)read_events();
}

static void check(void)
{
    zx_assert(read_events() == KEPT);
}

static const struct zmodel_bug bugs[] = {
    {.name = "word_loads", .random_max = 100000, .pct_max = 100000},
    {.name = "word_stores", .random_max = 100000, .pct_max = 100000},
    {.name = "written_loads", .random_max = 100000, .pct_max = 100000},
    {.name = "written_stores", .random_max = 100000, .pct_max = 100000},
};

const struct zmodel zmodel_program = {
    .name = "trace",
    .thread_count = 1 + READERS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
