// Goal: incremental and minor collections free what they should and when, stay within the words that
// they promise, keep the figures exact at every moment, and do without memory.
// Method: graphs of some megabytes, collected in each mode by hand or by allocation; after every piece
// of work live + freed = allocated, and the verifier agrees.
#include "unit/heap_fixture.h"

static struct zvalue object_value(void *object)
{
    return zvalue_object(object, ZTAG_HEAP | ((struct zobject *)object)->kind);
}

static void open_mode(struct fixture *f, enum zheap_mode mode, uint64_t limit_bytes)
{
    fixture_open(f, (struct zheap_options){.limit_bytes = limit_bytes, .mode = mode});
}

static void check_sums(const struct fixture *f)
{
    struct zheap_stats stats = fixture_stats(f);
    assert_int_equal(stats.live_count + stats.freed_count, stats.allocated_count);
    assert_int_equal(stats.live_bytes + stats.freed_bytes, stats.allocated_bytes);
    assert_true(stats.live_peak_bytes >= stats.live_bytes);
}

static void check_bounds(const struct fixture *f)
{
    struct zheap_stats stats = fixture_stats(f);
    assert_true(stats.slices > 0);
    assert_true(stats.slice_words_max <= ZHEAP_SLICE_WORDS_MAX);
    assert_true(stats.atomic_words_max <= ZHEAP_ATOMIC_WORDS_MAX);
}

// A chain of nodes from root 0, each with a buffer.
static void grow_chain(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        f->roots[1] = object_value(make_buffer(f, 48));
        struct znode *node = make_node(f, 3);
        node_set(f, node, 0, f->roots[0]);
        node_set(f, node, 1, f->roots[1]);
        f->roots[0] = object_value(node);
    }
    f->roots[1] = zvalue_null();
}

static uint32_t chain_length(const struct fixture *f)
{
    uint32_t length = 0;
    for (struct zvalue at = f->roots[0]; at.tag == ZTAG_NODE; length++) {
        const struct znode *node = at.p;
        const struct zbuffer *buffer = (const void *)(uintptr_t)node->slots[1];
        assert_int_equal(buffer->header.kind, ZTYPE_BUFFER);
        assert_int_equal(buffer->data[0], 0x5a);
        at = zvalue_slot(node->slots[0], znode_tags(node)[0]);
    }
    return length;
}

enum { CHAIN = ZHEAP_STRESS ? 200 : ZHEAP_VERIFY ? 3000 : 100000 };

static void test_incremental_allocation_pays_within_bounds(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 256 << 20);
    grow_chain(&f, CHAIN);
    for (uint32_t i = 0; i < CHAIN * 8; i++) {
        f.roots[2] = object_value(make_node(&f, 4));
        if (i % 1000 == 0) check_sums(&f);
    }
    check_bounds(&f);
    struct zheap_stats stats = fixture_stats(&f);
    // The smallest mark stack overflows, and then all is done at once.
    assert_true(ZHEAP_TINY || stats.incremental_collections > 2);
    assert_true(stats.live_count < CHAIN * 6);
    assert_int_equal(chain_length(&f), CHAIN);
    fixture_verify(&f);
    fixture_close(&f);
}

// One store must not have a list of a million elements scanned again.
static void test_incremental_stores_into_a_long_list_stay_within_bounds(void **state)
{
    (void)state;
    const uint32_t count = ZHEAP_STRESS ? 3000 : ZHEAP_VERIFY ? 20000 : 500000;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 256 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(list_reserve_any(&f, list, count));
    for (uint32_t i = 0; i < count; i++)
        list_push_any(&f, list, zvalue_int(i));
    for (uint32_t i = 0; i < (ZHEAP_STRESS ? 500 : ZHEAP_VERIFY ? 5000 : 300000u); i++) {
        struct znode *node = make_node(&f, 6);
        uint32_t at = (i * 7919) % count;
        zlist_payload(list)[at] = object_value(node).bits;
        zlist_tags(list)[at] = ZTAG_NODE;
        zheap_log_payload(&f.heap, &list->owner, at * 8, 8);
    }
    check_bounds(&f);
    assert_true(ZHEAP_TINY || fixture_stats(&f).incremental_collections > 0);
    zheap_collect(&f.heap, NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (zlist_tags(list)[i] != ZTAG_NODE) continue;
        const struct znode *node = (const void *)(uintptr_t)zlist_payload(list)[i];
        assert_int_equal(node->header.kind, ZTYPE_NODE);
        assert_int_equal(node->header.aux, 6);
    }
    fixture_close(&f);
}

