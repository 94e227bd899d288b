// Goal: a host is told what it asked to be told: events of isolates on the right thread and in the right order, the
// threads of workers with their names and stacks, and what a runtime has to say.
// Method: hooks that write down what they get; each event is compared with the isolate's result.
#include "runtime_fixture.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

// ---- Events -------------------------------------------------------------------------------------

#define EVENTS_MAX 64
#define PROBES     6
#define KINDS      5

struct told {
    _Atomic uint32_t count, counts[KINDS]; // of all, also of those that there is no room for
    _Atomic uint64_t collections;          // their sum
    zvm_event firsts[KINDS];               // of each kind,
    uint32_t places[KINDS];                // and which of all it was
    zvm_event events[EVENTS_MAX];
    pthread_t threads[EVENTS_MAX];
    zvm_runtime *runtime;
    zvm_status probes[PROBES]; // what calls on the isolate gave, in the event of `probe_kind`
    zvm_event_kind probe_kind;
    void *user;
};

// Calls that the isolate of an event must refuse, whatever it is about.
static void note_first(struct told *told, const zvm_event *event)
{
    zvm_isolate *isolate = event->isolate;
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    if (event->kind != told->probe_kind) return;
    told->user = zvm_isolate_user(isolate);
    told->probes[0] = zvm_isolate_destroy(isolate);
    told->probes[1] = zvm_isolate_reset(isolate);
    told->probes[2] = zvm_isolate_run(isolate, 0, NULL);
    told->probes[3] = zvm_isolate_set_global(isolate, "a", &one);
    told->probes[4] = zvm_isolate_collect(isolate, true, NULL);
    told->probes[5] = zvm_runtime_destroy(told->runtime); // NULL: not yet known to it
}

static void check_probes(const struct told *told)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(told->probes[i], ZVM_E_BUSY);
    assert_int_equal(told->probes[5], told->runtime == NULL ? ZVM_OK : ZVM_E_STATE);
}

static void write_down(void *context, const zvm_event *event)
{
    struct told *told = context;
    assert_int_equal(event->size, sizeof *event);
    uint32_t at = atomic_fetch_add(&told->count, 1);
    assert_int_equal(event->collections > 0, event->kind == ZVM_EVENT_COLLECTED);
    atomic_fetch_add(&told->collections, event->collections);
    if (atomic_fetch_add(&told->counts[event->kind], 1) == 0) {
        told->firsts[event->kind] = *event;
        told->places[event->kind] = at;
        note_first(told, event);
    }
    if (at >= EVENTS_MAX) return;
    told->events[at] = *event;
    told->threads[at] = pthread_self();
}

static zvm_runtime *make_told(struct told *told, uint32_t worker_count)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = worker_count;
    options.on_event = write_down;
    options.hook_context = told;
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    told->runtime = runtime;
    return runtime;
}

static uint32_t count_of(const struct told *told, zvm_event_kind kind)
{
    return told->counts[kind];
}

static const zvm_event *first_of(const struct told *told, zvm_event_kind kind)
{
    if (told->counts[kind] == 0) fail_msg("no event of kind %d", (int)kind);
    return &told->firsts[kind];
}

// Runs a program to its end and destroys it; what its result was.
static zvm_result run(zvm_runtime *runtime, const char *text, zvm_isolate_options options,
                      bool on_worker)
{
    zvm_code *code = compile(runtime, text);
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    if (on_worker) {
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    } else {
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    }
    zvm_result result = result_of(isolate);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    return result;
}

