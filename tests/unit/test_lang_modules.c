// Goal: modules are compiled once and shared, are given back with the last program, never grow stale,
// and any number of them, in any order, from several threads, links into a program that works.
// Method: modules in memory; what the table of units counts; programs run to their end.
#include "code_fixture.h"
#include "module_fixture.h"

#include "lang/module_internal.h"

#include <pthread.h>
#include <sched.h>

struct bench {
    struct machine m;
    struct zmodules *modules;
};

static int open_bench(void **state)
{
    struct bench *b = z_alloc_zeroed(sizeof *b);
    assert_non_null(b);
    machine_open(&b->m);
    assert_int_equal(zmodules_create(&b->modules), ZVM_OK);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    zmodules_destroy(b->modules);
    machine_close(&b->m);
    z_free(b, sizeof *b);
    return 0;
}

static zvm_status try_compile(struct bench *b, const struct zmodule_source *source,
                              const char *text, struct zcode **out)
{
    zstrbuf_clear(&b->m.found);
    struct zdiagnostics diagnostics = {.file_name = "main.zx",
                                       .text = text,
                                       .length_bytes = strlen(text),
                                       .write = machine_collect,
                                       .context = &b->m.found};
    zvm_status status = zlang_compile_program(b->m.intern, &diagnostics, source, out);
    assert_int_equal(diagnostics.count > 0, status == ZVM_E_SYNTAX);
    return status;
}

static struct zcode *compile_from(struct bench *b, const struct zmodule_source *source,
                                  const char *text)
{
    struct zcode *code = NULL;
    zvm_status status = try_compile(b, source, text, &code);
    if (status != ZVM_OK) fail_msg("status %d: %s", (int)status, zstrbuf_text(&b->m.found));
    return code;
}

static struct zcode *compile_with(struct bench *b, const struct module_file *files,
                                  const char *text)
{
    struct zmodule_source source = module_source(b->modules, files);
    return compile_from(b, &source, text);
}

// Compiles what must fail; the findings.
static const char *findings_of(struct bench *b, const struct module_file *files, const char *text)
{
    struct zmodule_source source = module_source(b->modules, files);
    struct zcode *code = NULL;
    assert_int_equal(try_compile(b, &source, text, &code), ZVM_E_SYNTAX);
    assert_null(code);
    return zstrbuf_text(&b->m.found);
}

static void expect_run(struct bench *b, struct zcode *code, const char *printed)
{
    struct ending ending = machine_run(&b->m, code);
    if (ending.status != ZVM_OK)
        fail_msg("%u:%u: %s: %s", ending.line, ending.column, ending.kind, ending.message);
    assert_string_equal(zstrbuf_text(&b->m.printed), printed);
}

static void expect_stats(struct bench *b, uint64_t kept, uint64_t compiled, uint64_t shared)
{
    struct zmodules_stats stats;
    zmodules_stats(b->modules, &stats);
    assert_int_equal(stats.kept, kept);
    assert_int_equal(stats.compiled, compiled);
    assert_int_equal(stats.shared, shared);
}

// ---- Sharing ------------------------------------------------------------------------------------

static const struct module_file DIAMOND[] = {
    {"left.zx", "use './base.zx' as base\nexport action go() { return base.bump() }\n"},
    {"right.zx", "use { bump } from './base.zx'\nexport action go() { return bump() }\n"},
    {"base.zx", "print 'base'\nexport let n = 0\nexport action bump() { n += 1; return n }\n"},
    {NULL, NULL},
};

static const char DIAMOND_MAIN[] = "use './left.zx' as left\nuse './right.zx' as right\n"
                                   "use { n } from './base.zx'\nprint left.go(), right.go(), n\n";

static void test_module_two_programs_share_one_and_the_last_gives_it_back(void **state)
{
    struct bench *b = *state;
    struct zcode *first = compile_with(b, DIAMOND, DIAMOND_MAIN);
    expect_stats(b, 3, 3, 0);
    struct zcode *second = compile_with(b, DIAMOND, "use './base.zx' as b\nprint b.bump()\n");
    expect_stats(b, 3, 3, 1);
    zcode_release(first);
    expect_stats(b, 1, 3, 1);
    expect_run(b, second, "base\n1\n");
    zcode_release(second);
    expect_stats(b, 0, 3, 1);
}

