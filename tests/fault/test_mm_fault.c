// Goal: a memory manager survives each refused allocation: the call says so, nothing is half done,
// nothing leaks, finalizers still come once.
// Method: one body that uses everything that allocates, under the fault loop.
#include "fault/fault.h"
#include "unit/mm_fixture.h"

static void count_end(void *user, zvm_handle handle)
{
    (void)handle;
    ++*(uint32_t *)user;
}

struct body {
    zvm_mm *mm;
    zvm_handle last;
    uint32_t with_finalizer, ends;
};

static zvm_status add_object(struct body *body, uint32_t i)
{
    zvm_handle handle;
    zvm_status status = i % 3 == 0 ? zvm_mm_allocate_bytes(body->mm, NULL, i * 500, &handle)
                                   : zvm_mm_allocate(body->mm, i * 20, &handle);
    if (status != ZVM_OK) return status;
    status = zvm_mm_root_add(body->mm, handle);
    if (status != ZVM_OK) return status;
    status = zvm_mm_set_finalizer(body->mm, handle, count_end, &body->ends);
    if (status == ZVM_OK) body->with_finalizer++;
    if (i % 5 == 0 && zvm_mm_deallocate(body->mm, handle) != ZVM_OK) return ZVM_E_INTERNAL;
    return status;
}

static bool ignore_leak(void *context, const zvm_mm_leak *leak)
{
    (void)context;
    return leak->path_length < 1000;
}

static bool ignore_text(void *context, const char *text, size_t length_bytes)
{
    (void)context;
    return text != NULL && length_bytes > 0;
}

static zvm_status use_manager(struct body *body)
{
    zvm_mm_scope scope;
    if (zvm_mm_scope_open(body->mm, &scope) != ZVM_OK) return ZVM_E_INTERNAL;
    for (uint32_t i = 0; i < 40; i++) {
        zvm_status status = add_object(body, i);
        if (status != ZVM_OK) return status;
    }
    if (zvm_mm_scope_close(body->mm, scope) != ZVM_OK) return ZVM_E_INTERNAL;
    if (zvm_mm_collect(body->mm, true, NULL) != ZVM_OK) return ZVM_E_INTERNAL;
    zvm_status status = zvm_mm_find_leaks(body->mm, 0, ignore_leak, NULL);
    if (status != ZVM_OK) return status;
    return zvm_mm_report(body->mm, ZVM_REPORT_JSON, ignore_text, NULL);
}

static zvm_status live(void *context)
{
    struct body *body = context;
    *body = (struct body){.mm = NULL};
    zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
    options.history_entries = 8;
    zvm_status status = zvm_mm_create(&options, &body->mm);
    if (status != ZVM_OK) return status;
    status = use_manager(body);
    verify(body->mm);
    if (zvm_mm_destroy(body->mm) != ZVM_OK) return ZVM_E_INTERNAL;
    assert_int_equal(body->ends, body->with_finalizer);
    return status;
}

static void test_manager_each_allocation_refused_is_survived(void **state)
{
    (void)state;
    static struct body body;
    uint64_t allocations = fault_each_allocation(live, &body, ZVM_E_NOMEM);
    assert_true(allocations > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manager_each_allocation_refused_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
