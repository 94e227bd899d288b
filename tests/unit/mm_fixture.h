// Goal: what the tests of the memory manager share: a manager, objects, figures.
// Use: zvm.h, and zmm_verify after each step that could break something.
#ifndef ZVM_TESTS_UNIT_MM_FIXTURE_H
#define ZVM_TESTS_UNIT_MM_FIXTURE_H

#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/mm.h"
#include "zvm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static inline zvm_mm *make_manager(zvm_mm_options options)
{
    zvm_mm *mm = NULL;
    assert_int_equal(zvm_mm_create(&options, &mm), ZVM_OK);
    return mm;
}

static inline zvm_mm *make_default_manager(void)
{
    return make_manager((zvm_mm_options)ZVM_MM_OPTIONS_INIT);
}

static inline void verify(zvm_mm *mm)
{
    assert_int_equal(zmm_verify((struct zmm *)mm), ZVM_OK);
}

static inline void destroy(zvm_mm *mm)
{
    verify(mm);
    assert_int_equal(zvm_mm_destroy(mm), ZVM_OK);
}

static inline zvm_handle make_object(zvm_mm *mm, uint32_t field_count)
{
    zvm_handle handle;
    assert_int_equal(zvm_mm_allocate(mm, field_count, &handle), ZVM_OK);
    return handle;
}

static inline zvm_handle make_root(zvm_mm *mm, uint32_t field_count)
{
    zvm_handle handle = make_object(mm, field_count);
    assert_int_equal(zvm_mm_root_add(mm, handle), ZVM_OK);
    return handle;
}

static inline zvm_heap_stats stats_of(zvm_mm *mm)
{
    zvm_heap_stats stats = ZVM_HEAP_STATS_INIT;
    assert_int_equal(zvm_mm_stats(mm, &stats), ZVM_OK);
    return stats;
}

static inline zvm_mm_collection collect(zvm_mm *mm)
{
    zvm_mm_collection result;
    assert_int_equal(zvm_mm_collect(mm, true /* force */, &result), ZVM_OK);
    verify(mm);
    return result;
}

static inline zvm_mm_value reference(zvm_handle handle)
{
    return (zvm_mm_value){.kind = ZVM_MM_REFERENCE, .reference = handle};
}

static inline zvm_mm_value integer(int64_t value)
{
    return (zvm_mm_value){.kind = ZVM_MM_INT, .integer = value};
}

static inline void set_field(zvm_mm *mm, zvm_handle handle, uint32_t field, zvm_mm_value value)
{
    assert_int_equal(zvm_mm_set_field(mm, handle, field, value), ZVM_OK);
}

static inline zvm_mm_value get_field(zvm_mm *mm, zvm_handle handle, uint32_t field)
{
    zvm_mm_value value;
    assert_int_equal(zvm_mm_get_field(mm, handle, field, &value), ZVM_OK);
    return value;
}

// Whether the handle still names an object.
static inline bool is_live(zvm_mm *mm, zvm_handle handle)
{
    zvm_mm_info info = ZVM_MM_INFO_INIT;
    zvm_status status = zvm_mm_object_info(mm, handle, &info);
    assert_true(status == ZVM_OK || status == ZVM_E_STALE);
    return status == ZVM_OK;
}

static inline void sleep_ns(long ns)
{
    struct timespec time = {.tv_nsec = ns};
    (void)nanosleep(&time, NULL);
}

#endif // ZVM_TESTS_UNIT_MM_FIXTURE_H