static void test_module_state_is_shared_in_an_isolate_and_not_between_isolates(void **state)
{
    struct bench *b = *state;
    struct zcode *code = compile_with(b, DIAMOND, DIAMOND_MAIN);
    expect_run(b, code, "base\n1 2 2\n");
    expect_run(b, code, "base\n1 2 2\n");
    zcode_release(code);
}

static void test_module_that_changed_is_another_one(void **state)
{
    struct bench *b = *state;
    struct module_file files[] = {{"a.zx", "use './b.zx' as b\nexport const v = b.v\n"},
                                  {"b.zx", "export const v = 1\n"},
                                  {NULL, NULL}};
    const char *text = "use './a.zx' as a\nprint a.v\n";
    struct zcode *before = compile_with(b, files, text);
    files[1].text = "let hidden = 0\nexport let v = 2\nv += 1\n"; // another slot, no longer fixed
    struct zcode *after = compile_with(b, files, text);
    expect_stats(b, 4, 4, 0); // what uses it is new as well
    expect_run(b, after, "3\n");
    expect_run(b, before, "1\n");
    zcode_release(before);
    files[1].text = "export const w = 1\n";
    assert_non_null(strstr(findings_of(b, files, text), "a.zx:2:20: error: 'v' is not exported"));
    expect_stats(b, 2, 5, 0); // b.zx was compiled and given back
    zcode_release(after);
    expect_stats(b, 0, 5, 0);
}

static void test_module_that_fails_is_not_kept(void **state)
{
    struct bench *b = *state;
    const struct module_file files[] = {
        {"good.zx", "export const v = 1\n"},
        {"bad.zx", "use './good.zx' as g\nlet a = 1\nconst a = 2\n"},
        {NULL, NULL}};
    const char *text = "use './good.zx' as g\nuse './bad.zx' as b\n";
    for (int i = 0; i < 2; i++) {
        assert_string_equal(
            findings_of(b, files, text),
            "bad.zx:3:7: error: 'a' is already declared in this scope, and one of the two is a "
            "const; choose another name\n    const a = 2\n          ^\n"
            "main.zx:2:5: note: bad.zx is used here\n");
    }
    expect_stats(b, 0, 2, 0);
}

struct racer {
    struct bench *b;
    const struct module_file *files;
    pthread_barrier_t *start;
    struct zcode *code;
    zvm_status status;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct zdiagnostics diagnostics = {
        .file_name = "main.zx", .text = DIAMOND_MAIN, .length_bytes = strlen(DIAMOND_MAIN)};
    struct zmodule_source source = module_source(racer->b->modules, racer->files);
    pthread_barrier_wait(racer->start);
    racer->status = zlang_compile_program(racer->b->m.intern, &diagnostics, &source, &racer->code);
    return NULL;
}

#define RACERS 3

static void test_module_threads_compile_each_once(void **state)
{
    struct bench *b = *state;
    for (uint64_t round = 1; round <= 30; round++) {
        pthread_barrier_t start;
        assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
        pthread_t threads[RACERS];
        struct racer racers[RACERS];
        for (int i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){.b = b, .files = DIAMOND, .start = &start};
            assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (int i = 0; i < RACERS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(racers[i].status, ZVM_OK);
        }
        expect_stats(b, 3, 3 * round, 3 * (RACERS - 1) * round);
        expect_run(b, racers[0].code, "base\n1 2 2\n");
        for (int i = 0; i < RACERS; i++)
            zcode_release(racers[i].code);
        expect_stats(b, 0, 3 * round, 3 * (RACERS - 1) * round);
        pthread_barrier_destroy(&start);
    }
}

