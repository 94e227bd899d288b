// A host of plugins of several tenants: each tenant is a group, with limits for all that its plugins do together. One
// tenant loops, one eats memory; the third does not notice. Exit status 0: each ended as it should.
//
// Build: cc plugins.c $(pkg-config --cflags --libs zvm)
// prints: ada: 20 of 20 plugins ended well, 210 in its store
// prints: bob: 0 of 20 plugins ended well, 0 in its store
// prints: eve: 0 of 20 plugins ended well, 0 in its store
#include <zvm.h>

#include <err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PLUGINS 20
static struct tenant {
    const char *name, *text; // of its program
    atomic_int store, ended_well;
} tenants[] = {{.name = "ada", .text = "add(isolate_id())\n"},
               {.name = "bob", .text = "while true { }\nadd(1)\n"},
               {.name = "eve", .text = "let l = []\nwhile true { l.push(string(l)) }\nadd(1)\n"}};

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// add(n): to the store of the tenant that calls. Workers call this and `finish`, at once: hence the atomics.
static zvm_call_outcome add(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct tenant *tenant = zvm_isolate_user(zvm_call_isolate(call));
    if (count != 1 || arguments[0].kind != ZVM_VALUE_INT)
        return zvm_call_fail(call, "TypeError", "add() wants an integer");
    atomic_fetch_add(&tenant->store, (int)arguments[0].integer);
    return ZVM_CALL_RETURNED;
}

static void finish(zvm_isolate *isolate, void *tenant)
{
    zvm_result result = ZVM_RESULT_INIT;
    must(zvm_isolate_result(isolate, &result));
    ((struct tenant *)tenant)->ended_well += result.status == ZVM_OK;
    must(zvm_isolate_destroy(isolate));
}

static void start(zvm_runtime *runtime, struct tenant *tenant)
{
    zvm_group_options limits = {.size = sizeof limits, .name = tenant->name};
    zvm_isolate_options own = {.size = sizeof own, .user = tenant, .on_finish = finish};
    zvm_isolate *plugin;
    zvm_code *code;
    limits.heap_limit_bytes = 1 << 20;
    limits.fuel_limit = 5000000;
    must(zvm_group_create(runtime, &limits, &own.group));
    must(zvm_code_from_source(runtime, "p", tenant->text, strlen(tenant->text), NULL, NULL, &code));
    for (own.id = 1; own.id <= PLUGINS; own.id++) {
        must(zvm_isolate_create(runtime, code, &own, &plugin));
        must(zvm_isolate_submit(plugin));
    }
    zvm_code_release(code);
}

int main(void)
{
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 2};
    zvm_host_function function = {
        .size = sizeof function, .name = "add", .call = add, .maximum = 1};
    zvm_runtime *runtime;
    must(zvm_runtime_create(&options, &runtime));
    must(zvm_runtime_add_function(runtime, &function));
    for (int i = 0; i < 3; i++)
        start(runtime, &tenants[i]);
    must(zvm_runtime_drain(runtime));   // callbacks, too
    must(zvm_runtime_destroy(runtime)); // and the groups
    for (struct tenant *one = tenants; one < tenants + 3; one++)
        printf("%s: %d of %d plugins ended well, %d in its store\n", one->name, one->ended_well,
               PLUGINS, one->store);
    return tenants[0].store == 210 && tenants[1].store + tenants[2].store == 0 ? 0 : 1;
}
