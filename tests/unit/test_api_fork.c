// Goal: in a forked child what it has inherited of a runtime is dead and says so: every call that is
// given it returns at once, with ZVM_E_FORKED where it returns a status; the parent goes on as if nothing
// had happened, and the child may have runtimes of its own.
// Method: each function of zvm.h that takes a runtime, code or an isolate is called in a child that an
// alarm ends if it hangs; the list of them is compared with the header. Run in the root of the tree.
#include "runtime_fixture.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#    define CAN_START_THREADS 0 // ThreadSanitizer ends a child that does
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define CAN_START_THREADS 0
#    endif
#endif
#ifndef CAN_START_THREADS
#    define CAN_START_THREADS 1
#endif

#define HANG_SECONDS 60

// What the child has inherited.
static zvm_runtime *runtime;
static zvm_code *code;
static zvm_isolate *isolate;
static zvm_group *group;
static zvm_isolate_pool *stock;
static zvm_mailbox *mailbox;

static bool no_part(void *context, zvm_part *part)
{
    (void)context;
    (void)part;
    return false;
}

static bool no_telling(void *context, const zvm_part *part)
{
    (void)context;
    (void)part;
    return false;
}

static bool swallow(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    (void)text;
    (void)length_bytes;
    return true;
}

// ---- Every call ---------------------------------------------------------------------------------

static zvm_code *new_code;
static zvm_isolate *new_isolate;
static uint64_t turns;
static zvm_group *new_group;
static zvm_isolate_pool *new_stock;
static zvm_value value = {.kind = ZVM_VALUE_INT};
static zvm_scope new_scope;
static zvm_ref new_ref;
static zvm_mailbox *new_mailbox;
static zvm_kind new_kind;
static size_t new_count;
static const char *new_name;

static bool no_leak(void *context, const zvm_leak *leak)
{
    (void)context;
    (void)leak;
    return true;
}

static bool no_entry(void *context, const zvm_history_entry *entry)
{
    (void)context;
    (void)entry;
    return true;
}

static zvm_status call_report_take(void)
{
    zvm_report report = ZVM_REPORT_INIT;
    return zvm_report_take(runtime, &report);
}

static zvm_status call_report_top(void)
{
    zvm_top_isolate row;
    uint32_t count = 1;
    return zvm_report_top(runtime, ZVM_TOP_AGE, &row, &count);
}

static zvm_status call_intern_stats(void)
{
    zvm_intern_figures figures = ZVM_INTERN_FIGURES_INIT;
    return zvm_intern_stats(runtime, &figures);
}

static zvm_status call_result(void)
{
    zvm_result result = ZVM_RESULT_INIT;
    return zvm_isolate_result(isolate, &result);
}

static zvm_status call_find_leaks(void)
{
    zvm_leak_filter filter = {0};
    return zvm_isolate_find_leaks(isolate, &filter, no_leak, NULL);
}

static zvm_status call_ages(void)
{
    zvm_ages ages = ZVM_AGES_INIT;
    return zvm_isolate_ages(isolate, &ages);
}

static zvm_call_outcome give_nothing(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    return zvm_call_return(call, NULL);
}

static zvm_status call_add_function(void)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "nothing";
    function.call = give_nothing;
    return zvm_runtime_add_function(runtime, &function);
}

static zvm_status call_finished_take(void)
{
    size_t count;
    return zvm_runtime_finished_take(runtime, &new_isolate, 1, &count);
}

static zvm_status call_group_report(void)
{
    zvm_group_figures figures = ZVM_GROUP_FIGURES_INIT;
    return zvm_group_report(group, &figures);
}

static zvm_status call_stock_figures(void)
{
    zvm_isolate_pool_figures figures = ZVM_ISOLATE_POOL_FIGURES_INIT;
    return zvm_isolate_pool_figures_take(stock, &figures);
}

static zvm_status call_run(void)
{
    bool finished;
    return zvm_isolate_run(isolate, 1, &finished);
}

// The call, written down once: its name for the header, and its status.
#define CALL(name, arguments)                \
    static zvm_status status_of_##name(void) \
    {                                        \
        return name arguments;               \
    }
