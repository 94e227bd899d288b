// Goal: the memory manager's calls do what zvm.h says also where little is left to do: scopes that are
// none, finalizers that wait behind each other, walks over nothing or over what is gone, and a history
// that its reader stops. Method: the public calls; the heap is verified after each.
#include "mm_fixture.h"

#include "base/alloc.h"
#include "heap/mm_internal.h"

static void test_scope_that_is_none_is_refused(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_mm_scope outer, inner, never = {.mark = 0, .depth = 0};
    assert_int_equal(zvm_mm_scope_close(mm, never), ZVM_E_STATE);
    assert_int_equal(zvm_mm_scope_open(mm, &outer), ZVM_OK);
    assert_int_equal(zvm_mm_scope_open(mm, &inner), ZVM_OK);
    assert_int_equal(zvm_mm_scope_close(mm, never), ZVM_E_STATE);
    assert_int_equal(zvm_mm_scope_close(mm, outer), ZVM_E_STATE); // the inner one is first
    zvm_mm_scope beyond = {.mark = inner.mark + 1, .depth = inner.depth};
    assert_int_equal(zvm_mm_scope_close(mm, beyond), ZVM_E_STATE);
    assert_int_equal(zvm_mm_scope_close(mm, inner), ZVM_OK);
    assert_int_equal(zvm_mm_scope_close(mm, outer), ZVM_OK);
    destroy(mm);
}

struct finalized {
    zvm_mm *mm;
    uint32_t order[8], count;
};

static void note_finalized(void *user, zvm_handle handle)
{
    struct finalized *finalized = user;
    finalized->order[finalized->count++] = handle.index;
    // Inside a finalizer the manager works, and finalizers are not called inside each other.
    assert_int_equal(zvm_mm_deallocate(finalized->mm, handle), ZVM_E_STALE);
}

