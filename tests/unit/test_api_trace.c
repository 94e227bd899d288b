// Goal: the profile of fuel and the trace of workers: what they say agrees with the report, their bounds
// hold, and they change nothing.
// Method: programs whose shares are known, through zvm.h only. That the trace is JSON whose events nest is
// checked in tests/cli/trace.sh.
#include "runtime_fixture.h"

#include <stdlib.h>

// heavy does nine rounds for one of light.
static const char SHARES[] = "action heavy(n) { let s = 0\n"
                             "  for each i in range(n) { s = (s + i) % 1009 }\n"
                             "  return s }\n"
                             "action light(n) { let s = 0\n"
                             "  for each i in range(n) { s = (s + i) % 1009 }\n"
                             "  return s }\n"
                             "action work() {\n"
                             "  for each i in range(400) { heavy(900)\n"
                             "    light(100) } }\n"
                             "work()\n";

struct text {
    char bytes[1 << 24];
    size_t length;
};

static bool keep(void *context, const char *bytes, size_t length_bytes)
{
    struct text *text = context;
    assert_true(text->length + length_bytes < sizeof text->bytes);
    memcpy(text->bytes + text->length, bytes, length_bytes);
    text->length += length_bytes;
    text->bytes[text->length] = '\0';
    return true;
}

static bool refuse(void *context, const char *bytes, size_t length_bytes)
{
    (void)context;
    (void)bytes;
    (void)length_bytes;
    return false;
}

struct world {
    zvm_runtime *runtime;
    zvm_code *code;
    struct text *text;
};

static struct world make_world(const zvm_runtime_options *options, const char *source)
{
    struct world world = {.text = calloc(1, sizeof *world.text)};
    assert_non_null(world.text);
    assert_int_equal(zvm_runtime_create(options, &world.runtime), ZVM_OK);
    world.code = compile(world.runtime, source);
    return world;
}

static void end_world(struct world *world)
{
    check_identities(world->runtime);
    zvm_code_release(world->code);
    zvm_runtime_destroy(world->runtime);
    free(world->text);
}

static void run_isolates(struct world *world, int count)
{
    zvm_isolate *isolates[64];
    assert_true(count <= 64);
    for (int i = 0; i < count; i++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.id = i;
        options.gc_threshold_count = 500;
        isolates[i] = make_isolate(world->runtime, world->code, &options);
        if (report_of(world->runtime).worker_count == 0)
            assert_int_equal(zvm_isolate_run(isolates[i], 0, NULL), ZVM_OK);
        else
            assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    assert_int_equal(zvm_runtime_drain(world->runtime), ZVM_OK);
    for (int i = 0; i < count; i++) {
        assert_int_equal(result_of(isolates[i]).status, ZVM_OK);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
}

// The sum of the numbers that stand behind `key`, which ends the text before them.
static uint64_t sum_behind(const char *text, const char *key, uint64_t *count)
{
    uint64_t sum = 0, found = 0;
    for (const char *at = strstr(text, key); at != NULL; at = strstr(at + 1, key)) {
        sum += strtoull(at + strlen(key), NULL, 10);
        found++;
    }
    if (count != NULL) *count = found;
    return sum;
}

// Of the lines that end in `name` and a number.
static uint64_t fuel_of(const struct text *text, const char *name)
{
    char key[128];
    snprintf(key, sizeof key, "%s ", name);
    return sum_behind(text->bytes, key, NULL);
}

// ---- The profile --------------------------------------------------------------------------------

static void profile_shares(uint32_t worker_count)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = worker_count;
    options.profile_fuel = 256;
    struct world world = make_world(&options, SHARES);
    run_isolates(&world, 4);
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, keep, world.text), ZVM_OK);
    uint64_t heavy = fuel_of(world.text, "<main>;work;heavy");
    uint64_t light = fuel_of(world.text, "<main>;work;light");
    uint64_t used = report_of(world.runtime).totals.fuel_used;
    assert_in_range(heavy * 100 / used, 86, 92);
    assert_in_range(light * 100 / used, 7, 12);
    assert_ptr_equal(strstr(world.text->bytes, "<main>;work;heavy"),
                     world.text->bytes); // the largest
    end_world(&world);
}

