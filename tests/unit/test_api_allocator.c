// Goal: with an allocator of the host all memory of zvm comes from it, with sizes that are true; it can only be set
// while zvm has none; and when it refuses, calls fail as they do without memory.
// Method: an allocator that writes size and alignment of each block in front of it, and looks at both again.
#include "runtime_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>

#define COOKIE UINT64_C(0x5a766d2d616c6c6f)

struct front {
    void *base;
    size_t bytes, alignment;
    uint64_t cookie;
};

static _Atomic uint64_t live_blocks, live_bytes, calls, wrong;
static _Atomic int64_t calls_until_refusal; // 0: none is refused; from then on all are

static struct front *front_of(void *memory)
{
    return (struct front *)memory - 1;
}

static bool is_refused(void)
{
    atomic_fetch_add(&calls, 1);
    if (atomic_load(&calls_until_refusal) == 0) return false;
    if (atomic_load(&calls_until_refusal) == 1) return true;
    atomic_fetch_sub(&calls_until_refusal, 1);
    return false;
}

static void *checked_allocate(void *user, size_t alignment, size_t bytes)
{
    if (user != &live_blocks || bytes == 0 || alignment < 8 || (alignment & (alignment - 1)) != 0)
        atomic_fetch_add(&wrong, 1);
    if (is_refused()) return NULL;
    char *base = malloc(sizeof(struct front) + alignment + bytes);
    if (base == NULL) return NULL;
    uintptr_t at = (uintptr_t)base + sizeof(struct front);
    char *memory = base + sizeof(struct front) + (alignment - at % alignment) % alignment;
    *front_of(memory) = (struct front){base, bytes, alignment, COOKIE};
    memset(memory, 0xa5, bytes);
    atomic_fetch_add(&live_blocks, 1);
    atomic_fetch_add(&live_bytes, bytes);
    return memory;
}

static void checked_free(void *user, void *memory, size_t bytes)
{
    struct front *front = front_of(memory);
    if (user != &live_blocks || front->cookie != COOKIE || front->bytes != bytes)
        atomic_fetch_add(&wrong, 1);
    front->cookie = 0;
    atomic_fetch_sub(&live_blocks, 1);
    atomic_fetch_sub(&live_bytes, bytes);
    free(front->base);
}

static void *checked_resize(void *user, void *memory, size_t old_bytes, size_t new_bytes)
{
    struct front *front = front_of(memory);
    if (front->bytes != old_bytes || front->alignment != _Alignof(max_align_t))
        atomic_fetch_add(&wrong, 1);
    void *moved = checked_allocate(user, front->alignment, new_bytes);
    if (moved == NULL) {
        if (new_bytes > old_bytes) return NULL;
        atomic_fetch_sub(&live_bytes, old_bytes - new_bytes);
        front->bytes = new_bytes; // that is what it will be told
        return NULL;
    }
    memcpy(moved, memory, old_bytes < new_bytes ? old_bytes : new_bytes);
    checked_free(user, memory, old_bytes);
    return moved;
}

static zvm_allocator checked_allocator(void)
{
    zvm_allocator allocator = ZVM_ALLOCATOR_INIT;
    allocator.allocate = checked_allocate;
    allocator.resize = checked_resize;
    allocator.free = checked_free;
    allocator.user = &live_blocks;
    return allocator;
}

static int use_checked_allocator(void **state)
{
    (void)state;
    zvm_allocator allocator = checked_allocator();
    calls_until_refusal = 0;
    wrong = 0;
    calls = 0;
    return zvm_set_allocator(&allocator) == ZVM_OK ? 0 : -1;
}

static int use_malloc(void **state)
{
    (void)state;
    return zvm_set_allocator(NULL) == ZVM_OK ? 0 : -1;
}

static void check_nothing_is_left(void)
{
    assert_int_equal(wrong, 0);
    assert_int_equal(live_blocks, 0);
    assert_int_equal(live_bytes, 0);
}

// ---- All memory ---------------------------------------------------------------------------------

static const char program[] = "let kept = []\n"
                              "for each i in range(0, 2000) {\n"
                              "    push(kept, { number: i, text: \"text ${i}\" })\n"
                              "    if len(kept) > 100 { kept = [] }\n"
                              "}\n"
                              "let long = \"\"\n"
                              "for each i in range(0, 2000) { long += \"abcdefgh\" }\n"
                              "print(len(long), len(kept))\n";

static void test_all_memory_of_a_runtime_is_the_hosts(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(2);
    zvm_code *code = compile(runtime, program);
    zvm_isolate *isolates[8];
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.gc_threshold_count = 200;
    for (int i = 0; i < 8; i++) {
        isolates[i] = make_isolate(runtime, code, &options);
        assert_int_equal(zvm_isolate_submit(isolates[i]), ZVM_OK);
    }
    assert_int_equal(zvm_runtime_drain(runtime), ZVM_OK);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(result_of(isolates[i]).status, ZVM_OK);
        assert_true(result_of(isolates[i]).collections > 0);
        assert_int_equal(zvm_isolate_destroy(isolates[i]), ZVM_OK);
    }
    assert_true(live_blocks > 0);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    assert_true(calls > 100);
    check_nothing_is_left();
}

