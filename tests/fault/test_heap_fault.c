// Goal: a heap survives each refused allocation: the call says so, nothing is half done, nothing leaks.
// Method: one body that uses every part of the heap that allocates, under the fault loop.
#include "fault/fault.h"
#include "unit/heap_fixture.h"

#define WIDE (ZHEAP_STRESS ? 10 : 200)

struct body {
    struct fixture f;
    struct {
        struct zobject header;
        uint64_t hash;
        char bytes[8];
    } symbols[40];
    uint32_t held, released;
};

static void release(void *context, const struct zstring *symbol)
{
    struct body *body = context;
    (void)symbol;
    body->released++;
}

static void mark_roots(void *context, struct zmarker *marker)
{
    struct body *body = context;
    zmark_values(marker, body->f.roots, ROOTS);
}

static const struct zheap_hooks hooks = {.mark_roots = mark_roots, .release_symbol = release};

// A refusal must leave the heap good, name its reason, and let its error be made, unless it is final.
static zvm_status refused(struct body *body)
{
    struct fixture *f = &body->f;
    fixture_verify(f);
    struct zheap_refusal refusal = zheap_refusal(&f->heap);
    assert_int_equal(refusal.reason, ZHEAP_REFUSED_NOMEM);
    if (!refusal.final) {
        zheap_reserve_open(&f->heap);
        struct zbuffer *error = make_buffer(f, sizeof(struct zerror));
        assert_non_null(error);
        f->roots[ROOTS - 1] = zvalue_object(error, ZTAG_HEAP | ZTYPE_BUFFER);
        assert_non_null(make_buffer(f, 216));
        zheap_reserve_close(&f->heap);
    }
    return ZVM_E_NOMEM;
}

static zvm_status grow_lists(struct body *body)
{
    struct fixture *f = &body->f;
    for (uint32_t i = 0; i < (ZHEAP_STRESS ? 10 : 20); i++) {
        struct zlist *list = make_list(f);
        if (list == NULL) return refused(body);
        f->roots[i] = zvalue_object(list, ZTAG_LIST);
        for (size_t bytes = 100; bytes < 9000; bytes *= 3) {
            if (!zheap_payload_resize(&f->heap, &list->owner, bytes)) return refused(body);
            assert_int_equal(list->owner.payload_bytes, bytes);
        }
    }
    return ZVM_OK;
}

static zvm_status hold_symbols(struct body *body)
{
    for (uint32_t i = 0; i < 40; i++) {
        bool was_held = true;
        const struct zstring *symbol = (const struct zstring *)(const void *)&body->symbols[i];
        if (!zheap_hold_symbol(&body->f.heap, symbol, &was_held)) return refused(body);
        assert_false(was_held);
        body->held++;
    }
    return ZVM_OK;
}

static zvm_status use_heap(struct body *body)
{
    zvm_status status = hold_symbols(body);
    if (status == ZVM_OK) status = grow_lists(body);
    for (uint32_t size = 8; status == ZVM_OK && size <= 2048; size += ZHEAP_STRESS ? 300 : 40) {
        if (make_buffer(&body->f, size) == NULL) status = refused(body);
    }
    struct zlist *wide = status == ZVM_OK ? make_list(&body->f) : NULL;
    if (wide != NULL) {
        // A graph that needs more than the first mark stack: growing it may be refused without harm.
        body->f.roots[0] = zvalue_object(wide, ZTAG_LIST);
        if (!list_reserve_any(&body->f, wide, WIDE)) return refused(body);
        for (uint32_t i = 0; i < WIDE; i++) {
            struct znode *node = make_node(&body->f, 200);
            if (node == NULL) return refused(body);
            list_push_any(&body->f, wide, zvalue_object(node, ZTAG_NODE));
            if (i > 0) {
                struct zvalue before = zvalue_slot(zlist_payload(wide)[i - 1], ZTAG_NODE);
                node_set(&body->f, node, 0, before);
            }
        }
        zheap_collect(&body->f.heap, NULL);
        fixture_verify(&body->f);
    }
    return status;
}

static zvm_status live(void *context)
{
    struct body *body = context;
    memset(body, 0, sizeof *body);
    for (uint32_t i = 0; i < 40; i++) {
        body->symbols[i].header.kind = ZTYPE_STRING;
        body->symbols[i].hash = i * 77;
    }
    struct fixture *f = &body->f;
    zvm_status status = zspan_pool_create(&f->pool);
    if (status != ZVM_OK) return status;
    status = zheap_env_create(f->pool, &f->env);
    if (status == ZVM_OK) {
        f->page = zheap_page_acquire(f->env);
        if (f->page == NULL) status = ZVM_E_NOMEM;
    }
    if (status == ZVM_OK) {
        struct zheap_options options = {.limit_bytes = 8 << 20, .hooks = &hooks, .context = body};
        zheap_init(&f->heap, f->env, &options, f->page);
        for (uint32_t i = 0; i < ROOTS; i++) {
            f->roots[i] = zvalue_null();
        }
        status = use_heap(body);
        zheap_deinit(&f->heap);
        assert_int_equal(body->released, body->held);
    }
    if (f->env != NULL) zheap_page_release(f->env, f->page);
    zheap_env_destroy(f->env);
    zspan_pool_destroy(f->pool);
    return status;
}

static void test_heap_each_allocation_refused_is_survived(void **state)
{
    (void)state;
    static struct body body;
    uint64_t allocations = fault_each_allocation(live, &body, ZVM_E_NOMEM);
    assert_true(allocations > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_each_allocation_refused_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
