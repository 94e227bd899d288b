// Goal: pools do without the memory that they are refused: a program prints the same, a set of the
// host answers the same, and nothing leaks.
// Method: bodies that fill all pools, under the fault loop.
#include "fault/fault.h"

#include "zvm.h"

#include <stdio.h>
#include <string.h>

static zvm_status use_set(zvm_pools *pools)
{
    for (int64_t i = 0; i < 200; i++) {
        const zvm_pool_integer *integer;
        const char *text;
        zvm_list *list;
        char own[16];
        int length = snprintf(own, sizeof own, "%lld", (long long)(1000 + i % 70));
        if (zvm_pools_int(pools, 1000 + i % 70, &integer) != ZVM_OK) return ZVM_E_INTERNAL;
        if (strcmp(integer->text, own) != 0) return ZVM_E_INTERNAL;
        if (zvm_pools_int(pools, i % 10, &integer) != ZVM_OK) return ZVM_E_INTERNAL;
        if (integer->value != i % 10) return ZVM_E_INTERNAL;
        if (zvm_pools_str(pools, own, (size_t)length, &text) != ZVM_OK) return ZVM_E_INTERNAL;
        if (strcmp(text, own) != 0) return ZVM_E_INTERNAL;
        zvm_status status = zvm_pools_list_acquire(pools, (size_t)i % 20, &list);
        if (status != ZVM_OK) return status;
        if (i % 3 != 0 && zvm_pools_list_release(pools, list) != ZVM_OK) return ZVM_E_INTERNAL;
    }
    return ZVM_OK;
}

static zvm_status live_set(void *context)
{
    (void)context;
    zvm_pools *pools;
    zvm_status status = zvm_pools_create(NULL, &pools);
    if (status != ZVM_OK) return status;
    status = use_set(pools);
    if (zvm_pools_destroy(pools) != ZVM_OK) return ZVM_E_INTERNAL;
    return status;
}

static void test_set_each_allocation_refused_is_survived(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(live_set, NULL, ZVM_E_NOMEM) > 100);
}

// Beyond its first page, so that the pools come into being; growing texts, keys and lists.
static const char PROGRAM[] = "let kept = []\n"
                              "for each i in range(60) {\n"
                              "    let list = []\n"
                              "    for each j in range(12) { list.push(string(1000 + i * j)) }\n"
                              "    let map = {}\n"
                              "    map[\"key ${i % 7}\"] = i\n"
                              "    kept.push(list)\n"
                              "}\n"
                              "print(kept[59][11], kept.len(), 1649)\n";

struct program {
    zvm_runtime *runtime;
    zvm_code *code;
    char printed[64];
    size_t printed_bytes;
};

static bool take_output(void *context, const char *text, size_t length_bytes)
{
    struct program *program = context;
    if (length_bytes > sizeof program->printed - program->printed_bytes) return false;
    memcpy(program->printed + program->printed_bytes, text, length_bytes);
    program->printed_bytes += length_bytes;
    return true;
}

static zvm_status run_program(void *context)
{
    struct program *program = context;
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.list_pool_size = 4;
    options.gc_threshold_count = 150;
    options.output = take_output;
    options.output_context = program;
    program->printed_bytes = 0;
    zvm_isolate *isolate;
    zvm_status status = zvm_isolate_create(program->runtime, program->code, &options, &isolate);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_run(isolate, 0, NULL);
    if (status == ZVM_OK) {
        zvm_result result = ZVM_RESULT_INIT;
        (void)zvm_isolate_result(isolate, &result);
        status = result.status;
        static const char expected[] = "1649 60 1649\n";
        bool is_right = program->printed_bytes == sizeof expected - 1 &&
                        memcmp(program->printed, expected, sizeof expected - 1) == 0;
        if (status == ZVM_OK && !is_right) status = ZVM_E_INTERNAL;
        if (status == ZVM_E_HEAP_LIMIT) status = ZVM_E_NOMEM; // an error that programs can catch
    }
    if (zvm_isolate_destroy(isolate) != ZVM_OK) return ZVM_E_INTERNAL;
    return status;
}

// What a thread keeps for its next isolates is made by a first run, and belongs to nobody's body.
static zvm_status live_program(void *context)
{
    struct program *program = context;
    zvm_status status = zvm_runtime_create(NULL, &program->runtime);
    if (status != ZVM_OK) return status;
    status = zvm_code_from_source(program->runtime, "test.zx", PROGRAM, strlen(PROGRAM), NULL, NULL,
                                  &program->code);
    if (status == ZVM_OK) {
        status = run_program(program);
        zvm_code_release(program->code);
    }
    zvm_runtime_destroy(program->runtime);
    return status;
}

static void test_program_each_allocation_refused_is_survived(void **state)
{
    (void)state;
    static struct program program;
    assert_true(fault_each_allocation(live_program, &program, ZVM_E_NOMEM) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_each_allocation_refused_is_survived),
        cmocka_unit_test(test_program_each_allocation_refused_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
