// Goal: the hash is SipHash-1-3 bit for bit, and the process has one key.
// Method: vectors made by an independent implementation that was itself checked against the
// published SipHash-2-4 vector; lengths go through every tail and over the byte that holds the
// length.
#include "base/siphash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct vector {
    size_t length_bytes;
    uint64_t hash;
};

// Key 00 01 .. 0f, input 00 01 02 .. (modulo 256).
static const struct vector vectors[] = {
    {0, 0xabac0158050fc4dc},    {1, 0xc9f49bf37d57ca93},   {2, 0x82cb9b024dc7d44d},
    {3, 0x8bf80ab8e7ddf7fb},    {4, 0xcf75576088d38328},   {5, 0xdef9d52f49533b67},
    {6, 0xc50d2b50c59f22a7},    {7, 0xd3927d989bb11140},   {8, 0x369095118d299a8e},
    {9, 0x25a48eb36c063de4},    {10, 0x79de85ee92ff097f},  {11, 0x70c118c1f94dc352},
    {12, 0x78a384b157b4d9a2},   {13, 0x306f760c1229ffa7},  {14, 0x605aa111c0f95d34},
    {15, 0xd320d86d2a519956},   {16, 0xcc4fdd1a7d908b66},  {17, 0x9cf2689063dbd80c},
    {23, 0x525a0e7fdae6c123},   {24, 0xf464aeb267349c8c},  {63, 0x9d199062b7bbb3a8},
    {64, 0xf17997ec4b4a6065},   {255, 0xf76214e3153c4a15}, {256, 0x75b3e64e167de370},
    {1000, 0x2cf8d9d4f270cadf},
};

static void test_hash_each_length_matches_its_vector(void **state)
{
    (void)state;
    const struct zsiphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    // One byte off the start as well, because strings need not be aligned.
    unsigned char input[1001];
    for (size_t shift = 0; shift < 2; shift++) {
        for (size_t i = 0; i < 1000; i++)
            input[shift + i] = (unsigned char)i;
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
            assert_true(zsiphash13(&key, input + shift, vectors[i].length_bytes) ==
                        vectors[i].hash);
    }
}

static void test_hash_extreme_keys_match_their_vectors(void **state)
{
    (void)state;
    const struct zsiphash_key zero = {0, 0};
    const struct zsiphash_key ones = {UINT64_MAX, UINT64_MAX};
    unsigned char input[16];
    memset(input, 0xff, sizeof input);
    assert_true(zsiphash13(&zero, "hello", 5) == 0xe2e77b41cb4e1f9e);
    assert_true(zsiphash13(&ones, input, sizeof input) == 0xc51ea4f6822a5355);
}

static void test_hash_no_bytes_reads_none(void **state)
{
    (void)state;
    const struct zsiphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    assert_true(zsiphash13(&key, NULL, 0) == vectors[0].hash);
}

static void *ask_for_key(void *context)
{
    *(struct zsiphash_key *)context = *zsiphash_process_key();
    return NULL;
}

// Fixed first, so that the values are known: the same seed must replay the same run anywhere.
static void test_process_key_fixed_before_use_is_the_same_for_all_threads(void **state)
{
    (void)state;
    zsiphash_fix_process_key(42);
    struct zsiphash_key keys[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_key, &keys[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        assert_true(keys[i].k0 == 0xbdd732262feb6e95); // splitmix64 of 42, first and second
        assert_true(keys[i].k1 == 0x28efe333b266f103);
    }
    zsiphash_fix_process_key(43); // too late: strings have been hashed
    assert_true(zsiphash_process_key()->k0 == keys[0].k0);
    assert_true(zsiphash_process_key()->k1 == keys[0].k1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_each_length_matches_its_vector),
        cmocka_unit_test(test_hash_extreme_keys_match_their_vectors),
        cmocka_unit_test(test_hash_no_bytes_reads_none),
        cmocka_unit_test(test_process_key_fixed_before_use_is_the_same_for_all_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
