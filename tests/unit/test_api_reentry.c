// Goal: while a call has an isolate in hand and calls the host back (finalizers, writers of text, findings), every
// call that would enter, change or free that isolate is refused, and nothing of it is gone when the callback returns;
// and mistakes with mailboxes, references and values that belong to somebody else, or are none, are error codes.
// Method: callbacks that try all of it; then the isolate must still work. test_api_misuse.c has the rest: NULL,
// callbacks while a program runs, other threads.
#include "runtime_fixture.h"

// ---- Callbacks of a call --------------------------------------------------------------------------

struct visit {
    zvm_runtime *runtime;
    zvm_isolate *isolate;
    bool is_closed; // the runtime takes no more work
    int count, wrong;
};

static void expect(struct visit *visit, zvm_status status, zvm_status wanted, const char *what)
{
    if (status == wanted) return;
    visit->wrong++;
    print_error("%s gives %d and not %d\n", what, (int)status, (int)wanted);
}

static void try_all(struct visit *visit)
{
    zvm_isolate *isolate = visit->isolate;
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = 7};
    zvm_scope scope;
    zvm_ref ref;
    zvm_mailbox *mailbox;
    visit->count++;
    expect(visit, zvm_isolate_run(isolate, 0, NULL), ZVM_E_BUSY, "run");
    expect(visit, zvm_isolate_submit(isolate), visit->is_closed ? ZVM_E_CLOSED : ZVM_E_STATE,
           "submit");
    expect(visit, zvm_isolate_destroy(isolate), ZVM_E_BUSY, "destroy");
    expect(visit, zvm_isolate_reset(isolate), ZVM_E_BUSY, "reset");
    expect(visit, zvm_isolate_set_global(isolate, "a", &value), ZVM_E_BUSY, "set_global");
    expect(visit, zvm_isolate_get_global(isolate, "a", &value), ZVM_E_BUSY, "get_global");
    expect(visit, zvm_isolate_collect(isolate, true, NULL), ZVM_E_BUSY, "collect");
    expect(visit, zvm_isolate_collect_step(isolate, 1, NULL), ZVM_E_BUSY, "collect_step");
    expect(visit, zvm_isolate_load(isolate, "b", "1", 1, 0, NULL, NULL), ZVM_E_BUSY, "load");
    expect(visit, zvm_isolate_call(isolate, "f", NULL, 0), ZVM_E_BUSY, "call");
    expect(visit, zvm_scope_open(isolate, &scope), ZVM_E_BUSY, "scope_open");
    expect(visit, zvm_ref_global(isolate, "a", &ref), ZVM_E_BUSY, "ref_global");
    expect(visit, zvm_isolate_mailbox(isolate, &mailbox), ZVM_E_BUSY, "mailbox");
    expect(visit, zvm_runtime_destroy(visit->runtime), ZVM_E_STATE, "runtime_destroy");
}

static bool visit_text(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    try_all(context);
    return true;
}

static bool visit_leak(void *context, const zvm_leak *leak)
{
    (void)leak;
    try_all(context);
    return true;
}

static bool visit_entry(void *context, const zvm_history_entry *entry)
{
    (void)entry;
    try_all(context);
    return false;
}

static void visit_end(void *pointer, void *user)
{
    (void)user;
    try_all(pointer);
}

static const zvm_host_kind kind = {sizeof kind, "thing", visit_end, NULL};

