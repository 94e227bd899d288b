// The least that a host does: a runtime without threads, one program, what it prints, and how it ended. This
// file is C and C++ at once, and is built as both. Exit status 0: the program ended well.
//
// Build: cc hello.c $(pkg-config --cflags --libs zvm)
// prints: hello, world
// prints: the program ended: ok; fuel used: yes
#include <zvm.h>

#include <stdio.h>
#include <string.h>

static const char PROGRAM[] = "print(\"hello, ${name}\")\n";

static bool to_file(void *file, const char *text, size_t length_bytes)
{
    return fwrite(text, 1, length_bytes, (FILE *)file) == length_bytes;
}

static zvm_status run(zvm_runtime *runtime, zvm_code *code)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_isolate *isolate;
    zvm_value name = {ZVM_VALUE_STRING, false, 0, 0.0, "world", 5, NULL, NULL, 0, 0};
    options.output = to_file;
    options.output_context = stdout;
    options.fuel_limit = 1000000; // a program that does not end is ended
    zvm_status status = zvm_isolate_create(runtime, code, &options, &isolate);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_set_global(isolate, "name", &name);
    if (status == ZVM_OK) status = zvm_isolate_run(isolate, 0, NULL);
    zvm_result result = ZVM_RESULT_INIT;
    if (status == ZVM_OK) status = zvm_isolate_result(isolate, &result);
    if (status == ZVM_OK) status = result.status;
    printf("the program ended: %s; fuel used: %s\n", zvm_status_text(status),
           result.fuel_used > 0 ? "yes" : "no");
    (void)zvm_isolate_destroy(isolate);
    return status;
}

int main(void)
{
    zvm_runtime *runtime;
    zvm_code *code;
    if (zvm_runtime_create(NULL, &runtime) != ZVM_OK) return 1;
    zvm_status status =
        zvm_code_from_source(runtime, "hello.zx", PROGRAM, strlen(PROGRAM), to_file, stderr, &code);
    if (status == ZVM_OK) {
        status = run(runtime, code);
        zvm_code_release(code);
    }
    zvm_runtime_destroy(runtime);
    return status == ZVM_OK ? 0 : 1;
}
