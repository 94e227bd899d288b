// Goal: maps find what was put in, keep the order of insertion, and stay so through growth, removal
// and packing, with every width of index.
// Method: an isolate without a program; cases by hand, then random operations beside a plain array.
#include "vm_fixture.h"

static struct zmap *new_map(struct vm *vm, int root, uint64_t capacity)
{
    assert_true(zmap_new(vm->iso, capacity, &vm->roots[root]));
    return vm->roots[root].p;
}

static void set_int(struct vm *vm, struct zmap *map, int64_t key, int64_t value)
{
    assert_true(zmap_set(vm->iso, map, zvalue_int(key), zvalue_int(value)));
}

static int64_t get_int(const struct zmap *map, int64_t key)
{
    const struct zmap_entry *entry = zmap_find(map, zvalue_int(key));
    return entry == NULL ? -1 : (int64_t)entry->value;
}

static void test_find_in_empty_map_gives_null(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    const struct zmap *map = new_map(&vm, 0, 0);
    assert_null(zmap_find(map, zvalue_int(0)));
    assert_null(zmap_find(map, vm_string(&vm, "key")));
    assert_text(&vm, vm.roots[0], "{}");
    vm_close(&vm);
}

static void test_keys_of_both_types_do_not_mix(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    vm.roots[1] = vm_string(&vm, "1");
    set_int(&vm, map, 1, 10);
    assert_true(zmap_set(vm.iso, map, vm.roots[1], zvalue_int(20)));
    assert_int_equal(zmap_count(map), 2);
    assert_int_equal(get_int(map, 1), 10);
    assert_int_equal(zmap_find(map, vm.roots[1])->value, 20);
    // An integer that equals the address of a key is not that key.
    assert_null(zmap_find(map, zvalue_int((int64_t)(uintptr_t)vm.roots[1].p)));
    vm_close(&vm);
}

static void test_set_string_keys_long_and_short_are_found_by_content(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    char text[100];
    for (size_t length = 2; length < sizeof text; length++) {
        memset(text, 'k', length);
        assert_true(zstring_new(vm.iso, text, length, &vm.roots[1]));
        assert_true(zmap_set(vm.iso, map, vm.roots[1], zvalue_int((int64_t)length)));
    }
    vm.roots[1] = zvalue_null();
    zheap_collect(&vm.iso->heap, NULL);
    for (size_t length = 2; length < sizeof text; length++) {
        assert_true(zstring_new(vm.iso, text, length, &vm.roots[1]));
        const struct zmap_entry *entry = zmap_find(map, vm.roots[1]);
        assert_non_null(entry);
        assert_int_equal(entry->value, length);
        assert_int_equal(entry->key_tag, length <= 64 ? ZTAG_SYMBOL : ZTAG_STRING);
    }
    vm_verify(&vm);
    vm_close(&vm);
}

static void test_find_of_absent_string_interns_nothing(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    set_int(&vm, map, 1, 1);
    struct zintern_stats before, after;
    zintern_stats(vm.intern, &before);
    vm.roots[1] = vm_string(&vm, "never seen before");
    assert_null(zmap_find(map, vm.roots[1]));
    zintern_stats(vm.intern, &after);
    assert_int_equal(after.inserted, before.inserted);
    vm_close(&vm);
}

static void test_replace_keeps_place_and_version(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    for (int64_t i = 0; i < 5; i++)
        set_int(&vm, map, i, i);
    uint32_t version = map->version;
    set_int(&vm, map, 2, 77);
    assert_int_equal(map->version, version);
    assert_text(&vm, vm.roots[0], "{0: 0, 1: 1, 2: 77, 3: 3, 4: 4}");
    vm_close(&vm);
}

static void test_removed_and_added_again_goes_last(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    for (int64_t i = 0; i < 5; i++)
        set_int(&vm, map, i, i);
    struct zvalue removed;
    uint32_t version = map->version;
    assert_true(zmap_remove(vm.iso, map, zvalue_int(1), &removed));
    assert_int_equal(removed.i, 1);
    assert_int_not_equal(map->version, version);
    removed = zvalue_unset();
    assert_true(zmap_remove(vm.iso, map, zvalue_int(1), &removed));
    assert_int_equal(removed.tag, ZTAG_UNSET);
    set_int(&vm, map, 1, 9);
    assert_text(&vm, vm.roots[0], "{0: 0, 2: 2, 3: 3, 4: 4, 1: 9}");
    vm_close(&vm);
}

