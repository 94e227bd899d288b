// Goal: what is packed in one isolate is found in another one as it was, cycles and sharing too, however deep; what cannot be
// sent is refused with the way to it, and what is too large by the byte; and nothing is left over, whichever allocation is
// refused.
// Method: two isolates of one code, without a scheduler: a value of the first is packed, and unpacked in the second.
#include "parcel_fixture.h"

#include "vm/talk.h"

#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#    define DEEP 100000u
#else
#    define DEEP (VM_STRESS ? 1000u : 1000000u)
#endif

static const char *text_of(struct two *two, struct zvalue value)
{
    zstrbuf_clear(&two->vm.runner.scratch);
    assert_true(ztext_append(two->other, value, &two->vm.runner.scratch));
    return zstrbuf_text(&two->vm.runner.scratch);
}

static struct zvalue list_of(struct two *two, uint32_t count, const struct zvalue *values)
{
    struct zvalue out;
    assert_true(zlist_from_values(two->vm.iso, values, count, &out));
    return out;
}

// ---- There ----------------------------------------------------------------------------------------

static void test_values_without_objects_arrive(void **state)
{
    (void)state;
    const struct zvalue values[] = {
        zvalue_int(INT64_MIN), zvalue_int(0),     zvalue_float(-0.5),
        zvalue_null(),         zvalue_bool(true), zvalue_bool(false),
    };
    struct two two;
    open_two(&two);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        two.vm.roots[0] = values[i];
        send(&two);
        assert_int_equal(two.got[0].tag, values[i].tag);
        if (values[i].tag <= ZTAG_FLOAT) assert_true(two.got[0].bits == values[i].bits);
    }
    close_two(&two);
}

static void test_strings_arrive_short_and_long_and_not_ascii(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 7, 8, 9, 64, 65, 2040, 5000, 100000};
    struct two two;
    open_two(&two);
    char *bytes = malloc(100000);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memset(bytes, 'x', lengths[i]);
        if (lengths[i] > 8) memcpy(bytes + lengths[i] - 3, "\xe2\x82\xac", 3);
        assert_true(zstring_new(two.vm.iso, bytes, lengths[i], &two.vm.roots[0]));
        send(&two);
        assert_true(vm_is_bytes(two.got[0], bytes, lengths[i]));
    }
    free(bytes);
    close_two(&two);
}

static void test_lists_and_maps_arrive_in_their_order(void **state)
{
    (void)state;
    struct two two;
    open_two(&two);
    struct vm *vm = &two.vm;
    const struct zvalue ints[] = {zvalue_int(1), zvalue_int(2), zvalue_int(3)};
    const struct zvalue floats[] = {zvalue_float(1.5), zvalue_float(2.5)};
    vm->roots[1] = list_of(&two, 3, ints);
    vm->roots[2] = list_of(&two, 2, floats);
    vm->roots[3] = list_of(&two, 0, NULL);
    vm->roots[4] = vm_string(vm, "text");
    assert_true(zmap_new(vm->iso, 0, &vm->roots[5]));
    for (int i = 20; i > 0; i--) {
        vm->roots[6] = vm_string(vm, i % 2 == 0 ? "even" : "odd");
        assert_true(zmap_set(vm->iso, vm->roots[5].p, zvalue_int(i), vm->roots[6]));
    }
    for (int i = 20; i > 4; i--)
        assert_true(zmap_remove(vm->iso, vm->roots[5].p, zvalue_int(i), &(struct zvalue){0}));
    assert_true(zmap_set(vm->iso, vm->roots[5].p, vm->roots[4], vm->roots[1]));
    vm->roots[0] = list_of(&two, 5, &vm->roots[1]);
    send(&two);
    assert_string_equal(
        text_of(&two, two.got[0]),
        "[[1, 2, 3], [1.5, 2.5], [], text, {4: even, 3: odd, 2: even, 1: odd, text: "
        "[1, 2, 3]}]");
    close_two(&two);
}

static void test_sharing_and_cycles_stay(void **state)
{
    (void)state;
    struct two two;
    open_two(&two);
    struct vm *vm = &two.vm;
    vm->roots[1] = list_of(&two, 0, NULL);
    assert_true(zmap_new(vm->iso, 0, &vm->roots[2]));
    vm->roots[3] = vm_string(vm, "me");
    const struct zvalue parts[] = {vm->roots[1], vm->roots[1], vm->roots[2]};
    vm->roots[0] = list_of(&two, 3, parts);
    assert_true(zmap_set(vm->iso, vm->roots[2].p, vm->roots[3], vm->roots[2])); // itself
    assert_true(zlist_push(vm->iso, vm->roots[0].p, vm->roots[0]));
    assert_true(zlist_push(vm->iso, vm->roots[1].p, vm->roots[0]));
    send(&two);
    const struct zlist *list = two.got[0].p;
    assert_int_equal(zlist_length(list), 4);
    assert_ptr_equal(zlist_get(list, 0).p, zlist_get(list, 1).p);
    assert_ptr_equal(zlist_get(list, 3).p, list);
    assert_ptr_equal(zlist_get(zlist_get(list, 0).p, 0).p, list);
    struct zvalue inner = zlist_get(list, 2);
    two.got[1] = inner;
    assert_true(zstring_new(two.other, "me", 2, &two.got[2]));
    const struct zmap_entry *entry = zmap_find(inner.p, two.got[2]);
    assert_non_null(entry);
    assert_ptr_equal((void *)(uintptr_t)entry->value, inner.p);
    assert_true(list != two.vm.roots[0].p);
    close_two(&two);
}

