// Goal: an object pool is closed to its own callbacks, works without a reset, and says when it cannot be
// made. Method: callbacks that call the pool.
#include "base/alloc.h"
#include "zvm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct caller {
    zvm_object_pool *pool;
    int object; // what the pool hands out
    uint32_t refused;
};

static void call_all(struct caller *caller)
{
    void *out = NULL;
    if (caller->pool == NULL) return;
    caller->refused += zvm_object_pool_acquire(caller->pool, &out) == ZVM_E_BUSY;
    caller->refused += zvm_object_pool_release(caller->pool, &caller->object) == ZVM_E_BUSY;
    caller->refused += zvm_object_pool_clear(caller->pool) == ZVM_E_BUSY;
    caller->refused += zvm_object_pool_destroy(caller->pool) == ZVM_E_BUSY;
}

static void *create(void *context)
{
    call_all(context);
    return &((struct caller *)context)->object;
}

static void reset(void *context, void *object)
{
    (void)object;
    call_all(context);
}

static void destroy(void *context, void *object)
{
    (void)object;
    call_all(context);
}

static zvm_object_pool_options options_of(struct caller *caller, bool has_reset)
{
    zvm_object_pool_options options = ZVM_OBJECT_POOL_OPTIONS_INIT;
    options.create = create;
    options.reset = has_reset ? reset : NULL;
    options.destroy = destroy;
    options.context = caller;
    return options;
}

static void test_pool_in_its_callbacks_is_busy(void **state)
{
    (void)state;
    struct caller caller = {0};
    zvm_object_pool_options options = options_of(&caller, true);
    void *object = NULL;
    assert_int_equal(zvm_object_pool_create(&options, &caller.pool), ZVM_OK);
    assert_int_equal(zvm_object_pool_acquire(caller.pool, &object), ZVM_OK);
    assert_int_equal(caller.refused, 4);
    assert_int_equal(zvm_object_pool_release(caller.pool, object), ZVM_OK);
    assert_int_equal(caller.refused, 8);
    assert_int_equal(zvm_object_pool_clear(caller.pool), ZVM_OK);
    assert_int_equal(caller.refused, 12);
    assert_int_equal(zvm_object_pool_destroy(caller.pool), ZVM_OK);
}

static void test_pool_without_reset_gives_objects_again_as_they_are(void **state)
{
    (void)state;
    struct caller caller = {0};
    zvm_object_pool_options options = options_of(&caller, false);
    void *object = NULL, *again = NULL;
    zvm_object_pool *pool = NULL;
    assert_int_equal(zvm_object_pool_create(&options, &pool), ZVM_OK);
    assert_int_equal(zvm_object_pool_acquire(pool, &object), ZVM_OK);
    assert_int_equal(zvm_object_pool_release(pool, object), ZVM_OK);
    assert_int_equal(zvm_object_pool_acquire(pool, &again), ZVM_OK);
    assert_ptr_equal(object, again);
    assert_int_equal(zvm_object_pool_destroy(pool), ZVM_OK);
}

static void test_pool_without_memory_is_not_made(void **state)
{
    (void)state;
    struct caller caller = {0};
    zvm_object_pool_options options = options_of(&caller, true);
    zalloc_fail_at(1, true /* from_there_on */);
    assert_int_equal(zvm_object_pool_create(&options, &caller.pool), ZVM_E_NOMEM);
    zalloc_fail_at(0, false);
    assert_null(caller.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_in_its_callbacks_is_busy),
        cmocka_unit_test(test_pool_without_reset_gives_objects_again_as_they_are),
        cmocka_unit_test(test_pool_without_memory_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
