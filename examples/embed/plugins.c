// A host of plugins of several tenants: each tenant is a group, with limits for all that its plugins do
// together, and they reach nothing but a function of the host that knows whose they are. One tenant loops,
// one eats memory; the third does not notice. Exit status 0: each ended as it should.
//
// Build: cc plugins.c $(pkg-config --cflags --libs zvm)
// prints: ada: 20 of 20 plugins ended well, 210 in its store
// prints: bob: 0 of 20 plugins ended well, 0 in its store
// prints: eve: 0 of 20 plugins ended well, 0 in its store
#include <zvm.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLUGINS 20

static struct tenant {
    const char *name, *program;
    atomic_llong store;
    atomic_int ended_well;
} tenants[] = {
    {.name = "ada", .program = "add(isolate_id())\n"},
    {.name = "bob", .program = "while true { }\nadd(1)\n"},
    {.name = "eve", .program = "let l = []\nwhile true { l.push(string(l)) }\nadd(1)\n"}};

static void must(zvm_status status)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "plugins: %s\n", zvm_status_text(status));
    exit(1);
}

// add(n): to the store of the tenant that calls. Workers call it, at once: hence the atomic.
static zvm_call_outcome add(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct tenant *tenant = zvm_isolate_user(zvm_call_isolate(call));
    if (count != 1 || arguments[0].kind != ZVM_VALUE_INT)
        return zvm_call_fail(call, "TypeError", "add() wants an integer");
    atomic_fetch_add(&tenant->store, arguments[0].integer);
    return ZVM_CALL_RETURNED;
}

// On the worker, when a plugin has come to its end.
static void finish(zvm_isolate *isolate, void *user)
{
    struct tenant *tenant = user;
    zvm_result result = ZVM_RESULT_INIT;
    if (zvm_isolate_result(isolate, &result) == ZVM_OK && result.status == ZVM_OK)
        atomic_fetch_add(&tenant->ended_well, 1);
    (void)zvm_isolate_destroy(isolate);
}

static void start(zvm_runtime *runtime, struct tenant *tenant)
{
    zvm_group_options limits = ZVM_GROUP_OPTIONS_INIT;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate *plugin;
    zvm_code *code;
    limits.name = tenant->name;
    limits.heap_limit_bytes = 1 << 20;
    limits.fuel_limit = 5000000;
    must(zvm_group_create(runtime, &limits, &options.group));
    must(zvm_code_from_source(runtime, tenant->name, tenant->program, strlen(tenant->program), NULL,
                              NULL, &code));
    options.user = tenant;
    options.on_finish = finish;
    for (options.id = 1; options.id <= PLUGINS; options.id++) {
        must(zvm_isolate_create(runtime, code, &options, &plugin));
        must(zvm_isolate_submit(plugin));
    }
    zvm_code_release(code);
}

int main(void)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    zvm_runtime *runtime;
    options.worker_count = 2;
    function.name = "add";
    function.call = add;
    function.minimum = function.maximum = 1;
    must(zvm_runtime_create(&options, &runtime));
    must(zvm_runtime_add_function(runtime, &function));
    for (int i = 0; i < 3; i++)
        start(runtime, &tenants[i]);
    must(zvm_runtime_drain(runtime)); // callbacks, too
    zvm_runtime_destroy(runtime);     // and the groups
    for (int i = 0; i < 3; i++)
        printf("%s: %d of %d plugins ended well, %lld in its store\n", tenants[i].name,
               tenants[i].ended_well, PLUGINS, tenants[i].store);
    return tenants[0].store == 210 && tenants[1].store + tenants[2].store == 0 ? 0 : 1;
}
