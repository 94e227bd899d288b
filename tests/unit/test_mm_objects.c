// Goal: objects used from C: fields and bytes of every size, handles that never name another object,
// tombstones, wrong use answered by a status.
// Method: every size around the borders of cells and payloads; handles of the dead, of other managers
// and of other threads; the heap's own check after each step.
#include "mm_fixture.h"

#include <pthread.h>

static void test_new_manager_is_empty(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_heap_stats stats = stats_of(mm);
    assert_int_equal(stats.live_objects, 0);
    assert_int_equal(stats.current_bytes, 0);
    assert_int_equal(stats.limit_bytes, 100 << 20);
    assert_true(stats.freed_percent == 0);
    destroy(mm);
}

static void test_fields_of_every_size_hold_what_was_stored(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 7, 100, 224, 225, 226, 227, 1000, 100000};
    zvm_mm *mm = make_default_manager();
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        zvm_handle object = make_root(mm, counts[i]);
        for (uint32_t k = 0; k < counts[i]; k++)
            assert_int_equal(get_field(mm, object, k).kind, ZVM_MM_NULL);
        for (uint32_t k = 0; k < counts[i]; k++)
            set_field(mm, object, k, integer((int64_t)k - 5));
        if (counts[i] > 1) {
            set_field(mm, object, 0, (zvm_mm_value){.kind = ZVM_MM_FLOAT, .number = 2.5});
            set_field(mm, object, 1, reference(object)); // a cycle
        }
        (void)collect(mm);
        for (uint32_t k = 2; k < counts[i]; k++)
            assert_int_equal(get_field(mm, object, k).integer, (int64_t)k - 5);
        if (counts[i] > 1) {
            assert_true(get_field(mm, object, 0).number == 2.5);
            zvm_mm_value self = get_field(mm, object, 1);
            assert_int_equal(self.kind, ZVM_MM_REFERENCE);
            assert_memory_equal(&self.reference, &object, sizeof object);
        }
        zvm_mm_value value;
        assert_int_equal(zvm_mm_get_field(mm, object, counts[i], &value), ZVM_E_NOT_FOUND);
        assert_int_equal(zvm_mm_set_field(mm, object, UINT32_MAX, integer(1)), ZVM_E_NOT_FOUND);
        zvm_mm_info info = ZVM_MM_INFO_INIT;
        assert_int_equal(zvm_mm_object_info(mm, object, &info), ZVM_OK);
        assert_int_equal(info.field_count, counts[i]);
        assert_false(info.is_bytes);
        assert_true(info.is_root);
        assert_true(info.bytes >= 9 * (uint64_t)counts[i]);
    }
    destroy(mm);
}

static void test_bytes_of_every_size_stay_where_they_are(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 8, 100, 2031, 2032, 2033, 5000, 1000000};
    zvm_mm *mm = make_default_manager();
    char *text = malloc(1000000);
    for (size_t i = 0; i < 1000000; i++)
        text[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        zvm_handle copied, zeroed;
        assert_int_equal(zvm_mm_allocate_bytes(mm, text, counts[i], &copied), ZVM_OK);
        assert_int_equal(zvm_mm_root_add(mm, copied), ZVM_OK);
        assert_int_equal(zvm_mm_allocate_bytes(mm, NULL, counts[i], &zeroed), ZVM_OK);
        assert_int_equal(zvm_mm_root_add(mm, zeroed), ZVM_OK);
        void *bytes, *later;
        size_t count;
        assert_int_equal(zvm_mm_bytes(mm, zeroed, &bytes, &count), ZVM_OK);
        assert_int_equal(count, counts[i]);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(((char *)bytes)[k], 0);
        assert_int_equal(zvm_mm_bytes(mm, copied, &bytes, &count), ZVM_OK);
        assert_int_equal((uintptr_t)bytes % 8, 0);
        (void)collect(mm);
        assert_int_equal(zvm_mm_bytes(mm, copied, &later, &count), ZVM_OK);
        assert_ptr_equal(bytes, later);
        assert_int_equal(count, counts[i]);
        if (count > 0) assert_memory_equal(bytes, text, count);
        zvm_mm_value value;
        assert_int_equal(zvm_mm_get_field(mm, copied, 0, &value), ZVM_E_TYPE);
        assert_int_equal(zvm_mm_set_field(mm, copied, 0, integer(1)), ZVM_E_TYPE);
    }
    zvm_handle node = make_object(mm, 1);
    void *bytes;
    size_t count;
    assert_int_equal(zvm_mm_bytes(mm, node, &bytes, &count), ZVM_E_TYPE);
    free(text);
    destroy(mm);
}

static void test_handle_of_the_dead_is_stale_and_its_place_is_used_again(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_handle first = make_root(mm, 2);
    assert_int_equal(zvm_mm_deallocate(mm, first), ZVM_OK);
    assert_int_equal(zvm_mm_deallocate(mm, first), ZVM_E_STALE);
    zvm_handle second = make_root(mm, 2);
    assert_int_equal(second.index, first.index); // the free list
    assert_int_not_equal(second.generation, first.generation);
    set_field(mm, second, 0, integer(7));
    zvm_mm_value value;
    assert_int_equal(zvm_mm_get_field(mm, first, 0, &value), ZVM_E_STALE);
    assert_int_equal(zvm_mm_set_field(mm, first, 0, integer(8)), ZVM_E_STALE);
    assert_int_equal(zvm_mm_set_field(mm, second, 1, reference(first)), ZVM_E_STALE);
    assert_int_equal(zvm_mm_root_add(mm, first), ZVM_E_STALE);
    assert_int_equal(zvm_mm_root_remove(mm, first), ZVM_E_STALE);
    assert_int_equal(get_field(mm, second, 0).integer, 7);
    for (int i = 0; i < 1000; i++) {
        zvm_handle again = make_object(mm, 1);
        assert_int_equal(zvm_mm_deallocate(mm, again), ZVM_OK);
    }
    assert_in_range(stats_of(mm).handles, 2, 2);
    destroy(mm);
}

