// Goal: the collector's decisions where they are rare: a heap that has no hooks, or nothing but its first
// page; cycles that are given up, and logs and stacks that cannot grow; minors that never pay.
// Method: states that programs reach seldom are made by hand; after each, the heap is verified.
#include "unit/heap_fixture.h"

#include "base/alloc.h"

static struct zvalue object_value(void *object)
{
    return zvalue_object(object, ZTAG_HEAP | ((struct zobject *)object)->kind);
}

static void open_mode(struct fixture *f, enum zheap_mode mode)
{
    fixture_open(f, (struct zheap_options){.limit_bytes = 64 << 20, .mode = mode});
}

// Nodes from root 0, `count` of them.
static void grow_chain(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct znode *node = make_node(f, 3);
        node_set(f, node, 0, f->roots[0]);
        f->roots[0] = object_value(node);
    }
}

static uint32_t chain_length(const struct fixture *f)
{
    uint32_t length = 0;
    for (struct zvalue at = f->roots[0]; at.tag == ZTAG_NODE; length++) {
        const struct znode *node = at.p;
        at = zvalue_slot(node->slots[0], znode_tags(node)[0]);
    }
    return length;
}

static void test_heap_inside_its_first_page_is_collected_whole(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    f.roots[1] = object_value(make_node(&f, 1));
    (void)make_node(&f, 1);
    struct zheap_collect_result result;
    zheap_settle(&f.heap);
    assert_true(zheap_collect_step(&f.heap, 1, &result));
    assert_int_equal(result.freed_count, 1);
    struct zobject *object = f.roots[1].p;
    object->flags |= ZFLAG_LOG; // nothing armed it, and there is no log
    zheap_log(&f.heap, object);
    assert_int_equal(object->flags & ZFLAG_LOG, 0);
    (void)zheap_collect_if(&f.heap, false /* force */, NULL);
    fixture_verify(&f);
    fixture_close(&f);
}

// No roots, nobody to tell: only open scopes keep anything.
static void test_heap_without_hooks_is_collected_in_each_mode(void **state)
{
    (void)state;
    static const struct zheap_hooks empty;
    const struct zheap_hooks *all[] = {NULL, &empty};
    for (size_t i = 0; i < 2; i++) {
        for (int mode = ZHEAP_AUTO; mode < ZHEAP_MODES; mode++) {
            struct fixture f;
            fixture_open(&f, (struct zheap_options){.limit_bytes = 64 << 20});
            fixture_close_heap(&f);
            f.page = zheap_page_acquire(f.env);
            struct zheap_options options = {
                .limit_bytes = 300000, .mode = (enum zheap_mode)mode, .hooks = all[i]};
            zheap_init(&f.heap, f.env, &options, f.page);
            struct zvalue kept = object_value(make_node(&f, 2));
            struct zscope scope;
            zscope_open(&f.heap, &scope, &kept, 1);
            for (uint32_t k = 0; k < 20000; k++)
                assert_non_null(make_node(&f, 3));
            if (zheap_more(&f.heap)->policy.has_minors && zheap_more(&f.heap)->log.is_open &&
                zheap_more(&f.heap)->cycle.phase == ZPHASE_REST)
                zheap_collect_minor(&f.heap);
            while (!zheap_collect_step(&f.heap, 50, NULL)) {
            }
            zspan_pool_press_any(f.pool, ZPRESSURE_HIGH);
            zheap_poll(&f.heap, 0);
            assert_false(zheap_charge(&f.heap, 400000));
            assert_int_equal(zheap_refusal(&f.heap).reason, ZHEAP_REFUSED_LIMIT);
            zheap_collect(&f.heap, NULL);
            assert_int_equal(fixture_stats(&f).live_count, 1);
            fixture_verify(&f);
            zscope_close(&f.heap, &scope);
            fixture_close(&f);
        }
    }
}

// Goes on until the cycle is marking.
static void begin_marking(struct fixture *f)
{
    const struct zheap_more *more = zheap_more(&f->heap);
    zheap_collect(&f->heap, NULL);
    do
        (void)zheap_collect_step(&f->heap, 1, NULL);
    while (more->cycle.phase == ZPHASE_CLEAR);
    assert_int_equal(more->cycle.phase, ZPHASE_MARK);
}

