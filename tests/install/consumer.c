// A host program built only from what an installation holds: it runs one program on two workers.
#include <zvm.h>

#include <stdio.h>
#include <string.h>

static bool keep_output(void *context, const char *text, size_t length_bytes)
{
    char *kept = context;
    strncat(kept, text, length_bytes);
    return true;
}

static int say(const char *what, zvm_status status)
{
    fprintf(stderr, "consumer: %s: %s\n", what, zvm_status_text(status));
    return 1;
}

static int run_once(zvm_runtime *runtime)
{
    static const char source[] = "print(6 * 7)\n";
    char printed[64] = "";
    zvm_code *code = NULL;
    zvm_isolate *isolate = NULL;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = keep_output;
    options.output_context = printed;

    zvm_status status =
        zvm_code_from_source(runtime, "answer.zx", source, sizeof source - 1, NULL, NULL, &code);
    if (status != ZVM_OK) return say("compile", status);
    status = zvm_isolate_create(runtime, code, &options, &isolate);
    zvm_code_release(code); // the isolate holds its own reference
    if (status != ZVM_OK) return say("create", status);
    status = zvm_isolate_submit(isolate);
    if (status == ZVM_OK) status = zvm_isolate_wait(isolate, UINT64_MAX);
    if (status != ZVM_OK) return say("run", status);
    status = zvm_isolate_destroy(isolate);
    if (status != ZVM_OK) return say("destroy", status);
    if (strcmp(printed, "42\n") == 0) return 0;
    fprintf(stderr, "consumer: printed \"%s\"\n", printed);
    return 1;
}

int main(void)
{
    if (zvm_version_number() != ZVM_VERSION_NUMBER) return 1;
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    zvm_runtime *runtime = NULL;
    zvm_status status = zvm_runtime_create(&options, &runtime);
    if (status != ZVM_OK) return say("runtime", status);
    int result = run_once(runtime);
    zvm_runtime_destroy(runtime);
    return result;
}
