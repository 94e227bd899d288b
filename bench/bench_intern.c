// Measures the table of symbols beside what else one could use: one mutex, 64 mutexes, CK's ck_hs with
// a lock for writers, and liburcu's rculfhash where it is installed (LGPL; only this program links it).
// All use the same hash and entries alike, from the allocator; the large tables of zvm have a store of
// their own for entries. rculfhash is made with room for all keys, in its favour: its growing, which
// a thread of its own does, does not keep up with two threads that insert.
//
// Usage: bench_intern [ROUNDS [PARTS]]. PARTS: letters of h (hot hits), u (uniform hits), i (inserts), c
// (colliding keys), r (reclaiming); all of them without. Rounds take turns. A figure is the best of ROUNDS (9) rounds, its
// median beside it, in ns for one operation of one thread by the clock on the wall; xN is the
// throughput of two threads over that of one, best to best.
// Build: cc -O2 -std=c17 -D_GNU_SOURCE -Isrc -Iinclude bench/bench_intern.c build/release/libzvm-open.a -lck -pthread
//        with rculfhash: -lurcu-memb -lurcu-cds -lurcu-common, without although it is there: -DBENCH_NO_URCU
#include "intern/intern.h"

#include "base/alloc.h"
#include "base/ck.h"
#include "base/clock.h"
#include "base/siphash.h"

#include <ck_hs.h>
#include <pthread.h>
#if !defined(BENCH_NO_URCU) && __has_include(<urcu/rculfhash.h>)
#    define BENCH_HAS_URCU 1
#    include <urcu/rculfhash.h>
#    include <urcu/urcu-memb.h>
#endif
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX  300
#define SHORT       50000 // looks of a round of hits, for which rounds are SHORT_TIMES as many
#define SHORT_TIMES 10
#define HOT_KEYS    1000
#define HOT_LOOKS   200000 // a few milliseconds
#define MANY_KEYS   500000
#define NEW_KEYS    1000000
#define BAD_KEYS    32768
#define SHARDS      64

struct key {
    uint32_t length;
    char text[28];
};

// ---- Peers --------------------------------------------------------------------------------------

struct peer_entry {
    uint64_t hash;
    _Atomic uint32_t count;
    uint32_t length;
    char text[];
};

struct peer_table { // linear probing, at most half full
    _Alignas(64) pthread_mutex_t lock;
    struct peer_entry **cells;
    uint64_t mask, count;
};

static uint64_t hash_of(const struct key *key)
{
    return zsiphash13(zsiphash_process_key(), key->text, key->length);
}

static struct peer_entry *peer_entry_new(const struct key *key, uint64_t hash)
{
    struct peer_entry *entry = z_alloc(sizeof *entry + key->length + 1);
    entry->hash = hash;
    entry->length = key->length;
    atomic_init(&entry->count, 1);
    memcpy(entry->text, key->text, key->length + 1);
    return entry;
}

static void peer_init(struct peer_table *table)
{
    pthread_mutex_init(&table->lock, NULL);
    table->mask = 63;
    table->count = 0;
    table->cells = z_alloc_zeroed(64 * sizeof *table->cells);
}

static void peer_deinit(struct peer_table *table)
{
    for (uint64_t i = 0; i <= table->mask; i++) {
        struct peer_entry *entry = table->cells[i];
        if (entry != NULL) z_free(entry, sizeof *entry + entry->length + 1);
    }
    z_free(table->cells, (table->mask + 1) * sizeof *table->cells);
}

static bool same(const struct peer_entry *entry, const struct key *key, uint64_t hash)
{
    return entry->hash == hash && entry->length == key->length &&
           memcmp(entry->text, key->text, key->length) == 0;
}

