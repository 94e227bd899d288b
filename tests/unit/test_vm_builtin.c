// Goal: builtins are found by every name they have, check what they are given, and give what the
// language says.
// Method: an isolate without a program; the table is walked whole, and small cases stand in tables of
// calls with the text of their result or error.
#include "vm_fixture.h"

#include <math.h>

// ---- Names --------------------------------------------------------------------------------------

static uint32_t find_function(const char *name)
{
    return zbuiltin_find(name, strlen(name));
}

static uint32_t find_method(const char *name)
{
    return zbuiltin_find_method(name, strlen(name));
}

static void test_find_gives_each_row_by_its_name(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < zbuiltin_count; i++) {
        const struct zbuiltin *builtin = &zbuiltin_table[i];
        bool is_function = builtin->methods != ZMETHOD_DATA;
        assert_int_equal(find_function(builtin->name), is_function ? i : ZBUILTIN_NONE);
        assert_int_equal(find_method(builtin->name), builtin->methods != 0 ? i : ZBUILTIN_NONE);
        assert_true((builtin->call == NULL) != (builtin->step == NULL));
        assert_true((builtin->step == NULL) == (builtin->register_count == 0));
        assert_true(builtin->minimum <= builtin->maximum);
        if (builtin->step != NULL) assert_true(builtin->register_count > builtin->maximum);
    }
}

static void test_find_aliases_give_the_row_they_stand_for(void **state)
{
    (void)state;
    static const char *const aliases[][2] = {{"str", "string"},      {"length", "len"},
                                             {"size", "len"},        {"append", "push"},
                                             {"uppercase", "upper"}, {"lowercase", "lower"}};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        assert_int_equal(find_function(aliases[i][0]), find_function(aliases[i][1]));
    assert_int_equal(find_function("count"), ZBUILTIN_NONE); // a method only
    assert_int_equal(find_method("count"), find_function("len"));
    static const char *const unknown[] = {"", "a", "prin", "printt", "zz", "args", "Len", "await"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(find_function(unknown[i]), ZBUILTIN_NONE);
        assert_int_equal(find_method(unknown[i]), ZBUILTIN_NONE);
    }
    assert_int_equal(zbuiltin_find("len\0", 4), ZBUILTIN_NONE);
}

static void check_count(struct vm *vm, const char *name, uint32_t count, bool as_method,
                        const char *expected)
{
    bool ok = zbuiltin_check_count(vm->iso, &zbuiltin_table[find_function(name)], count, as_method);
    assert_int_equal(ok, expected == NULL);
    if (!ok) vm_expect_error(vm, expected);
}

static void test_check_count_does_not_count_the_receiver(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    check_count(&vm, "len", 1, false, NULL);
    check_count(&vm, "len", 0, false, "ArgumentError: len() expects 1 argument, got 0");
    check_count(&vm, "len", 2, true, "ArgumentError: len() expects 0 arguments, got 1");
    check_count(&vm, "push", 3, true, "ArgumentError: push() expects 1 argument, got 2");
    check_count(&vm, "push", 1, false, "ArgumentError: push() expects 2 arguments, got 1");
    check_count(&vm, "slice", 1, true, "ArgumentError: slice() expects 1 to 2 arguments, got 0");
    check_count(&vm, "range", 4, false, "ArgumentError: range() expects 1 to 3 arguments, got 4");
    check_count(&vm, "min", 0, false, "ArgumentError: min() expects at least 1 argument, got 0");
    check_count(&vm, "min", 200, false, NULL);
    check_count(&vm, "print", 0, false, NULL);
    vm_close(&vm);
}

// ---- Calls --------------------------------------------------------------------------------------

// Values that the tables below name by a letter.
static struct zvalue value_named(struct vm *vm, char name)
{
    switch (name) {
    case 'i':
        return zvalue_int(3);
    case 'n':
        return zvalue_int(-1);
    case 'z':
        return zvalue_int(0);
    case 'x':
        return zvalue_int(INT64_MIN);
    case 'f':
        return zvalue_float(2.5);
    case 'm':
        return zvalue_float(-2.5);
    case 'I':
        return zvalue_float(HUGE_VAL);
    case 'B':
        return zvalue_float(1e300);
    case 't':
        return zvalue_bool(true);
    case '0':
        return zvalue_null();
    case 's':
        return vm_string(vm, "h\xc3\xa9llo");
    case 'a':
        return vm_string(vm, "l");
    case 'e':
        return vm_string(vm, "");
    case 'd':
        return vm_string(vm, " 12 ");
    case 'g':
        return vm_string(vm, "99999999999999999999");
    case 'L':
        return vm->roots[0]; // [3, 1, 2]
    case 'E':
        return vm->roots[1]; // []
    case 'W':
        return vm->roots[2]; // [b, a]
    case 'X':
        return vm->roots[3]; // [1, b]
    case 'M':
        return vm->roots[4]; // {k: 1, 5: [b, a]}
    case 'k':
        return vm_string(vm, "k");
    case 'F':
        return zbuiltin_value(find_function("len"));
    default:
        fail_msg("no value %c", name);
    }
    return zvalue_null();
}

