// Goal: a long string goes from isolate to isolate without a copy; nobody who reads its bytes ever sees them change; each who has
// them is charged for all of them; and they go with the last.
// Method: two isolates of one code, without a scheduler. Where the bytes lie says whether they were copied, holds and the sum of
// the runtime say who has them.
#include "parcel_fixture.h"

#include "vm/talk.h"

#define LONG 5000u

static char text[LONG];

static void fill_text(void)
{
    for (uint32_t i = 0; i < LONG; i++)
        text[i] = (char)('a' + i % 26);
}

static void open_filled(struct two *two)
{
    fill_text();
    open_two(two);
}

static const char *bytes_at(struct zvalue string)
{
    return zstring_bytes(string.p);
}

static bool is_long(struct zvalue string)
{
    return (((const struct zobject *)string.p)->flags & ZFLAG_LONG) != 0;
}

// Of a long string; NULL: its bytes are its own.
static struct zcounted *counted_of(struct zvalue string)
{
    assert_true(is_long(string));
    return zheap_payload_counted(&((const struct zstring_long *)string.p)->buffer->owner);
}

static uint64_t holds_of(struct zvalue string)
{
    assert_non_null(counted_of(string));
    return z_load_relaxed(&counted_of(string)->holds);
}

static uint64_t blocks(struct two *two)
{
    return z_load_relaxed(&two->vm.shared->counted.count);
}

static void make(struct two *two, size_t length_bytes, struct zvalue *out)
{
    assert_true(zstring_new(two->vm.iso, text, length_bytes, out));
}

static void expect_whole(struct zvalue string, size_t length_bytes)
{
    assert_true(vm_is_bytes(string, text, length_bytes));
}

static void collect_both(struct two *two)
{
    zheap_collect(&two->vm.iso->heap, NULL);
    zheap_collect(&two->other->heap, NULL);
}

static uint64_t committed(const struct zisolate *iso)
{
    return zheap_committed_bytes(&iso->heap);
}

// ---- Sharing --------------------------------------------------------------------------------------

static void test_long_string_has_the_same_bytes_on_both_sides(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[0]);
    assert_null(counted_of(two.vm.roots[0]));
    send(&two);
    expect_whole(two.got[0], LONG);
    expect_whole(two.vm.roots[0], LONG);
    assert_ptr_equal(bytes_at(two.got[0]), bytes_at(two.vm.roots[0]));
    assert_true(zstring_is_ascii(two.got[0].p));
    assert_int_equal(holds_of(two.got[0]), 2); // the parcel is gone
    assert_int_equal(blocks(&two), 1);
    vm_verify(&two.vm);
    close_two(&two);
}

static void test_later_sends_allocate_nothing_of_its_size(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[0]);
    send(&two);
    const char *bytes = bytes_at(two.vm.roots[0]);
    struct zparcel *parcels[COUNT];
    uint64_t before = zalloc_stats().live_bytes;
    for (int i = 0; i < COUNT; i++)
        assert_true(pack(&two, two.vm.roots[0], NO_LIMIT, &parcels[i]));
    assert_true(zalloc_stats().live_bytes - before < COUNT * 200);
    assert_int_equal(holds_of(two.vm.roots[0]), 2 + COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_true(zparcel_unpack(two.other, parcels[i], &two.got[i % 4]));
        zparcel_free(parcels[i]);
        assert_ptr_equal(bytes_at(two.got[i % 4]), bytes);
    }
    collect_both(&two);
    assert_int_equal(holds_of(two.vm.roots[0]), 1 + 4);
    assert_int_equal(blocks(&two), 1);
    close_two(&two);
}

