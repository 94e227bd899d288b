// Goal: a value with all that is in it can be made from parts and told as parts, in one call, and nothing that the
// host's function does meanwhile, or leaves undone, makes anything else than a status.
// Method: parts come from small texts and go into one, a character a part; limits at and one beyond.
#include "runtime_fixture.h"

#include <stdlib.h>

#ifdef ZVM_GC_STRESS // a collection at each allocation looks at all that there is
#    define DEPTH 1000
#else
#    define DEPTH 50000
#endif

struct fixture {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    zvm_scope scope;
};

static void open_with(struct fixture *fixture, uint32_t workers, const char *text,
                      const zvm_isolate_options *options)
{
    fixture->runtime = make_runtime(workers);
    fixture->code = compile(fixture->runtime, text);
    fixture->isolate = make_isolate(fixture->runtime, fixture->code, options);
    assert_int_equal(zvm_isolate_run(fixture->isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture->isolate).status, ZVM_OK);
    assert_int_equal(zvm_scope_open(fixture->isolate, &fixture->scope), ZVM_OK);
}

static void open_fixture(struct fixture *fixture, const char *text)
{
    open_with(fixture, 0, text, NULL);
}

static void close_fixture(struct fixture *fixture)
{
    assert_int_equal(zvm_isolate_destroy(fixture->isolate), ZVM_OK);
    check_identities(fixture->runtime);
    zvm_code_release(fixture->code);
    zvm_runtime_destroy(fixture->runtime);
}

// ---- Parts as characters ----------------------------------------------------------------------------
//
// [ ] { }: a list or map and its end, an instance as (name ... ). In a map "k=" or "7=" stands before a value: a key of
// lower-case letters, or of digits. A capital is a string of itself and itself, a digit an integer, n null, f the float
// 0.5, t true. '?' is a function, and the like. '!' has no next part, '#' a kind that is none, '~' a text that is no
// UTF-8, '^' a key that is none.

struct text {
    char bytes[4000];
    size_t length, at;
    char key[8];
    char pair[2];
    uint32_t guess;
};

static bool is_in_key(char first, char c)
{
    if (first >= '0' && first <= '9') return c >= '0' && c <= '9';
    return c == '^' || (c >= 'a' && c <= 'z');
}

static void take_key(struct text *text, zvm_part *part)
{
    const char *at = text->bytes + text->at;
    size_t length = 0;
    while (length < sizeof text->key - 1 && is_in_key(at[0], at[length]))
        length++;
    if (length == 0 || at[length] != '=') return;
    memcpy(text->key, text->bytes + text->at, length);
    text->key[length] = '\0';
    text->at += length + 1;
    bool is_number = text->key[0] >= '0' && text->key[0] <= '9';
    part->key = (zvm_value){.kind = ZVM_VALUE_STRING, .text = text->key, .length_bytes = length};
    if (is_number) part->key = (zvm_value){.kind = ZVM_VALUE_INT, .integer = atoi(text->key)};
    if (text->key[0] == '^') part->key = (zvm_value){.kind = ZVM_VALUE_FLOAT};
}

static void take_value(struct text *text, char c, zvm_value *value)
{
    *value = (zvm_value){.kind = ZVM_VALUE_NULL};
    if (c == 'f') *value = (zvm_value){.kind = ZVM_VALUE_FLOAT, .number = 0.5};
    if (c == 't') *value = (zvm_value){.kind = ZVM_VALUE_BOOL, .boolean = true};
    if (c >= '0' && c <= '9') *value = (zvm_value){.kind = ZVM_VALUE_INT, .integer = c - '0'};
    text->pair[0] = text->pair[1] = c == '~' ? (char)0xff : c;
    if ((c >= 'A' && c <= 'Z') || c == '~')
        *value = (zvm_value){.kind = ZVM_VALUE_STRING, .text = text->pair, .length_bytes = 2};
}

