// heap/verify.c - walks a heap and says whether its invariants hold.
//
// Owns: the tables of one walk. Thread: owner. Changes nothing of the heap.
// What is checked (numbers of the design's list):
//   1. every pointer from a root or a field leads to the start of a used cell in a page of this
//   heap,
//      and the object there has a valid kind, the one its tag says;
//   2. marking, done again here by an independent walk: right after a collection every used cell is
//      reached, at other times the reached cells are a part of the used ones;
//   5. the sums over the pages are what the counters say;
//   6. every page is in one list of the heap, once, and its descriptor says so;
//   7. dead and fresh cells still have their poison (ZVM_DEBUG >= 1).
// How: a hash table of the heap's pages, each with a word of visited cells, and a stack with room
// for every live object. When memory for these is refused, only what needs none is checked.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>

struct visited_page {
    struct zpage *page; // NULL: free entry
    uint64_t used;      // without the cells in caches
    uint64_t starts;    // where objects may start
    uint64_t visited;
};

struct zverifier {
    const struct zheap *heap;
    char *why;
    size_t why_bytes;
    bool is_good;
    // Pages by address: open addressing, capacity a power of two.
    struct visited_page *pages;
    size_t page_capacity;
    // Objects that were visited and not walked yet.
    struct zobject **stack;
    size_t stack_count, stack_capacity;
    // Sums over the pages.
    uint64_t live_count, cell_bytes, span_pages;
    uint64_t visited_count;
};

static bool bad(struct zverifier *verifier, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Keeps the first reason.
static bool bad(struct zverifier *verifier, const char *format, ...)
{
    if (!verifier->is_good) return false;
    verifier->is_good = false;
    if (verifier->why == NULL || verifier->why_bytes == 0) return false;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(verifier->why, verifier->why_bytes, format, arguments);
    va_end(arguments);
    return false;
}

static bool check_sum(struct zverifier *verifier, const char *what, uint64_t walked,
                      uint64_t counted)
{
    if (walked == counted) return true;
    return bad(verifier, "%s: %llu by walking, %llu by counting", what, (unsigned long long)walked,
               (unsigned long long)counted);
}

// ---- The table of pages -----------------------------------------------------------------------

static struct visited_page *page_entry(const struct zverifier *verifier, const struct zpage *page)
{
    uint64_t hash = (uint64_t)((uintptr_t)page / sizeof *page) * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(hash >> 32) & (verifier->page_capacity - 1);
    while (verifier->pages[i].page != NULL && verifier->pages[i].page != page) {
        i = (i + 1) & (verifier->page_capacity - 1);
    }
    return &verifier->pages[i];
}

static bool add_page(struct zverifier *verifier, struct zpage *page, uint64_t used, uint64_t starts)
{
    if (page->state != ZPAGE_IN_HEAP) {
        return bad(verifier, "page %p is in the heap and in a free list", (void *)page);
    }
    if (used & ~starts) {
        return bad(verifier, "page %p: used %llx where no cell starts (%llx)", (void *)page,
                   (unsigned long long)used, (unsigned long long)starts);
    }
    if (verifier->pages == NULL) return true;
    struct visited_page *entry = page_entry(verifier, page);
    if (entry->page != NULL) return bad(verifier, "page %p is in two lists", (void *)page);
    *entry = (struct visited_page){.page = page, .used = used, .starts = starts};
    return true;
}

static bool is_poisoned(struct zverifier *verifier, const char *from, size_t bytes)
{
    if (!ZHEAP_POISON) return true;
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)from[i] == ZHEAP_POISON_BYTE) continue;
        return bad(verifier, "dead cell %p was written at byte %zu", (const void *)from, i);
    }
    return true;
}

static bool add_mixed(struct zverifier *verifier, const struct zmixed *mixed)
{
    struct zpage *page = zpage_at(mixed->base);
    uint64_t used = *zpage_used(page);
    if (!add_page(verifier, page, used, mixed->starts)) return false;
    for (uint64_t bits = mixed->starts; bits != 0; bits &= bits - 1) {
        uint32_t granule = zbits_lowest(bits);
        size_t bytes = zmixed_cell_bytes(mixed->starts, mixed->top, granule);
        if (used >> granule & 1) {
            verifier->live_count++;
            verifier->cell_bytes += bytes;
        } else if (!is_poisoned(verifier, mixed->base + granule * ZGRANULE_BYTES, bytes)) {
            return false;
        }
    }
    size_t top_bytes = (size_t)mixed->top * ZGRANULE_BYTES;
    return is_poisoned(verifier, mixed->base + top_bytes, ZPAGE_BYTES - top_bytes);
}

