// A host whose programs use modules that stand in its memory and in no file. Exit status 0: the program
// printed what it should.
//
// Build: cc modules.c $(pkg-config --cflags --libs zvm)
#include <zvm.h>

#include <stdio.h>
#include <string.h>

static const char PROGRAM[] = "use \"./lib/prices.zx\" as prices\n"
                              "use { discount as off } from \"./lib/rules.zx\"\n"
                              "print(prices.of(\"tea\") - off)\n";

struct file {
    const char *path, *text;
};

static const struct file FILES[] = {
    {"lib/prices.zx", "let table = {tea: 7, milk: 3}\n"
                      "export action of(name) { return table.get(name, 0) }\n"},
    {"lib/rules.zx", "export const discount = 2\n"},
};

static zvm_status load(void *context, const char *path, zvm_module_request *request)
{
    (void)context;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++)
        if (strcmp(FILES[i].path, path) == 0)
            return zvm_module_give(request, NULL, FILES[i].text, strlen(FILES[i].text));
    zvm_module_refuse(request, "this host has no such module");
    return ZVM_E_NOT_FOUND;
}

static bool to_stderr(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    return fwrite(text, 1, length_bytes, stderr) == length_bytes;
}

static bool check_output(void *context, const char *text, size_t length_bytes)
{
    *(bool *)context = length_bytes == 2 && memcmp(text, "5\n", 2) == 0;
    return true;
}

static bool run(zvm_runtime *runtime, zvm_code *code)
{
    bool is_right = false;
    zvm_isolate *isolate;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = check_output;
    options.output_context = &is_right;
    if (zvm_isolate_create(runtime, code, &options, &isolate) != ZVM_OK) return false;
    zvm_status status = zvm_isolate_run(isolate, 0, NULL);
    zvm_isolate_destroy(isolate);
    return status == ZVM_OK && is_right;
}

int main(void)
{
    zvm_runtime *runtime;
    zvm_code *code = NULL;
    if (zvm_runtime_create(NULL, &runtime) != ZVM_OK) return 1;

    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    options.text = PROGRAM;
    options.length_bytes = strlen(PROGRAM);
    options.load = load;
    zvm_status status = zvm_code_from_file(runtime, "shop.zx", &options, to_stderr, NULL, &code);
    bool is_right = status == ZVM_OK && run(runtime, code);

    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return is_right ? 0 : 1;
}
