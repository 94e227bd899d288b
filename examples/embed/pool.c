// A server that uses its isolates again. Each request gets a warm isolate of the one program, whatever it did
// before: it is as new. The callback of its end takes the answer and gives it back. Exit status 0: all were served.
//
// Build: cc pool.c $(pkg-config --cflags --libs zvm)
// prints: 4 different words: to be or not to be
// prints: 1 different words: one
// prints: 3 different words: the more the better
// prints: 3 different words: a rose is a rose is a rose
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

static const char PROGRAM[] = "let seen = {}\n"
                              "for each word in request.split(' ') { seen[word] = true }\n"
                              "let reply = seen.length()\n";

static zvm_isolate_pool *pool;
struct request {
    const char *text;
    int64_t words; // -1: no reply
};

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// On a worker's thread, once the isolate has come to its end.
static void give_back(zvm_isolate *isolate, void *user)
{
    struct request *request = user;
    zvm_value reply;
    if (zvm_isolate_get_global(isolate, "reply", &reply) == ZVM_OK) request->words = reply.integer;
    must(zvm_isolate_pool_release(pool, isolate));
}

static void serve(struct request *request)
{
    zvm_value text = {.kind = ZVM_VALUE_STRING, .text = request->text};
    zvm_isolate *isolate;
    text.length_bytes = strlen(request->text);
    must(zvm_isolate_pool_acquire(pool, &isolate));
    must(zvm_isolate_set_user(isolate, request));
    must(zvm_isolate_set_global(isolate, "request", &text));
    must(zvm_isolate_submit(isolate));
}

int main(void)
{
    struct request requests[] = {{"to be or not to be", -1},
                                 {"one", -1},
                                 {"the more the better", -1},
                                 {"a rose is a rose is a rose", -1}};
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 2};
    zvm_isolate_options own = {.size = sizeof own, .on_finish = give_back, .fuel_limit = 100000};
    zvm_runtime *runtime;
    zvm_code *code;
    bool are_served = true;
    must(zvm_runtime_create(&options, &runtime));
    must(zvm_code_from_source(runtime, "words", PROGRAM, strlen(PROGRAM), NULL, NULL, &code));
    must(zvm_isolate_pool_create(runtime, code, &own, 2 /* warm ones */, &pool));
    for (int i = 0; i < 4; i++)
        serve(&requests[i]);
    must(zvm_runtime_drain(runtime)); // callbacks, too
    for (int i = 0; i < 4; i++) {
        printf("%d different words: %s\n", (int)requests[i].words, requests[i].text);
        are_served = are_served && requests[i].words > 0;
    }
    zvm_isolate_pool_destroy(pool);
    zvm_code_release(code);
    return zvm_runtime_destroy(runtime) == ZVM_OK && are_served ? 0 : 1;
}
