// Calls that take their time: 100 isolates on one worker ask a service, which answers from a thread of its own; while
// they wait they take no thread. One asks for what the service refuses. Exit status 0: every answer is right.
//
// Build: cc suspend.c $(pkg-config --cflags --libs zvm) -lpthread
// prints: 100 of 100 answers are right
#include <zvm.h>

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define ISOLATES 100
static const char ASK[] = "let answer = 0\n"
                          "try { answer = square(isolate_id()) } catch (e) { answer = -1 }\n";
static int questions[2]; // a pipe
struct question {
    zvm_token token;
    int64_t number;
};

static void must(bool is_well)
{
    if (!is_well) errx(1, "failed");
}

// square(n): hands the question over, and lets the isolate wait.
static zvm_call_outcome square(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct question question = {.number = count == 1 ? arguments[0].integer : 0};
    bool is_asked = zvm_call_token(call, &question.token) == ZVM_OK &&
                    write(questions[1], &question, sizeof question) == sizeof question;
    return is_asked ? ZVM_CALL_SUSPENDED : zvm_call_fail(call, "ServiceError", "cannot ask");
}

static void *serve(void *runtime)
{
    struct question asked;
    while (read(questions[0], &asked, sizeof asked) == sizeof asked) {
        zvm_value answer = {.kind = ZVM_VALUE_INT, .integer = asked.number * asked.number};
        if (asked.number == 13)
            must(zvm_complete_error(runtime, asked.token, "ServiceError", "thirteen") == ZVM_OK);
        else
            must(zvm_complete(runtime, asked.token, &answer) == ZVM_OK);
    }
    return NULL;
}

int main(void)
{
    static zvm_isolate *isolates[ISOLATES];
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 1};
    zvm_isolate_options own = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_host_function ask = {.size = sizeof ask, .name = "square", .call = square, .maximum = 1};
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_value answer;
    pthread_t thread;
    int right = 0;
    must(pipe(questions) == 0);
    must(zvm_runtime_create(&options, &runtime) == ZVM_OK);
    must(zvm_runtime_add_function(runtime, &ask) == ZVM_OK);
    must(zvm_code_from_source(runtime, "s", ASK, sizeof ASK - 1, NULL, NULL, &code) == ZVM_OK);
    must(pthread_create(&thread, NULL, serve, runtime) == 0);
    for (own.id = 0; own.id < ISOLATES; own.id++) {
        must(zvm_isolate_create(runtime, code, &own, &isolates[own.id]) == ZVM_OK);
        must(zvm_isolate_submit(isolates[own.id]) == ZVM_OK);
    }
    for (int id = 0; id < ISOLATES; id++) {
        must(zvm_isolate_wait(isolates[id], UINT64_MAX) == ZVM_OK);
        must(zvm_isolate_get_global(isolates[id], "answer", &answer) == ZVM_OK);
        right += answer.integer == (id == 13 ? -1 : id * id);
    }
    printf("%d of %d answers are right\n", right, ISOLATES);
    close(questions[1]); // the service ends
    must(pthread_join(thread, NULL) == 0);
    zvm_code_release(code);
    return zvm_runtime_destroy(runtime) == ZVM_OK && right == ISOLATES ? 0 : 1;
}
