// What the tests of parcels share: two isolates of one code, without a scheduler, and what goes from the first to the second.
#ifndef ZVM_TESTS_UNIT_PARCEL_FIXTURE_H
#define ZVM_TESTS_UNIT_PARCEL_FIXTURE_H

#include "vm_fixture.h"

#include "vm/parcel.h"

#define NO_LIMIT (UINT64_C(1) << 32)

struct two {
    struct vm vm;
    struct zisolate *other;
    struct zscope scope;
    struct zvalue got[4]; // roots of the other
};

static inline bool try_open(struct two *two, uint64_t fuel)
{
    memset(two, 0, sizeof *two);
    if (!vm_try_open(&two->vm, UINT64_C(1) << 30, fuel)) return false;
    struct zisolate_options options = {.id = 8, .heap_limit_bytes = UINT64_C(1) << 30};
    if (zisolate_create(two->vm.shared, two->vm.code, two->vm.runner.env, &options, &two->other) !=
        ZVM_OK)
        return false;
    two->other->runner = &two->vm.runner;
    two->other->heap.env = two->vm.runner.env;
    for (int i = 0; i < 4; i++)
        two->got[i] = zvalue_null();
    zscope_open(&two->other->heap, &two->scope, two->got, 4);
    return true;
}

static inline void open_two(struct two *two)
{
    assert_true(try_open(two, 0));
}

static inline void close_two(struct two *two)
{
    if (two->other != NULL) {
        zscope_close(&two->other->heap, &two->scope);
        zisolate_destroy(two->other, two->vm.runner.env);
    }
    vm_close(&two->vm);
}

static inline bool pack(struct two *two, struct zvalue value, uint64_t limit_bytes, struct zparcel **out)
{
    const struct zparcel_rules rules = {
        .what = "send()", .name = "message", .limit_bytes = limit_bytes};
    return zparcel_pack(two->vm.iso, &rules, &value, 1, out);
}

// Of roots[0], into got[0]; the parcel is gone before it is looked at.
static inline void send(struct two *two)
{
    struct zparcel *parcel;
    assert_true(pack(two, two->vm.roots[0], NO_LIMIT, &parcel));
    assert_true(zparcel_unpack(two->other, parcel, &two->got[0]));
    zparcel_free(parcel);
    char why[200] = "";
    if (!zheap_verify(&two->other->heap, why, sizeof why)) fail_msg("%s", why);
}

#endif // ZVM_TESTS_UNIT_PARCEL_FIXTURE_H
