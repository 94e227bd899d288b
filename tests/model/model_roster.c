// tests/model/model_roster.c - rows of isolates: they change hands, and readers see each of them whole.
// With: src/report/roster.c
// Define: ZROSTER_FIRST=1
//
// The writer stands for all owners, who take their turns by a lock that no reader takes. It fills a row,
// gives it to another isolate, and meanwhile makes room for a second row in a chunk of its own. All of a
// row follows from its number. Readers look at all rows and want each to be whole, and no number twice.
// Bugs: the orders of the loads or stores of sequences, of words, or of `used` are taken away from the
// real code.
#include "model.h"

#include "report/roster.h"

enum bug { SEQUENCE_LOADS = 1, SEQUENCE_STORES, WORD_LOADS, WORD_STORES, USED_LOADS, USED_STORES };

#define READERS 2
#define READS   2
#define ROWS    2
#define NOW     UINT64_C(1000)

static struct zroster roster;
static struct zroster_row chunks[ROWS][1];
static zvm_top_isolate found[READERS][ROWS];

static void weaken(void *rows, size_t bytes, bool is_sequence, uint32_t what)
{
    struct zroster_row *row = rows;
    if (is_sequence)
        zx_weaken(&row->sequence, sizeof row->sequence, what);
    else
        zx_weaken(row->words, bytes - offsetof(struct zroster_row, words), what);
}

static void setup(void)
{
    static const struct zroster empty;
    static const struct zroster_row no_row;
    roster = empty;
    zx_name(&roster.used, "used");
    for (int i = 0; i < ROWS; i++) {
        chunks[i][0] = no_row;
        zx_name(&chunks[i][0].sequence, "sequence");
        if (zmodel_bug == SEQUENCE_LOADS) weaken(chunks[i], sizeof chunks[i], true, ZX_LOADS);
        if (zmodel_bug == SEQUENCE_STORES) weaken(chunks[i], sizeof chunks[i], true, ZX_STORES);
        if (zmodel_bug == WORD_LOADS) weaken(chunks[i], sizeof chunks[i], false, ZX_LOADS);
        if (zmodel_bug == WORD_STORES) weaken(chunks[i], sizeof chunks[i], false, ZX_STORES);
    }
    if (zmodel_bug == USED_LOADS) zx_weaken(&roster.used, sizeof roster.used, ZX_LOADS);
    if (zmodel_bug == USED_STORES) zx_weaken(&roster.used, sizeof roster.used, ZX_STORES);
}

static void publish(struct zroster_row *row, uint64_t id)
{
    const uint64_t words[ZROSTER_WORDS] = {
        [ZROSTER_CREATED_NS] = NOW - id, [ZROSTER_UPDATED_NS] = NOW - id, [ZROSTER_ID] = id,
        [ZROSTER_HEAP_BYTES] = id,       [ZROSTER_LIVE_BYTES] = id,       [ZROSTER_FUEL_USED] = id,
        [ZROSTER_SLICES] = id,
    };
    zroster_publish(row, words);
}

static struct zroster_row *take(uint64_t capacity)
{
    struct zroster_row *row = zroster_take_locked(&roster);
    if (row != NULL) return row;
    zx_assert(zroster_add_locked(&roster, chunks[capacity], capacity));
    return zroster_take_locked(&roster);
}

static void write_rows(void)
{
    struct zroster_row *first = take(0);
    publish(first, 1);
    struct zroster_row *second = take(1);
    publish(second, 2);
    zroster_give_locked(&roster, first);
    struct zroster_row *again = take(2);
    zx_assert(again == first);
    publish(again, 3);
}

static void check_rows(const zvm_top_isolate *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = (uint64_t)rows[i].id;
        zx_assert(id >= 1 && id <= 3);
        zx_assert(rows[i].age_ns == id && rows[i].figures_age_ns == id);
        zx_assert(rows[i].heap_bytes == id && rows[i].live_bytes == id);
        zx_assert(rows[i].fuel_used == id && rows[i].slices == id);
        zx_assert(i == 0 || rows[i - 1].id > rows[i].id);
    }
}

static uint32_t read_rows(zvm_top_isolate *rows)
{
    struct ztop top = {.order = ZVM_TOP_HEAP, .capacity = ROWS, .rows = rows};
    uint64_t seen = zroster_top(&roster, NOW, &top, 1);
    zx_assert(seen == top.count);
    check_rows(rows, top.count);
    return top.count;
}

static void body(uint32_t thread)
{
    if (thread == 0) {
        write_rows();
        return;
    }
    for (int i = 0; i < READS; i++)
        (void)read_rows(found[thread - 1]);
}

static void check(void)
{
    zx_assert(read_rows(found[0]) == 2);
    zx_assert(found[0][0].id == 3 && found[0][1].id == 2);
}

static const struct zmodel_bug bugs[] = {
    {.name = "sequence_loads", .random_max = 100000, .pct_max = 100000},
    {.name = "sequence_stores", .random_max = 100000, .pct_max = 100000},
    {.name = "word_loads", .random_max = 100000, .pct_max = 100000},
    {.name = "word_stores", .random_max = 100000, .pct_max = 100000},
    {.name = "used_loads", .random_max = 100000, .pct_max = 100000},
    {.name = "used_stores", .random_max = 100000, .pct_max = 100000},
};

const struct zmodel zmodel_program = {
    .name = "roster",
    .thread_count = 1 + READERS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
