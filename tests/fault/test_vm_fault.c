// Goal: whatever allocation is refused while a program is compiled, started and run, the status
// says so, what was printed is right as far as it goes, nothing leaks, and the same runner, pools
// and symbols then run a program correctly.
// Method: fail the n-th allocation, once and from there on, for n = 1, 2, ... until the body passes
// untouched; over programs that use every part of the machine.
#include "fault/fault.h"

#include "base/strbuf.h"
#include "lang/compile.h"
#include "vm/isolate.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX 4096

struct job {
    const char *text, *expected;
    zvm_status ends; // untouched
};

static const struct job JOBS[] = {
    {"action make(n) { let c = n\n return () => { c += 1\n return c } }\n"
     "let f = make(5)\nf()\nprint(f(), typeof(f), [x => x, f])",
     "7 function [<function anonymous>, <function anonymous>]\n", ZVM_OK},
    {"let m = {}\nfor each i in range(40) { m[\"key number ${i}\"] = [i, \"v\" + string(i)] }\n"
     "m[\"a long key \" * 20] = m\nprint(len(m), m[\"key number 39\"], m.keys()[3])\n"
     "let [a, ...r] = m.values().slice(0, 3)\nprint(a, r)",
     "41 [39, v39] key number 3\n[0, v0] [[1, v1], [2, v2]]\n", ZVM_OK},
    {"let s = \"\"\nfor each i in range(400) { s = s + \"0123456789\" }\nlet u = \"\xc3\xa9\" * "
     "1500\n"
     "print(len(s + u), u[1499], s.slice(-3), s.replace(\"01\", \"\").len(), \"${u}${s}\".len())",
     "5500 \xc3\xa9 789 3200 5500\n", ZVM_OK},
    {"action down(n) { return n == 0 ? [] : [down(n - 1)] }\nlet deep = down(90)\n"
     "print(len(string(deep)), deep == down(90), args)",
     "182 true [one, two]\n", ZVM_OK},
    {"let n = 1\nlet l = range(60)\nprint(l.map(x => x * n).filter(x => x % 7 == 0).reduce((a, x) "
     "=> a + x))\n"
     "print(l.sort((a, b) => b - a)[0], [\"b\", \"a\"].sort(), sort([{k: 2}, {k: 1}], "
     "\"k\")[0].k)\nn = 2",
     "252\n59 [a, b] 1\n", ZVM_OK},
    {"action risky(n) { try { if n > 2 { throw error(\"big \" + string(n), \"Big\") }\n return "
     "[n][n] } "
     "finally { print(\"finally\", n) } }\n"
     "for each n in [0, 1, 3] { try { print(risky(n)) } catch (e) { print(e.kind, e.message, "
     "e.line) } }\n"
     "let l = [1]\nl.push(l)\nthrow {value: l}",
     "finally 0\n0\nfinally 1\nIndexError index 1 out of range for length 1 2\nfinally 3\nBig big "
     "3 1\n",
     ZVM_E_ERROR},
    {"data P { x: int, y = [], z = this_one()\n"
     " method add(n) { return () => { this.x += n\n"
     " return this } } }\n"
     "data Q extends P { w = \"a text\"\n"
     " method add(n) { return () => this.clone() } }\n"
     "action this_one() { return {k: 1} }\n"
     "let l = [P(1), Q(x=2, w=3), P(3, 4, 5)]\n"
     "let bound = l[0].add\n"
     "print(l.map(p => p.add(1)()), bound(2)().x, l.sort(\"x\", true)[0].z)\n"
     "print(l.map(v => match v { Q(a, _, _, b) => a + b, P(3, y, z) => () => y + z, _ => 2 }))\n"
     "try { match l { 1 => 2 } } catch (e) { print(e.message, P, bound) }",
     "[P(x=4, y=[], z={k: 1}), Q(x=2, y=[], z={k: 1}, w=3), P(x=4, y=4, z=5)] 4 {k: 1}\n"
     "[2, 5, 2]\n"
     "no pattern matches [P(x=4, y=[], z={k: 1}), Q(x=2, y=[], z={k: 1}, w=3), P(x=4, y=4, z=5)] "
     "<data P> <function add>\n",
     ZVM_OK},
    {"let total: int = 0\nfor each c in \"h\xc3\xa9llo\" { total += len(c) }\nconst k = "
     "total\nprint(k)\n"
     "action f(x: int) -> int { return x + missing }\nf(k)",
     "5\n", ZVM_E_ERROR},
    {"let held = null\nasync action down(n: int) { return n == 0 ? [held] : [await down(n - 1)] }\n"
     "async action broken(l) { l = l + l\n throw error(\"broken ${len(l)}\", \"Broken\") }\n"
     "let deep = down(60)\nlet tasks = range(50).map(down)\nheld = broken(range(300))\n"
     "for each i in range(2) { try { await held } catch (e) { print(e.kind, e.message, e.line) } "
     "}\n"
     "print(len(string(await deep)), await tasks[3], held)\nawait held",
     "Broken broken 600 4\nBroken broken 600 4\n128 [[[[<task>]]]] <task>\n", ZVM_E_ERROR},
};

