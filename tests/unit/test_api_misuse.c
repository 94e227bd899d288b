// Goal: wrong use is an error code in every build: nothing crashes, hangs or asserts, and nothing changes.
// Method: a table with a row for every function of zvm.h that returns a status, which is called with nothing but NULL and
// zero; and what a host may do by mistake from inside (in functions of the host and in callbacks), from another
// thread, and with what belongs to somebody else.
// Not here: what was destroyed. Nobody can tell a handle of it from one of what took its place.
#include "runtime_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>

// ---- Nothing ------------------------------------------------------------------------------------

static const zvm_allocator no_allocator;

#define CALL(name, arguments)                 \
    static zvm_status nothing_to_##name(void) \
    {                                         \
        return name arguments;                \
    }
CALL(zvm_set_allocator, (&no_allocator))
CALL(zvm_runtime_create, (NULL, NULL))
CALL(zvm_runtime_destroy, (NULL))
CALL(zvm_runtime_drain, (NULL))
CALL(zvm_runtime_shutdown, (NULL, false))
CALL(zvm_runtime_turns, (NULL, 0, NULL))
CALL(zvm_runtime_finished_take, (NULL, NULL, 0, NULL))
CALL(zvm_runtime_pressure, (NULL, (zvm_pressure)0))
CALL(zvm_code_compile, (NULL, NULL, NULL, 0, NULL, NULL))
CALL(zvm_diagnostic_write, (NULL, false, NULL, NULL))
CALL(zvm_code_from_source, (NULL, NULL, NULL, 0, NULL, NULL, NULL))
CALL(zvm_code_from_file, (NULL, NULL, NULL, NULL, NULL, NULL))
CALL(zvm_module_give, (NULL, NULL, NULL, 0))
CALL(zvm_code_from_bytes, (NULL, NULL, NULL, 0, NULL, NULL, NULL))
CALL(zvm_code_serialize, (NULL, NULL, NULL))
CALL(zvm_code_disassemble, (NULL, NULL, NULL))
CALL(zvm_code_disassemble_source, (NULL, NULL, 0, NULL, NULL))
CALL(zvm_runtime_add_function, (NULL, NULL))
CALL(zvm_call_token, (NULL, NULL))
CALL(zvm_complete, (NULL, 0, NULL))
CALL(zvm_complete_error, (NULL, 0, NULL, NULL))
CALL(zvm_isolate_collect, (NULL, false, NULL))
CALL(zvm_isolate_collect_step, (NULL, 0, NULL))
CALL(zvm_isolate_create, (NULL, NULL, NULL, NULL))
CALL(zvm_isolate_destroy, (NULL))
CALL(zvm_isolate_submit, (NULL))
CALL(zvm_isolate_wait, (NULL, 0))
CALL(zvm_isolate_run, (NULL, 0, NULL))
CALL(zvm_isolate_result, (NULL, NULL))
CALL(zvm_isolate_set_global, (NULL, NULL, NULL))
CALL(zvm_isolate_get_global, (NULL, NULL, NULL))
CALL(zvm_isolate_load, (NULL, NULL, NULL, 0, 0, NULL, NULL))
CALL(zvm_isolate_globals, (NULL, NULL, NULL))
CALL(zvm_isolate_reset, (NULL))
CALL(zvm_isolate_set_user, (NULL, NULL))
CALL(zvm_isolate_pool_create, (NULL, NULL, NULL, 0, NULL))
CALL(zvm_isolate_pool_acquire, (NULL, NULL))
CALL(zvm_isolate_pool_release, (NULL, NULL))
CALL(zvm_isolate_pool_figures_take, (NULL, NULL))
CALL(zvm_isolate_find_leaks, (NULL, NULL, NULL, NULL))
CALL(zvm_isolate_heap_snapshot, (NULL, NULL, NULL))
CALL(zvm_isolate_alloc_profile, (NULL, NULL, NULL))
CALL(zvm_isolate_history, (NULL, NULL, NULL))
CALL(zvm_isolate_ages, (NULL, NULL))
CALL(zvm_group_create, (NULL, NULL, NULL))
CALL(zvm_group_destroy, (NULL))
CALL(zvm_group_report, (NULL, NULL))
CALL(zvm_report_take, (NULL, NULL))
CALL(zvm_intern_stats, (NULL, NULL))
CALL(zvm_report_write, (NULL, (zvm_report_format)0, NULL, NULL))
CALL(zvm_report_write_with, (NULL, (zvm_report_format)0, NULL, NULL, NULL))
CALL(zvm_report_top, (NULL, (zvm_top_order)0, NULL, NULL))
CALL(zvm_mm_create, (NULL, NULL))
CALL(zvm_mm_destroy, (NULL))
CALL(zvm_mm_adopt, (NULL))
CALL(zvm_mm_allocate, (NULL, 0, NULL))
CALL(zvm_mm_allocate_bytes, (NULL, NULL, 0, NULL))
CALL(zvm_mm_deallocate, (NULL, (zvm_handle){0}))
CALL(zvm_mm_set_field, (NULL, (zvm_handle){0}, 0, (zvm_mm_value){0}))
CALL(zvm_mm_get_field, (NULL, (zvm_handle){0}, 0, NULL))
CALL(zvm_mm_bytes, (NULL, (zvm_handle){0}, NULL, NULL))
CALL(zvm_mm_object_info, (NULL, (zvm_handle){0}, NULL))
CALL(zvm_mm_root_add, (NULL, (zvm_handle){0}))
CALL(zvm_mm_root_remove, (NULL, (zvm_handle){0}))
CALL(zvm_mm_scope_open, (NULL, NULL))
CALL(zvm_mm_scope_close, (NULL, (zvm_mm_scope){0}))
CALL(zvm_mm_collect, (NULL, false, NULL))
CALL(zvm_mm_set_finalizer, (NULL, (zvm_handle){0}, NULL, NULL))
CALL(zvm_mm_stats, (NULL, NULL))
CALL(zvm_mm_report, (NULL, (zvm_report_format)0, NULL, NULL))
CALL(zvm_mm_find_leaks, (NULL, 0, NULL, NULL))
CALL(zvm_mm_history, (NULL, NULL, NULL))
CALL(zvm_pools_create, (NULL, NULL))
CALL(zvm_pools_destroy, (NULL))
CALL(zvm_pools_adopt, (NULL))
CALL(zvm_pools_int, (NULL, 0, NULL))
CALL(zvm_pools_str, (NULL, NULL, 0, NULL))
CALL(zvm_pools_list_acquire, (NULL, 0, NULL))
CALL(zvm_pools_list_release, (NULL, NULL))
CALL(zvm_pools_enable, (NULL, (zvm_pool_kind)0, false))
CALL(zvm_pools_clear, (NULL))
CALL(zvm_pools_stats, (NULL, NULL))
CALL(zvm_object_pool_create, (NULL, NULL))
CALL(zvm_object_pool_destroy, (NULL))
CALL(zvm_object_pool_acquire, (NULL, NULL))
CALL(zvm_object_pool_release, (NULL, NULL))
CALL(zvm_object_pool_clear, (NULL))
CALL(zvm_object_pool_stats, (NULL, NULL))
CALL(zvm_scope_open, (NULL, NULL))
CALL(zvm_scope_close, (NULL, 0))
CALL(zvm_ref_pin, (NULL, 0, NULL))
CALL(zvm_ref_unpin, (NULL, 0))
CALL(zvm_ref_new, (NULL, NULL, NULL))
CALL(zvm_ref_new_list, (NULL, 0, NULL))
CALL(zvm_ref_new_map, (NULL, 0, NULL))
CALL(zvm_ref_kind, (NULL, 0, NULL))
CALL(zvm_ref_value, (NULL, 0, NULL))
CALL(zvm_ref_text, (NULL, 0, NULL, NULL))
CALL(zvm_number_text, (NULL, NULL, NULL))
CALL(zvm_ref_count, (NULL, 0, NULL))
CALL(zvm_ref_item, (NULL, 0, 0, NULL, NULL))
CALL(zvm_ref_set_item, (NULL, 0, 0, 0))
CALL(zvm_ref_append, (NULL, 0, 0))
CALL(zvm_ref_append_value, (NULL, 0, NULL))
CALL(zvm_ref_entry, (NULL, 0, NULL, NULL, NULL))
CALL(zvm_ref_set_entry, (NULL, 0, NULL, 0))
CALL(zvm_ref_set_entry_value, (NULL, 0, NULL, NULL))
CALL(zvm_ref_next_entry, (NULL, 0, NULL, NULL, NULL, NULL))
CALL(zvm_ref_build, (NULL, NULL, NULL, NULL))
CALL(zvm_ref_walk, (NULL, 0, 0, NULL, NULL))
CALL(zvm_ref_type_name, (NULL, 0, NULL))
CALL(zvm_ref_field, (NULL, 0, 0, NULL, NULL, NULL))
CALL(zvm_ref_global, (NULL, NULL, NULL))
CALL(zvm_ref_set_global, (NULL, NULL, 0))
CALL(zvm_call_argument, (NULL, 0, NULL))
CALL(zvm_isolate_call, (NULL, NULL, NULL, 0))
CALL(zvm_isolate_call_ref, (NULL, 0, NULL, 0))
CALL(zvm_ref_result, (NULL, NULL))
CALL(zvm_mailbox_create, (NULL, NULL, NULL))
CALL(zvm_mailbox_close, (NULL))
CALL(zvm_mailbox_send, (NULL, NULL))
CALL(zvm_mailbox_send_ref, (NULL, NULL, 0))
CALL(zvm_mailbox_receive, (NULL, NULL, NULL))
CALL(zvm_isolate_mailbox, (NULL, NULL))
CALL(zvm_ref_new_isolate, (NULL, NULL, NULL))
CALL(zvm_ref_mailbox, (NULL, 0, NULL))
CALL(zvm_runtime_cpu_profile, (NULL, NULL, NULL))
CALL(zvm_runtime_trace, (NULL, NULL, NULL))

