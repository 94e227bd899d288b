// Goal: what a manager tells of its objects: leaks with the path that keeps them, history, reports,
// peaks, and figures that stay exact through waves and on many threads.
// Method: known graphs and known sequences of calls.
#include "mm_fixture.h"

#include <pthread.h>
#include <stdio.h>

struct found {
    uint32_t count, unreachable, stop_after;
    zvm_handle handles[64];
    zvm_handle path[8];
    uint32_t path_length; // of the last reachable one
};

static bool note_leak(void *context, const zvm_mm_leak *leak)
{
    struct found *found = context;
    assert_false(leak->info.is_root);
    found->handles[found->count++ % 64] = leak->handle;
    if (!leak->is_reachable) {
        assert_int_equal(leak->path_length, 0);
        found->unreachable++;
    } else {
        assert_in_range(leak->path_length, 2, 8);
        memcpy(found->path, leak->path, leak->path_length * sizeof leak->path[0]);
        found->path_length = leak->path_length;
    }
    return found->count != found->stop_after;
}

static void test_leaks_are_old_objects_with_the_path_that_keeps_them(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_handle root = make_root(mm, 2), middle, kept, cell;
    zvm_mm_scope scope;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    middle = make_object(mm, 2);
    kept = make_object(mm, 0);
    set_field(mm, root, 1, reference(middle));
    set_field(mm, middle, 0, reference(kept));
    set_field(mm, middle, 1, reference(root));
    assert_int_equal(zvm_mm_scope_close(mm, scope), ZVM_OK);
    sleep_ns(50000000);
    struct found found = {0};
    assert_int_equal(zvm_mm_find_leaks(mm, 30000000, note_leak, &found), ZVM_OK);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.unreachable, 0);
    assert_int_equal(found.path_length, 3); // of kept, the later one
    assert_memory_equal(&found.path[0], &root, sizeof root);
    assert_memory_equal(&found.path[1], &middle, sizeof middle);
    assert_memory_equal(&found.path[2], &kept, sizeof kept);

    cell = make_object(mm, 0); // nothing leads to it
    found = (struct found){0};
    assert_int_equal(zvm_mm_find_leaks(mm, 0, note_leak, &found), ZVM_OK);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.unreachable, 1);
    found = (struct found){.stop_after = 1};
    assert_int_equal(zvm_mm_find_leaks(mm, 0, note_leak, &found), ZVM_OK);
    assert_int_equal(found.count, 1);
    found = (struct found){0};
    assert_int_equal(zvm_mm_find_leaks(mm, UINT64_MAX, note_leak, &found), ZVM_OK);
    assert_int_equal(found.count, 0);
    assert_int_equal(zvm_mm_deallocate(mm, cell), ZVM_OK);
    destroy(mm);
}

struct events {
    uint32_t count;
    zvm_mm_history_entry entries[16];
};

static bool note_event(void *context, const zvm_mm_history_entry *entry)
{
    struct events *events = context;
    events->entries[events->count++] = *entry;
    return events->count < 16;
}

static void test_history_remembers_the_last_events(void **state)
{
    (void)state;
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.history_entries = 4;
    zvm_mm *mm = make_manager(options);
    struct events events = {0};
    assert_int_equal(zvm_mm_history(mm, note_event, &events), ZVM_OK);
    assert_int_equal(events.count, 0);
    for (int i = 0; i < 5; i++)
        (void)make_root(mm, 1);
    zvm_handle last = make_root(mm, 5), lost;
    assert_int_equal(zvm_mm_deallocate(mm, last), ZVM_OK);
    lost = make_object(mm, 9);
    (void)collect(mm);
    assert_int_equal(zvm_mm_history(mm, note_event, &events), ZVM_OK);
    assert_int_equal(events.count, 4);
    static const zvm_mm_event expected[] = {ZVM_MM_ALLOCATED, ZVM_MM_DEALLOCATED, ZVM_MM_ALLOCATED,
                                            ZVM_MM_COLLECTED};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(events.entries[i].event, expected[i]);
        zvm_handle named = i < 2 ? last : lost;
        assert_memory_equal(&events.entries[i].handle, &named, sizeof named);
        assert_int_equal(events.entries[i].bytes, events.entries[i ^ 1].bytes);
        if (i > 0) assert_true(events.entries[i].time_ns >= events.entries[i - 1].time_ns);
    }
    destroy(mm);
    mm = make_default_manager();
    assert_int_equal(zvm_mm_history(mm, note_event, &events), ZVM_E_STATE);
    destroy(mm);
}

