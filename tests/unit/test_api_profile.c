// Goal: what can be asked about an isolate's memory: history, sampled sites, leaks, snapshots, ages.
// Method: small programs whose allocations are known by name and line, through zvm.h only. Snapshots
// are checked node by node in tests/cli/memory.sh; here their outline and their refusals.
#include "runtime_fixture.h"

#include <stdlib.h>

static const char CACHE[] = "let cache = {}\n"                                 // 1
                            "action remember(i) {\n"                           // 2
                            "  cache[\"key ${i}\"] = [i, \"a\" + string(i)]\n" // 3
                            "}\n"                                              // 4
                            "action fill(n) {\n"                               // 5
                            "  for each i in range(n) { remember(i) }\n"       // 6
                            "}\n"                                              // 7
                            "fill(2000)\n";                                    // 8

struct text {
    char bytes[1 << 20];
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
    zvm_isolate *isolate;
    struct text *text;
};

static struct world run_program(const char *source, const zvm_isolate_options *options)
{
    struct world world = {.runtime = make_runtime(0), .text = calloc(1, sizeof *world.text)};
    assert_non_null(world.text);
    world.code = compile(world.runtime, source);
    world.isolate = make_isolate(world.runtime, world.code, options);
    assert_int_equal(zvm_isolate_run(world.isolate, 0, NULL), ZVM_OK);
    return world;
}

static void end_world(struct world *world)
{
    assert_int_equal(zvm_isolate_destroy(world->isolate), ZVM_OK);
    zvm_code_release(world->code);
    check_identities(world->runtime);
    zvm_runtime_destroy(world->runtime);
    free(world->text);
}

// ---- History ------------------------------------------------------------------------------------

struct history {
    uint32_t count, lists, of_line_3;
    uint64_t last_ns;
};

static bool note_entry(void *context, const zvm_history_entry *entry)
{
    struct history *history = context;
    history->count++;
    assert_true(entry->time_ns >= history->last_ns);
    history->last_ns = entry->time_ns;
    assert_true(entry->bytes > 0);
    if (strcmp(entry->kind, "list") == 0) history->lists++;
    if (entry->line == 3) {
        history->of_line_3++;
        assert_string_equal(entry->function, "remember");
        assert_string_equal(entry->file, "test.zx");
    }
    return true;
}

static void test_history_holds_every_allocation_of_the_program(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.history_entries = 100000;
    struct world world = run_program(CACHE, &options);
    struct history history = {0};
    assert_int_equal(zvm_isolate_history(world.isolate, note_entry, &history), ZVM_OK);
    zvm_result result = result_of(world.isolate);
    assert_true(history.count >= result.allocated_count); // payloads outside are told, too
    assert_true(history.count < 100000);
    assert_in_range(history.lists, 2000, 2100);
    assert_true(history.of_line_3 > 4000);
    end_world(&world);
}

static void test_history_that_is_full_keeps_the_newest(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.history_entries = 10;
    struct world world = run_program(CACHE, &options);
    struct history history = {0};
    assert_int_equal(zvm_isolate_history(world.isolate, note_entry, &history), ZVM_OK);
    assert_int_equal(history.count, 10);
    end_world(&world);
}

// ---- Sampled sites ------------------------------------------------------------------------------

static uint64_t sum_lines(const char *text, const char *tower, const char *with)
{
    uint64_t sum = 0;
    char *copy = strdup(text), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, tower, strlen(tower)) != 0 || strstr(line, with) == NULL) continue;
        sum += strtoull(strrchr(line, ' '), NULL, 10);
    }
    free(copy);
    return sum;
}

static void test_sampling_of_every_byte_is_exact(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.sample_bytes = 1;
    struct world world = run_program(CACHE, &options);
    assert_int_equal(zvm_isolate_alloc_profile(world.isolate, keep, world.text), ZVM_OK);
    zvm_result result = result_of(world.isolate);
    assert_int_equal(sum_lines(world.text->bytes, "all;", ""), result.allocated_bytes);
    // A list's or map's payload outside that was replaced counts in all, and its owner lives.
    assert_true(sum_lines(world.text->bytes, "live;", "") >= result.heap_live_bytes);
    assert_true(sum_lines(world.text->bytes, "live;", "<main>;fill;remember test.zx:3 ") > 100000);
    end_world(&world);
}