static void test_string_twice_in_a_message_stays_one(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[1]);
    const struct zvalue twice[] = {two.vm.roots[1], two.vm.roots[1]};
    assert_true(zlist_from_values(two.vm.iso, twice, 2, &two.vm.roots[0]));
    struct zparcel *parcel;
    assert_true(pack(&two, two.vm.roots[0], NO_LIMIT, &parcel));
    assert_int_equal(parcel->hold_count, 1);
    assert_true(parcel->message.bytes < LONG + 300);
    assert_true(zparcel_unpack(two.other, parcel, &two.got[0]));
    zparcel_free(parcel);
    assert_ptr_equal(zlist_get(two.got[0].p, 0).p, zlist_get(two.got[0].p, 1).p);
    assert_int_equal(holds_of(zlist_get(two.got[0].p, 0)), 2);
    close_two(&two);
}

// A string that had no buffer gets one where it arrives, which goes back without a copy.
static void test_length_decides_who_goes_by_count(void **state)
{
    (void)state;
    static const size_t lengths[] = {ZSTRING_COUNTED_MIN, ZSTRING_COUNTED_MIN + 1,
                                     ZSTRING_INLINE_MAX, ZSTRING_INLINE_MAX + 1};
    struct two two;
    open_filled(&two);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        bool by_count = lengths[i] > ZSTRING_COUNTED_MIN;
        make(&two, lengths[i], &two.vm.roots[0]);
        send(&two);
        expect_whole(two.got[0], lengths[i]);
        expect_whole(two.vm.roots[0], lengths[i]);
        assert_int_equal(is_long(two.got[0]), by_count);
        assert_int_equal(is_long(two.vm.roots[0]), lengths[i] > ZSTRING_INLINE_MAX);
        assert_int_equal(bytes_at(two.got[0]) == bytes_at(two.vm.roots[0]),
                         lengths[i] > ZSTRING_INLINE_MAX);
        if (!by_count) continue;
        const struct zparcel_rules rules = {
            .what = "send()", .name = "message", .limit_bytes = NO_LIMIT};
        struct zparcel *back;
        assert_true(zparcel_pack(two.other, &rules, &two.got[0], 1, &back));
        assert_true(zparcel_unpack(two.vm.iso, back, &two.vm.roots[1]));
        zparcel_free(back);
        assert_ptr_equal(bytes_at(two.vm.roots[1]), bytes_at(two.got[0]));
        assert_true(zstring_equal(two.vm.roots[1], two.vm.roots[0]));
    }
    vm_verify(&two.vm);
    close_two(&two);
}

static void test_not_ascii_stays_known(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    memcpy(text + 100, "\xe2\x82\xac", 3);
    make(&two, LONG, &two.vm.roots[0]);
    send(&two);
    assert_false(zstring_is_ascii(two.got[0].p));
    assert_int_equal(zstring_length_chars(two.got[0]), LONG - 2);
    size_t offset;
    assert_true(zstring_offset(two.other, two.got[0], 1000, &offset));
    assert_int_equal(offset, 1002);
    close_two(&two);
}

// ---- Nobody sees it change ------------------------------------------------------------------------

static void test_appending_on_either_side_leaves_the_other(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG - 10, &two.vm.roots[0]);
    assert_true(zstring_new(two.vm.iso, text + LONG - 10, 10, &two.vm.roots[1]));
    assert_true(zstring_concat(two.vm.iso, two.vm.roots[0], two.vm.roots[1], &two.vm.roots[2]));
    two.vm.roots[0] = two.vm.roots[2]; // at the end of its buffer, which has room behind it
    send(&two);
    const char *bytes = bytes_at(two.vm.roots[0]);
    assert_true(zstring_new(two.other, "there", 5, &two.got[1]));
    two.vm.roots[1] = vm_string(&two.vm, "here");
    for (int i = 0; i < 3; i++) {
        assert_true(zstring_concat(two.vm.iso, two.vm.roots[2], two.vm.roots[1], &two.vm.roots[2]));
        struct zvalue longer = i == 0 ? two.got[0] : two.got[2];
        assert_true(zstring_concat(two.other, longer, two.got[1], &two.got[2]));
    }
    assert_int_equal(zstring_length_bytes(two.vm.roots[2].p), LONG + 12);
    assert_memory_equal(bytes_at(two.vm.roots[2]) + LONG, "hereherehere", 12);
    assert_memory_equal(bytes_at(two.got[2]) + LONG, "theretherethere", 15);
    expect_whole(two.vm.roots[0], LONG);
    expect_whole(two.got[0], LONG);
    assert_ptr_equal(bytes_at(two.vm.roots[0]), bytes);
    assert_int_equal(bytes[LONG], '\0');
    assert_null(counted_of(two.vm.roots[2]));
    assert_null(counted_of(two.got[2]));
    vm_verify(&two.vm);
    close_two(&two);
}

