// Goal: arithmetic is exact or an error, equality and order follow the language, indexing checks
// all. Method: an isolate without a program; tables of operands with their results or errors.
#include "vm_fixture.h"

#include <math.h>

#define MIN INT64_MIN
#define MAX INT64_MAX

// ---- Arithmetic ---------------------------------------------------------------------------------

struct int_case {
    enum zarith op;
    int64_t a, b;
    const char *expected; // the result's text, or the error
};

static const struct int_case int_cases[] = {
    {ZARITH_ADD, MAX, 0, "9223372036854775807"},
    {ZARITH_ADD, MAX, 1, "OverflowError: integer overflow in addition"},
    {ZARITH_ADD, MIN, -1, "OverflowError: integer overflow in addition"},
    {ZARITH_SUB, MIN, 1, "OverflowError: integer overflow in subtraction"},
    {ZARITH_SUB, -1, MAX, "-9223372036854775808"},
    {ZARITH_MUL, MIN, -1, "OverflowError: integer overflow in multiplication"},
    {ZARITH_MUL, 3037000500, 3037000500, "OverflowError: integer overflow in multiplication"},
    {ZARITH_MUL, MIN, 1, "-9223372036854775808"},
    {ZARITH_DIV, 7, 2, "3"},
    {ZARITH_DIV, -7, 2, "-4"},
    {ZARITH_DIV, 7, -2, "-4"},
    {ZARITH_DIV, -7, -2, "3"},
    {ZARITH_DIV, -6, 2, "-3"},
    {ZARITH_DIV, MIN, -1, "OverflowError: integer overflow in division"},
    {ZARITH_DIV, 1, 0, "ZeroDivisionError: division by zero"},
    {ZARITH_MOD, -7, 3, "2"},
    {ZARITH_MOD, 7, -3, "-2"},
    {ZARITH_MOD, -6, 3, "0"},
    {ZARITH_MOD, MIN, -1, "0"},
    {ZARITH_MOD, 1, 0, "ZeroDivisionError: modulo by zero"},
    {ZARITH_POW, 0, 0, "1"},
    {ZARITH_POW, 2, 62, "4611686018427387904"},
    {ZARITH_POW, 2, 63, "OverflowError: integer overflow in exponentiation"},
    {ZARITH_POW, -2, 63, "-9223372036854775808"},
    {ZARITH_POW, 3037000499, 2, "9223372030926249001"},
    {ZARITH_POW, 10, 18, "1000000000000000000"},
    {ZARITH_POW, 10, 19, "OverflowError: integer overflow in exponentiation"},
    {ZARITH_POW, 1, MAX, "1"},
    {ZARITH_POW, -1, MAX, "-1"},
    {ZARITH_POW, -1, MAX - 1, "1"},
    {ZARITH_POW, 2, MAX, "OverflowError: integer overflow in exponentiation"},
    {ZARITH_POW, 2, -1, "0.5"},
    {ZARITH_POW, 0, -1, "ZeroDivisionError: zero to a negative power"},
};

static void check_result(struct vm *vm, bool ok, struct zvalue result, const char *expected)
{
    if (ok)
        assert_text(vm, result, expected);
    else
        vm_expect_error(vm, expected);
}

static void test_arith_on_integers_is_exact_or_an_error(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    for (size_t i = 0; i < sizeof int_cases / sizeof *int_cases; i++) {
        const struct int_case *c = &int_cases[i];
        bool ok = zarith_apply(vm.iso, c->op, zvalue_int(c->a), zvalue_int(c->b), &vm.roots[0]);
        check_result(&vm, ok, vm.roots[0], c->expected);
    }
    assert_false(zarith_negate(vm.iso, zvalue_int(MIN), &vm.roots[0]));
    vm_expect_error(&vm, "OverflowError: integer overflow in negation");
    assert_true(zarith_negate(vm.iso, zvalue_int(MAX), &vm.roots[0]));
    assert_text(&vm, vm.roots[0], "-9223372036854775807");
    vm_close(&vm);
}

struct float_case {
    enum zarith op;
    double a, b;
    const char *expected;
};

