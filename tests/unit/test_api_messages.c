// Goal: a host and programs send each other values, and who is full, over or foreign says so.
// Method: programs that echo, on workers and on this thread; mailboxes of the host with small limits.
#include "runtime_fixture.h"

#include <stdlib.h>
#include <string.h>

struct host {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate, *desk; // desk: where the host looks at values
    zvm_mailbox *own;
    int told;
};

static void note(zvm_mailbox *mailbox, void *user)
{
    struct host *host = user;
    assert_ptr_equal(mailbox, host->own);
    __atomic_fetch_add(&host->told, 1, __ATOMIC_RELAXED);
}

static zvm_isolate *make(struct host *host, const char *text)
{
    zvm_code *code;
    zvm_isolate *isolate;
    assert_int_equal(zvm_code_from_source(host->runtime, "t.zx", text, strlen(text), NULL, NULL, &code),
                     ZVM_OK);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.may_spawn = 1;
    assert_int_equal(zvm_isolate_create(host->runtime, code, &options, &isolate), ZVM_OK);
    zvm_code_release(code);
    return isolate;
}

static void open_host(struct host *host, uint32_t workers, const char *text, uint32_t limit_count,
                      uint64_t limit_bytes)
{
    *host = (struct host){0};
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = workers;
    assert_int_equal(zvm_runtime_create(&options, &host->runtime), ZVM_OK);
    host->isolate = make(host, text);
    host->desk = make(host, "let kept = null");
    zvm_mailbox_options mailbox = ZVM_MAILBOX_OPTIONS_INIT;
    mailbox.limit_count = limit_count;
    mailbox.limit_bytes = limit_bytes;
    mailbox.on_message = note;
    mailbox.user = host;
    assert_int_equal(zvm_mailbox_create(host->runtime, &mailbox, &host->own), ZVM_OK);
}

static void close_host(struct host *host)
{
    assert_int_equal(zvm_mailbox_close(host->own), ZVM_OK);
    zvm_mailbox_release(host->own);
    zvm_isolate_destroy(host->desk);
    zvm_isolate_destroy(host->isolate);
    assert_int_equal(zvm_runtime_destroy(host->runtime), ZVM_OK);
}

// The program's global `host` becomes the host's mailbox.
static void give_mailbox(struct host *host, zvm_isolate *isolate)
{
    zvm_scope scope;
    zvm_ref ref;
    assert_int_equal(zvm_scope_open(isolate, &scope), ZVM_OK);
    assert_int_equal(zvm_ref_new_isolate(isolate, host->own, &ref), ZVM_OK);
    assert_int_equal(zvm_ref_set_global(isolate, "host", ref), ZVM_OK);
    assert_int_equal(zvm_scope_close(isolate, scope), ZVM_OK);
}

static const char echo[] = "let host = null\n"
                           "action serve() {\n"
                           "  while (true) {\n"
                           "    let m = receive()\n"
                           "    if (m == \"stop\") { return 7 }\n"
                           "    send(host, {\"got\": m, \"me\": self()})\n"
                           "  }\n"
                           "}\n";

