// Goal: what the isolates of a group have together never passes the group's limits but for what zvm.h
// says, only its own isolates feel it, and after a cancel none of them runs.
// Method: groups of several isolates against each limit, beside isolates outside; the sums of the
// results against the figures of the group, which are back to nothing when its isolates are gone.
#include "runtime_fixture.h"

static zvm_group *make_group(zvm_runtime *runtime, const zvm_group_options *options)
{
    zvm_group *group = NULL;
    assert_int_equal(zvm_group_create(runtime, options, &group), ZVM_OK);
    return group;
}

static zvm_group_figures figures_of(const zvm_group *group)
{
    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    assert_int_equal(zvm_group_report(group, &figures), ZVM_OK);
    return figures;
}

#define MEMBERS 8

struct members {
    zvm_isolate *isolates[MEMBERS];
    uint64_t fuel_used, output_bytes, heap_peak_bytes;
    int ended[ZVM_STATUS_COUNT];
};

// Runs MEMBERS isolates of the group to their end.
static struct members run_members(zvm_runtime *runtime, zvm_code *code, zvm_group *group)
{
    struct members members = {0};
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    for (int i = 0; i < MEMBERS; i++) {
        options.id = i;
        members.isolates[i] = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_submit(members.isolates[i]), ZVM_OK);
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < MEMBERS; i++) {
        zvm_result result = result_of(members.isolates[i]);
        members.fuel_used += result.fuel_used;
        members.output_bytes += result.output_bytes;
        members.heap_peak_bytes += result.heap_peak_bytes;
        members.ended[result.status]++;
    }
    return members;
}

static void destroy_members(struct members *members, zvm_group *group)
{
    assert_int_equal(zvm_group_destroy(group), ZVM_E_BUSY);
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(zvm_isolate_destroy(members->isolates[i]), ZVM_OK);
    zvm_group_figures figures = figures_of(group);
    assert_int_equal(figures.isolates, 0);
    assert_int_equal(figures.heap_granted_bytes, 0);
    assert_int_equal(figures.symbols, 0);
    assert_int_equal(figures.symbol_bytes, 0);
    assert_true(figures.isolates_created >= MEMBERS);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
}

static void test_fuel_of_a_group_ends_its_isolates_at_the_sum_and_nobody_else(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *spin = compile(runtime, "try { while true { } } finally { }\n");
    zvm_code *adds = compile(runtime, "let r = 0\nfor each i in range(200000) { r += i }\n");
    zvm_isolate *outside = make_isolate(runtime, adds, NULL);
    assert_int_equal(zvm_isolate_submit(outside), ZVM_OK);
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.fuel_limit = 1000000;
    zvm_group *group = make_group(runtime, &options);
    struct members members = run_members(runtime, spin, group);
    assert_int_equal(members.ended[ZVM_E_GROUP_LIMIT], MEMBERS);
    // Nothing is lost in the accounting, and of the sum no more is left than a loop charges at once.
    assert_int_equal(figures_of(group).fuel_taken, members.fuel_used);
    assert_true(members.fuel_used <= 1000000);
    assert_true(members.fuel_used > 1000000 - 16);
    assert_int_equal(figures_of(group).ended_by_limit, MEMBERS);
    zvm_result result = result_of(members.isolates[0]);
    assert_non_null(strstr(result.message, "the group used up its fuel: "));
    assert_int_equal(result.limit_allowed, 1000000);
    assert_true(result.limit_used > 1000000);
    assert_int_equal(result.trace_count, 1); // even if it never had a slice before
    assert_int_equal(result_of(outside).status, ZVM_OK);
    assert_int_equal(report_of(runtime).totals.failed_group_limit, MEMBERS);
    destroy_members(&members, group);
    zvm_isolate_destroy(outside);
    check_identities(runtime);
    zvm_code_release(spin);
    zvm_code_release(adds);
    zvm_runtime_destroy(runtime);
}