// A large payload pays for one slice only: the heap grows faster than it is marked.
static void test_incremental_outrun_by_large_payloads_stays_within_bounds(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_VERIFY || ZHEAP_TINY) return; // the chain is too short there
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 256 << 20);
    grow_chain(&f, CHAIN);
    zheap_collect(&f.heap, NULL);
    uint64_t most = 0;
    for (uint32_t i = 0; i < 200; i++) {
        struct zlist *list = make_list(&f);
        f.roots[2] = object_value(list);
        (void)zheap_take_work(&f.heap);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 1 << 20));
        uint64_t words = zheap_take_work(&f.heap);
        if (words > most) most = words;
    }
    assert_in_range(most, ZHEAP_SLICE_WORDS_MAX + 1, ZHEAP_ATOMIC_WORDS_MAX); // it was outrun
    assert_true(fixture_stats(&f).incremental_collections > 2);
    check_bounds(&f);
    assert_int_equal(chain_length(&f), CHAIN);
    fixture_verify(&f);
    fixture_close(&f);
}

// What is given back is work, too: unmapping much at once was the longest pause there was.
static void test_incremental_release_of_all_stays_within_bounds(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_VERIFY || ZHEAP_TINY) return;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 256 << 20);
    grow_chain(&f, CHAIN);
    f.roots[0] = zvalue_null();
    uint64_t most_bytes = 0, committed = fixture_stats(&f).committed_bytes;
    for (bool is_done = false; !is_done;) {
        is_done = zheap_collect_step(&f.heap, ZHEAP_SLICE_WORDS_MAX, NULL);
        uint64_t now = fixture_stats(&f).committed_bytes;
        if (committed > now && committed - now > most_bytes) most_bytes = committed - now;
        committed = now;
    }
    assert_true(committed < (2 << 20));
    assert_in_range(most_bytes, 1, ZHEAP_SLICE_WORDS_MAX / 8 * ZPAGE_BYTES);
    fixture_close(&f);
}

static void test_incremental_steps_free_all_that_was_dead_at_the_start(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 64 << 20);
    grow_chain(&f, 2000);
    zheap_collect(&f.heap, NULL);
    for (uint32_t i = 0; i < 40; i++) {
        struct zlist *list = make_list(&f);
        f.roots[3] = object_value(list);
        if (ZHEAP_STRESS) continue;
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 4000));
    }
    f.roots[3] = zvalue_null();
    f.roots[0] = zvalue_null();
    uint64_t freed = fixture_stats(&f).freed_count, steps = 0;
    while (!zheap_collect_step(&f.heap, 60, NULL)) {
        check_sums(&f);
        char why[256] = "";
        if (!zheap_verify_marks(&f.heap, why, sizeof why)) fail_msg("%s", why);
        fixture_verify(&f);
        steps++;
    }
    assert_true(steps > 3);
    assert_true(ZHEAP_STRESS || fixture_stats(&f).freed_count - freed >= 4000);
    zheap_collect(&f.heap, NULL);
    assert_int_equal(fixture_stats(&f).live_count, 0);
    assert_int_equal(fixture_stats(&f).external_bytes, 0);
    fixture_close(&f);
}

