// Goal: a heap takes and gives back holds of bytes that others read, counts them exactly, refuses without a trace, and its
// verifier sees what is wrong with them.
// Method: buffers of one heap, and blocks of a sum of the test's own.
#include "unit/heap_fixture.h"

#include "base/counted.h"

struct counted {
    struct fixture f;
    struct zcounted_sum sum;
};

static void open(struct counted *c)
{
    memset(&c->sum, 0, sizeof c->sum);
    fixture_open_limit(&c->f, 1 << 20);
}

static uint64_t blocks(struct counted *c)
{
    return z_load_relaxed(&c->sum.count);
}

static void close_all(struct counted *c)
{
    fixture_close(&c->f);
    assert_int_equal(blocks(c), 0);
    assert_int_equal(z_load_relaxed(&c->sum.bytes), 0);
    assert_int_equal(z_load_relaxed(&c->sum.charged_bytes), 0);
}

// In root `root`, with a payload of so many bytes, all used.
static struct zstrbuf_object *make_strbuf(struct counted *c, int root, size_t bytes)
{
    struct zstrbuf_object *buffer = zheap_new(&c->f.heap, ZTYPE_STRBUF, sizeof *buffer, 0);
    assert_non_null(buffer);
    buffer->owner.payload = NULL;
    buffer->owner.payload_bytes = buffer->used = 0;
    c->f.roots[root] = zvalue_object(buffer, ZTAG_HEAP | ZTYPE_STRBUF);
    if (bytes == 0) return buffer;
    assert_true(zheap_payload_resize(&c->f.heap, &buffer->owner, bytes));
    for (size_t i = 0; i < bytes; i++)
        ((char *)buffer->owner.payload)[i] = (char)i;
    buffer->used = bytes;
    return buffer;
}

static struct zcounted *count(struct counted *c, struct zstrbuf_object *buffer, size_t bytes)
{
    struct zcounted *counted = zheap_payload_count(&c->f.heap, &buffer->owner, bytes, &c->sum);
    if (counted != NULL) buffer->used = bytes;
    return counted;
}

static void expect_bytes(const struct zstrbuf_object *buffer, size_t bytes)
{
    assert_int_equal(buffer->owner.payload_bytes, bytes);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(((const char *)buffer->owner.payload)[i], (char)i);
}

// ---- There and gone -------------------------------------------------------------------------------

static void test_count_of_all_sizes_keeps_the_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 8, 1025, 2024, 2032, 2040, 2041, 5000, 100000};
    struct counted c;
    open(&c);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t cut = 0; cut < 2 && cut < sizes[i]; cut++) { // its end is given back
            struct zstrbuf_object *buffer = make_strbuf(&c, 0, sizes[i]);
            uint64_t live = fixture_stats(&c.f).live_bytes;
            assert_null(zheap_payload_counted(&buffer->owner));
            struct zcounted *counted = count(&c, buffer, sizes[i] - cut);
            assert_non_null(counted);
            assert_ptr_equal(zheap_payload_counted(&buffer->owner), counted);
            assert_ptr_equal(counted->bytes, buffer->owner.payload);
            assert_int_equal(z_load_relaxed(&counted->holds), 1);
            expect_bytes(buffer, sizes[i] - cut);
            assert_int_equal(fixture_stats(&c.f).external_bytes, sizes[i] - cut);
            bool was_outside = sizes[i] > 2040;
            assert_int_equal(fixture_stats(&c.f).live_bytes,
                             was_outside ? live - cut : live + sizes[i] - cut);
            fixture_verify(&c.f);
            c.f.roots[0] = zvalue_null();
            zheap_collect(&c.f.heap, NULL);
            assert_int_equal(blocks(&c), 0);
            assert_int_equal(fixture_stats(&c.f).external_bytes, 0);
            fixture_verify(&c.f);
        }
    }
    close_all(&c);
}

static void test_share_takes_a_hold_and_every_end_gives_it_back(void **state)
{
    (void)state;
    struct counted c;
    open(&c);
    struct zcounted *counted = zcounted_make(&c.sum, 3000);
    assert_non_null(counted);
    memset(counted->bytes, 'x', 3000);
    for (int i = 0; i < 3; i++) {
        struct zstrbuf_object *buffer = make_strbuf(&c, i, 0);
        assert_true(zheap_payload_share(&c.f.heap, &buffer->owner, counted));
        buffer->used = 3000;
        assert_ptr_equal(buffer->owner.payload, counted->bytes);
    }
    assert_int_equal(z_load_relaxed(&counted->holds), 4);
    assert_int_equal(fixture_stats(&c.f).external_bytes, 9000);
    assert_int_equal(z_load_relaxed(&c.sum.charged_bytes), 3 * zcounted_block_bytes(3000));
    fixture_verify(&c.f);
    struct zstrbuf_object *first = c.f.roots[0].p;
    assert_true(zheap_payload_resize(&c.f.heap, &first->owner, 0)); // given up
    first->used = 0;
    assert_null(zheap_payload_counted(&first->owner));
    assert_int_equal(z_load_relaxed(&counted->holds), 3);
    c.f.roots[1] = zvalue_null(); // collected
    zheap_collect(&c.f.heap, NULL);
    assert_int_equal(z_load_relaxed(&counted->holds), 2);
    assert_true(zheap_payload_resize(&c.f.heap, &first->owner, 3000)); // it may have its own again
    memset(first->owner.payload, 'y', 3000);
    first->used = 3000;
    assert_int_equal(counted->bytes[0], 'x');
    fixture_verify(&c.f);
    zcounted_release(counted);
    assert_int_equal(blocks(&c), 1); // that of root 2, which goes with the heap
    close_all(&c);
}