CALL(zvm_runtime_drain, (runtime))
CALL(zvm_runtime_destroy, (runtime))
CALL(zvm_runtime_shutdown, (runtime, true))
CALL(zvm_runtime_pressure, (runtime, ZVM_PRESSURE_LOW))
CALL(zvm_runtime_cpu_profile, (runtime, swallow, NULL))
CALL(zvm_runtime_trace, (runtime, swallow, NULL))
CALL(zvm_code_compile, (runtime, "a.zx", "1", 1, NULL, &new_code))
CALL(zvm_code_from_source, (runtime, "a.zx", "1", 1, NULL, NULL, &new_code))
CALL(zvm_code_from_file, (runtime, "examples/hello.zx", NULL, NULL, NULL, &new_code))
CALL(zvm_code_from_bytes, (runtime, "a.zbc", "x", 1, NULL, NULL, &new_code))
CALL(zvm_code_serialize, (code, swallow, NULL))
CALL(zvm_code_disassemble, (code, swallow, NULL))
CALL(zvm_code_disassemble_source, (code, NULL, 0, swallow, NULL))
CALL(zvm_isolate_create, (runtime, code, NULL, &new_isolate))
CALL(zvm_isolate_destroy, (isolate))
CALL(zvm_isolate_submit, (isolate))
CALL(zvm_isolate_wait, (isolate, UINT64_MAX))
CALL(zvm_isolate_set_global, (isolate, "a", &value))
CALL(zvm_isolate_get_global, (isolate, "a", &value))
CALL(zvm_isolate_load, (isolate, "b.zx", "1", 1, 0, NULL, NULL))
CALL(zvm_isolate_globals, (isolate, swallow, NULL))
CALL(zvm_isolate_heap_snapshot, (isolate, swallow, NULL))
CALL(zvm_isolate_alloc_profile, (isolate, swallow, NULL))
CALL(zvm_isolate_history, (isolate, no_entry, NULL))
CALL(zvm_isolate_collect, (isolate, true, NULL))
CALL(zvm_isolate_collect_step, (isolate, 100, NULL))
CALL(zvm_runtime_turns, (runtime, 1, &turns))
CALL(zvm_group_create, (runtime, NULL, &new_group))
CALL(zvm_group_destroy, (group))
CALL(zvm_isolate_reset, (isolate))
CALL(zvm_isolate_set_user, (isolate, NULL))
CALL(zvm_isolate_pool_create, (runtime, code, NULL, 1, &new_stock))
CALL(zvm_isolate_pool_acquire, (stock, &new_isolate))
CALL(zvm_isolate_pool_release, (stock, isolate))
CALL(zvm_scope_open, (isolate, &new_scope))
CALL(zvm_scope_close, (isolate, 1))
CALL(zvm_ref_pin, (isolate, 1, &new_ref))
CALL(zvm_ref_unpin, (isolate, 1))
CALL(zvm_ref_new, (isolate, &value, &new_ref))
CALL(zvm_ref_new_list, (isolate, 0, &new_ref))
CALL(zvm_ref_new_map, (isolate, 0, &new_ref))
CALL(zvm_ref_kind, (isolate, 1, &new_kind))
CALL(zvm_ref_value, (isolate, 1, &value))
CALL(zvm_ref_text, (isolate, 1, swallow, NULL))
CALL(zvm_ref_count, (isolate, 1, &new_count))
CALL(zvm_ref_item, (isolate, 1, 0, &value, NULL))
CALL(zvm_ref_set_item, (isolate, 1, 0, 2))
CALL(zvm_ref_append, (isolate, 1, 2))
CALL(zvm_ref_append_value, (isolate, 1, &value))
CALL(zvm_ref_entry, (isolate, 1, &value, &value, NULL))
CALL(zvm_ref_set_entry, (isolate, 1, &value, 2))
CALL(zvm_ref_set_entry_value, (isolate, 1, &value, &value))
CALL(zvm_ref_next_entry, (isolate, 1, &turns, &value, &value, NULL))
CALL(zvm_ref_build, (isolate, no_part, NULL, &new_ref))
CALL(zvm_ref_walk, (isolate, 1, 1, no_telling, NULL))
CALL(zvm_ref_type_name, (isolate, 1, &new_name))
CALL(zvm_ref_field, (isolate, 1, 0, NULL, &value, NULL))
CALL(zvm_ref_global, (isolate, "a", &new_ref))
CALL(zvm_ref_set_global, (isolate, "a", 1))
CALL(zvm_isolate_call, (isolate, "a", NULL, 0))
CALL(zvm_isolate_call_ref, (isolate, 1, NULL, 0))
CALL(zvm_ref_result, (isolate, &new_ref))
CALL(zvm_mailbox_create, (runtime, NULL, &new_mailbox))
CALL(zvm_mailbox_close, (mailbox))
CALL(zvm_mailbox_send, (mailbox, NULL))
CALL(zvm_mailbox_send_ref, (mailbox, isolate, 1))
CALL(zvm_mailbox_receive, (mailbox, isolate, &new_ref))
CALL(zvm_isolate_mailbox, (isolate, &new_mailbox))
CALL(zvm_ref_new_isolate, (isolate, mailbox, &new_ref))
CALL(zvm_ref_mailbox, (isolate, 1, &new_mailbox))
CALL(zvm_complete, (runtime, 1, NULL))
CALL(zvm_complete_error, (runtime, 1, NULL, NULL))
CALL(zvm_report_write, (runtime, ZVM_REPORT_JSON, swallow, NULL))
CALL(zvm_report_write_with, (runtime, ZVM_REPORT_JSON, NULL, swallow, NULL))