static void test_incremental_object_moved_between_roots_and_old_objects_lives(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 64 << 20);
    grow_chain(&f, 3000);
    zheap_collect(&f.heap, NULL);
    // In the middle of each cycle what was made last goes from a root into the oldest object.
    struct znode *head = f.roots[0].p;
    for (uint32_t round = 0; round < 20; round++) {
        (void)zheap_collect_step(&f.heap, 100, NULL);
        for (uint32_t i = 0; i < 30; i++) {
            f.roots[5] = object_value(make_buffer(&f, 64));
            if (zheap_collect_step(&f.heap, 1 + i * 100, NULL)) break;
            node_set(&f, head, 2, f.roots[5]);
            f.roots[5] = zvalue_null();
        }
        while (!zheap_collect_step(&f.heap, 5000, NULL))
            check_sums(&f);
        if (head->slots[2] == 0) continue;
        const struct zbuffer *buffer = (const void *)(uintptr_t)head->slots[2];
        assert_int_equal(buffer->header.kind, ZTYPE_BUFFER);
        assert_int_equal(buffer->data[50], 0x5a);
        fixture_verify(&f);
    }
    assert_int_equal(chain_length(&f), 3000);
    fixture_close(&f);
}

static void test_incremental_cycle_at_the_limit_is_given_up_for_a_full_one(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 1 << 20);
    grow_chain(&f, 2000);
    for (uint32_t round = 0; round < 50; round++) {
        (void)zheap_collect_step(&f.heap, 200 + round * 40, NULL);
        // More than there is room for, but for what is dead.
        struct zlist *list = make_list(&f);
        assert_non_null(list);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 600000));
        f.roots[2] = object_value(list);
        f.roots[2] = zvalue_null();
        check_sums(&f);
    }
    assert_int_equal(chain_length(&f), 2000);
    fixture_verify(&f);
    fixture_close(&f);
}

static void make_symbol(struct zstring *symbol, uint32_t number)
{
    memset(symbol, 0, sizeof *symbol);
    symbol->header.kind = ZTYPE_STRING;
    symbol->hash = number * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

// Symbols that are asked for while others are being dropped stay.
static void test_incremental_symbols_asked_for_meanwhile_stay(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_TINY) return;
    enum { SYMBOLS = 3000 };
    static struct zstring symbols[SYMBOLS];
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL, 64 << 20);
    grow_chain(&f, 500);
    bool was_held;
    for (uint32_t i = 0; i < SYMBOLS; i++)
        make_symbol(&symbols[i], i);
    for (uint32_t i = 0; i < SYMBOLS / 2; i++)
        assert_true(zheap_hold_symbol(&f.heap, &symbols[i], &was_held));
    f.roots[4] = zvalue_object(&symbols[7], ZTAG_SYMBOL);
    uint32_t next = SYMBOLS / 2, again = 0;
    while (!zheap_collect_step(&f.heap, 40, NULL)) {
        if (zheap_more(&f.heap)->cycle.phase < ZPHASE_PRUNE) continue;
        if (next < SYMBOLS) {
            assert_true(zheap_hold_symbol(&f.heap, &symbols[next++], &was_held));
            assert_false(was_held);
        }
        assert_true(zheap_hold_symbol(&f.heap, &symbols[again++ % 50], &was_held));
    }
    assert_true(next > SYMBOLS / 2);
    // Each of the fifty is held now, and so are those that came: dropped or not, they were put in again.
    for (uint32_t i = SYMBOLS / 2; i < next; i++) {
        assert_true(zheap_hold_symbol(&f.heap, &symbols[i], &was_held));
        assert_true(was_held);
    }
    uint32_t held = zheap_held_count(&f.heap);
    assert_int_equal(f.released_symbols > 0, true);
    assert_true(held < next);
    f.roots[4] = zvalue_null();
    zheap_collect(&f.heap, NULL);
    assert_int_equal(zheap_held_count(&f.heap), 0);
    fixture_close(&f);
}

// ---- Minor collections --------------------------------------------------------------------------