static void check_life(bool on_worker, zvm_event_kind probe_kind)
{
    struct told told = {.probe_kind = probe_kind};
    zvm_runtime *runtime = make_told(&told, on_worker ? 1 : 0);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.id = 42;
    options.user = &told;
    run(runtime, "let a = 1\n", options, on_worker);
    zvm_runtime_destroy(runtime);
    assert_int_equal(count_of(&told, ZVM_EVENT_COLLECTED) + 3, told.count);
    assert_int_equal(told.events[0].kind, ZVM_EVENT_CREATED);
    assert_int_equal(told.events[told.count - 2].kind, ZVM_EVENT_FINISHED);
    assert_int_equal(told.events[told.count - 1].kind, ZVM_EVENT_DESTROYED);
    for (uint32_t i = 0; i < told.count; i++) {
        bool is_of_host = told.events[i].kind == ZVM_EVENT_CREATED ||
                          told.events[i].kind == ZVM_EVENT_DESTROYED || !on_worker;
        assert_int_equal(told.events[i].id, 42);
        assert_ptr_equal(told.events[i].isolate, told.events[0].isolate);
        assert_int_equal(told.events[i].status, ZVM_OK);
        assert_int_equal(pthread_equal(told.threads[i], pthread_self()) != 0, is_of_host);
    }
    check_probes(&told); // it is not over, and not gone, before the hook has returned
    assert_ptr_equal(told.user, &told);
}

static void test_life_of_an_isolate_is_told_in_order(void **state)
{
    (void)state;
    check_life(false /* on_worker */, ZVM_EVENT_CREATED);
    check_life(false /* on_worker */, ZVM_EVENT_FINISHED);
    check_life(false /* on_worker */, ZVM_EVENT_DESTROYED);
}

static void test_life_on_a_worker_is_told_on_its_thread(void **state)
{
    (void)state;
    check_life(true /* on_worker */, ZVM_EVENT_CREATED);
    check_life(true /* on_worker */, ZVM_EVENT_FINISHED);
    check_life(true /* on_worker */, ZVM_EVENT_DESTROYED);
}

static void test_collections_add_up_to_those_of_the_result(void **state)
{
    (void)state;
    for (int on_worker = 0; on_worker < 2; on_worker++) {
        struct told told = {.probe_kind = ZVM_EVENT_COLLECTED};
        zvm_runtime *runtime = make_told(&told, 1);
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.gc_threshold_count = 100;
        zvm_result result = run(runtime,
                                "let kept = []\n"
                                "for each i in range(0, 3000) { kept = [i, \"${i}\"] }\n",
                                options, on_worker == 1);
        zvm_runtime_destroy(runtime);
        assert_true(told.collections > 0);
        assert_true(told.collections == result.collections);
        check_probes(&told);
    }
}

static void check_limit(const char *text, zvm_isolate_options options, zvm_status limit,
                        zvm_status end)
{
    for (int on_worker = 0; on_worker < 2; on_worker++) {
        struct told told = {.probe_kind = ZVM_EVENT_LIMIT};
        zvm_runtime *runtime = make_told(&told, 1);
        zvm_result result = run(runtime, text, options, on_worker == 1);
        zvm_runtime_destroy(runtime);
        assert_int_equal(result.status, end);
        assert_int_equal(first_of(&told, ZVM_EVENT_LIMIT)->status, limit);
        assert_int_equal(count_of(&told, ZVM_EVENT_LIMIT), 1);
        assert_int_equal(first_of(&told, ZVM_EVENT_FINISHED)->status, end);
        assert_true(told.places[ZVM_EVENT_LIMIT] < told.places[ZVM_EVENT_FINISHED]);
        check_probes(&told);
    }
}

static void test_limit_is_told_once_also_one_that_is_caught(void **state)
{
    (void)state;
    static const char eat[] = "let a = []\nwhile true { push(a, \"x\" * 1000) }\n";
    static const char catch_it[] =
        "try {\n    let a = []\n    while true { push(a, \"x\" * 1000) }\n"
        "} catch (e) {\n    print(e.kind)\n}\n";
    zvm_isolate_options heap = ZVM_ISOLATE_OPTIONS_INIT, fuel = heap, output = heap;
    heap.heap_limit_bytes = 1 << 20;
    fuel.fuel_limit = 1000;
    output.output_limit_bytes = 3;
    check_limit(eat, heap, ZVM_E_HEAP_LIMIT, ZVM_E_HEAP_LIMIT);
    check_limit(catch_it, heap, ZVM_E_HEAP_LIMIT, ZVM_OK);
    check_limit("while true { }\n", fuel, ZVM_E_FUEL, ZVM_E_FUEL);
    check_limit("print(12345)\n", output, ZVM_E_OUTPUT_LIMIT, ZVM_E_OUTPUT_LIMIT);
}