struct call {
    const char *name;
    zvm_status (*status)(void); // NULL: it gives none, and is called by call_the_others
};

#define ROW(name)               \
    {                           \
#        name, status_of_##name \
    }

static const struct call calls[] = {
    ROW(zvm_runtime_drain),
    ROW(zvm_runtime_shutdown),
    ROW(zvm_runtime_pressure),
    ROW(zvm_runtime_cpu_profile),
    ROW(zvm_runtime_trace),
    ROW(zvm_code_compile),
    ROW(zvm_code_from_source),
    ROW(zvm_code_from_file),
    ROW(zvm_code_from_bytes),
    ROW(zvm_code_serialize),
    ROW(zvm_code_disassemble),
    ROW(zvm_code_disassemble_source),
    ROW(zvm_isolate_create),
    ROW(zvm_isolate_destroy),
    ROW(zvm_isolate_submit),
    ROW(zvm_isolate_wait),
    ROW(zvm_isolate_set_global),
    ROW(zvm_isolate_get_global),
    ROW(zvm_isolate_load),
    ROW(zvm_isolate_globals),
    ROW(zvm_isolate_heap_snapshot),
    ROW(zvm_isolate_alloc_profile),
    ROW(zvm_isolate_history),
    ROW(zvm_isolate_collect),
    ROW(zvm_isolate_collect_step),
    ROW(zvm_runtime_turns),
    ROW(zvm_group_create),
    ROW(zvm_group_destroy),
    ROW(zvm_isolate_reset),
    ROW(zvm_isolate_set_user),
    ROW(zvm_isolate_pool_create),
    ROW(zvm_isolate_pool_acquire),
    ROW(zvm_isolate_pool_release),
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
    ROW(zvm_complete),
    ROW(zvm_complete_error),
    ROW(zvm_report_write),
    ROW(zvm_report_write_with),
    {"zvm_report_take", call_report_take},
    {"zvm_report_top", call_report_top},
    {"zvm_intern_stats", call_intern_stats},
    {"zvm_isolate_result", call_result},
    {"zvm_isolate_find_leaks", call_find_leaks},
    {"zvm_isolate_ages", call_ages},
    {"zvm_isolate_run", call_run},
    {"zvm_runtime_add_function", call_add_function},
    {"zvm_runtime_finished_take", call_finished_take},
    {"zvm_group_report", call_group_report},
    {"zvm_isolate_pool_figures_take", call_stock_figures},
    {"zvm_isolate_pool_destroy", NULL},
    {"zvm_group_cancel", NULL},
    {"zvm_runtime_finished_fd", NULL},
    {"zvm_runtime_destroy", status_of_zvm_runtime_destroy},
    {"zvm_isolate_cancel", NULL},
    {"zvm_isolate_user", NULL},
    {"zvm_code_retain", NULL},
    {"zvm_code_spawns", NULL},
    {"zvm_mailbox_release", NULL},
    {"zvm_code_release", NULL},
};