static void test_a_million_lists_in_each_other_arrive(void **state)
{
    (void)state;
    struct two two;
    open_two(&two);
    struct vm *vm = &two.vm;
    vm->roots[0] = list_of(&two, 0, NULL);
    for (uint32_t i = 1; i < DEEP; i++)
        vm->roots[0] = list_of(&two, 1, &vm->roots[0]);
    send(&two);
    uint32_t depth = 0;
    for (struct zvalue at = two.got[0]; at.tag == ZTAG_LIST; at = zlist_get(at.p, 0)) {
        depth++;
        if (zlist_length(at.p) == 0) break;
    }
    assert_int_equal(depth, DEEP);
    close_two(&two);
}

static void test_large_map_and_list_arrive(void **state)
{
    (void)state;
    enum { COUNT = VM_STRESS ? 300 : 20000 };
    struct two two;
    open_two(&two);
    struct vm *vm = &two.vm;
    assert_true(zmap_new(vm->iso, 0, &vm->roots[1]));
    vm->roots[0] = list_of(&two, 1, &vm->roots[1]);
    for (int i = 0; i < COUNT; i++) {
        char key[24];
        snprintf(key, sizeof key, "key %d", i);
        vm->roots[2] = vm_string(vm, key);
        assert_true(zmap_set(vm->iso, vm->roots[1].p, vm->roots[2], zvalue_int(i)));
        assert_true(zlist_push(vm->iso, vm->roots[0].p, vm->roots[2]));
    }
    send(&two);
    const struct zlist *list = two.got[0].p;
    assert_int_equal(zlist_length(list), COUNT + 1);
    struct zmap *map = zlist_get(list, 0).p;
    assert_int_equal(zmap_count(map), COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct zmap_entry *entry = zmap_find(map, zlist_get(list, i + 1));
        assert_non_null(entry);
        assert_int_equal(entry->value, i);
    }
    // What is collected now is not what has just come.
    zheap_collect(&two.other->heap, NULL);
    assert_int_equal(zlist_length(two.got[0].p), COUNT + 1);
    close_two(&two);
}

static void test_error_keeps_its_kind_and_message(void **state)
{
    (void)state;
    struct two two;
    open_two(&two);
    assert_false(zerror_raise(two.vm.iso, ZERROR_VALUE, "no %d", 7));
    two.vm.roots[0] = two.vm.iso->error;
    two.vm.iso->pending = ZPENDING_NOTHING;
    send(&two);
    assert_int_equal(two.got[0].tag, ZTAG_ERROR);
    const struct zerror *error = two.got[0].p;
    // The runtime's own text of the kind, so that `catch` knows it.
    assert_ptr_equal((void *)(uintptr_t)error->kind, two.vm.shared->kinds[ZERROR_VALUE]);
    assert_true(vm_is_bytes(zvalue_slot(error->message, error->message_tag), "no 7", 4));
    close_two(&two);
}

static void test_isolate_is_held_by_message_and_by_value(void **state)
{
    (void)state;
    struct two two;
    open_two(&two);
    struct zmailbox *mailbox = zmailbox_new(two.vm.shared);
    assert_true(ztalk_value(two.vm.iso, mailbox, &two.vm.roots[1]));
    const struct zvalue twice[] = {two.vm.roots[1], two.vm.roots[1]};
    two.vm.roots[0] = list_of(&two, 2, twice);
    struct zparcel *parcel;
    assert_int_equal(z_load_relaxed(&mailbox->holds), 2);
    assert_true(pack(&two, two.vm.roots[0], NO_LIMIT, &parcel));
    assert_int_equal(z_load_relaxed(&mailbox->holds), 3);
    assert_true(zparcel_unpack(two.other, parcel, &two.got[0]));
    assert_int_equal(z_load_relaxed(&mailbox->holds), 4);
    zparcel_free(parcel);
    const struct zisolate_value *value = zlist_get(two.got[0].p, 1).p;
    assert_ptr_equal(value->mailbox, mailbox);
    assert_int_equal(z_load_relaxed(&mailbox->holds), 3);
    zmailbox_release(mailbox);
    close_two(&two);
}

