// Goal: lists keep their elements through every change of representation and size.
// Method: an isolate without a program; single transitions first, then random operations beside a
// plain array of values.
#include "vm_fixture.h"

static struct zlist *new_list(struct vm *vm, int root, uint64_t capacity)
{
    assert_true(zlist_new(vm->iso, capacity, &vm->roots[root]));
    return vm->roots[root].p;
}

static struct zlist *list_of_ints(struct vm *vm, int root, int64_t first, int64_t count)
{
    struct zlist *list = new_list(vm, root, 0);
    for (int64_t i = 0; i < count; i++)
        assert_true(zlist_push(vm->iso, list, zvalue_int(first + i)));
    return list;
}

static void test_push_other_type_changes_representation_once(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zlist *list = list_of_ints(&vm, 0, 0, 100);
    assert_int_equal(list->elements, ZLIST_INT);
    assert_true(zlist_push(vm.iso, list, zvalue_float(1.5)));
    assert_int_equal(list->elements, ZLIST_ANY);
    assert_int_equal(zlist_length(list), 101);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(zlist_get(list, i).tag, ZTAG_INT);
        assert_int_equal(zlist_get(list, i).i, i);
    }
    assert_true(zlist_get(list, 100).d == 1.5);
    vm_verify(&vm);
    vm_close(&vm);
}

static struct zvalue remove_at(struct vm *vm, struct zlist *list, uint32_t index)
{
    struct zvalue removed;
    assert_true(zlist_remove(vm->iso, list, index, &removed));
    return removed;
}

static void test_push_first_element_decides_representation(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zlist *list = new_list(&vm, 0, 10);
    assert_int_equal(list->elements, ZLIST_INT);
    assert_true(zlist_push(vm.iso, list, zvalue_float(1.5)));
    assert_int_equal(list->elements, ZLIST_FLOAT);
    (void)remove_at(&vm, list, 0);
    assert_int_equal(list->elements, ZLIST_INT);
    assert_true(zlist_push(vm.iso, list, zvalue_null()));
    assert_int_equal(list->elements, ZLIST_ANY);
    (void)remove_at(&vm, list, 0);
    assert_int_equal(list->elements, ZLIST_INT);
    assert_true(zlist_push(vm.iso, list, zvalue_int(3)));
    assert_int_equal(list->elements, ZLIST_INT);
    vm_close(&vm);
}

static void test_set_keeps_other_elements(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zlist *list = list_of_ints(&vm, 0, 1, 3);
    assert_true(zlist_set(vm.iso, list, 1, zvalue_bool(true)));
    assert_text(&vm, vm.roots[0], "[1, true, 3]");
    assert_true(zlist_set(vm.iso, list, 1, zvalue_int(7)));
    assert_text(&vm, vm.roots[0], "[1, 7, 3]");
    vm_close(&vm);
}

static void test_insert_and_remove_at_both_ends(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zlist *list = list_of_ints(&vm, 0, 1, 3);
    vm.roots[1] = vm_string(&vm, "s");
    assert_true(zlist_insert(vm.iso, list, 0, vm.roots[1]));
    assert_true(zlist_insert(vm.iso, list, 4, zvalue_float(0.5)));
    assert_true(zlist_insert(vm.iso, list, 2, zvalue_null()));
    assert_text(&vm, vm.roots[0], "[s, 1, null, 2, 3, 0.5]");
    assert_int_equal(remove_at(&vm, list, 2).tag, ZTAG_NULL);
    assert_int_equal(remove_at(&vm, list, 0).tag, ZTAG_SYMBOL);
    assert_true(remove_at(&vm, list, 3).d == 0.5);
    assert_text(&vm, vm.roots[0], "[1, 2, 3]");
    vm_close(&vm);
}

static void test_extend_with_itself_doubles(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zlist *list = list_of_ints(&vm, 0, 1, 3);
    assert_true(zlist_extend(vm.iso, list, list));
    assert_text(&vm, vm.roots[0], "[1, 2, 3, 1, 2, 3]");
    assert_true(zlist_push(vm.iso, list, zvalue_null()));
    assert_true(zlist_extend(vm.iso, list, list));
    assert_int_equal(zlist_length(list), 14);
    assert_text(&vm, vm.roots[0], "[1, 2, 3, 1, 2, 3, null, 1, 2, 3, 1, 2, 3, null]");
    vm_close(&vm);
}