#define JOB_COUNT (sizeof JOBS / sizeof JOBS[0])

struct world {
    struct zintern *intern;
    struct zspan_pool *spans;
    struct zrunner runner;
    struct zshared *shared;
    bool has_runner;
    char printed[OUTPUT_MAX]; // not allocated: the output of the test is not under test
    size_t printed_bytes;
};

static bool collect(void *context, const char *text, size_t length_bytes)
{
    struct world *world = context;
    if (length_bytes > OUTPUT_MAX - 1 - world->printed_bytes) return false;
    memcpy(world->printed + world->printed_bytes, text, length_bytes);
    world->printed_bytes += length_bytes;
    world->printed[world->printed_bytes] = '\0';
    return true;
}

static zvm_status open_world(struct world *world)
{
    memset(world, 0, sizeof *world);
    zvm_status status = zintern_create(NULL, &world->intern);
    if (status == ZVM_OK) status = zspan_pool_create(&world->spans);
    if (status != ZVM_OK) return status;
    status = zrunner_init(&world->runner, world->spans);
    world->has_runner = true;
    if (status == ZVM_OK) status = zshared_create(world->intern, &world->shared);
    return status;
}

static void close_world(struct world *world)
{
    zshared_destroy(world->shared);
    if (world->has_runner) zrunner_deinit(&world->runner);
    if (world->spans != NULL) zspan_pool_destroy(world->spans);
    if (world->intern != NULL) zintern_destroy(world->intern);
}

static zvm_status compile(struct world *world, const struct job *job, struct zcode **out)
{
    struct zdiagnostics diagnostics = {
        .file_name = "f.zx", .text = job->text, .length_bytes = strlen(job->text)};
    return zlang_compile(world->intern, &diagnostics, out);
}

// Compiles and runs one program. OK when it came to its own end; what it printed is checked either
// way.
static zvm_status run_job(struct world *world, const struct job *job)
{
    static const char *const arguments[] = {"one", "two"};
    struct zcode *code = NULL;
    world->printed_bytes = 0;
    world->printed[0] = '\0';
    zvm_status status = compile(world, job, &code);
    if (status != ZVM_OK) return status;
    struct zisolate_options options = {.heap_limit_bytes = 16u << 20,
                                       .arguments = arguments,
                                       .argument_count = 2,
                                       .output = collect,
                                       .output_context = world};
    struct zisolate *iso = NULL;
    status = zisolate_create(world->shared, code, world->runner.env, &options, &iso);
    zcode_release(code);
    if (status != ZVM_OK) return status;
    while (zisolate_run(iso, &world->runner, 500) == ZOUTCOME_YIELDED) {
    }
    status = (zvm_status)iso->status;
    zisolate_destroy(iso, world->runner.env);
    if (strncmp(job->expected, world->printed, world->printed_bytes) != 0)
        assert_string_equal(world->printed, job->expected);
    if (status != job->ends) return status == ZVM_OK ? ZVM_E_INTERNAL : status;
    assert_string_equal(world->printed, job->expected);
    return ZVM_OK;
}