static bool next_part(void *context, zvm_part *part)
{
    struct text *text = context;
    take_key(text, part);
    char c = text->bytes[text->at++];
    part->count = text->guess;
    part->kind = ZVM_PART_VALUE;
    if (c == '[') part->kind = ZVM_PART_LIST;
    if (c == '{') part->kind = ZVM_PART_MAP;
    if (c == '(') part->kind = ZVM_PART_DATA;
    if (c == ']' || c == '}') part->kind = ZVM_PART_END;
    if (c == '#') part->kind = (zvm_part_kind)99;
    take_value(text, c, &part->value);
    return c != '!' && c != '\0';
}

static void add(struct text *text, const char *bytes, size_t length)
{
    assert_true(text->length + length < sizeof text->bytes);
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

static void add_value(struct text *text, const zvm_value *value)
{
    char digits[ZVM_NUMBER_TEXT_MAX];
    size_t length = 1;
    switch (value->kind) {
    case ZVM_VALUE_STRING:
        add(text, value->text, 1);
        break;
    case ZVM_VALUE_INT:
        assert_int_equal(zvm_number_text(value, digits, &length), ZVM_OK);
        add(text, digits, length);
        break;
    case ZVM_VALUE_FLOAT:
        add(text, "f", 1);
        break;
    case ZVM_VALUE_BOOL:
        add(text, "t", 1);
        break;
    case ZVM_VALUE_NULL:
        add(text, "n", 1);
        break;
    default:
        add(text, "?", 1);
    }
}

static bool tell_part(void *context, const zvm_part *part)
{
    struct text *text = context;
    static const char begin[] = " [{(]";
    bool has_key =
        part->kind != ZVM_PART_END && part->key.kind != ZVM_VALUE_NULL && text->guess > 0;
    if (has_key && part->key.kind == ZVM_VALUE_STRING)
        add(text, part->key.text, part->key.length_bytes);
    else if (has_key)
        add_value(text, &part->key);
    if (has_key) add(text, "=", 1);
    if (part->kind == ZVM_PART_VALUE)
        add_value(text, &part->value);
    else
        add(text, &begin[part->kind], 1);
    return true;
}

static zvm_status build(struct fixture *fixture, const char *parts, uint32_t guess, zvm_ref *ref)
{
    struct text text = {.guess = guess};
    snprintf(text.bytes, sizeof text.bytes, "%s", parts);
    return zvm_ref_build(fixture->isolate, next_part, &text, ref);
}

// with_keys: those are told, too; right only where all that is told is in maps.
static void expect_told(struct fixture *fixture, zvm_ref ref, bool with_keys, const char *wanted)
{
    struct text text = {.guess = with_keys};
    assert_int_equal(zvm_ref_walk(fixture->isolate, ref, 100, tell_part, &text), ZVM_OK);
    assert_string_equal(text.bytes, wanted);
}

static bool keep_text(void *context, const char *bytes, size_t length_bytes)
{
    struct text *text = context;
    add(text, bytes, length_bytes);
    return true;
}

static void expect_text(struct fixture *fixture, zvm_ref ref, const char *wanted)
{
    struct text text = {.length = 0};
    assert_int_equal(zvm_ref_text(fixture->isolate, ref, keep_text, &text), ZVM_OK);
    assert_string_equal(text.bytes, wanted);
}

// ---- Making and telling -----------------------------------------------------------------------------

static void test_each_value_is_made_from_its_parts(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"n", "null"},
        {"t", "true"},
        {"7", "7"},
        {"f", "0.5"},
        {"A", "AA"},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[1[2[3]A]{}n]", "[1, [2, [3], AA], {}, null]"},
        {"{a=1b={c=[2]7=B}}", "{a: 1, b: {c: [2], 7: BB}}"},
        {"{a=1b=2a=3}", "{a: 3, b: 2}"},
        {"{a=1b=2a=[A]}", "{a: [AA], b: 2}"},
        {"{a=1b=2c=3d=4e=5g=6h=7i=8j=9k=1a=0}",
         "{a: 0, b: 2, c: 3, d: 4, e: 5, g: 6, h: 7, i: 8, j: "
         "9, k: 1}"},
    };
    struct fixture fixture;
    open_fixture(&fixture, "let known = {'a': 1}\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint32_t guess = 0; guess <= 20; guess += 5) { // too small, too large: the same value
            zvm_ref ref = 0;
            assert_int_equal(build(&fixture, rows[i][0], guess, &ref), ZVM_OK);
            assert_int_equal(zvm_isolate_collect(fixture.isolate, true, NULL), ZVM_OK);
            expect_text(&fixture, ref, rows[i][1]);
        }
    }
    close_fixture(&fixture);
}

