// A host in C++: the header between its own, a callback with C linkage, and the initialiser macros.
#include <zvm.h>

#include <string>

extern "C" bool keep_output(void *context, const char *text, size_t length_bytes)
{
    static_cast<std::string *>(context)->append(text, length_bytes);
    return true;
}

// Isolates that were made, and those that are gone.
struct lives {
    int made, gone;
};

extern "C" void count_lives(void *context, const zvm_event *event)
{
    lives *all = static_cast<lives *>(context);
    if (event->kind == ZVM_EVENT_CREATED) all->made++;
    if (event->kind == ZVM_EVENT_DESTROYED) all->gone++;
}

int main()
{
    lives all = {};
    zvm_runtime_options of_runtime = ZVM_RUNTIME_OPTIONS_INIT;
    of_runtime.on_event = count_lives;
    of_runtime.hook_context = &all;
    zvm_runtime *runtime = nullptr;
    if (zvm_runtime_create(&of_runtime, &runtime) != ZVM_OK) return 1;
    const std::string source = "print(6 * 7)\n";
    zvm_code *code = nullptr;
    if (zvm_code_from_source(runtime, "answer.zx", source.data(), source.size(), nullptr, nullptr, &code) != ZVM_OK)
        return 2;
    std::string printed;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = keep_output;
    options.output_context = &printed;
    zvm_isolate *isolate = nullptr;
    if (zvm_isolate_create(runtime, code, &options, &isolate) != ZVM_OK) return 3;
    zvm_code_release(code);
    bool finished = false;
    if (zvm_isolate_run(isolate, 0, &finished) != ZVM_OK || !finished) return 4;
    zvm_result result = {};
    result.size = sizeof result;
    if (zvm_isolate_result(isolate, &result) != ZVM_OK || result.status != ZVM_OK) return 5;
    zvm_isolate_destroy(isolate);
    zvm_runtime_destroy(runtime);
    if (all.made != 1 || all.gone != 1) return 7;
    return printed == "42\n" ? 0 : 6;
}
