// Goal: an isolate runs one piece of code after the other: each sees the globals of all before it, may
// declare them again, and fails, is cancelled or does not compile without harm to what is there.
// Method: sessions piece by piece through zvm.h, the output compared.
#include "runtime_fixture.h"

#include "base/alloc.h"

#include <stdlib.h>

struct session {
    zvm_runtime *runtime;
    zvm_isolate *isolate;
    char printed[4000];
    size_t length;
};

static bool collect(void *context, const char *text, size_t length_bytes)
{
    struct session *session = context;
    assert_true(session->length + length_bytes < sizeof session->printed);
    memcpy(session->printed + session->length, text, length_bytes);
    session->length += length_bytes;
    session->printed[session->length] = '\0';
    return true;
}

static void open_session(struct session *session, const char *first, zvm_isolate_options options)
{
    memset(session, 0, sizeof *session);
    session->runtime = make_runtime(0);
    options.size = sizeof options;
    options.output = collect;
    options.output_context = session;
    zvm_code *code = compile(session->runtime, first);
    session->isolate = make_isolate(session->runtime, code, &options);
    zvm_code_release(code);
    assert_int_equal(zvm_isolate_run(session->isolate, 0, NULL), ZVM_OK);
}

static void close_session(struct session *session)
{
    assert_int_equal(zvm_isolate_destroy(session->isolate), ZVM_OK);
    check_identities(session->runtime);
    zvm_runtime_destroy(session->runtime);
}

static zvm_status load(struct session *session, const char *text)
{
    return zvm_isolate_load(session->isolate, "piece", text, strlen(text), ZVM_LOAD_SHOW, NULL,
                            NULL);
}

static zvm_result run(struct session *session, const char *text)
{
    session->length = 0;
    session->printed[0] = '\0';
    assert_int_equal(load(session, text), ZVM_OK);
    assert_int_equal(zvm_isolate_run(session->isolate, 0, NULL), ZVM_OK);
    return result_of(session->isolate);
}

static void expect(struct session *session, const char *text, const char *printed)
{
    zvm_result result = run(session, text);
    if (result.status != ZVM_OK) fail_msg("%s: %s: %s", text, result.kind, result.message);
    assert_string_equal(session->printed, printed);
}

static void expect_error(struct session *session, const char *text, const char *error)
{
    zvm_result result = run(session, text);
    char shown[300];
    (void)snprintf(shown, sizeof shown, "%s:%u:%u %s: %s", result.file, result.line, result.column,
                   result.kind, result.message);
    assert_string_equal(shown, error);
}

static const zvm_isolate_options PLAIN = ZVM_ISOLATE_OPTIONS_INIT;

static void test_later_pieces_see_the_globals_of_earlier_ones(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "let a = 1\naction inc() { a += 1\n return a }\n", PLAIN);
    expect(&session, "a", "1\n");
    expect(&session, "inc()\nlet b = [a]", "");
    expect(&session, "inc() + b[0]", "5\n");
    expect(&session, "a = 10; b.push(inc()); print(b)", "[2, 11]\n");
    close_session(&session);
}

static void test_declared_again_is_seen_by_functions_made_earlier(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "", PLAIN);
    expect(&session, "action f() { return g() + len('abc') }", "");
    expect_error(&session, "f()", "piece:1:21 NameError: 'g' is not defined");
    expect(&session, "action g() { return 1 }\nf()", "4\n");
    expect(&session, "action g() { return 10 }\nf()", "13\n");
    expect(&session, "let g = () => 100\nf()", "103\n");
    expect(&session, "action len(x) { return 1000 }\nf()", "1100\n");
    close_session(&session);
}

static void test_closures_of_earlier_pieces_make_closures(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "action maker(n) { return () => { n += 1; return (x) => x * n } }\n",
                 PLAIN);
    expect(&session, "let m = maker(1)\nlet other = [1, 2].map((x) => x + 1)", "");
    expect(&session, "m()(10)", "20\n");
    expect(&session, "let k = m(); [1, 2].map(k)", "[3, 6]\n");
    close_session(&session);
}

