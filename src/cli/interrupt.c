// cli/interrupt.c - SIGINT, SIGTERM and SIGHUP end a run in order, SIGUSR1 asks something of it.
//
// Owns: the signal thread and three descriptors.
// Thread: start and stop on main; the others on any. Lock order: this lock, then what wake takes.
// How: the signals are blocked in every thread and read from a signalfd, so no code of ours ever
// runs inside a signal handler. While nothing runs yet (a long compilation), or when the run is
// already being stopped, there is nothing to end in order: the thread removes the unfinished report
// and ends the process.
#include "cli/interrupt.h"

#include "cli/message.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void make_readable(int event_fd)
{
    uint64_t one = 1;
    ssize_t written = write(event_fd, &one, sizeof one);
    (void)written; // an eventfd this far from overflow takes it
}

// thread: the signal thread, lock held.
static void end_at_once(struct cli_interrupt *interrupt, int number)
{
    for (int i = 0; i < CLI_GUARDED_FILES; i++) {
        if (interrupt->temp_paths[i] != NULL) unlink(interrupt->temp_paths[i]);
    }
    _exit(CLI_EXIT_SIGNAL + number);
}

static void take_signal(struct cli_interrupt *interrupt, int number)
{
    pthread_mutex_lock(&interrupt->lock);
    if (number == SIGUSR1) {
        if (interrupt->ask != NULL) interrupt->ask(interrupt->ask_context);
        pthread_mutex_unlock(&interrupt->lock);
        return;
    }
    if (!interrupt->armed || interrupt->number != 0) end_at_once(interrupt, number);
    interrupt->number = number;
    make_readable(interrupt->stop_fd);
    interrupt->wake(interrupt->context);
    pthread_mutex_unlock(&interrupt->lock);
}

static void *signal_thread(void *argument)
{
    struct cli_interrupt *interrupt = argument;
    struct pollfd watched[2] = {{.fd = interrupt->signal_fd, .events = POLLIN},
                                {.fd = interrupt->quit_fd, .events = POLLIN}};
    while (true) {
        if (poll(watched, 2, -1 /* no timeout */) < 0) continue;
        if (watched[1].revents != 0) return NULL;
        struct signalfd_siginfo info;
        if (read(interrupt->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) continue;
        take_signal(interrupt, (int)info.ssi_signo);
    }
}

// nohup leaves SIGHUP ignored, and it must stay so. SIGINT is taken even when ignored: a shell
// starts background jobs that way, and `kill -INT` of one is meant.
static void choose_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    struct sigaction action;
    bool is_ignored = sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
    if (!is_ignored) sigaddset(set, SIGHUP);
}

static void close_all(struct cli_interrupt *interrupt)
{
    int fds[] = {interrupt->signal_fd, interrupt->quit_fd, interrupt->stop_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) close(fds[i]);
    }
    pthread_mutex_destroy(&interrupt->lock);
}

bool cli_interrupt_start(struct cli_interrupt *interrupt)
{
    sigset_t set;
    choose_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    *interrupt = (struct cli_interrupt){.armed = false};
    pthread_mutex_init(&interrupt->lock, NULL);
    interrupt->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    interrupt->quit_fd = eventfd(0, EFD_CLOEXEC);
    interrupt->stop_fd = eventfd(0, EFD_CLOEXEC);
    int error = errno;
    if (interrupt->signal_fd >= 0 && interrupt->quit_fd >= 0 && interrupt->stop_fd >= 0) {
        error = pthread_create(&interrupt->thread, NULL, signal_thread, interrupt);
        if (error == 0) return true;
    }
    cli_complain("cannot watch for signals: %s", strerror(error));
    close_all(interrupt);
    return false;
}

void cli_interrupt_stop(struct cli_interrupt *interrupt)
{
    make_readable(interrupt->quit_fd);
    pthread_join(interrupt->thread, NULL);
    close_all(interrupt);
}

void cli_interrupt_arm(struct cli_interrupt *interrupt, cli_interrupt_fn wake, void *context)
{
    pthread_mutex_lock(&interrupt->lock);
    interrupt->wake = wake;
    interrupt->context = context;
    interrupt->armed = true;
    pthread_mutex_unlock(&interrupt->lock);
}

int cli_interrupt_disarm(struct cli_interrupt *interrupt)
{
    pthread_mutex_lock(&interrupt->lock);
    interrupt->armed = false;
    int number = interrupt->number;
    pthread_mutex_unlock(&interrupt->lock);
    return number;
}

void cli_interrupt_on_ask(struct cli_interrupt *interrupt, cli_interrupt_fn ask, void *context)
{
    pthread_mutex_lock(&interrupt->lock);
    interrupt->ask = ask;
    interrupt->ask_context = context;
    pthread_mutex_unlock(&interrupt->lock);
}

void cli_interrupt_guard_file(struct cli_interrupt *interrupt, int place, const char *temp_path)
{
    pthread_mutex_lock(&interrupt->lock);
    interrupt->temp_paths[place] = temp_path;
    pthread_mutex_unlock(&interrupt->lock);
}
