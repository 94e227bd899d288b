// tests/model/model_report.c - reports of a scheduler at work: what is conserved at every moment.
// With: src/sched/sched.c src/sched/worker.c src/sched/host.c src/sched/inside.c src/sched/lane.c src/sched/fold.c
// With: src/sched/queue.c src/sched/finish.c src/sched/park.c src/sched/event.c
// With: src/sched/wait.c src/sched/token.c src/sched/wheel.c src/sched/blocking.c src/sched/finished.c
// With: src/sched/replay.c
// With: src/sched/overflow.c src/sched/figures.c src/sched/group.c src/report/block.c
// Define: ZRING_SLOTS=2 ZCHAIN_MAX=1 ZOVERFLOW_FIRST=1 ZSEARCH_LOOKS=2 ZSCHED_EVENTS=1
// Define: ZREPORT_PAUSE_BUCKETS=8 pthread_getcpuclockid=zmodel_no_clock
//
// The real scheduler with two workers, and its real report. One thread of the host makes, submits,
// cancels, waits for and destroys isolates; another one takes two reports, at whatever moments. All
// counters start just below 2^64, so that they go round in the middle. Wanted at every moment: each
// row keeps its identities (finished = succeeded + failed; as many durations as slices) and never
// falls; totals are the sum of the rows; a report has what its reader could know before it, and
// nothing that had not begun after it; gauges are never negative. At the end, when nothing moves: all
// that was made has ended and been destroyed, and current figures are 0.
// The quick test counts the moments at which its reports began (the steps that each thread had made)
// and wants ten thousand different ones.
// Bugs: sequence_stores, word_stores: the writer's stores lose their order; weak_state: looking at a
// state word orders nothing, so who sees DONE need not find the end in the report.
#include "sched_isolates.h"
#include "sched_seams.h"

#include "sched/sched_internal.h"

#include <stdio.h>
#include <string.h>

#ifdef ZVM_EXPLORE
#    include "explore.h"
#endif

#define WORKERS  2
#define ISOLATES 3
#define SLICES   2
#define REPORTS  2
#define ROWS     (WORKERS + 1)
#define MOMENTS  10000
#define START    (UINT64_MAX - 1) // of the counters

enum bug { SEQUENCE_STORES = 1, WORD_STORES, WEAK_STATE };

static struct zsched sched;
static struct zworker workers[WORKERS];
static struct zworker *worker_list[WORKERS];
static struct zseat seats[WORKERS];
static struct zreport_snapshot rows[REPORTS][ROWS];
static struct zreport_view views[REPORTS];

// What the host's thread has done for certain, or may have done.
static _Atomic uint32_t created, creating, ended, submitting, destroyed, destroying;

// ---- What stands in for the layers below --------------------------------------------------------

int zmodel_no_clock(pthread_t thread, clockid_t *out)
{
    (void)thread;
    (void)out;
    return 1;
}

uint64_t zspan_pool_mapped_bytes_any(struct zspan_pool *pool)
{
    (void)pool;
    return 0;
}

void zisolate_deinit(struct zisolate *iso, struct zheap_env *env)
{
    (void)env;
    zx_plain_write(&iso->slices, iso->slices + 1);
}

enum zisolate_outcome zisolate_run(struct zisolate *iso, struct zrunner *runner, uint64_t budget)
{
    (void)runner;
    (void)budget;
    zx_plain_write(&iso->slices, iso->slices + 1);
    bool is_cancelled = (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) != 0;
    if (!is_cancelled && iso->slices < SLICES) return ZOUTCOME_YIELDED;
    zx_plain_write(&iso->status, (int32_t)(is_cancelled ? ZVM_E_CANCELLED : ZVM_OK));
    return ZOUTCOME_FINISHED;
}

void zisolate_end(struct zisolate *iso, struct zrunner *runner, zvm_status status)
{
    (void)runner;
    zx_plain_write(&iso->status, (int32_t)status);
}

// Each slice allocates a byte more and frees one of two.
void zheap_stats(const struct zheap *heap, struct zheap_stats *out)
{
    const struct zisolate *iso =
        (const void *)((const char *)heap - offsetof(struct zisolate, heap));
    memset(out, 0, sizeof *out);
    out->committed_bytes = 4 + iso->slices;
    out->allocated_bytes = out->allocated_count = 2 + iso->slices;
    out->freed_bytes = out->freed_count = iso->slices / 2;
}

// ---- Moments ------------------------------------------------------------------------------------

#ifdef ZVM_EXPLORE

#    define SEEN_SLOTS (1u << 18)

static uint64_t seen[SEEN_SLOTS]; // a set; over all executions
static uint32_t seen_count;