static void test_profile_of_shares_nine_to_one_says_so(void **state)
{
    (void)state;
    profile_shares(0);
    profile_shares(1);
    profile_shares(3);
}

static void test_profile_sums_to_the_fuel_of_the_report(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    options.profile_fuel = 1000;
    struct world world = make_world(&options, SHARES);
    run_isolates(&world, 8);
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, keep, world.text), ZVM_OK);
    uint64_t sum = 0;
    for (const char *line = world.text->bytes; *line != '\0'; line = strchr(line, '\n') + 1)
        sum += strtoull(strchr(line, ' '), NULL, 10);
    uint64_t used = report_of(world.runtime).totals.fuel_used;
    assert_true(sum <= used);
    assert_true(used - sum <= UINT64_C(2) * 1500); // what each worker has not sampled yet
    end_world(&world);
}

// Isolates far shorter than the gap between two samples: their fuel is counted together.
static void test_profile_of_short_isolates_samples_them_in_turn(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.profile_fuel = 2000;
    struct world world = make_world(&options, "action few() { let s = 0\n"
                                              "  for each i in range(40) { s = s + i } }\n"
                                              "few()\n");
    for (int i = 0; i < 50; i++)
        run_isolates(&world, 64);
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, keep, world.text), ZVM_OK);
    uint64_t used = report_of(world.runtime).totals.fuel_used;
    assert_true(fuel_of(world.text, "<main>;few") * 2 > used);
    end_world(&world);
}

static void test_profile_changes_neither_fuel_nor_slices(void **state)
{
    (void)state;
    uint64_t fuel[2], slices[2];
    for (int i = 0; i < 2; i++) {
        zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
        options.profile_fuel = i == 0 ? 0 : 64;
        struct world world = make_world(&options, SHARES);
        run_isolates(&world, 1);
        fuel[i] = report_of(world.runtime).totals.fuel_used;
        slices[i] = report_of(world.runtime).totals.slices;
        end_world(&world);
    }
    assert_int_equal(fuel[0], fuel[1]);
    assert_int_equal(slices[0], slices[1]);
}

static void test_profile_of_a_deep_stack_leaves_the_middle_out(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.profile_fuel = 64;
    struct world world =
        make_world(&options, "action down(n) { if n > 0 { return down(n - 1) + 1 }\n"
                             "  let s = 0\n"
                             "  for each i in range(2000) { s = s + i }\n"
                             "  return s }\n"
                             "down(500)\n");
    run_isolates(&world, 1);
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, keep, world.text), ZVM_OK);
    const char *line = strstr(world.text->bytes, "<main>;(calls_left_out);down;");
    assert_non_null(line);
    uint32_t frames = 1;
    for (; *line != '\n'; line++)
        frames += *line == ';';
    assert_int_equal(frames, 64);
    end_world(&world);
}

// Each of 20,000 paths through a tree of calls is a stack; 16,384 find a place.
static void test_profile_of_more_stacks_than_there_is_room_for_counts_the_others(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.profile_fuel = 64;
    struct world world = make_world(&options, "action spin() { let s = 0\n"
                                              "  for each i in range(60) { s = s + i } }\n"
                                              "action a(k, n) { if n == 0 { return spin() }\n"
                                              "  if k % 2 == 0 { return [a(k / 2, n - 1)] }\n"
                                              "  return [b(k / 2, n - 1)] }\n"
                                              "action b(k, n) { if n == 0 { return spin() }\n"
                                              "  if k % 2 == 0 { return [a(k / 2, n - 1)] }\n"
                                              "  return [b(k / 2, n - 1)] }\n"
                                              "for each k in range(20000) { a(k, 15) }\n");
    run_isolates(&world, 1);
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, keep, world.text), ZVM_OK);
    uint64_t lines = 0;
    for (const char *at = world.text->bytes; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 16384 + 1);
    assert_true(fuel_of(world.text, "(other_stacks)") > 0);
    end_world(&world);
}

