// What the heap's tests share: a pool, an env, a block and a heap whose roots are an array; makers
// of small objects; and a check that the heap verifies.
#ifndef ZVM_TESTS_UNIT_HEAP_FIXTURE_H
#define ZVM_TESTS_UNIT_HEAP_FIXTURE_H

#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOTS 64

struct fixture {
    struct zspan_pool *pool;
    struct zheap_env *env;
    void *page;
    struct zheap heap;
    struct zvalue roots[ROOTS];
    uint32_t released_symbols;
    uint32_t emergencies;
    struct zvalue *emergency_drops; // cleared by the emergency hook
};

static inline void fixture_mark_roots(void *context, struct zmarker *marker)
{
    struct fixture *f = context;
    zmark_values(marker, f->roots, ROOTS);
}

static inline bool fixture_emergency(void *context)
{
    struct fixture *f = context;
    f->emergencies++;
    if (f->emergency_drops != NULL) *f->emergency_drops = zvalue_null();
    return true;
}

static inline void fixture_release_symbol(void *context, const struct zstring *symbol)
{
    struct fixture *f = context;
    assert_non_null(symbol);
    f->released_symbols++;
}

static inline const struct zheap_hooks *fixture_hooks(void)
{
    static const struct zheap_hooks hooks = {.mark_roots = fixture_mark_roots,
                                             .emergency = fixture_emergency,
                                             .release_symbol = fixture_release_symbol};
    return &hooks;
}

static inline void fixture_open_heap(struct fixture *f, struct zheap_options options)
{
    for (uint32_t i = 0; i < ROOTS; i++) {
        f->roots[i] = zvalue_null();
    }
    f->released_symbols = 0;
    f->emergencies = 0;
    f->emergency_drops = NULL;
    options.hooks = fixture_hooks();
    options.context = f;
    f->page = zheap_page_acquire(f->env);
    assert_non_null(f->page);
    zheap_init(&f->heap, f->env, &options, f->page);
}

static inline void fixture_close_heap(struct fixture *f)
{
    zheap_deinit(&f->heap);
    zheap_page_release(f->env, f->page);
}

static inline void fixture_open(struct fixture *f, struct zheap_options options)
{
    assert_int_equal(zspan_pool_create(&f->pool), ZVM_OK);
    assert_int_equal(zheap_env_create(f->pool, &f->env), ZVM_OK);
    fixture_open_heap(f, options);
}

static inline void fixture_open_limit(struct fixture *f, uint64_t limit_bytes)
{
    fixture_open(f, (struct zheap_options){.limit_bytes = limit_bytes, .mode = ZHEAP_FULL});
}

static inline void fixture_close(struct fixture *f)
{
    fixture_close_heap(f);
    zheap_env_destroy(f->env);
    zspan_pool_destroy(f->pool);
}

static inline void fixture_verify(struct fixture *f)
{
    char why[256] = "";
    if (!zheap_verify(&f->heap, why, sizeof why)) fail_msg("%s", why);
}

static inline struct zheap_stats fixture_stats(const struct fixture *f)
{
    struct zheap_stats stats;
    zheap_stats(&f->heap, &stats);
    return stats;
}

// A cell that holds value. NULL: refused.
static inline struct zcell *make_cell(struct fixture *f, struct zvalue value)
{
    struct zcell *cell = zheap_new(&f->heap, ZTYPE_CELL, sizeof *cell, value.tag);
    if (cell != NULL) cell->payload = value.bits;
    return cell;
}

// A node of count null slots. NULL: refused.
static inline struct znode *make_node(struct fixture *f, uint32_t count)
{
    struct znode *node = zheap_new(&f->heap, ZTYPE_NODE, sizeof *node + (size_t)count * 9, count);
    if (node == NULL) return NULL;
    memset(node->slots, 0, (size_t)count * 8);
    memset(znode_tags(node), ZTAG_NULL, count);
    return node;
}

static inline void drop_nodes(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_non_null(make_node(f, 4));
}

static inline void node_set(struct fixture *f, struct znode *node, uint32_t i, struct zvalue value)
{
    assert_true(i < node->header.aux);
    node->slots[i] = value.bits;
    znode_tags(node)[i] = (uint8_t)value.tag;
    zheap_log(&f->heap, &node->header);
}

// Bytes, no pointers. NULL: refused.
static inline struct zbuffer *make_buffer(struct fixture *f, size_t cell_bytes)
{
    assert_true(cell_bytes >= sizeof(struct zbuffer));
    uint32_t inside = (uint32_t)(cell_bytes - sizeof(struct zbuffer));
    struct zbuffer *buffer = zheap_new(&f->heap, ZTYPE_BUFFER, cell_bytes, inside);
    if (buffer != NULL) memset(buffer->data, 0x5a, inside);
    return buffer;
}

// An empty list. NULL: refused.
static inline struct zlist *make_list(struct fixture *f)
{
    struct zlist *list = zheap_new(&f->heap, ZTYPE_LIST, sizeof *list, 0);
    if (list == NULL) return NULL;
    list->owner.payload = NULL;
    list->owner.payload_bytes = 0;
    list->capacity = 0;
    list->elements = ZLIST_INT;
    return list;
}

// Gives an empty list room for capacity elements of any kind. false: refused.
static inline bool list_reserve_any(struct fixture *f, struct zlist *list, uint32_t capacity)
{
    assert_int_equal(list->owner.header.aux, 0);
    if (!zheap_payload_resize(&f->heap, &list->owner, (size_t)capacity * 9)) return false;
    list->capacity = capacity;
    list->elements = ZLIST_ANY;
    return true;
}

static inline void list_push_any(struct fixture *f, struct zlist *list, struct zvalue value)
{
    uint32_t i = list->owner.header.aux++;
    assert_true(i < list->capacity);
    zlist_payload(list)[i] = value.bits;
    zlist_tags(list)[i] = (uint8_t)value.tag;
    zheap_log_payload(&f->heap, &list->owner, i * sizeof(uint64_t), sizeof(uint64_t));
}

#endif // ZVM_TESTS_UNIT_HEAP_FIXTURE_H