static bool add_class_page(struct zverifier *verifier, const struct zheap_class *class,
                           struct zpage *page)
{
    uint64_t used = *zpage_used(page);
    uint64_t starts = zpage_starts(page);
    size_t cell_bytes = zheap_class_bytes[page->class];
    if (class->base == zpage_base(page)) {
        if (class->cache & ~used) return bad(verifier, "a cached cell is not marked as used");
        used &= ~class->cache;
        if (class->kept & (used | class->cache)) return bad(verifier, "a kept cell is in use");
    }
    verifier->live_count += zbits_count(used);
    verifier->cell_bytes += zbits_count(used) * cell_bytes;
    for (uint64_t dead = starts & ~used; dead != 0; dead &= dead - 1) {
        const char *cell = zpage_base(page) + (size_t)zbits_lowest(dead) * ZGRANULE_BYTES;
        if (!is_poisoned(verifier, cell, cell_bytes)) return false;
    }
    return add_page(verifier, page, used, starts);
}

static bool add_class(struct zverifier *verifier, uint32_t class_index)
{
    const struct zheap_class *class = &verifier->heap->classes[class_index];
    uint64_t class_pages = 0;
    for (struct zpage *span = class->first; span != NULL; span = span->next) {
        uint32_t pages = zspan_pages(span->order);
        class_pages += pages;
        for (uint32_t i = 0; i < pages; i++) {
            struct zpage *page = &span[i];
            if (page->class != class_index || page->index != i || page->order != span->order) {
                return bad(verifier, "page %p is in the list of class %u and says %u.%u",
                           (void *)page, class_index, page->class, page->index);
            }
            if (!add_class_page(verifier, class, page)) return false;
        }
    }
    verifier->span_pages += class_pages;
    return check_sum(verifier, "pages of a class", class_pages,
                     zheap_more(verifier->heap)->class_pages[class_index]);
}

static bool add_pages(struct zverifier *verifier)
{
    struct zmixed first = zfirst_page(verifier->heap);
    const struct zheap_more *more = zheap_more(verifier->heap);
    if (!add_mixed(verifier, &first)) return false;
    if (more == NULL) return true;
    verifier->span_pages++;
    if (!add_mixed(verifier, &more->reserve)) return false;
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        if (!add_class(verifier, i)) return false;
    }
    return true;
}

// ---- Counters and owners ----------------------------------------------------------------------

static bool check_owners(struct zverifier *verifier, uint64_t *external_bytes)
{
    const struct zheap_more *more = zheap_more(verifier->heap);
    uint32_t count = more == NULL ? 0 : more->owner_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct zowner *owner = more->owners[i];
        if (!(owner->header.flags & ZFLAG_LISTED)) {
            return bad(verifier, "owner %p is in the list and does not say so",
                       (const void *)owner);
        }
        if (owner->header.flags & ZFLAG_EXTERNAL) *external_bytes += owner->payload_bytes;
    }
    return true;
}

static bool check_counters(struct zverifier *verifier)
{
    const struct zheap_private *private = zheap_private_const(verifier->heap);
    uint64_t external_bytes = 0;
    if (!check_owners(verifier, &external_bytes)) return false;
    if (zheap_committed(private) > private->limit_bytes) return bad(verifier, "over the limit");
    return check_sum(verifier, "external bytes", external_bytes, private->external_bytes) &&
           check_sum(verifier, "pages", verifier->span_pages, private->span_pages) &&
           check_sum(verifier, "objects", verifier->live_count, zheap_live_count(verifier->heap)) &&
           check_sum(verifier, "live bytes", verifier->cell_bytes + external_bytes,
                     zheap_live_bytes(verifier->heap));
}

// ---- Reachability -----------------------------------------------------------------------------