struct row {
    const char *name;
    zvm_status (*call)(void);
};

#define ROW(name)                \
    {                            \
#        name, nothing_to_##name \
    }

static const struct row rows[] = {
    ROW(zvm_set_allocator),
    ROW(zvm_runtime_create),
    ROW(zvm_runtime_destroy),
    ROW(zvm_runtime_drain),
    ROW(zvm_runtime_shutdown),
    ROW(zvm_runtime_turns),
    ROW(zvm_runtime_finished_take),
    ROW(zvm_runtime_pressure),
    ROW(zvm_code_compile),
    ROW(zvm_diagnostic_write),
    ROW(zvm_code_from_source),
    ROW(zvm_code_from_file),
    ROW(zvm_module_give),
    ROW(zvm_code_from_bytes),
    ROW(zvm_code_serialize),
    ROW(zvm_code_disassemble),
    ROW(zvm_code_disassemble_source),
    ROW(zvm_runtime_add_function),
    ROW(zvm_call_token),
    ROW(zvm_complete),
    ROW(zvm_complete_error),
    ROW(zvm_isolate_collect),
    ROW(zvm_isolate_collect_step),
    ROW(zvm_isolate_create),
    ROW(zvm_isolate_destroy),
    ROW(zvm_isolate_submit),
    ROW(zvm_isolate_wait),
    ROW(zvm_isolate_run),
    ROW(zvm_isolate_result),
    ROW(zvm_isolate_set_global),
    ROW(zvm_isolate_get_global),
    ROW(zvm_isolate_load),
    ROW(zvm_isolate_globals),
    ROW(zvm_isolate_reset),
    ROW(zvm_isolate_set_user),
    ROW(zvm_isolate_pool_create),
    ROW(zvm_isolate_pool_acquire),
    ROW(zvm_isolate_pool_release),
    ROW(zvm_isolate_pool_figures_take),
    ROW(zvm_isolate_find_leaks),
    ROW(zvm_isolate_heap_snapshot),
    ROW(zvm_isolate_alloc_profile),
    ROW(zvm_isolate_history),
    ROW(zvm_isolate_ages),
    ROW(zvm_group_create),
    ROW(zvm_group_destroy),
    ROW(zvm_group_report),
    ROW(zvm_report_take),
    ROW(zvm_intern_stats),
    ROW(zvm_report_write),
    ROW(zvm_report_write_with),
    ROW(zvm_report_top),
    ROW(zvm_mm_create),
    ROW(zvm_mm_destroy),
    ROW(zvm_mm_adopt),
    ROW(zvm_mm_allocate),
    ROW(zvm_mm_allocate_bytes),
    ROW(zvm_mm_deallocate),
    ROW(zvm_mm_set_field),
    ROW(zvm_mm_get_field),
    ROW(zvm_mm_bytes),
    ROW(zvm_mm_object_info),
    ROW(zvm_mm_root_add),
    ROW(zvm_mm_root_remove),
    ROW(zvm_mm_scope_open),
    ROW(zvm_mm_scope_close),
    ROW(zvm_mm_collect),
    ROW(zvm_mm_set_finalizer),
    ROW(zvm_mm_stats),
    ROW(zvm_mm_report),
    ROW(zvm_mm_find_leaks),
    ROW(zvm_mm_history),
    ROW(zvm_pools_create),
    ROW(zvm_pools_destroy),
    ROW(zvm_pools_adopt),
    ROW(zvm_pools_int),
    ROW(zvm_pools_str),
    ROW(zvm_pools_list_acquire),
    ROW(zvm_pools_list_release),
    ROW(zvm_pools_enable),
    ROW(zvm_pools_clear),
    ROW(zvm_pools_stats),
    ROW(zvm_object_pool_create),
    ROW(zvm_object_pool_destroy),
    ROW(zvm_object_pool_acquire),
    ROW(zvm_object_pool_release),
    ROW(zvm_object_pool_clear),
    ROW(zvm_object_pool_stats),
    ROW(zvm_scope_open),
    ROW(zvm_scope_close),
    ROW(zvm_ref_pin),
    ROW(zvm_ref_unpin),
    ROW(zvm_ref_new),
    ROW(zvm_ref_new_list),
    ROW(zvm_ref_new_map),
    ROW(zvm_ref_kind),
    ROW(zvm_ref_value),
    ROW(zvm_ref_text),
    ROW(zvm_number_text),
    ROW(zvm_ref_count),
    ROW(zvm_ref_item),
    ROW(zvm_ref_set_item),
    ROW(zvm_ref_append),
    ROW(zvm_ref_append_value),
    ROW(zvm_ref_entry),
    ROW(zvm_ref_set_entry),
    ROW(zvm_ref_set_entry_value),
    ROW(zvm_ref_next_entry),
    ROW(zvm_ref_build),
    ROW(zvm_ref_walk),
    ROW(zvm_ref_type_name),
    ROW(zvm_ref_field),
    ROW(zvm_ref_global),
    ROW(zvm_ref_set_global),
    ROW(zvm_call_argument),
    ROW(zvm_isolate_call),
    ROW(zvm_isolate_call_ref),
    ROW(zvm_ref_result),
    ROW(zvm_mailbox_create),
    ROW(zvm_mailbox_close),
    ROW(zvm_mailbox_send),
    ROW(zvm_mailbox_send_ref),
    ROW(zvm_mailbox_receive),
    ROW(zvm_isolate_mailbox),
    ROW(zvm_ref_new_isolate),
    ROW(zvm_ref_mailbox),
    ROW(zvm_runtime_cpu_profile),
    ROW(zvm_runtime_trace),
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

// What may be NULL, and then there is nothing to do.
static bool is_harmless(const char *name)
{
    static const char *const names[] = {"zvm_runtime_destroy", "zvm_isolate_destroy",
                                        "zvm_group_destroy",   "zvm_mm_destroy",
                                        "zvm_pools_destroy",   "zvm_object_pool_destroy"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static void test_nothing_is_an_argument_error_of_every_function(void **state)
{
    (void)state;
    for (int i = 0; i < ROW_COUNT; i++) {
        zvm_status status = rows[i].call();
        zvm_status wanted = is_harmless(rows[i].name) ? ZVM_OK : ZVM_E_ARGUMENT;
        if (status != wanted) fail_msg("%s gives %d", rows[i].name, (int)status);
    }
}

static void test_nothing_is_harmless_to_functions_without_a_status(void **state)
{
    (void)state;
    assert_int_equal(zvm_runtime_finished_fd(NULL), -1);
    zvm_module_refuse(NULL, NULL);
    assert_false(zvm_code_is_compiled(NULL, 0));
    assert_false(zvm_source_is_open(NULL, 0));
    zvm_code_retain(NULL);
    zvm_code_release(NULL);
    assert_null(zvm_word((zvm_word_kind)99, 0));
    assert_int_equal(zvm_call_return(NULL, NULL), ZVM_CALL_FAILED);
    assert_int_equal(zvm_call_fail(NULL, NULL, NULL), ZVM_CALL_FAILED);
    assert_null(zvm_call_user(NULL));
    assert_null(zvm_call_isolate(NULL));
    zvm_isolate_cancel(NULL);
    zvm_isolate_pool_destroy(NULL);
    assert_null(zvm_isolate_user(NULL));
    zvm_group_cancel(NULL);
    assert_null(zvm_pools_list_begin(NULL, 0));
    zvm_pools_list_end(NULL);
    assert_string_equal(zvm_status_text((zvm_status)-1), "unknown status");
}

static bool is_in_table(const char *name, size_t length)
{
    for (int i = 0; i < ROW_COUNT; i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) return true;
    return false;
}

static void test_every_function_that_returns_a_status_is_in_the_table(void **state)
{
    (void)state;
    FILE *file = fopen("include/zvm.h", "r");
    if (file == NULL) skip();
    char line[512];
    int found = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        static const char begin[] = "ZVM_API zvm_status ";
        if (strncmp(line, begin, sizeof begin - 1) != 0) continue;
        const char *name = line + sizeof begin - 1;
        size_t length = strcspn(name, "(");
        if (!is_in_table(name, length)) fail_msg("not in the table: %.*s", (int)length, name);
        found++;
    }
    fclose(file);
    assert_int_equal(found, ROW_COUNT);
}

// ---- From inside --------------------------------------------------------------------------------

static zvm_runtime *runtime;
static zvm_isolate_pool *stock;
static bool has_workers;
static _Atomic uint32_t visits, wrong;
static char first_wrong[100];

static void expect(const char *what, zvm_status status, zvm_status wanted)
{
    if (status == wanted) return;
    if (atomic_fetch_add(&wrong, 1) == 0)
        snprintf(first_wrong, sizeof first_wrong, "%s gives %d and not %d", what, (int)status,
                 (int)wanted);
}

static bool swallow(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    (void)text;
    (void)length_bytes;
    return true;
}

// What would wait for the caller itself.
static void try_the_runtime(void)
{
    expect("drain", zvm_runtime_drain(runtime), ZVM_E_STATE);
    expect("runtime_destroy", zvm_runtime_destroy(runtime), ZVM_E_STATE);
}

// Every call that would enter or change an isolate, on the one that is running here.
static void try_the_isolate(zvm_isolate *isolate)
{
    zvm_value value = {.kind = ZVM_VALUE_INT};
    zvm_result result = ZVM_RESULT_INIT;
    bool finished;
    expect("run", zvm_isolate_run(isolate, 0, &finished), ZVM_E_BUSY);
    expect("submit", zvm_isolate_submit(isolate), has_workers ? ZVM_E_STATE : ZVM_E_ARGUMENT);
    expect("wait", zvm_isolate_wait(isolate, 0), ZVM_E_STATE);
    expect("destroy", zvm_isolate_destroy(isolate), ZVM_E_BUSY);
    expect("reset", zvm_isolate_reset(isolate), ZVM_E_BUSY);
    expect("set_user", zvm_isolate_set_user(isolate, NULL), ZVM_E_BUSY);
    expect("result", zvm_isolate_result(isolate, &result), ZVM_E_STATE);
    expect("set_global", zvm_isolate_set_global(isolate, "a", &value), ZVM_E_BUSY);
    expect("get_global", zvm_isolate_get_global(isolate, "a", &value), ZVM_E_BUSY);
    expect("globals", zvm_isolate_globals(isolate, swallow, NULL), ZVM_E_BUSY);
    expect("load", zvm_isolate_load(isolate, "b.zx", "1", 1, 0, NULL, NULL), ZVM_E_BUSY);
    expect("release", zvm_isolate_pool_release(stock, isolate), ZVM_E_FOREIGN);
}

static void try_a_look(zvm_isolate *isolate)
{
    zvm_ages ages = ZVM_AGES_INIT;
    expect("collect", zvm_isolate_collect(isolate, true, NULL), ZVM_E_BUSY);
    expect("collect_step", zvm_isolate_collect_step(isolate, 1, NULL), ZVM_E_BUSY);
    expect("snapshot", zvm_isolate_heap_snapshot(isolate, swallow, NULL), ZVM_E_BUSY);
    expect("ages", zvm_isolate_ages(isolate, &ages), ZVM_E_BUSY);
}

static zvm_call_outcome visit(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    atomic_fetch_add(&visits, 1);
    zvm_isolate *isolate = zvm_call_isolate(call);
    if (isolate != NULL) { // else it is a thread for functions that block
        try_the_isolate(isolate);
        try_a_look(isolate);
    }
    bool is_on_host = zvm_call_user(call) == &visits;
    if (is_on_host)
        expect("runtime_destroy", zvm_runtime_destroy(runtime), ZVM_E_STATE);
    else
        try_the_runtime();
    return zvm_call_return(call, NULL);
}

static zvm_isolate *running;

static bool visit_output(void *context, const char *text, size_t length_bytes)
{
    (void)text;
    (void)length_bytes;
    atomic_fetch_add(&visits, 1);
    try_the_isolate(running);
    try_a_look(running);
    if (context == NULL) try_the_runtime();
    return true;
}

static void visit_moment(zvm_isolate *isolate, void *user, zvm_moment moment)
{
    (void)moment;
    atomic_fetch_add(&visits, 1);
    try_the_isolate(isolate);
    if (user == NULL) try_the_runtime();
    zvm_ages ages = ZVM_AGES_INIT;
    expect("ages in a moment", zvm_isolate_ages(isolate, &ages), ZVM_OK);
}

static void visit_end(zvm_isolate *isolate, void *user)
{
    atomic_fetch_add(&visits, 1);
    bool finished;
    expect("run at the end", zvm_isolate_run(isolate, 0, &finished), ZVM_E_STATE);
    expect("submit at the end", zvm_isolate_submit(isolate),
           has_workers ? ZVM_E_STATE : ZVM_E_ARGUMENT);
    expect("runtime_destroy", zvm_runtime_destroy(runtime), ZVM_E_STATE);
    if (user == NULL) try_the_runtime();
}

static void visit_event(void *context, const zvm_event *event)
{
    (void)context;
    atomic_fetch_add(&visits, 1);
    expect("destroy in an event", zvm_isolate_destroy(event->isolate), ZVM_E_BUSY);
    expect("reset in an event", zvm_isolate_reset(event->isolate), ZVM_E_BUSY);
    expect("runtime_destroy in an event", zvm_runtime_destroy(runtime), ZVM_E_STATE);
}

static void add_visit(const char *name, uint32_t is_blocking, bool is_on_host)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = visit;
    function.user = is_on_host ? &visits : NULL;
    function.is_blocking = is_blocking;
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
}

static void open_runtime(bool is_on_host)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    has_workers = !is_on_host;
    options.worker_count = is_on_host ? 0 : 1;
    options.slice_budget = 100; // many moments
    options.on_event = visit_event;
    assert_int_equal(zvm_runtime_create(&options, &runtime), ZVM_OK);
    add_visit("visit", 0, is_on_host);
    add_visit("visit_blocking", 1, is_on_host);
    zvm_code *code = compile(runtime, "let a = 1\n");
    assert_int_equal(zvm_isolate_pool_create(runtime, code, NULL, 1, &stock), ZVM_OK);
    zvm_code_release(code);
    visits = 0;
    wrong = 0;
}