// An isolate whose top level has run, of a runtime with a worker, so that submitting is a matter of its state.
static void open_visit(struct visit *visit, bool has_profile)
{
    *visit = (struct visit){.runtime = make_runtime(1)};
    zvm_code *code =
        compile(visit->runtime, "let a = 1\nlet kept = [[1, 2], [3]]\naction f() { return a }\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.history_entries = has_profile ? 8 : 0;
    options.sample_bytes = has_profile ? 1 : 0;
    visit->isolate = make_isolate(visit->runtime, code, &options);
    zvm_code_release(code);
    assert_int_equal(zvm_isolate_run(visit->isolate, 0, NULL), ZVM_OK);
}

static void check_visit(struct visit *visit, int count_min)
{
    assert_int_equal(visit->wrong, 0);
    assert_in_range(visit->count, count_min, 10000);
    visit->count = 0;
}

static void close_visit(struct visit *visit)
{
    assert_int_equal(zvm_isolate_call(visit->isolate, "f", NULL, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_run(visit->isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(visit->isolate).status, ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(visit->isolate), ZVM_OK);
    assert_int_equal(zvm_runtime_destroy(visit->runtime), ZVM_OK);
}

static void test_writer_cannot_enter_or_free_the_isolate_that_is_written(void **state)
{
    (void)state;
    struct visit visit;
    zvm_leak_filter all = {0, 0};
    zvm_scope scope;
    zvm_ref ref;
    open_visit(&visit, true /* has_profile */);
    assert_int_equal(zvm_isolate_globals(visit.isolate, visit_text, &visit), ZVM_OK);
    check_visit(&visit, 3);
    assert_int_equal(zvm_isolate_heap_snapshot(visit.isolate, visit_text, &visit), ZVM_OK);
    check_visit(&visit, 1);
    assert_int_equal(zvm_isolate_alloc_profile(visit.isolate, visit_text, &visit), ZVM_OK);
    check_visit(&visit, 1);
    assert_int_equal(zvm_isolate_history(visit.isolate, visit_entry, &visit), ZVM_OK);
    check_visit(&visit, 1);
    assert_int_equal(zvm_isolate_find_leaks(visit.isolate, &all, visit_leak, &visit), ZVM_OK);
    check_visit(&visit, 1);
    assert_int_equal(zvm_scope_open(visit.isolate, &scope), ZVM_OK);
    assert_int_equal(zvm_ref_global(visit.isolate, "kept", &ref), ZVM_OK);
    assert_int_equal(zvm_ref_text(visit.isolate, ref, visit_text, &visit), ZVM_OK);
    check_visit(&visit, 1);
    assert_int_equal(zvm_scope_close(visit.isolate, scope), ZVM_OK);
    close_visit(&visit);
}

static void test_finding_of_loaded_code_cannot_enter_or_free_the_isolate(void **state)
{
    (void)state;
    struct visit visit;
    open_visit(&visit, false /* has_profile */);
    assert_int_equal(zvm_isolate_load(visit.isolate, "b", "let", 3, 0, visit_text, &visit),
                     ZVM_E_SYNTAX);
    check_visit(&visit, 1);
    close_visit(&visit);
}

static void give_thing(struct visit *visit)
{
    zvm_value thing = {.kind = ZVM_VALUE_HOST, .host_kind = &kind, .pointer = visit};
    assert_int_equal(zvm_isolate_set_global(visit->isolate, "a", &thing), ZVM_OK);
}

static void test_finalizer_cannot_enter_or_free_its_isolate(void **state)
{
    (void)state;
    struct visit visit;
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    zvm_scope scope;
    zvm_ref ref;
    open_visit(&visit, false /* has_profile */);
    give_thing(&visit);
    assert_int_equal(zvm_isolate_set_global(visit.isolate, "a", &one), ZVM_OK);
    assert_int_equal(zvm_isolate_collect(visit.isolate, true, NULL), ZVM_OK);
    check_visit(&visit, 1);
    give_thing(&visit);
    assert_int_equal(zvm_isolate_set_global(visit.isolate, "a", &one), ZVM_OK);
    assert_int_equal(zvm_scope_open(visit.isolate, &scope), ZVM_OK);
    for (int i = 0; i < 100 && visit.count == 0; i++) // until making lists has collected
        assert_int_equal(zvm_ref_new_list(visit.isolate, 10000, &ref), ZVM_OK);
    check_visit(&visit, 1);
    assert_int_equal(zvm_scope_close(visit.isolate, scope), ZVM_OK);
    give_thing(&visit);
    assert_int_equal(zvm_isolate_reset(visit.isolate), ZVM_OK);
    check_visit(&visit, 1);
    give_thing(&visit);
    assert_int_equal(zvm_isolate_destroy(visit.isolate), ZVM_OK);
    check_visit(&visit, 1);
    assert_int_equal(zvm_runtime_destroy(visit.runtime), ZVM_OK);
}

static void test_finalizer_at_the_end_of_the_runtime_cannot_end_it_again(void **state)
{
    (void)state;
    struct visit visit;
    open_visit(&visit, false /* has_profile */);
    give_thing(&visit);
    visit.is_closed = true;
    assert_int_equal(zvm_runtime_destroy(visit.runtime), ZVM_OK);
    check_visit(&visit, 1);
}

// ---- What is another's, or nobody's ---------------------------------------------------------------

static void test_mailbox_of_another_runtime_is_foreign(void **state)
{
    (void)state;
    struct visit visit, other;
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    zvm_mailbox *ours, *its;
    zvm_scope scope;
    zvm_ref ref;
    open_visit(&visit, false /* has_profile */);
    open_visit(&other, false /* has_profile */);
    assert_int_equal(zvm_mailbox_create(visit.runtime, NULL, &ours), ZVM_OK);
    assert_int_equal(zvm_mailbox_send(ours, &one), ZVM_OK);
    assert_int_equal(zvm_scope_open(other.isolate, &scope), ZVM_OK);
    assert_int_equal(zvm_ref_new_isolate(other.isolate, ours, &ref), ZVM_E_FOREIGN);
    assert_int_equal(zvm_mailbox_receive(ours, other.isolate, &ref), ZVM_E_FOREIGN);
    assert_int_equal(zvm_ref_new(other.isolate, &one, &ref), ZVM_OK);
    assert_int_equal(zvm_mailbox_send_ref(ours, other.isolate, ref), ZVM_E_FOREIGN);
    assert_int_equal(zvm_ref_mailbox(other.isolate, ref, &its), ZVM_E_TYPE);
    assert_int_equal(zvm_mailbox_receive(ours, visit.isolate, &ref), ZVM_E_STATE); // no scope
    assert_int_equal(zvm_scope_close(other.isolate, scope), ZVM_OK);
    assert_int_equal(zvm_scope_open(visit.isolate, &scope), ZVM_OK);
    assert_int_equal(zvm_mailbox_send_ref(ours, visit.isolate, ref), ZVM_E_STALE);
    assert_int_equal(zvm_mailbox_receive(ours, visit.isolate, &ref), ZVM_OK); // it is there still
    assert_int_equal(zvm_scope_close(visit.isolate, scope), ZVM_OK);
    zvm_mailbox_release(ours);
    close_visit(&visit);
    close_visit(&other);
}

static void test_mailbox_of_an_isolate_is_not_the_hosts_to_read_or_close(void **state)
{
    (void)state;
    struct visit visit;
    zvm_mailbox *its;
    zvm_scope scope;
    zvm_ref ref;
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    open_visit(&visit, false /* has_profile */);
    assert_int_equal(zvm_isolate_reset(visit.isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_mailbox(visit.isolate, &its), ZVM_OK);
    assert_int_equal(zvm_scope_open(visit.isolate, &scope), ZVM_OK);
    assert_int_equal(zvm_mailbox_receive(its, visit.isolate, &ref), ZVM_E_STATE);
    assert_int_equal(zvm_scope_close(visit.isolate, scope), ZVM_OK);
    assert_int_equal(zvm_mailbox_close(its), ZVM_E_STATE);
    assert_int_equal(zvm_isolate_destroy(visit.isolate), ZVM_OK);
    assert_int_equal(zvm_mailbox_send(its, &one), ZVM_E_STALE);
    zvm_mailbox_release(its);
    assert_int_equal(zvm_runtime_destroy(visit.runtime), ZVM_OK);
}

static void test_value_that_is_none_is_refused_wherever_one_is_wanted(void **state)
{
    (void)state;
    static const zvm_host_kind empty = {0};
    const struct {
        zvm_value value;
        zvm_status status;
    } rows[] = {
        {{.kind = (zvm_value_kind)99}, ZVM_E_TYPE},
        {{.kind = (zvm_value_kind)-1}, ZVM_E_TYPE},
        {{.kind = ZVM_VALUE_OTHER}, ZVM_E_TYPE},
        {{.kind = ZVM_VALUE_STRING, .text = NULL, .length_bytes = 5}, ZVM_E_ARGUMENT},
        {{.kind = ZVM_VALUE_STRING, .text = "a", .length_bytes = SIZE_MAX}, ZVM_E_LIMIT},
        {{.kind = ZVM_VALUE_STRING, .text = "\xff", .length_bytes = 1}, ZVM_E_UTF8},
        {{.kind = ZVM_VALUE_HOST}, ZVM_E_ARGUMENT},
        {{.kind = ZVM_VALUE_HOST, .host_kind = &empty}, ZVM_E_ARGUMENT},
        {{.kind = ZVM_VALUE_HOST, .host_kind = &kind, .host_id = 77}, ZVM_E_STALE},
    };
    struct visit visit;
    zvm_scope scope;
    zvm_ref ref, list;
    open_visit(&visit, false /* has_profile */);
    assert_int_equal(zvm_scope_open(visit.isolate, &scope), ZVM_OK);
    assert_int_equal(zvm_ref_new_list(visit.isolate, 0, &list), ZVM_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const zvm_value *value = &rows[i].value;
        assert_int_equal(zvm_isolate_set_global(visit.isolate, "a", value), rows[i].status);
        assert_int_equal(zvm_ref_new(visit.isolate, value, &ref), rows[i].status);
        assert_int_equal(zvm_ref_append_value(visit.isolate, list, value), rows[i].status);
    }
    size_t count = 1;
    assert_int_equal(zvm_ref_count(visit.isolate, list, &count), ZVM_OK);
    assert_int_equal(count, 0);
    assert_int_equal(zvm_scope_close(visit.isolate, scope), ZVM_OK);
    close_visit(&visit);
}

static void test_scope_or_reference_that_is_over_is_told(void **state)
{
    (void)state;
    struct visit visit, other;
    zvm_scope outer, inner;
    zvm_ref ref, pinned;
    zvm_kind found;
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    open_visit(&visit, false /* has_profile */);
    open_visit(&other, false /* has_profile */);
    assert_int_equal(zvm_ref_new(visit.isolate, &one, &ref), ZVM_E_STATE); // no scope
    assert_int_equal(zvm_scope_open(visit.isolate, &outer), ZVM_OK);
    assert_int_equal(zvm_scope_open(visit.isolate, &inner), ZVM_OK);
    assert_int_equal(zvm_ref_new(visit.isolate, &one, &ref), ZVM_OK);
    assert_int_equal(zvm_scope_close(visit.isolate, outer), ZVM_E_STATE); // not the innermost
    assert_int_equal(zvm_scope_close(other.isolate, inner), ZVM_E_STALE);
    assert_int_equal(zvm_ref_unpin(visit.isolate, ref), ZVM_E_STALE);
    assert_int_equal(zvm_ref_pin(visit.isolate, ref, &pinned), ZVM_OK);
    assert_int_equal(zvm_scope_close(visit.isolate, inner), ZVM_OK);
    assert_int_equal(zvm_scope_close(visit.isolate, inner), ZVM_E_STALE);
    assert_int_equal(zvm_ref_kind(visit.isolate, ref, &found), ZVM_E_STALE);
    assert_int_equal(zvm_ref_kind(visit.isolate, pinned, &found), ZVM_OK);
    assert_int_equal(zvm_ref_kind(visit.isolate, UINT64_MAX, &found), ZVM_E_STALE);
    assert_int_equal(zvm_ref_unpin(visit.isolate, pinned), ZVM_OK);
    assert_int_equal(zvm_ref_unpin(visit.isolate, pinned), ZVM_E_STALE);
    assert_int_equal(zvm_scope_close(visit.isolate, outer), ZVM_OK);
    close_visit(&visit);
    close_visit(&other);
}

static zvm_call_outcome end_oddly(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    switch (arguments[0].integer) {
    case 0:
        return (zvm_call_outcome)99;
    case 1:
        return ZVM_CALL_FAILED; // with no error
    case 2:
        (void)zvm_call_return(call, &one);
        return ZVM_CALL_FAILED;
    default:
        return zvm_call_return_ref(call, 12345);
    }
}

static void test_function_that_ends_as_none_may_is_an_error_of_the_program(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    zvm_host_function function = {.size = sizeof function, .name = "end_oddly", .call = end_oddly};
    function.minimum = function.maximum = 1;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
    zvm_code *code = compile(runtime, "end_oddly(isolate_id())\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    for (options.id = 0; options.id < 4; options.id++) {
        zvm_isolate *isolate = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
        assert_string_equal(result_of(isolate).kind, options.id < 3 ? "StateError" : "TypeError");
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    }
    zvm_code_release(code);
    assert_int_equal(zvm_runtime_destroy(runtime), ZVM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer_cannot_enter_or_free_the_isolate_that_is_written),
        cmocka_unit_test(test_finding_of_loaded_code_cannot_enter_or_free_the_isolate),
        cmocka_unit_test(test_finalizer_cannot_enter_or_free_its_isolate),
        cmocka_unit_test(test_finalizer_at_the_end_of_the_runtime_cannot_end_it_again),
        cmocka_unit_test(test_mailbox_of_another_runtime_is_foreign),
        cmocka_unit_test(test_mailbox_of_an_isolate_is_not_the_hosts_to_read_or_close),
        cmocka_unit_test(test_value_that_is_none_is_refused_wherever_one_is_wanted),
        cmocka_unit_test(test_scope_or_reference_that_is_over_is_told),
        cmocka_unit_test(test_function_that_ends_as_none_may_is_an_error_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