// Visits a pointer found anywhere. kind 0: any.
static bool visit(struct zverifier *verifier, const void *address, uint32_t kind)
{
    if (!verifier->is_good || address == NULL) return verifier->is_good;
    if ((uintptr_t)address % ZGRANULE_BYTES != 0) {
        return bad(verifier, "pointer %p is not aligned", address);
    }
    struct visited_page *page = page_entry(verifier, zpage_at(address));
    uint64_t bit = zgranule_bit(address);
    if (page->page == NULL) return bad(verifier, "pointer %p leads out of the heap", address);
    if (!(page->used & bit)) return bad(verifier, "pointer %p leads to a free cell", address);
    struct zobject *object = (struct zobject *)(uintptr_t)address;
    if (object->kind < ZTYPE_STRING || object->kind >= ZTYPE_COUNT) {
        return bad(verifier, "object %p has kind %u", address, object->kind);
    }
    if (kind != 0 && object->kind != kind) {
        return bad(verifier, "object %p has kind %u, its pointer says %u", address, object->kind,
                   kind);
    }
    if (page->visited & bit) return true;
    page->visited |= bit;
    verifier->visited_count++;
    if (verifier->stack_count == verifier->stack_capacity) {
        return bad(verifier, "more objects are reachable than live");
    }
    verifier->stack[verifier->stack_count++] = object;
    return true;
}

static void visit_slot(struct zverifier *verifier, uint64_t payload, uint32_t tag)
{
    if (!(tag & ZTAG_HEAP)) return;
    if (payload == 0) return;
    (void)visit(verifier, (const void *)(uintptr_t)payload, tag & ZTAG_TYPE_MASK);
}

void zverify_root(struct zverifier *verifier, const void *object, uint32_t tag)
{
    visit_slot(verifier, (uint64_t)(uintptr_t)object, tag);
}

static void walk_slots(struct zverifier *verifier, const uint64_t *payloads, const uint8_t *tags,
                       uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        visit_slot(verifier, payloads[i], tags[i]);
    }
}

static void walk_owner(struct zverifier *verifier, const struct zowner *owner)
{
    if (owner->payload == NULL) {
        if (owner->payload_bytes != 0)
            bad(verifier, "owner %p has bytes and no payload", (const void *)owner);
        return;
    }
    if (owner->header.flags & ZFLAG_EXTERNAL) return;
    const char *cell = (const char *)owner->payload - offsetof(struct zbuffer, data);
    if (!visit(verifier, cell, ZTYPE_BUFFER)) return;
    if (((const struct zobject *)(const void *)cell)->aux < owner->payload_bytes) {
        bad(verifier, "the payload of %p is longer than its buffer", (const void *)owner);
    }
}

static void walk_list(struct zverifier *verifier, const struct zlist *list)
{
    walk_owner(verifier, &list->owner);
    uint64_t count = list->owner.header.aux;
    uint64_t element_bytes = list->elements == ZLIST_ANY ? 9 : 8;
    if (count > list->capacity || list->capacity * element_bytes > list->owner.payload_bytes) {
        bad(verifier, "list %p: %llu of %u elements in %llu bytes", (const void *)list,
            (unsigned long long)count, list->capacity,
            (unsigned long long)list->owner.payload_bytes);
        return;
    }
    if (list->elements != ZLIST_ANY || count == 0) return;
    walk_slots(verifier, zlist_payload(list), zlist_tags(list), count);
}

static void walk_map(struct zverifier *verifier, const struct zmap *map)
{
    walk_owner(verifier, &map->owner);
    if (map->used > map->capacity ||
        map->capacity * sizeof(struct zmap_entry) > map->owner.payload_bytes) {
        bad(verifier, "map %p: %u of %u entries in %llu bytes", (const void *)map, map->used,
            map->capacity, (unsigned long long)map->owner.payload_bytes);
        return;
    }
    const struct zmap_entry *entries = zmap_entries(map);
    for (uint32_t i = 0; i < map->used; i++) {
        if (entries[i].key_tag == ZTAG_DEAD) continue;
        visit_slot(verifier, entries[i].key, entries[i].key_tag);
        visit_slot(verifier, entries[i].value, entries[i].value_tag);
    }
}

static void walk_string(struct zverifier *verifier, const struct zobject *object)
{
    if (!(object->flags & ZFLAG_LONG)) return;
    const struct zstring_long *string = (const void *)object;
    (void)visit(verifier, string->buffer, ZTYPE_STRBUF);
    if (!visit(verifier, string->offsets, 0)) return;
    if (string->offsets != NULL) walk_owner(verifier, string->offsets);
}

static void walk_error(struct zverifier *verifier, const struct zerror *error)
{
    visit_slot(verifier, error->kind, error->kind_tag);
    visit_slot(verifier, error->message, error->message_tag);
    (void)visit(verifier, error->trace, ZTYPE_BUFFER);
}

static void walk_bound(struct zverifier *verifier, const struct zbound *bound)
{
    visit_slot(verifier, bound->receiver, bound->header.aux);
    (void)visit(verifier, bound->method, 0);
}