static void note_moment(void)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < zx.thread_count; i++) {
        hash = (hash ^ zx.threads[i].clock.of[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    if (zmodel_bug != 0 || zx.is_tracing || seen_count >= SEEN_SLOTS / 2) return;
    uint32_t slot = (uint32_t)(hash >> 32) % SEEN_SLOTS;
    while (seen[slot] != 0 && seen[slot] != (hash | 1))
        slot = (slot + 1) % SEEN_SLOTS;
    seen_count += seen[slot] == 0;
    seen[slot] = hash | 1;
}

static bool has_met_enough(void)
{
    printf("report   began at %u different moments, wanted %u: %s\n", seen_count, MOMENTS,
           seen_count >= MOMENTS ? "ok" : "FAILED");
    return seen_count >= MOMENTS;
}

#else

static void note_moment(void) {}

#    define has_met_enough NULL

#endif

// ---- Reports ------------------------------------------------------------------------------------

// Since the beginning.
static uint64_t since(const struct zreport_snapshot *snapshot, enum zreport_counter counter,
                      uint32_t blocks)
{
    return snapshot->counters[counter] - blocks * START;
}

static uint64_t failed_of(const struct zreport_snapshot *snapshot, uint32_t blocks)
{
    uint64_t sum = 0;
    for (int counter = ZREPORT_failed_error; counter <= ZREPORT_failed_other; counter++)
        sum += since(snapshot, (enum zreport_counter)counter, blocks);
    return sum;
}

static void check_one(const struct zreport_snapshot *snapshot, uint32_t blocks)
{
    uint64_t finished = since(snapshot, ZREPORT_isolates_finished, blocks), durations = 0;
    zx_assert(finished ==
              since(snapshot, ZREPORT_isolates_succeeded, blocks) + failed_of(snapshot, blocks));
    for (int i = 0; i < ZREPORT_PAUSE_BUCKETS; i++)
        durations += snapshot->slices[i];
    zx_assert(durations == since(snapshot, ZREPORT_slices, blocks));
    zx_assert(since(snapshot, ZREPORT_fuel_used, blocks) == durations);
}

static bool is_maximum(int counter)
{
    return counter == ZREPORT_pause_ns_max || counter == ZREPORT_slice_ns_max;
}

static void check_sums(const struct zreport_view *view)
{
    for (int counter = 0; counter < ZREPORT_COUNTER_COUNT; counter++) {
        uint64_t sum = 0;
        for (uint32_t row = 0; row < ROWS; row++)
            sum += view->workers[row].counters[counter];
        if (!is_maximum(counter)) zx_assert(sum == view->totals.counters[counter]);
    }
}

static void check_rows(const struct zreport_view *view, const struct zreport_view *before)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        check_one(&view->workers[row], 1);
        for (int i = 0; before != NULL && i < ZREPORT_COUNTER_COUNT; i++) {
            if (i == ZREPORT_cpu_ns) continue; // read off a clock
            uint64_t rise = view->workers[row].counters[i] - before->workers[row].counters[i];
            zx_assert((int64_t)rise >= 0);
        }
    }
}

struct bounds {
    uint32_t created, ended, destroyed;
};

static struct bounds known_before(void)
{
    return (struct bounds){.created = z_load_seq_cst(&created),
                           .ended = z_load_seq_cst(&ended),
                           .destroyed = z_load_seq_cst(&destroyed)};
}

static void check_bounds(const struct zreport_view *view, const struct bounds *least)
{
    const struct zreport_snapshot *totals = &view->totals;
    uint64_t finished = since(totals, ZREPORT_isolates_finished, ROWS);
    zx_assert(since(totals, ZREPORT_isolates_created, ROWS) >= least->created);
    zx_assert(since(totals, ZREPORT_isolates_created, ROWS) <= z_load_seq_cst(&creating));
    zx_assert(since(totals, ZREPORT_isolates_destroyed, ROWS) >= least->destroyed);
    zx_assert(since(totals, ZREPORT_isolates_destroyed, ROWS) <= z_load_seq_cst(&destroying));
    zx_assert(finished >= least->ended);
    zx_assert(finished <= z_load_seq_cst(&submitting));
    zx_assert(view->isolates_in_flight <= ISOLATES);
    // An entry counts in each queue that it is in when the reader comes by; less than 0 is a lot.
    zx_assert(view->queued <= 8 * ISOLATES);
    zx_assert(view->overflow <= 8 * ISOLATES);
    zx_assert(view->inboxes <= ISOLATES);
    zx_assert(view->queued_high <= view->queued);
}

static void take_reports(void)
{
    for (int i = 0; i < REPORTS; i++) {
        struct bounds least = known_before();
        note_moment();
        zsched_report(&sched, rows[i], &views[i]);
        check_sums(&views[i]);
        check_rows(&views[i], i == 0 ? NULL : &views[i - 1]);
        check_bounds(&views[i], &least);
    }
}

// ---- The host's thread --------------------------------------------------------------------------

static void count(_Atomic uint32_t *word)
{
    z_fetch_add_seq_cst(word, 1);
}