static void test_field_that_leads_to_a_deallocated_object_is_stale(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    static const uint32_t counts[] = {0, 3, 300};
    for (int i = 0; i < 4; i++) {
        zvm_handle holder = make_root(mm, 1), target;
        if (i < 3)
            target = make_root(mm, counts[i]);
        else
            assert_int_equal(zvm_mm_allocate_bytes(mm, NULL, 9000, &target), ZVM_OK);
        set_field(mm, holder, 0, reference(target));
        uint64_t current = stats_of(mm).current_bytes;
        assert_int_equal(zvm_mm_deallocate(mm, target), ZVM_OK);
        assert_true(stats_of(mm).current_bytes < current);
        zvm_mm_value value;
        assert_int_equal(zvm_mm_get_field(mm, holder, 0, &value), ZVM_E_STALE);
        for (int k = 0; k < 100; k++)
            (void)make_object(mm, 3); // may take the handle, never the cell
        assert_int_equal(zvm_mm_get_field(mm, holder, 0, &value), ZVM_E_STALE);
        (void)collect(mm);
        assert_int_equal(stats_of(mm).tombstones, 1);
        assert_int_equal(zvm_mm_get_field(mm, holder, 0, &value), ZVM_E_STALE);
        set_field(mm, holder, 0, integer(1));
        (void)collect(mm);
        assert_int_equal(stats_of(mm).tombstones, 0);
        assert_int_equal(get_field(mm, holder, 0).integer, 1);
    }
    destroy(mm);
}

static void test_handles_of_another_manager_are_foreign(void **state)
{
    (void)state;
    zvm_mm *a = make_default_manager(), *b = make_default_manager();
    zvm_handle of_a = make_root(a, 1), of_b = make_root(b, 1);
    assert_int_equal(of_a.index, of_b.index);
    assert_int_equal(of_a.generation, of_b.generation);
    zvm_mm_value value;
    assert_int_equal(zvm_mm_get_field(a, of_b, 0, &value), ZVM_E_FOREIGN);
    assert_int_equal(zvm_mm_set_field(a, of_a, 0, reference(of_b)), ZVM_E_FOREIGN);
    assert_int_equal(zvm_mm_deallocate(b, of_a), ZVM_E_FOREIGN);
    assert_int_equal(zvm_mm_root_add(b, (zvm_handle){0, 0, 0}), ZVM_E_FOREIGN);
    of_a.index = 12345; // nobody was given it
    assert_int_equal(zvm_mm_deallocate(a, of_a), ZVM_E_FOREIGN);
    destroy(a);
    destroy(b);
}

struct intrusion {
    zvm_mm *mm;
    zvm_handle handle;
    zvm_status before, after;
};

static void *intrude(void *argument)
{
    struct intrusion *intrusion = argument;
    zvm_mm_value value;
    intrusion->before = zvm_mm_get_field(intrusion->mm, intrusion->handle, 0, &value);
    (void)zvm_mm_adopt(intrusion->mm);
    intrusion->after = zvm_mm_get_field(intrusion->mm, intrusion->handle, 0, &value);
    return NULL;
}

static void test_another_thread_is_refused_until_it_adopts(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    struct intrusion intrusion = {.mm = mm, .handle = make_root(mm, 1)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, intrude, &intrusion), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(intrusion.before, ZVM_E_THREAD);
    assert_int_equal(intrusion.after, ZVM_OK);
    assert_int_equal(zvm_mm_root_remove(mm, intrusion.handle), ZVM_E_THREAD);
    assert_int_equal(zvm_mm_destroy(mm), ZVM_E_THREAD);
    assert_int_equal(zvm_mm_adopt(mm), ZVM_OK);
    destroy(mm);
}

static void test_wrong_arguments_are_refused(void **state)
{
    (void)state;
    zvm_mm *mm = NULL;
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES - 1;
    assert_int_equal(zvm_mm_create(&options, &mm), ZVM_E_ARGUMENT);
    options = (zvm_mm_options){.size = 3};
    assert_int_equal(zvm_mm_create(&options, &mm), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_mm_create(NULL, NULL), ZVM_E_ARGUMENT);
    mm = make_default_manager();
    zvm_handle object = make_root(mm, 1);
    assert_int_equal(zvm_mm_allocate(NULL, 1, &object), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_mm_allocate(mm, 1, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_mm_allocate(mm, UINT32_MAX, &object), ZVM_E_LIMIT);
    zvm_mm_value wrong = {.kind = (zvm_mm_kind)17};
    assert_int_equal(zvm_mm_set_field(mm, object, 0, wrong), ZVM_E_ARGUMENT);
    zvm_heap_stats stats = {.size = 0};
    assert_int_equal(zvm_mm_stats(mm, &stats), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_mm_history(mm, NULL, NULL), ZVM_E_ARGUMENT);
    destroy(mm);
    assert_int_equal(zvm_mm_destroy(NULL), ZVM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_manager_is_empty),
        cmocka_unit_test(test_fields_of_every_size_hold_what_was_stored),
        cmocka_unit_test(test_bytes_of_every_size_stay_where_they_are),
        cmocka_unit_test(test_handle_of_the_dead_is_stale_and_its_place_is_used_again),
        cmocka_unit_test(test_field_that_leads_to_a_deallocated_object_is_stale),
        cmocka_unit_test(test_handles_of_another_manager_are_foreign),
        cmocka_unit_test(test_another_thread_is_refused_until_it_adopts),
        cmocka_unit_test(test_wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
