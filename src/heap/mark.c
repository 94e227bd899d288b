// heap/mark.c - marking: finds every object that can be reached from the roots.
//
// Owns: nothing; the mark words belong to the heap, the stack to the thread's env. Thread: owner.
// Invariants:  1. an object on the stack is marked.
//              2. every marked object is scanned, on the stack, a leaf, or on a gray page.
// How: depth first over an explicit stack of (object, slot) entries. An object with many slots is
// scanned in chunks, and what is left of it waits in one entry below its children: a list of a
// million lists needs a stack of some chunks, not of a million. Between stack and scan there is a short
// ring: what leaves the stack is prefetched and scanned when as many others have been, so that its
// line has come by then. Marking cannot fail. When the stack
// cannot grow, the object is marked but not pushed, and after the stack is empty all marked objects
// are scanned again, until nothing was left out. Every such pass marks at least one object more, so
// it ends. Symbols live outside: they are marked in the heap's held set, and no address is derived
// from them.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/tags.h"

// Slots scanned before the rest of an object goes back on the stack.
enum { CHUNK_SLOTS = ZHEAP_TINY ? 8 : 128 };

// Objects on their way from memory, a power of two. A graph of 1,000,000 shuffled objects is marked in
// 113 ns an object without a ring, 27 with 8 places, 20 with 16, 19 with 32.
enum { RING_ENTRIES = 16 };

static void load_stack(struct zmarker *marker, size_t count)
{
    marker->bottom = marker->stack->entries;
    marker->top = marker->bottom + count;
    marker->end = marker->bottom + marker->stack->capacity;
}

static bool grow_stack(struct zmarker *marker)
{
    struct zheap_env *env = marker->heap->env;
    if (marker->stack == &env->stack) return zheap_env_grow_stack(env);
    return zcycle_grow_stack(marker->heap);
}

static ZVM_COLD void push_slow(struct zmarker *marker, struct zobject *object, uint64_t index)
{
    size_t count = marker->stack->capacity;
    if (!grow_stack(marker)) {
        marker->has_overflowed = true;
        zpage_at(object)->is_gray = 1;
        return;
    }
    load_stack(marker, count);
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
    uint64_t bit = zgranule_bit(object), old = *word;
    *word = old | bit;
    return (old & bit) == 0;
}

static inline void visit(struct zmarker *marker, struct zobject *object)
{
    if (object == NULL || !mark(object)) return;
    push(marker, object, 0);
}

static inline void visit_slot(struct zmarker *marker, uint64_t payload, uint8_t tag)
{
    if (tag & ZTAG_HEAP) {
        visit(marker, (struct zobject *)(uintptr_t)payload);
    } else if (tag == ZTAG_SYMBOL && !marker->skips_symbols) {
        zheap_mark_held(marker->heap, (const struct zstring *)(uintptr_t)payload);
    }
}

// The payload of an owner, when it is a BUFFER cell. It has no pointers: marking it is enough.
static void mark_payload(const struct zowner *owner)
{
    if (owner->payload == NULL || owner->header.flags & ZFLAG_EXTERNAL) return;
    mark((struct zobject *)((char *)owner->payload - offsetof(struct zbuffer, data)));
}

// The end of the chunk that starts at index; when more is left, it goes on the stack first. The program
// may have made the object shorter since its entry was pushed.
static inline uint64_t chunk_end(struct zmarker *marker, struct zobject *object, uint64_t index,
                                 uint64_t count)
{
    if (ZVM_UNLIKELY(index > count)) return index;
    if (count - index <= CHUNK_SLOTS) return count;
    push(marker, object, index + CHUNK_SLOTS);
    return index + CHUNK_SLOTS;
}

// ---- Slots ----------------------------------------------------------------------------------------

static ZVM_COLD void visit_bits_slow(struct zmarker *marker, const uint64_t *payloads,
                                     uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1) {
        visit(marker, (struct zobject *)(uintptr_t)payloads[zbits_lowest(bits)]);
    }
}