// ---- Refused --------------------------------------------------------------------------------------

static struct zvalue a_function(void)
{
    uint32_t row = zbuiltin_find("len", 3);
    return (struct zvalue){.p = (void *)(uintptr_t)&zbuiltin_table[row], .tag = ZTAG_BUILTIN};
}

static void test_what_cannot_be_sent_is_named_by_the_way_to_it(void **state)
{
    (void)state;
    struct two two;
    open_two(&two);
    struct vm *vm = &two.vm;
    struct zparcel *parcel;
    assert_false(pack(&two, a_function(), NO_LIMIT, &parcel));
    vm_expect_error(vm, "TypeError: send(): message is a function, which cannot be sent");
    const struct zvalue list[] = {zvalue_null(), a_function()};
    vm->roots[0] = list_of(&two, 2, list);
    assert_true(zmap_new(vm->iso, 0, &vm->roots[1]));
    vm->roots[2] = vm_string(vm, "key");
    assert_true(zmap_set(vm->iso, vm->roots[1].p, vm->roots[2], vm->roots[0]));
    assert_true(zmap_new(vm->iso, 0, &vm->roots[3]));
    assert_true(zmap_set(vm->iso, vm->roots[3].p, zvalue_int(-4), vm->roots[1]));
    assert_false(pack(&two, vm->roots[3], NO_LIMIT, &parcel));
    vm_expect_error(
        vm, "TypeError: send(): message[-4][\"key\"][1] is a function, which cannot be sent");
    for (int i = 0; i < 20; i++)
        vm->roots[0] = list_of(&two, 1, &vm->roots[0]);
    assert_false(pack(&two, vm->roots[0], NO_LIMIT, &parcel));
    vm_expect_error(vm,
                    "TypeError: send(): message...[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][1] "
                    "is a function, which cannot be sent");
    close_two(&two);
}

// At the limit, and one byte below it.
static void expect_limit(struct two *two, struct zvalue value)
{
    struct zparcel *parcel;
    assert_true(pack(two, value, NO_LIMIT, &parcel));
    uint64_t bytes = parcel->message.bytes;
    zparcel_free(parcel);
    assert_true(pack(two, value, bytes, &parcel));
    assert_int_equal(parcel->message.bytes, bytes);
    zparcel_free(parcel);
    assert_false(pack(two, value, bytes - 1, &parcel));
    char text[100];
    snprintf(text, sizeof text, "MailboxError: send(): the message is larger than %llu bytes",
             (unsigned long long)bytes - 1);
    vm_expect_error(&two->vm, text);
    assert_false(pack(two, value, 0, &parcel));
    vm_expect_error(&two->vm, "MailboxError: send(): the message is larger than 0 bytes");
}

static void test_limit_of_bytes_is_kept_to_the_byte(void **state)
{
    (void)state;
    struct two two;
    open_two(&two);
    struct vm *vm = &two.vm;
    expect_limit(&two, zvalue_int(1));
    vm->roots[0] = vm_string(vm, "12345678");
    expect_limit(&two, vm->roots[0]);
    vm->roots[1] = vm_string(vm, "123456789");
    expect_limit(&two, vm->roots[1]);
    vm->roots[2] = list_of(&two, 2, vm->roots);
    expect_limit(&two, vm->roots[2]);
    assert_true(zmap_new(vm->iso, 0, &vm->roots[3]));
    assert_true(zmap_set(vm->iso, vm->roots[3].p, vm->roots[0], vm->roots[2]));
    expect_limit(&two, vm->roots[3]);
    static const char bytes[5000] = {'x'};
    assert_true(zstring_new(vm->iso, bytes, ZSTRING_COUNTED_MIN + 1, &vm->roots[4]));
    expect_limit(&two, vm->roots[4]);
    assert_true(zstring_new(vm->iso, bytes, sizeof bytes, &vm->roots[5]));
    expect_limit(&two, vm->roots[5]);
    vm->roots[6] = list_of(&two, 3, &vm->roots[3]);
    expect_limit(&two, vm->roots[6]);
    close_two(&two);
}

static void test_packing_is_paid_for_by_its_bytes(void **state)
{
    (void)state;
    struct two two;
    assert_true(try_open(&two, 1000));
    struct zparcel *parcel;
    struct vm *vm = &two.vm;
    vm->iso->fuel_reserve = INT64_MAX / 2; // making it is not what is paid for here
    vm->roots[0] = list_of(&two, 0, NULL);
    for (int i = 0; i < 40000; i++)
        assert_true(zlist_push(vm->iso, vm->roots[0].p, i == 0 ? zvalue_null() : zvalue_int(i)));
    vm->iso->fuel = 0;
    vm->iso->fuel_reserve = 10;
    assert_false(pack(&two, vm->roots[0], NO_LIMIT, &parcel));
    assert_int_equal(vm->iso->pending, ZPENDING_TERMINATION);
    assert_int_equal(vm->iso->status, ZVM_E_FUEL);
    close_two(&two);
}

