// zvm in an event loop: one thread sleeps in epoll for its own events and for isolates that finish. Here
// a timer starts an isolate each millisecond, 100 in all; each sleeps a little. Exit status 0: all ended.
//
// Build: cc event_loop.c $(pkg-config --cflags --libs zvm)
// prints: 100 of 100 isolates have ended
#include <zvm.h>

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ISOLATES 100

static const char PROGRAM[] = "sleep(isolate_id() % 7)\nlet n = isolate_id()\n";

static int watch(int epoll, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static zvm_status start(zvm_runtime *runtime, zvm_code *code, int id)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate *isolate;
    options.id = id;
    zvm_status status = zvm_isolate_create(runtime, code, &options, &isolate);
    return status == ZVM_OK ? zvm_isolate_submit(isolate) : status;
}

// Looks at those that have finished, and destroys them. How many there were.
static int finish(zvm_runtime *runtime)
{
    zvm_isolate *isolates[16];
    size_t count = 0;
    if (zvm_runtime_finished_take(runtime, isolates, 16, &count) != ZVM_OK) return 0;
    for (size_t i = 0; i < count; i++) {
        zvm_result result = ZVM_RESULT_INIT;
        if (zvm_isolate_result(isolates[i], &result) != ZVM_OK || result.status != ZVM_OK)
            fprintf(stderr, "event_loop: %s\n", zvm_status_text(result.status));
        zvm_isolate_destroy(isolates[i]);
    }
    return (int)count;
}

int main(void)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    struct itimerspec each = {{.tv_nsec = 1000000}, {.tv_nsec = 1000000}};
    zvm_runtime *runtime;
    zvm_code *code;
    options.worker_count = 2;
    options.lists_finished = 1;
    if (zvm_runtime_create(&options, &runtime) != ZVM_OK) return 1;
    if (zvm_code_from_source(runtime, "p", PROGRAM, strlen(PROGRAM), NULL, NULL, &code) != ZVM_OK)
        return 1;
    int epoll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    int finished = zvm_runtime_finished_fd(runtime), started = 0, ended = 0;
    if (watch(epoll, timer) != 0 || watch(epoll, finished) != 0) return 1;
    if (timerfd_settime(timer, 0, &each, NULL) != 0) return 1;
    while (ended < ISOLATES) {
        struct epoll_event event;
        uint64_t ticks;
        if (epoll_wait(epoll, &event, 1, -1) < 1) continue;
        if (event.data.fd == finished) {
            ended += finish(runtime);
        } else if (read(timer, &ticks, sizeof ticks) == sizeof ticks && started < ISOLATES) {
            if (start(runtime, code, started++) != ZVM_OK) return 1;
        }
    }
    printf("%d of %d isolates have ended\n", ended, started);
    close(timer);
    close(epoll);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return ended == ISOLATES ? 0 : 1;
}
