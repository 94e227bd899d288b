// Goal: whatever call of the system for threads, locks or futexes is refused, a runtime works with
// what it has, or says cleanly that it cannot; every isolate comes to an end, and nothing leaks.
// Method: this program's own pthread_create, pthread_mutex_init, pthread_mutexattr_init and syscall
// stand in front of the C library's. The n-th call fails, once or from there on, for n = 1, 2, ... until the body passes
// untouched (futexes: up to a bound, because how many are needed depends on the clock). Under a
// sanitizer, which has functions of its own in those places, the tests are skipped.
#include "base/alloc.h"
#include "zvm.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define HAS_OWN_CALLS 0
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#        define HAS_OWN_CALLS 0
#    endif
#endif
#ifndef HAS_OWN_CALLS
#    define HAS_OWN_CALLS 1
#endif

#define WORKERS  3
#define ISOLATES 40

enum call { CALL_CREATE, CALL_MUTEX, CALL_ATTRIBUTES, CALL_FUTEX, CALL_COUNT };

// The plan: which call fails. At 0 none does.
static struct {
    atomic_int calls[CALL_COUNT]; // so far
    atomic_int fail_at[CALL_COUNT];
    atomic_bool is_from_there_on;
} plan;

#if HAS_OWN_CALLS

static bool is_refused(enum call call)
{
    int number = atomic_fetch_add(&plan.calls[call], 1) + 1, fail_at = plan.fail_at[call];
    if (fail_at == 0) return false;
    return plan.is_from_there_on ? number >= fail_at : number == fail_at;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *context)
{
    if (is_refused(CALL_CREATE)) return EAGAIN;
    union {
        void *symbol;
        int (*call)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    } next = {.symbol = dlsym(RTLD_NEXT, "pthread_create")};
    return next.call(thread, attributes, start, context);
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    if (is_refused(CALL_MUTEX)) return ENOMEM;
    union {
        void *symbol;
        int (*call)(pthread_mutex_t *, const pthread_mutexattr_t *);
    } next = {.symbol = dlsym(RTLD_NEXT, "pthread_mutex_init")};
    return next.call(mutex, attributes);
}

int pthread_mutexattr_init(pthread_mutexattr_t *attributes)
{
    if (is_refused(CALL_ATTRIBUTES)) return ENOMEM;
    union {
        void *symbol;
        int (*call)(pthread_mutexattr_t *);
    } next = {.symbol = dlsym(RTLD_NEXT, "pthread_mutexattr_init")};
    return next.call(attributes);
}

long syscall(long number, ...)
{
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && is_refused(CALL_FUTEX)) {
        errno = ENOSYS;
        return -1;
    }
    union {
        void *symbol;
        long (*call)(long, ...);
    } next = {.symbol = dlsym(RTLD_NEXT, "syscall")};
    return next.call(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                     arguments[5]);
}

#endif

// ---- The body -----------------------------------------------------------------------------------

