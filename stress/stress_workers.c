// Goal: no isolate is lost, run twice or run by two threads, and no work waits beside a sleeping
// worker, whatever threads submit, cancel, wait for and destroy isolates at once.
// Method: works on the scheduler itself. Each isolate prints once; its output callback checks that
// nobody else is inside it and sets its bit in a bitmap, so that a second run is found. A watchdog
// looks every few milliseconds: work in the queues while all workers sleep, and every other thread of
// the process as well, at twenty looks in a row, is a lost wake-up, and aborts with a dump of the
// queues. A thread that only waits for a core is none that sleeps. Yields are injected at the
// schedule points of debug builds (ZVM_POINTS). Usage: stress_workers [THREADS] [SCALE]
// [ITERATIONS] [SEED]: workers, isolates a round, rounds, seed. THREADS 0: 1, 2, 3, 8 and 64 one
// after the other. Exit status 0: nothing wrong.
#include "intern/intern.h"
#include "lang/compile.h"
#include "sched/sched_internal.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if ZVM_DEBUG >= 1
#    define ROUNDS_DEFAULT 6
#else
#    define ROUNDS_DEFAULT 20
#endif

#define SUBMITTERS      3
#define STUCK_LOOKS     20    // five milliseconds apart
#define POINTS          "200" // one schedule point in so many yields
#define BITMAP_WORDS(n) (((n) + 63) / 64)

struct round;

struct item {
    struct round *round;
    struct zisolate *iso;
    uint32_t index;
    atomic_uint inside, runs, callbacks;
    bool has_callback, is_spinner;
};

struct round {
    struct zsched *sched;
    struct zshared *shared;
    struct zcode *print, *spin;
    struct item *items;
    uint32_t count;
    atomic_ulong *ran; // [BITMAP_WORDS(count)]
    atomic_uint next;  // item to be submitted
    atomic_ulong wrong;
    uint64_t seed;
};

static void expect(struct round *round, bool is_right, const char *what)
{
    if (is_right) return;
    atomic_fetch_add(&round->wrong, 1);
    fprintf(stderr, "stress_workers: wrong: %s\n", what);
}

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

// ---- Callbacks ----------------------------------------------------------------------------------

static bool note_run(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    struct item *item = context;
    struct round *round = item->round;
    expect(round, atomic_fetch_add(&item->inside, 1) == 0, "two threads are in one isolate");
    unsigned long bit = 1ul << item->index % 64;
    unsigned long before = atomic_fetch_or(&round->ran[item->index / 64], bit);
    expect(round, (before & bit) == 0, "an isolate ran twice");
    atomic_fetch_add(&item->runs, 1);
    atomic_fetch_sub(&item->inside, 1);
    return true;
}

static void note_end(zvm_isolate *isolate, void *user)
{
    struct item *item = user;
    expect(item->round, atomic_fetch_add(&item->callbacks, 1) == 0, "a callback came twice");
    zvm_status status = zsched_isolate_destroy(item->round->sched, (struct zisolate *)isolate);
    expect(item->round, status == ZVM_OK, "a callback cannot destroy");
}

// ---- Submitters ---------------------------------------------------------------------------------

static void make(struct round *round, struct item *item, uint64_t random)
{
    item->has_callback = random % 4 == 0;
    item->is_spinner = random / 4 % 8 == 0;
    struct zisolate_options options = {.id = item->index,
                                       .heap_limit_bytes = 1 << 20,
                                       .timeout_ns = random / 32 % 8 == 0 ? 5000000 : 0,
                                       .priority = random / 256 % 4 == 0 ? ZPRIORITY_HIGH
                                                                         : ZPRIORITY_NORMAL,
                                       .output = note_run,
                                       .output_context = item,
                                       .on_finish = item->has_callback ? note_end : NULL,
                                       .user = item};
    struct zcode *code = item->is_spinner ? round->spin : round->print;
    zvm_status status =
        zsched_isolate_create(round->sched, round->shared, code, &options, &item->iso);
    expect(round, status == ZVM_OK, "create");
}

