// What the tests of values and builtins share: an isolate with no program, ready as if it were running,
// and values that stay rooted.
#ifndef ZVM_TESTS_UNIT_VM_FIXTURE_H
#define ZVM_TESTS_UNIT_VM_FIXTURE_H

#include "base/alloc.h"
#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/isolate.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/string.h"
#include "vm/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Where each allocation collects, tests of size make do with less.
#ifdef ZVM_GC_STRESS
#    define VM_STRESS 1
#else
#    define VM_STRESS 0
#endif

#define VM_ROOTS 64

struct vm {
    struct zspan_pool *pool;
    struct zrunner runner;
    struct zintern *intern;
    struct zshared *shared;
    struct zcode *code;
    struct zisolate *iso;
    struct zscope scope;
    struct zvalue roots[VM_ROOTS]; // of the test
    struct zstrbuf printed;
};

static inline bool vm_write(void *context, const char *text, size_t length_bytes)
{
    struct vm *vm = context;
    zstrbuf_add(&vm->printed, text, length_bytes);
    return true;
}

// False when memory was refused on the way; vm_close is due all the same.
static inline bool vm_try_open(struct vm *vm, uint64_t heap_limit_bytes, uint64_t fuel)
{
    memset(vm, 0, sizeof *vm);
    zstrbuf_init(&vm->printed);
    if (zspan_pool_create(&vm->pool) != ZVM_OK) return false;
    if (zrunner_init(&vm->runner, vm->pool) != ZVM_OK) return false;
    if (zintern_create(&(struct zintern_options){0}, &vm->intern) != ZVM_OK) return false;
    if (zshared_create(vm->intern, &vm->shared) != ZVM_OK) return false;
    vm->code = zcode_create(vm->intern, "test.zx");
    if (vm->code == NULL) return false;
    struct zisolate_options options = {.id = 7,
                                       .heap_limit_bytes = heap_limit_bytes,
                                       .fuel_limit = fuel,
                                       .output = vm_write,
                                       .output_context = vm};
    if (zisolate_create(vm->shared, vm->code, vm->runner.env, &options, &vm->iso) != ZVM_OK)
        return false;
    vm->iso->runner = &vm->runner;
    vm->iso->heap.env = vm->runner.env;
    for (int i = 0; i < VM_ROOTS; i++)
        vm->roots[i] = zvalue_null();
    zscope_open(&vm->iso->heap, &vm->scope, vm->roots, VM_ROOTS);
    return true;
}

static inline void vm_open(struct vm *vm)
{
    assert_true(vm_try_open(vm, UINT64_C(1) << 30, 0));
}

static inline void vm_close(struct vm *vm)
{
    if (vm->iso != NULL) {
        zscope_close(&vm->iso->heap, &vm->scope);
        zisolate_destroy(vm->iso, vm->runner.env);
    }
    if (vm->code != NULL) zcode_release(vm->code);
    zshared_destroy(vm->shared);
    if (vm->intern != NULL) zintern_destroy(vm->intern);
    zrunner_deinit(&vm->runner);
    if (vm->pool != NULL) zspan_pool_destroy(vm->pool);
    zstrbuf_deinit(&vm->printed);
}

static inline void vm_verify(struct vm *vm)
{
    char why[200] = "";
    if (!zheap_verify(&vm->iso->heap, why, sizeof why)) fail_msg("%s", why);
}

// ---- Making and reading values ------------------------------------------------------------------

static inline struct zvalue vm_string(struct vm *vm, const char *text)
{
    struct zvalue out = zvalue_null();
    assert_true(zstring_new(vm->iso, text, strlen(text), &out));
    return out;
}

// The text of a value; good until the next call that makes text.
static inline const char *vm_text(struct vm *vm, struct zvalue value)
{
    zstrbuf_clear(&vm->runner.scratch);
    assert_true(ztext_append(vm->iso, value, &vm->runner.scratch));
    return zstrbuf_text(&vm->runner.scratch);
}

#define assert_text(vm, value, expected) assert_string_equal(vm_text((vm), (value)), (expected))

static inline bool vm_is_bytes(struct zvalue string, const char *bytes, size_t length_bytes)
{
    return zstring_length_bytes(string.p) == length_bytes &&
           memcmp(zstring_bytes(string.p), bytes, length_bytes) == 0;
}

// Checks and takes back the error that is pending: "Kind: message".
static inline void vm_expect_error(struct vm *vm, const char *expected)
{
    assert_int_equal(vm->iso->pending, ZPENDING_ERROR);
    assert_int_equal(vm->iso->error.tag, ZTAG_ERROR);
    const struct zerror *error = vm->iso->error.p;
    char text[600];
    snprintf(text, sizeof text, "%s: %s", zstring_bytes((void *)(uintptr_t)error->kind),
             zstring_bytes((void *)(uintptr_t)error->message));
    assert_string_equal(text, expected);
    vm->iso->pending = ZPENDING_NOTHING;
    vm->iso->error = zvalue_null();
}

// ---- Calling builtins ---------------------------------------------------------------------------

#define VM_WINDOW 40 // roots from here on are the registers of the call

// What the program's function answers, called with arguments; for steps that call back.
typedef bool (*vm_callback)(struct vm *vm, struct zvalue *arguments, uint32_t count,
                            struct zvalue *result);

static inline bool vm_run_native(struct vm *vm, const struct zbuiltin *builtin, uint32_t count,
                                 vm_callback callback)
{
    struct zvalue *r = &vm->roots[VM_WINDOW];
    struct znative_context context = {.registers = r, .argument_count = count};
    for (;;) {
        enum znative_step step = builtin->step(vm->iso, &context);
        if (step == ZNATIVE_RETURN) return true;
        if (step == ZNATIVE_FAIL) return false;
        struct zvalue *window = &r[context.call_register];
        assert_in_range(context.call_register + context.call_count, 0, builtin->register_count - 1);
        if (!callback(vm, window + 1, context.call_count, window)) return false;
    }
}

// Calls the builtin `name` with count arguments; the result is in *result.
static inline bool vm_call_with(struct vm *vm, const char *name, vm_callback callback,
                                struct zvalue *result, uint32_t count,
                                const struct zvalue *arguments)
{
    uint32_t row = zbuiltin_find(name, strlen(name));
    assert_int_not_equal(row, ZBUILTIN_NONE);
    const struct zbuiltin *builtin = &zbuiltin_table[row];
    struct zvalue *r = &vm->roots[VM_WINDOW];
    for (uint32_t i = 0; i < VM_ROOTS - VM_WINDOW; i++)
        r[i] = i < count ? arguments[i] : zvalue_null();
    if (!zbuiltin_check_count(vm->iso, builtin, count, false)) return false;
    bool ok = builtin->call != NULL ? builtin->call(vm->iso, r, count, &r[0])
                                    : vm_run_native(vm, builtin, count, callback);
    if (ok) *result = r[0];
    return ok;
}

#define vm_call(vm, name, result, ...)                                                       \
    vm_call_with((vm), (name), NULL, (result),                                               \
                 (uint32_t)(sizeof((struct zvalue[]){__VA_ARGS__}) / sizeof(struct zvalue)), \
                 (struct zvalue[]){__VA_ARGS__})

#endif // ZVM_TESTS_UNIT_VM_FIXTURE_H