static void test_a_host_and_a_program_answer_each_other(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1, echo, 0, 0);
    bool finished;
    assert_int_equal(zvm_isolate_run(host.isolate, 0, &finished), ZVM_OK);
    give_mailbox(&host, host.isolate);
    zvm_mailbox *program;
    assert_int_equal(zvm_isolate_mailbox(host.isolate, &program), ZVM_OK);
    assert_int_equal(zvm_isolate_call(host.isolate, "serve", NULL, 0), ZVM_OK);
    // What had the first run's finds it over: a call has a mailbox of its own.
    zvm_value early = {.kind = ZVM_VALUE_NULL};
    assert_int_equal(zvm_mailbox_send(program, &early), ZVM_E_STALE);
    zvm_mailbox_release(program);
    assert_int_equal(zvm_isolate_mailbox(host.isolate, &program), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(host.isolate), ZVM_OK);

    zvm_value text = {.kind = ZVM_VALUE_STRING, .text = "caf\xc3\xa9", .length_bytes = 5};
    assert_int_equal(zvm_mailbox_send(program, &text), ZVM_OK);
    zvm_scope scope;
    zvm_ref got, part;
    zvm_value value;
    while (__atomic_load_n(&host.told, __ATOMIC_RELAXED) == 0)
        continue;
    assert_int_equal(zvm_scope_open(host.desk, &scope), ZVM_OK);
    assert_int_equal(zvm_mailbox_receive(host.own, host.desk, &got), ZVM_OK);
    zvm_ref key;
    zvm_value name = {.kind = ZVM_VALUE_STRING, .text = "got", .length_bytes = 3};
    assert_int_equal(zvm_ref_entry(host.desk, got, &name, &value, &part), ZVM_OK);
    assert_int_equal(value.kind, ZVM_VALUE_STRING);
    assert_int_equal(value.length_bytes, 5);
    name.text = "me";
    name.length_bytes = 2;
    assert_int_equal(zvm_ref_entry(host.desk, got, &name, &value, &key), ZVM_OK);
    zvm_mailbox *same;
    assert_int_equal(zvm_ref_mailbox(host.desk, key, &same), ZVM_OK);
    assert_ptr_equal(same, program);
    zvm_mailbox_release(same);
    assert_int_equal(zvm_ref_mailbox(host.desk, part, &same), ZVM_E_TYPE);
    assert_int_equal(zvm_mailbox_receive(host.own, host.desk, &got), ZVM_E_NOT_FOUND);

    zvm_value stop = {.kind = ZVM_VALUE_STRING, .text = "stop", .length_bytes = 4};
    assert_int_equal(zvm_mailbox_send(program, &stop), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(host.isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(zvm_mailbox_send(program, &stop), ZVM_E_STALE);
    assert_int_equal(zvm_mailbox_receive(program, host.desk, &got), ZVM_E_STATE);
    assert_int_equal(zvm_mailbox_close(program), ZVM_E_STATE);
    assert_int_equal(zvm_scope_close(host.desk, scope), ZVM_OK);
    zvm_mailbox_release(program);
    zvm_report report = ZVM_REPORT_INIT;
    assert_int_equal(zvm_report_take(host.runtime, &report), ZVM_OK);
    assert_int_equal(report.totals.messages_sent, 5);
    assert_int_equal(report.totals.messages_received, 3);
    assert_int_equal(report.totals.messages_dropped, 2);
    close_host(&host);
}

static void test_a_mailbox_of_the_host_is_bounded_and_closes(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0, "let host = null\naction fill() { let n = 0\n try { while (true) { send(host, n, 0); n += 1 } }"
                        " catch (e) { return [n, e.kind, send(host, 1, 0)] } }", 3, 150);
    zvm_value one = {.kind = ZVM_VALUE_INT, .integer = 1};
    for (int i = 0; i < 3; i++) {
        zvm_status status = zvm_mailbox_send(host.own, &one);
        assert_int_equal(status, i < 2 ? ZVM_OK : ZVM_E_MAILBOX); // 150 bytes are two of these
    }
    char big[300];
    memset(big, 'x', sizeof big);
    zvm_value text = {.kind = ZVM_VALUE_STRING, .text = big, .length_bytes = sizeof big};
    assert_int_equal(zvm_mailbox_send(host.own, &text), ZVM_E_MAILBOX);
    text.text = "\xff";
    text.length_bytes = 1;
    assert_int_equal(zvm_mailbox_send(host.own, &text), ZVM_E_UTF8);
    assert_int_equal(host.told, 1);
    zvm_scope scope;
    zvm_ref ref;
    zvm_value value;
    assert_int_equal(zvm_scope_open(host.desk, &scope), ZVM_OK);
    assert_int_equal(zvm_mailbox_receive(host.own, host.desk, &ref), ZVM_OK);
    assert_int_equal(zvm_ref_value(host.desk, ref, &value), ZVM_OK);
    assert_int_equal(value.integer, 1);
    zvm_ref list;
    assert_int_equal(zvm_ref_new_list(host.desk, 0, &list), ZVM_OK);
    assert_int_equal(zvm_ref_append(host.desk, list, ref), ZVM_OK);
    assert_int_equal(zvm_mailbox_send_ref(host.own, host.desk, list), ZVM_E_MAILBOX);
    assert_int_equal(zvm_mailbox_close(host.own), ZVM_OK);
    assert_int_equal(zvm_mailbox_send(host.own, &one), ZVM_E_STALE);
    assert_int_equal(zvm_scope_close(host.desk, scope), ZVM_OK);
    close_host(&host);
}