static void run_with_visits(bool is_on_host)
{
    open_runtime(is_on_host);
    zvm_code *code = compile(runtime, "let a = 1\nvisit()\nvisit_blocking()\nprint(a)\n"
                                      "for each i in range(0, 200) { a = [i, a == 3] }\n");
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = visit_output;
    options.output_context = is_on_host ? &visits : NULL;
    options.on_moment = visit_moment;
    options.on_finish = visit_end;
    options.user = is_on_host ? &visits : NULL;
    running = make_isolate(runtime, code, &options);
    if (is_on_host) {
        assert_int_equal(zvm_isolate_run(running, 0, NULL), ZVM_OK);
    } else {
        assert_int_equal(zvm_isolate_submit(running), ZVM_OK);
        assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    }
    if (wrong != 0) fail_msg("%u times, first: %s", (unsigned)wrong, first_wrong);
    assert_in_range(visits, 7, 1000000); // two calls, a moment, a text, an end, two events
    assert_int_equal(result_of(running).status, ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(running), ZVM_OK);
    zvm_code_release(code);
    zvm_isolate_pool_destroy(stock);
    check_identities(runtime);
    assert_int_equal(zvm_runtime_destroy(runtime), ZVM_OK);
}

static void test_calls_from_inside_a_worker_are_refused(void **state)
{
    (void)state;
    run_with_visits(false /* is_on_host */);
}

