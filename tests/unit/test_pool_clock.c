// Goal: the table behind the pools finds exactly what is in it, evicts by CLOCK, keeps to its limit
// and to its bounds of steps, also with keys chosen against it.
// Method: a model that is told what was evicted; all keys looked up after each step.
#include "pool/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 600

struct table {
    struct zclock clock;
    bool is_in[KEYS];
    char items[KEYS];
    uint64_t (*key_of)(uint32_t i);
};

static uint64_t plain(uint32_t i)
{
    return i;
}

// All of them in one chain: multiples of the inverse of the multiplier, whose hashes are small.
static uint64_t colliding(uint32_t i)
{
    return i * UINT64_C(0xF1DE83E19937733D);
}

static void grow(struct table *table)
{
    uint32_t capacity = zclock_next_capacity(&table->clock);
    if (table->clock.count < table->clock.capacity || capacity == 0) return;
    free(zclock_move(&table->clock, malloc(zclock_bytes(capacity)), capacity));
}

static void put(struct table *table, uint32_t i)
{
    grow(table);
    const char *evicted = zclock_put(&table->clock, table->key_of(i), &table->items[i]);
    table->is_in[i] = true;
    if (evicted == NULL) return;
    assert_true(table->is_in[evicted - table->items]);
    table->is_in[evicted - table->items] = false;
}

static uint32_t count_chain(const struct zclock *clock, uint64_t key)
{
    uint32_t length = 0;
    for (uint32_t i = clock->heads[zclock_chain(clock, key)]; i != ZCLOCK_NONE;
         i = clock->entries[i].next)
        length++;
    return length;
}

static void check(struct table *table)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        struct zclock copy = table->clock; // looking must not change who goes next
        struct zclock_entry *entry = NULL;
        for (uint32_t at = copy.heads[zclock_chain(&copy, table->key_of(i))];
             at != ZCLOCK_NONE && entry == NULL; at = copy.entries[at].next)
            if (copy.entries[at].key == table->key_of(i)) entry = &copy.entries[at];
        assert_true((entry != NULL) == table->is_in[i]);
        if (entry != NULL) assert_ptr_equal(entry->item, &table->items[i]);
        assert_true(count_chain(&table->clock, table->key_of(i)) <= ZCLOCK_CHAIN_MAX);
        count += table->is_in[i];
    }
    assert_int_equal(count, table->clock.count);
    assert_true(table->clock.capacity <= table->clock.limit);
}

static void run(uint64_t (*key_of)(uint32_t), uint32_t limit)
{
    struct table *table = calloc(1, sizeof *table);
    table->clock.limit = limit;
    table->key_of = key_of;
    srand(limit);
    for (int step = 0; step < 3000; step++) {
        uint32_t i = (uint32_t)rand() % KEYS;
        struct zclock_entry *entry = zclock_find(&table->clock, key_of(i));
        assert_true((entry != NULL) == table->is_in[i]);
        if (entry == NULL) put(table, i);
        if (step % 50 == 0) check(table);
    }
    check(table);
    free(zclock_take_memory(&table->clock));
    assert_null(zclock_find(&table->clock, key_of(1)));
    free(table);
}

static void test_random_requests_find_what_is_in(void **state)
{
    (void)state;
    const uint32_t limits[] = {1, 2, 3, 31, 32, 33, 500, KEYS};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        run(plain, limits[i]);
        run(colliding, limits[i]);
    }
}

static void test_colliding_keys_really_collide(void **state)
{
    (void)state;
    struct table *table = calloc(1, sizeof *table);
    table->clock.limit = 100;
    table->key_of = colliding;
    for (uint32_t i = 0; i < 100; i++)
        put(table, i);
    assert_int_equal(table->clock.count, ZCLOCK_CHAIN_MAX);
    free(zclock_take_memory(&table->clock));
    free(table);
}

static void test_hand_passes_who_was_found_and_gives_up_in_time(void **state)
{
    (void)state;
    struct table *table = calloc(1, sizeof *table);
    table->clock.limit = 32;
    table->key_of = plain;
    for (uint32_t i = 0; i < 32; i++)
        put(table, i);
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(zclock_find(&table->clock, i));
    put(table, 100);
    assert_false(table->is_in[3]); // 0, 1 and 2 had their bit
    for (uint32_t i = 0; i < 32; i++)
        if (i != 3) assert_non_null(zclock_find(&table->clock, i));
    uint32_t hand = table->clock.hand;
    put(table, 101);
    assert_int_equal(table->clock.hand, hand + ZCLOCK_HAND_MAX);
    check(table);
    free(zclock_take_memory(&table->clock));
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_requests_find_what_is_in),
        cmocka_unit_test(test_colliding_keys_really_collide),
        cmocka_unit_test(test_hand_passes_who_was_found_and_gives_up_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
