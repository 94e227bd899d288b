// Goal: the edit distance is right, bounded, and the nearest name does not depend on the order of the
// offers. Method: known pairs; a slow table without limits as the model for random words.
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned distance(const char *a, const char *b, unsigned limit)
{
    return znearest_distance(a, strlen(a), b, strlen(b), limit);
}

static void test_distance_known_pairs(void **state)
{
    (void)state;
    assert_int_equal(distance("", "", 3), 0);
    assert_int_equal(distance("abc", "abc", 0), 0);
    assert_int_equal(distance("abc", "abd", 3), 1);
    assert_int_equal(distance("abc", "acb", 3), 1); // a swap
    assert_int_equal(distance("abc", "ab", 3), 1);
    assert_int_equal(distance("abc", "xabc", 3), 1);
    assert_int_equal(distance("ABC", "abc", 3), 1); // the case of all letters
    assert_int_equal(distance("kitten", "sitting", 9), 3);
    assert_int_equal(distance("kitten", "sitting", 2), 3); // over the limit
    assert_int_equal(distance("a", "abcdef", 2), 3);
    assert_int_equal(distance("ca", "abc", 9), 3); // a swapped pair is not torn apart
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// The whole table.
static unsigned model(const char *a, const char *b)
{
    unsigned table[10][10];
    size_t a_bytes = strlen(a);
    size_t b_bytes = strlen(b);
    for (size_t i = 0; i <= a_bytes; i++) {
        for (size_t j = 0; j <= b_bytes; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = least(best, least(table[i - 1][j], table[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = least(best, table[i - 2][j - 2] + 1);
            table[i][j] = best;
        }
    }
    return table[a_bytes][b_bytes];
}

static void random_word(char *out)
{
    size_t length = (size_t)rand() % 9;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)('a' + rand() % 3);
    out[length] = '\0';
}

static void test_distance_agrees_with_the_model(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        char a[10], b[10];
        random_word(a);
        random_word(b);
        unsigned limit = (unsigned)rand() % 5;
        assert_int_equal(distance(a, b, limit), least(model(a, b), limit + 1));
    }
}

static void offer(struct znearest *nearest, const char *name)
{
    znearest_offer(nearest, name, strlen(name));
}

static void check_nearest(const char *wanted, const char *first, const char *second,
                          const char *expected)
{
    for (int turn = 0; turn < 2; turn++) {
        struct znearest nearest;
        znearest_init(&nearest, wanted, strlen(wanted));
        offer(&nearest, turn == 0 ? first : second);
        offer(&nearest, turn == 0 ? second : first);
        if (expected == NULL) {
            assert_null(nearest.best);
        } else {
            assert_int_equal(nearest.best_bytes, strlen(expected));
            assert_memory_equal(nearest.best, expected, nearest.best_bytes);
        }
    }
}

static void test_nearest_any_order_gives_the_same(void **state)
{
    (void)state;
    check_nearest("coutner", "counter", "router", "counter");
    check_nearest("cat", "bat", "car", "bat"); // equally near: the alphabet
    check_nearest("abcd", "abc", "abcde", "abc");
    check_nearest("x", "y", "z", NULL);              // too short to be like anything
    check_nearest("count", "count", "amount", NULL); // the name itself says nothing; two off is far
    check_nearest("kitten", "sitting", "mitten", "mitten");
}

static void test_nearest_long_names_are_left_out(void **state)
{
    (void)state;
    char name[ZNEAREST_BYTES_MAX + 2];
    memset(name, 'a', sizeof name);
    struct znearest nearest;
    znearest_init(&nearest, name, ZNEAREST_BYTES_MAX);
    znearest_offer(&nearest, name, ZNEAREST_BYTES_MAX - 1);
    assert_int_equal(nearest.best_bytes, ZNEAREST_BYTES_MAX - 1);
    znearest_init(&nearest, name, ZNEAREST_BYTES_MAX);
    znearest_offer(&nearest, name, ZNEAREST_BYTES_MAX + 1);
    assert_null(nearest.best);
    znearest_init(&nearest, name, ZNEAREST_BYTES_MAX + 1);
    znearest_offer(&nearest, name, ZNEAREST_BYTES_MAX);
    assert_null(nearest.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance_known_pairs),
        cmocka_unit_test(test_distance_agrees_with_the_model),
        cmocka_unit_test(test_nearest_any_order_gives_the_same),
        cmocka_unit_test(test_nearest_long_names_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
