// Goal: without a seed the key of the process is random and made once.
// Method: a child process that asks for it must get another key than this one; threads that race
// for the first call must all get the same.
#include "base/siphash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4

static struct zsiphash_key key_of_child(void)
{
    struct zsiphash_key key = {0, 0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ssize_t written = write(ends[1], zsiphash_process_key(), sizeof key);
        _exit(written == (ssize_t)sizeof key ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &key, sizeof key), sizeof key);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return key;
}

static void *ask_for_key(void *context)
{
    *(struct zsiphash_key *)context = *zsiphash_process_key();
    return NULL;
}

static void test_process_key_of_two_processes_differs(void **state)
{
    (void)state;
    struct zsiphash_key first = key_of_child(); // before this process has a key of its own
    struct zsiphash_key second = key_of_child();
    assert_true(first.k0 != second.k0 || first.k1 != second.k1);
}

static void test_process_key_raced_for_by_threads_is_one(void **state)
{
    (void)state;
    struct zsiphash_key keys[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_key, &keys[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_true(keys[i].k0 == zsiphash_process_key()->k0);
        assert_true(keys[i].k1 == zsiphash_process_key()->k1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_key_of_two_processes_differs),
        cmocka_unit_test(test_process_key_raced_for_by_threads_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
