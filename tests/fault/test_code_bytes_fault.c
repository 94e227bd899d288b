// Goal: writing and reading a code object survive each refused allocation: the status is right and
// nothing leaks. Method: fail each allocation of both, for a program with every table.
#include "fault/fault.h"

#include "base/strbuf.h"
#include "lang/compile.h"

#include <string.h>

static const char PROGRAM[] =
    "let n = 0\naction f(a: int, b) -> float { let c = () => { n += a; return n }; return c() }\n"
    "try { print(f(1, 'x'), 2.5, null, [n].map((x) => x + n)) } catch (e) { print(e) }\n";

struct bytes {
    struct zintern *intern;
    struct zcode *code;
    struct zstrbuf written;
};

static void open_bytes(struct bytes *bytes)
{
    struct zdiagnostics diagnostics = {
        .file_name = "t.zx", .text = PROGRAM, .length_bytes = strlen(PROGRAM)};
    assert_int_equal(zintern_create(NULL, &bytes->intern), ZVM_OK);
    assert_int_equal(zlang_compile(bytes->intern, &diagnostics, &bytes->code), ZVM_OK);
    zstrbuf_init(&bytes->written);
    assert_int_equal(zcode_write(bytes->code, &bytes->written), ZVM_OK);
}

static void close_bytes(struct bytes *bytes)
{
    zstrbuf_deinit(&bytes->written);
    zcode_release(bytes->code);
    zintern_destroy(bytes->intern);
}

static zvm_status write_once(void *context)
{
    const struct bytes *bytes = context;
    struct zstrbuf out;
    zstrbuf_init(&out);
    zvm_status status = zcode_write(bytes->code, &out);
    zstrbuf_deinit(&out);
    return status;
}

static zvm_status read_once(void *context)
{
    const struct bytes *bytes = context;
    struct zcode *code = NULL;
    char why[200];
    zvm_status status = zcode_read(bytes->intern, bytes->written.data, bytes->written.length, why,
                                   sizeof why, &code);
    if (status != ZVM_OK) {
        assert_null(code);
        assert_string_equal(why, "");
    }
    zcode_release(code);
    return status;
}

static void test_write_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    struct bytes bytes;
    open_bytes(&bytes);
    assert_true(fault_each_allocation(write_once, &bytes, ZVM_E_NOMEM) >= 5);
    close_bytes(&bytes);
}

static void test_read_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    struct bytes bytes;
    open_bytes(&bytes);
    assert_true(fault_each_allocation(read_once, &bytes, ZVM_E_NOMEM) >= 10);
    close_bytes(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_each_allocation_refused_reports_no_memory),
        cmocka_unit_test(test_read_each_allocation_refused_reports_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
