// Goal: a failed check aborts and says file, line, text and thread on stderr; a true one does not.
// Method: fail it in a child process and read what the child wrote.
#include "base/assert.h"

#include "base/clock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct outcome {
    int status;
    char text[2048];
};

static void fail_a_check(void)
{
    int three = 3;
    ZVM_CHECK(three == 4);
}

static void reach_the_unreachable(void)
{
    ZVM_UNREACHABLE();
}

static void fail_with_a_long_text(void)
{
    char text[2000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    zassert_failed("file.c", 12, text);
}

// Runs body in a child with stderr on a pipe.
static struct outcome run_in_child(void (*body)(void))
{
    struct outcome outcome = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL); // the test library catches it
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], outcome.text + length, sizeof outcome.text - 1 - length)) > 0)
        length += (size_t)got;
    close(ends[0]);
    assert_int_equal(waitpid(child, &outcome.status, 0), child);
    return outcome;
}

static void test_check_failed_aborts_and_names_the_place(void **state)
{
    (void)state;
    struct outcome outcome = run_in_child(fail_a_check);
    assert_true(WIFSIGNALED(outcome.status));
    assert_int_equal(WTERMSIG(outcome.status), SIGABRT);
    assert_non_null(strstr(outcome.text, "test_base_assert.c:"));
    assert_non_null(strstr(outcome.text, "check failed: three == 4 (thread "));
    assert_true(outcome.text[strlen(outcome.text) - 1] == '\n');
}

static void test_unreachable_reached_aborts(void **state)
{
    (void)state;
    struct outcome outcome = run_in_child(reach_the_unreachable);
    assert_true(WIFSIGNALED(outcome.status));
    assert_non_null(strstr(outcome.text, "check failed: unreachable"));
}

static void test_check_failed_long_text_is_cut_to_one_line(void **state)
{
    (void)state;
    struct outcome outcome = run_in_child(fail_with_a_long_text);
    assert_true(WIFSIGNALED(outcome.status));
    assert_non_null(strstr(outcome.text, "file.c:12: check failed: yyy"));
    assert_in_range(strlen(outcome.text), 100, 600);
    assert_true(outcome.text[strlen(outcome.text) - 1] == '\n');
}

static void test_tiers_are_built_in_as_the_build_says(void **state)
{
    (void)state;
    int evaluated = 0;
    ZVM_CHECK(++evaluated == 1);
    assert_int_equal(evaluated, 1);
    ZVM_ASSERT(++evaluated > 0);
    assert_int_equal(evaluated, ZVM_DEBUG >= 1 ? 2 : 1);
    evaluated = 0;
    ZVM_ASSERT_SLOW(++evaluated > 0);
    assert_int_equal(evaluated, ZVM_DEBUG >= 2 ? 1 : 0);
}

static void test_clocks_go_forward(void **state)
{
    (void)state;
    uint64_t wall = zclock_now_ns();
    uint64_t cpu = zclock_thread_cpu_ns();
    assert_true(wall > 0);
    // Spin until both have moved: the clocks are right when this ends, and CPU time of one thread
    // cannot pass the wall.
    while (zclock_thread_cpu_ns() == cpu || zclock_now_ns() == wall)
        continue;
    uint64_t cpu_spent = zclock_thread_cpu_ns() - cpu;
    uint64_t wall_spent = zclock_now_ns() - wall;
    assert_true(wall_spent < UINT64_C(60000000000)); // nanoseconds, not something smaller
    assert_true(cpu_spent < UINT64_C(60000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_failed_aborts_and_names_the_place),
        cmocka_unit_test(test_unreachable_reached_aborts),
        cmocka_unit_test(test_check_failed_long_text_is_cut_to_one_line),
        cmocka_unit_test(test_tiers_are_built_in_as_the_build_says),
        cmocka_unit_test(test_clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
