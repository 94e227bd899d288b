// Goal: the roster gives every isolate a row of its own, readers see whole rows of isolates that exist,
// and the first ones of an order are the first ones.
// Method: rows taken and given back in every order, against a set; orders against a sorted list; then
// writers that keep all words of a row tied together, and change hands, under readers that check.
#include "report/roster.h"

#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// As the scheduler does it, without the lock.
static struct zroster_row *take(struct zroster *roster)
{
    struct zroster_row *row = zroster_take_locked(roster);
    if (row != NULL) return row;
    uint64_t capacity = roster->capacity;
    struct zroster_row *chunk = zroster_chunk_create(capacity);
    assert_non_null(chunk);
    assert_true(zroster_add_locked(roster, chunk, capacity));
    row = zroster_take_locked(roster);
    assert_non_null(row);
    return row;
}

// Everything in it follows from the id.
static void publish(struct zroster_row *row, uint64_t id)
{
    const uint64_t words[ZROSTER_WORDS] = {
        [ZROSTER_CREATED_NS] = 1 + id, [ZROSTER_UPDATED_NS] = 2 + id, [ZROSTER_ID] = id,
        [ZROSTER_HEAP_BYTES] = id * 3, [ZROSTER_LIVE_BYTES] = id * 5, [ZROSTER_FUEL_USED] = id * 7,
        [ZROSTER_SLICES] = ~id,
    };
    zroster_publish(row, words);
}

#define NOW UINT64_C(1000000000)

static bool is_whole(const zvm_top_isolate *row)
{
    uint64_t id = (uint64_t)row->id;
    return row->age_ns == NOW - 1 - id && row->figures_age_ns == NOW - 2 - id &&
           row->heap_bytes == id * 3 && row->live_bytes == id * 5 && row->fuel_used == id * 7 &&
           row->slices == ~id;
}

// ---- Rows ---------------------------------------------------------------------------------------

enum { ROWS = 1000 };

static void test_each_row_is_one_isolates_until_it_is_given_back(void **state)
{
    (void)state;
    struct zroster roster = {0};
    struct zroster_row *rows[ROWS];
    for (uint64_t i = 0; i < ROWS; i++) {
        rows[i] = take(&roster);
        publish(rows[i], i);
    }
    for (uint64_t i = 0; i < ROWS; i += 3)
        zroster_give_locked(&roster, rows[i]);
    for (uint64_t i = 0; i < ROWS; i += 3) {
        rows[i] = zroster_take_locked(&roster); // there is room: those that were given back
        assert_non_null(rows[i]);
        publish(rows[i], ROWS + i);
    }
    static zvm_top_isolate found[ROWS + 1];
    struct ztop top = {.order = ZVM_TOP_FUEL, .capacity = ROWS + 1, .rows = found};
    assert_int_equal(zroster_top(&roster, NOW, &top, 1), ROWS);
    assert_int_equal(top.count, ROWS);
    for (uint32_t i = 0; i < top.count; i++) {
        assert_true(is_whole(&found[i]));
        if (i > 0) assert_true(found[i - 1].id > found[i].id); // no id twice
    }
    zroster_deinit(&roster);
}

static void test_row_that_is_free_or_new_is_nobodys(void **state)
{
    (void)state;
    struct zroster roster = {0};
    zvm_top_isolate found[4];
    struct ztop top = {.order = ZVM_TOP_AGE, .capacity = 4, .rows = found};
    assert_int_equal(zroster_top(&roster, NOW, &top, 1), 0);
    struct zroster_row *row = take(&roster);
    assert_int_equal(zroster_top(&roster, NOW, &top, 1), 0);
    publish(row, 5);
    assert_int_equal(zroster_top(&roster, NOW, &top, 1), 1);
    zroster_give_locked(&roster, row);
    top.count = 0;
    assert_int_equal(zroster_top(&roster, NOW, &top, 1), 0);
    assert_int_equal(top.count, 0);
    zroster_deinit(&roster);
}

static void test_chunk_that_comes_second_is_not_taken(void **state)
{
    (void)state;
    struct zroster roster = {0};
    struct zroster_row *first = zroster_chunk_create(0), *second = zroster_chunk_create(0);
    assert_true(zroster_add_locked(&roster, first, 0));
    assert_false(zroster_add_locked(&roster, second, 0));
    zroster_chunk_destroy(second, 0);
    zroster_deinit(&roster);
}

static void test_refused_memory_makes_no_chunk(void **state)
{
    (void)state;
    zalloc_fail_at(1, false);
    assert_null(zroster_chunk_create(64));
    zalloc_fail_at(0, false);
    assert_null(zroster_chunk_create(UINT64_MAX / 2)); // its bytes cannot even be counted
}

// ---- Orders -------------------------------------------------------------------------------------