static void test_end_with_the_runtime_is_told_of(void **state)
{
    (void)state;
    struct told told = {.probe_kind = ZVM_EVENT_FINISHED};
    zvm_runtime *runtime = make_told(&told, 1);
    zvm_code *code = compile(runtime, "while true { }\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    assert_int_equal(first_of(&told, ZVM_EVENT_FINISHED)->status, ZVM_E_CANCELLED);
    assert_int_equal(count_of(&told, ZVM_EVENT_FINISHED), 1);
    assert_int_equal(count_of(&told, ZVM_EVENT_DESTROYED), 1);
    assert_true(told.places[ZVM_EVENT_FINISHED] < told.places[ZVM_EVENT_DESTROYED]);
}

static void cancel_on_collection(void *context, const zvm_event *event)
{
    (void)context;
    if (event->kind == ZVM_EVENT_COLLECTED) zvm_isolate_cancel(event->isolate);
}

static void test_hook_may_cancel_the_isolate_that_it_is_told_of(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    options.on_event = cancel_on_collection;
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    zvm_isolate_options of_isolate = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_result result =
        run(runtime, "while true { let a = [1, 2, 3] }\n", of_isolate, true /* on_worker */);
    assert_int_equal(result.status, ZVM_E_CANCELLED);
    zvm_runtime_destroy(runtime);
}

static void test_end_in_the_queue_is_told_by_a_worker_and_not_by_who_cancels(void **state)
{
    (void)state;
    struct told told = {.probe_kind = ZVM_EVENT_CREATED};
    zvm_runtime *runtime = make_told(&told, 1);
    zvm_code *code = compile(runtime, "while true { }\n");
    zvm_isolate *busy = make_isolate(runtime, code, NULL),
                *queued = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(busy), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(queued), ZVM_OK);
    zvm_isolate_cancel(queued);
    assert_int_equal(zvm_isolate_wait(queued, UINT64_MAX), ZVM_OK);
    const zvm_event *event = first_of(&told, ZVM_EVENT_FINISHED);
    assert_ptr_equal(event->isolate, queued);
    assert_int_equal(event->status, ZVM_E_CANCELLED);
    assert_false(pthread_equal(told.threads[told.places[ZVM_EVENT_FINISHED]], pthread_self()));
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// Its place in the queue outlives it there: nobody can claim it, and it must be safe from its own event all the same.
static void test_end_of_one_that_a_queue_still_names_is_told_once(void **state)
{
    (void)state;
    struct told told = {.probe_kind = ZVM_EVENT_DESTROYED};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.seed = 1; // this thread runs everything: what is cancelled first
    options.on_event = write_down;
    options.hook_context = &told;
    assert_int_equal(zvm_runtime_create(&options, &told.runtime), ZVM_OK);
    zvm_code *code = compile(told.runtime, "let a = 1\n");
    zvm_isolate *first = make_isolate(told.runtime, code, NULL),
                *queued = make_isolate(told.runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(first), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(queued), ZVM_OK);
    zvm_isolate_cancel(queued);
    assert_int_equal(zvm_isolate_wait(queued, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_isolate_reset(queued), ZVM_E_BUSY); // it is named
    assert_int_equal(zvm_isolate_destroy(queued), ZVM_OK);
    assert_int_equal(count_of(&told, ZVM_EVENT_DESTROYED), 1);
    assert_int_equal(told.probes[0], ZVM_E_BUSY);
    assert_int_equal(told.probes[1], ZVM_E_BUSY);
    assert_int_equal(told.probes[2], ZVM_E_STATE);
    assert_int_equal(told.probes[5], ZVM_E_STATE);
    zvm_code_release(code);
    zvm_runtime_destroy(told.runtime);
    assert_int_equal(count_of(&told, ZVM_EVENT_DESTROYED), 2);
}

// ---- A table of isolates -------------------------------------------------------------------------

#define TABLE_MAX 4096

struct table {
    pthread_mutex_t lock;
    const zvm_isolate *isolates[TABLE_MAX]; // NULL: free
    uint32_t count, count_max, made, wrong;
};

static uint32_t find(const struct table *table, const zvm_isolate *isolate)
{
    uint32_t place = 0;
    while (place < TABLE_MAX && table->isolates[place] != isolate)
        place++;
    return place;
}

static void keep_table(void *context, const zvm_event *event)
{
    struct table *table = context;
    pthread_mutex_lock(&table->lock);
    uint32_t place = find(table, event->isolate);
    if (event->kind == ZVM_EVENT_CREATED) {
        if (place < TABLE_MAX) table->wrong++;
        table->isolates[find(table, NULL)] = event->isolate;
        table->made++;
        if (++table->count > table->count_max) table->count_max = table->count;
    } else if (place == TABLE_MAX) {
        table->wrong++; // told of one that is not there
    } else if (event->kind == ZVM_EVENT_DESTROYED) {
        table->isolates[place] = NULL;
        table->count--;
    }
    pthread_mutex_unlock(&table->lock);
}

static void destroy_at_end(zvm_isolate *isolate, void *user)
{
    (void)user;
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
}

static void start_many(zvm_runtime *runtime, const char *text, zvm_isolate_options options)
{
    zvm_code *code = compile(runtime, text);
    for (int i = 0; i < 20; i++)
        assert_int_equal(zvm_isolate_submit(make_isolate(runtime, code, &options)), ZVM_OK);
    zvm_code_release(code);
}

// Isolates that end themselves, that programs spawn, that a pool keeps, that are cancelled, that the runtime ends.
static void test_table_of_isolates_by_events_holds_those_that_exist(void **state)
{
    (void)state;
    static struct table table = {.lock = PTHREAD_MUTEX_INITIALIZER};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    options.on_event = keep_table;
    options.hook_context = &table;
    options.isolate_limit = TABLE_MAX - 1;
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    zvm_isolate_options left = ZVM_ISOLATE_OPTIONS_INIT, ends = left, spawns = left;
    ends.on_finish = destroy_at_end;
    spawns.may_spawn = 1;
    start_many(runtime, "let a = range(100)\n", ends);
    start_many(runtime, "while true { }\n", left);
    start_many(runtime,
               "action f(n) { return n }\nlet t = range(5).map(n => spawn f(n))\n"
               "for each one in t { await one }\n",
               spawns);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate_pool *pool;
    zvm_isolate *pooled, *cancelled = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_pool_create(runtime, code, NULL, 4, &pool), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_acquire(pool, &pooled), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool, pooled), ZVM_OK);
    zvm_isolate_cancel(cancelled);
    assert_int_equal(zvm_isolate_destroy(cancelled), ZVM_OK);
    assert_int_equal(zvm_runtime_shutdown(runtime, true), ZVM_OK);
    zvm_report report = report_of(runtime);
    assert_int_equal(table.made, report.totals.isolates_created);
    assert_int_equal(table.count,
                     report.totals.isolates_created - report.totals.isolates_destroyed);
    zvm_isolate_pool_destroy(pool);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    assert_int_equal(table.count, 0);
    assert_in_range(table.count_max, 20, TABLE_MAX - 1);
    assert_int_equal(table.wrong, 0);
}