static void test_data_of_earlier_pieces_goes_on(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "data P { x: int = 1; method next() { return P(this.x + 1) } }\n",
                 PLAIN);
    expect(&session, "let p = P(5)", "");
    expect(&session, "p.next()", "P(x=6)\n");
    expect(&session, "data Q extends P { y = [] }\nlet q: P = Q(2)", "");
    expect(&session, "q.y.push(q.next().x)\nq", "Q(x=2, y=[3])\n");
    expect(&session, "match q { Q(a, b) => a, _ => 0 }", "2\n");
    expect(&session, "data P { z = 9 }\n[P(), p, p.next()]", "[P(z=9), P(x=5), P(z=6)]\n");
    expect_error(&session, "p.x = 'no'",
                 "piece:1:3 TypeError: field 'x': expected int, got string");
    close_session(&session);
}

static void test_const_holds_in_later_pieces_until_declared_again(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "const c = 1\nconst [d] = [2]\n", PLAIN);
    expect_error(&session, "c = 2", "piece:1:1 ConstError: cannot assign to constant 'c'");
    expect_error(&session, "d += 2", "piece:1:1 ConstError: cannot assign to constant 'd'");
    expect(&session, "c + d", "3\n");
    expect(&session, "let c = 5", "");
    expect(&session, "c = 6\nc", "6\n");
    expect(&session, "const c = 7", "");
    expect_error(&session, "c = 8", "piece:1:1 ConstError: cannot assign to constant 'c'");
    expect(&session, "action c() { return 9 }\nc()", "9\n");
    expect(&session, "const {e} = {e: 1}; action set() { e = 2 }", "");
    expect_error(&session, "set()", "piece:1:36 ConstError: cannot assign to constant 'e'");
    close_session(&session);
}

static void test_shown_value_is_printed_and_kept(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "", PLAIN);
    expect(&session, "6 * 7", "42\n");
    expect(&session, "_ + 1", "43\n");
    expect(&session, "null", "");
    expect(&session, "_", "43\n");
    expect(&session, "print('x')", "x\n");
    expect(&session, "'a'; 'b'", "b\n");
    expect(&session, "if true { 5 }", "");
    expect(&session, "[_, {a: _}]", "[b, {a: b}]\n");
    assert_int_equal(zvm_isolate_load(session.isolate, "quiet", "1 + 1", 5, 0, NULL, NULL), ZVM_OK);
    session.length = 0;
    assert_int_equal(zvm_isolate_run(session.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(session.length, 0);
    close_session(&session);
}

static void test_errors_leave_what_was_done_before_them(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "let a = 1", PLAIN);
    expect_error(&session, "a = 2\nlet b = 3\na = missing\nlet c = 4",
                 "piece:3:5 NameError: 'missing' is not defined");
    expect(&session, "print(a, b)", "2 3\n");
    expect_error(&session, "c", "piece:1:1 NameError: 'c' is not defined");
    expect_error(&session, "throw {a: [1]}", "piece:1:1 Error: {a: [1]}");
    assert_int_equal(load(&session, "a = 5\nlet = 1"), ZVM_E_SYNTAX);
    zvm_result result = result_of(session.isolate); // still that of the piece before
    assert_string_equal(result.message, "{a: [1]}");
    expect(&session, "a", "2\n");
    close_session(&session);
}

// The file of an error is that of the piece where the failing function stands.
static void test_errors_name_the_piece_of_the_failing_function(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "action bad(x) { return x.y.z }\n", PLAIN);
    zvm_result result = run(&session, "\n\nbad({})");
    assert_string_equal(result.file, "test.zx");
    assert_int_equal(result.line, 1);
    assert_int_equal(result.trace_count, 2);
    assert_string_equal(result.trace[0].file, "test.zx");
    assert_string_equal(result.trace[1].file, "piece");
    assert_int_equal(result.trace[1].line, 3);
    // An error kept across pieces still knows its trace.
    expect(&session, "let kept = null\ntry { bad({}) } catch (e) { kept = e }", "");
    result = run(&session, "throw kept");
    assert_string_equal(result.file, "test.zx");
    close_session(&session);
}

static void test_cancel_ends_one_piece_only(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "let n = 0", PLAIN);
    assert_int_equal(load(&session, "while true { n += 1 }"), ZVM_OK);
    bool finished = true;
    assert_int_equal(zvm_isolate_run(session.isolate, 100000, &finished), ZVM_OK);
    assert_false(finished);
    assert_int_equal(load(&session, "1"), ZVM_E_STATE); // put aside: it has not ended
    zvm_isolate_cancel(session.isolate);
    assert_int_equal(zvm_isolate_run(session.isolate, 0, &finished), ZVM_OK);
    assert_true(finished);
    assert_int_equal(result_of(session.isolate).status, ZVM_E_CANCELLED);
    expect(&session, "n > 10", "true\n");
    close_session(&session);
}