// ---- A world for each attempt: exact about leaks -----------------------------------------

static zvm_status whole_life(void *context)
{
    struct world world;
    zvm_status status = open_world(&world);
    if (status == ZVM_OK) status = run_job(&world, context);
    close_world(&world);
    return status;
}

static void test_whole_life_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOB_COUNT; i++) {
        struct job job = JOBS[i];
        uint64_t allocations = fault_each_allocation(whole_life, &job, ZVM_E_NOMEM);
        print_message("program %zu: %llu allocations\n", i, (unsigned long long)allocations);
        assert_true(allocations > 30);
    }
}

// A constant that found no room among its function's used to keep its symbol for ever: the table of
// them could not grow, and nobody gave back what it was to hold. That needs an arena that the syntax
// tree has filled up to the last few bytes, so programs of many lengths are tried.
static zvm_status compile_constants(void *context)
{
    struct job job = {.text = context};
    struct world world;
    struct zcode *code = NULL;
    zvm_status status = open_world(&world);
    if (status == ZVM_OK) status = compile(&world, &job, &code);
    zcode_release(code);
    close_world(&world);
    return status;
}

static uint64_t allocations_of_a_world(void)
{
    struct world world;
    uint64_t before = zalloc_stats().calls;
    assert_int_equal(open_world(&world), ZVM_OK);
    close_world(&world);
    return zalloc_stats().calls - before;
}

static void test_constant_without_room_gives_its_symbol_back(void **state)
{
    (void)state;
    uint64_t first = allocations_of_a_world() + 1;
    struct zstrbuf text;
    zstrbuf_init(&text);
    for (int statements = 0; statements < 80; statements++) {
        zstrbuf_clear(&text);
        for (int i = 0; i < statements; i++)
            zstrbuf_add_text(&text, i % 3 == 0 ? "print(1)\n" : "{}\n");
        zstrbuf_add_text(&text, "print(\"a text\")\n");
        void *source = (void *)(uintptr_t)zstrbuf_text(&text);
        uint64_t n = first;
        while (fault_once(n, false /* from_there_on */, compile_constants, source, ZVM_E_NOMEM)) {
            n++;
        }
        assert_true(n > first + 5);
    }
    zstrbuf_deinit(&text);
}

// ---- One world for all attempts: it stays usable -----------------------------------------

static bool refuse_in(struct world *world, const struct job *job, uint64_t n, bool from_there_on)
{
    zalloc_fail_at(n, from_there_on);
    zvm_status status = run_job(world, job);
    bool reached = zalloc_has_failed();
    zalloc_fail_at(0, false);
    if (status != ZVM_OK) assert_true(reached);
    if (status != ZVM_OK) assert_int_equal(status, ZVM_E_NOMEM);
    // The next program neither knows nor cares.
    assert_int_equal(run_job(world, &JOBS[n % JOB_COUNT]), ZVM_OK);
    return reached;
}

static void test_world_after_each_refusal_runs_programs(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct world world;
    assert_int_equal(open_world(&world), ZVM_OK);
    for (size_t i = 0; i < JOB_COUNT; i++) {
        for (int from_there_on = 0; from_there_on < 2; from_there_on++) {
            uint64_t n = 1;
            while (refuse_in(&world, &JOBS[i], n, from_there_on == 1)) {
                n++;
            }
            assert_true(n > 20);
        }
    }
    close_world(&world);
    assert_int_equal(zalloc_stats().live_count, before.live_count);
    assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_life_each_allocation_refused_reports_no_memory),
        cmocka_unit_test(test_constant_without_room_gives_its_symbol_back),
        cmocka_unit_test(test_world_after_each_refusal_runs_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
