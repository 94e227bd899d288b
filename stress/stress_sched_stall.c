// Goal: a thread that stops for good anywhere inside an operation of the scheduler stops nobody else,
// and what the others then need of memory is bounded.
// Method: the sources of the scheduler are compiled into this program so that every operation on a
// shared word is a point that knows its function. For each group of functions (an operation), again
// and again: the n-th passing of its points freezes whichever thread it is, worker or host, n drawn.
// Meanwhile other threads submit, cancel, wait for and destroy isolates of their own, which must all
// end: they need nothing that the frozen thread has in its hands. Then it goes on. Rings and chains
// are tiny, so that overflow, growth and stealing happen all the time; sleeps are short, because a
// frozen wake-up may cost the others one sleep each. Three workers and two threads of the host, any of
// which may be frozen; then one worker, and only threads of the host are.
// Not frozen: a thread that holds host_lock, which is for making and destroying isolates and is no part
// of these operations: it goes on to its next point without a lock.
// Usage: stress_sched_stall [FREEZES [SEED [GROUP]]]: of each group, seed, only the group of that name.
#define ZVM_POINTS      1
#define ZRING_SLOTS     4
#define ZCHAIN_MAX      2
#define ZOVERFLOW_FIRST 1
#define ZNAP_NS_MAX     UINT64_C(2000000)

#include "base/atomic.h"
#include <pthread.h>

// Points know where they are, and locks are counted.
static void point_at(const char *function);
static int lock_counted(pthread_mutex_t *lock);
static int unlock_counted(pthread_mutex_t *lock);
#define z_point()               point_at(__func__)
#define pthread_mutex_lock(m)   lock_counted(m)
#define pthread_mutex_unlock(m) unlock_counted(m)

#include "../src/sched/event.c"
#include "../src/sched/figures.c"
#include "../src/sched/finish.c"
#include "../src/sched/fold.c"
#include "../src/sched/lane.c"
#include "../src/sched/lifecycle.c"
#include "../src/sched/nap.c"
#include "../src/sched/overflow.c"
#include "../src/sched/park.c"
#include "../src/sched/queue.c"
#include "../src/sched/sched.c"
#include "../src/sched/worker.c"
#define run_slice run_slice_of_host // two files have one
#include "../src/sched/host.c"
#undef run_slice
#undef z_point
#undef pthread_mutex_lock
#undef pthread_mutex_unlock

#include "intern/intern.h"
#include "lang/compile.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdlib.h>

#define HOSTS   2
#define PROBERS 2
#define WAVE    24 // isolates of a host at a time
#define WAIT_S  120 // nobody is slow for so long: it is stuck
#define REACH_S 120

#if ZVM_DEBUG >= 1
#    define FREEZES_DEFAULT 100
#else
#    define FREEZES_DEFAULT 1000
#endif

// The scheduler's memory while a thread is frozen: what it may hold is one inbox or chain and its
// batch, at most the isolates of all hosts, 2 KiB each; the rest is slabs and caches of each thread.
#define MAPPED_MAX (16 * 1024 * 1024)

// An operation: its functions, by how their names begin.
struct group {
    const char *name;
    bool is_hosts; // the host's threads come by
    const char *begins[8];
};

static const struct group groups[] = {
    {"ring", false, {"zring_push", "zring_pop", "zring_publish"}},
    {"steal", false, {"zring_steal", "zring_length"}},
    {"inbox push", true, {"zinbox_push"}},
    {"inbox take", false, {"zinbox_take", "zinbox_count_out", "zinbox_reverse"}},
    {"overflow append",
     false,
     {"zoverflow_reserve", "zoverflow_append", "grow_slow", "copy_slots", "append", "push_overflow",
      "flush_batch", "zchain_"}},
    {"overflow take", false, {"zoverflow_take", "zoverflow_peek", "refill_", "fill_ring"}},
    {"requeue", false, {"zstate_step", "is_overflowing", "zsched_overflow_count"}},
    {"take", false, {"zstate_take", "zstate_finish", "zstate_load"}},
    {"submit",
     true,
     {"zstate_submit", "zadmission_enter", "zadmission_is_", "receiver_of", "zsched_submit"}},
    {"leave", false, {"zadmission_leave", "zadmission_empty", "zfinish_leave", "leave"}},
    {"urgent", true, {"zqueue_push_urgent", "zqueue_take_urgent"}},
    {"park",
     false,
     {"zparking_park", "take_token", "collect", "leave_early", "sleep_until_woken",
      "zparking_end_search"}},
    {"wake",
     true,
     {"zparking_notify", "claim_idle", "clear_idle", "is_idle", "has_idle", "give_token",
      "zparking_begin_search"}},
    {"look", false, {"zring_has_any", "zinbox_has_any", "zoverflow_has_any", "zqueue_has_any"}},
};