static void test_calls_from_inside_a_run_of_the_host_are_refused(void **state)
{
    (void)state;
    run_with_visits(true /* is_on_host */);
}

static zvm_call_outcome stop_all(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    expect("shutdown", zvm_runtime_shutdown(runtime, false), ZVM_E_STATE);
    return zvm_call_return(call, NULL);
}

static void test_shutdown_from_inside_takes_no_more_work_and_does_not_wait(void **state)
{
    (void)state;
    for (uint32_t is_blocking = 0; is_blocking < 2; is_blocking++) {
        runtime = make_runtime(1);
        wrong = 0;
        zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
        function.name = "stop_all";
        function.call = stop_all;
        function.is_blocking = is_blocking;
        assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_OK);
        zvm_code *code = compile(runtime, "stop_all()\n");
        zvm_isolate *isolate = make_isolate(runtime, code, NULL);
        zvm_isolate *late = make_isolate(runtime, code, NULL);
        assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
        assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
        assert_int_equal(result_of(isolate).status, ZVM_OK);
        assert_int_equal(wrong, 0);
        assert_int_equal(zvm_isolate_submit(late), ZVM_E_CLOSED);
        zvm_code_release(code);
        assert_int_equal(zvm_runtime_destroy(runtime), ZVM_OK);
    }
}