// What the loop over small objects changes of the marker, in the processor's registers meanwhile: a store of a
// flag could, for all that the compiler knows, be one into the marker.
struct hand {
    struct zmark_entry *top;
    uint64_t words;
};

static inline struct hand take(const struct zmarker *marker)
{
    return (struct hand){marker->top, marker->work.words};
}

static inline void put(struct zmarker *marker, const struct hand *hand)
{
    marker->top = hand->top;
    marker->work.words = hand->words;
}

// The objects that the slots in `bits` lead to. There is no branch on whether one is marked: in a graph
// nobody can predict it.
static inline void visit_bits(struct zmarker *marker, struct hand *hand, const uint64_t *payloads,
                              uint64_t bits)
{
    if (ZVM_UNLIKELY(marker->end - hand->top < ZTAGS_MAX)) {
        put(marker, hand);
        visit_bits_slow(marker, payloads, bits);
        *hand = take(marker);
        return;
    }
    struct zmark_entry *top = hand->top;
    for (; bits != 0; bits &= bits - 1) {
        struct zobject *object = (struct zobject *)(uintptr_t)payloads[zbits_lowest(bits)];
        if (ZVM_UNLIKELY(object == NULL)) continue;
        __builtin_prefetch(object);
        *top = (struct zmark_entry){object, 0};
        top += mark(object);
    }
    hand->top = top;
}

static void visit_shared(struct zmarker *marker, const uint64_t *payloads, const uint8_t *tags,
                         uint64_t bits)
{
    if (marker->skips_symbols) return;
    for (; bits != 0; bits &= bits - 1) {
        uint32_t i = zbits_lowest(bits);
        if (tags[i] == ZTAG_SYMBOL) visit_slot(marker, payloads[i], ZTAG_SYMBOL);
    }
}

static inline void visit_slots(struct zmarker *marker, struct hand *hand, const uint64_t *payloads,
                               const uint8_t *tags, struct ztag_bits bits)
{
    if (bits.heap != 0) visit_bits(marker, hand, payloads, bits.heap);
    if (bits.shared != 0) visit_shared(marker, payloads, tags, bits.shared);
}

static void scan_slots(struct zmarker *marker, struct zobject *object, uint64_t index,
                       const uint64_t *payloads, const uint8_t *tags, uint64_t count)
{
    uint64_t end = chunk_end(marker, object, index, count);
    struct hand hand = take(marker);
    hand.words += end - index;
    while (index < end) {
        uint64_t step = end - index < ZTAGS_MAX ? end - index : ZTAGS_MAX;
        struct ztag_bits bits = ztags_read(tags + index, step);
        visit_slots(marker, &hand, payloads + index, tags + index, bits);
        index += step;
    }
    put(marker, &hand);
}

static void scan_map(struct zmarker *marker, struct zmap *map, uint64_t index)
{
    const struct zmap_entry *entries = zmap_entries(map);
    uint64_t end = chunk_end(marker, &map->owner.header, index, map->used);
    marker->work.words += (end - index) * 3;
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
    visit(marker, (struct zobject *)(void *)string->offsets);
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

// From here on a store into object is noted. What is on dirty cards is scanned with the rest.
static inline void arm(struct zmarker *marker, struct zobject *object, uint64_t index)
{
    if (marker->arms == 0 || index != 0) return;
    object->flags |= marker->arms;
    if (object->flags & ZFLAG_EXTERNAL && object->kind != ZTYPE_STRBUF) {
        const struct zowner *owner = (const struct zowner *)(const void *)object;
        memset(zowner_cards(owner), 0, zcards_count(owner->payload_bytes));
    }
}

// What is paid for young objects tells whether minor collections may pay (policy.c).
static inline void count_young(struct zmarker *marker, const struct zobject *object, uint64_t words)
{
    marker->young_words += object->birth == marker->young_birth ? words : 0;
}

static void scan_any(struct zmarker *marker, struct zobject *object, uint64_t index)
{
    void *o = object;
    marker->work.words++;
    if (object->kind == ZTYPE_BUFFER || object->kind == ZTYPE_HOST ||
        object->kind == ZTYPE_ISOLATE)
        return; // no pointers
    arm(marker, object, index);
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
    default:
        break;
    }
}