static void test_module_threads_load_and_unload_at_once(void **state)
{
    struct bench *b = *state;
    for (int round = 0; round < 20; round++) {
        pthread_barrier_t start;
        assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
        struct racer racer = {.b = b, .files = DIAMOND, .start = &start};
        struct zcode *held = compile_with(b, DIAMOND, DIAMOND_MAIN);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
        pthread_barrier_wait(&start);
        zcode_release(held);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(racer.status, ZVM_OK);
        expect_run(b, racer.code, "base\n1 2 2\n");
        zcode_release(racer.code);
        struct zmodules_stats stats;
        zmodules_stats(b->modules, &stats);
        assert_int_equal(stats.kept, 0);
        pthread_barrier_destroy(&start);
    }
}

// One thread builds a unit while another one wants the same: whatever the timing, that one gets it when it
// is built, and builds it itself when that failed.
struct waiter {
    struct zmodules *modules;
    pthread_barrier_t *start;
    struct zunit *unit;
    bool is_builder, was_ready;
};

static void *claim_same(void *context)
{
    struct waiter *waiter = context;
    pthread_barrier_wait(waiter->start);
    waiter->is_builder = zmodules_claim(waiter->modules, &waiter->unit);
    waiter->was_ready = waiter->unit->state == ZUNIT_READY;
    if (waiter->is_builder) zmodules_built(waiter->modules, waiter->unit, true);
    return NULL;
}

static void build_while_another_waits(struct bench *b, bool is_good)
{
    pthread_barrier_t start;
    pthread_t thread;
    assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
    struct waiter waiter = {
        .modules = b->modules, .start = &start, .unit = zunit_create("m.zx", "text", 4, 0)};
    struct zunit *unit = zunit_create("m.zx", "text", 4, 0);
    assert_true(zmodules_claim(b->modules, &unit));
    assert_int_equal(pthread_create(&thread, NULL, claim_same, &waiter), 0);
    pthread_barrier_wait(&start);
    for (int i = 0; i < 1000; i++)
        sched_yield(); // so that it most often waits by now
    zmodules_built(b->modules, unit, is_good);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(waiter.is_builder, !is_good);
    assert_int_equal(waiter.was_ready, is_good);
    assert_int_equal(waiter.unit == unit, is_good);
    zunit_release(b->modules, unit);
    zunit_release(b->modules, waiter.unit);
    pthread_barrier_destroy(&start);
}

static void test_unit_is_waited_for_while_another_thread_builds_it(void **state)
{
    struct bench *b = *state;
    build_while_another_waits(b, true);
    expect_stats(b, 0, 1, 1);
    build_while_another_waits(b, false);
    expect_stats(b, 0, 2, 1);
}

// ---- Shapes of use ------------------------------------------------------------------------------

// Module N uses module N + 1; the last one uses nothing, or what context says.
struct chain {
    unsigned count;
    const char *last;
};

static zvm_status load_chain(void *context, const char *path, zvm_module_request *request)
{
    const struct chain *chain = context;
    unsigned number;
    char text[200];
    assert_int_equal(sscanf(path, "%u.zx", &number), 1);
    if (number + 1 < chain->count)
        (void)snprintf(text, sizeof text,
                       "use { v as next } from './%u.zx'\nexport const v = next + 1\n", number + 1);
    else
        (void)snprintf(text, sizeof text, "%s", chain->last);
    return zvm_module_give(request, path, text, strlen(text));
}

static void test_module_chain_of_thousands_needs_no_stack(void **state)
{
    struct bench *b = *state;
    struct chain chain = {5000, "export const v = 1\n"};
    struct zmodule_source source = module_source(b->modules, NULL);
    source.load = load_chain;
    source.context = &chain;
    struct zcode *code = compile_from(b, &source, "use './0.zx' as first\nprint first.v\n");
    expect_stats(b, 5000, 5000, 0);
    expect_run(b, code, "5000\n");
    struct zcode *again = compile_from(b, &source, "use './0.zx' as first\n");
    expect_stats(b, 5000, 5000, 5000);
    zcode_release(code);
    zcode_release(again);
    expect_stats(b, 0, 5000, 5000);
}

