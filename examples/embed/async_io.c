// Input and output that waits: 50 isolates on one worker each read a line from a socket of their own, and what
// they print is sent there. A read suspends its isolate, which then takes no thread; the host's one loop sleeps
// in epoll and completes the token when the line is there. Exit status 0: all clients were answered.
//
// Build: cc async_io.c $(pkg-config --cflags --libs zvm)
// prints: 50 of 50 clients were answered
#include <zvm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 50

static const char PROGRAM[] = "print('you said: ' + read_line().upper())\n";
static int watcher; // an epoll
struct connection {
    int ends[2]; // of a socket: ours and the client's
    zvm_token token;
};

static void must(bool is_well)
{
    if (!is_well) exit(1);
}

// read_line(): waits in epoll. The event, and the answer, may come before this returns.
static zvm_call_outcome read_line(zvm_call *call, const zvm_value *arguments, size_t count)
{
    struct connection *connection = zvm_isolate_user(zvm_call_isolate(call));
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = connection};
    (void)arguments;
    (void)count;
    if (zvm_call_token(call, &connection->token) != ZVM_OK ||
        epoll_ctl(watcher, EPOLL_CTL_ADD, connection->ends[0], &event) != 0)
        return zvm_call_fail(call, "IoError", "cannot wait");
    return ZVM_CALL_SUSPENDED;
}

// What the program prints. false: it ends with ZVM_E_OUTPUT.
static bool send_text(void *context, const char *text, size_t length_bytes)
{
    const struct connection *connection = context;
    return write(connection->ends[0], text, length_bytes) == (ssize_t)length_bytes;
}

static void start(zvm_runtime *runtime, zvm_code *code, struct connection *connection)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate *isolate;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, connection->ends) == 0);
    options.user = options.output_context = connection;
    options.output = send_text;
    must(zvm_isolate_create(runtime, code, &options, &isolate) == ZVM_OK);
    must(zvm_isolate_submit(isolate) == ZVM_OK);
    must(write(connection->ends[1], "hello", 5) == 5); // a client speaks
}

// Waits until some line has come, and gives it to the isolate that waits for it.
static void answer_one(zvm_runtime *runtime)
{
    char line[64];
    struct epoll_event event;
    must(epoll_wait(watcher, &event, 1, -1) == 1);
    const struct connection *connection = event.data.ptr;
    ssize_t length = read(connection->ends[0], line, sizeof line);
    zvm_value value = {.kind = ZVM_VALUE_STRING, .text = line, .length_bytes = (size_t)length};
    must(length > 0 && zvm_complete(runtime, connection->token, &value) == ZVM_OK);
}

int main(void)
{
    static struct connection connections[CLIENTS];
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    zvm_host_function function = {sizeof function, "read_line", read_line, NULL, 0, 0, 0, 0, 0};
    zvm_runtime *runtime;
    zvm_code *code;
    char reply[64];
    int answered = 0;
    options.worker_count = 1;
    watcher = epoll_create1(0);
    must(watcher >= 0);
    must(zvm_runtime_create(&options, &runtime) == ZVM_OK);
    must(zvm_runtime_add_function(runtime, &function) == ZVM_OK);
    must(zvm_code_from_source(runtime, "p", PROGRAM, strlen(PROGRAM), NULL, NULL, &code) == ZVM_OK);
    for (int i = 0; i < CLIENTS; i++)
        start(runtime, code, &connections[i]);
    for (int i = 0; i < CLIENTS; i++)
        answer_one(runtime);
    must(zvm_runtime_drain(runtime) == ZVM_OK);
    for (int i = 0; i < CLIENTS; i++)
        answered += read(connections[i].ends[1], reply, sizeof reply) == 16 && reply[10] == 'H';
    printf("%d of %d clients were answered\n", answered, CLIENTS);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return answered == CLIENTS ? 0 : 1;
}
