// heap/verify.c - walks a heap and says whether its invariants hold.
//
// Owns: the tables of one walk. Thread: owner. Changes nothing of the heap.
// What is checked:
// - pointers: each one from a root or a field leads to the start of a used cell in a page of this
//   heap, and the object there has a valid kind, the one its tag says;
// - marking, done again by an independent walk: right after a collection every used cell is
//   reached, at other times the reached cells are a part of the used ones;
// - counters: they are the sums over the pages;
// - pages: each is in one list of the heap, once, and its descriptor says so;
// - poison: dead and fresh cells still have it (ZVM_DEBUG >= 1).
// How: a hash table of the heap's pages, each with a word of visited cells, and a stack with room
// for every live object. When memory for these is refused, only what needs none is checked.
#define ZVM_HEAP_INTERNAL
#include "heap/verify_internal.h"

#include "base/alloc.h"
#include "base/counted.h"

#include <stdarg.h>
#include <stdio.h>

bool zverify_bad(struct zverifier *verifier, const char *format, ...)
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

bool zverify_sum(struct zverifier *verifier, const char *what, uint64_t walked, uint64_t counted)
{
    if (walked == counted) return true;
    return zverify_bad(verifier, "%s: %llu by walking, %llu by counting", what,
                       (unsigned long long)walked, (unsigned long long)counted);
}

// ---- The table of pages -----------------------------------------------------------------------

struct zvisited_page *zverify_page(const struct zverifier *verifier, const struct zpage *page)
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
        return zverify_bad(verifier, "page %p is in the heap and in a free list", (void *)page);
    }
    if (used & ~starts) {
        return zverify_bad(verifier, "page %p: used %llx where no cell starts (%llx)", (void *)page,
                           (unsigned long long)used, (unsigned long long)starts);
    }
    if (verifier->pages == NULL) return true;
    struct zvisited_page *entry = zverify_page(verifier, page);
    if (entry->page != NULL) return zverify_bad(verifier, "page %p is in two lists", (void *)page);
    *entry = (struct zvisited_page){.page = page, .used = used, .starts = starts};
    return true;
}

typedef uint64_t __attribute__((may_alias)) poisoned_word;

// By words, since most of what a walk reads is dead: cells are whole granules.
ZHEAP_NO_ASAN static bool is_poisoned(struct zverifier *verifier, const char *from, size_t bytes)
{
    if (!ZHEAP_POISON) return true;
    const poisoned_word *words = (const void *)from;
    for (size_t i = 0; i < bytes / sizeof *words; i++) {
        uint64_t written = words[i] ^ (UINT64_MAX / UINT8_MAX * ZHEAP_POISON_BYTE);
        if (written == 0) continue;
        size_t at = i * sizeof *words + (size_t)__builtin_ctzll(written) / 8;
        return zverify_bad(verifier, "dead cell %p was written at byte %zu", (const void *)from,
                           at);
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
    bool is_first = mixed->base == zheap_private_const(verifier->heap)->first_base;
    size_t end_bytes = is_first ? ZHEAP_FIRST_BYTES : ZPAGE_BYTES;
    return is_poisoned(verifier, mixed->base + top_bytes, end_bytes - top_bytes);
}

static bool add_class_page(struct zverifier *verifier, const struct zheap_class *class,
                           struct zpage *page)
{
    uint64_t used = *zpage_used(page);
    uint64_t starts = zpage_starts(page);
    size_t cell_bytes = zheap_class_bytes[page->class];
    if (class->base == zpage_base(page)) {
        if (class->cache & ~used)
            return zverify_bad(verifier, "a cached cell is not marked as used");
        used &= ~class->cache;
        if (class->kept & (used | class->cache))
            return zverify_bad(verifier, "a kept cell is in use");
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
                return zverify_bad(verifier, "page %p is in the list of class %u and says %u.%u",
                                   (void *)page, class_index, page->class, page->index);
            }
            if (!add_class_page(verifier, class, page)) return false;
        }
    }
    verifier->span_pages += class_pages;
    return zverify_sum(verifier, "pages of a class", class_pages,
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

// Others read it: nobody writes it, and it is full.
static bool check_counted(struct zverifier *verifier, const struct zowner *owner)
{
    const struct zstrbuf_object *buffer = (const void *)owner;
    if (owner->header.kind != ZTYPE_STRBUF || !(owner->header.flags & ZFLAG_EXTERNAL))
        return zverify_bad(verifier, "owner %p is counted, and is no buffer outside the spans",
                           (const void *)owner);
    const struct zcounted *counted = zheap_payload_counted(owner);
    if (counted->bytes != owner->payload || counted->length_bytes != owner->payload_bytes ||
        z_load_relaxed(&counted->holds) == 0) // relaxed: the owner has one
        return zverify_bad(verifier, "the payload of %p is not what it counts",
                           (const void *)owner);
    if (buffer->used != owner->payload_bytes)
        return zverify_bad(verifier, "buffer %p is counted, and not full", (const void *)owner);
    return true;
}

static bool check_owners(struct zverifier *verifier, uint64_t *external_bytes)
{
    const struct zheap_more *more = zheap_more(verifier->heap);
    uint32_t count = more == NULL ? 0 : more->owner_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct zowner *owner = more->owners[i];
        if (!(owner->header.flags & ZFLAG_LISTED)) {
            return zverify_bad(verifier, "owner %p is in the list and does not say so",
                               (const void *)owner);
        }
        if (owner->header.flags & ZFLAG_COUNTED && !check_counted(verifier, owner)) return false;
        if (owner->header.flags & ZFLAG_EXTERNAL) *external_bytes += owner->payload_bytes;
    }
    return true;
}

static bool check_counters(struct zverifier *verifier)
{
    const struct zheap_private *private = zheap_private_const(verifier->heap);
    uint64_t external_bytes = 0;
    if (!check_owners(verifier, &external_bytes)) return false;
    if (zheap_committed(private) > private->limit_bytes)
        return zverify_bad(verifier, "over the limit");
    return zverify_sum(verifier, "external bytes", external_bytes, private->external_bytes) &&
           zverify_sum(verifier, "pages", verifier->span_pages, private->span_pages) &&
           zverify_sum(verifier, "objects", verifier->live_count,
                       zheap_live_count(verifier->heap)) &&
           zverify_sum(verifier, "live bytes", verifier->cell_bytes + external_bytes,
                       zheap_live_bytes(verifier->heap));
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
        is_good = zverify_reachable(&verifier, is_exact);
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
