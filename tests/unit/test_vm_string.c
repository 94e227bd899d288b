// Goal: strings are made, joined, cut and indexed rightly on both sides of every layout limit,
// share buffers without ever showing each other's bytes, and cost what they promise. Method: an
// isolate without a program; results are compared with plain C strings.
#include "vm_fixture.h"

#include "base/utf8.h"

static void fill(char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (char)('a' + i % 26);
}

static void test_new_short_texts_are_shared_symbols(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    assert_ptr_equal(vm_string(&vm, "").p, vm.shared->empty);
    assert_ptr_equal(vm_string(&vm, "x").p, vm.shared->characters['x']);
    assert_int_equal(vm_string(&vm, "x").tag, ZTAG_SYMBOL);
    assert_int_equal(vm_string(&vm, "xy").tag, ZTAG_STRING);
    struct zvalue accent = vm_string(&vm, "\xc3\xa9");
    assert_int_equal(accent.tag, ZTAG_STRING);
    assert_false(zstring_is_ascii(accent.p));
    assert_int_equal(zstring_length_chars(accent), 1);
    vm_close(&vm);
}

static void test_new_at_inline_limit_changes_layout(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    static char bytes[ZSTRING_INLINE_MAX + 1];
    fill(bytes, sizeof bytes);
    for (size_t length = ZSTRING_INLINE_MAX - 1; length <= ZSTRING_INLINE_MAX + 1; length++) {
        assert_true(zstring_new(vm.iso, bytes, length, &vm.roots[0]));
        const struct zstring *string = vm.roots[0].p;
        assert_int_equal((string->header.flags & ZFLAG_LONG) != 0, length > ZSTRING_INLINE_MAX);
        assert_true(vm_is_bytes(vm.roots[0], bytes, length));
    }
    zheap_collect(&vm.iso->heap, NULL);
    vm_verify(&vm);
    vm_close(&vm);
}

// The first byte behind a shared prefix belongs to whoever appended first; the second must copy.
static void test_concat_two_tails_on_one_prefix_stay_apart(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    static char bytes[3002];
    fill(bytes, 3000);
    assert_true(zstring_new(vm.iso, bytes, 3000, &vm.roots[0]));
    struct zvalue x = vm_string(&vm, "X"), y = vm_string(&vm, "Y");
    assert_true(zstring_concat(vm.iso, vm.roots[0], x, &vm.roots[1]));
    assert_true(zstring_concat(vm.iso, vm.roots[0], y, &vm.roots[2]));
    assert_true(zstring_concat(vm.iso, vm.roots[1], y, &vm.roots[3]));
    const struct zstring_long *one = vm.roots[1].p, *two = vm.roots[2].p, *three = vm.roots[3].p;
    assert_ptr_not_equal(one->buffer, two->buffer);
    assert_ptr_equal(one->buffer, three->buffer);
    bytes[3000] = 'X';
    assert_true(vm_is_bytes(vm.roots[1], bytes, 3001));
    bytes[3001] = 'Y';
    assert_true(vm_is_bytes(vm.roots[3], bytes, 3002));
    bytes[3000] = 'Y';
    assert_true(vm_is_bytes(vm.roots[2], bytes, 3001));
    vm_close(&vm);
}

static void test_concat_with_itself_doubles(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    static char bytes[5000];
    fill(bytes, 2500);
    memcpy(bytes + 2500, bytes, 2500);
    assert_true(zstring_new(vm.iso, bytes, 2500, &vm.roots[0]));
    assert_true(zstring_concat(vm.iso, vm.roots[0], vm.roots[0], &vm.roots[0]));
    assert_true(vm_is_bytes(vm.roots[0], bytes, 5000));
    vm_close(&vm);
}

static void test_concat_in_a_loop_allocates_linearly(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    enum { APPENDS = 200000 };
    struct zvalue piece = vm_string(&vm, "0123456789");
    vm.roots[0] = zvalue_object(vm.shared->empty, ZTAG_SYMBOL);
    vm.roots[1] = piece;
    for (int i = 0; i < APPENDS; i++)
        assert_true(zstring_concat(vm.iso, vm.roots[0], vm.roots[1], &vm.roots[0]));
    assert_int_equal(zstring_length_bytes(vm.roots[0].p), APPENDS * 10);
    struct zheap_stats stats;
    zheap_stats(&vm.iso->heap, &stats);
    // A cell of 48 bytes an append, and the buffer a few times over.
    assert_in_range(stats.allocated_bytes, APPENDS * 10, APPENDS * (64 + 10 * 8));
    vm_close(&vm);
}

