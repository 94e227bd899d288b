// A game: one thread, one script for the world, a tick of it each frame. A frame has a deadline. A tick that has not
// ended by then goes on in the next frame; what is left of a frame goes to the collector, a small piece at a time, so
// that ticks need not collect. Exit status 0: the world is where it should be.
//
// Build: cc game.c $(pkg-config --cflags --libs zvm)
// prints: 60 ticks, sum of all places 9000; collections ended between ticks: yes
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TICKS    60
#define FRAME_NS 2000000

static const char PROGRAM[] =
    "let things = range(300).map(i => ({'x': 0.0, 'speed': i % 3}))\n"
    "let sum = 0.0\n"
    "action tick() {\n"
    "  things = things.map(t => ({'x': t['x'] + t['speed'] * 0.5, 'speed': t['speed']}))\n"
    "  sum = things.map(t => t['x']).reduce((a, b) => a + b, 0.0)\n"
    "}\n";

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

// Runs the tick, and then the collector, until the frame is over. Has the tick ended?
static bool play_frame(zvm_isolate *world, int *collections)
{
    zvm_collect_result collected = ZVM_COLLECT_RESULT_INIT;
    int64_t deadline = now_ns() + FRAME_NS;
    bool finished = false;
    do
        must(zvm_isolate_run(world, 10000, &finished)); // some tens of microseconds at a time
    while (!finished && now_ns() < deadline);
    do // once at least: a world that is always late has garbage, too
        must(zvm_isolate_collect_step(world, 2000, &collected));
    while (!collected.has_run && now_ns() < deadline);
    *collections += collected.has_run;
    struct timespec end = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL); // a game would draw before
    return finished;
}

int main(void)
{
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *world;
    zvm_value sum;
    int collections = 0;
    must(zvm_runtime_create(NULL, &runtime));
    must(zvm_code_from_source(runtime, "w", PROGRAM, strlen(PROGRAM), NULL, NULL, &code));
    must(zvm_isolate_create(runtime, code, NULL, &world));
    must(zvm_isolate_run(world, 0, NULL)); // the top level, once
    for (int tick = 0; tick < TICKS; tick++) {
        must(zvm_isolate_call(world, "tick", NULL, 0)); // which zvm_isolate_run then runs
        while (!play_frame(world, &collections))
            ;
    }
    must(zvm_isolate_get_global(world, "sum", &sum));
    printf("%d ticks, sum of all places %.0f; collections ended between ticks: %s\n", TICKS,
           sum.number, collections > 0 ? "yes" : "no");
    zvm_code_release(code);
    must(zvm_runtime_destroy(runtime)); // and the isolate
    return sum.number == 9000 ? 0 : 1;
}