// ---- What is another's --------------------------------------------------------------------------

static zvm_token token_of_first;

static zvm_call_outcome ask(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    return zvm_call_token(call, &token_of_first) == ZVM_OK ? ZVM_CALL_SUSPENDED : ZVM_CALL_FAILED;
}

static void test_parts_of_another_runtime_are_foreign(void **state)
{
    (void)state;
    zvm_runtime *one = make_runtime(1), *other = make_runtime(1);
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "ask";
    function.call = ask;
    assert_int_equal(zvm_runtime_add_function(one, &function), ZVM_OK);
    zvm_code *code = compile(one, "ask()\n");
    zvm_code *code_of_other = compile(other, "let a = 1\n");
    zvm_group *group = NULL;
    assert_int_equal(zvm_group_create(one, NULL, &group), ZVM_OK);
    zvm_isolate *isolate = NULL;
    zvm_isolate_pool *pool = NULL, *pool_of_other = NULL;
    assert_int_equal(zvm_isolate_create(other, code, NULL, &isolate), ZVM_E_FOREIGN);
    assert_int_equal(zvm_isolate_pool_create(other, code, NULL, 1, &pool), ZVM_E_FOREIGN);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.group = group;
    assert_int_equal(zvm_isolate_create(other, code_of_other, &options, &isolate), ZVM_E_FOREIGN);
    assert_int_equal(zvm_isolate_pool_create(one, code, NULL, 1, &pool), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_create(other, code_of_other, NULL, 1, &pool_of_other),
                     ZVM_OK);
    assert_int_equal(zvm_isolate_pool_acquire(pool, &isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool_of_other, isolate), ZVM_E_FOREIGN);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_E_WAITING);
    assert_int_equal(zvm_complete(other, token_of_first, NULL), ZVM_E_STALE);
    assert_int_equal(zvm_complete(one, token_of_first, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_release(pool, isolate), ZVM_E_FOREIGN); // once
    zvm_isolate_pool_destroy(pool);
    zvm_isolate_pool_destroy(pool_of_other);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(code);
    zvm_code_release(code_of_other);
    assert_int_equal(zvm_runtime_destroy(one), ZVM_OK);
    assert_int_equal(zvm_runtime_destroy(other), ZVM_OK);
}