static void peer_grow(struct peer_table *table)
{
    uint64_t mask = table->mask * 2 + 1;
    struct peer_entry **cells = z_alloc_zeroed((mask + 1) * sizeof *cells);
    for (uint64_t i = 0; i <= table->mask; i++) {
        struct peer_entry *entry = table->cells[i];
        if (entry == NULL) continue;
        uint64_t at = entry->hash & mask;
        while (cells[at] != NULL)
            at = (at + 1) & mask;
        cells[at] = entry;
    }
    z_free(table->cells, (table->mask + 1) * sizeof *cells);
    table->cells = cells;
    table->mask = mask;
}

static void peer_acquire(struct peer_table *table, const struct key *key, uint64_t hash)
{
    pthread_mutex_lock(&table->lock);
    uint64_t at = hash & table->mask;
    while (table->cells[at] != NULL && !same(table->cells[at], key, hash))
        at = (at + 1) & table->mask;
    if (table->cells[at] != NULL) {
        // under the lock: no locked instruction
        uint32_t count = atomic_load_explicit(&table->cells[at]->count, memory_order_relaxed);
        atomic_store_explicit(&table->cells[at]->count, count + 1, memory_order_relaxed);
    } else {
        table->cells[at] = peer_entry_new(key, hash);
        if (++table->count * 2 > table->mask) peer_grow(table);
    }
    pthread_mutex_unlock(&table->lock);
}

struct shards {
    struct peer_table shard[SHARDS];
};

struct hs_table {
    ck_hs_t hs;
    pthread_mutex_t lock;
    ck_epoch_t epoch;
    ck_epoch_record_t records[3];
};

static void *hs_malloc(size_t bytes)
{
    return malloc(bytes);
}

static void hs_free(void *memory, size_t bytes, bool defer)
{
    (void)bytes;
    (void)memory;
    if (!defer) free(memory); // deferred ones are left to the end of the program: in its favour
}

static struct ck_malloc hs_allocator = {.malloc = hs_malloc, .free = hs_free};

static unsigned long hs_hash(const void *object, unsigned long seed)
{
    (void)seed;
    return ((const struct peer_entry *)object)->hash;
}

static bool hs_compare(const void *a, const void *b)
{
    const struct peer_entry *x = a, *y = b;
    return x->hash == y->hash && x->length == y->length && memcmp(x->text, y->text, x->length) == 0;
}

static void hs_acquire(struct hs_table *table, int thread, const struct key *key, uint64_t hash)
{
    struct {
        uint64_t hash;
        uint32_t count, length;
        char text[32];
    } probe = {.hash = hash, .length = key->length};
    memcpy(probe.text, key->text, key->length);
    ck_epoch_record_t *record = &table->records[thread];
    ck_epoch_begin(record, NULL);
    struct peer_entry *found = ck_hs_get(&table->hs, hash, &probe);
    if (found != NULL) atomic_fetch_add_explicit(&found->count, 1, memory_order_relaxed);
    ck_epoch_end(record, NULL);
    if (found != NULL) return;
    pthread_mutex_lock(&table->lock);
    if (ck_hs_get(&table->hs, hash, &probe) == NULL)
        ck_hs_put(&table->hs, hash, peer_entry_new(key, hash));
    pthread_mutex_unlock(&table->lock);
}

#ifdef BENCH_HAS_URCU
struct lf_entry {
    struct cds_lfht_node node;
    struct peer_entry entry;
};

struct lf_probe {
    uint64_t hash;
    const struct key *key;
};

static int lf_match(struct cds_lfht_node *node, const void *wanted)
{
    const struct lf_probe *probe = wanted;
    return same(&caa_container_of(node, struct lf_entry, node)->entry, probe->key, probe->hash);
}