static void run_isolates(zvm_runtime *runtime)
{
    zvm_code *code = NULL;
    zvm_isolate *isolates[ISOLATES];
    assert_int_equal(zvm_code_from_source(runtime, "f.zx", "let a = 1\n", 10, NULL, NULL, &code),
                     ZVM_OK);
    for (int i = 0; i < ISOLATES; i++) {
        assert_int_equal(zvm_isolate_create(runtime, code, NULL, &isolates[i]), ZVM_OK);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
        if (i % 8 == 3) assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < ISOLATES; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        assert_int_equal(zvm_isolate_result(isolates[i], &result), ZVM_OK);
        assert_int_equal(result.status, ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    zvm_code_release(code);
}

struct met {
    zvm_status status;
    uint32_t worker_count, workers_wanted, wakeups_refused;
};

static struct met use_workers(void)
{
    struct met met = {0};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = WORKERS;
    zvm_runtime *runtime;
    met.status = zvm_runtime_create(&options, &runtime);
    if (met.status != ZVM_OK) return met;
    run_isolates(runtime);
    zvm_report report = ZVM_REPORT_INIT;
    assert_int_equal(zvm_report_take(runtime, &report), ZVM_OK);
    assert_int_equal(report.totals.isolates_succeeded, ISOLATES);
    assert_int_equal(report.totals.heap_current_bytes, 0);
    met.worker_count = report.worker_count;
    met.workers_wanted = report.workers_wanted;
    met.wakeups_refused = report.wakeups_refused;
    zvm_runtime_destroy(runtime);
    return met;
}

// The n-th call refused. True: it came to that.
static bool with_refusal(enum call call, int n, bool is_from_there_on, struct met *met)
{
    struct zalloc_stats before = zalloc_stats();
    atomic_store(&plan.calls[call], 0);
    atomic_store(&plan.is_from_there_on, is_from_there_on);
    atomic_store(&plan.fail_at[call], n);
    *met = use_workers();
    atomic_store(&plan.fail_at[call], 0);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
    return atomic_load(&plan.calls[call]) >= n;
}

// ---- The tests ----------------------------------------------------------------------------------

static void test_refused_threads_mean_fewer_workers(void **state)
{
    (void)state;
    if (!HAS_OWN_CALLS) skip();
    struct met met;
    for (int n = 1; n <= WORKERS; n++) {
        for (int is_from_there_on = 0; is_from_there_on < 2; is_from_there_on++) {
            assert_true(with_refusal(CALL_CREATE, n, is_from_there_on, &met));
            assert_int_equal(met.status, n == 1 ? ZVM_E_THREADS : ZVM_OK);
            if (n == 1) continue;
            assert_int_equal(met.worker_count, n - 1);
            assert_int_equal(met.workers_wanted, WORKERS);
        }
    }
    assert_false(with_refusal(CALL_CREATE, WORKERS + 1, false, &met));
    assert_int_equal(met.worker_count, WORKERS);
}

// Every n, once and from there on, until the body passes untouched. Returns how many calls it makes.
static int refuse_each(enum call call)
{
    struct met met;
    int n = 1;
    for (bool was_met = true; was_met; n++) {
        was_met = false;
        for (int is_from_there_on = 0; is_from_there_on < 2; is_from_there_on++) {
            bool is_met = with_refusal(call, n, is_from_there_on, &met);
            assert_true(met.status == ZVM_E_NOMEM || met.status == ZVM_OK);
            if (!is_met) assert_int_equal(met.status, ZVM_OK);
            was_met = was_met || is_met;
        }
        assert_true(n < 100);
    }
    return n - 2;
}

static void test_refused_locks_give_a_status(void **state)
{
    (void)state;
    if (!HAS_OWN_CALLS) skip();
    assert_true(refuse_each(CALL_MUTEX) >= 3);
    assert_true(refuse_each(CALL_ATTRIBUTES) >= 1);
}

static void test_missing_futexes_are_found_out_at_once(void **state)
{
    (void)state;
    if (!HAS_OWN_CALLS) skip();
    struct met met;
    assert_true(with_refusal(CALL_FUTEX, 1, true /* is_from_there_on */, &met));
    assert_int_equal(met.status, ZVM_E_THREADS);
}

// How many calls there are depends on who sleeps when, so n goes up to a bound.
static void test_refused_futex_calls_lose_no_isolate(void **state)
{
    (void)state;
    if (!HAS_OWN_CALLS) skip();
    struct met met;
    for (int n = 1; n <= 40; n++) {
        with_refusal(CALL_FUTEX, n, false /* is_from_there_on */, &met);
        assert_int_equal(met.status, ZVM_OK);
        assert_int_equal(met.wakeups_refused, 0); // tried again
        // From there on nobody can be woken, or sleep: everybody naps and looks.
        if (n == 1 || n > 20) continue; // the first one asks whether there are any: see above
        with_refusal(CALL_FUTEX, n, true /* is_from_there_on */, &met);
        assert_int_equal(met.status, ZVM_OK);
    }
}

static zvm_call_outcome give_one(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    return zvm_call_return(call, &one);
}

// A worker, and `thread_count` threads for functions that block; more are refused. Of twenty isolates so
// many get a result.
static int count_served(int thread_count)
{
    static const char PROGRAM[] =
        "let a = 0\ntry { a = one() } catch (e) { if e.kind != \"LimitError\" { throw e } }\n";
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolates[20];
    int served = 0;
    options.worker_count = 1;
    function.name = "one";
    function.call = give_one;
    function.is_blocking = 1;
    atomic_store(&plan.calls[CALL_CREATE], 0);
    atomic_store(&plan.is_from_there_on, true);
    atomic_store(&plan.fail_at[CALL_CREATE], thread_count + 2);
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    assert_int_equal(
        zvm_code_from_source(runtime, "b.zx", PROGRAM, sizeof PROGRAM - 1, NULL, NULL, &code),
        ZVM_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(zvm_isolate_create(runtime, code, NULL, &isolates[i]), ZVM_OK);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    for (int i = 0; i < 20; i++) {
        zvm_value a;
        zvm_result result = ZVM_RESULT_INIT;
        assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
        assert_int_equal(zvm_isolate_result(isolates[i], &result), ZVM_OK);
        assert_int_equal(result.status, ZVM_OK);
        assert_int_equal(zvm_isolate_get_global(isolates[i], "a", &a), ZVM_OK);
        served += a.integer == 1;
    }
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    atomic_store(&plan.fail_at[CALL_CREATE], 0);
    return served;
}

static void test_functions_that_block_make_do_with_the_threads_there_are(void **state)
{
    (void)state;
    if (!HAS_OWN_CALLS) skip();
    struct zalloc_stats before = zalloc_stats();
    assert_int_equal(count_served(0), 0); // each program is told
    assert_int_equal(count_served(1), 20);
    assert_int_equal(count_served(2), 20);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_threads_mean_fewer_workers),
        cmocka_unit_test(test_functions_that_block_make_do_with_the_threads_there_are),
        cmocka_unit_test(test_refused_locks_give_a_status),
        cmocka_unit_test(test_missing_futexes_are_found_out_at_once),
        cmocka_unit_test(test_refused_futex_calls_lose_no_isolate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