// Spinners must be cancelled, and those with a callback before they can be gone: while idle.
static void submit(struct round *round, struct item *item, uint64_t random)
{
    struct zisolate *iso = item->iso;
    bool is_cancelled_idle = item->has_callback && (item->is_spinner || random % 8 == 0);
    if (is_cancelled_idle) zsched_cancel(round->sched, iso);
    expect(round, zsched_submit(round->sched, iso) == ZVM_OK, "submit");
    if (item->has_callback) return;
    if (item->is_spinner || random % 8 == 0) zsched_cancel(round->sched, iso);
    if (random / 8 % 4 == 0) {
        zvm_status status = zsched_wait(round->sched, iso, UINT64_MAX);
        expect(round, status == ZVM_OK, "wait");
    }
    if (zsched_is_done(iso)) { // cancelled in its queue, mostly: its entry is still there
        int32_t end = iso->status;
        expect(round, end == ZVM_OK || end == ZVM_E_CANCELLED || end == ZVM_E_TIMEOUT, "status");
        expect(round, zsched_isolate_destroy(round->sched, iso) == ZVM_OK, "destroy");
        item->iso = NULL;
    }
}

static void *submit_all(void *context)
{
    struct round *round = context;
    for (;;) {
        uint32_t index = atomic_fetch_add(&round->next, 1);
        if (index >= round->count) return NULL;
        uint64_t random = mix(round->seed + index);
        make(round, &round->items[index], random);
        submit(round, &round->items[index], mix(random));
    }
}

// ---- The watchdog -------------------------------------------------------------------------------

struct watch {
    struct zsched *sched;
    atomic_bool is_over;
};

static bool is_idle(const struct zsched *sched, uint32_t worker)
{
    return (atomic_load(&sched->parking.idle[worker / 64]) >> worker % 64 & 1) != 0;
}

static void dump(struct zsched *sched)
{
    fprintf(stderr, "lost wake-up: in flight %" PRIu64 ", searching %u, overflow %" PRIu64 "\n",
            zadmission_count(&sched->admission), sched->parking.searching,
            zsched_overflow_count(sched, ZPRIORITY_NORMAL) +
                zsched_overflow_count(sched, ZPRIORITY_HIGH));
    for (uint32_t i = 0; i < sched->worker_capacity; i++)
        fprintf(stderr, "worker %u: idle %d, token %u, rings %" PRIu64 " %" PRIu64 ", inbox %d\n",
                i, is_idle(sched, i), sched->parking.seats[i].token,
                zring_length(&sched->workers[i]->levels[ZPRIORITY_NORMAL].ring),
                zring_length(&sched->workers[i]->levels[ZPRIORITY_HIGH].ring),
                zinbox_has_any(&sched->workers[i]->inbox));
}

static bool is_all_idle(const struct zsched *sched)
{
    for (uint32_t i = 0; i < zsched_started(sched); i++)
        if (!is_idle(sched, i)) return false;
    return true;
}

static uint64_t turns_of(struct zsched *sched)
{
    struct zreport_view view;
    zsched_report(sched, NULL, &view);
    return view.totals.counters[ZREPORT_parks] + view.totals.counters[ZREPORT_slices];
}

// Whether some thread but this one runs or could run if it had a core. A thread that the machine keeps
// waiting is no lost wake-up.
static bool is_any_runnable(void)
{
    bool is_any = false;
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) return true;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL && !is_any;) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == gettid()) continue;
        char path[64], text[256] = "";
        snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        const char *end = fgets(text, sizeof text, file) == NULL ? NULL : strrchr(text, ')');
        fclose(file);
        is_any = end == NULL || strncmp(end, ") S", 3) != 0;
    }
    closedir(folder);
    return is_any;
}

static void *watch_for_sleepers(void *context)
{
    struct watch *watch = context;
    uint64_t turns = turns_of(watch->sched);
    uint32_t looks = 0; // in a row at which everybody slept beside work
    while (!atomic_load(&watch->is_over)) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        uint64_t turns_now = turns_of(watch->sched);
        bool is_stuck = is_all_idle(watch->sched) && turns_now == turns &&
                        zadmission_count(&watch->sched->admission) > 0 &&
                        zqueue_has_any(watch->sched) && !is_any_runnable();
        looks = is_stuck ? looks + 1 : 0;
        turns = turns_now;
        if (looks < STUCK_LOOKS) continue;
        dump(watch->sched);
        abort();
    }
    return NULL;
}

// ---- A round ------------------------------------------------------------------------------------

static void check_item(struct round *round, struct item *item)
{
    if (item->has_callback) {
        expect(round, item->callbacks == 1, "each callback once");
    } else if (item->iso != NULL) {
        expect(round, zsched_is_done(item->iso), "everything is done after the drain");
        bool has_run = item->iso->status == ZVM_OK;
        if (has_run && !item->is_spinner) expect(round, item->runs == 1, "a lost run");
        expect(round, zsched_isolate_destroy(round->sched, item->iso) == ZVM_OK, "destroy");
    }
}