static void test_sub_cuts_and_shares_only_long_prefixes(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    static char bytes[10000];
    fill(bytes, sizeof bytes);
    assert_true(zstring_new(vm.iso, bytes, sizeof bytes, &vm.roots[0]));
    const struct zstring_long *whole = vm.roots[0].p;
    const struct {
        size_t offset, length;
        bool is_shared;
    } cases[] = {{0, 9999, true},  {0, 5000, true},    {0, 4000, false}, {0, 2023, false},
                 {1, 9999, false}, {10, 3, false},     {0, 0, false},    {10000, 0, false},
                 {9999, 1, false}, {5000, 5000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(
            zstring_sub(vm.iso, vm.roots[0], cases[i].offset, cases[i].length, &vm.roots[1]));
        assert_true(vm_is_bytes(vm.roots[1], bytes + cases[i].offset, cases[i].length));
        const struct zstring_long *part = vm.roots[1].p;
        bool is_shared = (part->header.flags & ZFLAG_LONG) != 0 && part->buffer == whole->buffer;
        assert_int_equal(is_shared, cases[i].is_shared);
    }
    assert_true(zstring_sub(vm.iso, vm.roots[0], 0, sizeof bytes, &vm.roots[1]));
    assert_ptr_equal(vm.roots[1].p, vm.roots[0].p);
    vm_close(&vm);
}

static void test_repeat_counts_and_limits(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    vm.roots[0] = vm_string(&vm, "abc");
    assert_true(zstring_repeat(vm.iso, vm.roots[0], 3, &vm.roots[1]));
    assert_text(&vm, vm.roots[1], "abcabcabc");
    assert_true(zstring_repeat(vm.iso, vm.roots[0], 1, &vm.roots[1]));
    assert_ptr_equal(vm.roots[1].p, vm.roots[0].p);
    assert_true(zstring_repeat(vm.iso, vm.roots[0], -5, &vm.roots[1]));
    assert_ptr_equal(vm.roots[1].p, vm.shared->empty);
    assert_true(zstring_repeat(vm.iso, vm.roots[0], 1000, &vm.roots[1]));
    assert_int_equal(zstring_length_bytes(vm.roots[1].p), 3000);
    assert_memory_equal(zstring_bytes(vm.roots[1].p) + 2997, "abc", 3);
    assert_false(zstring_repeat(vm.iso, vm.roots[0], INT64_MAX, &vm.roots[1]));
    vm_expect_error(&vm, "LimitError: string longer than 4294967280 bytes");
    assert_false(zstring_repeat(vm.iso, vm.roots[0], ZSTRING_BYTES_MAX / 3 + 1, &vm.roots[1]));
    vm_expect_error(&vm, "LimitError: string longer than 4294967280 bytes");
    vm_close(&vm);
}

static void test_ascii_flag_after_joining_and_cutting_is_exact(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    vm.roots[0] = vm_string(&vm, "ab\xc3\xa9");
    vm.roots[1] = vm_string(&vm, "cd");
    assert_true(zstring_concat(vm.iso, vm.roots[1], vm.roots[0], &vm.roots[2]));
    assert_false(zstring_is_ascii(vm.roots[2].p));
    assert_true(zstring_sub(vm.iso, vm.roots[2], 0, 4, &vm.roots[3]));
    assert_true(zstring_is_ascii(vm.roots[3].p));
    assert_true(zstring_concat(vm.iso, vm.roots[1], vm.roots[1], &vm.roots[3]));
    assert_true(zstring_is_ascii(vm.roots[3].p));
    vm_close(&vm);
}

// Mixed one- to four-byte characters: every index of a long string, in an order that jumps about.
static void test_index_long_mixed_string_finds_every_character(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80",
                                             "z"};
    enum { COUNT = 3001 };
    struct zstrbuf text;
    zstrbuf_init(&text);
    for (int i = 0; i < COUNT; i++)
        zstrbuf_add_text(&text, characters[i * i % 5]);
    assert_true(zstring_new(vm.iso, text.data, text.length, &vm.roots[0]));
    zstrbuf_deinit(&text);
    assert_int_equal(zstring_length_chars(vm.roots[0]), COUNT);
    for (int i = 0; i < COUNT; i++) {
        int index = (int)((int64_t)i * 1009 % COUNT);
        assert_true(zstring_index(vm.iso, vm.roots[0], index, &vm.roots[1]));
        assert_text(&vm, vm.roots[1], characters[(int64_t)index * index % 5]);
    }
    assert_false(zstring_index(vm.iso, vm.roots[0], COUNT, &vm.roots[1]));
    vm_expect_error(&vm, "IndexError: index 3001 out of range for length 3001");
    assert_false(zstring_index(vm.iso, vm.roots[0], -1, &vm.roots[1]));
    vm_expect_error(&vm, "IndexError: index -1 out of range for length 3001");
    vm_verify(&vm);
    vm_close(&vm);
}