static void test_profile_names_builtins_that_call_back_and_functions_without_a_name(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.profile_fuel = 64;
    struct world world = make_world(&options, "let l = range(3000)\n"
                                              "l.map((x) => x * 2)\n");
    run_isolates(&world, 1);
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, keep, world.text), ZVM_OK);
    assert_true(fuel_of(world.text, "<main>;map;anonymous@test.zx:2") > 1000);
    end_world(&world);
}

// Its functions are named when isolate and code are gone.
static void test_profile_outlives_the_code_that_it_names(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.profile_fuel = 256;
    struct world world = make_world(&options, SHARES);
    run_isolates(&world, 1);
    zvm_code_release(world.code);
    world.code = compile(world.runtime, "print(1)");
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, keep, world.text), ZVM_OK);
    assert_non_null(strstr(world.text->bytes, ";heavy "));
    end_world(&world);
}

// ---- The trace ----------------------------------------------------------------------------------

static void test_trace_slices_are_those_of_the_report(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    options.trace_events = 4096;
    struct world world = make_world(&options, SHARES);
    run_isolates(&world, 8);
    assert_int_equal(zvm_runtime_trace(world.runtime, keep, world.text), ZVM_OK);
    zvm_report_counters totals = report_of(world.runtime).totals;
    uint64_t count;
    assert_int_equal(sum_behind(world.text->bytes, "\"fuel\":", &count), totals.fuel_used);
    assert_int_equal(count, totals.slices);
    assert_int_equal(sum_behind(world.text->bytes, "\"dropped_events\":", NULL), 0);
    assert_non_null(strstr(world.text->bytes, "worker 1"));
    end_world(&world);
}

static void test_trace_has_each_collection_and_what_it_freed(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    options.trace_events = 65536;
    struct world world = make_world(&options, "for each i in range(4000) { [i, [i]] }\n");
    run_isolates(&world, 1);
    assert_int_equal(zvm_runtime_trace(world.runtime, keep, world.text), ZVM_OK);
    zvm_report_counters totals = report_of(world.runtime).totals;
    uint64_t count;
    uint64_t freed = sum_behind(world.text->bytes, "\"freed_bytes\":", &count);
    assert_true(count > 0);
    assert_int_equal(count, totals.full_collections + totals.minor_collections + totals.gc_slices);
    assert_true(freed > 0);
    assert_true(freed <= totals.freed_bytes);
    end_world(&world);
}

static void test_trace_with_more_events_than_room_keeps_the_newest(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.seed = 1; // nothing happens behind the test's back
    options.trace_events = 10;
    struct world world = make_world(&options, SHARES);
    run_isolates(&world, 8);
    assert_int_equal(zvm_runtime_trace(world.runtime, keep, world.text), ZVM_OK);
    uint64_t shown, parks;
    (void)sum_behind(world.text->bytes, "\"fuel\":", &shown);
    (void)sum_behind(world.text->bytes, "\"cat\":\"park\"", &parks);
    assert_int_equal(shown + parks, 10);
    uint64_t dropped = sum_behind(world.text->bytes, "\"dropped_events\":", NULL);
    assert_true(dropped + 10 >= report_of(world.runtime).totals.slices);
    end_world(&world);
}

static void test_trace_with_room_for_one_event_keeps_it(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.seed = 1;
    options.trace_events = 1;
    struct world world = make_world(&options, SHARES);
    run_isolates(&world, 1);
    assert_int_equal(zvm_runtime_trace(world.runtime, keep, world.text), ZVM_OK);
    uint64_t shown;
    (void)sum_behind(world.text->bytes, "\"ph\":\"X\"", &shown);
    assert_int_equal(shown, 1);
    end_world(&world);
}

// ---- While it runs ------------------------------------------------------------------------------

struct reader {
    struct world *world;
    _Atomic bool is_over;
};

static bool take_any(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    *(size_t *)context += length_bytes;
    return true;
}

static void *read_again_and_again(void *context)
{
    struct reader *reader = context;
    while (!reader->is_over) {
        size_t bytes = 0;
        assert_int_equal(zvm_runtime_trace(reader->world->runtime, take_any, &bytes), ZVM_OK);
        assert_int_equal(zvm_runtime_cpu_profile(reader->world->runtime, take_any, &bytes), ZVM_OK);
        assert_true(bytes > 0);
    }
    return NULL;
}

