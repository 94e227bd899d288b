// Goal: isolates can come and go for ever. Whatever they end with - well, with an error, at their heap
// limit, out of fuel, cancelled, or because the system refuses memory - the process is afterwards as
// large as before, with as many threads and open files, and no byte is lost.
// Method: COUNT isolates of programs with all these endings, one after the other: three quarters on
// this thread, one in 16 with one of its allocations refused; the rest on two workers, destroyed by
// their callbacks. The resident set is read when a tenth of each part has run, and then ten times; it
// may not have grown by more than GROWTH_MAX_BYTES since. The draws come from SEED.
//
// Usage: test_isolate_churn [COUNT [SEED]]. Under a sanitizer, which keeps what is freed for a while,
// only the seam's own counters are looked at.
#include "base/alloc.h"
#include "zvm.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_feature)
#    if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#        define HAS_SANITIZER 1
#    endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define HAS_SANITIZER 1
#endif
#ifdef HAS_SANITIZER
#    define COUNT_DEFAULT 20000
#else
#    define HAS_SANITIZER 0
#    define COUNT_DEFAULT 100000
#endif

#define GROWTH_MAX_BYTES (UINT64_C(1) << 20)
#define READINGS         10
#define WINDOW           512 // isolates on the workers at a time
#define REFUSED_ONE_IN   16
#define REFUSED_AT_MAX   8
#define CANCELLED_ONE_IN 64

struct kind {
    const char *text;
    uint64_t heap_limit_bytes, fuel_limit;
    zvm_status ending;
};

static const struct kind kinds[] = {
    {"", 0, 0, ZVM_OK},
    {"action add(a, b) { return a + b }\nlet t = 0\nfor each i in range(40) { t = add(t, i) }\n", 0,
     0, ZVM_OK},
    {"let m = {}\nfor each i in range(20) { m[\"own ${isolate_id()} ${i}\"] = [i] }\n", 0, 0,
     ZVM_OK},
    {"let s = \"\"\nfor each i in range(60) { s = s + \"a longer text, again and again\" }\n", 0, 0,
     ZVM_OK},
    {"let l = []\nwhile true { l.push([l]) }\n", 16384, 0, ZVM_E_HEAP_LIMIT},
    {"let l = []\ntry { while true { l.push(\"item ${l.len()}\") } } catch (e) { l = null }\n",
     20000, 0, ZVM_OK},
    {"action down(n) { return n == 0 ? [][1] : down(n - 1) }\ndown(30)\n", 0, 0, ZVM_E_ERROR},
    {"let n = 0\nwhile true { n += 1 }\n", 0, 500, ZVM_E_FUEL},
    {"data P { x, y = [] }\nlet l = range(20).map(i => P(i))\nthrow l\n", 0, 0, ZVM_E_ERROR},
    {"let l = range(600)\nlet k = l.map(x => [x])\n", 65536, 0, ZVM_OK},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

struct churn {
    uint64_t seed, refused;
    zvm_runtime *runtime;
    zvm_code *codes[KINDS];
    uint64_t readings[READINGS + 1]; // resident bytes
    uint32_t reading_count;
    atomic_uint in_flight;
    atomic_uint wrong;
};

static uint64_t draw(struct churn *churn)
{
    churn->seed = churn->seed * 6364136223846793005u + 1442695040888963407u;
    return churn->seed >> 33;
}

static void check(bool is_good, const char *what)
{
    if (is_good) return;
    (void)fprintf(stderr, "test_isolate_churn: %s\n", what);
    exit(1);
}

// ---- The process --------------------------------------------------------------------------------

// The number behind `name` in /proc/self/status.
static uint64_t status_of_process(const char *name)
{
    char line[200];
    uint64_t value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    check(file != NULL, "no /proc/self/status");
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) value = strtoull(line + strlen(name), NULL, 10);
    (void)fclose(file);
    return value;
}

static uint64_t open_files(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    check(folder != NULL, "no /proc/self/fd");
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

static void read_resident(struct churn *churn, uint64_t done, uint64_t count)
{
    uint64_t warm = count / 10;
    if (churn->reading_count > READINGS) return;
    if (done < warm + (count - warm) * churn->reading_count / READINGS) return;
    churn->readings[churn->reading_count++] = status_of_process("VmRSS:") * 1024;
}

static void check_resident(const struct churn *churn, const char *part)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < churn->reading_count; i++)
        if (churn->readings[i] > most) most = churn->readings[i];
    (void)printf("%s: resident %" PRIu64 " KiB after a tenth, at most %" PRIu64 " later\n", part,
                 churn->readings[0] / 1024, most / 1024);
#if !HAS_SANITIZER
    check(most <= churn->readings[0] + GROWTH_MAX_BYTES, "the process grows");
#endif
}

// ---- Isolates -----------------------------------------------------------------------------------

static void compile_all(struct churn *churn)
{
    for (size_t i = 0; i < KINDS; i++) {
        const char *text = kinds[i].text;
        check(zvm_code_from_source(churn->runtime, "churn.zx", text, strlen(text), NULL, NULL,
                                   &churn->codes[i]) == ZVM_OK,
              "compile");
    }
}

static zvm_isolate_options options_of(const struct kind *kind, uint64_t id)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.id = (int64_t)id;
    options.heap_limit_bytes = kind->heap_limit_bytes;
    options.fuel_limit = kind->fuel_limit;
    return options;
}