static void test_what_is_told_is_what_there_is(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "data P { x, y = 2 }\nlet p = P(1)\n"
                           "let l = [1, [], ['AA', null], 0.5, true, print, p, {}]\n"
                           "let m = {'a': 1, 7: {'b': 2}}\nm['c'] = 3\nm.remove('a')\n");
    zvm_ref list, map, point;
    assert_int_equal(zvm_ref_global(fixture.isolate, "l", &list), ZVM_OK);
    assert_int_equal(zvm_ref_global(fixture.isolate, "m", &map), ZVM_OK);
    assert_int_equal(zvm_ref_global(fixture.isolate, "p", &point), ZVM_OK);
    expect_told(&fixture, list, false, "[1[][An]ft?(12]{]]");
    expect_told(&fixture, map, true, "{7={b=2]c=3]");
    expect_told(&fixture, point, true, "(x=1y=2]");
    close_fixture(&fixture);
}

static void test_keys_of_the_host_are_found_by_the_program(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture,
                 "let m = null\n"
                 "action f() { return [m.known, m['other' + 'wise'], m.has('unknown'), m] }\n");
    // "known" is a constant of the program; "otherw" comes from elsewhere; both are keys like any.
    zvm_ref ref, result;
    assert_int_equal(build(&fixture, "{known=1otherw=2}", 0, &ref), ZVM_OK);
    assert_int_equal(zvm_ref_set_global(fixture.isolate, "m", ref), ZVM_OK);
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", NULL, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_ref_result(fixture.isolate, &result), ZVM_OK);
    expect_text(&fixture, result, "[1, null, false, {known: 1, otherw: 2}]");
    close_fixture(&fixture);
}

// Constants that share their length and both ends, more than are looked through, and texts beside them.
static void test_keys_with_the_same_ends_are_told_apart(void **state)
{
    (void)state;
    static char source[4000];
    size_t length = 0;
    for (int i = 0; i < 40; i++)
        length += (size_t)snprintf(source + length, sizeof source - length,
                                   "let k%d = 'beginnin%02dg of the end.'\n", i, i);
    (void)snprintf(source + length, sizeof source - length, "let m = null\n");
    struct fixture fixture;
    open_fixture(&fixture, source);
    zvm_ref map;
    assert_int_equal(zvm_ref_new_map(fixture.isolate, 0, &map), ZVM_OK);
    struct text empty = {.bytes = "{}"};
    assert_int_equal(zvm_ref_build(fixture.isolate, next_part, &empty, &map), ZVM_OK);
    for (int i = 0; i < 80; i++) { // half of them are constants
        char name[40];
        zvm_value key = {.kind = ZVM_VALUE_STRING, .text = name}, found;
        zvm_value number = {.kind = ZVM_VALUE_INT, .integer = i};
        key.length_bytes = (size_t)snprintf(name, sizeof name, "beginnin%02dg of the end.", i);
        assert_int_equal(zvm_ref_set_entry_value(fixture.isolate, map, &key, &number), ZVM_OK);
        assert_int_equal(zvm_ref_entry(fixture.isolate, map, &key, &found, NULL), ZVM_OK);
        assert_int_equal(found.integer, i);
    }
    size_t count;
    assert_int_equal(zvm_ref_count(fixture.isolate, map, &count), ZVM_OK);
    assert_int_equal(count, 80);
    close_fixture(&fixture);
}

