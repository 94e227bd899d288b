// Isolates that programs make: the program starts helpers with `spawn`, learns by messages which have failed,
// and starts these again. The host allows it, gives all of them limits together by a group, and is told of
// failures that nobody watches. Exit status 0: all came out as it should.
//
// Build: cc supervisor.c $(pkg-config --cflags --libs zvm)
// prints: jobs done 10, starts 15
// prints: nobody watched: WorkError: lost
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

// Every second job fails at its first try. One more helper fails that nobody watches.
static const char PROGRAM[] =
    "action work(job, attempt) {\n"
    "  if job % 2 == 0 and attempt == 1 { throw error('job ${job}', 'WorkError') }\n"
    "  return job\n"
    "}\n"
    "action lose(parent) { send(parent, null)\n throw error('lost', 'WorkError') }\n"
    "spawn lose(self())\n"
    "receive()\n"
    "let starts = 0\n"
    "let done = 0\n"
    "let running = []\n"
    "action start(job, attempt) {\n"
    "  starts += 1\n"
    "  running.push([monitor(spawn work(job, attempt)), job, attempt])\n"
    "}\n"
    "for each job in range(10) { start(job, 1) }\n"
    "while done < 10 {\n"
    "  let message = receive()\n"
    "  let entry = running.filter(r => r[0] == message['exit'])[0]\n"
    "  if message['reason'] == 'finished' { done += 1 }\n"
    "  else { start(entry[1], entry[2] + 1) }\n"
    "}\n";

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// On any thread, when nothing names the isolate that failed any more. Of the result only how it failed is set.
static void tell(const zvm_result *result, void *user)
{
    snprintf(user, 64, "%s: %s", result->kind, result->message);
}

int main(void)
{
    zvm_runtime_options options = {.size = sizeof options, .worker_count = 2};
    zvm_group_options limits = ZVM_GROUP_OPTIONS_INIT;
    zvm_isolate_options own = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *first;
    zvm_value done, starts;
    char unwatched[64] = "";
    limits.isolate_limit = 100; // a program that only spawns meets it
    limits.fuel_limit = 10000000;
    must(zvm_runtime_create(&options, &runtime));
    must(zvm_group_create(runtime, &limits, &own.group));
    must(zvm_code_from_source(runtime, "s", PROGRAM, strlen(PROGRAM), NULL, NULL, &code));
    own.may_spawn = 1;
    own.on_unwatched = tell;
    own.user = unwatched;
    must(zvm_isolate_create(runtime, code, &own, &first));
    must(zvm_isolate_submit(first));
    must(zvm_isolate_wait(first, UINT64_MAX));
    must(zvm_runtime_drain(runtime)); // those that were spawned end with the first one
    must(zvm_isolate_get_global(first, "done", &done));
    must(zvm_isolate_get_global(first, "starts", &starts));
    must(zvm_isolate_destroy(first)); // and what its heap names
    printf("jobs done %d, starts %d\n", (int)done.integer, (int)starts.integer);
    printf("nobody watched: %s\n", unwatched);
    zvm_code_release(code);
    must(zvm_runtime_destroy(runtime));
    return done.integer == 10 && starts.integer == 15 && unwatched[0] != 0 ? 0 : 1;
}