// Marks what object points to, from slot index on.
static void scan(struct zmarker *marker, struct zobject *object, uint64_t index)
{
    uint64_t before = marker->work.words;
    scan_any(marker, object, index);
    if (marker->has_extras) count_young(marker, object, marker->work.words - before);
}

// Kinds that are slots behind a few fields: where the slots begin, and with HAS_PART whether the second word leads
// to an object, too. 0: another kind.
#define HAS_PART 128u

static const uint8_t layouts[ZTYPE_COUNT] = {
    [ZTYPE_NODE] = offsetof(struct znode, slots),
    [ZTYPE_FUNC] = offsetof(struct zfunc, captured),
    [ZTYPE_RECORD] = offsetof(struct zrecord, fields) | HAS_PART,
};

_Static_assert(offsetof(struct zrecord, class) == sizeof(void *), "HAS_PART: the second word");

// By value: a hand whose address is known elsewhere is in no register.
static ZVM_COLD struct hand visit_part_slow(struct zmarker *marker, struct hand hand,
                                            struct zobject *part)
{
    put(marker, &hand);
    push(marker, part, 0);
    return take(marker);
}

static inline void visit_part(struct zmarker *marker, struct hand *hand, struct zobject *object)
{
    struct zobject *part = (void *)((struct zrecord *)(void *)object)->class;
    ZVM_ASSERT(part != NULL);
    if (mark(part)) *hand = visit_part_slow(marker, *hand, part);
}

// What scan does, for the small ones of those kinds, which most objects are. false: it is none.
static inline bool scan_small(struct zmarker *marker, struct hand *hand, struct zobject *object)
{
    uint32_t layout = layouts[object->kind];
    uint64_t count = object->aux;
    if (layout == 0 || ZVM_UNLIKELY(count - 1 >= 8)) return false;
    hand->words += 1 + count;
    if (marker->has_extras) {
        if (marker->arms != 0) object->flags |= marker->arms;
        count_young(marker, object, 1 + count);
    }
    if (layout & HAS_PART) visit_part(marker, hand, object);
    const uint64_t *payloads = (const void *)((const char *)object + (layout & (HAS_PART - 1)));
    const uint8_t *tags = (const uint8_t *)(payloads + count);
    if (!ztags_lead_on(tags, count)) return true;
    visit_slots(marker, hand, payloads, tags, ztags_gather(ztags_load(tags, count)));
    return true;
}

// In the ring: an object, or with AGAIN in its last bit one whose payload is on its way, too.
#define AGAIN ((uintptr_t)1)

// True: object has a payload, which was asked for: it is worth going round once more.
static inline bool prefetch_payload(uintptr_t entry)
{
    const struct zowner *owner = (const struct zowner *)entry;
    if (entry & AGAIN || (owner->header.kind != ZTYPE_LIST && owner->header.kind != ZTYPE_MAP))
        return false;
    __builtin_prefetch(owner->payload);
    return true;
}

// The last `count` that came before place `next`, counted from the beginning.
struct ring {
    uintptr_t entries[RING_ENTRIES];
    uint32_t next, count;
};

// What leaves the ring for entry, the oldest; 0: it had room.
static inline uintptr_t enter(struct ring *ring, uintptr_t entry)
{
    uintptr_t *place = &ring->entries[ring->next++ % RING_ENTRIES];
    if (ZVM_UNLIKELY(ring->count < RING_ENTRIES)) {
        *place = entry;
        ring->count++;
        return 0;
    }
    uintptr_t oldest = *place;
    *place = entry;
    return oldest;
}

static inline uintptr_t take_oldest(struct ring *ring)
{
    return ring->entries[(ring->next - ring->count--) % RING_ENTRIES];
}

