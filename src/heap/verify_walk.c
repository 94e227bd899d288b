// heap/verify_walk.c - the verifier's walk over what the roots reach.
//
// Owns: nothing. Thread: owner.
// A second, plain reading of the object layouts, on purpose not shared with mark.c: each finds the
// mistakes of the other. Every pointer is checked against the table of pages before it is followed.
#define ZVM_HEAP_INTERNAL
#include "heap/verify_internal.h"

// Visits a pointer found anywhere. kind 0: any.
static bool visit(struct zverifier *verifier, const void *address, uint32_t kind)
{
    if (!verifier->is_good || address == NULL) return verifier->is_good;
    if ((uintptr_t)address % ZGRANULE_BYTES != 0) {
        return zverify_bad(verifier, "pointer %p is not aligned", address);
    }
    struct zvisited_page *page = zverify_page(verifier, zpage_at(address));
    uint64_t bit = zgranule_bit(address);
    if (page->page == NULL)
        return zverify_bad(verifier, "pointer %p leads out of the heap", address);
    if (!(page->used & bit))
        return zverify_bad(verifier, "pointer %p leads to a free cell", address);
    struct zobject *object = (struct zobject *)(uintptr_t)address;
    if (object->kind < ZTYPE_STRING || object->kind >= ZTYPE_COUNT) {
        return zverify_bad(verifier, "object %p has kind %u", address, object->kind);
    }
    if (kind != 0 && object->kind != kind) {
        return zverify_bad(verifier, "object %p has kind %u, its pointer says %u", address,
                           object->kind, kind);
    }
    if (page->visited & bit) return true;
    page->visited |= bit;
    verifier->visited_count++;
    if (verifier->stack_count == verifier->stack_capacity) {
        return zverify_bad(verifier, "more objects are reachable than live");
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
            zverify_bad(verifier, "owner %p has bytes and no payload", (const void *)owner);
        return;
    }
    if (owner->header.flags & ZFLAG_EXTERNAL) return;
    const char *cell = (const char *)owner->payload - offsetof(struct zbuffer, data);
    if (!visit(verifier, cell, ZTYPE_BUFFER)) return;
    if (((const struct zobject *)(const void *)cell)->aux < owner->payload_bytes) {
        zverify_bad(verifier, "the payload of %p is longer than its buffer", (const void *)owner);
    }
}

static void walk_list(struct zverifier *verifier, const struct zlist *list)
{
    walk_owner(verifier, &list->owner);
    uint64_t count = list->owner.header.aux;
    uint64_t element_bytes = list->elements == ZLIST_ANY ? 9 : 8;
    if (count > list->capacity || list->capacity * element_bytes > list->owner.payload_bytes) {
        zverify_bad(verifier, "list %p: %llu of %u elements in %llu bytes", (const void *)list,
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
        zverify_bad(verifier, "map %p: %u of %u entries in %llu bytes", (const void *)map,
                    map->used, map->capacity, (unsigned long long)map->owner.payload_bytes);
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

bool zverify_reachable(struct zverifier *verifier, bool is_exact)
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
    return !is_exact || zverify_sum(verifier, "reachable objects", verifier->visited_count,
                                    verifier->live_count);
}