static void lf_acquire(struct cds_lfht *table, const struct key *key, uint64_t hash)
{
    struct lf_probe probe = {hash, key};
    struct cds_lfht_iter iterator;
    urcu_memb_read_lock();
    cds_lfht_lookup(table, hash, lf_match, &probe, &iterator);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&iterator);
    if (node == NULL) {
        struct lf_entry *made = z_alloc(sizeof *made + key->length + 1);
        made->entry.hash = hash;
        made->entry.length = key->length;
        atomic_init(&made->entry.count, 0);
        memcpy(made->entry.text, key->text, key->length + 1);
        node = cds_lfht_add_unique(table, hash, lf_match, &probe, &made->node);
        if (node != &made->node) z_free(made, sizeof *made + key->length + 1);
    }
    atomic_fetch_add_explicit(&caa_container_of(node, struct lf_entry, node)->entry.count, 1,
                              memory_order_relaxed);
    urcu_memb_read_unlock();
}

static struct cds_lfht *lf_create(void)
{
    return cds_lfht_new_flavor(1u << 20, 1u << 20, 0, CDS_LFHT_ACCOUNTING, &urcu_memb_flavor, NULL);
}

static void lf_destroy(struct cds_lfht *table)
{
    struct cds_lfht_iter iterator;
    struct cds_lfht_node *node;
    urcu_memb_read_lock();
    cds_lfht_first(table, &iterator);
    while ((node = cds_lfht_iter_get_node(&iterator)) != NULL) {
        cds_lfht_next(table, &iterator);
        cds_lfht_del(table, node);
        struct lf_entry *entry = caa_container_of(node, struct lf_entry, node);
        z_free(entry, sizeof *entry + entry->entry.length + 1);
    }
    urcu_memb_read_unlock();
    cds_lfht_destroy(table, NULL);
}
#endif

// ---- One interface ------------------------------------------------------------------------------

enum kind {
    ZVM,
    ONE_MUTEX,
    SHARDED,
    CK_HS,
#ifdef BENCH_HAS_URCU
    RCULFHASH,
#endif
    KINDS
};

static const char *const kind_names[] = {"zvm", "one mutex", "64 mutexes", "ck_hs + lock",
                                         "rculfhash, sized"};

struct subject {
    enum kind kind;
    struct zintern *zvm;
    struct peer_table *mutex;
    struct shards *shards;
    struct hs_table *hs;
    struct cds_lfht *lf;
};

static void subject_open(struct subject *subject, enum kind kind)
{
    memset(subject, 0, sizeof *subject);
    subject->kind = kind;
    struct zintern_options options = {.limit_bytes = UINT64_C(4) << 30};
    if (kind == ZVM) zintern_create(&options, &subject->zvm);
    if (kind == ONE_MUTEX) {
        subject->mutex = aligned_alloc(64, sizeof *subject->mutex);
        peer_init(subject->mutex);
    }
    if (kind == SHARDED) {
        subject->shards = aligned_alloc(64, sizeof *subject->shards);
        for (int i = 0; i < SHARDS; i++)
            peer_init(&subject->shards->shard[i]);
    }
    if (kind == CK_HS) {
        subject->hs = aligned_alloc(64, (sizeof *subject->hs + 63) / 64 * 64);
        ck_hs_init(&subject->hs->hs, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, hs_hash, hs_compare,
                   &hs_allocator, 64, 1);
        pthread_mutex_init(&subject->hs->lock, NULL);
        ck_epoch_init(&subject->hs->epoch);
        for (int i = 0; i < 3; i++)
            ck_epoch_register(&subject->hs->epoch, &subject->hs->records[i], NULL);
    }
#ifdef BENCH_HAS_URCU
    if (kind == RCULFHASH) subject->lf = lf_create();
#endif
}

static const struct zstring **held; // by zvm, [held_count]: what to release

static void acquire(struct subject *subject, int thread, const struct key *key, size_t index)
{
    if (subject->kind == ZVM) {
        zintern_acquire(subject->zvm, key->text, key->length, &held[index]);
        return;
    }
    uint64_t hash = hash_of(key);
    if (subject->kind == ONE_MUTEX) peer_acquire(subject->mutex, key, hash);
    if (subject->kind == SHARDED) peer_acquire(&subject->shards->shard[hash >> 58], key, hash);
    if (subject->kind == CK_HS) hs_acquire(subject->hs, thread, key, hash);
#ifdef BENCH_HAS_URCU
    if (subject->kind == RCULFHASH) lf_acquire(subject->lf, key, hash);
#endif
}