static void test_object_of_the_host_in_another_isolate_is_refused(void **state)
{
    (void)state;
    static const zvm_host_kind kind = {sizeof kind, "thing", NULL, NULL};
    int things[2];
    runtime = make_runtime(0);
    zvm_code *code = compile(runtime, "let a = 1\n");
    zvm_isolate *isolates[2];
    for (int i = 0; i < 2; i++) {
        isolates[i] = make_isolate(runtime, code, NULL);
        zvm_value value = {.kind = ZVM_VALUE_HOST, .host_kind = &kind, .pointer = &things[i]};
        assert_int_equal(zvm_isolate_set_global(isolates[i], "a", &value), ZVM_OK);
    }
    zvm_value given;
    assert_int_equal(zvm_isolate_get_global(isolates[0], "a", &given), ZVM_OK);
    assert_int_equal(zvm_isolate_set_global(isolates[0], "a", &given), ZVM_OK);
    assert_int_equal(zvm_isolate_set_global(isolates[1], "a", &given), ZVM_E_STALE);
    assert_int_equal(zvm_isolate_get_global(isolates[1], "a", &given), ZVM_OK);
    assert_ptr_equal(given.pointer, &things[1]);
    for (int i = 0; i < 2; i++)
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    zvm_code_release(code);
    assert_int_equal(zvm_runtime_destroy(runtime), ZVM_OK);
}

// ---- Another thread -----------------------------------------------------------------------------

static zvm_mm *mm;
static zvm_pools *pools;
static zvm_object_pool *objects;
static zvm_list *list;
static zvm_handle handle;

static void *make_thing(void *context)
{
    return context;
}

static void drop_thing(void *context, void *object)
{
    (void)context;
    (void)object;
}

static bool no_leak(void *context, const zvm_mm_leak *leak)
{
    (void)context;
    (void)leak;
    return true;
}

static bool no_entry(void *context, const zvm_mm_history_entry *entry)
{
    (void)context;
    (void)entry;
    return true;
}