// Takes the next object from the stack into the ring, when there is one. What leaves the ring for it, or
// because the stack is empty; 0: nothing does.
static inline uintptr_t turn(struct zmarker *marker, struct hand *hand, struct ring *ring)
{
    if (ZVM_UNLIKELY(hand->top == marker->bottom)) return take_oldest(ring);
    struct zmark_entry entry = *--hand->top;
    if (ZVM_UNLIKELY(entry.index != 0)) {
        put(marker, hand);
        scan(marker, entry.object, entry.index);
        *hand = take(marker);
        return 0;
    }
    __builtin_prefetch(entry.object);
    return enter(ring, (uintptr_t)entry.object);
}

// What is not small, and leaves the ring, is scanned; or it goes round once more, and the next oldest leaves.
static inline uintptr_t leave(struct zmarker *marker, struct ring *ring, uintptr_t entry)
{
    if (prefetch_payload(entry)) return enter(ring, entry | AGAIN);
    scan(marker, (struct zobject *)(entry & ~AGAIN), 0);
    return 0;
}

// When the work ends, what is in the ring goes back to the stack, the oldest on top.
static void drain(struct zmarker *marker)
{
    struct ring ring;
    struct hand hand = take(marker);
    ring.next = ring.count = 0;
    while (hand.words < marker->work.end) {
        if (hand.top == marker->bottom && ring.count == 0) break;
        uintptr_t entry = turn(marker, &hand, &ring);
        while (entry != 0) {
            if (ZVM_LIKELY(scan_small(marker, &hand, (struct zobject *)(entry & ~AGAIN)))) break;
            put(marker, &hand);
            entry = leave(marker, &ring, entry);
            hand = take(marker);
        }
    }
    put(marker, &hand);
    while (ring.count > 0) {
        ring.count--;
        push(marker, (struct zobject *)(ring.entries[--ring.next % RING_ENTRIES] & ~AGAIN), 0);
    }
}

// ---- The log ------------------------------------------------------------------------------------

static void scan_list_card(struct zmarker *marker, const struct zlist *list, uint64_t card)
{
    uint64_t first = card * (ZCARD_BYTES / sizeof(uint64_t)), count = list->owner.header.aux;
    uint64_t end = first + ZCARD_BYTES / sizeof(uint64_t);
    if (list->elements != ZLIST_ANY) return;
    for (uint64_t i = first; i < end && i < count; i++) {
        visit_slot(marker, zlist_payload(list)[i], zlist_tags(list)[i]);
        marker->work.words++;
    }
}

static void scan_map_card(struct zmarker *marker, const struct zmap *map, uint64_t card)
{
    const struct zmap_entry *entries = zmap_entries(map);
    uint64_t end = ((card + 1) * ZCARD_BYTES - 1) / sizeof *entries + 1;
    for (uint64_t i = card * ZCARD_BYTES / sizeof *entries; i < end && i < map->used; i++) {
        marker->work.words += 3;
        if (entries[i].key_tag == ZTAG_DEAD) continue;
        visit_slot(marker, entries[i].key, entries[i].key_tag);
        visit_slot(marker, entries[i].value, entries[i].value_tag);
    }
}

// A payload that came back inside since, or ended before the card, was noted as a whole for that.
static void scan_card(struct zmarker *marker, struct zobject *object, uint64_t card)
{
    struct zowner *owner = (struct zowner *)(void *)object;
    if (!(object->flags & ZFLAG_EXTERNAL) || card >= zcards_count(owner->payload_bytes)) return;
    zowner_cards(owner)[card] = 0;
    if (object->kind == ZTYPE_LIST)
        scan_list_card(marker, (struct zlist *)(void *)object, card);
    else
        scan_map_card(marker, (struct zmap *)(void *)object, card);
}

