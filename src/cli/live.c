// cli/live.c - a thread that writes reports while a run goes on.
//
// Owns: the thread. Thread: main starts and stops it; the signal thread asks.
// Why a thread of its own: main may wait for who reads standard output, the signal thread must never
// wait, and a report to a slow reader takes as long as the reader does. A stop by a signal ends such a
// wait, because the report's stream watches the same descriptor as the program's output.
#include "cli/live.h"

#include "cli/message.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

bool cli_live_init(struct cli_live *live, const struct cli_run_options *options,
                   struct cli_report_file *file, struct cli_interrupt *interrupt)
{
    *live = (struct cli_live){.options = options, .file = file, .interrupt = interrupt};
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool ok = pthread_cond_init(&live->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (ok) pthread_mutex_init(&live->lock, NULL);
    return ok;
}

void cli_live_deinit(struct cli_live *live)
{
    pthread_cond_destroy(&live->changed);
    pthread_mutex_destroy(&live->lock);
}

// ---- The thread ---------------------------------------------------------------------------------

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

// due_ns: of the next report by itself; 0: none. ETIMEDOUT: it is due.
static int wait_locked(struct cli_live *live, uint64_t due_ns)
{
    if (due_ns == 0) return pthread_cond_wait(&live->changed, &live->lock);
    struct timespec due = {.tv_sec = (time_t)(due_ns / SECOND_NS),
                           .tv_nsec = (long)(due_ns % SECOND_NS)};
    return pthread_cond_timedwait(&live->changed, &live->lock, &due);
}

// Sleeps until a report is due or asked for. false: the end.
static bool await_turn(struct cli_live *live, uint64_t due_ns)
{
    int waited = 0;
    pthread_mutex_lock(&live->lock);
    while (!live->is_ending && !live->is_asked && waited != ETIMEDOUT)
        waited = wait_locked(live, due_ns);
    bool is_turn = !live->is_ending;
    live->is_asked = false;
    pthread_mutex_unlock(&live->lock);
    return is_turn;
}

// Reports that are late are left out, not made up for.
static uint64_t next_due(uint64_t due_ns, uint64_t every_ns)
{
    uint64_t now = now_ns();
    if (due_ns > now) return due_ns; // that one was asked for in between
    due_ns += every_ns;
    return due_ns > now ? due_ns : now + every_ns;
}

static void *live_thread(void *argument)
{
    struct cli_live *live = argument;
    uint64_t every_ns = live->options->report_every_ns;
    uint64_t due_ns = every_ns == 0 ? 0 : now_ns() + every_ns;
    while (await_turn(live, due_ns)) {
        cli_report_file_write_live(live->file, live->runtime, live->options, live->interrupt);
        if (every_ns != 0) due_ns = next_due(due_ns, every_ns);
    }
    return NULL;
}

// ---- Called by others ---------------------------------------------------------------------------

bool cli_live_start(struct cli_live *live, zvm_runtime *runtime)
{
    live->runtime = runtime;
    int error = pthread_create(&live->thread, NULL, live_thread, live);
    live->is_started = error == 0;
    if (error != 0) cli_complain("cannot start the thread for live reports: %s", strerror(error));
    return live->is_started;
}

void cli_live_stop(struct cli_live *live)
{
    if (!live->is_started) return;
    pthread_mutex_lock(&live->lock);
    live->is_ending = true;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
    pthread_join(live->thread, NULL);
    live->is_started = false;
}

void cli_live_ask(void *context)
{
    struct cli_live *live = context;
    pthread_mutex_lock(&live->lock);
    live->is_asked = true;
    pthread_cond_signal(&live->changed);
    pthread_mutex_unlock(&live->lock);
}
