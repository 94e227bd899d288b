// vm/shape_own.c - a tree of an isolate's own shapes by the hash of their keys, two bits a level.
//
// Owns: the nodes and their shapes, charged to the isolate's heap. Thread: owner. A tree, because it grows
// by one node at a time: no program can make it do a long piece of work at once.
#include "vm/shape_own.h"

#include "base/alloc.h"

struct zshape_own {
    struct zshape_own *children[4];
    struct zshape_own *next; // all of the isolate's
    struct zshape *shape;
};

static uint64_t key_hash(const struct zdata *data, const struct zshape *parent)
{
    uint64_t hash = ((uintptr_t)data >> 4) * 0x9e3779b97f4a7c15u ^ (uintptr_t)parent >> 4;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

// Where the node of this key is, or where it would go.
static struct zshape_own **place_of(struct zshape_own **root, const struct zdata *data,
                                    const struct zshape *parent)
{
    struct zshape_own **place = root;
    for (uint64_t hash = key_hash(data, parent); *place != NULL; hash >>= 2) {
        const struct zshape *shape = (*place)->shape;
        if (shape->data == data && shape->parent == parent) return place;
        place = &(*place)->children[hash & 3];
    }
    return place;
}

static void free_node(struct zisolate *iso, struct zshape_own *node)
{
    size_t bytes = node->shape->bytes;
    z_free(node->shape, bytes);
    z_free(node, sizeof *node);
    zheap_uncharge(&iso->heap, sizeof *node + bytes);
}

static zvm_status make_node(struct zisolate *iso, const struct zdata *data,
                            const struct zshape *parent, struct zshape_own **out)
{
    size_t bytes = sizeof(struct zshape_own) + zshape_bytes(data, parent);
    if (!zheap_charge(&iso->heap, bytes)) return ZVM_E_HEAP_LIMIT;
    struct zshape_own *node = z_alloc_zeroed(sizeof *node);
    struct zshape *shape = node == NULL ? NULL : zshape_make(data, parent, ZSHAPE_ID_OWN);
    if (shape == NULL) {
        if (node != NULL) z_free(node, sizeof *node);
        zheap_uncharge(&iso->heap, bytes);
        return ZVM_E_NOMEM;
    }
    node->shape = shape;
    *out = node;
    return ZVM_OK;
}

zvm_status zshape_own_acquire(struct zisolate *iso, const struct zdata *data,
                              const struct zshape *parent, const struct zshape **out)
{
    if (!zisolate_ensure_extra(iso)) return ZVM_E_NOMEM;
    struct zisolate_extra *extra = iso->extra;
    struct zshape_own **place = place_of(&extra->shapes_by_key, data, parent);
    if (*place == NULL) {
        zvm_status status = make_node(iso, data, parent, place);
        if (status != ZVM_OK) return status;
        (*place)->next = extra->shapes;
        extra->shapes = *place;
    }
    *out = (*place)->shape;
    return ZVM_OK;
}

void zshape_own_free_all(struct zisolate *iso)
{
    if (iso->extra == NULL) return;
    struct zshape_own *node = iso->extra->shapes;
    while (node != NULL) {
        struct zshape_own *next = node->next;
        free_node(iso, node);
        node = next;
    }
    iso->extra->shapes = iso->extra->shapes_by_key = NULL;
}