static void test_module_circle_names_the_uses_that_close_it(void **state)
{
    struct bench *b = *state;
    const struct module_file files[] = {{"lib/a.zx", "\nuse './b.zx' as b\n"},
                                        {"lib/b.zx", "use '../c.zx' as c\n"},
                                        {"c.zx", "let x = 1;  use './lib/a.zx' as a\n"},
                                        {NULL, NULL}};
    assert_string_equal(
        findings_of(b, files, "use './lib/a.zx' as a\n"),
        "c.zx:1:17: error: cannot use module \"./lib/a.zx\": modules cannot use each other in a "
        "circle, and this one is still being loaded\n"
        "    let x = 1;  use './lib/a.zx' as a\n                    ^^^^^^^^^^^^\n"
        "lib/b.zx:1:5: note: c.zx is used here\n"
        "lib/a.zx:2:5: note: lib/b.zx is used here\n"
        "main.zx:1:5: note: lib/a.zx is used here\n");
}

static void test_module_long_way_to_a_finding_is_cut(void **state)
{
    struct bench *b = *state;
    struct chain chain = {100, "use './nowhere/x.zx' as x\nlet 1\n"};
    struct zmodule_source source = module_source(b->modules, NULL);
    source.load = load_chain;
    source.context = &chain;
    struct zcode *code = NULL;
    assert_int_equal(try_compile(b, &source, "use './0.zx' as first\n", &code), ZVM_E_SYNTAX);
    const char *found = zstrbuf_text(&b->m.found);
    assert_non_null(strstr(found, "99.zx:2:5: error: "));
    assert_non_null(strstr(found, "98.zx:1:24: note: 99.zx is used here\n"));
    assert_non_null(strstr(found, "79.zx:1:24: note: 80.zx is used here\n"));
    assert_null(strstr(found, "78.zx:1:24"));
    assert_non_null(strstr(found, "main.zx: note: reached by 80 more uses\n"));
}

// ---- Loaders ------------------------------------------------------------------------------------

// One module under any name; counts how often it is asked for.
static zvm_status load_one(void *context, const char *path, zvm_module_request *request)
{
    (void)path;
    ++*(int *)context;
    return zvm_module_give(request, "one.zx", "print 'one'\nexport let n = 0\n", 29);
}

static void test_loader_one_module_under_several_names_is_one(void **state)
{
    struct bench *b = *state;
    int count = 0;
    struct zmodule_source source = module_source(b->modules, NULL);
    source.load = load_one;
    source.context = &count;
    struct zcode *code =
        compile_from(b, &source, "use './x.zx' as x\nuse './y.zx' as y\nuse './one.zx' as o\n");
    assert_int_equal(count, 2);
    expect_stats(b, 1, 1, 0);
    expect_run(b, code, "one\n");
    zcode_release(code);
}