static struct zisolate *create_isolate(int64_t id)
{
    struct zisolate_options options = {.id = id};
    if (id == 1) options.priority = ZPRIORITY_HIGH;
    struct zisolate *iso = NULL;
    count(&creating);
    zvm_status status = zsched_isolate_create(&sched, NULL, NULL, &options, &iso);
    zx_assert(status == ZVM_OK);
    count(&created);
    if (zmodel_bug == WEAK_STATE) zx_weaken(&iso->state, sizeof iso->state, ZX_LOADS);
    return iso;
}

static void stop_workers(void)
{
    z_store_seq_cst(&sched.is_stopping, 1);
    zparking_stop(&sched.parking);
}

static void use(void)
{
    struct zisolate *isolates[ISOLATES];
    for (int64_t i = 0; i < ISOLATES; i++) {
        isolates[i] = create_isolate(i);
        count(&submitting);
        zvm_status status = zsched_submit(&sched, isolates[i]);
        zx_assert(status == ZVM_OK);
    }
    zsched_cancel(&sched, isolates[0]);
    for (int i = 0; i < ISOLATES; i++) {
        zvm_status status = zsched_wait(&sched, isolates[i], UINT64_MAX);
        zx_assert(status == ZVM_OK);
        count(&ended);
        count(&destroying);
        status = zsched_isolate_destroy(&sched, isolates[i]);
        zx_assert(status == ZVM_OK);
        count(&destroyed);
    }
    zvm_status status = zsched_drain(&sched);
    zx_assert(status == ZVM_OK);
    stop_workers();
}

static void body(uint32_t thread)
{
    if (thread < WORKERS)
        zworker_main(&workers[thread]);
    else if (thread == WORKERS)
        use();
    else
        take_reports();
}

// ---- Before and after ---------------------------------------------------------------------------

static void start_counters(struct zreport_block *block)
{
    for (int i = 0; i < ZREPORT_COUNTER_COUNT; i++)
        if (!is_maximum(i)) atomic_init(&block->counters[i], START);
    if (zmodel_bug == SEQUENCE_STORES)
        zx_weaken(&block->sequence, sizeof block->sequence, ZX_STORES);
    if (zmodel_bug == WORD_STORES) {
        zx_weaken(block->counters, sizeof block->counters, ZX_STORES);
        zx_weaken(block->slices, sizeof block->slices, ZX_STORES);
    }
}

static void setup(void)
{
    memset(&sched, 0, sizeof sched);
    memset(workers, 0, sizeof workers);
    memset(seats, 0, sizeof seats);
    _Atomic uint32_t *const words[] = {&created,    &creating,  &ended,
                                       &submitting, &destroyed, &destroying};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        atomic_init(words[i], 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        worker_list[i] = &workers[i];
        workers[i].sched = &sched;
        workers[i].index = i;
        workers[i].lane.worker = &workers[i];
        workers[i].random = i + 1;
        start_counters(&workers[i].block);
    }
    start_counters(&sched.host_block);
    sched.workers = worker_list;
    sched.worker_capacity = WORKERS;
    sched.parking.seats = seats;
    sched.parking.seat_count = WORKERS;
    atomic_init(&sched.worker_count, WORKERS);
    sched.slice_budget = 1;
    zvm_status status = zlane_create(&sched, &sched.reserve);
    zx_assert(status == ZVM_OK);
}

static void check(void)
{
    struct zreport_view *view = &views[0];
    zqueue_purge(&sched);
    zsched_report(&sched, rows[0], view);
    const struct zreport_snapshot *totals = &view->totals;
    check_one(totals, ROWS);
    zx_assert(since(totals, ZREPORT_isolates_created, ROWS) == ISOLATES);
    zx_assert(since(totals, ZREPORT_isolates_destroyed, ROWS) == ISOLATES);
    zx_assert(since(totals, ZREPORT_isolates_finished, ROWS) == ISOLATES);
    zx_assert(since(totals, ZREPORT_heap_grown_bytes, ROWS) ==
              since(totals, ZREPORT_heap_shrunk_bytes, ROWS));
    zx_assert(since(totals, ZREPORT_allocated_bytes, ROWS) ==
              since(totals, ZREPORT_freed_bytes, ROWS));
    zx_assert(z_load_relaxed(&sched.heap_current_bytes) == 0); // relaxed: alone
    zx_assert(view->isolates_in_flight == 0);
    zx_assert(view->queued == 0);
    for (uint32_t i = 0; i < WORKERS; i++)
        for (uint32_t priority = 0; priority < ZPRIORITY_COUNT; priority++)
            zoverflow_deinit(&workers[i].levels[priority].overflow);
    zlane_destroy_all(&sched);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "sequence_stores", .random_max = 5000, .pct_max = 5000},
    {.name = "word_stores", .random_max = 5000, .pct_max = 5000},
    {.name = "weak_state", .random_max = 5000, .pct_max = 5000},
};

const struct zmodel zmodel_program = {
    .name = "report",
    .thread_count = WORKERS + 2,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .schedules = 20000,
    .is_enough = has_met_enough,
};
