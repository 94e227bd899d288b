// Goal: every kind of value has the text that the language says, at any depth, with cycles, and a
// text that is out of proportion to its value is refused by the limits of the isolate. Method: an
// isolate without a program; values built by hand.
#include "vm_fixture.h"

static void test_append_scalars_gives_their_words(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    assert_text(&vm, zvalue_null(), "null");
    assert_text(&vm, zvalue_bool(true), "true");
    assert_text(&vm, zvalue_bool(false), "false");
    assert_text(&vm, zvalue_int(INT64_MIN), "-9223372036854775808");
    assert_text(&vm, zvalue_float(100), "100.0");
    assert_text(&vm, vm_string(&vm, "with \"quotes\""), "with \"quotes\"");
    vm_close(&vm);
}

static void test_append_functions_and_errors_gives_their_names(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    uint32_t row = zbuiltin_find("length", 6);
    assert_text(&vm, zbuiltin_value(row), "<function len>");
    struct zvalue error;
    assert_true(vm_call(&vm, "error", &error, vm_string(&vm, "it broke")));
    assert_text(&vm, error, "it broke");
    vm_close(&vm);
}

static void test_append_map_with_removed_entries_skips_them(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    assert_true(zmap_new(vm.iso, 0, &vm.roots[0]));
    for (int64_t i = 0; i < 4; i++)
        assert_true(zmap_set(vm.iso, vm.roots[0].p, zvalue_int(i), zvalue_int(i)));
    struct zvalue removed;
    assert_true(zmap_remove(vm.iso, vm.roots[0].p, zvalue_int(0), &removed));
    assert_true(zmap_remove(vm.iso, vm.roots[0].p, zvalue_int(2), &removed));
    assert_text(&vm, vm.roots[0], "{1: 1, 3: 3}");
    vm_close(&vm);
}

static void test_append_cycles_prints_dots_once_inside(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    assert_true(zlist_new(vm.iso, 0, &vm.roots[0]));
    assert_true(zmap_new(vm.iso, 0, &vm.roots[1]));
    assert_true(zlist_push(vm.iso, vm.roots[0].p, vm.roots[1]));
    assert_true(zlist_push(vm.iso, vm.roots[0].p, vm.roots[0]));
    vm.roots[2] = vm_string(&vm, "list");
    assert_true(zmap_set(vm.iso, vm.roots[1].p, vm.roots[2], vm.roots[0]));
    assert_true(zmap_set(vm.iso, vm.roots[1].p, zvalue_int(1), vm.roots[1]));
    assert_text(&vm, vm.roots[0], "[{list: [...], 1: {...}}, [...]]");
    assert_text(&vm, vm.roots[1], "{list: [{...}, [...]], 1: {...}}");
    // The same list twice is no cycle.
    assert_true(zlist_new(vm.iso, 0, &vm.roots[3]));
    const struct zvalue twice[2] = {vm.roots[3], vm.roots[3]};
    assert_true(zlist_from_values(vm.iso, twice, 2, &vm.roots[4]));
    assert_text(&vm, vm.roots[4], "[[], []]");
    vm_close(&vm);
}

static void nest(struct vm *vm, uint32_t depth)
{
    assert_true(zlist_new(vm->iso, 0, &vm->roots[0]));
    for (uint32_t i = 1; i < depth; i++)
        assert_true(zlist_from_values(vm->iso, &vm->roots[0], 1, &vm->roots[0]));
}

static void test_append_million_levels_deep_needs_no_stack(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    enum { DEPTH = VM_STRESS ? 500 : 1000000 };
    nest(&vm, DEPTH);
    const char *text = vm_text(&vm, vm.roots[0]);
    assert_int_equal(vm.runner.scratch.length, 2 * DEPTH);
    assert_int_equal(text[DEPTH - 1], '[');
    assert_int_equal(text[DEPTH], ']');
    vm_close(&vm);
}

// a = [a, a], forty times: 2^40 brackets from forty lists.
static void make_bomb(struct vm *vm)
{
    assert_true(zlist_new(vm->iso, 0, &vm->roots[0]));
    for (int i = 0; i < 40; i++) {
        const struct zvalue twice[2] = {vm->roots[0], vm->roots[0]};
        assert_true(zlist_from_values(vm->iso, twice, 2, &vm->roots[0]));
    }
}