static void need_minors(struct fixture *f)
{
    const struct zheap_more *more = zheap_more(&f->heap);
    assert_non_null(more);
    assert_true(more->policy.has_minors);
    assert_true(more->log.is_open);
}

static void test_minor_frees_the_new_and_keeps_the_old(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_TINY) return;
    struct fixture f;
    open_mode(&f, ZHEAP_GENERATIONAL, 64 << 20);
    grow_chain(&f, 2000);
    zheap_collect(&f.heap, NULL);
    need_minors(&f);
    struct zheap_stats before = fixture_stats(&f);
    for (uint32_t i = 0; i < 20; i++) {
        struct zlist *list = make_list(&f);
        f.roots[2] = object_value(list);
        assert_true(zheap_payload_resize(&f.heap, &list->owner, 5000));
        (void)make_node(&f, i);
    }
    struct znode *kept = make_node(&f, 1);
    node_set(&f, f.roots[0].p, 2, object_value(kept)); // only an old object leads to it
    zheap_collect_minor(&f.heap);
    check_sums(&f);
    fixture_verify(&f);
    struct zheap_stats after = fixture_stats(&f);
    assert_int_equal(after.live_count, before.live_count + 2); // kept, and the last list
    assert_int_equal(after.external_bytes, 5000);
    assert_true(after.minor_collections >= 1);
    // The old ones that die stay until a whole collection.
    f.roots[0] = f.roots[2] = zvalue_null();
    zheap_collect_minor(&f.heap);
    assert_int_equal(fixture_stats(&f).live_count, after.live_count);
    zheap_collect(&f.heap, NULL);
    assert_int_equal(fixture_stats(&f).live_count, 0);
    fixture_close(&f);
}

static void test_minor_uses_the_freed_cells_again(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct fixture f;
    open_mode(&f, ZHEAP_GENERATIONAL, 64 << 20);
    grow_chain(&f, 1000);
    zheap_collect(&f.heap, NULL);
    uint64_t committed = 0;
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < 300; i++)
            f.roots[2] = object_value(make_node(&f, 4));
        need_minors(&f);
        zheap_collect_minor(&f.heap);
        if (round == 5) committed = fixture_stats(&f).committed_bytes;
    }
    // One old object a minor collection, of which tiny heaps have four a round by themselves.
    assert_true(fixture_stats(&f).committed_bytes <= committed + 32768);
    assert_int_equal(chain_length(&f), 1000);
    fixture_close(&f);
}

// No memory for the log: nothing is lost.
static void test_log_without_memory_has_all_marked_again(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_TINY) return;
    for (int mode = ZHEAP_INCREMENTAL; mode <= ZHEAP_GENERATIONAL; mode++) {
        struct fixture f;
        open_mode(&f, (enum zheap_mode)mode, 64 << 20);
        grow_chain(&f, 1500);
        zheap_collect(&f.heap, NULL);
        if (mode == ZHEAP_INCREMENTAL) {
            while (zheap_more(&f.heap)->cycle.phase < ZPHASE_MARK)
                (void)zheap_collect_step(&f.heap, 10, NULL);
            for (uint32_t i = 0; i < 10; i++)
                (void)zheap_collect_step(&f.heap, 200, NULL);
        }
        struct znode *nodes[200];
        for (uint32_t i = 0; i < 200; i++) {
            nodes[i] = make_node(&f, 1);
            f.roots[10] = object_value(nodes[i]);
            struct zvalue at = f.roots[0];
            for (uint32_t k = 0; k < i * 5; k++)
                at = zvalue_slot(((struct znode *)at.p)->slots[0], ZTAG_NODE);
            zalloc_fail_at(1, true /* from_there_on */);
            node_set(&f, at.p, 2, f.roots[10]);
            zalloc_fail_at(0, false);
        }
        f.roots[10] = zvalue_null();
        assert_true(zheap_more(&f.heap)->log.has_overflowed || ZHEAP_VERIFY);
        for (uint32_t i = 0; i < 3000 * (ZHEAP_VERIFY ? 1 : 20); i++)
            (void)make_node(&f, 2);
        while (!zheap_collect_step(&f.heap, 1000, NULL))
            check_sums(&f);
        for (uint32_t i = 0; i < 200; i++)
            assert_int_equal(nodes[i]->header.kind, ZTYPE_NODE);
        assert_int_equal(chain_length(&f), 1500);
        fixture_verify(&f);
        fixture_close(&f);
    }
}