// ---- Workers ------------------------------------------------------------------------------------

#define WORKERS 3

struct threads {
    _Atomic uint32_t started[WORKERS], stopped[WORKERS];
    pthread_t ids[WORKERS];
    char names[WORKERS][16];
    size_t stack_bytes;
    _Atomic uint32_t wrong;
};

static void note_start(void *context, uint32_t worker)
{
    struct threads *threads = context;
    if (worker >= WORKERS) {
        atomic_fetch_add(&threads->wrong, 1);
        return;
    }
    threads->ids[worker] = pthread_self();
    pthread_attr_t attributes;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        void *stack;
        pthread_attr_getstack(&attributes, &stack, &bytes);
        pthread_attr_destroy(&attributes);
    }
    if (worker == 0) threads->stack_bytes = bytes;
    atomic_fetch_add(&threads->started[worker], 1);
}

static void note_stop(void *context, uint32_t worker)
{
    struct threads *threads = context;
    bool is_same = worker < WORKERS && pthread_equal(threads->ids[worker], pthread_self());
    if (!is_same || threads->started[worker] != 1) atomic_fetch_add(&threads->wrong, 1);
    if (!is_same) return;
    // By now it has its name: a runtime that is destroyed was created.
    pthread_getname_np(pthread_self(), threads->names[worker], sizeof threads->names[worker]);
    atomic_fetch_add(&threads->stopped[worker], 1);
}

