// Goal: base survives each refused allocation without a leak, and the fault loop tries each of
// them. Method: a body over the string builder and texts, whose allocations can be counted by hand.
#include "fault/fault.h"

#include "base/strbuf.h"

static zvm_status build_texts(void *context)
{
    uint64_t *bodies = context;
    (*bodies)++;
    struct zstrbuf buffer;
    zstrbuf_init(&buffer);
    zvm_status status = ZVM_OK;
    char *copy = z_alloc_text("text", 4);
    if (copy == NULL) status = ZVM_E_NOMEM;
    for (int i = 0; i < 1000; i++)
        zstrbuf_add_int(&buffer, i);
    if (buffer.failed) status = ZVM_E_NOMEM;
    z_free(copy, 5);
    zstrbuf_deinit(&buffer);
    return status;
}

static void test_texts_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    uint64_t bodies = 0;
    uint64_t allocations = fault_each_allocation(build_texts, &bodies, ZVM_E_NOMEM);
    // 2890 digits: 64 bytes doubled 6 times is 4096; and the copy.
    assert_int_equal(allocations, 8);
    assert_int_equal(bodies, 2 * (allocations + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_each_allocation_refused_reports_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