// ---- What cannot be ---------------------------------------------------------------------------------

static void test_parts_that_cannot_stand_there_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *parts;
        zvm_status status;
    } rows[] = {
        {"!", ZVM_E_OUTPUT},   {"[1!", ZVM_E_OUTPUT},  {"{a=1", ZVM_E_OUTPUT},
        {"]", ZVM_E_ARGUMENT}, {"(", ZVM_E_ARGUMENT},  {"[(", ZVM_E_ARGUMENT},
        {"#", ZVM_E_ARGUMENT}, {"[#", ZVM_E_ARGUMENT}, {"~", ZVM_E_UTF8},
        {"{a=~", ZVM_E_UTF8},  {"{^=1", ZVM_E_TYPE},   {"{1", ZVM_E_TYPE},
        {"{{", ZVM_E_TYPE},
    };
    struct fixture fixture;
    open_fixture(&fixture, "let a = 1\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        zvm_ref ref = 42;
        assert_int_equal(build(&fixture, rows[i].parts, 0, &ref), rows[i].status);
        assert_int_equal(ref, 42);
    }
    zvm_ref ref;
    assert_int_equal(build(&fixture, "[1]", UINT32_MAX, &ref), ZVM_E_LIMIT);
    assert_int_equal(build(&fixture, "[1]", 0, &ref), ZVM_OK); // as if nothing had been
    expect_text(&fixture, ref, "[1]");
    close_fixture(&fixture);
}

static bool deeper(void *context, zvm_part *part)
{
    int *left = context;
    part->kind = (*left)-- > 0 ? ZVM_PART_LIST : ZVM_PART_END;
    return true;
}

static bool count_parts(void *context, const zvm_part *part)
{
    size_t *count = context;
    (void)part;
    ++*count;
    return true;
}

static void test_depth_takes_no_stack_and_has_the_limit_of_the_caller(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let l = []\nl.push(l)\n");
    int left = DEPTH;
    size_t count = 0;
    zvm_ref deep, self;
    assert_int_equal(zvm_ref_build(fixture.isolate, deeper, &left, &deep), ZVM_OK);
    assert_int_equal(zvm_ref_walk(fixture.isolate, deep, DEPTH, count_parts, &count), ZVM_OK);
    assert_int_equal(count, 2 * DEPTH);
    assert_int_equal(zvm_ref_walk(fixture.isolate, deep, DEPTH - 1, count_parts, &count),
                     ZVM_E_LIMIT);
    assert_int_equal(zvm_ref_walk(fixture.isolate, deep, 0, count_parts, &count), ZVM_E_LIMIT);
    assert_int_equal(zvm_ref_global(fixture.isolate, "l", &self), ZVM_OK);
    assert_int_equal(zvm_ref_walk(fixture.isolate, self, 1000, count_parts, &count), ZVM_E_LIMIT);
    close_fixture(&fixture);
}

static bool for_ever(void *context, zvm_part *part)
{
    int *count = context;
    part->kind = (*count)++ == 0 ? ZVM_PART_LIST : ZVM_PART_VALUE;
    part->value =
        (zvm_value){.kind = ZVM_VALUE_STRING, .text = "a text of some length", .length_bytes = 21};
    return true;
}

static void test_parts_without_end_meet_the_limit_of_the_heap(void **state)
{
    (void)state;
    struct fixture fixture;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = 256 * 1024;
    open_with(&fixture, 0, "let a = 1\naction f() { return a }\n", &options);
    for (int i = 0; i < 3; i++) {
        int count = 0;
        zvm_ref ref = 0;
        assert_int_equal(zvm_ref_build(fixture.isolate, for_ever, &count, &ref), ZVM_E_HEAP_LIMIT);
        assert_true(count > 1000);
    }
    assert_int_equal(zvm_isolate_call(fixture.isolate, "f", NULL, 0), ZVM_OK); // it lives
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    close_fixture(&fixture);
}

