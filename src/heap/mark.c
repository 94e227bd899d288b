// heap/mark.c - marking: finds every object that can be reached from the roots.
//
// Owns: nothing; the mark words belong to the heap, the stack to the thread's env. Thread: owner.
// Invariants:  1. an object on the stack is marked.
//              2. every marked object is scanned, on the stack, a leaf, or on a gray page.
// How: depth first over an explicit stack of (object, slot) entries. An object with many slots is
// scanned in chunks, and what is left of it waits in one entry below its children: a list of a
// million lists needs a stack of a chunk, not of a million. Marking cannot fail. When the stack
// cannot grow, the object is marked but not pushed, and after the stack is empty all marked objects
// are scanned again, until nothing was left out. Every such pass marks at least one object more, so
// it ends. Symbols live outside: they are marked in the heap's held set, and no address is derived
// from them.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

// Slots scanned before the rest of an object goes back on the stack.
enum { CHUNK_SLOTS = ZHEAP_TINY ? 2 : 128 };

static ZVM_COLD void push_slow(struct zmarker *marker, struct zobject *object, uint64_t index)
{
    struct zheap_env *env = marker->env;
    size_t count = env->stack_capacity;
    if (!zheap_env_grow_stack(env)) {
        marker->has_overflowed = true;
        zpage_at(object)->is_gray = 1;
        return;
    }
    marker->bottom = env->stack;
    marker->top = env->stack + count;
    marker->end = env->stack + env->stack_capacity;
    *marker->top++ = (struct zmark_entry){object, index};
}

static inline void push(struct zmarker *marker, struct zobject *object, uint64_t index)
{
    if (ZVM_UNLIKELY(marker->top == marker->end)) {
        push_slow(marker, object, index);
        return;
    }
    *marker->top++ = (struct zmark_entry){object, index};
}

// True when object was not marked before.
static inline bool mark(const struct zobject *object)
{
    uint64_t *word = &zslab_of(object)->mark[zpage_number_at(object)];
    uint64_t bit = zgranule_bit(object);
    if (*word & bit) return false;
    *word |= bit;
    return true;
}

static inline void visit(struct zmarker *marker, struct zobject *object)
{
    if (object == NULL || !mark(object)) return;
    // The entry is popped after its later siblings: the line is on its way by then.
    __builtin_prefetch(object);
    push(marker, object, 0);
}

static inline void visit_slot(struct zmarker *marker, uint64_t payload, uint8_t tag)
{
    if (tag & ZTAG_HEAP) {
        visit(marker, (struct zobject *)(uintptr_t)payload);
    } else if (tag == ZTAG_SYMBOL) {
        zheap_mark_held(marker->heap, (const struct zstring *)(uintptr_t)payload);
    }
}

// The payload of an owner, when it is a BUFFER cell. It has no pointers: marking it is enough.
static void mark_payload(const struct zowner *owner)
{
    if (owner->payload == NULL || owner->header.flags & ZFLAG_EXTERNAL) return;
    mark((struct zobject *)((char *)owner->payload - offsetof(struct zbuffer, data)));
}

// The end of the chunk that starts at index; when more is left, it goes on the stack first.
static inline uint64_t chunk_end(struct zmarker *marker, struct zobject *object, uint64_t index,
                                 uint64_t count)
{
    if (count - index <= CHUNK_SLOTS) return count;
    push(marker, object, index + CHUNK_SLOTS);
    return index + CHUNK_SLOTS;
}

static inline void scan_slots(struct zmarker *marker, struct zobject *object, uint64_t index,
                              const uint64_t *payloads, const uint8_t *tags, uint64_t count)
{
    uint64_t end = chunk_end(marker, object, index, count);
    marker->work_words += end - index;
    for (uint64_t i = index; i < end; i++) {
        visit_slot(marker, payloads[i], tags[i]);
    }
}

static void scan_map(struct zmarker *marker, struct zmap *map, uint64_t index)
{
    const struct zmap_entry *entries = zmap_entries(map);
    uint64_t end = chunk_end(marker, &map->owner.header, index, map->used);
    marker->work_words += (end - index) * 3;
    for (uint64_t i = index; i < end; i++) {
        if (entries[i].key_tag == ZTAG_DEAD) continue;
        visit_slot(marker, entries[i].key, entries[i].key_tag);
        visit_slot(marker, entries[i].value, entries[i].value_tag);
    }
}

static void scan_list(struct zmarker *marker, struct zlist *list, uint64_t index)
{
    if (list->elements != ZLIST_ANY || list->owner.header.aux == 0) return;
    scan_slots(marker, &list->owner.header, index, zlist_payload(list), zlist_tags(list),
               list->owner.header.aux);
}

static void scan_string(struct zmarker *marker, struct zobject *object)
{
    if (!(object->flags & ZFLAG_LONG)) return;
    struct zstring_long *string = (struct zstring_long *)(void *)object;
    visit(marker, (struct zobject *)(void *)string->buffer);
    if (string->offsets == NULL) return;
    // The offsets are an owner whatever its kind says, and have nothing else inside.
    mark(&string->offsets->header);
    mark_payload(string->offsets);
}

static void scan_error(struct zmarker *marker, const struct zerror *error)
{
    visit_slot(marker, error->kind, error->kind_tag);
    visit_slot(marker, error->message, error->message_tag);
    visit(marker, (struct zobject *)(void *)error->trace);
}

