// Goal: a block's counters, histogram and percentiles are what was put in, merging adds them up, and a
// reader never sees half an update.
// Method: known values through every function; percentiles against a sorted list of the same values;
// then one writer that keeps two counters equal and readers that must never see them differ.
#include "report/report.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void init_block(struct zreport_block *block)
{
    memset(block, 0, sizeof *block);
}

// ---- Counters -----------------------------------------------------------------------------------

static void test_read_gives_what_was_added(void **state)
{
    (void)state;
    struct zreport_block block;
    struct zreport_snapshot snapshot;
    init_block(&block);
    zreport_begin(&block);
    zreport_add(&block, ZREPORT_slices, 3);
    zreport_add(&block, ZREPORT_slices, 4);
    zreport_add(&block, ZREPORT_fuel_used, UINT64_MAX / 2);
    zreport_max(&block, ZREPORT_pause_ns_max, 9);
    zreport_max(&block, ZREPORT_pause_ns_max, 5);
    zreport_end(&block, 1234);
    zreport_read(&block, &snapshot);
    for (int i = 0; i < ZREPORT_COUNTER_COUNT; i++) {
        uint64_t expected = i == ZREPORT_slices         ? 7
                            : i == ZREPORT_fuel_used    ? UINT64_MAX / 2
                            : i == ZREPORT_pause_ns_max ? 9
                                                        : 0;
        assert_true(snapshot.counters[i] == expected);
    }
    assert_int_equal(snapshot.updated_ns, 1234);
}

static bool is_of_a_duration(int counter)
{
    return counter == ZREPORT_pause_ns_max || counter == ZREPORT_pause_ns_total ||
           counter == ZREPORT_slice_ns_max || counter == ZREPORT_slice_ns_total;
}

static void test_merge_adds_counters_and_takes_the_longest_pause(void **state)
{
    (void)state;
    struct zreport_block a, b;
    init_block(&a);
    init_block(&b);
    zreport_begin(&a);
    for (int i = 0; i < ZREPORT_COUNTER_COUNT; i++)
        if (!is_of_a_duration(i))
            zreport_add(&a, (enum zreport_counter)i, (uint64_t)i + 1);
    zreport_pause(&a, 100);
    zreport_slice(&a, 9000);
    zreport_end(&a, 10);
    zreport_begin(&b);
    for (int i = 0; i < ZREPORT_COUNTER_COUNT; i++)
        if (!is_of_a_duration(i))
            zreport_add(&b, (enum zreport_counter)i, 1000);
    zreport_pause(&b, 5000);
    zreport_pause(&b, 7);
    zreport_slice(&b, 50);
    zreport_end(&b, 20);

    struct zreport_snapshot total = {0}, one;
    zreport_read(&b, &one);
    zreport_merge(&total, &one);
    zreport_read(&a, &one);
    zreport_merge(&total, &one);
    for (int i = 0; i < ZREPORT_COUNTER_COUNT; i++) {
        uint64_t expected = (uint64_t)i + 1 + 1000;
        if (i == ZREPORT_pause_ns_max) expected = 5000;
        if (i == ZREPORT_pause_ns_total) expected = 5107;
        if (i == ZREPORT_slice_ns_max) expected = 9000;
        if (i == ZREPORT_slice_ns_total) expected = 9050;
        assert_true(total.counters[i] == expected);
    }
    uint64_t pauses = 0;
    for (int i = 0; i < ZREPORT_PAUSE_BUCKETS; i++)
        pauses += total.pauses[i];
    assert_int_equal(pauses, 3);
    assert_int_equal(total.updated_ns, 20);
}

