// cli/selftest_quick.c - the checks of `zvm selftest` that take a moment: does this installation work?
//
// Owns: a runtime for each check. Thread: main; output and ends come from workers.
// How: a row and a function each. A check does its work through the library as any host does, and says
// with `expect` what must hold; the first thing that does not is what its line tells. A fault that is
// planted (--plant NAME) changes what the check of that name does, so that it must fail.
#include "cli/selftest.h"

#include "cli/message.h"
#include "cli/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_BYTES_MAX 2048u
#define CROWD            1000u
#define COLLECTED_BYTES  (512u * 1024u)
#define FUEL             100000u
#define DEPTH            100u
#define SYMBOLS          300u
#define CALM_END_NS      UINT64_C(60000000000) // nothing here takes a second

// One check that is under way.
struct quick {
    const struct cli_selftest_options *options;
    bool is_planted;
    zvm_runtime *runtime;
    char failure[256]; // "": all holds
    char detail[128];  // shown when it does
};

// How an isolate of a check ended.
struct end {
    zvm_result result; // its texts are gone
    char kind[48];
    char output[OUTPUT_BYTES_MAX]; // [output_bytes], the first ones
    size_t output_bytes;
};

__attribute__((format(printf, 3, 4))) static bool expect(struct quick *quick, bool holds,
                                                         const char *format, ...)
{
    if (holds || quick->failure[0] != '\0') return holds;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(quick->failure, sizeof quick->failure, format, arguments);
    va_end(arguments);
    // One line for each check, whatever a program printed.
    for (char *c = quick->failure; *c != '\0'; c++) {
        if (*c == '\n') *c = ' ';
    }
    return false;
}

static bool works(struct quick *quick, zvm_status status, const char *what)
{
    return expect(quick, status == ZVM_OK, "%s to work, got: %s", what, zvm_status_text(status));
}

// A zvm_write_fn. context: struct end.
static bool keep_output(void *context, const char *text, size_t length_bytes)
{
    struct end *end = context;
    size_t room = sizeof end->output - end->output_bytes;
    size_t kept = length_bytes < room ? length_bytes : room;
    memcpy(end->output + end->output_bytes, text, kept);
    end->output_bytes += kept;
    return true;
}

static bool finish(struct quick *quick, zvm_isolate *isolate, struct end *end)
{
    if (!works(quick, zvm_isolate_wait(isolate, CALM_END_NS), "zvm_isolate_wait")) return false;
    end->result = (zvm_result)ZVM_RESULT_INIT;
    if (!works(quick, zvm_isolate_result(isolate, &end->result), "zvm_isolate_result"))
        return false;
    snprintf(end->kind, sizeof end->kind, "%s", end->result.kind);
    return true;
}

// Runs code to its end. options: limits, output left out.
static bool run_code(struct quick *quick, zvm_code *code, zvm_isolate_options options,
                     struct end *end)
{
    end->output_bytes = 0;
    options.output = keep_output;
    options.output_context = end;
    zvm_isolate *isolate = NULL;
    zvm_status status = zvm_isolate_create(quick->runtime, code, &options, &isolate);
    if (!works(quick, status, "zvm_isolate_create")) return false;
    bool ok = works(quick, zvm_isolate_submit(isolate), "zvm_isolate_submit") &&
              finish(quick, isolate, end);
    if (!ok) {
        zvm_isolate_cancel(isolate);
        zvm_runtime_drain(quick->runtime);
    }
    return works(quick, zvm_isolate_destroy(isolate), "zvm_isolate_destroy") && ok;
}

static zvm_code *compile(struct quick *quick, const char *program)
{
    zvm_code *code = NULL;
    zvm_status status = zvm_code_from_source(quick->runtime, "selftest", program, strlen(program),
                                             NULL, NULL, &code);
    works(quick, status, "zvm_code_from_source");
    return code;
}

static bool run_text(struct quick *quick, const char *program, zvm_isolate_options options,
                     struct end *end)
{
    zvm_code *code = compile(quick, program);
    if (code == NULL) return false;
    bool ok = run_code(quick, code, options, end);
    zvm_code_release(code);
    return ok;
}

static void expect_output(struct quick *quick, const struct end *end, const char *text)
{
    expect(quick, end->result.status == ZVM_OK, "the program to end well, not by %s", end->kind);
    bool is_same =
        end->output_bytes == strlen(text) && memcmp(end->output, text, end->output_bytes) == 0;
    expect(quick, is_same, "output '%.60s', got '%.*s'", text,
           (int)(end->output_bytes < 60 ? end->output_bytes : 60), end->output);
}

