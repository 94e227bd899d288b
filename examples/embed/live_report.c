// Reports while programs run: a thread that has nothing to do with them takes one again and again. Nobody is
// stopped for it, and its sums hold in each. Exit status 0: they did.
//
// Build: cc live_report.c $(pkg-config --cflags --libs zvm) -lpthread
// prints: reports taken while isolates ran: some; sums were right in all of them
// prints: at the end: 500 isolates, 450 succeeded, 50 failed, 0 in flight
#include <zvm.h>

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ISOLATES 500

static const char PROGRAM[] = "let sum = 0\nfor each i in range(20000) { sum += i }\n"
                              "if isolate_id() % 10 == 0 { throw 'no' }\n";

struct watch {
    zvm_runtime *runtime;
    atomic_bool is_over;
    atomic_int reports; // taken while something ran
    bool are_right;
};

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

static void *look(void *context)
{
    struct watch *watch = context;
    const struct timespec millisecond = {.tv_nsec = 1000000};
    while (!watch->is_over) {
        zvm_report report = ZVM_REPORT_INIT;
        must(zvm_report_take(watch->runtime, &report));
        const zvm_report_counters *c = &report.totals;
        if (c->isolates_finished > c->isolates_created) watch->are_right = false;
        if (c->isolates_finished != c->isolates_succeeded + c->failed_error)
            watch->are_right = false;
        if (report.isolates_in_flight > 0) watch->reports++;
        nanosleep(&millisecond, NULL);
    }
    return NULL;
}

int main(void)
{
    struct watch watch = {.are_right = true};
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 2};
    zvm_isolate_options own = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_report report = ZVM_REPORT_INIT;
    zvm_isolate *isolate;
    zvm_code *code;
    pthread_t thread;
    must(zvm_runtime_create(&options, &watch.runtime));
    must(zvm_code_from_source(watch.runtime, "p", PROGRAM, strlen(PROGRAM), NULL, NULL, &code));
    for (own.id = 0; own.id < ISOLATES; own.id++) {
        must(zvm_isolate_create(watch.runtime, code, &own, &isolate));
        must(zvm_isolate_submit(isolate));
    }
    if (pthread_create(&thread, NULL, look, &watch) != 0) return 1;
    must(zvm_runtime_drain(watch.runtime));
    watch.is_over = true;
    pthread_join(thread, NULL);
    must(zvm_report_take(watch.runtime, &report));
    printf("reports taken while isolates ran: %s; sums were %s in all of them\n",
           watch.reports > 0 ? "some" : "none", watch.are_right ? "right" : "wrong");
    printf("at the end: %d isolates, %d succeeded, %d failed, %d in flight\n",
           (int)report.totals.isolates_finished, (int)report.totals.isolates_succeeded,
           (int)report.totals.failed_error, (int)report.isolates_in_flight);
    zvm_code_release(code);
    must(zvm_runtime_destroy(watch.runtime));
    return watch.are_right ? 0 : 1;
}