static void test_sampling_estimates_the_allocated_bytes(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.sample_bytes = 512;
    options.sample_seed = 7;
    struct world world = run_program(CACHE, &options);
    assert_int_equal(zvm_isolate_alloc_profile(world.isolate, keep, world.text), ZVM_OK);
    uint64_t allocated = result_of(world.isolate).allocated_bytes;
    uint64_t estimate = sum_lines(world.text->bytes, "all;", "");
    assert_in_range(estimate, allocated * 9 / 10, allocated * 11 / 10);

    struct world again = run_program(CACHE, &options);
    assert_int_equal(zvm_isolate_alloc_profile(again.isolate, keep, again.text), ZVM_OK);
    assert_string_equal(world.text->bytes, again.text->bytes); // the same seed, the same samples
    end_world(&again);
    end_world(&world);
}

static void test_what_was_not_asked_for_is_refused(void **state)
{
    (void)state;
    struct world world = run_program(CACHE, NULL);
    struct history history = {0};
    zvm_leak_filter old = {.min_age_ns = 1};
    assert_int_equal(zvm_isolate_alloc_profile(world.isolate, keep, world.text), ZVM_E_STATE);
    assert_int_equal(zvm_isolate_history(world.isolate, note_entry, &history), ZVM_E_STATE);
    assert_int_equal(zvm_isolate_find_leaks(world.isolate, &old, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_heap_snapshot(world.isolate, refuse, NULL), ZVM_E_OUTPUT);
    assert_int_equal(zvm_isolate_heap_snapshot(NULL, refuse, NULL), ZVM_E_ARGUMENT);
    end_world(&world);
}

// ---- Leaks --------------------------------------------------------------------------------------

struct leaks {
    uint64_t groups, strings, lists;
    char first_variable[80], list_site[80], list_path[200];
};

static bool note_leak(void *context, const zvm_leak *leak)
{
    struct leaks *leaks = context;
    if (leaks->groups++ == 0) {
        (void)snprintf(leaks->first_variable, sizeof leaks->first_variable, "%s", leak->variable);
    }
    if (strcmp(leak->kind, "string") == 0) leaks->strings += leak->count;
    if (strcmp(leak->kind, "list") != 0) return true;
    leaks->lists += leak->count;
    (void)snprintf(leaks->list_site, sizeof leaks->list_site, "%s", leak->site);
    (void)snprintf(leaks->list_path, sizeof leaks->list_path, "%s", leak->path);
    return true;
}

static void test_leaks_name_variable_site_and_path(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.sample_bytes = 1;
    struct world world = run_program(CACHE, &options);
    zvm_leak_filter any = {0};
    struct leaks leaks = {0};
    assert_int_equal(zvm_isolate_find_leaks(world.isolate, &any, note_leak, &leaks), ZVM_OK);
    assert_int_equal(leaks.lists, 2000);
    assert_true(leaks.strings >= 2000);
    assert_string_equal(leaks.first_variable, "global cache");
    assert_string_equal(leaks.list_site, "remember (test.zx:3)");
    assert_non_null(strstr(leaks.list_path, "global cache -> map(2000) [\"key "));
    assert_non_null(strstr(leaks.list_path, "\"] -> list(2)"));
    end_world(&world);
}

static void test_leaks_of_an_age_leave_the_young_out(void **state)
{
    (void)state;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.gc_threshold_count = 1000;
    struct world world = run_program(CACHE, &options);
    zvm_leak_filter any = {0}, old = {.min_age_collections = 3}, never = {0};
    never.min_age_collections = 60000;
    struct leaks all = {0}, some = {0}, none = {0};
    assert_int_equal(zvm_isolate_find_leaks(world.isolate, &any, note_leak, &all), ZVM_OK);
    assert_int_equal(zvm_isolate_find_leaks(world.isolate, &old, note_leak, &some), ZVM_OK);
    assert_int_equal(zvm_isolate_find_leaks(world.isolate, &never, note_leak, &none), ZVM_OK);
    assert_true(some.lists > 0);
    assert_true(some.lists < all.lists);
    assert_int_equal(none.groups, 0);
    end_world(&world);
}

static void test_ages_add_up_to_the_live_objects(void **state)
{
    (void)state;
    for (uint32_t tracked = 0; tracked <= 1; tracked++) {
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.gc_threshold_count = 1000;
        options.track_ages = tracked;
        struct world world = run_program(CACHE, &options);
        zvm_ages ages = ZVM_AGES_INIT;
        assert_int_equal(zvm_isolate_ages(world.isolate, &ages), ZVM_OK);
        zvm_result result = result_of(world.isolate);
        uint64_t count = 0, bytes = 0;
        for (int i = 0; i < ZVM_AGE_BUCKETS; i++) {
            count += ages.count[i];
            bytes += ages.bytes[i];
        }
        assert_int_equal(count, result.allocated_count - result.freed_count);
        assert_int_equal(bytes, result.heap_live_bytes);
        assert_true(ages.count[2] > 0);
        assert_true(ages.oldest_collections <= result.collections);
        // Where each allocation collects, old ages are only about right.
        if (result.collections < 500) {
            assert_true(ages.oldest_collections + 1 >= result.collections);
        }
        end_world(&world);
    }
}

// ---- Moments ------------------------------------------------------------------------------------

struct moments {
    uint32_t slices, limits;
    struct text text;
    struct leaks leaks;
};

static void on_moment(zvm_isolate *isolate, void *user, zvm_moment moment)
{
    struct moments *moments = user;
    zvm_leak_filter any = {0};
    if (moment == ZVM_MOMENT_LIMIT) {
        if (moments->limits++ > 0) return;
        memset(&moments->leaks, 0, sizeof moments->leaks);
        assert_int_equal(zvm_isolate_find_leaks(isolate, &any, note_leak, &moments->leaks), ZVM_OK);
        assert_int_equal(zvm_isolate_heap_snapshot(isolate, keep, &moments->text), ZVM_OK);
    } else if (__builtin_popcount(++moments->slices) == 1) { // 1, 2, 4, 8, ...: there may be many
        memset(&moments->leaks, 0, sizeof moments->leaks);
        assert_int_equal(zvm_isolate_find_leaks(isolate, &any, note_leak, &moments->leaks), ZVM_OK);
        moments->text.length = 0;
        assert_int_equal(zvm_isolate_heap_snapshot(isolate, keep, &moments->text), ZVM_OK);
    }
}

static void test_a_running_isolate_is_asked_at_its_limit(void **state)
{
    (void)state;
    static const char GROW[] = "action grow() { let kept = []; while true { kept.push([1, 2]) } }\n"
                               "grow()\n";
    struct moments *moments = calloc(1, sizeof *moments);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 65536;
    options.on_moment = on_moment;
    options.user = moments;
    struct world world = run_program(GROW, &options);
    assert_int_equal(result_of(world.isolate).status, ZVM_E_HEAP_LIMIT);
    assert_true(moments->limits > 0);
    assert_non_null(strstr(moments->leaks.first_variable, "of grow (test.zx:1)"));
    assert_non_null(strstr(moments->text.bytes, "\"(calls)\""));
    end_world(&world);
    free(moments);
}

static void test_a_running_isolate_is_asked_between_slices(void **state)
{
    (void)state;
    struct moments *moments = calloc(1, sizeof *moments);
    zvm_runtime_options runtime_options = ZVM_RUNTIME_OPTIONS_INIT;
    runtime_options.slice_budget = 1000;
    zvm_runtime *runtime;
    assert_int_equal(zvm_runtime_create(&runtime_options, &runtime), ZVM_OK);
    zvm_code *code = compile(runtime, CACHE);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.on_moment = on_moment;
    options.user = moments;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    bool finished = false;
    while (!finished) {
        assert_int_equal(zvm_isolate_run(isolate, 1000, &finished), ZVM_OK);
    }
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_true(moments->slices > 10);
    assert_true(moments->leaks.lists > 0);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    free(moments);
}

static void test_profiles_change_no_result(void **state)
{
    (void)state;
    struct world plain = run_program(CACHE, NULL);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.history_entries = 1000;
    options.sample_bytes = 100;
    options.track_ages = 1;
    struct world profiled = run_program(CACHE, &options);
    zvm_result a = result_of(plain.isolate), b = result_of(profiled.isolate);
    assert_int_equal(a.fuel_used, b.fuel_used);
    assert_int_equal(a.allocated_count, b.allocated_count);
    end_world(&profiled);
    end_world(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history_holds_every_allocation_of_the_program),
        cmocka_unit_test(test_history_that_is_full_keeps_the_newest),
        cmocka_unit_test(test_sampling_of_every_byte_is_exact),
        cmocka_unit_test(test_sampling_estimates_the_allocated_bytes),
        cmocka_unit_test(test_what_was_not_asked_for_is_refused),
        cmocka_unit_test(test_leaks_name_variable_site_and_path),
        cmocka_unit_test(test_leaks_of_an_age_leave_the_young_out),
        cmocka_unit_test(test_ages_add_up_to_the_live_objects),
        cmocka_unit_test(test_a_running_isolate_is_asked_at_its_limit),
        cmocka_unit_test(test_a_running_isolate_is_asked_between_slices),
        cmocka_unit_test(test_profiles_change_no_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