static void test_counters_of_a_snapshot_fill_the_public_struct(void **state)
{
    (void)state;
    struct zreport_snapshot snapshot = {0};
    for (uint64_t i = 0; i < ZREPORT_COUNTER_COUNT; i++)
        snapshot.counters[i] = 100 + i;
    snapshot.counters[ZREPORT_heap_grown_bytes] = 5000;
    snapshot.counters[ZREPORT_heap_shrunk_bytes] = 1200;
    zvm_report_counters out;
    zreport_counters(&snapshot, &out);
    assert_int_equal(out.heap_current_bytes, 3800);
    assert_int_equal(out.isolates_created, 100 + ZREPORT_isolates_created);
    assert_int_equal(out.isolates_destroyed, 100 + ZREPORT_isolates_destroyed);
    assert_int_equal(out.isolates_finished, 100 + ZREPORT_isolates_finished);
    assert_int_equal(out.isolates_succeeded, 100 + ZREPORT_isolates_succeeded);
    assert_int_equal(out.failed_error, 100 + ZREPORT_failed_error);
    assert_int_equal(out.failed_heap_limit, 100 + ZREPORT_failed_heap_limit);
    assert_int_equal(out.failed_fuel, 100 + ZREPORT_failed_fuel);
    assert_int_equal(out.failed_timeout, 100 + ZREPORT_failed_timeout);
    assert_int_equal(out.failed_cancelled, 100 + ZREPORT_failed_cancelled);
    assert_int_equal(out.failed_output, 100 + ZREPORT_failed_output);
    assert_int_equal(out.failed_cpu_time, 100 + ZREPORT_failed_cpu_time);
    assert_int_equal(out.failed_output_limit, 100 + ZREPORT_failed_output_limit);
    assert_int_equal(out.failed_group_limit, 100 + ZREPORT_failed_group_limit);
    assert_int_equal(out.failed_other, 100 + ZREPORT_failed_other);
    assert_int_equal(out.slices, 100 + ZREPORT_slices);
    assert_int_equal(out.full_collections, 100 + ZREPORT_full_collections);
    assert_int_equal(out.incremental_collections, 100 + ZREPORT_incremental_collections);
    assert_int_equal(out.minor_collections, 100 + ZREPORT_minor_collections);
    assert_int_equal(out.emergency_collections, 100 + ZREPORT_emergency_collections);
    assert_int_equal(out.gc_slices, 100 + ZREPORT_gc_slices);
    assert_int_equal(out.gc_words, 100 + ZREPORT_gc_words);
    assert_int_equal(out.fuel_used, 100 + ZREPORT_fuel_used);
    assert_int_equal(out.allocated_bytes, 100 + ZREPORT_allocated_bytes);
    assert_int_equal(out.allocated_count, 100 + ZREPORT_allocated_count);
    assert_int_equal(out.freed_bytes, 100 + ZREPORT_freed_bytes);
    assert_int_equal(out.freed_count, 100 + ZREPORT_freed_count);
    assert_int_equal(out.collections, 100 + ZREPORT_collections);
    assert_int_equal(out.pause_ns_total, 100 + ZREPORT_pause_ns_total);
    assert_int_equal(out.pause_ns_max, 100 + ZREPORT_pause_ns_max);
    assert_int_equal(out.pause_ns_p50, 0);
    assert_int_equal(out.output_bytes, 100 + ZREPORT_output_bytes);
    assert_int_equal(out.cpu_ns, 100 + ZREPORT_cpu_ns);
}

static void test_current_heap_below_zero_in_one_block_reads_zero(void **state)
{
    (void)state;
    struct zreport_snapshot snapshot = {0};
    snapshot.counters[ZREPORT_heap_shrunk_bytes] = 10; // it grew in another thread's block
    zvm_report_counters out;
    zreport_counters(&snapshot, &out);
    assert_int_equal(out.heap_current_bytes, 0);
}

// ---- Pauses -------------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

// Not below the exact percentile, and at most an eighth above it.
static void check_percentile(const struct zreport_snapshot *snapshot, const uint64_t *sorted,
                             size_t count, double percent, size_t rank)
{
    assert_in_range(rank, 1, count);
    uint64_t exact = sorted[rank - 1];
    uint64_t found = zreport_pause_percentile(snapshot, percent);
    assert_true(found >= exact);
    assert_true(found - exact <= exact / 8);
}

static void test_percentiles_of_many_sizes_are_an_eighth_off_at_most(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static uint64_t values[COUNT];
    struct zreport_block block;
    init_block(&block);
    uint64_t random = 88172645463325252u;
    zreport_begin(&block);
    for (size_t i = 0; i < COUNT; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        values[i] = (random >> 24) >> (random % 40); // spread over all powers of two up to 2^40
        zreport_pause(&block, values[i]);
    }
    zreport_end(&block, 1);
    qsort(values, COUNT, sizeof values[0], by_value);
    struct zreport_snapshot snapshot;
    zreport_read(&block, &snapshot);
    check_percentile(&snapshot, values, COUNT, 50, COUNT / 2);
    check_percentile(&snapshot, values, COUNT, 99, COUNT * 99 / 100);
    check_percentile(&snapshot, values, COUNT, 99.9, 1998);
    check_percentile(&snapshot, values, COUNT, 0, 1);
    assert_int_equal(zreport_pause_percentile(&snapshot, 100), values[COUNT - 1]);
}

static void test_percentile_of_no_pause_is_zero(void **state)
{
    (void)state;
    struct zreport_snapshot snapshot = {0};
    assert_int_equal(zreport_pause_percentile(&snapshot, 50), 0);
    assert_int_equal(zreport_pause_percentile(&snapshot, 100), 0);
}

