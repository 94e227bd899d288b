// Goal: every status code has its own text, and any other number is answered too.
// Method: ask for all of them and compare.
#include "base/status.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_text_every_status_has_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < ZVM_STATUS_COUNT; i++) {
        const char *text = zstatus_text((zvm_status)i);
        assert_non_null(text);
        assert_true(strlen(text) > 0);
        assert_string_not_equal(text, "unknown status");
        assert_null(strchr(text, '\n'));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(text, zstatus_text((zvm_status)j));
    }
    assert_string_equal(zstatus_text(ZVM_OK), "ok");
}

static void test_text_number_that_is_no_status_is_unknown(void **state)
{
    (void)state;
    const int numbers[] = {-1, ZVM_STATUS_COUNT, ZVM_STATUS_COUNT + 1, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_string_equal(zstatus_text((zvm_status)numbers[i]), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_every_status_has_its_own),
        cmocka_unit_test(test_text_number_that_is_no_status_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