#define GROUP_COUNT (sizeof groups / sizeof *groups)

// ---- Freezing -----------------------------------------------------------------------------------

static struct {
    _Atomic(const struct group *) group; // NULL: nobody is to freeze
    _Atomic int64_t left;                // passings until somebody does
    bool is_hosts_only;                  // frozen while threads run
    sem_t frozen, thaw;
} plan;

static _Thread_local uint32_t locks_held;
static _Thread_local bool is_prober, is_due;

static int lock_counted(pthread_mutex_t *lock)
{
    locks_held++;
    return pthread_mutex_lock(lock);
}

static int unlock_counted(pthread_mutex_t *lock)
{
    locks_held--;
    return pthread_mutex_unlock(lock);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR)
        continue;
}

static bool is_in(const struct group *group, const char *function)
{
    for (size_t i = 0; i < sizeof group->begins / sizeof *group->begins; i++) {
        const char *begin = group->begins[i];
        if (begin != NULL && strncmp(function, begin, strlen(begin)) == 0) return true;
    }
    return false;
}

static void point_at(const char *function)
{
    const struct group *group = atomic_load_explicit(&plan.group, memory_order_acquire);
    if (is_prober || (!is_due && group == NULL)) return;
    if (plan.is_hosts_only && worker_of_thread != NULL) return;
    if (!is_due && is_in(group, function)) is_due = atomic_fetch_sub(&plan.left, 1) == 1;
    if (!is_due || locks_held > 0) return;
    is_due = false;
    sem_post(&plan.frozen);
    wait_for(&plan.thaw);
}

// ---- Isolates -----------------------------------------------------------------------------------

struct stall {
    struct zsched *sched;
    struct zshared *shared;
    struct zcode *code, *spin;
    atomic_bool is_over;
    atomic_ulong wrong, callbacks, callbacks_wanted, submitted;
};

struct host {
    struct stall *stall;
    uint64_t random;
    bool is_prober;
};

static uint64_t draw_of(uint64_t *random, uint64_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (*random >> 11) % below;
}

static void expect(struct stall *stall, bool is_right, const char *what)
{
    if (is_right) return;
    atomic_fetch_add(&stall->wrong, 1);
    fprintf(stderr, "stress_sched_stall: wrong: %s\n", what);
}

static void note_end(zvm_isolate *isolate, void *user)
{
    struct stall *stall = user;
    expect(stall, zsched_isolate_destroy(stall->sched, (struct zisolate *)isolate) == ZVM_OK,
           "a callback cannot destroy");
    atomic_fetch_add(&stall->callbacks, 1);
}

static struct zisolate *make(struct host *host, bool has_callback, bool is_spinner)
{
    struct stall *stall = host->stall;
    struct zisolate_options options = {
        .heap_limit_bytes = 1 << 20,
        .priority = draw_of(&host->random, 3) == 0 ? ZPRIORITY_HIGH : ZPRIORITY_NORMAL,
        .timeout_ns = draw_of(&host->random, 8) == 0 ? UINT64_C(3600000000000) : 0,
        .on_finish = has_callback ? note_end : NULL,
        .user = stall};
    struct zisolate *iso = NULL;
    struct zcode *code = is_spinner ? stall->spin : stall->code;
    zvm_status status = zsched_isolate_create(stall->sched, stall->shared, code, &options, &iso);
    expect(stall, status == ZVM_OK, "create");
    return iso;
}

// Some have a callback that destroys them; of the others, some are spinners, to be cancelled.
static struct zisolate *submit_one(struct host *host)
{
    struct stall *stall = host->stall;
    bool has_callback = draw_of(&host->random, 4) == 0;
    bool is_spinner = !has_callback && draw_of(&host->random, 4) == 0;
    struct zisolate *iso = make(host, has_callback, is_spinner);
    if (iso == NULL) return NULL;
    if (has_callback) atomic_fetch_add(&stall->callbacks_wanted, 1);
    atomic_fetch_add(&stall->submitted, 1);
    expect(stall, zsched_submit(stall->sched, iso) == ZVM_OK, "submit");
    if (is_spinner) zsched_cancel(stall->sched, iso);
    return has_callback ? NULL : iso;
}

