// Goal: a runtime works with the threads that the system grants, and says so when it grants none.
// Method: this program's own pthread_create stands in front of the C library's and grants a set number.
// Under a sanitizer, which has one of its own in that place, the test is skipped.
#include "runtime_fixture.h"

#include <dlfcn.h>
#include <errno.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#    define HAS_OWN_CREATE 0
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#        define HAS_OWN_CREATE 0
#    endif
#endif
#ifndef HAS_OWN_CREATE
#    define HAS_OWN_CREATE 1
#endif

#if HAS_OWN_CREATE

static int threads_granted;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *context)
{
    if (threads_granted-- <= 0) return EAGAIN;
    union {
        void *symbol;
        int (*call)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    } next = {.symbol = dlsym(RTLD_NEXT, "pthread_create")};
    return next.call(thread, attributes, start, context);
}

static void test_runtime_with_fewer_threads_than_wanted_works_with_those(void **state)
{
    (void)state;
    threads_granted = 2;
    zvm_runtime *runtime = make_runtime(5);
    assert_int_equal(report_of(runtime).worker_count, 2);
    zvm_code *code = compile(runtime, "let a = 1\n");
    for (int i = 0; i < 50; i++)
        assert_int_equal(zvm_isolate_submit(make_isolate(runtime, code, NULL)), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(report_of(runtime).totals.isolates_succeeded, 50);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_runtime_without_any_thread_is_refused(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 3;
    zvm_runtime *runtime = NULL;
    threads_granted = 0;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_E_THREADS);
    assert_null(runtime);
}

#else

static void test_runtime_with_fewer_threads_than_wanted_works_with_those(void **state)
{
    (void)state;
    skip();
}

static void test_runtime_without_any_thread_is_refused(void **state)
{
    (void)state;
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runtime_with_fewer_threads_than_wanted_works_with_those),
        cmocka_unit_test(test_runtime_without_any_thread_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