static void subject_close(struct subject *subject)
{
    if (subject->mutex != NULL) peer_deinit(subject->mutex);
    for (int i = 0; subject->shards != NULL && i < SHARDS; i++)
        peer_deinit(&subject->shards->shard[i]);
    if (subject->hs != NULL) {
        ck_hs_iterator_t iterator = CK_HS_ITERATOR_INITIALIZER;
        void *object;
        while (ck_hs_next(&subject->hs->hs, &iterator, &object)) {
            struct peer_entry *entry = object;
            z_free(entry, sizeof *entry + entry->length + 1);
        }
        ck_hs_destroy(&subject->hs->hs);
    }
    if (subject->zvm != NULL) zintern_destroy(subject->zvm);
#ifdef BENCH_HAS_URCU
    if (subject->lf != NULL) lf_destroy(subject->lf);
#endif
    free(subject->mutex);
    free(subject->shards);
    free(subject->hs);
}

// ---- Threads ------------------------------------------------------------------------------------

struct job {
    struct subject *subject;
    const struct key *keys;
    const uint32_t *order; // NULL: one after the other
    size_t begin, end;     // of order, or of keys
    int thread;
    bool release; // zvm: what is held
    pthread_barrier_t *start;
    uint64_t ns;
};

static void *run_job(void *context)
{
    struct job *job = context;
#ifdef BENCH_HAS_URCU
    urcu_memb_register_thread();
#endif
    pthread_barrier_wait(job->start);
    uint64_t start = zclock_now_ns();
    if (job->release) {
        for (size_t i = job->begin; i < job->end; i++)
            zintern_release(job->subject->zvm, held[i]);
    } else {
        for (size_t i = job->begin; i < job->end; i++) {
            size_t key = job->order == NULL ? i : job->order[i];
            acquire(job->subject, job->thread, &job->keys[key], i);
        }
    }
    job->ns = zclock_now_ns() - start;
#ifdef BENCH_HAS_URCU
    urcu_memb_unregister_thread();
#endif
    return NULL;
}

// ns for one operation of one thread: count operations are shared out evenly.
static double run(struct subject *subject, const struct key *keys, const uint32_t *order,
                  size_t count, int threads, bool release)
{
    pthread_barrier_t start;
    pthread_t handles[2];
    struct job jobs[2];
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    size_t share = count / (size_t)threads;
    for (int i = 0; i < threads; i++) {
        jobs[i] =
            (struct job){subject, keys,   order, share * (size_t)i, share * (size_t)(i + 1), i,
                         release, &start, 0};
        pthread_create(&handles[i], NULL, run_job, &jobs[i]);
    }
    uint64_t longest = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(handles[i], NULL);
        if (jobs[i].ns > longest) longest = jobs[i].ns;
    }
    return (double)longest / (double)share;
}

// ---- Figures ------------------------------------------------------------------------------------

static struct key *keys;        // [NEW_KEYS], 8 to 24 bytes
static struct key *bad_keys;    // [BAD_KEYS], equal in the low bits of FNV-1a
static uint32_t *hot, *uniform; // [NEW_KEYS] orders

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

static uint64_t fnv(const struct key *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (uint32_t i = 0; i < key->length; i++)
        hash = (hash ^ (unsigned char)key->text[i]) * UINT64_C(1099511628211);
    return hash;
}