static uint64_t key_of(zvm_top_order order, const zvm_top_isolate *row)
{
    return order == ZVM_TOP_HEAP   ? row->heap_bytes
           : order == ZVM_TOP_FUEL ? row->fuel_used
                                   : row->age_ns;
}

static zvm_top_order order_now;

static int compare(const void *a, const void *b)
{
    const zvm_top_isolate *one = a, *other = b;
    uint64_t x = key_of(order_now, one), y = key_of(order_now, other);
    if (x != y) return x > y ? -1 : 1;
    return one->id < other->id ? -1 : one->id > other->id;
}

// Few different keys, so that there are many equals.
static void check_order(zvm_top_order order, uint32_t count, uint32_t capacity, uint64_t seed)
{
    zvm_top_isolate all[300], found[300];
    struct ztop top = {.order = order, .capacity = capacity, .rows = found};
    for (uint32_t i = 0; i < count; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        all[i] = (zvm_top_isolate){.id = i,
                                   .heap_bytes = seed >> 33 & 31,
                                   .fuel_used = seed >> 40 & 31,
                                   .age_ns = seed >> 50 & 31};
        ztop_offer(&top, &all[i]);
    }
    ztop_sort(&top);
    order_now = order;
    qsort(all, count, sizeof all[0], compare);
    uint32_t wanted = count < capacity ? count : capacity;
    assert_int_equal(top.count, wanted);
    for (uint32_t i = 0; i < wanted; i++)
        assert_int_equal(found[i].id, all[i].id);
}

static void test_the_first_of_an_order_are_those_of_the_sorted_list(void **state)
{
    (void)state;
    for (int order = ZVM_TOP_HEAP; order <= ZVM_TOP_AGE; order++) {
        for (uint32_t capacity = 0; capacity < 12; capacity++)
            for (uint64_t seed = 0; seed < 40; seed++)
                check_order((zvm_top_order)order, (uint32_t)seed * 7, capacity, seed);
        check_order((zvm_top_order)order, 300, 300, 1);
        check_order((zvm_top_order)order, 300, 299, 2);
    }
}

// ---- Threads ------------------------------------------------------------------------------------

enum { WRITERS = 3, TURNS = 4000, HELD = 8, READS_WITH_ROWS = 200 };

static struct zroster shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t has_read_enough;

static struct zroster_row *take_shared(void)
{
    pthread_mutex_lock(&lock);
    struct zroster_row *row = take(&shared);
    pthread_mutex_unlock(&lock);
    return row;
}

static void give_shared(struct zroster_row *row)
{
    pthread_mutex_lock(&lock);
    zroster_give_locked(&shared, row);
    pthread_mutex_unlock(&lock);
}

static void *write_rows(void *context)
{
    uint64_t id = *(const uint64_t *)context * 100000;
    struct zroster_row *rows[HELD] = {NULL};
    for (uint32_t turn = 0; turn < TURNS || z_load_seq_cst(&has_read_enough) == 0; turn++, id++) {
        uint32_t at = turn % HELD;
        if (rows[at] != NULL) give_shared(rows[at]);
        rows[at] = take_shared();
        publish(rows[at], id);
        publish(rows[at], id);
    }
    for (uint32_t i = 0; i < HELD; i++)
        give_shared(rows[i]);
    return NULL;
}

static void test_readers_see_whole_rows_while_rows_change_hands(void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    uint64_t numbers[WRITERS];
    z_store_seq_cst(&has_read_enough, 0);
    for (uint64_t i = 0; i < WRITERS; i++) {
        numbers[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, write_rows, &numbers[i]), 0);
    }
    for (uint32_t reads = 0; reads < READS_WITH_ROWS;) {
        zvm_top_isolate found[WRITERS * HELD];
        struct ztop top = {.order = ZVM_TOP_HEAP, .capacity = WRITERS * HELD, .rows = found};
        if (zroster_top(&shared, NOW, &top, 1) > 0) reads++;
        for (uint32_t i = 0; i < top.count; i++)
            assert_true(is_whole(&found[i]));
    }
    z_store_seq_cst(&has_read_enough, 1);
    for (uint32_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(shared.capacity <= 2 * WRITERS * HELD + ZROSTER_FIRST); // rows are used again
    zroster_deinit(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_is_one_isolates_until_it_is_given_back),
        cmocka_unit_test(test_row_that_is_free_or_new_is_nobodys),
        cmocka_unit_test(test_chunk_that_comes_second_is_not_taken),
        cmocka_unit_test(test_refused_memory_makes_no_chunk),
        cmocka_unit_test(test_the_first_of_an_order_are_those_of_the_sorted_list),
        cmocka_unit_test(test_readers_see_whole_rows_while_rows_change_hands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