static void scan_record(struct zmarker *marker, struct zrecord *record, uint64_t index)
{
    if (index == 0) visit(marker, (struct zobject *)(void *)record->class);
    scan_slots(marker, &record->header, index, record->fields, zrecord_tags(record),
               record->header.aux);
}

static void scan_class(struct zmarker *marker, struct zclass *class, uint64_t index)
{
    if (index == 0) visit(marker, (struct zobject *)(void *)class->parent);
    scan_slots(marker, &class->header, index, class->slots, zclass_tags(class), class->header.aux);
}

static void scan_task(struct zmarker *marker, struct ztask *task, uint64_t index)
{
    if (index == 0) visit(marker, (struct zobject *)(void *)task->func);
    scan_slots(marker, &task->header, index, task->slots, ztask_tags(task), task->header.aux);
}

static void scan_bound(struct zmarker *marker, const struct zbound *bound)
{
    visit_slot(marker, bound->receiver, (uint8_t)bound->header.aux);
    visit(marker, bound->method);
}

// Marks what object points to, from slot index on.
static void scan(struct zmarker *marker, struct zobject *object, uint64_t index)
{
    void *o = object;
    marker->work_words++;
    switch (object->kind) {
    case ZTYPE_STRING:
        scan_string(marker, object);
        break;
    case ZTYPE_LIST:
        mark_payload(o);
        scan_list(marker, o, index);
        break;
    case ZTYPE_MAP:
        mark_payload(o);
        scan_map(marker, o, index);
        break;
    case ZTYPE_FUNC:
        scan_slots(marker, object, index, ((struct zfunc *)o)->captured, zfunc_tags(o),
                   object->aux);
        break;
    case ZTYPE_RECORD:
        scan_record(marker, o, index);
        break;
    case ZTYPE_ERROR:
        scan_error(marker, o);
        break;
    case ZTYPE_TASK:
        scan_task(marker, o, index);
        break;
    case ZTYPE_CLASS:
        scan_class(marker, o, index);
        break;
    case ZTYPE_BOUND:
        scan_bound(marker, o);
        break;
    case ZTYPE_CELL:
        visit_slot(marker, ((struct zcell *)o)->payload, (uint8_t)object->aux);
        break;
    case ZTYPE_STRBUF:
        mark_payload(o);
        break;
    case ZTYPE_NODE:
        scan_slots(marker, object, index, ((struct znode *)o)->slots, znode_tags(o), object->aux);
        break;
    default: // BUFFER and HOST have no pointers
        break;
    }
}

static void drain(struct zmarker *marker)
{
    while (marker->top != marker->bottom) {
        struct zmark_entry entry = *--marker->top;
        scan(marker, entry.object, entry.index);
    }
}

// ---- When the stack could not grow ------------------------------------------------------------

static void rescan_page(struct zmarker *marker, struct zpage *page)
{
    if (!page->is_gray) return;
    page->is_gray = 0;
    for (uint64_t bits = *zpage_mark(page); bits != 0; bits &= bits - 1) {
        char *cell = zpage_base(page) + (size_t)zbits_lowest(bits) * ZGRANULE_BYTES;
        scan(marker, (struct zobject *)(void *)cell, 0);
        drain(marker);
    }
}

static void rescan(struct zmarker *marker)
{
    rescan_page(marker, zpage_at(zheap_private(marker->heap)->first_base));
    const struct zheap_more *more = zheap_more(marker->heap);
    if (more == NULL) return;
    rescan_page(marker, zpage_at(more->reserve.base));
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        for (struct zpage *span = more->classes[i].first; span != NULL; span = span->next) {
            uint32_t pages = zspan_pages(span->order);
            for (uint32_t k = 0; k < pages; k++) {
                rescan_page(marker, &span[k]);
            }
        }
    }
}

// ---- Roots ------------------------------------------------------------------------------------

void zmark_value(struct zmarker *marker, struct zvalue value)
{
    if (ZVM_UNLIKELY(marker->verifier != NULL)) {
        zverify_root(marker->verifier, value.p, value.tag);
        return;
    }
    visit_slot(marker, value.bits, (uint8_t)value.tag);
}

void zmark_values(struct zmarker *marker, const struct zvalue *values, size_t count)
{
    marker->work_words += count;
    for (size_t i = 0; i < count; i++) {
        zmark_value(marker, values[i]);
        // A deep value stack must not become a deep mark stack.
        if (marker->top - marker->bottom >= CHUNK_SLOTS) drain(marker);
    }
}

void zmark_object(struct zmarker *marker, struct zobject *object)
{
    if (object == NULL) return;
    if (ZVM_UNLIKELY(marker->verifier != NULL)) {
        zverify_root(marker->verifier, object, ZTAG_HEAP | object->kind);
        return;
    }
    visit(marker, object);
}

void zmark_all(struct zheap *heap)
{
    struct zheap_private *private = zheap_private(heap);
    struct zheap_env *env = heap->env;
    struct zmarker marker = {.heap = heap,
                             .env = env,
                             .bottom = env->stack,
                             .top = env->stack,
                             .end = env->stack + env->stack_capacity};
    if (private->hooks != NULL && private->hooks->mark_roots != NULL) {
        private->hooks->mark_roots(private->context, &marker);
    }
    for (const struct zscope *scope = heap->scopes; scope != NULL; scope = scope->previous) {
        zmark_values(&marker, scope->values, scope->count);
    }
    drain(&marker);
    while (marker.has_overflowed) {
        marker.has_overflowed = false;
        rescan(&marker);
    }
    private->work_words += marker.work_words;
}