// What it begins with, in a string of its own or by its buffer.
static void test_parts_of_it_are_as_of_any_string(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[0]);
    send(&two);
    assert_true(zstring_sub(two.other, two.got[0], 0, LONG - 1, &two.got[1]));
    assert_ptr_equal(bytes_at(two.got[1]), bytes_at(two.got[0]));
    expect_whole(two.got[1], LONG - 1);
    assert_true(zstring_sub(two.other, two.got[0], 0, 1500, &two.got[2]));
    assert_false(is_long(two.got[2]));
    expect_whole(two.got[2], 1500);
    assert_true(zstring_sub(two.other, two.got[1], 26, 3000, &two.got[3]));
    expect_whole(two.got[3], 3000);
    assert_null(counted_of(two.got[3]));
    // A view of a counted buffer is no end to write behind.
    assert_true(zstring_concat(two.other, two.got[1], two.got[1], &two.got[3]));
    expect_whole(two.got[0], LONG);
    assert_memory_equal(bytes_at(two.got[3]) + LONG - 1, text, LONG - 1);
    close_two(&two);
}

// ---- What shows a part of its buffer --------------------------------------------------------------

// roots[0]: length_bytes of a buffer that shows LONG in roots[1].
static void make_view(struct two *two, size_t length_bytes)
{
    make(two, LONG, &two->vm.roots[1]);
    assert_true(zstring_sub(two->vm.iso, two->vm.roots[1], 0, length_bytes, &two->vm.roots[0]));
    assert_ptr_equal(bytes_at(two->vm.roots[0]), bytes_at(two->vm.roots[1]));
}

static void test_view_of_nearly_all_shares_and_of_less_does_not(void **state)
{
    (void)state;
    enum { LEAST = LONG - LONG / 8 };
    static const size_t lengths[] = {LONG - 1, LEAST, LEAST - 1, LONG / 2};
    struct two two;
    open_filled(&two);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        make_view(&two, lengths[i]);
        send(&two);
        expect_whole(two.got[0], lengths[i]);
        expect_whole(two.vm.roots[1], LONG);
        bool is_shared = lengths[i] >= LEAST;
        assert_int_equal(bytes_at(two.got[0]) == bytes_at(two.vm.roots[0]), is_shared);
        assert_int_equal(counted_of(two.got[0])->length_bytes, is_shared ? LONG : lengths[i]);
        assert_int_equal(counted_of(two.vm.roots[0]) != NULL, is_shared);
    }
    close_two(&two);
}

// ---- Accounts -------------------------------------------------------------------------------------

static void test_all_who_have_it_are_charged_for_it(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[0]);
    uint64_t sender = committed(two.vm.iso), receiver = committed(two.other);
    struct zparcel *parcel;
    assert_true(pack(&two, two.vm.roots[0], NO_LIMIT, &parcel));
    assert_in_range(committed(two.vm.iso) - sender, 1, VM_STRESS ? 2048 : 64); // or a page more
    assert_true(parcel->message.bytes >= zcounted_block_bytes(LONG));
    assert_true(zparcel_unpack(two.other, parcel, &two.got[0]));
    assert_true(committed(two.other) - receiver >= zcounted_block_bytes(LONG));
    const struct zcounted_sum *sum = &two.vm.shared->counted;
    assert_int_equal(z_load_relaxed(&sum->bytes), zcounted_block_bytes(LONG));
    assert_int_equal(z_load_relaxed(&sum->charged_bytes), 2 * zcounted_block_bytes(LONG));
    zparcel_free(parcel);
    two.vm.roots[0] = zvalue_null();
    collect_both(&two);
    assert_true(committed(two.vm.iso) < sender);
    assert_int_equal(z_load_relaxed(&sum->charged_bytes), zcounted_block_bytes(LONG));
    expect_whole(two.got[0], LONG);
    two.got[0] = zvalue_null();
    collect_both(&two);
    assert_int_equal(z_load_relaxed(&sum->count), 0);
    assert_int_equal(z_load_relaxed(&sum->bytes), 0);
    assert_int_equal(z_load_relaxed(&sum->charged_bytes), 0);
    close_two(&two);
}

