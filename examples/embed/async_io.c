// Input and output that waits: 50 isolates on one worker read a line from a socket each, and print to it. A read only
// suspends its isolate: the host's loop, in epoll, completes the token. Exit status 0: all clients were answered.
//
// Build: cc async_io.c $(pkg-config --cflags --libs zvm)
// prints: 50 of 50 clients were answered
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 50
static const char ECHO[] = "print('you said: ' + read_line().upper())\n";
static int watcher; // an epoll
static struct client {
    int ends[2]; // of a socket: ours and the client's
    zvm_token token;
} clients[CLIENTS];

static void must(bool is_well)
{
    if (!is_well) err(1, "failed");
}

// read_line(): waits in epoll. The event, and the answer, may come before this returns.
static zvm_call_outcome read_line(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct client *client = zvm_isolate_user(zvm_call_isolate(call));
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = client};
    (void)arguments, (void)count; // none
    bool waits = zvm_call_token(call, &client->token) == ZVM_OK &&
                 epoll_ctl(watcher, EPOLL_CTL_ADD, client->ends[0], &event) == 0;
    return waits ? ZVM_CALL_SUSPENDED : zvm_call_fail(call, "IoError", "cannot wait");
}

// What the program prints. false: it ends with ZVM_E_OUTPUT.
static bool send_text(void *context, const char *text, size_t length_bytes)
{
    const struct client *client = context;
    return write(client->ends[0], text, length_bytes) == (ssize_t)length_bytes;
}

int main(void)
{
    zvm_host_function function = {.size = sizeof function, .name = "read_line", .call = read_line};
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 1};
    zvm_isolate_options own = {.size = sizeof own, .output = send_text};
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    char text[64];
    int answered = 0;
    must((watcher = epoll_create1(0)) >= 0);
    must(zvm_runtime_create(&options, &runtime) == ZVM_OK);
    must(zvm_runtime_add_function(runtime, &function) == ZVM_OK);
    must(zvm_code_from_source(runtime, "p", ECHO, sizeof ECHO - 1, NULL, NULL, &code) == ZVM_OK);
    for (int i = 0; i < CLIENTS; i++) {
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, clients[i].ends) == 0);
        own.user = own.output_context = &clients[i];
        must(zvm_isolate_create(runtime, code, &own, &isolate) == ZVM_OK);
        must(zvm_isolate_submit(isolate) == ZVM_OK);
        must(write(clients[i].ends[1], "hello", 5) == 5); // a client speaks
    }
    for (int i = 0; i < CLIENTS; i++) { // the event loop
        struct epoll_event event;
        must(epoll_wait(watcher, &event, 1, -1) == 1);
        const struct client *one = event.data.ptr;
        ssize_t length = read(one->ends[0], text, sizeof text);
        zvm_value line = {.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = (size_t)length};
        must(length > 0 && zvm_complete(runtime, one->token, &line) == ZVM_OK);
    }
    for (int i = 0; i < CLIENTS; i++)
        answered += read(clients[i].ends[1], text, 16) == 16 && text[10] == 'H';
    printf("%d of %d clients were answered\n", answered, CLIENTS);
    zvm_code_release(code);
    return zvm_runtime_destroy(runtime) == ZVM_OK && answered == CLIENTS ? 0 : 1;
}
