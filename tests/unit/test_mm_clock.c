// Goal: the ages of a manager's objects are right to some milliseconds; calls that make objects in a row
// may share a look at the clock, and then what is promised holds: at most 31 of them count a pause that
// was not theirs. Also what else stands beside an index, and the ends of both: ticks, generations,
// entries. Method: pauses that are long against the clock's tick, and ages after them; for the ends the
// manager's own fields are set.
#include "mm_fixture.h"

#include "heap/mm_internal.h"

#define PAUSE_NS UINT64_C(200000000)
#define LONG_NS  (PAUSE_NS - 20000000) // a pause that is counted is at least so long by the ages,
#define SHORT_NS UINT64_C(120000000)   // and what is made after it younger than this

static uint64_t age_of(zvm_mm *mm, zvm_handle handle)
{
    zvm_mm_info info = ZVM_MM_INFO_INIT;
    assert_int_equal(zvm_mm_object_info(mm, handle, &info), ZVM_OK);
    return info.age_ns;
}

// The last one.
static zvm_handle make_row(zvm_mm *mm, zvm_handle *handles, uint32_t count)
{
    zvm_handle last = {0};
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(zvm_mm_allocate_bytes(mm, NULL, 16, &last), ZVM_OK);
        if (handles != NULL) handles[i] = last;
    }
    return last;
}

static void test_object_made_after_another_call_does_not_count_the_pause(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    zvm_mm_scope scope;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    zvm_handle before = make_row(mm, NULL, 1000);
    assert_int_equal(zvm_mm_root_add(mm, before), ZVM_OK);
    sleep_ns(PAUSE_NS);
    zvm_handle after = make_row(mm, NULL, 1);
    assert_true(age_of(mm, before) >= LONG_NS);
    assert_true(age_of(mm, after) <= SHORT_NS);
    destroy(mm);
}

static void test_row_with_a_pause_has_at_most_31_objects_that_count_it(void **state)
{
    (void)state;
    static zvm_handle handles[100];
    zvm_mm *mm = make_default_manager();
    zvm_mm_scope scope;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    (void)make_row(mm, NULL, 1010);
    sleep_ns(PAUSE_NS);
    (void)make_row(mm, handles, 100);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < 100; i++) {
        bool counts_pause = age_of(mm, handles[i]) > SHORT_NS;
        if (counts_pause) assert_int_equal(wrong, i); // the first ones
        wrong += counts_pause;
    }
    assert_in_range(wrong, 0, ZMM_LOOK_SHARED_MAX - 1);
    destroy(mm);
}

static void test_row_that_is_slow_is_exact_after_the_first_pauses(void **state)
{
    (void)state;
    zvm_handle handles[8];
    zvm_mm *mm = make_default_manager();
    zvm_mm_scope scope;
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    for (uint32_t i = 0; i < 8; i++) {
        handles[i] = make_row(mm, NULL, 1);
        sleep_ns(PAUSE_NS / 3);
    }
    for (uint32_t i = 2; i + 1 < 8; i++) // the first two may share a look
        assert_true(age_of(mm, handles[i]) >= age_of(mm, handles[i + 1]) + PAUSE_NS / 6);
    destroy(mm);
}

static void test_history_looks_at_the_clock_for_each_event(void **state)
{
    (void)state;
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.history_entries = 16;
    zvm_mm *mm = make_manager(options);
    zvm_mm_scope scope; // nothing is collected, which would be noted too
    assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
    zvm_handle first = make_row(mm, NULL, 50), second;
    sleep_ns(PAUSE_NS);
    second = make_row(mm, NULL, 1);
    sleep_ns(PAUSE_NS);
    assert_int_equal(zvm_mm_deallocate(mm, first), ZVM_OK);
    const struct zmm *inner = (const struct zmm *)mm;
    const zvm_mm_history_entry *made = &inner->history[50 % 16], *gone = &inner->history[51 % 16];
    assert_int_equal(made[-1].handle.index, first.index);
    assert_true(made->time_ns - made[-1].time_ns >= LONG_NS);
    assert_true(gone->time_ns - made->time_ns >= LONG_NS);
    assert_true(age_of(mm, second) >= LONG_NS);
    destroy(mm);
}