static void test_both_are_read_while_workers_write(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    options.slice_budget = 200;
    options.profile_fuel = 64;
    options.trace_events = 16; // overwritten all the time
    struct world world = make_world(&options, SHARES);
    struct reader reader = {.world = &world};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_again_and_again, &reader), 0);
    run_isolates(&world, 4);
    reader.is_over = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    end_world(&world);
}

// ---- Refusals -----------------------------------------------------------------------------------

static zvm_status create_with(uint64_t profile_fuel, uint64_t trace_events)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.profile_fuel = profile_fuel;
    options.trace_events = trace_events;
    zvm_runtime *runtime;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status == ZVM_OK) zvm_runtime_destroy(runtime);
    return status;
}

static void test_options_out_of_bounds_are_refused(void **state)
{
    (void)state;
    assert_int_equal(create_with(63, 0), ZVM_E_ARGUMENT);
    assert_int_equal(create_with(64, 0), ZVM_OK);
    assert_int_equal(create_with(ZVM_PROFILE_FUEL_MAX, 0), ZVM_OK);
    assert_int_equal(create_with(ZVM_PROFILE_FUEL_MAX + 1, 0), ZVM_E_ARGUMENT);
    assert_int_equal(create_with(0, ZVM_TRACE_EVENTS_MAX), ZVM_OK);
    assert_int_equal(create_with(0, ZVM_TRACE_EVENTS_MAX + 1), ZVM_E_ARGUMENT);
}

static void test_reading_what_was_not_asked_for_is_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    size_t bytes = 0;
    assert_int_equal(zvm_runtime_cpu_profile(runtime, take_any, &bytes), ZVM_E_STATE);
    assert_int_equal(zvm_runtime_trace(runtime, take_any, &bytes), ZVM_E_STATE);
    assert_int_equal(zvm_runtime_cpu_profile(NULL, take_any, &bytes), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_trace(NULL, take_any, &bytes), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_cpu_profile(runtime, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_trace(runtime, NULL, NULL), ZVM_E_ARGUMENT);
    zvm_runtime_destroy(runtime);
}

static void test_a_writer_that_refuses_ends_the_call(void **state)
{
    (void)state;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    options.profile_fuel = 64;
    options.trace_events = 8;
    struct world world = make_world(&options, SHARES);
    run_isolates(&world, 1);
    assert_int_equal(zvm_runtime_cpu_profile(world.runtime, refuse, NULL), ZVM_E_OUTPUT);
    assert_int_equal(zvm_runtime_trace(world.runtime, refuse, NULL), ZVM_E_OUTPUT);
    end_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_of_shares_nine_to_one_says_so),
        cmocka_unit_test(test_profile_sums_to_the_fuel_of_the_report),
        cmocka_unit_test(test_profile_of_short_isolates_samples_them_in_turn),
        cmocka_unit_test(test_profile_changes_neither_fuel_nor_slices),
        cmocka_unit_test(test_profile_of_a_deep_stack_leaves_the_middle_out),
        cmocka_unit_test(test_profile_of_more_stacks_than_there_is_room_for_counts_the_others),
        cmocka_unit_test(test_profile_names_builtins_that_call_back_and_functions_without_a_name),
        cmocka_unit_test(test_profile_outlives_the_code_that_it_names),
        cmocka_unit_test(test_trace_slices_are_those_of_the_report),
        cmocka_unit_test(test_trace_has_each_collection_and_what_it_freed),
        cmocka_unit_test(test_trace_with_more_events_than_room_keeps_the_newest),
        cmocka_unit_test(test_trace_with_room_for_one_event_keeps_it),
        cmocka_unit_test(test_both_are_read_while_workers_write),
        cmocka_unit_test(test_options_out_of_bounds_are_refused),
        cmocka_unit_test(test_reading_what_was_not_asked_for_is_refused),
        cmocka_unit_test(test_a_writer_that_refuses_ends_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