// 1 and 2 bytes a slot end at 170 and 43690 entries.
static void test_growth_through_every_index_width_keeps_all(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    enum { COUNT = 50000 };
    uint32_t widths = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        set_int(&vm, map, i * 1000003, i);
        widths |= 1u << map->index_width;
    }
    assert_int_equal(widths, 1u | 1u << 1 | 1u << 2 | 1u << 4);
    for (int64_t i = 0; i < COUNT; i++)
        assert_int_equal(get_int(map, i * 1000003), i);
    assert_int_equal(get_int(map, 1), -1);
    for (int64_t i = 0; i < COUNT; i++)
        assert_int_equal(zmap_entries(map)[i].value, i);
    vm_verify(&vm);
    vm_close(&vm);
}

static void test_capacity_asked_for_is_there(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    static const uint32_t capacities[] = {1, 4, 5, 8, 9, 20, 21, 42, 43, 170, 171, 43690, 43691};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct zmap *map = new_map(&vm, 0, capacities[i]);
        assert_in_range(map->capacity, capacities[i], (uint64_t)capacities[i] * 3 + 4);
        const void *payload = map->owner.payload;
        for (int64_t k = 0; k < capacities[i]; k++)
            set_int(&vm, map, k, k);
        assert_ptr_equal(map->owner.payload, payload);
    }
    assert_false(zmap_new(vm.iso, UINT64_C(1) << 31, &vm.roots[0]));
    vm_expect_error(&vm, "LimitError: map larger than 2147483647 entries");
    vm_close(&vm);
}

// One key in, one out: the map must neither grow for ever nor pack at each step.
static void test_churn_keeps_capacity_and_packs_rarely(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    for (int64_t i = 0; i < 100; i++)
        set_int(&vm, map, i, i);
    uint32_t packs = 0, used = map->used;
    for (int64_t i = 0; i < 100000; i++) {
        struct zvalue removed;
        assert_true(zmap_remove(vm.iso, map, zvalue_int(i), &removed));
        set_int(&vm, map, i + 100, i + 100);
        packs += map->used < used;
        used = map->used;
    }
    assert_int_equal(zmap_count(map), 100);
    assert_in_range(map->capacity, 100, 400);
    assert_in_range(packs, 1, 100000 / 30);
    for (int64_t i = 100000; i < 100100; i++)
        assert_int_equal(get_int(map, i), i);
    vm_close(&vm);
}

static void test_remove_most_packs_the_rest(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, 0);
    for (int64_t i = 0; i < 1000; i++)
        set_int(&vm, map, i, i);
    struct zvalue removed;
    for (int64_t i = 0; i < 990; i++)
        assert_true(zmap_remove(vm.iso, map, zvalue_int(i), &removed));
    assert_in_range(map->used, 10, 64);
    for (int64_t i = 990; i < 1000; i++)
        assert_int_equal(get_int(map, i), i);
    assert_text(&vm, vm.roots[0],
                "{990: 990, 991: 991, 992: 992, 993: 993, 994: 994, 995: 995, "
                "996: 996, 997: 997, 998: 998, 999: 999}");
    vm_close(&vm);
}

static uint64_t fuel_of_removal(struct vm *vm, struct zmap *map, int64_t key)
{
    uint64_t before = zisolate_fuel_used(vm->iso);
    struct zvalue removed;
    assert_true(zmap_remove(vm->iso, map, zvalue_int(key), &removed));
    return zisolate_fuel_used(vm->iso) - before;
}

