// Goal: wrong use of a public function is a status, in every build, and changes nothing.
// Method: each function with each argument that it must refuse, at limits one below, at and one above;
// structs of other versions of the header, smaller and larger.
#include "runtime_fixture.h"

#include "base/strbuf.h"

#include <stdlib.h>

static bool collect(void *context, const char *text, size_t length_bytes)
{
    zstrbuf_add(context, text, length_bytes);
    return true;
}

// ---- Texts --------------------------------------------------------------------------------------

static void test_version_and_status_texts_are_there(void **state)
{
    (void)state;
    assert_string_equal(zvm_version(), ZVM_VERSION_STRING);
    assert_int_equal(zvm_version_number(), ZVM_VERSION_NUMBER);
    assert_string_equal(zvm_status_text(ZVM_OK), "ok");
    assert_string_equal(zvm_status_text((zvm_status)-1), "unknown status");
    assert_string_equal(zvm_status_text(ZVM_STATUS_COUNT), "unknown status");
}

// ---- Runtime ------------------------------------------------------------------------------------

static void test_runtime_functions_refuse_null(void **state)
{
    (void)state;
    assert_int_equal(zvm_runtime_create(NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_drain(NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_shutdown(NULL, true), ZVM_E_ARGUMENT);
    zvm_runtime_destroy(NULL);
    zvm_report report = ZVM_REPORT_INIT;
    assert_int_equal(zvm_report_take(NULL, &report), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_write(NULL, ZVM_REPORT_JSON, collect, NULL), ZVM_E_ARGUMENT);
}

static void test_runtime_without_options_has_no_workers(void **state)
{
    (void)state;
    zvm_runtime *runtime = NULL;
    assert_int_equal(zvm_runtime_create(NULL, &runtime), ZVM_OK);
    assert_int_equal(report_of(runtime).worker_count, 0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_runtime_worker_count_is_limited(void **state)
{
    (void)state;
    zvm_runtime *runtime = NULL;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1025;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_E_ARGUMENT);
    options.worker_count = UINT32_MAX;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_E_ARGUMENT);
    assert_null(runtime);
}

static void test_options_of_another_version_are_read_by_their_size(void **state)
{
    (void)state;
    zvm_runtime *runtime = NULL;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.size = 0; // the initialiser was forgotten
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_E_ARGUMENT);
    options.size = offsetof(zvm_runtime_options, worker_count); // an older header
    options.worker_count = 5000;                                // beyond it: not looked at
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    zvm_runtime_destroy(runtime);
    struct {
        zvm_runtime_options known;
        uint64_t unknown;
    } newer = {.known = ZVM_RUNTIME_OPTIONS_INIT};
    newer.known.size = sizeof newer; // a newer header
    assert_int_equal(zvm_runtime_create(&newer.known, &runtime), ZVM_OK);
    zvm_runtime_destroy(runtime);
    newer.unknown = 1; // asks for something that this library does not have
    assert_int_equal(zvm_runtime_create(&newer.known, &runtime), ZVM_E_ARGUMENT);
}

static void test_two_runtimes_in_one_process_keep_apart(void **state)
{
    (void)state;
    zvm_runtime *a = make_runtime(1), *b = make_runtime(0);
    zvm_code *code_a = compile(a, "let shared_name = 1\n");
    zvm_code *code_b = compile(b, "let shared_name = 2\n");
    zvm_isolate *isolate = NULL;
    assert_int_equal(zvm_isolate_create(b, code_a, NULL, &isolate), ZVM_E_FOREIGN);
    assert_null(isolate);
    isolate = make_isolate(b, code_b, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(report_of(a).totals.isolates_created, 0);
    assert_int_equal(report_of(b).totals.isolates_created, 1);
    assert_int_equal(report_of(a).intern_count, report_of(b).intern_count); // one table
    zvm_code_release(code_a);
    zvm_runtime_destroy(a); // b goes on
    zvm_value value;
    assert_int_equal(zvm_isolate_get_global(isolate, "shared_name", &value), ZVM_OK);
    assert_int_equal(value.integer, 2);
    zvm_code_release(code_b);
    zvm_runtime_destroy(b);
}

// ---- Code ---------------------------------------------------------------------------------------

static void test_code_from_source_refuses_wrong_arguments(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = NULL;
    assert_int_equal(zvm_code_from_source(NULL, "n", "", 0, NULL, NULL, &code), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_from_source(runtime, NULL, "", 0, NULL, NULL, &code), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_from_source(runtime, "n", NULL, 1, NULL, NULL, &code),
                     ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_from_source(runtime, "n", "", 0, NULL, NULL, NULL), ZVM_E_ARGUMENT);
    assert_null(code);
    assert_int_equal(zvm_code_from_source(runtime, "n", NULL, 0, NULL, NULL, &code), ZVM_OK);
    zvm_code_release(code); // of no text at all
    zvm_code_release(NULL);
    zvm_code_retain(NULL);
    assert_int_equal(zvm_code_disassemble(NULL, collect, NULL), ZVM_E_ARGUMENT);
    zvm_runtime_destroy(runtime);
}

static void check_findings(zvm_runtime *runtime, const char *name, const char *text, size_t length,
                           zvm_status expected, const char *part)
{
    struct zstrbuf findings;
    zstrbuf_init(&findings);
    zvm_code *code = NULL;
    zvm_status status =
        zvm_code_from_source(runtime, name, text, length, collect, &findings, &code);
    assert_int_equal(status, expected);
    assert_null(code);
    if (strstr(zstrbuf_text(&findings), part) == NULL) fail_msg("%s", zstrbuf_text(&findings));
    zstrbuf_deinit(&findings);
    // The same without anybody to read the findings.
    assert_int_equal(zvm_code_from_source(runtime, name, text, length, NULL, NULL, &code),
                     expected);
}

static void test_code_from_bad_source_says_where(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    check_findings(runtime, "bad.zx", "let a = \n\nlet", 13, ZVM_E_SYNTAX, "bad.zx:");
    check_findings(runtime, "bad.zx", "let a = \"\xff\"", 11, ZVM_E_UTF8, "bad.zx:1:");
    check_findings(runtime,
                   "b\xff"
                   "d.zx",
                   "let a = 1", 9, ZVM_E_UTF8, "error: the name of the source is not valid UTF-8");
    zvm_runtime_destroy(runtime);
}

static bool refuse(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    (void)text;
    (void)length_bytes;
    return false;
}

static void test_code_disassembles_and_says_when_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let answer = 42\n");
    struct zstrbuf text;
    zstrbuf_init(&text);
    assert_int_equal(zvm_code_disassemble(code, collect, &text), ZVM_OK);
    assert_non_null(strstr(zstrbuf_text(&text), "42"));
    zstrbuf_deinit(&text);
    assert_int_equal(zvm_code_disassemble(code, refuse, NULL), ZVM_E_OUTPUT);
    assert_int_equal(zvm_code_disassemble(code, NULL, NULL), ZVM_E_ARGUMENT);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Isolate ------------------------------------------------------------------------------------

static void test_isolate_functions_refuse_null(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *isolate = NULL;
    zvm_value value = {.kind = ZVM_VALUE_INT};
    zvm_result result = ZVM_RESULT_INIT;
    assert_int_equal(zvm_isolate_create(NULL, code, NULL, &isolate), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_create(runtime, NULL, NULL, &isolate), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_create(runtime, code, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_destroy(NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_wait(NULL, 0), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_run(NULL, 0, NULL), ZVM_E_ARGUMENT);
    zvm_isolate_cancel(NULL);
    assert_int_equal(zvm_isolate_result(NULL, &result), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_set_global(NULL, "a", &value), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_get_global(NULL, "a", &value), ZVM_E_ARGUMENT);
    assert_null(zvm_isolate_user(NULL));
    isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_result(isolate, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_set_global(isolate, NULL, &value), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_set_global(isolate, "a", NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_get_global(isolate, NULL, &value), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_get_global(isolate, "a", NULL), ZVM_E_ARGUMENT);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static zvm_status create_with(zvm_runtime *runtime, zvm_code *code, zvm_isolate_options *options)
{
    zvm_isolate *isolate = NULL;
    zvm_status status = zvm_isolate_create(runtime, code, options, &isolate);
    if (status == ZVM_OK)
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    else
        assert_null(isolate);
    return status;
}

static void test_isolate_options_are_checked(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = args.len()\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES - 1;
    assert_int_equal(create_with(runtime, code, &options), ZVM_E_ARGUMENT);
    options.heap_limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES;
    assert_int_equal(create_with(runtime, code, &options), ZVM_OK);
    options.heap_limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES + 1;
    assert_int_equal(create_with(runtime, code, &options), ZVM_OK);
    options.heap_limit_bytes = SIZE_MAX;
    assert_int_equal(create_with(runtime, code, &options), ZVM_OK);
    options.heap_limit_bytes = 0;
    options.argument_count = 1;
    assert_int_equal(create_with(runtime, code, &options), ZVM_E_ARGUMENT);
    const char *arguments[] = {"fine", NULL};
    options.arguments = arguments;
    assert_int_equal(create_with(runtime, code, &options), ZVM_OK);
    options.argument_count = 2;
    assert_int_equal(create_with(runtime, code, &options), ZVM_E_ARGUMENT);
    arguments[1] = "\xc3";
    assert_int_equal(create_with(runtime, code, &options), ZVM_E_UTF8);
    options.size = 1;
    assert_int_equal(create_with(runtime, code, &options), ZVM_E_ARGUMENT);
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_isolate_calls_in_the_wrong_state_are_refused(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    zvm_result result = ZVM_RESULT_INIT;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_E_STATE);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_E_STATE);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, 0), ZVM_OK); // again is fine
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_E_STATE);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_STATE);
    result.size = 8;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_E_ARGUMENT);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Results ------------------------------------------------------------------------------------

static void test_result_of_an_error_says_what_and_where(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "action f(x) {\n    return x + []\n}\nlet a = f(1)\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_result result = result_of(isolate);
    assert_int_equal(result.status, ZVM_E_ERROR);
    assert_string_equal(result.kind, "TypeError");
    assert_true(strlen(result.message) > 0);
    assert_string_equal(result.file, "test.zx");
    assert_int_equal(result.line, 2);
    assert_int_equal(result.trace_count, 2);
    assert_string_equal(result.trace[0].function, "f");
    assert_string_equal(result.trace[1].function, "<main>");
    assert_int_equal(result.trace[1].line, 4);
    assert_int_equal(result.trace_omitted, 0);
    assert_int_equal(result.heap_limit_bytes, 100 << 20);
    assert_true(result.heap_live_bytes <= result.heap_peak_bytes);
    assert_true(result.heap_peak_bytes <= result.heap_limit_bytes);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_result_and_report_of_an_older_version_are_not_written_beyond(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_result result;
    memset(&result, 0x5a, sizeof result);
    result.size = offsetof(zvm_result, fuel_used);
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
    assert_int_equal(result.status, ZVM_OK);
    assert_int_equal(result.size, offsetof(zvm_result, fuel_used));
    assert_true(result.fuel_used == UINT64_C(0x5a5a5a5a5a5a5a5a));
    zvm_report report;
    memset(&report, 0x5a, sizeof report);
    report.size = offsetof(zvm_report, wall_ns);
    assert_int_equal(zvm_report_take(runtime, &report), ZVM_OK);
    assert_int_equal(report.totals.isolates_created, 1);
    assert_true(report.wall_ns == UINT64_C(0x5a5a5a5a5a5a5a5a));
    report.size = 4;
    assert_int_equal(zvm_report_take(runtime, &report), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_take(runtime, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_write(runtime, ZVM_REPORT_JSON, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_write(runtime, (zvm_report_format)7, refuse, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_write(runtime, ZVM_REPORT_TEXT, refuse, NULL), ZVM_E_OUTPUT);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_and_status_texts_are_there),
        cmocka_unit_test(test_runtime_functions_refuse_null),
        cmocka_unit_test(test_runtime_without_options_has_no_workers),
        cmocka_unit_test(test_runtime_worker_count_is_limited),
        cmocka_unit_test(test_options_of_another_version_are_read_by_their_size),
        cmocka_unit_test(test_two_runtimes_in_one_process_keep_apart),
        cmocka_unit_test(test_code_from_source_refuses_wrong_arguments),
        cmocka_unit_test(test_code_from_bad_source_says_where),
        cmocka_unit_test(test_code_disassembles_and_says_when_refused),
        cmocka_unit_test(test_isolate_functions_refuse_null),
        cmocka_unit_test(test_isolate_options_are_checked),
        cmocka_unit_test(test_isolate_calls_in_the_wrong_state_are_refused),
        cmocka_unit_test(test_result_of_an_error_says_what_and_where),
        cmocka_unit_test(test_result_and_report_of_an_older_version_are_not_written_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
