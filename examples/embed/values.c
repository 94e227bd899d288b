// Lists and maps between host and program: an isolate is made once, its top level runs once, and then its function
// `total` is called again and again with a list that the host makes; what it returns, a map, is read in place.
// lists.c shows the other direction. Exit status 0: every result is right.
//
// Build: cc values.c $(pkg-config --cflags --libs zvm)
// prints: 1,000 calls, every result is right
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

static const char PROGRAM[] =
    "let calls = 0\n"
    "action total(numbers) {\n"
    "  calls += 1\n"
    "  return {'sum': numbers.reduce((a, b) => a + b, 0), 'calls': calls}\n"
    "}\n";

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// [1, ..., count]
static zvm_ref make_numbers(zvm_isolate *isolate, int64_t count)
{
    zvm_value number = {.kind = ZVM_VALUE_INT};
    zvm_ref list;
    must(zvm_ref_new_list(isolate, (size_t)count, &list));
    for (number.integer = 1; number.integer <= count; number.integer++)
        must(zvm_ref_append_value(isolate, list, &number));
    return list;
}

static int64_t entry(zvm_isolate *isolate, zvm_ref map, const char *name)
{
    zvm_value key = {.kind = ZVM_VALUE_STRING, .text = name, .length_bytes = strlen(name)}, value;
    must(zvm_ref_entry(isolate, map, &key, &value, NULL));
    return value.integer;
}

// The `calls`-th call. The references that it makes end with the scope; what only they kept is garbage then.
static bool call_total(zvm_isolate *isolate, int64_t count, int64_t calls)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_scope scope;
    zvm_ref map;
    must(zvm_scope_open(isolate, &scope));
    zvm_ref numbers = make_numbers(isolate, count);
    must(zvm_isolate_call(isolate, "total", &numbers, 1));
    must(zvm_isolate_run(isolate, 0, NULL));
    must(zvm_isolate_result(isolate, &result));
    if (result.status != ZVM_OK) errx(1, "%s: %s", result.kind, result.message);
    must(zvm_ref_result(isolate, &map));
    bool is_right = entry(isolate, map, "sum") == count * (count + 1) / 2 &&
                    entry(isolate, map, "calls") == calls;
    must(zvm_scope_close(isolate, scope));
    return is_right;
}

int main(void)
{
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    bool are_right = true;
    must(zvm_runtime_create(NULL, &runtime)); // no threads: zvm_isolate_run runs
    must(zvm_code_from_source(runtime, "total", PROGRAM, strlen(PROGRAM), NULL, NULL, &code));
    must(zvm_isolate_create(runtime, code, NULL, &isolate));
    must(zvm_isolate_run(isolate, 0, NULL)); // the top level, once
    for (int64_t i = 1; i <= 1000; i++)
        are_right = call_total(isolate, i % 50, i) && are_right;
    puts(are_right ? "1,000 calls, every result is right" : "a result is wrong");
    must(zvm_isolate_destroy(isolate));
    zvm_code_release(code);
    must(zvm_runtime_destroy(runtime));
    return are_right ? 0 : 1;
}
