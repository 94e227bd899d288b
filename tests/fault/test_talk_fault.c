// Goal: whichever allocation is refused while isolates spawn, talk, watch and await, the isolate that asked ends, nobody waits
// for ever, no message is counted that is nowhere, and nothing is left over.
// Method: a runtime with a seed, so that each n is the same allocation; a program that can do with the end of any of
// those that it spawns; every allocation of it refused once, and from there on.
#include "fault.h"

#include "zvm.h"

#include <string.h>

static const char program[] =
    "data Point { x, y }\n"
    "let offset = 5\n"
    "action grow(n, to) {\n"
    "  let big = []\n"
    "  for each i in range(40) { big.push({\"n\": i + offset, \"s\": str(i), \"p\": Point(i, n)}) "
    "}\n"
    "  let long = \"0123456789\" * 300\n"
    "  send(to, [n, big, self(), long, long[0] * 1500])\n"
    "  send(to, long)\n"
    "  return [big, long]\n"
    "}\n"
    "action talk(to, count) { for each i in range(count) { send(to, [i, \"text\"], 500) }\n return "
    "to }\n"
    "action fall() { throw [1, 2] }\n"
    "let kids = [spawn grow(1, self()), spawn talk(self(), 8), spawn fall()]\n"
    "for each k in kids { monitor(k) }\n"
    "let ends = 0\n"
    "let waits = 0\n"
    "let points = 0\n"
    "let kept = null\n"
    "while (ends < 3 && waits < 20) {\n"
    "  let m = receive(1000)\n"
    "  if (m == null) { waits = waits + 1 }\n"
    "  else if (typeof(m) == \"map\") { ends = ends + 1 }\n"
    "  else if (len(m) == 5) { points = points + m[1][3][\"p\"].x }\n"
    "  else if (len(m) == 3000) { kept = m + \"!\" }\n"
    "}\n"
    "for each k in kids { try { await k } catch (e) { } }\n";

static zvm_runtime *create(void)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    options.seed = 3;
    zvm_runtime *runtime = NULL;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status != ZVM_OK) assert_int_equal(status, ZVM_E_NOMEM);
    return runtime;
}

// A child that had no memory ends; the program says so, or does not notice.
static zvm_status run(zvm_runtime *runtime, zvm_code *code, bool *is_refused)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.may_spawn = 1;
    options.mailbox_limit_count = 3;
    zvm_isolate *isolate;
    zvm_status status = zvm_isolate_create(runtime, code, &options, &isolate);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_submit(isolate);
    assert_int_equal(status, ZVM_OK);
    assert_int_equal(zvm_isolate_wait(isolate, UINT64_MAX), ZVM_OK);
    zvm_result result = ZVM_RESULT_INIT;
    assert_int_equal(zvm_isolate_result(isolate, &result), ZVM_OK);
    *is_refused = result.status != ZVM_OK;
    if (result.status != ZVM_OK) assert_int_equal(result.status, ZVM_E_NOMEM);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    zvm_report report = ZVM_REPORT_INIT;
    assert_int_equal(zvm_report_take(runtime, &report), ZVM_OK);
    const zvm_report_counters *c = &report.totals;
    assert_int_equal(c->messages_sent, c->messages_received + c->messages_dropped);
    assert_int_equal(c->isolates_created, c->isolates_destroyed);
    return ZVM_OK;
}

static zvm_status body(void *context)
{
    bool *is_refused = context;
    zvm_runtime *runtime = create();
    if (runtime == NULL) return ZVM_E_NOMEM;
    zvm_code *code;
    zvm_status status =
        zvm_code_from_source(runtime, "t.zx", program, sizeof program - 1, NULL, NULL, &code);
    if (status == ZVM_OK) {
        status = run(runtime, code, is_refused);
        zvm_code_release(code);
    }
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_each_allocation_of_isolates_that_talk_is_refused(void **state)
{
    (void)state;
    bool is_refused = false;
    (void)body(&is_refused); // what a process makes once
    (void)fault_each_allocation(body, &is_refused, ZVM_E_NOMEM);
    assert_false(is_refused); // the last one passed untouched
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_of_isolates_that_talk_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
