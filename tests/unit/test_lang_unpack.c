// Goal: unpacking a literal list makes no list. Method: count the objects of a program that swaps.
#include "runtime_fixture.h"

static uint64_t objects_of(const char *text)
{
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, text);
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return result.allocated_count;
}

static void test_unpack_of_a_literal_makes_no_list(void **state)
{
    (void)state;
    const char *swapping = "let a = 1\nlet b = 2\nfor each i in range(1000) {\n"
                           " let [c, d] = [b, a]\n a = c\n b = d }\n";
    const char *other = "let a = 1\nlet b = 2\nfor each i in range(1000) {\n"
                        " let [c, ...d] = [b, a]\n a = c\n b = d }\n";
    assert_true(objects_of(swapping) < 20);
    assert_true(objects_of(other) > 1000); // a rest is a list
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unpack_of_a_literal_makes_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
