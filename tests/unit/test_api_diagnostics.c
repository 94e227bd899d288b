// Goal: a host gets every finding as data, with ranges, hints and the source line, and the hints of
// uncaught errors. Method: compile wrong programs and look at what the callback is given.
#include "runtime_fixture.h"

#include "base/strbuf.h"
#include "vm/builtin.h"

#include <stdlib.h>

struct collected {
    uint32_t count;
    zvm_diagnostic last; // pointers are not valid any more
    struct zstrbuf text; // one line for each finding
};

static void collect(void *context, const zvm_diagnostic *diagnostic)
{
    struct collected *collected = context;
    assert_int_equal(diagnostic->size, sizeof *diagnostic);
    collected->count++;
    collected->last = *diagnostic;
    zstrbuf_add_format(&collected->text, "%s|%s|%u:%u-%u:%u|%.*s", diagnostic->kind,
                       diagnostic->file, diagnostic->line, diagnostic->column, diagnostic->end_line,
                       diagnostic->end_column, (int)diagnostic->source_bytes,
                       diagnostic->source == NULL ? "" : diagnostic->source);
    for (uint32_t i = 0; i < diagnostic->hint_count; i++)
        zstrbuf_add_format(&collected->text, "|%s", diagnostic->hints[i]);
    zstrbuf_add_text(&collected->text, "\n");
}