static void await(struct host *host, struct zisolate *iso)
{
    struct stall *stall = host->stall;
    uint64_t wait_ns = host->is_prober ? WAIT_S * UINT64_C(1000000000) : UINT64_MAX;
    if (zsched_wait(stall->sched, iso, wait_ns) != ZVM_OK) {
        fprintf(stderr, "STUCK: an isolate that the frozen thread has nothing to do with\n");
        abort();
    }
    expect(stall, iso->status == ZVM_OK || iso->status == ZVM_E_CANCELLED, "status");
}

struct end {
    struct stall *stall;
    atomic_bool is_told;
};

static void tell_end(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    struct end *end = user;
    atomic_fetch_add(&end->stall->callbacks, 1);
    atomic_store(&end->is_told, true); // from here on the host may destroy it
}

// Cancelled in its queue, mostly: then the callback comes by the urgent list.
static void cancel_with_callback(struct host *host)
{
    struct stall *stall = host->stall;
    struct end end = {.stall = stall};
    struct zisolate *iso = make(host, false /* has_callback */, true /* is_spinner */);
    if (iso == NULL) return;
    iso->on_finish = tell_end;
    iso->user = &end;
    atomic_fetch_add(&stall->callbacks_wanted, 1);
    atomic_fetch_add(&stall->submitted, 1);
    expect(stall, zsched_submit(stall->sched, iso) == ZVM_OK, "submit");
    zsched_cancel(stall->sched, iso);
    await(host, iso);
    while (!atomic_load(&end.is_told))
        sched_yield();
    expect(stall, zsched_isolate_destroy(stall->sched, iso) == ZVM_OK, "destroy");
}

static void wave(struct host *host)
{
    struct zisolate *isolates[WAVE];
    for (int i = 0; i < WAVE; i++)
        isolates[i] = submit_one(host);
    cancel_with_callback(host);
    for (int i = 0; i < WAVE; i++) {
        if (isolates[i] == NULL) continue;
        await(host, isolates[i]);
        zvm_status status = zsched_isolate_destroy(host->stall->sched, isolates[i]);
        expect(host->stall, status == ZVM_OK, "destroy");
    }
}

static void *work(void *context)
{
    struct host *host = context;
    is_prober = host->is_prober;
    if (is_prober) wave(host);
    while (!is_prober && !atomic_load(&host->stall->is_over))
        wave(host);
    return NULL;
}

// ---- One freeze ---------------------------------------------------------------------------------

static bool wait_until_frozen(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += REACH_S;
    for (;;) {
        if (sem_timedwait(&plan.frozen, &until) == 0) return true;
        if (errno != EINTR) return false;
    }
}

static void probe(struct stall *stall, uint64_t seed)
{
    pthread_t threads[PROBERS];
    struct host hosts[PROBERS];
    for (int i = 0; i < PROBERS; i++) {
        hosts[i] = (struct host){.stall = stall,
                                 .random = (seed * PROBERS + (uint64_t)i + 1) *
                                           UINT64_C(0x9e3779b97f4a7c15),
                                 .is_prober = true};
        pthread_create(&threads[i], NULL, work, &hosts[i]);
    }
    for (int i = 0; i < PROBERS; i++)
        pthread_join(threads[i], NULL);
}

// The largest number of passings: far enough to meet every state, near enough to come soon.
#define PASSINGS_MAX 400

static bool freeze_once(struct stall *stall, const struct group *group, uint64_t seed,
                        uint64_t *mapped_max)
{
    uint64_t random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    atomic_store(&plan.left, 1 + (int64_t)draw_of(&random, PASSINGS_MAX));
    atomic_store(&plan.group, group);
    if (!wait_until_frozen()) {
        printf("group %s: no thread comes by\n", group->name);
        return false;
    }
    atomic_store(&plan.group, NULL);
    probe(stall, seed);
    uint64_t mapped = zspan_pool_mapped_bytes_any(stall->sched->spans);
    if (mapped > *mapped_max) *mapped_max = mapped;
    sem_post(&plan.thaw);
    return true;
}

// ---- The whole ----------------------------------------------------------------------------------

static struct zcode *compile(struct zintern *intern, const char *text)
{
    struct zdiagnostics findings = {
        .file_name = "stress.zx", .text = text, .length_bytes = strlen(text)};
    struct zcode *code = NULL;
    if (zlang_compile(intern, &findings, &code) != ZVM_OK) exit(2);
    return code;
}