static void test_all_memory_of_managers_and_pools_is_the_hosts(void **state)
{
    (void)state;
    zvm_mm *mm;
    assert_int_equal(zvm_mm_create(NULL, &mm), ZVM_OK);
    for (uint32_t i = 0; i < 10000; i++) {
        zvm_handle handle;
        assert_int_equal(zvm_mm_allocate(mm, i % 500, &handle), ZVM_OK);
    }
    assert_int_equal(zvm_mm_destroy(mm), ZVM_OK);
    zvm_pools *pools;
    assert_int_equal(zvm_pools_create(NULL, &pools), ZVM_OK);
    for (int64_t i = 0; i < 5000; i++) {
        const zvm_pool_integer *integer;
        assert_int_equal(zvm_pools_int(pools, i, &integer), ZVM_OK);
    }
    assert_int_equal(zvm_pools_destroy(pools), ZVM_OK);
    check_nothing_is_left();
}

// ---- Refusals -----------------------------------------------------------------------------------

// Whatever of it works; the statuses say what did not.
static zvm_status try_everything(void)
{
    zvm_runtime *runtime = NULL;
    zvm_code *code = NULL;
    zvm_isolate *isolate = NULL;
    zvm_status status = zvm_runtime_create(NULL, &runtime);
    if (status != ZVM_OK) return status;
    status = zvm_code_from_source(runtime, "a.zx", "let m = { a: [1, 2] }\nprint(m)\n", 31, NULL,
                                  NULL, &code);
    if (status == ZVM_OK) status = zvm_isolate_create(runtime, code, NULL, &isolate);
    if (status == ZVM_OK) status = zvm_isolate_run(isolate, 0, NULL);
    zvm_result result = ZVM_RESULT_INIT;
    if (status == ZVM_OK) status = zvm_isolate_result(isolate, &result);
    if (status == ZVM_OK) status = result.status;
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return status;
}

static void test_each_refusal_is_a_status_and_nothing_is_lost(void **state)
{
    (void)state;
    assert_int_equal(try_everything(), ZVM_OK);
    int64_t needed = (int64_t)calls, refusals = 0;
    for (int64_t n = 1; n <= needed + 1; n += n < 40 ? 1 : 13) {
        calls_until_refusal = n;
        zvm_status status = try_everything();
        assert_true(status == ZVM_OK || status == ZVM_E_NOMEM);
        refusals += status == ZVM_E_NOMEM;
        calls_until_refusal = 0;
        check_nothing_is_left();
    }
    assert_true(refusals > 20);
}

// ---- When it can be set -------------------------------------------------------------------------

static void test_while_zvm_has_memory_it_is_a_state_error(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    assert_int_equal(zvm_set_allocator(NULL), ZVM_E_STATE);
    zvm_runtime_destroy(runtime);
    zvm_mm *mm;
    assert_int_equal(zvm_mm_create(NULL, &mm), ZVM_OK);
    zvm_allocator allocator = checked_allocator();
    assert_int_equal(zvm_set_allocator(&allocator), ZVM_E_STATE);
    assert_int_equal(zvm_mm_destroy(mm), ZVM_OK);
    assert_int_equal(zvm_set_allocator(&allocator), ZVM_OK);
    check_nothing_is_left();
}

static void test_incomplete_or_foreign_struct_is_an_argument_error(void **state)
{
    (void)state;
    zvm_allocator allocator = checked_allocator();
    allocator.resize = NULL;
    assert_int_equal(zvm_set_allocator(&allocator), ZVM_E_ARGUMENT);
    allocator = checked_allocator();
    allocator.size = 0;
    assert_int_equal(zvm_set_allocator(&allocator), ZVM_E_ARGUMENT);
    zvm_runtime *runtime = make_runtime(0); // the one of before is still in use
    assert_true(live_blocks > 0);
    zvm_runtime_destroy(runtime);
    check_nothing_is_left();
}

static void test_after_it_blocks_kept_from_malloc_are_not_given_to_it(void **state)
{
    (void)state;
    zvm_mm *mm;
    assert_int_equal(zvm_set_allocator(NULL), ZVM_OK);
    assert_int_equal(zvm_mm_create(NULL, &mm), ZVM_OK); // leaves a block of 1 MiB behind
    assert_int_equal(zvm_mm_destroy(mm), ZVM_OK);
    zvm_allocator allocator = checked_allocator();
    assert_int_equal(zvm_set_allocator(&allocator), ZVM_OK);
    assert_int_equal(zvm_mm_create(NULL, &mm), ZVM_OK);
    assert_int_equal(zvm_mm_destroy(mm), ZVM_OK);
    check_nothing_is_left();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, use_checked_allocator, use_malloc)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_memory_of_a_runtime_is_the_hosts),
        TEST(test_all_memory_of_managers_and_pools_is_the_hosts),
        TEST(test_each_refusal_is_a_status_and_nothing_is_lost),
        TEST(test_while_zvm_has_memory_it_is_a_state_error),
        TEST(test_incomplete_or_foreign_struct_is_an_argument_error),
        TEST(test_after_it_blocks_kept_from_malloc_are_not_given_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