static void test_fuel_of_a_group_is_not_passed_inside_builtins(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *sorts = compile(runtime, "let l = []\nfor each i in range(20000) { l.push(-i) }\n"
                                       "while true { sort(l) }\n");
    for (uint64_t limit = 300000; limit < 20000000; limit = limit * 2 + 12345) {
        zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
        options.fuel_limit = limit;
        zvm_group *group = make_group(runtime, &options);
        struct members members = run_members(runtime, sorts, group);
        assert_int_equal(members.ended[ZVM_E_GROUP_LIMIT], MEMBERS);
        assert_int_equal(figures_of(group).fuel_taken, members.fuel_used);
        assert_true(members.fuel_used <= limit);
        // Less is left than a builtin charges at once.
        assert_true(members.fuel_used + 65536 / 16 > limit);
        destroy_members(&members, group);
    }
    zvm_code_release(sorts);
    zvm_runtime_destroy(runtime);
}

static void test_own_fuel_limit_holds_inside_a_group(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *spin = compile(runtime, SPIN);
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.fuel_limit = 250000;
    zvm_group *group = make_group(runtime, &options);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.group = group;
    isolate_options.fuel_limit = 100000;
    zvm_isolate *isolates[3];
    const uint64_t used[] = {100000, 100000,
                             49999}; // a turn of the loop is 2: the last one is refused
    for (int i = 0; i < 3; i++) {
        isolates[i] = make_isolate(runtime, spin, &isolate_options);
        for (bool finished = false; !finished;)
            assert_int_equal(zvm_isolate_run(isolates[i], 777, &finished), ZVM_OK);
        zvm_result result = result_of(isolates[i]);
        assert_int_equal(result.status, i < 2 ? ZVM_E_FUEL : ZVM_E_GROUP_LIMIT);
        assert_in_range(result.fuel_used, used[i], used[i] + (i < 2 ? 0 : 1));
        assert_int_equal(result.limit_allowed, i < 2 ? 100000 : 250000);
    }
    // A session has its own limit anew, and the group's as it is.
    assert_int_equal(zvm_isolate_load(isolates[0], "piece", SPIN, strlen(SPIN), 0, NULL, NULL),
                     ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolates[0], 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolates[0]).status, ZVM_E_GROUP_LIMIT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(spin);
    zvm_runtime_destroy(runtime);
}

static void test_cpu_time_of_a_group_ends_its_isolates(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *spin = compile(runtime, SPIN);
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.cpu_limit_ns = 20000000;
    zvm_group *group = make_group(runtime, &options);
    struct members members = run_members(runtime, spin, group);
    assert_int_equal(members.ended[ZVM_E_GROUP_LIMIT], MEMBERS);
    assert_true(figures_of(group).cpu_ns >= 20000000);
    // Once it is used up, nobody begins a slice.
    zvm_isolate_options late_options = ZVM_ISOLATE_OPTIONS_INIT;
    late_options.group = group;
    zvm_isolate *late = make_isolate(runtime, spin, &late_options);
    assert_int_equal(zvm_isolate_run(late, 0, NULL), ZVM_OK);
    zvm_result result = result_of(late);
    assert_int_equal(result.status, ZVM_E_GROUP_LIMIT);
    assert_int_equal(result.fuel_used, 0);
    assert_int_equal(result.limit_allowed, 20000000);
    assert_true(result.limit_used >= 20000000);
    assert_non_null(strstr(result.message, "the group used up its CPU time: "));
    assert_int_equal(zvm_isolate_destroy(late), ZVM_OK);
    destroy_members(&members, group);
    zvm_code_release(spin);
    zvm_runtime_destroy(runtime);
}

static void expect_little_granted(zvm_isolate *isolate, void *user, zvm_moment moment)
{
    (void)isolate;
    if (moment == ZVM_MOMENT_LIMIT) assert_true(figures_of(user).heap_granted_bytes < 65536);
}

static void test_memory_of_a_group_is_never_over_its_limit(void **state)
{
    (void)state;
    enum { LIMIT = 512 << 10 };
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *fill = compile(runtime, "let kept = []\nlet n = 0\n"
                                      "try { while true { kept.push([n])\nn += 1 } }\n"
                                      "catch (e) { kept = null\nprint(e.message) }\n");
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.heap_limit_bytes = LIMIT;
    zvm_group *group = make_group(runtime, &options);
    struct members members = run_members(runtime, fill, group);
    assert_int_equal(members.ended[ZVM_OK] + members.ended[ZVM_E_HEAP_LIMIT], MEMBERS);
    assert_true(members.ended[ZVM_OK] > 0); // it can be caught
    assert_true(members.heap_peak_bytes >= LIMIT / 2);
    assert_true(figures_of(group).heap_granted_bytes <= LIMIT);
    for (int i = 0; i < MEMBERS; i++) {
        zvm_result result = result_of(members.isolates[i]);
        if (result.status == ZVM_OK) continue;
        assert_int_equal(result.limit_allowed, LIMIT);
        assert_in_range(result.limit_used, LIMIT / 2, LIMIT);
    }
    destroy_members(&members, group);
    check_identities(runtime);
    zvm_code_release(fill);
    zvm_runtime_destroy(runtime);
}