static void test_age_is_right_where_the_ticks_begin_again(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    struct zmm *inner = (struct zmm *)mm;
    // Made so long ago that the next tick but two is the first of a new turn.
    uint64_t turn_ns = UINT64_C(1) << (64 - ZMM_INDEX_BITS + ZMM_TICK_NS_BITS);
    inner->made_ns -= 3 * turn_ns - (UINT64_C(2) << ZMM_TICK_NS_BITS);
    zvm_handle before = make_root(mm, 1);
    sleep_ns(PAUSE_NS);
    zvm_handle after = make_root(mm, 300); // its word is elsewhere
    assert_in_range(age_of(mm, before), LONG_NS, PAUSE_NS * 100);
    assert_true(age_of(mm, after) <= SHORT_NS);
    assert_int_equal(zmm_index_of(zmm_entry(inner, before.index)->object), before.index);
    destroy(mm);
}

static void test_table_at_its_limit_grows_no_more(void **state)
{
    (void)state;
    zvm_mm *mm = make_default_manager();
    struct zmm *inner = (struct zmm *)mm;
    uint32_t capacity = inner->entry_capacity;
    inner->entry_capacity = ZMM_ENTRIES_MAX;
    assert_int_equal(zmm_grow_entries(inner), ZVM_E_LIMIT);
    inner->entry_count = ZMM_ENTRIES_MAX;
    zvm_handle handle;
    assert_int_equal(zvm_mm_allocate(mm, 1, &handle), ZVM_E_LIMIT);
    inner->entry_count = 0;
    inner->entry_capacity = capacity;
    (void)make_root(mm, 1);
    destroy(mm);
}

// A collection frees entries in two ways: with nobody to be told, and one by one.
static void test_entry_whose_generations_are_used_up_stays_out(void **state)
{
    (void)state;
    for (uint32_t history = 0; history <= 4; history += 4) {
        zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
        options.history_entries = history;
        zvm_mm *mm = make_manager(options);
        struct zmm *inner = (struct zmm *)mm;
        zvm_mm_scope scope;
        assert_int_equal(zvm_mm_scope_open(mm, &scope), ZVM_OK);
        zvm_handle deallocated = make_object(mm, 1), collected = make_object(mm, 1);
        assert_int_equal(zvm_mm_scope_close(mm, scope), ZVM_OK);
        zmm_entry(inner, deallocated.index)->generation = UINT32_MAX;
        zmm_entry(inner, collected.index)->generation = UINT32_MAX;
        deallocated.generation = collected.generation = UINT32_MAX;
        assert_int_equal(zvm_mm_deallocate(mm, deallocated), ZVM_OK);
        assert_int_equal(collect(mm).freed_count, 1);
        assert_false(is_live(mm, collected));
        for (int i = 0; i < 8; i++) {
            zvm_handle other = make_root(mm, 1);
            assert_int_not_equal(other.index, deallocated.index);
            assert_int_not_equal(other.index, collected.index);
        }
        destroy(mm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object_made_after_another_call_does_not_count_the_pause),
        cmocka_unit_test(test_row_with_a_pause_has_at_most_31_objects_that_count_it),
        cmocka_unit_test(test_row_that_is_slow_is_exact_after_the_first_pauses),
        cmocka_unit_test(test_history_looks_at_the_clock_for_each_event),
        cmocka_unit_test(test_age_is_right_where_the_ticks_begin_again),
        cmocka_unit_test(test_table_at_its_limit_grows_no_more),
        cmocka_unit_test(test_entry_whose_generations_are_used_up_stays_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
