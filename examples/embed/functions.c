// Functions of the host: a program reads settings from it, and catches the error of one that is
// missing. Exit status 0: the program printed what it should.
//
// Build: cc functions.c $(pkg-config --cflags --libs zvm)
// prints: box has 2 cores
// prints: SettingError: no setting of that name
#include <zvm.h>

#include <stdio.h>
#include <string.h>

static const char PROGRAM[] = "print(\"${setting('name')} has ${setting('cores')} cores\")\n"
                              "try { setting(\"colour\") }\n"
                              "catch (e) { print(\"${e.kind}: ${e.message}\") }\n";
static const char WANTED[] = "box has 2 cores\nSettingError: no setting of that name\n";

struct settings {
    const char *name;
    int64_t cores;
};

static bool is_text(const zvm_value *value, const char *text)
{
    return value->kind == ZVM_VALUE_STRING && value->length_bytes == strlen(text) &&
           memcmp(value->text, text, value->length_bytes) == 0;
}

// setting(name)
static zvm_call_outcome setting(zvm_call *call, const zvm_value *arguments, size_t count)
{
    const struct settings *settings = zvm_call_user(call);
    zvm_value value = {.kind = ZVM_VALUE_INT, .integer = settings->cores};
    (void)count; // one: see main
    if (is_text(&arguments[0], "cores")) return zvm_call_return(call, &value);
    if (!is_text(&arguments[0], "name"))
        return zvm_call_fail(call, "SettingError", "no setting of that name");
    value = (zvm_value){
        .kind = ZVM_VALUE_STRING, .text = settings->name, .length_bytes = strlen(settings->name)};
    return zvm_call_return(call, &value);
}

static bool collect(void *context, const char *text, size_t length_bytes)
{
    char *printed = context;
    strncat(printed, text, length_bytes);
    return true;
}

int main(void)
{
    struct settings settings = {"box", 2};
    char printed[256] = "";
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    function.name = "setting";
    function.call = setting;
    function.user = &settings;
    function.minimum = function.maximum = 1;
    options.output = collect;
    options.output_context = printed;

    if (zvm_runtime_create(NULL, &runtime) != ZVM_OK) return 1;
    if (zvm_runtime_add_function(runtime, &function) != ZVM_OK) return 1;
    if (zvm_code_from_source(runtime, "settings.zx", PROGRAM, strlen(PROGRAM), NULL, NULL, &code) !=
        ZVM_OK)
        return 1;
    if (zvm_isolate_create(runtime, code, &options, &isolate) != ZVM_OK) return 1;
    if (zvm_isolate_run(isolate, 0, NULL) != ZVM_OK) return 1;
    fputs(printed, stdout);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime); // and the isolate
    return strcmp(printed, WANTED) == 0 ? 0 : 1;
}