static const struct float_case float_cases[] = {
    {ZARITH_ADD, 0.1, 0.2, "0.30000000000000004"},
    {ZARITH_SUB, 5, 1, "4.0"},
    {ZARITH_MUL, 1e308, 10, "inf"},
    {ZARITH_DIV, 1, 3, "0.3333333333333333"},
    {ZARITH_DIV, 1, 0, "ZeroDivisionError: division by zero"},
    {ZARITH_DIV, 1, -0.0, "ZeroDivisionError: division by zero"},
    {ZARITH_MOD, -7.5, 2, "0.5"},
    {ZARITH_MOD, 7.5, -2, "-0.5"},
    {ZARITH_MOD, 4, -2, "-0.0"},
    {ZARITH_MOD, -4, 2, "0.0"},
    {ZARITH_MOD, 1, 0, "ZeroDivisionError: modulo by zero"},
    {ZARITH_MOD, HUGE_VAL, 2, "nan"},
    {ZARITH_MOD, -1, HUGE_VAL, "inf"},
    {ZARITH_POW, 2, 0.5, "1.4142135623730951"},
    {ZARITH_POW, -8, 3, "-512.0"},
    {ZARITH_POW, -8, 0.5, "ValueError: negative number to a fractional power"},
    {ZARITH_POW, 0, -1, "ZeroDivisionError: zero to a negative power"},
    {ZARITH_POW, -10, 309, "-inf"},
};

static void test_arith_on_floats_follows_ieee_and_the_exceptions(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    for (size_t i = 0; i < sizeof float_cases / sizeof *float_cases; i++) {
        const struct float_case *c = &float_cases[i];
        bool ok = zarith_apply(vm.iso, c->op, zvalue_float(c->a), zvalue_float(c->b), &vm.roots[0]);
        check_result(&vm, ok, vm.roots[0], c->expected);
    }
    assert_true(zarith_apply(vm.iso, ZARITH_SUB, zvalue_float(5), zvalue_int(1), &vm.roots[0]));
    assert_text(&vm, vm.roots[0], "4.0");
    assert_true(zarith_negate(vm.iso, zvalue_float(0), &vm.roots[0]));
    assert_text(&vm, vm.roots[0], "-0.0");
    vm_close(&vm);
}

static void test_arith_on_texts_and_lists_joins(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zvalue *r = vm.roots;
    r[0] = vm_string(&vm, "ab");
    assert_true(vm_call(&vm, "error", &r[1], r[0]));
    assert_true(zlist_from_values(vm.iso, r, 1, &r[2]));
    assert_true(zarith_apply(vm.iso, ZARITH_ADD, r[0], r[1], &r[3]));
    assert_text(&vm, r[3], "abab");
    assert_true(zarith_apply(vm.iso, ZARITH_ADD, r[1], r[0], &r[3]));
    assert_text(&vm, r[3], "abab");
    assert_true(zarith_apply(vm.iso, ZARITH_ADD, r[2], r[2], &r[3]));
    assert_text(&vm, r[3], "[ab, ab]");
    assert_true(zarith_apply(vm.iso, ZARITH_MUL, zvalue_int(3), r[0], &r[3]));
    assert_text(&vm, r[3], "ababab");
    assert_true(zarith_apply(vm.iso, ZARITH_MUL, r[0], zvalue_int(-1), &r[3]));
    assert_text(&vm, r[3], "");
    assert_false(zarith_apply(vm.iso, ZARITH_ADD, r[1], r[1], &r[3]));
    vm_expect_error(&vm, "TypeError: cannot apply '+' to error and error");
    assert_false(zarith_apply(vm.iso, ZARITH_ADD, r[0], zvalue_int(1), &r[3]));
    vm_expect_error(&vm, "TypeError: cannot apply '+' to string and integer");
    assert_false(zarith_apply(vm.iso, ZARITH_POW, r[2], zvalue_bool(true), &r[3]));
    vm_expect_error(&vm, "TypeError: cannot apply '**' to list and boolean");
    assert_false(zarith_negate(vm.iso, r[0], &r[3]));
    vm_expect_error(&vm, "TypeError: cannot apply '-' to string");
    vm_close(&vm);
}

// ---- Equality -----------------------------------------------------------------------------------

static bool are_equal(struct vm *vm, struct zvalue a, struct zvalue b)
{
    bool forward, backward;
    assert_true(zequal_values(vm->iso, a, b, &forward));
    assert_true(zequal_values(vm->iso, b, a, &backward));
    assert_int_equal(forward, backward);
    return forward;
}