static void test_each_piece_has_fuel_and_heap_limit_again(void **state)
{
    (void)state;
    struct session session;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.fuel_limit = 200000;
    options.heap_limit_bytes = 256 * 1024;
    open_session(&session, "let kept = 'kept'", options);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(&session, "while true { }").status, ZVM_E_FUEL);
        assert_int_equal(
            run(&session,
                "let big = []\nfor each i in range(40) { big.push('x' * 20000 + string(i)) }")
                .status,
            ZVM_E_HEAP_LIMIT);
        expect(&session, "big = null\nkept", "kept\n");
        assert_true(result_of(session.isolate).fuel_used < 1000);
    }
    close_session(&session);
}

// Many pieces with many globals: what a piece costs does not grow with what is there.
static void test_memory_of_a_piece_does_not_grow_with_the_session(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "", PLAIN);
    char text[64];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(text, sizeof text, "let global_number_%d = %d", i, i);
        expect(&session, text, "");
    }
    uint64_t before = zalloc_stats().live_bytes;
    for (int i = 0; i < 200; i++)
        expect(&session, "global_number_7 = global_number_7 + 0", "");
    uint64_t each = (zalloc_stats().live_bytes - before) / 200;
    assert_true(each < 1500); // with the names of 500 globals it would be 4,000 and more
    expect(&session, "global_number_7 + global_number_499", "506\n");
    close_session(&session);
}