static void test_extend_and_concat_of_each_pair_of_representations(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    const struct zvalue ints[2] = {zvalue_int(1), zvalue_int(2)};
    const struct zvalue floats[2] = {zvalue_float(0.5), zvalue_float(1.5)};
    const struct zvalue mixed[2] = {zvalue_null(), zvalue_int(9)};
    const struct zvalue *const kinds[4] = {ints, ints, floats, mixed};
    static const char *const texts[4] = {"", "1, 2", "0.5, 1.5", "null, 9"};
    for (int a = 0; a < 4; a++) {
        for (int b = 0; b < 4; b++) {
            char expected[64];
            snprintf(expected, sizeof expected, "[%s%s%s]", texts[a], a != 0 && b != 0 ? ", " : "",
                     texts[b]);
            assert_true(zlist_from_values(vm.iso, kinds[a], a == 0 ? 0 : 2, &vm.roots[0]));
            assert_true(zlist_from_values(vm.iso, kinds[b], b == 0 ? 0 : 2, &vm.roots[1]));
            assert_true(zlist_concat(vm.iso, vm.roots[0].p, vm.roots[1].p, &vm.roots[2]));
            assert_text(&vm, vm.roots[2], expected);
            assert_true(zlist_extend(vm.iso, vm.roots[0].p, vm.roots[1].p));
            assert_text(&vm, vm.roots[0], expected);
            const struct zlist *list = vm.roots[2].p;
            if (a == b && a != 0) assert_int_equal(list->elements, kinds[a][0].tag > 1 ? 2 : a - 1);
        }
    }
    vm_close(&vm);
}

static void test_slice_copies_its_range(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zlist *list = list_of_ints(&vm, 0, 0, 10);
    assert_true(zlist_slice(vm.iso, list, 3, 6, &vm.roots[1]));
    assert_text(&vm, vm.roots[1], "[3, 4, 5]");
    assert_true(zlist_slice(vm.iso, list, 6, 3, &vm.roots[1]));
    assert_text(&vm, vm.roots[1], "[]");
    assert_true(zlist_set(vm.iso, list, 9, zvalue_null()));
    assert_true(zlist_slice(vm.iso, list, 8, 10, &vm.roots[1]));
    assert_text(&vm, vm.roots[1], "[8, null]");
    assert_true(zlist_push(vm.iso, vm.roots[1].p, zvalue_int(1)));
    assert_int_equal(zlist_length(list), 10);
    vm_close(&vm);
}

static void test_reserve_over_limit_is_refused_before_memory(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zlist *list = list_of_ints(&vm, 0, 0, 3);
    assert_false(zlist_reserve(vm.iso, list, UINT64_C(1) << 31));
    vm_expect_error(&vm, "LimitError: list longer than 2147483647 elements");
    assert_false(zlist_new(vm.iso, UINT64_MAX, &vm.roots[1]));
    vm_expect_error(&vm, "LimitError: list longer than 2147483647 elements");
    assert_false(zlist_reserve(vm.iso, list, ZLIST_LENGTH_MAX)); // 16 GiB: over the heap limit
    assert_text(&vm, vm.roots[0], "[0, 1, 2]");
    vm_close(&vm);
}

// ---- Beside a model -----------------------------------------------------------------------------

#define MODEL_MAX 400