static bool stop_at_third(void *context, const zvm_part *part)
{
    int *count = context;
    (void)part;
    return ++*count < 3;
}

static void test_who_is_told_may_stop(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let l = [1, 2, 3]\n");
    zvm_ref list;
    int count = 0;
    assert_int_equal(zvm_ref_global(fixture.isolate, "l", &list), ZVM_OK);
    assert_int_equal(zvm_ref_walk(fixture.isolate, list, 9, stop_at_third, &count), ZVM_E_OUTPUT);
    assert_int_equal(count, 3);
    assert_int_equal(zvm_ref_walk(fixture.isolate, list + 1, 9, stop_at_third, &count),
                     ZVM_E_STALE);
    close_fixture(&fixture);
}

// ---- Meanwhile --------------------------------------------------------------------------------------

struct meddler {
    struct fixture *fixture;
    zvm_ref ref;
    int times;
};

// Everything that would take the value away, run the program, or go in again.
static void meddle(struct meddler *meddler)
{
    zvm_isolate *isolate = meddler->fixture->isolate;
    zvm_scope scope;
    zvm_ref ref;
    zvm_value value = {.kind = ZVM_VALUE_NULL};
    struct text text = {.bytes = "1"};
    meddler->times++;
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_BUSY);
    assert_true(zvm_isolate_submit(isolate) != ZVM_OK);
    assert_int_equal(zvm_isolate_reset(isolate), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_call(isolate, "f", NULL, 0), ZVM_E_BUSY);
    assert_int_equal(zvm_isolate_set_global(isolate, "a", &value), ZVM_E_BUSY);
    assert_int_equal(zvm_scope_open(isolate, &scope), ZVM_E_BUSY);
    assert_int_equal(zvm_scope_close(isolate, meddler->fixture->scope), ZVM_E_BUSY);
    assert_int_equal(zvm_ref_new(isolate, &value, &ref), ZVM_E_BUSY);
    assert_int_equal(zvm_ref_append_value(isolate, meddler->ref, &value), ZVM_E_BUSY);
    assert_int_equal(zvm_ref_build(isolate, next_part, &text, &ref), ZVM_E_BUSY);
    assert_int_equal(zvm_ref_walk(isolate, meddler->ref, 9, tell_part, &text), ZVM_E_BUSY);
}

static bool meddling_next(void *context, zvm_part *part)
{
    struct meddler *meddler = context;
    meddle(meddler);
    part->kind = meddler->times == 1 ? ZVM_PART_LIST : ZVM_PART_END;
    return true;
}

static bool meddling_tell(void *context, const zvm_part *part)
{
    (void)part;
    meddle(context);
    return true;
}

// Finished, as the fixture has it, and idle: reset, and made ready for a call.
static void test_nothing_else_can_be_done_meanwhile(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with(&fixture, 1, "let a = [1, 2]\naction f() { return a }\n", NULL);
    struct meddler meddler = {.fixture = &fixture};
    zvm_ref made;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(zvm_ref_global(fixture.isolate, "a", &meddler.ref), ZVM_OK);
        assert_int_equal(zvm_ref_walk(fixture.isolate, meddler.ref, 9, meddling_tell, &meddler),
                         ZVM_OK);
        assert_int_equal(meddler.times, 4);
        meddler.times = 0;
        assert_int_equal(zvm_ref_build(fixture.isolate, meddling_next, &meddler, &made), ZVM_OK);
        assert_int_equal(meddler.times, 2);
        meddler.times = 0;
        expect_text(&fixture, meddler.ref, "[1, 2]");
        if (round == 0) assert_int_equal(zvm_isolate_call(fixture.isolate, "f", NULL, 0), ZVM_OK);
    }
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK); // it is as it was
    assert_int_equal(result_of(fixture.isolate).status, ZVM_OK);
    assert_int_equal(zvm_scope_close(fixture.isolate, fixture.scope), ZVM_OK);
    close_fixture(&fixture);
}