static void test_finalizers_that_wait_together_are_called_in_order(void **state)
{
    (void)state;
    struct finalized finalized = {.mm = make_default_manager()};
    zvm_mm *mm = finalized.mm;
    zvm_handle handles[3], without = make_object(mm, 1);
    assert_int_equal(zvm_mm_set_finalizer(mm, without, NULL, NULL),
                     ZVM_OK); // there is none to take
    for (int i = 0; i < 3; i++) {
        handles[i] = make_object(mm, 1);
        assert_int_equal(zvm_mm_set_finalizer(mm, handles[i], note_finalized, &finalized), ZVM_OK);
    }
    assert_int_equal(zvm_mm_collect(mm, true, NULL), ZVM_OK); // all three at once
    assert_int_equal(finalized.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(finalized.order[i], handles[i].index);
    verify(mm);
    zvm_handle last = make_root(mm, 1), bare = make_root(mm, 1);
    assert_int_equal(zvm_mm_set_finalizer(mm, last, note_finalized, &finalized), ZVM_OK);
    assert_int_equal(zvm_mm_set_finalizer(mm, bare, note_finalized, &finalized), ZVM_OK);
    assert_int_equal(zvm_mm_set_finalizer(mm, bare, NULL, NULL), ZVM_OK); // taken away again
    destroy(mm);
    assert_int_equal(finalized.count, 4);
}

// Makes garbage until there has been a collection.
static void collect_in_finalizer(void *user, zvm_handle handle)
{
    zvm_mm *mm = user;
    (void)handle;
    zvm_handle other;
    assert_int_equal(zvm_mm_allocate(mm, 1, &other), ZVM_OK);
    assert_int_equal(zvm_mm_collect(mm, true, NULL), ZVM_OK);
    assert_false(is_live(mm, other));
}

static void test_new_object_outlives_the_finalizers_of_its_own_call(void **state)
{
    (void)state;
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.gc_threshold_count = 3;
    zvm_mm *mm = make_manager(options);
    zvm_handle dying = make_object(mm, 1), made;
    assert_int_equal(zvm_mm_set_finalizer(mm, dying, collect_in_finalizer, mm), ZVM_OK);
    (void)make_object(mm, 1);
    made = make_object(mm, 1); // collects, so the finalizer is called, which collects again
    assert_false(is_live(mm, dying));
    assert_true(is_live(mm, made));
    assert_int_equal(collect(mm).freed_count, 1); // and now it goes
    destroy(mm);
}

static bool count_leak(void *context, const zvm_mm_leak *leak)
{
    uint32_t *count = context;
    (*count)++;
    if (leak->is_reachable) assert_true(leak->path_length >= 2);
    return true;
}

static bool stop_at_second_leak(void *context, const zvm_mm_leak *leak)
{
    uint32_t *count = context;
    assert_true(leak->is_reachable);
    return ++*count < 2;
}

static uint32_t leaks_of(zvm_mm *mm)
{
    uint32_t count = 0;
    assert_int_equal(zvm_mm_find_leaks(mm, 0, count_leak, &count), ZVM_OK);
    verify(mm);
    return count;
}

static void set_reference(zvm_mm *mm, zvm_handle from, uint32_t field, zvm_handle to)
{
    zvm_mm_value value = {.kind = ZVM_MM_REFERENCE, .reference = to};
    assert_int_equal(zvm_mm_set_field(mm, from, field, value), ZVM_OK);
}

static void test_leaks_walk_over_what_is_gone(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    assert_int_equal(leaks_of(mm), 0); // not even a table yet
    zvm_mm_scope scope;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    zvm_handle scoped = make_object(mm, 2), gone = make_object(mm, 1);
    zvm_handle root = make_root(mm, 3), leaf = make_object(mm, 0), bytes;
    assert_int_equal(zvm_mm_allocate_bytes(mm, "ab", 2, &bytes), ZVM_OK);
    set_reference(mm, root, 0, leaf);
    set_reference(mm, root, 1, gone);
    set_reference(mm, root, 2, bytes);
    set_reference(mm, scoped, 0, root);
    assert_int_equal(zvm_mm_deallocate(mm, gone), ZVM_OK); // a tombstone, and a hole in the scope
    assert_int_equal(zvm_mm_scope_close(mm, scope), ZVM_OK);
    assert_int_equal(leaks_of(mm), 3); // scoped, which nothing keeps; leaf and bytes
    assert_int_equal(zvm_mm_collect(mm, true, NULL), ZVM_OK);
    assert_int_equal(leaks_of(mm), 2);
    destroy(mm);
}

static void test_leaks_path_longer_than_the_room_for_it_is_whole(void **state)
{
    (void)state;
    enum { LONG = 3000 };
    zvm_mm *mm = make_default_manager();
    zvm_handle previous = make_root(mm, 1);
    for (int i = 0; i < LONG; i++) {
        zvm_mm_scope scope;
        assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
        zvm_handle next = make_object(mm, 1);
        set_reference(mm, previous, 0, next);
        assert_int_equal(zvm_mm_scope_close(mm, scope), ZVM_OK);
        previous = next;
    }
    assert_int_equal(leaks_of(mm), LONG);
    zalloc_fail_at(2, true /* from_there_on */);
    uint32_t count = 0;
    assert_int_equal(zvm_mm_find_leaks(mm, 0, count_leak, &count), ZVM_E_NOMEM);
    zalloc_fail_at(0, false);
    destroy(mm);
}

static bool stop_at_second(void *context, const zvm_mm_history_entry *entry)
{
    uint32_t *count = context;
    (void)entry;
    return ++*count < 2;
}

static void test_history_stops_when_its_reader_says_so(void **state)
{
    (void)state;
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.history_entries = 4;
    zvm_mm *mm = make_manager(options);
    for (int i = 0; i < 9; i++)
        (void)make_object(mm, 1);
    uint32_t count = 0;
    assert_int_equal(zvm_mm_history(mm, stop_at_second, &count), ZVM_OK);
    assert_int_equal(count, 2);
    destroy(mm);
}

// The manager's own counts are set to their ends: no test gets there by calls.
static void test_counts_at_their_ends_are_refused(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    struct zmm *inner = (struct zmm *)mm;
    zvm_handle root = make_root(mm, 1);
    inner->roots.items[zmm_entry(inner, root.index)->root].count = UINT32_MAX;
    assert_int_equal(zvm_mm_root_add(mm, root), ZVM_E_LIMIT);
    inner->roots.items[zmm_entry(inner, root.index)->root].count = 1;
    zvm_mm_scope scope;
    inner->scope_depth = UINT32_MAX;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_E_LIMIT);
    inner->scope_depth = 0;
    void *array = NULL;
    uint32_t capacity = UINT32_MAX / 2 + 1;
    assert_int_equal(zmm_grow(inner, &array, &capacity, 1), ZVM_E_LIMIT);
    assert_null(array);
    destroy(mm);
}

