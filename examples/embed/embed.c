// A host in one file: 1,000 isolates of one program on 2 worker threads, each with limits of its own,
// and the report of where time and memory went. Exit status 0: every result is right.
//
// Build: cc embed.c $(pkg-config --cflags --libs zvm)
// prints: 1000 of 1000 results are right
// prints: ...
#include <zvm.h>

#include <stdio.h>
#include <string.h>

#define ISOLATES 1000

// Every hundredth isolate would never end: its limit of fuel ends it.
static const char PROGRAM[] = "let sum = 0\n"
                              "for each i in range(n) { sum += i }\n"
                              "if isolate_id() % 100 == 99 { while true { sum += 1 } }\n";

static bool to_file(void *file, const char *text, size_t length_bytes)
{
    return fwrite(text, 1, length_bytes, file) == length_bytes;
}

static int fail(const char *what, zvm_status status)
{
    fprintf(stderr, "embed: %s: %s\n", what, zvm_status_text(status));
    return 1;
}

static zvm_status start(zvm_runtime *runtime, zvm_code *code, int id, zvm_isolate **out)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.id = id;
    options.heap_limit_bytes = 64 << 10;
    options.fuel_limit = 200000;
    options.timeout_ns = 60 * UINT64_C(1000000000);
    zvm_status status = zvm_isolate_create(runtime, code, &options, out);
    if (status != ZVM_OK) return status;
    zvm_value n = {.kind = ZVM_VALUE_INT, .integer = id};
    status = zvm_isolate_set_global(*out, "n", &n);
    return status == ZVM_OK ? zvm_isolate_submit(*out) : status;
}

static bool is_right(zvm_isolate *isolate, int id)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_value sum;
    if (zvm_isolate_wait(isolate, UINT64_MAX) != ZVM_OK) return false;
    if (zvm_isolate_result(isolate, &result) != ZVM_OK) return false;
    if (id % 100 == 99) return result.status == ZVM_E_FUEL;
    if (result.status != ZVM_OK) return false;
    if (zvm_isolate_get_global(isolate, "sum", &sum) != ZVM_OK) return false;
    return sum.integer == (int64_t)id * (id - 1) / 2;
}

int main(void)
{
    static zvm_isolate *isolates[ISOLATES];
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    options.worker_count = 2;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status != ZVM_OK) return fail("runtime", status);
    status =
        zvm_code_from_source(runtime, "sum.zx", PROGRAM, strlen(PROGRAM), to_file, stderr, &code);
    if (status != ZVM_OK) return fail("program", status);
    for (int id = 0; id < ISOLATES; id++) {
        status = start(runtime, code, id, &isolates[id]);
        if (status != ZVM_OK) return fail("isolate", status);
    }
    int right = 0;
    for (int id = 0; id < ISOLATES; id++)
        right += is_right(isolates[id], id);
    printf("%d of %d results are right\n\n", right, ISOLATES);
    zvm_intern_figures strings = ZVM_INTERN_FIGURES_INIT;
    status = zvm_intern_stats(runtime, &strings);
    if (status != ZVM_OK) return fail("figures", status);
    printf("%llu shared strings in %llu bytes\n\n", (unsigned long long)strings.count,
           (unsigned long long)strings.bytes);
    status = zvm_report_write(runtime, ZVM_REPORT_TEXT, to_file, stdout);
    if (status != ZVM_OK) return fail("report", status);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // and what isolates are left
    return right == ISOLATES ? 0 : 1;
}