// Strings that show one buffer share one table of offsets, and it grows with the longer of them.
static void test_offsets_of_appended_string_are_shared_and_right(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    vm.roots[1] = vm_string(&vm, "\xc3\xa9");
    assert_true(zstring_repeat(vm.iso, vm.roots[1], 1500, &vm.roots[0]));
    size_t offset;
    assert_true(zstring_offset(vm.iso, vm.roots[0], 1500, &offset));
    assert_int_equal(offset, 3000);
    vm.roots[2] = vm_string(&vm, "\xe6\x97\xa5-");
    for (int i = 0; i < 500; i++) {
        assert_true(zstring_concat(vm.iso, vm.roots[0], vm.roots[2], &vm.roots[0]));
        assert_int_equal(zstring_length_chars(vm.roots[0]), 1502 + 2 * i);
        assert_true(zstring_offset(vm.iso, vm.roots[0], (uint64_t)(1501 + 2 * i), &offset));
        assert_int_equal(offset, 3000 + 4 * i + 3);
    }
    assert_true(zstring_offset(vm.iso, vm.roots[0], 700, &offset));
    assert_int_equal(offset, 1400);
    zheap_collect(&vm.iso->heap, NULL);
    assert_true(zstring_offset(vm.iso, vm.roots[0], 2500, &offset));
    assert_int_equal(offset, 5000);
    vm_verify(&vm);
    vm_close(&vm);
}

static void test_compare_and_equal_go_by_bytes(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    vm.roots[0] = vm_string(&vm, "abc");
    vm.roots[1] = vm_string(&vm, "abd");
    vm.roots[2] = vm_string(&vm, "abc");
    vm.roots[3] = vm_string(&vm, "\xef\xbf\xbf");     // U+FFFF
    vm.roots[4] = vm_string(&vm, "\xf0\x90\x80\x80"); // U+10000
    vm.roots[5] = vm_string(&vm, "ab");
    assert_true(zstring_equal(vm.roots[0], vm.roots[2]));
    assert_false(zstring_equal(vm.roots[0], vm.roots[1]));
    assert_true(zstring_hash(vm.roots[0].p) == zstring_hash(vm.roots[2].p));
    assert_true(zstring_equal(vm.roots[0], vm.roots[2]));
    assert_true(zstring_compare(vm.roots[0], vm.roots[1]) < 0);
    assert_true(zstring_compare(vm.roots[1], vm.roots[0]) > 0);
    assert_true(zstring_compare(vm.roots[5], vm.roots[0]) < 0);
    assert_int_equal(zstring_compare(vm.roots[0], vm.roots[2]), 0);
    assert_true(zstring_compare(vm.roots[3], vm.roots[4]) < 0);
    vm_close(&vm);
}

static void test_as_key_at_limit_makes_symbols(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    static char bytes[65];
    fill(bytes, sizeof bytes);
    struct zvalue key;
    assert_true(zstring_new(vm.iso, bytes, 64, &vm.roots[0]));
    assert_true(zstring_as_key(vm.iso, vm.roots[0], &key));
    assert_int_equal(key.tag, ZTAG_SYMBOL);
    vm.roots[2] = key;
    assert_true(zstring_new(vm.iso, bytes, 64, &vm.roots[1]));
    assert_true(zstring_as_key(vm.iso, vm.roots[1], &key));
    assert_ptr_equal(key.p, vm.roots[2].p);
    assert_true(zstring_new(vm.iso, bytes, 65, &vm.roots[0]));
    assert_true(zstring_as_key(vm.iso, vm.roots[0], &key));
    assert_ptr_equal(key.p, vm.roots[0].p);
    struct zheap_stats stats;
    zheap_stats(&vm.iso->heap, &stats);
    assert_int_equal(stats.held_symbols, 1);
    vm.roots[2] = zvalue_null();
    zheap_collect(&vm.iso->heap, NULL);
    zheap_stats(&vm.iso->heap, &stats);
    assert_int_equal(stats.held_symbols, 0);
    vm_close(&vm);
}