static void make_values(struct vm *vm)
{
    struct zvalue *r = vm->roots;
    const struct zvalue numbers[3] = {zvalue_int(3), zvalue_int(1), zvalue_int(2)};
    const struct zvalue words[2] = {vm_string(vm, "b"), vm_string(vm, "a")};
    const struct zvalue mixed[2] = {zvalue_int(1), words[0]};
    assert_true(zlist_from_values(vm->iso, numbers, 3, &r[0]));
    assert_true(zlist_new(vm->iso, 0, &r[1]));
    assert_true(zlist_from_values(vm->iso, words, 2, &r[2]));
    assert_true(zlist_from_values(vm->iso, mixed, 2, &r[3]));
    assert_true(zmap_new(vm->iso, 0, &r[4]));
    assert_true(zmap_set(vm->iso, r[4].p, vm_string(vm, "k"), zvalue_int(1)));
    assert_true(zmap_set(vm->iso, r[4].p, zvalue_int(5), r[2]));
}

struct call_case {
    const char *name, *arguments, *expected;
};

static const struct call_case call_cases[] = {
    {"string", "L", "[3, 1, 2]"},
    {"typeof", "F", "function"},
    {"typeof", "0", "null"},
    {"type", "f", "Float"},
    {"error", "sa", "h\xc3\xa9llo"},
    {"error", "i", "TypeError: error(): argument 1 must be string, got integer"},
    {"error", "si", "TypeError: error(): argument 2 must be string, got integer"},
    {"require", "z", "null"},
    {"require", "0", "RequireError: requirement failed"},
    {"require", "0L", "RequireError: [3, 1, 2]"},
    {"int", "d", "12"},
    {"int", "m", "-2"},
    {"int", "t", "1"},
    {"int", "s", "ValueError: cannot convert 'h\xc3\xa9llo' to integer"},
    {"int", "g", "OverflowError: integer overflow in conversion"},
    {"int", "B", "OverflowError: integer overflow in conversion"},
    {"int", "I", "ValueError: cannot convert inf to integer"},
    {"int", "0",
     "TypeError: int(): argument 1 must be integer or float or string or boolean, got null"},
    {"float", "i", "3.0"},
    {"float", "d", "12.0"},
    {"float", "t", "1.0"},
    {"float", "e", "ValueError: cannot convert '' to float"},
    {"float", "L",
     "TypeError: float(): argument 1 must be integer or float or string or boolean, got list"},
    {"len", "s", "5"},
    {"len", "M", "2"},
    {"len", "i", "TypeError: len(): argument 1 must be string or list or map, got integer"},
    {"is_empty", "E", "true"},
    {"is_empty", "a", "false"},
    {"isolate_id", "", "7"},
    {"abs", "n", "1"},
    {"abs", "m", "2.5"},
    {"abs", "x", "OverflowError: integer overflow in abs"},
    {"abs", "s", "TypeError: abs(): argument 1 must be integer or float, got string"},
    {"min", "L", "1"},
    {"max", "ifn", "3"},
    {"min", "as", "h\xc3\xa9llo"},
    {"min", "E", "ValueError: min() of an empty list"},
    {"max", "0i", "TypeError: max(): cannot order null"},
    {"min", "ia", "TypeError: cannot compare string < integer"},
    {"max", "ia", "TypeError: cannot compare string > integer"},
    {"floor", "m", "-3"},
    {"ceil", "m", "-2"},
    {"round", "m", "-3"},
    {"round", "f", "3"},
    {"floor", "I", "ValueError: cannot convert inf to integer"},
    {"round", "B", "OverflowError: integer overflow in round"},
    {"ceil", "0", "TypeError: ceil(): argument 1 must be integer or float, got null"},
    {"sqrt", "i", "1.7320508075688772"},
    {"sqrt", "n", "ValueError: sqrt() of a negative number"},
    {"pow", "if", "15.588457268119896"},
    {"pow", "ia", "TypeError: pow(): argument 2 must be integer or float, got string"},
    {"range", "i", "[0, 1, 2]"},
    {"range", "in", "[]"},
    {"range", "inn", "[3, 2, 1, 0]"},
    {"range", "xx", "[]"},
    {"range", "iiz", "ValueError: range() step must not be zero"},
    {"range", "xi", "LimitError: list longer than 2147483647 elements"},
    {"range", "if", "TypeError: range(): argument 2 must be integer, got float"},
    {"upper", "s", "H\xc3\xa9LLO"},
    {"lower", "W", "TypeError: lower(): argument 1 must be string, got list"},
    {"trim", "d", "12"},
    {"trim", "i", "TypeError: trim(): argument 1 must be string, got integer"},
    {"split", "sa", "[h\xc3\xa9, , o]"},
    {"split", "ea", "[]"}, // a list of one empty string
    {"split", "se", "ValueError: split() separator is empty"},
    {"split", "si", "TypeError: split(): argument 2 must be string, got integer"},
    {"join", "Wa", "bla"},
    {"join", "Ea", ""},
    {"join", "Xa", "TypeError: join(): every element must be a string, got integer"},
    {"starts_with", "se", "true"},
    {"ends_with", "sa", "false"},
    {"ends_with", "s0", "TypeError: ends_with(): argument 2 must be string, got null"},
    {"replace", "sae", "h\xc3\xa9o"},
    {"replace", "ssa", "l"},
    {"replace", "ses", "ValueError: replace() pattern is empty"},
    {"replace", "sa0", "TypeError: replace(): argument 3 must be string, got null"},
    {"substring", "szi", "h\xc3\xa9l"},
    {"substring", "si", "lo"},
    {"substring", "siz", "IndexError: substring 3..0 out of range for length 5"},
    {"substring", "sn", "IndexError: substring -1..5 out of range for length 5"},
    {"ord", "a", "108"},
    {"ord", "e", "ValueError: ord() needs a string of length 1, got length 0"},
    {"ord", "s", "ValueError: ord() needs a string of length 1, got length 5"},
    {"chr", "i", "\x03"},
    {"chr", "n", "ValueError: chr() of an invalid code point -1"},
    {"contains", "sa", "true"},
    {"contains", "Li", "true"},
    {"contains", "LL", "false"},
    {"contains", "ii", "TypeError: contains(): argument 1 must be string or list, got integer"},
    {"contains", "si", "TypeError: contains(): argument 2 must be string, got integer"},
    {"index_of", "sa", "2"},
    {"index_of", "Ln", "-1"},
    {"slice", "szn", "h\xc3\xa9ll"},
    {"slice", "Ln", "[2]"},
    {"slice", "Lxi", "[3, 1, 2]"},
    {"slice", "ii", "TypeError: slice(): argument 1 must be string or list, got integer"},
    {"slice", "sf", "TypeError: slice(): argument 2 must be integer, got float"},
    {"reverse", "s", "oll\xc3\xa9h"},
    {"reverse", "X", "[b, 1]"},
    {"reverse", "0", "TypeError: reverse(): argument 1 must be list or string, got null"},
    {"push", "i0", "TypeError: push(): argument 1 must be list, got integer"},
    {"pop", "E", "IndexError: pop() from an empty list"},
    {"insert", "Eii", "IndexError: index 3 out of range for length 0"},
    {"insert", "E0i", "TypeError: insert(): argument 2 must be integer, got null"},
    {"remove", "En", "IndexError: index -1 out of range for length 0"},
    {"remove", "i0", "TypeError: remove(): argument 1 must be list or map, got integer"},
    {"remove", "M0", "TypeError: map key must be a string or an integer, got null"},
    {"extend", "Ei", "TypeError: extend(): argument 2 must be list, got integer"},
    {"first", "L", "3"},
    {"first", "E", "null"},
    {"last", "L", "2"},
    {"last", "E", "null"},
    {"rest", "L", "[1, 2]"},
    {"rest", "E", "[]"},
    {"keys", "M", "[k, 5]"},
    {"values", "M", "[1, [b, a]]"},
    {"entries", "M", "[[k, 1], [5, [b, a]]]"},
    {"keys", "L", "TypeError: keys(): argument 1 must be map, got list"},
    {"has", "Mk", "true"},
    {"has", "Mi", "false"},
    {"has", "Mf", "TypeError: map key must be a string or an integer, got float"},
    {"get", "Mk", "1"},
    {"get", "Mi", "null"},
    {"get", "Mif", "2.5"},
    {"sort", "L", "[1, 2, 3]"},
    {"sort", "Lt", "[3, 2, 1]"},
    {"sort", "W", "[a, b]"},
    {"sort", "X", "TypeError: sort(): elements must be all numbers or all strings"},
    {"sort", "Li", "TypeError: sort(): bad argument 2"},
    {"sort", "Ltt", "TypeError: sort(): bad argument 3"},
    {"sort", "LFt", "TypeError: sort(): bad argument 3"},
    {"sort", "Lk", "TypeError: sort(): cannot take field 'k' of integer"},
    {"sort", "M", "TypeError: sort(): argument 1 must be list, got map"},
    {"map", "Li", "TypeError: map(): argument 2 must be function, got integer"},
    {"filter", "M0", "TypeError: filter(): argument 1 must be list, got map"},
    {"reduce", "EF", "ValueError: reduce() of an empty list with no initial value"},
    {"reduce", "EFi", "3"},
    {"sleep", "k", "TypeError: sleep(): argument 1 must be integer or float, got string"},
};

