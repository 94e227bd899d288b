// Goal: what lives and what goes: roots, scopes, fields, triggers, the limit, finalizers.
// Method: graphs of known shape; collections counted; the figures compared with what was made.
#include "mm_fixture.h"

static void test_only_what_roots_lead_to_lives(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_mm_scope scope;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    zvm_handle root = make_root(mm, 2), chain[50], loose[50];
    for (int i = 0; i < 50; i++) {
        chain[i] = make_object(mm, 2);
        set_field(mm, i == 0 ? root : chain[i - 1], 0, reference(chain[i]));
        loose[i] = make_object(mm, 2);
        if (i > 0) set_field(mm, loose[i], 0, reference(loose[i - 1]));
    }
    set_field(mm, loose[0], 0, reference(loose[49])); // a cycle that nothing leads to
    assert_int_equal(zvm_mm_scope_close(mm, scope), ZVM_OK);
    zvm_mm_collection result = collect(mm);
    assert_true(result.has_run);
    assert_int_equal(stats_of(mm).live_objects, 51);
    for (int i = 0; i < 50; i++) {
        assert_true(is_live(mm, chain[i]));
        assert_false(is_live(mm, loose[i]));
    }
    assert_int_equal(zvm_mm_root_remove(mm, root), ZVM_OK);
    (void)collect(mm);
    assert_int_equal(stats_of(mm).live_objects, 0);
    assert_int_equal(stats_of(mm).current_bytes, 0);
    destroy(mm);
}

static void test_root_is_kept_as_often_as_it_was_added(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_handle a = make_root(mm, 0), b = make_root(mm, 0), c = make_root(mm, 0);
    assert_int_equal(zvm_mm_root_add(mm, a), ZVM_OK);
    assert_int_equal(stats_of(mm).roots, 3);
    assert_int_equal(zvm_mm_root_remove(mm, a), ZVM_OK);
    (void)collect(mm);
    assert_true(is_live(mm, a));
    assert_int_equal(zvm_mm_root_remove(mm, a), ZVM_OK);
    assert_int_equal(zvm_mm_root_remove(mm, a), ZVM_E_STATE);
    assert_int_equal(zvm_mm_deallocate(mm, b), ZVM_OK); // a root goes with its object
    assert_int_equal(stats_of(mm).roots, 1);
    (void)collect(mm);
    assert_false(is_live(mm, a));
    assert_true(is_live(mm, c));
    destroy(mm);
}

static void test_scope_keeps_what_was_made_in_it(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_mm_scope outer, inner;
    assert_int_equal(zvm_mm_scope_open(mm, &outer), ZVM_OK);
    zvm_handle a = make_object(mm, 1);
    assert_int_equal(zvm_mm_scope_open(mm, &inner), ZVM_OK);
    zvm_handle b = make_object(mm, 1);
    assert_int_equal(zvm_mm_scope_close(mm, outer), ZVM_E_STATE);
    (void)collect(mm);
    assert_true(is_live(mm, a) && is_live(mm, b));
    assert_int_equal(zvm_mm_scope_close(mm, inner), ZVM_OK);
    (void)collect(mm);
    assert_true(is_live(mm, a));
    assert_false(is_live(mm, b));
    assert_int_equal(zvm_mm_scope_close(mm, outer), ZVM_OK);
    assert_int_equal(zvm_mm_scope_close(mm, outer), ZVM_E_STATE);
    (void)collect(mm);
    assert_false(is_live(mm, a));
    destroy(mm);
}

static void test_count_threshold_collects_at_exactly_every_nth_allocation(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip();
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.gc_threshold_count = 100;
    zvm_mm *mm = make_manager(options);
    for (uint64_t i = 1; i <= 1000; i++) {
        (void)make_object(mm, (uint32_t)(i % 5));
        assert_int_equal(stats_of(mm).collections, i / 100);
    }
    assert_true(stats_of(mm).live_objects <= 100);
    destroy(mm);
}

static void test_unforced_collection_runs_only_when_a_trigger_is_due(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) skip();
    zvm_mm *mm = make_default_manager();
    (void)make_object(mm, 1);
    zvm_mm_collection result;
    assert_int_equal(zvm_mm_collect(mm, false, &result), ZVM_OK);
    assert_false(result.has_run);
    assert_int_equal(stats_of(mm).live_objects, 1);
    for (int i = 0; i < 100000; i++)
        (void)make_object(mm, 4);
    assert_true(stats_of(mm).collections > 0);
    assert_true(stats_of(mm).current_bytes < 1 << 20);
    destroy(mm);
}