static uint64_t charged(const struct zisolate *iso)
{
    struct zheap_stats stats;
    zheap_stats(&iso->heap, &stats);
    return stats.charged_bytes;
}

static void test_charges_do_not_add_up(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    uint64_t sender = 0, receiver = 0;
    for (int i = 0; i < 20; i++) {
        make(&two, LONG, &two.vm.roots[0]);
        send(&two);
        collect_both(&two);
        if (i == 1) sender = charged(two.vm.iso);
        if (i == 1) receiver = charged(two.other);
    }
    assert_int_equal(charged(two.vm.iso), sender);
    assert_int_equal(charged(two.other), receiver);
    close_two(&two);
}

static void test_what_is_behind_it_is_given_back(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG / 2, &two.vm.roots[0]);
    two.vm.roots[1] = vm_string(&two.vm, "x");
    assert_true(zstring_concat(two.vm.iso, two.vm.roots[0], two.vm.roots[1], &two.vm.roots[0]));
    const struct zstring_long *string = two.vm.roots[0].p;
    assert_int_equal(string->buffer->owner.payload_bytes, LONG);
    uint64_t before = committed(two.vm.iso);
    send(&two);
    assert_int_equal(string->buffer->owner.payload_bytes, LONG / 2 + 1);
    assert_true(committed(two.vm.iso) < before - LONG / 2 + 100);
    vm_verify(&two.vm);
    close_two(&two);
}

static void test_receiver_without_room_is_refused_and_all_is_whole(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[0]);
    struct zparcel *parcel;
    assert_true(pack(&two, two.vm.roots[0], NO_LIMIT, &parcel));
    zheap_collect(&two.other->heap, NULL);
    uint64_t least = committed(two.other) + 4096; // for the error
    zheap_set_limit(&two.other->heap, least);
    assert_false(zparcel_unpack(two.other, parcel, &two.got[0]));
    assert_int_equal(two.other->pending, ZPENDING_ERROR);
    two.other->pending = ZPENDING_NOTHING;
    two.other->error = zvalue_null();
    zheap_collect(&two.other->heap, NULL);
    assert_int_equal(holds_of(two.vm.roots[0]), 2);
    zheap_set_limit(&two.other->heap, least + 2 * LONG);
    assert_true(zparcel_unpack(two.other, parcel, &two.got[0]));
    expect_whole(two.got[0], LONG);
    zparcel_free(parcel);
    char why[200] = "";
    if (!zheap_verify(&two.other->heap, why, sizeof why)) fail_msg("%s", why);
    close_two(&two);
}

// It is sent all the same, by a copy, and its own bytes stay as they were.
static void test_sender_without_room_for_the_count_sends_a_copy(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[0]);
    uint64_t limit_bytes = 1 << 30;
    zheap_set_limit(&two.vm.iso->heap, committed(two.vm.iso));
    send(&two);
    assert_null(counted_of(two.vm.roots[0]));
    assert_int_equal(holds_of(two.got[0]), 1);
    expect_whole(two.got[0], LONG);
    zheap_set_limit(&two.vm.iso->heap, limit_bytes);
    send(&two);
    assert_ptr_equal(bytes_at(two.got[0]), bytes_at(two.vm.roots[0]));
    vm_verify(&two.vm);
    close_two(&two);
}

