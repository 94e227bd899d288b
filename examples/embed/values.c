// Lists and maps between host and program: an isolate is made once, its top level runs once, and then its
// function `total` is called again and again with a list that the host makes; what it returns, a map, is
// read in place. A function of the host takes a list, too. Exit status 0: every result is right.
//
// Build: cc values.c $(pkg-config --cflags --libs zvm)
// prints: 1,000 calls, every result is right
#include <zvm.h>

#include <stdio.h>
#include <string.h>

static const char PROGRAM[] =
    "let calls = 0\n"
    "action total(numbers) {\n"
    "  calls += 1\n"
    "  return {'sum': sum(numbers), 'calls': calls, 'numbers': numbers.map((n) => n * n)}\n"
    "}\n";

// sum(list) of the host.
static zvm_call_outcome sum(zvm_call *call, const zvm_value *arguments, size_t count)
{
    zvm_isolate *isolate = zvm_call_isolate(call);
    zvm_scope scope; // closed when the function returns
    zvm_ref list;
    zvm_value item, result = {.kind = ZVM_VALUE_INT};
    (void)arguments;
    (void)count;
    if (zvm_scope_open(isolate, &scope) != ZVM_OK || zvm_call_argument(call, 0, &list) != ZVM_OK)
        return zvm_call_fail(call, "HostError", "no memory");
    for (size_t i = 0; zvm_ref_item(isolate, list, i, &item, NULL) == ZVM_OK; i++)
        result.integer += item.integer;
    return zvm_call_return(call, &result);
}

static zvm_status make_numbers(zvm_isolate *isolate, int64_t count, zvm_ref *list)
{
    zvm_status status = zvm_ref_new_list(isolate, (size_t)count, list);
    for (int64_t i = 1; i <= count && status == ZVM_OK; i++) {
        zvm_value number = {.kind = ZVM_VALUE_INT, .integer = i};
        status = zvm_ref_append_value(isolate, *list, &number);
    }
    return status;
}

static int64_t entry(zvm_isolate *isolate, zvm_ref map, const char *name)
{
    zvm_value key = {.kind = ZVM_VALUE_STRING, .text = name, .length_bytes = strlen(name)}, value;
    return zvm_ref_entry(isolate, map, &key, &value, NULL) == ZVM_OK ? value.integer : -1;
}

// total([1, ..., count]); false: something went wrong.
static bool call_total(zvm_isolate *isolate, int64_t count, int64_t calls)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_ref numbers, map;
    if (make_numbers(isolate, count, &numbers) != ZVM_OK) return false;
    if (zvm_isolate_call(isolate, "total", &numbers, 1) != ZVM_OK) return false;
    if (zvm_isolate_run(isolate, 0, NULL) != ZVM_OK) return false;
    if (zvm_isolate_result(isolate, &result) != ZVM_OK || result.status != ZVM_OK) return false;
    if (zvm_ref_result(isolate, &map) != ZVM_OK) return false;
    return entry(isolate, map, "sum") == count * (count + 1) / 2 &&
           entry(isolate, map, "calls") == calls;
}

static bool call_all(zvm_isolate *isolate)
{
    bool is_right = zvm_isolate_run(isolate, 0, NULL) == ZVM_OK;
    for (int64_t i = 1; i <= 1000 && is_right; i++) {
        zvm_scope scope;
        if (zvm_scope_open(isolate, &scope) != ZVM_OK) return false;
        is_right = call_total(isolate, i % 50, i);
        if (zvm_scope_close(isolate, scope) != ZVM_OK) return false;
    }
    return is_right;
}

int main(void)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    function.name = "sum";
    function.call = sum;
    function.minimum = function.maximum = 1;
    function.takes_any = 1;
    if (zvm_runtime_create(NULL, &runtime) != ZVM_OK) return 1;
    if (zvm_runtime_add_function(runtime, &function) != ZVM_OK) return 1;
    if (zvm_code_from_source(runtime, "total.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code) !=
        ZVM_OK)
        return 1;
    if (zvm_isolate_create(runtime, code, NULL, &isolate) != ZVM_OK) return 1;
    bool is_right = call_all(isolate);
    puts(is_right ? "1,000 calls, every result is right" : "a result is wrong");
    (void)zvm_isolate_destroy(isolate);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return is_right ? 0 : 1;
}