static zvm_runtime_options options_of(struct threads *threads)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = WORKERS;
    options.on_worker_start = note_start;
    options.on_worker_stop = note_stop;
    options.hook_context = threads;
    return options;
}

static void check_threads(zvm_runtime_options options, struct threads *threads, const char *prefix)
{
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    zvm_isolate_options of_isolate = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_result result = run(runtime,
                            "action down(n) { return n == 0 ? 0 : 1 + down(n - 1) }\n"
                            "let a = [3, 1, 2]\n"
                            "for each i in range(0, 500) { push(a, [\"${i}\", a]) }\n"
                            "print(down(9000), string(a) != \"\")\n",
                            of_isolate, true /* on_worker */);
    assert_int_equal(result.status, ZVM_OK);
    zvm_runtime_destroy(runtime);
    for (uint32_t i = 0; i < WORKERS; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "%s-%u", prefix, i);
        assert_int_equal(threads->started[i], 1);
        assert_int_equal(threads->stopped[i], 1);
        assert_string_equal(threads->names[i], wanted);
    }
    assert_int_equal(threads->wrong, 0);
}

static void test_workers_have_names_and_are_told_of_on_their_threads(void **state)
{
    (void)state;
    struct threads threads = {0};
    check_threads(options_of(&threads), &threads, "zvm-worker");
    threads = (struct threads){0};
    zvm_runtime_options options = options_of(&threads);
    options.worker_name = "0123456789";
    check_threads(options, &threads, "0123456789");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define LEAST_STACK \
        (8 * ZVM_WORKER_STACK_BYTES_MIN) // frames are larger, and a runtime has some of it
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#        define LEAST_STACK (8 * ZVM_WORKER_STACK_BYTES_MIN)
#    endif
#endif
#ifndef LEAST_STACK
#    define LEAST_STACK ZVM_WORKER_STACK_BYTES_MIN
#endif

static void test_worker_has_the_stack_that_was_asked_for(void **state)
{
    (void)state;
    struct threads threads = {0};
    zvm_runtime_options options = options_of(&threads);
    options.worker_stack_bytes = LEAST_STACK;
    check_threads(options, &threads, "zvm-worker");
    assert_int_equal(threads.stack_bytes, LEAST_STACK);
}

static void test_options_of_workers_out_of_bounds_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", "01234567890", "tab\there", "\xc3\xa9", "a\n"};
    static const size_t stacks[] = {1, ZVM_WORKER_STACK_BYTES_MIN - 1,
                                    (size_t)ZVM_WORKER_STACK_BYTES_MAX + 1, SIZE_MAX};
    zvm_runtime *runtime = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
        options.worker_name = names[i];
        assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_E_ARGUMENT);
    }
    for (size_t i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
        options.worker_stack_bytes = stacks[i];
        assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_E_ARGUMENT);
    }
    assert_null(runtime);
}

// ---- What there is to say -----------------------------------------------------------------------

struct lines {
    _Atomic uint32_t count;
    zvm_log_level level;
    char text[200];
};

static void keep_line(void *context, zvm_log_level level, const char *message)
{
    struct lines *lines = context;
    lines->level = level;
    snprintf(lines->text, sizeof lines->text, "%s", message);
    atomic_fetch_add(&lines->count, 1);
}