// ---- Language ---------------------------------------------------------------------------------

static const char language_program[] =
    "data Point {\n"
    "    x: int\n"
    "    y: int = 2\n"
    "    method sum() { return this.x + this.y }\n"
    "}\n"
    "function counter() { let n = 0\n"
    "    return () => { n += 1\n"
    "        return n } }\n"
    "let next = counter()\n"
    "next()\n"
    "print(next(), 7 / 2, 7 % 3, 2 ** 10, 0.1 + 0.2)\n"
    "let m = { b: 1, a: [1, 2, 3] }\n"
    "print(m, m.a.map(x => x * x), \"${m.b} of ${len(m)}\")\n"
    "print(Point(40).sum(), match Point(1) { Point(a, b) => a + b, _ => 0 })\n"
    "try { 9223372036854775807 + 1 } catch (e) { print(e.kind) } finally { print(\"finally\") }\n"
    "async function twice(n) { return n * 2 }\n"
    "print(await twice(21), sort([3, 1, 2]), \"\\u{e4}\".len())\n";

static const char language_output[] = "2 3 1 1024 0.30000000000000004\n"
                                      "{b: 1, a: [1, 2, 3]} [1, 4, 9] 1 of 2\n"
                                      "42 3\n"
                                      "OverflowError\n"
                                      "finally\n"
                                      "42 [1, 2, 3] 1\n";

static void check_language(struct quick *quick)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    struct end end;
    const char *program = quick->is_planted ? "print(1)" : language_program;
    if (!run_text(quick, program, options, &end)) return;
    expect_output(quick, &end, language_output);
    snprintf(quick->detail, sizeof quick->detail, "%" PRIu64 " of fuel, %zu bytes as they must be",
             end.result.fuel_used, end.output_bytes);
}

// ---- Compiled files ---------------------------------------------------------------------------

struct bytes {
    unsigned char *items; // [count]
    size_t count;
};

// A zvm_write_fn. context: struct bytes.
static bool keep_bytes(void *context, const char *text, size_t length_bytes)
{
    struct bytes *bytes = context;
    unsigned char *items = realloc(bytes->items, bytes->count + length_bytes);
    if (items == NULL) return false;
    memcpy(items + bytes->count, text, length_bytes);
    bytes->items = items;
    bytes->count += length_bytes;
    return true;
}

static void run_bytes(struct quick *quick, const struct bytes *bytes)
{
    zvm_code *code = NULL;
    zvm_status status = zvm_code_from_bytes(quick->runtime, "selftest", bytes->items, bytes->count,
                                            NULL, NULL, &code);
    if (!works(quick, status, "zvm_code_from_bytes")) return;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    struct end end;
    if (run_code(quick, code, options, &end)) expect_output(quick, &end, language_output);
    zvm_code_release(code);
}

// Each damaged copy must be refused; a planted one is not damaged.
static void expect_refusals(struct quick *quick, struct bytes *bytes)
{
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 64; i++) {
        size_t at = bytes->count * i / 64;
        unsigned char mask = (unsigned char)(quick->is_planted ? 0u : 1u << i % 8);
        bytes->items[at] ^= mask;
        zvm_code *code = NULL;
        zvm_status status = zvm_code_from_bytes(quick->runtime, "selftest", bytes->items,
                                                bytes->count, NULL, NULL, &code);
        bytes->items[at] ^= mask;
        if (status != ZVM_OK) refused++;
        zvm_code_release(code);
    }
    expect(quick, refused == 64, "64 of 64 damaged copies to be refused, %u were", refused);
    snprintf(quick->detail, sizeof quick->detail, "%zu bytes; %u damaged copies refused",
             bytes->count, refused);
}

static void check_compiled(struct quick *quick)
{
    zvm_code *code = compile(quick, language_program);
    if (code == NULL) return;
    struct bytes bytes = {NULL, 0};
    if (works(quick, zvm_code_serialize(code, keep_bytes, &bytes), "zvm_code_serialize")) {
        run_bytes(quick, &bytes);
        expect_refusals(quick, &bytes);
    }
    zvm_code_release(code);
    free(bytes.items);
}

// ---- Collection -------------------------------------------------------------------------------