static void test_char_at_steps_through_a_string(void **state)
{
    (void)state;
    struct vm vm;
    vm_open(&vm);
    vm.roots[0] = vm_string(&vm, "a\xc3\xa9\xf0\x9f\x98\x80");
    size_t step;
    assert_true(zstring_char_at(vm.iso, vm.roots[0], 0, &step, &vm.roots[1]));
    assert_int_equal(step, 1);
    assert_ptr_equal(vm.roots[1].p, vm.shared->characters['a']);
    assert_true(zstring_char_at(vm.iso, vm.roots[0], 1, &step, &vm.roots[1]));
    assert_int_equal(step, 2);
    assert_text(&vm, vm.roots[1], "\xc3\xa9");
    assert_true(zstring_char_at(vm.iso, vm.roots[0], 3, &step, &vm.roots[1]));
    assert_int_equal(step, 4);
    assert_text(&vm, vm.roots[1], "\xf0\x9f\x98\x80");
    vm_close(&vm);
}

static void test_concat_over_heap_limit_raises_and_keeps_the_string(void **state)
{
    (void)state;
    struct vm vm;
    assert_true(vm_try_open(&vm, 256 * 1024, 0));
    vm.roots[0] = vm_string(&vm, "0123456789abcdef");
    while (zstring_concat(vm.iso, vm.roots[0], vm.roots[0], &vm.roots[0])) {
    }
    assert_int_equal(vm.iso->pending, ZPENDING_ERROR);
    const struct zerror *error = vm.iso->error.p;
    assert_string_equal(zstring_bytes((void *)(uintptr_t)error->kind), "HeapLimitError");
    assert_in_range(zstring_length_bytes(vm.roots[0].p), 32 * 1024, 256 * 1024);
    assert_memory_equal(zstring_bytes(vm.roots[0].p), "0123456789abcdef", 16);
    vm_verify(&vm);
    vm_close(&vm);
}

static void test_repeat_without_fuel_ends_the_isolate(void **state)
{
    (void)state;
    struct vm vm;
    assert_true(vm_try_open(&vm, UINT64_C(1) << 30, 10000));
    vm.roots[0] = vm_string(&vm, "abcdefgh");
    assert_false(zstring_repeat(vm.iso, vm.roots[0], 1 << 20, &vm.roots[1]));
    assert_int_equal(vm.iso->pending, ZPENDING_TERMINATION);
    assert_int_equal(vm.iso->status, ZVM_E_FUEL);
    assert_int_equal(vm.roots[1].tag, ZTAG_NULL);
    vm_close(&vm);
}

static bool make_many_strings(struct vm *vm)
{
    struct zvalue *r = vm->roots;
    if (!zstring_new(vm->iso, "\xc3\xa9\xc3\xa9 text", 9, &r[0])) return false;
    if (!zstring_repeat(vm->iso, r[0], 400, &r[1])) return false;
    if (!zstring_concat(vm->iso, r[1], r[0], &r[2])) return false;
    size_t offset;
    if (!zstring_offset(vm->iso, r[2], 2000, &offset)) return false;
    if (!zstring_sub(vm->iso, r[2], offset, 90, &r[3])) return false;
    return zstring_as_key(vm->iso, r[0], &r[4]);
}

static void test_making_with_nth_allocation_failing_reports_it(void **state)
{
    (void)state;
    bool passed = false;
    for (uint64_t n = 1; !passed; n++) {
        assert_in_range(n, 1, 2000);
        struct vm vm;
        zalloc_fail_at(n, true);
        if (vm_try_open(&vm, UINT64_C(1) << 30, 0)) {
            passed = make_many_strings(&vm);
            if (!passed) assert_int_equal(vm.iso->pending, ZPENDING_TERMINATION);
            if (!passed) assert_int_equal(vm.iso->status, ZVM_E_NOMEM);
        }
        zalloc_fail_at(0, false);
        vm_close(&vm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_short_texts_are_shared_symbols),
        cmocka_unit_test(test_new_at_inline_limit_changes_layout),
        cmocka_unit_test(test_concat_two_tails_on_one_prefix_stay_apart),
        cmocka_unit_test(test_concat_with_itself_doubles),
        cmocka_unit_test(test_concat_in_a_loop_allocates_linearly),
        cmocka_unit_test(test_sub_cuts_and_shares_only_long_prefixes),
        cmocka_unit_test(test_repeat_counts_and_limits),
        cmocka_unit_test(test_ascii_flag_after_joining_and_cutting_is_exact),
        cmocka_unit_test(test_index_long_mixed_string_finds_every_character),
        cmocka_unit_test(test_offsets_of_appended_string_are_shared_and_right),
        cmocka_unit_test(test_compare_and_equal_go_by_bytes),
        cmocka_unit_test(test_as_key_at_limit_makes_symbols),
        cmocka_unit_test(test_char_at_steps_through_a_string),
        cmocka_unit_test(test_concat_over_heap_limit_raises_and_keeps_the_string),
        cmocka_unit_test(test_repeat_without_fuel_ends_the_isolate),
        cmocka_unit_test(test_making_with_nth_allocation_failing_reports_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