static void test_append_exponential_text_hits_heap_limit(void **state)
{
    (void)state;
    struct vm vm;
    assert_true(vm_try_open(&vm, 4 << 20, 0));
    make_bomb(&vm);
    assert_false(ztext_append(vm.iso, vm.roots[0], &vm.runner.scratch));
    assert_int_equal(vm.iso->pending, ZPENDING_ERROR);
    const struct zerror *error = vm.iso->error.p;
    assert_string_equal(zstring_bytes((void *)(uintptr_t)error->kind), "HeapLimitError");
    assert_in_range(vm.runner.scratch.length, 1, 4 << 20);
    struct zheap_stats stats;
    zheap_stats(&vm.iso->heap, &stats);
    assert_in_range(stats.charged_bytes, 0, 16384); // the heap's own tables, not the text
    // The marks of the walk are gone: a part of it still prints.
    const struct zlist *list = vm.roots[0].p;
    for (int i = 0; i < 38; i++)
        list = zlist_get(list, 0).p;
    vm.roots[1] = zvalue_object(list, ZTAG_LIST);
    assert_text(&vm, vm.roots[1], "[[[], []], [[], []]]");
    vm_verify(&vm);
    vm_close(&vm);
}

static void test_append_exponential_text_runs_out_of_fuel(void **state)
{
    (void)state;
    struct vm vm;
    assert_true(vm_try_open(&vm, UINT64_C(1) << 30, 100000));
    make_bomb(&vm);
    assert_false(ztext_append(vm.iso, vm.roots[0], &vm.runner.scratch));
    assert_int_equal(vm.iso->pending, ZPENDING_TERMINATION);
    assert_int_equal(vm.iso->status, ZVM_E_FUEL);
    vm_close(&vm);
}

static void test_string_of_string_and_error_is_the_string_itself(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    vm.roots[0] = vm_string(&vm, "some text");
    assert_true(ztext_string(vm.iso, vm.roots[0], &vm.roots[1]));
    assert_ptr_equal(vm.roots[1].p, vm.roots[0].p);
    assert_true(vm_call(&vm, "error", &vm.roots[2], vm.roots[0]));
    assert_true(ztext_string(vm.iso, vm.roots[2], &vm.roots[1]));
    assert_ptr_equal(vm.roots[1].p, vm.roots[0].p);
    assert_true(ztext_string(vm.iso, zvalue_int(5), &vm.roots[1]));
    assert_ptr_equal(vm.roots[1].p, vm.shared->characters['5']);
    vm_close(&vm);
}

static void test_print_joins_with_spaces_and_ends_the_line(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    const struct zvalue values[3] = {zvalue_int(1), vm_string(&vm, "two"), zvalue_null()};
    assert_true(ztext_print(vm.iso, values, 3));
    assert_true(ztext_print(vm.iso, values, 0));
    assert_true(ztext_print(vm.iso, values, 1));
    assert_true(zisolate_flush(vm.iso));
    assert_string_equal(zstrbuf_text(&vm.printed), "1 two null\n\n1\n");
    vm_close(&vm);
}

static void test_append_with_nth_allocation_failing_reports_it(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    nest(&vm, 1000);
    vm.roots[1] = vm_string(&vm, "x");
    assert_true(zstring_repeat(vm.iso, vm.roots[1], 100000, &vm.roots[1]));
    assert_true(zlist_from_values(vm.iso, vm.roots, 2, &vm.roots[2]));
    bool passed = false;
    for (uint64_t n = 1; !passed; n++) {
        assert_in_range(n, 1, 200);
        struct zstrbuf out;
        zstrbuf_init(&out);
        zalloc_fail_at(n, true);
        passed = ztext_append(vm.iso, vm.roots[2], &out);
        zalloc_fail_at(0, false);
        if (passed)
            assert_int_equal(out.length, 2 + 2000 + 2 + 100000);
        else
            assert_int_equal(vm.iso->pending, ZPENDING_TERMINATION);
        vm.iso->pending = ZPENDING_NOTHING;
        zstrbuf_deinit(&out);
    }
    vm_close(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_scalars_gives_their_words),
        cmocka_unit_test(test_append_functions_and_errors_gives_their_names),
        cmocka_unit_test(test_append_map_with_removed_entries_skips_them),
        cmocka_unit_test(test_append_cycles_prints_dots_once_inside),
        cmocka_unit_test(test_append_million_levels_deep_needs_no_stack),
        cmocka_unit_test(test_append_exponential_text_hits_heap_limit),
        cmocka_unit_test(test_append_exponential_text_runs_out_of_fuel),
        cmocka_unit_test(test_string_of_string_and_error_is_the_string_itself),
        cmocka_unit_test(test_print_joins_with_spaces_and_ends_the_line),
        cmocka_unit_test(test_append_with_nth_allocation_failing_reports_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