static void make_keys(void)
{
    uint64_t state = 88172645463325252u;
    keys = calloc(NEW_KEYS, sizeof *keys);
    bad_keys = calloc(BAD_KEYS, sizeof *bad_keys);
    hot = calloc(NEW_KEYS, sizeof *hot);
    uniform = calloc(NEW_KEYS, sizeof *uniform);
    held = calloc(NEW_KEYS, sizeof *held);
    for (uint32_t i = 0; i < NEW_KEYS; i++) {
        snprintf(keys[i].text, sizeof keys[i].text, "%07x-abcdefghijklmnopq", i);
        keys[i].length = 8 + (uint32_t)(draw(&state) % 17);
        keys[i].text[keys[i].length] = '\0';
        hot[i] = (uint32_t)(draw(&state) % HOT_KEYS);
        uniform[i] = (uint32_t)(draw(&state) % MANY_KEYS);
    }
    for (uint32_t i = 0, n = 0; n < BAD_KEYS; i++) { // 8 bits: 1 in 256 is taken
        struct key *key = &bad_keys[n];
        key->length = (uint32_t)snprintf(key->text, sizeof key->text, "bad-%08x-key", i);
        n += (fnv(key) & 0xff) == 0;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// Sorts. The best is less disturbed by what else the machine does than the median.
static double best(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[0];
}

static double median(const double *sorted, int count)
{
    return sorted[count / 2];
}

static void print_rows(const char *title, double results[KINDS][2][ROUNDS_MAX], int rounds)
{
    printf("%-34s %8s %8s %8s %8s %6s\n", title, "1 thread", "median", "2", "median", "xN");
    for (int kind = 0; kind < KINDS; kind++) {
        double single = best(results[kind][0], rounds), both = best(results[kind][1], rounds);
        printf("  %-32s %8.1f %8.1f %8.1f %8.1f %6.2f\n", kind_names[kind], single,
               median(results[kind][0], rounds), both, median(results[kind][1], rounds),
               2 * single / both);
    }
}

static double results[KINDS][2][ROUNDS_MAX];

// Each subject holds `count` keys; then all take turns in looking some of them up, SHORT at a time: a
// machine that others use as well is quiet for some milliseconds more often than for a second.
static void hits(const char *title, size_t count, const uint32_t *order, int rounds)
{
    static struct subject subjects[KINDS];
    const struct zstring **first = malloc(count * sizeof *first);
    for (int kind = 0; kind < KINDS; kind++) {
        subject_open(&subjects[kind], (enum kind)kind);
        run(&subjects[kind], keys, NULL, count, 1, false);
        if (kind == ZVM) memcpy(first, held, count * sizeof *first);
    }
    for (int round = 0; round < rounds; round++) {
        const uint32_t *part = order + (size_t)round * SHORT % (NEW_KEYS - SHORT);
        for (int threads = 1; threads <= 2; threads++) {
            for (int kind = 0; kind < KINDS; kind++) {
                results[kind][threads - 1][round] =
                    run(&subjects[kind], keys, part, SHORT, threads, false);
                if (kind == ZVM) run(&subjects[kind], NULL, NULL, SHORT, 1, true);
            }
        }
    }
    memcpy(held, first, count * sizeof *first);
    run(&subjects[ZVM], NULL, NULL, count, 1, true);
    for (int kind = 0; kind < KINDS; kind++)
        subject_close(&subjects[kind]);
    free(first);
    print_rows(title, results, rounds);
}

static void inserts(const char *title, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (int kind = 0; kind < KINDS; kind++) {
            for (int threads = 1; threads <= 2; threads++) {
                struct subject subject;
                subject_open(&subject, (enum kind)kind);
                results[kind][threads - 1][round] =
                    run(&subject, keys, NULL, NEW_KEYS, threads, false);
                if (kind == ZVM) run(&subject, NULL, NULL, NEW_KEYS, 1, true);
                subject_close(&subject);
            }
        }
    }
    print_rows(title, results, rounds);
}

static void hash_alone(int rounds)
{
    double times[ROUNDS_MAX];
    uint64_t sum = 0;
    for (int round = 0; round < rounds; round++) {
        uint64_t start = zclock_now_ns();
        for (size_t i = 0; i < HOT_LOOKS; i++)
            sum += hash_of(&keys[hot[i]]);
        times[round] = (double)(zclock_now_ns() - start) / HOT_LOOKS;
    }
    printf("%-34s %8.1f   (%u)\n", "the hash alone, 1k hot keys", best(times, rounds),
           (unsigned)(sum & 1));
}

// Insert all, then look each up, with references; the times of both together.
static double insert_and_hit(const struct key *of)
{
    struct subject subject;
    subject_open(&subject, ZVM);
    double ns = run(&subject, of, NULL, BAD_KEYS, 1, false);
    ns += run(&subject, of, NULL, BAD_KEYS, 1, false);
    for (int i = 0; i < 2; i++)
        run(&subject, NULL, NULL, BAD_KEYS, 1, true);
    subject_close(&subject);
    return ns;
}

static void colliding(int rounds)
{
    double good[ROUNDS_MAX], bad[ROUNDS_MAX];
    struct key *benign = calloc(BAD_KEYS, sizeof *benign);
    for (uint32_t i = 0; i < BAD_KEYS; i++)
        benign[i].length = (uint32_t)snprintf(benign[i].text, 28, "bad-%08x-kez", i);
    for (int round = 0; round < rounds; round++) {
        good[round] = insert_and_hit(benign);
        bad[round] = insert_and_hit(bad_keys);
    }
    double x = best(good, rounds), y = best(bad, rounds);
    printf("32,768 keys, insert + hit: benign %.1f, colliding under FNV-1a %.1f, ratio %.2f\n", x,
           y, y / x);
    free(benign);
}

// From a million held symbols to an empty table: release, migrations and freeing.
static void reclaiming(int rounds)
{
    double rates[ROUNDS_MAX], cycles[ROUNDS_MAX];
    struct zintern_stats stats;
    for (int round = 0; round < rounds; round++) {
        struct subject subject;
        subject_open(&subject, ZVM);
        run(&subject, keys, NULL, NEW_KEYS, 1, false);
        double ns = run(&subject, NULL, NULL, NEW_KEYS, 1, true);
        zintern_stats(subject.zvm, &stats);
        rates[round] = -1e3 * (double)stats.freed / (ns * NEW_KEYS); // the best is the least
        uint64_t start = zclock_now_ns();
        for (size_t i = 0; i < NEW_KEYS; i++) {
            zintern_acquire(subject.zvm, keys[i].text, keys[i].length, &held[0]);
            zintern_release(subject.zvm, held[0]);
        }
        cycles[round] = (double)(zclock_now_ns() - start) / NEW_KEYS;
        subject_close(&subject);
    }
    printf("reclaim, from 1M held: %.1f million dead symbols a second (%llu of 1M freed by then)\n",
           -best(rates, rounds), (unsigned long long)stats.freed);
    printf("a distinct key made, dropped and freed again: %.1f ns\n", best(cycles, rounds));
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 9;
    const char *parts = argc > 2 ? argv[2] : "huicr";
    if (rounds < 1 || rounds > ROUNDS_MAX) rounds = 9;
    int short_rounds = rounds * SHORT_TIMES > ROUNDS_MAX ? ROUNDS_MAX : rounds * SHORT_TIMES;
    make_keys();
    hash_alone(rounds);
    if (strchr(parts, 'h')) hits("hit, 1k hot keys, with reference", HOT_KEYS, hot, short_rounds);
    if (strchr(parts, 'u')) hits("hit, 500k keys uniform", MANY_KEYS, uniform, short_rounds);
    if (strchr(parts, 'i')) inserts("insert, 1M distinct from empty", rounds);
    if (strchr(parts, 'c')) colliding(rounds);
    if (strchr(parts, 'r')) reclaiming(rounds);
    return 0;
}