// ---- Without memory -------------------------------------------------------------------------------

// Strings that go by count: one without a buffer, one with a full one, one with room behind it, one that shows half of that.
static bool build_long(struct two *two)
{
    struct vm *vm = &two->vm;
    static const char bytes[5000] = {'x'};
    static const size_t lengths[] = {ZSTRING_COUNTED_MIN + 1, ZSTRING_INLINE_MAX + 1, sizeof bytes};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (!zstring_new(vm->iso, bytes, lengths[i], &vm->roots[2])) return false;
        if (!zlist_push(vm->iso, vm->roots[0].p, vm->roots[2])) return false;
    }
    vm->roots[1] = vm->roots[2];
    if (!zstring_concat(vm->iso, vm->roots[2], vm->roots[2], &vm->roots[2])) return false;
    return zlist_push(vm->iso, vm->roots[0].p, vm->roots[2]) &&
           zstring_sub(vm->iso, vm->roots[2], 0, sizeof bytes, &vm->roots[1]) &&
           zlist_push(vm->iso, vm->roots[0].p, vm->roots[1]);
}

// Lists, maps, strings and an isolate, enough that every table grows.
static bool build(struct two *two, struct zmailbox *mailbox)
{
    struct vm *vm = &two->vm;
    if (!zlist_new(vm->iso, 0, &vm->roots[0])) return false;
    for (int i = 0; i < 40; i++) {
        char text[80];
        snprintf(text, sizeof text, "a text that is long enough to be no symbol, number %d", i);
        if (!zmap_new(vm->iso, 0, &vm->roots[1])) return false;
        if (!zstring_new(vm->iso, text, strlen(text), &vm->roots[2])) return false;
        if (!zmap_set(vm->iso, vm->roots[1].p, vm->roots[2], vm->roots[0])) return false;
        if (!zlist_push(vm->iso, vm->roots[0].p, vm->roots[1])) return false;
    }
    return build_long(two) && ztalk_value(vm->iso, mailbox, &vm->roots[3]) &&
           zlist_push(vm->iso, vm->roots[0].p, vm->roots[3]);
}

static void test_each_refused_allocation_leaves_nothing(void **state)
{
    (void)state;
    bool was_reached = true;
    for (uint64_t n = 1; was_reached; n++) {
        struct zalloc_stats before = zalloc_stats();
        struct two two;
        open_two(&two);
        struct zmailbox *mailbox = zmailbox_new(two.vm.shared);
        assert_true(build(&two, mailbox));
        zalloc_fail_at(n, false);
        struct zparcel *parcel = NULL;
        bool is_packed = pack(&two, two.vm.roots[0], NO_LIMIT, &parcel);
        bool is_unpacked = is_packed && zparcel_unpack(two.other, parcel, &two.got[0]);
        was_reached = zalloc_has_failed();
        zalloc_fail_at(0, false);
        if (!is_packed) {
            assert_int_equal(two.vm.iso->pending, ZPENDING_TERMINATION);
            assert_int_equal(two.vm.iso->status, ZVM_E_NOMEM);
        } else if (!is_unpacked) {
            assert_int_not_equal(two.other->pending, ZPENDING_NOTHING);
        }
        assert_true(is_unpacked || was_reached);
        if (is_packed) zparcel_free(parcel);
        zmailbox_release(mailbox);
        close_two(&two);
        assert_int_equal(zalloc_stats().live_count, before.live_count);
        assert_int_equal(zalloc_stats().live_bytes, before.live_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_without_objects_arrive),
        cmocka_unit_test(test_strings_arrive_short_and_long_and_not_ascii),
        cmocka_unit_test(test_lists_and_maps_arrive_in_their_order),
        cmocka_unit_test(test_sharing_and_cycles_stay),
        cmocka_unit_test(test_a_million_lists_in_each_other_arrive),
        cmocka_unit_test(test_large_map_and_list_arrive),
        cmocka_unit_test(test_error_keeps_its_kind_and_message),
        cmocka_unit_test(test_isolate_is_held_by_message_and_by_value),
        cmocka_unit_test(test_what_cannot_be_sent_is_named_by_the_way_to_it),
        cmocka_unit_test(test_limit_of_bytes_is_kept_to_the_byte),
        cmocka_unit_test(test_packing_is_paid_for_by_its_bytes),
        cmocka_unit_test(test_each_refused_allocation_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