// ---- Long texts ------------------------------------------------------------------------------------

static bool keep_text(void *context, const char *text, size_t length_bytes)
{
    return fwrite(text, 1, length_bytes, context) == length_bytes;
}

static uint64_t shared_strings(struct host *host)
{
    char *text = NULL;
    size_t length_bytes = 0;
    FILE *file = open_memstream(&text, &length_bytes);
    assert_non_null(file);
    assert_int_equal(zvm_report_write(host->runtime, ZVM_REPORT_JSON, keep_text, file), ZVM_OK);
    fclose(file);
    static const char key[] = "\"shared_strings_count\": ";
    const char *place = strstr(text, key);
    assert_non_null(place);
    uint64_t count = strtoull(place + strlen(key), NULL, 10);
    free(text);
    return count;
}

// Nobody reads some of them: in mailboxes of isolates and of the host, as a start, a result, and what was thrown.
static void test_long_texts_that_nobody_reads_go_with_who_had_them(void **state)
{
    (void)state;
    static const char program[] =
        "let host = null\n"
        "action wait(text) { receive()\n receive()\n receive()\n return text }\n"
        "action give(text) { return text }\n"
        "action fall(text) { throw text }\n"
        "action run() {\n"
        "  let text = \"long \" * 1000\n"
        "  let kids = [spawn wait(text), spawn give(text + \"!\"), spawn fall(text + \"?\")]\n"
        "  send(kids[0], text)\n"
        "  send(kids[0], [text, text + \".\", 3])\n"
        "  send(self(), {\"t\": text})\n"
        "  send(host, text)\n"
        "  for each kid in [kids[1], kids[2]] { monitor(kid) }\n"
        "  return len(text)\n"
        "}\n";
    struct host host;
    open_host(&host, 1, program, 0, 0);
    bool finished;
    assert_int_equal(zvm_isolate_run(host.isolate, 0, &finished), ZVM_OK);
    give_mailbox(&host, host.isolate);
    assert_int_equal(zvm_isolate_call(host.isolate, "run", NULL, 0), ZVM_OK);
    assert_int_equal(zvm_isolate_submit(host.isolate), ZVM_OK);
    assert_int_equal(zvm_isolate_wait(host.isolate, UINT64_MAX), ZVM_OK);
    assert_int_equal(result_of(host.isolate).status, ZVM_OK);
    assert_true(shared_strings(&host) >= 1); // the host's, at least
    assert_int_equal(zvm_isolate_reset(host.isolate), ZVM_OK);
    zvm_mailbox *program_box;
    assert_int_equal(zvm_isolate_mailbox(host.isolate, &program_box), ZVM_OK);
    static char bytes[5000];
    memset(bytes, 'h', sizeof bytes);
    zvm_value text = {.kind = ZVM_VALUE_STRING, .text = bytes, .length_bytes = sizeof bytes};
    uint64_t before = shared_strings(&host);
    assert_int_equal(zvm_mailbox_send(program_box, &text), ZVM_OK);
    assert_int_equal(shared_strings(&host), before + 1);
    zvm_mailbox_release(program_box);
    close_host(&host); // the checks of memory find what is left
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_and_a_program_answer_each_other),
        cmocka_unit_test(test_a_mailbox_of_the_host_is_bounded_and_closes),
        cmocka_unit_test(test_long_texts_that_nobody_reads_go_with_who_had_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