// ---- The choice ---------------------------------------------------------------------------------

static void test_auto_uses_minors_where_most_die_young(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_VERIFY) return; // too slow there
    struct fixture f;
    open_mode(&f, ZHEAP_AUTO, 256 << 20);
    grow_chain(&f, CHAIN);
    for (uint32_t i = 0; i < 4000000; i++)
        f.roots[2] = object_value(make_node(&f, 2));
    struct zheap_stats stats = fixture_stats(&f);
    assert_true(stats.minor_collections > 50);
    assert_int_equal(chain_length(&f), CHAIN);
    fixture_close(&f);
}

// Every object lives as long as many others: a minor collection finds next to nothing dead.
static void test_auto_leaves_minors_where_they_do_not_pay(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_VERIFY) return;
    struct fixture f;
    open_mode(&f, ZHEAP_AUTO, 256 << 20);
    enum { WINDOW = 60000, ROUNDS = 40 };
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(list_reserve_any(&f, list, WINDOW));
    uint64_t minors_late = 0, all_late = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (round == ROUNDS / 2) {
            minors_late = fixture_stats(&f).minor_collections;
            all_late = fixture_stats(&f).collections;
        }
        for (uint32_t i = 0; i < WINDOW; i++) {
            struct znode *node = make_node(&f, 4);
            if (round == 0) {
                list_push_any(&f, list, object_value(node));
                continue;
            }
            uint32_t at = (uint32_t)(i * UINT64_C(7919)) % WINDOW;
            zlist_payload(list)[at] = object_value(node).bits;
            zheap_log_payload(&f.heap, &list->owner, at * 8, 8);
        }
    }
    struct zheap_stats stats = fixture_stats(&f);
    if (!ZHEAP_TINY) assert_true(stats.minor_collections - minors_late <= 12);
    assert_true(stats.collections > all_late);
    fixture_close(&f);
}

// Whoever collects all the time has no use for the log.
static void test_auto_leaves_minors_where_wholes_are_asked_for(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_VERIFY || ZHEAP_TINY)
        return; // there the log is always kept, or small
    struct fixture f;
    open_mode(&f, ZHEAP_AUTO, 256 << 20);
    grow_chain(&f, 20000);
    uint32_t with_log = 0;
    for (uint32_t round = 0; round < 40; round++) {
        if (round > 0) drop_nodes(&f, 1000);
        zheap_collect(&f.heap, NULL);
        with_log += zheap_more(&f.heap)->log.is_open;
    }
    assert_in_range(with_log, 1, 8);
    fixture_close(&f);
}

// Nothing has been allocated since the last collection: nothing can be told of what is young.
static void test_auto_sees_no_promise_where_nothing_is_allocated(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_VERIFY || ZHEAP_TINY) return;
    struct fixture f;
    open_mode(&f, ZHEAP_AUTO, 256 << 20);
    grow_chain(&f, 20000);
    for (uint32_t round = 0; round < 10; round++) {
        zheap_collect(&f.heap, NULL);
        assert_false(zheap_more(&f.heap)->policy.is_promising);
    }
    fixture_close(&f);
}