static void test_cycle_that_must_begin_again_ends_at_once(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    grow_chain(&f, 2000);
    struct zheap_more *more = zheap_more(&f.heap);
    begin_marking(&f);
    more->log.has_overflowed = true;
    assert_true(zheap_collect_step(&f.heap, 1, NULL));
    assert_int_equal(chain_length(&f), 2000);
    fixture_verify(&f);
    // The mark stack did not grow: pages are gray, and a collection that was asked for clears them.
    begin_marking(&f);
    more->cycle.has_overflowed = true;
    struct zpage *page = zpage_at(f.roots[0].p);
    page->is_gray = 1;
    zheap_collect(&f.heap, NULL);
    assert_int_equal(page->is_gray, 0);
    assert_int_equal(chain_length(&f), 2000);
    fixture_verify(&f);
    // The same by allocation.
    begin_marking(&f);
    more->log.has_overflowed = true;
    uint64_t collections = fixture_stats(&f).collections;
    while (fixture_stats(&f).collections == collections)
        assert_non_null(make_node(&f, 5));
    assert_int_equal(chain_length(&f), 2000);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_cycle_without_memory_for_its_stack_is_one_at_once(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    grow_chain(&f, 1000);
    zheap_collect(&f.heap, NULL);
    uint64_t incremental = fixture_stats(&f).incremental_collections;
    zalloc_fail_at(1, true);
    assert_true(zheap_collect_step(&f.heap, 1, NULL));
    zheap_collect_due(&f.heap, 0);
    zalloc_fail_at(0, false);
    assert_int_equal(fixture_stats(&f).incremental_collections, incremental);
    assert_int_equal(chain_length(&f), 1000);
    fixture_close(&f);
}

static void test_cycle_that_does_not_end_is_ended_when_the_heap_has_grown(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    grow_chain(&f, 2000);
    begin_marking(&f);
    struct zcycle *cycle = &zheap_more(&f.heap)->cycle;
    cycle->give_up_bytes = 0;
    zcycle_slice(&f.heap, 0);
    assert_int_equal(cycle->phase, ZPHASE_REST);
    assert_int_equal(chain_length(&f), 2000);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_log_that_may_not_grow_overflows(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_GENERATIONAL);
    grow_chain(&f, 2000);
    zheap_collect(&f.heap, NULL);
    zheap_collect(&f.heap, NULL);
    struct zheap_log *log = &zheap_more(&f.heap)->log;
    struct zheap_private *private = zheap_private(&f.heap);
    struct znode *node = f.roots[0].p;
    assert_true(log->is_open);
    // As many entries as can be counted.
    uint32_t count = log->count, capacity = log->capacity;
    log->count = log->capacity = UINT32_MAX / 2 + 1;
    node_set(&f, node, 1, zvalue_int(1));
    assert_true(log->has_overflowed);
    log->count = count;
    log->capacity = capacity;
    zheap_collect(&f.heap, NULL);
    assert_false(log->has_overflowed);
    // No room under the limit.
    uint64_t limit = private->limit_bytes;
    log->count = log->capacity;
    private->limit_bytes = zheap_committed(private);
    node = f.roots[0].p;
    node_set(&f, node, 1, zvalue_int(2));
    assert_true(log->has_overflowed);
    assert_false(zcycle_start_slices(&f.heap));
    private->limit_bytes = limit;
    log->count = 0;
    zheap_collect(&f.heap, NULL);
    zheap_log_payload_slow(&f.heap, NULL, 0, 0); // no bytes are no store
    assert_int_equal(chain_length(&f), 2000);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_mark_stack_of_a_thread_grows_to_its_end_and_shrinks(void **state)
{
    (void)state;
    if (ZHEAP_TINY) return; // it never grows
    struct fixture f;
    open_mode(&f, ZHEAP_FULL);
    struct zmark_stack *stack = &f.env->stack;
    while (stack->capacity <= 1u << 16)
        assert_true(zheap_env_grow_stack(f.env));
    zalloc_fail_at(1, true); // giving back needs none
    zheap_env_shrink_stack(f.env);
    zalloc_fail_at(0, false);
    assert_true(stack->capacity <= 1u << 16);
    uint32_t capacity = stack->capacity;
    stack->capacity = UINT32_MAX / 2 + 1;
    assert_false(zheap_env_grow_stack(f.env));
    stack->capacity = capacity;
    fixture_close(&f);
}

static void test_minors_that_never_pay_are_tried_ever_more_rarely(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return; // there are none
    struct fixture f;
    open_mode(&f, ZHEAP_AUTO);
    grow_chain(&f, 40000);
    struct zpolicy *policy = &zheap_more(&f.heap)->policy;
    uint32_t waits = 0, last = 0;
    for (int i = 0; i < 800 && waits < 8; i++) {
        drop_nodes(&f, 1000); // all that is young dies, which is a promise
        zheap_collect(&f.heap, NULL);
        if (!policy->has_minors) continue;
        // So much work that no gain can be seen.
        for (int minor = 0; minor < 8 && policy->has_minors; minor++)
            zpolicy_note_minor(&f.heap, UINT64_C(1) << 40);
        assert_false(policy->has_minors);
        assert_true(policy->wait >= last);
        last = policy->wait;
        waits++;
    }
    assert_int_equal(waits, 8);
    assert_in_range(last, 8, 64); // bounded
    fixture_verify(&f);
    fixture_close(&f);
}

// ---- Between two slices -------------------------------------------------------------------------

// The cycle goes on until it is in this phase.
static void step_to(struct fixture *f, enum zphase phase)
{
    while (zheap_more(&f->heap)->cycle.phase < phase)
        assert_false(zheap_collect_step(&f->heap, 1, NULL));
    assert_int_equal(zheap_more(&f->heap)->cycle.phase, phase);
}

static void make_symbol(struct zstring *symbol, uint32_t number)
{
    memset(symbol, 0, sizeof *symbol);
    symbol->header.kind = ZTYPE_STRING;
    symbol->hash = number * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static void test_cycle_that_prunes_is_asked_who_is_doomed(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_TINY) return; // their cycles are done at once
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    grow_chain(&f, 2000);
    begin_marking(&f);
    bool was_held;
    static struct zstring symbols[500];
    for (uint32_t i = 0; i < 500; i++) {
        make_symbol(&symbols[i], i);
        assert_true(zheap_hold_symbol(&f.heap, &symbols[i], &was_held));
    }
    step_to(&f, ZPHASE_PRUNE);
    assert_false(zheap_is_doomed(&f.heap, f.roots[0].p));
    // A symbol that is looked for now stays, though nothing leads to it.
    assert_ptr_equal(zheap_held_find(&f.heap, "", 0, symbols[7].hash), &symbols[7]);
    // Polls that pay a debt end the cycle, and the last one says so.
    uint64_t collections = fixture_stats(&f).collections;
    uint32_t polls = 0;
    for (bool has_ended = false; !has_ended; polls++) {
        assert_true(polls < 1000);
        zheap_more(&f.heap)->cycle.debt_words = 100;
        zheap_private(&f.heap)->collect_at_bytes = 0;
        has_ended = zheap_collect_if(&f.heap, false /* force */, NULL);
    }
    assert_true(polls > 1);
    assert_int_equal(zheap_more(&f.heap)->cycle.phase, ZPHASE_REST);
    assert_int_equal(fixture_stats(&f).collections, collections);
    assert_true(zheap_hold_symbol(&f.heap, &symbols[7], &was_held));
    assert_true(was_held);
    assert_int_equal(f.released_symbols, 499);
    assert_int_equal(chain_length(&f), 2000);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_cycle_that_frees_already_is_settled_and_not_given_up(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_TINY) return;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    grow_chain(&f, 2000);
    struct zcycle *cycle = &zheap_more(&f.heap)->cycle;
    begin_marking(&f);
    step_to(&f, ZPHASE_PRUNE);
    cycle->give_up_bytes = 0;
    zcycle_slice(&f.heap, 0);
    assert_true(cycle->phase >= ZPHASE_PRUNE); // it went on by one slice
    assert_int_equal(chain_length(&f), 2000);
    zheap_settle(&f.heap);
    begin_marking(&f);
    step_to(&f, ZPHASE_FINISH);
    zheap_settle(&f.heap);
    assert_int_equal(cycle->phase, ZPHASE_REST);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_cycle_that_is_late_has_short_steps_without_debt(void **state)
{
    (void)state;
    if (ZHEAP_STRESS || ZHEAP_TINY) return;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    grow_chain(&f, 60000); // more than the largest slice does
    struct zheap_private *private = zheap_private(&f.heap);
    struct zcycle *cycle = &zheap_more(&f.heap)->cycle;
    begin_marking(&f);
    assert_int_equal(cycle->debt_words, 0);
    uint64_t step = private->collect_at_bytes - private->acquired_bytes;
    cycle->late_bytes = 0;
    (void)zheap_collect_step(&f.heap, 1, NULL);
    assert_int_equal(cycle->phase, ZPHASE_MARK);
    assert_true(private->collect_at_bytes - private->acquired_bytes < step);
    zheap_collect(&f.heap, NULL);
    assert_int_equal(chain_length(&f), 60000);
    fixture_close(&f);
}

// The last part of marking finds no room for what it reaches: it is not the end.
static void test_cycle_whose_stack_overflows_at_the_end_begins_again(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_INCREMENTAL);
    enum { CHILDREN = 100 };
    for (uint32_t i = 0; i < ROOTS; i++) {
        struct znode *node = make_node(&f, CHILDREN);
        f.roots[i] = object_value(node);
        for (uint32_t k = 0; k < CHILDREN; k++)
            node_set(&f, node, k, object_value(make_node(&f, 1)));
    }
    zheap_collect(&f.heap, NULL);
    struct zheap_private *private = zheap_private(&f.heap);
    uint64_t limit = private->limit_bytes, live = fixture_stats(&f).live_count;
    uint64_t incremental = fixture_stats(&f).incremental_collections;
    begin_marking(&f);
    private->limit_bytes = zheap_committed(private); // the stack stays as it is
    assert_true(zheap_collect_step(&f.heap, ZHEAP_SLICE_WORDS_MAX, NULL));
    private->limit_bytes = limit;
    assert_int_equal(fixture_stats(&f).incremental_collections, incremental);
    assert_int_equal(fixture_stats(&f).live_count, live);
    fixture_verify(&f);
    fixture_close(&f);
}

static void test_payload_buffer_is_none_outside_and_of_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_mode(&f, ZHEAP_FULL);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_null(zheap_payload_buffer(&list->owner));
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 100));
    assert_ptr_equal(zheap_payload_buffer(&list->owner)->data, list->owner.payload);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 5000));
    assert_null(zheap_payload_buffer(&list->owner));
    fixture_close(&f);
}