static bool cancelling_next(void *context, zvm_part *part)
{
    struct meddler *meddler = context;
    if (meddler->times++ == 0) zvm_isolate_cancel(meddler->fixture->isolate);
    part->kind = ZVM_PART_VALUE;
    part->value = (zvm_value){.kind = ZVM_VALUE_INT, .integer = 1};
    return true;
}

static void test_a_cancel_meanwhile_ends_the_next_run(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, "let a = 0\naction f(x) { return x }\n");
    assert_int_equal(zvm_isolate_reset(fixture.isolate), ZVM_OK);
    assert_int_equal(zvm_scope_open(fixture.isolate, &fixture.scope), ZVM_OK);
    struct meddler meddler = {.fixture = &fixture};
    zvm_ref made;
    assert_int_equal(zvm_ref_build(fixture.isolate, cancelling_next, &meddler, &made), ZVM_OK);
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture.isolate).status, ZVM_E_CANCELLED);
    close_fixture(&fixture);
}

static zvm_call_outcome nest(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    zvm_isolate *isolate = zvm_call_isolate(call);
    zvm_scope scope;
    zvm_ref argument, made;
    struct text in = {.bytes = "[1{a=2}]"}, out = {.length = 0};
    if (zvm_scope_open(isolate, &scope) != ZVM_OK) return zvm_call_fail(call, NULL, "scope");
    if (zvm_call_argument(call, 0, &argument) != ZVM_OK)
        return zvm_call_fail(call, NULL, "argument");
    if (zvm_ref_walk(isolate, argument, 9, tell_part, &out) != ZVM_OK ||
        strcmp(out.bytes, "[123]") != 0)
        return zvm_call_fail(call, NULL, "told");
    if (zvm_ref_build(isolate, next_part, &in, &made) != ZVM_OK)
        return zvm_call_fail(call, NULL, "made");
    return zvm_call_return_ref(call, made);
}

static void test_a_function_of_the_host_takes_and_gives_whole_values(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture.runtime = make_runtime(0);
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "nest";
    function.call = nest;
    function.minimum = function.maximum = 1;
    function.takes_any = 1;
    assert_int_equal(zvm_runtime_add_function(fixture.runtime, &function), ZVM_OK);
    fixture.code = compile(fixture.runtime, "let r = nest([1, 2, 3])\n");
    fixture.isolate = make_isolate(fixture.runtime, fixture.code, NULL);
    assert_int_equal(zvm_isolate_run(fixture.isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(fixture.isolate).status, ZVM_OK);
    zvm_ref ref;
    assert_int_equal(zvm_scope_open(fixture.isolate, &fixture.scope), ZVM_OK);
    assert_int_equal(zvm_ref_global(fixture.isolate, "r", &ref), ZVM_OK);
    expect_text(&fixture, ref, "[1, {a: 2}]");
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_value_is_made_from_its_parts),
        cmocka_unit_test(test_what_is_told_is_what_there_is),
        cmocka_unit_test(test_keys_of_the_host_are_found_by_the_program),
        cmocka_unit_test(test_keys_with_the_same_ends_are_told_apart),
        cmocka_unit_test(test_parts_that_cannot_stand_there_are_refused),
        cmocka_unit_test(test_depth_takes_no_stack_and_has_the_limit_of_the_caller),
        cmocka_unit_test(test_parts_without_end_meet_the_limit_of_the_heap),
        cmocka_unit_test(test_who_is_told_may_stop),
        cmocka_unit_test(test_nothing_else_can_be_done_meanwhile),
        cmocka_unit_test(test_a_cancel_meanwhile_ends_the_next_run),
        cmocka_unit_test(test_a_function_of_the_host_takes_and_gives_whole_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