static void test_call_table_gives_results_and_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof call_cases / sizeof *call_cases; i++) {
        const struct call_case *c = &call_cases[i];
        struct vm vm;
        vm_open(&vm);
        make_values(&vm);
        struct zvalue arguments[4] = {zvalue_null()};
        uint32_t count = (uint32_t)strlen(c->arguments);
        for (uint32_t k = 0; k < count; k++) {
            arguments[k] = value_named(&vm, c->arguments[k]);
            vm.roots[10 + k] = arguments[k];
        }
        struct zvalue result = zvalue_null();
        bool ok = vm_call_with(&vm, c->name, NULL, &result, count, arguments);
        if (ok)
            assert_text(&vm, result, c->expected);
        else
            vm_expect_error(&vm, c->expected);
        vm_verify(&vm);
        vm_close(&vm);
    }
}

// Those that talk to other isolates: tests/lang/isolates, test_api_talk.
static bool needs_scheduler(const char *name)
{
    static const char *const names[] = {"spawn", "self", "send", "receive", "monitor"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

// Every row is in the table above, or in a test below.
static void test_call_table_leaves_no_builtin_out(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < zbuiltin_count; row++) {
        const char *name = zbuiltin_table[row].name;
        // Methods of data have programs of their own in tests/lang/data.
        bool is_called = strcmp(name, "print") == 0 || needs_scheduler(name) || zbuiltin_table[row].methods == ZMETHOD_DATA;
        for (size_t i = 0; i < sizeof call_cases / sizeof *call_cases; i++)
            is_called = is_called || strcmp(call_cases[i].name, name) == 0;
        if (!is_called) fail_msg("%s is not called", name);
    }
}

static void test_changing_builtins_change_in_place_and_return_the_list(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    make_values(&vm);
    struct zvalue result, list = vm.roots[0];
    assert_true(vm_call(&vm, "push", &result, list, zvalue_int(9)));
    assert_ptr_equal(result.p, list.p);
    assert_true(vm_call(&vm, "insert", &result, list, zvalue_int(0), zvalue_null()));
    assert_ptr_equal(result.p, list.p);
    assert_true(vm_call(&vm, "extend", &result, list, vm.roots[2]));
    assert_text(&vm, result, "[null, 3, 1, 2, 9, b, a]");
    assert_true(vm_call(&vm, "pop", &result, list));
    assert_text(&vm, result, "a");
    assert_true(vm_call(&vm, "remove", &result, list, zvalue_int(1)));
    assert_int_equal(result.i, 3);
    assert_text(&vm, list, "[null, 1, 2, 9, b]");
    assert_true(vm_call(&vm, "remove", &result, vm.roots[4], zvalue_int(5)));
    assert_text(&vm, result, "[b, a]");
    assert_text(&vm, vm.roots[4], "{k: 1}");
    vm_close(&vm);
}

// The places where one piece of a search ends and the next begins.
static void test_search_across_piece_boundaries_finds_the_needle(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    enum { LENGTH = 3 * ZFUEL_POLL_BYTES };
    char *bytes = z_alloc(LENGTH);
    assert_non_null(bytes);
    vm.roots[1] = vm_string(&vm, "needle");
    vm.roots[2] = vm_string(&vm, "NEEDLES");
    static const size_t boundaries[] = {128, 384, 128 * 511, 128 * 511 + ZFUEL_POLL_BYTES};
    for (size_t i = 0; i < 4 * 9; i++) {
        size_t place = boundaries[i / 9] - 7 + i % 9;
        memset(bytes, '.', LENGTH);
        memcpy(bytes + place, "needle", 6);
        memcpy(bytes + LENGTH - 6, "needle", 6);
        struct zvalue result;
        assert_true(zstring_new(vm.iso, bytes, LENGTH, &vm.roots[0]));
        assert_true(vm_call(&vm, "index_of", &result, vm.roots[0], vm.roots[1]));
        assert_int_equal(result.i, place);
        assert_true(vm_call(&vm, "split", &vm.roots[3], vm.roots[0], vm.roots[1]));
        assert_int_equal(zlist_length(vm.roots[3].p), 3);
        assert_int_equal(zstring_length_bytes(zlist_get(vm.roots[3].p, 1).p),
                         LENGTH - 6 - place - 6);
        assert_true(vm_call(&vm, "replace", &vm.roots[3], vm.roots[0], vm.roots[1], vm.roots[2]));
        assert_int_equal(zstring_length_bytes(vm.roots[3].p), LENGTH + 2);
        assert_memory_equal(zstring_bytes(vm.roots[3].p) + place, "NEEDLES.", 8);
    }
    z_free(bytes, LENGTH);
    vm_close(&vm);
}

static void test_range_at_integer_limits_does_not_wrap(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zvalue result;
    const struct zvalue max = zvalue_int(INT64_MAX), min = zvalue_int(INT64_MIN);
    assert_true(vm_call(&vm, "range", &result, zvalue_int(INT64_MAX - 2), max));
    assert_text(&vm, result, "[9223372036854775805, 9223372036854775806]");
    assert_true(vm_call(&vm, "range", &result, min, max, max));
    assert_text(&vm, result, "[-9223372036854775808, -1, 9223372036854775806]");
    assert_true(vm_call(&vm, "range", &result, max, min, min));
    assert_text(&vm, result, "[9223372036854775807, -1]");
    vm_close(&vm);
}

// ---- Native frames ------------------------------------------------------------------------------

static bool add_all(struct vm *vm, struct zvalue *arguments, uint32_t count, struct zvalue *result)
{
    (void)vm;
    int64_t sum = 100;
    for (uint32_t i = 0; i < count; i++)
        sum += arguments[i].i;
    *result = zvalue_int(sum);
    return true;
}

static bool is_odd(struct vm *vm, struct zvalue *arguments, uint32_t count, struct zvalue *result)
{
    (void)vm;
    (void)count;
    *result = zvalue_bool(arguments[0].i % 2 != 0);
    arguments[0] = zvalue_null(); // a callee may do with its window what it likes
    return true;
}

// Appends to the list under way until it has six elements, and collects garbage meanwhile.
static bool grow_list(struct vm *vm, struct zvalue *arguments, uint32_t count,
                      struct zvalue *result)
{
    (void)count;
    struct zlist *list = vm->roots[0].p;
    zheap_collect(&vm->iso->heap, NULL);
    if (zlist_length(list) < 6) assert_true(zlist_push(vm->iso, list, zvalue_int(7)));
    *result = zvalue_int(arguments[0].i * 10);
    return true;
}

static void test_native_frames_call_back_and_collect_results(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    make_values(&vm);
    struct zvalue result, f = zbuiltin_value(find_function("len"));
    struct zvalue arguments[3] = {vm.roots[0], f, zvalue_int(1000)};
    assert_true(vm_call_with(&vm, "map", add_all, &result, 2, arguments));
    assert_text(&vm, result, "[103, 101, 102]");
    assert_true(vm_call_with(&vm, "filter", is_odd, &result, 2, arguments));
    assert_text(&vm, result, "[3, 1]");
    assert_true(vm_call_with(&vm, "reduce", add_all, &result, 2, arguments));
    assert_int_equal(result.i, 3 + 100 + 1 + 100 + 2);
    assert_true(vm_call_with(&vm, "reduce", add_all, &result, 3, arguments));
    assert_int_equal(result.i, 1000 + 300 + 6);
    assert_true(vm_call_with(&vm, "map", grow_list, &result, 2, arguments));
    assert_text(&vm, result, "[30, 10, 20, 70, 70, 70]");
    vm_close(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_gives_each_row_by_its_name),
        cmocka_unit_test(test_find_aliases_give_the_row_they_stand_for),
        cmocka_unit_test(test_check_count_does_not_count_the_receiver),
        cmocka_unit_test(test_call_table_gives_results_and_errors),
        cmocka_unit_test(test_call_table_leaves_no_builtin_out),
        cmocka_unit_test(test_changing_builtins_change_in_place_and_return_the_list),
        cmocka_unit_test(test_search_across_piece_boundaries_finds_the_needle),
        cmocka_unit_test(test_range_at_integer_limits_does_not_wrap),
        cmocka_unit_test(test_native_frames_call_back_and_collect_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