// Of a list of nodes one in `kept` young ones replaces an old one, `made` times. How many minor
// collections there were.
static uint64_t minors_where_one_stays_of(uint32_t kept, uint32_t made)
{
    enum { OLD = 40000 };
    struct fixture f;
    open_mode(&f, ZHEAP_AUTO, 256 << 20);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(list_reserve_any(&f, list, OLD));
    for (uint32_t i = 0; i < OLD; i++)
        list_push_any(&f, list, object_value(make_node(&f, 4)));
    uint64_t before = fixture_stats(&f).minor_collections;
    for (uint32_t i = 0; i < made; i++) {
        struct znode *node = make_node(&f, 4);
        if (i % kept != 0) continue;
        uint32_t at = (uint32_t)(i * UINT64_C(7919)) % OLD;
        zlist_payload(list)[at] = object_value(node).bits;
        zheap_log_payload(&f.heap, &list->owner, at * 8, 8);
    }
    uint64_t minors = fixture_stats(&f).minor_collections - before;
    fixture_verify(&f);
    fixture_close(&f);
    return minors;
}

static void test_auto_tries_minors_only_where_the_young_die(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_VERIFY || ZHEAP_TINY) return;
    assert_int_equal(minors_where_one_stays_of(1, 2000000), 0);
    assert_true(minors_where_one_stays_of(100, 2000000) > 20);
}

static uint64_t growth_of(const struct fixture *f)
{
    return zheap_private_const(&f->heap)->collect_at_bytes -
           zheap_private_const(&f->heap)->acquired_bytes;
}

// The next collection, after one with about live_bytes.
static void check_growth(uint32_t percent, uint32_t live_bytes, uint64_t growth_bytes)
{
    struct fixture f;
    struct zheap_options options = {
        .limit_bytes = 256 << 20, .growth_percent = percent, .mode = ZHEAP_FULL};
    fixture_open(&f, options);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, live_bytes));
    zheap_collect(&f.heap, NULL);
    assert_in_range(growth_of(&f), growth_bytes, growth_bytes + growth_bytes / 10);
    fixture_close(&f);
}

static void test_growth_of_small_heaps_is_twice_as_much_unless_told(void **state)
{
    (void)state;
    enum { KIB = 1024, MIB = 1024 * KIB };
    check_growth(0, 10 * KIB, 64 * KIB);
    check_growth(0, 100 * KIB, 200 * KIB);
    check_growth(0, MIB, 2 * MIB);
    check_growth(0, MIB + MIB / 5, 2 * MIB + MIB / 3);
    check_growth(0, 2 * MIB, 3 * MIB);
    check_growth(0, 5 * MIB, 5 * MIB);
    check_growth(200, 100 * KIB, 100 * KIB);
    check_growth(200, 5 * MIB, 5 * MIB);
    check_growth(150, MIB, MIB / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto_leaves_minors_where_wholes_are_asked_for),
        cmocka_unit_test(test_auto_sees_no_promise_where_nothing_is_allocated),
        cmocka_unit_test(test_auto_tries_minors_only_where_the_young_die),
        cmocka_unit_test(test_growth_of_small_heaps_is_twice_as_much_unless_told),
        cmocka_unit_test(test_incremental_allocation_pays_within_bounds),
        cmocka_unit_test(test_incremental_stores_into_a_long_list_stay_within_bounds),
        cmocka_unit_test(test_incremental_outrun_by_large_payloads_stays_within_bounds),
        cmocka_unit_test(test_incremental_release_of_all_stays_within_bounds),
        cmocka_unit_test(test_incremental_steps_free_all_that_was_dead_at_the_start),
        cmocka_unit_test(test_incremental_object_moved_between_roots_and_old_objects_lives),
        cmocka_unit_test(test_incremental_cycle_at_the_limit_is_given_up_for_a_full_one),
        cmocka_unit_test(test_incremental_symbols_asked_for_meanwhile_stay),
        cmocka_unit_test(test_minor_frees_the_new_and_keeps_the_old),
        cmocka_unit_test(test_minor_uses_the_freed_cells_again),
        cmocka_unit_test(test_log_without_memory_has_all_marked_again),
        cmocka_unit_test(test_auto_uses_minors_where_most_die_young),
        cmocka_unit_test(test_auto_leaves_minors_where_they_do_not_pay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