static void test_peak_and_waves_are_exact(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_handle wave[200];
    uint64_t peak = 0, made = 0;
    for (uint32_t round = 1; round <= 20; round++) {
        uint32_t count = round * 10;
        for (uint32_t i = 0; i < count; i++)
            wave[i] = make_root(mm, i % 40);
        made += count;
        zvm_heap_stats stats = stats_of(mm);
        if (stats.current_bytes > peak) peak = stats.current_bytes;
        assert_int_equal(stats.peak_bytes, peak);
        assert_int_equal(stats.live_objects, count);
        for (uint32_t i = 0; i < count; i++) {
            if (i % 2 == 0)
                assert_int_equal(zvm_mm_deallocate(mm, wave[i]), ZVM_OK);
            else
                assert_int_equal(zvm_mm_root_remove(mm, wave[i]), ZVM_OK);
        }
        zvm_mm_collection result = collect(mm);
        assert_int_equal(result.freed_count, count / 2);
        stats = stats_of(mm);
        assert_int_equal(stats.current_bytes, 0);
        assert_int_equal(stats.allocated_count, made);
        assert_int_equal(stats.freed_count, made);
        assert_int_equal(stats.freed_bytes, stats.allocated_bytes);
        assert_true(stats.freed_percent == 100);
    }
    destroy(mm);
}

struct text {
    char bytes[4096];
    size_t length;
};

static bool append(void *context, const char *bytes, size_t length)
{
    struct text *text = context;
    assert_true(text->length + length < sizeof text->bytes);
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = 0;
    return true;
}

static bool refuse(void *context, const char *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    (void)length;
    return false;
}

static void test_reports_show_the_figures(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    for (int i = 0; i < 37; i++)
        (void)make_root(mm, 2);
    struct text text = {.length = 0}, json = {.length = 0}, prometheus = {.length = 0};
    assert_int_equal(zvm_mm_report(mm, ZVM_REPORT_TEXT, append, &text), ZVM_OK);
    assert_non_null(strstr(text.bytes, "live_objects                       37 objects\n"));
    assert_int_equal(zvm_mm_report(mm, ZVM_REPORT_JSON, append, &json), ZVM_OK);
    assert_non_null(strstr(json.bytes, "\"schema\": \"zvm.mm/1\",\n"));
    assert_non_null(strstr(json.bytes, "\"allocated_count\": 37,\n"));
    assert_int_equal(zvm_mm_report(mm, ZVM_REPORT_PROMETHEUS, append, &prometheus), ZVM_OK);
    assert_non_null(strstr(prometheus.bytes, "# TYPE zvm_mm_allocated_count_total counter\n"
                                             "zvm_mm_allocated_count_total 37\n"));
    assert_int_equal(zvm_mm_report(mm, ZVM_REPORT_TEXT, refuse, NULL), ZVM_E_OUTPUT);
    assert_int_equal(zvm_mm_report(mm, (zvm_report_format)9, append, &text), ZVM_E_ARGUMENT);
    destroy(mm);
}

// 1,000 times 100 objects, of which a few stay for some rounds.
static void *run_stress(void *argument)
{
    uint32_t seed = *(uint32_t *)argument;
    zvm_mm *mm = make_default_manager();
    zvm_handle kept[100] = {{0, 0, 0}};
    uint64_t errors = 0;
    for (uint32_t round = 0; round < 1000; round++) {
        zvm_mm_scope scope;
        errors += zvm_mm_scope_open(mm, &scope) != ZVM_OK;
        for (uint32_t i = 0; i < 100; i++) {
            seed = seed * 1664525 + 1013904223;
            zvm_handle handle;
            errors += zvm_mm_allocate(mm, seed >> 28, &handle) != ZVM_OK;
            uint32_t place = seed >> 8 & 127;
            if (place >= 100) continue;
            if (kept[place].manager != 0)
                errors += zvm_mm_deallocate(mm, kept[place]) != ZVM_OK;
            errors += zvm_mm_root_add(mm, handle) != ZVM_OK;
            kept[place] = handle;
        }
        errors += zvm_mm_scope_close(mm, scope) != ZVM_OK;
    }
    errors += zmm_verify((struct zmm *)mm) != ZVM_OK;
    errors += stats_of(mm).allocated_count != 100000;
    errors += stats_of(mm).roots != 100;
    errors += zvm_mm_destroy(mm) != ZVM_OK;
    *(uint32_t *)argument = (uint32_t)errors;
    return NULL;
}

static void test_a_thousand_rounds_on_many_threads_have_no_error(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip(); // a collection for each of 400,000 objects
    pthread_t threads[4];
    uint32_t seeds[4] = {1, 2, 3, 4};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_stress, &seeds[i]), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(seeds[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaks_are_old_objects_with_the_path_that_keeps_them),
        cmocka_unit_test(test_history_remembers_the_last_events),
        cmocka_unit_test(test_peak_and_waves_are_exact),
        cmocka_unit_test(test_reports_show_the_figures),
        cmocka_unit_test(test_a_thousand_rounds_on_many_threads_have_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