static void test_load_refuses_what_is_not_finished_or_not_asked_rightly(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1");
    zvm_isolate *isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_load(isolate, "p", "1", 1, 0, NULL, NULL), ZVM_E_STATE);
    assert_int_equal(zvm_isolate_load(NULL, "p", "1", 1, 0, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_load(isolate, NULL, "1", 1, 0, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_load(isolate, "p", NULL, 1, 0, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_load(isolate, "p", "1", 1, 2, NULL, NULL), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_load(isolate, "\xff", "1", 1, 0, NULL, NULL), ZVM_E_UTF8);
    assert_int_equal(zvm_isolate_load(isolate, "p", "\xff", 1, 0, NULL, NULL), ZVM_E_UTF8);
    assert_int_equal(zvm_isolate_load(isolate, "p", NULL, 0, 0, NULL, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// Isolates of one code each go on with pieces of their own; a worker runs them.
static void test_sessions_of_shared_code_on_a_worker_stay_apart(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(1);
    zvm_code *code = compile(runtime, "let a = 1\naction get() { return a }");
    zvm_isolate *isolates[3];
    for (int i = 0; i < 3; i++) {
        isolates[i] = make_isolate(runtime, code, NULL);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 3; i++) {
            char text[64];
            (void)snprintf(text, sizeof text, "a = get() * %d; let own%d = a", i + 2, i);
            assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
            assert_int_equal(zvm_isolate_load(isolates[i], "p", text, strlen(text), 0, NULL, NULL),
                             ZVM_OK);
            assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
        }
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(zvm_isolate_wait(isolates[i], UINT64_MAX), ZVM_OK);
        int64_t expected = 1;
        for (int round = 0; round < 4; round++)
            expected *= i + 2;
        zvm_value value;
        assert_int_equal(zvm_isolate_get_global(isolates[i], "a", &value), ZVM_OK);
        assert_int_equal(value.integer, expected);
        assert_int_equal(zvm_isolate_get_global(isolates[i], i == 0 ? "own1" : "own0", &value),
                         ZVM_E_NOT_FOUND);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    check_identities(runtime);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
}

// ---- Names and open ends -------------------------------------------------------------------------

static bool add_name(void *context, const char *text, size_t length_bytes)
{
    char *names = context;
    assert_true(strlen(names) + length_bytes + 2 < 200);
    strncat(names, text, length_bytes);
    strcat(names, " ");
    return true;
}

static void test_globals_with_a_value_are_listed(void **state)
{
    (void)state;
    struct session session;
    open_session(&session, "let a = 1; action f() { return later }", PLAIN);
    (void)run(&session, "let b = 2\nnowhere");
    char names[200] = "";
    assert_int_equal(zvm_isolate_globals(session.isolate, add_name, names), ZVM_OK);
    assert_string_equal(names, "a f b ");
    assert_int_equal(zvm_isolate_globals(session.isolate, NULL, names), ZVM_E_ARGUMENT);
    close_session(&session);
}

static bool has_word(zvm_word_kind kind, const char *word)
{
    for (size_t i = 0; zvm_word(kind, i) != NULL; i++)
        if (strcmp(zvm_word(kind, i), word) == 0) return true;
    return false;
}

static void test_words_of_each_kind_are_listed(void **state)
{
    (void)state;
    assert_true(has_word(ZVM_WORD_KEYWORD, "let"));
    assert_true(has_word(ZVM_WORD_KEYWORD, "or"));
    assert_false(has_word(ZVM_WORD_KEYWORD, "+"));
    assert_true(has_word(ZVM_WORD_BUILTIN, "args"));
    assert_true(has_word(ZVM_WORD_BUILTIN, "uppercase"));
    assert_false(has_word(ZVM_WORD_BUILTIN, "count"));
    assert_true(has_word(ZVM_WORD_METHOD, "count"));
    assert_false(has_word(ZVM_WORD_METHOD, "abs"));
    assert_null(zvm_word((zvm_word_kind)7, 0));
}

static bool is_open(const char *text)
{
    return zvm_source_is_open(text, strlen(text));
}

static void test_open_ends_are_told_from_whole_and_wrong_texts(void **state)
{
    (void)state;
    static const char *const open[] = {
        "if x {",
        "f(1,",
        "let a = [",
        "let a =",
        "1 +",
        "a.",
        "x =>",
        "'''one\n two",
        "\"\"\"",
        "/* comment",
        "/* a /* b */",
        "{ let a = 1",
        "f({a: [1, (2)",
        "\"${x}\" + (",
        "a and {\n}\n{",
        "if x { print(\"${m['}']}\")",
        "a ?",
        "a ? b :",
        "a,",
        "!",
    };
    static const char *const whole[] = {
        "",    "1",    "if x { }", "f()",           "# if {", "'{'",       "\"${a}\"",
        "a;",  "}",    "(]",       "let s = 'open", "\"${a",  "\"a ${b\n", "'''a'''",
        "1 }", "\xff", "print",    "/* a */",       "'\\q {", "a // +",    "12x {",
    };
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        if (!is_open(open[i])) fail_msg("should be open: %s", open[i]);
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (is_open(whole[i])) fail_msg("should not be open: %s", whole[i]);
    assert_false(zvm_source_is_open(NULL, 0));
    assert_false(zvm_source_is_open("{\0", 2));
}

static void test_open_ends_of_any_depth_are_bounded(void **state)
{
    (void)state;
    size_t length = 100000;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, '(', length);
    assert_true(zvm_source_is_open(text, 1000));
    assert_false(zvm_source_is_open(text, length)); // the parser refuses it
    for (size_t i = 0; i + 3 <= length; i += 3)
        memcpy(text + i, "\"${", 3);
    (void)zvm_source_is_open(text, length);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_pieces_see_the_globals_of_earlier_ones),
        cmocka_unit_test(test_declared_again_is_seen_by_functions_made_earlier),
        cmocka_unit_test(test_closures_of_earlier_pieces_make_closures),
        cmocka_unit_test(test_data_of_earlier_pieces_goes_on),
        cmocka_unit_test(test_const_holds_in_later_pieces_until_declared_again),
        cmocka_unit_test(test_shown_value_is_printed_and_kept),
        cmocka_unit_test(test_errors_leave_what_was_done_before_them),
        cmocka_unit_test(test_errors_name_the_piece_of_the_failing_function),
        cmocka_unit_test(test_cancel_ends_one_piece_only),
        cmocka_unit_test(test_each_piece_has_fuel_and_heap_limit_again),
        cmocka_unit_test(test_memory_of_a_piece_does_not_grow_with_the_session),
        cmocka_unit_test(test_load_refuses_what_is_not_finished_or_not_asked_rightly),
        cmocka_unit_test(test_sessions_of_shared_code_on_a_worker_stay_apart),
        cmocka_unit_test(test_globals_with_a_value_are_listed),
        cmocka_unit_test(test_words_of_each_kind_are_listed),
        cmocka_unit_test(test_open_ends_are_told_from_whole_and_wrong_texts),
        cmocka_unit_test(test_open_ends_of_any_depth_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
