// Messages between a host and a program that is always there: the host sends jobs into the mailbox of the isolate, and
// has a mailbox of its own, to which the program sends what came of them. Exit status 0: all came back.
//
// Build: cc mailbox.c $(pkg-config --cflags --libs zvm)
// prints: 5 jobs, sum of the answers 55
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

static const char PROGRAM[] = "let job = receive()\n"
                              "while job != null {\n"
                              "  send(host, {'job': job, 'answer': job * job})\n"
                              "  job = receive()\n"
                              "}\n";

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// The program's global `host` becomes the mailbox; what programs have of one is a value of type isolate.
static void introduce(zvm_isolate *isolate, zvm_mailbox *mailbox)
{
    zvm_scope scope;
    zvm_ref ref;
    must(zvm_scope_open(isolate, &scope));
    must(zvm_ref_new_isolate(isolate, mailbox, &ref));
    must(zvm_ref_set_global(isolate, "host", ref));
    must(zvm_scope_close(isolate, scope));
}

// A message is a value of some isolate of the host's choice, here of the one that has ended.
static int64_t take_answers(zvm_isolate *isolate, zvm_mailbox *mailbox)
{
    zvm_value key = {.kind = ZVM_VALUE_STRING, .text = "answer", .length_bytes = 6}, answer;
    zvm_scope scope;
    zvm_ref message;
    int64_t sum = 0;
    must(zvm_scope_open(isolate, &scope));
    while (zvm_mailbox_receive(mailbox, isolate, &message) == ZVM_OK) {
        must(zvm_ref_entry(isolate, message, &key, &answer, NULL));
        sum += answer.integer;
    }
    must(zvm_scope_close(isolate, scope));
    return sum;
}

int main(void)
{
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 1};
    zvm_value job = {.kind = ZVM_VALUE_INT};
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    zvm_mailbox *ours, *its;
    must(zvm_runtime_create(&options, &runtime));
    must(zvm_code_from_source(runtime, "p", PROGRAM, strlen(PROGRAM), NULL, NULL, &code));
    must(zvm_isolate_create(runtime, code, NULL, &isolate));
    must(zvm_mailbox_create(runtime, NULL, &ours)); // with on_message, a thread need not look
    must(zvm_isolate_mailbox(isolate, &its));
    introduce(isolate, ours);
    must(zvm_isolate_submit(isolate));
    for (job.integer = 1; job.integer <= 5; job.integer++)
        must(zvm_mailbox_send(its, &job)); // ZVM_E_MAILBOX: it is full, try again later
    must(zvm_mailbox_send(its, NULL));     // null ends the program
    must(zvm_isolate_wait(isolate, UINT64_MAX));
    int64_t sum = take_answers(isolate, ours);
    printf("5 jobs, sum of the answers %d\n", (int)sum);
    must(zvm_mailbox_close(ours));
    zvm_mailbox_release(ours);
    zvm_mailbox_release(its);
    zvm_code_release(code);
    must(zvm_runtime_destroy(runtime));
    return sum == 55 ? 0 : 1;
}
