// Two runtimes in one process, that know nothing of each other: each runs its program on a worker of its own,
// at the same time as the other, and refuses what belongs to the other.
#include <zvm.h>

#include <stdio.h>
#include <string.h>

enum { RUNTIMES = 2 };

struct half {
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *isolate;
    char printed[64];
};

static bool keep_output(void *context, const char *text, size_t length_bytes)
{
    strncat(((struct half *)context)->printed, text, length_bytes);
    return true;
}

static zvm_status begin(struct half *half, const char *source)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 1;
    zvm_status status = zvm_runtime_create(&options, &half->runtime);
    if (status != ZVM_OK) return status;
    status = zvm_code_from_source(half->runtime, "half.zx", source, strlen(source), NULL, NULL, &half->code);
    if (status != ZVM_OK) return status;
    zvm_isolate_options of_isolate = ZVM_ISOLATE_OPTIONS_INIT;
    of_isolate.output = keep_output;
    of_isolate.output_context = half;
    status = zvm_isolate_create(half->runtime, half->code, &of_isolate, &half->isolate);
    return status == ZVM_OK ? zvm_isolate_submit(half->isolate) : status;
}

static zvm_status end(struct half *half)
{
    zvm_status status = zvm_isolate_wait(half->isolate, UINT64_MAX);
    if (status == ZVM_OK) status = zvm_isolate_destroy(half->isolate);
    zvm_code_release(half->code);
    zvm_runtime_destroy(half->runtime);
    return status;
}

int main(void)
{
    static const char *const sources[RUNTIMES] = {"let shared = \"a key\"\nprint(shared, 1)\n",
                                                  "let shared = \"a key\"\nprint(shared, 2)\n"};
    static const char *const wanted[RUNTIMES] = {"a key 1\n", "a key 2\n"};
    struct half halves[RUNTIMES] = {{0}};
    for (int i = 0; i < RUNTIMES; i++)
        if (begin(&halves[i], sources[i]) != ZVM_OK) return 1;
    zvm_isolate *stranger = NULL;
    if (zvm_isolate_create(halves[0].runtime, halves[1].code, NULL, &stranger) != ZVM_E_FOREIGN) return 2;
    for (int i = 0; i < RUNTIMES; i++)
        if (end(&halves[i]) != ZVM_OK) return 3;
    for (int i = 0; i < RUNTIMES; i++) {
        if (strcmp(halves[i].printed, wanted[i]) == 0) continue;
        fprintf(stderr, "two_runtimes: runtime %d printed \"%s\"\n", i, halves[i].printed);
        return 4;
    }
    return 0;
}