static void test_only_the_first_send_pays_for_its_bytes(void **state)
{
    (void)state;
    struct two two;
    assert_true(try_open(&two, 1000000));
    fill_text();
    make(&two, LONG, &two.vm.roots[0]);
    uint64_t before = zisolate_fuel_used(two.vm.iso);
    send(&two);
    uint64_t first = zisolate_fuel_used(two.vm.iso) - before;
    send(&two);
    uint64_t second = zisolate_fuel_used(two.vm.iso) - before - first;
    assert_true(first > 10);
    assert_true(second < first / 4);
    close_two(&two);
}

// ---- Its end --------------------------------------------------------------------------------------

static void test_last_hold_may_be_anybodys(void **state)
{
    (void)state;
    for (int last = 0; last < 3; last++) {
        struct zalloc_stats before = zalloc_stats();
        struct two two;
        open_filled(&two);
        make(&two, LONG, &two.vm.roots[0]);
        struct zparcel *parcel;
        assert_true(pack(&two, two.vm.roots[0], NO_LIMIT, &parcel));
        assert_true(zparcel_unpack(two.other, parcel, &two.got[0]));
        if (last != 0) zparcel_free(parcel);
        if (last != 1) two.vm.roots[0] = zvalue_null();
        if (last != 2) two.got[0] = zvalue_null();
        collect_both(&two);
        assert_int_equal(blocks(&two), 1);
        if (last == 1) expect_whole(two.vm.roots[0], LONG);
        if (last == 2) expect_whole(two.got[0], LONG);
        if (last == 0) zparcel_free(parcel);
        close_two(&two); // a heap that goes at once gives its holds back, too
        assert_int_equal(zalloc_stats().live_count, before.live_count);
    }
}

static void test_heap_that_begins_anew_gives_its_hold_back(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[0]);
    send(&two);
    assert_int_equal(holds_of(two.vm.roots[0]), 2);
    for (int i = 0; i < 4; i++)
        two.got[i] = zvalue_null();
    zscope_close(&two.other->heap, &two.scope);
    zisolate_destroy(two.other, two.vm.runner.env);
    two.other = NULL;
    assert_int_equal(holds_of(two.vm.roots[0]), 1);
    expect_whole(two.vm.roots[0], LONG);
    close_two(&two);
}

// Who has no fuel for the copy, of a string without a buffer and of a view of little, or for its first send.
static void test_sender_without_fuel_leaves_nothing(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        struct two two;
        assert_true(try_open(&two, 1000));
        fill_text();
        two.vm.iso->fuel_reserve = INT64_MAX / 2; // making it is not what is paid for here
        if (which == 0) make(&two, ZSTRING_COUNTED_MIN + 1, &two.vm.roots[0]);
        if (which == 1) make_view(&two, LONG / 2);
        if (which == 2) make(&two, LONG, &two.vm.roots[0]);
        two.vm.iso->fuel = 0;
        two.vm.iso->fuel_reserve = 1;
        struct zparcel *parcel;
        assert_false(pack(&two, two.vm.roots[0], NO_LIMIT, &parcel));
        assert_int_equal(two.vm.iso->status, ZVM_E_FUEL);
        assert_int_equal(blocks(&two), 0);
        close_two(&two);
    }
}

// A refusal of what comes behind it gives the hold back.
static void test_message_that_cannot_go_leaves_no_hold(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    make(&two, LONG, &two.vm.roots[1]);
    make(&two, ZSTRING_COUNTED_MIN + 1, &two.vm.roots[2]);
    uint32_t row = zbuiltin_find("len", 3);
    two.vm.roots[3] =
        (struct zvalue){.p = (void *)(uintptr_t)&zbuiltin_table[row], .tag = ZTAG_BUILTIN};
    assert_true(zlist_from_values(two.vm.iso, &two.vm.roots[1], 3, &two.vm.roots[4]));
    const struct zvalue parts[] = {two.vm.roots[1], two.vm.roots[2], two.vm.roots[4]};
    assert_true(zlist_from_values(two.vm.iso, parts, 3, &two.vm.roots[0]));
    struct zparcel *parcel;
    assert_false(pack(&two, two.vm.roots[0], NO_LIMIT, &parcel));
    vm_expect_error(&two.vm,
                    "TypeError: send(): message[2][2] is a function, which cannot be sent");
    assert_int_equal(holds_of(two.vm.roots[1]), 1);
    assert_int_equal(blocks(&two), 1);
    close_two(&two);
}