// The first cycle meant to have minors, and was given up: there is nothing to compare them with yet.
static void test_minors_are_not_judged_before_a_whole_collection_has_ended(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return; // there are none
    struct fixture f;
    open_mode(&f, ZHEAP_AUTO);
    struct zlist *list = make_list(&f);
    f.roots[0] = object_value(list);
    assert_true(zheap_payload_resize(&f.heap, &list->owner, 2 << 20));
    struct zpolicy *policy = &zheap_more(&f.heap)->policy;
    assert_int_equal(policy->whole_growth_bytes, 0);
    policy->is_promising = true;
    assert_false(zheap_collect_step(&f.heap, 1, NULL));
    assert_true(policy->has_minors);
    zheap_collect(&f.heap, NULL);
    assert_true(policy->had_minors);
    assert_true(policy->has_minors);
    assert_int_equal(policy->wait, 0);
    fixture_verify(&f);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_inside_its_first_page_is_collected_whole),
        cmocka_unit_test(test_heap_without_hooks_is_collected_in_each_mode),
        cmocka_unit_test(test_cycle_that_must_begin_again_ends_at_once),
        cmocka_unit_test(test_cycle_without_memory_for_its_stack_is_one_at_once),
        cmocka_unit_test(test_cycle_that_does_not_end_is_ended_when_the_heap_has_grown),
        cmocka_unit_test(test_log_that_may_not_grow_overflows),
        cmocka_unit_test(test_mark_stack_of_a_thread_grows_to_its_end_and_shrinks),
        cmocka_unit_test(test_minors_that_never_pay_are_tried_ever_more_rarely),
        cmocka_unit_test(test_cycle_that_prunes_is_asked_who_is_doomed),
        cmocka_unit_test(test_cycle_that_frees_already_is_settled_and_not_given_up),
        cmocka_unit_test(test_cycle_that_is_late_has_short_steps_without_debt),
        cmocka_unit_test(test_cycle_whose_stack_overflows_at_the_end_begins_again),
        cmocka_unit_test(test_payload_buffer_is_none_outside_and_of_nothing),
        cmocka_unit_test(test_minors_are_not_judged_before_a_whole_collection_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