// Removals were free, also those that pack: of a large map each of these moved its index, unasked.
static void test_packing_is_paid_for_and_refused_before_anything_is_removed(void **state)
{
    (void)state;
    enum { COUNT = 4000, PACKS_AT = COUNT * 3 / 4 }; // the removal that leaves less than a quarter
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, COUNT);
    for (int64_t i = 0; i < COUNT; i++)
        set_int(&vm, map, i, i);
    for (int64_t i = 0; i < PACKS_AT; i++)
        assert_int_equal(fuel_of_removal(&vm, map, i), 0);
    int64_t fuel[2] = {vm.iso->fuel, vm.iso->fuel_reserve};
    vm.iso->fuel = vm.iso->fuel_reserve = 0;
    struct zvalue removed = zvalue_unset();
    assert_false(zmap_remove(vm.iso, map, zvalue_int(PACKS_AT), &removed));
    assert_int_equal(vm.iso->pending, ZPENDING_TERMINATION);
    assert_int_equal(removed.tag, ZTAG_UNSET);
    assert_int_equal(get_int(map, PACKS_AT), PACKS_AT);
    assert_int_equal(map->used, COUNT);
    vm.iso->pending = ZPENDING_NOTHING;
    vm.iso->fuel = fuel[0], vm.iso->fuel_reserve = fuel[1];
    assert_true(fuel_of_removal(&vm, map, PACKS_AT) >=
                map->owner.payload_bytes / ZFUEL_BYTES_PER_UNIT);
    assert_int_equal(map->used, COUNT - PACKS_AT - 1);
    vm_close(&vm);
}

// A map that was large and is used as a short queue does not go over its whole index each time.
static void test_few_entries_of_a_large_map_are_packed_for_little(void **state)
{
    (void)state;
    enum { CAPACITY = VM_STRESS ? 5000 : 100000, ROUNDS = 1000, LENGTH = 20 };
    struct vm vm;
    vm_open(&vm);
    struct zmap *map = new_map(&vm, 0, CAPACITY);
    uint64_t fuel = 0;
    for (int64_t i = 0; i < ROUNDS * LENGTH; i++) {
        set_int(&vm, map, i * 77777, i);
        if (i >= LENGTH) fuel += fuel_of_removal(&vm, map, (i - LENGTH) * 77777);
        assert_in_range(zmap_count(map), 1, LENGTH);
        assert_int_equal(get_int(map, i * 77777), i);
    }
    // At most what each entry costs when it is passed once, and its neighbours three times.
    assert_true(fuel <= ROUNDS * LENGTH * 4 * 2 * sizeof(struct zmap_entry) / ZFUEL_BYTES_PER_UNIT);
    vm_close(&vm);
}

// ---- Beside a model -----------------------------------------------------------------------------

#define KEYS 200

// Where key k stands in the order of insertion, 0: absent.
struct model {
    uint64_t place[KEYS], value[KEYS];
    uint64_t next_place;
    uint32_t count;
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static struct zvalue key_of(struct vm *vm, uint32_t k)
{
    if (k % 2 == 0) return zvalue_int((int64_t)k - 50);
    char text[100];
    int length = snprintf(text, sizeof text, "key number %u", k);
    if (k % 3 == 0) memset(text + length, '.', 70), length += 70; // too long for a symbol
    assert_true(zstring_new(vm->iso, text, (size_t)length, &vm->roots[1]));
    return vm->roots[1];
}

static void random_operation(struct vm *vm, struct model *model, uint32_t *seed, uint32_t adds)
{
    struct zmap *map = vm->roots[0].p;
    uint32_t k = next_random(seed) % KEYS;
    struct zvalue key = key_of(vm, k);
    if (next_random(seed) % 10 < adds) {
        uint32_t value = next_random(seed);
        assert_true(zmap_set(vm->iso, map, key, zvalue_int(value)));
        if (model->place[k] == 0) model->place[k] = ++model->next_place, model->count++;
        model->value[k] = value;
        return;
    }
    struct zvalue removed = zvalue_unset();
    assert_true(zmap_remove(vm->iso, map, key, &removed));
    bool was_there = removed.tag != ZTAG_UNSET;
    assert_int_equal(was_there, model->place[k] != 0);
    if (was_there) {
        assert_int_equal(removed.i, model->value[k]);
        model->place[k] = 0;
        model->count--;
    }
}

static void check_model(struct vm *vm, const struct model *model)
{
    const struct zmap *map = vm->roots[0].p;
    assert_int_equal(zmap_count(map), model->count);
    const struct zmap_entry *previous = NULL;
    uint64_t last_place = 0;
    for (uint32_t n = 0; n < model->count; n++) {
        uint32_t next = KEYS; // the key that was inserted next
        for (uint32_t k = 0; k < KEYS; k++) {
            if (model->place[k] <= last_place) continue;
            if (next == KEYS || model->place[k] < model->place[next]) next = k;
        }
        assert_in_range(next, 0, KEYS - 1);
        last_place = model->place[next];
        const struct zmap_entry *entry = zmap_find(map, key_of(vm, next));
        assert_non_null(entry);
        assert_int_equal(entry->value, model->value[next]);
        assert_true(previous == NULL || previous < entry);
        previous = entry;
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        if (model->place[k] == 0) assert_null(zmap_find(map, key_of(vm, k)));
    }
}

static void test_random_operations_match_a_table(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    uint32_t seed = 7;
    for (uint32_t round = 0; round < 20; round++) {
        static struct model model;
        memset(&model, 0, sizeof model);
        // In a large map so few keys are packed one by one.
        new_map(&vm, 0, round % 4 == 3 ? 100 * KEYS : round % 4 * 10);
        for (int i = 0; i < 1500; i++) {
            random_operation(&vm, &model, &seed, (uint32_t)(i / 300) % 2 == 0 ? 7 : 3);
            if (i % 300 == 299) check_model(&vm, &model);
        }
        zheap_collect(&vm.iso->heap, NULL);
        check_model(&vm, &model);
    }
    vm_verify(&vm);
    vm_close(&vm);
}

static bool fill_map(struct vm *vm)
{
    if (!zmap_new(vm->iso, 0, &vm->roots[0])) return false;
    for (int i = 0; i < 300; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "some key %d", i);
        if (!zstring_new(vm->iso, text, (size_t)length, &vm->roots[1])) return false;
        if (!zmap_set(vm->iso, vm->roots[0].p, vm->roots[1], zvalue_int(i))) return false;
    }
    return true;
}