enum { CALL_COUNT = sizeof calls / sizeof calls[0] };

static int call_the_others(void)
{
    zvm_isolate_cancel(isolate);
    zvm_group_cancel(group);
    zvm_isolate_pool_destroy(stock);
    zvm_code_retain(code);
    (void)zvm_code_spawns(code);
    zvm_mailbox_release(mailbox);
    zvm_code_release(code);
    (void)zvm_isolate_user(isolate);
    int descriptor = zvm_runtime_finished_fd(runtime);
    zvm_runtime_destroy(runtime);
    return descriptor == -1 ? 0 : 1;
}

static int call_everything(void)
{
    for (int i = 0; i < CALL_COUNT; i++) {
        if (calls[i].status == NULL) continue;
        zvm_status status = calls[i].status();
        if (status == ZVM_E_FORKED) continue;
        fprintf(stderr, "%s gives %d\n", calls[i].name, (int)status);
        return 1;
    }
    return call_the_others();
}

// ---- Children -----------------------------------------------------------------------------------

// How the child ended that has done `work`.
static int exit_of_child(int (*work)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(HANG_SECONDS);
        _exit(work());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) fail_msg("the child was ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void open_runtime(const char *text)
{
    runtime = make_runtime(2);
    code = compile(runtime, text);
    isolate = make_isolate(runtime, code, NULL);
    assert_int_equal(zvm_group_create(runtime, NULL, &group), ZVM_OK);
    assert_int_equal(zvm_isolate_pool_create(runtime, code, NULL, 1, &stock), ZVM_OK);
    assert_int_equal(zvm_mailbox_create(runtime, NULL, &mailbox), ZVM_OK);
}

static void close_runtime(void)
{
    zvm_mailbox_release(mailbox);
    zvm_isolate_pool_destroy(stock);
    zvm_isolate_cancel(isolate);
    assert_int_equal(zvm_runtime_shutdown(runtime, true /* cancel */), ZVM_OK);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_group_destroy(group), ZVM_OK);
    zvm_code_release(code);
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

static void test_every_call_in_a_child_says_that_it_is_one(void **state)
{
    (void)state;
    open_runtime("let a = 1\nprint(a)\n");
    assert_int_equal(exit_of_child(call_everything), 0);
    // The parent's are as they were.
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    close_runtime();
}

static void test_child_of_a_busy_runtime_does_not_hang(void **state)
{
    (void)state;
    open_runtime(SPIN);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    zvm_isolate *others[200];
    for (int i = 0; i < 200; i++) {
        others[i] = make_isolate(runtime, code, NULL);
        assert_int_equal(zvm_isolate_submit(others[i]), ZVM_OK);
    }
    for (int i = 0; i < 10; i++) // whatever the workers hold at that moment
        assert_int_equal(exit_of_child(call_everything), 0);
    assert_int_equal(zvm_runtime_shutdown(runtime, true /* cancel */), ZVM_OK);
    for (int i = 0; i < 200; i++)
        assert_int_equal(zvm_isolate_destroy(others[i]), ZVM_OK);
    close_runtime();
}

static int run_in_own_runtime(void)
{
    zvm_runtime *own = NULL;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = CAN_START_THREADS ? 2 : 0;
    if (zvm_runtime_create(&options, &own) != ZVM_OK) return 2;
    zvm_code *own_code = NULL;
    zvm_isolate *own_isolate = NULL;
    if (zvm_code_from_source(own, "own.zx", "let a = 6 * 7\n", 14, NULL, NULL, &own_code) != ZVM_OK)
        return 3;
    if (zvm_isolate_create(own, own_code, NULL, &own_isolate) != ZVM_OK) return 4;
    bool finished;
    zvm_status status = CAN_START_THREADS ? zvm_isolate_submit(own_isolate)
                                          : zvm_isolate_run(own_isolate, 0, &finished);
    if (status != ZVM_OK) return 5;
    if (CAN_START_THREADS && zvm_isolate_wait(own_isolate, UINT64_MAX) != ZVM_OK) return 6;
    zvm_result result = ZVM_RESULT_INIT;
    if (zvm_isolate_result(own_isolate, &result) != ZVM_OK || result.status != ZVM_OK) return 7;
    // One of the dead runtime is not confused with it.
    if (zvm_isolate_create(runtime, own_code, NULL, &new_isolate) != ZVM_E_FORKED) return 8;
    if (zvm_isolate_destroy(own_isolate) != ZVM_OK) return 9;
    zvm_code_release(own_code);
    zvm_runtime_destroy(own);
    return call_everything();
}

static void test_child_may_have_a_runtime_of_its_own(void **state)
{
    (void)state;
    open_runtime(SPIN);
    assert_int_equal(zvm_isolate_submit(isolate), ZVM_OK);
    assert_int_equal(exit_of_child(run_in_own_runtime), 0);
    close_runtime();
}

static int fork_again(void)
{
    if (call_everything() != 0) return 1;
    pid_t child = fork();
    if (child == 0) _exit(call_everything());
    int status;
    if (waitpid(child, &status, 0) != child) return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static void test_grandchild_is_no_owner_either(void **state)
{
    (void)state;
    open_runtime("let a = 1\n");
    assert_int_equal(exit_of_child(fork_again), 0);
    close_runtime();
}

static zvm_mm *manager;

static int use_manager(void)
{
    for (int i = 0; i < 10000; i++) {
        zvm_handle object;
        if (zvm_mm_allocate(manager, 3, &object) != ZVM_OK) return 1;
    }
    zvm_mm_collection collection = {0};
    if (zvm_mm_collect(manager, true, &collection) != ZVM_OK) return 2;
    return collection.freed_count > 0 ? 0 : 3; // others were freed on the way
}

static void test_memory_manager_of_the_forking_thread_is_a_copy(void **state)
{
    (void)state;
    assert_int_equal(zvm_mm_create(NULL, &manager), ZVM_OK);
    assert_int_equal(exit_of_child(use_manager), 0);
    assert_int_equal(use_manager(), 0);
    zvm_mm_destroy(manager);
}

// ---- The list -----------------------------------------------------------------------------------

static char *read_header(void)
{
    FILE *file = fopen("include/zvm.h", "r");
    if (file == NULL) return NULL;
    char *text = calloc(1, 1u << 20);
    assert_non_null(text);
    size_t length = fread(text, 1, (1u << 20) - 1, file);
    fclose(file);
    assert_true(length > 0);
    return text;
}

static bool is_listed(const char *name, size_t length)
{
    for (int i = 0; i < CALL_COUNT; i++)
        if (strlen(calls[i].name) == length && memcmp(calls[i].name, name, length) == 0)
            return true;
    return false;
}

// A declaration that takes one of the three, and is not only given a place for a new one.
static bool takes_a_part(const char *declaration)
{
    static const char *const types[] = {"zvm_runtime *runtime", "zvm_code *code",
                                        "zvm_isolate *isolate", "zvm_group *group",
                                        "zvm_isolate_pool *pool", "zvm_mailbox *mailbox"};
    for (int i = 0; i < 6; i++)
        if (strstr(declaration, types[i]) != NULL) return true;
    return false;
}

static void test_every_function_of_the_header_is_in_the_list(void **state)
{
    (void)state;
    char *text = read_header();
    if (text == NULL) skip();
    uint32_t found = 0;
    for (char *at = strstr(text, "\nZVM_API "); at != NULL; at = strstr(at + 1, "\nZVM_API ")) {
        char *end = strchr(at, ';');
        assert_non_null(end);
        *end = '\0';
        char *open = strchr(at, '(');
        assert_non_null(open);
        char *name = open;
        while (name[-1] != ' ' && name[-1] != '*')
            name--;
        bool takes = takes_a_part(open);
        if (takes && !is_listed(name, (size_t)(open - name))) fail_msg("not in the list: %s", name);
        found += takes;
        *end = ';';
    }
    assert_int_equal(found, CALL_COUNT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_in_a_child_says_that_it_is_one),
        cmocka_unit_test(test_child_of_a_busy_runtime_does_not_hang),
        cmocka_unit_test(test_child_may_have_a_runtime_of_its_own),
        cmocka_unit_test(test_grandchild_is_no_owner_either),
        cmocka_unit_test(test_memory_manager_of_the_forking_thread_is_a_copy),
        cmocka_unit_test(test_every_function_of_the_header_is_in_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