static void walk_shaped(struct zverifier *verifier, const struct zobject *object)
{
    const void *o = object;
    if (object->kind == ZTYPE_RECORD) {
        const struct zrecord *record = o;
        (void)visit(verifier, record->class, ZTYPE_CLASS);
        walk_slots(verifier, record->fields, zrecord_tags(record), object->aux);
    } else if (object->kind == ZTYPE_CLASS) {
        const struct zclass *class = o;
        (void)visit(verifier, class->parent, ZTYPE_CLASS);
        walk_slots(verifier, class->slots, zclass_tags(class), object->aux);
    } else {
        const struct ztask *task = o;
        (void)visit(verifier, task->func, ZTYPE_FUNC);
        walk_slots(verifier, task->slots, ztask_tags(task), object->aux);
    }
}

static void walk(struct zverifier *verifier, const struct zobject *object)
{
    const void *o = object;
    switch (object->kind) {
    case ZTYPE_STRING:
        walk_string(verifier, object);
        break;
    case ZTYPE_LIST:
        walk_list(verifier, o);
        break;
    case ZTYPE_MAP:
        walk_map(verifier, o);
        break;
    case ZTYPE_FUNC:
        walk_slots(verifier, ((const struct zfunc *)o)->captured, zfunc_tags(o), object->aux);
        break;
    case ZTYPE_RECORD:
    case ZTYPE_CLASS:
    case ZTYPE_TASK:
        walk_shaped(verifier, object);
        break;
    case ZTYPE_ERROR:
        walk_error(verifier, o);
        break;
    case ZTYPE_BOUND:
        walk_bound(verifier, o);
        break;
    case ZTYPE_CELL:
        visit_slot(verifier, ((const struct zcell *)o)->payload, object->aux);
        break;
    case ZTYPE_STRBUF:
        walk_owner(verifier, o);
        break;
    case ZTYPE_NODE:
        walk_slots(verifier, ((const struct znode *)o)->slots, znode_tags(o), object->aux);
        break;
    default: // BUFFER and HOST have no pointers
        break;
    }
}

static bool walk_reachable(struct zverifier *verifier, bool is_exact)
{
    const struct zheap_private *private = zheap_private_const(verifier->heap);
    struct zmarker marker = {.verifier = verifier};
    if (private->hooks != NULL && private->hooks->mark_roots != NULL) {
        private->hooks->mark_roots(private->context, &marker);
    }
    const struct zscope *scope = verifier->heap->scopes;
    for (; scope != NULL; scope = scope->previous) {
        zmark_values(&marker, scope->values, scope->count);
    }
    while (verifier->stack_count > 0 && verifier->is_good) {
        walk(verifier, verifier->stack[--verifier->stack_count]);
    }
    if (!verifier->is_good) return false;
    return !is_exact ||
           check_sum(verifier, "reachable objects", verifier->visited_count, verifier->live_count);
}

// ---- The whole --------------------------------------------------------------------------------

static void allocate_tables(struct zverifier *verifier)
{
    size_t pages = zheap_private_const(verifier->heap)->span_pages + 1u;
    size_t live = zheap_live_count(verifier->heap) + 1;
    verifier->page_capacity = 16;
    while (verifier->page_capacity < pages * 2) {
        verifier->page_capacity *= 2;
    }
    verifier->pages = z_alloc_zeroed(verifier->page_capacity * sizeof *verifier->pages);
    verifier->stack = z_alloc(live * sizeof(struct zobject *));
    verifier->stack_capacity = live;
}

bool zheap_verify_now(struct zheap *heap, bool is_exact, char *why, size_t why_bytes)
{
    struct zverifier verifier = {.heap = heap, .why = why, .why_bytes = why_bytes, .is_good = true};
    allocate_tables(&verifier);
    bool is_good = add_pages(&verifier) && check_counters(&verifier);
    if (is_good && verifier.pages != NULL && verifier.stack != NULL) {
        is_good = walk_reachable(&verifier, is_exact);
    }
    if (verifier.pages != NULL)
        z_free(verifier.pages, verifier.page_capacity * sizeof *verifier.pages);
    if (verifier.stack != NULL) {
        z_free(verifier.stack, verifier.stack_capacity * sizeof(struct zobject *));
    }
    return is_good;
}

bool zheap_verify(struct zheap *heap, char *why, size_t why_bytes)
{
    return zheap_verify_now(heap, false /* is_exact */, why, why_bytes);
}
