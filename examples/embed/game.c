// A game: one thread, one script for the world, a tick of it each frame. A frame has a deadline. A tick that
// has not ended by then goes on in the next frame; what is left of a frame goes to the collector, a small piece
// at a time, so that ticks need not collect. Exit status 0: the world is where it should be.
//
// Build: cc game.c $(pkg-config --cflags --libs zvm)
// prints: 60 ticks, sum of all places 9000; collections ended between ticks: yes
#include <zvm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICKS    60
#define FRAME_NS 2000000

static const char PROGRAM[] = "let things = range(300).map(i => ({'x': 0.0, 'speed': i % 3}))\n"
                              "let sum = 0.0\n"
                              "action move(t, seconds) {\n"
                              "  return {'x': t['x'] + t['speed'] * seconds, 'speed': t['speed']}\n"
                              "}\n"
                              "action tick(seconds) {\n"
                              "  things = things.map(t => move(t, seconds))\n"
                              "  sum = things.map(t => t['x']).reduce((a, b) => a + b, 0.0)\n"
                              "}\n";

static void must(zvm_status status)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "game: %s\n", zvm_status_text(status));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// Prepares tick(0.5), which zvm_isolate_run then runs.
static void begin_tick(zvm_isolate *world)
{
    zvm_value seconds = {.kind = ZVM_VALUE_FLOAT, .number = 0.5};
    zvm_scope scope;
    zvm_ref argument;
    must(zvm_scope_open(world, &scope));
    must(zvm_ref_new(world, &seconds, &argument));
    must(zvm_isolate_call(world, "tick", &argument, 1));
    must(zvm_scope_close(world, scope));
}

// Runs the tick, and then the collector, until the frame is over. Has the tick ended?
static bool play_frame(zvm_isolate *world, int *collections)
{
    zvm_collect_result collected = ZVM_COLLECT_RESULT_INIT;
    uint64_t deadline = now_ns() + FRAME_NS;
    bool finished = false;
    do
        must(zvm_isolate_run(world, 10000, &finished)); // some tens of microseconds at a time
    while (!finished && now_ns() < deadline);
    do
        must(zvm_isolate_collect_step(world, 2000, &collected));
    while (!collected.has_run && now_ns() < deadline);
    *collections += collected.has_run;
    return finished; // a game would draw here, and sleep until the deadline
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
        begin_tick(world);
        while (!play_frame(world, &collections))
            ;
    }
    must(zvm_isolate_get_global(world, "sum", &sum));
    printf("%d ticks, sum of all places %.0f; collections ended between ticks: %s\n", TICKS,
           sum.number, collections > 0 ? "yes" : "no");
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // and the isolate
    return sum.number == 9000 ? 0 : 1;
}