static void test_verify_finds_what_is_wrong_in_the_table(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    struct zmm *inner = (struct zmm *)mm;
    zvm_handle a = make_root(mm, 1), b = make_root(mm, 1);
    verify(mm);
    inner->allocated_count++;
    assert_int_equal(zmm_verify(inner), ZVM_E_INTERNAL);
    inner->allocated_count--;
    inner->allocated_bytes++;
    assert_int_equal(zmm_verify(inner), ZVM_E_INTERNAL);
    inner->allocated_bytes--;
    struct zmm_entry *entries[2] = {zmm_entry(inner, a.index), zmm_entry(inner, b.index)};
    struct zobject *object = entries[0]->object;
    entries[0]->object = entries[1]->object;
    assert_int_equal(zmm_verify(inner), ZVM_E_INTERNAL);
    entries[0]->object = object;
    uint32_t slots = object->aux;
    object->aux = 0; // as a tombstone
    assert_int_equal(zmm_verify(inner), ZVM_E_INTERNAL);
    object->aux = slots;
    zheap_private(&inner->heap)->acquired_count++;
    assert_int_equal(zmm_verify(inner), ZVM_E_INTERNAL);
    zheap_private(&inner->heap)->acquired_count--;
    destroy(mm);
}

static void test_leaks_in_an_open_scope_leave_out_what_was_deallocated(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_mm_scope scope;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    zvm_handle gone = make_object(mm, 1), text;
    (void)make_object(mm, 1);
    assert_int_equal(zvm_mm_allocate_bytes(mm, "ab", 2, &text), ZVM_OK);
    assert_int_equal(zvm_mm_deallocate(mm, gone), ZVM_OK);
    uint32_t count = 0;
    assert_int_equal(zvm_mm_find_leaks(mm, 0, stop_at_second_leak, &count), ZVM_OK);
    assert_int_equal(count, 2);
    destroy(mm);
}

struct pair {
    zvm_mm *mm;
    zvm_handle other;
    uint32_t calls;
    bool is_nested;
};

static void note_other(void *user, zvm_handle handle)
{
    struct pair *pair = user;
    (void)handle;
    assert_false(pair->is_nested);
    pair->calls++;
}

static void deallocate_other(void *user, zvm_handle handle)
{
    struct pair *pair = user;
    (void)handle;
    pair->is_nested = true;
    assert_int_equal(zvm_mm_deallocate(pair->mm, pair->other), ZVM_OK);
    assert_int_equal(pair->calls, 0); // it waits until this one is back
    pair->is_nested = false;
}

static void test_finalizer_that_makes_another_due_is_not_interrupted(void **state)
{
    (void)state;
    struct pair pair = {.mm = make_default_manager()};
    zvm_handle first = make_root(pair.mm, 1);
    pair.other = make_root(pair.mm, 1);
    assert_int_equal(zvm_mm_set_finalizer(pair.mm, first, deallocate_other, &pair), ZVM_OK);
    assert_int_equal(zvm_mm_set_finalizer(pair.mm, pair.other, note_other, &pair), ZVM_OK);
    assert_int_equal(zvm_mm_deallocate(pair.mm, first), ZVM_OK);
    assert_int_equal(pair.calls, 1);
    destroy(pair.mm);
}

// Every span of the slab that there is is taken, and there is no memory for another.
static void test_handles_without_a_span_for_them_are_refused(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    struct zmm *inside = (struct zmm *)mm;
    zvm_handle root = make_root(mm, 1);
    const struct zheap_private *private = zheap_private(&inside->heap);
    uint64_t charged = private->charged_bytes;
    struct zspan_pool *pool = inside->env->pool;
    zheap_env_give_back(inside->env);
    struct zpage *all = NULL;
    zalloc_fail_at(1, true /* from_there_on */);
    uint32_t taken = zspan_pool_take_any(pool, ZSPAN_1, ZSLAB_PAGES, &all);
    zvm_status status = zmm_grow_entries(inside);
    zalloc_fail_at(0, false);
    zspan_pool_give_any(pool, all);
    assert_true(taken > 0);
    assert_int_equal(status, ZVM_E_NOMEM);
    assert_int_equal(private->charged_bytes, charged);
    assert_true(is_live(mm, root));
    assert_int_equal(zmm_grow_entries(inside), ZVM_OK);
    assert_true(is_live(mm, root));
    destroy(mm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scope_that_is_none_is_refused),
        cmocka_unit_test(test_finalizers_that_wait_together_are_called_in_order),
        cmocka_unit_test(test_new_object_outlives_the_finalizers_of_its_own_call),
        cmocka_unit_test(test_leaks_walk_over_what_is_gone),
        cmocka_unit_test(test_leaks_path_longer_than_the_room_for_it_is_whole),
        cmocka_unit_test(test_history_stops_when_its_reader_says_so),
        cmocka_unit_test(test_counts_at_their_ends_are_refused),
        cmocka_unit_test(test_verify_finds_what_is_wrong_in_the_table),
        cmocka_unit_test(test_leaks_in_an_open_scope_leave_out_what_was_deallocated),
        cmocka_unit_test(test_finalizer_that_makes_another_due_is_not_interrupted),
        cmocka_unit_test(test_handles_without_a_span_for_them_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