// ---- Refused --------------------------------------------------------------------------------------

static void test_count_that_is_refused_changes_nothing(void **state)
{
    (void)state;
    static const size_t sizes[] = {2032, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bool was_refused = true;
        for (uint64_t n = 1; was_refused; n++) {
            struct counted c;
            open(&c);
            struct zstrbuf_object *buffer = make_strbuf(&c, 0, sizes[i]);
            const void *payload = buffer->owner.payload;
            zalloc_fail_at(n, false);
            struct zcounted *counted = count(&c, buffer, sizes[i]);
            was_refused = zalloc_has_failed();
            zalloc_fail_at(0, false);
            assert_int_equal(counted == NULL, was_refused);
            if (was_refused) assert_ptr_equal(buffer->owner.payload, payload);
            expect_bytes(buffer, sizes[i]);
            fixture_verify(&c.f);
            close_all(&c);
        }
    }
}

static void test_count_without_room_changes_nothing(void **state)
{
    (void)state;
    static const size_t sizes[] = {2032, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct counted c;
        open(&c);
        struct zstrbuf_object *buffer = make_strbuf(&c, 0, sizes[i]);
        struct zstrbuf_object *other = make_strbuf(&c, 1, 3000); // there is a list of owners
        zheap_set_limit(&c.f.heap, zheap_committed_bytes(&c.f.heap));
        assert_null(count(&c, buffer, sizes[i]));
        expect_bytes(buffer, sizes[i]);
        assert_non_null(count(&c, other, 2900)); // that needs none
        assert_int_equal(zheap_refusal(&c.f.heap).reason, ZHEAP_REFUSED_NOT);
        fixture_verify(&c.f);
        close_all(&c);
    }
}

static void test_share_that_is_refused_takes_no_hold(void **state)
{
    (void)state;
    struct counted c;
    open(&c);
    struct zcounted *counted = zcounted_make(&c.sum, 3000);
    assert_non_null(counted);
    memset(counted->bytes, 'x', 3000);
    struct zstrbuf_object *buffer = make_strbuf(&c, 0, 0);
    zalloc_fail_at(1, true /* from_there_on */);
    assert_false(zheap_payload_share(&c.f.heap, &buffer->owner, counted));
    zalloc_fail_at(0, false);
    assert_int_equal(zheap_refusal(&c.f.heap).reason, ZHEAP_REFUSED_NOMEM);
    zheap_set_limit(&c.f.heap, zheap_committed_bytes(&c.f.heap) + 2000);
    assert_false(zheap_payload_share(&c.f.heap, &buffer->owner, counted));
    assert_int_equal(zheap_refusal(&c.f.heap).reason, ZHEAP_REFUSED_LIMIT);
    assert_int_equal(z_load_relaxed(&counted->holds), 1);
    assert_null(buffer->owner.payload);
    fixture_verify(&c.f);
    zcounted_release(counted);
    close_all(&c);
}

// ---- Damages --------------------------------------------------------------------------------------

static void expect_bad(struct counted *c, const char *part)
{
    char why[256] = "";
    assert_false(zheap_verify(&c->f.heap, why, sizeof why));
    if (strstr(why, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void test_verify_sees_each_damage(void **state)
{
    (void)state;
    struct counted c;
    open(&c);
    struct zstrbuf_object *buffer = make_strbuf(&c, 0, 5000);
    struct zcounted *counted = count(&c, buffer, 5000);
    assert_non_null(counted);
    fixture_verify(&c.f);
    buffer->used--;
    expect_bad(&c, "counted, and not full");
    buffer->used++;
    counted->length_bytes++;
    expect_bad(&c, "not what it counts");
    counted->length_bytes--;
    counted->bytes++;
    expect_bad(&c, "not what it counts");
    counted->bytes--;
    z_store_relaxed(&counted->holds, 0);
    expect_bad(&c, "not what it counts");
    z_store_relaxed(&counted->holds, 1);
    buffer->owner.header.flags &= (uint8_t)~ZFLAG_EXTERNAL;
    expect_bad(&c, "no buffer outside");
    buffer->owner.header.flags |= ZFLAG_EXTERNAL;
    buffer->owner.header.kind = ZTYPE_NODE;
    expect_bad(&c, "no buffer outside");
    buffer->owner.header.kind = ZTYPE_STRBUF;
    fixture_verify(&c.f);
    close_all(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_of_all_sizes_keeps_the_bytes),
        cmocka_unit_test(test_share_takes_a_hold_and_every_end_gives_it_back),
        cmocka_unit_test(test_count_that_is_refused_changes_nothing),
        cmocka_unit_test(test_count_without_room_changes_nothing),
        cmocka_unit_test(test_share_that_is_refused_takes_no_hold),
        cmocka_unit_test(test_verify_sees_each_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
