// A server that uses its isolates again. Each request gets a warm isolate of the one program, whatever it did
// before: it is as new. The callback of the end gives it back. Exit status 0: all were served.
//
// Build: cc pool.c $(pkg-config --cflags --libs zvm)
// prints: 4 different words: to be or not to be
// prints: 1 different words: one
// prints: 3 different words: the more the better
// prints: 3 different words: a rose is a rose is a rose
#include <zvm.h>

#include <stdio.h>
#include <string.h>

static const char PROGRAM[] = "let seen = {}\n"
                              "for each word in request().split(\" \") { seen[word] = true }\n"
                              "reply(seen.length())\n";

struct request {
    zvm_isolate_pool *pool;
    const char *text;
    long long words; // -1: no reply
};

static zvm_call_outcome give_request(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    const struct request *request = zvm_isolate_user(zvm_call_isolate(call));
    zvm_value text = {.kind = ZVM_VALUE_STRING,
                      .text = request->text,
                      .length_bytes = strlen(request->text)};
    return zvm_call_return(call, &text);
}

static zvm_call_outcome take_reply(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)count;
    struct request *request = zvm_isolate_user(zvm_call_isolate(call));
    request->words = arguments[0].kind == ZVM_VALUE_INT ? arguments[0].integer : -1;
    return ZVM_CALL_RETURNED;
}

// On a worker's thread, once the isolate has come to its end.
static void give_back(zvm_isolate *isolate, void *user)
{
    struct request *request = user;
    (void)zvm_isolate_pool_release(request->pool, isolate);
}

static zvm_status add(zvm_runtime *runtime, const char *name, zvm_host_fn call, uint32_t arguments)
{
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = name;
    function.call = call;
    function.minimum = function.maximum = arguments;
    return zvm_runtime_add_function(runtime, &function);
}

static zvm_status serve(struct request *request)
{
    zvm_isolate *isolate;
    zvm_status status = zvm_isolate_pool_acquire(request->pool, &isolate);
    if (status == ZVM_OK) status = zvm_isolate_set_user(isolate, request);
    return status == ZVM_OK ? zvm_isolate_submit(isolate) : status;
}

static zvm_status serve_all(zvm_runtime *runtime, zvm_code *code)
{
    static const char *const texts[] = {"to be or not to be", "one", "the more the better",
                                        "a rose is a rose is a rose"};
    struct request requests[4];
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate_pool *pool;
    options.on_finish = give_back;
    zvm_status status = zvm_isolate_pool_create(runtime, code, &options, 2, &pool);
    if (status != ZVM_OK) return status;
    for (int i = 0; i < 4 && status == ZVM_OK; i++) {
        requests[i] = (struct request){.pool = pool, .text = texts[i], .words = -1};
        status = serve(&requests[i]);
    }
    (void)zvm_runtime_drain(runtime); // callbacks too
    for (int i = 0; i < 4 && status == ZVM_OK; i++)
        printf("%lld different words: %s\n", requests[i].words, requests[i].text);
    zvm_isolate_pool_destroy(pool);
    return status;
}

int main(void)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_runtime *runtime = NULL;
    zvm_code *code = NULL;
    options.worker_count = 2;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status == ZVM_OK) status = add(runtime, "request", give_request, 0);
    if (status == ZVM_OK) status = add(runtime, "reply", take_reply, 1);
    if (status == ZVM_OK)
        status = zvm_code_from_source(runtime, "words.zx", PROGRAM, strlen(PROGRAM), NULL, NULL,
                                      &code);
    if (status == ZVM_OK) status = serve_all(runtime, code);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    if (status != ZVM_OK) fprintf(stderr, "%s\n", zvm_status_text(status));
    return status == ZVM_OK ? 0 : 1;
}