static void check_end(struct stall *stall)
{
    struct zreport_view view;
    zsched_report(stall->sched, NULL, &view);
    const uint64_t *c = view.totals.counters;
    expect(stall, c[ZREPORT_isolates_created] == stall->submitted, "created");
    expect(stall, c[ZREPORT_isolates_destroyed] == stall->submitted, "destroyed");
    expect(stall, c[ZREPORT_isolates_finished] == stall->submitted, "finished");
    expect(stall, stall->callbacks == stall->callbacks_wanted, "callbacks");
    expect(stall, c[ZREPORT_heap_grown_bytes] == c[ZREPORT_heap_shrunk_bytes], "heap");
    expect(stall, view.isolates_in_flight == 0, "in flight");
    expect(stall, view.queued == 0, "queued");
}

static bool run_groups(struct stall *stall, uint64_t freezes, uint64_t seed, const char *only)
{
    bool is_right = true;
    for (size_t i = 0; i < GROUP_COUNT && is_right; i++) {
        if (only != NULL && strcmp(only, groups[i].name) != 0) continue;
        if (plan.is_hosts_only && !groups[i].is_hosts) continue;
        uint64_t mapped_max = 0;
        for (uint64_t k = 0; k < freezes && is_right; k++)
            is_right = freeze_once(stall, &groups[i], seed + i * freezes + k, &mapped_max);
        printf("%-16s %" PRIu64 " freezes, at most %" PRIu64 " KiB mapped while frozen\n",
               groups[i].name, freezes, mapped_max / 1024);
        expect(stall, mapped_max <= MAPPED_MAX, "memory grows beside a frozen thread");
    }
    return is_right;
}

static bool run_workers(struct zintern *intern, uint32_t workers, uint64_t freezes, uint64_t seed,
                        const char *only)
{
    struct zspan_pool *spans;
    struct stall stall = {0};
    struct host hosts[HOSTS];
    pthread_t threads[HOSTS];
    if (zspan_pool_create(&spans) != ZVM_OK) exit(2);
    if (zshared_create(intern, &stall.shared) != ZVM_OK) exit(2);
    struct zsched_options options = {.worker_count = workers, .slice_budget = 100, .spans = spans};
    plan.is_hosts_only = workers == 1;
    if (zsched_create(&options, &stall.sched) != ZVM_OK) exit(2);
    stall.code = compile(intern, "let i = 0\nwhile i < 60 { i += 1 }\n");
    stall.spin = compile(intern, "while true { }\n");
    for (int i = 0; i < HOSTS; i++) {
        hosts[i] = (struct host){.stall = &stall, .random = (seed + (uint64_t)i) * 0x9E3779B9 + 1};
        pthread_create(&threads[i], NULL, work, &hosts[i]);
    }

    printf("workers: %" PRIu32 "%s\n", workers,
           plan.is_hosts_only ? ", which is never frozen" : "");
    bool is_right = run_groups(&stall, freezes, seed, only);
    atomic_store(&plan.group, NULL);
    atomic_store(&stall.is_over, true);
    for (int i = 0; i < HOSTS; i++)
        pthread_join(threads[i], NULL);
    expect(&stall, zsched_shutdown(stall.sched, false /* cancel */) == ZVM_OK, "shutdown");
    check_end(&stall);
    zcode_release(stall.code);
    zcode_release(stall.spin);
    zsched_destroy(stall.sched);
    zshared_destroy(stall.shared);
    zspan_pool_destroy(spans);
    return is_right && stall.wrong == 0;
}

int main(int argc, char **argv)
{
    uint64_t freezes = argc > 1 ? strtoull(argv[1], NULL, 0) : FREEZES_DEFAULT;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    const char *only = argc > 3 ? argv[3] : NULL;
    struct zintern *intern;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("stress_sched_stall %" PRIu64 " %" PRIu64 "\n", freezes, seed);
    sem_init(&plan.frozen, 0, 0);
    sem_init(&plan.thaw, 0, 0);
    if (zintern_create(&(struct zintern_options){0}, &intern) != ZVM_OK) return 2;
    bool is_right = run_workers(intern, 3, freezes, seed, only);
    is_right = is_right && run_workers(intern, 1, freezes, seed, only);
    zintern_destroy(intern);
    puts(is_right ? "stress_sched_stall: ok" : "stress_sched_stall: FAILED");
    return is_right ? 0 : 1;
}
