// A host in one file: 1,000 isolates of one program on 2 worker threads, each with limits of its own, and the report
// of where time and memory went. Exit status 0: every result is right.
//
// Build: cc embed.c $(pkg-config --cflags --libs zvm)
// prints: 1000 of 1000 results are right
// prints: ...
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

#define ISOLATES 1000

// Every hundredth isolate would never end: its limit of fuel ends it.
static const char PROGRAM[] = "let sum = 0\n"
                              "for each i in range(n) { sum += i }\n"
                              "if isolate_id() % 100 == 99 { while true { sum += 1 } }\n";

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

static bool to_file(void *file, const char *text, size_t length_bytes)
{
    return fwrite(text, 1, length_bytes, file) == length_bytes;
}

static zvm_isolate *start(zvm_runtime *runtime, zvm_code *code, int id)
{
    zvm_isolate_options own = {.size = sizeof own, .id = id, .fuel_limit = 200000};
    zvm_value n = {.kind = ZVM_VALUE_INT, .integer = id};
    zvm_isolate *isolate;
    own.heap_limit_bytes = 64 << 10;
    own.timeout_ns = 60 * UINT64_C(1000000000);
    must(zvm_isolate_create(runtime, code, &own, &isolate));
    must(zvm_isolate_set_global(isolate, "n", &n));
    must(zvm_isolate_submit(isolate));
    return isolate;
}

static bool is_right(zvm_isolate *isolate, int id)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_value sum;
    must(zvm_isolate_wait(isolate, UINT64_MAX));
    must(zvm_isolate_result(isolate, &result));
    if (id % 100 == 99) return result.status == ZVM_E_FUEL;
    if (result.status != ZVM_OK) return false;
    must(zvm_isolate_get_global(isolate, "sum", &sum));
    return sum.integer == (int64_t)id * (id - 1) / 2;
}

int main(void)
{
    static zvm_isolate *isolates[ISOLATES];
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 2};
    zvm_intern_figures strings = ZVM_INTERN_FIGURES_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    int right = 0;
    must(zvm_runtime_create(&options, &runtime));
    must(zvm_code_from_source(runtime, "sum.zx", PROGRAM, strlen(PROGRAM), to_file, stderr, &code));
    for (int id = 0; id < ISOLATES; id++)
        isolates[id] = start(runtime, code, id);
    for (int id = 0; id < ISOLATES; id++)
        right += is_right(isolates[id], id);
    printf("%d of %d results are right\n\n", right, ISOLATES);
    must(zvm_intern_stats(runtime, &strings));
    printf("%d shared strings in %d bytes\n\n", (int)strings.count, (int)strings.bytes);
    must(zvm_report_write(runtime, ZVM_REPORT_TEXT, to_file, stdout));
    zvm_code_release(code);
    must(zvm_runtime_destroy(runtime)); // and what isolates are left
    return right == ISOLATES ? 0 : 1;
}