struct model {
    struct zvalue values[MODEL_MAX];
    uint32_t length;
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static struct zvalue random_value(struct vm *vm, uint32_t *seed, uint32_t mixed)
{
    switch (next_random(seed) % mixed) {
    case 1:
        return zvalue_float(next_random(seed) % 100);
    case 2:
        return zvalue_null();
    case 3:
        return zvalue_object(vm->shared->empty, ZTAG_SYMBOL);
    default:
        return zvalue_int(next_random(seed) % 100);
    }
}

static void model_insert(struct model *model, uint32_t index, struct zvalue value)
{
    memmove(&model->values[index + 1], &model->values[index],
            (model->length - index) * sizeof value);
    model->values[index] = value;
    model->length++;
}

static void model_remove(struct model *model, uint32_t index)
{
    model->length--;
    memmove(&model->values[index], &model->values[index + 1],
            (model->length - index) * sizeof *model->values);
}

static void check_model(const struct zlist *list, const struct model *model)
{
    assert_int_equal(zlist_length(list), model->length);
    for (uint32_t i = 0; i < model->length; i++) {
        assert_int_equal(zlist_get(list, i).tag, model->values[i].tag);
        assert_true(zlist_get(list, i).bits == model->values[i].bits);
    }
}

static void random_operation(struct vm *vm, struct model *model, uint32_t *seed, uint32_t mixed)
{
    struct zlist *list = vm->roots[0].p;
    struct zvalue value = random_value(vm, seed, mixed);
    uint32_t index = model->length == 0 ? 0 : next_random(seed) % model->length;
    bool is_full = model->length == MODEL_MAX - 1;
    switch (next_random(seed) % 5) {
    case 0:
        if (is_full) return;
        assert_true(zlist_push(vm->iso, list, value));
        model_insert(model, model->length, value);
        return;
    case 1:
        if (is_full) return;
        assert_true(zlist_insert(vm->iso, list, index, value));
        model_insert(model, index, value);
        return;
    case 2:
    case 3:
        if (model->length == 0) return;
        (void)remove_at(vm, list, index);
        model_remove(model, index);
        return;
    default:
        if (model->length == 0) return;
        assert_true(zlist_set(vm->iso, list, index, value));
        model->values[index] = value;
        return;
    }
}

static void test_random_operations_match_an_array(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    uint32_t seed = 1;
    for (uint32_t round = 0; round < 60; round++) {
        static struct model model;
        model.length = 0;
        new_list(&vm, 0, 0);
        for (int i = 0; i < 300; i++)
            random_operation(&vm, &model, &seed, round % 5 + 1);
        check_model(vm.roots[0].p, &model);
    }
    vm_verify(&vm);
    vm_close(&vm);
}

static bool make_many_lists(struct vm *vm)
{
    struct zvalue *r = vm->roots;
    if (!zlist_new(vm->iso, 0, &r[0])) return false;
    for (int i = 0; i < 1000; i++) {
        if (!zlist_push(vm->iso, r[0].p, zvalue_int(i))) return false;
    }
    if (!zlist_push(vm->iso, r[0].p, zvalue_null())) return false;
    if (!zlist_concat(vm->iso, r[0].p, r[0].p, &r[1])) return false;
    return zlist_slice(vm->iso, r[1].p, 5, 1500, &r[2]);
}

static void test_making_with_nth_allocation_failing_reports_it(void **state)
{
    (void)state;
    bool passed = false;
    for (uint64_t n = 1; !passed; n++) {
        assert_in_range(n, 1, 2000);
        struct vm vm;
        zalloc_fail_at(n, true);
        if (vm_try_open(&vm, UINT64_C(1) << 30, 0)) {
            passed = make_many_lists(&vm);
            if (!passed) assert_int_equal(vm.iso->pending, ZPENDING_TERMINATION);
        }
        zalloc_fail_at(0, false);
        vm_close(&vm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_other_type_changes_representation_once),
        cmocka_unit_test(test_push_first_element_decides_representation),
        cmocka_unit_test(test_set_keeps_other_elements),
        cmocka_unit_test(test_insert_and_remove_at_both_ends),
        cmocka_unit_test(test_extend_with_itself_doubles),
        cmocka_unit_test(test_extend_and_concat_of_each_pair_of_representations),
        cmocka_unit_test(test_slice_copies_its_range),
        cmocka_unit_test(test_reserve_over_limit_is_refused_before_memory),
        cmocka_unit_test(test_random_operations_match_an_array),
        cmocka_unit_test(test_making_with_nth_allocation_failing_reports_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