// Last: it leaves fresh memory filled.
static void test_bytes_end_with_a_nul(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    zalloc_set_poison(true);
    make(&two, LONG, &two.vm.roots[0]);
    make(&two, ZSTRING_COUNTED_MIN + 8, &two.vm.roots[1]);
    send(&two);
    assert_int_equal(bytes_at(two.got[0])[LONG], '\0');
    two.vm.roots[0] = two.vm.roots[1];
    send(&two);
    assert_int_equal(bytes_at(two.got[0])[ZSTRING_COUNTED_MIN + 8], '\0');
    close_two(&two);
}

// ---- The host's -----------------------------------------------------------------------------------

static void test_host_sends_by_count_and_within_its_limit(void **state)
{
    (void)state;
    struct two two;
    open_filled(&two);
    struct zcounted_sum *sum = &two.vm.shared->counted;
    zvm_value value = {.kind = ZVM_VALUE_STRING, .text = text, .length_bytes = LONG};
    struct zparcel *parcel;
    assert_int_equal(zparcel_of_value(sum, &value, NO_LIMIT, &parcel), ZVM_OK);
    uint64_t bytes = parcel->message.bytes;
    assert_int_equal(z_load_relaxed(&sum->count), 1);
    assert_true(zparcel_unpack(two.other, parcel, &two.got[0]));
    assert_true(zparcel_unpack(two.vm.iso, parcel, &two.vm.roots[0]));
    zparcel_free(parcel);
    expect_whole(two.got[0], LONG);
    assert_ptr_equal(bytes_at(two.got[0]), bytes_at(two.vm.roots[0]));
    assert_int_equal(zparcel_of_value(sum, &value, bytes - 1, &parcel), ZVM_E_MAILBOX);
    assert_int_equal(zparcel_of_value(sum, &value, bytes, &parcel), ZVM_OK);
    zparcel_free(parcel);
    for (uint64_t n = 1; n <= 2; n++) {
        zalloc_fail_at(n, false);
        assert_int_equal(zparcel_of_value(sum, &value, NO_LIMIT, &parcel), ZVM_E_NOMEM);
        zalloc_fail_at(0, false);
    }
    assert_int_equal(z_load_relaxed(&sum->count), 1);
    close_two(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_string_has_the_same_bytes_on_both_sides),
        cmocka_unit_test(test_later_sends_allocate_nothing_of_its_size),
        cmocka_unit_test(test_string_twice_in_a_message_stays_one),
        cmocka_unit_test(test_length_decides_who_goes_by_count),
        cmocka_unit_test(test_not_ascii_stays_known),
        cmocka_unit_test(test_appending_on_either_side_leaves_the_other),
        cmocka_unit_test(test_parts_of_it_are_as_of_any_string),
        cmocka_unit_test(test_view_of_nearly_all_shares_and_of_less_does_not),
        cmocka_unit_test(test_all_who_have_it_are_charged_for_it),
        cmocka_unit_test(test_charges_do_not_add_up),
        cmocka_unit_test(test_what_is_behind_it_is_given_back),
        cmocka_unit_test(test_receiver_without_room_is_refused_and_all_is_whole),
        cmocka_unit_test(test_sender_without_room_for_the_count_sends_a_copy),
        cmocka_unit_test(test_only_the_first_send_pays_for_its_bytes),
        cmocka_unit_test(test_last_hold_may_be_anybodys),
        cmocka_unit_test(test_heap_that_begins_anew_gives_its_hold_back),
        cmocka_unit_test(test_sender_without_fuel_leaves_nothing),
        cmocka_unit_test(test_message_that_cannot_go_leaves_no_hold),
        cmocka_unit_test(test_host_sends_by_count_and_within_its_limit),
        cmocka_unit_test(test_bytes_end_with_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