static void test_limit_refuses_and_holds_and_goes_on_when_there_is_room(void **state)
{
    (void)state;
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.limit_bytes = 256 << 10;
    zvm_mm *mm = make_manager(options);
    zvm_handle first = {0}, previous = {0}, handle;
    zvm_status status;
    uint64_t count = 0;
    for (;; count++) {
        status = zvm_mm_allocate(mm, 3, &handle);
        if (status != ZVM_OK) break;
        status = zvm_mm_root_add(mm, handle);
        if (status != ZVM_OK) break;
        if (count == 0)
            first = handle;
        else
            set_field(mm, handle, 0, reference(previous));
        previous = handle;
        assert_true(stats_of(mm).committed_bytes <= options.limit_bytes);
    }
    assert_int_equal(status, ZVM_E_HEAP_LIMIT);
    assert_in_range(count, 1000, 256 << 10);
    assert_true(stats_of(mm).committed_peak_bytes <= options.limit_bytes);
    verify(mm);
    assert_int_equal(zvm_mm_allocate_bytes(mm, NULL, 1 << 20, &handle), ZVM_E_HEAP_LIMIT);
    assert_int_equal(zvm_mm_allocate_bytes(mm, NULL, SIZE_MAX, &handle), ZVM_E_HEAP_LIMIT);
    assert_true(is_live(mm, first));
    while (zvm_mm_root_remove(mm, previous) == ZVM_OK) {
        zvm_mm_value next = {.kind = ZVM_MM_NULL};
        (void)zvm_mm_get_field(mm, previous, 0, &next);
        if (next.kind != ZVM_MM_REFERENCE) break;
        previous = next.reference;
    }
    (void)collect(mm);
    assert_int_equal(stats_of(mm).live_objects, 0);
    (void)make_object(mm, 3);
    destroy(mm);
}

struct ends {
    zvm_mm *mm;
    int calls;
    zvm_handle last;
    bool makes_more;
};

static void note_end(void *user, zvm_handle handle)
{
    struct ends *ends = user;
    ends->calls++;
    ends->last = handle;
    assert_false(is_live(ends->mm, handle));
    assert_int_equal(zvm_mm_destroy(ends->mm), ZVM_E_BUSY);
    if (!ends->makes_more) return;
    zvm_handle more;
    zvm_status status = zvm_mm_allocate(ends->mm, 1, &more);
    assert_true(status == ZVM_OK || status == ZVM_E_STATE);
    if (status == ZVM_OK) {
        (void)zvm_mm_collect(ends->mm, true, NULL); // nested: what it finds waits for its turn
    }
}

static void test_finalizer_is_called_once_whichever_way_the_object_goes(void **state)
{
    (void)state;
    for (int makes_more = 0; makes_more < 2; makes_more++) {
        zvm_mm *mm = make_default_manager();
        struct ends ends = {.mm = mm, .makes_more = makes_more != 0};
        zvm_handle collected = make_root(mm, 1), deallocated = make_root(mm, 1),
                   destroyed = make_root(mm, 1), without = make_root(mm, 1);
        assert_int_equal(zvm_mm_set_finalizer(mm, collected, note_end, &ends), ZVM_OK);
        assert_int_equal(zvm_mm_set_finalizer(mm, deallocated, note_end, &ends), ZVM_OK);
        assert_int_equal(zvm_mm_set_finalizer(mm, destroyed, note_end, &ends), ZVM_OK);
        assert_int_equal(zvm_mm_set_finalizer(mm, without, note_end, &ends), ZVM_OK);
        assert_int_equal(zvm_mm_set_finalizer(mm, without, NULL, NULL), ZVM_OK);
        assert_int_equal(zvm_mm_root_remove(mm, collected), ZVM_OK);
        (void)collect(mm);
        assert_int_equal(ends.calls, 1);
        assert_memory_equal(&ends.last, &collected, sizeof collected);
        assert_int_equal(zvm_mm_deallocate(mm, deallocated), ZVM_OK);
        assert_int_equal(ends.calls, 2);
        assert_int_equal(zvm_mm_deallocate(mm, without), ZVM_OK);
        assert_int_equal(zvm_mm_set_finalizer(mm, without, note_end, &ends), ZVM_E_STALE);
        assert_int_equal(ends.calls, 2);
        assert_int_equal(stats_of(mm).finalized_count, 2);
        destroy(mm);
        assert_int_equal(ends.calls, 3);
        assert_memory_equal(&ends.last, &destroyed, sizeof destroyed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_roots_lead_to_lives),
        cmocka_unit_test(test_root_is_kept_as_often_as_it_was_added),
        cmocka_unit_test(test_scope_keeps_what_was_made_in_it),
        cmocka_unit_test(test_count_threshold_collects_at_exactly_every_nth_allocation),
        cmocka_unit_test(test_unforced_collection_runs_only_when_a_trigger_is_due),
        cmocka_unit_test(test_limit_refuses_and_holds_and_goes_on_when_there_is_room),
        cmocka_unit_test(test_finalizer_is_called_once_whichever_way_the_object_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
