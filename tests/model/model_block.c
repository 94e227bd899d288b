// tests/model/model_block.c - the report's counters: one writer, readers that see them whole.
// With: src/report/block.c
// Define: ZREPORT_PAUSE_BUCKETS=8
//
// The writer makes updates that keep two identities: finished is succeeded plus failed, and the
// pauses in the histogram are as many as collections. Readers copy the block and want both to hold,
// and no counter to fall from one copy to the next. Bugs: the orders of the sequence's loads or
// stores, or of the words' loads or stores, are taken away from the real code; unmarked: an update
// outside begin and end.
#include "model.h"

#include "report/report.h"

enum bug { SEQUENCE_LOADS = 1, SEQUENCE_STORES, WORD_LOADS, WORD_STORES, UNMARKED };

#define UPDATES 2
#define READERS 2
#define READS   2

static struct zreport_block block;
static struct zreport_snapshot copies[READERS]; // too big for a thread's stack

static void setup(void)
{
    static const struct zreport_block empty;
    block = empty;
    zx_name(&block.sequence, "sequence");
    zx_name(&block.counters[ZREPORT_isolates_finished], "finished");
    zx_name(&block.counters[ZREPORT_isolates_succeeded], "succeeded");
    zx_name(&block.counters[ZREPORT_failed_error], "failed");
    zx_name(&block.counters[ZREPORT_collections], "collections");
    zx_name(&block.updated_ns, "updated");
    size_t word_bytes = sizeof block - offsetof(struct zreport_block, counters);
    if (zmodel_bug == SEQUENCE_LOADS) zx_weaken(&block.sequence, sizeof block.sequence, ZX_LOADS);
    if (zmodel_bug == SEQUENCE_STORES) zx_weaken(&block.sequence, sizeof block.sequence, ZX_STORES);
    if (zmodel_bug == WORD_LOADS) zx_weaken(block.counters, word_bytes, ZX_LOADS);
    if (zmodel_bug == WORD_STORES) zx_weaken(block.counters, word_bytes, ZX_STORES);
}

static void write_updates(void)
{
    for (uint64_t i = 1; i <= UPDATES; i++) {
        if (zmodel_bug != UNMARKED) zreport_begin(&block);
        zreport_add(&block, ZREPORT_isolates_finished, 2);
        zreport_add(&block, ZREPORT_isolates_succeeded, 1);
        zreport_add(&block, ZREPORT_failed_error, 1);
        zreport_add(&block, ZREPORT_collections, 1);
        zreport_pause(&block, 3);
        if (zmodel_bug != UNMARKED) zreport_end(&block, i);
    }
}

static void check_copy(const struct zreport_snapshot *copy, uint64_t finished_before)
{
    const uint64_t *counters = copy->counters;
    uint64_t finished = counters[ZREPORT_isolates_finished];
    zx_assert(finished == counters[ZREPORT_isolates_succeeded] + counters[ZREPORT_failed_error]);
    zx_assert(finished == 2 * counters[ZREPORT_collections]);
    zx_assert(counters[ZREPORT_collections] == copy->pauses[3]);
    zx_assert(counters[ZREPORT_pause_ns_total] == 3 * copy->pauses[3]);
    zx_assert(zmodel_bug == UNMARKED || finished == 2 * copy->updated_ns);
    zx_assert(finished >= finished_before);
}

static void read_copies(struct zreport_snapshot *copy)
{
    uint64_t finished_before = 0;
    for (int i = 0; i < READS; i++) {
        zreport_read(&block, copy);
        check_copy(copy, finished_before);
        finished_before = copy->counters[ZREPORT_isolates_finished];
    }
}

static void body(uint32_t thread)
{
    if (thread == 0)
        write_updates();
    else
        read_copies(&copies[thread - 1]);
}

static void check(void)
{
    zreport_read(&block, &copies[0]);
    check_copy(&copies[0], 0);
    zx_assert(copies[0].pauses[3] == UPDATES);
}

static const struct zmodel_bug bugs[] = {
    {.name = "sequence_loads", .random_max = 1000, .pct_max = 1000},
    {.name = "sequence_stores", .random_max = 1000, .pct_max = 1000},
    {.name = "word_loads", .random_max = 1000, .pct_max = 1000},
    {.name = "word_stores", .random_max = 1000, .pct_max = 1000},
    {.name = "unmarked", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "block",
    .thread_count = 1 + READERS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