static zvm_runtime_options options_with(struct lines *lines)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.log = keep_line;
    options.hook_context = lines;
    return options;
}

static void test_runtime_whose_code_was_released_says_nothing(void **state)
{
    (void)state;
    struct lines lines = {0};
    zvm_runtime_options options = options_with(&lines);
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    zvm_code_release(code); // the isolate's is the runtime's to give back
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_runtime_destroy(runtime);
    assert_int_equal(lines.count, 0);
}

static void test_runtime_with_code_left_says_how_much(void **state)
{
    (void)state;
    struct lines lines = {0};
    zvm_runtime_options options = options_with(&lines);
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    static zvm_code *kept[2]; // so that no leak checker takes them for lost
    kept[0] = compile(runtime, "let a = 1\n");
    kept[1] = compile(runtime, "let b = 1\n");
    assert_ptr_not_equal(kept[0], kept[1]);
    zvm_runtime_destroy(runtime);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.level, ZVM_LOG_ERROR);
    assert_string_equal(lines.text,
                        "the runtime is destroyed, and 2 code objects of it were not released");
    // What is left is dead, but no trap.
    runtime = make_runtime(0);
    zvm_isolate *isolate = NULL;
    assert_int_equal(zvm_isolate_create(runtime, kept[0], NULL, &isolate), ZVM_E_FOREIGN);
    assert_int_equal(zvm_code_disassemble(kept[1], NULL, NULL), ZVM_E_ARGUMENT);
    zvm_code_retain(kept[0]);
    zvm_code_release(kept[0]);
    zvm_code_release(kept[0]);
    zvm_runtime_destroy(runtime);
}

// A child with room for few threads: RLIMIT_NPROC does not bind root, address space does.
static void test_refused_workers_are_told_with_their_number(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); // address space is what these live of
#endif
    struct lines lines = {0};
    zvm_runtime_options options = options_with(&lines);
    options.worker_count = 64;
    options.worker_stack_bytes = ZVM_WORKER_STACK_BYTES_MAX;
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    small = before;
    small.rlim_cur = (rlim_t)8 << 30;
    if (setrlimit(RLIMIT_AS, &small) != 0) skip();
    zvm_runtime *runtime = NULL;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    if (status != ZVM_OK) skip(); // not even one: the machine has other limits
    zvm_report report = report_of(runtime);
    char wanted[100];
    snprintf(wanted, sizeof wanted, "the system started %u of 64 worker threads and refuses more",
             report.worker_count);
    zvm_runtime_destroy(runtime);
    assert_in_range(report.worker_count, 1, 63);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.level, ZVM_LOG_WARNING);
    assert_string_equal(lines.text, wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life_of_an_isolate_is_told_in_order),
        cmocka_unit_test(test_life_on_a_worker_is_told_on_its_thread),
        cmocka_unit_test(test_collections_add_up_to_those_of_the_result),
        cmocka_unit_test(test_limit_is_told_once_also_one_that_is_caught),
        cmocka_unit_test(test_end_with_the_runtime_is_told_of),
        cmocka_unit_test(test_end_in_the_queue_is_told_by_a_worker_and_not_by_who_cancels),
        cmocka_unit_test(test_hook_may_cancel_the_isolate_that_it_is_told_of),
        cmocka_unit_test(test_end_of_one_that_a_queue_still_names_is_told_once),
        cmocka_unit_test(test_table_of_isolates_by_events_holds_those_that_exist),
        cmocka_unit_test(test_workers_have_names_and_are_told_of_on_their_threads),
        cmocka_unit_test(test_worker_has_the_stack_that_was_asked_for),
        cmocka_unit_test(test_options_of_workers_out_of_bounds_are_refused),
        cmocka_unit_test(test_runtime_whose_code_was_released_says_nothing),
        cmocka_unit_test(test_runtime_with_code_left_says_how_much),
        cmocka_unit_test(test_refused_workers_are_told_with_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
