// Two tenants on one runtime: what the isolates of each may have together, and how much of the workers'
// time each gets, however many isolates it starts. One of them floods; it ends at its limit of fuel, and
// the other does not feel it. Exit status 0: both ended as they should.
//
// Build: cc tenants.c $(pkg-config --cflags --libs zvm)
// prints: careful: 1 isolates, ... bytes of memory; ended by a limit: 0
// prints: careless: 200 isolates, 20000000 fuel, ... bytes of memory; ended by a limit: 200
#include <zvm.h>

#include <stdio.h>
#include <string.h>

#define FLOOD 200

static int fail(const char *what, zvm_status status)
{
    fprintf(stderr, "tenants: %s: %s\n", what, zvm_status_text(status));
    return 1;
}

static zvm_status compile(zvm_runtime *runtime, const char *text, zvm_code **out)
{
    return zvm_code_from_source(runtime, "tenant", text, strlen(text), NULL, NULL, out);
}

static zvm_status start(zvm_runtime *runtime, zvm_code *code, zvm_group *group, int count,
                        zvm_isolate **out)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    for (int i = 0; i < count; i++) {
        zvm_status status = zvm_isolate_create(runtime, code, &options, &out[i]);
        if (status == ZVM_OK) status = zvm_isolate_submit(out[i]);
        if (status != ZVM_OK) return status;
    }
    return ZVM_OK;
}

static bool tell(const char *name, const zvm_group *group)
{
    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    if (zvm_group_report(group, &figures) != ZVM_OK) return false;
    printf("%s: %llu isolates, %llu fuel, %llu bytes of memory; ended by a limit: %llu\n", name,
           (unsigned long long)figures.isolates, (unsigned long long)figures.fuel_taken,
           (unsigned long long)figures.heap_granted_bytes,
           (unsigned long long)figures.ended_by_limit);
    return true;
}

int main(void)
{
    static zvm_isolate *flood[FLOOD];
    zvm_isolate *good = NULL;
    zvm_runtime *runtime;
    zvm_code *spinning, *counting;
    zvm_group *careless, *careful;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status != ZVM_OK) return fail("runtime", status);
    status = compile(runtime, "while true { }\n", &spinning);
    if (status == ZVM_OK)
        status = compile(runtime, "let n = 0\nfor each i in range(100000) { n += 1 }\n", &counting);
    if (status != ZVM_OK) return fail("compile", status);

    zvm_group_options limits = ZVM_GROUP_OPTIONS_INIT;
    limits.isolate_limit = FLOOD;
    limits.heap_limit_bytes = 4 << 20;
    limits.fuel_limit = 20000000;
    limits.weight = 50; // half of the turns that the other one has
    status = zvm_group_create(runtime, &limits, &careless);
    if (status == ZVM_OK) status = zvm_group_create(runtime, NULL, &careful);
    if (status == ZVM_OK) status = start(runtime, spinning, careless, FLOOD, flood);
    if (status == ZVM_OK) status = start(runtime, counting, careful, 1, &good);
    if (status != ZVM_OK) return fail("start", status);

    status = zvm_isolate_wait(good, UINT64_MAX);
    if (status != ZVM_OK || !tell("careful", careful)) return fail("wait", status);
    status = zvm_runtime_drain(runtime); // or zvm_group_cancel(careless), which ends them now
    if (status != ZVM_OK || !tell("careless", careless)) return fail("drain", status);

    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    zvm_result result = ZVM_RESULT_INIT;
    bool is_right = zvm_group_report(careless, &figures) == ZVM_OK &&
                    figures.ended_by_limit == FLOOD && figures.fuel_taken <= limits.fuel_limit &&
                    zvm_isolate_result(good, &result) == ZVM_OK && result.status == ZVM_OK;
    for (int i = 0; i < FLOOD; i++)
        zvm_isolate_destroy(flood[i]);
    zvm_isolate_destroy(good);
    zvm_group_destroy(careless);
    zvm_group_destroy(careful);
    zvm_code_release(spinning);
    zvm_code_release(counting);
    zvm_runtime_destroy(runtime);
    return is_right ? 0 : 1;
}