static void check_report(struct round *round)
{
    struct zreport_view view;
    zsched_report(round->sched, NULL, &view);
    const uint64_t *c = view.totals.counters;
    expect(round, c[ZREPORT_isolates_created] == round->count, "created");
    expect(round, c[ZREPORT_isolates_destroyed] == round->count, "destroyed");
    expect(round, c[ZREPORT_isolates_finished] == round->count, "finished");
    expect(round, c[ZREPORT_heap_grown_bytes] == c[ZREPORT_heap_shrunk_bytes], "heap");
    expect(round, c[ZREPORT_allocated_bytes] == c[ZREPORT_freed_bytes], "bytes");
    expect(round, view.isolates_in_flight == 0, "in flight");
}

static struct zcode *compile(struct zintern *intern, const char *text)
{
    struct zdiagnostics findings = {
        .file_name = "stress.zx", .text = text, .length_bytes = strlen(text)};
    struct zcode *code = NULL;
    if (zlang_compile(intern, &findings, &code) != ZVM_OK) exit(2);
    return code;
}

static void run_threads(struct round *round)
{
    struct watch watch = {.sched = round->sched};
    pthread_t submitters[SUBMITTERS], watchdog;
    pthread_create(&watchdog, NULL, watch_for_sleepers, &watch);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_create(&submitters[i], NULL, submit_all, round);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i], NULL);
    expect(round, zsched_shutdown(round->sched, false /* cancel */) == ZVM_OK, "shutdown");
    for (uint32_t i = 0; i < round->count; i++)
        check_item(round, &round->items[i]);
    check_report(round);
    atomic_store(&watch.is_over, true);
    pthread_join(watchdog, NULL);
}

static uint64_t run_round(struct zintern *intern, uint32_t workers, uint32_t count, uint64_t seed)
{
    struct zspan_pool *spans;
    struct round round = {.count = count, .seed = seed};
    if (zspan_pool_create(&spans) != ZVM_OK) exit(2);
    if (zshared_create(intern, &round.shared) != ZVM_OK) exit(2);
    struct zsched_options options = {.worker_count = workers, .slice_budget = 500, .spans = spans};
    if (zsched_create(&options, &round.sched) != ZVM_OK) exit(2);
    round.print = compile(intern, "print(1)\n");
    round.spin = compile(intern, "while true { }\n");
    round.items = calloc(count, sizeof *round.items);
    round.ran = calloc(BITMAP_WORDS(count), sizeof *round.ran);
    for (uint32_t i = 0; i < count; i++) {
        round.items[i].round = &round;
        round.items[i].index = i;
    }
    run_threads(&round);
    zcode_release(round.print);
    zcode_release(round.spin);
    zsched_destroy(round.sched);
    zshared_destroy(round.shared);
    zspan_pool_destroy(spans);
    free(round.items);
    free(round.ran);
    return round.wrong;
}

// ---- The whole ----------------------------------------------------------------------------------

static uint64_t argument(int count, char **arguments, int index, uint64_t otherwise)
{
    return count > index ? strtoull(arguments[index], NULL, 0) : otherwise;
}

int main(int count, char **arguments)
{
    static const uint32_t all[] = {1, 2, 3, 8, 64};
    uint32_t workers = (uint32_t)argument(count, arguments, 1, 0);
    uint32_t scale = (uint32_t)argument(count, arguments, 2, 2000);
    uint64_t rounds = argument(count, arguments, 3, ROUNDS_DEFAULT);
    uint64_t seed = argument(count, arguments, 4, 20240229);
    printf("stress_workers %u %u %" PRIu64 " %" PRIu64 "\n", workers, scale, rounds, seed);
    setenv("ZVM_POINTS", POINTS, 0 /* keep what is there */);

    struct zintern *intern;
    struct zintern_options options = {0};
    if (scale == 0 || zintern_create(&options, &intern) != ZVM_OK) return 2;
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        for (size_t w = 0; w < sizeof all / sizeof *all; w++) {
            if (workers != 0 && w > 0) break;
            wrong +=
                run_round(intern, workers != 0 ? workers : all[w], scale, mix(seed + i * 8 + w));
        }
    }
    zintern_destroy(intern);
    printf("%" PRIu64 " wrong\n", wrong);
    return wrong == 0 ? 0 : 1;
}