static void test_equal_of_scalars_is_exact_and_typed(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    assert_true(are_equal(&vm, zvalue_int(1), zvalue_float(1)));
    assert_false(are_equal(&vm, zvalue_int(9007199254740993), zvalue_float(9007199254740992.0)));
    assert_false(are_equal(&vm, zvalue_int(1), zvalue_bool(true)));
    assert_false(are_equal(&vm, zvalue_null(), zvalue_bool(false)));
    assert_true(are_equal(&vm, zvalue_null(), zvalue_null()));
    assert_true(are_equal(&vm, zvalue_float(0.0), zvalue_float(-0.0)));
    assert_false(are_equal(&vm, zvalue_float((double)NAN), zvalue_float((double)NAN)));
    vm.roots[0] = vm_string(&vm, "1");
    assert_false(are_equal(&vm, vm.roots[0], zvalue_int(1)));
    assert_false(are_equal(&vm, vm.roots[0], zvalue_null()));
    struct zvalue len = zbuiltin_value(zbuiltin_find("len", 3));
    assert_true(are_equal(&vm, len, zbuiltin_value(zbuiltin_find("size", 4))));
    assert_false(are_equal(&vm, len, zbuiltin_value(zbuiltin_find("int", 3))));
    vm_close(&vm);
}

static void test_equal_of_containers_goes_by_content(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zvalue *r = vm.roots;
    const struct zvalue ints[2] = {zvalue_int(1), zvalue_int(2)};
    const struct zvalue floats[2] = {zvalue_float(1), zvalue_float(2)};
    assert_true(zlist_from_values(vm.iso, ints, 2, &r[0]));
    assert_true(zlist_from_values(vm.iso, floats, 2, &r[1]));
    assert_true(zlist_from_values(vm.iso, ints, 1, &r[2]));
    assert_true(are_equal(&vm, r[0], r[1]));
    assert_false(are_equal(&vm, r[0], r[2]));
    for (int m = 3; m < 5; m++) { // the same entries in another order
        assert_true(zmap_new(vm.iso, 0, &r[m]));
        assert_true(zmap_set(vm.iso, r[m].p, zvalue_int(m), r[0]));
        assert_true(zmap_set(vm.iso, r[m].p, zvalue_int(7 - m), r[1]));
    }
    assert_true(are_equal(&vm, r[3], r[4]));
    assert_true(zmap_set(vm.iso, r[4].p, zvalue_int(3), zvalue_null()));
    assert_false(are_equal(&vm, r[3], r[4]));
    struct zvalue removed;
    assert_true(zmap_remove(vm.iso, r[4].p, zvalue_int(3), &removed));
    assert_true(zmap_set(vm.iso, r[4].p, zvalue_int(5), r[0]));
    assert_false(are_equal(&vm, r[3], r[4])); // as many keys, but others
    assert_false(are_equal(&vm, r[3], r[0]));
    vm_close(&vm);
}

// Two lists nested `depth` deep around different numbers.
static void nest_both(struct vm *vm, int depth)
{
    for (int side = 0; side < 2; side++) {
        vm->roots[side] = zvalue_int(1);
        for (int i = 0; i < depth; i++)
            assert_true(zlist_from_values(vm->iso, &vm->roots[side], 1, &vm->roots[side]));
    }
}

static void test_equal_at_depth_limit_is_limit_error(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    bool is_equal;
    nest_both(&vm, ZEQUAL_DEPTH_MAX);
    assert_true(are_equal(&vm, vm.roots[0], vm.roots[1]));
    nest_both(&vm, ZEQUAL_DEPTH_MAX + 1);
    assert_false(zequal_values(vm.iso, vm.roots[0], vm.roots[1], &is_equal));
    vm_expect_error(&vm, "LimitError: values nested deeper than 200 cannot be compared");
    assert_true(are_equal(&vm, vm.roots[0], vm.roots[0])); // the same object is not looked into
    vm_close(&vm);
}

static void test_order_of_numbers_and_strings(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    bool holds;
    vm.roots[0] = vm_string(&vm, "abc");
    vm.roots[1] = vm_string(&vm, "abd");
    assert_true(zorder_values(vm.iso, ZORDER_LT, vm.roots[0], vm.roots[1], &holds) && holds);
    assert_true(zorder_values(vm.iso, ZORDER_GE, vm.roots[0], vm.roots[1], &holds) && !holds);
    assert_true(zorder_values(vm.iso, ZORDER_LE, vm.roots[0], vm.roots[0], &holds) && holds);
    assert_true(zorder_values(vm.iso, ZORDER_GT, zvalue_int(MAX), zvalue_float(0x1p63), &holds) && !holds);
    assert_true(zorder_values(vm.iso, ZORDER_LT, zvalue_int(MAX), zvalue_float(0x1p63), &holds) && holds);
    for (int op = ZORDER_LT; op <= ZORDER_GE; op++) {
        assert_true(
            zorder_values(vm.iso, (enum zorder)op, zvalue_float((double)NAN), zvalue_int(1), &holds));
        assert_false(holds);
    }
    assert_false(zorder_values(vm.iso, ZORDER_LE, vm.roots[0], zvalue_int(1), &holds));
    vm_expect_error(&vm, "TypeError: cannot compare string <= integer");
    assert_false(zorder_values(vm.iso, ZORDER_LT, zvalue_null(), zvalue_null(), &holds));
    vm_expect_error(&vm, "TypeError: cannot compare null < null");
    vm_close(&vm);
}

