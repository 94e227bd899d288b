// heap/graph.c - numbers the objects of a heap, gives their edges, walks from the roots.
//
// Owns: the tables of one struct zgraph. Thread: owner; the heap rests meanwhile.
// An object's number is the number of the first object in its page, and how many used bits lie
// below its own: so a page costs 24 bytes and no table of addresses is needed. The walk is breadth
// first, over a queue that holds every object once: no recursion, and the first path found to an
// object is a shortest one.
#define ZVM_HEAP_INTERNAL
#include "heap/graph.h"

#include "base/alloc.h"
#include "heap/heap_internal.h"

// ---- Edges ------------------------------------------------------------------------------------

struct edges {
    zedge_fn visit;
    void *context;
};

static void part(const struct edges *edges, const void *to, const char *name)
{
    if (to == NULL) return;
    struct zedge edge = {.to = (struct zobject *)(uintptr_t)to, .kind = ZEDGE_PART, .name = name};
    edges->visit(edges->context, &edge);
}

static void part_slot(const struct edges *edges, uint64_t payload, uint32_t tag, const char *name)
{
    if (tag & ZTAG_HEAP) part(edges, (const void *)(uintptr_t)payload, name);
}

static void slots(const struct edges *edges, enum zedge_kind kind, const uint64_t *payloads,
                  const uint8_t *tags, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!(tags[i] & ZTAG_HEAP) || payloads[i] == 0) continue;
        struct zedge edge = {
            .to = (struct zobject *)(uintptr_t)payloads[i], .kind = kind, .index = i};
        edges->visit(edges->context, &edge);
    }
}

static void payload(const struct edges *edges, const struct zowner *owner)
{
    if (owner->payload == NULL || owner->header.flags & ZFLAG_EXTERNAL) return;
    part(edges, (const char *)owner->payload - offsetof(struct zbuffer, data), "payload");
}

static void list_edges(const struct edges *edges, const struct zlist *list)
{
    payload(edges, &list->owner);
    if (list->elements != ZLIST_ANY || list->owner.header.aux == 0) return;
    slots(edges, ZEDGE_ELEMENT, zlist_payload(list), zlist_tags(list), list->owner.header.aux);
}

static void map_edges(const struct edges *edges, const struct zmap *map)
{
    payload(edges, &map->owner);
    const struct zmap_entry *entries = zmap_entries(map);
    for (uint32_t i = 0; i < map->used; i++) {
        const struct zmap_entry *entry = &entries[i];
        if (entry->key_tag == ZTAG_DEAD) continue;
        struct zedge edge = {.index = i, .key = zvalue_slot(entry->key, entry->key_tag)};
        if (entry->key_tag & ZTAG_HEAP) {
            edge.kind = ZEDGE_KEY;
            edge.to = (struct zobject *)(uintptr_t)entry->key;
            edges->visit(edges->context, &edge);
        }
        if (entry->value_tag & ZTAG_HEAP) {
            edge.kind = ZEDGE_VALUE;
            edge.to = (struct zobject *)(uintptr_t)entry->value;
            edges->visit(edges->context, &edge);
        }
    }
}

static void string_edges(const struct edges *edges, const struct zobject *object)
{
    if (!(object->flags & ZFLAG_LONG)) return;
    const struct zstring_long *string = (const void *)object;
    part(edges, string->buffer, "buffer");
    part(edges, string->offsets, "offsets");
}

static void error_edges(const struct edges *edges, const struct zerror *error)
{
    part_slot(edges, error->kind, error->kind_tag, "kind");
    part_slot(edges, error->message, error->message_tag, "message");
    part(edges, error->trace, "trace");
}