static void check_collection(struct quick *quick)
{
    static const char program[] = "let kept = []\n"
                                  "for each i in range(30000) {\n"
                                  "    kept = [kept.len(), \"text ${i}\", { key: i }]\n"
                                  "}\n"
                                  "print(kept)\n";
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = COLLECTED_BYTES;
    struct end end;
    const char *text = quick->is_planted ? "print([3, \"text 29999\", {\"key\": 29999}])" : program;
    if (!run_text(quick, text, options, &end)) return;
    const zvm_result *result = &end.result;
    expect_output(quick, &end, "[3, text 29999, {key: 29999}]\n");
    expect(quick, result->collections > 0, "collections, there was none");
    expect(quick, result->allocated_bytes > 10 * COLLECTED_BYTES,
           "more allocated than %" PRIu64 " B", result->allocated_bytes);
    expect(quick, result->heap_peak_bytes <= COLLECTED_BYTES,
           "a heap of at most %u B, got %" PRIu64, COLLECTED_BYTES, result->heap_peak_bytes);
    expect(quick, result->allocated_bytes - result->freed_bytes == result->heap_live_bytes,
           "allocated - freed = live, got %" PRIu64 " - %" PRIu64 " and %" PRIu64,
           result->allocated_bytes, result->freed_bytes, result->heap_live_bytes);
    snprintf(quick->detail, sizeof quick->detail,
             "%.1f MiB allocated in %u KiB, %" PRIu64 " collections",
             (double)result->allocated_bytes / 1048576, COLLECTED_BYTES / 1024,
             result->collections);
}

// ---- Limits -----------------------------------------------------------------------------------

// Ends by this status, and, when kind is not NULL, by an error of this kind.
static void expect_end(struct quick *quick, const char *program, zvm_isolate_options options,
                       zvm_status status, const char *kind, struct end *end)
{
    if (!run_text(quick, program, options, end)) return;
    expect(quick, end->result.status == status, "'%s', got '%s'", zvm_status_text(status),
           zvm_status_text(end->result.status));
    if (kind != NULL) expect(quick, strcmp(end->kind, kind) == 0, "%s, got %s", kind, end->kind);
}

static void check_limits(struct quick *quick)
{
    struct end end;
    zvm_isolate_options fuel = ZVM_ISOLATE_OPTIONS_INIT;
    fuel.fuel_limit = quick->is_planted ? 2 * FUEL : FUEL;
    expect_end(quick, "while true { }", fuel, ZVM_E_FUEL, NULL, &end);
    expect(quick, end.result.fuel_used <= FUEL, "at most %u of fuel, used %" PRIu64, FUEL,
           end.result.fuel_used);
    zvm_isolate_options heap = ZVM_ISOLATE_OPTIONS_INIT;
    heap.heap_limit_bytes = COLLECTED_BYTES;
    expect_end(quick, "let s = \"x\"\nwhile true { s += s }", heap, ZVM_E_HEAP_LIMIT,
               "HeapLimitError", &end);
    expect(quick, end.result.heap_peak_bytes <= COLLECTED_BYTES, "a heap of at most %u B",
           COLLECTED_BYTES);
    zvm_isolate_options depth = ZVM_ISOLATE_OPTIONS_INIT;
    depth.max_depth = DEPTH;
    expect_end(quick, "function f() { return f() + 1 }\nf()", depth, ZVM_E_ERROR,
               "StackOverflowError", &end);
    zvm_isolate_options output = ZVM_ISOLATE_OPTIONS_INIT;
    output.output_limit_bytes = 100;
    expect_end(quick, "while true { print(\"1234567\") }", output, ZVM_E_OUTPUT_LIMIT, NULL, &end);
    expect(quick, end.output_bytes <= 100, "at most 100 B of output, got %zu", end.output_bytes);
    zvm_isolate_options timeout = ZVM_ISOLATE_OPTIONS_INIT;
    timeout.timeout_ns = 20000000;
    expect_end(quick, "try { while true { } } finally { while true { } }", timeout, ZVM_E_TIMEOUT,
               NULL, &end);
    zvm_isolate_options cpu = ZVM_ISOLATE_OPTIONS_INIT;
    cpu.cpu_limit_ns = 10000000;
    expect_end(quick, "while true { }", cpu, ZVM_E_CPU_TIME, NULL, &end);
    snprintf(quick->detail, sizeof quick->detail,
             "fuel, memory, calls, output, time and CPU time end a program");
}

// ---- Interning --------------------------------------------------------------------------------