static void drain_log(struct zmarker *marker)
{
    struct zheap_log *log = &zheap_more(marker->heap)->log;
    while (log->count > 0 && zwork_is_left(&marker->work)) {
        struct zmark_entry entry = log->entries[--log->count];
        marker->work.words++;
        if (entry.index == ZLOG_WHOLE)
            scan(marker, entry.object, 0);
        else
            scan_card(marker, entry.object, entry.index);
        drain(marker);
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
    marker->work.words += count;
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

bool zmark_is_marking(const struct zmarker *marker)
{
    return marker->verifier == NULL;
}

bool zmark_has_seen_roots(const struct zmarker *marker)
{
    return marker->has_seen_roots;
}

void zmark_add_work(struct zmarker *marker, uint64_t words)
{
    marker->work.words += words;
}

static void mark_roots(struct zmarker *marker)
{
    struct zheap *heap = marker->heap;
    const struct zheap_private *private = zheap_private(heap);
    if (private->hooks != NULL && private->hooks->mark_roots != NULL) {
        private->hooks->mark_roots(private->context, marker);
    }
    for (const struct zscope *scope = heap->scopes; scope != NULL; scope = scope->previous) {
        zmark_values(marker, scope->values, scope->count);
    }
}

// ---- The whole, and a part ----------------------------------------------------------------------

static struct zmarker open_marker(struct zheap *heap, struct zwork work)
{
    struct zheap_more *more = zheap_more(heap);
    bool is_logged = more != NULL && more->log.is_open;
    struct zmarker marker = {.heap = heap,
                             .work = work,
                             .arms = is_logged ? ZFLAG_LOG : 0,
                             .has_extras = is_logged || (more != NULL && more->cycle.counts_young),
                             .young_birth = (uint16_t)(heap->header >> 16),
                             .stack = &heap->env->stack};
    if (more == NULL) {
        load_stack(&marker, 0);
        return marker;
    }
    marker.has_overflowed = more->cycle.has_overflowed;
    marker.skips_symbols = marker.has_seen_roots = more->cycle.is_minor;
    if (more->cycle.stack.entries != NULL) marker.stack = &more->cycle.stack;
    load_stack(&marker, more->cycle.stack_count);
    return marker;
}

void zmark_all(struct zheap *heap, struct zwork *work)
{
    struct zmarker marker = open_marker(heap, (struct zwork){work->words, UINT64_MAX});
    drain(&marker);
    if (zheap_more(heap) != NULL) drain_log(&marker);
    mark_roots(&marker);
    drain(&marker);
    while (marker.has_overflowed) {
        marker.has_overflowed = false;
        rescan(&marker);
    }
    if (zheap_more(heap) != NULL) {
        zheap_more(heap)->cycle.stack_count = 0;
        zheap_more(heap)->cycle.has_overflowed = false;
        zheap_more(heap)->cycle.young_words += marker.young_words;
    }
    work->words = marker.work.words;
}

// What is in the log costs about so much.
static uint64_t log_words(const struct zheap *heap)
{
    return zheap_more(heap)->log.count * (ZCARD_BYTES / sizeof(uint64_t));
}

bool zmark_some(struct zheap *heap, struct zwork *work, uint64_t atomic_end, bool *has_tried)
{
    struct zcycle *cycle = &zheap_more(heap)->cycle;
    struct zmarker marker = open_marker(heap, *work);
    bool is_first = !cycle->has_begun;
    if (is_first) mark_roots(&marker);
    cycle->has_begun = true;
    drain(&marker);
    bool is_last = marker.top == marker.bottom && zwork_is_left(&marker.work) &&
                   marker.work.words + log_words(heap) <= atomic_end / 2;
    *has_tried = is_first || is_last;
    // Nothing but log and roots can lead to what is not marked now, and the program waits.
    if (is_last) marker.work.end = atomic_end;
    drain_log(&marker);
    marker.has_seen_roots = true;
    if (is_last && !is_first) mark_roots(&marker);
    drain(&marker);
    cycle->stack_count = (uint32_t)(marker.top - marker.bottom);
    cycle->has_overflowed = marker.has_overflowed;
    cycle->young_words += marker.young_words;
    work->words = marker.work.words;
    bool is_all = marker.top == marker.bottom && zheap_more(heap)->log.count == 0;
    return *has_tried && is_all && !marker.has_overflowed;
}
