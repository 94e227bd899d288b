// Calls that take their time: 100 isolates on one worker ask a service, which answers from a thread of
// its own; while they wait they take no thread. Exit status 0: every answer is right.
//
// Build: cc suspend.c $(pkg-config --cflags --libs zvm) -lpthread
// prints: 100 of 100 answers are right
#include <zvm.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ISOLATES 100

static const char PROGRAM[] = "let answer = square(isolate_id())\n";

static zvm_runtime *runtime;
static int questions[2]; // a pipe
struct question {
    zvm_token token;
    int64_t number;
};

// square(n): hands the question over, and lets the isolate wait.
static zvm_call_outcome square(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct question question = {.number = arguments[0].integer};
    (void)count; // one: see main
    if (zvm_call_token(call, &question.token) != ZVM_OK ||
        write(questions[1], &question, sizeof question) != sizeof question)
        return zvm_call_fail(call, "ServiceError", "cannot ask");
    return ZVM_CALL_SUSPENDED;
}

static void *serve(void *context)
{
    struct question question;
    while (read(questions[0], &question, sizeof question) == sizeof question) {
        zvm_value answer = {.kind = ZVM_VALUE_INT, .integer = question.number * question.number};
        if (question.number == 13)
            zvm_complete_error(runtime, question.token, "ServiceError", "no thirteens");
        else
            zvm_complete(runtime, question.token, &answer);
    }
    return context;
}

static bool is_right(zvm_isolate *isolate, int64_t id)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_value answer;
    if (zvm_isolate_wait(isolate, UINT64_MAX) != ZVM_OK) return false;
    if (zvm_isolate_result(isolate, &result) != ZVM_OK) return false;
    if (id == 13) return strcmp(result.kind, "ServiceError") == 0;
    return zvm_isolate_get_global(isolate, "answer", &answer) == ZVM_OK &&
           answer.integer == id * id;
}

int main(void)
{
    static zvm_isolate *isolates[ISOLATES];
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    zvm_code *code;
    pthread_t thread;
    options.worker_count = 1;
    function.name = "square";
    function.call = square;
    function.minimum = function.maximum = 1;
    if (zvm_runtime_create(&options, &runtime) != ZVM_OK || pipe(questions) != 0) return 1;
    if (pthread_create(&thread, NULL, serve, NULL) != 0) return 1;
    if (zvm_runtime_add_function(runtime, &function) != ZVM_OK) return 1;
    if (zvm_code_from_source(runtime, "s", PROGRAM, strlen(PROGRAM), NULL, NULL, &code) != ZVM_OK)
        return 1;
    int right = 0;
    for (int id = 0; id < ISOLATES; id++) {
        zvm_isolate_options own = ZVM_ISOLATE_OPTIONS_INIT;
        own.id = id;
        if (zvm_isolate_create(runtime, code, &own, &isolates[id]) != ZVM_OK) return 1;
        if (zvm_isolate_submit(isolates[id]) != ZVM_OK) return 1;
    }
    for (int id = 0; id < ISOLATES; id++)
        right += is_right(isolates[id], id);
    printf("%d of %d answers are right\n", right, ISOLATES);
    close(questions[1]);
    pthread_join(thread, NULL);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // and the isolates
    return right == ISOLATES ? 0 : 1;
}
