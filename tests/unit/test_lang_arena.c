// Goal: pieces of an arena are zeroed, aligned and apart, whatever their sizes; one call frees all.
// Method: fill pieces of growing sizes and read them back; compare the counters of the seam.
#include "lang/arena.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PIECES 2000

// Sizes of every residue of 16, and now and then a large one.
static size_t piece_bytes(size_t number)
{
    return number % 100 == 99 ? number * 50 : number % 67;
}

static void test_pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    struct zarena *arena = zarena_create();
    assert_non_null(arena);
    unsigned char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = zarena_alloc(arena, piece_bytes(i));
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < piece_bytes(i); k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 255 + 1), piece_bytes(i));
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t k = 0; k < piece_bytes(i); k++)
            assert_int_equal(pieces[i][k], i % 255 + 1);
    zarena_destroy(arena);
    assert_true(zalloc_stats().live_bytes == before.live_bytes);
    assert_true(zalloc_stats().live_count == before.live_count);
}

static void test_impossible_size_is_refused(void **state)
{
    (void)state;
    struct zarena *arena = zarena_create();
    assert_null(zarena_alloc(arena, SIZE_MAX));
    assert_null(zarena_alloc(arena, SIZE_MAX - 32));
    assert_non_null(zarena_alloc(arena, 1));
    zarena_destroy(arena);
}

static void test_destroy_of_null_does_nothing(void **state)
{
    (void)state;
    zarena_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(test_impossible_size_is_refused),
        cmocka_unit_test(test_destroy_of_null_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