static void try_the_manager(void)
{
    zvm_handle out;
    zvm_mm_value value = {.kind = ZVM_MM_INT};
    zvm_mm_info info = ZVM_MM_INFO_INIT;
    zvm_mm_scope scope = {0};
    zvm_heap_stats stats = ZVM_HEAP_STATS_INIT;
    void *bytes;
    size_t count;
    expect("mm_allocate", zvm_mm_allocate(mm, 1, &out), ZVM_E_THREAD);
    expect("mm_allocate_bytes", zvm_mm_allocate_bytes(mm, NULL, 1, &out), ZVM_E_THREAD);
    expect("mm_deallocate", zvm_mm_deallocate(mm, handle), ZVM_E_THREAD);
    expect("mm_set_field", zvm_mm_set_field(mm, handle, 0, value), ZVM_E_THREAD);
    expect("mm_get_field", zvm_mm_get_field(mm, handle, 0, &value), ZVM_E_THREAD);
    expect("mm_bytes", zvm_mm_bytes(mm, handle, &bytes, &count), ZVM_E_THREAD);
    expect("mm_object_info", zvm_mm_object_info(mm, handle, &info), ZVM_E_THREAD);
    expect("mm_root_add", zvm_mm_root_add(mm, handle), ZVM_E_THREAD);
    expect("mm_root_remove", zvm_mm_root_remove(mm, handle), ZVM_E_THREAD);
    expect("mm_scope_open", zvm_mm_scope_open(mm, &scope), ZVM_E_THREAD);
    expect("mm_scope_close", zvm_mm_scope_close(mm, scope), ZVM_E_THREAD);
    expect("mm_collect", zvm_mm_collect(mm, true, NULL), ZVM_E_THREAD);
    expect("mm_set_finalizer", zvm_mm_set_finalizer(mm, handle, NULL, NULL), ZVM_E_THREAD);
    expect("mm_stats", zvm_mm_stats(mm, &stats), ZVM_E_THREAD);
    expect("mm_report", zvm_mm_report(mm, ZVM_REPORT_JSON, swallow, NULL), ZVM_E_THREAD);
    expect("mm_find_leaks", zvm_mm_find_leaks(mm, 0, no_leak, NULL), ZVM_E_THREAD);
    expect("mm_history", zvm_mm_history(mm, no_entry, NULL), ZVM_E_THREAD);
    expect("mm_destroy", zvm_mm_destroy(mm), ZVM_E_THREAD);
}

static void try_the_pools(void)
{
    const zvm_pool_integer *integer;
    const char *text;
    zvm_list *out;
    void *object;
    zvm_pools_figures figures = ZVM_POOLS_FIGURES_INIT;
    zvm_pool_stats stats;
    expect("pools_int", zvm_pools_int(pools, 1, &integer), ZVM_E_THREAD);
    expect("pools_str", zvm_pools_str(pools, "a", 1, &text), ZVM_E_THREAD);
    expect("pools_list_acquire", zvm_pools_list_acquire(pools, 1, &out), ZVM_E_THREAD);
    expect("pools_list_release", zvm_pools_list_release(pools, list), ZVM_E_THREAD);
    expect("pools_enable", zvm_pools_enable(pools, ZVM_POOL_INT, true), ZVM_E_THREAD);
    expect("pools_clear", zvm_pools_clear(pools), ZVM_E_THREAD);
    expect("pools_stats", zvm_pools_stats(pools, &figures), ZVM_E_THREAD);
    expect("pools_destroy", zvm_pools_destroy(pools), ZVM_E_THREAD);
    expect("object_pool_acquire", zvm_object_pool_acquire(objects, &object), ZVM_E_THREAD);
    expect("object_pool_release", zvm_object_pool_release(objects, &wrong), ZVM_E_THREAD);
    expect("object_pool_clear", zvm_object_pool_clear(objects), ZVM_E_THREAD);
    expect("object_pool_stats", zvm_object_pool_stats(objects, &stats), ZVM_E_THREAD);
    expect("object_pool_destroy", zvm_object_pool_destroy(objects), ZVM_E_THREAD);
    if (zvm_pools_list_begin(pools, 1) != NULL) expect("pools_list_begin", ZVM_OK, ZVM_E_THREAD);
}

static void *try_what_is_owned(void *context)
{
    (void)context;
    try_the_manager();
    try_the_pools();
    return NULL;
}

static void test_calls_of_another_thread_are_refused_and_change_nothing(void **state)
{
    (void)state;
    wrong = 0;
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.history_entries = 8;
    zvm_object_pool_options of_objects = ZVM_OBJECT_POOL_OPTIONS_INIT;
    of_objects.create = make_thing;
    of_objects.destroy = drop_thing;
    of_objects.context = &wrong;
    assert_int_equal(zvm_mm_create(&options, &mm), ZVM_OK);
    assert_int_equal(zvm_mm_allocate(mm, 1, &handle), ZVM_OK);
    assert_int_equal(zvm_pools_create(NULL, &pools), ZVM_OK);
    assert_int_equal(zvm_pools_list_acquire(pools, 1, &list), ZVM_OK);
    assert_int_equal(zvm_object_pool_create(&of_objects, &objects), ZVM_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, try_what_is_owned, NULL), 0);
    pthread_join(thread, NULL);
    if (wrong != 0) fail_msg("%u times, first: %s", (unsigned)wrong, first_wrong);
    zvm_mm_value value;
    assert_int_equal(zvm_mm_get_field(mm, handle, 0, &value), ZVM_OK);
    assert_int_equal(value.kind, ZVM_MM_NULL);
    assert_int_equal(zvm_pools_list_release(pools, list), ZVM_OK);
    assert_int_equal(zvm_object_pool_destroy(objects), ZVM_OK);
    assert_int_equal(zvm_pools_destroy(pools), ZVM_OK);
    assert_int_equal(zvm_mm_destroy(mm), ZVM_OK);
}

