// Functions of the host that take and give lists and maps: `bounds` looks into a list where it is, in the heap of the
// program, and gives a map back. What it refuses, the program catches. Exit status 0: it ended well.
//
// Build: cc lists.c $(pkg-config --cflags --libs zvm)
// prints: {least: 3, greatest: 71}
// prints: an empty list has no bounds
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

static const char PROGRAM[] = "print(bounds([12, 71, 3, 40]))\n"
                              "try { bounds([]) } catch (e) { print(e.message) }\n";

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

static zvm_status set(zvm_isolate *isolate, zvm_ref map, const char *name, int64_t integer)
{
    zvm_value key = {.kind = ZVM_VALUE_STRING, .text = name, .length_bytes = strlen(name)};
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = integer};
    return zvm_ref_set_entry_value(isolate, map, &key, &value);
}

// bounds(list). The scope is closed when the function returns.
static zvm_call_outcome bounds(zvm_call *call, const zvm_value *arguments, size_t count)
{
    zvm_isolate *isolate = zvm_call_isolate(call);
    zvm_scope scope;
    zvm_ref list, map;
    zvm_value item;
    int64_t least = INT64_MAX, greatest = INT64_MIN;
    (void)arguments; // a list comes by reference
    if (zvm_scope_open(isolate, &scope) != ZVM_OK || zvm_call_argument(call, 0, &list) != ZVM_OK ||
        zvm_ref_count(isolate, list, &count) != ZVM_OK)
        return zvm_call_fail(call, "TypeError", "bounds() wants a list");
    if (count == 0) return zvm_call_fail(call, "ValueError", "an empty list has no bounds");
    for (size_t i = 0; zvm_ref_item(isolate, list, i, &item, NULL) == ZVM_OK; i++) {
        if (item.kind != ZVM_VALUE_INT) return zvm_call_fail(call, "TypeError", "of integers");
        if (item.integer < least) least = item.integer;
        if (item.integer > greatest) greatest = item.integer;
    }
    if (zvm_ref_new_map(isolate, 2, &map) != ZVM_OK ||
        set(isolate, map, "least", least) != ZVM_OK ||
        set(isolate, map, "greatest", greatest) != ZVM_OK)
        return zvm_call_fail(call, "HostError", "no memory");
    return zvm_call_return_ref(call, map);
}

static bool to_file(void *file, const char *text, size_t length_bytes)
{
    return fwrite(text, 1, length_bytes, file) == length_bytes;
}

int main(void)
{
    zvm_host_function function = {.size = sizeof function,
                                  .name = "bounds",
                                  .call = bounds,
                                  .minimum = 1,
                                  .maximum = 1,
                                  .takes_any = 1}; // lists and maps, too
    zvm_isolate_options own = {.size = sizeof own, .output = to_file, .output_context = stdout};
    zvm_result result = ZVM_RESULT_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    must(zvm_runtime_create(NULL, &runtime));
    must(zvm_runtime_add_function(runtime, &function));
    must(zvm_code_from_source(runtime, "p", PROGRAM, strlen(PROGRAM), to_file, stderr, &code));
    must(zvm_isolate_create(runtime, code, &own, &isolate));
    must(zvm_isolate_run(isolate, 0, NULL));
    must(zvm_isolate_result(isolate, &result));
    zvm_code_release(code);
    return zvm_runtime_destroy(runtime) == ZVM_OK && result.status == ZVM_OK ? 0 : 1;
}