// ---- Indexing -----------------------------------------------------------------------------------

static void test_index_errors_name_what_is_wrong(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zvalue *r = vm.roots, text = vm_string(&vm, "s");
    assert_true(zlist_from_values(vm.iso, &text, 1, &r[0]));
    assert_true(zmap_new(vm.iso, 0, &r[1]));
    assert_false(zindex_get(vm.iso, r[0], zvalue_int(1), &r[2]));
    vm_expect_error(&vm, "IndexError: index 1 out of range for length 1");
    assert_false(zindex_get(vm.iso, r[0], zvalue_float(0), &r[2]));
    vm_expect_error(&vm, "TypeError: index must be an integer, got float");
    assert_false(zindex_get(vm.iso, r[1], zvalue_null(), &r[2]));
    vm_expect_error(&vm, "TypeError: map key must be a string or an integer, got null");
    assert_false(zindex_get(vm.iso, text, text, &r[2]));
    vm_expect_error(&vm, "TypeError: index must be an integer, got string");
    assert_false(zindex_get(vm.iso, zvalue_int(5), zvalue_int(0), &r[2]));
    vm_expect_error(&vm, "TypeError: cannot index integer");
    assert_false(zindex_set(vm.iso, text, zvalue_int(0), text));
    vm_expect_error(&vm, "TypeError: cannot assign into string");
    assert_false(zindex_set(vm.iso, r[0], zvalue_int(-1), text));
    vm_expect_error(&vm, "IndexError: index -1 out of range for length 1");
    assert_false(zindex_set(vm.iso, r[1], r[0], text));
    vm_expect_error(&vm, "TypeError: map key must be a string or an integer, got list");
    assert_true(zindex_get(vm.iso, r[1], text, &r[2]));
    assert_int_equal(r[2].tag, ZTAG_NULL);
    assert_true(zindex_set(vm.iso, r[1], text, zvalue_int(8)));
    assert_true(zindex_get(vm.iso, r[1], text, &r[2]));
    assert_int_equal(r[2].i, 8);
    vm_close(&vm);
}

static void test_properties_of_maps_and_errors(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zvalue *r = vm.roots;
    static const char *const names[] = {"message", "kind", "line", "column", "other"};
    static const char *const values[] = {"text", "MyError", "0", "0"};
    r[0] = vm_string(&vm, "text");
    r[1] = vm_string(&vm, "MyError");
    assert_true(vm_call(&vm, "error", &r[2], r[0], r[1]));
    for (int i = 0; i < 5; i++) {
        r[4] = vm_string(&vm, names[i]);
        assert_true(zstring_as_key(vm.iso, r[4], &r[4]));
        bool ok = zproperty_get(vm.iso, r[2], r[4].p, &r[3]);
        if (i < 4)
            assert_text(&vm, r[3], values[i]);
        else
            vm_expect_error(&vm, "FieldError: error has no field 'other'");
        assert_int_equal(ok, i < 4);
    }
    assert_false(zproperty_get(vm.iso, zvalue_null(), r[4].p, &r[3]));
    vm_expect_error(&vm, "TypeError: null has no property 'other'");
    assert_false(zproperty_set(vm.iso, r[2], r[4].p, r[0]));
    vm_expect_error(&vm, "TypeError: cannot set property 'other' on error");
    assert_true(zmap_new(vm.iso, 0, &r[5]));
    assert_true(zproperty_set(vm.iso, r[5], r[4].p, r[0]));
    assert_true(zproperty_get(vm.iso, r[5], r[4].p, &r[3]));
    assert_ptr_equal(r[3].p, r[0].p);
    vm_close(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arith_on_integers_is_exact_or_an_error),
        cmocka_unit_test(test_arith_on_floats_follows_ieee_and_the_exceptions),
        cmocka_unit_test(test_arith_on_texts_and_lists_joins),
        cmocka_unit_test(test_equal_of_scalars_is_exact_and_typed),
        cmocka_unit_test(test_equal_of_containers_goes_by_content),
        cmocka_unit_test(test_equal_at_depth_limit_is_limit_error),
        cmocka_unit_test(test_order_of_numbers_and_strings),
        cmocka_unit_test(test_index_errors_name_what_is_wrong),
        cmocka_unit_test(test_properties_of_maps_and_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
