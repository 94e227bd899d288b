// Goal: what the isolates of a group have together never passes the group's limits but for what zvm.h
// says, only its own isolates feel it, and after a cancel none of them runs.
// Method: groups of several isolates against each limit, beside isolates outside; the sums of the
// results against the figures of the group, which are back to nothing when its isolates are gone.
#include "runtime_fixture.h"

#include "vm/group.h"

#include <stdlib.h>
#include <unistd.h>

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
    }
    // Not before: the first might take what the last ones need to be made.
    for (int i = 0; i < MEMBERS; i++)
        assert_int_equal(zvm_isolate_submit(members.isolates[i]), ZVM_OK);
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

static zvm_call_outcome return_null(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    return zvm_call_return(call, NULL);
}

// More than a slice, and more than is granted at once.
static void test_function_of_the_host_is_paid_for_as_outside_a_group(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "costly";
    function.call = return_null;
    function.fuel = 400000;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    zvm_code *code = compile(runtime, "costly()\ncostly()\n");
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.fuel_limit = 2000000;
    zvm_group *group = make_group(runtime, &options);
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    const zvm_status ends[] = {ZVM_OK, ZVM_E_FUEL, ZVM_OK, ZVM_E_GROUP_LIMIT};
    uint64_t outside = 0, sum = 0;
    for (int i = -1; i < 4; i++) { // first without a group
        isolate_options.group = i < 0 ? NULL : group;
        isolate_options.fuel_limit = i == 1 ? 300000 : 0;
        zvm_isolate *isolate = make_isolate(runtime, code, &isolate_options);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        zvm_result result = result_of(isolate);
        assert_int_equal(result.status, i < 0 ? ZVM_OK : ends[i]);
        if (i < 0) outside = result.fuel_used;
        if (i == 0 || i == 2) assert_int_equal(result.fuel_used, outside);
        if (i >= 0) sum += result.fuel_used;
        assert_int_equal(figures_of(group).fuel_taken, sum);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    }
    assert_true(sum <= 2000000);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(code);
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

// One that a host has run a while keeps room to grow. Cancelled before a worker comes to it, or collected when it
// is over, it keeps what it has, to the byte.
static void test_memory_of_a_group_is_counted_back_when_no_slice_ends_the_isolate(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *printing = compile(runtime, "print(1)\n");
    zvm_code *grows = compile(
        runtime, "let kept = []\nfor each i in range(2000) { kept.push([i]) }\nkept = null\n");
    struct gate gate = GATE_INIT;
    zvm_isolate *blocker = block_worker(runtime, printing, &gate);
    gate_await(&gate, 1);
    zvm_group *group = make_group(runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    uint64_t blocker_bytes = report_of(runtime).totals.heap_current_bytes;

    zvm_isolate *isolate = make_isolate(runtime, grows, &options);
    for (int i = 0; i < 5; i++)
        assert_int_equal(zvm_isolate_run(isolate, 1500, NULL), ZVM_OK);
    uint64_t committed = report_of(runtime).totals.heap_current_bytes - blocker_bytes;
    assert_true(figures_of(group).heap_granted_bytes > committed);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    zvm_isolate_cancel(isolate);
    assert_int_equal(result_of(isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(figures_of(group).heap_granted_bytes, committed);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);

    isolate = make_isolate(runtime, grows, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    uint64_t before = figures_of(group).heap_granted_bytes;
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
    committed = report_of(runtime).totals.heap_current_bytes - blocker_bytes;
    assert_true(committed < before);
    assert_int_equal(figures_of(group).heap_granted_bytes, committed);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);

    gate_open(&gate);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(blocker), ZVM_OK);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(grows);
    zvm_code_release(printing);
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
    zvm_code *asks = compile(runtime, "let r = 0\ntry { r = \"x\" * 500000 }\n"
                                      "catch (e) { r = e.message }\n");
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
    zvm_value message;
    assert_int_equal(zvm_isolate_get_global(isolate, "r", &message), ZVM_OK);
    assert_non_null(strstr(message.text, "heap limit of 400000 bytes reached: "));
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
    options.weight = 1001;
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

// ---- Waiting -------------------------------------------------------------------------------------

static void test_cancelled_group_ends_isolates_that_wait(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *sleeps = compile(runtime, "while true { sleep(1000000) }\n");
    zvm_group *group = make_group(runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    zvm_isolate *isolates[MEMBERS];
    for (int i = 0; i < MEMBERS; i++) {
        isolates[i] = make_isolate(runtime, sleeps, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    // Those that wait have left their turns to the others: all of them come to wait.
    while (report_of(runtime).totals.waits < MEMBERS)
        sched_yield();
    zvm_group_cancel(group);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(result_of(isolates[i]).status, ZVM_E_CANCELLED);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    check_identities(runtime);
    zvm_code_release(sleeps);
    zvm_runtime_destroy(runtime);
}

static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_token token;
    assert_int_equal(zvm_call_token(call, &token), ZVM_OK);
    return ZVM_CALL_SUSPENDED; // for ever
}

struct hosted {
    zvm_isolate *isolate;
    _Atomic int begun;
};

static void *wait_for_it(void *context)
{
    struct hosted *hosted = context;
    hosted->begun = 1;
    assert_int_equal(zvm_isolate_wait(hosted->isolate, UINT64_MAX), ZVM_OK);
    return NULL;
}

// As after zvm_isolate_cancel: whoever waits for the answer goes on, and the next run is the last.
static void test_cancelled_group_ends_isolates_that_wait_for_the_host(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "ask";
    function.call = ask;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    zvm_code *code = compile(runtime, "ask()\n");
    zvm_group *group = make_group(runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    struct hosted hosted = {.isolate = make_isolate(runtime, code, &options)};
    bool finished = false;
    assert_int_equal(zvm_isolate_run(hosted.isolate, 0, &finished), ZVM_E_WAITING);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &hosted), 0);
    while (hosted.begun == 0)
        sched_yield();
    zvm_group_cancel(group);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(zvm_isolate_run(hosted.isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
    assert_int_equal(result_of(hosted.isolate).status, ZVM_E_CANCELLED);
    assert_int_equal(zvm_isolate_destroy(hosted.isolate), ZVM_OK);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_isolates_of_a_group_wait_and_go_on_in_turn(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *naps = compile(runtime, "let n = 0\nfor each i in range(20) { sleep(0)\nn += i }\n"
                                      "sleep(1)\nfor each i in range(50000) { n += 1 }\n");
    zvm_group *group = make_group(runtime, NULL);
    struct members members = run_members(runtime, naps, group);
    assert_int_equal(members.ended[ZVM_OK], MEMBERS);
    assert_int_equal(figures_of(group).waiting, 0);
    assert_int_equal(figures_of(group).fuel_taken, members.fuel_used);
    destroy_members(&members, group);
    check_identities(runtime);
    zvm_code_release(naps);
    zvm_runtime_destroy(runtime);
}

// ---- Turns --------------------------------------------------------------------------------------

// One worker, held until all are queued; what the groups had when the first isolate used up its fuel.
#define RACE_GROUPS 3
#define RACE_MAX    600

struct race {
    zvm_runtime *runtime;
    zvm_code *spin, *printing;
    struct gate gate;
    zvm_isolate *blocker, *isolates[RACE_MAX];
    int isolate_count, group_count;
    zvm_group *groups[RACE_GROUPS];
    uint64_t fuel[RACE_GROUPS];
};

static void note_fuel(zvm_isolate *isolate, void *user)
{
    (void)isolate;
    struct race *race = user;
    if (race->fuel[0] != 0) return;
    for (int i = 0; i < race->group_count; i++)
        race->fuel[i] = figures_of(race->groups[i]).fuel_taken;
}

static void race_begin(struct race *race)
{
    *race = (struct race){.gate = GATE_INIT};
    race->runtime = make_runtime(1);
    race->spin = compile(race->runtime, SPIN);
    race->printing = compile(race->runtime, "print(1)\n");
    race->blocker = block_worker(race->runtime, race->printing, &race->gate);
    gate_await(&race->gate, 1);
}

// A group of so many spinners, the first `high` of them of high priority.
static void race_add(struct race *race, uint32_t weight, int count, int high, uint64_t fuel_limit)
{
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.weight = weight;
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    isolate_options.group = make_group(race->runtime, &options);
    race->groups[race->group_count++] = isolate_options.group;
    isolate_options.fuel_limit = fuel_limit;
    isolate_options.on_finish = note_fuel;
    isolate_options.user = race;
    for (int i = 0; i < count; i++) {
        isolate_options.priority = i < high ? ZVM_PRIORITY_HIGH : ZVM_PRIORITY_NORMAL;
        zvm_isolate *isolate = make_isolate(race->runtime, race->spin, &isolate_options);
        race->isolates[race->isolate_count++] = isolate;
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    }
}

static void race_run(struct race *race)
{
    gate_open(&race->gate);
    assert_int_equal(zvm_isolate_wait(race->isolates[0], UINT64_MAX), ZVM_OK);
    for (int i = 0; i < race->group_count; i++)
        zvm_group_cancel(race->groups[i]);
    assert_int_equal(zvm_runtime_drain(race->runtime), ZVM_OK);
}

static void race_end(struct race *race)
{
    for (int i = 0; i < race->isolate_count; i++)
        assert_int_equal(zvm_isolate_destroy(race->isolates[i]), ZVM_OK);
    for (int i = 0; i < race->group_count; i++)
        assert_int_equal(zvm_group_destroy(race->groups[i]), ZVM_OK);
    zvm_isolate_destroy(race->blocker);
    zvm_code_release(race->printing);
    zvm_code_release(race->spin);
    check_identities(race->runtime);
    zvm_runtime_destroy(race->runtime);
}

static void expect_ratio(const struct race *race, int a, int b, double wanted)
{
    double ratio = (double)race->fuel[a] / (double)race->fuel[b];
    assert_true(ratio > wanted * 0.95);
    assert_true(ratio < wanted * 1.05);
}

static void test_groups_of_weight_3_and_1_share_a_worker_3_to_1(void **state)
{
    (void)state;
    static struct race race;
    race_begin(&race);
    race_add(&race, 100, 1, 0, 4000000);
    race_add(&race, 300, 1, 0, 0);
    race_add(&race, 50, 1, 0, 0);
    race_run(&race);
    expect_ratio(&race, 1, 0, 3);
    expect_ratio(&race, 2, 0, 0.5);
    race_end(&race);
}

static void test_group_of_500_isolates_has_the_turns_of_one(void **state)
{
    (void)state;
    static struct race race;
    race_begin(&race);
    race_add(&race, 100, 1, 0, 8000000);
    race_add(&race, 0, 500, 0, 0);
    race_add(&race, 200, 50, 0, 0);
    race_run(&race);
    expect_ratio(&race, 1, 0, 1);
    expect_ratio(&race, 2, 0, 2);
    race_end(&race);
}

// ---- Shares of two workers ------------------------------------------------------------------------

// Two workers that always have something to do. Other processes take one or the other of the cores away for a
// while: the median of some tries says what is due to us.
#define SHARE_TRIES  7
#define SHARE_ROUNDS 8
#define SHARE_FUEL   50000000

struct share {
    uint32_t weight; // 0: a single isolate without a group
    int count;
};

struct side {
    zvm_group *group;
    zvm_isolate *isolates[50];
    int count;
};

static struct side side_begin(zvm_runtime *runtime, zvm_code *spin, struct share share)
{
    struct side side = {.count = share.count};
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.weight = share.weight;
    zvm_isolate_options isolate_options = ZVM_ISOLATE_OPTIONS_INIT;
    if (share.weight != 0) isolate_options.group = side.group = make_group(runtime, &options);
    for (int i = 0; i < share.count; i++)
        side.isolates[i] = make_isolate(runtime, spin, &isolate_options);
    return side;
}

static void side_submit(const struct side *side)
{
    for (int i = 0; i < side->count; i++)
        assert_int_equal(zvm_isolate_submit(side->isolates[i]), ZVM_OK);
}

static void side_cancel(const struct side *side)
{
    for (int i = 0; i < side->count; i++)
        zvm_isolate_cancel(side->isolates[i]);
}

static uint64_t side_end(const struct side *side)
{
    uint64_t fuel = 0;
    for (int i = 0; i < side->count; i++) {
        fuel += result_of(side->isolates[i]).fuel_used;
        assert_int_equal(zvm_isolate_destroy(side->isolates[i]), ZVM_OK);
    }
    if (side->group != NULL) assert_int_equal(zvm_group_destroy(side->group), ZVM_OK);
    return fuel;
}

// What the first has of both.
static double share_of_first(struct share first, struct share second)
{
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *spin = compile(runtime, SPIN);
    struct side sides[2] = {side_begin(runtime, spin, first), side_begin(runtime, spin, second)};
    side_submit(&sides[0]);
    side_submit(&sides[1]);
    while (report_of(runtime).totals.fuel_used < SHARE_FUEL)
        usleep(1000);
    side_cancel(&sides[0]);
    side_cancel(&sides[1]);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    double fuels[2] = {(double)side_end(&sides[0]), (double)side_end(&sides[1])};
    check_identities(runtime);
    zvm_code_release(spin);
    zvm_runtime_destroy(runtime);
    return fuels[0] / (fuels[0] + fuels[1]);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_share(struct share first, struct share second)
{
    double shares[SHARE_TRIES];
    for (int i = 0; i < SHARE_TRIES; i++)
        shares[i] = share_of_first(first, second);
    qsort(shares, SHARE_TRIES, sizeof *shares, compare_doubles);
    return shares[SHARE_TRIES / 2];
}

static void expect_share(struct share first, struct share second, double wanted)
{
    double share = 0,
           slack = getenv("ZVM_TEST_LONG") != NULL ? 0.15 : 0.25; // others have the cores too
    for (int i = 0; i < SHARE_ROUNDS; i++) {
        share = median_share(first, second);
        if (share > wanted * (1 - slack) && share < wanted * (1 + slack)) return;
    }
    fail_msg("%u x %d beside %u x %d: %.3f, and not %.3f", first.weight, first.count, second.weight,
             second.count, share, wanted);
}

static void test_groups_have_their_shares_of_two_workers(void **state)
{
    (void)state;
    if (ZVM_DEBUG >= 1) skip(); // checks take longer than turns
    expect_share((struct share){100, 10}, (struct share){100, 50}, 1.0 / 2);
    expect_share((struct share){300, 10}, (struct share){100, 50}, 3.0 / 4);
    expect_share((struct share){0, 2}, (struct share){100, 50}, 2.0 / 3);
    expect_share((struct share){0, 1}, (struct share){100, 50}, 1.0 / 2);
    expect_share((struct share){0, 1}, (struct share){100, 2}, 1.0 / 2);
    expect_share((struct share){0, 1}, (struct share){200, 50}, 1.0 / 3);
    expect_share((struct share){0, 1}, (struct share){300, 50}, 1.0 / 4);
}

// Those of one group have as many turns each, whatever the others do.
static void test_isolates_of_a_group_share_its_turns_equally(void **state)
{
    (void)state;
    static struct race race;
    race_begin(&race);
    race_add(&race, 100, 1, 0, 20000000);
    race_add(&race, 100, 50, 0, 0);
    race_run(&race);
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = 1; i < race.isolate_count; i++) {
        uint64_t slices = result_of(race.isolates[i]).slices;
        least = slices < least ? slices : least;
        most = slices > most ? slices : most;
    }
    assert_true(least >= 10);
    assert_true(most <= least + 2); // the last one is that of the cancel
    race_end(&race);
}

static void test_priorities_hold_inside_a_group_and_nobody_starves(void **state)
{
    (void)state;
    static struct race race;
    race_begin(&race);
    race_add(&race, 100, 1, 0, 20000000);
    race_add(&race, 100, 20, 2, 0);
    race_run(&race);
    uint64_t high = result_of(race.isolates[1]).slices + result_of(race.isolates[2]).slices;
    uint64_t normal = 0;
    for (int i = 3; i < race.isolate_count; i++) {
        uint64_t slices = result_of(race.isolates[i]).slices;
        assert_true(slices >= 2);
        normal += slices - 1; // that of the cancel
    }
    assert_in_range(high, normal * 7, normal * 9);
    race_end(&race);
}

// The entry of one that was cancelled is met in its queue, and lets one in whose priority was looked at before.
static void test_one_that_takes_the_place_of_a_cancelled_one_is_run_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        zvm_runtime_options runtime_options = ZVM_RUNTIME_OPTIONS_INIT;
        runtime_options.seed = seed;
        zvm_runtime *runtime = NULL;
        assert_int_equal(zvm_runtime_create(&runtime_options, &runtime), ZVM_OK);
        zvm_code *code = compile(runtime, "let a = 1\n");
        zvm_group *group = make_group(runtime, NULL);
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.group = group;
        options.priority = ZVM_PRIORITY_LOW;
        zvm_isolate *low = make_isolate(runtime, code, &options);
        options.priority = ZVM_PRIORITY_HIGH;
        zvm_isolate *high = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_submit(low), ZVM_OK);
        assert_int_equal(zvm_isolate_submit(high), ZVM_OK);
        assert_int_equal(figures_of(group).waiting, 1);
        zvm_isolate_cancel(low);
        uint64_t run = 0;
        assert_int_equal(zvm_runtime_turns(runtime, 1, &run), ZVM_OK);
        assert_int_equal(run, 1);
        assert_int_equal(result_of(high).status, ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(low), ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(high), ZVM_OK);
        assert_int_equal(zvm_group_destroy(group), ZVM_OK);
        zvm_code_release(code);
        zvm_runtime_destroy(runtime);
    }
}

static uint32_t holds_of(const zvm_group *group)
{
    return z_load_relaxed(&((const struct zgroup *)(const void *)group)->holds);
}

// An isolate may be over, and its group destroyed, while somebody has just made it QUEUED and its entry is
// not placed yet: then the group is there as long as the block is.
static void test_block_of_an_isolate_holds_its_group(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_group *group = make_group(runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    assert_int_equal(holds_of(group), 1);
    zvm_isolate *first = make_isolate(runtime, code, &options);
    zvm_isolate *second = make_isolate(runtime, code, &options);
    assert_int_equal(holds_of(group), 3);
    assert_int_equal(zvm_isolate_run(first, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_reset(first), ZVM_OK);
    assert_int_equal(holds_of(group), 3);
    assert_int_equal(zvm_isolate_destroy(first), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(second), ZVM_OK);
    assert_int_equal(holds_of(group), 1);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// Entries of isolates that are gone are still in the queues when their group is destroyed.
static void test_group_of_cancelled_isolates_is_destroyed_before_their_entries_are_met(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static struct race race;
    race_begin(&race);
    zvm_isolate *isolates[COUNT];
    zvm_group *group = make_group(race.runtime, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    for (int i = 0; i < COUNT; i++) {
        isolates[i] = make_isolate(race.runtime, race.spin, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    assert_int_equal(figures_of(group).waiting, COUNT - 1); // one worker, one turn
    for (int i = 0; i < COUNT; i++) {
        zvm_isolate_cancel(isolates[i]); // at once: the worker is held
        assert_int_equal(result_of(isolates[i]).status, ZVM_E_CANCELLED);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    assert_int_equal(figures_of(group).isolates, 0);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    gate_open(&race.gate);
    assert_int_equal(zvm_runtime_drain(race.runtime), ZVM_OK);
    race_end(&race);
}

// ---- In reports --------------------------------------------------------------------------

static bool add_to_text(void *context, const char *text, size_t length_bytes)
{
    char *out = context;
    size_t length = strlen(out);
    assert_true(length + length_bytes < 65536);
    memcpy(out + length, text, length_bytes);
    out[length + length_bytes] = '\0';
    return true;
}

static void expect_in_report(zvm_runtime *runtime, zvm_report_format format, const char *expected)
{
    static char text[65536];
    text[0] = '\0';
    assert_int_equal(zvm_report_write(runtime, format, add_to_text, text), ZVM_OK);
    if (strstr(text, expected) == NULL) fail_msg("not in the report: %s\n%s", expected, text);
}

static zvm_group *make_named(zvm_runtime *runtime, const char *name)
{
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    options.name = name;
    zvm_group *group = NULL;
    assert_int_equal(zvm_group_create(runtime, &options, &group), ZVM_OK);
    return group;
}

static void test_reports_list_groups_with_their_names(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    expect_in_report(runtime, ZVM_REPORT_JSON, "\"groups_total\": 0");
    expect_in_report(runtime, ZVM_REPORT_PROMETHEUS, "\nzvm_groups 0\n");
    zvm_group *first = make_named(runtime, "tenant-a"), *second = make_named(runtime, NULL);
    zvm_code *code = compile(runtime, "print(\"12345\")");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = first;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    expect_in_report(runtime, ZVM_REPORT_TEXT, "Groups, 2 of 2, newest first\n");
    expect_in_report(runtime, ZVM_REPORT_TEXT, "no  tenant-a\n");
    expect_in_report(runtime, ZVM_REPORT_JSON, "\"groups_total\": 2");
    expect_in_report(runtime, ZVM_REPORT_JSON, "\"name\": \"tenant-a\"");
    expect_in_report(runtime, ZVM_REPORT_PROMETHEUS,
                     "\nzvm_group_output_bytes_total{group=\"1\",name=\"tenant-a\"} 6\n");
    expect_in_report(runtime, ZVM_REPORT_PROMETHEUS,
                     "\nzvm_group_isolates{group=\"2\",name=\"\"} 0\n");
    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    assert_int_equal(zvm_group_report(first, &figures), ZVM_OK);
    assert_string_equal(figures.name, "tenant-a");
    assert_int_equal(figures.number, 1);
    zvm_isolate_destroy(isolate);
    assert_int_equal(zvm_group_destroy(first), ZVM_OK);
    expect_in_report(runtime, ZVM_REPORT_TEXT, "Groups, 1 of 1, newest first\n");
    assert_int_equal(zvm_group_destroy(second), ZVM_OK);
    expect_in_report(runtime, ZVM_REPORT_JSON, "\"groups_total\": 0");
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_names_that_would_break_a_report_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a\"b", "a\\b", "a\nb",
        "\x7f", "\xff", "0123456789012345678901234567890123456789012345678901234567890123"};
    zvm_runtime *runtime = make_runtime(0);
    zvm_group_options options = ZVM_GROUP_OPTIONS_INIT;
    zvm_group *group = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        options.name = names[i];
        assert_int_equal(zvm_group_create(runtime, &options, &group), ZVM_E_ARGUMENT);
    }
    zvm_group_destroy(make_named(runtime, names[5] + 1)); // 63 bytes
    zvm_group_destroy(make_named(runtime, "M\xc3\xbcller & S\xc3\xb6hne"));
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports_list_groups_with_their_names),
        cmocka_unit_test(test_names_that_would_break_a_report_are_refused),
        cmocka_unit_test(test_fuel_of_a_group_ends_its_isolates_at_the_sum_and_nobody_else),
        cmocka_unit_test(test_fuel_of_a_group_is_not_passed_inside_builtins),
        cmocka_unit_test(test_own_fuel_limit_holds_inside_a_group),
        cmocka_unit_test(test_function_of_the_host_is_paid_for_as_outside_a_group),
        cmocka_unit_test(test_cpu_time_of_a_group_ends_its_isolates),
        cmocka_unit_test(test_memory_of_a_group_is_never_over_its_limit),
        cmocka_unit_test(test_memory_of_a_group_is_counted_back_exactly),
        cmocka_unit_test(test_memory_of_a_group_is_counted_back_when_no_slice_ends_the_isolate),
        cmocka_unit_test(test_uncaught_error_for_memory_of_a_group_names_the_group),
        cmocka_unit_test(test_request_over_the_own_limit_takes_nothing_from_the_group),
        cmocka_unit_test(test_own_heap_limit_holds_inside_a_group),
        cmocka_unit_test(test_output_of_a_group_is_never_over_its_limit),
        cmocka_unit_test(test_symbols_of_a_group_stop_at_their_limit),
        cmocka_unit_test(test_symbols_of_a_group_stay_under_its_limits_on_workers),
        cmocka_unit_test(test_isolates_of_a_group_are_refused_at_their_limit),
        cmocka_unit_test(test_cancelled_group_ends_all_its_isolates_and_takes_no_more),
        cmocka_unit_test(test_cancelled_group_ends_isolates_that_wait),
        cmocka_unit_test(test_cancelled_group_ends_isolates_that_wait_for_the_host),
        cmocka_unit_test(test_isolates_of_a_group_wait_and_go_on_in_turn),
        cmocka_unit_test(test_groups_of_weight_3_and_1_share_a_worker_3_to_1),
        cmocka_unit_test(test_group_of_500_isolates_has_the_turns_of_one),
        cmocka_unit_test(test_groups_have_their_shares_of_two_workers),
        cmocka_unit_test(test_isolates_of_a_group_share_its_turns_equally),
        cmocka_unit_test(test_priorities_hold_inside_a_group_and_nobody_starves),
        cmocka_unit_test(test_one_that_takes_the_place_of_a_cancelled_one_is_run_at_once),
        cmocka_unit_test(test_block_of_an_isolate_holds_its_group),
        cmocka_unit_test(
            test_group_of_cancelled_isolates_is_destroyed_before_their_entries_are_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