static zvm_isolate *hold_keys(struct quick *quick, zvm_code *code, int64_t id)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.id = id;
    zvm_isolate *isolate = NULL;
    struct end end;
    if (!works(quick, zvm_isolate_create(quick->runtime, code, &options, &isolate), "creation"))
        return NULL;
    if (works(quick, zvm_isolate_submit(isolate), "submission")) finish(quick, isolate, &end);
    return isolate;
}

static uint64_t count_symbols(struct quick *quick)
{
    zvm_intern_figures figures = ZVM_INTERN_FIGURES_INIT;
    works(quick, zvm_intern_stats(quick->runtime, &figures), "zvm_intern_stats");
    return figures.count;
}

// Two isolates with the same keys hold them once.
static void expect_shared(struct quick *quick)
{
    zvm_code *code =
        compile(quick, "let m = {}\n"
                       "for each i in range(300) { m[\"key ${isolate_id()} ${i}\"] = i }");
    if (code == NULL) return;
    uint64_t before = count_symbols(quick);
    zvm_isolate *first = hold_keys(quick, code, 7);
    uint64_t after_first = count_symbols(quick);
    zvm_isolate *second = hold_keys(quick, code, quick->is_planted ? 8 : 7);
    uint64_t after_second = count_symbols(quick);
    expect(quick, after_first == before + SYMBOLS, "%u new symbols, got %" PRIu64, SYMBOLS,
           after_first - before);
    expect(quick, after_second == after_first, "none for the same keys again, got %" PRIu64,
           after_second - after_first);
    works(quick, zvm_isolate_destroy(first), "zvm_isolate_destroy");
    works(quick, zvm_isolate_destroy(second), "zvm_isolate_destroy");
    zvm_code_release(code);
}

static void check_interning(struct quick *quick)
{
    expect_shared(quick);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.intern_limit_count = SYMBOLS;
    struct end end;
    expect_end(quick, "let m = {}\nfor each i in range(1000) { m[\"other ${i}\"] = i }", options,
               ZVM_E_ERROR, "InternLimitError", &end);
    snprintf(quick->detail, sizeof quick->detail, "%u keys of two isolates held once; limit kept",
             SYMBOLS);
}

// ---- Workers ----------------------------------------------------------------------------------

// Runs a crowd whose results are their numbers' squares. Returns how many were right.
static uint32_t run_crowd(struct quick *quick, zvm_code *code, zvm_isolate **isolates)
{
    uint32_t right = 0;
    for (uint32_t i = 0; i < CROWD; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        zvm_status status = zvm_isolate_create(quick->runtime, code, &options, &isolates[i]);
        if (!works(quick, status, "zvm_isolate_create")) return 0;
        if (!works(quick, zvm_isolate_submit(isolates[i]), "zvm_isolate_submit")) return 0;
    }
    if (!works(quick, zvm_runtime_drain(quick->runtime), "zvm_runtime_drain")) return 0;
    for (uint32_t i = 0; i < CROWD; i++) {
        zvm_value value;
        zvm_status status = zvm_isolate_get_global(isolates[i], "square", &value);
        if (status == ZVM_OK && value.integer == (int64_t)i * i) right++;
    }
    return right;
}

static void check_workers(struct quick *quick)
{
    zvm_code *code =
        compile(quick, quick->is_planted ? "let square = 0" : "let square = isolate_id() ** 2");
    zvm_isolate **isolates = calloc(CROWD, sizeof(zvm_isolate *));
    if (code != NULL && expect(quick, isolates != NULL, "memory")) {
        uint32_t right = run_crowd(quick, code, isolates);
        expect(quick, right == CROWD, "%u right results, got %u", CROWD, right);
        zvm_runtime_drain(quick->runtime);
        for (uint32_t i = 0; i < CROWD; i++)
            works(quick, zvm_isolate_destroy(isolates[i]), "zvm_isolate_destroy");
    }
    zvm_code_release(code);
    free(isolates);
    zvm_report report = ZVM_REPORT_INIT;
    if (!works(quick, zvm_report_take(quick->runtime, &report), "zvm_report_take")) return;
    expect(quick, report.worker_count == quick->options->worker_count, "%u workers, got %u",
           quick->options->worker_count, report.worker_count);
    snprintf(quick->detail, sizeof quick->detail, "%u started; %u isolates right",
             report.worker_count, CROWD);
}

// ---- Reports ----------------------------------------------------------------------------------