static void shaped_edges(const struct edges *edges, const struct zobject *object)
{
    const void *o = object;
    if (object->kind == ZTYPE_RECORD) {
        const struct zrecord *record = o;
        part(edges, record->class, "type");
        slots(edges, ZEDGE_FIELD, record->fields, zrecord_tags(record), object->aux);
    } else if (object->kind == ZTYPE_CLASS) {
        const struct zclass *class = o;
        part(edges, class->parent, "parent");
        slots(edges, ZEDGE_SLOT, class->slots, zclass_tags(class), object->aux);
    } else {
        const struct ztask *task = o;
        part(edges, task->func, "function");
        slots(edges, ZEDGE_ARGUMENT, task->slots, ztask_tags(task), object->aux);
    }
}

static void bound_edges(const struct edges *edges, const struct zbound *bound)
{
    part_slot(edges, bound->receiver, bound->header.aux, "receiver");
    part(edges, bound->method, "method");
}

void zgraph_edges(const struct zobject *object, zedge_fn visit, void *context)
{
    const struct edges edges = {visit, context};
    const void *o = object;
    switch (object->kind) {
    case ZTYPE_STRING:
        string_edges(&edges, object);
        break;
    case ZTYPE_LIST:
        list_edges(&edges, o);
        break;
    case ZTYPE_MAP:
        map_edges(&edges, o);
        break;
    case ZTYPE_FUNC:
        slots(&edges, ZEDGE_CAPTURE, ((const struct zfunc *)o)->captured, zfunc_tags(o),
              object->aux);
        break;
    case ZTYPE_RECORD:
    case ZTYPE_CLASS:
    case ZTYPE_TASK:
        shaped_edges(&edges, object);
        break;
    case ZTYPE_ERROR:
        error_edges(&edges, o);
        break;
    case ZTYPE_BOUND:
        bound_edges(&edges, o);
        break;
    case ZTYPE_CELL:
        part_slot(&edges, ((const struct zcell *)o)->payload, object->aux, "value");
        break;
    case ZTYPE_STRBUF:
        payload(&edges, o);
        break;
    case ZTYPE_NODE:
        slots(&edges, ZEDGE_FIELD, ((const struct znode *)o)->slots, znode_tags(o), object->aux);
        break;
    default: // BUFFER and HOST have no pointers
        break;
    }
}

// ---- Numbers ----------------------------------------------------------------------------------

typedef void (*page_fn)(struct zgraph *graph, const struct zpage *page);

static void each_page(struct zgraph *graph, page_fn visit)
{
    const struct zheap *heap = graph->heap;
    visit(graph, zpage_at(zheap_private_const(heap)->first_base));
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return;
    visit(graph, zpage_at(more->reserve.base));
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        for (const struct zpage *span = more->classes[i].first; span != NULL; span = span->next) {
            uint32_t pages = zspan_pages(span->order);
            for (uint32_t k = 0; k < pages; k++) {
                visit(graph, &span[k]);
            }
        }
    }
}

// While page_capacity is 0: how many pages; count is beyond its limit when there are too many.
static void count_page(struct zgraph *graph, const struct zpage *page)
{
    uint32_t count = zbits_count(*zpage_used(page));
    graph->tail++;
    graph->count = graph->count > ZGRAPH_OBJECTS_MAX ? graph->count : graph->count + count;
}

// The place of the page with this base: its own, or a free one.
static struct zgraph_page *page_place(const struct zgraph *graph, const char *base)
{
    uint32_t mask = graph->page_capacity - 1;
    uint64_t hash = (uintptr_t)base / ZPAGE_BYTES * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t at = (uint32_t)(hash >> 32) & mask;
    while (graph->pages[at].base != NULL && graph->pages[at].base != base) {
        at = (at + 1) & mask;
    }
    return &graph->pages[at];
}

static void add_page(struct zgraph *graph, const struct zpage *page)
{
    const char *base = zpage_base(page);
    uint64_t used = *zpage_used(page);
    *page_place(graph, base) = (struct zgraph_page){base, used, graph->tail};
    for (uint64_t bits = used; bits != 0; bits &= bits - 1) {
        const char *cell = base + (size_t)zbits_lowest(bits) * ZGRANULE_BYTES;
        graph->objects[graph->tail++] = (const struct zobject *)(const void *)cell;
    }
}

