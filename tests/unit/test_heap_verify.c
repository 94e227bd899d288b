// Goal: the verifier sees each kind of damage that it promises to see.
// Method: make a good heap, break one thing, ask, and mend it again.
#include "unit/heap_fixture.h"

struct broken {
    struct fixture f;
    struct znode *node; // root 0, two slots
    struct zlist *list; // root 1, payload outside
    struct zbuffer *inside;
};

static void open(struct broken *b)
{
    fixture_open_limit(&b->f, 1 << 20);
    for (uint32_t i = 0; i < 100; i++) { // leave the first page
        struct znode *node = make_node(&b->f, 2);
        node_set(&b->f, node, 0, b->f.roots[2]);
        b->f.roots[2] = zvalue_object(node, ZTAG_NODE);
    }
    b->node = make_node(&b->f, 2);
    b->f.roots[0] = zvalue_object(b->node, ZTAG_NODE);
    b->inside = make_buffer(&b->f, 64);
    node_set(&b->f, b->node, 0, zvalue_object(b->inside, ZTAG_HEAP | ZTYPE_BUFFER));
    b->list = make_list(&b->f);
    b->f.roots[1] = zvalue_object(b->list, ZTAG_LIST);
    assert_true(zheap_payload_resize(&b->f.heap, &b->list->owner, 3000));
    fixture_verify(&b->f);
}

static void expect_bad(struct broken *b, const char *part)
{
    char why[256] = "";
    assert_false(zheap_verify(&b->f.heap, why, sizeof why));
    if (strstr(why, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", why, part);
    assert_false(zheap_verify(&b->f.heap, NULL, 0));
}

static void check_pointer(struct broken *b, uint64_t payload, uint8_t tag, const char *part)
{
    uint64_t old_payload = b->node->slots[1];
    uint8_t old_tag = znode_tags(b->node)[1];
    b->node->slots[1] = payload;
    znode_tags(b->node)[1] = tag;
    expect_bad(b, part);
    b->node->slots[1] = old_payload;
    znode_tags(b->node)[1] = old_tag;
    fixture_verify(&b->f);
}

static void test_verify_bad_pointers_are_seen(void **state)
{
    (void)state;
    struct broken b;
    open(&b);
    uint64_t inside = (uint64_t)(uintptr_t)b.inside;
    struct fixture other;
    fixture_open_limit(&other, 1 << 20);
    uint64_t foreign = (uint64_t)(uintptr_t)make_node(&other, 1);
    check_pointer(&b, inside + 8, ZTAG_HEAP | ZTYPE_BUFFER, "not aligned");
    check_pointer(&b, inside + 16, ZTAG_HEAP | ZTYPE_BUFFER, "free cell");
    check_pointer(&b, foreign, ZTAG_NODE, "out of the heap");
    check_pointer(&b, inside, ZTAG_NODE, "its pointer says");
    fixture_close(&other);

    // A value that is not of this heap, whatever its bits, is none of its business.
    b.node->slots[1] = foreign;
    znode_tags(b.node)[1] = ZTAG_SYMBOL;
    fixture_verify(&b.f);
    fixture_close(&b.f);
}

static void test_verify_bad_kind_and_root_are_seen(void **state)
{
    (void)state;
    struct broken b;
    open(&b);
    b.inside->header.kind = 77;
    expect_bad(&b, "kind 77");
    b.inside->header.kind = ZTYPE_BUFFER;
    struct zvalue root = b.f.roots[0];
    b.f.roots[0].p = (char *)root.p + 16;
    expect_bad(&b, "");
    b.f.roots[0] = root;
    b.list->capacity = 3000;
    expect_bad(&b, "elements in 3000 bytes");
    b.list->capacity = 0;
    fixture_verify(&b.f);
    fixture_close(&b.f);
}

static void test_verify_bad_counters_are_seen(void **state)
{
    (void)state;
    struct broken b;
    open(&b);
    struct zheap_private *private = zheap_private(&b.f.heap);
    private->acquired_count++;
    expect_bad(&b, "objects");
    private->acquired_count--;
    private->freed_bytes += 16;
    expect_bad(&b, "live bytes");
    private->freed_bytes -= 16;
    private->external_bytes--;
    expect_bad(&b, "external bytes");
    private->external_bytes++;
    private->span_pages++;
    expect_bad(&b, "pages");
    private->span_pages--;
    uint64_t limit = private->limit_bytes;
    private->limit_bytes = zheap_committed(private) - 1;
    expect_bad(&b, "over the limit");
    private->limit_bytes = limit;
    fixture_verify(&b.f);
    fixture_close(&b.f);
}

static void test_verify_bad_pages_are_seen(void **state)
{
    (void)state;
    struct broken b;
    open(&b);
    struct zpage *page = zpage_at(b.node);
    page->state = ZPAGE_FREE;
    expect_bad(&b, "free list");
    page->state = ZPAGE_IN_HEAP;
    page->class ++;
    expect_bad(&b, "in the list of class");
    page->class --;
    uint64_t *used = zpage_used(page);
    uint64_t good = *used;
    *used |= good << 1;
    expect_bad(&b, "where no cell starts");
    *used = good;
    *used &= ~zgranule_bit(b.node);
    expect_bad(&b, "");
    *used = good;
    fixture_verify(&b.f);
    fixture_close(&b.f);
}

static void test_verify_write_to_a_dead_cell_is_seen(void **state)
{
    (void)state;
    if (!ZHEAP_POISON) skip();
    struct broken b;
    open(&b);
    struct zbuffer *dead = b.inside;
    // A neighbour that lives keeps the page in the heap.
    b.f.roots[3] = zvalue_object(make_buffer(&b.f, 64), ZTAG_HEAP | ZTYPE_BUFFER);
    node_set(&b.f, b.node, 0, zvalue_null());
    zheap_collect(&b.f.heap, NULL);
    fixture_verify(&b.f);
    zheap_unpoison(dead, 64); // or AddressSanitizer sees it before the verifier can
    char old = dead->data[20];
    dead->data[20] = 1;
    expect_bad(&b, "dead cell");
    dead->data[20] = old;
    fixture_verify(&b.f);
    fixture_close(&b.f);
}

static void test_verify_without_memory_checks_what_it_can(void **state)
{
    (void)state;
    struct broken b;
    open(&b);
    zalloc_fail_at(1, true /* from_there_on */);
    bool is_good = zheap_verify(&b.f.heap, NULL, 0);
    zheap_private(&b.f.heap)->acquired_count++;
    bool is_still_good = zheap_verify(&b.f.heap, NULL, 0);
    zheap_private(&b.f.heap)->acquired_count--;
    zalloc_fail_at(0, false);
    assert_true(is_good);
    assert_false(is_still_good);
    fixture_close(&b.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_bad_pointers_are_seen),
        cmocka_unit_test(test_verify_bad_kind_and_root_are_seen),
        cmocka_unit_test(test_verify_bad_counters_are_seen),
        cmocka_unit_test(test_verify_bad_pages_are_seen),
        cmocka_unit_test(test_verify_write_to_a_dead_cell_is_seen),
        cmocka_unit_test(test_verify_without_memory_checks_what_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