// What a heap that is over keeps is what it has, to the byte.
static void test_memory_of_a_group_is_counted_back_exactly(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *grows =
        compile(runtime, "let kept = []\nfor each i in range(2000) { kept.push([i]) }\n");
    zvm_group *group = make_group(runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    zvm_isolate *isolates[MEMBERS];
    uint64_t each = 0;
    for (uint64_t i = 0; i < MEMBERS; i++) {
        isolates[i] = make_isolate(runtime, grows, &options);
        assert_int_equal(figures_of(group).heap_granted_bytes, i * each + 2048);
        assert_int_equal(zvm_isolate_run(isolates[i], 0, NULL), ZVM_OK);
        assert_int_equal(result_of(isolates[i]).status, ZVM_OK);
        if (i == 0) each = figures_of(group).heap_granted_bytes;
    }
    assert_int_equal(report_of(runtime).totals.heap_current_bytes, MEMBERS * each);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(figures_of(group).heap_granted_bytes, (uint64_t)(MEMBERS - i) * each);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    assert_int_equal(figures_of(group).heap_granted_bytes, 0);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(grows);
    zvm_runtime_destroy(runtime);
}

static void test_uncaught_error_for_memory_of_a_group_names_the_group(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *fill = compile(runtime, "let kept = []\nwhile true { kept.push([1]) }\n");
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.heap_limit_bytes = 300000;
    zvm_group *group = make_group(runtime, &options);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.group = group;
    zvm_isolate *isolate = make_isolate(runtime, fill, &isolate_options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, ZVM_E_HEAP_LIMIT);
    assert_string_equal(result.kind, "HeapLimitError");
    assert_non_null(strstr(result.message, "heap limit of the group of 300000 bytes reached: "));
    assert_int_equal(result.limit_allowed, 300000);
    assert_in_range(result.limit_used, 150000, 300000);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(fill);
    zvm_runtime_destroy(runtime);
}

// What cannot be had anyway is not taken from the others.
static void test_request_over_the_own_limit_takes_nothing_from_the_group(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *asks = compile(runtime, "let r = 0\ntry { r = \"x\".repeat(500000) }\n"
                                      "catch (e) { print(e.message) }\n");
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.heap_limit_bytes = 1000000;
    zvm_group *group = make_group(runtime, &options);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.group = group;
    isolate_options.heap_limit_bytes = 400000;
    isolate_options.on_moment = expect_little_granted;
    isolate_options.user = group;
    zvm_isolate *isolate = make_isolate(runtime, asks, &isolate_options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(asks);
    zvm_runtime_destroy(runtime);
}

static void test_own_heap_limit_holds_inside_a_group(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *fill = compile(runtime, "let kept = []\nwhile true { kept.push([1]) }\n");
    zvm_group *group = make_group(runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    options.heap_limit_bytes = 200 << 10;
    zvm_isolate *isolate = make_isolate(runtime, fill, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, ZVM_E_HEAP_LIMIT);
    assert_non_null(strstr(result.message, "heap limit of 204800 bytes reached"));
    assert_true(result.heap_peak_bytes <= 200 << 10);
    assert_true(result.heap_peak_bytes > 150 << 10);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(fill);
    zvm_runtime_destroy(runtime);
}

static void test_output_of_a_group_is_never_over_its_limit(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *prints = compile(runtime, "while true { print(\"123456789\") }\n");
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.output_limit_bytes = 1005;
    zvm_group *group = make_group(runtime, &options);
    struct members members = run_members(runtime, prints, group);
    assert_int_equal(members.ended[ZVM_E_GROUP_LIMIT], MEMBERS);
    assert_int_equal(members.output_bytes, 1000);
    assert_int_equal(figures_of(group).output_bytes, 1000);
    zvm_result result = result_of(members.isolates[0]);
    assert_int_equal(result.limit_used, 1010);
    assert_int_equal(result.limit_allowed, 1005);
    destroy_members(&members, group);
    zvm_code_release(prints);
    zvm_runtime_destroy(runtime);
}

static void test_symbols_of_a_group_stop_at_their_limit(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *keys = compile(runtime, "let m = {}\nlet n = 0\nlet own = isolate_id()\n"
                                      "try { while true { m[\"k${own} ${n}\"] = n\nn += 1 } }\n"
                                      "catch (e) { n = \"${e.kind} ${m.len()}\" }\n");
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.intern_limit_count = 100;
    options.intern_limit_bytes = 1000000;
    zvm_group *group = make_group(runtime, &options);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.group = group;
    const char *const wanted[] = {"InternLimitError 100", "InternLimitError 0"};
    zvm_isolate *isolates[2];
    for (int i = 0; i < 2; i++) {
        isolate_options.id = i;
        isolates[i] = make_isolate(runtime, keys, &isolate_options);
        assert_int_equal(zvm_isolate_run(isolates[i], 0, NULL), ZVM_OK);
        zvm_value value;
        assert_int_equal(zvm_isolate_get_global(isolates[i], "n", &value), ZVM_OK);
        assert_string_equal(value.text, wanted[i]);
        assert_int_equal(figures_of(group).symbols, 100);
    }
    for (int i = 0; i < 2; i++)
        zvm_isolate_destroy(isolates[i]);
    assert_int_equal(figures_of(group).symbols, 0);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(keys);
    zvm_runtime_destroy(runtime);
}

static void test_symbols_of_a_group_stay_under_its_limits_on_workers(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *keys = compile(runtime, "let m = {}\nlet n = 0\nlet own = isolate_id()\n"
                                      "while true { m[\"k${own} ${n}\"] = n\nn += 1 }\n");
    for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
        zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
        options.intern_limit_count = by_bytes ? 0 : 1000;
        options.intern_limit_bytes = by_bytes ? 50000 : 0;
        zvm_group *group = make_group(runtime, &options);
        struct members members = run_members(runtime, keys, group);
        assert_int_equal(members.ended[ZVM_E_ERROR], MEMBERS);
        zvm_result result = result_of(members.isolates[0]);
        assert_string_equal(result.kind, "InternLimitError");
        assert_non_null(strstr(result.message, by_bytes
                                                   ? "of the group of 50000 bytes reached: "
                                                   : "of the group of 1000 symbols reached: "));
        zvm_group_figures figures = figures_of(group);
        if (by_bytes)
            assert_in_range(figures.symbol_bytes, 50000 - 128, 50000);
        else
            assert_int_equal(figures.symbols, 1000);
        destroy_members(&members, group);
    }
    zvm_code_release(keys);
    zvm_runtime_destroy(runtime);
}

static void test_isolates_of_a_group_are_refused_at_their_limit(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0), *other = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.isolate_limit = 2;
    options.heap_limit_bytes = 64 << 10;
    zvm_group *group = make_group(runtime, &options), *foreign = make_group(other, NULL);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.group = group;
    zvm_isolate *first = make_isolate(runtime, code, &isolate_options);
    zvm_isolate *second = make_isolate(runtime, code, &isolate_options), *more = NULL;
    assert_int_equal(zvm_isolate_create(runtime, code, &isolate_options, &more), ZVM_E_ISOLATES);
    isolate_options.group = foreign;
    assert_int_equal(zvm_isolate_create(runtime, code, &isolate_options, &more), ZVM_E_FOREIGN);
    zvm_isolate_destroy(first);
    zvm_isolate_destroy(second);
    options.weight = 10001;
    assert_int_equal(zvm_group_create(runtime, &options, &group), ZVM_E_ARGUMENT);
    // Memory for eight isolates.
    options.weight = 0;
    options.isolate_limit = 0;
    options.heap_limit_bytes = 16 << 10;
    zvm_group *narrow = make_group(runtime, &options);
    isolate_options.group = narrow;
    zvm_isolate *eight[8];
    for (int i = 0; i < 8; i++)
        eight[i] = make_isolate(runtime, code, &isolate_options);
    assert_int_equal(zvm_isolate_create(runtime, code, &isolate_options, &more), ZVM_E_HEAP_LIMIT);
    assert_int_equal(figures_of(narrow).isolates, 8);
    assert_int_equal(figures_of(narrow).isolates_created, 8);
    for (int i = 0; i < 8; i++)
        zvm_isolate_destroy(eight[i]);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // with the groups that are left
    zvm_runtime_destroy(other);
}

static void test_cancelled_group_ends_all_its_isolates_and_takes_no_more(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *spin = compile(runtime, SPIN);
    zvm_group *group = make_group(runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    zvm_isolate *isolates[COUNT], *late = make_isolate(runtime, spin, &options);
    for (int i = 0; i < COUNT; i++) {
        isolates[i] = make_isolate(runtime, spin, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    zvm_group_cancel(group);
    assert_int_equal(zvm_isolate_submit(late), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(result_of(isolates[i]).status, ZVM_E_CANCELLED);
    assert_int_equal(result_of(late).status, ZVM_E_CANCELLED);
    zvm_isolate *more = NULL;
    assert_int_equal(zvm_isolate_create(runtime, spin, &options, &more), ZVM_E_CLOSED);
    assert_int_equal(figures_of(group).is_cancelled, 1);
    for (int i = 0; i < COUNT; i++)
        zvm_isolate_destroy(isolates[i]);
    zvm_isolate_destroy(late);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    check_identities(runtime);
    zvm_code_release(spin);
    zvm_runtime_destroy(runtime);
}

// What both groups had when the first isolate used up its fuel.
struct race {
    zvm_group *groups[2];
    uint64_t fuel[2];
};

static void note_fuel(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    struct race *race = user;
    if (race->fuel[0] != 0) return;
    for (int i = 0; i < 2; i++)
        race->fuel[i] = figures_of(race->groups[i]).fuel_taken;
}

static void test_groups_of_weight_3_and_1_share_a_worker_3_to_1(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *spin = compile(runtime, SPIN);
    struct race race = {0};
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    zvm_isolate *isolates[2][MEMBERS];
    struct gate gate = GATE_INIT;
    zvm_code *printing = compile(runtime, "print(1)\n");
    zvm_isolate *blocker = block_worker(runtime, printing, &gate);
    gate_await(&gate, 1); // all are queued before the first one runs
    for (int g = 0; g < 2; g++) {
        options.weight = g == 0 ? 300 : 100;
        race.groups[g] = make_group(runtime, &options);
        zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
        isolate_options.group = race.groups[g];
        isolate_options.fuel_limit = 4000000;
        isolate_options.on_finish = note_fuel;
        isolate_options.user = &race;
        for (int i = 0; i < MEMBERS; i++) {
            isolates[g][i] = make_isolate(runtime, spin, &isolate_options);
            assert_int_equal(zvm_isolate_submit(isolates[g][i]), ZVM_OK);
        }
    }
    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    double ratio = (double)race.fuel[0] / (double)race.fuel[1];
    assert_true(ratio > 2.7);
    assert_true(ratio < 3.3);
    for (int g = 0; g < 2; g++)
        for (int i = 0; i < MEMBERS; i++)
            zvm_isolate_destroy(isolates[g][i]);
    zvm_isolate_destroy(blocker);
    zvm_code_release(printing);
    zvm_code_release(spin);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fuel_of_a_group_ends_its_isolates_at_the_sum_and_nobody_else),
        cmocka_unit_test(test_fuel_of_a_group_is_not_passed_inside_builtins),
        cmocka_unit_test(test_own_fuel_limit_holds_inside_a_group),
        cmocka_unit_test(test_cpu_time_of_a_group_ends_its_isolates),
        cmocka_unit_test(test_memory_of_a_group_is_never_over_its_limit),
        cmocka_unit_test(test_memory_of_a_group_is_counted_back_exactly),
        cmocka_unit_test(test_uncaught_error_for_memory_of_a_group_names_the_group),
        cmocka_unit_test(test_request_over_the_own_limit_takes_nothing_from_the_group),
        cmocka_unit_test(test_own_heap_limit_holds_inside_a_group),
        cmocka_unit_test(test_output_of_a_group_is_never_over_its_limit),
        cmocka_unit_test(test_symbols_of_a_group_stop_at_their_limit),
        cmocka_unit_test(test_symbols_of_a_group_stay_under_its_limits_on_workers),
        cmocka_unit_test(test_isolates_of_a_group_are_refused_at_their_limit),
        cmocka_unit_test(test_cancelled_group_ends_all_its_isolates_and_takes_no_more),
        cmocka_unit_test(test_groups_of_weight_3_and_1_share_a_worker_3_to_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