// ---- Structs without their size -----------------------------------------------------------------

// What the caller forgot to initialise by the macro has a size of 0, and says nothing.
static void test_struct_without_its_size_is_an_argument_error(void **state)
{
    (void)state;
    zvm_runtime *made = NULL;
    zvm_code *code = NULL;
    zvm_isolate *isolate = NULL;
    zvm_group *group = NULL;
    zvm_mm *manager = NULL;
    zvm_pools *set = NULL;
    zvm_object_pool *pool = NULL;
    zvm_isolate_pool *isolates = NULL;
    assert_int_equal(zvm_runtime_create(&(zvm_runtime_options){0}, &made), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_mm_create(&(zvm_mm_options){0}, &manager), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_create(&(zvm_pools_options){0}, &set), ZVM_E_ARGUMENT);
    assert_int_equal(
        zvm_object_pool_create(
            &(zvm_object_pool_options){.create = make_thing, .destroy = drop_thing}, &pool),
        ZVM_E_ARGUMENT);
    runtime = make_runtime(0);
    assert_int_equal(zvm_code_compile(runtime, "a.zx", "1", 1, &(zvm_compile_options){0}, &code),
                     ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_from_file(runtime, "a.zx", &(zvm_file_options){0}, NULL, NULL, &code),
                     ZVM_E_ARGUMENT);
    assert_int_equal(zvm_diagnostic_write(&(zvm_diagnostic){0}, false, swallow, NULL),
                     ZVM_E_ARGUMENT);
    zvm_host_function function = {.name = "visit", .call = visit};
    assert_int_equal(zvm_runtime_add_function(runtime, &function), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_group_create(runtime, &(zvm_group_options){0}, &group), ZVM_E_ARGUMENT);
    code = compile(runtime, "let a = 1\n");
    assert_int_equal(zvm_isolate_create(runtime, code, &(zvm_isolate_options){0}, &isolate),
                     ZVM_E_ARGUMENT);
    assert_int_equal(
        zvm_isolate_pool_create(runtime, code, &(zvm_isolate_options){0}, 1, &isolates),
        ZVM_E_ARGUMENT);
    assert_int_equal(zvm_report_take(runtime, &(zvm_report){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_intern_stats(runtime, &(zvm_intern_figures){0}), ZVM_E_ARGUMENT);
    assert_int_equal(
        zvm_report_write_with(runtime, ZVM_REPORT_TEXT, &(zvm_report_options){0}, swallow, NULL),
        ZVM_E_ARGUMENT);

    isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_isolate_collect(isolate, true, &(zvm_collect_result){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_ages(isolate, &(zvm_ages){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_result(isolate, &(zvm_result){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_group_create(runtime, NULL, &group), ZVM_OK);
    assert_int_equal(zvm_group_report(group, &(zvm_group_figures){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_create(runtime, code, NULL, 1, &isolates), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_figures_take(isolates, &(zvm_isolate_pool_figures){0}),
                     ZVM_E_ARGUMENT);
    zvm_isolate_pool_destroy(isolates);
    zvm_code_release(code);
    assert_int_equal(zvm_runtime_destroy(runtime), ZVM_OK);

    assert_int_equal(zvm_mm_create(NULL, &manager), ZVM_OK);
    assert_int_equal(zvm_mm_allocate(manager, 1, &handle), ZVM_OK);
    assert_int_equal(zvm_mm_stats(manager, &(zvm_heap_stats){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_mm_object_info(manager, handle, &(zvm_mm_info){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_mm_destroy(manager), ZVM_OK);
    assert_int_equal(zvm_pools_create(NULL, &set), ZVM_OK);
    assert_int_equal(zvm_pools_stats(set, &(zvm_pools_figures){0}), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_pools_destroy(set), ZVM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_an_argument_error_of_every_function),
        cmocka_unit_test(test_nothing_is_harmless_to_functions_without_a_status),
        cmocka_unit_test(test_every_function_that_returns_a_status_is_in_the_table),
        cmocka_unit_test(test_calls_from_inside_a_worker_are_refused),
        cmocka_unit_test(test_calls_from_inside_a_run_of_the_host_are_refused),
        cmocka_unit_test(test_shutdown_from_inside_takes_no_more_work_and_does_not_wait),
        cmocka_unit_test(test_parts_of_another_runtime_are_foreign),
        cmocka_unit_test(test_object_of_the_host_in_another_isolate_is_refused),
        cmocka_unit_test(test_struct_without_its_size_is_an_argument_error),
        cmocka_unit_test(test_calls_of_another_thread_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
