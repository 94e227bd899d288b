// Goal: sort orders, is stable in both directions, and asks a comparing function no more than it must.
// Method: random lists of few different keys, so that stability shows; each element carries its place.
#include "vm_fixture.h"

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

// A list of { k: key, place: place } maps.
static void make_records(struct vm *vm, uint32_t count, uint32_t keys, uint32_t *seed, int kind)
{
    struct zvalue *r = vm->roots;
    r[1] = vm_string(vm, "k");
    r[2] = vm_string(vm, "place");
    assert_true(zstring_as_key(vm->iso, r[2], &r[2]));
    assert_true(zlist_new(vm->iso, 0, &r[0]));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = next_random(seed) % keys;
        if (kind == 0) r[3] = zvalue_int((int64_t)key - 5);
        if (kind == 1) r[3] = i % 2 == 0 ? zvalue_float(key) : zvalue_int(key);
        if (kind == 2) {
            char text[32];
            int length = snprintf(text, sizeof text, "key %05u", key);
            assert_true(zstring_new(vm->iso, text, (size_t)length, &r[3]));
        }
        assert_true(zmap_new(vm->iso, 2, &r[4]));
        assert_true(zmap_set(vm->iso, r[4].p, r[1], r[3]));
        assert_true(zmap_set(vm->iso, r[4].p, r[2], zvalue_int(i)));
        assert_true(zlist_push(vm->iso, r[0].p, r[4]));
    }
}

static struct zvalue field(struct vm *vm, struct zvalue map, int name)
{
    const struct zmap_entry *entry = zmap_find(map.p, vm->roots[name]);
    assert_non_null(entry);
    return zvalue_slot(entry->value, entry->value_tag);
}

static void check_sorted(struct vm *vm, struct zvalue list, uint32_t count, bool descending)
{
    assert_int_equal(zlist_length(list.p), count);
    for (uint32_t i = 1; i < count; i++) {
        struct zvalue a = zlist_get(list.p, i - 1), b = zlist_get(list.p, i);
        bool is_wrong, is_equal;
        assert_true(zorder_values(vm->iso, descending ? ZORDER_LT : ZORDER_GT, field(vm, a, 1),
                           field(vm, b, 1), &is_wrong));
        assert_false(is_wrong);
        assert_true(zequal_values(vm->iso, field(vm, a, 1), field(vm, b, 1), &is_equal));
        if (is_equal) assert_true(field(vm, a, 2).i < field(vm, b, 2).i);
    }
}

static void test_sort_by_key_is_stable_both_ways(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 7, 8, 9, 16, 17, 100, 1000, 1025};
    uint32_t seed = 3;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (int kind = 0; kind < 3; kind++) {
            struct vm vm;
            vm_open(&vm);
            make_records(&vm, counts[c], 10, &seed, kind);
            for (int descending = 0; descending < 2; descending++) {
                assert_true(vm_call(&vm, "sort", &vm.roots[5], vm.roots[0], vm.roots[1],
                                    zvalue_bool(descending)));
                check_sorted(&vm, vm.roots[5], counts[c], descending);
            }
            vm_close(&vm);
        }
    }
}

struct sort_calls {
    uint32_t count;
};
static struct sort_calls calls; // of the test that runs now

static bool compare_keys(struct vm *vm, struct zvalue *arguments, uint32_t count,
                         struct zvalue *result)
{
    assert_int_equal(count, 2);
    calls.count++;
    // Whatever becomes of the list, the sort goes on with its own copy.
    struct zlist *list = vm->roots[0].p;
    struct zvalue removed;
    if (zlist_length(list) > 0)
        assert_true(zlist_remove(vm->iso, list, zlist_length(list) - 1, &removed));
    if (calls.count % 64 == 0) zheap_collect(&vm->iso->heap, NULL);
    int64_t a = field(vm, arguments[0], 1).i, b = field(vm, arguments[1], 1).i;
    *result = zvalue_int(a < b ? -1 : a > b);
    return true;
}

static void test_sort_with_function_is_stable_and_sorts_a_copy(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 3, 5, 8, 100, 1000};
    static const uint32_t most[] = {0, 0, 1, 3, 9, 20, 700, 10000};
    uint32_t seed = 9;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        struct vm vm;
        vm_open(&vm);
        make_records(&vm, counts[c], 10, &seed, 0);
        calls.count = 0;
        struct zvalue arguments[2] = {vm.roots[0], zbuiltin_value(zbuiltin_find("len", 3))};
        assert_true(vm_call_with(&vm, "sort", compare_keys, &vm.roots[5], 2, arguments));
        check_sorted(&vm, vm.roots[5], counts[c], false);
        assert_in_range(calls.count, 0, most[c]);
        vm_close(&vm);
    }
}

static bool answer_text(struct vm *vm, struct zvalue *arguments, uint32_t count,
                        struct zvalue *result)
{
    (void)arguments;
    (void)count;
    *result = vm_string(vm, "less");
    return true;
}

static void test_sort_refuses_what_it_cannot_order(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zvalue result;
    const struct zvalue nans[2] = {zvalue_float(1), zvalue_float((double)__builtin_nan(""))};
    assert_true(zlist_from_values(vm.iso, nans, 2, &vm.roots[0]));
    assert_false(vm_call(&vm, "sort", &result, vm.roots[0]));
    vm_expect_error(&vm, "ValueError: sort(): cannot order nan");
    struct zvalue arguments[2] = {vm.roots[0], zbuiltin_value(zbuiltin_find("len", 3))};
    assert_false(vm_call_with(&vm, "sort", answer_text, &result, 2, arguments));
    vm_expect_error(&vm, "TypeError: sort(): comparator must return an integer, got string");
    vm_close(&vm);
}

static void test_sort_over_heap_limit_raises_and_frees_its_buffer(void **state)
{
    (void)state;
    struct vm vm;
    assert_true(vm_try_open(&vm, 1 << 20, 0));
    assert_true(vm_call(&vm, "range", &vm.roots[0], zvalue_int(40000)));
    assert_false(vm_call(&vm, "sort", &vm.roots[1], vm.roots[0]));
    assert_int_equal(vm.iso->pending, ZPENDING_ERROR);
    vm.iso->pending = ZPENDING_NOTHING;
    assert_true(vm_call(&vm, "range", &vm.roots[0], zvalue_int(2000)));
    assert_true(vm_call(&vm, "sort", &vm.roots[1], vm.roots[0], zvalue_bool(true)));
    assert_int_equal(zlist_get(vm.roots[1].p, 0).i, 1999);
    vm_verify(&vm);
    vm_close(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_by_key_is_stable_both_ways),
        cmocka_unit_test(test_sort_with_function_is_stable_and_sorts_a_copy),
        cmocka_unit_test(test_sort_refuses_what_it_cannot_order),
        cmocka_unit_test(test_sort_over_heap_limit_raises_and_frees_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