static bool make_tables(struct zgraph *graph, uint32_t page_count)
{
    uint32_t capacity = 4;
    while (capacity / 2 < page_count) {
        capacity *= 2;
    }
    size_t count = graph->count == 0 ? 1 : graph->count;
    graph->pages = z_alloc_zeroed(capacity * sizeof *graph->pages);
    if (graph->pages == NULL) return false;
    graph->page_capacity = capacity;
    graph->objects = z_alloc(count * sizeof *graph->objects);
    graph->parents = z_alloc(count * sizeof *graph->parents);
    graph->queue = z_alloc(count * sizeof *graph->queue);
    return graph->objects != NULL && graph->parents != NULL && graph->queue != NULL;
}

zvm_status zgraph_create(struct zheap *heap, struct zgraph **out)
{
    struct zgraph *graph = z_alloc_zeroed(sizeof *graph);
    if (graph == NULL) return ZVM_E_NOMEM;
    graph->heap = heap;
    zheap_settle(heap);
    zheap_return_caches(heap);
    each_page(graph, count_page);
    uint32_t page_count = graph->tail;
    graph->tail = 0;
    if (graph->count > ZGRAPH_OBJECTS_MAX) {
        z_free(graph, sizeof *graph);
        return ZVM_E_LIMIT;
    }
    if (!make_tables(graph, page_count)) {
        zgraph_destroy(graph);
        return ZVM_E_NOMEM;
    }
    each_page(graph, add_page);
    ZVM_ASSERT(graph->tail == graph->count);
    graph->tail = 0;
    memset(graph->parents, 0xff, graph->count * sizeof *graph->parents);
    *out = graph;
    return ZVM_OK;
}

void zgraph_destroy(struct zgraph *graph)
{
    if (graph == NULL) return;
    size_t count = graph->count == 0 ? 1 : graph->count;
    z_free(graph->pages, graph->page_capacity * sizeof *graph->pages);
    z_free(graph->objects, count * sizeof *graph->objects);
    z_free(graph->parents, count * sizeof *graph->parents);
    z_free(graph->queue, count * sizeof *graph->queue);
    z_free(graph, sizeof *graph);
}

uint32_t zgraph_number(const struct zgraph *graph, const void *object)
{
    const char *base = (const char *)((uintptr_t)object & ~(uintptr_t)(ZPAGE_BYTES - 1));
    const struct zgraph_page *page = page_place(graph, base);
    uint64_t bit = zgranule_bit(object);
    if (page->base == NULL || !(page->used & bit)) return ZGRAPH_NONE;
    return page->first + zbits_count(page->used & (bit - 1));
}

uint64_t zgraph_bytes(const struct zgraph *graph, const struct zobject *object)
{
    uint64_t bytes = zheap_cell_bytes(graph->heap, object);
    if (object->flags & ZFLAG_EXTERNAL) {
        bytes += ((const struct zowner *)(const void *)object)->payload_bytes;
    }
    return bytes;
}

// ---- The walk ---------------------------------------------------------------------------------

static void reach(struct zgraph *graph, const struct zobject *object, uint32_t parent)
{
    uint32_t number = zgraph_number(graph, object);
    ZVM_ASSERT(number != ZGRAPH_NONE);
    if (number == ZGRAPH_NONE || graph->parents[number] != ZGRAPH_NONE) return;
    graph->parents[number] = parent;
    graph->queue[graph->tail++] = number;
}

void zgraph_add_root(struct zgraph *graph, const struct zobject *object, uint32_t root)
{
    reach(graph, object, ZGRAPH_ROOT | root);
}

static void reach_edge(void *context, const struct zedge *edge)
{
    struct zgraph *graph = context;
    reach(graph, edge->to, graph->queue[graph->head - 1]);
}

void zgraph_walk(struct zgraph *graph)
{
    while (graph->head < graph->tail) {
        graph->head++;
        zgraph_edges(graph->objects[graph->queue[graph->head - 1]], reach_edge, graph);
    }
}