static void check_single(uint64_t pause_ns)
{
    struct zreport_block block;
    struct zreport_snapshot snapshot;
    init_block(&block);
    zreport_begin(&block);
    zreport_pause(&block, pause_ns);
    zreport_end(&block, 1);
    zreport_read(&block, &snapshot);
    // A single pause is the longest one too, so every percentile is exactly that.
    assert_true(zreport_pause_percentile(&snapshot, 50) == pause_ns);
    assert_true(snapshot.counters[ZREPORT_pause_ns_total] == pause_ns);
}

static void test_pause_of_every_power_of_two_and_neighbours_has_a_bucket(void **state)
{
    (void)state;
    check_single(0);
    check_single(UINT64_MAX); // in the last bucket, which is open upwards
    for (int bit = 0; bit < 64; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        check_single(power - 1);
        check_single(power);
        check_single(power + 1);
    }
}

// ---- Readers beside a writer --------------------------------------------------------------------

// The writer goes on until the readers have read so often, so that they do meet.
#define READS_WANTED 20000
#define WRITES_MAX   100000000

struct shared {
    struct zreport_block block;
    _Atomic uint32_t is_over;
    _Atomic uint64_t reads;
};

static void *write_pairs(void *context)
{
    struct shared *shared = context;
    for (uint64_t i = 1; i <= WRITES_MAX; i++) {
        zreport_begin(&shared->block);
        zreport_add(&shared->block, ZREPORT_isolates_created, i % 7);
        zreport_pause(&shared->block, 1000);
        zreport_add(&shared->block, ZREPORT_cpu_ns, i % 7);
        zreport_end(&shared->block, i);
        if (z_load_relaxed(&shared->reads) >= READS_WANTED) break; // relaxed: a count
    }
    z_store_release(&shared->is_over, 1); // PAIR over
    return NULL;
}

static void *read_pairs(void *context)
{
    struct shared *shared = context;
    struct zreport_snapshot snapshot;
    uint64_t wrong = 0, last = 0;
    while (!z_load_acquire(&shared->is_over)) { // PAIR over
        zreport_read(&shared->block, &snapshot);
        uint64_t pauses = 0;
        for (int i = 0; i < ZREPORT_PAUSE_BUCKETS; i++)
            pauses += snapshot.pauses[i];
        wrong += snapshot.counters[ZREPORT_isolates_created] != snapshot.counters[ZREPORT_cpu_ns];
        wrong += snapshot.counters[ZREPORT_pause_ns_total] != pauses * 1000;
        wrong += snapshot.updated_ns != pauses; // each update has one pause and its number
        wrong += snapshot.updated_ns < last;
        last = snapshot.updated_ns;
        z_fetch_add_relaxed(&shared->reads, 1); // relaxed: a count
    }
    return (void *)(uintptr_t)wrong;
}

static void test_reader_beside_a_writer_never_sees_half_an_update(void **state)
{
    (void)state;
    static struct shared shared;
    pthread_t writer, readers[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_pairs, &shared), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_pairs, &shared), 0);
    pthread_join(writer, NULL);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(readers[i], &wrong);
        assert_null(wrong);
    }
}

// ---- By powers of two ---------------------------------------------------------------------------

static void test_histogram_by_log2_puts_each_duration_by_its_bits(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 64; bits++) {
        uint64_t least = bits == 0 ? 0 : UINT64_C(1) << (bits - 1);
        uint64_t most = bits == 0 ? 0 : least + (least - 1);
        struct zreport_block block;
        struct zreport_snapshot snapshot;
        uint64_t counts[ZVM_REPORT_BUCKETS];
        init_block(&block);
        zreport_begin(&block);
        zreport_slice(&block, least);
        zreport_slice(&block, most);
        zreport_slice(&block, least + (most - least) / 2);
        zreport_end(&block, 1);
        zreport_read(&block, &snapshot);
        zreport_by_log2(snapshot.slices, counts);
        uint32_t last = ZVM_REPORT_BUCKETS - 1;
        for (uint32_t i = 0; i <= last; i++)
            assert_int_equal(counts[i], i == (bits < last ? bits : last) ? 3 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_gives_what_was_added),
        cmocka_unit_test(test_histogram_by_log2_puts_each_duration_by_its_bits),
        cmocka_unit_test(test_merge_adds_counters_and_takes_the_longest_pause),
        cmocka_unit_test(test_counters_of_a_snapshot_fill_the_public_struct),
        cmocka_unit_test(test_current_heap_below_zero_in_one_block_reads_zero),
        cmocka_unit_test(test_percentiles_of_many_sizes_are_an_eighth_off_at_most),
        cmocka_unit_test(test_percentile_of_no_pause_is_zero),
        cmocka_unit_test(test_pause_of_every_power_of_two_and_neighbours_has_a_bucket),
        cmocka_unit_test(test_reader_beside_a_writer_never_sees_half_an_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
