// Two tenants on one runtime: what the isolates of each may have together, and how much of the workers' time each
// gets, however many isolates it starts. One of them floods; it ends at its limit of fuel, and the other does not
// feel it. Exit status 0: both ended as they should.
//
// Build: cc tenants.c $(pkg-config --cflags --libs zvm)
// prints: careful: 1 isolates, ... bytes of memory; ended by a limit: 0
// prints: careless: 200 isolates, 20000000 fuel, ... bytes of memory; ended by a limit: 200
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

#define FLOOD 200

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// `count` isolates of one program. They keep the code and the group.
static void start(zvm_runtime *runtime, const char *program, zvm_group *group, int count,
                  zvm_isolate **out)
{
    zvm_isolate_options own = {.size = sizeof own, .group = group};
    zvm_code *code;
    must(zvm_code_from_source(runtime, "p", program, strlen(program), NULL, NULL, &code));
    for (int i = 0; i < count; i++) {
        must(zvm_isolate_create(runtime, code, &own, &out[i]));
        must(zvm_isolate_submit(out[i]));
    }
    zvm_code_release(code);
}

static zvm_group_figures tell(const char *name, const zvm_group *group)
{
    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    must(zvm_group_report(group, &figures));
    printf("%s: %d isolates, %d fuel, %d bytes of memory; ended by a limit: %d\n", name,
           (int)figures.isolates, (int)figures.fuel_taken, (int)figures.heap_granted_bytes,
           (int)figures.ended_by_limit);
    return figures;
}

int main(void)
{
    static zvm_isolate *flood[FLOOD], *good;
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 2};
    zvm_group_options limits = {.size = sizeof limits, .isolate_limit = FLOOD};
    zvm_result result = ZVM_RESULT_INIT;
    zvm_runtime *runtime;
    zvm_group *careless, *careful;
    limits.heap_limit_bytes = 4 << 20;
    limits.fuel_limit = 20000000;
    limits.weight = 50; // half of the turns that the other one has
    must(zvm_runtime_create(&options, &runtime));
    must(zvm_group_create(runtime, &limits, &careless));
    must(zvm_group_create(runtime, NULL, &careful));
    start(runtime, "while true { }\n", careless, FLOOD, flood);
    start(runtime, "let n = 0\nfor each i in range(100000) { n += 1 }\n", careful, 1, &good);

    must(zvm_isolate_wait(good, UINT64_MAX));
    must(zvm_isolate_result(good, &result));
    (void)tell("careful", careful);
    must(zvm_runtime_drain(runtime)); // or zvm_group_cancel(careless), which ends them now
    zvm_group_figures figures = tell("careless", careless);
    bool is_right = result.status == ZVM_OK && figures.ended_by_limit == FLOOD;

    for (int i = 0; i < FLOOD; i++)
        must(zvm_isolate_destroy(flood[i]));
    must(zvm_isolate_destroy(good));
    must(zvm_group_destroy(careless)); // no isolate is in it any more
    must(zvm_group_destroy(careful));
    must(zvm_runtime_destroy(runtime));
    return is_right && figures.fuel_taken <= limits.fuel_limit ? 0 : 1;
}
