// Goal: signals of the process are handled on threads of the host, never on a worker.
// Method: the mask of each worker is read from /proc; then the process gets signals while its workers
// are busy and its own thread has them blocked for most of the time: the handler notes its thread.
#include "runtime_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 3, SIGNALS = 200 };

// ---- Masks --------------------------------------------------------------------------------------

// The value of a line of /proc/self/task/THREAD/status; false: there is no such line.
static bool read_line(const char *thread, const char *key, char value[64])
{
    char path[300], line[256];
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    bool is_found = false;
    while (!is_found && fgets(line, sizeof line, file) != NULL)
        is_found =
            strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), " %63s", value) == 1;
    fclose(file);
    return is_found;
}

static void check_mask(const char *thread)
{
    char value[64];
    assert_true(read_line(thread, "SigBlk:", value));
    uint64_t blocked = strtoull(value, NULL, 16);
    // All but SIGKILL and SIGSTOP, and the two that the C library keeps for itself.
    const int wanted[] = {SIGINT,    SIGTERM, SIGHUP,   SIGUSR1,  SIGUSR2,
                          SIGALRM,   SIGCHLD, SIGPIPE,  SIGQUIT,  SIGPROF,
                          SIGVTALRM, SIGIO,   SIGWINCH, SIGRTMIN, SIGRTMAX};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if ((blocked >> (wanted[i] - 1) & 1) == 0) fail_msg("a worker takes signal %d", wanted[i]);
}

static void test_workers_have_every_signal_blocked(void **state)
{
    (void)state;
    sigset_t before, after;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    zvm_runtime *runtime = make_runtime(WORKERS);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (int number = 1; number < NSIG; number++) // ours is as it was
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    zvm_code *code = compile(runtime, "let a = 1\n");
    for (int i = 0; i < 100; i++) // so that all of them have begun and have their names
        assert_int_equal(zvm_isolate_submit(make_isolate(runtime, code, NULL)), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) skip();
    int found = 0;
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        char name[64];
        if (!read_line(task->d_name, "Name:", name)) continue;
        if (strncmp(name, "zvm-worker-", 11) != 0) continue;
        check_mask(task->d_name);
        found++;
    }
    closedir(tasks);
    assert_int_equal(found, WORKERS);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Handlers -----------------------------------------------------------------------------------

static pthread_t host_thread;
static volatile sig_atomic_t handled, handled_elsewhere;

static void note_thread(int number)
{
    (void)number;
    handled = handled + 1;
    if (!pthread_equal(pthread_self(), host_thread)) handled_elsewhere = handled_elsewhere + 1;
}

static void test_handlers_run_on_the_host_while_workers_are_busy(void **state)
{
    (void)state;
    host_thread = pthread_self();
    struct sigaction action = {.sa_handler = note_thread}, old;
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    zvm_runtime *runtime = make_runtime(WORKERS);
    zvm_code *code = compile(runtime, SPIN);
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(zvm_isolate_submit(make_isolate(runtime, code, NULL)), ZVM_OK);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    for (int i = 0; i < SIGNALS; i++) {
        // While this thread does not take it the system looks for another one that would.
        pthread_sigmask(SIG_BLOCK, &usr1, NULL);
        kill(getpid(), SIGUSR1);
        zvm_report report = report_of(runtime);
        assert_int_equal(report.worker_count, WORKERS);
        pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    }
    assert_int_equal(handled, SIGNALS);
    assert_int_equal(handled_elsewhere, 0);
    assert_int_equal(zvm_runtime_shutdown(runtime, true /* cancel */), ZVM_OK);
    sigaction(SIGUSR1, &old, NULL);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers_have_every_signal_blocked),
        cmocka_unit_test(test_handlers_run_on_the_host_while_workers_are_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