// The ending that the kind promises, or the one of what was done to it.
static void check_ending(struct churn *churn, zvm_isolate *isolate, const struct kind *kind,
                         zvm_status other)
{
    zvm_result result = ZVM_RESULT_INIT;
    bool is_good = zvm_isolate_result(isolate, &result) == ZVM_OK &&
                   (result.status == kind->ending || result.status == other);
    if (is_good) return;
    if (atomic_fetch_add(&churn->wrong, 1) < 5)
        (void)fprintf(stderr, "wrong ending (%s) of: %s", zvm_status_text(result.status),
                      kind->text);
}

static void run_one(struct churn *churn, uint64_t id)
{
    size_t number = id % KINDS;
    const struct kind *kind = &kinds[number];
    zvm_isolate_options options = options_of(kind, id);
    zvm_isolate *isolate = NULL;
    bool is_refused = draw(churn) % REFUSED_ONE_IN == 0;
    if (is_refused) zalloc_fail_at(draw(churn) % REFUSED_AT_MAX + 1, draw(churn) % 2 == 0);
    zvm_status status =
        zvm_isolate_create(churn->runtime, churn->codes[number], &options, &isolate);
    if (status == ZVM_OK) {
        if (draw(churn) % CANCELLED_ONE_IN == 0) {
            check(zvm_isolate_run(isolate, 10, NULL) == ZVM_OK, "run a little");
            zvm_isolate_cancel(isolate);
        }
        bool finished = false;
        status = zvm_isolate_run(isolate, 0, &finished);
        check(status == ZVM_OK || status == ZVM_E_STATE, "run"); // STATE: it has ended already
        zvm_result result = ZVM_RESULT_INIT;
        if (zvm_isolate_result(isolate, &result) != ZVM_OK || result.status != ZVM_E_CANCELLED)
            check_ending(churn, isolate, kind, is_refused ? ZVM_E_NOMEM : kind->ending);
    } else {
        check(is_refused && status == ZVM_E_NOMEM, "create");
    }
    check(zvm_isolate_destroy(isolate) == ZVM_OK, "destroy");
    if (is_refused) churn->refused += zalloc_has_failed();
    if (is_refused) zalloc_fail_at(0, false);
}

// ---- The two parts ------------------------------------------------------------------------------

static void open_runtime(struct churn *churn, uint32_t workers)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = workers;
    check(zvm_runtime_create(&options, &churn->runtime) == ZVM_OK, "runtime");
    compile_all(churn);
    churn->reading_count = 0;
}

static void close_runtime(struct churn *churn)
{
    for (size_t i = 0; i < KINDS; i++)
        zvm_code_release(churn->codes[i]);
    zvm_runtime_destroy(churn->runtime);
}

static void churn_here(struct churn *churn, uint64_t count)
{
    open_runtime(churn, 0);
    for (uint64_t id = 0; id < count; id++) {
        run_one(churn, id);
        read_resident(churn, id + 1, count);
    }
    check_resident(churn, "one thread");
    close_runtime(churn);
}

struct ticket {
    struct churn *churn;
    const struct kind *kind;
};

static void on_finish(zvm_isolate *isolate, void *user)
{
    struct ticket *ticket = user;
    check_ending(ticket->churn, isolate, ticket->kind, ZVM_E_CANCELLED);
    check(zvm_isolate_destroy(isolate) == ZVM_OK, "destroy in on_finish");
    atomic_fetch_sub(&ticket->churn->in_flight, 1);
}

static void churn_on_workers(struct churn *churn, uint64_t count)
{
    struct ticket tickets[KINDS];
    open_runtime(churn, 2);
    for (size_t i = 0; i < KINDS; i++)
        tickets[i] = (struct ticket){churn, &kinds[i]};
    for (uint64_t id = 0; id < count; id++) {
        zvm_isolate_options options = options_of(&kinds[id % KINDS], id);
        options.on_finish = on_finish;
        options.user = &tickets[id % KINDS];
        zvm_isolate *isolate = NULL;
        check(zvm_isolate_create(churn->runtime, churn->codes[id % KINDS], &options, &isolate) ==
                  ZVM_OK,
              "create");
        atomic_fetch_add(&churn->in_flight, 1);
        check(zvm_isolate_submit(isolate) == ZVM_OK, "submit");
        if (atomic_load(&churn->in_flight) >= WINDOW)
            check(zvm_runtime_drain(churn->runtime) == ZVM_OK, "drain");
        read_resident(churn, id + 1, count);
    }
    check(zvm_runtime_drain(churn->runtime) == ZVM_OK, "drain");
    check_resident(churn, "two workers");
    close_runtime(churn);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : COUNT_DEFAULT;
    struct churn churn = {.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1};
    check(count >= 40, "usage: test_isolate_churn [COUNT [SEED]], COUNT at least 40");
    (void)printf("seed %" PRIu64 "\n", churn.seed);
    struct zalloc_stats before = zalloc_stats();
    uint64_t threads = status_of_process("Threads:"), files = open_files();
    churn_here(&churn, count / 4 * 3);
    churn_on_workers(&churn, count - count / 4 * 3);
    struct zalloc_stats after = zalloc_stats();
    (void)printf("isolates %" PRIu64 ", with a refused allocation %" PRIu64 ", wrong %u\n", count,
                 churn.refused, atomic_load(&churn.wrong));
    check(after.live_bytes == before.live_bytes && after.live_count == before.live_count,
          "bytes are lost");
    // A sanitizer starts a thread of its own when it likes.
    check(HAS_SANITIZER || status_of_process("Threads:") == threads, "threads are left");
    check(open_files() == files, "files are left open");
    return atomic_load(&churn.wrong) == 0 ? 0 : 1;
}