static void run_mixed(struct quick *quick)
{
    static const char *const programs[] = {"print(1)", "none()", "while true { }",
                                           "let s = \"x\"\nwhile true { s += s }"};
    for (uint32_t i = 0; i < 40; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.fuel_limit = FUEL;
        options.heap_limit_bytes = COLLECTED_BYTES;
        struct end end;
        if (!run_text(quick, programs[i % 4], options, &end)) return;
    }
}

static void check_reports(struct quick *quick)
{
    run_mixed(quick);
    zvm_report report = ZVM_REPORT_INIT;
    if (!works(quick, zvm_runtime_drain(quick->runtime), "zvm_runtime_drain")) return;
    if (!works(quick, zvm_report_take(quick->runtime, &report), "zvm_report_take")) return;
    const zvm_report_counters *sum = &report.totals;
    uint64_t wanted = quick->is_planted ? 11 : 10;
    expect(quick, sum->isolates_succeeded == wanted,
           "%" PRIu64 " isolates that ended well, got %" PRIu64, wanted, sum->isolates_succeeded);
    expect(quick, sum->failed_error == 10 && sum->failed_fuel == 10 && sum->failed_heap_limit == 10,
           "10 of each failure, got %" PRIu64 ", %" PRIu64 " and %" PRIu64, sum->failed_error,
           sum->failed_fuel, sum->failed_heap_limit);
    expect(quick, sum->isolates_created == sum->isolates_destroyed, "created = destroyed");
    expect(quick, sum->isolates_finished == 40, "40 finished, got %" PRIu64,
           sum->isolates_finished);
    expect(quick, sum->allocated_bytes == sum->freed_bytes,
           "allocated = freed when nothing is left, got %" PRIu64 " and %" PRIu64,
           sum->allocated_bytes, sum->freed_bytes);
    expect(quick, sum->output_bytes == 20, "20 B of output, got %" PRIu64, sum->output_bytes);
    expect(quick, report.isolates_in_flight == 0, "none in flight");
    snprintf(quick->detail, sizeof quick->detail,
             "created = destroyed, finished = well + failed, allocated = freed: %" PRIu64 " B",
             sum->allocated_bytes);
}

// ---- The table --------------------------------------------------------------------------------

static const struct {
    const char *name, *about;
    void (*check)(struct quick *quick);
} checks[] = {
    {"language", "a program of all parts of the language prints what it must", check_language},
    {"compiled", "a compiled program runs the same; damaged ones are refused", check_compiled},
    {"collection", "memory is used again, and the limit kept", check_collection},
    {"limits", "each limit ends a program in its own way", check_limits},
    {"interning", "isolates share equal keys, up to their limit", check_interning},
    {"workers", "all threads start, and many isolates get their results", check_workers},
    {"reports", "the sums of a report agree with each other", check_reports},
};

enum { CHECKS = sizeof checks / sizeof checks[0] };

const char *cli_quick_name(uint32_t index)
{
    return index < CHECKS ? checks[index].name : NULL;
}

const char *cli_quick_about(uint32_t index)
{
    return index < CHECKS ? checks[index].about : NULL;
}

static void print_quick(const struct quick *quick, const char *name, bool as_json)
{
    bool holds = quick->failure[0] == '\0';
    if (as_json) {
        printf("{\"check\":\"%s\",\"passed\":%s,\"text\":", name, holds ? "true" : "false");
        cli_json_string(stdout, holds ? quick->detail : quick->failure);
        printf("}\n");
    } else {
        printf("%s %-16s %s%s\n", holds ? "PASS" : "FAIL", name,
               holds ? "" : "expected: ", holds ? quick->detail : quick->failure);
    }
    (void)fflush(stdout);
}

static bool run_check(const struct cli_selftest_options *options, uint32_t index)
{
    struct quick quick = {.options = options};
    quick.is_planted = cli_selftest_is_planted(options, checks[index].name);
    zvm_runtime_options wanted = ZVM_RUNTIME_OPTIONS_INIT;
    wanted.worker_count = options->worker_count;
    if (works(&quick, zvm_runtime_create(&wanted, &quick.runtime), "zvm_runtime_create"))
        checks[index].check(&quick);
    zvm_runtime_destroy(quick.runtime);
    print_quick(&quick, checks[index].name, options->as_json);
    return quick.failure[0] == '\0';
}

uint32_t cli_selftest_quick(const struct cli_selftest_options *options)
{
    uint32_t failed = 0;
    for (uint32_t i = 0; i < CHECKS; i++) {
        if (options->only != NULL && strcmp(options->only, checks[i].name) != 0) continue;
        if (!run_check(options, i)) failed++;
    }
    return failed;
}