static void check_findings(const char *text, const char *expected)
{
    zvm_runtime *runtime = make_runtime(0);
    struct collected collected = {.count = 0};
    zstrbuf_init(&collected.text);
    zvm_compile_options options = ZVM_COMPILE_OPTIONS_INIT;
    options.on_diagnostic = collect;
    options.context = &collected;
    zvm_code *code = NULL;
    zvm_status status = zvm_code_compile(runtime, "f", text, strlen(text), &options, &code);
    assert_int_equal(status, *expected == '\0' ? ZVM_OK : ZVM_E_SYNTAX);
    assert_string_equal(zstrbuf_text(&collected.text), expected);
    zstrbuf_deinit(&collected.text);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

static void test_findings_come_with_ranges_and_hints(void **state)
{
    (void)state;
    check_findings("let a = 1", "");
    check_findings("let a = 12ab\r\nwhle a {\n}\n",
                   "SyntaxError|f|1:9-1:13|let a = 12ab\n"
                   "SyntaxError|f|2:6-2:7|whle a {|'whle' is no keyword; did you mean 'while'?\n");
    check_findings("let a = '''b\nc", "SyntaxError|f|1:9-2:2|let a = '''b\n"); // over two lines
    check_findings("let a = (", "SyntaxError|f|1:10-1:10|let a = (\n");        // a point: the end
    check_findings("\xEF\xBB\xBF\t12ab", "SyntaxError|f|1:2-1:6|\t12ab\n");    // a byte-order mark
    check_findings("'\xE4\xB8\xAD' 12ab", "SyntaxError|f|1:5-1:9|'\xE4\xB8\xAD' 12ab\n");
}

static void test_findings_are_bounded_and_a_note_says_so(void **state)
{
    (void)state;
    for (uint32_t count = ZVM_DIAGNOSTICS_MAX - 1; count <= ZVM_DIAGNOSTICS_MAX + 2; count++) {
        zvm_runtime *runtime = make_runtime(0);
        struct zstrbuf text;
        zstrbuf_init(&text);
        for (uint32_t i = 0; i < count; i++)
            zstrbuf_add_text(&text, "let a = 12ab\n");
        struct collected collected = {.count = 0};
        zstrbuf_init(&collected.text);
        zvm_compile_options options = ZVM_COMPILE_OPTIONS_INIT;
        options.on_diagnostic = collect;
        options.context = &collected;
        zvm_code *code = NULL;
        assert_int_equal(
            zvm_code_compile(runtime, "f", zstrbuf_text(&text), text.length, &options, &code),
            ZVM_E_SYNTAX);
        bool is_over = count > ZVM_DIAGNOSTICS_MAX;
        assert_int_equal(collected.count, is_over ? ZVM_DIAGNOSTICS_MAX + 1 : count);
        assert_int_equal(collected.last.severity, is_over ? ZVM_SEVERITY_NOTE : ZVM_SEVERITY_ERROR);
        assert_int_equal(collected.last.line, is_over ? 0 : count);
        zstrbuf_deinit(&collected.text);
        zstrbuf_deinit(&text);
        zvm_runtime_destroy(runtime);
    }
}

static void test_compile_refuses_wrong_arguments(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = NULL;
    assert_int_equal(zvm_code_compile(NULL, "f", "", 0, NULL, &code), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_compile(runtime, NULL, "", 0, NULL, &code), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_compile(runtime, "f", NULL, 1, NULL, &code), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_compile(runtime, "f", "", 0, NULL, NULL), ZVM_E_ARGUMENT);
    zvm_compile_options options = ZVM_COMPILE_OPTIONS_INIT;
    options.size = 1;
    assert_int_equal(zvm_code_compile(runtime, "f", "", 0, &options, &code), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_compile(runtime, "\xFF", "", 0, NULL, &code), ZVM_E_UTF8);
    assert_null(code);
    assert_int_equal(zvm_code_compile(runtime, "f", "", 0, NULL, &code), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// A zvm_write_fn that refuses the call number *context, from 1.
static bool refuse(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    assert_true(length_bytes > 0);
    int *left = context;
    return --*left != 0;
}

static bool add(void *context, const char *text, size_t length_bytes)
{
    zstrbuf_add(context, text, length_bytes);
    return true;
}

static void test_write_gives_text_and_tells_when_it_is_refused(void **state)
{
    (void)state;
    static const char *const hints[] = {"do this", "or that"};
    zvm_diagnostic diagnostic = {.size = sizeof diagnostic,
                                 .kind = "SyntaxError",
                                 .file = "f",
                                 .line = 1,
                                 .column = 3,
                                 .end_line = 1,
                                 .end_column = 5,
                                 .message = "wrong",
                                 .hints = hints,
                                 .hint_count = 2,
                                 .source = "a bc d",
                                 .source_bytes = 6};
    struct zstrbuf text;
    zstrbuf_init(&text);
    assert_int_equal(zvm_diagnostic_write(&diagnostic, false, add, &text), ZVM_OK);
    assert_string_equal(zstrbuf_text(&text), "f:1:3: error: wrong\n    a bc d\n      ^^\n"
                                             "hint: do this\nhint: or that\n");
    zstrbuf_clear(&text);
    assert_int_equal(zvm_diagnostic_write(&diagnostic, true, add, &text), ZVM_OK);
    assert_non_null(strstr(zstrbuf_text(&text), "\x1B[1;31merror:\x1B[0m wrong\n"));
    zstrbuf_deinit(&text);
    for (int number = 1; number <= 8; number++) {
        int left = number;
        assert_int_equal(zvm_diagnostic_write(&diagnostic, false, refuse, &left), ZVM_E_OUTPUT);
    }
    assert_int_equal(zvm_diagnostic_write(NULL, false, add, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_diagnostic_write(&diagnostic, false, NULL, NULL), ZVM_E_ARGUMENT);
    diagnostic.size--;
    assert_int_equal(zvm_diagnostic_write(&diagnostic, false, add, NULL), ZVM_E_ARGUMENT);
}

static void test_result_has_the_hints_of_its_error(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    static const struct {
        const char *text;
        const char *hint; // NULL: none
    } cases[] = {
        {"let counter = 1; print(coutner)", "did you mean 'counter'?"},
        {"throw 'a'", NULL},
        {"let a = 1", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zvm_code *code = compile(runtime, cases[i].text);
        zvm_isolate *isolate = make_isolate(runtime, code, NULL);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        zvm_result result = result_of(isolate);
        assert_int_equal(result.hint_count, cases[i].hint != NULL);
        if (cases[i].hint != NULL) assert_string_equal(result.hints[0], cases[i].hint);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        zvm_code_release(code);
    }
    zvm_runtime_destroy(runtime);
}

// A builtin without a row would have no hint.
static void test_builtins_have_their_parameters_written_down(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < zbuiltin_count; i++) {
        const struct zbuiltin *builtin = &zbuiltin_table[i];
        const char *parameters = zbuiltin_parameters(builtin);
        bool takes_any = builtin->minimum == 0 && builtin->maximum == ZBUILTIN_VARIADIC;
        if (takes_any) continue;
        assert_non_null(parameters);
        if (builtin->maximum == ZBUILTIN_VARIADIC) continue;
        uint32_t words = *parameters != '\0';
        for (const char *c = parameters; *c != '\0'; c++)
            words += *c == ',';
        assert_int_equal(words, builtin->maximum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings_come_with_ranges_and_hints),
        cmocka_unit_test(test_findings_are_bounded_and_a_note_says_so),
        cmocka_unit_test(test_compile_refuses_wrong_arguments),
        cmocka_unit_test(test_write_gives_text_and_tells_when_it_is_refused),
        cmocka_unit_test(test_result_has_the_hints_of_its_error),
        cmocka_unit_test(test_builtins_have_their_parameters_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