static void test_filling_with_nth_allocation_failing_keeps_the_map_whole(void **state)
{
    (void)state;
    bool passed = false;
    for (uint64_t n = 1; !passed; n++) {
        assert_in_range(n, 1, 5000);
        struct vm vm;
        zalloc_fail_at(n, true);
        if (vm_try_open(&vm, UINT64_C(1) << 30, 0)) {
            passed = fill_map(&vm);
            zalloc_fail_at(0, false);
            if (!passed) assert_int_equal(vm.iso->pending, ZPENDING_TERMINATION);
            if (vm.roots[0].tag == ZTAG_MAP) {
                const struct zmap *map = vm.roots[0].p;
                for (uint32_t i = 0; i < zmap_count(map); i++)
                    assert_int_equal(zmap_entries(map)[i].value, i);
            }
            vm_verify(&vm);
        }
        zalloc_fail_at(0, false);
        vm_close(&vm);
    }
}

static void test_filling_to_heap_limit_raises_and_keeps_the_map_whole(void **state)
{
    (void)state;
    struct vm vm;
    assert_true(vm_try_open(&vm, 128 * 1024, 0));
    struct zmap *map = new_map(&vm, 0, 0);
    int64_t i = 0;
    while (zmap_set(vm.iso, map, zvalue_int(i), zvalue_int(i)))
        i++;
    assert_int_equal(vm.iso->pending, ZPENDING_ERROR);
    assert_int_equal(zmap_count(map), i);
    assert_int_equal(get_int(map, i - 1), i - 1);
    assert_int_equal(get_int(map, i), -1);
    vm_verify(&vm);
    vm_close(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_in_empty_map_gives_null),
        cmocka_unit_test(test_keys_of_both_types_do_not_mix),
        cmocka_unit_test(test_set_string_keys_long_and_short_are_found_by_content),
        cmocka_unit_test(test_find_of_absent_string_interns_nothing),
        cmocka_unit_test(test_replace_keeps_place_and_version),
        cmocka_unit_test(test_removed_and_added_again_goes_last),
        cmocka_unit_test(test_growth_through_every_index_width_keeps_all),
        cmocka_unit_test(test_capacity_asked_for_is_there),
        cmocka_unit_test(test_churn_keeps_capacity_and_packs_rarely),
        cmocka_unit_test(test_remove_most_packs_the_rest),
        cmocka_unit_test(test_packing_is_paid_for_and_refused_before_anything_is_removed),
        cmocka_unit_test(test_few_entries_of_a_large_map_are_packed_for_little),
        cmocka_unit_test(test_random_operations_match_a_table),
        cmocka_unit_test(test_filling_with_nth_allocation_failing_keeps_the_map_whole),
        cmocka_unit_test(test_filling_to_heap_limit_raises_and_keeps_the_map_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