static zvm_status load_wrongly(void *context, const char *path, zvm_module_request *request)
{
    (void)context;
    if (strcmp(path, "nothing.zx") == 0) return ZVM_OK;
    if (strcmp(path, "refused.zx") == 0) {
        zvm_module_refuse(request, "the library is closed");
        return ZVM_E_CLOSED;
    }
    if (strcmp(path, "silent.zx") == 0) return ZVM_E_CLOSED;
    static const char *const bad[] = {"", "/a", "a/", "a//b", "./a", "../a", "a/..", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(zvm_module_give(request, bad[i], "", 0), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_module_give(NULL, path, "", 0), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_module_give(request, path, NULL, 1), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_module_give(request, NULL, "export let a = 1\n", 17), ZVM_OK);
    assert_int_equal(zvm_module_give(request, NULL, "", 0), ZVM_E_STATE);
    zvm_module_refuse(request, NULL);
    zvm_module_refuse(NULL, "x");
    return ZVM_OK;
}

static void test_loader_wrong_use_is_a_status_or_a_finding(void **state)
{
    struct bench *b = *state;
    struct zmodule_source source = module_source(b->modules, NULL);
    source.load = load_wrongly;
    source.prefix = "lib/";
    struct zcode *code = NULL;
    assert_int_equal(try_compile(b, &source, "use './nothing.zx' as n\n", &code), ZVM_E_SYNTAX);
    assert_non_null(strstr(zstrbuf_text(&b->m.found),
                           "main.zx:1:5: error: cannot use module \"./nothing.zx\": there is no "
                           "such module (lib/nothing.zx)\n"));
    assert_int_equal(try_compile(b, &source, "use './refused.zx' as n\n", &code), ZVM_E_SYNTAX);
    assert_non_null(strstr(zstrbuf_text(&b->m.found), ": the library is closed (lib/refused.zx)"));
    assert_int_equal(try_compile(b, &source, "use './silent.zx' as n\n", &code), ZVM_E_SYNTAX);
    assert_non_null(strstr(zstrbuf_text(&b->m.found), zvm_status_text(ZVM_E_CLOSED)));
    code = compile_from(b, &source, "use { a } from './right.zx'\nprint a\n");
    expect_run(b, code, "1\n");
    zcode_release(code);
}

static void test_program_without_loader_uses_no_module(void **state)
{
    struct bench *b = *state;
    struct zcode *code = NULL;
    assert_int_equal(try_compile(b, NULL, "use './a.zx' as a\n", &code), ZVM_E_SYNTAX);
    assert_non_null(strstr(zstrbuf_text(&b->m.found), "without a folder for modules"));
    struct zast_program program;
    struct zdiagnostics diagnostics = {.text = "use './a.zx' as a\n", .length_bytes = 18};
    assert_int_equal(zlang_parse(&diagnostics, &program), ZVM_E_SYNTAX);
}

// ---- Paths --------------------------------------------------------------------------------------

static void test_paths_are_worked_out_as_text(void **state)
{
    struct bench *b = *state;
    const struct module_file files[] = {{"a/b/m.zx",
                                         "use '../../n.zx' as n\nuse './.././b/./../c.zx' as c\n"
                                         "export const v = n.v + c.v\n"},
                                        {"n.zx", "export const v = 1\n"},
                                        {"a/c.zx", "export const v = 2\n"},
                                        {"a/up.zx", "use '../../n.zx' as n\n"},
                                        {NULL, NULL}};
    struct zcode *code = compile_with(b, files, "use './x/../a/b/m.zx' as m\nprint m.v\n");
    expect_run(b, code, "3\n");
    zcode_release(code);
    assert_non_null(strstr(findings_of(b, files, "use './a/up.zx' as u\n"),
                           "a/up.zx:1:5: error: cannot use module \"../../n.zx\": the path leads "
                           "above the root folder\n"));
    static const char *const bad[] = {"./",     "../",       "./a/",    ".",        "..",
                                      "./a//b", "./..",      "./a/..",  "a.zx",     "",
                                      "/a",     ".\\\\a.zx", "./a\\nb", "./\\u{1}", "./a\\u{202E}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[60];
        (void)snprintf(text, sizeof text, "use '%s' as m\n", bad[i]);
        assert_non_null(strstr(findings_of(b, files, text), "main.zx:1:5: error: "));
    }
}

static zvm_status load_any(void *context, const char *path, zvm_module_request *request)
{
    (void)context;
    return zvm_module_give(request, path, "", 0);
}

static void test_path_at_its_limit_works_and_above_is_refused(void **state)
{
    struct bench *b = *state;
    struct zmodule_source source = module_source(b->modules, NULL);
    source.load = load_any;
    for (size_t bytes = 1023; bytes <= 1025; bytes++) {
        char path[1100], text[1200];
        memset(path, 'x', bytes);
        memcpy(path, "./", 2);
        path[bytes] = '\0';
        (void)snprintf(text, sizeof text, "use '%s' as m\n", path);
        struct zcode *code = NULL;
        assert_int_equal(try_compile(b, &source, text, &code),
                         bytes <= 1024 ? ZVM_OK : ZVM_E_SYNTAX);
        zcode_release(code);
    }
}

// ---- Limits, and what the host sees --------------------------------------------------------------

static void test_globals_of_all_modules_have_one_limit(void **state)
{
    struct bench *b = *state;
    struct zstrbuf text;
    zstrbuf_init(&text);
    for (int i = 0; i < 40000; i++)
        zstrbuf_add_format(&text, "let a%d = 1\n", i);
    zstrbuf_add_text(&text, "export let last = 7\n");
    struct module_file files[] = {{"a.zx", zstrbuf_text(&text)}, {NULL, NULL}, {NULL, NULL}};
    struct zcode *code = compile_with(b, files, "use './a.zx' as a\nprint a.last\n");
    expect_run(b, code, "7\n");
    zcode_release(code);
    files[1] = (struct module_file){"b.zx", files[0].text};
    assert_non_null(strstr(findings_of(b, files, "use './a.zx' as a\nuse './b.zx' as b\n"),
                           "too many globals (limit 65535)"));
    zstrbuf_deinit(&text);
}

static void test_functions_of_all_modules_have_one_limit(void **state)
{
    struct bench *b = *state;
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_text(&text, "export let fs = [");
    for (int i = 0; i < 40000; i++)
        zstrbuf_add_text(&text, "()=>1,\n");
    zstrbuf_add_text(&text, "]\n");
    const struct module_file files[] = {
        {"a.zx", zstrbuf_text(&text)}, {"b.zx", zstrbuf_text(&text)}, {NULL, NULL}};
    struct zcode *code =
        compile_with(b, files, "use './a.zx' as a\nprint a.fs.len(), a.fs[39999]()\n");
    expect_run(b, code, "40000 1\n");
    zcode_release(code);
    assert_non_null(strstr(findings_of(b, files, "use './a.zx' as a\nuse './b.zx' as b\n"),
                           "too many functions (limit 65535)"));
    zstrbuf_deinit(&text);
}

static void test_code_of_a_module_names_its_file(void **state)
{
    struct bench *b = *state;
    struct zcode *code = compile_with(b, DIAMOND, DIAMOND_MAIN);
    struct zstrbuf text;
    zstrbuf_init(&text);
    zcode_disassemble(code, NULL, 0, &text);
    assert_non_null(strstr(zstrbuf_text(&text), "<module>: 0 parameters"));
    assert_non_null(strstr(zstrbuf_text(&text), ", in base.zx\n"));
    assert_int_equal(code->file_count, 3);
    assert_string_equal(zcode_file_name(code, 0), "main.zx");
    assert_string_equal(zcode_file_name(code, 4), "main.zx");
    zstrbuf_deinit(&text);
    zcode_release(code);
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_module_two_programs_share_one_and_the_last_gives_it_back),
        BENCH_TEST(test_module_state_is_shared_in_an_isolate_and_not_between_isolates),
        BENCH_TEST(test_module_that_changed_is_another_one),
        BENCH_TEST(test_module_that_fails_is_not_kept),
        BENCH_TEST(test_module_threads_compile_each_once),
        BENCH_TEST(test_unit_is_waited_for_while_another_thread_builds_it),
        BENCH_TEST(test_module_threads_load_and_unload_at_once),
        BENCH_TEST(test_module_chain_of_thousands_needs_no_stack),
        BENCH_TEST(test_module_circle_names_the_uses_that_close_it),
        BENCH_TEST(test_module_long_way_to_a_finding_is_cut),
        BENCH_TEST(test_loader_one_module_under_several_names_is_one),
        BENCH_TEST(test_loader_wrong_use_is_a_status_or_a_finding),
        BENCH_TEST(test_program_without_loader_uses_no_module),
        BENCH_TEST(test_paths_are_worked_out_as_text),
        BENCH_TEST(test_path_at_its_limit_works_and_above_is_refused),
        BENCH_TEST(test_globals_of_all_modules_have_one_limit),
        BENCH_TEST(test_functions_of_all_modules_have_one_limit),
        BENCH_TEST(test_code_of_a_module_names_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
